//! A push service with the browsers behind it (RFC 8030): it takes messages as the services of browser makers do, checks who sends (VAPID,
//! RFC 8292), and then plays the browser: it decrypts (RFC 8291) and puts what it reads into the inbox.
//!
//! | call | what it does |
//! |---|---|
//! | `POST /subscriptions {application_server_key}` | a browser subscribes: its address and keys come back, as `PushSubscription.toJSON()` gives them |
//! | `DELETE /subscriptions/{id}` | the browser takes it back: messages are answered 410 |
//! | `POST /push/{id}` | a message |

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::{PublicKey, SecretKey};
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;

use crate::draw::Draw;
use crate::faults::Faults;
use crate::inbox::{Arrival, Inbox, MessageKind};

/// What every service takes at least.
const BODY_BYTES_MAX: usize = 4_096;
const SUBSCRIPTIONS_MAX: usize = 10_000;
const DAY_SECONDS: i64 = 86_400;

pub(crate) struct PushService {
    /// `http://127.0.0.1:PORT`.
    pub(crate) origin: String,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) draw: Mutex<Draw>,
    pub(crate) clock: fn() -> i64,
    pub(crate) browsers: Mutex<HashMap<String, Browser>>,
}

/// A browser that has subscribed.
pub(crate) struct Browser {
    key: SecretKey,
    auth: [u8; 16],
    /// Who alone may send to it.
    sender: Vec<u8>,
    is_gone: bool,
}

pub(crate) fn router(service: PushService) -> Router {
    Router::new()
        .route("/subscriptions", post(subscribe))
        .route("/subscriptions/{id}", delete(unsubscribe))
        .route("/push/{id}", post(push))
        // One byte more, so that what is too long is answered as such.
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX + 1))
        .with_state(Arc::new(service))
}

#[derive(Deserialize)]
struct Wish {
    application_server_key: String,
}

async fn subscribe(State(service): State<Arc<PushService>>, Json(wish): Json<Wish>) -> Response {
    let sender = URL_SAFE_NO_PAD.decode(&wish.application_server_key);
    let Some(sender) = sender
        .ok()
        .filter(|key| PublicKey::from_sec1_bytes(key).is_ok())
    else {
        return refuse(StatusCode::BAD_REQUEST, "applicationServerKey is no key");
    };
    let mut draw = service.draw.lock().unwrap_or_else(PoisonError::into_inner);
    let id = draw.id("");
    // Of four thousand million draws one is no key.
    let key = std::iter::repeat_with(|| SecretKey::from_slice(&draw.seed())).find_map(Result::ok);
    let key = key.expect("some draw is a key");
    let mut auth = [0; 16];
    auth.copy_from_slice(&draw.seed()[..16]);
    drop(draw);
    let mut browsers = service
        .browsers
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if browsers.len() >= SUBSCRIPTIONS_MAX {
        return refuse(StatusCode::INSUFFICIENT_STORAGE, "too many subscriptions");
    }
    let answer = json!({
        "endpoint": format!("{}/push/{id}", service.origin),
        "expirationTime": null,
        "keys": {
            "p256dh": URL_SAFE_NO_PAD.encode(key.public_key().to_sec1_bytes()),
            "auth": URL_SAFE_NO_PAD.encode(auth),
        },
    });
    let browser = Browser {
        key,
        auth,
        sender,
        is_gone: false,
    };
    browsers.insert(id, browser);
    (StatusCode::CREATED, Json(answer)).into_response()
}

async fn unsubscribe(
    State(service): State<Arc<PushService>>,
    Path(id): Path<String>,
) -> StatusCode {
    let mut browsers = service
        .browsers
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    match browsers.get_mut(&id) {
        Some(browser) => {
            browser.is_gone = true;
            StatusCode::NO_CONTENT
        }
        None => StatusCode::NOT_FOUND,
    }
}

async fn push(
    State(service): State<Arc<PushService>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if service.faults.strike(|plan| &mut plan.fail_next_push) {
        let later = refuse(
            StatusCode::TOO_MANY_REQUESTS,
            "An injected fault: nothing was sent.",
        );
        return ([(header::RETRY_AFTER, "1")], later).into_response();
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if body.len() > BODY_BYTES_MAX {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "more than 4096 bytes");
    }
    let Some(ttl) = text("ttl").and_then(|ttl| ttl.parse::<u32>().ok()) else {
        return refuse(StatusCode::BAD_REQUEST, "TTL is missing or no number");
    };
    let urgency = text("urgency").unwrap_or("normal");
    if !["very-low", "low", "normal", "high"].contains(&urgency) {
        return refuse(StatusCode::BAD_REQUEST, "Urgency is none of the four");
    }
    let is_topic = |topic: &str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=32).contains(&topic.len()) && topic.bytes().all(is_letter)
    };
    if text("topic").is_some_and(|topic| !is_topic(topic)) {
        return refuse(
            StatusCode::BAD_REQUEST,
            "Topic is not of at most 32 characters of base64url",
        );
    }
    if text("content-encoding") != Some("aes128gcm") {
        return refuse(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Content-Encoding is not aes128gcm",
        );
    }
    let now_seconds = (service.clock)().div_euclid(1_000_000);
    let authorization = text("authorization").unwrap_or_default();
    let sender = match vapid_sender(authorization, &service.origin, now_seconds) {
        Ok(sender) => sender,
        Err((status, why)) => return refuse(status, why),
    };
    let plain = {
        let browsers = service
            .browsers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(browser) = browsers.get(&id) else {
            return refuse(StatusCode::NOT_FOUND, "no such subscription");
        };
        if browser.is_gone {
            return refuse(StatusCode::GONE, "the browser has taken it back");
        }
        if browser.sender != sender {
            return refuse(
                StatusCode::FORBIDDEN,
                "another sender than the browser has named",
            );
        }
        browser.decrypt(&body)
    };
    let from = format!(
        "ttl {ttl}, urgency {urgency}, topic {}",
        text("topic").unwrap_or("-")
    );
    // A service takes what it cannot read; a browser that cannot read it shows nothing.
    service.inbox.receive(Arrival {
        kind: MessageKind::Push,
        from,
        to: id.clone(),
        subject: None,
        text: plain.unwrap_or_else(|| "(the browser could not decrypt it)".to_owned()),
    });
    let location = format!("{}/message/{id}", service.origin);
    (StatusCode::CREATED, [(header::LOCATION, location)]).into_response()
}

impl Browser {
    /// As a browser reads it: one record, of this browser's key and secret.
    fn decrypt(&self, body: &[u8]) -> Option<String> {
        let (salt, rest) = body.split_at_checked(16)?;
        let (record_size, rest) = rest.split_at_checked(4)?;
        let (&length, rest) = rest.split_first()?;
        let (sender, record) = rest.split_at_checked(usize::from(length))?;
        if u32::from_be_bytes(record_size.try_into().ok()?) as usize <= record.len() {
            return None;
        }
        let shared = self
            .key
            .diffie_hellman(&PublicKey::from_sec1_bytes(sender).ok()?);
        let own = self.key.public_key().to_sec1_bytes();
        let info = [b"WebPush: info\0", &own[..], sender].concat();
        let mut ikm = [0; 32];
        Hkdf::<Sha256>::new(Some(&self.auth), shared.raw_secret_bytes())
            .expand(&info, &mut ikm)
            .ok()?;
        let derived = Hkdf::<Sha256>::new(Some(salt), &ikm);
        let (mut key, mut nonce) = ([0; 16], [0; 12]);
        derived
            .expand(b"Content-Encoding: aes128gcm\0", &mut key)
            .ok()?;
        derived
            .expand(b"Content-Encoding: nonce\0", &mut nonce)
            .ok()?;
        let plain = Aes128Gcm::new(&key.into())
            .decrypt(&Nonce::from(nonce), record)
            .ok()?;
        let end = plain.iter().rposition(|byte| *byte != 0)?;
        (plain[end] == 2).then(|| String::from_utf8(plain[..end].to_vec()).ok())?
    }
}

/// Who sends, as the token proves it: the public key, uncompressed.
fn vapid_sender(
    authorization: &str,
    origin: &str,
    now_seconds: i64,
) -> Result<Vec<u8>, (StatusCode, &'static str)> {
    let unauthorized = |why| (StatusCode::UNAUTHORIZED, why);
    let rest = authorization
        .strip_prefix("vapid ")
        .ok_or(unauthorized("no VAPID token"))?;
    let part = |wanted: &str| {
        let mut parts = rest
            .split(',')
            .filter_map(|part| part.trim().split_once('='));
        parts
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| value)
    };
    let (token, key) = part("t")
        .zip(part("k"))
        .ok_or(unauthorized("t or k is missing"))?;
    let key = URL_SAFE_NO_PAD
        .decode(key)
        .map_err(|_| unauthorized("k is not base64url"))?;
    let verifying = VerifyingKey::from_sec1_bytes(&key).map_err(|_| unauthorized("k is no key"))?;
    let (signed, signature) = token.rsplit_once('.').ok_or(unauthorized("t is no JWT"))?;
    let (head, claims) = signed.split_once('.').ok_or(unauthorized("t is no JWT"))?;
    let bytes = |text: &str| {
        URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| unauthorized("t is not base64url"))
    };
    let signature =
        Signature::from_slice(&bytes(signature)?).map_err(|_| unauthorized("no signature"))?;
    verifying
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| (StatusCode::FORBIDDEN, "the signature is wrong"))?;
    let json = |text: &str| {
        serde_json::from_slice::<serde_json::Value>(&bytes(text)?)
            .map_err(|_| unauthorized("t is no JSON"))
    };
    let (head, claims) = (json(head)?, json(claims)?);
    if head["alg"] != "ES256" {
        return Err(unauthorized("alg is not ES256"));
    }
    if claims["aud"] != origin {
        return Err((StatusCode::FORBIDDEN, "aud is another service"));
    }
    let exp = claims["exp"].as_i64().unwrap_or(0);
    if exp <= now_seconds || exp > now_seconds + DAY_SECONDS {
        return Err((
            StatusCode::FORBIDDEN,
            "exp is over, or more than a day away",
        ));
    }
    let contact = claims["sub"].as_str().unwrap_or_default();
    if !contact.starts_with("mailto:") && !contact.starts_with("https://") {
        return Err(unauthorized("sub is neither mailto: nor https:"));
    }
    Ok(key)
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}
