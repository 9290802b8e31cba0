//! Which of the two languages a page speaks, and how it writes an amount.

use axum::http::{HeaderMap, header};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Ja,
    En,
}

impl Language {
    /// The customer's own choice, else the shop's, else the browser's; Japanese if none of them says.
    pub(crate) fn choose(wish: Option<&str>, shop: Option<&str>, headers: &HeaderMap) -> Self {
        let browser = headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let browser = browser
            .split(',')
            .map(|tag| tag.split(';').next().unwrap_or_default().trim());
        wish.into_iter()
            .chain(shop)
            .chain(browser)
            .find_map(Self::from_tag)
            .unwrap_or(Self::Ja)
    }

    fn from_tag(tag: &str) -> Option<Self> {
        match tag.get(..2)?.to_ascii_lowercase().as_str() {
            "ja" => Some(Self::Ja),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }

    pub(crate) fn say<'a>(self, ja: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Ja => ja,
            Self::En => en,
        }
    }
}

/// An instant in milliseconds UTC, for machines (UTC) and for people (hours, minutes and seconds in Japan).
pub(crate) fn japan_time(at_ms: i64) -> (String, String) {
    let instant = jiff::Timestamp::from_millisecond(at_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let japan = instant.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(9)));
    (instant.to_string(), japan.strftime("%H:%M:%S").to_string())
}

/// Whole yen with separators.
pub(crate) fn yen(amount: i64) -> String {
    let digits = amount.to_string();
    digits
        .char_indices()
        .fold(String::from("¥"), |mut text, (at, digit)| {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_grouped() {
        for (amount, text) in [
            (1, "¥1"),
            (999, "¥999"),
            (5_000, "¥5,000"),
            (1_234_567, "¥1,234,567"),
        ] {
            assert_eq!(yen(amount), text);
        }
    }

    #[test]
    fn the_customer_chooses_before_the_shop_and_the_browser() {
        let mut headers = HeaderMap::new();
        assert_eq!(Language::choose(None, None, &headers), Language::Ja);
        headers.insert(
            header::ACCEPT_LANGUAGE,
            "fr, en-GB;q=0.8, ja;q=0.5".parse().unwrap(),
        );
        assert_eq!(Language::choose(None, None, &headers), Language::En);
        assert_eq!(Language::choose(None, Some("ja"), &headers), Language::Ja);
        assert_eq!(
            Language::choose(Some("en"), Some("ja"), &headers),
            Language::En
        );
    }
}
