//! What a merchant's caller asks for.

use super::{OrderInfo, Payer};
use crate::ids::{MerchantId, PaymentId, StoreId, TillId};
use crate::key::{RequestDigest, Spot};
use crate::money::Amount;
use crate::shared::Shared;

/// A request to take money from a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    pub merchant: MerchantId,
    /// The merchant's id for the payment, 1..=64 of `a-z A-Z 0-9 - _`.
    pub merchant_payment_id: Shared<str>,
    pub payer: Payer,
    pub amount: Amount,
    pub store: Option<StoreId>,
    pub till: Option<TillId>,
    pub order: Shared<OrderInfo>,
}

impl Charge {
    /// What must be equal for a repeat to get the first answer again.
    pub fn digest(&self) -> RequestDigest {
        RequestDigest::of_payment(
            self.merchant,
            self.amount,
            self.payer.as_number(),
            Spot::named(self.store.map(|id| id.0), self.order.store_text.as_deref()),
            Spot::named(
                self.till.map(|id| id.0),
                self.order.terminal_text.as_deref(),
            ),
        )
    }
}

/// A request to give money of a payment back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundRequest {
    pub merchant: MerchantId,
    /// The merchant's id for the refund, 1..=64 of `a-z A-Z 0-9 - _`.
    pub merchant_refund_id: Box<str>,
    pub payment: PaymentId,
    pub amount: Amount,
    pub reason: Option<Box<str>>,
    /// Seconds since 1970 as the merchant said; never part of the digest.
    pub requested_at: i64,
}
