//! Trusted contacts: customers whom another one has named to help with coming back. Invited by one with a link, accepted by the other.
//!
//! A trusted contact has a word once the yes is 72 hours old: who holds a wallet for a moment and names an accomplice gains nothing
//! before its owner, who is told at every contact, has taken that back.

use std::time::Duration;

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param, Row, Tx};
use mamori_domain::event::Subject;
use mamori_domain::ids::WalletId;
use mamori_domain::world::Timestamp;

use crate::acts::{About, Noted, RegistryCommand};
use crate::authentic::{self, TRUSTED_CONTACTS};
use crate::contact_rows::UNDO_LIFE;
use crate::factors::OwnerId;
use crate::recovery_letters::{RecoveryNews, RecoveryWords, tell_news};
use crate::seed::Seed;
use crate::{RegistryKeys, at, instant_cell, opt_instant_cell, token_hash};

/// Those of one person, invitations that wait counted in.
pub const TRUSTED_MAX: usize = 3;
const INVITATION_LIFE: Duration = Duration::from_secs(24 * 3_600);

/// Names one to both sides; not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedId(pub [u8; 16]);

/// One, as either side sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedContact {
    pub id: TrustedId,
    /// Who is helped.
    pub person: OwnerId,
    /// Who helps; None for an invitation that waits.
    pub other: Option<OwnerId>,
    pub made_at: Timestamp,
    /// When an invitation runs out.
    pub ends_at: Timestamp,
    pub accepted_at: Option<Timestamp>,
}

impl TrustedContact {
    fn of(row: &Row) -> TrustedContact {
        TrustedContact {
            id: TrustedId(row.bytes(0)),
            person: OwnerId(row.bytes(1)),
            other: row
                .opt_blob(3)
                .and_then(|id| id.try_into().ok())
                .map(OwnerId),
            made_at: instant_cell(row, 4),
            ends_at: instant_cell(row, 5),
            accepted_at: opt_instant_cell(row, 6),
        }
    }

    fn lives(&self, now: Timestamp) -> bool {
        self.accepted_at.is_some() || (self.made_at..self.ends_at).contains(&now)
    }

    /// From when on it has a word; None for an invitation.
    pub fn settles_at(&self) -> Option<Timestamp> {
        self.accepted_at.map(|at| at.plus(UNDO_LIFE))
    }
}

/// Why an invitation is not made or not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InviteRefusal {
    /// There are [`TRUSTED_MAX`].
    TooMany,
    /// The link is unknown, used, withdrawn or too old: not told apart.
    Unknown,
    /// It is the person's own link, or the two know each other in this way already.
    NotYou,
}

/// Trusted contacts.
pub struct Trusted<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
}

impl Trusted<'_> {
    /// Those of a person, and those whom the person helps.
    pub fn of(&mut self, person: &OwnerId, now: Timestamp) -> Result<Vec<TrustedContact>, Fault> {
        let keys = self.keys;
        self.db.snapshot(|tx| of(tx, keys, &person.0, now))
    }

    /// Makes an invitation; the caller hands out `secret`.
    pub fn invite(
        &mut self,
        person: &OwnerId,
        wallet: WalletId,
        secret: &[u8; 32],
        noted: &Noted,
        seed: &Seed,
    ) -> Result<Result<(), InviteRefusal>, Fault> {
        let keys = self.keys;
        self.db.transaction(|tx| {
            let there = of(tx, keys, &person.0, noted.now)?;
            if there.iter().filter(|one| one.person == *person).count() >= TRUSTED_MAX {
                return Ok(Err(InviteRefusal::TooMany));
            }
            let id: [u8; 16] = seed.take("trusted contact");
            let cells = [
                ("trusted", Param::Blob(&id)),
                ("person", Param::Blob(&person.0)),
                ("invite_hash", Param::Blob(&token_hash(secret))),
                ("other", Param::Null),
                ("made_at", at(noted.now)),
                ("ends_at", at(noted.now.plus(INVITATION_LIFE))),
                ("accepted_at", Param::Null),
            ];
            authentic::insert(tx, &keys.rows, &TRUSTED_CONTACTS, &cells)?;
            let about = About::Ledger(Subject::Wallet(wallet));
            noted.write(tx, RegistryCommand::InviteTrustedContact, about)?;
            Ok(Ok(()))
        })
    }

    /// Who has invited with this secret.
    pub fn invited_by(
        &mut self,
        secret: &[u8; 32],
        other: &OwnerId,
        now: Timestamp,
    ) -> Result<Result<OwnerId, InviteRefusal>, Fault> {
        let keys = self.keys;
        self.db.snapshot(|tx| {
            Ok(invitation(tx, keys, secret, other, now)?.map(|invitation| invitation.person))
        })
    }

    /// The yes of the other one; the inviter's contacts are told.
    pub fn accept(
        &mut self,
        secret: &[u8; 32],
        other: &OwnerId,
        wallet: WalletId,
        noted: &Noted,
        seed: &Seed,
        words: &RecoveryWords,
    ) -> Result<Result<(), InviteRefusal>, Fault> {
        let keys = self.keys;
        self.db.transaction(|tx| {
            let invitation = match invitation(tx, keys, secret, other, noted.now)? {
                Ok(invitation) => invitation,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let which = "WHERE trusted = $1 AND other IS NULL";
            let params = [Param::Blob(&invitation.id.0)];
            let yes = [
                ("other", Param::Blob(&other.0)),
                ("accepted_at", at(noted.now)),
            ];
            authentic::update(tx, &keys.rows, &TRUSTED_CONTACTS, which, &params, &yes)?;
            let about = About::Ledger(Subject::Wallet(wallet));
            noted.write(tx, RegistryCommand::AcceptTrustedContact, about)?;
            let person = &invitation.person.0;
            tell_news(
                tx,
                keys,
                person,
                RecoveryNews::TrustedAdded,
                noted.now,
                seed,
                words,
            )?;
            Ok(Ok(()))
        })
    }

    /// Ends one, asked by either side; false if there is none of that name between them.
    pub fn remove(
        &mut self,
        id: &TrustedId,
        by: &OwnerId,
        wallet: WalletId,
        noted: &Noted,
        seed: &Seed,
        words: &RecoveryWords,
    ) -> Result<bool, Fault> {
        let keys = self.keys;
        self.db.transaction(|tx| {
            let which = "WHERE trusted = $1 AND (person = $2 OR other = $2)";
            let params = [Param::Blob(&id.0), Param::Blob(&by.0)];
            let found = authentic::select(
                tx,
                &keys.rows,
                &TRUSTED_CONTACTS,
                which,
                &params,
                TrustedContact::of,
            )?;
            let Some(one) = found.into_iter().next() else {
                return Ok(false);
            };
            tx.execute(
                "DELETE FROM trusted_contacts WHERE trusted = $1",
                &params[..1],
            )?;
            let about = About::Ledger(Subject::Wallet(wallet));
            noted.write(tx, RegistryCommand::RemoveTrustedContact, about)?;
            if one.accepted_at.is_some() {
                let news = RecoveryNews::TrustedRemoved;
                tell_news(tx, keys, &one.person.0, news, noted.now, seed, words)?;
            }
            Ok(true)
        })
    }

    /// Forgets invitations that ran out; returns how many.
    pub fn sweep(&mut self, now: Timestamp) -> Result<u64, Fault> {
        self.db.execute(
            "DELETE FROM trusted_contacts WHERE trusted IN (SELECT trusted FROM trusted_contacts WHERE other IS NULL AND ends_at <= $1 LIMIT 500)",
            &[at(now)],
        )
    }
}

/// Whoever may be asked for a person now.
pub(crate) fn with_a_word(
    tx: &mut Tx,
    keys: &RegistryKeys,
    person: &[u8; 16],
    now: Timestamp,
) -> Result<Vec<OwnerId>, Fault> {
    let mut found = of(tx, keys, person, now)?;
    found.retain(|one| one.person.0 == *person && one.settles_at().is_some_and(|at| at <= now));
    Ok(found.into_iter().filter_map(|one| one.other).collect())
}

fn of(
    tx: &mut Tx,
    keys: &RegistryKeys,
    person: &[u8; 16],
    now: Timestamp,
) -> Result<Vec<TrustedContact>, Fault> {
    let which = "WHERE person = $1 OR other = $1 ORDER BY made_at, trusted";
    let params = [Param::Blob(person)];
    let mut found = authentic::select_proven(
        tx,
        &keys.rows,
        &TRUSTED_CONTACTS,
        which,
        &params,
        TrustedContact::of,
    )?;
    found.retain(|one| one.lives(now));
    Ok(found)
}

fn invitation(
    tx: &mut Tx,
    keys: &RegistryKeys,
    secret: &[u8; 32],
    other: &OwnerId,
    now: Timestamp,
) -> Result<Result<TrustedContact, InviteRefusal>, Fault> {
    let which = "WHERE invite_hash = $1 AND other IS NULL";
    let params = [Param::Blob(&token_hash(secret))];
    let found = authentic::select(
        tx,
        &keys.rows,
        &TRUSTED_CONTACTS,
        which,
        &params,
        TrustedContact::of,
    )?;
    let Some(found) = found.into_iter().next().filter(|one| one.lives(now)) else {
        return Ok(Err(InviteRefusal::Unknown));
    };
    let knows = of(tx, keys, &found.person.0, now)?;
    let is_known = knows
        .iter()
        .any(|one| one.person == found.person && one.other == Some(*other));
    Ok(match found.person == *other || is_known {
        true => Err(InviteRefusal::NotYou),
        false => Ok(found),
    })
}
