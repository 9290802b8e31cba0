//! Whom a restore brings back: an operator who was removed after the backup has a passkey again, and stays outside until another
//! operator has looked.

use mamori::outside;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::Location;
use mamori_datastore::testing::{Postgres, Scratch};
use mamori_domain::world::Timestamp;
use mamori_registry::{OwnerId, Registry, Role, Seed, StoredPasskey, Surface};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn an_operator(registry: &mut Registry, name: &str, seed: u8) -> OwnerId {
    let link = (registry.operators())
        .invite(name, Role::Admin, NOW, &Seed::new([seed; 32]))
        .expect("the registry answers");
    let passkey = StoredPasskey {
        credential: vec![seed; 32],
        passkey: "{}".into(),
        sign_count: 0,
    };
    (registry.operators())
        .redeem_link(&link, &passkey, NOW)
        .expect("the registry answers")
        .expect("a good link")
}

fn may_enter(registry: &mut Registry, operator: &OwnerId) -> bool {
    let generation = registry.sessions().generation(Surface::Console, operator);
    generation.expect("the registry answers").is_some()
}

#[test]
fn an_operator_who_came_back_with_a_restore_waits_for_another_one() {
    let postgres = Postgres::start();
    let scratch = Scratch::new("restored");
    let path = |name: &str| scratch.path().join(name).display().to_string();
    let (data, copy) = (path("data"), path("copy"));
    let init = [
        "init",
        "--data",
        &data,
        "--merchant",
        "そら書房",
        "--first-store",
        "駅前店",
    ];
    crate::mamori(init).expect("a live store");
    let key = scratch.path().join("data/master.key");
    let master = MasterKey::open(&key).expect("it was made");
    let store = Location::Directory(scratch.path().join("data/store"));
    let mut registry = Registry::open(&store, &master).expect("it opens");
    let mika = an_operator(&mut registry, "Mika", 1);
    let jun = an_operator(&mut registry, "Jun", 2);
    assert!(may_enter(&mut registry, &mika) && may_enter(&mut registry, &jun));
    crate::mamori(["backup", "--data", &data, "--into", &copy]).expect("a backup");
    (registry.operators())
        .remove(&jun)
        .expect("the registry answers")
        .expect("Mika stays");
    drop(registry);

    let mut stores: Vec<Option<String>> = vec![None];
    stores.extend(postgres.as_ref().map(|it| Some(it.database_url())));
    for url in stores {
        let mut words = vec!["restore", "--data", &data, "--from", &copy];
        if let Some(url) = &url {
            words.extend(["--store", url]);
        }
        crate::mamori(words).expect("restored");
        let place = match &url {
            Some(url) => Location::parse(url).expect("an address"),
            None => store.clone(),
        };
        let mut registry = Registry::open(&place, &master).expect("it opens");
        assert!(!may_enter(&mut registry, &mika), "nobody enters by himself");
        assert!(!may_enter(&mut registry, &jun));
        let mut waiting: Vec<String> = (registry.operators().list().expect("read").into_iter())
            .filter(|one| one.is_active && !one.is_confirmed)
            .map(|one| one.name)
            .collect();
        waiting.sort();
        assert_eq!(waiting, ["Jun", "Mika"]);
        let invited = registry.operators().list().expect("read");
        let is_invited = |name: &str| {
            let now = Timestamp((outside::CLOCK.wall_micros)());
            (invited.iter())
                .any(|one| one.name == name && one.link_made_at.is_some_and(|at| at <= now))
        };
        assert!(is_invited("復元 (restore)"), "{invited:?}");
        (registry.operators())
            .confirm(&mika, NOW)
            .expect("the registry answers")
            .expect("she has a passkey");
        assert!(may_enter(&mut registry, &mika) && !may_enter(&mut registry, &jun));
    }
}
