//! For tests only: a clock that a test moves, and the loss of a command or of its answer.
//!
//! Behind the feature `testing`; no program enables it.

use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use mamori_datastore::fault::Fault;
use mamori_domain::reply::Outcome;

use crate::clock::Clock;

/// Takes the answer of a command.
type Reply = Box<dyn FnOnce(Result<Outcome, Fault>) + Send>;

/// What the next command loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It never reaches the writer: nothing happens.
    Command = 1,
    /// The command becomes durable, and its answer is lost.
    Answer = 2,
}

/// A loss that waits for the next command. Queries pass it by.
#[derive(Default)]
pub(crate) struct Waiting(AtomicU8);

impl Waiting {
    pub fn set(&self, loss: Loss) {
        self.0.store(loss as u8, Ordering::SeqCst);
    }

    /// The reply of a command with what it loses, or None when the command itself is lost.
    pub fn befall(&self, reply: Reply) -> Option<Reply> {
        match self.0.swap(0, Ordering::SeqCst) {
            1 => {
                reply(Err(Fault::retryable("the command was lost")));
                None
            }
            2 => Some(Box::new(move |answer| {
                reply(answer.and(Err(Fault::unknown_outcome("the answer was lost"))));
            })),
            _ => Some(reply),
        }
    }
}

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
