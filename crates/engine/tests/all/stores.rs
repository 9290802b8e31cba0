//! Runs a test on the embedded store and on a real PostgreSQL.

use mamori_engine::sql::Location;
use mamori_engine::testing::{Postgres, Scratch};

/// Runs `test` with a fresh store of each kind; PostgreSQL is skipped by name where it is not installed.
pub fn on_both(mut test: impl FnMut(&Location)) {
    let scratch = Scratch::new("store");
    test(&scratch.location());
    if let Some(postgres) = Postgres::start() {
        test(&postgres.database());
    }
}
