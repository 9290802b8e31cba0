//! A number that only rises, and that one can wait for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How far something has come: the rows of the journal that the views hold.
#[derive(Default)]
pub struct Watermark {
    reached: AtomicU64,
    waiting: Mutex<usize>,
    risen: Condvar,
}

impl Watermark {
    /// The seq reached so far.
    pub fn get(&self) -> u64 {
        self.reached.load(Ordering::Acquire)
    }

    /// Raises it and wakes the waiting threads.
    pub fn raise(&self, to: u64) {
        self.reached.fetch_max(to, Ordering::AcqRel);
        // The lock is taken so that no waiter checks, misses the rise, and then sleeps through the notice.
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if *waiting > 0 {
            self.risen.notify_all();
        }
    }

    /// Waits until it has reached `mark`, at most for `patience`; true if it has.
    pub fn wait_for(&self, mark: u64, patience: Duration) -> bool {
        if self.get() >= mark {
            return true;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting += 1;
        let (mut waiting, _) = self
            .risen
            .wait_timeout_while(waiting, patience, |_| self.get() < mark)
            .unwrap_or_else(PoisonError::into_inner);
        *waiting -= 1;
        self.get() >= mark
    }
}
