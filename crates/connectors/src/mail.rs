//! Mail by SMTP submission.
//!
//! A message has a typed address, a subject and a text; the subject's and the address's way into the
//! header is `lettre`'s encoding and nothing else, so no text can add a line to the header.

use std::time::{Duration, SystemTime};

use lettre::address::Envelope;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, SmtpTransport, Transport};

use crate::delivery::DeliveryError;
use crate::secret::Secret;

/// Characters of a subject; what is beyond is cut off.
pub const SUBJECT_MAX: usize = 200;
/// Bytes of a text.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;

/// A mail address that a mail server can be given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MailAddress(Address);

impl MailAddress {
    /// The address, or `None` if it is not one: `name@host`, at most 254 ASCII characters, nothing around it.
    ///
    /// Old carriers gave out names with two dots in a row, or with one at an end. Such a name is given in quotes to mail servers, which
    /// is how RFC 5321 writes it.
    pub fn new(text: &str) -> Option<Self> {
        let plain = text.len() <= 254 && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain {
            return None;
        }
        let (name, host) = text.rsplit_once('@')?;
        let has_odd_dots = name.starts_with('.') || name.ends_with('.') || name.contains("..");
        let is_bare = (name.bytes())
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b));
        let address = match has_odd_dots && is_bare {
            true => Address::new(format!("\"{name}\""), host),
            false => text.parse(),
        };
        address.ok().map(Self)
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailSecurity {
    /// Not at all: for a server on the same machine.
    None,
    /// TLS after a STARTTLS command that must succeed; usually port 587.
    StartTls,
    /// TLS from the first byte; usually port 465.
    Tls,
}

/// Which mail server to use, and as whom.
#[derive(Clone, Debug)]
pub struct MailConfig {
    /// The server's name, which its certificate must bear.
    pub host: String,
    pub port: u16,
    /// Protection of the connection.
    pub security: MailSecurity,
    /// A certificate (PEM) to trust beside the public ones: that of an operator's own mail relay.
    pub root_certificate_pem: Option<String>,
    /// User name and password, if the server wants them.
    pub credentials: Option<(String, Secret)>,
    /// Whom the mail is from: a display name and an address.
    pub from: (String, MailAddress),
    /// The name we greet the server with; our own host name.
    pub hello_name: String,
    /// Time for each step of the conversation.
    pub timeout: Duration,
}

/// One mail of plain text.
#[derive(Clone, Debug)]
pub struct Mail {
    pub to: MailAddress,
    /// The subject. Control characters become spaces; at most [`SUBJECT_MAX`] characters go out.
    pub subject: String,
    /// The text, at most [`TEXT_BYTES_MAX`] bytes.
    pub text: String,
    /// Our own name for the mail: 1 to 64 ASCII letters, digits, `-`, `_` and `.`. A mail that is sent again
    /// under the same name can be recognised by the receiving side.
    pub id: String,
    /// When it was written, microseconds since 1970 UTC.
    pub at_micros: i64,
}

/// The configuration cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailConfigError {
    /// The host's name is not one that a certificate could bear.
    Host,
    /// [`MailConfig::root_certificate_pem`] is not a certificate.
    Certificate,
    /// The sender's name cannot stand in a header.
    From,
}

/// A client of one mail server. Calls block; use it from worker threads.
pub struct Mailer {
    transport: SmtpTransport,
    from: Mailbox,
    domain: String,
}

impl Mailer {
    /// Opens no connection yet.
    pub fn new(config: MailConfig) -> Result<Self, MailConfigError> {
        let tls = match config.security {
            MailSecurity::None => Tls::None,
            MailSecurity::StartTls => Tls::Required(tls_parameters(&config)?),
            MailSecurity::Tls => Tls::Wrapper(tls_parameters(&config)?),
        };
        let mut transport = SmtpTransport::builder_dangerous(config.host)
            .port(config.port)
            .tls(tls)
            .hello_name(ClientId::Domain(config.hello_name))
            .timeout(Some(config.timeout));
        if let Some((user, password)) = config.credentials {
            transport = transport.credentials(Credentials::new(user, password.reveal().to_owned()));
        }
        let (name, address) = config.from;
        if name.chars().any(char::is_control) {
            return Err(MailConfigError::From);
        }
        let domain = address.0.domain().to_owned();
        let from = Mailbox::new(Some(name).filter(|name| !name.is_empty()), address.0);
        Ok(Self {
            transport: transport.build(),
            from,
            domain,
        })
    }

    /// Hands one mail over to the server. Sending again after an error may deliver it twice.
    pub fn send(&self, mail: &Mail) -> Result<(), DeliveryError> {
        let message = self.compose(mail).ok_or_else(|| DeliveryError::Rejected {
            code: "malformed".to_owned(),
        })?;
        self.transport
            .send(&message)
            .map(|_| ())
            .map_err(|error| delivery_error(&error))
    }

    fn compose(&self, mail: &Mail) -> Option<Message> {
        let id_is_plain = (1..=64).contains(&mail.id.len())
            && mail
                .id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !id_is_plain || mail.text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let subject: String = mail
            .subject
            .chars()
            .take(SUBJECT_MAX)
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .collect();
        let written = SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_micros(u64::try_from(mail.at_micros).ok()?))?;
        // Said and not read out of the header again: there a name in quotes is not understood, and beside other recipients it
        // would be lost without a word.
        let envelope =
            Envelope::new(Some(self.from.email.clone()), vec![mail.to.0.clone()]).ok()?;
        Message::builder()
            .envelope(envelope)
            .from(self.from.clone())
            .to(Mailbox::new(None, mail.to.0.clone()))
            .subject(subject)
            .date(written)
            .message_id(Some(format!("<{}@{}>", mail.id, self.domain)))
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .ok()
    }
}

fn tls_parameters(config: &MailConfig) -> Result<TlsParameters, MailConfigError> {
    let mut parameters = TlsParameters::builder(config.host.clone());
    if let Some(pem) = &config.root_certificate_pem {
        // A text without any certificate would be read as an empty list of them.
        if !pem.contains("-----BEGIN CERTIFICATE-----") {
            return Err(MailConfigError::Certificate);
        }
        let certificate =
            Certificate::from_pem(pem.as_bytes()).map_err(|_| MailConfigError::Certificate)?;
        parameters = parameters.add_root_certificate(certificate);
    }
    parameters.build().map_err(|_| MailConfigError::Host)
}

fn delivery_error(error: &SmtpError) -> DeliveryError {
    match error.status() {
        // 530 to 538: the server wants other credentials or another protection, the mail is not at fault.
        Some(status) if (530..540).contains(&u16::from(status)) => {
            DeliveryError::Unreachable { retryable: false }
        }
        Some(status) if error.is_permanent() => DeliveryError::Rejected {
            code: status.to_string(),
        },
        _ => DeliveryError::Unreachable {
            retryable: !error.is_tls(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailer() -> Mailer {
        Mailer::new(MailConfig {
            host: "localhost".to_owned(),
            port: 1,
            security: MailSecurity::None,
            root_certificate_pem: None,
            credentials: None,
            from: (
                "マモリ".to_owned(),
                MailAddress::new("no-reply@mamori.example").unwrap(),
            ),
            hello_name: "localhost".to_owned(),
            timeout: Duration::from_secs(1),
        })
        .unwrap()
    }

    fn mail(subject: &str) -> Mail {
        Mail {
            to: MailAddress::new("sora@example.jp").unwrap(),
            subject: subject.to_owned(),
            text: "こんにちは\r\n.\r\nRCPT TO:<x@example.jp>".to_owned(),
            id: "1-7".to_owned(),
            at_micros: 1_750_000_000_000_000,
        }
    }

    #[test]
    fn no_subject_can_add_a_line_to_the_header() {
        for subject in [
            "a\r\nBcc: x@example.jp",
            "確認\nBcc: x@example.jp",
            "a\rBcc: x",
            "a\0\u{85}\u{2028}Bcc: x",
        ] {
            let message = mailer().compose(&mail(subject)).unwrap().formatted();
            let header = String::from_utf8(message).unwrap();
            let header = header.split("\r\n\r\n").next().unwrap();
            let names: Vec<&str> = header
                .split("\r\n")
                .filter(|line| !line.starts_with(' '))
                .map(|line| line.split_once(':').unwrap().0)
                .collect();
            let expected = [
                "From",
                "To",
                "Subject",
                "Date",
                "Message-ID",
                "Content-Type",
                "Content-Transfer-Encoding",
            ];
            let (mut found, mut expected) = (names.clone(), expected.to_vec());
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(
                found
                    .iter()
                    .filter(|name| **name != "MIME-Version")
                    .copied()
                    .collect::<Vec<_>>(),
                expected
            );
        }
    }

    #[test]
    fn addresses_are_addresses_and_nothing_more() {
        for (text, right) in [
            ("sora@example.jp", true),
            ("sora+tag@example.co.jp", true),
            ("sora", false),
            ("sora@example.jp\r\nBcc: x@example.jp", false),
            ("<sora@example.jp>", false),
            ("sora@example.jp, x@example.jp", false),
            ("空@example.jp", false),
            ("", false),
        ] {
            assert_eq!(MailAddress::new(text).is_some(), right, "{text}");
        }
    }

    #[test]
    fn a_mail_without_a_plain_name_or_before_1970_is_not_composed() {
        assert!(
            mailer()
                .compose(&Mail {
                    id: "a>b".to_owned(),
                    ..mail("s")
                })
                .is_none()
        );
        assert!(
            mailer()
                .compose(&Mail {
                    at_micros: -1,
                    ..mail("s")
                })
                .is_none()
        );
    }
}
