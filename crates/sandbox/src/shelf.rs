//! A keyed store with a fixed number of places.

use std::collections::{HashMap, VecDeque};

/// Keeps at most `places` things; the oldest makes room for the newest.
pub(crate) struct Shelf<T> {
    places: usize,
    order: VecDeque<String>,
    things: HashMap<String, T>,
}

impl<T> Shelf<T> {
    pub(crate) fn with_places(places: usize) -> Self {
        assert!(places > 0, "a shelf without places keeps nothing");
        Self {
            places,
            order: VecDeque::new(),
            things: HashMap::new(),
        }
    }

    /// Puts `thing` at `key`; a thing already there is replaced in its old place.
    pub(crate) fn put(&mut self, key: String, thing: T) {
        if self.things.insert(key.clone(), thing).is_none() {
            self.order.push_back(key);
            if self.order.len() > self.places
                && let Some(oldest) = self.order.pop_front()
            {
                self.things.remove(&oldest);
            }
        }
        assert_eq!(self.order.len(), self.things.len());
    }

    pub(crate) fn get(&self, key: &str) -> Option<&T> {
        self.things.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut T> {
        self.things.get_mut(key)
    }

    /// Newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &T> {
        self.order
            .iter()
            .rev()
            .filter_map(|key| self.things.get(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let mut shelf = Shelf::with_places(2);
        for (key, thing) in [("a", 1), ("b", 2), ("a", 3), ("c", 4)] {
            shelf.put(key.to_owned(), thing);
        }
        assert_eq!(shelf.newest().copied().collect::<Vec<_>>(), [4, 2]);
        assert!(shelf.get("a").is_none());
    }
}
