//! A store that an older program wrote is opened, and what it says is understood.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::{Family, Location, Migration, Param};
use mamori_datastore::testing::{Scratch, on_both};
use mamori_domain::ids::{Fingerprint, MerchantId, TillId, TopUpId, WalletId};
use mamori_domain::world::Timestamp;
use mamori_registry::{
    CONTROL, KnownContact, LinkRefusal, Looked, Registry, Role, Rows, Surface, token_hash,
};

/// Makes the tables as the program did that knew no migration from `name` on.
fn as_before(location: &Location, name: &str) -> mamori_datastore::sql::Db {
    let is_new = |migration: &Migration| migration.name == name;
    let known = CONTROL.migrations.iter().position(is_new);
    let older = Family {
        migrations: &CONTROL.migrations[..known.expect("a migration of that name")],
        ..CONTROL
    };
    location.open(&older).unwrap()
}

#[test]
fn card_orders_that_were_kept_in_seconds_mean_the_same_instants_afterwards() {
    on_both(|location| {
        let mut older = as_before(location, "one unit of time");
        let insert = "INSERT INTO card_payments (top_up, amount, locale, expires_at, ask_at, closed_at, alarmed_at)
             VALUES ($1, 5000, 'ja', $2, $3, $4, $5)";
        let seconds = 1_795_000_000;
        let instants = [
            Param::Int(seconds + 2_100),
            Param::Int(seconds + 86_400),
            Param::Int(seconds),
            Param::Int(seconds * 1_000_000 + 7),
        ];
        let [expires_at, ask_at, closed_at, alarmed_at] = instants;
        let first = [Param::Int(1), expires_at, ask_at, closed_at, alarmed_at];
        older.execute(insert, &first).unwrap();
        let none = Param::Null;
        let second = [Param::Int(2), expires_at, none, none, none];
        older.execute(insert, &second).unwrap();
        drop(older);

        let mut registry = Registry::open(location, &MasterKey::from_bytes([1; 32])).unwrap();
        let closed_at = Timestamp::from_seconds(seconds);
        let first = registry.card_orders().find(TopUpId(1)).unwrap().unwrap();
        assert_eq!(first.order.expires_at, closed_at.plus_seconds(2_100));
        assert_eq!(first.ask_at, Some(closed_at.plus_seconds(86_400)));
        assert_eq!(first.closed_at, Some(closed_at));
        let in_microseconds = Timestamp(closed_at.0 + 7);
        assert_eq!(first.alarmed_at, Some(in_microseconds), "it was so before");
        let second = registry.card_orders().find(TopUpId(2)).unwrap().unwrap();
        assert_eq!(second.order.expires_at, closed_at.plus_seconds(2_100));
        assert_eq!((second.ask_at, second.closed_at), (None, None));

        let due =
            |registry: &mut Registry, now| registry.card_orders().to_ask_again(now, 10).unwrap();
        assert_eq!(due(&mut registry, closed_at.plus_seconds(86_399)), []);
        assert_eq!(
            due(&mut registry, closed_at.plus_seconds(86_400)),
            [TopUpId(1)]
        );
    });
}

#[test]
fn what_was_open_in_a_store_whose_rows_proved_nothing_has_ended() {
    on_both(|location| {
        let mut older = as_before(location, "rows that prove themselves");
        let token = [7; 32];
        let hash = token_hash(&token);
        let session = [
            Param::Blob(&[1; 16]),
            Param::Blob(&hash),
            Param::Blob(&[2; 16]),
        ];
        older
            .execute(
                "INSERT INTO people (person, wallet, status, locale, made_at) VALUES ($1, 9, 2, 'ja', 5)",
                &session[2..],
            )
            .unwrap();
        older
            .execute(
                "INSERT INTO sessions (session, token_hash, surface, owner, wallet, made_at, seen_at, ends_at)
                 VALUES ($1, $2, 1, $3, 9, 10, 20, 30)",
                &session,
            )
            .unwrap();
        let link = [8; 32];
        older
            .execute(
                "INSERT INTO operators (operator, name, status, made_at) VALUES ($1, 'Mika', 1, 5)",
                &session[..1],
            )
            .unwrap();
        older
            .execute(
                "INSERT INTO operator_links (link_hash, operator, made_at) VALUES ($1, $2, 5)",
                &[Param::Blob(&token_hash(&link)), session[0]],
            )
            .unwrap();
        let master = MasterKey::from_bytes([1; 32]);
        let looked = Registry::forgeries_in(location, &master, false).unwrap();
        assert_eq!(
            looked,
            (Looked::Nowhere, Vec::new()),
            "an audit does not change such a store"
        );
        drop(older);

        let mut registry = Registry::open(location, &master).unwrap();
        let found = registry.sessions().find(Surface::Wallet, &hash).unwrap();
        assert_eq!(found, None);
        let found = registry.operators().of_link(&link, Timestamp(6)).unwrap();
        assert_eq!(found, Err(LinkRefusal::Unknown));
        let unproven = registry.forgeries(Rows::All).unwrap();
        let tables: Vec<&str> = unproven.iter().map(|row| row.table).collect();
        assert_eq!(
            tables,
            ["operators", "people"],
            "what lasts waits for its proof"
        );
        assert_eq!(registry.prove_lasting(&mut |_| {}).unwrap(), 2);
        assert_eq!(registry.forgeries(Rows::All).unwrap(), []);
    });
}

/// What is in this store: `crates/engine/tests/fixtures/format-1-store/README.md`.
const LATER: Timestamp = Timestamp(1_795_831_793_000_000);
const MART: MerchantId = MerchantId(1);
const BOOKSHOP: MerchantId = MerchantId(2);
const REGISTER: Fingerprint = Fingerprint(0x0153_444b_9674_e56b_85f0_18bf_4e7b_9412);
const SORA: WalletId = WalletId(1);
const AOI: WalletId = WalletId(4);
const REN: WalletId = WalletId(5);
const ERASED: WalletId = WalletId(6);
const AOIS_PASSKEY: Fingerprint = Fingerprint(0x1656_106b_aec1_c8b4_ef91_f806_27b2_771b);
const RENS_PASSKEY: Fingerprint = Fingerprint(0x893b_21f4_16df_b8dc_e7e2_2fdb_5934_5bb7);
const OPEN_TOP_UP: TopUpId = TopUpId((1 << 53) + 139);

#[test]
fn people_shops_and_staff_of_a_store_of_format_1_are_known_as_before() {
    let scratch = Scratch::new("older");
    let fixture =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/fixtures/format-1-store");
    fs::copy(
        fixture.join("store/control.sqlite"),
        scratch.path().join("control.sqlite"),
    )
    .unwrap();
    // Version control keeps no file modes of this kind, and a key that others may read is refused.
    let key = scratch.path().join("master.key");
    fs::copy(fixture.join("master.key"), &key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let master = MasterKey::open(&key).unwrap();
    let mut registry = Registry::open(&scratch.location(), &master).unwrap();
    assert!(
        registry.people().of_wallet(SORA).is_err(),
        "nothing is believed before it was proven once"
    );
    registry.prove_lasting(&mut |_| {}).unwrap();
    let reached = registry.contacts().reached(AOI, LATER).unwrap();
    let reached = reached.expect("she lives").contacts;
    assert_eq!(reached, [], "nor is a contact before its seal was opened");
    let forgeries = registry.forgeries(Rows::All).unwrap();
    assert_eq!(forgeries, [], "and yet an audit takes it for no forgery");
    assert_eq!(registry.contacts().prove_sealed(&mut |_| {}).unwrap(), 2);
    assert_eq!(registry.forgeries(Rows::All).unwrap(), []);

    for (wallet, name, locale, contact, passkey) in [
        (SORA, "佐藤 そら", "ja", None, None),
        (
            AOI,
            "青木 あおい",
            "ja",
            Some("aoi@example.jp"),
            Some(AOIS_PASSKEY),
        ),
        (REN, "Ren", "en", Some("+819012345678"), Some(RENS_PASSKEY)),
    ] {
        let person = registry.people().of_wallet(wallet).unwrap().expect(name);
        assert_eq!((&*person.display_name, &*person.locale), (name, locale));
        let known = registry.contacts().of_wallet(wallet, LATER).unwrap();
        let spelled: Vec<&str> = known.iter().map(|known| known.contact.as_str()).collect();
        assert_eq!(spelled, Vec::from_iter(contact), "{name}");
        let counts = |known: &KnownContact| {
            known.is_preferred && known.settles_at == known.proven_at && known.removed_at.is_none()
        };
        assert!(known.iter().all(counts), "{name}: {known:?}");
        let keys = registry
            .factors()
            .passkeys_of(Surface::Wallet, &person.person)
            .unwrap();
        assert_eq!(keys.len(), usize::from(passkey.is_some()), "{name}");
        for key in &keys {
            let found = registry
                .factors()
                .find_passkey(Surface::Wallet, &key.credential)
                .unwrap();
            let (owner, fingerprint, _) = found.expect("the same passkey");
            assert_eq!(owner, person.person);
            // The book of the same store names them; `mamori-engine` looks there.
            assert_eq!(Some(fingerprint), passkey);
        }
        let signed_in = registry
            .sessions()
            .of(Surface::Wallet, &person.person, LATER);
        assert_eq!(signed_in.unwrap(), [], "{name} signs in again once");
    }
    assert!(registry.people().of_wallet(ERASED).unwrap().is_none());
    assert!(registry.erasures().erased_at(ERASED).unwrap().is_some());

    let staff = registry.operators().list().unwrap();
    // They could do everything, and still can; who let them in is not known.
    for one in &staff {
        assert_eq!(one.role, Role::Admin, "{}", one.name);
        let given = registry.operators().role_of(&one.operator).unwrap();
        let role = given.map(|given| (given.role, given.by, given.at));
        let as_before = (Role::Admin, None, None);
        assert_eq!(role, one.is_active.then_some(as_before), "{}", one.name);
    }
    let staff: Vec<(&str, bool)> = (staff.iter())
        .map(|one| (&*one.name, one.is_active))
        .collect();
    assert_eq!(
        staff,
        [
            ("operator", true),
            ("夜勤", false),
            ("週末", true),
            ("operator", false)
        ]
    );

    let places = registry.directory().tills().unwrap();
    let places: Vec<(&str, &str, &str)> = (places.iter())
        .map(|paper| (&*paper.merchant_name, &*paper.store_name, &*paper.name))
        .collect();
    assert_eq!(places.len(), 7);
    assert_eq!(places[0], ("まもりマート", "みなと本店", "レジ1"));
    assert_eq!(places[5], ("まもり書店", "書店 本店", "レジ1"));
    assert_eq!(
        registry.devices().enrolled_tills().unwrap(),
        [TillId(1), TillId(6)]
    );

    let keys = registry.api_keys().live_with_secrets().unwrap();
    let keys: Vec<_> = (keys.iter())
        .map(|key| (&*key.api_key, key.merchant, &*key.secret, key.opa_auth))
        .collect();
    assert_eq!(
        keys,
        [
            (
                "mk_9cd1506cf6704cc4b5bd8a09",
                BOOKSHOP,
                "8vI9MyWW4UdCeTJ8UFoBM8MvQkLQrPJQ50b2ozUkbeo=",
                false
            ),
            (
                "mk_f4bf8271bb6485c21502c7b2",
                MART,
                "bKXJL2USvwgbwL1Mu2BZ6MY6Q33LinSYX1f8V8C/xuk=",
                true
            ),
        ]
    );
    let live = registry
        .api_keys()
        .find_live("mk_f4bf8271bb6485c21502c7b2")
        .unwrap();
    assert_eq!(live, Some(REGISTER));
    let papers = registry.api_keys().of_merchant(BOOKSHOP).unwrap();
    let live: usize = papers.iter().filter(|paper| paper.is_live).count();
    assert_eq!((papers.len(), live), (2, 1));

    let paid = registry
        .card_orders()
        .find(TopUpId(4))
        .unwrap()
        .expect("a page");
    assert_eq!(paid.order.amount, 5_000);
    assert!(paid.charge.is_some(), "{paid:?}");
    let waits = registry
        .card_orders()
        .find(OPEN_TOP_UP)
        .unwrap()
        .expect("a page");
    assert!(waits.charge.is_none() && waits.url.is_some(), "{waits:?}");
    let (disputes, alarms) = registry.card_orders().alarms(10).unwrap();
    assert_eq!((disputes, alarms[0].amount), (1, 600));

    let (outbox, _) = registry.outbox(10).unwrap();
    assert_eq!((outbox.waiting, outbox.sent, outbox.dead), (1, 4, 6));
}
