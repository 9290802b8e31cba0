//! What was paid and what came back: a payment and its refunds, as they stand.

use std::ops::Deref;
use std::sync::Arc;

use crate::fund::Drawn;
use crate::ids::{
    AuthorizationId, EntryId, MerchantId, PaymentId, RefundId, StoreId, TillId, WalletId,
};
use crate::key::RequestDigest;
use crate::money::Amount;
use crate::shared::Shared;
use crate::world::Timestamp;
use minicbor::{Decode, Encode};

/// How the payer was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Payer {
    /// The random digits of a scanned one-time code.
    Code(u64),
    /// A standing permission.
    Authorization(AuthorizationId),
}

impl Payer {
    /// As the number that a request's digest is made of. Codes and authorisations cannot meet: a code is below 10^14.
    pub const fn as_number(self) -> u128 {
        match self {
            Payer::Code(digits) => digits as u128,
            Payer::Authorization(id) => id.0,
        }
    }
}

/// What the merchant wrote on a payment and wants to read again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct OrderInfo {
    /// Seconds since 1970, as the merchant said.
    #[n(0)]
    pub requested_at: i64,
    #[n(1)]
    pub description: Option<Box<str>>,
    #[n(2)]
    pub receipt_number: Option<Box<str>>,
    /// The store as the merchant wrote it.
    #[n(3)]
    pub store_text: Option<Box<str>>,
    /// The terminal as the merchant wrote it.
    #[n(4)]
    pub terminal_text: Option<Box<str>>,
    /// The categories of goods in it, as the merchant calls them: each once, at most [`OrderInfo::CATEGORIES_MAX`].
    #[n(5)]
    pub categories: Option<Box<[Box<str>]>>,
}

impl OrderInfo {
    /// Categories of goods that one payment may have.
    pub const CATEGORIES_MAX: usize = 16;
    /// Characters of a category.
    pub const CATEGORY_CHARS_MAX: usize = 64;
}

/// Where a payment stands. Refunds do not change it: they stand beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum PaymentStatus {
    #[n(0)]
    Completed,
    #[n(1)]
    Cancelled,
}

/// A completed payment.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Paid {
    #[n(0)]
    pub id: PaymentId,
    #[n(1)]
    pub merchant: MerchantId,
    #[n(2)]
    pub store: Option<StoreId>,
    #[n(3)]
    pub till: Option<TillId>,
    #[n(4)]
    pub wallet: WalletId,
    #[n(5)]
    pub amount: Amount,
    #[n(6)]
    pub digest: RequestDigest,
    /// The merchant's id for it.
    #[n(7)]
    pub merchant_payment_id: Shared<str>,
    /// The lots it was paid from, where returned money goes back to: the trace of every yen.
    #[n(8)]
    pub drawn: Drawn,
    /// The wallet's movement before this one: history is a chain, and needs no index.
    #[n(9)]
    pub previous: EntryId,
    /// The wallet's balance afterwards, checked when it is applied.
    #[n(10)]
    pub balance: u64,
    #[n(11)]
    pub order: Shared<OrderInfo>,
    /// The standing permission it was made by, if it was not a scan.
    #[n(12)]
    pub authorization: Option<AuthorizationId>,
}

/// What a hold was asked for with, kept until its capture makes a payment of it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HeldFor {
    /// The merchant's id for it, which becomes that of the payment.
    #[n(0)]
    pub merchant_payment_id: Shared<str>,
    #[n(1)]
    pub digest: RequestDigest,
    #[n(2)]
    pub till: Option<TillId>,
    /// The standing permission it was made by, if it was not a scan.
    #[n(3)]
    pub authorization: Option<AuthorizationId>,
    #[n(4)]
    pub order: Shared<OrderInfo>,
}

/// A payment, as it stands: what was paid, and what became of it since.
///
/// What was paid never changes and is shared with the journal's writer and with the answer: a payment costs one piece of memory
/// and not six. It dereferences to [`Paid`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    pub paid: Arc<Paid>,
    /// When it was taken.
    pub at: Timestamp,
    pub status: PaymentStatus,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// The sum of its refunds.
    pub refunded: Amount,
    pub refunds: Vec<RefundId>,
}

impl Deref for Payment {
    type Target = Paid;

    fn deref(&self) -> &Paid {
        &self.paid
    }
}

impl Payment {
    /// A payment right after it was taken.
    pub fn new(paid: Arc<Paid>, at: Timestamp) -> Payment {
        Payment {
            paid,
            at,
            status: PaymentStatus::Completed,
            cancelled_at: None,
            refunded: Amount::ZERO,
            refunds: Vec::new(),
        }
    }

    /// What can still be refunded.
    pub fn refundable(&self) -> Amount {
        match self.status {
            PaymentStatus::Cancelled => Amount::ZERO,
            PaymentStatus::Completed => self
                .paid
                .amount
                .minus(self.refunded)
                .expect("refunds never exceed their payment"),
        }
    }

    /// Notes that part of it came back.
    pub fn note_refund(&mut self, refund: RefundId, amount: Amount) {
        self.refunded = self
            .refunded
            .plus(amount)
            .expect("refunds never exceed their payment");
        self.refunds.push(refund);
    }

    /// Notes that it was undone.
    pub fn note_cancel(&mut self, at: Timestamp) {
        self.status = PaymentStatus::Cancelled;
        self.cancelled_at = Some(at);
    }
}

/// A refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    pub id: RefundId,
    pub payment: PaymentId,
    pub merchant: MerchantId,
    pub wallet: WalletId,
    pub amount: Amount,
    pub at: Timestamp,
    /// The merchant's id for it.
    pub merchant_refund_id: Box<str>,
    pub reason: Option<Box<str>>,
    pub requested_at: i64,
}
