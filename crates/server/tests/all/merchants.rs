//! A live house grows: merchants, stores, tills and API keys, made by an operator at the console.

use axum::http::StatusCode;
use mamori_api::auth::Accepted;
use mamori_domain::command::Command;
use mamori_domain::ids::{MerchantId, StoreId, TillId};
use mamori_engine::testing::Loss;
use mamori_registry::{Opening, Seed, Surface};
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::house::{Browser, House, shown};

fn open(browser: &mut Browser, path: &str, body: Value) -> u64 {
    let opened = browser.post(path, body).ok();
    let id = opened.as_object().and_then(|one| one.values().next());
    id.and_then(Value::as_u64).expect("one id")
}

fn make_key(browser: &mut Browser, key: &mut Authenticator, merchant: u64) -> (String, String) {
    let made = browser
        .post_fresh("/api/api-keys", json!({ "merchant_id": merchant }), key)
        .ok();
    let text = |field: &str| made[field].as_str().expect("a text").to_owned();
    (text("api_key"), text("api_secret"))
}

fn keys_of(browser: &mut Browser, merchant: u64) -> Vec<Value> {
    let shown = browser.get(&format!("/api/merchants/{merchant}")).ok();
    shown["api_keys"].as_array().expect("a list").clone()
}

#[test]
fn a_merchant_a_store_and_a_till_are_opened_and_work_at_once() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    let merchant = open(
        &mut console,
        "/api/merchants",
        json!({ "name": "まもり書店" }),
    );
    let store = open(
        &mut console,
        "/api/stores",
        json!({ "merchant_id": merchant, "name": "本店" }),
    );
    assert!(
        house.app.directory.own_store(MerchantId(1), "1").is_some(),
        "registers may name a store that has no till"
    );
    let till = open(
        &mut console,
        "/api/tills",
        json!({ "store_id": store, "name": "レジ1" }),
    );
    assert_eq!((merchant, store, till), (1, 1, 1));
    assert_eq!(
        console.get("/api/merchants").ok()["merchants"],
        json!([{ "merchant_id": 1, "name": "まもり書店", "stores": 1, "tills": 1, "api_keys": 0 }])
    );
    assert_eq!(
        console.get("/api/stores/1").ok()["tills"],
        json!([{ "till_id": 1, "name": "レジ1", "enrolled": false }])
    );
    assert_eq!(
        house.app.directory.own_till(MerchantId(1), "1"),
        Some(TillId(1)),
        "a register may name it"
    );
    let code = json!({ "till_id": till });
    let asked = console.post("/api/pairing-codes", code.clone()).ok();
    assert!(asked["pairing_code"].is_null(), "the passkey comes first");
    let made = console
        .post_fresh("/api/pairing-codes", code, &mut key)
        .ok();
    assert_eq!(made["pairing_code"].as_str().map(str::len), Some(14));
}

#[test]
fn a_name_is_taken_once_in_its_place() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    open(&mut console, "/api/merchants", json!({ "name": "書店" }));
    open(&mut console, "/api/merchants", json!({ "name": "花屋" }));
    let again = console.post("/api/merchants", json!({ "name": " 書店 " }));
    assert_eq!(again.refusal(), "name_taken");
    let main = |merchant: u64| json!({ "merchant_id": merchant, "name": "本店" });
    open(&mut console, "/api/stores", main(1));
    open(&mut console, "/api/stores", main(2));
    assert_eq!(console.post("/api/stores", main(1)).refusal(), "name_taken");
    let till = |store: u64| json!({ "store_id": store, "name": "1" });
    open(&mut console, "/api/tills", till(1));
    open(&mut console, "/api/tills", till(2));
    assert_eq!(console.post("/api/tills", till(2)).refusal(), "name_taken");
    let named = house.engine().named().expect("the engine answers");
    assert_eq!(named.tills.len(), 2);
}

#[test]
fn what_stands_nowhere_is_not_opened() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    let store = console.post("/api/stores", json!({ "merchant_id": 7, "name": "本店" }));
    assert_eq!(store.refusal(), "merchant_unknown");
    let till = console.post("/api/tills", json!({ "store_id": 7, "name": "1" }));
    assert_eq!(till.refusal(), "store_unknown");
    for wrong in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "a\u{202E}b" }),
        json!({ "name": 5 }),
    ] {
        assert_eq!(
            console.post("/api/merchants", wrong).status,
            StatusCode::BAD_REQUEST
        );
    }
    assert_eq!(
        console.get("/api/merchants/1").status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(console.get("/api/stores/1").status, StatusCode::NOT_FOUND);
    // A refusal leaves nothing behind that a later opening could trip over.
    assert_eq!(house.reconcile().dead, 0);
}

#[test]
fn an_opening_whose_answer_was_lost_has_its_name_when_the_operator_looks_again() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    house.lose(Loss::Answer);
    let lost = console.post("/api/merchants", json!({ "name": "書店" }));
    assert_eq!(lost.refusal(), "unavailable");
    let again = console.post("/api/merchants", json!({ "name": "書店" }));
    assert_eq!(again.refusal(), "name_taken", "it was opened, and once");
    let merchants = console.get("/api/merchants").ok();
    assert_eq!(merchants["merchants"][0]["name"], "書店");
    house.lose(Loss::Command);
    let failed = console.post("/api/merchants", json!({ "name": "花屋" }));
    assert_eq!(failed.refusal(), "unavailable");
    assert_eq!(
        open(&mut console, "/api/merchants", json!({ "name": "花屋" })),
        2,
        "it was not opened, and the name is free"
    );
}

#[test]
fn a_start_finishes_or_forgets_what_was_being_opened() {
    for happened in [true, false] {
        let house = House::new();
        let what = Opening::Merchant;
        house
            .registry()
            .directory()
            .begin_opening(what, "書店", house.now(), &Seed::new([1; 32]))
            .expect("the registry answers")
            .expect("a free name");
        if happened {
            house.done(what.command());
        }
        let done = house.reconcile();
        assert_eq!(
            (done.finished, done.dead),
            if happened { (1, 0) } else { (0, 1) }
        );
        house.follow();
        let merchants = &house.app.directory.names().merchants;
        assert_eq!(
            merchants.get(&1).map(String::as_str),
            happened.then_some("書店")
        );
        assert_eq!(house.reconcile(), Default::default(), "and that once");
    }
}

#[test]
fn names_and_the_book_of_different_age_agree_after_a_start() {
    let house = House::new();
    let mut registry = house.registry();
    let mut names = registry.directory();
    let store = StoreId(11);
    names.name_merchant(MerchantId(1), "まもり書店").unwrap();
    names.name_store(store, MerchantId(1), "本店").unwrap();
    names.name_till(TillId(101), store, "レジ1").unwrap();
    names.name_till(TillId(102), store, "レジ2").unwrap();
    // The book is older: it knows nothing of them.
    assert_eq!(house.reconcile().dead, 4);
    assert_eq!(
        house.registry().directory().read().unwrap(),
        Default::default()
    );
    // The book is younger: the names are lost, what they named is not.
    for what in [
        Opening::Merchant,
        Opening::Store(MerchantId(1)),
        Opening::Till(StoreId(1)),
    ] {
        house.done(what.command());
    }
    assert_eq!(house.reconcile().finished, 3);
    let directory = house.registry().directory().read().unwrap();
    assert_eq!(directory.merchants, [(MerchantId(1), "#1".to_owned())]);
    assert_eq!(
        (
            directory.stores[0].name.as_str(),
            directory.tills[0].name.as_str()
        ),
        ("#1", "#1")
    );
}

#[test]
fn a_key_is_made_once_shown_once_and_works_at_once() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    let merchant = open(&mut console, "/api/merchants", json!({ "name": "書店" }));
    let (api_key, secret) = make_key(&mut console, &mut key, merchant);
    assert!(secret.len() == 44 && api_key.len() == 27);
    let ready = house
        .app
        .directory
        .key(&api_key)
        .expect("signatures are checked with it");
    assert_eq!(ready.merchant, MerchantId(1));
    let named = house.engine().merchant_of_key(ready.fingerprint);
    assert_eq!(named.expect("the engine answers"), Some(MerchantId(1)));
    let listed = console.get("/api/merchants/1").ok();
    assert!(!listed.to_string().contains(&secret));
    assert_eq!(
        listed["api_keys"],
        json!([{ "api_key": api_key, "made_at_ms": house.now().millis(), "opa_auth": true, "live": true, "revoked_at_ms": null, "label": null }])
    );
}

#[test]
fn a_revoked_key_is_dead_before_the_answer_and_stays_dead() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    let merchant = open(&mut console, "/api/merchants", json!({ "name": "書店" }));
    let (first, _) = make_key(&mut console, &mut key, merchant);
    let (second, _) = make_key(&mut console, &mut key, merchant);
    house.pass(60);
    let revoke = json!({ "api_key": first });
    console
        .post_fresh("/api/api-keys/revoke", revoke.clone(), &mut key)
        .ok();
    assert!(
        house.app.directory.key(&first).is_none() && house.app.directory.key(&second).is_some()
    );
    assert_eq!(house.live_keys(), 1);
    let keys = keys_of(&mut console, merchant);
    assert_eq!(
        (&keys[0]["api_key"], &keys[1]["api_key"], &keys[1]["live"]),
        (&json!(second), &json!(first), &json!(false))
    );
    assert_eq!(keys[1]["revoked_at_ms"], json!(house.now().millis()));
    let again = console.post_fresh("/api/api-keys/revoke", revoke, &mut key);
    assert_eq!(again.refusal(), "api_key_not_live");
    house.follow();
    assert!(
        house.app.directory.key(&first).is_none(),
        "also after a start"
    );
}

#[test]
fn opa_auth_is_switched_off_and_on_again_per_key() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    let merchant = open(&mut console, "/api/merchants", json!({ "name": "書店" }));
    let (first, _) = make_key(&mut console, &mut key, merchant);
    let (second, _) = make_key(&mut console, &mut key, merchant);
    let takes_opa = |api_key: &str| {
        let Accepted { opa, mamori } = house.app.directory.key(api_key).expect("live").accepted;
        assert!(mamori, "our own scheme is always taken");
        opa
    };
    for takes in [false, true, false] {
        let switch = json!({ "api_key": first, "takes": takes });
        console
            .post_fresh("/api/api-keys/opa-auth", switch, &mut key)
            .ok();
        assert_eq!((takes_opa(&first), takes_opa(&second)), (takes, true));
        house.follow();
        assert_eq!(takes_opa(&first), takes, "also after a start");
    }
    let unknown = json!({ "api_key": "mk_unknown", "takes": true });
    let refused = console.post_fresh("/api/api-keys/opa-auth", unknown, &mut key);
    assert_eq!(refused.refusal(), "api_key_not_live");
}

#[test]
fn a_key_that_was_lost_half_way_is_settled_by_the_next_start() {
    for happened in [true, false] {
        let house = House::new();
        let (mut console, mut key) = house.operator(1);
        let merchant = open(&mut console, "/api/merchants", json!({ "name": "書店" }));
        house.lose(if happened {
            Loss::Answer
        } else {
            Loss::Command
        });
        let made = console.post_fresh(
            "/api/api-keys",
            json!({ "merchant_id": merchant }),
            &mut key,
        );
        assert_eq!(made.refusal(), "unavailable");
        assert_eq!(keys_of(&mut console, merchant).len(), 0);
        assert_eq!(
            console.get("/api/me").status,
            StatusCode::OK,
            "the operator is still signed in"
        );
        let done = house.reconcile();
        assert_eq!(
            (done.finished, done.dead),
            if happened { (1, 0) } else { (0, 1) }
        );
        // Nobody was told the secret: the operator sees the key and revokes it.
        assert_eq!(keys_of(&mut console, merchant).len(), usize::from(happened));
    }
}

#[test]
fn a_revocation_that_was_lost_half_way_holds_all_the_same() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    let merchant = open(&mut console, "/api/merchants", json!({ "name": "書店" }));
    let (api_key, _) = make_key(&mut console, &mut key, merchant);
    let revoke = json!({ "api_key": api_key });
    house.lose(Loss::Answer);
    let lost = console.post_fresh("/api/api-keys/revoke", revoke.clone(), &mut key);
    assert_eq!(lost.refusal(), "unavailable");
    assert_eq!(house.live_keys(), 0);
    // Asking again ends what the first try left, as a start does.
    console
        .post_fresh("/api/api-keys/revoke", revoke, &mut key)
        .ok();
    assert!(house.app.directory.key(&api_key).is_none());
    let (other, _) = make_key(&mut console, &mut key, merchant);
    // The journal was restored from before this key was made; the registry was not.
    let named = house.app.directory.key(&other).expect("live").fingerprint;
    house.done(Command::RevokeApiKey { key: named });
    assert_eq!(house.reconcile().dead, 1);
    house.follow();
    assert!(house.app.directory.key(&other).is_none());
}

#[test]
fn a_passkey_shown_for_one_act_is_worth_nothing_for_another() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    let merchant = open(&mut console, "/api/merchants", json!({ "name": "書店" }));
    open(&mut console, "/api/merchants", json!({ "name": "花屋" }));
    let (api_key, _) = make_key(&mut console, &mut key, merchant);
    let other_objects = [
        ("/api/api-keys", json!({ "merchant_id": 2 })),
        ("/api/api-keys/revoke", json!({ "api_key": api_key })),
        (
            "/api/api-keys/opa-auth",
            json!({ "api_key": api_key, "takes": false }),
        ),
    ];
    for (path, body) in other_objects {
        let begun = console
            .post("/api/api-keys", json!({ "merchant_id": 1 }))
            .ok();
        let credential = key.get(&begun["request"]);
        let answer = shown(body, &begun["step_up"], credential);
        assert_eq!(
            console.post(path, answer).refusal(),
            "passkey_refused",
            "{path}"
        );
    }
    assert_eq!(house.live_keys(), 1, "nothing happened");
    assert!(
        house
            .app
            .directory
            .key(&api_key)
            .expect("live")
            .accepted
            .opa
    );
}

#[test]
fn nothing_dangerous_happens_without_the_operators_own_fresh_passkey() {
    let house = House::new();
    let ((mut console, mut key), (mut other, mut other_key)) =
        (house.operator(1), house.operator(2));
    let merchant = open(&mut console, "/api/merchants", json!({ "name": "書店" }));
    let make = json!({ "merchant_id": merchant });
    // Another operator's passkey, in the right browser.
    let begun = console.post("/api/api-keys", make.clone()).ok();
    let foreign = other_key.get(&begun["request"]);
    let answer = shown(make.clone(), &begun["step_up"], foreign);
    assert_eq!(
        console.post("/api/api-keys", answer).refusal(),
        "passkey_refused"
    );
    // The right passkey, in another operator's browser.
    let begun = console.post("/api/api-keys", make.clone()).ok();
    let credential = key.get(&begun["request"]);
    let answer = shown(make.clone(), &begun["step_up"], credential);
    assert_eq!(
        other.post("/api/api-keys", answer.clone()).refusal(),
        "passkey_refused"
    );
    // Once is once.
    console.post("/api/api-keys", answer.clone()).ok();
    assert_eq!(
        console.post("/api/api-keys", answer).refusal(),
        "passkey_refused"
    );
    // A finger that is not the operator's.
    key.verified = false;
    let unverified = console.post_fresh("/api/api-keys", make, &mut key);
    assert_eq!(unverified.refusal(), "passkey_refused");
    assert_eq!(house.live_keys(), 1);
}

#[test]
fn the_session_has_a_new_token_after_a_fresh_passkey() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    let merchant = open(&mut console, "/api/merchants", json!({ "name": "書店" }));
    let before = console.cookies["__Host-mamori_console"].clone();
    make_key(&mut console, &mut key, merchant);
    let after = console.cookies["__Host-mamori_console"].clone();
    assert_ne!(before, after);
    console.get("/api/me").ok();
    console
        .cookies
        .insert("__Host-mamori_console".into(), before);
    assert_eq!(console.get("/api/me").status, StatusCode::UNAUTHORIZED);
}

#[test]
fn a_chains_stores_are_searched_by_name_and_number() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    open(&mut console, "/api/merchants", json!({ "name": "書店" }));
    for number in 1..=105 {
        let store = json!({ "merchant_id": 1, "name": format!("店{number}") });
        open(&mut console, "/api/stores", store);
    }
    let mut look = |query: &str| {
        let shown = console.get(&format!("/api/merchants/1?q={query}")).ok();
        let stores = shown["stores"].as_array().expect("a list").len();
        (
            stores as u64,
            shown["stores_found"].as_u64(),
            shown["stores_in_all"].as_u64(),
        )
    };
    assert_eq!(look(""), (100, Some(105), Some(105)));
    assert_eq!(
        look("%E5%BA%9710"),
        (7, Some(7), Some(105)),
        "店10, 店100 to 店105"
    );
    assert_eq!(look("7"), (19, Some(19), Some(105)), "any name with a 7");
    assert_eq!(look("nothing"), (0, Some(0), Some(105)));
}

#[test]
fn only_operators_see_and_change_merchants() {
    let house = House::new();
    for surface in [Surface::Console, Surface::Till, Surface::Wallet] {
        let expected = if surface == Surface::Console {
            StatusCode::UNAUTHORIZED
        } else {
            StatusCode::NOT_FOUND
        };
        let mut browser = house.browser(surface);
        for path in ["/api/merchants", "/api/merchants/1", "/api/stores/1"] {
            assert_eq!(browser.get(path).status, expected, "{path}");
        }
        for path in [
            "/api/merchants",
            "/api/stores",
            "/api/api-keys",
            "/api/api-keys/revoke",
            "/api/api-keys/opa-auth",
        ] {
            assert_eq!(browser.post(path, json!({})).status, expected, "{path}");
        }
    }
}

#[test]
fn what_was_opened_gets_another_name_everywhere_at_once_and_the_act_says_who_gave_it() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    house.open_shop();
    for (path, name) in [
        ("/api/merchants/1/name", "そら書房"),
        ("/api/stores/1/name", "駅前店"),
        ("/api/tills/1/name", "サービスカウンター"),
    ] {
        house.pass(1);
        console.post(path, json!({ "name": name })).ok();
    }
    let names = house.app.directory.names();
    let till = &names.tills[&1];
    assert_eq!(
        (&*till.merchant_name, &*till.store_name, &*till.name),
        ("そら書房", "駅前店", "サービスカウンター")
    );
    let acts = console.get("/api/acts?limit=3").ok();
    let mut done: Vec<(&str, &str)> = Vec::new();
    for act in acts["acts"].as_array().expect("a list") {
        assert_eq!(act["by"]["name"], "運用 1");
        assert!(act["about"]["name"].is_string());
        done.push((
            act["what"].as_str().expect("a word"),
            act["about"]["kind"].as_str().expect("a word"),
        ));
    }
    done.sort_unstable();
    assert_eq!(
        done,
        [
            ("name_merchant", "merchant"),
            ("name_store", "store"),
            ("name_till", "till")
        ]
    );
    // The own name again is no act; another till's name is taken; nobody renames what is not there.
    let own = json!({ "name": "サービスカウンター" });
    console.post("/api/tills/1/name", own.clone()).ok();
    let again = console.get("/api/acts?till=1").ok();
    let times = again["acts"].as_array().expect("a list").iter();
    assert_eq!(times.filter(|act| act["what"] == "name_till").count(), 2);
    assert_eq!(
        console.post("/api/tills/2/name", own.clone()).refusal(),
        "name_taken"
    );
    for path in ["/api/tills/99/name", "/api/stores/4294967296/name"] {
        assert_eq!(
            console.post(path, own.clone()).status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let empty = console.post("/api/stores/1/name", json!({ "name": " " }));
    assert_eq!(empty.body["field"], "name");
}

#[test]
fn a_key_says_what_it_is_for_and_an_operator_is_called_by_name() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    house.open_shop();
    let (api_key, _) = make_key(&mut console, &mut key, 1);
    assert_eq!(keys_of(&mut console, 1)[0]["label"], Value::Null);
    house.pass(1);
    let label = json!({ "api_key": api_key, "label": "本店のレジ" });
    console.post("/api/api-keys/label", label).ok();
    assert_eq!(keys_of(&mut console, 1)[0]["label"], "本店のレジ");
    let unknown = json!({ "api_key": "mk_0", "label": "x" });
    let answer = console.post("/api/api-keys/label", unknown);
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let listed = console.get("/api/operators").ok();
    let own = listed["operators"][0]["operator"].clone();
    let name = json!({ "operator": own, "name": "最初の管理者" });
    console.post("/api/operators/name", name).ok();
    assert_eq!(console.get("/api/me").ok()["name"], "最初の管理者");
    let acts = console.get("/api/acts?limit=2").ok();
    let mut done: Vec<&Value> = acts["acts"].as_array().expect("a list").iter().collect();
    done.sort_by_key(|act| act["what"].to_string());
    assert_eq!(done[0]["what"], "label_api_key");
    assert_eq!(done[0]["about"]["id"], api_key);
    assert_eq!(done[1]["what"], "name_operator");
    assert_eq!(done[1]["about"]["name"], "最初の管理者");
}

#[test]
fn a_till_whose_tablet_is_lost_is_taken_off_and_sells_nothing_more() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    house.open_shop();
    let code = house
        .registry()
        .devices()
        .make_pairing_code(TillId(1), house.now(), &Seed::new([7; 32]))
        .expect("the registry answers");
    let mut till = house.browser(Surface::Till);
    till.post("/api/enrol", json!({ "pairing_code": code }))
        .ok();
    till.get("/api/till").ok();
    let off = json!({ "till_id": 1 });
    let stale = console.post("/api/tills/take-off", off.clone()).ok();
    assert!(stale["step_up"].is_string(), "a fresh passkey is asked for");
    till.get("/api/till").ok();
    console
        .post_fresh("/api/tills/take-off", off, &mut key)
        .ok();
    assert_eq!(till.get("/api/till").status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        console.get("/api/stores/1").ok()["tills"][0]["enrolled"],
        false
    );
    let acts = console.get("/api/acts?till=1").ok();
    let mut bound = acts["acts"].as_array().expect("a list").iter();
    let last = bound.find(|act| act["what"] == "bind_till");
    assert_eq!(last.expect("an act")["by"]["kind"], "operator");
    let nowhere = console.post_fresh("/api/tills/take-off", json!({ "till_id": 99 }), &mut key);
    assert_eq!(nowhere.refusal(), "till_unknown");
}
