//! A live instance under trial: a store that is laid out while no process serves it, `mamori serve` on it in a process of its own, and what
//! registers and phones ask there.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use mamori::assembly::open_engine;
use mamori::config::Config;
use mamori::world::{Chance, Clock, Failure, draw};
use mamori_api::auth::{Scheme, SignedRequest, SigningKey, sign};
use mamori_api::opa::result_code::ResultCode;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::Location;
use mamori_domain::ids::WalletId;
use mamori_domain::lifecycle::Purpose;
use mamori_domain::world::Timestamp;
use mamori_engine::Engine;
use mamori_registry::{
    Aal, AgentFamily, AuthMethod, Registry, SessionDevice, SessionId, SessionRow, Surface,
};
use mamori_server::cookies::{Cookie, encode_token};
use mamori_server::directory::MerchantDirectory;
use serde_json::{Value, json};

use crate::dev::{self, AccessMerchant};
use crate::seed_names::Language;

/// How long a start may take.
const START_MILLIS: u64 = 60_000;
/// The last requests stay open until the server has answered or is dead.
const ANSWER: Duration = Duration::from_secs(10);
/// Longer than any trial.
const SESSION: Duration = Duration::from_secs(86_400);

/// What a register asked, under an id of its own.
#[derive(Clone, Debug)]
pub struct Request {
    pub name: String,
    pub path: &'static str,
    pub body: Value,
    pub yen: u64,
    /// The code it was paid with, if it was a scan.
    pub code: Option<String>,
}

/// What it heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Done {
        id: String,
    },
    Refused {
        code: String,
    },
    /// Nothing, or "ask again": it may have happened.
    Nothing,
}

pub const PAYMENTS: &str = "/v2/payments";
const SCANS: &str = "/v2/cpm/payments";
pub const REFUNDS: &str = "/v2/refunds";

/// Where the tables of a trial are: in `store`, or in files beside its key.
pub fn location(home: &Path, store: Option<&str>) -> Result<Location, Failure> {
    Ok(match store {
        Some(store) => Location::parse(store)?,
        None => Location::Directory(home.join("store")),
    })
}

/// The people and programs of a live store.
pub struct Cast {
    merchant: AccessMerchant,
    pub customers: Vec<Customer>,
    /// What a browser calls the wallet's pages.
    wallet_origin: String,
}

/// A customer whose phone is signed in.
pub struct Customer {
    authorization: String,
    cookie: String,
}

impl Cast {
    /// Makes what `mamori init` makes, with the shops and customers of development, and a session for each customer's phone.
    pub fn gather(
        home: &Path,
        store: Option<&str>,
        clock: Clock,
        chance: Chance,
    ) -> Result<Cast, Failure> {
        let location = location(home, store)?;
        let master = Arc::new(MasterKey::create(&home.join("master.key"), draw(chance))?);
        let mut config = Config::example();
        for listener in [
            &mut config.wallet.listen,
            &mut config.till.listen,
            &mut config.console.listen,
            &mut config.api_listen,
        ] {
            *listener = "127.0.0.1:0".into();
        }
        // Nobody is asked for a card or sent a message: the trials only need a configuration that is complete.
        for secret in [
            &mut config.card.api_key,
            &mut config.card.webhook_secret,
            &mut config.sms.account,
            &mut config.sms.token,
        ] {
            *secret = "of a trial".into();
        }
        config.write(&home.join("mamori.json"))?;
        let limits = config.limits()?;
        let engine = open_engine(
            &location,
            &master,
            Purpose::Live,
            limits,
            false,
            clock,
            chance,
        )?;
        let cast = Cast::meet(&engine, &location, &master, config, clock, chance);
        engine.stop();
        cast
    }

    fn meet(
        engine: &Engine,
        location: &Location,
        master: &MasterKey,
        config: Config,
        clock: Clock,
        chance: Chance,
    ) -> Result<Cast, Failure> {
        let mut registry = Registry::open(location, master)?;
        let now = Timestamp((clock.wall_micros)());
        let directory = MerchantDirectory::default();
        let names = Language::Ja.names();
        dev::seed(
            engine,
            &directory,
            &mut registry,
            (names, false),
            now,
            chance,
        )?;
        let mut customers = Vec::new();
        for customer in dev::customers(engine, &mut registry, now)? {
            customers.push(Customer {
                cookie: sign_in(&mut registry, &customer.wallet_id, now, chance)?,
                authorization: customer.user_authorization_id,
            });
        }
        Ok(Cast {
            merchant: dev::merchant(&mut registry, now, chance)?,
            customers,
            wallet_origin: config.wallet.origin,
        })
    }
}

/// A session of a customer, as if they had proven their passkey: the cookie's name and value.
fn sign_in(
    registry: &mut Registry,
    wallet: &str,
    now: Timestamp,
    chance: Chance,
) -> Result<String, Failure> {
    let wallet = WalletId(wallet.parse()?);
    let person = registry
        .people()
        .of_wallet(wallet)?
        .ok_or("a seeded customer has no name")?;
    let token = draw(chance);
    let row = SessionRow {
        session: SessionId(draw(chance)),
        surface: Surface::Wallet,
        owner: person.person,
        wallet: Some(wallet),
        method: AuthMethod::Passkey,
        assurance: Aal::Two,
        device: SessionDevice {
            browser: None,
            agent: AgentFamily::Unknown,
            key: None,
        },
        made_at: now,
        seen_at: now,
        ends_at: now.plus(SESSION),
        credential: None,
    };
    let generation = registry.sessions().generation(row.surface, &row.owner)?;
    let generation = generation.ok_or("a seeded customer may not sign in")?;
    registry.sessions().open(&row, &token, generation, None)?;
    let name = Cookie::Session(Surface::Wallet).name();
    Ok(format!("{name}={}", encode_token(&token)))
}

/// A running `mamori serve`.
pub struct Server {
    pub child: Mutex<Child>,
    address: String,
    wallet: String,
    key: SigningKey,
    store: String,
    till: String,
    pub cast: Arc<Cast>,
    clock: Clock,
    nonce: AtomicU64,
}

/// A server that may not answer yet.
pub struct Starting {
    child: Child,
    ready: PathBuf,
    log: PathBuf,
}

impl Starting {
    /// Starts a process on the store; one that is given a PostgreSQL store waits for the owner's lease to lapse.
    pub fn spawn(
        program: &Path,
        home: &Path,
        store: Option<&str>,
        name: &str,
    ) -> Result<Starting, Failure> {
        let ready = home.join(format!("{name}.json"));
        drop(fs::remove_file(&ready));
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(home.join(format!("{name}.log")))?;
        let mut command = Command::new(program);
        command
            .args(["serve", "--data"])
            .arg(home)
            .arg("--ready")
            .arg(&ready);
        if let Some(store) = store {
            command.args(["--standby", "--store", store]);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(Starting {
            child,
            ready,
            log: home.join(format!("{name}.log")),
        })
    }

    /// Waits until it answers.
    pub fn ready(self, cast: &Arc<Cast>, clock: Clock) -> Result<Server, Failure> {
        let Starting {
            mut child,
            ready,
            log,
        } = self;
        let listens = loop_until(clock, START_MILLIS, || {
            match (fs::read_to_string(&ready), child.try_wait()) {
                (Ok(text), _) => serde_json::from_str::<Value>(&text).ok().map(Ok),
                (_, Ok(Some(status))) => {
                    Some(Err(format!("the server ended at its start with {status}")))
                }
                _ => None,
            }
        });
        let listens = match listens {
            Some(Ok(listens)) => listens,
            failed => {
                drop(child.kill());
                drop(child.wait());
                let why = failed
                    .and_then(Result::err)
                    .unwrap_or_else(|| "the server did not start in time".into());
                return Err(format!("{why}: {}", last_words(&log)).into());
            }
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let till = &cast.merchant.tills[0];
        Ok(Server {
            child: Mutex::new(child),
            address: text(&listens["api"]),
            wallet: text(&listens["wallet"]),
            key: SigningKey::new(&cast.merchant.api_secret),
            store: text(&till["store_id"]),
            till: text(&till["id"]),
            cast: cast.clone(),
            clock,
            nonce: AtomicU64::new((clock.wall_micros)() as u64),
        })
    }
}

/// The newest lines of a server's log, newest first.
pub fn last_words(log: &Path) -> String {
    let log = fs::read_to_string(log).unwrap_or_default();
    let tail: Vec<&str> = log.lines().rev().take(5).collect();
    tail.join(" / ")
}

impl Server {
    pub fn start(
        program: &Path,
        home: &Path,
        store: Option<&str>,
        cast: &Arc<Cast>,
        clock: Clock,
    ) -> Result<Server, Failure> {
        Starting::spawn(program, home, store, "server")?.ready(cast, clock)
    }

    /// Kill -9: nothing is flushed, no client gets an answer.
    pub fn kill(&self) {
        let mut child = self.child.lock().expect("nobody panics with it");
        drop(child.kill());
        drop(child.wait());
    }

    pub fn charge(&self, name: String, customer: usize, yen: u64) -> Request {
        let body = json!({
            "merchantPaymentId": name,
            "userAuthorizationId": self.cast.customers[customer].authorization,
            "amount": { "amount": yen, "currency": "JPY" },
            "requestedAt": self.seconds(),
        });
        Request {
            name,
            path: PAYMENTS,
            body,
            yen,
            code: None,
        }
    }

    pub fn scan(&self, name: String, code: String, yen: u64) -> Request {
        let body = json!({
            "merchantPaymentId": name,
            "code": code,
            "storeId": self.store,
            "terminalId": self.till,
            "amount": { "amount": yen, "currency": "JPY" },
            "requestedAt": self.seconds(),
        });
        Request {
            name,
            path: SCANS,
            body,
            yen,
            code: Some(code),
        }
    }

    pub fn refund(&self, name: String, payment: &str, yen: u64) -> Request {
        let body = json!({
            "merchantRefundId": name,
            "paymentId": payment,
            "amount": { "amount": yen, "currency": "JPY" },
            "requestedAt": self.seconds(),
        });
        Request {
            name,
            path: REFUNDS,
            body,
            yen,
            code: None,
        }
    }

    /// A code on a customer's phone.
    pub fn fresh_code(&self, customer: usize) -> Option<String> {
        let (_, answer) = self.page(customer, "POST", "/api/code")?;
        Some(answer["code"].as_str()?.to_owned())
    }

    /// One request of the wallet page on a customer's phone, as the proxy in front passes it on.
    pub fn page(&self, customer: usize, method: &str, path: &str) -> Option<(u16, Value)> {
        let origin = &self.cast.wallet_origin;
        let host = origin.trim_start_matches("https://");
        let cookie = &self.cast.customers[customer].cookie;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nSec-Fetch-Site: same-origin\r\nCookie: {cookie}\r\n"
        );
        exchange(&self.wallet, head, "{}")
    }

    /// Sends a request, signed, and reads what the register may believe.
    pub fn ask(&self, request: &Request) -> Heard {
        let body = request.body.to_string();
        let Some((status, answer)) = self.call("POST", request.path, &body) else {
            return Heard::Nothing;
        };
        let data = &answer["data"];
        let id = if request.path == REFUNDS {
            &data["merchantRefundId"]
        } else {
            &data["paymentId"]
        };
        let code = answer["resultInfo"]["code"].as_str();
        // Why a code was no good leaves no trace, and a server that started anew knows none of the codes of before: that it is no
        // good is what must stay.
        // A till that asks again with codes of dead servers is locked as one that guesses. An earlier answer would have come before
        // the lock: nothing was paid under this id, and the code has died with its server.
        let is_locked = answer["resultInfo"]["codeId"] == ResultCode::TerminalLocked.row().code_id;
        let code = code.map(
            |code| match is_locked || code.starts_with("CUSTOMER_CODE_") {
                true => "CUSTOMER_CODE_DEAD",
                false => code,
            },
        );
        match (status, id.as_str(), code) {
            (200..=299, Some(id), Some("SUCCESS")) => Heard::Done { id: id.to_owned() },
            (429, _, Some(code)) if is_locked => Heard::Refused {
                code: code.to_owned(),
            },
            // Unsigned (the first second after a start), too busy, or broken: not decided, ask again.
            (429 | 500..=599, ..) | (401, _, Some("UNAUTHORIZED")) | (_, _, None) => Heard::Nothing,
            (_, _, Some(code)) => Heard::Refused {
                code: code.to_owned(),
            },
        }
    }

    /// One signed call of the merchant API.
    pub fn call(&self, method: &str, path: &str, body: &str) -> Option<(u16, Value)> {
        let signed = SignedRequest {
            method,
            path,
            query: None,
            content_type: Some(b"application/json"),
            body: body.as_bytes(),
        };
        let nonce = format!("crash-{:016x}", self.nonce.fetch_add(1, Ordering::Relaxed));
        let header = sign(
            Scheme::Mamori,
            &self.cast.merchant.api_key,
            &self.key,
            &signed,
            &nonce,
            self.seconds(),
        );
        self.send(method, path, &header, body)
    }

    fn seconds(&self) -> i64 {
        (self.clock.wall_micros)() / 1_000_000
    }

    /// One request on a connection of its own; `None` if the connection broke anywhere.
    fn send(
        &self,
        method: &str,
        path: &str,
        authorization: &str,
        body: &str,
    ) -> Option<(u16, Value)> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {authorization}\r\nX-ASSUME-MERCHANT: {}\r\n",
            self.address, self.cast.merchant.id,
        );
        exchange(&self.address, head, body)
    }
}

/// One request on a connection of its own, and its answer; `head` lacks what says how long the body is.
fn exchange(address: &str, head: String, body: &str) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(ANSWER)).ok()?;
    let head = format!(
        "{head}Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len(),
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.take(1 << 20).read_to_end(&mut answer).ok()?;
    let text = String::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).ok()?))
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

pub fn wait_until(clock: Clock, until: u64) {
    loop {
        let left = until.saturating_sub((clock.monotonic_micros)());
        if left == 0 {
            return;
        }
        thread::park_timeout(Duration::from_micros(left));
    }
}

/// Tries until there is something or the time is over.
pub fn loop_until<T>(clock: Clock, millis: u64, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let until = (clock.monotonic_micros)() + millis * 1_000;
    while (clock.monotonic_micros)() < until {
        if let Some(found) = look() {
            return Some(found);
        }
        thread::park_timeout(Duration::from_millis(10));
    }
    None
}
