//! The memory of nonces: a signed request is decided once.
//!
//! A signature is good for two minutes around its epoch. Within that window an attacker who saw the request could send it
//! again, and so does an honest client whose answer was lost on the way: Java's `HttpURLConnection` repeats a POST byte for
//! byte without a word to the program above it. Every nonce is therefore remembered, per key, until its epoch can no longer be
//! accepted, together with a hash of what it signed. The same bytes again are *the same request delivered again*: the edge
//! decides nothing and repeats what the book says was answered. Other bytes under an old nonce are refused.
//!
//! What is kept of a nonce is a keyed 64-bit fingerprint (the key is drawn at start, so no attacker can aim at a collision).
//! With four million live nonces a fresh one is mistaken for an old one with probability 2·10⁻¹³, and then a register
//! simply signs again. Fingerprints lie in buckets of one minute of *epoch*; a whole bucket is dropped at once when the
//! last second in it has left the window, so that nothing is ever swept entry by entry.
//!
//! The memory is bounded. When it is full the answer is "busy", never "forget the oldest": forgetting a live nonce would
//! let its request be replayed by an attacker who can cause enough traffic. One key has at most a quarter of it: a merchant whose
//! program runs in a circle fills its own share and no other's.
//!
//! A restart forgets all nonces. What was signed before it may have been delivered then, so it is taken as delivered again: the
//! book, which forgets nothing, says what was answered. What was signed *ahead* of our clock by a register whose own clock is
//! fast passes for fresh once more until its second has come. To an attacker who recorded it that is worth nothing: a payment,
//! refund or cancel under the same id gets its first answer again, and a reading call tells what its key may read anyway.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use crate::auth::{DRIFT_SECONDS_MAX, within_drift};

/// Seconds of epoch in one bucket.
const BUCKET_SECONDS: i64 = 60;

/// The share of the memory that one key may fill: one part in so many.
const KEY_SHARE: usize = 4;

/// Independently locked parts; a power of two.
const SHARDS: usize = 64;

/// What the memory says to a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceVerdict {
    /// Never seen in this window; it is remembered now.
    Fresh,
    /// The same request was delivered before, byte for byte: say again what it was told, and decide nothing.
    Repeated,
    /// Signed before this process started, or in a time whose nonces were dropped: it may have been delivered then. As for
    /// [`NonceVerdict::Repeated`], nothing may be decided.
    Unremembered,
    /// The nonce signed another request before. Answer 401.
    Reused,
    /// The epoch is outside the window in which a signature is good. Answer 401.
    OutsideWindow,
    /// The memory, or the key's share of it, is full of live nonces. Answer 429; nothing was remembered.
    Busy,
}

/// Remembers the nonces of signed requests. Shared by all connections: `&self` everywhere, one short lock per call.
#[derive(Debug)]
pub struct NonceMemory {
    shards: Box<[Mutex<Shard>]>,
    shard_capacity: usize,
    not_before_seconds: i64,
    seed: [u8; 16],
}

#[derive(Debug, Default)]
struct Shard {
    buckets: Vec<Bucket>,
    live: usize,
    /// Epochs below this were dropped. A clock that steps back must not make them acceptable again.
    floor_seconds: i64,
}

#[derive(Debug)]
struct Bucket {
    minute: i64,
    /// Of key and nonce, each with a hash of the request it signed.
    fingerprints: HashMap<u64, u32, BuildHasherDefault<AlreadyHashed>>,
    /// How many of them are of one key, by a keyed hash of the key.
    of_key: HashMap<u64, usize, BuildHasherDefault<AlreadyHashed>>,
}

impl NonceMemory {
    /// Makes an empty memory for about `capacity` live nonces (spread over 64 parts; a part that is full says busy for its
    /// share), a quarter of it for any one key. Nonces live two to three minutes after their epoch, so 20,000 requests a
    /// second need about 4,000,000, at 20 to 35 bytes each.
    ///
    /// `started_seconds` (seconds since 1970) is when this process began: what was signed earlier may have been delivered
    /// before the memory was lost. `seed` is 16 bytes of chance that are known to no one else.
    pub fn new(capacity: usize, started_seconds: i64, seed: [u8; 16]) -> Self {
        NonceMemory {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            shard_capacity: capacity.div_ceil(SHARDS),
            not_before_seconds: started_seconds,
            seed,
        }
    }

    /// Asks whether a nonce is fresh for this API key and remembers it if so, in one step, with `request`: whatever tells the
    /// signed request from another one. Call it after the MAC held, with the same `now_micros` that the MAC was checked with.
    pub fn remember(
        &self,
        api_key: &str,
        nonce: &str,
        epoch_seconds: i64,
        request: impl Hash,
        now_micros: i64,
    ) -> NonceVerdict {
        if !within_drift(epoch_seconds, now_micros) {
            return NonceVerdict::OutsideWindow;
        }
        if epoch_seconds < self.not_before_seconds {
            return NonceVerdict::Unremembered;
        }
        let (key, fingerprint) = self.fingerprints(api_key, nonce);
        let mut hasher = std::hash::DefaultHasher::new();
        (self.seed, request).hash(&mut hasher);
        let request = hasher.finish() as u32;
        // The highest bits choose the shard, the set uses the others.
        let shard = &self.shards[(fingerprint >> (64 - SHARDS.trailing_zeros())) as usize];
        // A panic elsewhere cannot have left a shard half changed: the insertion is the last step.
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.drop_buckets_before(now_micros);
        shard.remember(
            key,
            fingerprint,
            epoch_seconds,
            request,
            self.shard_capacity,
        )
    }

    /// How many nonces are remembered; for the metrics, not for decisions.
    pub fn live(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).live)
            .sum()
    }

    /// Of the key alone, and of key and nonce.
    fn fingerprints(&self, api_key: &str, nonce: &str) -> (u64, u64) {
        let mut hasher = std::hash::DefaultHasher::new();
        // `str` hashes with a terminator, so (key, nonce) pairs cannot run into each other.
        (self.seed, api_key).hash(&mut hasher);
        let key = hasher.finish();
        nonce.hash(&mut hasher);
        (key, hasher.finish())
    }
}

impl Shard {
    fn drop_buckets_before(&mut self, now_micros: i64) {
        let Shard {
            buckets,
            live,
            floor_seconds,
        } = self;
        buckets.retain(|bucket| {
            let end_seconds = (bucket.minute + 1) * BUCKET_SECONDS;
            // The last epoch of the bucket is one second below its end.
            let keep = now_micros < (end_seconds - 1 + DRIFT_SECONDS_MAX) * 1_000_000;
            if !keep {
                *live -= bucket.fingerprints.len();
                *floor_seconds = end_seconds.max(*floor_seconds);
            }
            keep
        });
    }

    fn remember(
        &mut self,
        key: u64,
        fingerprint: u64,
        epoch_seconds: i64,
        request: u32,
        capacity: usize,
    ) -> NonceVerdict {
        if epoch_seconds < self.floor_seconds {
            return NonceVerdict::Unremembered;
        }
        // At most five buckets can be live, whatever epochs are sent. All of them are asked: a nonce may not be used
        // again with another epoch either.
        let seen = |bucket: &Bucket| bucket.fingerprints.get(&fingerprint).copied();
        if let Some(first) = self.buckets.iter().find_map(seen) {
            return if first == request {
                NonceVerdict::Repeated
            } else {
                NonceVerdict::Reused
            };
        }
        let of_key: usize = self
            .buckets
            .iter()
            .filter_map(|bucket| bucket.of_key.get(&key))
            .sum();
        if self.live >= capacity || of_key >= capacity.div_ceil(KEY_SHARE) {
            return NonceVerdict::Busy;
        }
        let minute = epoch_seconds.div_euclid(BUCKET_SECONDS);
        let at = self
            .buckets
            .iter()
            .position(|bucket| bucket.minute == minute)
            .unwrap_or_else(|| {
                self.buckets.push(Bucket {
                    minute,
                    fingerprints: HashMap::default(),
                    of_key: HashMap::default(),
                });
                self.buckets.len() - 1
            });
        let bucket = &mut self.buckets[at];
        bucket.fingerprints.insert(fingerprint, request);
        *bucket.of_key.entry(key).or_default() += 1;
        self.live += 1;
        NonceVerdict::Fresh
    }
}

/// Passes a fingerprint through: it is a keyed hash already.
#[derive(Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn write(&mut self, bytes: &[u8]) {
        // Never called for `u64` keys; kept correct all the same.
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use NonceVerdict::{Busy, Fresh, OutsideWindow, Repeated, Reused, Unremembered};
    use std::sync::atomic::{AtomicUsize, Ordering};

    const START: i64 = 1_700_000_000;

    fn micros(seconds: i64) -> i64 {
        seconds * 1_000_000
    }

    fn memory() -> NonceMemory {
        NonceMemory::new(4_000, START, [7; 16])
    }

    #[test]
    fn a_nonce_is_fresh_once_per_key() {
        let memory = memory();
        assert_eq!(
            memory.remember("a", "n-1", START, "the request", micros(START)),
            Fresh
        );
        assert_eq!(
            memory.remember("a", "n-1", START, "the request", micros(START)),
            Repeated
        );
        assert_eq!(
            memory.remember("b", "n-1", START, "the request", micros(START)),
            Fresh
        );
        assert_eq!(
            memory.remember("a", "n-2", START, "the request", micros(START)),
            Fresh
        );
        assert_eq!(
            memory.remember("an", "-1", START, "the request", micros(START)),
            Fresh,
            "key and nonce do not run together"
        );
        assert_eq!(memory.live(), 4);
    }

    #[test]
    fn the_same_bytes_again_are_the_same_request_and_other_bytes_are_refused() {
        let memory = memory();
        let sent = |request: &str| memory.remember("a", "n", START, request, micros(START));
        assert_eq!(sent("pay 300 yen"), Fresh);
        assert_eq!(sent("pay 300 yen"), Repeated);
        assert_eq!(sent("pay 900 yen"), Reused);
        assert_eq!(sent("pay 300 yen"), Repeated, "the first one stays");
        assert_eq!(memory.live(), 1);
    }

    #[test]
    fn a_nonce_cannot_return_with_another_epoch_either() {
        let memory = memory();
        assert_eq!(
            memory.remember("a", "n", START + 10, "the request", micros(START + 10)),
            Fresh
        );
        assert_eq!(
            memory.remember("a", "n", START + 100, "the request", micros(START + 100)),
            Repeated
        );
    }

    #[test]
    fn a_nonce_is_remembered_for_every_instant_at_which_its_epoch_is_accepted() {
        // Epochs from slow and fast clocks, seen at any second of their window.
        for epoch in [
            START,
            START + 1,
            START + 59,
            START + 60,
            START + 119,
            START + 200,
        ] {
            let memory = memory();
            let first = micros(epoch - DRIFT_SECONDS_MAX) + 1;
            assert_eq!(
                memory.remember("a", "n", epoch, "the request", first),
                Fresh
            );
            for second in 0..2 * DRIFT_SECONDS_MAX {
                assert_eq!(
                    memory.remember("a", "n", epoch, "the request", first + micros(second)),
                    Repeated,
                    "{epoch} {second}"
                );
            }
            assert_eq!(
                memory.remember(
                    "a",
                    "n",
                    epoch,
                    "the request",
                    micros(epoch + DRIFT_SECONDS_MAX)
                ),
                OutsideWindow
            );
        }
    }

    #[test]
    fn whole_minutes_are_forgotten_when_the_clock_refuses_them_anyway() {
        let memory = memory();
        for n in 0..500 {
            assert_eq!(
                memory.remember("a", &n.to_string(), START, "the request", micros(START)),
                Fresh
            );
        }
        let later = START + 2 * BUCKET_SECONDS + DRIFT_SECONDS_MAX;
        for n in 0..500 {
            assert_eq!(
                memory.remember("a", &n.to_string(), later, "the request", micros(later)),
                Fresh
            );
        }
        assert!(
            memory.live() <= 500 + 500 / 4,
            "each part forgets when it is asked next: {}",
            memory.live()
        );
    }

    #[test]
    fn a_full_memory_says_busy_and_forgets_nothing() {
        let memory = NonceMemory::new(64, START, [7; 16]);
        let again = |n: usize| {
            let key = ["a", "b", "c", "d", "e"][n % 5];
            memory.remember(key, &n.to_string(), START, "the request", micros(START))
        };
        let verdicts: Vec<_> = (0..5_000).map(again).collect();
        assert_eq!(verdicts.iter().filter(|v| **v == Fresh).count(), 64);
        assert_eq!(verdicts.iter().filter(|v| **v == Busy).count(), 5_000 - 64);
        for (n, verdict) in verdicts.iter().enumerate().filter(|(_, v)| **v == Fresh) {
            assert_eq!(again(n), Repeated, "{verdict:?}");
        }
    }

    #[test]
    fn a_program_that_runs_in_a_circle_fills_its_own_share_and_nobody_elses() {
        let memory = NonceMemory::new(6_400, START, [7; 16]);
        let sent = |key: &str, count: usize, at: i64| {
            (0..count)
                .filter(|n| {
                    memory.remember(key, &n.to_string(), at, "the request", micros(at)) == Fresh
                })
                .count()
        };
        assert_eq!(sent("a", 50_000, START), 1_600, "a quarter");
        assert_eq!(sent("b", 500, START), 500);
        let later = START + 2 * BUCKET_SECONDS + DRIFT_SECONDS_MAX;
        sent("b", 2_000, later);
        assert!(
            sent("a", 500, later) == 500,
            "its share comes back with time"
        );
    }

    #[test]
    fn what_was_signed_before_the_start_may_have_been_delivered_then() {
        let memory = memory();
        assert_eq!(
            memory.remember("a", "n", START - 1, "the request", micros(START)),
            Unremembered
        );
        assert_eq!(
            memory.remember("a", "n", START, "the request", micros(START)),
            Fresh
        );
    }

    #[test]
    fn a_clock_that_steps_back_revives_nothing() {
        let memory = memory();
        assert_eq!(
            memory.remember("a", "n", START, "the request", micros(START)),
            Fresh
        );
        // Far enough ahead that the minute of START is dropped by every part that is asked.
        let ahead = START + 600;
        for n in 0..2_000 {
            memory.remember("a", &format!("x{n}"), ahead, "the request", micros(ahead));
        }
        assert_eq!(
            memory.remember("a", "n", START, "the request", micros(START)),
            Unremembered
        );
    }

    #[test]
    fn one_of_many_threads_wins_a_nonce() {
        let memory = memory();
        let fresh = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for n in 0..100 {
                        if memory.remember("a", &n.to_string(), START, "the request", micros(START))
                            == Fresh
                        {
                            fresh.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(fresh.into_inner(), 100);
    }
}
