//! A customer closes the wallet: it is stopped, staff read how the money is wanted, and the customer may think again.

use mamori_registry::Surface;
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::house::{Browser, House, WALLET, shown};

const BANK: &str = "みらい銀行 本店 普通 1234567 サトウ ソラ";

fn customer(house: &House) -> (Browser<'_>, Authenticator) {
    let (mut phone, mut passkey) = (house.browser(Surface::Wallet), Authenticator::new(WALLET));
    phone.sign_up("sora@example.jp", &mut passkey);
    (phone, passkey)
}

fn ask(phone: &mut Browser, passkey: &mut Authenticator) -> Value {
    phone
        .post_fresh("/api/closing", json!({ "payout": BANK }), passkey)
        .ok()
}

#[test]
fn who_asks_is_stopped_at_once_and_staff_read_how_the_money_is_wanted() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    let (mut phone, mut passkey) = customer(&house);
    assert_eq!(
        phone.get("/api/closing").ok(),
        json!({ "asked_at_ms": null })
    );
    ask(&mut phone, &mut passkey);
    let wallet = house.wallet_behind(&passkey).expect("a wallet");
    assert!(house.wallet(wallet).frozen);
    assert!(phone.get("/api/closing").ok()["asked_at_ms"].is_i64());
    let listed = console.get("/api/closings").ok();
    let [one] = listed["closings"].as_array().expect("a list").as_slice() else {
        panic!("{listed}");
    };
    assert_eq!(one["wallet_id"], wallet.to_string());
    assert_eq!((&one["payout"], &one["balance"]), (&json!(BANK), &json!(0)));
}

#[test]
fn the_passkey_is_shown_for_these_very_words() {
    let house = House::new();
    let (mut phone, mut passkey) = customer(&house);
    let begun = phone.post("/api/closing", json!({ "payout": BANK })).ok();
    let credential = passkey.get(&begun["request"]);
    let other = json!({ "payout": "ほかの銀行 普通 7654321" });
    let refused = phone.post("/api/closing", shown(other, &begun["step_up"], credential));
    assert_eq!(refused.refusal(), "passkey_refused");
    let empty = phone.post("/api/closing", json!({ "payout": " " }));
    assert_eq!(empty.body["field"], "payout");
    assert!(phone.get("/api/closing").ok()["asked_at_ms"].is_null());
}

#[test]
fn who_thinks_again_keeps_the_wallet_and_starts_it_with_the_passkey() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    let (mut phone, mut passkey) = customer(&house);
    let nothing = phone.post("/api/closing/withdraw", json!({}));
    assert_eq!(nothing.refusal(), "not_found");
    ask(&mut phone, &mut passkey);
    phone.post("/api/closing/withdraw", json!({})).ok();
    assert_eq!(console.get("/api/closings").ok(), json!({ "closings": [] }));
    let wallet = house.wallet_behind(&passkey).expect("a wallet");
    assert!(house.wallet(wallet).frozen, "only the passkey starts it");
}

#[test]
fn the_request_goes_with_the_person() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    let (mut phone, mut passkey) = customer(&house);
    ask(&mut phone, &mut passkey);
    let wallet = house.wallet_behind(&passkey).expect("a wallet");
    let begun = house.registry().erasures().begin(wallet, house.now());
    begun.expect("the registry answers").expect("a person");
    assert_eq!(console.get("/api/closings").ok(), json!({ "closings": [] }));
}
