//! How a customer is told what: choices, browsers that take push, one to try; the page of a notice, where somebody says "this was not
//! me"; and what operators see of that.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_flows::notices;
use mamori_registry::{ContactKind, NotMeSecret, NoticeChoices, Surface, Ways};
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Body, millis};
use crate::denied::NOTICES_WAIT;
use crate::http::permitted::{HandleAlarms, May, SeeCustomers};
use crate::http::session::{Browser, WalletSession, new_session_device};
use crate::origin::Visitor;

/// Longest address of a browser at its push service, and longest key.
const ENDPOINT_BYTES_MAX: usize = 1_024;
const KEY_BYTES_MAX: usize = 128;
/// How many answers of "this was not me" the console lists.
const DENIED_MAX: u32 = 50;
/// Seconds after which somebody may try again who came too often.
const WAIT_SECONDS: u32 = 60;

/// `GET /api/notices`: what is chosen, what could be, and the browsers that take push.
pub async fn state(
    State(app): State<Arc<App>>,
    asker: WalletSession,
    headers: HeaderMap,
) -> Answer {
    let (wallet, owner, now) = (asker.wallet, asker.owner, app.outside.now());
    let here = Browser::of(&headers, &app).traits(Surface::Wallet, &headers, None);
    let read = app.registry.ask(move |registry| {
        let here = new_session_device(registry, &here).browser;
        let known = registry.contacts().of(&owner, now)?;
        let mut notices = registry.notices();
        let (choices, browsers) = (notices.choices(wallet)?, notices.push_browsers(wallet)?);
        Ok::<_, mamori_datastore::fault::Fault>((here, known, choices, browsers))
    });
    let (here, known, choices, browsers) = read.await??;
    let has = |kind: ContactKind| {
        let confirmed = known.iter().filter(|one| one.removed_at.is_none());
        confirmed.filter(|one| one.contact.kind() == kind).count()
    };
    let browsers: Vec<Value> = (browsers.iter())
        .map(|browser| {
            json!({
                "push_id": URL_SAFE_NO_PAD.encode(browser.id),
                "browser": browser.agent.word(),
                "since_ms": millis(browser.made_at),
                "here": Some(browser.browser) == here,
            })
        })
        .collect();
    Ok(done(json!({
        "money": { "push": choices.money.push, "mail": choices.money.mail, "sms": choices.money.sms },
        "safety": { "push": choices.safety_push },
        "locale": choices.locale,
        "mail_contacts": has(ContactKind::Mail),
        "phone_contacts": has(ContactKind::Phone),
        "push_key": URL_SAFE_NO_PAD.encode(app.push.key()),
        "browsers": browsers,
    })))
}

/// `POST /api/notices/choose {money_push, money_mail, money_sms, safety_push, locale}`.
pub async fn choose(State(app): State<Arc<App>>, asker: WalletSession, body: Body) -> Answer {
    let choices = NoticeChoices {
        money: Ways {
            push: body.flag("money_push")?,
            mail: body.flag("money_mail")?,
            sms: body.flag("money_sms")?,
        },
        safety_push: body.flag("safety_push")?,
        locale: Some(body.locale()?.to_owned()),
    };
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let chosen = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        notices::choose(&mut run, asker.wallet, &choices)
    });
    chosen.await??;
    Ok(done(json!({})))
}

/// `POST /api/notices/push/add {endpoint, p256dh, auth}`: from now on notices go to this browser.
pub async fn add_push(
    State(app): State<Arc<App>>,
    asker: WalletSession,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let bytes = |field: &'static str| {
        let text = body.text(field, KEY_BYTES_MAX)?;
        let plain = text.trim_end_matches('=');
        URL_SAFE_NO_PAD
            .decode(plain)
            .map_err(|_| Denial::InvalidField(field))
    };
    let (p256dh, auth) = (bytes("p256dh")?, bytes("auth")?);
    let endpoint = body.text("endpoint", ENDPOINT_BYTES_MAX)?;
    let address = app.push.address(endpoint, p256dh, &auth);
    let address = address.map_err(Denial::InvalidField)?;
    if !app
        .identity
        .paces
        .push
        .allow(asker.owner.0, app.outside.now())
    {
        return Err(Denial::Wait(NOTICES_WAIT, WAIT_SECONDS));
    }
    let browser = Browser::of(&headers, &app);
    let here = browser.traits(Surface::Wallet, &headers, None);
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let added = app.registry.ask(move |registry| {
        let device = new_session_device(registry, &here);
        let mut run = inner.run(registry, asker.asker, now, &seed);
        notices::add_push(&mut run, (&asker.owner, asker.wallet), &address, &device)
    });
    added.await??;
    Ok(browser.on(done(json!({}))))
}

/// `POST /api/notices/push/remove {push_id}`: a browser gets no notices any more.
pub async fn remove_push(State(app): State<Arc<App>>, asker: WalletSession, body: Body) -> Answer {
    let id = URL_SAFE_NO_PAD.decode(body.text("push_id", 22)?).ok();
    let id = id.and_then(|id| id.try_into().ok());
    let id = id.ok_or(Denial::InvalidField("push_id"))?;
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let removed = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        notices::remove_push(&mut run, asker.wallet, &id)
    });
    removed.await??;
    Ok(done(json!({})))
}

/// `POST /api/notices/try`: sends a notice that says nothing, now.
pub async fn try_out(State(app): State<Arc<App>>, asker: WalletSession, _: Body) -> Answer {
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    if !app.identity.paces.push.allow(asker.owner.0, now) {
        return Err(Denial::Wait(NOTICES_WAIT, WAIT_SECONDS));
    }
    let tried = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        notices::try_out(&mut run, asker.wallet)
    });
    tried.await??;
    Ok(done(json!({})))
}

/// `POST /api/not-me {secret}`: whoever has the link of a notice stops the wallet, from any browser, once.
pub async fn not_me(State(app): State<Arc<App>>, visitor: Visitor, body: Body) -> Answer {
    let secret = URL_SAFE_NO_PAD.decode(body.text("secret", 64)?).ok();
    let secret: Option<NotMeSecret> = secret.and_then(|secret| secret.try_into().ok());
    let secret = secret.ok_or(Denial::InvalidField("secret"))?;
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    // Among those of people who are in: the strangers' queue may be full just then. A wrong secret costs one hash and no question of the
    // database.
    let stopped = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, visitor.asker, now, &seed);
        notices::not_me(&mut run, &secret, |person| {
            inner
                .identity
                .sessions
                .forget_owner(Surface::Wallet, person);
        })
    });
    stopped.await??;
    Ok(done(json!({})))
}

/// `GET /api/denied-notices` of the console: of which notices somebody said "this was not me", and nobody has looked at it yet.
pub async fn denied(State(app): State<Arc<App>>, _: May<SeeCustomers>) -> Answer {
    let open = app
        .operators
        .ask(|registry| registry.notices().open_denials(DENIED_MAX))
        .await??;
    let shown: Vec<Value> = (open.iter())
        .map(|denied| {
            json!({
                "notice": format!("{:032x}", u128::from_be_bytes(denied.id)),
                "wallet_id": denied.wallet.to_string(),
                "told_at_ms": denied.told_at.millis(),
                "denied_at_ms": denied.denied_at.millis(),
                "frozen": denied.frozen_at.is_some(),
            })
        })
        .collect();
    Ok(done(json!({ "denied": shown })))
}

/// `POST /api/denied-notices/close {notice}` of the console: somebody has looked after it.
pub async fn close_denied(
    State(app): State<Arc<App>>,
    asker: May<HandleAlarms>,
    body: Body,
) -> Answer {
    let id = u128::from_str_radix(body.text("notice", 32)?, 16);
    let id = id
        .map_err(|_| Denial::InvalidField("notice"))?
        .to_be_bytes();
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let closed = app.registry.ask(move |registry| {
        notices::close(&mut inner.run(registry, asker.asker, now, &seed), &id)
    });
    closed.await??;
    Ok(done(json!({})))
}
