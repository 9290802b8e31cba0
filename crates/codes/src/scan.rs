//! What a scanned string is, decided at the till before anything is sent anywhere.
//!
//! A scanner types whatever it sees: our code, another brand's, a merchant's sticker, a link, a bottle of tea. Sending the
//! wrong one over the network would leak a customer's live payment token, so [`route`] goes from the most specific form to
//! the least, never by a prefix alone, and gives everything that is no payment of ours its own reason.
//!
//! Prefixes of other brands are data with a version ([`PREFIXES`]): they change, the code does not.
//!
//! ```
//! use mamori_codes::payment_code::IssuerPrefix;
//! use mamori_codes::scan::{NotForUs, Scanned, route};
//! let ours = IssuerPrefix::parse("90009900").unwrap();
//! assert!(matches!(route("]C0900099000123456789012345\r", ours), Ok(Scanned::PaymentCode(_))));
//! assert_eq!(route("900081818800000000000000", ours), Err(NotForUs::OtherBrand("PayPay")));
//! assert_eq!(route("https://example.com/pay", ours), Err(NotForUs::Link));
//! ```

use std::fmt;

use crate::payment_code::{ISSUER_DIGITS, IssuerPrefix, NotAPaymentCode, PaymentCode};

/// Longest scanned string that is looked at, in characters.
pub const SCAN_CHARACTERS_MAX: usize = 512;

/// A scanned string that this issuer can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// Our one-time payment code, from a phone: charge it.
    PaymentCode(PaymentCode),
}

/// A scanned string that a till cannot charge, and what it is instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotForUs {
    Empty,
    /// More than [`SCAN_CHARACTERS_MAX`] characters.
    TooLong,
    /// A control character inside: no payment code has one, so the code was made to type commands into the till.
    ControlCharacter,
    /// A QR payload whose case is inverted: CapsLock is on. Repairing it silently would hide the cause from the next one.
    CapsLock,
    /// A merchant's own code; the customer should scan it, not the till.
    MerchantCode,
    /// A consumer code in EMVCo's QR form.
    EmvConsumerCode,
    /// A consumer code in JPQR's QR form.
    JpqrConsumerCode,
    /// A web address or an app's link.
    Link,
    /// A consumer code of this brand.
    OtherBrand(&'static str),
    /// A consumer code of a family we know (these leading digits) and a brand we do not.
    UnknownBrand(&'static str),
    /// Our own prefix with another number of digits: read incompletely.
    Incomplete,
    /// A payment slip of a convenience store.
    BillSlip,
    ProductCode,
    /// Digits in a symbology that no payment code uses.
    OtherSymbology,
    Unknown,
}

impl NotForUs {
    /// The reason as a stable word.
    pub const fn reason(self) -> &'static str {
        match self {
            NotForUs::Empty => "scan_empty",
            NotForUs::TooLong => "scan_too_long",
            NotForUs::ControlCharacter => "scan_control_character",
            NotForUs::CapsLock => "scan_caps_lock",
            NotForUs::MerchantCode => "scan_merchant_code",
            NotForUs::EmvConsumerCode | NotForUs::JpqrConsumerCode => "scan_consumer_qr",
            NotForUs::Link => "scan_link",
            NotForUs::OtherBrand(_) => "scan_other_brand",
            NotForUs::UnknownBrand(_) => "scan_unknown_brand",
            NotForUs::Incomplete => "scan_incomplete",
            NotForUs::BillSlip => "scan_bill_slip",
            NotForUs::ProductCode => "scan_product_code",
            NotForUs::OtherSymbology => "scan_other_symbology",
            NotForUs::Unknown => "code_unknown",
        }
    }
}

impl fmt::Display for NotForUs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for NotForUs {}

/// How many digits a brand's codes have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits {
    pub min: usize,
    pub max: usize,
}

/// One row of the prefix table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// First of the leading digits.
    pub from: &'static str,
    /// Last of them; the same length as `from`.
    pub to: &'static str,
    /// How many digits the whole code has.
    pub digits: Digits,
    pub brand: &'static str,
}

/// The table of other brands' prefixes.
#[derive(Clone, Copy, Debug)]
pub struct PrefixTable {
    /// Raised with every change.
    pub version: u32,
    /// The day its facts were collected, `YYYY-MM-DD`.
    pub effective: &'static str,
    /// Longest prefix first.
    pub rows: &'static [Prefix],
    /// Leading digits that are known to be payment codes of some brand.
    pub families: &'static [&'static str],
}

const fn row(
    from: &'static str,
    to: &'static str,
    min: usize,
    max: usize,
    brand: &'static str,
) -> Prefix {
    Prefix {
        from,
        to,
        digits: Digits { min, max },
        brand,
    }
}

/// Public knowledge of other brands' prefixes. The Japanese ones were collected in February 2020 and may have changed:
/// they only decide in which words a till says no.
///
/// Alipay's family (mainland, Hong Kong, Alipay+) shares its prefixes and splits by itself; no length tells them apart.
/// Alipay+'s 24-digit form has no prefix of its own and is not in the table.
pub const PREFIXES: PrefixTable = PrefixTable {
    version: 1,
    effective: "2020-02-01",
    rows: &[
        row("9000818188", "9000818188", 24, 24, "PayPay"),
        row("90000000", "90000000", 19, 19, "LINE Pay"),
        row("90000001", "90000001", 22, 22, "Origami Pay"),
        row("90000002", "90000002", 22, 22, "d払い"),
        row("31589900", "31589900", 19, 19, "メルペイ"),
        row("31589921", "31589921", 19, 19, "au PAY"),
        row("31589931", "31589940", 19, 19, "銀行Pay"),
        row("31589995", "31589995", 19, 19, "pring"),
        row("900001", "900001", 16, 16, "楽天ペイ"),
        row("10", "15", 18, 18, "WeChat Pay"),
        row("25", "30", 16, 32, "Alipay"),
        row("62", "62", 19, 19, "UnionPay"),
    ],
    families: &["9000", "315899"],
};

impl PrefixTable {
    /// The brand whose codes look like these digits.
    pub fn brand(&self, digits: &str) -> Option<&'static str> {
        let fits = |row: &&Prefix| {
            let leading = digits.get(..row.from.len()).unwrap_or_default();
            (row.digits.min..=row.digits.max).contains(&digits.len())
                && (row.from..=row.to).contains(&leading)
        };
        self.rows.iter().find(fits).map(|row| row.brand)
    }

    /// The family that these digits belong to, if it is a known one.
    pub fn family(&self, digits: &str) -> Option<&'static str> {
        self.families
            .iter()
            .copied()
            .find(|family| digits.starts_with(family))
    }
}

/// A brand whose codes could be taken for those of an issuer prefix; for a check of the configuration.
pub fn brand_of_prefix(issuer: IssuerPrefix) -> Option<&'static str> {
    let example = format!("{issuer}0000000000000000");
    PREFIXES.brand(&example)
}

/// Decides what a scanned string is. `ours` is the issuer prefix of this instance.
///
/// At most one terminator (CR, LF, CRLF or TAB) and one AIM symbology identifier (`]C0`) are stripped first, as scanners
/// add them.
pub fn route(scanned: &str, ours: IssuerPrefix) -> Result<Scanned, NotForUs> {
    let text = without_terminator(scanned);
    let (symbology, text) = without_symbology(text);
    // With ECI output switched on, a scanner says first that the text is UTF-8.
    let text = text.strip_prefix("\\000026").unwrap_or(text);
    if text.is_empty() {
        return Err(NotForUs::Empty);
    }
    if text.len() > SCAN_CHARACTERS_MAX && text.chars().count() > SCAN_CHARACTERS_MAX {
        return Err(NotForUs::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(NotForUs::ControlCharacter);
    }
    if is_merchant_presented(text) {
        return Err(NotForUs::MerchantCode);
    }
    // The first bytes of the format indicator in Base64; the version digits follow.
    for (start, kind) in [
        ("hQVDUFY", NotForUs::EmvConsumerCode),
        ("hQVKUFFS", NotForUs::JpqrConsumerCode),
        ("Hqvdufy", NotForUs::CapsLock),
        ("Hqvkuffs", NotForUs::CapsLock),
    ] {
        if text.starts_with(start) && is_base64_like(text) {
            return Err(kind);
        }
    }
    if is_link(text) {
        return Err(NotForUs::Link);
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NotForUs::Unknown);
    }
    route_digits(text, symbology, ours)
}

fn route_digits(
    digits: &str,
    symbology: Option<&str>,
    ours: IssuerPrefix,
) -> Result<Scanned, NotForUs> {
    let gs1 = symbology == Some("C1");
    let product = symbology.is_some_and(|symbology| symbology.starts_with('E'));
    let payment_length = (16..=24).contains(&digits.len());
    let alipay_length = (25..=32).contains(&digits.len());
    if (payment_length || alipay_length) && (gs1 || product) {
        // Payment codes are plain Code 128 or QR.
        return Err(NotForUs::OtherSymbology);
    }
    if payment_length || alipay_length {
        return match PaymentCode::parse(digits, ours) {
            Ok(code) => Ok(Scanned::PaymentCode(code)),
            Err(NotAPaymentCode::Length) if digits.starts_with(ours.as_str()) => {
                Err(NotForUs::Incomplete)
            }
            Err(_) => match (PREFIXES.brand(digits), PREFIXES.family(digits)) {
                (Some(brand), _) => Err(NotForUs::OtherBrand(brand)),
                (None, Some(family)) => Err(NotForUs::UnknownBrand(family)),
                (None, None) => Err(NotForUs::Unknown),
            },
        };
    }
    if gs1 && digits.len() == 44 && digits.starts_with("91") {
        return Err(NotForUs::BillSlip);
    }
    if matches!(digits.len(), 8 | 13)
        && (product || (symbology.is_none() && has_product_check_digit(digits)))
    {
        return Err(NotForUs::ProductCode);
    }
    // The issuer part and something more: a code of ours that was read in half.
    let incomplete = digits.len() > ISSUER_DIGITS && digits.starts_with(ours.as_str());
    Err(if incomplete {
        NotForUs::Incomplete
    } else {
        NotForUs::Unknown
    })
}

fn without_terminator(text: &str) -> &str {
    ["\r\n", "\r", "\n", "\t"]
        .iter()
        .find_map(|end| text.strip_suffix(end))
        .unwrap_or(text)
}

/// Splits off an AIM symbology identifier: `]`, a letter, a digit.
fn without_symbology(text: &str) -> (Option<&str>, &str) {
    match text.as_bytes() {
        [b']', letter, digit, ..] if letter.is_ascii_alphabetic() && digit.is_ascii_digit() => {
            (text.get(1..3), text.get(3..).unwrap_or_default())
        }
        _ => (None, text),
    }
}

fn is_merchant_presented(text: &str) -> bool {
    let crc_at_end = text
        .len()
        .checked_sub(8)
        .and_then(|at| text.get(at..))
        .is_some_and(|end| end.starts_with("6304"));
    text.starts_with("000201") && crc_at_end
}

/// Printable ASCII without blanks: nothing more is asked, because what is looked for here may be damaged.
fn is_base64_like(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic())
}

/// `http://`, `https://`, or an app's scheme.
fn is_link(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once("://") else {
        return false;
    };
    let mut characters = scheme.bytes();
    characters.next().is_some_and(|b| b.is_ascii_alphabetic())
        && characters.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// The check digit of EAN and JAN: weights 3 and 1 from the right.
fn has_product_check_digit(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, b)| u32::from(b - b'0') * if at % 2 == 1 { 3 } else { 1 })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ours() -> IssuerPrefix {
        IssuerPrefix::parse("90009900").unwrap()
    }

    const OURS: &str = "900099000123456789012345";
    const MERCHANT: &str = "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000164150002JA0105見本喫茶店6304EC95";

    #[test]
    fn our_code_is_found_behind_whatever_the_scanner_adds() {
        let code = PaymentCode::parse(OURS, ours()).unwrap();
        for (before, after) in [
            ("", ""),
            ("", "\r"),
            ("", "\n"),
            ("", "\r\n"),
            ("", "\t"),
            ("]C0", "\r"),
            ("]Q1", "\r\n"),
            ("]Q2\\000026", ""),
        ] {
            assert_eq!(
                route(&format!("{before}{OURS}{after}"), ours()),
                Ok(Scanned::PaymentCode(code)),
                "{before}{after}"
            );
        }
    }

    #[test]
    fn everything_else_has_its_own_reason() {
        use NotForUs::*;
        #[rustfmt::skip]
        let table: &[(&str, NotForUs)] = &[
            ("", Empty),
            ("\r", Empty),
            ("]C0", Empty),
            ("900099000123456789012345\r\r", ControlCharacter),
            ("900099000123\t456789012345", ControlCharacter),
            ("900099000123\u{0}456789012345", ControlCharacter),
            ("\u{1b}900099000123456789012345", ControlCharacter),
            (MERCHANT, MerchantCode),
            ("hQVDUFYwMWEaTwegAAAAVVVVVw8SNFZ4kBI0WNGRIgESNF8=", EmvConsumerCode),
            ("hQVKUFFSMWEaTwg5MDAwMDAwMlcOMTIzNDU2Nzg5MDEyMzQ=", JpqrConsumerCode),
            ("HqvdufyWmweAtWEGaaaavvvvvW8snfz4KbiQwngriGesnf8=", CapsLock),
            ("HqvkuffsmweAtWG5mdaWmdaWmLCmtiZndu2nZG5mdeYmZq=", CapsLock),
            ("https://example.com/s/1", Link),
            ("http://example.com", Link),
            ("paypay://payment?link_key=x", Link),
            ("900081818800000000000000", OtherBrand("PayPay")),
            ("9000000012345678901", OtherBrand("LINE Pay")),
            ("9000012345678901", OtherBrand("楽天ペイ")),
            ("9000000212345678901234", OtherBrand("d払い")),
            ("9000000112345678901234", OtherBrand("Origami Pay")),
            ("3158990012345678901", OtherBrand("メルペイ")),
            ("3158992112345678901", OtherBrand("au PAY")),
            ("3158993112345678901", OtherBrand("銀行Pay")),
            ("3158994012345678901", OtherBrand("銀行Pay")),
            ("3158999512345678901", OtherBrand("pring")),
            ("135112298638468293", OtherBrand("WeChat Pay")),
            ("2893612204263667830", OtherBrand("Alipay")),
            ("28936122042636678301234567890123", OtherBrand("Alipay")),
            ("6212345678901234567", OtherBrand("UnionPay")),
            ("3158994112345678901", UnknownBrand("315899")),
            ("9000123412345678", UnknownBrand("9000")),
            ("900081818800000000000", UnknownBrand("9000")),
            ("90009900012345678901", Incomplete),
            ("9000990001234567890123456", Incomplete),
            ("900099000123", Incomplete),
            ("1612345678901234", Unknown),
            ("161234567890123456789012345", Unknown),
            ("]C191000000000000000000000000000000000000000000", BillSlip),
            ("91000000000000000000000000000000000000000000", Unknown),
            ("]C1900099000123456789012345", OtherSymbology),
            ("]E04901234567894", ProductCode),
            ("4901234567894", ProductCode),
            ("49012348", Unknown),
            ("49968712", ProductCode),
            ("4901234567890", Unknown),
            ("hello", Unknown),
            ("9000 9900 0123 4567 8901 2345", Unknown),
            ("９００099000123456789012345", Unknown),
            ("000201", Unknown),
            ("00020101021263041234x", Unknown),
        ];
        for (scanned, expected) in table {
            assert_eq!(route(scanned, ours()), Err(*expected), "{scanned:?}");
        }
        assert_eq!(route(&"1".repeat(513), ours()), Err(TooLong));
        assert_eq!(route(&"9".repeat(512), ours()), Err(Unknown));
    }

    #[test]
    fn only_one_terminator_and_one_identifier_are_stripped() {
        assert_eq!(
            route(&format!("]C0]C0{OURS}"), ours()),
            Err(NotForUs::Unknown)
        );
        assert_eq!(
            route(&format!("{OURS}\n\r"), ours()),
            Err(NotForUs::ControlCharacter)
        );
    }

    #[test]
    fn the_table_is_sorted_longest_prefix_first_and_well_formed() {
        assert!(
            PREFIXES
                .rows
                .is_sorted_by(|a, b| a.from.len() >= b.from.len())
        );
        for row in PREFIXES.rows {
            assert!(
                row.from.len() == row.to.len()
                    && row.from <= row.to
                    && row.digits.min <= row.digits.max,
                "{row:?}"
            );
        }
    }

    #[test]
    fn a_configured_prefix_that_belongs_to_a_brand_is_noticed() {
        assert_eq!(
            brand_of_prefix(IssuerPrefix::parse("28000000").unwrap()),
            Some("Alipay")
        );
        assert_eq!(brand_of_prefix(ours()), None);
    }

    proptest! {
        #[test]
        fn any_text_is_routed_without_panic(text in ".{0,80}") {
            let _ = route(&text, ours());
        }

        #[test]
        fn only_our_own_24_digits_are_ever_charged(text in "[\\]C0-9]{0,40}[\r\n\t]{0,2}") {
            if let Ok(Scanned::PaymentCode(code)) = route(&text, ours()) {
                prop_assert!(text.contains(code.as_str()) && code.as_str().starts_with("90009900"));
            }
        }
    }
}
