//! Tills: an operator makes a pairing code, a cashier types it once, and the device speaks for the till from then on.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::ids::TillId;
use mamori_registry::{
    Device, PAIRING_CODE_DIGITS, PAIRING_CODE_LIFE, PairingRefusal, Surface, token_hash,
};
use serde_json::json;

use crate::answer::{Answer, Denial, Words, done};
use crate::app::App;
use crate::body::{Body, millis};
use crate::cookies::{Cookie, Token};
use crate::http::session::{OperatorSession, operator_mark};
use crate::identity::TILL_DEVICE_SECONDS;

/// The pairing code is wrong, used, spent or too old: not told apart.
pub const PAIRING_CODE_REFUSED: Words = Words {
    code: "pairing_code_refused",
    ja: "登録番号を確認できませんでした。管理画面で新しい番号を発行してください。",
    en: "The pairing code was not accepted. Please ask for a new one.",
};

/// `POST /api/enrol {pairing_code}`: makes this browser the till's device.
pub async fn enrol(State(app): State<Arc<App>>, body: Body) -> Answer {
    // No limit of browsers or of the house: tries are counted against the code they were aimed at, so whoever guesses at random
    // keeps no till from pairing.
    let code = body.digits("pairing_code", PAIRING_CODE_DIGITS)?;
    let (now, seed, token): (_, _, Token) =
        (app.outside.now(), app.outside.seed(), app.outside.bytes());
    let inner = Arc::clone(&app);
    let paired = app
        .strangers
        .ask(move |control| -> Result<Result<Device, Denial>, Fault> {
            let device = match control.begin_pairing(&code, &token, now, &seed)? {
                Ok(device) => device,
                Err(refusal) => return Ok(Err(pairing_refused(refusal))),
            };
            let bind = Command::BindTill {
                till: device.till,
                device: Some(device.fingerprint),
            };
            if let Err(refusal) = inner.book.act(bind)? {
                tracing::error!(
                    refusal = refusal.code(),
                    till = device.till.0,
                    "the book bound no device"
                );
                control.abandon_pairing(&device)?;
                return Ok(Err(PAIRING_CODE_REFUSED.into()));
            }
            control.finish_pairing(&device)?;
            tracing::info!(till = device.till.0, "a till was enrolled");
            Ok(Ok(device))
        });
    let device = paired.await???;
    app.identity.devices.forget_till(device.till);
    app.identity.devices.remember(token_hash(&token), device);
    let mut response = done(json!({ "till_id": device.till.0 }));
    Cookie::Session(Surface::Till).set(&mut response, &token, Some(TILL_DEVICE_SECONDS));
    Ok(response)
}

/// `POST /api/leave` of the till: this browser gives its till back.
pub async fn leave(State(app): State<Arc<App>>, headers: HeaderMap, _: Body) -> Answer {
    let cookie = Cookie::Session(Surface::Till);
    if let Some(token) = cookie.read(&headers) {
        let (inner, hash) = (Arc::clone(&app), token_hash(&token));
        let left = app
            .strangers
            .ask(move |control| -> Result<Option<TillId>, Fault> {
                let Some(device) = control.device(&hash)? else {
                    return Ok(None);
                };
                // The act first: a row without a name in the book is dead, a name without a row would still be live.
                if let Err(refusal) = inner.book.act(Command::BindTill {
                    till: device.till,
                    device: None,
                })? {
                    tracing::warn!(
                        refusal = refusal.code(),
                        till = device.till.0,
                        "the book had nothing to unbind"
                    );
                }
                control.remove_devices(device.till)?;
                Ok(Some(device.till))
            });
        if let Some(till) = left.await?? {
            app.identity.devices.forget_till(till);
            tracing::info!(till = till.0, "a till left");
        }
    }
    let mut response = done(json!({}));
    cookie.clear(&mut response);
    Ok(response)
}

/// `POST /api/pairing-codes {till_id}` of the console: a fresh code; earlier ones of the till stop working.
pub async fn make_pairing_code(
    State(app): State<Arc<App>>,
    asker: OperatorSession,
    body: Body,
) -> Answer {
    let till = u32::try_from(body.whole("till_id", 1..=u64::from(u32::MAX))?)
        .map_err(|_| Denial::InvalidField("till_id"))?;
    let (now, seed) = (app.outside.now(), app.outside.seed());
    let code = app
        .control
        .ask(move |control| -> Result<Option<String>, Fault> {
            if !control
                .till_papers()?
                .iter()
                .any(|paper| paper.till.0 == till)
            {
                return Ok(None);
            }
            control
                .make_pairing_code(TillId(till), now, &seed)
                .map(Some)
        });
    let code = code.await??.ok_or(Denial::NotFound)?;
    tracing::info!(
        till,
        operator = operator_mark(&asker.owner),
        "an operator made a pairing code"
    );
    Ok(done(json!({
        "pairing_code": spaced(&code),
        "expires_at_ms": millis(now.plus(PAIRING_CODE_LIFE)),
    })))
}

/// `GET /api/tills` of the console.
pub async fn list_tills(State(app): State<Arc<App>>, _: OperatorSession) -> Answer {
    let read = app
        .control
        .ask(|control| Ok::<_, Fault>((control.till_papers()?, control.enrolled_tills()?)));
    let (papers, enrolled) = read.await??;
    let enrolled: BTreeSet<TillId> = enrolled.into_iter().collect();
    let tills: Vec<_> = papers
        .iter()
        .map(|paper| json!({ "till_id": paper.till.0, "store": paper.store_name, "name": paper.name, "enrolled": enrolled.contains(&paper.till) }))
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

fn pairing_refused(refusal: PairingRefusal) -> Denial {
    tracing::warn!(?refusal, "a pairing code was refused");
    PAIRING_CODE_REFUSED.into()
}
