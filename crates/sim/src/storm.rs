//! A storm: random acts from many people on one shard, with everything failing that can fail, each answer and sum checked.
//!
//! One seed is one storm, bit for bit. It runs in parts of [`BOOK_ACTS`] acts, each with a book of its own, so that a storm
//! of any length fits in memory and any part of it can be replayed alone.

use crate::archive::Archive;
use crate::crowd::Crowd;
use crate::model::{Model, Said, in_words};
use crate::record::{Record, Wanted};
use mamori_datastore::fault::Fault;
use mamori_datastore::keys::ChainKey;
use mamori_domain::book::Book;
use mamori_domain::book::{BookHash, HashKey};
use mamori_domain::command::{Ask, Command, CommandKind, Request};
use mamori_domain::context::{Actor, Asker, Context, SystemReason};
use mamori_domain::decide::Limits;
use mamori_domain::event::{Act, Event};
use mamori_domain::fund::Source;
use mamori_domain::ids::{IdSpace, OperatorId, ShardId, WalletId};
use mamori_domain::ledger::AccountKind;
use mamori_domain::lifecycle::{Purpose, Stamped, TakenOver};
use mamori_domain::query::Query;
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::Reply;
use mamori_domain::world::{Draw, Timestamp};
use mamori_engine::cold::ColdKeys;
use mamori_engine::journal::batch::{Committed, decode_batch};
use mamori_engine::journal::{FakeAppend, FakeJournal, Head, JournalReader, JournalStore};
use mamori_engine::shard::{Asked, Opened, Shard, Step, Verdict};
use mamori_engine::start::replay_row;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Acts on one book.
pub const BOOK_ACTS: u64 = 100_000;
/// Acts between two walks over the whole book.
const AUDIT_EVERY: u64 = 10_000;
/// How often the shard asks what became of a row before it gives up.
const RESOLVE_TRIES: usize = 30;
/// Saturday, 21 November 2026, 9:00 in Japan.
const OPENING: Timestamp = Timestamp::from_seconds(1_795_219_200);

/// A rule broken on purpose, outside of the product, to see that the storm notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// The views forget what was refunded of a payment.
    ForgottenRefunds,
    /// A start forgets which request ids are old.
    ForgottenKeys,
    /// A crash loses the newest row although it was acknowledged: a disk that lies about its sync.
    LyingDisk,
    /// Memory forgets rows that the views do not have yet, and a prefetch claims to have seen them.
    HastyLookUp,
    /// An attacker with access to the disk turns one bit of the journal.
    TurnedBit,
    /// The acts of one operator reach the shard under a colleague's name.
    BorrowedName,
}

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub acts: u64,
    pub seed: u64,
    pub sabotage: Option<Sabotage>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Acts answered and checked.
    pub acts: u64,
    pub approved: u64,
    pub refused: u64,
    pub rows: u64,
    /// Acts that were told "it did not happen, ask again".
    pub faults: u64,
    /// Acts that came back once for the distant past.
    pub looked_up: u64,
    /// Starts after a crash.
    pub starts: u64,
    /// A hash over all answers and all books: equal for equal seeds.
    pub trace: u64,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.acts += other.acts;
        self.approved += other.approved;
        self.refused += other.refused;
        self.rows += other.rows;
        self.faults += other.faults;
        self.looked_up += other.looked_up;
        self.starts += other.starts;
        self.trace = mix(self.trace, other.trace);
    }
}

/// Something was not as the model says.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Replays the part of the storm it was found in.
    pub seed: u64,
    /// How many acts into that part.
    pub act: u64,
    pub what: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "seed {} after {} acts: {}",
            self.seed, self.act, self.what
        )
    }
}

/// Runs a whole storm on so many threads; their number changes the time it takes and nothing else. `progress` hears of each
/// book how many acts are done.
pub fn storm(
    plan: Plan,
    threads: usize,
    progress: impl Fn(u64) + Sync,
) -> Result<Tally, Box<Finding>> {
    let books = plan.acts.div_ceil(BOOK_ACTS);
    let next = AtomicU64::new(0);
    let done = AtomicU64::new(0);
    let played = Mutex::new(BTreeMap::new());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= books {
                return;
            }
            let acts = BOOK_ACTS.min(plan.acts - number * BOOK_ACTS);
            let result = one_book(plan.seed.wrapping_add(number), acts, plan.sabotage);
            if result.is_err() {
                next.store(books, Ordering::Relaxed);
            }
            played
                .lock()
                .expect("a part of a storm catches its panics")
                .insert(number, result);
            progress(done.fetch_add(acts, Ordering::Relaxed) + acts);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    let mut all = Tally::default();
    for result in played.into_inner().expect("nobody holds it").into_values() {
        all.add(&result?);
    }
    Ok(all)
}

/// Runs the part of a storm that one book sees. A broken assertion in the product is a finding like any other.
pub fn one_book(seed: u64, acts: u64, sabotage: Option<Sabotage>) -> Result<Tally, Box<Finding>> {
    let mut storm = Storm::new(seed, sabotage);
    let ran = catch_unwind(AssertUnwindSafe(|| storm.run(acts)));
    let what = match ran {
        Ok(Ok(())) => return Ok(storm.tally),
        Ok(Err(what)) => what,
        Err(panic) => match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
            (Some(text), _) => text.clone(),
            (_, Some(text)) => (*text).to_owned(),
            _ => "it stopped without a word".to_owned(),
        },
    };
    Err(Box::new(Finding {
        seed,
        act: storm.tally.acts,
        what,
    }))
}

/// What happens to the next row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weather {
    Calm,
    /// Not written, and every asker is told so.
    Lost,
    /// The answer is lost; whether the row is there is decided by an empty one.
    Unknown,
    /// The process ends in the middle of the append.
    Cut,
    /// Another owner has written.
    Overtaken,
}

struct Storm {
    chance: Draw,
    codes: Draw,
    crowd: Crowd,
    model: Model,
    /// Who asked for what.
    record: Record,
    journal: FakeJournal,
    shard: Option<Shard>,
    archive: Archive,
    /// Durable rows that the projector has not written yet.
    unprojected: VecDeque<Committed>,
    /// Batches during which the projector is dead.
    projector_dead_for: u64,
    waiting: Vec<(Request, u64)>,
    /// Requests whose look-up is done, but that have not reached the writer yet.
    on_the_way: Vec<Asked>,
    wall: Timestamp,
    /// The newest instant anything was decided at.
    latest: Timestamp,
    /// The minute in which a lost batch may have counted guesses that the model has not.
    doubtful_minute: i64,
    audited: u64,
    sabotage: Option<Sabotage>,
    tally: Tally,
}

impl Storm {
    fn new(seed: u64, sabotage: Option<Sabotage>) -> Storm {
        let mut chance = Draw::from_seed(seed);
        let crowd = Crowd::new(chance.number());
        let codes = Draw::from_seed(chance.number());
        Storm {
            chance,
            codes,
            crowd,
            model: Model::new(Limits::default()),
            record: Record::default(),
            journal: FakeJournal::new(),
            shard: None,
            archive: Archive::new(sabotage == Some(Sabotage::ForgottenRefunds)),
            unprojected: VecDeque::new(),
            projector_dead_for: 0,
            waiting: Vec::new(),
            on_the_way: Vec::new(),
            wall: OPENING,
            latest: OPENING,
            doubtful_minute: 0,
            audited: 0,
            sabotage,
            tally: Tally::default(),
        }
    }

    fn run(&mut self, acts: u64) -> Result<(), String> {
        self.start()?;
        let opening = self.crowd.opening();
        for part in opening.chunks(100) {
            let asks = part.iter().cloned().map(fresh).collect();
            self.batch(asks, Weather::Calm)?;
        }
        while self.tally.acts < acts {
            self.tick();
            let weather = self.weather();
            let asks = self.next_batch(weather);
            self.batch(asks, weather)?;
            self.project(false);
            if self.one_in(40) {
                self.forget();
            }
            if self.one_in(400) {
                self.crash()?;
            }
            if self.tally.acts - self.audited >= AUDIT_EVERY {
                self.audit()?;
            }
        }
        self.audit()?;
        self.replay_all()
    }

    // ---- the world

    /// Time goes on, mostly forward.
    fn tick(&mut self) {
        self.wall = match self.chance.below(1_000) {
            0 => self.wall.plus_seconds(86_400),
            1 => self.wall.plus_seconds(-3_600),
            2 => self.wall.plus_seconds(-90_000),
            3 => self.wall.plus_seconds(3_000),
            _ => Timestamp(self.wall.0 + self.chance.below(2_000_000) as i64),
        };
    }

    fn weather(&mut self) -> Weather {
        match self.chance.below(400) {
            0 => {
                self.journal.order([FakeAppend::Fails]);
                Weather::Lost
            }
            1 => {
                self.journal.order([FakeAppend::Full]);
                Weather::Lost
            }
            2 => {
                self.journal.order([FakeAppend::LostBefore]);
                Weather::Unknown
            }
            3 => {
                self.journal.order([FakeAppend::LostAfterDurable]);
                Weather::Unknown
            }
            4 => {
                self.journal.order([
                    FakeAppend::LostBefore,
                    FakeAppend::LostBefore,
                    FakeAppend::Fails,
                ]);
                Weather::Unknown
            }
            5 => {
                self.journal
                    .order([FakeAppend::LostBefore, FakeAppend::LostAfterDurable]);
                Weather::Unknown
            }
            6 => {
                self.journal
                    .order([FakeAppend::LostAfterDurable, FakeAppend::LostBefore]);
                Weather::Unknown
            }
            7 => {
                let first = if self.one_in(2) {
                    FakeAppend::LostBefore
                } else {
                    FakeAppend::LostAfterDurable
                };
                self.journal.order([first]);
                self.journal.order([FakeAppend::LostBefore; RESOLVE_TRIES]);
                Weather::Cut
            }
            8 if self.one_in(4) => {
                self.journal
                    .order([FakeAppend::Collides { epoch: 1 << 40 }]);
                Weather::Overtaken
            }
            _ => Weather::Calm,
        }
    }

    fn next_batch(&mut self, weather: Weather) -> Vec<Asked> {
        let size = match self.chance.below(8) {
            0 => 1,
            1 => 128,
            _ => 1 + self.chance.below(32),
        };
        if weather == Weather::Cut {
            return (0..size).map(|_| fresh(self.crowd.last_words())).collect();
        }
        let mut asks = Vec::with_capacity(size as usize + self.waiting.len());
        let hasty = self.sabotage == Some(Sabotage::HastyLookUp);
        let needed = self.waiting.iter().map(|(_, as_of)| *as_of).max();
        if !hasty && needed.is_some_and(|as_of| as_of > self.archive.applied) {
            self.project(true);
        }
        asks.append(&mut self.on_the_way);
        let mut looked_up = Vec::new();
        for (request, as_of) in self.waiting.drain(..) {
            let mut fetched = self.archive.fetch(request.needs());
            if hasty {
                fetched.as_of = as_of;
                fetched.keys_as_of = u64::MAX;
            }
            looked_up.push(Asked {
                request,
                fetched: Some(Box::new(fetched)),
            });
        }
        // Some answers of the look-up arrive late: memory may have forgotten more by then.
        for ask in looked_up {
            match self.one_in(4) {
                true => self.on_the_way.push(ask),
                false => asks.push(ask),
            }
        }
        asks.extend((0..size).map(|_| fresh(self.crowd.wish(self.latest))));
        asks
    }

    /// The projector writes what is durable, unless it is dead or slow.
    fn project(&mut self, at_once: bool) {
        if at_once {
            self.projector_dead_for = 0;
        } else if self.projector_dead_for > 0 {
            self.projector_dead_for -= 1;
            return;
        } else if self.one_in(500) {
            self.projector_dead_for = self.chance.below(300);
        } else if self.one_in(2) {
            return;
        }
        while let Some(row) = self.unprojected.pop_front() {
            self.archive.apply(&row);
        }
    }

    fn forget(&mut self) {
        let keep = self.chance.below(3_000) as usize;
        let early = self.sabotage == Some(Sabotage::HastyLookUp);
        if self.one_in(3) {
            self.archive.close_segment();
        }
        let through = if early { u64::MAX } else { self.archive.keyed };
        self.shard().forget_through(through, keep);
    }

    fn shard(&mut self) -> &mut Shard {
        self.shard.as_mut().expect("the shard is open")
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.chance.below(many) == 0
    }

    // ---- one batch

    fn batch(&mut self, mut asks: Vec<Asked>, weather: Weather) -> Result<(), String> {
        let (wall, seq) = (self.wall, self.shard().seq());
        let askers: Vec<Asker> = asks.iter().map(|ask| ask.request.asker).collect();
        let mut askers = &askers[..];
        if self.sabotage == Some(Sabotage::BorrowedName) {
            asks.iter_mut().for_each(borrow_name);
        }
        while !asks.is_empty() {
            self.latest = self.latest.max(wall);
            let shard = self.shard.as_mut().expect("the shard is open");
            let step = shard.step(&asks, wall, &mut self.codes);
            let rest = asks.split_off(step.verdicts.len());
            let (taken, later) = askers.split_at(asks.len());
            if step.fatal.is_some() {
                if !matches!(weather, Weather::Cut | Weather::Overtaken) {
                    return Err(format!("stopped without a reason: {:?}", step.fatal));
                }
                return self.end_of_process(&asks, taken, weather);
            }
            self.check_step(&asks, taken, step, weather)?;
            (asks, askers) = (rest, later);
        }
        // What was ordered for a batch that wrote nothing does not wait for the next one.
        self.journal.cancel_orders();
        if weather == Weather::Calm {
            return Ok(());
        }
        self.proofread_from(seq + 1)
    }

    /// Each answer against the model, and the row against what was asked.
    fn check_step(
        &mut self,
        asks: &[Asked],
        askers: &[Asker],
        step: Step,
        weather: Weather,
    ) -> Result<(), String> {
        let mut wanted: Vec<Wanted> = Vec::new();
        for ((ask, asker), verdict) in asks.iter().zip(askers).zip(&step.verdicts) {
            self.check(*asker, &ask.request.ask, verdict, weather)?;
            if self.model.took_a_change() {
                wanted.push((*asker, kind_of(&ask.request.ask)?));
            }
        }
        let Some(row) = step.committed else {
            return match &wanted[..] {
                [] => Ok(()),
                _ => Err(format!("changes without a row: {wanted:?}")),
            };
        };
        self.record.note(row.seq, wanted)?;
        self.record.compare(row.seq, &row.acts)?;
        self.check_row(&row)?;
        self.unprojected.push_back(row);
        Ok(())
    }

    fn check(
        &mut self,
        asker: Asker,
        ask: &Ask,
        verdict: &Verdict,
        weather: Weather,
    ) -> Result<(), String> {
        let at = self.latest;
        let outcome = match verdict {
            Verdict::Answer(outcome) => outcome,
            Verdict::Prefetch { as_of } => {
                self.tally.looked_up += 1;
                let ask = ask.clone();
                self.waiting.push((Request { asker, ask }, *as_of));
                return Ok(());
            }
            Verdict::Fault(fault) => {
                if weather == Weather::Calm {
                    return Err(format!("a fault in calm weather: {fault:?}"));
                }
                self.tally.faults += 1;
                self.doubtful_minute = at.seconds().div_euclid(60);
                if let Ask::Command(Command::IssueCode { wallet }) = ask {
                    self.model.doubt_code_of(*wallet);
                }
                return Ok(());
            }
        };
        self.tally.acts += 1;
        if *outcome == Err(Refusal::TillLocked)
            && at.seconds().div_euclid(60) == self.doubtful_minute
        {
            return Ok(());
        }
        if *outcome == Err(Refusal::CodeReplaced) {
            match ask {
                Ask::Command(command) => self.model.may_be_replaced(command),
                Ask::Query(Query::FirstAnswer { of }) => self.model.may_be_replaced(of),
                Ask::Query(_) => false,
            };
        }
        let expected = self.model.tell(asker.by(), ask, at);
        let said = in_words(outcome);
        if said != expected {
            let by = asker.by();
            return Err(format!(
                "{ask:?}\n  by {by:?}\n  said {said:?}\n  must {expected:?}"
            ));
        }
        if let (
            Ask::Command(Command::IssueCode { wallet }),
            Ok(Reply::Code { digits, expires_at }),
        ) = (ask, outcome)
        {
            self.model
                .learn_code(asker.by(), *wallet, *digits, at, *expires_at);
        }
        self.crowd.hear(ask, outcome);
        self.note(&said);
        Ok(())
    }

    fn note(&mut self, said: &Result<Said, Refusal>) {
        let word = match said {
            Ok(Said::Sale {
                id, yen, refunded, ..
            }) => mix(*id, *yen as u64 ^ (*refunded as u64) << 32),
            Ok(Said::Return { id, yen, .. }) => mix(*id, *yen as u64),
            Ok(Said::Opened(id) | Said::Held(id) | Said::Credited(id)) => *id,
            Ok(Said::TopUp(id, state)) => mix(*id, *state as u64),
            Ok(Said::Purse {
                yen,
                held,
                last_entry,
                ..
            }) => mix(*yen as u64 ^ (*held as u64) << 32, *last_entry),
            Ok(Said::Code(expires)) => expires.0 as u64,
            Ok(Said::ReleasedExpired(count)) => u64::from(*count),
            Ok(Said::Bound | Said::Cancelled | Said::Released) => 1,
            Ok(Said::Undecided) => 2,
            Err(refusal) => *refusal as u64 | 1 << 63,
        };
        self.tally.trace = mix(self.tally.trace, word);
        match said {
            Ok(_) => self.tally.approved += 1,
            Err(_) => self.tally.refused += 1,
        }
    }

    /// Every sum that a row could have moved.
    fn check_row(&mut self, row: &Committed) -> Result<(), String> {
        self.tally.rows += 1;
        let shard = self.shard.as_ref().expect("the shard is open");
        if row.at != self.latest {
            return Err(format!(
                "row {} is of {:?}, not {:?}",
                row.seq, row.at, self.latest
            ));
        }
        let trial = shard.book.trial_balance();
        let payable: i64 = self.model.payable.values().sum();
        let owed = trial.of(AccountKind::Wallet) + trial.of(AccountKind::Held);
        let must = [
            self.model.card,
            self.model.cash,
            self.model.goodwill,
            payable,
        ];
        let sums = [
            -trial.of(AccountKind::CardClearing),
            -trial.of(AccountKind::Cash),
            -trial.of(AccountKind::Goodwill),
            trial.of(AccountKind::Merchant),
        ];
        if trial.sum() != 0 || sums != must || owed != must[0] + must[1] + must[2] - must[3] {
            return Err(format!("sums {sums:?} and {owed}, must {must:?}"));
        }
        let mut moved: Vec<WalletId> = Vec::new();
        for event in row.events() {
            event.postings(&mut |posting| {
                moved.extend(
                    [posting.debit(), posting.credit()]
                        .map(|side| side.kept_by_wallet())
                        .into_iter()
                        .flatten(),
                );
            });
        }
        for wallet in moved {
            self.check_wallet(&shard.book, wallet)?;
        }
        Ok(())
    }

    fn check_wallet(&self, book: &Book, wallet: WalletId) -> Result<(), String> {
        let row = book.wallet(wallet).ok_or("a wallet is gone")?;
        let purse = self
            .model
            .purses
            .get(&wallet)
            .ok_or("a wallet from nowhere")?;
        let is = (
            row.lots.total() as i64,
            row.held.signed(),
            row.pending.signed(),
            row.last_entry.0,
        );
        let must = (purse.yen, purse.held, purse.pending, purse.last_entry);
        if is != must || purse.yen < 0 || purse.held < 0 {
            return Err(format!("wallet {wallet} has {is:?}, must {must:?}"));
        }
        Ok(())
    }

    /// A walk over the whole book: every sum anew, every wallet, every yen's source.
    fn audit(&mut self) -> Result<(), String> {
        self.audited = self.tally.acts;
        let book = &self.shard.as_ref().expect("the shard is open").book;
        book.audit();
        if !self.model.sums_are_zero() {
            return Err("the model's own sums are not zero".into());
        }
        if book.wallets.len() != self.model.purses.len() {
            return Err("a wallet too many or too few".into());
        }
        let mut left: HashMap<Source, i64> = HashMap::new();
        let mut wrong = None;
        book.wallets.each(|wallet, row| {
            wrong = wrong.take().or(self.check_wallet(book, *wallet).err());
            for lot in row.lots.iter() {
                *left.entry(lot.source).or_default() += lot.amount.signed();
            }
        });
        book.holds.each(|_, row| {
            for lot in &row.drawn {
                *left.entry(lot.source).or_default() += lot.amount.signed();
            }
        });
        for (source, yen) in left {
            match self.model.source_yen(source) {
                Some(all) if yen <= all => {}
                all => wrong = Some(format!("{yen} yen from {source:?}, which gave {all:?}")),
            }
        }
        self.tally.trace = book.hash().lanes.into_iter().fold(self.tally.trace, mix);
        wrong.map_or(Ok(()), Err)
    }

    // ---- ends and starts

    /// The process ended inside the append: was the row durable? The next start finds out; the askers never heard.
    fn end_of_process(
        &mut self,
        asks: &[Asked],
        askers: &[Asker],
        weather: Weather,
    ) -> Result<(), String> {
        self.journal.cancel_orders();
        if weather == Weather::Overtaken {
            // The other owner was a drill: its row goes, and this process comes back.
            self.journal.cut_after(self.record.last());
        }
        for (row, at, acts) in self.rows_from(self.record.last() + 1)? {
            let mut wanted = Vec::new();
            for (ask, asker) in asks.iter().zip(askers) {
                // Not all that was asked changed something; what did stands there under the request's name.
                if acts.iter().any(|act| act.request == asker.request) {
                    drop(self.model.tell(asker.by(), &ask.request.ask, at));
                    if self.model.took_a_change() {
                        wanted.push((*asker, kind_of(&ask.request.ask)?));
                    }
                }
            }
            self.record.note(row, wanted)?;
            self.record.compare(row, &acts)?;
        }
        self.shard = None;
        self.restart()
    }

    /// What stands in the journal from a row on: each row's seq, its instant and its acts.
    fn rows_from(&self, seq: u64) -> Result<Vec<(u64, Timestamp, Vec<Act>)>, String> {
        let read = || {
            let mut reader = JournalReader::fake(0, self.journal.clone());
            let rows = reader.read(seq, 1_000)?;
            rows.into_iter()
                .map(|row| Ok((row.seq, Timestamp(row.at), decode_batch(&row.batch)?)))
                .collect::<Result<Vec<_>, Fault>>()
        };
        read().map_err(|fault| fault.to_string())
    }

    /// After a batch that was lost, or almost: the journal itself says who asked for what, and nothing else.
    fn proofread_from(&self, seq: u64) -> Result<(), String> {
        for (row, _, acts) in self.rows_from(seq)? {
            self.record.compare(row, &acts)?;
        }
        Ok(())
    }

    /// Kill -9, and a start from what is on the disk.
    fn crash(&mut self) -> Result<(), String> {
        let stood = self.shard().book.hash();
        let head = self.shard().seq();
        self.shard = None;
        match self.sabotage {
            Some(Sabotage::LyingDisk) => {
                self.journal.cut_after(head - 1);
                self.unprojected.pop_back();
                if self.archive.applied == head {
                    return self.restart();
                }
            }
            Some(Sabotage::TurnedBit) if self.archive.checkpoint_seq + 1 < head => {
                self.journal
                    .tamper(head, |row| *row.batch.last_mut().expect("never empty") ^= 4);
            }
            _ => {}
        }
        self.restart_at(Some(stood))
    }

    fn restart(&mut self) -> Result<(), String> {
        self.restart_at(None)
    }

    fn restart_at(&mut self, stood: Option<BookHash>) -> Result<(), String> {
        self.tally.starts += 1;
        self.waiting.clear();
        self.on_the_way.clear();
        self.unprojected.clear();
        self.model.restart();
        self.doubtful_minute = 0;
        let (book, head) = self.bring_up(self.archive.checkpoint_seq)?;
        if stood.is_some_and(|hash| hash != book.hash()) {
            return Err("the book after the start is not the book before the crash".into());
        }
        if head.seq != self.record.last() {
            let (is, must) = (head.seq, self.record.last());
            return Err(format!("the journal ends at row {is}, must at {must}"));
        }
        book.audit();
        self.latest = book.at();
        self.open(book, head)?;
        self.audit()
    }

    fn start(&mut self) -> Result<(), String> {
        self.latest = Timestamp(0);
        self.open(Book::new(book_key()), Head::EMPTY)
    }

    fn open(&mut self, book: Book, head: Head) -> Result<(), String> {
        let cold = match self.sabotage {
            Some(Sabotage::ForgottenKeys) => ColdKeys::default(),
            _ => self.archive.keys(),
        };
        let epoch = head.epoch + 1;
        let opened = Opened {
            limits: Limits::default(),
            cold,
            epoch,
            chain: chain_key(),
            embedded: false,
        };
        let journal = JournalStore::fake(0, self.journal.clone());
        let mut shard = Shard::new(book, journal, head, opened);
        let mut first: Vec<Event> = vec![TakenOver { epoch }.into()];
        if head.seq == 0 {
            let ids = IdSpace {
                incarnation: 0,
                shard: ShardId(0),
            };
            let purpose = Purpose::Development;
            first.insert(0, Stamped { purpose, ids }.into());
        }
        let row = shard
            .journal_events(SystemReason::Upkeep, first, self.wall)
            .map_err(|fault| fault.to_string())?;
        self.record.take_over(row.seq)?;
        self.record.compare(row.seq, &row.acts)?;
        self.latest = row.at;
        self.unprojected.push_back(row);
        self.shard = Some(shard);
        Ok(())
    }

    /// A book from the checkpoint at a row (zero: from nothing) and the journal behind it, whose acts are all as they were asked.
    fn bring_up(&mut self, from: u64) -> Result<(Book, Head), String> {
        let mut reader = JournalReader::fake(0, self.journal.clone());
        let broken = |fault: Fault| fault.to_string();
        let (mut book, head) = match from {
            0 => (Book::new(book_key()), Head::EMPTY),
            seq => {
                let mut before = reader.read(seq, 1).map_err(broken)?;
                let head = before.pop().expect("the row before a seal").head();
                let mut book = self.archive.book(book_key());
                book.begin_after(seq);
                (book, head)
            }
        };
        let chain = chain_key();
        for row in reader.chain(head, &chain) {
            let row = row.map_err(broken)?;
            // The seal right behind the checkpoint proves it; each later one proves the replay.
            let committed =
                replay_row(&mut book, row.seq, Timestamp(row.at), &row.batch).map_err(broken)?;
            self.record.compare(committed.seq, &committed.acts)?;
            if committed.seq > self.archive.applied {
                self.archive.apply(&committed);
            }
        }
        let head = reader.head().map_err(broken)?;
        Ok((book, head))
    }

    /// Everything from the first row on comes out the same.
    fn replay_all(&mut self) -> Result<(), String> {
        let stood = self.shard().book.hash();
        self.project(true);
        let (book, _) = self.bring_up(0)?;
        book.audit();
        if book.hash() != stood {
            return Err("the book is not a function of its journal".into());
        }
        Ok(())
    }
}

fn fresh(request: Request) -> Asked {
    Asked {
        request,
        fetched: None,
    }
}

fn kind_of(ask: &Ask) -> Result<CommandKind, String> {
    match ask {
        Ask::Command(command) => Ok(command.kind()),
        Ask::Query(query) => Err(format!("{query:?} changed something")),
    }
}

/// An operator's request, as if the last of them had made it.
fn borrow_name(ask: &mut Asked) {
    let asker = ask.request.asker;
    if let Actor::Operator { session, .. } = asker.by() {
        let operator = OperatorId(3 << 70);
        let by = Actor::Operator { operator, session };
        let context = Context {
            by,
            ..asker.context
        };
        ask.request.asker = Asker::new(context).with_request(asker.request);
    }
}

fn book_key() -> HashKey {
    HashKey::new(&[11; 32])
}

fn chain_key() -> ChainKey {
    ChainKey::from_bytes([12; 32])
}

/// Not secret, not strong: only so that two runs that differ anywhere end differently.
fn mix(trace: u64, word: u64) -> u64 {
    (trace ^ word)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .rotate_left(29)
        .wrapping_add(word)
}
