//! Members of a request object: what each may hold, and one strict reader for all of them.
//!
//! A request is described by a table of [`Member`]s. One reader walks the JSON once, checks every member against
//! its rule and leaves the values in numbered slots, borrowed from the body wherever it holds no escapes. The OpenAPI
//! description is generated from the same tables, so that what is promised and what is checked cannot drift apart.
//!
//! Strictness, on purpose: a member that occurs twice is refused (two readers could each believe a different one), an amount
//! written as `100.0` or `1e2` is refused, unknown members are ignored but must still be well-formed JSON. Leniency, on purpose,
//! where clients differ and no meaning can be lost: a `null` is an absent member (libraries write one for what was not set), and a
//! boolean of a query may be `true` in any case, or `1`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::result_code::ResultCode;

/// Longest request body that is read at all, in bytes; the edge refuses more with 413 before it is buffered.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Largest number of order items in one request.
pub const ORDER_ITEMS_MAX: usize = 500;

/// Largest amount the wire format can carry, in yen (11 digits).
pub const AMOUNT_YEN_MAX: i64 = 99_999_999_999;

/// Largest instant a request may carry, in seconds since 1970 (10 digits, so that milliseconds are refused).
pub const EPOCH_SECONDS_MAX: i64 = 9_999_999_999;

/// Which characters a text may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    /// `A-Z a-z 0-9 - _`: identifiers that a merchant chooses.
    Identifier,
    /// Anything that prints. Control characters and the invisible ones that reverse the direction of writing are
    /// refused: these texts end up on receipts and cashiers' screens, where they could make one amount look like
    /// another.
    Printable,
    /// Any character; the value is interpreted elsewhere (a scanned string, whose control characters have their own
    /// reason for refusal).
    Any,
}

impl Alphabet {
    /// The alphabet as a regular expression for the API description; `None` for [`Alphabet::Any`].
    pub const fn pattern(self) -> Option<&'static str> {
        match self {
            Alphabet::Identifier => Some("^[A-Za-z0-9_-]+$"),
            Alphabet::Printable => {
                Some("^[^\\u0000-\\u001F\\u007F-\\u009F\\u202A-\\u202E\\u2066-\\u2069]*$")
            }
            Alphabet::Any => None,
        }
    }

    fn check(self, text: &str) -> Result<(), Why> {
        let fits = match self {
            Alphabet::Identifier => text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'),
            Alphabet::Printable => {
                // Most texts are plain ASCII; one pass over bytes settles them without decoding characters.
                text.bytes().all(|b| (0x20..0x7F).contains(&b))
                    || !text.chars().any(|c| {
                        c.is_control()
                            || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
                    })
            }
            Alphabet::Any => true,
        };
        match (fits, self) {
            (true, _) => Ok(()),
            (false, Alphabet::Identifier) => Err(Why::NotIdentifier),
            (false, _) => Err(Why::Unprintable),
        }
    }
}

/// What a member may hold.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// A text of `min..=max` characters (Unicode scalar values, not bytes).
    Text {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
        /// Which characters.
        alphabet: Alphabet,
    },
    /// A whole number, written as one: no fraction, no exponent.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// `true` or `false`; in a query as [`boolean`] reads them.
    Boolean,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// An object with these members.
    Object(&'static [Member]),
    /// A list of objects with these members, at most `max` of them.
    List {
        /// Members of each object.
        of: &'static [Member],
        /// Most objects.
        max: usize,
    },
    /// Anything: read to its end and ignored (members that older SDKs still send).
    Anything,
}

/// One member of a request object.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name on the wire.
    pub name: &'static str,
    /// Its path from the root, as errors name it (`amount.currency`).
    pub path: &'static str,
    /// What it may hold.
    pub rule: Rule,
    /// Whether its absence is refused.
    pub required: bool,
    /// Where its value is put, or [`UNKEPT`].
    pub slot: u8,
    /// One sentence for the API description.
    pub about: &'static str,
}

/// The slot of members that are checked and then not used.
pub const UNKEPT: u8 = u8::MAX;

/// The slot of texts of a list's entries that are collected, each once: goods categories.
pub(crate) const COLLECTED: u8 = u8::MAX - 1;

/// Most different goods categories of one request. More are refused rather than cut: what a payment is allowed or forbidden for
/// must not hang on the order of its items.
pub const CATEGORIES_MAX: usize = 16;

/// Number of slots every reader fills; the tables stay below it.
pub(crate) const SLOTS: usize = 10;

/// A checked value of a member.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Value<'a> {
    #[default]
    Absent,
    Text(Cow<'a, str>),
    Integer(i64),
    Boolean(bool),
}

/// The values of one request by slot, and the texts that were collected.
pub(crate) struct Slots<'a>(pub(crate) [Value<'a>; SLOTS], Vec<Cow<'a, str>>);

impl<'a> Slots<'a> {
    pub(crate) fn empty() -> Self {
        Slots([const { Value::Absent }; SLOTS], Vec::new())
    }

    pub(crate) fn text(&mut self, slot: u8) -> Option<Cow<'a, str>> {
        match std::mem::take(&mut self.0[usize::from(slot)]) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn collected(&mut self) -> Vec<Cow<'a, str>> {
        std::mem::take(&mut self.1)
    }

    pub(crate) fn integer(&self, slot: u8) -> Option<i64> {
        match self.0[usize::from(slot)] {
            Value::Integer(number) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn boolean(&self, slot: u8) -> Option<bool> {
        match self.0[usize::from(slot)] {
            Value::Boolean(yes) => Some(yes),
            _ => None,
        }
    }
}

/// A field of a request that cannot be accepted, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field (`amount.currency`), a query parameter, or `body` for the whole.
    pub field: &'static str,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is required and absent.
    Missing,
    /// It is `null`.
    Null,
    /// It occurs more than once.
    Twice,
    /// It is of another type than this.
    NotA(&'static str),
    /// It has too few characters (least number given).
    TooShort(usize),
    /// It has too many characters, bytes or entries (largest number given).
    TooLong(usize),
    /// It has characters other than `A-Z a-z 0-9 - _`.
    NotIdentifier,
    /// It has control characters or direction overrides.
    Unprintable,
    /// It is outside these bounds.
    OutOfBounds {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// It is none of the allowed words.
    NotOneOf(&'static [&'static str]),
    /// It is not well-formed (JSON, percent-encoding or UTF-8).
    Malformed,
}

impl FieldError {
    pub(crate) const fn new(field: &'static str, why: Why) -> Self {
        FieldError { field, why }
    }

    /// The result code that says this to a merchant.
    pub const fn result_code(&self) -> ResultCode {
        match self.why {
            Why::Missing => ResultCode::MissingRequestParams,
            _ => ResultCode::InvalidRequestParams,
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.field)?;
        match self.why {
            Why::Missing => f.write_str(" is required"),
            Why::Null => f.write_str(" must not be null"),
            Why::Twice => f.write_str(" must not occur twice"),
            Why::NotA(kind) => write!(f, " must be {kind}"),
            Why::TooShort(min) => write!(f, " must have at least {min} characters"),
            Why::TooLong(max) => write!(f, " must have at most {max}"),
            Why::NotIdentifier => f.write_str(" may only hold A-Z a-z 0-9 - _"),
            Why::Unprintable => {
                f.write_str(" must not hold control characters or direction overrides")
            }
            Why::OutOfBounds { min, max } => write!(f, " must be from {min} to {max}"),
            Why::NotOneOf(words) => {
                f.write_str(" must be one of")?;
                words.iter().try_for_each(|word| write!(f, " {word}"))
            }
            Why::Malformed => f.write_str(" is malformed"),
        }
    }
}

impl std::error::Error for FieldError {}

/// A boolean as clients write it in a query: one official SDK says `1` where another says `true` and a third `True`.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" => Some(true),
        "0" => Some(false),
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Checks a text against a member's rule; used for bodies, queries and path ids alike.
pub(crate) fn check_text(member: &Member, text: &str) -> Result<(), FieldError> {
    let refuse = |why| Err(FieldError::new(member.path, why));
    match member.rule {
        Rule::Text { min, max, alphabet } => {
            // Characters never outnumber bytes, so a short text needs no counting.
            if text.len() > max && text.chars().count() > max {
                return refuse(Why::TooLong(max));
            }
            if text.len() < min {
                return refuse(Why::TooShort(min)); // every minimum here is 0 or 1, so bytes settle it
            }
            alphabet.check(text).or_else(refuse)
        }
        Rule::OneOf(words) if words.contains(&text) => Ok(()),
        Rule::OneOf(words) => refuse(Why::NotOneOf(words)),
        Rule::Anything => Ok(()),
        other => refuse(Why::NotA(other.kind())),
    }
}

impl Rule {
    const fn kind(&self) -> &'static str {
        match self {
            Rule::Text { .. } => "a text",
            Rule::Integer { .. } => "an integer",
            Rule::Boolean => "true or false",
            Rule::OneOf(_) => "a text",
            Rule::Object(_) => "an object",
            Rule::List { .. } => "a list",
            Rule::Anything => "anything",
        }
    }
}

/// Reads a request body against a table of members.
pub(crate) fn read_object<'a>(
    body: &'a [u8],
    members: &'static [Member],
) -> Result<Slots<'a>, FieldError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(FieldError::new("body", Why::TooLong(BODY_BYTES_MAX)));
    }
    let mut reading = Reading {
        slots: Slots::empty(),
        at: "body",
        error: None,
    };
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = (&mut json)
        .deserialize_any(TopVisitor {
            members,
            reading: &mut reading,
        })
        .and_then(|()| {
            // From here on an error is about what follows the object.
            json.end()
        });
    match (reading.error, read) {
        (Some(error), _) => Err(error),
        (None, Err(_)) => Err(FieldError::new(reading.at, Why::Malformed)),
        (None, Ok(())) => Ok(reading.slots),
    }
}

/// What is known while a body is being read. serde's errors are texts; ours are values, kept here beside them.
struct Reading<'a> {
    slots: Slots<'a>,
    /// The member being read, so that broken JSON inside it is blamed on it.
    at: &'static str,
    error: Option<FieldError>,
}

impl<'a> Reading<'a> {
    fn refuse<E: serde::de::Error>(&mut self, field: &'static str, why: Why) -> E {
        self.error.get_or_insert(FieldError::new(field, why));
        E::custom("refused")
    }

    /// Reads the members of an object into the slots; each at most once, each required one at least once.
    fn members<'de: 'a, A>(
        &mut self,
        members: &'static [Member],
        mut map: A,
    ) -> Result<(), A::Error>
    where
        A: MapAccess<'de>,
        'a: 'de,
    {
        let outer = self.at;
        let mut seen = 0_u32;
        while let Some(found) = map.next_key_seed(NameOf(members))? {
            let Some(index) = found else {
                map.next_value_seed(Skip)?;
                continue;
            };
            let member = &members[index];
            self.at = member.path;
            if seen & (1 << index) != 0 {
                return Err(self.refuse(member.path, Why::Twice));
            }
            seen |= 1 << index;
            if matches!(member.rule, Rule::Anything) {
                map.next_value_seed(Skip)?;
            } else {
                map.next_value_seed(ValueOf {
                    member,
                    reading: self,
                })?;
            }
            self.at = outer;
        }
        for (index, member) in members.iter().enumerate() {
            if member.required && seen & (1 << index) == 0 {
                return Err(self.refuse(member.path, Why::Missing));
            }
        }
        Ok(())
    }
}

struct TopVisitor<'r, 'a> {
    members: &'static [Member],
    reading: &'r mut Reading<'a>,
}

impl<'a> Visitor<'a> for TopVisitor<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<(), A::Error> {
        self.reading.members(self.members, map)
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, _: &'a str) -> Result<(), E> {
        Err(self.reading.refuse("body", Why::NotA("an object")))
    }
    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        Err(self.reading.refuse("body", Why::NotA("an object")))
    }
    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        Err(self.reading.refuse("body", Why::NotA("an object")))
    }
    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        Err(self.reading.refuse("body", Why::NotA("an object")))
    }
    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        Err(self.reading.refuse("body", Why::NotA("an object")))
    }
    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        Err(self.reading.refuse("body", Why::NotA("an object")))
    }
    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Err(self.reading.refuse("body", Why::Null))
    }
    fn visit_seq<A: SeqAccess<'a>>(self, _: A) -> Result<(), A::Error> {
        Err(self.reading.refuse("body", Why::NotA("an object")))
    }
}

/// Finds a member's name in the table without allocating, escapes in the name included.
struct NameOf(&'static [Member]);

impl<'de> DeserializeSeed<'de> for NameOf {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<usize>, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for NameOf {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().position(|member| member.name == name))
    }
}

/// Reads one known member's value and puts it into its slot.
struct ValueOf<'r, 'a> {
    member: &'static Member,
    reading: &'r mut Reading<'a>,
}

impl<'a> ValueOf<'_, 'a> {
    fn wrong_kind<E: serde::de::Error>(self) -> E {
        self.reading
            .refuse(self.member.path, Why::NotA(self.member.rule.kind()))
    }

    fn keep(self, value: Value<'a>) {
        if self.member.slot != UNKEPT {
            self.reading.slots.0[usize::from(self.member.slot)] = value;
        }
    }

    fn text<E: serde::de::Error>(self, text: Cow<'a, str>) -> Result<(), E> {
        match check_text(self.member, &text) {
            Ok(()) if self.member.slot == COLLECTED => self.collect(text),
            Ok(()) => {
                self.keep(Value::Text(text));
                Ok(())
            }
            Err(error) => Err(self.reading.refuse(error.field, error.why)),
        }
    }

    /// An empty text says nothing; one that is there already says nothing new.
    fn collect<E: serde::de::Error>(self, text: Cow<'a, str>) -> Result<(), E> {
        let collected = &mut self.reading.slots.1;
        if text.is_empty() || collected.contains(&text) {
            return Ok(());
        }
        if collected.len() == CATEGORIES_MAX {
            let why = Why::TooLong(CATEGORIES_MAX);
            return Err(self.reading.refuse(self.member.path, why));
        }
        collected.push(text);
        Ok(())
    }

    fn integer<E: serde::de::Error>(self, number: Option<i64>) -> Result<(), E> {
        let Rule::Integer { min, max } = self.member.rule else {
            return Err(self.wrong_kind());
        };
        match number {
            Some(number) if (min..=max).contains(&number) => {
                self.keep(Value::Integer(number));
                Ok(())
            }
            _ => Err(self
                .reading
                .refuse(self.member.path, Why::OutOfBounds { min, max })),
        }
    }
}

impl<'a> DeserializeSeed<'a> for ValueOf<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for ValueOf<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.member.rule.kind())
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'a str) -> Result<(), E> {
        self.text(Cow::Borrowed(text))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.text(Cow::Owned(text.to_owned()))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        self.integer(Some(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        self.integer(i64::try_from(number).ok())
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        // Fractions, exponents and numbers beyond 64 bits end here; none is rounded into an amount.
        Err(self.wrong_kind())
    }

    fn visit_bool<E: serde::de::Error>(self, yes: bool) -> Result<(), E> {
        if matches!(self.member.rule, Rule::Boolean) {
            self.keep(Value::Boolean(yes));
            return Ok(());
        }
        Err(self.wrong_kind())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        if self.member.required {
            return Err(self.reading.refuse(self.member.path, Why::Null));
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<(), A::Error> {
        match self.member.rule {
            Rule::Object(members) => self.reading.members(members, map),
            _ => Err(self.wrong_kind()),
        }
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        let Rule::List { of, max } = self.member.rule else {
            return Err(self.wrong_kind());
        };
        let mut count = 0_usize;
        while list
            .next_element_seed(EntryOf {
                member: self.member,
                of,
                reading: self.reading,
            })?
            .is_some()
        {
            count += 1;
            if count > max {
                return Err(self.reading.refuse(self.member.path, Why::TooLong(max)));
            }
        }
        Ok(())
    }
}

/// Reads one object of a list.
struct EntryOf<'r, 'a> {
    member: &'static Member,
    of: &'static [Member],
    reading: &'r mut Reading<'a>,
}

impl<'a> DeserializeSeed<'a> for EntryOf<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        let EntryOf {
            member,
            of,
            reading,
        } = self;
        // An entry that is no object fails in serde's own words; this is ours, unless something inside was named already.
        let shape = FieldError::new(member.path, Why::NotA("a list of objects"));
        let read = json.deserialize_any(ObjectVisitor { of, reading });
        if read.is_err() {
            reading.error.get_or_insert(shape);
        }
        read
    }
}

struct ObjectVisitor<'r, 'a> {
    of: &'static [Member],
    reading: &'r mut Reading<'a>,
}

impl<'a> Visitor<'a> for ObjectVisitor<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<(), A::Error> {
        self.reading.members(self.of, map)
    }
}

/// Reads any JSON value to its end. Unlike serde's own way to ignore a value, this one checks texts and escapes inside
/// it and keeps serde_json's bound on depth (128), so that a body is either well-formed as a whole or refused.
struct Skip;

impl<'de> DeserializeSeed<'de> for Skip {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skip {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Skip)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(Skip)?.is_some() {
            map.next_value_seed(Skip)?;
        }
        Ok(())
    }
}
