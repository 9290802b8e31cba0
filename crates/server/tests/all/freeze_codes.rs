//! A code on paper stops a wallet: for an owner whose phone is gone, from any browser, without signing in.

use axum::body::Body;
use axum::http::{StatusCode, header};
use mamori_registry::{SavedCode, Seed, Surface};
use mamori_server::listen::Cord;
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::house::{Answer, Browser, House, WALLET};

/// One that could be somebody's.
fn wrong_code() -> String {
    SavedCode::draw(&Seed::new([66; 32]), "a guess")
        .shown()
        .to_string()
}

fn customer(house: &House) -> (Browser<'_>, Authenticator) {
    let (mut phone, mut passkey) = (house.browser(Surface::Wallet), Authenticator::new(WALLET));
    phone.sign_up("sora@example.jp", &mut passkey);
    (phone, passkey)
}

fn make(phone: &mut Browser, passkey: &mut Authenticator) -> String {
    let made = phone
        .post_fresh("/api/freeze-code", json!({}), passkey)
        .ok();
    made["code"].as_str().expect("a code").to_owned()
}

/// Somebody at a friend's computer types a code.
fn typed(house: &House, code: &str) -> Answer {
    let mut anywhere = house.browser(Surface::Wallet);
    anywhere.post("/api/freeze-by-code", json!({ "code": code }))
}

fn is_frozen(house: &House, passkey: &Authenticator) -> bool {
    let wallet = house.wallet_behind(passkey).expect("a wallet");
    house.wallet(wallet).frozen
}

#[test]
fn whoever_has_the_code_stops_the_wallet_and_whoever_holds_the_phone_is_signed_out() {
    let house = House::new();
    let (mut phone, mut passkey) = customer(&house);
    let before = phone.get("/api/freeze-code").ok();
    assert_eq!(before, json!({ "made_at_ms": null, "used_at_ms": null }));
    let code = make(&mut phone, &mut passkey);
    house.pass(60);
    typed(&house, &code.to_lowercase().replace('-', " ")).ok();
    assert!(is_frozen(&house, &passkey));
    assert_eq!(phone.get("/api/home").refusal(), "signed_out");

    // The owner comes back, sees what happened, and starts the wallet again with the passkey.
    phone.sign_in(&mut passkey).ok();
    let state = phone.get("/api/freeze-code").ok();
    assert!(
        state["used_at_ms"].as_i64() > state["made_at_ms"].as_i64(),
        "{state}"
    );
    house.follow();
    let activity = phone.get("/api/activity").ok();
    let acts = activity["acts"].as_array().expect("a list");
    let words: Vec<&str> = acts.iter().filter_map(|act| act["what"].as_str()).collect();
    for word in ["use_freeze_code", "freeze", "make_freeze_code"] {
        assert!(words.contains(&word), "{word} of {words:?}");
    }
    let begun = phone.post("/api/unfreeze/start", json!({})).ok();
    let credential = passkey.get(&begun["request"]);
    let shown = json!({ "step_up": begun["step_up"], "credential": credential });
    phone.post("/api/unfreeze/finish", shown).ok();
    assert!(!is_frozen(&house, &passkey));

    // The paper is as good as before: she started the wallet, and the phone is gone again.
    typed(&house, &code).ok();
    assert!(is_frozen(&house, &passkey));
}

#[test]
fn a_right_code_and_a_wrong_one_get_the_same_answer() {
    let house = House::new();
    let (mut phone, mut passkey) = customer(&house);
    let code = make(&mut phone, &mut passkey);
    let (wrong, right) = (typed(&house, &wrong_code()), typed(&house, &code));
    assert_eq!(wrong.status, StatusCode::OK);
    assert_eq!((wrong.status, &wrong.body), (right.status, &right.body));
    let names = |answer: &Answer| {
        let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        names
    };
    assert_eq!(names(&wrong), names(&right));
    assert!(is_frozen(&house, &passkey));
}

#[test]
fn a_slip_of_the_finger_is_told_before_anything_is_looked_up() {
    let house = House::new();
    let (mut phone, mut passkey) = customer(&house);
    let code = make(&mut phone, &mut passkey);
    let other = if code.starts_with('7') { "8" } else { "7" };
    let slip = format!("{other}{}", &code[1..]);
    for mistyped in [&*slip, "", "12345", &code[..22], &format!("{code}0")] {
        let answer = typed(&house, mistyped);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{mistyped}");
        assert_eq!(answer.body["field"], "code", "{mistyped}");
    }
    assert!(!is_frozen(&house, &passkey));
}

#[test]
fn a_new_code_ends_the_one_before_and_takes_a_fresh_passkey() {
    let house = House::new();
    let (mut phone, mut passkey) = customer(&house);
    let first = make(&mut phone, &mut passkey);
    let begun = phone.post("/api/freeze-code", json!({})).ok();
    assert!(
        begun["code"].is_null(),
        "no code without the passkey: {begun}"
    );
    let second = make(&mut phone, &mut passkey);
    assert_ne!(first, second);
    typed(&house, &first).ok();
    assert!(!is_frozen(&house, &passkey));
    typed(&house, &second).ok();
    assert!(is_frozen(&house, &passkey));
}

#[test]
fn opening_the_page_stops_nothing() {
    let house = House::new();
    let (mut phone, mut passkey) = customer(&house);
    make(&mut phone, &mut passkey);
    let mut anywhere = house.browser(Surface::Wallet);
    for path in ["/freeze", "/api/freeze-by-code"] {
        anywhere.get(path);
    }
    assert!(!is_frozen(&house, &passkey));
    assert_eq!(phone.get("/api/home").status, StatusCode::OK);
}

#[test]
fn the_code_of_somebody_who_was_erased_stops_nothing() {
    let house = House::new();
    let (mut phone, mut passkey) = customer(&house);
    let code = make(&mut phone, &mut passkey);
    let wallet = house.wallet_behind(&passkey).expect("a wallet");
    (house.registry().erasures())
        .begin(wallet, house.now())
        .expect("the registry answers");
    typed(&house, &code).ok();
    assert!(!house.wallet(wallet).frozen);
}

#[test]
fn who_types_code_after_code_waits_and_others_do_not() {
    let house = House::behind(&["10.0.0.0/24"]);
    let (mut phone, mut passkey) = customer(&house);
    let code = make(&mut phone, &mut passkey);
    let from = |address: &str, code: &str| {
        let mut anywhere = house.browser(Surface::Wallet);
        let request = anywhere.request("POST", "/api/freeze-by-code");
        let request = request
            .header("x-forwarded-for", address)
            .extension(Cord::of_peer("10.0.0.1".parse().expect("an address")))
            .header(header::CONTENT_TYPE, "application/json");
        let body = Body::from(json!({ "code": code }).to_string());
        let answer = anywhere.send(request.body(body).expect("a request"));
        Value::from(answer.refusal())
    };
    let guesses: Vec<Value> = (0..11)
        .map(|_| from("198.51.100.9", &wrong_code()))
        .collect();
    assert_eq!(guesses[9], "");
    assert_eq!(guesses[10], "freeze_codes_wait");
    assert_eq!(from("203.0.113.7", &code), "");
    assert!(is_frozen(&house, &passkey));
}
