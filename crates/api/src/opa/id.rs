//! Identifiers on the wire: a merchant's own ids, our payment ids, and users' authorisations.

use super::member::{Alphabet, FieldError, Member, Rule, UNKEPT, check_text};

/// Longest id that a merchant chooses, in characters.
pub const MERCHANT_ID_TEXT_MAX: usize = 64;

pub(crate) const MERCHANT_CHOSEN: Rule = Rule::Text {
    min: 1,
    max: MERCHANT_ID_TEXT_MAX,
    alphabet: Alphabet::Identifier,
};

/// An id that we issued. Whether it names anything is a question for the book, not for the parser.
pub(crate) const ISSUED: Rule = Rule::Text {
    min: 1,
    max: 64,
    alphabet: Alphabet::Printable,
};

/// The path parameter of `/v2/payments/{merchantPaymentId}`.
pub(crate) const PATH_MERCHANT_PAYMENT_ID: Member = Member {
    name: "merchantPaymentId",
    path: "merchantPaymentId",
    rule: MERCHANT_CHOSEN,
    required: true,
    slot: UNKEPT,
    about: "The merchant's own id of the payment.",
};

/// The path parameter of `/v2/refunds/{merchantRefundId}`.
pub(crate) const PATH_MERCHANT_REFUND_ID: Member = Member {
    name: "merchantRefundId",
    path: "merchantRefundId",
    rule: MERCHANT_CHOSEN,
    required: true,
    slot: UNKEPT,
    about: "The merchant's own id of the refund.",
};

/// Checks the last segment of `/v2/payments/{merchantPaymentId}`: 1 to 64 of `A-Z a-z 0-9 - _`.
///
/// Pass the decoded segment; an id never needs percent-encoding, and one that decodes to something else is refused.
pub fn merchant_payment_id(segment: &str) -> Result<&str, FieldError> {
    check_text(&PATH_MERCHANT_PAYMENT_ID, segment).map(|()| segment)
}

/// Checks the last segment of `/v2/refunds/{merchantRefundId}`: 1 to 64 of `A-Z a-z 0-9 - _`.
pub fn merchant_refund_id(segment: &str) -> Result<&str, FieldError> {
    check_text(&PATH_MERCHANT_REFUND_ID, segment).map(|()| segment)
}

/// Reads a payment id that we issued: decimal digits without leading zeros. `None` for any other text, which then names
/// no payment (it is not malformed: the wire format allows any text here).
pub fn parse_payment_id(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    canonical.then(|| text.parse().ok())?
}

/// Reads a user authorisation id: a UUID in its canonical form of 36 characters, upper or lower case. `None` for any
/// other text, which then names no authorisation.
pub fn parse_user_authorization_id(text: &str) -> Option<u128> {
    let bytes: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut value = 0_u128;
    for (at, &byte) in bytes.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if byte != b'-' {
                return None;
            }
            continue;
        }
        value = value << 4 | u128::from((byte as char).to_digit(16)?);
    }
    Some(value)
}

/// Writes a user authorisation id as a UUID in its canonical lower-case form.
pub fn user_authorization_id_text(id: u128) -> String {
    let mut text = String::with_capacity(36);
    push_user_authorization_id(id, &mut |byte| text.push(byte as char));
    text
}

pub(crate) fn push_user_authorization_id(id: u128, push: &mut impl FnMut(u8)) {
    for at in 0..32_u32 {
        if matches!(at, 8 | 12 | 16 | 20) {
            push(b'-');
        }
        let nibble = (id >> (124 - 4 * at)) & 0xF;
        push(b"0123456789abcdef"[nibble as usize]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_authorization_ids_round_trip_in_either_case() {
        let id = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;
        let text = user_authorization_id_text(id);
        assert_eq!(text, "01234567-89ab-cdef-0011-223344556677");
        assert_eq!(parse_user_authorization_id(&text), Some(id));
        assert_eq!(parse_user_authorization_id(&text.to_uppercase()), Some(id));
    }

    #[test]
    fn other_texts_name_no_authorization() {
        for text in [
            "",
            "ua-0001",
            "0123456789abcdef0011223344556677",
            "01234567-89ab-cdef-0011-22334455667g",
            "01234567-89ab-cdef-0011-2233445566771",
            "01234567-89ab-cdef-0011+223344556677",
        ] {
            assert_eq!(parse_user_authorization_id(text), None, "{text}");
        }
    }

    #[test]
    fn payment_ids_are_canonical_decimals() {
        assert_eq!(parse_payment_id("1234"), Some(1234));
        assert_eq!(parse_payment_id("18446744073709551615"), Some(u64::MAX));
        for text in [
            "",
            "01",
            "+1",
            "-1",
            "1.0",
            "18446744073709551616",
            "１２",
            "mp-1",
        ] {
            assert_eq!(parse_payment_id(text), None, "{text}");
        }
    }

    #[test]
    fn path_ids_keep_to_their_alphabet_and_length() {
        assert_eq!(merchant_payment_id("mp-0001_A"), Ok("mp-0001_A"));
        for wrong in ["", "a b", "a/b", "ä", "a\0", "a%20", &"x".repeat(65)] {
            assert!(merchant_payment_id(wrong).is_err(), "{wrong}");
            assert!(merchant_refund_id(wrong).is_err(), "{wrong}");
        }
    }
}
