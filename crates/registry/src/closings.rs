//! Customers who want to close their wallet: what they asked for, until staff have paid them out and erased them, or they think again.
//!
//! A row gives no right: it is a request that a person of the house reads. How the money is wanted is sealed with the person's own key.

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param, Tx};
use mamori_domain::event::Subject;
use mamori_domain::ids::WalletId;
use mamori_domain::world::Timestamp;

use crate::acts::{About, Noted, RegistryCommand};
use crate::factors::OwnerId;
use crate::passwords::field_key;
use crate::seed::Seed;
use crate::{RegistryKeys, at, instant_cell, place, wallet_number};

/// Requests that a page lists.
pub const CLOSINGS_MAX: u32 = 200;

/// A wallet whose owner wants it closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    pub wallet: WalletId,
    pub asked_at: Timestamp,
    /// How the customer wants the money, in their own words; None once the person is erased.
    pub payout: Option<String>,
}

/// Requests to close a wallet.
pub struct Closings<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
}

/// Removes the request of a person if it was made since then.
pub(crate) fn forget_since(tx: &mut Tx, person: &[u8; 16], since: Timestamp) -> Result<(), Fault> {
    let gone = "DELETE FROM closings WHERE person = $1 AND asked_at >= $2";
    tx.execute(gone, &[Param::Blob(person), at(since)])
        .map(drop)
}

impl Closings<'_> {
    /// Writes a request down, in place of an earlier one; false if there is no such person any more.
    pub fn ask(
        &mut self,
        person: &OwnerId,
        wallet: WalletId,
        payout: &str,
        noted: &Noted,
        seed: &Seed,
    ) -> Result<bool, Fault> {
        let (keys, number) = (self.keys, wallet_number(wallet)?);
        self.db.transaction(|tx| {
            let Some(key) = field_key(tx, keys, &person.0)? else {
                return Ok(false);
            };
            let at_place = place("closings", "payout", &person.0);
            let sealed = key.seal(at_place, seed.take("closing nonce"), payout.as_bytes());
            tx.execute(
                "INSERT INTO closings (person, wallet, asked_at, payout) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (person) DO UPDATE SET asked_at = $3, payout = $4",
                &[
                    Param::Blob(&person.0),
                    Param::Int(number),
                    at(noted.now),
                    Param::Blob(&sealed),
                ],
            )?;
            let about = About::Ledger(Subject::Wallet(wallet));
            noted.write(tx, RegistryCommand::AskToClose, about)?;
            Ok(true)
        })
    }

    /// Takes a request back; false if there is none.
    pub fn withdraw(
        &mut self,
        person: &OwnerId,
        wallet: WalletId,
        noted: &Noted,
    ) -> Result<bool, Fault> {
        self.db.transaction(|tx| {
            let gone = "DELETE FROM closings WHERE person = $1";
            if tx.execute(gone, &[Param::Blob(&person.0)])? == 0 {
                return Ok(false);
            }
            let about = About::Ledger(Subject::Wallet(wallet));
            noted.write(tx, RegistryCommand::WithdrawClosing, about)?;
            Ok(true)
        })
    }

    /// When a customer asked.
    pub fn asked_at(&mut self, person: &OwnerId) -> Result<Option<Timestamp>, Fault> {
        self.db.query_first(
            "SELECT asked_at FROM closings WHERE person = $1",
            &[Param::Blob(&person.0)],
            |row| instant_cell(row, 0),
        )
    }

    /// All that are open, the oldest first, at most [`CLOSINGS_MAX`].
    pub fn open(&mut self) -> Result<Vec<Closing>, Fault> {
        let keys = self.keys;
        self.db.snapshot(|tx| {
            let rows = tx.query(
                "SELECT person, wallet, asked_at, payout FROM closings ORDER BY asked_at, person LIMIT $1",
                &[Param::Int(i64::from(CLOSINGS_MAX))],
                |row| {
                    let wallet = WalletId(row.int(1).unsigned_abs());
                    (row.bytes::<16>(0), wallet, instant_cell(row, 2), row.blob(3).to_vec())
                },
            )?;
            let mut closings = Vec::with_capacity(rows.len());
            for (person, wallet, asked_at, sealed) in rows {
                let payout = match field_key(tx, keys, &person)? {
                    None => None,
                    Some(key) => {
                        let text = key.open(place("closings", "payout", &person), &sealed)?;
                        let text = String::from_utf8(text);
                        Some(text.map_err(|_| Fault::broken("a sealed request is not text"))?)
                    }
                };
                closings.push(Closing { wallet, asked_at, payout });
            }
            Ok(closings)
        })
    }
}
