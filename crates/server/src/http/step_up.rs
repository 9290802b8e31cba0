//! Acts of operators that ask for a fresh passkey though the operator is signed in.
//!
//! One route, asked twice with the same fields. The first time it answers with a challenge, which names the act, its object and
//! the session, and does nothing. The second time the page adds `step_up` and `credential`, and the act happens.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::response::IntoResponse;
use mamori_domain::world::Timestamp;
use mamori_flows::Run;
use mamori_registry::{Registry, Seed, StoredPasskey, Surface, token_hash};
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::Body;
use crate::cookies::{Token, encode_token};
use crate::http::passkeys::{begin, check_assertion, check_step_up_pace, refused};
use crate::http::session::{Browser, NewSession, OperatorSession, renew_session};
use crate::identity::{Purpose, StepUpAct};
use crate::relying_party::{Asserting, PasskeyProblem};

/// What an act finds on its worker thread: the flow's run, in the operator's name.
pub struct Granted<'a> {
    pub app: &'a App,
    pub run: Run<'a>,
}

/// Runs `work` once its operator has shown the passkey for exactly this act; until then answers with the challenge.
pub async fn with_fresh_passkey(
    app: Arc<App>,
    headers: &HeaderMap,
    asker: OperatorSession,
    body: &Body,
    act: StepUpAct,
    work: impl FnOnce(Granted) -> Result<Value, Denial> + Send + 'static,
) -> Answer {
    let browser = Browser::of(headers, &app);
    if !body.has("step_up") {
        return challenge(&app, &browser, asker, act).await;
    }
    let (handle, credential) = (body.token("step_up")?, body.object("credential")?);
    let waiting =
        app.identity
            .ceremonies
            .take(&token_hash(&handle), &browser.hash(), app.outside.now());
    let asserting = match waiting {
        Some(Purpose::StepUp {
            asserting,
            act: agreed,
            session,
        }) if session == asker.session && agreed == act => asserting,
        _ => return Err(refused("operator step-up", PasskeyProblem::OtherChallenge)),
    };
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let ran = app.control.ask(move |registry| -> Result<_, Denial> {
        let session = prove(
            &inner,
            registry,
            &asker,
            &credential,
            &asserting,
            now,
            &seed,
        )?;
        let granted = Granted {
            app: &inner,
            run: inner.run(registry, asker.asker, now, &seed),
        };
        Ok((session, work(granted)))
    });
    let (session, worked) = ran.await??;
    // The old token ended when the passkey was shown: the cookie goes along with every answer, a refusal too.
    Ok(session.on(match worked {
        Ok(body) => done(body),
        Err(denial) => denial.into_response(),
    }))
}

/// Opens the ceremony for one act.
async fn challenge(
    app: &Arc<App>,
    browser: &Browser,
    asker: OperatorSession,
    act: StepUpAct,
) -> Answer {
    check_step_up_pace(app, &asker.owner)?;
    let owner = asker.owner;
    let keys: Vec<StoredPasskey> = app
        .control
        .ask(move |registry| registry.factors().passkeys_of(Surface::Console, &owner))
        .await??;
    let started = app.identity.console_party.start_assertion(&keys);
    let (request, asserting) = started.map_err(|problem| refused("operator step-up", problem))?;
    let handle: Token = app.outside.bytes();
    let purpose = Purpose::StepUp {
        asserting,
        act,
        session: asker.session,
    };
    begin(app, token_hash(&handle), browser, purpose)?;
    Ok(browser.on(done(
        json!({ "step_up": encode_token(&handle), "request": request }),
    )))
}

/// The passkey is the asker's own and fresh; the session goes on under a new token.
fn prove(
    app: &App,
    registry: &mut Registry,
    asker: &OperatorSession,
    credential: &Value,
    asserting: &Asserting,
    now: Timestamp,
    seed: &Seed,
) -> Result<NewSession, Denial> {
    let console = Surface::Console;
    let checked = check_assertion(app, registry, console, credential, asserting, now)?;
    let shown = checked.and_then(|owner| match owner == asker.owner {
        true => Ok(()),
        false => Err(PasskeyProblem::OtherOwner),
    });
    shown.map_err(|problem| refused("operator step-up", problem))?;
    renew_session(app, registry, console, &asker.token_hash, now, seed)?.ok_or(Denial::SignedOut)
}
