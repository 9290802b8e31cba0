//! What is asked before any rule of a payment: may the caller act for the merchant, and was the request seen before?

use crate::book::{Book, Merchant};
use crate::context::Actor;
use crate::decision::{Decision, Prefetched};
use crate::ids::{MerchantId, PaymentId, RefundId, StoreId};
use crate::key::{Answered, IdempotencyRecord, RequestDigest, RequestKey};
use crate::merchant::{ReversalRule, TillReach};
use crate::money::Amount;
use crate::pay::{Payment, Refund};
use crate::refusal::Refusal;
use crate::reply::Reply;

/// May this caller act for this merchant at this moment? Asked before anything else, and a no leaves no trace: a caller without
/// the right to a merchant's ids must be able neither to use them up nor to read the answers under them.
pub(super) fn caller_may(book: &Book, by: Actor, merchant: MerchantId) -> Result<(), Refusal> {
    match by {
        Actor::Key { key } => match book.api_keys.get(&key) {
            Some(owner) if *owner == merchant => Ok(()),
            _ => Err(Refusal::KeyRevoked),
        },
        Actor::Till { till, device, .. } => match book.tills.get(&till) {
            Some(row)
                if row.device == Some(device) && book.merchant_of(row.store) == Some(merchant) =>
            {
                Ok(())
            }
            _ => Err(Refusal::TillUnknown),
        },
        // Customers, operators and the program itself have no business with a merchant's payments.
        Actor::Customer { .. } | Actor::Operator { .. } | Actor::System { .. } => {
            Err(Refusal::KeyRevoked)
        }
    }
}

/// Is a payment or hold of this merchant and store within the caller's reach? A register's key speaks for the whole merchant, a till's
/// page for the store that it stands in, unless the merchant says more: a tablet that was stolen from one store undoes no sale of
/// another. Outside of it the answer is the one for a payment that is not there, and it uses no id up.
pub(super) fn in_reach(
    book: &Book,
    by: Actor,
    merchant: MerchantId,
    store: Option<StoreId>,
) -> Result<(), Refusal> {
    match by {
        Actor::Till { till, .. } => {
            let own = book.tills.get(&till).map(|row| row.store);
            let is_own = match rule_of(book, merchant).reach {
                TillReach::Store => store.is_some() && store == own,
                TillReach::Merchant => own.and_then(|own| book.merchant_of(own)) == Some(merchant),
            };
            if is_own {
                Ok(())
            } else {
                Err(Refusal::PaymentUnknown)
            }
        }
        Actor::Key { .. }
        | Actor::Customer { .. }
        | Actor::Operator { .. }
        | Actor::System { .. } => Ok(()),
    }
}

/// May the caller give this much of a payment back as it stands there? A till does so alone for its own sales, up to what the merchant says
/// in all; else a supervisor of its store stands beside it. A no leaves no trace: the same request is made again with the PIN.
pub(super) fn is_approved(
    book: &Book,
    by: Actor,
    payment: &Payment,
    amount: Amount,
) -> Result<(), Refusal> {
    let Actor::Till {
        till,
        approved_by: None,
        ..
    } = by
    else {
        return Ok(());
    };
    let back = payment.refunded.minor().saturating_add(amount.minor());
    let is_much = back > rule_of(book, payment.merchant).alone_up_to;
    if payment.till == Some(till) && !is_much {
        Ok(())
    } else {
        Err(Refusal::ApprovalNeeded)
    }
}

fn rule_of(book: &Book, merchant: MerchantId) -> ReversalRule {
    let row = book.merchants.get(&merchant);
    row.map_or(ReversalRule::DEFAULT, Merchant::reversal_rule)
}

/// The first answer under a key, wherever it is known.
pub(crate) fn first_answer(
    book: &Book,
    prefetched: &Prefetched,
    key: RequestKey,
) -> Option<IdempotencyRecord> {
    book.first_answer(key).or(prefetched.first_answer)
}

/// A request that was seen before gets its first answer, or is told that it is another request under an old id.
pub(super) fn repeated<E>(
    book: &Book,
    prefetched: &Prefetched,
    key: RequestKey,
    digest: RequestDigest,
) -> Option<Decision<E>> {
    let first = first_answer(book, prefetched, key)?;
    if matches!(first.answer, Answered::CancelledBefore) {
        return Some(Decision::refuse(Refusal::CancelledBeforePayment));
    }
    if first.digest != digest {
        return Some(Decision::refuse(Refusal::IdempotencyConflict));
    }
    Some(Decision::answer(match first.answer {
        Answered::Payment(id) => {
            payment_fact(book, prefetched, id).map(|payment| Reply::Payment(payment.clone()))
        }
        Answered::Refund(id) => {
            refund_fact(book, prefetched, id).map(|refund| Reply::Refund(Box::new(refund.clone())))
        }
        Answered::Hold(hold) => Ok(Reply::Held { hold }),
        Answered::Refused(refusal) => Err(refusal),
        Answered::TopUp(_) | Answered::Credit(_) | Answered::CancelledBefore => {
            unreachable!("request keys of different kinds never meet")
        }
    }))
}

pub(super) fn payment_fact<'a>(
    book: &'a Book,
    prefetched: &'a Prefetched,
    id: PaymentId,
) -> Result<&'a Payment, Refusal> {
    book.payment(id)
        .or_else(|| {
            prefetched
                .payment
                .as_ref()
                .filter(|payment| payment.id == id)
        })
        .ok_or(Refusal::PaymentUnknown)
}

pub(super) fn refund_fact<'a>(
    book: &'a Book,
    prefetched: &'a Prefetched,
    id: RefundId,
) -> Result<&'a Refund, Refusal> {
    book.refund(id)
        .or_else(|| {
            prefetched
                .refund
                .as_deref()
                .filter(|refund| refund.id == id)
        })
        .ok_or(Refusal::RefundUnknown)
}
