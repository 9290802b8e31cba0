//! Signing in, staying in, and getting out.

use axum::body::Body;
use axum::http::StatusCode;
use http_body_util::BodyExt as _;
use mamori_domain::ids::WalletId;
use mamori_registry::{Aal, AgentFamily, AuthMethod, Role, Seed, SessionRow, Surface, token_hash};
use mamori_server::cookies::{decode_token, encode_token};
use serde_json::json;

use crate::authenticator::Authenticator;
use crate::house::{Browser, CONSOLE, House, WALLET};

const COOKIE: &str = "__Host-mamori_wallet";

fn customer(house: &House) -> (Browser<'_>, Authenticator) {
    let (mut browser, mut authenticator) =
        (house.browser(Surface::Wallet), Authenticator::new(WALLET));
    browser.sign_up("sora@example.jp", &mut authenticator);
    (browser, authenticator)
}

fn is_in(browser: &mut Browser) -> bool {
    browser.get("/api/sessions").status == StatusCode::OK
}

#[test]
fn each_sign_in_gives_a_new_token_and_ends_the_old_session() {
    let house = House::new();
    let (mut browser, mut authenticator) = customer(&house);
    let old = browser.cookies[COOKIE].clone();
    browser.sign_in(&mut authenticator).ok();
    assert_ne!(browser.cookies[COOKIE], old);
    let mut thief = house.browser(Surface::Wallet);
    thief.cookies.insert(COOKIE.into(), old);
    assert!(is_in(&mut browser) && !is_in(&mut thief));
}

/// The session of a browser as it is stored.
fn stored(house: &House, browser: &Browser) -> SessionRow {
    let hash = token_hash(&decode_token(&browser.cookies[COOKIE]).expect("a token"));
    let found = house.registry().sessions().find(Surface::Wallet, &hash);
    found.expect("the registry answers").expect("signed in")
}

#[test]
fn a_session_tells_how_it_was_opened_and_in_which_browser() {
    let house = House::new();
    let (mut here, mut authenticator) = customer(&house);
    let signed_up = stored(&house, &here);
    assert_eq!(
        (signed_up.method, signed_up.assurance),
        (AuthMethod::SignUp, Aal::Two)
    );
    assert_eq!(signed_up.device.agent, AgentFamily::SafariPhone);

    here.sign_in(&mut authenticator).ok();
    let again = stored(&house, &here);
    assert_eq!(
        (again.method, again.assurance),
        (AuthMethod::Passkey, Aal::Two)
    );
    assert_eq!(again.device, signed_up.device, "the same browser");

    let mut there = house.browser(Surface::Wallet);
    there.sign_in(&mut authenticator).ok();
    let elsewhere = stored(&house, &there);
    assert!(elsewhere.device.browser.is_some());
    assert_ne!(elsewhere.device.browser, again.device.browser);
}

#[test]
fn a_sign_in_is_told_at_once_where_its_owner_is_signed_in_already_and_not_where_it_happened() {
    let house = House::new();
    let (here, mut authenticator) = customer(&house);
    let listen = |browser: &Browser| {
        let request = browser.request("GET", "/api/events");
        browser.open(request.body(Body::empty()).expect("a request"))
    };
    let mut stream = listen(&here).into_body();
    let mut there = house.browser(Surface::Wallet);
    there.sign_in(&mut authenticator).ok();
    let mut own = listen(&there).into_body();
    let heard = |stream: &mut Body| {
        let frame = house.run(stream.frame());
        let data = frame.expect("something").expect("no fault").into_data();
        String::from_utf8(data.expect("data").to_vec()).expect("text")
    };
    let said = heard(&mut stream);
    assert!(said.contains("event: sign_in"), "{said}");
    assert!(
        said.contains(&format!("\"at_ms\":{}", house.now().millis())),
        "{said}"
    );
    assert!(said.contains("\"browser\":\"safari_phone\""), "{said}");
    let listed = there.get("/api/sessions").ok();
    let mut begun = listed["sessions"].as_array().expect("a list").iter();
    let begun = begun.find(|one| one["current"] == true).expect("its own");
    assert_eq!(begun["browser"], "safari_phone");
    let named = begun["session"].as_str().expect("a name");
    assert!(said.contains(named), "{said}");
    let said = heard(&mut own);
    assert!(said.contains("event: beat"), "{said}");
}

#[test]
fn a_credential_answers_once() {
    let house = House::new();
    let (mut browser, mut authenticator) = customer(&house);
    let begun = browser.post("/api/sign-in/start", json!({})).ok();
    let answer =
        json!({ "sign_in": begun["sign_in"], "credential": authenticator.get(&begun["request"]) });
    browser.post("/api/sign-in/finish", answer.clone()).ok();
    assert_eq!(
        browser
            .post("/api/sign-in/finish", answer.clone())
            .refusal(),
        "passkey_refused",
        "the same ceremony"
    );
    let again = browser.post("/api/sign-in/start", json!({})).ok();
    let replay = json!({ "sign_in": again["sign_in"], "credential": answer["credential"] });
    assert_eq!(
        browser.post("/api/sign-in/finish", replay).refusal(),
        "passkey_refused",
        "the same signature"
    );
}

#[test]
fn whatever_is_wrong_with_a_credential_sounds_the_same() {
    type Spoil = fn(&mut Authenticator);
    let ways: [Spoil; 6] = [
        |a| a.verified = false,
        |a| a.origin = CONSOLE.into(),
        |a| a.party_id = Some("console.localhost".into()),
        |a| a.claim_to_be([9; 16]),
        |a| a.spoil_signature = true,
        |a| a.framed = true,
    ];
    let house = House::new();
    let (mut browser, authenticator) = customer(&house);
    let bodies: Vec<_> = ways
        .into_iter()
        .map(|spoil| {
            let mut spoilt = authenticator.clone();
            spoil(&mut spoilt);
            browser.sign_in(&mut spoilt).body
        })
        .collect();
    // A key that nobody ever enrolled.
    let mut stranger = Authenticator::new(WALLET);
    stranger.create(&json!({ "user": { "id": "AAAA" }, "rp": { "id": "wallet.localhost" }, "challenge": "AAAA" }));
    stranger.claim_to_be([1; 16]);
    let unknown = browser.sign_in(&mut stranger).body;
    assert_eq!(unknown["refusal"], "passkey_unknown");
    assert_eq!(bodies[0]["refusal"], "passkey_refused");
    assert!(bodies.iter().all(|body| *body == bodies[0]));
}

#[test]
fn a_challenge_of_one_surface_is_worth_nothing_on_another() {
    let house = House::new();
    let (mut wallet, mut authenticator) = customer(&house);
    let mut console = house.browser(Surface::Console);
    let begun = wallet.post("/api/sign-in/start", json!({})).ok();
    console.cookies = wallet.cookies.clone();
    let answer =
        json!({ "sign_in": begun["sign_in"], "credential": authenticator.get(&begun["request"]) });
    assert_eq!(
        console.post("/api/sign-in/finish", answer).refusal(),
        "passkey_refused"
    );
    assert_eq!(console.get("/api/tills").status, StatusCode::UNAUTHORIZED);
}

#[test]
fn a_session_ends_when_idle_and_in_any_case_after_a_day() {
    let house = House::new();
    let (mut browser, mut authenticator) = customer(&house);
    for _ in 0..23 {
        house.pass(3_590);
        assert!(is_in(&mut browser));
    }
    house.pass(3_599);
    assert!(is_in(&mut browser), "used within the hour, in the 23rd");
    house.pass(86_400 - 23 * 3_590 - 3_599);
    assert!(!is_in(&mut browser), "a day is over");
    browser.sign_in(&mut authenticator).ok();
    house.pass(3_600);
    assert!(!is_in(&mut browser), "an hour without use");
}

#[test]
fn the_end_by_time_holds_across_a_restart() {
    let house = House::new();
    let (mut browser, _) = customer(&house);
    let hash = token_hash(&decode_token(&browser.cookies[COOKIE]).expect("a token"));
    // Memory forgets; the row is read again.
    house.app.identity.sessions.forget_token(&hash);
    assert!(is_in(&mut browser));
    house.app.identity.sessions.forget_token(&hash);
    house.pass(3_600);
    assert!(!is_in(&mut browser));
}

#[test]
fn the_owner_sees_and_ends_sessions() {
    let house = House::new();
    let (mut here, mut authenticator) = customer(&house);
    let (mut there, mut elsewhere) = (
        house.browser(Surface::Wallet),
        house.browser(Surface::Wallet),
    );
    there.sign_in(&mut authenticator).ok();
    elsewhere.sign_in(&mut authenticator).ok();
    let listed = here.get("/api/sessions").ok();
    let sessions = listed["sessions"].as_array().expect("a list");
    assert_eq!(
        (
            sessions.len(),
            sessions
                .iter()
                .filter(|session| session["current"] == true)
                .count()
        ),
        (3, 1)
    );
    let mine = there.get("/api/sessions").ok()["sessions"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|session| session["current"] == true)
        .cloned();
    here.post(
        "/api/sessions/end",
        json!({ "session": mine.expect("its own")["session"] }),
    )
    .ok();
    assert!(!is_in(&mut there) && is_in(&mut elsewhere) && is_in(&mut here));
    assert_eq!(
        here.post("/api/sessions/end-others", json!({})).ok()["ended"],
        1
    );
    assert!(!is_in(&mut elsewhere) && is_in(&mut here));
}

#[test]
fn nobody_ends_the_sessions_of_others() {
    let house = House::new();
    let (mut victim, _) = customer(&house);
    let session = victim.get("/api/sessions").ok()["sessions"][0]["session"].clone();
    let (mut stranger, mut authenticator) =
        (house.browser(Surface::Wallet), Authenticator::new(WALLET));
    stranger.sign_up("somebody@example.jp", &mut authenticator);
    assert_eq!(
        stranger
            .post("/api/sessions/end", json!({ "session": session }))
            .status,
        StatusCode::NOT_FOUND
    );
    assert!(is_in(&mut victim));
}

#[test]
fn a_stream_hears_the_end_of_its_session() {
    let house = House::new();
    let (mut browser, _) = customer(&house);
    let hash = token_hash(&decode_token(&browser.cookies[COOKIE]).expect("a token"));
    let app = std::sync::Arc::clone(&house.app);
    let listening = house
        .app
        .identity
        .sessions
        .is_live(&hash, house.app.outside.now());
    browser.post("/api/sign-out", json!({})).ok();
    assert!(listening);
    house.run(async move { app.identity.sessions.until_ended(&hash, &app.outside).await });
}

#[test]
fn unfreezing_takes_a_fresh_passkey_and_gives_a_new_token() {
    let house = House::new();
    let (mut browser, mut authenticator) = customer(&house);
    assert_eq!(
        browser.post("/api/freeze", json!({})).ok()["status"],
        "frozen"
    );
    assert!(house.wallet(WalletId(1)).frozen);
    let old = browser.cookies[COOKIE].clone();
    let begun = browser.post("/api/unfreeze/start", json!({})).ok();
    assert_eq!(
        begun["request"]["allowCredentials"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    let answer =
        json!({ "step_up": begun["step_up"], "credential": authenticator.get(&begun["request"]) });
    assert_eq!(
        browser.post("/api/unfreeze/finish", answer.clone()).ok()["status"],
        "active"
    );
    assert!(!house.wallet(WalletId(1)).frozen);
    assert_ne!(browser.cookies[COOKIE], old);
    assert!(is_in(&mut browser));
    let mut thief = house.browser(Surface::Wallet);
    thief.cookies.insert(COOKIE.into(), old);
    assert!(!is_in(&mut thief));
    assert_eq!(
        browser.post("/api/unfreeze/finish", answer).refusal(),
        "passkey_refused"
    );
}

#[test]
fn a_sign_in_is_no_step_up_and_a_strangers_passkey_unfreezes_nothing() {
    let house = House::new();
    let (mut browser, mut authenticator) = customer(&house);
    browser.post("/api/freeze", json!({})).ok();
    let sign_in = browser.post("/api/sign-in/start", json!({})).ok();
    let step_up = browser.post("/api/unfreeze/start", json!({})).ok();
    let credential = authenticator.get(&sign_in["request"]);
    for (handle, refusal) in [
        (&sign_in["sign_in"], "invalid_field"),
        (&step_up["step_up"], "passkey_refused"),
    ] {
        let answer = json!({ "step_up": handle, "credential": credential });
        assert_eq!(
            browser.post("/api/unfreeze/finish", answer).refusal(),
            refusal
        );
    }
    let mut other = Authenticator::new(WALLET);
    house
        .browser(Surface::Wallet)
        .sign_up("other@example.jp", &mut other);
    let begun = browser.post("/api/unfreeze/start", json!({})).ok();
    let answer = json!({ "step_up": begun["step_up"], "credential": other.get(&begun["request"]) });
    assert_eq!(
        browser.post("/api/unfreeze/finish", answer).refusal(),
        "passkey_refused"
    );
    assert!(house.wallet(WalletId(1)).frozen);
}

#[test]
fn a_flood_by_strangers_keeps_nobody_out_who_holds_a_passkey() {
    let house = House::new();
    let (mut browser, mut authenticator) = customer(&house);
    let mut console = house.browser(Surface::Console);
    // Each of them a new browser, as far as anybody can tell, and all within one second.
    for number in 0..300 {
        let mut stranger = house.browser(Surface::Wallet);
        stranger.post("/api/sign-in/start", json!({})).ok();
        let sign_in = json!({ "sign_in": "A".repeat(400), "credential": {} });
        stranger.post("/api/sign-in/finish", sign_in);
        let contact = format!("stranger-{number}@example.jp");
        stranger.post("/api/sign-up/start", json!({ "contact": contact }));
        let link = json!({ "link": "A".repeat(43) });
        house
            .browser(Surface::Console)
            .post("/api/operators/redeem", link);
        console.cookies.clear();
        console.post("/api/sign-in/start", json!({})).ok();
    }
    browser.post("/api/sign-out", json!({})).ok();
    browser.sign_in(&mut authenticator).ok();
    assert!(is_in(&mut browser));
    browser.post("/api/freeze", json!({})).ok();
    browser.post("/api/unfreeze/start", json!({})).ok();

    let (mut operator, mut key) = (
        house.browser(Surface::Console),
        Authenticator::security_key(CONSOLE),
    );
    let link = house
        .registry()
        .operators()
        .invite("運用", Role::Admin, house.now(), &Seed::new([3; 32]))
        .expect("the registry answers");
    let link = encode_token(&link);
    let begun = operator.post("/api/operators/redeem", json!({ "link": link }));
    let credential = key.create(&begun.ok()["creation"]);
    let finish = json!({ "link": link, "credential": credential });
    operator.post("/api/operators/finish", finish).ok();
    operator.post("/api/sign-out", json!({})).ok();
    operator.sign_in(&mut key).ok();
}

#[test]
fn a_freeze_stands_behind_nobodys_history() {
    let house = House::new();
    let (mut browser, _) = customer(&house);
    let (release, may_go_on) = std::sync::mpsc::channel::<()>();
    // The one thread of look-ups is busy with somebody's long history.
    house
        .app
        .acts
        .hand_over(move |()| {
            let _ = may_go_on.recv();
        })
        .expect("an idle worker");
    assert_eq!(
        browser.post("/api/freeze", json!({})).ok()["status"],
        "frozen"
    );
    drop(release);
}

#[test]
fn step_ups_of_one_owner_are_bounded_and_nobody_elses_with_them() {
    let house = House::new();
    let (mut browser, _) = customer(&house);
    let (mut other, mut authenticator) =
        (house.browser(Surface::Wallet), Authenticator::new(WALLET));
    other.sign_up("riku@example.jp", &mut authenticator);
    let begun = (0..40).filter(|_| {
        let reply = browser.post("/api/unfreeze/start", json!({}));
        reply.status == StatusCode::OK
    });
    assert_eq!(begun.count(), 30);
    other.post("/api/unfreeze/start", json!({})).ok();
}
