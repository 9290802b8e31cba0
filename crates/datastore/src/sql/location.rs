//! Where a store is, and how a connection to each of its families is opened.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::fault::Fault;
use crate::private;
use crate::sql::db::Db;
use crate::sql::lite::Durability;
use crate::sql::migrate::{self, Family};
use crate::sql::tls::PgAddress;

/// Page size of control and views; the journal's is measured and stands in `journal.rs`.
const PAGE_SIZE: u32 = 4_096;

/// A file that stands in the directory of a store while a restore is under way.
pub const UNFINISHED_RESTORE: &str = "restore.unfinished";

/// Where the tables are: a directory of SQLite files, or a PostgreSQL database.
#[derive(Clone)]
pub enum Location {
    /// Files in this directory.
    Directory(PathBuf),
    /// A PostgreSQL database that holds all families.
    Postgres(Box<PgAddress>),
}

impl Location {
    /// Reads the value of `--store`: `postgres://user@host/database` (or key=value pairs), else a directory.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
        if is_url || (text.contains("host=") && text.contains("user=")) {
            return Ok(Self::Postgres(Box::new(PgAddress::parse(text)?)));
        }
        Ok(Self::Directory(PathBuf::from(text)))
    }

    /// Opens a writing connection to a family of tables, making and migrating them as needed.
    ///
    /// Refuses a store that a newer program has written.
    pub fn open(&self, family: &Family) -> Result<Db, Fault> {
        self.make_directory()?;
        self.refuse_half_a_store()?;
        self.open_unfinished(family)
    }

    fn refuse_half_a_store(&self) -> Result<(), Fault> {
        match self {
            Self::Directory(directory) if directory.join(UNFINISHED_RESTORE).exists() => Err(
                Fault::refused("a restore into this store was interrupted: run it again"),
            ),
            _ => Ok(()),
        }
    }

    /// The same of a store that a restore is putting in place and that no one else may open yet.
    pub fn open_unfinished(&self, family: &Family) -> Result<Db, Fault> {
        let mut db = match self {
            Self::Directory(directory) => lite(directory, family, family.durability)?,
            Self::Postgres(address) => Db::open_pg(address, false)?,
        };
        migrate::migrate(&mut db, family)?;
        Ok(db)
    }

    /// Opens one SQLite file of a family that consists of several, such as the segments of the journal.
    pub fn open_file(&self, path: &Path, family: &Family, page_size: u32) -> Result<Db, Fault> {
        self.refuse_half_a_store()?;
        let mut db = Db::open_lite(path, family.durability, page_size)?;
        migrate::migrate(&mut db, family)?;
        Ok(db)
    }

    /// Opens a reading connection to a family of tables that a writing one has made.
    pub fn open_read(&self, family: &Family) -> Result<Db, Fault> {
        let mut db = match self {
            Self::Directory(directory) => lite(directory, family, Durability::ReadOnly)?,
            Self::Postgres(address) => Db::open_pg(address, true)?,
        };
        migrate::check_version(&mut db, family)?;
        Ok(db)
    }

    /// The directory of the files, or None on PostgreSQL.
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Self::Directory(directory) => Some(directory),
            Self::Postgres(_) => None,
        }
    }

    /// Makes the directory of the files; nothing on PostgreSQL.
    pub fn make_directory(&self) -> Result<(), Fault> {
        match self {
            Self::Directory(directory) => private::directory(directory)
                .map_err(|_| Fault::refused("the directory of the store cannot be made")),
            Self::Postgres(_) => Ok(()),
        }
    }
}

fn lite(directory: &Path, family: &Family, durability: Durability) -> Result<Db, Fault> {
    let opened = Db::open_lite(&directory.join(family.file), durability, PAGE_SIZE);
    if family.durability == Durability::Views {
        return opened.map(Db::can_be_made_anew).map_err(Fault::of_views);
    }
    opened
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(directory) => write!(f, "Directory({})", directory.display()),
            Self::Postgres(_) => f.write_str("Postgres(..)"),
        }
    }
}
