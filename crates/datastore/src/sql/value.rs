//! What goes into a statement and what comes out of a row: integers, texts, bytes, and nothing else.

use std::cell::Cell;
use std::error::Error;

use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::fault::Fault;

/// One parameter of a statement: BIGINT/INTEGER, TEXT, BYTEA/BLOB or NULL.
///
/// Amounts are whole yen, instants microseconds UTC, flags 0 or 1: all of them are `Int`.
#[derive(Clone, Copy)]
pub enum Param<'a> {
    /// A 64-bit signed integer.
    Int(i64),
    /// A UTF-8 text without NUL.
    Text(&'a str),
    Blob(&'a [u8]),
    Null,
}

impl From<i64> for Param<'_> {
    fn from(value: i64) -> Self {
        Param::Int(value)
    }
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(value: &'a str) -> Self {
        Param::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Param<'a> {
    fn from(value: &'a [u8]) -> Self {
        Param::Blob(value)
    }
}

impl<'a, T: Into<Param<'a>>> From<Option<T>> for Param<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Param::Null, Into::into)
    }
}

// A parameter may be a contact or a key hash: a derived Debug would print it into a log one day.
impl std::fmt::Debug for Param<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Param::Int(_) => "Int(..)",
            Param::Text(_) => "Text(..)",
            Param::Blob(_) => "Blob(..)",
            Param::Null => "Null",
        })
    }
}

impl rusqlite::ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Param::Int(value) => ValueRef::Integer(value),
            Param::Text(value) => ValueRef::Text(value.as_bytes()),
            Param::Blob(value) => ValueRef::Blob(value),
            Param::Null => ValueRef::Null,
        }))
    }
}

impl ToSql for Param<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match *self {
            Param::Null => Ok(IsNull::Yes),
            Param::Int(value) => match *ty {
                Type::INT8 => value.to_sql(ty, out),
                // PostgreSQL infers int4 beside a literal; the value must then fit.
                Type::INT4 => i32::try_from(value)?.to_sql(ty, out),
                Type::INT2 => i16::try_from(value)?.to_sql(ty, out),
                _ => Err("an integer was bound where the statement wants another type".into()),
            },
            Param::Text(value) if <&str as ToSql>::accepts(ty) => value.to_sql(ty, out),
            Param::Text(_) => Err("a text was bound where the statement wants another type".into()),
            Param::Blob(value) if <&[u8] as ToSql>::accepts(ty) => value.to_sql(ty, out),
            Param::Blob(_) => Err("bytes were bound where the statement wants another type".into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// One column of many rows, for [`Tx::insert_many`](crate::sql::Tx::insert_many): typed as a whole, no cell is boxed.
#[derive(Clone, Copy)]
pub enum Column<'a> {
    Int(&'a [i64]),
    IntOrNull(&'a [Option<i64>]),
    Text(&'a [&'a str]),
    TextOrNull(&'a [Option<&'a str>]),
    Blob(&'a [&'a [u8]]),
    BlobOrNull(&'a [Option<&'a [u8]>]),
}

impl<'a> Column<'a> {
    /// Rows in this column; the same in every column of a call.
    pub fn len(&self) -> usize {
        match self {
            Column::Int(cells) => cells.len(),
            Column::IntOrNull(cells) => cells.len(),
            Column::Text(cells) => cells.len(),
            Column::TextOrNull(cells) => cells.len(),
            Column::Blob(cells) => cells.len(),
            Column::BlobOrNull(cells) => cells.len(),
        }
    }

    /// True when there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn cell(&self, row: usize) -> Param<'a> {
        match self {
            Column::Int(cells) => Param::Int(cells[row]),
            Column::IntOrNull(cells) => cells[row].into(),
            Column::Text(cells) => Param::Text(cells[row]),
            Column::TextOrNull(cells) => cells[row].into(),
            Column::Blob(cells) => Param::Blob(cells[row]),
            Column::BlobOrNull(cells) => cells[row].into(),
        }
    }

    pub(super) fn array_type(&self) -> &'static str {
        match self {
            Column::Int(_) | Column::IntOrNull(_) => "bigint[]",
            Column::Text(_) | Column::TextOrNull(_) => "text[]",
            Column::Blob(_) | Column::BlobOrNull(_) => "bytea[]",
        }
    }

    pub(super) fn as_array(&self) -> &(dyn ToSql + Sync) {
        match self {
            Column::Int(cells) => cells,
            Column::IntOrNull(cells) => cells,
            Column::Text(cells) => cells,
            Column::TextOrNull(cells) => cells,
            Column::Blob(cells) => cells,
            Column::BlobOrNull(cells) => cells,
        }
    }
}

/// One row of an answer; columns are counted from 0.
///
/// A cell that is not what was asked for (a damaged or edited row, a NULL without the optional form) gives a neutral
/// value and turns the whole query into a fault, so a tampered table neither causes a panic nor passes for data.
pub struct Row<'a> {
    pub(super) cells: Cells<'a>,
    pub(super) wrong_cell: &'a Cell<Option<usize>>,
}

pub(super) enum Cells<'a> {
    Lite(&'a rusqlite::Row<'a>),
    Pg(&'a postgres::Row),
}

impl Row<'_> {
    /// An integer. PostgreSQL's `SUM` of BIGINT is NUMERIC: write `CAST(SUM(x) AS BIGINT)`.
    pub fn int(&self, column: usize) -> i64 {
        self.opt_int(column)
            .unwrap_or_else(|| self.wrong(column, 0))
    }

    /// A text, borrowed from the row.
    pub fn text(&self, column: usize) -> &str {
        self.opt_text(column)
            .unwrap_or_else(|| self.wrong(column, ""))
    }

    /// Bytes, borrowed from the row.
    pub fn blob(&self, column: usize) -> &[u8] {
        self.opt_blob(column)
            .unwrap_or_else(|| self.wrong(column, &[]))
    }

    /// Bytes of a length known beforehand, such as a hash.
    pub fn bytes<const N: usize>(&self, column: usize) -> [u8; N] {
        self.blob(column)
            .try_into()
            .unwrap_or_else(|_| self.wrong(column, [0; N]))
    }

    /// True for any integer but 0.
    pub fn flag(&self, column: usize) -> bool {
        self.int(column) != 0
    }

    /// An integer or NULL.
    pub fn opt_int(&self, column: usize) -> Option<i64> {
        match &self.cells {
            Cells::Lite(row) => match row.get_ref(column) {
                Ok(ValueRef::Integer(value)) => Some(value),
                Ok(ValueRef::Null) => None,
                _ => self.wrong(column, None),
            },
            Cells::Pg(row) => {
                let ty = row.columns().get(column).map(postgres::Column::type_);
                match ty {
                    Some(&Type::INT4) => row
                        .try_get::<_, Option<i32>>(column)
                        .map(|value| value.map(i64::from)),
                    Some(&Type::INT2) => row
                        .try_get::<_, Option<i16>>(column)
                        .map(|value| value.map(i64::from)),
                    // EXISTS(..) and comparisons are 0 or 1 in SQLite.
                    Some(&Type::BOOL) => row
                        .try_get::<_, Option<bool>>(column)
                        .map(|value| value.map(i64::from)),
                    _ => row.try_get::<_, Option<i64>>(column),
                }
                .unwrap_or_else(|_| self.wrong(column, None))
            }
        }
    }

    /// A text or NULL, borrowed from the row.
    pub fn opt_text(&self, column: usize) -> Option<&str> {
        match &self.cells {
            Cells::Lite(row) => match row.get_ref(column) {
                Ok(ValueRef::Text(value)) => std::str::from_utf8(value)
                    .ok()
                    .or_else(|| self.wrong(column, None)),
                Ok(ValueRef::Null) => None,
                _ => self.wrong(column, None),
            },
            Cells::Pg(row) => row
                .try_get(column)
                .unwrap_or_else(|_| self.wrong(column, None)),
        }
    }

    /// Bytes or NULL, borrowed from the row.
    pub fn opt_blob(&self, column: usize) -> Option<&[u8]> {
        match &self.cells {
            Cells::Lite(row) => match row.get_ref(column) {
                Ok(ValueRef::Blob(value)) => Some(value),
                Ok(ValueRef::Null) => None,
                _ => self.wrong(column, None),
            },
            Cells::Pg(row) => row
                .try_get(column)
                .unwrap_or_else(|_| self.wrong(column, None)),
        }
    }

    /// Marks the query as failed because a cell holds something its reader cannot accept (a status that this program does not know).
    pub fn reject(&self, column: usize) {
        self.wrong_cell.set(Some(column));
    }

    fn wrong<T>(&self, column: usize, neutral: T) -> T {
        self.reject(column);
        neutral
    }
}

pub(super) fn wrong_cell_fault(wrong_cell: &Cell<Option<usize>>) -> Result<(), Fault> {
    match wrong_cell.get() {
        None => Ok(()),
        Some(column) => Err(Fault::broken("a stored cell is not of the type it must be")
            .with_number("column", i64::try_from(column).unwrap_or(i64::MAX))),
    }
}
