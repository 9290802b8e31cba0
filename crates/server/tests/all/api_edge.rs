//! The merchant API on a real socket: who gets time, and who may read.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use mamori_api::auth::{Scheme, SignedRequest, SigningKey, sign};
use mamori_api::nonce::NonceMemory;
use mamori_domain::command::Command;
use mamori_domain::ids::Fingerprint;
use mamori_domain::reply::Reply;
use mamori_registry::ApiKey;
use mamori_server::http::payments::MerchantApi;
use mamori_server::listen::{ListenConfig, Listeners};

use crate::house::House;

const KEY: Fingerprint = Fingerprint(77);
const NOW: i64 = 1_800_000_000;

struct Shop {
    house: House,
    address: SocketAddr,
    listeners: Listeners,
    asked: std::cell::Cell<u32>,
    merchant: String,
}

impl Shop {
    fn open() -> Shop {
        let house = House::new();
        let Reply::MerchantOpened(merchant) = house.done(Command::OpenMerchant) else {
            panic!("no merchant");
        };
        let bind = Command::BindApiKey { key: KEY, merchant };
        house.done(bind);
        house.app.directory.set_keys(vec![ApiKey {
            api_key: "key-1".into(),
            merchant,
            secret: "secret".into(),
            fingerprint: KEY,
            opa_auth: true,
        }]);
        let listeners = Listeners::start(ListenConfig {
            threads: 1,
            ..ListenConfig::default()
        })
        .expect("a thread");
        let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let app = &house.app;
        let api = MerchantApi::new(
            app.ledger.clone(),
            Arc::clone(&app.directory),
            app.issuer,
            NonceMemory::new(1_000, 0, [1; 16]),
            app.outside.clone(),
        )
        .expect("threads");
        let address = listeners.serve(socket, api).expect("a listener");
        Shop {
            merchant: merchant.to_string(),
            house,
            address,
            listeners,
            asked: Default::default(),
        }
    }

    fn get(&self, path: &str, extra: &str) -> String {
        self.asked.set(self.asked.get() + 1);
        let request = SignedRequest {
            method: "GET",
            path,
            query: None,
            content_type: None,
            body: b"",
        };
        let nonce = format!("nonce-of-this-test-{}", self.asked.get());
        let key = SigningKey::new("secret");
        let header = sign(Scheme::Opa, "key-1", &key, &request, &nonce, NOW);
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {header}\r\n{extra}\r\n"))
    }

    /// The status line and all that follows. The wait is shorter than the time a body is given.
    fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .expect("a time-out");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }
}

#[test]
fn a_caller_without_a_key_of_ours_is_not_waited_for() {
    let shop = Shop::open();
    let other = "hmac OPA-Auth:key-2:bWFj:nonce-nonce-nonce:1800000000:empty";
    for authorization in ["", &format!("Authorization: {other}\r\n")] {
        // The body is announced and never comes.
        let answer = shop.send(&format!(
            "POST /v2/payments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n{authorization}\r\n"
        ));
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    shop.listeners.shut_down();
}

#[test]
fn a_revoked_key_reads_nothing_though_this_process_was_not_told() {
    let shop = Shop::open();
    assert!(
        shop.get("/v2/payments/order-1", "")
            .starts_with("HTTP/1.1 404"),
        "nothing was paid, and the key may ask"
    );
    let revoke = Command::RevokeApiKey { key: KEY };
    shop.house.done(revoke);
    for path in ["/v2/payments/order-1", "/v2/refunds/refund-1"] {
        let answer = shop.get(path, "");
        assert!(answer.starts_with("HTTP/1.1 401"), "{path}: {answer}");
    }
    shop.listeners.shut_down();
}

#[test]
fn another_merchant_in_any_of_the_headers_is_refused() {
    let shop = Shop::open();
    let own = format!("X-ASSUME-MERCHANT: {}\r\n", shop.merchant);
    assert!(
        shop.get("/v2/payments/order-1", &own)
            .starts_with("HTTP/1.1 404")
    );
    let both = format!("{own}X-ASSUME-MERCHANT: 4711\r\n");
    assert!(
        shop.get("/v2/payments/order-1", &both)
            .starts_with("HTTP/1.1 401")
    );
    shop.listeners.shut_down();
}
