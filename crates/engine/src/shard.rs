//! One shard: the book, the desk of codes and the journal, stepped by its owner. Synchronous and deterministic.
//!
//! | step | what happens | what can go wrong |
//! |---|---|---|
//! | decide | each act is decided on the book as the acts before it left it, and applied | nothing: refusals are answers |
//! | append | all acts of the batch become one journal row, one fsync | the batch is undone and answered as a fault |
//! | commit | the undo notes are thrown away, the answers may leave | nothing |
//!
//! The writer thread steps it in production, the simulator in a loop, with the same code.

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::ChainKey;
use mamori_domain::book::{Book, DirtyRow, IdMap};
use mamori_domain::command::{Ask, CommandKind, Needs, Request};
use mamori_domain::context::{Asker, ContextId, SystemReason};
use mamori_domain::decide::{Limits, Prefetched};
use mamori_domain::event::{Act, Event};
use mamori_domain::key::{Answered, RequestKey};
use mamori_domain::lifecycle::Sealed;
use mamori_domain::pay::{CodeDesk, at_desk};
use mamori_domain::reply::Outcome;
use mamori_domain::world::{Draw, Timestamp, World};

use crate::cold::ColdKeys;
use crate::journal::batch::{BATCH_FORMAT, Committed, SEAL_EVERY, begin_batch, encode_act};
use crate::journal::{AppendError, Head, JournalRow, JournalStore, Resolved};

/// A journal row is closed when it reaches this size; the hard bound of a row is 256 KiB, and no act adds 36 KiB, nor a seal 4: texts are
/// bounded at the edge, lots by `fund::DRAWN_MAX` (test `the_largest_act_there_can_be_fits_into_a_row`).
const ROW_BYTES: usize = 216 * 1024;
/// A row holds at most this many acts.
pub const ROW_ACTS: usize = 1_024;
/// Contexts that are remembered as defined. Beyond that all are forgotten, and defined once more: a second definition of a
/// context is the same one.
const CONTEXTS_MAX: usize = 1 << 18;

/// A request, with what was prefetched for it where it had to be.
pub struct Asked {
    pub request: Request,
    /// Boxed: nearly no request has it, and each moves through the writer's queue.
    pub fetched: Option<Box<Fetched>>,
}

/// What was prefetched of the distant past, true as of a seq.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Everything up to this row of the journal was seen,
    pub as_of: u64,
    /// but request keys only up to this one: those of newer rows may be in no segment yet.
    pub keys_as_of: u64,
    pub prefetched: Prefetched,
}

/// What a step says to one request.
#[derive(Debug)]
pub enum Verdict {
    /// Durable: it may leave.
    Answer(Outcome),
    /// Memory does not hold what the decision needs: prefetch it, as of at least this seq, and ask again.
    Prefetch { as_of: u64 },
    /// A disk or network failed; the command did not happen and may be sent again.
    Fault(Fault),
}

/// How often an unknown outcome is asked about before the process gives up and starts again.
const RESOLVE_TRIES: u32 = 30;

/// Why a batch is not in the journal.
struct Lost {
    fault: Fault,
    /// An empty row has taken its seq.
    no_op_stands: bool,
    /// This process must not go on.
    fatal: bool,
}

impl Lost {
    fn fatal(fault: Fault) -> Lost {
        Lost {
            fault,
            no_op_stands: false,
            fatal: true,
        }
    }
}

/// What came of a step.
pub struct Step {
    /// One verdict for each request that was taken, in order. May be shorter than what was asked: ask the rest again.
    pub verdicts: Vec<Verdict>,
    /// The row, if anything changed.
    pub committed: Option<Committed>,
    /// Why the journal cannot be written by this process any more: stop.
    pub fatal: Option<Fault>,
}

/// What a shard is opened with, besides its book and journal.
pub struct Opened {
    pub limits: Limits,
    /// The keys that the views hold and memory does not.
    pub cold: ColdKeys,
    /// The lease's epoch, written into every row.
    pub epoch: u64,
    pub chain: ChainKey,
    /// Whether the journal is in files of this machine.
    pub embedded: bool,
}

/// The state of one shard.
pub struct Shard {
    pub book: Book,
    desk: CodeDesk,
    journal: JournalStore,
    limits: Limits,
    cold: ColdKeys,
    head: Head,
    epoch: u64,
    chain: ChainKey,
    /// An embedded journal cannot be believed after an I/O error: the process must start again.
    embedded: bool,
    /// The disk is full: only commands that are `allowed_when_disk_full` are journaled, out of the space kept aside.
    disk_full: bool,
    /// The wall clock keeps pace with the monotonic one, and the book knows no later instant.
    clock_is_trusted: bool,
    /// What was prefetched before this row is out of date, whatever it is about.
    fetched_from: u64,
    /// Contexts that the journal defines, as far as this process has written or been asked in them.
    contexts: IdMap<u64, ()>,
    /// Contexts that the batch at hand defines: forgotten with it if it is lost.
    batch_contexts: Vec<ContextId>,
    /// The newest instant that anything was decided at.
    latest: Timestamp,
    batch: Vec<u8>,
}

impl Shard {
    /// A shard whose book stands at the journal's head. `epoch` is the lease's.
    pub fn new(book: Book, journal: JournalStore, head: Head, opened: Opened) -> Shard {
        Shard {
            book,
            desk: CodeDesk::default(),
            journal,
            limits: opened.limits,
            cold: opened.cold,
            head,
            epoch: opened.epoch,
            chain: opened.chain,
            embedded: opened.embedded,
            disk_full: false,
            clock_is_trusted: true,
            fetched_from: head.seq,
            contexts: IdMap::default(),
            batch_contexts: Vec::new(),
            latest: Timestamp(0),
            batch: Vec::with_capacity(ROW_BYTES + 16 * 1024),
        }
    }

    /// Gives back book and journal, for an owner whose takeover row met a late row of the last owner.
    pub(crate) fn dismantle(self) -> (Book, ColdKeys, JournalStore) {
        (self.book, self.cold, self.journal)
    }

    /// Stops issuing and accepting codes while the clock cannot be trusted.
    pub fn trust_clock(&mut self, is_right: bool) {
        self.clock_is_trusted = is_right;
    }

    /// The newest instant that anything was decided at; time never runs back behind it.
    pub fn latest(&self) -> Timestamp {
        self.latest.max(self.book.at())
    }

    /// Whether the disk is full, so that only freezes, cancels, refunds and revocations are journaled.
    pub fn is_disk_full(&self) -> bool {
        self.disk_full
    }

    /// Tries to keep space aside again after the disk was full; true when that worked and everything is taken as before.
    pub fn has_room_again(&mut self) -> bool {
        self.disk_full = !self.journal.keep_reserve();
        !self.disk_full
    }

    /// The newest durable row.
    pub fn seq(&self) -> u64 {
        self.head.seq
    }
    /// The journal, for the owner of the shard (lease, clean end, tests).
    pub fn journal(&mut self) -> &mut JournalStore {
        &mut self.journal
    }
    /// Bytes of the filter of forgotten keys.
    pub fn cold_bytes(&self) -> usize {
        self.cold.bytes()
    }

    /// Journals events of the shard itself: the stamp, a takeover, an accepted loss.
    pub fn journal_events(
        &mut self,
        reason: SystemReason,
        events: Vec<Event>,
        wall: Timestamp,
    ) -> Result<Committed, Fault> {
        let at = self.instant(wall);
        begin_batch(&mut self.batch);
        self.book.open_row(self.head.seq + 1, at);
        events.iter().for_each(|event| self.book.apply(event));
        let acts = vec![self.write_act(&Asker::system(reason), CommandKind::Upkeep, events)];
        match self.append(at) {
            Ok(()) => Ok(self.commit(at, acts, None)),
            Err(lost) => {
                self.undo_batch(None);
                Err(lost.fault)
            }
        }
    }

    /// Encodes an act into the batch. Its context goes along in full the first time.
    fn write_act(&mut self, asker: &Asker, command: CommandKind, events: Vec<Event>) -> Act {
        let is_new = self.contexts.insert(asker.id.0, ()).is_none();
        if is_new {
            self.batch_contexts.push(asker.id);
        }
        let act = Act {
            by: Some(asker.id),
            context: is_new.then_some(asker.context),
            command,
            request: asker.request,
            events,
        };
        encode_act(&mut self.batch, &act);
        act
    }

    /// The batch is not in the journal: nothing of it happened.
    fn undo_batch(&mut self, checkpoint: Option<&[DirtyRow]>) {
        self.book.undo();
        self.desk.undo();
        for context in self.batch_contexts.drain(..) {
            self.contexts.remove(&context.0);
        }
        // The rows taken out for the checkpoint are dirty still: the next seal takes them again.
        if let Some(rows) = checkpoint {
            self.book.mark_dirty(rows);
        }
    }

    /// Time never runs back, not even between batches that leave no row: a code issued while the clock stood an hour ahead
    /// must not work for an hour once the clock is set right.
    fn instant(&mut self, wall: Timestamp) -> Timestamp {
        self.latest = wall.max(self.book.at()).max(self.latest);
        self.latest
    }

    /// Decides a batch of requests, makes it durable, and answers.
    pub fn step(&mut self, asked: &[Asked], wall: Timestamp, draw: &mut Draw) -> Step {
        let at = self.instant(wall);
        let seq = self.head.seq + 1;
        let mut verdicts = Vec::with_capacity(asked.len());
        let mut acts: Vec<Act> = Vec::with_capacity(asked.len());
        let mut checkpoint = None;
        begin_batch(&mut self.batch);
        for ask in asked.iter().take(ROW_ACTS) {
            if self.batch.len() > ROW_BYTES {
                break;
            }
            let (verdict, events) = self.decide_one(ask, at, draw);
            verdicts.push(verdict);
            if events.is_empty() {
                continue;
            }
            if acts.is_empty() {
                if seq.is_multiple_of(SEAL_EVERY) {
                    let (seal, rows) = self.write_seal();
                    acts.push(seal);
                    checkpoint = Some(rows);
                }
                self.book.open_row(seq, at);
            }
            events.iter().for_each(|event| self.apply_one(ask, event));
            let Ask::Command(command) = &ask.request.ask else {
                unreachable!("a query makes nothing happen");
            };
            acts.push(self.write_act(&ask.request.asker, command.kind(), events));
        }
        if acts.is_empty() {
            return Step {
                verdicts,
                committed: None,
                fatal: None,
            };
        }
        match self.append(at) {
            Ok(()) => Step {
                verdicts,
                committed: Some(self.commit(at, acts, checkpoint)),
                fatal: None,
            },
            Err(lost) => {
                self.undo_batch(checkpoint.as_deref());
                for verdict in &mut verdicts {
                    *verdict = Verdict::Fault(Fault::retryable(
                        "the journal did not take the batch; nothing of it happened",
                    ));
                }
                self.lost(verdicts, at, lost)
            }
        }
    }

    /// Encodes a seal on the book as it stands, and takes out the rows that a checkpoint of it needs.
    fn write_seal(&mut self) -> (Act, Vec<DirtyRow>) {
        let seal = Sealed::ours(self.book.hash());
        let rows = self.book.take_dirty();
        let upkeep = Asker::system(SystemReason::Upkeep);
        let act = self.write_act(&upkeep, CommandKind::Upkeep, vec![seal.into()]);
        (act, rows)
    }

    /// The outcome of a batch that is not in the journal: a fault for each asker, and perhaps an empty row at its seq.
    fn lost(&mut self, verdicts: Vec<Verdict>, at: Timestamp, lost: Lost) -> Step {
        if lost.fault.is_full() && !self.disk_full {
            self.disk_full = self.journal.release_reserve();
            return Step {
                verdicts,
                committed: None,
                fatal: None,
            };
        }
        let committed = lost.no_op_stands.then(|| {
            self.book.open_row(self.head.seq, at);
            self.book.settle();
            Committed {
                seq: self.head.seq,
                at,
                acts: Vec::new(),
                bytes: 1,
                checkpoint: None,
            }
        });
        let fatal = (lost.fatal).then_some(lost.fault);
        Step {
            verdicts,
            committed,
            fatal,
        }
    }

    /// Writes a seal out of its turn, with everything a checkpoint needs: the program is about to stop.
    pub fn seal(&mut self, wall: Timestamp) -> Result<Committed, Fault> {
        let at = self.instant(wall);
        begin_batch(&mut self.batch);
        let (seal, rows) = self.write_seal();
        self.book.open_row(self.head.seq + 1, at);
        match self.append(at) {
            Ok(()) => Ok(self.commit(at, vec![seal], Some(rows))),
            Err(lost) => {
                self.undo_batch(Some(&rows));
                Err(lost.fault)
            }
        }
    }

    /// Forgets what the views hold up to `seq`; the keys go into the filter first, so that none is taken for new.
    pub fn forget_through(&mut self, seq: u64, keep: usize) {
        let cold = &mut self.cold;
        self.book
            .forget_through(seq, keep, |key| cold.add(key.0 as u64));
    }

    /// One row, one fsync. On an unknown outcome no client is answered before it is decided which row stands.
    fn append(&mut self, at: Timestamp) -> Result<(), Lost> {
        let batch = std::mem::take(&mut self.batch);
        let row = JournalRow::after(
            &self.head,
            self.journal.shard(),
            self.epoch,
            at.0,
            batch,
            &self.chain,
        );
        let appended = match self.journal.append(&row) {
            Err(AppendError::UnknownOutcome(fault)) => self.resolve_unknown(&row, at, fault),
            Ok(()) => Ok(()),
            Err(AppendError::Collision { .. }) => Err(Lost::fatal(Fault::not_owner(
                "another owner writes this journal",
            ))),
            Err(AppendError::Fault(fault)) => {
                let fatal = !fault.is_retryable() && !fault.is_full();
                Err(Lost {
                    fault,
                    no_op_stands: false,
                    fatal,
                })
            }
        };
        if appended.is_ok() {
            self.head = row.head();
        }
        self.batch = row.batch;
        appended
    }

    /// Appends an empty row at the same seq: if it is written, the lost row never can be; if the lost row is met there, it was
    /// durable all along.
    fn resolve_unknown(
        &mut self,
        row: &JournalRow,
        at: Timestamp,
        fault: Fault,
    ) -> Result<(), Lost> {
        if self.embedded {
            return Err(Lost::fatal(fault));
        }
        let no_op = JournalRow::after(
            &self.head,
            self.journal.shard(),
            self.epoch,
            at.0,
            vec![BATCH_FORMAT],
            &self.chain,
        );
        let mut fault = fault;
        for tried in 0..RESOLVE_TRIES {
            self.journal.pause(tried);
            match self.journal.resolve_unknown(row, &no_op) {
                Ok(Resolved::WasDurable) => return Ok(()),
                Ok(Resolved::NeverHappened) => {
                    self.head = no_op.head();
                    return Err(Lost {
                        fault,
                        no_op_stands: true,
                        fatal: false,
                    });
                }
                Err(AppendError::Collision { .. }) => {
                    return Err(Lost::fatal(Fault::not_owner(
                        "another owner writes this journal",
                    )));
                }
                Err(AppendError::UnknownOutcome(again) | AppendError::Fault(again)) => {
                    fault = again
                }
            }
        }
        // The next owner replays the journal and learns which row stands. Until then no client is answered.
        Err(Lost::fatal(fault))
    }

    fn commit(
        &mut self,
        at: Timestamp,
        acts: Vec<Act>,
        checkpoint: Option<Vec<DirtyRow>>,
    ) -> Committed {
        self.book.settle();
        self.desk.settle();
        self.batch_contexts.clear();
        if self.contexts.len() > CONTEXTS_MAX {
            self.contexts.clear();
        }
        Committed {
            seq: self.head.seq,
            at,
            acts,
            bytes: self.batch.len(),
            checkpoint,
        }
    }

    fn decide_one(&mut self, ask: &Asked, at: Timestamp, draw: &mut Draw) -> (Verdict, Vec<Event>) {
        if let Ask::Command(command) = &ask.request.ask {
            if !self.clock_is_trusted && command.lives_by_the_clock() {
                let fault = Fault::retryable(
                    "the clock cannot be believed: codes are not made or taken until it is right",
                );
                return (Verdict::Fault(fault), Vec::new());
            }
            if self.disk_full && !command.allowed_when_disk_full() {
                let fault =
                    Fault::full("the disk is full: only freezes, cancels and refunds are taken");
                return (Verdict::Fault(fault), Vec::new());
            }
        }
        let mut prefetched = match &ask.fetched {
            Some(fetched) if self.is_still_true(fetched) => fetched.prefetched.clone(),
            _ if self.lacks(ask.request.needs()) => {
                let as_of = self.stale_before();
                return (Verdict::Prefetch { as_of }, Vec::new());
            }
            _ => Prefetched::NOTHING,
        };
        let decision = at_desk(
            &self.book,
            &mut self.desk,
            &self.limits,
            &mut prefetched,
            &ask.request,
            &mut World { now: at, draw },
        );
        (Verdict::Answer(decision.outcome), decision.events)
    }

    fn apply_one(&mut self, ask: &Asked, event: &Event) {
        let payment = match event {
            Event::Refunded(refunded) => Some(refunded.payment),
            Event::Cancelled(cancelled) => Some(cancelled.payment),
            _ => None,
        };
        if let Some(payment) = payment
            && self.book.payment(payment).is_none()
            && let Some(fetched) = &ask.fetched
            && let Some(old) = &fetched.prefetched.payment
        {
            self.book.recall_payment(old.clone());
        }
        self.book.apply(event);
    }

    /// A prefetch is valid only if its snapshot is at least as new as the last eviction. Between a look-up and this moment a
    /// segment of keys may have become whole, and memory may have let go of them.
    fn is_still_true(&self, fetched: &Fetched) -> bool {
        fetched.as_of >= self.stale_before() && fetched.keys_as_of >= self.book.forgotten_through()
    }

    fn stale_before(&self) -> u64 {
        self.fetched_from.max(self.book.forgotten_through())
    }

    /// Does the decision depend on something that memory may have forgotten?
    fn lacks(&self, needs: Needs) -> bool {
        let key = |key: RequestKey| match self.book.first_answer(key) {
            None => self.cold.might_have(key.0 as u64),
            Some(first) => match first.answer {
                Answered::Payment(id) => self.book.payment(id).is_none(),
                Answered::Refund(id) => self.book.refund(id).is_none(),
                _ => false,
            },
        };
        // An id that was never given out is unknown without a look.
        let given_out = |id: u64| id < self.book.next_id();
        needs
            .payment
            .is_some_and(|id| self.book.payment(id).is_none() && given_out(id.0))
            || needs.key.is_some_and(key)
            || needs.top_up.is_some_and(|id| {
                self.book.top_ups.get(&id).is_none()
                    && self.book.closed_top_up(id).is_none()
                    && given_out(id.0)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::BATCH_BYTES_MAX;
    use mamori_domain::context::{
        Actor, AgentFamily, Context, NetworkOrigin, PrefixKind, RequestId,
    };
    use mamori_domain::fund::{DRAWN_MAX, Lot, Source};
    use mamori_domain::ids::{
        AuthorizationId, EntryId, Fingerprint, MerchantId, PaymentId, SessionId, StoreId, TillId,
        WalletId,
    };
    use mamori_domain::key::RequestDigest;
    use mamori_domain::money::Amount;
    use mamori_domain::pay::{OrderInfo, Paid};

    #[test]
    fn the_largest_act_there_can_be_fits_into_a_row() {
        let lot = Lot {
            source: Source::Refund(PaymentId(u64::MAX)),
            amount: Amount::yen(Amount::MAX_MINOR),
        };
        // 255 characters of four bytes each in every text that a request may carry.
        let text: Box<str> = "\u{1F35E}".repeat(255).into();
        let paid = Paid {
            id: PaymentId(u64::MAX),
            merchant: MerchantId(u32::MAX),
            store: Some(StoreId(u32::MAX)),
            till: Some(TillId(u32::MAX)),
            wallet: WalletId(u64::MAX),
            amount: lot.amount,
            digest: RequestDigest(u64::MAX),
            merchant_payment_id: text.clone().into(),
            drawn: vec![lot; DRAWN_MAX].into(),
            previous: EntryId(u64::MAX),
            balance: u64::MAX,
            order: OrderInfo {
                requested_at: i64::MIN,
                description: Some(text.clone()),
                receipt_number: Some(text.clone()),
                store_text: Some(text.clone()),
                terminal_text: Some(text.clone()),
                categories: Some(vec![text; OrderInfo::CATEGORIES_MAX].into()),
            }
            .into(),
            authorization: Some(AuthorizationId(u128::MAX)),
        };
        let context = Context {
            by: Actor::Customer {
                wallet: WalletId(u64::MAX),
                session: SessionId(u128::MAX),
                credential: Some(Fingerprint(u128::MAX)),
                device: None,
            },
            network: Some(NetworkOrigin {
                hash: u64::MAX,
                prefix: PrefixKind::V6,
            }),
            agent: AgentFamily::Program,
        };
        let act = Act {
            by: Some(ContextId(u64::MAX)),
            context: Some(context),
            command: CommandKind::Charge,
            request: RequestId(u64::MAX),
            events: vec![paid.into()],
        };
        let mut batch = Vec::new();
        encode_act(&mut batch, &act);
        assert!(
            ROW_BYTES + batch.len() <= BATCH_BYTES_MAX,
            "{}",
            batch.len()
        );
    }
}
