//! The one-time payment code: 24 digits that a phone shows and a till scans.
//!
//! ```text
//! 90000000 01 23456789012345
//! issuer 8 │  └ 14 random digits (46 bits)
//!          └ shard 2: who can redeem it
//! ```
//!
//! The issuer prefix lets a register route the code before any network call; the random part comes from the caller, who
//! owns chance. Fourteen digits, ten guesses a minute and a till, and a life of at most 60 s make guessing hopeless, and
//! 24 digits are still a barcode that fits a phone held upright.
//!
//! ```
//! use mamori_codes::payment_code::{IssuerPrefix, PaymentCode};
//! let issuer = IssuerPrefix::parse("90000000").unwrap();
//! let code = PaymentCode::new(issuer, 1, 23_456_789_012_345).unwrap();
//! assert_eq!(code.as_str(), "900000000123456789012345");
//! assert_eq!(PaymentCode::parse("900000000123456789012345", issuer), Ok(code));
//! assert_eq!(code.masked(), "90000000…45");
//! ```

use std::fmt;

/// Digits of a code.
pub const CODE_DIGITS: usize = 24;

/// Digits of the issuer prefix.
pub const ISSUER_DIGITS: usize = 8;

/// How many random parts there are: ten to the fourteenth.
pub const RANDOM_SPACE: u64 = 100_000_000_000_000;

/// How many shards a code can name.
pub const SHARD_SPACE: u8 = 100;

/// The eight digits that say who issued a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IssuerPrefix([u8; ISSUER_DIGITS]);

impl IssuerPrefix {
    /// Reads an issuer prefix from configuration: exactly eight ASCII digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: [u8; ISSUER_DIGITS] = text.as_bytes().try_into().ok()?;
        digits
            .iter()
            .all(u8::is_ascii_digit)
            .then_some(IssuerPrefix(digits))
    }

    pub fn as_str(&self) -> &str {
        digits_as_str(&self.0)
    }
}

impl fmt::Display for IssuerPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A one-time payment code. `Debug` shows it masked; [`PaymentCode::as_str`] is the bearer token itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PaymentCode([u8; CODE_DIGITS]);

/// Why a text is not a payment code of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAPaymentCode {
    /// It is not 24 characters long.
    Length,
    /// It has something other than ASCII digits.
    NotDigits,
    /// Another issuer's prefix leads it.
    OtherIssuer,
}

impl NotAPaymentCode {
    /// The reason as a stable word.
    pub const fn reason(self) -> &'static str {
        match self {
            NotAPaymentCode::Length => "length",
            NotAPaymentCode::NotDigits => "not_digits",
            NotAPaymentCode::OtherIssuer => "other_issuer",
        }
    }
}

impl fmt::Display for NotAPaymentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for NotAPaymentCode {}

impl PaymentCode {
    /// Puts a code together. `None` if `shard` is not below [`SHARD_SPACE`] or `random` not below [`RANDOM_SPACE`].
    pub fn new(issuer: IssuerPrefix, shard: u8, random: u64) -> Option<Self> {
        if shard >= SHARD_SPACE || random >= RANDOM_SPACE {
            return None;
        }
        let mut digits = [0; CODE_DIGITS];
        digits[..ISSUER_DIGITS].copy_from_slice(&issuer.0);
        let mut key = u64::from(shard) * RANDOM_SPACE + random;
        for digit in digits[ISSUER_DIGITS..].iter_mut().rev() {
            *digit = b'0' + (key % 10) as u8;
            key /= 10;
        }
        debug_assert_eq!(key, 0);
        Some(PaymentCode(digits))
    }

    /// Turns 64 random bits into a random part, each value equally likely; `None` for the few bit patterns (one in
    /// 200,000) that would favour some values: draw again.
    pub const fn random_part(bits: u64) -> Option<u64> {
        let fair = u64::MAX - u64::MAX % RANDOM_SPACE;
        if bits < fair {
            Some(bits % RANDOM_SPACE)
        } else {
            None
        }
    }

    /// Reads a code that this issuer gave out: 24 ASCII digits with its prefix. What the scanner added is stripped
    /// before.
    pub fn parse(text: &str, issuer: IssuerPrefix) -> Result<Self, NotAPaymentCode> {
        let digits: [u8; CODE_DIGITS] = text
            .as_bytes()
            .try_into()
            .map_err(|_| NotAPaymentCode::Length)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(NotAPaymentCode::NotDigits);
        }
        if !digits.starts_with(&issuer.0) {
            return Err(NotAPaymentCode::OtherIssuer);
        }
        Ok(PaymentCode(digits))
    }

    /// All 24 digits: a bearer token, for the phone's screen and nowhere else.
    pub fn as_str(&self) -> &str {
        digits_as_str(&self.0)
    }

    /// The shard that can redeem it, 0 to 99.
    pub fn shard(&self) -> u8 {
        (self.key() / RANDOM_SPACE) as u8
    }

    /// The random part, below [`RANDOM_SPACE`].
    pub fn random(&self) -> u64 {
        self.key() % RANDOM_SPACE
    }

    /// Shard and random part as one number below 10¹⁶: names the code among all of this issuer.
    pub fn key(&self) -> u64 {
        self.0[ISSUER_DIGITS..]
            .iter()
            .fold(0, |key, digit| key * 10 + u64::from(digit - b'0'))
    }

    /// Issuer and last two digits, for people and logs: too little to redeem or to guess the rest.
    pub fn masked(&self) -> String {
        let (issuer, last) = (
            &self.as_str()[..ISSUER_DIGITS],
            &self.as_str()[CODE_DIGITS - 2..],
        );
        format!("{issuer}…{last}")
    }
}

impl fmt::Debug for PaymentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PaymentCode({})", self.masked())
    }
}

fn digits_as_str(digits: &[u8]) -> &str {
    // Only ASCII digits are ever stored; the empty text stands in for an error that cannot occur.
    str::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn issuer() -> IssuerPrefix {
        IssuerPrefix::parse("90000000").unwrap()
    }

    #[test]
    fn an_issuer_prefix_is_eight_ascii_digits() {
        for wrong in [
            "",
            "9000000",
            "900000000",
            "9000000a",
            "９００００００",
            "9000 000",
            "+9000000",
        ] {
            assert_eq!(IssuerPrefix::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn parts_out_of_range_make_no_code() {
        assert_eq!(PaymentCode::new(issuer(), 100, 0), None);
        assert_eq!(PaymentCode::new(issuer(), 0, RANDOM_SPACE), None);
        let last = PaymentCode::new(issuer(), 99, RANDOM_SPACE - 1).unwrap();
        assert_eq!(last.as_str(), "900000009999999999999999");
        assert_eq!(
            PaymentCode::new(issuer(), 0, 0).unwrap().as_str(),
            "900000000000000000000000"
        );
    }

    #[test]
    fn other_texts_are_refused_each_for_its_reason() {
        for (text, reason) in [
            ("", NotAPaymentCode::Length),
            ("90000000012345678901234", NotAPaymentCode::Length),
            ("9000000001234567890123456", NotAPaymentCode::Length),
            ("90000000012345678901234x", NotAPaymentCode::NotDigits),
            ("900000000123456789012 34", NotAPaymentCode::NotDigits),
            ("９0000000012345678901234", NotAPaymentCode::Length),
            ("900081810123456789012345", NotAPaymentCode::OtherIssuer),
        ] {
            assert_eq!(PaymentCode::parse(text, issuer()), Err(reason), "{text}");
        }
    }

    #[test]
    fn debug_never_shows_the_token() {
        let code = PaymentCode::new(issuer(), 1, 23_456_789_012_345).unwrap();
        assert_eq!(format!("{code:?}"), "PaymentCode(90000000…45)");
    }

    #[test]
    fn biased_bits_are_drawn_again() {
        assert_eq!(PaymentCode::random_part(0), Some(0));
        assert_eq!(PaymentCode::random_part(RANDOM_SPACE + 7), Some(7));
        assert_eq!(PaymentCode::random_part(u64::MAX), None);
        let fair = u64::MAX - u64::MAX % RANDOM_SPACE;
        assert_eq!(PaymentCode::random_part(fair - 1), Some(RANDOM_SPACE - 1));
        assert_eq!(PaymentCode::random_part(fair), None);
    }

    proptest! {
        #[test]
        fn a_code_comes_back_from_its_text(shard in 0..SHARD_SPACE, random in 0..RANDOM_SPACE, prefix in "[0-9]{8}") {
            let issuer = IssuerPrefix::parse(&prefix).unwrap();
            let code = PaymentCode::new(issuer, shard, random).unwrap();
            prop_assert_eq!(PaymentCode::parse(code.as_str(), issuer), Ok(code));
            prop_assert_eq!((code.shard(), code.random()), (shard, random));
        }

        #[test]
        fn any_text_is_read_without_panic(text in ".{0,40}") {
            let _ = PaymentCode::parse(&text, issuer());
        }
    }
}
