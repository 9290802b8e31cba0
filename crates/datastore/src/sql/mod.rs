//! The two databases behind one small face: embedded SQLite, and PostgreSQL or whatever speaks its protocol.
//!
//! One text of SQL serves both. The rules for a statement:
//! * parameters are `$1, $2, ..` whose first uses ascend; types are BIGINT, TEXT and BYTEA (SQLite reads BYTEA as BLOB);
//! * `CAST(SUM(x) AS BIGINT)`, since PostgreSQL sums BIGINT into NUMERIC;
//! * `INSERT .. ON CONFLICT .. DO NOTHING/UPDATE`, `RETURNING`, CTEs, window functions and guarded updates are fine;
//!   sequences, savepoints, advisory locks, triggers, partial indexes and `SKIP LOCKED` are not (distributed engines);
//! * a statement is one whole literal beginning with its verb, so that the tests find it and prepare it on both.
//!
//! Which file holds what: `journal*.sqlite` and `control.sqlite` (synced at every commit), `views.sqlite` (re-creatable).
//! On PostgreSQL all tables live in one database.

mod ascending;
pub mod copy;
mod db;
mod lite;
mod location;
mod migrate;
mod pg;
mod tls;
mod value;

pub use ascending::parameters_ascend;
pub use db::{Db, Tx};
pub use lite::Durability;
pub use location::Location;
pub use location::UNFINISHED_RESTORE;
pub use migrate::{Family, Migration};
pub use tls::PgAddress;
pub use value::{Column, Param, Row};
