//! How often something may happen: one small limiter (GCRA), bounded in memory, with the clock as an argument.
//!
//! A library exists for this; it reads its own clock, and here time is an argument. Keys never come from a header that a
//! client can choose (`X-Forwarded-For`).

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, PoisonError};

use mamori_domain::world::Timestamp;

/// At most `burst` events at once and one more every `interval` per key.
pub struct Pace {
    interval_micros: i64,
    burst: i64,
    keys_max: usize,
    hasher: RandomState,
    /// Per key the instant at which all its events so far are used up.
    spent_until: Mutex<HashMap<u64, i64>>,
}

impl Pace {
    /// `count` events per `seconds`, all of them at once if so; at most `keys_max` keys are remembered.
    pub fn new(count: u32, seconds: u32, keys_max: usize) -> Self {
        let burst = i64::from(count.max(1));
        Pace {
            interval_micros: i64::from(seconds) * 1_000_000 / burst,
            burst,
            keys_max,
            hasher: RandomState::new(),
            spent_until: Mutex::new(HashMap::new()),
        }
    }

    /// Counts one event; false means that it must not happen now.
    ///
    /// When more keys than `keys_max` are in use at once, new ones wait: a limit that forgets is no limit.
    pub fn allow(&self, key: impl Hash, now: Timestamp) -> bool {
        let key = self.hasher.hash_one(key);
        let mut spent = self
            .spent_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if spent.len() >= self.keys_max && !spent.contains_key(&key) {
            spent.retain(|_, until| *until > now.0);
            if spent.len() >= self.keys_max {
                return false;
            }
        }
        // A clock that was set back must not lock a key for as long as it was ahead.
        let latest = now.0 + self.interval_micros * self.burst;
        let until = spent
            .get(&key)
            .copied()
            .unwrap_or(now.0)
            .clamp(now.0, latest);
        let after = until + self.interval_micros;
        let may = after <= latest;
        spent.insert(key, if may { after } else { until });
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
    fn memory_is_bounded_and_old_keys_make_room() {
        let pace = Pace::new(1, 60, 2);
        assert!(pace.allow("a", at(0)) && pace.allow("b", at(0)));
        assert!(!pace.allow("c", at(30)));
        assert!(pace.allow("c", at(61)));
    }

    #[test]
    fn a_clock_set_back_locks_nobody_for_long() {
        let pace = Pace::new(2, 60, 10);
        assert!(pace.allow("a", at(10_000)) && pace.allow("a", at(10_000)));
        assert!(!pace.allow("a", at(0)));
        assert!(pace.allow("a", at(31)));
    }
}
