//! How a customer is told what, and what happens when the owner says: this was not me.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_registry::{NotMe, Surface};
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::house::{Browser, House, PUSH_SERVICE, WALLET};

fn customer(house: &House) -> (Browser<'_>, Authenticator) {
    let (mut phone, mut passkey) = (house.browser(Surface::Wallet), Authenticator::new(WALLET));
    phone.sign_up("sora@example.jp", &mut passkey);
    (phone, passkey)
}

/// As a browser subscribes; its key is the base point of the curve.
pub fn subscription(path: &str) -> Value {
    let point =
        "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU";
    json!({ "endpoint": format!("{PUSH_SERVICE}{path}"), "p256dh": point, "auth": URL_SAFE_NO_PAD.encode([7; 16]) })
}

/// The secret of a notice that the wallet's owner was sent just now.
fn link(house: &House, passkey: &Authenticator) -> String {
    let wallet = house.wallet_behind(passkey).expect("a wallet");
    let told_at = house.now();
    let secret = (house.registry().notices()).not_me_secret(&NotMe { wallet, told_at });
    URL_SAFE_NO_PAD.encode(secret)
}

fn is_frozen(house: &House, passkey: &Authenticator) -> bool {
    let wallet = house.wallet_behind(passkey).expect("a wallet");
    house.wallet(wallet).frozen
}

#[test]
fn a_customer_chooses_the_ways_of_money_and_a_browser_takes_push() {
    let house = House::new();
    let (mut phone, _) = customer(&house);
    let state = phone.get("/api/notices").ok();
    assert_eq!(
        state["money"],
        json!({ "push": true, "mail": false, "sms": false })
    );
    assert_eq!(
        (&state["browsers"], &state["mail_contacts"]),
        (&json!([]), &json!(1))
    );

    phone
        .post("/api/notices/push/add", subscription("/push/1"))
        .ok();
    let choice = json!({
        "money_push": true, "money_mail": true, "money_sms": false, "safety_push": false, "locale": "en",
    });
    phone.post("/api/notices/choose", choice).ok();
    let state = phone.get("/api/notices").ok();
    assert_eq!(
        state["money"],
        json!({ "push": true, "mail": true, "sms": false })
    );
    assert_eq!(state["safety"], json!({ "push": false }));
    assert_eq!(state["locale"], "en");
    assert_eq!(state["browsers"][0]["here"], true);

    // The same browser with another address is still one browser.
    phone
        .post("/api/notices/push/add", subscription("/push/2"))
        .ok();
    let state = phone.get("/api/notices").ok();
    let browsers = state["browsers"].as_array().expect("a list");
    assert_eq!(browsers.len(), 1);
    let gone = json!({ "push_id": browsers[0]["push_id"] });
    phone.post("/api/notices/push/remove", gone.clone()).ok();
    assert_eq!(
        phone.post("/api/notices/push/remove", gone).status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(phone.get("/api/notices").ok()["browsers"], json!([]));
}

#[test]
fn an_address_that_is_no_push_service_is_refused_by_its_field() {
    let house = House::new();
    let (mut phone, _) = customer(&house);
    for (field, wrong) in [
        ("endpoint", json!("https://evil.example/push")),
        ("endpoint", json!("http://169.254.169.254/latest/meta-data")),
        ("endpoint", json!("http://127.0.0.1:22/")),
        ("p256dh", json!("AAAA")),
        ("p256dh", json!(URL_SAFE_NO_PAD.encode([4; 65]))),
        ("auth", json!("AAAA")),
    ] {
        let mut asked = subscription("/push/1");
        asked[field] = wrong.clone();
        let answer = phone.post("/api/notices/push/add", asked);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
        assert_eq!(answer.body["field"], field, "{wrong}");
    }
    assert_eq!(phone.get("/api/notices").ok()["browsers"], json!([]));
}

#[test]
fn whoever_is_signed_out_of_a_browser_gets_no_notices_there() {
    let house = House::new();
    let (mut phone, mut passkey) = customer(&house);
    phone
        .post("/api/notices/push/add", subscription("/push/1"))
        .ok();
    phone.post("/api/sign-out", json!({})).ok();
    phone.sign_in(&mut passkey).ok();
    assert_eq!(phone.get("/api/notices").ok()["browsers"], json!([]));
}

#[test]
fn this_was_not_me_stops_the_wallet_once_and_tells_the_operators() {
    let house = House::new();
    let (mut phone, mut passkey) = customer(&house);
    let secret = link(&house, &passkey);
    house.pass(3_600);
    let mut anywhere = house.browser(Surface::Wallet);
    anywhere
        .post("/api/not-me", json!({ "secret": secret }))
        .ok();
    assert!(is_frozen(&house, &passkey));
    assert_eq!(phone.get("/api/home").refusal(), "signed_out");

    // The owner starts it again: the link is used up.
    phone.sign_in(&mut passkey).ok();
    let begun = phone.post("/api/unfreeze/start", json!({})).ok();
    let credential = passkey.get(&begun["request"]);
    let shown = json!({ "step_up": begun["step_up"], "credential": credential });
    phone.post("/api/unfreeze/finish", shown).ok();
    let again = anywhere.post("/api/not-me", json!({ "secret": secret }));
    assert_eq!(again.refusal(), "notice_link_refused");
    assert!(!is_frozen(&house, &passkey));

    let (mut console, _) = house.operator(1);
    let open = console.get("/api/denied-notices").ok();
    let denied = &open["denied"][0];
    assert_eq!(denied["frozen"], true);
    assert!(denied["denied_at_ms"].as_i64() > denied["told_at_ms"].as_i64());
    let close = json!({ "notice": denied["notice"] });
    console
        .post("/api/denied-notices/close", close.clone())
        .ok();
    assert_eq!(console.get("/api/denied-notices").ok()["denied"], json!([]));
    assert_eq!(
        console.post("/api/denied-notices/close", close).status,
        StatusCode::NOT_FOUND
    );
}

#[test]
fn a_link_that_is_none_of_ours_or_a_week_old_stops_nothing() {
    let house = House::new();
    let (_, passkey) = customer(&house);
    let secret = link(&house, &passkey);
    let mut anywhere = house.browser(Surface::Wallet);
    let mut forged = URL_SAFE_NO_PAD.decode(&secret).expect("bytes");
    forged[7] ^= 1;
    for wrong in [
        URL_SAFE_NO_PAD.encode(&forged),
        URL_SAFE_NO_PAD.encode([0; 28]),
    ] {
        let answer = anywhere.post("/api/not-me", json!({ "secret": wrong }));
        assert_eq!(answer.refusal(), "notice_link_refused");
    }
    for malformed in ["", "x", "AAAA"] {
        let answer = anywhere.post("/api/not-me", json!({ "secret": malformed }));
        assert_eq!(answer.body["field"], "secret");
    }
    house.pass(7 * 86_400 - 120);
    // Almost a week: whoever was on a journey is still in time.
    assert!(!is_frozen(&house, &passkey));
    house.pass(240);
    let late = anywhere.post("/api/not-me", json!({ "secret": secret }));
    assert_eq!(late.refusal(), "notice_link_refused");
    assert!(!is_frozen(&house, &passkey));
}

#[test]
fn opening_the_page_of_a_notice_does_nothing() {
    let house = House::new();
    let (mut phone, passkey) = customer(&house);
    let secret = link(&house, &passkey);
    for path in [
        format!("/not-me?{secret}"),
        format!("/api/not-me?secret={secret}"),
    ] {
        let _ = phone.get(&path);
    }
    assert!(!is_frozen(&house, &passkey));
}

#[test]
fn an_operator_changes_what_a_notice_says_sees_it_first_and_brings_the_built_in_words_back() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    let of = |console: &mut Browser, kind: &str| {
        let all = console.get("/api/templates").ok();
        let kinds = all["kinds"].as_array().expect("a list").clone();
        kinds
            .into_iter()
            .find(|one| one["kind"] == kind)
            .expect("the kind")
    };
    let built_in = of(&mut console, "top_up");
    assert_eq!(
        (&built_in["ja"]["own"], &built_in["ja"]["version"]),
        (&json!(false), &json!(0))
    );

    let words = json!({
        "kind": "top_up", "locale": "ja", "subject": "チャージ完了", "text": "{when} {amount}をチャージ。\n停止はこちら {link}",
    });
    let seen = console.post("/api/templates/preview", words.clone()).ok();
    let text = seen["text"].as_str().expect("a text");
    assert!(
        text.starts_with("【Mamori】") && text.contains("1,200円をチャージ。"),
        "{text}"
    );
    assert!(text.contains(&format!("{WALLET}/not-me#")), "{text}");
    assert!(!seen["push_body"].as_str().expect("a text").contains("http"));
    assert_eq!(seen["sms_parts"], 2);

    console
        .post_fresh("/api/templates/set", words, &mut key)
        .ok();
    let changed = of(&mut console, "top_up");
    assert_eq!(changed["ja"]["subject"], "チャージ完了");
    assert_eq!(
        (&changed["ja"]["own"], &changed["ja"]["version"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(changed["en"], built_in["en"]);

    let which = json!({ "kind": "top_up", "locale": "ja" });
    console
        .post_fresh("/api/templates/reset", which, &mut key)
        .ok();
    let again = of(&mut console, "top_up");
    assert_eq!(again["ja"]["subject"], built_in["ja"]["subject"]);
    assert_eq!(again["ja"]["version"], 2);
}

#[test]
fn words_that_would_lead_elsewhere_are_refused_before_the_passkey_is_asked_for() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    for (text, code) in [
        (
            "詳しくは https://evil.example {link}",
            "template_other_link",
        ),
        ("残高は{balance}です {link}", "template_value"),
        ("リンクなし", "template_link"),
    ] {
        for path in ["/api/templates/preview", "/api/templates/set"] {
            let words =
                json!({ "kind": "payment", "locale": "ja", "subject": "件名", "text": text });
            assert_eq!(console.post(path, words).refusal(), code, "{path} {text}");
        }
    }
}
