//! Passwords with codes by time, for phones without passkeys: signing up and in with them, setting and changing them.
//!
//! A password alone opens nothing, and nobody at the door hears what was wrong: contact and password are answered with a sealed handle,
//! the same for everybody, and only the sign-in that a code ends says yes or no. Every hash is made on threads of its own
//! (`App::passwords`): who comes when they are full hears *busy*, and who signs in with a passkey notices nothing.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use mamori_codes::qr;
use mamori_domain::world::Timestamp;
use mamori_flows::password::{self, NotSignedIn};
use mamori_flows::session::{self as flows_session, SessionOwner, TokenSession};
use mamori_flows::{Flow, Run};
use mamori_registry::{
    AuthMethod, Contact, Guess, NEVER_USED, NewFactors, NotAccepted, OwnerId, Password,
    PasswordEnrolment, PasswordProblem, PasswordState, Surface, TOTP_DIGITS, TOTP_STEP_SECONDS,
    TotpSecret, token_hash,
};
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Body, millis};
use crate::carried::{CARRIED_BYTES_MAX, Cargo};
use crate::cookies::{Token, decode_token, encode_token};
use crate::denied::{
    CODE_EXPIRED, CODE_WRONG, LAST_WAY_IN, PASSWORD_ABOUT_YOU, PASSWORD_COMMON, PASSWORD_LEAKED,
    PASSWORD_TOO_LONG, PASSWORD_TOO_SHORT, SIGN_IN_EXPIRED, SIGN_IN_REFUSED, SIGN_IN_WAITS,
};
use crate::http::session::{
    self, Browser, BrowserTraits, NewDevice, NewSession, WalletSession, begin_for_newcomer,
    new_session, new_session_device, take_in,
};
use crate::http::step_up::{FreshPasskey, Granted};
use crate::identity::{Purpose, StepUpAct};
use crate::origin::Visitor;
use crate::password_list::{About, Unfit};

/// Longest password that is looked at, in bytes as typed.
pub const PASSWORD_BYTES_MAX: usize = 2_048;
/// How old a code may be whose step-up is under way: as old as the challenge.
const STEP_UP_STEPS: i64 = 10;

/// `POST /api/password/sign-in/start {contact, password}`: the same answer for everybody.
pub async fn sign_in_start(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let contact =
        Contact::parse(body.text("contact", 512)?).ok_or(Denial::InvalidField("contact"))?;
    let password = Password::typed(body.text("password", PASSWORD_BYTES_MAX)?);
    let browser = Browser::of(&headers, &app);
    let now = app.outside.now();
    not_too_fast(&app, &visitor, now)?;
    let (cost, typed) = (app.password_cost, password.clone());
    let guessed = (app.passwords)
        .ask(move |registry| registry.passwords().guess(&contact, &typed, cost, now))
        .await??
        .map_err(not_accepted)?;
    if let Some(outdated) = guessed.outdated {
        // Behind the answer, so that it comes no later for a right password. A busy moment may skip it: the next sign-in does it.
        let seed = app.outside.seed();
        let _ = app.passwords.hand_over(move |registry| {
            let mut passwords = registry.passwords();
            match passwords.rehash(&outdated, &password, cost, &seed) {
                Ok(done) => tracing::info!(done, "a password was hashed anew"),
                Err(fault) => tracing::warn!(%fault, "a password was not hashed anew"),
            }
        });
    }
    let plain = guessed.guess.to_bytes();
    let (carried, nonce) = (&app.identity.carried, app.outside.bytes());
    let handle = carried.hand_out(Cargo::Guess, &browser.hash(), &plain, now, nonce);
    Ok(browser.on(done(json!({ "sign_in": handle }))))
}

/// `POST /api/password/sign-in/finish {sign_in, code}`: the session, or one refusal for whatever was wrong.
pub async fn sign_in_finish(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    NewDevice(key): NewDevice,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let handle = body.text("sign_in", CARRIED_BYTES_MAX)?;
    let code = body.digits("code", TOTP_DIGITS)?;
    let browser = Browser::of(&headers, &app);
    let now = app.outside.now();
    let guess = (app.identity.carried)
        .open(Cargo::Guess, &browser.hash(), handle, now)
        .and_then(|plain| Guess::from_bytes(&plain))
        .ok_or(SIGN_IN_EXPIRED)?;
    let browser = browser.traits(Surface::Wallet, &headers, Some(key));
    let (inner, seed) = (Arc::clone(&app), app.outside.seed());
    let signed_in = app.passwords.ask(move |registry| {
        let method = AuthMethod::PasswordAndTotp;
        let mut run = inner.run(registry, visitor.asker, now, &seed);
        sign_in_by_code(&inner, &mut run, method, &browser, |run, may, session| {
            password::sign_in(run, &guess, &code, may, session)
        })
    });
    Ok(signed_in.await??.on(done(json!({}))))
}

/// Whether an owner may sign in now, and the session that begins then.
type May<'a> = &'a dyn Fn(&SessionOwner) -> Result<(), Denial>;
type Session<'a> = &'a dyn Fn(SessionOwner) -> flows_session::NewSession;
type SignedIn = Flow<Result<TokenSession, NotSignedIn<Denial>>>;

/// Signs a customer in who proves a first factor and a code, on a worker's thread.
pub(super) fn sign_in_by_code(
    app: &App,
    run: &mut Run,
    method: AuthMethod,
    browser: &BrowserTraits,
    sign_in: impl FnOnce(&mut Run, May, Session) -> SignedIn,
) -> Result<NewSession, Denial> {
    let (identity, now) = (&app.identity, run.now);
    let as_of = identity.sessions.endings();
    let device = new_session_device(run.registry, browser);
    let may = |owner: &SessionOwner| match (identity.paces.sign_ins)
        .allow((Surface::Wallet, owner.owner), now)
    {
        true => Ok(()),
        false => Err(Denial::Busy),
    };
    let session = |owner| new_session(Surface::Wallet, owner, method, device, browser, now);
    let begun = sign_in(run, &may, &session)?.map_err(|why| match why {
        NotSignedIn::NotAccepted(why) => not_accepted(why),
        NotSignedIn::Denied(denial) => denial,
    })?;
    let row = &begun.row;
    if let Some(wallet) = row.wallet {
        let streams = &identity.streams;
        streams.tell_of_sign_in(wallet, row.session, now, row.device.agent);
        tracing::info!(
            wallet = wallet.0,
            ?method,
            "a customer signed in with a code"
        );
    }
    let replaced = browser.replaced();
    Ok(take_in(app, begun, replaced.as_ref(), now, as_of))
}

/// `POST /api/sign-up/password/start {sign_up}`: the second way of a sign-up whose contact is proven. The first one stays open.
pub async fn sign_up_start(
    State(app): State<Arc<App>>,
    _: Visitor,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let sign_up = body.token("sign_up")?;
    let browser = Browser::of(&headers, &app);
    let now = app.outside.now();
    let newcomer = newcomer_of(&app, &browser, &sign_up, now)?;
    let (carried, nonce) = (&app.identity.carried, app.outside.bytes());
    let plain = newcomer.to_bytes();
    let handle = carried.hand_out(Cargo::SignUp, &browser.hash(), &plain, now, nonce);
    let label = newcomer.contact.masked();
    Ok(done(codes_to_set_up(&newcomer.secret, &label, &handle)?))
}

/// Somebody whose contact is proven, in this browser, with a new secret for codes. The sign-up stays open.
pub(super) fn newcomer_of(
    app: &App,
    browser: &Browser,
    sign_up: &Token,
    now: Timestamp,
) -> Result<Newcomer, Denial> {
    let proven = |purpose: &Purpose| match purpose {
        Purpose::SignUp {
            owner,
            contact,
            display_name,
            locale,
            ..
        } => Some(Newcomer {
            owner: *owner,
            contact: contact.clone(),
            display_name: display_name.clone(),
            locale: locale.clone(),
            secret: TotpSecret::draw(&app.outside.seed()),
        }),
        _ => None,
    };
    (app.identity.ceremonies)
        .peek(&token_hash(sign_up), &browser.hash(), now, proven)
        .flatten()
        .ok_or(CODE_EXPIRED.into())
}

/// `POST /api/sign-up/password/finish {enrolment, password, code}`: the person, the wallet, the session.
pub async fn sign_up_finish(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    NewDevice(key): NewDevice,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let handle = body.text("enrolment", CARRIED_BYTES_MAX)?;
    let typed = body.text("password", PASSWORD_BYTES_MAX)?.to_owned();
    let code = body.digits("code", TOTP_DIGITS)?;
    let browser = Browser::of(&headers, &app);
    let now = app.outside.now();
    not_too_fast(&app, &visitor, now)?;
    let newcomer = (app.identity.carried)
        .open(Cargo::SignUp, &browser.hash(), handle, now)
        .and_then(|plain| Newcomer::from_bytes(&plain))
        .ok_or(CODE_EXPIRED)?;
    let browser = browser.traits(Surface::Wallet, &headers, Some(key));
    let (inner, seed) = (Arc::clone(&app), app.outside.seed());
    let signed_up = app
        .passwords
        .ask(move |registry| -> Result<NewSession, Denial> {
            let about = About {
                display_name: &newcomer.display_name,
                contact: Some(&newcomer.contact),
                operator: inner.about.operator_name.as_deref(),
            };
            let password = inner.password_list.fit(&typed, &about).map_err(unfit)?;
            let step = newcomer.secret.step_of(&code, now, NEVER_USED);
            let step = step.ok_or(CODE_WRONG)?;
            let enrolment = PasswordEnrolment {
                person: newcomer.owner,
                contact: &newcomer.contact,
                locale: &newcomer.locale,
                display_name: &newcomer.display_name,
                password: (&password, inner.password_cost),
                totp: (&newcomer.secret, step),
            };
            let mut run = inner.run(registry, visitor.asker, now, &seed);
            let device = Some(run.registry.device_key(key).fingerprint);
            let (wallet, credential) = password::open_wallet(&mut run, &enrolment, device)?;
            let who = session::Newcomer {
                surface: Surface::Wallet,
                owner: newcomer.owner,
                wallet: Some(wallet),
                credential,
            };
            begin_for_newcomer(&inner, &mut run, who, AuthMethod::PasswordAndTotp, &browser)
        });
    Ok(signed_up.await??.on(done(json!({}))))
}

/// `GET /api/password`: whether there is one, and whether it signs in.
pub async fn state(State(app): State<Arc<App>>, asker: WalletSession) -> Answer {
    let (state, passkeys) = standing(&app, asker.owner).await?;
    Ok(done(json!({
        "set": state.is_some(),
        "beside_passkeys": state.is_some_and(|state| state.beside_passkeys),
        "passkeys": passkeys,
        "signs_in": state.is_some_and(|state| passkeys == 0 || state.beside_passkeys),
        "made_at_ms": state.map(|state| millis(state.made_at)),
        "used_at_ms": state.and_then(|state| state.used_at).map(millis),
        "codes_made_at_ms": state.map(|state| millis(state.totp_made_at)),
    })))
}

/// `POST /api/password/codes`: a secret for new codes by time. Nothing is written until `set`.
pub async fn new_codes(
    State(app): State<Arc<App>>,
    asker: WalletSession,
    headers: HeaderMap,
    _: Body,
) -> Answer {
    let browser = Browser::of(&headers, &app);
    let (wallet, now) = (asker.wallet, app.outside.now());
    let contact = app
        .registry
        .ask(move |registry| registry.contacts().preferred(wallet, now))
        .await??;
    let label = contact.map_or_else(String::new, |contact| contact.masked());
    let secret = TotpSecret::draw(&app.outside.seed());
    let bound_to = owners_browser(&browser, &asker.owner);
    let nonce = app.outside.bytes();
    let carried = &app.identity.carried;
    let handle = carried.hand_out(Cargo::Codes, &bound_to, secret.expose(), now, nonce);
    Ok(browser.on(done(codes_to_set_up(&secret, &label, &handle)?)))
}

/// `POST /api/password/set {password?, enrolment?, code?}`: a new password, new codes, or both for an account that has none. With a
/// step-up for exactly these.
pub async fn set(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<WalletSession>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let typed = body.opt_text("password", PASSWORD_BYTES_MAX)?;
    let handle = body.opt_text("enrolment", CARRIED_BYTES_MAX)?;
    let browser = Browser::of(&headers, &app);
    let now = app.outside.now();
    let owner = asker.caller().owner;
    let (is_set, _) = standing(&app, owner).await?;
    if is_set.is_none() || typed.is_some() == handle.is_some() {
        // A password never stands without codes, so whoever has none sets both.
        match (typed, handle) {
            (None, _) => return Err(Denial::InvalidField("password")),
            (_, None) => return Err(Denial::InvalidField("enrolment")),
            _ => {}
        }
    }
    let codes = match handle {
        None => None,
        Some(handle) => {
            let code = body.digits("code", TOTP_DIGITS)?;
            let secret = (app.identity.carried)
                .open(Cargo::Codes, &owners_browser(&browser, &owner), handle, now)
                .and_then(|plain| TotpSecret::from_bytes(&plain))
                .ok_or(SIGN_IN_EXPIRED)?;
            // While the owner proves the act the code grows old. The act names it, and was granted when it was new.
            let is_answer = body.has("step_up");
            let since = if is_answer { STEP_UP_STEPS } else { 0 };
            let step = (0..=since).find_map(|ago| {
                let then = now.plus_seconds(-ago * TOTP_STEP_SECONDS);
                secret.step_of(&code, then, NEVER_USED)
            });
            Some((secret, step.ok_or(CODE_WRONG)?, code))
        }
    };
    let password = match typed {
        None => None,
        Some(typed) => Some(fitting(&app, owner, typed).await?),
    };
    let act = StepUpAct::SetPassword(
        app.identity.carried.mark(&[
            password.as_ref().map_or(b"", |own| own.expose().as_bytes()),
            codes
                .as_ref()
                .map_or(b"", |(secret, ..)| &secret.expose()[..]),
            codes.as_ref().map_or(b"", |(.., code)| code.as_bytes()),
        ]),
    );
    let work = move |mut granted: Granted<WalletSession>| {
        let new = NewFactors {
            password: (password.as_ref()).map(|password| (password, granted.app.password_cost)),
            totp: codes.as_ref().map(|(secret, step, _)| (secret, *step)),
        };
        let WalletSession { owner, wallet, .. } = *granted.caller;
        password::set(&mut granted.run, &owner, wallet, &new)?;
        Ok(json!({}))
    };
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `POST /api/password/remove`: turns password and codes off, with a step-up. The last way in stays.
pub async fn remove(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<WalletSession>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let (state, passkeys) = standing(&app, asker.caller().owner).await?;
    state.ok_or(Denial::NotFound)?;
    if passkeys == 0 {
        return Err(LAST_WAY_IN.into());
    }
    let work = |mut granted: Granted<WalletSession>| {
        let WalletSession { owner, wallet, .. } = *granted.caller;
        password::remove(&mut granted.run, &owner, wallet)?;
        Ok(json!({}))
    };
    let act = StepUpAct::RemovePassword;
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `POST /api/password/beside-passkeys {on}`: whether the password signs in though there is a passkey, with a step-up.
pub async fn beside_passkeys(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<WalletSession>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let on = body.flag("on")?;
    let work = move |mut granted: Granted<WalletSession>| {
        let owner = granted.caller.owner;
        let wallet = granted.caller.wallet;
        password::set_beside_passkeys(&mut granted.run, &owner, wallet, on)?;
        Ok(json!({ "beside_passkeys": on }))
    };
    let act = StepUpAct::PasswordBesidePasskeys(on);
    asker.when_shown(app, &headers, &body, act, work).await
}

/// What an owner has: a password, and so many passkeys.
async fn standing(app: &App, owner: OwnerId) -> Result<(Option<PasswordState>, usize), Denial> {
    let read = app.registry.ask(move |registry| {
        let state = registry.passwords().state(&owner)?;
        let passkeys = registry.factors().passkeys_of(Surface::Wallet, &owner)?;
        Ok::<_, mamori_datastore::fault::Fault>((state, passkeys.len()))
    });
    Ok(read.await??)
}

/// Reads a new password of somebody who is signed in.
async fn fitting(app: &Arc<App>, owner: OwnerId, typed: &str) -> Result<Password, Denial> {
    let (inner, typed, now) = (Arc::clone(app), typed.to_owned(), app.outside.now());
    let fitting = app.passwords.ask(move |registry| -> Result<_, Denial> {
        let person = registry.people().find(&owner)?.ok_or(Denial::SignedOut)?;
        let contact = registry.contacts().preferred(person.wallet, now)?;
        let about = About {
            display_name: &person.display_name,
            contact: contact.as_ref(),
            operator: inner.about.operator_name.as_deref(),
        };
        inner.password_list.fit(&typed, &about).map_err(unfit)
    });
    fitting.await?
}

/// Strangers' tries with passwords, by their network: nobody with a passkey passes through here.
fn not_too_fast(app: &App, visitor: &Visitor, now: Timestamp) -> Result<(), Denial> {
    match visitor.origin.stranger() {
        Some((household, _)) if !app.identity.paces.passwords.allow(household, now) => {
            Err(Denial::Wait(SIGN_IN_WAITS, 60))
        }
        _ => Ok(()),
    }
}

/// The one answer to whatever is wrong with a sign-in.
fn not_accepted(why: NotAccepted) -> Denial {
    match why {
        NotAccepted::Wrong => SIGN_IN_REFUSED.into(),
        NotAccepted::Wait(seconds) => Denial::Wait(SIGN_IN_WAITS, seconds),
    }
}

pub fn unfit(why: Unfit) -> Denial {
    let words = match why {
        Unfit::Length(PasswordProblem::TooShort) => PASSWORD_TOO_SHORT,
        Unfit::Length(PasswordProblem::TooLong) => PASSWORD_TOO_LONG,
        Unfit::AboutYou => PASSWORD_ABOUT_YOU,
        Unfit::Common => PASSWORD_COMMON,
        Unfit::Leaked => PASSWORD_LEAKED,
    };
    words.into()
}

fn owners_browser(browser: &Browser, owner: &OwnerId) -> Vec<u8> {
    [&browser.hash()[..], &owner.0].concat()
}

/// What a page shows for setting an authenticator app up: the key to type, and the QR code of the same.
pub fn codes_to_set_up(secret: &TotpSecret, label: &str, handle: &str) -> Result<Value, Denial> {
    let key = secret.base32();
    let label: String = label.chars().filter(|c| !matches!(c, ':')).collect();
    let label = percent_encoded(&label);
    // SHA-1, six digits and thirty seconds go without saying; said, they would make the picture denser.
    let uri = format!(
        "otpauth://totp/Mamori:{label}?secret={}&issuer=Mamori",
        *key
    );
    let qr_svg = qr::svg_bytes(&uri).map_err(|_| Denial::Unavailable)?;
    let groups: Vec<&str> = (0..key.len())
        .step_by(4)
        .map(|at| &key[at..at + 4])
        .collect();
    Ok(json!({
        "enrolment": handle,
        "key": groups.join(" "),
        "uri": uri,
        "qr_svg": qr_svg,
    }))
}

/// Percent-encodes what is not a letter, a digit or `-._~`.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
        encoded
    })
}

/// Somebody whose contact is proven, on the way to a wallet without a passkey; carried by the browser, sealed.
pub(super) struct Newcomer {
    pub(super) owner: OwnerId,
    pub(super) contact: Contact,
    pub(super) display_name: String,
    pub(super) locale: String,
    pub(super) secret: TotpSecret,
}

impl Newcomer {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut ids = [0; 32];
        ids[..16].copy_from_slice(&self.owner.0);
        let mut secret = [0; 32];
        secret[..20].copy_from_slice(self.secret.expose());
        let texts = [
            encode_token(&ids),
            encode_token(&secret),
            self.contact.as_str().to_owned(),
            self.display_name.clone(),
            self.locale.clone(),
        ];
        json!(texts).to_string().into_bytes()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Newcomer> {
        let [ids, secret, contact, display_name, locale]: [String; 5] =
            serde_json::from_slice(bytes).ok()?;
        Some(Newcomer {
            owner: OwnerId(decode_token(&ids)?[..16].try_into().ok()?),
            contact: Contact::parse(&contact)?,
            display_name,
            locale,
            secret: TotpSecret::from_bytes(&decode_token(&secret)?[..20])?,
        })
    }
}
