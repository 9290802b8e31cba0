//! What takes two people: proposed by one, approved by another, done once.

use axum::http::StatusCode;
use mamori_domain::ids::WalletId;
use mamori_registry::{ApprovalId, Role, Stage, Step, Surface, TOO_CLOSE, Taking};
use mamori_server::housekeeping::sweep;
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::house::{Browser, CONSOLE, House, WALLET, shown};

const SORA: WalletId = WalletId(1);
const DAY: i64 = 86_400;

fn erasure() -> Value {
    json!({ "wallet_id": "1", "despite_balance": false, "reason": "退会のお申し出" })
}

/// A customer, who is wallet 1, with the passkey.
fn sora(house: &House) -> Authenticator {
    let mut passkey = Authenticator::new(WALLET);
    house
        .browser(Surface::Wallet)
        .sign_up("sora@example.jp", &mut passkey);
    passkey
}

fn propose(console: &mut Browser, key: &mut Authenticator) -> Value {
    let proposed = console.post_fresh("/api/people/erase", erasure(), key).ok();
    json!({ "approval": proposed["approval"] })
}

/// The first of the list, as one operator sees it.
fn first(console: &mut Browser) -> Value {
    console.get("/api/approvals").ok()["approvals"][0].clone()
}

fn stage(console: &mut Browser) -> String {
    let first = first(console);
    first["stage"].as_str().expect("a word").to_owned()
}

#[test]
fn one_proposes_and_another_approves_and_then_it_is_done_once() {
    let house = House::new();
    sora(&house);
    let ((mut one, mut key), (mut two, mut other_key)) = (
        house.operator_as(1, Role::Support),
        house.operator_as(2, Role::Fraud),
    );
    assert_eq!(one.get("/api/approvals").ok()["approvals"], json!([]));
    let proposal = propose(&mut one, &mut key);
    let seen = first(&mut two);
    assert_eq!(
        (
            &seen["what"],
            &seen["stage"],
            &seen["by"],
            &seen["detail"],
            &seen["wallet_id"]
        ),
        (
            &json!("erasure"),
            &json!("open"),
            &json!("運用 1"),
            &json!("退会のお申し出"),
            &json!("1")
        )
    );
    assert_eq!(
        (&seen["yours"], &seen["may_approve"], &seen["may_withdraw"]),
        (&json!(false), &json!(true), &json!(false))
    );
    assert_eq!(two.get("/api/approvals").ok()["open"], 1);
    assert!(!house.wallet(SORA).frozen, "nothing has happened yet");
    house.pass(60);
    let approved = two.post_fresh("/api/approvals/approve", proposal.clone(), &mut other_key);
    assert_eq!(approved.ok()["stage"], "done");
    assert!(house.wallet(SORA).frozen);
    assert_eq!(one.get("/api/wallets/1").ok()["name"], Value::Null);
    let ended = first(&mut one);
    assert_eq!(
        (&ended["stage"], &ended["decided_by"], &ended["detail"]),
        (&json!("done"), &json!("運用 2"), &Value::Null),
        "why it was proposed went with the person"
    );
    house.pass(60);
    let again = two.post("/api/approvals/approve", proposal);
    assert_eq!(again.refusal(), "approval_over");
    let acts = two.get("/api/acts?wallet=1").ok();
    let words: Vec<&str> = (acts["acts"].as_array().expect("a list").iter())
        .filter_map(|act| act["what"].as_str())
        .filter(|what| what.ends_with("_erasure"))
        .collect();
    assert_eq!(words, ["approve_erasure", "propose_erasure"]);
}

#[test]
fn nobody_decides_the_own_proposal_with_whatever_role() {
    let house = House::new();
    sora(&house);
    let (mut admin, mut key) = house.operator(1);
    let proposal = propose(&mut admin, &mut key);
    let seen = first(&mut admin);
    assert_eq!(
        (
            &seen["yours"],
            &seen["may_approve"],
            &seen["may_decline"],
            &seen["may_withdraw"]
        ),
        (&json!(true), &json!(false), &json!(false), &json!(true))
    );
    for path in ["/api/approvals/approve", "/api/approvals/decline"] {
        let refused = admin.post(path, proposal.clone());
        assert_eq!(refused.refusal(), "own_proposal", "{path}");
    }
    admin.post("/api/approvals/withdraw", proposal.clone()).ok();
    assert_eq!(stage(&mut admin), "withdrawn");
    house.pass(60);
    // It may be proposed anew.
    propose(&mut admin, &mut key);
}

#[test]
fn the_same_is_not_proposed_twice_and_only_its_proposer_takes_it_back() {
    let house = House::new();
    sora(&house);
    let ((mut one, mut key), (mut two, mut other_key)) = (house.operator(1), house.operator(2));
    let proposal = propose(&mut one, &mut key);
    house.pass(60);
    let twice = two.post_fresh("/api/people/erase", erasure(), &mut other_key);
    assert_eq!(twice.refusal(), "already_proposed");
    let refused = two.post("/api/approvals/withdraw", proposal.clone());
    assert_eq!(refused.refusal(), "not_your_proposal");
    house.pass(60);
    two.post_fresh("/api/approvals/decline", proposal.clone(), &mut other_key)
        .ok();
    assert_eq!(stage(&mut one), "declined");
    assert!(!house.wallet(SORA).frozen);
    let late = one.post("/api/approvals/withdraw", proposal);
    assert_eq!(late.refusal(), "approval_over");
}

#[test]
fn a_proposal_that_nobody_decides_expires_after_72_hours() {
    let house = House::new();
    sora(&house);
    let ((mut one, mut key), (mut two, mut other_key)) = (house.operator(1), house.operator(2));
    let proposal = propose(&mut one, &mut key);
    house.pass(3 * DAY);
    two.sign_in(&mut other_key).ok();
    assert_eq!(stage(&mut two), "expired");
    let late = two.post("/api/approvals/approve", proposal);
    assert_eq!(late.refusal(), "approval_over");
}

#[test]
fn a_passkey_that_was_shown_for_one_proposal_approves_no_other() {
    let house = House::new();
    sora(&house);
    house
        .browser(Surface::Wallet)
        .sign_up("umi@example.jp", &mut Authenticator::new(WALLET));
    let ((mut one, mut key), (mut two, mut other_key)) = (house.operator(1), house.operator(2));
    let first = propose(&mut one, &mut key);
    house.pass(60);
    let asked = json!({ "wallet_id": "2", "despite_balance": false, "reason": "退会" });
    let second = one.post_fresh("/api/people/erase", asked, &mut key).ok();
    let second = json!({ "approval": second["approval"] });
    let begun = two.post("/api/approvals/approve", first.clone()).ok();
    let credential = other_key.get(&begun["request"]);
    let swapped = shown(second, &begun["step_up"], credential);
    let refused = two.post("/api/approvals/approve", swapped);
    assert_eq!(refused.refusal(), "passkey_refused");
    house.pass(60);
    // Nor does a yes become a no.
    let begun = two.post("/api/approvals/approve", first.clone()).ok();
    let credential = other_key.get(&begun["request"]);
    let turned = shown(first, &begun["step_up"], credential);
    let refused = two.post("/api/approvals/decline", turned);
    assert_eq!(refused.refusal(), "passkey_refused");
}

/// Comes in with a link.
fn redeem<'a>(house: &'a House, link: &Value) -> (Browser<'a>, Authenticator) {
    let (mut browser, mut key) = (
        house.browser(Surface::Console),
        Authenticator::security_key(CONSOLE),
    );
    let begun = browser
        .post("/api/operators/redeem", json!({ "link": link }))
        .ok();
    let credential = key.create(&begun["creation"]);
    browser
        .post(
            "/api/operators/finish",
            json!({ "link": link, "credential": credential }),
        )
        .ok();
    (browser, key)
}

#[test]
fn an_admin_does_not_approve_by_somebody_invited_just_for_that() {
    let house = House::new();
    sora(&house);
    let (mut admin, mut key) = house.operator(1);
    let asked = json!({ "name": "傀儡", "role": "admin" });
    let invited = admin
        .post_fresh("/api/operators/invite", asked, &mut key)
        .ok();
    let (mut puppet, mut puppet_key) = redeem(&house, &invited["link"]);
    house.pass(60);
    let proposal = propose(&mut admin, &mut key);
    let refused = puppet.post_fresh("/api/approvals/approve", proposal.clone(), &mut puppet_key);
    assert_eq!(refused.refusal(), "too_close");
    house.pass(60);
    // Nor the other way round.
    admin.post("/api/approvals/withdraw", proposal).ok();
    let proposal = propose(&mut puppet, &mut puppet_key);
    let refused = admin.post_fresh("/api/approvals/approve", proposal, &mut key);
    assert_eq!(refused.refusal(), "too_close");
    house.pass(TOO_CLOSE.as_secs() as i64);
    puppet.sign_in(&mut puppet_key).ok();
    admin.sign_in(&mut key).ok();
    house.pass(60);
    let proposal = propose(&mut puppet, &mut puppet_key);
    let approved = admin.post_fresh("/api/approvals/approve", proposal, &mut key);
    assert_eq!(
        approved.ok()["stage"],
        "done",
        "by then they are colleagues"
    );
}

#[test]
fn who_may_propose_does_not_decide_and_who_loses_the_role_mid_way_does_neither() {
    let house = House::new();
    sora(&house);
    let ((mut one, mut key), (mut helper, _)) =
        (house.operator(1), house.operator_as(2, Role::Support));
    let proposal = propose(&mut one, &mut key);
    let refused = helper.post("/api/approvals/approve", proposal);
    assert_eq!(
        (refused.status, refused.refusal()),
        (StatusCode::FORBIDDEN, "not_your_role")
    );
    assert_eq!(first(&mut helper)["may_approve"], false);
    let (mut viewer, _) = house.operator_as(3, Role::Viewer);
    assert_eq!(viewer.get("/api/approvals").refusal(), "not_your_role");
}

#[test]
fn a_wallet_that_got_money_meanwhile_is_not_erased_by_an_approval_of_an_empty_one() {
    let house = House::new();
    sora(&house);
    let ((mut one, mut key), (mut two, mut other_key)) = (house.operator(1), house.operator(2));
    let proposal = propose(&mut one, &mut key);
    crate::people::give(&house, 500);
    house.pass(60);
    let refused = two.post_fresh("/api/approvals/approve", proposal, &mut other_key);
    assert_eq!(refused.refusal(), "wallet_not_empty");
    assert_eq!(stage(&mut two), "open", "it can still be declined");
}

#[test]
fn what_was_approved_is_carried_out_by_the_sweep_after_a_crash() {
    for crashed_after_the_deed in [false, true] {
        let house = House::new();
        let passkey = sora(&house);
        let ((mut one, mut key), (mut two, _)) = (house.operator(1), house.operator(2));
        let proposal = propose(&mut one, &mut key);
        // The program died when the approval was written, or when the erasure was and the approval did not say so yet.
        let mut registry = house.registry();
        let id = proposal["approval"].as_str().expect("an id");
        let id = ApprovalId(decode(id));
        let by = operator_id(&mut registry, "運用 2");
        let noted = mamori_registry::acts::Noted {
            asker: mamori_domain::context::Asker::system(
                mamori_domain::context::SystemReason::CommandLine,
            ),
            now: house.now(),
            id: [9; 16],
        };
        let taking = Taking {
            by: Some(&by),
            noted: &noted,
            letters: &[],
        };
        let seed = mamori_registry::Seed::new([5; 32]);
        let approved = registry
            .approvals()
            .take(&id, Step::Approve, &taking, &seed)
            .expect("the registry answers")
            .expect("another one's proposal");
        assert_eq!(approved.stage, Stage::Approved);
        if crashed_after_the_deed {
            let begun = registry.erasures().begin(SORA, house.now());
            begun.expect("the registry answers").expect("a person");
        }
        for _ in 0..2 {
            sweep(&house.app, &mut registry).expect("the book answers");
        }
        assert_eq!(stage(&mut two), "done");
        assert_eq!(house.wallet_behind(&passkey), None);
        assert!(house.wallet(SORA).frozen);
    }
}

fn decode(text: &str) -> [u8; 16] {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text);
    bytes.expect("base64").try_into().expect("16 bytes")
}

fn operator_id(registry: &mut mamori_registry::Registry, name: &str) -> mamori_registry::OwnerId {
    let list = registry.operators().list().expect("the registry answers");
    let found = list.iter().find(|one| one.name == name);
    found.expect("listed").operator
}
