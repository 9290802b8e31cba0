//! Cookies: `__Host-` names, so that no other host of the domain can set or read them.
//!
//! All are `Secure; HttpOnly; SameSite=Strict`. Strict is enough even for the return from the card page: the page that the
//! processor sends the browser to is a public shell, and its own requests carry the cookie again.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_registry::Surface;

/// What a cookie holds: 256 random bits.
pub type Token = [u8; 32];

/// The cookies of a surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// Who is signed in.
    Session(Surface),
    /// Which browser began a ceremony; made on first use, gone when the browser closes.
    Browser,
}

impl Cookie {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Cookie::Session(Surface::Wallet) => "__Host-mamori_wallet",
            Cookie::Session(Surface::Till) => "__Host-mamori_till",
            Cookie::Session(Surface::Console) => "__Host-mamori_console",
            Cookie::Browser => "__Host-mamori_browser",
        }
    }

    /// Reads it. A value that is not 256 bits is no cookie; of two with one name neither counts.
    pub fn read(self, headers: &HeaderMap) -> Option<Token> {
        let mut found = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.name());
        let (_, value) = found.next()?;
        if found.next().is_some() {
            return None;
        }
        decode_token(value)
    }

    /// Sets it on an answer; `seconds` is None for a cookie that ends with the browser.
    pub fn set(self, response: &mut Response, token: &Token, seconds: Option<i64>) {
        let age = seconds
            .map(|seconds| format!("; Max-Age={seconds}"))
            .unwrap_or_default();
        self.append(
            response,
            &format!(
                "{}={}; Path=/; Secure; HttpOnly; SameSite=Strict{age}",
                self.name(),
                encode_token(token)
            ),
        );
    }

    /// Takes it away.
    pub fn clear(self, response: &mut Response) {
        self.append(
            response,
            &format!(
                "{}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
                self.name()
            ),
        );
    }

    fn append(self, response: &mut Response, line: &str) {
        if let Ok(mut value) = HeaderValue::from_str(line) {
            // Keeps the value out of any header dump.
            value.set_sensitive(true);
            response.headers_mut().append(SET_COOKIE, value);
        }
    }
}

/// 43 characters of base64url.
pub fn encode_token(token: &Token) -> String {
    URL_SAFE_NO_PAD.encode(token)
}

/// Reads 43 characters of base64url.
pub fn decode_token(text: &str) -> Option<Token> {
    if text.len() != 43 {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(cookie).expect("a header"))])
    }

    #[test]
    fn a_cookie_is_read_by_its_whole_name_and_only_once() {
        let (cookie, token) = (Cookie::Session(Surface::Wallet), [7; 32]);
        let text = encode_token(&token);
        assert_eq!(
            cookie.read(&headers(&format!("a=b; __Host-mamori_wallet={text}"))),
            Some(token)
        );
        assert_eq!(
            cookie.read(&headers(&format!("__Host-mamori_till={text}"))),
            None
        );
        assert_eq!(
            cookie.read(&headers(&format!("mamori_wallet={text}"))),
            None
        );
        assert_eq!(
            cookie.read(&headers(&format!(
                "__Host-mamori_wallet={text}; __Host-mamori_wallet={text}"
            ))),
            None
        );
        assert_eq!(cookie.read(&headers("__Host-mamori_wallet=short")), None);
    }

    #[test]
    fn a_cookie_is_strict_and_out_of_reach_of_scripts() {
        let mut response = Response::default();
        Cookie::Session(Surface::Console).set(&mut response, &[0; 32], Some(60));
        assert_eq!(
            response.headers()[SET_COOKIE],
            "__Host-mamori_console=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=60"
        );
        assert!(response.headers()[SET_COOKIE].is_sensitive());
    }
}
