//! Secrets that people keep on paper: drawn by the program, written down once, typed when nothing else is left.
//!
//! Twenty letters and digits in four groups. Nineteen are random (95 bits); the last one is a check (ISO 7064, MOD 33,32), so that a
//! slip of the finger is told at once, in the browser, and tells nothing about which codes exist. The alphabet has no letter that looks
//! like a digit; what is typed is folded before it is read: width, case, spaces and dashes, and the letters I, L, O for 1, 1, 0.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::seed::Seed;

/// Letters and digits of a code, the check among them.
pub const SAVED_CODE_CHARS: usize = 20;
/// Letters and digits of one group as it is printed.
const GROUP: usize = 5;
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A code for paper.
#[derive(Clone, PartialEq, Eq)]
pub struct SavedCode(Zeroizing<[u8; SAVED_CODE_CHARS]>);

impl SavedCode {
    /// A new one.
    pub fn draw(seed: &Seed, label: &str) -> SavedCode {
        let bytes: Zeroizing<[u8; SAVED_CODE_CHARS - 1]> = Zeroizing::new(seed.take(label));
        let mut values = Zeroizing::new([0; SAVED_CODE_CHARS]);
        for (value, byte) in values.iter_mut().zip(bytes.iter()) {
            *value = byte & 31;
        }
        values[SAVED_CODE_CHARS - 1] = check_of(&values[..SAVED_CODE_CHARS - 1]);
        SavedCode(values)
    }

    /// As somebody types it; None where it is no code that was ever drawn, whichever: too short, too long, or a slip.
    pub fn typed(text: &str) -> Option<SavedCode> {
        let mut values = Zeroizing::new([0; SAVED_CODE_CHARS]);
        let mut count = 0;
        for letter in text.nfkc() {
            let value = match letter.to_ascii_uppercase() {
                'I' | 'L' => 1,
                'O' => 0,
                dash if dash.is_whitespace() || is_dash(dash) => continue,
                letter => place_of(letter)?,
            };
            *values.get_mut(count)? = value;
            count += 1;
        }
        let check = check_of(&values[..SAVED_CODE_CHARS - 1]);
        (count == SAVED_CODE_CHARS && values[SAVED_CODE_CHARS - 1] == check)
            .then_some(SavedCode(values))
    }

    /// For hashing it: one spelling, whatever was typed.
    pub fn expose(&self) -> &[u8] {
        &self.0[..]
    }

    /// As it is printed, in four groups.
    pub fn shown(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(SAVED_CODE_CHARS + 3));
        for (place, value) in self.0.iter().enumerate() {
            if place > 0 && place % GROUP == 0 {
                text.push('-');
            }
            text.push(char::from(LETTERS[usize::from(*value)]));
        }
        text
    }
}

impl std::fmt::Debug for SavedCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SavedCode(..)")
    }
}

/// Hyphens, dashes, and the long vowel mark that a Japanese keyboard gives in their place.
const fn is_dash(letter: char) -> bool {
    matches!(letter, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | 'ー')
}

fn place_of(letter: char) -> Option<u8> {
    let place = LETTERS
        .iter()
        .position(|known| char::from(*known) == letter)?;
    u8::try_from(place).ok()
}

/// The hybrid check character of ISO 7064 over an alphabet of 32.
fn check_of(values: &[u8]) -> u8 {
    let product = values.iter().fold(32_u8, |product, value| {
        let sum = (product + value) % 32;
        let sum = if sum == 0 { 32 } else { sum };
        (sum * 2) % 33
    });
    (33 - product) % 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn() -> SavedCode {
        SavedCode::draw(&Seed::new([7; 32]), "a code")
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let shown = drawn().shown();
        assert_eq!(shown.len(), SAVED_CODE_CHARS + 3);
        let wide: String = (shown.chars())
            .map(|c| char::from_u32(u32::from(c) + 0xFEE0).expect("a full-width letter"))
            .collect();
        for typed in [
            shown.to_string(),
            shown.to_lowercase(),
            shown.replace('-', ""),
            shown.replace('-', " "),
            format!("  {} ", shown.replace('-', "ー")),
            wide,
        ] {
            assert_eq!(SavedCode::typed(&typed), Some(drawn()), "{typed}");
        }
    }

    #[test]
    fn letters_that_look_like_digits_are_those_digits() {
        let with_both = (0..).map(|n| SavedCode::draw(&Seed::new([n; 32]), "a code"));
        let shown = |code: &SavedCode| code.shown().to_string();
        let code = with_both
            .into_iter()
            .find(|code| shown(code).contains('0') && shown(code).contains('1'))
            .expect("one with both digits");
        for (zero, one) in [('O', 'I'), ('o', 'l')] {
            let typed: String = (shown(&code).chars())
                .map(|c| match c {
                    '0' => zero,
                    '1' => one,
                    other => other,
                })
                .collect();
            assert_eq!(SavedCode::typed(&typed), Some(code.clone()));
        }
    }

    #[test]
    fn every_slip_of_one_letter_and_every_swap_of_two_neighbours_is_noticed() {
        let code = drawn();
        let plain: Vec<char> = code.shown().replace('-', "").chars().collect();
        for place in 0..plain.len() {
            for other in LETTERS.iter().map(|known| char::from(*known)) {
                let mut typed = plain.clone();
                typed[place] = other;
                let is_the_same = other == plain[place];
                let read = SavedCode::typed(&typed.iter().collect::<String>());
                assert_eq!(read.is_some(), is_the_same, "{place} {other}");
            }
            if place > 0 && plain[place] != plain[place - 1] {
                let mut typed = plain.clone();
                typed.swap(place, place - 1);
                let read = SavedCode::typed(&typed.iter().collect::<String>());
                assert_eq!(read, None, "{place}");
            }
        }
        for wrong in [
            "",
            "ABCDE",
            &format!("{}0", *code.shown()),
            "U".repeat(20).as_str(),
        ] {
            assert_eq!(SavedCode::typed(wrong), None, "{wrong}");
        }
    }
}
