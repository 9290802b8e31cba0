//! Answers: writers that render one straight into a byte buffer, each under a code of the closed table ([`ResultCode`]).
//!
//! Every answer, whatever its status, is `{"resultInfo":{"code","message","codeId"},"data":…}`: the official SDKs index
//! `code` and `codeId` without looking first, and some fail on an empty body.

use super::id::push_user_authorization_id;
use super::member::FieldError;

pub use super::result_code::{ResultCode, ResultRow};

/// State of a payment on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentStatus {
    /// Asked for and not decided yet.
    Created,
    /// Set aside for a later capture.
    Authorized,
    /// What was set aside went back, by the merchant's revert or the cancel.
    Canceled,
    /// What was set aside went back, because it was not captured in time.
    Expired,
    /// Paid.
    Completed,
    /// Paid, and all of it given back. A partial refund leaves a payment `COMPLETED`; its list of refunds tells.
    Refunded,
    /// Undone by a cancel, or never paid.
    Failed,
}

impl PaymentStatus {
    /// All of them.
    pub const ALL: &'static [PaymentStatus] = &[
        PaymentStatus::Created,
        PaymentStatus::Authorized,
        PaymentStatus::Canceled,
        PaymentStatus::Expired,
        PaymentStatus::Completed,
        PaymentStatus::Refunded,
        PaymentStatus::Failed,
    ];

    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            PaymentStatus::Created => "CREATED",
            PaymentStatus::Authorized => "AUTHORIZED",
            PaymentStatus::Canceled => "CANCELED",
            PaymentStatus::Expired => "EXPIRED",
            PaymentStatus::Completed => "COMPLETED",
            PaymentStatus::Refunded => "REFUNDED",
            PaymentStatus::Failed => "FAILED",
        }
    }
}

/// State of a refund on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundStatus {
    /// Accepted, not carried out yet.
    Created,
    /// The money is back in the wallet.
    Refunded,
}

impl RefundStatus {
    /// All of them.
    pub const ALL: &'static [RefundStatus] = &[RefundStatus::Created, RefundStatus::Refunded];

    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            RefundStatus::Created => "CREATED",
            RefundStatus::Refunded => "REFUNDED",
        }
    }
}

/// A payment as a merchant sees it. Amounts are whole yen, instants seconds since 1970 UTC.
#[derive(Clone, Copy, Debug)]
pub struct PaymentView<'a> {
    /// Our id.
    pub payment_id: u64,
    /// Its state.
    pub status: PaymentStatus,
    /// When it was paid; 0 if it was not.
    pub accepted_at_seconds: i64,
    /// The merchant's own id.
    pub merchant_payment_id: &'a str,
    /// The authorisation it was paid with; `None` for a scanned code.
    pub user_authorization_id: Option<u128>,
    /// Its amount.
    pub amount_yen: i64,
    /// When the merchant asked, as first sent; 0 if it was not sent.
    pub requested_at_seconds: i64,
    /// Until when it may be captured; `None` for what was paid at once.
    pub expires_at_seconds: Option<i64>,
    /// When it was cancelled.
    pub canceled_at_seconds: Option<i64>,
    /// The store as the merchant names it.
    pub store_id: Option<&'a str>,
    /// The till as the merchant names it.
    pub terminal_id: Option<&'a str>,
    /// The merchant's receipt number.
    pub order_receipt_number: Option<&'a str>,
    /// What it is for.
    pub order_description: Option<&'a str>,
    /// What was given back, oldest first.
    pub refunds: &'a [RefundView<'a>],
    /// What was taken of an amount set aside.
    pub capture: Option<CaptureView<'a>>,
    /// That an amount set aside went back.
    pub revert: Option<RevertView<'a>>,
}

/// The capture of an amount set aside. Amounts are whole yen, instants seconds since 1970 UTC.
#[derive(Clone, Copy, Debug)]
pub struct CaptureView<'a> {
    /// When it was taken.
    pub accepted_at_seconds: i64,
    /// The merchant's own id, in the answer to the capture itself.
    pub merchant_capture_id: Option<&'a str>,
    /// What was taken.
    pub amount_yen: i64,
    /// What it is for, in the answer to the capture itself.
    pub order_description: Option<&'a str>,
    /// When the merchant asked, in the answer to the capture itself; 0 elsewhere.
    pub requested_at_seconds: i64,
}

/// The return of an amount set aside. Instants are seconds since 1970 UTC.
#[derive(Clone, Copy, Debug)]
pub struct RevertView<'a> {
    /// When it went back.
    pub accepted_at_seconds: i64,
    /// The merchant's own id, in the answer to the revert itself.
    pub merchant_revert_id: Option<&'a str>,
    /// When the merchant asked, in the answer to the revert itself; 0 elsewhere.
    pub requested_at_seconds: i64,
    /// Why, in the answer to the revert itself.
    pub reason: Option<&'a str>,
}

/// A refund as a merchant sees it. Amounts are whole yen, instants seconds since 1970 UTC.
#[derive(Clone, Copy, Debug)]
pub struct RefundView<'a> {
    /// Its state.
    pub status: RefundStatus,
    /// When it was accepted.
    pub accepted_at_seconds: i64,
    /// The merchant's own id.
    pub merchant_refund_id: &'a str,
    /// Our id of the payment.
    pub payment_id: u64,
    /// Its amount.
    pub amount_yen: i64,
    /// When the merchant asked, as first sent; 0 if it was not sent.
    pub requested_at_seconds: i64,
    /// Why, in the merchant's words.
    pub reason: Option<&'a str>,
}

/// Writes an answer without an object: every refusal, and what was only accepted.
pub fn write_result(out: &mut Vec<u8>, result: ResultCode) {
    info(out, result, &[]);
    out.extend_from_slice(b"null}");
}

/// Writes the refusal of a wrong field, named in the message; its status is that of [`FieldError::result_code`].
pub fn write_field_error(out: &mut Vec<u8>, error: &FieldError) {
    info(out, error.result_code(), &[": ", &error.to_string()]);
    out.extend_from_slice(b"null}");
}

/// Writes an answer that carries a payment.
pub fn write_payment(out: &mut Vec<u8>, result: ResultCode, payment: &PaymentView<'_>) {
    out.reserve(640);
    info(out, result, &[]);
    push_payment(out, payment);
    out.push(b'}');
}

/// Writes an answer that carries a refund.
pub fn write_refund(out: &mut Vec<u8>, result: ResultCode, refund: &RefundView<'_>) {
    out.reserve(384);
    info(out, result, &[]);
    push_refund(out, refund);
    out.push(b'}');
}

/// Writes the answer to a revert: what became of the payment, and no payment.
pub fn write_revert(
    out: &mut Vec<u8>,
    result: ResultCode,
    payment_id: u64,
    revert: &RevertView<'_>,
) {
    info(out, result, &[]);
    push(out, r#"{"status":""#);
    push(out, PaymentStatus::Canceled.word());
    push(out, r#"","paymentId":""#);
    push_number(out, payment_id);
    push(out, r#"","#);
    push_revert_members(out, revert);
    push(out, "}}");
}

/// Writes everything up to the value of `data`. Codes, ids and messages are our own constants without anything to
/// escape (a test holds the table to that); `more` is not.
fn info(out: &mut Vec<u8>, result: ResultCode, more: &[&str]) {
    let row = result.row();
    push(out, r#"{"resultInfo":{"code":""#);
    push(out, row.code);
    push(out, r#"","message":""#);
    push(out, row.message);
    more.iter().for_each(|text| push_escaped(out, text));
    push(out, r#"","codeId":""#);
    push(out, row.code_id);
    push(out, r#""},"data":"#);
}

fn push_payment(out: &mut Vec<u8>, payment: &PaymentView<'_>) {
    push(out, r#"{"paymentId":""#);
    push_number(out, payment.payment_id);
    push(out, r#"","status":""#);
    push(out, payment.status.word());
    push(out, r#"","acceptedAt":"#);
    push_number(out, payment.accepted_at_seconds);
    push(out, r#","merchantPaymentId":"#);
    push_text(out, payment.merchant_payment_id);
    if let Some(id) = payment.user_authorization_id {
        push(out, r#","userAuthorizationId":""#);
        push_user_authorization_id(id, &mut |byte| out.push(byte));
        out.push(b'"');
    }
    push_amount(out, payment.amount_yen);
    push(out, r#","requestedAt":"#);
    push_number(out, payment.requested_at_seconds);
    if let Some(at) = payment.expires_at_seconds {
        push(out, r#","expiresAt":"#);
        push_number(out, at);
    }
    if let Some(at) = payment.canceled_at_seconds {
        push(out, r#","canceledAt":"#);
        push_number(out, at);
    }
    for (name, text) in [
        (r#","storeId":"#, payment.store_id),
        (r#","terminalId":"#, payment.terminal_id),
        (r#","orderReceiptNumber":"#, payment.order_receipt_number),
        (r#","orderDescription":"#, payment.order_description),
    ] {
        push(out, name);
        push_text_or_null(out, text);
    }
    push(out, r#","orderItems":null,"refunds":"#);
    if payment.refunds.is_empty() {
        push(out, "null");
    } else {
        push(out, r#"{"data":["#);
        for (index, refund) in payment.refunds.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            push_refund(out, refund);
        }
        push(out, "]}");
    }
    push(out, r#","captures":"#);
    match &payment.capture {
        Some(capture) => push_captures(out, capture),
        None => push(out, "null"),
    }
    push(out, r#","revert":"#);
    match &payment.revert {
        Some(revert) => {
            out.push(b'{');
            push_revert_members(out, revert);
            out.push(b'}');
        }
        None => push(out, "null"),
    }
    push(out, r#","paymentMethods":[{"type":"WALLET""#);
    push_amount(out, payment.amount_yen);
    push(out, "}]}");
}

/// The list of captures: there is at most one.
fn push_captures(out: &mut Vec<u8>, capture: &CaptureView<'_>) {
    push(out, r#"{"data":[{"status":"COMPLETED","acceptedAt":"#);
    push_number(out, capture.accepted_at_seconds);
    push(out, r#","merchantCaptureId":"#);
    push_text_or_null(out, capture.merchant_capture_id);
    push_amount(out, capture.amount_yen);
    push(out, r#","orderDescription":"#);
    push_text_or_null(out, capture.order_description);
    push(out, r#","requestedAt":"#);
    push_number(out, capture.requested_at_seconds);
    push(out, "}]}");
}

fn push_revert_members(out: &mut Vec<u8>, revert: &RevertView<'_>) {
    push(out, r#""acceptedAt":"#);
    push_number(out, revert.accepted_at_seconds);
    push(out, r#","merchantRevertId":"#);
    push_text_or_null(out, revert.merchant_revert_id);
    push(out, r#","requestedAt":"#);
    push_number(out, revert.requested_at_seconds);
    push(out, r#","reason":"#);
    push_text_or_null(out, revert.reason);
}

fn push_refund(out: &mut Vec<u8>, refund: &RefundView<'_>) {
    push(out, r#"{"status":""#);
    push(out, refund.status.word());
    push(out, r#"","acceptedAt":"#);
    push_number(out, refund.accepted_at_seconds);
    push(out, r#","merchantRefundId":"#);
    push_text(out, refund.merchant_refund_id);
    push(out, r#","paymentId":""#);
    push_number(out, refund.payment_id);
    out.push(b'"');
    push_amount(out, refund.amount_yen);
    push(out, r#","requestedAt":"#);
    push_number(out, refund.requested_at_seconds);
    push(out, r#","reason":"#);
    push_text_or_null(out, refund.reason);
    out.push(b'}');
}

fn push_amount(out: &mut Vec<u8>, yen: i64) {
    push(out, r#","amount":{"amount":"#);
    push_number(out, yen);
    push(out, r#","currency":"JPY"}"#);
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn push_number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn push_text_or_null(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => push_text(out, text),
        None => push(out, "null"),
    }
}

/// Writes a text as a JSON string.
fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_escaped(out, text);
    out.push(b'"');
}

/// Writes a text with what JSON demands escaped: quote, backslash and control characters. `<` is escaped as well, so that
/// an answer that is carelessly put into a page cannot open a tag there.
fn push_escaped(out: &mut Vec<u8>, text: &str) {
    const fn clean(byte: u8) -> bool {
        byte >= 0x20 && byte != b'"' && byte != b'\\' && byte != b'<'
    }
    let bytes = text.as_bytes();
    let mut rest = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if clean(byte) {
            continue;
        }
        out.extend_from_slice(&bytes[rest..at]);
        rest = at + 1;
        match byte {
            b'"' => push(out, "\\\""),
            b'\\' => push(out, "\\\\"),
            _ => {
                push(out, "\\u00");
                for nibble in [byte >> 4, byte & 0xF] {
                    out.push(b"0123456789abcdef"[usize::from(nibble)]);
                }
            }
        }
    }
    out.extend_from_slice(&bytes[rest..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opa::member::Why;
    use serde_json::{Value, json};

    fn payment() -> PaymentView<'static> {
        PaymentView {
            payment_id: 400_000_000_001,
            status: PaymentStatus::Completed,
            accepted_at_seconds: 1_700_000_001,
            merchant_payment_id: "mp-0001",
            user_authorization_id: None,
            amount_yen: 1_200,
            requested_at_seconds: 1_700_000_000,
            expires_at_seconds: None,
            canceled_at_seconds: None,
            store_id: Some("s-1"),
            terminal_id: None,
            order_receipt_number: None,
            order_description: Some("茶 \"上\" \\ \u{1}</script>"),
            refunds: &[],
            capture: None,
            revert: None,
        }
    }

    fn read(write: impl FnOnce(&mut Vec<u8>)) -> Value {
        let mut out = Vec::new();
        write(&mut out);
        serde_json::from_slice(&out)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out)))
    }

    #[test]
    fn a_payment_is_rendered_as_the_sdks_read_it() {
        let answer = read(|out| write_payment(out, ResultCode::Success, &payment()));
        let amount = json!({"amount": 1200, "currency": "JPY"});
        assert_eq!(
            answer,
            json!({
                "resultInfo": {"code": "SUCCESS", "message": "Success", "codeId": "08100001"},
                "data": {
                    "paymentId": "400000000001", "status": "COMPLETED", "acceptedAt": 1_700_000_001,
                    "merchantPaymentId": "mp-0001", "amount": amount, "requestedAt": 1_700_000_000,
                    "storeId": "s-1", "terminalId": null, "orderReceiptNumber": null,
                    "orderDescription": "茶 \"上\" \\ \u{1}</script>", "orderItems": null,
                    "refunds": null, "captures": null, "revert": null,
                    "paymentMethods": [{"type": "WALLET", "amount": amount}],
                },
            })
        );
    }

    #[test]
    fn a_cancelled_and_a_refunded_payment_show_it() {
        let refund = RefundView {
            status: RefundStatus::Refunded,
            accepted_at_seconds: 1_700_000_009,
            merchant_refund_id: "rf-1",
            payment_id: 400_000_000_001,
            amount_yen: 200,
            requested_at_seconds: 0,
            reason: Some("傷"),
        };
        let refunds = [
            refund,
            RefundView {
                merchant_refund_id: "rf-2",
                reason: None,
                ..refund
            },
        ];
        let answer = read(|out| {
            let shown = PaymentView {
                user_authorization_id: Some(0x0123_4567_89ab_cdef_0011_2233_4455_6677),
                canceled_at_seconds: Some(1_700_000_010),
                status: PaymentStatus::Failed,
                refunds: &refunds,
                ..payment()
            };
            write_payment(out, ResultCode::Success, &shown);
        });
        assert_eq!(
            answer["data"]["userAuthorizationId"],
            "01234567-89ab-cdef-0011-223344556677"
        );
        assert_eq!(answer["data"]["canceledAt"], 1_700_000_010);
        assert_eq!(answer["data"]["refunds"]["data"][0]["reason"], "傷");
        assert_eq!(
            answer["data"]["refunds"]["data"][1]["merchantRefundId"],
            "rf-2"
        );
        let alone = read(|out| write_refund(out, ResultCode::Created, &refund));
        assert_eq!(alone["data"], answer["data"]["refunds"]["data"][0]);
    }

    #[test]
    fn what_was_set_aside_tells_until_when_and_what_became_of_it() {
        let aside = PaymentView {
            status: PaymentStatus::Authorized,
            expires_at_seconds: Some(1_700_086_400),
            ..payment()
        };
        let answer = read(|out| write_payment(out, ResultCode::Success, &aside));
        assert_eq!(answer["data"]["status"], "AUTHORIZED");
        assert_eq!(answer["data"]["expiresAt"], 1_700_086_400);
        let capture = CaptureView {
            accepted_at_seconds: 1_700_000_009,
            merchant_capture_id: Some("cp-1"),
            amount_yen: 900,
            order_description: None,
            requested_at_seconds: 1_700_000_008,
        };
        let captured = PaymentView {
            status: PaymentStatus::Completed,
            capture: Some(capture),
            ..aside
        };
        let answer = read(|out| write_payment(out, ResultCode::Success, &captured));
        assert_eq!(
            answer["data"]["captures"]["data"],
            json!([{
                "status": "COMPLETED", "acceptedAt": 1_700_000_009, "merchantCaptureId": "cp-1",
                "amount": {"amount": 900, "currency": "JPY"}, "orderDescription": null,
                "requestedAt": 1_700_000_008,
            }])
        );
        let revert = RevertView {
            accepted_at_seconds: 1_700_000_010,
            merchant_revert_id: Some("rv-1"),
            requested_at_seconds: 0,
            reason: Some("中止"),
        };
        let answer = read(|out| write_revert(out, ResultCode::Success, 7, &revert));
        let members = json!({
            "acceptedAt": 1_700_000_010, "merchantRevertId": "rv-1", "requestedAt": 0, "reason": "中止",
        });
        let mut data = members.clone();
        data["status"] = "CANCELED".into();
        data["paymentId"] = "7".into();
        assert_eq!(answer["data"], data);
        let reverted = PaymentView {
            status: PaymentStatus::Canceled,
            revert: Some(revert),
            ..aside
        };
        let answer = read(|out| write_payment(out, ResultCode::Success, &reverted));
        assert_eq!(answer["data"]["revert"], members);
    }

    #[test]
    fn a_refusal_has_code_and_code_id_and_names_the_field() {
        let refusal = FieldError {
            field: "amount.amount",
            why: Why::OutOfBounds { min: 1, max: 9 },
        };
        assert_eq!(
            read(|out| write_field_error(out, &refusal)),
            json!({
                "resultInfo": {"code": "INVALID_REQUEST_PARAMS", "codeId": "08100006",
                    "message": "Invalid request params: amount.amount must be from 1 to 9"},
                "data": null,
            })
        );
        let refusal = FieldError {
            field: "merchantPaymentId",
            why: Why::Missing,
        };
        assert_eq!(
            read(|out| write_field_error(out, &refusal))["resultInfo"]["code"],
            "MISSING_REQUEST_PARAMS"
        );
    }

    #[test]
    fn every_result_code_renders_as_itself() {
        for &result in ResultCode::ALL {
            let row = result.row();
            let answer = read(|out| write_result(out, result));
            assert_eq!(
                answer["resultInfo"],
                json!({"code": row.code, "message": row.message, "codeId": row.code_id})
            );
            assert_eq!(answer["data"], Value::Null);
            assert!(
                (200..600).contains(&row.status)
                    && row.code_id.len() == 8
                    && row.message.len() <= 255,
                "{row:?}"
            );
        }
    }

    #[test]
    fn a_code_id_means_one_thing() {
        let mut rows: Vec<_> = ResultCode::ALL
            .iter()
            .map(|r| r.row())
            .filter(|r| r.status >= 300)
            .collect();
        rows.sort_by_key(|row| row.code_id);
        for pair in rows.windows(2) {
            assert_ne!(
                pair[0].code_id, pair[1].code_id,
                "{} and {}",
                pair[0].code, pair[1].code
            );
        }
    }
}
