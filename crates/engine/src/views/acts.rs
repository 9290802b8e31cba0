//! Who did what, to whom, when and from where: the list of acts.
//!
//! A payment stands in `entries` alone, with the name of its context: twenty thousand a second would double the work of the
//! views, and a till's or a customer's payments are found there already. Everything else that changes something is a row here.

use std::collections::BTreeMap;

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Column, Db, Param, Row, Tx};
use mamori_domain::command::CommandKind;
use mamori_domain::context::{Actor, Context, RequestId};
use mamori_domain::event::{Act, Event, Subject};

/// Acts of one row of the journal are fewer than this.
const ACTS_PER_ROW: u64 = 1 << 11;
/// Contexts that one actor may have in a search: the newest sessions of a person, the networks of a key.
const CONTEXTS_MAX: u32 = 500;

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

    /// All of it in one piece, to compare two sets of rows.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        row_bytes(
            [
                self.id,
                self.at,
                self.command,
                self.context,
                self.subject_kind,
                self.subject,
                self.request,
            ],
            self.refusal,
        )
    }
}

fn row_bytes(numbers: [i64; 7], refusal: Option<&str>) -> Vec<u8> {
    let numbers = numbers.iter().flat_map(|number| number.to_be_bytes());
    numbers.chain(refusal.unwrap_or("").bytes()).collect()
}

/// What it is found by in `contexts`: 64 bits of the actor's number are enough, the content says the rest.
fn actor_number(actor: Actor) -> i64 {
    match actor {
        Actor::Operator { .. } | Actor::Key { .. } => (actor.number() >> 64) as i64,
        Actor::Customer { .. } | Actor::Till { .. } | Actor::System { .. } => actor.number() as i64,
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
) -> Result<(), Fault> {
    write_contexts(tx, contexts)?;
    let int = |of: fn(&Listed) -> i64| rows.iter().map(of).collect::<Vec<i64>>();
    let refusals: Vec<Option<&str>> = rows.iter().map(|row| row.refusal).collect();
    tx.insert_many(
        "acts",
        &[
            "id",
            "at",
            "command",
            "context",
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
    let kinds: Vec<i64> = contexts
        .values()
        .map(|context| context.by.kind().number())
        .collect();
    let actors: Vec<i64> = contexts
        .values()
        .map(|context| actor_number(context.by))
        .collect();
    let contents: Vec<Vec<u8>> = contexts.values().map(context_bytes).collect();
    let contents: Vec<&[u8]> = contents.iter().map(|content| &content[..]).collect();
    // The writer of a journal defines a context once more after each start.
    tx.insert_many_or(
        "contexts",
        &["id", "actor_kind", "actor", "content"],
        &[
            Column::Int(&ids),
            Column::Int(&kinds),
            Column::Int(&actors),
            Column::Blob(&contents),
        ],
        "ON CONFLICT (id) DO NOTHING",
    )?;
    Ok(())
}

/// A context by its name.
pub fn context(db: &mut Db, id: u64) -> Result<Option<Context>, Fault> {
    let content = db.query_first(
        "SELECT content FROM contexts WHERE id = $1",
        &[Param::Int(id as i64)],
        |row| row.blob(0).to_vec(),
    )?;
    content.as_deref().map(decode_context).transpose()
}

fn decode_context(content: &[u8]) -> Result<Context, Fault> {
    minicbor::decode(content).map_err(|_| Fault::broken("the views hold a context that is none"))
}

/// Acts, newest first: those before act `before`, where given.
pub fn list(
    db: &mut Db,
    wanted: Wanted,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<ActRow>, Fault> {
    let before = Param::Int(before.map_or(i64::MAX, |id| id as i64));
    let limit_param = Param::Int(i64::from(limit));
    let mut rows = match wanted {
        Wanted::Subject(subject) => db.query(
            "SELECT acts.id, at, command, subject_kind, subject, request, refusal, content FROM acts
             JOIN contexts ON contexts.id = context
             WHERE subject_kind = $1 AND subject = $2 AND acts.id < $3 ORDER BY acts.id DESC LIMIT $4",
            &[
                Param::Int(subject.kind()),
                Param::Int(subject.number() as i64),
                before,
                limit_param,
            ],
            act_row,
        )?,
        Wanted::Between(from, to) => db.query(
            "SELECT acts.id, at, command, subject_kind, subject, request, refusal, content FROM acts
             JOIN contexts ON contexts.id = context
             WHERE at >= $1 AND at < $2 AND acts.id < $3 ORDER BY at DESC, acts.id DESC LIMIT $4",
            &[Param::Int(from), Param::Int(to), before, limit_param],
            act_row,
        )?,
        Wanted::Actor(actor) => {
            let mut rows = Vec::new();
            for context in contexts_of(db, actor)? {
                rows.extend(db.query(
                    "SELECT acts.id, at, command, subject_kind, subject, request, refusal, content FROM acts
                     JOIN contexts ON contexts.id = context
                     WHERE context = $1 AND acts.id < $2 ORDER BY acts.id DESC LIMIT $3",
                    &[Param::Int(context), before, limit_param],
                    act_row,
                )?);
            }
            rows
        }
    }
    .into_iter()
    .collect::<Result<Vec<ActRow>, Fault>>()?;
    rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
    rows.truncate(limit as usize);
    Ok(rows)
}

/// The contexts that an actor asked in.
fn contexts_of(db: &mut Db, actor: Actor) -> Result<Vec<i64>, Fault> {
    db.query(
        "SELECT id FROM contexts WHERE actor_kind = $1 AND actor = $2 ORDER BY id LIMIT $3",
        &[
            Param::Int(actor.kind().number()),
            Param::Int(actor_number(actor)),
            Param::Int(i64::from(CONTEXTS_MAX)),
        ],
        |row| row.int(0),
    )
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
        context: decode_context(row.blob(7))?,
    })
}

/// Calls `see` with the bytes of each row of `acts`, as [`Listed::bytes`] makes them.
pub(crate) fn each(db: &mut Db, mut see: impl FnMut(&[u8])) -> Result<(), Fault> {
    db.query(
        "SELECT id, at, command, context, subject_kind, subject, request, refusal FROM acts",
        &[],
        |row| {
            see(&row_bytes(
                std::array::from_fn(|at| row.int(at)),
                row.opt_text(7),
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
