//! Rows that prove themselves: each carries a code over its table, its names and all its cells, made with a key that is derived
//! from the master key.
//!
//! The book says which credentials and devices may act, but it does not know who is signed in or invited: those rows give a right
//! by being there. So a row of [`AUTHENTIC`] that this house did not write, or that was altered since, is no row: reading it is
//! a fault. They are written by [`insert`] and [`update`] and read by [`select`], and in no other way.
//!
//! What an attacker gains who may write to the store and does not have the master key: rows can be taken away, and an old row of
//! the same store can be put back in the place of the one that followed it. None can be invented and none altered.

use std::fmt::Write;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::Secret;
use mamori_datastore::sql::{Db, Param, Row, Tx};

/// Of what type the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellType {
    /// A 64-bit integer or NULL.
    Int,
    /// Bytes or NULL.
    Blob,
}

/// A table whose rows carry their proof in the column [`PROOF`].
pub struct AuthenticTable {
    /// Its name.
    pub name: &'static str,
    /// Every column but the proof; the first one is the primary key.
    pub columns: &'static [(&'static str, CellType)],
    /// What is said of a row that does not prove itself.
    refusal: &'static str,
}

/// The column of the proof.
pub const PROOF: &str = "proof";

pub(crate) const SESSIONS: AuthenticTable = AuthenticTable {
    name: "sessions",
    columns: &[
        ("session", CellType::Blob),
        ("token_hash", CellType::Blob),
        ("surface", CellType::Int),
        ("owner", CellType::Blob),
        ("wallet", CellType::Int),
        ("made_at", CellType::Int),
        ("seen_at", CellType::Int),
        ("ends_at", CellType::Int),
        ("method", CellType::Int),
        ("assurance", CellType::Int),
        ("browser", CellType::Blob),
        ("agent", CellType::Int),
        ("generation", CellType::Int),
        ("surface_generation", CellType::Int),
    ],
    refusal: "a row of sessions was not written by this house or was altered",
};

pub(crate) const OPERATOR_LINKS: AuthenticTable = AuthenticTable {
    name: "operator_links",
    columns: &[
        ("link_hash", CellType::Blob),
        ("operator", CellType::Blob),
        ("made_at", CellType::Int),
        ("used_at", CellType::Int),
    ],
    refusal: "a row of operator_links was not written by this house or was altered",
};

pub(crate) const PAIRING_CODES: AuthenticTable = AuthenticTable {
    name: "pairing_codes",
    columns: &[
        ("code_mac", CellType::Blob),
        ("till", CellType::Int),
        ("made_at", CellType::Int),
        ("used_at", CellType::Int),
        ("secret_mac", CellType::Blob),
        ("tries", CellType::Int),
    ],
    refusal: "a row of pairing_codes was not written by this house or was altered",
};

/// Every table whose rows give a right by being there.
pub const AUTHENTIC: [&AuthenticTable; 3] = [&SESSIONS, &OPERATOR_LINKS, &PAIRING_CODES];

/// A row that does not prove itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgery {
    /// The table.
    pub table: &'static str,
    /// Its primary key in hexadecimal digits; none of these is a secret.
    pub row: String,
}

impl std::fmt::Display for Forgery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "row {} of {} was not written by this house or was altered",
            self.row, self.table
        )
    }
}

#[derive(Clone, PartialEq, Eq)]
enum Cell {
    Null,
    Int(i64),
    Blob(Vec<u8>),
}

impl Cell {
    fn of(param: &Param) -> Cell {
        match *param {
            Param::Null => Cell::Null,
            Param::Int(value) => Cell::Int(value),
            Param::Blob(value) => Cell::Blob(value.to_vec()),
            Param::Text(_) => unreachable!("no authentic table has a column of text"),
        }
    }

    fn param(&self) -> Param<'_> {
        match self {
            Cell::Null => Param::Null,
            Cell::Int(value) => Param::Int(*value),
            Cell::Blob(value) => Param::Blob(value),
        }
    }

    /// The type stands before the value, so that no two cells are alike.
    fn written(&self) -> Vec<u8> {
        match self {
            Cell::Null => vec![0],
            Cell::Int(value) => [&[1], &value.to_be_bytes()[..]].concat(),
            Cell::Blob(value) => [&[2], &value[..]].concat(),
        }
    }
}

fn prove(key: &Secret, table: &AuthenticTable, cells: &[Cell]) -> [u8; 32] {
    let written: Vec<Vec<u8>> = cells.iter().map(Cell::written).collect();
    let mut parts: Vec<&[u8]> = vec![table.name.as_bytes()];
    for ((name, _), cell) in table.columns.iter().zip(&written) {
        parts.push(name.as_bytes());
        parts.push(cell);
    }
    key.mac(&parts)
}

/// Inserts one row; every column must be given.
pub(crate) fn insert(
    tx: &mut Tx,
    key: &Secret,
    table: &AuthenticTable,
    values: &[(&str, Param)],
) -> Result<(), Fault> {
    let given = |name: &str| values.iter().find(|(column, _)| *column == name);
    let cells: Vec<Cell> = (table.columns.iter())
        .map(|(name, _)| Cell::of(&given(name).expect("every column is given").1))
        .collect();
    let proof = prove(key, table, &cells);
    let mut params: Vec<Param> = cells.iter().map(Cell::param).collect();
    params.push(Param::Blob(&proof));
    let places: Vec<String> = (1..=params.len())
        .map(|place| format!("${place}"))
        .collect();
    let sql = format!(
        "INSERT INTO {} ({}, {PROOF}) VALUES ({})",
        table.name,
        names(table),
        places.join(", ")
    );
    tx.execute(&sql, &params).map(drop)
}

/// The rows that meet a condition, each one proven: columns come in the order of the table. `rest` is what follows the table's
/// name in the statement. One row that does not prove itself makes the whole answer a fault.
pub(crate) fn select<T>(
    tx: &mut Tx,
    key: &Secret,
    table: &AuthenticTable,
    rest: &str,
    params: &[Param],
    mut map: impl FnMut(&Row) -> T,
) -> Result<Vec<T>, Fault> {
    let mut is_forged = false;
    let rows = tx.query(&selection(table, rest), params, |row| {
        is_forged |= !is_proven(key, table, row);
        map(row)
    })?;
    if is_forged {
        return Err(Fault::broken(table.refusal));
    }
    Ok(rows)
}

/// Changes the rows that meet a condition, and proves them anew. A row that did not prove itself before is not changed: that
/// would make it true. Returns how many were changed.
pub(crate) fn update(
    tx: &mut Tx,
    key: &Secret,
    table: &AuthenticTable,
    rest: &str,
    params: &[Param],
    changes: &[(&str, Param)],
) -> Result<u64, Fault> {
    let rows = select(tx, key, table, rest, params, |row| cells_of(table, row))?;
    let mut changed = 0;
    for mut cells in rows {
        for (name, value) in changes {
            let place = table.columns.iter().position(|(column, _)| column == name);
            cells[place.expect("a column of the table")] = Cell::of(value);
        }
        let proof = prove(key, table, &cells);
        let mut sets = String::new();
        let mut values: Vec<Param> = Vec::with_capacity(changes.len() + 2);
        for (name, value) in changes {
            values.push(*value);
            let _ = write!(sets, "{name} = ${}, ", values.len());
        }
        let (of_proof, of_row) = (values.len() + 1, values.len() + 2);
        values.extend([Param::Blob(&proof), cells[0].param()]);
        let sql = format!(
            "UPDATE {} SET {sets}{PROOF} = ${of_proof} WHERE {} = ${of_row}",
            table.name, table.columns[0].0
        );
        changed += tx.execute(&sql, &values)?;
    }
    Ok(changed)
}

/// Every row that does not prove itself, at most `max` of a table.
pub(crate) fn forgeries(db: &mut Db, key: &Secret, max: usize) -> Result<Vec<Forgery>, Fault> {
    db.snapshot(|tx| {
        let mut found = Vec::new();
        for table in AUTHENTIC {
            let mut of_table = 0;
            tx.scan(&selection(table, ""), &[], |row| {
                if !is_proven(key, table, row) && of_table < max {
                    of_table += 1;
                    let name = row.blob(0).iter().fold(String::new(), |mut name, byte| {
                        let _ = write!(name, "{byte:02x}");
                        name
                    });
                    found.push(Forgery {
                        table: table.name,
                        row: name,
                    });
                }
                Ok(())
            })?;
        }
        Ok(found)
    })
}

fn names(table: &AuthenticTable) -> String {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

fn selection(table: &AuthenticTable, rest: &str) -> String {
    format!(
        "SELECT {}, {PROOF} FROM {} {rest}",
        names(table),
        table.name
    )
}

fn cells_of(table: &AuthenticTable, row: &Row) -> Vec<Cell> {
    let cell = |(place, (_, is)): (usize, &(&str, CellType))| match is {
        CellType::Int => row.opt_int(place).map_or(Cell::Null, Cell::Int),
        CellType::Blob => {
            (row.opt_blob(place)).map_or(Cell::Null, |value| Cell::Blob(value.to_vec()))
        }
    };
    table.columns.iter().enumerate().map(cell).collect()
}

fn is_proven(key: &Secret, table: &AuthenticTable, row: &Row) -> bool {
    let proof = row.opt_blob(table.columns.len());
    let right = prove(key, table, &cells_of(table, row));
    // The proof is compared with one that only the holder of the key can compute, so it must not be guessed byte by byte.
    proof.is_some_and(|proof| bool::from(subtle::ConstantTimeEq::ct_eq(proof, &right[..])))
}
