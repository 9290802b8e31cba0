//! Values that a column keeps as a number. The numbers are part of the store's format and never change.

use mamori_datastore::sql::{Param, Row};

/// One of a few values, each with a number of its own.
pub(crate) trait Numbered: Copy + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// Its number in a column.
    fn as_number(self) -> i64;

    /// The same, for a statement.
    fn param(self) -> Param<'static> {
        Param::Int(self.as_number())
    }
}

/// The value in a column; any other number in its place is a damaged row.
pub(crate) fn numbered_cell<T: Numbered>(row: &Row, column: usize) -> T {
    let number = row.int(column);
    let found = T::ALL.iter().find(|value| value.as_number() == number);
    *found.unwrap_or_else(|| {
        row.reject(column);
        &T::ALL[0]
    })
}
