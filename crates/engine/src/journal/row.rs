//! One row of the journal and the head of a chain of them.

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::ChainKey;
use mamori_datastore::sql::{Param, Row};

/// HMAC-SHA256 in the chain.
pub type Hash = [u8; 32];

/// Greatest size of a batch in bytes; a longer one is two rows.
pub const BATCH_BYTES_MAX: usize = 256 * 1_024;

/// The newest row of a shard's journal, as far as the next one needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of the newest row; 0 when there is none.
    pub seq: u64,
    /// Epoch of the owner that wrote it; 0 when there is none.
    pub epoch: u64,
    /// Its instant in microseconds UTC; 0 when there is none.
    pub at: i64,
    /// Its hash; zeros when there is none.
    pub hash: Hash,
}

impl Head {
    /// Before the first row.
    pub const EMPTY: Head = Head {
        seq: 0,
        epoch: 0,
        at: 0,
        hash: [0; 32],
    };
}

/// One row: one batch of acts, linked to the row before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// Shard whose history this is.
    pub shard: u32,
    /// 1, 2, 3, .. without a gap.
    pub seq: u64,
    /// Epoch of the owner that wrote it; never falls.
    pub epoch: u64,
    /// Instant of all acts in it, microseconds UTC; never falls.
    pub at: i64,
    /// Hash of row `seq - 1`; zeros for the first.
    pub prev_hash: Hash,
    /// HMAC-SHA256 under the chain key over shard, seq, epoch, at, previous hash and batch.
    pub hash: Hash,
    /// The encoded acts; the first byte names the format.
    pub batch: Vec<u8>,
}

impl JournalRow {
    /// The row that follows `head`, linked under the chain key.
    pub fn after(
        head: &Head,
        shard: u32,
        epoch: u64,
        at: i64,
        batch: Vec<u8>,
        key: &ChainKey,
    ) -> Self {
        assert!(epoch >= head.epoch, "an epoch never falls");
        assert!(at >= head.at, "time never runs back in a journal");
        assert!(batch.len() <= BATCH_BYTES_MAX, "a batch is at most 256 KiB");
        let mut row = Self {
            shard,
            seq: head.seq + 1,
            epoch,
            at,
            prev_hash: head.hash,
            hash: [0; 32],
            batch,
        };
        row.hash = row.link(key);
        row
    }

    /// What the next row is linked to.
    pub fn head(&self) -> Head {
        Head {
            seq: self.seq,
            epoch: self.epoch,
            at: self.at,
            hash: self.hash,
        }
    }

    /// Checks that this row follows `head` and was hashed under the chain key.
    pub fn check_after(&self, head: &Head, key: &ChainKey) -> Result<(), Fault> {
        let broken = |what| Err(Fault::broken(what).with_number("seq", number(self.seq)));
        if self.seq != head.seq + 1 {
            return broken("the journal has a gap");
        }
        if self.prev_hash != head.hash {
            return broken("a journal row does not follow the row before it");
        }
        if self.epoch < head.epoch || self.at < head.at {
            return broken("a journal row is older than the row before it");
        }
        if self.hash != self.link(key) {
            return broken("a journal row was altered");
        }
        Ok(())
    }

    /// Checks one row without its predecessor: it was hashed under the chain key and names its own place.
    pub fn check_alone(&self, key: &ChainKey) -> Result<(), Fault> {
        if self.hash == self.link(key) {
            return Ok(());
        }
        Err(Fault::broken("a journal row was altered").with_number("seq", number(self.seq)))
    }

    fn link(&self, key: &ChainKey) -> Hash {
        let mut fields = [0; 4 + 8 + 8 + 8 + 32];
        fields[..4].copy_from_slice(&self.shard.to_be_bytes());
        fields[4..12].copy_from_slice(&self.seq.to_be_bytes());
        fields[12..20].copy_from_slice(&self.epoch.to_be_bytes());
        fields[20..28].copy_from_slice(&self.at.to_be_bytes());
        fields[28..].copy_from_slice(&self.prev_hash);
        key.link(&fields, &self.batch)
    }

    /// Reads the columns `shard, seq, epoch, at, prev_hash, hash, batch`.
    pub(super) fn read(row: &Row) -> Self {
        Self {
            shard: u32::try_from(row.int(0)).unwrap_or_else(|_| reject(row, 0)),
            seq: u64::try_from(row.int(1)).unwrap_or_else(|_| reject(row, 1)),
            epoch: u64::try_from(row.int(2)).unwrap_or_else(|_| reject(row, 2)),
            at: row.int(3),
            prev_hash: row.bytes(4),
            hash: row.bytes(5),
            batch: row.blob(6).to_vec(),
        }
    }
}

impl Head {
    /// Reads the columns `seq, epoch, at, hash`.
    pub(super) fn read(row: &Row) -> Self {
        Self {
            seq: u64::try_from(row.int(0)).unwrap_or_else(|_| reject(row, 0)),
            epoch: u64::try_from(row.int(1)).unwrap_or_else(|_| reject(row, 1)),
            at: row.int(2),
            hash: row.bytes(3),
        }
    }
}

fn reject<T: Default>(row: &Row, column: usize) -> T {
    row.reject(column);
    T::default()
}

/// A seq or an epoch as the database keeps it; both stay far below 2^63.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn param(value: u64) -> Param<'static> {
    Param::Int(number(value))
}
