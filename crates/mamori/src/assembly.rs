//! Puts a running instance together from validated parts; the same for `serve`, `dev` and the benchmark.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::Service;
use hyper::{Request, Response};
use mamori_api::nonce::NonceMemory;
use mamori_codes::payment_code::IssuerPrefix;
use mamori_connectors::card::{CardConfig, CardProcessor};
use mamori_connectors::openid::{ClientProof, OpenIdConfig, OpenIdProvider};
use mamori_connectors::secret::Secret;
use mamori_datastore::fault::Fault;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::Location;
use mamori_domain::decide::Limits;
use mamori_domain::lifecycle::Purpose;
use mamori_domain::world::Timestamp;
use mamori_engine::{Engine, EngineConfig};
use mamori_flows::messages::Messenger;
use mamori_flows::reconcile;
use mamori_flows::top_up::CardDesk;
use mamori_registry::{HashCost, Registry, Rows, SendBudget, Surface};
use mamori_server::about::About;
use mamori_server::app::App;
use mamori_server::assets::Assets;
use mamori_server::directory::MerchantDirectory;
use mamori_server::external_desk::{ExternalDesk, NamedProvider};
use mamori_server::http::payments::MerchantApi;
use mamori_server::identity::{Identity, IdentityConfig};
use mamori_server::ledger::Ledger;
use mamori_server::listen::{ListenConfig, Listeners, router_service};
use mamori_server::network::{Origins, TrustedProxies};
use mamori_server::nonces::with_nonces;
use mamori_server::outside::Outside;
use mamori_server::password_list::PasswordList;
use mamori_server::push_desk::PushDesk;
use mamori_server::route_table::{Route, Routes};
use mamori_server::routes;
use mamori_server::surface::{Front, bounded, dress};
use mamori_server::workers::Workers;

use crate::world::{Chance, Clock, Failure};

/// Live nonces that are remembered: 40,000 requests a second for three minutes, at 20 to 35 bytes each when they come.
const NONCES: usize = 8_000_000;
/// Connections for the registry, for acts of pages, for the card processor; and jobs that may wait for each.
const REGISTRY_THREADS: usize = 3;
const STRANGER_THREADS: usize = 2;
const OPERATOR_THREADS: usize = 1;
/// Hashes of passwords at once where there are cores enough; 19 MiB each. Never more than half of the cores: who signs in with a
/// passkey finds the rest.
const PASSWORD_THREADS_MAX: usize = 4;
/// Those that may wait for one: two seconds' worth.
const WAITING_PASSWORDS: usize = 64;
const ACT_THREADS: usize = 4;
const CARD_THREADS: usize = 2;
const CARD_NOTICE_THREADS: usize = 1;
const EXTERNAL_ID_THREADS: usize = 2;
const WAITING_JOBS: usize = 512;
/// Longest time from the head of a request beside the merchants' calls to its answer. A notice waits for the processor.
const BESIDE_TIMEOUT: Duration = Duration::from_secs(30);
/// How often stale rows are looked at, and top-ups whose customer did not come back; and such top-ups from what age on.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
const SWEEP_OLDER_THAN: Duration = Duration::from_secs(20);

/// Where everything listens and what it is called from outside.
pub struct Sockets {
    pub wallet: TcpListener,
    pub till: TcpListener,
    pub console: TcpListener,
    pub api: TcpListener,
    pub wallet_origin: String,
    pub till_origin: String,
    pub console_origin: String,
    pub wallet_party_id: String,
    pub console_party_id: String,
}

impl Sockets {
    /// Four ports on the loopback address: `port` and the next three, or free ones for 0.
    pub fn loopback(port: u16) -> Result<Sockets, Failure> {
        let bind = |offset: u16| -> Result<TcpListener, Failure> {
            let wanted = if port == 0 { 0 } else { port + offset };
            TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, wanted))).map_err(|error| {
                format!("port {wanted} of 127.0.0.1 is not free ({error}); try --port 0").into()
            })
        };
        let (wallet, till, console, api) = (bind(0)?, bind(1)?, bind(2)?, bind(3)?);
        let origin = |name: &str, listener: &TcpListener| -> Result<String, Failure> {
            Ok(format!(
                "http://{name}.localhost:{}",
                listener.local_addr()?.port()
            ))
        };
        Ok(Sockets {
            wallet_origin: origin("wallet", &wallet)?,
            till_origin: origin("till", &till)?,
            console_origin: origin("console", &console)?,
            wallet_party_id: "wallet.localhost".into(),
            console_party_id: "console.localhost".into(),
            wallet,
            till,
            console,
            api,
        })
    }

    /// Where each listener is, by its name.
    pub fn addresses(&self) -> std::io::Result<[(&'static str, SocketAddr); 4]> {
        Ok([
            ("wallet", self.wallet.local_addr()?),
            ("till", self.till.local_addr()?),
            ("console", self.console.local_addr()?),
            ("api", self.api.local_addr()?),
        ])
    }

    /// What development mounts (codes without a phone, a software authenticator) is for this machine alone.
    fn refuse_other_than_loopback(&self) -> Result<(), Failure> {
        for listener in [&self.wallet, &self.till, &self.console, &self.api] {
            let address = listener.local_addr()?;
            if !address.ip().is_loopback() {
                return Err(format!(
                    "a development instance listens on loopback only, not on {address}"
                )
                .into());
            }
        }
        Ok(())
    }
}

/// The card processor's account.
pub struct CardAccount {
    pub base_url: String,
    pub api_key: String,
    pub webhook_secret: String,
}

/// What the operator has agreed with a provider of external IDs.
pub struct ExternalAccount {
    /// What customers know it by.
    pub name: String,
    pub issuer: String,
    pub client_id: String,
    pub proof: ClientProof,
    /// Oldest sign-in there that is taken, in seconds.
    pub max_age: Option<u32>,
}

/// Everything that was validated before anything starts.
pub struct Plan {
    pub location: Location,
    pub master: Arc<MasterKey>,
    pub standby: bool,
    pub limits: Limits,
    pub about: About,
    pub issuer: IssuerPrefix,
    pub sockets: Sockets,
    pub card: CardAccount,
    pub messenger: Arc<Messenger>,
    pub send_budget: SendBudget,
    /// Proxies in front, whose `X-Forwarded-For` is believed.
    pub proxies: TrustedProxies,
    /// Passwords that nobody gets.
    pub password_list: PasswordList,
    pub external_ids: Vec<ExternalAccount>,
    pub push: PushDesk,
    pub mounted: Mounted,
}

/// Everything that listens, route by route. It carries the store's purpose, so that what only development may mount can never
/// stand before a live store.
pub struct Mounted {
    purpose: Purpose,
    wallet: Routes<Arc<App>>,
    till: Routes<Arc<App>>,
    console: Routes<Arc<App>>,
    /// On the API's listener, beside the merchants' calls.
    beside_merchants: Routes<Arc<App>>,
}

impl Mounted {
    /// What `serve` mounts.
    pub fn live(packages: Option<&Path>) -> Mounted {
        Mounted::of(Purpose::Live, packages, Routes::new())
    }

    /// What `dev` mounts: the same, the software authenticator, and `own` routes on the API's listener.
    pub fn development(packages: Option<&Path>, own: Routes<Arc<App>>) -> Mounted {
        Mounted::of(Purpose::Development, packages, own)
    }

    fn of(purpose: Purpose, packages: Option<&Path>, own: Routes<Arc<App>>) -> Mounted {
        let assets = Assets::load(packages, purpose == Purpose::Development);
        Mounted {
            purpose,
            wallet: routes::wallet().and(assets.routes(Surface::Wallet)),
            till: routes::till().and(assets.routes(Surface::Till)),
            console: routes::console().and(assets.routes(Surface::Console)),
            beside_merchants: routes::beside_merchants().and(own),
        }
    }

    /// What this is mounted for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Every route with its listener: `wallet`, `till`, `console` or `api`. The merchants' calls have a table of their own.
    pub fn table(&self) -> impl Iterator<Item = (&'static str, &Route)> {
        let listeners = [
            ("wallet", &self.wallet),
            ("till", &self.till),
            ("console", &self.console),
            ("api", &self.beside_merchants),
        ];
        listeners.into_iter().flat_map(|(listener, routes)| {
            routes.table().iter().map(move |route| (listener, route))
        })
    }
}

/// A running instance: what it is made of, and how it is stopped.
pub struct Running {
    pub app: Arc<App>,
    pub engine: Engine,
    listeners: Option<Listeners>,
    chores: Vec<JoinHandle<()>>,
    stopping: Arc<AtomicBool>,
}

impl Running {
    /// Stops listening, lets running requests finish, writes a last checkpoint.
    pub fn stop(mut self) {
        self.stopping.store(true, Ordering::Release);
        if let Some(listeners) = self.listeners.take() {
            listeners.shut_down();
        }
        for chore in &self.chores {
            chore.thread().unpark();
        }
        for chore in self.chores.drain(..) {
            drop(chore.join());
        }
        self.engine.stop();
    }
}

/// The program's clock as the engine wants it.
pub struct EngineClock(pub Clock);

impl mamori_engine::clock::Clock for EngineClock {
    fn monotonic_micros(&self) -> i64 {
        i64::try_from((self.0.monotonic_micros)()).unwrap_or(i64::MAX)
    }
    fn wall_micros(&self) -> i64 {
        (self.0.wall_micros)()
    }
}

/// Time and chance as the edge wants them.
pub fn outside(clock: Clock, chance: Chance) -> Outside {
    Outside::new(move || Timestamp((clock.wall_micros)()), chance)
}

/// Opens an engine; when its journal is lost the process ends, and the next start reads the truth from the store.
pub fn open_engine(
    location: &Location,
    master: &Arc<MasterKey>,
    purpose: Purpose,
    limits: Limits,
    standby: bool,
    clock: Clock,
    chance: Chance,
) -> Result<Engine, Fault> {
    let mut entropy = [0; 32];
    chance(&mut entropy);
    Engine::open(EngineConfig {
        location: location.clone(),
        master: master.clone(),
        limits,
        standby,
        purpose,
        clock: Arc::new(EngineClock(clock)),
        entropy,
        on_fatal: Arc::new(|fault| {
            tracing::error!(%fault, "the store is lost to this process: it ends so that another start finds the truth");
            std::process::exit(70);
        }),
    })
}

/// A forged row is refused wherever it is used; the operator should know that the store was written to.
fn report_forgeries(registry: &mut Registry, of: Rows) -> Result<(), Fault> {
    for forgery in registry.forgeries(of)? {
        tracing::error!(table = forgery.table, row = %forgery.row, "a row of the registry does not prove itself");
    }
    Ok(())
}

/// Starts everything. When it returns, all listeners answer.
pub fn start(plan: Plan, clock: Clock, chance: Chance) -> Result<Running, Failure> {
    let purpose = plan.mounted.purpose;
    if purpose == Purpose::Development {
        plan.sockets.refuse_other_than_loopback()?;
    }
    let outside = outside(clock, chance);
    let engine = open_engine(
        &plan.location,
        &plan.master,
        purpose,
        plan.limits,
        plan.standby,
        clock,
        chance,
    )?;
    let (location, master) = (plan.location.clone(), plan.master.clone());
    let registry = || Registry::open(&location, &master);
    let mut first = registry()?;
    let reconciled = reconcile::at_start(&engine, &mut first)?;
    tracing::info!(?reconciled, "the registry agrees with the ledger");
    report_forgeries(&mut first, Rows::OfTheHouse)?;
    let mut beside = registry()?;
    // There are millions of customers' rows: they are looked at while the first requests are served.
    std::thread::Builder::new()
        .name("forgeries".into())
        .spawn(move || {
            if let Err(fault) = report_forgeries(&mut beside, Rows::OfCustomers) {
                tracing::warn!(%fault, "the rows of customers were not all looked at");
            }
        })?;
    let nonces = NonceMemory::new(NONCES, outside.now().seconds(), outside.bytes());
    let directory = Arc::<MerchantDirectory>::default();
    directory.follow(&directory.take_turn(), &mut first)?;
    let ledger = Ledger::new(engine.clone());
    let Plan {
        sockets,
        mounted,
        card,
        messenger,
        send_budget,
        proxies,
        limits,
        about,
        issuer,
        password_list,
        external_ids,
        push,
        ..
    } = plan;
    let external_desk = external_desk(external_ids, &sockets, purpose);
    let app = Arc::new(App {
        registry: Workers::start("registry", many(REGISTRY_THREADS, registry)?, WAITING_JOBS)?,
        strangers: Workers::start("strangers", many(STRANGER_THREADS, registry)?, WAITING_JOBS)?,
        operators: Workers::start("operators", many(OPERATOR_THREADS, registry)?, WAITING_JOBS)?,
        passwords: Workers::start(
            "passwords",
            many(password_threads(), registry)?,
            WAITING_PASSWORDS,
        )?,
        password_cost: HashCost::default(),
        password_list,
        acts: Workers::start("acts", vec![(); ACT_THREADS], WAITING_JOBS)?,
        cards: Workers::start("cards", many(CARD_THREADS, registry)?, WAITING_JOBS)?,
        card_notices: Workers::start(
            "card-notices",
            many(CARD_NOTICE_THREADS, registry)?,
            WAITING_JOBS,
        )?,
        external_ids: Workers::start(
            "external-ids",
            many(EXTERNAL_ID_THREADS, registry)?,
            WAITING_JOBS,
        )?,
        external_desk,
        messenger,
        identity: identity(&sockets, purpose, send_budget, &outside)?,
        ledger,
        about,
        limits,
        issuer,
        directory,
        push,
        card_desk: card_desk(card, &sockets, &master),
        outside,
        origins: Origins::new(master.network_key(), proxies),
    });
    let listeners = listen(&app, nonces, sockets, mounted)?;
    let stopping = Arc::new(AtomicBool::new(false));
    let chores = vec![
        sweep_top_ups(app.clone(), registry()?, stopping.clone())?,
        housekeeping(app.clone(), registry()?, stopping.clone())?,
    ];
    Ok(Running {
        app,
        engine,
        listeners: Some(listeners),
        chores,
        stopping,
    })
}

fn password_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / 2).clamp(1, PASSWORD_THREADS_MAX)
}

fn many<T>(count: usize, one: impl Fn() -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
    (0..count).map(|_| one()).collect()
}

/// Who is who to browsers.
fn identity(
    sockets: &Sockets,
    purpose: Purpose,
    send_budget: SendBudget,
    outside: &Outside,
) -> Result<Identity, Failure> {
    let identity = IdentityConfig {
        wallet_origin: sockets.wallet_origin.clone(),
        wallet_party_id: sockets.wallet_party_id.clone(),
        console_origin: sockets.console_origin.clone(),
        console_party_id: sockets.console_party_id.clone(),
        // A development machine has no security key; a live console takes nothing else.
        operator_keys_device_bound: purpose == Purpose::Live,
        send_budget,
    };
    Identity::new(&identity, outside.bytes())
        .map_err(|_| "an origin or relying-party id is not one that browsers accept".into())
}

/// What asks providers of external IDs. Browsers come back to the wallet's own address, whatever a request says of its host.
fn external_desk(
    accounts: Vec<ExternalAccount>,
    sockets: &Sockets,
    purpose: Purpose,
) -> ExternalDesk {
    let named = |account: ExternalAccount| NamedProvider {
        name: account.name,
        provider: OpenIdProvider::new(OpenIdConfig {
            issuer: account.issuer,
            client_id: account.client_id,
            proof: account.proof,
            redirect_uri: format!("{}/external-id", sockets.wallet_origin),
            max_age: account.max_age,
            allow_loopback_http: purpose == Purpose::Development,
        }),
    };
    ExternalDesk::new(accounts.into_iter().map(named).collect())
}

/// What asks the card processor. Two stores that share an account there are told apart by a name that the master key gives.
fn card_desk(account: CardAccount, sockets: &Sockets, master: &MasterKey) -> CardDesk {
    let store: String = master.derive("store name at the card processor").expose()[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let card = CardConfig::new(account.base_url, Secret::new(account.api_key));
    CardDesk::new(
        CardProcessor::new(card),
        Secret::new(account.webhook_secret),
        &sockets.wallet_origin,
        &store,
    )
}

/// Opens the doors: a listener for each surface, and the API's.
fn listen(
    app: &Arc<App>,
    nonces: NonceMemory,
    sockets: Sockets,
    mounted: Mounted,
) -> Result<Listeners, Failure> {
    let listeners = Listeners::start(ListenConfig::default())?;
    let limits = ConnectionLimits::share(open_files_max());
    tracing::info!(?limits, "connections that may be open at each listener");

    for (surface, listener, origin, routes) in [
        (
            Surface::Wallet,
            sockets.wallet,
            sockets.wallet_origin,
            mounted.wallet,
        ),
        (
            Surface::Till,
            sockets.till,
            sockets.till_origin,
            mounted.till,
        ),
        (
            Surface::Console,
            sockets.console,
            sockets.console_origin,
            mounted.console,
        ),
    ] {
        let dressed = dress(routes.into_router(), &Front { surface, origin })
            .map_err(|_| "an origin is not http(s)://host[:port]")?;
        let dressed = match surface {
            Surface::Wallet => with_nonces(dressed, app),
            Surface::Till | Surface::Console => dressed,
        };
        listeners.serve_pages(
            listener,
            limits.of(surface),
            router_service(dressed.with_state(app.clone())),
        )?;
    }
    let beside = mounted.beside_merchants.into_router();
    let rest = bounded(beside, BESIDE_TIMEOUT).with_state(app.clone());
    let merchants = MerchantApi::new(
        app.ledger.clone(),
        app.directory.clone(),
        app.issuer,
        nonces,
        app.outside.clone(),
    )?;
    let (rest, origins) = (router_service(rest), app.origins.clone());
    listeners.serve_each(sockets.api, limits.api, move |connection| ApiFront {
        merchants: merchants.on_connection(connection, &origins),
        rest: rest.clone(),
    })?;
    Ok(listeners)
}

/// How many connections may be open at each listener. The limits are separate: thousands of phones, or an attacker who holds
/// sockets open, must not starve the registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ConnectionLimits {
    api: usize,
    wallet: usize,
    till: usize,
    console: usize,
}

/// Descriptors that the store, the processor and the messages keep for themselves.
const OWN_FILES: usize = 128;

impl ConnectionLimits {
    /// Shares what the system lets this process open; half of it is the registers'.
    fn share(open_files_max: usize) -> ConnectionLimits {
        let all = open_files_max.saturating_sub(OWN_FILES).max(64);
        ConnectionLimits {
            api: (all / 2).min(8_192),
            wallet: (all / 4).min(8_192),
            till: (all / 8).min(4_096),
            console: (all / 16).min(512),
        }
    }

    fn of(self, surface: Surface) -> usize {
        match surface {
            Surface::Wallet => self.wallet,
            Surface::Till => self.till,
            Surface::Console => self.console,
        }
    }
}

/// How many files and sockets the system lets this process have open at once (`ulimit -n`).
fn open_files_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    match line.and_then(|line| line.split_whitespace().next()) {
        Some("unlimited") => usize::MAX,
        // Where the system does not say, the least that a system gives.
        number => number
            .and_then(|number| number.parse().ok())
            .unwrap_or(1_024),
    }
}

/// The thread that asks the processor about top-ups whose customer did not come back. It waits for the processor, so nothing else
/// is done on it.
fn sweep_top_ups(
    app: Arc<App>,
    mut registry: Registry,
    stopping: Arc<AtomicBool>,
) -> std::io::Result<JoinHandle<()>> {
    every_few_seconds("top-up-sweeper", stopping, move || {
        let now = app.outside.now();
        let engine = &app.ledger.engine;
        let swept = app
            .card_desk
            .sweep(engine, &mut registry, now, SWEEP_OLDER_THAN);
        if let Err(fault) = swept {
            tracing::warn!(%fault, "open top-ups could not be looked at");
        }
    })
}

/// The thread that deletes expired rows and finishes what stopped half way.
fn housekeeping(
    app: Arc<App>,
    mut registry: Registry,
    stopping: Arc<AtomicBool>,
) -> std::io::Result<JoinHandle<()>> {
    every_few_seconds("housekeeper", stopping, move || {
        if let Err(fault) = mamori_server::housekeeping::sweep(&app, &mut registry) {
            tracing::warn!(%fault, "the registry was not swept");
        }
    })
}

fn every_few_seconds(
    name: &str,
    stopping: Arc<AtomicBool>,
    mut chore: impl FnMut() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(move || {
            while !stopping.load(Ordering::Acquire) {
                std::thread::park_timeout(SWEEP_EVERY);
                chore();
            }
        })
}

/// The API's listener: merchants' calls by the short way, all else through a router.
#[derive(Clone)]
struct ApiFront<R> {
    merchants: MerchantApi,
    rest: R,
}

impl<R> Service<Request<Incoming>> for ApiFront<R>
where
    R: Service<
            Request<Incoming>,
            Response = Response<axum::body::Body>,
            Error = std::convert::Infallible,
        > + Clone
        + Send
        + 'static,
    R::Future: Send + 'static,
{
    type Response = Response<Either<Full<Bytes>, axum::body::Body>>;
    type Error = std::convert::Infallible;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        if request.uri().path().starts_with("/webhooks/")
            || request.uri().path() == "/healthz"
            || request.uri().path().starts_with("/dev/")
        {
            let answer = self.rest.call(request);
            return Box::pin(
                async move { answer.await.map(|response| response.map(Either::Right)) },
            );
        }
        let answer = self.merchants.call(request);
        Box::pin(async move { answer.await.map(|response| response.map(Either::Left)) })
    }
}
