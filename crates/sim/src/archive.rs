//! Views in memory: what the projector would have written, as far as it has come.

use mamori_domain::book::{Book, ClosedTopUp};
use mamori_domain::book::{BookHash, HashKey};
use mamori_domain::command::Needs;
use mamori_domain::decide::Prefetched;
use mamori_domain::event::Event;
use mamori_domain::ids::{PaymentId, RefundId, TopUpId};
use mamori_domain::key::{Answered, IdempotencyRecord, RequestKey};
use mamori_domain::pay::{Payment, Refund};
use mamori_domain::reply::TopUpState;
use mamori_engine::cold::ColdKeys;
use mamori_engine::journal::batch::Committed;
use mamori_engine::shard::Fetched;
use std::collections::{BTreeMap, HashMap};

/// Everything the past holds, up to row `applied`.
#[derive(Default)]
pub struct Archive {
    /// The newest row in it.
    pub applied: u64,
    /// The newest row whose request keys can be looked up: their segment is whole.
    pub keyed: u64,
    /// Keys of the rows behind it.
    open_keys: Vec<(RequestKey, IdempotencyRecord)>,
    /// The row the checkpoint stands at; zero for none.
    pub checkpoint_seq: u64,
    checkpoint: BTreeMap<(u8, Vec<u8>), Vec<u8>>,
    answers: HashMap<RequestKey, IdempotencyRecord>,
    payments: HashMap<PaymentId, Payment>,
    refunds: HashMap<RefundId, Refund>,
    top_ups: HashMap<TopUpId, ClosedTopUp>,
    /// Sabotage: refunds are not noted on their payments.
    forgets_refunds: bool,
}

impl Archive {
    /// Empty views, honest or not.
    pub fn new(forgets_refunds: bool) -> Archive {
        Archive {
            forgets_refunds,
            ..Archive::default()
        }
    }

    /// Writes one row down, in order.
    pub fn apply(&mut self, row: &Committed) {
        assert_eq!(
            row.seq,
            self.applied + 1,
            "the views follow the journal row by row"
        );
        if row.checkpoint.is_some() {
            // A start reads back the keys behind its checkpoint, and only those.
            self.close_segment();
        }
        self.applied = row.seq;
        for event in row.events() {
            event.answers(&mut |key, first| self.open_keys.push((key, first)));
            self.apply_event(event, row);
        }
        if let Some(rows) = &row.checkpoint {
            for dirty in rows {
                let key = (dirty.table, dirty.key.clone());
                match &dirty.row {
                    Some(row) => drop(self.checkpoint.insert(key, row.clone())),
                    None => drop(self.checkpoint.remove(&key)),
                }
            }
            self.checkpoint_seq = row.seq - 1;
        }
    }

    /// From now on all keys so far can be looked up.
    pub fn close_segment(&mut self) {
        self.answers.extend(self.open_keys.drain(..));
        self.keyed = self.applied;
    }

    fn apply_event(&mut self, event: &Event, row: &Committed) {
        match event {
            Event::Paid(paid) => {
                let payment = Payment::new(paid.clone(), row.at);
                self.payments.insert(paid.id, payment);
            }
            Event::Captured(captured) => {
                if let Some(paid) = &captured.paid {
                    let payment = Payment::new(paid.into(), row.at);
                    self.payments.insert(paid.id, payment);
                }
            }
            Event::Cancelled(cancelled) => {
                let payment = self.payments.get_mut(&cancelled.payment);
                payment.expect("it was paid before").note_cancel(row.at);
            }
            Event::Refunded(refunded) => {
                if !self.forgets_refunds {
                    let payment = self.payments.get_mut(&refunded.payment);
                    payment
                        .expect("it was paid before")
                        .note_refund(refunded.refund, refunded.amount);
                }
                self.refunds
                    .insert(refunded.refund, refunded.refund(row.at));
            }
            Event::TopUpStarted(started) => {
                let top_up = ClosedTopUp {
                    wallet: started.wallet,
                    amount: started.amount,
                    state: TopUpState::Pending,
                };
                self.top_ups.insert(started.top_up, top_up);
            }
            Event::TopUpConfirmed(confirmed) => self.close(confirmed.top_up, TopUpState::Succeeded),
            Event::TopUpFailed(failed) => self.close(failed.top_up, failed.state()),
            _ => {}
        }
    }

    fn close(&mut self, top_up: TopUpId, state: TopUpState) {
        self.top_ups
            .get_mut(&top_up)
            .expect("it was started before")
            .state = state;
    }

    /// All that a request needs of the past.
    pub fn fetch(&self, needs: Needs) -> Fetched {
        let Needs {
            key,
            mut payment,
            mut top_up,
        } = needs;
        let mut prefetched = Prefetched::NOTHING;
        prefetched.first_answer = key.and_then(|key| self.answers.get(&key).copied());
        match prefetched.first_answer.map(|first| first.answer) {
            Some(Answered::Payment(id)) => payment = payment.or(Some(id)),
            Some(Answered::Refund(id)) => {
                prefetched.refund = self.refunds.get(&id).cloned().map(Box::new);
            }
            Some(Answered::TopUp(id)) => top_up = Some(id),
            _ => {}
        }
        prefetched.payment = payment.and_then(|id| self.payments.get(&id).cloned());
        prefetched.top_up = top_up.and_then(|id| self.closed(id));
        Fetched {
            as_of: self.applied,
            keys_as_of: self.keyed,
            prefetched,
        }
    }

    fn closed(&self, id: TopUpId) -> Option<ClosedTopUp> {
        self.top_ups
            .get(&id)
            .copied()
            .filter(|row| row.state != TopUpState::Pending)
    }

    /// The filter of all keys that are in the views.
    pub fn keys(&self) -> ColdKeys {
        let mut cold = ColdKeys::default();
        self.answers.keys().for_each(|key| cold.add(key.0 as u64));
        cold
    }

    /// The book as the checkpoint has it.
    pub fn book(&self, key: HashKey) -> Book {
        let mut book = Book::new(key.clone());
        let mut sum = BookHash::default();
        for ((table, id), row) in &self.checkpoint {
            sum.add_row(&key, &[&[*table], &id[..], row].concat());
            book.load(*table, id, row)
                .expect("the book wrote these rows itself");
        }
        book.loaded(sum);
        book
    }
}
