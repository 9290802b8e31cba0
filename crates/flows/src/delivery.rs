//! Messages leave: what the journal owes and what a page enqueued goes to the courier of its reader.
//!
//! | step | where it is written | if the program dies behind it |
//! |---|---|---|
//! | a message is enqueued, sealed | outbox, before the page is answered | it stands there |
//! | notices that the journal owes are [taken in](take_in_journal) | outbox, with the mark of how far it read | read on behind the mark |
//! | each notice is [sorted](sort): for each contact and browser that it goes to a letter of its own, on its lane | outbox, in one transaction | the rest is sorted later |
//! | each due entry of a lane [goes to its courier](deliver) | outside | it goes once more, under the same id |
//! | what became of it | outbox | |
//!
//! At least once: a message may arrive twice, never not at all while there is hope. A code that is too old is given up.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_connectors::delivery::DeliveryError;
use mamori_connectors::mail::{Mail, MailAddress, Mailer};
use mamori_connectors::push::{
    PushChance, PushGateway, PushMessage, Pushed, Subscription, Urgency,
};
use mamori_connectors::sms::{PhoneNumber, SmsGateway};
use mamori_datastore::fault::Fault;
use mamori_domain::ids::WalletId;
use mamori_domain::world::Timestamp;
use mamori_engine::journal::JournalReader;
use mamori_engine::journal::batch::decode_events;
use mamori_registry::outbox::{
    Delivery, Due, EntryKey, JournaledRow, Lane, Letter, MONEY_NOTICE_LIFE, NOTICE_LIFE, Outbox,
    Sorted,
};
use mamori_registry::{
    Contact, ContactKind, NotMe, NoticeFacts, PushAddress, PushId, Registry, Seed, Ways,
};

use crate::messages::{self, Message, MessageKind, PushUrgency};
use crate::notices::{NOT_ME_PAGE, words_in_force};
use crate::templates::{self, Group, NoticeKind, Values};

/// The one shard whose journal owes notices.
pub const SHARD: u32 = 0;
/// Entries that a courier takes out at a time, and that are sorted at a time.
const ROUND: usize = 16;
/// Journal rows read at a time.
const JOURNAL_ROWS: usize = 64;

/// Carries one message out; the key is the same for every attempt. A push message comes with the address of its browser.
pub type Carry<'a> = dyn Fn(&Parcel, EntryKey, Timestamp) -> Delivery + 'a;

/// What a courier is given.
pub struct Parcel {
    pub message: Message,
    /// Of a push message.
    pub browser: Option<PushAddress>,
}

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

/// Makes of each notice that waits a letter for each contact and browser that it goes to. `wallet_origin` is the configured one: no link
/// is made of anything else.
pub fn sort(
    outbox: &mut Outbox,
    registry: &mut Registry,
    now: Timestamp,
    seed: &Seed,
    wallet_origin: &str,
) -> Result<(), Fault> {
    let mut rounds = 0;
    let mut round = || {
        rounds += 1;
        let seed = seed.part(&format!("round {rounds}"));
        outbox.sort(now, ROUND, &seed, &mut |due| {
            let sorted = sorted(registry, due, now, wallet_origin);
            sorted.inspect_err(|fault| tracing::warn!(%fault, kind = due.kind, "a notice has no address for now")).ok()
        })
    };
    while round()? == ROUND {}
    Ok(())
}

/// Sends what is due on one lane. A browser that its push service knows no more is forgotten.
pub fn deliver(
    outbox: &mut Outbox,
    registry: &mut Registry,
    lane: Lane,
    now: Timestamp,
    carry: &Carry,
) -> Result<(), Fault> {
    let mut round = || {
        outbox.deliver(lane, now, ROUND, &mut |due| {
            let Some(message) = Message::from_bytes(&due.content) else {
                return Delivery::Never("nothing that can be sent");
            };
            let browser = match message.kind {
                MessageKind::Push => match address_of(registry, &message.to) {
                    Ok(Some(address)) => Some(address),
                    Ok(None) => return Delivery::Never(GONE),
                    Err(_) => return Delivery::Later("the registry does not answer"),
                },
                MessageKind::Sms | MessageKind::Mail => None,
            };
            let parcel = Parcel { message, browser };
            let delivery = carry(&parcel, due.key, now);
            if delivery == Delivery::Never(GONE)
                && let Some(id) = push_id(&parcel.message.to)
                && let Err(fault) = registry.notices().forget_push(&id)
            {
                tracing::warn!(%fault, "a browser that takes no push any more was not forgotten");
            }
            delivery
        })
    };
    while round()? == ROUND {}
    Ok(())
}

/// What is said of a browser that is not there any more.
const GONE: &str = "the browser takes no push any more";

fn push_id(text: &str) -> Option<PushId> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

fn address_of(registry: &mut Registry, to: &str) -> Result<Option<PushAddress>, Fault> {
    match push_id(to) {
        Some(id) => registry.notices().push_address(&id),
        None => Ok(None),
    }
}

fn sorted(
    registry: &mut Registry,
    due: &Due,
    now: Timestamp,
    wallet_origin: &str,
) -> Result<Sorted, Fault> {
    let kind = NoticeKind::of(&due.kind);
    let facts = NoticeFacts::read(&due.content, due.made_at());
    let messages = match kind.zip(facts) {
        Some((kind, facts)) => told(registry, (kind, &facts), due.times, now, wallet_origin)?,
        None => Vec::new(),
    };
    let copies = messages.iter().map(|message| Letter {
        kind: message.kind.word(),
        content: message.to_bytes(),
    });
    Ok(Sorted {
        lane: None,
        copies: copies.collect(),
        life: match kind.map(|kind| kind.group) {
            Some(Group::Money) => MONEY_NOTICE_LIFE,
            _ => NOTICE_LIFE,
        },
    })
}

/// What the owner of a wallet is told, at each contact and in each browser that this goes to; nothing where there is no owner.
fn told(
    registry: &mut Registry,
    (kind, facts): (&NoticeKind, &NoticeFacts),
    times: u32,
    now: Timestamp,
    wallet_origin: &str,
) -> Result<Vec<Message>, Fault> {
    let wallet = facts.wallet;
    let Some(reached) = registry.contacts().reached(wallet, now)? else {
        return Ok(Vec::new());
    };
    let mut notices = registry.notices();
    let choices = notices.choices(wallet)?;
    let shop = notices.shop(facts)?;
    let not_me = NotMe {
        wallet,
        told_at: facts.at,
    };
    let secret = URL_SAFE_NO_PAD.encode(notices.not_me_secret(&not_me));
    let page = format!("{NOT_ME_PAGE}#{secret}");
    let locale = choices.locale.unwrap_or(reached.locale);
    let values = Values {
        facts,
        times,
        shop: shop.as_deref(),
        link: &format!("{wallet_origin}{page}"),
    };
    let (template, _, _) = words_in_force(registry, kind, &locale)?;
    let words = templates::fill(&template, &values, &locale);
    let (contacts, to_browsers) = match kind.group {
        Group::Safety => (reached.contacts, choices.safety_push),
        Group::Money => (
            for_money(registry, wallet, choices.money, now)?,
            choices.money.push,
        ),
    };
    let to_contact = |contact: &Contact| messages::notice(&words, contact, &locale);
    let mut told: Vec<Message> = contacts.iter().map(to_contact).collect();
    if to_browsers {
        let browsers = registry.notices().push_browsers(wallet)?;
        told.extend(browsers.iter().map(|browser| {
            messages::push_notice((kind, &words), (&browser.id, &page), facts.at, &locale)
        }));
    }
    Ok(told)
}

/// One mailbox and one telephone at most, as the customer has chosen: the preferred one, or the oldest of its kind.
fn for_money(
    registry: &mut Registry,
    wallet: WalletId,
    ways: Ways,
    now: Timestamp,
) -> Result<Vec<Contact>, Fault> {
    if !ways.mail && !ways.sms {
        return Ok(Vec::new());
    }
    let known = registry.contacts().of_wallet(wallet, now)?;
    let of_kind = |kind: ContactKind| {
        let mut confirmed: Vec<_> = (known.iter())
            .filter(|one| one.removed_at.is_none() && one.contact.kind() == kind)
            .collect();
        confirmed.sort_by_key(|one| !one.is_preferred);
        confirmed.first().map(|one| one.contact.clone())
    };
    let mut contacts = Vec::new();
    if ways.mail {
        contacts.extend(of_kind(ContactKind::Mail));
    }
    if let Some(phone) = of_kind(ContactKind::Phone).filter(|_| ways.sms) {
        match registry.notices().take_money_sms(wallet, now)? {
            true => contacts.push(phone),
            false => tracing::info!("an SMS about money is beyond the budget and is not sent"),
        }
    }
    Ok(contacts)
}

/// The connectors that carry messages out.
pub struct Couriers {
    pub sms: SmsGateway,
    pub mail: Mailer,
    pub push: PushGateway,
}

impl Couriers {
    /// Hands a message to the SMS service, to the mail server or to a push service. `seed` was drawn for this attempt.
    pub fn carry(&self, parcel: &Parcel, key: EntryKey, now: Timestamp, seed: &Seed) -> Delivery {
        let message = &parcel.message;
        match message.kind {
            MessageKind::Push => match &parcel.browser {
                Some(browser) => self.push(message, browser, now, seed),
                None => Delivery::Never(GONE),
            },
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

    fn push(
        &self,
        message: &Message,
        browser: &PushAddress,
        now: Timestamp,
        seed: &Seed,
    ) -> Delivery {
        let (urgency, topic) = match message.subject.split_once(' ') {
            Some((urgency, topic)) => (urgency, Some(topic)),
            None => (&*message.subject, None),
        };
        let is_urgent = urgency == PushUrgency::High.word();
        let to = Subscription {
            endpoint: browser.endpoint.clone(),
            p256dh: browser.p256dh.clone(),
            auth: browser.auth,
        };
        let pushed = self.push.send(
            &to,
            &PushMessage {
                plain: message.text.as_bytes(),
                life: if is_urgent {
                    NOTICE_LIFE
                } else {
                    MONEY_NOTICE_LIFE
                },
                urgency: if is_urgent {
                    Urgency::High
                } else {
                    Urgency::Normal
                },
                topic,
            },
            now.seconds(),
            &PushChance {
                key: seed.take("push key"),
                salt: seed.take("push salt"),
            },
        );
        match pushed {
            Pushed::Taken => Delivery::Sent,
            Pushed::Gone => Delivery::Never(GONE),
            Pushed::Later(None) => Delivery::Later("the push service did not answer"),
            Pushed::Later(Some(pause)) => {
                Delivery::LaterIn(pause, "the push service asks for patience")
            }
            Pushed::Refused(_) => Delivery::Never("the push service refuses it for good"),
        }
    }
}
