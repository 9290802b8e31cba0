//! A refund gives money of a payment back, up to what was paid, frozen wallet or not.

use super::caller::{caller_may, in_reach, is_approved, payment_fact, repeated};
use super::{Payment, PaymentStatus, Refund, RefundRequest, Refused, refuse_for_good};
use crate::book::{Book, Wallet};
use crate::context::Actor;
use crate::decision::{Decision, Prefetched};
use crate::entry::{EntryKind, Movement};
use crate::fund::{LOTS_MAX, Lot, returned};
use crate::happening::{Answers, Happening, Money, Notice, Subject};
use crate::ids::{EntryId, MerchantId, PaymentId, RefundId, StoreId, WalletId};
use crate::key::{Answered, IdempotencyRecord, RequestDigest, RequestKey};
use crate::ledger::{Account, Posting};
use crate::money::Amount;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::world::Timestamp;
use minicbor::{Decode, Encode};

/// A payment may be given back in this many parts: what is kept of it grows with each.
const REFUNDS_MAX: usize = 100;

/// Refunds are taken for 365 days.
const REFUND_WINDOW_SECONDS: i64 = 365 * 86_400;

/// Money of a payment was given back.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Refunded {
    #[n(0)]
    pub refund: RefundId,
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
    pub digest: RequestDigest,
    /// The merchant's id for it.
    #[n(7)]
    pub merchant_refund_id: Box<str>,
    #[n(8)]
    pub reason: Option<Box<str>>,
    #[n(9)]
    pub requested_at: i64,
    #[n(10)]
    pub previous: EntryId,
    #[n(11)]
    pub balance: u64,
    /// The lots that the money goes back to. Empty in journals from before it did: then the refund is its origin.
    #[n(12)]
    #[cbor(default)]
    pub returned: Vec<Lot>,
}

impl Refunded {
    /// The refund as it stands, taken at the instant of its row.
    pub fn refund(&self, at: Timestamp) -> Refund {
        Refund {
            id: self.refund,
            payment: self.payment,
            merchant: self.merchant,
            wallet: self.wallet,
            amount: self.amount,
            at,
            merchant_refund_id: self.merchant_refund_id.clone(),
            reason: self.reason.clone(),
            requested_at: self.requested_at,
        }
    }
}

impl Money for Refunded {
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
            merchant_text: Some(self.merchant_refund_id.clone()),
            ..Movement::of_wallet(
                EntryId(self.refund.0),
                EntryKind::Refund,
                self.wallet,
                self.amount,
                self.previous,
                self.balance,
            )
        })
    }
}

impl Answers for Refunded {
    fn answers(&self, answer: &mut dyn FnMut(RequestKey, IdempotencyRecord)) {
        let record = IdempotencyRecord {
            digest: self.digest,
            answer: Answered::Refund(self.refund),
        };
        let id = &self.merchant_refund_id;
        answer(RequestKey::refund(self.merchant, self.payment, id), record);
        answer(RequestKey::refund_by_name(self.merchant, id), record);
    }
}

impl Happening for Refunded {
    fn apply(&self, book: &mut Book) {
        book.consume_id(self.refund.0);
        book.give_back(
            self.wallet,
            self.payment,
            self.amount,
            &self.returned,
            EntryId(self.refund.0),
            self.balance,
        );
        book.change_payment(self.payment, |payment| {
            payment.note_refund(self.refund, self.amount);
        });
        book.put_refund(self.refund(book.at()));
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        Some((self.wallet, Notice::Moved))
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

/// Gives money of a payment back.
pub(crate) fn refund<E: From<Refunded> + From<Refused>>(
    book: &Book,
    prefetched: &Prefetched,
    by: Actor,
    request: &RefundRequest,
    now: Timestamp,
) -> Decision<E> {
    if let Err(refusal) = caller_may(book, by, request.merchant) {
        return Decision::refuse(refusal);
    }
    if let Ok(payment) = payment_fact(book, prefetched, request.payment)
        && let Err(refusal) = in_reach(book, by, payment.merchant, payment.store)
    {
        return Decision::refuse(refusal);
    }
    let key = RequestKey::refund(
        request.merchant,
        request.payment,
        &request.merchant_refund_id,
    );
    let digest = refund_digest(request);
    if let Some(again) = repeated(book, prefetched, key, digest) {
        return again;
    }
    if let Ok(payment) = payment_fact(book, prefetched, request.payment)
        && let Err(refusal) = is_approved(book, by, payment, request.amount)
    {
        return Decision::refuse(refusal);
    }
    let payment = match refund_is_in_order(book, prefetched, request, now) {
        Ok(payment) => payment,
        Err(refusal) => return refuse_for_good(key, digest, refusal),
    };
    let row = book
        .wallet(payment.wallet)
        .expect("a payment's wallet is never forgotten");
    let event = Refunded {
        refund: RefundId(book.next_id()),
        payment: payment.id,
        wallet: payment.wallet,
        merchant: payment.merchant,
        store: payment.store,
        amount: request.amount,
        digest,
        merchant_refund_id: request.merchant_refund_id.clone(),
        reason: request.reason.clone(),
        requested_at: request.requested_at,
        previous: row.last_entry,
        balance: row.lots.total() + request.amount.minor(),
        returned: returned(&payment.drawn, payment.refunded, request.amount),
    };
    Decision::done(Reply::Refund(Box::new(event.refund(now))), event)
}

/// What must be equal for a refund to be asked for again.
pub(crate) fn refund_digest(request: &RefundRequest) -> RequestDigest {
    RequestDigest::of_amount(request.payment.0, request.amount)
}

fn refund_is_in_order<'a>(
    book: &'a Book,
    prefetched: &'a Prefetched,
    request: &RefundRequest,
    now: Timestamp,
) -> Result<&'a Payment, Refusal> {
    let payment = payment_fact(book, prefetched, request.payment)?;
    if payment.merchant != request.merchant {
        // Another merchant's payment is none of the caller's business: the same answer as for one that is not there.
        return Err(Refusal::PaymentUnknown);
    }
    if payment.status == PaymentStatus::Cancelled {
        return Err(Refusal::AlreadyCancelled);
    }
    if now.seconds() - payment.at.seconds() > REFUND_WINDOW_SECONDS {
        return Err(Refusal::RefundWindowOver);
    }
    if request.amount.is_zero() {
        return Err(Refusal::AmountOutOfBounds);
    }
    if request.amount > payment.refundable() {
        return Err(Refusal::RefundExceedsPayment);
    }
    let row = book
        .wallet(payment.wallet)
        .expect("a payment's wallet is never forgotten");
    let back = returned(&payment.drawn, payment.refunded, request.amount);
    if payment.refunds.len() >= REFUNDS_MAX || !may_return(&row, &back) {
        return Err(Refusal::RefundLimit);
    }
    Ok(payment)
}

/// Does the wallet have room for the origins of money that comes back? It has for those it still holds some money of.
pub(super) fn may_return(row: &Wallet, back: &[Lot]) -> bool {
    row.lots.count() + back.len() <= LOTS_MAX
        || (back.iter()).all(|lot| row.lots.iter().any(|own| own.source == lot.source))
}
