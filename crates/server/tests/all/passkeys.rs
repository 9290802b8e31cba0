//! A customer's several passkeys: added with one that is there, named, told apart, removed at once.

use axum::http::{StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_domain::context::Actor;
use mamori_domain::event::Subject;
use mamori_domain::ids::WalletId;
use mamori_engine::views::acts::{self, Wanted};
use mamori_registry::{AgentFamily, NewPasskey, Seed, StoredPasskey, Surface};
use mamori_server::relying_party::KeptWhere;
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::house::{Browser, CONSOLE, House, WALLET, shown};

const COOKIE: &str = "__Host-mamori_wallet";

fn customer(house: &House) -> (Browser<'_>, Authenticator) {
    let (mut browser, mut phone) = (house.browser(Surface::Wallet), Authenticator::new(WALLET));
    browser.sign_up("sora@example.jp", &mut phone);
    (browser, phone)
}

fn security_key(serial: u8) -> Authenticator {
    let mut key = Authenticator::security_key(WALLET);
    key.serial = serial;
    key
}

fn listed(browser: &mut Browser) -> Vec<Value> {
    let listed = browser.get("/api/passkeys").ok();
    listed["passkeys"].as_array().expect("a list").clone()
}

/// Shows a passkey for the adding: what another one is to be made of.
fn allowed_to_add(browser: &mut Browser, with: &mut Authenticator) -> Value {
    browser
        .post_fresh("/api/passkeys/add", json!({}), with)
        .ok()
}

/// Adds the passkey of `new`, shown `with` one that is there.
fn add(browser: &mut Browser, with: &mut Authenticator, new: &mut Authenticator, name: &str) {
    let begun = allowed_to_add(browser, with);
    let made = new.create(&begun["creation"]);
    let finish = json!({
        "registration": begun["registration"], "credential": made, "name": name,
    });
    browser.post("/api/passkeys/finish", finish).ok();
}

fn id_of(authenticator: &Authenticator) -> String {
    URL_SAFE_NO_PAD.encode(authenticator.newest_credential())
}

fn is_in(browser: &mut Browser) -> bool {
    browser.get("/api/sessions").status == StatusCode::OK
}

#[test]
fn the_passkey_of_the_sign_up_is_listed_with_what_is_known_of_it() {
    let house = House::new();
    let (mut browser, mut phone) = customer(&house);
    let made_at = house.now().millis();
    house.pass(60);
    browser.sign_in(&mut phone).ok();
    let listed = browser.get("/api/passkeys").ok();
    assert_eq!(
        listed["passkeys"],
        json!([{
            "passkey": id_of(&phone), "name": null, "browser": "safari_phone", "kept": "synced",
            "made_at_ms": made_at, "used_at_ms": house.now().millis(), "used_here": null,
            "sessions": 1, "opened_this_session": true, "may_remove": false,
        }])
    );
    let signals = &listed["signals"];
    assert_eq!(signals["rp_id"], "wallet.localhost");
    assert_eq!(signals["accepted"], json!([id_of(&phone)]));
    assert_eq!(signals["name"], "s***@example.jp");
    assert_eq!(signals["display_name"], "さくら");
}

#[test]
fn a_second_passkey_is_added_with_the_first_and_opens_the_same_wallet() {
    let house = House::new();
    let (mut browser, mut phone) = customer(&house);
    let token = browser.cookies[COOKIE].clone();
    let begun = allowed_to_add(&mut browser, &mut phone);
    assert_ne!(
        browser.cookies[COOKIE], token,
        "a new token, as for any fresh passkey"
    );
    let creation = &begun["creation"];
    let excluded = creation["excludeCredentials"].as_array().expect("a list");
    assert_eq!(excluded.len(), 1);
    assert_eq!(excluded[0]["id"], json!(id_of(&phone)));
    let signals = browser.get("/api/passkeys").ok()["signals"].clone();
    assert_eq!(creation["user"]["id"], signals["user_id"]);

    let mut key = security_key(1);
    let made = key.create(creation);
    let finish = json!({
        "registration": begun["registration"], "credential": made, "name": " 金庫の鍵 ",
    });
    let answer = browser.post("/api/passkeys/finish", finish.clone()).ok();
    assert_eq!(answer["added"], json!(id_of(&key)));
    assert_eq!(
        answer["signals"]["accepted"].as_array().map(Vec::len),
        Some(2)
    );
    let again = browser.post("/api/passkeys/finish", finish);
    assert_eq!(again.refusal(), "passkey_refused", "answered once");

    assert_eq!(house.wallet_behind(&key), Some(WalletId(1)));
    house.pass(5);
    let mut there = house.browser(Surface::Wallet);
    there.sign_in(&mut key).ok();
    let rows = listed(&mut there);
    let told: Vec<_> = (rows.iter())
        .map(|row| {
            (
                &row["name"],
                &row["kept"],
                &row["opened_this_session"],
                &row["may_remove"],
            )
        })
        .map(|(name, kept, here, may)| (name.clone(), kept.clone(), here.clone(), may.clone()))
        .collect();
    let yes = json!(true);
    assert_eq!(
        told,
        [
            (json!(null), json!("synced"), json!(false), yes.clone()),
            (json!("金庫の鍵"), json!("one_device"), yes.clone(), yes),
        ]
    );
    assert_eq!(
        there.post("/api/unfreeze/start", json!({})).ok()["request"]["allowCredentials"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}

#[test]
fn adding_takes_a_passkey_that_was_shown_for_exactly_that() {
    let house = House::new();
    let (mut browser, mut phone) = customer(&house);
    // An answer to another act.
    let other = browser.post("/api/unfreeze/start", json!({})).ok();
    let answer = phone.get(&other["request"]);
    let tried = shown(json!({}), &other["step_up"], answer);
    assert_eq!(
        browser.post("/api/passkeys/add", tried).refusal(),
        "passkey_refused"
    );
    // The passkey of somebody else.
    let (mut neighbour, mut theirs) = (house.browser(Surface::Wallet), Authenticator::new(WALLET));
    neighbour.sign_up("riku@example.jp", &mut theirs);
    let tried = browser.post_fresh("/api/passkeys/add", json!({}), &mut theirs);
    assert_eq!(tried.refusal(), "passkey_refused");
    // What one owner was allowed is worth nothing to another, nor in another session, nor after five minutes.
    let begun = allowed_to_add(&mut browser, &mut phone);
    let finish = |made: Value| json!({ "registration": begun["registration"], "credential": made });
    let made = security_key(1).create(&begun["creation"]);
    assert_eq!(
        neighbour
            .post("/api/passkeys/finish", finish(made.clone()))
            .refusal(),
        "passkey_refused"
    );
    let mut elsewhere = house.browser(Surface::Wallet);
    elsewhere.sign_in(&mut phone).ok();
    elsewhere.cookies.insert(
        "__Host-mamori_browser".into(),
        browser.cookies["__Host-mamori_browser"].clone(),
    );
    assert_eq!(
        elsewhere
            .post("/api/passkeys/finish", finish(made))
            .refusal(),
        "passkey_refused",
        "the same browser, another session"
    );
    let begun = allowed_to_add(&mut browser, &mut phone);
    house.pass(300);
    let late = json!({
        "registration": begun["registration"],
        "credential": security_key(1).create(&begun["creation"]),
    });
    assert_eq!(
        browser.post("/api/passkeys/finish", late).refusal(),
        "passkey_refused"
    );
    assert_eq!(listed(&mut browser).len(), 1);
}

#[test]
fn a_passkey_that_belongs_to_somebody_is_added_to_nobody_else() {
    let house = House::new();
    let (mut browser, mut phone) = customer(&house);
    let begun = allowed_to_add(&mut browser, &mut phone);
    // The credential id is what the authenticator says it is.
    let mut twin = phone.clone();
    twin.forget_keys();
    let made = twin.create(&begun["creation"]);
    assert_eq!(id_of(&twin), id_of(&phone));
    let finish = json!({ "registration": begun["registration"], "credential": made });
    assert_eq!(
        browser.post("/api/passkeys/finish", finish).refusal(),
        "passkey_refused"
    );
    assert_eq!(listed(&mut browser).len(), 1);
}

#[test]
fn ten_passkeys_are_enough() {
    let house = House::new();
    let (mut browser, mut phone) = customer(&house);
    for serial in 1..10 {
        add(&mut browser, &mut phone, &mut security_key(serial), "鍵");
    }
    let refused = browser.post_fresh("/api/passkeys/add", json!({}), &mut phone);
    assert_eq!(refused.refusal(), "too_many_passkeys");
    assert_eq!(listed(&mut browser).len(), 10);
    // Whoever makes and removes them all day is stopped too.
    for round in 0..14 {
        let removed = listed(&mut browser)[9]["passkey"].clone();
        let body = json!({ "passkey": removed });
        browser
            .post_fresh("/api/passkeys/remove", body, &mut phone)
            .ok();
        house.pass(5);
        let begun = browser.post_fresh("/api/passkeys/add", json!({}), &mut phone);
        if begun.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(begun.refusal(), "passkeys_too_often");
            return;
        }
        let made = security_key(20 + round).create(&begun.body["creation"]);
        let finish = json!({ "registration": begun.body["registration"], "credential": made });
        browser.post("/api/passkeys/finish", finish).ok();
    }
    panic!("twenty passkeys in an hour, and more");
}

#[test]
fn the_owner_calls_a_passkey_what_they_like_and_nobody_else_does() {
    let house = House::new();
    let (mut browser, phone) = customer(&house);
    let body = |name: &str| json!({ "passkey": id_of(&phone), "name": name });
    let renamed = browser
        .post("/api/passkeys/rename", body("　そらの iPhone "))
        .ok();
    assert_eq!(renamed["passkeys"][0]["name"], "そらの iPhone");
    for wrong in ["", "   ", "a\u{202E}b", "\u{3164}", &"あ".repeat(41)] {
        let refused = browser.post("/api/passkeys/rename", body(wrong));
        assert_eq!(refused.refusal(), "invalid_field", "{wrong:?}");
        assert_eq!(refused.body["field"], "name");
    }
    for wrong in [json!(""), json!("%%"), json!(7), json!("A".repeat(2_000))] {
        let refused = browser.post(
            "/api/passkeys/rename",
            json!({ "passkey": wrong, "name": "鍵" }),
        );
        assert_eq!(refused.body["field"], "passkey", "{wrong}");
    }
    let (mut neighbour, mut theirs) = (house.browser(Surface::Wallet), Authenticator::new(WALLET));
    neighbour.sign_up("riku@example.jp", &mut theirs);
    let tried = neighbour.post("/api/passkeys/rename", body("盗んだ"));
    assert_eq!(tried.status, StatusCode::NOT_FOUND);
    assert_eq!(listed(&mut browser)[0]["name"], "そらの iPhone");
}

#[test]
fn a_removed_passkey_opens_nothing_and_the_sessions_that_it_opened_end() {
    let house = House::new();
    let (mut here, mut phone) = customer(&house);
    let mut key = security_key(1);
    add(&mut here, &mut phone, &mut key, "鍵");
    let (mut there, mut by_phone) = (
        house.browser(Surface::Wallet),
        house.browser(Surface::Wallet),
    );
    there.sign_in(&mut key).ok();
    by_phone.sign_in(&mut phone).ok();
    let counts: Vec<_> = (listed(&mut here).iter())
        .map(|row| row["sessions"].clone())
        .collect();
    assert_eq!(counts, [2, 1]);
    let code = here.post("/api/code", json!({})).ok();
    assert_eq!(code["code"].as_str().map(str::len), Some(24));

    let body = json!({ "passkey": id_of(&key) });
    let removed = here
        .post_fresh("/api/passkeys/remove", body.clone(), &mut phone)
        .ok();
    assert_eq!(
        (&removed["ended"], &removed["signed_out"]),
        (&json!(1), &json!(false))
    );
    assert_eq!(removed["signals"]["accepted"], json!([id_of(&phone)]));
    assert!(is_in(&mut here) && is_in(&mut by_phone) && !is_in(&mut there));
    assert_eq!(
        house.wallet_behind(&key),
        None,
        "the ledger names it no more"
    );
    assert_eq!(there.sign_in(&mut key).refusal(), "passkey_unknown");
    let again = here.post_fresh("/api/passkeys/remove", body, &mut phone);
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    // A row stays so that no race revives it; nothing of the key is in it.
    assert_eq!(listed(&mut here).len(), 1);
}

#[test]
fn whoever_removes_the_passkey_of_this_session_is_signed_out() {
    let house = House::new();
    let (mut here, mut phone) = customer(&house);
    let mut key = security_key(1);
    add(&mut here, &mut phone, &mut key, "鍵");
    let body = json!({ "passkey": id_of(&phone) });
    let removed = here.post_fresh("/api/passkeys/remove", body, &mut key).ok();
    assert_eq!(removed["signed_out"], true);
    assert!(!is_in(&mut here));
    here.sign_in(&mut key).ok();
    assert!(is_in(&mut here));
}

#[test]
fn the_last_passkey_stays() {
    let house = House::new();
    let (mut here, mut phone) = customer(&house);
    let body = |of: &Authenticator| json!({ "passkey": id_of(of) });
    let refused = here.post_fresh("/api/passkeys/remove", body(&phone), &mut phone);
    assert_eq!(refused.refusal(), "last_factor");
    assert!(is_in(&mut here), "nothing has happened");
    here.sign_in(&mut phone).ok();
    let mut key = security_key(1);
    add(&mut here, &mut phone, &mut key, "鍵");
    here.post_fresh("/api/passkeys/remove", body(&phone), &mut phone)
        .ok();
    here.sign_in(&mut key).ok();
    let refused = here.post_fresh("/api/passkeys/remove", body(&key), &mut key);
    assert_eq!(refused.refusal(), "last_factor");
}

#[test]
fn a_passkey_shown_to_remove_one_removes_no_other() {
    let house = House::new();
    let (mut here, mut phone) = customer(&house);
    let (mut first, mut second) = (security_key(1), security_key(2));
    add(&mut here, &mut phone, &mut first, "1");
    add(&mut here, &mut phone, &mut second, "2");
    let body = |of: &Authenticator| json!({ "passkey": id_of(of) });
    let begun = here.post("/api/passkeys/remove", body(&first)).ok();
    let answer = phone.get(&begun["request"]);
    let other = shown(body(&second), &begun["step_up"], answer);
    assert_eq!(
        here.post("/api/passkeys/remove", other).refusal(),
        "passkey_refused"
    );
    assert_eq!(listed(&mut here).len(), 3);
    let (mut neighbour, mut theirs) = (house.browser(Surface::Wallet), Authenticator::new(WALLET));
    neighbour.sign_up("riku@example.jp", &mut theirs);
    let tried = neighbour.post_fresh("/api/passkeys/remove", body(&first), &mut theirs);
    assert_eq!(tried.status, StatusCode::NOT_FOUND);
    assert_eq!(listed(&mut here).len(), 3);
}

/// A browser that hears "unknown" forgets the passkey for good: it must hear it of nothing else.
#[test]
fn unknown_is_said_of_what_was_never_there_or_was_removed_and_of_nothing_else() {
    let house = House::new();
    let (mut here, mut phone) = customer(&house);
    let mut key = security_key(1);
    add(&mut here, &mut phone, &mut key, "鍵");
    let mut never = Authenticator::new(WALLET);
    let of_nobody = json!({ "user": { "id": "AAAA" }, "rp": { "id": "wallet.localhost" }, "challenge": "AAAA" });
    never.create(&of_nobody);
    never.claim_to_be([1; 16]);
    let body = json!({ "passkey": id_of(&key) });
    here.post_fresh("/api/passkeys/remove", body, &mut phone)
        .ok();
    let mut there = house.browser(Surface::Wallet);
    let unknown = there.sign_in(&mut never);
    let removed = there.sign_in(&mut key);
    assert_eq!(unknown.refusal(), "passkey_unknown");
    assert_eq!(unknown.body, removed.body, "not told apart");
    // One that is there, whatever is wrong with the answer.
    let mut spoilt = phone.clone();
    spoilt.spoil_signature = true;
    assert_eq!(there.sign_in(&mut spoilt).refusal(), "passkey_refused");
    // At the console nobody is told whether a key is an operator's.
    let mut console = house.browser(Surface::Console);
    let mut stray = Authenticator::security_key(CONSOLE);
    stray.create(&json!({ "user": { "id": "AAAA" }, "rp": { "id": "console.localhost" }, "challenge": "AAAA" }));
    stray.claim_to_be([1; 16]);
    assert_eq!(console.sign_in(&mut stray).refusal(), "passkey_refused");
}

#[test]
fn a_passkey_that_is_just_being_made_is_not_called_unknown() {
    let house = House::new();
    let (_, mut phone) = customer(&house);
    // The program died between the row and the ledger's answer.
    let owner = house.registry().people().of_wallet(WalletId(1));
    let owner = owner.expect("it answers").expect("a customer").person;
    let mut made = Authenticator::new(WALLET);
    made.serial = 9;
    made.create(&json!({
        "user": { "id": URL_SAFE_NO_PAD.encode(owner.0) },
        "rp": { "id": "wallet.localhost" }, "challenge": "AAAA",
    }));
    let passkey = StoredPasskey {
        credential: made.newest_credential().to_vec(),
        passkey: "{}".into(),
        sign_count: 0,
    };
    let new = NewPasskey {
        owner: &owner,
        passkey: &passkey,
        name: None,
        agent: AgentFamily::Unknown,
    };
    let begun = (house.registry().passkeys()).begin_adding(&new, house.now(), &Seed::new([5; 32]));
    begun.expect("it answers").expect("there is room");
    let mut there = house.browser(Surface::Wallet);
    assert_eq!(there.sign_in(&mut made).refusal(), "passkey_refused");
    there.sign_in(&mut phone).ok();
    let listed = there.get("/api/passkeys").ok();
    assert_eq!(listed["passkeys"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        listed["signals"]["accepted"].as_array().map(Vec::len),
        Some(2),
        "no browser is told to forget it"
    );
}

#[test]
fn counter_and_backup_flags_are_read_again_at_each_sign_in() {
    let house = House::new();
    let (mut browser, mut phone) = customer(&house);
    phone.backed_up = false;
    browser.sign_in(&mut phone).ok();
    assert_eq!(listed(&mut browser)[0]["kept"], "not_synced_yet");
    phone.backed_up = true;
    browser.sign_in(&mut phone).ok();
    assert_eq!(listed(&mut browser)[0]["kept"], "synced");
    // A key that was bound to its device stays so: one that says otherwise later is another key, and so is one that does not count.
    let mut key = security_key(1);
    add(&mut browser, &mut phone, &mut key, "鍵");
    browser.sign_in(&mut key).ok();
    key.counter_step = 0;
    let twin = browser.sign_in(&mut key);
    assert_eq!(twin.refusal(), "passkey_refused", "the counter stands");
    key.counter_step = 1;
    key.backup_eligible = true;
    assert_eq!(browser.sign_in(&mut key).refusal(), "passkey_refused");
    let stored = house
        .registry()
        .factors()
        .find_passkey(Surface::Wallet, key.newest_credential());
    let (_, _, stored) = stored.expect("it answers").expect("active");
    assert_eq!(KeptWhere::of(&stored), Some(KeptWhere::OneDevice));
    assert!(stored.sign_count > 1);
}

#[test]
fn a_frozen_wallet_takes_a_new_passkey_and_stays_frozen() {
    let house = House::new();
    let (mut browser, mut phone) = customer(&house);
    browser.post("/api/freeze", json!({})).ok();
    add(&mut browser, &mut phone, &mut security_key(1), "新しい電話");
    assert_eq!(listed(&mut browser).len(), 2);
    assert!(house.wallet(WalletId(1)).frozen);
}

#[test]
fn password_managers_are_told_where_passkeys_are_looked_after() {
    let house = House::new();
    let mut visitor = house.browser(Surface::Wallet);
    let told = visitor.get("/.well-known/passkey-endpoints");
    assert_eq!(told.status, StatusCode::OK);
    let page = format!("{WALLET}/#passkeys");
    assert_eq!(told.body, json!({ "enroll": page, "manage": page }));
    assert_eq!(told.headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(told.headers[header::CACHE_CONTROL], "public, max-age=86400");
    let mut console = house.browser(Surface::Console);
    let none = console.get("/.well-known/passkey-endpoints");
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[test]
fn the_console_sees_how_many_there_are() {
    let house = House::new();
    let (mut browser, mut phone) = customer(&house);
    add(&mut browser, &mut phone, &mut security_key(1), "鍵");
    let (mut operator, _) = house.operator(1);
    let wallet = operator.get("/api/wallets/1").ok();
    assert_eq!(wallet["passkeys"], 2);
    assert!(!wallet.to_string().contains(&id_of(&phone)), "{wallet}");
}

/// A session that the program of before began does not say what opened it.
#[test]
fn a_session_of_before_ends_with_any_passkey_but_where_another_was_just_shown() {
    let house = House::new();
    let (mut here, mut phone) = customer(&house);
    let mut key = security_key(1);
    add(&mut here, &mut phone, &mut key, "鍵");
    let (mut older, mut oldest) = (
        house.session_of_before(WalletId(1), 40),
        house.session_of_before(WalletId(1), 41),
    );
    assert!(is_in(&mut older) && is_in(&mut oldest));
    let body = json!({ "passkey": id_of(&key) });
    let removed = older
        .post_fresh("/api/passkeys/remove", body, &mut phone)
        .ok();
    assert_eq!(
        (&removed["ended"], &removed["signed_out"]),
        (&json!(1), &json!(false))
    );
    assert!(is_in(&mut older) && is_in(&mut here) && !is_in(&mut oldest));
}

#[test]
fn the_journal_says_which_passkey_opened_the_session() {
    let house = House::new();
    let (mut browser, phone) = customer(&house);
    browser.post("/api/freeze", json!({})).ok();
    let credential = house
        .registry()
        .fingerprint("credential", phone.newest_credential());
    let engine = house.engine();
    engine.await_views().expect("they follow");
    let frozen = engine.read(|reader| {
        let wanted = Wanted::Subject(Subject::Wallet(WalletId(1)));
        Ok(acts::list(reader.views(), wanted, None, 1)?.remove(0))
    });
    match frozen.expect("it is listed").context.by {
        Actor::Customer { credential: by, .. } => assert_eq!(by, Some(credential)),
        other => panic!("{other:?}"),
    }
}
