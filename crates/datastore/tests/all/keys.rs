//! The master key file, what is derived from it, and what is sealed under it.

use std::os::unix::fs::PermissionsExt;

use mamori_datastore::keys::{MasterKey, SealKey, SealedPlace};
use mamori_datastore::testing::Scratch;
use proptest::prelude::*;

const SECRET: SealedPlace = SealedPlace {
    table: "api_keys",
    column: "secret",
    row: b"42",
};

#[test]
fn a_key_file_is_made_once_for_its_owner_alone_and_opens_again() {
    let scratch = Scratch::new("master");
    let path = scratch.path().join("master.key");
    let made = MasterKey::create(&path, [9; 32]).unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let opened = MasterKey::open(&path).unwrap();
    assert_eq!(made.pepper().expose(), opened.pepper().expose());
    assert!(
        MasterKey::create(&path, [1; 32]).is_err(),
        "never overwritten"
    );
    assert_eq!(
        MasterKey::open(&path).unwrap().pepper().expose(),
        made.pepper().expose()
    );
}

#[test]
fn a_key_file_that_others_may_read_or_that_is_none_is_refused() {
    let scratch = Scratch::new("master");
    let path = scratch.path().join("master.key");
    MasterKey::create(&path, [9; 32]).unwrap();
    for mode in [0o640, 0o604, 0o620] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert!(
            MasterKey::open(&path)
                .unwrap_err()
                .to_string()
                .contains("chmod 600")
        );
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    for text in [
        "",
        "mamori-master-key-1 0909",
        "another file",
        "mamori-master-key-1 zz",
    ] {
        std::fs::write(&path, text).unwrap();
        assert!(MasterKey::open(&path).is_err());
    }
    assert!(MasterKey::open(&scratch.path().join("nowhere")).is_err());
}

#[test]
fn each_purpose_has_its_own_key() {
    let master = MasterKey::from_bytes([9; 32]);
    let keys = [
        master.pepper(),
        master.book_hash_key(),
        master.derive("something else"),
    ];
    assert_ne!(keys[0].expose(), keys[1].expose());
    assert_ne!(keys[0].expose(), keys[2].expose());
    assert_ne!(
        master.blind_index("phone", "1"),
        master.blind_index("mail", "1")
    );
    assert_eq!(
        master.blind_index("phone", "1"),
        MasterKey::from_bytes([9; 32]).blind_index("phone", "1")
    );
    assert_ne!(
        master.blind_index("phone", "1"),
        MasterKey::from_bytes([8; 32]).blind_index("phone", "1")
    );
}

#[test]
fn derived_keys_are_part_of_the_format_and_never_change() {
    // Computed apart, with Python's hmac. A changed value here makes every existing store unreadable.
    let master = MasterKey::from_bytes([0; 32]);
    let first_bytes =
        |bytes: &[u8; 32]| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    assert_eq!(first_bytes(master.pepper().expose()), 0xF23C673A);
    assert_eq!(
        first_bytes(&master.chain_key().link(b"fields", b"batch")),
        0x38D60A8E
    );
    assert_eq!(
        first_bytes(&master.blind_index("mail", "a@b.example")),
        0xE1A1A150
    );
}
#[test]
fn a_sealed_value_opens_only_at_its_place_with_its_key() {
    let key = MasterKey::from_bytes([9; 32]).wrap_key();
    let sealed = key.seal(SECRET, [3; 12], b"shown once");
    assert_eq!(key.open(SECRET, &sealed).unwrap(), b"shown once");
    assert!(!sealed.windows(5).any(|part| part == b"shown"));
    let elsewhere = [
        SealedPlace {
            row: b"43",
            ..SECRET
        },
        SealedPlace {
            column: "secret2",
            ..SECRET
        },
        SealedPlace {
            table: "api_key",
            column: "ssecret",
            ..SECRET
        },
    ];
    for place in elsewhere {
        assert!(key.open(place, &sealed).is_err());
    }
    assert!(
        MasterKey::from_bytes([8; 32])
            .wrap_key()
            .open(SECRET, &sealed)
            .is_err()
    );
}

#[test]
fn destroying_a_persons_key_is_the_erasure_of_what_it_sealed() {
    let wrap = MasterKey::from_bytes([9; 32]).wrap_key();
    let person = SealedPlace {
        table: "field_keys",
        column: "wrapped",
        row: b"7",
    };
    let name = SealedPlace {
        table: "people",
        column: "name",
        row: b"7",
    };
    let key = SealKey::for_person([5; 32]);
    let wrapped = wrap.wrap(person, [1; 12], &key);
    let sealed = key.seal(name, [2; 12], "花子".as_bytes());
    let again = wrap.unwrap(person, &wrapped).unwrap();
    assert_eq!(again.open(name, &sealed).unwrap(), "花子".as_bytes());
    // Without the wrapped key nothing else opens it, the master key included.
    assert!(wrap.open(name, &sealed).is_err());
}

proptest! {
    #[test]
    fn any_altered_byte_is_noticed(plain in proptest::collection::vec(any::<u8>(), 0..80), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let key = MasterKey::from_bytes([9; 32]).wrap_key();
        let mut sealed = key.seal(SECRET, [3; 12], &plain);
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        prop_assert!(key.open(SECRET, &sealed).is_err());
    }

    #[test]
    fn any_bytes_at_all_are_a_fault_and_no_panic(blob in proptest::collection::vec(any::<u8>(), 0..80)) {
        let key = MasterKey::from_bytes([9; 32]).wrap_key();
        prop_assert!(key.open(SECRET, &blob).is_err());
    }
}
