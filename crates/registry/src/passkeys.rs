//! A customer's passkeys: several, each under a name that its owner gives it.
//!
//! A new one walks pending -> act `BindCredential` -> active; one that is removed walks active -> leaving -> act
//! `RevokeCredential` -> dead. What stopped between two steps is brought to its end by asking the book ([`Passkeys::settle`]). A dead row
//! stays until its owner is erased, so that a sign-in on its way with that passkey finds it dead.

use std::time::Duration;

use crate::acts::{About, Noted, RegistryCommand};
use crate::authentic::{self, PASSKEYS, PEOPLE};
use crate::factors::{Described, OwnerId, StoredPasskey};
use crate::seed::Seed;
use crate::sessions::{EndedSession, SessionId, end_opened_by_in};
use crate::{
    Named, Numbered, Reconciled, RegistryKeys, Standing, Surface, at, fingerprint_cell,
    instant_cell, numbered_cell, opt_instant_cell, place,
};
use mamori_datastore::fault::Fault;
use mamori_datastore::keys::{SealKey, Secret};
use mamori_datastore::sql::{Db, Param, Row, Tx};
use mamori_domain::context::{AgentFamily, NetworkOrigin};
use mamori_domain::event::Subject;
use mamori_domain::ids::{Fingerprint, WalletId};
use mamori_domain::world::Timestamp;

/// Passkeys that a customer has at most at a time.
pub const PASSKEYS_MAX: usize = 10;

/// How long an adding or a removal may be on its way before the book is asked about it.
const ON_ITS_WAY: Duration = Duration::from_secs(120);

/// The index of exactly these rows answers it, and the order makes it do so: there are millions of others.
const ON_THEIR_WAY: &str =
    "SELECT credential, owner, fingerprint, status, made_at, leaving_at, surface FROM passkeys
     WHERE status = 1 OR status = 4 ORDER BY made_at";

const BY_CREDENTIAL: &str = "WHERE credential = $1 AND surface = $2 AND owner = $3";
const NOT_DEAD: &str =
    "WHERE owner = $1 AND surface = $2 AND status <> $3 ORDER BY made_at, credential";

/// A passkey that its owner adds to the ones that are there.
pub struct NewPasskey<'a> {
    pub owner: &'a OwnerId,
    /// As it was just created and checked.
    pub passkey: &'a StoredPasskey,
    /// As returned by [`display_name`](crate::display_name); None for what pages call it by themselves.
    pub name: Option<&'a str>,
    /// In which family of browsers.
    pub agent: AgentFamily,
}

/// Why a passkey is not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddRefusal {
    /// There are [`PASSKEYS_MAX`] already.
    TooMany,
    /// The credential id belongs to somebody already, or did.
    CredentialTaken,
    /// The owner was erased meanwhile.
    OwnerGone,
}

/// Why a passkey is not removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovePasskeyRefusal {
    /// The owner has none of that id (any more).
    Unknown,
    /// No way into the account would be left that is as strong.
    LastFactor,
}

/// A passkey as its owner sees it.
#[derive(Clone)]
pub struct OwnedPasskey {
    pub stored: StoredPasskey,
    /// Under which the book names it.
    pub fingerprint: Fingerprint,
    /// What the owner calls it; None if nobody has said.
    pub name: Option<String>,
    /// In which family of browsers it was made; unknown where an older program did not write it down.
    pub agent: AgentFamily,
    pub made_at: Timestamp,
    /// When it last signed in, or was asked for once more; None if never since it was made.
    pub used_at: Option<Timestamp>,
    used_network: Option<i64>,
}

impl OwnedPasskey {
    /// Whether it was last used in this network; None where that is not known of either.
    pub fn was_used_in(&self, network: Option<NetworkOrigin>) -> Option<bool> {
        Some(self.used_network? == network?.hash as i64)
    }
}

// What an owner calls a passkey is personal data.
impl std::fmt::Debug for OwnedPasskey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnedPasskey(..)")
    }
}

/// A customer's passkeys.
pub struct Passkeys<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
    pub(crate) noted: Option<Noted>,
}

impl Passkeys<'_> {
    /// What is called from here on leaves a row that says who did it.
    pub fn noted(mut self, noted: Noted) -> Self {
        self.noted = Some(noted);
        self
    }

    /// The passkeys of a living customer, the oldest first. One whose removal stopped half way is among them: its owner can ask again.
    pub fn of(&mut self, owner: &OwnerId) -> Result<Vec<OwnedPasskey>, Fault> {
        let key = &self.keys.rows;
        let params = owned(owner, Standing::Dead);
        let found = self.db.snapshot(|tx| {
            let rows = authentic::select(tx, key, &PASSKEYS, NOT_DEAD, &params, |row| {
                (numbered_cell::<Standing>(row, 4), owned_passkey(row))
            })?;
            Ok((field_key(tx, self.keys, owner)?, rows))
        })?;
        let (Some(field_key), rows) = found else {
            return Ok(Vec::new());
        };
        let mut passkeys = Vec::with_capacity(rows.len());
        for (standing, (mut passkey, sealed)) in rows {
            if matches!(standing, Standing::Pending | Standing::Suspended) {
                continue;
            }
            if let Some(sealed) = sealed {
                let place = place("passkeys", "name", &passkey.stored.credential);
                let name = String::from_utf8(field_key.open(place, &sealed)?);
                let name = name.map_err(|_| Fault::broken("a sealed name is not text"))?;
                passkey.name = Some(name);
            }
            passkeys.push(passkey);
        }
        Ok(passkeys)
    }

    /// The ids of all passkeys that may ever sign in for an owner: also of one that is just being added, or whose removal has not
    /// ended. A browser is told to forget all others.
    pub fn accepted(&mut self, owner: &OwnerId) -> Result<Vec<Vec<u8>>, Fault> {
        let key = &self.keys.rows;
        let params = owned(owner, Standing::Dead);
        self.db.snapshot(|tx| {
            authentic::select(tx, key, &PASSKEYS, NOT_DEAD, &params, |row| {
                row.blob(0).to_vec()
            })
        })
    }

    /// First step of adding: the row, pending. Returns the fingerprint to bind. A refusal writes nothing.
    pub fn begin_adding(
        &mut self,
        new: &NewPasskey,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<Result<Fingerprint, AddRefusal>, Fault> {
        self.begin_adding_beside(new, PASSKEYS_MAX, now, seed)
    }

    /// The same for somebody who comes back: however many there are, they make room at the end of it.
    pub fn begin_recovering(
        &mut self,
        new: &NewPasskey,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<Result<Fingerprint, AddRefusal>, Fault> {
        self.begin_adding_beside(new, usize::MAX, now, seed)
    }

    fn begin_adding_beside(
        &mut self,
        new: &NewPasskey,
        passkeys_max: usize,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<Result<Fingerprint, AddRefusal>, Fault> {
        let credential = &new.passkey.credential;
        let fingerprint = self.keys.fingerprint("credential", credential);
        let (keys, rows) = (self.keys, &self.keys.rows);
        self.db.transaction(|tx| {
            let Some(field_key) = field_key(tx, keys, new.owner)? else {
                return Ok(Err(AddRefusal::OwnerGone));
            };
            let params = owned(new.owner, Standing::Dead);
            let theirs = authentic::select(tx, rows, &PASSKEYS, NOT_DEAD, &params, |row| {
                numbered_cell::<Standing>(row, 4) != Standing::Suspended
            })?;
            if theirs.into_iter().filter(|counts| *counts).count() >= passkeys_max {
                return Ok(Err(AddRefusal::TooMany));
            }
            let known = tx.query_first(
                "SELECT 1 FROM passkeys WHERE credential = $1",
                &[Param::Blob(credential)],
                |row| row.int(0),
            )?;
            if known.is_some() {
                return Ok(Err(AddRefusal::CredentialTaken));
            }
            let sealed = new
                .name
                .map(|name| seal_name(&field_key, credential, name, seed));
            let described = Described {
                name: sealed.as_deref(),
                agent: Some(new.agent),
            };
            let (owned, keyed) = (
                (Surface::Wallet, new.owner),
                (fingerprint, Standing::Pending),
            );
            new.passkey
                .insert(tx, rows, owned, keyed, &described, now)?;
            Ok(Ok(fingerprint))
        })
    }

    /// Last step of adding, after the act; false if the row is not there any more: its owner was erased meanwhile.
    pub fn finish_adding(&mut self, owner: &OwnerId, credential: &[u8]) -> Result<bool, Fault> {
        let key = &self.keys.rows;
        let (named, active) = (of_owner(owner, credential), Standing::Active.param());
        self.db.transaction(|tx| {
            let standings = authentic::select(tx, key, &PASSKEYS, BY_CREDENTIAL, &named, |row| {
                numbered_cell::<Standing>(row, 4)
            })?;
            match standings.first() {
                // A sweep may have asked the book before.
                Some(Standing::Active) => Ok(true),
                Some(Standing::Pending) => {
                    let changes = [("status", active)];
                    authentic::update(tx, key, &PASSKEYS, BY_CREDENTIAL, &named, &changes)?;
                    Ok(true)
                }
                _ => Ok(false),
            }
        })
    }

    /// Takes a pending passkey back after the book refused to bind it.
    pub fn abandon_adding(&mut self, owner: &OwnerId, credential: &[u8]) -> Result<(), Fault> {
        let named = of_owner(owner, credential);
        let params = [named[0], named[1], named[2], Standing::Pending.param()];
        self.db
            .execute(
                "DELETE FROM passkeys WHERE credential = $1 AND surface = $2 AND owner = $3 AND status = $4",
                &params,
            )
            .map(drop)
    }

    /// First step of removing: the passkey may do nothing from here on. Returns the fingerprint to revoke. Asked again for one whose
    /// removal stopped half way, it goes on with it. A refusal writes nothing.
    pub fn begin_removing(
        &mut self,
        owner: &OwnerId,
        credential: &[u8],
        now: Timestamp,
    ) -> Result<Result<Fingerprint, RemovePasskeyRefusal>, Fault> {
        let key = &self.keys.rows;
        let named = of_owner(owner, credential);
        self.db.transaction(|tx| {
            let found = authentic::select(tx, key, &PASSKEYS, BY_CREDENTIAL, &named, |row| {
                (numbered_cell::<Standing>(row, 4), fingerprint_cell(row, 3))
            })?;
            match found.first() {
                Some((Standing::Leaving, fingerprint)) => Ok(Ok(*fingerprint)),
                Some((Standing::Active, fingerprint)) => {
                    if !way_in_remains(tx, key, owner, credential)? {
                        return Ok(Err(RemovePasskeyRefusal::LastFactor));
                    }
                    let leaving = [
                        ("status", Standing::Leaving.param()),
                        ("leaving_at", at(now)),
                    ];
                    authentic::update(tx, key, &PASSKEYS, BY_CREDENTIAL, &named, &leaving)?;
                    Ok(Ok(*fingerprint))
                }
                _ => Ok(Err(RemovePasskeyRefusal::Unknown)),
            }
        })
    }

    /// Last step of removing, after the act: the row is dead, its public key and name are gone, and the sessions that it opened have
    /// ended. Of sessions that an older program began nobody knows what opened them: they end too, but for `kept`.
    pub fn finish_removing(
        &mut self,
        owner: &OwnerId,
        credential: &[u8],
        kept: Option<&SessionId>,
    ) -> Result<Vec<EndedSession>, Fault> {
        let key = &self.keys.rows;
        self.db
            .transaction(|tx| bury(tx, key, owner, credential, kept))
    }

    /// Whether the owner may remove one of these passkeys: some other one would be left.
    pub fn may_remove(&mut self, owner: &OwnerId, credential: &[u8]) -> Result<bool, Fault> {
        let key = &self.keys.rows;
        self.db
            .snapshot(|tx| way_in_remains(tx, key, owner, credential))
    }

    /// Calls a passkey by another name; false if the owner has none of that id.
    pub fn rename(
        &mut self,
        owner: &OwnerId,
        wallet: WalletId,
        credential: &[u8],
        name: &str,
        seed: &Seed,
    ) -> Result<bool, Fault> {
        let noted = self.noted.take();
        let (keys, key) = (self.keys, &self.keys.rows);
        let named = of_owner(owner, credential);
        self.db.transaction(|tx| {
            let Some(field_key) = field_key(tx, keys, owner)? else {
                return Ok(false);
            };
            let sealed = seal_name(&field_key, credential, name, seed);
            let living = "WHERE credential = $1 AND surface = $2 AND owner = $3 AND status = $4";
            let params = [named[0], named[1], named[2], Standing::Active.param()];
            let called = [("name", Param::Blob(&sealed))];
            let changed = authentic::update(tx, key, &PASSKEYS, living, &params, &called)?;
            if let (1, Some(noted)) = (changed, &noted) {
                let about = About::Ledger(Subject::Wallet(wallet));
                noted.write(tx, RegistryCommand::NamePasskey, about)?;
            }
            Ok(changed == 1)
        })
    }

    /// Asks the book about addings and removals that stopped half way.
    pub fn settle(&mut self, named: &mut dyn Named, now: Timestamp) -> Result<Reconciled, Fault> {
        let mut done = Reconciled::default();
        self.settle_begun_before(now.minus(ON_ITS_WAY), named, &mut done)?;
        Ok(done)
    }

    pub(super) fn reconcile(
        &mut self,
        named: &mut dyn Named,
        done: &mut Reconciled,
    ) -> Result<(), Fault> {
        self.settle_begun_before(Timestamp(i64::MAX), named, done)
    }

    fn settle_begun_before(
        &mut self,
        before: Timestamp,
        named: &mut dyn Named,
        done: &mut Reconciled,
    ) -> Result<(), Fault> {
        let mut waiting = self.db.query(ON_THEIR_WAY, &[], |row| OnItsWay {
            surface: numbered_cell(row, 6),
            credential: row.blob(0).to_vec(),
            owner: OwnerId(row.bytes(1)),
            fingerprint: fingerprint_cell(row, 2),
            standing: numbered_cell(row, 3),
            since: opt_instant_cell(row, 5).unwrap_or_else(|| instant_cell(row, 4)),
        })?;
        waiting.retain(|one| one.surface == Surface::Wallet && one.since < before);
        // Passkeys of people who are still being enrolled are settled with them (`people.rs`).
        let mut of_customers = Vec::with_capacity(waiting.len());
        for one in waiting {
            let enrolled = self.db.query_first(
                "SELECT 1 FROM people WHERE person = $1 AND status = $2",
                &[Param::Blob(&one.owner.0), Standing::Active.param()],
                |row| row.int(0),
            )?;
            of_customers.extend(enrolled.map(|_| one));
        }
        let waiting = of_customers;
        let fingerprints: Vec<Fingerprint> = waiting.iter().map(|one| one.fingerprint).collect();
        if fingerprints.is_empty() {
            return Ok(());
        }
        for (one, wallet) in waiting.iter().zip(named.wallets_of(&fingerprints)?) {
            let key = &self.keys.rows;
            let params = of_owner(&one.owner, &one.credential);
            self.db.transaction(|tx| {
                match (wallet.is_some(), one.standing) {
                    // A removal that the book never heard of: the passkey stays, and its owner, who was told of a fault, asks again.
                    (true, _) => {
                        let active = [("status", Standing::Active.param()), ("leaving_at", Param::Null)];
                        authentic::update_proven(tx, key, &PASSKEYS, BY_CREDENTIAL, &params, &active)?;
                    }
                    (false, Standing::Pending) => {
                        tx.execute(
                            "DELETE FROM passkeys WHERE credential = $1 AND surface = $2 AND owner = $3",
                            &params,
                        )?;
                    }
                    (false, _) => drop(bury(tx, key, &one.owner, &one.credential, None)?),
                }
                Ok(())
            })?;
            match wallet {
                Some(_) => done.finished += 1,
                None => done.dead += 1,
            }
        }
        Ok(())
    }
}

/// Would the account still have a way in of its highest assurance without this passkey? Today that is another passkey that works; what
/// will be as strong is counted here too, and then it may be the last passkey that goes.
fn way_in_remains(
    tx: &mut Tx,
    key: &Secret,
    owner: &OwnerId,
    without: &[u8],
) -> Result<bool, Fault> {
    let which = "WHERE owner = $1 AND surface = $2 AND status = $3 AND credential <> $4 LIMIT 1";
    let params = [
        Param::Blob(&owner.0),
        Surface::Wallet.param(),
        Standing::Active.param(),
        Param::Blob(without),
    ];
    let others = authentic::select(tx, key, &PASSKEYS, which, &params, |_| ())?;
    Ok(!others.is_empty())
}

fn bury(
    tx: &mut Tx,
    key: &Secret,
    owner: &OwnerId,
    credential: &[u8],
    kept: Option<&SessionId>,
) -> Result<Vec<EndedSession>, Fault> {
    let named = of_owner(owner, credential);
    let found = authentic::select_proven(tx, key, &PASSKEYS, BY_CREDENTIAL, &named, |row| {
        fingerprint_cell(row, 3)
    })?;
    let Some(fingerprint) = found.into_iter().next() else {
        return Ok(Vec::new());
    };
    let gone = [
        ("status", Standing::Dead.param()),
        ("passkey", Param::Text("")),
        ("name", Param::Null),
        ("agent", Param::Null),
        ("used_network", Param::Null),
        ("leaving_at", Param::Null),
    ];
    authentic::update(tx, key, &PASSKEYS, BY_CREDENTIAL, &named, &gone)?;
    end_opened_by_in(tx, Surface::Wallet, owner, fingerprint, kept)
}

/// A step between two that stopped, or is being made.
struct OnItsWay {
    surface: Surface,
    credential: Vec<u8>,
    owner: OwnerId,
    fingerprint: Fingerprint,
    standing: Standing,
    since: Timestamp,
}

fn owned(owner: &OwnerId, but: Standing) -> [Param<'_>; 3] {
    [Param::Blob(&owner.0), Surface::Wallet.param(), but.param()]
}

fn of_owner<'a>(owner: &'a OwnerId, credential: &'a [u8]) -> [Param<'a>; 3] {
    [
        Param::Blob(credential),
        Surface::Wallet.param(),
        Param::Blob(&owner.0),
    ]
}

/// The columns are those of [`PASSKEYS`]; the name comes sealed.
fn owned_passkey(row: &Row) -> (OwnedPasskey, Option<Vec<u8>>) {
    let passkey = OwnedPasskey {
        stored: StoredPasskey::of(row),
        fingerprint: fingerprint_cell(row, 3),
        name: None,
        agent: match row.opt_int(10) {
            Some(_) => numbered_cell(row, 10),
            None => AgentFamily::Unknown,
        },
        made_at: instant_cell(row, 7),
        used_at: opt_instant_cell(row, 8),
        used_network: row.opt_int(11),
    };
    (passkey, row.opt_blob(9).map(<[u8]>::to_vec))
}

/// What seals the fields of a living customer.
fn field_key(tx: &mut Tx, keys: &RegistryKeys, owner: &OwnerId) -> Result<Option<SealKey>, Fault> {
    let which = "WHERE person = $1 AND status = $2";
    let params = [Param::Blob(&owner.0), Standing::Active.param()];
    let wrapped = authentic::select(tx, &keys.rows, &PEOPLE, which, &params, |row| {
        row.blob(4).to_vec()
    })?;
    let Some(wrapped) = wrapped.into_iter().next() else {
        return Ok(None);
    };
    let place = place("people", "field_key", &owner.0);
    keys.wrap.unwrap(place, &wrapped).map(Some)
}

fn seal_name(field_key: &SealKey, credential: &[u8], name: &str, seed: &Seed) -> Vec<u8> {
    let place = place("passkeys", "name", credential);
    field_key.seal(place, seed.take("passkey name nonce"), name.as_bytes())
}
