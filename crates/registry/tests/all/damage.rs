//! Who may sign in stands nowhere else: a damaged file is told by name and left as it was found.

use std::fs;

use mamori_datastore::keys::MasterKey;
use mamori_datastore::testing::Scratch;
use mamori_registry::Control;

#[test]
fn a_damaged_file_is_refused_and_never_set_aside() {
    let scratch = Scratch::new("damage");
    let open = || Control::open(&scratch.location(), &MasterKey::from_bytes([7; 32])).map(drop);
    open().unwrap();
    let garbage = b"this is no database ".repeat(1_000);
    let path = scratch.path().join("control.sqlite");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &garbage).unwrap();
    let fault = open().unwrap_err();
    assert!(
        !fault.is_damaged_views() && !fault.is_retryable(),
        "{fault}"
    );
    assert_eq!(fs::read(&path).unwrap(), garbage, "left as it was found");
    fs::write(&path, &whole).unwrap();
    open().unwrap();
}
