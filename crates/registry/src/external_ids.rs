//! Accounts at other providers that customers have linked: a first factor, worth something only together with a code by time.
//!
//! | step of linking | where it is written |
//! |---|---|
//! | the link waits for the book | here, pending |
//! | the book names its fingerprint | ledger |
//! | it is active | here |
//!
//! | step of unlinking | where it is written |
//! |---|---|
//! | another way in is left; the link is dead and empty, the sessions that it opened are gone | here, in one transaction |
//! | the book names it no more; then its row goes | ledger, here |
//!
//! An account elsewhere is a keyed hash of issuer and subject, in this order and both together. Neither subject nor name nor mail address
//! is stored: nobody is found by an address that a provider says somebody has.

use std::time::Duration;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::Secret;
use mamori_datastore::sql::{Db, Param, Row, Tx};
use mamori_domain::ids::{Fingerprint, WalletId};
use mamori_domain::world::Timestamp;

use crate::authentic::{self, EXTERNAL_IDS, PASSKEYS, PASSWORDS};
use crate::factors::OwnerId;
use crate::passwords::{
    FactorPair, NotAccepted, TotpRow, field_key, forget_failures, note_failure, tries_of,
};
use crate::seed::Seed;
use crate::sessions::end_opened_by_in;
use crate::{
    EndedSession, Named, Numbered, Reconciled, RegistryKeys, Standing, Surface, at,
    fingerprint_cell, instant_cell, opt_instant_cell,
};

/// How long a link may be on its way before the book is asked about it.
const ON_ITS_WAY: Duration = Duration::from_secs(120);

const OF_OWNER: &str = "WHERE owner = $1 AND status = $2";
const BY_SUBJECT: &str = "WHERE subject = $1 AND status = $2";

/// An account at a provider, as a verified token says it: a keyed hash of issuer and subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalSubject {
    issuer: String,
    hash: [u8; 32],
}

impl ExternalSubject {
    /// As it is sealed on its way to the code.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.hash[..], self.issuer.as_bytes()].concat()
    }

    /// Reads what [`ExternalSubject::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<ExternalSubject> {
        let (hash, issuer) = bytes.split_first_chunk::<32>()?;
        Some(ExternalSubject {
            issuer: String::from_utf8(issuer.to_vec()).ok()?,
            hash: *hash,
        })
    }

    /// Whose it is.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }
}

/// A link as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalId {
    /// Its name; not a secret.
    pub id: [u8; 16],
    pub issuer: String,
    pub made_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

/// Why a link is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkExternalRefusal {
    /// Somebody else has linked this account.
    Taken,
    /// The owner has an account of this provider already.
    HasOne,
    OwnerGone,
}

/// Why a link stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnlinkRefusal {
    Unknown,
    /// Without it nobody could sign in.
    LastWayIn,
}

/// A link that may do nothing any more, and that the book may still name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadExternalId {
    id: [u8; 16],
    pub wallet: WalletId,
    pub fingerprint: Fingerprint,
}

/// Accounts at other providers.
pub struct ExternalIds<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
}

impl RegistryKeys {
    pub(crate) fn external_subject(&self, issuer: &str, subject: &str) -> ExternalSubject {
        let parts: [&[u8]; 3] = [b"external id", issuer.as_bytes(), subject.as_bytes()];
        ExternalSubject {
            issuer: issuer.to_owned(),
            hash: self.pepper.mac(&parts),
        }
    }
}

/// The columns of [`EXTERNAL_IDS`].
struct ExternalRow {
    id: [u8; 16],
    owner: [u8; 16],
    fingerprint: Fingerprint,
    issuer: String,
    made_at: Timestamp,
    used_at: Option<Timestamp>,
}

impl ExternalRow {
    fn of(row: &Row) -> ExternalRow {
        ExternalRow {
            id: row.bytes(0),
            owner: row.bytes(1),
            fingerprint: fingerprint_cell(row, 2),
            issuer: row.text(4).to_owned(),
            made_at: instant_cell(row, 6),
            used_at: opt_instant_cell(row, 7),
        }
    }

    fn active(
        tx: &mut Tx,
        key: &Secret,
        subject: &ExternalSubject,
    ) -> Result<Option<ExternalRow>, Fault> {
        let params = [Param::Blob(&subject.hash), Standing::Active.param()];
        let found = authentic::select(tx, key, &EXTERNAL_IDS, BY_SUBJECT, &params, Self::of)?;
        Ok(found.into_iter().find(|row| row.issuer == subject.issuer))
    }
}

/// A link that is about to be written.
pub(crate) struct NewLink<'a> {
    id: [u8; 16],
    account: &'a ExternalSubject,
    pub(crate) fingerprint: Fingerprint,
}

impl<'a> NewLink<'a> {
    pub(crate) fn draw(keys: &RegistryKeys, account: &'a ExternalSubject, seed: &Seed) -> Self {
        let id: [u8; 16] = seed.take("external id row");
        NewLink {
            id,
            account,
            fingerprint: keys.fingerprint("external id", &[&id[..], &account.hash].concat()),
        }
    }

    /// Whose the account is already.
    pub(crate) fn owner(&self, tx: &mut Tx) -> Result<Option<[u8; 16]>, Fault> {
        tx.query_first(
            "SELECT owner FROM external_ids WHERE subject = $1 AND status <> 3",
            &[Param::Blob(&self.account.hash)],
            |row| row.bytes::<16>(0),
        )
    }

    pub(crate) fn insert(
        &self,
        tx: &mut Tx,
        keys: &RegistryKeys,
        owner: &OwnerId,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let named = self.fingerprint.0.to_be_bytes();
        let cells = [
            ("external_id", Param::Blob(&self.id)),
            ("owner", Param::Blob(&owner.0)),
            ("fingerprint", Param::Blob(&named)),
            ("status", Standing::Pending.param()),
            ("issuer", Param::Text(&self.account.issuer)),
            ("subject", Param::Blob(&self.account.hash)),
            ("made_at", at(now)),
            ("used_at", Param::Null),
        ];
        authentic::insert(tx, &keys.rows, &EXTERNAL_IDS, &cells)
    }
}

/// Makes the pending links of an owner active.
pub(crate) fn activate_pending(tx: &mut Tx, key: &Secret, owner: &[u8; 16]) -> Result<u64, Fault> {
    let params = [Param::Blob(owner), Standing::Pending.param()];
    let active = [("status", Standing::Active.param())];
    authentic::update_proven(tx, key, &EXTERNAL_IDS, OF_OWNER, &params, &active)
}

/// Removes the pending links of somebody who never came to be.
pub(crate) fn remove_pending(tx: &mut Tx, owner: &[u8; 16]) -> Result<(), Fault> {
    tx.execute(
        "DELETE FROM external_ids WHERE owner = $1 AND status = $2",
        &[Param::Blob(owner), Standing::Pending.param()],
    )
    .map(drop)
}

/// Makes the links of an owner that have one standing dead, and empties them.
pub(crate) fn bury(
    tx: &mut Tx,
    key: &Secret,
    owner: &[u8; 16],
    standing: Standing,
) -> Result<u64, Fault> {
    let params = [Param::Blob(owner), standing.param()];
    authentic::update_proven(tx, key, &EXTERNAL_IDS, OF_OWNER, &params, &GONE)
}

const GONE: [(&str, Param); 2] = [("status", Param::Int(3)), ("subject", Param::Blob(&[]))];

fn passkeys_of(tx: &mut Tx, owner: &[u8; 16]) -> Result<i64, Fault> {
    let counted = tx.query_first(
        "SELECT COUNT(*) FROM passkeys WHERE owner = $1 AND surface = $2 AND status = $3",
        &[
            Param::Blob(owner),
            Surface::Wallet.param(),
            Standing::Active.param(),
        ],
        |row| row.int(0),
    )?;
    Ok(counted.unwrap_or(0))
}

impl ExternalIds<'_> {
    /// The links of an owner, oldest first.
    pub fn of(&mut self, owner: &OwnerId) -> Result<Vec<ExternalId>, Fault> {
        let key = &self.keys.rows;
        let params = [Param::Blob(&owner.0), Standing::Active.param()];
        let which = "WHERE owner = $1 AND status = $2 ORDER BY made_at, external_id";
        let rows = self.db.snapshot(|tx| {
            authentic::select(tx, key, &EXTERNAL_IDS, which, &params, ExternalRow::of)
        })?;
        let shown = |row: ExternalRow| ExternalId {
            id: row.id,
            issuer: row.issuer,
            made_at: row.made_at,
            used_at: row.used_at,
        };
        Ok(rows.into_iter().map(shown).collect())
    }

    /// Who has linked an account.
    pub fn owner_of(&mut self, subject: &ExternalSubject) -> Result<Option<OwnerId>, Fault> {
        let key = &self.keys.rows;
        let found = (self.db).snapshot(|tx| ExternalRow::active(tx, key, subject))?;
        Ok(found.map(|row| OwnerId(row.owner)))
    }

    /// First step of linking: the row waits for the book. What an earlier try left waiting is given up.
    pub fn begin(
        &mut self,
        owner: &OwnerId,
        subject: &ExternalSubject,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<Result<Fingerprint, LinkExternalRefusal>, Fault> {
        let (keys, key) = (self.keys, &self.keys.rows);
        let link = NewLink::draw(keys, subject, seed);
        self.db.transaction(|tx| {
            if field_key(tx, keys, &owner.0)?.is_none() {
                return Ok(Err(LinkExternalRefusal::OwnerGone));
            }
            bury(tx, key, &owner.0, Standing::Pending)?;
            let taken = link.owner(tx)?;
            if taken.is_some_and(|by| by != owner.0) {
                return Ok(Err(LinkExternalRefusal::Taken));
            }
            let own = [Param::Blob(&owner.0), Standing::Active.param()];
            let own = authentic::select(tx, key, &EXTERNAL_IDS, OF_OWNER, &own, ExternalRow::of)?;
            if own.iter().any(|row| row.issuer == subject.issuer) {
                return Ok(Err(LinkExternalRefusal::HasOne));
            }
            link.insert(tx, keys, owner, now)?;
            Ok(Ok(link.fingerprint))
        })
    }

    /// After the book has named it. False where it was given up meanwhile.
    pub fn finish(&mut self, owner: &OwnerId) -> Result<bool, Fault> {
        let key = &self.keys.rows;
        let changed = (self.db).transaction(|tx| activate_pending(tx, key, &owner.0))?;
        Ok(changed > 0)
    }

    /// Gives up what waits, after the book said no.
    pub fn abandon(&mut self, owner: &OwnerId) -> Result<(), Fault> {
        let key = &self.keys.rows;
        self.db
            .transaction(|tx| bury(tx, key, &owner.0, Standing::Pending))
            .map(drop)
    }

    /// Ends a sign-in: the account is linked, the code is right, and both may still be used. A failure is counted before its answer
    /// leaves, and is the same whatever was wrong, for an account that nobody has linked too.
    pub fn prove(
        &mut self,
        subject: &ExternalSubject,
        code: &str,
        now: Timestamp,
    ) -> Result<Result<(OwnerId, FactorPair), NotAccepted>, Fault> {
        let (key, keys) = (&self.keys.rows, self.keys);
        let tries = keys.pepper.mac(&[b"external tries", &subject.hash]);
        let (_, wait) = (self.db).snapshot(|tx| tries_of(tx, &tries, now))?;
        if wait > 0 {
            return Ok(Err(NotAccepted::Wait(wait)));
        }
        self.db.transaction(|tx| {
            let (failed, wait) = tries_of(tx, &tries, now)?;
            if wait > 0 {
                return Ok(Err(NotAccepted::Wait(wait)));
            }
            let row = ExternalRow::active(tx, key, subject)?;
            // Nobody's: a name that no row has, so that the same statements run.
            let nobody: [u8; 16] = std::array::from_fn(|at| tries[at]);
            let person = row.as_ref().map_or(nobody, |row| row.owner);
            let totp = TotpRow::find(tx, key, &person)?;
            let field = field_key(tx, keys, &person)?;
            let has_passkey = passkeys_of(tx, &person)? > 0;
            let of_person = [Param::Blob(&person), Standing::Active.param()];
            let beside =
                authentic::select(tx, key, &PASSWORDS, OF_OWNER, &of_person, |row| row.flag(5))?;
            let is_on = !has_passkey || beside.contains(&true);
            let step = match (&totp, &field) {
                (Some(totp), Some(field)) => totp.step_of(field, code, now)?,
                _ => None,
            };
            if let (Some(row), Some(totp), Some(step)) = (&row, &totp, step)
                && is_on
                && totp.use_step(tx, key, step, now)?
            {
                let named = [Param::Blob(&row.id)];
                let used = [("used_at", at(now))];
                let by = "WHERE external_id = $1";
                authentic::update(tx, key, &EXTERNAL_IDS, by, &named, &used)?;
                forget_failures(tx, &tries)?;
                let pair = FactorPair {
                    first: row.fingerprint,
                    totp: totp.fingerprint,
                };
                return Ok(Ok((OwnerId(person), pair)));
            }
            note_failure(tx, &tries, failed, now)?;
            if let (Some(totp), None) = (&totp, step) {
                totp.note_wrong(tx, key)?;
            }
            tracing::info!(
                linked = row.is_some(),
                code = step.is_some(),
                on = is_on,
                failed = failed + 1,
                "a sign-in by external ID was refused"
            );
            Ok(Err(NotAccepted::Wrong))
        })
    }

    /// Unlinks an account; the sessions that it opened end. The book is still owed that it names it no more: see [`ExternalIds::dead`].
    pub fn unlink(
        &mut self,
        owner: &OwnerId,
        id: &[u8; 16],
    ) -> Result<Result<Vec<EndedSession>, UnlinkRefusal>, Fault> {
        let key = &self.keys.rows;
        self.db.transaction(|tx| {
            let which = "WHERE external_id = $1 AND owner = $2 AND status = $3";
            let named = [
                Param::Blob(id),
                Param::Blob(&owner.0),
                Standing::Active.param(),
            ];
            let found = authentic::select(tx, key, &EXTERNAL_IDS, which, &named, ExternalRow::of)?;
            let Some(row) = found.into_iter().next() else {
                return Ok(Err(UnlinkRefusal::Unknown));
            };
            let of_owner = [Param::Blob(&owner.0), Standing::Active.param()];
            let passwords = authentic::select(tx, key, &PASSWORDS, OF_OWNER, &of_owner, |_| ())?;
            let passkeys = [
                Param::Blob(&owner.0),
                Standing::Active.param(),
                Surface::Wallet.param(),
            ];
            let theirs = "WHERE owner = $1 AND status = $2 AND surface = $3";
            let passkeys = authentic::select(tx, key, &PASSKEYS, theirs, &passkeys, |_| ())?;
            if passwords.is_empty() && passkeys.is_empty() {
                return Ok(Err(UnlinkRefusal::LastWayIn));
            }
            authentic::update(tx, key, &EXTERNAL_IDS, which, &named, &GONE)?;
            let ended = end_opened_by_in(tx, Surface::Wallet, owner, row.fingerprint, None)?;
            Ok(Ok(ended))
        })
    }

    /// Dead links, of one owner or of anybody, at most 100: the book may name them still.
    pub fn dead(&mut self, owner: Option<&OwnerId>) -> Result<Vec<DeadExternalId>, Fault> {
        let map = |row: &Row| DeadExternalId {
            id: row.bytes(0),
            fingerprint: fingerprint_cell(row, 1),
            wallet: WalletId(u64::try_from(row.int(2)).unwrap_or(0)),
        };
        let dead = Standing::Dead.param();
        match owner {
            Some(owner) => self.db.query(
                "SELECT external_ids.external_id, external_ids.fingerprint, people.wallet FROM external_ids JOIN people ON people.person = external_ids.owner
                 WHERE external_ids.status = $1 AND external_ids.owner = $2 AND people.wallet IS NOT NULL LIMIT 100",
                &[dead, Param::Blob(&owner.0)],
                map,
            ),
            None => self.db.query(
                "SELECT external_ids.external_id, external_ids.fingerprint, people.wallet FROM external_ids JOIN people ON people.person = external_ids.owner
                 WHERE external_ids.status = $1 AND people.wallet IS NOT NULL LIMIT 100",
                &[dead],
                map,
            ),
        }
    }

    /// Last step, after the book names it no more.
    pub fn forget(&mut self, dead: &DeadExternalId) -> Result<(), Fault> {
        let params = [Param::Blob(&dead.id), Standing::Dead.param()];
        self.db
            .execute(
                "DELETE FROM external_ids WHERE external_id = $1 AND status = $2",
                &params,
            )
            .map(drop)
    }

    /// Asks the book about links that stopped half way.
    pub fn settle(&mut self, named: &mut dyn Named, now: Timestamp) -> Result<Reconciled, Fault> {
        let mut done = Reconciled::default();
        self.settle_before(named, now.minus(ON_ITS_WAY), &mut done)?;
        Ok(done)
    }

    fn settle_before(
        &mut self,
        named: &mut dyn Named,
        made_before: Timestamp,
        done: &mut Reconciled,
    ) -> Result<(), Fault> {
        let waiting = self.db.query(
            "SELECT external_ids.owner, external_ids.fingerprint FROM external_ids JOIN people ON people.person = external_ids.owner
             WHERE external_ids.status = $1 AND people.status = $2 AND external_ids.made_at < $3 LIMIT 1000",
            &[Standing::Pending.param(), Standing::Active.param(), at(made_before)],
            |row| (OwnerId(row.bytes(0)), fingerprint_cell(row, 1)),
        )?;
        for (owner, fingerprint) in waiting {
            match named.wallets_of(&[fingerprint])?.first() {
                Some(Some(_)) => done.finished += u64::from(self.finish(&owner)?),
                _ => {
                    done.dead += 1;
                    self.abandon(&owner)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn reconcile(
        &mut self,
        named: &mut dyn Named,
        done: &mut Reconciled,
    ) -> Result<(), Fault> {
        self.settle_before(named, Timestamp(i64::MAX), done)?;
        // Active rows that the book does not name: the book is older than the registry, after a restore. Page by page.
        let mut after: Vec<u8> = Vec::new();
        loop {
            let page = self.db.query(
                "SELECT external_id, fingerprint FROM external_ids WHERE external_id > $1 AND status = $2 ORDER BY external_id LIMIT 1000",
                &[Param::Blob(&after), Standing::Active.param()],
                |row| (row.blob(0).to_vec(), fingerprint_cell(row, 1)),
            )?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            after.clone_from(last);
            let theirs: Vec<Fingerprint> = page.iter().map(|(_, own)| *own).collect();
            for ((id, _), wallet) in page.iter().zip(named.wallets_of(&theirs)?) {
                if wallet.is_none() {
                    done.dead += 1;
                    let (key, by) = (&self.keys.rows, "WHERE external_id = $1");
                    self.db.transaction(|tx| {
                        let named = [Param::Blob(id)];
                        authentic::update_proven(tx, key, &EXTERNAL_IDS, by, &named, &GONE)
                    })?;
                }
            }
        }
    }
}
