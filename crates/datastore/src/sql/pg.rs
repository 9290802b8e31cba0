//! PostgreSQL and its relatives: sessions that are known to be durable, prepared once, and what their errors mean.

use std::cell::Cell;
use std::collections::HashMap;
use std::error::Error as _;
use std::time::Duration;

use postgres::error::SqlState;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::ToSql;
use postgres::{Client, Statement};

use crate::fault::{Fault, FaultKind};
use crate::sql::ascending::debug_assert_ascending;
use crate::sql::tls::{self, PgAddress};
use crate::sql::value::{Cells, Column, Param, Row, wrong_cell_fault};

/// Prepared statements kept per connection; reached only if statements were put together from data, which no code here does.
const STATEMENTS_KEPT: usize = 512;

pub(super) struct Pg {
    address: PgAddress,
    session: Option<Session>,
    read_only: bool,
    /// Set by a failed statement inside a transaction: PostgreSQL would answer COMMIT with a silent rollback.
    pub(super) failed: bool,
    in_transaction: bool,
}

struct Session {
    client: Client,
    prepared: HashMap<Box<str>, Statement>,
}

impl Pg {
    pub(super) fn open(address: &PgAddress, read_only: bool) -> Result<Self, Fault> {
        let mut address = address.clone();
        let config = &mut address.config;
        config.application_name("mamori");
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(3));
        }
        if config.get_tcp_user_timeout().is_none() {
            // A server that vanished without closing must not hold a payment for minutes.
            config.tcp_user_timeout(Duration::from_secs(10));
        }
        let mut pg = Self {
            address,
            session: None,
            read_only,
            failed: false,
            in_transaction: false,
        };
        pg.session()?;
        Ok(pg)
    }

    /// The live session, connected anew when the last one was lost.
    fn session(&mut self) -> Result<&mut Session, Fault> {
        if self.in_transaction {
            return self
                .session
                .as_mut()
                .ok_or_else(|| Fault::of(FaultKind::Unreachable, "the connection was lost"));
        }
        if self
            .session
            .as_ref()
            .is_none_or(|session| session.client.is_closed())
        {
            self.session = None;
            self.session = Some(self.connect()?);
        }
        self.session
            .as_mut()
            .ok_or_else(|| Fault::of(FaultKind::Unreachable, "no connection"))
    }

    fn connect(&self) -> Result<Session, Fault> {
        let mut client = self.address.connect().map_err(|error| match error.code() {
            None => {
                // A certificate that is not taken stays so until a person changes something.
                let kind = match tls::is_about_a_certificate(&error) {
                    true => FaultKind::Refused,
                    false => FaultKind::Unreachable,
                };
                Fault::of(kind, "connecting to PostgreSQL").with_detail(detail(&error))
            }
            Some(_) => fault("connecting to PostgreSQL", &error),
        })?;
        let setup = if self.read_only {
            "SET default_transaction_read_only = on"
        } else {
            // A process stopped inside a transaction must not keep its row locks from the next owner.
            "SET synchronous_commit = on; SET idle_in_transaction_session_timeout = 2500"
        };
        client
            .batch_execute(setup)
            .map_err(|error| fault("setting up a session", &error))?;
        if !self.read_only {
            assert_durable(&mut client)?;
        }
        Ok(Session {
            client,
            prepared: HashMap::new(),
        })
    }

    /// What an operator must know about the durability of this database; empty when nothing.
    pub(super) fn warnings(&mut self) -> Result<Vec<&'static str>, Fault> {
        let mut warnings: Vec<_> = self.address.warning.into_iter().collect();
        let session = self.session()?;
        if show(&mut session.client, "SHOW synchronous_standby_names")?
            .is_none_or(|names| names.is_empty())
        {
            warnings.push("PostgreSQL has no synchronous standby: losing its disk loses acknowledged payments");
        }
        if show(&mut session.client, "SHOW full_page_writes")?.is_some_and(|value| value == "off") {
            warnings.push("PostgreSQL runs with full_page_writes=off: a torn page after a power loss is not repaired");
        }
        Ok(warnings)
    }

    pub(super) fn batch(&mut self, sql: &str) -> Result<(), Fault> {
        let outcome = self.session()?.client.batch_execute(sql);
        outcome.map_err(|error| self.note(fault("running a migration", &error)))
    }

    pub(super) fn begin(&mut self, writes: bool) -> Result<(), Fault> {
        self.failed = false;
        let begin = if writes {
            "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE"
        } else {
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        };
        let outcome = self.session()?.client.batch_execute(begin);
        outcome.map_err(|error| fault("beginning a transaction", &error))?;
        self.in_transaction = true;
        Ok(())
    }

    pub(super) fn commit(&mut self) -> Result<(), Fault> {
        let outcome = self.session()?.client.batch_execute("COMMIT");
        self.in_transaction = false;
        outcome.map_err(|error| {
            let fault = durable_fault("committing a transaction", &error);
            if fault.is_unknown_outcome() {
                self.session = None;
            }
            fault
        })
    }

    pub(super) fn roll_back(&mut self) {
        self.in_transaction = false;
        let rolled_back = self
            .session
            .as_mut()
            .is_some_and(|session| session.client.batch_execute("ROLLBACK").is_ok());
        if !rolled_back {
            // A session in an unknown state is not reused; the server undoes what was open.
            self.session = None;
        }
    }

    pub(super) fn execute(&mut self, sql: &str, params: &[Param]) -> Result<u64, Fault> {
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as _).collect();
        self.execute_with(sql, &params)
    }

    pub(super) fn run_for_many(&mut self, sql: &str, columns: &[Column]) -> Result<u64, Fault> {
        let params: Vec<&(dyn ToSql + Sync)> = columns.iter().map(Column::as_array).collect();
        self.execute_with(sql, &params)
    }

    fn execute_with(&mut self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, Fault> {
        debug_assert_ascending(sql);
        let alone = !self.in_transaction;
        let statement = self.prepare(sql)?;
        let outcome = self.session()?.client.execute(&statement, params);
        outcome.map_err(|error| {
            let fault = if alone {
                durable_fault("a statement", &error)
            } else {
                fault("a statement", &error)
            };
            self.note(fault)
        })
    }

    pub(super) fn query<T>(
        &mut self,
        sql: &str,
        params: &[Param],
        mut map: impl FnMut(&Row) -> T,
    ) -> Result<Vec<T>, Fault> {
        debug_assert_ascending(sql);
        let only_reads =
            self.in_transaction || self.read_only || sql.trim_start().starts_with("SELECT");
        let statement = self.prepare(sql)?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as _).collect();
        let outcome = self.session()?.client.query(&statement, &params);
        let rows = outcome.map_err(|error| {
            let fault = if only_reads {
                fault("a query", &error)
            } else {
                durable_fault("a query", &error)
            };
            self.note(fault)
        })?;
        let wrong_cell = Cell::new(None);
        let answers = rows
            .iter()
            .map(|row| {
                map(&Row {
                    cells: Cells::Pg(row),
                    wrong_cell: &wrong_cell,
                })
            })
            .collect();
        wrong_cell_fault(&wrong_cell).map_err(|fault| self.note(fault))?;
        Ok(answers)
    }

    /// Gives each row to `see` without keeping any.
    pub(super) fn scan(
        &mut self,
        sql: &str,
        params: &[Param],
        see: &mut dyn FnMut(&Row) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        debug_assert_ascending(sql);
        let statement = self.prepare(sql)?;
        let wrong_cell = Cell::new(None);
        let mut rows = self
            .session()?
            .client
            .query_raw(&statement, params)
            .map_err(|error| fault("a scan", &error))?;
        let scanned = loop {
            match rows.next() {
                Ok(None) => break Ok(()),
                Ok(Some(row)) => {
                    let cells = Cells::Pg(&row);
                    let seen = see(&Row {
                        cells,
                        wrong_cell: &wrong_cell,
                    });
                    if let Err(fault) = seen.and_then(|()| wrong_cell_fault(&wrong_cell)) {
                        break Err(fault);
                    }
                }
                Err(error) => break Err(fault("a scan", &error)),
            }
        };
        drop(rows);
        scanned.map_err(|fault| self.note(fault))
    }

    pub(super) fn prepare(&mut self, sql: &str) -> Result<Statement, Fault> {
        let session = self.session()?;
        if let Some(statement) = session.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let outcome = session.client.prepare(sql);
        match outcome {
            Ok(statement) => {
                if session.prepared.len() >= STATEMENTS_KEPT {
                    session.prepared.clear();
                }
                session.prepared.insert(sql.into(), statement.clone());
                Ok(statement)
            }
            // Nothing was executed, so nothing can have become durable.
            Err(error) => Err(self.note(fault("preparing a statement", &error))),
        }
    }

    fn note(&mut self, fault: Fault) -> Fault {
        self.failed = true;
        if matches!(
            fault.kind(),
            FaultKind::UnknownOutcome | FaultKind::Unreachable
        ) {
            self.session = None;
        } else if fault.kind() == FaultKind::Conflict
            && let Some(session) = &mut self.session
        {
            // Among the conflicts is "prepared statement does not exist" behind a pooler: the next run prepares anew.
            session.prepared.clear();
        }
        fault
    }
}

/// Refuses a server that acknowledges before its disk does.
fn assert_durable(client: &mut Client) -> Result<(), Fault> {
    match show(client, "SHOW synchronous_commit")?.as_deref() {
        Some("on" | "remote_apply") => {}
        _ => {
            return Err(Fault::refused(
                "PostgreSQL does not keep synchronous_commit=on for this session",
            ));
        }
    }
    match show(client, "SHOW fsync")?.as_deref() {
        Some("off") => Err(Fault::refused(
            "PostgreSQL runs with fsync=off: it would lose acknowledged payments",
        )),
        // Relatives without the setting are durable by design.
        _ => Ok(()),
    }
}

/// A server setting, or None where the server does not know it.
fn show(client: &mut Client, statement: &str) -> Result<Option<String>, Fault> {
    match client.simple_query(statement) {
        Ok(messages) => Ok(messages.iter().find_map(|message| match message {
            postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        })),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_OBJECT) => Ok(None),
        Err(error) => Err(fault("reading a server setting", &error)),
    }
}

/// An error of COMMIT (or of a statement that is its own transaction): a lost connection leaves the outcome open.
fn durable_fault(context: &'static str, error: &postgres::Error) -> Fault {
    let fault = fault(context, error);
    match fault.kind() {
        FaultKind::Unreachable => {
            Fault::of(FaultKind::UnknownOutcome, context).with_detail(detail(error))
        }
        _ => fault,
    }
}

fn fault(context: &'static str, error: &postgres::Error) -> Fault {
    let kind = match error.code() {
        Some(code) => match code.code() {
            // Serialisation, deadlock, lock not available; a statement the server (or a pooler) no longer knows.
            "40001" | "40P01" | "55P03" | "26000" => FaultKind::Conflict,
            // A cached plan whose tables a migration changed.
            "0A000" => FaultKind::Conflict,
            // A row, or a table or its type that another program made at the same instant.
            "23505" | "42P07" | "42710" => FaultKind::Duplicate,
            "53100" => FaultKind::Full,
            // 40003 says it itself: statement completion unknown.
            "40003" => FaultKind::UnknownOutcome,
            // Read only: a former primary. Its successor is found by connecting again.
            "25006" => FaultKind::Unreachable,
            // Lost and closing connections, server shutting down or starting, too many connections.
            code if code.starts_with("08")
                || code.starts_with("57P")
                || code.starts_with("53")
                || code == "25P03" =>
            {
                FaultKind::Unreachable
            }
            code if code.starts_with("28") || code == "3D000" || code == "42501" => {
                FaultKind::Refused
            }
            _ => FaultKind::Broken,
        },
        // No state code: the protocol or the socket failed, or a parameter did not fit.
        None if error.is_closed() || is_io(error) => FaultKind::Unreachable,
        None => FaultKind::Broken,
    };
    Fault::of(kind, context).with_detail(detail(error))
}

fn is_io(error: &postgres::Error) -> bool {
    error
        .source()
        .is_some_and(|source| source.is::<std::io::Error>())
}

/// The state code and the names of database objects. Messages and details may quote values, so they are left out.
fn detail(error: &postgres::Error) -> String {
    match error.as_db_error() {
        None => match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
        Some(db) => {
            let object = db.constraint().or(db.column()).or(db.table()).unwrap_or("");
            format!("postgresql {} {object}", db.code().code())
                .trim_end()
                .to_owned()
        }
    }
}
