//! Codes on a customer's phone.

use axum::http::StatusCode;
use serde_json::json;

use crate::house::House;

/// Each code is drawn on the thread that carries payments: a phone that asks without end is told to wait, and no other one notices.
#[test]
fn one_wallet_gets_ten_codes_a_second_and_no_other_waits_for_it() {
    let house = House::new();
    let (mut greedy, _) = house.customer_of_the_book(1);
    let (mut other, _) = house.customer_of_the_book(2);
    let mut asked = 0;
    while greedy.post("/api/code", json!({})).status == StatusCode::OK {
        asked += 1;
        assert!(asked < 1_000, "without end");
    }
    assert_eq!(asked, 120, "two minutes' worth of an honest phone");
    assert_eq!(greedy.post("/api/code", json!({})).refusal(), "busy");
    other.post("/api/code", json!({})).ok();
    house.pass(1);
    greedy.post("/api/code", json!({})).ok();
}
