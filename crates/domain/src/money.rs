//! Amounts: whole minor units with a currency, checked, never a float.

use minicbor::{Decode, Encode};

/// The currencies a book can be kept in. Yen has no minor unit smaller than itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Currency {
    /// Japanese yen, ISO 4217 `JPY`, exponent 0.
    Jpy,
}

impl Currency {
    /// The ISO 4217 letters.
    pub const fn iso(self) -> &'static str {
        match self {
            Currency::Jpy => "JPY",
        }
    }
}

/// A non-negative sum of money in minor units of [`Amount::currency`], at most [`Amount::MAX_MINOR`].
///
/// Direction is never a sign: it is which account a [`Posting`](crate::ledger::Posting) debits and which it credits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode)]
#[cbor(transparent)]
pub struct Amount(#[n(0)] u64);

impl<'b, C> Decode<'b, C> for Amount {
    /// The bound holds for what is read, too: a row of a checkpoint that an attacker edited must be an error, not an overflow.
    fn decode(
        from: &mut minicbor::Decoder<'b>,
        _: &mut C,
    ) -> Result<Self, minicbor::decode::Error> {
        Amount::new(from.u64()?)
            .ok_or_else(|| minicbor::decode::Error::message("an amount above its bound"))
    }
}

impl Amount {
    /// Eleven digits: the widest amount the merchant wire format can carry.
    pub const MAX_MINOR: u64 = 99_999_999_999;
    /// Nothing at all.
    pub const ZERO: Amount = Amount(0);

    /// An amount of `minor` units, or `None` above [`Amount::MAX_MINOR`].
    pub const fn new(minor: u64) -> Option<Amount> {
        if minor <= Self::MAX_MINOR {
            Some(Amount(minor))
        } else {
            None
        }
    }

    /// An amount written in source code; refuses to compile into a running program above the bound.
    ///
    /// # Panics
    /// Above [`Amount::MAX_MINOR`]. For constants and tests only.
    pub const fn yen(minor: u64) -> Amount {
        assert!(minor <= Self::MAX_MINOR);
        Amount(minor)
    }

    /// Minor units (yen).
    pub const fn minor(self) -> u64 {
        self.0
    }

    /// Minor units as the signed number that balances are kept in. Always exact: the bound is far below 2^63.
    pub const fn signed(self) -> i64 {
        self.0 as i64
    }

    /// The currency of the book; one book, one currency.
    pub const fn currency(self) -> Currency {
        Currency::Jpy
    }

    /// True for zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, or `None` above the bound.
    pub fn plus(self, other: Amount) -> Option<Amount> {
        self.0.checked_add(other.0).and_then(Amount::new)
    }

    /// The difference, or `None` where it would be negative.
    pub fn minus(self, other: Amount) -> Option<Amount> {
        self.0.checked_sub(other.0).map(Amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_checked_at_both_ends() {
        assert_eq!(
            Amount::yen(300).plus(Amount::yen(200)),
            Some(Amount::yen(500))
        );
        assert_eq!(Amount::yen(Amount::MAX_MINOR).plus(Amount::yen(1)), None);
        assert_eq!(Amount::yen(300).minus(Amount::yen(301)), None);
        assert_eq!(Amount::new(Amount::MAX_MINOR + 1), None);
    }
}
