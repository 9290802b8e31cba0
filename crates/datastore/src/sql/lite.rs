//! SQLite: how each file is opened, and what its errors mean.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, FileControl, OpenFlags, ffi};

use crate::fault::{Fault, FaultKind};
use crate::private;
use crate::sql::ascending::debug_assert_ascending;
use crate::sql::value::{Cells, Column, Param, Row, wrong_cell_fault};

/// Longest wait for another connection's lock before the closure is run again.
const BUSY_MILLIS: u64 = 2_000;
/// Prepared statements kept per connection; more than the program has.
const STATEMENTS_KEPT: usize = 512;

/// Pages copied between two reports of progress.
const PAGES_A_STEP: i32 = 1_024;

/// How a SQLite file is kept: what a commit waits for, and who writes the log back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The journal: every commit is synced, and another connection writes the log back in small steps.
    Journal,
    /// Control data: every commit is synced.
    Control,
    /// Views and checkpoint: a crash may lose the newest commits, which the journal gives back.
    Views,
    /// A reading connection on any of them.
    ReadOnly,
}

/// Kibibytes that a reading connection keeps of its file, as SQLite wants them said.
const READING_CACHE: i32 = -16_384;
/// The same while it walks through a table once and meets no page again.
const SCANNING_CACHE: i32 = -1_024;

pub(super) struct Lite {
    connection: Connection,
    /// Set by a failed statement inside a transaction: PostgreSQL refuses to commit one, so SQLite does here too.
    pub(super) failed: bool,
    reads_only: bool,
}

impl Lite {
    pub(super) fn open(path: &Path, durability: Durability, page_size: u32) -> Result<Self, Fault> {
        let flags = match durability {
            Durability::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
            _ => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        } | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        if durability != Durability::ReadOnly {
            // SQLite would make it readable for everybody whom the process lets.
            private::file(path).map_err(|_| {
                Fault::refused("a file of the store cannot be made or closed to others")
            })?;
        }
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|error| fault("opening a store file", &error))?;
        let setup = || -> rusqlite::Result<()> {
            connection.busy_timeout(Duration::from_millis(BUSY_MILLIS))?;
            connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
            // A quoted word is a name, never silently a text: a typing error in a statement must not become data.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
            // A file from elsewhere may carry triggers or views that call functions: run none of them.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
            connection.pragma_update(None, "trusted_schema", false)?;
            connection.pragma_update(None, "temp_store", "MEMORY")?;
            if durability == Durability::ReadOnly {
                connection.pragma_update(None, "cache_size", READING_CACHE)?;
                return connection.pragma_update(None, "query_only", true);
            }
            connection.pragma_update(None, "page_size", page_size)?;
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
            let (synchronous, log_pages, cache) = match durability {
                Durability::Journal => ("FULL", 0, -8_192),
                Durability::Control => ("FULL", 1_000, -16_384),
                Durability::Views | Durability::ReadOnly => ("FULL", 500, -65_536),
            };
            connection.pragma_update(None, "synchronous", synchronous)?;
            connection.pragma_update(None, "wal_autocheckpoint", log_pages)?;
            connection.pragma_update(None, "cache_size", cache)?;
            // What control deletes must not be read from the file's free pages: erasing a person means it.
            let wipes = durability == Durability::Control;
            connection.pragma_update_and_check(None, "secure_delete", wipes, |_| Ok(()))?;
            if durability == Durability::Journal {
                // The log keeps its size over a restart: writing inside an existing file needs one sync, growing it two.
                connection.file_control(None::<&str>, FileControl::PersistWal(&mut 1))?;
            }
            Ok(())
        };
        setup().map_err(|error| fault("setting up a store file", &error))?;
        Ok(Self {
            connection,
            failed: false,
            reads_only: durability == Durability::ReadOnly,
        })
    }

    pub(super) fn batch(&mut self, sql: &str) -> Result<(), Fault> {
        self.connection
            .execute_batch(&in_lite_words(sql))
            .map_err(|error| self.note(fault("running a migration", &error)))
    }

    pub(super) fn begin(&mut self, writes: bool) -> Result<(), Fault> {
        self.failed = false;
        let begin = if writes { "BEGIN IMMEDIATE" } else { "BEGIN" };
        self.connection
            .execute_batch(begin)
            .map_err(|error| fault("beginning a transaction", &error))
    }

    pub(super) fn commit(&mut self) -> Result<(), Fault> {
        self.connection
            .execute_batch("COMMIT")
            .map_err(|error| durable_fault("committing a transaction", &error))
    }

    pub(super) fn roll_back(&mut self) {
        // Some errors have rolled back already; a second ROLLBACK would only say so.
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    pub(super) fn execute(&mut self, sql: &str, params: &[Param]) -> Result<u64, Fault> {
        debug_assert_ascending(sql);
        let alone = self.connection.is_autocommit();
        let run = || -> rusqlite::Result<usize> {
            let mut statement = self.connection.prepare_cached(&in_lite_words(sql))?;
            statement.execute(rusqlite::params_from_iter(params))
        };
        match run() {
            Ok(rows) => Ok(rows as u64),
            Err(error) if alone => Err(durable_fault("a statement", &error)),
            Err(error) => Err(self.note(fault("a statement", &error))),
        }
    }

    pub(super) fn query<T>(
        &mut self,
        sql: &str,
        params: &[Param],
        mut map: impl FnMut(&Row) -> T,
    ) -> Result<Vec<T>, Fault> {
        debug_assert_ascending(sql);
        let alone = self.connection.is_autocommit();
        let wrong_cell = Cell::new(None);
        let mut writes = false;
        let mut run = || -> rusqlite::Result<Vec<T>> {
            let mut statement = self.connection.prepare_cached(&in_lite_words(sql))?;
            writes = !statement.readonly();
            let mut rows = statement.query(rusqlite::params_from_iter(params))?;
            let mut answers = Vec::new();
            while let Some(row) = rows.next()? {
                answers.push(map(&Row {
                    cells: Cells::Lite(row),
                    wrong_cell: &wrong_cell,
                }));
            }
            Ok(answers)
        };
        let answers = run();
        let answers = answers.map_err(|error| match alone && writes {
            true => durable_fault("a query", &error),
            false => fault("a query", &error),
        });
        let answers = answers.and_then(|answers| wrong_cell_fault(&wrong_cell).map(|()| answers));
        answers.map_err(|fault| self.note(fault))
    }

    /// Gives each row to `see` without keeping any.
    pub(super) fn scan(
        &mut self,
        sql: &str,
        params: &[Param],
        see: &mut dyn FnMut(&Row) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        debug_assert_ascending(sql);
        self.keep_at_most(SCANNING_CACHE)?;
        let scanned = self.scan_rows(sql, params, see);
        let restored = self.keep_at_most(READING_CACHE);
        scanned.map_err(|fault| self.note(fault)).and(restored)
    }

    fn keep_at_most(&self, cache: i32) -> Result<(), Fault> {
        if !self.reads_only {
            return Ok(());
        }
        self.connection
            .pragma_update(None, "cache_size", cache)
            .map_err(|error| fault("sizing a cache", &error))
    }

    fn scan_rows(
        &self,
        sql: &str,
        params: &[Param],
        see: &mut dyn FnMut(&Row) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let wrong_cell = Cell::new(None);
        {
            let mut statement = self
                .connection
                .prepare_cached(&in_lite_words(sql))
                .map_err(|error| fault("a scan", &error))?;
            let mut rows = statement
                .query(rusqlite::params_from_iter(params))
                .map_err(|error| fault("a scan", &error))?;
            loop {
                match rows.next().map_err(|error| fault("a scan", &error))? {
                    None => break Ok(()),
                    Some(row) => {
                        let cells = Cells::Lite(row);
                        let seen = see(&Row {
                            cells,
                            wrong_cell: &wrong_cell,
                        });
                        if let Err(fault) = seen.and_then(|()| wrong_cell_fault(&wrong_cell)) {
                            break Err(fault);
                        }
                    }
                }
            }
        }
    }

    /// Copies the whole file as it is at one moment, while others go on writing; `step` hears pages done and pages in all.
    ///
    /// The read transaction held open here keeps the picture still, so the copy never starts over however busy the
    /// writer is; the log beside the file grows meanwhile.
    pub(super) fn copy_to(
        &self,
        target: &Path,
        step: &mut dyn FnMut(u64, u64),
    ) -> Result<(), Fault> {
        private::file(target).map_err(|_| Fault::refused("a file of the backup cannot be made"))?;
        let mut copy = || -> rusqlite::Result<()> {
            let mut target = Connection::open(target)?;
            target.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
            target.pragma_update(None, "synchronous", "OFF")?;
            self.connection.execute_batch("BEGIN")?;
            self.connection
                .query_row("SELECT COUNT(*) FROM sqlite_schema", [], |_| Ok(()))?;
            {
                let backup = Backup::new(&self.connection, &mut target)?;
                loop {
                    let result = backup.step(PAGES_A_STEP)?;
                    let progress = backup.progress();
                    let total = u64::try_from(progress.pagecount).unwrap_or(0);
                    let left = u64::try_from(progress.remaining).unwrap_or(0);
                    step(total.saturating_sub(left), total);
                    match result {
                        StepResult::Done => break,
                        StepResult::More => {}
                        _ => std::thread::sleep(Duration::from_millis(5)),
                    }
                }
            }
            target.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
        };
        let copied = copy().map_err(|error| fault("copying a store file", &error));
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("COMMIT");
        }
        copied
    }

    pub(super) fn run_for_many(
        &mut self,
        sql: &str,
        columns: &[Column],
        rows: usize,
    ) -> Result<u64, Fault> {
        let run = || -> rusqlite::Result<u64> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut changed = 0;
            for row in 0..rows {
                for (index, column) in columns.iter().enumerate() {
                    statement.raw_bind_parameter(index + 1, column.cell(row))?;
                }
                changed += statement.raw_execute()? as u64;
            }
            Ok(changed)
        };
        run().map_err(|error| self.note(fault("a statement for many rows", &error)))
    }

    /// Writes pages of the log back into the file; returns the pages in the log.
    pub(super) fn checkpoint(&self, mode: &'static str) -> Result<u64, Fault> {
        let pages =
            self.connection
                .query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
                    row.get::<_, i64>(1)
                });
        let pages = pages.map_err(|error| fault("writing the log back", &error))?;
        Ok(u64::try_from(pages).unwrap_or(0))
    }

    pub(super) fn make_plain(&self) -> Result<(), Fault> {
        let make = || -> rusqlite::Result<()> {
            self.connection
                .file_control(None::<&str>, FileControl::PersistWal(&mut 0))?;
            self.connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            self.connection
                .pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
        };
        make().map_err(|error| fault("making a store file plain", &error))
    }

    pub(super) fn prepare(&mut self, sql: &str) -> Result<(), Fault> {
        let prepared = self
            .connection
            .prepare_cached(&in_lite_words(sql))
            .map(|_| ());
        prepared.map_err(|error| fault("preparing a statement", &error))
    }

    fn note(&mut self, fault: Fault) -> Fault {
        self.failed = true;
        fault
    }
}

/// The whole difference in words between the two databases: PostgreSQL calls bytes BYTEA.
pub(super) fn in_lite_words(sql: &str) -> std::borrow::Cow<'_, str> {
    if sql.contains("BYTEA") {
        sql.replace("BYTEA", "BLOB").into()
    } else {
        sql.into()
    }
}

/// An error of a commit (or of a statement that is its own transaction): an I/O error leaves the outcome open.
fn durable_fault(context: &'static str, error: &rusqlite::Error) -> Fault {
    let fault = fault(context, error);
    match error.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure) => {
            Fault::of(FaultKind::UnknownOutcome, context).with_detail(detail(error))
        }
        _ => fault,
    }
}

pub(super) fn fault(context: &'static str, error: &rusqlite::Error) -> Fault {
    let kind = match error {
        rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => FaultKind::Conflict,
            ErrorCode::DiskFull => FaultKind::Full,
            // The index beside a log could not grow: SQLite calls a full disk by this name there.
            _ if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE => FaultKind::Full,
            ErrorCode::ConstraintViolation
                if matches!(
                    failure.extended_code,
                    ffi::SQLITE_CONSTRAINT_UNIQUE
                        | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                        | ffi::SQLITE_CONSTRAINT_ROWID
                ) =>
            {
                FaultKind::Duplicate
            }
            ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly => {
                FaultKind::Refused
            }
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => FaultKind::Damaged,
            _ => FaultKind::Broken,
        },
        _ => FaultKind::Broken,
    };
    Fault::of(kind, context).with_detail(detail(error))
}

/// SQLite's messages name tables and columns, never values; other errors of the binding may quote a value and are named only.
fn detail(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(failure, message) => {
            format!(
                "sqlite {}: {}",
                failure.extended_code,
                message.as_deref().unwrap_or("no message")
            )
        }
        rusqlite::Error::SqlInputError { msg, offset, .. } => {
            format!("sqlite: {msg} at byte {offset} of the statement")
        }
        rusqlite::Error::InvalidParameterCount(given, wanted) => {
            format!("{given} parameters given, {wanted} wanted")
        }
        _ => "sqlite binding".to_owned(),
    }
}
