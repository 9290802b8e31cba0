//! How people are reached: up to five contacts each, proven before they count, one of them preferred.
//!
//! | change | where it is written | who is told |
//! |---|---|---|
//! | a contact is added | the row, the change, the act, the letters: one transaction | all who were there before, and the new one |
//! | a contact is removed | the same; the row stays for 72 hours | all who stay, and the removed one |
//! | another one is preferred | the same | all |
//! | a change is undone, by its letter or from the page | the same | all |
//!
//! A message with a code goes to what stands here, and so does every notice of safety: a row gives a right, and proves itself
//! (`authentic.rs`). Whoever holds a wallet and its passkey for a moment can add a contact, but cannot push the old ones out with it:
//! for 72 hours a removed contact is told what happens, and with the secret of its letter it comes back.
//!
//! A contact that was added **settles** after 72 hours. Until then its letters bring no secret that would throw another one out, or bring
//! it back itself.

use std::collections::BTreeMap;
use std::time::Duration;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::SealKey;
use mamori_datastore::sql::{Db, Param, Tx};
use mamori_domain::event::Subject;
use mamori_domain::ids::WalletId;
use mamori_domain::world::Timestamp;

use crate::acts::{About, ActDetail, ActId, Noted, RegistryAct, RegistryCommand, RegistrySubject};
use crate::authentic::{self, CONTACT_CHANGES, CONTACTS, PEOPLE};
use crate::contact::Contact;
use crate::contact_rows::{Change, Kept, Kind, NewContact, Sealed, Unproven};
pub use crate::contact_rows::{ContactId, KnownContact, UNDO_LIFE};
use crate::factors::OwnerId;
use crate::outbox::{self, Letter, NOTICE_LIFE};
use crate::seed::Seed;
use crate::{Numbered, RegistryKeys, Standing, at, place, token_hash, wallet_number};

/// Contacts of one person, those counted in that were removed less than [`UNDO_LIFE`] ago.
pub const CONTACTS_MAX: usize = 5;
/// Changes that one person may ask for within a day: each is a message to every contact.
pub const CHANGES_PER_DAY: usize = 10;
const DAY: Duration = Duration::from_secs(24 * 3_600);

const LIVING_BY_PERSON: &str = "WHERE person = $1 AND status = $2";
const LIVING_BY_WALLET: &str = "WHERE wallet = $1 AND status = $2";
const OF_PERSON: &str = "WHERE person = $1 ORDER BY proven_at, contact_id";

/// What the owner of contacts asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactChange<'a> {
    /// Add a contact that was just proven.
    Add(&'a Contact),
    /// Remove one.
    Remove(ContactId),
    /// Send notices there.
    Prefer(ContactId),
    /// Put one back that was removed less than [`UNDO_LIFE`] ago.
    PutBack(ContactId),
}

/// Why contacts stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactRefusal {
    /// The person has no such contact, or not in that state.
    Unknown,
    /// The contact is the person's own already, or was until less than [`UNDO_LIFE`] ago.
    Yours,
    /// The contact is another person's. Said only to who has proven it.
    Taken,
    /// There are [`CONTACTS_MAX`].
    TooMany,
    /// Without it the person could not be reached.
    LastOne,
    /// There were [`CHANGES_PER_DAY`] within a day.
    TooOften,
}

/// What became of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactNews {
    Added,
    Removed,
    Preferred,
    /// It was removed, and is back.
    PutBack,
    /// It was added, and that was undone.
    AdditionUndone,
    /// It was removed, and that was undone.
    RemovalUndone,
    /// It was preferred again after another one had been.
    PreferenceUndone,
}

/// The secret by which a change is undone without signing in: 256 bits, written nowhere but in letters.
pub type UndoSecret = [u8; 32];

/// What a letter tells, before it has words.
pub struct Told<'a> {
    /// Whom.
    pub to: &'a Contact,
    /// `ja` or `en`.
    pub locale: &'a str,
    pub news: ContactNews,
    /// The contact that it is about; perhaps the one that is told.
    pub about: &'a Contact,
    /// Whether that one had settled: removed, it is told of what touches safety for as long as it can be put back.
    pub has_settled: bool,
    /// When.
    pub at: Timestamp,
    /// By which the one who is told may undo it.
    pub secret: Option<&'a UndoSecret>,
}

/// Makes a letter of what is to be told. Called within a transaction, perhaps more than once: it must be a pure function.
pub type Words<'a> = dyn Fn(&Told) -> Letter + 'a;

/// The contacts of people.
pub struct Contacts<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
}

/// Where people are reached, and in which language.
pub struct Reached {
    /// Every contact that notices of safety go to, the oldest first.
    pub contacts: Vec<Contact>,
    /// The one that all others go to.
    pub preferred: Option<Contact>,
    /// `ja` or `en`.
    pub locale: String,
}

impl Contacts<'_> {
    /// A person's contacts, the oldest first; those that were removed less than [`UNDO_LIFE`] ago are among them.
    pub fn of(&mut self, person: &OwnerId, now: Timestamp) -> Result<Vec<KnownContact>, Fault> {
        let keys = self.keys;
        self.db.snapshot(|tx| {
            let household = Household::of_person(tx, keys, &person.0, now)?;
            Ok(household.map_or_else(Vec::new, |household| household.known()))
        })
    }

    /// The same of the living owner of a wallet; empty where there is none.
    pub fn of_wallet(
        &mut self,
        wallet: WalletId,
        now: Timestamp,
    ) -> Result<Vec<KnownContact>, Fault> {
        let household = self.household_of_wallet(wallet, now)?;
        Ok(household.map_or_else(Vec::new, |household| household.known()))
    }

    /// The one that the owner of a wallet prefers.
    pub fn preferred(
        &mut self,
        wallet: WalletId,
        now: Timestamp,
    ) -> Result<Option<Contact>, Fault> {
        let mut known = self.of_wallet(wallet, now)?.into_iter();
        let preferred = known.find(|one| one.is_preferred && one.removed_at.is_none());
        Ok(preferred.map(|one| one.contact))
    }

    /// How the owner of a wallet is reached; None for a wallet without a living owner.
    pub fn reached(&mut self, wallet: WalletId, now: Timestamp) -> Result<Option<Reached>, Fault> {
        let household = self.household_of_wallet(wallet, now)?;
        Ok(household.map(|household| Reached {
            contacts: (household.told().into_iter())
                .map(|kept| kept.known.contact.clone())
                .collect(),
            preferred: household.preferred().map(|kept| kept.known.contact.clone()),
            locale: household.locale,
        }))
    }

    fn household_of_wallet(
        &mut self,
        wallet: WalletId,
        now: Timestamp,
    ) -> Result<Option<Household>, Fault> {
        let (number, keys) = (wallet_number(wallet)?, self.keys);
        self.db.snapshot(|tx| {
            let owner = Living::find(tx, keys, LIVING_BY_WALLET, Param::Int(number))?;
            owner
                .map(|owner| Household::of(tx, keys, owner, now))
                .transpose()
        })
    }

    /// Whether a change would be granted now. Asked before the owner shows the passkey; [`change`](Self::change) asks again.
    pub fn may(
        &mut self,
        person: &OwnerId,
        change: &ContactChange,
        now: Timestamp,
    ) -> Result<Result<(), ContactRefusal>, Fault> {
        let keys = self.keys;
        self.db.snapshot(|tx| {
            let Some(household) = Household::of_person(tx, keys, &person.0, now)? else {
                return Ok(Err(ContactRefusal::Unknown));
            };
            Ok(household.grants(tx, keys, change, now)?.map(drop))
        })
    }

    /// Makes a change, tells it, and notes who asked for it. A refusal writes nothing.
    pub fn change(
        &mut self,
        person: &OwnerId,
        change: &ContactChange,
        noted: &Noted,
        seed: &Seed,
        words: &Words,
    ) -> Result<Result<(), ContactRefusal>, Fault> {
        let keys = self.keys;
        self.db.transaction(|tx| {
            let Some(mut household) = Household::of_person(tx, keys, &person.0, noted.now)? else {
                return Ok(Err(ContactRefusal::Unknown));
            };
            let subject = match household.grants(tx, keys, change, noted.now)? {
                Ok(subject) => subject,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let mut desk = Desk {
                tx,
                keys,
                noted,
                seed,
                words,
            };
            desk.make(&mut household, change, subject)?;
            Ok(Ok(()))
        })
    }

    /// Undoes a change with the secret of a letter, once; false where the secret is unknown, used or too old: not told apart.
    pub fn undo(
        &mut self,
        secret: &UndoSecret,
        noted: impl Fn(WalletId) -> Noted,
        now: Timestamp,
        seed: &Seed,
        words: &Words,
    ) -> Result<bool, Fault> {
        let (hash, keys) = (token_hash(secret), self.keys);
        // Asked without the right to write: guesses must not delay the writing of others.
        let known = self.db.query_first(
            "SELECT 1 FROM contact_changes WHERE secret_hash = $1",
            &[Param::Blob(&hash)],
            |row| row.int(0),
        )?;
        if known.is_none() {
            return Ok(false);
        }
        self.db.transaction(|tx| {
            let by_hash = "WHERE secret_hash = $1";
            let found = authentic::select(
                tx,
                &keys.rows,
                &CONTACT_CHANGES,
                by_hash,
                &[Param::Blob(&hash)],
                Change::of,
            )?;
            let Some(change) = found.into_iter().next().filter(|change| change.lives(now)) else {
                return Ok(false);
            };
            let Some(mut household) = Household::of_person(tx, keys, &change.person, now)? else {
                return Ok(false);
            };
            let noted = noted(household.wallet);
            let mut desk = Desk {
                tx,
                keys,
                noted: &noted,
                seed,
                words,
            };
            desk.undo(&mut household, &change)
        })
    }

    /// What changes of contacts were about, of those among these acts that are such and whose owner lives.
    pub fn details(&mut self, acts: &[RegistryAct]) -> Result<BTreeMap<ActId, ActDetail>, Fault> {
        let keys = self.keys;
        let mut owners: BTreeMap<WalletId, Option<SealKey>> = BTreeMap::new();
        let mut details = BTreeMap::new();
        for act in acts {
            let (RegistrySubject::Ledger(Subject::Wallet(wallet)), Some(sealed)) =
                (&act.subject, &act.detail)
            else {
                continue;
            };
            if !owners.contains_key(wallet) {
                let number = wallet_number(*wallet)?;
                let key = self.db.snapshot(|tx| {
                    let owner = Living::find(tx, keys, LIVING_BY_WALLET, Param::Int(number))?;
                    owner.map(|owner| owner.key(keys)).transpose()
                })?;
                owners.insert(*wallet, key);
            }
            if let Some(Some(key)) = owners.get(wallet) {
                details.insert(act.id, ActDetail::open(key, &act.id, sealed)?);
            }
        }
        Ok(details)
    }

    /// Forgets contacts that were removed and changes that were made [`UNDO_LIFE`] ago; returns how many rows.
    pub fn sweep(&mut self, now: Timestamp) -> Result<u64, Fault> {
        let before = at(now.minus(UNDO_LIFE));
        let removed = self.db.execute(
            "DELETE FROM contacts WHERE contact_index IN (SELECT contact_index FROM contacts WHERE removed_at <= $1 LIMIT 500)",
            &[before],
        )?;
        let changes = self.db.execute(
            "DELETE FROM contact_changes WHERE secret_hash IN (SELECT secret_hash FROM contact_changes WHERE made_at <= $1 LIMIT 500)",
            &[before],
        )?;
        Ok(removed + changes)
    }

    /// Gives a proof to contacts of an older program, which had one each. What it wrote was sealed for its person, and found again by a
    /// keyed hash: a row of which both are right was written by this house. So this is no act of faith, and may be done again at
    /// every start. Returns how many.
    pub fn prove_sealed(&mut self, proven: &mut dyn FnMut(u64)) -> Result<u64, Fault> {
        let (keys, mut count, mut after) = (self.keys, 0, Vec::new());
        loop {
            let page = self.db.transaction(|tx| {
                let rows = tx.query(
                    "SELECT contact_index, person, kind, contact, proven_at FROM contacts
                     WHERE proof IS NULL AND contact_id = person AND contact_index > $1 ORDER BY contact_index LIMIT 1000",
                    &[Param::Blob(&after)],
                    Unproven::of,
                )?;
                let mut made = 0;
                for row in &rows {
                    made += u64::from(row.prove(tx, keys)?);
                }
                Ok((rows.into_iter().next_back().map(|row| row.index), made))
            })?;
            let (last, made) = page;
            count += made;
            proven(count);
            match last {
                Some(last) => after = last,
                None => return Ok(count),
            }
        }
    }
}

/// A living person, as far as contacts go.
struct Living {
    person: [u8; 16],
    wallet: WalletId,
    locale: String,
    field_key: Vec<u8>,
}

impl Living {
    fn find(
        tx: &mut Tx,
        keys: &RegistryKeys,
        which: &str,
        who: Param,
    ) -> Result<Option<Living>, Fault> {
        let params = [who, Standing::Active.param()];
        let found = authentic::select(tx, &keys.rows, &PEOPLE, which, &params, |row| Living {
            person: row.bytes(0),
            wallet: WalletId(row.opt_int(1).unwrap_or_default().unsigned_abs()),
            locale: row.text(3).to_owned(),
            field_key: row.blob(4).to_vec(),
        })?;
        Ok(found.into_iter().next())
    }

    fn key(&self, keys: &RegistryKeys) -> Result<SealKey, Fault> {
        let at = place("people", "field_key", &self.person);
        keys.wrap.unwrap(at, &self.field_key)
    }
}

/// A person with all their contacts, the oldest first.
pub(crate) struct Household {
    person: [u8; 16],
    pub(crate) wallet: WalletId,
    pub(crate) locale: String,
    key: SealKey,
    contacts: Vec<Kept>,
    now: Timestamp,
}

impl Household {
    pub(crate) fn of_person(
        tx: &mut Tx,
        keys: &RegistryKeys,
        person: &[u8; 16],
        now: Timestamp,
    ) -> Result<Option<Household>, Fault> {
        let living = Living::find(tx, keys, LIVING_BY_PERSON, Param::Blob(person))?;
        living
            .map(|living| Household::of(tx, keys, living, now))
            .transpose()
    }

    /// A row that does not prove itself is passed over: one planted beside the others must not silence them.
    fn of(
        tx: &mut Tx,
        keys: &RegistryKeys,
        living: Living,
        now: Timestamp,
    ) -> Result<Household, Fault> {
        let key = living.key(keys)?;
        let who = [Param::Blob(&living.person)];
        let rows =
            authentic::select_proven(tx, &keys.rows, &CONTACTS, OF_PERSON, &who, Sealed::of)?;
        let mut contacts = Vec::with_capacity(rows.len());
        for row in rows {
            let is_over = |removed_at: Timestamp| removed_at.plus(UNDO_LIFE) <= now;
            if !row.removed_at.is_some_and(is_over) {
                contacts.push(row.open(&key)?);
            }
        }
        Ok(Household {
            person: living.person,
            wallet: living.wallet,
            locale: living.locale,
            key,
            contacts,
            now,
        })
    }

    fn known(self) -> Vec<KnownContact> {
        self.contacts.into_iter().map(|kept| kept.known).collect()
    }

    pub(crate) fn find(&self, id: ContactId) -> Option<&Kept> {
        self.contacts.iter().find(|kept| kept.known.id == id)
    }

    pub(crate) fn confirmed(&self) -> impl Iterator<Item = &Kept> {
        self.contacts.iter().filter(|kept| kept.is_confirmed())
    }

    /// The preferred contact; the oldest where its row was lost.
    fn preferred(&self) -> Option<&Kept> {
        let marked = self.confirmed().find(|kept| kept.known.is_preferred);
        marked.or_else(|| self.confirmed().next())
    }

    fn removed_since(&self, instant: Timestamp) -> Vec<ContactId> {
        let since = |kept: &&Kept| kept.known.removed_at.is_some_and(|at| at >= instant);
        (self.contacts.iter().filter(since))
            .map(|kept| kept.known.id)
            .collect()
    }

    /// Who hears of what touches safety: every confirmed contact, and each removed one that had settled.
    pub(crate) fn told(&self) -> Vec<&Kept> {
        (self.contacts.iter())
            .filter(|kept| kept.is_confirmed() || kept.has_settled(self.now))
            .collect()
    }

    /// Whether a change may be made; if so, the contact it is about, where it has a row.
    ///
    /// That a contact is another person's comes last: whoever asks about it hears before whatever they would hear of any other.
    fn grants(
        &self,
        tx: &mut Tx,
        keys: &RegistryKeys,
        change: &ContactChange,
        now: Timestamp,
    ) -> Result<Result<Option<Kept>, ContactRefusal>, Fault> {
        let subject = match self.subject(keys, change) {
            Ok(subject) => subject,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let within_a_day = tx.query_first(
            "SELECT COUNT(*) FROM contact_changes WHERE person = $1 AND made_at > $2",
            &[Param::Blob(&self.person), at(now.minus(DAY))],
            |row| row.int(0),
        )?;
        if within_a_day.unwrap_or(0) >= CHANGES_PER_DAY as i64 {
            return Ok(Err(ContactRefusal::TooOften));
        }
        if let ContactChange::Add(contact) = change {
            let index = keys.blind_index(contact);
            let taken = tx.query_first(
                "SELECT 1 FROM contacts WHERE contact_index = $1",
                &[Param::Blob(&index)],
                |row| row.int(0),
            )?;
            if taken.is_some() {
                return Ok(Err(ContactRefusal::Taken));
            }
        }
        Ok(Ok(subject))
    }

    /// What a change is about, as far as the person's own contacts allow it.
    fn subject(
        &self,
        keys: &RegistryKeys,
        change: &ContactChange,
    ) -> Result<Option<Kept>, ContactRefusal> {
        let find = |id: &ContactId, is_confirmed: bool| {
            let found = self
                .find(*id)
                .filter(|kept| kept.is_confirmed() == is_confirmed);
            found.cloned().ok_or(ContactRefusal::Unknown)
        };
        match change {
            ContactChange::Add(contact) => {
                let index = keys.blind_index(contact);
                if self.contacts.iter().any(|kept| kept.index == index) {
                    return Err(ContactRefusal::Yours);
                }
                if self.contacts.len() >= CONTACTS_MAX {
                    return Err(ContactRefusal::TooMany);
                }
                Ok(None)
            }
            ContactChange::Remove(id) => {
                let subject = find(id, true)?;
                if self.confirmed().count() < 2 {
                    return Err(ContactRefusal::LastOne);
                }
                Ok(Some(subject))
            }
            ContactChange::Prefer(id) => find(id, true).map(Some),
            ContactChange::PutBack(id) => find(id, false).map(Some),
        }
    }
}

/// One change under way, within its transaction.
struct Desk<'a, 'b, 'c> {
    tx: &'a mut Tx<'b>,
    keys: &'a RegistryKeys,
    noted: &'a Noted,
    seed: &'a Seed,
    words: &'a Words<'c>,
}

impl Desk<'_, '_, '_> {
    fn make(
        &mut self,
        household: &mut Household,
        change: &ContactChange,
        subject: Option<Kept>,
    ) -> Result<(), Fault> {
        let now = self.noted.now;
        let preferred = household.preferred().map(|kept| kept.known.id);
        let (kind, news, about) = match (change, subject) {
            (ContactChange::Add(contact), _) => {
                let about = self.add(household, contact)?;
                (Kind::Added, ContactNews::Added, about)
            }
            (ContactChange::Remove(_), Some(about)) => {
                self.set(
                    household,
                    about.known.id,
                    &[("removed_at", at(now)), ("preferred", Param::Int(0))],
                )?;
                if preferred == Some(about.known.id) {
                    self.prefer_the_oldest(household)?;
                }
                (Kind::Removed, ContactNews::Removed, about)
            }
            (ContactChange::Prefer(_), Some(about)) if preferred == Some(about.known.id) => {
                return Ok(());
            }
            (ContactChange::Prefer(_), Some(about)) => {
                self.prefer(household, about.known.id)?;
                (Kind::Preferred, ContactNews::Preferred, about)
            }
            (ContactChange::PutBack(_), Some(about)) => {
                self.put_back(household, about.known.id)?;
                (Kind::PutBack, ContactNews::PutBack, about)
            }
            _ => return Err(Fault::broken("a granted change of contacts has no contact")),
        };
        let secret: UndoSecret = self.seed.bytes("undo contact");
        self.keep(household, kind, about.known.id, preferred, &secret)?;
        self.note(household, kind, &about.known.contact, false)?;
        self.tell(household, news, &about, Some(&secret))
    }

    /// The newest contact; it settles at once where the person could not be reached before.
    fn add(&mut self, household: &mut Household, contact: &Contact) -> Result<Kept, Fault> {
        let now = self.noted.now;
        let is_first = household.confirmed().next().is_none();
        let settles_at = if is_first { now } else { now.plus(UNDO_LIFE) };
        let new = NewContact {
            person: household.person,
            contact,
            is_preferred: is_first,
            now,
            settles_at,
        };
        let kept = new.insert(self.tx, self.keys, &household.key, self.seed)?;
        household.contacts.push(kept.clone());
        Ok(kept)
    }

    /// Changes cells of a contact's row, and what is known of it here.
    fn set(
        &mut self,
        household: &mut Household,
        id: ContactId,
        cells: &[(&str, Param)],
    ) -> Result<(), Fault> {
        let Some(kept) = household
            .contacts
            .iter_mut()
            .find(|kept| kept.known.id == id)
        else {
            return Err(Fault::broken("a contact vanished within its transaction"));
        };
        for (name, value) in cells {
            match (*name, value) {
                ("removed_at", Param::Int(micros)) => {
                    kept.known.removed_at = Some(Timestamp(*micros))
                }
                ("removed_at", _) => kept.known.removed_at = None,
                ("preferred", value) => kept.known.is_preferred = matches!(value, Param::Int(1)),
                _ => return Err(Fault::broken("no such cell of a contact changes")),
            }
        }
        let by = [Param::Blob(&kept.index)];
        let which = "WHERE contact_index = $1";
        authentic::update(self.tx, &self.keys.rows, &CONTACTS, which, &by, cells).map(drop)
    }

    /// Marks one contact and unmarks the others.
    fn prefer(&mut self, household: &mut Household, id: ContactId) -> Result<(), Fault> {
        let marked: Vec<ContactId> = (household.contacts.iter())
            .filter(|kept| kept.known.is_preferred && kept.known.id != id)
            .map(|kept| kept.known.id)
            .collect();
        for other in marked {
            self.set(household, other, &[("preferred", Param::Int(0))])?;
        }
        self.set(household, id, &[("preferred", Param::Int(1))])
    }

    fn prefer_the_oldest(&mut self, household: &mut Household) -> Result<(), Fault> {
        let oldest = household.confirmed().next().map(|kept| kept.known.id);
        match oldest {
            Some(oldest) => self.prefer(household, oldest),
            None => Ok(()),
        }
    }

    /// A removed contact is there again, and the letter that told of its removal is used up.
    fn put_back(&mut self, household: &mut Household, id: ContactId) -> Result<(), Fault> {
        self.set(household, id, &[("removed_at", Param::Null)])?;
        self.end(household, Kind::Removed, id)
    }

    /// What was changed of a contact in this way cannot be undone any more.
    fn end(&mut self, household: &Household, kind: Kind, id: ContactId) -> Result<(), Fault> {
        let which = "WHERE person = $1 AND kind = $2 AND contact_id = $3 AND undone_at IS NULL";
        let params = [
            Param::Blob(&household.person),
            kind.param(),
            Param::Blob(&id.0),
        ];
        let ended = [("undone_at", at(self.noted.now))];
        authentic::update_proven(
            self.tx,
            &self.keys.rows,
            &CONTACT_CHANGES,
            which,
            &params,
            &ended,
        )
        .map(drop)
    }

    fn keep(
        &mut self,
        household: &Household,
        kind: Kind,
        about: ContactId,
        preferred_before: Option<ContactId>,
        secret: &UndoSecret,
    ) -> Result<(), Fault> {
        let hash = token_hash(secret);
        let before = preferred_before.map(|id| id.0);
        let now = self.noted.now;
        let cells = [
            ("secret_hash", Param::Blob(&hash)),
            ("person", Param::Blob(&household.person)),
            ("kind", kind.param()),
            ("contact_id", Param::Blob(&about.0)),
            (
                "preferred_before",
                before.as_ref().map_or(Param::Null, |id| Param::Blob(id)),
            ),
            ("made_at", at(now)),
            // What was put back is removed again by its owner, and by nobody's letter.
            (
                "undone_at",
                if kind == Kind::PutBack {
                    at(now)
                } else {
                    Param::Null
                },
            ),
        ];
        authentic::insert(self.tx, &self.keys.rows, &CONTACT_CHANGES, &cells)
    }

    fn undo(&mut self, household: &mut Household, change: &Change) -> Result<bool, Fault> {
        let Some(about) = household.find(change.contact).cloned() else {
            return Ok(false);
        };
        let (kind, news) = match change.kind {
            Kind::Added => (Kind::Removed, ContactNews::AdditionUndone),
            Kind::Removed => (Kind::Added, ContactNews::RemovalUndone),
            Kind::Preferred => (Kind::Preferred, ContactNews::PreferenceUndone),
            Kind::PutBack => return Ok(false),
        };
        let told: Vec<Kept> = match change.kind {
            Kind::Removed => {
                self.put_back(household, about.known.id)?;
                if change.preferred_before == Some(about.known.id) {
                    self.prefer(household, about.known.id)?;
                }
                Vec::new()
            }
            // What the newcomer pushed out comes back before the newcomer goes: nobody is left without a contact.
            Kind::Added => {
                let pushed_out = match about.is_confirmed() {
                    true => household.removed_since(change.made_at),
                    false => Vec::new(),
                };
                let stays = |kept: &Kept| kept.is_confirmed() && kept.index != about.index;
                if pushed_out.is_empty() && !household.contacts.iter().any(stays) {
                    return Ok(false);
                }
                for id in pushed_out {
                    self.put_back(household, id)?;
                }
                self.forget(household, &about, change.preferred_before)?;
                vec![about.clone()]
            }
            _ => {
                let before = change
                    .preferred_before
                    .and_then(|id| household.find(id).cloned());
                let Some(before) = before else {
                    return Ok(false);
                };
                if !before.is_confirmed() {
                    self.put_back(household, before.known.id)?;
                }
                self.prefer(household, before.known.id)?;
                Vec::new()
            }
        };
        self.end(household, change.kind, about.known.id)?;
        self.note(household, kind, &about.known.contact, true)?;
        household.contacts.extend(told);
        self.tell(household, news, &about, None)?;
        Ok(true)
    }

    /// Takes a contact away for good.
    fn forget(
        &mut self,
        household: &mut Household,
        gone: &Kept,
        preferred_before: Option<ContactId>,
    ) -> Result<(), Fault> {
        let was_preferred = household
            .preferred()
            .is_some_and(|kept| kept.index == gone.index);
        household.contacts.retain(|kept| kept.index != gone.index);
        self.tx.execute(
            "DELETE FROM contacts WHERE contact_index = $1",
            &[Param::Blob(&gone.index)],
        )?;
        self.end(household, Kind::Removed, gone.known.id)?;
        self.end(household, Kind::Preferred, gone.known.id)?;
        if !was_preferred {
            return Ok(());
        }
        let before = preferred_before.and_then(|id| household.find(id));
        match before
            .filter(|kept| kept.is_confirmed())
            .map(|kept| kept.known.id)
        {
            Some(before) => self.prefer(household, before),
            None => self.prefer_the_oldest(household),
        }
    }

    fn note(
        &mut self,
        household: &Household,
        kind: Kind,
        about: &Contact,
        is_undoing: bool,
    ) -> Result<(), Fault> {
        let command = match kind {
            Kind::Added | Kind::PutBack => RegistryCommand::AddContact,
            Kind::Removed => RegistryCommand::RemoveContact,
            Kind::Preferred => RegistryCommand::PreferContact,
        };
        let detail = ActDetail {
            contact: about.masked(),
            is_undoing: is_undoing || kind == Kind::PutBack,
        };
        let nonce = self.seed.take("detail nonce");
        let sealed = detail.seal(&household.key, &self.noted.id, nonce);
        let about = About::Ledger(Subject::Wallet(household.wallet));
        self.noted
            .write_with(self.tx, command, about, Some(&sealed))
    }

    /// A letter to everybody who is to know.
    fn tell(
        &mut self,
        household: &Household,
        news: ContactNews,
        about: &Kept,
        secret: Option<&UndoSecret>,
    ) -> Result<(), Fault> {
        let now = self.noted.now;
        let recipients = (household.contacts.iter()).filter(|kept| {
            kept.is_confirmed() || kept.has_settled(now) || kept.index == about.index
        });
        for (number, kept) in recipients.enumerate() {
            let is_about_itself = kept.index == about.index;
            let may_undo = match news {
                ContactNews::Added => {
                    !is_about_itself && kept.is_confirmed() && kept.has_settled(now)
                }
                // A newcomer may bring an old one back, and not itself.
                ContactNews::Removed => match is_about_itself {
                    true => about.has_settled(now),
                    false => kept.is_confirmed(),
                },
                ContactNews::Preferred => kept.is_confirmed() && kept.has_settled(now),
                _ => false,
            };
            let letter = (self.words)(&Told {
                to: &kept.known.contact,
                locale: &household.locale,
                news,
                about: &about.known.contact,
                has_settled: about.has_settled(now),
                at: now,
                secret: secret.filter(|_| may_undo),
            });
            let nonce = self.seed.take(&format!("letter nonce {number}"));
            let (sealing, ends_at) = ((&self.keys.wrap, nonce), now.plus(NOTICE_LIFE));
            outbox::enqueue_in(
                self.tx,
                sealing,
                (letter.kind, &letter.content),
                now,
                ends_at,
            )?;
        }
        Ok(())
    }
}
