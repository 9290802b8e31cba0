//! Messages leave: what the journal owes and what a page enqueued goes to the courier of its reader.
//!
//! | step | where it is written | if the program dies behind it |
//! |---|---|---|
//! | a message is enqueued, sealed | outbox, before the page is answered | it stands there |
//! | notices that the journal owes are [taken in](take_in_journal) | outbox, with the mark of how far it read | read on behind the mark |
//! | each notice is [put on the lane](sort) by which its reader is reached; copies for the reader's other contacts | outbox, in one transaction | the rest is sorted later |
//! | each due entry of a lane [goes to its courier](deliver) | outside | it goes once more, under the same id |
//! | what became of it | outbox | |
//!
//! At least once: a message may arrive twice, never not at all while there is hope. A code that is too old is given up.

use mamori_connectors::delivery::DeliveryError;
use mamori_connectors::mail::{Mail, MailAddress, Mailer};
use mamori_connectors::sms::{PhoneNumber, SmsGateway};
use mamori_datastore::fault::Fault;
use mamori_domain::ids::WalletId;
use mamori_domain::world::Timestamp;
use mamori_engine::journal::JournalReader;
use mamori_engine::journal::batch::decode_events;
use mamori_registry::outbox::{
    Delivery, Due, EntryKey, JournaledRow, Lane, Letter, Outbox, Sorted,
};
use mamori_registry::{Registry, Seed};

use crate::messages::{self, Message, MessageKind};

/// The one shard whose journal owes notices.
pub const SHARD: u32 = 0;
/// Entries that a courier takes out at a time, and that are sorted at a time.
const ROUND: usize = 16;
/// Journal rows read at a time.
const JOURNAL_ROWS: usize = 64;

/// Carries one message out; the key is the same for every attempt.
pub type Carry<'a> = dyn Fn(&Message, EntryKey, Timestamp) -> Delivery + 'a;

/// Takes in what the next few dozen journal rows owe; true while there may be more.
pub fn take_in_journal(outbox: &mut Outbox, journal: &mut JournalReader) -> Result<bool, Fault> {
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

/// Puts what waits on the lane by which its reader is reached, with a copy for each other contact of the same person.
pub fn sort(
    outbox: &mut Outbox,
    registry: &mut Registry,
    now: Timestamp,
    seed: &Seed,
) -> Result<(), Fault> {
    let mut rounds = 0;
    let mut round = || {
        rounds += 1;
        let seed = seed.part(&format!("round {rounds}"));
        outbox.sort(now, ROUND, &seed, &mut |due| sorted(registry, due, now))
    };
    while round()? == ROUND {}
    Ok(())
}

/// Sends what is due on one lane.
pub fn deliver(
    outbox: &mut Outbox,
    registry: &mut Registry,
    lane: Lane,
    now: Timestamp,
    carry: &Carry,
) -> Result<(), Fault> {
    let mut round = || {
        outbox.deliver(
            lane,
            now,
            ROUND,
            &mut |due| match read(registry, due, now) {
                Ok(Some(message)) => carry(&message, due.key, now),
                Ok(None) => Delivery::Never("nobody to send it to, or nothing to say"),
                Err(_) => Delivery::Later("the registry does not answer"),
            },
        )
    };
    while round()? == ROUND {}
    Ok(())
}

/// The lane by which the reader of an entry is reached, and what goes to the reader's other contacts.
/// None while the registry does not answer.
fn sorted(registry: &mut Registry, due: &Due, now: Timestamp) -> Option<Sorted> {
    let mut messages = read_all(registry, due, now).ok()?.into_iter();
    // Where there is no recipient, either courier says so.
    let lane = match messages.next().map(|message| message.kind) {
        Some(MessageKind::Mail) => Lane::Mail,
        Some(MessageKind::Sms) | None => Lane::Sms,
    };
    let copies = messages.map(|message| Letter {
        kind: message.kind.word(),
        content: message.to_bytes(),
    });
    Some(Sorted {
        lane,
        copies: copies.collect(),
    })
}

/// What an entry says, and to whom; `None` if there is no recipient, or nothing to say. Of several contacts of one person it is the
/// oldest: the others have entries of their own.
fn read(registry: &mut Registry, due: &Due, now: Timestamp) -> Result<Option<Message>, Fault> {
    Ok(read_all(registry, due, now)?.into_iter().next())
}

/// What an entry says to each contact of its reader, the oldest first.
fn read_all(registry: &mut Registry, due: &Due, now: Timestamp) -> Result<Vec<Message>, Fault> {
    match due.kind.as_str() {
        "sms" | "mail" => Ok(Vec::from_iter(Message::from_bytes(&due.content))),
        notice => notices_for(registry, notice, &due.content, due.times, now).inspect_err(
            |fault| tracing::warn!(%fault, kind = notice, "a notice has no address for now"),
        ),
    }
}

/// The connectors that carry messages out.
pub struct Couriers {
    pub sms: SmsGateway,
    pub mail: Mailer,
}

impl Couriers {
    /// Hands a message to the SMS service or to the mail server.
    pub fn carry(&self, message: &Message, key: EntryKey, now: Timestamp) -> Delivery {
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

/// What the owner of a wallet is to be told, if the wallet has an owner: at every contact, for each of these notices is one of safety.
fn notices_for(
    registry: &mut Registry,
    kind: &str,
    content: &[u8],
    times: u32,
    now: Timestamp,
) -> Result<Vec<Message>, Fault> {
    let Ok(wallet) = content.try_into().map(u64::from_be_bytes) else {
        return Ok(Vec::new());
    };
    let Some(reached) = registry.contacts().reached(WalletId(wallet), now)? else {
        return Ok(Vec::new());
    };
    let words = |contact| messages::notice(kind, times, contact, &reached.locale);
    Ok(reached.contacts.iter().filter_map(words).collect())
}
