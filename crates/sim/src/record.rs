//! Who asked for what, as the storm saw it: what every act of the journal must say.
//!
//! It is kept from the requests and from what the model says of them, never from what the shard returns.

use mamori_domain::command::CommandKind;
use mamori_domain::context::{Asker, Context, ContextId, SystemReason};
use mamori_domain::event::Act;
use mamori_engine::journal::batch::SEAL_EVERY;
use std::collections::HashSet;

/// An act that was asked for and changed something.
pub type Wanted = (Asker, CommandKind);

/// One act as it must stand in the journal.
struct Line {
    asker: Asker,
    command: CommandKind,
    /// Its context stands there in full: the first act that the row's writer was asked in it.
    defines: bool,
}

/// All rows of a journal, from the first on.
#[derive(Default)]
pub struct Record {
    rows: Vec<Vec<Line>>,
    /// Contexts that the living writer has defined in rows that are durable.
    defined: HashSet<ContextId>,
}

impl Record {
    /// Another writer's first row. It cannot know what was defined before, and defines each context once more.
    pub fn take_over(&mut self, seq: u64) -> Result<(), String> {
        self.defined.clear();
        // A takeover carries no seal, whatever its place.
        self.push(seq, vec![upkeep()])
    }

    /// Row `seq` became durable with these acts, in this order. A row that stands in for a lost one has none.
    pub fn note(&mut self, seq: u64, mut wanted: Vec<Wanted>) -> Result<(), String> {
        if seq.is_multiple_of(SEAL_EVERY) && !wanted.is_empty() {
            wanted.insert(0, upkeep());
        }
        self.push(seq, wanted)
    }

    fn push(&mut self, seq: u64, wanted: Vec<Wanted>) -> Result<(), String> {
        if seq != self.last() + 1 {
            return Err(format!("row {seq} comes after row {}", self.last()));
        }
        let line = |(asker, command): Wanted| Line {
            asker,
            command,
            defines: self.defined.insert(asker.id),
        };
        self.rows.push(wanted.into_iter().map(line).collect());
        Ok(())
    }

    /// The newest row that was noted.
    pub fn last(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Does row `seq` say who asked for what, act by act, and nothing else?
    pub fn compare(&self, seq: u64, acts: &[Act]) -> Result<(), String> {
        let row = (seq as usize)
            .checked_sub(1)
            .and_then(|at| self.rows.get(at));
        let row = row.ok_or_else(|| format!("row {seq} was never written"))?;
        for (number, (line, act)) in row.iter().zip(acts).enumerate() {
            line.compare(act)
                .map_err(|what| format!("act {number} of row {seq} {what}"))?;
        }
        if row.len() != acts.len() {
            let (is, must) = (acts.len(), row.len());
            return Err(format!("row {seq} has {is} acts, must have {must}"));
        }
        Ok(())
    }
}

/// What the shard itself has to say: a seal, a takeover.
fn upkeep() -> Wanted {
    (Asker::system(SystemReason::Upkeep), CommandKind::Upkeep)
}

impl Line {
    fn compare(&self, act: &Act) -> Result<(), String> {
        let definition: Option<Context> = self.defines.then_some(self.asker.context);
        if act.by != Some(self.asker.id) || act.context != definition {
            return Err(format!(
                "was asked by {:?} as {:?},\n  must be by {:?} as {definition:?}, for {:?}",
                act.by, act.context, self.asker.id, self.asker.context
            ));
        }
        if (act.command, act.request) != (self.command, self.asker.request) {
            return Err(format!(
                "is {:?} of {:?}, must be {:?} of {:?}",
                act.command, act.request, self.command, self.asker.request
            ));
        }
        if act.events.is_empty() {
            return Err("changes nothing".into());
        }
        Ok(())
    }
}
