//! Supervisors of stores: who may stand beside a till and say yes, with a PIN, to a refund that the till does not give alone.
//!
//! A PIN is drawn here and shown once. It opens nothing by itself: it is typed at an enrolled till of the store, and counts for one
//! request. Wrong ones are counted by till, durably: a stolen tablet locks itself, and not the store.

use std::collections::HashMap;
use std::time::Duration;

use crate::acts::{About, Noted, RegistryCommand};
use crate::authentic::{self, SUPERVISORS};
use crate::seed::Seed;
use crate::{RegistryKeys, at, id_cell, instant_cell, opt_instant_cell};
use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param, Row};
use mamori_domain::event::Subject;
use mamori_domain::ids::{StoreId, SupervisorId, TillId};
use mamori_domain::world::Timestamp;

/// Digits of a PIN.
pub const PIN_DIGITS: usize = 6;
/// How many there are.
const PINS: u64 = 1_000_000;
/// Supervisors that a store has at once: with more of them a guess would be too easy.
pub const SUPERVISORS_PER_STORE_MAX: usize = 20;
/// Wrong PINs in a row that a till may be given.
pub const PIN_TRIES_MAX: i64 = 5;
/// How long it takes none after that. A hundred and twenty guesses a day at a million PINs.
pub const PIN_LOCK: Duration = Duration::from_secs(3_600);
/// PINs that are drawn until one is free in the store.
const DRAWS: usize = 8;

const OF_STORE: &str = "WHERE store = $1 AND removed_at IS NULL ORDER BY made_at, supervisor";
const BY_PIN: &str = "WHERE store = $1 AND pin_mac = $2 AND removed_at IS NULL";
const BY_ID: &str = "WHERE supervisor = $1 AND removed_at IS NULL";

/// Somebody who may stand beside a store's tills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supervisor {
    /// As the journal names them.
    pub id: SupervisorId,
    /// The store.
    pub store: StoreId,
    /// What they are called there.
    pub name: String,
    /// Since when.
    pub made_at: Timestamp,
}

/// A supervisor who was just added, with the PIN that is shown this once.
pub struct NewSupervisor {
    /// As the journal names them.
    pub id: SupervisorId,
    /// [`PIN_DIGITS`] digits.
    pub pin: String,
}

/// Why a PIN is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinRefusal {
    /// Nobody of this store has it.
    Wrong,
    /// Nobody of this store has it, and it was the till's last try for [`PIN_LOCK`].
    WrongAndLocked,
    /// The till was given [`PIN_TRIES_MAX`] wrong ones within [`PIN_LOCK`] and takes none.
    Locked,
}

/// Supervisors of stores.
pub struct Supervisors<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
    pub(crate) noted: Option<Noted>,
}

impl Supervisors<'_> {
    /// The next change says who made it, in `registry_acts`.
    pub fn noted(mut self, noted: Noted) -> Self {
        self.noted = Some(noted);
        self
    }

    /// Adds a supervisor to a store; `None` where it has [`SUPERVISORS_PER_STORE_MAX`] already.
    pub fn add(
        &mut self,
        store: StoreId,
        name: &str,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<Option<NewSupervisor>, Fault> {
        let id = SupervisorId(u64::from_be_bytes(seed.take("supervisor")) >> 1);
        let drawn: Vec<(String, [u8; 32])> = (0..DRAWS)
            .map(|draw| {
                let pin = seed.below(PINS, &format!("supervisor PIN {draw}"));
                let pin = format!("{pin:06}");
                let mac = self.pin_mac(store, &pin);
                (pin, mac)
            })
            .collect();
        let noted = self.noted.take();
        let key = &self.keys.rows;
        let of_store = Param::Int(i64::from(store.0));
        self.db.transaction(|tx| {
            let taken = authentic::select(tx, key, &SUPERVISORS, OF_STORE, &[of_store], |row| {
                row.opt_blob(3).map(<[u8]>::to_vec)
            })?;
            if taken.len() >= SUPERVISORS_PER_STORE_MAX {
                return Ok(None);
            }
            let is_free =
                |mac: &[u8; 32]| !taken.iter().any(|old| old.as_deref() == Some(&mac[..]));
            let free = drawn.iter().find(|(_, mac)| is_free(mac));
            let (pin, mac) = free.ok_or(Fault::retryable("no PIN is free; ask again"))?;
            if let Some(noted) = &noted {
                let about = About::Ledger(Subject::Store(store));
                noted.write(tx, RegistryCommand::AddSupervisor, about)?;
            }
            let cells = [
                ("supervisor", Param::Int(id.0.cast_signed())),
                ("store", of_store),
                ("name", Param::Text(name)),
                ("pin_mac", Param::Blob(mac)),
                ("made_at", at(now)),
                ("removed_at", Param::Null),
            ];
            authentic::insert(tx, key, &SUPERVISORS, &cells)?;
            let pin = pin.clone();
            Ok(Some(NewSupervisor { id, pin }))
        })
    }

    /// Takes the right away; the row stays for the names in the history. False where there is nobody of that id.
    pub fn remove(&mut self, id: SupervisorId, now: Timestamp) -> Result<bool, Fault> {
        let noted = self.noted.take();
        let key = &self.keys.rows;
        let by_id = [Param::Int(id.0.cast_signed())];
        self.db.transaction(|tx| {
            let found = authentic::select(tx, key, &SUPERVISORS, BY_ID, &by_id, |row| {
                StoreId(id_cell(row, 1))
            })?;
            let Some(store) = found.first() else {
                return Ok(false);
            };
            if let Some(noted) = &noted {
                let about = About::Ledger(Subject::Store(*store));
                noted.write(tx, RegistryCommand::RemoveSupervisor, about)?;
            }
            let ended = [("pin_mac", Param::Null), ("removed_at", at(now))];
            authentic::update(tx, key, &SUPERVISORS, BY_ID, &by_id, &ended)?;
            Ok(true)
        })
    }

    /// Those of a store, in the order they came. A forged row is passed over.
    pub fn of_store(&mut self, store: StoreId) -> Result<Vec<Supervisor>, Fault> {
        let key = &self.keys.rows;
        let of_store = [Param::Int(i64::from(store.0))];
        (self.db).snapshot(|tx| {
            authentic::select_proven(tx, key, &SUPERVISORS, OF_STORE, &of_store, supervisor)
        })
    }

    /// The names of people who are or were supervisors.
    pub fn names(
        &mut self,
        ids: impl IntoIterator<Item = SupervisorId>,
    ) -> Result<HashMap<SupervisorId, String>, Fault> {
        let mut names = HashMap::new();
        for id in ids {
            let name = self.db.query_first(
                "SELECT name FROM supervisors WHERE supervisor = $1",
                &[Param::Int(id.0.cast_signed())],
                |row| row.text(0).to_owned(),
            )?;
            names.extend(name.map(|name| (id, name)));
        }
        Ok(names)
    }

    /// Whose PIN this is, at a till of the store. A wrong one is counted against the till before the answer leaves.
    pub fn who(
        &mut self,
        store: StoreId,
        till: TillId,
        pin: &str,
        now: Timestamp,
    ) -> Result<Result<SupervisorId, PinRefusal>, Fault> {
        let mac = self.pin_mac(store, pin);
        let key = &self.keys.rows;
        let till = Param::Int(i64::from(till.0));
        let by_pin = [Param::Int(i64::from(store.0)), Param::Blob(&mac)];
        self.db.transaction(|tx| {
            let tries = tx.query_first(
                "SELECT wrong, last_at FROM pin_tries WHERE till = $1",
                &[till],
                |row| (row.int(0), instant_cell(row, 1)),
            )?;
            let wrong = match tries {
                // What is over an hour old is forgotten.
                Some((wrong, last)) if now < last.plus(PIN_LOCK) => wrong,
                _ => 0,
            };
            if wrong >= PIN_TRIES_MAX {
                return Ok(Err(PinRefusal::Locked));
            }
            let found = authentic::select(tx, key, &SUPERVISORS, BY_PIN, &by_pin, |row| {
                SupervisorId(row.int(0).cast_unsigned())
            })?;
            if let Some(id) = found.first() {
                if tries.is_some() {
                    tx.execute("DELETE FROM pin_tries WHERE till = $1", &[till])?;
                }
                return Ok(Ok(*id));
            }
            tx.execute(
                "INSERT INTO pin_tries (till, wrong, last_at) VALUES ($1, $2, $3)
                 ON CONFLICT (till) DO UPDATE SET wrong = $2, last_at = $3",
                &[till, Param::Int(wrong + 1), at(now)],
            )?;
            Ok(Err(match wrong + 1 < PIN_TRIES_MAX {
                true => PinRefusal::Wrong,
                false => PinRefusal::WrongAndLocked,
            }))
        })
    }

    /// Keyed, and of one store: the table tells neither a PIN nor that two stores use the same.
    fn pin_mac(&self, store: StoreId, pin: &str) -> [u8; 32] {
        let store = store.0.to_be_bytes();
        (self.keys.pepper).mac(&[b"supervisor pin", &store, pin.as_bytes()])
    }
}

fn supervisor(row: &Row) -> Supervisor {
    debug_assert!(
        opt_instant_cell(row, 5).is_none(),
        "only those who are there"
    );
    Supervisor {
        id: SupervisorId(row.int(0).cast_unsigned()),
        store: StoreId(id_cell(row, 1)),
        name: row.text(2).to_owned(),
        made_at: instant_cell(row, 4),
    }
}
