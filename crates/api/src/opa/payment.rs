//! Requests that make a payment: with a user's authorisation (OPA's own), and with a scanned code (our extension).

use std::borrow::Cow;

use super::id::{ISSUED, MERCHANT_CHOSEN};
use super::member::{
    AMOUNT_YEN_MAX, Alphabet, COLLECTED, EPOCH_SECONDS_MAX, FieldError, Member, ORDER_ITEMS_MAX,
    Rule, UNKEPT, Why, read_object,
};

/// Longest scanned string that is looked at, in characters: a consumer-presented QR holds at most 512 bytes.
pub const SCANNED_TEXT_MAX: usize = 512;

pub(crate) const MERCHANT_PAYMENT_ID: u8 = 0;
pub(crate) const PAYER: u8 = 1;
pub(crate) const AMOUNT: u8 = 2;
pub(crate) const REQUESTED_AT: u8 = 3;
pub(crate) const STORE_ID: u8 = 4;
pub(crate) const TERMINAL_ID: u8 = 5;
pub(crate) const ORDER_RECEIPT_NUMBER: u8 = 6;
pub(crate) const ORDER_DESCRIPTION: u8 = 7;

pub(crate) const TEXT_255: Rule = Rule::Text {
    min: 0,
    max: 255,
    alphabet: Alphabet::Printable,
};
pub(crate) const TEXT_1_TO_255: Rule = Rule::Text {
    min: 1,
    max: 255,
    alphabet: Alphabet::Printable,
};
pub(crate) const EPOCH_SECONDS: Rule = Rule::Integer {
    min: 0,
    max: EPOCH_SECONDS_MAX,
};
pub(crate) const AMOUNT_YEN: Rule = Rule::Integer {
    min: 1,
    max: AMOUNT_YEN_MAX,
};
const CURRENCY: Rule = Rule::OneOf(&["JPY"]);

/// A member without a default, written on one line in the tables below.
pub(crate) const fn member(
    name: &'static str,
    path: &'static str,
    rule: Rule,
    required: bool,
    slot: u8,
    about: &'static str,
) -> Member {
    Member {
        name,
        path,
        rule,
        required,
        slot,
        about,
    }
}

/// `amount`: whole yen. The slot is the same in every request, so that one reader serves them all.
pub(crate) const MONEY: &[Member] = &[
    member(
        "amount",
        "amount.amount",
        AMOUNT_YEN,
        true,
        AMOUNT,
        "Whole yen.",
    ),
    member(
        "currency",
        "amount.currency",
        CURRENCY,
        true,
        UNKEPT,
        "The only currency.",
    ),
];

const UNIT_PRICE: &[Member] = &[
    member(
        "amount",
        "orderItems.unitPrice.amount",
        Rule::Integer {
            min: 0,
            max: AMOUNT_YEN_MAX,
        },
        true,
        UNKEPT,
        "Whole yen.",
    ),
    member(
        "currency",
        "orderItems.unitPrice.currency",
        CURRENCY,
        true,
        UNKEPT,
        "The only currency.",
    ),
];

/// Longest name of a goods category, in characters.
pub const CATEGORY_CHARS_MAX: usize = 64;
const CATEGORY: Rule = Rule::Text {
    min: 0,
    max: CATEGORY_CHARS_MAX,
    alphabet: Alphabet::Printable,
};

const ORDER_ITEM: &[Member] = &[
    member(
        "name",
        "orderItems.name",
        TEXT_255,
        true,
        UNKEPT,
        "What was bought.",
    ),
    member(
        "category",
        "orderItems.category",
        CATEGORY,
        false,
        COLLECTED,
        "The merchant's category of goods; kept with the payment, each once, at most 16 of a payment.",
    ),
    member(
        "quantity",
        "orderItems.quantity",
        AMOUNT_YEN,
        true,
        UNKEPT,
        "How many.",
    ),
    member(
        "productId",
        "orderItems.productId",
        TEXT_255,
        false,
        UNKEPT,
        "The merchant's product number.",
    ),
    member(
        "unitPrice",
        "orderItems.unitPrice",
        Rule::Object(UNIT_PRICE),
        false,
        UNKEPT,
        "Price of one.",
    ),
];

const PRODUCT_TYPE: Rule = Rule::OneOf(&[
    "VIRTUAL_BONUS_INVESTMENT",
    "PAY_LATER_REPAYMENT",
    "REAL_INVESTMENT",
    "UTILITY_BILL",
]);

pub(crate) const MERCHANT_PAYMENT_ID_MEMBER: Member = member(
    "merchantPaymentId",
    "merchantPaymentId",
    MERCHANT_CHOSEN,
    true,
    MERCHANT_PAYMENT_ID,
    "The merchant's own id of the payment; the same id is answered with the same result for ever.",
);
pub(crate) const AMOUNT_MEMBER: Member = member(
    "amount",
    "amount",
    Rule::Object(MONEY),
    true,
    UNKEPT,
    "What is to be paid.",
);
pub(crate) const REQUESTED_AT_MEMBER: Member = member(
    "requestedAt",
    "requestedAt",
    EPOCH_SECONDS,
    false,
    REQUESTED_AT,
    "When the merchant asked, in seconds since 1970. Not part of what makes two requests equal.",
);
pub(crate) const ORDER_RECEIPT_NUMBER_MEMBER: Member = member(
    "orderReceiptNumber",
    "orderReceiptNumber",
    TEXT_255,
    false,
    ORDER_RECEIPT_NUMBER,
    "The merchant's receipt number.",
);
pub(crate) const ORDER_DESCRIPTION_MEMBER: Member = member(
    "orderDescription",
    "orderDescription",
    TEXT_255,
    false,
    ORDER_DESCRIPTION,
    "What the payment is for.",
);
pub(crate) const ORDER_ITEMS_MEMBER: Member = member(
    "orderItems",
    "orderItems",
    Rule::List {
        of: ORDER_ITEM,
        max: ORDER_ITEMS_MAX,
    },
    false,
    UNKEPT,
    "What was bought. Checked; the categories are kept with the payment and the rest is not.",
);
pub(crate) const METADATA_MEMBER: Member = member(
    "metadata",
    "metadata",
    Rule::Anything,
    false,
    UNKEPT,
    "Ignored; older SDKs send it.",
);
pub(crate) const PRODUCT_TYPE_MEMBER: Member = member(
    "productType",
    "productType",
    PRODUCT_TYPE,
    false,
    UNKEPT,
    "Checked and not kept.",
);
const EXPIRES_AT_MEMBER: Member = member(
    "expiresAt",
    "expiresAt",
    EPOCH_SECONDS,
    false,
    UNKEPT,
    "Checked and not kept.",
);
pub(crate) const AMOUNT_DESCRIPTION_MEMBER: Member = member(
    "amountDescription",
    "amountDescription",
    TEXT_255,
    false,
    UNKEPT,
    "Checked and not kept.",
);

pub(crate) const CREATE_PAYMENT: &[Member] = &[
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
    EXPIRES_AT_MEMBER,
    AMOUNT_DESCRIPTION_MEMBER,
];

pub(crate) const CREATE_CPM_PAYMENT: &[Member] = &[
    MERCHANT_PAYMENT_ID_MEMBER,
    member(
        "code",
        "code",
        Rule::Text {
            min: 1,
            max: SCANNED_TEXT_MAX,
            alphabet: Alphabet::Any,
        },
        true,
        PAYER,
        "The customer's code as the scanner delivered it.",
    ),
    AMOUNT_MEMBER,
    REQUESTED_AT_MEMBER,
    member(
        "storeId",
        "storeId",
        TEXT_1_TO_255,
        true,
        STORE_ID,
        "The store.",
    ),
    member(
        "terminalId",
        "terminalId",
        TEXT_1_TO_255,
        true,
        TERMINAL_ID,
        "The till that scanned the code.",
    ),
    ORDER_RECEIPT_NUMBER_MEMBER,
    ORDER_DESCRIPTION_MEMBER,
    ORDER_ITEMS_MEMBER,
    METADATA_MEMBER,
    PRODUCT_TYPE_MEMBER,
    EXPIRES_AT_MEMBER,
    AMOUNT_DESCRIPTION_MEMBER,
];

/// A checked `POST /v2/payments`: pay with an authorisation the user gave before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatePayment<'a> {
    /// The merchant's own id: 1 to 64 of `A-Z a-z 0-9 - _`.
    pub merchant_payment_id: Cow<'a, str>,
    /// The authorisation as sent, 1 to 64 characters; see [`super::id::parse_user_authorization_id`].
    pub user_authorization_id: Cow<'a, str>,
    /// Whole yen, 1 up to the bound that was passed to the parser.
    pub amount_yen: i64,
    /// When the merchant asked, in seconds since 1970; every SDK sends it, none must.
    pub requested_at_seconds: Option<i64>,
    /// The store as the merchant names it, up to 255 characters.
    pub store_id: Option<Cow<'a, str>>,
    /// The till as the merchant names it, up to 255 characters.
    pub terminal_id: Option<Cow<'a, str>>,
    /// The merchant's receipt number, up to 255 characters.
    pub order_receipt_number: Option<Cow<'a, str>>,
    /// What the payment is for, up to 255 characters.
    pub order_description: Option<Cow<'a, str>>,
    /// The goods categories of its items, each once, at most [`CATEGORIES_MAX`](super::member::CATEGORIES_MAX).
    pub categories: Vec<Cow<'a, str>>,
}

/// A checked `POST /v2/cpm/payments`: pay with the code a till scanned from the customer's phone.
///
/// `Debug` masks the code: it is a bearer token while it lives.
#[derive(Clone, PartialEq, Eq)]
pub struct CreateCpmPayment<'a> {
    /// The merchant's own id: 1 to 64 of `A-Z a-z 0-9 - _`.
    pub merchant_payment_id: Cow<'a, str>,
    /// The scanned string, 1 to 512 characters, not interpreted yet.
    pub code: Cow<'a, str>,
    /// Whole yen, 1 up to the bound that was passed to the parser.
    pub amount_yen: i64,
    /// When the merchant asked, in seconds since 1970.
    pub requested_at_seconds: Option<i64>,
    /// The store, 1 to 255 characters.
    pub store_id: Cow<'a, str>,
    /// The till, 1 to 255 characters.
    pub terminal_id: Cow<'a, str>,
    /// The merchant's receipt number, up to 255 characters.
    pub order_receipt_number: Option<Cow<'a, str>>,
    /// What the payment is for, up to 255 characters.
    pub order_description: Option<Cow<'a, str>>,
    /// The goods categories of its items, each once, at most [`CATEGORIES_MAX`](super::member::CATEGORIES_MAX).
    pub categories: Vec<Cow<'a, str>>,
}

impl std::fmt::Debug for CreateCpmPayment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreateCpmPayment")
            .field("merchant_payment_id", &self.merchant_payment_id)
            .field("code", &"…")
            .field("amount_yen", &self.amount_yen)
            .field("store_id", &self.store_id)
            .field("terminal_id", &self.terminal_id)
            .finish_non_exhaustive()
    }
}

impl<'a> CreatePayment<'a> {
    /// Parses and checks a request body. `amount_yen_max` is the largest payment the platform takes, at most
    /// [`AMOUNT_YEN_MAX`].
    pub fn parse(body: &'a [u8], amount_yen_max: i64) -> Result<Self, FieldError> {
        let mut slots = read_object(body, CREATE_PAYMENT)?;
        Ok(CreatePayment {
            merchant_payment_id: slots.text(MERCHANT_PAYMENT_ID).unwrap_or_default(),
            user_authorization_id: slots.text(PAYER).unwrap_or_default(),
            amount_yen: bounded(slots.integer(AMOUNT), amount_yen_max)?,
            requested_at_seconds: slots.integer(REQUESTED_AT),
            store_id: slots.text(STORE_ID),
            terminal_id: slots.text(TERMINAL_ID),
            order_receipt_number: slots.text(ORDER_RECEIPT_NUMBER),
            order_description: slots.text(ORDER_DESCRIPTION),
            categories: slots.collected(),
        })
    }
}

impl<'a> CreateCpmPayment<'a> {
    /// Parses and checks a request body. `amount_yen_max` is the largest payment the platform takes, at most
    /// [`AMOUNT_YEN_MAX`].
    pub fn parse(body: &'a [u8], amount_yen_max: i64) -> Result<Self, FieldError> {
        let mut slots = read_object(body, CREATE_CPM_PAYMENT)?;
        Ok(CreateCpmPayment {
            merchant_payment_id: slots.text(MERCHANT_PAYMENT_ID).unwrap_or_default(),
            code: slots.text(PAYER).unwrap_or_default(),
            amount_yen: bounded(slots.integer(AMOUNT), amount_yen_max)?,
            requested_at_seconds: slots.integer(REQUESTED_AT),
            store_id: slots.text(STORE_ID).unwrap_or_default(),
            terminal_id: slots.text(TERMINAL_ID).unwrap_or_default(),
            order_receipt_number: slots.text(ORDER_RECEIPT_NUMBER),
            order_description: slots.text(ORDER_DESCRIPTION),
            categories: slots.collected(),
        })
    }
}

/// Holds an amount against the caller's bound. An absent amount was refused by the reader; should a table ever forget
/// `required`, it is refused here rather than taken for zero.
pub(crate) fn bounded(amount: Option<i64>, amount_yen_max: i64) -> Result<i64, FieldError> {
    match amount {
        Some(yen) if yen <= amount_yen_max => Ok(yen),
        Some(_) => Err(FieldError::new(
            "amount.amount",
            Why::OutOfBounds {
                min: 1,
                max: amount_yen_max,
            },
        )),
        None => Err(FieldError::new("amount.amount", Why::Missing)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opa::member::BODY_BYTES_MAX;

    /// A good body with one member replaced (or added) by raw JSON, or removed.
    fn body_with(name: &str, json: Option<&str>) -> String {
        let good = [
            ("merchantPaymentId", r#""mp-0001""#),
            (
                "userAuthorizationId",
                r#""01234567-89ab-cdef-0011-223344556677""#,
            ),
            ("code", r#""900000001234567890123456""#),
            ("amount", r#"{"amount":250,"currency":"JPY"}"#),
            ("storeId", r#""s-1""#),
            ("terminalId", r#""t-1""#),
            ("requestedAt", "1700000000"),
        ];
        let mut members: Vec<String> = good
            .iter()
            .filter(|(n, _)| *n != name)
            .map(|(n, v)| format!("{n:?}:{v}"))
            .collect();
        members.extend(json.map(|json| format!("{name:?}:{json}")));
        format!("{{{}}}", members.join(","))
    }

    fn refusal(body: &str) -> FieldError {
        let authorised = CreatePayment::parse(body.as_bytes(), AMOUNT_YEN_MAX).map(|_| ());
        let scanned = CreateCpmPayment::parse(body.as_bytes(), AMOUNT_YEN_MAX).map(|_| ());
        assert_eq!(
            authorised, scanned,
            "both kinds of payment check alike: {body}"
        );
        scanned.expect_err(body)
    }

    #[test]
    fn a_node_sdk_body_is_read_without_copies() {
        let body = r#"{"merchantPaymentId":"mp-0002","userAuthorizationId":"ua-0001","amount":{"amount":250,"currency":"JPY"},"orderDescription":"注文","requestedAt":1700000000}"#;
        let payment = CreatePayment::parse(body.as_bytes(), 1_000_000).unwrap();
        assert_eq!(payment.merchant_payment_id, "mp-0002");
        assert!(matches!(payment.merchant_payment_id, Cow::Borrowed(_)));
        assert_eq!(payment.user_authorization_id, "ua-0001");
        assert_eq!(payment.amount_yen, 250);
        assert_eq!(payment.order_description.as_deref(), Some("注文"));
        assert_eq!(payment.requested_at_seconds, Some(1_700_000_000));
        assert_eq!(payment.store_id, None);
    }

    #[test]
    fn escapes_in_names_and_texts_are_read() {
        let body = r#"{"merchantPayment\u0049d":"mp\u002d1","userAuthorizationId":"ua","amount":{"amount":1,"currency":"\u004aPY"},"orderDescription":"\u6ce8\u6587\ud83c\udf75"}"#;
        let payment = CreatePayment::parse(body.as_bytes(), 100).unwrap();
        assert_eq!(payment.merchant_payment_id, "mp-1");
        assert_eq!(payment.order_description.as_deref(), Some("注文🍵"));
    }

    #[test]
    fn a_scanned_code_is_never_shown_by_debug() {
        let body = body_with("none", None);
        let shown = format!(
            "{:?}",
            CreateCpmPayment::parse(body.as_bytes(), 1_000).unwrap()
        );
        assert!(!shown.contains("900000001234567890123456"), "{shown}");
    }

    /// Items of these categories.
    fn body_of_categories(categories: impl Iterator<Item = String>) -> String {
        let items: Vec<String> = categories
            .map(|category| format!(r#"{{"name":"a","quantity":1,"category":"{category}"}}"#))
            .collect();
        body_with("orderItems", Some(&format!("[{}]", items.join(","))))
    }

    #[test]
    fn the_categories_of_the_items_are_read_each_once_and_in_their_order() {
        let said = ["食品", "tobacco", "", "食品"];
        let body = body_of_categories(said.iter().map(|text| (*text).to_owned()));
        let payment = CreatePayment::parse(body.as_bytes(), AMOUNT_YEN_MAX).expect("good");
        assert_eq!(payment.categories, ["食品", "tobacco"]);
        let scan = CreateCpmPayment::parse(body.as_bytes(), AMOUNT_YEN_MAX).expect("good");
        assert_eq!(scan.categories, ["食品", "tobacco"]);
    }

    #[test]
    fn more_or_longer_categories_than_are_kept_are_refused_and_not_cut() {
        let numbered = |count: usize| body_of_categories((0..count).map(|n| format!("c{n}")));
        let long = |chars: usize| body_of_categories(std::iter::once("食".repeat(chars)));
        for body in [numbered(16), long(64)] {
            assert!(CreatePayment::parse(body.as_bytes(), AMOUNT_YEN_MAX).is_ok());
        }
        for (body, why) in [
            (numbered(17), Why::TooLong(16)),
            (long(65), Why::TooLong(64)),
        ] {
            let refusal = CreatePayment::parse(body.as_bytes(), AMOUNT_YEN_MAX).expect_err("bad");
            assert_eq!(refusal, FieldError::new("orderItems.category", why));
        }
    }

    #[test]
    fn order_items_metadata_and_unknown_members_are_accepted() {
        let items = r#"[{"name":"茶","quantity":2,"unitPrice":{"amount":100,"currency":"JPY"},"x":{"y":0}}]"#;
        let body = body_with("orderItems", Some(items))
            .replace('{', r#"{"metadata":{"a":[1,null]},"zzz":[{"b":1.5}],"#);
        // Only the first brace was meant; nested ones take the members as unknown ones, which is as good a test.
        assert!(
            CreatePayment::parse(body.as_bytes(), 1_000).is_ok(),
            "{body}"
        );
    }

    #[test]
    fn what_is_null_is_absent_unless_it_is_required() {
        for member in CREATE_PAYMENT {
            let body = body_with(member.name, Some("null"));
            let read = CreatePayment::parse(body.as_bytes(), 1_000);
            if member.required {
                let (field, why) = (member.path, Why::Null);
                assert_eq!(read, Err(FieldError { field, why }), "{body}");
            } else {
                let absent = body_with(member.name, None);
                assert_eq!(read, CreatePayment::parse(absent.as_bytes(), 1_000));
            }
        }
    }

    #[test]
    fn every_field_wrong_in_every_way_names_itself() {
        use Why::{
            Malformed, Missing, NotA, NotIdentifier, NotOneOf, Null, OutOfBounds, TooLong,
            TooShort, Unprintable,
        };
        let long_id = format!("{:?}", "x".repeat(65));
        let long_text = format!("{:?}", "茶".repeat(256));
        let yen = OutOfBounds {
            min: 1,
            max: AMOUNT_YEN_MAX,
        };
        let epoch = OutOfBounds {
            min: 0,
            max: EPOCH_SECONDS_MAX,
        };
        #[rustfmt::skip]
        let table: &[(&str, Option<&str>, &str, Why)] = &[
            ("merchantPaymentId", None, "merchantPaymentId", Missing),
            ("merchantPaymentId", Some("null"), "merchantPaymentId", Null),
            ("merchantPaymentId", Some("1"), "merchantPaymentId", NotA("a text")),
            ("merchantPaymentId", Some("[]"), "merchantPaymentId", NotA("a text")),
            ("merchantPaymentId", Some("{}"), "merchantPaymentId", NotA("a text")),
            ("merchantPaymentId", Some("true"), "merchantPaymentId", NotA("a text")),
            ("merchantPaymentId", Some(r#""""#), "merchantPaymentId", TooShort(1)),
            ("merchantPaymentId", Some(&long_id), "merchantPaymentId", TooLong(64)),
            ("merchantPaymentId", Some(r#""a b""#), "merchantPaymentId", NotIdentifier),
            ("merchantPaymentId", Some(r#""a\u0000""#), "merchantPaymentId", NotIdentifier),
            ("merchantPaymentId", Some(r#""é""#), "merchantPaymentId", NotIdentifier),
            ("merchantPaymentId", Some(r#""\ud800""#), "merchantPaymentId", Malformed),
            ("amount", None, "amount", Missing),
            ("amount", Some("null"), "amount", Null),
            ("amount", Some("100"), "amount", NotA("an object")),
            ("amount", Some("[]"), "amount", NotA("an object")),
            ("amount", Some(r#"{"currency":"JPY"}"#), "amount.amount", Missing),
            ("amount", Some(r#"{"amount":null,"currency":"JPY"}"#), "amount.amount", Null),
            ("amount", Some(r#"{"amount":"100","currency":"JPY"}"#), "amount.amount", NotA("an integer")),
            ("amount", Some(r#"{"amount":100.0,"currency":"JPY"}"#), "amount.amount", NotA("an integer")),
            ("amount", Some(r#"{"amount":1e2,"currency":"JPY"}"#), "amount.amount", NotA("an integer")),
            ("amount", Some(r#"{"amount":0,"currency":"JPY"}"#), "amount.amount", yen),
            ("amount", Some(r#"{"amount":-1,"currency":"JPY"}"#), "amount.amount", yen),
            ("amount", Some(r#"{"amount":100000000000,"currency":"JPY"}"#), "amount.amount", yen),
            ("amount", Some(r#"{"amount":18446744073709551615,"currency":"JPY"}"#), "amount.amount", yen),
            ("amount", Some(r#"{"amount":99999999999999999999999,"currency":"JPY"}"#), "amount.amount", NotA("an integer")),
            ("amount", Some(r#"{"amount":1,"amount":2,"currency":"JPY"}"#), "amount.amount", Why::Twice),
            ("amount", Some(r#"{"amount":1}"#), "amount.currency", Missing),
            ("amount", Some(r#"{"amount":1,"currency":"USD"}"#), "amount.currency", NotOneOf(&["JPY"])),
            ("amount", Some(r#"{"amount":1,"currency":"jpy"}"#), "amount.currency", NotOneOf(&["JPY"])),
            ("amount", Some(r#"{"amount":1,"currency":392}"#), "amount.currency", NotA("a text")),
            ("requestedAt", Some(r#""1700000000""#), "requestedAt", NotA("an integer")),
            ("requestedAt", Some("-1"), "requestedAt", epoch),
            ("requestedAt", Some("1700000000000"), "requestedAt", epoch),
            ("storeId", Some("7"), "storeId", NotA("a text")),
            ("storeId", Some(&long_text), "storeId", TooLong(255)),
            ("terminalId", Some("[]"), "terminalId", NotA("a text")),
            ("orderReceiptNumber", Some(r#""a\nb""#), "orderReceiptNumber", Unprintable),
            ("orderDescription", Some(r#""a\u0000b""#), "orderDescription", Unprintable),
            ("orderDescription", Some(r#""\u202e001""#), "orderDescription", Unprintable),
            ("orderDescription", Some(&long_text), "orderDescription", TooLong(255)),
            ("orderItems", Some("{}"), "orderItems", NotA("a list")),
            ("orderItems", Some("[1]"), "orderItems", NotA("a list of objects")),
            ("orderItems", Some("[null]"), "orderItems", NotA("a list of objects")),
            ("orderItems", Some("[{}]"), "orderItems.name", Missing),
            ("orderItems", Some(r#"[{"name":"a","quantity":0}]"#), "orderItems.quantity", yen),
            ("orderItems", Some(r#"[{"name":"a","quantity":1,"unitPrice":{"amount":-1,"currency":"JPY"}}]"#),
                "orderItems.unitPrice.amount", OutOfBounds { min: 0, max: AMOUNT_YEN_MAX }),
            ("productType", Some(r#""CAKE""#), "productType", NotOneOf(&["VIRTUAL_BONUS_INVESTMENT",
                "PAY_LATER_REPAYMENT", "REAL_INVESTMENT", "UTILITY_BILL"])),
            ("expiresAt", Some("true"), "expiresAt", NotA("an integer")),
            ("metadata", Some("[1,"), "metadata", Malformed),
        ];
        for &(name, json, field, why) in table {
            let body = body_with(name, json);
            assert_eq!(refusal(&body), FieldError { field, why }, "{body}");
        }
    }

    #[test]
    fn a_scanned_payment_needs_code_store_and_till() {
        for (name, json, why) in [
            ("code", None, Why::Missing),
            ("code", Some(r#""""#), Why::TooShort(1)),
            (
                "code",
                Some("900000001234567890123456"),
                Why::NotA("a text"),
            ),
            ("storeId", None, Why::Missing),
            ("storeId", Some(r#""""#), Why::TooShort(1)),
            ("terminalId", None, Why::Missing),
        ] {
            let body = body_with(name, json);
            assert_eq!(
                CreateCpmPayment::parse(body.as_bytes(), 1_000).unwrap_err(),
                FieldError { field: name, why }
            );
        }
    }

    #[test]
    fn a_member_that_occurs_twice_is_refused_even_with_the_same_value() {
        let body = body_with("none", None).replacen('{', r#"{"merchantPaymentId":"mp-0001","#, 1);
        assert_eq!(
            refusal(&body),
            FieldError {
                field: "merchantPaymentId",
                why: Why::Twice
            }
        );
        let hidden =
            body_with("none", None).replacen('{', r#"{"merchantPayment\u0049d":"mp-0002","#, 1);
        assert_eq!(
            refusal(&hidden),
            FieldError {
                field: "merchantPaymentId",
                why: Why::Twice
            }
        );
    }

    #[test]
    fn bodies_that_are_no_object_are_refused() {
        for (body, why) in [
            ("", Why::Malformed),
            ("{", Why::Malformed),
            ("null", Why::Null),
            ("[]", Why::NotA("an object")),
            ("\"x\"", Why::NotA("an object")),
            ("1", Why::NotA("an object")),
            ("{}x", Why::Missing),
        ] {
            let error = refusal(body);
            assert_eq!(error.why, why, "{body}");
        }
        let trailing = body_with("none", None) + "x";
        assert_eq!(
            refusal(&trailing),
            FieldError {
                field: "body",
                why: Why::Malformed
            }
        );
        let marked = "\u{feff}".to_owned() + &body_with("none", None);
        assert_eq!(
            refusal(&marked),
            FieldError {
                field: "body",
                why: Why::Malformed
            }
        );
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = body_with("zzz", Some(&("[".repeat(5_000) + &"]".repeat(5_000))));
        assert_eq!(refusal(&deep).why, Why::Malformed);
        let big = body_with("zzz", Some(&format!("{:?}", "x".repeat(BODY_BYTES_MAX))));
        assert_eq!(
            refusal(&big),
            FieldError {
                field: "body",
                why: Why::TooLong(BODY_BYTES_MAX)
            }
        );
        let many = format!(
            "[{}]",
            vec![r#"{"name":"a","quantity":1}"#; ORDER_ITEMS_MAX + 1].join(",")
        );
        assert_eq!(
            refusal(&body_with("orderItems", Some(&many))).why,
            Why::TooLong(ORDER_ITEMS_MAX)
        );
    }

    #[test]
    fn the_callers_bound_holds_within_the_wires() {
        let body = body_with("amount", Some(r#"{"amount":1001,"currency":"JPY"}"#));
        let error = CreatePayment::parse(body.as_bytes(), 1_000).unwrap_err();
        assert_eq!(
            error,
            FieldError {
                field: "amount.amount",
                why: Why::OutOfBounds { min: 1, max: 1_000 }
            }
        );
        assert_eq!(error.to_string(), "amount.amount must be from 1 to 1000");
    }
}

#[cfg(test)]
mod properties {
    use super::*;
    use crate::opa::query::Query;
    use crate::opa::refund::CreateRefund;
    use proptest::prelude::*;

    /// JSON-like noise: the parsers' own words between random punctuation, so that the noise gets past the first byte.
    fn noise() -> impl Strategy<Value = Vec<u8>> {
        let word = prop_oneof![
            prop::sample::select(vec![
                "{",
                "}",
                "[",
                "]",
                ":",
                ",",
                "\"merchantPaymentId\"",
                "\"amount\"",
                "\"currency\"",
                "\"JPY\"",
                "1",
                "-1",
                "1.5",
                "1e999",
                "null",
                "true",
                "\"\\ud800\"",
                "\"\\u0000\"",
                "\"orderItems\"",
                "\"code\"",
                "\"storeId\"",
                "\"",
            ])
            .prop_map(|word| word.as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 0..4),
        ];
        prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_parser_panic(body in noise(), query in ".{0,80}") {
            let _ = CreatePayment::parse(&body, 1_000);
            let _ = CreateCpmPayment::parse(&body, 1_000);
            let _ = CreateRefund::parse(&body, 1_000);
            let _ = Query::parse(Some(&query));
        }

        #[test]
        fn what_is_accepted_keeps_every_promise(
            id in "[A-Za-z0-9_-]{1,64}", text in "\\PC{0,255}", yen in 1..=AMOUNT_YEN_MAX, spaced: bool,
        ) {
            let value = serde_json::json!({
                "merchantPaymentId": id, "userAuthorizationId": "ua", "orderDescription": text,
                "amount": {"amount": yen, "currency": "JPY"},
            });
            let body = if spaced { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
            match CreatePayment::parse(&body, AMOUNT_YEN_MAX) {
                Ok(payment) => {
                    prop_assert_eq!(payment.merchant_payment_id, id);
                    prop_assert_eq!(payment.amount_yen, yen);
                    prop_assert_eq!(payment.order_description.as_deref(), Some(&*text));
                }
                // Printable by Unicode's word and still not by ours: direction overrides.
                Err(error) => prop_assert_eq!(error.why, Why::Unprintable),
            }
        }

        #[test]
        fn cutting_or_flipping_a_good_body_never_panics(cut in any::<prop::sample::Index>(), flip in any::<(prop::sample::Index, u8)>()) {
            let good = br#"{"merchantPaymentId":"mp-1","code":"123","storeId":"1","terminalId":"2","amount":{"amount":1,"currency":"JPY"},"orderItems":[{"name":"\u8336","quantity":1}]}"#;
            let _ = CreateCpmPayment::parse(&good[..cut.index(good.len())], 10);
            let mut flipped = good.to_vec();
            let at = flip.0.index(flipped.len());
            flipped[at] ^= flip.1;
            let _ = CreateCpmPayment::parse(&flipped, 10);
        }
    }
}
