//! Sign-up, sign-in and step-up with passkeys.
//!
//! Two rules stand above all: a browser never learns *why* a credential was refused (the log does), and nobody learns from
//! sign-up who has an account. One exception: the wallet's browser hears that a credential id is unknown, so that it can forget it; the
//! id came from the browser itself, and whose it was is not told (decision 29).

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use mamori_domain::command::Command;
use mamori_domain::context::Asker;
use mamori_flows::session::SessionOwner;
use mamori_flows::sign_in::{self, NotProven, NotSignedIn};
use mamori_flows::sign_up;
use mamori_registry::{
    AuthMethod, CodeRefusal, Contact, ContactProblem, Enrolment, OwnerId, SignUpStart, Surface,
    display_name, token_hash,
};
use serde_json::json;

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::Body;
use crate::cookies::encode_token;
use crate::denied::{
    CODE_EXPIRED, CODE_SPENT, CODE_WRONG, COUNTRY_NOT_SERVED, MESSAGES_USED_UP, PASSKEY_UNKNOWN,
    SIGN_UPS_CROWDED, TAKES_NO_SMS,
};
use crate::device_proof::Thumbprint;
use crate::http::assertions::{Shown, not_proven, refused};
use crate::http::session::{
    Browser, NewDevice, NewSession, Newcomer, WalletSession, begin_for_newcomer, new_session,
    new_session_device, operator_mark, take_in,
};
use crate::http::step_up::{FreshPasskey, Granted, challenge};
use crate::identity::{Purpose, StepUpAct};
use crate::origin::{Origin, Visitor};
use crate::proofs::{ANSWER_MAX, CHALLENGE_BYTES_MAX};
use crate::relying_party::PasskeyProblem;
use crate::sign_ins::SIGN_IN_BYTES_MAX;
use crate::sign_up_shares::{Asking, Turn};
use mamori_flows::messages;

/// `POST /api/sign-up/start {contact, locale, challenge?, answer?}`: sends a code, or says in the message that an account exists.
pub async fn sign_up_start(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let contact =
        Contact::for_messages(body.text("contact", 512)?).map_err(|problem| match problem {
            ContactProblem::NotAContact => Denial::InvalidField("contact"),
            ContactProblem::TakesNoSms => TAKES_NO_SMS.into(),
        })?;
    let locale = body.locale()?;
    let browser = Browser::of(&headers, &app);
    let (prefix, lane) = take_turn(&app, &visitor.origin, &contact, &body)?;
    let (inner, token) = (Arc::clone(&app), browser.token);
    let (now, seed) = (app.outside.now(), app.outside.seed());
    let started = app.strangers.ask(move |registry| {
        let start = SignUpStart {
            contact: &contact,
            locale,
            browser: &token,
        };
        let mut run = inner.run(registry, visitor.asker, now, &seed);
        sign_up::start(&mut run, &start, &inner.identity.send_budget, |to_send| {
            let host = &inner.identity.wallet_host;
            (inner.messenger)(match &to_send.code {
                Some(code) => messages::one_time_code(&contact, locale, code, host),
                None => messages::account_exists(&contact, locale),
            })
        })
    });
    let started = started.await;
    if !matches!(started, Ok(Ok(_))) {
        app.identity.sign_up_shares.not_sent(prefix, &lane);
    }
    let sign_up = started??;
    Ok(browser.on(done(json!({ "sign_up": encode_token(&sign_up) }))))
}

/// Whether it is this stranger's turn to begin a sign-up; if so, what the message was counted under: prefix and lane. While there is
/// a crowd the body holds a proof of work.
fn take_turn(
    app: &App,
    origin: &Origin,
    contact: &Contact,
    body: &Body,
) -> Result<(Option<u64>, String), Denial> {
    let (identity, now) = (&app.identity, app.outside.now());
    let lane = identity.send_budget.lane(contact);
    let (lane, lane_max) = lane.ok_or(COUNTRY_NOT_SERVED)?;
    let stranger = origin.stranger();
    if let Some((household, _)) = stranger
        && !identity.paces.sign_ups.allow(household, now)
    {
        return Err(Denial::Wait(SIGN_UPS_CROWDED, 60));
    }
    let asking = Asking {
        prefix: stranger.map(|(_, prefix)| prefix),
        lane: &lane,
        lane_max,
    };
    let bound_to = (asking.prefix, asking.lane);
    let shown = body.opt_text("challenge", CHALLENGE_BYTES_MAX)?;
    let answer = body.opt_whole("answer", 0..=ANSWER_MAX)?;
    let proof = (shown.zip(answer))
        .and_then(|(shown, answer)| identity.proofs.take(shown, answer, bound_to, now));
    let turn = identity.sign_up_shares.ask(&asking, proof.is_some(), now);
    if let Some(proof) = proof.filter(|_| turn != Turn::Granted) {
        identity.proofs.give_back(&proof);
    }
    match turn {
        Turn::Granted => Ok((asking.prefix, lane)),
        Turn::Prove { pressure } => {
            let nonce = app.outside.bytes();
            let challenge = identity.proofs.challenge(bound_to, pressure, now, nonce);
            Err(Denial::Prove(challenge))
        }
        Turn::Crowded { seconds } => Err(Denial::Wait(SIGN_UPS_CROWDED, seconds)),
        Turn::UsedUp { seconds } => Err(Denial::Wait(MESSAGES_USED_UP, seconds)),
    }
}

/// `POST /api/sign-up/prove {sign_up, code, display_name}`: a right code opens the creation of a passkey.
pub async fn sign_up_prove(
    State(app): State<Arc<App>>,
    _: Visitor,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let (sign_up, code) = (body.token("sign_up")?, body.digits("code", 6)?);
    // Looked at before the code: a name that is not accepted must not use the code up.
    let name = display_name(body.text("display_name", 640)?)
        .ok_or(Denial::InvalidField("display_name"))?;
    let browser = Browser::of(&headers, &app);
    let (token, now) = (browser.token, app.outside.now());
    // A place first: a code is used up once and for all, and then the ceremony it was for must find room.
    let place = app.identity.ceremonies.promise(now).ok_or(Denial::Busy)?;
    let proven = app
        .strangers
        .ask(move |registry| {
            registry
                .sign_ups()
                .prove_contact(&sign_up, &token, &code, now)
        })
        .await??;
    let proven = proven.map_err(|refusal| match refusal {
        CodeRefusal::Wrong => CODE_WRONG,
        CodeRefusal::Expired => CODE_EXPIRED,
        CodeRefusal::Spent => CODE_SPENT,
    })?;
    let owner = OwnerId(app.outside.bytes());
    let started =
        app.identity
            .wallet_party
            .start_registration(owner, &proven.contact.masked(), &name, &[]);
    let (creation, registering) = started.map_err(|problem| refused("sign-up", problem))?;
    let purpose = Purpose::SignUp {
        registering,
        owner,
        contact: proven.contact,
        display_name: name,
        locale: proven.locale,
    };
    place.begin(token_hash(&sign_up), browser.hash(), purpose, now);
    Ok(done(json!({ "creation": creation })))
}

/// `POST /api/sign-up/finish {sign_up, credential}`: the person, the wallet, the session.
pub async fn sign_up_finish(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    NewDevice(key): NewDevice,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let (sign_up, credential) = (body.token("sign_up")?, body.object("credential")?);
    let browser = Browser::of(&headers, &app);
    let taken =
        app.identity
            .ceremonies
            .take(&token_hash(&sign_up), &browser.hash(), app.outside.now());
    let Some(Purpose::SignUp {
        registering,
        owner,
        contact,
        display_name,
        locale,
    }) = taken
    else {
        return Err(refused("sign-up", PasskeyProblem::OtherChallenge));
    };
    let browser = browser.traits(Surface::Wallet, &headers, Some(key));
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let signed_up = app
        .strangers
        .ask(move |registry| -> Result<NewSession, Denial> {
            let party = &inner.identity.wallet_party;
            let passkey = party
                .finish_registration(&credential, &registering)
                .map_err(|problem| refused("sign-up", problem))?;
            let enrolment = Enrolment {
                person: owner,
                contact: &contact,
                locale: &locale,
                display_name: &display_name,
                passkey: &passkey,
                agent: visitor.asker.context.agent,
            };
            let credential = registry.fingerprint("credential", &passkey.credential);
            let mut run = inner.run(registry, visitor.asker, now, &seed);
            let device = run.registry.device_key(key).fingerprint;
            let wallet = sign_up::open_wallet(&mut run, &enrolment, Some(device))?;
            let newcomer = Newcomer {
                surface: Surface::Wallet,
                owner,
                wallet: Some(wallet),
                credential,
            };
            begin_for_newcomer(&inner, &mut run, newcomer, AuthMethod::SignUp, &browser)
        });
    Ok(signed_up.await??.on(done(json!({}))))
}

/// `POST /api/sign-in/start` of the wallet.
pub async fn sign_in_start_wallet(
    State(app): State<Arc<App>>,
    _: Visitor,
    headers: HeaderMap,
    _: Body,
) -> Answer {
    sign_in_start(&app, Surface::Wallet, &headers)
}

/// `POST /api/sign-in/start` of the console.
pub async fn sign_in_start_console(
    State(app): State<Arc<App>>,
    _: Visitor,
    headers: HeaderMap,
    _: Body,
) -> Answer {
    sign_in_start(&app, Surface::Console, &headers)
}

/// `POST /api/sign-in/finish {sign_in, credential}` of the wallet.
pub async fn sign_in_finish_wallet(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    NewDevice(key): NewDevice,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let front = (Surface::Wallet, Some(key));
    sign_in_finish(&app, front, visitor.asker, &headers, &body).await
}

/// `POST /api/sign-in/finish {sign_in, credential}` of the console.
pub async fn sign_in_finish_console(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let front = (Surface::Console, None);
    sign_in_finish(&app, front, visitor.asker, &headers, &body).await
}

fn sign_in_start(app: &App, surface: Surface, headers: &HeaderMap) -> Answer {
    let browser = Browser::of(headers, app);
    let started = app.identity.party(surface).start_assertion(&[]);
    let (request, asserting) = started.map_err(|problem| refused("sign-in", problem))?;
    // No limit and no list: whatever strangers could fill, they would fill to keep everybody out.
    let handle = app.identity.sign_ins.hand_out(
        &asserting,
        surface,
        &browser.hash(),
        app.outside.now(),
        app.outside.bytes(),
    );
    Ok(browser.on(done(json!({ "sign_in": handle, "request": request }))))
}

async fn sign_in_finish(
    app: &Arc<App>,
    (surface, key): (Surface, Option<Thumbprint>),
    asker: Asker,
    headers: &HeaderMap,
    body: &Body,
) -> Answer {
    let handle = body.text("sign_in", SIGN_IN_BYTES_MAX)?;
    let credential = body.object("credential")?;
    let browser = Browser::of(headers, app);
    let (inner, now, seed) = (Arc::clone(app), app.outside.now(), app.outside.seed());
    let other_challenge = || refused("sign-in", PasskeyProblem::OtherChallenge);
    let sign_ins = &app.identity.sign_ins;
    let sign_in = sign_ins
        .read(handle, surface, &browser.hash(), now)
        .ok_or_else(other_challenge)?;
    let workers = match surface {
        Surface::Console => &app.operators,
        Surface::Wallet | Surface::Till => &app.strangers,
    };
    let browser = browser.traits(surface, headers, key);
    let signed_in = workers.ask(move |registry| -> Result<NewSession, Denial> {
        let identity = &inner.identity;
        let shown = Shown::read(identity.party(surface), &credential, &sign_in.asserting)
            .map_err(|problem| refused("sign-in", problem))?;
        let as_of = identity.sessions.endings();
        let device = new_session_device(registry, &browser);
        let mut run = inner.run(registry, asker, now, &seed);
        let may = |owner: &SessionOwner| {
            if !identity.paces.sign_ins.allow((surface, owner.owner), now) {
                return Err(Denial::Busy);
            }
            if !identity.sign_ins.use_up(&sign_in, now) {
                return Err(other_challenge());
            }
            Ok(())
        };
        let session =
            |owner| new_session(surface, owner, AuthMethod::Passkey, device, &browser, now);
        let signed_in = sign_in::sign_in(&mut run, surface, &shown, may, session)?;
        let begun = signed_in.map_err(|why| match why {
            NotSignedIn::NotProven(NotProven::Unknown) if surface == Surface::Wallet => {
                tracing::info!("a passkey that is unknown was shown at a sign-in");
                PASSKEY_UNKNOWN.into()
            }
            NotSignedIn::NotProven(why) => not_proven("sign-in", why),
            NotSignedIn::Denied(denial) => denial,
        })?;
        match (surface, begun.row.wallet) {
            (Surface::Console, _) => {
                let operator = operator_mark(&begun.row.owner);
                tracing::info!(operator, "an operator signed in");
            }
            (_, wallet) => {
                if let Some(wallet) = wallet {
                    let (row, streams) = (&begun.row, &identity.streams);
                    streams.tell_of_sign_in(wallet, row.session, now, row.device.agent);
                }
                tracing::info!(
                    wallet = wallet.map(|wallet| wallet.0),
                    "a customer signed in"
                );
            }
        }
        Ok(take_in(
            &inner,
            begun,
            browser.replaced().as_ref(),
            now,
            as_of,
        ))
    });
    Ok(signed_in.await??.on(done(json!({}))))
}

/// `POST /api/freeze`: one tap, no step-up. The holder of the phone may stop it.
pub async fn freeze(State(app): State<Arc<App>>, asker: WalletSession, _: Body) -> Answer {
    // An act of the book and no row of the registry: neither slow sign-ins nor another's history may stand before a freeze.
    let freeze = Command::Freeze {
        wallet: asker.wallet,
    };
    match app.ledger.ask(asker.command(freeze)).await? {
        Ok(_) => Ok(done(json!({ "status": "frozen" }))),
        Err(refusal) => {
            tracing::error!(
                refusal = refusal.code(),
                wallet = asker.wallet.0,
                "a wallet was not frozen"
            );
            Err(Denial::Unavailable)
        }
    }
}

/// `POST /api/unfreeze/start`: asks for a fresh assertion of the owner, for this act alone.
pub async fn unfreeze_start(
    State(app): State<Arc<App>>,
    asker: WalletSession,
    headers: HeaderMap,
    _: Body,
) -> Answer {
    challenge(&app, &headers, &asker, StepUpAct::Unfreeze).await
}

/// `POST /api/unfreeze/finish {step_up, credential}`: the act, and a new token for the session.
pub async fn unfreeze_finish(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<WalletSession>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let work = |granted: Granted<WalletSession>| {
        let wallet = granted.caller.wallet;
        if let Err(refusal) = granted.run.ask(Command::Unfreeze { wallet })? {
            tracing::error!(
                refusal = refusal.code(),
                wallet = wallet.0,
                "a wallet was not unfrozen"
            );
            return Err(Denial::Unavailable);
        }
        Ok(json!({ "status": "active" }))
    };
    asker
        .shown(app, &headers, &body, StepUpAct::Unfreeze, work)
        .await
}
