//! Who owns a shard: one process at a time, and a standby that knows when it may take over.
//!
//! Embedded: a lock of the operating system on a file, held for life; it falls with the process. PostgreSQL: a row whose
//! counter the owner raises; a standby that has seen the counter stand still for three seconds *by its own monotonic
//! clock* takes the row over under a higher epoch. Two machines' wall clocks are never compared.
//!
//! The lease keeps honest owners apart and bounds how old an answer may be. It is not the fence: that is the chain of the
//! journal, which holds even for an owner that was stopped and goes on believing.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Location, Param};

use crate::clock::Clock;
use crate::journal::tables::JOURNAL;

/// How often an owner confirms and a standby looks, in microseconds; the caller's loop keeps this pace.
pub const LEASE_BEAT_MICROS: i64 = 500_000;
/// Age from which a confirmation no longer covers an answer.
const FRESH_MICROS: i64 = 2_000_000;
/// Standstill after which a standby takes over; longer than any answer can still be covered.
const STANDSTILL_MICROS: i64 = 3_000_000;
/// Name of the lock file of an embedded store.
const LOCK_FILE: &str = "owner.lock";

const _: () = assert!(
    STANDSTILL_MICROS > FRESH_MICROS,
    "an old owner falls silent before a new one speaks"
);
const _: () = assert!(
    STANDSTILL_MICROS + 3 * LEASE_BEAT_MICROS <= 5_000_000,
    "a takeover within five seconds"
);

/// A process that would own a shard: the standby.
pub struct Candidate {
    shard: u32,
    owner: [u8; 16],
    lease_at: LeaseLocation,
}

enum LeaseLocation {
    Lite(PathBuf),
    Pg {
        location: Location,
        db: Option<Box<Db>>,
        seen: Option<Seen>,
    },
}

/// The lease row as the standby saw it, and since when it has not changed.
#[derive(Clone, Copy)]
struct Seen {
    epoch: i64,
    confirmed: i64,
    /// Without an owner, or this very process's after a lost answer: no standstill is waited for.
    is_free: bool,
    since_micros: i64,
}

/// The ownership of a shard, held by this process.
pub struct Lease {
    shard: u32,
    epoch: u64,
    held: Held,
    freshness: Freshness,
}

enum Held {
    /// The lock falls when the file is closed, by the program or by its death.
    Lite {
        _lock: File,
    },
    Pg {
        db: Box<Db>,
        owner: [u8; 16],
    },
}

/// Whether answers are still covered by a recent confirmation; cheap to ask from any thread.
#[derive(Clone)]
pub struct Freshness {
    /// Monotonic instant up to which answers are covered.
    covered_until_micros: Arc<AtomicI64>,
}

impl Freshness {
    /// True when the lease was confirmed within the last two seconds before `now_micros` (monotonic).
    pub fn covers(&self, now_micros: i64) -> bool {
        now_micros < self.covered_until_micros.load(Ordering::Acquire)
    }

    /// Covers every instant: for tests and simulations without a lease.
    pub fn always() -> Self {
        Self {
            covered_until_micros: Arc::new(AtomicI64::new(i64::MAX)),
        }
    }

    fn cover_until(&self, micros: i64) {
        self.covered_until_micros.store(micros, Ordering::Release);
    }
}

impl Candidate {
    /// Prepares to own a shard; `owner` is 16 random bytes that name this process.
    pub fn new(location: &Location, shard: u32, owner: [u8; 16]) -> Result<Self, Fault> {
        let lease_at = match location.directory() {
            Some(directory) => {
                location.make_directory()?;
                LeaseLocation::Lite(directory.join(LOCK_FILE))
            }
            None => LeaseLocation::Pg {
                location: location.clone(),
                db: None,
                seen: None,
            },
        };
        Ok(Self {
            shard,
            owner,
            lease_at,
        })
    }

    /// Tries once to become the owner; None while another one lives. Call it every [`LEASE_BEAT_MICROS`].
    ///
    /// `head_epoch` is the epoch of the newest journal row the caller knows: the lease's epoch will be higher.
    pub fn try_take(&mut self, head_epoch: u64, clock: &dyn Clock) -> Result<Option<Lease>, Fault> {
        match &mut self.lease_at {
            LeaseLocation::Lite(path) => {
                let file = OpenOptions::new()
                    .create(true)
                    .truncate(false)
                    .write(true)
                    .open(&*path);
                let file = file
                    .map_err(|_| Fault::refused("the lock file of the store cannot be opened"))?;
                match file.try_lock() {
                    Ok(()) => Ok(Some(Lease {
                        shard: self.shard,
                        epoch: head_epoch + 1,
                        held: Held::Lite { _lock: file },
                        freshness: Freshness::always(),
                    })),
                    Err(TryLockError::WouldBlock) => Ok(None),
                    Err(TryLockError::Error(_)) => Err(Fault::refused(
                        "the lock file of the store cannot be locked",
                    )),
                }
            }
            LeaseLocation::Pg { location, db, seen } => {
                let taken = try_take_row(
                    location,
                    db,
                    self.shard,
                    &self.owner,
                    head_epoch,
                    seen,
                    clock,
                );
                // After a fault a standstill proves nothing: the database may have been out of reach for the owner too.
                taken.inspect_err(|_| *seen = None)
            }
        }
    }
}

#[allow(clippy::too_many_arguments)]
fn try_take_row(
    location: &Location,
    connection: &mut Option<Box<Db>>,
    shard: u32,
    owner: &[u8; 16],
    head_epoch: u64,
    seen: &mut Option<Seen>,
    clock: &dyn Clock,
) -> Result<Option<Lease>, Fault> {
    let mut db = match connection.take() {
        Some(db) => db,
        None => Box::new(location.open(&JOURNAL)?),
    };
    let asked_micros = clock.monotonic_micros();
    let row = db.query_first(
        "SELECT epoch, confirmed, owner FROM leases WHERE shard = $1",
        &[Param::Int(i64::from(shard))],
        |row| Seen {
            epoch: row.int(0),
            confirmed: row.int(1),
            is_free: row.blob(2).is_empty() || row.blob(2) == owner,
            since_micros: 0,
        },
    )?;
    // Taken after the answer, so that the standstill is never counted from before the counter was read.
    let now_micros = clock.monotonic_micros();
    let head_epoch = i64::try_from(head_epoch).unwrap_or(i64::MAX - 1);
    let epoch = row.map_or(0, |row| row.epoch).max(head_epoch) + 1;
    let taken = match row {
        None => db.execute(
            "INSERT INTO leases (shard, epoch, owner, confirmed) VALUES ($1, $2, $3, 0) ON CONFLICT (shard) DO NOTHING",
            &[Param::Int(i64::from(shard)), Param::Int(epoch), Param::Blob(owner)],
        )?,
        Some(row) => {
            let unchanged = seen.filter(|seen| (seen.epoch, seen.confirmed) == (row.epoch, row.confirmed));
            let since_micros = unchanged.map_or(now_micros, |seen| seen.since_micros);
            *seen = Some(Seen { since_micros, ..row });
            if row.is_free || now_micros - since_micros >= STANDSTILL_MICROS {
                db.execute(
                    "UPDATE leases SET epoch = $1, owner = $2, confirmed = confirmed + 1
                     WHERE shard = $3 AND epoch = $4 AND confirmed = $5",
                    &[
                        Param::Int(epoch),
                        Param::Blob(owner),
                        Param::Int(i64::from(shard)),
                        Param::Int(row.epoch),
                        Param::Int(row.confirmed),
                    ],
                )?
            } else {
                0
            }
        }
    };
    if taken == 0 {
        *connection = Some(db);
        return Ok(None);
    }
    *seen = None;
    let freshness = Freshness {
        covered_until_micros: Arc::new(AtomicI64::new(asked_micros + FRESH_MICROS)),
    };
    let held = Held::Pg { db, owner: *owner };
    Ok(Some(Lease {
        shard,
        epoch: epoch.unsigned_abs(),
        held,
        freshness,
    }))
}

impl Lease {
    /// The shard that is owned.
    pub fn shard(&self) -> u32 {
        self.shard
    }

    /// The epoch under which rows are appended; higher than any owner's before.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// A handle that tells whether answers are still covered.
    pub fn freshness(&self) -> Freshness {
        self.freshness.clone()
    }

    /// Confirms the ownership; call it every [`LEASE_BEAT_MICROS`] from a thread that nothing holds up.
    ///
    /// A fault that [`is_not_owner`](Fault::is_not_owner) is final: another process has taken over. After any other
    /// fault try again; answers stop being covered two seconds after the last success.
    pub fn confirm(&mut self, clock: &dyn Clock) -> Result<(), Fault> {
        let Held::Pg { db, owner } = &mut self.held else {
            return Ok(());
        };
        // The instant before asking: the row may have been raised any time after it.
        let asked_micros = clock.monotonic_micros();
        let confirmed = db.execute(
            "UPDATE leases SET confirmed = confirmed + 1 WHERE shard = $1 AND epoch = $2 AND owner = $3",
            &[Param::Int(i64::from(self.shard)), Param::Int(self.epoch.cast_signed()), Param::Blob(&*owner)],
        )?;
        if confirmed == 1 {
            self.freshness.cover_until(asked_micros + FRESH_MICROS);
            Ok(())
        } else {
            self.freshness.cover_until(i64::MIN);
            Err(Fault::not_owner("another process has taken the shard over"))
        }
    }

    /// Raises the epoch above that of a row met in the journal, when a takeover collided with the last owner's last row.
    pub fn raise_above(&mut self, epoch: u64) -> Result<(), Fault> {
        if self.epoch > epoch {
            return Ok(());
        }
        let raised = epoch + 1;
        if let Held::Pg { db, owner } = &mut self.held {
            let changed = db.execute(
                "UPDATE leases SET epoch = $1, confirmed = confirmed + 1 WHERE shard = $2 AND epoch = $3 AND owner = $4",
                &[
                    Param::Int(raised.cast_signed()),
                    Param::Int(i64::from(self.shard)),
                    Param::Int(self.epoch.cast_signed()),
                    Param::Blob(&*owner),
                ],
            )?;
            if changed != 1 {
                self.freshness.cover_until(i64::MIN);
                return Err(Fault::not_owner("another process has taken the shard over"));
            }
        }
        self.epoch = raised;
        Ok(())
    }

    /// Gives the ownership back so that a standby need not wait; the caller has stopped appending and answering.
    pub fn release(mut self) -> Result<(), Fault> {
        self.freshness.cover_until(i64::MIN);
        let Held::Pg { db, owner } = &mut self.held else {
            return Ok(());
        };
        db.execute(
            "UPDATE leases SET owner = $1, confirmed = confirmed + 1 WHERE shard = $2 AND epoch = $3 AND owner = $4",
            &[
                Param::Blob(&[]),
                Param::Int(i64::from(self.shard)),
                Param::Int(self.epoch.cast_signed()),
                Param::Blob(&*owner),
            ],
        )
        .map(|_| ())
    }
}
