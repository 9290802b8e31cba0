//! Funding in: started by the customer, credited only on the processor's own word, once.

use crate::act::{CreditKind, Done, Refusal, TopUpState};
use crate::book::{Book, Wallet};
use crate::change::Change;
use crate::decide::{Decision, Facts, Rules};
use crate::ids::{EntryId, TopUpId, WalletId};
use crate::key::{Answered, RequestKey, Sameness};
use crate::money::Amount;

/// Would this much more keep the wallet within its cap?
fn fits(rules: &Rules, row: &Wallet, amount: Amount) -> bool {
    row.lots.total() + row.held.minor() + amount.minor() <= rules.balance_cap.minor()
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
        Some(row) if row.status == crate::book::WalletStatus::Frozen => Some(Refusal::WalletFrozen),
        Some(_) if amount < rules.top_up_min || amount > rules.top_up_max => {
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
    book.closed_top_up(top_up)
        .map(|row| row.state)
        .or(facts.top_up_state)
        .unwrap_or(TopUpState::Expired)
}

/// The processor has the money: credit it, whatever the wallet's state or cap, for it is the customer's.
pub(crate) fn confirm(book: &Book, facts: &Facts, top_up: TopUpId, amount: Amount) -> Decision {
    let Some(open) = book.top_ups.get(&top_up) else {
        return Decision::answer(
            match book
                .closed_top_up(top_up)
                .map(|row| row.state)
                .or(facts.top_up_state)
            {
                Some(state) => Ok(Done::TopUp { top_up, state }),
                None => Err(Refusal::TopUpUnknown),
            },
        );
    };
    if open.amount != amount {
        return Decision::refuse(Refusal::TopUpAmountDiffers);
    }
    let row = book
        .wallet(open.wallet)
        .expect("a top-up's wallet is never forgotten");
    Decision::done(
        Done::TopUp {
            top_up,
            state: TopUpState::Succeeded,
        },
        Change::TopUpConfirmed {
            entry: EntryId(book.next_id()),
            top_up,
            wallet: open.wallet,
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
            match book
                .closed_top_up(top_up)
                .map(|row| row.state)
                .or(facts.top_up_state)
            {
                Some(state) => Ok(Done::TopUp { top_up, state }),
                None => Err(Refusal::TopUpUnknown),
            },
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
