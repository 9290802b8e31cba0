//! Reading a page's JSON body field by field, so that every wrong field is refused by its name.

use std::fmt;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use mamori_domain::world::Timestamp;
use mamori_registry::folded;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::answer::Denial;
use crate::cookies::{Token, decode_token};

/// The members of a JSON object, each of them once. Of two amounts a proxy could check the first and a handler charge the second.
struct Members(Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Map<String, Value>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
                let mut members = Map::new();
                while let Some((name, Once(value))) = object.next_entry::<String, Once>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member occurs twice"));
                    }
                }
                Ok(members)
            }
        }
        json.deserialize_map(Each).map(Members)
    }
}

/// Any value, in whose objects no member occurs twice either.
struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
            fn visit_bool<E>(self, yes: bool) -> Result<Value, E> {
                Ok(yes.into())
            }
            fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
                Ok(number.into())
            }
            fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
                Ok(number.into())
            }
            fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
                Ok(number.into())
            }
            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(text.into())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
                let mut values = Vec::new();
                while let Some(Once(value)) = list.next_element()? {
                    values.push(value);
                }
                Ok(values.into())
            }
            fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Value, A::Error> {
                Members::deserialize(MapAccessDeserializer::new(object))
                    .map(|Members(members)| members.into())
            }
        }
        json.deserialize_any(Any).map(Once)
    }
}

/// The JSON object that a page sent.
///
/// Asking for `application/json` is part of the defence against other sites: no form can send it without a preflight.
#[derive(Debug)]
pub struct Body(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Denial;

    async fn from_request(request: Request, state: &S) -> Result<Self, Denial> {
        let content_type = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Denial::InvalidField("content-type"));
        }
        // The only failures of reading are a body beyond the limit and a client that left.
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|_| Denial::TooLarge)?;
        Self::parse(&bytes)
    }
}

impl Body {
    fn parse(bytes: &[u8]) -> Result<Body, Denial> {
        match serde_json::from_slice(bytes) {
            Ok(Members(members)) => Ok(Body(members)),
            Err(_) => Err(Denial::InvalidField("body")),
        }
    }

    /// Whether a field is there at all.
    pub fn has(&self, field: &'static str) -> bool {
        self.0.contains_key(field)
    }

    /// Yes or no; nothing else counts as either.
    pub fn flag(&self, field: &'static str) -> Result<bool, Denial> {
        self.0
            .get(field)
            .and_then(Value::as_bool)
            .ok_or(Denial::InvalidField(field))
    }

    /// A text of 1 to `bytes_max` bytes on one line: a control character in it is nobody's name, number or reason.
    pub fn text(&self, field: &'static str, bytes_max: usize) -> Result<&str, Denial> {
        match self.0.get(field) {
            Some(Value::String(text))
                if (1..=bytes_max).contains(&text.len()) && !text.contains(char::is_control) =>
            {
                Ok(text)
            }
            _ => Err(Denial::InvalidField(field)),
        }
    }

    /// A text or nothing; empty counts as nothing.
    pub fn opt_text(&self, field: &'static str, bytes_max: usize) -> Result<Option<&str>, Denial> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(_) => self.text(field, bytes_max).map(Some),
        }
    }

    /// A text of 1 to `chars_max` characters that may have several lines; white space around it is left out.
    pub fn prose(&self, field: &'static str, chars_max: usize) -> Result<&str, Denial> {
        let text = self.0.get(field).and_then(Value::as_str).map(str::trim);
        text.filter(|text| (1..=chars_max).contains(&text.chars().count()))
            .filter(|text| !text.contains(|c: char| c.is_control() && c != '\n'))
            .ok_or(Denial::InvalidField(field))
    }

    /// Exactly `count` digits, in half or full width, spaces and hyphens between them left out.
    pub fn digits(&self, field: &'static str, count: usize) -> Result<String, Denial> {
        let typed = self.text(field, 128)?;
        let digits: String = (folded(typed).chars())
            .filter(|c| !matches!(c, ' ' | '-'))
            .collect();
        if digits.len() == count && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(digits)
        } else {
            Err(Denial::InvalidField(field))
        }
    }

    /// A whole number within bounds; `1.0`, `"1"` and `1e3` are none.
    pub fn whole(
        &self,
        field: &'static str,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, Denial> {
        self.0
            .get(field)
            .and_then(Value::as_u64)
            .filter(|number| bounds.contains(number))
            .ok_or(Denial::InvalidField(field))
    }

    /// A whole number within bounds or nothing.
    pub fn opt_whole(
        &self,
        field: &'static str,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, Denial> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.whole(field, bounds).map(Some),
        }
    }

    /// A list of short texts, each once, or nothing: at most `count_max` of 1 to `chars_max` characters.
    pub fn opt_texts(
        &self,
        field: &'static str,
        count_max: usize,
        chars_max: usize,
    ) -> Result<Vec<&str>, Denial> {
        let wrong = Denial::InvalidField(field);
        let list = match self.0.get(field) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(list)) if list.len() <= count_max => list,
            Some(_) => return Err(wrong),
        };
        let mut texts = Vec::with_capacity(list.len());
        for value in list {
            let text = value.as_str().ok_or(wrong)?;
            let fits = (1..=chars_max).contains(&text.chars().count());
            if !fits || text.contains(char::is_control) || texts.contains(&text) {
                return Err(wrong);
            }
            texts.push(text);
        }
        Ok(texts)
    }

    /// A handle of 256 bits as given out before.
    pub fn token(&self, field: &'static str) -> Result<Token, Denial> {
        decode_token(self.text(field, 43)?).ok_or(Denial::InvalidField(field))
    }

    /// A JSON object, such as a credential.
    pub fn object(&self, field: &'static str) -> Result<Value, Denial> {
        match self.0.get(field) {
            Some(value @ Value::Object(_)) => Ok(value.clone()),
            _ => Err(Denial::InvalidField(field)),
        }
    }

    /// `ja` or `en`; Japanese if nothing is said.
    pub fn locale(&self) -> Result<&'static str, Denial> {
        match self.0.get("locale") {
            None => Ok("ja"),
            Some(Value::String(text)) if text == "ja" => Ok("ja"),
            Some(Value::String(text)) if text == "en" => Ok("en"),
            Some(_) => Err(Denial::InvalidField("locale")),
        }
    }
}

/// The parameters behind the `?`; wrong ones are refused like wrong fields.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Denial> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Asked(asked)),
            Err(_) => Err(Denial::InvalidField("query")),
        }
    }
}

/// A number in the path; what is no number names nothing.
#[derive(Debug)]
pub struct Named(pub u64);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denial> {
        match Path::<u64>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Named(id)),
            Err(_) => Err(Denial::NotFound),
        }
    }
}

/// An instant for a page: integer milliseconds UTC.
pub fn millis(at: Timestamp) -> i64 {
    at.millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Body {
        Body::parse(text.as_bytes()).expect("an object")
    }

    #[test]
    fn digits_are_read_as_people_type_them() {
        for typed in [
            "12345678",
            "1234 5678",
            "1234-5678",
            "１２３４５６７８",
            "１２３４　５６７８",
            "\u{2068}1234\u{2011}5678\u{2069}",
            "1\u{FE0F}234\u{A0}5678\u{200B}",
            "１２３４−５６７８",
        ] {
            assert_eq!(
                body(&format!("{{\"c\":\"{typed}\"}}")).digits("c", 8),
                Ok("12345678".to_owned()),
                "{typed}"
            );
        }
        for wrong in [
            "\"1234567\"",
            "\"123456789\"",
            "\"1234567a\"",
            "12345678",
            "null",
            "[]",
            "\"٠١٢٣٤٥٦٧\"",
        ] {
            assert_eq!(
                body(&format!("{{\"c\":{wrong}}}")).digits("c", 8),
                Err(Denial::InvalidField("c")),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_member_that_occurs_twice_is_refused_wherever_it_stands() {
        for twice in [
            r#"{"amount":1,"amount":9}"#,
            r#"{"amount":1,"amoun\u0074":1}"#,
            r#"{"a":{"b":null,"b":null}}"#,
            r#"{"a":[{"b":{"c":1,"c":1}}]}"#,
        ] {
            let read = Body::parse(twice.as_bytes());
            assert_eq!(read.unwrap_err(), Denial::InvalidField("body"), "{twice}");
        }
        let once = body(r#"{"a":[{"b":1.5},{"b":[null,true,-1,"x"]}],"b":7}"#);
        assert_eq!(
            once.0["a"],
            serde_json::json!([{ "b": 1.5 }, { "b": [null, true, -1, "x"] }])
        );
        assert_eq!(once.whole("b", 1..=9), Ok(7));
    }

    #[test]
    fn a_whole_number_is_nothing_else() {
        assert_eq!(body("{\"n\":5}").whole("n", 1..=10), Ok(5));
        for wrong in [
            "0",
            "11",
            "-1",
            "5.0",
            "5e0",
            "\"5\"",
            "null",
            "true",
            "99999999999999999999999",
        ] {
            assert_eq!(
                body(&format!("{{\"n\":{wrong}}}")).whole("n", 1..=10),
                Err(Denial::InvalidField("n")),
                "{wrong}"
            );
        }
    }

    #[test]
    fn what_is_no_object_is_no_body() {
        for wrong in ["", "[]", "1", "\"a\"", "{", "{\"a\":1}x", "\u{feff}{}"] {
            assert!(
                matches!(
                    Body::parse(wrong.as_bytes()),
                    Err(Denial::InvalidField("body"))
                ),
                "{wrong}"
            );
        }
        let deep = "[".repeat(100_000);
        assert!(matches!(
            Body::parse(deep.as_bytes()),
            Err(Denial::InvalidField("body"))
        ));
    }
}
