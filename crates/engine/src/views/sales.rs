//! The sales of all shops as a console lists them: of some days, of a merchant, of stores, of an amount, in a state.
//!
//! Movements have no index by time: their ids rise with it, so the ends of a stretch of time are found by halving. What an
//! index does not narrow is looked through newest first, so many rows in one reading; the next reading goes on behind them.

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param};

use crate::views::read::{self, entry, reversals};
use crate::views::{Entry, EntryKind};

/// Rows that one reading looks through.
const LOOKED_THROUGH_MAX: usize = 20_000;
/// Rows of one statement.
const CHUNK: usize = 1_000;

/// What became of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaleState {
    /// Nothing was given back.
    Paid,
    /// Something was given back.
    Refunded,
    /// It was undone as a whole.
    Cancelled,
}

/// Which sales are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// From this instant on, microseconds UTC.
    pub from: Option<i64>,
    /// Before this instant, microseconds UTC.
    pub to: Option<i64>,
    pub merchant: Option<u32>,
    /// In one of these stores; empty for anywhere.
    pub stores: Vec<u32>,
    /// Yen.
    pub amount: Option<u64>,
    pub state: Option<SaleState>,
}

impl Wanted {
    fn has(&self, entry: &Entry) -> bool {
        entry.kind.is_sale()
            && self
                .merchant
                .is_none_or(|merchant| entry.merchant == Some(merchant))
            && (self.stores.is_empty()
                || entry
                    .store
                    .is_some_and(|store| self.stores.contains(&store)))
            && self.amount.is_none_or(|amount| entry.amount == amount)
    }
}

/// A sale and what was given back of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    pub entry: Entry,
    /// Given back in part or whole by refunds, yen.
    pub refunded: u64,
    pub cancelled: bool,
}

impl Sale {
    /// The number under which it is found and refunded.
    pub fn payment(&self) -> u64 {
        self.entry.payment().unwrap_or(self.entry.id)
    }

    /// What became of it.
    pub const fn state(&self) -> SaleState {
        match (self.cancelled, self.refunded) {
            (true, _) => SaleState::Cancelled,
            (false, 0) => SaleState::Paid,
            (false, _) => SaleState::Refunded,
        }
    }
}

/// Sales, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub sales: Vec<Sale>,
    /// Where the list goes on: below this id. None when all was looked through.
    pub next: Option<u64>,
    /// The time of the last row that was looked at, microseconds UTC.
    pub reached: Option<i64>,
}

const AT_OR_AFTER: &str = "SELECT id, at FROM entries WHERE id >= $1 ORDER BY id LIMIT 1";
const NEWEST: &str = "SELECT id FROM entries ORDER BY id DESC LIMIT 1";
const ANYWHERE: &str = "SELECT id, seq, at, kind, wallet, merchant, store, till, amount, balance, previous, about, name, context
    FROM entries WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT $3";
const IN_STORE: &str = "SELECT id, seq, at, kind, wallet, merchant, store, till, amount, balance, previous, about, name, context
    FROM entries WHERE store = $1 AND id >= $2 AND id < $3 ORDER BY id DESC LIMIT $4";

/// The first id from which on no movement is older than an instant. Time never runs back, and ids rise with it.
fn first_since(db: &mut Db, at: i64) -> Result<i64, Fault> {
    let newest = db.query_first(NEWEST, &[], |row| row.int(0))?;
    let (mut low, mut high) = (0, newest.map_or(0, |id| id + 1));
    while low < high {
        let middle = low + (high - low) / 2;
        let row = db.query_first(AT_OR_AFTER, &[Param::Int(middle)], |row| {
            (row.int(0), row.int(1))
        })?;
        match row {
            Some((id, then)) if then < at => low = id + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// A page of sales, newest first: those below id `before`, where given.
pub fn list(
    db: &mut Db,
    wanted: &Wanted,
    before: Option<u64>,
    limit: usize,
) -> Result<Page, Fault> {
    let first = wanted.from.map_or(Ok(0), |at| first_since(db, at))?;
    let end = wanted.to.map_or(Ok(i64::MAX), |at| first_since(db, at))?;
    let mut below = before.map_or(end, |id| i64::try_from(id).unwrap_or(i64::MAX).min(end));
    let mut page = Page::default();
    let mut looked_at = 0;
    while looked_at < LOOKED_THROUGH_MAX {
        let bounds = [
            Param::Int(first),
            Param::Int(below),
            Param::Int(CHUNK as i64),
        ];
        let rows = match wanted.stores[..] {
            [store] => {
                let [one, two, three] = bounds;
                let of_store = [Param::Int(i64::from(store)), one, two, three];
                db.query(IN_STORE, &of_store, entry)?
            }
            _ => db.query(ANYWHERE, &bounds, entry)?,
        };
        let is_last = rows.len() < CHUNK;
        for row in rows {
            (below, page.reached) = (row.id as i64, Some(row.at));
            looked_at += 1;
            if wanted.has(&row) {
                let sale = with_reversals(db, row)?;
                if wanted.state.is_none_or(|state| sale.state() == state) {
                    page.sales.push(sale);
                }
            }
            if page.sales.len() == limit {
                page.next = Some(below as u64);
                return Ok(page);
            }
        }
        if is_last {
            return Ok(page);
        }
    }
    page.next = Some(below as u64);
    Ok(page)
}

/// One sale by the number of its payment. What was captured of a hold is a payment under the number of the hold.
pub fn by_id(db: &mut Db, id: u64) -> Result<Option<Sale>, Fault> {
    let found = match read::entry_by_id(db, id)? {
        Some(held) if held.kind == EntryKind::Hold => read::end_of_hold(db, id)?,
        found => found,
    };
    let found = found.filter(|entry| entry.kind.is_sale());
    found.map(|entry| with_reversals(db, entry)).transpose()
}

fn with_reversals(db: &mut Db, entry: Entry) -> Result<Sale, Fault> {
    let (mut refunded, mut cancelled) = (0, false);
    for reversal in reversals(db, entry.payment().unwrap_or(entry.id))? {
        match reversal.kind {
            EntryKind::Cancel => cancelled = true,
            _ => refunded += reversal.amount,
        }
    }
    Ok(Sale {
        entry,
        refunded,
        cancelled,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::VIEWS;
    use mamori_datastore::testing::Scratch;

    fn shop(rows: i64) -> (Scratch, Db) {
        let scratch = Scratch::new("sales");
        let mut views = scratch.location().open(&VIEWS).expect("the views open");
        let sold = views.transaction(|tx| {
            for number in 1..=rows {
                // An id in three is another thing's; two sales a second; store 7 sells every fifth.
                let (id, at) = (number * 3, number / 2 * 1_000_000);
                let store = if number % 5 == 0 { 7 } else { 8 };
                tx.execute(
                    "INSERT INTO entries (id, seq, at, kind, wallet, merchant, store, amount, balance, previous)
                     VALUES ($1, 1, $2, 0, 1, 1, $3, $4, 0, 0)",
                    &[
                        Param::Int(id),
                        Param::Int(at),
                        Param::Int(store),
                        Param::Int(100 + number % 10),
                    ],
                )?;
            }
            Ok(())
        });
        sold.expect("the views take them");
        (scratch, views)
    }

    fn ids(page: &Page) -> Vec<u64> {
        page.sales.iter().map(|sale| sale.entry.id).collect()
    }

    /// Operators search while shops sell: neither may walk through years of a chain's past.
    #[test]
    fn sales_are_found_by_an_index_and_not_searched_for() {
        let (_scratch, mut views) = shop(0);
        for sql in [AT_OR_AFTER, NEWEST, ANYWHERE, IN_STORE] {
            let parameters = [Param::Int(0), Param::Int(0), Param::Int(0), Param::Int(0)];
            let explain = format!("EXPLAIN QUERY PLAN {sql}");
            let plan = views
                .query(&explain, &parameters[..sql.matches('$').count()], |row| {
                    row.text(3).to_owned()
                })
                .expect("a plan")
                .join("; ");
            // The newest id is one step from the right end of the table.
            assert!(
                (plan.contains("SEARCH") || sql == NEWEST) && !plan.contains("TEMP B-TREE"),
                "{sql}: {plan}"
            );
            assert_eq!(
                sql == IN_STORE,
                plan.contains("entries_by_store"),
                "{sql}: {plan}"
            );
        }
    }

    #[test]
    fn a_stretch_of_time_holds_what_was_sold_in_it_and_nothing_else() {
        let (_scratch, mut views) = shop(100);
        let wanted = Wanted {
            from: Some(10_000_000),
            to: Some(12_000_000),
            ..Wanted::default()
        };
        let page = list(&mut views, &wanted, None, 100).expect("the views answer");
        assert_eq!(ids(&page), [69, 66, 63, 60]);
        assert_eq!(page.next, None);
        for (from, to) in [(i64::MIN, 0), (60_000_000, i64::MAX), (5, 5)] {
            let nothing = Wanted {
                from: Some(from),
                to: Some(to),
                ..Wanted::default()
            };
            let page = list(&mut views, &nothing, None, 100).expect("the views answer");
            assert_eq!(ids(&page), [0; 0], "{from} to {to}");
        }
    }

    #[test]
    fn pages_show_every_sale_once_and_what_is_rare_is_looked_for_bit_by_bit() {
        let (_scratch, mut views) = shop(LOOKED_THROUGH_MAX as i64 + 50);
        let rare = Wanted {
            amount: Some(105),
            stores: vec![7, 9],
            ..Wanted::default()
        };
        let (mut before, mut found, mut readings) = (None, Vec::new(), 0);
        loop {
            let page = list(&mut views, &rare, before, 5_000).expect("the views answer");
            found.extend(ids(&page));
            readings += 1;
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(readings, 2);
        assert_eq!(found.len(), (LOOKED_THROUGH_MAX + 50) / 10);
        assert!(found.is_sorted_by(|a, b| a > b));
        let one = Wanted {
            stores: vec![7],
            ..Wanted::default()
        };
        let first = list(&mut views, &one, None, 2).expect("the views answer");
        let second = list(&mut views, &one, first.next, 2).expect("the views answer");
        assert_eq!(ids(&first).len() + ids(&second).len(), 4);
        assert!(ids(&first)[1] > ids(&second)[0]);
    }
}
