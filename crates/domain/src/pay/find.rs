//! Reading payments and refunds again. A caller that may not act for a merchant any more reads nothing of it either.

use super::caller::{caller_may, first_answer, in_reach, payment_fact, refund_fact, repeated};
use super::charge::code_wallet;
use super::refund_digest;
use crate::book::Book;
use crate::command::Command;
use crate::context::Actor;
use crate::decision::{Decision, Prefetched};
use crate::event::Event;
use crate::ids::{MerchantId, PaymentId};
use crate::key::{Answered, RequestKey};
use crate::refusal::Refusal;
use crate::reply::{Outcome, Reply};

pub(crate) fn find_payment(
    book: &Book,
    prefetched: &Prefetched,
    by: Actor,
    merchant: MerchantId,
    merchant_payment_id: &str,
) -> Outcome {
    caller_may(book, by, merchant)?;
    let key = RequestKey::payment(merchant, merchant_payment_id);
    match first_answer(book, prefetched, key).map(|first| first.answer) {
        Some(Answered::Payment(id)) => {
            let row = payment_fact(book, prefetched, id)?;
            in_reach(book, by, row.merchant, row.store)?;
            Ok(Reply::Payment(row.clone()))
        }
        Some(Answered::Hold(hold)) => Ok(Reply::Held { hold }),
        Some(Answered::Refused(refusal)) => Err(refusal),
        Some(Answered::CancelledBefore) => Err(Refusal::CancelledBeforePayment),
        _ => Err(Refusal::PaymentUnknown),
    }
}

pub(crate) fn find_payment_by_id(
    book: &Book,
    prefetched: &Prefetched,
    by: Actor,
    merchant: MerchantId,
    payment: PaymentId,
) -> Outcome {
    caller_may(book, by, merchant)?;
    payment_fact(book, prefetched, payment)
        .ok()
        .filter(|row| row.merchant == merchant && in_reach(book, by, merchant, row.store).is_ok())
        .map(|row| Reply::Payment(row.clone()))
        .ok_or(Refusal::PaymentUnknown)
}

pub(crate) fn find_refund(
    book: &Book,
    prefetched: &Prefetched,
    by: Actor,
    merchant: MerchantId,
    merchant_refund_id: &str,
    payment: Option<PaymentId>,
) -> Outcome {
    caller_may(book, by, merchant)?;
    let key = match payment {
        Some(payment) => RequestKey::refund(merchant, payment, merchant_refund_id),
        None => RequestKey::refund_by_name(merchant, merchant_refund_id),
    };
    match first_answer(book, prefetched, key).map(|first| first.answer) {
        Some(Answered::Refund(id)) => {
            refund_fact(book, prefetched, id).map(|row| Reply::Refund(Box::new(row.clone())))
        }
        _ => Err(Refusal::RefundUnknown),
    }
}

/// What a command was answered when it was first asked; [`Reply::Undecided`] where nothing was decided for good.
pub(crate) fn find_first_answer(
    book: &Book,
    prefetched: &Prefetched,
    by: Actor,
    of: &Command,
) -> Outcome {
    let (merchant, digest) = match of {
        Command::Charge(charge) => (charge.merchant, charge.digest()),
        Command::Hold { charge, .. } => (charge.merchant, charge.digest().of_hold()),
        Command::Refund(request) => (request.merchant, refund_digest(request)),
        _ => return Ok(Reply::Undecided),
    };
    caller_may(book, by, merchant)?;
    let key = of.needs().key.expect("each of them has an id");
    let told: Option<Decision<Event>> = repeated(book, prefetched, key, digest);
    if let Some(told) = told {
        return told.outcome;
    }
    // A scan that was refused for its code left no trace; the code is as dead as it was.
    let dead = of
        .scan()
        .and_then(|_| code_wallet(book, prefetched.code).err());
    dead.filter(|refusal| refusal.is_of_a_code())
        .map_or(Ok(Reply::Undecided), Err)
}
