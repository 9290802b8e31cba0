//! The request that gives money back.

use std::borrow::Cow;

use super::id::{ISSUED, MERCHANT_CHOSEN};
use super::member::{FieldError, Member, Rule, UNKEPT, read_object};
use super::payment::{EPOCH_SECONDS, MONEY, TEXT_255, bounded, member};

const MERCHANT_REFUND_ID: u8 = 0;
const PAYMENT_ID: u8 = 1;
const AMOUNT: u8 = 2; // fixed by `MONEY`
const REQUESTED_AT: u8 = 3;
const REASON: u8 = 4;

pub(crate) const CREATE_REFUND: &[Member] = &[
    member(
        "merchantRefundId",
        "merchantRefundId",
        MERCHANT_CHOSEN,
        true,
        MERCHANT_REFUND_ID,
        "The merchant's own id of the refund; a repeat is answered with the earlier result.",
    ),
    member(
        "paymentId",
        "paymentId",
        ISSUED,
        true,
        PAYMENT_ID,
        "Our id of the payment, from its answer.",
    ),
    member(
        "amount",
        "amount",
        Rule::Object(MONEY),
        true,
        UNKEPT,
        "What is to be given back.",
    ),
    member(
        "requestedAt",
        "requestedAt",
        EPOCH_SECONDS,
        false,
        REQUESTED_AT,
        "When the merchant asked, in seconds since 1970. Not part of what makes two requests equal.",
    ),
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
    member(
        "assumeMerchant",
        "assumeMerchant",
        Rule::Anything,
        false,
        UNKEPT,
        "Ignored; the signature names the merchant.",
    ),
];

/// A checked `POST /v2/refunds`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRefund<'a> {
    /// The merchant's own id: 1 to 64 of `A-Z a-z 0-9 - _`.
    pub merchant_refund_id: Cow<'a, str>,
    /// Our id of the payment as sent, 1 to 64 characters; see [`super::id::parse_payment_id`].
    pub payment_id: Cow<'a, str>,
    /// Whole yen, 1 up to the bound that was passed to the parser.
    pub amount_yen: i64,
    /// When the merchant asked, in seconds since 1970.
    pub requested_at_seconds: Option<i64>,
    /// Why, in the merchant's words, up to 255 characters.
    pub reason: Option<Cow<'a, str>>,
}

impl<'a> CreateRefund<'a> {
    /// Parses and checks a request body. `amount_yen_max` is the largest refund the platform takes, at most
    /// [`super::member::AMOUNT_YEN_MAX`].
    pub fn parse(body: &'a [u8], amount_yen_max: i64) -> Result<Self, FieldError> {
        let mut slots = read_object(body, CREATE_REFUND)?;
        Ok(CreateRefund {
            merchant_refund_id: slots.text(MERCHANT_REFUND_ID).unwrap_or_default(),
            payment_id: slots.text(PAYMENT_ID).unwrap_or_default(),
            amount_yen: bounded(slots.integer(AMOUNT), amount_yen_max)?,
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
    fn a_python_sdk_body_is_read() {
        let body = r#"{"merchantRefundId": "rf-0001", "paymentId": "400000000001", "amount": {"amount": 100, "currency": "JPY"}, "requestedAt": 1700000000, "assumeMerchant": null}"#;
        let refund = CreateRefund::parse(body.as_bytes(), 1_000).unwrap();
        assert_eq!(refund.merchant_refund_id, "rf-0001");
        assert_eq!(refund.payment_id, "400000000001");
        assert_eq!(refund.amount_yen, 100);
        assert_eq!(refund.reason, None);
    }

    #[test]
    fn every_field_wrong_names_itself() {
        #[rustfmt::skip]
        let table = [
            (r#"{"paymentId":"1","amount":{"amount":1,"currency":"JPY"}}"#, "merchantRefundId", Why::Missing),
            (r#"{"merchantRefundId":"r","amount":{"amount":1,"currency":"JPY"}}"#, "paymentId", Why::Missing),
            (r#"{"merchantRefundId":"r","paymentId":1,"amount":{"amount":1,"currency":"JPY"}}"#, "paymentId", Why::NotA("a text")),
            (r#"{"merchantRefundId":"r","paymentId":"","amount":{"amount":1,"currency":"JPY"}}"#, "paymentId", Why::TooShort(1)),
            (r#"{"merchantRefundId":"r","paymentId":"1\u0007","amount":{"amount":1,"currency":"JPY"}}"#, "paymentId", Why::Unprintable),
            (r#"{"merchantRefundId":"r","paymentId":"1"}"#, "amount", Why::Missing),
            (r#"{"merchantRefundId":"r","paymentId":"1","amount":{"amount":1001,"currency":"JPY"}}"#, "amount.amount", Why::OutOfBounds { min: 1, max: 1000 }),
            (r#"{"merchantRefundId":"r","paymentId":"1","amount":null}"#, "amount", Why::Null),
            (r#"{"merchantRefundId":"r!","paymentId":"1","amount":{"amount":1,"currency":"JPY"}}"#, "merchantRefundId", Why::NotIdentifier),
        ];
        for (body, field, why) in table {
            assert_eq!(
                CreateRefund::parse(body.as_bytes(), 1_000).unwrap_err(),
                FieldError { field, why },
                "{body}"
            );
        }
    }
}
