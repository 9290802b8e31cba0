//! Sends messages out: SMS through the gateway, mail through the mail server. Everything passes the outbox, so that a message
//! is durable before anybody is told it was sent, and is tried again for as long as it is worth something.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use mamori_connectors::mail::{Mail, MailAddress, Mailer};
use mamori_connectors::sms::{PhoneNumber, SmsGateway};
use mamori_domain::ids::WalletId;
use mamori_engine::control::Control;
use mamori_engine::fault::Fault;
use mamori_engine::journal::JournalReader;
use mamori_engine::keys::MasterKey;
use mamori_engine::outbox::{Delivery, Due, Outbox};
use mamori_engine::sql::Location;
use mamori_server::messages::{Message, MessageKind, Messenger, notice};
use serde::{Deserialize, Serialize};

use crate::dev::draw;
use crate::world::{Chance, Clock, Failure};

/// How long a one-time code is worth sending: as long as it works.
const CODE_LIFE_MICROS: i64 = 10 * 60 * 1_000_000;
/// Entries taken at a time, and the pause when nothing is due.
const AT_A_TIME: usize = 32;
const PAUSE: Duration = Duration::from_millis(250);
/// How long sent entries are kept for the console to count.
const SENT_KEPT_MICROS: i64 = 24 * 3_600 * 1_000_000;

/// A message inside the outbox, sealed there.
#[derive(Serialize, Deserialize)]
struct Letter {
    mail: bool,
    to: String,
    subject: String,
    text: String,
}

/// The post office of a running house; ends its thread when told to.
pub struct Post {
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Post {
    /// Lets the message in hand go out, then ends.
    pub fn stop(mut self) {
        self.stopping.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}

/// Where messages are handed in, before the store is open and after.
pub struct Counter {
    outbox: Arc<Mutex<Option<Outbox>>>,
    sender: Arc<Mutex<Option<Thread>>>,
    clock: Clock,
    chance: Chance,
}

impl Counter {
    /// A counter that opens with [`Counter::open`].
    pub fn new(clock: Clock, chance: Chance) -> Counter {
        Counter {
            outbox: Arc::default(),
            sender: Arc::default(),
            clock,
            chance,
        }
    }

    /// What handlers hand messages to.
    pub fn messenger(&self) -> Arc<Messenger> {
        let (outbox, sender, clock, chance) = (
            self.outbox.clone(),
            self.sender.clone(),
            self.clock,
            self.chance,
        );
        Arc::new(move |message: Message| {
            let letter = Letter {
                mail: message.kind == MessageKind::Mail,
                to: message.to,
                subject: message.subject,
                text: message.text,
            };
            let content = serde_json::to_vec(&letter)
                .map_err(|_| Fault::broken("a message cannot be written down"))?;
            let now = (clock.wall_micros)();
            let mut outbox = outbox.lock().unwrap_or_else(PoisonError::into_inner);
            let outbox = outbox
                .as_mut()
                .ok_or_else(|| Fault::retryable("the house is still opening"))?;
            outbox.enqueue(
                "message",
                &content,
                draw(chance),
                now,
                now + CODE_LIFE_MICROS,
            )?;
            if let Some(thread) = &*sender.lock().unwrap_or_else(PoisonError::into_inner) {
                thread.unpark();
            }
            Ok(())
        })
    }

    /// Opens the outbox and starts the thread that sends.
    pub fn open(
        &self,
        location: &Location,
        master: &MasterKey,
        sms: SmsGateway,
        mail: Mailer,
    ) -> Result<Post, Failure> {
        *self.outbox.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Outbox::open(location, master.wrap_key())?);
        let stopping = Arc::new(AtomicBool::new(false));
        let mut office = Office {
            outbox: Outbox::open(location, master.wrap_key())?,
            control: Control::open(location, master)?,
            journal: JournalReader::open(location, 0)?,
            sms,
            mail,
            clock: self.clock,
            stopping: stopping.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("post".into())
            .spawn(move || office.run())?;
        *self.sender.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread.thread().clone());
        Ok(Post {
            stopping,
            thread: Some(thread),
        })
    }
}

/// The thread that follows the journal for notices it owes, and sends what is due.
struct Office {
    outbox: Outbox,
    control: Control,
    journal: JournalReader,
    sms: SmsGateway,
    mail: Mailer,
    clock: Clock,
    stopping: Arc<AtomicBool>,
}

impl Office {
    fn run(&mut self) {
        while !self.stopping.load(Ordering::Acquire) {
            match self.round() {
                Ok(true) => {}
                Ok(false) => std::thread::park_timeout(PAUSE),
                Err(fault) => {
                    tracing::warn!(%fault, "the outbox could not be worked on");
                    std::thread::park_timeout(PAUSE * 8);
                }
            }
        }
    }

    /// True if there may be more to do at once.
    fn round(&mut self) -> Result<bool, Fault> {
        let more = self.outbox.follow(0, &mut self.journal)?;
        let now = (self.clock.wall_micros)();
        let Office {
            outbox,
            control,
            sms,
            mail,
            ..
        } = self;
        let tried = outbox.deliver(now, AT_A_TIME, &mut |due| {
            send(sms, mail, control, due, now)
        })?;
        if tried == 0 {
            outbox.forget_sent(now - SENT_KEPT_MICROS)?;
        }
        Ok(more || tried == AT_A_TIME)
    }
}

fn send(sms: &SmsGateway, mail: &Mailer, control: &mut Control, due: &Due, now: i64) -> Delivery {
    let letter = match letter(control, due) {
        Ok(letter) => letter,
        Err(delivery) => return delivery,
    };
    let sent = if letter.mail {
        let Some(to) = MailAddress::new(&letter.to) else {
            return Delivery::Never("not a mail address");
        };
        // The same entry has the same name, so that a mail that is sent twice can be told from two mails.
        let id = format!(
            "{}.{}.{}.{}",
            due.key.origin, due.key.epoch, due.key.seq, due.key.n
        );
        mail.send(&Mail {
            to,
            subject: letter.subject,
            text: letter.text,
            id,
            at_micros: now,
        })
    } else {
        let Some(to) = PhoneNumber::new(&letter.to) else {
            return Delivery::Never("not a telephone number");
        };
        sms.send(&to, &letter.text).map(drop)
    };
    match sent {
        Ok(()) => Delivery::Sent,
        Err(error) if error.is_retryable() => Delivery::Later("the service did not take it"),
        Err(_) => Delivery::Never("the service refused it"),
    }
}

/// The message of an entry: as it was handed in, or written now to whoever owns the wallet.
fn letter(control: &mut Control, due: &Due) -> Result<Letter, Delivery> {
    if due.key.origin < 0 {
        return serde_json::from_slice(&due.content).map_err(|_| Delivery::Never("unreadable"));
    }
    let wallet = due
        .content
        .as_slice()
        .try_into()
        .map(u64::from_be_bytes)
        .map_err(|_| Delivery::Never("unreadable"))?;
    let owner = control
        .contact_of_wallet(WalletId(wallet))
        .map_err(|_| Delivery::Later("control is not reachable"))?;
    let (contact, locale) = owner.ok_or(Delivery::Never("the owner has no contact"))?;
    let message =
        notice(&contact, &locale, &due.kind).ok_or(Delivery::Never("a kind without words"))?;
    Ok(Letter {
        mail: message.kind == MessageKind::Mail,
        to: message.to,
        subject: message.subject,
        text: message.text,
    })
}
