//! What the next checkpoint will hold: rows of the book that changed since the last, and how they get to the disk.
//!
//! | state | in memory | `checkpoint` | `checkpoint_undo` |
//! |---|---|---|---|
//! | between two | what changed, gathered seal by seal | the book after row S | nothing that counts |
//! | one is being written | a draft of the book after row T, and what changed since T | S, with a first part of the draft over it | how those rows stood at S |
//! | its last portion | gone | the book after row T | rows of S, no longer read; removed in portions |
//!
//! A checkpoint of a busy hour is a hundred megabytes. Written at once it would hold up the journal, which waits for the same
//! disk; so each write of the views takes a portion along. A crash in between leaves the book after row S: the table with the
//! undone rows laid over it. The next owner needs no state of the crashed writer: before its first write it has taken up every
//! applied row behind S (by replay, or as a standby that read along), so its draft covers at least the same rows.

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::Tx;
use mamori_domain::book::{DirtyRow, IdMap};

use crate::journal::batch::SEAL_EVERY;
use crate::views::checkpoint::{self, CheckpointRow, RowKey};

/// When a checkpoint is begun, and how fast it is written.
#[derive(Clone, Copy, Debug)]
pub struct CheckpointSchedule {
    /// Begun when so many rows of the journal passed since the last: a start after a crash replays them in about a second. More
    /// often costs: under a load of small batches each payment dirties a wallet of its own, and a checkpoint of few wallets
    /// rewrites a page for each of them: it writes most of the table whenever it is written.
    pub seqs: u64,
    /// Begun when so many rows of the book changed, which bounds memory.
    pub rows: usize,
    /// Rows a write of the views takes along at least.
    pub portion: usize,
}

impl CheckpointSchedule {
    /// Notes for an older checkpoint that a write of the views with so many changes removes.
    pub fn forgotten(&self, changes: usize) -> usize {
        self.portion.max(FORGOTTEN_PER_CHANGE * changes)
    }
}

impl Default for CheckpointSchedule {
    fn default() -> CheckpointSchedule {
        CheckpointSchedule {
            seqs: 128 * SEAL_EVERY,
            rows: 1_000_000,
            portion: 200,
        }
    }
}

/// Rows that a write of the views takes along for each change in it. A payment changes one row of the book that no other
/// changes, a sign-up three.
const PORTION_PER_CHANGE: usize = 2;
/// The same once half as many rows as the draft has have changed behind it: so a draft always ends.
const PORTION_PER_CHANGE_LATE: usize = 8;
/// Notes that it removes for each change: no change makes as many.
const FORGOTTEN_PER_CHANGE: usize = 4;

/// Rows of the book that changed since the last checkpoint, as they stood at the newest seal; those of a draft apart.
#[derive(Default)]
pub struct Pending {
    rows: IdMap<RowKey, SealedRow>,
    /// The row of the newest seal; and whether it stood there alone.
    sealed: Option<(u64, bool)>,
    /// The newest checkpoint that is whole on the disk: its rows are forgotten here.
    behind: u64,
    /// The checkpoint that is being written.
    draft: Option<Draft>,
}

/// A row as it stood at the newest seal that brought it; `None` where it is gone.
struct SealedRow {
    at: u64,
    content: Option<Vec<u8>>,
}

/// A checkpoint on its way to the disk.
struct Draft {
    /// It is the book after this row of the journal.
    seq: u64,
    /// In the order of their keys: neighbours share pages.
    rows: Vec<CheckpointRow>,
    /// So many of them are written.
    written: usize,
    /// Written in one piece: nothing will have to be undone.
    whole: bool,
}

/// The checkpoint that is being written.
#[derive(Clone, Copy, Debug)]
pub struct DraftMark {
    /// It is the book after this row of the journal.
    pub seq: u64,
    /// It goes to the disk in one piece, because the program stops.
    pub whole: bool,
}

/// What one write of the views takes along of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portion {
    /// The draft is written so far afterwards.
    written: usize,
    /// The draft is written to its end: from then on the checkpoint is the book after this row.
    pub completes: Option<u64>,
}

impl Pending {
    /// Takes over what changed up to the row before `sealed`. A row with a seal and nothing else (`alone`) is the last row of
    /// a program that stops.
    pub fn merge(&mut self, sealed: u64, alone: bool, dirty: &[DirtyRow]) {
        for row in dirty {
            self.rows.insert(
                (row.table, row.key.clone()),
                SealedRow {
                    at: sealed,
                    content: row.row.clone(),
                },
            );
        }
        self.sealed = Some((sealed, alone));
    }

    /// Forgets what the checkpoint after row `checkpoint_seq` holds.
    pub fn forget_written(&mut self, checkpoint_seq: u64) {
        if self.behind == checkpoint_seq {
            return;
        }
        self.behind = checkpoint_seq;
        self.draft.take_if(|draft| draft.seq <= checkpoint_seq);
        if self
            .sealed
            .is_some_and(|(sealed, _)| sealed <= checkpoint_seq + 1)
        {
            self.rows = IdMap::default();
            self.sealed = None;
        } else {
            self.rows.retain(|_, row| row.at > checkpoint_seq + 1);
        }
    }

    /// The draft, begun if it is time to.
    pub fn draft(
        &mut self,
        checkpoint_seq: u64,
        schedule: CheckpointSchedule,
    ) -> Option<DraftMark> {
        // After a program that stops the next start shall be quick. (One that replays such a row may hurry for nothing.)
        let (sealed, hurry) = self.sealed.unwrap_or_default();
        let far = sealed.saturating_sub(checkpoint_seq) >= schedule.seqs;
        if hurry || (self.draft.is_none() && (far || self.rows.len() >= schedule.rows)) {
            self.begin(sealed, hurry);
        }
        self.draft.as_ref().map(|draft| DraftMark {
            seq: draft.seq,
            whole: draft.whole,
        })
    }

    /// What a write of the views with so many changes takes along. The last portion waits until every request key up to the
    /// draft's row is in a segment: a start reads the keys behind its checkpoint back from the journal, and only those.
    pub fn portion(
        &self,
        segment_seq: u64,
        changes: usize,
        schedule: CheckpointSchedule,
    ) -> Option<Portion> {
        let draft = self.draft.as_ref()?;
        // A draft that takes so long that half as much again has come together is written faster.
        let per_change = match self.rows.len() > draft.rows.len() / 2 {
            true => PORTION_PER_CHANGE_LATE,
            false => PORTION_PER_CHANGE,
        };
        let portion = schedule.portion.max(per_change * changes);
        let written = match draft.whole {
            true => draft.rows.len(),
            false => draft.rows.len().min(draft.written + portion),
        };
        let through = written == draft.rows.len() && segment_seq >= draft.seq;
        Some(Portion {
            written,
            completes: through.then_some(draft.seq),
        })
    }

    /// Everything that changed up to the newest seal becomes the draft; with what an unfinished one has not written yet.
    fn begin(&mut self, sealed: u64, whole: bool) {
        if self.rows.is_empty() && self.draft.as_ref().is_some_and(|draft| draft.whole) {
            return;
        }
        let mut rows: Vec<CheckpointRow> = std::mem::take(&mut self.rows)
            .into_iter()
            .map(|(key, row)| (key, row.content))
            .collect();
        rows.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        if let Some(older) = self.draft.take() {
            let newer = rows.len();
            for row in older.rows.into_iter().skip(older.written) {
                if rows[..newer]
                    .binary_search_by(|(key, _)| key.cmp(&row.0))
                    .is_err()
                {
                    rows.push(row);
                }
            }
            rows.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        }
        self.draft = Some(Draft {
            seq: sealed - 1,
            rows,
            written: 0,
            whole,
        });
    }

    /// Writes a portion over the checkpoint after row `checkpoint_seq`.
    pub fn write(&self, portion: Portion, checkpoint_seq: u64, tx: &mut Tx) -> Result<(), Fault> {
        let Some(draft) = &self.draft else {
            return Ok(());
        };
        let rows = &draft.rows[draft.written..portion.written];
        // Without a valid checkpoint there is none to keep undo notes for.
        if !draft.whole && checkpoint_seq > 0 {
            checkpoint::keep_undo(tx, checkpoint_seq, rows)?;
        }
        checkpoint::write(tx, rows)
    }

    /// A portion is durable.
    pub fn written(&mut self, portion: Portion) {
        if let Some(draft) = &mut self.draft {
            draft.written = portion.written;
        }
    }
}
