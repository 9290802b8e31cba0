//! What the engine and the registry keep lies in one store, and all of it is carried into a backup.

use mamori_datastore::testing::{Scratch, on_both};

use mamori::assembly::EngineClock;
use mamori::datastore::{FAMILIES, own};
use mamori::outside::{self, CLOCK};
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::Location;
use mamori_domain::world::Timestamp;
use mamori_engine::backup::{self, RestoreOptions};
use mamori_registry::{LinkRefusal, Registry, Role, Seed};

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

/// An invitation that was withdrawn, a session that was ended: an older copy of the store does not know it.
#[test]
fn a_restore_brings_back_the_staff_and_none_of_their_invitations() {
    let now = Timestamp::from_seconds(1_800_000_000);
    let scratch = Scratch::new("staff");
    let data = scratch.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let master = MasterKey::create(&data.join("master.key"), [9; 32]).unwrap();
    let location = Location::Directory(data.join("store"));
    let lease = own(&location, CLOCK, outside::chance).unwrap();
    for family in FAMILIES {
        drop(location.open(family).unwrap());
    }
    let mut registry = Registry::open(&location, &master).unwrap();
    let link = (registry.operators())
        .invite("Mika", Role::Admin, now, &Seed::new([2; 32]))
        .unwrap();
    let copy = scratch.path().join("copy");
    backup::backup(&location, &FAMILIES, &copy, None, &mut |_| ()).unwrap();
    drop((registry, lease));

    let (data, copy) = (data.to_str().unwrap(), copy.to_str().unwrap());
    crate::mamori(vec!["restore", "--data", data, "--from", copy]).unwrap();
    let mut registry = Registry::open(&location, &master).unwrap();
    let found = registry.operators().of_link(&link, now).unwrap();
    assert_eq!(found, Err(LinkRefusal::Unknown));
    let mut staff: Vec<String> = (registry.operators().list().unwrap().into_iter())
        .map(|one| one.name)
        .collect();
    staff.sort();
    assert_eq!(
        staff,
        ["Mika", "復元 (restore)"],
        "Mika may be invited anew or removed, by the one who restored"
    );
}
