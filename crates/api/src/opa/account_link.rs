//! The tokens of an account link: a merchant asks a wallet's owner for a standing permission, and is told the answer.
//!
//! Both are JWTs under HS256, signed with the merchant's API secret (base64-decoded, as the format's clients do it). The
//! request comes through the customer's browser, so nothing in it is believed before its signature was checked; the answer
//! goes back the same way. `docs/permissions.md` describes both for merchants.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::id::user_authorization_id_text;

/// Longest request token, in characters. The largest that can be right has about 3,000.
pub const TOKEN_MAX: usize = 4_096;
/// How far ahead of the clock a request may expire, in seconds: a link in an old mail or a browser's history is worth nothing.
pub const LINK_SECONDS_MAX: i64 = 3_600;
/// How long the answer may be looked at, in seconds.
pub const ANSWER_SECONDS: i64 = 600;
/// What the official Python SDK writes in the place of the issuer, for every merchant: the key it signed with says that.
const SDK_ISSUER: &str = "merchant";
/// Longest nonce, reference and address, in characters.
const TEXT_MAX: usize = 255;

/// What a merchant can be allowed. The book has one kind of permission, which allows all of these; whatever else the format
/// knows (balances, cashback, profiles) is not given out, and a request for it is refused rather than trimmed.
pub const SCOPES: &[&str] = &[
    "direct_debit",
    "preauth_capture_native",
    "preauth_capture_transaction",
];

/// A merchant's API secret as the key of its tokens.
#[derive(Clone)]
pub struct LinkKey(Hmac<Sha256>);

impl LinkKey {
    /// None for a secret that is no base64 text: it can sign requests, and no tokens.
    pub fn new(secret: &str) -> Option<LinkKey> {
        let bytes = STANDARD.decode(secret).ok()?;
        Hmac::new_from_slice(&bytes).ok().map(LinkKey)
    }

    fn mac(&self, signed: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(signed);
        mac
    }
}

/// What a request is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The key's public half, one of the two names a merchant has here.
    pub api_key: &'a str,
    /// The merchant's id, the other.
    pub merchant: &'a str,
    /// Origin of the wallet, `https://wallet.example.jp`: the audience, where a request names one.
    pub wallet_origin: &'a str,
    /// Seconds since 1970.
    pub now_seconds: i64,
}

/// A checked request for a permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRequest {
    /// The merchant's own random text; a request counts once.
    pub nonce: String,
    /// What the merchant calls its customer.
    pub reference_id: String,
    /// What is asked for: some of [`SCOPES`], each once.
    pub scopes: Vec<&'static str>,
    /// Where the answer goes; without it the customer reads it.
    pub redirect: Option<Redirect>,
    /// When it runs out, seconds since 1970.
    pub expires_at_seconds: i64,
}

/// Why a request is not taken. The reason is for our log; the customer hears that the link cannot be used, or is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkProblem {
    /// Not three parts of base64url, or not JSON objects in them.
    Malformed,
    /// Another algorithm than HS256 (`none` among them), or an extension that must be understood.
    Algorithm,
    /// Not signed with this key's secret, or changed since.
    Signature,
    /// Its time is over.
    Expired,
    /// It would be good for too long, or says no time.
    TooLong,
    /// It is not good yet.
    TooEarly,
    /// Signed with this key, in another merchant's name.
    Issuer,
    /// Meant for another wallet.
    Audience,
    /// It asks for something that is not given out, or for nothing.
    Scope,
    /// The answer would go somewhere that is no plain https address.
    Redirect,
    /// This claim is missing or wrong.
    Claim(&'static str),
}

/// An address for the answer, and its host as the customer is shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    url: String,
    host: String,
}

impl Redirect {
    /// `https` only, without user, password or fragment. Where the wallet itself stands on loopback (development), a plain
    /// `http` address on loopback will do.
    pub fn parse(url: &str, wallet_origin: &str) -> Option<Redirect> {
        let plain = url.len() <= TEXT_MAX
            && url
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"\\#\"<>^`{|}".contains(&byte));
        let (scheme, rest) = url.split_once("://").filter(|_| plain)?;
        let authority = rest.split(['/', '?']).next()?;
        let host = host_of(authority)?;
        let allowed = match scheme {
            "https" => true,
            "http" => is_loopback(host) && is_loopback_origin(wallet_origin),
            _ => false,
        };
        allowed.then(|| Redirect {
            url: url.to_owned(),
            host: authority.to_owned(),
        })
    }

    /// Host and port, as the customer is shown them.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The address with the answer behind it.
    pub fn with_answer(&self, api_key: &str, response_token: &str) -> String {
        let joint = if self.url.contains('?') { '&' } else { '?' };
        format!(
            "{}{joint}apiKey={api_key}&responseToken={response_token}",
            self.url
        )
    }
}

/// The host of `host` or `host:port`; None for anything that browsers might read in another way than we do.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let port_is_plain = port.is_none_or(|port| {
        !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok()
    });
    let plain = !host.is_empty()
        && host.len() <= 253
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
    (plain && port_is_plain).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost") || host == "127.0.0.1"
}

fn is_loopback_origin(origin: &str) -> bool {
    let host = origin.strip_prefix("http://").and_then(host_of);
    host.is_some_and(is_loopback)
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkAnswer {
    /// The permission, as 128 bits.
    Succeeded(u128),
    /// The customer said no.
    Declined,
}

impl LinkRequest {
    /// Checks a token completely: form, algorithm, signature, and then what it says.
    pub fn read(
        token: &str,
        key: &LinkKey,
        expected: &Expected,
    ) -> Result<LinkRequest, LinkProblem> {
        let claims = verified(token, key)?;
        let text = |name: &'static str| claim_text(&claims, name)?.ok_or(LinkProblem::Claim(name));
        let issuer = text("iss")?;
        if ![expected.merchant, expected.api_key, SDK_ISSUER].contains(&&*issuer) {
            return Err(LinkProblem::Issuer);
        }
        if !audience_is_here(claims.get("aud"), expected.wallet_origin) {
            return Err(LinkProblem::Audience);
        }
        let expires_at_seconds = claims
            .get("exp")
            .and_then(Value::as_i64)
            .ok_or(LinkProblem::Claim("exp"))?;
        if expires_at_seconds <= expected.now_seconds {
            return Err(LinkProblem::Expired);
        }
        if expires_at_seconds - expected.now_seconds > LINK_SECONDS_MAX {
            return Err(LinkProblem::TooLong);
        }
        match claims.get("nbf").map(Value::as_i64) {
            None => {}
            Some(Some(not_before)) if not_before <= expected.now_seconds => {}
            Some(_) => return Err(LinkProblem::TooEarly),
        }
        let redirect = match claim_text(&claims, "redirectUrl")? {
            None => None,
            Some(url) => {
                Some(Redirect::parse(&url, expected.wallet_origin).ok_or(LinkProblem::Redirect)?)
            }
        };
        Ok(LinkRequest {
            nonce: text("nonce")?,
            reference_id: text("referenceId")?,
            scopes: scopes(claims.get("scope"))?,
            redirect,
            expires_at_seconds,
        })
    }

    /// What is remembered of the nonce.
    pub fn nonce_hash(&self) -> [u8; 32] {
        Sha256::digest(self.nonce.as_bytes()).into()
    }

    /// The answer, signed the way the request was.
    pub fn response_token(&self, key: &LinkKey, expected: &Expected, answer: LinkAnswer) -> String {
        let mut claims = json!({
            "iss": expected.wallet_origin,
            "aud": expected.merchant,
            "iat": expected.now_seconds,
            "exp": expected.now_seconds + ANSWER_SECONDS,
            "nonce": self.nonce,
            "referenceId": self.reference_id,
        });
        match answer {
            LinkAnswer::Succeeded(permission) => {
                claims["result"] = "succeeded".into();
                claims["userAuthorizationId"] = user_authorization_id_text(permission).into();
            }
            LinkAnswer::Declined => claims["result"] = "declined".into(),
        }
        sign(&claims, key)
    }
}

/// Makes a token of claims; merchants do this with a library, development and tests with this.
pub fn sign(claims: &Value, key: &LinkKey) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mac = key.mac(signed.as_bytes()).finalize().into_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
}

/// The claims of a token that this key signed.
fn verified(token: &str, key: &LinkKey) -> Result<Map<String, Value>, LinkProblem> {
    if token.len() > TOKEN_MAX {
        return Err(LinkProblem::Malformed);
    }
    let (signed, mac) = token.rsplit_once('.').ok_or(LinkProblem::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(LinkProblem::Malformed)?;
    let header = object(header)?;
    // The algorithm is ours to choose: a token that names another one is not even looked at with the key.
    if header.get("alg").and_then(Value::as_str) != Some("HS256") || header.contains_key("crit") {
        return Err(LinkProblem::Algorithm);
    }
    let mac = URL_SAFE_NO_PAD
        .decode(mac)
        .map_err(|_| LinkProblem::Malformed)?;
    key.mac(signed.as_bytes())
        .verify_slice(&mac)
        .map_err(|_| LinkProblem::Signature)?;
    object(claims)
}

fn object(part: &str) -> Result<Map<String, Value>, LinkProblem> {
    let bytes = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| LinkProblem::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| LinkProblem::Malformed)
}

/// A text of 1 to 255 characters without control characters or direction overrides; the customer is shown some of them.
fn claim_text(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<String>, LinkProblem> {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text))
            if (1..=TEXT_MAX).contains(&text.chars().count()) && !text.contains(hidden) =>
        {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(LinkProblem::Claim(name)),
    }
}

/// A request may leave its audience out, as the format's own do; one that names another wallet is not for us.
fn audience_is_here(audience: Option<&Value>, wallet_origin: &str) -> bool {
    let host = wallet_origin.split("://").nth(1).unwrap_or_default();
    let is_here = |value: &Value| {
        value
            .as_str()
            .is_some_and(|text| text == wallet_origin || text == host)
    };
    match audience {
        None | Some(Value::Null) => true,
        Some(Value::Array(several)) => several.iter().any(is_here),
        Some(one) => is_here(one),
    }
}

/// The scopes as one text with spaces or commas, or as a list of texts.
fn scopes(claim: Option<&Value>) -> Result<Vec<&'static str>, LinkProblem> {
    let words: Vec<&str> = match claim {
        Some(Value::String(text)) => text.split([' ', ',']).filter(|w| !w.is_empty()).collect(),
        Some(Value::Array(list)) => list
            .iter()
            .map(|word| word.as_str().ok_or(LinkProblem::Scope))
            .collect::<Result<_, _>>()?,
        _ => return Err(LinkProblem::Scope),
    };
    let mut asked: Vec<&'static str> = Vec::new();
    for word in words {
        let known = SCOPES.iter().find(|known| **known == word);
        let known = known.ok_or(LinkProblem::Scope)?;
        if !asked.contains(known) {
            asked.push(known);
        }
    }
    if asked.is_empty() {
        return Err(LinkProblem::Scope);
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;
    const EXPECTED: Expected = Expected {
        api_key: "mk_1",
        merchant: "7",
        wallet_origin: "https://wallet.example.jp",
        now_seconds: NOW,
    };

    fn key() -> LinkKey {
        LinkKey::new("c2VjcmV0IG9mIHRoaXMgdGVzdA==").expect("base64")
    }

    fn claims() -> Value {
        json!({
            "iss": "7", "exp": NOW + 600, "scope": "direct_debit", "nonce": "n-1", "referenceId": "member-9",
            "redirectUrl": "https://shop.example/linked?step=2", "deviceId": "d",
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn read(claims: &Value) -> Result<LinkRequest, LinkProblem> {
        LinkRequest::read(&sign(claims, &key()), &key(), &EXPECTED)
    }

    #[test]
    fn a_signed_request_says_who_asks_for_what_and_where_the_answer_goes() {
        let request = read(&claims()).expect("it is in order");
        assert_eq!(request.scopes, ["direct_debit"]);
        assert_eq!(request.reference_id, "member-9");
        let redirect = request.redirect.as_ref().expect("it names one");
        assert_eq!(redirect.host(), "shop.example");
        assert_eq!(
            redirect.with_answer("mk_1", "a.b.c"),
            "https://shop.example/linked?step=2&apiKey=mk_1&responseToken=a.b.c"
        );
        assert_eq!(
            read(&with("redirectUrl", Value::Null)).unwrap().redirect,
            None
        );
        assert!(read(&with("iss", "mk_1".into())).is_ok());
        // As the official Python SDK makes it.
        let made = json!({
            "iss": "merchant", "exp": NOW + 300, "scope": "direct_debit", "nonce": "0b5a1c2d", "redirectUrl": null,
            "referenceId": "9f8e7d6c", "deviceId": "", "phoneNumber": "",
        });
        assert_eq!(read(&made).unwrap().nonce, "0b5a1c2d");
        assert!(read(&with("aud", "wallet.example.jp".into())).is_ok());
    }

    #[test]
    fn whatever_is_wrong_with_a_request_has_its_reason() {
        use LinkProblem::*;
        for (claims, problem) in [
            (with("iss", "8".into()), Issuer),
            (with("iss", Value::Null), Claim("iss")),
            (with("aud", "https://other.example".into()), Audience),
            (with("exp", NOW.into()), Expired),
            (with("exp", (NOW + LINK_SECONDS_MAX + 1).into()), TooLong),
            (with("exp", "soon".into()), Claim("exp")),
            (with("exp", json!(1e12)), Claim("exp")),
            (with("nbf", (NOW + 1).into()), TooEarly),
            (with("scope", "get_balance".into()), Scope),
            (with("scope", "direct_debit get_balance".into()), Scope),
            (with("scope", "".into()), Scope),
            (with("scope", json!([1])), Scope),
            (with("nonce", "".into()), Claim("nonce")),
            (with("nonce", 1.into()), Claim("nonce")),
            (
                with("referenceId", "a\u{202e}b".into()),
                Claim("referenceId"),
            ),
            (
                with("redirectUrl", "x".repeat(256).into()),
                Claim("redirectUrl"),
            ),
        ] {
            assert_eq!(read(&claims), Err(problem), "{claims}");
        }
    }

    #[test]
    fn an_answer_goes_to_plain_https_and_in_development_to_loopback() {
        let live = EXPECTED.wallet_origin;
        for url in [
            "http://shop.example/",
            "javascript://shop.example/%0aalert(1)",
            "https://shop.example@evil.example/",
            "https://shop.example/#part",
            "https://shop.example\\@evil.example/",
            "https:///path",
            "https://[::1]/",
            "https://shop.example:port/",
            "https://sho p.example/",
            "https://店.example/",
            "app://linked",
            "http://localhost/",
            "",
        ] {
            assert_eq!(Redirect::parse(url, live), None, "{url}");
        }
        let development = "http://wallet.localhost:4000";
        for (url, host) in [
            ("http://127.0.0.1:9000/back", "127.0.0.1:9000"),
            ("http://shop.localhost?x=1", "shop.localhost"),
        ] {
            assert_eq!(Redirect::parse(url, development).unwrap().host(), host);
            assert_eq!(Redirect::parse(url, live), None, "{url}");
        }
        assert_eq!(Redirect::parse("http://shop.example/", development), None);
    }

    #[test]
    fn no_token_is_believed_that_this_secret_did_not_sign_under_this_algorithm() {
        let good = sign(&claims(), &key());
        let read = |token: &str| LinkRequest::read(token, &key(), &EXPECTED);
        let other = LinkKey::new("b3RoZXI=").expect("base64");
        assert_eq!(read(&sign(&claims(), &other)), Err(LinkProblem::Signature));
        let parts: Vec<&str> = good.split('.').collect();
        let changed = URL_SAFE_NO_PAD.encode(with("referenceId", "thief".into()).to_string());
        assert_eq!(
            read(&format!("{}.{changed}.{}", parts[0], parts[2])),
            Err(LinkProblem::Signature)
        );
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS512","typ":"JWT"}"#,
            r#"{"alg":"hs256"}"#,
            r#"{"typ":"JWT"}"#,
            r#"{"alg":"HS256","crit":["exp"]}"#,
        ] {
            let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), parts[1]);
            let mac = URL_SAFE_NO_PAD.encode(key().mac(signed.as_bytes()).finalize().into_bytes());
            for token in [format!("{signed}.{mac}"), format!("{signed}.")] {
                assert_eq!(read(&token), Err(LinkProblem::Algorithm), "{header}");
            }
        }
        for wrong in ["", ".", "..", "a.b", "a.b.c", &"x".repeat(TOKEN_MAX + 1)] {
            assert_eq!(read(wrong), Err(LinkProblem::Malformed), "{wrong}");
        }
        assert_eq!(
            read(&format!("{}.{}.!", parts[0], parts[1])),
            Err(LinkProblem::Malformed)
        );
    }

    #[test]
    fn the_answer_is_signed_with_the_merchants_secret_and_repeats_what_was_asked() {
        let request = read(&claims()).unwrap();
        let token = request.response_token(&key(), &EXPECTED, LinkAnswer::Succeeded(1));
        let claims = Value::Object(verified(&token, &key()).expect("signed"));
        assert_eq!(
            claims,
            json!({
                "iss": "https://wallet.example.jp", "aud": "7", "iat": NOW, "exp": NOW + 600, "result": "succeeded",
                "nonce": "n-1", "referenceId": "member-9",
                "userAuthorizationId": "00000000-0000-0000-0000-000000000001",
            })
        );
        let token = request.response_token(&key(), &EXPECTED, LinkAnswer::Declined);
        let claims = verified(&token, &key()).expect("signed");
        assert_eq!(claims["result"], "declined");
        assert!(!claims.contains_key("userAuthorizationId"));
    }
}
