//! Whose turn it is to begin a sign-up when strangers ask for more than there is: fair shares by network prefix.
//!
//! Two things run short: starts (each writes a row), and the hour's messages of a lane (mail, or the SMS of a country). Of both, who
//! has taken much waits first, and a part is kept for prefixes that have taken nothing. Time is an argument; what is kept is
//! bounded by the starts that were let through, not by those who ask.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use mamori_domain::world::Timestamp;

/// Starts at once, and one more every so many microseconds: 20 a second.
const STARTS_AT_ONCE: i64 = 20;
const START_MICROS: i64 = 50_000;
/// Of the starts at once, what is kept for prefixes that began none in the last minute; and what is left to those within their
/// share when a prefix beyond its own asks.
const KEPT_FOR_NEWCOMERS: i64 = 5;
const KEPT_FOR_THE_MODEST: i64 = 10;
/// Of 1,000 that are taken, how many before a proof of work is asked for.
const PROOF_FROM: u32 = 500;
const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
/// Starts in a minute, which the prefixes of the minute share.
const STARTS_A_MINUTE: usize = (MINUTE / START_MICROS) as usize;
/// Messages that a lane remembers. A lane with more in an hour shares what it sends in less than one.
const MESSAGES_KEPT_MAX: usize = 65_536;

/// A start that somebody asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The hash of the network prefix. None for the machine itself, and where it is not known: no share is asked of it, since it is
    /// everybody behind a proxy that nobody named.
    pub prefix: Option<u64>,
    /// What its message is counted under.
    pub lane: &'a str,
    /// Messages of the lane in an hour.
    pub lane_max: i64,
}

/// What an asker hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Go on; it is counted.
    Granted,
    /// There is a crowd: first a proof of work.
    Prove {
        /// How much is taken, of 1,000; more than half.
        pressure: u32,
    },
    /// Too many starts for now.
    Crowded {
        /// Until it is worth asking again.
        seconds: u32,
    },
    /// The lane's messages of the hour are gone, or this prefix had its share of them.
    UsedUp {
        /// Until it is worth asking again.
        seconds: u32,
    },
}

/// What was let through lately, and by how many from which prefix.
struct Recent {
    window_micros: i64,
    kept_max: usize,
    log: VecDeque<(i64, Option<u64>)>,
    counts: HashMap<u64, usize>,
}

impl Recent {
    fn new(window_micros: i64, kept_max: usize) -> Recent {
        Recent {
            window_micros,
            kept_max,
            log: VecDeque::new(),
            counts: HashMap::new(),
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, Some(prefix))) = self.log.pop_front() else {
            return;
        };
        if let Some(count) = self.counts.get_mut(&prefix) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&prefix);
            }
        }
    }

    /// Forgets what is older than the window. A clock that was set back must not keep anything for as long as it was ahead.
    fn forget_before(&mut self, now: i64) {
        while let Some(&(at, _)) = self.log.front()
            && !(at..at + self.window_micros).contains(&now)
        {
            self.forget_oldest();
        }
    }

    fn note(&mut self, prefix: Option<u64>, now: i64) {
        if self.log.len() >= self.kept_max {
            self.forget_oldest();
        }
        self.log.push_back((now, prefix));
        if let Some(prefix) = prefix {
            *self.counts.entry(prefix).or_default() += 1;
        }
    }

    /// Forgets the newest of this prefix.
    fn take_back(&mut self, prefix: Option<u64>) {
        let newest = self.log.iter().rposition(|(_, of)| *of == prefix);
        let Some(entry) = newest.and_then(|at| self.log.remove(at)) else {
            return;
        };
        // The count goes the way of the oldest.
        self.log.push_front(entry);
        self.forget_oldest();
    }

    /// How many this prefix has taken; None for one without a share.
    fn taken(&self, prefix: Option<u64>) -> Option<usize> {
        prefix.map(|prefix| self.counts.get(&prefix).copied().unwrap_or(0))
    }

    /// Until the oldest is forgotten, in whole seconds and at least one.
    fn seconds_to_change(&self, now: i64) -> u32 {
        let oldest = self.log.front().map_or(now, |&(at, _)| at);
        let micros = oldest + self.window_micros - now;
        u32::try_from((micros + 999_999) / 1_000_000).map_or(1, |seconds| seconds.max(1))
    }
}

struct State {
    /// The instant at which all starts so far are used up.
    spent_until: i64,
    minute: Recent,
    /// As many as the operator has named.
    lanes: BTreeMap<String, Recent>,
}

/// The shares of all who begin to sign up.
pub struct SignUpShares(Mutex<State>);

impl Default for SignUpShares {
    fn default() -> Self {
        SignUpShares(Mutex::new(State {
            spent_until: 0,
            minute: Recent::new(MINUTE, STARTS_A_MINUTE + STARTS_AT_ONCE as usize),
            lanes: BTreeMap::new(),
        }))
    }
}

impl SignUpShares {
    /// Whose turn it is. What is granted is counted, against the prefix and for all. `proven`: the work was done.
    pub fn ask(&self, asking: &Asking, proven: bool, now: Timestamp) -> Turn {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = state.messages_left(asking, now.0).or_else(|| {
            // Nobody works for what is gone already.
            let pressure = state.pressure(asking, now.0);
            (!proven && pressure > PROOF_FROM).then_some(Turn::Prove { pressure })
        });
        let turn = refused.unwrap_or_else(|| state.start(asking.prefix, now.0));
        if turn == Turn::Granted
            && let Some(lane) = state.lanes.get_mut(asking.lane)
        {
            lane.note(asking.prefix, now.0);
        }
        turn
    }

    /// No message left after all: the contact had its own of the hour. Else one contact, asked for again and again, would use up what
    /// others wait for.
    pub fn not_sent(&self, prefix: Option<u64>, lane: &str) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = state.lanes.get_mut(lane) {
            lane.take_back(prefix);
        }
    }
}

impl State {
    /// How much is taken, of 1,000: of the starts or of the lane's messages, whichever is more.
    fn pressure(&self, asking: &Asking, now: i64) -> u32 {
        let ahead = (self.spent_until - now).clamp(0, START_MICROS * STARTS_AT_ONCE);
        let of_starts = ahead * 1_000 / (START_MICROS * STARTS_AT_ONCE);
        let sent = self.lanes.get(asking.lane).map_or(0, |lane| lane.log.len());
        let of_lane = i64::try_from(sent)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000)
            / asking.lane_max.max(1);
        u32::try_from(of_starts.max(of_lane).min(1_000)).unwrap_or(1_000)
    }

    /// What the hour's messages say against it. A prefix may have an eighth of what is left when it asks, and the last quarter goes
    /// to prefixes that have had none: one prefix gets at most a ninth of an hour, and ten greedy ones leave a newcomer room.
    fn messages_left(&mut self, asking: &Asking, now: i64) -> Option<Turn> {
        if !self.lanes.contains_key(asking.lane) {
            let lane = Recent::new(HOUR, MESSAGES_KEPT_MAX);
            self.lanes.insert(asking.lane.to_owned(), lane);
        }
        let lane = self.lanes.get_mut(asking.lane)?;
        lane.forget_before(now);
        let all = usize::try_from(asking.lane_max).unwrap_or(0);
        let left = all.saturating_sub(lane.log.len());
        let may = match lane.taken(asking.prefix) {
            None | Some(0) => left > 0,
            Some(taken) => left > all / 4 && taken < left / 8,
        };
        let seconds = lane.seconds_to_change(now);
        (!may).then_some(Turn::UsedUp { seconds })
    }

    /// Takes one of the starts, if there is one for this prefix. A clock that was set back must not lock anybody.
    fn start(&mut self, prefix: Option<u64>, now: i64) -> Turn {
        self.minute.forget_before(now);
        let latest = now + START_MICROS * STARTS_AT_ONCE;
        let until = self.spent_until.clamp(now, latest);
        self.spent_until = until;
        let free = (latest - until) / START_MICROS;
        let share = STARTS_A_MINUTE / self.minute.counts.len().max(1);
        let kept = match self.minute.taken(prefix) {
            None | Some(0) => 0,
            Some(taken) if taken < share => KEPT_FOR_NEWCOMERS,
            Some(_) => KEPT_FOR_THE_MODEST,
        };
        if free <= kept {
            let seconds = if kept == KEPT_FOR_THE_MODEST { 60 } else { 2 };
            return Turn::Crowded { seconds };
        }
        self.spent_until = until + START_MICROS;
        self.minute.note(prefix, now);
        Turn::Granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(micros: i64) -> Timestamp {
        Timestamp(micros)
    }

    fn asking(prefix: u64, lane_max: i64) -> Asking<'static> {
        Asking {
            prefix: Some(prefix),
            lane: "mail",
            lane_max,
        }
    }

    /// How many of these are granted, one a millisecond.
    fn granted(
        shares: &SignUpShares,
        count: i64,
        from: i64,
        asking: impl Fn(i64) -> Asking<'static>,
    ) -> usize {
        (0..count)
            .filter(|&n| shares.ask(&asking(n), true, at(from + n * 1_000)) == Turn::Granted)
            .count()
    }

    #[test]
    fn a_stranger_who_asks_a_thousand_times_a_second_leaves_room_for_everybody_who_comes() {
        let shares = SignUpShares::default();
        let mut honest = 0;
        for second in 0..60 {
            let from = second * 1_000_000;
            granted(&shares, 999, from, |_| asking(7, 1_000_000));
            let newcomer = asking(1_000 + second as u64, 1_000_000);
            honest += usize::from(shares.ask(&newcomer, true, at(from + 999_500)) == Turn::Granted);
        }
        assert_eq!(honest, 60);
    }

    #[test]
    fn who_has_more_than_the_share_of_a_minute_waits_before_who_has_less() {
        let shares = SignUpShares::default();
        // Fifty prefixes in a minute: two dozen starts are the share of each.
        granted(&shares, 50_000, 0, |n| {
            asking(n as u64 / 100 % 50, 1_000_000)
        });
        let greedy = granted(&shares, 9_000, 50_000_000, |_| asking(7, 1_000_000));
        assert!(greedy > 100, "nobody else wants them: {greedy}");
        // The greedy one has left half of what is at hand to the others.
        let modest = granted(&shares, 3, 59_000_000, |n| {
            asking(100 + n as u64, 1_000_000)
        });
        assert_eq!(modest, 3);
        let again = granted(&shares, 3, 59_005_000, |n| {
            asking(100 + n as u64, 1_000_000)
        });
        assert!(again > 0);
        let refused = shares.ask(&asking(7, 1_000_000), true, at(59_009_000));
        assert_eq!(refused, Turn::Crowded { seconds: 60 });
    }

    #[test]
    fn one_prefix_has_a_ninth_of_the_hours_messages_and_six_leave_most_of_the_kept_part() {
        let shares = SignUpShares::default();
        let ask =
            |prefix, number: i64| shares.ask(&asking(prefix, 2_000), true, at(number * 100_000));
        let one = (0..1_000).filter(|&n| ask(1, n) == Turn::Granted).count();
        assert_eq!(one, 222);
        for n in 1_000..9_000 {
            ask(n as u64 % 6, n);
        }
        let newcomers = (9_000..10_000)
            .filter(|&n| ask(n as u64, n) == Turn::Granted)
            .count();
        assert_eq!(newcomers, 1_000);
        assert!(matches!(ask(1, 10_001), Turn::UsedUp { seconds } if seconds < 3_600));
        // An hour after the last of them everything is there again.
        assert_eq!(ask(1, 10_001 + 36_000), Turn::Granted);
    }

    #[test]
    fn a_proxy_that_nobody_named_is_everybody_and_gets_the_whole_hour() {
        let shares = SignUpShares::default();
        let unknown = |lane_max| Asking {
            prefix: None,
            ..asking(0, lane_max)
        };
        let ask = |n: i64| shares.ask(&unknown(300), true, at(n * 100_000));
        assert_eq!((0..400).filter(|&n| ask(n) == Turn::Granted).count(), 300);
    }

    #[test]
    fn a_clock_set_back_keeps_nobody_out_and_what_is_kept_is_bounded() {
        let shares = SignUpShares::default();
        granted(&shares, 200_000, HOUR, |n| asking(n as u64, i64::MAX));
        let crowded = shares.ask(&asking(1, 20), true, at(0));
        assert_eq!(crowded, Turn::Crowded { seconds: 2 });
        assert_eq!(
            shares.ask(&asking(1, 20), true, at(2_000_000)),
            Turn::Granted
        );
        let mut recent = Recent::new(HOUR, 100);
        (0..1_000).for_each(|n| recent.note(Some(n), 0));
        assert_eq!((recent.log.len(), recent.counts.len()), (100, 100));
    }

    #[test]
    fn work_is_asked_for_once_half_of_the_messages_or_of_the_starts_is_taken_and_not_for_what_is_gone()
     {
        let shares = SignUpShares::default();
        let ask = |prefix, n: i64| shares.ask(&asking(prefix, 100), false, at(n * 1_000_000));
        let first = (0..51).all(|n| ask(n as u64, n) == Turn::Granted);
        assert!(first);
        assert_eq!(ask(1_000, 51), Turn::Prove { pressure: 510 });
        assert!(matches!(
            ask(0, 51),
            Turn::UsedUp { .. } | Turn::Prove { .. }
        ));
        let proven = |n: i64| shares.ask(&asking(n as u64, 100), true, at(n * 1_000_000));
        (51..100).for_each(|n| assert_eq!(proven(n), Turn::Granted));
        assert!(matches!(ask(1_000, 100), Turn::UsedUp { .. }));

        let shares = SignUpShares::default();
        let ask = |n: u64| shares.ask(&asking(n, 1_000_000), false, at(0));
        assert_eq!((0..20).filter(|&n| ask(n) == Turn::Granted).count(), 11);
        assert_eq!(ask(30), Turn::Prove { pressure: 550 });
    }
}
