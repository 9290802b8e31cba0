//! Public keys of customers and operators. What a ceremony verified is stored as the library's own text.

use crate::authentic::{self, PASSKEYS};
use crate::{Numbered, RegistryKeys, Standing, Surface, at, fingerprint_cell, numbered_cell};
use mamori_datastore::fault::Fault;
use mamori_datastore::keys::Secret;
use mamori_datastore::sql::{Db, Param, Row, Tx};
use mamori_domain::context::{AgentFamily, NetworkOrigin};
use mamori_domain::ids::Fingerprint;
use mamori_domain::world::Timestamp;

/// The 16 random bytes that name a person or an operator inside a passkey; on their own they allow nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OwnerId(pub [u8; 16]);

/// A verified public key.
#[derive(Clone)]
pub struct StoredPasskey {
    /// The credential id, at most 1,023 bytes, unique in the house.
    pub credential: Vec<u8>,
    /// The key and its flags as the WebAuthn library writes them.
    pub passkey: String,
    /// The signature counter last seen; 0 for synced passkeys, for ever.
    pub sign_count: i64,
}

// The key is public, but it identifies a person across logs.
impl std::fmt::Debug for StoredPasskey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredPasskey(..)")
    }
}

/// What is written down with a passkey that is made.
#[derive(Default)]
pub(super) struct Described<'a> {
    /// What its owner calls it, sealed; None for what pages call it by themselves.
    pub name: Option<&'a [u8]>,
    /// In which family of browsers it is made, where that is kept.
    pub agent: Option<AgentFamily>,
}

impl StoredPasskey {
    pub(super) fn insert(
        &self,
        tx: &mut Tx,
        key: &Secret,
        (surface, owner): (Surface, &OwnerId),
        (fingerprint, standing): (Fingerprint, Standing),
        described: &Described,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let fingerprint = fingerprint.0.to_be_bytes();
        let cells = [
            ("credential", Param::Blob(&self.credential)),
            ("surface", surface.param()),
            ("owner", Param::Blob(&owner.0)),
            ("fingerprint", Param::Blob(&fingerprint)),
            ("status", standing.param()),
            ("passkey", Param::Text(&self.passkey)),
            ("sign_count", Param::Int(self.sign_count)),
            ("made_at", at(now)),
            ("used_at", Param::Null),
            ("name", described.name.map_or(Param::Null, Param::Blob)),
            (
                "agent",
                described.agent.map_or(Param::Null, Numbered::param),
            ),
            ("used_network", Param::Null),
            ("leaving_at", Param::Null),
        ];
        authentic::insert(tx, key, &PASSKEYS, &cells)
    }

    /// The columns are those of [`PASSKEYS`].
    pub(super) fn of(row: &Row) -> StoredPasskey {
        StoredPasskey {
            credential: row.blob(0).to_vec(),
            passkey: row.text(5).to_owned(),
            sign_count: row.int(6),
        }
    }
}

/// A network as it stands in a column: the keyed hash alone, which tells the same network apart from another.
fn network_param(network: Option<NetworkOrigin>) -> Param<'static> {
    network.map_or(Param::Null, |network| Param::Int(network.hash as i64))
}

/// What people and operators prove themselves with: passkeys.
pub struct Factors<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
}

impl Factors<'_> {
    /// The active passkey with this credential id on a surface, with its owner and its fingerprint.
    pub fn find_passkey(
        &mut self,
        surface: Surface,
        credential: &[u8],
    ) -> Result<Option<(OwnerId, Fingerprint, StoredPasskey)>, Fault> {
        let which = "WHERE credential = $1 AND surface = $2 AND status = $3";
        let active = Standing::Active.param();
        let params = [Param::Blob(credential), surface.param(), active];
        let key = &self.keys.rows;
        let found = self.db.snapshot(|tx| {
            authentic::select(tx, key, &PASSKEYS, which, &params, |row| {
                let owner = OwnerId(row.bytes(2));
                (owner, fingerprint_cell(row, 3), StoredPasskey::of(row))
            })
        })?;
        Ok(found.into_iter().next())
    }

    /// All active passkeys of one owner; at most 32.
    pub fn passkeys_of(
        &mut self,
        surface: Surface,
        owner: &OwnerId,
    ) -> Result<Vec<StoredPasskey>, Fault> {
        let which = "WHERE owner = $1 AND surface = $2 AND status = $3 ORDER BY made_at LIMIT 32";
        let active = Standing::Active.param();
        let params = [Param::Blob(&owner.0), surface.param(), active];
        let key = &self.keys.rows;
        self.db
            .snapshot(|tx| authentic::select(tx, key, &PASSKEYS, which, &params, StoredPasskey::of))
    }

    /// Whether nobody can ever sign in with this credential id: there was never a passkey of that id on the surface, or it was
    /// removed. One that is still being made, or being removed, is not unknown: a browser that is told so forgets it for good.
    pub fn is_unknown(&mut self, surface: Surface, credential: &[u8]) -> Result<bool, Fault> {
        let found = self.db.query_first(
            "SELECT status FROM passkeys WHERE credential = $1 AND surface = $2",
            &[Param::Blob(credential), surface.param()],
            |row| numbered_cell::<Standing>(row, 0),
        )?;
        Ok(found.is_none_or(|standing| standing == Standing::Dead))
    }

    /// Stores what a good assertion changed: counter, backup flags, last use and the network it came from.
    ///
    /// A compare-and-set on the counter the assertion was checked against: of two assertions with one counter, which only a
    /// cloned authenticator can make, the second gets `false` and must be refused.
    pub fn note_assertion(
        &mut self,
        before: &StoredPasskey,
        after: &StoredPasskey,
        network: Option<NetworkOrigin>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let which = "WHERE credential = $1 AND sign_count = $2 AND status = $3";
        let (seen, active) = (Param::Int(before.sign_count), Standing::Active.param());
        let params = [Param::Blob(&before.credential), seen, active];
        let changes = [
            ("passkey", Param::Text(&after.passkey)),
            ("sign_count", Param::Int(after.sign_count)),
            ("used_at", at(now)),
            ("used_network", network_param(network)),
        ];
        let key = &self.keys.rows;
        let changed = self
            .db
            .transaction(|tx| authentic::update(tx, key, &PASSKEYS, which, &params, &changes))?;
        Ok(changed == 1)
    }
}
