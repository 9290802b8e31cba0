//! Proofs that a request comes from the device that a session belongs to: a stolen cookie alone is worth nothing.
//!
//! DPoP as RFC 9449 describes it, with the session's token in the place of the access token. The browser keeps a key pair that no script can
//! take out of it, and signs for each request what it asks (`htm`, `htu`), with which token (`ath`), under a number of its own (`jti`)
//! and a nonce of ours. What differs:
//!
//! - **Time comes from the nonce.** A telephone's clock may be wrong by hours; the nonce says when we gave it out, and is good for
//!   [`NONCE_LIFE`]. `iat` is demanded and not judged.
//! - **The page never waits for a nonce**: each answer brings the next one in `DPoP-Nonce`, the page itself in a cookie that its scripts
//!   may read. So does the hash of the token, which `ath` repeats: the token itself is out of the scripts' reach.
//! - **A proof is good once**, also for requests that change nothing.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::header::{HeaderName, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_datastore::keys::Secret;
use mamori_domain::world::Timestamp;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::cookies::{Token, encode_token};

/// How long a nonce is good.
pub const NONCE_LIFE: Duration = Duration::from_secs(300);
/// Nonces that are given out within so long are the same.
const NONCE_STEP_SECONDS: i64 = 30;
/// The header with the proof of a request.
pub const PROOF: HeaderName = HeaderName::from_static("dpop");
/// The header with the next nonce of an answer.
pub const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
/// Longest proof, in bytes: one of ours has some 600.
const PROOF_BYTES_MAX: usize = 2_048;
/// Proofs that are remembered of each of two spans of [`NONCE_LIFE`]; some 64 MB in all when full.
const SEEN_MAX: usize = 1_000_000;
/// The cookie that brings a page its first nonce, and the one with the hash of its session's token. Scripts may read both.
pub(crate) const NONCE_COOKIE: &str = "__Host-mamori_nonce";
const HASH_COOKIE: &str = "__Host-mamori_ath";

/// The thumbprint of a key (RFC 7638): SHA-256 of its public part.
pub type Thumbprint = [u8; 32];

/// Why a proof proves nothing; for the log. The page hears only whether another nonce would help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofProblem {
    /// There is none, or more than one.
    Missing,
    /// No JWT of the kind that is asked for, or of another algorithm.
    Malformed,
    /// The signature is wrong.
    Signature,
    /// For another method, address or token.
    OtherRequest,
    /// Signed by another key than the session's.
    OtherKey,
    /// Without a nonce of ours, or with an old one.
    Nonce,
    /// Seen before.
    Replayed,
    /// More proofs than are remembered.
    Busy,
}

/// What a proof must be about.
pub struct Proven<'a> {
    pub method: &'a Method,
    /// `https://wallet.example.jp`.
    pub origin: &'a str,
    pub path: &'a str,
    /// The session's. None where one begins: a browser may still have the one before.
    pub token: Option<&'a Token>,
}

/// Reads proofs, and remembers those that were used.
pub struct DeviceProofs {
    nonce_key: Secret,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Which span of time `now` is.
    span: i64,
    now: HashSet<[u8; 16]>,
    before: HashSet<[u8; 16]>,
}

#[derive(Deserialize)]
struct Head {
    typ: String,
    alg: String,
    jwk: Key,
}

#[derive(Deserialize)]
struct Key {
    kty: String,
    crv: String,
    x: String,
    y: String,
    /// Of a private key: whoever sends one has lost it.
    d: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    /// Demanded by the RFC. A phone's clock may be wrong, so the nonce tells the time.
    #[serde(rename = "iat")]
    _iat: i64,
    nonce: Option<String>,
    ath: Option<String>,
}

impl DeviceProofs {
    /// `nonce_key` makes nonces; another process knows no nonce of this one, and its pages take a new one.
    pub fn new(nonce_key: Secret) -> DeviceProofs {
        DeviceProofs {
            nonce_key,
            seen: Mutex::default(),
        }
    }

    /// The nonce of this moment.
    pub fn nonce(&self, now: Timestamp) -> String {
        let step = now.seconds().div_euclid(NONCE_STEP_SECONDS) * NONCE_STEP_SECONDS;
        let step = step.to_be_bytes();
        let mac = self.nonce_key.mac(&[b"nonce", &step]);
        URL_SAFE_NO_PAD.encode([&step[..], &mac[..16]].concat())
    }

    fn is_ours_and_fresh(&self, nonce: &str, now: Timestamp) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(nonce) else {
            return false;
        };
        let Some((step, mac)) = bytes.split_first_chunk::<8>() else {
            return false;
        };
        let right = self.nonce_key.mac(&[b"nonce", step]);
        let step = Timestamp::from_seconds(i64::from_be_bytes(*step));
        bool::from(right[..16].ct_eq(mac)) && (step..step.plus(NONCE_LIFE)).contains(&now)
    }

    /// The key that has signed this very request; `expected` is the one that it must be, where that is known.
    pub fn check(
        &self,
        headers: &HeaderMap,
        about: &Proven,
        expected: Option<&Thumbprint>,
        now: Timestamp,
    ) -> Result<Thumbprint, ProofProblem> {
        let mut given = headers.get_all(&PROOF).iter();
        let (Some(proof), None) = (given.next(), given.next()) else {
            return Err(ProofProblem::Missing);
        };
        let proof = proof.to_str().map_err(|_| ProofProblem::Malformed)?;
        let (key, claims) = read(proof)?;
        if expected.is_some_and(|expected| *expected != key) {
            return Err(ProofProblem::OtherKey);
        }
        let is_of_token = |token| claims.ath == Some(token_hash_text(token));
        let is_asked = claims.htm == about.method.as_str()
            && claims.htu.strip_prefix(about.origin) == Some(about.path)
            && about.token.is_none_or(is_of_token);
        if !is_asked {
            return Err(ProofProblem::OtherRequest);
        }
        if !(claims.nonce).is_some_and(|nonce| self.is_ours_and_fresh(&nonce, now)) {
            return Err(ProofProblem::Nonce);
        }
        self.use_up(&key, &claims.jti, now)?;
        Ok(key)
    }

    fn use_up(&self, key: &Thumbprint, jti: &str, now: Timestamp) -> Result<(), ProofProblem> {
        let hash = Sha256::new().chain_update(key).chain_update(jti).finalize();
        let id: [u8; 16] = std::array::from_fn(|at| hash[at]);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let span = now.0.div_euclid(NONCE_LIFE.as_micros() as i64);
        // Two spans: a proof outlives the one that it was used in by less than another.
        if span > seen.span {
            let now = std::mem::take(&mut seen.now);
            seen.before = if span == seen.span + 1 {
                now
            } else {
                HashSet::new()
            };
            seen.span = span;
        }
        if seen.before.contains(&id) || seen.now.contains(&id) {
            return Err(ProofProblem::Replayed);
        }
        if seen.now.len() >= SEEN_MAX {
            return Err(ProofProblem::Busy);
        }
        seen.now.insert(id);
        Ok(())
    }
}

/// Reads a proof whose signature is right.
fn read(proof: &str) -> Result<(Thumbprint, Claims), ProofProblem> {
    if proof.len() > PROOF_BYTES_MAX {
        return Err(ProofProblem::Malformed);
    }
    let malformed = |()| ProofProblem::Malformed;
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| ());
    let (signed, signature) = proof.rsplit_once('.').ok_or(ProofProblem::Malformed)?;
    let (head, claims) = signed.split_once('.').ok_or(ProofProblem::Malformed)?;
    let head = decoded(head).map_err(malformed)?;
    let head: Head = serde_json::from_slice(&head).map_err(|_| ProofProblem::Malformed)?;
    let Key { kty, crv, x, y, d } = &head.jwk;
    let is_of_this_kind =
        head.typ == "dpop+jwt" && head.alg == "ES256" && kty == "EC" && crv == "P-256";
    if !is_of_this_kind || d.is_some() {
        return Err(ProofProblem::Malformed);
    }
    let point = [
        vec![4],
        decoded(x).map_err(malformed)?,
        decoded(y).map_err(malformed)?,
    ]
    .concat();
    if point.len() != 65 {
        return Err(ProofProblem::Malformed);
    }
    let key = VerifyingKey::from_sec1_bytes(&point).map_err(|_| ProofProblem::Malformed)?;
    let signature = decoded(signature).map_err(malformed)?;
    let signature = Signature::from_slice(&signature).map_err(|_| ProofProblem::Malformed)?;
    key.verify(signed.as_bytes(), &signature)
        .map_err(|_| ProofProblem::Signature)?;
    let claims = decoded(claims).map_err(malformed)?;
    let claims: Claims = serde_json::from_slice(&claims).map_err(|_| ProofProblem::Malformed)?;
    if claims.jti.is_empty() || claims.jti.len() > 64 {
        return Err(ProofProblem::Malformed);
    }
    Ok((thumbprint(&point), claims))
}

/// RFC 7638: the hash of the members that a key needs, in the order of their names.
/// The thumbprint of a public key, given as an uncompressed point (SEC 1).
pub fn thumbprint(point: &[u8]) -> Thumbprint {
    let [x, y] = [&point[1..33], &point[33..]].map(|part| URL_SAFE_NO_PAD.encode(part));
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    Sha256::digest(members).into()
}

/// The hash of a session's token as `ath` has it: of the text that the cookie holds.
fn token_hash_text(token: &Token) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(encode_token(token)))
}

/// Tells the page's scripts the hash of the token that the session's cookie holds.
pub fn put_token_hash(response: &mut Response, token: &Token, seconds: i64) {
    let hash = token_hash_text(token);
    let line = format!("{HASH_COOKIE}={hash}; Path=/; Secure; SameSite=Strict; Max-Age={seconds}");
    append(response.headers_mut(), &line);
}

pub(crate) fn append(headers: &mut HeaderMap, line: &str) {
    if let Ok(value) = HeaderValue::from_str(line) {
        headers.append(SET_COOKIE, value);
    }
}
