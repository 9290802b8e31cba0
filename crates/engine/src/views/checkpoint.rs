//! The book's rows beside the views, so that a start need not replay everything. Not believed: hashed and compared.

use mamori_domain::book::Book;
use mamori_domain::rows::IdMap;
use mamori_domain::table::{DirtyRow, HashKey};

use crate::fault::Fault;
use crate::sql::{Column, Db, Param, Tx};

/// A checkpoint is written when so many rows of the journal passed since the last (65,536: a start after a crash replays them in well
/// under a second), or so many rows of the book changed. More often costs: under a load of small batches each payment dirties a
/// wallet of its own, and a checkpoint of few wallets rewrites a page for each of them.
const DUE_SEALS: u32 = 64;
const DUE_ROWS: usize = 1_000_000;

/// Rows of the book that changed since the last checkpoint, as they stood at the newest seal.
#[derive(Default)]
pub struct Pending {
    rows: IdMap<(u8, Vec<u8>), Option<Vec<u8>>>,
    seals: u32,
    sealed_before: u64,
    hurry: bool,
}

impl Pending {
    /// Takes over what changed up to the row before `sealed`.
    pub fn merge(&mut self, sealed: u64, dirty: &[DirtyRow]) {
        for row in dirty {
            self.rows
                .insert((row.table, row.key.clone()), row.row.clone());
        }
        self.seals += 1;
        self.sealed_before = sealed - 1;
        // A seal out of its turn is a program that stops: the next start shall be quick.
        self.hurry = !sealed.is_multiple_of(crate::shard::SEAL_EVERY);
    }

    /// Is it time to write?
    pub fn is_due(&self) -> bool {
        self.seals >= DUE_SEALS || self.rows.len() >= DUE_ROWS || (self.hurry && self.seals > 0)
    }

    /// The row after which the book stood so.
    pub fn sealed_before(&self) -> u64 {
        self.sealed_before
    }

    /// Writes the rows in the order of their keys.
    pub fn write(&self, tx: &mut Tx) -> Result<(), Fault> {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_unstable_by_key(|(key, _)| *key);
        let mut kinds = Vec::with_capacity(rows.len());
        let mut ids: Vec<&[u8]> = Vec::with_capacity(rows.len());
        let mut contents: Vec<&[u8]> = Vec::with_capacity(rows.len());
        for ((table, key), content) in rows {
            match content {
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

/// Puts a book together from the checkpoint's rows. The caller compares its hash with the journal.
pub fn load(db: &mut Db, key: HashKey) -> Result<Book, Fault> {
    let mut book = Book::new(key);
    let mut damaged = false;
    db.query("SELECT kind, id, content FROM checkpoint", &[], |row| {
        let table = u8::try_from(row.int(0)).unwrap_or(0);
        damaged |= book.load(table, row.blob(1), row.blob(2)).is_err();
    })?;
    if damaged {
        return Err(Fault::broken("a row of the checkpoint cannot be read"));
    }
    Ok(book)
}

/// Throws all rows away.
pub fn clear(tx: &mut Tx) -> Result<(), Fault> {
    tx.execute("DELETE FROM checkpoint", &[]).map(drop)
}
