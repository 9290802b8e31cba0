//! The book's rows beside the views, so that a start need not replay everything. Not believed: hashed and compared.
//!
//! While a checkpoint is being written, [`pending`](super::pending) says how, a second table holds how the rows it has written
//! over stood before: `checkpoint_undo`, by the row of the journal whose book they belong to.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Column, Param, Row, Tx};
use mamori_domain::book::{Book, BookHash, HashKey};

use crate::views::VIEWS;

/// The migration of the views that brought `checkpoint_undo`.
const VERSION_WITH_NOTES: i64 = 4;

/// A row's table and its key in CBOR.
pub type RowKey = (u8, Vec<u8>);
/// A row of the book in CBOR; `None` where there is none.
pub type CheckpointRow = (RowKey, Option<Vec<u8>>);

/// Writes rows, in the order of their keys.
pub fn write(tx: &mut Tx, rows: &[CheckpointRow]) -> Result<(), Fault> {
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

/// Notes how rows stand that are about to be written, for the checkpoint after row `seq`. What is noted stays: the first
/// note is the one from before anything was written over it.
pub fn keep_undo(tx: &mut Tx, seq: u64, rows: &[CheckpointRow]) -> Result<(), Fault> {
    let seqs = vec![seq as i64; rows.len()];
    let kinds: Vec<i64> = rows.iter().map(|((kind, _), _)| i64::from(*kind)).collect();
    let ids: Vec<&[u8]> = rows.iter().map(|((_, id), _)| &id[..]).collect();
    tx.for_many(
        "INSERT INTO checkpoint_undo (seq, kind, id, content)
         SELECT given.seq, given.kind, given.id, checkpoint.content FROM {given}
         LEFT JOIN checkpoint ON checkpoint.kind = given.kind AND checkpoint.id = given.id
         WHERE 1 = 1 ON CONFLICT (seq, kind, id) DO NOTHING",
        &["seq", "kind", "id"],
        &[Column::Int(&seqs), Column::Int(&kinds), Column::Blob(&ids)],
    )?;
    Ok(())
}

/// Removes some notes for checkpoints before the one after row `seq`; true if there may be more.
pub fn forget_undo(tx: &mut Tx, seq: u64, rows: usize) -> Result<bool, Fault> {
    let up_to = tx.query_first(
        "SELECT seq, kind, id FROM checkpoint_undo WHERE seq < $1 ORDER BY seq, kind, id LIMIT 1 OFFSET $2",
        &[Param::Int(seq as i64), Param::Int(rows as i64)],
        |row| (row.int(0), row.int(1), row.blob(2).to_vec()),
    )?;
    match &up_to {
        Some((seq, kind, id)) => tx.execute(
            "DELETE FROM checkpoint_undo WHERE (seq, kind, id) < ($1, $2, $3)",
            &[Param::Int(*seq), Param::Int(*kind), Param::Blob(id)],
        )?,
        None => tx.execute(
            "DELETE FROM checkpoint_undo WHERE seq <> $1",
            &[Param::Int(seq as i64)],
        )?,
    };
    Ok(up_to.is_some())
}

/// Bytes of rows that go from the reading thread to the one that puts the book together in one go.
const PARCEL_BYTES: usize = 64 * 1_024;
/// Parcels in the channel between the two threads: bounds memory.
const PARCELS: usize = 4;

/// Rows of a checkpoint, one behind the other: table, key, content.
struct Parcel {
    bytes: Vec<u8>,
    /// Where each row's key ends, and where the row ends.
    ends: Vec<(usize, usize)>,
}

impl Parcel {
    /// Made in the size it will have: what grows by doubling leaves its smaller selves behind.
    fn new() -> Parcel {
        Parcel {
            bytes: Vec::with_capacity(PARCEL_BYTES + 4_096),
            ends: Vec::with_capacity(PARCEL_BYTES / 32),
        }
    }

    fn push(&mut self, table: u8, key: &[u8], content: &[u8]) -> &[u8] {
        let start = self.bytes.len();
        self.bytes.push(table);
        self.bytes.extend_from_slice(key);
        let key_ends = self.bytes.len();
        self.bytes.extend_from_slice(content);
        self.ends.push((key_ends, self.bytes.len()));
        &self.bytes[start..]
    }

    /// The bytes of each row.
    fn each(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        starts
            .zip(&self.ends)
            .map(|(start, &(_, end))| &self.bytes[start..end])
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

/// Puts the book after row `seq` together from the checkpoint's rows, or nothing if one of them cannot be read. The caller
/// compares its hash with the journal.
///
/// Three threads share the work, so that two cores are busy whichever part is the longest: this one reads rows, one sums their
/// bytes, one puts them in their places.
pub fn load(tx: &mut Tx, seq: u64, key: HashKey) -> Result<Option<Book>, Fault> {
    let mut undo = Undo::of(tx, seq)?;
    let mut book = Book::new(key.clone());
    let mut sum = BookHash::default();
    let mut damaged = false;
    // The counters first: they say how much room all others need.
    tx.scan(
        "SELECT kind, id, content FROM checkpoint WHERE kind = $1",
        &[Param::Int(i64::from(Book::COUNTERS))],
        |row| {
            undo.row(row, |table, id, content| {
                sum.add_row(&key, Parcel::new().push(table, id, content));
                damaged |= book.load(table, id, content).is_err();
            });
            Ok(())
        },
    )?;
    book.make_room();
    let (read, to_sum) = sync_channel::<Parcel>(PARCELS);
    let (summed, to_place) = sync_channel::<Parcel>(PARCELS);
    let placed = thread::scope(|scope| {
        let placing = scope.spawn(move || place(book, to_place));
        let summing = scope.spawn(move || sum_up(&key, to_sum, summed));
        let mut parcel = Parcel::new();
        let mut pass_on = |table, id: &[u8], content: &[u8]| {
            if table == Book::COUNTERS {
                return;
            }
            parcel.push(table, id, content);
            if parcel.bytes.len() >= PARCEL_BYTES {
                // The receiver has stopped at a row that could not be read.
                damaged |= read
                    .send(std::mem::replace(&mut parcel, Parcel::new()))
                    .is_err();
            }
        };
        let scanned = tx.scan("SELECT kind, id, content FROM checkpoint", &[], |row| {
            undo.row(row, &mut pass_on);
            Ok(())
        });
        undo.rest(pass_on);
        damaged |= read.send(parcel).is_err();
        drop(read);
        let rest = (summing.join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        sum.add_all(rest);
        let placed = placing
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        scanned.map(|()| placed)
    })?;
    Ok(placed.filter(|_| !damaged).map(|mut book| {
        book.loaded(sum);
        book
    }))
}

/// Sums the bytes of rows and passes them on, until the one who places them has met a row that cannot be read.
fn sum_up(key: &HashKey, arriving: Receiver<Parcel>, leaving: SyncSender<Parcel>) -> BookHash {
    let mut sum = BookHash::default();
    for parcel in arriving {
        for row in parcel.each() {
            sum.add_row(key, row);
        }
        if leaving.send(parcel).is_err() {
            break;
        }
    }
    sum
}

/// How rows stood at a checkpoint that have been written over since, because the next one is on its way.
struct Undo {
    /// By table and key, in one piece.
    rows: HashMap<Vec<u8>, Option<Vec<u8>>>,
    wanted: Vec<u8>,
}

impl Undo {
    fn of(tx: &mut Tx, seq: u64) -> Result<Undo, Fault> {
        let mut rows = HashMap::new();
        // A reader (audit, standby) may open views that an older program has written in one piece: they have no undo notes.
        let known = tx.query_first(
            "SELECT COUNT(*) FROM schema_versions WHERE family = $1 AND version = $2",
            &[Param::Text(VIEWS.name), Param::Int(VERSION_WITH_NOTES)],
            |row| row.int(0),
        )?;
        if known == Some(0) {
            return Ok(Undo {
                rows,
                wanted: Vec::new(),
            });
        }
        tx.scan(
            "SELECT kind, id, content FROM checkpoint_undo WHERE seq = $1",
            &[Param::Int(seq as i64)],
            |row| {
                let key = [&[table(row)], row.blob(1)].concat();
                rows.insert(key, row.opt_blob(2).map(<[u8]>::to_vec));
                Ok(())
            },
        )?;
        Ok(Undo {
            rows,
            wanted: Vec::new(),
        })
    }

    /// Gives `see` this row of the table, as it stood; nothing if it was not there.
    fn row(&mut self, row: &Row, mut see: impl FnMut(u8, &[u8], &[u8])) {
        let (table, id) = (table(row), row.blob(1));
        if self.rows.is_empty() {
            return see(table, id, row.blob(2));
        }
        self.wanted.clear();
        self.wanted.push(table);
        self.wanted.extend_from_slice(id);
        match self.rows.remove(&self.wanted) {
            None => see(table, id, row.blob(2)),
            Some(Some(content)) => see(table, id, &content),
            Some(None) => {}
        }
    }

    /// Gives `see` the rows that are in the table no more.
    fn rest(self, mut see: impl FnMut(u8, &[u8], &[u8])) {
        for (key, content) in self.rows {
            if let Some(content) = content {
                see(key[0], &key[1..], &content);
            }
        }
    }
}

/// A table that no book has is refused with its row.
fn table(row: &Row) -> u8 {
    u8::try_from(row.int(0)).unwrap_or(0)
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
    tx.execute("DELETE FROM checkpoint", &[])?;
    tx.execute("DELETE FROM checkpoint_undo", &[])?;
    Ok(())
}
