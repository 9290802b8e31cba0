//! Copies whole tables from one database to the other, whichever kind each is: what a backup of PostgreSQL is made of.
//!
//! The only statements here that are put together from names are those over every table there is; the names come from a
//! SQLite file that our own migrations made.

use crate::fault::Fault;
use crate::sql::db::{Db, Tx};
use crate::sql::value::{Column, Param, Row};

/// Rows and bytes gathered before they are inserted together.
const CHUNK_ROWS: usize = 1_000;
const CHUNK_BYTES: usize = 4 << 20;

/// A table by its columns.
pub struct Table {
    pub name: String,
    columns: Vec<(String, Kind)>,
    /// Columns of the primary key: rows are copied in its order, which is an index's.
    key: Vec<String>,
}

#[derive(Clone, Copy)]
enum Kind {
    Int,
    Text,
    Blob,
}

/// The tables of a SQLite file that our migrations made.
pub fn tables_of(lite: &mut Db) -> Result<Vec<Table>, Fault> {
    let names = lite.query(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
        &[],
        |row| row.text(0).to_owned(),
    )?;
    let mut tables = Vec::with_capacity(names.len());
    for name in names {
        let mut key = Vec::new();
        let columns = lite.query(
            "SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid",
            &[Param::Text(&name)],
            |row| {
                if row.flag(2) {
                    key.push((row.int(2), row.text(0).to_owned()));
                }
                let kind = match row.text(1) {
                    "TEXT" => Kind::Text,
                    "BLOB" => Kind::Blob,
                    _ => Kind::Int,
                };
                (row.text(0).to_owned(), kind)
            },
        )?;
        key.sort();
        let key = key.into_iter().map(|(_, name)| name).collect();
        tables.push(Table { name, columns, key });
    }
    Ok(tables)
}

/// Copies a table into the same table elsewhere, emptied first or added to; `copied` hears the bytes as they go.
pub fn copy_table(
    from: &mut Tx,
    to: &mut Tx,
    table: &Table,
    emptied: bool,
    copied: &mut dyn FnMut(u64),
) -> Result<(), Fault> {
    let Table { name, columns, key } = table;
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let list = names.join(", ");
    let order = if key.is_empty() {
        list.clone()
    } else {
        key.join(", ")
    };
    if emptied {
        to.execute(&format!("DELETE FROM {name}"), &[])?;
    }
    let mut chunk = Chunk::new(columns);
    let query = format!("SELECT {list} FROM {name} ORDER BY {order}");
    from.scan(&query, &[], |row| {
        chunk.push(row);
        if chunk.rows >= CHUNK_ROWS || chunk.bytes >= CHUNK_BYTES {
            chunk.flush(to, name, &names, copied)?;
        }
        Ok(())
    })?;
    chunk.flush(to, name, &names, copied)
}

/// Rows on their way, by columns.
struct Chunk {
    columns: Vec<Cells>,
    rows: usize,
    bytes: usize,
}

enum Cells {
    Int(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Blob(Vec<Option<Vec<u8>>>),
}

impl Chunk {
    fn new(columns: &[(String, Kind)]) -> Self {
        let columns = columns.iter().map(|(_, kind)| match kind {
            Kind::Int => Cells::Int(Vec::new()),
            Kind::Text => Cells::Text(Vec::new()),
            Kind::Blob => Cells::Blob(Vec::new()),
        });
        Self {
            columns: columns.collect(),
            rows: 0,
            bytes: 0,
        }
    }

    fn push(&mut self, row: &Row) {
        for (index, cells) in self.columns.iter_mut().enumerate() {
            self.bytes += 8;
            match cells {
                Cells::Int(cells) => cells.push(row.opt_int(index)),
                Cells::Text(cells) => {
                    let text = row.opt_text(index).map(str::to_owned);
                    self.bytes += text.as_ref().map_or(0, String::len);
                    cells.push(text);
                }
                Cells::Blob(cells) => {
                    let blob = row.opt_blob(index).map(<[u8]>::to_vec);
                    self.bytes += blob.as_ref().map_or(0, Vec::len);
                    cells.push(blob);
                }
            }
        }
        self.rows += 1;
    }

    fn flush(
        &mut self,
        to: &mut Tx,
        table: &str,
        names: &[&str],
        copied: &mut dyn FnMut(u64),
    ) -> Result<(), Fault> {
        let texts: Vec<Vec<Option<&str>>> = self.columns.iter().map(Cells::texts).collect();
        let blobs: Vec<Vec<Option<&[u8]>>> = self.columns.iter().map(Cells::blobs).collect();
        let columns: Vec<Column> = (self.columns.iter().enumerate())
            .map(|(index, cells)| match cells {
                Cells::Int(cells) => Column::IntOrNull(cells),
                Cells::Text(_) => Column::TextOrNull(&texts[index]),
                Cells::Blob(_) => Column::BlobOrNull(&blobs[index]),
            })
            .collect();
        to.insert_many(table, names, &columns)?;
        copied(self.bytes as u64);
        (self.rows, self.bytes) = (0, 0);
        self.columns.iter_mut().for_each(Cells::clear);
        Ok(())
    }
}

impl Cells {
    fn texts(&self) -> Vec<Option<&str>> {
        match self {
            Cells::Text(cells) => cells.iter().map(Option::as_deref).collect(),
            Cells::Int(_) | Cells::Blob(_) => Vec::new(),
        }
    }

    fn blobs(&self) -> Vec<Option<&[u8]>> {
        match self {
            Cells::Blob(cells) => cells.iter().map(Option::as_deref).collect(),
            Cells::Int(_) | Cells::Text(_) => Vec::new(),
        }
    }

    fn clear(&mut self) {
        match self {
            Cells::Int(cells) => cells.clear(),
            Cells::Text(cells) => cells.clear(),
            Cells::Blob(cells) => cells.clear(),
        }
    }
}
