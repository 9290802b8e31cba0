//! Writes the views behind the journal: many rows of it in one calm transaction, with the mark of how far it came.

use std::collections::{BTreeMap, HashMap};

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Column, Db, Param, Tx};
use mamori_domain::context::Context;
use mamori_domain::event::Event;
use mamori_domain::reply::TopUpState;

use crate::journal::batch::Committed;
use crate::views::Entry;
use crate::views::acts::{self, Actors, Listed};
use crate::views::checkpoint;
use crate::views::pending::{self, CheckpointSchedule, Pending};
use crate::views::request_keys::{self, OpenKeys};

const HOUR_MICROS: i64 = 3_600_000_000;

/// How far the views have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Every row up to this one is in the views.
    pub applied_seq: u64,
    /// The checkpoint is the book after this row; zero for none. The row after it holds the book's hash.
    pub checkpoint_seq: u64,
    /// Closed segments of request keys.
    pub segment: u64,
    /// Every key up to this row is in a closed segment.
    pub segment_seq: u64,
}

impl Progress {
    /// True if a mark of these views stands before the other's: a standby that followed the others must not go on with these.
    pub fn is_behind(&self, other: &Progress) -> bool {
        self.applied_seq < other.applied_seq
            || self.checkpoint_seq < other.checkpoint_seq
            || self.segment_seq < other.segment_seq
    }
}

/// What the writer of the views keeps in memory of rows that may be applied already: request keys until their segment is
/// closed, rows of the book until their checkpoint is written. A standby keeps the same, so that it can go on in its place.
#[derive(Default)]
pub struct Carried {
    /// Keys of rows after `Progress::segment_seq`.
    keys: OpenKeys,
    /// Rows of the book that changed after `Progress::checkpoint_seq`.
    pending: Pending,
    /// The newest row that was taken up.
    seq: u64,
}

impl Carried {
    /// Takes up a row of the journal, once: a write of the views that failed is tried again with the same rows.
    pub fn take(&mut self, row: &Committed, progress: Progress) {
        if row.seq <= self.seq {
            return;
        }
        self.seq = row.seq;
        if row.seq > progress.segment_seq {
            for event in row.events() {
                event.answers(&mut |key, _| self.keys.push(key.0, row.seq));
            }
        }
        if let Some(dirty) = &row.checkpoint
            && row.seq > progress.checkpoint_seq + 1
        {
            let alone = row.seal_alone().is_some();
            self.pending.merge(row.seq, alone, dirty);
        }
    }

    /// Forgets what is written down.
    pub fn forget_written(&mut self, progress: Progress) {
        self.keys.forget_written(progress.segment_seq);
        self.pending.forget_written(progress.checkpoint_seq);
    }
}

/// The writer of the views.
pub struct Projector {
    db: Db,
    progress: Progress,
    carried: Carried,
    actors: Actors,
    schedule: CheckpointSchedule,
    /// There may be notes for checkpoints that have been followed by another.
    undo_left: bool,
    /// The progress of a write that failed: if only its answer was lost, the write is durable all the same.
    tried: Option<Outcome>,
}

/// What a write of the views comes to.
#[derive(Clone, Copy)]
struct Outcome {
    progress: Progress,
    keys: Option<request_keys::Portion>,
    rows: Option<pending::Portion>,
    undo_left: bool,
}

impl Projector {
    /// Opens at whatever the views have.
    pub fn open(mut db: Db) -> Result<Projector, Fault> {
        let progress = read_progress(&mut db)?;
        Ok(Projector {
            db,
            progress,
            carried: Carried::default(),
            actors: Actors::default(),
            schedule: CheckpointSchedule::default(),
            undo_left: true,
            tried: None,
        })
    }

    /// Writes checkpoints on another schedule.
    pub fn on_schedule(mut self, schedule: CheckpointSchedule) -> Projector {
        self.schedule = schedule;
        self
    }

    /// How far it came.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// The connection, between two calls.
    pub fn db(&mut self) -> &mut Db {
        &mut self.db
    }

    /// Goes on with what another writer, or a standby, kept in memory up to now.
    pub fn carry(&mut self, mut carried: Carried) {
        carried.forget_written(self.progress);
        self.carried = carried;
    }

    /// Brings back what was in memory only when the program stopped, from a row that is applied.
    pub fn remember(&mut self, committed: &Committed) {
        self.carried.take(committed, self.progress);
    }

    /// Applies rows of the journal, in order, without a gap, in one transaction.
    pub fn apply(&mut self, rows: &[Committed]) -> Result<(), Fault> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return Ok(());
        };
        if let Some(tried) = self.tried
            && read_progress(&mut self.db)? == tried.progress
        {
            self.came_to(tried);
            return Ok(());
        }
        assert_eq!(
            first.seq,
            self.progress.applied_seq + 1,
            "the views follow the journal without a gap"
        );
        let mut written = Written::default();
        let mut changes = 0;
        for row in rows {
            changes += row.event_count();
            written.row(row);
            self.carried.take(row, self.progress);
        }
        let before = self.progress;
        let Carried { keys, pending, .. } = &mut self.carried;
        let actors = &mut self.actors;
        let draft = pending.draft(before.checkpoint_seq, self.schedule);
        let key_portion = keys.portion(
            last.seq,
            changes,
            draft.is_some_and(|draft| draft.seq > before.segment_seq),
            draft.is_some_and(|draft| draft.whole),
        );
        let segment_completes = key_portion.and_then(|portion| portion.completes);
        let segment_seq = segment_completes.unwrap_or(before.segment_seq);
        let row_portion = pending.portion(segment_seq, changes, self.schedule);
        let row_completes = row_portion.and_then(|portion| portion.completes);
        let progress = Progress {
            applied_seq: last.seq,
            checkpoint_seq: row_completes.unwrap_or(before.checkpoint_seq),
            segment: before.segment + u64::from(segment_completes.is_some()),
            segment_seq,
        };
        let mut outcome = Outcome {
            progress,
            keys: key_portion,
            rows: row_portion,
            undo_left: self.undo_left,
        };
        self.tried = Some(outcome);
        let undo_left = self.db.transaction(|tx| {
            // Checked first: an owner that was stopped, and goes on after a takeover, holds rows that its successor has written. It
            // must not set the mark back, and gets a fault that says why.
            let moved = tx.execute(
                "UPDATE progress SET applied_seq = $1, checkpoint_seq = $2, segment = $3, segment_seq = $4
                 WHERE shard = 0 AND applied_seq = $5",
                &[
                    Param::Int(progress.applied_seq as i64),
                    Param::Int(progress.checkpoint_seq as i64),
                    Param::Int(progress.segment as i64),
                    Param::Int(progress.segment_seq as i64),
                    Param::Int(before.applied_seq as i64),
                ],
            )?;
            if moved != 1 {
                return Err(Fault::not_owner("somebody else writes the views"));
            }
            written.write(tx, actors)?;
            if let Some(portion) = key_portion {
                keys.write(portion, before.segment + 1, tx)?;
            }
            if let Some(portion) = row_portion {
                pending.write(portion, before.checkpoint_seq, tx)?;
            }
            let undo_left = self.undo_left
                && checkpoint::forget_undo(
                    tx,
                    before.checkpoint_seq,
                    self.schedule.forgotten(changes),
                )?;
            Ok(undo_left)
        })?;
        outcome.undo_left = undo_left;
        self.came_to(outcome);
        Ok(())
    }

    fn came_to(&mut self, outcome: Outcome) {
        self.progress = outcome.progress;
        self.tried = None;
        self.undo_left = outcome.undo_left;
        if let Some(portion) = outcome.keys {
            self.carried.keys.written(portion);
        }
        if let Some(portion) = outcome.rows {
            self.carried.pending.written(portion);
            self.undo_left |= portion.completes.is_some();
        }
        self.carried.forget_written(outcome.progress);
    }

    /// Empties every table: the views are made anew.
    pub fn start_over(&mut self) -> Result<(), Fault> {
        self.db.transaction(|tx| {
            for sql in [
                "DELETE FROM entries",
                "DELETE FROM acts",
                "DELETE FROM contexts",
                "DELETE FROM reversals",
                "DELETE FROM top_ups",
                "DELETE FROM store_hours",
                "DELETE FROM request_keys",
                "DELETE FROM checkpoint",
                "DELETE FROM checkpoint_undo",
                "UPDATE progress SET applied_seq = 0, checkpoint_seq = 0, segment = 0, segment_seq = 0",
            ] {
                tx.execute(sql, &[])?;
            }
            Ok(())
        })?;
        self.progress = Progress::default();
        self.carried = Carried::default();
        Ok(())
    }

    /// Throws a checkpoint away that the journal does not confirm; the views stay.
    pub fn discard_checkpoint(&mut self) -> Result<(), Fault> {
        self.db.transaction(|tx| {
            checkpoint::clear(tx)?;
            tx.execute(
                "UPDATE progress SET checkpoint_seq = 0 WHERE shard = 0",
                &[],
            )?;
            Ok(())
        })?;
        self.progress.checkpoint_seq = 0;
        Ok(())
    }
}

/// Reads how far the views have come.
pub fn read_progress(db: &mut Db) -> Result<Progress, Fault> {
    db.snapshot(progress_in)
}

/// The same, within a picture of the views that is looked at further.
pub fn progress_in(tx: &mut Tx) -> Result<Progress, Fault> {
    tx.query_first(
        "SELECT applied_seq, checkpoint_seq, segment, segment_seq FROM progress WHERE shard = 0",
        &[],
        |row| Progress {
            applied_seq: row.int(0) as u64,
            checkpoint_seq: row.int(1) as u64,
            segment: row.int(2) as u64,
            segment_seq: row.int(3) as u64,
        },
    )?
    .ok_or_else(|| Fault::broken("the views have lost their mark"))
}

/// What a run of rows writes, column by column.
#[derive(Default)]
struct Written {
    entries: Vec<Entry>,
    reversals: Vec<[i64; 4]>,
    top_ups: HashMap<u64, TopUpRow>,
    hours: HashMap<(i64, i64), [i64; 4]>,
    acts: Vec<Listed>,
    contexts: BTreeMap<u64, Context>,
}

#[derive(Clone, Copy)]
struct TopUpRow {
    started: Option<(u64, u64, i64)>,
    ended: Option<(TopUpState, i64)>,
}

impl Written {
    fn row(&mut self, row: &Committed) {
        let at = row.at.0;
        for (n, act) in (0..).zip(&row.acts) {
            let context = act.by.map(|id| id.0);
            if let (Some(id), Some(definition)) = (context, act.context) {
                self.contexts.insert(id, definition);
            }
            self.acts.extend(Listed::of(act, row.seq, n, at));
            for event in &act.events {
                self.top_up(event, at);
                if let Some(entry) = Entry::of(event, row.seq, at, context) {
                    self.entry(entry);
                }
            }
        }
    }

    fn entry(&mut self, entry: Entry) {
        let reversal = entry.kind.is_reversal();
        if reversal {
            let payment = entry.about.expect("a reversal is about a payment");
            self.reversals.push([
                payment as i64,
                entry.id as i64,
                entry.amount as i64,
                entry.kind.number(),
            ]);
        }
        if let Some(store) = entry.store
            && (reversal || entry.kind.is_sale())
        {
            let sums = self
                .hours
                .entry((i64::from(store), entry.at.div_euclid(HOUR_MICROS)))
                .or_default();
            let at = if reversal { 2 } else { 0 };
            sums[at] += 1;
            sums[at + 1] += entry.amount as i64;
        }
        self.entries.push(entry);
    }

    fn top_up(&mut self, event: &Event, at: i64) {
        let (id, started, ended) = match event {
            Event::TopUpStarted(started) => (
                started.top_up,
                Some((started.wallet.0, started.amount.minor(), at)),
                None,
            ),
            Event::TopUpConfirmed(confirmed) => {
                (confirmed.top_up, None, Some((TopUpState::Succeeded, at)))
            }
            Event::TopUpFailed(failed) => (failed.top_up, None, Some((failed.state(), at))),
            _ => return,
        };
        let row = self.top_ups.entry(id.0).or_insert(TopUpRow {
            started: None,
            ended: None,
        });
        row.started = row.started.or(started);
        row.ended = ended.or(row.ended);
    }

    fn write(&self, tx: &mut Tx, actors: &mut Actors) -> Result<(), Fault> {
        self.write_entries(tx)?;
        let column = |at: usize| {
            self.reversals
                .iter()
                .map(|row| row[at])
                .collect::<Vec<i64>>()
        };
        tx.insert_many(
            "reversals",
            &["payment", "entry", "amount", "kind"],
            &[
                Column::Int(&column(0)),
                Column::Int(&column(1)),
                Column::Int(&column(2)),
                Column::Int(&column(3)),
            ],
        )?;
        self.write_top_ups(tx)?;
        self.write_hours(tx)?;
        acts::write(tx, &self.acts, &self.contexts, actors)
    }

    fn write_entries(&self, tx: &mut Tx) -> Result<(), Fault> {
        let int = |of: fn(&Entry) -> i64| self.entries.iter().map(of).collect::<Vec<i64>>();
        let maybe = |of: fn(&Entry) -> Option<i64>| {
            self.entries.iter().map(of).collect::<Vec<Option<i64>>>()
        };
        let names: Vec<Option<&str>> = self
            .entries
            .iter()
            .map(|entry| entry.name.as_deref())
            .collect();
        tx.insert_many(
            "entries",
            &[
                "id", "seq", "at", "kind", "wallet", "merchant", "store", "till", "amount",
                "balance", "previous", "about", "name", "context",
            ],
            &[
                Column::Int(&int(|entry| entry.id as i64)),
                Column::Int(&int(|entry| entry.seq as i64)),
                Column::Int(&int(|entry| entry.at)),
                Column::Int(&int(|entry| entry.kind.number())),
                Column::Int(&int(|entry| entry.wallet as i64)),
                Column::IntOrNull(&maybe(|entry| entry.merchant.map(i64::from))),
                Column::IntOrNull(&maybe(|entry| entry.store.map(i64::from))),
                Column::IntOrNull(&maybe(|entry| entry.till.map(i64::from))),
                Column::Int(&int(|entry| entry.amount as i64)),
                Column::Int(&int(|entry| entry.balance as i64)),
                Column::Int(&int(|entry| entry.previous as i64)),
                Column::IntOrNull(&maybe(|entry| entry.about.map(|id| id as i64))),
                Column::TextOrNull(&names),
                Column::IntOrNull(&maybe(|entry| entry.context.map(|id| id as i64))),
            ],
        )?;
        Ok(())
    }

    fn write_top_ups(&self, tx: &mut Tx) -> Result<(), Fault> {
        for (id, row) in &self.top_ups {
            let (state, ended_at) = row
                .ended
                .map_or((TopUpState::Pending, Param::Null), |(state, at)| {
                    (state, Param::Int(at))
                });
            match row.started {
                Some((wallet, amount, started_at)) => tx.execute(
                    "INSERT INTO top_ups (id, wallet, amount, state, started_at, ended_at)
                     VALUES ($1, $2, $3, $4, $5, $6)",
                    &[
                        Param::Int(*id as i64),
                        Param::Int(wallet as i64),
                        Param::Int(amount as i64),
                        Param::Int(state as i64),
                        Param::Int(started_at),
                        ended_at,
                    ],
                )?,
                None => tx.execute(
                    "UPDATE top_ups SET state = $1, ended_at = $2 WHERE id = $3",
                    &[Param::Int(state as i64), ended_at, Param::Int(*id as i64)],
                )?,
            };
        }
        Ok(())
    }

    fn write_hours(&self, tx: &mut Tx) -> Result<(), Fault> {
        let mut rows: Vec<(&(i64, i64), &[i64; 4])> = self.hours.iter().collect();
        rows.sort_unstable();
        let key =
            |of: fn(&(i64, i64)) -> i64| rows.iter().map(|(key, _)| of(key)).collect::<Vec<i64>>();
        let sum = |at: usize| rows.iter().map(|(_, sums)| sums[at]).collect::<Vec<i64>>();
        tx.insert_many_or(
            "store_hours",
            &["store", "hour", "payments", "paid", "reversals", "reversed"],
            &[
                Column::Int(&key(|key| key.0)),
                Column::Int(&key(|key| key.1)),
                Column::Int(&sum(0)),
                Column::Int(&sum(1)),
                Column::Int(&sum(2)),
                Column::Int(&sum(3)),
            ],
            "ON CONFLICT (store, hour) DO UPDATE SET
                payments = store_hours.payments + excluded.payments,
                paid = store_hours.paid + excluded.paid,
                reversals = store_hours.reversals + excluded.reversals,
                reversed = store_hours.reversed + excluded.reversed",
        )?;
        Ok(())
    }
}
