//! What a decision is made of and what comes of it: the operator's limits, what memory does not hold, the answer.

use crate::book::ClosedTopUp;
use crate::key::IdempotencyRecord;
use crate::money::Amount;
use crate::pay::{CodeFact, Payment, Refund};
use crate::refusal::Refusal;
use crate::reply::{Outcome, Reply};

/// The bounds an operator sets. They steer decisions only: a replay applies what was decided, whatever the bounds are now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
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

impl Default for Limits {
    fn default() -> Self {
        Limits {
            balance_cap: Amount::yen(100_000),
            charge_max: Amount::yen(100_000),
            top_up_min: Amount::yen(500),
            top_up_max: Amount::yen(30_000),
            code_life_seconds: 60,
        }
    }
}

/// What memory does not hold and was fetched before the decision: the distant past, and what the code desk says of a code.
#[derive(Clone, Debug)]
pub struct Prefetched {
    /// What the scanned code means at this instant.
    pub code: CodeFact,
    /// The first answer to an old request.
    pub first_answer: Option<IdempotencyRecord>,
    /// An old payment, proven by its journal row.
    pub payment: Option<Payment>,
    /// An old refund.
    pub refund: Option<Box<Refund>>,
    /// An old top-up that is over.
    pub top_up: Option<ClosedTopUp>,
}

impl Prefetched {
    /// Nothing but the book.
    pub const NOTHING: Prefetched = Prefetched {
        code: CodeFact::Unknown,
        first_answer: None,
        payment: None,
        refund: None,
        top_up: None,
    };
}

/// An answer, and the events that make it true.
///
/// `E` is the list of all events; a rule is written for any `E` that the events it may cause belong to, so its type says which.
#[derive(Clone, Debug)]
pub struct Decision<E> {
    pub outcome: Outcome,
    pub events: Vec<E>,
}

impl<E> Decision<E> {
    /// An answer that changes nothing.
    pub(crate) fn answer(outcome: Outcome) -> Decision<E> {
        Decision {
            outcome,
            events: Vec::new(),
        }
    }
    /// A good answer with one event.
    pub(crate) fn done(reply: Reply, event: impl Into<E>) -> Decision<E> {
        Decision {
            outcome: Ok(reply),
            events: vec![event.into()],
        }
    }
    /// A refusal that leaves no trace: the request may be made again.
    pub(crate) fn refuse(refusal: Refusal) -> Decision<E> {
        Decision::answer(Err(refusal))
    }
}
