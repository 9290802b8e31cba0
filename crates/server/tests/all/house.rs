//! A house for one test: registry and engine on a scratch store, a clock that is moved, messages in a list.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{self, HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::BodyExt as _;
use mamori_codes::payment_code::IssuerPrefix;
use mamori_connectors::card::{CardConfig, CardProcessor};
use mamori_connectors::openid::{ClientProof, OpenIdConfig, OpenIdProvider};
use mamori_connectors::push::PushServices;
use mamori_connectors::secret::Secret;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::testing::Scratch;
use mamori_domain::command::{Command, Request};
use mamori_domain::context::{Asker, SystemReason};
use mamori_domain::decide::Limits;
use mamori_domain::ids::WalletId;
use mamori_domain::lifecycle::Purpose;
use mamori_domain::query::Query;
use mamori_domain::reply::{Outcome, Reply, WalletView};
use mamori_domain::world::Timestamp;
use mamori_engine::clock::Clock;
use mamori_engine::testing::Loss;
use mamori_engine::{Engine, EngineConfig};
use mamori_flows::messages::Message;
use mamori_flows::open::{self, NewStore};
use mamori_flows::reconcile;
use mamori_flows::sign_up;
use mamori_flows::top_up::CardDesk;
use mamori_registry::outbox::{Delivery, Lane, Outbox};
use mamori_registry::{
    AgentFamily, ApiKey, AuthMethod, Contact, Enrolment, HashCost, OwnerId, Registry, Role, Seed,
    SendBudget, SessionId, SessionRow, StoredPasskey, Surface,
};
use mamori_sandbox::OpenIdPeer;
use mamori_server::about::About;
use mamori_server::app::App;
use mamori_server::cookies::{Cookie, encode_token};
use mamori_server::external_desk::{ExternalDesk, NamedProvider};
use mamori_server::identity::{Identity, IdentityConfig};
use mamori_server::ledger::Ledger;
use mamori_server::network::{Origins, TrustedProxies};
use mamori_server::nonces::with_nonces;
use mamori_server::outside::Outside;
use mamori_server::password_list::PasswordList;
use mamori_server::push_desk::PushDesk;
use mamori_server::route_table::Routes;
use mamori_server::routes;
use mamori_server::surface::{Front, dress};
use mamori_server::workers::Workers;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tower::ServiceExt as _;

use crate::authenticator::Authenticator;

/// What the browsers of the tests call themselves.
const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Version/19.1 Mobile/15E148 Safari/604.1";

pub const WALLET: &str = "http://wallet.localhost:4000";
pub const TILL: &str = "http://till.localhost:4001";
pub const CONSOLE: &str = "http://console.localhost:4002";

/// The key that browsers subscribe with: the base point of the curve is a key as good as any.
const PUSH_KEY: [u8; 65] = [4; 65];
/// The one push service that is believed.
pub const PUSH_SERVICE: &str = "http://127.0.0.1:9";

pub struct House {
    pub app: Arc<App>,
    pub sent: Arc<Mutex<Vec<Message>>>,
    clock: Arc<AtomicI64>,
    surfaces: [Router; 3],
    runtime: tokio::runtime::Runtime,
    scratch: Scratch,
}

struct StillClock;

impl Clock for StillClock {
    fn monotonic_micros(&self) -> i64 {
        0
    }
    fn wall_micros(&self) -> i64 {
        1_800_000_000_000_000
    }
}

fn open_engine(scratch: &Scratch) -> Engine {
    Engine::open(EngineConfig {
        location: scratch.location(),
        master: Arc::new(MasterKey::from_bytes([42; 32])),
        limits: Limits::default(),
        standby: false,
        purpose: Purpose::Development,
        clock: Arc::new(StillClock),
        entropy: [5; 32],
        on_fatal: Arc::new(|fault| panic!("the engine must not die here: {fault}")),
    })
    .expect("the engine starts")
}

/// Opens the registry as a program would, with the same master key each time.
pub fn open_control(scratch: &Scratch) -> Registry {
    Registry::open(&scratch.location(), &MasterKey::from_bytes([42; 32]))
        .expect("the registry opens")
}

fn open_outbox(scratch: &Scratch) -> Outbox {
    Outbox::open(
        &scratch.location(),
        MasterKey::from_bytes([42; 32]).wrap_key(),
    )
    .expect("the outbox opens")
}

impl Drop for House {
    fn drop(&mut self) {
        self.engine().stop();
    }
}

impl House {
    pub fn new() -> House {
        Self::with(|_| {})
    }

    pub fn with(adjust: impl FnOnce(&mut IdentityConfig)) -> House {
        // Nobody listens there: these stories do not top up.
        let card = CardConfig::new("http://127.0.0.1:9", Secret::new("sk_test"));
        Self::build(adjust, card, TrustedProxies::default(), Vec::new())
    }

    /// A house behind proxies.
    pub fn behind(proxies: &[&str]) -> House {
        let texts: Vec<String> = proxies.iter().map(ToString::to_string).collect();
        let proxies = TrustedProxies::parse(&texts).expect("usable");
        let card = CardConfig::new("http://127.0.0.1:9", Secret::new("sk_test"));
        Self::build(|_| {}, card, proxies, Vec::new())
    }

    /// A house whose cards go to this processor.
    pub fn with_cards(card: CardConfig) -> House {
        Self::build(|_| {}, card, TrustedProxies::default(), Vec::new())
    }

    /// A house that offers external IDs of these providers.
    pub fn with_providers(peers: &[&OpenIdPeer]) -> House {
        let card = CardConfig::new("http://127.0.0.1:9", Secret::new("sk_test"));
        let named = |peer: &&OpenIdPeer| NamedProvider {
            name: "Example ID".into(),
            provider: OpenIdProvider::new(OpenIdConfig {
                issuer: peer.issuer().into(),
                client_id: "wallet".into(),
                proof: ClientProof::Secret(Secret::new("secret")),
                redirect_uri: format!("{WALLET}/external-id"),
                max_age: None,
                allow_loopback_http: true,
            }),
        };
        let providers = peers.iter().map(named).collect();
        Self::build(|_| {}, card, TrustedProxies::default(), providers)
    }

    fn build(
        adjust: impl FnOnce(&mut IdentityConfig),
        card: CardConfig,
        proxies: TrustedProxies,
        providers: Vec<NamedProvider>,
    ) -> House {
        let scratch = Scratch::new("house");
        open_outbox(&scratch);
        let clock = Arc::new(AtomicI64::new(1_800_000_000_000_000));
        let (time, count) = (Arc::clone(&clock), AtomicU64::new(0));
        let outside = Outside::new(
            move || Timestamp(time.load(Ordering::SeqCst)),
            move |bytes| {
                for chunk in bytes.chunks_mut(32) {
                    let drawn = Sha256::digest(count.fetch_add(1, Ordering::SeqCst).to_be_bytes());
                    chunk.copy_from_slice(&drawn[..chunk.len()]);
                }
            },
        );
        let mut config = IdentityConfig {
            wallet_origin: WALLET.into(),
            wallet_party_id: "wallet.localhost".into(),
            console_origin: CONSOLE.into(),
            console_party_id: "console.localhost".into(),
            operator_keys_device_bound: true,
            send_budget: SendBudget::default(),
        };
        adjust(&mut config);
        let sent = Arc::new(Mutex::new(Vec::new()));
        let outbox = Arc::clone(&sent);
        let app = Arc::new(App {
            outside,
            origins: Origins::new(MasterKey::from_bytes([42; 32]).network_key(), proxies),
            registry: Workers::start(
                "registry",
                vec![open_control(&scratch), open_control(&scratch)],
                64,
            )
            .expect("threads"),
            strangers: Workers::start("strangers", vec![open_control(&scratch)], 64)
                .expect("threads"),
            operators: Workers::start("operators", vec![open_control(&scratch)], 64)
                .expect("threads"),
            passwords: Workers::start("passwords", vec![open_control(&scratch)], 64)
                .expect("threads"),
            // As cheap as Argon2 can be had.
            password_cost: HashCost {
                memory_kib: 8,
                passes: 1,
                lanes: 1,
            },
            password_list: PasswordList::new(None),
            acts: Workers::start("acts", vec![()], 64).expect("threads"),
            messenger: Arc::new(move |message| {
                outbox.lock().unwrap().push(message);
                Ok(())
            }),
            identity: Identity::new(&config, [9; 32]).expect("usable origins"),
            ledger: Ledger::new(open_engine(&scratch)),
            about: About {
                operator_name: Some("まもりマート".into()),
                terms_url: Some("https://shop.example.jp/terms".into()),
                ..About::default()
            },
            limits: Limits::default(),
            issuer: IssuerPrefix::parse("90009900").expect("eight digits"),
            directory: Arc::default(),
            cards: Workers::start("cards", vec![open_control(&scratch)], 64).expect("threads"),
            card_notices: Workers::start("card-notices", vec![open_control(&scratch)], 64)
                .expect("threads"),
            external_ids: Workers::start("external-ids", vec![open_control(&scratch)], 64)
                .expect("threads"),
            external_desk: ExternalDesk::new(providers),
            push: PushDesk::new(
                PUSH_KEY.to_vec(),
                PushServices::new([PUSH_SERVICE.to_owned()]).expect("this machine"),
            ),
            card_desk: CardDesk::new(
                CardProcessor::new(card),
                Secret::new("whsec_test"),
                WALLET,
                "test",
            ),
        });
        let surface = |routes: Routes<Arc<App>>, surface, origin: &str| {
            let front = Front {
                surface,
                origin: origin.into(),
            };
            let dressed = dress(routes.into_router(), &front).expect("a usable front");
            let dressed = match surface {
                Surface::Wallet => with_nonces(dressed, &app),
                Surface::Till | Surface::Console => dressed,
            };
            dressed.with_state(Arc::clone(&app))
        };
        let surfaces = [
            surface(routes::wallet(), Surface::Wallet, WALLET),
            surface(routes::till(), Surface::Till, TILL),
            surface(routes::console(), Surface::Console, CONSOLE),
        ];
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        House {
            app,
            sent,
            clock,
            surfaces,
            runtime,
            scratch,
        }
    }

    pub fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// Another connection, as an operator's command would have.
    pub fn registry(&self) -> Registry {
        open_control(&self.scratch)
    }

    /// The messages that wait in the outbox, as their couriers take them: what is told of a change in the registry.
    pub fn letters(&self) -> Vec<Message> {
        let (mut outbox, mut letters) = (open_outbox(&self.scratch), Vec::new());
        for lane in Lane::ALL {
            let taken = outbox.deliver(lane, self.now(), 100, &mut |due| {
                letters.push(Message::from_bytes(&due.content).expect("a message"));
                Delivery::Sent
            });
            taken.expect("the outbox answers");
        }
        letters
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(self.clock.load(Ordering::SeqCst))
    }

    /// What a start does before anybody is served.
    pub fn reconcile(&self) -> mamori_registry::Reconciled {
        reconcile::at_start(self.engine(), &mut self.registry()).expect("the registry answers")
    }

    pub fn engine(&self) -> &Engine {
        &self.app.ledger.engine
    }

    /// Asks the ledger on the command line's behalf.
    pub fn ask(&self, command: Command) -> Outcome {
        let asker = Asker::system(SystemReason::CommandLine);
        let asked = self.engine().ask(Request::command(asker, command));
        asked.expect("the engine answers")
    }

    /// The same, where the ledger has no reason to refuse.
    #[track_caller]
    pub fn done(&self, command: Command) -> Reply {
        self.ask(command).expect("nothing speaks against it")
    }

    /// What the next command of anybody loses.
    pub fn lose(&self, loss: Loss) {
        self.engine().lose_next(loss);
    }

    /// A wallet as the ledger has it.
    pub fn wallet(&self, wallet: WalletId) -> WalletView {
        let asker = Asker::system(SystemReason::CommandLine);
        let query = Request::query(asker, Query::Wallet { wallet });
        match self.engine().ask(query).expect("the engine answers") {
            Ok(Reply::Wallet(view)) => view,
            other => panic!("{other:?}"),
        }
    }

    /// The wallet that the newest passkey of an authenticator opens.
    pub fn wallet_behind(&self, authenticator: &Authenticator) -> Option<WalletId> {
        let credential = self
            .registry()
            .fingerprint("credential", authenticator.newest_credential());
        self.engine()
            .wallet_of(credential)
            .expect("the engine answers")
    }

    /// How many live API keys of the registry the ledger names.
    pub fn live_keys(&self) -> usize {
        let keys = self.registry().api_keys().live_with_secrets();
        let named = |key: &ApiKey| self.engine().merchant_of_key(key.fingerprint);
        keys.expect("the registry answers")
            .iter()
            .filter(|key| named(key).expect("the engine answers").is_some())
            .count()
    }

    /// A merchant with a store and two tills, opened as `mamori init` opens them.
    pub fn open_shop(&self) {
        let mut registry = self.registry();
        let turn = self.app.directory.take_turn();
        let seed = Seed::new([77; 32]);
        let asker = Asker::system(SystemReason::CommandLine);
        let mut run = self.app.run(&mut registry, asker, self.now(), &seed);
        let store = NewStore {
            name: "本店".into(),
            tills: vec!["レジ1".into(), "レジ2".into()],
        };
        open::chain(&mut run, &turn, "まもり書店", &[store]).expect("a store without merchants");
        self.app
            .directory
            .follow(&turn, &mut registry)
            .expect("the registry answers");
    }

    pub fn browser(&self, surface: Surface) -> Browser<'_> {
        let (index, origin) = match surface {
            Surface::Wallet => (0, WALLET),
            Surface::Till => (1, TILL),
            Surface::Console => (2, CONSOLE),
        };
        Browser {
            house: self,
            router: self.surfaces[index].clone(),
            origin: origin.into(),
            cookies: BTreeMap::new(),
            device: (surface == Surface::Wallet).then(|| Arc::new(DeviceKey::next())),
        }
    }

    /// A customer of the engine's own book, signed in: what happens in the wallet is told to this browser's streams.
    pub fn customer_of_the_book(&self, number: u8) -> (Browser<'_>, WalletId) {
        let seed = Seed::new([number; 32]);
        let asker = Asker::system(SystemReason::SignUp);
        let contact = Contact::parse(&format!("{number}@example.jp")).expect("a contact");
        let passkey = StoredPasskey {
            credential: vec![number; 16],
            passkey: "{}".into(),
            sign_count: 0,
        };
        let enrolment = Enrolment {
            person: OwnerId([number; 16]),
            contact: &contact,
            locale: "ja",
            display_name: "そら",
            passkey: &passkey,
            agent: AgentFamily::Unknown,
        };
        let mut registry = self.registry();
        let mut run = self.app.run(&mut registry, asker, self.now(), &seed);
        let wallet = sign_up::open_wallet(&mut run, &enrolment, None).expect("a wallet is opened");
        (self.session_of_before(wallet, number), wallet)
    }

    /// The nonce that an answer would bring now.
    pub fn nonce(&self) -> String {
        self.app.identity.device_proofs.nonce(self.now())
    }

    /// A session of a customer as an older program opened it: nothing says by which credential, and it belongs to no device.
    pub fn session_of_before(&self, wallet: WalletId, number: u8) -> Browser<'_> {
        let (token, now) = ([number; 32], self.now());
        let owner = self.registry().people().of_wallet(wallet);
        let owner = owner.expect("the registry answers").expect("a customer");
        let row = SessionRow {
            session: SessionId(std::array::from_fn(|at| token[at])),
            surface: Surface::Wallet,
            owner: owner.person,
            wallet: Some(wallet),
            method: AuthMethod::Passkey,
            assurance: AuthMethod::Passkey.assurance(),
            device: self.registry().session_device(&token, "", None),
            made_at: now,
            seen_at: now,
            ends_at: now.plus_seconds(86_400),
            credential: None,
        };
        let generation = (self.registry().sessions()).generation(row.surface, &row.owner);
        let generation = generation.expect("the registry answers");
        self.registry()
            .sessions()
            .open(&row, &token, generation.expect("may sign in"), None)
            .expect("the registry answers");
        let mut browser = self.browser(Surface::Wallet);
        let cookie = Cookie::Session(Surface::Wallet).name();
        browser.cookies.insert(cookie.into(), encode_token(&token));
        browser
    }

    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// What a start does after that: everything is read from the registry once.
    pub fn follow(&self) {
        let turn = self.app.directory.take_turn();
        self.app
            .directory
            .follow(&turn, &mut self.registry())
            .expect("the registry answers");
    }

    /// An operator, signed in at the console by a link of their own.
    pub fn operator(&self, number: u8) -> (Browser<'_>, Authenticator) {
        self.operator_as(number, Role::Admin)
    }

    /// The same with another role.
    pub fn operator_as(&self, number: u8, role: Role) -> (Browser<'_>, Authenticator) {
        let mut browser = self.browser(Surface::Console);
        let mut key = Authenticator::security_key(CONSOLE);
        let link = self
            .registry()
            .operators()
            .invite(
                &format!("運用 {number}"),
                role,
                self.now(),
                &Seed::new([number; 32]),
            )
            .expect("the registry answers");
        let link = mamori_server::cookies::encode_token(&link);
        let begun = browser
            .post("/api/operators/redeem", json!({ "link": link }))
            .ok();
        let credential = key.create(&begun["creation"]);
        browser
            .post(
                "/api/operators/finish",
                json!({ "link": link, "credential": credential }),
            )
            .ok();
        (browser, key)
    }

    /// One operator proposes to erase a person; another one, who comes for it, approves. The answer of the first that did not go well.
    pub fn erase(
        &self,
        console: &mut Browser,
        key: &mut Authenticator,
        mut asked: Value,
    ) -> Answer {
        asked["reason"] = json!("退会のお申し出");
        let proposed = console.post_fresh("/api/people/erase", asked, key);
        if proposed.status != StatusCode::OK {
            return proposed;
        }
        let listed = self.registry().operators().list();
        let number = 100 + listed.expect("the registry answers").len() as u8;
        let (mut other, mut other_key) = self.operator(number);
        let proposal = json!({ "approval": proposed.body["approval"] });
        other.post_fresh("/api/approvals/approve", proposal, &mut other_key)
    }

    /// How many messages with codes were sent.
    pub fn sent_count(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    /// To whom messages with codes went since then.
    pub fn sent_since(&self, before: usize) -> Vec<String> {
        let sent = self.sent.lock().unwrap();
        sent[before..]
            .iter()
            .map(|message| message.to.clone())
            .collect()
    }

    /// The digits of the newest message, if it holds a code.
    pub fn newest_code(&self) -> Option<String> {
        let sent = self.sent.lock().unwrap();
        let text = &sent.last()?.text;
        let digits: String = text
            .chars()
            .skip_while(|c| !c.is_ascii_digit())
            .take_while(char::is_ascii_digit)
            .collect();
        (digits.len() == 6).then_some(digits)
    }
}

/// The key that a browser keeps for itself, and what it signs with it.
pub struct DeviceKey {
    key: SigningKey,
    proofs: AtomicU64,
}

impl DeviceKey {
    /// Another one each time.
    fn next() -> DeviceKey {
        static MADE: AtomicU64 = AtomicU64::new(1);
        let mut scalar = [0; 32];
        scalar[24..].copy_from_slice(&MADE.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        DeviceKey {
            key: SigningKey::from_slice(&scalar).expect("a small number is a key"),
            proofs: AtomicU64::new(0),
        }
    }

    /// The proof of one request.
    pub fn proof(&self, method: &str, address: &str, nonce: &str, token: Option<&str>) -> String {
        let text = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let point = self.key.verifying_key().to_sec1_point(false);
        let part = |from: usize| URL_SAFE_NO_PAD.encode(&point.as_bytes()[from..from + 32]);
        let head = json!({
            "typ": "dpop+jwt",
            "alg": "ES256",
            "jwk": { "kty": "EC", "crv": "P-256", "x": part(1), "y": part(33) },
        });
        let mut claims = json!({
            "jti": self.proofs.fetch_add(1, Ordering::SeqCst).to_string(),
            "htm": method,
            "htu": address,
            "iat": 0,
            "nonce": nonce,
        });
        if let Some(token) = token {
            claims["ath"] = json!(URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
        }
        let signed = format!("{}.{}", text(head), text(claims));
        let signature: Signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

/// A browser on one surface: keeps cookies, sends what browsers send.
pub struct Browser<'a> {
    house: &'a House,
    router: Router,
    pub origin: String,
    pub cookies: BTreeMap<String, String>,
    /// Only where sessions belong to devices.
    pub device: Option<Arc<DeviceKey>>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
    /// Bytes of the body as it came.
    pub bytes: usize,
}

impl Answer {
    /// The refusal code, or "" for success.
    pub fn refusal(&self) -> &str {
        self.body["refusal"].as_str().unwrap_or_default()
    }

    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.body
    }
}

impl Browser<'_> {
    /// The answer while its body is still to come.
    /// The pages of the browser's origin, to be served.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    pub fn open(&self, request: http::Request<Body>) -> axum::response::Response {
        let router = self.router.clone();
        self.house
            .run(async move { router.oneshot(request).await.expect("infallible") })
    }

    pub fn post(&mut self, path: &str, body: Value) -> Answer {
        let request = self
            .request("POST", path)
            .header(header::CONTENT_TYPE, "application/json");
        self.send(
            request
                .body(Body::from(body.to_string()))
                .expect("a request"),
        )
    }

    pub fn get(&mut self, path: &str) -> Answer {
        let request = self.request("GET", path);
        self.send(request.body(Body::empty()).expect("a request"))
    }

    /// Asks for what changed since an answer of this version.
    pub fn get_since(&mut self, path: &str, version: &str) -> Answer {
        let request = self.request("GET", path);
        let request = request.header(header::IF_NONE_MATCH, version);
        self.send(request.body(Body::empty()).expect("a request"))
    }

    /// A request as this browser's page would send it.
    pub fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let host = self.origin.split("://").nth(1).expect("an origin");
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, host)
            .header(header::USER_AGENT, SAFARI)
            .header("sec-fetch-site", "same-origin");
        if let Some(device) = &self.device {
            let path = path.split('?').next().unwrap_or_default();
            let address = format!("{}{path}", self.origin);
            let nonce = self.house.nonce();
            let token = self.cookies.get(Cookie::Session(Surface::Wallet).name());
            let proof = device.proof(method, &address, &nonce, token.map(String::as_str));
            request = request.header("dpop", proof);
        }
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if method == "POST" {
            request.header(header::ORIGIN, &self.origin)
        } else {
            request
        }
    }

    pub fn send(&mut self, request: http::Request<Body>) -> Answer {
        let router = self.router.clone();
        let (status, headers, bytes) = self.house.run(async move {
            let response = router.oneshot(request).await.expect("infallible");
            let (parts, body) = response.into_parts();
            (
                parts.status,
                parts.headers,
                body.collect().await.expect("a body").to_bytes(),
            )
        });
        for line in headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().expect("ASCII");
            let (name, rest) = line.split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap_or_default();
            if line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.into(), value.into());
            }
        }
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)));
        Answer {
            status,
            headers,
            body,
            bytes: bytes.len(),
        }
    }

    /// Signs a new customer up from the first page to the cookie.
    pub fn sign_up(&mut self, contact: &str, authenticator: &mut Authenticator) {
        let sign_up = self
            .post(
                "/api/sign-up/start",
                json!({ "contact": contact, "locale": "ja" }),
            )
            .ok()["sign_up"]
            .clone();
        let code = self.house.newest_code().expect("a code was sent");
        let proven = self
            .post(
                "/api/sign-up/prove",
                json!({ "sign_up": sign_up, "code": code, "display_name": "さくら" }),
            )
            .ok();
        let credential = authenticator.create(&proven["creation"]);
        self.post(
            "/api/sign-up/finish",
            json!({ "sign_up": sign_up, "credential": credential }),
        )
        .ok();
    }

    pub fn sign_in(&mut self, authenticator: &mut Authenticator) -> Answer {
        let begun = self.post("/api/sign-in/start", json!({})).ok();
        let credential = authenticator.get(&begun["request"]);
        self.post(
            "/api/sign-in/finish",
            json!({ "sign_in": begun["sign_in"], "credential": credential }),
        )
    }

    /// Posts an act that asks for a fresh passkey: first for the challenge, then with the answer to it.
    pub fn post_fresh(
        &mut self,
        path: &str,
        body: Value,
        authenticator: &mut Authenticator,
    ) -> Answer {
        let begun = self.post(path, body.clone());
        if begun.status != StatusCode::OK {
            return begun;
        }
        let credential = authenticator.get(&begun.body["request"]);
        self.post(path, shown(body, &begun.body["step_up"], credential))
    }
}

/// The fields of an act with the answer to its challenge.
pub fn shown(mut body: Value, step_up: &Value, credential: Value) -> Value {
    body["step_up"] = step_up.clone();
    body["credential"] = credential;
    body
}
