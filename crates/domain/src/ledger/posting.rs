//! The only maker of entries in accounts.

use super::Account;
use crate::money::Amount;

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
    /// Each side with what it adds to that account's credit-positive balance, in yen.
    pub fn sides(&self) -> [(Account, i64); 2] {
        [
            (self.debit, -self.amount.signed()),
            (self.credit, self.amount.signed()),
        ]
    }
}
