//! Control: low-rate data that never decides a payment by itself.
//!
//! Whatever changes what someone may do with money is an act in the book; the book names the fingerprint of each live
//! credential and till device, and a control row that the book does not name is dead. The order is always: row pending,
//! act, row active. [`Control::reconcile`] settles after a crash what was left between the steps.
//!
//! | file | tables |
//! |---|---|
//! | `sign_ups.rs` | one-time codes that prove a contact |
//! | `people.rs` | people, their contacts and names |
//! | `erasure.rs` | the end of a person: what was destroyed and what is still owed |
//! | `passkeys.rs` | public keys of customers and operators |
//! | `sessions.rs` | who is signed in |
//! | `operators.rs` | staff and their one-time links |
//! | `tills.rs` | pairing codes and enrolled devices |
//! | `card_payments.rs` | hosted card pages of top-ups |
//! | `papers.rs` | names of merchants, stores, tills, and what is being opened |
//! | `api_keys.rs` | API keys |

mod api_keys;
mod card_payments;
mod contact;
mod erasure;
mod operators;
pub mod outbox;
mod papers;
mod passkeys;
mod people;
mod schema;
mod seed;
mod sessions;
mod sign_ups;
mod tills;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::{MasterKey, SealKey, SealedPlace, Secret};
use mamori_datastore::sql::{Db, Location, Param, Row};
use mamori_domain::ids::{Fingerprint, MerchantId, TillId, WalletId};
use mamori_domain::world::Timestamp;
use sha2::{Digest, Sha256};

pub use api_keys::{ApiKey, ApiKeyPaper};
pub use card_payments::{CardAlarm, CardChargeRow, CardPaymentRow, NewCardPayment};
pub use contact::{Contact, ContactKind, display_name, masked_name};
pub use erasure::Erasure;
pub use operators::{LinkRefusal, OPERATOR_LINK_LIFE, OperatorPaper, RemoveRefusal};
pub use papers::{Directory, NameTaken, Opening, PendingOpening, Places, StorePaper, TillPaper};
pub use passkeys::{OwnerId, StoredPasskey};
pub use people::{EnrolRefusal, Enrolment, Person};
pub use schema::CONTROL;
pub use seed::Seed;
pub use sessions::{SessionId, SessionRow};
pub use sign_ups::{
    CODE_LIFE, CODE_TRIES_MAX, CodeRefusal, CodeToSend, Proven, SendBudget, SendRefusal,
    SignUpStart,
};
pub use tills::{
    Device, PAIRING_CODE_DIGITS, PAIRING_CODE_LIFE, PAIRING_TRIES_MAX, PairingRefusal,
};

/// A surface that people or devices sign in to; passkeys and sessions of one are unknown to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Surface {
    /// The customer's phone.
    Wallet,
    /// The cashier's page.
    Till,
    /// The operator's page.
    Console,
}

impl Surface {
    fn as_number(self) -> i64 {
        match self {
            Surface::Wallet => 1,
            Surface::Till => 2,
            Surface::Console => 3,
        }
    }
}

/// Where a row stands between control and the book.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Pending,
    Active,
    Dead,
}

impl Standing {
    pub(crate) const fn as_number(self) -> i64 {
        match self {
            Standing::Pending => 1,
            Standing::Active => 2,
            Standing::Dead => 3,
        }
    }
}

/// One connection to the control tables, with the keys that open what is sealed in them.
///
/// Every call is one short durable transaction. A value belongs to one thread; several values on several threads are fine.
pub struct Control {
    db: Db,
    keys: ControlKeys,
}

impl Control {
    /// Opens the control tables, making and migrating them as needed.
    pub fn open(location: &Location, master: &MasterKey) -> Result<Control, Fault> {
        Ok(Control {
            db: location.open(&CONTROL)?,
            keys: ControlKeys::of(master),
        })
    }

    /// The fingerprint under which the book names a public or secret value: 128 bits of a keyed hash.
    ///
    /// Keyed, so that a journal given away does not tell which credential ids or device tokens exist.
    pub fn fingerprint(&self, kind: &str, value: &[u8]) -> Fingerprint {
        let hash = self
            .keys
            .pepper
            .mac(&[b"fingerprint", kind.as_bytes(), value]);
        Fingerprint(u128::from_be_bytes(std::array::from_fn(|index| {
            hash[index]
        })))
    }
}

impl Control {
    /// What waits in the outbox, was sent, and was given up (the newest `dead_max`). The outbox must have been opened once.
    pub fn outbox(
        &mut self,
        dead_max: u32,
    ) -> Result<(outbox::Counts, Vec<outbox::DeadEntry>), Fault> {
        Ok((
            outbox::counts(&mut self.db)?,
            outbox::dead(&mut self.db, dead_max)?,
        ))
    }
}

/// What the book says about a fingerprint; asked by [`Control::reconcile`].
pub trait Named {
    /// The wallet that this credential may act for, if any.
    fn wallet_of(&mut self, credential: Fingerprint) -> Result<Option<WalletId>, Fault>;
    /// The same for many credentials at one moment: a start asks for a million.
    fn wallets_of(&mut self, credentials: &[Fingerprint]) -> Result<Vec<Option<WalletId>>, Fault>;
    /// The device that may speak for this till, if any.
    fn device_of(&mut self, till: TillId) -> Result<Option<Fingerprint>, Fault>;
    /// The merchant that this API key may speak for, if any.
    fn merchant_of_key(&mut self, key: Fingerprint) -> Result<Option<MerchantId>, Fault>;
    /// Every merchant, store and till.
    fn places(&mut self) -> Result<Places, Fault>;
}

/// What a reconciliation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Rows that the book names and control had not finished.
    pub finished: u64,
    /// Rows that the book does not name.
    pub dead: u64,
}

impl Control {
    /// Settles every row whose standing differs from what the book names. Run at each start, before anybody is served.
    ///
    /// Covers a crash between the steps of a sign-up or an enrolment, and any mix of older and newer files after a restore:
    /// the book is right, always.
    pub fn reconcile(&mut self, named: &mut dyn Named) -> Result<Reconciled, Fault> {
        let mut done = Reconciled::default();
        self.reconcile_people(named, &mut done)?;
        self.reconcile_papers(named, &mut done)?;
        self.reconcile_devices(named, &mut done)?;
        self.reconcile_api_keys(named, &mut done)?;
        Ok(done)
    }
}

/// What is derived from the master key for these tables.
struct ControlKeys {
    pepper: Secret,
    wrap: SealKey,
    master: MasterKey,
}

impl ControlKeys {
    fn of(master: &MasterKey) -> Self {
        ControlKeys {
            pepper: master.pepper(),
            wrap: master.wrap_key(),
            master: master.clone(),
        }
    }

    /// How a contact is found without being stored in clear.
    fn blind_index(&self, contact: &Contact) -> [u8; 32] {
        let kind = match contact.kind() {
            ContactKind::Phone => "phone",
            ContactKind::Mail => "mail",
        };
        self.master.blind_index(kind, contact.as_str())
    }
}

/// How an instant stands in a column: microseconds since 1970 UTC, in every table.
fn at(instant: Timestamp) -> Param<'static> {
    Param::Int(instant.0)
}

fn instant_cell(row: &Row, column: usize) -> Timestamp {
    Timestamp(row.int(column))
}

fn opt_instant_cell(row: &Row, column: usize) -> Option<Timestamp> {
    row.opt_int(column).map(Timestamp)
}

fn place<'a>(table: &'a str, column: &'a str, row: &'a [u8]) -> SealedPlace<'a> {
    SealedPlace { table, column, row }
}

pub(crate) fn fingerprint_cell(row: &Row, column: usize) -> Fingerprint {
    Fingerprint(u128::from_be_bytes(row.bytes(column)))
}

pub(crate) fn wallet_number(wallet: WalletId) -> Result<i64, Fault> {
    i64::try_from(wallet.0).map_err(|_| Fault::broken("a wallet id beyond 63 bits"))
}

/// An id of 32 bits; anything else in its place is a damaged row.
pub(crate) fn id_cell(row: &Row, column: usize) -> u32 {
    u32::try_from(row.int(column)).unwrap_or_else(|_| {
        row.reject(column);
        0
    })
}

/// SHA-256, for tokens of 256 random bits: nothing can be guessed from their hash, so no key and no salt is needed.
pub fn token_hash(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}
