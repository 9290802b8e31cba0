//! A connection and a transaction, the same on both databases.

use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::fault::{Fault, FaultKind};
use crate::sql::lite::{Durability, Lite};
use crate::sql::pg::Pg;
use crate::sql::tls::PgAddress;
use crate::sql::value::{Column, Param, Row};

/// Runs of a closure before a conflict is handed to the caller.
const RUNS_MAX: u32 = 16;
/// Longest pause between two runs, in milliseconds.
const PAUSE_MILLIS_MAX: u64 = 64;

/// One connection to one database; not shared between threads, but it may move.
pub struct Db {
    engine: Engine,
    /// The tables can be made anew: damage is told by another name.
    of_views: bool,
}

enum Engine {
    Lite(Lite),
    Pg(Box<Pg>),
}

/// Which of the two databases a connection speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Lite,
    Pg,
}

impl Db {
    /// Opens one SQLite file, created if missing; `page_size` counts only at creation.
    pub fn open_lite(path: &Path, durability: Durability, page_size: u32) -> Result<Self, Fault> {
        Ok(Self {
            engine: Engine::Lite(Lite::open(path, durability, page_size)?),
            of_views: false,
        })
    }

    /// Opens one SQLite file for reading, whatever tables it holds.
    pub fn open_lite_to_read(path: &Path) -> Result<Self, Fault> {
        Self::open_lite(path, Durability::ReadOnly, 0)
    }

    /// From now on it is known that these tables can be made anew.
    pub(crate) fn can_be_made_anew(mut self) -> Self {
        self.of_views = true;
        self
    }

    pub(crate) fn open_pg(address: &PgAddress, read_only: bool) -> Result<Self, Fault> {
        Ok(Self {
            engine: Engine::Pg(Box::new(Pg::open(address, read_only)?)),
            of_views: false,
        })
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.engine {
            Engine::Lite(_) => Dialect::Lite,
            Engine::Pg(_) => Dialect::Pg,
        }
    }

    /// Writes pages of a SQLite log back into its file and returns the pages in the log.
    pub fn lite_checkpoint(&self, mode: &'static str) -> Result<u64, Fault> {
        match &self.engine {
            Engine::Lite(lite) => lite.checkpoint(mode),
            Engine::Pg(_) => Ok(0),
        }
    }

    /// Makes a SQLite file one plain file without a log beside it; fails while another connection has it open.
    pub fn lite_make_plain(&self) -> Result<(), Fault> {
        match &self.engine {
            Engine::Lite(lite) => lite.make_plain(),
            Engine::Pg(_) => Ok(()),
        }
    }

    /// Copies a SQLite file as it is at one moment, while others go on writing.
    pub fn lite_copy_to(&self, target: &Path, step: &mut dyn FnMut(u64, u64)) -> Result<(), Fault> {
        match &self.engine {
            Engine::Lite(lite) => lite.copy_to(target, step),
            Engine::Pg(_) => Err(Fault::broken("only a file can be copied as a file")),
        }
    }

    /// What an operator must be told loudly about the durability of this database; empty when nothing.
    pub fn warnings(&mut self) -> Result<Vec<&'static str>, Fault> {
        match &mut self.engine {
            Engine::Lite(_) => Ok(Vec::new()),
            Engine::Pg(pg) => pg.warnings(),
        }
    }

    /// Runs one writing statement as its own transaction and returns the count of affected rows.
    ///
    /// A conflict is run again a few times. A connection lost meanwhile is an unknown outcome.
    pub fn execute(&mut self, sql: &str, params: &[Param]) -> Result<u64, Fault> {
        self.again_on_conflict(|db| match &mut db.engine {
            Engine::Lite(lite) => lite.execute(sql, params),
            Engine::Pg(pg) => pg.execute(sql, params),
        })
    }

    /// Runs one query and maps its rows; the whole answer is in memory, so ask with a LIMIT.
    pub fn query<T>(
        &mut self,
        sql: &str,
        params: &[Param],
        mut map: impl FnMut(&Row) -> T,
    ) -> Result<Vec<T>, Fault> {
        self.again_on_conflict(|db| match &mut db.engine {
            Engine::Lite(lite) => lite.query(sql, params, &mut map),
            Engine::Pg(pg) => pg.query(sql, params, &mut map),
        })
    }

    /// The first row of a query, or None.
    pub fn query_first<T>(
        &mut self,
        sql: &str,
        params: &[Param],
        map: impl FnMut(&Row) -> T,
    ) -> Result<Option<T>, Fault> {
        Ok(self.query(sql, params, map)?.into_iter().next())
    }

    /// Runs a closure as one serialisable transaction: all of it is durable, or none.
    ///
    /// The closure runs again as a whole after a conflict, so it must be a pure function of inputs fixed beforehand.
    /// An error from the closure, or any failed statement inside it, undoes everything. An unknown outcome (connection
    /// lost during COMMIT) is never run again here.
    pub fn transaction<T>(
        &mut self,
        mut body: impl FnMut(&mut Tx) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.again_on_conflict(|db| db.run(true, &mut body))
    }

    /// Runs a closure on one unchanging picture of the database; nothing can be written.
    pub fn snapshot<T>(
        &mut self,
        mut body: impl FnMut(&mut Tx) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.again_on_conflict(|db| db.run(false, &mut body))
    }

    /// Prepares a statement without running it; for the test that prepares every statement on both databases.
    pub fn prepare(&mut self, sql: &str) -> Result<(), Fault> {
        match &mut self.engine {
            Engine::Lite(lite) => lite.prepare(sql),
            Engine::Pg(pg) => pg.prepare(sql).map(|_| ()),
        }
    }

    fn run<T>(
        &mut self,
        writes: bool,
        body: &mut impl FnMut(&mut Tx) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        match &mut self.engine {
            Engine::Lite(lite) => lite.begin(writes)?,
            Engine::Pg(pg) => pg.begin(writes)?,
        }
        // The guard undoes the transaction also when the closure panics, so the connection stays usable.
        let mut tx = Tx {
            db: self,
            open: true,
        };
        let answer = body(&mut tx)?;
        if tx.failed() {
            return Err(Fault::broken(
                "a transaction went on after one of its statements had failed",
            ));
        }
        tx.open = false;
        match &mut tx.db.engine {
            Engine::Lite(lite) => lite.commit().inspect_err(|_| lite.roll_back()),
            Engine::Pg(pg) => pg.commit(),
        }?;
        Ok(answer)
    }

    /// Pauses grow from 1 ms and carry no jitter: each file has one writer and each lease one owner, so crowds do not form.
    fn again_on_conflict<T>(
        &mut self,
        mut run: impl FnMut(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut runs = 1;
        let mut reconnected = false;
        loop {
            match run(self) {
                // An idle session that its server has closed shows only when it is used; nothing was done on it.
                Err(fault) if fault.kind() == FaultKind::Unreachable && !reconnected => {
                    reconnected = true
                }
                Err(fault) if fault.kind() == FaultKind::Conflict && runs < RUNS_MAX => {
                    thread::sleep(Duration::from_millis(
                        (1 << (runs - 1)).min(PAUSE_MILLIS_MAX),
                    ));
                    runs += 1;
                }
                Err(fault) if self.of_views => return Err(fault.of_views()),
                outcome => return outcome,
            }
        }
    }
}

/// An open transaction; it ends with the closure it was given to.
pub struct Tx<'a> {
    db: &'a mut Db,
    open: bool,
}

impl Tx<'_> {
    /// Runs one statement and returns the count of affected rows.
    pub fn execute(&mut self, sql: &str, params: &[Param]) -> Result<u64, Fault> {
        match &mut self.db.engine {
            Engine::Lite(lite) => lite.execute(sql, params),
            Engine::Pg(pg) => pg.execute(sql, params),
        }
    }

    /// Runs one query and maps its rows.
    pub fn query<T>(
        &mut self,
        sql: &str,
        params: &[Param],
        map: impl FnMut(&Row) -> T,
    ) -> Result<Vec<T>, Fault> {
        match &mut self.db.engine {
            Engine::Lite(lite) => lite.query(sql, params, map),
            Engine::Pg(pg) => pg.query(sql, params, map),
        }
    }

    /// The first row of a query, or None.
    pub fn query_first<T>(
        &mut self,
        sql: &str,
        params: &[Param],
        map: impl FnMut(&Row) -> T,
    ) -> Result<Option<T>, Fault> {
        Ok(self.query(sql, params, map)?.into_iter().next())
    }

    /// Gives each row of an answer to `see` without keeping any, for tables of any size.
    pub fn scan(
        &mut self,
        sql: &str,
        params: &[Param],
        mut see: impl FnMut(&Row) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        match &mut self.db.engine {
            Engine::Lite(lite) => lite.scan(sql, params, &mut see),
            Engine::Pg(pg) => pg.scan(sql, params, &mut see),
        }
    }

    /// Inserts many rows given by columns and returns the count of inserted rows.
    ///
    /// PostgreSQL gets one statement with an array per column, SQLite one cached statement run per row. All columns
    /// must have the same length; no rows are no work.
    pub fn insert_many(
        &mut self,
        table: &str,
        names: &[&str],
        columns: &[Column],
    ) -> Result<u64, Fault> {
        self.insert_many_or(table, names, columns, "")
    }

    /// Like [`insert_many`](Self::insert_many) with a clause `ON CONFLICT (key) DO NOTHING` or
    /// `ON CONFLICT (key) DO UPDATE SET name = excluded.name` (also `table.sum + excluded.sum`) at the end.
    ///
    /// With DO UPDATE a key may appear once in the rows of a call: PostgreSQL refuses to touch a row twice.
    pub fn insert_many_or(
        &mut self,
        table: &str,
        names: &[&str],
        columns: &[Column],
        on_conflict: &str,
    ) -> Result<u64, Fault> {
        let sql = insert_statement(self.db.dialect(), table, names, columns, on_conflict);
        self.run_for_many(&sql, names, columns)
    }

    /// Runs one writing statement for many rows given by columns; `{given}` in it stands for a table `given` of those rows.
    ///
    /// PostgreSQL runs it once over all of them, SQLite once for each row.
    pub fn for_many(
        &mut self,
        sql: &str,
        names: &[&str],
        columns: &[Column],
    ) -> Result<u64, Fault> {
        let given = given_table(self.db.dialect(), names, columns);
        self.run_for_many(&sql.replace("{given}", &given), names, columns)
    }

    fn run_for_many(
        &mut self,
        sql: &str,
        names: &[&str],
        columns: &[Column],
    ) -> Result<u64, Fault> {
        let rows = columns.first().map_or(0, Column::len);
        assert_eq!(names.len(), columns.len(), "one name per column");
        assert!(
            columns.iter().all(|column| column.len() == rows),
            "columns of one length"
        );
        if rows == 0 {
            return Ok(0);
        }
        match &mut self.db.engine {
            Engine::Lite(lite) => lite.run_for_many(sql, columns, rows),
            Engine::Pg(pg) => pg.run_for_many(sql, columns),
        }
    }

    /// Runs statements without parameters, for migrations.
    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), Fault> {
        match &mut self.db.engine {
            Engine::Lite(lite) => lite.batch(sql),
            Engine::Pg(pg) => pg.batch(sql),
        }
    }

    fn failed(&self) -> bool {
        match &self.db.engine {
            Engine::Lite(lite) => lite.failed,
            Engine::Pg(pg) => pg.failed,
        }
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        if self.open {
            match &mut self.db.engine {
                Engine::Lite(lite) => lite.roll_back(),
                Engine::Pg(pg) => pg.roll_back(),
            }
        }
    }
}

fn given_table(dialect: Dialect, names: &[&str], columns: &[Column]) -> String {
    let list =
        |item: &dyn Fn(usize) -> String| (0..names.len()).map(item).collect::<Vec<_>>().join(", ");
    match dialect {
        Dialect::Lite => {
            let places = list(&|index| format!("${} AS {}", index + 1, names[index]));
            format!("(SELECT {places}) AS given")
        }
        Dialect::Pg => {
            let arrays = list(&|index| format!("${}::{}", index + 1, columns[index].array_type()));
            let names = list(&|index| names[index].to_owned());
            format!("UNNEST({arrays}) AS given ({names})")
        }
    }
}

fn insert_statement(
    dialect: Dialect,
    table: &str,
    names: &[&str],
    columns: &[Column],
    on_conflict: &str,
) -> String {
    let list =
        |item: &dyn Fn(usize) -> String| (0..names.len()).map(item).collect::<Vec<_>>().join(", ");
    let names = list(&|index| names[index].to_owned());
    match dialect {
        Dialect::Lite => {
            let places = list(&|index| format!("${}", index + 1));
            format!("INSERT INTO {table} ({names}) VALUES ({places}) {on_conflict}")
        }
        Dialect::Pg => {
            let arrays = list(&|index| format!("${}::{}", index + 1, columns[index].array_type()));
            format!("INSERT INTO {table} ({names}) SELECT * FROM UNNEST({arrays}) {on_conflict}")
        }
    }
}
