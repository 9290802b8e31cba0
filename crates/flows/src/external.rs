//! An order at a party outside whose outcome may be unknown for a while: noted, sent, asked about until it is known, and asked
//! about again after it was closed, because words from outside come late and are sometimes wrong.
//!
//! | state | what is known | what a round does |
//! |---|---|---|
//! | opened in the ledger, not noted | nothing was ever sent | closes it when its life is over |
//! | noted, sent or not | the order's bytes | asks where it stands, which sends it where the answer to the sending was lost |
//! | silent | so many questions brought no usable answer | rests, twice as long each time, up to a bound |
//! | open beyond its life and grace | it is on its way, and will not be called off | asks more and more seldom |
//! | closed without success | the outside's own word, or that there never was an order | asks about it again for a while: a late success is made true |
//! | succeeded | the outside's own word | nothing |
//!
//! A network brings its wire, a table of its own for what is noted, and [`Orders`]; how it is asked stands here, once. An order
//! is closed on the outside's own word and on nothing else.

use std::fmt::Display;
use std::time::Duration;

use mamori_datastore::fault::Fault;
use mamori_domain::world::Timestamp;

/// When the outside is asked, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// How long an order can be paid after it was opened.
    pub life: Duration,
    /// How long after that an order without an answer is called off.
    pub grace: Duration,
    /// How long an open order rests after a question that brought no usable answer: doubled each time, up to the second.
    pub silence: Duration,
    pub silence_max: Duration,
    /// How long an order that was closed without success is asked about, and how often.
    pub again_for: Duration,
    pub again_every: Duration,
    /// Closed and open orders that one round looks at.
    pub again_in_a_round: u32,
    pub open_in_a_round: usize,
}

impl Times {
    /// When an order that stands closed without success, since `closed_at` if that is known, is asked about again; None when that
    /// has gone on for long enough.
    pub fn ask_again_at(&self, closed_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let over = now >= closed_at.unwrap_or(now).plus(self.again_for);
        (!over).then_some(now.plus(self.again_every))
    }

    fn pause_after(&self, silent: u32) -> Duration {
        (self.silence * (1 << silent.min(10))).min(self.silence_max)
    }
}

/// What is noted of an order.
#[derive(Clone, Copy, Debug)]
pub struct Noted {
    /// Yen.
    pub amount: u64,
    /// The outside has a name for it.
    pub was_sent: bool,
    /// Questions in a row that brought no answer.
    pub silent: u32,
    /// When it is asked about next; at once if nothing is noted.
    pub ask_at: Option<Timestamp>,
    /// When it was closed without success, as long as it is asked about again.
    pub closed_at: Option<Timestamp>,
}

/// Where an order stands, in the ledger too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    Open,
    Paid,
    Closed,
}

/// Why a question brought nothing.
#[derive(Debug)]
pub enum ProblemKind {
    /// Our own store failed: the round ends.
    Fault(Fault),
    /// The outside says nothing at all.
    Silence,
    /// The outside says, in its own words, that there never was such an order.
    NothingHappened,
    Other,
}

/// A network's own problem.
pub trait Problem: Display {
    fn kind(self) -> ProblemKind;
}

/// The orders of one network.
pub trait Orders {
    type Id: Copy + Display;
    type Problem: Problem;
    const TIMES: Times;

    /// Orders that are open in the ledger and were opened before an instant, oldest first, with the instant of each.
    fn open_before(&mut self, before: Timestamp) -> Result<Vec<(Self::Id, Timestamp)>, Fault>;
    /// Closed orders that are to be asked about again by now, longest due first.
    fn to_ask_again(&mut self, now: Timestamp) -> Result<Vec<Self::Id>, Fault>;
    /// What is noted of an order.
    fn noted(&mut self, id: Self::Id) -> Result<Option<Noted>, Fault>;
    /// Asks the outside where an order stands and makes it true in the ledger. Safe to repeat.
    fn settle(&mut self, id: Self::Id, now: Timestamp) -> Result<Stands, Self::Problem>;
    /// Closes an order in the ledger without success; false if the ledger refuses.
    fn expire(&mut self, id: Self::Id) -> Result<bool, Fault>;
    /// A question brought nothing: the next one at an instant.
    fn note_silence(&mut self, id: Self::Id, ask_at: Timestamp) -> Result<(), Fault>;
    /// The outside has answered about an order that is still open.
    fn note_answer(&mut self, id: Self::Id) -> Result<(), Fault>;
    /// An order is closed without success, and asked about again at an instant; one that was closed before keeps its first instant.
    /// `None` ends the asking.
    fn note_closed(
        &mut self,
        id: Self::Id,
        now: Timestamp,
        ask_at: Option<Timestamp>,
    ) -> Result<(), Fault>;
}

/// Asks about every order that has been open for a while, what no notice and no browser ever came back for, and about some that
/// were closed without success. Returns how many were closed or have succeeded.
///
/// The round ends where the outside says nothing at all: what it owes the first it owes everybody, and each silence takes half a
/// minute. An order that was asked about in vain rests longer each time, so that the next round begins with another.
pub fn sweep<O: Orders>(
    orders: &mut O,
    now: Timestamp,
    older_than: Duration,
) -> Result<usize, Fault> {
    let mut moved = 0;
    // Those that were opened exactly so long ago are old enough.
    let old = now.minus(older_than).plus(Duration::from_micros(1));
    for (id, opened_at) in orders.open_before(old)? {
        match poll(orders, id, opened_at, now)? {
            Polled::Moved => moved += 1,
            Polled::AsBefore => {}
            Polled::Silence => return Ok(moved),
        }
    }
    for id in orders.to_ask_again(now)? {
        match poll_again(orders, id, now)? {
            Polled::Moved => moved += 1,
            Polled::AsBefore => {}
            Polled::Silence => return Ok(moved),
        }
    }
    Ok(moved)
}

/// What one question brought.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Polled {
    Moved,
    AsBefore,
    Silence,
}

impl Polled {
    fn moved(moved: bool) -> Polled {
        if moved {
            Polled::Moved
        } else {
            Polled::AsBefore
        }
    }
}

/// Asks about one that is open, unless it is resting.
fn poll<O: Orders>(
    orders: &mut O,
    id: O::Id,
    opened_at: Timestamp,
    now: Timestamp,
) -> Result<Polled, Fault> {
    let times = O::TIMES;
    let Some(noted) = orders.noted(id)? else {
        // Opened in the ledger and never noted as an order: no customer was ever sent to a page.
        let is_over = now > opened_at.plus(times.life);
        return Ok(Polled::moved(is_over && orders.expire(id)?));
    };
    // One that is noted as closed and still open in the ledger was left half way: it rests no longer.
    if noted.closed_at.is_none() && noted.ask_at.is_some_and(|ask_at| ask_at > now) {
        return Ok(Polled::AsBefore);
    }
    let is_overdue = now > opened_at.plus(times.life + times.grace);
    let next = now.plus(times.pause_after(noted.silent));
    let problem = match orders.settle(id, now) {
        Ok(Stands::Open) => {
            if is_overdue {
                // Still on its way, and not to be called off: it is asked about more and more seldom.
                orders.note_silence(id, next)?;
            } else if noted.silent > 0 {
                orders.note_answer(id)?;
            }
            return Ok(Polled::AsBefore);
        }
        Ok(Stands::Paid | Stands::Closed) => return Ok(Polled::Moved),
        Err(problem) => problem,
    };
    let said = problem.to_string();
    let polled = match problem.kind() {
        ProblemKind::Fault(fault) => return Err(fault),
        ProblemKind::NothingHappened if is_overdue => {
            // An order that was never sent has sent no customer to a page.
            if noted.was_sent {
                let ask_at = times.ask_again_at(noted.closed_at, now);
                orders.note_closed(id, now, ask_at)?;
            }
            return Ok(Polled::moved(orders.expire(id)?));
        }
        ProblemKind::Silence => Polled::Silence,
        ProblemKind::NothingHappened | ProblemKind::Other => Polled::AsBefore,
    };
    tracing::warn!(order = %id, amount = noted.amount, silent = noted.silent, problem = said, "an order could not be settled yet");
    orders.note_silence(id, next)?;
    Ok(polled)
}

/// Asks about one that was closed without success.
fn poll_again<O: Orders>(orders: &mut O, id: O::Id, now: Timestamp) -> Result<Polled, Fault> {
    let times = O::TIMES;
    let tomorrow = now.plus(times.again_every);
    let problem = match orders.settle(id, now) {
        Ok(Stands::Paid) => {
            tracing::warn!(order = %id, "an order that was closed without success has succeeded after all");
            return Ok(Polled::Moved);
        }
        Ok(Stands::Open) => {
            orders.note_silence(id, tomorrow)?;
            return Ok(Polled::AsBefore);
        }
        Ok(Stands::Closed) => return Ok(Polled::AsBefore),
        Err(problem) => problem,
    };
    tracing::info!(order = %id, %problem, "a closed order brings no news");
    let is_silence = match problem.kind() {
        ProblemKind::Fault(fault) => return Err(fault),
        ProblemKind::Silence => true,
        ProblemKind::NothingHappened | ProblemKind::Other => false,
    };
    match orders.noted(id)? {
        // An answer of a kind; silence does not count towards the end of asking.
        Some(noted) if !is_silence => {
            let ask_at = times.ask_again_at(noted.closed_at, now);
            orders.note_closed(id, now, ask_at)?;
        }
        _ => orders.note_silence(id, tomorrow)?,
    }
    Ok(if is_silence {
        Polled::Silence
    } else {
        Polled::AsBefore
    })
}
