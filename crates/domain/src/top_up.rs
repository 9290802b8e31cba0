//! Funding in: started by the customer, credited only on the processor's own word, once.

use crate::act::{CreditKind, Done, Refusal, TopUpState};
use crate::book::{Book, ClosedTopUp, Wallet, WalletStatus};
use crate::change::Change;
use crate::decision::{Decision, Facts, Rules};
use crate::funding::LOTS_MAX;
use crate::ids::{EntryId, TopUpId, WalletId};
use crate::key::{Answered, RequestKey, Sameness};
use crate::money::Amount;

/// Would this much more keep the wallet within its cap? What is still on its way in counts: a customer who opens ten card
/// pages at once and pays on all of them must not end far above the cap.
fn fits(rules: &Rules, row: &Wallet, amount: Amount) -> bool {
    let there = row.lots.total() + row.held.minor() + row.pending.minor();
    there + amount.minor() <= rules.balance_cap.minor() && row.lots.count() < LOTS_MAX
}

pub(crate) fn start(
    book: &Book,
    rules: &Rules,
    facts: &Facts,
    wallet: WalletId,
    name: &str,
    amount: Amount,
) -> Decision {
    let key = RequestKey::credit(wallet, name);
    let sameness = Sameness::of_amount(1, amount);
    if let Some(first) = book.first_answer(key).or(facts.first_answer) {
        if first.sameness != sameness {
            return Decision::refuse(Refusal::IdempotencyConflict);
        }
        return Decision::answer(match first.answer {
            Answered::TopUp(top_up) => Ok(Done::TopUp {
                top_up,
                state: state(book, facts, top_up),
            }),
            Answered::Refused(refusal) => Err(refusal),
            _ => Err(Refusal::IdempotencyConflict),
        });
    }
    let refusal = match book.wallet(wallet) {
        None => return Decision::refuse(Refusal::WalletUnknown),
        Some(row) if row.status == WalletStatus::Frozen => Some(Refusal::WalletFrozen),
        Some(_) if amount.is_zero() || amount < rules.top_up_min || amount > rules.top_up_max => {
            Some(Refusal::AmountOutOfBounds)
        }
        Some(row) if !fits(rules, row, amount) => Some(Refusal::BalanceCap),
        Some(_) => None,
    };
    if let Some(refusal) = refusal {
        return Decision::refuse_for_good(key, sameness, refusal);
    }
    let top_up = TopUpId(book.next_id());
    Decision::done(
        Done::TopUp {
            top_up,
            state: TopUpState::Pending,
        },
        Change::TopUpStarted {
            top_up,
            wallet,
            amount,
            key,
            sameness,
        },
    )
}

fn state(book: &Book, facts: &Facts, top_up: TopUpId) -> TopUpState {
    if book.top_ups.get(&top_up).is_some() {
        return TopUpState::Pending;
    }
    // A top-up that memory does not know any more was closed long ago; the views say how.
    closed(book, facts, top_up).map_or(TopUpState::Expired, |row| row.state)
}

fn closed(book: &Book, facts: &Facts, top_up: TopUpId) -> Option<ClosedTopUp> {
    book.closed_top_up(top_up).or(facts.top_up)
}

/// The processor has the money: credit it, whatever the wallet's state or cap, for it is the customer's. Even when it said
/// before that it never would: words arrive in any order, and a card that failed may be tried again on the same page.
pub(crate) fn confirm(book: &Book, facts: &Facts, top_up: TopUpId, amount: Amount) -> Decision {
    let known = match book.top_ups.get(&top_up) {
        Some(open) => Some((open.wallet, open.amount)),
        None => match closed(book, facts, top_up) {
            Some(row) if row.state == TopUpState::Succeeded => {
                return Decision::answer(Ok(Done::TopUp {
                    top_up,
                    state: row.state,
                }));
            }
            row => row.map(|row| (row.wallet, row.amount)),
        },
    };
    let Some((wallet, started)) = known else {
        return Decision::refuse(Refusal::TopUpUnknown);
    };
    if started != amount {
        return Decision::refuse(Refusal::TopUpAmountDiffers);
    }
    let row = book
        .wallet(wallet)
        .expect("a top-up's wallet is never forgotten");
    Decision::done(
        Done::TopUp {
            top_up,
            state: TopUpState::Succeeded,
        },
        Change::TopUpConfirmed {
            entry: EntryId(book.next_id()),
            top_up,
            wallet,
            amount,
            previous: row.last_entry,
            balance: row.lots.total() + amount.minor(),
        },
    )
}

/// The processor says it will never have the money.
pub(crate) fn fail(book: &Book, facts: &Facts, top_up: TopUpId, expired: bool) -> Decision {
    let Some(open) = book.top_ups.get(&top_up) else {
        return Decision::answer(
            closed(book, facts, top_up)
                .map(|row| Done::TopUp {
                    top_up,
                    state: row.state,
                })
                .ok_or(Refusal::TopUpUnknown),
        );
    };
    let state = if expired {
        TopUpState::Expired
    } else {
        TopUpState::Failed
    };
    Decision::done(
        Done::TopUp { top_up, state },
        Change::TopUpFailed {
            top_up,
            wallet: open.wallet,
            expired,
        },
    )
}

pub(crate) fn credit(
    book: &Book,
    rules: &Rules,
    facts: &Facts,
    wallet: WalletId,
    name: &str,
    amount: Amount,
    kind: CreditKind,
) -> Decision {
    let key = RequestKey::credit(wallet, name);
    let sameness = Sameness::of_amount(2 + kind as u64, amount);
    if let Some(first) = book.first_answer(key).or(facts.first_answer) {
        if first.sameness != sameness {
            return Decision::refuse(Refusal::IdempotencyConflict);
        }
        return Decision::answer(match first.answer {
            Answered::Credit(entry) => Ok(Done::Credited { entry }),
            Answered::Refused(refusal) => Err(refusal),
            _ => Err(Refusal::IdempotencyConflict),
        });
    }
    let row = match book.wallet(wallet) {
        None => return Decision::refuse(Refusal::WalletUnknown),
        Some(_) if amount.is_zero() => {
            return Decision::refuse_for_good(key, sameness, Refusal::AmountOutOfBounds);
        }
        Some(row) if !fits(rules, row, amount) => {
            return Decision::refuse_for_good(key, sameness, Refusal::BalanceCap);
        }
        Some(row) => row,
    };
    let entry = EntryId(book.next_id());
    Decision::done(
        Done::Credited { entry },
        Change::Credited {
            entry,
            wallet,
            kind,
            amount,
            key,
            sameness,
            previous: row.last_entry,
            balance: row.lots.total() + amount.minor(),
        },
    )
}
