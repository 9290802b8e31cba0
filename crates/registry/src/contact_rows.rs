//! A person's contacts and what was changed of them, row by row: how they are written and read, and what an older program left.
//!
//! A contact is sealed under its person's key in a place that its row names, and lies under a keyed hash of itself.

use std::time::Duration;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::{SealKey, Secret};
use mamori_datastore::sql::{Param, Row, Tx};
use mamori_domain::world::Timestamp;

use crate::authentic::{self, AuthenticTable, CONTACTS, PEOPLE};
use crate::contact::Contact;
use crate::seed::Seed;
use crate::{Numbered, RegistryKeys, at, instant_cell, numbered_cell, opt_instant_cell, place};

/// How long a change can be undone, and a removed contact is told what happens.
pub const UNDO_LIFE: Duration = Duration::from_secs(72 * 3_600);

/// Names a contact to its owner's pages; not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactId(pub [u8; 16]);

/// A contact of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownContact {
    /// Which one.
    pub id: ContactId,
    /// The number or address.
    pub contact: Contact,
    /// Whether notices go there that not all of them get.
    pub is_preferred: bool,
    /// When it was proven.
    pub proven_at: Timestamp,
    /// Since when its word counts as much as that of the others.
    pub settles_at: Timestamp,
    /// When it was removed. It is forgotten [`UNDO_LIFE`] later.
    pub removed_at: Option<Timestamp>,
}

/// A change as it is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Added,
    Removed,
    Preferred,
    PutBack,
}

impl Numbered for Kind {
    const ALL: &[Kind] = &[Kind::Added, Kind::Removed, Kind::Preferred, Kind::PutBack];

    fn as_number(self) -> i64 {
        match self {
            Kind::Added => 1,
            Kind::Removed => 2,
            Kind::Preferred => 3,
            Kind::PutBack => 4,
        }
    }
}

/// A contact with the key of its row.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) index: [u8; 32],
    pub(crate) known: KnownContact,
}

impl Kept {
    pub(crate) fn is_confirmed(&self) -> bool {
        self.known.removed_at.is_none()
    }

    pub(crate) fn has_settled(&self, now: Timestamp) -> bool {
        self.known.settles_at <= now
    }
}

/// A contact on its way into the table.
pub(crate) struct NewContact<'a> {
    pub person: [u8; 16],
    pub contact: &'a Contact,
    pub is_preferred: bool,
    pub now: Timestamp,
    pub settles_at: Timestamp,
}

impl NewContact<'_> {
    pub(crate) fn insert(
        &self,
        tx: &mut Tx,
        keys: &RegistryKeys,
        key: &SealKey,
        seed: &Seed,
    ) -> Result<Kept, Fault> {
        let id: [u8; 16] = seed.take("contact id");
        let index = keys.blind_index(self.contact);
        let sealed = key.seal(
            place("contacts", "contact", &id),
            seed.take("contact nonce"),
            self.contact.as_str().as_bytes(),
        );
        let cells = [
            ("contact_index", Param::Blob(&index)),
            ("person", Param::Blob(&self.person)),
            ("kind", self.contact.kind().param()),
            ("contact", Param::Blob(&sealed)),
            ("proven_at", at(self.now)),
            ("contact_id", Param::Blob(&id)),
            ("preferred", Param::Int(i64::from(self.is_preferred))),
            ("settles_at", at(self.settles_at)),
            ("removed_at", Param::Null),
        ];
        authentic::insert(tx, &keys.rows, &CONTACTS, &cells)?;
        Ok(Kept {
            index,
            known: KnownContact {
                id: ContactId(id),
                contact: self.contact.clone(),
                is_preferred: self.is_preferred,
                proven_at: self.now,
                settles_at: self.settles_at,
                removed_at: None,
            },
        })
    }

    /// The contact that somebody signs up with: there is no older one that could object to it.
    pub fn insert_first(
        self,
        tx: &mut Tx,
        keys: &RegistryKeys,
        key: &SealKey,
        seed: &Seed,
    ) -> Result<(), Fault> {
        self.insert(tx, keys, key, seed).map(drop)
    }
}

/// A row as it is stored; the columns are those of [`CONTACTS`].
pub(crate) struct Sealed {
    pub(crate) index: [u8; 32],
    pub(crate) contact: Vec<u8>,
    pub(crate) proven_at: Timestamp,
    pub(crate) id: [u8; 16],
    pub(crate) is_preferred: bool,
    pub(crate) settles_at: Timestamp,
    pub(crate) removed_at: Option<Timestamp>,
}

impl Sealed {
    pub(crate) fn of(row: &Row) -> Sealed {
        Sealed {
            index: row.bytes(0),
            contact: row.blob(3).to_vec(),
            proven_at: instant_cell(row, 4),
            id: row.bytes(5),
            is_preferred: row.int(6) == 1,
            settles_at: instant_cell(row, 7),
            removed_at: opt_instant_cell(row, 8),
        }
    }

    pub(crate) fn open(self, key: &SealKey) -> Result<Kept, Fault> {
        Ok(Kept {
            index: self.index,
            known: KnownContact {
                id: ContactId(self.id),
                contact: open(key, &self.id, &self.contact)?,
                is_preferred: self.is_preferred,
                proven_at: self.proven_at,
                settles_at: self.settles_at,
                removed_at: self.removed_at,
            },
        })
    }
}

/// A row's contact. A person's first one of an older program is sealed in the place that is named after the person, and has that name.
fn open(key: &SealKey, id: &[u8; 16], sealed: &[u8]) -> Result<Contact, Fault> {
    let text = key.open(place("contacts", "contact", id), sealed)?;
    let contact = std::str::from_utf8(&text).ok().and_then(Contact::parse);
    contact.ok_or_else(|| Fault::broken("a sealed contact does not read as one"))
}

/// A change as it is stored; the columns are those of `CONTACT_CHANGES`.
pub(crate) struct Change {
    pub(crate) person: [u8; 16],
    pub(crate) kind: Kind,
    pub(crate) contact: ContactId,
    pub(crate) preferred_before: Option<ContactId>,
    pub(crate) made_at: Timestamp,
    pub(crate) undone_at: Option<Timestamp>,
}

impl Change {
    pub(crate) fn of(row: &Row) -> Change {
        Change {
            person: row.bytes(1),
            kind: numbered_cell(row, 2),
            contact: ContactId(row.bytes(3)),
            preferred_before: row
                .opt_blob(4)
                .and_then(|id| id.try_into().ok())
                .map(ContactId),
            made_at: instant_cell(row, 5),
            undone_at: opt_instant_cell(row, 6),
        }
    }

    /// Whether it can still be undone. A clock that ran back must not lengthen the time.
    pub(crate) fn lives(&self, now: Timestamp) -> bool {
        self.undone_at.is_none() && (self.made_at..self.made_at.plus(UNDO_LIFE)).contains(&now)
    }
}

/// A row of an older program.
pub(crate) struct Unproven {
    pub(crate) index: Vec<u8>,
    pub(crate) person: [u8; 16],
    pub(crate) kind: i64,
    pub(crate) contact: Vec<u8>,
    pub(crate) proven_at: Timestamp,
}

impl Unproven {
    pub(crate) fn of(row: &Row) -> Unproven {
        Unproven {
            index: row.blob(0).to_vec(),
            person: row.bytes(1),
            kind: row.int(2),
            contact: row.blob(3).to_vec(),
            proven_at: instant_cell(row, 4),
        }
    }

    /// False where the row is none of this house, or not the only one of its person: an older program knew one.
    fn is_ours(&self, tx: &mut Tx, keys: &RegistryKeys) -> Result<bool, Fault> {
        let who = Param::Blob(&self.person);
        let others = tx.query_first(
            "SELECT COUNT(*) FROM contacts WHERE person = $1",
            &[who],
            |row| row.int(0),
        )?;
        if others != Some(1) {
            return Ok(false);
        }
        let owner = "WHERE person = $1";
        let field_key = authentic::select_proven(tx, &keys.rows, &PEOPLE, owner, &[who], |row| {
            row.opt_blob(4).map(<[u8]>::to_vec)
        })?;
        let Some(field_key) = field_key.into_iter().next().flatten() else {
            return Ok(false);
        };
        let key = keys
            .wrap
            .unwrap(place("people", "field_key", &self.person), &field_key)?;
        let Ok(contact) = open(&key, &self.person, &self.contact) else {
            return Ok(false);
        };
        Ok(keys.blind_index(&contact)[..] == self.index[..]
            && contact.kind().as_number() == self.kind)
    }

    pub(crate) fn prove(&self, tx: &mut Tx, keys: &RegistryKeys) -> Result<bool, Fault> {
        if !self.is_ours(tx, keys)? {
            return Ok(false);
        }
        let who = Param::Blob(&self.person);
        let cells = [
            ("contact_index", Param::Blob(&self.index)),
            ("person", who),
            ("kind", Param::Int(self.kind)),
            ("contact", Param::Blob(&self.contact)),
            ("proven_at", at(self.proven_at)),
            ("contact_id", who),
            ("preferred", Param::Int(1)),
            ("settles_at", at(self.proven_at)),
            ("removed_at", Param::Null),
        ];
        tx.execute(
            "DELETE FROM contacts WHERE contact_index = $1",
            &[Param::Blob(&self.index)],
        )?;
        authentic::insert(tx, &keys.rows, &CONTACTS, &cells)?;
        Ok(true)
    }
}

/// Whether a row without a proof is one of an older program: the next start proves it.
pub(crate) fn awaits_proof(
    tx: &mut Tx,
    keys: &RegistryKeys,
    table: &AuthenticTable,
    row: Param,
) -> Result<bool, Fault> {
    if table.name != CONTACTS.name {
        return Ok(false);
    }
    let found = tx.query_first(
        "SELECT contact_index, person, kind, contact, proven_at FROM contacts
         WHERE contact_index = $1 AND proof IS NULL AND contact_id = person",
        &[row],
        Unproven::of,
    )?;
    found.map_or(Ok(false), |found| found.is_ours(tx, keys))
}

/// The person whose contact this is, proven; None for a contact that nobody has. One that was removed is its person's until it is
/// forgotten: perhaps somebody else has removed it.
pub(crate) fn owner_of(
    tx: &mut Tx,
    rows: &Secret,
    index: &[u8; 32],
) -> Result<Option<[u8; 16]>, Fault> {
    let which = "WHERE contact_index = $1";
    let found = authentic::select(tx, rows, &CONTACTS, which, &[Param::Blob(index)], |row| {
        row.bytes(1)
    })?;
    Ok(found.into_iter().next())
}
