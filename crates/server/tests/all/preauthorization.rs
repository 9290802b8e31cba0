//! Money is set aside by a standing permission, and taken or given back later.

use serde_json::{Value, json};

use crate::permissions::{Street, link};

fn money(yen: u64) -> Value {
    json!({ "amount": yen, "currency": "JPY" })
}

struct Rental<'a> {
    street: &'a Street,
    permission: String,
}

impl Rental<'_> {
    fn authorise(&self, name: &str, yen: u64, expires_at: Option<i64>) -> (u16, String, Value) {
        let mut body = json!({
            "merchantPaymentId": name, "userAuthorizationId": self.permission, "amount": money(yen),
            "requestedAt": 1_800_000_000, "orderDescription": "自転車の保証金",
        });
        if let Some(at) = expires_at {
            body["expiresAt"] = json!(at);
        }
        self.street.call("POST", "/v2/payments/preauthorize", body)
    }

    fn capture(&self, name: &str, yen: u64) -> (u16, String, Value) {
        let body = json!({
            "merchantPaymentId": name, "merchantCaptureId": format!("{name}-capture"), "amount": money(yen),
            "requestedAt": 1_800_000_060, "orderDescription": "自転車 3時間",
        });
        self.street.call("POST", "/v2/payments/capture", body)
    }

    fn revert(&self, payment: &Value) -> (u16, String, Value) {
        let body = json!({
            "merchantRevertId": "rv-1", "paymentId": payment, "requestedAt": 1_800_000_070, "reason": "ご利用なし",
        });
        self.street
            .call("POST", "/v2/payments/preauthorize/revert", body)
    }

    fn read(&self, name: &str) -> (u16, String, Value) {
        self.street
            .call("GET", &format!("/v2/payments/{name}"), Value::Null)
    }

    fn cancel(&self, name: &str) -> (u16, String) {
        let (status, code, _) =
            self.street
                .call("DELETE", &format!("/v2/payments/{name}"), Value::Null);
        (status, code)
    }
}

fn said((status, code, _): (u16, String, Value)) -> (u16, String) {
    (status, code)
}

fn no(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn what_is_set_aside_is_captured_once_up_to_its_amount_and_the_rest_goes_back() {
    let street = Street::open();
    let mut sora = street.customer("sora@example.jp");
    let permission = sora.grant(&link(&street, "n-1")).ok()["permission_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let rental = Rental {
        street: &street,
        permission: permission.clone(),
    };
    let (status, code, aside) = rental.authorise("bike", 6_000, Some(1_800_086_400));
    assert_eq!((status, &*code), (200, "SUCCESS"));
    assert_eq!(
        (&aside["status"], &aside["expiresAt"]),
        (&json!("AUTHORIZED"), &json!(1_800_086_400))
    );
    assert_eq!(
        (&aside["acceptedAt"], &aside["userAuthorizationId"]),
        (&json!(1_800_000_000), &json!(permission))
    );
    assert_eq!(
        (&aside["captures"], &aside["revert"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        rental.authorise("bike", 6_000, Some(1_800_086_400)).2,
        aside,
        "a retry gets the first answer"
    );
    assert_eq!(
        said(rental.authorise("bike", 6_001, None)),
        no(409, "IDEMPOTENCY_CONFLICT")
    );
    assert_eq!(
        said(street.pay("bike", &permission, 6_000)),
        no(409, "IDEMPOTENCY_CONFLICT"),
        "one id is one payment"
    );
    let home = sora.phone.get("/api/home").ok();
    assert_eq!(
        (&home["balance"], &home["held"]),
        (&json!(4_000), &json!(6_000))
    );
    let (_, _, read) = rental.read("bike");
    assert_eq!(
        (&read["status"], &read["paymentId"]),
        (&json!("AUTHORIZED"), &aside["paymentId"])
    );
    assert_eq!(
        said(rental.capture("bike", 6_001)),
        no(400, "HIGHER_CAPTURE_NOT_PERMITTED")
    );
    let (status, code, captured) = rental.capture("bike", 1_500);
    assert_eq!((status, &*code), (200, "SUCCESS"));
    assert_eq!(
        (&captured["status"], &captured["paymentId"]),
        (&json!("COMPLETED"), &aside["paymentId"])
    );
    assert_eq!(
        captured["captures"]["data"],
        json!([{
            "status": "COMPLETED", "acceptedAt": 1_800_000_000, "merchantCaptureId": "bike-capture", "amount": money(1_500),
            "orderDescription": "自転車 3時間", "requestedAt": 1_800_000_060,
        }])
    );
    let home = sora.phone.get("/api/home").ok();
    assert_eq!(
        (&home["balance"], &home["held"]),
        (&json!(8_500), &json!(0))
    );
    let (_, _, read) = rental.read("bike");
    assert_eq!(read["status"], "COMPLETED");
    assert_eq!(read["captures"]["data"][0]["amount"], money(1_500));
    assert_eq!(
        said(rental.capture("bike", 1_500)),
        no(400, "ALREADY_CAPTURED")
    );
    assert_eq!(
        said(rental.revert(&aside["paymentId"])),
        no(400, "ORDER_NOT_CANCELABLE")
    );
    assert_eq!(rental.cancel("bike"), no(400, "ORDER_NOT_REVERSIBLE"));
}

#[test]
fn what_was_captured_is_refunded_like_any_other_payment() {
    let street = Street::open();
    let mut sora = street.customer("sora@example.jp");
    let permission = sora.grant(&link(&street, "n-1")).ok()["permission_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let rental = Rental {
        street: &street,
        permission,
    };
    let (_, _, aside) = rental.authorise("bike", 6_000, None);
    let refund = |name: &str, yen: u64| {
        let body = json!({
            "merchantRefundId": name, "paymentId": aside["paymentId"], "amount": money(yen), "requestedAt": 1_800_000_080,
            "reason": "雨のため",
        });
        street.call("POST", "/v2/refunds", body)
    };
    assert_eq!(
        said(refund("early", 1)),
        no(404, "RESOURCE_NOT_FOUND"),
        "nothing was taken yet"
    );
    assert_eq!(rental.capture("bike", 1_500).0, 200);
    let (status, code, part) = refund("rain", 500);
    assert_eq!((status, &*code), (200, "SUCCESS"));
    assert_eq!(
        (&part["paymentId"], &part["amount"]),
        (&aside["paymentId"], &money(500))
    );
    assert_eq!(refund("rain", 500).2, part, "a retry gets the first answer");
    let (_, _, read) = rental.read("bike");
    assert_eq!(read["status"], "COMPLETED");
    assert_eq!(read["refunds"]["data"][0]["amount"], money(500));
    assert_eq!(
        (&read["orderDescription"], &read["userAuthorizationId"]),
        (&json!("自転車の保証金"), &json!(rental.permission)),
        "what was said when it was set aside"
    );
    assert_eq!(refund("too much", 1_001).0, 400);
    assert_eq!(refund("rest", 1_000).0, 200);
    assert_eq!(rental.read("bike").2["status"], "REFUNDED");
    // The customer's history ties what came back to what was taken.
    let entries = sora.phone.get("/api/history").ok()["entries"].clone();
    let of = |kind: &str| -> Value {
        let mut of_kind = entries.as_array().unwrap().iter();
        of_kind.find(|entry| entry["kind"] == kind).unwrap().clone()
    };
    assert_eq!(of("capture")["payment_id"], aside["paymentId"]);
    assert_eq!(of("refund")["payment_id"], aside["paymentId"]);
    let receipt = format!("/api/receipts/{}", of("capture")["id"].as_str().unwrap());
    let receipt = sora.phone.get(&receipt).ok();
    assert_eq!(
        (&receipt["refunded"], &receipt["refundable"]),
        (&json!(1_500), &json!(0))
    );
    let home = sora.phone.get("/api/home").ok();
    assert_eq!(
        (&home["balance"], &home["held"]),
        (&json!(10_000), &json!(0))
    );
}

#[test]
fn what_is_set_aside_goes_back_by_a_revert_or_by_a_cancel() {
    let street = Street::open();
    let mut sora = street.customer("sora@example.jp");
    let permission = sora.grant(&link(&street, "n-1")).ok()["permission_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let rental = Rental {
        street: &street,
        permission,
    };
    let (_, _, aside) = rental.authorise("bike", 6_000, None);
    assert_eq!(aside["expiresAt"], 1_800_000_000 + 30 * 86_400);
    let (status, code, reverted) = rental.revert(&aside["paymentId"]);
    assert_eq!((status, &*code), (200, "SUCCESS"));
    assert_eq!(
        reverted,
        json!({
            "status": "CANCELED", "paymentId": aside["paymentId"], "acceptedAt": 1_800_000_000, "merchantRevertId": "rv-1",
            "requestedAt": 1_800_000_070, "reason": "ご利用なし",
        })
    );
    assert_eq!(
        rental.revert(&aside["paymentId"]).2,
        reverted,
        "a retry gets the first answer"
    );
    assert_eq!(
        said(rental.capture("bike", 1)),
        no(400, "ORDER_NOT_CAPTURABLE")
    );
    let (_, _, read) = rental.read("bike");
    assert_eq!(
        (&read["status"], &read["revert"]["acceptedAt"]),
        (&json!("CANCELED"), &json!(1_800_000_000))
    );
    rental.authorise("boat", 1_000, None);
    for _ in 0..2 {
        assert_eq!(rental.cancel("boat"), no(202, "REQUEST_ACCEPTED"));
    }
    assert_eq!(rental.read("boat").2["status"], "CANCELED");
    // The cancel that was faster than its payment.
    assert_eq!(rental.cancel("kite"), no(202, "REQUEST_ACCEPTED"));
    assert_eq!(
        said(rental.authorise("kite", 1_000, None)),
        no(400, "UNACCEPTABLE_OP")
    );
    let home = sora.phone.get("/api/home").ok();
    assert_eq!(
        (&home["balance"], &home["held"]),
        (&json!(10_000), &json!(0))
    );
}

#[test]
fn nothing_is_taken_that_was_not_set_aside_by_this_shop_in_time() {
    let street = Street::open();
    let mut sora = street.customer("sora@example.jp");
    let permission = sora.grant(&link(&street, "n-1")).ok()["permission_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let rental = Rental {
        street: &street,
        permission: permission.clone(),
    };
    for expires_at in [
        0,
        1_799_999_999,
        1_800_000_000,
        1_800_000_000 + 30 * 86_400 + 1,
    ] {
        let refused = said(rental.authorise("late", 100, Some(expires_at)));
        assert_eq!(
            refused,
            no(400, "PRE_AUTH_CAPTURE_INVALID_EXPIRY_DATE"),
            "{expires_at}"
        );
    }
    assert_eq!(
        said(rental.authorise("late", 10_001, None)),
        no(400, "NO_SUFFICIENT_FUND")
    );
    assert_eq!(
        said(rental.capture("never", 1)),
        no(404, "RESOURCE_NOT_FOUND")
    );
    for unknown in [json!("999999"), json!("bike")] {
        assert_eq!(said(rental.revert(&unknown)), no(404, "RESOURCE_NOT_FOUND"));
    }
    let (_, _, paid) = street.pay("bread", &permission, 500);
    assert_eq!(
        said(rental.capture("bread", 500)),
        no(404, "RESOURCE_NOT_FOUND"),
        "paid at once"
    );
    assert_eq!(
        said(rental.revert(&paid["paymentId"])),
        no(400, "ORDER_NOT_CANCELABLE")
    );
    // The permission is taken back: what was set aside while it stood is still the shop's to take.
    rental.authorise("bike", 2_000, None);
    let body = json!({ "permission_id": permission });
    sora.phone.post("/api/permissions/revoke", body).ok();
    assert_eq!(
        said(rental.authorise("boat", 100, None)),
        no(401, "INVALID_USER_AUTHORIZATION_ID")
    );
    assert_eq!(rental.capture("bike", 2_000).0, 200);
    assert_eq!(sora.phone.get("/api/home").ok()["balance"], 7_500);
}
