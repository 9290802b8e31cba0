//! The console's list of payments: what an operator finds when a shop calls.

use axum::http::StatusCode;
use mamori_domain::command::{Command, CreditKind};
use mamori_domain::ids::{TillId, WalletId};
use mamori_domain::money::Amount;
use mamori_registry::{Seed, Surface};
use serde_json::{Value, json};

use crate::house::{Browser, House};

/// A shop that has sold for 100, 200 and 300 yen; the second sale was refunded in part, the third undone.
struct Shop<'a> {
    phone: Browser<'a>,
    till: Browser<'a>,
    wallet: WalletId,
    payments: Vec<String>,
}

impl<'a> Shop<'a> {
    fn of(house: &'a House) -> Shop<'a> {
        house.open_shop();
        let code = house
            .registry()
            .devices()
            .make_pairing_code(TillId(1), house.now(), &Seed::new([1; 32]))
            .expect("the registry answers");
        let mut till = house.browser(Surface::Till);
        till.post("/api/enrol", json!({ "pairing_code": code }))
            .ok();
        let (phone, wallet) = house.customer_of_the_book(50);
        house.done(Command::Credit {
            wallet,
            idempotency_key: "gift".into(),
            amount: Amount::yen(5_000),
            kind: CreditKind::Goodwill,
        });
        let payments = Vec::new();
        let mut shop = Shop {
            phone,
            till,
            wallet,
            payments,
        };
        for amount in [100, 200, 300] {
            shop.sale(amount);
        }
        let back = json!({ "payment_id": shop.payments[1], "amount": 50, "key": "back" });
        shop.till.post("/api/refund", back).ok();
        let undone = json!({ "payment_id": shop.payments[2] });
        shop.till.post("/api/void", undone).ok();
        shop
    }

    fn sale(&mut self, amount: u64) {
        let code = self.phone.post("/api/code", json!({})).ok()["code"].clone();
        let key = format!("sale-{}", self.payments.len());
        let sale = json!({ "amount": amount, "code": code, "key": key });
        let paid = self.till.post("/api/charge", sale).ok();
        let id = paid["payment_id"].as_str().expect("an id");
        self.payments.push(id.to_owned());
    }
}

/// Amount and state of what is found, newest first.
fn found(console: &mut Browser, query: &str) -> Vec<(u64, String)> {
    let answer = console.get(&format!("/api/payments?{query}")).ok();
    let listed = answer["payments"].as_array().expect("a list").iter();
    listed
        .map(|one| {
            let status = one["status"].as_str().expect("a word").to_owned();
            (one["amount"].as_u64().expect("yen"), status)
        })
        .collect()
}

fn amounts(console: &mut Browser, query: &str) -> Vec<u64> {
    let found = found(console, query);
    found.into_iter().map(|(amount, _)| amount).collect()
}

#[test]
fn an_operator_finds_payments_by_what_the_shop_tells() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    let shop = Shop::of(&house);
    let of = |amount, status: &str| (amount, status.to_owned());
    assert_eq!(
        found(&mut console, ""),
        [
            of(300, "cancelled"),
            of(200, "part_refunded"),
            of(100, "paid")
        ]
    );
    for (query, sums) in [
        ("amount=200", vec![200]),
        ("state=paid", vec![100]),
        ("state=refunded", vec![200]),
        ("state=voided", vec![300]),
        ("merchant=1&amount=100", vec![100]),
        ("merchant=2", vec![]),
        ("store=1", vec![300, 200, 100]),
        ("store=%E6%9C%AC", vec![300, 200, 100]),
        ("from=2027-01-15&to=2027-01-15", vec![300, 200, 100]),
        ("from=2027-01-16", vec![]),
        ("to=2027-01-14", vec![]),
    ] {
        assert_eq!(amounts(&mut console, query), sums, "{query}");
    }
    let second: u64 = shop.payments[1].parse().expect("digits");
    for id in [format!("{second}"), format!("{second:08}")] {
        assert_eq!(amounts(&mut console, &format!("id={id}&amount=7")), [200]);
    }
    assert_eq!(amounts(&mut console, "id=4711"), [0; 0]);
    assert_eq!(
        amounts(&mut console, &format!("id={second}&merchant=2")),
        [0; 0]
    );
}

#[test]
fn a_payment_is_found_by_the_id_that_the_merchants_own_program_gave_it() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    let mut shop = Shop::of(&house);
    // The till's page names its sales too; a program would have sent such a name itself.
    assert_eq!(amounts(&mut console, "id=till%3A1%3Asale-1"), [200]);
    assert_eq!(amounts(&mut console, "id=sale-1"), [0; 0]);
    let listed = console.get("/api/payments").ok();
    let all = listed["payments"].as_array().expect("a list").iter();
    assert!(
        all.clone()
            .all(|one| one["merchant_payment_id"] == Value::Null)
    );
    shop.sale(400);
    assert_eq!(
        amounts(&mut console, "id=till%3A1%3Asale-3&merchant=1"),
        [400]
    );
}

#[test]
fn the_list_is_read_page_by_page_and_names_no_customer() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    let shop = Shop::of(&house);
    let first = console.get("/api/payments?limit=2").ok();
    let next = first["next"].as_str().expect("it goes on").to_owned();
    assert_eq!(next, shop.payments[1]);
    assert_eq!(
        first["reached_ms"],
        house.engine().survey().expect("a survey").at.millis()
    );
    assert_eq!(
        amounts(&mut console, &format!("limit=2&before={next}")),
        [100]
    );
    assert_eq!(console.get("/api/payments").ok()["next"], Value::Null);
    let text = first.to_string();
    for secret in ["そら", "example.jp", "wallet", "customer"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert!(shop.wallet.0 > 0);
}

#[test]
fn what_cannot_be_looked_for_is_refused_by_its_name_and_strangers_hear_nothing() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    house.open_shop();
    for (query, field) in [
        ("from=2026-13-01", "from"),
        ("to=tomorrow", "to"),
        ("from=2026-11-28&to=2026-11-27", "to"),
        ("state=lost", "state"),
        ("amount=-1", "query"),
        ("before=x", "query"),
    ] {
        let answer = console.get(&format!("/api/payments?{query}"));
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(answer.body["field"], field, "{query}");
    }
    let nowhere = console.get("/api/payments?store=Atlantis");
    assert_eq!(nowhere.refusal(), "store_unknown");
    let mut stranger = house.browser(Surface::Console);
    assert_eq!(
        stranger.get("/api/payments").status,
        StatusCode::UNAUTHORIZED
    );
}

#[test]
fn a_console_that_asks_each_second_is_sent_what_changed_and_nothing_where_nothing_did() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    let mut shop = Shop::of(&house);
    house.engine().await_views().expect("the views follow");
    let all = console.get("/api/today");
    assert!(all.bytes < 2_500, "the whole day in {} bytes", all.bytes);
    let version = all.body["version"].as_str().expect("a version").to_owned();
    assert_eq!(all.headers["etag"], *version);
    for _ in 0..3 {
        house.pass(1);
        let nothing = console.get_since("/api/today", &version);
        assert_eq!(
            (nothing.status, nothing.bytes),
            (StatusCode::NOT_MODIFIED, 0)
        );
    }
    shop.sale(400);
    house.engine().await_views().expect("the views follow");
    let more = console.get_since("/api/today", &version);
    assert!(
        more.bytes < all.bytes,
        "{} of {} bytes",
        more.bytes,
        all.bytes
    );
    assert_eq!(more.body["takings"]["sales"]["count"], 4);
    for same in ["top_ups", "wallets", "in_balance"] {
        assert_eq!(more.body[same], Value::Null, "{same}");
    }
    let newer = more.body["version"].as_str().expect("a version");
    assert_eq!(
        console.get_since("/api/today", newer).status,
        StatusCode::NOT_MODIFIED
    );
    // What is no version of ours is a page that has nothing.
    for strange in ["\"x\"", "\"1.2.zz\"", "\"1.2.3\"", "*"] {
        let answer = console.get_since("/api/today", strange);
        assert_eq!(answer.ok()["wallets"], 1, "{strange}");
    }
}
