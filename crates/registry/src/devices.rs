//! Tills: pairing codes and the devices enrolled with them.
//!
//! A till has one device at a time. Enrolment walks pending -> act `BindTill` -> active; every charge is checked against the
//! device the book names, so a row here gives no right by itself.

use std::time::Duration;

use crate::acts::{About, Noted, RegistryCommand};
use crate::authentic::{self, PAIRING_CODES, TILL_DEVICES};
use crate::seed::Seed;
use crate::{
    Named, Numbered, Reconciled, RegistryKeys, Standing, at, fingerprint_cell, id_cell,
    instant_cell, numbered_cell, opt_instant_cell, token_hash,
};
use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param};
use mamori_domain::event::Subject;
use mamori_domain::ids::{Fingerprint, TillId};
use mamori_domain::world::Timestamp;
use subtle::ConstantTimeEq;

/// How long a pairing code works.
pub const PAIRING_CODE_LIFE: Duration = Duration::from_secs(600);
/// Digits of a pairing code. The first half finds it, the second opens it.
pub const PAIRING_CODE_DIGITS: usize = 12;
/// Wrong second halves before a code is spent: 5 chances in a million, however many browsers guess.
pub const PAIRING_TRIES_MAX: i64 = 5;
const HALF: u64 = 1_000_000;
/// How long the row of a code stays.
const SWEPT_AFTER: Duration = Duration::from_secs(86_400);
/// First halves that are drawn until one is free. Ten thousand live codes leave a free one in all but 1 of 10⁸ cases.
const DRAWS: usize = 4;

const BY_MAC: &str = "WHERE code_mac = $1";

/// Why a pairing code is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairingRefusal {
    /// Never made, replaced by a newer one, or for another house.
    Wrong,
    /// Older than [`PAIRING_CODE_LIFE`].
    Expired,
    /// A device was enrolled with it.
    Used,
    /// [`PAIRING_TRIES_MAX`] wrong tries were aimed at it.
    Spent,
}

/// A device on its way or enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name: 16 random bytes, not a secret.
    pub device: [u8; 16],
    /// The till it speaks for.
    pub till: TillId,
    /// What the book calls it.
    pub fingerprint: Fingerprint,
    /// When it was enrolled.
    pub made_at: Timestamp,
}

/// Tills' devices, and the pairing codes that enrol them.
pub struct Devices<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
    pub(crate) noted: Option<Noted>,
}

impl Devices<'_> {
    /// The next change says who made it, in `registry_acts`.
    pub fn noted(mut self, noted: Noted) -> Self {
        self.noted = Some(noted);
        self
    }

    /// Makes a pairing code of [`PAIRING_CODE_DIGITS`] digits for a till, which works for [`PAIRING_CODE_LIFE`]; earlier codes
    /// of that till stop working. A retryable fault if every first half that was drawn belongs to another till's live code.
    pub fn make_pairing_code(
        &mut self,
        till: TillId,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<String, Fault> {
        let secret = format!("{:06}", seed.below(HALF, "pairing secret"));
        let drawn: Vec<(String, [u8; 32])> = (0..DRAWS)
            .map(|draw| {
                let finder = seed.below(HALF, &format!("pairing finder {draw}"));
                let finder = format!("{finder:06}");
                let mac = self.finder_mac(&finder);
                (finder, mac)
            })
            .collect();
        let secrets: Vec<[u8; 32]> = drawn
            .iter()
            .map(|(finder, _)| self.secret_mac(finder, &secret))
            .collect();
        let noted = self.noted.take();
        let key = &self.keys.rows;
        let taken = self.db.transaction(|tx| {
            if let Some(noted) = &noted {
                let about = About::Ledger(Subject::Till(till));
                noted.write(tx, RegistryCommand::MakePairingCode, about)?;
            }
            tx.execute(
                // A code that ran out stays for a day: who types it hears that, and not that it is wrong.
                "DELETE FROM pairing_codes WHERE till = $1 AND (made_at > $2 OR used_at IS NOT NULL) OR made_at < $3",
                &[
                    Param::Int(i64::from(till.0)),
                    at(now.minus(PAIRING_CODE_LIFE)),
                    at(now.minus(SWEPT_AFTER)),
                ],
            )?;
            for (draw, (_, mac)) in drawn.iter().enumerate() {
                // Another till's code that still works keeps its place.
                tx.execute(
                    "DELETE FROM pairing_codes WHERE code_mac = $1 AND (used_at IS NOT NULL OR made_at < $2)",
                    &[Param::Blob(mac), at(now.minus(PAIRING_CODE_LIFE))],
                )?;
                let is_taken = tx.query_first(
                    "SELECT 1 FROM pairing_codes WHERE code_mac = $1",
                    &[Param::Blob(mac)],
                    |row| row.int(0),
                )?;
                if is_taken.is_some() {
                    continue;
                }
                let cells = [
                    ("code_mac", Param::Blob(mac)),
                    ("till", Param::Int(i64::from(till.0))),
                    ("made_at", at(now)),
                    ("used_at", Param::Null),
                    ("secret_mac", Param::Blob(&secrets[draw])),
                    ("tries", Param::Int(0)),
                ];
                authentic::insert(tx, key, &PAIRING_CODES, &cells)?;
                return Ok(draw);
            }
            Err(Fault::retryable("no pairing code is free; ask again"))
        })?;
        Ok(format!("{}{secret}", drawn[taken].0))
    }

    /// The tills that a code waits for which still works.
    pub fn awaited_tills(&mut self, now: Timestamp) -> Result<Vec<TillId>, Fault> {
        self.db.query(
            "SELECT till FROM pairing_codes WHERE used_at IS NULL AND made_at > $1 ORDER BY till",
            &[at(now.minus(PAIRING_CODE_LIFE))],
            |row| TillId(id_cell(row, 0)),
        )
    }

    fn finder_mac(&self, finder: &str) -> [u8; 32] {
        self.keys.pepper.mac(&[b"pairing code", finder.as_bytes()])
    }

    fn secret_mac(&self, finder: &str, secret: &str) -> [u8; 32] {
        self.keys
            .pepper
            .mac(&[b"pairing secret", finder.as_bytes(), secret.as_bytes()])
    }

    /// First step: uses the code up and stores the device, pending. `token` is what the device's cookie will hold.
    ///
    /// Of a code that is wrong the try is counted, durably, against the code it was aimed at. An attacker who guesses blindly
    /// meets no code and delays no writer: that costs one look-up and writes nothing.
    pub fn begin_pairing(
        &mut self,
        code: &str,
        token: &[u8; 32],
        now: Timestamp,
        seed: &Seed,
    ) -> Result<Result<Device, PairingRefusal>, Fault> {
        let Some((finder, secret)) = code.split_at_checked(PAIRING_CODE_DIGITS / 2) else {
            return Ok(Err(PairingRefusal::Wrong));
        };
        let (mac, secret) = (self.finder_mac(finder), self.secret_mac(finder, secret));
        let found = self.db.query_first(
            "SELECT 1 FROM pairing_codes WHERE code_mac = $1",
            &[Param::Blob(&mac)],
            |row| row.int(0),
        )?;
        if found.is_none() {
            return Ok(Err(PairingRefusal::Wrong));
        }
        let hash = token_hash(token);
        let device: [u8; 16] = seed.take("device");
        let fingerprint = self.device_fingerprint(&hash);
        let key = &self.keys.rows;
        self.db.transaction(|tx| {
            let named = [Param::Blob(&mac)];
            let rows = authentic::select(tx, key, &PAIRING_CODES, BY_MAC, &named, |row| {
                let stands = (instant_cell(row, 2), opt_instant_cell(row, 3), row.int(5));
                (
                    TillId(id_cell(row, 1)),
                    stands,
                    row.opt_blob(4).map(<[u8]>::to_vec),
                )
            })?;
            let Some((till, (made_at, used_at, tries), Some(stored))) = rows.into_iter().next()
            else {
                return Ok(Err(PairingRefusal::Wrong));
            };
            if used_at.is_some() {
                return Ok(Err(PairingRefusal::Used));
            }
            let is_right = bool::from(secret.as_slice().ct_eq(&stored));
            if !(made_at..made_at.plus(PAIRING_CODE_LIFE)).contains(&now) {
                // Only who has the whole code hears that it was one.
                return Ok(Err(match is_right {
                    true => PairingRefusal::Expired,
                    false => PairingRefusal::Wrong,
                }));
            }
            if tries >= PAIRING_TRIES_MAX {
                return Ok(Err(PairingRefusal::Spent));
            }
            if !is_right {
                let counted = [("tries", Param::Int(tries + 1))];
                authentic::update(tx, key, &PAIRING_CODES, BY_MAC, &named, &counted)?;
                return Ok(Err(PairingRefusal::Wrong));
            }
            authentic::update(
                tx,
                key,
                &PAIRING_CODES,
                BY_MAC,
                &named,
                &[("used_at", at(now))],
            )?;
            let name = fingerprint.0.to_be_bytes();
            let cells = [
                ("device", Param::Blob(&device)),
                ("token_hash", Param::Blob(&hash)),
                ("fingerprint", Param::Blob(&name)),
                ("till", Param::Int(i64::from(till.0))),
                ("status", Standing::Pending.param()),
                ("made_at", at(now)),
            ];
            authentic::insert(tx, key, &TILL_DEVICES, &cells)?;
            Ok(Ok(Device {
                device,
                till,
                fingerprint,
                made_at: now,
            }))
        })
    }

    /// Last step, after the act: the device speaks for the till, and the one before it does not any more.
    pub fn finish_pairing(&mut self, device: &Device) -> Result<(), Fault> {
        self.settle_device(&device.device, i64::from(device.till.0), true)
            .map(|_| ())
    }

    /// Takes a pending device back after the book refused it.
    pub fn abandon_pairing(&mut self, device: &Device) -> Result<(), Fault> {
        self.settle_device(&device.device, i64::from(device.till.0), false)
            .map(|_| ())
    }

    /// The active device with this token hash. What the book calls it follows from the token: a row that says otherwise is a copy
    /// of another device's name, and no device.
    pub fn find(&mut self, token_hash: &[u8; 32]) -> Result<Option<Device>, Fault> {
        let which = "WHERE token_hash = $1 AND status = $2";
        let params = [Param::Blob(token_hash), Standing::Active.param()];
        let key = &self.keys.rows;
        let found = (self.db)
            .snapshot(|tx| authentic::select(tx, key, &TILL_DEVICES, which, &params, device_row))?
            .into_iter()
            .next();
        let own = self.device_fingerprint(token_hash);
        match found {
            Some(device) if device.fingerprint != own => Err(Fault::broken(
                "a row of till_devices bears the name of another device",
            )),
            found => Ok(found),
        }
    }

    fn device_fingerprint(&self, token_hash: &[u8; 32]) -> Fingerprint {
        self.keys.fingerprint("till device", token_hash)
    }

    /// The tills that have a device, ascending.
    pub fn enrolled_tills(&mut self) -> Result<Vec<TillId>, Fault> {
        self.db.query(
            "SELECT DISTINCT till FROM till_devices WHERE status = $1 ORDER BY till",
            &[Standing::Active.param()],
            |row| TillId(id_cell(row, 0)),
        )
    }

    /// Takes all devices of a till off; the act that unbinds the till comes first. Returns how many.
    pub fn remove_of(&mut self, till: TillId) -> Result<u64, Fault> {
        self.db.execute(
            "DELETE FROM till_devices WHERE till = $1",
            &[Param::Int(i64::from(till.0))],
        )
    }

    pub(super) fn reconcile(
        &mut self,
        named: &mut dyn Named,
        done: &mut Reconciled,
    ) -> Result<(), Fault> {
        let rows = self.db.query(
            "SELECT device, token_hash, fingerprint, till, status, made_at FROM till_devices ORDER BY till, made_at",
            &[],
            |row| (device_row(row), numbered_cell::<Standing>(row, 4)),
        )?;
        for (device, standing) in rows {
            let is_named = named.device_of(device.till)? == Some(device.fingerprint);
            if is_named && standing == Standing::Active {
                continue;
            }
            self.settle_device(&device.device, i64::from(device.till.0), is_named)?;
            if is_named {
                done.finished += 1
            } else {
                done.dead += 1
            }
        }
        Ok(())
    }

    fn settle_device(
        &mut self,
        device: &[u8; 16],
        till: i64,
        is_named: bool,
    ) -> Result<u64, Fault> {
        let key = &self.keys.rows;
        self.db.transaction(|tx| {
            if !is_named {
                return tx.execute(
                    "DELETE FROM till_devices WHERE device = $1",
                    &[Param::Blob(device)],
                );
            }
            tx.execute(
                "DELETE FROM till_devices WHERE till = $1 AND device <> $2",
                &[Param::Int(till), Param::Blob(device)],
            )?;
            let (which, named) = ("WHERE device = $1", [Param::Blob(device)]);
            let active = [("status", Standing::Active.param())];
            authentic::update_proven(tx, key, &TILL_DEVICES, which, &named, &active)
        })
    }
}

/// The columns are those of [`TILL_DEVICES`].
fn device_row(row: &mamori_datastore::sql::Row) -> Device {
    Device {
        device: row.bytes(0),
        till: TillId(id_cell(row, 3)),
        fingerprint: fingerprint_cell(row, 2),
        made_at: instant_cell(row, 5),
    }
}
