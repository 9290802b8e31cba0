//! Looks up what memory has forgotten: the views locate, the journal proves.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};
use std::time::Duration;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::{ChainKey, MasterKey};
use mamori_datastore::sql::{Db, Location};
use mamori_domain::book::ClosedTopUp;
use mamori_domain::command::{CommandKind, Needs};
use mamori_domain::decide::Prefetched;
use mamori_domain::event::{Act, Event, Subject};
use mamori_domain::identity::SealedText;
use mamori_domain::ids::{HoldId, PaymentId, RefundId, WalletId};
use mamori_domain::key::{Answered, IdempotencyRecord, RequestKey};
use mamori_domain::money::Amount;
use mamori_domain::pay::{Payment, Refund};
use mamori_domain::reply::TopUpState;
use mamori_domain::world::Timestamp;

use crate::holds::{HoldEnd, HoldRecord};
use crate::journal::JournalReader;
use crate::journal::batch::decode_batch;
use crate::shard::Asked;
use crate::shard::Fetched;
use crate::views::acts::{self, ActRow, Wanted};
use crate::views::{EntryKind, VIEWS, damage, projector, read, request_keys};
use crate::watermark::Watermark;
use crate::writer::{Message, Question};

/// How long a look-up waits for the views to reach the row it needs.
const PATIENCE: Duration = Duration::from_secs(5);

/// Acts that are read at a time when looking for notes.
const NOTES_PAGE: u32 = 200;

/// Looks things up, with connections of its own.
pub struct Prefetcher {
    views: Db,
    journal: JournalReader,
    chain: ChainKey,
    applied: Arc<Watermark>,
}

impl Prefetcher {
    /// With reading connections of its own to the views and the journal of a store.
    pub(crate) fn open(
        location: &Location,
        master: &MasterKey,
        applied: Arc<Watermark>,
    ) -> Result<Prefetcher, Fault> {
        Ok(Prefetcher::new(
            location.open_read(&VIEWS)?,
            JournalReader::open(location, 0)?,
            master.chain_key(),
            applied,
        ))
    }

    /// With reading connections to the views and the journal, and the key that proves its rows.
    pub fn new(
        views: Db,
        journal: JournalReader,
        chain: ChainKey,
        applied: Arc<Watermark>,
    ) -> Prefetcher {
        Prefetcher {
            views,
            journal,
            chain,
            applied,
        }
    }

    /// Everything a decision needs of the distant past, as of at least row `as_of`.
    pub fn fetch(&mut self, needs: Needs, as_of: u64) -> Result<Fetched, Fault> {
        if !self.applied.wait_for(as_of, PATIENCE) {
            return Err(Fault::retryable("the views are behind; ask again"));
        }
        let progress = projector::read_progress(&mut self.views)?;
        let mut prefetched = Prefetched::NOTHING;
        let Needs {
            key,
            mut payment,
            mut top_up,
        } = needs;
        if let Some(key) = key {
            prefetched.first_answer = self.first_answer(key)?;
            match prefetched.first_answer.map(|first| first.answer) {
                Some(Answered::Payment(id)) => payment = payment.or(Some(id)),
                Some(Answered::Refund(id)) => {
                    prefetched.refund = self.refund(id)?.map(Box::new);
                }
                Some(Answered::TopUp(id)) => top_up = top_up.or(Some(id)),
                Some(
                    Answered::Credit(_)
                    | Answered::Hold(_)
                    | Answered::Refused(_)
                    | Answered::CancelledBefore,
                )
                | None => {}
            }
        }
        if let Some(payment) = payment {
            prefetched.payment = self.payment(payment)?;
        }
        if let Some(top_up) = top_up {
            prefetched.top_up = self.closed_top_up(top_up.0)?;
        }
        Ok(Fetched {
            as_of: progress.applied_seq,
            keys_as_of: progress.segment_seq,
            prefetched,
        })
    }

    fn closed_top_up(&mut self, id: u64) -> Result<Option<ClosedTopUp>, Fault> {
        Ok(read::top_up_by_id(&mut self.views, id)?
            .filter(|row| row.state != TopUpState::Pending)
            .and_then(|row| {
                Some(ClosedTopUp {
                    wallet: WalletId(row.wallet),
                    amount: Amount::new(row.amount)?,
                    state: row.state,
                })
            }))
    }

    fn first_answer(&mut self, key: RequestKey) -> Result<Option<IdempotencyRecord>, Fault> {
        // The newest row wins: a name may be reused for the refund of another payment.
        for seq in request_keys::rows_of(&mut self.views, key.0)? {
            let mut found = None;
            for event in &self.events(seq)?.1 {
                event.answers(&mut |own, first| {
                    if own == key {
                        found = Some(first);
                    }
                });
            }
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// A payment as its journal row tells it, with the refunds and the cancel that followed.
    pub fn payment(&mut self, id: PaymentId) -> Result<Option<Payment>, Fault> {
        let Some(mut payment) = self.paid(id)? else {
            return Ok(None);
        };
        for reversal in read::reversals(&mut self.views, id.0)? {
            let row = read::entry_by_id(&mut self.views, reversal.entry)?
                .ok_or_else(|| Fault::broken("the views have lost a reversal"))?;
            let (at, events) = self.events(row.seq)?;
            for event in &events {
                match event {
                    Event::Refunded(refunded) if refunded.refund.0 == reversal.entry => {
                        if refunded.amount > payment.refundable() {
                            return Err(Fault::broken("refunds exceed their payment"));
                        }
                        payment.note_refund(refunded.refund, refunded.amount);
                    }
                    Event::Cancelled(cancelled) if cancelled.entry.0 == reversal.entry => {
                        payment.note_cancel(at);
                    }
                    _ => {}
                }
            }
        }
        Ok(Some(payment))
    }

    /// A payment as it was taken: by a scan or a permission, or out of a hold under the hold's id.
    fn paid(&mut self, id: PaymentId) -> Result<Option<Payment>, Fault> {
        let end = match read::entry_by_id(&mut self.views, id.0)? {
            Some(entry) if entry.kind == EntryKind::Payment => Some(entry),
            Some(entry) if entry.kind == EntryKind::Hold => {
                read::end_of_hold(&mut self.views, id.0)?
            }
            _ => None,
        };
        let Some(end) = end else {
            return Ok(None);
        };
        let (at, events) = self.events(end.seq)?;
        for event in events {
            match event {
                Event::Paid(paid) if paid.id == id => return Ok(Some(Payment::new(paid, at))),
                Event::Captured(captured) if captured.hold.0 == id.0 => {
                    let paid = captured.paid.as_ref().map(Arc::from);
                    return Ok(paid.map(|paid| Payment::new(paid, at)));
                }
                Event::Released(released) if released.hold.0 == id.0 => return Ok(None),
                _ => {}
            }
        }
        Err(Fault::broken(
            "the views name a payment that its journal row does not hold",
        ))
    }

    /// A refund as its journal row tells it.
    pub fn refund(&mut self, id: RefundId) -> Result<Option<Refund>, Fault> {
        let Some(entry) = read::entry_by_id(&mut self.views, id.0)? else {
            return Ok(None);
        };
        let (at, events) = self.events(entry.seq)?;
        Ok(events.iter().find_map(|event| match event {
            Event::Refunded(refunded) if refunded.refund == id => Some(refunded.refund(at)),
            _ => None,
        }))
    }

    /// Money that was set aside, as its journal row tells it, with its end.
    pub fn hold(&mut self, id: HoldId) -> Result<Option<HoldRecord>, Fault> {
        let Some(entry) =
            read::entry_by_id(&mut self.views, id.0)?.filter(|entry| entry.kind == EntryKind::Hold)
        else {
            return Ok(None);
        };
        let (at, events) = self.events(entry.seq)?;
        let held = events.into_iter().find_map(|event| match event {
            Event::Held(held) if held.hold == id => Some(held),
            _ => None,
        });
        let held = held.ok_or_else(|| {
            Fault::broken("the views name a hold that its journal row does not hold")
        })?;
        Ok(Some(HoldRecord {
            hold: id,
            wallet: held.wallet,
            merchant: held.merchant,
            store: held.store,
            amount: held.amount,
            at,
            expires_at: held.expires_at,
            held_for: held.held_for,
            end: self.end_of_hold(id)?,
        }))
    }

    fn end_of_hold(&mut self, id: HoldId) -> Result<Option<HoldEnd>, Fault> {
        let Some(end) = read::end_of_hold(&mut self.views, id.0)? else {
            return Ok(None);
        };
        let (at, events) = self.events(end.seq)?;
        let captured = events.iter().find_map(|event| match event {
            Event::Captured(captured) if captured.hold == id => Some(Some(captured.amount)),
            Event::Released(released) if released.hold == id => Some(None),
            _ => None,
        });
        let captured = captured.ok_or_else(|| {
            Fault::broken("the views name the end of a hold that its journal row does not hold")
        })?;
        Ok(Some(HoldEnd { at, captured }))
    }

    /// The notes on a wallet, newest first, each with the act that wrote it; the texts are sealed.
    pub fn notes(
        &mut self,
        wallet: WalletId,
        limit: usize,
    ) -> Result<Vec<(ActRow, SealedText)>, Fault> {
        let mut notes = Vec::new();
        let mut before = None;
        loop {
            let wanted = Wanted::Subject(Subject::Wallet(wallet));
            let page = acts::list(&mut self.views, wanted, before, NOTES_PAGE)?;
            let is_last = page.len() < NOTES_PAGE as usize;
            before = page.last().map(|act| act.id);
            for act in page {
                if act.command == CommandKind::NoteWallet && notes.len() < limit {
                    let text = self.note(act.id)?;
                    notes.push((act, text));
                }
            }
            if is_last || notes.len() == limit {
                return Ok(notes);
            }
        }
    }

    /// The text of one note, as its journal row tells it.
    fn note(&mut self, act: u64) -> Result<SealedText, Fault> {
        let (seq, place) = acts::place_of(act);
        let (_, acts) = self.acts(seq)?;
        let events = acts.into_iter().nth(place).map(|act| act.events);
        match events.as_deref() {
            Some([Event::WalletNoted(noted)]) => Ok(noted.note.clone()),
            _ => Err(Fault::broken(
                "the views name a note that its journal row does not hold",
            )),
        }
    }

    /// Reads a wallet's movements, newest first, from entry `from` on.
    pub fn chain(
        &mut self,
        wallet: u64,
        from: u64,
        limit: usize,
    ) -> Result<Vec<crate::views::Entry>, Fault> {
        read::chain(&mut self.views, wallet, from, limit)
    }

    /// The connection to the views.
    pub fn views(&mut self) -> &mut Db {
        &mut self.views
    }

    fn events(&mut self, seq: u64) -> Result<(Timestamp, Vec<Event>), Fault> {
        let (at, acts) = self.acts(seq)?;
        Ok((at, acts.into_iter().flat_map(|act| act.events).collect()))
    }

    fn acts(&mut self, seq: u64) -> Result<(Timestamp, Vec<Act>), Fault> {
        let row = self
            .journal
            .read(seq, 1)?
            .pop()
            .filter(|row| row.seq == seq)
            .ok_or_else(|| Fault::broken("the views name a journal row that is not there"))?;
        // A start checks only the rows behind its checkpoint. This row may be older, and an attacker with a SQL prompt may have
        // changed it.
        row.check_alone(&self.chain)?;
        Ok((Timestamp(row.at), decode_batch(&row.batch)?))
    }
}

/// Looks things up and asks the writer again.
pub(crate) fn answer_questions(
    mut prefetcher: Prefetcher,
    location: &Location,
    questions: &Receiver<Question>,
    writer: &SyncSender<Message>,
) {
    while let Ok((asked, needs, as_of, reply)) = questions.recv() {
        let fetched = match prefetcher.fetch(needs, as_of) {
            Ok(fetched) => fetched,
            Err(fault) => {
                damage::mark(location, &fault);
                reply(Err(fault));
                continue;
            }
        };
        let again = Asked {
            request: asked.request,
            fetched: Some(Box::new(fetched)),
        };
        if let Err(
            TrySendError::Full(Message::Request(_, reply))
            | TrySendError::Disconnected(Message::Request(_, reply)),
        ) = writer.try_send(Message::Request(again, reply))
        {
            reply(Err(Fault::retryable("busy: too many requests wait")));
        }
    }
}
