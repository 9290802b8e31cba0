//! The book's rows beside the views, so that a start need not replay everything. Not believed: hashed and compared.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use mamori_domain::book::Book;
use mamori_domain::rows::IdMap;
use mamori_domain::table::{BookHash, DirtyRow, HashKey};

use crate::fault::Fault;
use crate::sql::{Column, Param, Tx};

/// A checkpoint is written when so many rows of the journal passed since the last (a start after a crash replays them in about
/// a second), or so many rows of the book changed. More often costs: under a load of small batches each payment dirties a
/// wallet of its own, and a checkpoint of few wallets rewrites a page for each of them: it writes most of the table whenever it is written.
const DUE_SEQS: u64 = 128 * crate::shard::SEAL_EVERY;
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

/// Bytes of rows that go from the reading thread to the one that puts the book together in one go.
const PARCEL_BYTES: usize = 256 * 1_024;
/// Parcels on their way: the two threads lean on each other no further than that.
const PARCELS: usize = 8;

/// Rows of a checkpoint, one behind the other: table, key, content.
#[derive(Default)]
struct Parcel {
    bytes: Vec<u8>,
    /// Where each row's key ends, and where the row ends.
    ends: Vec<(usize, usize)>,
}

impl Parcel {
    fn push(&mut self, table: u8, key: &[u8], content: &[u8]) -> &[u8] {
        let start = self.bytes.len();
        self.bytes.push(table);
        self.bytes.extend_from_slice(key);
        let key_ends = self.bytes.len();
        self.bytes.extend_from_slice(content);
        self.ends.push((key_ends, self.bytes.len()));
        &self.bytes[start..]
    }

    /// Each row's table, key and content.
    fn rows(&self) -> impl Iterator<Item = (u8, &[u8], &[u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        starts.zip(&self.ends).map(|(start, &(key_ends, end))| {
            let (head, content) = self.bytes[start..end].split_at(key_ends - start);
            (head[0], &head[1..], content)
        })
    }
}

/// Puts a book together from the checkpoint's rows, or nothing if one of them cannot be read. The caller compares its hash with
/// the journal.
///
/// Two threads share the work: this one reads rows and sums their bytes, the other one puts them in their places.
pub fn load(tx: &mut Tx, key: HashKey) -> Result<Option<Book>, Fault> {
    let mut book = Book::new(key.clone());
    let mut sum = BookHash::default();
    let mut damaged = false;
    // The counters first: they say how much room all others need.
    tx.scan(
        "SELECT id, content FROM checkpoint WHERE kind = $1",
        &[Param::Int(i64::from(Book::COUNTERS))],
        |row| {
            let (id, content) = (row.blob(0), row.blob(1));
            sum.add_row(&key, Parcel::default().push(Book::COUNTERS, id, content));
            damaged |= book.load(Book::COUNTERS, id, content).is_err();
            Ok(())
        },
    )?;
    book.make_room();
    let (parcels, arriving) = sync_channel::<Parcel>(PARCELS);
    let placed = thread::scope(|scope| {
        let placing = scope.spawn(move || place(book, arriving));
        let mut parcel = Parcel::default();
        let read = tx.scan("SELECT kind, id, content FROM checkpoint", &[], |row| {
            let table = u8::try_from(row.int(0)).unwrap_or(0);
            if table == Book::COUNTERS {
                return Ok(());
            }
            sum.add_row(&key, parcel.push(table, row.blob(1), row.blob(2)));
            if parcel.bytes.len() >= PARCEL_BYTES {
                // Nobody takes it any more after a row that could not be read.
                damaged |= parcels.send(std::mem::take(&mut parcel)).is_err();
            }
            Ok(())
        });
        damaged |= parcels.send(parcel).is_err();
        drop(parcels);
        let placed = placing
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        read.map(|()| placed)
    })?;
    Ok(placed.filter(|_| !damaged).map(|mut book| {
        book.loaded(sum);
        book
    }))
}

/// Puts rows in their places as they arrive; `None` if one of them cannot be read.
fn place(mut book: Book, arriving: Receiver<Parcel>) -> Option<Book> {
    for parcel in arriving {
        for (table, key, content) in parcel.rows() {
            book.load(table, key, content).ok()?;
        }
    }
    Some(book)
}

/// Throws all rows away.
pub fn clear(tx: &mut Tx) -> Result<(), Fault> {
    tx.execute("DELETE FROM checkpoint", &[]).map(drop)
}
