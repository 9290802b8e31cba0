//! What was paid and what came back: a payment and its refunds, as they stand.

use crate::funding::Lot;
use crate::ids::{AuthorizationId, MerchantId, PaymentId, RefundId, StoreId, TillId, WalletId};
use crate::money::Amount;
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
    /// As the number that sameness is made of. Codes and authorisations cannot meet: a code is below 10^14.
    pub const fn as_number(self) -> u128 {
        match self {
            Payer::Code(digits) => digits as u128,
            Payer::Authorization(id) => id.0,
        }
    }
}

/// What the merchant wrote on a payment and wants to read again; no rule looks at it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Papers {
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

/// A payment, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    pub id: PaymentId,
    pub merchant: MerchantId,
    pub store: Option<StoreId>,
    pub till: Option<TillId>,
    pub wallet: WalletId,
    pub amount: Amount,
    /// When it was taken.
    pub at: Timestamp,
    pub status: PaymentStatus,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// The sum of its refunds.
    pub refunded: Amount,
    /// The merchant's id for it.
    pub name: Box<str>,
    /// The standing permission it was made by, if it was not a scan.
    pub authorization: Option<AuthorizationId>,
    pub papers: Box<Papers>,
    pub refunds: Vec<RefundId>,
    /// The lots it was paid from; where they came from, returned money goes back to.
    pub drawn: Box<[Lot]>,
}

impl Payment {
    /// What can still be refunded.
    pub fn refundable(&self) -> Amount {
        match self.status {
            PaymentStatus::Cancelled => Amount::ZERO,
            PaymentStatus::Completed => self
                .amount
                .minus(self.refunded)
                .expect("refunds never exceed their payment"),
        }
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
    pub name: Box<str>,
    pub reason: Option<Box<str>>,
    pub requested_at: i64,
}
