//! The switch that stops a wallet before its next payment.

use crate::book::{Book, WalletStatus};
use crate::decision::Decision;
use crate::happening::{Happening, Notice, Subject, answers_no_request, moves_no_money};
use crate::identity::view;
use crate::ids::WalletId;
use crate::refusal::Refusal;
use minicbor::{Decode, Encode};

/// A wallet pays nothing from now on; codes shown before are worthless for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Frozen {
    #[n(0)]
    pub wallet: WalletId,
}

/// A wallet pays again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Unfrozen {
    #[n(0)]
    pub wallet: WalletId,
}

moves_no_money!(Frozen, Unfrozen);
answers_no_request!(Frozen, Unfrozen);

impl Happening for Frozen {
    fn apply(&self, book: &mut Book) {
        book.change_wallet(self.wallet, |row| {
            row.status = WalletStatus::Frozen;
            row.epoch += 1;
        });
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        Some((self.wallet, Notice::Frozen(true)))
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

impl Happening for Unfrozen {
    fn apply(&self, book: &mut Book) {
        book.change_wallet(self.wallet, |row| row.status = WalletStatus::Active);
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        Some((self.wallet, Notice::Frozen(false)))
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

pub(crate) fn freeze<E: From<Frozen>>(book: &Book, wallet: WalletId) -> Decision<E> {
    match book.wallet(wallet) {
        None => Decision::refuse(Refusal::WalletUnknown),
        Some(row) if row.status == WalletStatus::Frozen => {
            Decision::answer(view(book, wallet, None))
        }
        Some(_) => Decision {
            outcome: view(book, wallet, Some(true)),
            events: vec![Frozen { wallet }.into()],
        },
    }
}

pub(crate) fn unfreeze<E: From<Unfrozen>>(book: &Book, wallet: WalletId) -> Decision<E> {
    match book.wallet(wallet) {
        None => Decision::refuse(Refusal::WalletUnknown),
        Some(row) if row.status == WalletStatus::Active => {
            Decision::answer(view(book, wallet, None))
        }
        Some(_) => Decision {
            outcome: view(book, wallet, Some(false)),
            events: vec![Unfrozen { wallet }.into()],
        },
    }
}
