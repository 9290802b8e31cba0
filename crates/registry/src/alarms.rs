//! What an operator ought to look at: something at a till that does not happen in a shop's ordinary life.
//!
//! The same thing again within the hour is the same alarm: whoever makes a till misbehave for a night fills one line, not the table.

use std::time::Duration;

use crate::acts::{About, Noted, RegistryCommand};
use crate::seed::Seed;
use crate::{Numbered, at, id_cell, instant_cell, numbered_cell, opt_instant_cell};
use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param, Row};
use mamori_domain::event::Subject;
use mamori_domain::ids::TillId;
use mamori_domain::world::Timestamp;

/// How long the same thing is the same alarm.
const FOLDED_FOR: Duration = Duration::from_secs(3_600);

/// Names an alarm; not a secret.
pub type AlarmId = [u8; 16];

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AlarmKind {
    /// A till's device asked to give back more often than tills do.
    ReversalPace,
    /// A till was given so many wrong PINs that it takes none for an hour.
    PinLocked,
}

impl AlarmKind {
    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            AlarmKind::ReversalPace => "reversal_pace",
            AlarmKind::PinLocked => "pin_locked",
        }
    }
}

impl Numbered for AlarmKind {
    const ALL: &[AlarmKind] = &[AlarmKind::ReversalPace, AlarmKind::PinLocked];

    fn as_number(self) -> i64 {
        match self {
            AlarmKind::ReversalPace => 1,
            AlarmKind::PinLocked => 2,
        }
    }
}

/// An alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub id: AlarmId,
    pub kind: AlarmKind,
    pub till: TillId,
    /// When it was raised first and last, and how often in between.
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub times: u64,
    /// When an operator said that it was looked at.
    pub seen_at: Option<Timestamp>,
}

/// Alarms.
pub struct Alarms<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) noted: Option<Noted>,
}

impl Alarms<'_> {
    /// The next change says who made it, in `registry_acts`.
    pub fn noted(mut self, noted: Noted) -> Self {
        self.noted = Some(noted);
        self
    }

    /// Raises an alarm, or raises one of the last hour once more. One that was seen is not woken: the next is a new one.
    pub fn raise(
        &mut self,
        kind: AlarmKind,
        till: TillId,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<(), Fault> {
        let id: AlarmId = seed.take("alarm");
        let till = Param::Int(i64::from(till.0));
        self.db.transaction(|tx| {
            let again = tx.execute(
                "UPDATE alarms SET times = times + 1, last_at = $1 WHERE kind = $2 AND till = $3 AND first_at > $4 AND seen_at IS NULL",
                &[at(now), kind.param(), till, at(now.minus(FOLDED_FOR))],
            )?;
            if again == 0 {
                tx.execute(
                    "INSERT INTO alarms (alarm, kind, till, first_at, last_at, times) VALUES ($1, $2, $3, $4, $4, 1)",
                    &[Param::Blob(&id), kind.param(), till, at(now)],
                )?;
            }
            Ok(())
        })
    }

    /// Those that nobody has looked at, newest first.
    pub fn unseen(&mut self, limit: u32) -> Result<Vec<Alarm>, Fault> {
        self.db.query(
            "SELECT alarm, kind, till, first_at, last_at, times, seen_at FROM alarms WHERE seen_at IS NULL ORDER BY last_at DESC, alarm LIMIT $1",
            &[Param::Int(i64::from(limit))],
            alarm,
        )
    }

    /// An operator has looked at it. False where it is not there, or was seen before.
    pub fn see(&mut self, id: &AlarmId, now: Timestamp) -> Result<bool, Fault> {
        let noted = self.noted.take();
        self.db.transaction(|tx| {
            let till = tx.query_first(
                "SELECT till FROM alarms WHERE alarm = $1 AND seen_at IS NULL",
                &[Param::Blob(id)],
                |row| TillId(id_cell(row, 0)),
            )?;
            let Some(till) = till else {
                return Ok(false);
            };
            if let Some(noted) = &noted {
                noted.write(
                    tx,
                    RegistryCommand::SeeAlarm,
                    About::Ledger(Subject::Till(till)),
                )?;
            }
            let seen = "UPDATE alarms SET seen_at = $1 WHERE alarm = $2";
            tx.execute(seen, &[at(now), Param::Blob(id)])?;
            Ok(true)
        })
    }
}

fn alarm(row: &Row) -> Alarm {
    Alarm {
        id: row.blob(0).try_into().unwrap_or_default(),
        kind: numbered_cell(row, 1),
        till: TillId(id_cell(row, 2)),
        first_at: instant_cell(row, 3),
        last_at: instant_cell(row, 4),
        times: row.int(5).unsigned_abs(),
        seen_at: opt_instant_cell(row, 6),
    }
}
