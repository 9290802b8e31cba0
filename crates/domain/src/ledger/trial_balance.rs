//! The sums of all accounts by kind.

use super::{AccountKind, Posting};

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
        for (account, by) in posting.sides() {
            self.shift(account.kind(), by);
        }
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
        /// So many yen that sixty lines of them still fit in 63 bits, and more than there are in the world.
        const BOUND: i64 = i64::MAX / 64;
        const { assert!(AccountKind::ALL.len() < 64) };
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
    use crate::ids::{MerchantId, WalletId};
    use crate::ledger::Account;
    use crate::money::Amount;

    #[test]
    fn a_posting_moves_the_same_amount_out_and_in() {
        let mut trial = TrialBalance::default();
        trial.post(&Posting::new(
            Account::operator(AccountKind::CardClearing),
            Account::wallet(WalletId(1)),
            Amount::yen(5_000),
        ));
        trial.post(&Posting::new(
            Account::wallet(WalletId(1)),
            Account::merchant(MerchantId(1)),
            Amount::yen(1_200),
        ));
        assert_eq!(trial.of(AccountKind::Wallet), 3_800);
        assert_eq!(trial.of(AccountKind::Merchant), 1_200);
        assert_eq!(trial.of(AccountKind::CardClearing), -5_000);
        assert_eq!(trial.sum(), 0);
    }
}
