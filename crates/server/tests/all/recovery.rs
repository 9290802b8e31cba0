//! Somebody who lost the phone comes back, by each way; and whoever is somebody else does not.

use axum::http::StatusCode;
use mamori_domain::command::Command;
use mamori_domain::ids::{AuthorizationId, WalletId};
use mamori_domain::reply::Reply;
use mamori_engine::testing::Loss;
use mamori_flows::messages::Message;
use mamori_registry::{AnsweredLink, AuthMethod, SavedCode, Seed, Surface, token_hash};
use mamori_server::cookies::decode_token;
use mamori_server::housekeeping;
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::house::{Answer, Browser, House, WALLET, shown};
use crate::notices::subscription;

const COOKIE: &str = "__Host-mamori_wallet";
const PHONE: &str = "+819012345678";
const MAIL: &str = "sora@example.jp";
const HOUR: i64 = 3_600;

/// Sora with a phone number, a mail address that has settled, and saved codes.
struct Sora<'a> {
    phone: Browser<'a>,
    passkey: Authenticator,
    codes: Vec<String>,
}

fn sora(house: &House) -> Sora<'_> {
    let (mut phone, mut passkey) = (house.browser(Surface::Wallet), Authenticator::new(WALLET));
    phone.sign_up(PHONE, &mut passkey);
    add_contact(house, &mut phone, &mut passkey, MAIL);
    house.pass(72 * HOUR);
    let mut phone = signed_in_again(house, phone, &mut passkey);
    let codes = phone
        .post_fresh("/api/recovery/codes", json!({}), &mut passkey)
        .ok();
    let codes = codes["codes"].as_array().expect("codes").iter();
    let codes = codes
        .map(|code| code.as_str().expect("a text").to_owned())
        .collect();
    house.letters();
    Sora {
        phone,
        passkey,
        codes,
    }
}

fn signed_in_again<'a>(
    _: &House,
    mut phone: Browser<'a>,
    passkey: &mut Authenticator,
) -> Browser<'a> {
    phone.sign_in(passkey).ok();
    phone
}

fn add_contact(house: &House, browser: &mut Browser, passkey: &mut Authenticator, contact: &str) {
    let asked = json!({ "contact": contact, "locale": "ja" });
    let addition = browser.post("/api/contacts/add/start", asked).ok()["addition"].clone();
    let code = house.newest_code().expect("a code was sent");
    let proof = json!({ "addition": addition, "code": code });
    let challenge = browser.post("/api/contacts/add/prove", proof).ok();
    let credential = passkey.get(&challenge["request"]);
    let body = shown(
        json!({ "contact": contact }),
        &challenge["step_up"],
        credential,
    );
    browser.post("/api/contacts/add/finish", body).ok();
}

/// Another phone, and the handle of the recovery that it has begun.
fn begin(browser: &mut Browser, contact: &str) -> Value {
    let asked = json!({ "contact": contact, "locale": "ja" });
    let begun = browser.post("/api/recovery/start", asked).ok();
    // The message is sent behind the answer, by the one worker that answers this.
    browser
        .post(
            "/api/recovery/state",
            json!({ "recovery": begun["recovery"] }),
        )
        .ok();
    begun["recovery"].clone()
}

fn prove(browser: &mut Browser, recovery: &Value, kind: &str, value: &str) -> Answer {
    let shown = json!({ "recovery": recovery, "kind": kind, "value": value });
    browser.post("/api/recovery/prove", shown)
}

fn state(browser: &mut Browser, recovery: &Value) -> Value {
    browser
        .post("/api/recovery/state", json!({ "recovery": recovery }))
        .ok()
}

fn proves_contact(house: &House, browser: &mut Browser, recovery: &Value, contact: &str) -> Value {
    let asked = json!({ "recovery": recovery, "contact": contact });
    browser.post("/api/recovery/send", asked).ok();
    state(browser, recovery);
    let code = house.newest_code().expect("a code was sent");
    prove(browser, recovery, "sent", &code).ok()
}

fn finish(browser: &mut Browser, recovery: &Value, new: &mut Authenticator) -> Answer {
    let started = browser.post(
        "/api/recovery/passkey/start",
        json!({ "recovery": recovery }),
    );
    if started.status != StatusCode::OK {
        return started;
    }
    let credential = new.create(&started.body["creation"]);
    let body = json!({
        "recovery": recovery,
        "registration": started.body["registration"],
        "credential": credential,
    });
    browser.post("/api/recovery/passkey/finish", body)
}

/// An authenticator that is not the one of before.
fn another() -> Authenticator {
    numbered(1)
}

fn numbered(serial: u8) -> Authenticator {
    let mut made = Authenticator::new(WALLET);
    made.serial = serial;
    made
}

/// A code that is well made, and was never given to anybody.
fn nobodys_code() -> String {
    SavedCode::draw(&Seed::new([99; 32]), "nobody's")
        .shown()
        .to_string()
}

fn secret(letters: &[Message], contact: &str) -> Option<Value> {
    let own = letters.iter().rfind(|letter| letter.to == contact)?;
    let (_, behind) = own.text.split_once(&format!("{WALLET}/undo-recovery#"))?;
    behind
        .lines()
        .next()
        .map(|secret| json!({ "secret": secret }))
}

fn told(letters: &[Message], words: &str) -> usize {
    letters
        .iter()
        .filter(|letter| letter.text.contains(words))
        .count()
}

fn is_in(browser: &mut Browser) -> bool {
    browser.get("/api/home").status == StatusCode::OK
}

fn wallet(browser: &mut Browser) -> WalletId {
    let id = browser.get("/api/home").ok()["wallet_id"].clone();
    id.as_str()
        .and_then(|id| id.parse().ok())
        .map(WalletId)
        .expect("a wallet")
}

fn sweep(house: &House) {
    let mut registry = house.registry();
    housekeeping::sweep(&house.app, &mut registry).expect("the sweep runs");
}

#[test]
fn a_saved_code_and_the_mail_open_at_once_and_the_new_phone_takes_the_place_of_the_old() {
    let house = House::new();
    let mut sora = sora(&house);
    let (wallet, mut old) = (wallet(&mut sora.phone), sora.passkey);
    let mut new_phone = house.browser(Surface::Wallet);
    let recovery = begin(&mut new_phone, MAIL);
    assert!(
        house.letters().is_empty(),
        "nobody is told before a first proof"
    );
    let code = house.newest_code().expect("a code was sent");
    let proven = prove(&mut new_phone, &recovery, "sent", &code).ok();
    assert_eq!(proven["stage"], "open");
    assert_eq!(proven["proven"][0]["evidence"], "mail");
    assert_eq!(proven["proven"][0]["contact"], "s***@example.jp");
    assert!(proven["opens_at_ms"].is_null());
    assert_eq!(
        told(&house.letters(), "復旧が始まりました"),
        2,
        "on every contact"
    );
    let typed = sora.codes[0].to_lowercase().replace('-', " ");
    let proven = prove(&mut new_phone, &recovery, "code", &typed).ok();
    assert_eq!(proven["ready"], true);
    assert_eq!(told(&house.letters(), "必要な確認がそろいました"), 2);
    assert!(!is_in(&mut new_phone), "no session before the end");

    let mut passkey = another();
    finish(&mut new_phone, &recovery, &mut passkey).ok();
    assert!(is_in(&mut new_phone));
    assert!(!is_in(&mut sora.phone), "every other session is over");
    assert!(house.wallet_behind(&old).is_none() && house.wallet_behind(&passkey) == Some(wallet));
    let home = new_phone.get("/api/home").ok();
    assert_eq!(home["pays_from"], "here");
    let hash = token_hash(&decode_token(&new_phone.cookies[COOKIE]).expect("a token"));
    let row = house.registry().sessions().find(Surface::Wallet, &hash);
    let row = row.expect("the registry answers").expect("signed in");
    assert_eq!(row.method, AuthMethod::Recovery);
    assert_eq!(
        told(&house.letters(), "新しいサインイン方法が作られました"),
        2
    );
    let mut other = house.browser(Surface::Wallet);
    assert_ne!(
        other.sign_in(&mut old).status,
        StatusCode::OK,
        "the lost phone opens nothing"
    );
    // Its own list names the new one alone.
    let listed = new_phone.get("/api/passkeys").ok();
    assert_eq!(listed["passkeys"].as_array().map(Vec::len), Some(1));
    let acts = new_phone.get("/api/activity").ok()["acts"].to_string();
    for act in ["begin_recovery", "finish_recovery", "bind_device"] {
        assert!(acts.contains(act), "{act} in {acts}");
    }
    assert!(
        finish(&mut new_phone, &recovery, &mut passkey).status != StatusCode::OK,
        "once"
    );
    let left = new_phone.get("/api/recovery").ok();
    assert_eq!(left["codes_left"], 9);
}

#[test]
fn a_letter_takes_a_recovery_back_and_freezes_the_wallet() {
    let house = House::new();
    let mut sora = sora(&house);
    let (wallet, mut old) = (wallet(&mut sora.phone), sora.passkey);
    let mut thief = house.browser(Surface::Wallet);
    let recovery = begin(&mut thief, MAIL);
    let code = house.newest_code().expect("a code was sent");
    prove(&mut thief, &recovery, "sent", &code).ok();
    prove(&mut thief, &recovery, "code", &sora.codes[0]).ok();
    let mut passkey = another();
    finish(&mut thief, &recovery, &mut passkey).ok();
    // And one more, to stay.
    let mut second = numbered(2);
    let begun = thief
        .post_fresh("/api/passkeys/add", json!({}), &mut passkey)
        .ok();
    let credential = second.create(&begun["creation"]);
    let body = json!({ "registration": begun["registration"], "credential": credential });
    thief.post("/api/passkeys/finish", body).ok();
    let undo = secret(&house.letters(), PHONE).expect("the letter leads to the undo");
    // From any browser, which is not signed in by it.
    let mut anywhere = house.browser(Surface::Wallet);
    house.pass(71 * HOUR);
    anywhere.post("/api/undo-recovery", undo.clone()).ok();
    assert!(!is_in(&mut anywhere) && !is_in(&mut thief));
    assert_eq!(told(&house.letters(), "復旧を取り消しました"), 2);
    for theirs in [&mut passkey, &mut second] {
        assert!(house.wallet_behind(theirs).is_none());
        assert_ne!(thief.sign_in(theirs).status, StatusCode::OK);
    }
    sora.phone.sign_in(&mut old).ok();
    assert_eq!(house.wallet_behind(&old), Some(wallet));
    let home = sora.phone.get("/api/home").ok();
    assert_eq!(
        (&home["status"], &home["pays_from"]),
        (&json!("frozen"), &json!("here"))
    );
    assert_eq!(
        anywhere.post("/api/undo-recovery", undo).refusal(),
        "undo_link_refused"
    );
}

/// Whoever came back as somebody else has had the wallet for a while, and made it comfortable.
#[test]
fn what_was_set_up_since_goes_with_a_recovery_that_is_taken_back() {
    let house = House::new();
    let mut sora = sora(&house);
    let wallet = wallet(&mut sora.phone);
    let (permitted, before) = (AuthorizationId(2), AuthorizationId(1));
    let permit = |authorization: AuthorizationId| {
        let merchant = match house.done(Command::OpenMerchant) {
            Reply::MerchantOpened(merchant) => merchant,
            other => panic!("{other:?}"),
        };
        let (mut registry, number) = (house.registry(), authorization.0 as u8);
        let link = AnsweredLink {
            merchant,
            nonce_hash: [number; 32],
            wallet,
            reference: "member-9",
            scopes: "direct_debit",
            ends_at: house.now().plus_seconds(600),
        };
        let mut rows = registry.permissions();
        let begun = rows.begin(&link, authorization, house.now(), [number; 12]);
        begun.expect("the registry answers").expect("a fresh link");
        house.done(Command::GrantAuthorization {
            authorization,
            wallet,
            merchant,
        });
        rows.finish(authorization).expect("the registry answers");
    };
    permit(before);
    let mut own = sora.passkey;
    sora.phone
        .post_fresh("/api/freeze-code", json!({}), &mut own)
        .ok();
    sora.phone
        .post("/api/notices/push/add", subscription("/push/sora"))
        .ok();
    house.pass(60);

    let mut thief = house.browser(Surface::Wallet);
    let recovery = begin(&mut thief, MAIL);
    let code = house.newest_code().expect("a code was sent");
    prove(&mut thief, &recovery, "sent", &code).ok();
    prove(&mut thief, &recovery, "code", &sora.codes[0]).ok();
    let mut passkey = another();
    finish(&mut thief, &recovery, &mut passkey).ok();
    let browsers = |house: &House| {
        let browsers = house.registry().notices().push_browsers(wallet);
        browsers.expect("the registry answers").len()
    };
    assert_eq!(browsers(&house), 0, "the lost phone hears nothing any more");
    thief
        .post_fresh("/api/freeze-code", json!({}), &mut passkey)
        .ok();
    thief
        .post("/api/notices/push/add", subscription("/push/thief"))
        .ok();
    permit(permitted);
    let bank = json!({ "payout": "どろぼう銀行 普通 6666666" });
    thief.post_fresh("/api/closing", bank, &mut passkey).ok();
    assert_eq!(browsers(&house), 1);

    let undo = secret(&house.letters(), PHONE).expect("the letter leads to the undo");
    house
        .browser(Surface::Wallet)
        .post("/api/undo-recovery", undo)
        .ok();
    sora.phone.sign_in(&mut own).ok();
    assert!(sora.phone.get("/api/closing").ok()["asked_at_ms"].is_null());
    assert!(sora.phone.get("/api/freeze-code").ok()["made_at_ms"].is_null());
    assert_eq!(browsers(&house), 0);
    let live = house.engine().authorizations(&[before, permitted]);
    let live: Vec<bool> = (live.expect("the ledger answers").iter())
        .map(Option::is_some)
        .collect();
    assert_eq!(live, [true, false], "hers stays, the thief's is gone");
}

#[test]
fn five_wrong_proofs_are_all_that_a_recovery_takes_and_what_was_proven_still_opens_it() {
    let house = House::new();
    let sora = sora(&house);
    let mut new_phone = house.browser(Surface::Wallet);
    let recovery = begin(&mut new_phone, MAIL);
    let code = house.newest_code().expect("a code was sent");
    let wrong = |browser: &mut Browser| {
        let answer = prove(browser, &recovery, "code", &nobodys_code());
        answer.refusal().to_owned()
    };
    assert_eq!(wrong(&mut new_phone), "recovery_wrong");
    assert_eq!(wrong(&mut new_phone), "recovery_wrong");
    prove(&mut new_phone, &recovery, "sent", &code).ok();
    prove(&mut new_phone, &recovery, "code", &sora.codes[0]).ok();
    // What was right in between gives no new tries.
    for _ in 0..3 {
        assert_eq!(wrong(&mut new_phone), "recovery_wrong");
    }
    assert_eq!(wrong(&mut new_phone), "recovery_over");
    let unused = prove(&mut new_phone, &recovery, "code", &sora.codes[1]);
    assert_eq!(unused.refusal(), "recovery_over");
    finish(&mut new_phone, &recovery, &mut another()).ok();
    assert!(is_in(&mut new_phone));
}

#[test]
fn mail_and_telephone_wait_for_72_hours_and_a_text_message_shortens_nothing() {
    let house = House::new();
    let mut sora = sora(&house);
    let mut new_phone = house.browser(Surface::Wallet);
    let recovery = begin(&mut new_phone, PHONE);
    let code = house.newest_code().expect("a code was sent");
    let proven = prove(&mut new_phone, &recovery, "sent", &code).ok();
    assert_eq!(
        proven["opens_at_ms"],
        Value::Null,
        "a number alone opens nothing (SIM swap)"
    );
    let proven = proves_contact(&house, &mut new_phone, &recovery, MAIL);
    let wait = proven["opens_at_ms"].as_i64().expect("an instant")
        - proven["now_ms"].as_i64().expect("one");
    assert_eq!(wait, 72 * HOUR * 1_000);
    let mut passkey = another();
    let too_early = finish(&mut new_phone, &recovery, &mut passkey);
    assert_eq!(too_early.refusal(), "recovery_not_ready");
    house.pass(72 * HOUR - 1);
    assert_eq!(
        finish(&mut new_phone, &recovery, &mut passkey).refusal(),
        "recovery_not_ready"
    );
    house.letters();
    house.pass(1);
    sweep(&house);
    assert_eq!(told(&house.letters(), "待ち時間が終わり"), 2);
    sweep(&house);
    assert_eq!(told(&house.letters(), "待ち時間が終わり"), 0, "told once");
    finish(&mut new_phone, &recovery, &mut passkey).ok();
    assert!(is_in(&mut new_phone) && !is_in(&mut sora.phone));
    // After another 72 hours the old passkey is gone for good.
    let undo = secret(&house.letters(), MAIL).expect("a link");
    house.pass(72 * HOUR);
    sweep(&house);
    let mut anywhere = house.browser(Surface::Wallet);
    assert_eq!(
        anywhere.post("/api/undo-recovery", undo).refusal(),
        "undo_link_refused"
    );
}

#[test]
fn a_saved_code_alone_waits_for_72_hours_and_works_once() {
    let house = House::new();
    let sora = sora(&house);
    let mut new_phone = house.browser(Surface::Wallet);
    // Both contacts are lost: they find the wallet, and no message of theirs is read.
    let recovery = begin(&mut new_phone, PHONE);
    let proven = prove(&mut new_phone, &recovery, "code", &sora.codes[3]).ok();
    assert!(!proven["opens_at_ms"].is_null() && proven["ready"] == false);
    house.pass(72 * HOUR);
    finish(&mut new_phone, &recovery, &mut another()).ok();
    let mut again = house.browser(Surface::Wallet);
    let recovery = begin(&mut again, PHONE);
    let used = prove(&mut again, &recovery, "code", &sora.codes[3]);
    assert_eq!(used.refusal(), "recovery_wrong");
}

#[test]
fn a_trusted_contact_chooses_the_number_and_sees_no_balance() {
    let house = House::new();
    let mut sora = sora(&house);
    let (mut helper, mut key) = (house.browser(Surface::Wallet), Authenticator::new(WALLET));
    helper.sign_up("haha@example.jp", &mut key);
    let invited = sora
        .phone
        .post_fresh("/api/recovery/trusted/invite", json!({}), &mut sora.passkey)
        .ok();
    let link = invited["link"].as_str().expect("a link");
    let (_, token) = link
        .split_once(&format!("{WALLET}/trusted#"))
        .expect("our own address");
    let invitation = json!({ "invitation": token });
    let own = sora
        .phone
        .post("/api/recovery/trusted/accept", invitation.clone());
    assert_eq!(own.refusal(), "invitation_yours");
    let asked = helper
        .post("/api/recovery/trusted/look", invitation.clone())
        .ok();
    assert_eq!(asked, json!({ "name": "さくら" }));
    helper
        .post("/api/recovery/trusted/accept", invitation.clone())
        .ok();
    let used = helper.post("/api/recovery/trusted/accept", invitation);
    assert_eq!(used.refusal(), "invitation_unknown");
    assert_eq!(told(&house.letters(), "信頼する人"), 2);

    let mut new_phone = house.browser(Surface::Wallet);
    let recovery = begin(&mut new_phone, MAIL);
    let ask = json!({ "recovery": recovery });
    assert_eq!(
        new_phone.post("/api/recovery/ask", ask.clone()).refusal(),
        "recovery_not_ready"
    );
    let code = house.newest_code().expect("a code was sent");
    prove(&mut new_phone, &recovery, "sent", &code).ok();
    let early = new_phone.post("/api/recovery/ask", ask.clone());
    assert_eq!(
        early.status,
        StatusCode::NOT_FOUND,
        "a new helper has no word for 72 hours"
    );
    house.pass(72 * HOUR);
    helper.sign_in(&mut key).ok();
    let number = new_phone.post("/api/recovery/ask", ask.clone()).ok()["number"].clone();
    let question = helper.get("/api/recovery/notices").ok()["ask"].clone();
    assert_eq!(question["name"], "さくら");
    assert!(
        question["numbers"]
            .as_array()
            .expect("three")
            .contains(&number)
    );
    assert!(!question.to_string().contains("balance"));
    let wrong = json!({ "ask": question["ask"], "number": if number == 10 { 11 } else { 10 } });
    assert_eq!(
        helper.post("/api/recovery/answer", wrong).refusal(),
        "number_wrong"
    );
    let number = new_phone.post("/api/recovery/ask", ask).ok()["number"].clone();
    let question = helper.get("/api/recovery/notices").ok()["ask"].clone();
    let right = json!({ "ask": question["ask"], "number": number });
    helper.post("/api/recovery/answer", right.clone()).ok();
    assert_eq!(
        helper.post("/api/recovery/answer", right).refusal(),
        "ask_over"
    );
    let proven = state(&mut new_phone, &recovery);
    assert_eq!(proven["proven"][1]["evidence"], "trusted");
    assert_eq!(
        finish(&mut new_phone, &recovery, &mut another()).refusal(),
        "recovery_not_ready"
    );
    house.pass(24 * HOUR);
    finish(&mut new_phone, &recovery, &mut another()).ok();
    assert!(is_in(&mut new_phone));
}

#[test]
fn what_a_stranger_hears_is_the_same_for_everybody() {
    let house = House::new();
    let _sora = sora(&house);
    let before = house.sent_count();
    let mut answers = Vec::new();
    for contact in [MAIL, "nobody@example.jp"] {
        let mut stranger = house.browser(Surface::Wallet);
        let asked = json!({ "contact": contact, "locale": "ja" });
        let start = stranger.post("/api/recovery/start", asked);
        let recovery = start.body["recovery"].clone();
        let mut heard = vec![(start.status, start.bytes, headers(&start), String::new())];
        let mut hear = |answer: Answer| {
            heard.push((
                answer.status,
                answer.bytes,
                headers(&answer),
                answer.refusal().into(),
            ));
        };
        hear(stranger.post("/api/recovery/state", json!({ "recovery": recovery })));
        hear(prove(&mut stranger, &recovery, "sent", "000000"));
        hear(prove(&mut stranger, &recovery, "code", &nobodys_code()));
        hear(prove(&mut stranger, &recovery, "totp", "000000"));
        hear(prove(
            &mut stranger,
            &recovery,
            "password",
            "わたしのねこはみけ",
        ));
        let other = json!({ "recovery": recovery, "contact": PHONE });
        hear(stranger.post("/api/recovery/send", other));
        hear(stranger.post("/api/recovery/ask", json!({ "recovery": recovery })));
        hear(prove(&mut stranger, &recovery, "code", &nobodys_code()));
        hear(prove(&mut stranger, &recovery, "code", &nobodys_code()));
        hear(stranger.post("/api/recovery/stop", json!({ "recovery": recovery })));
        hear(stranger.post("/api/recovery/state", json!({ "recovery": recovery })));
        answers.push(heard);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(
        answers[0]
            .iter()
            .filter(|heard| heard.3 == "recovery_over")
            .count(),
        1,
        "five wrong ones"
    );
    let told: Vec<String> = house.sent_since(before);
    assert_eq!(
        told,
        [MAIL, PHONE],
        "codes went to Sora's own contacts alone"
    );
    assert!(house.letters().is_empty());
}

fn headers(answer: &Answer) -> Vec<String> {
    answer.headers.keys().map(|name| name.to_string()).collect()
}

#[test]
fn a_code_goes_to_no_address_of_the_request_and_a_link_to_no_host_of_it() {
    let house = House::new();
    let _sora = sora(&house);
    let before = house.sent_count();
    let mut thief = house.browser(Surface::Wallet);
    let recovery = begin(&mut thief, MAIL);
    for wrong in [
        json!({ "recovery": recovery, "contact": "thief@example.org" }),
        json!({ "recovery": recovery, "contact": [MAIL, "thief@example.org"] }),
        json!({ "recovery": recovery, "contact": "sora@example.jp\r\nBcc: thief@example.org" }),
        json!({ "recovery": recovery, "contact": "sora@example.jp,thief@example.org" }),
        json!({ "recovery": recovery, "contact": "sоra@example.jp" }),
    ] {
        thief.post("/api/recovery/send", wrong);
    }
    state(&mut thief, &recovery);
    assert_eq!(house.sent_since(before), [MAIL]);
    let code = house.newest_code().expect("a code was sent");
    let mut request = thief.request("POST", "/api/recovery/prove");
    for header in ["x-forwarded-host", "forwarded", "x-host"] {
        request = request.header(header, "host=evil.example");
    }
    let body = json!({ "recovery": recovery, "kind": "sent", "value": code }).to_string();
    let request = request.header("content-type", "application/json");
    thief
        .send(request.body(body.into()).expect("a request"))
        .ok();
    let letters = house.letters();
    assert_eq!(letters.len(), 2);
    for letter in letters {
        assert!(
            letter.text.contains(&format!("{WALLET}/undo-recovery#"))
                && !letter.text.contains("evil")
        );
    }
}

#[test]
fn one_recovery_at_a_time_and_a_saved_code_may_stop_anothers() {
    let house = House::new();
    let sora = sora(&house);
    let mut swapper = house.browser(Surface::Wallet);
    let theirs = begin(&mut swapper, PHONE);
    let code = house.newest_code().expect("a code was sent");
    prove(&mut swapper, &theirs, "sent", &code).ok();
    house.letters();
    // Sora has lost both contacts and holds the codes.
    let mut new_phone = house.browser(Surface::Wallet);
    let own = begin(&mut new_phone, PHONE);
    let refused = prove(&mut new_phone, &own, "code", &sora.codes[0]);
    assert_eq!(refused.refusal(), "recovery_elsewhere");
    let instead =
        json!({ "recovery": own, "kind": "code", "value": sora.codes[0], "instead": true });
    new_phone.post("/api/recovery/prove", instead).ok();
    assert_eq!(state(&mut swapper, &theirs)["stage"], "stopped");
    let letters = house.letters();
    assert_eq!(
        (
            told(&letters, "中止しました"),
            told(&letters, "復旧が始まりました")
        ),
        (2, 2)
    );
}

#[test]
fn an_owner_who_is_signed_in_sees_it_and_stops_it_and_so_does_a_letter() {
    let house = House::new();
    let mut sora = sora(&house);
    for by_letter in [false, true] {
        let mut thief = house.browser(Surface::Wallet);
        let recovery = begin(&mut thief, PHONE);
        let code = house.newest_code().expect("a code was sent");
        prove(&mut thief, &recovery, "sent", &code).ok();
        let notices = sora.phone.get("/api/recovery/notices").ok();
        assert_eq!(notices["open"]["stage"], "open");
        match by_letter {
            true => {
                let undo = secret(&house.letters(), MAIL).expect("a link");
                house
                    .browser(Surface::Wallet)
                    .post("/api/undo-recovery", undo)
                    .ok();
            }
            false => drop(sora.phone.post("/api/recovery/stop-own", json!({})).ok()),
        }
        assert_eq!(state(&mut thief, &recovery)["stage"], "stopped");
        assert!(sora.phone.get("/api/recovery/notices").ok()["open"].is_null());
        assert!(is_in(&mut sora.phone));
        house.letters();
        house.pass(60);
    }
}

#[test]
fn the_handle_is_worth_nothing_in_another_browser() {
    let house = House::new();
    let sora = sora(&house);
    let mut new_phone = house.browser(Surface::Wallet);
    let recovery = begin(&mut new_phone, MAIL);
    let mut elsewhere = house.browser(Surface::Wallet);
    let stolen = prove(&mut elsewhere, &recovery, "code", &sora.codes[0]);
    assert_eq!(stolen.refusal(), "recovery_over");
    prove(&mut new_phone, &recovery, "code", &sora.codes[0]).ok();
    let asked = json!({ "recovery": recovery });
    assert_eq!(
        elsewhere
            .post("/api/recovery/state", asked.clone())
            .refusal(),
        "recovery_over"
    );
    house.pass(72 * HOUR);
    assert_eq!(
        elsewhere
            .post("/api/recovery/passkey/start", asked)
            .refusal(),
        "recovery_not_ready"
    );
}

#[test]
fn a_recovery_that_does_not_end_in_seven_days_is_over() {
    let house = House::new();
    let _sora = sora(&house);
    let mut new_phone = house.browser(Surface::Wallet);
    let recovery = begin(&mut new_phone, MAIL);
    let code = house.newest_code().expect("a code was sent");
    prove(&mut new_phone, &recovery, "sent", &code).ok();
    house.letters();
    house.pass(7 * 24 * HOUR);
    sweep(&house);
    assert_eq!(told(&house.letters(), "期限切れ"), 2);
    assert_eq!(state(&mut new_phone, &recovery)["stage"], "overdue");
}

#[test]
fn a_contact_of_yesterday_helps_nobody_back_in_and_a_removed_one_neither() {
    let house = House::new();
    let mut sora = sora(&house);
    add_contact(
        &house,
        &mut sora.phone,
        &mut sora.passkey,
        "thief@example.org",
    );
    let before = house.sent_count();
    let mut thief = house.browser(Surface::Wallet);
    let recovery = begin(&mut thief, "thief@example.org");
    assert_eq!(house.sent_since(before), Vec::<String>::new());
    assert_eq!(state(&mut thief, &recovery)["stage"], "asked");
}

#[test]
fn a_wallet_that_is_frozen_stays_frozen() {
    let house = House::new();
    let mut sora = sora(&house);
    let wallet = wallet(&mut sora.phone);
    house.done(Command::Freeze { wallet });
    let mut new_phone = house.browser(Surface::Wallet);
    let recovery = begin(&mut new_phone, PHONE);
    prove(&mut new_phone, &recovery, "code", &sora.codes[0]).ok();
    house.pass(72 * HOUR);
    finish(&mut new_phone, &recovery, &mut another()).ok();
    assert_eq!(new_phone.get("/api/home").ok()["status"], "frozen");
}

/// Mail and a saved code, on another phone.
fn ready<'a>(house: &'a House, sora: &Sora) -> (Browser<'a>, Value) {
    let mut new_phone = house.browser(Surface::Wallet);
    let recovery = begin(&mut new_phone, MAIL);
    let code = house.newest_code().expect("a code was sent");
    prove(&mut new_phone, &recovery, "sent", &code).ok();
    prove(&mut new_phone, &recovery, "code", &sora.codes[0]).ok();
    (new_phone, recovery)
}

#[test]
fn an_end_whose_answer_is_lost_comes_to_its_end_as_the_ledger_says() {
    for loss in [Loss::Command, Loss::Answer] {
        let house = House::new();
        let mut sora = sora(&house);
        let wallet = wallet(&mut sora.phone);
        let (mut new_phone, recovery) = ready(&house, &sora);
        let mut passkey = another();
        house.lose(loss);
        assert!(
            finish(&mut new_phone, &recovery, &mut passkey)
                .status
                .is_server_error()
        );
        assert!(is_in(&mut sora.phone), "nothing is half done");
        house.pass(121);
        sweep(&house);
        match loss {
            // The ledger never heard of it: it is open, and another passkey ends it.
            Loss::Command => {
                assert_eq!(state(&mut new_phone, &recovery)["stage"], "open");
                assert!(house.wallet_behind(&passkey).is_none());
                finish(&mut new_phone, &recovery, &mut numbered(3)).ok();
            }
            Loss::Answer => {
                assert_eq!(state(&mut new_phone, &recovery)["stage"], "done");
                assert_eq!(house.wallet_behind(&passkey), Some(wallet));
                new_phone.sign_in(&mut passkey).ok();
                assert_eq!(new_phone.get("/api/home").ok()["pays_from"], "here");
            }
        }
        assert!(is_in(&mut new_phone) && !is_in(&mut sora.phone));
        assert!(house.wallet_behind(&sora.passkey).is_none());
    }
}

#[test]
fn a_taking_back_whose_answer_is_lost_comes_to_its_end() {
    for loss in [Loss::Command, Loss::Answer] {
        let house = House::new();
        let mut sora = sora(&house);
        let wallet = wallet(&mut sora.phone);
        let (mut thief, recovery) = ready(&house, &sora);
        let mut passkey = another();
        finish(&mut thief, &recovery, &mut passkey).ok();
        let undo = secret(&house.letters(), PHONE).expect("a link");
        house.lose(loss);
        let lost = house
            .browser(Surface::Wallet)
            .post("/api/undo-recovery", undo);
        assert!(lost.status.is_server_error());
        assert_ne!(
            thief.sign_in(&mut passkey).status,
            StatusCode::OK,
            "from the first step on"
        );
        sweep(&house);
        sora.phone.sign_in(&mut sora.passkey).ok();
        assert_eq!(sora.phone.get("/api/home").ok()["status"], "frozen");
        assert_eq!(house.wallet_behind(&sora.passkey), Some(wallet));
        assert!(house.wallet_behind(&passkey).is_none());
    }
}
