//! Erasure of a person: the field key is destroyed, and with it everything that it sealed.
//!
//! The data goes first, in one transaction that also writes down what is still to do: the wallet is to be frozen and the
//! credentials revoked in the book. A program that dies between the steps has erased already; a sweep does the rest. Wallet id, times
//! and amounts stay: they are the ledger, and from here on they name no person.

use crate::authentic::{self, PASSKEYS, PASSWORDS, PEOPLE, TOTPS};
use crate::external_ids;
use crate::factors::OwnerId;
use crate::freeze_codes;
use crate::notices;
use crate::passwords::bury;
use crate::places;
use crate::sessions::end_all_in;
use crate::{
    Numbered, RegistryKeys, Standing, Surface, at, fingerprint_cell, instant_cell, wallet_number,
};
use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param, Row};
use mamori_domain::event::Subject;
use mamori_domain::ids::{Fingerprint, WalletId};
use mamori_domain::world::Timestamp;

/// An erasure whose data is gone and whose acts are still owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The user handle.
    pub person: OwnerId,
    /// To be frozen.
    pub wallet: WalletId,
    /// To be revoked.
    pub credentials: Vec<Fingerprint>,
}

/// What was destroyed of whom, and what the book is still owed.
pub struct Erasures<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
}

impl Erasures<'_> {
    /// First step: destroys all that names the owner of a wallet and ends their sessions; None if no living person owns it.
    /// The acts of the book are owed from then on, see [`unfinished`](Self::unfinished).
    pub fn begin(&mut self, wallet: WalletId, now: Timestamp) -> Result<Option<Erasure>, Fault> {
        let number = wallet_number(wallet)?;
        let (active, dead) = (Standing::Active.param(), Standing::Dead.param());
        let surface = Surface::Wallet.param();
        let key = &self.keys.rows;
        let person = self.db.transaction(|tx| {
            let person = tx.query_first(
                "SELECT person FROM people WHERE wallet = $1 AND status = $2",
                &[Param::Int(number), active],
                |row| row.bytes::<16>(0),
            )?;
            let Some(person) = person else {
                return Ok(None);
            };
            let who = Param::Blob(&person);
            notices::forget_person(tx, &person, number)?;
            places::forget_person(tx, &person)?;
            // A sign-up of the last two hours holds a contact of theirs, sealed under the store's key; so does a contact on its way.
            tx.execute(
                "DELETE FROM sign_ups WHERE person = $1 OR contact_index IN (SELECT contact_index FROM contacts WHERE person = $1)",
                &[who],
            )?;
            tx.execute("DELETE FROM contacts WHERE person = $1", &[who])?;
            tx.execute("DELETE FROM contact_changes WHERE person = $1", &[who])?;
            tx.execute("DELETE FROM recoveries WHERE person = $1", &[who])?;
            tx.execute("DELETE FROM recovery_codes WHERE owner = $1", &[who])?;
            tx.execute(
                "DELETE FROM trusted_contacts WHERE person = $1 OR other = $1",
                &[who],
            )?;
            // What was sealed in the lists of acts has lost its key; nothing is left of it either.
            tx.execute(
                "UPDATE registry_acts SET detail = NULL WHERE subject_kind = $1 AND subject_number = $2",
                &[
                    Param::Int(Subject::Wallet(wallet).kind()),
                    Param::Int(Subject::Wallet(wallet).number() as i64),
                ],
            )?;
            let gone = [
                ("status", dead),
                ("field_key", Param::Null),
                ("display_name", Param::Null),
            ];
            authentic::update(tx, key, &PEOPLE, "WHERE person = $1", &[who], &gone)?;
            // The fingerprints are still needed, for the book; the public keys are not.
            let theirs = "WHERE owner = $1 AND surface = $2";
            let gone = [
                ("status", dead),
                ("passkey", Param::Text("")),
                ("name", Param::Null),
                ("agent", Param::Null),
                ("used_network", Param::Null),
            ];
            authentic::update(tx, key, &PASSKEYS, theirs, &[who, surface], &gone)?;
            for table in [&PASSWORDS, &TOTPS] {
                for standing in [Standing::Pending, Standing::Active, Standing::Suspended] {
                    bury(tx, key, table, &person, standing)?;
                }
            }
            for standing in [Standing::Pending, Standing::Active, Standing::Suspended] {
                external_ids::bury(tx, key, &person, standing)?;
            }
            freeze_codes::forget(tx, &person)?;
            tx.execute("DELETE FROM closings WHERE person = $1", &[who])?;
            end_all_in(tx, key, Surface::Wallet, &OwnerId(person))?;
            // The wallet's permissions are revoked later, one by one; what merchants call the person goes now.
            tx.execute(
                "UPDATE permission_links SET reference = NULL WHERE permission IN (SELECT permission FROM permissions WHERE wallet = $1)",
                &[Param::Int(number)],
            )?;
            tx.execute(
                "INSERT INTO erasures (person, wallet, made_at) VALUES ($1, $2, $3)",
                &[who, Param::Int(number), at(now)],
            )?;
            Ok(Some(person))
        })?;
        let Some(person) = person else {
            return Ok(None);
        };
        self.db.lite_checkpoint("TRUNCATE")?;
        Ok(Some(Erasure {
            person: OwnerId(person),
            wallet,
            credentials: self.credentials_to_revoke(&person)?,
        }))
    }

    /// Erasures whose acts are still owed, oldest first, at most 100.
    pub fn unfinished(&mut self) -> Result<Vec<Erasure>, Fault> {
        let rows = self.db.query(
            "SELECT person, wallet FROM erasures WHERE finished_at IS NULL ORDER BY made_at LIMIT 100",
            &[],
            |row| (row.bytes::<16>(0), u64::try_from(row.int(1)).unwrap_or(0)),
        )?;
        rows.into_iter()
            .map(|(person, wallet)| {
                Ok(Erasure {
                    person: OwnerId(person),
                    wallet: WalletId(wallet),
                    credentials: self.credentials_to_revoke(&person)?,
                })
            })
            .collect()
    }

    /// Last step, after the acts: the credentials' rows go too.
    pub fn finish(&mut self, person: &OwnerId, now: Timestamp) -> Result<(), Fault> {
        let who = Param::Blob(&person.0);
        self.db.transaction(|tx| {
            tx.execute(
                "DELETE FROM passkeys WHERE owner = $1 AND surface = $2",
                &[who, Surface::Wallet.param()],
            )?;
            tx.execute("DELETE FROM passwords WHERE owner = $1", &[who])?;
            tx.execute("DELETE FROM totps WHERE owner = $1", &[who])?;
            tx.execute("DELETE FROM external_ids WHERE owner = $1", &[who])?;
            tx.execute(
                "UPDATE erasures SET finished_at = $1 WHERE person = $2",
                &[at(now), who],
            )
        })?;
        self.db.lite_checkpoint("TRUNCATE").map(drop)
    }

    /// When the owner of a wallet was erased, if so.
    pub fn erased_at(&mut self, wallet: WalletId) -> Result<Option<Timestamp>, Fault> {
        self.db.query_first(
            "SELECT made_at FROM erasures WHERE wallet = $1",
            &[Param::Int(wallet_number(wallet)?)],
            |row| instant_cell(row, 0),
        )
    }

    fn credentials_to_revoke(&mut self, person: &[u8; 16]) -> Result<Vec<Fingerprint>, Fault> {
        let who = Param::Blob(person);
        let fingerprint = |row: &Row| fingerprint_cell(row, 0);
        let mut credentials = self.db.query(
            "SELECT fingerprint FROM passkeys WHERE owner = $1 AND surface = $2 ORDER BY credential",
            &[who, Surface::Wallet.param()],
            fingerprint,
        )?;
        for of_table in [
            "SELECT fingerprint FROM passwords WHERE owner = $1 ORDER BY password",
            "SELECT fingerprint FROM totps WHERE owner = $1 ORDER BY totp",
            "SELECT fingerprint FROM external_ids WHERE owner = $1 ORDER BY external_id",
        ] {
            credentials.extend(self.db.query(of_table, &[who], fingerprint)?);
        }
        Ok(credentials)
    }
}
