//! Browsers and networks that a customer has signed in from: whether the next sign-in comes from a new one.
//!
//! A browser is known by the keyed hash of its cookie's secret, a network by that of its prefix: both are numbers that say nothing. Of each
//! kind the [`PLACES_MAX`] seen last are kept of a person, and none that was not seen for [`PLACE_LIFE`].

use std::time::Duration;

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param, Tx};
use mamori_domain::context::{AgentFamily, NetworkOrigin};
use mamori_domain::ids::{Fingerprint, WalletId};
use mamori_domain::world::Timestamp;

use crate::factors::OwnerId;
use crate::notice_facts::NoticeFacts;
use crate::notices::tell;
use crate::seed::Seed;
use crate::{RegistryKeys, at, instant_cell};

/// Browsers that are remembered of one person, and networks.
pub const PLACES_MAX: usize = 20;
/// How long one is remembered that is not seen again.
pub const PLACE_LIFE: Duration = Duration::from_secs(180 * 86_400);

const BROWSER: i64 = 1;
const NETWORK: i64 = 2;

/// A sign-in.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub person: OwnerId,
    pub wallet: WalletId,
    pub browser: Option<Fingerprint>,
    pub network: Option<NetworkOrigin>,
    pub agent: AgentFamily,
}

/// How long after the account was made its first sign-in is that of the sign-up: whoever signs up knows.
const SIGN_UP: Duration = Duration::from_secs(600);

/// Places of customers.
pub struct Places<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
}

impl Places<'_> {
    /// Remembers where a sign-in came from; its owner is told, in the same transaction, of one from a new browser or a new network. A
    /// browser that is new is told alone: it brings its network with it.
    pub fn arrive(&mut self, arrival: &Arrival, now: Timestamp, seed: &Seed) -> Result<(), Fault> {
        let keys = self.keys;
        self.db.transaction(|tx| {
            let person = &arrival.person.0;
            let is_first = is_first(tx, person, now)?;
            let browser = arrival.browser.map(|browser| browser.0.to_be_bytes());
            let is_new_browser = match &browser {
                Some(browser) => meet(tx, person, BROWSER, browser, now)?,
                None => true,
            };
            let network = arrival.network.map(|network| network.hash.to_be_bytes());
            let is_new_network = match &network {
                Some(network) => meet(tx, person, NETWORK, network, now)?,
                None => false,
            };
            let kind = match (is_new_browser, is_new_network) {
                (true, _) => "sign_in_device",
                (false, true) => "sign_in_place",
                (false, false) => return Ok(()),
            };
            if !is_first {
                let facts = NoticeFacts {
                    agent: Some(arrival.agent),
                    ..NoticeFacts::of(arrival.wallet, now)
                };
                tell(tx, &keys.wrap, kind, &facts, seed)?;
            }
            Ok(())
        })
    }
}

fn is_first(tx: &mut Tx, person: &[u8; 16], now: Timestamp) -> Result<bool, Fault> {
    let made_at = tx.query_first(
        "SELECT made_at FROM people WHERE person = $1 AND NOT EXISTS (SELECT 1 FROM known_places WHERE person = $1)",
        &[Param::Blob(person)],
        |row| instant_cell(row, 0),
    )?;
    Ok(made_at.is_some_and(|made_at| now < made_at.plus(SIGN_UP)))
}

/// Whether a place was new; it is known from now on.
fn meet(
    tx: &mut Tx,
    person: &[u8; 16],
    kind: i64,
    hash: &[u8],
    now: Timestamp,
) -> Result<bool, Fault> {
    let (who, kind, hash) = (Param::Blob(person), Param::Int(kind), Param::Blob(hash));
    tx.execute(
        "DELETE FROM known_places WHERE person = $1 AND seen_at <= $2",
        &[who, at(now.minus(PLACE_LIFE))],
    )?;
    let seen = tx.execute(
        "UPDATE known_places SET seen_at = $1 WHERE person = $2 AND kind = $3 AND hash = $4",
        &[at(now), who, kind, hash],
    )?;
    if seen > 0 {
        return Ok(false);
    }
    tx.execute(
        "DELETE FROM known_places WHERE person = $1 AND kind = $2 AND hash NOT IN
             (SELECT hash FROM known_places WHERE person = $1 AND kind = $2 ORDER BY seen_at DESC, hash LIMIT $3)",
        &[who, kind, Param::Int(PLACES_MAX as i64 - 1)],
    )?;
    tx.execute(
        "INSERT INTO known_places (person, kind, hash, seen_at) VALUES ($1, $2, $3, $4)",
        &[who, kind, hash, at(now)],
    )?;
    Ok(true)
}

/// Forgets the places of a person.
pub(crate) fn forget_person(tx: &mut Tx, person: &[u8; 16]) -> Result<(), Fault> {
    let gone = "DELETE FROM known_places WHERE person = $1";
    tx.execute(gone, &[Param::Blob(person)]).map(drop)
}
