//! `mamori-lab dev`: the whole system on one machine, with a sandbox for the outside world, shops, tills and customers.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::extract::{Json, State};
use axum::http::StatusCode;
use indicatif::ProgressBar;
use mamori::assembly::{self, CardAccount, ExternalAccount, Mounted, Plan, Sockets};
use mamori::config::ExternalIdConfig;
use mamori::delivery::{Notifier, push_gateway};
use mamori::interrupt::wait_for_interrupt;
use mamori::world::{Chance, Clock, Failure, draw};
use mamori_api::opa::account_link::{self, LINK_SECONDS_MAX, LinkKey};
use mamori_api::opa::id::user_authorization_id_text;
use mamori_codes::payment_code::{IssuerPrefix, PaymentCode};
use mamori_connectors::mail::{MailAddress, MailConfig, MailSecurity, Mailer};
use mamori_connectors::openid::ClientProof;
use mamori_connectors::push::{KNOWN_SERVICES, PushServices};
use mamori_connectors::secret::Secret;
use mamori_connectors::sms::{SmsConfig, SmsGateway};
use mamori_datastore::fault::Fault;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::private;
use mamori_datastore::sql::Location;
use mamori_domain::command::{Command, CreditKind, Request};
use mamori_domain::context::{Asker, SystemReason};
use mamori_domain::decide::Limits;
use mamori_domain::ids::{AuthorizationId, StoreId, TillId, WalletId};
use mamori_domain::lifecycle::Purpose;
use mamori_domain::money::Amount;
use mamori_domain::reply::Reply;
use mamori_domain::world::Timestamp;
use mamori_engine::{Engine, EngineConfig};
use mamori_flows::delivery::Couriers;
use mamori_flows::open::{self, NewStore};
use mamori_flows::{Run, api_key, password};
use mamori_registry::{
    Contact, HashCost, NEVER_USED, OwnerId, PasswordEnrolment, Registry, Role, Seed, SendBudget,
};
use mamori_server::about::About;
use mamori_server::app::App;
use mamori_server::directory::MerchantDirectory;
use mamori_server::network::TrustedProxies;
use mamori_server::password_list::PasswordList;
use mamori_server::push_desk::PushDesk;
use mamori_server::route_table::Routes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::demo::{self, Life, PastClock};
use crate::run_token::{RunToken, TokenOfThisRun};
use crate::seed_names::{Language, SeedNames};
use crate::sign_in_hook;

/// The issuer prefix of development codes: a part of the JPQR range that no known brand uses.
const DEV_ISSUER: &str = "90009900";
const SEEDED_YEN: u64 = 10_000;
/// Customers whom scripts know.
const KNOWN_CUSTOMERS: usize = 3;
/// What the month of `--demo` is drawn from.
const DEMO_SEED: u64 = 20_190_701;
/// How often it is looked for tills whose pairing code has run out.
const CODES_EVERY: Duration = Duration::from_secs(5);

/// How to play.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Option<DevCommand>,
    /// First of the five ports (wallet, till, console, API, inbox); 0 picks free ones.
    #[arg(long, default_value_t = 4400)]
    port: u16,
    /// Keep the data in this directory; without it everything is gone at the end.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Keep the tables in this store instead of files: `postgres://user@host/database`.
    #[arg(long, visible_alias = "database")]
    store: Option<String>,
    /// Write addresses, keys and customers to this file (mode 0600) once everything is ready.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Wait for the present owner of the store to die, then take over.
    #[arg(long)]
    standby: bool,
    /// Do not fetch front-end packages from npm.
    #[arg(long)]
    no_packages: bool,
    /// Give a new store a month of life, and let customers go on paying slowly.
    #[arg(long)]
    demo: bool,
    /// One more provider of external IDs, on this machine: a file with the `name`, `issuer`, `client_id` and `client_secret` that a
    /// live configuration has.
    #[arg(long)]
    external_id: Option<PathBuf>,
    /// The language of the seeded names.
    #[arg(long, value_enum, default_value = "ja")]
    lang: Language,
}

/// Helpers for scripts beside a running `mamori-lab dev`.
#[derive(clap::Subcommand)]
enum DevCommand {
    /// Print a fresh payment code of a seeded customer.
    Code {
        /// The file that `mamori-lab dev --json` wrote.
        #[arg(long)]
        json_from: PathBuf,
        /// The customer's name, or a part of it.
        #[arg(long)]
        customer: String,
    },
    /// Sign in as a seeded customer; prints the cookie, the device's key, and the password and the secret of the codes where set.
    SignIn {
        /// The file that `mamori-lab dev --json` wrote.
        #[arg(long)]
        json_from: PathBuf,
        /// The customer's name, or a part of it.
        #[arg(long)]
        customer: String,
    },
}

/// What scripts need; the file is readable by its owner alone.
#[derive(Serialize, Deserialize)]
struct Access {
    base_url: String,
    wallet_url: String,
    till_url: String,
    console_url: String,
    inbox_url: String,
    sandbox_url: String,
    /// Where the sandbox takes mail, as a mail program names it.
    #[serde(default)]
    smtp_url: String,
    /// The provider of external IDs that the sandbox plays.
    #[serde(default)]
    oidc_issuer: String,
    /// The sandbox's push service, where a script plays a browser that subscribes.
    #[serde(default)]
    push_url: String,
    /// For `mamori-lab dev code`; new at every start.
    token: String,
    merchant: AccessMerchant,
    customers: Vec<AccessCustomer>,
    /// A one-time link for one more operator; new at every start.
    console_link: Option<String>,
    /// The same for a colleague of each other role that takes part when two people are needed: `support` proposes, `fraud` approves.
    #[serde(default)]
    colleague_links: BTreeMap<String, String>,
    /// The seeded merchant's request for a standing permission; new at every start, good for an hour and for one wallet.
    #[serde(default)]
    permission_link: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub struct AccessMerchant {
    pub id: String,
    pub api_key: String,
    pub api_secret: String,
    stores: Vec<Value>,
    pub tills: Vec<Value>,
}

#[derive(Serialize, Deserialize)]
pub struct AccessCustomer {
    name: String,
    pub wallet_id: String,
    pub user_authorization_id: String,
    /// Where the customer is reached, and what they sign in with beside the password.
    #[serde(default)]
    contact: Option<String>,
    /// A command line that signs in as this customer and prints one JSON object.
    #[serde(default)]
    sign_in_hook: String,
}

/// Runs until interrupted.
pub fn run(args: Args, clock: Clock, chance: Chance) -> Result<(), Failure> {
    if let Some(DevCommand::Code {
        json_from,
        customer,
    }) = args.command
    {
        return print_code(&json_from, &customer);
    }
    if let Some(DevCommand::SignIn {
        json_from,
        customer,
    }) = args.command
    {
        return print_sign_in(&json_from, &customer);
    }
    let names = args.lang.names();
    let home = Home::open(args.data.as_deref(), chance)?;
    let location = match &args.store {
        Some(store) => Location::parse(store)?,
        None => Location::Directory(home.path.join("store")),
    };
    let key_path = home.path.join("master.key");
    let master = Arc::new(if key_path.exists() {
        MasterKey::open(&key_path)?
    } else {
        MasterKey::create(&key_path, draw(chance))?
    });
    if args.demo && !args.standby {
        live_a_month(&location, &master, names, clock, chance)?;
    }
    let packages = front_end_packages(args.no_packages);
    let sockets = Sockets::loopback(args.port)?;
    let (wallet_url, till_url, console_url) = (
        sockets.wallet_origin.clone(),
        sockets.till_origin.clone(),
        sockets.console_origin.clone(),
    );
    let base_url = format!("http://127.0.0.1:{}", sockets.api.local_addr()?.port());
    let sandbox = Sandbox::start(&base_url, inbox_port(args.port))?;
    let token = hex(&draw::<16>(chance));
    let (notifier, push) = sandbox.notifier(&location, &master, &wallet_url, clock, chance)?;
    let plan = Plan {
        location: location.clone(),
        master: master.clone(),
        standby: args.standby,
        limits: Limits::default(),
        about: About {
            operator_name: Some("まもりマート（開発用）".into()),
            operator_contact: Some("help@example.jp".into()),
            ..About::default()
        },
        issuer: issuer(),
        card: CardAccount {
            base_url: sandbox.text("card_url")?,
            api_key: sandbox.text("api_key")?,
            webhook_secret: sandbox.text("webhook_secret")?,
        },
        messenger: notifier.messenger(),
        send_budget: SendBudget::default(),
        proxies: TrustedProxies::default(),
        password_list: PasswordList::new(None),
        external_ids: external_ids(&sandbox, args.external_id.as_deref())?,
        push,
        mounted: mounted(packages.as_deref(), token.clone()),
        sockets,
    };
    let running = assembly::start(plan, clock, chance)?;
    notifier.begin()?;
    let mut registry = Registry::open(&location, &master)?;
    let now = Timestamp((clock.wall_micros)());
    let directory = &running.app.directory;
    let who = (names, args.demo);
    seed(&running.engine, directory, &mut registry, who, now, chance)?;
    let mut access = Access {
        base_url,
        wallet_url,
        till_url,
        inbox_url: sandbox.text("inbox_url")?,
        sandbox_url: sandbox.text("card_url")?,
        oidc_issuer: sandbox.text("oidc_issuer")?,
        push_url: sandbox.text("push_url")?,
        token,
        merchant: merchant(&mut registry, now, chance)?,
        customers: customers(&running.engine, &mut registry, now)?,
        smtp_url: format!("smtp://{}", sandbox.text("smtp_address")?),
        console_link: Some(console_link(
            &mut registry,
            &console_url,
            (names.operator, Role::Admin),
            now,
            chance,
        )?),
        colleague_links: colleague_links(&mut registry, &console_url, names, now, chance)?,
        permission_link: None,
        console_url,
    };
    access.permission_link = permission_link(&access, now, chance);
    if let Some(path) = &args.json {
        let program = std::env::current_exe()?;
        for customer in &mut access.customers {
            customer.sign_in_hook = hook_line(&program, path, &customer.wallet_id)?;
        }
        write_private(path, &serde_json::to_string_pretty(&access)?)?;
    }
    welcome(&access);
    let mut beside = vec![Beside::start("pairing-codes", {
        let mut codes = PairingCodes {
            registry,
            access,
            json: args.json.clone(),
        };
        move || {
            codes
                .renew(Timestamp((clock.wall_micros)()), chance)
                .map(|()| CODES_EVERY)
        }
    })?];
    if args.demo {
        let engine = running.engine.clone();
        let name = format!("live-{}", hex(&draw::<4>(chance)));
        let seed = u64::from_be_bytes(draw(chance));
        let mut life = Life::of(
            &engine,
            &mut Registry::open(&location, &master)?,
            seed,
            &name,
        )?;
        beside.push(Beside::start("demo", move || {
            let pause = Duration::from_secs(life.pause_seconds());
            life.pay(&engine, Timestamp((clock.wall_micros)()))
                .map(|()| pause)
        })?);
    }
    wait_for_interrupt()?;
    drop(beside);
    running.stop();
    Ok(())
}

/// Something that goes on beside the pages until it is dropped: done, then a pause as long as it says.
struct Beside {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Beside {
    fn start(
        name: &str,
        mut work: impl FnMut() -> Result<Duration, Failure> + Send + 'static,
    ) -> Result<Beside, Failure> {
        let (stop, stopped) = sync_channel::<()>(0);
        let named = name.to_owned();
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            loop {
                let pause = work().unwrap_or_else(|failure| {
                    eprintln!("mamori: {named}: {failure}");
                    Duration::from_secs(60)
                });
                if !matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
                    return;
                }
            }
        })?;
        Ok(Beside {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        drop(self.stop.take());
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// The printed pairing codes die after ten minutes, and who comes back from lunch has none.
struct PairingCodes {
    registry: Registry,
    access: Access,
    json: Option<PathBuf>,
}

impl PairingCodes {
    /// Prints new codes where one has run out. A till that is paired needs none, and one that the console made is left alone.
    fn renew(&mut self, now: Timestamp, chance: Chance) -> Result<(), Failure> {
        let renewed = renew_pairing_codes(
            &mut self.registry,
            &mut self.access.merchant.tills,
            now,
            chance,
        )?;
        if renewed.is_empty() {
            return Ok(());
        }
        println!("  The pairing codes have run out; these are new:");
        print_pairing_codes(&self.access.merchant, &renewed);
        if let Some(path) = &self.json {
            write_private(path, &serde_json::to_string_pretty(&self.access)?)?;
        }
        Ok(())
    }
}

/// Gives each till that nobody has paired, and no code waits for, a new code; answers with their ids.
pub fn renew_pairing_codes(
    registry: &mut Registry,
    tills: &mut [Value],
    now: Timestamp,
    chance: Chance,
) -> Result<Vec<String>, Failure> {
    let awaited = registry.devices().awaited_tills(now)?;
    let enrolled = registry.devices().enrolled_tills()?;
    let mut renewed = Vec::new();
    for row in tills {
        let id = row["id"].as_str().unwrap_or_default().to_owned();
        let till = TillId(id.parse()?);
        if enrolled.contains(&till) {
            row["pairing_code"] = Value::Null;
        } else if !awaited.contains(&till) {
            let seed = Seed::new(draw(chance));
            row["pairing_code"] = registry
                .devices()
                .make_pairing_code(till, now, &seed)?
                .into();
            renewed.push(id);
        }
    }
    Ok(renewed)
}

/// Lays a new store out thirty days ago and plays the month until now. A store that is there already is left as it is.
fn live_a_month(
    location: &Location,
    master: &Arc<MasterKey>,
    names: &SeedNames,
    clock: Clock,
    chance: Chance,
) -> Result<(), Failure> {
    let is_there = matches!(location, Location::Directory(path) if path.exists());
    if is_there {
        return Ok(());
    }
    let bar = ProgressBar::new_spinner().with_message("living a month");
    bar.enable_steady_tick(Duration::from_millis(120));
    let until = Timestamp((clock.wall_micros)());
    let sales = month_before(until, location, master, names, chance)?;
    bar.finish_and_clear();
    println!("  A month of life: {sales} payments.");
    Ok(())
}

/// The month itself; answers with how many sales were made. None in a store that has merchants already.
pub fn month_before(
    until: Timestamp,
    location: &Location,
    master: &Arc<MasterKey>,
    names: &SeedNames,
    chance: Chance,
) -> Result<u64, Failure> {
    let past = PastClock::at(demo::begins(until));
    let engine = Engine::open(EngineConfig {
        location: location.clone(),
        master: master.clone(),
        limits: Limits::default(),
        standby: false,
        purpose: Purpose::Development,
        clock: past.clone(),
        entropy: draw(chance),
        on_fatal: Arc::new(|fault| {
            eprintln!("mamori: the store failed: {fault}");
            process::exit(70);
        }),
    })?;
    let mut registry = Registry::open(location, master)?;
    let mut sales = 0;
    if engine.survey()?.merchants.is_empty() {
        let directory = MerchantDirectory::default();
        let begins = demo::begins(until);
        seed(
            &engine,
            &directory,
            &mut registry,
            (names, true),
            begins,
            chance,
        )?;
        let mut life = Life::of(&engine, &mut registry, DEMO_SEED, "demo")?;
        sales = life.month(&engine, &past, until)?;
    }
    engine.stop();
    Ok(sales)
}

/// The provider that the sandbox plays, and one that a test brings.
fn external_ids(sandbox: &Sandbox, beside: Option<&Path>) -> Result<Vec<ExternalAccount>, Failure> {
    let account = |name: &str, issuer, client_id, client_secret: String| ExternalAccount {
        name: name.to_owned(),
        issuer,
        client_id,
        proof: ClientProof::Secret(Secret::new(client_secret)),
        max_age: None,
    };
    let mut accounts = vec![account(
        "開発用ID",
        sandbox.text("oidc_issuer")?,
        sandbox.text("oidc_client_id")?,
        sandbox.text("oidc_client_secret")?,
    )];
    if let Some(path) = beside {
        let own: ExternalIdConfig = serde_json::from_str(&fs::read_to_string(path)?)?;
        let secret = own.client_secret.ok_or("--external-id: no client_secret")?;
        accounts.push(account(&own.name, own.issuer, own.client_id, secret));
    }
    Ok(accounts)
}

/// The inbox has an address that can be kept in the browser, like the other pages: the port behind theirs, if it is free.
fn inbox_port(first: u16) -> u16 {
    match first.checked_add(4) {
        Some(port) if first > 0 && TcpListener::bind(("127.0.0.1", port)).is_ok() => port,
        _ => 0,
    }
}

/// Where this run keeps its files; a directory of its own is removed at the end.
struct Home {
    path: PathBuf,
    temporary: bool,
}

impl Home {
    fn open(data: Option<&Path>, chance: Chance) -> Result<Home, Failure> {
        let (path, temporary) = match data {
            Some(path) => (path.to_owned(), false),
            None => (
                std::env::temp_dir().join(format!("mamori-dev-{}", hex(&draw::<6>(chance)))),
                true,
            ),
        };
        private::new_directory(&path)?;
        Ok(Home { path, temporary })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.temporary {
            drop(fs::remove_dir_all(&self.path));
        }
    }
}

/// The outside world, in a process of its own that ends with this one.
struct Sandbox {
    child: Child,
    access: Value,
}

impl Sandbox {
    fn start(base_url: &str, inbox_port: u16) -> Result<Sandbox, Failure> {
        let mut child = process::Command::new(std::env::current_exe()?)
            .args([
                "sandbox",
                "--json",
                "--until-stdin-closes",
                "--inbox-port",
                &inbox_port.to_string(),
                "--webhook-url",
                &format!("{base_url}/webhooks/card"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let out = child.stdout.take().ok_or("the sandbox has no output")?;
        BufReader::new(out).read_line(&mut line)?;
        let access = serde_json::from_str(&line).map_err(|_| "the sandbox did not start")?;
        Ok(Sandbox { child, access })
    }

    fn text(&self, name: &str) -> Result<String, Failure> {
        Ok(self.access[name]
            .as_str()
            .ok_or_else(|| format!("the sandbox did not tell its {name}"))?
            .to_owned())
    }

    fn notifier(
        &self,
        location: &Location,
        master: &MasterKey,
        wallet_origin: &str,
        clock: Clock,
        chance: Chance,
    ) -> Result<(Notifier, PushDesk), Failure> {
        let sms = SmsGateway::new(SmsConfig {
            base_url: self.text("sms_url")?,
            account: self.text("sms_account")?,
            token: Secret::new(self.text("sms_token")?),
            from: "+815012345678".into(),
            patience: Default::default(),
        });
        let address = self.text("smtp_address")?;
        let (host, port) = address
            .rsplit_once(':')
            .ok_or("the sandbox's mail address has no port")?;
        let from =
            MailAddress::new("no-reply@mamori.example").ok_or("the sender's address is not one")?;
        let mail = Mailer::new(MailConfig {
            host: host.to_owned(),
            port: port.parse()?,
            security: MailSecurity::None,
            credentials: None,
            root_certificate_pem: None,
            from: ("Mamori".into(), from),
            hello_name: "mamori.example".into(),
            timeout: Duration::from_secs(10),
        })
        .map_err(|_| "the mail settings cannot be used")?;
        // The browsers' own services, so that a developer's browser gets real ones; and the sandbox's.
        let known = KNOWN_SERVICES.iter().map(|name| (*name).to_owned());
        let services = PushServices::new(known.chain([self.text("push_url")?]))?;
        let (push, desk) = push_gateway(master, 1, "mailto:help@example.jp", services)?;
        let couriers = Couriers { sms, mail, push };
        let notifier = Notifier::open(location, master, couriers, wallet_origin, clock, chance)?;
        Ok((notifier, desk))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Its standard input closes with this; it ends by itself, and is waited for so that no zombie is left.
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

/// The front-end packages, fetched by their lock file if npm is there. Without them the pages say what they miss.
fn front_end_packages(skip: bool) -> Option<PathBuf> {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
    let packages = web.join("node_modules");
    if !packages.exists() && !skip && web.join("package-lock.json").exists() {
        let bar = ProgressBar::new_spinner().with_message("fetching front-end packages (npm ci)");
        bar.enable_steady_tick(Duration::from_millis(120));
        let fetched = process::Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(&web)
            .output();
        bar.finish_and_clear();
        match fetched {
            Ok(output) if output.status.success() => {}
            _ => eprintln!(
                "mamori: the front-end packages could not be fetched with npm; camera and live chart will say so"
            ),
        }
    }
    packages.exists().then_some(packages)
}

/// Everything that `dev` mounts. The inbox listens in the sandbox's process.
pub fn mounted(packages: Option<&Path>, token: String) -> Mounted {
    Mounted::development(packages, own_routes(token))
}

/// Development's own calls: a code without a phone, and the end of the waits of a recovery. They are mounted by `dev` alone and ask for
/// the run's token.
fn own_routes(token: String) -> Routes<Arc<App>> {
    let mint = async |State(app): State<Arc<App>>, _: RunToken, Json(body): Json<Value>| {
        let Some(wallet) = body["wallet_id"]
            .as_str()
            .and_then(|text| text.parse().ok())
            .map(WalletId)
        else {
            return (
                StatusCode::BAD_REQUEST,
                Json(json!({ "refusal": "invalid_field", "field": "wallet_id" })),
            );
        };
        let asker = Asker::system(SystemReason::CommandLine);
        let issue = Request::command(asker, Command::IssueCode { wallet });
        match app.ledger.ask(issue).await {
            Ok(Ok(Reply::Code { digits, expires_at })) => {
                match PaymentCode::new(app.issuer, 0, digits) {
                    Some(code) => (
                        StatusCode::OK,
                        Json(
                            json!({ "code": code.as_str(), "expires_at_ms": expires_at.millis() }),
                        ),
                    ),
                    None => (
                        StatusCode::SERVICE_UNAVAILABLE,
                        Json(json!({ "refusal": "unavailable" })),
                    ),
                }
            }
            Ok(Err(refusal)) => (
                StatusCode::CONFLICT,
                Json(json!({ "refusal": refusal.code() })),
            ),
            _ => (
                StatusCode::SERVICE_UNAVAILABLE,
                Json(json!({ "refusal": "unavailable" })),
            ),
        }
    };
    let hurry = async |State(app): State<Arc<App>>, _: RunToken, Json(body): Json<Value>| {
        let wallet = body["wallet_id"]
            .as_str()
            .and_then(|text| text.parse().ok());
        let now = app.outside.now();
        let hurried = match wallet.map(WalletId) {
            None => Ok(Ok(false)),
            Some(wallet) => {
                let work = move |registry: &mut Registry| registry.recoveries().hurry(wallet, now);
                app.registry.ask(work).await
            }
        };
        match hurried {
            Ok(Ok(true)) => (StatusCode::OK, Json(json!({}))),
            Ok(Ok(false)) => (
                StatusCode::BAD_REQUEST,
                Json(json!({ "refusal": "invalid_field", "field": "wallet_id" })),
            ),
            _ => (
                StatusCode::SERVICE_UNAVAILABLE,
                Json(json!({ "refusal": "unavailable" })),
            ),
        }
    };
    Routes::new()
        .post("/dev/code", mint)
        .post("/dev/sign-in", sign_in_hook::sign_in)
        .post("/dev/hurry", hurry)
        .with(TokenOfThisRun(token))
}

/// A retailer with three stores, five tills, an API key and three customers, and more of them for a month of life, unless the store
/// has them already.
pub fn seed(
    engine: &Engine,
    directory: &MerchantDirectory,
    registry: &mut Registry,
    (names, with_more): (&SeedNames, bool),
    now: Timestamp,
    chance: Chance,
) -> Result<(), Failure> {
    if !engine.survey()?.merchants.is_empty() {
        return Ok(());
    }
    let seed = Seed::new(draw(chance));
    let turn = directory.take_turn();
    let stores = names.stores.map(|(name, tills)| NewStore {
        name: name.to_owned(),
        tills: tills.iter().map(|till| (*till).to_owned()).collect(),
    });
    let mut run = Run {
        engine,
        registry: &mut *registry,
        asker: Asker::system(SystemReason::CommandLine),
        now,
        seed: &seed,
    };
    let merchant = open::chain(&mut run, &turn, names.merchant, &stores)?.merchant;
    api_key::make(&mut run, &turn, merchant)?;
    let known = names.customers.iter().map(|one| (one.0, Some(one.1)));
    let more = names.more_customers.iter().filter(|_| with_more);
    for (name, mail) in known.chain(more.map(|name| (*name, None))) {
        let seed = Seed::new(draw(chance));
        let wallet = match mail {
            // Scripts sign in as these.
            Some(mail) => with_password(engine, registry, (name, mail), now, &seed)?,
            None => with_name_alone(engine, registry, name, now, &seed)?,
        };
        let authorization = AuthorizationId(u128::from_be_bytes(draw(chance)));
        done(
            engine,
            Command::GrantAuthorization {
                authorization,
                wallet,
                merchant,
            },
        )?;
        let amount = Amount::yen(SEEDED_YEN);
        done(
            engine,
            Command::Credit {
                wallet,
                idempotency_key: "seed".into(),
                amount,
                kind: CreditKind::Goodwill,
            },
        )?;
    }
    directory.follow(&turn, registry)?;
    Ok(())
}

/// A customer whom nobody signs in as.
fn with_name_alone(
    engine: &Engine,
    registry: &mut Registry,
    name: &str,
    now: Timestamp,
    seed: &Seed,
) -> Result<WalletId, Failure> {
    let credential = registry.fingerprint("seeded customer", &seed.bytes("credential"));
    let device = None;
    let opened = done(engine, Command::OpenWallet { credential, device })?;
    let Reply::WalletOpened(wallet) = opened else {
        return Err(unexpected());
    };
    let person = OwnerId(seed.take("person"));
    registry
        .people()
        .name_wallet(person, wallet, name, now, seed)?;
    Ok(wallet)
}

/// A customer with a contact, a password and codes by time.
fn with_password(
    engine: &Engine,
    registry: &mut Registry,
    (name, mail): (&str, &str),
    now: Timestamp,
    seed: &Seed,
) -> Result<WalletId, Failure> {
    let contact = Contact::parse(mail).ok_or("a seeded contact is none")?;
    let password = sign_in_hook::password(registry, name);
    let password = password.map_err(|_| "a seeded password is none")?;
    let totp = sign_in_hook::totp_secret(registry, name);
    let enrolment = PasswordEnrolment {
        person: OwnerId(seed.take("person")),
        contact: &contact,
        locale: if name.is_ascii() { "en" } else { "ja" },
        display_name: name,
        password: (&password, HashCost::default()),
        totp: (&totp, NEVER_USED),
    };
    let mut run = Run {
        engine,
        registry,
        asker: Asker::system(SystemReason::CommandLine),
        now,
        seed,
    };
    match password::open_wallet(&mut run, &enrolment, None) {
        Ok((wallet, _)) => Ok(wallet),
        Err(_) => Err(unexpected()),
    }
}

fn done(engine: &Engine, command: Command) -> Result<Reply, Failure> {
    let asker = Asker::system(SystemReason::CommandLine);
    engine
        .ask(Request::command(asker, command))?
        .map_err(|refusal| format!("the book refused to be seeded: {}", refusal.code()).into())
}

fn unexpected() -> Failure {
    "the book gave another answer than was asked for".into()
}

/// The seeded merchant as its programs need it, with a pairing code for each till that has no device.
pub fn merchant(
    registry: &mut Registry,
    now: Timestamp,
    chance: Chance,
) -> Result<AccessMerchant, Failure> {
    let key = registry
        .api_keys()
        .live_with_secrets()?
        .into_iter()
        .next()
        .ok_or("the store has no API key")?;
    let enrolled = registry.devices().enrolled_tills()?;
    let mut stores = BTreeMap::new();
    let mut tills = Vec::new();
    for paper in registry
        .directory()
        .tills()?
        .into_iter()
        .filter(|paper| paper.merchant == key.merchant)
    {
        if let Entry::Vacant(place) = stores.entry(paper.store.0) {
            let pin = supervisor_pin(registry, paper.store, now, &Seed::new(draw(chance)))?;
            place.insert(json!({
                "id": paper.store.to_string(),
                "name": paper.store_name,
                "supervisor_pin": pin,
            }));
        }
        let pairing_code = match enrolled.contains(&paper.till) {
            true => None,
            false => Some(registry.devices().make_pairing_code(
                TillId(paper.till.0),
                now,
                &Seed::new(draw(chance)),
            )?),
        };
        tills.push(json!({
            "id": paper.till.to_string(),
            "name": paper.name,
            "store_id": paper.store.to_string(),
            "pairing_code": pairing_code,
        }));
    }
    Ok(AccessMerchant {
        id: key.merchant.to_string(),
        api_key: key.api_key,
        api_secret: key.secret,
        stores: stores.into_values().collect(),
        tills,
    })
}

/// The PIN of the one supervisor that each seeded store has. It is told once and never again: each start draws a new one.
fn supervisor_pin(
    registry: &mut Registry,
    store: StoreId,
    now: Timestamp,
    seed: &Seed,
) -> Result<String, Failure> {
    const NAME: &str = "店長";
    for old in registry.supervisors().of_store(store)? {
        if old.name == NAME {
            registry.supervisors().remove(old.id, now)?;
        }
    }
    let added = registry.supervisors().add(store, NAME, now, seed)?;
    Ok(added.ok_or("the store has too many supervisors")?.pin)
}

pub fn customers(
    engine: &Engine,
    registry: &mut Registry,
    now: Timestamp,
) -> Result<Vec<AccessCustomer>, Failure> {
    let grants = engine.first_authorizations(KNOWN_CUSTOMERS)?;
    let mut customers = Vec::new();
    for (wallet, authorization) in grants {
        if let Some(person) = registry.people().of_wallet(wallet)? {
            customers.push(AccessCustomer {
                name: person.display_name,
                wallet_id: wallet.to_string(),
                user_authorization_id: user_authorization_id_text(authorization.0),
                contact: (registry.contacts().preferred(wallet, now)?)
                    .map(|contact| contact.as_str().to_owned()),
                sign_in_hook: String::new(),
            });
        }
    }
    Ok(customers)
}

/// A one-time link for one more operator. Each start makes a new one: the developer who can start the program has its data anyway.
fn console_link(
    registry: &mut Registry,
    console_url: &str,
    (name, role): (&str, Role),
    now: Timestamp,
    chance: Chance,
) -> Result<String, Fault> {
    use base64::Engine as _;
    let link = registry
        .operators()
        .invite(name, role, now, &Seed::new(draw(chance)))?;
    Ok(format!(
        "{console_url}/#link={}",
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(link)
    ))
}

/// Links for colleagues, by role. The program invites them, so they may approve what each other proposes at once.
fn colleague_links(
    registry: &mut Registry,
    console_url: &str,
    names: &SeedNames,
    now: Timestamp,
    chance: Chance,
) -> Result<BTreeMap<String, String>, Fault> {
    let colleagues = [(names.support, Role::Support), (names.fraud, Role::Fraud)];
    let mut links = BTreeMap::new();
    // Behind the first operator in every list.
    let now = Timestamp(now.0 + 1);
    for (name, role) in colleagues {
        let link = console_link(registry, console_url, (name, role), now, chance)?;
        links.insert(role.word().to_owned(), link);
    }
    Ok(links)
}

/// What a web shop of the seeded merchant would send its customer to. It names no address to go back to: there is no shop.
fn permission_link(access: &Access, now: Timestamp, chance: Chance) -> Option<String> {
    let merchant = &access.merchant;
    let claims = json!({
        "iss": merchant.id,
        "aud": access.wallet_url,
        "exp": now.seconds() + LINK_SECONDS_MAX,
        "scope": "direct_debit",
        "nonce": hex(&draw::<16>(chance)),
        "referenceId": "member-0042",
    });
    let token = account_link::sign(&claims, &LinkKey::new(&merchant.api_secret)?);
    Some(format!(
        "{}/app/opa/user_authorization?apiKey={}&requestToken={token}",
        access.wallet_url, merchant.api_key
    ))
}

fn welcome(access: &Access) {
    println!("\n  守り Mamori (development) is ready.\n");
    println!("  wallet   {}", access.wallet_url);
    println!("  till     {}", access.till_url);
    println!(
        "  console  {}",
        access
            .console_link
            .as_deref()
            .unwrap_or(&access.console_url)
    );
    for (role, link) in &access.colleague_links {
        println!("           {link}   (another browser, as {role})");
    }
    println!("  inbox    {}", access.inbox_url);
    println!("  API      {}\n", access.base_url);
    println!("  1. Open the wallet, sign up with any mail address; the code arrives in the inbox.");
    println!(
        "  2. Open the till in another window and pair it with one of these codes (good for ten minutes; new ones are printed here then):"
    );
    let all: Vec<String> = access
        .merchant
        .tills
        .iter()
        .filter_map(|till| till["id"].as_str().map(str::to_owned))
        .collect();
    print_pairing_codes(&access.merchant, &all);
    println!(
        "  3. Top up with card 4242 4242 4242 4242, show the code; in the till type an amount, Enter, and paste the code's digits."
    );
    println!(
        "     More than 10,000 yen of a sale, and another till's, go back with the PIN of the store's supervisor:"
    );
    for store in &access.merchant.stores {
        if let (Some(name), Some(pin)) = (store["name"].as_str(), store["supervisor_pin"].as_str())
        {
            println!("       {pin}  {name}");
        }
    }
    if let Some(link) = &access.permission_link {
        println!("  4. Open this in the wallet's browser: a shop asks to be paid without a code.");
        println!("       {link}");
    }
    println!();
    println!("  Ctrl-C ends it.\n");
}

/// The codes of these tills, in groups as people read them.
fn print_pairing_codes(merchant: &AccessMerchant, tills: &[String]) {
    for till in &merchant.tills {
        let is_asked = till["id"]
            .as_str()
            .is_some_and(|id| tills.iter().any(|one| one == id));
        if let (true, Some(name), Some(code)) = (
            is_asked,
            till["name"].as_str(),
            till["pairing_code"].as_str(),
        ) {
            let store = merchant
                .stores
                .iter()
                .find(|store| store["id"] == till["store_id"]);
            let store = store
                .and_then(|store| store["name"].as_str())
                .unwrap_or_default();
            let groups: Vec<&str> = (0..code.len())
                .step_by(4)
                .filter_map(|at| code.get(at..(at + 4).min(code.len())))
                .collect();
            println!("       {}  {store} {name}", groups.join(" "));
        }
    }
}

/// The command line that signs in as a customer of this run.
fn hook_line(program: &Path, json: &Path, customer: &str) -> Result<String, Failure> {
    let json = fs::canonicalize(
        json.parent()
            .filter(|at| *at != Path::new(""))
            .unwrap_or(Path::new(".")),
    )?
    .join(json.file_name().ok_or("--json names no file")?);
    let quoted = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', r"'\''"));
    let (program, json) = (quoted(program), quoted(&json));
    Ok(format!(
        "{program} dev sign-in --json-from {json} --customer {customer}"
    ))
}

/// Asks a running `mamori-lab dev` for a code.
fn print_code(json_from: &Path, customer: &str) -> Result<(), Failure> {
    let answer = ask_of(json_from, customer, "/dev/code")?;
    match answer["code"].as_str() {
        Some(code) => {
            println!("{code}");
            Ok(())
        }
        None => Err(refused("no code", &answer)),
    }
}

/// Asks a running `mamori-lab dev` for a session.
fn print_sign_in(json_from: &Path, customer: &str) -> Result<(), Failure> {
    let answer = ask_of(json_from, customer, "/dev/sign-in")?;
    match answer["cookie"].as_str() {
        Some(_) => {
            println!("{answer}");
            Ok(())
        }
        None => Err(refused("not signed in", &answer)),
    }
}

fn refused(what: &str, answer: &Value) -> Failure {
    let why = answer["refusal"].as_str().unwrap_or("unknown");
    format!("{what}: {why}").into()
}

/// Posts a customer, by the name or the number of the wallet, to a route of development's own.
fn ask_of(json_from: &Path, customer: &str, path: &str) -> Result<Value, Failure> {
    let told = fs::read_to_string(json_from)
        .map_err(|error| format!("{} cannot be read: {error}", json_from.display()))?;
    let access: Access = serde_json::from_str(&told)?;
    let wallet = (access.customers.iter())
        .find(|known| known.wallet_id == customer || known.name.contains(customer))
        .ok_or_else(|| {
            format!(
                "no customer is called {customer:?}; there are: {}",
                names(&access.customers)
            )
        })?;
    let address = access
        .base_url
        .strip_prefix("http://")
        .ok_or("base_url is not http")?;
    let body = json!({ "wallet_id": wallet.wallet_id }).to_string();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        access.token,
        body.len(),
    )?;
    let mut answer = String::new();
    stream.take(64 * 1024).read_to_string(&mut answer)?;
    let json = answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body)
        .ok_or("no answer from mamori-lab dev")?;
    Ok(serde_json::from_str(json.trim())?)
}

fn names(customers: &[AccessCustomer]) -> String {
    customers
        .iter()
        .map(|customer| customer.name.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Writes a file that only its owner may read, whole or not at all.
fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let unfinished = path.with_extension("unfinished");
    drop(fs::remove_file(&unfinished));
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    Ok(())
}

fn issuer() -> IssuerPrefix {
    IssuerPrefix::parse(DEV_ISSUER).expect("eight digits")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
