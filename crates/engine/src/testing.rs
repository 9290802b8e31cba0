//! For tests only: a clock that a test moves.
//!
//! Behind the feature `testing`; no program enables it.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::Clock;

/// A clock that moves when the test says so; both of its faces show the same instant.
pub struct ManualClock {
    micros: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `micros`.
    pub fn at(micros: i64) -> Self {
        Self {
            micros: AtomicI64::new(micros),
        }
    }

    /// Moves the clock forward.
    pub fn advance_millis(&self, millis: i64) {
        self.micros.fetch_add(millis * 1_000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn monotonic_micros(&self) -> i64 {
        self.micros.load(Ordering::SeqCst)
    }

    fn wall_micros(&self) -> i64 {
        self.micros.load(Ordering::SeqCst)
    }
}
