//! What the engine and the registry keep lies in one store, and all of it is carried into a backup.

use mamori_datastore::testing::{Scratch, on_both};

use mamori::assembly::EngineClock;
use mamori::datastore::{FAMILIES, own};
use mamori::outside::{self, CLOCK};
use mamori_datastore::sql::Location;
use mamori_engine::backup::{self, RestoreOptions};

#[test]
fn everything_a_store_has_is_in_the_list_of_its_families() {
    on_both(|location| {
        let scratch = Scratch::new("all");
        let lease = own(location, CLOCK, outside::chance).unwrap();
        for family in FAMILIES {
            drop(location.open(family).unwrap());
        }
        let into = scratch.path().join("copy");
        let taken = backup::backup(location, &FAMILIES, &into, None, &mut |_| ()).unwrap();
        let names: Vec<&str> = taken
            .files
            .iter()
            .map(|(name, _, _)| name.as_str())
            .collect();
        assert_eq!(names, ["control.sqlite", "journal.sqlite", "views.sqlite"]);
        drop(lease);
        let target = Location::Directory(scratch.path().join("restored"));
        let options = RestoreOptions::default();
        let clock = EngineClock(CLOCK);
        backup::restore(&into, &target, &FAMILIES, &options, &clock, &mut |_| ()).unwrap();
        for family in FAMILIES {
            drop(target.open(family).unwrap());
        }
    });
}
