//! Passwords, each with a second factor: codes by time. A password alone opens nothing.
//!
//! | step | where it is written |
//! |---|---|
//! | both factors wait | here, pending |
//! | the book names their fingerprints | ledger |
//! | they are active, those before them dead and empty | here |
//! | the book names the dead ones no more | ledger; then their rows go |
//!
//! What a thief of the table has: slow hashes (Argon2id) of values that were keyed first, so that without the master key not even a
//! list of common passwords can be tried. What a stranger at the door learns: nothing. A contact that nobody has takes the same
//! statements, the same hash and the same counting, and no answer says which of the two factors was wrong.
//!
//! Failures are counted twice. [`FREE_TRIES`] in a row, then a growing delay, for whoever is asked for, known or not; and for each
//! factor how many failed in a row, for ever: after [`FAILURES_MAX`] it proves nothing until it is replaced. Neither stands before a
//! passkey.

use std::time::Duration;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use mamori_datastore::fault::Fault;
use mamori_datastore::keys::{SealKey, Secret};
use mamori_datastore::sql::{Db, Param, Row, Tx};
use mamori_domain::event::Subject;
use mamori_domain::ids::{Fingerprint, WalletId};
use mamori_domain::world::Timestamp;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::acts::{About, Noted, RegistryCommand};
use crate::authentic::{self, AuthenticTable, PASSWORDS, PEOPLE, TOTPS};
use crate::contact::Contact;
use crate::contact_rows;
use crate::factors::OwnerId;
use crate::seed::Seed;
use crate::totp::TotpSecret;
use crate::{
    Named, Numbered, Reconciled, RegistryKeys, Standing, Surface, at, fingerprint_cell,
    instant_cell, opt_instant_cell, place,
};

/// Fewest characters of a password that always stands beside a second factor.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Most of them. Every one counts; a longer password is refused and never cut.
pub const PASSWORD_CHARS_MAX: usize = 256;
/// Failed sign-ins in a row before the next one has to wait. Of ten that passwords may have and five that codes may have it is the
/// smaller: nobody hears which of the two was wrong.
pub const FREE_TRIES: i64 = 5;
/// Failures in a row of one factor, after which it proves nothing any more.
pub const FAILURES_MAX: i64 = 100;
const FIRST_DELAY: Duration = Duration::from_secs(60);
const LONGEST_DELAY: Duration = Duration::from_secs(4 * 3_600);
/// How long failures are remembered that no other followed.
const TRIES_KEPT: Duration = Duration::from_secs(86_400);
/// How long a change may be on its way before it is asked about.
const ON_ITS_WAY: Duration = Duration::from_secs(120);

const OF_OWNER: &str = "WHERE owner = $1 AND status = $2";

/// A password as it was typed, in one spelling: compatibility forms composed (NFKC), so that full-width letters are the same letters.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// Why a text cannot become somebody's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordProblem {
    /// Fewer than [`PASSWORD_CHARS_MIN`].
    TooShort,
    /// More than [`PASSWORD_CHARS_MAX`].
    TooLong,
}

impl Password {
    /// As somebody types it who has one already: whatever it is, it is compared whole.
    pub fn typed(text: &str) -> Password {
        Password(Zeroizing::new(text.nfkc().collect()))
    }

    /// As somebody types a new one. Characters are counted as code points, after they were brought into their one spelling.
    pub fn new(text: &str) -> Result<Password, PasswordProblem> {
        let password = Password::typed(text);
        match password.0.chars().count() {
            ..PASSWORD_CHARS_MIN => Err(PasswordProblem::TooShort),
            PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX => Ok(password),
            _ => Err(PasswordProblem::TooLong),
        }
    }

    /// The text, for comparing it with lists.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

/// What one hash costs; stands beside each hash, so that it can grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for HashCost {
    /// What OWASP recommends for Argon2id.
    fn default() -> Self {
        HashCost {
            memory_kib: 19 * 1_024,
            passes: 2,
            lanes: 1,
        }
    }
}

impl HashCost {
    fn argon2(self) -> Argon2<'static> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, None);
        let params = params.expect("a cost that Argon2 can have");
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
    }
}

/// New factors of somebody. At least one of the two is given; an account with a password always has both.
#[derive(Clone, Copy, Default)]
pub struct NewFactors<'a> {
    /// The password, and what its hash costs.
    pub password: Option<(&'a Password, HashCost)>,
    /// The secret, and the step of the code that proved it.
    pub totp: Option<(&'a TotpSecret, i64)>,
}

/// How the book names two factors that open a wallet together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactorPair {
    /// The password, or the external ID.
    pub first: Fingerprint,
    pub totp: Fingerprint,
}

/// A password that somebody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordState {
    /// Whether it signs in though there is a passkey.
    pub beside_passkeys: bool,
    pub made_at: Timestamp,
    /// The last sign-in with it.
    pub used_at: Option<Timestamp>,
    /// Since when there are codes by time.
    pub totp_made_at: Timestamp,
}

/// What a contact and a password are worth. Nobody hears it: it is sealed, and only the sign-in that a code ends says yes or no.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Guess {
    person: [u8; 16],
    password: [u8; 16],
    is_right: bool,
    subject: [u8; 32],
}

impl Guess {
    const BYTES: usize = 16 + 16 + 1 + 32;

    /// As it is sealed: equally long for everybody.
    pub fn to_bytes(&self) -> [u8; Guess::BYTES] {
        let mut bytes = [0; Guess::BYTES];
        bytes[..16].copy_from_slice(&self.person);
        bytes[16..32].copy_from_slice(&self.password);
        bytes[32] = u8::from(self.is_right);
        bytes[33..].copy_from_slice(&self.subject);
        bytes
    }

    /// Reads what [`Guess::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Guess> {
        let bytes: &[u8; Guess::BYTES] = bytes.try_into().ok()?;
        Some(Guess {
            person: bytes[..16].try_into().ok()?,
            password: bytes[16..32].try_into().ok()?,
            is_right: bytes[32] == 1,
            subject: bytes[33..].try_into().ok()?,
        })
    }

    /// Whose sign-in it would be. Only for asking about that owner beforehand.
    pub fn owner(&self) -> OwnerId {
        OwnerId(self.person)
    }
}

/// A guess with the hash that should be made anew, at today's cost.
pub struct Guessed {
    pub guess: Guess,
    pub outdated: Option<OutdatedHash>,
}

/// A right password whose hash cost less than one costs today.
pub struct OutdatedHash {
    owner: OwnerId,
    row: [u8; 16],
    hash: String,
}

/// Why a sign-in or a code is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// Something was wrong, or nobody is called so. What it was is in the log.
    Wrong,
    /// Too many failures in a row: so many seconds are left.
    Wait(u32),
}

/// A factor that may do nothing any more, and that the book may still name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadFactor {
    row: [u8; 16],
    pub wallet: WalletId,
    pub fingerprint: Fingerprint,
}

/// Passwords and codes by time.
pub struct Passwords<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
}

/// The two tables; their first four columns are alike: name, owner, fingerprint, standing.
const BOTH: [&AuthenticTable; 2] = [&PASSWORDS, &TOTPS];

impl RegistryKeys {
    /// The keyed step before the slow one: 256 bits that say nothing without the master key, and of another owner nothing either.
    fn keyed_password(&self, owner: &[u8; 16], password: &Password) -> Zeroizing<[u8; 32]> {
        let parts: [&[u8]; 3] = [b"password", owner, password.0.as_bytes()];
        Zeroizing::new(self.pepper.mac(&parts))
    }

    fn password_hash(
        &self,
        owner: &[u8; 16],
        password: &Password,
        cost: HashCost,
        salt: [u8; 16],
    ) -> Result<String, Fault> {
        let salt = SaltString::encode_b64(&salt).expect("16 bytes are a salt");
        let keyed = self.keyed_password(owner, password);
        let hash = cost.argon2().hash_password(&keyed[..], &salt);
        hash.map(|hash| hash.to_string())
            .map_err(|_| Fault::retryable("a password was not hashed"))
    }

    fn is_password(&self, owner: &[u8; 16], password: &Password, hash: &str) -> bool {
        let keyed = self.keyed_password(owner, password);
        PasswordHash::new(hash)
            .is_ok_and(|hash| Argon2::default().verify_password(&keyed[..], &hash).is_ok())
    }

    /// Under what failed sign-ins of a contact are counted. Never under the person: of two contacts that wait together one would know
    /// that they are one customer's.
    fn sign_in_subject(&self, contact_index: &[u8; 32]) -> [u8; 32] {
        self.pepper.mac(&[b"sign-in tries", contact_index])
    }
}

/// Whether a hash cost less than one costs today.
fn is_outdated(hash: &str, cost: HashCost) -> bool {
    let params = PasswordHash::new(hash)
        .ok()
        .and_then(|hash| Params::try_from(&hash).ok());
    params.is_none_or(|params| {
        params.m_cost() < cost.memory_kib
            || params.t_cost() < cost.passes
            || params.p_cost() < cost.lanes
    })
}

/// How long the next try has to wait after so many failures in a row.
fn delay_after(wrong: i64) -> Duration {
    match wrong - FREE_TRIES {
        ..0 => Duration::ZERO,
        // Long before that it is the longest.
        beyond => (FIRST_DELAY * (1 << beyond.min(16))).min(LONGEST_DELAY),
    }
}

/// Failures in a row, and the seconds that are left to wait.
pub(crate) fn tries_of(
    tx: &mut Tx,
    subject: &[u8; 32],
    now: Timestamp,
) -> Result<(i64, u32), Fault> {
    let found = tx.query_first(
        "SELECT wrong, last_at FROM factor_tries WHERE subject = $1",
        &[Param::Blob(subject)],
        |row| (row.int(0), instant_cell(row, 1)),
    )?;
    let (wrong, last_at) = match found {
        Some((wrong, last_at)) if now < last_at.plus(TRIES_KEPT) => (wrong, last_at),
        _ => return Ok((0, 0)),
    };
    let until = last_at.plus(delay_after(wrong));
    let left = (until.0 - now.0).max(0);
    // A clock that was set back must not lock anybody for as long as it was ahead.
    let left = left.min(i64::try_from(LONGEST_DELAY.as_micros()).unwrap_or(i64::MAX));
    let seconds = left.cast_unsigned().div_ceil(1_000_000);
    Ok((wrong, u32::try_from(seconds).unwrap_or(u32::MAX)))
}

pub(crate) fn note_failure(
    tx: &mut Tx,
    subject: &[u8; 32],
    wrong: i64,
    now: Timestamp,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO factor_tries (subject, wrong, last_at) VALUES ($1, $2, $3)
         ON CONFLICT (subject) DO UPDATE SET wrong = $2, last_at = $3",
        &[Param::Blob(subject), Param::Int(wrong + 1), at(now)],
    )
    .map(drop)
}

pub(crate) fn forget_failures(tx: &mut Tx, subject: &[u8; 32]) -> Result<(), Fault> {
    tx.execute(
        "DELETE FROM factor_tries WHERE subject = $1",
        &[Param::Blob(subject)],
    )
    .map(drop)
}

/// The columns of [`PASSWORDS`].
struct PasswordRow {
    row: [u8; 16],
    fingerprint: Fingerprint,
    hash: String,
    beside_passkeys: bool,
    wrong: i64,
    made_at: Timestamp,
    used_at: Option<Timestamp>,
}

impl PasswordRow {
    fn of(row: &Row) -> PasswordRow {
        PasswordRow {
            row: row.bytes(0),
            fingerprint: fingerprint_cell(row, 2),
            hash: row.text(4).to_owned(),
            beside_passkeys: row.flag(5),
            wrong: row.int(6),
            made_at: instant_cell(row, 7),
            used_at: opt_instant_cell(row, 8),
        }
    }

    fn find(tx: &mut Tx, key: &Secret, owner: &[u8; 16]) -> Result<Option<PasswordRow>, Fault> {
        let params = [Param::Blob(owner), Standing::Active.param()];
        let found = authentic::select(tx, key, &PASSWORDS, OF_OWNER, &params, PasswordRow::of)?;
        Ok(found.into_iter().next())
    }
}

impl PasswordRow {
    fn note_wrong(&self, tx: &mut Tx, key: &Secret) -> Result<(), Fault> {
        let changes = [("wrong", Param::Int(self.wrong + 1))];
        let named = [Param::Blob(&self.row)];
        let by = "WHERE password = $1";
        authentic::update(tx, key, &PASSWORDS, by, &named, &changes).map(drop)
    }
}

/// The columns of [`TOTPS`].
pub(crate) struct TotpRow {
    row: [u8; 16],
    pub(crate) fingerprint: Fingerprint,
    secret: Vec<u8>,
    step: i64,
    wrong: i64,
    made_at: Timestamp,
}

impl TotpRow {
    pub(crate) fn find(
        tx: &mut Tx,
        key: &Secret,
        owner: &[u8; 16],
    ) -> Result<Option<TotpRow>, Fault> {
        let params = [Param::Blob(owner), Standing::Active.param()];
        let found = authentic::select(tx, key, &TOTPS, OF_OWNER, &params, |row| TotpRow {
            row: row.bytes(0),
            fingerprint: fingerprint_cell(row, 2),
            secret: row.blob(4).to_vec(),
            step: row.int(5),
            wrong: row.int(6),
            made_at: instant_cell(row, 7),
        })?;
        Ok(found.into_iter().next())
    }

    /// The step in which a code is right; None too where the secret was believed too often in vain.
    pub(crate) fn step_of(
        &self,
        field: &SealKey,
        code: &str,
        now: Timestamp,
    ) -> Result<Option<i64>, Fault> {
        let secret = field.open(place("totps", "secret", &self.row), &self.secret)?;
        let secret = TotpSecret::from_bytes(&Zeroizing::new(secret))
            .ok_or_else(|| Fault::broken("a sealed secret has another length"))?;
        let step = secret.step_of(code, now, self.step);
        Ok(step.filter(|_| self.wrong < FAILURES_MAX))
    }

    /// Notes that the code of `step` was used: a compare-and-set on the step that was used before.
    pub(crate) fn use_step(
        &self,
        tx: &mut Tx,
        key: &Secret,
        step: i64,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let which = "WHERE totp = $1 AND step = $2 AND status = $3";
        let params = [
            Param::Blob(&self.row),
            Param::Int(self.step),
            Standing::Active.param(),
        ];
        let changes = [
            ("step", Param::Int(step)),
            ("wrong", Param::Int(0)),
            ("used_at", at(now)),
        ];
        Ok(authentic::update(tx, key, &TOTPS, which, &params, &changes)? == 1)
    }

    pub(crate) fn note_wrong(&self, tx: &mut Tx, key: &Secret) -> Result<(), Fault> {
        let changes = [("wrong", Param::Int(self.wrong + 1))];
        let named = [Param::Blob(&self.row)];
        authentic::update(tx, key, &TOTPS, "WHERE totp = $1", &named, &changes).map(drop)
    }
}

/// The key that seals what is known of somebody who lives.
pub(crate) fn field_key(
    tx: &mut Tx,
    keys: &RegistryKeys,
    person: &[u8; 16],
) -> Result<Option<SealKey>, Fault> {
    let params = [Param::Blob(person), Standing::Active.param()];
    let which = "WHERE person = $1 AND status = $2";
    let found = authentic::select(tx, &keys.rows, &PEOPLE, which, &params, |row| {
        row.blob(4).to_vec()
    })?;
    let wrapped = found.into_iter().next();
    wrapped
        .map(|wrapped| {
            keys.wrap
                .unwrap(place("people", "field_key", person), &wrapped)
        })
        .transpose()
}

/// Rows that are about to be inserted, hashed and sealed beforehand.
pub(crate) struct SealedFactors {
    password: Option<([u8; 16], String)>,
    totp: Option<([u8; 16], Vec<u8>, i64)>,
}

impl SealedFactors {
    /// Waits for the hash, so it is made before the transaction begins.
    pub(crate) fn make(
        keys: &RegistryKeys,
        field: &SealKey,
        owner: &OwnerId,
        new: &NewFactors,
        seed: &Seed,
    ) -> Result<SealedFactors, Fault> {
        let password = match new.password {
            None => None,
            Some((password, cost)) => {
                let salt = seed.take("password salt");
                let hash = keys.password_hash(&owner.0, password, cost, salt)?;
                Some((seed.take("password row"), hash))
            }
        };
        let totp = new.totp.map(|(secret, step)| {
            let row: [u8; 16] = seed.take("totp row");
            let place = place("totps", "secret", &row);
            let sealed = field.seal(place, seed.take("totp nonce"), secret.expose());
            (row, sealed, step)
        });
        Ok(SealedFactors { password, totp })
    }

    pub(crate) fn fingerprints(&self, keys: &RegistryKeys) -> Vec<Fingerprint> {
        let password = self.password.as_ref();
        let password = password.map(|(row, _)| keys.fingerprint("password", row));
        let totp = self.totp.as_ref();
        let totp = totp.map(|(row, ..)| keys.fingerprint("totp", row));
        password.into_iter().chain(totp).collect()
    }

    pub(crate) fn insert(
        &self,
        tx: &mut Tx,
        keys: &RegistryKeys,
        owner: &OwnerId,
        beside_passkeys: bool,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let pending = Standing::Pending.param();
        if let Some((row, hash)) = &self.password {
            let fingerprint = keys.fingerprint("password", row).0.to_be_bytes();
            let cells = [
                ("password", Param::Blob(row)),
                ("owner", Param::Blob(&owner.0)),
                ("fingerprint", Param::Blob(&fingerprint)),
                ("status", pending),
                ("hash", Param::Text(hash)),
                ("beside_passkeys", Param::Int(i64::from(beside_passkeys))),
                ("wrong", Param::Int(0)),
                ("made_at", at(now)),
                ("used_at", Param::Null),
            ];
            authentic::insert(tx, &keys.rows, &PASSWORDS, &cells)?;
        }
        if let Some((row, sealed, step)) = &self.totp {
            let fingerprint = keys.fingerprint("totp", row).0.to_be_bytes();
            let cells = [
                ("totp", Param::Blob(row)),
                ("owner", Param::Blob(&owner.0)),
                ("fingerprint", Param::Blob(&fingerprint)),
                ("status", pending),
                ("secret", Param::Blob(sealed)),
                ("step", Param::Int(*step)),
                ("wrong", Param::Int(0)),
                ("made_at", at(now)),
                ("used_at", Param::Null),
            ];
            authentic::insert(tx, &keys.rows, &TOTPS, &cells)?;
        }
        Ok(())
    }
}

/// Whether a code by time is the owner's; its step is used up. A wrong one counts among the failures of the factor.
pub(crate) fn is_code_by_time(
    tx: &mut Tx,
    keys: &RegistryKeys,
    owner: &[u8; 16],
    code: &str,
    now: Timestamp,
) -> Result<bool, Fault> {
    let totp = TotpRow::find(tx, &keys.rows, owner)?;
    let (Some(totp), Some(field)) = (totp, field_key(tx, keys, owner)?) else {
        return Ok(false);
    };
    match totp.step_of(&field, code, now)? {
        Some(step) => totp.use_step(tx, &keys.rows, step, now),
        None => totp.note_wrong(tx, &keys.rows).map(|()| false),
    }
}

/// Whether a password is the owner's. Takes one hash, whoever is asked for; what is wrong is counted by [`note_wrong_password`].
pub(crate) fn is_password_of(
    db: &mut Db,
    keys: &RegistryKeys,
    owner: &[u8; 16],
    password: &Password,
    cost: HashCost,
) -> Result<bool, Fault> {
    match db.snapshot(|tx| PasswordRow::find(tx, &keys.rows, owner))? {
        Some(row) => Ok(row.wrong < FAILURES_MAX && keys.is_password(owner, password, &row.hash)),
        None => {
            keys.password_hash(owner, password, cost, [0; 16])?;
            Ok(false)
        }
    }
}

/// Counts a wrong password among the failures of the factor.
pub(crate) fn note_wrong_password(
    tx: &mut Tx,
    keys: &RegistryKeys,
    owner: &[u8; 16],
) -> Result<(), Fault> {
    match PasswordRow::find(tx, &keys.rows, owner)? {
        Some(row) => row.note_wrong(tx, &keys.rows),
        None => Ok(()),
    }
}

/// Makes the rows of an owner that have one standing dead, and empties them.
pub(crate) fn bury(
    tx: &mut Tx,
    key: &Secret,
    table: &AuthenticTable,
    owner: &[u8; 16],
    standing: Standing,
) -> Result<u64, Fault> {
    let params = [Param::Blob(owner), standing.param()];
    let emptied = match table.name == PASSWORDS.name {
        true => ("hash", Param::Text("")),
        false => ("secret", Param::Blob(&[])),
    };
    let changes = [("status", Standing::Dead.param()), emptied];
    authentic::update_proven(tx, key, table, OF_OWNER, &params, &changes)
}

/// Makes the pending rows of an owner active.
pub(crate) fn activate_pending(tx: &mut Tx, key: &Secret, owner: &[u8; 16]) -> Result<u64, Fault> {
    let params = [Param::Blob(owner), Standing::Pending.param()];
    let changes = [("status", Standing::Active.param())];
    let mut changed = 0;
    for table in BOTH {
        let pending = authentic::select_proven(tx, key, table, OF_OWNER, &params, |_| ())?;
        if !pending.is_empty() {
            bury(tx, key, table, owner, Standing::Active)?;
            changed += authentic::update_proven(tx, key, table, OF_OWNER, &params, &changes)?;
        }
    }
    Ok(changed)
}

/// Removes the pending rows of somebody who never came to be.
pub(crate) fn remove_pending(tx: &mut Tx, owner: &[u8; 16]) -> Result<(), Fault> {
    let params = [Param::Blob(owner), Standing::Pending.param()];
    tx.execute(
        "DELETE FROM passwords WHERE owner = $1 AND status = $2",
        &params,
    )?;
    tx.execute(
        "DELETE FROM totps WHERE owner = $1 AND status = $2",
        &params,
    )?;
    Ok(())
}

impl Passwords<'_> {
    /// What somebody has; None for an account without a password.
    pub fn state(&mut self, owner: &OwnerId) -> Result<Option<PasswordState>, Fault> {
        let key = &self.keys.rows;
        self.db.snapshot(|tx| {
            let password = PasswordRow::find(tx, key, &owner.0)?;
            let totp = TotpRow::find(tx, key, &owner.0)?;
            Ok(password.zip(totp).map(|(password, totp)| PasswordState {
                beside_passkeys: password.beside_passkeys,
                made_at: password.made_at,
                used_at: password.used_at,
                totp_made_at: totp.made_at,
            }))
        })
    }

    /// Looks at a contact and a password. Takes one hash, whoever is asked for, and writes nothing.
    pub fn guess(
        &mut self,
        contact: &Contact,
        password: &Password,
        cost: HashCost,
        now: Timestamp,
    ) -> Result<Result<Guessed, NotAccepted>, Fault> {
        let index = self.keys.blind_index(contact);
        let key = &self.keys.rows;
        let subject = self.keys.sign_in_subject(&index);
        let (person, row, wait) = self.db.snapshot(|tx| {
            let person = contact_rows::owner_of(tx, key, &index)?;
            let (_, wait) = tries_of(tx, &subject, now)?;
            // Nobody's: a name that no row has, so that the same statement runs.
            let nobody: [u8; 16] = std::array::from_fn(|at| subject[at]);
            let person = person.unwrap_or(nobody);
            let row = PasswordRow::find(tx, key, &person)?;
            Ok((person, row, wait))
        })?;
        if wait > 0 {
            return Ok(Err(NotAccepted::Wait(wait)));
        }
        let is_right = match &row {
            Some(row) => self.keys.is_password(&person, password, &row.hash),
            None => {
                // As long as a comparison takes.
                self.keys.password_hash(&person, password, cost, [0; 16])?;
                false
            }
        };
        let outdated = (row.as_ref())
            .filter(|row| is_right && is_outdated(&row.hash, cost))
            .map(|row| OutdatedHash {
                owner: OwnerId(person),
                row: row.row,
                hash: row.hash.clone(),
            });
        let guess = Guess {
            person,
            password: row.map_or([0; 16], |row| row.row),
            is_right,
            subject,
        };
        Ok(Ok(Guessed { guess, outdated }))
    }

    /// Hashes a right password anew at today's cost; false where it was changed meanwhile.
    pub fn rehash(
        &mut self,
        outdated: &OutdatedHash,
        password: &Password,
        cost: HashCost,
        seed: &Seed,
    ) -> Result<bool, Fault> {
        let (owner, salt) = (&outdated.owner.0, seed.take("password salt"));
        let hash = self.keys.password_hash(owner, password, cost, salt)?;
        let which = "WHERE password = $1 AND hash = $2 AND status = $3";
        let params = [
            Param::Blob(&outdated.row),
            Param::Text(&outdated.hash),
            Standing::Active.param(),
        ];
        let key = &self.keys.rows;
        let changes = [("hash", Param::Text(&hash))];
        let changed = (self.db)
            .transaction(|tx| authentic::update(tx, key, &PASSWORDS, which, &params, &changes))?;
        Ok(changed == 1)
    }

    /// Ends a sign-in: the guess was right, the code is, and both may still be used. The code's step is used up. A failure is counted
    /// before its answer leaves, and is the same whatever was wrong.
    pub fn prove(
        &mut self,
        guess: &Guess,
        code: &str,
        now: Timestamp,
    ) -> Result<Result<(OwnerId, FactorPair), NotAccepted>, Fault> {
        let (key, keys) = (&self.keys.rows, self.keys);
        // Asked without the right to write: who must wait delays the writing of nobody.
        let (_, wait) = (self.db).snapshot(|tx| tries_of(tx, &guess.subject, now))?;
        if wait > 0 {
            return Ok(Err(NotAccepted::Wait(wait)));
        }
        self.db.transaction(|tx| {
            let (failed, wait) = tries_of(tx, &guess.subject, now)?;
            if wait > 0 {
                return Ok(Err(NotAccepted::Wait(wait)));
            }
            let password = PasswordRow::find(tx, key, &guess.person)?;
            let totp = TotpRow::find(tx, key, &guess.person)?;
            let field = field_key(tx, keys, &guess.person)?;
            let passkeys = tx.query_first(
                "SELECT COUNT(*) FROM passkeys WHERE owner = $1 AND surface = $2 AND status = $3",
                &[
                    Param::Blob(&guess.person),
                    Surface::Wallet.param(),
                    Standing::Active.param(),
                ],
                |row| row.int(0),
            )?;
            let has_passkey = passkeys.unwrap_or(0) > 0;
            let step = match (&totp, &field) {
                (Some(totp), Some(field)) => totp.step_of(field, code, now)?,
                _ => None,
            };
            let is_password = password.as_ref().is_some_and(|row| {
                guess.is_right && row.row == guess.password && row.wrong < FAILURES_MAX
            });
            let is_on = (password.as_ref()).is_some_and(|row| !has_passkey || row.beside_passkeys);
            if let (Some(password), Some(totp), Some(step)) = (&password, &totp, step)
                && is_password
                && is_on
                && totp.use_step(tx, key, step, now)?
            {
                let named = [Param::Blob(&password.row)];
                let changes = [("wrong", Param::Int(0)), ("used_at", at(now))];
                authentic::update(tx, key, &PASSWORDS, "WHERE password = $1", &named, &changes)?;
                forget_failures(tx, &guess.subject)?;
                let pair = FactorPair {
                    first: password.fingerprint,
                    totp: totp.fingerprint,
                };
                return Ok(Ok((OwnerId(guess.person), pair)));
            }
            note_failure(tx, &guess.subject, failed, now)?;
            match (&password, &totp) {
                (Some(password), _) if !guess.is_right => {
                    password.note_wrong(tx, key)?;
                }
                (_, Some(totp)) if step.is_none() => totp.note_wrong(tx, key)?,
                _ => {}
            }
            tracing::info!(
                known = field.is_some(),
                password = is_password,
                code = step.is_some(),
                on = is_on,
                failed = failed + 1,
                "a sign-in by password was refused"
            );
            Ok(Err(NotAccepted::Wrong))
        })
    }

    /// A code of somebody who is signed in, for one act. Counted apart: strangers who fail to sign in delay nobody who is in.
    pub fn prove_code(
        &mut self,
        owner: &OwnerId,
        code: &str,
        now: Timestamp,
    ) -> Result<Result<Fingerprint, NotAccepted>, Fault> {
        let (key, keys) = (&self.keys.rows, self.keys);
        let subject = self.keys.pepper.mac(&[b"step-up tries", &owner.0]);
        self.db.transaction(|tx| {
            let (failed, wait) = tries_of(tx, &subject, now)?;
            if wait > 0 {
                return Ok(Err(NotAccepted::Wait(wait)));
            }
            let totp = TotpRow::find(tx, key, &owner.0)?;
            let field = field_key(tx, keys, &owner.0)?;
            if let (Some(totp), Some(field)) = (&totp, &field) {
                let step = totp.step_of(field, code, now)?;
                if let Some(step) = step
                    && totp.use_step(tx, key, step, now)?
                {
                    forget_failures(tx, &subject)?;
                    return Ok(Ok(totp.fingerprint));
                }
                totp.note_wrong(tx, key)?;
            }
            note_failure(tx, &subject, failed, now)?;
            Ok(Err(NotAccepted::Wrong))
        })
    }

    /// Whether somebody has codes by time.
    pub fn has_codes(&mut self, owner: &OwnerId) -> Result<bool, Fault> {
        let key = &self.keys.rows;
        let found = (self.db).snapshot(|tx| TotpRow::find(tx, key, &owner.0))?;
        Ok(found.is_some())
    }

    /// First step of a change: the new factors wait for the book. None for nobody who lives. What an earlier change left waiting is
    /// given up.
    pub fn begin(
        &mut self,
        owner: &OwnerId,
        new: &NewFactors,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<Option<Vec<Fingerprint>>, Fault> {
        let keys = self.keys;
        let field = (self.db).snapshot(|tx| field_key(tx, keys, &owner.0))?;
        let Some(field) = field else {
            return Ok(None);
        };
        let sealed = SealedFactors::make(keys, &field, owner, new, seed)?;
        self.db.transaction(|tx| {
            for table in BOTH {
                bury(tx, &keys.rows, table, &owner.0, Standing::Pending)?;
            }
            let present = PasswordRow::find(tx, &keys.rows, &owner.0)?;
            let beside = present.is_some_and(|row| row.beside_passkeys);
            sealed.insert(tx, keys, owner, beside, now)
        })?;
        Ok(Some(sealed.fingerprints(keys)))
    }

    /// After the book has named them: the new factors are active, those before them dead. False where they were given up meanwhile.
    pub fn finish(&mut self, owner: &OwnerId) -> Result<bool, Fault> {
        let key = &self.keys.rows;
        let changed = self
            .db
            .transaction(|tx| activate_pending(tx, key, &owner.0))?;
        Ok(changed > 0)
    }

    /// Gives up what waits, after the book said no.
    pub fn abandon(&mut self, owner: &OwnerId) -> Result<(), Fault> {
        self.bury_both(owner, Standing::Pending)
    }

    /// Turns password and codes off. The book is still owed that it names them no more: see [`Passwords::dead`].
    pub fn remove(&mut self, owner: &OwnerId) -> Result<(), Fault> {
        self.bury_both(owner, Standing::Active)
    }

    fn bury_both(&mut self, owner: &OwnerId, standing: Standing) -> Result<(), Fault> {
        let key = &self.keys.rows;
        self.db.transaction(|tx| {
            for table in BOTH {
                bury(tx, key, table, &owner.0, standing)?;
            }
            Ok(())
        })
    }

    /// Says whether the password signs in though there is a passkey, and leaves a row that says who said so; false for an account
    /// without one.
    pub fn set_beside_passkeys(
        &mut self,
        owner: &OwnerId,
        wallet: WalletId,
        on: bool,
        noted: &Noted,
    ) -> Result<bool, Fault> {
        let key = &self.keys.rows;
        let params = [Param::Blob(&owner.0), Standing::Active.param()];
        let changes = [("beside_passkeys", Param::Int(i64::from(on)))];
        self.db.transaction(|tx| {
            let changed = authentic::update(tx, key, &PASSWORDS, OF_OWNER, &params, &changes)?;
            if changed == 1 {
                let about = About::Ledger(Subject::Wallet(wallet));
                noted.write(tx, RegistryCommand::SetPasswordBesidePasskeys, about)?;
            }
            Ok(changed == 1)
        })
    }

    /// Dead factors, of one owner or of anybody, at most 100 of a table: the book may name them still.
    pub fn dead(&mut self, owner: Option<&OwnerId>) -> Result<Vec<DeadFactor>, Fault> {
        let dead = Standing::Dead.param();
        let map = |row: &Row| DeadFactor {
            row: row.bytes(0),
            fingerprint: fingerprint_cell(row, 1),
            wallet: WalletId(u64::try_from(row.int(2)).unwrap_or(0)),
        };
        let mut found = Vec::new();
        match owner {
            Some(owner) => {
                let params = [dead, Param::Blob(&owner.0)];
                found.extend(self.db.query(
                    "SELECT passwords.password, passwords.fingerprint, people.wallet FROM passwords JOIN people ON people.person = passwords.owner
                     WHERE passwords.status = $1 AND passwords.owner = $2 AND people.wallet IS NOT NULL LIMIT 100",
                    &params,
                    map,
                )?);
                found.extend(self.db.query(
                    "SELECT totps.totp, totps.fingerprint, people.wallet FROM totps JOIN people ON people.person = totps.owner
                     WHERE totps.status = $1 AND totps.owner = $2 AND people.wallet IS NOT NULL LIMIT 100",
                    &params,
                    map,
                )?);
            }
            None => {
                found.extend(self.db.query(
                    "SELECT passwords.password, passwords.fingerprint, people.wallet FROM passwords JOIN people ON people.person = passwords.owner
                     WHERE passwords.status = $1 AND people.wallet IS NOT NULL LIMIT 100",
                    &[dead],
                    map,
                )?);
                found.extend(self.db.query(
                    "SELECT totps.totp, totps.fingerprint, people.wallet FROM totps JOIN people ON people.person = totps.owner
                     WHERE totps.status = $1 AND people.wallet IS NOT NULL LIMIT 100",
                    &[dead],
                    map,
                )?);
            }
        }
        Ok(found)
    }

    /// Last step, after the book names it no more: the row of a dead factor goes.
    pub fn forget(&mut self, dead: &DeadFactor) -> Result<(), Fault> {
        let params = [Param::Blob(&dead.row), Standing::Dead.param()];
        self.db.transaction(|tx| {
            tx.execute(
                "DELETE FROM passwords WHERE password = $1 AND status = $2",
                &params,
            )?;
            tx.execute("DELETE FROM totps WHERE totp = $1 AND status = $2", &params)?;
            Ok(())
        })
    }

    /// Asks the book about changes that stopped half way: whole or not at all, as it says.
    pub fn settle(&mut self, named: &mut dyn Named, now: Timestamp) -> Result<Reconciled, Fault> {
        let mut done = Reconciled::default();
        self.settle_before(named, now.minus(ON_ITS_WAY), &mut done)?;
        Ok(done)
    }

    fn settle_before(
        &mut self,
        named: &mut dyn Named,
        made_before: Timestamp,
        done: &mut Reconciled,
    ) -> Result<(), Fault> {
        let params = [
            Standing::Pending.param(),
            Standing::Active.param(),
            at(made_before),
        ];
        let map = |row: &Row| (row.bytes::<16>(0), fingerprint_cell(row, 1));
        let mut pending = self.db.query(
            "SELECT passwords.owner, passwords.fingerprint FROM passwords JOIN people ON people.person = passwords.owner
             WHERE passwords.status = $1 AND people.status = $2 AND passwords.made_at < $3 LIMIT 1000",
            &params,
            map,
        )?;
        pending.extend(self.db.query(
            "SELECT totps.owner, totps.fingerprint FROM totps JOIN people ON people.person = totps.owner
             WHERE totps.status = $1 AND people.status = $2 AND totps.made_at < $3 LIMIT 1000",
            &params,
            map,
        )?);
        let mut owners: Vec<[u8; 16]> = pending.iter().map(|(owner, _)| *owner).collect();
        owners.sort_unstable();
        owners.dedup();
        for owner in owners {
            let theirs = pending.iter().filter(|(of, _)| *of == owner);
            let theirs: Vec<Fingerprint> = theirs.map(|(_, own)| *own).collect();
            let are_named = named.wallets_of(&theirs)?.iter().all(Option::is_some);
            match are_named {
                true => done.finished += u64::from(self.finish(&OwnerId(owner))?),
                false => {
                    done.dead += theirs.len() as u64;
                    self.abandon(&OwnerId(owner))?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn reconcile(
        &mut self,
        named: &mut dyn Named,
        done: &mut Reconciled,
    ) -> Result<(), Fault> {
        self.settle_before(named, Timestamp(i64::MAX), done)?;
        // Active rows that the book does not name: the book is older than the registry, after a restore. Page by page.
        for (table, page) in [
            (
                &PASSWORDS,
                "SELECT password, owner, fingerprint FROM passwords WHERE password > $1 AND status = $2 ORDER BY password LIMIT 1000",
            ),
            (
                &TOTPS,
                "SELECT totp, owner, fingerprint FROM totps WHERE totp > $1 AND status = $2 ORDER BY totp LIMIT 1000",
            ),
        ] {
            let mut after: Vec<u8> = Vec::new();
            loop {
                let rows = self.db.query(
                    page,
                    &[Param::Blob(&after), Standing::Active.param()],
                    |row| {
                        let owner = row.bytes::<16>(1);
                        (row.blob(0).to_vec(), owner, fingerprint_cell(row, 2))
                    },
                )?;
                let Some((last, ..)) = rows.last() else {
                    break;
                };
                after.clone_from(last);
                let own: Vec<Fingerprint> = rows.iter().map(|(_, _, own)| *own).collect();
                for ((_, owner, _), wallet) in rows.iter().zip(named.wallets_of(&own)?) {
                    if wallet.is_none() {
                        done.dead += 1;
                        let key = &self.keys.rows;
                        self.db
                            .transaction(|tx| bury(tx, key, table, owner, Standing::Active))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Forgets failures that no other followed for a day, at most 500 at a time; returns how many.
    pub fn sweep(&mut self, now: Timestamp) -> Result<u64, Fault> {
        self.db.execute(
            "DELETE FROM factor_tries WHERE subject IN (SELECT subject FROM factor_tries WHERE last_at < $1 ORDER BY last_at LIMIT 500)",
            &[at(now.minus(TRIES_KEPT))],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_in_one_spelling_and_none_is_cut() {
        let length = |text: &str| Password::new(text).map(|own| own.expose().chars().count());
        assert_eq!(length("1234567"), Err(PasswordProblem::TooShort));
        assert_eq!(length("12345678"), Ok(8));
        assert_eq!(length(&"あ".repeat(256)), Ok(256));
        assert_eq!(length(&"あ".repeat(257)), Err(PasswordProblem::TooLong));
        // Eight letters with a mark each are eight characters, typed composed or not.
        assert_eq!(length(&"e\u{301}".repeat(8)), Ok(8));
        assert_eq!(
            length(&"e\u{301}".repeat(7)),
            Err(PasswordProblem::TooShort)
        );
        let spelled = |text| Password::typed(text).expose().to_owned();
        assert_eq!(spelled("Ｐａｓｓ　ｗｏｒｄ１"), "Pass word1");
        assert_eq!(spelled("ｶﾞﾗｽ"), "ガラス");
        assert_eq!(spelled(" kept "), " kept ");
        assert_eq!(format!("{:?}", Password::typed("hunter2")), "Password(..)");
    }

    #[test]
    fn the_delay_doubles_from_a_minute_to_four_hours() {
        let minutes = |wrong| delay_after(wrong).as_secs() / 60;
        assert_eq!([0, 1, 4].map(minutes), [0, 0, 0]);
        assert_eq!([5, 6, 7, 8].map(minutes), [1, 2, 4, 8]);
        assert_eq!([12, 13, 50, i64::MAX].map(minutes), [128, 240, 240, 240]);
    }
}
