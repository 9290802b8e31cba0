//! The freeze code on the wallet's page, and the page where whoever has one stops the wallet without signing in.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use mamori_codes::qr;
use mamori_flows::freeze_code;
use mamori_registry::{SavedCode, Surface};
use serde_json::json;

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Body, millis};
use crate::denied::FREEZE_CODES_WAIT;
use crate::http::session::WalletSession;
use crate::http::step_up::{FreshPasskey, Granted};
use crate::identity::StepUpAct;
use crate::origin::Visitor;

/// No answer to a code leaves sooner, right or wrong: longer than a freeze takes.
const ANSWERED_AFTER: Duration = Duration::from_millis(400);
/// Longest text that is looked at.
const TYPED_BYTES_MAX: usize = 256;
/// Seconds after which somebody may try again who came too often.
const WAIT_SECONDS: u32 = 60;

/// `GET /api/freeze-code`: whether there is one. The code itself is nowhere.
pub async fn state(State(app): State<Arc<App>>, asker: WalletSession) -> Answer {
    let owner = asker.owner;
    let state = app
        .registry
        .ask(move |registry| registry.freeze_codes().of(&owner))
        .await??;
    Ok(done(json!({
        "made_at_ms": state.map(|state| millis(state.made_at)),
        "used_at_ms": state.and_then(|state| state.used_at).map(millis),
    })))
}

/// `POST /api/freeze-code`, asked twice: a new code, shown this once, with a picture of the address that it is typed at.
pub async fn make(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<WalletSession>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let work = |mut granted: Granted<WalletSession>| {
        let owner = granted.caller.owner;
        let code = freeze_code::make(&mut granted.run, &owner)?;
        let page = format!("{}/freeze", granted.app.identity.wallet_origin);
        let shown = code.shown();
        let link = format!("{page}#{}", *shown);
        let qr_svg = qr::svg_bytes(&link).map_err(|_| Denial::Unavailable)?;
        Ok(json!({ "code": *shown, "page": page, "qr_svg": qr_svg }))
    };
    let act = StepUpAct::MakeFreezeCode;
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `POST /api/freeze-by-code {code}`: the same answer, equally late, for a code that stopped a wallet and for one that is none.
pub async fn stop(State(app): State<Arc<App>>, visitor: Visitor, body: Body) -> Answer {
    let code = SavedCode::typed(body.text("code", TYPED_BYTES_MAX)?);
    let code = code.ok_or(Denial::InvalidField("code"))?;
    let now = app.outside.now();
    let (paces, household) = (&app.identity.paces, visitor.origin.stranger());
    let may = household.is_none_or(|(household, _)| paces.freeze_codes.allow(household, now))
        && paces.all_freeze_codes.allow((), now);
    if !may {
        return Err(Denial::Wait(FREEZE_CODES_WAIT, WAIT_SECONDS));
    }
    let (inner, seed) = (Arc::clone(&app), app.outside.seed());
    // Among those of people who are in, and not in the strangers' queue: that one may be full just then.
    let work = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, visitor.asker, now, &seed);
        freeze_code::stop(&mut run, &code, |person| {
            let sessions = &inner.identity.sessions;
            sessions.forget_owner(Surface::Wallet, person);
        })
    });
    let (stopped, ()) = tokio::join!(work, tokio::time::sleep(ANSWERED_AFTER));
    stopped??;
    Ok(done(json!({})))
}
