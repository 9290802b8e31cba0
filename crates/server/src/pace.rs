//! How often something may happen: one small limiter (GCRA) of a fixed size, with the clock as an argument.
//!
//! A library exists for this; it reads its own clock, and here time is an argument. Keys never come from a header that a
//! client can choose: of `X-Forwarded-For` only what the operator's own proxies wrote counts (`network.rs`).

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, PoisonError};

use mamori_domain::world::Timestamp;

/// Cells that each key is counted in.
const CELLS_OF_A_KEY: usize = 4;
/// Cells in all, per key that is expected: with all of them in use, a new key meets four taken cells once in a hundred times.
const CELLS_PER_KEY: usize = 8;

/// At most `burst` events at once and one more every `interval` per key.
///
/// Each key is counted in four cells of a table, and the least of them counts: others can only have added to a cell, so that
/// the least is nearest to the truth and never below it. A key is never allowed more than its share. No key is ever forgotten
/// to make room, no newcomer is turned away because there are many keys, and a call takes the same few steps whatever
/// number of keys an attacker brings.
pub struct Pace {
    interval_micros: i64,
    burst: i64,
    hasher: RandomState,
    /// Per cell the instant at which all its events so far are used up. A power of two of them.
    spent_until: Mutex<Vec<i64>>,
}

impl Pace {
    /// `count` events per `seconds`, all of them at once if so; about `keys` keys are told apart at a time.
    pub fn new(count: u32, seconds: u32, keys: usize) -> Self {
        let burst = i64::from(count.max(1));
        let cells = match keys {
            0 | 1 => 1,
            keys => (keys * CELLS_PER_KEY).next_power_of_two(),
        };
        Pace {
            interval_micros: i64::from(seconds) * 1_000_000 / burst,
            burst,
            hasher: RandomState::new(),
            // Zeros: the system hands their memory out when it is first written to.
            spent_until: Mutex::new(vec![0; cells]),
        }
    }

    /// Counts one event; false means that it must not happen now.
    pub fn allow(&self, key: impl Hash, now: Timestamp) -> bool {
        let hash = self.hasher.hash_one(key);
        let mut spent = self
            .spent_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mask = spent.len() - 1;
        // Four places from one hash, as a Bloom filter makes them: the second half, made odd, is the step.
        let (first, step) = (hash as usize, (hash >> 32) as usize | 1);
        let cells: [usize; CELLS_OF_A_KEY] =
            std::array::from_fn(|n| first.wrapping_add(n.wrapping_mul(step)) & mask);
        // A clock that was set back must not lock a key for as long as it was ahead.
        let latest = now.0 + self.interval_micros * self.burst;
        let until = cells
            .iter()
            .map(|&cell| spent[cell].clamp(now.0, latest))
            .min()
            .unwrap_or(now.0);
        let after = until + self.interval_micros;
        let may = after <= latest;
        let least = if may { after } else { until };
        for cell in cells {
            spent[cell] = spent[cell].clamp(now.0, latest).max(least);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn five_in_a_minute_and_one_more_every_twelve_seconds() {
        let pace = Pace::new(5, 60, 10);
        assert_eq!(
            (0..7).map(|_| pace.allow("a", at(100))).collect::<Vec<_>>(),
            [true, true, true, true, true, false, false]
        );
        assert!(!pace.allow("a", at(111)));
        assert!(pace.allow("a", at(112)));
        assert!(!pace.allow("a", at(112)));
        assert!(pace.allow("b", at(112)), "keys do not share");
    }

    #[test]
    fn a_hundred_thousand_keys_in_use_turn_no_newcomer_away_and_gain_nothing() {
        let pace = Pace::new(1, 60, 100_000);
        let allowed = (0..100_000)
            .filter(|key| pace.allow(("attacker", key), at(100)))
            .count();
        assert!(allowed > 99_000, "{allowed}");
        let newcomers = (0..1_000)
            .filter(|key| pace.allow(("customer", key), at(101)))
            .count();
        assert!(newcomers > 900, "{newcomers} of 1,000");
        assert!((0..100_000).all(|key| !pace.allow(("attacker", key), at(102))));
        assert!(pace.allow(("attacker", 7), at(163)));
    }

    #[test]
    fn a_clock_set_back_locks_nobody_for_long() {
        let pace = Pace::new(2, 60, 10);
        assert!(pace.allow("a", at(10_000)) && pace.allow("a", at(10_000)));
        assert!(!pace.allow("a", at(0)));
        assert!(pace.allow("a", at(31)));
    }
}
