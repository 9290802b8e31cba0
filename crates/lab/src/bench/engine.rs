//! The engine without HTTP: the journal alone, and with the views kept up.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use mamori::assembly::EngineClock;
use mamori::world::{Clock, Failure};
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::Location;
use mamori_domain::book::Book;
use mamori_domain::book::HashKey;
use mamori_domain::command::Request;
use mamori_domain::decide::{Limits, Prefetched};
use mamori_domain::ids::Fingerprint;
use mamori_domain::lifecycle::Purpose;
use mamori_domain::money::Amount;
use mamori_domain::world::{Draw, Timestamp};
use mamori_engine::cold::ColdKeys;
use mamori_engine::journal::{Head, JournalOptions, JournalStore};
use mamori_engine::lease::{Candidate, Lease};
use mamori_engine::shard::{Asked, Fetched, Opened, ROW_ACTS, Shard, Verdict};
use mamori_engine::start::KEEP_RECENT;
use mamori_engine::{Engine, EngineConfig};

use super::process::Cost;
use super::workload::{self, Flight, Payments};

/// The key of the benchmark's stores; they hold no real money.
const MASTER: [u8; 32] = *b"mamori bench: nobody's money her";
/// The fingerprint of the merchant's key where requests are not signed.
pub const KEY: Fingerprint = Fingerprint(0x62_656e_6368);

/// The limits of the benchmark: those of a shop, with fuller wallets.
fn limits() -> Limits {
    Limits {
        balance_cap: Amount::yen(workload::FIRST_BALANCE),
        ..Limits::default()
    }
}

/// What opens the benchmark's store at a place.
pub fn config(location: &Location, clock: Clock, entropy: [u8; 32]) -> EngineConfig {
    EngineConfig {
        location: location.clone(),
        master: Arc::new(MasterKey::from_bytes(MASTER)),
        limits: limits(),
        standby: false,
        // `serve` refuses such a store for ever: it is not for real money.
        purpose: Purpose::Development,
        clock: Arc::new(EngineClock(clock)),
        entropy,
        on_fatal: Arc::new(|fault| {
            eprintln!("mamori: the benchmark's store failed: {fault}");
            std::process::exit(1);
        }),
    }
}

/// Bytes of the journal's and of the views' files.
#[derive(Clone, Copy, Default)]
pub struct Files {
    /// Journal, all segments.
    pub journal: u64,
    /// Views and checkpoint.
    pub views: u64,
}

impl Files {
    /// Of an embedded store in a directory. The logs beside the files are left out: they do not grow with payments.
    pub fn of(directory: &Path) -> Files {
        let mut files = Files::default();
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let name = entry.file_name().into_string().unwrap_or_default();
            let bytes = entry.metadata().map_or(0, |file| file.len());
            match name.ends_with(".sqlite") {
                true if name.starts_with("journal") => files.journal += bytes,
                true if name.starts_with("views") => files.views += bytes,
                _ => {}
            }
        }
        files
    }

    /// The growth since an earlier look.
    pub fn since(self, earlier: Files) -> Files {
        Files {
            journal: self.journal.saturating_sub(earlier.journal),
            views: self.views.saturating_sub(earlier.views),
        }
    }
}

/// What a run of the engine came to.
pub struct Run {
    /// Payments made durable (and, with views, in the views).
    pub payments: u64,
    /// From the first to the last of them, in microseconds.
    pub elapsed_micros: u64,
    /// What it cost this process, the benchmark's own threads included under their names.
    pub cost: Cost,
    /// Growth of the files; zero on PostgreSQL.
    pub files: Files,
}

impl Run {
    pub fn per_second(&self) -> f64 {
        self.payments as f64 * 1e6 / self.elapsed_micros.max(1) as f64
    }
}

/// Payments through the engine's threads from two senders, for about `micros`; counted until the views hold the last one.
pub fn with_views(
    engine: &Engine,
    wallets: u64,
    micros: u64,
    seeds: [u64; 2],
    clock: Clock,
    told: impl Fn(u64),
) -> Result<Run, Failure> {
    let files = || {
        engine
            .location()
            .directory()
            .map_or(Files::default(), Files::of)
    };
    let (cost_before, files_before) = (Cost::of(std::process::id()), files());
    let begin = (clock.monotonic_micros)();
    let until = begin + micros;
    let payments = AtomicU64::new(0);
    let mut outcomes = Vec::new();
    std::thread::scope(|scope| {
        let senders: Vec<_> = seeds
            .into_iter()
            .map(|seed| {
                let payments = &payments;
                let send = move || -> Result<(), String> {
                    let flight = Flight::new(std::thread::current());
                    let mut acts = Payments::new(seed, wallets, KEY);
                    while (clock.monotonic_micros)() < until {
                        let seconds = (clock.wall_micros)() / 1_000_000;
                        for _ in 0..64 {
                            flight.send(engine, acts.next(seconds), drop);
                        }
                        payments.fetch_add(64, Ordering::Relaxed);
                    }
                    flight.all_landed().map_err(|failure| failure.to_string())
                };
                std::thread::Builder::new()
                    .name("bench-send".to_owned())
                    .spawn_scoped(scope, send)
            })
            .collect();
        while (clock.monotonic_micros)() < until {
            told((clock.monotonic_micros)() - begin);
            std::thread::park_timeout(Duration::from_millis(100));
        }
        let join = |sender: std::io::Result<
            std::thread::ScopedJoinHandle<'_, Result<(), String>>,
        >| match sender {
            Ok(thread) => thread
                .join()
                .unwrap_or_else(|_| Err("a sender panicked".to_owned())),
            Err(error) => Err(error.to_string()),
        };
        outcomes.extend(senders.into_iter().map(join));
    });
    outcomes.into_iter().collect::<Result<(), String>>()?;
    workload::all_in_views(engine)?;
    let elapsed_micros = (clock.monotonic_micros)() - begin;
    let cost = Cost::of(std::process::id()).since(&cost_before);
    Ok(Run {
        payments: payments.into_inner(),
        elapsed_micros,
        cost,
        files: files().since(files_before),
    })
}

/// The shard and its journal alone, stepped in full rows: nothing follows them. Acts are made on another thread.
pub fn journal_alone(
    location: &Location,
    wallets: u64,
    micros: u64,
    seed: u64,
    clock: Clock,
    told: impl Fn(u64),
) -> Result<Run, Failure> {
    let master = MasterKey::from_bytes(MASTER);
    let engine_clock = EngineClock(clock);
    let Some(mut lease) = Candidate::new(location, 0, [1; 16])?.try_take(0, &engine_clock)? else {
        return Err("another process owns the benchmark's store".into());
    };
    let mut alone = Alone::open(location, &master, &lease, seed, clock)?;
    alone.lay_out(workload::layout(wallets, KEY))?;

    let files = || location.directory().map_or(Files::default(), Files::of);
    let (cost_before, files_before) = (Cost::of(std::process::id()), files());
    let (payments, elapsed_micros) = alone.pay(wallets, micros, seed, told)?;
    let cost = Cost::of(std::process::id()).since(&cost_before);
    let files = files().since(files_before);
    let _ = lease.confirm(&engine_clock);
    drop(lease.release());
    Ok(Run {
        payments,
        elapsed_micros,
        cost,
        files,
    })
}

/// A shard without followers: no threads, no views.
struct Alone {
    shard: Shard,
    draw: Draw,
    clock: Clock,
}

impl Alone {
    fn open(
        location: &Location,
        master: &MasterKey,
        lease: &Lease,
        seed: u64,
        clock: Clock,
    ) -> Result<Alone, Failure> {
        let store = JournalStore::open(location, &JournalOptions::default(), lease)?;
        let opened = Opened {
            limits: limits(),
            cold: ColdKeys::default(),
            epoch: lease.epoch(),
            chain: master.chain_key(),
            embedded: location.directory().is_some(),
        };
        let book = Book::new(HashKey::new(master.book_hash_key().expose()));
        Ok(Alone {
            shard: Shard::new(book, store, Head::EMPTY, opened),
            draw: Draw::from_seed(seed),
            clock,
        })
    }

    /// One row: takes what it takes of `asked` and answers how many acts were done.
    fn step(&mut self, asked: &mut Vec<Asked>) -> Result<u64, Failure> {
        let now = Timestamp((self.clock.wall_micros)());
        let taken = self.shard.step(asked, now, &mut self.draw);
        if let Some(fault) = taken.fatal {
            return Err(fault.into());
        }
        let mut again = Vec::new();
        let mut answered = 0;
        let replied = taken.verdicts.len();
        for (verdict, ask) in taken.verdicts.into_iter().zip(asked.drain(..replied)) {
            match verdict {
                Verdict::Answer(Ok(_)) => answered += 1,
                // A new id that the filter of old ones takes for one of them: the look-up finds nothing.
                Verdict::Prefetch { as_of } => again.push(Asked {
                    fetched: Some(Box::new(Fetched {
                        as_of,
                        keys_as_of: as_of,
                        prefetched: Prefetched::NOTHING,
                    })),
                    ..ask
                }),
                other => {
                    return Err(format!("an act of the benchmark was answered {other:?}").into());
                }
            }
        }
        asked.extend(again);
        // As if views followed: memory keeps the recent past, and no more.
        self.shard.forget_through(self.shard.seq(), KEEP_RECENT);
        Ok(answered)
    }

    /// Does all of these acts.
    fn lay_out(&mut self, mut requests: impl Iterator<Item = Request>) -> Result<(), Failure> {
        let mut asked = Vec::new();
        loop {
            let room = ROW_ACTS - asked.len();
            asked.extend(requests.by_ref().take(room).map(not_fetched));
            if asked.is_empty() {
                return Ok(());
            }
            self.step(&mut asked)?;
        }
    }

    /// Makes payments for about so long, and answers how many, and how long it was.
    fn pay(
        &mut self,
        wallets: u64,
        micros: u64,
        seed: u64,
        told: impl Fn(u64),
    ) -> Result<(u64, u64), Failure> {
        let clock = self.clock;
        let begin = (clock.monotonic_micros)();
        let (to, from) = sync_channel::<Vec<Asked>>(4);
        let seconds = (clock.wall_micros)() / 1_000_000;
        let maker = std::thread::Builder::new()
            .name("bench-send".to_owned())
            .spawn(move || {
                let mut acts = Payments::new(seed, wallets, KEY);
                let mut row = || {
                    (0..ROW_ACTS)
                        .map(|_| not_fetched(acts.next(seconds)))
                        .collect()
                };
                while to.send(row()).is_ok() {}
            })?;
        let mut payments = 0;
        let mut asked = Vec::new();
        let mut result = Ok(());
        while (clock.monotonic_micros)() - begin < micros {
            if asked.len() < ROW_ACTS / 2
                && let Ok(batch) = from.recv()
            {
                asked.extend(batch);
            }
            match self.step(&mut asked) {
                Ok(taken) => payments += taken,
                Err(failure) => {
                    result = Err(failure);
                    break;
                }
            }
            told((clock.monotonic_micros)() - begin);
        }
        let elapsed_micros = (clock.monotonic_micros)() - begin;
        // The maker ends when its receiver is gone.
        drop(from);
        drop(maker.join());
        result.map(|()| (payments, elapsed_micros))
    }
}

fn not_fetched(request: Request) -> Asked {
    Asked {
        request,
        fetched: None,
    }
}
