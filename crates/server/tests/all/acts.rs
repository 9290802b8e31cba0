//! The list of acts: what an operator finds, what a customer sees of their own wallet, and notes that only operators read.

use axum::http::StatusCode;
use mamori_domain::command::{Command, CreditKind};
use mamori_domain::ids::WalletId;
use mamori_domain::merchant::StoreDetails;
use mamori_domain::money::Amount;
use mamori_registry::{Seed, Surface};
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::house::{Browser, House, WALLET};

const SORA: WalletId = WalletId(1);
const CONTACT: &str = "sora@example.jp";

/// Sora's phone, signed up and signed in.
fn sora(house: &House) -> (Browser<'_>, Authenticator) {
    let (mut phone, mut passkey) = (house.browser(Surface::Wallet), Authenticator::new(WALLET));
    phone.sign_up(CONTACT, &mut passkey);
    (phone, passkey)
}

fn give(house: &House, yen: u64) {
    house.done(Command::Credit {
        wallet: SORA,
        idempotency_key: format!("gift {yen}").into(),
        amount: Amount::yen(yen),
        kind: CreditKind::Goodwill,
    });
}

fn acts(browser: &mut Browser, path: &str) -> Vec<Value> {
    let answer = browser.get(path).ok();
    answer["acts"].as_array().expect("a list").clone()
}

/// What was done, newest first.
fn what(acts: &[Value]) -> Vec<&str> {
    acts.iter()
        .map(|act| act["what"].as_str().expect("a word"))
        .collect()
}

#[test]
fn an_operator_finds_what_was_done_to_a_customer_and_what_the_customer_did() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    let (mut phone, _) = sora(&house);
    give(&house, 500);
    phone.post("/api/freeze", json!({})).ok();
    house
        .browser(Surface::Wallet)
        .sign_up("umi@example.jp", &mut Authenticator::new(WALLET));
    let found = acts(&mut console, "/api/acts?wallet=1");
    assert_eq!(what(&found), ["freeze", "credit", "open_wallet"]);
    let freeze = &found[0];
    assert_eq!(
        (&freeze["by"], &freeze["about"]),
        (
            &json!({ "kind": "customer", "wallet_id": "1", "name": "さ＊＊" }),
            &json!({ "kind": "wallet", "id": "1", "name": "さ＊＊" }),
        )
    );
    assert_eq!(freeze["at_ms"], house.now().millis());
    assert_eq!(freeze["request"].as_str().map(str::len), Some(16));
    assert_eq!(
        found[1]["by"],
        json!({ "kind": "system", "reason": "command_line" })
    );
    assert_eq!(
        found[2]["by"],
        json!({ "kind": "system", "reason": "sign_up" })
    );
    assert_eq!(
        what(&acts(&mut console, "/api/acts?wallet=2")),
        ["open_wallet"]
    );
}

#[test]
fn what_an_operator_did_is_found_by_the_operator_and_keeps_the_name_of_one_who_left() {
    let house = House::new();
    let (mut first, mut key) = house.operator(1);
    let (mut second, _) = house.operator(2);
    first
        .post("/api/merchants", json!({ "name": "そら書房" }))
        .ok();
    second
        .post("/api/merchants", json!({ "name": "うみ商店" }))
        .ok();
    let all = acts(&mut first, "/api/acts");
    let newest = all.iter().find(|act| act["what"] == "open_merchant");
    let newest = newest.expect("an opening");
    assert_eq!(newest["by"]["name"], "運用 2");
    assert_eq!(newest["about"]["name"], "うみ商店");
    let operator = newest["by"]["operator"].as_str().expect("an id").to_owned();
    let path = format!("/api/acts?operator={operator}");
    let of_second = acts(&mut first, &path);
    assert_eq!(what(&of_second), ["name_merchant", "open_merchant"]);
    assert_eq!(of_second[0]["about"], of_second[1]["about"]);
    assert_eq!(of_second[0]["from"], of_second[1]["from"]);
    let listed = first.get("/api/operators").ok();
    let listed = listed["operators"].as_array().expect("a list").iter();
    let leaving = listed
        .into_iter()
        .find(|one| one["name"] == "運用 2")
        .expect("the second");
    assert_eq!(leaving["operator"], operator);
    let remove = json!({ "operator": leaving["operator"] });
    first
        .post_fresh("/api/operators/remove", remove, &mut key)
        .ok();
    let left = acts(&mut first, &path);
    assert_eq!(left[0]["by"]["name"], "運用 2");
    let all = acts(&mut first, "/api/acts");
    let removal = all.iter().find(|act| act["what"] == "remove_operator");
    let removal = removal.expect("a row of the registry's");
    assert_eq!(removal["by"]["name"], "運用 1");
    assert_eq!(
        removal["about"],
        json!({ "kind": "operator", "id": operator, "name": "運用 2" })
    );
    assert_eq!(removal["request"].as_str().map(str::len), Some(16));
}

#[test]
fn acts_are_found_by_till_and_by_day_and_read_page_by_page() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    house.open_shop();
    assert_eq!(
        what(&acts(&mut console, "/api/acts?till=2")),
        ["name_till", "open_till"]
    );
    let all = acts(&mut console, "/api/acts?limit=100");
    let opened: Vec<&str> = what(&all)
        .into_iter()
        .filter(|what| what.starts_with("open_"))
        .collect();
    assert_eq!(
        opened,
        ["open_till", "open_till", "open_store", "open_merchant"]
    );
    assert!(all.len() > opened.len(), "the registry's stand among them");
    let mut paged = Vec::new();
    let mut path = "/api/acts?limit=1".to_owned();
    loop {
        let page = console.get(&path).ok();
        paged.extend(page["acts"].as_array().expect("a list").clone());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/api/acts?limit=1&before={next}");
    }
    assert_eq!(paged, all);
    // The house's clock stands in January 2027.
    assert_eq!(acts(&mut console, "/api/acts?day=2027-01-15"), all);
    assert_eq!(
        acts(&mut console, "/api/acts?day=2027-01-14"),
        Vec::<Value>::new()
    );
}

#[test]
fn a_search_that_means_nothing_is_refused_by_its_field() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    for (query, field) in [
        ("day=tomorrow", "day"),
        ("day=2026-02-30", "day"),
        ("operator=me", "operator"),
        ("before=7", "before"),
        ("before=.7.me", "before"),
        ("till=first", "query"),
        ("wallet=1&till=1", "query"),
    ] {
        let refused = console.get(&format!("/api/acts?{query}"));
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(refused.body["field"], field, "{query}");
    }
    let mut stranger = house.browser(Surface::Console);
    for path in ["/api/acts", "/api/wallets/1/notes"] {
        assert_eq!(stranger.get(path).status, StatusCode::UNAUTHORIZED);
    }
}

#[test]
fn a_customer_sees_the_own_wallet_alone_and_neither_operators_nor_notes() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    let (mut phone, mut passkey) = sora(&house);
    let mut tablet = house.browser(Surface::Wallet);
    assert_eq!(tablet.sign_in(&mut passkey).status, StatusCode::OK);
    tablet.post("/api/freeze", json!({})).ok();
    let note = json!({ "text": "本人に電話で確認" });
    console.post("/api/wallets/1/note", note).ok();
    house
        .browser(Surface::Wallet)
        .sign_up("umi@example.jp", &mut Authenticator::new(WALLET));
    let seen = acts(&mut phone, "/api/activity");
    assert_eq!(what(&seen), ["freeze", "open_wallet"]);
    assert_eq!(seen[0]["by"], json!({ "kind": "another_device" }));
    assert_eq!(seen[1]["by"], json!({ "kind": "sign_up" }));
    assert_eq!(
        acts(&mut tablet, "/api/activity")[0]["by"],
        json!({ "kind": "this_device" })
    );
    let told = serde_json::to_string(&seen).expect("json");
    for secret in ["request", "note", "運用", "電話"] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
    let mut stranger = house.browser(Surface::Wallet);
    assert_eq!(
        stranger.get("/api/activity").status,
        StatusCode::UNAUTHORIZED
    );
}

#[test]
fn a_customer_finds_every_act_page_by_page_though_notes_stand_between() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    let (mut phone, _) = sora(&house);
    for yen in [100, 200, 300] {
        give(&house, yen);
        let note = json!({ "text": format!("{yen}円を確認") });
        console.post("/api/wallets/1/note", note).ok();
    }
    let mut seen = Vec::new();
    let mut path = "/api/activity?limit=1".to_owned();
    loop {
        let page = phone.get(&path).ok();
        seen.extend(page["acts"].as_array().expect("a list").clone());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/api/activity?limit=1&before={next}");
    }
    assert_eq!(what(&seen), ["credit", "credit", "credit", "open_wallet"]);
}

#[test]
fn a_note_is_read_by_operators_until_its_person_is_erased() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    sora(&house);
    let text = "カードの盗難を届け出。\n電話で本人を確認。";
    console
        .post("/api/wallets/1/note", json!({ "text": text }))
        .ok();
    let notes = console.get("/api/wallets/1/notes").ok();
    assert_eq!(notes["notes"][0]["text"], text);
    assert_eq!(notes["notes"][0]["by"]["name"], "運用 1");
    assert_eq!(notes["notes"][0]["at_ms"], house.now().millis());
    let erase = json!({ "wallet_id": "1", "despite_balance": false });
    house.erase(&mut console, &mut key, erase).ok();
    let notes = console.get("/api/wallets/1/notes").ok();
    assert_eq!(
        (&notes["notes"][0]["text"], &notes["notes"][0]["by"]["name"]),
        (&Value::Null, &json!("運用 1"))
    );
    let late = console.post("/api/wallets/1/note", json!({ "text": "遅い" }));
    assert_eq!(late.status, StatusCode::NOT_FOUND, "no key seals it");
}

#[test]
fn an_operator_stops_a_wallet_for_a_caller_and_says_why() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    let (mut phone, _) = sora(&house);
    assert_eq!(console.get("/api/wallets/1").ok()["frozen"], false);
    let mute = console.post("/api/wallets/1/freeze", json!({ "reason": " " }));
    assert_eq!(mute.body["field"], "reason");
    assert_eq!(console.get("/api/wallets/1").ok()["frozen"], false);

    let why = "スマートフォンの盗難。電話で本人を確認。";
    console
        .post("/api/wallets/1/freeze", json!({ "reason": why }))
        .ok();
    assert_eq!(console.get("/api/wallets/1").ok()["frozen"], true);
    let signed_out = phone.get("/api/home");
    assert_eq!(
        signed_out.status,
        StatusCode::UNAUTHORIZED,
        "signed out everywhere"
    );
    let notes = console.get("/api/wallets/1/notes").ok();
    assert_eq!(notes["notes"][0]["text"], why);
    let seen = acts(&mut console, "/api/acts?wallet=1");
    assert_eq!(what(&seen)[..2], ["note_wallet", "freeze"]);
    for act in &seen[..2] {
        assert_eq!(act["by"]["name"], "運用 1");
    }

    let nowhere = console.post("/api/wallets/2/freeze", json!({ "reason": why }));
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
}

#[test]
fn a_note_has_one_to_500_characters_and_stands_on_a_wallet_that_is_there() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    sora(&house);
    let longest = "𠮷".repeat(500);
    console
        .post("/api/wallets/1/note", json!({ "text": longest }))
        .ok();
    for wrong in [
        json!(" \n "),
        json!("字".repeat(501)),
        json!("a\u{0}b"),
        json!(1),
    ] {
        let refused = console.post("/api/wallets/1/note", json!({ "text": wrong }));
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
        assert_eq!(refused.body["field"], "text");
    }
    let nowhere = console.post("/api/wallets/2/note", json!({ "text": "だれ" }));
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    let notes = console.get("/api/wallets/1/notes").ok();
    assert_eq!(notes["notes"].as_array().map(Vec::len), Some(1));
    assert_eq!(notes["notes"][0]["text"], longest);
}

#[test]
fn a_store_says_where_it_is_and_what_it_sells_and_says_it_anew() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    console
        .post("/api/merchants", json!({ "name": "そら書房" }))
        .ok();
    let store = json!({
        "merchant_id": 1, "name": "駅前店", "prefecture": 13, "town": "千代田区", "kind": "books",
    });
    console.post("/api/stores", store).ok();
    let known = |console: &mut Browser| {
        let store = console.get("/api/stores/1").ok();
        json!([store["prefecture"], store["town"], store["kind"]])
    };
    assert_eq!(known(&mut console), json!([13, "千代田区", "books"]));
    let moved = json!({ "prefecture": 47, "kind": null });
    console.post("/api/stores/1/details", moved).ok();
    assert_eq!(known(&mut console), json!([47, null, null]));
    for (field, wrong) in [
        ("prefecture", json!(0)),
        ("prefecture", json!(48)),
        ("prefecture", json!("13")),
        ("town", json!("町".repeat(41))),
        ("kind", json!("casino")),
    ] {
        let refused = console.post("/api/stores/1/details", json!({ field: wrong }));
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{field}: {wrong}");
        assert_eq!(refused.body["field"], field);
    }
    let nowhere = console.post("/api/stores/2/details", json!({}));
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    assert_eq!(known(&mut console), json!([47, null, null]));
    // A store that says nothing is as it always was.
    console
        .post("/api/stores", json!({ "merchant_id": 1, "name": "本店" }))
        .ok();
    let silent = house
        .engine()
        .store(mamori_domain::ids::StoreId(2))
        .expect("the engine answers")
        .expect("a store");
    assert_eq!(silent.details, StoreDetails::default());
}

#[test]
fn what_the_goods_are_is_kept_with_a_till_s_payment_and_shown_in_its_list() {
    let house = House::new();
    house.open_shop();
    let (mut phone, _) = sora(&house);
    give(&house, 5_000);
    let pairing = house
        .registry()
        .devices()
        .make_pairing_code(
            mamori_domain::ids::TillId(1),
            house.now(),
            &Seed::new([9; 32]),
        )
        .expect("the registry answers");
    let mut till = house.browser(Surface::Till);
    till.post("/api/enrol", json!({ "pairing_code": pairing }))
        .ok();
    let code = phone.post("/api/code", json!({})).ok()["code"].clone();
    let sale = |categories: Value| json!({ "amount": 300, "code": code, "key": "s-1", "categories": categories });
    for wrong in [
        json!("food"),
        json!([1]),
        json!([""]),
        json!(["food", "food"]),
        json!(["食".repeat(65)]),
        json!((0..17).map(|n| n.to_string()).collect::<Vec<_>>()),
    ] {
        let refused = till.post("/api/charge", sale(wrong.clone()));
        assert_eq!(refused.body["field"], "categories", "{wrong}");
    }
    let goods = json!(["food", "alcohol"]);
    let paid = till.post("/api/charge", sale(goods.clone())).ok();
    assert_eq!(paid["categories"], goods);
    house.engine().await_views().expect("the views follow");
    let listed = till.get("/api/payments").ok();
    assert_eq!(listed["payments"][0]["categories"], goods);
}
