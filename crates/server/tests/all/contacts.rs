//! A customer changes how they are reached: what it takes, who is told, and how whoever was reached before undoes it.

use axum::http::StatusCode;
use mamori_flows::messages::{Message, MessageKind};
use mamori_registry::Surface;
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::house::{Answer, Browser, House, WALLET, shown};

const PHONE: &str = "+819012345678";
const MAIL: &str = "sora@example.jp";

fn sora(house: &House) -> (Browser<'_>, Authenticator) {
    let (mut phone, mut passkey) = (house.browser(Surface::Wallet), Authenticator::new(WALLET));
    phone.sign_up(PHONE, &mut passkey);
    (phone, passkey)
}

fn start(browser: &mut Browser, contact: &str) -> Answer {
    browser.post(
        "/api/contacts/add/start",
        json!({ "contact": contact, "locale": "ja" }),
    )
}

fn prove(browser: &mut Browser, addition: &Value, code: &str) -> Answer {
    browser.post(
        "/api/contacts/add/prove",
        json!({ "addition": addition, "code": code }),
    )
}

/// From the typed address to the passkey.
fn add(house: &House, browser: &mut Browser, passkey: &mut Authenticator, contact: &str) -> Answer {
    let addition = start(browser, contact).ok()["addition"].clone();
    let code = house.newest_code().expect("a code was sent");
    let challenge = prove(browser, &addition, &code).ok();
    let credential = passkey.get(&challenge["request"]);
    browser.post(
        "/api/contacts/add/finish",
        shown(
            json!({ "contact": contact }),
            &challenge["step_up"],
            credential,
        ),
    )
}

fn id(browser: &mut Browser, contact: &str) -> Value {
    let list = browser.get("/api/contacts").ok();
    let found = list["contacts"].as_array().expect("a list").iter();
    let mut found = found.filter(|one| one["contact"] == contact);
    json!({ "contact_id": found.next().expect("one of hers")["contact_id"] })
}

/// As the page lists them: `*` behind the preferred one, brackets around what was removed.
fn list(browser: &mut Browser) -> Vec<String> {
    let list = browser.get("/api/contacts").ok();
    let shown = list["contacts"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            let text = one["contact"].as_str().expect("a text");
            match (one["removed_at_ms"].is_null(), one["preferred"] == true) {
                (false, _) => format!("({text})"),
                (true, true) => format!("{text}*"),
                (true, false) => text.to_owned(),
            }
        });
    shown.collect()
}

/// The secret in a letter's link.
fn secret(letter: &Message) -> Option<Value> {
    let link = format!("{WALLET}/undo-contact#");
    let (_, behind) = letter.text.split_once(&*link)?;
    behind
        .lines()
        .next()
        .map(|secret| json!({ "secret": secret }))
}

fn to<'a>(letters: &'a [Message], contact: &str) -> &'a Message {
    let own = letters.iter().find(|letter| letter.to == contact);
    own.expect("it was told")
}

#[test]
fn a_number_is_replaced_by_a_mail_address_and_brought_back_by_the_letter_without_signing_in() {
    let house = House::new();
    let (mut phone, mut passkey) = sora(&house);
    add(&house, &mut phone, &mut passkey, MAIL).ok();
    let told = house.letters();
    assert_eq!(told.len(), 2);
    let sms = to(&told, PHONE);
    assert_eq!(sms.kind, MessageKind::Sms);
    assert!(
        sms.text.starts_with(
            "【Mamori】1月15日 17:00、s***@example.jp がウォレットの連絡先に追加されました。"
        ),
        "{}",
        sms.text
    );
    assert!(secret(sms).is_some());
    let mail = to(&told, MAIL);
    assert!(
        mail.text
            .contains("この連絡先がウォレットの連絡先に追加されました。")
    );
    assert_eq!(secret(mail), None, "the newcomer undoes nothing");

    house.pass(60);
    let mails = id(&mut phone, MAIL);
    phone
        .post_fresh("/api/contacts/prefer", mails, &mut passkey)
        .ok();
    house.letters();
    house.pass(60);
    let phones = id(&mut phone, PHONE);
    phone
        .post_fresh("/api/contacts/remove", phones, &mut passkey)
        .ok();
    assert_eq!(list(&mut phone), [format!("({PHONE})"), format!("{MAIL}*")]);
    let told = house.letters();
    assert_eq!(told.len(), 2);
    assert!(
        to(&told, MAIL)
            .text
            .contains("+81******5678 がウォレットの連絡先から削除されました。")
    );
    assert!(!to(&told, MAIL).text.contains(PHONE), "masked");
    let secret = secret(to(&told, MAIL)).expect("whoever is left may bring the old one back");

    house.pass(60);
    // A browser that has never been here, at the page of the letter.
    let mut elsewhere = house.browser(Surface::Wallet);
    assert_eq!(
        elsewhere.get("/api/undo-contact").status,
        StatusCode::NOT_FOUND
    );
    elsewhere.post("/api/undo-contact", secret.clone()).ok();
    assert_eq!(list(&mut phone), [PHONE.into(), format!("{MAIL}*")]);
    let told = house.letters();
    assert!(
        to(&told, PHONE)
            .text
            .contains("この連絡先の削除が、お知らせのリンクから取り消されました。")
    );
    let again = elsewhere.post("/api/undo-contact", secret);
    assert_eq!(again.refusal(), "undo_link_refused");
    assert_eq!(
        elsewhere.get("/api/contacts").status,
        StatusCode::UNAUTHORIZED,
        "it signs nobody in"
    );

    let seen = phone.get("/api/activity").ok();
    let seen: Vec<_> = (seen["acts"].as_array().expect("a list").iter())
        .map(|act| {
            json!([
                act["what"],
                act["contact"],
                act["by"]["kind"],
                act["undoing"]
            ])
        })
        .collect();
    assert_eq!(
        json!(seen),
        json!([
            ["add_contact", "+81******5678", "letter", true],
            ["remove_contact", "+81******5678", "this_device", false],
            ["prefer_contact", "s***@example.jp", "this_device", false],
            ["add_contact", "s***@example.jp", "this_device", false],
            ["open_wallet", null, "sign_up", null],
        ])
    );
}

#[test]
fn an_operator_sees_masked_contacts_and_who_changed_them() {
    let house = House::new();
    let (mut console, _) = house.operator(1);
    let (mut phone, mut passkey) = sora(&house);
    house.pass(60);
    add(&house, &mut phone, &mut passkey, MAIL).ok();
    let wallet = console.get("/api/wallets/1").ok();
    let contacts: Vec<_> = (wallet["contacts"].as_array().expect("a list").iter())
        .map(|one| json!([one["kind"], one["masked"], one["preferred"]]))
        .collect();
    assert_eq!(
        json!(contacts),
        json!([
            ["phone", "+81******5678", true],
            ["mail", "s***@example.jp", false]
        ])
    );
    assert!(!wallet.to_string().contains(MAIL));
    let acts = console.get("/api/acts?wallet=1").ok();
    let newest = &acts["acts"][0];
    assert_eq!(
        json!([newest["what"], newest["contact"], newest["by_letter"]]),
        json!(["add_contact", "s***@example.jp", false])
    );
    assert_eq!(
        newest["by"],
        json!({ "kind": "customer", "wallet_id": "1", "name": "さ＊＊" })
    );
    let what: Vec<_> = (acts["acts"].as_array().expect("a list").iter())
        .map(|act| act["what"].clone())
        .collect();
    assert_eq!(
        json!(what),
        json!(["add_contact", "open_wallet"]),
        "each once"
    );
}

#[test]
fn nobody_learns_from_adding_whose_contact_it_is() {
    let house = House::new();
    let umis = "umi@example.jp";
    (house.browser(Surface::Wallet)).sign_up(umis, &mut Authenticator::new(WALLET));
    let (mut phone, _) = sora(&house);
    let mut ask = |contact: &str| {
        let answer = start(&mut phone, contact);
        let members: Vec<String> = (answer.body.as_object().expect("an object").keys())
            .cloned()
            .collect();
        let tries: Vec<String> = (0..6)
            .map(|_| {
                let tried = prove(&mut phone, &answer.body["addition"], "000000");
                tried.refusal().to_owned()
            })
            .collect();
        (answer.status, members, answer.bytes, tries)
    };
    assert_eq!(ask(umis), ask("nobody@example.jp"));
    let sent = house.sent.lock().unwrap();
    let [.., known, unknown] = sent.as_slice() else {
        panic!("one message each")
    };
    assert!(
        known.text.contains("別のウォレットに登録されている"),
        "{}",
        known.text
    );
    assert_eq!(known.to, umis);
    assert!(unknown.text.contains("確認コード"));
}

#[test]
fn nor_from_what_is_refused() {
    let house = House::new();
    let umis = "umi@example.jp";
    (house.browser(Surface::Wallet)).sign_up(umis, &mut Authenticator::new(WALLET));
    let (mut phone, mut passkey) = sora(&house);
    for number in 2..=5 {
        let another = format!("sora{number}@example.jp");
        add(&house, &mut phone, &mut passkey, &another).ok();
    }
    let mut refusal = |contact: &str| start(&mut phone, contact).refusal().to_owned();
    assert_eq!(refusal("nobody@example.jp"), "too_many_contacts");
    assert_eq!(refusal(umis), "too_many_contacts");
}

#[test]
fn a_code_opens_only_what_it_was_sent_for() {
    let house = House::new();
    let (mut phone, mut passkey) = sora(&house);
    let addition = start(&mut phone, MAIL).ok()["addition"].clone();
    let code = house.newest_code().expect("a code");
    // In another browser of the same customer, and to somebody who signs up.
    let mut tablet = house.browser(Surface::Wallet);
    tablet.sign_in(&mut passkey).ok();
    assert_eq!(prove(&mut tablet, &addition, &code).refusal(), "code_wrong");
    let as_sign_up = phone.post(
        "/api/sign-up/prove",
        json!({ "sign_up": addition, "code": code, "display_name": "さくら" }),
    );
    assert_eq!(as_sign_up.refusal(), "code_wrong");
    let challenge = prove(&mut phone, &addition, &code).ok();
    let credential = passkey.get(&challenge["request"]);
    let other = json!({ "contact": "umi@example.jp" });
    let other = shown(other, &challenge["step_up"], credential);
    assert_eq!(
        phone.post("/api/contacts/add/finish", other).refusal(),
        "passkey_refused",
        "the passkey was shown for another contact"
    );
    assert_eq!(list(&mut phone), [format!("{PHONE}*")]);
    assert_eq!(prove(&mut phone, &addition, &code).refusal(), "code_spent");

    // And a code of a sign-up adds nothing.
    let sign_up = phone
        .post("/api/sign-up/start", json!({ "contact": "umi@example.jp" }))
        .ok();
    let code = house.newest_code().expect("a code");
    assert_eq!(
        prove(&mut phone, &sign_up["sign_up"], &code).refusal(),
        "code_wrong"
    );
    // Without a code there is no challenge.
    let unproven = json!({ "contact": MAIL });
    let answer = phone.post("/api/contacts/add/finish", unproven);
    assert_eq!(answer.body["field"], "step_up");
}

#[test]
fn a_passkey_shown_for_one_contact_is_worth_nothing_for_another_or_for_something_else() {
    let house = House::new();
    let (mut phone, mut passkey) = sora(&house);
    add(&house, &mut phone, &mut passkey, MAIL).ok();
    let (phones, mails) = (id(&mut phone, PHONE), id(&mut phone, MAIL));
    for (path, about) in [
        ("/api/contacts/remove", phones.clone()),
        ("/api/contacts/prefer", mails.clone()),
    ] {
        let challenge = phone.post("/api/contacts/remove", mails.clone()).ok();
        let credential = passkey.get(&challenge["request"]);
        let answer = phone.post(path, shown(about, &challenge["step_up"], credential));
        assert_eq!(answer.refusal(), "passkey_refused", "{path}");
    }
    let invented = shown(mails, &json!("A".repeat(43)), json!({}));
    for path in ["remove", "prefer", "put-back"] {
        let answer = phone.post(&format!("/api/contacts/{path}"), invented.clone());
        assert_eq!(answer.refusal(), "passkey_refused", "{path}");
    }
    assert_eq!(list(&mut phone), [format!("{PHONE}*"), MAIL.into()]);
}

#[test]
fn what_cannot_be_done_is_said_before_the_passkey_is_asked_for() {
    let house = House::new();
    let (mut phone, mut passkey) = sora(&house);
    let phones = id(&mut phone, PHONE);
    let refused = phone.post("/api/contacts/remove", phones.clone());
    assert_eq!(refused.refusal(), "last_contact");
    assert_eq!(
        start(&mut phone, "090-1234-5678").refusal(),
        "contact_yours"
    );
    let answer = phone.post("/api/contacts/put-back", phones);
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let answer = phone.post(
        "/api/contacts/remove",
        json!({ "contact_id": "A".repeat(22) }),
    );
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    for wrong in ["", "A", "*".repeat(22).as_str()] {
        let answer = phone.post("/api/contacts/remove", json!({ "contact_id": wrong }));
        assert_eq!(answer.body["field"], "contact_id", "{wrong}");
    }
    assert_eq!(start(&mut phone, "03-1234-5678").refusal(), "takes_no_sms");
    assert_eq!(start(&mut phone, "sora").body["field"], "contact");
    assert_eq!(
        start(&mut phone, "+44 7911 123456").refusal(),
        "country_not_served"
    );
    for number in 2..=5 {
        add(
            &house,
            &mut phone,
            &mut passkey,
            &format!("sora{number}@example.jp"),
        )
        .ok();
    }
    assert_eq!(
        start(&mut phone, "sora6@example.jp").refusal(),
        "too_many_contacts"
    );
}

#[test]
fn codes_for_contacts_come_out_of_the_same_budgets_as_those_of_sign_ups() {
    let house = House::new();
    let (mut phone, mut passkey) = sora(&house);
    let mut refusals = |contact: &str, count: usize| -> Vec<String> {
        (0..count)
            .map(|_| start(&mut phone, contact).refusal().to_owned())
            .collect()
    };
    assert_eq!(refusals(MAIL, 4), ["", "", "", "code_sent_too_often"]);
    let stranger =
        (house.browser(Surface::Wallet)).post("/api/sign-up/start", json!({ "contact": MAIL }));
    assert_eq!(stranger.refusal(), "code_sent_too_often");
    for number in 0..6 {
        assert_eq!(refusals(&format!("a{number}@example.jp"), 1), [""]);
    }
    assert_eq!(
        refusals("b@example.jp", 1),
        ["contact_codes_used_up"],
        "ten an hour"
    );
    house.pass(3_601);
    phone.sign_in(&mut passkey).ok();
    assert_eq!(start(&mut phone, MAIL).refusal(), "");
}

#[test]
fn a_letters_link_leads_to_the_configured_address_whatever_the_request_says() {
    let house = House::new();
    let (mut phone, mut passkey) = sora(&house);
    add(&house, &mut phone, &mut passkey, MAIL).ok();
    house.letters();
    let mails = id(&mut phone, MAIL);
    let challenge = phone.post("/api/contacts/prefer", mails.clone()).ok();
    let credential = passkey.get(&challenge["request"]);
    let body = shown(mails, &challenge["step_up"], credential).to_string();
    let request = phone
        .request("POST", "/api/contacts/prefer")
        .header("content-type", "application/json")
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "host=evil.example")
        .header("x-forwarded-proto", "gopher");
    phone
        .send(request.body(body.into()).expect("a request"))
        .ok();
    for letter in house.letters() {
        assert!(!letter.text.contains("evil"), "{}", letter.text);
        assert!(letter.text.contains(WALLET), "{}", letter.text);
    }
}

#[test]
fn an_erased_customers_letters_undo_nothing() {
    let house = House::new();
    let (mut console, mut key) = house.operator(1);
    let (mut phone, mut passkey) = sora(&house);
    add(&house, &mut phone, &mut passkey, MAIL).ok();
    let letters = house.letters();
    let secret = secret(to(&letters, PHONE)).expect("the older one may");
    let erase = json!({ "wallet_id": "1", "despite_balance": false });
    house.erase(&mut console, &mut key, erase).ok();
    let undone = house
        .browser(Surface::Wallet)
        .post("/api/undo-contact", secret);
    assert_eq!(undone.refusal(), "undo_link_refused");
    // Both are free.
    for contact in [PHONE, MAIL] {
        let mut newcomer = house.browser(Surface::Wallet);
        newcomer.sign_up(contact, &mut Authenticator::new(WALLET));
    }
}
