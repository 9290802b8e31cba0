//! Requests about money that is set aside and taken later: pre-authorise, capture, revert.

use std::borrow::Cow;

use super::id::{ISSUED, MERCHANT_CHOSEN};
use super::member::{FieldError, Member, Rule, UNKEPT, read_object};
use super::payment::{
    AMOUNT, AMOUNT_DESCRIPTION_MEMBER, AMOUNT_MEMBER, CreatePayment, EPOCH_SECONDS,
    MERCHANT_PAYMENT_ID, MERCHANT_PAYMENT_ID_MEMBER, METADATA_MEMBER, ORDER_DESCRIPTION,
    ORDER_DESCRIPTION_MEMBER, ORDER_ITEMS_MEMBER, ORDER_RECEIPT_NUMBER,
    ORDER_RECEIPT_NUMBER_MEMBER, PAYER, PRODUCT_TYPE_MEMBER, REQUESTED_AT, REQUESTED_AT_MEMBER,
    STORE_ID, TERMINAL_ID, TEXT_255, bounded, member,
};

// The slots of the request for a payment, and two more.
const EXPIRES_AT: u8 = 8;
const MERCHANT_CAPTURE_ID: u8 = PAYER;
const MERCHANT_REVERT_ID: u8 = MERCHANT_PAYMENT_ID;
const PAYMENT_ID: u8 = PAYER;
const REASON: u8 = ORDER_DESCRIPTION;

pub(crate) const PREAUTHORIZE_PAYMENT: &[Member] = &[
    MERCHANT_PAYMENT_ID_MEMBER,
    member(
        "userAuthorizationId",
        "userAuthorizationId",
        ISSUED,
        true,
        PAYER,
        "The authorisation a user gave this merchant.",
    ),
    AMOUNT_MEMBER,
    REQUESTED_AT_MEMBER,
    member(
        "expiresAt",
        "expiresAt",
        EPOCH_SECONDS,
        false,
        EXPIRES_AT,
        "Until when the amount may be captured, in seconds since 1970: at most 30 days ahead, which is also what is taken \
         where nothing is said.",
    ),
    member(
        "storeId",
        "storeId",
        TEXT_255,
        false,
        STORE_ID,
        "The store.",
    ),
    member(
        "terminalId",
        "terminalId",
        TEXT_255,
        false,
        TERMINAL_ID,
        "The till.",
    ),
    ORDER_RECEIPT_NUMBER_MEMBER,
    ORDER_DESCRIPTION_MEMBER,
    ORDER_ITEMS_MEMBER,
    METADATA_MEMBER,
    PRODUCT_TYPE_MEMBER,
    AMOUNT_DESCRIPTION_MEMBER,
];

pub(crate) const CAPTURE_PAYMENT: &[Member] = &[
    member(
        "merchantPaymentId",
        "merchantPaymentId",
        MERCHANT_CHOSEN,
        true,
        MERCHANT_PAYMENT_ID,
        "The merchant's own id of the payment that set the amount aside.",
    ),
    member(
        "merchantCaptureId",
        "merchantCaptureId",
        MERCHANT_CHOSEN,
        true,
        MERCHANT_CAPTURE_ID,
        "The merchant's own id of the capture. An amount set aside is captured once, whatever the id of the second try.",
    ),
    AMOUNT_MEMBER,
    REQUESTED_AT_MEMBER,
    ORDER_DESCRIPTION_MEMBER,
    METADATA_MEMBER,
];

pub(crate) const REVERT_PREAUTHORIZATION: &[Member] = &[
    member(
        "merchantRevertId",
        "merchantRevertId",
        MERCHANT_CHOSEN,
        true,
        MERCHANT_REVERT_ID,
        "The merchant's own id of the revert.",
    ),
    member(
        "paymentId",
        "paymentId",
        ISSUED,
        true,
        PAYMENT_ID,
        "Our id of the payment that set the amount aside, from its answer.",
    ),
    REQUESTED_AT_MEMBER,
    member(
        "reason",
        "reason",
        TEXT_255,
        false,
        REASON,
        "Why, in the merchant's words.",
    ),
    member(
        "metadata",
        "metadata",
        Rule::Anything,
        false,
        UNKEPT,
        "Ignored; older SDKs send it.",
    ),
];

/// A checked `POST /v2/payments/preauthorize`: a payment whose amount is only set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreauthorizePayment<'a> {
    /// Who pays how much for what.
    pub payment: CreatePayment<'a>,
    /// Until when it may be captured, in seconds since 1970.
    pub expires_at_seconds: Option<i64>,
}

/// A checked `POST /v2/payments/capture`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturePayment<'a> {
    /// The merchant's own id of the payment: 1 to 64 of `A-Z a-z 0-9 - _`.
    pub merchant_payment_id: Cow<'a, str>,
    /// The merchant's own id of the capture, of the same kind.
    pub merchant_capture_id: Cow<'a, str>,
    /// Whole yen, 1 up to the bound that was passed to the parser.
    pub amount_yen: i64,
    /// When the merchant asked, in seconds since 1970.
    pub requested_at_seconds: Option<i64>,
    /// What the payment is for, up to 255 characters.
    pub order_description: Option<Cow<'a, str>>,
}

/// A checked `POST /v2/payments/preauthorize/revert`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevertPreauthorization<'a> {
    /// The merchant's own id: 1 to 64 of `A-Z a-z 0-9 - _`.
    pub merchant_revert_id: Cow<'a, str>,
    /// Our id of the payment as sent, 1 to 64 characters; see [`super::id::parse_payment_id`].
    pub payment_id: Cow<'a, str>,
    /// When the merchant asked, in seconds since 1970.
    pub requested_at_seconds: Option<i64>,
    /// Why, in the merchant's words, up to 255 characters.
    pub reason: Option<Cow<'a, str>>,
}

impl<'a> PreauthorizePayment<'a> {
    /// Parses and checks a request body. `amount_yen_max` is the largest payment the platform takes, at most
    /// [`super::member::AMOUNT_YEN_MAX`].
    pub fn parse(body: &'a [u8], amount_yen_max: i64) -> Result<Self, FieldError> {
        let mut slots = read_object(body, PREAUTHORIZE_PAYMENT)?;
        Ok(PreauthorizePayment {
            payment: CreatePayment {
                merchant_payment_id: slots.text(MERCHANT_PAYMENT_ID).unwrap_or_default(),
                user_authorization_id: slots.text(PAYER).unwrap_or_default(),
                amount_yen: bounded(slots.integer(AMOUNT), amount_yen_max)?,
                requested_at_seconds: slots.integer(REQUESTED_AT),
                store_id: slots.text(STORE_ID),
                terminal_id: slots.text(TERMINAL_ID),
                order_receipt_number: slots.text(ORDER_RECEIPT_NUMBER),
                order_description: slots.text(ORDER_DESCRIPTION),
                categories: slots.collected(),
            },
            expires_at_seconds: slots.integer(EXPIRES_AT),
        })
    }
}

impl<'a> CapturePayment<'a> {
    /// Parses and checks a request body; the bound is that of [`PreauthorizePayment::parse`].
    pub fn parse(body: &'a [u8], amount_yen_max: i64) -> Result<Self, FieldError> {
        let mut slots = read_object(body, CAPTURE_PAYMENT)?;
        Ok(CapturePayment {
            merchant_payment_id: slots.text(MERCHANT_PAYMENT_ID).unwrap_or_default(),
            merchant_capture_id: slots.text(MERCHANT_CAPTURE_ID).unwrap_or_default(),
            amount_yen: bounded(slots.integer(AMOUNT), amount_yen_max)?,
            requested_at_seconds: slots.integer(REQUESTED_AT),
            order_description: slots.text(ORDER_DESCRIPTION),
        })
    }
}

impl<'a> RevertPreauthorization<'a> {
    /// Parses and checks a request body.
    pub fn parse(body: &'a [u8]) -> Result<Self, FieldError> {
        let mut slots = read_object(body, REVERT_PREAUTHORIZATION)?;
        Ok(RevertPreauthorization {
            merchant_revert_id: slots.text(MERCHANT_REVERT_ID).unwrap_or_default(),
            payment_id: slots.text(PAYMENT_ID).unwrap_or_default(),
            requested_at_seconds: slots.integer(REQUESTED_AT),
            reason: slots.text(REASON),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opa::member::Why;

    #[test]
    fn the_bodies_of_the_sdks_are_read() {
        let body = r#"{"merchantPaymentId":"mp-1","userAuthorizationId":"ua-1","amount":{"amount":6000,"currency":"JPY"},"requestedAt":1700000000,"expiresAt":1700086400,"storeId":"7"}"#;
        let asked = PreauthorizePayment::parse(body.as_bytes(), 10_000).unwrap();
        assert_eq!(asked.payment.amount_yen, 6_000);
        assert_eq!(asked.payment.store_id.as_deref(), Some("7"));
        assert_eq!(asked.expires_at_seconds, Some(1_700_086_400));
        let body = r#"{"merchantPaymentId": "mp-1", "amount": {"amount": 1500, "currency": "JPY"}, "merchantCaptureId": "cp-1", "requestedAt": 1700000000, "orderDescription": "x"}"#;
        let asked = CapturePayment::parse(body.as_bytes(), 10_000).unwrap();
        assert_eq!(asked.merchant_payment_id, "mp-1");
        assert_eq!(asked.merchant_capture_id, "cp-1");
        assert_eq!(asked.order_description.as_deref(), Some("x"));
        let body = r#"{"merchantRevertId":"rv-1","paymentId":"400000000001","requestedAt":1700000000,"reason":"r"}"#;
        let asked = RevertPreauthorization::parse(body.as_bytes()).unwrap();
        assert_eq!(asked.payment_id, "400000000001");
        assert_eq!(asked.merchant_revert_id, "rv-1");
        assert_eq!(asked.reason.as_deref(), Some("r"));
    }

    #[test]
    fn every_field_wrong_names_itself() {
        for (body, field, why) in [
            (
                r#"{"amount":{"amount":1,"currency":"JPY"},"merchantCaptureId":"c"}"#,
                "merchantPaymentId",
                Why::Missing,
            ),
            (
                r#"{"merchantPaymentId":"m","amount":{"amount":1,"currency":"JPY"}}"#,
                "merchantCaptureId",
                Why::Missing,
            ),
            (
                r#"{"merchantPaymentId":"m","merchantCaptureId":"c"}"#,
                "amount",
                Why::Missing,
            ),
        ] {
            let error = CapturePayment::parse(body.as_bytes(), 10).unwrap_err();
            assert_eq!(error, FieldError { field, why }, "{body}");
        }
        let error = RevertPreauthorization::parse(br#"{"merchantRevertId":"r"}"#).unwrap_err();
        assert_eq!(error.field, "paymentId");
    }
}
