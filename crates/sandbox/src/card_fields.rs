//! The three fields of the card form: reading what people type, and what to show again.

use crate::cards::{self, TestCard};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Number,
    Expiry,
    Cvc,
    /// The card as a whole.
    Card,
}

#[derive(Clone, Copy)]
pub(crate) struct Problem {
    pub(crate) field: Field,
    pub(crate) ja: &'static str,
    pub(crate) en: &'static str,
}

/// What stands in the fields when the form is shown: never a number that is not a listed test card's.
#[derive(Default)]
pub(crate) struct Filled {
    pub(crate) number: String,
    pub(crate) expiry: String,
    pub(crate) cvc: &'static str,
}

impl Filled {
    /// Everything that a test card needs.
    pub(crate) fn with(card: &TestCard) -> Self {
        let cvc = if card.brand == "amex" { "1234" } else { "123" };
        Self {
            number: grouped(card.number),
            expiry: "12/34".to_owned(),
            cvc,
        }
    }
}

/// Reads the three fields. The number lives in this function only; a listed test card leaves it, nothing else.
pub(crate) fn read_card(body: &[u8], now: i64) -> Result<&'static TestCard, (Problem, Filled)> {
    let field = |wanted: &str| -> String {
        form_urlencoded::parse(body)
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| {
                value
                    .chars()
                    .filter(|letter| !letter.is_whitespace() && *letter != '-')
                    .collect()
            })
            .unwrap_or_default()
    };
    let number = halfwidth(&field("number"));
    let card = cards::by_number(&number);
    let typed_expiry = halfwidth(&field("expiry"));
    let wrong = |field, ja, en| {
        let filled = Filled {
            number: card.map(|card| grouped(card.number)).unwrap_or_default(),
            expiry: typed_expiry.chars().take(7).collect(),
            cvc: "",
        };
        (Problem { field, ja, en }, filled)
    };
    if !cards::luhn(&number) {
        return Err(wrong(
            Field::Number,
            "カード番号が正しくありません。",
            "Your card number is invalid.",
        ));
    }
    let Some((month, year)) = expiry(&typed_expiry) else {
        return Err(wrong(
            Field::Expiry,
            "有効期限を「月/年」で入力してください(例 12/34)。",
            "Type the expiry as month/year, for example 12/34.",
        ));
    };
    if (year, month) < month_of(now) {
        return Err(wrong(
            Field::Expiry,
            "有効期限が過ぎています。",
            "Your card's expiry is in the past.",
        ));
    }
    let cvc = halfwidth(&field("cvc"));
    let digits = if card.is_some_and(|card| card.brand == "amex") {
        4
    } else {
        3
    };
    if cvc.len() != digits || !cvc.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong(
            Field::Cvc,
            "セキュリティコードの桁数をご確認ください。",
            "Your card's security code is incomplete.",
        ));
    }
    let not_listed = cards::NOT_A_TEST_CARD;
    card.ok_or_else(|| wrong(Field::Number, not_listed.message_ja, not_listed.message))
}

/// Japanese keyboards type full-width digits.
pub(crate) fn halfwidth(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '０'..='９' => char::from(b'0' + (letter as u32 - '０' as u32) as u8),
            '／' => '/',
            other => other,
        })
        .collect()
}

/// `MM/YY`, `MM/YYYY` or `MMYY` as (month, year).
fn expiry(text: &str) -> Option<(i16, i16)> {
    let (month, year) = match text.split_once('/') {
        Some(parts) => parts,
        None if text.len() == 4 => text.split_at_checked(2)?,
        None => return None,
    };
    let (month, year): (i16, i16) = (month.parse().ok()?, year.parse().ok()?);
    let year = if (0..100).contains(&year) {
        year + 2000
    } else {
        year
    };
    ((1..=12).contains(&month) && (2000..2100).contains(&year)).then_some((month, year))
}

/// (year, month) of an instant, UTC.
fn month_of(now: i64) -> (i16, i16) {
    let instant = jiff::Timestamp::from_second(now).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let date = instant.to_zoned(jiff::tz::TimeZone::UTC).date();
    (date.year(), i16::from(date.month()))
}

/// Digits in groups, as they stand on the card.
pub(crate) fn grouped(number: &str) -> String {
    let ends: &[usize] = if number.len() == 15 {
        &[4, 10]
    } else {
        &[4, 8, 12]
    };
    number
        .chars()
        .enumerate()
        .fold(String::new(), |mut text, (at, digit)| {
            if ends.contains(&at) {
                text.push(' ');
            }
            text.push(digit);
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const JUNE_2025: i64 = 1_750_000_000;

    #[test]
    fn a_card_is_read_as_people_type_it() {
        for body in [
            "number=4242+4242+4242+4242&expiry=12%2F34&cvc=123",
            "number=4242-4242-4242-4242&expiry=0625&cvc=123",
            "number=%EF%BC%94242424242424242&expiry=12%EF%BC%8F2034&cvc=123",
        ] {
            assert_eq!(
                read_card(body.as_bytes(), JUNE_2025)
                    .ok()
                    .map(TestCard::last4),
                Some("4242"),
                "{body}"
            );
        }
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (body, field) in [
            ("", Field::Number),
            (
                "number=4242424242424241&expiry=12/34&cvc=123",
                Field::Number,
            ),
            (
                "number=4111111111111111&expiry=12/34&cvc=123",
                Field::Number,
            ),
            (
                "number=4242424242424242&expiry=13/34&cvc=123",
                Field::Expiry,
            ),
            (
                "number=4242424242424242&expiry=05/25&cvc=123",
                Field::Expiry,
            ),
            ("number=4242424242424242&expiry=12/34&cvc=12", Field::Cvc),
            ("number=378282246310005&expiry=12/34&cvc=123", Field::Cvc),
        ] {
            let found = read_card(body.as_bytes(), JUNE_2025)
                .err()
                .map(|(problem, _)| problem.field);
            assert!(found == Some(field), "{body}");
        }
    }
}
