//! Code 128 for digits, as SVG.
//!
//! Pairs of digits are one character of set C (11 modules); a single odd digit at the end costs a switch to set B, as wide
//! as four more digits. Bars lie on whole modules and the picture is drawn without smoothing, because a scanner reads the
//! edges. There are no `style` attributes: the pages' content security policy allows none.

use std::fmt;

use barcoders::sym::code128::Code128;

/// Empty modules on each side, as the symbology demands.
pub const QUIET_MODULES: usize = 10;

/// Height of the bars in modules: a little over a third of a 24-digit symbol's width, easy to hit by hand.
pub const HEIGHT_MODULES: usize = 64;

/// Most digits that are drawn.
pub const DIGITS_MAX: usize = 32;

/// Why a text cannot be drawn as a barcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarcodeError {
    /// It is not 2 to [`DIGITS_MAX`] ASCII digits.
    NotDigits,
}

impl fmt::Display for BarcodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a barcode takes 2 to 32 digits")
    }
}

impl std::error::Error for BarcodeError {}

/// The bars (`true`) and spaces of a Code 128 symbol from start to stop, one entry per module, without quiet zones.
pub fn modules(digits: &str) -> Result<Vec<bool>, BarcodeError> {
    if !(2..=DIGITS_MAX).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BarcodeError::NotDigits);
    }
    // The library's own notation: Ć starts set C, Ɓ switches to set B.
    let (pairs, odd) = digits.split_at(digits.len() / 2 * 2);
    let switch = if odd.is_empty() { "" } else { "\u{0181}" };
    let symbol = Code128::new(format!("\u{0106}{pairs}{switch}{odd}"))
        .map_err(|_| BarcodeError::NotDigits)?;
    Ok(symbol
        .encode()
        .into_iter()
        .map(|module| module == 1)
        .collect())
}

/// A Code 128 barcode of digits as an SVG picture: black on white, one module is one unit, quiet zones included.
///
/// Scale it by whole numbers of device pixels per module, or scanners will see blurred edges.
pub fn svg(digits: &str) -> Result<String, BarcodeError> {
    let modules = modules(digits)?;
    let mut picture =
        crate::picture::Picture::new(modules.len() + 2 * QUIET_MODULES, HEIGHT_MODULES, 640);
    crate::picture::runs(modules.iter().copied(), |start, length| {
        picture.rect(start + QUIET_MODULES, 0, length, HEIGHT_MODULES);
    });
    Ok(picture.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Widths of the 106 symbol characters as bar and space runs (ISO/IEC 15417), written down here a second time so that
    /// the drawing is checked by something other than itself.
    const PATTERNS: [&str; 106] = [
        "212222", "222122", "222221", "121223", "121322", "131222", "122213", "122312", "132212",
        "221213", "221312", "231212", "112232", "122132", "122231", "113222", "123122", "123221",
        "223211", "221132", "221231", "213212", "223112", "312131", "311222", "321122", "321221",
        "312212", "322112", "322211", "212123", "212321", "232121", "111323", "131123", "131321",
        "112313", "132113", "132311", "211313", "231113", "231311", "112133", "112331", "132131",
        "113123", "113321", "133121", "313121", "211331", "231131", "213113", "213311", "213131",
        "311123", "311321", "331121", "312113", "312311", "332111", "314111", "221411", "431111",
        "111224", "111422", "121124", "121421", "141122", "141221", "112214", "112412", "122114",
        "122411", "142112", "142211", "241211", "221114", "413111", "241112", "134111", "111242",
        "121142", "121241", "114212", "124112", "124211", "411212", "421112", "421211", "212141",
        "214121", "412121", "111143", "111341", "131141", "114113", "114311", "411113", "411311",
        "113141", "114131", "311141", "411131", "211412", "211214", "211232",
    ];

    /// Reads symbol values back from modules: an independent decoder of set C and the switch to B.
    fn values(modules: &[bool]) -> Vec<usize> {
        let body = modules.len() - 13;
        assert_eq!(body % 11, 0);
        modules[..body]
            .chunks(11)
            .map(|character| {
                let mut widths = String::new();
                crate::picture::all_runs(character.iter().copied(), |length| {
                    widths.push_str(&length.to_string())
                });
                PATTERNS
                    .iter()
                    .position(|pattern| *pattern == widths)
                    .expect(&widths)
            })
            .collect()
    }

    #[test]
    fn the_reference_symbols_come_out_value_by_value() {
        #[rustfmt::skip]
        let table: &[(&str, &[usize], usize, usize)] = &[
            ("900081818800000000000000", &[105, 90, 0, 81, 81, 88, 0, 0, 0, 0, 0, 0, 0], 69, 167),
            ("9000000212345678901234", &[105, 90, 0, 0, 2, 12, 34, 56, 78, 90, 12, 34], 6, 156),
            ("3158990012345678901", &[105, 31, 58, 99, 0, 12, 34, 56, 78, 90, 100, 17], 15, 156),
            ("9000012345678901", &[105, 90, 0, 1, 23, 45, 67, 89, 1], 3, 123),
            ("2893612204263667830", &[105, 28, 93, 61, 22, 4, 26, 36, 67, 83, 100, 16], 78, 156),
            ("135112298638468293", &[105, 13, 51, 12, 29, 86, 38, 46, 82, 93], 64, 134),
            ("6212345678901234567", &[105, 62, 12, 34, 56, 78, 90, 12, 34, 56, 100, 23], 58, 156),
        ];
        for (digits, expected, check, width) in table {
            let modules = modules(digits).unwrap();
            assert_eq!(modules.len(), *width, "{digits}");
            let mut read = values(&modules);
            assert_eq!(read.pop(), Some(*check), "{digits}");
            assert_eq!(read, *expected, "{digits}");
        }
    }

    #[test]
    fn the_picture_is_plain_black_on_white_on_whole_modules() {
        let svg = svg("900081818800000000000000").unwrap();
        assert!(svg.contains(r#"viewBox="0 0 187 64""#), "{svg}");
        assert!(svg.contains(r#"shape-rendering="crispEdges""#));
        let drawn = svg.replace("http://www.w3.org/2000/svg", "");
        assert!(
            !drawn.contains("style") && !drawn.contains('.'),
            "whole modules only: {drawn}"
        );
    }

    #[test]
    fn only_digits_are_drawn() {
        for wrong in ["", "1", "12a4", "１２", "12 4", &"1".repeat(33)] {
            assert_eq!(svg(wrong), Err(BarcodeError::NotDigits), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_digits_have_the_predicted_width_and_check(digits in "[0-9]{2,32}") {
            let modules = modules(&digits).unwrap();
            let pairs = digits.len() / 2;
            let odd = digits.len() % 2;
            prop_assert_eq!(modules.len(), 11 * (pairs + 2 * odd) + 35);
            let mut read = values(&modules);
            let check = read.pop().unwrap();
            let sum: usize = read.iter().enumerate().map(|(at, value)| at.max(1) * value).sum();
            prop_assert_eq!(sum % 103, check);
        }
    }
}
