//! What every surface wears: headers, hosts, origins, limits.

use axum::body::Body;
use axum::http::{StatusCode, header};
use mamori_domain::context::{Actor, SystemReason};
use mamori_domain::ids::TillId;
use mamori_registry::{Seed, Surface};
use mamori_server::listen::Cord;
use mamori_server::origin::Origin;
use mamori_server::route_table::Demand;
use mamori_server::routes;
use mamori_server::surface::{Front, content_security_policy, dress};
use serde_json::{Value, json};

use crate::house::{Answer, Browser, DeviceKey, House, shown};
use std::sync::Arc;

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

/// What an operator may do with the session alone. Everything else gives a right or takes one away, and a console that was left open must
/// not be enough for it: a new route is of that kind until it is named here. A wallet is stopped at one press, for somebody is on the phone
/// whose money is being spent: it takes no money and gives nobody a right, says who did it and why, and its owner undoes it alone. The end of making a passkey follows right after a fresh one. Who takes the own proposal back takes a right from nobody. A name or
/// label gives no right either, and an alarm that was looked at stays in the list of acts. A look at a customer shows no name, and stands in the list of acts with who looked, its reason beside it.
const WITHOUT_PASSKEY: [&str; 19] = [
    "/api/own-passkeys/finish",
    "/api/till-alarms/seen",
    "/api/denied-notices/close",
    "/api/templates/preview",
    "/api/tills",
    "/api/tills/{id}/name",
    "/api/operators/name",
    "/api/merchants",
    "/api/merchants/{id}/name",
    "/api/merchants/{id}/invoice-number",
    "/api/stores",
    "/api/stores/{id}/details",
    "/api/stores/{id}/name",
    "/api/api-keys/label",
    "/api/customers/find",
    "/api/wallets/{id}/history",
    "/api/wallets/{id}/note",
    "/api/wallets/{id}/freeze",
    "/api/approvals/withdraw",
];

#[test]
fn whatever_gives_a_right_in_the_console_demands_a_fresh_passkey() {
    let routes = routes::console();
    let asked = (routes.table().iter()).filter(|route| route.method == "POST");
    let open: Vec<&str> = asked
        .filter(|route| matches!(route.demand, Demand::Operator(_)))
        .map(|route| &*route.path)
        .collect();
    assert_eq!(open, WITHOUT_PASSKEY);
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

/// The page API's routes: surface, method, path, and what the caller must be.
fn routes_of_the_page() -> Vec<(Surface, String, String, Demand)> {
    [
        (Surface::Wallet, routes::wallet()),
        (Surface::Till, routes::till()),
        (Surface::Console, routes::console()),
    ]
    .into_iter()
    .flat_map(|(surface, routes)| {
        let table = routes.table().to_vec();
        table.into_iter().map(move |route| {
            let path = route.path.replace("{id}", "1");
            (surface, route.method.to_owned(), path, route.demand)
        })
    })
    .collect()
}

/// A browser of each kind: nobody, a customer, an operator, a till. Each carries its token under every cookie's name, as a page
/// that is attacked might.
fn browsers_of(house: &House) -> (Vec<(&'static str, Option<String>)>, Arc<DeviceKey>) {
    let (mut customer, mut passkey) = (
        house.browser(Surface::Wallet),
        crate::authenticator::Authenticator::new(crate::house::WALLET),
    );
    customer.sign_up("sora@example.jp", &mut passkey);
    let (console, _) = house.operator(1);
    house.open_shop();
    let mut till = house.browser(Surface::Till);
    let code =
        house
            .registry()
            .devices()
            .make_pairing_code(TillId(1), house.now(), &Seed::new([9; 32]));
    let code = code.expect("the registry answers");
    till.post("/api/enrol", json!({ "pairing_code": code }))
        .ok();
    let callers = vec![
        ("nobody", None),
        (
            "customer",
            Some(customer.cookies["__Host-mamori_wallet"].clone()),
        ),
        (
            "operator",
            Some(console.cookies["__Host-mamori_console"].clone()),
        ),
        ("till", Some(till.cookies["__Host-mamori_till"].clone())),
    ];
    // The customer's cookie is worth nothing without the key of the phone.
    (callers, customer.device.expect("a phone has a key"))
}

fn ask(browser: &mut Browser, method: &str, path: &str) -> Answer {
    match method {
        "POST" => browser.post(path, json!({})),
        _ => browser.get(path),
    }
}

#[test]
fn a_route_serves_those_alone_whom_it_demands() {
    let house = House::new();
    let (callers, phone) = browsers_of(&house);
    let routes = routes_of_the_page();
    assert!(routes.len() > 30);
    for (surface, method, path, demand) in &routes {
        let welcome = match demand {
            Demand::Anybody => continue,
            Demand::Customer | Demand::CustomerWithPasskey => "customer",
            Demand::Operator(_) | Demand::OperatorWithPasskey(_) => "operator",
            Demand::Device => "till",
            Demand::Signature | Demand::RunToken => panic!("{path} is no page's route"),
        };
        // A stream would go on for ever for those whom it lets in.
        let callers = callers
            .iter()
            .filter(|(who, _)| *who != welcome || path != "/api/events");
        for (who, token) in callers {
            let mut browser = house.browser(*surface);
            browser.device = browser.device.map(|_| Arc::clone(&phone));
            for name in [
                "__Host-mamori_wallet",
                "__Host-mamori_till",
                "__Host-mamori_console",
            ] {
                if let Some(token) = token {
                    browser.cookies.insert(name.into(), token.clone());
                }
            }
            let reply = ask(&mut browser, method, path);
            let turned_away =
                (reply.status, reply.refusal()) == (StatusCode::UNAUTHORIZED, "signed_out");
            assert_eq!(
                turned_away,
                *who != welcome,
                "{who} at {method} {path} ({demand:?}): {} {}",
                reply.status,
                reply.body
            );
        }
    }
}

/// What each of these routes is asked for, so that only the passkey is missing.
fn asked_for(path: &str) -> Value {
    match path {
        "/api/unfreeze/finish"
        | "/api/device/bind"
        | "/api/passkeys/add"
        | "/api/own-passkeys/add"
        | "/api/freeze-code"
        | "/api/recovery/codes"
        | "/api/recovery/trusted/invite" => json!({}),
        "/api/closing" => json!({ "payout": "みらい銀行 普通 1234567" }),
        "/api/external-id/unlink" => json!({ "id": "A".repeat(22) }),
        "/api/passkeys/remove" | "/api/own-passkeys/remove" => json!({ "passkey": "A".repeat(43) }),
        "/api/password/beside-passkeys" => json!({ "on": true }),
        "/api/contacts/add/finish" => json!({ "contact": "umi@example.jp" }),
        "/api/pairing-codes" | "/api/tills/take-off" => json!({ "till_id": 1 }),
        "/api/merchants/1/reversals" => json!({ "reach": "store", "alone_up_to": 0 }),
        "/api/supervisors" => json!({ "store_id": 1, "name": "はる" }),
        "/api/supervisors/remove" => json!({ "supervisor_id": "1" }),
        "/api/operators/invite" => json!({ "name": "はる", "role": "viewer" }),
        "/api/operators/role" => json!({ "operator": "A".repeat(22), "role": "viewer" }),
        "/api/operators/remove" => json!({ "operator": "A".repeat(22) }),
        "/api/api-keys" => json!({ "merchant_id": 1 }),
        "/api/api-keys/revoke" => json!({ "api_key": "mk_1" }),
        "/api/api-keys/opa-auth" => json!({ "api_key": "mk_1", "takes": false }),
        "/api/templates/set" => {
            json!({ "kind": "top_up", "locale": "ja", "subject": "チャージ", "text": "{amount} {link}" })
        }
        "/api/templates/reset" => json!({ "kind": "top_up", "locale": "ja" }),
        "/api/operators/confirm" => json!({ "operator": "AAAAAAAAAAAAAAAAAAAAAA" }),
        "/api/holds/release" => json!({ "hold_id": "1" }),
        "/api/people/erase" => {
            json!({ "wallet_id": "1", "despite_balance": true, "reason": "退会" })
        }
        other => panic!("{other} demands a passkey: say here what it is asked for"),
    }
}

#[test]
fn a_route_that_demands_a_passkey_does_nothing_for_a_session_alone() {
    let house = House::new();
    let (callers, key) = browsers_of(&house);
    let token = |who: &str| callers.iter().find(|(name, _)| *name == who).cloned();
    for (surface, method, path, demand) in routes_of_the_page() {
        let (who, cookie) = match demand {
            Demand::CustomerWithPasskey => ("customer", "__Host-mamori_wallet"),
            Demand::OperatorWithPasskey(_) => ("operator", "__Host-mamori_console"),
            _ => continue,
        };
        // They are about a merchant's link, a contact, a provider that is offered, or a password that is there or fits, and that comes first: `permissions.rs`,
        // `contacts.rs` and `passwords.rs` try them without the passkey.
        // They are about a merchant's link, a contact, a proposal, or a password that is there or fits, and that comes first: `permissions.rs`,
        // `contacts.rs`, `passwords.rs` and `approvals.rs` try them without the passkey.
        let comes_later = [
            "/api/permissions/grant/finish",
            "/api/contacts/remove",
            "/api/contacts/prefer",
            "/api/contacts/put-back",
            "/api/external-id/link/start",
            "/api/password/set",
            "/api/password/remove",
            "/api/approvals/approve",
            "/api/approvals/decline",
        ];
        if comes_later.contains(&&*path) {
            continue;
        }
        assert_eq!(method, "POST", "{path}");
        let mut browser = house.browser(surface);
        browser.device = browser.device.map(|_| Arc::clone(&key));
        let (_, session) = token(who).expect("one of each");
        browser
            .cookies
            .insert(cookie.into(), session.expect("signed in"));
        let asked = asked_for(&path);
        let first = browser.post(&path, asked.clone());
        let is_challenge = first.status == StatusCode::OK && first.body["request"].is_object();
        let wants_answer = first.body["field"] == "step_up";
        assert!(is_challenge || wants_answer, "{path}: {}", first.body);
        let invented = shown(asked, &json!("A".repeat(43)), json!({}));
        assert_eq!(
            browser.post(&path, invented).refusal(),
            "passkey_refused",
            "{path}"
        );
    }
    let (_, session) = token("customer").expect("one of each");
    let mut phone = house.browser(Surface::Wallet);
    phone.device = Some(key);
    let session = session.expect("signed in");
    phone.cookies.insert("__Host-mamori_wallet".into(), session);
    phone.get("/api/sessions").ok();
    assert_eq!(house.registry().operators().list().expect("read").len(), 1);
    assert_eq!(house.live_keys(), 0, "nothing happened");
}

#[test]
fn nonsense_is_refused_in_words_and_never_breaks_anything() {
    let house = House::new();
    let (mut customer, mut authenticator) = (
        house.browser(Surface::Wallet),
        crate::authenticator::Authenticator::new(crate::house::WALLET),
    );
    customer.sign_up("sora@example.jp", &mut authenticator);
    let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    let mut bodies: Vec<String> = ["", "null", "[]", "{", "\"x\"", "{\"a\":1}{", "\u{0}", &deep]
        .map(str::to_owned)
        .to_vec();
    for value in [
        "null",
        "0",
        "-1",
        "1e400",
        "true",
        "\"\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "[]",
        "{}",
        "99999999999999999999",
        "\"😀\"",
    ] {
        let fields = [
            "contact",
            "sign_up",
            "code",
            "display_name",
            "credential",
            "sign_in",
            "step_up",
            "passkey",
            "registration",
            "session",
            "link",
            "pairing_code",
            "till_id",
            "password",
            "enrolment",
        ];
        bodies.push(format!(
            "{{{}}}",
            fields.map(|field| format!("\"{field}\":{value}")).join(",")
        ));
    }
    let skipped = [
        "/api/sign-in/start",
        "/api/unfreeze/start",
        "/api/freeze",
        "/api/sign-out",
        "/api/leave",
        "/api/sessions/end-others",
        "/api/code",
        "/api/device/bind",
        "/api/device/ask",
        "/api/password/codes",
        "/api/notices/try",
    ];
    for (surface, _, path, _) in routes_of_the_page()
        .into_iter()
        .filter(|(_, method, path, _)| method == "POST" && !skipped.contains(&path.as_str()))
    {
        for text in &bodies {
            let mut stranger = house.browser(surface);
            let browser = if surface == Surface::Wallet {
                &mut customer
            } else {
                &mut stranger
            };
            let request = browser
                .request("POST", &path)
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(text.clone()))
                .unwrap();
            let reply = browser.send(request);
            assert!(
                reply.status.is_client_error() && !reply.refusal().is_empty(),
                "{path} {text}: {} {}",
                reply.status,
                reply.body
            );
        }
    }
}

#[test]
fn behind_a_named_proxy_customers_are_told_apart_and_nobody_else_says_where_a_request_is_from() {
    let told = |proxies: &[&str]| {
        let house = House::behind(proxies);
        let request = house
            .browser(Surface::Wallet)
            .request("GET", "/")
            .header("x-forwarded-for", "198.51.100.1, 203.0.113.7")
            .extension(Cord::of_peer("10.0.0.1".parse().expect("an address")));
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let asker = Origin::of(&parts, &house.app).asker(Actor::system(SystemReason::SignUp));
        asker.context.network
    };
    let house = House::new();
    let of = |address: &str| Some(house.app.origins.of(address.parse().expect("an address")));
    assert_eq!(told(&["10.0.0.0/24"]), of("203.0.113.7"));
    assert_eq!(told(&["10.0.1.0/24"]), of("10.0.0.1"));
    assert_eq!(told(&[]), of("10.0.0.1"));
}
