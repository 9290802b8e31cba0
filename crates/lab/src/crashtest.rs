//! `mamori-lab crashtest`: the real server under signed payments, killed at random instants, and its journal read by an auditor of its own.
//!
//! After each kill, before the next start, an auditor walks the new part of the journal: the chain, the seals, the sums, no id
//! twice; whatever was acknowledged over HTTP must stand there, whatever was refused must not. Then the server starts again, the
//! requests whose answers were lost are asked again under the same ids, and codes that paid are shown once more.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use mamori::world::{Chance, Clock, Failure};
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::Location;
use mamori_domain::book::Book;
use mamori_domain::book::HashKey;
use mamori_domain::event::Event;
use mamori_domain::world::{Draw, Timestamp};
use mamori_engine::journal::{Head, JournalReader};
use mamori_engine::start::replay_row;
use serde_json::json;

use crate::served::{self, Cast, Heard, REFUNDS, Request, Server, wait_until};

/// Registers that pay at the same time.
pub const REGISTERS: usize = 6;
/// The longest a server lives under load, in milliseconds.
const LIFE_MILLIS: u64 = 400;
/// A run of so many kills in which no code was paid with has tried less than it says.
const KILLS_WITH_SCANS: u32 = 5;
/// So many payments of earlier lives are known to the registers, to give money back from.
const OLD_PAYMENTS: usize = 300;

/// A store of its own is made and removed, unless one is given.
#[derive(clap::Args)]
pub struct Args {
    /// How often the server is killed.
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// An empty PostgreSQL database (`postgres://…`) instead of files.
    #[arg(long, visible_alias = "database")]
    store: Option<String>,
    /// End after so many seconds, whatever the number of kills.
    #[arg(long)]
    seconds: Option<u64>,
    /// The program to kill, if it is not this one.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Where chance begins: instants of the kills, amounts, who pays.
    #[arg(long)]
    seed: Option<u64>,
    /// Print one line of JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// Runs until the kills are done or something is wrong.
pub fn run(args: Args, clock: Clock, chance: Chance) -> Result<(), Failure> {
    let mut bytes = [0; 8];
    chance(&mut bytes);
    let seed = args.seed.unwrap_or(u64::from_le_bytes(bytes) >> 32);
    let home = Home::make(&std::env::temp_dir(), seed)?;
    let program = match &args.program {
        Some(program) => program.clone(),
        None => std::env::current_exe()?,
    };
    let mut test = CrashTest::new(program, home, args.store.clone(), seed, clock, chance)?;
    let bar = ProgressBar::new(u64::from(args.kills));
    bar.set_style(ProgressStyle::with_template(
        "{bar:40} {pos}/{len} kills  {msg}  {eta} left",
    )?);
    let began = (clock.monotonic_micros)();
    let seconds = |since: u64| ((clock.monotonic_micros)() - since) / 1_000_000;
    let mut kills = 0;
    while kills < args.kills && args.seconds.is_none_or(|most| seconds(began) < most) {
        test.life()
            .map_err(|what| format!("after {kills} kills (seed {seed}): {what}"))?;
        kills += 1;
        bar.set_position(u64::from(kills));
        bar.set_message(format!("{} payments", test.acknowledged()));
    }
    bar.finish_and_clear();
    test.prove()
        .map_err(|what| format!("after {kills} kills (seed {seed}): {what}"))?;
    let scans = test.acknowledged_scans();
    if kills >= KILLS_WITH_SCANS && scans == 0 {
        return Err("no register was ever paid by a code: the phones show none".into());
    }
    let report = json!({
        "store": if args.store.is_some() { "postgres" } else { "embedded" },
        "kills": kills,
        "seed": seed,
        "acknowledged": test.acknowledged(),
        "scans": scans,
        "lost_answers": test.open.len(),
        "rows": test.auditor.as_ref().map_or(0, |auditor| auditor.head.seq),
        "seconds": seconds(began),
    });
    if args.json {
        println!("{report}");
    } else {
        println!(
            "{kills} kills, {} acknowledged requests in {} journal rows: none lost, none doubled, no half posting, no spent code paid again (seed {seed})",
            report["acknowledged"], report["rows"],
        );
    }
    Ok(())
}

pub struct CrashTest {
    pub location: Location,
    pub store: Option<String>,
    pub program: PathBuf,
    pub home: Home,
    pub cast: Arc<Cast>,
    pub clock: Clock,
    draw: Draw,
    pub auditor: Option<Auditor>,
    /// Requests whose outcome is not known yet.
    pub open: Vec<Request>,
    /// Everything that was answered for good, ever.
    pub heard: Vec<(Request, Heard)>,
    /// Codes that have paid in the last life.
    spent: Vec<String>,
    pub made: AtomicU64,
}

impl CrashTest {
    /// A test of `program` whose store is `store`, or files in `home`.
    pub fn new(
        program: PathBuf,
        home: Home,
        store: Option<String>,
        seed: u64,
        clock: Clock,
        chance: Chance,
    ) -> Result<CrashTest, Failure> {
        Ok(CrashTest {
            location: served::location(&home.0, store.as_deref())?,
            cast: Arc::new(Cast::gather(&home.0, store.as_deref(), clock, chance)?),
            store,
            program,
            home,
            clock,
            draw: Draw::from_seed(seed),
            auditor: None,
            open: Vec::new(),
            heard: Vec::new(),
            spent: Vec::new(),
            made: AtomicU64::new(0),
        })
    }

    pub fn acknowledged(&self) -> usize {
        self.heard
            .iter()
            .filter(|(_, heard)| matches!(heard, Heard::Done { .. }))
            .count()
    }

    /// How many of them were paid by a code from a phone.
    fn acknowledged_scans(&self) -> usize {
        self.heard
            .iter()
            .filter(|(request, heard)| {
                matches!(heard, Heard::Done { .. }) && request.code.is_some()
            })
            .count()
    }

    /// The program under trial, on the trial's store.
    pub fn start(&self) -> Result<Server, Failure> {
        let (home, store) = (&self.home.0, self.store.as_deref());
        Server::start(&self.program, home, store, &self.cast, self.clock)
    }

    /// Start, resolve what was open, pay, kill, audit.
    fn life(&mut self) -> Result<(), Failure> {
        let server = self.start()?;
        self.ask_again(&server)?;
        self.show_spent_codes(&server)?;
        let until = (self.clock.monotonic_micros)() + self.draw.below(LIFE_MILLIS * 1_000);
        let clock = self.clock;
        self.trade(&server, |dead| {
            wait_until(clock, until);
            // In this order: what is on its way loses its answer, and no register connects to a dead server afterwards.
            dead.store(true, Ordering::SeqCst);
            server.kill();
        });
        drop(server);
        self.audit()
    }

    /// All registers pay while something happens to the server; it tells them when to stop.
    pub fn trade<T>(&mut self, server: &Server, meanwhile: impl FnOnce(&AtomicBool) -> T) -> T {
        let seeds: Vec<u64> = (0..REGISTERS).map(|_| self.draw.number()).collect();
        let old = self.old_payments();
        let dead = AtomicBool::new(false);
        let answers = Mutex::new(Vec::new());
        let came = thread::scope(|threads| {
            for seed in seeds {
                let (old, dead, answers, made) = (&old, &dead, &answers, &self.made);
                threads.spawn(move || register(server, seed, old, dead, answers, made));
            }
            let came = meanwhile(&dead);
            dead.store(true, Ordering::SeqCst);
            came
        });
        self.spent.clear();
        for (request, heard) in answers.into_inner().unwrap_or_default() {
            match heard {
                Heard::Nothing => self.open.push(request),
                heard => {
                    if let (Heard::Done { .. }, Some(code)) = (&heard, &request.code) {
                        self.spent.push(code.clone());
                    }
                    self.heard.push((request, heard));
                }
            }
        }
        came
    }

    fn old_payments(&self) -> Vec<String> {
        let paid = self
            .heard
            .iter()
            .rev()
            .filter_map(|(request, heard)| match heard {
                Heard::Done { id } if request.path != REFUNDS => Some(id.clone()),
                _ => None,
            });
        paid.take(OLD_PAYMENTS).collect()
    }

    /// The register's own recovery: the same request under the same id, until there is an answer.
    pub fn ask_again(&mut self, server: &Server) -> Result<(), Failure> {
        for request in std::mem::take(&mut self.open) {
            let mut heard = Heard::Nothing;
            for _ in 0..50 {
                heard = server.ask(&request);
                if heard != Heard::Nothing {
                    break;
                }
                thread::park_timeout(Duration::from_millis(50));
            }
            if heard == Heard::Nothing {
                return Err(self.unanswered(server, &request));
            }
            self.auditor()?.agrees(&request, &heard, false)?;
            self.heard.push((request, heard));
        }
        // What was acknowledged in an earlier life is acknowledged in this one, with the same id.
        for _ in 0..self.heard.len().min(12) {
            let at = self.draw.below(self.heard.len() as u64) as usize;
            let (request, before) = self.heard[at].clone();
            let now = server.ask(&request);
            if now != before && now != Heard::Nothing {
                return Err(format!("{} was {before:?} and is {now:?}", request.name).into());
            }
        }
        Ok(())
    }

    /// What a request hears that hears nothing of use, with the last words of the server.
    fn unanswered(&self, server: &Server, request: &Request) -> Failure {
        let heard = server.call("POST", request.path, &request.body.to_string());
        let log = self.home.0.join("server.log");
        format!(
            "{request:?} gets no answer although the server lives; it hears {heard:?}; the server said {}",
            served::last_words(&log)
        )
        .into()
    }

    fn show_spent_codes(&mut self, server: &Server) -> Result<(), Failure> {
        for code in std::mem::take(&mut self.spent).into_iter().take(3) {
            let name = format!("again-{}", self.made.fetch_add(1, Ordering::Relaxed));
            let request = server.scan(name, code, 1);
            match server.ask(&request) {
                Heard::Done { id } => return Err(format!("a spent code paid again: {id}").into()),
                Heard::Refused { .. } => {}
                Heard::Nothing => self.open.push(request),
            }
        }
        Ok(())
    }

    /// `mamori audit` on what the last kill left: journal, book, checkpoint and views agree.
    pub fn prove(&self) -> Result<(), Failure> {
        let files = self.home.0.join("store");
        let store = self
            .store
            .as_deref()
            .map_or(files.as_os_str(), |store| store.as_ref());
        let audit = Command::new(&self.program)
            .args(["audit", "--data"])
            .arg(&self.home.0)
            .arg("--store")
            .arg(store)
            .output()?;
        if audit.status.success() {
            return Ok(());
        }
        let words = [audit.stdout, audit.stderr].concat();
        Err(format!("mamori audit: {}", String::from_utf8_lossy(&words)).into())
    }

    fn auditor(&mut self) -> Result<&mut Auditor, Failure> {
        if self.auditor.is_none() {
            let master = MasterKey::open(&self.home.0.join("master.key"))?;
            self.auditor = Some(Auditor::new(master));
        }
        Ok(self.auditor.as_mut().expect("it was just made"))
    }

    pub fn audit(&mut self) -> Result<(), Failure> {
        let location = self.location.clone();
        self.auditor()?.read(&location)?;
        let auditor = self.auditor.as_ref().expect("it has read");
        for (request, heard) in &self.heard {
            auditor.agrees(request, heard, true)?;
        }
        Ok(())
    }
}

/// One register: pays, by permission or by code, and gives as much back, so that the customers never run dry.
fn register(
    server: &Server,
    seed: u64,
    old: &[String],
    dead: &AtomicBool,
    answers: &Mutex<Vec<(Request, Heard)>>,
    made: &AtomicU64,
) {
    let mut draw = Draw::from_seed(seed);
    let mut paid: Vec<String> = old.to_vec();
    while !dead.load(Ordering::SeqCst) {
        let name = format!("crash-{}", made.fetch_add(1, Ordering::Relaxed));
        let customer = draw.below(server.cast.customers.len() as u64) as usize;
        let yen = 1 + draw.below(2);
        let request = match (draw.below(8), paid.len() as u64) {
            (0..3, some @ 1..) => server.refund(name, &paid[draw.below(some) as usize], yen),
            (3 | 4, _) => match server.fresh_code(customer) {
                Some(code) => server.scan(name, code, yen),
                None => continue,
            },
            _ => server.charge(name, customer, yen),
        };
        let heard = server.ask(&request);
        if let (Heard::Done { id }, true) = (&heard, request.path != REFUNDS) {
            paid.push(id.clone());
        }
        answers
            .lock()
            .expect("no register panics")
            .push((request, heard));
    }
}

/// Reads the journal of a dead server as an auditor would: from its rows alone.
pub struct Auditor {
    master: MasterKey,
    book: Book,
    pub head: Head,
    /// Payments by the register's id: ours, and yen.
    paid: HashMap<String, (String, u64)>,
    /// Refunds by the register's id: yen.
    refunded: HashMap<String, u64>,
}

impl Auditor {
    fn new(master: MasterKey) -> Auditor {
        let book = Book::new(HashKey::new(master.book_hash_key().expose()));
        Auditor {
            master,
            book,
            head: Head::EMPTY,
            paid: HashMap::new(),
            refunded: HashMap::new(),
        }
    }

    /// Walks the rows that are new since the last time.
    fn read(&mut self, location: &Location) -> Result<(), Failure> {
        let mut reader = JournalReader::open(location, 0)?;
        let chain = self.master.chain_key();
        for row in reader.chain(self.head, &chain) {
            let row = row?;
            self.head = row.head();
            // Applying proves each balance against the postings; a seal proves the whole book.
            let committed = replay_row(&mut self.book, row.seq, Timestamp(row.at), &row.batch)?;
            for event in committed.events() {
                self.note(event)?;
            }
        }
        self.book.audit();
        Ok(())
    }

    fn note(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            Event::Paid(paid) => {
                let row = (paid.id.to_string(), paid.amount.minor());
                if self
                    .paid
                    .insert(paid.merchant_payment_id.to_string(), row)
                    .is_some()
                {
                    return Err(format!("{} was paid twice", paid.merchant_payment_id).into());
                }
            }
            Event::Refunded(refunded) => {
                let id = &refunded.merchant_refund_id;
                let yen = refunded.amount.minor();
                if self.refunded.insert(id.to_string(), yen).is_some() {
                    return Err(format!("{id} was refunded twice").into());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether what a register heard stands in the journal. With `whole`, the journal has been read to its end.
    fn agrees(&self, request: &Request, heard: &Heard, whole: bool) -> Result<(), Failure> {
        let there = match request.path {
            REFUNDS => self
                .refunded
                .get(&request.name)
                .map(|yen| (request.name.clone(), *yen)),
            _ => self.paid.get(&request.name).cloned(),
        };
        match (heard, there) {
            (Heard::Done { id }, Some((there, yen))) if *id == there && yen == request.yen => {
                Ok(())
            }
            (Heard::Done { .. }, None) if !whole => Ok(()),
            (Heard::Done { id }, there) => Err(format!(
                "{} was acknowledged as {id}, the journal has {there:?}",
                request.name
            )
            .into()),
            (Heard::Refused { .. }, None) | (Heard::Nothing, _) => Ok(()),
            (Heard::Refused { code }, Some(there)) => Err(format!(
                "{} was refused ({code}), the journal has {there:?}",
                request.name
            )
            .into()),
        }
    }
}

/// Key, files and log of the run; kept if it failed.
pub struct Home(pub PathBuf);

impl Home {
    pub fn make(parent: &Path, seed: u64) -> Result<Home, Failure> {
        let path = parent.join(format!("mamori-crashtest-{}-{seed}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Home(path))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}
