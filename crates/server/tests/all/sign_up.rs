//! Signing up: codes, enumeration, and every place where a process may die.

use axum::http::StatusCode;
use mamori_domain::command::Command;
use mamori_engine::testing::Loss;
use mamori_registry::Surface;
use mamori_server::listen::Cord;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::authenticator::Authenticator;
use crate::house::{Answer, Browser, House, WALLET};

fn start(browser: &mut Browser, contact: &str) -> Value {
    browser
        .post(
            "/api/sign-up/start",
            json!({ "contact": contact, "locale": "ja" }),
        )
        .ok()["sign_up"]
        .clone()
}

fn prove(browser: &mut Browser, sign_up: &Value, code: &str) -> String {
    browser
        .post(
            "/api/sign-up/prove",
            json!({ "sign_up": sign_up, "code": code, "display_name": "さくら" }),
        )
        .refusal()
        .to_owned()
}

fn other_than(code: &str) -> String {
    format!(
        "{:06}",
        (code.parse::<u32>().expect("digits") + 1) % 1_000_000
    )
}

#[test]
fn a_phone_signs_up_and_signs_in_again() {
    let house = House::new();
    let mut phone = house.browser(Surface::Wallet);
    let mut authenticator = Authenticator::new(WALLET);
    phone.sign_up("０９０－１２３４－５６７８", &mut authenticator);
    assert_eq!(house.sent.lock().unwrap()[0].to, "+819012345678");
    assert_eq!(
        phone.get("/api/sessions").ok()["sessions"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    phone.post("/api/sign-out", json!({})).ok();
    assert_eq!(phone.get("/api/sessions").status, StatusCode::UNAUTHORIZED);
    phone.sign_in(&mut authenticator).ok();
    assert_eq!(phone.get("/api/sessions").status, StatusCode::OK);
}

#[test]
fn an_sms_offers_its_code_on_our_site_only() {
    let house = House::new();
    start(&mut house.browser(Surface::Wallet), "090-1234-5678");
    let text = house.sent.lock().unwrap()[0].text.clone();
    let code = house.newest_code().expect("a code");
    assert!(
        text.ends_with(&format!("\n\n@wallet.localhost #{code}")),
        "{text}"
    );
}

#[test]
fn a_known_and_an_unknown_contact_get_one_answer() {
    let house = House::new();
    house
        .browser(Surface::Wallet)
        .sign_up("sora@example.jp", &mut Authenticator::new(WALLET));
    let ask = |contact: &str| {
        let mut browser = house.browser(Surface::Wallet);
        let reply = browser.post(
            "/api/sign-up/start",
            json!({ "contact": contact, "locale": "ja" }),
        );
        let sign_up = reply.body["sign_up"].clone();
        let shape = (
            reply.status,
            reply
                .body
                .as_object()
                .map(|members| members.keys().cloned().collect::<Vec<_>>()),
            sign_up.as_str().map(str::len),
        );
        let tries: Vec<String> = (0..6)
            .map(|_| prove(&mut browser, &sign_up, "000000"))
            .collect();
        (shape, tries)
    };
    assert_eq!(ask("sora@example.jp"), ask("nobody@example.jp"));
    let sent = house.sent.lock().unwrap();
    let [.., known, unknown] = sent.as_slice() else {
        panic!("one message each")
    };
    assert!(known.text.contains("登録済み") && !known.text.contains("確認コード"));
    assert!(unknown.text.contains("確認コード"));
}

#[test]
fn the_messages_budget_counts_alike_for_known_and_unknown() {
    let house = House::new();
    house
        .browser(Surface::Wallet)
        .sign_up("sora@example.jp", &mut Authenticator::new(WALLET));
    let refusals = |contact: &str, count: usize| -> Vec<String> {
        let mut browser = house.browser(Surface::Wallet);
        (0..count)
            .map(|_| {
                browser
                    .post("/api/sign-up/start", json!({ "contact": contact }))
                    .refusal()
                    .to_owned()
            })
            .collect()
    };
    // The sign-up itself used one of the known contact's three.
    assert_eq!(
        refusals("sora@example.jp", 3),
        ["", "", "code_sent_too_often"]
    );
    assert_eq!(
        refusals("nobody@example.jp", 4),
        ["", "", "", "code_sent_too_often"]
    );
    house.pass(3_601);
    assert_eq!(refusals("nobody@example.jp", 1), [""]);
}

#[test]
fn the_house_sends_no_more_than_its_budget() {
    let house = House::with(|config| config.send_budget.mail = 2);
    let mut browser = house.browser(Surface::Wallet);
    let refusals: Vec<String> = (0..3)
        .map(|n| {
            browser
                .post(
                    "/api/sign-up/start",
                    json!({ "contact": format!("a{n}@example.jp") }),
                )
                .refusal()
                .to_owned()
        })
        .collect();
    assert_eq!(refusals, ["", "", "messages_used_up"]);
    assert_eq!(house.sent.lock().unwrap().len(), 2);
    // Whoever used the mail up keeps nobody with a telephone out.
    start(&mut house.browser(Surface::Wallet), "090-1234-5678");
}

/// A press of the button by somebody at this address.
fn start_from(browser: &mut Browser, address: &str, contact: &str) -> Answer {
    let request = browser
        .request("POST", "/api/sign-up/start")
        .header("content-type", "application/json")
        .extension(Cord::of_peer(address.parse().expect("an address")));
    let body = json!({ "contact": contact }).to_string();
    browser.send(request.body(body.into()).expect("a request"))
}

#[test]
fn one_network_does_not_use_up_the_mail_of_all_and_is_told_when_to_come_back() {
    let house = House::with(|config| config.send_budget.mail = 40);
    let mut browser = house.browser(Surface::Wallet);
    let mut refused = Vec::new();
    for n in 0..30 {
        let answer = start_from(&mut browser, "203.0.113.7", &format!("a{n}@example.jp"));
        if answer.status != StatusCode::OK {
            refused.push(answer);
        }
    }
    assert_eq!(refused.len(), 26, "an eighth of what was left");
    let told = &refused[0];
    assert_eq!(told.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(told.refusal(), "messages_used_up");
    assert_eq!(told.headers["retry-after"], "3600");
    let neighbour = start_from(&mut browser, "203.0.113.9", "b@example.jp");
    assert_eq!(neighbour.refusal(), "messages_used_up", "one prefix");
    let other = start_from(&mut browser, "203.0.114.7", "c@example.jp");
    assert_eq!(other.status, StatusCode::OK);
    house.pass(3_601);
    let later = start_from(&mut browser, "203.0.113.7", "d@example.jp");
    assert_eq!(later.status, StatusCode::OK);
}

#[test]
fn one_contact_asked_for_again_and_again_uses_up_nobodys_mail() {
    let house = House::with(|config| config.send_budget.mail = 40);
    let mut browser = house.browser(Surface::Wallet);
    let mut start = |contact: &str| {
        house.pass(1);
        start_from(&mut browser, "203.0.113.7", contact)
    };
    let told: Vec<String> = (0..12)
        .map(|_| start("a@example.jp").refusal().to_owned())
        .collect();
    assert_eq!(told[..3], ["", "", ""]);
    assert!(
        told[3..].iter().all(|code| code == "code_sent_too_often"),
        "{told:?}"
    );
    assert_eq!(start("b@example.jp").status, StatusCode::OK);
}

/// The answer to a challenge, as the page finds it.
fn worked(challenge: &Value, bits: &Value) -> u64 {
    let (challenge, bits) = (challenge.as_str().expect("a text"), bits.as_u64());
    (0..)
        .find(|answer| {
            let hash = Sha256::digest(format!("{challenge}:{answer}"));
            let start = u64::from_be_bytes(std::array::from_fn(|at| hash[at]));
            u64::from(start.leading_zeros()) >= bits.expect("a number")
        })
        .expect("an answer")
}

#[test]
fn once_half_of_the_mail_is_gone_a_browser_works_before_a_code_is_sent_and_each_answer_sends_one() {
    let house = House::with(|config| config.send_budget.mail = 4);
    let mut browser = house.browser(Surface::Wallet);
    for n in 0..3 {
        start(&mut browser, &format!("a{n}@example.jp"));
    }
    let mut ask = |body: Value| browser.post("/api/sign-up/start", body);
    let asked = ask(json!({ "contact": "b@example.jp" }));
    assert_eq!(asked.status, StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(asked.refusal(), "proof_wanted");
    let challenge = asked.body["challenge"].clone();
    let answer = worked(&challenge, &asked.body["bits"]);
    let with = |contact: &str, answer: u64| json!({ "contact": contact, "challenge": challenge, "answer": answer });
    assert_eq!(
        ask(with("b@example.jp", answer + 1)).refusal(),
        "proof_wanted"
    );
    assert_eq!(ask(with("b@example.jp", answer)).status, StatusCode::OK);
    assert_eq!(house.sent.lock().unwrap().len(), 4);
    assert_eq!(
        ask(with("c@example.jp", answer)).refusal(),
        "messages_used_up"
    );
    assert_eq!(
        ask(json!({ "contact": "c@example.jp", "challenge": 7 })).refusal(),
        "invalid_field"
    );
}

#[test]
fn one_address_begins_a_sign_up_a_second_and_no_more_than_sixty_at_once() {
    let house = House::with(|config| config.send_budget.mail = 100_000);
    let mut browser = house.browser(Surface::Wallet);
    let mut from = |address: &str, n: i64| {
        house.pass(i64::from(n % 10 == 9));
        start_from(&mut browser, address, &format!("a{n}@example.jp"))
    };
    let crowded = (0..80)
        .map(|n| from("2001:db8:1:1::1", n))
        .find(|answer| answer.status != StatusCode::OK)
        .expect("an end");
    assert_eq!(crowded.refusal(), "sign_ups_crowded");
    assert_eq!(crowded.headers["retry-after"], "60");
    let household = from("2001:db8:1:1::2", 100);
    assert_eq!(household.refusal(), "sign_ups_crowded", "one /64");
    assert_eq!(from("2001:db8:1:2::1", 101).status, StatusCode::OK);
}

#[test]
fn no_sms_goes_to_a_country_that_the_house_does_not_serve() {
    let house = House::new();
    let mut browser = house.browser(Surface::Wallet);
    for (number, refusal) in [
        ("+44 7911 123456", "country_not_served"),
        ("+1 415 555 0100", "country_not_served"),
        // Of a satellite network: no numbering plan knows it.
        ("+882 1234 5678", "invalid_field"),
        ("03-1234-5678", "takes_no_sms"),
        ("0120-123-456", "takes_no_sms"),
    ] {
        let reply = browser.post("/api/sign-up/start", json!({ "contact": number }));
        assert_eq!(reply.refusal(), refusal, "{number}");
    }
    assert!(house.sent.lock().unwrap().is_empty());
    start(&mut browser, "090-1234-5678");
}

#[test]
fn a_code_is_not_used_up_while_no_passkey_could_be_made() {
    let house = House::new();
    let mut browser = house.browser(Surface::Wallet);
    let sign_up = start(&mut browser, "a@example.jp");
    let code = house.newest_code().expect("a code");
    let (ceremonies, now) = (&house.app.identity.ceremonies, house.app.outside.now());
    let mut places = Vec::new();
    while let Some(place) = ceremonies.promise(now) {
        places.push(place);
    }
    assert_eq!(prove(&mut browser, &sign_up, &code), "busy");
    drop(places);
    assert_eq!(prove(&mut browser, &sign_up, &code), "");
}

#[test]
fn five_wrong_codes_spend_a_sign_up() {
    let house = House::new();
    let mut browser = house.browser(Surface::Wallet);
    let sign_up = start(&mut browser, "a@example.jp");
    let code = house.newest_code().expect("a code");
    for _ in 0..5 {
        assert_eq!(
            prove(&mut browser, &sign_up, &other_than(&code)),
            "code_wrong"
        );
    }
    assert_eq!(prove(&mut browser, &sign_up, &code), "code_spent");
}

#[test]
fn a_code_works_once_for_ten_minutes_in_its_own_browser_and_request() {
    let house = House::new();
    let (mut browser, mut stranger) = (
        house.browser(Surface::Wallet),
        house.browser(Surface::Wallet),
    );
    let first = start(&mut browser, "a@example.jp");
    let code = house.newest_code().expect("a code");
    let second = start(&mut browser, "b@example.jp");
    start(&mut stranger, "c@example.jp");
    assert_eq!(
        prove(&mut stranger, &first, &code),
        "code_wrong",
        "another browser"
    );
    assert_eq!(
        prove(&mut browser, &second, &code),
        "code_wrong",
        "another request"
    );
    house.pass(599);
    assert_eq!(prove(&mut browser, &first, &code), "");
    assert_eq!(prove(&mut browser, &first, &code), "code_spent");
    let late = start(&mut browser, "d@example.jp");
    let code = house.newest_code().expect("a code");
    house.pass(600);
    assert_eq!(prove(&mut browser, &late, &code), "code_expired");
}

#[test]
fn a_name_that_is_not_accepted_uses_no_code_up() {
    let house = House::new();
    let mut browser = house.browser(Surface::Wallet);
    let sign_up = start(&mut browser, "a@example.jp");
    let code = house.newest_code().expect("a code");
    let reply = browser.post(
        "/api/sign-up/prove",
        json!({ "sign_up": sign_up, "code": code, "display_name": "a\u{202E}b" }),
    );
    assert_eq!(
        (reply.status, reply.body["field"].as_str()),
        (StatusCode::BAD_REQUEST, Some("display_name"))
    );
    assert_eq!(prove(&mut browser, &sign_up, &code), "");
}

#[test]
fn of_two_sign_ups_with_one_contact_the_first_wins() {
    let house = House::new();
    let (mut one, mut two) = (
        house.browser(Surface::Wallet),
        house.browser(Surface::Wallet),
    );
    let open = |browser: &mut Browser| {
        let sign_up = start(browser, "a@example.jp");
        let code = house.newest_code().expect("a code");
        let proven = browser
            .post(
                "/api/sign-up/prove",
                json!({ "sign_up": sign_up, "code": code, "display_name": "x" }),
            )
            .ok();
        json!({ "sign_up": sign_up, "credential": Authenticator::new(WALLET).create(&proven["creation"]) })
    };
    let (first, second) = (open(&mut one), open(&mut two));
    two.post("/api/sign-up/finish", second).ok();
    assert_eq!(
        one.post("/api/sign-up/finish", first).refusal(),
        "contact_taken"
    );
    assert_eq!(
        house.engine().survey().expect("the engine answers").wallets,
        1,
        "no wallet without an owner"
    );
}

#[test]
fn a_challenge_is_answered_once_in_time_and_in_its_own_browser() {
    let house = House::new();
    let mut browser = house.browser(Surface::Wallet);
    let proven = |browser: &mut Browser, contact: &str| {
        let sign_up = start(browser, contact);
        let code = house.newest_code().expect("a code");
        let proven = browser
            .post(
                "/api/sign-up/prove",
                json!({ "sign_up": sign_up, "code": code, "display_name": "x" }),
            )
            .ok();
        json!({ "sign_up": sign_up, "credential": Authenticator::new(WALLET).create(&proven["creation"]) })
    };
    let late = proven(&mut browser, "a@example.jp");
    house.pass(300);
    assert_eq!(
        browser.post("/api/sign-up/finish", late).refusal(),
        "passkey_refused"
    );
    let foreign = proven(&mut browser, "b@example.jp");
    assert_eq!(
        house
            .browser(Surface::Wallet)
            .post("/api/sign-up/finish", foreign.clone())
            .refusal(),
        "passkey_refused"
    );
    browser.post("/api/sign-up/finish", foreign.clone()).ok();
    assert_eq!(
        browser.post("/api/sign-up/finish", foreign).refusal(),
        "passkey_refused"
    );
}

#[test]
fn a_sign_up_whose_act_failed_leaves_nothing_behind() {
    let house = House::new();
    let mut browser = house.browser(Surface::Wallet);
    let sign_up = start(&mut browser, "a@example.jp");
    let code = house.newest_code().expect("a code");
    let proven = browser
        .post(
            "/api/sign-up/prove",
            json!({ "sign_up": sign_up, "code": code, "display_name": "x" }),
        )
        .ok();
    house.lose(Loss::Command);
    let credential = Authenticator::new(WALLET).create(&proven["creation"]);
    assert_eq!(
        browser
            .post(
                "/api/sign-up/finish",
                json!({ "sign_up": sign_up, "credential": credential })
            )
            .status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let done = house.reconcile();
    assert_eq!((done.finished, done.dead), (0, 1));
    house
        .browser(Surface::Wallet)
        .sign_up("a@example.jp", &mut Authenticator::new(WALLET));
}

#[test]
fn a_sign_up_whose_answer_was_lost_is_finished_by_the_next_start_or_the_next_sign_up() {
    for restart in [true, false] {
        let house = House::new();
        let (mut browser, mut authenticator) =
            (house.browser(Surface::Wallet), Authenticator::new(WALLET));
        let sign_up = start(&mut browser, "a@example.jp");
        let code = house.newest_code().expect("a code");
        let proven = browser
            .post(
                "/api/sign-up/prove",
                json!({ "sign_up": sign_up, "code": code, "display_name": "x" }),
            )
            .ok();
        house.lose(Loss::Answer);
        let credential = authenticator.create(&proven["creation"]);
        assert_eq!(
            browser
                .post(
                    "/api/sign-up/finish",
                    json!({ "sign_up": sign_up, "credential": credential })
                )
                .refusal(),
            "unavailable"
        );
        assert_eq!(
            browser.sign_in(&mut authenticator).refusal(),
            "passkey_refused",
            "not yet"
        );
        if restart {
            assert_eq!(house.reconcile().finished, 1);
        } else {
            house.pass(121);
            start(
                &mut house.browser(Surface::Wallet),
                "somebody-else@example.jp",
            );
        }
        browser.sign_in(&mut authenticator).ok();
    }
}

#[test]
fn nothing_is_kept_of_a_contact_that_was_never_enrolled() {
    let house = House::new();
    start(&mut house.browser(Surface::Wallet), "a@example.jp");
    house.pass(7_201);
    assert_eq!(
        mamori_server::housekeeping::sweep(&house.app, &mut house.registry())
            .expect("the registry answers"),
        1
    );
    assert_eq!(
        mamori_server::housekeeping::sweep(&house.app, &mut house.registry())
            .expect("the registry answers"),
        0
    );
}

#[test]
fn a_credential_that_the_book_does_not_name_is_dead() {
    let house = House::new();
    let (mut browser, mut authenticator) =
        (house.browser(Surface::Wallet), Authenticator::new(WALLET));
    browser.sign_up("a@example.jp", &mut authenticator);
    // The journal was restored from before this sign-up; the registry was not.
    let wallet = house.wallet_behind(&authenticator).expect("a wallet");
    let named = authenticator.newest_credential();
    let credential = house.registry().fingerprint("credential", named);
    house.done(Command::RevokeCredential { wallet, credential });
    assert_eq!(
        browser.sign_in(&mut authenticator).refusal(),
        "passkey_refused"
    );
    assert_eq!(house.reconcile().dead, 1);
    assert_eq!(house.reconcile().dead, 0);
}

#[test]
fn wrong_fields_are_named() {
    let house = House::new();
    let mut browser = house.browser(Surface::Wallet);
    for (path, body, field) in [
        ("/api/sign-up/start", json!({}), "contact"),
        ("/api/sign-up/start", json!({ "contact": 7 }), "contact"),
        (
            "/api/sign-up/start",
            json!({ "contact": "12345" }),
            "contact",
        ),
        (
            "/api/sign-up/prove",
            json!({ "sign_up": "x", "code": "123456", "display_name": "x" }),
            "sign_up",
        ),
        (
            "/api/sign-up/prove",
            json!({ "sign_up": "A".repeat(43), "code": "12345", "display_name": "x" }),
            "code",
        ),
        (
            "/api/sign-up/finish",
            json!({ "sign_up": "A".repeat(43), "credential": "x" }),
            "credential",
        ),
        ("/api/sign-in/finish", json!({ "sign_in": null }), "sign_in"),
    ] {
        let reply = browser.post(path, body);
        assert_eq!(
            (reply.status, reply.body["field"].as_str()),
            (StatusCode::BAD_REQUEST, Some(field)),
            "{path}"
        );
    }
}
