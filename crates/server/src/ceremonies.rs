//! Ceremonies on their way: challenges that wait for a browser's answer.
//!
//! In memory only and bounded: an unauthenticated caller must not be able to fill a disk. A restart forgets them and the
//! page simply begins again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use mamori_domain::world::Timestamp;

/// How long a challenge waits for its answer, in seconds.
pub const CEREMONY_SECONDS: i64 = 300;

/// Challenges that wait, each for one answer from one browser.
pub struct Ceremonies<S> {
    waiting_max: usize,
    waiting: Mutex<Waiting<S>>,
}

struct Waiting<S> {
    by_handle: HashMap<[u8; 32], Pending<S>>,
    /// Places that were promised.
    promised: usize,
    /// Handles in order of their beginning; all wait equally long, so the first is the oldest.
    order: VecDeque<([u8; 32], i64)>,
}

struct Pending<S> {
    browser: [u8; 32],
    begun_at: i64,
    state: S,
}

impl<S> Ceremonies<S> {
    /// At most `waiting_max` ceremonies wait at once.
    pub fn new(waiting_max: usize) -> Self {
        Ceremonies {
            waiting_max,
            waiting: Mutex::new(Waiting {
                by_handle: HashMap::new(),
                promised: 0,
                order: VecDeque::new(),
            }),
        }
    }

    /// Promises a place, so that something can be used up for it that is not given back; None when too many wait already.
    pub fn promise(&self, now: Timestamp) -> Option<Promise<'_, S>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.forget_old(now.0);
        if waiting.by_handle.len() + waiting.promised >= self.waiting_max {
            return None;
        }
        waiting.promised += 1;
        Some(Promise(self))
    }

    /// Keeps `state` for an answer from the browser that holds `browser`; false when too many wait already.
    ///
    /// A second beginning under the same handle replaces the first.
    pub fn begin(&self, handle: [u8; 32], browser: [u8; 32], state: S, now: Timestamp) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.forget_old(now.0);
        if waiting.by_handle.len() + waiting.promised >= self.waiting_max {
            return false;
        }
        waiting.keep(handle, browser, state, now.0);
        true
    }

    /// Looks at the state and leaves it, for something else that was proven by the same beginning. None as in [`Ceremonies::take`].
    pub fn peek<T>(
        &self,
        handle: &[u8; 32],
        browser: &[u8; 32],
        now: Timestamp,
        look: impl FnOnce(&S) -> T,
    ) -> Option<T> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.forget_old(now.0);
        let pending = waiting.by_handle.get(handle);
        let pending = pending.filter(|pending| pending.browser == *browser);
        pending.map(|pending| look(&pending.state))
    }

    /// Takes the state out, for one answer, good or bad. None: unknown, used, too old, or another browser's.
    pub fn take(&self, handle: &[u8; 32], browser: &[u8; 32], now: Timestamp) -> Option<S> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.forget_old(now.0);
        // Another browser's try uses nothing up: otherwise a leaked handle could disturb its owner.
        if waiting.by_handle.get(handle)?.browser != *browser {
            return None;
        }
        waiting
            .by_handle
            .remove(handle)
            .map(|pending| pending.state)
    }
}

/// A place among the ceremonies that wait, given back on drop.
pub struct Promise<'a, S>(&'a Ceremonies<S>);

impl<S> Promise<'_, S> {
    /// Takes the place for `state`, as [`Ceremonies::begin`] does.
    pub fn begin(self, handle: [u8; 32], browser: [u8; 32], state: S, now: Timestamp) {
        let mut waiting = self
            .0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        waiting.keep(handle, browser, state, now.0);
    }
}

impl<S> Drop for Promise<'_, S> {
    fn drop(&mut self) {
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .promised -= 1;
    }
}

impl<S> Waiting<S> {
    fn keep(&mut self, handle: [u8; 32], browser: [u8; 32], state: S, now: i64) {
        self.order.push_back((handle, now));
        self.by_handle.insert(
            handle,
            Pending {
                browser,
                begun_at: now,
                state,
            },
        );
    }

    fn forget_old(&mut self, now: i64) {
        let life = CEREMONY_SECONDS * 1_000_000;
        // A clock set back makes entries of the future: they are as useless as old ones.
        while self
            .order
            .front()
            .is_some_and(|(_, begun_at)| !(*begun_at..*begun_at + life).contains(&now))
        {
            if let Some((handle, begun_at)) = self.order.pop_front()
                && self
                    .by_handle
                    .get(&handle)
                    .is_some_and(|pending| pending.begun_at == begun_at)
            {
                self.by_handle.remove(&handle);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn a_challenge_answers_once_to_its_own_browser() {
        let ceremonies = Ceremonies::new(10);
        assert!(ceremonies.begin([1; 32], [9; 32], "state", at(0)));
        assert_eq!(
            ceremonies.take(&[1; 32], &[8; 32], at(1)),
            None,
            "another browser"
        );
        assert_eq!(
            ceremonies.take(&[2; 32], &[9; 32], at(1)),
            None,
            "another handle"
        );
        assert_eq!(ceremonies.take(&[1; 32], &[9; 32], at(1)), Some("state"));
        assert_eq!(ceremonies.take(&[1; 32], &[9; 32], at(1)), None, "used");
    }

    #[test]
    fn a_challenge_waits_five_minutes() {
        let ceremonies = Ceremonies::new(10);
        assert!(
            ceremonies.begin([1; 32], [9; 32], (), at(0))
                && ceremonies.begin([2; 32], [9; 32], (), at(0))
        );
        assert!(ceremonies.take(&[1; 32], &[9; 32], at(299)).is_some());
        assert!(ceremonies.take(&[2; 32], &[9; 32], at(300)).is_none());
    }

    #[test]
    fn too_many_wait_and_old_ones_make_room() {
        let ceremonies = Ceremonies::new(2);
        assert!(
            ceremonies.begin([1; 32], [9; 32], (), at(0))
                && ceremonies.begin([2; 32], [9; 32], (), at(0))
        );
        assert!(!ceremonies.begin([3; 32], [9; 32], (), at(10)));
        assert!(ceremonies.begin([3; 32], [9; 32], (), at(300)));
    }

    #[test]
    fn a_promised_place_is_kept_and_given_back() {
        let ceremonies = Ceremonies::new(1);
        let place = ceremonies.promise(at(0)).expect("room");
        assert!(!ceremonies.begin([1; 32], [9; 32], "other", at(0)));
        place.begin([2; 32], [9; 32], "state", at(0));
        assert!(ceremonies.promise(at(0)).is_none());
        assert_eq!(ceremonies.take(&[2; 32], &[9; 32], at(1)), Some("state"));
        drop(ceremonies.promise(at(1)).expect("room again"));
        assert!(ceremonies.begin([1; 32], [9; 32], "other", at(1)));
    }

    #[test]
    fn beginning_again_does_not_inherit_the_old_end() {
        let ceremonies = Ceremonies::new(10);
        assert!(
            ceremonies.begin([1; 32], [9; 32], "first", at(0))
                && ceremonies.begin([1; 32], [9; 32], "second", at(200))
        );
        assert_eq!(ceremonies.take(&[1; 32], &[9; 32], at(350)), Some("second"));
    }
}
