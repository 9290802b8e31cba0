//! A journal in memory with faults on order: for the simulator and the tests of the writer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mamori_datastore::fault::Fault;

use crate::journal::row::{Head, JournalRow};

/// What the next append does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FakeAppend {
    /// Becomes durable and says so.
    Durable,
    /// Fails before anything was written, and says so.
    Fails,
    /// Says that there is no space left; nothing was written.
    Full,
    /// The outcome is unknown; the row *was* written.
    LostAfterDurable,
    /// The outcome is unknown; the row was *not* written.
    LostBefore,
    /// Another owner, of a higher epoch, has written this seq first.
    Collides { epoch: u64 },
}

/// A journal in memory. Clones share it, so a "restarted" engine opens the same one.
#[derive(Clone, Default)]
pub struct FakeJournal {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    rows: VecDeque<JournalRow>,
    head: Option<Head>,
    script: VecDeque<FakeAppend>,
    appends: u64,
}

impl FakeJournal {
    /// An empty journal without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Orders what the appends after those already ordered will do; without an order they become durable.
    pub fn order(&self, appends: impl IntoIterator<Item = FakeAppend>) {
        self.lock().script.extend(appends);
    }

    /// Takes back the orders that no append has met yet.
    pub fn cancel_orders(&self) {
        self.lock().script.clear();
    }

    /// Forgets rows before `seq`, so that a simulation of many acts does not fill the memory.
    pub fn forget_before(&self, seq: u64) {
        let mut shared = self.lock();
        while shared.rows.front().is_some_and(|row| row.seq < seq) {
            shared.rows.pop_front();
        }
    }

    /// Cuts off every row after `seq`, as restoring an old backup does.
    pub fn cut_after(&self, seq: u64) {
        let mut shared = self.lock();
        while shared.rows.back().is_some_and(|row| row.seq > seq) {
            shared.rows.pop_back();
        }
        shared.head = shared.rows.back().map(JournalRow::head);
    }

    /// Changes one stored row in place, as an attacker with access to the disk could.
    pub fn tamper(&self, seq: u64, change: impl FnOnce(&mut JournalRow)) {
        if let Some(row) = self.lock().rows.iter_mut().find(|row| row.seq == seq) {
            change(row);
        }
    }

    /// Count of append calls so far, whatever became of them.
    pub fn appends(&self) -> u64 {
        self.lock().appends
    }

    pub(super) fn insert(&self, row: &JournalRow) -> Result<u64, Fault> {
        let mut shared = self.lock();
        shared.appends += 1;
        let order = shared.script.pop_front().unwrap_or(FakeAppend::Durable);
        match order {
            FakeAppend::Durable => Ok(shared.insert(row)),
            FakeAppend::Fails => Err(Fault::retryable("the fake journal fails on order")),
            FakeAppend::Full => Err(Fault::full("the fake journal is full on order")),
            FakeAppend::LostAfterDurable => {
                shared.insert(row);
                Err(Fault::unknown_outcome(
                    "the fake journal lost the answer on order",
                ))
            }
            FakeAppend::LostBefore => Err(Fault::unknown_outcome(
                "the fake journal lost the row on order",
            )),
            FakeAppend::Collides { epoch } => {
                let stranger = JournalRow {
                    epoch,
                    hash: [0xEE; 32],
                    batch: Vec::new(),
                    ..row.clone()
                };
                shared.insert(&stranger);
                Ok(0)
            }
        }
    }

    pub(super) fn row(&self, seq: u64) -> Option<JournalRow> {
        self.rows(seq, 1).into_iter().find(|row| row.seq == seq)
    }

    pub(super) fn rows(&self, from_seq: u64, limit: usize) -> Vec<JournalRow> {
        let shared = self.lock();
        let start = shared.rows.partition_point(|row| row.seq < from_seq);
        shared.rows.range(start..).take(limit).cloned().collect()
    }

    pub(super) fn head(&self) -> Head {
        self.lock().head.unwrap_or(Head::EMPTY)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A panicking test thread leaves whole rows behind: the data is as good as before.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// The guarded INSERT of the real journals.
    fn insert(&mut self, row: &JournalRow) -> u64 {
        let head = self.head.unwrap_or(Head::EMPTY);
        if row.seq != head.seq + 1 || row.prev_hash != head.hash {
            return 0;
        }
        self.head = Some(row.head());
        self.rows.push_back(row.clone());
        1
    }
}
