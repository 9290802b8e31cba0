//! A customer's several passkeys: the list, one more, another name, one less; and what a browser is told of them.
//!
//! To add one and to remove one asks for a passkey of this very moment, given for exactly that; a name asks for the session alone.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_datastore::fault::Fault;
use mamori_domain::world::Timestamp;
use mamori_flows::Run;
use mamori_flows::passkeys::{self, PasskeyOwner};
use mamori_registry::{
    AuthMethod, NewPasskey, OwnedPasskey, PASSKEYS_MAX, Registry, Surface, display_name, token_hash,
};
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Body, millis};
use crate::cookies::{Token, encode_token};
use crate::denied::{NOTHING_TO_OFFER, PASSKEYS_TOO_OFTEN, TOO_MANY_PASSKEYS};
use crate::http::assertions::refused;
use crate::http::device::{PaysFrom, pays_from};
use crate::http::session::{Browser, WalletSession};
use crate::http::step_up::{FreshPasskey, Granted};
use crate::identity::{Purpose, StepUpAct};
use crate::origin::Visitor;
use crate::relying_party::{CREDENTIAL_BYTES_MAX, KeptWhere, PasskeyProblem, credential_word};
use crate::sessions::SessionLimits;

/// Longest credential id as text: four characters for three bytes.
const CREDENTIAL_CHARS_MAX: usize = CREDENTIAL_BYTES_MAX.div_ceil(3) * 4;
/// Bytes of a name as it is typed; what is stored is shorter.
const NAME_BYTES_MAX: usize = 640;
/// When it is worth asking again after too many passkeys were made, in seconds.
const TOO_OFTEN_SECONDS: u32 = 3_600;

/// How long after a sign-in by password a passkey may be made without proving anything again.
const OFFERED_FOR: Duration = Duration::from_secs(300);

/// `GET /api/passkeys` of the wallet: the owner's passkeys, and what the browser is to be told of them.
pub async fn list(State(app): State<Arc<App>>, asker: WalletSession) -> Answer {
    let (inner, now) = (Arc::clone(&app), app.outside.now());
    let listed = app
        .registry
        .ask(move |registry| listed(&inner, registry, &asker, now));
    Ok(done(listed.await??))
}

/// `POST /api/passkeys/add {}` of the wallet, asked twice: once a passkey was shown for it, what another one is to be made of.
pub async fn add(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<WalletSession>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let browser = Browser::of(&headers, &app).hash();
    let work = move |mut granted: Granted<WalletSession>| {
        begin(granted.app, &mut granted.run, granted.caller, browser)
    };
    asker
        .when_shown(app, &headers, &body, StepUpAct::AddPasskey, work)
        .await
}

/// `POST /api/passkeys/offer` of the wallet: the same, right after a sign-in with password and code on the device that the wallet pays
/// from, for an owner who has no passkey. What was just proven is the most that the account has: it is not asked for again.
pub async fn offer(
    State(app): State<Arc<App>>,
    asker: WalletSession,
    headers: HeaderMap,
    _: Body,
) -> Answer {
    let by_password = asker.opened.method == AuthMethod::PasswordAndTotp;
    if !by_password || pays_from(&app, &asker).await? != PaysFrom::Here {
        return Err(NOTHING_TO_OFFER.into());
    }
    let browser = Browser::of(&headers, &app);
    let (inner, hash) = (Arc::clone(&app), browser.hash());
    let (now, seed) = (app.outside.now(), app.outside.seed());
    let begun = app.registry.ask(move |registry| -> Result<_, Denial> {
        let (surface, owner) = (Surface::Wallet, asker.owner);
        let sessions = registry.sessions().of(surface, &owner, now)?;
        let this = sessions.iter().find(|row| row.session == asker.session);
        let is_new = this.is_some_and(|row| now < row.made_at.plus(OFFERED_FOR));
        if !is_new || !registry.passkeys().accepted(&owner)?.is_empty() {
            return Err(NOTHING_TO_OFFER.into());
        }
        let mut run = inner.run(registry, asker.asker, now, &seed);
        begin(&inner, &mut run, &asker, hash)
    });
    Ok(browser.on(done(begun.await??)))
}

/// What another passkey is to be made of; the challenge is for this session and browser.
fn begin(
    app: &App,
    run: &mut Run,
    caller: &WalletSession,
    browser: [u8; 32],
) -> Result<Value, Denial> {
    let (identity, owner) = (&app.identity, caller.owner);
    if !identity.paces.new_passkeys.allow(owner.0, run.now) {
        return Err(Denial::Wait(PASSKEYS_TOO_OFTEN, TOO_OFTEN_SECONDS));
    }
    let there = run.registry.passkeys().accepted(&owner)?;
    if there.len() >= PASSKEYS_MAX {
        return Err(TOO_MANY_PASSKEYS.into());
    }
    let called = called(run.registry, caller, run.now)?.ok_or(Denial::SignedOut)?;
    let party = &identity.wallet_party;
    let started = party.start_registration(owner, &called.name, &called.display_name, &there);
    let (creation, registering) =
        started.map_err(|problem| refused("adding a passkey", problem))?;
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
}

/// `POST /api/passkeys/finish {registration, credential, name?}` of the wallet: the passkey that was made after another one was shown.
pub async fn finish(
    State(app): State<Arc<App>>,
    asker: WalletSession,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let (handle, credential) = (body.token("registration")?, body.object("credential")?);
    // Looked at before the ceremony is used up: a passkey that was made must not be lost for its name.
    let name = body.opt_text("name", NAME_BYTES_MAX)?;
    let name = name.map(|typed| display_name(typed).ok_or(Denial::InvalidField("name")));
    let name = name.transpose()?;
    let (browser, now) = (Browser::of(&headers, &app), app.outside.now());
    let ceremonies = &app.identity.ceremonies;
    let registering = match ceremonies.take(&token_hash(&handle), &browser.hash(), now) {
        Some(Purpose::AddPasskey {
            registering,
            session,
            owner,
        }) if session == asker.session && owner == asker.owner => registering,
        _ => return Err(refused("adding a passkey", PasskeyProblem::OtherChallenge)),
    };
    let (inner, seed) = (Arc::clone(&app), app.outside.seed());
    let added = app.registry.ask(move |registry| -> Result<_, Denial> {
        let party = &inner.identity.wallet_party;
        let passkey = party
            .finish_registration(&credential, &registering)
            .map_err(|problem| refused("adding a passkey", problem))?;
        let new = NewPasskey {
            owner: &asker.owner,
            passkey: &passkey,
            name: name.as_deref(),
            agent: asker.asker.context.agent,
        };
        let mut run = inner.run(registry, asker.asker, now, &seed);
        passkeys::add(&mut run, asker.wallet, &new)?;
        let mut answer = listed(&inner, registry, &asker, now)?;
        answer["added"] = json!(credential_word(&passkey.credential));
        Ok(answer)
    });
    Ok(done(added.await??))
}

/// `POST /api/passkeys/rename {passkey, name}` of the wallet.
pub async fn rename(State(app): State<Arc<App>>, asker: WalletSession, body: Body) -> Answer {
    let id = passkey_named(&body)?;
    let name = display_name(body.text("name", NAME_BYTES_MAX)?);
    let name = name.ok_or(Denial::InvalidField("name"))?;
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let renamed = app.registry.ask(move |registry| -> Result<_, Denial> {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        passkeys::rename(&mut run, &owner_of(&asker), &id, &name)?;
        listed(&inner, registry, &asker, now)
    });
    Ok(done(renamed.await??))
}

/// `POST /api/passkeys/remove {passkey}` of the wallet, asked twice: once a passkey was shown for it, the passkey opens nothing any
/// more, and the sessions that it opened have ended. `signed_out` says whether this one was among them.
pub async fn remove(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<WalletSession>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let id = passkey_named(&body)?;
    let act = StepUpAct::RemovePasskey(id.clone());
    let work = move |granted: Granted<WalletSession>| {
        let Granted {
            app,
            caller,
            mut run,
        } = granted;
        let ended = passkeys::remove(&mut run, &owner_of(caller), &id)?;
        for one in &ended {
            app.identity.sessions.forget(&one.session);
        }
        let mut answer = listed(app, run.registry, caller, run.now)?;
        answer["ended"] = json!(ended.len());
        answer["signed_out"] = json!(ended.iter().any(|one| one.session == caller.session));
        Ok(answer)
    };
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `GET /.well-known/passkey-endpoints` on the wallet's origin: where password managers send an owner who wants to make a passkey, or to
/// look at the ones that are there.
pub async fn endpoints(State(app): State<Arc<App>>, _: Visitor) -> Answer {
    let page = format!("{}/#passkeys", app.identity.wallet_origin);
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=86400"),
        ),
    ];
    let body = json!({ "enroll": page, "manage": page });
    Ok((headers, body.to_string()).into_response())
}

fn owner_of(asker: &WalletSession) -> PasskeyOwner {
    PasskeyOwner {
        owner: asker.owner,
        wallet: asker.wallet,
        session: asker.session,
    }
}

/// The credential id that a page names a passkey by.
fn passkey_named(body: &Body) -> Result<Vec<u8>, Denial> {
    let text = body.text("passkey", CREDENTIAL_CHARS_MAX)?;
    let id = URL_SAFE_NO_PAD.decode(text).ok();
    id.filter(|id| (1..=CREDENTIAL_BYTES_MAX).contains(&id.len()))
        .ok_or(Denial::InvalidField("passkey"))
}

/// What the owner is called in the lists of authenticators.
struct Called {
    /// The contact, masked: tells two accounts of one person apart.
    name: String,
    display_name: String,
}

fn called(
    registry: &mut Registry,
    asker: &WalletSession,
    now: Timestamp,
) -> Result<Option<Called>, Fault> {
    let Some(person) = registry.people().find(&asker.owner)? else {
        return Ok(None);
    };
    let contact = registry.contacts().preferred(asker.wallet, now)?;
    let name = contact.map(|contact| contact.masked());
    Ok(Some(Called {
        name: name.unwrap_or_else(|| person.display_name.clone()),
        display_name: person.display_name,
    }))
}

/// The answer of every route here: the list as it is now, and the arguments of the browser's signal calls.
fn listed(
    app: &App,
    registry: &mut Registry,
    asker: &WalletSession,
    now: Timestamp,
) -> Result<Value, Denial> {
    let owner = &asker.owner;
    let passkeys = registry.passkeys().of(owner)?;
    let idle_seconds = SessionLimits::of(Surface::Wallet).idle_seconds;
    let mut sessions = registry.sessions().of(Surface::Wallet, owner, now)?;
    sessions
        .retain(|row| row.session == asker.session || row.seen_at.plus_seconds(idle_seconds) > now);
    let mut rows = Vec::with_capacity(passkeys.len());
    for passkey in &passkeys {
        let opened = sessions.iter();
        let opened = opened.filter(|row| row.credential == Some(passkey.fingerprint));
        let may_remove = registry
            .passkeys()
            .may_remove(owner, &passkey.stored.credential)?;
        rows.push(passkey_json(asker, passkey, opened.count(), may_remove));
    }
    let accepted = registry.passkeys().accepted(owner)?;
    let accepted: Vec<String> = accepted.iter().map(|id| credential_word(id)).collect();
    let called = called(registry, asker, now)?.ok_or(Denial::SignedOut)?;
    Ok(json!({
        "passkeys": rows,
        "passkeys_max": PASSKEYS_MAX,
        "signals": {
            "rp_id": app.identity.wallet_party.id(),
            "user_id": URL_SAFE_NO_PAD.encode(owner.0),
            "accepted": accepted,
            "name": called.name,
            "display_name": called.display_name,
        },
    }))
}

fn passkey_json(
    asker: &WalletSession,
    passkey: &OwnedPasskey,
    sessions: usize,
    may_remove: bool,
) -> Value {
    json!({
        "passkey": credential_word(&passkey.stored.credential),
        "name": passkey.name,
        "browser": passkey.agent.word(),
        "kept": KeptWhere::of(&passkey.stored).map(KeptWhere::word),
        "made_at_ms": millis(passkey.made_at),
        "used_at_ms": passkey.used_at.map(millis),
        "used_here": passkey.was_used_in(asker.asker.context.network),
        "sessions": sessions,
        "opened_this_session": asker.opened.credential == Some(passkey.fingerprint),
        "may_remove": may_remove,
    })
}
