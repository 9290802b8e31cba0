//! The master key, what is derived from it, and the sealing of secrets and personal data at rest.
//!
//! One file of 32 random bytes, apart from the data, is the root. Derived keys are HMAC-SHA256 of a label, so a key for
//! one purpose tells nothing about another. What is sealed is bound to its place (table, column, row): a sealed value
//! copied to another row does not open. Random bytes are arguments; nothing here draws any.
//!
//! What an attacker gains: with the data alone, wallet ids, times and amounts; with the data and the master key file,
//! everything. So the file belongs on another disk, into another backup, and later into a KMS.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::hex::{from_hex, to_hex};

/// First word of the key file, so that no other file is taken for one.
const FILE_HEADER: &str = "mamori-master-key-1";
/// Format of a sealed value: one byte, four of the key's id, twelve of nonce, then ciphertext with its tag.
const SEALED_FORMAT: u8 = 1;
const SEALED_HEADER: usize = 1 + 4 + 12;

/// Thirty-two secret bytes that are wiped on drop and never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes; the caller keeps them out of logs, errors and URLs.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// HMAC-SHA256 over parts, each preceded by its length so that no two lists of parts are alike.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = keyed(self);
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

fn keyed(secret: &Secret) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret.0.as_slice()).expect("HMAC takes a key of any length")
}

/// The root of all keys of a store.
#[derive(Clone, Debug)]
pub struct MasterKey {
    root: Secret,
}

/// The key of the journal's hash chain.
#[derive(Clone, Debug)]
pub struct ChainKey(Secret);

/// A key that seals values: the store's own, or one person's.
#[derive(Clone, Debug)]
pub struct SealKey {
    secret: Secret,
    id: [u8; 4],
}

/// Where a sealed value lives; it opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub struct SealedPlace<'a> {
    /// Table of the cell; part of what is authenticated, so that no cell can be moved to another.
    pub table: &'a str,
    pub column: &'a str,
    /// The row's key as bytes.
    pub row: &'a [u8],
}

impl MasterKey {
    /// A key from 32 random bytes, for tests and simulations that keep no file.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self {
            root: Secret::new(bytes),
        }
    }

    /// Writes a new key file (mode 0600) from 32 random bytes; never overwrites one.
    pub fn create(path: &Path, random: [u8; 32]) -> Result<Self, Fault> {
        let text = Zeroizing::new(format!("{FILE_HEADER} {}\n", to_hex(&random)));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|_| Fault::refused("the master key file exists already or cannot be made"))?;
        let written = file
            .write_all(text.as_bytes())
            .and_then(|()| file.sync_all());
        written.map_err(|_| Fault::refused("the master key file cannot be written"))?;
        // The name must be as durable as the bytes: a store without its key is lost.
        let directory = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let synced = File::open(directory).and_then(|directory| directory.sync_all());
        synced
            .map_err(|_| Fault::refused("the directory of the master key file cannot be synced"))?;
        Ok(Self::from_bytes(random))
    }

    /// Reads a key file; refuses one that group or others may read.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let mut file =
            File::open(path).map_err(|_| Fault::refused("the master key file cannot be opened"))?;
        let mode = file
            .metadata()
            .map_err(|_| Fault::refused("the master key file cannot be read"))?
            .mode();
        if mode & 0o077 != 0 {
            return Err(Fault::refused(
                "the master key file may be read by others: chmod 600 it",
            ));
        }
        let mut text = Zeroizing::new(String::new());
        let read = Read::by_ref(&mut file)
            .take(4_096)
            .read_to_string(&mut text);
        read.map_err(|_| Fault::refused("the master key file cannot be read"))?;
        let bytes = text
            .trim_end()
            .strip_prefix(FILE_HEADER)
            .and_then(|rest| from_hex(rest.trim_start()));
        bytes
            .map(Self::from_bytes)
            .ok_or_else(|| Fault::refused("the master key file does not hold a master key"))
    }

    /// A key for one purpose. The label is part of the store's format: a changed label is another key.
    pub fn derive(&self, label: &'static str) -> Secret {
        Secret::new(self.root.mac(&[b"mamori derived key 1", label.as_bytes()]))
    }

    /// The key of the journal's hash chain.
    pub fn chain_key(&self) -> ChainKey {
        ChainKey(self.derive("journal chain"))
    }

    /// The key of the incremental hash of the book.
    pub fn book_hash_key(&self) -> Secret {
        self.derive("book hash")
    }

    /// The pepper in hashes of session tokens, one-time codes and other secrets that are only ever compared.
    pub fn pepper(&self) -> Secret {
        self.derive("pepper")
    }

    /// The key of the hashes that stand for networks in the journal.
    pub fn network_key(&self) -> Secret {
        self.derive("network")
    }

    /// The key that seals API secrets and each person's field key.
    pub fn wrap_key(&self) -> SealKey {
        SealKey::new(self.derive("wrap"))
    }

    /// Where equal values are found without storing them: a keyed hash of a normalised contact.
    ///
    /// `kind` ("phone", "mail") keeps the indexes apart; normalising is the caller's part.
    pub fn blind_index(&self, kind: &str, normalised: &str) -> [u8; 32] {
        self.derive("blind index")
            .mac(&[kind.as_bytes(), normalised.as_bytes()])
    }
}

impl ChainKey {
    /// A chain key of its own, for simulations.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    /// HMAC-SHA256 over fixed-width fields and the batch: the hash of one journal row.
    pub fn link(&self, fields: &[u8], batch: &[u8]) -> [u8; 32] {
        let mut mac = keyed(&self.0);
        mac.update(fields);
        mac.update(batch);
        mac.finalize().into_bytes().into()
    }
}

impl SealKey {
    /// A sealing key from a secret; its id is derived and public.
    pub fn new(secret: Secret) -> Self {
        let mac = secret.mac(&[b"seal key id"]);
        Self {
            id: [mac[0], mac[1], mac[2], mac[3]],
            secret,
        }
    }

    /// A new key of one person from 32 random bytes. Destroying its wrapped form is the erasure of everything it sealed.
    pub fn for_person(random: [u8; 32]) -> Self {
        Self::new(Secret::new(random))
    }

    /// Wraps another key for keeping at `place`.
    pub fn wrap(&self, place: SealedPlace, nonce: [u8; 12], key: &SealKey) -> Vec<u8> {
        self.seal(place, nonce, key.secret.expose())
    }

    /// Opens a wrapped key.
    pub fn unwrap(&self, place: SealedPlace, wrapped: &[u8]) -> Result<SealKey, Fault> {
        let bytes = Zeroizing::new(self.open(place, wrapped)?);
        let bytes = <[u8; 32]>::try_from(bytes.as_slice())
            .map_err(|_| Fault::broken("a wrapped key has another length"))?;
        Ok(Self::new(Secret::new(bytes)))
    }

    /// Seals a value with AES-256-GCM-SIV. The nonce is 12 random bytes; a repeated one shows only that two values of
    /// the same place are equal.
    pub fn seal(&self, place: SealedPlace, nonce: [u8; 12], plain: &[u8]) -> Vec<u8> {
        let payload = Payload {
            msg: plain,
            aad: &bound_to(place),
        };
        let sealed = self
            .cipher()
            .encrypt(&Nonce::from(nonce), payload)
            .expect("a value is far below 64 GiB");
        let mut blob = Vec::with_capacity(SEALED_HEADER + sealed.len());
        blob.push(SEALED_FORMAT);
        blob.extend_from_slice(&self.id);
        blob.extend_from_slice(&nonce);
        blob.extend_from_slice(&sealed);
        blob
    }

    /// Opens a sealed value; a fault when it was sealed by another key, for another place, or was altered.
    pub fn open(&self, place: SealedPlace, blob: &[u8]) -> Result<Vec<u8>, Fault> {
        let broken = || Fault::broken("a sealed value does not open at its place");
        let (header, sealed) = blob.split_at_checked(SEALED_HEADER).ok_or_else(broken)?;
        if header[0] != SEALED_FORMAT {
            return Err(Fault::broken("a sealed value has an unknown format"));
        }
        if header[1..5] != self.id {
            return Err(Fault::broken("a sealed value belongs to another key"));
        }
        let nonce: [u8; 12] = header[5..].try_into().map_err(|_| broken())?;
        let payload = Payload {
            msg: sealed,
            aad: &bound_to(place),
        };
        self.cipher()
            .decrypt(&Nonce::from(nonce), payload)
            .map_err(|_| broken())
    }

    fn cipher(&self) -> Aes256GcmSiv {
        Aes256GcmSiv::new(self.secret.expose().into())
    }
}

/// The place as associated data, each part with its length so that ("ab","c") is not ("a","bc").
fn bound_to(place: SealedPlace) -> Vec<u8> {
    let mut bound =
        Vec::with_capacity(24 + place.table.len() + place.column.len() + place.row.len());
    for part in [place.table.as_bytes(), place.column.as_bytes(), place.row] {
        bound.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bound.extend_from_slice(part);
    }
    bound
}
