//! Delivers messages from the outbox: SMS through the gateway, mail through the mail server.
//!
//! | step | thread | durable |
//! |---|---|---|
//! | a message is enqueued, sealed | the one that asks | yes, before the page is answered |
//! | notices that the journal owes are taken in | `delivery` | with the mark of how far it read |
//! | each notice is put on the lane by which its reader is reached | `delivery` | yes |
//! | each due entry of a lane goes to its courier | `delivery-sms`, `delivery-mail` | what became of it |
//!
//! At least once: a message may arrive twice, never not at all while there is hope. A code that is too old is given up.
//! A mail server that hangs holds up mail and nothing else.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use mamori_connectors::delivery::DeliveryError;
use mamori_connectors::mail::{Mail, MailAddress, Mailer};
use mamori_connectors::sms::{PhoneNumber, SmsGateway};
use mamori_datastore::fault::Fault;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::Location;
use mamori_domain::ids::WalletId;
use mamori_domain::world::Timestamp;
use mamori_engine::journal::JournalReader;
use mamori_engine::journal::batch::decode_events;
use mamori_registry::outbox::{Delivery, Due, EntryKey, JournaledRow, Lane, Outbox};
use mamori_registry::{CODE_LIFE, Registry};
use mamori_server::messages::{self, Message, MessageKind, Messenger};

use crate::world::{Chance, Clock, Failure};

/// The one shard whose journal owes notices.
const SHARD: u32 = 0;
/// Entries that a courier takes out at a time, and that are sorted at a time.
const ROUND: usize = 16;
/// Journal rows read at a time.
const JOURNAL_ROWS: usize = 64;
/// How long a thread rests when nothing is due; a new message wakes it.
const REST: Duration = Duration::from_secs(1);
/// How long a sent entry is remembered, for the console.
const REMEMBER: Duration = Duration::from_secs(7 * 86_400);

/// The connectors that carry messages out.
pub struct Couriers {
    pub sms: SmsGateway,
    pub mail: Mailer,
}

/// The outbox of this process: it takes messages at once and sends them after [`Notifier::begin`].
pub struct Notifier {
    messenger: Arc<Messenger>,
    threads: Arc<OnceLock<Vec<Thread>>>,
    location: Location,
    master: MasterKey,
    couriers: Couriers,
    clock: Clock,
}

impl Notifier {
    /// Opens the outbox for messages. Nothing leaves yet: a standby must not send what the owner of the store sends too.
    pub fn open(
        location: &Location,
        master: &MasterKey,
        couriers: Couriers,
        clock: Clock,
        chance: Chance,
    ) -> Result<Notifier, Failure> {
        let outbox = Mutex::new(Outbox::open(location, master.wrap_key())?);
        let threads = Arc::new(OnceLock::<Vec<Thread>>::new());
        let bell = Arc::clone(&threads);
        let messenger = move |message: Message| {
            let mut nonce = [0; 12];
            chance(&mut nonce);
            let now = Timestamp((clock.wall_micros)());
            let mut outbox = outbox.lock().unwrap_or_else(PoisonError::into_inner);
            outbox.enqueue(
                message.kind.word(),
                &message.to_bytes(),
                nonce,
                now,
                now.plus(CODE_LIFE),
            )?;
            bell.get().into_iter().flatten().for_each(Thread::unpark);
            Ok(())
        };
        Ok(Notifier {
            messenger: Arc::new(messenger),
            threads,
            location: location.clone(),
            master: master.clone(),
            couriers,
            clock,
        })
    }

    /// Where to hand messages in: durable when it returns.
    pub fn messenger(&self) -> Arc<Messenger> {
        Arc::clone(&self.messenger)
    }

    /// Starts the threads that sort and send. Call it when this process owns the store.
    pub fn begin(self) -> Result<(), Failure> {
        let open = || -> Result<_, Failure> {
            let outbox = Outbox::open(&self.location, self.master.wrap_key())?;
            Ok((outbox, Registry::open(&self.location, &self.master)?))
        };
        let clock = self.clock;
        let couriers = Arc::new(self.couriers);
        let mut threads = Vec::new();
        for (name, lane) in Lane::ALL.map(|lane| (thread_name(lane), lane)) {
            let (mut outbox, mut registry) = open()?;
            let couriers = Arc::clone(&couriers);
            threads.push(rounds(name, move || {
                let now = Timestamp((clock.wall_micros)());
                while outbox.deliver(lane, now, ROUND, &mut |due| {
                    couriers.send(&mut registry, due, now)
                })? == ROUND
                {}
                Ok(())
            })?);
        }
        let (mut outbox, mut registry) = open()?;
        let mut journal = JournalReader::open(&self.location, SHARD)?;
        let carriers = threads.clone();
        let sorting = rounds("delivery", move || {
            while take_in_journal(&mut outbox, &mut journal)? {}
            let now = Timestamp((clock.wall_micros)());
            let mut sort = || outbox.sort(now, ROUND, &mut |due| Some(lane_of(&mut registry, due)));
            while sort()? == ROUND {}
            carriers.iter().for_each(Thread::unpark);
            outbox.forget_sent(now.minus(REMEMBER)).map(|_| ())
        })?;
        threads.push(sorting);
        let _ = self.threads.set(threads);
        Ok(())
    }
}

/// Takes in what the next few dozen journal rows owe; true while there may be more.
fn take_in_journal(outbox: &mut Outbox, journal: &mut JournalReader) -> Result<bool, Fault> {
    let next_seq = outbox.next_seq(SHARD, journal.head()?.seq)?;
    let mut rows = Vec::new();
    for row in journal.read(next_seq, JOURNAL_ROWS)? {
        rows.push(JournaledRow {
            seq: row.seq,
            epoch: row.epoch,
            at: Timestamp(row.at),
            events: decode_events(&row.batch)?,
        });
    }
    outbox.take_in(SHARD, &rows)?;
    Ok(rows.len() == JOURNAL_ROWS)
}

fn thread_name(lane: Lane) -> &'static str {
    match lane {
        Lane::Sms => "delivery-sms",
        Lane::Mail => "delivery-mail",
    }
}

/// A thread that does `round` again and again, and rests in between until a new message wakes it.
fn rounds(
    name: &'static str,
    mut round: impl FnMut() -> Result<(), Fault> + Send + 'static,
) -> std::io::Result<Thread> {
    let work = move || loop {
        if let Err(fault) = round() {
            tracing::warn!(%fault, thread = name, "a round of message delivery failed and is tried again");
        }
        thread::park_timeout(REST);
    };
    let handle = thread::Builder::new().name(name.into()).spawn(work)?;
    Ok(handle.thread().clone())
}

/// The lane by which the reader of an entry is reached.
fn lane_of(registry: &mut Registry, due: &Due) -> Lane {
    match read(registry, due) {
        Ok(Some(message)) => match message.kind {
            MessageKind::Sms => Lane::Sms,
            MessageKind::Mail => Lane::Mail,
        },
        // No recipient, or no address for now: either courier says so, and tries again or gives up as for every message.
        Ok(None) | Err(_) => Lane::Sms,
    }
}

/// What an entry says, and to whom; `None` if there is no recipient, or nothing to say.
fn read(registry: &mut Registry, due: &Due) -> Result<Option<Message>, Fault> {
    match due.kind.as_str() {
        "sms" | "mail" => Ok(Message::from_bytes(&due.content)),
        notice => notice_for(registry, notice, &due.content, due.times).inspect_err(
            |fault| tracing::warn!(%fault, kind = notice, "a notice has no address for now"),
        ),
    }
}

impl Couriers {
    fn send(&self, registry: &mut Registry, due: &Due, now: Timestamp) -> Delivery {
        match read(registry, due) {
            Ok(Some(message)) => self.carry(&message, due.key, now),
            Ok(None) => Delivery::Never("nobody to send it to, or nothing to say"),
            Err(_) => Delivery::Later("the registry does not answer"),
        }
    }

    fn carry(&self, message: &Message, key: EntryKey, now: Timestamp) -> Delivery {
        match message.kind {
            MessageKind::Sms => {
                let Some(to) = PhoneNumber::new(&message.to) else {
                    return Delivery::Never("not a telephone number");
                };
                match self.sms.send(&to, &message.text) {
                    Ok(_) => Delivery::Sent,
                    Err(DeliveryError::Rejected { .. }) => {
                        Delivery::Never("the SMS service refuses it for good")
                    }
                    Err(DeliveryError::Unreachable { .. }) => {
                        Delivery::Later("the SMS service did not answer")
                    }
                }
            }
            MessageKind::Mail => {
                let Some(to) = MailAddress::new(&message.to) else {
                    return Delivery::Never("not a mail address");
                };
                let sent = self.mail.send(&Mail {
                    to,
                    subject: message.subject.clone(),
                    text: message.text.clone(),
                    // The same for every attempt, so that a mail that arrives twice is shown once.
                    id: format!("{}.{}.{}.{}", key.origin, key.epoch, key.seq, key.n),
                    at_micros: now.0,
                });
                match sent {
                    Ok(()) => Delivery::Sent,
                    Err(DeliveryError::Rejected { .. }) => {
                        Delivery::Never("the mail server refuses it for good")
                    }
                    Err(DeliveryError::Unreachable { .. }) => {
                        Delivery::Later("the mail server did not answer")
                    }
                }
            }
        }
    }
}

/// What the owner of a wallet is to be told, if the wallet has an owner.
fn notice_for(
    registry: &mut Registry,
    kind: &str,
    content: &[u8],
    times: u32,
) -> Result<Option<Message>, Fault> {
    let Ok(wallet) = content.try_into().map(u64::from_be_bytes) else {
        return Ok(None);
    };
    let found = registry.people().contact_of_wallet(WalletId(wallet))?;
    Ok(found.and_then(|(contact, locale)| messages::notice(kind, times, &contact, &locale)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};

    use mamori_connectors::mail::{MailConfig, MailSecurity};
    use mamori_connectors::secret::Secret;
    use mamori_connectors::sms::SmsConfig;
    use mamori_datastore::testing::Scratch;
    use mamori_domain::decide::Limits;
    use mamori_domain::lifecycle::Purpose;
    use mamori_sandbox::{Addresses, SandboxConfig};

    use crate::outside;

    fn open(scratch: &Scratch, addresses: &Addresses, mail_server: &TcpListener) -> Notifier {
        let sms = SmsGateway::new(SmsConfig {
            base_url: addresses.sms_url.clone(),
            account: "AC".into(),
            token: Secret::new("token"),
            from: "Mamori".into(),
            patience: Default::default(),
        });
        let server = mail_server.local_addr().expect("bound");
        let mail = Mailer::new(MailConfig {
            host: server.ip().to_string(),
            port: server.port(),
            security: MailSecurity::None,
            root_certificate_pem: None,
            credentials: None,
            from: (
                "Mamori".into(),
                MailAddress::new("no-reply@mamori.example").expect("an address"),
            ),
            hello_name: "mamori.example".into(),
            timeout: Duration::from_secs(60),
        })
        .expect("a usable mail server");
        let master = MasterKey::from_bytes([42; 32]);
        let couriers = Couriers { sms, mail };
        Notifier::open(
            &scratch.location(),
            &master,
            couriers,
            outside::CLOCK,
            outside::chance,
        )
        .expect("an empty store")
    }

    fn message(kind: MessageKind, to: &str) -> Message {
        Message {
            kind,
            to: to.into(),
            subject: "確認コード".into(),
            text: "確認コードは 123456 です。".into(),
        }
    }

    /// What reaches the customers from here on, line by line as it is told.
    fn news(inbox_url: &str) -> impl Iterator<Item = String> {
        let host = inbox_url.strip_prefix("http://").expect("an address");
        let mut stream = TcpStream::connect(host).expect("the inbox listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a socket");
        write!(stream, "GET /api/events HTTP/1.1\r\nHost: {host}\r\n\r\n")
            .expect("the inbox reads");
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        // Behind its head nothing that comes is missed.
        assert!(lines.any(|line| line.is_empty()), "the inbox answers");
        lines
    }

    #[test]
    fn a_mail_server_that_hangs_holds_up_no_sms() {
        let scratch = Scratch::new("delivery");
        let sandbox = mamori_sandbox::run(SandboxConfig {
            card_port: 0,
            sms_port: 0,
            smtp_port: 0,
            inbox_port: 0,
            webhook_url: None,
            webhook_secret: String::new(),
            webhook_retry: Duration::from_secs(1),
            api_key: "sk_test".into(),
            sms_account: "AC".into(),
            sms_token: "token".into(),
            seed: [2; 32],
            clock: outside::CLOCK.wall_micros,
        })
        .expect("free ports");
        let engine = crate::assembly::open_engine(
            &scratch.location(),
            &Arc::new(MasterKey::from_bytes([42; 32])),
            Purpose::Development,
            Limits::default(),
            false,
            outside::CLOCK,
            outside::chance,
        )
        .expect("an empty store");
        // It takes the connection and never says a word.
        let hanging = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let notifier = open(&scratch, sandbox.addresses(), &hanging);
        let messenger = notifier.messenger();
        let mut inbox = news(&sandbox.addresses().inbox_url);
        notifier.begin().expect("threads");

        messenger(message(MessageKind::Mail, "sora@example.jp")).expect("it is taken");
        let waiting_for_a_word = hanging.accept().expect("the courier calls");
        messenger(message(MessageKind::Sms, "+819012345678")).expect("it is taken");
        let first = inbox.find(|line| line.starts_with("data:"));
        assert!(
            first.is_some_and(|line| line.contains("+819012345678")),
            "the SMS arrives while the mail waits"
        );
        drop(waiting_for_a_word);
        engine.stop();
    }
}
