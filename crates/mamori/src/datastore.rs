//! Commands on a datastore (all tables of an instance): audit, views rebuild, backup, restore.

use std::path::PathBuf;
use std::sync::Arc;

use mamori_datastore::keys::MasterKey;
use mamori_datastore::private;
use mamori_datastore::sql::{Family, Location};
use mamori_domain::lifecycle::Purpose;
use mamori_domain::world::Timestamp;
use mamori_engine::audit::{audit, rebuild_views};
use mamori_engine::backup::{self, RestoreOptions};
use mamori_engine::journal::{JOURNAL, JournalReader};
use mamori_engine::lease::{Candidate, Lease};
use mamori_engine::start::purpose_of;
use mamori_engine::views::VIEWS;
use mamori_registry::outbox::OUTBOX;
use mamori_registry::{CONTROL, Looked, Registry, Role, UNDER_WAY};
use serde_json::json;

use crate::assembly::{EngineClock, open_engine};
use crate::operator;

use crate::progress::Progress;
use crate::world::{Chance, Clock, Failure, draw};

/// All tables of a datastore, in the order of a backup.
pub const FAMILIES: [&Family; 4] = [&VIEWS, &JOURNAL, &CONTROL, &OUTBOX];

/// Which datastore, and the key to it.
#[derive(clap::Args)]
pub struct DatastoreArgs {
    /// Directory with the configuration, the master key and, unless `--store` says otherwise, all tables.
    #[arg(long, default_value = "mamori-data")]
    data: PathBuf,
    /// The datastore, where the tables are elsewhere: another directory, or `postgres://user@host/database`.
    #[arg(long, visible_alias = "database")]
    store: Option<String>,
    /// The master key is here instead of `master.key` in the data directory.
    #[arg(long)]
    key: Option<PathBuf>,
}

impl DatastoreArgs {
    /// Where the tables are.
    pub fn location(&self) -> Result<Location, Failure> {
        Ok(match &self.store {
            Some(store) => Location::parse(store)?,
            None => Location::Directory(self.data.join("store")),
        })
    }

    /// Where the master key is.
    pub fn key_path(&self) -> PathBuf {
        self.key
            .clone()
            .unwrap_or_else(|| self.data.join("master.key"))
    }

    pub fn master(&self) -> Result<Arc<MasterKey>, Failure> {
        Ok(Arc::new(MasterKey::open(&self.key_path())?))
    }

    pub fn data(&self) -> &PathBuf {
        &self.data
    }
}

/// Proves the datastore from its journal.
#[derive(clap::Args)]
pub struct AuditArgs {
    #[command(flatten)]
    datastore: DatastoreArgs,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Makes the views anew.
#[derive(clap::Args)]
pub struct ViewsArgs {
    #[command(subcommand)]
    command: ViewsCommand,
}

#[derive(clap::Subcommand)]
enum ViewsCommand {
    /// Make all views and the checkpoint anew from the journal; the server must be stopped.
    Rebuild {
        #[command(flatten)]
        datastore: DatastoreArgs,
    },
}

/// Copies the datastore while it is in use.
#[derive(clap::Args)]
pub struct BackupArgs {
    #[command(flatten)]
    datastore: DatastoreArgs,
    /// An empty or new directory.
    #[arg(long)]
    into: PathBuf,
    /// Copy the master key too. Without it a thief of the backup cannot read it, nor can you if you lose the key.
    #[arg(long)]
    with_key: bool,
}

/// Puts a backup in the place of a datastore.
#[derive(clap::Args)]
pub struct RestoreArgs {
    #[command(flatten)]
    datastore: DatastoreArgs,
    /// The backup's directory.
    #[arg(long)]
    from: PathBuf,
    /// Go on although rows that are known to have existed are missing in the backup; the loss is journaled under a new incarnation.
    #[arg(long)]
    accept_loss: bool,
    /// The newest journal row that is known from elsewhere.
    #[arg(long)]
    known_head: Option<u64>,
    /// The incarnation of a lost datastore whose files are gone: the number in front of the dash on its newest receipts, 0 where
    /// there is none. New ids go beyond it.
    #[arg(long, value_parser = clap::value_parser!(u16).range(..1022))]
    known_incarnation: Option<u16>,
}

pub fn run_audit(args: AuditArgs, clock: Clock) -> Result<(), Failure> {
    let (location, master) = (args.datastore.location()?, args.datastore.master()?);
    let mut progress = Progress::begin("rows", clock);
    let report = audit(&location, &master, &mut |done, all| {
        progress.show(done, all);
    })?;
    drop(progress);
    let (looked, forgeries) =
        Registry::forgeries_in(&location, &master, report.registry_is_proven)?;
    let registry = match looked {
        Looked::Everywhere => "every row that gives a right checked",
        Looked::AtWhatIsUnderWay => {
            "every session, link and pairing code checked; the next start proves the other rows"
        }
        Looked::Nowhere => "none, or of a program whose rows prove nothing",
    };
    let mut findings = report.findings.clone();
    findings.extend(forgeries.iter().map(ToString::to_string));
    let count = report.count + forgeries.len() as u64;
    if args.json {
        let trial: serde_json::Map<_, _> = report
            .trial
            .iter()
            .map(|(name, yen)| ((*name).to_owned(), json!(yen)))
            .collect();
        println!(
            "{}",
            json!({
                "clean": count == 0, "rows": report.rows, "acts": report.acts,
                // Called so since the first release.
                "changes": report.events, "postings": report.postings,
                "compared": report.compared, "trial_balance": trial, "findings": findings,
            })
        );
    } else {
        println!(
            "journal   {} rows, {} acts, {} events, {} postings, every link checked",
            report.rows, report.acts, report.events, report.postings
        );
        println!("views     {} rows compared", report.compared);
        println!("registry  {registry}");
        for (name, yen) in &report.trial {
            println!("          {name:<14} {yen:>16} yen");
        }
        for finding in &findings {
            println!("FOUND     {finding}");
        }
        println!("{}", if count == 0 { "clean" } else { "NOT CLEAN" });
    }
    if count == 0 {
        Ok(())
    } else {
        Err(format!("{count} findings").into())
    }
}

pub fn run_views(args: ViewsArgs, clock: Clock, chance: Chance) -> Result<(), Failure> {
    let ViewsCommand::Rebuild { datastore } = args.command;
    let (location, master) = (datastore.location()?, datastore.master()?);
    let lease = own(&location, clock, chance)?;
    let mut progress = Progress::begin("rows", clock);
    let now = Timestamp((clock.wall_micros)());
    let applied = rebuild_views(&location, &master, now, &mut |done, all| {
        progress.show(done, all);
    })?;
    drop(progress);
    lease.release()?;
    println!("the views hold the journal up to row {applied}");
    Ok(())
}

pub fn run_backup(args: BackupArgs, clock: Clock) -> Result<(), Failure> {
    let location = args.datastore.location()?;
    let key = args.with_key.then(|| args.datastore.key_path());
    let mut progress = Progress::begin("bytes", clock);
    let made = backup::backup(
        &location,
        &FAMILIES,
        &args.into,
        key.as_deref(),
        &mut |at| {
            progress.show(at.done_bytes, at.total_bytes);
        },
    )?;
    drop(progress);
    for (shard, head) in made.heads {
        println!(
            "shard {shard} up to row {}; {} files in {}",
            head.seq,
            made.files.len(),
            args.into.display()
        );
    }
    Ok(())
}

pub fn run_restore(args: RestoreArgs, clock: Clock, chance: Chance) -> Result<(), Failure> {
    let location = args.datastore.location()?;
    let options = RestoreOptions {
        known_heads: args.known_head.map(|seq| (0, seq)).into_iter().collect(),
        accept_loss: args.accept_loss,
        key_file: Some(args.datastore.key_path()).filter(|path| !path.exists()),
        ended: &UNDER_WAY,
    };
    let lost = backup::would_lose(&args.from, &location, &options)?;
    let prepared = Prepared(args.datastore.data().join("restore.prepared"));
    let from = if lost.is_empty() {
        args.from.clone()
    } else {
        with_loss_journaled(&args, &location, &lost, &prepared, clock, chance)?
    };
    let mut progress = Progress::begin("bytes", clock);
    let restored = backup::restore(
        &from,
        &location,
        &FAMILIES,
        &options,
        &EngineClock(clock),
        &mut |at| {
            progress.show(at.done_bytes, at.total_bytes);
        },
    )?;
    drop(progress);
    for (shard, lost_through) in &lost {
        println!(
            "rows up to {lost_through} of shard {shard} are lost; the loss is journaled under a new incarnation"
        );
    }
    println!("everybody is signed out, and the backup's invitations and pairing codes have ended");
    match args.datastore.master() {
        Ok(master) => tell_what_returned(&location, &master, clock, chance)?,
        Err(_) => println!(
            "no operator can sign in: put the master key in its place and run `mamori operator --name NAME`"
        ),
    }
    for (shard, head) in restored.heads {
        println!("shard {shard} stands at row {}", head.seq);
    }
    Ok(())
}

/// Says who and what came back, with a link for the one who looks through it: some of it may have been ended since the backup.
fn tell_what_returned(
    location: &Location,
    master: &MasterKey,
    clock: Clock,
    chance: Chance,
) -> Result<(), Failure> {
    let mut registry = Registry::open(location, master)?;
    for operator in registry.operators().list()? {
        if operator.is_active {
            println!(
                "operator        {} is back, and waits to be confirmed",
                operator.name
            );
        }
    }
    for till in registry.devices().enrolled_tills()? {
        println!("till            {till} has the device of then");
    }
    for (merchant, count) in registry.api_keys().count_live()? {
        println!("API keys        {count} of merchant {merchant} are back");
    }
    println!(
        "look through them in the console: revoke what was revoked after the backup, and confirm the operators"
    );
    let link = operator::invite(
        location,
        master,
        "復元 (restore)",
        Role::Admin,
        clock,
        chance,
    )?;
    println!("first operator  {link}");
    Ok(())
}

/// Prints a one-time link for a new operator.
#[derive(clap::Args)]
pub struct OperatorArgs {
    #[command(flatten)]
    datastore: DatastoreArgs,
    /// What the operator is called.
    #[arg(long)]
    name: String,
    /// What the operator may do: viewer, support, fraud, finance or admin.
    #[arg(long, default_value = "admin", value_parser = read_role)]
    role: Role,
}

fn read_role(word: &str) -> Result<Role, String> {
    Role::parse(word).ok_or_else(|| {
        let words: Vec<&str> = Role::ALL.iter().map(|role| role.word()).collect();
        format!("roles are {}", words.join(", "))
    })
}

pub fn run_operator(args: OperatorArgs, clock: Clock, chance: Chance) -> Result<(), Failure> {
    let (location, master) = (args.datastore.location()?, args.datastore.master()?);
    let link = operator::invite(&location, &master, &args.name, args.role, clock, chance)?;
    println!("{link}");
    Ok(())
}

/// A copy of a backup while a loss is journaled in it; gone when the restore is over, however it ends.
struct Prepared(PathBuf);

impl Drop for Prepared {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A backup like the given one that knows what it has lost. The loss stands in its journal *before* it takes the store's place:
/// a crash, or a key that is missing, must not leave a store that gives out ids of the lost rows again.
fn with_loss_journaled(
    args: &RestoreArgs,
    location: &Location,
    lost: &[(u32, u64)],
    prepared: &Prepared,
    clock: Clock,
    chance: Chance,
) -> Result<PathBuf, Failure> {
    let key_in_backup = Some(args.from.join("master.key")).filter(|path| path.exists());
    let master = match &key_in_backup {
        Some(path) if !args.datastore.key_path().exists() => Arc::new(MasterKey::open(path)?),
        _ => args.datastore.master()?,
    };
    drop(std::fs::remove_dir_all(&prepared.0));
    let (store, backup) = (prepared.0.join("store"), prepared.0.join("backup"));
    private::directory(&store)?;
    for (name, _, _) in backup::inspect(&args.from)?.files {
        if name != "master.key" {
            std::fs::copy(args.from.join(&name), store.join(&name))?;
        }
    }
    let copy = Location::Directory(store);
    for (shard, lost_through) in lost {
        let purpose =
            purpose_of(&mut JournalReader::open(&copy, *shard)?)?.unwrap_or(Purpose::Live);
        let rules = Default::default();
        let engine = open_engine(&copy, &master, purpose, rules, false, clock, chance)?;
        let journaled = backup::incarnation_of(location, *shard).and_then(|newest| {
            let known = args.known_incarnation.unwrap_or(0);
            engine.accept_loss(*lost_through, newest.max(known))
        });
        engine.stop();
        journaled?;
    }
    backup::backup(
        &copy,
        &FAMILIES,
        &backup,
        key_in_backup.as_deref(),
        &mut |_| {},
    )?;
    Ok(backup)
}

/// Becomes the owner of a store that no process serves.
pub fn own(location: &Location, clock: Clock, chance: Chance) -> Result<Lease, Failure> {
    let mut candidate = Candidate::new(location, 0, draw(chance))?;
    match candidate.try_take(0, &EngineClock(clock))? {
        Some(lease) => Ok(lease),
        None => Err("a server owns this store: stop it first".into()),
    }
}
