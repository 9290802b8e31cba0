//! Payments a second, for the console's live chart: a ring of the last five minutes.

use std::sync::{Mutex, PoisonError};

use mamori_domain::event::Event;

use crate::journal::batch::Committed;

/// Seconds that are remembered.
pub const SECONDS: usize = 300;

/// Count and sum of the payments of one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Second {
    /// Seconds since 1970 UTC.
    pub at: i64,
    pub payments: u64,
    /// Yen.
    pub paid: u64,
}

/// A ring of the last minutes, one slot a second.
pub struct Meter(Mutex<[Second; SECONDS]>);

impl Default for Meter {
    fn default() -> Self {
        Meter(Mutex::new([Second::default(); SECONDS]))
    }
}

impl Meter {
    /// Counts a row. Once per batch, not per payment.
    pub fn count(&self, row: &Committed) {
        let (mut payments, mut paid) = (0, 0);
        for event in row.events() {
            if let Event::Paid(one) = event {
                payments += 1;
                paid += one.amount.minor();
            }
        }
        if payments == 0 {
            return;
        }
        let at = row.at.seconds();
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut ring[at.rem_euclid(SECONDS as i64) as usize];
        if slot.at != at {
            *slot = Second {
                at,
                payments: 0,
                paid: 0,
            };
        }
        slot.payments += payments;
        slot.paid += paid;
    }

    /// The last five minutes, oldest first, seconds without payments included.
    pub fn last(&self, now_seconds: i64) -> Vec<Second> {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (now_seconds - SECONDS as i64 + 1..=now_seconds)
            .map(|at| {
                let slot = ring[at.rem_euclid(SECONDS as i64) as usize];
                if slot.at == at {
                    slot
                } else {
                    Second {
                        at,
                        payments: 0,
                        paid: 0,
                    }
                }
            })
            .collect()
    }
}
