//! What a customer who is signed in prepares for the day when the phone is gone, whom they help, and the stop of a recovery that is not
//! theirs.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_domain::world::Timestamp;
use mamori_flows::{recovery, recovery_ready};
use mamori_registry::{
    OpenRecovery, OwnerId, RECOVERY_CODES, Registry, TRUSTED_MAX, TrustedContact, TrustedId,
};
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Body, millis};
use crate::cookies::encode_token;
use crate::denied::{ASK_OVER, NUMBER_WRONG};
use crate::device_asks::Chosen;
use crate::http::device::demand_here;
use crate::http::session::WalletSession;
use crate::http::step_up::{FreshPasskey, Granted};
use crate::identity::StepUpAct;

/// `GET /api/recovery`: how many codes are left, who may help, whom the owner helps, and a recovery that is under way.
pub async fn state(State(app): State<Arc<App>>, asker: WalletSession) -> Answer {
    let (owner, now) = (asker.owner, app.outside.now());
    let read = app.registry.ask(move |registry| -> Result<Value, Denial> {
        let codes = registry.recovery_codes().left(&owner)?;
        let mut trusted = Vec::new();
        let mut helping = Vec::new();
        for one in registry.trusted().of(&owner, now)? {
            match one.person == owner {
                true => trusted.push(trusted_json(registry, &one, one.other, now)?),
                false => helping.push(trusted_json(registry, &one, Some(one.person), now)?),
            }
        }
        let open = registry.recoveries().open_of(&owner, now)?;
        Ok(json!({
            "codes_left": codes.map(|(left, _)| left),
            "codes_made_at_ms": codes.map(|(_, made_at)| millis(made_at)),
            "codes_max": RECOVERY_CODES,
            "trusted": trusted,
            "trusted_max": TRUSTED_MAX,
            "helping": helping,
            "open": open.as_ref().map(open_json),
        }))
    });
    Ok(done(read.await??))
}

fn trusted_json(
    registry: &mut Registry,
    one: &TrustedContact,
    other: Option<OwnerId>,
    now: Timestamp,
) -> Result<Value, Denial> {
    let name = match (one.accepted_at, other) {
        (Some(_), Some(other)) => registry
            .people()
            .find(&other)?
            .map(|found| found.display_name),
        _ => None,
    };
    Ok(json!({
        "trusted": URL_SAFE_NO_PAD.encode(one.id.0),
        "name": name,
        "accepted": one.accepted_at.is_some(),
        "settled": one.settles_at().is_some_and(|at| at <= now),
        "settles_at_ms": one.settles_at().map(millis),
        "ends_at_ms": millis(one.ends_at),
    }))
}

fn open_json(open: &OpenRecovery) -> Value {
    json!({
        "stage": open.stage.word(),
        "browser": open.agent.word(),
        "opened_at_ms": millis(open.opened_at),
        "opens_at_ms": open.opens_at.map(millis),
        "ends_at_ms": millis(open.ends_at),
    })
}

/// `GET /api/recovery/notices`: what an owner has to see at once: a recovery under way, and the question of somebody whom the owner helps.
pub async fn notices(State(app): State<Arc<App>>, asker: WalletSession) -> Answer {
    let (owner, now) = (asker.owner, app.outside.now());
    let ask = app.identity.recovery_asks.of(asker.owner.0, now);
    let person = ask.as_ref().map(|ask| ask.about.person);
    let read = app.registry.ask(move |registry| {
        let open = registry.recoveries().open_of(&owner, now)?;
        let named = match person {
            Some(person) => registry.people().find(&person)?,
            None => None,
        };
        Ok::<_, mamori_datastore::fault::Fault>((open, named))
    });
    let (open, named) = read.await??;
    // Its owner who came back knows of it; what is done is told by letters.
    let open = open.filter(|open| open.stage == mamori_registry::RecoveryStage::Open);
    let ask = ask.zip(named).map(|(ask, person)| {
        json!({
            "ask": URL_SAFE_NO_PAD.encode(ask.id),
            "numbers": ask.choices,
            "name": person.display_name,
            "browser": ask.agent.word(),
            "at_ms": millis(ask.at),
        })
    });
    Ok(done(
        json!({ "open": open.as_ref().map(open_json), "ask": ask }),
    ))
}

/// `POST /api/recovery/answer {ask, number?}`: the yes of a trusted contact is the number that the other one sees; without a number the
/// answer is no, and is written down.
pub async fn answer(State(app): State<Arc<App>>, asker: WalletSession, body: Body) -> Answer {
    let named = URL_SAFE_NO_PAD.decode(body.text("ask", 22)?).ok();
    let named = named.and_then(|bytes| bytes.try_into().ok());
    let id: [u8; 16] = named.ok_or(Denial::InvalidField("ask"))?;
    let number = body.opt_whole("number", 10..=99)?;
    let number = number.and_then(|number| u8::try_from(number).ok());
    let (now, seed) = (app.outside.now(), app.outside.seed());
    let asks = &app.identity.recovery_asks;
    let waiting = asks.of(asker.owner.0, now).ok_or(ASK_OVER)?;
    let chosen = asks.choose(asker.owner.0, &id, number, now);
    let (inner, about) = (Arc::clone(&app), waiting.about);
    let is_right = matches!(chosen, Chosen::Right(_));
    if matches!(chosen, Chosen::Over) {
        return Err(ASK_OVER.into());
    }
    let answered = app.registry.ask(move |registry| -> Result<bool, Denial> {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        let origin = &inner.identity.wallet_origin;
        match is_right {
            true => Ok(recovery::help(
                &mut run,
                &about.recovery,
                &asker.owner,
                origin,
            )?),
            false => {
                recovery::decline(&mut run, &about.person)?;
                Ok(false)
            }
        }
    });
    match (answered.await??, is_right, number) {
        (true, ..) | (_, false, None) => Ok(done(json!({}))),
        (false, true, _) => Err(ASK_OVER.into()),
        (false, false, Some(_)) => Err(NUMBER_WRONG.into()),
    }
}

/// `POST /api/recovery/stop-own`: an owner who is signed in stops a recovery.
pub async fn stop_own(State(app): State<Arc<App>>, asker: WalletSession, _: Body) -> Answer {
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let stopped = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        recovery::stop_own(&mut run, &asker.owner, &inner.identity.wallet_origin)
    });
    stopped.await??;
    Ok(done(json!({})))
}

/// `POST /api/recovery/codes`, asked twice: ten new codes in place of those before. They are in this answer and nowhere else.
pub async fn make_codes(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<WalletSession>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    demand_here(&app, asker.caller()).await?;
    let work = |mut granted: Granted<WalletSession>| {
        let WalletSession { owner, wallet, .. } = *granted.caller;
        let origin = &granted.app.identity.wallet_origin;
        let codes = recovery_ready::make_codes(&mut granted.run, &owner, wallet, origin)?;
        let shown: Vec<String> = codes.iter().map(|code| code.shown().to_string()).collect();
        Ok(json!({ "codes": shown, "made_at_ms": millis(granted.run.now) }))
    };
    let act = StepUpAct::MakeRecoveryCodes;
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `POST /api/recovery/trusted/invite`, asked twice: the link for somebody who may help, good for a day and once.
pub async fn invite(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<WalletSession>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    demand_here(&app, asker.caller()).await?;
    let work = |mut granted: Granted<WalletSession>| {
        let WalletSession { owner, wallet, .. } = *granted.caller;
        let secret = recovery_ready::invite(&mut granted.run, &owner, wallet)?;
        let origin = &granted.app.identity.wallet_origin;
        Ok(json!({ "link": format!("{origin}/trusted#{}", encode_token(&secret)) }))
    };
    let act = StepUpAct::InviteTrustedContact;
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `POST /api/recovery/trusted/look {invitation}`: who asks for help.
pub async fn look(State(app): State<Arc<App>>, asker: WalletSession, body: Body) -> Answer {
    let secret = body.token("invitation")?;
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let named = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        recovery_ready::invited_by(&mut run, &secret, &asker.owner)
    });
    Ok(done(json!({ "name": named.await?? })))
}

/// `POST /api/recovery/trusted/accept {invitation}`: the yes of whoever was asked.
pub async fn accept(State(app): State<Arc<App>>, asker: WalletSession, body: Body) -> Answer {
    let secret = body.token("invitation")?;
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let accepted = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        let origin = &inner.identity.wallet_origin;
        recovery_ready::accept(&mut run, &secret, &asker.owner, asker.wallet, origin)
    });
    accepted.await??;
    Ok(done(json!({})))
}

/// `POST /api/recovery/trusted/remove {trusted}`: ends it, from either side.
pub async fn remove(State(app): State<Arc<App>>, asker: WalletSession, body: Body) -> Answer {
    let bytes = URL_SAFE_NO_PAD.decode(body.text("trusted", 22)?).ok();
    let id = bytes.and_then(|bytes| bytes.try_into().ok()).map(TrustedId);
    let id = id.ok_or(Denial::InvalidField("trusted"))?;
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let removed = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        let origin = &inner.identity.wallet_origin;
        recovery_ready::remove(&mut run, &id, &asker.owner, asker.wallet, origin)
    });
    removed.await??;
    Ok(done(json!({})))
}
