//! People on their way back in, who lost every way to sign in.
//!
//! | state | what stands here | what ends it |
//! |---|---|---|
//! | asked | a row, for whoever is asked for, known or not; nobody is told | a first proof, five wrong ones, an hour |
//! | open | what was proven, and when; every contact was told, with the secret that stops it | the new factor, somebody who stops it, seven days |
//! | finishing | what the ledger is asked to name | the ledger's answer |
//! | done | the new factor is active, those before are suspended, nobody is signed in by them | 72 hours, or the secret |
//! | undoing | what was active is dead | the ledger's answer; then those before are active again, and the wallet is frozen |
//!
//! At most one of a person is open or done at a time. A second one begins when the first has been stopped: by its owner, by a letter, or
//! by a saved code, which is stronger than whatever a stranger could have begun the first one with.
//!
//! The handle is in the browser that began, which proves its device's key with each request; the row names both. No session is there
//! before the end.

use std::collections::BTreeMap;
use std::time::Duration;

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param, Row, Tx};
use mamori_domain::context::AgentFamily;
use mamori_domain::event::Subject;
use mamori_domain::ids::{Fingerprint, WalletId};
use mamori_domain::world::Timestamp;

use crate::acts::{About, Noted, RegistryCommand};
use crate::authentic::{
    self, AuthenticTable, CONTACTS, EXTERNAL_IDS, PASSKEYS, PASSWORDS, RECOVERIES, TOTPS,
    TRUSTED_CONTACTS,
};
use crate::contact::{Contact, ContactKind};
use crate::contact_rows::{ContactId, UNDO_LIFE, owner_of};
use crate::contacts::{Household, UndoSecret};
use crate::factors::OwnerId;
use crate::notices::forget_push_of;
use crate::passwords::{HashCost, Password, is_code_by_time, is_password_of, note_wrong_password};
use crate::recovery_codes::{is_saved_code, use_code};
use crate::recovery_letters::{RecoveryNews, RecoveryWords, Telling, undo_secret};
use crate::recovery_ways::{Evidence, opens_at};
use crate::saved_code::SavedCode;
use crate::seed::Seed;
use crate::sessions::{EndedSession, end_all_in};
use crate::sign_ups::{AdditionStart, CodeToSend, SendBudget, SignUpStart, SignUps};
use crate::trusted::with_a_word;
use crate::{
    Numbered, RegistryKeys, Standing, Surface, at, closings, fingerprint_cell, freeze_codes,
    instant_cell, numbered_cell, opt_instant_cell, token_hash,
};

/// Wrong proofs of one recovery in all, before another has to be begun: a right one in between gives no new ones.
pub const RECOVERY_TRIES_MAX: i64 = 5;
/// Recoveries of one person that may be opened within a day.
const OPENED_PER_DAY: i64 = 3;
const ASKED_LIFE: Duration = Duration::from_secs(3_600);
const OPEN_LIFE: Duration = Duration::from_secs(7 * 24 * 3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// How long a row is kept that has come to its end.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How long a step may be on its way before it is taken again.
const ON_ITS_WAY: Duration = Duration::from_secs(120);

const BY_ID: &str = "WHERE recovery = $1";

/// The secret of the browser that began; the row holds its hash.
pub type RecoveryHandle = [u8; 32];

/// Where a recovery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryStage {
    Asked,
    Open,
    Finishing,
    Done,
    Undoing,
    /// It was done and taken back.
    Undone,
    /// It was stopped before its end.
    Stopped,
    /// Its time ran out.
    Overdue,
    /// It was done, and can be taken back no more.
    Settled,
}

impl RecoveryStage {
    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            RecoveryStage::Asked => "asked",
            RecoveryStage::Open => "open",
            RecoveryStage::Finishing => "finishing",
            RecoveryStage::Done => "done",
            RecoveryStage::Undoing => "undoing",
            RecoveryStage::Undone => "undone",
            RecoveryStage::Stopped => "stopped",
            RecoveryStage::Overdue => "overdue",
            RecoveryStage::Settled => "settled",
        }
    }

    /// Whether another one has to wait for it.
    const fn occupies(self) -> bool {
        matches!(
            self,
            RecoveryStage::Open
                | RecoveryStage::Finishing
                | RecoveryStage::Done
                | RecoveryStage::Undoing
        )
    }
}

impl Numbered for RecoveryStage {
    const ALL: &[RecoveryStage] = &[
        RecoveryStage::Asked,
        RecoveryStage::Open,
        RecoveryStage::Finishing,
        RecoveryStage::Done,
        RecoveryStage::Undoing,
        RecoveryStage::Undone,
        RecoveryStage::Stopped,
        RecoveryStage::Overdue,
        RecoveryStage::Settled,
    ];

    fn as_number(self) -> i64 {
        match self {
            RecoveryStage::Asked => 1,
            RecoveryStage::Open => 2,
            RecoveryStage::Finishing => 3,
            RecoveryStage::Done => 4,
            RecoveryStage::Undoing => 5,
            RecoveryStage::Undone => 6,
            RecoveryStage::Stopped => 7,
            RecoveryStage::Overdue => 8,
            RecoveryStage::Settled => 9,
        }
    }
}

/// Something that somebody shows.
pub enum Proof<'a> {
    SavedCode(&'a SavedCode),
    /// The one-time code that was sent last.
    Sent(&'a str),
    Totp(&'a str),
    Password(&'a Password, HashCost),
}

/// Why a proof is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProveRefusal {
    /// Wrong, spent, or of nobody: not told apart.
    Wrong,
    /// There were [`RECOVERY_TRIES_MAX`], or the time is over, or there never was such a recovery: begun anew.
    Over,
    /// It was right, and another recovery of the same person is under way or has just ended.
    Elsewhere,
}

/// Why a recovery is not stopped or taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopRefusal {
    /// There is none, or not any more; not told apart.
    Unknown,
}

/// A recovery that was just asked for.
pub struct AskedRecovery<'a> {
    pub contact: &'a Contact,
    /// The thumbprint of the device's key.
    pub device_key: &'a [u8; 32],
    pub agent: AgentFamily,
    /// `ja` or `en`.
    pub locale: &'a str,
}

/// As the browser that began may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryState {
    pub stage: RecoveryStage,
    /// Whose; nobody's as long as nothing was proven.
    pub person: OwnerId,
    pub wallet: Option<WalletId>,
    /// What was proven, when, and at which contact (masked).
    pub proven: Vec<(Evidence, Timestamp, Option<String>)>,
    /// What else this person could prove.
    pub offers: Vec<Evidence>,
    pub opens_at: Option<Timestamp>,
    pub ends_at: Timestamp,
}

impl RecoveryState {
    /// Whether the new factor can be made now.
    pub fn is_ready(&self, now: Timestamp) -> bool {
        self.stage == RecoveryStage::Open && self.opens_at.is_some_and(|at| at <= now)
    }
}

/// One that is open or done, as its owner sees it who is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenRecovery {
    pub id: [u8; 32],
    pub stage: RecoveryStage,
    pub agent: AgentFamily,
    pub opened_at: Timestamp,
    pub opens_at: Option<Timestamp>,
    pub ends_at: Timestamp,
}

/// One that the ledger was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finishing {
    pub id: [u8; 32],
    pub person: OwnerId,
    pub credentials: Vec<Fingerprint>,
}

/// The new factor took its place.
pub struct Switched {
    pub wallet: WalletId,
    pub ended: Vec<EndedSession>,
}

/// What the ledger is still owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debts {
    pub id: [u8; 32],
    pub wallet: WalletId,
    /// Credentials that it names no more.
    pub revoke: Vec<Fingerprint>,
    /// The device that pays; None where that stays.
    pub device: Option<Fingerprint>,
}

/// One that is being taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undoing {
    pub id: [u8; 32],
    pub person: OwnerId,
    pub wallet: WalletId,
    pub revoke: Vec<Fingerprint>,
    pub restore: Vec<Fingerprint>,
    /// The device that paid before.
    pub device: Option<Fingerprint>,
    /// What was permitted to merchants from then on is taken back too.
    pub since: Timestamp,
    pub ended: Vec<EndedSession>,
}

/// The columns of [`RECOVERIES`] that are needed.
#[derive(Clone)]
struct RecoveryRow {
    id: [u8; 32],
    person: [u8; 16],
    device_key: [u8; 32],
    agent: AgentFamily,
    stage: RecoveryStage,
    proven: String,
    code_id: Option<Vec<u8>>,
    wrong: i64,
    asked_at: Timestamp,
    opened_at: Option<Timestamp>,
    ends_at: Timestamp,
    done_at: Option<Timestamp>,
    credentials: Vec<Fingerprint>,
    device_before: Option<Fingerprint>,
    owed: bool,
    told: bool,
}

impl RecoveryRow {
    fn of(row: &Row) -> RecoveryRow {
        RecoveryRow {
            id: row.bytes(0),
            person: row.bytes(1),
            device_key: row.bytes(2),
            agent: numbered_cell(row, 3),
            stage: numbered_cell(row, 5),
            proven: row.text(6).to_owned(),
            code_id: row.opt_blob(7).map(<[u8]>::to_vec),
            wrong: row.int(8),
            asked_at: instant_cell(row, 9),
            opened_at: opt_instant_cell(row, 10),
            ends_at: instant_cell(row, 11),
            done_at: opt_instant_cell(row, 12),
            credentials: fingerprints(row.opt_blob(13).unwrap_or_default()),
            device_before: row
                .opt_blob(14)
                .map(fingerprints)
                .and_then(|all| all.first().copied()),
            owed: row.flag(15),
            told: row.flag(16),
        }
    }

    fn find(tx: &mut Tx, keys: &RegistryKeys, id: &[u8; 32]) -> Result<Option<Self>, Fault> {
        let params = [Param::Blob(id)];
        let found = authentic::select(tx, &keys.rows, &RECOVERIES, BY_ID, &params, Self::of)?;
        Ok(found.into_iter().next())
    }

    /// Those of a person that others have to wait for.
    fn occupying(tx: &mut Tx, keys: &RegistryKeys, person: &[u8; 16]) -> Result<Vec<Self>, Fault> {
        let which = "WHERE person = $1 AND status >= $2 AND status <= $3";
        let params = [
            Param::Blob(person),
            RecoveryStage::Open.param(),
            RecoveryStage::Undoing.param(),
        ];
        let found = authentic::select(tx, &keys.rows, &RECOVERIES, which, &params, Self::of)?;
        Ok(found
            .into_iter()
            .filter(|row| row.stage.occupies())
            .collect())
    }

    /// Those in a stage, the oldest end first.
    fn in_stage(
        tx: &mut Tx,
        keys: &RegistryKeys,
        stage: RecoveryStage,
    ) -> Result<Vec<Self>, Fault> {
        let which = "WHERE status = $1 ORDER BY ends_at LIMIT 500";
        let params = [stage.param()];
        authentic::select_proven(tx, &keys.rows, &RECOVERIES, which, &params, Self::of)
    }

    /// For letters: which one, and in which family of browsers it was begun.
    fn name(&self) -> ([u8; 32], AgentFamily) {
        (self.id, self.agent)
    }

    fn set(&self, tx: &mut Tx, keys: &RegistryKeys, cells: &[(&str, Param)]) -> Result<(), Fault> {
        let params = [Param::Blob(&self.id)];
        authentic::update(tx, &keys.rows, &RECOVERIES, BY_ID, &params, cells).map(drop)
    }

    /// Whether it goes on, in the browser that began it. A clock that ran back must not lengthen a life.
    fn goes_on(&self, key: &[u8; 32], now: Timestamp) -> bool {
        self.device_key == *key
            && matches!(self.stage, RecoveryStage::Asked | RecoveryStage::Open)
            && (self.asked_at..self.ends_at).contains(&now)
    }

    /// Whether proofs are taken now. What was proven before wrong ones used them up still opens it in its time.
    fn takes_proofs(&self, key: &[u8; 32], now: Timestamp) -> bool {
        self.goes_on(key, now) && self.wrong < RECOVERY_TRIES_MAX
    }

    /// Since when whoever came back may have changed something.
    fn began_to_act(&self) -> Timestamp {
        self.done_at.unwrap_or(self.asked_at)
    }

    /// What was proven, each with its instant.
    fn items(&self) -> Vec<(Item, Timestamp)> {
        self.proven.split(' ').filter_map(Item::read).collect()
    }

    /// The same with one more; what was proven before keeps its instant.
    fn with(&self, item: Item, now: Timestamp) -> String {
        let mut items = self.items();
        if !items.iter().any(|(known, _)| *known == item) {
            items.push((item, now));
        }
        let written: Vec<String> = items.iter().map(|(item, at)| item.write(*at)).collect();
        written.join(" ")
    }
}

/// What stands in `proven`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Item {
    SavedCode,
    Totp,
    Password,
    Trusted,
    Contact(ContactId),
}

impl Item {
    fn write(self, at: Timestamp) -> String {
        match self {
            Item::SavedCode => format!("code@{}", at.0),
            Item::Totp => format!("totp@{}", at.0),
            Item::Password => format!("password@{}", at.0),
            Item::Trusted => format!("trusted@{}", at.0),
            Item::Contact(id) => {
                format!("contact:{:032x}@{}", u128::from_be_bytes(id.0), at.0)
            }
        }
    }

    fn read(text: &str) -> Option<(Item, Timestamp)> {
        let (what, at) = text.split_once('@')?;
        let item = match what {
            "code" => Item::SavedCode,
            "totp" => Item::Totp,
            "password" => Item::Password,
            "trusted" => Item::Trusted,
            contact => {
                let hex = contact.strip_prefix("contact:")?;
                let id = u128::from_str_radix(hex, 16).ok()?;
                Item::Contact(ContactId(id.to_be_bytes()))
            }
        };
        Some((item, Timestamp(at.parse().ok()?)))
    }
}

/// What items are worth today: a contact that was removed meanwhile proves nothing any more, and two addresses at one provider are one.
fn evidence(
    items: &[(Item, Timestamp)],
    household: &Household,
    now: Timestamp,
) -> Vec<(Evidence, Timestamp, Option<String>)> {
    let mut domains: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for (item, at) in items {
        let (evidence, masked) = match item {
            Item::SavedCode => (Evidence::SavedCode, None),
            Item::Totp => (Evidence::Totp, None),
            Item::Password => (Evidence::Password, None),
            Item::Trusted => (Evidence::TrustedContact, None),
            Item::Contact(id) => {
                let kept = household.find(*id);
                let Some(kept) = kept.filter(|kept| kept.is_confirmed() && kept.has_settled(now))
                else {
                    continue;
                };
                let contact = &kept.known.contact;
                let evidence = match contact.kind() {
                    ContactKind::Phone => Evidence::Sms,
                    ContactKind::Mail => {
                        let domain = domain_of(contact);
                        match domains.iter().position(|known| *known == domain) {
                            None => domains.push(domain),
                            // As good as the one that was there before.
                            Some(_) => continue,
                        }
                        match domains.len() {
                            1 => Evidence::Mail,
                            _ => Evidence::SecondMail,
                        }
                    }
                };
                (evidence, Some(contact.masked()))
            }
        };
        found.push((evidence, *at, masked));
    }
    found
}

fn domain_of(contact: &Contact) -> String {
    let text = contact.as_str();
    text.rsplit('@').next().unwrap_or(text).to_owned()
}

fn times(found: &[(Evidence, Timestamp, Option<String>)]) -> Vec<(Evidence, Timestamp)> {
    found
        .iter()
        .map(|(evidence, at, _)| (*evidence, *at))
        .collect()
}

fn fingerprints(bytes: &[u8]) -> Vec<Fingerprint> {
    let (whole, _) = bytes.as_chunks::<16>();
    whole
        .iter()
        .map(|one| Fingerprint(u128::from_be_bytes(*one)))
        .collect()
}

fn fingerprint_bytes(all: &[Fingerprint]) -> Vec<u8> {
    all.iter().flat_map(|one| one.0.to_be_bytes()).collect()
}

/// A factor of a person, whatever its kind.
struct Factor {
    table: &'static AuthenticTable,
    fingerprint: Fingerprint,
    standing: Standing,
}

fn factors(tx: &mut Tx, keys: &RegistryKeys, person: &[u8; 16]) -> Result<Vec<Factor>, Fault> {
    let mut found = Vec::new();
    for (table, which, columns) in [
        (&PASSKEYS, "WHERE owner = $1 AND surface = 1", (3, 4)),
        (&PASSWORDS, "WHERE owner = $1", (2, 3)),
        (&TOTPS, "WHERE owner = $1", (2, 3)),
        (&EXTERNAL_IDS, "WHERE owner = $1", (2, 3)),
    ] {
        let who = [Param::Blob(person)];
        found.extend(authentic::select_proven(
            tx,
            &keys.rows,
            table,
            which,
            &who,
            |row| Factor {
                table,
                fingerprint: fingerprint_cell(row, columns.0),
                standing: numbered_cell(row, columns.1),
            },
        )?);
    }
    Ok(found)
}

impl Factor {
    fn set(
        &self,
        tx: &mut Tx,
        keys: &RegistryKeys,
        person: &[u8; 16],
        standing: Standing,
    ) -> Result<(), Fault> {
        let fingerprint = self.fingerprint.0.to_be_bytes();
        let which = "WHERE owner = $1 AND fingerprint = $2";
        let params = [Param::Blob(person), Param::Blob(&fingerprint)];
        let mut cells = vec![("status", standing.param())];
        let is_passkey = self.table.name == PASSKEYS.name;
        if is_passkey {
            cells.push(("leaving_at", Param::Null));
        }
        if standing == Standing::Dead {
            match self.table.name {
                name if name == PASSWORDS.name => cells.push(("hash", Param::Text(""))),
                name if name == TOTPS.name => cells.push(("secret", Param::Blob(&[]))),
                name if name == EXTERNAL_IDS.name => cells.push(("subject", Param::Blob(&[]))),
                _ => cells.extend([
                    ("passkey", Param::Text("")),
                    ("name", Param::Null),
                    ("agent", Param::Null),
                    ("used_network", Param::Null),
                ]),
            }
        }
        authentic::update(tx, &keys.rows, self.table, which, &params, &cells).map(drop)
    }
}

/// People on their way back in.
pub struct Recoveries<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
}

impl Recoveries<'_> {
    /// Writes down that somebody asks: the same row, by the same statements, whoever is asked for.
    pub fn begin(
        &mut self,
        asked: &AskedRecovery,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<RecoveryHandle, Fault> {
        let handle = seed.bytes("recovery");
        let (id, keys) = (token_hash(&handle), self.keys);
        let index = keys.blind_index(asked.contact);
        let secret = undo_secret(keys, &id);
        self.db.transaction(|tx| {
            // Nobody's: a name that no row has.
            let nobody = keys.pepper.mac(&[b"recovery of nobody", &index]);
            let nobody: [u8; 16] = std::array::from_fn(|at| nobody[at]);
            let person = owner_of(tx, &keys.rows, &index)?.unwrap_or(nobody);
            let cells = [
                ("recovery", Param::Blob(&id)),
                ("person", Param::Blob(&person)),
                ("device_key", Param::Blob(asked.device_key)),
                ("agent", Param::Int(asked.agent.number())),
                ("locale", Param::Text(asked.locale)),
                ("status", RecoveryStage::Asked.param()),
                ("proven", Param::Text("")),
                ("code_id", Param::Null),
                ("wrong", Param::Int(0)),
                ("asked_at", at(now)),
                ("opened_at", Param::Null),
                ("ends_at", at(now.plus(ASKED_LIFE))),
                ("done_at", Param::Null),
                ("credentials", Param::Null),
                ("device_before", Param::Null),
                ("owed", Param::Int(0)),
                ("told", Param::Int(0)),
                ("undo_hash", Param::Blob(&token_hash(&secret))),
            ];
            authentic::insert(tx, &keys.rows, &RECOVERIES, &cells)
        })?;
        Ok(handle)
    }

    /// Draws a one-time code for a contact that was typed, if it is one of the person's own that has settled. None for every other,
    /// and where the budgets are used up: the browser hears the same.
    pub fn draw_code(
        &mut self,
        handle: &RecoveryHandle,
        key: &[u8; 32],
        contact: &Contact,
        budget: &SendBudget,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<Option<(CodeToSend, String)>, Fault> {
        let (id, keys) = (token_hash(handle), self.keys);
        let found = self.db.snapshot(|tx| {
            let row = RecoveryRow::find(tx, keys, &id)?;
            let Some(row) = row.filter(|row| row.takes_proofs(key, now)) else {
                return Ok(None);
            };
            let household = Household::of_person(tx, keys, &row.person, now)?;
            Ok(household.map(|household| (row, household)))
        })?;
        let Some((row, household)) = found else {
            return Ok(None);
        };
        let is_own = household
            .confirmed()
            .any(|kept| kept.known.contact == *contact && kept.has_settled(now));
        if !is_own {
            return Ok(None);
        }
        let start = AdditionStart {
            person: OwnerId(row.person),
            start: SignUpStart {
                contact,
                locale: &household.locale,
                browser: &id,
            },
        };
        let mut codes = SignUps {
            db: &mut *self.db,
            keys,
        };
        let Ok(to_send) = codes.start_recovery(&start, budget, now, seed)? else {
            return Ok(None);
        };
        self.db.transaction(|tx| {
            let code = [("code_id", Param::Blob(&to_send.sign_up))];
            row.set(tx, keys, &code)
        })?;
        Ok(Some((to_send, household.locale)))
    }

    /// Takes a proof. The first right one opens the recovery and tells every contact; wrong ones are counted before the answer leaves.
    /// `instead` stops another one that is open, if what is shown is a saved code.
    #[allow(clippy::too_many_arguments)]
    pub fn prove(
        &mut self,
        handle: &RecoveryHandle,
        key: &[u8; 32],
        proof: &Proof,
        instead: bool,
        noted: &Noted,
        seed: &Seed,
        words: &RecoveryWords,
    ) -> Result<Result<(), ProveRefusal>, Fault> {
        let (id, keys, now) = (token_hash(handle), self.keys, noted.now);
        let row = self.db.snapshot(|tx| RecoveryRow::find(tx, keys, &id))?;
        let Some(row) = row.filter(|row| row.takes_proofs(key, now)) else {
            return Ok(Err(ProveRefusal::Over));
        };
        // What takes long, or a transaction of its own, comes before.
        let sent = match proof {
            Proof::Sent(code) => {
                let code_id = row.code_id.clone().unwrap_or_else(|| vec![0; 32]);
                let mut codes = SignUps {
                    db: &mut *self.db,
                    keys,
                };
                let proven =
                    codes.prove_addition(&OwnerId(row.person), &code_id, &id, code, now)?;
                proven.ok().map(|proven| proven.contact)
            }
            _ => None,
        };
        let is_password = match proof {
            Proof::Password(password, cost) => {
                is_password_of(self.db, keys, &row.person, password, *cost)?
            }
            _ => false,
        };
        self.db.transaction(|tx| {
            let row = RecoveryRow::find(tx, keys, &id)?;
            let Some(row) = row.filter(|row| row.takes_proofs(key, now)) else {
                return Ok(Err(ProveRefusal::Over));
            };
            let household = Household::of_person(tx, keys, &row.person, now)?;
            let is_open = row.stage == RecoveryStage::Open;
            let item = match (proof, &household) {
                (_, None) => None,
                (Proof::SavedCode(code), Some(_)) => {
                    is_saved_code(tx, keys, &row.person, code)?.then_some(Item::SavedCode)
                }
                (Proof::Sent(_), Some(household)) => sent.as_ref().and_then(|contact| {
                    let own = household
                        .confirmed()
                        .find(|kept| kept.known.contact == *contact);
                    own.map(|kept| Item::Contact(kept.known.id))
                }),
                // Guesses at what has few possibilities are for whoever has proven something else.
                (Proof::Totp(code), Some(_)) if is_open => {
                    is_code_by_time(tx, keys, &row.person, code, now)?.then_some(Item::Totp)
                }
                (Proof::Password(..), Some(_)) if is_open => is_password.then_some(Item::Password),
                _ => None,
            };
            let (Some(item), Some(household)) = (item, household) else {
                if is_open && matches!(proof, Proof::Password(..)) {
                    note_wrong_password(tx, keys, &row.person)?;
                }
                row.set(tx, keys, &[("wrong", Param::Int(row.wrong + 1))])?;
                return Ok(Err(ProveRefusal::Wrong));
            };
            if !is_open {
                let others = RecoveryRow::occupying(tx, keys, &row.person)?;
                let may_stop = instead
                    && item == Item::SavedCode
                    && others
                        .iter()
                        .all(|other| other.stage == RecoveryStage::Open);
                if !others.is_empty() && !may_stop || opened_too_often(tx, &row.person, now)? {
                    return Ok(Err(ProveRefusal::Elsewhere));
                }
                for other in &others {
                    let noted = Noted {
                        id: seed.take("stop act"),
                        ..*noted
                    };
                    stop(tx, keys, other, &household, &noted, seed, words)?;
                }
            }
            if let Proof::SavedCode(code) = proof {
                use_code(tx, keys, &row.person, code, now)?;
            }
            let before = opens_at(&times(&evidence(&row.items(), &household, now)));
            let opened = RecoveryRow {
                proven: row.with(item, now),
                ..row.clone()
            };
            let after = opens_at(&times(&evidence(&opened.items(), &household, now)));
            let mut cells = vec![
                ("proven", Param::Text(&opened.proven)),
                ("code_id", Param::Null),
            ];
            if !is_open {
                cells.extend([
                    ("status", RecoveryStage::Open.param()),
                    ("opened_at", at(now)),
                    ("ends_at", at(now.plus(OPEN_LIFE))),
                ]);
            }
            row.set(tx, keys, &cells)?;
            let news = match (is_open, before, after) {
                (false, ..) => RecoveryNews::Begun,
                (true, None, Some(_)) => RecoveryNews::Complete,
                _ => return Ok(Ok(())),
            };
            if !is_open {
                note(tx, noted, RegistryCommand::BeginRecovery, household.wallet)?;
            }
            let telling = Telling::of(row.name(), news, after);
            telling.tell(tx, keys, &household, now, seed, words)?;
            Ok(Ok(()))
        })
    }

    /// As the browser that began sees it; None for a handle that is not this device's, or of long ago.
    pub fn state(
        &mut self,
        handle: &RecoveryHandle,
        key: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<RecoveryState>, Fault> {
        let (id, keys) = (token_hash(handle), self.keys);
        self.db.snapshot(|tx| {
            let row = RecoveryRow::find(tx, keys, &id)?;
            let Some(row) = row.filter(|row| row.device_key == *key) else {
                return Ok(None);
            };
            let mut state = RecoveryState {
                stage: row.stage,
                person: OwnerId(row.person),
                wallet: None,
                proven: Vec::new(),
                offers: Vec::new(),
                opens_at: None,
                ends_at: row.ends_at,
            };
            if row.stage == RecoveryStage::Asked {
                // Nothing that could tell whether there is such a person.
                if !row.takes_proofs(key, now) {
                    state.stage = RecoveryStage::Overdue;
                }
                return Ok(Some(state));
            }
            if let Some(household) = Household::of_person(tx, keys, &row.person, now)? {
                state.proven = evidence(&row.items(), &household, now);
                state.opens_at = opens_at(&times(&state.proven));
                state.wallet = Some(household.wallet);
                state.offers = offers(tx, keys, &row, &household, now)?;
            }
            Ok(Some(state))
        })
    }

    /// Whoever may be asked to help: the wallets' owners, and who asks. None where nobody may, or the recovery is not open.
    pub fn trusted_to_ask(
        &mut self,
        handle: &RecoveryHandle,
        key: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<(OwnerId, Vec<OwnerId>)>, Fault> {
        let (id, keys) = (token_hash(handle), self.keys);
        self.db.snapshot(|tx| {
            let row = RecoveryRow::find(tx, keys, &id)?;
            let row = row.filter(|row| row.stage == RecoveryStage::Open && row.goes_on(key, now));
            let Some(row) = row else {
                return Ok(None);
            };
            let others = with_a_word(tx, keys, &row.person, now)?;
            Ok(Some((OwnerId(row.person), others)))
        })
    }

    /// A trusted contact has chosen the right number; false where it has no word (any more), or the recovery is not open.
    pub fn helped(
        &mut self,
        id: &[u8; 32],
        by: &OwnerId,
        noted: &Noted,
        seed: &Seed,
        words: &RecoveryWords,
    ) -> Result<bool, Fault> {
        let (keys, now) = (self.keys, noted.now);
        self.db.transaction(|tx| {
            let row = RecoveryRow::find(tx, keys, id)?;
            let Some(row) = row.filter(|row| row.stage == RecoveryStage::Open && now < row.ends_at)
            else {
                return Ok(false);
            };
            let household = Household::of_person(tx, keys, &row.person, now)?;
            let Some(household) = household else {
                return Ok(false);
            };
            if !with_a_word(tx, keys, &row.person, now)?.contains(by) {
                return Ok(false);
            }
            let before = opens_at(&times(&evidence(&row.items(), &household, now)));
            let proven = row.with(Item::Trusted, now);
            row.set(tx, keys, &[("proven", Param::Text(&proven))])?;
            note(tx, noted, RegistryCommand::HelpRecovery, household.wallet)?;
            let helped = RecoveryRow { proven, ..row };
            let after = opens_at(&times(&evidence(&helped.items(), &household, now)));
            if before.is_none() && after.is_some() {
                let telling = Telling::of(helped.name(), RecoveryNews::Complete, after);
                telling.tell(tx, keys, &household, now, seed, words)?;
            }
            Ok(true)
        })
    }

    /// A trusted contact says no: written down, and nothing else.
    pub fn declined(&mut self, person: &OwnerId, noted: &Noted) -> Result<(), Fault> {
        let keys = self.keys;
        self.db.transaction(
            |tx| match Household::of_person(tx, keys, &person.0, noted.now)? {
                Some(household) => note(
                    tx,
                    noted,
                    RegistryCommand::DeclineRecovery,
                    household.wallet,
                ),
                None => Ok(()),
            },
        )
    }

    /// The one of a person that is open or done.
    pub fn open_of(
        &mut self,
        person: &OwnerId,
        now: Timestamp,
    ) -> Result<Option<OpenRecovery>, Fault> {
        let keys = self.keys;
        self.db.snapshot(|tx| {
            let Some(row) = RecoveryRow::occupying(tx, keys, &person.0)?
                .into_iter()
                .next()
            else {
                return Ok(None);
            };
            let household = Household::of_person(tx, keys, &person.0, now)?;
            let proven = household.map(|household| evidence(&row.items(), &household, now));
            Ok(Some(OpenRecovery {
                id: row.id,
                stage: row.stage,
                agent: row.agent,
                opened_at: row.opened_at.unwrap_or(row.asked_at),
                opens_at: proven.and_then(|proven| opens_at(&times(&proven))),
                ends_at: row.ends_at,
            }))
        })
    }

    /// First step of the end: the ledger is about to be asked to name these. False where it is not open, or not yet.
    pub fn begin_finishing(
        &mut self,
        handle: &RecoveryHandle,
        key: &[u8; 32],
        credentials: &[Fingerprint],
        device_before: Option<Fingerprint>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let (id, keys) = (token_hash(handle), self.keys);
        let bytes = fingerprint_bytes(credentials);
        let device = device_before.map(|device| device.0.to_be_bytes());
        self.db.transaction(|tx| {
            let row = RecoveryRow::find(tx, keys, &id)?;
            let row = row.filter(|row| row.stage == RecoveryStage::Open && row.goes_on(key, now));
            let Some(row) = row else {
                return Ok(false);
            };
            let Some(household) = Household::of_person(tx, keys, &row.person, now)? else {
                return Ok(false);
            };
            let opens = opens_at(&times(&evidence(&row.items(), &household, now)));
            if opens.is_none_or(|opens| now < opens) {
                return Ok(false);
            }
            let cells = [
                ("status", RecoveryStage::Finishing.param()),
                ("credentials", Param::Blob(&bytes)),
                (
                    "device_before",
                    device
                        .as_ref()
                        .map_or(Param::Null, |device| Param::Blob(device)),
                ),
                ("done_at", at(now)),
            ];
            row.set(tx, keys, &cells)?;
            Ok(true)
        })
    }

    /// The ledger has said no: it is open again, and what waited is dead.
    pub fn abandon_finishing(&mut self, id: &[u8; 32]) -> Result<(), Fault> {
        let keys = self.keys;
        self.db.transaction(|tx| {
            let row = RecoveryRow::find(tx, keys, id)?;
            let Some(row) = row.filter(|row| row.stage == RecoveryStage::Finishing) else {
                return Ok(());
            };
            bury_new(tx, keys, &row)?;
            let cells = [
                ("status", RecoveryStage::Open.param()),
                ("credentials", Param::Null),
                ("done_at", Param::Null),
            ];
            row.set(tx, keys, &cells)
        })
    }

    /// The ledger names the new factors: in one transaction they are active, those before are suspended, nobody is signed in any more,
    /// and every contact is told. None where it was stopped meanwhile.
    pub fn switch(
        &mut self,
        id: &[u8; 32],
        noted: &Noted,
        seed: &Seed,
        words: &RecoveryWords,
    ) -> Result<Option<Switched>, Fault> {
        let (keys, now) = (self.keys, noted.now);
        self.db.transaction(|tx| {
            let row = RecoveryRow::find(tx, keys, id)?;
            let Some(row) = row.filter(|row| row.stage == RecoveryStage::Finishing) else {
                return Ok(None);
            };
            let Some(household) = Household::of_person(tx, keys, &row.person, now)? else {
                return Ok(None);
            };
            for factor in factors(tx, keys, &row.person)? {
                let is_new = row.credentials.contains(&factor.fingerprint);
                let next = match (is_new, factor.standing) {
                    (true, _) => Standing::Active,
                    (false, Standing::Active | Standing::Leaving) => Standing::Suspended,
                    (false, Standing::Pending) => Standing::Dead,
                    (false, _) => continue,
                };
                factor.set(tx, keys, &row.person, next)?;
            }
            let ended = end_all_in(tx, &keys.rows, Surface::Wallet, &OwnerId(row.person))?;
            forget_push_of(tx, &row.person, household.wallet)?;
            let cells = [
                ("status", RecoveryStage::Done.param()),
                ("done_at", at(now)),
                ("ends_at", at(now.plus(UNDO_LIFE))),
                ("owed", Param::Int(1)),
            ];
            row.set(tx, keys, &cells)?;
            note(tx, noted, RegistryCommand::FinishRecovery, household.wallet)?;
            let telling = Telling::of(row.name(), RecoveryNews::Done, None);
            telling.tell(tx, keys, &household, now, seed, words)?;
            Ok(Some(Switched {
                wallet: household.wallet,
                ended,
            }))
        })
    }

    /// What the ledger is owed of one that is done or was stopped while it was asked.
    pub fn debts(&mut self, id: &[u8; 32]) -> Result<Option<Debts>, Fault> {
        let keys = self.keys;
        self.db.snapshot(|tx| {
            let row = RecoveryRow::find(tx, keys, id)?;
            let Some(row) = row.filter(|row| row.owed) else {
                return Ok(None);
            };
            let Some(household) = Household::of_person(tx, keys, &row.person, row.asked_at)? else {
                return Ok(None);
            };
            let is_done = row.stage == RecoveryStage::Done;
            let revoke = match is_done {
                true => in_standing(tx, keys, &row.person, Standing::Suspended)?,
                false => row.credentials.clone(),
            };
            let device = is_done.then(|| keys.device_key(row.device_key).fingerprint);
            Ok(Some(Debts {
                id: row.id,
                wallet: household.wallet,
                revoke,
                device,
            }))
        })
    }

    /// The ledger is owed nothing any more.
    pub fn paid(&mut self, id: &[u8; 32]) -> Result<(), Fault> {
        let keys = self.keys;
        self.db
            .transaction(|tx| match RecoveryRow::find(tx, keys, id)? {
                Some(row) => row.set(tx, keys, &[("owed", Param::Int(0))]),
                None => Ok(()),
            })
    }

    /// Stops one that is open, asked for by its own browser.
    pub fn give_up(
        &mut self,
        handle: &RecoveryHandle,
        key: &[u8; 32],
        noted: &Noted,
        seed: &Seed,
        words: &RecoveryWords,
    ) -> Result<Result<(), StopRefusal>, Fault> {
        let id = token_hash(handle);
        self.stop_if(&id, noted, seed, words, |row| row.device_key == *key)
    }

    /// Stops one that is open, asked for by its owner who is signed in.
    pub fn stop_own(
        &mut self,
        id: &[u8; 32],
        owner: &OwnerId,
        noted: &Noted,
        seed: &Seed,
        words: &RecoveryWords,
    ) -> Result<Result<(), StopRefusal>, Fault> {
        self.stop_if(id, noted, seed, words, |row| row.person == owner.0)
    }

    fn stop_if(
        &mut self,
        id: &[u8; 32],
        noted: &Noted,
        seed: &Seed,
        words: &RecoveryWords,
        may: impl Fn(&RecoveryRow) -> bool,
    ) -> Result<Result<(), StopRefusal>, Fault> {
        let keys = self.keys;
        self.db.transaction(|tx| {
            let row = RecoveryRow::find(tx, keys, id)?;
            let row = row.filter(|row| {
                may(row) && matches!(row.stage, RecoveryStage::Open | RecoveryStage::Finishing)
            });
            let Some(row) = row else {
                return Ok(Err(StopRefusal::Unknown));
            };
            let Some(household) = Household::of_person(tx, keys, &row.person, noted.now)? else {
                return Ok(Err(StopRefusal::Unknown));
            };
            stop(tx, keys, &row, &household, noted, seed, words)?;
            Ok(Ok(()))
        })
    }

    /// The secret of a letter: stops one that is open, and begins to take one back that is done. Whose wallet it is, the caller's row says.
    pub fn undo(
        &mut self,
        secret: &UndoSecret,
        noted: &Noted,
        seed: &Seed,
        words: &RecoveryWords,
    ) -> Result<Result<Option<Undoing>, StopRefusal>, Fault> {
        let (hash, keys, now) = (token_hash(secret), self.keys, noted.now);
        // Asked without the right to write: guesses must not delay the writing of others.
        let known = self.db.query_first(
            "SELECT recovery FROM recoveries WHERE undo_hash = $1",
            &[Param::Blob(&hash)],
            |row| row.bytes::<32>(0),
        )?;
        let Some(id) = known else {
            return Ok(Err(StopRefusal::Unknown));
        };
        self.db.transaction(|tx| {
            let Some(row) = RecoveryRow::find(tx, keys, &id)? else {
                return Ok(Err(StopRefusal::Unknown));
            };
            let Some(household) = Household::of_person(tx, keys, &row.person, now)? else {
                return Ok(Err(StopRefusal::Unknown));
            };
            let has_time = row.asked_at <= now && now < row.ends_at;
            match row.stage {
                RecoveryStage::Open | RecoveryStage::Finishing if has_time => {
                    stop(tx, keys, &row, &household, noted, seed, words)?;
                    Ok(Ok(None))
                }
                RecoveryStage::Done if has_time => {
                    let undoing = take_back(tx, keys, &row, &household, noted)?;
                    Ok(Ok(Some(undoing)))
                }
                _ => Ok(Err(StopRefusal::Unknown)),
            }
        })
    }

    /// Last step of taking back, after the ledger: those before are active again, and every contact is told.
    pub fn finish_undo(
        &mut self,
        id: &[u8; 32],
        now: Timestamp,
        seed: &Seed,
        words: &RecoveryWords,
    ) -> Result<(), Fault> {
        let keys = self.keys;
        self.db.transaction(|tx| {
            let row = RecoveryRow::find(tx, keys, id)?;
            let Some(row) = row.filter(|row| row.stage == RecoveryStage::Undoing) else {
                return Ok(());
            };
            for factor in factors(tx, keys, &row.person)? {
                if factor.standing == Standing::Suspended {
                    factor.set(tx, keys, &row.person, Standing::Active)?;
                }
            }
            let cells = [
                ("status", RecoveryStage::Undone.param()),
                ("ends_at", at(now)),
                ("owed", Param::Int(0)),
            ];
            row.set(tx, keys, &cells)?;
            match Household::of_person(tx, keys, &row.person, now)? {
                Some(household) => {
                    let telling = Telling::of(row.name(), RecoveryNews::Undone, None);
                    telling.tell(tx, keys, &household, now, seed, words)
                }
                None => Ok(()),
            }
        })
    }

    /// Those whose end stopped half way: finishing, with what the ledger was asked to name.
    pub fn stuck(&mut self, now: Timestamp) -> Result<Vec<Finishing>, Fault> {
        let keys = self.keys;
        let before = now.minus(ON_ITS_WAY);
        self.db.snapshot(|tx| {
            let rows = RecoveryRow::in_stage(tx, keys, RecoveryStage::Finishing)?;
            let stuck = rows
                .into_iter()
                .filter(|row| row.done_at.is_none_or(|at| at < before));
            Ok(stuck
                .map(|row| Finishing {
                    id: row.id,
                    person: OwnerId(row.person),
                    credentials: row.credentials,
                })
                .collect())
        })
    }

    /// Those that owe the ledger something.
    pub fn owing(&mut self) -> Result<Vec<[u8; 32]>, Fault> {
        self.db.query(
            "SELECT recovery FROM recoveries WHERE status IN (4, 7) AND owed = 1 LIMIT 100",
            &[],
            |row| row.bytes(0),
        )
    }

    /// Those whose taking back stopped half way.
    pub fn being_undone(&mut self) -> Result<Vec<Undoing>, Fault> {
        let keys = self.keys;
        self.db.snapshot(|tx| {
            let mut found = Vec::new();
            for row in RecoveryRow::in_stage(tx, keys, RecoveryStage::Undoing)? {
                if let Some(household) = Household::of_person(tx, keys, &row.person, row.asked_at)?
                {
                    found.push(undoing(tx, keys, &row, household.wallet, Vec::new())?);
                }
            }
            Ok(found)
        })
    }

    /// Ends what is overdue, tells of a wait that is over, and lets go of suspended factors after 72 hours. Returns how many rows.
    pub fn sweep(
        &mut self,
        now: Timestamp,
        seed: &Seed,
        words: &RecoveryWords,
    ) -> Result<u64, Fault> {
        let keys = self.keys;
        let mut rows = self.db.execute(
            "DELETE FROM recoveries WHERE recovery IN (SELECT recovery FROM recoveries WHERE status = $1 AND ends_at <= $2 LIMIT 500)",
            &[RecoveryStage::Asked.param(), at(now)],
        )?;
        rows += self.db.execute(
            "DELETE FROM recoveries WHERE recovery IN (SELECT recovery FROM recoveries WHERE status >= $1 AND ends_at <= $2 AND owed = 0 LIMIT 500)",
            &[RecoveryStage::Undone.param(), at(now.minus(KEPT))],
        )?;
        rows += self
            .db
            .transaction(|tx| sweep_open(tx, keys, now, seed, words))?;
        rows += self.db.transaction(|tx| sweep_done(tx, keys, now))?;
        Ok(rows)
    }

    /// Lets every wait of a wallet's owner be over, as if contacts and trusted contacts had been there for 72 hours, and everything had
    /// been proven as long ago: for development, whose tests cannot wait for days. Nothing that serves customers calls it.
    pub fn hurry(&mut self, wallet: WalletId, now: Timestamp) -> Result<bool, Fault> {
        let (keys, key) = (self.keys, &self.keys.rows);
        let person = self.db.query_first(
            "SELECT person FROM people WHERE wallet = $1",
            &[Param::Int(crate::wallet_number(wallet)?)],
            |row| row.bytes::<16>(0),
        )?;
        let Some(person) = person else {
            return Ok(false);
        };
        self.db.transaction(|tx| {
            let (who, long_ago) = ([Param::Blob(&person)], now.minus(UNDO_LIFE));
            let settled = [("settles_at", at(now))];
            let theirs = "WHERE person = $1 AND removed_at IS NULL";
            authentic::update(tx, key, &CONTACTS, theirs, &who, &settled)?;
            let accepted = [("accepted_at", at(long_ago))];
            let theirs = "WHERE person = $1 AND accepted_at IS NOT NULL";
            authentic::update(tx, key, &TRUSTED_CONTACTS, theirs, &who, &accepted)?;
            for row in RecoveryRow::occupying(tx, keys, &person)? {
                let earlier: Vec<String> = (row.items().iter())
                    .map(|(item, _)| item.write(long_ago))
                    .collect();
                row.set(tx, keys, &[("proven", Param::Text(&earlier.join(" ")))])?;
            }
            Ok(true)
        })
    }
}

fn opened_too_often(tx: &mut Tx, person: &[u8; 16], now: Timestamp) -> Result<bool, Fault> {
    let opened = tx.query_first(
        "SELECT COUNT(*) FROM recoveries WHERE person = $1 AND opened_at > $2",
        &[Param::Blob(person), at(now.minus(DAY))],
        |row| row.int(0),
    )?;
    Ok(opened.unwrap_or(0) >= OPENED_PER_DAY)
}

fn offers(
    tx: &mut Tx,
    keys: &RegistryKeys,
    row: &RecoveryRow,
    household: &Household,
    now: Timestamp,
) -> Result<Vec<Evidence>, Fault> {
    let mut found = BTreeMap::new();
    let left = tx.query_first(
        "SELECT COUNT(*) FROM recovery_codes WHERE owner = $1 AND used_at IS NULL",
        &[Param::Blob(&row.person)],
        |row| row.int(0),
    )?;
    if left.unwrap_or(0) > 0 {
        found.insert(Evidence::SavedCode, ());
    }
    for factor in factors(tx, keys, &row.person)? {
        if factor.standing == Standing::Active {
            match factor.table.name {
                name if name == PASSWORDS.name => drop(found.insert(Evidence::Password, ())),
                name if name == TOTPS.name => drop(found.insert(Evidence::Totp, ())),
                _ => {}
            }
        }
    }
    let mut domains = std::collections::BTreeSet::new();
    for kept in household.confirmed().filter(|kept| kept.has_settled(now)) {
        match kept.known.contact.kind() {
            ContactKind::Phone => drop(found.insert(Evidence::Sms, ())),
            ContactKind::Mail => drop(domains.insert(domain_of(&kept.known.contact))),
        }
    }
    if !domains.is_empty() {
        found.insert(Evidence::Mail, ());
    }
    if domains.len() > 1 {
        found.insert(Evidence::SecondMail, ());
    }
    if !with_a_word(tx, keys, &row.person, now)?.is_empty() {
        found.insert(Evidence::TrustedContact, ());
    }
    Ok(found.into_keys().collect())
}

fn in_standing(
    tx: &mut Tx,
    keys: &RegistryKeys,
    person: &[u8; 16],
    standing: Standing,
) -> Result<Vec<Fingerprint>, Fault> {
    let found = factors(tx, keys, person)?.into_iter();
    let found = found.filter(|factor| factor.standing == standing);
    Ok(found.map(|factor| factor.fingerprint).collect())
}

/// What waited for the ledger is dead: no sweep makes it active.
fn bury_new(tx: &mut Tx, keys: &RegistryKeys, row: &RecoveryRow) -> Result<(), Fault> {
    for factor in factors(tx, keys, &row.person)? {
        if row.credentials.contains(&factor.fingerprint) {
            factor.set(tx, keys, &row.person, Standing::Dead)?;
        }
    }
    Ok(())
}

fn stop(
    tx: &mut Tx,
    keys: &RegistryKeys,
    row: &RecoveryRow,
    household: &Household,
    noted: &Noted,
    seed: &Seed,
    words: &RecoveryWords,
) -> Result<(), Fault> {
    let is_asked = row.stage == RecoveryStage::Finishing;
    bury_new(tx, keys, row)?;
    let cells = [
        ("status", RecoveryStage::Stopped.param()),
        ("ends_at", at(noted.now)),
        ("owed", Param::Int(i64::from(is_asked))),
    ];
    row.set(tx, keys, &cells)?;
    note(tx, noted, RegistryCommand::StopRecovery, household.wallet)?;
    let telling = Telling::of(row.name(), RecoveryNews::Stopped, None);
    telling.tell(tx, keys, household, noted.now, seed, words)
}

/// What is active now goes, with whatever was made for coming back since; what was before waits for the ledger.
fn take_back(
    tx: &mut Tx,
    keys: &RegistryKeys,
    row: &RecoveryRow,
    household: &Household,
    noted: &Noted,
) -> Result<Undoing, Fault> {
    let mut dead = Vec::new();
    for factor in factors(tx, keys, &row.person)? {
        if matches!(
            factor.standing,
            Standing::Active | Standing::Pending | Standing::Leaving
        ) {
            dead.push(factor.fingerprint);
            factor.set(tx, keys, &row.person, Standing::Dead)?;
        }
    }
    let since = row.began_to_act();
    freeze_codes::forget_since(tx, &row.person, since)?;
    closings::forget_since(tx, &row.person, since)?;
    let since = at(since);
    let who = Param::Blob(&row.person);
    tx.execute(
        "DELETE FROM recovery_codes WHERE owner = $1 AND made_at >= $2",
        &[who, since],
    )?;
    tx.execute(
        "DELETE FROM trusted_contacts WHERE person = $1 AND (made_at >= $2 OR accepted_at >= $2)",
        &[who, since],
    )?;
    let ended = end_all_in(tx, &keys.rows, Surface::Wallet, &OwnerId(row.person))?;
    forget_push_of(tx, &row.person, household.wallet)?;
    let bytes = fingerprint_bytes(&dead);
    let cells = [
        ("status", RecoveryStage::Undoing.param()),
        ("credentials", Param::Blob(&bytes)),
    ];
    row.set(tx, keys, &cells)?;
    note(tx, noted, RegistryCommand::UndoRecovery, household.wallet)?;
    let taken = RecoveryRow {
        credentials: dead,
        ..row.clone()
    };
    undoing(tx, keys, &taken, household.wallet, ended)
}

fn undoing(
    tx: &mut Tx,
    keys: &RegistryKeys,
    row: &RecoveryRow,
    wallet: WalletId,
    ended: Vec<EndedSession>,
) -> Result<Undoing, Fault> {
    Ok(Undoing {
        id: row.id,
        person: OwnerId(row.person),
        wallet,
        revoke: row.credentials.clone(),
        restore: in_standing(tx, keys, &row.person, Standing::Suspended)?,
        device: row.device_before,
        since: row.began_to_act(),
        ended,
    })
}

fn sweep_open(
    tx: &mut Tx,
    keys: &RegistryKeys,
    now: Timestamp,
    seed: &Seed,
    words: &RecoveryWords,
) -> Result<u64, Fault> {
    let mut rows = 0;
    for row in RecoveryRow::in_stage(tx, keys, RecoveryStage::Open)? {
        let Some(household) = Household::of_person(tx, keys, &row.person, now)? else {
            row.set(tx, keys, &[("status", RecoveryStage::Overdue.param())])?;
            continue;
        };
        let opens = opens_at(&times(&evidence(&row.items(), &household, now)));
        let (cell, news) = if row.ends_at <= now {
            rows += 1;
            (
                ("status", RecoveryStage::Overdue.param()),
                RecoveryNews::Overdue,
            )
        } else if !row.told && opens.is_some_and(|opens| opens <= now) {
            rows += 1;
            (("told", Param::Int(1)), RecoveryNews::Opened)
        } else {
            continue;
        };
        row.set(tx, keys, &[cell])?;
        let telling = Telling::of(row.name(), news, opens);
        // Each with chance of its own: several are told in one transaction.
        let seed = seed.part(&format!("recovery {rows}"));
        telling.tell(tx, keys, &household, now, &seed, words)?;
    }
    Ok(rows)
}

fn sweep_done(tx: &mut Tx, keys: &RegistryKeys, now: Timestamp) -> Result<u64, Fault> {
    let mut rows = 0;
    for row in RecoveryRow::in_stage(tx, keys, RecoveryStage::Done)? {
        if row.owed || now < row.ends_at {
            continue;
        }
        for factor in factors(tx, keys, &row.person)? {
            if factor.standing == Standing::Suspended {
                factor.set(tx, keys, &row.person, Standing::Dead)?;
            }
        }
        row.set(tx, keys, &[("status", RecoveryStage::Settled.param())])?;
        rows += 1;
    }
    Ok(rows)
}

fn note(
    tx: &mut Tx,
    noted: &Noted,
    command: RegistryCommand,
    wallet: WalletId,
) -> Result<(), Fault> {
    noted.write(tx, command, About::Ledger(Subject::Wallet(wallet)))
}
