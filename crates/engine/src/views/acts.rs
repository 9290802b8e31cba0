//! Who did what, to whom, when and from where: the list of acts.
//!
//! A payment stands in `entries` alone, with the name of its context: twenty thousand a second would double the work of the
//! views, and a till's or a customer's payments are found there already. Everything else that changes something is a row here.

use std::collections::{BTreeMap, HashMap};

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Column, Db, Param, Row, Tx};
use mamori_domain::command::CommandKind;
use mamori_domain::context::{Actor, Context, RequestId};
use mamori_domain::event::{Act, Event, Subject};

/// Acts of one row of the journal are fewer than this.
const ACTS_PER_ROW: u64 = 1 << 11;
/// Actors that the writer of the views remembers by the name of their context; beyond that all are looked up anew.
const ACTORS_MAX: usize = 1 << 16;

/// The row of the journal that an act stands in, and its place in it.
pub(crate) fn place_of(act: u64) -> (u64, usize) {
    (act / ACTS_PER_ROW, (act % ACTS_PER_ROW) as usize)
}

/// An act as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActRow {
    /// In the order of the journal; where a list goes on.
    pub id: u64,
    /// Microseconds UTC.
    pub at: i64,
    pub command: CommandKind,
    /// Who asked, over what, from where.
    pub context: Context,
    /// Whom or what it is about.
    pub subject: Subject,
    /// The edge's name for the request; zero for none.
    pub request: RequestId,
    /// The stable word of the refusal, if it was refused for good.
    pub refusal: Option<Box<str>>,
}

/// Which acts are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// About this wallet, merchant, store or till.
    Subject(Subject),
    /// By this customer, operator, till, key or the program.
    Actor(Actor),
    /// All of a stretch of time: from this instant on, before that one, microseconds UTC.
    Between(i64, i64),
}

/// A row of `acts` before it is joined with its context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    id: i64,
    at: i64,
    command: i64,
    context: i64,
    subject_kind: i64,
    subject: i64,
    request: i64,
    refusal: Option<&'static str>,
}

impl Listed {
    /// The row that act `n` of row `seq` makes, if it makes one.
    pub(crate) fn of(act: &Act, seq: u64, n: u64, at: i64) -> Option<Listed> {
        assert!(n < ACTS_PER_ROW, "a row of the journal holds fewer acts");
        // Journals of the first format do not say who asked; payments stand in `entries`.
        let context = act.by?;
        if matches!(&act.events[..], [Event::Paid(_)]) {
            return None;
        }
        let refusal = act.events.iter().find_map(|event| match event {
            Event::Refused(refused) => Some(refused.refusal.code()),
            _ => None,
        });
        let subject = act.subject();
        Some(Listed {
            id: (seq * ACTS_PER_ROW + n) as i64,
            at,
            command: act.command.number(),
            context: context.0 as i64,
            subject_kind: subject.kind(),
            subject: subject.number() as i64,
            request: act.request.0 as i64,
            refusal,
        })
    }

    /// The name of the context it was asked in.
    pub(crate) fn context(&self) -> u64 {
        self.context as u64
    }

    /// All of it in one piece, to compare two sets of rows.
    pub(crate) fn bytes(&self, actor: Actor) -> Vec<u8> {
        row_bytes(
            [
                self.id,
                self.at,
                self.command,
                self.context,
                actor.kind().number(),
                actor_number(actor),
                self.subject_kind,
                self.subject,
                self.request,
            ],
            self.refusal,
        )
    }
}

fn row_bytes(numbers: [i64; 9], refusal: Option<&str>) -> Vec<u8> {
    let numbers = numbers.iter().flat_map(|number| number.to_be_bytes());
    numbers.chain(refusal.unwrap_or("").bytes()).collect()
}

/// What it is found by in `acts`. Operators and keys have 128 bits: 64 of them are enough to search, the context says the rest.
fn actor_number(actor: Actor) -> i64 {
    match actor {
        Actor::Operator { .. } | Actor::Key { .. } => (actor.number() >> 64) as i64,
        Actor::Customer { .. } | Actor::Till { .. } | Actor::System { .. } => actor.number() as i64,
    }
}

/// Who asked, by the name of the context. The journal defines a context once, so an act alone does not say it; and a search by
/// actor that went through all contexts of a person would miss acts once there are too many of them.
#[derive(Default)]
pub(crate) struct Actors(HashMap<u64, Actor>);

impl Actors {
    fn learn(&mut self, id: u64, actor: Actor) {
        if self.0.len() >= ACTORS_MAX {
            self.0.clear();
        }
        self.0.insert(id, actor);
    }

    /// Who asked in this context, which an earlier row of the journal has defined.
    fn of(&mut self, tx: &mut Tx, id: u64) -> Result<Actor, Fault> {
        if let Some(actor) = self.0.get(&id) {
            return Ok(*actor);
        }
        let content = tx.query_first(CONTEXT, &[Param::Int(id as i64)], |row| {
            row.blob(0).to_vec()
        })?;
        let content = content.ok_or_else(|| {
            Fault::broken("an act names a context that no row of the journal defines")
        })?;
        let actor = decode_context(&content)?.by;
        self.learn(id, actor);
        Ok(actor)
    }
}

/// The context's own bytes, as they stand in `contexts` and are compared.
pub(crate) fn context_bytes(context: &Context) -> Vec<u8> {
    minicbor::to_vec(context).expect("memory takes all")
}

/// Writes rows and the contexts they name.
pub(crate) fn write(
    tx: &mut Tx,
    rows: &[Listed],
    contexts: &BTreeMap<u64, Context>,
    actors: &mut Actors,
) -> Result<(), Fault> {
    write_contexts(tx, contexts)?;
    let mut by = Vec::with_capacity(rows.len());
    for row in rows {
        by.push(match contexts.get(&row.context()) {
            Some(context) => context.by,
            None => actors.of(tx, row.context())?,
        });
    }
    let kinds: Vec<i64> = by.iter().map(|actor| actor.kind().number()).collect();
    let by: Vec<i64> = by.iter().map(|actor| actor_number(*actor)).collect();
    let int = |of: fn(&Listed) -> i64| rows.iter().map(of).collect::<Vec<i64>>();
    let refusals: Vec<Option<&str>> = rows.iter().map(|row| row.refusal).collect();
    tx.insert_many(
        "acts",
        &[
            "id",
            "at",
            "command",
            "context",
            "actor_kind",
            "actor",
            "subject_kind",
            "subject",
            "request",
            "refusal",
        ],
        &[
            Column::Int(&int(|row| row.id)),
            Column::Int(&int(|row| row.at)),
            Column::Int(&int(|row| row.command)),
            Column::Int(&int(|row| row.context)),
            Column::Int(&kinds),
            Column::Int(&by),
            Column::Int(&int(|row| row.subject_kind)),
            Column::Int(&int(|row| row.subject)),
            Column::Int(&int(|row| row.request)),
            Column::TextOrNull(&refusals),
        ],
    )?;
    Ok(())
}

fn write_contexts(tx: &mut Tx, contexts: &BTreeMap<u64, Context>) -> Result<(), Fault> {
    let ids: Vec<i64> = contexts.keys().map(|id| *id as i64).collect();
    let contents: Vec<Vec<u8>> = contexts.values().map(context_bytes).collect();
    let contents: Vec<&[u8]> = contents.iter().map(|content| &content[..]).collect();
    // The writer of a journal defines a context once more after each start.
    tx.insert_many_or(
        "contexts",
        &["id", "content"],
        &[Column::Int(&ids), Column::Blob(&contents)],
        "ON CONFLICT (id) DO NOTHING",
    )?;
    Ok(())
}

const CONTEXT: &str = "SELECT content FROM contexts WHERE id = $1";

/// A context by its name.
pub fn context(db: &mut Db, id: u64) -> Result<Option<Context>, Fault> {
    let content = db.query_first(CONTEXT, &[Param::Int(id as i64)], |row| {
        row.blob(0).to_vec()
    })?;
    content.as_deref().map(decode_context).transpose()
}

fn decode_context(content: &[u8]) -> Result<Context, Fault> {
    minicbor::decode(content).map_err(|_| Fault::broken("the views hold a context that is none"))
}

// A left join: an act whose context was taken out of the views is a fault, and not an act less in the list.
const OF_SUBJECT: &str =
    "SELECT acts.id, at, command, subject_kind, subject, request, refusal, content FROM acts
    LEFT JOIN contexts ON contexts.id = acts.context
    WHERE subject_kind = $1 AND subject = $2 AND acts.id < $3 ORDER BY acts.id DESC LIMIT $4";
const OF_ACTOR: &str =
    "SELECT acts.id, at, command, subject_kind, subject, request, refusal, content FROM acts
    LEFT JOIN contexts ON contexts.id = acts.context
    WHERE actor_kind = $1 AND actor = $2 AND acts.id < $3 ORDER BY acts.id DESC LIMIT $4";
const BETWEEN: &str =
    "SELECT acts.id, at, command, subject_kind, subject, request, refusal, content FROM acts
    LEFT JOIN contexts ON contexts.id = acts.context
    WHERE at >= $1 AND (at, acts.id) < ($2, $3) ORDER BY at DESC, acts.id DESC LIMIT $4";
const NEWEST_BEFORE: &str = "SELECT at FROM acts WHERE id < $1 ORDER BY id DESC LIMIT 1";

/// Acts, newest first: those before act `before`, where given. A page costs what is on it, however many pages came before it.
pub fn list(
    db: &mut Db,
    wanted: Wanted,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<ActRow>, Fault> {
    let below = before.map_or(i64::MAX, |id| i64::try_from(id).unwrap_or(i64::MAX));
    let (sql, [one, two, three]) = match wanted {
        Wanted::Subject(subject) => (OF_SUBJECT, [subject.kind(), subject.number() as i64, below]),
        Wanted::Actor(actor) => (
            OF_ACTOR,
            [actor.kind().number(), actor_number(actor), below],
        ),
        Wanted::Between(from, to) => {
            let (to, below) = match before {
                None => (to, i64::MIN),
                // Time never runs back, so the acts before this one are no younger than the newest of them.
                Some(_) => {
                    match db.query_first(NEWEST_BEFORE, &[Param::Int(below)], |row| row.int(0))? {
                        None => return Ok(Vec::new()),
                        Some(at) if at < to => (at, below),
                        Some(_) => (to, i64::MIN),
                    }
                }
            };
            (BETWEEN, [from, to, below])
        }
    };
    let limit = Param::Int(i64::from(limit));
    let parameters = [Param::Int(one), Param::Int(two), Param::Int(three), limit];
    let rows = db.query(sql, &parameters, act_row)?;
    rows.into_iter()
        // Two operators may share what they are found by; their contexts tell them apart.
        .filter(|row| match (row, wanted) {
            (Ok(row), Wanted::Actor(actor)) => row.context.by.number() == actor.number(),
            _ => true,
        })
        .collect()
}

fn act_row(row: &Row) -> Result<ActRow, Fault> {
    let broken = |what| Fault::broken(what).with_number("act", row.int(0));
    Ok(ActRow {
        id: row.int(0) as u64,
        at: row.int(1),
        command: CommandKind::from_number(row.int(2))
            .ok_or_else(|| broken("the views hold an act of an unknown kind"))?,
        subject: Subject::from_numbers(row.int(3), row.int(4) as u64)
            .ok_or_else(|| broken("the views hold an act about nothing"))?,
        request: RequestId(row.int(5) as u64),
        refusal: row.opt_text(6).map(Into::into),
        context: match row.opt_blob(7) {
            Some(content) => decode_context(content)?,
            None => return Err(broken("the views have lost the context of an act")),
        },
    })
}

/// Calls `see` with the bytes of each row of `acts`, as [`Listed::bytes`] makes them.
pub(crate) fn each(db: &mut Db, mut see: impl FnMut(&[u8])) -> Result<(), Fault> {
    db.query(
        "SELECT id, at, command, context, actor_kind, actor, subject_kind, subject, request, refusal FROM acts",
        &[],
        |row| {
            see(&row_bytes(
                std::array::from_fn(|at| row.int(at)),
                row.opt_text(9),
            ))
        },
    )
    .map(drop)
}

/// Calls `see` with the name and the bytes of each context.
pub(crate) fn each_context(db: &mut Db, mut see: impl FnMut(u64, &[u8])) -> Result<(), Fault> {
    db.query("SELECT id, content FROM contexts", &[], |row| {
        see(row.int(0) as u64, row.blob(1));
    })
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::VIEWS;
    use mamori_datastore::testing::Scratch;

    /// A console pages through years of acts, a customer asks for the own ones from a phone: none may walk through all of them.
    #[test]
    fn a_page_of_acts_is_found_and_not_searched_for() {
        let scratch = Scratch::new("acts");
        let mut views = scratch.location().open(&VIEWS).expect("the views open");
        for sql in [OF_SUBJECT, OF_ACTOR, BETWEEN, NEWEST_BEFORE, CONTEXT] {
            let parameters = [Param::Int(0), Param::Int(0), Param::Int(0), Param::Int(0)];
            let explain = format!("EXPLAIN QUERY PLAN {sql}");
            let plan = views
                .query(&explain, &parameters[..sql.matches('$').count()], |row| {
                    row.text(3).to_owned()
                })
                .expect("a plan")
                .join("; ");
            assert!(
                plan.contains("SEARCH") && !plan.contains("SCAN") && !plan.contains("TEMP B-TREE"),
                "{sql}: {plan}"
            );
        }
    }
}
