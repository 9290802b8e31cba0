//! What can be read of a shard through the writer, as of a durable state. A query changes nothing and is never journaled.

use crate::command::Command;
use crate::ids::{MerchantId, PaymentId, WalletId};
use crate::key::RequestKey;
use crate::needs::Needs;

/// Everything that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// A wallet as its owner sees it.
    Wallet { wallet: WalletId },
    /// A payment by the merchant's id for it.
    Payment {
        merchant: MerchantId,
        merchant_payment_id: Box<str>,
    },
    /// A payment by our id for it; only for the merchant it was made with.
    PaymentById {
        merchant: MerchantId,
        payment: PaymentId,
    },
    /// A refund by the merchant's id for it and, where given, the payment.
    Refund {
        merchant: MerchantId,
        merchant_refund_id: Box<str>,
        payment: Option<PaymentId>,
    },
    /// What this command was answered when it was first asked, for a request that may have been delivered before and must not
    /// be decided by being delivered again. Payments, holds and refunds have an id and so a first answer.
    FirstAnswer { of: Box<Command> },
}

impl Query {
    /// What the answer needs of the past.
    pub fn needs(&self) -> Needs {
        match self {
            Query::Wallet { .. } => Needs::NOTHING,
            Query::Payment {
                merchant,
                merchant_payment_id,
            } => Needs::key(RequestKey::payment(*merchant, merchant_payment_id)),
            Query::PaymentById { payment, .. } => Needs::payment(*payment),
            Query::Refund {
                merchant,
                merchant_refund_id,
                payment,
            } => Needs::key(match payment {
                Some(payment) => RequestKey::refund(*merchant, *payment, merchant_refund_id),
                None => RequestKey::refund_by_name(*merchant, merchant_refund_id),
            }),
            Query::FirstAnswer { of } => of.needs(),
        }
    }
}
