//! The phone's event stream: what it tells, how many there are, and that it ends.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http_body_util::BodyExt as _;
use mamori_domain::command::{Charge, Command, CreditKind, Request};
use mamori_domain::context::{Actor, AgentFamily, Asker, Context};
use mamori_domain::ids::{AuthorizationId, Fingerprint, WalletId};
use mamori_domain::money::Amount;
use mamori_domain::pay::{OrderInfo, Payer};
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::Reply;
use mamori_server::listen::Cord;
use serde_json::json;

use crate::house::{Browser, House};

fn listen(browser: &Browser, last_event: Option<u64>) -> Response {
    let mut request = browser.request("GET", "/api/events");
    if let Some(id) = last_event {
        request = request.header("last-event-id", id.to_string());
    }
    browser.open(request.body(Body::empty()).expect("a request"))
}

/// All that a stream says until it ends. It must end: the test would hang otherwise, so it waits no longer than the house limit.
fn rest_of(house: &House, stream: Response) -> String {
    let body = stream.into_body().collect();
    let read = house.run(async { tokio::time::timeout(Duration::from_secs(5), body).await });
    let read = read.expect("it ends within 5 s").expect("a body");
    String::from_utf8(read.to_bytes().to_vec()).expect("text")
}

fn give(house: &House, wallet: WalletId, name: &str) {
    let credit = Command::Credit {
        wallet,
        idempotency_key: name.into(),
        amount: Amount::yen(1),
        kind: CreditKind::Goodwill,
    };
    house.done(credit);
}

#[test]
fn a_stream_tells_what_happens_and_ends_with_a_freeze() {
    let house = House::new();
    let (browser, wallet) = house.customer_of_the_book(1);
    let stream = listen(&browser, None);
    give(&house, wallet, "a");
    let freeze = Command::Freeze { wallet };
    house.done(freeze);
    let said = rest_of(&house, stream);
    let (credit, freeze) = (said.find("event: goodwill"), said.find("event: freeze"));
    assert!(credit.is_some() && credit < freeze, "{said}");
    // Whoever still holds the session may listen again: refunds go to a frozen wallet too.
    let again = listen(&browser, None);
    assert_eq!(again.status(), 200);
}

/// The customer stands at the till with too little money: the phone says why nothing was paid.
#[test]
fn a_stream_tells_of_a_payment_that_was_refused() {
    let house = House::new();
    let (browser, wallet) = house.customer_of_the_book(1);
    let merchant = match house.done(Command::OpenMerchant) {
        Reply::MerchantOpened(merchant) => merchant,
        other => panic!("{other:?}"),
    };
    let (key, authorization) = (Fingerprint(7), AuthorizationId(7));
    house.done(Command::BindApiKey { key, merchant });
    house.done(Command::GrantAuthorization {
        authorization,
        wallet,
        merchant,
    });
    let stream = listen(&browser, None);
    let charge = Charge {
        merchant,
        merchant_payment_id: "dear".into(),
        payer: Payer::Authorization(authorization),
        amount: Amount::yen(1_200),
        store: None,
        till: None,
        order: OrderInfo::default().into(),
    };
    let register = Asker::new(Context {
        by: Actor::Key { key },
        network: None,
        agent: AgentFamily::Program,
    });
    let charge = Request::command(register, Command::Charge(charge));
    let refused = house.engine().ask(charge).expect("the engine answers");
    assert_eq!(refused, Err(Refusal::BalanceTooSmall));
    house.done(Command::Freeze { wallet });
    let said = rest_of(&house, stream);
    assert!(said.contains("event: refused"), "{said}");
    assert!(
        said.contains("\"amount\":1200") && said.contains("\"reason\":\"balance_too_small\""),
        "{said}"
    );
}

#[test]
fn a_stream_on_which_nothing_happens_beats_all_the_same() {
    let house = House::new();
    let (browser, _) = house.customer_of_the_book(1);
    let stream = listen(&browser, None);
    assert_eq!(
        stream.headers()["x-accel-buffering"],
        "no",
        "no proxy gathers the events"
    );
    let mut body = stream.into_body();
    let heard = house.run(body.frame());
    let heard = heard.expect("something").expect("no fault").into_data();
    let heard = String::from_utf8(heard.expect("data").to_vec()).expect("text");
    assert!(
        heard.contains("event: beat"),
        "an event, for a page never hears of a comment: {heard}"
    );
}

#[test]
fn a_fourth_stream_of_a_session_ends_the_first() {
    let house = House::new();
    let (browser, wallet) = house.customer_of_the_book(1);
    let mut streams: Vec<_> = (0..4).map(|_| listen(&browser, None)).collect();
    assert_eq!(house.app.identity.streams.count(wallet), 3);
    let said = rest_of(&house, streams.remove(0));
    assert!(said.contains("event: crowded"), "{said}");
    drop(streams);
    // The tasks of dropped streams end when the runtime turns once more.
    house.run(tokio::task::yield_now());
    assert_eq!(house.app.identity.streams.count(wallet), 0);
}

#[test]
fn a_stream_ends_with_its_session() {
    let house = House::new();
    let (mut browser, _) = house.customer_of_the_book(1);
    let stream = listen(&browser, None);
    browser.post("/api/sign-out", json!({})).ok();
    let said = rest_of(&house, stream);
    assert!(said.contains("event: closed"), "{said}");
}

#[test]
fn a_reader_who_takes_nothing_is_cut_off_when_the_session_ends() {
    let house = House::new();
    let (mut browser, wallet) = house.customer_of_the_book(1);
    let cord = Cord::default();
    let mut request = browser
        .request("GET", "/api/events")
        .body(Body::empty())
        .expect("a request");
    request.extensions_mut().insert(cord.clone());
    let stream = browser.open(request);
    // More than fits into what waits for a reader.
    for number in 0..20 {
        give(&house, wallet, &number.to_string());
    }
    browser.post("/api/sign-out", json!({})).ok();
    let cut =
        house.run(async { tokio::time::timeout(Duration::from_secs(5), cord.pulled()).await });
    cut.expect("within 5 s");
    drop(stream);
}

#[test]
fn a_phone_that_missed_much_is_told_to_read_itself_anew() {
    let house = House::new();
    let (mut browser, wallet) = house.customer_of_the_book(1);
    for number in 0..60 {
        give(&house, wallet, &number.to_string());
    }
    let listed = browser.get("/api/history?limit=60").ok();
    let id = |at: usize| -> u64 {
        let id = listed["entries"][at]["id"].as_str().expect("an id");
        id.parse().expect("a number")
    };
    // Newest first: entry 0 is the newest, and entry 50 has fifty behind it.
    for (seen, reloads) in [
        (id(59), true),
        (id(51), true),
        (id(50), false),
        (id(0), false),
    ] {
        let stream = listen(&browser, Some(seen));
        let freeze = Command::Freeze { wallet };
        house.done(freeze);
        let said = rest_of(&house, stream);
        assert_eq!(said.contains("event: reload"), reloads, "{said}");
        let told = said.matches("event: goodwill").count();
        let missed = listed["entries"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|entry| entry["id"].as_str().expect("an id").parse::<u64>().unwrap() > seen)
            .count();
        assert_eq!(told, if reloads { 0 } else { missed }, "{said}");
        assert!(
            said.contains(&format!("id: {}", id(0))) || missed == 0,
            "{said}"
        );
        let unfreeze = Command::Unfreeze { wallet };
        house.done(unfreeze);
    }
}
