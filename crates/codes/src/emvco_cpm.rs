//! Consumer-presented QR payloads: EMVCo's BER-TLV in Base64, and the JPQR form of it.
//!
//! A phone of another brand shows one of these; a till reads far enough to say whose it is. Account numbers and tokens
//! inside are secrets: `Debug` shows tags and lengths, never values.
//!
//! ```
//! use mamori_codes::emvco_cpm::{self, Form};
//! let payload = emvco_cpm::decode("hQVDUFYwMWEaTwegAAAAVVVVVw8SNFZ4kBI0WNGRIgESNF8=").unwrap();
//! assert_eq!(payload.form, Form::Emv);
//! assert_eq!(payload.applications[0].aid(), [0xA0, 0, 0, 0, 0x55, 0x55, 0x55]);
//! ```

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Longest payload that is read, in characters of Base64.
pub const PAYLOAD_TEXT_MAX: usize = 512;

const FORMAT_INDICATOR: u16 = 0x85;
const APPLICATION: u16 = 0x61;
const COMMON: u16 = 0x62;
const APPLICATION_TRANSPARENT: u16 = 0x63;
const COMMON_TRANSPARENT: u16 = 0x64;
const ADF_NAME: u16 = 0x4F;
const TRACK_2: u16 = 0x57;
const PAN: u16 = 0x5A;
const LAST_FOUR: u16 = 0x9F25;

/// Why a text is not a usable consumer-presented payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpmError {
    /// It is longer than [`PAYLOAD_TEXT_MAX`].
    TooLong,
    /// It is not padded Base64 of the standard alphabet.
    BadBase64,
    /// A tag is longer than two bytes.
    BadTag,
    /// A length is indefinite or longer than three bytes.
    BadLength,
    /// An object is longer than what holds it.
    LengthOverrun,
    /// The format indicator is not first, or an application comes behind another template.
    Order,
    /// The format indicator names another format or version.
    BadVersion,
    /// There is no application.
    MissingTemplate,
    /// No application has a name; unnamed ones are skipped.
    MissingAid,
    /// No application has a name of 5 to 16 bytes; others are skipped.
    AidLength,
    /// The same object twice in what the terminal would pass on.
    DuplicateTag,
    /// Neither track 2 nor an account number.
    MissingConditional,
    /// Issuer or payment id of the JPQR form are not digits.
    BadValue,
}

impl CpmError {
    /// The reason as a stable word.
    pub const fn reason(self) -> &'static str {
        match self {
            CpmError::TooLong => "too_long",
            CpmError::BadBase64 => "bad_base64",
            CpmError::BadTag => "bad_tag",
            CpmError::BadLength => "bad_length",
            CpmError::LengthOverrun => "length_overrun",
            CpmError::Order => "order",
            CpmError::BadVersion => "bad_version",
            CpmError::MissingTemplate => "missing_template",
            CpmError::MissingAid => "missing_aid",
            CpmError::AidLength => "aid_length",
            CpmError::DuplicateTag => "duplicate_tag",
            CpmError::MissingConditional => "missing_conditional",
            CpmError::BadValue => "bad_value",
        }
    }
}

impl fmt::Display for CpmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for CpmError {}

/// Which of the two forms a payload has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `CPV01`, EMVCo's own.
    Emv,
    /// `JPQR1`: issuer code and payment id as ASCII digits. Known from one public encoder; the guideline is not public.
    Jpqr,
}

impl Form {
    const fn indicator(self) -> &'static [u8; 5] {
        match self {
            Form::Emv => b"CPV01",
            Form::Jpqr => b"JPQR1",
        }
    }
}

/// One BER-TLV object.
#[derive(Clone, PartialEq, Eq)]
pub struct Tlv {
    /// Its tag, one or two bytes.
    pub tag: u16,
    pub value: Vec<u8>,
}

impl fmt::Debug for Tlv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}({} bytes)", self.tag, self.value.len())
    }
}

/// An application template that a terminal can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its objects in order, the name and the transparent template (63, passed through unread) among them.
    pub objects: Vec<Tlv>,
}

impl Application {
    /// The application's name, 5 to 16 bytes.
    pub fn aid(&self) -> &[u8] {
        find(&self.objects, ADF_NAME).unwrap_or_default()
    }

    /// Whether a terminal's AID selects this application: equal to its name, or a leading part of it.
    pub fn is_selected_by(&self, terminal_aid: &[u8]) -> bool {
        terminal_aid.len() >= 5 && self.aid().starts_with(terminal_aid)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerPayload {
    pub form: Form,
    /// At least one usable application, in order; unusable ones were skipped, as the format demands.
    pub applications: Vec<Application>,
    /// The common objects, the transparent template (64) among them.
    pub common: Vec<Tlv>,
}

/// What track 2 says.
#[derive(Clone, PartialEq, Eq)]
pub struct Track2 {
    /// The account number, up to 19 digits.
    pub pan: String,
    /// `YYMM`.
    pub expiry: String,
    /// Three digits.
    pub service: String,
    /// The issuer's own digits.
    pub discretionary: String,
}

impl fmt::Debug for Track2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Track2(…)")
    }
}

impl ConsumerPayload {
    /// What a terminal passes on for an application: its objects and the common ones, without the transparent templates.
    pub fn poi_data<'a>(&'a self, application: &'a Application) -> impl Iterator<Item = &'a Tlv> {
        let own = application
            .objects
            .iter()
            .filter(|object| object.tag != APPLICATION_TRANSPARENT);
        own.chain(
            self.common
                .iter()
                .filter(|object| object.tag != COMMON_TRANSPARENT),
        )
    }

    fn value<'a>(&'a self, application: &'a Application, tag: u16) -> Option<&'a [u8]> {
        self.poi_data(application)
            .find(|object| object.tag == tag)
            .map(|object| &*object.value)
    }

    /// Track 2 of an application, if it has one.
    pub fn track2(&self, application: &Application) -> Option<Track2> {
        let nibbles = hexadecimal(self.value(application, TRACK_2)?);
        let (pan, rest) = nibbles.trim_end_matches('F').split_once('D')?;
        let (expiry, rest) = rest.split_at_checked(4)?;
        let (service, discretionary) = rest.split_at_checked(3)?;
        let numeric = [pan, expiry, service, discretionary]
            .iter()
            .all(|part| part.bytes().all(|b| b.is_ascii_digit()));
        (numeric && pan.len() <= 19).then(|| Track2 {
            pan: pan.to_owned(),
            expiry: expiry.to_owned(),
            service: service.to_owned(),
            discretionary: discretionary.to_owned(),
        })
    }

    /// The last four digits of the account number, for the receipt: as the payload gives them, or from the number itself.
    pub fn last_four(&self, application: &Application) -> Option<String> {
        if let Some(given) = self.value(application, LAST_FOUR) {
            return Some(hexadecimal(given));
        }
        let pan = match self.value(application, PAN) {
            Some(pan) => hexadecimal(pan).trim_end_matches('F').to_owned(),
            None => self.track2(application)?.pan,
        };
        pan.get(pan.len().checked_sub(4)?..).map(str::to_owned)
    }

    /// Issuer code and payment id of the JPQR form.
    pub fn jpqr(&self) -> Option<JpqrConsumer<'_>> {
        let application = self
            .applications
            .first()
            .filter(|_| self.form == Form::Jpqr)?;
        Some(JpqrConsumer {
            issuer: str::from_utf8(application.aid()).ok()?,
            payment_id: str::from_utf8(self.value(application, TRACK_2)?).ok()?,
        })
    }
}

/// The JPQR form, read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct JpqrConsumer<'a> {
    /// The issuer code, digits.
    pub issuer: &'a str,
    /// The payment id, digits: a bearer token.
    pub payment_id: &'a str,
}

impl fmt::Debug for JpqrConsumer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JpqrConsumer({}…)", self.issuer)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn find(objects: &[Tlv], tag: u16) -> Option<&[u8]> {
    objects
        .iter()
        .find(|object| object.tag == tag)
        .map(|object| &*object.value)
}

/// Decodes a payload and checks the steps of a reader.
pub fn decode(text: &str) -> Result<ConsumerPayload, CpmError> {
    if text.len() > PAYLOAD_TEXT_MAX {
        return Err(CpmError::TooLong);
    }
    let bytes = BASE64.decode(text).map_err(|_| CpmError::BadBase64)?;
    let root = objects(&bytes)?;
    let form = match root.first() {
        Some(first) if first.tag == FORMAT_INDICATOR => [Form::Emv, Form::Jpqr]
            .into_iter()
            .find(|form| first.value == form.indicator())
            .ok_or(CpmError::BadVersion)?,
        _ => return Err(CpmError::Order),
    };
    check_order(&root)?;
    let common = find(&root, COMMON)
        .map(objects)
        .transpose()?
        .unwrap_or_default();
    let applications = applications(&root)?;
    let payload = ConsumerPayload {
        form,
        applications,
        common,
    };
    for application in &payload.applications {
        check_poi_data(&payload, application)?;
    }
    if form == Form::Jpqr {
        let read = payload.jpqr().ok_or(CpmError::BadValue)?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !(digits(read.issuer) && digits(read.payment_id)) {
            return Err(CpmError::BadValue);
        }
    }
    Ok(payload)
}

/// Applications and the common template come before every other template; the common one at most once.
fn check_order(root: &[Tlv]) -> Result<(), CpmError> {
    let mut other_seen = false;
    for object in root {
        let known = matches!(object.tag, APPLICATION | COMMON);
        if known && other_seen {
            return Err(CpmError::Order);
        }
        other_seen |= !known && is_constructed(object.tag);
    }
    match root.iter().filter(|object| object.tag == COMMON).count() {
        0 | 1 => Ok(()),
        _ => Err(CpmError::DuplicateTag),
    }
}

/// The applications a terminal may use. One without a name, or with one of another length, is skipped; if that leaves
/// none, the first reason is the answer.
fn applications(root: &[Tlv]) -> Result<Vec<Application>, CpmError> {
    let mut usable = Vec::with_capacity(2);
    let mut skipped = CpmError::MissingTemplate;
    for template in root.iter().filter(|object| object.tag == APPLICATION) {
        let objects = objects(&template.value)?;
        let reason = match find(&objects, ADF_NAME) {
            Some(aid) if (5..=16).contains(&aid.len()) => {
                usable.push(Application { objects });
                continue;
            }
            Some(_) => CpmError::AidLength,
            None => CpmError::MissingAid,
        };
        if skipped == CpmError::MissingTemplate {
            skipped = reason;
        }
    }
    if usable.is_empty() {
        Err(skipped)
    } else {
        Ok(usable)
    }
}

fn check_poi_data(payload: &ConsumerPayload, application: &Application) -> Result<(), CpmError> {
    let mut tags: Vec<u16> = payload
        .poi_data(application)
        .map(|object| object.tag)
        .filter(|tag| !is_constructed(*tag))
        .collect();
    if !tags.contains(&TRACK_2) && !tags.contains(&PAN) {
        return Err(CpmError::MissingConditional);
    }
    tags.sort_unstable();
    if tags.windows(2).any(|pair| pair[0] == pair[1]) {
        Err(CpmError::DuplicateTag)
    } else {
        Ok(())
    }
}

/// Bit 6 of a tag's first byte says that its value is objects again.
const fn is_constructed(tag: u16) -> bool {
    let first = if tag > 0xFF { tag >> 8 } else { tag };
    first & 0x20 != 0
}

/// Splits a row of BER-TLV objects.
fn objects(mut rest: &[u8]) -> Result<Vec<Tlv>, CpmError> {
    let mut objects = Vec::with_capacity(8);
    while let [first, after @ ..] = rest {
        let (tag, after) = match after {
            // All low bits set: the tag goes on in a second byte, and only there.
            [second, after @ ..] if first & 0x1F == 0x1F => {
                if second & 0x80 != 0 {
                    return Err(CpmError::BadTag);
                }
                (u16::from(*first) << 8 | u16::from(*second), after)
            }
            _ if first & 0x1F == 0x1F => return Err(CpmError::LengthOverrun),
            _ => (u16::from(*first), after),
        };
        let (length, after) = match after {
            [length @ 0..=0x7F, after @ ..] => (usize::from(*length), after),
            [0x81, length, after @ ..] => (usize::from(*length), after),
            [0x82, high, low, after @ ..] => (usize::from(*high) << 8 | usize::from(*low), after),
            [] | [0x81 | 0x82, ..] => return Err(CpmError::LengthOverrun),
            _ => return Err(CpmError::BadLength),
        };
        let (value, after) = after
            .split_at_checked(length)
            .ok_or(CpmError::LengthOverrun)?;
        objects.push(Tlv {
            tag,
            value: value.to_vec(),
        });
        rest = after;
    }
    Ok(objects)
}

/// Encodes a payload, lengths in their short form. Fails for what [`decode`] would refuse.
pub fn encode(payload: &ConsumerPayload) -> Result<String, CpmError> {
    let mut bytes = Vec::with_capacity(256);
    push(&mut bytes, FORMAT_INDICATOR, payload.form.indicator());
    for application in &payload.applications {
        push(&mut bytes, APPLICATION, &row(&application.objects));
    }
    if !payload.common.is_empty() {
        push(&mut bytes, COMMON, &row(&payload.common));
    }
    let text = BASE64.encode(bytes);
    decode(&text)?;
    Ok(text)
}

/// Encodes the JPQR form: issuer code (5 to 16 digits) and payment id.
pub fn encode_jpqr(issuer: &str, payment_id: &str) -> Result<String, CpmError> {
    let object = |tag, value: &str| Tlv {
        tag,
        value: value.as_bytes().to_vec(),
    };
    let application = Application {
        objects: vec![object(ADF_NAME, issuer), object(TRACK_2, payment_id)],
    };
    encode(&ConsumerPayload {
        form: Form::Jpqr,
        applications: vec![application],
        common: Vec::new(),
    })
}

fn row(objects: &[Tlv]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    objects
        .iter()
        .for_each(|object| push(&mut bytes, object.tag, &object.value));
    bytes
}

fn push(bytes: &mut Vec<u8>, tag: u16, value: &[u8]) {
    let [high, low] = tag.to_be_bytes();
    if high != 0 {
        bytes.push(high);
    }
    bytes.push(low);
    match value.len() {
        length @ 0..=0x7F => bytes.push(length as u8),
        length @ 0x80..=0xFF => bytes.extend([0x81, length as u8]),
        // Longer values make a text that `decode` refuses for its length.
        length => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    bytes.extend_from_slice(value);
}
