//! The engine as the rest of the house sees it: acts in, durable answers out.
//!
//! | thread | owns | waits for |
//! |---|---|---|
//! | `writer` | the shard: book, desk, journal | acts, and one fsync per batch |
//! | `projector` | the views' writing connection | durable rows; never holds up an answer unless it is very far behind |
//! | `gatherer` | reading connections | acts about the distant past |

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::{Db, Location};
use mamori_domain::act::{Act, Done, Outcome};
use mamori_domain::book::Book;
use mamori_domain::change::Change;
use mamori_domain::ids::{IdSpace, MerchantId, RefundId, StoreId, TillId, WalletId};
use mamori_domain::ledger::{AccountKind, TrialBalance};
use mamori_domain::payment::Refund;
use mamori_domain::table::BookHash;
use mamori_domain::world::{Draw, Timestamp};

use crate::clock::Clock;
use crate::gather::Gatherer;
use crate::hub::{Event, Hub, Listening};
use crate::journal::JournalReader;
use crate::lease::{Freshness, LEASE_BEAT_MICROS, Lease};
use crate::meter::{Meter, Second};
use crate::shard::{Asked, Committed, ROW_ACTS, Reply, Shard};
use crate::start::{EngineConfig, KEEP_RECENT, OnFatal, PROJECT_CHANGES, Started};
use crate::views::projector::Projector;
use crate::views::{Entry, VIEWS, damage};
use crate::watermark::Watermark;

/// Acts that may wait for the writer; one more is told "busy" before anything was decided.
const QUEUE_ACTS: usize = 8_192;
/// Acts the views may be behind before new ones are told "busy": nothing that the views lack is ever forgotten, so this bounds memory.
const LAG_ACTS: u64 = 1_000_000;
/// Things the writer forgets between two batches, and some more for each act of the last: a payment adds two.
const FORGET_AT_ONCE: usize = 64;
const FORGET_PER_ACT: usize = 8;
/// How long the projector waits for more before it writes.
const PROJECT_LINGER: Duration = Duration::from_millis(40);
/// While the disk is full, how often it is asked whether there is room again.
const ROOM_MICROS: i64 = 2_000_000;
/// Tries that the views get once the engine is stopping; the next start catches up with what they lack.
const LAST_TRIES: u32 = 3;
/// How far the wall clock may leave the monotonic one before codes are stopped.
const CLOCK_JUMP_MICROS: i64 = 60_000_000;
/// Reading connections.
const READERS: usize = 3;

/// Takes the answer to an act, on the writer's thread: it must not wait.
pub type ReplyTo = Box<dyn FnOnce(Result<Outcome, Fault>) + Send>;

// Nearly every message is an act: boxing it would cost each payment an allocation to save room in a queue that has some.
#[allow(clippy::large_enum_variant)]
enum Ask {
    Act(Asked, ReplyTo),
    Survey(Box<dyn FnOnce(Survey) + Send>),
    Peek(Peek),
    AcceptLoss(Loss),
    Stop,
}

/// Runs what hands out the answers of one batch; whatever has to be woken for them can be woken once, afterwards.
pub type HandOut = fn(&mut dyn FnMut());

/// Rows up to `through` are lost; the newest of them knew `incarnation`.
struct Loss {
    through: u64,
    incarnation: u16,
    reply: SyncSender<Result<(), Fault>>,
}

/// Looks at the book between two batches, when all of it is durable.
type Peek = Box<dyn FnOnce(&Book) + Send>;

/// The whole book at one durable seq, in sums.
#[derive(Clone, Debug)]
pub struct Survey {
    pub seq: u64,
    pub applied_seq: u64,
    pub at: Timestamp,
    pub hash: BookHash,
    pub trial: TrialBalance,
    pub wallets: u64,
    /// Each merchant and what the house owes it, in yen.
    pub merchants: Vec<(MerchantId, i64)>,
    pub stores: Vec<(StoreId, MerchantId)>,
    /// Each till, its store, and whether a device is bound to it.
    pub tills: Vec<(TillId, StoreId, bool)>,
    /// Things of the recent past in memory.
    pub recent: usize,
    /// Bytes of the filter of forgotten request keys.
    pub cold_bytes: usize,
}

/// The handle; clones share one engine.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    writer: SyncSender<Ask>,
    applied: Arc<Watermark>,
    lag: Arc<Lag>,
    hub: Arc<Hub>,
    meter: Arc<Meter>,
    readers: Mutex<Vec<Gatherer>>,
    location: Location,
    master: Arc<MasterKey>,
    /// The newest durable row.
    durable: Arc<AtomicU64>,
    hand_out: Arc<OnceLock<HandOut>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    stopped: Arc<AtomicBool>,
}

/// Acts that are durable but not in the views yet.
#[derive(Default)]
struct Lag {
    committed: AtomicU64,
    applied: AtomicU64,
}

impl Lag {
    fn get(&self) -> u64 {
        self.committed
            .load(Ordering::Relaxed)
            .saturating_sub(self.applied.load(Ordering::Relaxed))
    }
}

impl Engine {
    /// Opens the store, brings the book to the journal's head, and starts the threads.
    pub fn open(config: EngineConfig) -> Result<Engine, Fault> {
        let started = Started::from_store(&config)?;
        let applied = Arc::new(Watermark::default());
        applied.raise(started.projector.progress().applied_seq);
        let segmented = Arc::new(AtomicU64::new(started.projector.progress().segment_seq));
        let (hub, meter, lag) = (
            Arc::new(Hub::default()),
            Arc::new(Meter::default()),
            Arc::new(Lag::default()),
        );
        let durable = Arc::new(AtomicU64::new(started.shard.seq()));
        let hand_out = Arc::<OnceLock<HandOut>>::default();
        let (to_writer, from_all) = sync_channel(QUEUE_ACTS);
        let (to_projector, rows) = channel();
        let (to_gatherer, questions) = sync_channel(1_024);
        let reader = |applied: &Arc<Watermark>| -> Result<Gatherer, Fault> {
            Ok(Gatherer::new(
                config.location.open_read(&VIEWS)?,
                JournalReader::open(&config.location, 0)?,
                config.master.chain_key(),
                applied.clone(),
            ))
        };
        let mut readers = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            readers.push(reader(&applied)?);
        }
        let gatherer = reader(&applied)?;
        let on_fatal = config.on_fatal.clone();
        let thread = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let on_fatal = on_fatal.clone();
            Builder::new()
                .name(name.into())
                .spawn(move || or_die(run, &on_fatal))
                .map_err(|_| Fault::retryable("the system gives no thread"))
        };
        let back = to_writer.clone();
        let (stopped, starved) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let follower = Follower {
            projector: started.projector,
            rows,
            applied: applied.clone(),
            segmented: segmented.clone(),
            lag: lag.clone(),
            location: config.location.clone(),
            on_fatal: config.on_fatal.clone(),
            stopped: stopped.clone(),
            starved: starved.clone(),
        };
        let writer = Writer {
            shard: started.shard,
            inbox: from_all,
            projector: to_projector,
            gatherer: to_gatherer,
            hub: hub.clone(),
            meter: meter.clone(),
            lag: lag.clone(),
            applied: applied.clone(),
            segmented,
            durable: durable.clone(),
            hand_out: hand_out.clone(),
            clock: config.clock.clone(),
            draw: Draw::from_entropy(config.entropy),
            clock_gap: None,
            clock_is_right: true,
            starved,
            looked_for_room: 0,
            freshness: started.lease.freshness(),
            on_fatal: config.on_fatal.clone(),
        };
        let views_written = Arc::new(AtomicBool::new(false));
        let keeper = Keeper {
            lease: started.lease,
            clock: config.clock.clone(),
            stopped: stopped.clone(),
            views_written: views_written.clone(),
            on_fatal: config.on_fatal,
        };
        let location = config.location.clone();
        let threads = vec![
            thread("writer", Box::new(move || writer.run()))?,
            thread(
                "projector",
                Box::new(move || {
                    let _ends = SetAtTheEnd(views_written);
                    follower.run();
                }),
            )?,
            thread("lease", Box::new(move || keeper.run()))?,
            thread(
                "gatherer",
                Box::new(move || gather_all(gatherer, &location, &questions, &back)),
            )?,
        ];
        Ok(Engine(Arc::new(Inner {
            writer: to_writer,
            applied,
            lag,
            hub,
            meter,
            readers: Mutex::new(readers),
            location: config.location,
            master: config.master,
            durable,
            hand_out,
            threads: Mutex::new(threads),
            stopped,
        })))
    }

    /// Asks for an act. `reply` is called once, when the answer is durable; or at once if the house is too busy.
    pub fn submit(&self, act: Act, reply: ReplyTo) {
        if self.0.lag.get() > LAG_ACTS {
            return reply(Err(Fault::retryable("busy: the views are too far behind")));
        }
        let ask = Ask::Act(
            Asked {
                act,
                gathered: None,
            },
            reply,
        );
        match self.0.writer.try_send(ask) {
            Ok(()) => {}
            Err(TrySendError::Full(Ask::Act(_, reply))) => {
                reply(Err(Fault::retryable("busy: too many acts wait")))
            }
            Err(TrySendError::Disconnected(Ask::Act(_, reply))) => {
                reply(Err(Fault::retryable("the engine has stopped")))
            }
            Err(_) => unreachable!("only the act that was sent comes back"),
        }
    }

    /// From now on the answers of each batch are handed out within `hand_out`. The first caller decides.
    pub fn hand_out_within(&self, hand_out: HandOut) {
        let _ = self.0.hand_out.set(hand_out);
    }

    /// Asks for an act and waits for the answer. Not for async code.
    pub fn act(&self, act: Act) -> Result<Outcome, Fault> {
        let (to, from) = sync_channel(1);
        self.submit(act, Box::new(move |answer| drop(to.send(answer))));
        from.recv()
            .unwrap_or_else(|_| Err(Fault::retryable("the engine has stopped")))
    }

    /// The book's sums at a durable seq.
    pub fn survey(&self) -> Result<Survey, Fault> {
        let (to, from) = sync_channel(1);
        let ask = Ask::Survey(Box::new(move |survey| drop(to.send(survey))));
        self.0
            .writer
            .send(ask)
            .map_err(|_| Fault::retryable("the engine has stopped"))?;
        from.recv().map_err(|_| {
            Fault::retryable("the engine has stopped, or its ownership is not confirmed")
        })
    }

    /// Journals that rows up to `lost_through` are lost, and starts a new incarnation beyond its own and beyond `incarnation`, the
    /// newest that the lost rows knew: no id of the lost part is given again.
    pub fn accept_loss(&self, lost_through: u64, incarnation: u16) -> Result<(), Fault> {
        let (to, from) = sync_channel(1);
        let ask = Ask::AcceptLoss(Loss {
            through: lost_through,
            incarnation,
            reply: to,
        });
        self.0
            .writer
            .send(ask)
            .map_err(|_| Fault::retryable("the engine has stopped"))?;
        from.recv()
            .map_err(|_| Fault::retryable("the engine has stopped"))?
    }

    /// Looks at the book between two batches. On the writer's thread: short, and never on a payment's way.
    pub fn peek<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Book) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let (to, from) = sync_channel(1);
        let ask = Ask::Peek(Box::new(move |book| drop(to.send(look(book)))));
        self.0
            .writer
            .send(ask)
            .map_err(|_| Fault::retryable("the engine has stopped"))?;
        from.recv().map_err(|_| {
            Fault::retryable("the engine has stopped, or its ownership is not confirmed")
        })
    }

    /// Calls `listener` with every durable event of a wallet, on the writer's thread, until the guard is dropped.
    pub fn listen(
        &self,
        wallet: WalletId,
        listener: impl Fn(&Event) -> bool + Send + 'static,
    ) -> Listening {
        self.0.hub.listen(wallet.0, listener)
    }

    /// Payments of the last five minutes, second by second.
    pub fn seconds(&self, now: Timestamp) -> Vec<Second> {
        self.0.meter.last(now.seconds())
    }

    /// Acts that are durable but not in the views yet.
    pub fn lag_acts(&self) -> u64 {
        self.0.lag.get()
    }

    /// How far the views have come.
    pub fn applied(&self) -> &Watermark {
        &self.0.applied
    }

    /// The newest durable row of the journal.
    pub fn durable_seq(&self) -> u64 {
        self.0.durable.load(Ordering::Acquire)
    }

    /// Where the store is.
    pub fn location(&self) -> &Location {
        &self.0.location
    }

    /// A wallet's movements, newest first: from its newest, or from the one before `before`. Waits until the views show all
    /// that the wallet's owner has been told of.
    pub fn history(
        &self,
        wallet: WalletId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Entry>, Fault> {
        let from = match before {
            None => match self.act(Act::Look { wallet })? {
                Ok(Done::Wallet(sight)) => sight.last_entry.0,
                _ => 0,
            },
            Some(entry) => match self.entry(wallet, entry)? {
                Some(entry) => entry.previous,
                None => 0,
            },
        };
        if from == 0 {
            return Ok(Vec::new());
        }
        self.await_entry(from)?;
        self.read(|reader| reader.chain(wallet.0, from, limit))
    }

    /// One movement of a wallet.
    pub fn entry(&self, wallet: WalletId, id: u64) -> Result<Option<Entry>, Fault> {
        let entry = self.read(|reader| crate::views::read::entry_by_id(reader.views(), id))?;
        Ok(entry.filter(|entry| entry.wallet == wallet.0))
    }

    /// Waits until the views have all that was durable when it was asked.
    pub fn await_views(&self) -> Result<(), Fault> {
        let seq = self.durable_seq();
        if self.0.applied.wait_for(seq, Duration::from_secs(2)) {
            return Ok(());
        }
        Err(Fault::retryable("the views are behind; ask again"))
    }

    /// Refunds by their ids, oldest first. Waits until the views have all that was durable when it was asked.
    pub fn refunds(&self, ids: &[RefundId]) -> Result<Vec<Refund>, Fault> {
        self.await_views()?;
        self.read(|reader| {
            let mut refunds = Vec::with_capacity(ids.len());
            for id in ids {
                refunds.extend(reader.refund(*id)?);
            }
            Ok(refunds)
        })
    }

    /// Reads the views.
    pub fn read<T>(
        &self,
        read: impl FnOnce(&mut Gatherer) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let taken = self
            .0
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut reader = match taken {
            Some(reader) => reader,
            None => Gatherer::new(
                self.0
                    .location
                    .open_read(&VIEWS)
                    .inspect_err(|fault| damage::mark(&self.0.location, fault))?,
                JournalReader::open(&self.0.location, 0)?,
                self.0.master.chain_key(),
                self.0.applied.clone(),
            ),
        };
        let answer = read(&mut reader);
        if let Err(fault) = &answer {
            damage::mark(&self.0.location, fault);
        }
        // A connection that failed is not used again.
        if answer.is_ok() {
            let mut readers = self
                .0
                .readers
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if readers.len() < READERS {
                readers.push(reader);
            }
        }
        answer
    }

    fn await_entry(&self, id: u64) -> Result<(), Fault> {
        // An entry is durable before anybody hears of it; the views follow within milliseconds.
        let seq = self.durable_seq();
        let known = self
            .read(|reader| crate::views::read::entry_by_id(reader.views(), id))?
            .is_some();
        if known || self.0.applied.wait_for(seq, Duration::from_secs(2)) {
            return Ok(());
        }
        Err(Fault::retryable("the views are behind; ask again"))
    }

    /// Writes a last checkpoint and ends the threads. Answers that were promised still leave.
    pub fn stop(&self) {
        if self.0.stopped.swap(true, Ordering::AcqRel) {
            return;
        }
        drop(self.0.writer.send(Ask::Stop));
        for thread in self
            .0
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}

/// The thread that owns the shard.
struct Writer {
    shard: Shard,
    inbox: Receiver<Ask>,
    projector: Sender<Committed>,
    gatherer: SyncSender<(Asked, u64, ReplyTo)>,
    hub: Arc<Hub>,
    meter: Arc<Meter>,
    lag: Arc<Lag>,
    applied: Arc<Watermark>,
    segmented: Arc<AtomicU64>,
    durable: Arc<AtomicU64>,
    hand_out: Arc<OnceLock<HandOut>>,
    clock: Arc<dyn Clock>,
    draw: Draw,
    /// Wall minus monotonic time at the first batch.
    clock_gap: Option<i64>,
    clock_is_right: bool,
    /// Tells the projector that what room is left belongs to the journal.
    starved: Arc<AtomicBool>,
    /// When the disk was last asked for room, on the monotonic clock.
    looked_for_room: i64,
    freshness: Freshness,
    on_fatal: OnFatal,
}

impl Writer {
    fn run(mut self) {
        let mut asked: Vec<Asked> = Vec::with_capacity(ROW_ACTS);
        let mut replies: Vec<ReplyTo> = Vec::with_capacity(ROW_ACTS);
        loop {
            let mut looks = Looks::default();
            let mut stop = false;
            // No timer: a lone act commits at once; whatever came while the last batch was being made durable is the next one.
            if asked.is_empty() {
                match self.inbox.recv() {
                    Ok(ask) => sort_in(ask, &mut asked, &mut replies, &mut looks, &mut stop),
                    Err(_) => return,
                }
            }
            while asked.len() < ROW_ACTS
                && !stop
                && let Ok(ask) = self.inbox.try_recv()
            {
                sort_in(ask, &mut asked, &mut replies, &mut looks, &mut stop);
            }
            let acts = asked.len();
            if acts > 0 && !self.step(&mut asked, &mut replies) {
                return;
            }
            // What is looked at may be old if nothing proves that this process still owns the shard: then nobody is answered,
            // which the asker hears as a fault.
            if !self.freshness.covers(self.clock.monotonic_micros()) {
                looks.surveys.clear();
                looks.peeks.clear();
            }
            for survey in looks.surveys {
                survey(self.survey());
            }
            for loss in looks.losses {
                let journaled = self.accept_loss(loss.through, loss.incarnation);
                drop(loss.reply.send(journaled));
            }
            for peek in looks.peeks {
                peek(&self.shard.book);
            }
            self.forget(acts);
            if stop {
                let now = self.now();
                if let Ok(committed) = self.shard.seal(now) {
                    drop(self.projector.send(committed));
                }
                return;
            }
        }
    }

    /// Forgets some of what the views hold, after so many acts. A segment of request keys sets a quarter of a million things free
    /// at once: forgotten at once they would hold up everybody for a tenth of a second.
    fn forget(&mut self, acts: usize) {
        let known = self.shard.book.recent_len();
        let keep = KEEP_RECENT.max(known.saturating_sub(FORGET_AT_ONCE + FORGET_PER_ACT * acts));
        let through = self
            .segmented
            .load(Ordering::Acquire)
            .min(self.applied.get());
        self.shard.forget_through(through, keep);
    }

    /// The instant of the next batch, and an alarm when the wall clock cannot be believed.
    ///
    /// A wall clock that leaves the time since boot by more than a minute has been set, or is broken: time goes on as the other
    /// clock counts it, so that a glitch never enters the journal, and no code is made or taken. The same holds while the book
    /// knows a later instant than this: time stands still then, and a code would live until it moves again.
    fn now(&mut self) -> Timestamp {
        let (wall, monotonic) = (self.clock.wall_micros(), self.clock.monotonic_micros());
        let gap = *self.clock_gap.get_or_insert(wall - monotonic);
        let steady = gap + monotonic;
        let has_jumped = (wall - steady).abs() > CLOCK_JUMP_MICROS;
        let now = Timestamp(if has_jumped { steady } else { wall });
        let is_behind = self.shard.latest().0 - now.0 > CLOCK_JUMP_MICROS;
        let is_right = !has_jumped && !is_behind;
        if is_right != self.clock_is_right {
            self.clock_is_right = is_right;
            self.shard.trust_clock(is_right);
            if is_right {
                tracing::warn!("the clock is right again: codes are made and taken");
            } else {
                tracing::error!(
                    jump_micros = wall - steady,
                    behind_micros = self.shard.latest().0 - now.0,
                    "the clock cannot be believed: no code is made or taken until it is right"
                );
            }
        }
        now
    }

    /// Sees whether a full disk has room again, and tells the projector how things stand.
    fn watch_disk(&mut self) {
        let now = self.clock.monotonic_micros();
        if self.shard.is_starved() && now - self.looked_for_room >= ROOM_MICROS {
            self.looked_for_room = now;
            if self.shard.has_room_again() {
                tracing::info!("the disk has room again: everything is taken as before");
            }
        }
        let starved = self.shard.is_starved();
        if starved != self.starved.swap(starved, Ordering::AcqRel) && starved {
            self.looked_for_room = now;
            tracing::error!(
                "the disk is full: only freezes, cancels, refunds and revocations are taken, out of the space kept aside"
            );
        }
    }

    /// One batch. False when the journal is lost.
    fn step(&mut self, asked: &mut Vec<Asked>, replies: &mut Vec<ReplyTo>) -> bool {
        self.watch_disk();
        let now = self.now();
        let mut step = self.shard.step(asked, now, &mut self.draw);
        self.watch_disk();
        // Before anybody is answered: whoever has heard of a movement must not be shown a history without it.
        self.durable.store(self.shard.seq(), Ordering::Release);
        if step.committed.is_none() && !self.freshness.covers(self.clock.monotonic_micros()) {
            // Nothing was appended, so nothing proves that this process still owns the shard: what it read may be old.
            for reply in &mut step.replies {
                *reply = Reply::Fault(Fault::retryable(
                    "the ownership of the shard is not confirmed",
                ));
            }
        }
        let hand_out = self.hand_out.get().copied().unwrap_or(|run| run());
        let said = std::mem::take(&mut step.replies);
        let mut said = said.into_iter();
        hand_out(&mut || {
            let taken = said.len();
            for ((reply, ask), to) in (&mut said)
                .zip(asked.drain(..taken))
                .zip(replies.drain(..taken))
            {
                self.hand_over(reply, ask, to);
            }
        });
        if let Some(committed) = step.committed {
            self.meter.count(&committed);
            self.hub.publish(&committed);
            self.lag
                .committed
                .fetch_add(committed.changes.len() as u64, Ordering::Relaxed);
            drop(self.projector.send(committed));
        }
        if let Some(fault) = step.fatal {
            (self.on_fatal)(&fault);
            return false;
        }
        true
    }

    fn hand_over(&self, reply: Reply, ask: Asked, to: ReplyTo) {
        let as_of = match reply {
            Reply::Answer(outcome) => return to(Ok(outcome)),
            Reply::Fault(fault) => return to(Err(fault)),
            Reply::Gather { as_of } => as_of,
        };
        let ask = Asked {
            gathered: None,
            ..ask
        };
        if let Err(TrySendError::Full((_, _, to)) | TrySendError::Disconnected((_, _, to))) =
            self.gatherer.try_send((ask, as_of, to))
        {
            to(Err(Fault::retryable("busy: too many look-ups wait")));
        }
    }

    fn accept_loss(&mut self, lost_through: u64, incarnation: u16) -> Result<(), Fault> {
        let ids = self.shard.book.counters().ids;
        let incarnation = ids.incarnation.max(incarnation) + 1;
        if incarnation > IdSpace::INCARNATION_MAX {
            return Err(Fault::refused("no incarnation is left to make ids in"));
        }
        let ids = IdSpace { incarnation, ..ids };
        let change = Change::LossAccepted { ids, lost_through };
        let now = self.now();
        let committed = self.shard.journal_changes(vec![change], now)?;
        self.lag
            .committed
            .fetch_add(committed.changes.len() as u64, Ordering::Relaxed);
        drop(self.projector.send(committed));
        Ok(())
    }

    fn survey(&self) -> Survey {
        let book = &self.shard.book;
        let mut merchants = Vec::new();
        book.merchants
            .each(|id, row| merchants.push((*id, row.payable)));
        merchants.sort_unstable();
        let mut stores = Vec::new();
        book.stores
            .each(|id, merchant| stores.push((*id, *merchant)));
        stores.sort_unstable();
        let mut tills = Vec::new();
        book.tills
            .each(|id, row| tills.push((*id, row.store, row.device.is_some())));
        tills.sort_unstable();
        Survey {
            seq: self.shard.seq(),
            applied_seq: self.applied.get(),
            at: book.at(),
            hash: book.hash(),
            trial: *book.trial_balance(),
            wallets: book.wallets.len() as u64,
            merchants,
            stores,
            tills,
            recent: book.recent_len(),
            cold_bytes: self.shard.cold_bytes(),
        }
    }
}

/// Who wants to look at the book after this batch.
#[derive(Default)]
struct Looks {
    surveys: Vec<Box<dyn FnOnce(Survey) + Send>>,
    peeks: Vec<Peek>,
    losses: Vec<Loss>,
}

fn sort_in(
    ask: Ask,
    asked: &mut Vec<Asked>,
    replies: &mut Vec<ReplyTo>,
    looks: &mut Looks,
    stop: &mut bool,
) {
    match ask {
        Ask::Act(ask, reply) => {
            asked.push(ask);
            replies.push(reply);
        }
        Ask::Survey(reply) => looks.surveys.push(reply),
        Ask::Peek(peek) => looks.peeks.push(peek),
        Ask::AcceptLoss(loss) => looks.losses.push(loss),
        Ask::Stop => *stop = true,
    }
}

/// The thread that keeps the lease.
struct Keeper {
    lease: Lease,
    clock: Arc<dyn Clock>,
    stopped: Arc<AtomicBool>,
    /// The writer of the views has ended.
    views_written: Arc<AtomicBool>,
    on_fatal: OnFatal,
}

/// Says that a thread has ended, however it did.
struct SetAtTheEnd(Arc<AtomicBool>);

impl Drop for SetAtTheEnd {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Keeper {
    fn run(mut self) {
        // Until the last checkpoint is written too: a standby that came while it is would write the same rows.
        while !(self.stopped.load(Ordering::Acquire) && self.views_written.load(Ordering::Acquire))
        {
            if let Err(fault) = self.lease.confirm(&*self.clock)
                && fault.is_not_owner()
            {
                return (self.on_fatal)(&fault);
            }
            std::thread::park_timeout(Duration::from_micros(LEASE_BEAT_MICROS as u64));
        }
        drop(self.lease.release());
    }
}

/// The thread that follows the journal with the views.
struct Follower {
    projector: Projector,
    rows: Receiver<Committed>,
    applied: Arc<Watermark>,
    segmented: Arc<AtomicU64>,
    lag: Arc<Lag>,
    location: Location,
    on_fatal: OnFatal,
    stopped: Arc<AtomicBool>,
    starved: Arc<AtomicBool>,
}

impl Follower {
    fn run(mut self) {
        let mut rows = Vec::new();
        while let Ok(first) = self.rows.recv() {
            let mut changes = first.changes.len();
            rows.push(first);
            self.take_waiting(&mut rows, &mut changes);
            if changes < PROJECT_CHANGES {
                // Asleep, not listening: a listener would be woken by each row, which costs the writer more than the row.
                std::thread::park_timeout(PROJECT_LINGER);
                self.take_waiting(&mut rows, &mut changes);
            }
            if !self.apply(&rows) {
                return;
            }
            let progress = self.projector.progress();
            self.segmented
                .store(progress.segment_seq, Ordering::Release);
            self.applied.raise(progress.applied_seq);
            self.lag
                .applied
                .fetch_add(changes as u64, Ordering::Relaxed);
            rows.clear();
        }
    }

    fn take_waiting(&self, rows: &mut Vec<Committed>, changes: &mut usize) {
        while *changes < PROJECT_CHANGES
            && let Ok(row) = self.rows.try_recv()
        {
            *changes += row.changes.len();
            rows.push(row);
        }
    }

    /// Writes until it is written: the views may lag but never skip, and new acts hear "busy" meanwhile. False when the engine
    /// stopped first; the next start applies what is missing.
    fn apply(&mut self, rows: &[Committed]) -> bool {
        let mut failures = 0u32;
        loop {
            let stopping = self.stopped.load(Ordering::Acquire);
            if self.starved.load(Ordering::Acquire) {
                // The last room on the disk is the journal's: what the views lack can be made again, a freeze cannot.
                if stopping {
                    return false;
                }
                std::thread::park_timeout(Duration::from_millis(100));
                continue;
            }
            let Err(fault) = self.projector.apply(rows) else {
                return true;
            };
            damage::mark(&self.location, &fault);
            if fault.is_not_owner() || fault.is_damaged_views() {
                (self.on_fatal)(&fault);
                return false;
            }
            failures += 1;
            tracing::error!(%fault, failures, "the views cannot be written");
            if stopping && failures >= LAST_TRIES {
                return false;
            }
            std::thread::park_timeout(Duration::from_millis(u64::from(failures.min(50)) * 100));
        }
    }
}

/// A thread that panics has found a bug of ours. Without it the house would stand there and answer nobody, and its owner would
/// go on confirming its lease: the process ends, and another start, or a standby, finds the truth in the store.
fn or_die(run: Box<dyn FnOnce() + Send>, on_fatal: &OnFatal) {
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        on_fatal(&Fault::broken("a thread of the engine panicked"));
    }
}

/// Looks things up and asks the writer again.
fn gather_all(
    mut gatherer: Gatherer,
    location: &Location,
    questions: &Receiver<(Asked, u64, ReplyTo)>,
    writer: &SyncSender<Ask>,
) {
    while let Ok((ask, as_of, reply)) = questions.recv() {
        match gatherer.gather(&ask.act, as_of) {
            Ok(gathered) => {
                let again = Ask::Act(
                    Asked {
                        act: ask.act,
                        gathered: Some(gathered),
                    },
                    reply,
                );
                if let Err(
                    TrySendError::Full(Ask::Act(_, reply))
                    | TrySendError::Disconnected(Ask::Act(_, reply)),
                ) = writer.try_send(again)
                {
                    reply(Err(Fault::retryable("busy: too many acts wait")));
                }
            }
            Err(fault) => {
                damage::mark(location, &fault);
                reply(Err(fault));
            }
        }
    }
}

/// What the house owes its customers, in yen: what is in wallets and what is held.
pub fn owed_to_customers(trial: &TrialBalance) -> i64 {
    trial.of(AccountKind::Wallet) + trial.of(AccountKind::Held)
}

/// A reading connection to the views of a store, for commands that run beside a server.
pub fn open_views(location: &Location) -> Result<Db, Fault> {
    location.open_read(&VIEWS)
}
