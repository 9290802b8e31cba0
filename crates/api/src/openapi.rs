//! The API description (OpenAPI 3.1), built from the tables that parse requests and render answers.
//!
//! Bounds, alphabets, required members and words come from the members' tables, statuses and codes from
//! [`Operation::answers`]. `docs/openapi.json` is this document, committed, so that a change of the contract shows in a
//! diff; a test compares the two.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::opa::envelope::{PaymentStatus, RefundStatus, ResultCode};
use crate::opa::id::{PATH_MERCHANT_PAYMENT_ID, PATH_MERCHANT_REFUND_ID};
use crate::opa::member::{AMOUNT_YEN_MAX, EPOCH_SECONDS_MAX, Member, Rule};
use crate::opa::operation::Operation;
use crate::opa::payment::{CREATE_CPM_PAYMENT, CREATE_PAYMENT};
use crate::opa::preauthorization::{
    CAPTURE_PAYMENT, PREAUTHORIZE_PAYMENT, REVERT_PREAUTHORIZATION,
};
use crate::opa::query::{AGREE_SIMILAR_TRANSACTION, ASSUME_MERCHANT, PAYMENT_ID};
use crate::opa::refund::CREATE_REFUND;

/// The description of the merchant API.
pub fn document() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for &operation in Operation::ALL {
        let (method, path) = operation.route();
        paths.entry(path).or_default().insert(
            method.to_lowercase(),
            describe(operation, operation_id(operation)),
        );
    }
    // One official SDK posts refunds to the path with a slash, and signs it so.
    let mut slashed = Map::new();
    slashed.insert(
        "post".into(),
        describe(Operation::CreateRefund, "createRefundSlashed"),
    );
    paths.insert("/v2/refunds/", slashed);

    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Mamori merchant API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT"},
            "description": INTRODUCTION,
        },
        "security": [{"opaAuth": []}, {"mamoriHmac": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "opaAuth": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "hmac OPA-Auth:<key>:<mac>:<nonce>:<epoch>:<body hash>",
                },
                "mamoriHmac": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "hmac MAMORI-HMAC-SHA256:<key>:<mac>:<nonce>:<epoch>",
                },
            },
            "schemas": {
                "CreatePayment": object_schema(CREATE_PAYMENT),
                "CreateCpmPayment": object_schema(CREATE_CPM_PAYMENT),
                "CreateRefund": object_schema(CREATE_REFUND),
                "PreauthorizePayment": object_schema(PREAUTHORIZE_PAYMENT),
                "CapturePayment": object_schema(CAPTURE_PAYMENT),
                "RevertPreauthorization": object_schema(REVERT_PREAUTHORIZATION),
                "Money": money_schema(),
                "Payment": payment_schema(),
                "Refund": refund_schema(),
                "Revert": revert_schema(),
            },
        },
    })
}

/// The description as the text of `docs/openapi.json`.
pub fn document_text() -> String {
    // A document made of maps, texts and numbers always serialises.
    let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    text.push('\n');
    text
}

const INTRODUCTION: &str = "Payments, cancels and refunds for registers, in the wire format of PayPay's Open Payment API \
(OPA): an official SDK works with another host and key. `POST /v2/cpm/payments` is our extension for a code scanned from \
the customer's phone. Every answer is an envelope of `resultInfo` and `data`. Amounts are whole yen and are written as \
integers (`100`, never `100.0`); instants are seconds since 1970. A member that occurs twice is refused, one that is null \
counts as absent, unknown members are ignored. The same merchantPaymentId or merchantRefundId is answered with the same result for ever. \
A time-out or a 5xx leaves the outcome unknown: read the payment, or cancel it, before a new attempt. Signatures are \
described in docs/merchant-auth.md. A key belongs to one merchant: the header X-ASSUME-MERCHANT and the parameter \
assumeMerchant may name that one (or be empty), and anything else is answered 401.";

const fn operation_id(operation: Operation) -> &'static str {
    match operation {
        Operation::CreatePayment => "createPayment",
        Operation::CreateCpmPayment => "createCpmPayment",
        Operation::GetPayment => "getPayment",
        Operation::CancelPayment => "cancelPayment",
        Operation::CreateRefund => "createRefund",
        Operation::GetRefund => "getRefund",
        Operation::PreauthorizePayment => "preauthorizePayment",
        Operation::CapturePayment => "capturePayment",
        Operation::RevertPreauthorization => "revertPreauthorization",
    }
}

const fn summary(operation: Operation) -> &'static str {
    match operation {
        Operation::CreatePayment => "Pay with an authorisation that the user gave before.",
        Operation::CreateCpmPayment => {
            "Pay with the code that a till scanned from the customer's phone."
        }
        Operation::GetPayment => "Read a payment by the merchant's own id.",
        Operation::CancelPayment => "Cancel a payment; before it arrived, too.",
        Operation::CreateRefund => "Give back a part or all of a payment.",
        Operation::GetRefund => "Read a refund by the merchant's own id.",
        Operation::PreauthorizePayment => {
            "Set an amount aside, with an authorisation that the user gave before."
        }
        Operation::CapturePayment => "Take an amount that was set aside, or a part of it.",
        Operation::RevertPreauthorization => "Give an amount that was set aside back.",
    }
}

fn describe(operation: Operation, id: &str) -> Value {
    let mut parameters = vec![
        parameter("query", &ASSUME_MERCHANT),
        assume_merchant_header(),
    ];
    let (body, data) = match operation {
        Operation::CreatePayment => {
            parameters.push(parameter("query", &AGREE_SIMILAR_TRANSACTION));
            (Some("CreatePayment"), Some("Payment"))
        }
        Operation::CreateCpmPayment => {
            parameters.push(parameter("query", &AGREE_SIMILAR_TRANSACTION));
            (Some("CreateCpmPayment"), Some("Payment"))
        }
        Operation::PreauthorizePayment => {
            parameters.push(parameter("query", &AGREE_SIMILAR_TRANSACTION));
            (Some("PreauthorizePayment"), Some("Payment"))
        }
        Operation::CapturePayment => (Some("CapturePayment"), Some("Payment")),
        Operation::RevertPreauthorization => (Some("RevertPreauthorization"), Some("Revert")),
        Operation::GetPayment => {
            parameters.push(parameter("path", &PATH_MERCHANT_PAYMENT_ID));
            (None, Some("Payment"))
        }
        Operation::CancelPayment => {
            parameters.push(parameter("path", &PATH_MERCHANT_PAYMENT_ID));
            (None, None)
        }
        Operation::CreateRefund => (Some("CreateRefund"), Some("Refund")),
        Operation::GetRefund => {
            parameters.push(parameter("path", &PATH_MERCHANT_REFUND_ID));
            parameters.push(parameter("query", &PAYMENT_ID));
            (None, Some("Refund"))
        }
    };
    let mut described = json!({
        "operationId": id,
        "summary": summary(operation),
        "parameters": parameters,
        "responses": responses(operation, data),
    });
    if let Some(body) = body {
        described["requestBody"] = json!({
            "required": true,
            "content": {"application/json": {"schema": reference(body), "example": example(operation)}},
        });
    }
    described
}

fn example(operation: Operation) -> Value {
    match operation {
        Operation::CreatePayment => json!({
            "merchantPaymentId": "sale-20260401-0001",
            "userAuthorizationId": "01234567-89ab-cdef-0011-223344556677",
            "amount": {"amount": 1200, "currency": "JPY"},
            "requestedAt": 1_775_000_000,
        }),
        Operation::PreauthorizePayment => json!({
            "merchantPaymentId": "deposit-20260401-0001",
            "userAuthorizationId": "01234567-89ab-cdef-0011-223344556677",
            "amount": {"amount": 6000, "currency": "JPY"},
            "requestedAt": 1_775_000_000,
        }),
        Operation::CapturePayment => json!({
            "merchantPaymentId": "deposit-20260401-0001",
            "merchantCaptureId": "capture-20260401-0001",
            "amount": {"amount": 1500, "currency": "JPY"},
            "orderDescription": "自転車 3時間",
            "requestedAt": 1_775_010_000,
        }),
        Operation::RevertPreauthorization => json!({
            "merchantRevertId": "revert-20260401-0001",
            "paymentId": "400000000001",
            "reason": "ご利用なし",
            "requestedAt": 1_775_010_000,
        }),
        Operation::CreateCpmPayment => json!({
            "merchantPaymentId": "sale-20260401-0001",
            "code": "900000000123456789012345",
            "storeId": "1",
            "terminalId": "1",
            "amount": {"amount": 1200, "currency": "JPY"},
            "requestedAt": 1_775_000_000,
        }),
        _ => json!({
            "merchantRefundId": "refund-20260401-0001",
            "paymentId": "400000000001",
            "amount": {"amount": 200, "currency": "JPY"},
            "reason": "傷みのため",
            "requestedAt": 1_775_000_000,
        }),
    }
}

fn parameter(place: &str, member: &Member) -> Value {
    json!({
        "name": member.name, "in": place, "required": member.required,
        "description": member.about, "schema": schema(&member.rule),
    })
}

fn assume_merchant_header() -> Value {
    json!({
        "name": "X-ASSUME-MERCHANT", "in": "header", "required": false,
        "description": "The merchant to act for: the key's own, or 401. Empty counts as absent.",
        "schema": {"type": "string"},
    })
}

/// All answers of a call by status, each with exactly the codes it can carry.
fn responses(operation: Operation, data: Option<&str>) -> Value {
    let mut by_status: BTreeMap<u16, Vec<ResultCode>> = BTreeMap::new();
    for result in operation.answers() {
        by_status
            .entry(result.row().status)
            .or_default()
            .push(result);
    }
    let described = by_status.into_iter().map(|(status, results)| {
        let data = match data {
            Some(data) if status < 300 => reference(data),
            _ => json!({"type": "null"}),
        };
        (status.to_string(), response(&results, &data))
    });
    Value::Object(described.collect())
}

fn response(results: &[ResultCode], data: &Value) -> Value {
    let mut codes: Vec<&str> = results.iter().map(|result| result.row().code).collect();
    codes.sort_unstable();
    codes.dedup();
    let code_ids: Vec<&str> = results.iter().map(|result| result.row().code_id).collect();
    let description: Vec<String> = results
        .iter()
        .map(|result| result.row())
        .map(|row| format!("{} ({}): {}", row.code, row.code_id, row.message))
        .collect();
    json!({
        "description": description.join("; "),
        "headers": {"X-REQUEST-ID": {"schema": {"type": "string", "pattern": "^[A-Za-z0-9-]{1,64}$"}}},
        "content": {"application/json": {"schema": {
            "type": "object",
            "required": ["resultInfo", "data"],
            "properties": {
                "resultInfo": {
                    "type": "object",
                    "required": ["code", "message", "codeId"],
                    "properties": {
                        "code": {"enum": codes},
                        "codeId": {"enum": code_ids},
                        "message": {"type": "string", "maxLength": 255},
                    },
                },
                "data": data,
            },
        }}},
    })
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn object_schema(members: &[Member]) -> Value {
    let required: Vec<&str> = members
        .iter()
        .filter(|member| member.required)
        .map(|member| member.name)
        .collect();
    let properties = members.iter().map(|member| {
        let mut described = schema(&member.rule);
        if !member.required {
            or_null(&mut described);
        }
        described["description"] = member.about.into();
        (member.name.to_owned(), described)
    });
    json!({"type": "object", "required": required, "properties": Value::Object(properties.collect())})
}

/// Lets a schema take null too: a null member is an absent one.
fn or_null(described: &mut Value) {
    if let Some(kinds) = described.get_mut("type") {
        let mut both = match kinds.take() {
            Value::Array(kinds) => kinds,
            kind => vec![kind],
        };
        both.push("null".into());
        *kinds = both.into();
    }
    if let Some(Value::Array(words)) = described.get_mut("enum") {
        words.push(Value::Null);
    }
}

/// A member's rule in the words of JSON Schema.
fn schema(rule: &Rule) -> Value {
    match rule {
        Rule::Text { min, max, alphabet } => {
            let mut described = json!({"type": "string", "minLength": min, "maxLength": max});
            if let Some(pattern) = alphabet.pattern() {
                described["pattern"] = pattern.into();
            }
            described
        }
        Rule::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        // As clients write them: it stands in queries only, where everything is a text.
        Rule::Boolean => {
            json!({"type": "string", "pattern": "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|[01])$"})
        }
        Rule::OneOf(words) => json!({"type": "string", "enum": words}),
        Rule::Object(members) => object_schema(members),
        Rule::List { of, max } => {
            json!({"type": "array", "maxItems": max, "items": object_schema(of)})
        }
        Rule::Anything => json!({}),
    }
}

fn money_schema() -> Value {
    json!({
        "type": "object",
        "required": ["amount", "currency"],
        "properties": {
            "amount": {"type": "integer", "minimum": 1, "maximum": AMOUNT_YEN_MAX},
            "currency": {"type": "string", "const": "JPY"},
        },
    })
}

fn epoch_schema(about: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": EPOCH_SECONDS_MAX, "description": about})
}

fn text_or_null() -> Value {
    json!({"type": ["string", "null"], "maxLength": 255})
}

fn issued_id() -> Value {
    json!({"type": "string", "pattern": "^[0-9]{1,20}$"})
}

fn payment_schema() -> Value {
    let statuses: Vec<&str> = PaymentStatus::ALL
        .iter()
        .map(|status| status.word())
        .collect();
    json!({
        "type": "object",
        "required": [
            "paymentId", "status", "acceptedAt", "merchantPaymentId", "amount", "requestedAt", "storeId", "terminalId",
            "orderReceiptNumber", "orderDescription", "orderItems", "refunds", "captures", "revert", "paymentMethods",
        ],
        "properties": {
            "paymentId": issued_id(),
            "status": {"type": "string", "enum": statuses},
            "acceptedAt": epoch_schema("When it was paid; 0 if it was not."),
            "merchantPaymentId": schema(&PATH_MERCHANT_PAYMENT_ID.rule),
            "userAuthorizationId": {"type": "string", "format": "uuid", "description": "Absent for a scanned code."},
            "amount": reference("Money"),
            "requestedAt": epoch_schema("When the merchant asked; 0 if it was not sent."),
            "canceledAt": epoch_schema("When it was cancelled; absent if it was not."),
            "storeId": text_or_null(),
            "terminalId": text_or_null(),
            "orderReceiptNumber": text_or_null(),
            "orderDescription": text_or_null(),
            "orderItems": {"type": "null"},
            "refunds": {
                "type": ["object", "null"],
                "required": ["data"],
                "properties": {"data": {"type": "array", "minItems": 1, "items": reference("Refund")}},
            },
            "expiresAt": epoch_schema("Until when it may be captured; absent for what was paid at once."),
            "captures": {
                "type": ["object", "null"],
                "required": ["data"],
                "properties": {"data": {"type": "array", "minItems": 1, "maxItems": 1, "items": capture_schema()}},
            },
            "revert": {
                "type": ["object", "null"],
                "required": ["acceptedAt", "merchantRevertId", "requestedAt", "reason"],
                "properties": revert_properties(),
            },
            "paymentMethods": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["type", "amount"],
                    "properties": {"type": {"type": "string", "const": "WALLET"}, "amount": reference("Money")},
                },
            },
        },
    })
}

fn capture_schema() -> Value {
    json!({
        "type": "object",
        "required": ["status", "acceptedAt", "merchantCaptureId", "amount", "orderDescription", "requestedAt"],
        "properties": {
            "status": {"type": "string", "const": "COMPLETED"},
            "acceptedAt": epoch_schema("When it was taken."),
            "merchantCaptureId": text_or_null(),
            "amount": reference("Money"),
            "orderDescription": text_or_null(),
            "requestedAt": epoch_schema("When the merchant asked; 0 where only the book is asked."),
        },
    })
}

fn revert_properties() -> Value {
    json!({
        "acceptedAt": epoch_schema("When the money went back."),
        "merchantRevertId": text_or_null(),
        "requestedAt": epoch_schema("When the merchant asked; 0 where only the book is asked."),
        "reason": text_or_null(),
    })
}

fn revert_schema() -> Value {
    let mut properties = revert_properties();
    properties["status"] = json!({"type": "string", "const": "CANCELED"});
    properties["paymentId"] = issued_id();
    json!({
        "type": "object",
        "required": ["status", "paymentId", "acceptedAt", "merchantRevertId", "requestedAt", "reason"],
        "properties": properties,
    })
}

fn refund_schema() -> Value {
    let statuses: Vec<&str> = RefundStatus::ALL
        .iter()
        .map(|status| status.word())
        .collect();
    json!({
        "type": "object",
        "required": ["status", "acceptedAt", "merchantRefundId", "paymentId", "amount", "requestedAt", "reason"],
        "properties": {
            "status": {"type": "string", "enum": statuses},
            "acceptedAt": epoch_schema("When it was accepted."),
            "merchantRefundId": schema(&PATH_MERCHANT_REFUND_ID.rule),
            "paymentId": issued_id(),
            "amount": reference("Money"),
            "requestedAt": epoch_schema("When the merchant asked; 0 if it was not sent."),
            "reason": text_or_null(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opa::envelope::{CaptureView, PaymentView, RefundView, RevertView, write_payment};
    use crate::opa::payment::{CreateCpmPayment, CreatePayment};
    use crate::opa::preauthorization::{
        CapturePayment, PreauthorizePayment, RevertPreauthorization,
    };
    use crate::opa::refund::CreateRefund;

    #[test]
    fn the_committed_description_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == document_text(),
            "docs/openapi.json is not what the code says: cargo run -p mamori-api --example openapi > docs/openapi.json"
        );
    }

    #[test]
    fn the_examples_are_accepted_by_the_parsers() {
        let text = |operation| serde_json::to_vec(&example(operation)).unwrap();
        CreatePayment::parse(&text(Operation::CreatePayment), 10_000).unwrap();
        CreateCpmPayment::parse(&text(Operation::CreateCpmPayment), 10_000).unwrap();
        CreateRefund::parse(&text(Operation::CreateRefund), 10_000).unwrap();
        PreauthorizePayment::parse(&text(Operation::PreauthorizePayment), 10_000).unwrap();
        CapturePayment::parse(&text(Operation::CapturePayment), 10_000).unwrap();
        RevertPreauthorization::parse(&text(Operation::RevertPreauthorization)).unwrap();
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn check(value: &Value, document: &Value) {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(reference)) = members.get("$ref") {
                        assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
                    }
                    members.values().for_each(|value| check(value, document));
                }
                Value::Array(values) => values.iter().for_each(|value| check(value, document)),
                _ => {}
            }
        }
        check(&document(), &document());
    }

    /// Checks a rendered value against a schema of this document: types, required and known members.
    fn conforms(value: &Value, schema: &Value, document: &Value) {
        if let Some(reference) = schema["$ref"].as_str() {
            return conforms(value, document.pointer(&reference[1..]).unwrap(), document);
        }
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let kinds = &schema["type"];
        assert!(
            kinds == kind
                || kinds
                    .as_array()
                    .is_some_and(|kinds| kinds.iter().any(|k| k == kind)),
            "{value} {schema}"
        );
        if let Value::Object(members) = value {
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(
                    members.contains_key(name.as_str().unwrap()),
                    "{name} is missing in {value}"
                );
            }
            for (name, value) in members {
                conforms(value, schema["properties"].get(name).expect(name), document);
            }
        }
        if let Value::Array(values) = value {
            values
                .iter()
                .for_each(|value| conforms(value, &schema["items"], document));
        }
        if let Some(words) = schema["enum"].as_array() {
            assert!(words.contains(value), "{value}");
        }
    }

    #[test]
    fn a_rendered_payment_conforms_to_its_description() {
        let refund = RefundView {
            status: RefundStatus::Created,
            accepted_at_seconds: 2,
            merchant_refund_id: "r",
            payment_id: u64::MAX,
            amount_yen: 1,
            requested_at_seconds: 0,
            reason: Some("x"),
        };
        for (refunds, text, authorization) in
            [(&[][..], None, None), (&[refund][..], Some("t"), Some(7))]
        {
            let mut out = Vec::new();
            write_payment(
                &mut out,
                ResultCode::Success,
                &PaymentView {
                    payment_id: 1,
                    status: PaymentStatus::Completed,
                    accepted_at_seconds: 1,
                    merchant_payment_id: "m",
                    user_authorization_id: authorization,
                    amount_yen: 5,
                    requested_at_seconds: 1,
                    expires_at_seconds: text.map(|_| 9),
                    canceled_at_seconds: Some(3),
                    store_id: text,
                    terminal_id: text,
                    order_receipt_number: text,
                    order_description: text,
                    refunds,
                    capture: text.map(|_| CaptureView {
                        accepted_at_seconds: 4,
                        merchant_capture_id: text,
                        amount_yen: 5,
                        order_description: None,
                        requested_at_seconds: 4,
                    }),
                    revert: text.map(|_| RevertView {
                        accepted_at_seconds: 4,
                        merchant_revert_id: None,
                        requested_at_seconds: 0,
                        reason: text,
                    }),
                },
            );
            let answer: Value = serde_json::from_slice(&out).unwrap();
            let document = document();
            conforms(
                &answer["data"],
                &document["components"]["schemas"]["Payment"],
                &document,
            );
        }
    }
}
