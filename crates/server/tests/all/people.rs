//! A person asks to be forgotten: what is destroyed, what stays, and what happens when the power fails in between.

use axum::http::StatusCode;
use mamori_domain::command::{Charge, Command, CreditKind, Request};
use mamori_domain::context::{Actor, AgentFamily, Asker, Context};
use mamori_domain::ids::{AuthorizationId, Fingerprint, TillId, WalletId};
use mamori_domain::merchant::StoreDetails;
use mamori_domain::money::Amount;
use mamori_domain::pay::{OrderInfo, Payer};
use mamori_domain::reply::Reply;
use mamori_engine::testing::Loss;
use mamori_registry::Surface;
use mamori_server::housekeeping::sweep;
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::house::{House, WALLET};

const SORA: WalletId = WalletId(1);
const CONTACT: &str = "sora@example.jp";

fn erase(despite_balance: bool) -> Value {
    json!({ "wallet_id": "1", "despite_balance": despite_balance })
}

pub fn give(house: &House, yen: u64) {
    house.done(Command::Credit {
        wallet: SORA,
        idempotency_key: "given".into(),
        amount: Amount::yen(yen),
        kind: CreditKind::Goodwill,
    });
}

#[test]
fn an_operator_finds_a_wallet_by_its_number_and_reads_no_name() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    house
        .browser(Surface::Wallet)
        .sign_up(CONTACT, &mut Authenticator::new(WALLET));
    give(&house, 1_200);
    assert_eq!(
        console.get("/api/wallets/1").ok(),
        json!({
            "wallet_id": "1", "balance": 1_200, "held": 0, "holds": [], "frozen": false, "passkeys": 1,
            "name": "さ＊＊", "erased_at_ms": null,
            "contacts": [{
                "kind": "mail", "masked": "s***@example.jp", "preferred": true, "settled": true, "since_ms": house.now().millis(),
                "removed_at_ms": null, "forgotten_at_ms": null,
            }],
        })
    );
    for unknown in ["2", "18446744073709551615", "99999999999999999999", "sora"] {
        let reply = console.get(&format!("/api/wallets/{unknown}"));
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{unknown}");
    }
}

#[test]
fn an_erased_person_is_signed_out_and_cannot_come_back_and_the_wallets_number_stays() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    let (mut phone, mut passkey) = (house.browser(Surface::Wallet), Authenticator::new(WALLET));
    phone.sign_up(CONTACT, &mut passkey);
    phone.get("/api/sessions").ok();
    house.erase(&mut console, &mut key, erase(false)).ok();
    assert_eq!(phone.get("/api/sessions").status, StatusCode::UNAUTHORIZED);
    assert_eq!(phone.sign_in(&mut passkey).refusal(), "passkey_unknown");
    assert_eq!(house.wallet_behind(&passkey), None, "revoked in the book");
    assert!(house.wallet(SORA).frozen);
    let left = console.get("/api/wallets/1").ok();
    assert_eq!(
        (&left["name"], &left["contacts"], &left["erased_at_ms"]),
        (&Value::Null, &json!([]), &json!(house.now().millis()))
    );
    assert_eq!(
        house.reconcile(),
        Default::default(),
        "nothing is left to settle"
    );
    let again = house.erase(&mut console, &mut key, erase(false));
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    // The contact is free: the same person may come back as somebody new.
    house
        .browser(Surface::Wallet)
        .sign_up(CONTACT, &mut Authenticator::new(WALLET));
    assert_eq!(console.get("/api/wallets/2").ok()["name"], "さ＊＊");
}

#[test]
fn a_person_with_money_in_the_wallet_is_erased_only_when_that_is_said() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    let (mut phone, mut passkey) = (house.browser(Surface::Wallet), Authenticator::new(WALLET));
    phone.sign_up(CONTACT, &mut passkey);
    give(&house, 1);
    let refused = house.erase(&mut console, &mut key, erase(false));
    assert_eq!(refused.refusal(), "wallet_not_empty");
    phone.get("/api/sessions").ok();
    assert!(!house.wallet(SORA).frozen, "nothing happened");
    // Who agreed to the one has not agreed to the other.
    let (mut one, mut other) = (erase(true), erase(true));
    (one["reason"], other["reason"]) = (json!("退会"), json!("別の理由"));
    let begun = console.post("/api/people/erase", one).ok();
    let credential = key.get(&begun["request"]);
    let other = crate::house::shown(other, &begun["step_up"], credential);
    assert_eq!(
        console.post("/api/people/erase", other).refusal(),
        "passkey_refused"
    );
    house.erase(&mut console, &mut key, erase(true)).ok();
    assert_eq!(phone.get("/api/sessions").status, StatusCode::UNAUTHORIZED);
}

#[test]
fn an_erasure_that_lost_the_book_half_way_is_carried_out_by_the_next_sweep() {
    for happened in [true, false] {
        let house = House::new();
        let (mut phone, mut passkey) = (house.browser(Surface::Wallet), Authenticator::new(WALLET));
        phone.sign_up(CONTACT, &mut passkey);
        let (mut console, mut key) = house.operator(1);
        // The freeze is the first of the commands that an erasure owes.
        house.lose(if happened {
            Loss::Answer
        } else {
            Loss::Command
        });
        house.erase(&mut console, &mut key, erase(false)).ok();
        let mut registry = house.registry();
        assert_eq!(phone.sign_in(&mut passkey).refusal(), "passkey_unknown");
        assert_eq!(house.wallet_behind(&passkey), Some(SORA), "still owed");
        // A start in between changes nothing about that.
        house.reconcile();
        sweep(&house.app, &mut registry).expect("the book is back");
        assert_eq!(house.wallet_behind(&passkey), None);
        assert!(house.wallet(SORA).frozen);
        assert!(
            registry
                .erasures()
                .unfinished()
                .expect("the registry answers")
                .is_empty()
        );
    }
}

#[test]
fn only_operators_see_wallets_and_erase() {
    let house = House::new();
    let mut browser = house.browser(Surface::Console);
    assert_eq!(
        browser.get("/api/wallets/1").status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        browser.post("/api/people/erase", erase(true)).status,
        StatusCode::UNAUTHORIZED
    );
    for surface in [Surface::Wallet, Surface::Till] {
        let mut browser = house.browser(surface);
        assert_eq!(browser.get("/api/wallets/1").status, StatusCode::NOT_FOUND);
        assert_eq!(
            browser.post("/api/people/erase", erase(true)).status,
            StatusCode::NOT_FOUND
        );
    }
}

#[test]
fn money_that_nobody_captured_in_time_is_its_owner_s_again() {
    let house = House::new();
    let (_, wallet) = house.customer_of_the_book(1);
    let hold = deposits(&house, wallet);
    let purse = || {
        let view = house.wallet(wallet);
        (view.balance, view.held)
    };
    // More than one act gives back, and one whose time has not come.
    for number in 0..60 {
        hold(&number.to_string(), -number);
    }
    hold("tomorrow", 86_400);
    assert_eq!(purse(), (3_900, 6_100));
    sweep(&house.app, &mut house.registry()).expect("the registry answers");
    assert_eq!(purse(), (9_900, 100));
    sweep(&house.app, &mut house.registry()).expect("the registry answers");
    assert_eq!(purse(), (9_900, 100));
}

/// The rental shop has closed, and its deposit runs for another day.
#[test]
fn an_operator_gives_back_what_a_merchant_forgot() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    let (_, wallet) = house.customer_of_the_book(1);
    let hold = deposits(&house, wallet);
    hold("today", 3_600);
    hold("tomorrow", 86_400);
    let path = format!("/api/wallets/{}", wallet.0);
    let seen = console.get(&path).ok();
    let [first, second] = &seen["holds"].as_array().unwrap()[..] else {
        panic!("{seen}");
    };
    assert_eq!(
        (&first["amount"], &first["expires_at_ms"]),
        (&json!(100), &json!((house.now().0 + 3_600_000_000) / 1_000))
    );
    let release = json!({ "hold_id": second["hold_id"] });
    console
        .post_fresh("/api/holds/release", release.clone(), &mut key)
        .ok();
    let view = house.wallet(wallet);
    assert_eq!((view.balance, view.held), (9_900, 100));
    let again = console.post_fresh("/api/holds/release", release, &mut key);
    assert_eq!(again.refusal(), "hold_unknown");
    let acts = console.get(&format!("/api/acts?wallet={}", wallet.0)).ok();
    assert_eq!(acts["acts"][0]["what"], "release", "{acts}");
}

/// A customer with 10,000 yen and a shop that may set aside: what it sets 100 yen of aside with, under a name and for so many seconds.
fn deposits(house: &House, wallet: WalletId) -> impl Fn(&str, i64) {
    let done = |command| house.done(command);
    let Reply::MerchantOpened(merchant) = done(Command::OpenMerchant) else {
        panic!()
    };
    let Reply::StoreOpened(store) = done(Command::OpenStore {
        merchant,
        details: StoreDetails::default(),
    }) else {
        panic!()
    };
    done(Command::OpenTill { store });
    let key = Fingerprint(7);
    done(Command::BindApiKey { key, merchant });
    let authorization = AuthorizationId(7);
    done(Command::GrantAuthorization {
        authorization,
        wallet,
        merchant,
    });
    done(Command::Credit {
        wallet,
        idempotency_key: "cash".into(),
        amount: Amount::yen(10_000),
        kind: CreditKind::Cash,
    });
    let register = Asker::new(Context {
        by: Actor::Key { key },
        network: None,
        agent: AgentFamily::Program,
    });
    move |name: &str, seconds: i64| {
        let charge = Charge {
            merchant,
            merchant_payment_id: name.into(),
            payer: Payer::Authorization(authorization),
            amount: Amount::yen(100),
            store: Some(store),
            till: Some(TillId(1)),
            order: OrderInfo::default().into(),
        };
        let expires_at = house.now().plus_seconds(seconds);
        let hold = Request::command(register, Command::Hold { charge, expires_at });
        let held = house.engine().ask(hold).expect("the engine answers");
        held.expect("there is money");
    }
}

/// What the acts about Sora's wallet are called, newest first.
fn acts(console: &mut crate::house::Browser) -> Vec<String> {
    let listed = console.get("/api/acts?wallet=1").ok();
    let acts = listed["acts"].as_array().expect("a list").iter();
    acts.map(|act| act["what"].as_str().expect("a word").to_owned())
        .collect()
}

#[test]
fn a_history_opens_for_a_reason_alone_and_the_opening_is_an_act() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    house
        .browser(Surface::Wallet)
        .sign_up(CONTACT, &mut Authenticator::new(WALLET));
    give(&house, 1_200);
    let path = "/api/wallets/1/history";
    for reason in [json!({}), json!({ "reason": "  " })] {
        let answer = console.post(path, reason);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.body["field"], "reason");
    }
    assert_eq!(
        acts(&mut console),
        ["credit", "open_wallet"],
        "nobody looked"
    );
    let opened = console
        .post(path, json!({ "reason": "二重払いの問い合わせ" }))
        .ok();
    assert_eq!(opened["next"], Value::Null);
    assert_eq!(opened["entries"][0]["amount"], 1_200);
    assert_eq!(opened["entries"][0]["kind"], "goodwill");
    assert_eq!(
        acts(&mut console),
        ["open_history", "note_wallet", "credit", "open_wallet"]
    );
    let notes = console.get("/api/wallets/1/notes").ok();
    assert_eq!(notes["notes"][0]["text"], "二重払いの問い合わせ");
    assert_eq!(notes["notes"][0]["by"]["name"], "運用 1");
    let all = console.get("/api/acts").ok();
    assert_eq!(all["acts"][0]["about"]["name"], "さ＊＊");
    let mut stranger = house.browser(Surface::Console);
    let answer = stranger.post(path, json!({ "reason": "x" }));
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let nobody = console.post("/api/wallets/2/history", json!({ "reason": "x" }));
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
}

#[test]
fn a_customer_is_found_by_the_whole_contact_or_a_receipt_and_every_search_leaves_a_trace() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    house
        .browser(Surface::Wallet)
        .sign_up(CONTACT, &mut Authenticator::new(WALLET));
    give(&house, 1_200);
    let opened = console.post("/api/wallets/1/history", json!({ "reason": "x" }));
    let number = opened.ok()["entries"][0]["receipt_number"].clone();
    let path = "/api/customers/find";
    for (by, text) in [
        ("contact", json!("ＳＯＲＡ@example.jp")),
        ("receipt_number", number),
    ] {
        let asked = json!({ by: text, "reason": "電話での問い合わせ" });
        assert_eq!(console.post(path, asked).ok()["wallet_id"], "1", "{by}");
    }
    let done = acts(&mut console);
    let times = |what: &str| done.iter().filter(|one| *one == what).count();
    assert_eq!((times("find_customer"), times("note_wallet")), (2, 3));
    for (asked, field) in [
        (json!({ "contact": CONTACT }), "reason"),
        (json!({ "reason": "x" }), "contact"),
        (json!({ "contact": "sora", "reason": "x" }), "contact"),
        (
            json!({ "contact": CONTACT, "receipt_number": "1", "reason": "x" }),
            "contact",
        ),
    ] {
        let answer = console.post(path, asked);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.body["field"], field);
    }
    let before = acts(&mut console).len();
    house.pass(1);
    for asked in [
        json!({ "contact": "sor@example.jp", "reason": "x" }),
        json!({ "receipt_number": "99999999", "reason": "x" }),
    ] {
        assert_eq!(console.post(path, asked).status, StatusCode::NOT_FOUND);
    }
    assert_eq!(acts(&mut console).len(), before, "it is about nobody");
    let all = console.get("/api/acts?limit=2").ok();
    for act in all["acts"].as_array().expect("a list") {
        assert_eq!(
            (&act["what"], &act["about"]),
            (&json!("find_customer"), &Value::Null)
        );
    }
    assert!(
        !all.to_string().contains("sor@"),
        "whom they looked for is not written down"
    );
}
