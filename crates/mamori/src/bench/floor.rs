//! The bare floor: the product's own way of listening, the signature check, and an answer that never changes. What the product
//! reaches is judged against this figure from the same run, because it moves with the machine and the figure of another day does not.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use clap::ValueEnum;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use mamori_server::listen::{ListenConfig, Listeners, router_service};
use md5::{Digest, Md5};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::{Clock, Failure};

/// About as long as the product's answer to a payment.
const ANSWER: &str = concat!(
    r#"{"resultInfo":{"code":"SUCCESS","message":"Success","codeId":"08100001"},"data":{"paymentId":"0100000000000000001","#,
    r#""status":"COMPLETED","acceptedAt":1700000000,"merchantPaymentId":"b-000000000000000000000000","userAuthorizationId":"#,
    r#""00000000-0000-4000-8000-000000000000","amount":{"amount":100,"currency":"JPY"},"requestedAt":1700000000,"#,
    r#""storeId":"store-001","terminalId":"till-001","orderDescription":"onigiri, tea and a newspaper"}}"#
);
const REFUSED: &str = r#"{"resultInfo":{"code":"UNAUTHORIZED","message":"Unauthorized request","codeId":"08100016"},"data":null}"#;

/// Checks OPA-Auth signatures of one key.
pub struct Door {
    key: String,
    keyed: Hmac<Sha256>,
}

impl Door {
    /// A door that one key opens.
    pub fn new(key: &str, secret: &str) -> Door {
        Door {
            key: key.to_owned(),
            keyed: Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length"),
        }
    }

    /// Refuses whatever is not signed with the key over exactly this request, within two minutes of `wall_seconds`.
    pub fn check(
        &self,
        authorization: &str,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
        wall_seconds: i64,
    ) -> Result<(), &'static str> {
        let fields = authorization.strip_prefix("hmac OPA-Auth:").ok_or("no OPA-Auth")?;
        let mut fields = fields.split(':');
        let mut field = || fields.next().ok_or("a field is missing");
        let (key, mac, nonce, epoch, hash) = (field()?, field()?, field()?, field()?, field()?);
        if key != self.key {
            return Err("unknown key");
        }
        let drift = wall_seconds - epoch.parse::<i64>().map_err(|_| "epoch is no number")?;
        if drift.abs() >= 120 {
            return Err("stale epoch");
        }
        let mut own_hash = Md5::new();
        own_hash.update(content_type);
        own_hash.update(body);
        let mut letters = [0_u8; 44];
        let length = BASE64.encode_slice(own_hash.finalize(), &mut letters).map_err(|_| "hash too long")?;
        if &letters[..length] != hash.as_bytes() {
            return Err("another body");
        }
        let mut keyed = self.keyed.clone();
        for (number, part) in [path, method, nonce, epoch, content_type, hash].into_iter().enumerate() {
            if number > 0 {
                keyed.update(b"\n");
            }
            keyed.update(part.as_bytes());
        }
        let length = BASE64.encode_slice(keyed.finalize().into_bytes(), &mut letters).map_err(|_| "mac too long")?;
        if bool::from(letters[..length].ct_eq(mac.as_bytes())) { Ok(()) } else { Err("another signature") }
    }
}

async fn answer<B>(door: Arc<Door>, clock: Clock, request: Request<B>) -> Response<Full<Bytes>>
where
    B: hyper::body::Body<Data = Bytes>,
{
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|collected| collected.to_bytes()).unwrap_or_default();
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let seconds = (clock.wall_micros)() / 1_000_000;
    let checked =
        door.check(header("authorization"), head.method.as_str(), head.uri.path(), header("content-type"), &body, seconds);
    let (status, text) = match checked {
        Ok(()) => (StatusCode::OK, ANSWER),
        Err(_) => (StatusCode::UNAUTHORIZED, REFUSED),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    response
}

/// Ways to put HTTP before the same check, for `--floor-sweep`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Face {
    /// `mamori_server::listen` with a plain hyper service.
    Listen,
    /// `mamori_server::listen` with an axum router.
    ListenAxum,
    /// `axum::serve` on one tokio runtime with worker threads.
    AxumServe,
    /// hyper on one tokio runtime with worker threads.
    HyperServe,
}

/// A floor that listens until dropped.
pub type Floor = Box<dyn std::any::Any>;

/// Starts a floor and returns its address.
pub fn start(face: Face, threads: usize, door: Door, clock: Clock) -> Result<(Floor, SocketAddr), Failure> {
    let door = Arc::new(door);
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let plain = {
        let door = door.clone();
        service_fn(move |request: Request<Incoming>| {
            let door = door.clone();
            async move { Ok::<_, Infallible>(answer(door, clock, request).await) }
        })
    };
    let router = axum::Router::new()
        .route("/v2/payments/{id}", axum::routing::get(|| async { "" }))
        .route(
            "/v2/payments",
            axum::routing::post(move |request: axum::extract::Request| {
                let door = door.clone();
                async move { answer(door, clock, request).await }
            }),
        );
    let runtime = || -> Result<tokio::runtime::Runtime, Failure> {
        Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(threads).thread_name("http").enable_all().build()?)
    };
    let floor: Floor = match face {
        Face::Listen | Face::ListenAxum => {
            let listeners = Listeners::start(ListenConfig { threads, ..ListenConfig::default() })?;
            match face {
                Face::Listen => listeners.serve(listener, plain)?,
                _ => listeners.serve(listener, router_service(router))?,
            };
            Box::new(listeners)
        }
        Face::AxumServe => {
            listener.set_nonblocking(true)?;
            let runtime = runtime()?;
            runtime.spawn(async move {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                use axum::serve::ListenerExt as _;
                axum::serve(listener.tap_io(|socket| drop(socket.set_nodelay(true))), router).await
            });
            Box::new(runtime)
        }
        Face::HyperServe => {
            listener.set_nonblocking(true)?;
            let runtime = runtime()?;
            runtime.spawn(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("inside the runtime");
                while let Ok((socket, _)) = listener.accept().await {
                    let _ = socket.set_nodelay(true);
                    let mut builder = hyper::server::conn::http1::Builder::new();
                    builder.timer(hyper_util::rt::TokioTimer::new());
                    tokio::spawn(builder.serve_connection(hyper_util::rt::TokioIo::new(socket), plain.clone()));
                }
            });
            Box::new(runtime)
        }
    };
    Ok((floor, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{\"merchantPaymentId\":\"mp-0001\",\"amount\":{\"amount\":100,\"currency\":\"JPY\"},\"codeType\":\"ORDER_QR\",\"requestedAt\":1700000000}";
    const SIGNED: &str = "hmac OPA-Auth:test_key:VEXllqThbvrnly+uEYRgyB0t9BVfyhYyZmXo2wwk63o=:11111111-2222-4333-8444-555555555555:1700000000:V9I2JO+CBwkvyrht7cBIOA==";

    #[test]
    fn opens_for_a_request_signed_by_an_official_client_and_for_no_other() {
        let door = Door::new("test_key", "test_secret");
        let check = |signed: &str, path: &str, text: &str, seconds| {
            door.check(signed, "POST", path, "application/json", text.as_bytes(), seconds)
        };
        assert_eq!(check(SIGNED, "/v2/codes", TEXT, 1_700_000_100), Ok(()));
        assert_eq!(check(SIGNED, "/v2/payments", TEXT, 1_700_000_100), Err("another signature"));
        assert_eq!(check(SIGNED, "/v2/codes", &TEXT.replace("100", "1"), 1_700_000_100), Err("another body"));
        assert_eq!(check(SIGNED, "/v2/codes", TEXT, 1_700_000_120), Err("stale epoch"));
    }
}
