//! Operators: the link, the key that stays on its device, the short session.

use axum::http::StatusCode;
use mamori_engine::control::{Seed, Surface};
use mamori_server::cookies::encode_token;
use mamori_server::http::operators::operator_link;
use serde_json::json;

use crate::authenticator::Authenticator;
use crate::house::{Browser, CONSOLE, House, WALLET};

fn invite(house: &House) -> String {
    encode_token(
        &house
            .control()
            .invite_operator("運用 一郎", house.now(), &Seed::new([3; 32]))
            .expect("control answers"),
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
