//! Freeze codes: whoever has the one of a wallet stops it, from any browser, without signing in.
//!
//! A customer has one at most; a new one ends the one before. It is kept as a keyed hash. It does not wear out: a wallet that was started
//! again too early can be stopped again with the same sheet of paper. It gives no session and no factor, and starts nothing.

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param, Tx};
use mamori_domain::event::Subject;
use mamori_domain::ids::WalletId;
use mamori_domain::world::Timestamp;

use crate::acts::{About, Noted, RegistryCommand};
use crate::authentic::{self, FREEZE_CODES, PEOPLE};
use crate::factors::OwnerId;
use crate::saved_code::SavedCode;
use crate::{Numbered, RegistryKeys, Standing, at, instant_cell, opt_instant_cell};

/// A freeze code that somebody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreezeCodeState {
    pub made_at: Timestamp,
    /// When it stopped the wallet last.
    pub used_at: Option<Timestamp>,
}

/// Whose wallet a freeze code stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stops {
    pub person: OwnerId,
    pub wallet: WalletId,
}

/// The freeze codes of customers.
pub struct FreezeCodes<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
}

const OF_PERSON: &str = "WHERE person = $1";

impl RegistryKeys {
    fn freeze_code_mac(&self, code: &SavedCode) -> [u8; 32] {
        self.pepper.mac(&[b"freeze code", code.expose()])
    }
}

impl FreezeCodes<'_> {
    /// Gives a customer a code in place of the one before; false if there is no such person any more.
    pub fn set(
        &mut self,
        person: &OwnerId,
        code: &SavedCode,
        noted: &Noted,
    ) -> Result<bool, Fault> {
        let (keys, mac) = (self.keys, self.keys.freeze_code_mac(code));
        self.db.transaction(|tx| {
            let Some(wallet) = wallet_of(tx, keys, &person.0)? else {
                return Ok(false);
            };
            forget(tx, &person.0)?;
            let cells = [
                ("code_mac", Param::Blob(&mac)),
                ("person", Param::Blob(&person.0)),
                ("made_at", at(noted.now)),
                ("used_at", Param::Null),
            ];
            authentic::insert(tx, &keys.rows, &FREEZE_CODES, &cells)?;
            let about = About::Ledger(Subject::Wallet(wallet));
            noted.write(tx, RegistryCommand::MakeFreezeCode, about)?;
            Ok(true)
        })
    }

    /// Whether a customer has one.
    pub fn of(&mut self, person: &OwnerId) -> Result<Option<FreezeCodeState>, Fault> {
        let keys = self.keys;
        self.db.snapshot(|tx| {
            let who = [Param::Blob(&person.0)];
            let found = authentic::select(tx, &keys.rows, &FREEZE_CODES, OF_PERSON, &who, |row| {
                FreezeCodeState {
                    made_at: instant_cell(row, 2),
                    used_at: opt_instant_cell(row, 3),
                }
            })?;
            Ok(found.into_iter().next())
        })
    }

    /// Whose wallet a code stops. Only read: guesses delay nobody's writing.
    pub fn find(&mut self, code: &SavedCode) -> Result<Option<Stops>, Fault> {
        let (keys, mac) = (self.keys, self.keys.freeze_code_mac(code));
        self.db.snapshot(|tx| {
            let by_mac = "WHERE code_mac = $1";
            let which = [Param::Blob(&mac)];
            let found = authentic::select(tx, &keys.rows, &FREEZE_CODES, by_mac, &which, |row| {
                row.bytes::<16>(1)
            })?;
            let Some(person) = found.into_iter().next() else {
                return Ok(None);
            };
            let wallet = wallet_of(tx, keys, &person)?;
            Ok(wallet.map(|wallet| Stops {
                person: OwnerId(person),
                wallet,
            }))
        })
    }

    /// Notes that a code has stopped a wallet.
    pub fn note_use(&mut self, stops: &Stops, noted: &Noted) -> Result<(), Fault> {
        let key = &self.keys.rows;
        self.db.transaction(|tx| {
            let who = [Param::Blob(&stops.person.0)];
            let changes = [("used_at", at(noted.now))];
            authentic::update(tx, key, &FREEZE_CODES, OF_PERSON, &who, &changes)?;
            let about = About::Ledger(Subject::Wallet(stops.wallet));
            noted.write(tx, RegistryCommand::UseFreezeCode, about)
        })
    }
}

/// Removes the code of a person.
pub(crate) fn forget(tx: &mut Tx, person: &[u8; 16]) -> Result<(), Fault> {
    let gone = "DELETE FROM freeze_codes WHERE person = $1";
    tx.execute(gone, &[Param::Blob(person)]).map(drop)
}

/// Removes the code of a person if it was made since then.
pub(crate) fn forget_since(tx: &mut Tx, person: &[u8; 16], since: Timestamp) -> Result<(), Fault> {
    let gone = "DELETE FROM freeze_codes WHERE person = $1 AND made_at >= $2";
    tx.execute(gone, &[Param::Blob(person), at(since)])
        .map(drop)
}

/// The wallet of a living person.
fn wallet_of(
    tx: &mut Tx,
    keys: &RegistryKeys,
    person: &[u8; 16],
) -> Result<Option<WalletId>, Fault> {
    let params = [Param::Blob(person), Standing::Active.param()];
    let living = "WHERE person = $1 AND status = $2";
    let found = authentic::select(tx, &keys.rows, &PEOPLE, living, &params, |row| {
        row.opt_int(1)
    })?;
    let wallet = found.into_iter().next().flatten();
    Ok(wallet.map(|number| WalletId(number.unsigned_abs())))
}
