//! The journal: one row per batch of acts, each linked to the row before, the only truth of a store.
//!
//! | call | what it promises |
//! |---|---|
//! | [`JournalStore::append`] | the row is durable behind exactly the row it is linked to, or the reason why not |
//! | [`JournalStore::resolve_unknown`] | whether a row whose answer was lost is durable, decided for ever |
//! | [`JournalReader::read`] | rows in order, across all segments |
//! | [`JournalReader::chain`] | rows in order, each checked against the chain key |
//!
//! The fence is the row itself: it names its predecessor's hash, and its seq is a primary key. An owner that
//! was overtaken holds a stale predecessor, so it can never append again, whatever it believes about its lease.

pub mod batch;
mod fake;
mod row;
mod segments;
pub(crate) mod tables;

use std::collections::VecDeque;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::ChainKey;
use mamori_datastore::sql::{Db, Location};

use crate::lease::Lease;
use segments::{LiteJournal, LiteReader};

pub use fake::{FakeAppend, FakeJournal};
pub use row::{BATCH_BYTES_MAX, Hash, Head, JournalRow};
pub(crate) use segments::files;
pub use tables::JOURNAL;
pub(crate) use tables::begin_first_segments;

/// Rows read at a time when walking the chain; at most 16 MiB.
const PAGE_ROWS: usize = 64;

/// How an embedded journal keeps its files.
#[derive(Debug, Clone, Copy)]
pub struct JournalOptions {
    /// Size in bytes from which a file is closed for ever and the next one begins.
    pub segment_bytes: u64,
    /// Bytes kept aside for the moment the disk is full; 0 for none.
    pub reserve_bytes: u64,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 2 << 30,
            reserve_bytes: 8 << 20,
        }
    }
}

/// The journal of one shard, open for its owner.
pub struct JournalStore {
    shard: u32,
    store: Store,
}

enum Store {
    Lite(Box<LiteJournal>),
    Pg { db: Box<Db>, location: Location },
    Fake(FakeJournal),
}

/// Why a row was not appended. In every case no client of the batch may be told that it was.
#[derive(Debug)]
pub enum AppendError {
    /// Another owner has written at this seq. With a higher epoch: step down. Else: replay and try again.
    Collision {
        /// Epoch of the newest row there.
        epoch: u64,
    },
    /// The row may or may not be durable: [`JournalStore::resolve_unknown`] decides it. On an embedded store the process must
    /// end instead: after an I/O error the page cache may show what the disk does not have.
    UnknownOutcome(Fault),
    /// Nothing was written.
    Fault(Fault),
}

/// What became of a row whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// The no-op row has taken its seq: the lost row can never land, its acts never happened.
    NeverHappened,
    /// It was durable: its acts may be answered. The no-op row was not written.
    WasDurable,
}

impl JournalStore {
    /// Opens the journal for the owner of the lease, making and migrating its tables as needed.
    ///
    /// Taking the lease is the caller's proof that no other process writes an embedded journal.
    pub fn open(
        location: &Location,
        options: &JournalOptions,
        lease: &Lease,
    ) -> Result<Self, Fault> {
        let shard = lease.shard();
        let store = match location.directory() {
            Some(directory) => {
                let (segment, reserve) = (options.segment_bytes, options.reserve_bytes);
                Store::Lite(Box::new(LiteJournal::open(
                    location, directory, shard, segment, reserve,
                )?))
            }
            None => {
                let mut db = location.open(&tables::JOURNAL)?;
                tables::begin_segment(&mut db, shard, 1, &Head::EMPTY)?;
                for warning in db.warnings()? {
                    tracing::warn!("{warning}");
                }
                Store::Pg {
                    db: Box::new(db),
                    location: location.clone(),
                }
            }
        };
        Ok(Self { shard, store })
    }

    /// A journal in memory with faults on order.
    pub fn fake(shard: u32, journal: FakeJournal) -> Self {
        Self {
            shard,
            store: Store::Fake(journal),
        }
    }

    /// The shard whose journal this is.
    pub fn shard(&self) -> u32 {
        self.shard
    }

    /// Makes one row durable behind the row it is linked to.
    ///
    /// Sending the same row again is allowed and succeeds when it is there already.
    pub fn append(&mut self, row: &JournalRow) -> Result<(), AppendError> {
        assert_eq!(
            row.shard, self.shard,
            "a row goes to its own shard's journal"
        );
        let affected = match &mut self.store {
            Store::Lite(lite) => lite.append(row),
            Store::Pg { db, .. } => tables::append(db, row),
            Store::Fake(fake) => fake.insert(row),
        };
        match affected {
            Ok(1) => Ok(()),
            Ok(_) => match self.met(row).map_err(AppendError::Fault)? {
                Met::Itself => Ok(()),
                Met::Stranger { epoch } => Err(AppendError::Collision { epoch }),
                Met::Nothing => Err(AppendError::Fault(
                    Fault::broken("the journal ends before the row that the next one follows")
                        .with_number("seq", row::number(row.seq)),
                )),
            },
            Err(fault) if fault.is_unknown_outcome() => Err(AppendError::UnknownOutcome(fault)),
            Err(fault) => Err(AppendError::Fault(fault)),
        }
    }

    /// Decides for ever whether a row whose answer was lost is durable.
    ///
    /// `no_op` is another row at the same seq behind the same predecessor. Whichever of the two is in the journal keeps
    /// the other out. An answer lost here too is an unknown outcome again: call again with the same two rows until
    /// it is known. A row that is still on its way inside the database makes this call wait for it.
    pub fn resolve_unknown(
        &mut self,
        lost: &JournalRow,
        no_op: &JournalRow,
    ) -> Result<Resolved, AppendError> {
        assert_eq!(
            (lost.seq, lost.prev_hash),
            (no_op.seq, no_op.prev_hash),
            "two rows for one place"
        );
        assert_ne!(lost.hash, no_op.hash, "two different rows");
        match self.append(no_op) {
            Ok(()) => Ok(Resolved::NeverHappened),
            Err(AppendError::Collision { epoch }) => {
                match self.met(lost).map_err(AppendError::Fault)? {
                    Met::Itself => Ok(Resolved::WasDurable),
                    _ => Err(AppendError::Collision { epoch }),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Waits before an unknown outcome is asked about again: a database that starts anew refuses for some seconds. At most a
    /// second each time; the lease decides meanwhile how long this may go on.
    pub fn pause(&self, tried: u32) {
        if let Store::Pg { .. } = &self.store {
            let millis = (50 * u64::from(tried)).min(1_000);
            std::thread::park_timeout(std::time::Duration::from_millis(millis));
        }
    }

    /// The newest row.
    pub fn head(&mut self) -> Result<Head, Fault> {
        match &mut self.store {
            Store::Lite(lite) => tables::head(lite.db(), self.shard),
            Store::Pg { db, .. } => tables::head(db, self.shard),
            Store::Fake(fake) => Ok(fake.head()),
        }
    }

    /// A reader on a connection of its own.
    pub fn reader(&self) -> Result<JournalReader, Fault> {
        match &self.store {
            Store::Lite(lite) => JournalReader::open(lite.location(), self.shard),
            Store::Pg { location, .. } => JournalReader::open(location, self.shard),
            Store::Fake(fake) => Ok(JournalReader::fake(self.shard, fake.clone())),
        }
    }

    /// Gives up the space kept aside, once the disk is full; true when there was some.
    ///
    /// After this only freezes, cancels, refunds and revocations may be journaled.
    pub fn release_reserve(&mut self) -> bool {
        match &mut self.store {
            Store::Lite(lite) => lite.release_reserve(),
            Store::Pg { .. } | Store::Fake(_) => false,
        }
    }

    /// Keeps space aside again, with as much again to spare; false while the disk has not so much.
    pub fn keep_reserve(&mut self) -> bool {
        match &mut self.store {
            Store::Lite(lite) => lite.keep_reserve(),
            Store::Pg { .. } | Store::Fake(_) => true,
        }
    }

    /// What stands at the place of a row that was not inserted.
    fn met(&mut self, row: &JournalRow) -> Result<Met, Fault> {
        let head = self.head()?;
        let there = match &mut self.store {
            Store::Lite(lite) => tables::rows(lite.db(), self.shard, row.seq, 1)?
                .into_iter()
                .next(),
            Store::Pg { db, .. } => tables::rows(db, self.shard, row.seq, 1)?.into_iter().next(),
            Store::Fake(fake) => fake.row(row.seq),
        };
        Ok(match there {
            Some(there) if there.seq == row.seq && there.hash == row.hash => Met::Itself,
            Some(_) => Met::Stranger { epoch: head.epoch },
            // Our predecessor's place is taken by another owner's row, and nothing follows it yet.
            None if head.seq + 1 == row.seq && head.hash != row.prev_hash => {
                Met::Stranger { epoch: head.epoch }
            }
            None => Met::Nothing,
        })
    }
}

/// The shards whose journals are in a store.
pub(crate) fn shards(location: &Location) -> Result<Vec<u32>, Fault> {
    let mut db = location.open_read(&JOURNAL)?;
    tables::shards(&mut db)
}

enum Met {
    Itself,
    Stranger { epoch: u64 },
    Nothing,
}

/// Reads one shard's journal; any number of them, in any process, beside the owner.
pub struct JournalReader {
    shard: u32,
    source: Source,
}

enum Source {
    Lite(LiteReader),
    Pg(Box<Db>),
    Fake(FakeJournal),
}

impl JournalReader {
    /// Opens a journal that an owner has made.
    pub fn open(location: &Location, shard: u32) -> Result<Self, Fault> {
        let source = match location.directory() {
            Some(directory) => Source::Lite(LiteReader::open(directory, shard)?),
            None => Source::Pg(Box::new(location.open_read(&tables::JOURNAL)?)),
        };
        Ok(Self { shard, source })
    }

    /// Reads a journal in memory.
    pub fn fake(shard: u32, journal: FakeJournal) -> Self {
        Self {
            shard,
            source: Source::Fake(journal),
        }
    }

    /// Up to `limit` rows from `from_seq` on, in order; fewer only at the head. Nothing is checked against the chain.
    pub fn read(&mut self, from_seq: u64, limit: usize) -> Result<Vec<JournalRow>, Fault> {
        match &mut self.source {
            Source::Lite(lite) => lite.read(from_seq, limit),
            Source::Pg(db) => tables::rows(db, self.shard, from_seq, limit),
            Source::Fake(fake) => Ok(fake.rows(from_seq, limit)),
        }
    }

    /// The newest row.
    pub fn head(&mut self) -> Result<Head, Fault> {
        match &mut self.source {
            Source::Lite(lite) => lite.head(),
            Source::Pg(db) => tables::head(db, self.shard),
            Source::Fake(fake) => Ok(fake.head()),
        }
    }

    /// Walks the rows behind `after` to the head, each checked: no gap, linked to its predecessor, unaltered.
    ///
    /// Ends after the first fault. Begin with [`Head::EMPTY`] to check a whole journal.
    pub fn chain<'a>(&'a mut self, after: Head, key: &'a ChainKey) -> Chain<'a> {
        Chain {
            reader: self,
            key,
            head: after,
            page: VecDeque::new(),
            ended: false,
        }
    }
}

/// The checked rows of a journal, in order.
pub struct Chain<'a> {
    reader: &'a mut JournalReader,
    key: &'a ChainKey,
    head: Head,
    page: VecDeque<JournalRow>,
    ended: bool,
}

impl Chain<'_> {
    /// The last row that was given out and held.
    pub fn head(&self) -> Head {
        self.head
    }
}

impl Iterator for Chain<'_> {
    type Item = Result<JournalRow, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if self.page.is_empty() {
            match self.reader.read(self.head.seq + 1, PAGE_ROWS) {
                Ok(rows) => self.page = rows.into(),
                Err(fault) => {
                    self.ended = true;
                    return Some(Err(fault));
                }
            }
        }
        let Some(row) = self.page.pop_front() else {
            self.ended = true;
            return None;
        };
        if let Err(fault) = row.check_after(&self.head, self.key) {
            self.ended = true;
            return Some(Err(fault));
        }
        self.head = row.head();
        Some(Ok(row))
    }
}
