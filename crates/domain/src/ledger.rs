//! Double entry: accounts, and the only maker of entries in them.

use crate::ids::{MerchantId, WalletId};
use crate::money::Amount;

/// An account of the ledger. Balances are kept credit-positive: what the house owes is positive, what it is owed negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// What the house owes a customer and the customer may spend. Floor: zero.
    Wallet(WalletId),
    /// What a customer has set aside in holds. Floor: zero.
    Held(WalletId),
    /// What the house owes a merchant, on this shard; summed over shards at settlement.
    Merchant(MerchantId),
    /// What the card processor owes the house for top-ups it has confirmed.
    CardClearing,
    /// Cash taken at tills for top-ups.
    Cash,
    /// What the house gave away: compensation, promotions, development seeds.
    Goodwill,
}

/// The kinds of account that a trial balance has a line for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountKind {
    Wallet,
    Held,
    Merchant,
    CardClearing,
    Cash,
    Goodwill,
}

impl AccountKind {
    /// Every kind, in the order of a trial balance.
    pub const ALL: [AccountKind; 6] = [
        AccountKind::Wallet,
        AccountKind::Held,
        AccountKind::Merchant,
        AccountKind::CardClearing,
        AccountKind::Cash,
        AccountKind::Goodwill,
    ];

    /// The stable name in views and reports.
    pub const fn name(self) -> &'static str {
        match self {
            AccountKind::Wallet => "wallets",
            AccountKind::Held => "held",
            AccountKind::Merchant => "merchants",
            AccountKind::CardClearing => "card_clearing",
            AccountKind::Cash => "cash",
            AccountKind::Goodwill => "goodwill",
        }
    }
}

impl Account {
    /// The line of the trial balance that this account belongs to.
    pub const fn kind(self) -> AccountKind {
        match self {
            Account::Wallet(_) => AccountKind::Wallet,
            Account::Held(_) => AccountKind::Held,
            Account::Merchant(_) => AccountKind::Merchant,
            Account::CardClearing => AccountKind::CardClearing,
            Account::Cash => AccountKind::Cash,
            Account::Goodwill => AccountKind::Goodwill,
        }
    }
}

/// One balanced posting: the same amount taken from one account and given to another.
///
/// Both sides are one number, so a posting that does not balance cannot be written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    debit: Account,
    credit: Account,
    amount: Amount,
}

impl Posting {
    /// Moves `amount` from the `debit` account to the `credit` account.
    pub fn new(debit: Account, credit: Account, amount: Amount) -> Posting {
        assert!(debit != credit, "a posting has two sides");
        assert!(!amount.is_zero(), "a posting moves something");
        Posting {
            debit,
            credit,
            amount,
        }
    }
    /// The account that gives.
    pub const fn debit(&self) -> Account {
        self.debit
    }
    /// The account that gets.
    pub const fn credit(&self) -> Account {
        self.credit
    }
    /// How much moves.
    pub const fn amount(&self) -> Amount {
        self.amount
    }
}

/// The sums of all accounts of one kind, kept with every posting so that the proof costs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrialBalance([i64; AccountKind::ALL.len()]);

impl TrialBalance {
    /// The credit-positive sum of all accounts of `kind`, in yen.
    pub fn of(&self, kind: AccountKind) -> i64 {
        self.0[kind as usize]
    }

    /// Books a posting. Overflow is a broken invariant: the sum of all yen in the world is far below 2^63.
    pub fn post(&mut self, posting: &Posting) {
        self.shift(posting.debit().kind(), -posting.amount().signed());
        self.shift(posting.credit().kind(), posting.amount().signed());
        assert_eq!(
            self.sum(),
            0,
            "the sum of all postings is zero at every instant"
        );
    }

    /// Moves one line by `by`, where the other side of the movement is booked right beside it.
    pub fn shift(&mut self, kind: AccountKind, by: i64) {
        assert!(self.load(kind, by), "a trial balance fits in 63 bits");
    }

    /// Adds a balance that stands in a checkpoint; `false` if no sum of real yen could be that large.
    #[must_use]
    pub fn load(&mut self, kind: AccountKind, by: i64) -> bool {
        /// So many yen that six lines of them still fit in 63 bits, and more than there are in the world.
        const BOUND: i64 = i64::MAX / 8;
        let slot = &mut self.0[kind as usize];
        match slot.checked_add(by) {
            Some(sum) if (-BOUND..=BOUND).contains(&sum) => {
                *slot = sum;
                true
            }
            _ => false,
        }
    }

    /// Zero, always.
    pub fn sum(&self) -> i64 {
        self.0.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_posting_moves_the_same_amount_out_and_in() {
        let mut trial = TrialBalance::default();
        trial.post(&Posting::new(
            Account::CardClearing,
            Account::Wallet(WalletId(1)),
            Amount::yen(5_000),
        ));
        trial.post(&Posting::new(
            Account::Wallet(WalletId(1)),
            Account::Merchant(MerchantId(1)),
            Amount::yen(1_200),
        ));
        assert_eq!(trial.of(AccountKind::Wallet), 3_800);
        assert_eq!(trial.of(AccountKind::Merchant), 1_200);
        assert_eq!(trial.of(AccountKind::CardClearing), -5_000);
        assert_eq!(trial.sum(), 0);
    }
}
