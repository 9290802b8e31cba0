//! Funding by card: started by the customer, credited only on the processor's own word, once.

use super::{LOTS_MAX, Source};
use crate::book::{Book, ClosedTopUp, OpenTopUp, Wallet, WalletStatus};
use crate::context::Actor;
use crate::decision::{Decision, Limits, Prefetched};
use crate::entry::{EntryKind, Movement};
use crate::happening::{
    Answers, Happening, Money, Notice, Subject, answers_no_request, moves_no_money,
};
use crate::identity::{count_topped_up, may_top_up, pays_from};
use crate::ids::{EntryId, TopUpId, WalletId};
use crate::key::{Answered, IdempotencyRecord, RequestDigest, RequestKey};
use crate::ledger::{Account, AccountKind, Posting};
use crate::money::Amount;
use crate::pay::first_answer;
use crate::refusal::Refusal;
use crate::reply::{Reply, TopUpState};
use crate::world::Timestamp;
use minicbor::{Decode, Encode};

/// A customer went to a card page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TopUpStarted {
    #[n(0)]
    pub top_up: TopUpId,
    #[n(1)]
    pub wallet: WalletId,
    #[n(2)]
    pub amount: Amount,
    #[n(3)]
    pub key: RequestKey,
    #[n(4)]
    pub digest: RequestDigest,
}

/// The processor has the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TopUpConfirmed {
    #[n(0)]
    pub entry: EntryId,
    #[n(1)]
    pub top_up: TopUpId,
    #[n(2)]
    pub wallet: WalletId,
    #[n(3)]
    pub amount: Amount,
    #[n(4)]
    pub previous: EntryId,
    #[n(5)]
    pub balance: u64,
}

/// The processor says it will never have the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TopUpFailed {
    #[n(0)]
    pub top_up: TopUpId,
    #[n(1)]
    pub wallet: WalletId,
    #[n(2)]
    pub expired: bool,
}

impl TopUpFailed {
    /// How the top-up ended.
    pub const fn state(&self) -> TopUpState {
        if self.expired {
            TopUpState::Expired
        } else {
            TopUpState::Failed
        }
    }
}

moves_no_money!(TopUpStarted, TopUpFailed);
answers_no_request!(TopUpConfirmed, TopUpFailed);

impl Answers for TopUpStarted {
    fn answers(&self, answer: &mut dyn FnMut(RequestKey, IdempotencyRecord)) {
        answer(
            self.key,
            IdempotencyRecord {
                digest: self.digest,
                answer: Answered::TopUp(self.top_up),
            },
        );
    }
}

impl Happening for TopUpStarted {
    fn apply(&self, book: &mut Book) {
        book.consume_id(self.top_up.0);
        let row = OpenTopUp {
            wallet: self.wallet,
            amount: self.amount,
            started_at: book.at(),
        };
        book.put_top_up(self.top_up, Some(row));
        book.change_wallet(self.wallet, |wallet| {
            wallet.pending = wallet
                .pending
                .plus(self.amount)
                .expect("what is pending is within the cap");
        });
        count_topped_up(book, self.wallet, self.amount);
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        None
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

impl Money for TopUpConfirmed {
    fn postings(&self, post: &mut dyn FnMut(Posting)) {
        post(Posting::new(
            Account::operator(AccountKind::CardClearing),
            Account::wallet(self.wallet),
            self.amount,
        ));
    }
    fn movement(&self) -> Option<Movement> {
        Some(Movement {
            about: Some(self.top_up.0),
            ..Movement::of_wallet(
                self.entry,
                EntryKind::TopUp,
                self.wallet,
                self.amount,
                self.previous,
                self.balance,
            )
        })
    }
}

impl Happening for TopUpConfirmed {
    fn apply(&self, book: &mut Book) {
        book.consume_id(self.entry.0);
        let source = Source::Card(self.top_up);
        book.credit(self.wallet, source, self.amount, self.entry, self.balance);
        let row = ClosedTopUp {
            wallet: self.wallet,
            amount: self.amount,
            state: TopUpState::Succeeded,
        };
        book.close_top_up(self.top_up, row);
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        Some((self.wallet, Notice::Moved))
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

impl Happening for TopUpFailed {
    fn apply(&self, book: &mut Book) {
        let open = book
            .top_ups
            .get(&self.top_up)
            .expect("only an open top-up fails");
        let row = ClosedTopUp {
            wallet: self.wallet,
            amount: open.amount,
            state: self.state(),
        };
        book.close_top_up(self.top_up, row);
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        Some((self.wallet, Notice::TopUpFailed(self.top_up)))
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

/// Would this much more keep the wallet within its cap? What is still on its way in counts: a customer who opens ten card
/// pages at once and pays on all of them must not end far above the cap.
pub(super) fn fits(limits: &Limits, row: &Wallet, amount: Amount) -> bool {
    let there = row.lots.total() + row.held.minor() + row.pending.minor();
    there + amount.minor() <= limits.balance_cap.minor() && row.lots.count() < LOTS_MAX
}

/// A request under an id that was seen before: the first answer, or a conflict with it. `good` reads the kind of answer that
/// such a request gets.
pub(super) fn repeated<E>(
    book: &Book,
    prefetched: &Prefetched,
    key: RequestKey,
    digest: RequestDigest,
    good: impl FnOnce(Answered) -> Option<Reply>,
) -> Option<Decision<E>> {
    let first = first_answer(book, prefetched, key)?;
    if first.digest != digest {
        return Some(Decision::refuse(Refusal::IdempotencyConflict));
    }
    Some(Decision::answer(match first.answer {
        Answered::Refused(refusal) => Err(refusal),
        other => good(other).ok_or(Refusal::IdempotencyConflict),
    }))
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is another thing that the rule looks at"
)]
pub(crate) fn start<E: From<TopUpStarted>>(
    book: &Book,
    limits: &Limits,
    prefetched: &Prefetched,
    by: Actor,
    wallet: WalletId,
    idempotency_key: &str,
    amount: Amount,
    now: Timestamp,
) -> Decision<E> {
    let key = RequestKey::credit(wallet, idempotency_key);
    let digest = RequestDigest::of_amount(1, amount);
    let again = repeated(book, prefetched, key, digest, |answer| match answer {
        Answered::TopUp(top_up) => Some(Reply::TopUp {
            top_up,
            state: state(book, prefetched, top_up),
        }),
        _ => None,
    });
    if let Some(again) = again {
        return again;
    }
    // None of these is written down: a customer could fill the journal with them, and nothing was taken that a second try under the
    // same id could take twice. What was refused for a limit succeeds once the limit allows it.
    let refusal = match book.wallet(wallet) {
        None => Some(Refusal::WalletUnknown),
        Some(row) if row.status == WalletStatus::Frozen => Some(Refusal::WalletFrozen),
        Some(_) if pays_from(book, by, wallet).is_err() => Some(Refusal::DeviceNotBound),
        Some(_) if amount.is_zero() || amount < limits.top_up_min || amount > limits.top_up_max => {
            Some(Refusal::AmountOutOfBounds)
        }
        Some(_) if may_top_up(book, wallet, amount, now).is_err() => Some(Refusal::WalletCooling),
        Some(row) if !fits(limits, &row, amount) => Some(Refusal::BalanceCap),
        Some(_) => None,
    };
    if let Some(refusal) = refusal {
        return Decision::refuse(refusal);
    }
    let top_up = TopUpId(book.next_id());
    Decision::done(
        Reply::TopUp {
            top_up,
            state: TopUpState::Pending,
        },
        TopUpStarted {
            top_up,
            wallet,
            amount,
            key,
            digest,
        },
    )
}

fn state(book: &Book, prefetched: &Prefetched, top_up: TopUpId) -> TopUpState {
    if book.top_ups.get(&top_up).is_some() {
        return TopUpState::Pending;
    }
    // A top-up that memory does not know any more was closed long ago; the views say how.
    closed(book, prefetched, top_up).map_or(TopUpState::Expired, |row| row.state)
}

fn closed(book: &Book, prefetched: &Prefetched, top_up: TopUpId) -> Option<ClosedTopUp> {
    book.closed_top_up(top_up).or(prefetched.top_up)
}

/// The processor has the money: credit it, whatever the wallet's state or cap, for it is the customer's. Even when it said
/// before that it never would: words arrive in any order, and a card that failed may be tried again on the same page.
pub(crate) fn confirm<E: From<TopUpConfirmed>>(
    book: &Book,
    prefetched: &Prefetched,
    top_up: TopUpId,
    amount: Amount,
) -> Decision<E> {
    let known = match book.top_ups.get(&top_up) {
        Some(open) => Some((open.wallet, open.amount)),
        None => match closed(book, prefetched, top_up) {
            Some(row) if row.state == TopUpState::Succeeded => {
                return Decision::answer(Ok(Reply::TopUp {
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
        Reply::TopUp {
            top_up,
            state: TopUpState::Succeeded,
        },
        TopUpConfirmed {
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
pub(crate) fn fail<E: From<TopUpFailed>>(
    book: &Book,
    prefetched: &Prefetched,
    top_up: TopUpId,
    expired: bool,
) -> Decision<E> {
    let Some(open) = book.top_ups.get(&top_up) else {
        return Decision::answer(
            closed(book, prefetched, top_up)
                .map(|row| Reply::TopUp {
                    top_up,
                    state: row.state,
                })
                .ok_or(Refusal::TopUpUnknown),
        );
    };
    let event = TopUpFailed {
        top_up,
        wallet: open.wallet,
        expired,
    };
    let state = event.state();
    Decision::done(Reply::TopUp { top_up, state }, event)
}
