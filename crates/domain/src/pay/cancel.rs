//! A cancel undoes a payment, or keeps it from happening.

use super::PaymentStatus;
use super::caller::{caller_may, first_answer, in_reach, is_approved, payment_fact};
use super::hold::{Released, release};
use super::refund::may_return;
use crate::book::Book;
use crate::context::Actor;
use crate::decision::{Decision, Prefetched};
use crate::entry::{EntryKind, Movement};
use crate::fund::{Lot, returned};
use crate::happening::{
    Answers, Happening, Money, Notice, Subject, answers_no_request, moves_no_money,
};
use crate::ids::{EntryId, HoldId, MerchantId, PaymentId, StoreId, WalletId};
use crate::key::{Answered, IdempotencyRecord, RequestDigest, RequestKey};
use crate::ledger::{Account, Posting};
use crate::money::Amount;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::world::Timestamp;
use minicbor::{Decode, Encode};

/// A payment was undone whole.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Cancelled {
    #[n(0)]
    pub entry: EntryId,
    #[n(1)]
    pub payment: PaymentId,
    #[n(2)]
    pub wallet: WalletId,
    #[n(3)]
    pub merchant: MerchantId,
    #[n(4)]
    pub store: Option<StoreId>,
    #[n(5)]
    pub amount: Amount,
    #[n(6)]
    pub previous: EntryId,
    #[n(7)]
    pub balance: u64,
    /// The lots that the money goes back to. Empty in journals from before it did: then the cancel is its origin.
    #[n(8)]
    #[cbor(default)]
    pub returned: Vec<Lot>,
}

answers_no_request!(Cancelled);

impl Money for Cancelled {
    fn postings(&self, post: &mut dyn FnMut(Posting)) {
        post(Posting::new(
            Account::merchant(self.merchant),
            Account::wallet(self.wallet),
            self.amount,
        ));
    }
    fn movement(&self) -> Option<Movement> {
        Some(Movement {
            merchant: Some(self.merchant),
            store: self.store,
            about: Some(self.payment.0),
            ..Movement::of_wallet(
                self.entry,
                EntryKind::Cancel,
                self.wallet,
                self.amount,
                self.previous,
                self.balance,
            )
        })
    }
}

impl Happening for Cancelled {
    fn apply(&self, book: &mut Book) {
        book.consume_id(self.entry.0);
        book.give_back(
            self.wallet,
            self.payment,
            self.amount,
            &self.returned,
            self.entry,
            self.balance,
        );
        let at = book.at();
        book.change_payment(self.payment, |payment| payment.note_cancel(at));
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        Some((self.wallet, Notice::Moved))
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

/// The tombstone of a payment that was cancelled before it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CancelledBefore {
    #[n(0)]
    pub key: RequestKey,
    #[n(1)]
    pub merchant: MerchantId,
    /// The merchant's id for the payment.
    #[n(2)]
    pub merchant_payment_id: Box<str>,
}

moves_no_money!(CancelledBefore);

impl Answers for CancelledBefore {
    fn answers(&self, answer: &mut dyn FnMut(RequestKey, IdempotencyRecord)) {
        answer(
            self.key,
            IdempotencyRecord {
                digest: RequestDigest(0),
                answer: Answered::CancelledBefore,
            },
        );
    }
}

impl Happening for CancelledBefore {
    /// Nothing beside its answer.
    fn apply(&self, _: &mut Book) {}
    fn notice(&self) -> Option<(WalletId, Notice)> {
        None
    }
    fn subject(&self) -> Subject {
        Subject::Merchant(self.merchant)
    }
}

/// A payment can be cancelled until fifteen minutes past midnight in Japan on the day after it.
fn cancel_window_is_open(paid_at: Timestamp, now: Timestamp) -> bool {
    let closes_at_seconds = (paid_at.day_in_japan() + 1) * 86_400 - 9 * 3600 + 15 * 60;
    now.seconds() < closes_at_seconds
}

/// Undoes a payment, or keeps it from happening.
pub(crate) fn cancel<E: From<Cancelled> + From<CancelledBefore> + From<Released>>(
    book: &Book,
    prefetched: &Prefetched,
    by: Actor,
    merchant: MerchantId,
    merchant_payment_id: &str,
    now: Timestamp,
) -> Decision<E> {
    if let Err(refusal) = caller_may(book, by, merchant) {
        return Decision::refuse(refusal);
    }
    let key = RequestKey::payment(merchant, merchant_payment_id);
    let Some(first) = first_answer(book, prefetched, key) else {
        return Decision::done(
            Reply::CancelAccepted,
            CancelledBefore {
                key,
                merchant,
                merchant_payment_id: merchant_payment_id.into(),
            },
        );
    };
    let id = match first.answer {
        Answered::Payment(id) => id,
        Answered::Hold(hold) => return cancel_hold(book, by, hold),
        _ => return Decision::answer(Ok(Reply::CancelAccepted)),
    };
    let payment = match payment_fact(book, prefetched, id) {
        Ok(payment) => payment,
        Err(refusal) => return Decision::refuse(refusal),
    };
    if let Err(refusal) = in_reach(book, by, payment.merchant, payment.store) {
        return Decision::refuse(refusal);
    }
    if payment.status == PaymentStatus::Cancelled {
        return Decision::answer(Ok(Reply::CancelAccepted));
    }
    if let Err(refusal) = is_approved(book, by, payment, payment.amount) {
        return Decision::refuse(refusal);
    }
    if !payment.refunded.is_zero() {
        return Decision::refuse(Refusal::AlreadyRefunded);
    }
    if !cancel_window_is_open(payment.at, now) {
        return Decision::refuse(Refusal::CancelWindowOver);
    }
    let row = book
        .wallet(payment.wallet)
        .expect("a payment's wallet is never forgotten");
    let returned = returned(&payment.drawn, Amount::ZERO, payment.amount);
    if !may_return(&row, &returned) {
        return Decision::refuse(Refusal::RefundLimit);
    }
    Decision::done(
        Reply::CancelAccepted,
        Cancelled {
            entry: EntryId(book.next_id()),
            payment: payment.id,
            wallet: payment.wallet,
            merchant: payment.merchant,
            store: payment.store,
            amount: payment.amount,
            previous: row.last_entry,
            balance: row.lots.total() + payment.amount.minor(),
            returned,
        },
    )
}

/// Money that is set aside goes back; what was captured or given back already is no longer there to be cancelled.
fn cancel_hold<E: From<Released>>(book: &Book, by: Actor, hold: HoldId) -> Decision<E> {
    if let Some(row) = book.holds.get(&hold)
        && let Err(refusal) = in_reach(book, by, row.merchant, row.store)
    {
        return Decision::refuse(refusal);
    }
    let released = release(book, by, hold);
    Decision {
        outcome: released.outcome.map(|_| Reply::CancelAccepted),
        events: released.events,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_can_be_cancelled_until_a_quarter_past_midnight_in_japan() {
        // 2026-11-21 23:50 JST.
        let paid = Timestamp::from_seconds(1_795_272_600);
        assert_eq!((paid.seconds() + 9 * 3600) % 86_400, 23 * 3600 + 50 * 60);
        assert!(cancel_window_is_open(paid, paid.plus_seconds(24 * 60 + 59)));
        assert!(!cancel_window_is_open(paid, paid.plus_seconds(25 * 60)));
    }
}
