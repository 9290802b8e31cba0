//! One-time payment codes: held in memory only while they are shown.
//!
//! A code is 14 random digits. One wallet shows one code; a new one kills the old, a restart kills all, use kills it. Nothing
//! of it is ever written to disk, so a stolen disk holds no code that works.

use std::collections::VecDeque;

use crate::book::IdMap;
use crate::ids::{Fingerprint, SessionId, WalletId};
use crate::world::{Draw, Timestamp};

/// Ten to the fourteenth: how many codes there are.
pub const CODE_SPACE: u64 = 100_000_000_000_000;

/// Wrong codes a caller may send within a minute before it is locked for the rest of it.
const GUESSES_PER_MINUTE: u32 = 10;

/// How long a dead code is remembered, so that the cashier hears "already used" and not "unknown".
const MEMORY_SECONDS: i64 = 600;

/// What is known of a scanned code at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeFact {
    Live { wallet: WalletId, epoch: u32 },
    Unknown,
    Expired,
    Spent,
    Replaced,
}

#[derive(Clone, Copy)]
enum State {
    Live,
    Spent,
    Replaced,
    /// The session that showed it is over.
    Ended,
}

#[derive(Clone, Copy)]
struct Row {
    wallet: WalletId,
    /// Who shows it: the session of a phone.
    session: Option<SessionId>,
    epoch: u32,
    issued_at: Timestamp,
    expires_at: Timestamp,
    state: State,
}

impl Row {
    fn is_forgotten(&self, now: Timestamp) -> bool {
        now >= self.issued_at.plus_seconds(MEMORY_SECONDS)
    }
}

/// The wrong codes of one caller.
struct Guesses {
    minute: i64,
    count: u32,
    last: u64,
}

/// All codes that are shown now, and the recently dead.
#[derive(Default)]
pub struct CodeDesk {
    codes: IdMap<u64, Row>,
    shown: IdMap<WalletId, u64>,
    /// In the order they were issued.
    oldest: VecDeque<u64>,
    guesses: IdMap<Fingerprint, Guesses>,
    /// Sessions that were ended a short time ago: a request for a code that was on its way meanwhile gets none.
    ended: IdMap<SessionId, Timestamp>,
    /// In the order of their ends.
    ended_oldest: VecDeque<(Timestamp, SessionId)>,
    /// Codes spent since the last [`CodeDesk::settle`].
    undo: Vec<u64>,
}

impl CodeDesk {
    /// A fresh code for a wallet, shown by `session`; kills the one it showed before.
    pub fn issue(
        &mut self,
        wallet: WalletId,
        session: Option<SessionId>,
        epoch: u32,
        now: Timestamp,
        life_seconds: u32,
        draw: &mut Draw,
    ) -> (u64, Timestamp) {
        self.sweep(now);
        if let Some(old) = self.shown.get(&wallet)
            && let Some(row) = self.codes.get_mut(old)
            && matches!(row.state, State::Live)
        {
            row.state = State::Replaced;
        }
        let digits = loop {
            let digits = draw.below(CODE_SPACE);
            if !self.codes.contains_key(&digits) {
                break digits;
            }
        };
        let expires_at = now.plus_seconds(i64::from(life_seconds));
        assert!(expires_at > now);
        self.codes.insert(
            digits,
            Row {
                wallet,
                session,
                epoch,
                issued_at: now,
                expires_at,
                state: State::Live,
            },
        );
        self.shown.insert(wallet, digits);
        self.oldest.push_back(digits);
        (digits, expires_at)
    }

    /// What a scanned code means now. A function of the instant alone: whether a dead code was swept out already is not
    /// told, since a sweep belongs to no batch and is not undone with one.
    pub fn look(&self, digits: u64, now: Timestamp) -> CodeFact {
        match self.codes.get(&digits) {
            None => CodeFact::Unknown,
            Some(row) if row.is_forgotten(now) => CodeFact::Unknown,
            Some(row) => match row.state {
                State::Spent => CodeFact::Spent,
                State::Replaced => CodeFact::Replaced,
                State::Ended => CodeFact::Expired,
                State::Live if now >= row.expires_at => CodeFact::Expired,
                State::Live => CodeFact::Live {
                    wallet: row.wallet,
                    epoch: row.epoch,
                },
            },
        }
    }

    /// A session is over: the code that it shows has run out, and it is given no other. Never undone: whoever has asked for an
    /// end must be able to rely on it.
    pub fn end_session(&mut self, wallet: WalletId, session: SessionId, now: Timestamp) {
        self.ended.entry(session).or_insert_with(|| {
            self.ended_oldest.push_back((now, session));
            now
        });
        if let Some(digits) = self.shown.get(&wallet)
            && let Some(row) = self.codes.get_mut(digits)
            && row.session == Some(session)
        {
            if matches!(row.state, State::Live) {
                row.state = State::Ended;
            }
            // A payment of this batch may still be undone: it does not come back to life.
            self.shown.remove(&wallet);
        }
    }

    /// Whether this session was ended in the last ten minutes: no request can have been on its way for longer.
    pub fn is_ended(&self, session: SessionId, now: Timestamp) -> bool {
        (self.ended.get(&session)).is_some_and(|ended| now < ended.plus_seconds(MEMORY_SECONDS))
    }

    /// A payment used it. Undone with the batch.
    pub fn spend(&mut self, digits: u64) {
        let row = self
            .codes
            .get_mut(&digits)
            .expect("only a code that was found is spent");
        assert!(matches!(row.state, State::Live), "a code is spent once");
        row.state = State::Spent;
        self.undo.push(digits);
    }

    /// What was not durable never happened: the codes of the lost batch work again.
    pub fn undo(&mut self) {
        for digits in self.undo.drain(..) {
            if let Some(row) = self.codes.get_mut(&digits) {
                // The wallet may have shown a newer code since: two live codes of one wallet must never be.
                row.state = if self.shown.get(&row.wallet) == Some(&digits) {
                    State::Live
                } else {
                    State::Replaced
                };
            }
        }
    }

    /// The batch is durable.
    pub fn settle(&mut self) {
        self.undo.clear();
    }

    /// Counts a wrong guess. The same digits once more are a register that asks again, and tell a guesser nothing.
    pub fn guessed_wrong(&mut self, caller: Fingerprint, digits: u64, now: Timestamp) {
        let minute = now.seconds().div_euclid(60);
        let none = Guesses {
            minute,
            count: 0,
            last: CODE_SPACE,
        };
        let guesses = self.guesses.entry(caller).or_insert(none);
        if guesses.minute != minute {
            (guesses.minute, guesses.count, guesses.last) = (minute, 0, CODE_SPACE);
        }
        guesses.count += u32::from(guesses.last != digits);
        guesses.last = digits;
    }

    /// Has this caller guessed too often within the current minute?
    pub fn is_locked(&self, caller: Fingerprint, now: Timestamp) -> bool {
        let minute = now.seconds().div_euclid(60);
        self.guesses
            .get(&caller)
            .is_some_and(|of| of.minute == minute && of.count >= GUESSES_PER_MINUTE)
    }

    /// Gives back the memory of what died long ago; no caller can tell.
    fn sweep(&mut self, now: Timestamp) {
        while let Some(digits) = self.oldest.front().copied()
            && let Some(row) = self.codes.get(&digits).copied()
            && row.is_forgotten(now)
        {
            self.oldest.pop_front();
            self.codes.remove(&digits);
            if self.shown.get(&row.wallet) == Some(&digits) {
                self.shown.remove(&row.wallet);
            }
        }
        while let Some((ended_at, session)) = self.ended_oldest.front().copied()
            && now >= ended_at.plus_seconds(MEMORY_SECONDS)
        {
            self.ended_oldest.pop_front();
            self.ended.remove(&session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_seconds(1_700_000_000);
    const PHONE: SessionId = SessionId(1);
    const TABLET: SessionId = SessionId(2);

    fn desk_with_code() -> (CodeDesk, u64) {
        let mut desk = CodeDesk::default();
        let (digits, _) = desk.issue(
            WalletId(1),
            Some(PHONE),
            0,
            NOON,
            60,
            &mut Draw::from_seed(7),
        );
        (desk, digits)
    }

    #[test]
    fn a_code_works_for_a_minute_and_once() {
        let (mut desk, code) = desk_with_code();
        let live = CodeFact::Live {
            wallet: WalletId(1),
            epoch: 0,
        };
        assert_eq!(desk.look(code, NOON.plus_seconds(59)), live);
        assert_eq!(desk.look(code, NOON.plus_seconds(60)), CodeFact::Expired);
        desk.spend(code);
        assert_eq!(desk.look(code, NOON), CodeFact::Spent);
        desk.undo();
        assert_eq!(desk.look(code, NOON), live);
    }

    #[test]
    fn a_new_code_kills_the_one_shown_before() {
        let (mut desk, code) = desk_with_code();
        desk.issue(
            WalletId(1),
            Some(PHONE),
            0,
            NOON,
            60,
            &mut Draw::from_seed(8),
        );
        assert_eq!(desk.look(code, NOON), CodeFact::Replaced);
    }

    #[test]
    fn a_code_whose_payment_was_lost_stays_dead_beside_a_newer_one() {
        let (mut desk, code) = desk_with_code();
        desk.spend(code);
        let (newer, _) = desk.issue(
            WalletId(1),
            Some(PHONE),
            0,
            NOON,
            60,
            &mut Draw::from_seed(8),
        );
        desk.undo();
        assert_eq!(desk.look(code, NOON), CodeFact::Replaced);
        assert!(matches!(desk.look(newer, NOON), CodeFact::Live { .. }));
    }

    #[test]
    fn the_end_of_a_session_ends_the_code_that_it_shows_and_no_other() {
        let (mut desk, code) = desk_with_code();
        desk.end_session(WalletId(1), TABLET, NOON);
        assert!(matches!(desk.look(code, NOON), CodeFact::Live { .. }));
        desk.end_session(WalletId(1), PHONE, NOON);
        assert_eq!(desk.look(code, NOON), CodeFact::Expired);
        assert!(desk.is_ended(PHONE, NOON), "it is given no other");
    }

    #[test]
    fn a_code_whose_session_ended_while_its_payment_was_written_does_not_come_back() {
        let (mut desk, code) = desk_with_code();
        desk.spend(code);
        desk.end_session(WalletId(1), PHONE, NOON);
        desk.undo();
        assert_eq!(desk.look(code, NOON), CodeFact::Replaced);
    }

    #[test]
    fn ended_sessions_are_forgotten_after_ten_minutes() {
        let (mut desk, _) = desk_with_code();
        desk.end_session(WalletId(1), PHONE, NOON);
        let later = NOON.plus_seconds(MEMORY_SECONDS);
        desk.issue(WalletId(2), None, 0, later, 60, &mut Draw::from_seed(8));
        assert!(!desk.is_ended(PHONE, later) && desk.ended_oldest.is_empty());
    }

    #[test]
    fn whether_a_dead_code_was_swept_out_cannot_be_told() {
        let (mut swept, code) = desk_with_code();
        let (unswept, same_code) = desk_with_code();
        assert_eq!(code, same_code);
        let later = NOON.plus_seconds(MEMORY_SECONDS);
        swept.issue(WalletId(2), None, 0, later, 60, &mut Draw::from_seed(8));
        for desk in [&swept, &unswept] {
            assert_eq!(desk.look(code, later), CodeFact::Unknown);
        }
        let before = NOON.plus_seconds(MEMORY_SECONDS - 1);
        assert_eq!(unswept.look(code, before), CodeFact::Expired);
    }

    #[test]
    fn guessing_locks_the_till_for_the_rest_of_the_minute() {
        let mut desk = CodeDesk::default();
        let till = Fingerprint(9);
        for digits in 0..u64::from(GUESSES_PER_MINUTE) {
            assert!(!desk.is_locked(till, NOON));
            for _ in 0..3 {
                desk.guessed_wrong(till, digits, NOON);
            }
        }
        assert!(desk.is_locked(till, NOON));
        assert!(!desk.is_locked(till, NOON.plus_seconds(60)));
    }
}
