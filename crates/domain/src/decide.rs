//! From an act to its answer and its changes: pure, and without a wait.

use crate::act::{Act, Done, Outcome, Refusal};
use crate::book::{Book, ClosedTopUp};
use crate::change::Change;
use crate::code::CodeFact;
use crate::key::{FirstAnswer, RequestKey, Sameness};
use crate::money::Amount;
use crate::payment::{Payment, Refund};
use crate::world::Timestamp;
use crate::{identity, merchant, payment, top_up};

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

/// Decides an act on the book as it stands. Issuing a code is not decided here: it changes no book.
pub fn decide(book: &Book, rules: &Rules, facts: &Facts, act: &Act, now: Timestamp) -> Decision {
    match act {
        Act::OpenMerchant => merchant::open_merchant(book),
        Act::OpenStore { merchant } => merchant::open_store(book, *merchant),
        Act::OpenTill { store } => merchant::open_till(book, *store),
        Act::BindTill { till, device } => merchant::bind_till(book, *till, *device),
        Act::BindApiKey { key, merchant } => merchant::bind_api_key(book, *key, *merchant),
        Act::RevokeApiKey { key } => merchant::revoke_api_key(book, *key),
        Act::OpenWallet { credential } => identity::open_wallet(book, *credential),
        Act::BindCredential { wallet, credential } => {
            identity::bind_credential(book, *wallet, *credential)
        }
        Act::RevokeCredential { wallet, credential } => {
            identity::revoke_credential(book, *wallet, *credential)
        }
        Act::Freeze { wallet } => identity::freeze(book, *wallet),
        Act::Unfreeze { wallet } => identity::unfreeze(book, *wallet),
        Act::GrantAuthorization {
            authorization,
            wallet,
            merchant,
        } => identity::grant(book, *authorization, *wallet, *merchant),
        Act::RevokeAuthorization { authorization } => identity::revoke_grant(book, *authorization),
        Act::IssueCode { .. } => Decision::refuse(Refusal::CodeUnknown),
        Act::Charge(charge) => payment::charge(book, rules, facts, charge, now),
        Act::Cancel {
            caller,
            merchant,
            name,
        } => payment::cancel(book, facts, *caller, *merchant, name, now),
        Act::Refund(request) => payment::refund(book, facts, request, now),
        Act::Hold { charge, expires_at } => payment::hold(book, rules, facts, charge, *expires_at),
        Act::Capture {
            caller,
            merchant,
            hold,
            amount,
        } => payment::capture(book, *caller, *merchant, *hold, *amount),
        Act::Release { hold } => payment::release(book, *hold),
        Act::StartTopUp {
            wallet,
            name,
            amount,
        } => top_up::start(book, rules, facts, *wallet, name, *amount),
        Act::ConfirmTopUp { top_up, amount } => top_up::confirm(book, facts, *top_up, *amount),
        Act::FailTopUp { top_up, expired } => top_up::fail(book, facts, *top_up, *expired),
        Act::Credit {
            wallet,
            name,
            amount,
            kind,
        } => top_up::credit(book, rules, facts, *wallet, name, *amount, *kind),
        Act::Look { wallet } => identity::look(book, *wallet),
        Act::FindPayment { .. } | Act::FindPaymentById { .. } | Act::FindRefund { .. } => {
            payment::find(book, facts, act)
        }
    }
}
