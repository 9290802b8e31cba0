//! The book's rows beside the views, so that a start need not replay everything. Not believed: hashed and compared.

use mamori_domain::book::Book;
use mamori_domain::rows::IdMap;
use mamori_domain::table::{DirtyRow, HashKey};

use crate::fault::Fault;
use crate::sql::{Column, Param, Tx};

/// A checkpoint is written when so many rows of the journal passed since the last (a start after a crash replays them in well
/// under a second), or so many rows of the book changed. More often costs: under a load of small batches each payment dirties a
/// wallet of its own, and a checkpoint of few wallets rewrites a page for each of them.
const DUE_SEQS: u64 = 64 * crate::shard::SEAL_EVERY;
const DUE_ROWS: usize = 1_000_000;

/// Rows of the book that changed since the last checkpoint, as they stood at the newest seal.
#[derive(Default)]
pub struct Pending {
    rows: IdMap<(u8, Vec<u8>), Row>,
    /// The newest seal.
    sealed: Option<u64>,
    /// The checkpoint that was let go of last.
    behind: u64,
}

/// A row as it stood at the newest seal that brought it; `None` where it is gone.
struct Row {
    sealed: u64,
    content: Option<Vec<u8>>,
}

impl Pending {
    /// Takes over what changed up to the row before `sealed`.
    pub fn merge(&mut self, sealed: u64, dirty: &[DirtyRow]) {
        for row in dirty {
            self.rows.insert(
                (row.table, row.key.clone()),
                Row {
                    sealed,
                    content: row.row.clone(),
                },
            );
        }
        self.sealed = Some(sealed);
    }

    /// Lets go of what the checkpoint after row `checkpoint_seq` holds.
    pub fn let_go(&mut self, checkpoint_seq: u64) {
        if self.behind == checkpoint_seq {
            return;
        }
        self.behind = checkpoint_seq;
        if self
            .sealed
            .is_some_and(|sealed| sealed <= checkpoint_seq + 1)
        {
            self.rows = IdMap::default();
            self.sealed = None;
        } else {
            self.rows.retain(|_, row| row.sealed > checkpoint_seq + 1);
        }
    }

    /// The row after which the book stood so, if it is time to write that down.
    pub fn due(&self, checkpoint_seq: u64) -> Option<u64> {
        let sealed = self.sealed?;
        // A seal out of its turn is a program that stops: the next start shall be quick.
        let hurry = !sealed.is_multiple_of(crate::shard::SEAL_EVERY);
        let far = sealed.saturating_sub(checkpoint_seq) >= DUE_SEQS;
        (hurry || far || self.rows.len() >= DUE_ROWS).then_some(sealed - 1)
    }

    /// Writes the rows in the order of their keys.
    pub fn write(&self, tx: &mut Tx) -> Result<(), Fault> {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_unstable_by_key(|(key, _)| *key);
        let mut kinds = Vec::with_capacity(rows.len());
        let mut ids: Vec<&[u8]> = Vec::with_capacity(rows.len());
        let mut contents: Vec<&[u8]> = Vec::with_capacity(rows.len());
        for ((table, key), row) in rows {
            match &row.content {
                Some(content) => {
                    kinds.push(i64::from(*table));
                    ids.push(key);
                    contents.push(content);
                }
                None => {
                    tx.execute(
                        "DELETE FROM checkpoint WHERE kind = $1 AND id = $2",
                        &[Param::Int(i64::from(*table)), Param::Blob(key)],
                    )?;
                }
            }
        }
        tx.insert_many_or(
            "checkpoint",
            &["kind", "id", "content"],
            &[
                Column::Int(&kinds),
                Column::Blob(&ids),
                Column::Blob(&contents),
            ],
            "ON CONFLICT (kind, id) DO UPDATE SET content = excluded.content",
        )?;
        Ok(())
    }
}

/// Puts a book together from the checkpoint's rows, or nothing if one of them cannot be read. The caller compares its hash with
/// the journal.
pub fn load(tx: &mut Tx, key: HashKey) -> Result<Option<Book>, Fault> {
    let mut book = Book::new(key);
    let mut damaged = false;
    tx.scan("SELECT kind, id, content FROM checkpoint", &[], |row| {
        let table = u8::try_from(row.int(0)).unwrap_or(0);
        damaged |= book.load(table, row.blob(1), row.blob(2)).is_err();
        Ok(())
    })?;
    Ok((!damaged).then_some(book))
}

/// Throws all rows away.
pub fn clear(tx: &mut Tx) -> Result<(), Fault> {
    tx.execute("DELETE FROM checkpoint", &[]).map(drop)
}
