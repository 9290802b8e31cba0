//! Tills: an operator makes a pairing code, a cashier types it once, and the device speaks for the till from then on.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use mamori_datastore::fault::Fault;
use mamori_domain::ids::TillId;
use mamori_flows::{enrol, staff};
use mamori_registry::{PAIRING_CODE_DIGITS, PAIRING_CODE_LIFE, Surface, token_hash};
use serde_json::json;

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Body, millis};
use crate::cookies::{Cookie, Token};
use crate::http::permitted::{May, PairTills, SeeHouse};
use crate::http::step_up::{FreshPasskey, Granted};
use crate::identity::{StepUpAct, TILL_DEVICE_SECONDS};
use crate::origin::Visitor;

/// `POST /api/enrol {pairing_code}`: makes this browser the till's device.
pub async fn enrol(State(app): State<Arc<App>>, visitor: Visitor, body: Body) -> Answer {
    // No limit of browsers or of the house: tries are counted against the code they were aimed at, so an attacker who guesses at random
    // keeps no till from pairing.
    let code = body.digits("pairing_code", PAIRING_CODE_DIGITS)?;
    let (now, seed, token): (_, _, Token) =
        (app.outside.now(), app.outside.seed(), app.outside.bytes());
    let inner = Arc::clone(&app);
    let paired = app.strangers.ask(move |registry| {
        let mut run = inner.run(registry, visitor.asker, now, &seed);
        enrol::pair(&mut run, &code, &token, |by| visitor.origin.asker(by))
    });
    let device = paired.await??;
    app.identity.devices.forget_till(device.till);
    app.identity.devices.remember(token_hash(&token), device);
    let mut response = done(json!({ "till_id": device.till.0 }));
    Cookie::Session(Surface::Till).set(&mut response, &token, Some(TILL_DEVICE_SECONDS));
    Ok(response)
}

/// `POST /api/leave` of the till: this browser gives its till back.
pub async fn leave(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    headers: HeaderMap,
    _: Body,
) -> Answer {
    let cookie = Cookie::Session(Surface::Till);
    if let Some(token) = cookie.read(&headers) {
        let (inner, hash) = (Arc::clone(&app), token_hash(&token));
        let (now, seed) = (app.outside.now(), app.outside.seed());
        let left = app.strangers.ask(move |registry| {
            let mut run = inner.run(registry, visitor.asker, now, &seed);
            enrol::leave(&mut run, &hash, |by| visitor.origin.asker(by))
        });
        if let Some(till) = left.await?? {
            app.identity.devices.forget_till(till);
        }
    }
    let mut response = done(json!({}));
    cookie.clear(&mut response);
    Ok(response)
}

/// The till that a request of the console names.
fn till_named(body: &Body) -> Result<TillId, Denial> {
    u32::try_from(body.whole("till_id", 1..=u64::from(u32::MAX))?)
        .map(TillId)
        .map_err(|_| Denial::InvalidField("till_id"))
}

/// `POST /api/pairing-codes {till_id}` of the console: a fresh code; earlier ones of the till stop working.
///
/// The device on which the code is typed takes money back in the store's name, so a stale console must not be enough to make one.
pub async fn make_pairing_code(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<PairTills>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let till = till_named(&body)?;
    let work = move |mut granted: Granted<May<PairTills>>| {
        let code = staff::make_pairing_code(&mut granted.run, till)?;
        tracing::info!(
            till = till.0,
            operator = granted.operator(),
            "an operator made a pairing code"
        );
        Ok(json!({
            "pairing_code": spaced(&code),
            "expires_at_ms": millis(granted.run.now.plus(PAIRING_CODE_LIFE)),
        }))
    };
    let act = StepUpAct::MakePairingCode(till);
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `POST /api/tills/take-off {till_id}` of the console: the device of the till takes no payment any more when this answers.
pub async fn take_off(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<PairTills>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let till = till_named(&body)?;
    let work = move |mut granted: Granted<May<PairTills>>| {
        enrol::take_off(&mut granted.run, till)?;
        granted.app.identity.devices.forget_till(till);
        tracing::info!(
            till = till.0,
            operator = granted.operator(),
            "an operator took a till's device off"
        );
        Ok(json!({}))
    };
    let act = StepUpAct::TakeTillOff(till);
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `GET /api/tills` of the console.
pub async fn list_tills(State(app): State<Arc<App>>, _: May<SeeHouse>) -> Answer {
    let read = app.registry.ask(|registry| {
        Ok::<_, Fault>((
            registry.directory().tills()?,
            registry.devices().enrolled_tills()?,
        ))
    });
    let (listed, enrolled) = read.await??;
    let enrolled: BTreeSet<TillId> = enrolled.into_iter().collect();
    let tills: Vec<_> = listed
        .iter()
        .map(|named| json!({ "till_id": named.till.0, "store": named.store_name, "name": named.name, "enrolled": enrolled.contains(&named.till) }))
        .collect();
    Ok(done(json!({ "tills": tills })))
}

/// Digits in groups of four, as people read them to each other.
fn spaced(code: &str) -> String {
    let mut text = String::with_capacity(code.len() + code.len() / 4);
    for (at, digit) in code.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
