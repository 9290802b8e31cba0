//! A provider of OpenID Connect: who somebody is there, learned by the code flow with PKCE.
//!
//! | step | who is asked |
//! |---|---|
//! | where the provider's parts are | its discovery document, which must name the configured issuer |
//! | the browser is sent to it | nobody: state, nonce and challenge are in the address |
//! | it comes back with a code | nobody: the issuer that it names must be the one that was asked |
//! | the code becomes an ID token | its token endpoint, with our secret and the verifier |
//! | the token is checked | its published keys; a key that is not known is looked for once |
//!
//! What comes out is issuer and subject, and nothing else.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::http::{Answer, HttpClient, Patience, is_loopback};
use crate::openid_token::{self, ALGORITHMS, Expected, KeySet, TokenProblem};
use crate::secret::Secret;

/// Somebody waits before the screen.
const PATIENCE: Patience = Patience {
    attempt: Duration::from_secs(5),
    attempts_max: 1,
    pause: Duration::ZERO,
};
/// How long what the provider says of itself and its keys is believed, in seconds: a key that it takes back is taken by then.
const BELIEVED_SECONDS: i64 = 3_600;
/// Keys that are not known are looked for once in so many seconds: tokens that name invented ones make us ask no oftener.
const LOOK_AGAIN_SECONDS: i64 = 60;
const CODE_BYTES_MAX: usize = 2_048;

/// How we prove to a provider who asks.
#[derive(Clone, Debug)]
pub enum ClientProof {
    /// `client_secret_basic`.
    Secret(Secret),
    /// `private_key_jwt`, by ES256.
    Key(ClientKey),
}

/// A private key of ours, on P-256.
#[derive(Clone)]
pub struct ClientKey {
    kid: Option<String>,
    key: SigningKey,
}

impl std::fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientKey(***)")
    }
}

impl ClientKey {
    /// Reads a private JSON Web Key: `kty` is `EC`, `crv` is `P-256`. None for anything else.
    pub fn read(jwk: &str) -> Option<ClientKey> {
        #[derive(Deserialize)]
        struct Jwk {
            kty: String,
            crv: String,
            d: String,
            kid: Option<String>,
        }
        let jwk: Jwk = serde_json::from_str(jwk).ok()?;
        let d = URL_SAFE_NO_PAD.decode(&jwk.d).ok()?;
        let key = SigningKey::from_slice(&d).ok()?;
        (jwk.kty == "EC" && jwk.crv == "P-256").then_some(ClientKey { kid: jwk.kid, key })
    }

    /// A statement of who asks, good for a minute and for one address.
    fn assertion(&self, client_id: &str, audience: &str, jti: &str, now: i64) -> String {
        let mut header = json!({ "alg": "ES256", "typ": "JWT" });
        if let Some(kid) = &self.kid {
            header["kid"] = json!(kid);
        }
        let claims = json!({
            "iss": client_id, "sub": client_id, "aud": audience, "jti": jti, "iat": now, "exp": now + 60,
        });
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature: Signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

/// What an operator has agreed with a provider.
#[derive(Clone, Debug)]
pub struct OpenIdConfig {
    /// `https://id.example`, letter by letter as the provider's tokens say it.
    pub issuer: String,
    pub client_id: String,
    pub proof: ClientProof,
    /// Where browsers come back to; the provider knows exactly this one.
    pub redirect_uri: String,
    /// Oldest sign-in at the provider that is taken, in seconds.
    pub max_age: Option<u32>,
    /// Whether a provider on this machine may be reached without TLS: in development.
    pub allow_loopback_http: bool,
}

/// Why the provider proves nothing. For the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenIdProblem {
    /// No usable answer.
    Silence,
    /// What it says of itself is not what was configured: which part.
    Discovery(&'static str),
    /// It says that it names itself in its answers, and did not.
    NoIssuer,
    /// Another provider's answer.
    OtherIssuer,
    /// The code was used, is too old, or was never given out for this.
    CodeRefused,
    /// There is no token in the answer.
    NoToken,
    Token(TokenProblem),
}

impl std::fmt::Display for OpenIdProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the external ID proves nothing: {self:?}")
    }
}

impl std::error::Error for OpenIdProblem {}

/// Of one request to a provider: what only the browser and we know.
pub struct OpenIdRequest<'a> {
    pub state: &'a str,
    pub nonce: &'a str,
    /// Of PKCE; its hash alone is in the address.
    pub verifier: &'a str,
}

/// What a browser brought back.
pub struct OpenIdAnswer<'a> {
    pub code: &'a str,
    pub issuer: Option<&'a str>,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    response_types_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

#[derive(Default)]
struct Believed {
    metadata: Option<(i64, Arc<Metadata>)>,
    keys: Option<(i64, Arc<KeySet>)>,
    /// When keys were last read because a token named one that was not known.
    looked_again_at: Option<i64>,
}

/// A provider that an operator has configured.
pub struct OpenIdProvider {
    config: OpenIdConfig,
    believed: Mutex<Believed>,
}

impl OpenIdProvider {
    pub fn new(config: OpenIdConfig) -> OpenIdProvider {
        OpenIdProvider {
            config,
            believed: Mutex::default(),
        }
    }

    /// As it was configured.
    pub fn issuer(&self) -> &str {
        &self.config.issuer
    }

    /// Where the browser goes. May wait for the provider. `now` is in seconds since 1970, UTC.
    pub fn authorization_url(
        &self,
        request: &OpenIdRequest,
        now: i64,
    ) -> Result<String, OpenIdProblem> {
        let metadata = self.metadata(now)?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(request.verifier.as_bytes()));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs([
            ("response_type", "code"),
            ("client_id", &self.config.client_id),
            ("redirect_uri", &self.config.redirect_uri),
            // No mail, no profile: who it is, is enough.
            ("scope", "openid"),
            ("state", request.state),
            ("nonce", request.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        if let Some(max_age) = self.config.max_age {
            query.append_pair("max_age", &max_age.to_string());
        }
        let endpoint = &metadata.authorization_endpoint;
        let sign = if endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{endpoint}{sign}{}", query.finish()))
    }

    /// Who came back: the subject, as this issuer names it. Waits for the provider.
    pub fn subject(
        &self,
        answer: &OpenIdAnswer,
        request: &OpenIdRequest,
        now: i64,
    ) -> Result<String, OpenIdProblem> {
        let metadata = self.metadata(now)?;
        match answer.issuer {
            Some(issuer) if issuer != self.config.issuer => return Err(OpenIdProblem::OtherIssuer),
            None if metadata.authorization_response_iss_parameter_supported => {
                return Err(OpenIdProblem::NoIssuer);
            }
            _ => {}
        }
        if answer.code.is_empty() || answer.code.len() > CODE_BYTES_MAX {
            return Err(OpenIdProblem::CodeRefused);
        }
        let tokens = self.exchange(&metadata, answer.code, request.verifier, now)?;
        let expected = Expected {
            issuer: &self.config.issuer,
            client_id: &self.config.client_id,
            nonce: request.nonce,
            access_token: tokens.access_token.as_deref(),
            max_age: self.config.max_age,
            now,
        };
        let keys = self.keys(&metadata, now, false)?;
        let first = openid_token::subject(&tokens.id_token, &keys, &expected);
        let checked = match first {
            Err(TokenProblem::UnknownKey) if self.may_look_again(now) => {
                let keys = self.keys(&metadata, now, true)?;
                openid_token::subject(&tokens.id_token, &keys, &expected)
            }
            first => first,
        };
        checked.map_err(OpenIdProblem::Token)
    }

    fn exchange(
        &self,
        metadata: &Metadata,
        code: &str,
        verifier: &str,
        now: i64,
    ) -> Result<Tokens, OpenIdProblem> {
        let client_id = &*self.config.client_id;
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.config.redirect_uri),
            ("code_verifier", verifier),
        ];
        let assertion;
        let authorization = match &self.config.proof {
            ClientProof::Secret(secret) => basic(client_id, secret),
            ClientProof::Key(key) => {
                let jti = URL_SAFE_NO_PAD.encode(Sha256::digest(code.as_bytes()));
                assertion = key.assertion(client_id, &metadata.token_endpoint, &jti, now);
                pairs.extend([
                    ("client_id", client_id),
                    (
                        "client_assertion_type",
                        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                    ),
                    ("client_assertion", &assertion),
                ]);
                Secret::new("")
            }
        };
        let (origin, path) = split(&metadata.token_endpoint);
        let answer = HttpClient::new(origin, authorization, PATIENCE)
            .post_form(path, &pairs, None)
            .map_err(|_| OpenIdProblem::Silence)?;
        match answer.status {
            200 => serde_json::from_str(&answer.body).map_err(|_| OpenIdProblem::NoToken),
            400 | 401 | 403 => Err(OpenIdProblem::CodeRefused),
            _ => Err(OpenIdProblem::Silence),
        }
    }

    fn metadata(&self, now: i64) -> Result<Arc<Metadata>, OpenIdProblem> {
        let known = self.believed().metadata.clone();
        if let Some((read_at, metadata)) = known
            && is_believed(read_at, now)
        {
            return Ok(metadata);
        }
        let issuer = &self.config.issuer;
        let address = format!(
            "{}/.well-known/openid-configuration",
            issuer.trim_end_matches('/')
        );
        let answer = self.get(&address)?;
        let read: Metadata = serde_json::from_str(&answer.body)
            .map_err(|_| OpenIdProblem::Discovery("not a discovery document"))?;
        self.check(&read)?;
        let metadata = Arc::new(read);
        self.believed().metadata = Some((now, Arc::clone(&metadata)));
        Ok(metadata)
    }

    fn check(&self, metadata: &Metadata) -> Result<(), OpenIdProblem> {
        let demand = |holds: bool, what| match holds {
            true => Ok(()),
            false => Err(OpenIdProblem::Discovery(what)),
        };
        let offers = |list: &Option<Vec<String>>, wanted: &[&str]| {
            (list.as_ref()).is_none_or(|list| list.iter().any(|one| wanted.contains(&&**one)))
        };
        demand(metadata.issuer == self.config.issuer, "issuer")?;
        for (what, address) in [
            ("authorization_endpoint", &metadata.authorization_endpoint),
            ("token_endpoint", &metadata.token_endpoint),
            ("jwks_uri", &metadata.jwks_uri),
        ] {
            demand(self.may_be_asked(address), what)?;
        }
        demand(
            offers(&metadata.response_types_supported, &["code"]),
            "response_types_supported",
        )?;
        demand(
            offers(&metadata.code_challenge_methods_supported, &["S256"]),
            "code_challenge_methods_supported",
        )?;
        demand(
            offers(&metadata.id_token_signing_alg_values_supported, &ALGORITHMS),
            "id_token_signing_alg_values_supported",
        )
    }

    /// Whether an address is one that secrets may travel to.
    fn may_be_asked(&self, address: &str) -> bool {
        let is_safe = address.starts_with("https://")
            || (self.config.allow_loopback_http
                && address.starts_with("http://")
                && is_loopback(address));
        is_safe && !address.contains(['#', '@', ' ']) && !address.chars().any(char::is_control)
    }

    /// The published keys; read `anew`, or where the ones at hand are too old.
    fn keys(
        &self,
        metadata: &Metadata,
        now: i64,
        anew: bool,
    ) -> Result<Arc<KeySet>, OpenIdProblem> {
        let known = self.believed().keys.clone();
        if let Some((read_at, keys)) = known
            && is_believed(read_at, now)
            && !anew
        {
            return Ok(keys);
        }
        let answer = self.get(&metadata.jwks_uri)?;
        let keys = KeySet::read(&answer.body).ok_or(OpenIdProblem::Discovery("jwks_uri"))?;
        let keys = Arc::new(keys);
        self.believed().keys = Some((now, Arc::clone(&keys)));
        Ok(keys)
    }

    /// Whether a key that is not known is looked for: whoever invents some makes us ask once a minute.
    fn may_look_again(&self, now: i64) -> bool {
        let believed = &mut *self.believed();
        let is_time = (believed.looked_again_at)
            .is_none_or(|last| !(last..last + LOOK_AGAIN_SECONDS).contains(&now));
        if is_time {
            believed.looked_again_at = Some(now);
        }
        is_time
    }

    fn get(&self, address: &str) -> Result<Answer, OpenIdProblem> {
        if !self.may_be_asked(address) {
            return Err(OpenIdProblem::Discovery("issuer"));
        }
        let (origin, path) = split(address);
        let answer = HttpClient::new(origin, Secret::new(""), PATIENCE)
            .get_openly(path, ("accept", "application/json"))
            .map_err(|_| OpenIdProblem::Silence)?;
        match answer.status {
            200 => Ok(answer),
            _ => Err(OpenIdProblem::Silence),
        }
    }

    fn believed(&self) -> std::sync::MutexGuard<'_, Believed> {
        self.believed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

fn is_believed(read_at: i64, now: i64) -> bool {
    (read_at..read_at + BELIEVED_SECONDS).contains(&now)
}

/// `https://host:port` and the path behind it.
fn split(address: &str) -> (&str, &str) {
    let host = address.find("://").map_or(0, |at| at + 3);
    let path = address[host..].find(['/', '?']);
    address.split_at(path.map_or(address.len(), |at| host + at))
}

/// RFC 6749, 2.3.1: both are written as in a form first.
fn basic(client_id: &str, secret: &Secret) -> Secret {
    let written = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", written(client_id), written(secret.reveal()));
    Secret::new(format!("Basic {}", STANDARD.encode(pair)))
}
