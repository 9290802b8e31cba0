//! Runs a test on the embedded store and on a real PostgreSQL.

use mamori_engine::sql::Location;
use mamori_engine::testing::{Postgres, Scratch};

/// Both kinds of store for one test; PostgreSQL is skipped by name where it is not installed.
pub struct Stores {
    postgres: Option<Postgres>,
}

impl Stores {
    pub fn start() -> Self {
        Self {
            postgres: Postgres::start(),
        }
    }

    /// Runs `test` with a fresh store of each kind.
    pub fn each(&self, mut test: impl FnMut(&Location)) {
        let scratch = Scratch::new("store");
        test(&scratch.location());
        if let Some(postgres) = &self.postgres {
            test(&postgres.database());
        }
    }
}

/// Runs `test` once with a fresh store of each kind.
pub fn on_both(test: impl FnMut(&Location)) {
    Stores::start().each(test);
}
