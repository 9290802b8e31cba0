//! Who asks: extractors for signed-in people and enrolled tills, and the beginning and end of sessions.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_domain::command::{Command, Request};
use mamori_domain::context::{Actor, Asker, Context};
use mamori_domain::ids::{self, Fingerprint, SupervisorId, WalletId};
use mamori_domain::query::Query;
use mamori_domain::world::Timestamp;
use mamori_flows::Run;
use mamori_flows::session::{self, SessionOwner, TokenSession, journal_id};
use mamori_registry::{
    Aal, AuthMethod, Device, OwnerId, Registry, SessionDevice, SessionId, SessionRow, Surface,
    token_hash,
};
use serde_json::json;

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Body, millis};
use crate::cookies::{Cookie, Token};
use crate::denied::DEVICE_NOT_PROVEN;
use crate::device_proof::{ProofProblem, Proven, Thumbprint, put_token_hash};
use crate::identity::TILL_DEVICE_SECONDS;
use crate::origin::{Origin, Visitor};
use crate::route_table::{Demand, Gate};
use crate::sessions::{Admitted, Look, SessionLimits};

/// A customer who is signed in.
#[derive(Clone, Debug)]
pub struct WalletSession {
    /// The wallet.
    pub wallet: WalletId,
    /// The person.
    pub owner: OwnerId,
    /// The session.
    pub session: SessionId,
    /// For [`Sessions::until_ended`](crate::sessions::Sessions::until_ended) beside a stream.
    pub token_hash: [u8; 32],
    /// How the session was opened, how much that proves, and in which browser.
    pub opened: Opened,
    /// The key of the device that has proven itself with this request: the session's own, or any that a session without one was asked with.
    pub key: Option<Thumbprint>,
    /// Who asks, as the journal says it.
    pub asker: Asker,
}

/// How a session was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    pub method: AuthMethod,
    pub assurance: Aal,
    pub device: SessionDevice,
    /// When the session ends whatever happens.
    pub ends_at: Timestamp,
    /// By which credential, where that was written down.
    pub credential: Option<Fingerprint>,
}

impl Opened {
    fn of(row: &SessionRow) -> Opened {
        Opened {
            method: row.method,
            assurance: row.assurance,
            device: row.device,
            ends_at: row.ends_at,
            credential: row.credential,
        }
    }
}

/// An operator who is signed in.
#[derive(Clone, Debug)]
pub struct OperatorSession {
    /// The operator.
    pub owner: OwnerId,
    /// The session.
    pub session: SessionId,
    /// For a stream, as above.
    pub token_hash: [u8; 32],
    /// As above.
    pub opened: Opened,
    /// Who asks, as the journal says it.
    pub asker: Asker,
}

/// An operator in a log: the first half of the id.
pub fn operator_mark(owner: &OwnerId) -> String {
    owner.0[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A till page on an enrolled device. The book checks the device once more when money moves.
#[derive(Clone, Copy, Debug)]
pub struct TillDevice {
    pub device: Device,
    /// Who asks, as the journal says it.
    pub asker: Asker,
}

impl TillDevice {
    /// The same device with a supervisor beside it, for one request.
    pub fn approved_by(self, supervisor: SupervisorId) -> TillDevice {
        let Device {
            till, fingerprint, ..
        } = self.device;
        let by = Actor::Till {
            till,
            device: fingerprint,
            approved_by: Some(supervisor),
        };
        let context = Context {
            by,
            ..self.asker.context
        };
        TillDevice {
            asker: Asker::new(context).with_request(self.asker.request),
            ..self
        }
    }
}

impl FromRequestParts<Arc<App>> for WalletSession {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Denial> {
        let (row, token_hash) = signed_in(app, Surface::Wallet, &parts.headers).await?;
        let wallet = row.wallet.ok_or(Denial::SignedOut)?;
        let key = proven_device(app, parts, &row)?;
        Ok(WalletSession {
            wallet,
            owner: row.owner,
            session: row.session,
            token_hash,
            opened: Opened::of(&row),
            asker: Origin::of(parts, app).asker(Actor::Customer {
                wallet,
                session: journal_id(&row.session),
                credential: row.credential,
                device: row.device.key.map(|key| key.fingerprint),
            }),
            key,
        })
    }
}

/// A session that belongs to a device is worth nothing without it. One of an older program belongs to none yet; a proof that comes with
/// it all the same is kept for the moment when it takes a device.
fn proven_device(app: &App, parts: &Parts, row: &SessionRow) -> Result<Option<Thumbprint>, Denial> {
    let token = Cookie::Session(Surface::Wallet).read(&parts.headers);
    let expected = row.device.key.map(|key| key.thumbprint);
    match check_device(app, parts, token.as_ref(), expected.as_ref()) {
        Ok(key) => Ok(Some(key)),
        Err(_) if expected.is_none() => Ok(None),
        Err(problem) => {
            if problem != ProofProblem::Nonce {
                tracing::warn!(
                    ?problem,
                    wallet = row.wallet.map(|wallet| wallet.0),
                    "risk: a session's cookie came without its device"
                );
            }
            Err(not_proven(problem))
        }
    }
}

fn check_device(
    app: &App,
    parts: &Parts,
    token: Option<&Token>,
    expected: Option<&Thumbprint>,
) -> Result<Thumbprint, ProofProblem> {
    let about = Proven {
        method: &parts.method,
        origin: &app.identity.wallet_origin,
        path: parts.uri.path(),
        token,
    };
    let proofs = &app.identity.device_proofs;
    proofs.check(&parts.headers, &about, expected, app.outside.now())
}

/// Which part of a proof is wrong is for the log: whoever has a cookie and no device is signed out.
fn not_proven(problem: ProofProblem) -> Denial {
    match problem {
        ProofProblem::Nonce => Denial::StaleNonce,
        ProofProblem::Busy => Denial::Busy,
        _ => Denial::SignedOut,
    }
}

/// The device on which somebody signs up or in to the wallet: its key has signed this request.
pub struct NewDevice(pub Thumbprint);

impl FromRequestParts<Arc<App>> for NewDevice {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Denial> {
        match check_device(app, parts, None, None) {
            Ok(key) => Ok(NewDevice(key)),
            Err(problem @ (ProofProblem::Nonce | ProofProblem::Busy)) => Err(not_proven(problem)),
            Err(problem) => {
                tracing::info!(?problem, "a device did not prove its key");
                Err(DEVICE_NOT_PROVEN.into())
            }
        }
    }
}

impl FromRequestParts<Arc<App>> for OperatorSession {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Denial> {
        let (row, token_hash) = signed_in(app, Surface::Console, &parts.headers).await?;
        Ok(OperatorSession {
            owner: row.owner,
            session: row.session,
            token_hash,
            opened: Opened::of(&row),
            asker: Origin::of(parts, app).asker(Actor::Operator {
                operator: operator_id(&row.owner),
                session: journal_id(&row.session),
            }),
        })
    }
}

impl Gate for WalletSession {
    const DEMAND: Demand = Demand::Customer;
}

impl Gate for TillDevice {
    const DEMAND: Demand = Demand::Device;
}

/// The requests that a caller of a page makes.
macro_rules! asks_as_itself {
    ($($caller:ty),+) => {
        $(impl $caller {
            /// A command of this caller.
            pub fn command(&self, command: Command) -> Request {
                Request::command(self.asker, command)
            }
            /// A query of this caller.
            pub fn query(&self, query: Query) -> Request {
                Request::query(self.asker, query)
            }
        })+
    };
}
asks_as_itself!(WalletSession, OperatorSession, TillDevice);

/// An operator as the journal names them.
pub fn operator_id(owner: &OwnerId) -> ids::OperatorId {
    ids::OperatorId(u128::from_be_bytes(owner.0))
}

impl FromRequestParts<Arc<App>> for TillDevice {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Denial> {
        let token = Cookie::Session(Surface::Till)
            .read(&parts.headers)
            .ok_or(Denial::SignedOut)?;
        let hash = token_hash(&token);
        let device = match app.identity.devices.get(&hash) {
            Some(device) => device,
            None => {
                let device = app
                    .strangers
                    .ask(move |registry| registry.devices().find(&hash))
                    .await??
                    .ok_or(Denial::SignedOut)?;
                app.identity.devices.remember(hash, device);
                device
            }
        };
        if app.outside.now() < device.made_at.plus_seconds(TILL_DEVICE_SECONDS) {
            let by = Actor::till(device.till, device.fingerprint);
            Ok(TillDevice {
                device,
                asker: Origin::of(parts, app).asker(by),
            })
        } else {
            Err(Denial::SignedOut)
        }
    }
}

async fn signed_in(
    app: &Arc<App>,
    surface: Surface,
    headers: &HeaderMap,
) -> Result<(SessionRow, [u8; 32]), Denial> {
    let token = Cookie::Session(surface)
        .read(headers)
        .ok_or(Denial::SignedOut)?;
    let hash = token_hash(&token);
    let now = app.outside.now();
    match app.identity.sessions.look(surface, &hash, now) {
        Look::Live { row, write: false } => Ok((row, hash)),
        Look::Live { row, write: true } => {
            let (writer, session) = (Arc::clone(app), row.session);
            // No task waits for this, and a busy moment may skip it: the next minute writes it.
            let _ = app.registry.hand_over(move |registry| {
                match registry.sessions().touch(&session, now) {
                    Ok(true) => {}
                    Ok(false) => writer.identity.sessions.forget(&session),
                    Err(fault) => {
                        tracing::warn!(fault = %fault, "the use of a session was not written down")
                    }
                }
            });
            Ok((row, hash))
        }
        Look::Over(row) => {
            app.registry
                .ask(move |registry| registry.sessions().end(surface, &row.owner, &row.session))
                .await??;
            Err(Denial::SignedOut)
        }
        Look::Unknown => {
            for _ in 0..READS_MAX {
                let as_of = app.identity.sessions.endings();
                let row = app
                    .strangers
                    .ask(move |registry| registry.sessions().find(surface, &hash))
                    .await??
                    .ok_or(Denial::SignedOut)?;
                match app
                    .identity
                    .sessions
                    .admit_read(hash, row.clone(), now, as_of)
                {
                    Admitted::Live => return Ok((row, hash)),
                    Admitted::Over => return Err(Denial::SignedOut),
                    // Some session ended meanwhile, perhaps this one: the row is read again.
                    Admitted::Stale => {}
                }
            }
            Err(Denial::Busy)
        }
    }
}

/// How often a row is read again because sessions ended while it was read.
const READS_MAX: usize = 8;

/// A session that was just stored; the cookie is still to be set.
pub struct NewSession {
    surface: Surface,
    token: Token,
}

/// What a session that begins in this browser is like. The token that the browser held before ends: one planted in a browser
/// beforehand is worth nothing.
pub fn new_session(
    surface: Surface,
    owner: SessionOwner,
    method: AuthMethod,
    device: SessionDevice,
    browser: &BrowserTraits,
    now: Timestamp,
) -> session::NewSession {
    session::NewSession {
        surface,
        owner,
        method,
        device,
        ends_at: now.plus_seconds(SessionLimits::of(surface).absolute_seconds),
        replaced: browser.replaced(),
    }
}

/// What is kept with a session of the browser that it is opened in.
pub fn new_session_device(registry: &Registry, browser: &BrowserTraits) -> SessionDevice {
    registry.session_device(&browser.token, &browser.user_agent, browser.key)
}

/// An owner who has just come to be.
pub struct Newcomer {
    pub surface: Surface,
    /// Person or operator.
    pub owner: OwnerId,
    /// The customer's; None for operators.
    pub wallet: Option<WalletId>,
    /// The passkey that was just made.
    pub credential: Fingerprint,
}

/// Signs a newcomer in, in this browser.
pub fn begin_for_newcomer(
    app: &App,
    run: &mut Run,
    newcomer: Newcomer,
    method: AuthMethod,
    browser: &BrowserTraits,
) -> Result<NewSession, Denial> {
    let (surface, now) = (newcomer.surface, run.now);
    let mut sessions = run.registry.sessions();
    let generation = sessions.generation(surface, &newcomer.owner)?;
    let owner = SessionOwner {
        owner: newcomer.owner,
        wallet: newcomer.wallet,
        generation: generation.ok_or(Denial::SignedOut)?,
        credential: Some(newcomer.credential),
    };
    let device = new_session_device(run.registry, browser);
    let new = new_session(surface, owner, method, device, browser, now);
    let (replaced, as_of) = (new.replaced, app.identity.sessions.endings());
    let begun = session::begin(run, new)?;
    Ok(take_in(app, begun, replaced.as_ref(), now, as_of))
}

/// Takes a session into memory that was stored or renewed when there had been `as_of` endings, in place of the token `old`.
pub fn take_in(
    app: &App,
    stored: TokenSession,
    old: Option<&[u8; 32]>,
    now: Timestamp,
    as_of: u64,
) -> NewSession {
    let TokenSession { row, token, ended } = stored;
    let surface = row.surface;
    let sessions = &app.identity.sessions;
    sessions.admit_in_place_of(token_hash(&token), row, old, now, as_of);
    for one in &ended {
        sessions.forget(&one.session);
    }
    NewSession { surface, token }
}

impl NewSession {
    /// Puts the cookie on the answer.
    pub fn on(self, mut response: Response) -> Response {
        let seconds = SessionLimits::of(self.surface).absolute_seconds;
        Cookie::Session(self.surface).set(&mut response, &self.token, Some(seconds));
        if self.surface == Surface::Wallet {
            put_token_hash(&mut response, &self.token, seconds);
        }
        response
    }
}

/// What a request tells of the browser it comes from.
pub struct BrowserTraits {
    token: Token,
    user_agent: String,
    /// The token of the session that it holds on this surface.
    session: Option<Token>,
    /// The key that it has proven, on a surface whose sessions belong to devices.
    key: Option<Thumbprint>,
}

impl BrowserTraits {
    /// The hash of the token whose session ends when another begins here.
    pub fn replaced(&self) -> Option<[u8; 32]> {
        self.session.as_ref().map(|token| token_hash(token))
    }
}

/// The secret of this browser, and whether it was made just now.
pub struct Browser {
    /// 256 bits, in the browser's cookie.
    pub token: Token,
    is_new: bool,
}

impl Browser {
    /// Reads the cookie, or draws a new secret.
    pub fn of(headers: &HeaderMap, app: &App) -> Browser {
        match Cookie::Browser.read(headers) {
            Some(token) => Browser {
                token,
                is_new: false,
            },
            None => Browser {
                token: app.outside.bytes(),
                is_new: true,
            },
        }
    }

    /// What is kept of it with a session of a surface; `headers` are those of its request.
    pub fn traits(
        &self,
        surface: Surface,
        headers: &HeaderMap,
        key: Option<Thumbprint>,
    ) -> BrowserTraits {
        let claimed = headers.get(USER_AGENT).and_then(|text| text.to_str().ok());
        BrowserTraits {
            token: self.token,
            user_agent: claimed.unwrap_or_default().to_owned(),
            session: Cookie::Session(surface).read(headers),
            key,
        }
    }

    /// What ceremonies are bound to.
    pub fn hash(&self) -> [u8; 32] {
        token_hash(&self.token)
    }

    /// Sets the cookie if the browser has none yet.
    pub fn on(&self, mut response: Response) -> Response {
        if self.is_new {
            Cookie::Browser.set(&mut response, &self.token, None);
        }
        response
    }
}

/// `POST /api/sign-out` of the wallet: always succeeds, also for a browser that is signed out.
pub async fn sign_out_wallet(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    headers: HeaderMap,
    _: Body,
) -> Answer {
    sign_out(&app, Surface::Wallet, visitor.asker, &headers).await
}

/// `POST /api/sign-out` of the console.
pub async fn sign_out_console(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    headers: HeaderMap,
    _: Body,
) -> Answer {
    sign_out(&app, Surface::Console, visitor.asker, &headers).await
}

async fn sign_out(app: &Arc<App>, surface: Surface, asker: Asker, headers: &HeaderMap) -> Answer {
    let cookie = Cookie::Session(surface);
    if let Some(token) = cookie.read(headers) {
        let hash = token_hash(&token);
        let (inner, now, seed) = (Arc::clone(app), app.outside.now(), app.outside.seed());
        let ended = app.strangers.ask(move |registry| {
            let mut run = inner.run(registry, asker, now, &seed);
            session::sign_out(&mut run, surface, &hash)
        });
        ended.await??;
        // After the database: a request in between could have read the row back into memory.
        app.identity.sessions.forget_token(&hash);
    }
    let mut response = done(json!({}));
    cookie.clear(&mut response);
    Ok(response)
}

/// `GET /api/sessions` of the wallet: where the owner is signed in.
pub async fn list_sessions(State(app): State<Arc<App>>, asker: WalletSession) -> Answer {
    let now = app.outside.now();
    let rows = app
        .registry
        .ask(move |registry| registry.sessions().of(Surface::Wallet, &asker.owner, now))
        .await??;
    let idle_seconds = SessionLimits::of(Surface::Wallet).idle_seconds;
    let sessions: Vec<_> = rows
        .into_iter()
        .filter(|row| row.session == asker.session || row.seen_at.plus_seconds(idle_seconds) > now)
        .map(|row| {
            json!({
                "session": session_word(&row.session),
                "current": row.session == asker.session,
                "browser": row.device.agent.word(),
                "made_at_ms": millis(row.made_at),
                "seen_at_ms": millis(row.seen_at),
                "ends_at_ms": millis(row.ends_at),
            })
        })
        .collect();
    Ok(done(json!({ "sessions": sessions })))
}

/// A session as pages name it: enough to end it, too little to be it.
pub fn session_word(session: &SessionId) -> String {
    URL_SAFE_NO_PAD.encode(session.0)
}

/// `POST /api/sessions/end {session}` of the wallet: ends one of the owner's sessions.
pub async fn end_session(State(app): State<Arc<App>>, asker: WalletSession, body: Body) -> Answer {
    let named = URL_SAFE_NO_PAD
        .decode(body.text("session", 22)?)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    let session = SessionId(named.ok_or(Denial::InvalidField("session"))?);
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let ended = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        session::end(&mut run, Surface::Wallet, &asker.owner, &session)
    });
    ended.await??.ok_or(Denial::NotFound)?;
    app.identity.sessions.forget(&session);
    Ok(done(json!({})))
}

/// `POST /api/sessions/end-others` of the wallet: ends all of the owner's sessions but this one.
pub async fn end_other_sessions(
    State(app): State<Arc<App>>,
    asker: WalletSession,
    _: Body,
) -> Answer {
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let ended = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        session::end_others(&mut run, Surface::Wallet, &asker.owner, &asker.session)
    });
    let ended = ended.await??;
    for one in &ended {
        app.identity.sessions.forget(&one.session);
    }
    Ok(done(json!({ "ended": ended.len() })))
}
