//! One shard: the book, the desk of codes and the journal, stepped by whoever owns it. Synchronous and deterministic.
//!
//! | step | what happens | what can go wrong |
//! |---|---|---|
//! | decide | each act is decided on the book as the acts before it left it, and applied | nothing: refusals are answers |
//! | append | all changes of the batch become one journal row, one fsync | the batch is undone and answered as a fault |
//! | settle | the way back is thrown away, the answers may leave | nothing |
//!
//! The writer thread steps it in production, the simulator in a loop, with the same code.

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::ChainKey;
use mamori_domain::act::{Act, Caller, Charge, Outcome, Refusal};
use mamori_domain::book::Book;
use mamori_domain::change::Change;
use mamori_domain::code::{CodeDesk, CodeFact};
use mamori_domain::decide::{Facts, Rules, decide};
use mamori_domain::identity;
use mamori_domain::ids::{Fingerprint, PaymentId, RefundId, TillId};
use mamori_domain::key::{Answered, RequestKey};
use mamori_domain::payment::Payer;
use mamori_domain::table::DirtyRow;
use mamori_domain::world::{Draw, Timestamp, World};

use crate::cold::ColdKeys;
use crate::journal::{AppendError, Head, JournalRow, JournalStore, Resolved};

/// The first byte of every batch: the format of what follows, a plain sequence of CBOR changes.
pub const BATCH_FORMAT: u8 = 1;
/// A journal row is closed when it reaches this size; the hard bound of a row is 256 KiB, and no act adds 32 KiB: texts are
/// bounded at the edge, lots by `funding::DRAWN_MAX` (test `the_largest_act_there_can_be_fits_into_a_row`).
const ROW_BYTES: usize = 224 * 1024;
/// A row holds at most this many acts.
pub const ROW_ACTS: usize = 1_024;
/// Every so many rows the book's hash goes into the journal, for checkpoints to be compared with.
pub const SEAL_EVERY: u64 = 1_024;

/// An act with what was looked up for it, if it came back once for that.
pub struct Asked {
    pub act: Act,
    pub gathered: Option<Gathered>,
}

/// Facts about the distant past, true as of a seq.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// Everything up to this row of the journal was seen,
    pub as_of: u64,
    /// but request keys only up to this one: those of newer rows may be in no segment yet.
    pub keys_as_of: u64,
    pub facts: Facts,
}

/// What a step says to one act.
#[derive(Debug)]
pub enum Reply {
    /// Durable: it may leave the house.
    Answer(Outcome),
    /// Memory does not hold what the decision needs: look it up, as of at least this seq, and ask again.
    Gather { as_of: u64 },
    /// The world failed; what was asked did not happen and may be asked again.
    Fault(Fault),
}

/// A durable row, for everybody who follows the journal.
#[derive(Debug)]
pub struct Committed {
    pub seq: u64,
    pub at: Timestamp,
    pub changes: Vec<Change>,
    /// Bytes of the row's batch.
    pub bytes: usize,
    /// With a sealed row: all rows of the book that changed since the last one, as they stood before this row.
    pub checkpoint: Option<Vec<DirtyRow>>,
}

/// How often an unknown outcome is asked about before the process gives up and starts again.
const RESOLVE_TRIES: u32 = 30;

/// Why a batch is not in the journal.
struct Lost {
    fault: Fault,
    /// An empty row stands in its place.
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
    /// One reply for each act that was taken, in order. May be shorter than what was asked: ask the rest again.
    pub replies: Vec<Reply>,
    /// The row, if anything changed.
    pub committed: Option<Committed>,
    /// Why the journal cannot be written by this process any more: stop.
    pub fatal: Option<Fault>,
}

/// What a shard is opened with, besides its book and journal.
pub struct Opened {
    pub rules: Rules,
    /// The keys that the views hold and memory does not.
    pub cold: ColdKeys,
    /// The lease's epoch.
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
    rules: Rules,
    cold: ColdKeys,
    head: Head,
    epoch: u64,
    chain: ChainKey,
    /// An embedded journal cannot be believed after an I/O error: the process must start again.
    embedded: bool,
    /// The disk is full: only what protects people is journaled, out of the space kept aside.
    starved: bool,
    /// The wall clock keeps pace with the monotonic one, and the book knows no later instant.
    clock_is_trusted: bool,
    /// Facts gathered before this row are out of date, whatever they are about.
    facts_from: u64,
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
            rules: opened.rules,
            cold: opened.cold,
            head,
            epoch: opened.epoch,
            chain: opened.chain,
            embedded: opened.embedded,
            starved: false,
            clock_is_trusted: true,
            facts_from: head.seq,
            latest: Timestamp(0),
            batch: Vec::with_capacity(ROW_BYTES + 16 * 1024),
        }
    }

    /// Takes the shard apart again, for an owner whose first row did not come first.
    pub(crate) fn dismantle(self) -> (Book, ColdKeys, JournalStore) {
        (self.book, self.cold, self.journal)
    }

    /// Stops the making and taking of codes while the clock cannot be believed.
    pub fn trust_clock(&mut self, is_right: bool) {
        self.clock_is_trusted = is_right;
    }

    /// The newest instant that anything was decided at; time never runs back behind it.
    pub fn latest(&self) -> Timestamp {
        self.latest.max(self.book.at())
    }

    /// Whether the disk is full, so that only what protects people is journaled.
    pub fn is_starved(&self) -> bool {
        self.starved
    }

    /// Tries to keep space aside again after the disk was full; true when that worked and everything is taken as before.
    pub fn has_room_again(&mut self) -> bool {
        self.starved = !self.journal.keep_reserve();
        !self.starved
    }

    /// The newest durable row.
    pub fn seq(&self) -> u64 {
        self.head.seq
    }
    /// The journal, for whoever owns the shard.
    pub fn journal(&mut self) -> &mut JournalStore {
        &mut self.journal
    }
    /// Bytes of the filter of forgotten keys.
    pub fn cold_bytes(&self) -> usize {
        self.cold.bytes()
    }

    /// Writes changes that no act asked for: the stamp, a takeover, an accepted loss.
    pub fn journal_changes(
        &mut self,
        changes: Vec<Change>,
        wall: Timestamp,
    ) -> Result<Committed, Fault> {
        let at = self.instant(wall);
        self.batch.clear();
        self.batch.push(BATCH_FORMAT);
        self.book.open_row(self.head.seq + 1, at);
        for change in &changes {
            encode_change(&mut self.batch, change);
            self.book.apply(change);
        }
        match self.append(at) {
            Ok(()) => Ok(self.commit(at, changes, None)),
            Err(lost) => {
                self.book.undo();
                Err(lost.fault)
            }
        }
    }

    /// Time never runs back, not even between batches that leave no row: a code issued while the clock stood an hour ahead
    /// must not work for an hour once the clock is set right.
    fn instant(&mut self, wall: Timestamp) -> Timestamp {
        self.latest = wall.max(self.book.at()).max(self.latest);
        self.latest
    }

    /// Decides a batch of acts, makes it durable, and answers.
    pub fn step(&mut self, asked: &[Asked], wall: Timestamp, draw: &mut Draw) -> Step {
        let at = self.instant(wall);
        let seq = self.head.seq + 1;
        let mut replies = Vec::with_capacity(asked.len());
        let mut changes: Vec<Change> = Vec::with_capacity(asked.len());
        self.batch.clear();
        self.batch.push(BATCH_FORMAT);
        let sealed = seq.is_multiple_of(SEAL_EVERY);
        let mut checkpoint = None;
        for ask in asked.iter().take(ROW_ACTS) {
            if self.batch.len() > ROW_BYTES {
                break;
            }
            let (reply, made) = self.decide_one(ask, at, draw);
            replies.push(reply);
            for change in made {
                if changes.is_empty() {
                    if sealed {
                        let seal = Change::Sealed {
                            hash: self.book.hash(),
                        };
                        checkpoint = Some(self.book.take_dirty());
                        encode_change(&mut self.batch, &seal);
                        changes.push(seal);
                    }
                    self.book.open_row(seq, at);
                }
                self.apply_one(ask, &change);
                encode_change(&mut self.batch, &change);
                changes.push(change);
            }
        }
        if changes.is_empty() {
            return Step {
                replies,
                committed: None,
                fatal: None,
            };
        }
        match self.append(at) {
            Ok(()) => {
                let committed = self.commit(at, changes, checkpoint);
                Step {
                    replies,
                    committed: Some(committed),
                    fatal: None,
                }
            }
            Err(lost) => {
                self.book.undo();
                self.desk.undo();
                // The rows taken out for the checkpoint are dirty still: the next seal takes them again.
                if let Some(rows) = checkpoint {
                    self.book.mark_dirty(&rows);
                }
                for reply in &mut replies {
                    *reply = Reply::Fault(Fault::retryable(
                        "the journal did not take the batch; nothing of it happened",
                    ));
                }
                self.lost(replies, at, lost)
            }
        }
    }

    /// What is left of a batch that is not in the journal: faults for its askers, and perhaps an empty row in its place.
    fn lost(&mut self, replies: Vec<Reply>, at: Timestamp, lost: Lost) -> Step {
        if lost.fault.is_full() && !self.starved {
            self.starved = self.journal.release_reserve();
            return Step {
                replies,
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
                changes: Vec::new(),
                bytes: 1,
                checkpoint: None,
            }
        });
        let fatal = (lost.fatal).then_some(lost.fault);
        Step {
            replies,
            committed,
            fatal,
        }
    }

    /// Writes a seal out of its turn, with everything a checkpoint needs: the program is about to stop.
    pub fn seal(&mut self, wall: Timestamp) -> Result<Committed, Fault> {
        let at = self.instant(wall);
        let seal = Change::Sealed {
            hash: self.book.hash(),
        };
        let rows = self.book.take_dirty();
        self.batch.clear();
        self.batch.push(BATCH_FORMAT);
        encode_change(&mut self.batch, &seal);
        self.book.open_row(self.head.seq + 1, at);
        match self.append(at) {
            Ok(()) => Ok(self.commit(at, vec![seal], Some(rows))),
            Err(lost) => {
                self.book.undo();
                self.book.mark_dirty(&rows);
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

    /// One row, one fsync. On an unknown outcome nobody is answered before it is settled which row stands.
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
            Err(AppendError::UnknownOutcome(fault)) => self.settle_unknown(&row, at, fault),
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

    /// Appends an empty row at the same place: if it stands, the lost one never can; if ours is met, it was durable.
    fn settle_unknown(
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
        // Whoever starts next replays the journal and learns which row stands. Until then nobody is answered.
        Err(Lost::fatal(fault))
    }

    fn commit(
        &mut self,
        at: Timestamp,
        changes: Vec<Change>,
        checkpoint: Option<Vec<DirtyRow>>,
    ) -> Committed {
        self.book.settle();
        self.desk.settle();
        Committed {
            seq: self.head.seq,
            at,
            changes,
            bytes: self.batch.len(),
            checkpoint,
        }
    }

    fn decide_one(&mut self, ask: &Asked, at: Timestamp, draw: &mut Draw) -> (Reply, Vec<Change>) {
        if !self.clock_is_trusted && lives_by_the_clock(&ask.act) {
            return (
                Reply::Fault(Fault::retryable(
                    "the clock cannot be believed: codes are not made or taken until it is right",
                )),
                Vec::new(),
            );
        }
        if let Act::IssueCode { wallet } = ask.act {
            let mut world = World { now: at, draw };
            let outcome =
                identity::issue_code(&self.book, &mut self.desk, &self.rules, wallet, &mut world);
            return (Reply::Answer(outcome), Vec::new());
        }
        if self.starved && !protects_people(&ask.act) {
            return (
                Reply::Fault(Fault::full(
                    "the disk is full: only freezes, cancels and refunds are taken",
                )),
                Vec::new(),
            );
        }
        let mut facts = match &ask.gathered {
            Some(gathered) if self.is_still_true(gathered) => gathered.facts.clone(),
            _ if self.needs_the_past(&ask.act) => {
                return (
                    Reply::Gather {
                        as_of: self.stale_before(),
                    },
                    Vec::new(),
                );
            }
            _ => Facts::NONE,
        };
        if let Act::Charge(charge) | Act::Hold { charge, .. } = &ask.act
            && let Payer::Code(digits) = charge.payer
        {
            facts.code = self.desk.look(digits, at);
            let key = match &ask.act {
                Act::Hold { .. } => RequestKey::hold(charge.merchant, &charge.name),
                _ => RequestKey::payment(charge.merchant, &charge.name),
            };
            // A retry is no guess: whoever was told "paid" must hear it again, locked or not.
            if self.book.first_answer(key).or(facts.first_answer).is_none() {
                let caller = self.guesser(charge);
                if self.desk.is_locked(caller, at) {
                    // Throttled: decided nothing, so it is not final for its id either.
                    return (Reply::Answer(Err(Refusal::TillLocked)), Vec::new());
                }
                if facts.code == CodeFact::Unknown {
                    self.desk.guessed_wrong(caller, at);
                }
            }
        }
        let decision = decide(&self.book, &self.rules, &facts, &ask.act, at);
        (Reply::Answer(decision.outcome), decision.changes)
    }

    fn apply_one(&mut self, ask: &Asked, change: &Change) {
        if let Change::Refunded { payment, .. } | Change::Cancelled { payment, .. } = change
            && self.book.payment(*payment).is_none()
            && let Some(old) = ask
                .gathered
                .as_ref()
                .and_then(|gathered| gathered.facts.payment.as_deref())
        {
            self.book.recall_payment(old.clone());
        }
        self.book.apply(change);
        if let (
            Act::Charge(charge) | Act::Hold { charge, .. },
            Change::Paid(_) | Change::Held { .. },
        ) = (&ask.act, change)
            && let Payer::Code(digits) = charge.payer
        {
            self.desk.spend(digits);
        }
    }

    /// The identity that wrong guesses are counted for: one till, whoever speaks for it. A chain's registers share one key, and
    /// ten codes that died with a restart must not lock all of its stores. Tills that are not the merchant's count as none:
    /// somebody who makes up a new till for each guess is locked like anybody else.
    fn guesser(&self, charge: &Charge) -> Fingerprint {
        let is_own = |till: &TillId| {
            let store = self.book.tills.get(till).map(|row| row.store);
            store.and_then(|store| self.book.merchant_of(store)) == Some(charge.merchant)
        };
        let till = charge.till.filter(is_own);
        let till = till.map_or(0, |till| u128::from(till.0) + 1) << 64;
        match charge.caller {
            Caller::Key(key) => Fingerprint(key.0 ^ till),
            Caller::Till(_, device) => Fingerprint(device.0 ^ till),
        }
    }

    /// Whatever memory has forgotten, whoever looked it up must have been able to see. Between a look-up and this moment a segment
    /// of keys may have become whole, and memory may have let go of them.
    fn is_still_true(&self, gathered: &Gathered) -> bool {
        gathered.as_of >= self.stale_before()
            && gathered.keys_as_of >= self.book.forgotten_through()
    }

    fn stale_before(&self) -> u64 {
        self.facts_from.max(self.book.forgotten_through())
    }

    /// Does the decision hang on something that memory may have forgotten?
    fn needs_the_past(&self, act: &Act) -> bool {
        let key = |key: RequestKey| match self.book.first_answer(key) {
            None => self.cold.might_have(key.0 as u64),
            Some(first) => match first.answer {
                Answered::Payment(id) => self.book.payment(id).is_none(),
                Answered::Refund(id) => self.book.refund(id).is_none(),
                _ => false,
            },
        };
        let payment = |id: PaymentId| self.book.payment(id).is_none() && id.0 < self.book.next_id();
        match act {
            Act::Charge(charge) => key(RequestKey::payment(charge.merchant, &charge.name)),
            Act::Hold { charge, .. } => key(RequestKey::hold(charge.merchant, &charge.name)),
            Act::Cancel { merchant, name, .. } | Act::FindPayment { merchant, name, .. } => {
                key(RequestKey::payment(*merchant, name))
            }
            Act::Refund(request) => {
                payment(request.payment)
                    || key(RequestKey::refund(
                        request.merchant,
                        request.payment,
                        &request.name,
                    ))
            }
            Act::FindPaymentById { payment: id, .. } => payment(*id),
            Act::FindRefund {
                merchant,
                name,
                payment: Some(id),
                ..
            } => key(RequestKey::refund(*merchant, *id, name)),
            Act::FindRefund {
                merchant,
                name,
                payment: None,
                ..
            } => key(RequestKey::refund_by_name(*merchant, name)),
            Act::StartTopUp { wallet, name, .. } | Act::Credit { wallet, name, .. } => {
                key(RequestKey::credit(*wallet, name))
            }
            Act::ConfirmTopUp { top_up, .. } | Act::FailTopUp { top_up, .. } => {
                self.book.top_ups.get(top_up).is_none()
                    && self.book.closed_top_up(*top_up).is_none()
                    && top_up.0 < self.book.next_id()
            }
            _ => false,
        }
    }
}

/// What hangs on the seconds of the clock: a code that lives a minute must not live an hour.
fn lives_by_the_clock(act: &Act) -> bool {
    match act {
        Act::IssueCode { .. } => true,
        Act::Charge(charge) | Act::Hold { charge, .. } => matches!(charge.payer, Payer::Code(_)),
        _ => false,
    }
}

/// What is still journaled when the disk is full, and what needs no journal.
fn protects_people(act: &Act) -> bool {
    matches!(
        act,
        Act::Freeze { .. }
            | Act::Cancel { .. }
            | Act::Refund(_)
            | Act::RevokeApiKey { .. }
            | Act::RevokeCredential { .. }
            | Act::BindTill { device: None, .. }
            | Act::Look { .. }
            | Act::FindPayment { .. }
            | Act::FindPaymentById { .. }
            | Act::FindRefund { .. }
    )
}

/// Appends one change to a batch.
pub fn encode_change(batch: &mut Vec<u8>, change: &Change) {
    minicbor::encode(change, batch).expect("memory takes all");
}

/// Reads the changes of a batch.
pub fn decode_batch(batch: &[u8]) -> Result<Vec<Change>, Fault> {
    match batch.split_first() {
        Some((&BATCH_FORMAT, rest)) => {
            let mut decoder = minicbor::Decoder::new(rest);
            let mut changes = Vec::new();
            while decoder.position() < rest.len() {
                changes.push(decoder.decode().map_err(|_| {
                    Fault::broken("a journal row holds something this program does not know")
                })?);
            }
            Ok(changes)
        }
        _ => Err(Fault::broken(
            "a journal row has a format this program does not know",
        )),
    }
}

/// The ids a first answer leads to.
pub fn led_to(answer: Answered) -> (Option<PaymentId>, Option<RefundId>) {
    match answer {
        Answered::Payment(id) => (Some(id), None),
        Answered::Refund(id) => (None, Some(id)),
        _ => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::BATCH_BYTES_MAX;
    use mamori_domain::change::Paid;
    use mamori_domain::funding::{DRAWN_MAX, Lot, Source};
    use mamori_domain::ids::{EntryId, MerchantId, StoreId, WalletId};
    use mamori_domain::key::Sameness;
    use mamori_domain::money::Amount;
    use mamori_domain::payment::Papers;

    #[test]
    fn the_largest_act_there_can_be_fits_into_a_row() {
        let lot = Lot {
            source: Source::Refund(PaymentId(u64::MAX)),
            amount: Amount::yen(Amount::MAX_MINOR),
        };
        // 255 characters of four bytes each in every text that a request may carry.
        let text: Box<str> = "\u{1F35E}".repeat(255).into();
        let paid = Paid {
            payment: PaymentId(u64::MAX),
            merchant: MerchantId(u32::MAX),
            store: Some(StoreId(u32::MAX)),
            till: Some(TillId(u32::MAX)),
            wallet: WalletId(u64::MAX),
            amount: lot.amount,
            sameness: Sameness(u64::MAX),
            name: text.clone(),
            drawn: vec![lot; DRAWN_MAX],
            previous: EntryId(u64::MAX),
            balance: u64::MAX,
            papers: Papers {
                requested_at: i64::MIN,
                description: Some(text.clone()),
                receipt_number: Some(text.clone()),
                store_text: Some(text.clone()),
                terminal_text: Some(text),
            },
            authorization: Some(mamori_domain::ids::AuthorizationId(u128::MAX)),
        };
        let mut batch = Vec::new();
        encode_change(&mut batch, &Change::Paid(Box::new(paid)));
        assert!(
            ROW_BYTES + batch.len() <= BATCH_BYTES_MAX,
            "{}",
            batch.len()
        );
    }
}
