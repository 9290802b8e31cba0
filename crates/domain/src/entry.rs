//! A movement in a wallet as its owner's history shows it.

use crate::ids::{EntryId, MerchantId, StoreId, TillId, WalletId};
use crate::money::Amount;

macro_rules! entry_kinds {
    ($($number:literal $kind:ident $word:literal,)*) => {
        /// The kinds of movement, as numbers in views and words on pages. Never renumbered.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum EntryKind { $($kind = $number,)* }

        impl EntryKind {
            /// Every kind, at the place of its number.
            pub const ALL: [EntryKind; [$($number),*].len()] = [$(EntryKind::$kind),*];
            /// The stable word.
            pub const fn word(self) -> &'static str {
                match self { $(EntryKind::$kind => $word,)* }
            }
        }
    };
}

entry_kinds! {
    0 Payment "payment",
    1 Cancel "cancel",
    2 Refund "refund",
    3 TopUp "top_up",
    4 Cash "cash",
    5 Goodwill "goodwill",
    6 Hold "hold",
    7 Capture "capture",
    8 Release "release",
}

impl EntryKind {
    /// The number in views.
    pub const fn number(self) -> i64 {
        self as i64
    }
    /// From the number in views.
    pub fn from_number(number: i64) -> Option<EntryKind> {
        usize::try_from(number)
            .ok()
            .and_then(|at| EntryKind::ALL.get(at))
            .copied()
    }
    /// Money that a merchant gives back.
    pub const fn is_reversal(self) -> bool {
        matches!(self, EntryKind::Cancel | EntryKind::Refund)
    }
    /// Money that a merchant takes.
    pub const fn is_sale(self) -> bool {
        matches!(self, EntryKind::Payment | EntryKind::Capture)
    }
}

/// A movement in a wallet, without the row of the journal that tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    pub entry: EntryId,
    pub kind: EntryKind,
    pub wallet: WalletId,
    pub amount: Amount,
    /// The wallet's movement before this one, or zero: history is a chain and needs no index.
    pub previous: EntryId,
    /// The wallet's balance afterwards, in yen.
    pub balance: u64,
    pub merchant: Option<MerchantId>,
    pub store: Option<StoreId>,
    pub till: Option<TillId>,
    /// The payment a reversal is for, the top-up a credit is for, the hold a capture is for.
    pub about: Option<u64>,
    /// The merchant's own id for it.
    pub merchant_text: Option<Box<str>>,
}

impl Movement {
    /// A movement that no merchant has a part in.
    pub fn of_wallet(
        entry: EntryId,
        kind: EntryKind,
        wallet: WalletId,
        amount: Amount,
        previous: EntryId,
        balance: u64,
    ) -> Movement {
        Movement {
            entry,
            kind,
            wallet,
            amount,
            previous,
            balance,
            merchant: None,
            store: None,
            till: None,
            about: None,
            merchant_text: None,
        }
    }
}
