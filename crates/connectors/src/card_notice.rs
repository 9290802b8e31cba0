//! Signed webhooks of the card processor.
//!
//! A notice says that something happened to a payment; it comes late, twice, out of order or never. So it
//! carries no state to act on: it names the payment, and [`CardProcessor::retrieve`](crate::card::CardProcessor::retrieve)
//! tells the present. A forged notice can at worst make us ask the processor once more.

use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

use crate::card::{CardReference, TopUpKey, is_token};
use crate::secret::Secret;

/// How far the time in a signature may be from ours, in seconds, in either direction.
pub const TOLERANCE_SECONDS: i64 = 300;
/// Signatures in one header that are tried; a processor sends two while it changes its secret.
const SIGNATURES_MAX: usize = 8;
/// Bytes of a notice. Ours are a few kilobytes.
pub const NOTICE_BYTES_MAX: usize = 256 * 1024;

/// What a verified webhook is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardNotice {
    /// The processor's id of the event: the same one may come more than once.
    pub event: String,
    pub kind: NoticeKind,
    /// The payment: a hosted page or an intent, whichever the event is about.
    pub reference: Option<CardReference>,
    /// Our name for the top-up, if the event carries it.
    pub key: Option<TopUpKey>,
    /// The charge, `ch_…`, where the event is about one: a dispute names its charge and not the top-up.
    pub charge: Option<String>,
}

/// What happened, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// The money was taken.
    Succeeded,
    /// A card was refused; another one may follow.
    Failed,
    /// The payment was called off or its page has closed.
    Cancelled,
    Refunded,
    /// The cardholder disputes the charge at the issuer, or such a dispute has ended.
    Disputed,
    /// Something else; take note and answer 200.
    Other,
}

/// Why a webhook is not believed. Answer 400 without the reason: the sender may be an attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeRefusal {
    /// The signature header is missing parts or is not in its format.
    HeaderMalformed,
    /// Signed more than [`TOLERANCE_SECONDS`] ago or ahead: perhaps an old one played again.
    Stale,
    SignatureWrong,
    /// Signed, and yet not an event; or longer than [`NOTICE_BYTES_MAX`].
    BodyUnreadable,
}

/// Verifies a webhook: `header` is the `Stripe-Signature` header, `body` the bytes exactly as received,
/// `now_micros` the present in microseconds UTC.
pub fn verify_notice(
    secret: &Secret,
    header: &str,
    body: &[u8],
    now_micros: i64,
) -> Result<CardNotice, NoticeRefusal> {
    if body.len() > NOTICE_BYTES_MAX {
        return Err(NoticeRefusal::BodyUnreadable);
    }
    let mut signed_at: Option<&str> = None;
    let mut signatures: Vec<[u8; 32]> = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", value)) if signed_at.is_none() => signed_at = Some(value),
            Some(("v1", value)) if signatures.len() < SIGNATURES_MAX => {
                signatures.extend(from_hex(value))
            }
            // Other schemes (v0, v2 …) are for others.
            _ => {}
        }
    }
    let signed_at = signed_at.ok_or(NoticeRefusal::HeaderMalformed)?;
    let seconds: i64 = signed_at
        .parse()
        .map_err(|_| NoticeRefusal::HeaderMalformed)?;
    if signatures.is_empty() {
        return Err(NoticeRefusal::HeaderMalformed);
    }
    // The signature is checked first: a sender without the secret learns nothing about the rest.
    let genuine = signatures.iter().any(|signature| {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) else {
            return false;
        };
        for part in [signed_at.as_bytes(), b".", body] {
            mac.update(part);
        }
        // Compares in constant time.
        mac.verify_slice(signature).is_ok()
    });
    if !genuine {
        return Err(NoticeRefusal::SignatureWrong);
    }
    if now_micros.div_euclid(1_000_000).abs_diff(seconds) > TOLERANCE_SECONDS.unsigned_abs() {
        return Err(NoticeRefusal::Stale);
    }
    read(body).ok_or(NoticeRefusal::BodyUnreadable)
}

#[derive(Deserialize)]
struct EventWire {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: DataWire,
}

#[derive(Deserialize)]
struct DataWire {
    object: ObjectWire,
}

#[derive(Deserialize)]
struct ObjectWire {
    id: Option<String>,
    /// Names the intent where the object is a charge or a dispute.
    payment_intent: Option<serde_json::Value>,
    /// Names the charge where the object is a dispute.
    charge: Option<serde_json::Value>,
    client_reference_id: Option<String>,
    #[serde(default)]
    metadata: std::collections::BTreeMap<String, String>,
}

fn read(body: &[u8]) -> Option<CardNotice> {
    let event: EventWire = serde_json::from_slice(body).ok()?;
    let kind = match event.kind.as_str() {
        "payment_intent.succeeded" | "checkout.session.completed" => NoticeKind::Succeeded,
        "payment_intent.payment_failed" => NoticeKind::Failed,
        "payment_intent.canceled" | "checkout.session.expired" => NoticeKind::Cancelled,
        "charge.refunded" => NoticeKind::Refunded,
        "charge.dispute.created" | "charge.dispute.closed" => NoticeKind::Disputed,
        _ => NoticeKind::Other,
    };
    let object = event.data.object;
    let intent_of_charge = object
        .payment_intent
        .as_ref()
        .and_then(|intent| intent.as_str())
        .map(str::to_owned);
    let charge = object
        .charge
        .as_ref()
        .and_then(|charge| charge.as_str())
        .or(object.id.as_deref())
        .filter(|id| id.starts_with("ch_") && is_token(id, 255))
        .map(str::to_owned);
    let own = object.id.and_then(CardReference::new);
    let key = object
        .client_reference_id
        .or_else(|| object.metadata.get("top_up").cloned());
    Some(CardNotice {
        event: event.id,
        kind,
        reference: own.or_else(|| intent_of_charge.and_then(CardReference::new)),
        key: key.and_then(TopUpKey::new),
        charge,
    })
}

/// 64 hexadecimal digits as 32 bytes.
fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = [pair[0], pair[1]].map(|digit| char::from(digit).to_digit(16));
        *byte = (high? * 16 + low?) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 1_492_774_577;
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;
    /// Made with `printf '%s' '1492774577.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test`.
    const SIGNATURE: &str = "7656fc2882a7ca0a651666b36bf2f2f22ee204f54f608f227498a2419f2890b2";

    fn verify(header: &str, body: &[u8], now_seconds: i64) -> Result<CardNotice, NoticeRefusal> {
        verify_notice(
            &Secret::new("whsec_test"),
            header,
            body,
            now_seconds * 1_000_000,
        )
    }

    #[test]
    fn each_refusal_has_its_reason() {
        let good = format!("t={AT},v1={SIGNATURE}");
        let zero = "0".repeat(64);
        // A genuine signature over something that is no event is as far as this vector gets.
        for (header, body, now, expected) in [
            (good.clone(), BODY, AT, NoticeRefusal::BodyUnreadable),
            (good.clone(), BODY, AT + 300, NoticeRefusal::BodyUnreadable),
            (good.clone(), BODY, AT + 301, NoticeRefusal::Stale),
            (good.clone(), BODY, AT - 301, NoticeRefusal::Stale),
            (
                good.clone(),
                br#"{"id":"evt_2"}"#,
                AT,
                NoticeRefusal::SignatureWrong,
            ),
            (
                format!("t={AT},v1={zero},v1={SIGNATURE}"),
                BODY,
                AT,
                NoticeRefusal::BodyUnreadable,
            ),
            (
                format!("t={AT},v0={SIGNATURE}"),
                BODY,
                AT,
                NoticeRefusal::HeaderMalformed,
            ),
            (
                format!("t={},v1={SIGNATURE}", AT + 1),
                BODY,
                AT,
                NoticeRefusal::SignatureWrong,
            ),
            (
                format!("v1={SIGNATURE}"),
                BODY,
                AT,
                NoticeRefusal::HeaderMalformed,
            ),
            (
                format!("t=soon,v1={SIGNATURE}"),
                BODY,
                AT,
                NoticeRefusal::HeaderMalformed,
            ),
            (
                format!("t={AT},v1=abc"),
                BODY,
                AT,
                NoticeRefusal::HeaderMalformed,
            ),
            (String::new(), BODY, AT, NoticeRefusal::HeaderMalformed),
        ] {
            assert_eq!(verify(&header, body, now), Err(expected), "{header}");
        }
    }

    #[test]
    fn an_event_names_its_payment_and_its_top_up() {
        for (body, expected) in [
            (
                r#"{"id":"e","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1","metadata":{"top_up":"1-7"}}}}"#,
                (NoticeKind::Succeeded, Some("pi_1"), Some("1-7"), None),
            ),
            (
                r#"{"id":"e","type":"checkout.session.expired","data":{"object":{"id":"cs_1","client_reference_id":"1-7"}}}"#,
                (NoticeKind::Cancelled, Some("cs_1"), Some("1-7"), None),
            ),
            (
                r#"{"id":"e","type":"charge.refunded","data":{"object":{"id":"ch_1","payment_intent":"pi_1"}}}"#,
                (NoticeKind::Refunded, Some("pi_1"), None, Some("ch_1")),
            ),
            (
                r#"{"id":"e","type":"charge.dispute.created","data":{"object":{"id":"du_1","charge":"ch_1","payment_intent":"pi_1"}}}"#,
                (NoticeKind::Disputed, Some("pi_1"), None, Some("ch_1")),
            ),
            (
                r#"{"id":"e","type":"charge.dispute.closed","data":{"object":{"id":"du_1","charge":"../ch","payment_intent":"pi_1"}}}"#,
                (NoticeKind::Disputed, Some("pi_1"), None, None),
            ),
            (
                r#"{"id":"e","type":"customer.created","data":{"object":{"id":"../../x"}}}"#,
                (NoticeKind::Other, None, None, None),
            ),
        ] {
            let notice = read(body.as_bytes()).expect(body);
            let reference = notice.reference.as_ref().map(CardReference::as_str);
            assert_eq!(
                (
                    notice.kind,
                    reference,
                    notice.key.as_ref().map(TopUpKey::as_str),
                    notice.charge.as_deref(),
                ),
                expected
            );
        }
    }
}
