//! Who is signed in, kept in memory so that a page's request needs no SQL.
//!
//! `docs/sessions.md` gives the limits and the reasons.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mamori_domain::world::Timestamp;
use mamori_registry::{OwnerId, SessionId, SessionRow, Surface};

use crate::outside::Outside;

/// How long sessions of a surface live, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// From sign-in to the end, whatever happens.
    pub absolute_seconds: i64,
    /// From the last use to the end.
    pub idle_seconds: i64,
}

impl SessionLimits {
    /// The limits of a surface.
    pub const fn of(surface: Surface) -> SessionLimits {
        match surface {
            Surface::Wallet => SessionLimits {
                absolute_seconds: 24 * 3_600,
                idle_seconds: 3_600,
            },
            Surface::Console => SessionLimits {
                absolute_seconds: 12 * 3_600,
                idle_seconds: 15 * 60,
            },
            // A till is a device and not a person, and a shop may close for weeks: nothing ends for want of use.
            Surface::Till => SessionLimits {
                absolute_seconds: 90 * 86_400,
                idle_seconds: 90 * 86_400,
            },
        }
    }

    /// When a session used last at `seen_at` ends by itself.
    fn end_of(self, row: &SessionRow, seen_at: Timestamp) -> Timestamp {
        row.ends_at.min(seen_at.plus_seconds(self.idle_seconds))
    }
}

/// After so long a use is written down, which also notices a session that was ended elsewhere.
const WRITTEN_EVERY: Duration = Duration::from_secs(60);
/// How often an open stream looks whether its session still lives; house limit 5 s.
const STREAM_LOOK: Duration = Duration::from_secs(2);

/// The sessions in use, by the hash of their token.
pub struct Sessions {
    entries_max: usize,
    entries: Mutex<HashMap<[u8; 32], Entry>>,
    /// How often something was forgotten on purpose. Changed under the lock of the entries.
    endings: AtomicU64,
}

struct Entry {
    row: SessionRow,
    seen_at: Timestamp,
    written_at: Timestamp,
}

/// What memory knows of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Live. With `write` the use should be written down now.
    Live {
        /// The session.
        row: SessionRow,
        /// Whether a minute has passed since the last writing.
        write: bool,
    },
    /// Ended by time; forget it in the database too.
    Over(SessionRow),
    /// Not in memory: ask the database.
    Unknown,
}

/// What became of a row that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It is in memory.
    Live,
    /// Its time is over.
    Over,
    /// It may be older than an ending: read it again.
    Stale,
}

impl Sessions {
    /// Keeps at most `entries_max` sessions (about 250 bytes each) in memory; the others are read when they come back.
    pub fn new(entries_max: usize) -> Self {
        Sessions {
            entries_max: entries_max.max(8),
            entries: Mutex::new(HashMap::new()),
            endings: AtomicU64::new(0),
        }
    }

    /// How many endings there have been: asked before a row is read, for [`Sessions::admit_read`].
    pub fn endings(&self) -> u64 {
        self.endings.load(Ordering::Acquire)
    }

    /// Finds a session of a surface and counts the use. A token of one surface is unknown on the others: a customer can put
    /// any value under any cookie's name.
    pub fn look(&self, surface: Surface, token_hash: &[u8; 32], now: Timestamp) -> Look {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = entries
            .get_mut(token_hash)
            .filter(|entry| entry.row.surface == surface)
        else {
            return Look::Unknown;
        };
        if now >= SessionLimits::of(entry.row.surface).end_of(&entry.row, entry.seen_at) {
            let row = entry.row.clone();
            entries.remove(token_hash);
            return Look::Over(row);
        }
        entry.seen_at = entry.seen_at.max(now);
        let write = now >= entry.written_at.plus(WRITTEN_EVERY);
        if write {
            entry.written_at = now;
        }
        Look::Live {
            row: entry.row.clone(),
            write,
        }
    }

    /// Takes in a row that was read when there had been `as_of` endings. If there were more since, the row may be of a session
    /// that was ended and forgotten while its reader slept: taken in, it would live on.
    pub fn admit_read(
        &self,
        token_hash: [u8; 32],
        row: SessionRow,
        now: Timestamp,
        as_of: u64,
    ) -> Admitted {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if self.endings.load(Ordering::Acquire) != as_of {
            return Admitted::Stale;
        }
        match self.take_in(&mut entries, token_hash, row, now) {
            true => Admitted::Live,
            false => Admitted::Over,
        }
    }

    /// Takes in a session that its caller has stored, or given a new token, when there had been `as_of` endings, and forgets the
    /// token `old` that it replaces. If there were more endings since, perhaps of this very session, it is left to the next
    /// request to read it.
    pub fn admit_in_place_of(
        &self,
        token_hash: [u8; 32],
        row: SessionRow,
        old: Option<&[u8; 32]>,
        now: Timestamp,
        as_of: u64,
    ) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = self.endings.load(Ordering::Acquire) == as_of;
        if let Some(old) = old {
            self.endings.fetch_add(1, Ordering::AcqRel);
            entries.remove(old);
        }
        if is_fresh {
            self.take_in(&mut entries, token_hash, row, now);
        }
    }

    #[cfg(test)]
    fn admit(&self, token_hash: [u8; 32], row: SessionRow, now: Timestamp) -> bool {
        self.admit_read(token_hash, row, now, self.endings()) == Admitted::Live
    }

    fn take_in(
        &self,
        entries: &mut HashMap<[u8; 32], Entry>,
        token_hash: [u8; 32],
        row: SessionRow,
        now: Timestamp,
    ) -> bool {
        if now >= SessionLimits::of(row.surface).end_of(&row, row.seen_at) {
            return false;
        }
        if entries.len() >= self.entries_max {
            entries.retain(|_, entry| {
                now < SessionLimits::of(entry.row.surface).end_of(&entry.row, entry.seen_at)
            });
            // Still full: an eighth leaves. They lose at most a minute of "last used" and come back by one read.
            let surplus = (entries.len() + self.entries_max / 8).saturating_sub(self.entries_max);
            let leaving: Vec<_> = entries.keys().take(surplus).copied().collect();
            for key in leaving {
                entries.remove(&key);
            }
        }
        entries.insert(
            token_hash,
            Entry {
                seen_at: now.max(row.seen_at),
                written_at: row.seen_at,
                row,
            },
        );
        true
    }

    /// Forgets one session at once. The database row goes first.
    pub fn forget(&self, session: &SessionId) {
        self.end(|entries| entries.retain(|_, entry| entry.row.session != *session));
    }

    /// Forgets a token at once, after it was renewed.
    pub fn forget_token(&self, token_hash: &[u8; 32]) {
        self.end(|entries| {
            entries.remove(token_hash);
        });
    }

    /// Forgets all sessions of an owner at once. The database rows go first.
    pub fn forget_owner(&self, surface: Surface, owner: &OwnerId) {
        self.end(|entries| {
            entries.retain(|_, entry| entry.row.surface != surface || entry.row.owner != *owner);
        });
    }

    fn end(&self, forget: impl FnOnce(&mut HashMap<[u8; 32], Entry>)) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        self.endings.fetch_add(1, Ordering::AcqRel);
        forget(&mut entries);
    }

    /// Whether a session is live, without counting a use: a stream that only listens does not keep anybody signed in.
    pub fn is_live(&self, token_hash: &[u8; 32], now: Timestamp) -> bool {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(token_hash).is_some_and(|entry| {
            now < SessionLimits::of(entry.row.surface).end_of(&entry.row, entry.seen_at)
        })
    }

    /// Returns within 2 s after a session ended, was ended, or got a new token; until then it waits.
    ///
    /// An event stream runs beside this and closes when it returns. Looking is cheaper than telling: a sign-out need not know
    /// who listens, and nothing is ever missed.
    pub async fn until_ended(&self, token_hash: &[u8; 32], outside: &Outside) {
        while self.is_live(token_hash, outside.now()) {
            tokio::time::sleep(STREAM_LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use mamori_registry::{Aal, AgentFamily, AuthMethod, SessionDevice};

    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn row(number: u8, surface: Surface) -> SessionRow {
        SessionRow {
            session: SessionId([number; 16]),
            surface,
            owner: OwnerId([number % 2; 16]),
            wallet: None,
            method: AuthMethod::Passkey,
            assurance: Aal::Two,
            device: SessionDevice {
                browser: None,
                agent: AgentFamily::Unknown,
                key: None,
            },
            made_at: Timestamp(0),
            seen_at: Timestamp(0),
            ends_at: Timestamp::from_seconds(SessionLimits::of(surface).absolute_seconds),
            credential: None,
        }
    }

    fn is_live(look: &Look) -> bool {
        matches!(look, Look::Live { .. })
    }

    #[test]
    fn a_session_ends_an_hour_after_its_last_use() {
        let sessions = Sessions::new(10);
        assert!(sessions.admit([1; 32], row(1, Surface::Wallet), at(0)));
        assert!(is_live(&sessions.look(
            Surface::Wallet,
            &[1; 32],
            at(3_599)
        )));
        assert!(is_live(&sessions.look(
            Surface::Wallet,
            &[1; 32],
            at(3_599 + 3_599)
        )));
        assert_eq!(
            sessions.look(Surface::Wallet, &[1; 32], at(3_599 + 3_599 + 3_600)),
            Look::Over(row(1, Surface::Wallet))
        );
        assert_eq!(
            sessions.look(Surface::Wallet, &[1; 32], at(7_200)),
            Look::Unknown
        );
    }

    #[test]
    fn a_session_ends_by_its_absolute_limit_though_in_use() {
        let sessions = Sessions::new(10);
        assert!(sessions.admit([1; 32], row(1, Surface::Console), at(0)));
        for minute in 0..12 * 60 {
            assert!(
                is_live(&sessions.look(Surface::Console, &[1; 32], at(minute * 60))),
                "minute {minute}"
            );
        }
        assert!(!is_live(&sessions.look(
            Surface::Console,
            &[1; 32],
            at(12 * 3_600)
        )));
        assert!(!sessions.admit([1; 32], row(1, Surface::Console), at(12 * 3_600)));
    }

    #[test]
    fn a_token_of_one_surface_is_unknown_on_the_others() {
        let sessions = Sessions::new(10);
        assert!(sessions.admit([1; 32], row(1, Surface::Wallet), at(0)));
        assert_eq!(
            sessions.look(Surface::Console, &[1; 32], at(1)),
            Look::Unknown
        );
        assert!(is_live(&sessions.look(Surface::Wallet, &[1; 32], at(1))));
    }

    #[test]
    fn a_use_is_written_down_once_a_minute() {
        let sessions = Sessions::new(10);
        assert!(sessions.admit([1; 32], row(1, Surface::Wallet), at(0)));
        let writes: Vec<bool> = (0..=12)
            .map(|n| {
                matches!(
                    sessions.look(Surface::Wallet, &[1; 32], at(n * 10)),
                    Look::Live { write: true, .. }
                )
            })
            .collect();
        assert_eq!(writes.iter().filter(|write| **write).count(), 2);
    }

    #[test]
    fn listening_keeps_nobody_signed_in() {
        let sessions = Sessions::new(10);
        assert!(sessions.admit([1; 32], row(1, Surface::Wallet), at(0)));
        assert!((0..3_600).all(|second| sessions.is_live(&[1; 32], at(second))));
        assert!(!sessions.is_live(&[1; 32], at(3_600)));
    }

    #[test]
    fn an_ended_session_is_gone_at_once() {
        let sessions = Sessions::new(10);
        for number in 1..=4 {
            assert!(sessions.admit([number; 32], row(number, Surface::Wallet), at(0)));
        }
        sessions.forget(&SessionId([1; 16]));
        sessions.forget_owner(Surface::Console, &OwnerId([0; 16]));
        assert!(!sessions.is_live(&[1; 32], at(1)) && sessions.is_live(&[2; 32], at(1)));
        sessions.forget_owner(Surface::Wallet, &OwnerId([0; 16]));
        assert!(
            !sessions.is_live(&[2; 32], at(1))
                && sessions.is_live(&[3; 32], at(1))
                && !sessions.is_live(&[4; 32], at(1))
        );
        sessions.forget_token(&[3; 32]);
        assert_eq!(
            sessions.look(Surface::Wallet, &[3; 32], at(1)),
            Look::Unknown
        );
    }

    #[test]
    fn a_row_that_was_read_before_its_session_ended_is_not_taken_in() {
        let sessions = Sessions::new(10);
        let (hash, read) = ([1; 32], row(1, Surface::Wallet));
        let as_of = sessions.endings();
        // Meanwhile the owner signs out: the row is deleted, memory forgets, and only then the slow reader comes back.
        sessions.forget_token(&hash);
        assert_eq!(
            sessions.admit_read(hash, read.clone(), at(0), as_of),
            Admitted::Stale
        );
        assert!(!sessions.is_live(&hash, at(0)));
        let as_of = sessions.endings();
        assert_eq!(
            sessions.admit_read(hash, read, at(0), as_of),
            Admitted::Live
        );
    }

    #[test]
    fn memory_is_bounded() {
        let sessions = Sessions::new(16);
        for number in 0..100 {
            assert!(sessions.admit([number; 32], row(number, Surface::Wallet), at(0)));
        }
        assert!(sessions.entries.lock().expect("no panic").len() <= 16);
    }
}
