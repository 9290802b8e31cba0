//! Charge, cancel, refund, hold and capture: every refusal in order of precedence.

use std::collections::HashMap;

use crate::act::{Act, Caller, Charge, Done, RefundRequest, Refusal};
use crate::book::{Book, Hold, Wallet, WalletStatus};
use crate::change::{Change, Paid};
use crate::code::CodeFact;
use crate::decision::{Decision, Facts, Rules};
use crate::funding::{DRAWN_MAX, LOTS_MAX, Lot, returned};
use crate::ids::{EntryId, HoldId, MerchantId, PaymentId, RefundId, WalletId};
use crate::key::{Answered, FirstAnswer, RequestKey, Sameness};
use crate::money::Amount;
use crate::world::Timestamp;

pub use crate::paid::{Papers, Payer, Payment, PaymentStatus, Refund};

/// A payment can be cancelled until fifteen minutes past midnight in Japan on the day after it.
fn cancel_window_is_open(paid_at: Timestamp, now: Timestamp) -> bool {
    let closes_at_seconds = (paid_at.day_in_japan() + 1) * 86_400 - 9 * 3600 + 15 * 60;
    now.seconds() < closes_at_seconds
}

/// A payment may be given back in this many parts: what is kept of it grows with each.
const REFUNDS_MAX: usize = 100;

/// Holds that one act gives back: one change each, and all of them must fit into a batch beside others.
pub const RELEASES_MAX: u32 = 50;

/// Refunds are taken for 365 days.
const REFUND_WINDOW_SECONDS: i64 = 365 * 86_400;

/// A request that was seen before gets its first answer, or is told that it is another request under an old id.
fn repeated(book: &Book, facts: &Facts, key: RequestKey, sameness: Sameness) -> Option<Decision> {
    let first = book.first_answer(key).or(facts.first_answer)?;
    if matches!(first.answer, Answered::CancelledBefore) {
        return Some(Decision::refuse(Refusal::CancelledBeforePayment));
    }
    if first.sameness != sameness {
        return Some(Decision::refuse(Refusal::IdempotencyConflict));
    }
    Some(Decision::answer(match first.answer {
        Answered::Payment(id) => {
            payment_fact(book, facts, id).map(|payment| Done::Payment(Box::new(payment.clone())))
        }
        Answered::Refund(id) => {
            refund_fact(book, facts, id).map(|refund| Done::Refund(Box::new(refund.clone())))
        }
        Answered::Hold(id) => Ok(Done::Held { hold: HoldId(id.0) }),
        Answered::Refused(refusal) => Err(refusal),
        Answered::TopUp(_) | Answered::Credit(_) | Answered::CancelledBefore => {
            unreachable!("request keys of different kinds never meet")
        }
    }))
}

fn payment_fact<'a>(
    book: &'a Book,
    facts: &'a Facts,
    id: PaymentId,
) -> Result<&'a Payment, Refusal> {
    book.payment(id)
        .or_else(|| facts.payment.as_deref().filter(|payment| payment.id == id))
        .ok_or(Refusal::PaymentUnknown)
}

fn refund_fact<'a>(book: &'a Book, facts: &'a Facts, id: RefundId) -> Result<&'a Refund, Refusal> {
    book.refund(id)
        .or_else(|| facts.refund.as_deref().filter(|refund| refund.id == id))
        .ok_or(Refusal::RefundUnknown)
}

/// May this caller act for this merchant at this moment? Asked before anything else, and a no leaves no trace: somebody
/// without the right to a merchant's ids must be able neither to use them up nor to read the answers under them.
fn caller_may(book: &Book, caller: Caller, merchant: MerchantId) -> Result<(), Refusal> {
    match caller {
        Caller::Key(key) => match book.api_keys.get(&key) {
            Some(owner) if *owner == merchant => Ok(()),
            _ => Err(Refusal::KeyRevoked),
        },
        Caller::Till(till, device) => match book.tills.get(&till) {
            Some(row)
                if row.device == Some(device) && book.merchant_of(row.store) == Some(merchant) =>
            {
                Ok(())
            }
            _ => Err(Refusal::TillUnknown),
        },
    }
}

/// The rules that only look at who asks, where and how much.
fn charge_is_in_order(book: &Book, rules: &Rules, charge: &Charge) -> Result<(), Refusal> {
    if book.merchants.get(&charge.merchant).is_none() {
        return Err(Refusal::MerchantUnknown);
    }
    if let Some(store) = charge.store
        && book.merchant_of(store) != Some(charge.merchant)
    {
        return Err(Refusal::StoreUnknown);
    }
    if let Some(till) = charge.till {
        let row = book.tills.get(&till).ok_or(Refusal::TillUnknown)?;
        if book.merchant_of(row.store) != Some(charge.merchant)
            || charge.store.is_some_and(|store| store != row.store)
        {
            return Err(Refusal::TillUnknown);
        }
    }
    if charge.amount.is_zero() || charge.amount > rules.charge_max {
        return Err(Refusal::AmountOutOfBounds);
    }
    Ok(())
}

/// Whose wallet the payer names, if the code or permission is good at this instant.
fn payer_wallet(book: &Book, facts: &Facts, charge: &Charge) -> Result<WalletId, Refusal> {
    match charge.payer {
        Payer::Code(_) => match facts.code {
            CodeFact::Live { wallet, epoch } => match book.wallet(wallet) {
                Some(row) if row.epoch == epoch => Ok(wallet),
                // A freeze or a lost credential raised the epoch: what was shown before is worth nothing.
                Some(row) if row.status == WalletStatus::Frozen => Err(Refusal::WalletFrozen),
                _ => Err(Refusal::CodeReplaced),
            },
            CodeFact::Unknown => Err(Refusal::CodeUnknown),
            CodeFact::Expired => Err(Refusal::CodeExpired),
            CodeFact::Spent => Err(Refusal::CodeSpent),
            CodeFact::Replaced => Err(Refusal::CodeReplaced),
        },
        Payer::Authorization(id) => match book.authorizations.get(&id) {
            Some(grant) if grant.merchant == charge.merchant => Ok(grant.wallet),
            _ => Err(Refusal::AuthorizationUnknown),
        },
    }
}

/// What a wallet would pay with, if it may pay.
fn drawn_from(book: &Book, wallet: WalletId, amount: Amount) -> Result<Vec<Lot>, Refusal> {
    let row = book.wallet(wallet).ok_or(Refusal::WalletUnknown)?;
    if row.status == WalletStatus::Frozen {
        return Err(Refusal::WalletFrozen);
    }
    row.lots
        .draw(amount)
        .filter(|drawn| drawn.len() <= DRAWN_MAX)
        .ok_or(Refusal::BalanceTooSmall)
}

/// Takes money from a wallet for a merchant.
pub(crate) fn charge(
    book: &Book,
    rules: &Rules,
    facts: &Facts,
    charge: &Charge,
    now: Timestamp,
) -> Decision {
    if let Err(refusal) = caller_may(book, charge.caller, charge.merchant) {
        return Decision::refuse(refusal);
    }
    let key = RequestKey::payment(charge.merchant, &charge.name);
    let sameness = charge.sameness();
    if let Some(again) = repeated(book, facts, key, sameness) {
        return again;
    }
    let approved = charge_is_in_order(book, rules, charge)
        .and_then(|()| payer_wallet(book, facts, charge))
        .and_then(|wallet| Ok((wallet, drawn_from(book, wallet, charge.amount)?)));
    let (wallet, drawn) = match approved {
        Ok(approved) => approved,
        Err(refusal) => return Decision::refuse_for_good(key, sameness, refusal),
    };
    let row = book.wallet(wallet).expect("the money was drawn from it");
    let id = PaymentId(book.next_id());
    let authorization = match charge.payer {
        Payer::Code(_) => None,
        Payer::Authorization(id) => Some(id),
    };
    let paid = Paid {
        payment: id,
        merchant: charge.merchant,
        store: charge.store,
        till: charge.till,
        wallet,
        amount: charge.amount,
        sameness,
        name: charge.name.clone(),
        authorization,
        drawn,
        previous: row.last_entry,
        balance: row.lots.total() - charge.amount.minor(),
        papers: charge.papers.clone(),
    };
    let payment = paid.payment(now);
    Decision {
        outcome: Ok(Done::Payment(Box::new(payment))),
        changes: vec![Change::Paid(Box::new(paid))],
    }
}

/// Undoes a payment, or keeps it from happening.
pub(crate) fn cancel(
    book: &Book,
    facts: &Facts,
    caller: Caller,
    merchant: MerchantId,
    name: &str,
    now: Timestamp,
) -> Decision {
    if let Err(refusal) = caller_may(book, caller, merchant) {
        return Decision::refuse(refusal);
    }
    let key = RequestKey::payment(merchant, name);
    let Some(first) = book.first_answer(key).or(facts.first_answer) else {
        let changes = vec![Change::CancelledBefore {
            key,
            merchant,
            name: name.into(),
        }];
        return Decision {
            outcome: Ok(Done::CancelAccepted),
            changes,
        };
    };
    let Answered::Payment(id) = first.answer else {
        return Decision::answer(Ok(Done::CancelAccepted));
    };
    let payment = match payment_fact(book, facts, id) {
        Ok(payment) => payment,
        Err(refusal) => return Decision::refuse(refusal),
    };
    if payment.status == PaymentStatus::Cancelled {
        return Decision::answer(Ok(Done::CancelAccepted));
    }
    if !payment.refunded.is_zero() {
        return Decision::refuse(Refusal::AlreadyRefunded);
    }
    if !cancel_window_is_open(payment.at, now) {
        return Decision::refuse(Refusal::CancelWindowOver);
    }
    let row = book
        .wallet(payment.wallet)
        .expect("a payment's wallet is never forgotten");
    let returned = returned(&payment.drawn, Amount::ZERO, payment.amount);
    if !may_return(row, &returned) {
        return Decision::refuse(Refusal::RefundLimit);
    }
    let change = Change::Cancelled {
        entry: RefundId(book.next_id()),
        payment: payment.id,
        wallet: payment.wallet,
        merchant: payment.merchant,
        store: payment.store,
        amount: payment.amount,
        previous: row.last_entry,
        balance: row.lots.total() + payment.amount.minor(),
        returned,
    };
    Decision {
        outcome: Ok(Done::CancelAccepted),
        changes: vec![change],
    }
}

/// Gives money of a payment back, up to what was paid, frozen wallet or not.
pub(crate) fn refund(
    book: &Book,
    facts: &Facts,
    request: &RefundRequest,
    now: Timestamp,
) -> Decision {
    if let Err(refusal) = caller_may(book, request.caller, request.merchant) {
        return Decision::refuse(refusal);
    }
    let key = RequestKey::refund(request.merchant, request.payment, &request.name);
    let sameness = Sameness::of_amount(request.payment.0, request.amount);
    if let Some(again) = repeated(book, facts, key, sameness) {
        return again;
    }
    let payment = match refund_is_in_order(book, facts, request, now) {
        Ok(payment) => payment,
        Err(refusal) => return Decision::refuse_for_good(key, sameness, refusal),
    };
    let row = book
        .wallet(payment.wallet)
        .expect("a payment's wallet is never forgotten");
    let refund = Refund {
        id: RefundId(book.next_id()),
        payment: payment.id,
        merchant: payment.merchant,
        wallet: payment.wallet,
        amount: request.amount,
        at: now,
        name: request.name.clone(),
        reason: request.reason.clone(),
        requested_at: request.requested_at,
    };
    let change = Change::Refunded {
        refund: refund.id,
        payment: payment.id,
        wallet: payment.wallet,
        merchant: payment.merchant,
        store: payment.store,
        amount: request.amount,
        sameness,
        name: request.name.clone(),
        reason: request.reason.clone(),
        requested_at: request.requested_at,
        previous: row.last_entry,
        balance: row.lots.total() + request.amount.minor(),
        returned: returned(&payment.drawn, payment.refunded, request.amount),
    };
    Decision {
        outcome: Ok(Done::Refund(Box::new(refund))),
        changes: vec![change],
    }
}

fn refund_is_in_order<'a>(
    book: &'a Book,
    facts: &'a Facts,
    request: &RefundRequest,
    now: Timestamp,
) -> Result<&'a Payment, Refusal> {
    let payment = payment_fact(book, facts, request.payment)?;
    if payment.merchant != request.merchant {
        // Somebody else's payment is none of the caller's business: the same answer as for one that is not there.
        return Err(Refusal::PaymentUnknown);
    }
    if payment.status == PaymentStatus::Cancelled {
        return Err(Refusal::AlreadyCancelled);
    }
    if now.seconds() - payment.at.seconds() > REFUND_WINDOW_SECONDS {
        return Err(Refusal::RefundWindowOver);
    }
    if request.amount.is_zero() {
        return Err(Refusal::AmountOutOfBounds);
    }
    if request.amount > payment.refundable() {
        return Err(Refusal::RefundExceedsPayment);
    }
    let row = book
        .wallet(payment.wallet)
        .expect("a payment's wallet is never forgotten");
    let back = returned(&payment.drawn, payment.refunded, request.amount);
    if payment.refunds.len() >= REFUNDS_MAX || !may_return(row, &back) {
        return Err(Refusal::RefundLimit);
    }
    Ok(payment)
}

/// Does the wallet have room for the origins of money that comes back? It has for those it still holds some money of.
fn may_return(row: &Wallet, back: &[Lot]) -> bool {
    row.lots.count() + back.len() <= LOTS_MAX
        || (back.iter()).all(|lot| row.lots.iter().any(|own| own.source == lot.source))
}

/// Sets money aside.
pub(crate) fn hold(
    book: &Book,
    rules: &Rules,
    facts: &Facts,
    charge: &Charge,
    expires_at: Timestamp,
) -> Decision {
    if let Err(refusal) = caller_may(book, charge.caller, charge.merchant) {
        return Decision::refuse(refusal);
    }
    let key = RequestKey::hold(charge.merchant, &charge.name);
    let sameness = charge.sameness();
    if let Some(again) = repeated(book, facts, key, sameness) {
        return again;
    }
    let approved = charge_is_in_order(book, rules, charge)
        .and_then(|()| payer_wallet(book, facts, charge))
        .and_then(|wallet| Ok((wallet, drawn_from(book, wallet, charge.amount)?)));
    let (wallet, drawn) = match approved {
        Ok(approved) => approved,
        Err(refusal) => return Decision::refuse_for_good(key, sameness, refusal),
    };
    let row = book.wallet(wallet).expect("the money was drawn from it");
    let hold = HoldId(book.next_id());
    let change = Change::Held {
        hold,
        key,
        sameness,
        merchant: charge.merchant,
        store: charge.store,
        wallet,
        amount: charge.amount,
        drawn,
        expires_at,
        previous: row.last_entry,
        balance: row.lots.total() - charge.amount.minor(),
    };
    Decision {
        outcome: Ok(Done::Held { hold }),
        changes: vec![change],
    }
}

/// Takes up to what is held.
pub(crate) fn capture(
    book: &Book,
    caller: Caller,
    merchant: MerchantId,
    hold: HoldId,
    amount: Amount,
    now: Timestamp,
) -> Decision {
    let row = match caller_may(book, caller, merchant).and_then(|()| own_hold(book, merchant, hold))
    {
        Ok(row) => row,
        Err(refusal) => return Decision::refuse(refusal),
    };
    if row.expires_at <= now {
        return Decision::refuse(Refusal::HoldExpired);
    }
    if amount.is_zero() || amount > row.amount {
        return Decision::refuse(Refusal::CaptureExceedsHold);
    }
    let wallet = book
        .wallet(row.wallet)
        .expect("a hold's wallet is never forgotten");
    let back = row.amount.minus(amount).expect("it was compared");
    let change = Change::Captured {
        entry: EntryId(book.next_id()),
        hold,
        wallet: row.wallet,
        merchant,
        store: row.store,
        amount,
        back,
        previous: wallet.last_entry,
        balance: wallet.lots.total() + back.minor(),
    };
    Decision {
        outcome: Ok(Done::Released),
        changes: vec![change],
    }
}

/// Gives a hold back.
pub(crate) fn release(book: &Book, hold: HoldId) -> Decision {
    let Some(row) = book.holds.get(&hold) else {
        return Decision::refuse(Refusal::HoldUnknown);
    };
    let wallet = book
        .wallet(row.wallet)
        .expect("a hold's wallet is never forgotten");
    let change = Change::Released {
        entry: EntryId(book.next_id()),
        hold,
        wallet: row.wallet,
        merchant: row.merchant,
        amount: row.amount,
        previous: wallet.last_entry,
        balance: wallet.lots.total() + row.amount.minor(),
    };
    Decision {
        outcome: Ok(Done::Released),
        changes: vec![change],
    }
}

/// Gives back what nobody captured in time, the longest overdue first; the rest waits for the next asking.
///
/// It looks at every open hold, so it is asked once in a few seconds: payments wait for it meanwhile.
pub(crate) fn release_expired(book: &Book, now: Timestamp) -> Decision {
    let mut due = Vec::new();
    book.holds.each(|id, row| {
        if row.expires_at <= now {
            due.push((row.expires_at, *id));
        }
    });
    due.sort_unstable();
    due.truncate(RELEASES_MAX as usize);
    // Two holds of one wallet go back one behind the other.
    let mut stands: HashMap<WalletId, (EntryId, u64)> = HashMap::new();
    let changes: Vec<Change> = (book.next_id()..)
        .zip(&due)
        .map(|(entry, (_, hold))| {
            let row = book.holds.get(hold).expect("it was just seen");
            let wallet = (book.wallet(row.wallet)).expect("a hold's wallet is never forgotten");
            let (previous, balance) = *stands
                .entry(row.wallet)
                .or_insert_with(|| (wallet.last_entry, wallet.lots.total()));
            let balance = balance + row.amount.minor();
            stands.insert(row.wallet, (EntryId(entry), balance));
            Change::Released {
                entry: EntryId(entry),
                hold: *hold,
                wallet: row.wallet,
                merchant: row.merchant,
                amount: row.amount,
                previous,
                balance,
            }
        })
        .collect();
    Decision {
        outcome: Ok(Done::ReleasedExpired(changes.len() as u32)),
        changes,
    }
}

fn own_hold(book: &Book, merchant: MerchantId, hold: HoldId) -> Result<&Hold, Refusal> {
    book.holds
        .get(&hold)
        .filter(|row| row.merchant == merchant)
        .ok_or(Refusal::HoldUnknown)
}

/// Reads a payment or refund; changes nothing. Whoever may not act for a merchant any more reads nothing of it either.
pub(crate) fn find(book: &Book, facts: &Facts, act: &Act) -> Decision {
    let (Act::FindPayment {
        caller, merchant, ..
    }
    | Act::FindPaymentById {
        caller, merchant, ..
    }
    | Act::FindRefund {
        caller, merchant, ..
    }) = act
    else {
        unreachable!("only reading acts come here");
    };
    if let Err(refusal) = caller_may(book, *caller, *merchant) {
        return Decision::refuse(refusal);
    }
    let found = match act {
        Act::FindPayment { merchant, name, .. } => {
            match first(book, facts, RequestKey::payment(*merchant, name)).map(|first| first.answer)
            {
                Some(Answered::Payment(id)) => {
                    payment_fact(book, facts, id).map(|row| Done::Payment(Box::new(row.clone())))
                }
                Some(Answered::Refused(refusal)) => Err(refusal),
                Some(Answered::CancelledBefore) => Err(Refusal::CancelledBeforePayment),
                _ => Err(Refusal::PaymentUnknown),
            }
        }
        Act::FindPaymentById {
            merchant, payment, ..
        } => payment_fact(book, facts, *payment)
            .ok()
            .filter(|row| row.merchant == *merchant)
            .map(|row| Done::Payment(Box::new(row.clone())))
            .ok_or(Refusal::PaymentUnknown),
        Act::FindRefund {
            merchant,
            name,
            payment,
            ..
        } => {
            let key = match payment {
                Some(payment) => RequestKey::refund(*merchant, *payment, name),
                None => RequestKey::refund_by_name(*merchant, name),
            };
            match first(book, facts, key).map(|first| first.answer) {
                Some(Answered::Refund(id)) => {
                    refund_fact(book, facts, id).map(|row| Done::Refund(Box::new(row.clone())))
                }
                _ => Err(Refusal::RefundUnknown),
            }
        }
        _ => unreachable!("only reading acts come here"),
    };
    Decision::answer(found)
}

fn first(book: &Book, facts: &Facts, key: RequestKey) -> Option<FirstAnswer> {
    book.first_answer(key).or(facts.first_answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_can_be_cancelled_until_a_quarter_past_midnight_in_japan() {
        // 2026-11-21 23:50 JST.
        let paid = Timestamp::from_seconds(1_795_272_600);
        assert_eq!((paid.seconds() + 9 * 3600) % 86_400, 23 * 3600 + 50 * 60);
        assert!(cancel_window_is_open(paid, paid.plus_seconds(24 * 60 + 59)));
        assert!(!cancel_window_is_open(paid, paid.plus_seconds(25 * 60)));
    }
}
