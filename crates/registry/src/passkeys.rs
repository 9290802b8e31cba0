//! Public keys of customers and operators. What a ceremony verified is stored as the library's own text.

use crate::{Control, Standing, Surface, at, fingerprint_cell};
use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Param, Tx};
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

impl StoredPasskey {
    pub(super) fn insert(
        &self,
        tx: &mut Tx,
        surface: Surface,
        owner: &OwnerId,
        fingerprint: Fingerprint,
        standing: Standing,
        now: Timestamp,
    ) -> Result<(), Fault> {
        tx.execute(
            "INSERT INTO passkeys (credential, surface, owner, fingerprint, status, passkey, sign_count, made_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                Param::Blob(&self.credential),
                Param::Int(surface.as_number()),
                Param::Blob(&owner.0),
                Param::Blob(&fingerprint.0.to_be_bytes()),
                Param::Int(standing.as_number()),
                Param::Text(&self.passkey),
                Param::Int(self.sign_count),
                at(now),
            ],
        )
        .map(|_| ())
    }
}

impl Control {
    /// The active passkey with this credential id on a surface, with its owner and its fingerprint.
    pub fn passkey(
        &mut self,
        surface: Surface,
        credential: &[u8],
    ) -> Result<Option<(OwnerId, Fingerprint, StoredPasskey)>, Fault> {
        self.db.query_first(
            "SELECT owner, fingerprint, credential, passkey, sign_count FROM passkeys WHERE credential = $1 AND surface = $2 AND status = $3",
            &[Param::Blob(credential), Param::Int(surface.as_number()), Param::Int(Standing::Active.as_number())],
            |row| {
                let stored = StoredPasskey { credential: row.blob(2).to_vec(), passkey: row.text(3).to_owned(), sign_count: row.int(4) };
                (OwnerId(row.bytes(0)), fingerprint_cell(row, 1), stored)
            },
        )
    }

    /// All active passkeys of one owner; at most 32.
    pub fn passkeys_of(
        &mut self,
        surface: Surface,
        owner: &OwnerId,
    ) -> Result<Vec<StoredPasskey>, Fault> {
        self.db.query(
            "SELECT credential, passkey, sign_count FROM passkeys WHERE owner = $1 AND surface = $2 AND status = $3 ORDER BY made_at LIMIT 32",
            &[Param::Blob(&owner.0), Param::Int(surface.as_number()), Param::Int(Standing::Active.as_number())],
            |row| StoredPasskey { credential: row.blob(0).to_vec(), passkey: row.text(1).to_owned(), sign_count: row.int(2) },
        )
    }

    /// Stores what a good assertion changed: counter, backup flags, last use.
    ///
    /// A compare-and-set on the counter the assertion was checked against: of two assertions with one counter, which only a
    /// cloned authenticator can make, the second gets `false` and must be refused.
    pub fn note_assertion(
        &mut self,
        before: &StoredPasskey,
        after: &StoredPasskey,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let changed = self.db.execute(
            "UPDATE passkeys SET passkey = $1, sign_count = $2, used_at = $3 WHERE credential = $4 AND sign_count = $5 AND status = $6",
            &[
                Param::Text(&after.passkey),
                Param::Int(after.sign_count),
                at(now),
                Param::Blob(&before.credential),
                Param::Int(before.sign_count),
                Param::Int(Standing::Active.as_number()),
            ],
        )?;
        Ok(changed == 1)
    }
}
