//! Tills: pairing codes, devices, and what happens when they collide.

use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use mamori_domain::command::{Command, CreditKind};
use mamori_domain::ids::{Fingerprint, TillId};
use mamori_domain::money::Amount;
use mamori_engine::testing::Loss;
use mamori_registry::{Seed, Surface};
use serde_json::json;

use crate::authenticator::Authenticator;
use crate::house::{Browser, House, WALLET};

const TILL: TillId = TillId(1);

/// A shop whose till 1 is paired in these stories.
fn shop() -> House {
    let house = House::new();
    house.open_shop();
    house
}

/// The device that the book names for the till.
fn device(house: &House) -> Option<Fingerprint> {
    house.engine().device_of(TILL).expect("the engine answers")
}

/// By a command, or another process: this one's memory is not told.
fn take_off(house: &House) {
    house.done(Command::BindTill {
        till: TILL,
        device: None,
    });
}

fn pairing_code(house: &House, till: TillId, seed: u8) -> String {
    house
        .registry()
        .devices()
        .make_pairing_code(till, house.now(), &Seed::new([seed; 32]))
        .expect("the registry answers")
}

fn enrol(browser: &mut Browser, code: &str) -> String {
    browser
        .post("/api/enrol", json!({ "pairing_code": code }))
        .refusal()
        .to_owned()
}

/// A code that was photographed on a phone which is signed out meanwhile, by itself or from another phone.
#[test]
fn a_code_on_a_phone_that_was_signed_out_pays_nothing() {
    let house = shop();
    let mut till = house.browser(Surface::Till);
    assert_eq!(enrol(&mut till, &pairing_code(&house, TILL, 1)), "");
    let (mut key, mut here) = (Authenticator::new(WALLET), house.browser(Surface::Wallet));
    here.sign_up("sora@example.jp", &mut key);
    let ends: [(&str, &str); 2] = [
        ("/api/sign-out", "there"),
        ("/api/sessions/end-others", "here"),
    ];
    for (number, (end, by)) in ends.into_iter().enumerate() {
        let mut there = house.browser(Surface::Wallet);
        there.sign_in(&mut key).ok();
        let code = there.post("/api/code", json!({})).ok()["code"].clone();
        let who = if by == "here" { &mut here } else { &mut there };
        who.post(end, json!({})).ok();
        let sale = json!({ "amount": 300, "code": code, "key": format!("sale-{number}") });
        assert_eq!(
            till.post("/api/charge", sale).refusal(),
            "code_expired",
            "{end}"
        );
    }
    let code = here.post("/api/code", json!({})).ok()["code"].clone();
    let sale = json!({ "amount": 300, "code": code, "key": "sale-of-the-other-phone" });
    assert_eq!(
        till.post("/api/charge", sale).refusal(),
        "balance_too_small",
        "this phone's code is live"
    );
}

#[test]
fn a_pairing_code_makes_a_browser_the_tills_device_once() {
    let house = shop();
    let code = pairing_code(&house, TILL, 1);
    let (mut till, mut second) = (house.browser(Surface::Till), house.browser(Surface::Till));
    assert_eq!(
        enrol(
            &mut till,
            &format!("{} {} {}", &code[..4], &code[4..8], &code[8..])
        ),
        ""
    );
    assert!(till.cookies.contains_key("__Host-mamori_till"));
    assert!(device(&house).is_some(), "the book names it");
    assert_eq!(enrol(&mut second, &code), "pairing_code_refused");
}

#[test]
fn a_pairing_code_works_for_ten_minutes_and_until_the_next_one() {
    let house = shop();
    let (old, new) = (pairing_code(&house, TILL, 1), pairing_code(&house, TILL, 2));
    let mut till = house.browser(Surface::Till);
    assert_eq!(enrol(&mut till, &old), "pairing_code_refused");
    house.pass(600);
    assert_eq!(enrol(&mut till, &new), "pairing_code_refused");
}

fn near_miss(code: &str) -> String {
    let second = code[6..].parse::<u32>().expect("digits");
    format!("{}{:06}", &code[..6], (second + 1) % 1_000_000)
}

#[test]
fn five_wrong_tries_at_a_pairing_code_spend_it_from_however_many_browsers() {
    let house = shop();
    let code = pairing_code(&house, TILL, 1);
    for _ in 0..5 {
        let mut guesser = house.browser(Surface::Till);
        assert_eq!(
            enrol(&mut guesser, &near_miss(&code)),
            "pairing_code_refused"
        );
    }
    let mut till = house.browser(Surface::Till);
    assert_eq!(enrol(&mut till, &code), "pairing_code_refused");
    assert_eq!(enrol(&mut till, &pairing_code(&house, TILL, 2)), "");
}

#[test]
fn guesses_by_strangers_keep_no_till_from_pairing() {
    let house = shop();
    let code = pairing_code(&house, TILL, 1);
    let mut stranger = house.browser(Surface::Till);
    for guess in 0..200_u64 {
        let blind = format!("{:012}", guess * 4_999_999_999);
        if blind[..6] != code[..6] {
            assert_eq!(enrol(&mut stranger, &blind), "pairing_code_refused");
        }
    }
    assert_eq!(enrol(&mut house.browser(Surface::Till), &code), "");
}

#[test]
fn a_device_that_was_taken_off_reads_nothing_more() {
    let house = shop();
    let mut till = house.browser(Surface::Till);
    assert_eq!(enrol(&mut till, &pairing_code(&house, TILL, 1)), "");
    till.get("/api/till").ok();
    till.get("/api/payments").ok();
    take_off(&house);
    for path in ["/api/till", "/api/payments"] {
        assert_eq!(till.get(path).status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[test]
fn a_new_device_takes_the_place_of_the_old_one() {
    let house = shop();
    let (mut old, mut new) = (house.browser(Surface::Till), house.browser(Surface::Till));
    assert_eq!(enrol(&mut old, &pairing_code(&house, TILL, 1)), "");
    let first = device(&house);
    assert_eq!(enrol(&mut new, &pairing_code(&house, TILL, 2)), "");
    assert!(device(&house).is_some() && device(&house) != first);
    assert_eq!(house.registry().devices().enrolled_tills().unwrap(), [TILL]);
}

#[test]
fn a_device_whose_answer_was_lost_is_finished_or_removed_by_the_next_start() {
    for happened in [true, false] {
        let house = shop();
        let mut till = house.browser(Surface::Till);
        let code = pairing_code(&house, TILL, 1);
        house.lose(if happened {
            Loss::Answer
        } else {
            Loss::Command
        });
        assert_eq!(enrol(&mut till, &code), "unavailable");
        assert_eq!(house.registry().devices().enrolled_tills().unwrap(), []);
        let done = house.reconcile();
        assert_eq!(
            (done.finished, done.dead),
            if happened { (1, 0) } else { (0, 1) }
        );
        assert_eq!(
            house.registry().devices().enrolled_tills().unwrap().len(),
            usize::from(happened)
        );
    }
}

#[test]
fn a_device_that_the_book_does_not_name_is_dead() {
    let house = shop();
    assert_eq!(
        enrol(
            &mut house.browser(Surface::Till),
            &pairing_code(&house, TILL, 1)
        ),
        ""
    );
    take_off(&house);
    assert_eq!(house.reconcile().dead, 1);
    assert_eq!(house.registry().devices().enrolled_tills().unwrap(), []);
}

#[test]
fn a_till_that_leaves_is_free_again() {
    let house = shop();
    let mut till = house.browser(Surface::Till);
    assert_eq!(enrol(&mut till, &pairing_code(&house, TILL, 1)), "");
    till.post("/api/leave", json!({})).ok();
    assert!(device(&house).is_none() && !till.cookies.contains_key("__Host-mamori_till"));
    assert_eq!(house.registry().devices().enrolled_tills().unwrap(), []);
}

#[test]
fn only_operators_make_pairing_codes() {
    let house = shop();
    for surface in [Surface::Console, Surface::Till, Surface::Wallet] {
        let reply = house
            .browser(surface)
            .post("/api/pairing-codes", json!({ "till_id": 1 }));
        let expected = if surface == Surface::Console {
            StatusCode::UNAUTHORIZED
        } else {
            StatusCode::NOT_FOUND
        };
        assert_eq!(reply.status, expected);
    }
}

#[test]
fn an_operator_pairs_a_till() {
    use crate::authenticator::Authenticator;
    use crate::house::CONSOLE;
    use mamori_server::cookies::encode_token;
    let house = shop();
    let link = encode_token(
        &house
            .registry()
            .operators()
            .invite("運用", house.now(), &Seed::new([3; 32]))
            .unwrap(),
    );
    let (mut console, mut key) = (
        house.browser(Surface::Console),
        Authenticator::security_key(CONSOLE),
    );
    let begun = console
        .post("/api/operators/redeem", json!({ "link": link }))
        .ok();
    console
        .post(
            "/api/operators/finish",
            json!({ "link": link, "credential": key.create(&begun["creation"]) }),
        )
        .ok();
    let made = console
        .post("/api/pairing-codes", json!({ "till_id": 1 }))
        .ok();
    assert_eq!(
        enrol(
            &mut house.browser(Surface::Till),
            made["pairing_code"].as_str().expect("a code")
        ),
        ""
    );
    let tills = console.get("/api/tills").ok();
    assert_eq!(
        tills["tills"],
        json!([
            { "till_id": 1, "store": "本店", "name": "レジ1", "enrolled": true },
            { "till_id": 2, "store": "本店", "name": "レジ2", "enrolled": false },
        ])
    );
    assert_eq!(
        console
            .post("/api/pairing-codes", json!({ "till_id": 999 }))
            .status,
        StatusCode::NOT_FOUND
    );
}

#[test]
fn a_payment_is_told_as_paid_though_too_many_ask_for_names() {
    let house = shop();
    let (mut phone, wallet) = house.customer_of_the_book(1);
    house.done(Command::Credit {
        wallet,
        idempotency_key: "gift".into(),
        amount: Amount::yen(1_000),
        kind: CreditKind::Goodwill,
    });
    let mut till = house.browser(Surface::Till);
    assert_eq!(enrol(&mut till, &pairing_code(&house, TILL, 1)), "");
    let code = phone.post("/api/code", json!({})).ok()["code"].clone();
    // Every thread of the registry waits for this lock, and so does all that may wait for a thread.
    let lock = Arc::new(Mutex::new(()));
    let held = lock.lock().expect("our own lock");
    loop {
        let waits = Arc::clone(&lock);
        let handed_over = house.app.registry.hand_over(move |_| {
            drop(waits.lock());
        });
        if handed_over.is_err() {
            break;
        }
    }
    let sale = json!({ "amount": 300, "code": code, "key": "sale-1" });
    let paid = till.post("/api/charge", sale.clone()).ok();
    assert_eq!(
        (&paid["amount"], &paid["customer"]),
        (&json!(300), &json!(""))
    );
    let undo = json!({ "payment_id": paid["payment_id"] });
    assert_eq!(till.post("/api/void", undo).ok()["status"], "cancelled");
    drop(held);
}
