//! `mamori init`, `mamori serve` and `mamori config`: a live instance.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_connectors::mail::{MailAddress, MailConfig, MailSecurity, Mailer};
use mamori_connectors::password_range::PasswordRange;
use mamori_connectors::secret::Secret;
use mamori_connectors::sms::{SmsConfig, SmsGateway};
use mamori_datastore::keys::MasterKey;
use mamori_datastore::private;
use mamori_domain::context::{Asker, SystemReason};
use mamori_domain::ids::{MerchantId, StoreId};
use mamori_domain::lifecycle::Purpose;
use mamori_domain::world::Timestamp;
use mamori_flows::Run;
use mamori_flows::api_key::{self, NewKey};
use mamori_flows::open::{self, NewStore, Turns};
use mamori_flows::reconcile;
use mamori_registry::{Registry, Role, Seed};
use mamori_server::password_list::PasswordList;

use crate::assembly::{self, CardAccount, Mounted, Plan, Sockets, open_engine};
use crate::config::{Config, bind};
use crate::datastore::DatastoreArgs;
use crate::delivery::{Notifier, push_gateway};
use crate::interrupt::wait_for_interrupt;
use crate::world::{Chance, Clock, Failure, draw};
use mamori_flows::delivery::Couriers;

/// Makes a live datastore: master key, configuration, first merchant, API key and operator link.
#[derive(clap::Args)]
pub struct InitArgs {
    #[command(flatten)]
    datastore: DatastoreArgs,
    /// The first merchant's name.
    #[arg(long)]
    merchant: String,
    /// The name of that merchant's first store (a shop).
    #[arg(long, visible_alias = "first-shop")]
    first_store: String,
    /// Tills in that shop.
    #[arg(long, default_value_t = 1)]
    tills: u32,
    /// The first operator's name.
    #[arg(long, default_value = "operator")]
    operator: String,
}

/// Serves a live datastore.
#[derive(clap::Args)]
pub struct ServeArgs {
    #[command(flatten)]
    datastore: DatastoreArgs,
    /// Wait for the present owner of the datastore to die, then take over.
    #[arg(long)]
    standby: bool,
    /// A `node_modules` folder with the optional front-end packages.
    #[arg(long)]
    packages: Option<PathBuf>,
    /// Write where it listens to this file, as JSON, once it answers; the file of a run before is taken away first.
    #[arg(long)]
    ready: Option<PathBuf>,
}

/// Prints the configuration in force, secrets masked.
#[derive(clap::Args)]
pub struct ConfigArgs {
    #[command(flatten)]
    datastore: DatastoreArgs,
}

pub fn run_init(args: InitArgs, clock: Clock, chance: Chance) -> Result<(), Failure> {
    let location = args.datastore.location()?;
    private::new_directory(args.datastore.data())?;
    let master = Arc::new(MasterKey::create(&args.datastore.key_path(), draw(chance))?);
    let config_path = args.datastore.data().join("mamori.json");
    Config::example().write(&config_path)?;
    let engine = open_engine(
        &location,
        &master,
        Purpose::Live,
        Config::example().limits()?,
        false,
        clock,
        chance,
    )?;
    let mut registry = Registry::open(&location, &master)?;
    // From its first moment on a store believes no row that does not prove itself.
    reconcile::at_start(&engine, &mut registry)?;
    let seed = Seed::new(draw(chance));
    let mut run = Run {
        engine: &engine,
        registry: &mut registry,
        asker: Asker::system(SystemReason::CommandLine),
        now: Timestamp((clock.wall_micros)()),
        seed: &seed,
    };
    let (merchant, store, key) = open_first(&mut run, &args)?;
    let link = run.registry.operators().invite(
        &args.operator,
        Role::Admin,
        run.now,
        &seed.part("operator"),
    )?;
    engine.stop();
    println!("datastore       made for live use");
    println!(
        "master key      {} (keep a copy apart from the data: without it nothing can be read)",
        args.datastore.key_path().display()
    );
    println!(
        "configuration   {} (fill in origins, processor, SMS and mail before `mamori serve`)",
        config_path.display()
    );
    println!(
        "merchant        {merchant}, store {store}, {} tills",
        args.tills
    );
    println!("API key         {}", key.api_key);
    println!("API secret      {}   (shown this once)", key.secret);
    println!(
        "first operator  open the console's address with #link={}   (works once, for 24 hours)",
        URL_SAFE_NO_PAD.encode(link)
    );
    Ok(())
}

/// The first merchant with a store, its tills and an API key.
fn open_first(run: &mut Run, args: &InitArgs) -> Result<(MerchantId, StoreId, NewKey), Failure> {
    let turns = Turns::default();
    let turn = turns.take();
    let first = NewStore {
        name: args.first_store.clone(),
        tills: (1..=args.tills).map(|number| number.to_string()).collect(),
    };
    let chain = open::chain(run, &turn, &args.merchant, &[first])?;
    let key = api_key::make(run, &turn, chain.merchant)?;
    let store = chain.stores.first().ok_or("no store was opened")?;
    Ok((chain.merchant, *store, key))
}

pub fn run_serve(args: ServeArgs, clock: Clock, chance: Chance) -> Result<(), Failure> {
    let config = Config::read(&args.datastore.data().join("mamori.json"))?;
    if let Some(path) = &args.ready {
        forget_ready(path)?;
    }
    let master = args.datastore.master()?;
    let sms = SmsGateway::new(SmsConfig {
        base_url: config.sms.base_url.clone(),
        account: config.sms.account.clone(),
        token: Secret::new(config.sms.token.clone()),
        from: config.sms.from.clone(),
        patience: Default::default(),
    });
    let location = args.datastore.location()?;
    let mail = mailer(&config)?;
    let (push, push_desk) = push_gateway(
        &master,
        config.push.key_number,
        config.push_contact(),
        config.push_services()?,
    )?;
    let couriers = Couriers { sms, mail, push };
    let origin = &config.wallet.origin;
    let notifier = Notifier::open(&location, &master, couriers, origin, clock, chance)?;
    let plan = Plan {
        location,
        master,
        standby: args.standby,
        limits: config.limits()?,
        about: config.about()?,
        issuer: config.issuer()?,
        sockets: Sockets {
            wallet: bind("wallet.listen", &config.wallet.listen)?,
            till: bind("till.listen", &config.till.listen)?,
            console: bind("console.listen", &config.console.listen)?,
            api: bind("api_listen", &config.api_listen)?,
            wallet_origin: config.wallet.origin.clone(),
            till_origin: config.till.origin.clone(),
            console_origin: config.console.origin.clone(),
            wallet_party_id: config.wallet.relying_party_id.clone(),
            console_party_id: config.console.relying_party_id.clone(),
        },
        card: CardAccount {
            base_url: config.card.base_url.clone(),
            api_key: config.card.api_key.clone(),
            webhook_secret: config.card.webhook_secret.clone(),
        },
        messenger: notifier.messenger(),
        send_budget: config.send_budget()?,
        proxies: config.proxies()?,
        push: push_desk,
        password_list: PasswordList::new(config.leaked()?)
            .and_ask(config.password_range_url.as_deref().map(PasswordRange::new)),
        external_ids: config.external_accounts()?,
        mounted: Mounted::live(args.packages.as_deref()),
    };
    let listens = plan.sockets.addresses()?;
    let running = assembly::start(plan, clock, chance)?;
    notifier.begin()?;
    if let Some(path) = &args.ready {
        tell_ready(path, &listens)?;
    }
    println!(
        "wallet   {}\ntill     {}\nconsole  {}",
        config.wallet.origin, config.till.origin, config.console.origin
    );
    wait_for_interrupt()?;
    running.stop();
    Ok(())
}

/// A supervisor must not take the file of a run before for this run's.
fn forget_ready(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(format!("{} cannot be taken away ({error})", path.display()).into())
        }
        _ => Ok(()),
    }
}

/// Whole or not at all: who waits for the file reads it at once.
fn tell_ready(path: &Path, listens: &[(&str, SocketAddr)]) -> Result<(), Failure> {
    let listens: BTreeMap<_, _> = listens.iter().copied().collect();
    let unfinished = path.with_extension("unfinished");
    std::fs::write(&unfinished, serde_json::to_string(&listens)?)
        .and_then(|()| std::fs::rename(&unfinished, path))
        .map_err(|error| format!("{} cannot be written ({error})", path.display()).into())
}

pub fn run_config(args: ConfigArgs) -> Result<(), Failure> {
    let config = Config::read(&args.datastore.data().join("mamori.json"))?;
    println!("{}", serde_json::to_string_pretty(&config.masked())?);
    Ok(())
}

fn mailer(config: &Config) -> Result<Mailer, Failure> {
    let mail = &config.mail;
    let security = match mail.security.as_str() {
        "none" => MailSecurity::None,
        "starttls" => MailSecurity::StartTls,
        "tls" => MailSecurity::Tls,
        other => {
            return Err(format!(
                "mamori.json: mail.security is {other:?}; it is none, starttls or tls"
            )
            .into());
        }
    };
    let credentials = match (&mail.user, &mail.password) {
        (Some(user), Some(password)) => Some((user.clone(), Secret::new(password.clone()))),
        _ => None,
    };
    let from = MailAddress::new(&mail.from_address)
        .ok_or("mamori.json: mail.from_address is no mail address")?;
    Mailer::new(MailConfig {
        host: mail.host.clone(),
        port: mail.port,
        security,
        credentials,
        root_certificate_pem: None,
        from: (mail.from_name.clone(), from),
        hello_name: mail.hello_name.clone(),
        timeout: Duration::from_secs(20),
    })
    .map_err(|_| "mamori.json: the mail settings cannot be used".into())
}
