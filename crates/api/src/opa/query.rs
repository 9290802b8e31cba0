//! Query parameters: the few that the format has, checked like members of a body.

use std::borrow::Cow;

use super::id::ISSUED;
use super::member::{Alphabet, FieldError, Member, Rule, Slots, Value, Why, boolean, check_text};
use super::payment::member;

/// Longest query string that is read, in bytes.
pub const QUERY_BYTES_MAX: usize = 2_048;

const AGREE: u8 = 0;
const ASSUME: u8 = 1;
const PAYMENT: u8 = 2;

pub(crate) const AGREE_SIMILAR_TRANSACTION: Member = member(
    "agreeSimilarTransaction",
    "agreeSimilarTransaction",
    Rule::Boolean,
    false,
    AGREE,
    "Allow a payment of the same user and amount within five minutes.",
);
pub(crate) const ASSUME_MERCHANT: Member = member(
    "assumeMerchant",
    "assumeMerchant",
    Rule::Text {
        min: 0,
        max: 64,
        alphabet: Alphabet::Printable,
    },
    false,
    ASSUME,
    "The merchant to act for: the key's own, or 401, whatever the header X-ASSUME-MERCHANT says; empty counts as absent.",
);
pub(crate) const PAYMENT_ID: Member = member(
    "paymentId",
    "paymentId",
    ISSUED,
    false,
    PAYMENT,
    "Our id of the refunded payment.",
);

const PARAMETERS: &[Member] = &[AGREE_SIMILAR_TRANSACTION, ASSUME_MERCHANT, PAYMENT_ID];

/// The checked query of any merchant call. Unknown parameters are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query<'a> {
    /// Whether a suspiciously similar payment is meant; absent counts as `false`.
    pub agree_similar_transaction: bool,
    /// The merchant to act for; an empty value counts as absent.
    pub assume_merchant: Option<Cow<'a, str>>,
    /// Our id of a payment, 1 to 64 characters.
    pub payment_id: Option<Cow<'a, str>>,
}

impl<'a> Query<'a> {
    /// Parses and checks what follows the `?` of a request, if anything does. A known parameter that occurs twice is
    /// refused: two readers could each believe a different one.
    pub fn parse(query: Option<&'a str>) -> Result<Self, FieldError> {
        let Some(query) = query.filter(|query| !query.is_empty()) else {
            return Ok(Query::default());
        };
        if query.len() > QUERY_BYTES_MAX {
            return Err(FieldError::new("query", Why::TooLong(QUERY_BYTES_MAX)));
        }
        let mut slots = Slots::empty();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // A name that does not decode is no name of ours.
            let Some(name) = percent_decoded(name) else {
                continue;
            };
            let Some(parameter) = PARAMETERS.iter().find(|parameter| parameter.name == name) else {
                continue;
            };
            let refuse = |why| FieldError::new(parameter.path, why);
            let slot = usize::from(parameter.slot);
            if slots.0[slot] != Value::Absent {
                return Err(refuse(Why::Twice));
            }
            let value = percent_decoded(value).ok_or(refuse(Why::Malformed))?;
            slots.0[slot] = match (parameter.rule, &*value) {
                (Rule::Boolean, text) => {
                    Value::Boolean(boolean(text).ok_or(refuse(Why::NotA("true or false")))?)
                }
                _ => {
                    check_text(parameter, &value)?;
                    Value::Text(value)
                }
            };
        }
        Ok(Query {
            agree_similar_transaction: slots.boolean(AGREE).unwrap_or(false),
            assume_merchant: slots.text(ASSUME).filter(|merchant| !merchant.is_empty()),
            payment_id: slots.text(PAYMENT),
        })
    }
}

/// Decodes `%XX` and `+`; `None` if the escapes are broken or the bytes are not UTF-8.
fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|b| b == b'%' || b == b'+') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut nibble = || char::from(bytes.next()?).to_digit(16);
                (nibble()? << 4 | nibble()?) as u8
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_parameters_are_read_and_others_ignored() {
        let query = Query::parse(Some(
            "agreeSimilarTransaction=true&assumeMerchant=12%2D3&x=%zz&paymentId=77",
        ))
        .unwrap();
        assert!(query.agree_similar_transaction);
        assert_eq!(query.assume_merchant.as_deref(), Some("12-3"));
        assert_eq!(query.payment_id.as_deref(), Some("77"));
    }

    #[test]
    fn a_boolean_is_read_as_clients_write_it() {
        for (text, meant) in [
            ("true", true),
            ("True", true),
            ("TRUE", true),
            ("1", true),
            ("false", false),
            ("False", false),
            ("0", false),
        ] {
            let query = format!("agreeSimilarTransaction={text}");
            let read = Query::parse(Some(&query)).map(|query| query.agree_similar_transaction);
            assert_eq!(read, Ok(meant), "{text}");
        }
    }

    #[test]
    fn nothing_is_a_good_query() {
        for query in [
            None,
            Some(""),
            Some("&"),
            Some("assumeMerchant="),
            Some("agreeSimilarTransaction=false"),
        ] {
            assert_eq!(Query::parse(query), Ok(Query::default()), "{query:?}");
        }
    }

    #[test]
    fn wrong_parameters_name_themselves() {
        for (query, field, why) in [
            (
                "agreeSimilarTransaction=2",
                "agreeSimilarTransaction",
                Why::NotA("true or false"),
            ),
            (
                "agreeSimilarTransaction=yes",
                "agreeSimilarTransaction",
                Why::NotA("true or false"),
            ),
            (
                "agreeSimilarTransaction",
                "agreeSimilarTransaction",
                Why::NotA("true or false"),
            ),
            (
                "agreeSimilarTransaction=true&agreeSimilarTransaction=true",
                "agreeSimilarTransaction",
                Why::Twice,
            ),
            (
                "assumeMerchant=a&assumeMerchan%74=b",
                "assumeMerchant",
                Why::Twice,
            ),
            (
                "assumeMerchant=&assumeMerchant=b",
                "assumeMerchant",
                Why::Twice,
            ),
            ("assumeMerchant=%00", "assumeMerchant", Why::Unprintable),
            ("paymentId=", "paymentId", Why::TooShort(1)),
            ("paymentId=%ff", "paymentId", Why::Malformed),
            ("paymentId=%4", "paymentId", Why::Malformed),
        ] {
            assert_eq!(
                Query::parse(Some(query)),
                Err(FieldError { field, why }),
                "{query}"
            );
        }
    }
}
