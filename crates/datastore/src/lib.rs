//! What the journal, the views and the registry are kept in: two databases behind one face, keys and sealing, faults.
//!
//! | module | what |
//! |---|---|
//! | `sql` | SQLite and PostgreSQL: one text of SQL, migrations, TLS |
//! | `fault` | why the datastore could not do what was asked |
//! | `keys`, `hex` | the master key and everything derived from it; thirty-two bytes as text |
//! | `private` | files and directories that only the server's account may read |
//! | `testing` | scratch stores and a real PostgreSQL, behind the feature `testing` |

pub mod fault;
pub mod hex;
pub mod keys;
pub mod private;
pub mod sql;
#[cfg(feature = "testing")]
pub mod testing;
