//! A wallet pays from one device: a stolen cookie is worth nothing, and a new phone takes the old one's place with a passkey or the old
//! one's yes.

use axum::body::Body;
use axum::http::{StatusCode, header};
use mamori_domain::command::Command;
use mamori_registry::Surface;
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::house::{Browser, House, WALLET};

/// A customer who has just signed up on a phone.
fn customer(house: &House) -> (Browser<'_>, Authenticator) {
    let (mut phone, mut passkey) = (house.browser(Surface::Wallet), Authenticator::new(WALLET));
    phone.sign_up("sora@example.jp", &mut passkey);
    (phone, passkey)
}

/// The same customer on another device.
fn on_another<'a>(house: &'a House, passkey: &mut Authenticator) -> Browser<'a> {
    let mut device = house.browser(Surface::Wallet);
    device.sign_in(passkey).ok();
    device
}

fn pays_from(browser: &mut Browser) -> Value {
    browser.get("/api/home").ok()["pays_from"].clone()
}

fn code(browser: &mut Browser) -> String {
    let answer = browser.post("/api/code", json!({}));
    answer.refusal().to_owned()
}

/// A request with this proof and no other.
fn with_proof(browser: &mut Browser, method: &str, path: &str, proof: Option<&str>) -> String {
    let mut request = browser.request(method, path);
    let headers = request.headers_mut().expect("a request");
    headers.remove("dpop");
    if let Some(proof) = proof {
        headers.insert("dpop", proof.parse().expect("ASCII"));
    }
    let (kind, body) = match method {
        "POST" => ("application/json", "{}"),
        _ => ("text/plain", ""),
    };
    let request = request.header(header::CONTENT_TYPE, kind);
    let answer = browser.send(request.body(Body::from(body)).expect("a request"));
    answer.refusal().to_owned()
}

#[test]
fn a_stolen_cookie_opens_nothing_without_the_phone() {
    let house = House::new();
    let (mut phone, _) = customer(&house);
    let mut thief = house.browser(Surface::Wallet);
    thief.cookies = phone.cookies.clone();
    for path in [
        "/api/home",
        "/api/history",
        "/api/sessions",
        "/api/activity",
    ] {
        assert_eq!(
            thief.get(path).refusal(),
            "signed_out",
            "{path}, with a key of his own"
        );
        assert_eq!(
            with_proof(&mut thief, "GET", path, None),
            "signed_out",
            "{path}, without"
        );
        assert_eq!(
            phone.get(path).status,
            StatusCode::OK,
            "{path}: the owner is still in"
        );
    }
    for path in ["/api/code", "/api/freeze", "/api/sessions/end-others"] {
        assert_eq!(
            thief.post(path, json!({})).refusal(),
            "signed_out",
            "{path}"
        );
    }
    let stream = thief.request("GET", "/api/events").body(Body::empty());
    let stream = thief.open(stream.expect("a request"));
    assert_eq!(
        stream.status(),
        StatusCode::UNAUTHORIZED,
        "nor does it listen"
    );
}

/// Whoever reads a request on its way, or a log of it, has a proof of that request alone, and it was used.
#[test]
fn a_proof_is_good_for_one_request_once() {
    let house = House::new();
    let (mut phone, _) = customer(&house);
    let token = phone.cookies["__Host-mamori_wallet"].clone();
    let key = phone.device.clone().expect("a phone has a key");
    let address = |path: &str| format!("{WALLET}{path}");
    let proof = |method: &str, address: &str, nonce: &str, token: &str| {
        key.proof(method, address, nonce, Some(token))
    };
    let (home, nonce) = (address("/api/home"), house.nonce());
    let right = proof("GET", &home, &nonce, &token);
    assert_eq!(with_proof(&mut phone, "GET", "/api/home", Some(&right)), "");
    assert_eq!(
        with_proof(&mut phone, "GET", "/api/home", Some(&right)),
        "signed_out",
        "once"
    );
    for (what, wrong) in [
        ("of another method", proof("POST", &home, &nonce, &token)),
        (
            "of another address",
            proof("GET", &address("/api/history"), &nonce, &token),
        ),
        (
            "of another place",
            proof("GET", "https://wallet.example.jp/api/home", &nonce, &token),
        ),
        (
            "of another session",
            proof("GET", &home, &nonce, &"A".repeat(43)),
        ),
        ("of no session", key.proof("GET", &home, &nonce, None)),
    ] {
        let refusal = with_proof(&mut phone, "GET", "/api/home", Some(&wrong));
        assert_eq!(refusal, "signed_out", "{what}");
    }
    for broken in ["", "a", "a.b", "a.b.c", "....", &"A.".repeat(2_000)] {
        let refusal = with_proof(&mut phone, "GET", "/api/home", Some(broken));
        assert_eq!(refusal, "signed_out", "{broken:.20}");
    }
    let (signed, signature) = right.rsplit_once('.').expect("a proof");
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let spoiled = format!("{signed}.{other}{}", &signature[1..]);
    assert_eq!(
        with_proof(&mut phone, "GET", "/api/home", Some(&spoiled)),
        "signed_out"
    );
    assert_eq!(phone.get("/api/home").status, StatusCode::OK);
}

/// The phone's clock is not asked: the nonce tells the time, and each answer brings the next one.
#[test]
fn a_nonce_is_good_for_five_minutes_and_the_answer_to_an_old_one_brings_the_next() {
    let house = House::new();
    let (mut phone, _) = customer(&house);
    let token = phone.cookies["__Host-mamori_wallet"].clone();
    let key = phone.device.clone().expect("a phone has a key");
    let (home, nonce) = (format!("{WALLET}/api/home"), house.nonce());
    let mut ask = |nonce: &str| {
        let proof = key.proof("GET", &home, nonce, Some(&token));
        with_proof(&mut phone, "GET", "/api/home", Some(&proof))
    };
    house.pass(240);
    assert_eq!(ask(&nonce), "");
    house.pass(60);
    assert_eq!(ask(&nonce), "use_dpop_nonce");
    assert_eq!(ask("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), "use_dpop_nonce");
    let answer = phone.get("/api/home");
    let next = answer.headers["dpop-nonce"].to_str().expect("ASCII");
    assert_eq!(next, house.nonce());
    assert_ne!(next, nonce);
}

#[test]
fn a_new_phone_pays_with_a_fresh_passkey_and_the_old_one_no_more() {
    let house = House::new();
    let (mut old, mut passkey) = customer(&house);
    assert_eq!(
        (pays_from(&mut old), code(&mut old)),
        (json!("here"), String::new())
    );
    let mut new = on_another(&house, &mut passkey);
    assert_eq!(pays_from(&mut new), "elsewhere", "signing in is not enough");
    assert_eq!(code(&mut new), "device_not_bound");
    let top_up = json!({ "amount": 1_000, "key": "first" });
    assert_eq!(
        new.post("/api/top-ups", top_up).refusal(),
        "device_not_bound"
    );
    let another = json!({ "contact": "umi@example.jp", "locale": "ja" });
    let added = new.post("/api/contacts/add/start", another);
    assert_eq!(added.refusal(), "device_not_bound");
    new.post_fresh("/api/device/bind", json!({}), &mut passkey)
        .ok();
    assert_eq!(
        (pays_from(&mut new), code(&mut new)),
        (json!("here"), String::new())
    );
    assert_eq!(
        (pays_from(&mut old).as_str(), code(&mut old).as_str()),
        (Some("elsewhere"), "device_not_bound")
    );
    let acts = new.get("/api/activity").ok();
    assert_eq!(acts["acts"][0]["what"], "bind_device", "{acts}");
}

#[test]
fn the_old_phone_lets_the_new_one_take_over_by_the_number_that_it_shows() {
    let house = House::new();
    let (mut old, mut passkey) = customer(&house);
    let mut new = on_another(&house, &mut passkey);
    assert_eq!(
        old.get("/api/device/asked").ok(),
        json!({}),
        "nobody has asked"
    );
    let number = new.post("/api/device/ask", json!({})).ok()["number"].clone();
    assert_eq!(
        new.get("/api/device/asked").ok(),
        json!({}),
        "one does not ask oneself"
    );
    let asked = old.get("/api/device/asked").ok();
    let numbers = asked["numbers"].as_array().expect("numbers");
    assert!(numbers.len() == 3 && numbers.contains(&number));
    let right = json!({ "ask": asked["ask"], "number": number });
    assert_eq!(
        new.post("/api/device/answer", right.clone()).refusal(),
        "ask_over",
        "nor answer"
    );
    old.post("/api/device/answer", right.clone()).ok();
    assert_eq!(
        (pays_from(&mut new), pays_from(&mut old)),
        (json!("here"), json!("elsewhere"))
    );
    assert_eq!(
        old.post("/api/device/answer", right).refusal(),
        "ask_over",
        "once"
    );
}

#[test]
fn a_wrong_number_lets_nobody_in_and_asking_has_a_pace() {
    let house = House::new();
    let (mut old, mut passkey) = customer(&house);
    let mut new = on_another(&house, &mut passkey);
    for _ in 0..3 {
        let number = new.post("/api/device/ask", json!({})).ok()["number"].clone();
        let asked = old.get("/api/device/asked").ok();
        let numbers = asked["numbers"].as_array().expect("numbers");
        let wrong = numbers
            .iter()
            .find(|one| **one != number)
            .expect("three numbers");
        let answer = json!({ "ask": asked["ask"], "number": wrong });
        assert_eq!(
            old.post("/api/device/answer", answer).refusal(),
            "number_wrong"
        );
        let right = json!({ "ask": asked["ask"], "number": number });
        assert_eq!(old.post("/api/device/answer", right).refusal(), "ask_over");
    }
    assert_eq!(
        new.post("/api/device/ask", json!({})).refusal(),
        "busy",
        "a fourth within ten minutes"
    );
    assert_eq!(pays_from(&mut old), "here");
}

/// A session of a store that an older program wrote belongs to no device, and its wallet to none.
#[test]
fn a_wallet_from_before_opens_as_it_was_and_its_first_fresh_passkey_binds_the_phone() {
    let house = House::new();
    let (mut phone, wallet) = house.customer_of_the_book(1);
    assert_eq!(
        (pays_from(&mut phone), code(&mut phone)),
        (json!("anywhere"), String::new())
    );
    assert_eq!(
        house
            .engine()
            .device_of_wallet(wallet)
            .expect("the engine answers"),
        None
    );
    let (_, mut passkey) = customer(&house);
    let wallet = house.wallet_behind(&passkey).expect("a wallet");
    house.done(Command::BindDevice {
        wallet,
        device: None,
    });
    let mut newer = house.session_of_before(wallet, 66);
    assert_eq!(pays_from(&mut newer), "anywhere");
    newer.post("/api/freeze", json!({})).ok();
    let begun = newer.post("/api/unfreeze/start", json!({})).ok();
    let credential = passkey.get(&begun["request"]);
    let finish = json!({ "step_up": begun["step_up"], "credential": credential });
    newer.post("/api/unfreeze/finish", finish).ok();
    assert_eq!(pays_from(&mut newer), "here");
    let mut thief = house.browser(Surface::Wallet);
    thief.cookies = newer.cookies.clone();
    assert_eq!(
        thief.get("/api/home").refusal(),
        "signed_out",
        "the cookie is the phone's now"
    );
}

#[test]
fn nobody_signs_in_on_a_device_that_proves_no_key() {
    let house = House::new();
    let (_, mut passkey) = customer(&house);
    let mut device = house.browser(Surface::Wallet);
    let key = device.device.take();
    assert_eq!(device.sign_in(&mut passkey).refusal(), "device_not_proven");
    device.device = key;
    device.sign_in(&mut passkey).ok();
}

#[test]
fn a_page_gets_its_first_nonce_with_itself_and_the_hash_of_its_token_with_the_session() {
    let house = House::new();
    let (phone, _) = customer(&house);
    let hash = &phone.cookies["__Host-mamori_ath"];
    assert_eq!(hash.len(), 43);
    assert_ne!(
        hash, &phone.cookies["__Host-mamori_wallet"],
        "never the token itself"
    );
}
