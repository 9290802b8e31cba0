//! What must be fetched before a decision.

use crate::ids::{PaymentId, TopUpId};
use crate::key::RequestKey;

/// What a decision needs of the past beyond what the book always holds. Memory may have forgotten it: then it is prefetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The first answer under this key, and the payment, refund or top-up it leads to.
    pub key: Option<RequestKey>,
    pub payment: Option<PaymentId>,
    pub top_up: Option<TopUpId>,
}

impl Needs {
    /// Nothing but the book.
    pub const NOTHING: Needs = Needs {
        key: None,
        payment: None,
        top_up: None,
    };
    pub(crate) fn key(key: RequestKey) -> Needs {
        Needs {
            key: Some(key),
            ..Needs::NOTHING
        }
    }
    pub(crate) fn payment(payment: PaymentId) -> Needs {
        Needs {
            payment: Some(payment),
            ..Needs::NOTHING
        }
    }
    pub(crate) fn top_up(top_up: TopUpId) -> Needs {
        Needs {
            top_up: Some(top_up),
            ..Needs::NOTHING
        }
    }
}
