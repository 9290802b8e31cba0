//! An ID token of OpenID Connect is checked: whose signature it carries, for whom it was made, for which request, and when.
//!
//! Only what is on the list of algorithms is taken, and only keys that the provider has published: what a token's header says about
//! keys is never followed. The address of mail that a token may hold is not read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256, Sha512};

/// Bytes of a token that are looked at.
const TOKEN_BYTES_MAX: usize = 16 * 1_024;
/// Keys of a provider that are looked at.
const KEYS_MAX: usize = 100;
/// How far two clocks may differ, in seconds.
const LEEWAY_SECONDS: i64 = 60;
/// A token that was just asked for was not made before that, in seconds.
const OLDEST_SECONDS: i64 = 600;
const SUBJECT_BYTES_MAX: usize = 255;

/// Why a token proves nothing. For the log: the browser hears one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenProblem {
    /// Not three parts of which the first two are JSON.
    Form,
    /// Unsigned, signed with a shared secret, or by an algorithm that is not on the list.
    Algorithm,
    /// The header demands what we do not know.
    Critical,
    /// No published key is meant.
    UnknownKey,
    /// The key does not fit the algorithm, or is too short.
    Key,
    Signature,
    Issuer,
    Audience,
    AuthorizedParty,
    Nonce,
    Expired,
    /// Made in the future, or long before it was asked for.
    IssuedAt,
    /// The owner last showed themselves to the provider longer ago than was asked for, or it does not say when.
    AuthenticatedAt,
    /// The token beside it is another one.
    AccessToken,
    Subject,
}

/// What a token must say.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    pub access_token: Option<&'a str>,
    /// Seconds since the owner showed themselves to the provider.
    pub max_age: Option<u32>,
    /// Seconds since 1970, UTC.
    pub now: i64,
}

/// A signature that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    fn of(name: &str) -> Option<Algorithm> {
        match name {
            "RS256" => Some(Algorithm::Rs256),
            "ES256" => Some(Algorithm::Es256),
            "EdDSA" => Some(Algorithm::EdDsa),
            _ => None,
        }
    }
}

/// Names of the algorithms that are taken.
pub(crate) const ALGORITHMS: [&str; 3] = ["RS256", "ES256", "EdDSA"];

/// A published key.
struct PublicKey {
    kid: Option<String>,
    algorithm: Algorithm,
    material: Material,
}

enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// A point of P-256, not compressed.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// The keys that a provider publishes.
pub(crate) struct KeySet(Vec<PublicKey>);

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

fn bytes_of(text: Option<&String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

impl PublicKey {
    /// None for a key of another kind or for another purpose: a provider may publish such beside.
    fn of(jwk: &Jwk) -> Option<PublicKey> {
        if jwk
            .purpose
            .as_deref()
            .is_some_and(|purpose| purpose != "sig")
        {
            return None;
        }
        let (algorithm, material) = match (&*jwk.kty, jwk.crv.as_deref()) {
            ("RSA", _) => {
                let (n, e) = (bytes_of(jwk.n.as_ref())?, bytes_of(jwk.e.as_ref())?);
                // Written as a number; zeros in front make it no longer.
                let n = n.into_iter().skip_while(|byte| *byte == 0).collect();
                (Algorithm::Rs256, Material::Rsa { n, e })
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes_of(jwk.x.as_ref())?, bytes_of(jwk.y.as_ref())?);
                let point = [&[4][..], &x, &y].concat();
                (x.len() == 32 && y.len() == 32)
                    .then_some((Algorithm::Es256, Material::P256(point)))?
            }
            ("OKP", Some("Ed25519")) => (
                Algorithm::EdDsa,
                Material::Ed25519(bytes_of(jwk.x.as_ref())?),
            ),
            _ => return None,
        };
        if let Some(alg) = &jwk.alg
            && Algorithm::of(alg) != Some(algorithm)
        {
            return None;
        }
        Some(PublicKey {
            kid: jwk.kid.clone(),
            algorithm,
            material,
        })
    }

    fn has_signed(&self, signed: &[u8], signature: &[u8]) -> bool {
        let proven = match &self.material {
            Material::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                signed,
                signature,
            ),
            Material::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
            }
            Material::Ed25519(key) => {
                UnparsedPublicKey::new(&ED25519, key).verify(signed, signature)
            }
        };
        proven.is_ok()
    }
}

impl KeySet {
    /// Reads what a provider publishes; None where that is no key set. Keys that are not for us are passed over.
    pub(crate) fn read(text: &str) -> Option<KeySet> {
        let jwks: Jwks = serde_json::from_str(text).ok()?;
        let read = |key: Value| PublicKey::of(&serde_json::from_value(key).ok()?);
        Some(KeySet(
            jwks.keys
                .into_iter()
                .take(KEYS_MAX)
                .filter_map(read)
                .collect(),
        ))
    }

    fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&PublicKey, TokenProblem> {
        let mut meant = self.0.iter().filter(|key| match kid {
            Some(kid) => key.kid.as_deref() == Some(kid),
            // Without a name only the one key that there is can be meant.
            None => key.algorithm == algorithm,
        });
        let key = meant.next().ok_or(TokenProblem::UnknownKey)?;
        match (meant.next(), key.algorithm == algorithm) {
            (None, true) => Ok(key),
            (None, false) => Err(TokenProblem::Key),
            (Some(_), _) => Err(TokenProblem::UnknownKey),
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// What is read of a token. No address of mail and no name is among it.
#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Audience>,
    azp: Option<String>,
    exp: Option<i64>,
    iat: Option<i64>,
    nonce: Option<String>,
    at_hash: Option<String>,
    auth_time: Option<i64>,
}

fn part<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, TokenProblem> {
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| TokenProblem::Form)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenProblem::Form)
}

/// The subject of a token that is what it must be.
pub(crate) fn subject(
    token: &str,
    keys: &KeySet,
    expected: &Expected,
) -> Result<String, TokenProblem> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenProblem::Form);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenProblem::Form)?;
    let (header, claims) = signed.split_once('.').ok_or(TokenProblem::Form)?;
    let header: Header = part(header)?;
    let algorithm = Algorithm::of(&header.alg).ok_or(TokenProblem::Algorithm)?;
    if header.crit.is_some() {
        return Err(TokenProblem::Critical);
    }
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| TokenProblem::Form)?;
    let key = keys.find(header.kid.as_deref(), algorithm)?;
    if !key.has_signed(signed.as_bytes(), &signature) {
        return Err(TokenProblem::Signature);
    }
    check(part(claims)?, algorithm, expected)
}

fn check(
    claims: Claims,
    algorithm: Algorithm,
    expected: &Expected,
) -> Result<String, TokenProblem> {
    let demand = |holds: bool, problem| if holds { Ok(()) } else { Err(problem) };
    let us = Some(expected.client_id);
    demand(
        claims.iss.as_deref() == Some(expected.issuer),
        TokenProblem::Issuer,
    )?;
    let for_several = match &claims.aud {
        Some(Audience::One(one)) => (us == Some(one)).then_some(false),
        Some(Audience::Several(all)) => all
            .iter()
            .any(|one| us == Some(one))
            .then_some(all.len() > 1),
        None => None,
    };
    let for_several = for_several.ok_or(TokenProblem::Audience)?;
    let party = claims.azp.as_deref();
    demand(
        party == us || (party.is_none() && !for_several),
        TokenProblem::AuthorizedParty,
    )?;
    demand(
        claims.nonce.as_deref() == Some(expected.nonce),
        TokenProblem::Nonce,
    )?;
    let now = expected.now;
    demand(
        claims
            .exp
            .is_some_and(|exp| now < exp.saturating_add(LEEWAY_SECONDS)),
        TokenProblem::Expired,
    )?;
    let fresh = now - OLDEST_SECONDS..=now + LEEWAY_SECONDS;
    demand(
        claims.iat.is_some_and(|iat| fresh.contains(&iat)),
        TokenProblem::IssuedAt,
    )?;
    if let Some(max_age) = expected.max_age {
        let oldest = now - i64::from(max_age) - LEEWAY_SECONDS;
        demand(
            claims.auth_time.is_some_and(|at| at >= oldest),
            TokenProblem::AuthenticatedAt,
        )?;
    }
    if let (Some(said), Some(token)) = (&claims.at_hash, expected.access_token) {
        demand(
            *said == left_half(token, algorithm),
            TokenProblem::AccessToken,
        )?;
    }
    claims
        .sub
        .filter(|sub| (1..=SUBJECT_BYTES_MAX).contains(&sub.len()))
        .ok_or(TokenProblem::Subject)
}

/// The left half of the hash that belongs to the signature's algorithm.
fn left_half(token: &str, algorithm: Algorithm) -> String {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Es256 => {
            URL_SAFE_NO_PAD.encode(&Sha256::digest(token.as_bytes())[..16])
        }
        Algorithm::EdDsa => URL_SAFE_NO_PAD.encode(&Sha512::digest(token.as_bytes())[..32]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made by Node's own cryptography: a key set, and tokens by RSA, by Ed25519, and by an RSA key of 1,024 bits.
    const KEYS: &str = r#"{"keys":[{"kty":"RSA","n":"qI_Pd_VhW8KtV1Ru46MuiuL2HbWdv4yQNEF71d4dBnWKbkvIipEyDBWzy8Wg4l4DfB6nCFxNlT5p-Mw7At3et74IDWgJk7zSyqgU5b0PI3qnbkXVi_Xe4JMfVVM9Pfb8rFl_7LBDDyK8fZcmspj8TLL45gn_zb4zSMiJBvxrYOR2xs2VxJ3VgVD0oSHWch8LqpzqdqWqPwNlAh6mu4lKrl86mgFZybfecGE0SZHyw5rR8KIRiv3Hafn9miGQNmnXc_kE4Mxma7mcJU2q8eDlNIuu0p1sXvXTpQTSdiG4Tj7rNr2frf30H28UUwFT86SUQMq0eeI8EnaIj8_nMhw6gw","e":"AQAB","kid":"rsa"},{"crv":"Ed25519","x":"N3oWc95sS6m8hf057i0ZmXQhVTmLsBIDrt0GLoT9qk0","kty":"OKP","kid":"ed"},{"kty":"RSA","n":"079H74pry3mlV6U9_HSzitAwq78xP98PFunVsDcA3Q1J2jkBxw8K7NUIZif3upOii-qq3NG3fcR0TzNbLcwX_sxdyVVaGFwCG1Yh5Lf4buRi7ZByRBeHxUGRr2BV3aNk5D3Js0D2Xmj03Nwa_YPUfazZvxjKRAo8gbD1SumcWA0","e":"AQAB","kid":"small"}]}"#;
    const BY_RSA: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJzdWIiOiI0MiIsImF1ZCI6IndhbGxldCIsImV4cCI6MTkwMDAwMDMwMCwiaWF0IjoxOTAwMDAwMDAwLCJub25jZSI6Im4ifQ.mLohMgNfqYEC-movsyyfxZT_VtpFbK7D-rXZWYKyQEz7bWPluppeIVFA8LCT09wB1PiPaJdtPnh_ytAyfy3_Tgj8uomK_KNjGrftPNPQvFN6GVzfoCZqHk7QI_RsoXVCnMS6kFnG05X_7ZH6eZQsextwuSwuDRXDIHGJYqGoiUJUzh20CxIEIO5UTCChsMtUkXJ2xM_7qBcbs0v-yp8elMUPNjDyc-Kzb2FT6I8ZRhK9WiDFU6zweGE9_lH8_hITFGR13eij2r0WeQepR-Y1Ap2_6v6YkPWkmMqKlJ3LzLjHCSzY5Wk1tjrshC8i-B2oiTbrw3rUPSECVWM2i4O7HQ";
    const BY_ED25519: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImVkIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJzdWIiOiI0MiIsImF1ZCI6IndhbGxldCIsImV4cCI6MTkwMDAwMDMwMCwiaWF0IjoxOTAwMDAwMDAwLCJub25jZSI6Im4ifQ.ubdT9tWFKrDKvHikSM6l_juJPknao6VlghR1DBqwwTS2u6fd-wA6dIRFOsunmVidPPyGm0tYBeczaEhxVd-jDA";
    const BY_SHORT_RSA: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InNtYWxsIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJzdWIiOiI0MiIsImF1ZCI6IndhbGxldCIsImV4cCI6MTkwMDAwMDMwMCwiaWF0IjoxOTAwMDAwMDAwLCJub25jZSI6Im4ifQ.DKerfNXffYRCekg89MK12jc6azKpTUqzHuPLaI1ojuA1hE3AnBAnkjUJEraS1HK2Ybo439nSqu8i00cf7UuPqNHbgXyZkEaQfGyHXm8pQDfCEMwzrDhPVxOrlH_7sHBjKlZ7QiGKOdRn1LWvu_oaKgcEfxrpZ8f97AeZv4r4xcs";

    const EXPECTED: Expected = Expected {
        issuer: "https://id.example",
        client_id: "wallet",
        nonce: "n",
        access_token: None,
        max_age: None,
        now: 1_900_000_000,
    };

    fn read(token: &str) -> Result<String, TokenProblem> {
        subject(token, &KeySet::read(KEYS).expect("a key set"), &EXPECTED)
    }

    #[test]
    fn rsa_and_ed25519_are_taken_and_a_short_key_is_not() {
        assert_eq!(read(BY_RSA), Ok("42".into()));
        assert_eq!(read(BY_ED25519), Ok("42".into()));
        assert_eq!(read(BY_SHORT_RSA), Err(TokenProblem::Signature));
    }

    #[test]
    fn what_is_altered_is_no_token() {
        let keys = KeySet::read(KEYS).expect("a key set");
        let (signed, signature) = BY_RSA.rsplit_once('.').expect("three parts");
        let (_, claims) = signed.split_once('.').expect("three parts");
        let with_header = |header: Value| {
            let header = URL_SAFE_NO_PAD.encode(header.to_string());
            read(&format!("{header}.{claims}.{signature}"))
        };
        let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        for (header, problem) in [
            (r#"{"alg":"none","kid":"rsa"}"#, TokenProblem::Algorithm),
            (r#"{"alg":"HS256","kid":"rsa"}"#, TokenProblem::Algorithm),
            (r#"{"alg":"rs256","kid":"rsa"}"#, TokenProblem::Algorithm),
            (r#"{"alg":"ES256","kid":"rsa"}"#, TokenProblem::Key),
            (r#"{"alg":"EdDSA","kid":"rsa"}"#, TokenProblem::Key),
            (
                r#"{"alg":"RS256","kid":"nobody"}"#,
                TokenProblem::UnknownKey,
            ),
            // Without a name one of two keys could be meant.
            (r#"{"alg":"RS256"}"#, TokenProblem::UnknownKey),
            (
                r#"{"alg":"RS256","kid":"rsa","crit":["b64"]}"#,
                TokenProblem::Critical,
            ),
            (
                r#"{"alg":"RS256","kid":"rsa","jwk":{}}"#,
                TokenProblem::Signature,
            ),
            (r#"{"kid":"rsa"}"#, TokenProblem::Form),
        ] {
            assert_eq!(with_header(json(header)), Err(problem), "{header}");
        }
        for token in [
            "",
            "a.b",
            "a.b.c",
            "....",
            &format!("{signed}."),
            &"a".repeat(20_000),
        ] {
            assert!(subject(token, &keys, &EXPECTED).is_err(), "{token}");
        }
        let later = |now| subject(BY_RSA, &keys, &Expected { now, ..EXPECTED });
        assert_eq!(later(1_900_000_359), Ok("42".into()), "a minute of leeway");
        assert_eq!(later(1_900_000_360), Err(TokenProblem::Expired));
        assert_eq!(later(1_899_999_900), Err(TokenProblem::IssuedAt));
        let asked = Expected {
            max_age: Some(60),
            ..EXPECTED
        };
        assert_eq!(
            subject(BY_RSA, &keys, &asked),
            Err(TokenProblem::AuthenticatedAt),
            "it does not say when its owner was seen"
        );
    }

    #[test]
    fn keys_for_another_purpose_are_passed_over() {
        for (from, to) in [
            (r#""kid":"rsa""#, r#""kid":"rsa","use":"enc""#),
            (r#""kid":"rsa""#, r#""kid":"rsa","alg":"PS256""#),
            (r#""kty":"RSA""#, r#""kty":"oct""#),
        ] {
            let keys = KeySet::read(&KEYS.replacen(from, to, 1)).expect("a key set");
            assert_eq!(
                subject(BY_RSA, &keys, &EXPECTED),
                Err(TokenProblem::UnknownKey),
                "{to}"
            );
        }
        assert!(KeySet::read("<html>").is_none());
    }
}
