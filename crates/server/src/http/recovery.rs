//! The way back in for whoever lost every way to sign in, and the page of a letter that stops it.
//!
//! Nobody is signed in here. The browser that began holds a handle, and proves with each request the key of its device: that is whom the
//! registry's row knows. What is answered before a first proof is the same for everybody, and what differs in work (a message) is done
//! behind the answer. Codes go to contacts that stand in the registry, and nowhere else; a request names one only to find it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use mamori_domain::context::SystemReason;
use mamori_domain::world::Timestamp;
use mamori_flows::recovery::{self, NewFactor, Recovered, Recovering, as_program};
use mamori_registry::{
    AskedRecovery, AuthMethod, Contact, Evidence, NEVER_USED, NewFactors, NewPasskey, OwnerId,
    Password, Proof, ProveRefusal, RecoveryStage, RecoveryState, Registry, SavedCode, Surface,
    TOTP_DIGITS, TotpSecret, WAYS, token_hash,
};
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Body, millis};
use crate::carried::{CARRIED_BYTES_MAX, Cargo};
use crate::cookies::{Token, encode_token};
use crate::denied::{
    CODE_WRONG, RECOVERY_BUSY, RECOVERY_ELSEWHERE, RECOVERY_NOT_READY, RECOVERY_OVER,
    RECOVERY_WRONG, SIGN_IN_EXPIRED,
};
use crate::device_asks::ASK_LIFE;
use crate::device_proof::Thumbprint;
use crate::http::assertions::refused;
use crate::http::password::{PASSWORD_BYTES_MAX, codes_to_set_up, unfit};
use crate::http::session::{
    Browser, BrowserTraits, NewDevice, NewSession, Newcomer, begin_for_newcomer,
};
use crate::identity::{AskedToHelp, Purpose};
use crate::origin::Visitor;
use crate::password_list::About;
use crate::relying_party::PasskeyProblem;

/// Longest saved code that is looked at, in bytes as typed.
const CODE_BYTES_MAX: usize = 256;

/// `POST /api/recovery/start {contact, locale}`: the same answer for everybody. A code goes to the contact if it is somebody's own.
pub async fn start(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    NewDevice(key): NewDevice,
    body: Body,
) -> Answer {
    let contact =
        Contact::parse(body.text("contact", 512)?).ok_or(Denial::InvalidField("contact"))?;
    let locale = body.locale()?;
    let (now, seed) = (app.outside.now(), app.outside.seed());
    not_too_fast(&app, &visitor, now)?;
    let (inner, asked_for) = (Arc::clone(&app), contact.clone());
    let begun = app.strangers.ask(move |registry| {
        let mut run = inner.run(registry, visitor.asker, now, &seed);
        let asked = AskedRecovery {
            contact: &asked_for,
            device_key: &key,
            agent: visitor.asker.context.agent,
            locale,
        };
        recovery::begin(&mut run, &asked)
    });
    let handle = begun.await??;
    send_behind(&app, &visitor, handle, key, contact, now);
    Ok(done(json!({ "recovery": encode_token(&handle) })))
}

/// `POST /api/recovery/send {recovery, contact}`: a code to one more contact, or once more. The same answer for every contact.
pub async fn send(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    NewDevice(key): NewDevice,
    body: Body,
) -> Answer {
    let handle = body.token("recovery")?;
    let contact =
        Contact::parse(body.text("contact", 512)?).ok_or(Denial::InvalidField("contact"))?;
    let now = app.outside.now();
    not_too_fast(&app, &visitor, now)?;
    send_behind(&app, &visitor, handle, key, contact, now);
    Ok(done(json!({})))
}

/// Whether there is a message to send makes no difference to whoever waits for the answer: it has left.
fn send_behind(
    app: &Arc<App>,
    visitor: &Visitor,
    handle: Token,
    key: Thumbprint,
    contact: Contact,
    now: Timestamp,
) {
    let (inner, asker, seed) = (Arc::clone(app), visitor.asker, app.outside.seed());
    let handed = app.strangers.hand_over(move |registry| {
        let mut run = inner.run(registry, asker, now, &seed);
        let who = Recovering {
            handle: &handle,
            device_key: &key,
        };
        let (budget, host) = (&inner.identity.send_budget, &inner.identity.wallet_host);
        let send = |message| (inner.messenger)(message);
        if let Err(fault) = recovery::send_code(&mut run, who, &contact, budget, host, send) {
            tracing::warn!(%fault, "a code for a recovery was not sent");
        }
    });
    if handed.is_err() {
        tracing::warn!("a busy moment: a code for a recovery was not sent");
    }
}

/// `POST /api/recovery/state {recovery}`: what is proven, what is missing, when it opens.
pub async fn state(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    NewDevice(key): NewDevice,
    body: Body,
) -> Answer {
    let handle = body.token("recovery")?;
    let now = app.outside.now();
    let _ = visitor;
    let found = app
        .strangers
        .ask(move |registry| registry.recoveries().state(&handle, &key, now))
        .await??;
    let found = found.ok_or(RECOVERY_OVER)?;
    Ok(done(state_json(&found, now)))
}

fn state_json(state: &RecoveryState, now: Timestamp) -> Value {
    let has = |wanted: &Evidence| {
        state.offers.contains(wanted) || state.proven.iter().any(|(proven, ..)| proven == wanted)
    };
    let ways: Vec<Value> = match state.stage {
        RecoveryStage::Open => (WAYS.iter())
            .filter(|way| way.evidence.iter().all(has))
            .map(|way| {
                let words: Vec<_> = way.evidence.iter().map(|one| one.word()).collect();
                json!({ "evidence": words, "wait_hours": way.wait_hours })
            })
            .collect(),
        _ => Vec::new(),
    };
    let proven: Vec<Value> = (state.proven.iter())
        .map(|(evidence, at, contact)| {
            json!({ "evidence": evidence.word(), "at_ms": millis(*at), "contact": contact })
        })
        .collect();
    json!({
        "stage": state.stage.word(),
        "proven": proven,
        "offers": state.offers.iter().map(|one| one.word()).collect::<Vec<_>>(),
        "ways": ways,
        "opens_at_ms": state.opens_at.map(millis),
        "ends_at_ms": millis(state.ends_at),
        "ready": state.is_ready(now),
        "now_ms": millis(now),
    })
}

/// What was typed, as it is proven on a worker's thread.
enum Shown {
    SavedCode(SavedCode),
    Sent(String),
    Totp(String),
    Password(Password),
}

impl Shown {
    fn read(body: &Body) -> Result<Shown, Denial> {
        match body.text("kind", 16)? {
            "code" => {
                let typed = body.text("value", CODE_BYTES_MAX)?;
                let code = SavedCode::typed(typed).ok_or(Denial::InvalidField("value"))?;
                Ok(Shown::SavedCode(code))
            }
            "sent" => Ok(Shown::Sent(body.digits("value", 6)?)),
            "totp" => Ok(Shown::Totp(body.digits("value", TOTP_DIGITS)?)),
            "password" => {
                let typed = body.text("value", PASSWORD_BYTES_MAX)?;
                Ok(Shown::Password(Password::typed(typed)))
            }
            _ => Err(Denial::InvalidField("kind")),
        }
    }
}

/// `POST /api/recovery/prove {recovery, kind, value, instead?}`: one thing more. What is wrong is one answer, whatever it was and whoever
/// is asked for. With `instead` a saved code stops another recovery of the same person.
pub async fn prove(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    NewDevice(key): NewDevice,
    body: Body,
) -> Answer {
    let handle = body.token("recovery")?;
    let shown = Shown::read(&body)?;
    let instead = body.has("instead") && body.flag("instead")?;
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    not_too_fast(&app, &visitor, now)?;
    // A hash has threads of its own, where it delays nobody.
    let lane = match shown {
        Shown::Password(_) => &app.passwords,
        _ => &app.strangers,
    };
    let asker = as_program(visitor.asker, SystemReason::Recovery);
    let proven = lane.ask(move |registry| {
        let mut run = inner.run(registry, asker, now, &seed);
        let who = Recovering {
            handle: &handle,
            device_key: &key,
        };
        let proof = match &shown {
            Shown::SavedCode(code) => Proof::SavedCode(code),
            Shown::Sent(code) => Proof::Sent(code),
            Shown::Totp(code) => Proof::Totp(code),
            Shown::Password(password) => Proof::Password(password, inner.password_cost),
        };
        let origin = &inner.identity.wallet_origin;
        let proven = recovery::prove(&mut run, who, &proof, instead, origin)?;
        let state = run.registry.recoveries().state(&handle, &key, now)?;
        Ok::<_, mamori_datastore::fault::Fault>((proven, state))
    });
    let (proven, found) = proven.await??;
    proven.map_err(|refusal| match refusal {
        ProveRefusal::Wrong => RECOVERY_WRONG,
        ProveRefusal::Over => RECOVERY_OVER,
        ProveRefusal::Elsewhere => RECOVERY_ELSEWHERE,
    })?;
    let found = found.ok_or(RECOVERY_OVER)?;
    if let Some(wallet) = found.wallet {
        // Whoever is signed in hears of it at once.
        app.identity.streams.tell_of_recovery(wallet);
    }
    Ok(done(state_json(&found, now)))
}

/// `POST /api/recovery/ask {recovery}`: asks the trusted contacts. Answers with the number that one of them has to choose.
pub async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    NewDevice(key): NewDevice,
    body: Body,
) -> Answer {
    let handle = body.token("recovery")?;
    let (now, seed) = (app.outside.now(), app.outside.seed());
    let _ = visitor.asker;
    let asked = app.strangers.ask(move |registry| -> Result<_, Denial> {
        let asked = (registry.recoveries()).trusted_to_ask(&handle, &key, now)?;
        let (person, others) = asked.ok_or(RECOVERY_NOT_READY)?;
        let mut wallets = Vec::new();
        for other in &others {
            let found = registry.people().find(other)?;
            wallets.extend(found.map(|found| (found.person, found.wallet)));
        }
        Ok((person, wallets))
    });
    let (person, others) = asked.await??;
    if others.is_empty() {
        return Err(Denial::NotFound);
    }
    if !app.identity.paces.device_asks.allow(person.0, now) {
        return Err(Denial::Wait(RECOVERY_BUSY, 600));
    }
    let about = AskedToHelp {
        recovery: token_hash(&handle),
        person,
    };
    let mut number = None;
    for (other, wallet) in others {
        let asks = &app.identity.recovery_asks;
        let agent = visitor.asker.context.agent;
        // One seed, one number: whoever of them answers first has it before the eyes.
        let asked = asks
            .ask(other.0, about, agent, now, &seed)
            .ok_or(Denial::Busy)?;
        number = Some(asked.number);
        app.identity.streams.tell_of_recovery(wallet);
    }
    Ok(done(
        json!({ "number": number, "life_ms": ASK_LIFE.as_millis() as u64 }),
    ))
}

/// `POST /api/recovery/stop {recovery}`: whoever began gives up.
pub async fn stop(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    NewDevice(key): NewDevice,
    body: Body,
) -> Answer {
    let handle = body.token("recovery")?;
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let asker = as_program(visitor.asker, SystemReason::Recovery);
    let stopped = app.strangers.ask(move |registry| {
        let mut run = inner.run(registry, asker, now, &seed);
        let who = Recovering {
            handle: &handle,
            device_key: &key,
        };
        recovery::give_up(&mut run, who, &inner.identity.wallet_origin)
    });
    stopped.await??;
    Ok(done(json!({})))
}

/// `POST /api/recovery/passkey/start {recovery}`: the wait is over; the options of a new passkey.
pub async fn passkey_start(
    State(app): State<Arc<App>>,
    _: Visitor,
    NewDevice(key): NewDevice,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let handle = body.token("recovery")?;
    let browser = Browser::of(&headers, &app);
    let now = app.outside.now();
    let ready = app
        .strangers
        .ask(move |registry| whoever_is_ready(registry, &handle, &key, now))
        .await??;
    let place = app.identity.ceremonies.promise(now).ok_or(Denial::Busy)?;
    let party = &app.identity.wallet_party;
    let (owner, named) = (ready.owner, &ready.display_name);
    let started = party.start_registration(owner, &ready.account, named, &[]);
    let (creation, registering) = started.map_err(|problem| refused("recovery", problem))?;
    let ceremony: Token = app.outside.bytes();
    let purpose = Purpose::Recovery {
        registering,
        owner,
        recovery: token_hash(&handle),
    };
    place.begin(token_hash(&ceremony), browser.hash(), purpose, now);
    let answer = json!({ "registration": encode_token(&ceremony), "creation": creation });
    Ok(browser.on(done(answer)))
}

/// `POST /api/recovery/passkey/finish {recovery, registration, credential}`: the new passkey takes the place of whatever was before, and
/// the session begins.
pub async fn passkey_finish(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    NewDevice(key): NewDevice,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let (handle, ceremony) = (body.token("recovery")?, body.token("registration")?);
    let credential = body.object("credential")?;
    let browser = Browser::of(&headers, &app);
    let now = app.outside.now();
    let ceremonies = &app.identity.ceremonies;
    let taken = ceremonies.take(&token_hash(&ceremony), &browser.hash(), now);
    let (registering, owner) = match taken {
        Some(Purpose::Recovery {
            registering,
            owner,
            recovery,
        }) if recovery == token_hash(&handle) => (registering, owner),
        _ => return Err(refused("recovery", PasskeyProblem::OtherChallenge)),
    };
    let traits = browser.traits(Surface::Wallet, &headers, Some(key));
    let (inner, seed) = (Arc::clone(&app), app.outside.seed());
    let asker = as_program(visitor.asker, SystemReason::Recovery);
    let back = app.strangers.ask(move |registry| -> Result<_, Denial> {
        let party = &inner.identity.wallet_party;
        let passkey = party
            .finish_registration(&credential, &registering)
            .map_err(|problem| refused("recovery", problem))?;
        let new = NewPasskey {
            owner: &owner,
            passkey: &passkey,
            name: None,
            agent: asker.context.agent,
        };
        let mut run = inner.run(registry, asker, now, &seed);
        let who = Recovering {
            handle: &handle,
            device_key: &key,
        };
        let origin = &inner.identity.wallet_origin;
        let recovered = recovery::finish(&mut run, who, &NewFactor::Passkey(&new), origin)?;
        signed_in(&inner, &mut run, recovered, &traits)
    });
    Ok(back.await??.on(done(json!({}))))
}

/// `POST /api/recovery/password/start {recovery}`: the second way, for a phone without passkeys: the secret of an authenticator app.
pub async fn password_start(
    State(app): State<Arc<App>>,
    _: Visitor,
    NewDevice(key): NewDevice,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let handle = body.token("recovery")?;
    let browser = Browser::of(&headers, &app);
    let now = app.outside.now();
    let ready = app
        .strangers
        .ask(move |registry| whoever_is_ready(registry, &handle, &key, now))
        .await??;
    let secret = TotpSecret::draw(&app.outside.seed());
    let carried = &app.identity.carried;
    let bound_to = bound_to(&handle, &key);
    let nonce = app.outside.bytes();
    let enrolment = carried.hand_out(Cargo::Codes, &bound_to, secret.expose(), now, nonce);
    Ok(browser.on(done(codes_to_set_up(&secret, &ready.account, &enrolment)?)))
}

/// `POST /api/recovery/password/finish {recovery, enrolment, password, code}`: as with a passkey.
pub async fn password_finish(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    NewDevice(key): NewDevice,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let handle = body.token("recovery")?;
    let enrolment = body.text("enrolment", CARRIED_BYTES_MAX)?;
    let typed = body.text("password", PASSWORD_BYTES_MAX)?.to_owned();
    let code = body.digits("code", TOTP_DIGITS)?;
    let browser = Browser::of(&headers, &app);
    let now = app.outside.now();
    let bound_to = bound_to(&handle, &key);
    let secret = (app.identity.carried)
        .open(Cargo::Codes, &bound_to, enrolment, now)
        .and_then(|plain| TotpSecret::from_bytes(&plain))
        .ok_or(SIGN_IN_EXPIRED)?;
    let step = secret.step_of(&code, now, NEVER_USED).ok_or(CODE_WRONG)?;
    let traits = browser.traits(Surface::Wallet, &headers, Some(key));
    let (inner, seed) = (Arc::clone(&app), app.outside.seed());
    let asker = as_program(visitor.asker, SystemReason::Recovery);
    let back = app.passwords.ask(move |registry| -> Result<_, Denial> {
        let ready = whoever_is_ready(registry, &handle, &key, now)?;
        let about = About {
            display_name: &ready.display_name,
            contact: ready.contact.as_ref(),
            operator: inner.about.operator_name.as_deref(),
        };
        let password = inner.password_list.fit(&typed, &about).map_err(unfit)?;
        let new = NewFactors {
            password: Some((&password, inner.password_cost)),
            totp: Some((&secret, step)),
        };
        let mut run = inner.run(registry, asker, now, &seed);
        let who = Recovering {
            handle: &handle,
            device_key: &key,
        };
        let origin = &inner.identity.wallet_origin;
        let new = NewFactor::Password(ready.owner, &new);
        let recovered = recovery::finish(&mut run, who, &new, origin)?;
        signed_in(&inner, &mut run, recovered, &traits)
    });
    Ok(back.await??.on(done(json!({}))))
}

/// `POST /api/undo-recovery {secret}`: the page of a letter stops a recovery, or takes it back and freezes the wallet. From any browser.
pub async fn undo(State(app): State<Arc<App>>, visitor: Visitor, body: Body) -> Answer {
    let secret = body.token("secret")?;
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let asker = as_program(visitor.asker, SystemReason::RecoveryUndone);
    let undone = app.strangers.ask(move |registry| {
        let mut run = inner.run(registry, asker, now, &seed);
        recovery::undo(&mut run, &secret, &inner.identity.wallet_origin)
    });
    for one in undone.await?? {
        app.identity.sessions.forget(&one.session);
    }
    Ok(done(json!({})))
}

/// Somebody whose wait is over.
struct Ready {
    owner: OwnerId,
    display_name: String,
    /// What tells two accounts of one person apart in an authenticator's list.
    account: String,
    contact: Option<Contact>,
}

fn whoever_is_ready(
    registry: &mut Registry,
    handle: &Token,
    key: &Thumbprint,
    now: Timestamp,
) -> Result<Ready, Denial> {
    let state = registry.recoveries().state(handle, key, now)?;
    let state = state.filter(|state| state.is_ready(now));
    let state = state.ok_or(RECOVERY_NOT_READY)?;
    let person = registry.people().find(&state.person)?;
    let person = person.ok_or(RECOVERY_NOT_READY)?;
    let contact = registry.contacts().preferred(person.wallet, now)?;
    let account = contact.as_ref().map(Contact::masked);
    Ok(Ready {
        owner: state.person,
        account: account.unwrap_or_else(|| person.display_name.clone()),
        display_name: person.display_name,
        contact,
    })
}

fn signed_in(
    app: &App,
    run: &mut mamori_flows::Run,
    recovered: Recovered,
    browser: &BrowserTraits,
) -> Result<NewSession, Denial> {
    for one in &recovered.ended {
        app.identity.sessions.forget(&one.session);
    }
    let newcomer = Newcomer {
        surface: Surface::Wallet,
        owner: recovered.owner,
        wallet: Some(recovered.wallet),
        credential: recovered.credential,
    };
    begin_for_newcomer(app, run, newcomer, AuthMethod::Recovery, browser)
}

fn bound_to(handle: &Token, key: &Thumbprint) -> Vec<u8> {
    [&token_hash(handle)[..], key].concat()
}

/// What strangers may try, by their network and in all. It shuts nobody out who has begun: the row of a recovery counts its own.
fn not_too_fast(app: &App, visitor: &Visitor, now: Timestamp) -> Result<(), Denial> {
    let paces = &app.identity.paces;
    let is_too_fast = match visitor.origin.stranger() {
        Some((household, _)) => !paces.recoveries.allow(household, now),
        None => false,
    };
    if is_too_fast || !paces.recoveries_in_all.allow((), now) {
        return Err(Denial::Wait(RECOVERY_BUSY, 60));
    }
    Ok(())
}
