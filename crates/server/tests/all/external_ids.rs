//! External IDs: one factor and never the second, known by issuer and subject and by nothing else, and every way to pretend one.

use axum::http::StatusCode;
use mamori_registry::{Aal, AuthMethod, Surface, token_hash};
use mamori_sandbox::{OpenIdFault, OpenIdPeer, OpenIdPeerConfig};
use mamori_server::cookies::decode_token;
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::house::{Answer, Browser, House, WALLET};
use crate::passwords::{App, begin, is_in, post_with_code, sign_up};

const COOKIE: &str = "__Host-mamori_wallet";
/// Sora's number at the provider.
const SORA: &str = "7100001";
const UMI: &str = "7100002";

fn peer_of(seed: u8) -> OpenIdPeer {
    OpenIdPeer::start(OpenIdPeerConfig {
        port: 0,
        client_id: "wallet".into(),
        client_secret: "secret".into(),
        seed: [seed; 32],
        clock: || 1_800_000_000_000_000,
    })
    .expect("a free port")
}

/// What a browser brings back that was sent to `address`, and whose owner is `who` there.
fn visit(peer: &OpenIdPeer, address: &Value, who: &str) -> Value {
    let back = peer.answer(address.as_str().expect("an address"), who);
    let pairs = ureq_pairs(&back.expect("a good request"));
    Value::Object(pairs.into_iter().map(|(k, v)| (k, json!(v))).collect())
}

fn ureq_pairs(query: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, tail @ ..] = rest {
            match (first, tail) {
                (b'%', [high, low, after @ ..]) => {
                    let hex = [*high, *low];
                    let hex = std::str::from_utf8(&hex).expect("two digits");
                    bytes.push(u8::from_str_radix(hex, 16).expect("two digits"));
                    rest = after;
                }
                _ => {
                    bytes.push(*first);
                    rest = tail;
                }
            }
        }
        String::from_utf8(bytes).expect("text")
    };
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn start(browser: &mut Browser, peer: &OpenIdPeer) -> Answer {
    let asked = json!({ "provider": peer.issuer() });
    browser.post("/api/external-id/sign-in/start", asked)
}

/// As far as the code.
fn proven(browser: &mut Browser, peer: &OpenIdPeer, who: &str) -> Answer {
    let begun = start(browser, peer).ok();
    let brought = visit(peer, &begun["address"], who);
    browser.post("/api/external-id/sign-in/prove", brought)
}

fn sign_in(browser: &mut Browser, peer: &OpenIdPeer, who: &str, code: &str) -> Answer {
    let proven = proven(browser, peer, who);
    if proven.status != StatusCode::OK {
        return proven;
    }
    let answer = json!({ "sign_in": proven.body["sign_in"], "code": code });
    browser.post("/api/external-id/sign-in/finish", answer)
}

fn link(house: &House, phone: &mut Browser, app: &App, peer: &OpenIdPeer, who: &str) -> Answer {
    let asked = json!({ "provider": peer.issuer() });
    let path = "/api/external-id/link/start";
    let begun = post_with_code(phone, path, asked, &app.next_code(house));
    if begun.status != StatusCode::OK {
        return begun;
    }
    let brought = visit(peer, &begun.body["address"], who);
    phone.post("/api/external-id/link/finish", brought)
}

fn unlink(house: &House, phone: &mut Browser, app: &App) -> Answer {
    let linked = phone.get("/api/external-id").ok()["linked"][0].clone();
    let body = json!({ "id": linked["id"] });
    let code = app.next_code(house);
    post_with_code(phone, "/api/external-id/unlink", body, &code)
}

/// Sora has a password, an app and the account at the provider.
fn with_sora<'a>(house: &'a House, peer: &OpenIdPeer) -> (Browser<'a>, App) {
    let mut phone = house.browser(Surface::Wallet);
    let app = sign_up(house, &mut phone, "sora@example.jp");
    link(house, &mut phone, &app, peer, SORA).ok();
    (phone, app)
}

#[test]
fn an_account_elsewhere_is_linked_signs_in_with_a_code_and_is_unlinked() {
    let peer = peer_of(1);
    let house = House::with_providers(&[&peer]);
    let (mut phone, app) = with_sora(&house, &peer);
    let state = phone.get("/api/external-id").ok();
    assert_eq!(state["linked"][0]["provider"], peer.issuer());
    assert_eq!(
        (&state["codes"], &state["signs_in"]),
        (&json!(true), &json!(true))
    );
    assert!(!state.to_string().contains(SORA), "the number is not kept");

    let mut elsewhere = house.browser(Surface::Wallet);
    let begun = proven(&mut elsewhere, &peer, SORA).ok();
    assert!(
        !is_in(&mut elsewhere),
        "the provider's word alone opens nothing"
    );
    let answer = json!({ "sign_in": begun["sign_in"], "code": app.next_code(&house) });
    elsewhere
        .post("/api/external-id/sign-in/finish", answer)
        .ok();
    assert!(is_in(&mut elsewhere));
    let hash = token_hash(&decode_token(&elsewhere.cookies[COOKIE]).expect("a token"));
    let row = house.registry().sessions().find(Surface::Wallet, &hash);
    let row = row.expect("the registry answers").expect("signed in");
    let opened = (row.method, row.assurance);
    assert_eq!(opened, (AuthMethod::ExternalIdAndTotp, Aal::Two));
    let code = elsewhere.post("/api/code", json!({}));
    assert_eq!(
        code.refusal(),
        "device_not_bound",
        "no code on a new device"
    );

    unlink(&house, &mut phone, &app).ok();
    assert!(!is_in(&mut elsewhere), "what it opened is closed");
    assert!(is_in(&mut phone), "what the password opened is not");
    let gone = sign_in(&mut elsewhere, &peer, SORA, &app.next_code(&house));
    assert_eq!(gone.refusal(), "sign_in_refused");
    link(&house, &mut phone, &app, &peer, SORA).ok();
}

#[test]
fn a_newcomer_signs_up_with_an_account_elsewhere_and_an_app_and_no_password() {
    let peer = peer_of(11);
    let house = House::with_providers(&[&peer]);
    let mut phone = house.browser(Surface::Wallet);
    let (_, by_passkey) = begin(&house, &mut phone, "sora@example.jp");
    let sign_up = by_passkey["sign_up"].clone();
    let asked = json!({ "sign_up": sign_up, "provider": peer.issuer() });
    let mut thief = house.browser(Surface::Wallet);
    let stolen = thief.post("/api/sign-up/external-id/start", asked.clone());
    assert_eq!(
        stolen.refusal(),
        "code_expired",
        "the contact was proven elsewhere"
    );
    let begun = phone
        .post("/api/sign-up/external-id/start", asked.clone())
        .ok();
    let mut brought = visit(&peer, &begun["address"], SORA);
    brought["sign_up"] = sign_up.clone();
    let set_up = phone.post("/api/sign-up/external-id/prove", brought).ok();
    assert!(!is_in(&mut phone));
    let app = App::set_up(&set_up);
    let finish = |code: &str| json!({ "enrolment": set_up["enrolment"], "code": code });
    let path = "/api/sign-up/external-id/finish";
    assert_eq!(phone.post(path, finish("000000")).refusal(), "code_wrong");
    phone.post(path, finish(&app.code(&house))).ok();
    assert!(is_in(&mut phone));
    phone.post("/api/code", json!({})).ok();

    let state = phone.get("/api/external-id").ok();
    assert_eq!(
        (&state["signs_in"], &state["only_way"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(phone.get("/api/password").ok()["set"], false);
    assert_eq!(unlink(&house, &mut phone, &app).refusal(), "last_way_in");
    sign_in(&mut thief, &peer, SORA, &app.next_code(&house)).ok();

    // The account is somebody's now.
    let mut umi = house.browser(Surface::Wallet);
    let (_, hers) = begin(&house, &mut umi, "umi@example.jp");
    let asked = json!({ "sign_up": hers["sign_up"], "provider": peer.issuer() });
    let begun = umi.post("/api/sign-up/external-id/start", asked).ok();
    let mut brought = visit(&peer, &begun["address"], SORA);
    brought["sign_up"] = hers["sign_up"].clone();
    let set_up = umi.post("/api/sign-up/external-id/prove", brought).ok();
    let code = App::set_up(&set_up).code(&house);
    let taken = json!({ "enrolment": set_up["enrolment"], "code": code });
    assert_eq!(umi.post(path, taken).refusal(), "external_id_taken");
}

#[test]
fn each_forgery_is_answered_alike_and_opens_nothing() {
    let peer = peer_of(2);
    let house = House::with_providers(&[&peer]);
    let (_phone, app) = with_sora(&house, &peer);
    let mut heard = Vec::new();
    for fault in [
        OpenIdFault::Unsigned,
        OpenIdFault::SignedWithPublicKey,
        OpenIdFault::UnpublishedKey,
        OpenIdFault::OtherKey,
        OpenIdFault::OtherIssuer,
        OpenIdFault::OtherAudience,
        OpenIdFault::OtherParty,
        OpenIdFault::OtherNonce,
        OpenIdFault::NoNonce,
        OpenIdFault::Expired,
        OpenIdFault::OtherIssuerInAnswer,
        OpenIdFault::NoIssuerInAnswer,
    ] {
        house.pass(10);
        let mut thief = house.browser(Surface::Wallet);
        let begun = start(&mut thief, &peer).ok();
        peer.fail_next(fault);
        let brought = visit(&peer, &begun["address"], SORA);
        let refused = thief.post("/api/external-id/sign-in/prove", brought);
        assert!(!is_in(&mut thief));
        heard.push((refused.status, refused.bytes));
        assert_eq!(refused.refusal(), "external_id_refused", "{fault:?}");
    }
    heard.dedup();
    assert_eq!(heard.len(), 1, "one answer for all");
    house.pass(30);
    let mut phone = house.browser(Surface::Wallet);
    sign_in(&mut phone, &peer, SORA, &app.code(&house)).ok();
}

#[test]
fn an_id_that_the_client_says_is_no_proof() {
    let peer = peer_of(3);
    let house = House::with_providers(&[&peer]);
    let (_phone, app) = with_sora(&house, &peer);
    let mut thief = house.browser(Surface::Wallet);
    let code = app.next_code(&house);
    for said in [
        json!({ "sign_in": SORA, "code": code }),
        json!({ "sign_in": format!("01{SORA}"), "code": code, "provider": peer.issuer(), "subject": SORA }),
    ] {
        let refused = thief.post("/api/external-id/sign-in/finish", said);
        assert_eq!(refused.refusal(), "sign_in_expired");
    }
    let invented =
        json!({ "state": "invented", "code": "invented", "iss": peer.issuer(), "sub": SORA });
    let refused = thief.post("/api/external-id/sign-in/prove", invented);
    assert_eq!(refused.refusal(), "external_id_refused");
    assert!(!is_in(&mut thief));
}

#[test]
fn an_answer_is_good_once_in_the_browser_that_asked_and_for_ten_minutes() {
    let peer = peer_of(4);
    let house = House::with_providers(&[&peer]);
    let (mut sora, app) = with_sora(&house, &peer);
    let refused = |browser: &mut Browser, path: &str, brought: &Value| {
        browser.post(path, brought.clone()).refusal().to_owned()
    };
    let path = "/api/external-id/sign-in/prove";
    let (mut here, mut elsewhere) = (
        house.browser(Surface::Wallet),
        house.browser(Surface::Wallet),
    );
    let begun = start(&mut here, &peer).ok();
    let brought = visit(&peer, &begun["address"], UMI);
    assert_eq!(
        refused(&mut elsewhere, path, &brought),
        "external_id_refused",
        "nobody is signed in to an attacker's account by a link"
    );
    // Nor is an attacker's account linked to a victim's wallet by one.
    let asked = json!({ "provider": peer.issuer() });
    let code = app.next_code(&house);
    let mine = post_with_code(&mut sora, "/api/external-id/link/start", asked, &code).ok();
    let link_path = "/api/external-id/link/finish";
    assert_eq!(
        refused(&mut sora, link_path, &brought),
        "external_id_refused"
    );
    let for_link = visit(&peer, &mine["address"], UMI);
    assert_eq!(refused(&mut here, path, &for_link), "external_id_refused");
    assert_eq!(
        refused(&mut sora, path, &for_link),
        "external_id_refused",
        "for another purpose"
    );
    here.post(path, brought.clone()).ok();
    assert_eq!(
        refused(&mut here, path, &brought),
        "external_id_refused",
        "a second time"
    );
    let late = start(&mut here, &peer).ok();
    let brought = visit(&peer, &late["address"], SORA);
    house.pass(600);
    assert_eq!(
        refused(&mut here, path, &brought),
        "external_id_refused",
        "too late"
    );
    let denied = start(&mut here, &peer).ok();
    let mut brought = visit(&peer, &denied["address"], SORA);
    brought["code"] = Value::Null;
    brought["error"] = json!("access_denied");
    assert_eq!(refused(&mut here, path, &brought), "external_id_refused");
}

#[test]
fn the_same_subject_at_another_provider_and_another_subject_with_the_same_mail_are_other_people() {
    let (first, second) = (peer_of(5), peer_of(6));
    let house = House::with_providers(&[&first, &second]);
    let (_phone, app) = with_sora(&house, &first);
    let mut thief = house.browser(Surface::Wallet);
    let other_issuer = sign_in(&mut thief, &second, SORA, &app.next_code(&house));
    assert_eq!(other_issuer.refusal(), "sign_in_refused");
    // Everybody at this provider says to have the same address of mail.
    let other_subject = sign_in(&mut thief, &first, UMI, &app.next_code(&house));
    assert_eq!(other_subject.refusal(), "sign_in_refused");
    // The answer of one provider is not the other's.
    let begun = start(&mut thief, &first).ok();
    let mut brought = visit(&first, &begun["address"], SORA);
    brought["iss"] = json!(second.issuer());
    let mixed_up = thief.post("/api/external-id/sign-in/prove", brought);
    assert_eq!(mixed_up.refusal(), "external_id_refused");
}

#[test]
fn nobody_learns_whether_an_account_is_linked_or_what_was_wrong() {
    let peer = peer_of(7);
    let house = House::with_providers(&[&peer]);
    let _ = with_sora(&house, &peer);
    house.pass(60);
    let ask = |who: &str| {
        let mut browser = house.browser(Surface::Wallet);
        let mut heard = Vec::new();
        for _ in 0..6 {
            let begun = proven(&mut browser, &peer, who);
            heard.push((begun.status, begun.bytes));
            let answer = json!({ "sign_in": begun.body["sign_in"], "code": "000000" });
            let answer = browser.post("/api/external-id/sign-in/finish", answer);
            heard.push((answer.status, answer.bytes));
        }
        heard
    };
    let linked = ask(SORA);
    assert_eq!(
        linked.last().map(|(status, _)| *status),
        Some(StatusCode::TOO_MANY_REQUESTS)
    );
    assert_eq!(ask(UMI), linked);
}

#[test]
fn an_account_is_one_wallets_and_a_wallet_has_one_of_each_provider() {
    let peer = peer_of(8);
    let house = House::with_providers(&[&peer]);
    let (mut sora, soras) = with_sora(&house, &peer);
    let mut umi = house.browser(Surface::Wallet);
    let umis = sign_up(&house, &mut umi, "umi@example.jp");
    let taken = link(&house, &mut umi, &umis, &peer, SORA);
    assert_eq!(taken.refusal(), "external_id_taken");
    let second = link(&house, &mut sora, &soras, &peer, UMI);
    assert_eq!(second.refusal(), "external_id_linked");
    unlink(&house, &mut sora, &soras).ok();
    link(&house, &mut umi, &umis, &peer, SORA).ok();
}

#[test]
fn a_passkey_makes_it_pointless_unless_its_owner_said_otherwise() {
    let peer = peer_of(9);
    let house = House::with_providers(&[&peer]);
    let (mut phone, app) = with_sora(&house, &peer);
    let challenge = phone.post("/api/passkeys/add", json!({})).ok();
    let body = json!({ "step_up": challenge["step_up"], "totp": app.next_code(&house) });
    let creation = phone.post("/api/passkeys/add", body).ok();
    let mut passkey = Authenticator::new(WALLET);
    let credential = passkey.create(&creation["creation"]);
    let made =
        json!({ "registration": creation["registration"], "credential": credential, "name": "鍵" });
    phone.post("/api/passkeys/finish", made).ok();
    let mut elsewhere = house.browser(Surface::Wallet);
    let off = sign_in(&mut elsewhere, &peer, SORA, &app.next_code(&house));
    assert_eq!(off.refusal(), "sign_in_refused");
    let state = phone.get("/api/external-id").ok();
    assert_eq!(state["signs_in"], false);
    let on = json!({ "on": true });
    phone
        .post_fresh("/api/password/beside-passkeys", on, &mut passkey)
        .ok();
    sign_in(&mut elsewhere, &peer, SORA, &app.next_code(&house)).ok();
    let asked = json!({ "provider": peer.issuer() });
    let weaker = phone.post("/api/external-id/link/start", asked).ok();
    assert!(weaker["totp"].is_null(), "a passkey is asked for");
}

#[test]
fn without_an_app_for_codes_nothing_is_linked_and_only_what_is_configured_is_asked() {
    let peer = peer_of(10);
    let house = House::with_providers(&[&peer]);
    let mut phone = house.browser(Surface::Wallet);
    phone.sign_up("mika@example.jp", &mut Authenticator::new(WALLET));
    let asked = json!({ "provider": peer.issuer() });
    let refused = phone.post("/api/external-id/link/start", asked);
    assert_eq!(refused.refusal(), "external_id_needs_codes");
    let mut visitor = house.browser(Surface::Wallet);
    let path = "/api/external-id/sign-in/start";
    let invented = visitor.post(path, json!({ "provider": "https://evil.example" }));
    assert_eq!(invented.body["field"], "provider");
    let about = visitor.get("/api/about").ok();
    assert_eq!(about["external_ids"][0]["name"], "Example ID");
    let begun = start(&mut visitor, &peer).ok();
    let address = begun["address"].as_str().expect("an address");
    assert!(
        address.contains("redirect_uri=http%3A%2F%2Fwallet.localhost%3A4000%2Fexternal-id"),
        "{address}"
    );
}
