//! People and their names, sealed under a key per person; how they are reached is in `contacts.rs`.
//!
//! Enrolment walks pending -> act `OpenWallet` -> active. Until the book has opened the wallet a person cannot sign in, and
//! a person whom the book never named is removed by [`Registry::reconcile`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::authentic::{self, PASSKEYS, PEOPLE};
use crate::contact::Contact;
use crate::contact_rows::{self, NewContact};
use crate::external_ids::{self, ExternalSubject, NewLink};
use crate::factors::{Described, OwnerId, StoredPasskey};
use crate::passwords::{self, FactorPair, HashCost, NewFactors, Password, SealedFactors};
use crate::seed::Seed;
use crate::totp::TotpSecret;
use crate::{
    Named, Numbered, Reconciled, RegistryKeys, Standing, Surface, at, fingerprint_cell, place,
    wallet_number,
};
use mamori_datastore::fault::Fault;
use mamori_datastore::keys::{SealKey, Secret};
use mamori_datastore::sql::{Db, Param, Tx};
use mamori_domain::context::AgentFamily;
use mamori_domain::identity::SealedText;
use mamori_domain::ids::{Fingerprint, WalletId};
use mamori_domain::world::Timestamp;

/// How long an enrolment may be on its way before another one may ask the book about it.
const ON_ITS_WAY: Duration = Duration::from_secs(120);

/// Wallets whose owners' names one statement asks for.
const NAMES_AT_ONCE: usize = 50;
const NAMES_OF_WALLETS: &str =
    "SELECT person, wallet, status, locale, field_key, display_name FROM people WHERE wallet IN (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
    $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
    $21, $22, $23, $24, $25, $26, $27, $28, $29, $30,
    $31, $32, $33, $34, $35, $36, $37, $38, $39, $40,
    $41, $42, $43, $44, $45, $46, $47, $48, $49, $50
) AND status = $51";

const BY_PERSON: &str = "WHERE person = $1 AND status = $2";
const BY_WALLET: &str = "WHERE wallet = $1 AND status = $2";

/// All that is needed to make a person.
pub struct Enrolment<'a> {
    /// 16 random bytes, the user handle inside the passkey.
    pub person: OwnerId,
    /// The proven contact.
    pub contact: &'a Contact,
    /// `ja` or `en`.
    pub locale: &'a str,
    /// As returned by [`display_name`](crate::display_name).
    pub display_name: &'a str,
    /// The passkey that was just created.
    pub passkey: &'a StoredPasskey,
    /// In which family of browsers.
    pub agent: AgentFamily,
}

/// All that is needed to make a person whose phone knows no passkeys.
pub struct PasswordEnrolment<'a> {
    /// 16 random bytes.
    pub person: OwnerId,
    /// The proven contact.
    pub contact: &'a Contact,
    /// `ja` or `en`.
    pub locale: &'a str,
    /// As returned by [`display_name`](crate::display_name).
    pub display_name: &'a str,
    /// A password on no list, and what its hash costs.
    pub password: (&'a Password, HashCost),
    /// The secret of the codes by time, and the step of the one that proved it.
    pub totp: (&'a TotpSecret, i64),
}

/// All that is needed to make a person who signs in with an account at another provider.
pub struct ExternalEnrolment<'a> {
    /// 16 random bytes.
    pub person: OwnerId,
    /// The proven contact.
    pub contact: &'a Contact,
    /// `ja` or `en`.
    pub locale: &'a str,
    /// As returned by [`display_name`](crate::display_name).
    pub display_name: &'a str,
    /// What the provider's token said.
    pub account: &'a ExternalSubject,
    /// The secret of the codes by time, and the step of the one that proved it.
    pub totp: (&'a TotpSecret, i64),
}

/// Why a person is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnrolRefusal {
    /// Another sign-up with the same contact was faster.
    ContactTaken,
    /// The credential id, or the account elsewhere, belongs to another person or operator already.
    CredentialTaken,
}

/// A person as pages show one.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// The user handle.
    pub person: OwnerId,
    /// The wallet.
    pub wallet: WalletId,
    /// What the person is called.
    pub display_name: String,
    /// `ja` or `en`.
    pub locale: String,
}

// A name is personal data.
impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Person {{ wallet: {} }}", self.wallet.0)
    }
}

/// People and their names, sealed under a key of each.
pub struct People<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
}

impl People<'_> {
    /// First step: the rows, pending. Returns the fingerprint to open the wallet with. A refusal writes nothing.
    pub fn begin_enrolment(
        &mut self,
        enrolment: &Enrolment,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<Result<Fingerprint, EnrolRefusal>, Fault> {
        let keys = self.keys;
        let passkey = enrolment.passkey;
        let fingerprint = keys.fingerprint("credential", &passkey.credential);
        let newcomer = Newcomer {
            person: enrolment.person.0,
            contact: enrolment.contact,
            locale: enrolment.locale,
            display_name: enrolment.display_name,
            field_key: SealKey::for_person(seed.bytes("field key")),
        };
        let sealed = newcomer.seal(keys, seed);
        self.db.transaction(|tx| {
            // A refusal writes nothing: everything is asked before the first row is made.
            if sealed.is_contact_taken(tx)? {
                return Ok(Err(EnrolRefusal::ContactTaken));
            }
            let known = tx.query_first(
                "SELECT 1 FROM passkeys WHERE credential = $1",
                &[Param::Blob(&passkey.credential)],
                |row| row.int(0),
            )?;
            if known.is_some() {
                return Ok(Err(EnrolRefusal::CredentialTaken));
            }
            newcomer.insert(&sealed, tx, keys, seed, now)?;
            let keyed = (fingerprint, Standing::Pending);
            let owned = (Surface::Wallet, &enrolment.person);
            let described = Described {
                name: None,
                agent: Some(enrolment.agent),
            };
            passkey.insert(tx, &keys.rows, owned, keyed, &described, now)?;
            Ok(Ok(fingerprint))
        })
    }

    /// The same with a password and codes by time. The wallet is opened with the fingerprint of the password; the other one is bound to
    /// it afterwards. Waits for the hash.
    pub fn begin_password_enrolment(
        &mut self,
        enrolment: &PasswordEnrolment,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<Result<FactorPair, EnrolRefusal>, Fault> {
        let keys = self.keys;
        let newcomer = Newcomer {
            person: enrolment.person.0,
            contact: enrolment.contact,
            locale: enrolment.locale,
            display_name: enrolment.display_name,
            field_key: SealKey::for_person(seed.bytes("field key")),
        };
        let new = NewFactors {
            password: Some(enrolment.password),
            totp: Some(enrolment.totp),
        };
        let factors =
            SealedFactors::make(keys, &newcomer.field_key, &enrolment.person, &new, seed)?;
        let &[password, totp] = &factors.fingerprints(keys)[..] else {
            return Err(Fault::broken("two new factors are two"));
        };
        let sealed = newcomer.seal(keys, seed);
        self.db.transaction(|tx| {
            if sealed.is_contact_taken(tx)? {
                return Ok(Err(EnrolRefusal::ContactTaken));
            }
            newcomer.insert(&sealed, tx, keys, seed, now)?;
            factors.insert(tx, keys, &enrolment.person, false, now)?;
            Ok(Ok(FactorPair {
                first: password,
                totp,
            }))
        })
    }

    /// The same with an account at another provider and codes by time: the wallet is opened with the fingerprint of the account.
    pub fn begin_external_enrolment(
        &mut self,
        enrolment: &ExternalEnrolment,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<Result<FactorPair, EnrolRefusal>, Fault> {
        let keys = self.keys;
        let newcomer = Newcomer {
            person: enrolment.person.0,
            contact: enrolment.contact,
            locale: enrolment.locale,
            display_name: enrolment.display_name,
            field_key: SealKey::for_person(seed.bytes("field key")),
        };
        let new = NewFactors {
            password: None,
            totp: Some(enrolment.totp),
        };
        let (person, field_key) = (&enrolment.person, &newcomer.field_key);
        let factors = SealedFactors::make(keys, field_key, person, &new, seed)?;
        let &[totp] = &factors.fingerprints(keys)[..] else {
            return Err(Fault::broken("one new factor is one"));
        };
        let link = NewLink::draw(keys, enrolment.account, seed);
        let sealed = newcomer.seal(keys, seed);
        self.db.transaction(|tx| {
            if sealed.is_contact_taken(tx)? {
                return Ok(Err(EnrolRefusal::ContactTaken));
            }
            if link.owner(tx)?.is_some() {
                return Ok(Err(EnrolRefusal::CredentialTaken));
            }
            newcomer.insert(&sealed, tx, keys, seed, now)?;
            factors.insert(tx, keys, person, false, now)?;
            link.insert(tx, keys, person, now)?;
            Ok(Ok(FactorPair {
                first: link.fingerprint,
                totp,
            }))
        })
    }

    /// Sign-ups by password or external ID that wait for the book, of before an instant.
    pub fn pending_pairs(
        &mut self,
        made_before: Timestamp,
    ) -> Result<Vec<(OwnerId, FactorPair)>, Fault> {
        self.db.query(
            "SELECT people.person, passwords.fingerprint, totps.fingerprint FROM people
             JOIN passwords ON passwords.owner = people.person JOIN totps ON totps.owner = people.person
             WHERE people.status = $1 AND people.made_at < $2 AND passwords.status = $1 AND totps.status = $1
             UNION ALL
             SELECT people.person, external_ids.fingerprint, totps.fingerprint FROM people
             JOIN external_ids ON external_ids.owner = people.person JOIN totps ON totps.owner = people.person
             WHERE people.status = $1 AND people.made_at < $2 AND external_ids.status = $1 AND totps.status = $1 LIMIT 1000",
            &[Standing::Pending.param(), at(made_before)],
            |row| {
                let pair = FactorPair {
                    first: fingerprint_cell(row, 1),
                    totp: fingerprint_cell(row, 2),
                };
                (OwnerId(row.bytes(0)), pair)
            },
        )
    }

    /// Last step, after the act: the person may sign in. Safe to repeat; a fault where the person is not there.
    pub fn finish_enrolment(&mut self, person: &OwnerId, wallet: WalletId) -> Result<(), Fault> {
        let rows = &self.keys.rows;
        let done = (self.db).transaction(|tx| activate(tx, rows, &person.0, wallet))?;
        if done {
            Ok(())
        } else {
            Err(Fault::broken(
                "a person vanished between the act and the last step",
            ))
        }
    }

    /// Names the owner of a wallet that was opened without a passkey: the seeded customers of a development store.
    pub fn name_wallet(
        &mut self,
        person: OwnerId,
        wallet: WalletId,
        display_name: &str,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<(), Fault> {
        let key = SealKey::for_person(seed.bytes("field key"));
        let wrapped = self.keys.wrap.wrap(
            place("people", "field_key", &person.0),
            seed.take("wrap nonce"),
            &key,
        );
        let name = key.seal(
            place("people", "display_name", &person.0),
            seed.take("name nonce"),
            display_name.as_bytes(),
        );
        let cells = [
            ("person", Param::Blob(&person.0)),
            ("wallet", Param::Int(wallet.0 as i64)),
            ("status", Standing::Active.param()),
            ("locale", Param::Text("ja")),
            ("field_key", Param::Blob(&wrapped)),
            ("display_name", Param::Blob(&name)),
            ("made_at", at(now)),
            ("generation", Param::Int(0)),
        ];
        let rows = &self.keys.rows;
        (self.db).transaction(|tx| authentic::insert(tx, rows, &PEOPLE, &cells))
    }

    /// Takes a pending person back after the book refused to open the wallet.
    pub fn abandon_enrolment(&mut self, person: &OwnerId) -> Result<(), Fault> {
        self.db
            .transaction(|tx| remove_pending(tx, &person.0))
            .map(|_| ())
    }

    /// An active person by user handle.
    pub fn find(&mut self, person: &OwnerId) -> Result<Option<Person>, Fault> {
        let row = self.living(BY_PERSON, Param::Blob(&person.0), SealedPerson::of)?;
        row.map(|row| self.unseal(row)).transpose()
    }

    /// The active person to whom a wallet belongs.
    pub fn of_wallet(&mut self, wallet: WalletId) -> Result<Option<Person>, Fault> {
        let wallet = Param::Int(wallet_number(wallet)?);
        let row = self.living(BY_WALLET, wallet, SealedPerson::of)?;
        row.map(|row| self.unseal(row)).transpose()
    }

    /// The one person that meets a condition and lives.
    fn living<T>(
        &mut self,
        which: &str,
        who: Param,
        mut map: impl FnMut(&mamori_datastore::sql::Row) -> T,
    ) -> Result<Option<T>, Fault> {
        let params = [who, Standing::Active.param()];
        let key = &self.keys.rows;
        let found = (self.db)
            .snapshot(|tx| authentic::select(tx, key, &PEOPLE, which, &params, &mut map))?;
        Ok(found.into_iter().next())
    }

    /// What the owners of wallets are called, fifty wallets in one statement. A wallet without a living owner is left out.
    pub fn names_of_wallets(
        &mut self,
        wallets: &[WalletId],
    ) -> Result<BTreeMap<WalletId, String>, Fault> {
        let distinct: BTreeSet<WalletId> = wallets.iter().copied().collect();
        let mut numbers = Vec::with_capacity(distinct.len());
        for wallet in distinct {
            numbers.push(wallet_number(wallet)?);
        }
        let mut names = BTreeMap::new();
        for page in numbers.chunks(NAMES_AT_ONCE) {
            // Places that are left over ask for the page's first wallet again.
            let mut asked = [Param::Int(page[0]); NAMES_AT_ONCE + 1];
            for (place, wallet) in asked.iter_mut().zip(page) {
                *place = Param::Int(*wallet);
            }
            asked[NAMES_AT_ONCE] = Standing::Active.param();
            for row in self.db.query(NAMES_OF_WALLETS, &asked, SealedPerson::of)? {
                let person = self.unseal(row)?;
                names.insert(person.wallet, person.display_name);
            }
        }
        Ok(names)
    }

    /// The wallet of the living person who has proven a contact; one spelling, no part of it.
    pub fn wallet_of_contact(&mut self, contact: &Contact) -> Result<Option<WalletId>, Fault> {
        let index = self.keys.blind_index(contact);
        let rows = &self.keys.rows;
        let owner = (self.db).snapshot(|tx| contact_rows::owner_of(tx, rows, &index))?;
        let Some(owner) = owner else {
            return Ok(None);
        };
        let row = self.living(BY_PERSON, Param::Blob(&owner), SealedPerson::of)?;
        Ok(row.map(|row| row.wallet))
    }

    /// Seals a note about the owner of a wallet with the owner's own key, so that the erasure of the person destroys it in the
    /// journal too; None for a wallet without a living owner.
    pub fn seal_note(
        &mut self,
        wallet: WalletId,
        text: &str,
        seed: &Seed,
    ) -> Result<Option<SealedText>, Fault> {
        let key = self.field_key_of(wallet)?;
        Ok(key.map(|(person, key)| {
            let place = place("people", "note", &person);
            SealedText(key.seal(place, seed.take("note nonce"), text.as_bytes()))
        }))
    }

    /// Opens notes about the owner of a wallet; None in place of each once that person is erased.
    pub fn open_notes(
        &mut self,
        wallet: WalletId,
        notes: &[SealedText],
    ) -> Result<Vec<Option<String>>, Fault> {
        let Some((person, key)) = self.field_key_of(wallet)? else {
            return Ok(vec![None; notes.len()]);
        };
        let open = |note: &SealedText| {
            let text = key.open(place("people", "note", &person), &note.0)?;
            String::from_utf8(text)
                .map(Some)
                .map_err(|_| Fault::broken("a sealed note is not text"))
        };
        notes.iter().map(open).collect()
    }

    /// The living owner of a wallet, and the key that seals what is known of them.
    fn field_key_of(&mut self, wallet: WalletId) -> Result<Option<([u8; 16], SealKey)>, Fault> {
        let wallet = Param::Int(wallet_number(wallet)?);
        let row = self.living(BY_WALLET, wallet, |row| {
            (row.bytes::<16>(0), row.blob(4).to_vec())
        })?;
        let Some((person, wrapped)) = row else {
            return Ok(None);
        };
        let place = place("people", "field_key", &person);
        Ok(Some((person, self.keys.wrap.unwrap(place, &wrapped)?)))
    }

    fn unseal(&self, row: SealedPerson) -> Result<Person, Fault> {
        let key = self
            .keys
            .wrap
            .unwrap(place("people", "field_key", &row.person), &row.field_key)?;
        let name = key.open(
            place("people", "display_name", &row.person),
            &row.display_name,
        )?;
        Ok(Person {
            person: OwnerId(row.person),
            wallet: row.wallet,
            display_name: String::from_utf8(name)
                .map_err(|_| Fault::broken("a sealed name is not text"))?,
            locale: row.locale,
        })
    }

    /// Asks the book about enrolments that stopped half way, so that their contacts do not stay taken until the next start.
    pub fn settle_enrolments(
        &mut self,
        named: &mut dyn Named,
        now: Timestamp,
    ) -> Result<Reconciled, Fault> {
        let mut done = Reconciled::default();
        for (person, fingerprint) in self.pending_people(now.minus(ON_ITS_WAY))? {
            self.settle_person(&person, fingerprint, named, &mut done)?;
        }
        self.settle_pairs(now.minus(ON_ITS_WAY), named, &mut done)?;
        Ok(done)
    }

    pub(super) fn reconcile(
        &mut self,
        named: &mut dyn Named,
        done: &mut Reconciled,
    ) -> Result<(), Fault> {
        for (person, fingerprint) in self.pending_people(Timestamp(i64::MAX))? {
            self.settle_person(&person, fingerprint, named, done)?;
        }
        self.settle_pairs(Timestamp(i64::MAX), named, done)?;
        // Active rows that the book does not name: the book is older than the registry, after a restore. Page by page.
        let mut after: Vec<u8> = Vec::new();
        loop {
            let page = self.db.query(
                "SELECT credential, owner, fingerprint FROM passkeys WHERE credential > $1 AND surface = $2 AND status = $3 ORDER BY credential LIMIT 1000",
                &[Param::Blob(&after), Surface::Wallet.param(), Standing::Active.param()],
                |row| (row.blob(0).to_vec(), row.bytes::<16>(1), fingerprint_cell(row, 2)),
            )?;
            let Some((last, _, _)) = page.last() else {
                return Ok(());
            };
            after.clone_from(last);
            let fingerprints: Vec<Fingerprint> = page.iter().map(|(_, _, own)| *own).collect();
            let wallets = named.wallets_of(&fingerprints)?;
            for ((credential, owner, _), wallet) in page.iter().zip(wallets) {
                if wallet.is_none() {
                    done.dead += 1;
                    self.bury_credential(credential, owner)?;
                }
            }
        }
    }

    /// A credential without a name in the book may do nothing any more; the person stays, for a later recovery.
    fn bury_credential(&mut self, credential: &[u8], owner: &[u8; 16]) -> Result<(), Fault> {
        let key = &self.keys.rows;
        self.db.transaction(|tx| {
            let named = [Param::Blob(credential)];
            let dead = [("status", Standing::Dead.param())];
            let by = "WHERE credential = $1";
            authentic::update_proven(tx, key, &PASSKEYS, by, &named, &dead)?;
            tx.execute(
                "DELETE FROM sessions WHERE surface = $1 AND owner = $2",
                &[Surface::Wallet.param(), Param::Blob(owner)],
            )?;
            Ok(())
        })
    }

    fn pending_people(
        &mut self,
        made_before: Timestamp,
    ) -> Result<Vec<([u8; 16], Fingerprint)>, Fault> {
        self.db.query(
            "SELECT people.person, passkeys.fingerprint FROM people JOIN passkeys ON passkeys.owner = people.person
             WHERE people.status = $1 AND people.made_at < $2 AND passkeys.status = $1 LIMIT 1000",
            &[Standing::Pending.param(), at(made_before)],
            |row| (row.bytes(0), fingerprint_cell(row, 1)),
        )
    }

    /// A wallet that the book has opened and whose second factor it does not name yet is left waiting: the flow binds it first.
    fn settle_pairs(
        &mut self,
        made_before: Timestamp,
        named: &mut dyn Named,
        done: &mut Reconciled,
    ) -> Result<(), Fault> {
        let key = &self.keys.rows;
        for (person, pair) in self.pending_pairs(made_before)? {
            match named.wallets_of(&[pair.first, pair.totp])?[..] {
                [Some(wallet), Some(same)] if wallet == same => {
                    let activated =
                        (self.db).transaction(|tx| activate(tx, key, &person.0, wallet))?;
                    done.finished += u64::from(activated);
                }
                [Some(_), None] => {}
                _ => {
                    let removed = self.db.transaction(|tx| remove_pending(tx, &person.0))?;
                    done.dead += u64::from(removed);
                }
            }
        }
        Ok(())
    }

    fn settle_person(
        &mut self,
        person: &[u8; 16],
        fingerprint: Fingerprint,
        named: &mut dyn Named,
        done: &mut Reconciled,
    ) -> Result<(), Fault> {
        let key = &self.keys.rows;
        match named
            .wallets_of(&[fingerprint])?
            .into_iter()
            .next()
            .flatten()
        {
            Some(wallet) => {
                let activated = (self.db).transaction(|tx| activate(tx, key, person, wallet))?;
                done.finished += u64::from(activated);
            }
            None => done.dead += u64::from(self.db.transaction(|tx| remove_pending(tx, person))?),
        }
        Ok(())
    }
}

/// Somebody who is on the way to a wallet.
struct Newcomer<'a> {
    person: [u8; 16],
    contact: &'a Contact,
    locale: &'a str,
    display_name: &'a str,
    field_key: SealKey,
}

/// The same, sealed and ready to be written.
struct SealedNewcomer<'a> {
    person: [u8; 16],
    contact_index: [u8; 32],
    locale: &'a str,
    display_name: Vec<u8>,
    field_key: Vec<u8>,
}

impl<'a> Newcomer<'a> {
    fn seal(&self, keys: &RegistryKeys, seed: &Seed) -> SealedNewcomer<'a> {
        let (person, key) = (self.person, &self.field_key);
        SealedNewcomer {
            person,
            contact_index: keys.blind_index(self.contact),
            locale: self.locale,
            display_name: key.seal(
                place("people", "display_name", &person),
                seed.take("name nonce"),
                self.display_name.as_bytes(),
            ),
            field_key: keys.wrap.wrap(
                place("people", "field_key", &person),
                seed.take("wrap nonce"),
                key,
            ),
        }
    }
}

impl SealedNewcomer<'_> {
    fn is_contact_taken(&self, tx: &mut Tx) -> Result<bool, Fault> {
        let taken = tx.query_first(
            "SELECT 1 FROM contacts WHERE contact_index = $1",
            &[Param::Blob(&self.contact_index)],
            |row| row.int(0),
        )?;
        Ok(taken.is_some())
    }
}

impl Newcomer<'_> {
    /// Person and contact, pending.
    fn insert(
        &self,
        sealed: &SealedNewcomer,
        tx: &mut Tx,
        keys: &RegistryKeys,
        seed: &Seed,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let cells = [
            ("person", Param::Blob(&sealed.person)),
            ("wallet", Param::Null),
            ("status", Standing::Pending.param()),
            ("locale", Param::Text(sealed.locale)),
            ("field_key", Param::Blob(&sealed.field_key)),
            ("display_name", Param::Blob(&sealed.display_name)),
            ("made_at", at(now)),
            ("generation", Param::Int(0)),
        ];
        authentic::insert(tx, &keys.rows, &PEOPLE, &cells)?;
        let first = NewContact {
            person: sealed.person,
            contact: self.contact,
            is_preferred: true,
            now,
            settles_at: now,
        };
        first.insert_first(tx, keys, &self.field_key, seed)
    }
}

struct SealedPerson {
    person: [u8; 16],
    wallet: WalletId,
    field_key: Vec<u8>,
    display_name: Vec<u8>,
    locale: String,
}

impl SealedPerson {
    /// The columns are those of [`PEOPLE`].
    fn of(row: &mamori_datastore::sql::Row) -> SealedPerson {
        SealedPerson {
            person: row.bytes(0),
            wallet: WalletId(u64::try_from(row.int(1)).unwrap_or_else(|_| {
                row.reject(1);
                0
            })),
            field_key: row.blob(4).to_vec(),
            display_name: row.blob(5).to_vec(),
            locale: row.text(3).to_owned(),
        }
    }
}

fn activate(tx: &mut Tx, key: &Secret, person: &[u8; 16], wallet: WalletId) -> Result<bool, Fault> {
    let wallet = Param::Int(wallet_number(wallet)?);
    let (active, pending) = (Standing::Active.param(), Standing::Pending.param());
    let people = authentic::update_proven(
        tx,
        key,
        &PEOPLE,
        "WHERE person = $1 AND (status = $2 OR wallet = $3)",
        &[Param::Blob(person), pending, wallet],
        &[("status", active), ("wallet", wallet)],
    )?;
    authentic::update_proven(
        tx,
        key,
        &PASSKEYS,
        "WHERE owner = $1 AND surface = $2 AND status = $3",
        &[Param::Blob(person), Surface::Wallet.param(), pending],
        &[("status", active)],
    )?;
    passwords::activate_pending(tx, key, person)?;
    external_ids::activate_pending(tx, key, person)?;
    Ok(people == 1)
}

fn remove_pending(tx: &mut Tx, person: &[u8; 16]) -> Result<bool, Fault> {
    let pending = Standing::Pending.param();
    let removed = tx.execute(
        "DELETE FROM people WHERE person = $1 AND status = $2",
        &[Param::Blob(person), pending],
    )?;
    if removed == 1 {
        tx.execute(
            "DELETE FROM contacts WHERE person = $1",
            &[Param::Blob(person)],
        )?;
        tx.execute(
            "DELETE FROM passkeys WHERE owner = $1 AND surface = $2 AND status = $3",
            &[Param::Blob(person), Surface::Wallet.param(), pending],
        )?;
        passwords::remove_pending(tx, person)?;
        external_ids::remove_pending(tx, person)?;
    }
    Ok(removed == 1)
}
