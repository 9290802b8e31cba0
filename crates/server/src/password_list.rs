//! Passwords that nobody gets: those that everybody has, those that leaked, and those that say whose they are.
//!
//! A list ships with the program (`common_passwords.txt`, the most common of eight characters and more). An operator makes a filter of
//! a public breach list with `mamori password-list build`: two bytes a password, in which one of 65,536 good passwords is taken for a
//! leaked one, and no leaked one for a good one. A password is compared whole; no rule asks for letters of a kind.

use std::collections::HashSet;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{BufRead, BufWriter, Read, Write};
use std::path::Path;

use mamori_connectors::password_range::PasswordRange;
use mamori_registry::{Contact, ContactKind, Password, PasswordProblem};
use sha1::{Digest, Sha1};
use xorf::{BinaryFuse16, Descriptor, Filter};

/// The beginning of a filter's file.
const FILE_MAGIC: &[u8; 16] = b"mamori leaked 1\n";
const COMMON: &str = include_str!("common_passwords.txt");
/// What this program is called.
const BRAND: [&str; 3] = ["mamori", "まもり", "守り"];
/// Shorter words say nothing of anybody.
const WORD_CHARS_MIN: usize = 3;

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Too short or too long.
    Length(PasswordProblem),
    /// It is a name, a contact, or what the service is called.
    AboutYou,
    /// It is one of the most common ones.
    Common,
    /// It stands in a list of leaked ones.
    Leaked,
}

/// What is known of whoever wants a password.
pub struct About<'a> {
    pub display_name: &'a str,
    /// None where it is not known.
    pub contact: Option<&'a Contact>,
    /// Who runs this instance.
    pub operator: Option<&'a str>,
}

/// Everything that a new password is compared with.
pub struct PasswordList {
    common: HashSet<&'static str>,
    leaked: Option<Leaked>,
    range: Option<PasswordRange>,
}

impl PasswordList {
    /// The list that ships, and a filter beside it.
    pub fn new(leaked: Option<Leaked>) -> PasswordList {
        PasswordList {
            common: COMMON.lines().collect(),
            leaked,
            range: None,
        }
    }

    /// The same, asking a public service besides.
    pub fn and_ask(mut self, range: Option<PasswordRange>) -> PasswordList {
        self.range = range;
        self
    }

    /// Reads a new password and says whether it may be somebody's. Waits for the public service, if there is one.
    pub fn fit(&self, typed: &str, about: &About) -> Result<Password, Unfit> {
        let password = Password::new(typed).map_err(Unfit::Length)?;
        let lower = password.expose().to_lowercase();
        if is_about(&lower, about) {
            return Err(Unfit::AboutYou);
        }
        if self.common.contains(&*lower) {
            return Err(Unfit::Common);
        }
        let leaked = self.leaked.as_ref();
        if leaked.is_some_and(|leaked| leaked.has(password.expose()) || leaked.has(&lower)) {
            return Err(Unfit::Leaked);
        }
        match self.seen_outside(&password) {
            0 => Ok(password),
            _ => Err(Unfit::Leaked),
        }
    }
}

impl PasswordList {
    /// How often the public service has seen it. One that does not answer has seen nothing: what is at hand has decided already.
    fn seen_outside(&self, password: &Password) -> u64 {
        let Some(range) = &self.range else {
            return 0;
        };
        let hash = Sha1::digest(password.expose());
        let hash = hash.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02X}");
            text
        });
        range.seen(&hash).unwrap_or_else(|problem| {
            tracing::warn!(%problem, "a new password was compared with the lists at hand alone");
            0
        })
    }
}

/// Whether a password is nothing but a word that is known of its owner, with digits or signs around it or not.
fn is_about(lower: &str, about: &About) -> bool {
    let core = lower.trim_matches(|c: char| !c.is_alphabetic());
    let bare: String = lower.chars().filter(|c| c.is_alphanumeric()).collect();
    let is = |word: &str| {
        let word = Password::typed(word).expose().to_lowercase();
        let joined: String = word.chars().filter(|c| c.is_alphanumeric()).collect();
        joined.chars().count() >= WORD_CHARS_MIN
            && [lower, core, &bare]
                .iter()
                .any(|own| **own == word || **own == joined)
    };
    let contact = about.contact.map(|contact| match contact.kind() {
        ContactKind::Mail => {
            let (local, _) = contact.as_str().split_once('@').unwrap_or_default();
            [local.to_owned(), contact.as_str().to_owned()]
        }
        ContactKind::Phone => {
            let digits = contact.as_str().trim_start_matches('+');
            let national = digits.strip_prefix("81").unwrap_or(digits);
            [digits.to_owned(), format!("0{national}")]
        }
    });
    BRAND.iter().any(|word| is(word))
        || is(about.display_name)
        || about.operator.is_some_and(is)
        || contact.is_some_and(|words| words.iter().any(|word| is(word)))
}

/// Why a list or filter cannot be used.
#[derive(Debug)]
pub enum ListProblem {
    /// A file cannot be read or written.
    File(std::io::Error),
    /// It is no filter that this program made, or only a part of one.
    NotAFilter,
    /// There is no password in the list.
    Empty,
    /// The filter could not be made.
    NotMade,
}

impl fmt::Display for ListProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListProblem::File(error) => write!(f, "the file cannot be used ({error})"),
            ListProblem::NotAFilter => f.write_str(
                "this is no filter of leaked passwords; `mamori password-list build` makes one",
            ),
            ListProblem::Empty => f.write_str("there is no password in the list"),
            ListProblem::NotMade => f.write_str("no filter could be made of the list"),
        }
    }
}

impl std::error::Error for ListProblem {}

impl From<std::io::Error> for ListProblem {
    fn from(error: std::io::Error) -> Self {
        ListProblem::File(error)
    }
}

/// Leaked passwords, in a filter.
pub struct Leaked {
    filter: BinaryFuse16,
    passwords: u64,
}

impl Leaked {
    /// How many it was made of.
    pub fn passwords(&self) -> u64 {
        self.passwords
    }

    fn has(&self, password: &str) -> bool {
        self.filter.contains(&key(&Sha1::digest(password).into()))
    }

    /// Makes a filter of keys that [`keys_of_list`] read.
    pub fn of_keys(mut keys: Vec<u64>) -> Result<Leaked, ListProblem> {
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Err(ListProblem::Empty);
        }
        let filter = BinaryFuse16::try_from(&keys[..]).map_err(|_| ListProblem::NotMade)?;
        Ok(Leaked {
            filter,
            passwords: keys.len() as u64,
        })
    }

    /// Writes the filter's file.
    pub fn write(&self, file: File) -> Result<(), ListProblem> {
        let mut out = BufWriter::new(file);
        let descriptor = &self.filter.descriptor;
        out.write_all(FILE_MAGIC)?;
        out.write_all(&self.passwords.to_le_bytes())?;
        out.write_all(&descriptor.seed.to_le_bytes())?;
        for number in [
            descriptor.segment_length,
            descriptor.segment_length_mask,
            descriptor.segment_count_length,
        ] {
            out.write_all(&number.to_le_bytes())?;
        }
        for fingerprint in &self.filter.fingerprints {
            out.write_all(&fingerprint.to_le_bytes())?;
        }
        out.into_inner()
            .map_err(|error| error.into_error())?
            .sync_all()?;
        Ok(())
    }

    /// Reads what [`Leaked::write`] wrote; it stands in memory, two bytes a password.
    pub fn read(path: &Path) -> Result<Leaked, ListProblem> {
        let mut bytes = Vec::new();
        File::open(path)?.read_to_end(&mut bytes)?;
        Leaked::parse(&bytes).ok_or(ListProblem::NotAFilter)
    }

    fn parse(bytes: &[u8]) -> Option<Leaked> {
        let rest = bytes.strip_prefix(FILE_MAGIC)?;
        let (passwords, rest) = rest.split_first_chunk::<8>()?;
        let (seed, rest) = rest.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (mask, rest) = rest.split_first_chunk::<4>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let descriptor = Descriptor {
            seed: u64::from_le_bytes(*seed),
            segment_length: u32::from_le_bytes(*length),
            segment_length_mask: u32::from_le_bytes(*mask),
            segment_count_length: u32::from_le_bytes(*count),
        };
        // A damaged file must be refused here, and not found out by reading beyond its end.
        let is_whole = descriptor.segment_length.is_power_of_two()
            && descriptor.segment_length_mask == descriptor.segment_length - 1
            && rest.len() as u64
                == 2 * (u64::from(descriptor.segment_count_length)
                    + 2 * u64::from(descriptor.segment_length));
        let fingerprints = rest.as_chunks::<2>().0.iter();
        is_whole.then(|| Leaked {
            filter: BinaryFuse16 {
                descriptor,
                fingerprints: fingerprints.map(|two| u16::from_le_bytes(*two)).collect(),
            },
            passwords: u64::from_le_bytes(*passwords),
        })
    }
}

impl fmt::Debug for Leaked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leaked({})", self.passwords)
    }
}

/// The beginning of a password's SHA-1: breach lists name passwords by it.
fn key(hash: &[u8; 20]) -> u64 {
    u64::from_be_bytes(std::array::from_fn(|at| hash[at]))
}

/// Adds the passwords of a list to `keys`: lines of `SHA-1[:COUNT]`, as public breach lists ship, or of plain passwords. What was seen
/// less often than `at_least` is left out; a plain one counts as seen once.
pub fn keys_of_list(
    list: impl BufRead,
    at_least: u64,
    keys: &mut Vec<u64>,
) -> Result<(), ListProblem> {
    for line in list.split(b'\n') {
        let line = line?;
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        if line.is_empty() {
            continue;
        }
        let (hash, count) = match hashed(line) {
            Some(hashed) => hashed,
            None => (key(&Sha1::digest(line).into()), 1),
        };
        if count >= at_least {
            keys.push(hash);
        }
    }
    Ok(())
}

/// A line of hexadecimal digits with or without a count.
fn hashed(line: &[u8]) -> Option<(u64, u64)> {
    let text = std::str::from_utf8(line).ok()?;
    let (hash, count) = text.split_once(':').unwrap_or((text, "1"));
    if hash.len() != 40 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let key = u64::from_str_radix(&hash[..16], 16).ok()?;
    Some((key, count.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mamori_sandbox::PasswordRanges;

    fn sora() -> Contact {
        Contact::parse("sora.tanaka@example.jp").expect("a contact")
    }

    #[test]
    fn a_service_that_has_seen_it_refuses_it_and_one_that_does_not_answer_refuses_nothing() {
        let words = "trombone of gold";
        let hash: String = (Sha1::digest(words).iter())
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let service = PasswordRanges::start(&[(&hash, 3)]).expect("a free port");
        let asking = |url: &str| PasswordList::new(None).and_ask(Some(PasswordRange::new(url)));
        let list = asking(service.url());
        assert_eq!(fit(&list, words), Err(Unfit::Leaked));
        assert_eq!(fit(&list, "trombone of silver"), Ok(()));
        let asked = service.asked();
        assert_eq!(asked.len(), 2);
        assert_eq!(fit(&list, "password"), Err(Unfit::Common));
        assert_eq!(service.asked(), asked, "what is at hand is enough for that");
        drop(service);
        assert_eq!(fit(&asking("http://127.0.0.1:9"), words), Ok(()));
    }

    fn fit(list: &PasswordList, typed: &str) -> Result<(), Unfit> {
        let contact = sora();
        let about = About {
            display_name: "田中 そら",
            contact: Some(&contact),
            operator: Some("Mamori Mart"),
        };
        list.fit(typed, &about).map(drop)
    }

    #[test]
    fn common_ones_are_refused_whole_and_whatever_their_case() {
        let list = PasswordList::new(None);
        for typed in [
            "password",
            "PassWord",
            "Ｐａｓｓｗｏｒｄ",
            "12345678",
            "qwertyuiop",
            "1qaz2wsx",
        ] {
            assert_eq!(fit(&list, typed), Err(Unfit::Common), "{typed}");
        }
        let common: Vec<&str> = COMMON.lines().collect();
        assert!(common.len() > 4_000);
        for typed in common.iter().filter(|word| word.chars().count() >= 8) {
            assert!(
                matches!(fit(&list, typed), Err(Unfit::Common | Unfit::AboutYou)),
                "{typed}"
            );
        }
        // No rule of composition, and no list of parts.
        for typed in [
            "passwordpasswor d",
            "zzzzzzzzzzzzzzz",
            "わたしのねこはみけです",
            "correct horse",
        ] {
            assert_eq!(fit(&list, typed), Ok(()), "{typed}");
        }
        let short = Err(Unfit::Length(PasswordProblem::TooShort));
        assert_eq!(fit(&list, "passwor"), short);
    }

    #[test]
    fn what_says_whose_it_is_is_refused() {
        let list = PasswordList::new(None);
        for typed in [
            "mamori12345",
            "まもり12345678",
            "sora.tanaka",
            "soratanaka",
            "Sora.Tanaka@example.jp",
            "MamoriMart!",
            "!!mamori mart",
        ] {
            assert_eq!(fit(&list, typed), Err(Unfit::AboutYou), "{typed}");
        }
        let phone = Contact::parse("090-1234-5678").expect("a contact");
        let about = About {
            display_name: "そ",
            contact: Some(&phone),
            operator: None,
        };
        for typed in [
            "09012345678",
            "090-1234-5678",
            "+819012345678",
            "819012345678",
        ] {
            let refused = list.fit(typed, &about).map(drop);
            assert_eq!(refused, Err(Unfit::AboutYou), "{typed}");
        }
        assert!(
            list.fit("そ12345678", &about).is_ok(),
            "one letter is no name"
        );
    }

    #[test]
    fn a_filter_holds_every_leaked_one_of_both_kinds_of_lists_and_comes_back_from_its_file() {
        let mut list = "ＡＢＣ is not normalised here\ntonari no totoro\r\n\n".to_owned();
        // SHA-1 of "trombone of gold", as a breach list has it.
        let hash = Sha1::digest("trombone of gold");
        let hash: String = hash.iter().map(|byte| format!("{byte:02X}")).collect();
        list += &format!("{hash}:42\n");
        for number in 0..10_000 {
            list += &format!("leaked number {number}\n");
        }
        let mut keys = Vec::new();
        keys_of_list(list.as_bytes(), 1, &mut keys).expect("readable");
        let made = Leaked::of_keys(keys).expect("a filter");
        assert_eq!(made.passwords(), 10_003);
        let path = std::env::temp_dir().join(format!("mamori-leaked-{}", std::process::id()));
        made.write(File::create(&path).expect("a file"))
            .expect("written");
        let bytes = std::fs::read(&path).expect("a file");
        let read = Leaked::read(&path).expect("a filter");
        std::fs::remove_file(&path).expect("a file");
        let list = PasswordList::new(Some(read));
        for typed in [
            "trombone of gold",
            "tonari no totoro",
            "Tonari no Totoro",
            "leaked number 9999",
        ] {
            assert_eq!(fit(&list, typed), Err(Unfit::Leaked), "{typed}");
        }
        let taken = (0..2_000).filter(|n| fit(&list, &format!("never seen {n}")).is_err());
        assert!(taken.count() <= 2);
        for cut in [0, 15, 40, bytes.len() - 1] {
            assert!(Leaked::parse(&bytes[..cut]).is_none(), "{cut}");
        }
        let mut keys = Vec::new();
        keys_of_list(format!("{hash}:42\n").as_bytes(), 43, &mut keys).expect("readable");
        assert!(
            matches!(Leaked::of_keys(keys), Err(ListProblem::Empty)),
            "too seldom"
        );
    }
}
