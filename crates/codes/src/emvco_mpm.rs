//! Merchant-presented QR payloads: EMVCo's format, and the JPQR profile of it.
//!
//! A payload is a row of objects: two digits of id, two digits of length **in characters**, the value. Some values are such
//! rows themselves. The last object is a CRC, which finds damage and proves nothing: a forger computes it anew. Names
//! inside a payload are decoration; who is paid is decided by a look-up of the store code.
//!
//! ```
//! use mamori_codes::emvco_mpm;
//! let payload = emvco_mpm::decode("00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000164150002JA0105見本喫茶店6304EC95").unwrap();
//! assert_eq!(payload.merchant_name, "SAMPLE CAFE");
//! assert_eq!(payload.jpqr().unwrap().name, "見本喫茶店");
//! ```

use std::fmt;

use crc::{CRC_16_IBM_3740, Crc};

/// Longest payload that is read or made, in bytes of UTF-8.
pub const PAYLOAD_BYTES_MAX: usize = 512;

/// The yen in ISO 4217's numbers.
pub const CURRENCY_JPY: &str = "392";

/// The identifier of the JPQR template.
pub const JPQR_IDENTIFIER: &str = "jp.or.paymentsjapan";

const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_IBM_3740);

/// CRC-16/CCITT-FALSE over bytes: polynomial 0x1021, initial 0xFFFF, nothing reflected.
pub fn checksum(bytes: &[u8]) -> u16 {
    CRC.checksum(bytes)
}

/// Why a text is not a valid merchant-presented payload. The number is the id of the object at the root that is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MpmError {
    /// It is longer than [`PAYLOAD_BYTES_MAX`].
    TooLong,
    /// The CRC is not that of the payload: damaged, or altered.
    BadCrc,
    /// It ends in the middle of an object.
    Truncated,
    /// An object is longer than what holds it.
    LengthOverrun(u8),
    /// An id is not two digits.
    BadId,
    /// A length is not two digits.
    BadLength(u8),
    /// A length is zero.
    ZeroLength(u8),
    /// The format indicator is not first, or the CRC not last.
    Order(u8),
    /// An id occurs twice.
    DuplicateId(u8),
    /// A mandatory object is absent (2 stands for any merchant account).
    MissingMandatory(u8),
    /// A value is not what its object may hold.
    BadValue(u8),
    /// An amount or fee is not one, or is zero, or has decimals that its currency has not.
    BadAmount(u8),
    /// An object that another one demands is absent.
    MissingConditional(u8),
    /// An object is present whose condition is not met.
    UnexpectedConditional(u8),
}

impl MpmError {
    /// The reason as a stable word.
    pub const fn reason(self) -> &'static str {
        match self {
            MpmError::TooLong => "too_long",
            MpmError::BadCrc => "bad_crc",
            MpmError::Truncated => "truncated",
            MpmError::LengthOverrun(_) => "length_overrun",
            MpmError::BadId => "bad_id",
            MpmError::BadLength(_) => "bad_length",
            MpmError::ZeroLength(_) => "zero_length",
            MpmError::Order(_) => "order",
            MpmError::DuplicateId(_) => "duplicate_id",
            MpmError::MissingMandatory(_) => "missing_mandatory",
            MpmError::BadValue(_) => "bad_value",
            MpmError::BadAmount(_) => "bad_amount",
            MpmError::MissingConditional(_) => "missing_conditional",
            MpmError::UnexpectedConditional(_) => "unexpected_conditional",
        }
    }

    const fn id(self) -> Option<u8> {
        match self {
            MpmError::TooLong | MpmError::BadCrc | MpmError::Truncated | MpmError::BadId => None,
            MpmError::LengthOverrun(id)
            | MpmError::BadLength(id)
            | MpmError::ZeroLength(id)
            | MpmError::Order(id)
            | MpmError::DuplicateId(id)
            | MpmError::MissingMandatory(id)
            | MpmError::BadValue(id)
            | MpmError::BadAmount(id)
            | MpmError::MissingConditional(id)
            | MpmError::UnexpectedConditional(id) => Some(id),
        }
    }
}

impl fmt::Display for MpmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())?;
        self.id().map_or(Ok(()), |id| write!(f, " at {id:02}"))
    }
}

impl std::error::Error for MpmError {}

/// One object of a payload or of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<'a> {
    /// Its id, 0 to 99.
    pub id: u8,
    /// Its value, 1 to 99 characters.
    pub value: &'a str,
}

/// How often a code may be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointOfInitiation {
    /// A sticker: the same code for many payments.
    Static,
    /// Made for one payment.
    Dynamic,
}

/// A merchant's account with one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account<'a> {
    /// The id it sits at, 2 to 51. Networks are told by the identifier, not by this.
    pub id: u8,
    /// The identifier of the network, for ids from 26 on.
    pub identifier: Option<&'a str>,
    /// The whole value for ids below 26; what the network defined, by its own ids, for the others.
    pub objects: Vec<Object<'a>>,
    /// The value as it stands.
    pub value: &'a str,
}

/// What the payer adds to the amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra<'a> {
    /// The app asks for a tip.
    PromptForTip,
    Fixed(&'a str),
    /// A fee in hundredths of a percent, 1 to 9,999.
    Percentage(u16),
}

/// Names in another language than the root's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalNames<'a> {
    /// ISO 639, two letters as written.
    pub language: &'a str,
    /// The merchant's name, up to 25 characters.
    pub name: &'a str,
    /// The city, up to 15 characters.
    pub city: Option<&'a str>,
}

/// A decoded and checked payload. Texts are borrowed from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantPayload<'a> {
    /// Sticker or made for one payment, if it says.
    pub point_of_initiation: Option<PointOfInitiation>,
    /// At least one account.
    pub accounts: Vec<Account<'a>>,
    /// ISO 18245 category, four digits.
    pub category: &'a str,
    /// ISO 4217 number, three digits.
    pub currency: &'a str,
    /// The amount as written; absent if the payer types it. See [`MerchantPayload::amount_yen`].
    pub amount: Option<&'a str>,
    /// Tip or fee.
    pub extra: Option<Extra<'a>>,
    /// ISO 3166, two letters.
    pub country: &'a str,
    /// Up to 25 ASCII characters.
    pub merchant_name: &'a str,
    /// Up to 15 ASCII characters.
    pub merchant_city: &'a str,
    /// Up to 10 ASCII characters.
    pub postal_code: Option<&'a str>,
    /// Bill number (1), store label (3), terminal label (7) and so on, by their ids.
    pub additional: Vec<Object<'a>>,
    /// Names in the local script.
    pub local: Option<LocalNames<'a>>,
    /// Every object at the root in its order, the CRC included; unknown ones are kept here and ignored.
    pub objects: Vec<Object<'a>>,
}

impl MerchantPayload<'_> {
    /// The amount in whole yen, if the payload has one and is in yen.
    pub fn amount_yen(&self) -> Option<u64> {
        let written = self.amount.filter(|_| self.currency == CURRENCY_JPY)?;
        written.strip_suffix('.').unwrap_or(written).parse().ok()
    }
}

/// Decodes a payload and checks every rule of the format.
pub fn decode(text: &str) -> Result<MerchantPayload<'_>, MpmError> {
    if text.len() > PAYLOAD_BYTES_MAX {
        return Err(MpmError::TooLong);
    }
    let trailer = trailing_crc(text);
    if trailer.is_some_and(|(covered, crc)| checksum(covered.as_bytes()) != crc) {
        return Err(MpmError::BadCrc);
    }
    let objects = objects(text).map_err(|(error, before)| match (error, trailer) {
        // An object that runs past the end of a text without CRC was cut off on the way; with a good CRC it was made so.
        (MpmError::LengthOverrun(_) | MpmError::BadId, None) => MpmError::Truncated,
        // A row that stops making sense behind an object that is longer than it may be: that length is what is wrong.
        (error, _) => before
            .iter()
            .find(|object| object.value.chars().count() > length_max(object.id))
            .map_or(error, |object| MpmError::LengthOverrun(object.id)),
    })?;
    check_order(&objects)?;
    if trailer.is_none() {
        return Err(MpmError::BadCrc); // the last object is a CRC by its id, and not four hexadecimal digits
    }
    check_duplicates(&objects)?;
    root(objects)
}

/// The text that the CRC covers and the CRC, if the text ends in one.
fn trailing_crc(text: &str) -> Option<(&str, u16)> {
    let (covered, crc) = text.split_at_checked(text.len().checked_sub(4)?)?;
    let hexadecimal = crc.bytes().all(|b| b.is_ascii_hexdigit());
    (hexadecimal && covered.ends_with("6304"))
        .then(|| u16::from_str_radix(crc, 16).ok())?
        .map(|crc| (covered, crc))
}

/// Most characters of an object at the root.
const fn length_max(id: u8) -> usize {
    match id {
        0 | 1 | 55 | 58 => 2,
        53 => 3,
        52 | 63 => 4,
        57 => 5,
        61 => 10,
        54 | 56 => 13,
        60 => 15,
        59 => 25,
        _ => 99,
    }
}

/// Splits a row of objects; on failure the objects before it come along.
fn objects(mut rest: &str) -> Result<Vec<Object<'_>>, (MpmError, Vec<Object<'_>>)> {
    let mut objects = Vec::with_capacity(16);
    while !rest.is_empty() {
        match first_object(rest) {
            Ok((object, after)) => {
                objects.push(object);
                rest = after;
            }
            Err(error) => return Err((error, objects)),
        }
    }
    Ok(objects)
}

fn first_object(text: &str) -> Result<(Object<'_>, &str), MpmError> {
    let (id, after) = two_digits(text).ok_or(MpmError::BadId)?;
    let (length, after) = match two_digits(after) {
        Some(found) => found,
        None if after.chars().count() < 2 => return Err(MpmError::LengthOverrun(id)),
        None => return Err(MpmError::BadLength(id)),
    };
    if length == 0 {
        return Err(MpmError::ZeroLength(id));
    }
    // Lengths count characters (Unicode scalar values), not bytes.
    let end = match after.char_indices().nth(usize::from(length)) {
        Some((end, _)) => end,
        None if after.chars().count() == usize::from(length) => after.len(),
        None => return Err(MpmError::LengthOverrun(id)),
    };
    let (value, after) = after.split_at(end);
    Ok((Object { id, value }, after))
}

fn two_digits(text: &str) -> Option<(u8, &str)> {
    let (digits, rest) = text.split_at_checked(2)?;
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())?
        .map(|number| (number, rest))
}

fn check_order(objects: &[Object<'_>]) -> Result<(), MpmError> {
    for (id, place) in [(0, objects.first()), (63, objects.last())] {
        if place.is_some_and(|object| object.id == id) {
            continue;
        }
        let elsewhere = objects.iter().any(|object| object.id == id);
        return Err(if elsewhere {
            MpmError::Order(id)
        } else {
            MpmError::MissingMandatory(id)
        });
    }
    Ok(())
}

fn check_duplicates(objects: &[Object<'_>]) -> Result<(), MpmError> {
    let mut seen = 0_u128;
    for object in objects {
        if seen & (1 << object.id) != 0 {
            return Err(MpmError::DuplicateId(object.id));
        }
        seen |= 1 << object.id;
    }
    Ok(())
}

/// Splits a template at the root; whatever is wrong inside is the template's fault.
fn template(object: Object<'_>) -> Result<Vec<Object<'_>>, MpmError> {
    let inner = objects(object.value).map_err(|(error, _)| match error {
        MpmError::BadLength(_) => MpmError::BadLength(object.id),
        MpmError::ZeroLength(_) => MpmError::ZeroLength(object.id),
        MpmError::BadId => MpmError::BadValue(object.id),
        _ => MpmError::LengthOverrun(object.id),
    })?;
    check_duplicates(&inner).map_err(|_| MpmError::DuplicateId(object.id))?;
    Ok(inner)
}

fn find<'a>(objects: &[Object<'a>], id: u8) -> Option<&'a str> {
    objects
        .iter()
        .find(|object| object.id == id)
        .map(|object| object.value)
}

/// The value of an object of at most `max` characters that fit, mandatory or not.
fn optional<'a>(
    objects: &[Object<'a>],
    id: u8,
    max: usize,
    fits: fn(&str) -> bool,
) -> Result<Option<&'a str>, MpmError> {
    match find(objects, id) {
        Some(value) if value.chars().count() <= max && fits(value) => Ok(Some(value)),
        Some(_) => Err(MpmError::BadValue(id)),
        None => Ok(None),
    }
}

fn mandatory<'a>(
    objects: &[Object<'a>],
    id: u8,
    max: usize,
    fits: fn(&str) -> bool,
) -> Result<&'a str, MpmError> {
    optional(objects, id, max, fits)?.ok_or(MpmError::MissingMandatory(id))
}

/// The printable common set of EMV: what every reader can show.
fn printable(text: &str) -> bool {
    text.bytes().all(|b| (0x20..0x7F).contains(&b))
}

/// Any Unicode that prints.
fn unicode(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn letters(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphabetic())
}

fn root(objects: Vec<Object<'_>>) -> Result<MerchantPayload<'_>, MpmError> {
    let exact = |id, length, fits: fn(&str) -> bool| {
        let value = mandatory(&objects, id, length, fits)?;
        if value.len() == length {
            Ok(value)
        } else {
            Err(MpmError::BadValue(id))
        }
    };
    if exact(0, 2, digits)? != "01" {
        return Err(MpmError::BadValue(0));
    }
    exact(63, 4, printable)?;
    let point_of_initiation = match find(&objects, 1) {
        None => None,
        Some("11") => Some(PointOfInitiation::Static),
        Some("12") => Some(PointOfInitiation::Dynamic),
        Some(_) => return Err(MpmError::BadValue(1)),
    };
    let accounts = accounts(&objects)?;
    let currency = exact(53, 3, digits)?;
    let payload = MerchantPayload {
        point_of_initiation,
        accounts,
        category: exact(52, 4, digits)?,
        currency,
        amount: find(&objects, 54)
            .map(|written| check_amount(54, written, currency))
            .transpose()?,
        extra: extra(&objects, currency)?,
        country: exact(58, 2, letters)?,
        merchant_name: mandatory(&objects, 59, 25, printable)?,
        merchant_city: mandatory(&objects, 60, 15, printable)?,
        postal_code: optional(&objects, 61, 10, printable)?,
        additional: additional(&objects)?,
        local: local_names(&objects)?,
        objects,
    };
    for object in payload.objects.iter().filter(|object| object.id >= 65) {
        match object.id {
            80.. => identifier(80.max(object.id), &template(*object)?).map(drop)?,
            _ if unicode(object.value) => {}
            _ => return Err(MpmError::BadValue(object.id)),
        }
    }
    Ok(payload)
}

fn accounts<'a>(objects: &[Object<'a>]) -> Result<Vec<Account<'a>>, MpmError> {
    let mut accounts = Vec::with_capacity(2);
    for &object in objects
        .iter()
        .filter(|object| (2..=51).contains(&object.id))
    {
        if !printable(object.value) {
            return Err(MpmError::BadValue(object.id));
        }
        let (identifier, objects) = if object.id < 26 {
            (None, Vec::new())
        } else {
            let inner = template(object)?;
            (Some(identifier(object.id, &inner)?), inner)
        };
        accounts.push(Account {
            id: object.id,
            identifier,
            objects,
            value: object.value,
        });
    }
    if accounts.is_empty() {
        Err(MpmError::MissingMandatory(2))
    } else {
        Ok(accounts)
    }
}

/// The globally unique identifier that leads a template: up to 32 printable characters at id 00.
fn identifier<'a>(template: u8, inner: &[Object<'a>]) -> Result<&'a str, MpmError> {
    match find(inner, 0) {
        Some(identifier) if identifier.len() <= 32 && printable(identifier) => Ok(identifier),
        Some(_) => Err(MpmError::BadValue(template)),
        None => Err(MpmError::MissingMandatory(template)),
    }
}

/// An amount: digits and at most one point, not leading, not zero, at most 13 characters. A point at the end is legal. The
/// yen has no decimals, so `1480.00` is refused with it: a reader that drops the point would take a hundred times as much.
fn check_amount<'a>(id: u8, written: &'a str, currency: &str) -> Result<&'a str, MpmError> {
    let (whole, fraction) = written.split_once('.').unwrap_or((written, ""));
    let zero = written.bytes().all(|b| b == b'0' || b == b'.');
    let decimals_fit = fraction.is_empty() || currency != CURRENCY_JPY;
    let good = written.len() <= 13
        && !whole.is_empty()
        && digits(whole)
        && digits(fraction)
        && !zero
        && decimals_fit;
    if good {
        Ok(written)
    } else {
        Err(MpmError::BadAmount(id))
    }
}

fn extra<'a>(objects: &[Object<'a>], currency: &str) -> Result<Option<Extra<'a>>, MpmError> {
    let (fixed, percentage) = (find(objects, 56), find(objects, 57));
    let indicator = find(objects, 55);
    for (id, present, demanded) in [
        (56, fixed.is_some(), "02"),
        (57, percentage.is_some(), "03"),
    ] {
        match (indicator == Some(demanded), present) {
            (true, false) => return Err(MpmError::MissingConditional(id)),
            (false, true) => return Err(MpmError::UnexpectedConditional(id)),
            _ => {}
        }
    }
    Ok(match (indicator, fixed, percentage) {
        (None, ..) => None,
        (Some("01"), ..) => Some(Extra::PromptForTip),
        (Some("02"), Some(fee), _) => Some(Extra::Fixed(check_amount(56, fee, currency)?)),
        (Some("03"), _, Some(fee)) => Some(Extra::Percentage(
            hundredths(fee).ok_or(MpmError::BadValue(57))?,
        )),
        _ => return Err(MpmError::BadValue(55)),
    })
}

/// A percentage from 0.01 to 99.99, in hundredths.
fn hundredths(written: &str) -> Option<u16> {
    let (whole, fraction) = written.split_once('.').unwrap_or((written, ""));
    let good =
        (1..=2).contains(&whole.len()) && fraction.len() <= 2 && digits(whole) && digits(fraction);
    let value = good.then(|| format!("{whole}{fraction:0<2}").parse().ok())?;
    value.filter(|value| *value > 0)
}

fn additional<'a>(objects: &[Object<'a>]) -> Result<Vec<Object<'a>>, MpmError> {
    let Some(object) = objects.iter().find(|object| object.id == 62) else {
        return Ok(Vec::new());
    };
    let inner = template(*object)?;
    for object in &inner {
        let good = match object.id {
            1..=8 => object.value.len() <= 25 && printable(object.value),
            9 => each_once(object.value, "AME"),
            50.. => {
                let nested = objects_of(object.value).ok_or(MpmError::LengthOverrun(62))?;
                identifier(62, &nested)?;
                true
            }
            _ => unicode(object.value),
        };
        if !good {
            return Err(MpmError::BadValue(62));
        }
    }
    Ok(inner)
}

fn objects_of(value: &str) -> Option<Vec<Object<'_>>> {
    objects(value)
        .ok()
        .filter(|objects| check_duplicates(objects).is_ok())
}

fn each_once(text: &str, allowed: &str) -> bool {
    text.char_indices()
        .all(|(at, c)| allowed.contains(c) && !text[..at].contains(c))
}

fn local_names<'a>(objects: &[Object<'a>]) -> Result<Option<LocalNames<'a>>, MpmError> {
    let Some(object) = objects.iter().find(|object| object.id == 64) else {
        return Ok(None);
    };
    let inner = template(*object)?;
    let of_template = |error| match error {
        MpmError::MissingMandatory(_) => MpmError::MissingMandatory(64),
        _ => MpmError::BadValue(64),
    };
    let language = mandatory(&inner, 0, 2, letters).map_err(of_template)?;
    if language.len() != 2 {
        return Err(MpmError::BadValue(64));
    }
    Ok(Some(LocalNames {
        language,
        name: mandatory(&inner, 1, 25, unicode).map_err(of_template)?,
        city: optional(&inner, 2, 15, unicode).map_err(of_template)?,
    }))
}

/// Puts a payload together: the objects in the given order, then the CRC. Fails for what [`decode`] would refuse, and for
/// characters that readers count differently: those outside the basic plane, and decomposed ones (compose names to NFC
/// before).
pub fn encode(objects: &[Object<'_>]) -> Result<String, MpmError> {
    let mut text = row(objects)?;
    text.push_str("6304");
    let crc = checksum(text.as_bytes());
    text.push_str(&format!("{crc:04X}"));
    // Never give out what we would not take.
    decode(&text)?;
    Ok(text)
}

/// Puts a template's value together, for use as a value of [`encode`].
pub fn row(objects: &[Object<'_>]) -> Result<String, MpmError> {
    let mut text = String::with_capacity(256);
    for object in objects {
        let length = object.value.chars().count();
        if object.id > 99 || object.value.chars().any(counted_differently) {
            return Err(MpmError::BadValue(object.id));
        }
        match length {
            0 => return Err(MpmError::ZeroLength(object.id)),
            1..=99 => text.push_str(&format!("{:02}{length:02}{}", object.id, object.value)),
            _ => return Err(MpmError::LengthOverrun(object.id)),
        }
    }
    Ok(text)
}

fn counted_differently(c: char) -> bool {
    c > '\u{FFFF}' || matches!(c, '\u{0300}'..='\u{036F}' | '\u{3099}' | '\u{309A}')
}

/// The unified store code of JPQR: four levels, resolved by the association's directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreCode<'a> {
    /// 13 digits: the operator.
    pub level1: &'a str,
    /// 4 digits.
    pub level2: &'a str,
    /// 6 digits.
    pub level3: &'a str,
    /// 6 digits.
    pub level4: &'a str,
}

/// What a payload says as a JPQR code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jpqr<'a> {
    /// Who is paid.
    pub store: StoreCode<'a>,
    /// The merchant's name in Japanese, for show.
    pub name: &'a str,
}

/// Why a valid payload is not a JPQR code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotJpqr {
    /// No account carries the profile's identifier.
    NoStoreCode,
    /// A level of the store code (1 to 4) is absent or has not its number of digits.
    Level(u8),
    /// The currency is not the yen.
    Currency,
    /// The country is not Japan.
    Country,
    /// There is no postal code.
    PostalCode,
    /// There are no names in another language.
    NoLanguage,
    /// The language is not `JA`.
    Language,
    /// A city stands in the language template, where the profile has none.
    City,
}

impl NotJpqr {
    /// The reason as a stable word.
    pub const fn reason(self) -> &'static str {
        match self {
            NotJpqr::NoStoreCode => "no_store_code",
            NotJpqr::Level(_) => "store_code_level",
            NotJpqr::Currency => "currency_not_yen",
            NotJpqr::Country => "country_not_japan",
            NotJpqr::PostalCode => "no_postal_code",
            NotJpqr::NoLanguage => "no_language",
            NotJpqr::Language => "language_not_japanese",
            NotJpqr::City => "city_in_language",
        }
    }
}

impl fmt::Display for NotJpqr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for NotJpqr {}

impl<'a> MerchantPayload<'a> {
    /// Reads the payload as a JPQR code.
    pub fn jpqr(&self) -> Result<Jpqr<'a>, NotJpqr> {
        let account = self
            .accounts
            .iter()
            .find(|account| account.identifier == Some(JPQR_IDENTIFIER));
        let account = account.ok_or(NotJpqr::NoStoreCode)?;
        let level = |id: u8, length: usize| {
            let level =
                find(&account.objects, id).filter(|level| level.len() == length && digits(level));
            level.ok_or(NotJpqr::Level(id))
        };
        let store = StoreCode {
            level1: level(1, 13)?,
            level2: level(2, 4)?,
            level3: level(3, 6)?,
            level4: level(4, 6)?,
        };
        if self.currency != CURRENCY_JPY {
            return Err(NotJpqr::Currency);
        }
        if self.country != "JP" {
            return Err(NotJpqr::Country);
        }
        self.postal_code.ok_or(NotJpqr::PostalCode)?;
        match self.local {
            None => Err(NotJpqr::NoLanguage),
            Some(local) if local.language != "JA" => Err(NotJpqr::Language),
            Some(LocalNames { city: Some(_), .. }) => Err(NotJpqr::City),
            Some(local) => Ok(Jpqr {
                store,
                name: local.name,
            }),
        }
    }
}

/// What goes into a JPQR code that we make.
#[derive(Clone, Copy, Debug)]
pub struct JpqrOrder<'a> {
    /// Who is paid.
    pub store: StoreCode<'a>,
    /// Whole yen for a code made for one payment; `None` for a sticker.
    pub amount_yen: Option<u64>,
    /// Four digits.
    pub category: &'a str,
    /// Up to 25 ASCII characters.
    pub name: &'a str,
    /// Up to 15 ASCII characters.
    pub city: &'a str,
    /// Up to 10 characters; seven digits in Japan.
    pub postal_code: &'a str,
    /// The order's number, up to 25 ASCII characters.
    pub bill_number: Option<&'a str>,
    /// The till, up to 25 ASCII characters.
    pub terminal_label: Option<&'a str>,
    /// The name in Japanese, up to 25 characters, composed (NFC).
    pub name_ja: &'a str,
}

/// Makes a JPQR payload: dynamic with an amount, static without.
pub fn encode_jpqr(order: &JpqrOrder<'_>) -> Result<String, MpmError> {
    let object = |id, value| Object { id, value };
    let account = row(&[
        object(0, JPQR_IDENTIFIER),
        object(1, order.store.level1),
        object(2, order.store.level2),
        object(3, order.store.level3),
        object(4, order.store.level4),
    ])?;
    let additional: Vec<Object<'_>> = [(1, order.bill_number), (7, order.terminal_label)]
        .into_iter()
        .filter_map(|(id, value)| value.map(|value| object(id, value)))
        .collect();
    let additional = row(&additional)?;
    let local = row(&[object(0, "JA"), object(1, order.name_ja)])?;
    let amount = order.amount_yen.map(|yen| yen.to_string());
    let root = [
        (0, Some("01")),
        (1, Some(if amount.is_some() { "12" } else { "11" })),
        (26, Some(&*account)),
        (52, Some(order.category)),
        (53, Some(CURRENCY_JPY)),
        (54, amount.as_deref()),
        (58, Some("JP")),
        (59, Some(order.name)),
        (60, Some(order.city)),
        (61, Some(order.postal_code)),
        (
            62,
            Some(&*additional).filter(|additional| !additional.is_empty()),
        ),
        (64, Some(&*local)),
    ];
    let root: Vec<Object<'_>> = root
        .into_iter()
        .filter_map(|(id, value)| value.map(|value| object(id, value)))
        .collect();
    let text = encode(&root)?;
    // The levels of the store code have no rule in the format itself.
    let is_jpqr = decode(&text)?.jpqr().is_ok();
    if is_jpqr {
        Ok(text)
    } else {
        Err(MpmError::BadValue(26))
    }
}
