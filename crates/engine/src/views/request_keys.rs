//! Where the first answers to old requests stand in the journal: the keys of many rows, sorted, as one segment.
//!
//! A key's upper bits choose its slot; a slot's segments lie side by side, so that a look-up reads neighbours and a segment
//! changes a page for each slot. That is some megabytes: like a checkpoint it goes to the disk in portions, one with each write
//! of the views. The writer forgets the keys once their segment is whole. A writer that crashes before that leaves some slots of a
//! segment that does not count; the next owner closes one with at least the same keys under the same number.

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Column, Db, Param, Tx};

/// Keys that a segment holds before it is written down and memory may forget them.
const SEGMENT_KEYS: usize = 1 << 17;
const SLOT_BITS: u32 = 10;
const SLOTS: i64 = 1 << SLOT_BITS;
/// Slots a write of the views takes along at least: as many pages.
const PORTION_SLOTS: i64 = 32;
/// Changes for each further slot: a segment is written before as many keys again have come together.
const CHANGES_PER_SLOT: i64 = 32;

/// Keys of rows that are in no segment yet.
#[derive(Default)]
pub struct OpenKeys {
    /// Key and row, in the order of the rows.
    keys: Vec<(u128, u64)>,
    /// The segment that is being written.
    draft: Option<Draft>,
}

/// A segment on its way to the disk.
struct Draft {
    /// It holds every key up to this row that was in none before.
    seq: u64,
    /// In their order, and so in that of their slots.
    keys: Vec<(u128, u64)>,
    /// The slots before this one are written.
    written: i64,
}

/// What one write of the views takes along of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portion {
    /// The slots before this one are written afterwards.
    written: i64,
    /// The segment is whole: from then on every key up to this row is in one.
    pub completes: Option<u64>,
}

impl OpenKeys {
    /// Takes up a key of a newer row.
    pub fn push(&mut self, key: u128, seq: u64) {
        self.keys.push((key, seq));
    }

    /// Forgets what whole segments hold.
    pub fn forget_written(&mut self, segment_seq: u64) {
        self.draft.take_if(|draft| draft.seq <= segment_seq);
        let old = self.keys.partition_point(|(_, seq)| *seq <= segment_seq);
        self.keys.drain(..old);
    }

    /// What a write of the views with so many changes, up to row `last`, takes along. A segment is begun when it is full, or when
    /// a checkpoint waits for it (`asked`); it is written in one piece when the journal takes no more rows (`whole`).
    pub fn portion(
        &mut self,
        last: u64,
        changes: usize,
        asked: bool,
        whole: bool,
    ) -> Option<Portion> {
        if whole || (self.draft.is_none() && (asked || self.keys.len() >= SEGMENT_KEYS)) {
            self.begin(last);
        }
        let draft = self.draft.as_ref()?;
        let changes = i64::try_from(changes).unwrap_or(i64::MAX);
        let portion = PORTION_SLOTS.max(changes / CHANGES_PER_SLOT);
        let written = match whole {
            true => SLOTS,
            false => SLOTS.min(draft.written + portion),
        };
        Some(Portion {
            written,
            completes: (written == SLOTS).then_some(draft.seq),
        })
    }

    /// All keys become the draft, those of an unfinished one too: it is written anew from its first slot.
    fn begin(&mut self, last: u64) {
        let mut keys = std::mem::take(&mut self.keys);
        keys.extend(self.draft.take().into_iter().flat_map(|draft| draft.keys));
        keys.sort_unstable();
        self.draft = Some(Draft {
            seq: last,
            keys,
            written: 0,
        });
    }

    /// Writes a portion of segment number `segment`.
    pub fn write(&self, portion: Portion, segment: u64, tx: &mut Tx) -> Result<(), Fault> {
        let Some(draft) = &self.draft else {
            return Ok(());
        };
        let before = |end: i64| draft.keys.partition_point(|(key, _)| slot(*key) < end);
        let mut slots: Vec<i64> = Vec::new();
        let mut blobs: Vec<Vec<u8>> = Vec::new();
        for (key, seq) in &draft.keys[before(draft.written)..before(portion.written)] {
            if slots.last() != Some(&slot(*key)) {
                slots.push(slot(*key));
                blobs.push(Vec::with_capacity(16 * 160));
            }
            let blob = blobs.last_mut().expect("one was just made");
            blob.extend_from_slice(&(*key as u64).to_be_bytes());
            blob.extend_from_slice(&seq.to_be_bytes());
        }
        let segments = vec![segment as i64; slots.len()];
        let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
        tx.insert_many_or(
            "request_keys",
            &["slot", "segment", "keys"],
            &[
                Column::Int(&slots),
                Column::Int(&segments),
                Column::Blob(&blobs),
            ],
            "ON CONFLICT (slot, segment) DO UPDATE SET keys = excluded.keys",
        )?;
        Ok(())
    }

    /// A portion is durable.
    pub fn written(&mut self, portion: Portion) {
        if let Some(draft) = &mut self.draft {
            draft.written = portion.written;
        }
    }
}

/// The slot of a key.
pub fn slot(key: u128) -> i64 {
    (key >> (128 - SLOT_BITS)) as i64
}

/// A request key as it lies in the views, in one piece: slot, low half, row of the journal.
pub fn key_row(slot: i64, low: u64, seq: u64) -> [u8; 24] {
    let mut row = [0; 24];
    row[..8].copy_from_slice(&slot.to_be_bytes());
    row[8..16].copy_from_slice(&low.to_be_bytes());
    row[16..].copy_from_slice(&seq.to_be_bytes());
    row
}

/// Calls `see` with the slot, low half and row of every key, those of a segment that is not whole yet too.
pub fn each(db: &mut Db, mut see: impl FnMut(i64, u64, u64)) -> Result<(), Fault> {
    for slot in 0..SLOTS {
        db.query(
            "SELECT keys FROM request_keys WHERE slot = $1",
            &[Param::Int(slot)],
            |row| pairs(row.blob(0)).for_each(|(low, seq)| see(slot, low, seq)),
        )?;
    }
    Ok(())
}

/// The journal rows that may hold the first answer under this key, newest first.
pub fn rows_of(db: &mut Db, key: u128) -> Result<Vec<u64>, Fault> {
    let mut rows = Vec::new();
    db.query(
        "SELECT keys FROM request_keys WHERE slot = $1",
        &[Param::Int(slot(key))],
        |row| {
            rows.extend(
                pairs(row.blob(0)).filter_map(|(low, seq)| (low == key as u64).then_some(seq)),
            );
        },
    )?;
    rows.sort_unstable_by(|a, b| b.cmp(a));
    Ok(rows)
}

fn pairs(keys: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().expect("eight bytes"));
    keys.chunks_exact(16)
        .map(move |pair| (number(&pair[..8]), number(&pair[8..])))
}
