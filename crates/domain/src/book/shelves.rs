//! Where rows lie in memory: a map for few, packed shelves for millions.
//!
//! A chain has tens of millions of wallets. A general map doubles when it is full: at its emptiest it wastes half, and the one
//! payment that meets the doubling waits while everything is moved. Here nothing that grows with the customers is ever moved
//! as a whole.

use hashbrown::HashTable;
use hashbrown::hash_table;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};

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
    /// False for a key that no book ever gave out, and that must not be made room for.
    fn could_hold(_key: &K) -> bool {
        true
    }
    fn get(&self, key: &K) -> Option<&V>;
    fn set(&mut self, key: K, row: Option<V>) -> Option<V>;
    /// Puts a row in place where none stands, or says with `None` that one stands there.
    fn insert_new(&mut self, key: K, row: V) -> Option<&V>;
    /// Makes room for so many rows, as far as that saves moving them later.
    fn reserve(&mut self, rows: usize);
    fn count(&self) -> usize;
    fn each(&self, see: &mut dyn FnMut(&K, &V));
}

impl<K: Eq + Hash, V> Rows<K, V> for IdMap<K, V> {
    fn get(&self, key: &K) -> Option<&V> {
        HashMap::get(self, key)
    }
    fn set(&mut self, key: K, row: Option<V>) -> Option<V> {
        match row {
            Some(row) => self.insert(key, row),
            None => self.remove(&key),
        }
    }
    fn insert_new(&mut self, key: K, row: V) -> Option<&V> {
        match self.entry(key) {
            Entry::Occupied(_) => None,
            Entry::Vacant(free) => Some(free.insert(row)),
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

/// Rows under keys that count up: a million wallets without a million spare places.
pub struct Dense<K, V> {
    places: Blocks<Option<(K, V)>>,
    count: usize,
}

impl<K, V> Default for Dense<K, V> {
    fn default() -> Self {
        Dense {
            places: Blocks(Vec::new()),
            count: 0,
        }
    }
}

impl<K: Counted, V> Rows<K, V> for Dense<K, V> {
    fn could_hold(key: &K) -> bool {
        // Twice the people of Japan: a row of a checkpoint that an attacker edited must not take all memory.
        key.place() < 1 << 28
    }
    fn get(&self, key: &K) -> Option<&V> {
        match self.places.get(key.place()) {
            Some(Some((own, row))) if own == key => Some(row),
            _ => None,
        }
    }
    fn set(&mut self, key: K, row: Option<V>) -> Option<V> {
        let place = key.place();
        if place >= self.places.len() {
            row.as_ref()?;
            while self.places.len() <= place {
                self.places.push(None);
            }
        }
        let slot = self.places.get_mut(place).expect("room was made");
        let is = usize::from(row.is_some());
        let old = std::mem::replace(slot, row.map(|row| (key, row)));
        self.count = self.count + is - usize::from(old.is_some());
        old.map(|(_, row)| row)
    }
    fn insert_new(&mut self, key: K, row: V) -> Option<&V> {
        if self.get(&key).is_some() {
            return None;
        }
        self.set(key, Some(row));
        self.get(&key)
    }
    fn reserve(&mut self, _rows: usize) {
        // A block is never moved, so there is nothing to save.
    }
    fn count(&self) -> usize {
        self.count
    }
    fn each(&self, see: &mut dyn FnMut(&K, &V)) {
        self.places
            .iter()
            .flatten()
            .for_each(|(key, row)| see(key, row));
    }
}

/// Parts of an index: each is moved alone when it doubles, in a thousandth of the time that moving all would take.
const PARTS: usize = 1 << 8;

/// Rows under keys that do not count, like fingerprints: packed in blocks, each beside its key, found by an index of five bytes
/// a place. A map that holds them itself costs 33 bytes a place, and up to twice as many places as rows.
pub struct Packed<K, V> {
    index: Vec<HashTable<u32>>,
    rows: Blocks<(K, V)>,
}

impl<K, V> Default for Packed<K, V> {
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

/// The part of a key: bits that the parts' own tables do not look at first.
fn part_of(hash: u64) -> usize {
    (hash >> 40) as usize % PARTS
}

impl<K: Copy + Eq + Hash, V> Packed<K, V> {
    fn place(&self, key: &K) -> Option<usize> {
        let hash = hash_of(key);
        let part = self.index.get(part_of(hash))?;
        part.find(hash, |place| self.rows.is_at(*place, key))
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
        let is_it = |place: &u32| rows.is_at(*place, key);
        let rehash = |place: &u32| hash_of(&rows.at(*place).0);
        match self.index[part_of(hash)].entry(hash, is_it, rehash) {
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
        let found = self.index[part_of(hash)].find_entry(hash, |own| *own as usize == place);
        let Ok(entry) = found else {
            unreachable!("its place was found in this part");
        };
        entry.remove();
        let last_row = self.rows.pop()?;
        let last = self.rows.len();
        if place == last {
            return Some(last_row.1);
        }
        let hash = hash_of(&last_row.0);
        *self.index[part_of(hash)]
            .find_mut(hash, |own| *own as usize == last)
            .expect("each row has an entry") = place as u32;
        Some(std::mem::replace(self.rows.get_mut(place)?, last_row).1)
    }
}

impl<K: Eq, V> Blocks<(K, V)> {
    fn at(&self, place: u32) -> &(K, V) {
        self.get(place as usize)
            .expect("an index names rows that are there")
    }
    fn is_at(&self, place: u32, key: &K) -> bool {
        self.at(place).0 == *key
    }
}

impl<K: Copy + Eq + Hash, V> Rows<K, V> for Packed<K, V> {
    fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(self.place(key)?).map(|(_, row)| row)
    }
    fn set(&mut self, key: K, row: Option<V>) -> Option<V> {
        let Some(row) = row else {
            return self.take(&key);
        };
        match self.place_or_free(&key) {
            Ok(place) => {
                let (_, slot) = self
                    .rows
                    .get_mut(place)
                    .expect("an index names rows that are there");
                Some(std::mem::replace(slot, row))
            }
            Err(_) => {
                self.rows.push((key, row));
                None
            }
        }
    }
    fn insert_new(&mut self, key: K, row: V) -> Option<&V> {
        let place = self.place_or_free(&key).err()?;
        self.rows.push((key, row));
        self.rows.get(place).map(|(_, row)| row)
    }
    fn reserve(&mut self, rows: usize) {
        self.index.resize_with(PARTS, HashTable::new);
        let (in_each, all) = (rows / PARTS, &self.rows);
        for part in &mut self.index {
            part.reserve(in_each, |place| hash_of(&all.at(*place).0));
        }
    }
    fn count(&self) -> usize {
        self.rows.len()
    }
    fn each(&self, see: &mut dyn FnMut(&K, &V)) {
        self.rows.iter().for_each(|(key, row)| see(key, row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Fingerprint;
    use crate::world::Draw;

    /// Thousands of random changes on a packed table and on a plain map: never a different row.
    #[test]
    fn packed_rows_are_what_a_plain_map_holds() {
        let mut draw = Draw::from_seed(5);
        let mut packed: Packed<Fingerprint, u64> = Packed::default();
        packed.reserve(2_000);
        let mut plain: HashMap<Fingerprint, u64> = HashMap::new();
        for step in 0..40_000u64 {
            let key = Fingerprint(u128::from(draw.below(6_000)));
            let row = (draw.below(3) > 0).then_some(step);
            let old = match row {
                Some(row) => plain.insert(key, row),
                None => plain.remove(&key),
            };
            match row {
                Some(row) if old.is_none() && draw.below(2) == 0 => {
                    assert_eq!(packed.insert_new(key, row), Some(&row));
                    assert_eq!(packed.insert_new(key, row + 1), None, "a row stands there");
                }
                row => assert_eq!(Rows::set(&mut packed, key, row), old),
            }
            assert_eq!(Rows::get(&packed, &key), plain.get(&key));
        }
        assert!(plain.len() > 3 * BLOCK, "several blocks were in use");
        assert_eq!(packed.count(), plain.len());
        let mut seen = HashMap::new();
        packed.each(&mut |key, row| {
            seen.insert(*key, *row);
        });
        assert_eq!(seen, plain);
    }
}
