//! QR symbols as SVG.
//!
//! Our own code is digits only and uses numeric mode: 24 digits fit the smallest symbols, with modules large enough for any
//! camera. EMV payloads must be in byte mode ([`svg_bytes`]). Error correction is level M, the quiet zone four modules.

use std::fmt;

use fast_qr::{ECL, Mode, QRBuilder};

/// Empty modules on every side.
pub const QUIET_MODULES: usize = 4;

/// Longest payload that is drawn, in bytes; readers must handle this much and need not handle more.
pub const PAYLOAD_BYTES_MAX: usize = 512;

/// Why a payload cannot be drawn as a QR symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QrError {
    Empty,
    /// It is longer than [`PAYLOAD_BYTES_MAX`].
    TooLong,
    /// Digits were asked for and it has something else.
    NotDigits,
}

impl fmt::Display for QrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            QrError::Empty => "a QR symbol needs a payload",
            QrError::TooLong => "a payment QR holds at most 512 bytes",
            QrError::NotDigits => "only digits fit numeric mode",
        })
    }
}

impl std::error::Error for QrError {}

/// A QR symbol of digits (numeric mode) as an SVG picture: black on white, one module is one unit, quiet zone included.
pub fn svg_digits(digits: &str) -> Result<String, QrError> {
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(QrError::NotDigits);
    }
    draw(digits, Mode::Numeric)
}

/// A QR symbol of any text (byte mode, UTF-8) as an SVG picture; EMV payloads allow no other mode.
///
/// No ECI designator is written in front of text that is not ASCII: printed codes in the field leave it out as well, and
/// readers take the bytes for UTF-8.
pub fn svg_bytes(payload: &str) -> Result<String, QrError> {
    draw(payload, Mode::Byte)
}

fn draw(payload: &str, mode: Mode) -> Result<String, QrError> {
    if payload.is_empty() {
        return Err(QrError::Empty);
    }
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(QrError::TooLong);
    }
    let symbol = QRBuilder::new(payload)
        .mode(mode)
        .ecl(ECL::M)
        .build()
        .map_err(|_| QrError::TooLong)?;
    let side = symbol.size + 2 * QUIET_MODULES;
    let mut picture = crate::picture::Picture::new(side, side, symbol.size * symbol.size * 5);
    for y in 0..symbol.size {
        crate::picture::runs(
            symbol[y].iter().map(|module| module.value()),
            |start, length| {
                picture.rect(start + QUIET_MODULES, y + QUIET_MODULES, length, 1);
            },
        );
    }
    Ok(picture.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_code_fits_the_smallest_symbol() {
        // Version 1 level M holds 34 digits: 21 modules and the quiet zone.
        let svg = svg_digits("900081818800000000000000").unwrap();
        assert!(svg.contains(r#"viewBox="0 0 29 29""#), "{svg}");
        assert!(svg.contains(r#"shape-rendering="crispEdges""#) && !svg.contains("style"));
    }

    #[test]
    fn emv_payloads_have_the_measured_versions() {
        // 182 bytes at level M: version 10, 57 modules.
        let payload = "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000164150002JA0105見本喫茶店6304EC95";
        assert_eq!(payload.len(), 182);
        assert!(
            svg_bytes(payload)
                .unwrap()
                .contains(r#"viewBox="0 0 65 65""#)
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(svg_digits(""), Err(QrError::Empty));
        assert_eq!(svg_digits("12a"), Err(QrError::NotDigits));
        assert_eq!(svg_bytes(&"x".repeat(513)), Err(QrError::TooLong));
        assert!(svg_bytes(&"x".repeat(512)).is_ok());
    }
}
