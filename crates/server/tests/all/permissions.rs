//! A shop asks by a link, the wallet's owner says yes or no, the shop takes money until the owner takes the permission back.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_api::auth::{Scheme, SignedRequest, SigningKey, sign};
use mamori_api::nonce::NonceMemory;
use mamori_api::opa::account_link::{self, LinkKey};
use mamori_domain::command::{Command, CreditKind};
use mamori_domain::context::{Asker, SystemReason};
use mamori_domain::ids::{AuthorizationId, Fingerprint, MerchantId, WalletId};
use mamori_domain::money::Amount;
use mamori_domain::reply::Reply;
use mamori_flows::erase;
use mamori_registry::{AnsweredLink, ApiKey, Seed, Surface};
use mamori_server::housekeeping::sweep;
use mamori_server::http::payments::MerchantApi;
use mamori_server::listen::{ListenConfig, Listeners};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::authenticator::Authenticator;
use crate::house::{Answer, Browser, House, WALLET};

const NOW: i64 = 1_800_000_000;
const BAKERY_KEY: Fingerprint = Fingerprint(77);
const BAKERY_SECRET: &str = "c2VjcmV0IG9mIHRoZSBiYWtlcnk=";
const FLORIST_SECRET: &str = "c2VjcmV0IG9mIHRoZSBmbG9yaXN0";

/// Two shops with a key each, and the merchants' API on a socket.
pub struct Street {
    pub house: House,
    pub bakery: MerchantId,
    address: SocketAddr,
    _listeners: Listeners,
    asked: Cell<u32>,
}

impl Street {
    pub fn open() -> Street {
        let house = House::new();
        let mut registry = house.registry();
        let mut shop = |name: &str, api_key: &str, key, secret: &str| {
            let Reply::MerchantOpened(merchant) = house.done(Command::OpenMerchant) else {
                panic!("no merchant");
            };
            house.done(Command::BindApiKey { key, merchant });
            registry.directory().name_merchant(merchant, name).unwrap();
            let key = ApiKey {
                api_key: api_key.into(),
                merchant,
                secret: secret.into(),
                fingerprint: key,
                opa_auth: true,
            };
            (merchant, key)
        };
        let (bakery, bakery_key) = shop("まもりベーカリー", "mk_bakery", BAKERY_KEY, BAKERY_SECRET);
        let (_, florist_key) = shop("花屋", "mk_florist", Fingerprint(78), FLORIST_SECRET);
        let names = registry.directory().read().unwrap();
        house.app.directory.set_keys(vec![bakery_key, florist_key]);
        house.app.directory.set_names(names);
        let listeners = Listeners::start(ListenConfig {
            threads: 1,
            ..ListenConfig::default()
        })
        .expect("a thread");
        let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let app = &house.app;
        let nonces = NonceMemory::new(1_000, 0, [1; 16]);
        let (ledger, directory) = (app.ledger.clone(), Arc::clone(&app.directory));
        let api = MerchantApi::new(ledger, directory, app.issuer, nonces, app.outside.clone())
            .expect("threads");
        let address = listeners.serve(socket, api).expect("a listener");
        Street {
            bakery,
            house,
            address,
            _listeners: listeners,
            asked: Cell::default(),
        }
    }

    /// A customer with a passkey and 10,000 yen.
    pub fn customer(&self, contact: &str) -> Customer<'_> {
        let mut phone = self.house.browser(Surface::Wallet);
        let mut passkey = Authenticator::new(WALLET);
        phone.sign_up(contact, &mut passkey);
        let home = phone.get("/api/home").ok();
        let wallet = WalletId(home["wallet_id"].as_str().unwrap().parse().unwrap());
        self.house.done(Command::Credit {
            wallet,
            idempotency_key: "gift".into(),
            amount: Amount::yen(10_000),
            kind: CreditKind::Goodwill,
        });
        Customer {
            phone,
            passkey,
            wallet,
        }
    }

    /// What the bakery's program gets: status, code and data.
    pub fn call(&self, method: &str, path: &str, body: Value) -> (u16, String, Value) {
        self.deliver(&self.signed(method, path, body))
    }

    /// The bytes of a request that the bakery's program has signed.
    pub fn signed(&self, method: &str, path: &str, body: Value) -> String {
        self.asked.set(self.asked.get() + 1);
        let nonce = format!("nonce-of-this-test-{}", self.asked.get());
        self.signed_with(method, path, body, &nonce, 0)
    }

    /// The same with this nonce, by a clock that is so many seconds ahead.
    pub fn signed_with(
        &self,
        method: &str,
        path: &str,
        body: Value,
        nonce: &str,
        ahead_seconds: i64,
    ) -> String {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let content_type = (!body.is_empty()).then_some(&b"application/json"[..]);
        let (signed_path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        let request = SignedRequest {
            method,
            path: signed_path,
            query,
            content_type,
            body: body.as_bytes(),
        };
        let now = self.house.now().seconds() + ahead_seconds;
        let key = SigningKey::new(BAKERY_SECRET);
        let header = sign(Scheme::Opa, "mk_bakery", &key, &request, nonce, now);
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/json\r\n"
        };
        let length = body.len();
        format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{kind}Content-Length: {length}\r\nAuthorization: {header}\r\n\r\n{body}"
        )
    }

    fn sent(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a time-out");
        stream.write_all(request.as_bytes()).expect("sent");
        stream
    }

    /// All bytes of the answer, until the server closes.
    pub fn raw(&self, request: &str) -> String {
        let mut answer = String::new();
        self.sent(request)
            .read_to_string(&mut answer)
            .expect("an answer");
        answer
    }

    /// The head of the answer, on a connection that stays open.
    pub fn head(&self, request: &str) -> String {
        let mut stream = self.sent(request);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("an answer");
            head.push(byte[0]);
        }
        String::from_utf8(head).expect("text")
    }

    /// Delivers these bytes: status, code and data of the answer.
    pub fn deliver(&self, request: &str) -> (u16, String, Value) {
        let answer = self.raw(request);
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let body: Value = serde_json::from_str(body).expect("JSON");
        let code = body["resultInfo"]["code"].as_str().unwrap_or_default();
        (
            head[9..12].parse().unwrap(),
            code.to_owned(),
            body["data"].clone(),
        )
    }

    /// The API's process starts anew: it has forgotten every nonce, and its clock stands where the house's stands.
    pub fn restart_api(&mut self) {
        let app = &self.house.app;
        let nonces = NonceMemory::new(1_000, self.house.now().seconds(), [2; 16]);
        let (ledger, directory) = (app.ledger.clone(), Arc::clone(&app.directory));
        let api = MerchantApi::new(ledger, directory, app.issuer, nonces, app.outside.clone())
            .expect("threads");
        let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        self.address = self._listeners.serve(socket, api).expect("a listener");
    }

    pub fn pay(&self, name: &str, permission: &str, yen: u64) -> (u16, String, Value) {
        self.call(
            "POST",
            "/v2/payments",
            json!({
                "merchantPaymentId": name, "userAuthorizationId": permission,
                "amount": { "amount": yen, "currency": "JPY" },
            }),
        )
    }

    /// What a start does with permissions before the first request.
    fn reconcile(&self) -> (u64, u64) {
        let done = self.house.reconcile();
        (done.finished, done.dead)
    }
}

pub struct Customer<'a> {
    pub phone: Browser<'a>,
    pub passkey: Authenticator,
    pub wallet: WalletId,
}

impl Customer<'_> {
    fn look(&mut self, link: &Value) -> Answer {
        self.phone.post("/api/permissions/link", link.clone())
    }

    pub fn grant(&mut self, link: &Value) -> Answer {
        let begun = self
            .phone
            .post("/api/permissions/grant/start", link.clone());
        if begun.status != StatusCode::OK {
            return begun;
        }
        self.finish(&begun.body, link)
    }

    fn finish(&mut self, begun: &Value, link: &Value) -> Answer {
        let credential = self.passkey.get(&begun["request"]);
        let body = crate::house::shown(link.clone(), &begun["step_up"], credential);
        self.phone.post("/api/permissions/grant/finish", body)
    }

    fn permissions(&mut self) -> Vec<Value> {
        let list = self.phone.get("/api/permissions").ok();
        list["permissions"].as_array().expect("a list").clone()
    }

    fn revoke(&mut self, permission: &str) -> Answer {
        let body = json!({ "permission_id": permission });
        self.phone.post("/api/permissions/revoke", body)
    }
}

fn claims(street: &Street, nonce: &str) -> Value {
    json!({
        "iss": street.bakery.to_string(), "aud": WALLET, "exp": street.house.now().seconds() + 600,
        "scope": "direct_debit", "nonce": nonce, "referenceId": "member-9",
    })
}

fn signed(claims: &Value, secret: &str) -> String {
    account_link::sign(claims, &LinkKey::new(secret).expect("base64"))
}

fn link_of(claims: &Value) -> Value {
    json!({ "api_key": "mk_bakery", "request_token": signed(claims, BAKERY_SECRET) })
}

pub fn link(street: &Street, nonce: &str) -> Value {
    link_of(&claims(street, nonce))
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The answer that a merchant finds behind its address, its signature checked.
fn answer_behind(address: &str) -> (String, Value) {
    let (before, token) = address.split_once("&responseToken=").expect("an answer");
    let claims = URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1).expect("three parts"))
        .expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(
        signed(&claims, BAKERY_SECRET),
        token,
        "signed with the shop's own secret"
    );
    (before.to_owned(), claims)
}

#[test]
fn a_shop_takes_money_by_a_link_that_was_allowed_and_none_after_it_was_taken_back() {
    let street = Street::open();
    let mut sora = street.customer("sora@example.jp");
    let mut asked = claims(&street, "n-1");
    asked["redirectUrl"] = json!("https://bakery.example/linked?step=2");
    let link = link_of(&asked);
    let shown = sora.look(&link).ok();
    assert_eq!(
        shown,
        json!({
            "merchant": "まもりベーカリー", "merchant_id": street.bakery.to_string(), "reference_id": "member-9",
            "scopes": ["direct_debit"], "redirect_host": "bakery.example",
            "expires_at_ms": (NOW + 600) * 1_000, "is_allowed": false,
        })
    );
    assert!(sora.permissions().is_empty(), "looking allows nothing");
    let granted = sora.grant(&link).ok();
    let permission = text(&granted["permission_id"]);
    assert_eq!(street.reconcile(), (0, 0), "nothing is left half way");
    let (before, answer) = answer_behind(&text(&granted["redirect_to"]));
    assert_eq!(
        before,
        "https://bakery.example/linked?step=2&apiKey=mk_bakery"
    );
    assert_eq!(
        answer,
        json!({
            "iss": WALLET, "aud": street.bakery.to_string(), "iat": NOW, "exp": NOW + 600, "result": "succeeded",
            "nonce": "n-1", "referenceId": "member-9", "userAuthorizationId": permission,
        })
    );
    assert_eq!(
        sora.permissions(),
        [
            json!({ "permission_id": permission, "merchant": "まもりベーカリー", "since_ms": NOW * 1_000 })
        ]
    );
    let (status, code, paid) = street.pay("order-1", &permission, 1_200);
    assert_eq!((status, &*code), (200, "SUCCESS"));
    assert_eq!(
        (&paid["status"], &paid["userAuthorizationId"]),
        (&json!("COMPLETED"), &json!(permission))
    );
    let history = sora.phone.get("/api/history").ok();
    assert_eq!(
        history["entries"][0]["merchant"], "まもりベーカリー",
        "without a store, by the shop's own name"
    );
    assert_eq!(sora.phone.get("/api/home").ok()["balance"], 8_800);
    sora.revoke(&permission).ok();
    assert!(sora.permissions().is_empty());
    let (status, code, _) = street.pay("order-2", &permission, 1);
    assert_eq!((status, &*code), (401, "INVALID_USER_AUTHORIZATION_ID"));
    assert_eq!(
        sora.revoke(&permission).status,
        StatusCode::NOT_FOUND,
        "once is enough"
    );
    assert_eq!(
        street.pay("order-1", &permission, 1_200).2,
        paid,
        "what was paid stays paid"
    );
}

#[test]
fn a_link_without_an_address_is_answered_on_the_page() {
    let street = Street::open();
    let mut sora = street.customer("sora@example.jp");
    let granted = sora.grant(&link(&street, "n-1")).ok();
    assert_eq!(
        (&granted["result"], &granted["redirect_to"]),
        (&json!("succeeded"), &Value::Null)
    );
}

#[test]
fn a_link_that_the_shop_did_not_make_for_this_wallet_now_is_refused_with_one_sentence() {
    let street = Street::open();
    let mut sora = street.customer("sora@example.jp");
    let good = claims(&street, "n-1");
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let token = signed(&good, BAKERY_SECRET);
    let parts: Vec<&str> = token.split('.').collect();
    let encoded = |value: &str| URL_SAFE_NO_PAD.encode(value);
    let other_address = with("redirectUrl", json!("https://thief.example/")).to_string();
    let key = |api_key: &str, token: String| json!({ "api_key": api_key, "request_token": token });
    for (what, link, refusal) in [
        (
            "another secret",
            key("mk_bakery", signed(&good, FLORIST_SECRET)),
            "link_invalid",
        ),
        (
            "a key that is not there",
            key("mk_nobody", token.clone()),
            "link_invalid",
        ),
        (
            "another shop's key and secret, this shop's name",
            key("mk_florist", signed(&good, FLORIST_SECRET)),
            "link_invalid",
        ),
        (
            "another shop's key",
            key("mk_florist", token.clone()),
            "link_invalid",
        ),
        (
            "no signature",
            key(
                "mk_bakery",
                format!("{}.{}.", encoded(r#"{"alg":"none"}"#), parts[1]),
            ),
            "link_invalid",
        ),
        (
            "another algorithm",
            key(
                "mk_bakery",
                format!(
                    "{}.{}.{}",
                    encoded(r#"{"alg":"HS512"}"#),
                    parts[1],
                    parts[2]
                ),
            ),
            "link_invalid",
        ),
        (
            "the address changed on the way",
            key(
                "mk_bakery",
                format!("{}.{}.{}", parts[0], encoded(&other_address), parts[2]),
            ),
            "link_invalid",
        ),
        (
            "an address without https",
            link_of(&with("redirectUrl", json!("http://bakery.example/"))),
            "link_invalid",
        ),
        (
            "an address of a script",
            link_of(&with("redirectUrl", json!("javascript:alert(1)"))),
            "link_invalid",
        ),
        (
            "another wallet",
            link_of(&with("aud", json!("https://wallet.example"))),
            "link_invalid",
        ),
        (
            "good for a day",
            link_of(&with("exp", json!(NOW + 86_400))),
            "link_invalid",
        ),
        (
            "good for ever",
            link_of(&with("exp", Value::Null)),
            "link_invalid",
        ),
        (
            "more than is given out",
            link_of(&with("scope", json!("direct_debit get_balance"))),
            "link_invalid",
        ),
        (
            "out of date",
            link_of(&with("exp", json!(NOW))),
            "link_expired",
        ),
    ] {
        for path in ["link", "grant/start", "decline"] {
            let reply = sora
                .phone
                .post(&format!("/api/permissions/{path}"), link.clone());
            assert_eq!(
                (reply.status, reply.refusal()),
                (StatusCode::CONFLICT, refusal),
                "{what} at {path}"
            );
        }
    }
    assert!(sora.permissions().is_empty());
    sora.grant(&link_of(&good)).ok();
}

#[test]
fn a_link_is_answered_once_by_one_wallet() {
    let street = Street::open();
    let (mut sora, mut riku) = (
        street.customer("sora@example.jp"),
        street.customer("riku@example.jp"),
    );
    let first = link(&street, "n-1");
    // Both look at it; one is faster.
    let begun = riku
        .phone
        .post("/api/permissions/grant/start", first.clone())
        .ok();
    let permission = text(&sora.grant(&first).ok()["permission_id"]);
    assert_eq!(riku.finish(&begun, &first).refusal(), "link_used");
    for path in ["link", "grant/start", "decline"] {
        let reply = riku
            .phone
            .post(&format!("/api/permissions/{path}"), first.clone());
        assert_eq!(reply.refusal(), "link_used", "{path}");
    }
    assert!(riku.permissions().is_empty());
    // Another token with the same nonce is the same link.
    let mut again = claims(&street, "n-1");
    again["referenceId"] = json!("member-10");
    assert_eq!(riku.look(&link_of(&again)).refusal(), "link_used");
    // A wallet that answered it and lost the answer gets the same one.
    assert_eq!(sora.grant(&first).ok()["permission_id"], permission);
    assert_eq!(sora.permissions().len(), 1);
    // Taken back is taken back: an old link in the browser's history brings nothing to life.
    sora.revoke(&permission).ok();
    assert_eq!(sora.grant(&first).refusal(), "link_used");
    let second = text(&sora.grant(&link(&street, "n-2")).ok()["permission_id"]);
    assert_ne!(second, permission);
}

#[test]
fn a_no_is_told_to_the_shop_and_uses_the_link_up() {
    let street = Street::open();
    let mut sora = street.customer("sora@example.jp");
    let mut asked = claims(&street, "n-1");
    asked["redirectUrl"] = json!("https://bakery.example/linked");
    let link = link_of(&asked);
    for _ in 0..2 {
        let declined = sora
            .phone
            .post("/api/permissions/decline", link.clone())
            .ok();
        let (_, answer) = answer_behind(&text(&declined["redirect_to"]));
        assert_eq!(
            (&answer["result"], &answer["nonce"]),
            (&json!("declined"), &json!("n-1"))
        );
        assert_eq!(answer["userAuthorizationId"], Value::Null);
    }
    assert_eq!(sora.grant(&link).refusal(), "link_used");
    // A no is remembered for as long as the link could be used, and no longer.
    street.house.pass(601);
    sweep(&street.house.app, &mut street.house.registry()).expect("swept");
    assert_eq!(sora.look(&link).refusal(), "link_expired");
}

#[test]
fn nothing_new_is_allowed_from_a_frozen_wallet_and_everything_is_taken_back_from_one() {
    let street = Street::open();
    let mut sora = street.customer("sora@example.jp");
    let permission = text(&sora.grant(&link(&street, "n-1")).ok()["permission_id"]);
    let mut florist = claims(&street, "n-1");
    florist["iss"] = json!("mk_florist");
    let florist =
        json!({ "api_key": "mk_florist", "request_token": signed(&florist, FLORIST_SECRET) });
    sora.phone.post("/api/freeze", json!({})).ok();
    assert_eq!(sora.grant(&florist).refusal(), "wallet_frozen");
    let (_, code, _) = street.pay("order-1", &permission, 1);
    assert_eq!(code, "USER_STATE_IS_NOT_ACTIVE");
    assert_eq!(sora.permissions().len(), 1);
    sora.revoke(&permission).ok();
    assert!(sora.permissions().is_empty());
    let (_, code, _) = street.pay("order-2", &permission, 1);
    assert_eq!(code, "INVALID_USER_AUTHORIZATION_ID");
    // The link that was refused is still good once the wallet is open again.
    let begun = sora.phone.post("/api/unfreeze/start", json!({})).ok();
    let credential = sora.passkey.get(&begun["request"]);
    let finish = json!({ "step_up": begun["step_up"], "credential": credential });
    sora.phone.post("/api/unfreeze/finish", finish).ok();
    sora.grant(&florist).ok();
}

#[test]
fn a_shop_that_is_allowed_already_gets_the_permission_it_has_and_its_new_reference_is_kept() {
    let street = Street::open();
    let mut sora = street.customer("sora@example.jp");
    let first = text(&sora.grant(&link(&street, "n-1")).ok()["permission_id"]);
    let mut other = claims(&street, "n-2");
    other["referenceId"] = json!("member-10");
    let other = link_of(&other);
    assert_eq!(sora.look(&other).ok()["is_allowed"], true);
    street.house.pass(1);
    assert_eq!(
        sora.grant(&other).ok()["permission_id"],
        first,
        "and a fresh passkey all the same"
    );
    assert_eq!(sora.permissions().len(), 1);
    let id = mamori_api::opa::id::parse_user_authorization_id(&first).unwrap();
    let references = street
        .house
        .registry()
        .permissions()
        .references(AuthorizationId(id))
        .unwrap();
    assert_eq!(references, ["member-9", "member-10"]);
}

#[test]
fn a_key_that_was_revoked_asks_for_nothing_though_this_process_was_not_told() {
    let street = Street::open();
    let mut sora = street.customer("sora@example.jp");
    street.house.done(Command::RevokeApiKey { key: BAKERY_KEY });
    assert_eq!(sora.look(&link(&street, "n-1")).refusal(), "link_invalid");
    assert_eq!(sora.grant(&link(&street, "n-1")).refusal(), "link_invalid");
}

#[test]
fn a_passkey_agrees_to_the_link_that_was_shown_and_to_no_other() {
    let street = Street::open();
    let mut sora = street.customer("sora@example.jp");
    let (shown, other) = (link(&street, "n-1"), link(&street, "n-2"));
    let begun = sora
        .phone
        .post("/api/permissions/grant/start", shown.clone())
        .ok();
    assert_eq!(sora.finish(&begun, &other).refusal(), "passkey_refused");
    // Nor is an agreement to let money leave a frozen wallet one to this.
    let begun = sora.phone.post("/api/unfreeze/start", json!({})).ok();
    assert_eq!(sora.finish(&begun, &shown).refusal(), "passkey_refused");
    let mut stranger = street.house.browser(Surface::Wallet);
    for path in ["link", "grant/start", "grant/finish", "decline", "revoke"] {
        let reply = stranger.post(&format!("/api/permissions/{path}"), shown.clone());
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert!(sora.permissions().is_empty());
}

#[test]
fn nobody_takes_back_what_another_has_allowed() {
    let street = Street::open();
    let (mut sora, mut riku) = (
        street.customer("sora@example.jp"),
        street.customer("riku@example.jp"),
    );
    let permission = text(&sora.grant(&link(&street, "n-1")).ok()["permission_id"]);
    assert_eq!(riku.revoke(&permission).status, StatusCode::NOT_FOUND);
    for wrong in ["", "1", "not-a-permission"] {
        assert_eq!(riku.revoke(wrong).refusal(), "invalid_field", "{wrong}");
    }
    assert_eq!(street.pay("order-1", &permission, 100).0, 200);
}

#[test]
fn wherever_the_power_fails_the_book_decides_and_the_owner_sees_it() {
    let street = Street::open();
    let mut sora = street.customer("sora@example.jp");
    let mut registry = street.house.registry();
    let wallet = sora.wallet;
    let answered = |nonce: u8| AnsweredLink {
        merchant: street.bakery,
        nonce_hash: [nonce; 32],
        wallet,
        reference: "member-9",
        scopes: "direct_debit",
        ends_at: street.house.now().plus_seconds(600),
    };
    // Behind the row: nothing was allowed, and the link is free again.
    let before = AuthorizationId(1);
    registry
        .permissions()
        .begin(&answered(1), before, street.house.now(), [1; 12])
        .unwrap()
        .unwrap();
    assert_eq!(street.reconcile(), (0, 1));
    assert!(
        registry
            .permissions()
            .may_answer(street.bakery, &[1; 32], sora.wallet)
            .unwrap()
    );
    // Behind the row, and the owner tries the same link again before it is settled: the permission that was begun.
    let begun = AuthorizationId(4);
    let again = AnsweredLink {
        nonce_hash: Sha256::digest("n-9").into(),
        ..answered(9)
    };
    registry
        .permissions()
        .begin(&again, begun, street.house.now(), [9; 12])
        .unwrap()
        .unwrap();
    let retried = sora.grant(&link(&street, "n-9")).ok();
    assert_eq!(
        retried["permission_id"],
        "00000000-0000-0000-0000-000000000004"
    );
    sora.revoke("00000000-0000-0000-0000-000000000004").ok();
    // Behind the act: it is allowed, and finished.
    let behind = AuthorizationId(2);
    registry
        .permissions()
        .begin(&answered(2), behind, street.house.now(), [2; 12])
        .unwrap()
        .unwrap();
    let grant = |authorization| Command::GrantAuthorization {
        authorization,
        wallet,
        merchant: street.bakery,
    };
    street.house.done(grant(behind));
    assert_eq!(street.reconcile(), (1, 0));
    // A registry from before the permission, as after a restore: the book's is taken over.
    street.house.done(grant(AuthorizationId(3)));
    assert_eq!(street.reconcile(), (1, 0));
    // A book from before: a row that it does not name is dead.
    street.house.done(Command::RevokeAuthorization {
        authorization: behind,
    });
    assert_eq!(street.reconcile(), (0, 1));
    assert_eq!(street.reconcile(), (0, 0), "nothing is left to settle");
    let listed = sora.permissions();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        listed[0]["permission_id"],
        "00000000-0000-0000-0000-000000000003"
    );
    assert_eq!(
        listed[0]["since_ms"],
        Value::Null,
        "the book does not say when"
    );
    sora.revoke("00000000-0000-0000-0000-000000000003").ok();
}

#[test]
fn the_sweep_finishes_what_the_book_names_and_takes_back_what_it_does_not() {
    let street = Street::open();
    let mut sora = street.customer("sora@example.jp");
    let mut registry = street.house.registry();
    for (number, is_granted) in [(1u8, false), (2, true)] {
        let link = AnsweredLink {
            merchant: MerchantId(u32::from(number)),
            nonce_hash: [number; 32],
            wallet: sora.wallet,
            reference: "member-9",
            scopes: "direct_debit",
            ends_at: street.house.now(),
        };
        let id = AuthorizationId(u128::from(number));
        registry
            .permissions()
            .begin(&link, id, street.house.now(), [number; 12])
            .unwrap()
            .unwrap();
        if is_granted {
            let grant = Command::GrantAuthorization {
                authorization: id,
                wallet: sora.wallet,
                merchant: link.merchant,
            };
            street.house.done(grant);
        }
    }
    street.house.pass(121);
    sweep(&street.house.app, &mut registry).expect("swept");
    let left = registry.permissions().of_wallet(sora.wallet).unwrap();
    assert_eq!(
        left.iter().map(|row| row.permission.0).collect::<Vec<_>>(),
        [2]
    );
    assert_eq!(sora.permissions().len(), 1);
}

#[test]
fn an_erased_person_has_allowed_nothing() {
    let street = Street::open();
    let mut sora = street.customer("sora@example.jp");
    let permission = text(&sora.grant(&link(&street, "n-1")).ok()["permission_id"]);
    let mut registry = street.house.registry();
    let seed = Seed::new([3; 32]);
    let asker = Asker::system(SystemReason::CommandLine);
    let mut run = street
        .house
        .app
        .run(&mut registry, asker, street.house.now(), &seed);
    erase::erase(&mut run, sora.wallet, true, |_| {}).expect("a person");
    let (_, code, _) = street.pay("order-1", &permission, 1);
    assert_eq!(code, "INVALID_USER_AUTHORIZATION_ID");
    let id = mamori_api::opa::id::parse_user_authorization_id(&permission).unwrap();
    let references = registry
        .permissions()
        .references(AuthorizationId(id))
        .unwrap();
    assert!(
        references.is_empty(),
        "what the shop called the person is gone"
    );
}
