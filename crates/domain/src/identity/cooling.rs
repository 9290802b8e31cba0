//! A wallet that has just changed hands, or may have: until an instant it pays and tops up little, whoever holds it.

use crate::book::{Book, Cooling, CoolingReason};
use crate::decision::Decision;
use crate::happening::{Happening, Notice, Subject, answers_no_request, moves_no_money};
use crate::ids::WalletId;
use crate::money::Amount;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::world::Timestamp;
use minicbor::{Decode, Encode};

/// All that a wallet may pay and set aside while it cools.
pub const PAID_MAX: Amount = Amount::yen(30_000);
/// All that a wallet may begin to top up while it cools.
pub const TOPPED_UP_MAX: Amount = Amount::yen(20_000);
/// How long a wallet cools by itself after a change of its device.
pub const DEVICE_SECONDS: i64 = 24 * 3600;
/// The longest that anybody may ask for.
pub const LONGEST_SECONDS: i64 = 30 * 24 * 3600;

/// A wallet pays and tops up little until an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct WalletCooled {
    #[n(0)]
    pub wallet: WalletId,
    #[n(1)]
    pub until: Timestamp,
    #[n(2)]
    pub reason: CoolingReason,
}

moves_no_money!(WalletCooled);
answers_no_request!(WalletCooled);

impl Happening for WalletCooled {
    fn apply(&self, book: &mut Book) {
        // What was used of a cooling that still runs stays used: another reason brings no new room.
        let running = running(book, self.wallet, book.at());
        let fresh = Cooling {
            until: self.until,
            reason: self.reason,
            paid: Amount::ZERO,
            topped_up: Amount::ZERO,
        };
        let row = Cooling {
            until: self.until,
            reason: self.reason,
            ..running.unwrap_or(fresh)
        };
        book.put_cooling(self.wallet, Some(row));
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        None
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

/// The cooling of a wallet, if it has not run out.
fn running(book: &Book, wallet: WalletId, now: Timestamp) -> Option<Cooling> {
    let row = book.coolings.get(&wallet)?;
    (now < row.until).then_some(*row)
}

/// What a change of a wallet's device brings: the first one of all changes nothing, for there is nobody it was taken from.
pub(super) fn after_device(book: &Book, wallet: WalletId, now: Timestamp) -> Option<WalletCooled> {
    book.devices.get(&wallet)?;
    let until = now.plus_seconds(DEVICE_SECONDS);
    longer(book, wallet, until, now).then_some(WalletCooled {
        wallet,
        until,
        reason: CoolingReason::Device,
    })
}

/// A cooling only ever grows.
fn longer(book: &Book, wallet: WalletId, until: Timestamp, now: Timestamp) -> bool {
    until > now && running(book, wallet, now).is_none_or(|row| row.until < until)
}

pub(crate) fn cool<E: From<WalletCooled>>(
    book: &Book,
    wallet: WalletId,
    until: Timestamp,
    reason: CoolingReason,
    now: Timestamp,
) -> Decision<E> {
    if book.wallet(wallet).is_none() {
        return Decision::refuse(Refusal::WalletUnknown);
    }
    let until = until.min(now.plus_seconds(LONGEST_SECONDS));
    if !longer(book, wallet, until, now) {
        return Decision::answer(Ok(Reply::Bound));
    }
    Decision::done(
        Reply::Bound,
        WalletCooled {
            wallet,
            until,
            reason,
        },
    )
}

/// May a wallet pay or set aside this much, as far as a cooling goes?
pub(crate) fn may_pay(
    book: &Book,
    wallet: WalletId,
    amount: Amount,
    now: Timestamp,
) -> Result<(), Refusal> {
    match running(book, wallet, now) {
        Some(row) => within(row.paid, amount, PAID_MAX),
        None => Ok(()),
    }
}

/// May a wallet begin a top-up of this much, as far as a cooling goes?
pub(crate) fn may_top_up(
    book: &Book,
    wallet: WalletId,
    amount: Amount,
    now: Timestamp,
) -> Result<(), Refusal> {
    match running(book, wallet, now) {
        Some(row) => within(row.topped_up, amount, TOPPED_UP_MAX),
        None => Ok(()),
    }
}

fn within(used: Amount, amount: Amount, max: Amount) -> Result<(), Refusal> {
    match used.plus(amount) {
        Some(sum) if sum <= max => Ok(()),
        _ => Err(Refusal::WalletCooling),
    }
}

/// Counts what a wallet paid or set aside. The row of a cooling that is over goes.
pub(crate) fn count_paid(book: &mut Book, wallet: WalletId, amount: Amount) {
    count(book, wallet, |row| row.paid = sum(row.paid, amount));
}

/// Counts a top-up that was begun.
pub(crate) fn count_topped_up(book: &mut Book, wallet: WalletId, amount: Amount) {
    count(book, wallet, |row| {
        row.topped_up = sum(row.topped_up, amount);
    });
}

fn sum(used: Amount, amount: Amount) -> Amount {
    used.plus(amount).unwrap_or(Amount::yen(Amount::MAX_MINOR))
}

fn count(book: &mut Book, wallet: WalletId, change: impl FnOnce(&mut Cooling)) {
    let Some(mut row) = book.coolings.get(&wallet).copied() else {
        return;
    };
    let runs = book.at() < row.until;
    change(&mut row);
    book.put_cooling(wallet, runs.then_some(row));
}
