//! Acts that ask for a fresh passkey though their caller is signed in: one state machine, for customers and operators.
//!
//! | state | what is kept | what ends it |
//! |---|---|---|
//! | signed in | nothing | the challenge is asked for: at most 30 a minute and owner |
//! | challenged | in memory: the challenge, the act with its object, the session, the browser | an answer, good or bad, or five minutes |
//! | shown | the session goes on under a new token | the act runs at once, and once |
//!
//! An owner without a passkey types a code by time instead: the challenge says `totp: true` in place of `request`, and the answer has
//! `totp` in place of `credential`. Whoever has a passkey shows it: nothing weaker is taken than what was set. A code counts only on the
//! device that the wallet pays from.
//!
//! Two shapes on the wire. Operators' routes and those of contacts are asked twice with the same fields: the first answer is the challenge,
//! and does nothing; the second time the page adds `step_up` and `credential`. Unfreezing has a route for each, and so has what must
//! be earned first, such as a contact by its code.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use mamori_datastore::fault::Fault;
use mamori_domain::context::Asker;
use mamori_domain::ids::WalletId;
use mamori_domain::refusal::Refusal;
use mamori_domain::world::Timestamp;
use mamori_engine::Engine;
use mamori_flows::{Run, password, sign_in};
use mamori_registry::{
    NotAccepted, OwnerId, Registry, Seed, SessionId, Surface, TOTP_DIGITS, token_hash,
};
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::Body;
use crate::cookies::{Token, encode_token};
use crate::denied::{CODE_WRONG, PASSKEY_NEEDED, SIGN_IN_WAITS, refused as refused_by_ledger};
use crate::device_proof::Thumbprint;
use crate::http::assertions::{Shown, not_proven, refused};
use crate::http::session::{Browser, NewSession, OperatorSession, WalletSession, take_in};
use crate::identity::{Purpose, StepUpAct};
use crate::relying_party::{Asserting, PasskeyProblem};
use crate::route_table::{Demand, Gate};

/// A caller who is signed in and has a passkey.
pub trait SignedIn: FromRequestParts<Arc<App>, Rejection = Denial> + Send + 'static {
    const SURFACE: Surface;
    /// What a route demands that wants the passkey too.
    const WITH_PASSKEY: Demand;
    fn who(&self) -> Who;
    /// Whether the caller may still do what the route is for: asked once more when the passkey was shown.
    fn still(&self, _: &mut Registry) -> Result<(), Denial> {
        Ok(())
    }
}

/// What a step-up needs to know of its caller.
#[derive(Clone, Copy)]
pub struct Who {
    owner: OwnerId,
    session: SessionId,
    token_hash: [u8; 32],
    /// The device's key that came with this request.
    key: Option<Thumbprint>,
    /// The customer's; None for operators.
    wallet: Option<WalletId>,
    asker: Asker,
}

impl Who {
    /// Whether the wallet pays from another device than the one that asks. A page that passes a password and its codes on has both of
    /// them as often as it likes, and a device of its own: there a code proves nothing.
    fn is_elsewhere(&self, engine: &Engine, registry: &Registry) -> Result<bool, Fault> {
        let Some(wallet) = self.wallet else {
            return Ok(false);
        };
        let own = self.key.map(|key| registry.device_key(key).fingerprint);
        let bound = engine.device_of_wallet(wallet)?;
        Ok(bound.is_some() && bound != own)
    }
}

impl SignedIn for WalletSession {
    const SURFACE: Surface = Surface::Wallet;
    const WITH_PASSKEY: Demand = Demand::CustomerWithPasskey;

    fn who(&self) -> Who {
        Who {
            owner: self.owner,
            session: self.session,
            token_hash: self.token_hash,
            key: self.key,
            wallet: Some(self.wallet),
            asker: self.asker,
        }
    }
}

impl OperatorSession {
    /// Who asks, for a step-up.
    pub(super) const fn who(&self) -> Who {
        Who {
            owner: self.owner,
            session: self.session,
            token_hash: self.token_hash,
            key: None,
            wallet: None,
            asker: self.asker,
        }
    }
}

/// A caller who is signed in, at a route that demands the passkey too. Nothing is done in the session's name until
/// the passkey was shown: a handler that asks for it before may only read.
pub struct FreshPasskey<C>(C);

impl<C: SignedIn> Gate for FreshPasskey<C> {
    const DEMAND: Demand = C::WITH_PASSKEY;
}

impl<C: SignedIn> FromRequestParts<Arc<App>> for FreshPasskey<C> {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Denial> {
        C::from_request_parts(parts, app).await.map(FreshPasskey)
    }
}

impl<C> FreshPasskey<C> {
    /// The caller, for looking at what an act would change. It says nothing of what was shown.
    pub const fn caller(&self) -> &C {
        &self.0
    }
}

/// What an act finds on its worker thread: its caller, and the flow's run in the caller's name.
pub struct Granted<'a, C> {
    pub app: &'a App,
    pub caller: &'a C,
    pub run: Run<'a>,
}

impl<C: SignedIn + Sync> FreshPasskey<C> {
    /// Asked twice: runs `work` once the caller has shown the passkey for exactly this act; until then answers with the challenge.
    pub async fn when_shown(
        self,
        app: Arc<App>,
        headers: &HeaderMap,
        body: &Body,
        act: StepUpAct,
        work: impl FnOnce(Granted<C>) -> Result<Value, Denial> + Send + 'static,
    ) -> Answer {
        if body.has("step_up") {
            self.shown(app, headers, body, act, work).await
        } else {
            challenge(&app, headers, &self.0, act).await
        }
    }

    /// The same, but what `look` refuses is said before the passkey is asked for. It hears who asks, and changes nothing.
    pub async fn when_shown_after(
        self,
        app: Arc<App>,
        headers: &HeaderMap,
        body: &Body,
        act: StepUpAct,
        look: impl FnOnce(&mut Run, &OwnerId) -> Result<(), Denial> + Send + 'static,
        work: impl FnOnce(Granted<C>) -> Result<Value, Denial> + Send + 'static,
    ) -> Answer {
        if body.has("step_up") {
            return self.shown(app, headers, body, act, work).await;
        }
        let (who, now, seed) = (self.0.who(), app.outside.now(), app.outside.seed());
        let inner = Arc::clone(&app);
        let looked = app.registry.ask(move |registry| {
            let mut run = inner.run(registry, who.asker, now, &seed);
            look(&mut run, &who.owner)
        });
        looked.await??;
        challenge(&app, headers, &self.0, act).await
    }

    /// Runs `work` if the body answers the challenge that was given out for exactly this act, in this session and browser.
    pub async fn shown(
        self,
        app: Arc<App>,
        headers: &HeaderMap,
        body: &Body,
        act: StepUpAct,
        work: impl FnOnce(Granted<C>) -> Result<Value, Denial> + Send + 'static,
    ) -> Answer {
        let handle = body.token("step_up")?;
        let proof = match body.has("totp") {
            true => Proof::Code(body.digits("totp", TOTP_DIGITS)?),
            false => Proof::Passkey(body.object("credential")?),
        };
        let browser = Browser::of(headers, &app);
        let (caller, now) = (self.0, app.outside.now());
        let who = caller.who();
        let ceremonies = &app.identity.ceremonies;
        let asserting = match ceremonies.take(&token_hash(&handle), &browser.hash(), now) {
            Some(Purpose::StepUp {
                asserting,
                act: agreed,
                session,
            }) if session == who.session && agreed == act => asserting,
            _ => return Err(refused("step-up", PasskeyProblem::OtherChallenge)),
        };
        let (inner, seed) = (Arc::clone(&app), app.outside.seed());
        let ran = app.registry.ask(move |registry| -> Result<_, Denial> {
            let surface = C::SURFACE;
            let session = prove(
                &inner,
                registry,
                surface,
                &who,
                &proof,
                asserting.as_ref(),
                now,
                &seed,
            )?;
            if let Err(denial) = caller.still(registry) {
                return Ok((session, Err(denial)));
            }
            let granted = Granted {
                app: &inner,
                caller: &caller,
                run: inner.run(registry, who.asker, now, &seed),
            };
            Ok((session, work(granted)))
        });
        let (session, worked) = ran.await??;
        // The old token ended when the passkey was shown: the cookie goes along with every answer, a refusal too.
        Ok(session.on(match worked {
            Ok(body) => done(body),
            Err(denial) => denial.into_response(),
        }))
    }
}

/// Gives out the challenge for one act, for this session and browser.
pub async fn challenge<C: SignedIn>(
    app: &Arc<App>,
    headers: &HeaderMap,
    caller: &C,
    act: StepUpAct,
) -> Answer {
    challenge_after(app, headers, caller, async { Ok(act) }).await
}

/// The same for an act that is only known once `earn` has come to its end. A place for the challenge is kept meanwhile: what `earn` uses
/// up is not used up in vain.
pub async fn challenge_after<C: SignedIn>(
    app: &Arc<App>,
    headers: &HeaderMap,
    caller: &C,
    earn: impl Future<Output = Result<StepUpAct, Denial>>,
) -> Answer {
    let (browser, who) = (Browser::of(headers, app), caller.who());
    // A challenge keeps a place among those that wait: each owner has a bounded number of them.
    let (paces, now) = (&app.identity.paces, app.outside.now());
    if !paces.step_ups.allow(who.owner.0, now) {
        return Err(Denial::Busy);
    }
    let place = app.identity.ceremonies.promise(now).ok_or(Denial::Busy)?;
    let engine = app.ledger.engine.clone();
    let read = app.registry.ask(move |registry| {
        let keys = registry.factors().passkeys_of(C::SURFACE, &who.owner)?;
        let is_customer = C::SURFACE == Surface::Wallet;
        let types_code =
            keys.is_empty() && is_customer && registry.passwords().has_codes(&who.owner)?;
        let is_elsewhere = types_code && who.is_elsewhere(&engine, registry)?;
        Ok::<_, Fault>((keys, types_code, is_elsewhere))
    });
    let (keys, types_code, is_elsewhere) = read.await??;
    let (asserting, mut answer) = match types_code {
        true => (None, json!({ "totp": true })),
        false => {
            let started = app.identity.party(C::SURFACE).start_assertion(&keys);
            let (request, asserting) = started.map_err(|problem| refused("step-up", problem))?;
            (Some(asserting), json!({ "request": request }))
        }
    };
    let act = earn.await?;
    if types_code && !act.takes_a_code() {
        return Err(PASSKEY_NEEDED.into());
    }
    if is_elsewhere {
        return Err(refused_by_ledger(Refusal::DeviceNotBound));
    }
    let purpose = Purpose::StepUp {
        asserting,
        act,
        session: who.session,
    };
    let handle: Token = app.outside.bytes();
    place.begin(token_hash(&handle), browser.hash(), purpose, now);
    answer["step_up"] = json!(encode_token(&handle));
    Ok(browser.on(done(answer)))
}

/// What answers a challenge.
enum Proof {
    /// What an authenticator signed.
    Passkey(Value),
    /// What an authenticator app shows.
    Code(String),
}

/// The passkey or code is the caller's own and fresh; the session goes on under a new token.
#[allow(clippy::too_many_arguments)]
fn prove(
    app: &App,
    registry: &mut Registry,
    surface: Surface,
    who: &Who,
    proof: &Proof,
    asserting: Option<&Asserting>,
    now: Timestamp,
    seed: &Seed,
) -> Result<NewSession, Denial> {
    let (credential, asserting) = match (proof, asserting) {
        (Proof::Passkey(credential), Some(asserting)) => (credential, asserting),
        (Proof::Code(code), None) => return prove_by_code(app, registry, who, code, now, seed),
        // Nothing weaker than what was asked for.
        _ => return Err(refused("step-up", PasskeyProblem::OtherChallenge)),
    };
    let shown = Shown::read(app.identity.party(surface), credential, asserting)
        .map_err(|problem| refused("step-up", problem))?;
    let as_of = app.identity.sessions.endings();
    let mut run = app.run(registry, who.asker, now, seed);
    let key = who.key.map(|key| run.registry.device_key(key));
    let session = (&who.token_hash, key);
    let renewed = sign_in::step_up(&mut run, surface, &who.owner, session, &shown)?
        .map_err(|why| not_proven("step-up", why))?;
    Ok(take_in(app, renewed, Some(&who.token_hash), now, as_of))
}

/// The code is the caller's own and new, and there is still no passkey.
fn prove_by_code(
    app: &App,
    registry: &mut Registry,
    who: &Who,
    code: &str,
    now: Timestamp,
    seed: &Seed,
) -> Result<NewSession, Denial> {
    let other_challenge = || refused("step-up", PasskeyProblem::OtherChallenge);
    let wallet = who.wallet.ok_or_else(other_challenge)?;
    let keys = registry
        .factors()
        .passkeys_of(Surface::Wallet, &who.owner)?;
    if !keys.is_empty() {
        return Err(other_challenge());
    }
    // The wallet may have moved to another device since the challenge.
    if who.is_elsewhere(&app.ledger.engine, registry)? {
        return Err(refused_by_ledger(Refusal::DeviceNotBound));
    }
    let as_of = app.identity.sessions.endings();
    let mut run = app.run(registry, who.asker, now, seed);
    let renewed = password::step_up(&mut run, &who.owner, wallet, &who.token_hash, code)?;
    let renewed = renewed.map_err(|why| match why {
        NotAccepted::Wrong => Denial::from(CODE_WRONG),
        NotAccepted::Wait(seconds) => Denial::Wait(SIGN_IN_WAITS, seconds),
    })?;
    Ok(take_in(app, renewed, Some(&who.token_hash), now, as_of))
}
