//! Ten codes that a customer prints or writes down, for the day when the phone is gone.
//!
//! 95 random bits each (`saved_code.rs`), stored as keyed hashes of owner and code, one use each. New ones end the old ones. None of them opens anything
//! alone at once (`recovery_ways.rs`).

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param, Tx};
use mamori_domain::event::Subject;
use mamori_domain::ids::WalletId;
use mamori_domain::world::Timestamp;

use crate::acts::{About, Noted, RegistryCommand};
use crate::authentic::{self, SAVED_CODES};
use crate::factors::OwnerId;
use crate::recovery_letters::{RecoveryNews, RecoveryWords, tell_news};
use crate::saved_code::SavedCode;
use crate::seed::Seed;
use crate::{RegistryKeys, at, instant_cell};

/// How many there are at a time.
pub const RECOVERY_CODES: usize = 10;

/// Saved codes.
pub struct RecoveryCodes<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
}

impl RecoveryCodes<'_> {
    /// How many are left, and when they were made; None for who never made any.
    pub fn left(&mut self, owner: &OwnerId) -> Result<Option<(usize, Timestamp)>, Fault> {
        let key = &self.keys.rows;
        let which = "WHERE owner = $1 ORDER BY made_at";
        let rows = self.db.snapshot(|tx| {
            authentic::select(
                tx,
                key,
                &SAVED_CODES,
                which,
                &[Param::Blob(&owner.0)],
                |row| (instant_cell(row, 2), row.opt_int(3).is_none()),
            )
        })?;
        let made_at = rows.first().map(|(made_at, _)| *made_at);
        let left = rows.iter().filter(|(_, is_left)| *is_left).count();
        Ok(made_at.map(|made_at| (left, made_at)))
    }

    /// Makes ten new ones in place of those before, and tells every contact.
    pub fn make(
        &mut self,
        owner: &OwnerId,
        wallet: WalletId,
        noted: &Noted,
        seed: &Seed,
        words: &RecoveryWords,
    ) -> Result<Vec<SavedCode>, Fault> {
        let codes: Vec<_> = (0..RECOVERY_CODES)
            .map(|n| SavedCode::draw(seed, &format!("recovery code {n}")))
            .collect();
        let keys = self.keys;
        self.db.transaction(|tx| {
            tx.execute(
                "DELETE FROM recovery_codes WHERE owner = $1",
                &[Param::Blob(&owner.0)],
            )?;
            for code in &codes {
                let cells = [
                    ("code", Param::Blob(&mac(keys, &owner.0, code))),
                    ("owner", Param::Blob(&owner.0)),
                    ("made_at", at(noted.now)),
                    ("used_at", Param::Null),
                ];
                authentic::insert(tx, &keys.rows, &SAVED_CODES, &cells)?;
            }
            let about = About::Ledger(Subject::Wallet(wallet));
            noted.write(tx, RegistryCommand::MakeRecoveryCodes, about)?;
            tell_news(
                tx,
                keys,
                &owner.0,
                RecoveryNews::CodesMade,
                noted.now,
                seed,
                words,
            )
        })?;
        Ok(codes)
    }
}

/// Whether a code is the owner's, and still there.
pub(crate) fn is_saved_code(
    tx: &mut Tx,
    keys: &RegistryKeys,
    owner: &[u8; 16],
    code: &SavedCode,
) -> Result<bool, Fault> {
    let mac = mac(keys, owner, code);
    let which = "WHERE code = $1 AND owner = $2 AND used_at IS NULL";
    let params = [Param::Blob(&mac), Param::Blob(owner)];
    let found = authentic::select(tx, &keys.rows, &SAVED_CODES, which, &params, |_| ())?;
    Ok(!found.is_empty())
}

/// Uses a code up; false for one that is not the owner's, or was used.
pub(crate) fn use_code(
    tx: &mut Tx,
    keys: &RegistryKeys,
    owner: &[u8; 16],
    code: &SavedCode,
    now: Timestamp,
) -> Result<bool, Fault> {
    let mac = mac(keys, owner, code);
    let which = "WHERE code = $1 AND owner = $2 AND used_at IS NULL";
    let params = [Param::Blob(&mac), Param::Blob(owner)];
    let used = [("used_at", at(now))];
    Ok(authentic::update(tx, &keys.rows, &SAVED_CODES, which, &params, &used)? == 1)
}

fn mac(keys: &RegistryKeys, owner: &[u8; 16], code: &SavedCode) -> [u8; 32] {
    keys.pepper.mac(&[b"recovery code", owner, code.expose()])
}
