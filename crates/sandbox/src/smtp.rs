//! A mail server that delivers everything to the inbox: RFC 5321 without relaying, queues or encryption.

use std::sync::Arc;
use std::time::Duration;

use mail_parser::MessageParser;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::faults::Faults;
use crate::inbox::{Arrival, Inbox, MessageKind};
use crate::line::BoundedListener;

/// Bytes of one line, with its end. RFC 5321 asks for 512 in commands and 1000 in text.
const LINE_BYTES_MAX: usize = 2_000;
const MAIL_BYTES_MAX: usize = 1024 * 1024;
const RECIPIENTS_MAX: usize = 100;
/// Commands in one connection; more is no mail program.
const COMMANDS_MAX: usize = 1_000;
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Takes mail until the program ends.
pub(crate) async fn serve(listener: BoundedListener, inbox: Arc<Inbox>, faults: Arc<Faults>) {
    loop {
        let (stream, _, place) = listener.next().await;
        let (inbox, faults) = (Arc::clone(&inbox), Arc::clone(&faults));
        tokio::spawn(async move {
            let _place = place;
            // A connection that breaks is the other side's affair.
            let _ = Conversation::new(stream, inbox, faults).run().await;
        });
    }
}

/// The envelope that is being written.
#[derive(Default)]
struct Envelope {
    from: Option<String>,
    to: Vec<String>,
}

struct Conversation {
    stream: BufReader<TcpStream>,
    inbox: Arc<Inbox>,
    faults: Arc<Faults>,
    greeted: bool,
    envelope: Envelope,
}

/// Why a line could not be read.
enum Broken {
    Gone,
    TooLong,
}

impl From<std::io::Error> for Broken {
    fn from(_: std::io::Error) -> Self {
        Self::Gone
    }
}

impl Conversation {
    fn new(stream: TcpStream, inbox: Arc<Inbox>, faults: Arc<Faults>) -> Self {
        let stream = BufReader::new(stream);
        Self {
            stream,
            inbox,
            faults,
            greeted: false,
            envelope: Envelope::default(),
        }
    }

    async fn run(mut self) -> Result<(), Broken> {
        self.say("220 sandbox.localhost ESMTP").await?;
        for _ in 0..COMMANDS_MAX {
            let line = match self.line().await {
                Err(Broken::TooLong) => {
                    self.say("500 5.5.2 Line too long").await?;
                    return self.hang_up().await;
                }
                line => line?,
            };
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let (verb, rest) = line.split_once(' ').unwrap_or((line.as_str(), ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => {
                    self.greeted = true;
                    self.envelope = Envelope::default();
                    let size = format!("250 SIZE {MAIL_BYTES_MAX}");
                    for answer in [
                        "250-sandbox.localhost",
                        "250-PIPELINING",
                        "250-8BITMIME",
                        "250-SMTPUTF8",
                        &size,
                    ] {
                        self.say(answer).await?;
                    }
                }
                "HELO" => {
                    self.greeted = true;
                    self.envelope = Envelope::default();
                    self.say("250 sandbox.localhost").await?;
                }
                "MAIL" => self.mail(rest).await?,
                "RCPT" => self.rcpt(rest).await?,
                "DATA" => self.data().await?,
                "RSET" => {
                    self.envelope = Envelope::default();
                    self.say("250 2.0.0 Forgotten").await?;
                }
                "NOOP" => self.say("250 2.0.0 Here").await?,
                "VRFY" => self.say("252 2.1.5 Send it and see").await?,
                "QUIT" => return self.say("221 2.0.0 Goodbye").await,
                _ => self.say("502 5.5.1 Not known here").await?,
            }
        }
        self.say("421 4.7.0 Too many commands").await
    }

    async fn mail(&mut self, rest: &str) -> Result<(), Broken> {
        if !self.greeted {
            return self.say("503 5.5.1 Say EHLO first").await;
        }
        match path(rest, "FROM:") {
            // An empty sender is legal: so come the reports about undeliverable mail.
            Some(from) => {
                self.envelope = Envelope {
                    from: Some(from),
                    to: Vec::new(),
                };
                self.say("250 2.1.0 Sender taken").await
            }
            None => self.say("501 5.1.7 MAIL FROM:<address>").await,
        }
    }

    async fn rcpt(&mut self, rest: &str) -> Result<(), Broken> {
        if self.envelope.from.is_none() {
            return self.say("503 5.5.1 Say MAIL first").await;
        }
        match path(rest, "TO:").filter(|to| to.contains('@')) {
            Some(_) if self.envelope.to.len() >= RECIPIENTS_MAX => {
                self.say("452 4.5.3 Too many recipients").await
            }
            Some(to) => {
                self.envelope.to.push(to);
                self.say("250 2.1.5 Recipient taken").await
            }
            None => self.say("501 5.1.3 RCPT TO:<address>").await,
        }
    }

    async fn data(&mut self) -> Result<(), Broken> {
        if self.envelope.to.is_empty() {
            return self.say("503 5.5.1 Say RCPT first").await;
        }
        self.say("354 End with a dot on a line of its own").await?;
        let mail = match self.text().await {
            Ok(mail) => mail,
            Err(Broken::TooLong) => {
                // What follows could be anything: closing is the only safe end.
                self.say("552 5.3.4 Too large").await?;
                self.hang_up().await?;
                return Err(Broken::Gone);
            }
            Err(gone) => return Err(gone),
        };
        let envelope = std::mem::take(&mut self.envelope);
        if self.faults.strike(|plan| &mut plan.fail_next_mail) {
            return self.say("451 4.3.0 An injected fault: not taken").await;
        }
        self.deliver(&envelope, &mail);
        self.say("250 2.0.0 Taken").await
    }

    /// The lines up to the lone dot, with the dots that were doubled on the way made single again.
    async fn text(&mut self) -> Result<Vec<u8>, Broken> {
        let mut mail = Vec::new();
        loop {
            let line = self.line().await?;
            // Only CR LF ends a line: a bare LF before a dot has been used to smuggle a second mail.
            if line == b".\r\n" {
                return Ok(mail);
            }
            mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            if mail.len() > MAIL_BYTES_MAX {
                return Err(Broken::TooLong);
            }
        }
    }

    fn deliver(&self, envelope: &Envelope, mail: &[u8]) {
        let parsed = MessageParser::default().parse(mail);
        let subject = parsed
            .as_ref()
            .and_then(|mail| mail.subject())
            .map(str::to_owned);
        let text = parsed
            .as_ref()
            .and_then(|mail| mail.body_text(0))
            .unwrap_or_default();
        // Every mail program ends lines with CR LF; the inbox shows text.
        let text = text.replace("\r\n", "\n").trim_end().to_owned();
        let from = envelope.from.clone().unwrap_or_default();
        for to in &envelope.to {
            self.inbox.receive(Arrival {
                kind: MessageKind::Mail,
                from: from.clone(),
                to: to.clone(),
                subject: subject.clone(),
                text: text.clone(),
            });
        }
    }

    /// One line with its end, or what there is of it when the bound is reached.
    async fn line(&mut self) -> Result<Vec<u8>, Broken> {
        let mut line = Vec::new();
        let mut bounded = (&mut self.stream).take(LINE_BYTES_MAX as u64);
        let read = tokio::time::timeout(SILENCE_MAX, async {
            loop {
                let read = bounded.read_until(b'\n', &mut line).await?;
                if read == 0 || line.ends_with(b"\r\n") || bounded.limit() == 0 {
                    return std::io::Result::Ok(());
                }
            }
        });
        read.await.map_err(|_| Broken::Gone)??;
        match line {
            line if line.ends_with(b"\r\n") => Ok(line),
            line if line.len() >= LINE_BYTES_MAX => Err(Broken::TooLong),
            _ => Err(Broken::Gone),
        }
    }

    /// Closes our side and reads a little of what is still on its way: closing over unread bytes would
    /// reset the connection, and the other side might never see why.
    async fn hang_up(&mut self) -> Result<(), Broken> {
        self.stream.get_mut().shutdown().await?;
        let mut rest = (&mut self.stream).take(MAIL_BYTES_MAX as u64);
        let mut nowhere = tokio::io::sink();
        let drained = tokio::io::copy(&mut rest, &mut nowhere);
        let _ = tokio::time::timeout(Duration::from_secs(5), drained).await;
        Ok(())
    }

    async fn say(&mut self, answer: &str) -> Result<(), Broken> {
        self.stream
            .get_mut()
            .write_all(format!("{answer}\r\n").as_bytes())
            .await?;
        Ok(())
    }
}

/// The address in `FROM:<address> …` or `TO:<address> …`.
fn path(rest: &str, word: &str) -> Option<String> {
    let start = rest
        .get(..word.len())
        .filter(|start| start.eq_ignore_ascii_case(word))?;
    let address = rest[start.len()..]
        .trim_start()
        .strip_prefix('<')?
        .split_once('>')?
        .0;
    (address.len() <= 254 && !address.contains(['<', ' '])).then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stand_in_angle_brackets() {
        for (rest, expected) in [
            ("TO:<sora@example.jp>", Some("sora@example.jp")),
            (
                "to: <sora@example.jp> NOTIFY=NEVER",
                Some("sora@example.jp"),
            ),
            ("TO:sora@example.jp", None),
            ("TO:<sora @example.jp>", None),
            ("", None),
        ] {
            assert_eq!(path(rest, "TO:").as_deref(), expected, "{rest}");
        }
    }
}
