//! Views in memory: what the projector would have written, as far as it has come.

use mamori_domain::book::{Book, ClosedTopUp};
use mamori_domain::book::{BookHash, HashKey};
use mamori_domain::command::Command;
use mamori_domain::decide::Prefetched;
use mamori_domain::event::Event;
use mamori_domain::ids::{PaymentId, RefundId, TopUpId};
use mamori_domain::key::{Answered, IdempotencyRecord, RequestKey};
use mamori_domain::pay::{Payment, PaymentStatus, Refund};
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
        for change in &row.changes {
            self.open_keys
                .extend(change.answers().into_iter().flatten());
            self.apply_change(change, row);
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

    fn apply_change(&mut self, change: &Event, row: &Committed) {
        match change {
            Event::Paid(paid) => drop(self.payments.insert(paid.payment, paid.payment(row.at))),
            Event::Cancelled { payment, .. } => {
                let payment = self.payments.get_mut(payment).expect("it was paid before");
                payment.status = PaymentStatus::Cancelled;
                payment.cancelled_at = Some(row.at);
            }
            Event::Refunded {
                refund,
                payment,
                merchant,
                wallet,
                amount,
                name,
                reason,
                requested_at,
                ..
            } => {
                if !self.forgets_refunds {
                    let sale = self.payments.get_mut(payment).expect("it was paid before");
                    sale.refunded = sale
                        .refunded
                        .plus(*amount)
                        .expect("never above the payment");
                    sale.refunds.push(*refund);
                }
                self.refunds.insert(
                    *refund,
                    Refund {
                        id: *refund,
                        payment: *payment,
                        merchant: *merchant,
                        wallet: *wallet,
                        amount: *amount,
                        at: row.at,
                        name: name.clone(),
                        reason: reason.clone(),
                        requested_at: *requested_at,
                    },
                );
            }
            Event::TopUpStarted {
                top_up,
                wallet,
                amount,
                ..
            } => {
                let state = TopUpState::Pending;
                self.top_ups.insert(
                    *top_up,
                    ClosedTopUp {
                        wallet: *wallet,
                        amount: *amount,
                        state,
                    },
                );
            }
            Event::TopUpConfirmed { top_up, .. } => self.close(*top_up, TopUpState::Succeeded),
            Event::TopUpFailed {
                top_up, expired, ..
            } => {
                self.close(
                    *top_up,
                    if *expired {
                        TopUpState::Expired
                    } else {
                        TopUpState::Failed
                    },
                );
            }
            _ => {}
        }
    }

    fn close(&mut self, top_up: TopUpId, state: TopUpState) {
        self.top_ups
            .get_mut(&top_up)
            .expect("it was started before")
            .state = state;
    }

    /// All an act may need of the past.
    pub fn gather(&self, act: &Command) -> Fetched {
        let mut facts = Prefetched::NONE;
        let mut payment = None;
        let key = match act {
            Command::Refund(request) => {
                payment = Some(request.payment);
                Some(RequestKey::refund(
                    request.merchant,
                    request.payment,
                    &request.name,
                ))
            }
            Command::FindPaymentById { payment: id, .. } => {
                payment = Some(*id);
                None
            }
            Command::FindRefund {
                merchant,
                name,
                payment: Some(payment),
                ..
            } => Some(RequestKey::refund(*merchant, *payment, name)),
            Command::FindRefund {
                merchant,
                name,
                payment: None,
                ..
            } => Some(RequestKey::refund_by_name(*merchant, name)),
            Command::ConfirmTopUp { top_up, .. } | Command::FailTopUp { top_up, .. } => {
                facts.top_up = self.closed(*top_up);
                None
            }
            other => key_of(other),
        };
        facts.first_answer = key.and_then(|key| self.answers.get(&key).copied());
        match facts.first_answer.map(|first| first.answer) {
            Some(Answered::Payment(id)) => payment = payment.or(Some(id)),
            Some(Answered::Refund(id)) => {
                facts.refund = self.refunds.get(&id).cloned().map(Box::new)
            }
            Some(Answered::TopUp(id)) => facts.top_up = self.closed(id),
            _ => {}
        }
        facts.payment = payment
            .and_then(|id| self.payments.get(&id).cloned())
            .map(Box::new);
        Fetched {
            as_of: self.applied,
            keys_as_of: self.keyed,
            facts,
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

/// The id an act is asked under for good.
pub fn key_of(act: &Command) -> Option<RequestKey> {
    match act {
        Command::Charge(charge) => Some(RequestKey::payment(charge.merchant, &charge.name)),
        Command::Hold { charge, .. } => Some(RequestKey::hold(charge.merchant, &charge.name)),
        Command::Cancel { merchant, name, .. } | Command::FindPayment { merchant, name, .. } => {
            Some(RequestKey::payment(*merchant, name))
        }
        Command::Refund(request) => Some(RequestKey::refund(
            request.merchant,
            request.payment,
            &request.name,
        )),
        Command::StartTopUp { wallet, name, .. } | Command::Credit { wallet, name, .. } => {
            Some(RequestKey::credit(*wallet, name))
        }
        _ => None,
    }
}
