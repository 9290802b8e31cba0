//! Which device the wallet pays from, and how another one takes its place.
//!
//! Three ways: a fresh passkey on the new one; the old one's yes, by a number that the new one shows; and, for whoever has neither, what
//! recovery is for. A password and a code are none: a page that passes them on would have them too.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_domain::ids::Fingerprint;
use mamori_domain::refusal::Refusal;
use mamori_flows::device;
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Body, millis};
use crate::denied::{ASK_OVER, DEVICE_NOT_PROVEN, NUMBER_WRONG, refused};
use crate::device_asks::{ASK_LIFE, Chosen, NumberAsk};
use crate::http::session::WalletSession;
use crate::http::step_up::{FreshPasskey, Granted};
use crate::identity::StepUpAct;

/// Where the wallet pays from, as one of its sessions sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaysFrom {
    /// From this device.
    Here,
    /// From another one.
    Elsewhere,
    /// From any that is signed in: its owner has named none yet.
    Anywhere,
}

impl PaysFrom {
    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            PaysFrom::Here => "here",
            PaysFrom::Elsewhere => "elsewhere",
            PaysFrom::Anywhere => "anywhere",
        }
    }
}

/// Where the wallet of a session pays from.
pub async fn pays_from(app: &Arc<App>, asker: &WalletSession) -> Result<PaysFrom, Denial> {
    let (engine, wallet) = (app.ledger.engine.clone(), asker.wallet);
    let bound = app
        .acts
        .ask(move |()| engine.device_of_wallet(wallet))
        .await??;
    Ok(match bound {
        None => PaysFrom::Anywhere,
        Some(bound) if own_key(asker) == Some(bound) => PaysFrom::Here,
        Some(_) => PaysFrom::Elsewhere,
    })
}

/// What is changed of an account is changed on the device that pays, where its owner has named one.
pub async fn demand_here(app: &Arc<App>, asker: &WalletSession) -> Result<(), Denial> {
    match pays_from(app, asker).await? {
        PaysFrom::Here | PaysFrom::Anywhere => Ok(()),
        PaysFrom::Elsewhere => Err(refused(Refusal::DeviceNotBound)),
    }
}

/// The key that the session belongs to.
fn own_key(asker: &WalletSession) -> Option<Fingerprint> {
    asker.opened.device.key.map(|key| key.fingerprint)
}

/// `POST /api/device/bind {step_up?, credential?}`: the wallet pays from this device from now on. Asked twice, as every act with a passkey.
pub async fn bind(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<WalletSession>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let key = asker.caller().key.ok_or(DEVICE_NOT_PROVEN)?;
    let registry = app.registry.ask(move |registry| registry.device_key(key));
    let device = registry.await?.fingerprint;
    let work = move |granted: Granted<WalletSession>| {
        device::bind(&granted.run, granted.caller.wallet, device)?;
        Ok(json!({}))
    };
    let act = StepUpAct::BindDevice(device);
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `POST /api/device/ask`: asks the device that the wallet pays from to let this one take its place. Answers with the number to show.
pub async fn ask(State(app): State<Arc<App>>, asker: WalletSession, _: Body) -> Answer {
    let device = own_key(&asker).ok_or(DEVICE_NOT_PROVEN)?;
    let (now, seed) = (app.outside.now(), app.outside.seed());
    if !app.identity.paces.device_asks.allow(asker.wallet.0, now) {
        return Err(Denial::Busy);
    }
    let (asks, agent) = (&app.identity.device_asks, asker.opened.device.agent);
    let asked = asks.ask(asker.wallet, device, agent, now, &seed);
    let asked = asked.ok_or(Denial::Busy)?;
    app.identity
        .streams
        .tell_of_device(asker.wallet, asker.session);
    Ok(done(json!({
        "number": asked.number,
        "life_ms": ASK_LIFE.as_millis() as u64,
    })))
}

/// `GET /api/device/asked`: the question that waits for this device, with the numbers to choose from; `{}` where none does.
pub async fn asked(State(app): State<Arc<App>>, asker: WalletSession) -> Answer {
    let waiting = match pays_from(&app, &asker).await? {
        PaysFrom::Here => app.identity.device_asks.of(asker.wallet, app.outside.now()),
        PaysFrom::Elsewhere | PaysFrom::Anywhere => None,
    };
    Ok(done(waiting.as_ref().map_or(json!({}), ask_json)))
}

fn ask_json(ask: &NumberAsk<Fingerprint>) -> Value {
    json!({
        "ask": URL_SAFE_NO_PAD.encode(ask.id),
        "numbers": ask.choices,
        "browser": ask.agent.word(),
        "at_ms": millis(ask.at),
    })
}

/// `POST /api/device/answer {ask, number?}`: lets the device take over that shows this number; without a number the answer is no.
pub async fn answer(State(app): State<Arc<App>>, asker: WalletSession, body: Body) -> Answer {
    let named = URL_SAFE_NO_PAD.decode(body.text("ask", 22)?).ok();
    let named = named.and_then(|bytes| bytes.try_into().ok());
    let id: [u8; 16] = named.ok_or(Denial::InvalidField("ask"))?;
    let number = body.opt_whole("number", 10..=99)?;
    let number = number.and_then(|number| u8::try_from(number).ok());
    if pays_from(&app, &asker).await? != PaysFrom::Here {
        return Err(ASK_OVER.into());
    }
    let (now, seed) = (app.outside.now(), app.outside.seed());
    let asks = &app.identity.device_asks;
    let device = match (asks.choose(asker.wallet, &id, number, now), number) {
        (Chosen::Right(device), _) => device,
        (Chosen::Wrong, None) => return Ok(done(json!({}))),
        (Chosen::Wrong, Some(_)) => {
            tracing::warn!(
                wallet = asker.wallet.0,
                "risk: a device that asked to take over was answered with another number"
            );
            return Err(NUMBER_WRONG.into());
        }
        (Chosen::Over, _) => return Err(ASK_OVER.into()),
    };
    let inner = Arc::clone(&app);
    let bound = app.registry.ask(move |registry| {
        let run = inner.run(registry, asker.asker, now, &seed);
        device::bind(&run, asker.wallet, device)
    });
    bound.await??;
    Ok(done(json!({})))
}
