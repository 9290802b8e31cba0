//! What people and pages read. Every function takes a reading connection; none is on the payment path.

use std::collections::BTreeMap;
use std::ops::Range;

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param, Row};
use mamori_domain::reply::TopUpState;

use crate::views::{Entry, EntryKind};

pub(super) fn entry(row: &Row) -> Entry {
    Entry {
        id: row.int(0) as u64,
        seq: row.int(1) as u64,
        at: row.int(2),
        kind: EntryKind::from_number(row.int(3)).unwrap_or_else(|| {
            row.reject(3);
            EntryKind::Payment
        }),
        wallet: row.int(4) as u64,
        merchant: row.opt_int(5).map(|id| id as u32),
        store: row.opt_int(6).map(|id| id as u32),
        till: row.opt_int(7).map(|id| id as u32),
        amount: row.int(8) as u64,
        balance: row.int(9) as u64,
        previous: row.int(10) as u64,
        about: row.opt_int(11).map(|id| id as u64),
        name: row.opt_text(12).map(Into::into),
        context: row.opt_int(13).map(|id| id as u64),
    }
}

/// One movement of a wallet by its id; `None` if the views do not have it (yet).
pub fn entry_by_id(db: &mut Db, id: u64) -> Result<Option<Entry>, Fault> {
    // One text per statement, so that the statement cache knows it again.
    const SQL: &str = "SELECT id, seq, at, kind, wallet, merchant, store, till, amount, balance, previous, about, name, context
        FROM entries WHERE id = $1";
    db.query_first(SQL, &[Param::Int(id as i64)], entry)
}

/// How a hold ended: its capture or its release. The condition on the kind is that of the index `ends_of_holds`.
pub fn end_of_hold(db: &mut Db, hold: u64) -> Result<Option<Entry>, Fault> {
    db.query_first(END_OF_HOLD, &[Param::Int(hold as i64)], entry)
}

const END_OF_HOLD: &str = "SELECT id, seq, at, kind, wallet, merchant, store, till, amount, balance, previous, about, name, context
    FROM entries WHERE about = $1 AND kind >= 7";

/// The movements after an id, in order; of views that do not [say who asked](super::say_who_asked), without that.
pub(crate) fn entries_after(
    db: &mut Db,
    after: i64,
    limit: u32,
    with_context: bool,
) -> Result<Vec<Entry>, Fault> {
    const SQL: &str = "SELECT id, seq, at, kind, wallet, merchant, store, till, amount, balance, previous, about, name, context
        FROM entries WHERE id > $1 ORDER BY id LIMIT $2";
    const WITHOUT_CONTEXT: &str = "SELECT id, seq, at, kind, wallet, merchant, store, till, amount, balance, previous, about, name, CAST(NULL AS BIGINT)
        FROM entries WHERE id > $1 ORDER BY id LIMIT $2";
    let sql = match with_context {
        true => SQL,
        false => WITHOUT_CONTEXT,
    };
    db.query(
        sql,
        &[Param::Int(after), Param::Int(i64::from(limit))],
        entry,
    )
}

/// Walks a wallet's chain of movements from `from` (which belongs to it) back in time.
pub fn chain(db: &mut Db, wallet: u64, from: u64, limit: usize) -> Result<Vec<Entry>, Fault> {
    let mut entries = Vec::with_capacity(limit);
    let mut next = from;
    while next != 0 && entries.len() < limit {
        let Some(entry) = entry_by_id(db, next)?.filter(|entry| entry.wallet == wallet) else {
            break;
        };
        next = entry.previous;
        entries.push(entry);
    }
    Ok(entries)
}

/// A store's newest movements, newest first.
pub fn of_store(db: &mut Db, store: u32, limit: u32) -> Result<Vec<Entry>, Fault> {
    const SQL: &str = "SELECT id, seq, at, kind, wallet, merchant, store, till, amount, balance, previous, about, name, context
        FROM entries WHERE store = $1 ORDER BY id DESC LIMIT $2";
    db.query(
        SQL,
        &[Param::Int(i64::from(store)), Param::Int(i64::from(limit))],
        entry,
    )
}

const FIRST_ID: &str = "SELECT id, at FROM entries WHERE id >= $1 ORDER BY id LIMIT 1";

/// The first id that was given out at this instant or later (microseconds UTC), so that a day is found without an index on time. Ids rise
/// with the time: one in the middle tells which half to look at, and sixty-three looks are enough for any past.
fn first_id_since(db: &mut Db, at: i64) -> Result<i64, Fault> {
    let (mut low, mut high) = (0_i64, i64::MAX);
    while low < high {
        let middle = low + (high - low) / 2;
        let found = db.query_first(FIRST_ID, &[Param::Int(middle)], |row| {
            (row.int(0), row.int(1))
        })?;
        match found {
            Some((id, then)) if then < at => low = id + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// The sales of one store that somebody looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SalesOfDay {
    pub store: u32,
    /// From, and up to but without, in microseconds UTC.
    pub day: (i64, i64),
    /// Yen.
    pub amount: Option<u64>,
    /// Only sales with a smaller id: where the page before ended.
    pub before: Option<u64>,
}

const SALES: &str = "SELECT id, seq, at, kind, wallet, merchant, store, till, amount, balance, previous, about, name, context
    FROM entries WHERE store = $1 AND id >= $2 AND id < $3 AND kind = 0 ORDER BY id DESC LIMIT $4";
const SALES_OF_AMOUNT: &str = "SELECT id, seq, at, kind, wallet, merchant, store, till, amount, balance, previous, about, name, context
    FROM entries WHERE store = $1 AND id >= $2 AND id < $3 AND kind = 0 AND amount = $4 ORDER BY id DESC LIMIT $5";

/// The payments that a store took on a day, newest first. Costs as much as that day has.
pub fn sales_of_day(db: &mut Db, asked: SalesOfDay, limit: u32) -> Result<Vec<Entry>, Fault> {
    let first = first_id_since(db, asked.day.0)?;
    let end = first_id_since(db, asked.day.1)?;
    let end = asked.before.map_or(end, |before| end.min(before as i64));
    let store = Param::Int(i64::from(asked.store));
    let (first, end) = (Param::Int(first), Param::Int(end));
    let limit = Param::Int(i64::from(limit));
    match asked.amount {
        Some(amount) => {
            let amount = Param::Int(amount as i64);
            db.query(SALES_OF_AMOUNT, &[store, first, end, amount, limit], entry)
        }
        None => db.query(SALES, &[store, first, end, limit], entry),
    }
}

/// A reversal of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reversal {
    pub entry: u64,
    /// Yen.
    pub amount: u64,
    pub kind: EntryKind,
}

/// The refunds and the cancel of a payment, oldest first.
pub fn reversals(db: &mut Db, payment: u64) -> Result<Vec<Reversal>, Fault> {
    db.query(
        "SELECT entry, amount, kind FROM reversals WHERE payment = $1 ORDER BY entry",
        &[Param::Int(payment as i64)],
        |row| Reversal {
            entry: row.int(0) as u64,
            amount: row.int(1) as u64,
            kind: EntryKind::from_number(row.int(2)).unwrap_or(EntryKind::Refund),
        },
    )
}

/// The sums of a store in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreHour {
    pub store: u32,
    /// Hours since 1970 UTC.
    pub hour: i64,
    pub payments: u64,
    /// Yen.
    pub paid: u64,
    pub reversals: u64,
    /// Yen.
    pub reversed: u64,
}

fn store_hour(row: &Row) -> StoreHour {
    StoreHour {
        store: row.int(0) as u32,
        hour: row.int(1),
        payments: row.int(2) as u64,
        paid: row.int(3) as u64,
        reversals: row.int(4) as u64,
        reversed: row.int(5) as u64,
    }
}

/// How many, and how much in yen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figure {
    pub count: u64,
    /// Yen.
    pub amount: u64,
}

impl Figure {
    const fn add(&mut self, count: u64, amount: u64) {
        self.count += count;
        self.amount += amount;
    }
}

/// What a shop sold and gave back, each by the time at which it happened. Tills and consoles show these and no other figures, so
/// that they can never contradict each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Takings {
    pub sales: Figure,
    /// Given back in part or later.
    pub refunds: Figure,
    /// Sales that were undone as a whole.
    pub cancels: Figure,
}

impl Takings {
    /// What is left for the shop, in yen: below zero when more was given back than was sold in that time.
    pub const fn net(&self) -> i64 {
        self.sales.amount as i64 - self.refunds.amount as i64 - self.cancels.amount as i64
    }
}

/// The takings since an hour: of one store or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakingsSince {
    pub all: Takings,
    pub by_store: BTreeMap<u32, Takings>,
    /// The sales by the hour, in hours since 1970 UTC.
    pub sales_by_hour: BTreeMap<i64, Figure>,
}

impl TakingsSince {
    fn of(hours: &[StoreHour], cancels: &[(u32, Figure)]) -> TakingsSince {
        let mut since = TakingsSince::default();
        for hour in hours {
            let sales = since.sales_by_hour.entry(hour.hour).or_default();
            sales.add(hour.payments, hour.paid);
            let store = since.by_store.entry(hour.store).or_default();
            for takings in [store, &mut since.all] {
                takings.sales.add(hour.payments, hour.paid);
                takings.refunds.add(hour.reversals, hour.reversed);
            }
        }
        // The sums of an hour hold refunds and cancels together.
        for (store, Figure { count, amount }) in cancels {
            let store = since.by_store.entry(*store).or_default();
            for takings in [store, &mut since.all] {
                takings.cancels.add(*count, *amount);
                takings.refunds.count -= count;
                takings.refunds.amount -= amount;
            }
        }
        since
    }
}

// The sign before the store keeps the index of all that a store ever did out of it.
const CANCELS: &str = "SELECT +store, COUNT(*), CAST(SUM(amount) AS BIGINT) FROM entries WHERE kind = 1 AND at >= $1 AND +store IS NOT NULL GROUP BY +store";
const CANCELS_OF_STORE: &str = "SELECT +store, COUNT(*), CAST(SUM(amount) AS BIGINT) FROM entries WHERE kind = 1 AND at >= $1 AND at < $2 AND +store = $3 GROUP BY +store";

fn cancels(row: &Row) -> (u32, Figure) {
    let figure = Figure {
        count: row.int(1) as u64,
        amount: row.int(2) as u64,
    };
    (row.int(0) as u32, figure)
}

/// The takings of all stores since an hour, as of one moment.
pub fn takings(db: &mut Db, since_hour: i64) -> Result<TakingsSince, Fault> {
    let since = Param::Int(since_hour * HOUR_MICROS);
    db.snapshot(|tx| {
        let hours = tx.query(STORE_HOURS, &[Param::Int(since_hour)], store_hour)?;
        Ok(TakingsSince::of(
            &hours,
            &tx.query(CANCELS, &[since], cancels)?,
        ))
    })
}

/// The takings of one store in these hours, as of one moment.
pub fn takings_of_store(db: &mut Db, store: u32, hours: Range<i64>) -> Result<Takings, Fault> {
    let of_store = Param::Int(i64::from(store));
    let of_hours = [of_store, Param::Int(hours.start), Param::Int(hours.end)];
    let of_cancels = [
        Param::Int(hours.start * HOUR_MICROS),
        Param::Int(hours.end * HOUR_MICROS),
        of_store,
    ];
    db.snapshot(|tx| {
        let hours = tx.query(HOURS_OF_STORE, &of_hours, store_hour)?;
        let cancels = tx.query(CANCELS_OF_STORE, &of_cancels, cancels)?;
        Ok(TakingsSince::of(&hours, &cancels).all)
    })
}

const HOUR_MICROS: i64 = 3_600_000_000;

const STORE_HOURS: &str = "SELECT store, hour, payments, paid, reversals, reversed FROM store_hours WHERE hour >= $1 ORDER BY hour, store";
const HOURS_OF_STORE: &str = "SELECT store, hour, payments, paid, reversals, reversed FROM store_hours WHERE store = $1 AND hour >= $2 AND hour < $3 ORDER BY hour";

/// All stores' sums since an hour, by hour and store. Costs as much as there is since then, however long the past.
pub fn store_hours(db: &mut Db, since_hour: i64) -> Result<Vec<StoreHour>, Fault> {
    db.query(STORE_HOURS, &[Param::Int(since_hour)], store_hour)
}

/// A top-up as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopUpRow {
    pub id: u64,
    pub wallet: u64,
    /// Yen.
    pub amount: u64,
    pub state: TopUpState,
    /// When it began, in microseconds UTC.
    pub started_at: i64,
    /// When it was over, microseconds UTC.
    pub ended_at: Option<i64>,
}

fn top_up(row: &Row) -> TopUpRow {
    TopUpRow {
        id: row.int(0) as u64,
        wallet: row.int(1) as u64,
        amount: row.int(2) as u64,
        state: state(row.int(3)),
        started_at: row.int(4),
        ended_at: row.opt_int(5),
    }
}

fn state(number: i64) -> TopUpState {
    match number {
        1 => TopUpState::Succeeded,
        2 => TopUpState::Failed,
        3 => TopUpState::Expired,
        _ => TopUpState::Pending,
    }
}

/// A top-up by its id.
pub fn top_up_by_id(db: &mut Db, id: u64) -> Result<Option<TopUpRow>, Fault> {
    db.query_first(
        "SELECT id, wallet, amount, state, started_at, ended_at FROM top_ups WHERE id = $1",
        &[Param::Int(id as i64)],
        top_up,
    )
}

const OPEN_TOP_UPS: &str = "SELECT id, wallet, amount, state, started_at, ended_at FROM top_ups WHERE state = 0 AND wallet = $1 ORDER BY id LIMIT $2";

/// The open top-ups of a wallet, oldest first.
pub fn open_top_ups(db: &mut Db, wallet: u64, limit: u32) -> Result<Vec<TopUpRow>, Fault> {
    db.query(
        OPEN_TOP_UPS,
        &[Param::Int(wallet as i64), Param::Int(i64::from(limit))],
        top_up,
    )
}

/// Calls `see` with every top-up.
pub fn each_top_up(db: &mut Db, mut see: impl FnMut(TopUpRow)) -> Result<(), Fault> {
    db.query(
        "SELECT id, wallet, amount, state, started_at, ended_at FROM top_ups",
        &[],
        |row| see(top_up(row)),
    )
    .map(drop)
}

const TOP_UP_SUMS: &str = "SELECT state, COUNT(*), CAST(SUM(amount) AS BIGINT) FROM top_ups WHERE started_at >= $1 GROUP BY state ORDER BY state";

/// Count and sum of top-ups by state since an instant (microseconds UTC).
pub fn top_up_sums(db: &mut Db, since: i64) -> Result<Vec<(TopUpState, u64, u64)>, Fault> {
    db.query(TOP_UP_SUMS, &[Param::Int(since)], |row| {
        (state(row.int(0)), row.int(1) as u64, row.int(2) as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::VIEWS;
    use mamori_datastore::testing::Scratch;

    /// Tills ask these after each sale and consoles each second: none may walk through years of a chain's past.
    #[test]
    fn the_sums_of_today_are_found_and_not_searched_for() {
        let scratch = Scratch::new("sums");
        let mut views = scratch.location().open(&VIEWS).expect("the views open");
        for sql in [
            STORE_HOURS,
            HOURS_OF_STORE,
            CANCELS,
            CANCELS_OF_STORE,
            TOP_UP_SUMS,
            END_OF_HOLD,
            FIRST_ID,
            SALES,
            SALES_OF_AMOUNT,
        ] {
            let parameters = [Param::Int(0); 5];
            let explain = format!("EXPLAIN QUERY PLAN {sql}");
            let plan = views
                .query(&explain, &parameters[..sql.matches('$').count()], |row| {
                    row.text(3).to_owned()
                })
                .expect("a plan")
                .join("; ");
            assert!(
                plan.contains("SEARCH") && !plan.contains("SCAN"),
                "{sql}: {plan}"
            );
            assert_eq!(
                sql.contains("kind = 1"),
                plan.contains("cancels_by_time"),
                "{sql}: {plan}"
            );
        }
    }

    const DAY: i64 = 24 * HOUR_MICROS;

    /// An entry of one store, with no more than is looked for.
    fn write(views: &mut Db, id: i64, at: i64, kind: i64, store: i64, amount: i64) {
        let row = [id, at, kind, store, amount].map(Param::Int);
        let sql =
            "INSERT INTO entries (id, seq, at, kind, wallet, store, amount, balance, previous)
            VALUES ($1, 1, $2, $3, 1, $4, $5, 0, 0)";
        views.execute(sql, &row).expect("a row");
    }

    #[test]
    fn the_sales_of_a_day_are_those_between_its_midnights_whatever_ids_they_have() {
        let scratch = Scratch::new("sales");
        let mut views = scratch.location().open(&VIEWS).expect("the views open");
        let later = 1_i64 << 53;
        for (id, at, kind, store, amount) in [
            (1, 0, 0, 7, 10),
            (2, DAY - 1, 0, 7, 20),
            (5, DAY, 0, 7, 30),
            (6, DAY, 0, 8, 30),
            (7, DAY + 1, 1, 7, 30),
            // After a restore that lost rows ids go on far above.
            (later, 2 * DAY - 1, 0, 7, 40),
            (later + 1, 2 * DAY, 0, 7, 50),
        ] {
            write(&mut views, id, at, kind, store, amount);
        }
        let mut found = |day: i64, amount, before| {
            let day = (day * DAY, (day + 1) * DAY);
            let asked = SalesOfDay {
                store: 7,
                day,
                amount,
                before,
            };
            let sales = sales_of_day(&mut views, asked, 2).expect("an answer");
            sales.iter().map(|sale| sale.amount).collect::<Vec<u64>>()
        };
        assert_eq!(found(-1, None, None), [0_u64; 0]);
        assert_eq!(found(0, None, None), [20, 10]);
        assert_eq!(found(1, None, None), [40, 30]);
        assert_eq!(found(1, Some(30), None), [30]);
        assert_eq!(found(1, None, Some(later as u64)), [30]);
        assert_eq!(found(2, None, None), [50]);
        assert_eq!(found(3, None, None), [0_u64; 0]);
    }

    #[test]
    fn the_takings_of_a_day_end_at_its_midnight() {
        let scratch = Scratch::new("close");
        let mut views = scratch.location().open(&VIEWS).expect("the views open");
        write(&mut views, 1, DAY - 1, 1, 7, 30);
        write(&mut views, 2, DAY, 1, 7, 40);
        for (hour, paid) in [(23, 100), (24, 200)] {
            let sql = "INSERT INTO store_hours (store, hour, payments, paid, reversals, reversed) VALUES (7, $1, 1, $2, 1, 50)";
            let row = [Param::Int(hour), Param::Int(paid)];
            views.execute(sql, &row).expect("a row");
        }
        let figure = |amount| Figure { count: 1, amount };
        let refunds = |amount| Figure { count: 0, amount };
        for (hours, sales, cancels, left) in [(0..24, 100, 30, 20), (24..48, 200, 40, 10)] {
            let takings = takings_of_store(&mut views, 7, hours).expect("an answer");
            let expected = Takings {
                sales: figure(sales),
                refunds: refunds(left),
                cancels: figure(cancels),
            };
            assert_eq!(takings, expected);
        }
    }
}
