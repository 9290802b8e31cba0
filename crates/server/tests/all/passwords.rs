//! Passwords with codes by time: signing up and in with them, changing them, and what nobody learns at the door.

use std::sync::mpsc::channel;

use axum::http::StatusCode;
use mamori_domain::command::Command;
use mamori_domain::ids::{Fingerprint, WalletId};
use mamori_registry::{Aal, AuthMethod, Surface, TotpSecret, step_at, token_hash};
use mamori_server::cookies::decode_token;
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::house::{Answer, Browser, House, WALLET, shown};

const COOKIE: &str = "__Host-mamori_wallet";
pub const WORDS: &str = "わたしのねこはみけ";

/// An authenticator app that was given a key to type.
pub struct App(pub TotpSecret);

impl App {
    pub fn set_up(begun: &Value) -> App {
        let key = begun["key"].as_str().expect("a key");
        assert!(key.split(' ').all(|group| group.len() == 4), "{key}");
        let mut bits = 0_u32;
        let mut held = 0;
        let mut bytes = Vec::new();
        for letter in key.bytes().filter(|letter| *letter != b' ') {
            let value = match letter {
                b'A'..=b'Z' => letter - b'A',
                b'2'..=b'7' => letter - b'2' + 26,
                other => panic!("{other} is no base32"),
            };
            (bits, held) = (bits << 5 | u32::from(value), held + 5);
            if held >= 8 {
                held -= 8;
                bytes.push((bits >> held) as u8);
                bits &= (1 << held) - 1;
            }
        }
        App(TotpSecret::from_bytes(&bytes).expect("160 bits"))
    }

    pub fn code(&self, house: &House) -> String {
        self.0.code(step_at(house.now()))
    }

    /// The code after the one that was used last.
    pub fn next_code(&self, house: &House) -> String {
        house.pass(30);
        self.code(house)
    }
}

/// Goes to the third screen of a sign-up, and takes the second way there.
pub fn begin(house: &House, phone: &mut Browser, contact: &str) -> (Value, Value) {
    let asked = json!({ "contact": contact, "locale": "ja" });
    let sign_up = phone.post("/api/sign-up/start", asked).ok()["sign_up"].clone();
    let code = house.newest_code().expect("a code was sent");
    let proof = json!({ "sign_up": sign_up, "code": code, "display_name": "さくら" });
    let proven = phone.post("/api/sign-up/prove", proof).ok();
    let begun = phone.post("/api/sign-up/password/start", json!({ "sign_up": sign_up }));
    (
        begun.ok(),
        json!({ "sign_up": sign_up, "creation": proven["creation"] }),
    )
}

pub fn sign_up(house: &House, phone: &mut Browser, contact: &str) -> App {
    let (begun, _) = begin(house, phone, contact);
    let app = App::set_up(&begun);
    let finish =
        json!({ "enrolment": begun["enrolment"], "password": WORDS, "code": app.code(house) });
    phone.post("/api/sign-up/password/finish", finish).ok();
    app
}

fn guess(browser: &mut Browser, contact: &str, password: &str) -> Answer {
    let asked = json!({ "contact": contact, "password": password });
    browser.post("/api/password/sign-in/start", asked)
}

fn sign_in(browser: &mut Browser, contact: &str, password: &str, code: &str) -> Answer {
    let begun = guess(browser, contact, password);
    if begun.status != StatusCode::OK {
        return begun;
    }
    let answer = json!({ "sign_in": begun.body["sign_in"], "code": code });
    browser.post("/api/password/sign-in/finish", answer)
}

pub fn is_in(browser: &mut Browser) -> bool {
    browser.get("/api/home").status == StatusCode::OK
}

/// An act that asks for a step-up, proven by a code.
pub fn post_with_code(browser: &mut Browser, path: &str, body: Value, code: &str) -> Answer {
    let begun = browser.post(path, body.clone());
    if begun.status != StatusCode::OK {
        return begun;
    }
    assert_eq!(begun.body["totp"], true, "{}", begun.body);
    assert!(begun.body["request"].is_null());
    let mut body = body;
    body["step_up"] = begun.body["step_up"].clone();
    body["totp"] = json!(code);
    browser.post(path, body)
}

#[test]
fn a_phone_without_passkeys_signs_up_with_a_password_and_an_app_and_signs_in_again() {
    let house = House::new();
    let mut phone = house.browser(Surface::Wallet);
    let app = sign_up(&house, &mut phone, "sora@example.jp");
    assert!(is_in(&mut phone));
    let hash = token_hash(&decode_token(&phone.cookies[COOKIE]).expect("a token"));
    let row = house.registry().sessions().find(Surface::Wallet, &hash);
    let row = row.expect("the registry answers").expect("signed in");
    assert_eq!(
        (row.method, row.assurance),
        (AuthMethod::PasswordAndTotp, Aal::Two)
    );
    assert!(!row.method.resists_phishing());
    phone.post("/api/sign-out", json!({})).ok();
    assert!(!is_in(&mut phone));
    let code = app.next_code(&house);
    // As keyboards and apps write them.
    let typed: String = code
        .chars()
        .map(|digit| char::from_u32(u32::from(digit) + 0xFEE0).expect("full width"))
        .collect();
    let typed = format!(" {}　{}", &typed[..9], &typed[9..]);
    sign_in(
        &mut phone,
        "ＳＯＲＡ@example.jp",
        "わたしのねこはみけ",
        &typed,
    )
    .ok();
    assert!(is_in(&mut phone));
    let mut thief = house.browser(Surface::Wallet);
    let used = sign_in(&mut thief, "sora@example.jp", WORDS, &code);
    assert_eq!(used.refusal(), "sign_in_refused", "the code was used");
}

#[test]
fn a_password_alone_opens_nothing() {
    let house = House::new();
    sign_up(
        &house,
        &mut house.browser(Surface::Wallet),
        "sora@example.jp",
    );
    let mut thief = house.browser(Surface::Wallet);
    let begun = guess(&mut thief, "sora@example.jp", WORDS).ok();
    assert!(!thief.cookies.contains_key(COOKIE) && !is_in(&mut thief));
    for code in ["000000", "123456"] {
        let answer = json!({ "sign_in": begun["sign_in"], "code": code });
        let refused = thief.post("/api/password/sign-in/finish", answer);
        assert_eq!(refused.refusal(), "sign_in_refused");
    }
    let answer = json!({ "sign_in": begun["sign_in"] });
    let missing = thief.post("/api/password/sign-in/finish", answer);
    assert_eq!(missing.body["field"], "code");
}

#[test]
fn nobody_learns_at_the_door_who_has_an_account_or_what_was_wrong() {
    let house = House::new();
    let app = sign_up(
        &house,
        &mut house.browser(Surface::Wallet),
        "sora@example.jp",
    );
    let mut mika = house.browser(Surface::Wallet);
    mika.sign_up("mika@example.jp", &mut Authenticator::new(WALLET));
    house.pass(60);
    let right = app.code(&house);
    let ask = |contact: &str, password: &str, code: &str| {
        let mut browser = house.browser(Surface::Wallet);
        let mut heard = Vec::new();
        for _ in 0..6 {
            let begun = guess(&mut browser, contact, password);
            let handle = begun.body["sign_in"].clone();
            let members = begun.body.as_object().expect("an object").keys().cloned();
            let shape: Vec<String> = members.collect();
            heard.push((
                begun.status,
                shape,
                handle.as_str().map(str::len),
                begun.bytes,
            ));
            let answer = browser.post(
                "/api/password/sign-in/finish",
                json!({ "sign_in": handle, "code": code }),
            );
            heard.push((
                answer.status,
                vec![answer.refusal().to_owned()],
                None,
                answer.bytes,
            ));
        }
        heard
    };
    let nobody = ask("nobody@example.jp", WORDS, "000000");
    assert_eq!(nobody[1].1, ["sign_in_refused"]);
    assert_eq!(nobody[10].0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        ask("sora@example.jp", "wrong words", &right),
        nobody,
        "the password"
    );
    assert_eq!(
        ask("mika@example.jp", WORDS, "000000"),
        nobody,
        "only a passkey"
    );
    house.pass(300);
    let code = app.code(&house);
    assert_eq!(
        sign_in(
            &mut house.browser(Surface::Wallet),
            "sora@example.jp",
            WORDS,
            &code
        )
        .status,
        StatusCode::OK
    );
    assert_eq!(ask("sora@example.jp", WORDS, "000000"), nobody, "the code");
}

#[test]
fn whoever_fails_too_often_waits_and_a_passkey_signs_in_all_the_same() {
    let house = House::new();
    let mut phone = house.browser(Surface::Wallet);
    let mut passkey = Authenticator::new(WALLET);
    phone.sign_up("sora@example.jp", &mut passkey);
    let mut thief = house.browser(Surface::Wallet);
    for _ in 0..5 {
        let refused = sign_in(&mut thief, "sora@example.jp", "wrong words", "000000");
        assert_eq!(refused.refusal(), "sign_in_refused");
    }
    let waits = sign_in(&mut thief, "sora@example.jp", "wrong words", "000000");
    assert_eq!(
        (waits.status, waits.refusal()),
        (StatusCode::TOO_MANY_REQUESTS, "sign_in_waits")
    );
    assert_eq!(waits.headers["retry-after"], "60");
    let mut elsewhere = house.browser(Surface::Wallet);
    elsewhere.sign_in(&mut passkey).ok();
}

#[test]
fn a_guess_answers_in_its_own_browser_and_for_five_minutes() {
    let house = House::new();
    let app = sign_up(
        &house,
        &mut house.browser(Surface::Wallet),
        "sora@example.jp",
    );
    let mut here = house.browser(Surface::Wallet);
    let begun = guess(&mut here, "sora@example.jp", WORDS).ok();
    let mut elsewhere = house.browser(Surface::Wallet);
    let answer = json!({ "sign_in": begun["sign_in"], "code": app.next_code(&house) });
    let refused = elsewhere.post("/api/password/sign-in/finish", answer.clone());
    assert_eq!(refused.refusal(), "sign_in_expired");
    house.pass(300);
    let answer = json!({ "sign_in": begun["sign_in"], "code": app.code(&house) });
    let late = here.post("/api/password/sign-in/finish", answer);
    assert_eq!(late.refusal(), "sign_in_expired");
}

#[test]
fn a_password_that_everybody_has_is_refused_with_its_reason_and_the_sign_up_goes_on() {
    let house = House::new();
    let mut phone = house.browser(Surface::Wallet);
    let (begun, by_passkey) = begin(&house, &mut phone, "sora@example.jp");
    let app = App::set_up(&begun);
    let mut finish = |password: &str, code: &str| {
        let body = json!({ "enrolment": begun["enrolment"], "password": password, "code": code });
        phone
            .post("/api/sign-up/password/finish", body)
            .refusal()
            .to_owned()
    };
    let code = app.code(&house);
    for (password, reason) in [
        ("みけねこ", "password_too_short"),
        (&"あ".repeat(257), "password_too_long"),
        ("password", "password_common"),
        ("ｑｗｅｒｔｙｕｉｏｐ", "password_common"),
        ("mamori2026", "password_about_you"),
        ("まもりマート2026", "password_about_you"),
        ("さくら12345678", "password_about_you"),
        ("sora@example.jp", "password_about_you"),
    ] {
        assert_eq!(finish(password, &code), reason, "{password}");
    }
    assert_eq!(finish("a\u{0}bcdefgh", &code), "invalid_field");
    assert_eq!(finish(WORDS, "000000"), "code_wrong");
    // The first way is still open: and once it was taken, the second one is not.
    let credential = Authenticator::new(WALLET).create(&by_passkey["creation"]);
    let body = json!({ "sign_up": by_passkey["sign_up"], "credential": credential });
    phone.post("/api/sign-up/finish", body).ok();
    let body =
        json!({ "enrolment": begun["enrolment"], "password": WORDS, "code": app.code(&house) });
    let taken = phone.post("/api/sign-up/password/finish", body);
    assert_eq!(taken.refusal(), "contact_taken");
}

#[test]
fn the_secret_of_a_sign_up_opens_in_its_own_browser_alone() {
    let house = House::new();
    let mut phone = house.browser(Surface::Wallet);
    let (begun, sign_up) = begin(&house, &mut phone, "sora@example.jp");
    let app = App::set_up(&begun);
    let mut thief = house.browser(Surface::Wallet);
    let stolen = json!({ "sign_up": sign_up["sign_up"] });
    assert_eq!(
        thief.post("/api/sign-up/password/start", stolen).refusal(),
        "code_expired"
    );
    let body =
        json!({ "enrolment": begun["enrolment"], "password": WORDS, "code": app.code(&house) });
    assert_eq!(
        thief.post("/api/sign-up/password/finish", body).refusal(),
        "code_expired"
    );
}

#[test]
fn with_a_passkey_a_password_is_set_by_the_passkey_alone_and_signs_in_once_the_owner_turns_it_on() {
    let house = House::new();
    let mut phone = house.browser(Surface::Wallet);
    let mut passkey = Authenticator::new(WALLET);
    phone.sign_up("sora@example.jp", &mut passkey);
    assert_eq!(phone.get("/api/password").ok()["set"], false);
    let begun = phone.post("/api/password/codes", json!({})).ok();
    let app = App::set_up(&begun);
    let body =
        json!({ "password": WORDS, "enrolment": begun["enrolment"], "code": app.code(&house) });
    let challenge = phone.post("/api/password/set", body.clone()).ok();
    assert!(challenge["totp"].is_null() && challenge["request"].is_object());
    // What was agreed to is this password and no other.
    let mut other = body.clone();
    other["password"] = json!("another password");
    let answer = shown(
        other,
        &challenge["step_up"],
        passkey.get(&challenge["request"]),
    );
    assert_eq!(
        phone.post("/api/password/set", answer).refusal(),
        "passkey_refused"
    );
    phone
        .post_fresh("/api/password/set", body, &mut passkey)
        .ok();
    let state = phone.get("/api/password").ok();
    assert_eq!(
        (&state["set"], &state["signs_in"]),
        (&json!(true), &json!(false))
    );

    let mut elsewhere = house.browser(Surface::Wallet);
    let refused = sign_in(
        &mut elsewhere,
        "sora@example.jp",
        WORDS,
        &app.next_code(&house),
    );
    assert_eq!(
        refused.refusal(),
        "sign_in_refused",
        "off until it is turned on"
    );
    phone
        .post_fresh(
            "/api/password/beside-passkeys",
            json!({ "on": true }),
            &mut passkey,
        )
        .ok();
    sign_in(
        &mut elsewhere,
        "sora@example.jp",
        WORDS,
        &app.next_code(&house),
    )
    .ok();

    // A code is not taken for an act where there is a passkey.
    let challenge = elsewhere.post("/api/password/remove", json!({})).ok();
    assert!(challenge["totp"].is_null());
    let weaker = json!({ "step_up": challenge["step_up"], "totp": app.next_code(&house) });
    assert_eq!(
        elsewhere.post("/api/password/remove", weaker).refusal(),
        "passkey_refused"
    );

    phone
        .post_fresh("/api/password/remove", json!({}), &mut passkey)
        .ok();
    assert_eq!(phone.get("/api/password").ok()["set"], false);
    let refused = sign_in(
        &mut house.browser(Surface::Wallet),
        "sora@example.jp",
        WORDS,
        &app.next_code(&house),
    );
    assert_eq!(refused.refusal(), "sign_in_refused");
    assert!(
        house
            .registry()
            .passwords()
            .dead(None)
            .expect("read")
            .is_empty(),
        "the ledger names neither"
    );
}

#[test]
fn without_a_passkey_acts_are_proven_by_a_code_that_is_used_up() {
    let house = House::new();
    let mut phone = house.browser(Surface::Wallet);
    let app = sign_up(&house, &mut phone, "sora@example.jp");
    phone.post("/api/freeze", json!({})).ok();
    let begun = phone.post("/api/unfreeze/start", json!({})).ok();
    assert_eq!(begun["totp"], true);
    let code = app.next_code(&house);
    let wrong = json!({ "step_up": begun["step_up"], "totp": "000000" });
    assert_eq!(
        phone.post("/api/unfreeze/finish", wrong).refusal(),
        "code_wrong"
    );
    let right = json!({ "step_up": begun["step_up"], "totp": code });
    let refused = phone.post("/api/unfreeze/finish", right);
    assert_eq!(
        refused.refusal(),
        "passkey_refused",
        "a challenge has one answer"
    );
    let begun = phone.post("/api/unfreeze/start", json!({})).ok();
    // What was asked for one act is worth nothing for another.
    let other = json!({ "step_up": begun["step_up"], "totp": code, "on": true });
    assert_eq!(
        phone.post("/api/password/beside-passkeys", other).refusal(),
        "passkey_refused"
    );
    let begun = phone.post("/api/unfreeze/start", json!({})).ok();
    let old = phone.cookies[COOKIE].clone();
    let right = json!({ "step_up": begun["step_up"], "totp": code });
    assert_eq!(
        phone.post("/api/unfreeze/finish", right).ok()["status"],
        "active"
    );
    assert_ne!(phone.cookies[COOKIE], old, "a new token");
    phone.post("/api/freeze", json!({})).ok();
    let begun = phone.post("/api/unfreeze/start", json!({})).ok();
    let again = json!({ "step_up": begun["step_up"], "totp": code });
    assert_eq!(
        phone.post("/api/unfreeze/finish", again).refusal(),
        "code_wrong",
        "used"
    );
}

#[test]
fn a_password_is_changed_and_codes_are_set_up_anew_and_the_old_ones_open_nothing() {
    let house = House::new();
    let mut phone = house.browser(Surface::Wallet);
    let app = sign_up(&house, &mut phone, "sora@example.jp");
    let (new, path) = ("あたらしいことば", "/api/password/set");
    let common = phone.post(path, json!({ "password": "password" }));
    assert_eq!(
        common.refusal(),
        "password_common",
        "before anything is asked for"
    );
    let code = app.next_code(&house);
    post_with_code(&mut phone, path, json!({ "password": new }), &code).ok();
    let mut elsewhere = house.browser(Surface::Wallet);
    let code = app.next_code(&house);
    let refused = sign_in(&mut elsewhere, "sora@example.jp", WORDS, &code);
    assert_eq!(refused.refusal(), "sign_in_refused");
    sign_in(&mut elsewhere, "sora@example.jp", new, &code).ok();

    let begun = phone.post("/api/password/codes", json!({})).ok();
    let other = App::set_up(&begun);
    let body = json!({ "enrolment": begun["enrolment"], "code": other.code(&house) });
    house.pass(60);
    // The code of the new app has grown old while the old one was looked at.
    let body_late = json!({ "enrolment": begun["enrolment"], "code": other.code(&house) });
    let challenge = phone.post(path, body_late.clone()).ok();
    house.pass(120);
    let mut answer = body_late;
    answer["step_up"] = challenge["step_up"].clone();
    answer["totp"] = json!(app.code(&house));
    phone.post(path, answer).ok();
    house.pass(60);
    assert_eq!(
        phone.post(path, body).refusal(),
        "code_wrong",
        "too old to begin with"
    );
    let refused = sign_in(
        &mut elsewhere,
        "sora@example.jp",
        new,
        &app.next_code(&house),
    );
    assert_eq!(refused.refusal(), "sign_in_refused");
    sign_in(&mut elsewhere, "sora@example.jp", new, &other.code(&house)).ok();

    assert_eq!(
        phone.post("/api/password/remove", json!({})).refusal(),
        "last_way_in"
    );
}

#[test]
fn who_comes_when_the_lane_of_hashes_is_full_hears_busy_and_passkeys_notice_nothing() {
    let house = House::new();
    let mut phone = house.browser(Surface::Wallet);
    let mut passkey = Authenticator::new(WALLET);
    phone.sign_up("sora@example.jp", &mut passkey);
    let (release, may_go_on) = channel::<()>();
    let (started, has_started) = channel();
    let lane = &house.app.passwords;
    lane.hand_over(move |_| {
        started.send(()).expect("the test listens");
        let _ = may_go_on.recv();
    })
    .expect("an idle lane");
    has_started.recv().expect("the lane is taken");
    while lane.hand_over(|_| {}).is_ok() {}
    let busy = guess(
        &mut house.browser(Surface::Wallet),
        "sora@example.jp",
        WORDS,
    );
    assert_eq!(
        (busy.status, busy.refusal()),
        (StatusCode::SERVICE_UNAVAILABLE, "busy")
    );
    house.browser(Surface::Wallet).sign_in(&mut passkey).ok();
    release.send(()).expect("the lane waits");
}

#[test]
fn an_erased_person_s_password_opens_nothing_and_is_gone() {
    let house = House::new();
    let app = sign_up(
        &house,
        &mut house.browser(Surface::Wallet),
        "sora@example.jp",
    );
    let contact = mamori_registry::Contact::parse("sora@example.jp").expect("a contact");
    let mut registry = house.registry();
    let wallet = registry
        .people()
        .wallet_of_contact(&contact)
        .expect("read")
        .expect("a wallet");
    let asker =
        mamori_domain::context::Asker::system(mamori_domain::context::SystemReason::CommandLine);
    let seed = mamori_registry::Seed::new([50; 32]);
    let mut run = house.app.run(&mut registry, asker, house.now(), &seed);
    mamori_flows::erase::erase(&mut run, wallet, false, |_| {}).expect("a living person");
    let code = app.next_code(&house);
    let refused = sign_in(
        &mut house.browser(Surface::Wallet),
        "sora@example.jp",
        WORDS,
        &code,
    );
    assert_eq!(refused.refusal(), "sign_in_refused");
    assert_eq!(house.reconcile(), Default::default());
}

/// What a page that passes on what is typed would have too.
#[test]
fn a_password_and_a_code_do_not_pay_from_another_phone_but_the_first_one_may_let_it() {
    let house = House::new();
    let mut phone = house.browser(Surface::Wallet);
    let app = sign_up(&house, &mut phone, "sora@example.jp");
    phone.post("/api/code", json!({})).ok();
    let mut newer = house.browser(Surface::Wallet);
    let code = app.next_code(&house);
    sign_in(&mut newer, "sora@example.jp", WORDS, &code).ok();
    let show = |browser: &mut Browser| browser.post("/api/code", json!({}));
    assert_eq!(show(&mut newer).refusal(), "device_not_bound");
    let bind = newer.post("/api/device/bind", json!({}));
    assert_eq!(bind.refusal(), "passkey_needed");
    let number = newer.post("/api/device/ask", json!({})).ok()["number"].clone();
    let asked = phone.get("/api/device/asked").ok();
    let yes = json!({ "ask": asked["ask"], "number": number });
    phone.post("/api/device/answer", yes).ok();
    show(&mut newer).ok();
}

/// The page of a thief looks like ours and passes on whatever is typed: the password, and code after code.
#[test]
fn a_page_that_passes_password_and_codes_on_gets_a_session_and_nothing_with_it() {
    let house = House::new();
    let mut phone = house.browser(Surface::Wallet);
    let app = sign_up(&house, &mut phone, "sora@example.jp");
    let mut thief = house.browser(Surface::Wallet);
    let code = app.next_code(&house);
    sign_in(&mut thief, "sora@example.jp", WORDS, &code).ok();
    assert!(is_in(&mut thief));
    assert_eq!(
        thief.post("/api/code", json!({})).refusal(),
        "device_not_bound"
    );
    let bind = thief.post("/api/device/bind", json!({}));
    assert_eq!(bind.refusal(), "passkey_needed");
    for (path, body) in [
        ("/api/passkeys/add", json!({})),
        (
            "/api/password/set",
            json!({ "password": "ほかのねこはくろいよ" }),
        ),
        ("/api/freeze-code", json!({})),
        ("/api/unfreeze/start", json!({})),
    ] {
        let answer = thief.post(path, body);
        assert_eq!(
            answer.refusal(),
            "device_not_bound",
            "{path}: {}",
            answer.body
        );
    }
    // A challenge from when the device was still the right one opens nothing either, once the wallet pays from another.
    let begun = phone.post("/api/passkeys/add", json!({})).ok();
    let wallet = WalletId(1);
    let device = Some(Fingerprint(77));
    house.done(Command::BindDevice { wallet, device });
    let shown = json!({ "step_up": begun["step_up"], "totp": app.next_code(&house) });
    let late = phone.post("/api/passkeys/add", shown);
    assert_eq!(late.refusal(), "device_not_bound", "{}", late.body);
}

#[test]
fn right_after_a_sign_in_by_password_a_passkey_is_offered_on_the_phone_that_pays_and_nowhere_else()
{
    let house = House::new();
    let mut phone = house.browser(Surface::Wallet);
    let app = sign_up(&house, &mut phone, "sora@example.jp");
    let offer = |browser: &mut Browser| browser.post("/api/passkeys/offer", json!({}));
    // On another device it would be a thief's, too.
    let mut elsewhere = house.browser(Surface::Wallet);
    let code = app.next_code(&house);
    sign_in(&mut elsewhere, "sora@example.jp", WORDS, &code).ok();
    assert_eq!(offer(&mut elsewhere).refusal(), "nothing_to_offer");
    // Five minutes later a code of that moment is asked for, in the settings.
    let code = app.next_code(&house);
    sign_in(&mut phone, "sora@example.jp", WORDS, &code).ok();
    house.pass(301);
    assert_eq!(offer(&mut phone).refusal(), "nothing_to_offer");
    let code = app.next_code(&house);
    sign_in(&mut phone, "sora@example.jp", WORDS, &code).ok();
    let begun = offer(&mut phone).ok();
    let mut passkey = Authenticator::new(WALLET);
    let credential = passkey.create(&begun["creation"]);
    let made = json!({ "registration": begun["registration"], "credential": credential });
    phone.post("/api/passkeys/finish", made).ok();
    assert_eq!(
        offer(&mut phone).refusal(),
        "nothing_to_offer",
        "there is one"
    );
    let mut another = house.browser(Surface::Wallet);
    another.sign_in(&mut passkey).ok();
    assert_eq!(offer(&mut another).refusal(), "nothing_to_offer");
}
