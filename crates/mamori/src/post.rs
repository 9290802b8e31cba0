//! Sends messages out of the outbox: SMS through the gateway, mail through the mail server.
//!
//! | step | thread | durable |
//! |---|---|---|
//! | a message is enqueued, sealed | the one that asks | yes, before the page is answered |
//! | notices that the journal owes are taken in | `post` | with the mark of how far it read |
//! | each due entry goes to its courier | `post` | what became of it |
//!
//! At least once: a message may arrive twice, never not at all while there is hope. A code that is too old is given up.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use mamori_connectors::delivery::DeliveryError;
use mamori_connectors::mail::{Mail, MailAddress, Mailer};
use mamori_connectors::sms::{PhoneNumber, SmsGateway};
use mamori_domain::ids::WalletId;
use mamori_engine::control::{CODE_SECONDS, Control};
use mamori_engine::fault::Fault;
use mamori_engine::journal::JournalReader;
use mamori_engine::keys::MasterKey;
use mamori_engine::outbox::{Delivery, Due, EntryKey, Outbox};
use mamori_engine::sql::Location;
use mamori_server::messages::{self, Message, MessageKind, Messenger};

use crate::world::{Chance, Clock, Failure};

/// The one shard whose journal owes notices.
const SHARD: u32 = 0;
/// Entries that are sent in one round.
const ROUND: usize = 16;
/// How long the thread rests when nothing is due; a new message wakes it.
const REST: Duration = Duration::from_secs(1);
/// How long a sent entry is remembered, for the console.
const REMEMBER_MICROS: i64 = 7 * 86_400 * 1_000_000;
const MICROS: i64 = 1_000_000;

/// The ways out of the house.
pub struct Couriers {
    pub sms: SmsGateway,
    pub mail: Mailer,
}

/// The outbox of this process: it takes messages at once and sends them after [`Post::begin`].
pub struct Post {
    messenger: Arc<Messenger>,
    postman: Arc<OnceLock<Thread>>,
    location: Location,
    master: MasterKey,
    couriers: Couriers,
    clock: Clock,
}

impl Post {
    /// Opens the outbox for messages. Nothing leaves yet: a standby must not send what the owner of the store sends too.
    pub fn open(
        location: &Location,
        master: &MasterKey,
        couriers: Couriers,
        clock: Clock,
        chance: Chance,
    ) -> Result<Post, Failure> {
        let outbox = Mutex::new(Outbox::open(location, master.wrap_key())?);
        let postman = Arc::new(OnceLock::<Thread>::new());
        let bell = Arc::clone(&postman);
        let messenger = move |message: Message| {
            let mut nonce = [0; 12];
            chance(&mut nonce);
            let now = (clock.wall_micros)();
            let mut outbox = outbox.lock().unwrap_or_else(PoisonError::into_inner);
            outbox.enqueue(
                message.kind.word(),
                &message.to_bytes(),
                nonce,
                now,
                now + CODE_SECONDS * MICROS,
            )?;
            if let Some(postman) = bell.get() {
                postman.unpark();
            }
            Ok(())
        };
        Ok(Post {
            messenger: Arc::new(messenger),
            postman,
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

    /// Starts the thread that sends. Call it when this process owns the store.
    pub fn begin(self) -> Result<(), Failure> {
        let office = Office {
            outbox: Outbox::open(&self.location, self.master.wrap_key())?,
            control: Control::open(&self.location, &self.master)?,
            journal: JournalReader::open(&self.location, SHARD)?,
            couriers: self.couriers,
            clock: self.clock,
        };
        let thread = thread::Builder::new()
            .name("post".into())
            .spawn(move || office.work())?;
        let _ = self.postman.set(thread.thread().clone());
        Ok(())
    }
}

struct Office {
    outbox: Outbox,
    control: Control,
    journal: JournalReader,
    couriers: Couriers,
    clock: Clock,
}

impl Office {
    fn work(mut self) {
        loop {
            if let Err(fault) = self.round() {
                tracing::warn!(%fault, "a round of the post failed and is tried again");
            }
            thread::park_timeout(REST);
        }
    }

    fn round(&mut self) -> Result<(), Fault> {
        while self.outbox.follow(SHARD, &mut self.journal)? {}
        let now = (self.clock.wall_micros)();
        let (control, couriers) = (&mut self.control, &self.couriers);
        while self
            .outbox
            .deliver(now, ROUND, &mut |due| couriers.send(control, due, now))?
            == ROUND
        {}
        self.outbox.forget_sent(now - REMEMBER_MICROS).map(|_| ())
    }
}

impl Couriers {
    fn send(&self, control: &mut Control, due: &Due, now: i64) -> Delivery {
        let message = match due.kind.as_str() {
            "sms" | "mail" => Message::from_bytes(&due.content),
            notice => match notice_for(control, notice, &due.content) {
                Ok(message) => message,
                Err(fault) => {
                    tracing::warn!(%fault, kind = notice, "a notice has no address for now");
                    return Delivery::Later("control does not answer");
                }
            },
        };
        match message {
            Some(message) => self.carry(&message, due.key, now),
            None => Delivery::Never("nobody to send it to, or nothing to say"),
        }
    }

    fn carry(&self, message: &Message, key: EntryKey, now: i64) -> Delivery {
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
                    at_micros: now,
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
fn notice_for(control: &mut Control, kind: &str, content: &[u8]) -> Result<Option<Message>, Fault> {
    let Ok(wallet) = content.try_into().map(u64::from_be_bytes) else {
        return Ok(None);
    };
    let found = control.contact_of_wallet(WalletId(wallet))?;
    Ok(found.and_then(|(contact, locale)| messages::notice(kind, &contact, &locale)))
}
