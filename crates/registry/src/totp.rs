//! One-time codes by time (RFC 6238): SHA-1, six digits, a new one every 30 seconds, as every authenticator app makes them.
//!
//! A code is right in its own step and in the one before and behind it, for clocks that are a little wrong, and only in a step
//! behind the one that was used last: a code that somebody looked at over a shoulder is spent once its owner has used it.

use hmac::{Hmac, KeyInit, Mac};
use mamori_domain::world::Timestamp;
use sha1::Sha1;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::seed::Seed;

/// Digits of a code.
pub const TOTP_DIGITS: usize = 6;
/// Bytes of a secret: 160 bits, the length of the hash. Newer libraries refuse shorter ones.
pub const TOTP_SECRET_BYTES: usize = 20;
/// How long a code is shown, in seconds.
pub const TOTP_STEP_SECONDS: i64 = 30;
/// Steps that a clock may be off, either way.
const DRIFT: i64 = 1;
/// The step that stands before all others, for a secret whose codes were never used.
pub const NEVER_USED: i64 = -1;

/// What an authenticator app and we know.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<[u8; TOTP_SECRET_BYTES]>);

impl TotpSecret {
    /// A new one.
    pub fn draw(seed: &Seed) -> TotpSecret {
        TotpSecret(Zeroizing::new(seed.take("totp secret")))
    }

    /// As it was kept; None where the length is another.
    pub fn from_bytes(bytes: &[u8]) -> Option<TotpSecret> {
        Some(TotpSecret(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// For sealing it.
    pub fn expose(&self) -> &[u8; TOTP_SECRET_BYTES] {
        &self.0
    }

    /// As people type it into an app: 32 letters and digits of base32.
    pub fn base32(&self) -> Zeroizing<String> {
        const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let mut text = Zeroizing::new(String::with_capacity(32));
        // Five bytes are eight letters.
        for five in self.0.as_chunks::<5>().0 {
            let bits = five
                .iter()
                .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            for place in (0..8).rev() {
                text.push(char::from(LETTERS[(bits >> (place * 5)) as usize & 31]));
            }
        }
        text
    }

    /// The code of a step.
    pub fn code(&self, step: i64) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.0[..]).expect("any length is a key");
        mac.update(&step.to_be_bytes());
        let hash = mac.finalize().into_bytes();
        let from = usize::from(hash[hash.len() - 1] & 15);
        let four = [hash[from], hash[from + 1], hash[from + 2], hash[from + 3]];
        let number = (u32::from_be_bytes(four) & 0x7FFF_FFFF) % 1_000_000;
        format!("{number:06}")
    }

    /// The step in which this code is right now, if it is one behind `used`. How long that takes tells nothing of the code.
    pub fn step_of(&self, code: &str, now: Timestamp, used: i64) -> Option<i64> {
        let present = step_at(now);
        let mut found = NEVER_USED;
        for step in present - DRIFT..=present + DRIFT {
            let is_right = self.code(step).as_bytes().ct_eq(code.as_bytes());
            let is_new = Choice::from(u8::from(step > used));
            found = i64::conditional_select(&found, &step, is_right & is_new);
        }
        (found != NEVER_USED).then_some(found)
    }
}

/// The step of an instant.
pub fn step_at(now: Timestamp) -> i64 {
    now.seconds().div_euclid(TOTP_STEP_SECONDS)
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_the_standard() -> TotpSecret {
        TotpSecret::from_bytes(b"12345678901234567890").expect("160 bits")
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B; the last six of its eight digits.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let step = step_at(Timestamp::from_seconds(seconds));
            assert_eq!(of_the_standard().code(step), code, "{seconds}");
        }
        assert_eq!(
            *of_the_standard().base32(),
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        );
    }

    #[test]
    fn a_clock_may_be_half_a_minute_off_and_a_step_counts_once() {
        let (secret, now) = (of_the_standard(), Timestamp::from_seconds(3_000));
        let accepted = |step, used| secret.step_of(&secret.code(step), now, used);
        for step in 99..=101 {
            assert_eq!(accepted(step, NEVER_USED), Some(step));
        }
        assert_eq!(
            (accepted(98, NEVER_USED), accepted(102, NEVER_USED)),
            (None, None)
        );
        assert_eq!(accepted(100, 99), Some(100));
        assert_eq!(accepted(100, 100), None, "used");
        assert_eq!(accepted(99, 100), None, "older than the one that was used");
        assert_eq!(secret.step_of("", now, NEVER_USED), None);
        assert_eq!(secret.step_of("0000000", now, NEVER_USED), None);
    }
}
