//! An operator's own passkeys: the list, one more, one less. A key that is lost must lock nobody out.
//!
//! To add one and to remove one asks for a passkey of this very moment, given for exactly that. Each stays on its device, as the first
//! one does.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_flows::staff;
use mamori_registry::{OPERATOR_PASSKEYS_MAX, Registry, token_hash};
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Body, millis};
use crate::cookies::{Token, encode_token};
use crate::denied::TOO_MANY_PASSKEYS;
use crate::http::assertions::refused;
use crate::http::permitted::{EnterConsole, May};
use crate::http::session::{Browser, OperatorSession};
use crate::http::step_up::{FreshPasskey, Granted};
use crate::identity::{Purpose, StepUpAct};
use crate::relying_party::{CREDENTIAL_BYTES_MAX, PasskeyProblem, credential_word};

/// Longest credential id as text: four characters for three bytes.
const CREDENTIAL_CHARS_MAX: usize = CREDENTIAL_BYTES_MAX.div_ceil(3) * 4;

/// `GET /api/own-passkeys` of the console.
pub async fn list(State(app): State<Arc<App>>, asker: May<EnterConsole>) -> Answer {
    let own = OperatorSession::clone(&asker);
    let listed = app.registry.ask(move |registry| listed(registry, &own));
    Ok(done(listed.await??))
}

/// `POST /api/own-passkeys/add {}` of the console, asked twice: once a passkey was shown for it, what another one is to be made of.
pub async fn add(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<EnterConsole>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let browser = Browser::of(&headers, &app).hash();
    let work = move |granted: Granted<May<EnterConsole>>| {
        let Granted { app, caller, run } = granted;
        let (identity, owner) = (&app.identity, caller.owner);
        let there = run.registry.operators().passkeys(&owner)?;
        if there.len() >= OPERATOR_PASSKEYS_MAX {
            return Err(TOO_MANY_PASSKEYS.into());
        }
        let there: Vec<Vec<u8>> = there.into_iter().map(|one| one.credential).collect();
        let name = run.registry.operators().name_of(&owner)?;
        let name = name.ok_or(Denial::SignedOut)?;
        let party = &identity.console_party;
        let started = party.start_registration(owner, &name, &name, &there);
        let (creation, registering) =
            started.map_err(|problem| refused("adding an operator's passkey", problem))?;
        let handle: Token = app.outside.bytes();
        let purpose = Purpose::AddPasskey {
            registering,
            session: caller.session,
            owner,
        };
        let hash = token_hash(&handle);
        match identity.ceremonies.begin(hash, browser, purpose, run.now) {
            true => Ok(json!({ "registration": encode_token(&handle), "creation": creation })),
            false => Err(Denial::Busy),
        }
    };
    asker
        .when_shown(app, &headers, &body, StepUpAct::AddPasskey, work)
        .await
}

/// `POST /api/own-passkeys/finish {registration, credential}` of the console: the passkey that was made after another one was shown.
pub async fn finish(
    State(app): State<Arc<App>>,
    asker: May<EnterConsole>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let (handle, credential) = (body.token("registration")?, body.object("credential")?);
    let (browser, now) = (Browser::of(&headers, &app), app.outside.now());
    let ceremonies = &app.identity.ceremonies;
    let registering = match ceremonies.take(&token_hash(&handle), &browser.hash(), now) {
        Some(Purpose::AddPasskey {
            registering,
            session,
            owner,
        }) if session == asker.session && owner == asker.owner => registering,
        _ => {
            let problem = PasskeyProblem::OtherChallenge;
            return Err(refused("adding an operator's passkey", problem));
        }
    };
    let own = OperatorSession::clone(&asker);
    let (inner, seed) = (Arc::clone(&app), app.outside.seed());
    let added = app.registry.ask(move |registry| -> Result<_, Denial> {
        let party = &inner.identity.console_party;
        let passkey = party
            .finish_registration(&credential, &registering)
            .map_err(|problem| refused("adding an operator's passkey", problem))?;
        let mut run = inner.run(registry, own.asker, now, &seed);
        staff::add_passkey(&mut run, &own.owner, &passkey)?;
        tracing::info!("an operator added a passkey");
        listed(registry, &own)
    });
    Ok(done(added.await??))
}

/// `POST /api/own-passkeys/remove {passkey}` of the console, asked twice. `signed_out` says whether this session ended with it.
pub async fn remove(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<EnterConsole>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let text = body.text("passkey", CREDENTIAL_CHARS_MAX)?;
    let id = URL_SAFE_NO_PAD.decode(text).ok();
    let id = id
        .filter(|id| (1..=CREDENTIAL_BYTES_MAX).contains(&id.len()))
        .ok_or(Denial::InvalidField("passkey"))?;
    let act = StepUpAct::RemovePasskey(id.clone());
    let work = move |granted: Granted<May<EnterConsole>>| {
        let Granted {
            app,
            caller,
            mut run,
        } = granted;
        let ended = staff::remove_passkey(&mut run, &caller.owner, &id)?;
        for one in &ended {
            app.identity.sessions.forget(&one.session);
        }
        tracing::info!(sessions = ended.len(), "an operator removed a passkey");
        let mut answer = listed(run.registry, caller)?;
        answer["signed_out"] = json!(ended.iter().any(|one| one.session == caller.session));
        Ok(answer)
    };
    asker.when_shown(app, &headers, &body, act, work).await
}

fn listed(registry: &mut Registry, own: &OperatorSession) -> Result<Value, Denial> {
    let passkeys = registry.operators().passkeys(&own.owner)?;
    let rows: Vec<Value> = (passkeys.iter())
        .map(|one| {
            json!({
                "passkey": credential_word(&one.credential),
                "browser": one.agent.word(),
                "made_at_ms": millis(one.made_at),
                "used_at_ms": one.used_at.map(millis),
                "opened_this_session": own.opened.credential == Some(one.fingerprint),
                "may_remove": passkeys.len() > 1,
            })
        })
        .collect();
    Ok(json!({ "passkeys": rows, "passkeys_max": OPERATOR_PASSKEYS_MAX }))
}
