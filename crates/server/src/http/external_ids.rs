//! External IDs: signing in with an account at another provider and a code by time, linking one, unlinking it.
//!
//! The provider says who somebody is there, and that is one factor: nothing opens without a code. The browser comes back to a page of
//! ours that opens nothing by being opened; its script sends what the provider said by `POST`, with the cookie of the browser that began.
//! What was wrong with it is in the log, and the browser hears one answer. An account that nobody has linked is answered like any other.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_connectors::openid::OpenIdProblem;
use mamori_domain::world::Timestamp;
use mamori_flows::external_id;
use mamori_registry::{
    AuthMethod, ExternalEnrolment, ExternalSubject, NEVER_USED, Surface, TOTP_DIGITS,
};
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Body, millis};
use crate::carried::{CARRIED_BYTES_MAX, Cargo};
use crate::denied::{
    CODE_EXPIRED, CODE_WRONG, EXTERNAL_ID_NEEDS_CODES, EXTERNAL_ID_REFUSED, EXTERNAL_ID_SILENT,
    SIGN_IN_EXPIRED, SIGN_IN_WAITS,
};
use crate::external_desk::ISSUER_BYTES_MAX;
use crate::http::password::{Newcomer, codes_to_set_up, newcomer_of, sign_in_by_code};
use crate::http::session::{
    self, Browser, NewDevice, NewSession, WalletSession, begin_for_newcomer,
};
use crate::http::step_up::{FreshPasskey, Granted};
use crate::identity::StepUpAct;
use crate::origin::Visitor;

/// Longest code of a provider that is looked at, in bytes.
const CODE_BYTES_MAX: usize = 2_048;

/// What a browser brought back from a provider.
struct Brought {
    state: String,
    /// None where the provider, or its visitor, said no.
    code: Option<String>,
    issuer: Option<String>,
}

impl Brought {
    fn read(body: &Body) -> Result<Brought, Denial> {
        Ok(Brought {
            state: body.text("state", CARRIED_BYTES_MAX)?.to_owned(),
            code: body.opt_text("code", CODE_BYTES_MAX)?.map(str::to_owned),
            issuer: body.opt_text("iss", ISSUER_BYTES_MAX)?.map(str::to_owned),
        })
    }

    /// The account, once the provider has confirmed it. Waits for the provider.
    fn subject(
        &self,
        app: &App,
        registry: &mamori_registry::Registry,
        (cargo, bound_to): (Cargo, &[u8]),
        now: Timestamp,
    ) -> Result<ExternalSubject, Denial> {
        let carried = (&app.identity.carried, cargo, bound_to);
        let Some(request) = app.external_desk.answer_to(&self.state, carried, now) else {
            tracing::info!(
                ?cargo,
                "risk: an external ID came back to a browser that had not asked, too late or twice"
            );
            return Err(EXTERNAL_ID_REFUSED.into());
        };
        let issuer = request.provider.provider.issuer();
        let Some(code) = &self.code else {
            tracing::info!(
                issuer,
                "a provider of external IDs, or its visitor, said no"
            );
            return Err(EXTERNAL_ID_REFUSED.into());
        };
        let subject = request.subject(code, self.issuer.as_deref(), now);
        let subject = subject.map_err(|problem| refused(issuer, problem))?;
        Ok(registry.external_subject(issuer, &subject))
    }
}

/// Why it is refused is for the log.
fn refused(issuer: &str, problem: OpenIdProblem) -> Denial {
    match problem {
        OpenIdProblem::Silence | OpenIdProblem::Discovery(_) => {
            tracing::error!(
                issuer,
                ?problem,
                "a provider of external IDs cannot be used"
            );
            EXTERNAL_ID_SILENT.into()
        }
        _ => {
            tracing::warn!(issuer, ?problem, "risk: an external ID was refused");
            EXTERNAL_ID_REFUSED.into()
        }
    }
}

/// Where the browser goes, with a request that only it can have answered.
async fn address(
    app: &Arc<App>,
    issuer: &str,
    cargo: Cargo,
    bound_to: Vec<u8>,
) -> Result<String, Denial> {
    let issuer = issuer.to_owned();
    if app.external_desk.find(&issuer).is_none() {
        return Err(Denial::InvalidField("provider"));
    }
    let (inner, now) = (Arc::clone(app), app.outside.now());
    let chance = (app.outside.bytes(), app.outside.bytes());
    let asked = app.external_ids.ask(move |_| {
        let desk = &inner.external_desk;
        let provider = desk.find(&issuer).ok_or(Denial::NotFound)?;
        let carried = (&inner.identity.carried, cargo, &bound_to[..]);
        let request = desk.request(provider, carried, now, chance);
        request
            .address(now)
            .map_err(|problem| refused(&issuer, problem))
    });
    asked.await?
}

/// `POST /api/external-id/sign-in/start {provider}`: where the browser goes.
pub async fn sign_in_start(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let issuer = body.text("provider", ISSUER_BYTES_MAX)?;
    let browser = Browser::of(&headers, &app);
    not_too_fast(&app, &visitor)?;
    let bound_to = browser.hash().to_vec();
    let address = address(&app, issuer, Cargo::ExternalSignIn, bound_to).await?;
    Ok(browser.on(done(json!({ "address": address }))))
}

/// `POST /api/external-id/sign-in/prove {state, code, iss}`: the same answer for every account that a provider confirms.
pub async fn sign_in_prove(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let brought = Brought::read(&body)?;
    let browser = Browser::of(&headers, &app);
    not_too_fast(&app, &visitor)?;
    let (inner, now) = (Arc::clone(&app), app.outside.now());
    let bound_to = browser.hash();
    let asked = app.external_ids.ask(move |registry| {
        brought.subject(&inner, registry, (Cargo::ExternalSignIn, &bound_to), now)
    });
    let subject = asked.await??;
    let (carried, nonce) = (&app.identity.carried, app.outside.bytes());
    let plain = subject.to_bytes();
    let handle = carried.hand_out(Cargo::ExternalProven, &browser.hash(), &plain, now, nonce);
    Ok(browser.on(done(json!({ "sign_in": handle }))))
}

/// `POST /api/external-id/sign-in/finish {sign_in, code}`: the session, or one refusal for whatever was wrong.
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
    let subject = (app.identity.carried)
        .open(Cargo::ExternalProven, &browser.hash(), handle, now)
        .and_then(|plain| ExternalSubject::from_bytes(&plain))
        .ok_or(SIGN_IN_EXPIRED)?;
    let browser = browser.traits(Surface::Wallet, &headers, Some(key));
    let (inner, seed) = (Arc::clone(&app), app.outside.seed());
    let signed_in = app.strangers.ask(move |registry| {
        let method = AuthMethod::ExternalIdAndTotp;
        let mut run = inner.run(registry, visitor.asker, now, &seed);
        sign_in_by_code(&inner, &mut run, method, &browser, |run, may, session| {
            external_id::sign_in(run, &subject, &code, may, session)
        })
    });
    Ok(signed_in.await??.on(done(json!({}))))
}

/// `POST /api/sign-up/external-id/start {sign_up, provider}`: where the browser goes of somebody whose contact is proven.
pub async fn sign_up_start(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let (sign_up, issuer) = (
        body.token("sign_up")?,
        body.text("provider", ISSUER_BYTES_MAX)?,
    );
    let browser = Browser::of(&headers, &app);
    not_too_fast(&app, &visitor)?;
    newcomer_of(&app, &browser, &sign_up, app.outside.now())?;
    let bound_to = browser.hash().to_vec();
    let address = address(&app, issuer, Cargo::ExternalSignUp, bound_to).await?;
    Ok(done(json!({ "address": address })))
}

/// `POST /api/sign-up/external-id/prove {sign_up, state, code, iss}`: the secret of the codes that stand beside the account.
pub async fn sign_up_prove(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let (sign_up, brought) = (body.token("sign_up")?, Brought::read(&body)?);
    let browser = Browser::of(&headers, &app);
    not_too_fast(&app, &visitor)?;
    let now = app.outside.now();
    let newcomer = newcomer_of(&app, &browser, &sign_up, now)?;
    let (inner, bound_to) = (Arc::clone(&app), browser.hash());
    let asked = app.external_ids.ask(move |registry| {
        brought.subject(&inner, registry, (Cargo::ExternalSignUp, &bound_to), now)
    });
    let subject = asked.await??;
    let plain = json!([
        URL_SAFE_NO_PAD.encode(newcomer.to_bytes()),
        URL_SAFE_NO_PAD.encode(subject.to_bytes()),
    ]);
    let (carried, nonce) = (&app.identity.carried, app.outside.bytes());
    let plain = plain.to_string().into_bytes();
    let handle = carried.hand_out(Cargo::ExternalNewcomer, &browser.hash(), &plain, now, nonce);
    let label = newcomer.contact.masked();
    Ok(done(codes_to_set_up(&newcomer.secret, &label, &handle)?))
}

/// `POST /api/sign-up/external-id/finish {enrolment, code}`: the person, the wallet, the session.
pub async fn sign_up_finish(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    NewDevice(key): NewDevice,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let handle = body.text("enrolment", CARRIED_BYTES_MAX)?;
    let code = body.digits("code", TOTP_DIGITS)?;
    let browser = Browser::of(&headers, &app);
    let now = app.outside.now();
    let (newcomer, subject) = (app.identity.carried)
        .open(Cargo::ExternalNewcomer, &browser.hash(), handle, now)
        .and_then(|plain| {
            let [newcomer, subject]: [String; 2] = serde_json::from_slice(&plain).ok()?;
            let newcomer = Newcomer::from_bytes(&URL_SAFE_NO_PAD.decode(newcomer).ok()?)?;
            let subject = URL_SAFE_NO_PAD.decode(subject).ok()?;
            Some((newcomer, ExternalSubject::from_bytes(&subject)?))
        })
        .ok_or(CODE_EXPIRED)?;
    let browser = browser.traits(Surface::Wallet, &headers, Some(key));
    let (inner, seed) = (Arc::clone(&app), app.outside.seed());
    let signed_up = app
        .strangers
        .ask(move |registry| -> Result<NewSession, Denial> {
            let step = newcomer.secret.step_of(&code, now, NEVER_USED);
            let enrolment = ExternalEnrolment {
                person: newcomer.owner,
                contact: &newcomer.contact,
                locale: &newcomer.locale,
                display_name: &newcomer.display_name,
                account: &subject,
                totp: (&newcomer.secret, step.ok_or(CODE_WRONG)?),
            };
            let mut run = inner.run(registry, visitor.asker, now, &seed);
            let device = Some(run.registry.device_key(key).fingerprint);
            let (wallet, credential) = external_id::open_wallet(&mut run, &enrolment, device)?;
            let who = session::Newcomer {
                surface: Surface::Wallet,
                owner: newcomer.owner,
                wallet: Some(wallet),
                credential,
            };
            begin_for_newcomer(
                &inner,
                &mut run,
                who,
                AuthMethod::ExternalIdAndTotp,
                &browser,
            )
        });
    Ok(signed_up.await??.on(done(json!({}))))
}

/// `GET /api/external-id`: what is offered, and what is linked.
pub async fn list(State(app): State<Arc<App>>, asker: WalletSession) -> Answer {
    let owner = asker.owner;
    let read = app.registry.ask(move |registry| {
        let linked = registry.external_ids().of(&owner)?;
        let codes = registry.passwords().has_codes(&owner)?;
        let password = registry.passwords().state(&owner)?;
        let passkeys = registry.factors().passkeys_of(Surface::Wallet, &owner)?;
        Ok::<_, mamori_datastore::fault::Fault>((linked, codes, password, passkeys.len()))
    });
    let (linked, codes, password, passkeys) = read.await??;
    let linked: Vec<Value> = linked
        .iter()
        .map(|link| {
            json!({
                "id": URL_SAFE_NO_PAD.encode(link.id),
                "provider": link.issuer,
                "name": name_of(&app, &link.issuer),
                "made_at_ms": millis(link.made_at),
                "used_at_ms": link.used_at.map(millis),
            })
        })
        .collect();
    let beside = password.is_some_and(|password| password.beside_passkeys);
    Ok(done(json!({
        "providers": offered(&app),
        "linked": linked,
        "codes": codes,
        "signs_in": codes && (passkeys == 0 || beside),
        "only_way": passkeys == 0 && password.is_none(),
    })))
}

/// The providers as pages show them.
pub fn offered(app: &App) -> Vec<Value> {
    let providers = app.external_desk.providers().iter();
    providers
        .map(|named| json!({ "provider": named.provider.issuer(), "name": named.name }))
        .collect()
}

/// What a provider is called; one that is not offered any more by its address.
fn name_of(app: &App, issuer: &str) -> String {
    let named = app.external_desk.find(issuer);
    named.map_or_else(|| issuer.to_owned(), |named| named.name.clone())
}

/// Only the browser and the session that began a link end it.
fn owners_session(browser: &Browser, asker: &WalletSession) -> Vec<u8> {
    [&browser.hash()[..], &asker.owner.0, &asker.session.0].concat()
}

/// `POST /api/external-id/link/start {provider}`: where the browser goes, with a step-up for exactly this provider.
pub async fn link_start(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<WalletSession>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let issuer = body.text("provider", ISSUER_BYTES_MAX)?.to_owned();
    let browser = Browser::of(&headers, &app);
    let owner = asker.caller().owner;
    let has_codes = app
        .registry
        .ask(move |registry| registry.passwords().has_codes(&owner))
        .await??;
    if !has_codes {
        return Err(EXTERNAL_ID_NEEDS_CODES.into());
    }
    let bound_to = owners_session(&browser, asker.caller());
    // Asked before the proof too: who is sent to a provider that is silent has shown the passkey in vain.
    let address = address(&app, &issuer, Cargo::ExternalLink, bound_to).await?;
    let act = StepUpAct::LinkExternalId(issuer);
    let work = move |_: Granted<WalletSession>| Ok(json!({ "address": address }));
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `POST /api/external-id/link/finish {state, code, iss}`: the link, in the session that has just shown its proof for that.
pub async fn link_finish(
    State(app): State<Arc<App>>,
    asker: WalletSession,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let brought = Brought::read(&body)?;
    let browser = Browser::of(&headers, &app);
    let bound_to = owners_session(&browser, &asker);
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let linked = app.external_ids.ask(move |registry| -> Result<(), Denial> {
        let subject = brought.subject(&inner, registry, (Cargo::ExternalLink, &bound_to), now)?;
        let mut run = inner.run(registry, asker.asker, now, &seed);
        external_id::link(&mut run, &asker.owner, asker.wallet, &subject)?;
        Ok(())
    });
    linked.await??;
    Ok(done(json!({})))
}

/// `POST /api/external-id/unlink {id}`: unlinks one, with a step-up for exactly this one. The last way in stays.
pub async fn unlink(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<WalletSession>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let id = URL_SAFE_NO_PAD.decode(body.text("id", 22)?);
    let id: [u8; 16] =
        (id.ok().and_then(|id| id.try_into().ok())).ok_or(Denial::InvalidField("id"))?;
    let work = move |mut granted: Granted<WalletSession>| {
        let WalletSession { owner, wallet, .. } = *granted.caller;
        let ended = external_id::unlink(&mut granted.run, &owner, wallet, &id)?;
        for one in &ended {
            granted.app.identity.sessions.forget(&one.session);
        }
        let own = granted.caller.session;
        Ok(json!({ "signed_out": ended.iter().any(|one| one.session == own) }))
    };
    let act = StepUpAct::UnlinkExternalId(id);
    asker.when_shown(app, &headers, &body, act, work).await
}

/// Strangers make us ask a provider: by their network.
fn not_too_fast(app: &App, visitor: &Visitor) -> Result<(), Denial> {
    match visitor.origin.stranger() {
        Some((household, _))
            if !(app.identity.paces.external_ids).allow(household, app.outside.now()) =>
        {
            Err(Denial::Wait(SIGN_IN_WAITS, 60))
        }
        _ => Ok(()),
    }
}
