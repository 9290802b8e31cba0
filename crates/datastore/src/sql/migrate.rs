//! Migrations: versioned steps per family of tables, the same text for both databases.
//!
//! A step and its row in `schema_versions` are one transaction, and the row's primary key is the lock: of two programs
//! that start together one inserts it and runs the step, the other waits for that commit and finds it done.

use sha2::{Digest, Sha256};

use crate::fault::{Fault, FaultKind};
use crate::sql::db::{Db, Dialect};
use crate::sql::lite::Durability;
use crate::sql::value::Param;

/// Tables that change together: one SQLite file, one row of versions.
///
/// The owner of the tables declares it as a constant beside its statements.
pub struct Family {
    /// Name in `schema_versions`: `journal`, `control` or `views`.
    pub name: &'static str,
    /// File name inside the directory of an embedded store.
    pub file: &'static str,
    /// What a commit waits for.
    pub durability: Durability,
    /// Steps in order; step `n` (from 1) has version `n`. A released step never changes.
    pub migrations: &'static [Migration],
}

/// One step of a family, additive by rule: an older program must still be able to refuse politely.
pub struct Migration {
    /// What it brings, in a few words.
    pub name: &'static str,
    /// Statements ending in `;`. BIGINT, TEXT, BYTEA only. `WITHOUT ROWID` is written as `/*WITHOUT ROWID*/`.
    pub sql: &'static str,
}

/// Brings a family to this program's version.
pub(super) fn migrate(db: &mut Db, family: &Family) -> Result<(), Fault> {
    make_versions_table(db)?;
    check_version(db, family)?;
    for (version, migration) in (1_i64..).zip(family.migrations) {
        let checksum: [u8; 32] = Sha256::digest(migration.sql.as_bytes()).into();
        let lite = db.dialect() == Dialect::Lite;
        db.transaction(|tx| {
            let is_ours = tx.execute(
                "INSERT INTO schema_versions (family, version, name, checksum) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (family, version) DO NOTHING",
                &[Param::Text(family.name), Param::Int(version), Param::Text(migration.name), Param::Blob(&checksum)],
            )?;
            if is_ours == 0 {
                let stored = tx.query_first(
                    "SELECT checksum FROM schema_versions WHERE family = $1 AND version = $2",
                    &[Param::Text(family.name), Param::Int(version)],
                    |row| row.blob(0) == checksum,
                )?;
                return match stored {
                    Some(true) => Ok(()),
                    _ => Err(Fault::refused("a migration of the store differs from this program's")
                        .with_number("version", version)),
                };
            }
            if lite { tx.batch(&migration.sql.replace("/*WITHOUT ROWID*/", "WITHOUT ROWID")) } else { tx.batch(migration.sql) }
        })
        .map_err(|fault| fault.during(family.name))?;
    }
    Ok(())
}

/// Refuses a store of a newer program, and (for readers) one that is not migrated yet.
pub(super) fn check_version(db: &mut Db, family: &Family) -> Result<(), Fault> {
    let newest = db.query_first(
        "SELECT COALESCE(MAX(version), 0) FROM schema_versions WHERE family = $1",
        &[Param::Text(family.name)],
        |row| row.int(0),
    )?;
    let known = i64::try_from(family.migrations.len()).unwrap_or(i64::MAX);
    match newest {
        Some(newest) if newest > known => Err(Fault::of(
            FaultKind::NewerStore,
            "the store was written by a newer program; this one does not touch it",
        )
        .with_number("store_version", newest)
        .with_number("program_version", known)
        .during(family.name)),
        _ => Ok(()),
    }
}

fn make_versions_table(db: &mut Db) -> Result<(), Fault> {
    match try_make_versions_table(db) {
        // PostgreSQL: of programs that make the table at the same instant several pass IF NOT EXISTS, and all but one
        // fail on the table, its row type or its key. The second time it is there.
        Err(fault) if fault.is_duplicate() => try_make_versions_table(db),
        made => made,
    }
}

fn try_make_versions_table(db: &mut Db) -> Result<(), Fault> {
    db.transaction(|tx| {
        tx.batch(
            "CREATE TABLE IF NOT EXISTS schema_versions (
                family TEXT NOT NULL,
                version BIGINT NOT NULL,
                name TEXT NOT NULL,
                checksum BYTEA NOT NULL,
                PRIMARY KEY (family, version)
            );",
        )
    })
}
