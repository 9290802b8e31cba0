//! Where rows lie in memory: a map for few, packed shelves for millions.
//!
//! A chain has tens of millions of wallets. A general map doubles when it is full: at its emptiest it wastes half, and the one
//! payment that meets the doubling waits while everything is moved. Here nothing that grows with the customers is ever moved
//! as a whole.

use hashbrown::HashTable;
use hashbrown::hash_table;
use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::ops::Deref;

/// A hasher for keys that are ids of ours or already hashes: two multiplications, the same on every machine.
///
/// No key reaches it that an outsider can choose freely: texts are hashed by SHA-256 first.
#[derive(Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ (mixed >> 29)
    }
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0u8; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }
    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    }
    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }
    fn write_u128(&mut self, word: u128) {
        self.write_u64(word as u64);
        self.write_u64((word >> 64) as u64);
    }
}

/// A map keyed by ids.
pub type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// How a table keeps its rows.
pub trait Rows<K, V>: Default {
    /// A row as it is read: in place, or put together from a form that takes less room.
    type Found<'a>: Deref<Target = V>
    where
        Self: 'a;
    /// False for a key that no book ever gave out, and that must not be made room for.
    fn could_hold(_key: &K) -> bool {
        true
    }
    fn get(&self, key: &K) -> Option<Self::Found<'_>>;
    fn set(&mut self, key: K, row: Option<V>) -> Option<V>;
    /// Puts a row in place where none stands; false if one stands there.
    #[must_use]
    fn insert_new(&mut self, key: K, row: V) -> bool;
    /// Makes room for so many rows, as far as that saves moving them later.
    fn reserve(&mut self, rows: usize);
    fn count(&self) -> usize;
    fn each(&self, see: &mut dyn FnMut(&K, &V));
}

impl<K: Eq + Hash, V> Rows<K, V> for IdMap<K, V> {
    type Found<'a>
        = &'a V
    where
        Self: 'a;

    fn get(&self, key: &K) -> Option<&V> {
        HashMap::get(self, key)
    }
    fn set(&mut self, key: K, row: Option<V>) -> Option<V> {
        match row {
            Some(row) => self.insert(key, row),
            None => self.remove(&key),
        }
    }
    fn insert_new(&mut self, key: K, row: V) -> bool {
        match self.entry(key) {
            Entry::Occupied(_) => false,
            Entry::Vacant(free) => {
                free.insert(row);
                true
            }
        }
    }
    fn reserve(&mut self, rows: usize) {
        HashMap::reserve(self, rows);
    }
    fn count(&self) -> usize {
        self.len()
    }
    fn each(&self, see: &mut dyn FnMut(&K, &V)) {
        self.iter().for_each(|(key, row)| see(key, row));
    }
}

/// A key that counts up from one, so that rows can stand in a plain array.
pub trait Counted: Copy + Eq {
    /// The place in the array, from zero.
    fn place(self) -> usize;
}

/// Rows of one block.
const BLOCK: usize = 1 << 10;

/// A list that grows by blocks: what lies in it stays where it is.
struct Blocks<T>(Vec<Vec<T>>);

impl<T> Blocks<T> {
    fn get(&self, place: usize) -> Option<&T> {
        self.0.get(place / BLOCK)?.get(place % BLOCK)
    }
    fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.0.get_mut(place / BLOCK)?.get_mut(place % BLOCK)
    }
    fn push(&mut self, item: T) {
        match self.0.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(item),
            _ => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(item);
                self.0.push(block);
            }
        }
    }
    fn pop(&mut self) -> Option<T> {
        let item = self.0.last_mut()?.pop();
        if self.0.last().is_some_and(Vec::is_empty) {
            self.0.pop();
        }
        item
    }
    fn len(&self) -> usize {
        self.0
            .last()
            .map_or(0, |last| (self.0.len() - 1) * BLOCK + last.len())
    }
    fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}

/// A row that has a small form at most times, in which its key needs no room beside it.
pub trait Narrow<K>: Clone {
    type Narrow;
    /// The small form, if it says all there is.
    fn narrow(&self, key: K) -> Option<Self::Narrow>;
    /// The key at a place, and its row.
    fn widen(narrow: &Self::Narrow, place: usize) -> (K, Self);
}

/// One place of a [`Dense`].
enum Slot<K, V: Narrow<K>> {
    Empty,
    Narrow(V::Narrow),
    Wide(Box<(K, V)>),
}

impl<K: Counted, V: Narrow<K>> Slot<K, V> {
    fn of(key: K, row: Option<V>) -> Self {
        match row {
            None => Slot::Empty,
            Some(row) => match row.narrow(key) {
                Some(narrow) => Slot::Narrow(narrow),
                None => Slot::Wide(Box::new((key, row))),
            },
        }
    }
    fn taken(self, place: usize) -> Option<(K, V)> {
        match self {
            Slot::Empty => None,
            Slot::Narrow(narrow) => Some(V::widen(&narrow, place)),
            Slot::Wide(row) => Some(*row),
        }
    }
    fn seen(&self, place: usize) -> Option<(K, Cow<'_, V>)> {
        match self {
            Slot::Empty => None,
            Slot::Narrow(narrow) => {
                let (key, row) = V::widen(narrow, place);
                Some((key, Cow::Owned(row)))
            }
            Slot::Wide(row) => Some((row.0, Cow::Borrowed(&row.1))),
        }
    }
}

/// Rows under keys that count up: a million wallets without a million spare places.
pub struct Dense<K, V: Narrow<K>> {
    places: Blocks<Slot<K, V>>,
    count: usize,
}

impl<K, V: Narrow<K>> Default for Dense<K, V> {
    fn default() -> Self {
        Dense {
            places: Blocks(Vec::new()),
            count: 0,
        }
    }
}

impl<K: Counted, V: Narrow<K>> Rows<K, V> for Dense<K, V> {
    type Found<'a>
        = Cow<'a, V>
    where
        Self: 'a;

    fn could_hold(key: &K) -> bool {
        // Twice the people of Japan: a row of a checkpoint that an attacker edited must not take all memory.
        key.place() < 1 << 28
    }
    fn get(&self, key: &K) -> Option<Cow<'_, V>> {
        let place = key.place();
        match self.places.get(place)?.seen(place) {
            Some((own, row)) if own == *key => Some(row),
            _ => None,
        }
    }
    fn set(&mut self, key: K, row: Option<V>) -> Option<V> {
        let place = key.place();
        if place >= self.places.len() {
            row.as_ref()?;
            while self.places.len() <= place {
                self.places.push(Slot::Empty);
            }
        }
        let slot = self.places.get_mut(place).expect("room was made");
        let is = usize::from(row.is_some());
        let old = std::mem::replace(slot, Slot::of(key, row)).taken(place);
        self.count = self.count + is - usize::from(old.is_some());
        old.map(|(_, row)| row)
    }
    fn insert_new(&mut self, key: K, row: V) -> bool {
        self.get(&key).is_none() && self.set(key, Some(row)).is_none()
    }
    fn reserve(&mut self, _rows: usize) {
        // A block is never moved, so there is nothing to save.
    }
    fn count(&self) -> usize {
        self.count
    }
    fn each(&self, see: &mut dyn FnMut(&K, &V)) {
        for (place, slot) in self.places.iter().enumerate() {
            if let Some((key, row)) = slot.seen(place) {
                see(&key, &row);
            }
        }
    }
}

/// A row and its key as plain bytes, which need no alignment and so waste none.
pub trait Flat<K>: Copy {
    type Bytes;
    /// The eight bits that a key begins with. They are spread evenly, for keys are keyed hashes or random, and rows that come
    /// in the order of their keys fill one part of the index after the other: it stays near the processor meanwhile.
    fn part(key: K) -> u8;
    fn flat(&self, key: K) -> Self::Bytes;
    fn key(bytes: &Self::Bytes) -> K;
    fn row(bytes: &Self::Bytes) -> Self;
}

/// Parts of an index: each is moved alone when it doubles, in a thousandth of the time that moving all would take.
const PARTS: usize = 1 << 8;

/// Rows under keys that do not count, like fingerprints: packed in blocks, each beside its key, found by an index of five bytes
/// a place. A map that holds them itself costs 33 bytes a place, and up to twice as many places as rows.
pub struct Packed<K, V: Flat<K>> {
    index: Vec<HashTable<u32>>,
    rows: Blocks<V::Bytes>,
}

impl<K, V: Flat<K>> Default for Packed<K, V> {
    fn default() -> Self {
        Packed {
            index: Vec::new(),
            rows: Blocks(Vec::new()),
        }
    }
}

fn hash_of<K: Hash>(key: &K) -> u64 {
    BuildHasherDefault::<IdHasher>::default().hash_one(key)
}

impl<K: Copy + Eq + Hash, V: Flat<K>> Packed<K, V> {
    fn place(&self, key: &K) -> Option<usize> {
        let hash = hash_of(key);
        let part = self.index.get(usize::from(V::part(*key)))?;
        part.find(hash, |place| key_at::<K, V>(&self.rows, *place) == *key)
            .map(|place| *place as usize)
    }

    /// The place of a key's row, or the free place that was just given to it.
    fn place_or_free(&mut self, key: &K) -> Result<usize, usize> {
        if self.index.is_empty() {
            self.index.resize_with(PARTS, HashTable::new);
        }
        let hash = hash_of(key);
        let free = self.rows.len();
        let rows = &self.rows;
        let is_it = |place: &u32| key_at::<K, V>(rows, *place) == *key;
        let rehash = |place: &u32| hash_of(&key_at::<K, V>(rows, *place));
        match self.index[usize::from(V::part(*key))].entry(hash, is_it, rehash) {
            hash_table::Entry::Occupied(taken) => Ok(*taken.get() as usize),
            hash_table::Entry::Vacant(vacant) => {
                let place =
                    u32::try_from(free).expect("four billion rows are more than there are people");
                vacant.insert(place);
                Err(free)
            }
        }
    }

    /// Takes a row out; the last one moves into its place.
    fn take(&mut self, key: &K) -> Option<V> {
        let place = self.place(key)?;
        let hash = hash_of(key);
        let part = usize::from(V::part(*key));
        let found = self.index[part].find_entry(hash, |own| *own as usize == place);
        let Ok(entry) = found else {
            unreachable!("its place was found in this part");
        };
        entry.remove();
        let last_row = self.rows.pop()?;
        let last = self.rows.len();
        if place == last {
            return Some(V::row(&last_row));
        }
        let last_key = V::key(&last_row);
        let hash = hash_of(&last_key);
        *self.index[usize::from(V::part(last_key))]
            .find_mut(hash, |own| *own as usize == last)
            .expect("each row has an entry") = place as u32;
        let old = std::mem::replace(self.rows.get_mut(place)?, last_row);
        Some(V::row(&old))
    }
}

fn key_at<K, V: Flat<K>>(rows: &Blocks<V::Bytes>, place: u32) -> K {
    let bytes = rows.get(place as usize);
    V::key(bytes.expect("an index names rows that are there"))
}

impl<K: Copy + Eq + Hash, V: Flat<K>> Rows<K, V> for Packed<K, V> {
    type Found<'a>
        = Cow<'a, V>
    where
        Self: 'a;

    fn get(&self, key: &K) -> Option<Cow<'_, V>> {
        let bytes = self.rows.get(self.place(key)?)?;
        Some(Cow::Owned(V::row(bytes)))
    }
    fn set(&mut self, key: K, row: Option<V>) -> Option<V> {
        let Some(row) = row else {
            return self.take(&key);
        };
        match self.place_or_free(&key) {
            Ok(place) => {
                let slot = self.rows.get_mut(place);
                let slot = slot.expect("an index names rows that are there");
                Some(V::row(&std::mem::replace(slot, row.flat(key))))
            }
            Err(_) => {
                self.rows.push(row.flat(key));
                None
            }
        }
    }
    fn insert_new(&mut self, key: K, row: V) -> bool {
        let is_new = self.place_or_free(&key).is_err();
        if is_new {
            self.rows.push(row.flat(key));
        }
        is_new
    }
    fn reserve(&mut self, rows: usize) {
        self.index.resize_with(PARTS, HashTable::new);
        let (in_each, all) = (rows / PARTS, &self.rows);
        for part in &mut self.index {
            part.reserve(in_each, |place| hash_of(&key_at::<K, V>(all, *place)));
        }
    }
    fn count(&self) -> usize {
        self.rows.len()
    }
    fn each(&self, see: &mut dyn FnMut(&K, &V)) {
        for bytes in self.rows.iter() {
            see(&V::key(bytes), &V::row(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::{Wallet, WalletStatus};
    use super::*;
    use crate::fund::{Lot, Lots, Source};
    use crate::ids::{EntryId, Fingerprint, IdSpace, PaymentId, ShardId, TopUpId, WalletId};
    use crate::money::Amount;
    use crate::world::Draw;
    use std::fmt::Debug;

    /// Thousands of random changes on packed rows and on a plain map: never a different row.
    fn compare<K: Copy + Eq + Hash + Debug, V: Clone + PartialEq + Debug, R: Rows<K, V>>(
        mut packed: R,
        mut draw: Draw,
        mut change: impl FnMut(&mut Draw) -> (K, V),
    ) -> HashMap<K, V> {
        packed.reserve(2_000);
        let mut plain: HashMap<K, V> = HashMap::new();
        for _ in 0..40_000 {
            let (key, row) = change(&mut draw);
            let row = (draw.below(3) > 0).then_some(row);
            let old = match &row {
                Some(row) => plain.insert(key, row.clone()),
                None => plain.remove(&key),
            };
            match row {
                Some(row) if old.is_none() && draw.below(2) == 0 => {
                    assert!(packed.insert_new(key, row.clone()));
                    assert!(!packed.insert_new(key, row), "a row stands there");
                }
                row => assert_eq!(packed.set(key, row), old),
            }
            assert_eq!(packed.get(&key).as_deref(), plain.get(&key));
        }
        assert_eq!(packed.count(), plain.len());
        let mut seen = HashMap::new();
        packed.each(&mut |key, row| {
            seen.insert(*key, row.clone());
        });
        assert_eq!(seen, plain);
        plain
    }

    #[test]
    fn packed_rows_are_what_a_plain_map_holds() {
        let packed: Packed<Fingerprint, WalletId> = Packed::default();
        let mut step = 0;
        let plain = compare(packed, Draw::from_seed(5), |draw| {
            step += 1;
            (
                Fingerprint(u128::from(draw.below(6_000)) << 115 | 7),
                WalletId(u64::MAX - step),
            )
        });
        assert!(plain.len() > 3 * BLOCK, "several blocks were in use");
    }

    /// Ids of every kind that there can be: none, small, of a later incarnation, of another shard, the greatest of all.
    fn any_id(draw: &mut Draw) -> u64 {
        let space = IdSpace {
            incarnation: [0, 0, 1, 1_023][draw.below(4) as usize],
            shard: ShardId([0, 0, 0, 7][draw.below(4) as usize]),
        };
        match draw.below(8) {
            0 => 0,
            1 => u64::MAX,
            2 => space.id((1 << 43) - 1),
            3 => space.id(0),
            _ => space.id(draw.below(1 << 20)),
        }
    }

    fn any_amount(draw: &mut Draw) -> Amount {
        Amount::yen(
            [0, 1, 4_980, u64::from(u32::MAX), 1 << 32, Amount::MAX_MINOR][draw.below(6) as usize],
        )
    }

    fn any_wallet(draw: &mut Draw) -> Wallet {
        let mut row = Wallet {
            status: [WalletStatus::Active, WalletStatus::Frozen][draw.below(2) as usize],
            epoch: [0, 1, 2_047, 2_048, (1 << 21) - 1, 1 << 21, u32::MAX][draw.below(7) as usize],
            last_entry: EntryId(any_id(draw)),
            ..Wallet::EMPTY
        };
        if draw.below(8) == 0 {
            row.held = any_amount(draw);
        }
        if draw.below(8) == 0 {
            row.pending = any_amount(draw);
        }
        for _ in 0..[0, 1, 1, 1, 2, 5][draw.below(6) as usize] {
            let id = any_id(draw);
            let source = match draw.below(4) {
                0 => Source::Card(TopUpId(id)),
                1 => Source::Cash(EntryId(id)),
                2 => Source::Goodwill(EntryId(id)),
                _ => Source::Refund(PaymentId(id)),
            };
            let amount = any_amount(draw);
            if matches!(row.lots, Lots::None) || !amount.is_zero() {
                let joins = row.lots.iter().any(|lot| lot.source == source);
                if !joins {
                    row.lots.add(Lot { source, amount });
                }
            }
        }
        row
    }

    #[test]
    fn wallets_of_every_kind_are_what_a_plain_map_holds() {
        let packed: Dense<WalletId, Wallet> = Dense::default();
        let mut made: HashMap<u64, u64> = HashMap::new();
        let plain = compare(packed, Draw::from_seed(6), |draw| {
            let counter = draw.below(4_000) + 1;
            // A counter is given out once, in one space.
            let id = *made.entry(counter).or_insert_with(|| {
                let incarnation = [0, 0, 1, 1_023][draw.below(4) as usize];
                let shard = ShardId([0, 0, 0, 7][draw.below(4) as usize]);
                IdSpace { incarnation, shard }.id(counter)
            });
            (WalletId(id), any_wallet(draw))
        });
        assert!(plain.len() > 2 * BLOCK, "several blocks were in use");
    }

    #[test]
    fn an_ordinary_wallet_takes_24_bytes_with_its_id() {
        let ordinary = Wallet {
            lots: Lots::One(Lot {
                source: Source::Card(TopUpId(81_000_000_000)),
                amount: Amount::yen(100_000),
            }),
            epoch: 3,
            last_entry: EntryId(82_000_000_000),
            ..Wallet::EMPTY
        };
        let space = IdSpace {
            incarnation: 2,
            shard: ShardId(0),
        };
        assert!(ordinary.narrow(WalletId(space.id(70_000_000))).is_some());
        assert!(Wallet::EMPTY.narrow(WalletId(1)).is_some());
        assert_eq!(size_of::<Slot<WalletId, Wallet>>(), 24);
    }
}
