//! The only door for time and chance.

use std::time::Duration;

use minicbor::{Decode, Encode};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Timestamp(#[n(0)] pub i64);

impl Timestamp {
    /// An instant given in whole seconds since 1970.
    pub const fn from_seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }
    /// Whole seconds since 1970, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
    /// Whole milliseconds since 1970, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }
    /// The instant `seconds` later, never beyond the end of time.
    pub const fn plus_seconds(self, seconds: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }
    /// The instant `span` later, never beyond the end of time.
    pub fn plus(self, span: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(micros(span)))
    }
    /// The instant `span` earlier, never before the beginning of time.
    pub fn minus(self, span: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(micros(span)))
    }
    /// Days since 1970-01-01 as a calendar in Japan counts them (UTC+9, no summer time).
    pub const fn day_in_japan(self) -> i64 {
        (self.seconds() + 9 * 3600).div_euclid(86_400)
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// What an act may know of the outside: one instant, and a source of chance.
pub struct World<'a> {
    /// The instant of the act.
    pub now: Timestamp,
    /// Unpredictable in production, seeded in a simulation.
    pub draw: &'a mut Draw,
}

/// A deterministic stream of unpredictable numbers (ChaCha20): one seed replays a whole run.
pub struct Draw(ChaCha20Rng);

impl Draw {
    /// A stream for simulations and tests.
    pub fn from_seed(seed: u64) -> Draw {
        Draw(ChaCha20Rng::seed_from_u64(seed))
    }
    /// A stream from 32 bytes of real entropy.
    pub fn from_entropy(bytes: [u8; 32]) -> Draw {
        Draw(ChaCha20Rng::from_seed(bytes))
    }
    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }
    /// A number in `0..bound` without bias. `bound` must not be zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0);
        let zone = u64::MAX - u64::MAX % bound;
        loop {
            let drawn = self.0.next_u64();
            if drawn < zone {
                return drawn % bound;
            }
        }
    }
    /// Sixteen bytes as a number.
    pub fn wide(&mut self) -> u128 {
        u128::from(self.0.next_u64()) << 64 | u128::from(self.0.next_u64())
    }
    /// Fills a buffer.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}
