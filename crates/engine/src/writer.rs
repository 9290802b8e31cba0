//! The thread that owns the shard: takes what waits, steps the shard, hands out the answers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError};
use std::sync::{Arc, OnceLock};

use mamori_datastore::fault::Fault;
use mamori_domain::command::Needs;
use mamori_domain::context::SystemReason;
use mamori_domain::ids::IdSpace;
use mamori_domain::lifecycle::LossAccepted;
use mamori_domain::world::{Draw, Timestamp};

use crate::clock::Clock;
use crate::hand_out::{HandOut, ReplyTo};
use crate::hub::Hub;
use crate::journal::batch::Committed;
use crate::lease::Freshness;
use crate::meter::Meter;
use crate::shard::{Asked, ROW_ACTS, Shard, Verdict};
use crate::start::{KEEP_RECENT, OnFatal};
use crate::watermark::Watermark;

/// Things the writer forgets between two batches, and some more for each request of the last: a payment adds two.
const FORGET_AT_ONCE: usize = 64;
const FORGET_PER_REQUEST: usize = 8;
/// While the disk is full, how often it is asked whether there is room again.
const ROOM_MICROS: i64 = 2_000_000;
/// How far the wall clock may leave the monotonic one before codes are stopped.
const CLOCK_JUMP_MICROS: i64 = 60_000_000;

/// Looks at the shard between two batches, when all of it is durable.
pub(crate) type Look = Box<dyn FnOnce(&Shard) + Send>;

/// What the writer is sent.
// Nearly every message is a request: boxing it would cost each payment an allocation to save room in a queue that has some.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Message {
    Request(Asked, ReplyTo),
    Look(Look),
    AcceptLoss(Loss),
    Stop,
}

/// Rows up to `through` are lost; the newest of them knew `incarnation`.
pub(crate) struct Loss {
    pub through: u64,
    pub incarnation: u16,
    pub reply: SyncSender<Result<(), Fault>>,
}

/// A request that needs a prefetch, as of at least that row, before it is decided.
pub(crate) type Question = (Asked, Needs, u64, ReplyTo);

/// What the engine's threads tell each other.
#[derive(Default)]
pub(crate) struct Shared {
    pub hub: Arc<Hub>,
    pub meter: Meter,
    pub view_lag: ViewLag,
    /// How far the views have come.
    pub applied: Arc<Watermark>,
    /// Every request key up to this row can be looked up.
    pub segmented: AtomicU64,
    /// The newest durable row.
    pub durable: AtomicU64,
    pub hand_out: OnceLock<HandOut>,
    /// The disk is full: the views must not take the room that is left for the journal.
    pub disk_full: AtomicBool,
    pub stopped: AtomicBool,
    #[cfg(feature = "testing")]
    pub loss: crate::testing::Waiting,
}

/// How far the views are behind the journal, in events.
#[derive(Default)]
pub(crate) struct ViewLag {
    committed: AtomicU64,
    applied: AtomicU64,
}

impl ViewLag {
    /// Events that are durable but not in the views yet.
    pub fn events(&self) -> u64 {
        self.committed
            .load(Ordering::Relaxed)
            .saturating_sub(self.applied.load(Ordering::Relaxed))
    }
    pub fn committed(&self, events: usize) {
        self.committed.fetch_add(events as u64, Ordering::Relaxed);
    }
    pub fn applied(&self, events: usize) {
        self.applied.fetch_add(events as u64, Ordering::Relaxed);
    }
}

/// The thread that owns the shard.
pub(crate) struct Writer {
    pub shard: Shard,
    pub inbox: Receiver<Message>,
    pub projector: Sender<Committed>,
    pub prefetcher: SyncSender<Question>,
    pub shared: Arc<Shared>,
    pub clock: Arc<dyn Clock>,
    pub draw: Draw,
    pub freshness: Freshness,
    pub on_fatal: OnFatal,
    pub watch: Watch,
}

/// What the writer remembers of clock and disk.
#[derive(Default)]
pub(crate) struct Watch {
    /// Wall minus monotonic time at the first batch.
    clock_gap: Option<i64>,
    clock_is_wrong: bool,
    /// When the disk was last asked for room, on the monotonic clock.
    looked_for_room: i64,
}

/// What came while the last batch was being made durable.
#[derive(Default)]
struct Waiting {
    asked: Vec<Asked>,
    replies: Vec<ReplyTo>,
    looks: Vec<Look>,
    losses: Vec<Loss>,
    stop: bool,
}

impl Waiting {
    fn take(&mut self, message: Message) {
        match message {
            Message::Request(asked, reply) => {
                self.asked.push(asked);
                self.replies.push(reply);
            }
            Message::Look(look) => self.looks.push(look),
            Message::AcceptLoss(loss) => self.losses.push(loss),
            Message::Stop => self.stop = true,
        }
    }
}

impl Writer {
    pub fn run(mut self) {
        let mut waiting = Waiting::default();
        loop {
            // No timer: a lone request commits at once; what came while the last batch was being made durable is the next one.
            if waiting.asked.is_empty() {
                match self.inbox.recv() {
                    Ok(message) => waiting.take(message),
                    Err(_) => return,
                }
                // Who woke this thread has more to hand over as a rule: with it in one batch, a sync and two wake-ups fall on more
                // payments. Where nobody else wants the core, this costs nothing.
                std::thread::yield_now();
            }
            while waiting.asked.len() < ROW_ACTS
                && !waiting.stop
                && let Ok(message) = self.inbox.try_recv()
            {
                waiting.take(message);
            }
            let requests = waiting.asked.len();
            if requests > 0 && !self.step(&mut waiting) {
                return;
            }
            self.be_looked_at(&mut waiting);
            self.forget(requests);
            if waiting.stop {
                let now = self.now();
                if let Ok(committed) = self.shard.seal(now) {
                    drop(self.projector.send(committed));
                }
                return;
            }
        }
    }

    /// Serves queries of the whole book, and the journaling of a loss, between two batches.
    fn be_looked_at(&mut self, waiting: &mut Waiting) {
        // Without proof that this process still owns the shard the book may be stale: the query is dropped, which its caller gets
        // as a fault.
        if !self.freshness.covers(self.clock.monotonic_micros()) {
            waiting.looks.clear();
        }
        for loss in waiting.losses.drain(..) {
            let journaled = self.accept_loss(loss.through, loss.incarnation);
            drop(loss.reply.send(journaled));
        }
        for look in waiting.looks.drain(..) {
            look(&self.shard);
        }
    }

    /// Forgets some of what the views hold, after so many requests. A segment of request keys sets a quarter of a million things free
    /// at once: forgotten in one go they would delay every waiting request by a tenth of a second.
    fn forget(&mut self, requests: usize) {
        let known = self.shard.book.recent_len();
        let keep =
            KEEP_RECENT.max(known.saturating_sub(FORGET_AT_ONCE + FORGET_PER_REQUEST * requests));
        let shared = &self.shared;
        let through = shared
            .segmented
            .load(Ordering::Acquire)
            .min(shared.applied.get());
        self.shard.forget_through(through, keep);
    }

    /// The instant of the next batch, and an alarm when the wall clock cannot be believed.
    ///
    /// A wall clock that leaves the time since boot by more than a minute has been set, or is broken: time goes on as the other
    /// clock counts it, so that a glitch never enters the journal, and no code is made or taken. The same holds while the book
    /// knows a later instant than this: time stands still then, and a code would live until it moves again.
    fn now(&mut self) -> Timestamp {
        let (wall, monotonic) = (self.clock.wall_micros(), self.clock.monotonic_micros());
        let gap = *self.watch.clock_gap.get_or_insert(wall - monotonic);
        let steady = gap + monotonic;
        let has_jumped = (wall - steady).abs() > CLOCK_JUMP_MICROS;
        let now = Timestamp(if has_jumped { steady } else { wall });
        let is_behind = self.shard.latest().0 - now.0 > CLOCK_JUMP_MICROS;
        let is_right = !has_jumped && !is_behind;
        if is_right == self.watch.clock_is_wrong {
            self.watch.clock_is_wrong = !is_right;
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

    /// Checks whether a full disk has room again, and tells the projector.
    fn watch_disk(&mut self) {
        let now = self.clock.monotonic_micros();
        if self.shard.is_disk_full() && now - self.watch.looked_for_room >= ROOM_MICROS {
            self.watch.looked_for_room = now;
            if self.shard.has_room_again() {
                tracing::info!("the disk has room again: everything is taken as before");
            }
        }
        let disk_full = self.shard.is_disk_full();
        if disk_full != self.shared.disk_full.swap(disk_full, Ordering::AcqRel) && disk_full {
            self.watch.looked_for_room = now;
            tracing::error!(
                "the disk is full: only freezes, cancels, refunds and revocations are taken, out of the space kept aside"
            );
        }
    }

    /// One batch. False when the journal is lost.
    fn step(&mut self, waiting: &mut Waiting) -> bool {
        self.watch_disk();
        let now = self.now();
        let mut step = self.shard.step(&waiting.asked, now, &mut self.draw);
        self.watch_disk();
        let shared = Arc::clone(&self.shared);
        // Before any answer leaves: a client that has heard of a movement must not be shown a history without it.
        shared.durable.store(self.shard.seq(), Ordering::Release);
        if step.committed.is_none() && !self.freshness.covers(self.clock.monotonic_micros()) {
            // Nothing was appended, so nothing proves that this process still owns the shard: what it read may be old.
            for verdict in &mut step.verdicts {
                *verdict = Verdict::Fault(Fault::retryable(
                    "the ownership of the shard is not confirmed",
                ));
            }
        }
        let hand_out = shared.hand_out.get().copied().unwrap_or(|run| run());
        let mut verdicts = std::mem::take(&mut step.verdicts).into_iter();
        hand_out(&mut || {
            let taken = verdicts.len();
            for ((verdict, asked), to) in (&mut verdicts)
                .zip(waiting.asked.drain(..taken))
                .zip(waiting.replies.drain(..taken))
            {
                self.hand_over(verdict, asked, to);
            }
        });
        if let Some(committed) = step.committed {
            shared.meter.count(&committed);
            shared.hub.publish(&committed);
            self.project(committed);
        }
        if let Some(fault) = step.fatal {
            (self.on_fatal)(&fault);
            return false;
        }
        true
    }

    fn project(&self, committed: Committed) {
        self.shared.view_lag.committed(committed.event_count());
        drop(self.projector.send(committed));
    }

    fn hand_over(&self, verdict: Verdict, asked: Asked, to: ReplyTo) {
        let as_of = match verdict {
            Verdict::Answer(outcome) => return to(Ok(outcome)),
            Verdict::Fault(fault) => return to(Err(fault)),
            Verdict::Prefetch { as_of } => as_of,
        };
        let needs = asked.request.needs();
        if let Err(TrySendError::Full((.., to)) | TrySendError::Disconnected((.., to))) =
            self.prefetcher.try_send((asked, needs, as_of, to))
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
        let loss = LossAccepted { ids, lost_through };
        let now = self.now();
        let events = vec![loss.into()];
        let committed = self
            .shard
            .journal_events(SystemReason::Restore, events, now)?;
        self.project(committed);
        Ok(())
    }
}
