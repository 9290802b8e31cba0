//! The threads beside the writer: one follows the journal with the views, one keeps the lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use mamori_datastore::sql::Location;

use crate::clock::Clock;
use crate::journal::batch::Committed;
use crate::lease::{LEASE_BEAT_MICROS, Lease};
use crate::start::{OnFatal, PROJECT_EVENTS};
use crate::views::damage;
use crate::views::projector::Projector;
use crate::writer::Shared;

/// How long the follower waits for more before it writes.
const PROJECT_LINGER: Duration = Duration::from_millis(40);
/// Attempts to write the views once the engine is stopping; the next start catches up with what they lack.
const LAST_TRIES: u32 = 3;

/// The thread that keeps the lease.
pub(crate) struct Keeper {
    pub lease: Lease,
    pub clock: Arc<dyn Clock>,
    pub shared: Arc<Shared>,
    /// The writer of the views has ended.
    pub views_written: Arc<AtomicBool>,
    pub on_fatal: OnFatal,
}

/// Says that a thread has ended, however it did.
pub(crate) struct SetAtTheEnd(pub Arc<AtomicBool>);

impl Drop for SetAtTheEnd {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Keeper {
    pub fn run(mut self) {
        // The lease is held until the last checkpoint is written: a standby that took over before would write the same rows.
        while !(self.shared.stopped.load(Ordering::Acquire)
            && self.views_written.load(Ordering::Acquire))
        {
            if let Err(fault) = self.lease.confirm(&*self.clock)
                && fault.is_not_owner()
            {
                return (self.on_fatal)(&fault);
            }
            std::thread::park_timeout(Duration::from_micros(LEASE_BEAT_MICROS as u64));
        }
        drop(self.lease.release());
    }
}

/// The thread that follows the journal with the views.
pub(crate) struct Follower {
    pub projector: Projector,
    pub rows: Receiver<Committed>,
    pub shared: Arc<Shared>,
    pub location: Location,
    pub on_fatal: OnFatal,
}

impl Follower {
    pub fn run(mut self) {
        let mut rows = Vec::new();
        while let Ok(first) = self.rows.recv() {
            let mut events = first.event_count();
            rows.push(first);
            self.take_waiting(&mut rows, &mut events);
            if events < PROJECT_EVENTS {
                // Sleep instead of waiting on the channel: a waiting receiver is woken by each row, which costs the writer more than the row.
                std::thread::park_timeout(PROJECT_LINGER);
                self.take_waiting(&mut rows, &mut events);
            }
            if !self.apply(&rows) {
                return;
            }
            let progress = self.projector.progress();
            self.shared
                .segmented
                .store(progress.segment_seq, Ordering::Release);
            self.shared.applied.raise(progress.applied_seq);
            self.shared.view_lag.applied(events);
            rows.clear();
        }
    }

    fn take_waiting(&self, rows: &mut Vec<Committed>, events: &mut usize) {
        while *events < PROJECT_EVENTS
            && let Ok(row) = self.rows.try_recv()
        {
            *events += row.event_count();
            rows.push(row);
        }
    }

    /// Writes until it is written: the views may lag but never skip, and new requests hear "busy" meanwhile. False when the engine
    /// stopped first; the next start applies what is missing.
    fn apply(&mut self, rows: &[Committed]) -> bool {
        let mut failures = 0u32;
        loop {
            let stopping = self.shared.stopped.load(Ordering::Acquire);
            if self.shared.disk_full.load(Ordering::Acquire) {
                // The last room on the disk is for the journal: views can be rebuilt, a lost freeze cannot.
                if stopping {
                    return false;
                }
                std::thread::park_timeout(Duration::from_millis(100));
                continue;
            }
            let Err(fault) = self.projector.apply(rows) else {
                return true;
            };
            damage::mark(&self.location, &fault);
            if fault.is_not_owner() || fault.is_damaged_views() {
                (self.on_fatal)(&fault);
                return false;
            }
            failures += 1;
            tracing::error!(%fault, failures, "the views cannot be written");
            if stopping && failures >= LAST_TRIES {
                return false;
            }
            std::thread::park_timeout(Duration::from_millis(u64::from(failures.min(50)) * 100));
        }
    }
}
