//! The sandbox as a stranger meets it: over sockets, with right and wrong requests.

use std::time::Duration;

use mamori_sandbox::{FAULTS_PATH, Sandbox, SandboxConfig};
use serde_json::Value;

const NOW_SECONDS: i64 = 1_750_000_000;

fn start() -> Sandbox {
    mamori_sandbox::run(SandboxConfig {
        card_port: 0,
        sms_port: 0,
        smtp_port: 0,
        inbox_port: 0,
        webhook_url: None,
        webhook_secret: String::new(),
        webhook_retry: Duration::from_millis(5),
        api_key: "sk_test_1".to_owned(),
        sms_account: "AC1".to_owned(),
        sms_token: "token".to_owned(),
        seed: [7; 32],
        clock: || NOW_SECONDS * 1_000_000,
    })
    .expect("free ports")
}

fn client() -> ureq::Agent {
    ureq::Agent::config_builder()
        .max_redirects(0)
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(10)))
        .build()
        .into()
}

/// Sends a form and answers with the status and the JSON.
fn post(sandbox: &Sandbox, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let mut request = client()
        .post(format!("{}{path}", sandbox.addresses().card_url))
        .header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut answer = request.send(body).expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.body_mut().read_to_string().expect("text");
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

const KEY: (&str, &str) = ("authorization", "Bearer sk_test_1");

#[test]
fn wrong_requests_are_refused_in_the_words_of_the_api() {
    let sandbox = start();
    let intents = "/v1/payment_intents";
    let sessions = "/v1/checkout/sessions";
    let session = "mode=payment&line_items[0][quantity]=1&line_items[0][price_data][currency]=jpy\
        &line_items[0][price_data][unit_amount]=5000&line_items[0][price_data][product_data][name]=x";
    for (path, body, status, code) in [
        (intents, "", 400, "parameter_missing"),
        (intents, "amount=0&currency=jpy", 400, "parameter_invalid"),
        (intents, "amount=-1&currency=jpy", 400, "parameter_invalid"),
        (intents, "amount=1.5&currency=jpy", 400, "parameter_invalid"),
        (
            intents,
            "amount=99999999999999999999&currency=jpy",
            400,
            "parameter_invalid",
        ),
        (intents, "amount=100", 400, "parameter_missing"),
        (intents, "amount=100&currency=usd", 400, "parameter_invalid"),
        (
            intents,
            "amount=100&amount=200&currency=jpy",
            400,
            "parameter_invalid",
        ),
        (
            intents,
            "amount=100&currency=jpy&colour=red",
            400,
            "parameter_unknown",
        ),
        (
            intents,
            "amount=100&currency=jpy&confirm=true",
            400,
            "parameter_missing",
        ),
        (
            intents,
            "amount=100&currency=jpy&payment_method=pm_card_nobody",
            404,
            "resource_missing",
        ),
        (
            intents,
            "amount=100&currency=jpy&return_url=javascript:alert(1)",
            400,
            "parameter_invalid",
        ),
        (
            "/v1/payment_intents/pi_1/confirm",
            "",
            404,
            "resource_missing",
        ),
        (
            "/v1/refunds",
            "payment_intent=pi_1",
            404,
            "resource_missing",
        ),
        ("/v1/nothing", "", 404, "resource_missing"),
        (sessions, "mode=setup", 400, "parameter_invalid"),
        (sessions, session, 400, "parameter_missing"),
        (
            sessions,
            &format!("{session}&success_url=/relative"),
            400,
            "parameter_invalid",
        ),
        (
            sessions,
            &format!("{session}&success_url=http://a/&expires_at=1"),
            400,
            "parameter_invalid",
        ),
        (
            "/v1/webhook_endpoints",
            "url=ftp://a",
            400,
            "parameter_invalid",
        ),
    ] {
        let (found, json) = post(&sandbox, path, &[KEY], body);
        assert_eq!(
            (found, json["error"]["code"].as_str()),
            (status, Some(code)),
            "{path} {body}"
        );
        assert_eq!(
            json["error"]["type"], "invalid_request_error",
            "{path} {body}"
        );
    }
}

#[test]
fn a_stranger_learns_nothing() {
    let sandbox = start();
    for headers in [
        &[][..],
        &[("authorization", "Bearer sk_test_2")],
        &[("authorization", "Bearer ")],
        &[("authorization", "Basic c2tfdGVzdF8xOg")],
        &[("authorization", "sk_test_1")],
    ] {
        let (status, _) = post(
            &sandbox,
            "/v1/payment_intents",
            headers,
            "amount=100&currency=jpy",
        );
        assert_eq!(status, 401, "{headers:?}");
        assert_eq!(
            post(&sandbox, FAULTS_PATH, headers, "{}").0,
            401,
            "{headers:?}"
        );
    }
    let basic = ("authorization", "Basic c2tfdGVzdF8xOg==");
    assert_eq!(
        post(
            &sandbox,
            "/v1/payment_intents",
            &[basic],
            "amount=100&currency=jpy"
        )
        .0,
        200
    );
}

#[test]
fn one_key_is_answered_once() {
    let sandbox = start();
    let key = ("idempotency-key", "k-1");
    let create = |body: &str| post(&sandbox, "/v1/payment_intents", &[KEY, key], body);
    let (status, first) = create("amount=100&currency=jpy");
    assert_eq!(status, 200);
    assert_eq!(create("amount=100&currency=jpy").1["id"], first["id"]);
    let (status, refused) = create("amount=101&currency=jpy");
    assert_eq!(
        (status, refused["error"]["type"].as_str()),
        (400, Some("idempotency_error"))
    );
    let (_, elsewhere) = post(
        &sandbox,
        "/v1/refunds",
        &[KEY, key],
        "amount=100&currency=jpy",
    );
    assert_eq!(
        elsewhere["error"]["type"], "idempotency_error",
        "the key belongs to its first call"
    );
}

#[test]
fn a_request_with_a_mistake_may_be_corrected_under_its_key() {
    let sandbox = start();
    let create = |body: &str| {
        post(
            &sandbox,
            "/v1/payment_intents",
            &[KEY, ("idempotency-key", "k-1")],
            body,
        )
        .0
    };
    assert_eq!(create("amount=100"), 400);
    assert_eq!(create("amount=100&currency=jpy"), 200);
}

#[test]
fn a_hundred_requests_with_one_key_at_once_make_one_intent() {
    let sandbox = start();
    let ids: std::collections::HashSet<String> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..100)
            .map(|_| {
                scope.spawn(|| {
                    let headers = [KEY, ("idempotency-key", "k-1")];
                    let (_, intent) = post(
                        &sandbox,
                        "/v1/payment_intents",
                        &headers,
                        "amount=100&currency=jpy",
                    );
                    intent["id"].as_str().expect("an id").to_owned()
                })
            })
            .collect();
        senders
            .into_iter()
            .map(|sender| sender.join().expect("no panic"))
            .collect()
    });
    assert_eq!(ids.len(), 1);
}

#[test]
fn too_much_is_too_much() {
    let sandbox = start();
    let (status, _) = post(&sandbox, "/v1/payment_intents", &[KEY], &"a".repeat(70_000));
    assert_eq!(status, 413);
    let many: String = (0..200).map(|n| format!("metadata[k{n}]=v&")).collect();
    assert_eq!(post(&sandbox, "/v1/payment_intents", &[KEY], &many).0, 400);
    assert_eq!(
        post(&sandbox, FAULTS_PATH, &[KEY], r#"{"explode": 1}"#).0,
        400
    );
}

#[test]
fn pages_run_no_foreign_thing_and_are_not_kept() {
    let sandbox = start();
    let body = "mode=payment&line_items[0][quantity]=1&line_items[0][price_data][currency]=jpy\
        &line_items[0][price_data][unit_amount]=5000&line_items[0][price_data][product_data][name]=%3Cb%3Ex\
        &success_url=http://wallet.localhost:8080/done?s={CHECKOUT_SESSION_ID}&locale=en";
    let (status, session) = post(&sandbox, "/v1/checkout/sessions", &[KEY], body);
    assert_eq!(status, 200, "{session}");
    let inbox = sandbox.addresses().inbox_url.clone();
    for url in [session["url"].as_str().expect("a page"), &inbox] {
        let mut page = client().get(url).call().expect("a page");
        let header = |name: &str| page.headers()[name].to_str().expect("ascii").to_owned();
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{policy}"
        );
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("referrer-policy"), "no-referrer");
        let html = page.body_mut().read_to_string().expect("text");
        assert!(
            !html.contains("<b>") && !html.contains("style=") && !html.contains("onclick"),
            "{html}"
        );
    }
    let page = client()
        .get(session["url"].as_str().expect("a page"))
        .call()
        .expect("a page");
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .expect("ascii");
    // Browsers hold a form's redirect to `form-action`: the shop's own origin has to be in it.
    assert!(
        policy.contains("form-action 'self' http://wallet.localhost:8080;"),
        "{policy}"
    );
}

#[test]
fn a_page_speaks_the_language_of_the_shop_unless_the_customer_chooses() {
    let sandbox = start();
    let body = "mode=payment&line_items[0][quantity]=1&line_items[0][price_data][currency]=jpy\
        &line_items[0][price_data][unit_amount]=5000&line_items[0][price_data][product_data][name]=x\
        &success_url=http://a/&locale=en";
    let (_, session) = post(&sandbox, "/v1/checkout/sessions", &[KEY], body);
    let url = session["url"].as_str().expect("a page");
    for (url, language) in [(url.to_owned(), "en"), (format!("{url}?lang=ja"), "ja")] {
        let html = client()
            .get(&url)
            .call()
            .expect("a page")
            .body_mut()
            .read_to_string()
            .expect("text");
        assert!(
            html.contains(&format!("<html lang=\"{language}\">")),
            "{html}"
        );
    }
}

#[test]
fn webhooks_can_be_registered_and_the_secret_is_shown_once() {
    let sandbox = start();
    let body = "url=http://127.0.0.1:9/hook&enabled_events[]=payment_intent.succeeded";
    let (status, endpoint) = post(&sandbox, "/v1/webhook_endpoints", &[KEY], body);
    assert_eq!(status, 200);
    assert!(
        endpoint["secret"]
            .as_str()
            .expect("a secret")
            .starts_with("whsec_")
    );
    let mut list = client()
        .get(format!(
            "{}/v1/webhook_endpoints",
            sandbox.addresses().card_url
        ))
        .header(KEY.0, KEY.1)
        .call()
        .expect("an answer");
    let list: Value = list.body_mut().read_json().expect("json");
    assert_eq!(list["data"][0]["id"], endpoint["id"]);
    assert_eq!(list["data"][0]["secret"], Value::Null);
}

#[test]
fn one_seed_gives_the_same_run_twice() {
    let id = || {
        post(
            &start(),
            "/v1/payment_intents",
            &[KEY],
            "amount=100&currency=jpy",
        )
        .1["id"]
            .clone()
    };
    assert_eq!(id(), id());
}
