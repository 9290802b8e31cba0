//! What a page's API answers when it does not answer with what was asked for.
//!
//! Every body is JSON with a stable `refusal` code for the page's decisions and a sentence in each language for people.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use mamori_datastore::fault::Fault;
use serde_json::json;

use crate::proofs::Challenge;

/// A normal "no": a stable code and its sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// Stable, snake_case.
    pub code: &'static str,
    /// For people, in Japanese.
    pub ja: &'static str,
    /// The same in English.
    pub en: &'static str,
}

/// Everything but success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// 409: the rules say no.
    Refused(Words),
    /// 400: a field is missing or wrong.
    InvalidField(&'static str),
    /// 401: the caller is not signed in here (any more).
    SignedOut,
    /// 401: the device's proof needs a newer nonce, which comes with this answer: the page asks again by itself.
    StaleNonce,
    /// 403: the caller is known and may not do this.
    Forbidden(Words),
    /// 403: the request comes from another site.
    OtherOrigin,
    /// 404: no such thing.
    NotFound,
    /// 408: the request took too long to arrive or to answer.
    TooSlow,
    /// 413: the body is too large.
    TooLarge,
    /// 421: the request names another host.
    OtherHost,
    /// 428: there is a crowd of strangers; the page does some work and asks again by itself.
    Prove(Challenge),
    /// 429: others come first; after so many seconds it is worth asking again.
    Wait(Words, u32),
    /// 503: too much at once; nothing was decided, try again.
    Busy,
    /// 503: the world failed and the outcome is unknown: try again with the same key.
    Unavailable,
}

/// The answer of a page's API.
pub type Answer = Result<Response, Denial>;

impl Denial {
    fn parts(self) -> (StatusCode, Words) {
        let words = |code, ja, en| Words { code, ja, en };
        match self {
            Denial::Refused(refused) => (StatusCode::CONFLICT, refused),
            Denial::Prove(_) => (
                StatusCode::PRECONDITION_REQUIRED,
                words(
                    "proof_wanted",
                    "混み合っているため、確認が終わりませんでした。もう一度お試しください。",
                    "There is a crowd, and the check did not end. Please try again.",
                ),
            ),
            Denial::Forbidden(words) => (StatusCode::FORBIDDEN, words),
            Denial::Wait(words, _) => (StatusCode::TOO_MANY_REQUESTS, words),
            Denial::InvalidField(_) => (
                StatusCode::BAD_REQUEST,
                words(
                    "invalid_field",
                    "入力内容をご確認ください。",
                    "Please check what you entered.",
                ),
            ),
            Denial::SignedOut => (
                StatusCode::UNAUTHORIZED,
                words("signed_out", "サインインしてください。", "Please sign in."),
            ),
            Denial::StaleNonce => (
                StatusCode::UNAUTHORIZED,
                words(
                    "use_dpop_nonce",
                    "もう一度お試しください。",
                    "Please try again.",
                ),
            ),
            Denial::OtherOrigin => (
                StatusCode::FORBIDDEN,
                words(
                    "other_origin",
                    "別のサイトからの操作は受け付けません。",
                    "Requests from another site are not accepted.",
                ),
            ),
            Denial::NotFound => (
                StatusCode::NOT_FOUND,
                words("not_found", "見つかりません。", "Not found."),
            ),
            Denial::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                words(
                    "too_slow",
                    "時間内に完了しませんでした。",
                    "This took too long.",
                ),
            ),
            Denial::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                words(
                    "too_large",
                    "送信内容が大きすぎます。",
                    "The request is too large.",
                ),
            ),
            Denial::OtherHost => (
                StatusCode::MISDIRECTED_REQUEST,
                words(
                    "other_host",
                    "アドレスが違います。",
                    "This is not the address of this service.",
                ),
            ),
            Denial::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                words(
                    "busy",
                    "混み合っています。少し待ってからお試しください。",
                    "We are busy. Please try again in a moment.",
                ),
            ),
            Denial::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                words(
                    "unavailable",
                    "ただいまご利用いただけません。少し待ってからお試しください。",
                    "Not available right now. Please try again in a moment.",
                ),
            ),
        }
    }
}

impl IntoResponse for Denial {
    fn into_response(self) -> Response {
        let (status, words) = self.parts();
        let mut body =
            json!({ "refusal": words.code, "message_ja": words.ja, "message_en": words.en });
        if let Denial::InvalidField(field) = self {
            body["field"] = json!(field);
        }
        if let Denial::Prove(challenge) = self {
            body["challenge"] = json!(challenge.text());
            body["bits"] = json!(challenge.bits());
        }
        let mut response = (status, Json(body)).into_response();
        if self == Denial::StaleNonce {
            let why = HeaderValue::from_static("DPoP error=\"use_dpop_nonce\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, why);
        }
        if let Denial::Wait(_, seconds) = self {
            let seconds = HeaderValue::from(seconds);
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }
}

/// The one place where a fault becomes an answer; a fault carries no secrets, so it is logged as it is.
impl From<Fault> for Denial {
    fn from(fault: Fault) -> Self {
        tracing::error!(fault = %fault, "a request could not be served");
        Denial::Unavailable
    }
}

impl From<Words> for Denial {
    fn from(words: Words) -> Self {
        Denial::Refused(words)
    }
}

/// A successful answer.
pub fn done(body: serde_json::Value) -> Response {
    Json(body).into_response()
}
