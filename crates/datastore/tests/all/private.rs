//! What lies on the disk is for the server's account alone.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mamori_datastore::private;
use mamori_datastore::sql::{Db, Durability, Location};
use mamori_datastore::testing::Scratch;

fn mode(path: &Path) -> u32 {
    let permissions = fs::metadata(path).expect("it is there").permissions();
    permissions.mode() & 0o777
}

#[test]
fn a_store_and_its_files_are_made_for_their_owner_alone() {
    let scratch = Scratch::new("private");
    let (data, file) = (
        scratch.path().join("data"),
        scratch.path().join("data/store/a.sqlite"),
    );
    Location::Directory(data.join("store"))
        .make_directory()
        .expect("the directory is made");
    let mut db = Db::open_lite(&file, Durability::Control, 4_096).expect("the file is made");
    db.execute("CREATE TABLE a (b BIGINT)", &[])
        .expect("written");
    assert_eq!([mode(&data), mode(&data.join("store"))], [0o700; 2]);
    for beside in ["a.sqlite", "a.sqlite-wal", "a.sqlite-shm"] {
        assert_eq!(mode(&data.join("store").join(beside)), 0o600, "{beside}");
    }
    let copy = data.join("copy.sqlite");
    db.lite_copy_to(&copy, &mut |_, _| {}).expect("copied");
    assert_eq!(mode(&copy), 0o600);
}

/// A store of an older program was readable for every account of the machine.
#[test]
fn what_stood_open_is_closed_and_what_is_not_ours_alone_stays() {
    let scratch = Scratch::new("open");
    let store = scratch.path().join("store");
    fs::create_dir(&store).expect("made");
    fs::set_permissions(&store, Permissions::from_mode(0o755)).expect("ours");
    let file = store.join("a.sqlite");
    fs::write(&file, "").expect("written");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("ours");
    private::directory(&store).expect("closed");
    Db::open_lite(&file, Durability::Control, 4_096).expect("it opens");
    assert_eq!((mode(&store), mode(&file)), (0o700, 0o600));

    fs::set_permissions(&store, Permissions::from_mode(0o750)).expect("ours");
    private::new_directory(&store).expect("it is there");
    assert_eq!(mode(&store), 0o750, "the operator's own choice");
}
