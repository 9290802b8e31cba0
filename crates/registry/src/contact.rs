//! How a person is reached: a telephone number or a mail address, in one spelling each.
//!
//! One spelling matters because the contact is found again by a keyed hash of it: two spellings of one number would be two
//! people.

use std::fmt;

use crate::Numbered;

/// A telephone number or mail address in its one spelling.
///
/// Its `Debug` shows only the masked form: contacts are personal data and must not reach a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    kind: ContactKind,
    text: String,
}

/// Which of the two a contact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactKind {
    /// E.164: `+` and 8 to 15 digits. Messages go by SMS.
    Phone,
    /// A mail address, lower case, at most 254 bytes.
    Mail,
}

impl Numbered for ContactKind {
    const ALL: &[ContactKind] = &[ContactKind::Phone, ContactKind::Mail];

    fn as_number(self) -> i64 {
        match self {
            ContactKind::Phone => 1,
            ContactKind::Mail => 2,
        }
    }
}

/// Why no message goes to what a person typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactProblem {
    /// It is neither a telephone number that exists nor a mail address.
    NotAContact,
    /// It is a number that no SMS reaches: a fixed line, a free or shared-cost one, a pager.
    TakesNoSms,
}

impl Contact {
    /// Reads what a person typed where messages will be sent to it, and paid for.
    ///
    /// What kind of line a number is comes from the numbering plans of the world, kept by the library `phonenumber`. In Japan an SMS
    /// reaches 060, 070, 080 and 090 with eleven digits.
    pub fn for_messages(typed: &str) -> Result<Contact, ContactProblem> {
        let contact = Contact::parse(typed).ok_or(ContactProblem::NotAContact)?;
        if contact.kind == ContactKind::Mail {
            return Ok(contact);
        }
        let number = phonenumber::parse(None, &contact.text)
            .ok()
            .filter(phonenumber::PhoneNumber::is_valid)
            .ok_or(ContactProblem::NotAContact)?;
        match number.number_type(&phonenumber::metadata::DATABASE) {
            // In some countries a number does not tell whether it is a mobile one.
            phonenumber::Type::Mobile | phonenumber::Type::FixedLineOrMobile => Ok(contact),
            _ => Err(ContactProblem::TakesNoSms),
        }
    }

    /// Reads what a person typed. Digits may be full width, groups may be separated by spaces, hyphens or brackets, and a
    /// number with a leading 0 is Japanese.
    ///
    /// ```
    /// # use mamori_registry::Contact;
    /// assert_eq!(Contact::parse("０９０－１２３４－５６７８").unwrap().as_str(), "+819012345678");
    /// assert_eq!(Contact::parse("+81 (0)90 1234 5678").unwrap().as_str(), "+819012345678");
    /// assert_eq!(Contact::parse(" Sora@Example.JP ").unwrap().as_str(), "sora@example.jp");
    /// assert!(Contact::parse("12345").is_none());
    /// ```
    pub fn parse(typed: &str) -> Option<Contact> {
        // Nothing longer can become a contact, and the work below is bounded by this.
        if typed.len() > 512 {
            return None;
        }
        let folded = folded(typed);
        let folded = folded.trim();
        let (kind, text) = if folded.contains('@') {
            (ContactKind::Mail, parse_mail(folded)?)
        } else {
            (ContactKind::Phone, parse_phone(folded)?)
        };
        Some(Contact { kind, text })
    }

    /// Phone or mail.
    pub fn kind(&self) -> ContactKind {
        self.kind
    }

    /// The one spelling: `+819012345678` or `sora@example.jp`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Enough for the owner to recognise it and too little for anybody else: `+81*****5678`, `s***@example.jp`.
    pub fn masked(&self) -> String {
        match self.kind {
            ContactKind::Phone => {
                let (head, tail) = self.text.split_at(self.text.len() - 4);
                let shown = 3.min(head.len());
                format!("{}{}{tail}", &head[..shown], "*".repeat(head.len() - shown))
            }
            ContactKind::Mail => {
                let (local, domain) = self.text.split_once('@').unwrap_or(("", ""));
                format!("{}***@{domain}", local.chars().take(1).collect::<String>())
            }
        }
    }
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contact({})", self.masked())
    }
}

/// What keyboards and clipboards add to digits and addresses, taken away: invisible characters go, full-width forms and odd
/// spaces and dashes become plain ones.
pub fn folded(typed: &str) -> String {
    let visible = typed.chars().filter(|c| !is_invisible(*c));
    visible.map(half_width).collect()
}

/// Full-width ASCII (U+FF01..=U+FF5E) and the ideographic space as their half-width twins; Japanese keyboards produce them.
fn half_width(c: char) -> char {
    match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => ' ',
        // The dashes that people type for a hyphen, the Japanese long vowel mark among them.
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30FC}' | '\u{FF70}' => '-',
        other => other,
    }
}

/// What chats and address books put around a number that is copied out of them, and nobody sees: marks of direction, joiners,
/// soft hyphens, selectors of a character's form.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{E0100}'..='\u{E01EF}')
}

fn parse_phone(folded: &str) -> Option<String> {
    let mut plus = false;
    let mut digits = String::new();
    for c in folded.chars() {
        match c {
            '+' if digits.is_empty() && !plus => plus = true,
            '0'..='9' => digits.push(c),
            ' ' | '-' | '(' | ')' | '.' => {}
            _ => return None,
        }
    }
    // "0081 …" and "010 81 …" are how one dials +81 from a telephone without a plus.
    let abroad = ["0081", "01081"]
        .iter()
        .find(|dialled| digits.starts_with(**dialled));
    if let (false, Some(dialled)) = (plus, abroad) {
        digits.replace_range(..dialled.len() - 2, "");
        plus = true;
    }
    let japanese = if !plus {
        Some(digits.strip_prefix('0')?)
    } else {
        // "+81 (0)90 …": the trunk zero is not part of the international form.
        digits
            .strip_prefix("81")
            .map(|rest| rest.strip_prefix('0').unwrap_or(rest))
    };
    if let Some(national) = japanese {
        // A Japanese number has nine digits behind its trunk zero, a mobile one ten. A second zero would be a call abroad, or
        // a second spelling of somebody's number, and with it a second account.
        if !(9..=10).contains(&national.len()) || national.starts_with('0') {
            return None;
        }
        digits = format!("81{national}");
    }
    ((8..=15).contains(&digits.len()) && !digits.starts_with('0')).then(|| format!("+{digits}"))
}

fn parse_mail(folded: &str) -> Option<String> {
    let lower = folded.to_ascii_lowercase();
    let (local, domain) = lower.split_once('@')?;
    let local_ok = (1..=64).contains(&local.len())
        && local
            .bytes()
            // Dots may stand anywhere: until 2009 Japanese carriers gave out addresses like `a..b.@` and people still have them.
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b));
    let label_ok = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let domain_ok = domain.len() <= 253 && domain.contains('.') && domain.split('.').all(label_ok);
    (local_ok && domain_ok && lower.len() <= 254).then_some(lower)
}

/// What a cashier may see of a customer's name: its first character, 「さ＊＊」.
///
/// Always three characters, so that the length of a name says nothing.
pub fn masked_name(display_name: &str) -> String {
    let first = display_name
        .chars()
        .find(|c| !c.is_whitespace())
        .unwrap_or('＊');
    format!("{first}＊＊")
}

/// A name as it is stored: trimmed, 1 to 40 characters, all of them visible and none of them a tool.
///
/// Direction overrides would let a name rewrite the words around it on a cashier's screen, invisible characters make two names
/// that look like one, and piled marks paint over the lines above and below. The selectors by which Japanese names choose the
/// form of a character (葛󠄀) are welcome.
pub fn display_name(typed: &str) -> Option<String> {
    if typed.len() > 640 {
        return None;
    }
    let name = typed.trim();
    let mut marks = MARKS_MAX;
    for c in name.chars() {
        // A mark needs something to stand on: before the first character none is left.
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if is_unwelcome(c) || marks > MARKS_MAX {
            return None;
        }
    }
    (1..=40)
        .contains(&name.chars().count())
        .then(|| name.to_owned())
}

/// Marks above or below one character: Vietnamese writes two.
const MARKS_MAX: usize = 2;

/// Controls, what directs text, what shows nothing, and what every font shows differently.
fn is_unwelcome(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E000}'..='\u{F8FF}' | '\u{E0000}'..='\u{E00FF}' | '\u{E01F0}'..='\u{10FFFF}')
}

/// What is drawn over, under or around the character before it.
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5C7}' | '\u{610}'..='\u{61A}' | '\u{64B}'..='\u{65F}'
        | '\u{E31}' | '\u{E34}'..='\u{E3A}' | '\u{E47}'..='\u{E4E}' | '\u{EB1}' | '\u{EB4}'..='\u{EBC}' | '\u{EC8}'..='\u{ECE}'
        | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{302A}'..='\u{302F}'
        | '\u{3099}'..='\u{309A}' | '\u{FE00}'..='\u{FE0F}' | '\u{FE20}'..='\u{FE2F}' | '\u{E0100}'..='\u{E01EF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(typed: &str) -> Option<String> {
        Contact::parse(typed).map(|contact| contact.as_str().to_owned())
    }

    #[test]
    fn one_number_has_one_spelling() {
        for typed in [
            "090-1234-5678",
            "09012345678",
            "０９０ １２３４ ５６７８",
            "+819012345678",
            "+81-90-1234-5678",
            "+81 (0)90-1234-5678",
            "090ー1234ー5678",
            "0081 90 1234 5678",
            "010 81 90 1234 5678",
            "\u{202A}+81 90\u{2011}1234\u{2011}5678\u{202C}",
            "090\u{A0}1234\u{200B}5678\u{FE0F}",
        ] {
            assert_eq!(spelled(typed).as_deref(), Some("+819012345678"), "{typed}");
        }
        assert_eq!(spelled("03-1234-5678").as_deref(), Some("+81312345678"));
        assert_eq!(spelled("+1 415 555 0100").as_deref(), Some("+14155550100"));
    }

    #[test]
    fn what_cannot_be_reached_is_not_a_contact() {
        for typed in [
            "",
            "0",
            "90-1234-5678",
            "0901234567890",
            "+81 00 90 1234 5678",
            "+81 (0)090 1234 5678",
            "0081 00 90 1234 5678",
            "+81 9012345",
            "+81 90 1234 56789",
            "00 90 1234 5678",
            "+",
            "+0901234567",
            "+1234567",
            "+1234567890123456",
            "09O-1234-5678",
            "+81+90",
            "a@b",
            "@example.jp",
            "a@",
            "a b@example.jp",
            "a@-example.jp",
            "a@example..jp",
            "a@b@example.jp",
            "空@example.jp",
        ] {
            assert_eq!(spelled(typed), None, "{typed}");
        }
        assert_eq!(spelled(&format!("{}@example.jp", "a".repeat(65))), None);
        assert_eq!(spelled(&"9".repeat(100_000)), None);
    }

    /// As carriers gave them out, and as two numbers of one digit more or less look.
    #[test]
    fn an_sms_is_sent_to_mobile_numbers_alone() {
        let sent =
            |typed: &str| Contact::for_messages(typed).map(|contact| contact.as_str().to_owned());
        for (typed, number) in [
            ("060-1234-5678", "+816012345678"),
            ("070-1234-5678", "+817012345678"),
            ("080-1234-5678", "+818012345678"),
            ("090-1234-5678", "+819012345678"),
            ("0081 60 1234 5678", "+816012345678"),
            ("+44 7911 123456", "+447911123456"),
            ("+1 415 555 2671", "+14155552671"),
        ] {
            assert_eq!(sent(typed).as_deref(), Ok(number), "{typed}");
        }
        for typed in [
            "03-1234-5678",
            "0120-123-456",
            "0570-123-456",
            "0800-123-4567",
            "020-1234-5678",
            "050-1234-5678",
        ] {
            assert_eq!(sent(typed), Err(ContactProblem::TakesNoSms), "{typed}");
        }
        for typed in [
            "0800-123-456",
            "0190123456",
            "090-123-4567",
            "+1 555 010 0000",
        ] {
            assert_eq!(sent(typed), Err(ContactProblem::NotAContact), "{typed}");
        }
    }

    #[test]
    fn addresses_as_old_carriers_gave_them_are_kept_as_they_are() {
        for typed in ["a..b@docomo.ne.jp", ".a@ezweb.ne.jp", "Sora.@ezweb.ne.jp"] {
            let kept = Contact::for_messages(typed).map(|contact| contact.as_str().to_owned());
            assert_eq!(kept, Ok(typed.to_ascii_lowercase()));
        }
    }

    #[test]
    fn a_contact_in_a_log_is_masked() {
        let phone = Contact::parse("090-1234-5678").unwrap();
        assert_eq!(format!("{phone:?}"), "Contact(+81******5678)");
        let mail = Contact::parse("sora@example.jp").unwrap();
        assert_eq!(format!("{mail:?}"), "Contact(s***@example.jp)");
    }

    #[test]
    fn a_cashier_sees_one_character_of_a_name() {
        assert_eq!(masked_name("さくら"), "さ＊＊");
        assert_eq!(masked_name("Sora Tanaka"), "S＊＊");
        assert_eq!(masked_name(""), "＊＊＊");
    }

    #[test]
    fn a_name_cannot_rewrite_the_screen() {
        assert_eq!(display_name("  さくら "), Some("さくら".to_owned()));
        for name in [
            "葛\u{E0100}城",
            "Nguye\u{302}\u{303}n",
            "ハ\u{309A}パ",
            "佐藤　そら",
            "Zoë 🌸",
        ] {
            assert_eq!(display_name(name), Some(name.to_owned()));
        }
        for typed in [
            "",
            "   ",
            "a\nb",
            "a\u{202E}b",
            "a\u{200B}b",
            "a\u{61C}b",
            "\u{3164}",
            "a\u{AD}b",
            "\u{2800}",
            "a\u{E000}",
            "a\u{300}\u{301}\u{302}",
            "\u{300}a",
            "葛\u{E0100}\u{E0101}\u{E0102}",
            &"あ".repeat(41),
        ] {
            assert_eq!(display_name(typed), None, "{typed:?}");
        }
    }
}
