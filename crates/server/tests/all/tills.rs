//! Tills: pairing codes, devices, and what happens when they collide.

use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use mamori_domain::command::{Command, CreditKind, Request};
use mamori_domain::context::{Actor, Asker, Context, SystemReason};
use mamori_domain::ids::{Fingerprint, MerchantId, StoreId, TillId};
use mamori_domain::money::Amount;
use mamori_domain::query::Query;
use mamori_domain::refusal::Refusal;
use mamori_engine::testing::Loss;
use mamori_flows::open;
use mamori_registry::{Opening, Role, Seed, Surface};
use serde_json::{Value, json};

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

/// A customer's phone, signed in, with five thousand yen.
fn customer_with_money(house: &House, number: u8) -> Browser<'_> {
    let (phone, wallet) = house.customer_of_the_book(number);
    house.done(Command::Credit {
        wallet,
        idempotency_key: "gift".into(),
        amount: Amount::yen(5_000),
        kind: CreditKind::Goodwill,
    });
    phone
}

/// A shop with two stores: till 1 in the first, till 3 in the second, both paired; and a customer with money.
struct TwoStores<'a> {
    first: Browser<'a>,
    second: Browser<'a>,
    phone: Browser<'a>,
    sales: u32,
}

impl<'a> TwoStores<'a> {
    fn of(house: &'a House) -> TwoStores<'a> {
        let (turn, mut registry) = (house.app.directory.take_turn(), house.registry());
        let opened = [
            (Opening::Store(MerchantId(1)), "支店"),
            (Opening::Till(StoreId(2)), "レジ1"),
        ];
        for (number, (what, name)) in (81..).zip(opened) {
            let (asker, seed) = (
                Asker::system(SystemReason::CommandLine),
                Seed::new([number; 32]),
            );
            let mut run = house.app.run(&mut registry, asker, house.now(), &seed);
            open::open(&mut run, &turn, what, name).expect("a free name");
        }
        drop(turn);
        house.follow();
        let (mut first, mut second) = (house.browser(Surface::Till), house.browser(Surface::Till));
        assert_eq!(enrol(&mut first, &pairing_code(house, TILL, 1)), "");
        assert_eq!(enrol(&mut second, &pairing_code(house, TillId(3), 2)), "");
        let phone = customer_with_money(house, 50);
        TwoStores {
            first,
            second,
            phone,
            sales: 0,
        }
    }

    /// A sale at the first store.
    fn sell(&mut self, amount: u64) -> Value {
        self.sales += 1;
        let code = self.phone.post("/api/code", json!({})).ok()["code"].clone();
        let sale = json!({ "amount": amount, "code": code, "key": format!("sale-{}", self.sales) });
        self.first.post("/api/charge", sale).ok()
    }

    /// A sale of a hundred yen at the first store.
    fn sale(&mut self) -> String {
        let paid = self.sell(100);
        paid["payment_id"].as_str().expect("an id").to_owned()
    }
}

fn refund(payment: &str) -> Value {
    json!({ "payment_id": payment, "amount": 100, "key": "back" })
}

#[test]
fn a_till_undoes_what_was_sold_in_its_store_and_knows_no_other_sale() {
    let house = shop();
    let mut stores = TwoStores::of(&house);
    let sale = stores.sale();
    let nowhere = "4711";
    for payment in [&*sale, nowhere] {
        let void = stores
            .second
            .post("/api/void", json!({ "payment_id": payment }));
        assert_eq!(void.refusal(), "payment_unknown", "{payment}");
        let back = stores.second.post("/api/refund", refund(payment));
        assert_eq!(back.refusal(), "payment_unknown", "{payment}");
    }
    // The refusals there used up nothing here.
    let back = stores.first.post("/api/refund", refund(&sale)).ok();
    assert_eq!(back["refunded"], 100);
    let next = stores.sale();
    let void = stores
        .first
        .post("/api/void", json!({ "payment_id": next }));
    assert_eq!(void.ok()["status"], "cancelled");
}

#[test]
fn a_till_gives_back_thirty_times_in_ten_minutes_and_the_console_hears_of_more() {
    let house = shop();
    let mut stores = TwoStores::of(&house);
    let sale = stores.sale();
    for id in 1_000..1_030 {
        let guess = json!({ "payment_id": id.to_string() });
        assert_eq!(
            stores.first.post("/api/void", guess).refusal(),
            "payment_unknown"
        );
    }
    let void = json!({ "payment_id": sale });
    assert_eq!(
        stores.first.post("/api/void", void.clone()).refusal(),
        "busy"
    );
    // Once a minute it is written down, and within the hour it is one alarm.
    let (mut console, _) = house.operator(70);
    let heard = |console: &mut Browser| console.get("/api/till-alarms").ok()["alarms"].clone();
    assert_eq!(
        stores.first.post("/api/void", void.clone()).refusal(),
        "busy"
    );
    let alarms = heard(&mut console);
    assert_eq!(
        (&alarms[0]["what"], &alarms[0]["till"], &alarms[0]["times"]),
        (&json!("reversal_pace"), &json!("レジ1"), &json!(1))
    );
    assert_eq!(alarms[1], Value::Null);
    let seen = json!({ "alarm": alarms[0]["alarm"] });
    console.post("/api/till-alarms/seen", seen.clone()).ok();
    assert_eq!(heard(&mut console), json!([]));
    assert_eq!(
        console.post("/api/till-alarms/seen", seen).refusal(),
        "not_found"
    );
    house.pass(30);
    assert_eq!(
        stores.first.post("/api/void", void).ok()["status"],
        "cancelled"
    );
}

#[test]
fn a_desk_that_takes_returns_for_every_branch_finds_a_sale_by_its_receipt() {
    let house = shop();
    let mut stores = TwoStores::of(&house);
    let sold = stores.sell(120);
    let (mut console, mut authenticator) = house.operator(70);
    house.engine().await_views().expect("the views follow");
    let number = format!(
        "number={}",
        sold["receipt_number"].as_str().expect("a number")
    );
    assert_eq!(found(&mut stores.second, &number), [0_u64; 0]);
    let rule = json!({ "reach": "merchant", "alone_up_to": 10_000 });
    let path = "/api/merchants/1/reversals";
    console.post_fresh(path, rule, &mut authenticator).ok();
    assert_eq!(found(&mut stores.second, &number), [120]);
    // A day's list stays the own store's.
    assert_eq!(
        found(&mut stores.second, &format!("day={TODAY}")),
        [0_u64; 0]
    );
    let void = json!({ "payment_id": sold["payment_id"] });
    assert_eq!(
        stores.second.post("/api/void", void).refusal(),
        "approval_needed"
    );
}

#[test]
fn receipts_bear_the_number_that_the_tax_office_knows_the_merchant_by() {
    let house = shop();
    let mut stores = TwoStores::of(&house);
    let (mut console, _) = house.operator(70);
    let paid = stores.sale();
    house.engine().await_views().expect("the views follow");
    let on_papers = |stores: &mut TwoStores| {
        let till = stores.first.get("/api/till").ok()["invoice_number"].clone();
        let receipt = stores.phone.get(&format!("/api/receipts/{paid}")).ok();
        assert_eq!(till, receipt["invoice_number"]);
        till
    };
    let set = |console: &mut Browser, number: &str| {
        console.post(
            "/api/merchants/1/invoice-number",
            json!({ "number": number }),
        )
    };
    assert_eq!(on_papers(&mut stores), Value::Null);
    set(&mut console, "Ｔ１２３４-5678 90123").ok();
    assert_eq!(on_papers(&mut stores), "T1234567890123");
    for wrong in [
        "1234567890123",
        "T123456789012",
        "T12345678901234",
        "TA234567890123",
    ] {
        let refused = set(&mut console, wrong);
        assert_eq!(
            (refused.refusal(), &refused.body["field"]),
            ("invalid_field", &json!("number")),
            "{wrong}"
        );
    }
    assert_eq!(on_papers(&mut stores), "T1234567890123");
    set(&mut console, "").ok();
    assert_eq!(on_papers(&mut stores), Value::Null);
    let nobody = console.post("/api/merchants/99/invoice-number", json!({}));
    assert_eq!(nobody.refusal(), "not_found");
}

/// A supervisor of the first store, added by an operator: the PIN.
fn supervisor(console: &mut Browser, authenticator: &mut Authenticator) -> (Value, String) {
    let name = json!({ "store_id": 1, "name": "店長 佐藤" });
    let added = console
        .post_fresh("/api/supervisors", name, authenticator)
        .ok();
    let pin = added["pin"].as_str().expect("a PIN").to_owned();
    (added["supervisor_id"].clone(), pin)
}

#[test]
fn what_a_till_does_not_give_back_alone_goes_back_with_a_supervisors_pin() {
    let house = shop();
    let mut stores = TwoStores::of(&house);
    let (mut console, mut authenticator) = house.operator(70);
    let mut other = house.browser(Surface::Till);
    assert_eq!(enrol(&mut other, &pairing_code(&house, TillId(2), 3)), "");
    let sale = stores.sale();
    let void = json!({ "payment_id": sale });
    let with = |pin: &str| json!({ "payment_id": sale, "pin": pin });
    // Another till's sale.
    assert_eq!(
        other.post("/api/void", void.clone()).refusal(),
        "approval_needed"
    );
    assert_eq!(
        other.post("/api/void", with("123456")).refusal(),
        "pin_wrong"
    );
    let short = other.post("/api/void", with("12345"));
    assert_eq!(
        (short.refusal(), &short.body["field"]),
        ("invalid_field", &json!("pin"))
    );
    let (id, pin) = supervisor(&mut console, &mut authenticator);
    let store = console.get("/api/stores/1").ok();
    assert_eq!(store["supervisors"][0]["name"], "店長 佐藤");
    // The PIN is of this store: in the next one it is a wrong one, whatever it is asked for.
    let elsewhere = stores.second.post("/api/void", with(&pin));
    assert_eq!(elsewhere.refusal(), "pin_wrong");
    assert_eq!(
        other.post("/api/void", with(&pin)).ok()["status"],
        "cancelled"
    );
    // The list of acts says who stood beside the till.
    house.engine().await_views().expect("the views follow");
    let acts = console.get("/api/acts?till=2").ok();
    let acts = acts["acts"].as_array().expect("a list");
    let cancel = acts.iter().find(|act| act["what"] == "cancel");
    assert_eq!(cancel.expect("listed")["by"]["approved_by"], "店長 佐藤");
    // A merchant who wants each return approved says so.
    let rule = json!({ "reach": "merchant", "alone_up_to": 0 });
    let path = "/api/merchants/1/reversals";
    console
        .post_fresh(path, rule.clone(), &mut authenticator)
        .ok();
    assert_eq!(console.get("/api/merchants/1").ok()["reversals"], rule);
    let next = stores.sale();
    let back =
        |pin: Option<&str>| json!({ "payment_id": next, "amount": 100, "key": "back", "pin": pin });
    assert_eq!(
        stores.first.post("/api/refund", back(None)).refusal(),
        "approval_needed"
    );
    assert_eq!(
        stores.first.post("/api/refund", back(Some(&pin))).ok()["refunded"],
        100
    );
    // Nothing of it is left with a supervisor who went.
    let gone = json!({ "supervisor_id": id });
    console
        .post_fresh("/api/supervisors/remove", gone, &mut authenticator)
        .ok();
    let last = stores.sale();
    let void = json!({ "payment_id": last, "pin": pin });
    assert_eq!(stores.first.post("/api/void", void).refusal(), "pin_wrong");
}

#[test]
fn five_wrong_pins_lock_the_till_for_an_hour_and_the_console_hears_of_it() {
    let house = shop();
    let mut stores = TwoStores::of(&house);
    let (mut console, mut authenticator) = house.operator(70);
    let (_, pin) = supervisor(&mut console, &mut authenticator);
    let sale = stores.sale();
    let wrong = if pin == "000000" { "000001" } else { "000000" };
    let mut try_pin = |pin: &str| {
        let void = json!({ "payment_id": sale, "pin": pin });
        stores.first.post("/api/void", void).refusal().to_owned()
    };
    for _ in 0..4 {
        assert_eq!(try_pin(wrong), "pin_wrong");
    }
    assert_eq!(try_pin(wrong), "pin_locked");
    assert_eq!(
        try_pin(&pin),
        "pin_locked",
        "the right one is not taken either"
    );
    let alarms = console.get("/api/till-alarms").ok();
    assert_eq!(alarms["alarms"][0]["what"], "pin_locked");
    house.pass(3_600);
    assert_eq!(try_pin(&pin), "");
}

#[test]
fn a_sale_without_an_answer_is_given_up_and_the_till_hears_what_became_of_it() {
    let house = shop();
    let mut stores = TwoStores::of(&house);
    let code = stores.phone.post("/api/code", json!({})).ok()["code"].clone();
    let sale = |key: &str| json!({ "amount": 100, "code": code, "key": key });
    let give_up = |key: &str| json!({ "key": key });
    // The question was lost on its way: nobody paid, and what still arrives is refused.
    let told = stores.first.post("/api/charge/give-up", give_up("lost"));
    assert_eq!(told.ok(), json!({ "outcome": "never_paid" }));
    let late = stores.first.post("/api/charge", sale("lost"));
    assert_eq!(late.refusal(), "cancelled_before_payment");
    // The answer was lost: the money is back, and asking again tells the same.
    stores.first.post("/api/charge", sale("paid")).ok();
    for _ in 0..2 {
        let told = stores
            .first
            .post("/api/charge/give-up", give_up("paid"))
            .ok();
        assert_eq!(told["outcome"], "given_back");
        assert_eq!(told["payment"]["status"], "cancelled");
        assert_eq!(told["payment"]["amount"], 100);
    }
    // Another till's sale has another name, though its page calls it the same.
    let next = stores.sale();
    let told = stores.second.post("/api/charge/give-up", give_up("sale-1"));
    assert_eq!(told.ok()["outcome"], "never_paid");
    let listed = stores
        .first
        .post("/api/void", json!({ "payment_id": next }));
    assert_eq!(listed.ok()["status"], "cancelled", "it was still paid");
}

#[test]
fn a_sale_that_was_refunded_meanwhile_is_not_given_up() {
    let house = shop();
    let mut stores = TwoStores::of(&house);
    let sale = stores.sale();
    stores.first.post("/api/refund", refund(&sale)).ok();
    let told = (stores.first).post("/api/charge/give-up", json!({ "key": "sale-1" }));
    assert_eq!(told.refusal(), "already_refunded");
}

/// The amounts that a till finds, newest first.
fn found(till: &mut Browser, search: &str) -> Vec<u64> {
    let answer = till.get(&format!("/api/till/sales?{search}")).ok();
    let sales = answer["sales"].as_array().expect("a list").iter();
    sales
        .map(|sale| sale["amount"].as_u64().expect("yen"))
        .collect()
}

/// The day on which all sales of these stories are made, for the book's clock stands still, and its neighbours.
const TODAY: &str = "2027-01-15";
const YESTERDAY: &str = "2027-01-14";
const TOMORROW: &str = "2027-01-16";

#[test]
fn a_till_finds_any_sale_of_its_store_by_day_number_and_amount() {
    let house = shop();
    let mut stores = TwoStores::of(&house);
    let old = stores.sell(130);
    stores.sell(250);
    let number = old["receipt_number"].as_str().expect("a number").to_owned();
    assert_eq!(old["till"], "レジ1");
    // The other register of the same store.
    let mut other = house.browser(Surface::Till);
    assert_eq!(enrol(&mut other, &pairing_code(&house, TillId(2), 3)), "");
    house.engine().await_views().expect("the views follow");
    let short = number.trim_start_matches('0').to_owned();
    for (search, amounts) in [
        (format!("day={TODAY}"), vec![250, 130]),
        (format!("day={TODAY}&number=&amount=130"), vec![130]),
        (format!("day={TODAY}&amount=131"), vec![]),
        (format!("day={YESTERDAY}"), vec![]),
        (format!("day={TOMORROW}"), vec![]),
        (format!("day=&number={number}"), vec![130]),
        (format!("number={short}&day={TODAY}&amount=130"), vec![130]),
        (format!("number={short}&day={YESTERDAY}"), vec![]),
        (format!("number={short}&amount=250"), vec![]),
        ("number=99999999".to_owned(), vec![]),
        ("day=2020-02-29".to_owned(), vec![]),
        ("day=2099-12-31".to_owned(), vec![]),
    ] {
        for till in [&mut stores.first, &mut other] {
            assert_eq!(found(till, &search), amounts, "{search}");
        }
        assert_eq!(found(&mut stores.second, &search), [0_u64; 0], "{search}");
    }
    let back = json!({ "payment_id": old["payment_id"], "amount": 30, "key": "back" });
    let reply = stores.first.post("/api/refund", back);
    assert_eq!(reply.ok()["refunded"], 30);
}

#[test]
fn the_sales_of_a_busy_day_come_in_pages_and_the_last_one_says_so() {
    let house = shop();
    let mut stores = TwoStores::of(&house);
    for amount in 1..=45 {
        stores.sell(amount);
    }
    house.engine().await_views().expect("the views follow");
    let (mut amounts, mut before, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let search = format!("day={TODAY}&before={before}");
        amounts.extend(found(&mut stores.first, &search));
        pages += 1;
        let answer = stores.first.get(&format!("/api/till/sales?{search}")).ok();
        match answer["next"].as_str() {
            Some(next) => before = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(amounts, (1..=45).rev().collect::<Vec<u64>>());
}

#[test]
fn a_search_that_says_nothing_or_nonsense_is_told_which_field_is_wrong() {
    let house = shop();
    let mut till = house.browser(Surface::Till);
    assert_eq!(
        till.get("/api/till/sales?day=2026-11-28").status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(enrol(&mut till, &pairing_code(&house, TILL, 1)), "");
    for (search, field) in [
        ("", "day"),
        ("amount=100", "day"),
        ("day=2026-11-31", "day"),
        ("day=yesterday", "day"),
        ("number=%EF%BC%91", "number"),
        ("number=-1", "number"),
        ("number=1&amount=1e3", "amount"),
        ("day=2026-11-28&amount=9999999999", "amount"),
        ("day=2026-11-28&before=x", "before"),
    ] {
        let refused = till.get(&format!("/api/till/sales?{search}"));
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{search}");
        assert_eq!(refused.body["field"], field, "{search}");
    }
    assert_eq!(till.get("/api/till/day?day=x").body["field"], "day");
}

#[test]
fn the_close_of_a_day_is_what_the_till_showed_on_it_and_of_its_own_store_alone() {
    let house = shop();
    let mut stores = TwoStores::of(&house);
    stores.sell(500);
    let undone = stores.sell(300);
    let void = json!({ "payment_id": undone["payment_id"] });
    stores.first.post("/api/void", void).ok();
    let sold = stores.sell(200);
    let part = json!({ "payment_id": sold["payment_id"], "amount": 50, "key": "part" });
    stores.first.post("/api/refund", part).ok();
    house.engine().await_views().expect("the views follow");
    let shown = stores.first.get("/api/till").ok()["takings"].clone();
    let close = |till: &mut Browser, day| till.get(&format!("/api/till/day?day={day}")).ok();
    let closed = close(&mut stores.first, TODAY);
    assert_eq!(
        (&closed["takings"], &closed["day"]),
        (&shown, &json!(TODAY))
    );
    assert_eq!(figure(&shown["sales"]), (3, 1_000));
    assert_eq!(figure(&shown["refunds"]), (1, 50));
    assert_eq!(figure(&shown["voids"]), (1, 300));
    assert_eq!(shown["net"], 650);
    let nothing = json!({ "count": 0, "amount": 0 });
    let nothing = json!({ "sales": nothing, "refunds": nothing, "voids": nothing, "net": 0 });
    for day in [YESTERDAY, TOMORROW] {
        assert_eq!(close(&mut stores.first, day)["takings"], nothing, "{day}");
    }
    assert_eq!(close(&mut stores.second, TODAY)["takings"], nothing);
}

#[test]
fn what_is_tried_at_a_till_uses_no_registers_id_up() {
    let house = shop();
    let mut stores = TwoStores::of(&house);
    let code = stores.phone.post("/api/code", json!({})).ok()["code"].clone();
    let sale = json!({ "amount": 100, "code": code, "key": "ORDER-1" });
    stores.first.post("/api/charge", sale).ok();
    let key = Fingerprint(77);
    let merchant = MerchantId(1);
    house.done(Command::BindApiKey { key, merchant });
    let register = Asker::new(Context {
        by: Actor::Key { key },
        ..Context::system(SystemReason::CommandLine)
    });
    let find = Query::Payment {
        merchant,
        merchant_payment_id: "ORDER-1".into(),
    };
    let found = house.engine().ask(Request::query(register, find));
    assert_eq!(
        found.expect("the engine answers"),
        Err(Refusal::PaymentUnknown),
        "the register's ORDER-1 is still free"
    );
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
        there
            .post_fresh("/api/device/bind", json!({}), &mut key)
            .ok();
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
    here.post_fresh("/api/device/bind", json!({}), &mut key)
        .ok();
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
    assert_eq!(enrol(&mut till, &new), "pairing_code_expired");
    assert_eq!(enrol(&mut till, &near_miss(&new)), "pairing_code_refused");
}

#[test]
fn whoever_types_a_code_that_ran_out_hears_so_though_there_is_a_newer_one() {
    let house = shop();
    let mut registry = house.registry();
    let old = pairing_code(&house, TILL, 1);
    let awaited = |registry: &mut mamori_registry::Registry| {
        let tills = registry.devices().awaited_tills(house.now());
        tills.expect("the registry answers")
    };
    assert_eq!(awaited(&mut registry), [TILL]);
    house.pass(600);
    assert_eq!(awaited(&mut registry), [], "nobody can pair it now");
    let new = pairing_code(&house, TILL, 2);
    let mut till = house.browser(Surface::Till);
    assert_eq!(enrol(&mut till, &old), "pairing_code_expired");
    assert_eq!(enrol(&mut till, &new), "");
    assert_eq!(awaited(&mut registry), []);
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
            .invite("運用", Role::Admin, house.now(), &Seed::new([3; 32]))
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
        .post_fresh("/api/pairing-codes", json!({ "till_id": 1 }), &mut key)
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
            .post_fresh("/api/pairing-codes", json!({ "till_id": 999 }), &mut key)
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

/// A figure of a day as pages get it: how many, and how much in yen.
fn figure(of: &Value) -> (u64, u64) {
    let number = |name| of[name].as_u64().expect("a number");
    (number("count"), number("amount"))
}

#[test]
fn till_console_and_trial_balance_tell_the_same_figures_of_a_day() {
    let house = shop();
    let mut stores = TwoStores::of(&house);
    let (mut console, _) = house.operator(1);
    for _ in 0..3 {
        stores.sale();
    }
    let undone = stores.sale();
    let void = json!({ "payment_id": undone });
    stores.first.post("/api/void", void).ok();
    let sold = stores.sale();
    let part = json!({ "payment_id": sold, "amount": 40, "key": "part" });
    stores.first.post("/api/refund", part).ok();
    house.engine().await_views().expect("the views follow");

    let at_the_till = stores.first.get("/api/till").ok()["takings"].clone();
    assert_eq!(figure(&at_the_till["sales"]), (5, 500));
    assert_eq!(figure(&at_the_till["refunds"]), (1, 40));
    assert_eq!(figure(&at_the_till["voids"]), (1, 100));
    assert_eq!(at_the_till["net"], 360);

    let today = console.get("/api/today").ok();
    assert_eq!(today["takings"], at_the_till);
    assert_eq!(today["stores"][0]["takings"], at_the_till);
    let account = |name: &str| {
        let lines = today["trial_balance"].as_array().expect("lines");
        let line = lines.iter().find(|line| line["account"] == name);
        line.expect("an account")["credit"].clone()
    };
    assert_eq!(account("merchants"), at_the_till["net"]);
}
