//! The network delivers a signed request twice, byte for byte: Java's `HttpURLConnection` repeats a POST by itself when the
//! answer is lost, and a proxy may. The register hears what the first delivery was told, and nothing is done twice.

use serde_json::{Value, json};

use crate::permissions::{Street, link};

type Told = (u16, String, Value);

fn money(yen: u64) -> Value {
    json!({ "amount": yen, "currency": "JPY" })
}

fn payment(id: &str, permission: &str, yen: u64) -> Value {
    json!({ "merchantPaymentId": id, "userAuthorizationId": permission, "amount": money(yen) })
}

fn refund(id: &str, paid: &Value, yen: u64) -> Value {
    json!({
        "merchantRefundId": id, "paymentId": paid["paymentId"], "amount": money(yen), "requestedAt": 1_800_000_000,
    })
}

/// A street with one customer who has 10,000 yen and lets the bakery take money; and the permission.
fn with_a_permission<T>(street: &Street, story: impl FnOnce(&dyn Fn() -> Value, String) -> T) -> T {
    let mut sora = street.customer("sora@example.jp");
    let permission = sora.grant(&link(street, "n-1")).ok()["permission_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let phone = std::cell::RefCell::new(sora.phone);
    let balance = || phone.borrow_mut().get("/api/home").ok()["balance"].clone();
    story(&balance, permission)
}

fn code(told: &Told) -> (u16, &str) {
    (told.0, &told.1)
}

const UNKNOWN: (u16, &str) = (500, "OUTCOME_UNKNOWN");

#[test]
fn what_is_delivered_twice_is_done_once_and_told_twice() {
    let street = Street::open();
    with_a_permission(&street, |balance, permission| {
        let twice = |method: &str, path: &str, body: Value| {
            let bytes = street.signed(method, path, body);
            let first = street.deliver(&bytes);
            assert_eq!(street.deliver(&bytes), first, "{method} {path}");
            first
        };
        let paid = twice("POST", "/v2/payments", payment("bread", &permission, 500));
        assert_eq!(code(&paid), (200, "SUCCESS"));
        assert_eq!(balance(), 9_500);
        let given_back = twice("POST", "/v2/refunds", refund("r-1", &paid.2, 200));
        assert_eq!(code(&given_back), (200, "SUCCESS"));
        assert_eq!(balance(), 9_700);
        twice("GET", "/v2/payments/bread", Value::Null);
        twice("GET", "/v2/refunds/r-1", Value::Null);

        twice("POST", "/v2/payments", payment("cake", &permission, 1_000));
        let undone = twice("DELETE", "/v2/payments/cake", Value::Null);
        assert_eq!(code(&undone), (202, "REQUEST_ACCEPTED"));
        // The cancel that was faster than its payment.
        let undone = twice("DELETE", "/v2/payments/tart", Value::Null);
        assert_eq!(code(&undone), (202, "REQUEST_ACCEPTED"));
        assert_eq!(balance(), 9_700);

        let aside = twice(
            "POST",
            "/v2/payments/preauthorize",
            payment("bike", &permission, 3_000),
        );
        assert_eq!(code(&aside), (200, "SUCCESS"));
        let capture = json!({
            "merchantPaymentId": "bike", "merchantCaptureId": "c-1", "amount": money(1_200), "requestedAt": 1_800_000_060,
            "orderDescription": "3 hours",
        });
        let captured = twice("POST", "/v2/payments/capture", capture);
        assert_eq!(code(&captured), (200, "SUCCESS"));
        assert_eq!(balance(), 8_500);

        let aside = twice(
            "POST",
            "/v2/payments/preauthorize",
            payment("boat", &permission, 3_000),
        );
        let revert = json!({
            "merchantRevertId": "v-1", "paymentId": aside.2["paymentId"], "requestedAt": 1_800_000_070, "reason": "rain",
        });
        let reverted = twice("POST", "/v2/payments/preauthorize/revert", revert);
        assert_eq!(code(&reverted), (200, "SUCCESS"));
        assert_eq!(balance(), 8_500);
    });
}

#[test]
fn a_refusal_is_told_again_though_the_reason_is_gone() {
    let street = Street::open();
    with_a_permission(&street, |balance, permission| {
        let dear = street.signed("POST", "/v2/payments", payment("ring", &permission, 9_900));
        let bread = street.call("POST", "/v2/payments", payment("bread", &permission, 500));
        let first = street.deliver(&dear);
        assert_eq!(code(&first), (400, "NO_SUFFICIENT_FUND"));
        street.call("POST", "/v2/refunds", refund("r-1", &bread.2, 500));
        assert_eq!(balance(), 10_000, "now there is enough");
        assert_eq!(street.deliver(&dear), first, "the register has heard no");
        assert_eq!(balance(), 10_000);
    });
}

#[test]
fn an_id_that_paid_for_something_else_is_told_as_such_however_often() {
    let street = Street::open();
    with_a_permission(&street, |balance, permission| {
        street.call("POST", "/v2/payments", payment("bread", &permission, 500));
        let other = street.signed("POST", "/v2/payments", payment("bread", &permission, 700));
        for _ in 0..2 {
            assert_eq!(
                code(&street.deliver(&other)),
                (409, "IDEMPOTENCY_CONFLICT"),
                "500 yen were paid under this id, and 700 were not"
            );
        }
        assert_eq!(balance(), 9_500);
    });
}

#[test]
fn other_bytes_under_an_old_nonce_are_not_signed() {
    let street = Street::open();
    with_a_permission(&street, |balance, permission| {
        let sign = |path: &str, yen| {
            let body = payment(&format!("order-{yen}"), &permission, yen);
            street.signed_with("POST", path, body, "one-nonce-for-all", 0)
        };
        let first = street.deliver(&sign("/v2/payments", 300));
        assert_eq!(code(&first), (200, "SUCCESS"));
        for other in [
            sign("/v2/payments", 301),
            sign("/v2/payments?agreeSimilarTransaction=true", 300),
        ] {
            assert_eq!(
                code(&street.deliver(&other)),
                (401, "UNAUTHORIZED"),
                "{other}"
            );
        }
        assert_eq!(balance(), 9_700);
    });
}

#[test]
fn after_a_restart_what_was_signed_before_is_told_and_not_decided() {
    let mut street = Street::open();
    let (paid, lost, undone, never_undone) = with_a_permission(&street, |_, permission| {
        let sign =
            |id: &str, yen| street.signed("POST", "/v2/payments", payment(id, &permission, yen));
        let (paid, lost) = (sign("bread", 500), sign("cake", 900));
        let cancel = |id: &str| street.signed("DELETE", &format!("/v2/payments/{id}"), Value::Null);
        (paid, lost, cancel("tart"), cancel("bread"))
    });
    let (first, gone) = (street.deliver(&paid), street.deliver(&undone));
    assert_eq!(code(&first), (200, "SUCCESS"));
    assert_eq!(code(&gone), (202, "REQUEST_ACCEPTED"));
    street.house.pass(10);
    street.restart_api();
    assert_eq!(street.deliver(&paid), first, "the book remembers");
    assert_eq!(street.deliver(&undone), gone);
    assert_eq!(
        code(&street.deliver(&lost)),
        UNKNOWN,
        "it may have come before the restart; the register reads the payment and signs again"
    );
    let read = street.call("GET", "/v2/payments/cake", Value::Null);
    assert_eq!(
        code(&read),
        (404, "RESOURCE_NOT_FOUND"),
        "nothing was taken"
    );
    assert_eq!(code(&street.deliver(&never_undone)), UNKNOWN);
    let read = street.call("GET", "/v2/payments/bread", Value::Null);
    assert_eq!(
        read.2["status"], "COMPLETED",
        "a replayed cancel undoes nothing"
    );
}

#[test]
fn a_register_whose_clock_is_wrong_is_told_so() {
    let street = Street::open();
    for ahead in [-120, 120, 3_600] {
        let bytes = street.signed_with(
            "GET",
            "/v2/payments/bread",
            Value::Null,
            "a-nonce-of-its-own",
            ahead,
        );
        let answer = street.raw(&bytes);
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        assert!(
            answer.contains("08770005") && answer.contains("clock"),
            "{answer}"
        );
        assert!(answer.to_lowercase().contains("\r\ndate: "), "{answer}");
        // Without the secret nothing is learnt about time.
        let forged = bytes.replacen("hmac OPA-Auth:mk_bakery:", "hmac OPA-Auth:mk_bakery:A", 1);
        assert!(street.raw(&forged).contains("08100016"), "{ahead}");
    }
}

#[test]
fn an_idle_connection_says_how_long_it_may_be_used() {
    let street = Street::open();
    let bytes = street.signed("GET", "/v2/payments/bread", Value::Null);
    let closing = street.raw(&bytes).to_lowercase();
    assert!(!closing.contains("keep-alive"), "{closing}");
    let bytes = street.signed("GET", "/v2/payments/bread", Value::Null);
    let staying = bytes.replacen("Connection: close\r\n", "", 1);
    let head = street.head(&staying).to_lowercase();
    assert!(head.contains("\r\nconnection: keep-alive\r\n"), "{head}");
    assert!(head.contains("\r\nkeep-alive: timeout=20, max="), "{head}");
}

#[test]
fn the_names_of_requests_do_not_count_them() {
    let street = Street::open();
    let name = || {
        let answer =
            street.raw("GET /v2/payments/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let at = answer
            .to_lowercase()
            .find("x-request-id: ")
            .expect("a name")
            + 14;
        u64::from_str_radix(&answer[at + 19..at + 35], 16).expect("hexadecimal")
    };
    let names: Vec<u64> = (0..40).map(|_| name()).collect();
    // The multiplier that a count was once mixed with: undoing it must not line the names up.
    let steps: std::collections::BTreeSet<u64> = names
        .windows(2)
        .map(|pair| pair[1].wrapping_sub(pair[0]))
        .collect();
    assert_eq!(steps.len(), 39);
    let high = names.iter().filter(|name| **name >> 62 & 1 == 1).count();
    assert!(
        (5..35).contains(&high),
        "{high} of 40: no run of near numbers"
    );
}

#[test]
fn paid_under_this_id_and_refused_under_this_id_are_told_apart() {
    let street = Street::open();
    with_a_permission(&street, |balance, permission| {
        let ask = |method: &str, path: &str, body: Value| {
            let answer = street.raw(&street.signed(method, path, body));
            let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
            let body: Value = serde_json::from_str(body).expect("JSON");
            let words = |name: &str| body["resultInfo"][name].as_str().unwrap_or("").to_owned();
            (words("code"), words("codeId"))
        };
        let pay = |id: &str, yen| ask("POST", "/v2/payments", payment(id, &permission, yen));
        pay("bread", 500);
        pay("ring", 50_000);
        for (id, code_id) in [("bread", "08770108"), ("ring", "08770110")] {
            let told = pay(id, 600);
            assert_eq!(
                told,
                ("IDEMPOTENCY_CONFLICT".into(), code_id.into()),
                "{id}"
            );
            let aside = payment(id, &permission, 600);
            let told = ask("POST", "/v2/payments/preauthorize", aside);
            assert_eq!(told.1, code_id, "{id}");
        }
        for (id, code_id) in [("ring", "08770303"), ("cake", "00200001")] {
            let told = ask("GET", &format!("/v2/payments/{id}"), Value::Null);
            assert_eq!(told, ("RESOURCE_NOT_FOUND".into(), code_id.into()), "{id}");
        }
        let paid = street.call("GET", "/v2/payments/bread", Value::Null).2;
        let give_back = |id: &str, yen| ask("POST", "/v2/refunds", refund(id, &paid, yen));
        give_back("r-1", 100);
        give_back("r-2", 9_000);
        assert_eq!(give_back("r-1", 200).1, "08770108");
        assert_eq!(give_back("r-2", 200).1, "08770110");
        assert_eq!(balance(), 9_600);
    });
}
