//! The registry: low-rate data that never decides a payment by itself.
//!
//! Whatever changes what someone may do with money is an act in the book; the book names the fingerprint of each live
//! credential and till device, and a row of the registry that the book does not name is dead. The order is always: row pending,
//! act, row active. [`Registry::reconcile`] settles after a crash what was left between the steps.
//!
//! | file | tables |
//! |---|---|
//! | `sign_ups.rs` | one-time codes that prove a contact |
//! | `people.rs` | people and their names |
//! | `contacts.rs`, `contact_rows.rs` | how people are reached; what was changed of that, and by what it is undone |
//! | `erasures.rs` | the end of a person: what was destroyed and what is still owed |
//! | `factors.rs` | public keys of customers and operators |
//! | `passkeys.rs` | a customer's several passkeys: added, named, removed |
//! | `passwords.rs`, `totp.rs` | passwords of customers, and the codes by time that they never go without |
//! | `external_ids.rs` | accounts at other providers that customers have linked |
//! | `freeze_codes.rs`, `saved_code.rs` | codes on paper that stop a wallet |
//! | `closings.rs` | customers who want to close their wallet |
//! | `recoveries.rs`, `recovery_ways.rs`, `recovery_letters.rs` | people on their way back in: what they have proven, and what that gives when |
//! | `recovery_codes.rs`, `trusted.rs` | saved codes and trusted contacts, for that |
//! | `sessions.rs` | who is signed in |
//! | `authentic.rs` | how rows that give a right prove themselves |
//! | `notices.rs`, `notice_facts.rs` | which notices go by which way, browsers that take push, what was denied |
//! | `templates.rs` | what notices say, where an operator has changed it |
//! | `places.rs` | where customers have signed in from |
//! | `operators.rs` | staff and their one-time links |
//! | `approvals.rs` | what one operator proposes and another one approves |
//! | `roles.rs` | what operators may do: one table |
//! | `devices.rs` | pairing codes and enrolled devices |
//! | `supervisors.rs` | who may stand beside a store's tills, by PIN |
//! | `alarms.rs` | what an operator ought to look at |
//! | `card_orders.rs` | hosted card pages of top-ups |
//! | `directory.rs` | names of merchants, stores, tills, and what is being opened |
//! | `api_keys.rs` | API keys |
//! | `permissions.rs` | standing permissions and the links that asked for them |
//! | `outbox.rs` | messages on their way, with a connection of its own |
//! | `acts.rs` | what operators and customers changed here, in the shape of the ledger's acts |
//!
//! Every call waits for the database and returns a [`Fault`] where the store failed; unless it is an unknown outcome,
//! nothing was changed. What the rules refuse is no fault: it is the inner `Result` of a call that has one. Instants are
//! [`Timestamp`]s, in microseconds UTC in every column; spans are `Duration`s; amounts are whole yen.

pub mod acts;
mod alarms;
mod api_keys;
mod approvals;
mod authentic;
mod card_orders;
mod closings;
mod contact;
mod contact_rows;
mod contacts;
mod devices;
mod directory;
mod erasures;
mod external_ids;
mod factors;
mod freeze_codes;
mod notice_facts;
mod notices;
mod numbered;
mod operators;
pub mod outbox;
mod passkeys;
mod passwords;
mod people;
mod permissions;
mod places;
mod recoveries;
mod recovery_codes;
mod recovery_letters;
mod recovery_ways;
mod roles;
mod saved_code;
mod schema;
mod seed;
mod sessions;
mod sign_ups;
mod supervisors;
mod templates;
mod totp;
mod trusted;

use std::collections::HashSet;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::{MasterKey, SealKey, SealedPlace, Secret};
use mamori_datastore::sql::{Db, Location, Migration, Param, Row, Tx};
use mamori_domain::ids::{AuthorizationId, Fingerprint, MerchantId, TillId, WalletId};
use mamori_domain::world::Timestamp;
use sha2::{Digest, Sha256};

pub use acts::Acts;
pub use alarms::{Alarm, AlarmId, AlarmKind, Alarms};
pub use api_keys::{ApiKey, ApiKeySummary, ApiKeys};
pub use approvals::{
    Approval, ApprovalId, ApprovalKind, ApprovalRefusal, Approvals, NewApproval, PROPOSAL_LIFE,
    ProposalRefusal, Stage, Step, TOO_CLOSE, Taking,
};
pub use authentic::{AUTHENTIC, AuthenticTable, CellType, Forgery, PROOF};
pub use card_orders::{CardAlarm, CardChargeRow, CardOrderRow, CardOrders, NewCardOrder};
pub use closings::{CLOSINGS_MAX, Closing, Closings};
pub use contact::{Contact, ContactKind, ContactProblem, display_name, folded, masked_name};
pub(crate) use contact_rows::awaits_proof;
pub use contacts::{
    CHANGES_PER_DAY, CONTACTS_MAX, ContactChange, ContactId, ContactNews, ContactRefusal, Contacts,
    KnownContact, Reached, Told, UNDO_LIFE, UndoSecret, Words,
};
pub use devices::{
    Device, Devices, PAIRING_CODE_DIGITS, PAIRING_CODE_LIFE, PAIRING_TRIES_MAX, PairingRefusal,
};
pub use directory::{
    Directory, DirectoryRows, DirectoryStore, DirectoryTill, InvoiceNumber, MerchantTree,
    NameTaken, Opening, PendingOpening, RenameRefusal, Renamed,
};
pub use erasures::{Erasure, Erasures};
pub use external_ids::{
    DeadExternalId, ExternalId, ExternalIds, ExternalSubject, LinkExternalRefusal, UnlinkRefusal,
};
pub use factors::{Factors, OwnerId, StoredPasskey};
pub use freeze_codes::{FreezeCodeState, FreezeCodes, Stops};
pub use mamori_domain::context::AgentFamily;
pub use notice_facts::{NoticeFacts, Ways};
pub use notices::{
    DeniedNotice, MONEY_SMS_PER_DAY, NOT_ME_LIFE, NotMe, NotMeSecret, NoticeChoices, NoticeRefusal,
    Notices, PUSH_SUBSCRIPTIONS_MAX, PushAddress, PushBrowser, PushId,
};
pub(crate) use numbered::{Numbered, numbered_cell};
pub use operators::{
    ConfirmRefusal, GivenRole, LinkRefusal, OPERATOR_LINK_LIFE, OPERATOR_PASSKEYS_MAX,
    OperatorPasskey, OperatorSummary, Operators, RemoveRefusal, RoleRefusal,
};
pub use passkeys::{
    AddRefusal, NewPasskey, OwnedPasskey, PASSKEYS_MAX, Passkeys, RemovePasskeyRefusal,
};
pub use passwords::{
    DeadFactor, FAILURES_MAX, FREE_TRIES, FactorPair, Guess, Guessed, HashCost, NewFactors,
    NotAccepted, OutdatedHash, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, Password, PasswordProblem,
    PasswordState, Passwords,
};
pub use people::{EnrolRefusal, Enrolment, ExternalEnrolment, PasswordEnrolment, People, Person};
pub use permissions::{AnsweredLink, LinkUsed, NamedPermission, PermissionRow, Permissions};
pub use places::{Arrival, PLACES_MAX, Places};
pub use recoveries::{
    AskedRecovery, Debts, Finishing, OpenRecovery, Proof, ProveRefusal, RECOVERY_TRIES_MAX,
    Recoveries, RecoveryHandle, RecoveryStage, RecoveryState, StopRefusal, Switched, Undoing,
};
pub use recovery_codes::{RECOVERY_CODES, RecoveryCodes};
pub use recovery_letters::{RecoveryNews, RecoveryTold, RecoveryWords};
pub use recovery_ways::{Evidence, WAYS, Way, opens_at};
pub use roles::{Permission, Role};
pub use saved_code::{SAVED_CODE_CHARS, SavedCode};
pub use schema::CONTROL;
pub use seed::Seed;
pub use sessions::{
    Aal, AuthMethod, DeviceKey, EndedSession, Generation, SESSIONS_PER_OWNER_MAX, SessionDevice,
    SessionId, SessionRow, Sessions,
};
/// Tables of what is under way: sessions, links, pairing codes, sign-ups. They do not come back with an older copy of a store: some
/// of it was ended since, and nothing in the copy says so.
///
/// Nor does it come back who was confirmed as an operator, and what was proposed or approved: some may have been removed since, and some of
/// it was declined.
pub const UNDER_WAY: [&str; 7] = [
    "recoveries",
    "sessions",
    "operator_links",
    "pairing_codes",
    "sign_ups",
    "confirmed_operators",
    "approvals",
];

pub use sign_ups::{
    AdditionStart, CODE_LIFE, CODE_TRIES_MAX, CodeRefusal, CodeToSend, Proven, SendBudget,
    SendRefusal, SignUpStart, SignUps,
};

pub use supervisors::{
    NewSupervisor, PIN_DIGITS, PIN_LOCK, PIN_TRIES_MAX, PinRefusal, SUPERVISORS_PER_STORE_MAX,
    Supervisor, Supervisors,
};
pub use templates::{MessageTemplates, StoredTemplate};
pub use totp::{
    NEVER_USED, TOTP_DIGITS, TOTP_SECRET_BYTES, TOTP_STEP_SECONDS, TotpSecret, step_at,
};
pub use trusted::{InviteRefusal, TRUSTED_MAX, Trusted, TrustedContact, TrustedId};

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

impl Numbered for Surface {
    const ALL: &[Surface] = &[Surface::Wallet, Surface::Till, Surface::Console];

    fn as_number(self) -> i64 {
        match self {
            Surface::Wallet => 1,
            Surface::Till => 2,
            Surface::Console => 3,
        }
    }
}

/// Where a row stands between the registry and the book.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The book has not named it yet.
    Pending,
    /// The book names it.
    Active,
    /// It may do nothing any more.
    Dead,
    /// The book is about to forget it; it may do nothing already.
    Leaving,
    /// A recovery has put another one in its place, and may be undone: until then it may do nothing.
    Suspended,
}

impl Numbered for Standing {
    const ALL: &[Standing] = &[
        Standing::Pending,
        Standing::Active,
        Standing::Dead,
        Standing::Leaving,
        Standing::Suspended,
    ];

    fn as_number(self) -> i64 {
        match self {
            Standing::Pending => 1,
            Standing::Active => 2,
            Standing::Dead => 3,
            Standing::Leaving => 4,
            Standing::Suspended => 5,
        }
    }
}

/// One connection to the control tables, with the keys that open what is sealed in them.
///
/// Every call of a repository is one short durable transaction. A value belongs to one thread; several values on several
/// threads are fine.
pub struct Registry {
    db: Db,
    keys: RegistryKeys,
}

impl Registry {
    /// Opens the tables, making and migrating them as needed.
    ///
    /// A fault that stays (`is_newer_store`) where a newer program has written them.
    pub fn open(location: &Location, master: &MasterKey) -> Result<Registry, Fault> {
        Ok(Registry {
            db: location.open(&CONTROL)?,
            keys: RegistryKeys::of(master),
        })
    }

    /// The fingerprint under which the book names a public or secret value: 128 bits of a keyed hash.
    ///
    /// `kind` keeps values of different uses apart and is part of the store's format. Keyed, so that a journal given away does
    /// not tell which credential ids or device tokens exist.
    pub fn fingerprint(&self, kind: &str, value: &[u8]) -> Fingerprint {
        self.keys.fingerprint(kind, value)
    }
}

impl Registry {
    /// People and their names, sealed under a key of each.
    pub fn people(&mut self) -> People<'_> {
        People {
            db: &mut self.db,
            keys: &self.keys,
        }
    }

    /// How people are reached.
    pub fn contacts(&mut self) -> Contacts<'_> {
        Contacts {
            db: &mut self.db,
            keys: &self.keys,
        }
    }

    /// What was destroyed of whom, and what the book is still owed.
    pub fn erasures(&mut self) -> Erasures<'_> {
        Erasures {
            db: &mut self.db,
            keys: &self.keys,
        }
    }

    /// What people and operators prove themselves with: passkeys.
    pub fn factors(&mut self) -> Factors<'_> {
        Factors {
            db: &mut self.db,
            keys: &self.keys,
        }
    }

    /// A customer's several passkeys.
    pub fn passkeys(&mut self) -> Passkeys<'_> {
        Passkeys {
            db: &mut self.db,
            keys: &self.keys,
            noted: None,
        }
    }

    /// Passwords of customers, with the codes by time that they never go without.
    pub fn passwords(&mut self) -> Passwords<'_> {
        Passwords {
            db: &mut self.db,
            keys: &self.keys,
        }
    }

    /// Requests to close a wallet.
    pub fn closings(&mut self) -> Closings<'_> {
        Closings {
            db: &mut self.db,
            keys: &self.keys,
        }
    }

    /// Accounts at other providers that customers have linked.
    pub fn external_ids(&mut self) -> ExternalIds<'_> {
        ExternalIds {
            db: &mut self.db,
            keys: &self.keys,
        }
    }

    /// An account at a provider, from a verified token.
    pub fn external_subject(&self, issuer: &str, subject: &str) -> ExternalSubject {
        self.keys.external_subject(issuer, subject)
    }

    /// Codes on paper that stop a wallet.
    pub fn freeze_codes(&mut self) -> FreezeCodes<'_> {
        FreezeCodes {
            db: &mut self.db,
            keys: &self.keys,
        }
    }

    /// Which notices customers get, and how.
    pub fn notices(&mut self) -> Notices<'_> {
        Notices {
            db: &mut self.db,
            keys: &self.keys,
        }
    }

    /// Saved codes of recovery.
    pub fn recovery_codes(&mut self) -> RecoveryCodes<'_> {
        RecoveryCodes {
            db: &mut self.db,
            keys: &self.keys,
        }
    }

    /// What notices say, where an operator has changed it.
    pub fn templates(&mut self) -> MessageTemplates<'_> {
        MessageTemplates {
            db: &mut self.db,
            keys: &self.keys,
        }
    }

    /// Customers who may help another one to come back.
    pub fn trusted(&mut self) -> Trusted<'_> {
        Trusted {
            db: &mut self.db,
            keys: &self.keys,
        }
    }

    /// Where customers sign in from.
    pub fn places(&mut self) -> Places<'_> {
        Places {
            db: &mut self.db,
            keys: &self.keys,
        }
    }

    /// People on their way back in.
    pub fn recoveries(&mut self) -> Recoveries<'_> {
        Recoveries {
            db: &mut self.db,
            keys: &self.keys,
        }
    }

    /// The secret that the program makes the key of its push messages from: the same for the life of a store and of a `number`.
    pub fn push_secret(master: &MasterKey, number: u32) -> Secret {
        Secret::new(master.derive("web push").mac(&[&number.to_be_bytes()]))
    }

    /// Who is signed in.
    pub fn sessions(&mut self) -> Sessions<'_> {
        Sessions {
            db: &mut self.db,
            keys: &self.keys,
        }
    }

    /// Staff and their one-time links.
    pub fn operators(&mut self) -> Operators<'_> {
        Operators {
            db: &mut self.db,
            keys: &self.keys,
            noted: None,
        }
    }

    /// What one operator proposes and another one approves.
    pub fn approvals(&mut self) -> Approvals<'_> {
        Approvals {
            db: &mut self.db,
            keys: &self.keys,
        }
    }

    /// One-time codes that prove a contact.
    pub fn sign_ups(&mut self) -> SignUps<'_> {
        SignUps {
            db: &mut self.db,
            keys: &self.keys,
        }
    }

    /// Tills' devices, and the pairing codes that enrol them.
    pub fn devices(&mut self) -> Devices<'_> {
        Devices {
            db: &mut self.db,
            keys: &self.keys,
            noted: None,
        }
    }

    /// Who may stand beside a store's tills.
    pub fn supervisors(&mut self) -> Supervisors<'_> {
        Supervisors {
            db: &mut self.db,
            keys: &self.keys,
            noted: None,
        }
    }

    /// What an operator ought to look at.
    pub fn alarms(&mut self) -> Alarms<'_> {
        Alarms {
            db: &mut self.db,
            noted: None,
        }
    }

    /// What merchants, stores and tills are called, and what is being opened.
    pub fn directory(&mut self) -> DirectoryRows<'_> {
        DirectoryRows {
            db: &mut self.db,
            noted: None,
        }
    }

    /// API keys of merchants.
    pub fn api_keys(&mut self) -> ApiKeys<'_> {
        ApiKeys {
            db: &mut self.db,
            keys: &self.keys,
            noted: None,
        }
    }

    /// Standing permissions, and the links that asked for them.
    pub fn permissions(&mut self) -> Permissions<'_> {
        Permissions {
            db: &mut self.db,
            keys: &self.keys,
        }
    }

    /// What operators and customers changed here.
    pub fn acts(&mut self) -> Acts<'_> {
        Acts { db: &mut self.db }
    }

    /// Hosted card pages of top-ups, and what became of each charge.
    pub fn card_orders(&mut self) -> CardOrders<'_> {
        CardOrders { db: &mut self.db }
    }

    /// A device's key, by its thumbprint.
    pub fn device_key(&self, thumbprint: [u8; 32]) -> DeviceKey {
        self.keys.device_key(thumbprint)
    }

    /// What the registry knows of a browser: the keyed hash of its cookie's secret, and the family that its `User-Agent`
    /// header claims (empty where it sent none), and the key that it has proven (by its thumbprint).
    pub fn session_device(
        &self,
        browser: &[u8],
        user_agent: &str,
        key: Option<[u8; 32]>,
    ) -> SessionDevice {
        SessionDevice {
            browser: Some(self.keys.fingerprint("browser", browser)),
            agent: AgentFamily::of(user_agent),
            key: key.map(|thumbprint| self.keys.device_key(thumbprint)),
        }
    }
}

impl Registry {
    /// Every row that gives a right by being there and was not written by this house, or was altered since: at most 100 of a table.
    /// Using one is refused, whether it was found here before or not. `of` says where to look: of customers there are millions.
    pub fn forgeries(&mut self, of: Rows) -> Result<Vec<Forgery>, Fault> {
        let tables = AUTHENTIC.into_iter().filter(|table| of.names(table));
        let awaits = |tx: &mut Tx, table: &AuthenticTable, row: Param| {
            awaits_proof(tx, &self.keys, table, row)
        };
        let key = &self.keys.rows;
        authentic::forgeries(&mut self.db, key, tables, FORGERIES_MAX, &awaits)
    }

    /// Gives a proof to all rows that last and have none. The ledger must not say yet that this was done; afterwards it must.
    /// `proven` hears of progress. Returns how many rows.
    pub fn prove_lasting(&mut self, proven: &mut dyn FnMut(u64)) -> Result<u64, Fault> {
        authentic::prove_lasting(&mut self.db, &self.keys.rows, proven)
    }

    /// The forgeries of a store that is only read, and how much was looked at. What lasts is looked at if the ledger says that it
    /// was proven; what is under way, unless an older program wrote it: the first start of this one ends that.
    pub fn forgeries_in(
        location: &Location,
        master: &MasterKey,
        is_proven: bool,
    ) -> Result<(Looked, Vec<Forgery>), Fault> {
        let has_no_file = |directory: &std::path::Path| !directory.join(CONTROL.file).is_file();
        if location.directory().is_some_and(has_no_file) {
            return Ok((Looked::Nowhere, Vec::new()));
        }
        let mut db = location.open_read(&CONTROL)?;
        let version = db.query_first(
            "SELECT COALESCE(MAX(version), 0) FROM schema_versions WHERE family = $1",
            &[Param::Text(CONTROL.name)],
            |row| row.int(0),
        )?;
        let has = |name: &str| {
            let named = |migration: &Migration| migration.name == name;
            let place = CONTROL.migrations.iter().position(named);
            place.is_some_and(|place| version.unwrap_or(0) > place as i64)
        };
        let looked = match (has(schema::PROVEN_ROWS), is_proven) {
            (false, false) => return Ok((Looked::Nowhere, Vec::new())),
            (true, false) => Looked::AtWhatIsUnderWay,
            (_, true) if has(schema::PROVEN_LASTING_ROWS) => Looked::Everywhere,
            (_, true) => {
                return Err(Fault::broken(
                    "the ledger says that the registry's rows carry proofs, and this registry is older than that",
                ));
            }
        };
        let tables = (AUTHENTIC.into_iter())
            .filter(|table| !table.lasts || looked == Looked::Everywhere)
            // What an older program wrote has no proofs where it knew none.
            .filter(|table| has(table.since()));
        let keys = RegistryKeys::of(master);
        let awaits =
            |tx: &mut Tx, table: &AuthenticTable, row: Param| awaits_proof(tx, &keys, table, row);
        let forgeries = authentic::forgeries(&mut db, &keys.rows, tables, FORGERIES_MAX, &awaits)?;
        Ok((looked, forgeries))
    }
}

/// Rows that carry proofs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// All of them.
    All,
    /// Those of customers, of what they prove themselves with and of their contacts.
    OfCustomers,
    /// The rest: who is signed in, staff, tills, API keys.
    OfTheHouse,
}

impl Rows {
    fn names(self, table: &AuthenticTable) -> bool {
        let of_customers = matches!(
            table.name,
            "people"
                | "passkeys"
                | "passwords"
                | "totps"
                | "contacts"
                | "contact_changes"
                | "freeze_codes"
                | "external_ids"
                | "push_subscriptions"
                | "recoveries"
                | "recovery_codes"
                | "trusted_contacts"
        );
        match self {
            Rows::All => true,
            Rows::OfCustomers => of_customers,
            Rows::OfTheHouse => !of_customers,
        }
    }
}

/// Where forgeries were looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// There is no registry, or that of a program whose rows carried no proofs.
    Nowhere,
    /// Sessions, links and pairing codes alone: the next start proves the rest.
    AtWhatIsUnderWay,
    /// In every table whose rows give a right.
    Everywhere,
}

/// Forgeries of one table that are named.
const FORGERIES_MAX: usize = 100;

/// What the ledger names; asked by [`Registry::reconcile`]. One implementation, over the engine, stands in `crates/flows`.
pub trait Named {
    /// The wallet that each of these credentials may act for, if any, at one moment: a start asks for a million.
    fn wallets_of(&mut self, credentials: &[Fingerprint]) -> Result<Vec<Option<WalletId>>, Fault>;
    /// The device that may speak for this till, if any.
    fn device_of(&mut self, till: TillId) -> Result<Option<Fingerprint>, Fault>;
    /// The merchant that this API key may speak for, if any.
    fn merchant_of_key(&mut self, key: Fingerprint) -> Result<Option<MerchantId>, Fault>;
    /// Every merchant, store and till.
    fn merchant_tree(&mut self) -> Result<MerchantTree, Fault>;
    /// Whether each of these is a permission that works.
    fn are_permissions(&mut self, permissions: &[AuthorizationId]) -> Result<Vec<bool>, Fault>;
    /// The permissions of these wallets beside the known ones, at most `max`. A walk through all of them: for a start.
    fn permissions_beyond(
        &mut self,
        known: HashSet<AuthorizationId>,
        wallets: HashSet<WalletId>,
        max: usize,
    ) -> Result<Vec<NamedPermission>, Fault>;
}

/// What a reconciliation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Rows that the book names and the registry had not finished.
    pub finished: u64,
    /// Rows that the book does not name.
    pub dead: u64,
}

impl Registry {
    /// Settles every row whose standing differs from what the book names. Run at each start, before anybody is served.
    ///
    /// Covers a crash between the steps of a sign-up or an enrolment, and any mix of older and newer files after a restore:
    /// the book is right, always.
    pub fn reconcile(&mut self, named: &mut dyn Named) -> Result<Reconciled, Fault> {
        let mut done = Reconciled::default();
        self.people().reconcile(named, &mut done)?;
        self.passkeys().reconcile(named, &mut done)?;
        self.passwords().reconcile(named, &mut done)?;
        self.external_ids().reconcile(named, &mut done)?;
        self.directory().reconcile(named, &mut done)?;
        self.devices().reconcile(named, &mut done)?;
        self.api_keys().reconcile(named, &mut done)?;
        self.permissions().reconcile(named, &mut done)?;
        Ok(done)
    }
}

/// What is derived from the master key for these tables.
pub(crate) struct RegistryKeys {
    pepper: Secret,
    /// The key of the proofs that rows carry.
    pub(crate) rows: Secret,
    wrap: SealKey,
    master: MasterKey,
}

impl RegistryKeys {
    fn of(master: &MasterKey) -> Self {
        RegistryKeys {
            pepper: master.pepper(),
            rows: master.derive("registry rows"),
            wrap: master.wrap_key(),
            master: master.clone(),
        }
    }

    /// A device's key as the ledger names it.
    fn device_key(&self, thumbprint: [u8; 32]) -> DeviceKey {
        DeviceKey {
            thumbprint,
            fingerprint: self.fingerprint("device", &thumbprint),
        }
    }

    fn fingerprint(&self, kind: &str, value: &[u8]) -> Fingerprint {
        let hash = self.pepper.mac(&[b"fingerprint", kind.as_bytes(), value]);
        Fingerprint(u128::from_be_bytes(std::array::from_fn(|index| {
            hash[index]
        })))
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
