//! One-time codes that prove a contact: of somebody who signs up, or one more of a person who is known.
//!
//! An attacker must not learn from this who has an account: a known and an unknown contact take the same statements, get the same
//! answer, and each gets one message. Only the owner of the contact reads which of the two it is.

use std::collections::BTreeMap;
use std::time::Duration;

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param};
use mamori_domain::world::Timestamp;

use crate::contact::{Contact, ContactKind};
use crate::factors::OwnerId;
use crate::seed::Seed;
use crate::{RegistryKeys, at, instant_cell, opt_instant_cell, place, token_hash};
use subtle::ConstantTimeEq;

/// How long a code works.
pub const CODE_LIFE: Duration = Duration::from_secs(600);
/// Wrong codes before a sign-up is spent. With six digits: 1 chance in 200,000.
pub const CODE_TRIES_MAX: i64 = 5;
const HOUR: Duration = Duration::from_secs(3_600);
/// An hour is needed for the budget; nothing is kept of a contact that was never enrolled.
const SWEPT_AFTER: Duration = Duration::from_secs(2 * 3_600);

/// How many messages may leave in an hour. Each country and the mail have a budget of their own: an attacker who uses one up,
/// with numbers typed by the thousand, stops no sign-up by another.
#[derive(Clone, Debug)]
pub struct SendBudget {
    /// To one contact; house rule 3.
    pub per_contact: i64,
    /// By mail.
    pub mail: i64,
    /// By SMS, for each beginning of a number behind its `+` ("81" is Japan). A number that begins otherwise gets none: what an
    /// attacker can make the house pay is what stands here, and to no premium numbers far away.
    pub sms: BTreeMap<String, i64>,
}

impl Default for SendBudget {
    fn default() -> Self {
        SendBudget {
            per_contact: 3,
            mail: 2_000,
            sms: BTreeMap::from([("81".to_owned(), 1_000)]),
        }
    }
}

impl SendBudget {
    /// What a contact's message is counted under, and how many of those may leave; None for a country without SMS.
    pub fn lane(&self, contact: &Contact) -> Option<(String, i64)> {
        match contact.kind() {
            ContactKind::Mail => Some(("mail".to_owned(), self.mail)),
            ContactKind::Phone => {
                let digits = contact.as_str().trim_start_matches('+');
                // The longest beginning counts: "1415" may have another budget than "1".
                self.sms
                    .iter()
                    .filter(|(code, _)| digits.starts_with(code.as_str()))
                    .max_by_key(|(code, _)| code.len())
                    .map(|(code, budget)| (format!("sms {code}"), *budget))
            }
        }
    }
}

/// What a sign-up begins with.
pub struct SignUpStart<'a> {
    /// The contact to prove.
    pub contact: &'a Contact,
    /// `ja` or `en`.
    pub locale: &'a str,
    /// The secret of the browser that asks; the code works only there.
    pub browser: &'a [u8],
}

/// What a person begins with who wants to be reached another way too.
pub struct AdditionStart<'a> {
    /// Whose the contact is to be.
    pub person: OwnerId,
    /// The rest is as for a sign-up; the locale is that of the message.
    pub start: SignUpStart<'a>,
}

/// A message to send. For a known contact there is no code: it says that an account exists.
pub struct CodeToSend {
    /// The handle of the sign-up, for the page; 32 random bytes.
    pub sign_up: [u8; 32],
    /// Six digits, or None if the contact already has an account.
    pub code: Option<String>,
}

/// Why no message leaves. Says nothing about whether the contact is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendRefusal {
    /// No SMS go to numbers of this country.
    CountryNotServed,
    /// This contact had its messages of the hour.
    ContactBudget,
    /// The contact's country, or the mail, had its messages of the hour.
    LaneBudget,
}

/// A contact that was proven and may be enrolled once.
#[derive(Debug)]
pub struct Proven {
    /// The contact.
    pub contact: Contact,
    /// `ja` or `en`.
    pub locale: String,
}

/// Why a code is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeRefusal {
    /// Wrong code, unknown sign-up, other browser: not told apart.
    Wrong,
    /// Older than [`CODE_LIFE`].
    Expired,
    /// Five wrong codes, or already used.
    Spent,
}

/// Whose a contact is to be, or is.
#[derive(Clone, Copy)]
enum Proves<'a> {
    /// Somebody who signs up.
    NewPerson,
    /// A person's one more.
    NewContact(&'a OwnerId),
    /// A person's own already.
    OwnContact(&'a OwnerId),
}

impl<'a> Proves<'a> {
    const fn person(self) -> Option<&'a OwnerId> {
        match self {
            Proves::NewPerson => None,
            Proves::NewContact(person) | Proves::OwnContact(person) => Some(person),
        }
    }
}

/// One-time codes that prove a contact.
pub struct SignUps<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
}

impl SignUps<'_> {
    /// Begins a sign-up: draws the code, remembers its keyed hash, and says what to send. Counts against the contact's budget
    /// and its lane's, known contact or not.
    pub fn start(
        &mut self,
        start: &SignUpStart,
        budget: &SendBudget,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<Result<CodeToSend, SendRefusal>, Fault> {
        self.send(start, Proves::NewPerson, budget, now, seed)
    }

    /// Begins to prove one more contact of a person: the same code, the same budgets, the same answer for a contact of somebody else.
    pub fn start_addition(
        &mut self,
        addition: &AdditionStart,
        budget: &SendBudget,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<Result<CodeToSend, SendRefusal>, Fault> {
        let proves = Proves::NewContact(&addition.person);
        self.send(&addition.start, proves, budget, now, seed)
    }

    /// Begins to prove a contact that the person has already: one that is on the way back in. The same budgets; the caller has made sure
    /// that the contact is the person's own.
    pub(crate) fn start_recovery(
        &mut self,
        owned: &AdditionStart,
        budget: &SendBudget,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<Result<CodeToSend, SendRefusal>, Fault> {
        let proves = Proves::OwnContact(&owned.person);
        self.send(&owned.start, proves, budget, now, seed)
    }

    fn send(
        &mut self,
        start: &SignUpStart,
        proves: Proves,
        budget: &SendBudget,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<Result<CodeToSend, SendRefusal>, Fault> {
        let Some((lane, in_lane_max)) = budget.lane(start.contact) else {
            return Ok(Err(SendRefusal::CountryNotServed));
        };
        let index = self.keys.blind_index(start.contact);
        let sign_up = seed.bytes("sign-up");
        let id = token_hash(&sign_up);
        let code = format!("{:06}", seed.below(1_000_000, "code"));
        let code_mac = self.code_mac(&id, &code);
        // A known contact's row holds a hash that belongs to no code: trying it looks like trying a wrong code.
        let no_code = seed.bytes("no code");
        let sealed = self.keys.wrap.seal(
            place("sign_ups", "contact", &id),
            seed.take("contact nonce"),
            start.contact.as_str().as_bytes(),
        );
        let browser = token_hash(start.browser);
        self.db.transaction(|tx| {
            let to_contact = tx.query_first(
                "SELECT COUNT(*) FROM sign_ups WHERE contact_index = $1 AND made_at > $2",
                &[Param::Blob(&index), at(now.minus(HOUR))],
                |row| row.int(0),
            )?;
            if to_contact.unwrap_or(0) >= budget.per_contact {
                return Ok(Err(SendRefusal::ContactBudget));
            }
            let in_lane = tx.query_first(
                "SELECT COUNT(*) FROM sign_ups WHERE lane = $1 AND made_at > $2",
                &[Param::Text(&lane), at(now.minus(HOUR))],
                |row| row.int(0),
            )?;
            if in_lane.unwrap_or(0) >= in_lane_max {
                return Ok(Err(SendRefusal::LaneBudget));
            }
            let known = tx.query_first("SELECT 1 FROM contacts WHERE contact_index = $1", &[Param::Blob(&index)], |row| row.int(0))?;
            let is_code = known.is_none() || matches!(proves, Proves::OwnContact(_));
            let stored_mac = if is_code { &code_mac } else { &no_code };
            tx.execute(
                "INSERT INTO sign_ups (sign_up, browser, contact_index, contact, locale, code_mac, tries, made_at, lane, person)
                 VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9)",
                &[
                    Param::Blob(&id),
                    Param::Blob(&browser),
                    Param::Blob(&index),
                    Param::Blob(&sealed),
                    Param::Text(start.locale),
                    Param::Blob(stored_mac),
                    at(now),
                    Param::Text(&lane),
                    proves.person().map_or(Param::Null, |person| Param::Blob(&person.0)),
                ],
            )?;
            Ok(Ok(CodeToSend { sign_up, code: is_code.then(|| code.clone()) }))
        })
    }

    /// Checks a code against the sign-up and the browser it was made for. The try is counted, durably, before the answer is
    /// known to the caller; a right code works once.
    pub fn prove_contact(
        &mut self,
        sign_up: &[u8],
        browser: &[u8],
        code: &str,
        now: Timestamp,
    ) -> Result<Result<Proven, CodeRefusal>, Fault> {
        self.prove(sign_up, browser, code, None, now)
    }

    /// The same for one more contact of this person.
    pub fn prove_addition(
        &mut self,
        person: &OwnerId,
        addition: &[u8],
        browser: &[u8],
        code: &str,
        now: Timestamp,
    ) -> Result<Result<Proven, CodeRefusal>, Fault> {
        self.prove(addition, browser, code, Some(person), now)
    }

    fn prove(
        &mut self,
        sign_up: &[u8],
        browser: &[u8],
        code: &str,
        person: Option<&OwnerId>,
        now: Timestamp,
    ) -> Result<Result<Proven, CodeRefusal>, Fault> {
        // What somebody began who signs up is worth nothing to a person who is known, and the other way round.
        let person = person.map_or(&[][..], |person| &person.0);
        let id = token_hash(sign_up);
        let browser = token_hash(browser);
        let mac = self.code_mac(&id, code);
        // Asked without the right to write: guesses at sign-ups that never were must not delay the writing of others.
        let begun = self.db.query_first(
            "SELECT 1 FROM sign_ups WHERE sign_up = $1 AND browser = $2 AND COALESCE(person, $3) = $4",
            &[
                Param::Blob(&id),
                Param::Blob(&browser),
                Param::Blob(&[]),
                Param::Blob(person),
            ],
            |row| row.int(0),
        )?;
        if begun.is_none() {
            return Ok(Err(CodeRefusal::Wrong));
        }
        let found = self.db.transaction(|tx| {
            let row = tx.query_first(
                "SELECT contact, locale, code_mac, tries, made_at, proven_at FROM sign_ups WHERE sign_up = $1 AND browser = $2",
                &[Param::Blob(&id), Param::Blob(&browser)],
                |row| (row.blob(0).to_vec(), row.text(1).to_owned(), row.bytes::<32>(2), row.int(3), instant_cell(row, 4), opt_instant_cell(row, 5)),
            )?;
            let Some((contact, locale, stored_mac, tries, made_at, proven_at)) = row else {
                return Ok(Err(CodeRefusal::Wrong));
            };
            if tries >= CODE_TRIES_MAX || proven_at.is_some() {
                return Ok(Err(CodeRefusal::Spent));
            }
            // A clock that ran back must not lengthen a code's life.
            if !(made_at..made_at.plus(CODE_LIFE)).contains(&now) {
                return Ok(Err(CodeRefusal::Expired));
            }
            let right = bool::from(mac.ct_eq(&stored_mac));
            tx.execute(
                "UPDATE sign_ups SET tries = tries + 1, proven_at = $1 WHERE sign_up = $2",
                &[if right { at(now) } else { Param::Null }, Param::Blob(&id)],
            )?;
            Ok(if right { Ok((contact, locale)) } else { Err(CodeRefusal::Wrong) })
        })?;
        Ok(match found {
            Err(refusal) => Err(refusal),
            Ok((sealed, locale)) => {
                let text = self
                    .keys
                    .wrap
                    .open(place("sign_ups", "contact", &id), &sealed)?;
                let contact = std::str::from_utf8(&text).ok().and_then(Contact::parse);
                let contact = contact
                    .ok_or_else(|| Fault::broken("a sealed contact does not read as one"))?;
                Ok(Proven { contact, locale })
            }
        })
    }

    /// Forgets sign-ups that are two hours old, at most 500 at a time; returns how many.
    pub fn sweep(&mut self, now: Timestamp) -> Result<u64, Fault> {
        self.db.execute(
            "DELETE FROM sign_ups WHERE sign_up IN (SELECT sign_up FROM sign_ups WHERE made_at < $1 ORDER BY made_at LIMIT 500)",
            &[at(now.minus(SWEPT_AFTER))],
        )
    }

    fn code_mac(&self, sign_up: &[u8; 32], code: &str) -> [u8; 32] {
        self.keys
            .pepper
            .mac(&[b"one-time code", sign_up, code.as_bytes()])
    }
}
