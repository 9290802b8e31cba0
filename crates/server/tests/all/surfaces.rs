//! What every surface wears: headers, hosts, origins, limits.

use axum::body::Body;
use axum::http::{StatusCode, header};
use mamori_engine::control::Surface;
use mamori_server::surface::{Front, content_security_policy, dress};
use serde_json::json;

use crate::house::House;

const SURFACES: [Surface; 3] = [Surface::Wallet, Surface::Till, Surface::Console];

#[test]
fn every_answer_wears_the_headers() {
    let house = House::new();
    for surface in SURFACES {
        let mut browser = house.browser(surface);
        for reply in [
            browser.get("/api/nothing"),
            browser.get("/api/sessions"),
            browser.post("/api/sign-out", json!({})),
            browser.post("/api/enrol", json!([])),
        ] {
            let value = |name: &str| {
                reply
                    .headers
                    .get(name)
                    .and_then(|value| value.to_str().ok())
                    .unwrap_or_default()
                    .to_owned()
            };
            assert_eq!(
                value("content-security-policy"),
                content_security_policy(surface)
            );
            assert_eq!(value("x-content-type-options"), "nosniff");
            assert_eq!(value("x-frame-options"), "DENY");
            assert_eq!(value("referrer-policy"), "no-referrer");
            assert_eq!(value("cross-origin-opener-policy"), "same-origin");
            assert_eq!(value("cross-origin-resource-policy"), "same-origin");
            assert_eq!(value("cache-control"), "no-store");
            assert!(value("permissions-policy").contains("geolocation=()"));
            assert_eq!(
                value("content-type"),
                "application/json",
                "also for what is not there"
            );
        }
    }
}

#[test]
fn a_policy_allows_nothing_inline_and_nothing_from_elsewhere() {
    for surface in SURFACES {
        let policy = content_security_policy(surface);
        assert!(policy.starts_with("default-src 'none'; "));
        for word in ["unsafe-inline", "'unsafe-eval'", "http:", "https:", "*"] {
            assert!(!policy.contains(word), "{surface:?}: {word}");
        }
        for rule in [
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(rule), "{surface:?}: {rule}");
        }
    }
}

#[test]
fn https_demands_https_for_two_years() {
    let front = Front {
        surface: Surface::Wallet,
        origin: "https://wallet.example.jp".into(),
    };
    let house = House::new();
    let router = dress(axum::Router::new(), &front).expect("a usable front");
    let request = axum::http::Request::get("/")
        .header(header::HOST, "wallet.example.jp")
        .body(Body::empty())
        .unwrap();
    let reply = house.run(async { tower::ServiceExt::oneshot(router, request).await.unwrap() });
    assert_eq!(
        reply.headers()[header::STRICT_TRANSPORT_SECURITY],
        "max-age=63072000; includeSubDomains"
    );
}

#[test]
fn another_host_is_another_house() {
    let house = House::new();
    let mut browser = house.browser(Surface::Wallet);
    for host in [
        "evil.example",
        "wallet.localhost",
        "wallet.localhost:4001",
        "till.localhost:4001",
        "wallet.localhost:4000.evil.example",
        "",
    ] {
        let request = axum::http::Request::get("/api/sessions")
            .header(header::HOST, host)
            .body(Body::empty())
            .unwrap();
        assert_eq!(
            browser.send(request).status,
            StatusCode::MISDIRECTED_REQUEST,
            "{host}"
        );
    }
    let twice = browser
        .request("GET", "/api/sessions")
        .header(header::HOST, "wallet.localhost:4000")
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        browser.send(twice).status,
        StatusCode::MISDIRECTED_REQUEST,
        "two hosts"
    );
    let none = axum::http::Request::get("/api/sessions")
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        browser.send(none).status,
        StatusCode::MISDIRECTED_REQUEST,
        "no host"
    );
}

#[test]
fn another_site_changes_nothing() {
    let house = House::new();
    let mut browser = house.browser(Surface::Wallet);
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "http://till.localhost:4001"),
        ("origin", "null"),
    ] {
        let request = axum::http::Request::post("/api/sign-out")
            .header(header::HOST, "wallet.localhost:4000")
            .header(header::CONTENT_TYPE, "application/json")
            .header(name, value)
            .body(Body::from("{}"))
            .unwrap();
        let reply = browser.send(request);
        assert_eq!(
            (reply.status, reply.refusal()),
            (StatusCode::FORBIDDEN, "other_origin"),
            "{name}: {value}"
        );
    }
}

#[test]
fn a_form_of_another_site_is_no_request() {
    let house = House::new();
    let mut browser = house.browser(Surface::Wallet);
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
    ] {
        let request = browser
            .request("POST", "/api/sign-out")
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from("{}"))
            .unwrap();
        let reply = browser.send(request);
        assert_eq!(
            (reply.status, reply.body["field"].as_str()),
            (StatusCode::BAD_REQUEST, Some("content-type")),
            "{content_type}"
        );
    }
}

#[test]
fn a_large_body_is_refused_unread() {
    let house = House::new();
    let mut browser = house.browser(Surface::Wallet);
    let request = browser
        .request("POST", "/api/sign-up/start")
        .header(header::CONTENT_TYPE, "application/json");
    let reply = browser.send(
        request
            .body(Body::from(format!(
                "{{\"contact\":\"{}\"}}",
                "a".repeat(70_000)
            )))
            .unwrap(),
    );
    assert_eq!(
        (reply.status, reply.refusal()),
        (StatusCode::PAYLOAD_TOO_LARGE, "too_large")
    );
}

#[test]
fn an_answer_never_tells_what_was_sent() {
    let house = House::new();
    let mut browser = house.browser(Surface::Wallet);
    for path in [
        "/api/sign-up/start",
        "/api/sign-up/prove",
        "/api/sign-in/finish",
    ] {
        let reply = browser.post(path, json!({ "contact": "canary<script>", "sign_up": "canary", "sign_in": "canary", "code": "canary" }));
        assert!(!reply.body.to_string().contains("canary"), "{path}");
    }
}
