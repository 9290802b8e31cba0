//! The chart of accounts: one line a kind.

use crate::ids::{MerchantId, WalletId};
use minicbor::{Decode, Encode};

/// Where the balance of an account is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// In the row of the wallet that owns it: a payment reads and writes that row anyway, and a second row for each of
    /// sixteen million wallets would double the memory.
    WalletRow,
    /// As a row of the book's table of accounts.
    AccountRow,
}

macro_rules! chart {
    ($($(#[$doc:meta])* $number:literal $kind:ident $name:literal $keeping:ident $floor:expr;)*) => {
        /// The kinds of account, each a line of the trial balance. Balances are credit-positive: what the operator owes is
        /// positive, what it is owed is negative.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(index_only)]
        pub enum AccountKind {
            $($(#[$doc])* #[n($number)] $kind,)*
        }

        impl AccountKind {
            /// Every kind, in the order of a trial balance.
            pub const ALL: [AccountKind; [$($number),*].len()] = [$(AccountKind::$kind),*];

            /// The stable name in views and reports.
            pub const fn name(self) -> &'static str {
                match self { $(AccountKind::$kind => $name,)* }
            }
            /// Where balances of this kind are kept.
            pub const fn keeping(self) -> Keeping {
                match self { $(AccountKind::$kind => Keeping::$keeping,)* }
            }
            /// The least that an account of this kind may hold, in yen; `None` without a floor.
            pub const fn floor(self) -> Option<i64> {
                match self { $(AccountKind::$kind => $floor,)* }
            }
        }
    };
}

chart! {
    // number, kind, name in reports, where its balances are kept, floor
    /// What the operator owes a customer and the customer may spend.
    0 Wallet "wallets" WalletRow Some(0);
    /// What a customer has set aside in holds.
    1 Held "held" WalletRow Some(0);
    /// What the operator owes a merchant, on this shard; summed over shards at settlement. Refunds after a settlement may
    /// bring it below zero.
    2 Merchant "merchants" AccountRow None;
    /// What the card processor owes the operator for top-ups it has confirmed.
    3 CardClearing "card_clearing" AccountRow None;
    /// Cash taken at tills for top-ups.
    4 Cash "cash" AccountRow None;
    /// What the operator gave away: compensation, promotions, development seeds.
    5 Goodwill "goodwill" AccountRow None;
}

/// An account of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Account {
    #[n(0)]
    kind: AccountKind,
    /// The id of the wallet or merchant that owns it; zero for the operator's own accounts.
    #[n(1)]
    owner: u64,
}

impl std::fmt::Display for Account {
    /// The name of its kind, and whose it is: `wallets/42`.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.kind.name(), self.owner)
    }
}

impl Account {
    /// What a customer may spend.
    pub const fn wallet(wallet: WalletId) -> Account {
        Account {
            kind: AccountKind::Wallet,
            owner: wallet.0,
        }
    }
    /// What a customer has set aside.
    pub const fn held(wallet: WalletId) -> Account {
        Account {
            kind: AccountKind::Held,
            owner: wallet.0,
        }
    }
    /// What a merchant is owed.
    pub const fn merchant(merchant: MerchantId) -> Account {
        Account {
            kind: AccountKind::Merchant,
            owner: merchant.0 as u64,
        }
    }
    /// The one account of a kind that has no owner but the operator.
    pub const fn operator(kind: AccountKind) -> Account {
        Account { kind, owner: 0 }
    }
    /// The line of the trial balance that this account belongs to.
    pub const fn kind(self) -> AccountKind {
        self.kind
    }
    /// The wallet whose row keeps this account's balance, if a wallet's row does.
    pub const fn kept_by_wallet(self) -> Option<WalletId> {
        match self.kind.keeping() {
            Keeping::WalletRow => Some(WalletId(self.owner)),
            Keeping::AccountRow => None,
        }
    }
    /// The merchant that owns it, if one does.
    pub const fn merchant_owner(self) -> Option<MerchantId> {
        match self.kind {
            AccountKind::Merchant => Some(MerchantId(self.owner as u32)),
            _ => None,
        }
    }
}
