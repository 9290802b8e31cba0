//! The one door through which the book changes: it keeps the way back, the running hash and the list of what is dirty.

use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};
use std::hash::Hash;

use super::shelves::{IdMap, Rows};

/// The running hash of a whole book: the sum of a keyed hash of each row, lane by lane.
///
/// Order does not matter and a row's old hash can be taken out again, so it costs two short hashes per change and not a walk
/// over the book. Without the key an attacker cannot make another set of rows with the same sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct BookHash {
    #[n(0)]
    pub lanes: [u64; 4],
}

impl BookHash {
    /// Counts one more row in, given by its bytes: in a checkpoint, the number of its table, its key and its content.
    /// Also for comparing two sets of rows that lie in different orders.
    pub fn add_row(&mut self, key: &HashKey, bytes: &[u8]) {
        self.add(key.row(bytes));
    }
    /// Counts in what another sum counted.
    pub fn add_all(&mut self, other: BookHash) {
        self.add(other.lanes);
    }
    fn add(&mut self, row: [u64; 4]) {
        for (lane, part) in self.lanes.iter_mut().zip(row) {
            *lane = lane.wrapping_add(part);
        }
    }
    fn take(&mut self, row: [u64; 4]) {
        for (lane, part) in self.lanes.iter_mut().zip(row) {
            *lane = lane.wrapping_sub(part);
        }
    }
}

/// The key of the [`BookHash`], absorbed once.
#[derive(Clone)]
pub struct HashKey(Sha256);

impl HashKey {
    /// From 32 secret bytes. A block of the hash holds 64: the key fills one whole, so a row costs no more than its own bytes.
    pub fn new(key: &[u8; 32]) -> HashKey {
        let mut block = [0u8; 64];
        block[..32].copy_from_slice(key);
        HashKey(Sha256::new().chain_update(block))
    }

    fn row(&self, bytes: &[u8]) -> [u64; 4] {
        let digest = self.0.clone().chain_update(bytes).finalize();
        let mut lanes = [0u64; 4];
        for (lane, chunk) in lanes.iter_mut().zip(digest.chunks_exact(8)) {
            *lane = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
        }
        lanes
    }
}

/// Where every table's changes meet.
pub struct Ledgered {
    key: HashKey,
    /// The hash of all rows of all hashed tables.
    pub hash: BookHash,
    scratch: Vec<u8>,
}

impl Ledgered {
    /// For an empty book.
    pub fn new(key: HashKey) -> Ledgered {
        Ledgered {
            key,
            hash: BookHash::default(),
            scratch: Vec::with_capacity(256),
        }
    }
}

/// One kind of row of the book, hashed and tracked.
pub struct Table<K, V, R = IdMap<K, V>> {
    rows: R,
    dirty: Vec<K>,
    number: u8,
    /// Of a hot table: the rows as they stand in the hash, where they have changed since.
    behind: Option<IdMap<K, Option<V>>>,
}

impl<K, V, R> Table<K, V, R>
where
    K: Copy + Eq + Hash + Ord + Encode<()> + for<'b> Decode<'b, ()>,
    V: Clone + Encode<()> + for<'b> Decode<'b, ()>,
    R: Rows<K, V>,
{
    /// An empty table. `number` names it in hashes and checkpoints, for ever.
    pub fn new(number: u8) -> Self {
        Table {
            rows: R::default(),
            dirty: Vec::new(),
            number,
            behind: None,
        }
    }

    /// An empty table of few rows that change with nearly every act, like the counters: a row is hashed once per batch and
    /// not twice per act.
    pub fn hot(number: u8) -> Self {
        Table {
            behind: Some(IdMap::default()),
            ..Self::new(number)
        }
    }

    /// Adds to `hash` what [`Table::settle`] has not brought into it yet.
    pub fn catch_up(&self, ledgered: &Ledgered, hash: &mut BookHash) {
        let mut scratch = Vec::new();
        for (key, old) in self.behind.iter().flatten() {
            if let Some(new) = self.rows.get(key) {
                encode_row(&mut scratch, self.number, key, &*new);
                hash.add(ledgered.key.row(&scratch));
            }
            if let Some(old) = old {
                encode_row(&mut scratch, self.number, key, old);
                hash.take(ledgered.key.row(&scratch));
            }
        }
    }

    /// Brings the hash of a hot table up to date.
    pub fn settle(&mut self, ledgered: &mut Ledgered) {
        let mut hash = ledgered.hash;
        self.catch_up(ledgered, &mut hash);
        ledgered.hash = hash;
        if let Some(behind) = &mut self.behind {
            behind.clear();
        }
    }

    /// A row.
    pub fn get(&self, key: &K) -> Option<R::Found<'_>> {
        self.rows.get(key)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.count()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `see` for each row.
    pub fn each(&self, mut see: impl FnMut(&K, &V)) {
        self.rows.each(&mut see);
    }

    /// Replaces a row (or removes it, with `None`), and gives back what stood there.
    pub fn set(&mut self, ledgered: &mut Ledgered, key: K, row: Option<V>) -> Option<V> {
        // A batch touches the same few rows again and again: one note is enough.
        if self.dirty.last() != Some(&key) {
            self.dirty.push(key);
        }
        if let Some(behind) = &mut self.behind {
            let old = self.rows.set(key, row);
            behind.entry(key).or_insert_with(|| old.clone());
            return old;
        }
        let scratch = &mut ledgered.scratch;
        if let Some(new) = &row {
            encode_row(scratch, self.number, &key, new);
            ledgered.hash.add(ledgered.key.row(scratch));
        }
        let old = self.rows.set(key, row);
        if let Some(old) = &old {
            encode_row(scratch, self.number, &key, old);
            ledgered.hash.take(ledgered.key.row(scratch));
        }
        old
    }

    /// Takes the rows touched since the last call, each as it stands now: `(table, key, row or none)` in CBOR.
    pub fn take_dirty(&mut self, into: &mut Vec<DirtyRow>) {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.sort_unstable();
        dirty.dedup();
        for key in dirty {
            into.push(DirtyRow {
                table: self.number,
                key: minicbor::to_vec(key).expect("memory takes all"),
                row: self
                    .rows
                    .get(&key)
                    .map(|row| minicbor::to_vec(&*row).expect("memory takes all")),
            });
        }
    }

    /// Notes a row as changed, by its key in CBOR as [`Table::take_dirty`] wrote it.
    pub fn mark_dirty(&mut self, key: &[u8]) {
        self.dirty
            .push(minicbor::decode(key).expect("this table wrote the key"));
    }

    /// Puts a checkpoint's row in place, which is not dirty then, and shows it to `see`. The hash does not know it yet: the
    /// caller sums the bytes.
    pub fn load<T>(
        &mut self,
        key: &[u8],
        row: &[u8],
        see: impl FnOnce(K, &V) -> T,
    ) -> Result<T, minicbor::decode::Error> {
        let key: K = minicbor::decode(key)?;
        let row: V = minicbor::decode(row)?;
        if !R::could_hold(&key) {
            return Err(minicbor::decode::Error::message(
                "a key beyond all counting",
            ));
        }
        let seen = see(key, &row);
        if self.rows.insert_new(key, row) {
            Ok(seen)
        } else {
            Err(minicbor::decode::Error::message("a row that comes twice"))
        }
    }

    /// Makes room for so many rows.
    pub fn reserve(&mut self, rows: usize) {
        self.rows.reserve(rows);
    }
}

/// A row of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirtyRow {
    /// The table's number.
    pub table: u8,
    /// The key, in CBOR.
    pub key: Vec<u8>,
    /// The row, in CBOR; `None` where it is gone.
    pub row: Option<Vec<u8>>,
}

fn encode_row<K: Encode<()>, V: Encode<()>>(into: &mut Vec<u8>, number: u8, key: &K, row: &V) {
    into.clear();
    into.push(number);
    minicbor::encode(key, &mut *into).expect("memory takes all");
    minicbor::encode(row, &mut *into).expect("memory takes all");
}
