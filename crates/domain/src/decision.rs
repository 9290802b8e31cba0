//! What a decision is made of and what comes of it: the operator's bounds, the facts memory does not hold, the answer.

use crate::accounts::ClosedTopUp;
use crate::act::{Done, Outcome};
use crate::change::Change;
use crate::code::CodeFact;
use crate::key::{FirstAnswer, RequestKey, Sameness};
use crate::money::Amount;
use crate::paid::{Payment, Refund};
use crate::refusal::Refusal;

/// The bounds an operator sets. They steer decisions only: a replay applies what was decided, whatever the bounds are now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The most a wallet may hold, in yen. Default 100,000.
    pub balance_cap: Amount,
    /// The most one payment may be, in yen. Default 100,000.
    pub charge_max: Amount,
    /// The least one top-up may be, in yen. Default 500.
    pub top_up_min: Amount,
    /// The most one top-up may be, in yen. Default 30,000.
    pub top_up_max: Amount,
    /// How long a code works, 10..=60 seconds. Default 60.
    pub code_life_seconds: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            balance_cap: Amount::yen(100_000),
            charge_max: Amount::yen(100_000),
            top_up_min: Amount::yen(500),
            top_up_max: Amount::yen(30_000),
            code_life_seconds: 60,
        }
    }
}

/// What memory does not hold and somebody looked up before: the distant past, and the desk of codes.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What the scanned code means at this instant.
    pub code: CodeFact,
    /// The first answer to an old request.
    pub first_answer: Option<FirstAnswer>,
    /// An old payment, proven by its journal row.
    pub payment: Option<Box<Payment>>,
    /// An old refund.
    pub refund: Option<Box<Refund>>,
    /// An old top-up that is over.
    pub top_up: Option<ClosedTopUp>,
}

impl Facts {
    /// Nothing but the book.
    pub const NONE: Facts = Facts {
        code: CodeFact::Unknown,
        first_answer: None,
        payment: None,
        refund: None,
        top_up: None,
    };
}

/// An answer, and the changes that make it true.
#[derive(Clone, Debug)]
pub struct Decision {
    pub outcome: Outcome,
    pub changes: Vec<Change>,
}

impl Decision {
    /// An answer that changes nothing.
    pub(crate) fn answer(outcome: Outcome) -> Decision {
        Decision {
            outcome,
            changes: Vec::new(),
        }
    }
    /// A good answer with one change.
    pub(crate) fn done(done: Done, change: Change) -> Decision {
        Decision {
            outcome: Ok(done),
            changes: vec![change],
        }
    }
    /// A refusal that leaves no trace: the request may be made again.
    pub(crate) fn refuse(refusal: Refusal) -> Decision {
        Decision::answer(Err(refusal))
    }
    /// A refusal that is final for its id.
    pub(crate) fn refuse_for_good(
        key: RequestKey,
        sameness: Sameness,
        refusal: Refusal,
    ) -> Decision {
        Decision {
            outcome: Err(refusal),
            changes: vec![Change::Refused {
                key,
                sameness,
                refusal,
            }],
        }
    }
}
