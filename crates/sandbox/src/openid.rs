//! A provider of OpenID Connect: discovery, a page on which a person is picked, tokens, keys that can be rotated.
//!
//! It is strict where a real one is: a code is good once, for a minute, with its verifier, for the same address to return to and
//! for the client that it was given to. What its tokens get wrong is set by [`OPENID_FAULTS_PATH`].

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use maud::{DOCTYPE, html};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

use crate::draw::Draw;

/// Where a test says what is wrong with the next token: `POST` the word of an [`OpenIdFault`].
pub const OPENID_FAULTS_PATH: &str = "/_sandbox/faults";
/// Where a test has the provider take a new key: `POST` anything. The one before is published no more.
pub const OPENID_ROTATE_PATH: &str = "/_sandbox/rotate";

/// Codes that wait at once.
const CODES_MAX: usize = 1_000;
const CODE_SECONDS: i64 = 60;
/// Who can be picked: subject and name.
const PEOPLE: [(&str, &str); 3] = [
    ("7100001", "そら"),
    ("7100002", "うみ"),
    ("7100003", "はる"),
];

/// What is wrong with the next token, or the next answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenIdFault {
    /// `alg: none`, and no signature.
    Unsigned,
    /// `HS256`, with the public key as the secret.
    SignedWithPublicKey,
    /// A key that is not published, under a name that is not known.
    UnpublishedKey,
    /// A key that is not published, under the name of one that is.
    OtherKey,
    OtherIssuer,
    OtherAudience,
    /// For us and somebody else, at the other's request.
    OtherParty,
    OtherNonce,
    NoNonce,
    Expired,
    FromTheFuture,
    OtherAccessToken,
    NoSubject,
    /// The browser comes back with another issuer's name.
    OtherIssuerInAnswer,
    /// The browser comes back without the issuer's name.
    NoIssuerInAnswer,
    /// The discovery document names another issuer.
    OtherIssuerInDiscovery,
}

/// How to run the provider. It binds 127.0.0.1.
pub struct OpenIdPeerConfig {
    /// 0 picks a free one.
    pub port: u16,
    pub client_id: String,
    pub client_secret: String,
    /// All keys and codes come from this seed.
    pub seed: [u8; 32],
    /// The present in microseconds since 1970, UTC.
    pub clock: fn() -> i64,
}

/// The running provider. Dropping it stops it.
pub struct OpenIdPeer {
    issuer: String,
    service: Arc<Service>,
    runtime: Option<Runtime>,
}

struct Service {
    config: OpenIdPeerConfig,
    issuer: String,
    state: Mutex<Provider>,
}

struct Provider {
    draw: Draw,
    key: SigningKey,
    kid: String,
    codes: BTreeMap<String, Code>,
    fault: Option<OpenIdFault>,
}

/// What a code was given out for.
struct Code {
    subject: String,
    asked: Asked,
    given_at: i64,
}

/// A request for authentication.
#[derive(Clone, Deserialize)]
struct Asked {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    scope: String,
    state: String,
    nonce: Option<String>,
    code_challenge: String,
    code_challenge_method: String,
}

#[derive(Deserialize)]
struct Picked {
    subject: String,
    #[serde(flatten)]
    asked: Asked,
}

#[derive(Deserialize)]
struct Exchange {
    grant_type: String,
    code: String,
    redirect_uri: String,
    code_verifier: String,
}

impl OpenIdPeer {
    /// Starts it.
    pub fn start(config: OpenIdPeerConfig) -> io::Result<OpenIdPeer> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("openid")
            .enable_io()
            .enable_time()
            .build()?;
        let service = runtime.block_on(async move {
            let listener = crate::bind(config.port).await?;
            let issuer = crate::url_of(&listener)?;
            let mut draw = Draw::from_seed(config.seed);
            let (key, kid) = new_key(&mut draw);
            let provider = Provider {
                draw,
                key,
                kid,
                codes: BTreeMap::new(),
                fault: None,
            };
            let service = Arc::new(Service {
                config,
                issuer,
                state: Mutex::new(provider),
            });
            let routes = Router::new()
                .route("/.well-known/openid-configuration", get(discovery))
                .route("/authorize", get(ask).post(picked))
                .route("/token", post(token))
                .route("/jwks", get(jwks))
                .route(OPENID_FAULTS_PATH, post(set_fault))
                .route(OPENID_ROTATE_PATH, post(rotate))
                .with_state(Arc::clone(&service));
            crate::start_pages(listener, routes);
            Ok::<_, io::Error>(service)
        })?;
        Ok(OpenIdPeer {
            issuer: service.issuer.clone(),
            service,
            runtime: Some(runtime),
        })
    }

    /// Its name, and where it is.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What is wrong with the next token or answer.
    pub fn fail_next(&self, fault: OpenIdFault) {
        self.service.provider().fault = Some(fault);
    }

    /// Takes a new key; the one before is published no more.
    pub fn rotate(&self) {
        self.service.rotate();
    }

    /// What a browser that was sent to `address`, and whose owner picks this subject, comes back with: the query behind the
    /// address to return to. None where the provider refuses the request.
    pub fn answer(&self, address: &str, subject: &str) -> Option<String> {
        let (_, query) = address.split_once('?')?;
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let asked = serde_json::from_value(Value::Object(
            pairs
                .into_iter()
                .map(|(name, value)| (name, Value::String(value)))
                .collect(),
        ));
        let back = self.service.give_code(asked.ok()?, subject).ok()?;
        Some(back.split_once('?')?.1.to_owned())
    }
}

impl Drop for OpenIdPeer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn new_key(draw: &mut Draw) -> (SigningKey, String) {
    loop {
        // One seed in 2^32 is no key.
        if let Ok(key) = SigningKey::from_slice(&draw.seed()) {
            return (key, draw.id("key_"));
        }
    }
}

impl Service {
    fn provider(&self) -> MutexGuard<'_, Provider> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> i64 {
        (self.config.clock)() / 1_000_000
    }

    fn rotate(&self) {
        let provider = &mut *self.provider();
        (provider.key, provider.kid) = new_key(&mut provider.draw);
    }

    /// What is wrong with a request, in the words of the protocol.
    fn problem(&self, asked: &Asked) -> Option<&'static str> {
        let returns_to_a_wallet = asked.redirect_uri.ends_with("/external-id");
        if asked.client_id != self.config.client_id || !returns_to_a_wallet {
            Some("unauthorized_client")
        } else if asked.response_type != "code" {
            Some("unsupported_response_type")
        } else if asked.scope != "openid" {
            Some("invalid_scope")
        } else if asked.code_challenge_method != "S256" || asked.code_challenge.len() != 43 {
            Some("invalid_request")
        } else {
            None
        }
    }

    /// Where the browser goes with a code.
    fn give_code(&self, asked: Asked, subject: &str) -> Result<String, &'static str> {
        if let Some(problem) = self.problem(&asked) {
            return Err(problem);
        }
        let now = self.now();
        let provider = &mut *self.provider();
        provider
            .codes
            .retain(|_, code| now < code.given_at + CODE_SECONDS);
        if provider.codes.len() >= CODES_MAX {
            return Err("temporarily_unavailable");
        }
        let code = provider.draw.id("code_");
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs([("code", &*code), ("state", &asked.state)]);
        match provider.fault {
            Some(OpenIdFault::NoIssuerInAnswer) => provider.fault = None,
            Some(OpenIdFault::OtherIssuerInAnswer) => {
                provider.fault = None;
                query.append_pair("iss", "https://other.example");
            }
            _ => drop(query.append_pair("iss", &self.issuer)),
        }
        let back = format!("{}?{}", asked.redirect_uri, query.finish());
        let given = Code {
            subject: subject.to_owned(),
            asked,
            given_at: now,
        };
        provider.codes.insert(code, given);
        Ok(back)
    }

    fn tokens(&self, code: &Code) -> Value {
        let now = self.now();
        let provider = &mut *self.provider();
        let fault = match provider.fault {
            Some(OpenIdFault::OtherIssuerInDiscovery) => None,
            fault => fault,
        };
        if fault.is_some() {
            provider.fault = None;
        }
        let is = |one| fault == Some(one);
        let access_token = provider.draw.id("at_");
        let us = &self.config.client_id;
        let hashed = Sha256::digest(match is(OpenIdFault::OtherAccessToken) {
            true => b"another token",
            false => access_token.as_bytes(),
        });
        let mut claims = json!({
            "iss": self.issuer,
            "sub": code.subject,
            "aud": us,
            "exp": now + 300,
            "iat": now,
            "auth_time": now,
            "at_hash": URL_SAFE_NO_PAD.encode(&hashed[..16]),
            // Everybody has the same address of mail: nobody may be known by it.
            "email": "everybody@example.jp",
            "email_verified": true,
        });
        if let Some(nonce) = &code.asked.nonce
            && !is(OpenIdFault::NoNonce)
        {
            claims["nonce"] = json!(nonce);
        }
        let mut header = json!({ "alg": "ES256", "kid": provider.kid, "typ": "JWT" });
        match fault {
            Some(OpenIdFault::Unsigned) => header["alg"] = json!("none"),
            Some(OpenIdFault::SignedWithPublicKey) => header["alg"] = json!("HS256"),
            Some(OpenIdFault::UnpublishedKey) => header["kid"] = json!("key_of_nobody"),
            Some(OpenIdFault::OtherIssuer) => claims["iss"] = json!("https://other.example"),
            Some(OpenIdFault::OtherAudience) => claims["aud"] = json!("another-client"),
            Some(OpenIdFault::OtherParty) => {
                claims["aud"] = json!([us, "another-client"]);
                claims["azp"] = json!("another-client");
            }
            Some(OpenIdFault::OtherNonce) => claims["nonce"] = json!("of another request"),
            Some(OpenIdFault::Expired) => {
                claims["iat"] = json!(now - 500);
                claims["exp"] = json!(now - 200);
            }
            Some(OpenIdFault::FromTheFuture) => claims["iat"] = json!(now + 600),
            Some(OpenIdFault::NoSubject) => claims["sub"] = json!(""),
            _ => {}
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let other = SigningKey::from_slice(&[7; 32]).expect("a number below the order");
        let signature = match fault {
            Some(OpenIdFault::Unsigned) => Vec::new(),
            Some(OpenIdFault::SignedWithPublicKey) => {
                let public = public_jwk(&provider.key, &provider.kid).to_string();
                let mut mac =
                    Hmac::<Sha256>::new_from_slice(public.as_bytes()).expect("any length");
                mac.update(signed.as_bytes());
                mac.finalize().into_bytes().to_vec()
            }
            Some(OpenIdFault::UnpublishedKey | OpenIdFault::OtherKey) => sign(&other, &signed),
            _ => sign(&provider.key, &signed),
        };
        json!({
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)),
        })
    }
}

fn sign(key: &SigningKey, signed: &str) -> Vec<u8> {
    let signature: Signature = key.sign(signed.as_bytes());
    signature.to_bytes().to_vec()
}

fn public_jwk(key: &SigningKey, kid: &str) -> Value {
    let point = key.verifying_key().to_sec1_point(false);
    let bytes = point.as_bytes();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid,
        "x": part(&bytes[1..33]), "y": part(&bytes[33..65]),
    })
}

async fn discovery(State(service): State<Arc<Service>>) -> Json<Value> {
    let issuer = &service.issuer;
    let mut provider = service.provider();
    let named = match provider.fault {
        Some(OpenIdFault::OtherIssuerInDiscovery) => {
            provider.fault = None;
            "https://other.example"
        }
        _ => issuer,
    };
    Json(json!({
        "issuer": named,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

async fn jwks(State(service): State<Arc<Service>>) -> Json<Value> {
    let provider = service.provider();
    Json(json!({ "keys": [public_jwk(&provider.key, &provider.kid)] }))
}

/// The page on which somebody says who they are. A real provider would ask for a proof.
async fn ask(State(service): State<Arc<Service>>, Query(asked): Query<Asked>) -> Response {
    if let Some(problem) = service.problem(&asked) {
        return (StatusCode::BAD_REQUEST, problem).into_response();
    }
    let hidden = [
        ("response_type", &asked.response_type),
        ("client_id", &asked.client_id),
        ("redirect_uri", &asked.redirect_uri),
        ("scope", &asked.scope),
        ("state", &asked.state),
        ("code_challenge", &asked.code_challenge),
        ("code_challenge_method", &asked.code_challenge_method),
    ];
    let page = html! {
        (DOCTYPE)
        html lang="ja" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "開発用のID / A provider for development" }
            }
            body {
                main {
                    h1 { "だれとして続けますか / Who are you?" }
                    p { "開発用の外部IDです。本物は本人かどうかを確かめます。 / This is for development; a real provider makes sure." }
                    @for (subject, name) in PEOPLE {
                        form method="post" action="/authorize" {
                            @for (name, value) in hidden { input type="hidden" name=(name) value=(value); }
                            @if let Some(nonce) = &asked.nonce { input type="hidden" name="nonce" value=(nonce); }
                            p { button name="subject" value=(subject) { (name) " (" (subject) ")" } }
                        }
                    }
                }
            }
        }
    };
    let no_referrer = [(header::REFERRER_POLICY, "no-referrer")];
    (no_referrer, Html(page.into_string())).into_response()
}

async fn picked(State(service): State<Arc<Service>>, Form(picked): Form<Picked>) -> Response {
    match service.give_code(picked.asked, &picked.subject) {
        Ok(back) => Redirect::to(&back).into_response(),
        Err(problem) => (StatusCode::BAD_REQUEST, problem).into_response(),
    }
}

async fn token(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Form(exchange): Form<Exchange>,
) -> Response {
    let refuse = |status, error: &str| (status, Json(json!({ "error": error }))).into_response();
    let config = &service.config;
    let written = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!(
        "{}:{}",
        written(&config.client_id),
        written(&config.client_secret)
    );
    let basic = format!("Basic {}", STANDARD.encode(pair));
    if headers
        .get(header::AUTHORIZATION)
        .is_none_or(|own| own != basic.as_str())
    {
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    // Used up by whoever asks, right or wrong.
    let code = service.provider().codes.remove(&exchange.code);
    let now = service.now();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(exchange.code_verifier.as_bytes()));
    let good = code.filter(|code| {
        exchange.grant_type == "authorization_code"
            && now < code.given_at + CODE_SECONDS
            && code.asked.redirect_uri == exchange.redirect_uri
            && code.asked.code_challenge == challenge
    });
    match good {
        Some(code) => {
            let no_store = [(header::CACHE_CONTROL, "no-store")];
            (no_store, Json(service.tokens(&code))).into_response()
        }
        None => refuse(StatusCode::BAD_REQUEST, "invalid_grant"),
    }
}

async fn set_fault(State(service): State<Arc<Service>>, word: String) -> StatusCode {
    match serde_json::from_value(Value::String(word)) {
        Ok(fault) => {
            service.provider().fault = Some(fault);
            StatusCode::NO_CONTENT
        }
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

async fn rotate(State(service): State<Arc<Service>>) -> StatusCode {
    service.rotate();
    StatusCode::NO_CONTENT
}
