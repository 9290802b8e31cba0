//! A Twilio-shaped SMS service: what is sent through it lands in the inbox.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use serde_json::{Value, json};

use crate::draw::Draw;
use crate::faults::Faults;
use crate::inbox::{Arrival, Inbox, MessageKind};

const BODY_BYTES_MAX: usize = 32 * 1024;
/// Characters of one message, as the real service limits them.
const TEXT_MAX: usize = 1_600;

pub(crate) struct SmsService {
    pub(crate) account: String,
    pub(crate) token: String,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) draw: Mutex<Draw>,
}

/// The service's one call.
pub(crate) fn router(service: SmsService) -> Router {
    Router::new()
        .route("/2010-04-01/Accounts/{account}/Messages.json", post(send))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::new(service))
}

async fn send(
    State(service): State<Arc<SmsService>>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !service.authorised(&headers) || account != service.account {
        return refuse(StatusCode::UNAUTHORIZED, 20003, "Authenticate");
    }
    if service.faults.strike(|plan| &mut plan.fail_next_sms) {
        return refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            20500,
            "An injected fault: nothing was sent.",
        );
    }
    let field = |wanted: &str| {
        form_urlencoded::parse(&body)
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    let (to, from, text) = (field("To"), field("From"), field("Body"));
    if to.is_empty() {
        return refuse(
            StatusCode::BAD_REQUEST,
            21604,
            "A 'To' phone number is required.",
        );
    }
    if !is_e164(&to) {
        return refuse(StatusCode::BAD_REQUEST, 21211, "Invalid 'To' Phone Number");
    }
    if from.is_empty() {
        return refuse(
            StatusCode::BAD_REQUEST,
            21603,
            "A 'From' phone number is required.",
        );
    }
    if text.is_empty() {
        return refuse(StatusCode::BAD_REQUEST, 21602, "Message body is required.");
    }
    if text.chars().count() > TEXT_MAX {
        return refuse(
            StatusCode::BAD_REQUEST,
            21617,
            "The concatenated message body exceeds the 1600 character limit",
        );
    }
    let sid = service
        .draw
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .hex_id("SM");
    let answer = service.receipt(&sid, &to, &from, &text);
    service.inbox.receive(Arrival {
        kind: MessageKind::Sms,
        from,
        to,
        subject: None,
        text,
    });
    (StatusCode::CREATED, Json(answer)).into_response()
}

impl SmsService {
    fn authorised(&self, headers: &HeaderMap) -> bool {
        let pair = format!("{}:{}", self.account, self.token);
        let expected = format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(pair)
        );
        headers
            .get(header::AUTHORIZATION)
            .is_some_and(|given| given.as_bytes() == expected.as_bytes())
    }

    fn receipt(&self, sid: &str, to: &str, from: &str, text: &str) -> Value {
        json!({
            "sid": sid,
            "account_sid": self.account,
            "api_version": "2010-04-01",
            "body": text,
            "direction": "outbound-api",
            "error_code": null,
            "error_message": null,
            "from": from,
            "num_segments": "1",
            "status": "queued",
            "to": to,
            "uri": format!("/2010-04-01/Accounts/{}/Messages/{sid}.json", self.account),
        })
    }
}

/// A plus and 8 to 15 digits.
fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn refuse(status: StatusCode, code: u32, message: &str) -> Response {
    let more = format!("https://www.twilio.com/docs/errors/{code}");
    let body =
        json!({ "code": code, "message": message, "more_info": more, "status": status.as_u16() });
    (status, Json(body)).into_response()
}
