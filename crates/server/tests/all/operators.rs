//! Operators: the link, the key that stays on its device, the short session.

use axum::http::StatusCode;
use mamori_registry::{Aal, AuthMethod, Role, Seed, Surface, token_hash};
use mamori_server::cookies::decode_token;
use mamori_server::cookies::encode_token;
use mamori_server::http::operators::operator_link;
use serde_json::json;

use crate::authenticator::Authenticator;
use crate::house::{Browser, CONSOLE, House, WALLET};

fn invite(house: &House) -> String {
    encode_token(
        &house
            .registry()
            .operators()
            .invite("運用 一郎", Role::Admin, house.now(), &Seed::new([3; 32]))
            .expect("the registry answers"),
    )
}

fn redeem(browser: &mut Browser, link: &str, authenticator: &mut Authenticator) -> String {
    let begun = browser.post("/api/operators/redeem", json!({ "link": link }));
    if begun.status != StatusCode::OK {
        return begun.refusal().to_owned();
    }
    let credential = authenticator.create(&begun.body["creation"]);
    browser
        .post(
            "/api/operators/finish",
            json!({ "link": link, "credential": credential }),
        )
        .refusal()
        .to_owned()
}

#[test]
fn the_first_operator_comes_by_a_link_and_later_by_passkey() {
    let house = House::new();
    let (mut browser, mut key) = (
        house.browser(Surface::Console),
        Authenticator::security_key(CONSOLE),
    );
    assert_eq!(redeem(&mut browser, &invite(&house), &mut key), "");
    assert_eq!(browser.get("/api/me").ok()["name"], "運用 一郎");
    let token = decode_token(&browser.cookies["__Host-mamori_console"]).expect("a token");
    let session = house
        .registry()
        .sessions()
        .find(Surface::Console, &token_hash(&token))
        .expect("the registry answers")
        .expect("signed in");
    assert_eq!(
        (session.method, session.assurance),
        (AuthMethod::OperatorLink, Aal::Two)
    );
    browser.post("/api/sign-out", json!({})).ok();
    assert_eq!(browser.get("/api/me").status, StatusCode::UNAUTHORIZED);
    browser.sign_in(&mut key).ok();
    assert_eq!(browser.get("/api/me").status, StatusCode::OK);
}

#[test]
fn a_link_works_once_and_for_a_day() {
    let house = House::new();
    let link = invite(&house);
    let (mut browser, mut key) = (
        house.browser(Surface::Console),
        Authenticator::security_key(CONSOLE),
    );
    assert_eq!(redeem(&mut browser, &link, &mut key), "");
    assert_eq!(
        redeem(&mut house.browser(Surface::Console), &link, &mut key),
        "link_refused"
    );
    assert_eq!(
        redeem(&mut browser, &"A".repeat(43), &mut key),
        "link_refused"
    );
    let house = House::new();
    let late = invite(&house);
    house.pass(86_400);
    assert_eq!(
        redeem(&mut house.browser(Surface::Console), &late, &mut key),
        "link_refused"
    );
}

#[test]
fn two_who_hold_one_link_make_one_passkey() {
    let house = House::new();
    let link = invite(&house);
    let (mut one, mut two) = (
        house.browser(Surface::Console),
        house.browser(Surface::Console),
    );
    let (mut first, mut second) = (
        Authenticator::security_key(CONSOLE),
        Authenticator::security_key(CONSOLE),
    );
    let begun = one
        .post("/api/operators/redeem", json!({ "link": link }))
        .ok();
    // The second beginning takes the ceremony over; the first holder begins again, and finds the link used.
    assert_eq!(redeem(&mut two, &link, &mut second), "");
    let answer = json!({ "link": link, "credential": first.create(&begun["creation"]) });
    assert_eq!(
        one.post("/api/operators/finish", answer).refusal(),
        "passkey_refused"
    );
    assert_eq!(redeem(&mut one, &link, &mut first), "link_refused");
}

#[test]
fn an_operators_key_is_no_synchronised_passkey() {
    let house = House::new();
    let mut browser = house.browser(Surface::Console);
    assert_eq!(
        redeem(
            &mut browser,
            &invite(&house),
            &mut Authenticator::new(CONSOLE)
        ),
        "passkey_refused"
    );
    assert_eq!(browser.get("/api/me").status, StatusCode::UNAUTHORIZED);
}

#[test]
fn a_customers_passkey_opens_no_console() {
    let house = House::new();
    let mut authenticator = Authenticator::new(WALLET);
    house
        .browser(Surface::Wallet)
        .sign_up("sora@example.jp", &mut authenticator);
    authenticator.origin = CONSOLE.into();
    assert_eq!(
        house
            .browser(Surface::Console)
            .sign_in(&mut authenticator)
            .refusal(),
        "passkey_refused"
    );
}

#[test]
fn an_operators_session_ends_after_fifteen_idle_minutes_and_after_twelve_hours() {
    let house = House::new();
    let (mut browser, mut key) = (
        house.browser(Surface::Console),
        Authenticator::security_key(CONSOLE),
    );
    assert_eq!(redeem(&mut browser, &invite(&house), &mut key), "");
    house.pass(899);
    assert_eq!(browser.get("/api/me").status, StatusCode::OK);
    house.pass(900);
    assert_eq!(browser.get("/api/me").status, StatusCode::UNAUTHORIZED);
    browser.sign_in(&mut key).ok();
    for _ in 0..71 {
        house.pass(600);
        assert_eq!(browser.get("/api/me").status, StatusCode::OK);
    }
    house.pass(600);
    assert_eq!(browser.get("/api/me").status, StatusCode::UNAUTHORIZED);
}

#[test]
fn a_cloned_security_key_is_refused() {
    let house = House::new();
    let (mut browser, mut key) = (
        house.browser(Surface::Console),
        Authenticator::security_key(CONSOLE),
    );
    assert_eq!(redeem(&mut browser, &invite(&house), &mut key), "");
    let mut clone = key.clone();
    browser.sign_in(&mut key).ok();
    assert_eq!(
        house
            .browser(Surface::Console)
            .sign_in(&mut clone)
            .refusal(),
        "passkey_refused"
    );
}

#[test]
fn a_link_keeps_its_secret_out_of_requests() {
    let link = operator_link(CONSOLE, &[0; 32]);
    let (address, secret) = link.split_once('#').expect("a fragment");
    assert_eq!(
        (address, secret.len()),
        ("http://console.localhost:4002/", "link=".len() + 43)
    );
}

/// What the console lists: name, whether registered, and the id.
fn listed(browser: &mut Browser) -> Vec<(String, bool, String)> {
    let shown = browser.get("/api/operators").ok();
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let list = shown["operators"].as_array().expect("a list").iter();
    list.map(|one| {
        (
            text(&one["name"]),
            one["active"] == json!(true),
            text(&one["operator"]),
        )
    })
    .collect()
}

/// The id of the one who is called so.
fn id_of(browser: &mut Browser, name: &str) -> String {
    let found = listed(browser).into_iter().find(|one| one.0 == name);
    found.expect("listed").2
}

#[test]
fn an_operator_invites_another_one_with_a_fresh_passkey() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    house.pass(1);
    let invitation = json!({ "name": "運用 二郎", "role": "admin" });
    let invited = console
        .post_fresh("/api/operators/invite", invitation, &mut key)
        .ok();
    let link = invited["link"].as_str().expect("a link").to_owned();
    assert_eq!(
        invited["ends_at_ms"],
        json!(house.now().plus_seconds(86_400).millis())
    );
    let names: Vec<_> = listed(&mut console)
        .into_iter()
        .map(|(name, active, _)| (name, active))
        .collect();
    assert_eq!(
        names,
        [("運用 1".to_owned(), true), ("運用 二郎".to_owned(), false)]
    );
    let (mut second, mut second_key) = (
        house.browser(Surface::Console),
        Authenticator::security_key(CONSOLE),
    );
    assert_eq!(redeem(&mut second, &link, &mut second_key), "");
    assert_eq!(second.get("/api/me").ok()["name"], "運用 二郎");
    assert!(listed(&mut console).iter().all(|(_, active, _)| *active));
}

#[test]
fn a_removed_operator_is_out_at_once_and_stays_out() {
    let house = House::new();
    let ((mut console, mut key), (mut leaving, mut leaving_key)) =
        (house.operator(1), house.operator(2));
    // Mid-way through an act of their own.
    let begun = leaving
        .post(
            "/api/operators/invite",
            json!({ "name": "x", "role": "admin" }),
        )
        .ok();
    let credential = leaving_key.get(&begun["request"]);
    let id = id_of(&mut console, "運用 2");
    console
        .post_fresh("/api/operators/remove", json!({ "operator": id }), &mut key)
        .ok();
    assert_eq!(leaving.get("/api/me").status, StatusCode::UNAUTHORIZED);
    let late = crate::house::shown(
        json!({ "name": "x", "role": "admin" }),
        &begun["step_up"],
        credential,
    );
    assert_eq!(
        leaving.post("/api/operators/invite", late).status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        leaving.sign_in(&mut leaving_key).refusal(),
        "passkey_refused"
    );
    assert_eq!(listed(&mut console).len(), 1);
    let again = console.post_fresh("/api/operators/remove", json!({ "operator": id }), &mut key);
    assert_eq!(again.status, StatusCode::NOT_FOUND);
}

#[test]
fn a_withdrawn_invitation_opens_nothing() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    let link = invite(&house);
    let id = id_of(&mut console, "運用 一郎");
    let (mut guest, mut guest_key) = (
        house.browser(Surface::Console),
        Authenticator::security_key(CONSOLE),
    );
    let begun = guest
        .post("/api/operators/redeem", json!({ "link": link }))
        .ok();
    console
        .post_fresh("/api/operators/remove", json!({ "operator": id }), &mut key)
        .ok();
    let answer = json!({ "link": link, "credential": guest_key.create(&begun["creation"]) });
    assert_eq!(
        guest.post("/api/operators/finish", answer).refusal(),
        "link_refused"
    );
    assert_eq!(redeem(&mut guest, &link, &mut guest_key), "link_refused");
}

#[test]
fn the_last_operator_stays_though_somebody_was_invited() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    invite(&house);
    let own = id_of(&mut console, "運用 1");
    let leave = json!({ "operator": own });
    let refused = console.post_fresh("/api/operators/remove", leave.clone(), &mut key);
    assert_eq!(refused.refusal(), "last_admin");
    console.get("/api/me").ok();
    // With another one in the house they may go, and are out.
    let (mut other, _) = house.operator(2);
    console
        .post_fresh("/api/operators/remove", leave, &mut key)
        .ok();
    assert_eq!(console.get("/api/me").status, StatusCode::UNAUTHORIZED);
    other.get("/api/me").ok();
}

#[test]
fn only_operators_invite_and_remove() {
    let house = House::new();
    let mut browser = house.browser(Surface::Console);
    assert_eq!(
        browser.get("/api/operators").status,
        StatusCode::UNAUTHORIZED
    );
    for path in ["/api/operators/invite", "/api/operators/remove"] {
        let reply = browser.post(path, json!({ "name": "x", "operator": "A".repeat(22) }));
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

/// The own passkeys: what each is called on the wire, oldest first.
fn own_passkeys(console: &mut Browser) -> Vec<String> {
    let listed = console.get("/api/own-passkeys").ok();
    let rows = listed["passkeys"].as_array().expect("a list").iter();
    rows.map(|one| one["passkey"].as_str().expect("an id").to_owned())
        .collect()
}

/// A security key beside the first one.
fn spare_key(serial: u8) -> Authenticator {
    let mut key = Authenticator::security_key(CONSOLE);
    key.serial = serial;
    key
}

/// Adds a passkey of another authenticator.
fn add_key(console: &mut Browser, key: &mut Authenticator, second: &mut Authenticator) -> String {
    let begun = console.post_fresh("/api/own-passkeys/add", json!({}), key);
    if begun.status != StatusCode::OK {
        return begun.refusal().to_owned();
    }
    let credential = second.create(&begun.body["creation"]);
    let made = json!({ "registration": begun.body["registration"], "credential": credential });
    let finished = console.post("/api/own-passkeys/finish", made);
    finished.refusal().to_owned()
}

#[test]
fn a_second_key_lets_an_operator_in_and_the_first_one_can_go_then() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    let first = own_passkeys(&mut console);
    house.pass(60);
    let removed = json!({ "passkey": first[0] });
    let refused = console.post_fresh("/api/own-passkeys/remove", removed.clone(), &mut key);
    assert_eq!(refused.refusal(), "last_factor");
    house.pass(60);
    let mut second = spare_key(1);
    assert_eq!(add_key(&mut console, &mut key, &mut second), "");
    assert_eq!(own_passkeys(&mut console).len(), 2);
    let mut elsewhere = house.browser(Surface::Console);
    elsewhere.sign_in(&mut second).ok();
    house.pass(60);
    // The lost one is removed from where the other one is; what it had opened ends.
    let answer = elsewhere.post_fresh("/api/own-passkeys/remove", removed, &mut second);
    assert_eq!(answer.ok()["signed_out"], false);
    assert_eq!(console.get("/api/me").status, StatusCode::UNAUTHORIZED);
    let gone = house.browser(Surface::Console).sign_in(&mut key);
    assert_eq!(gone.refusal(), "passkey_refused");
    assert_eq!(own_passkeys(&mut elsewhere).len(), 1);
    let acts = elsewhere.get("/api/acts").ok();
    assert_eq!(acts["acts"][0]["what"], "remove_operator_passkey");
    assert_eq!(acts["acts"][1]["what"], "add_operator_passkey");
}

#[test]
fn a_further_key_of_an_operator_is_no_synchronised_one_either() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    house.pass(60);
    let mut synchronised = Authenticator::new(CONSOLE);
    synchronised.serial = 1;
    assert_eq!(
        add_key(&mut console, &mut key, &mut synchronised),
        "passkey_refused"
    );
    assert_eq!(own_passkeys(&mut console).len(), 1);
}

#[test]
fn an_operator_removes_no_key_of_a_colleague_and_has_five_at_most() {
    let house = House::new();
    let ((mut one, mut key), (mut two, _)) = (house.operator(1), house.operator(2));
    let theirs = json!({ "passkey": own_passkeys(&mut two)[0] });
    house.pass(60);
    let refused = one.post_fresh("/api/own-passkeys/remove", theirs, &mut key);
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    for serial in 1..=4 {
        house.pass(60);
        let mut another = spare_key(serial);
        assert_eq!(add_key(&mut one, &mut key, &mut another), "");
    }
    house.pass(60);
    let refused = add_key(
        &mut one,
        &mut key,
        &mut Authenticator::security_key(CONSOLE),
    );
    assert_eq!(refused, "too_many_passkeys");
}
