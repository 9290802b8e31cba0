use mamori_datastore::sql::Location;
use mamori_datastore::testing::{Postgres, Scratch};

/// Runs a test on an empty embedded store and, where a PostgreSQL can be started, on an empty database of it and on one where
/// transactions get into each other's way.
pub fn on_every_store(name: &str, test: impl Fn(&str, Location)) {
    let scratch = Scratch::new(name);
    test("embedded", scratch.location());
    if let Some(postgres) = Postgres::shared() {
        test("postgres", postgres.database());
        let (database, location) = postgres.contended_database();
        test("contended postgres", location);
        assert!(postgres.conflicts(&database) > 0, "nothing was in the way");
    }
}
