use mamori_engine::sql::Location;
use mamori_engine::testing::{Postgres, Scratch};

/// Runs a test on an empty embedded store and on an empty PostgreSQL database, where one can be started.
pub fn on_both_stores(name: &str, test: impl Fn(&str, Location)) {
    let scratch = Scratch::new(name);
    test("embedded", scratch.location());
    if let Some(postgres) = Postgres::shared() {
        test("postgres", postgres.database());
    }
}
