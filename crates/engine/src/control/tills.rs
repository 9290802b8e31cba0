//! Tills: pairing codes and the devices enrolled with them.
//!
//! A till has one device at a time. Enrolment walks pending -> act `BindTill` -> active; every charge is checked against the
//! device the book names, so a row here gives no right by itself.

use crate::control::seed::Seed;
use crate::control::{
    Control, MICROS, Named, Reconciled, Standing, fingerprint_cell, id_cell, token_hash,
};
use crate::fault::Fault;
use crate::sql::Param;
use mamori_domain::ids::{Fingerprint, TillId};

/// How long a pairing code works.
pub const PAIRING_CODE_SECONDS: i64 = 600;

/// Why a pairing code is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairingRefusal {
    /// Never made, replaced by a newer one, or for another house.
    Wrong,
    /// Older than [`PAIRING_CODE_SECONDS`].
    Expired,
    /// A device was enrolled with it.
    Used,
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
    pub made_at: i64,
}

impl Control {
    /// Makes a pairing code of eight digits for a till; earlier codes of that till stop working.
    pub fn make_pairing_code(
        &mut self,
        till: TillId,
        now: i64,
        seed: &Seed,
    ) -> Result<String, Fault> {
        let code = format!("{:08}", seed.below(100_000_000, "pairing code"));
        let mac = self.keys.pepper.mac(&[b"pairing code", code.as_bytes()]);
        self.db.transaction(|tx| {
            tx.execute("DELETE FROM pairing_codes WHERE till = $1 OR made_at < $2", &[Param::Int(i64::from(till.0)), Param::Int(now - 86_400 * MICROS)])?;
            tx.execute(
                "INSERT INTO pairing_codes (code_mac, till, made_at) VALUES ($1, $2, $3)
                 ON CONFLICT (code_mac) DO UPDATE SET till = excluded.till, made_at = excluded.made_at, used_at = NULL",
                &[Param::Blob(&mac), Param::Int(i64::from(till.0)), Param::Int(now)],
            )
        })?;
        Ok(code)
    }

    /// First step: uses the code up and stores the device, pending. `token` is what the device's cookie will hold.
    pub fn begin_pairing(
        &mut self,
        code: &str,
        token: &[u8; 32],
        now: i64,
        seed: &Seed,
    ) -> Result<Result<Device, PairingRefusal>, Fault> {
        let mac = self.keys.pepper.mac(&[b"pairing code", code.as_bytes()]);
        let hash = token_hash(token);
        let device: [u8; 16] = seed.take("device");
        let fingerprint = self.fingerprint("till device", &hash);
        self.db.transaction(|tx| {
            let row = tx.query_first(
                "SELECT till, made_at, used_at FROM pairing_codes WHERE code_mac = $1",
                &[Param::Blob(&mac)],
                |row| (TillId(id_cell(row, 0)), row.int(1), row.opt_int(2)),
            )?;
            let till = match row {
                None => return Ok(Err(PairingRefusal::Wrong)),
                Some((_, _, Some(_))) => return Ok(Err(PairingRefusal::Used)),
                Some((_, made_at, None)) if !(made_at..made_at + PAIRING_CODE_SECONDS * MICROS).contains(&now) => return Ok(Err(PairingRefusal::Expired)),
                Some((till, _, None)) => till,
            };
            tx.execute("UPDATE pairing_codes SET used_at = $1 WHERE code_mac = $2", &[Param::Int(now), Param::Blob(&mac)])?;
            tx.execute(
                "INSERT INTO till_devices (device, token_hash, fingerprint, till, status, made_at) VALUES ($1, $2, $3, $4, $5, $6)",
                &[
                    Param::Blob(&device),
                    Param::Blob(&hash),
                    Param::Blob(&fingerprint.0.to_be_bytes()),
                    Param::Int(i64::from(till.0)),
                    Param::Int(Standing::Pending.as_number()),
                    Param::Int(now),
                ],
            )?;
            Ok(Ok(Device { device, till, fingerprint, made_at: now }))
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

    /// The active device with this token hash.
    pub fn device(&mut self, token_hash: &[u8; 32]) -> Result<Option<Device>, Fault> {
        self.db.query_first(
            "SELECT device, till, fingerprint, made_at FROM till_devices WHERE token_hash = $1 AND status = $2",
            &[Param::Blob(token_hash), Param::Int(Standing::Active.as_number())],
            device_row,
        )
    }

    /// The tills that have a device, ascending.
    pub fn enrolled_tills(&mut self) -> Result<Vec<TillId>, Fault> {
        self.db.query(
            "SELECT DISTINCT till FROM till_devices WHERE status = $1 ORDER BY till",
            &[Param::Int(Standing::Active.as_number())],
            |row| TillId(id_cell(row, 0)),
        )
    }

    /// Takes all devices of a till off; the act that unbinds the till comes first. Returns how many.
    pub fn remove_devices(&mut self, till: TillId) -> Result<u64, Fault> {
        self.db.execute(
            "DELETE FROM till_devices WHERE till = $1",
            &[Param::Int(i64::from(till.0))],
        )
    }

    pub(super) fn reconcile_devices(
        &mut self,
        named: &mut dyn Named,
        done: &mut Reconciled,
    ) -> Result<(), Fault> {
        let rows = self.db.query(
            "SELECT device, till, fingerprint, made_at, status FROM till_devices ORDER BY till, made_at",
            &[],
            |row| (device_row(row), row.int(4)),
        )?;
        for (device, status) in rows {
            let is_named = named.device_of(device.till)? == Some(device.fingerprint);
            if is_named && status == Standing::Active.as_number() {
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
            tx.execute(
                "UPDATE till_devices SET status = $1 WHERE device = $2",
                &[
                    Param::Int(Standing::Active.as_number()),
                    Param::Blob(device),
                ],
            )
        })
    }
}

fn device_row(row: &crate::sql::Row) -> Device {
    Device {
        device: row.bytes(0),
        till: TillId(id_cell(row, 1)),
        fingerprint: fingerprint_cell(row, 2),
        made_at: row.int(3),
    }
}
