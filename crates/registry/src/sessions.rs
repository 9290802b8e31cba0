//! Who is signed in. A session is found by the hash of its token; the token itself is nowhere but in the cookie.
//!
//! A session lives while its owner may sign in and neither the owner's generation nor the surface's has been raised since the
//! credential was checked (`live_sessions` in `schema.rs`). So an owner who is removed, erased or signed out everywhere while a
//! sign-in is on its way is not signed in by it, whichever of the two is written first.

use std::time::Duration;

use crate::authentic::{
    self, AuthenticTable, CONFIRMED_OPERATORS, EXTERNAL_IDS, OPERATORS, PASSKEYS, PEOPLE, SESSIONS,
};
use crate::factors::OwnerId;
use crate::{
    Numbered, RegistryKeys, Standing, Surface, at, fingerprint_cell, instant_cell, numbered_cell,
    token_hash, wallet_number,
};
use mamori_datastore::fault::Fault;
use mamori_datastore::keys::Secret;
use mamori_datastore::sql::{Db, Param, Row, Tx};
use mamori_domain::context::AgentFamily;
use mamori_domain::ids::{Fingerprint, WalletId};
use mamori_domain::world::Timestamp;

/// Which rows of `sessions` are meant. A row that is not live is not looked at, so it may prove itself or not.
const BY_TOKEN: &str = "WHERE token_hash = $1 AND surface = $2
    AND EXISTS (SELECT 1 FROM live_sessions WHERE live_sessions.session = sessions.session)";
const BY_OWNER: &str = "WHERE surface = $1 AND owner = $2 AND ends_at > $3
    AND EXISTS (SELECT 1 FROM live_sessions WHERE live_sessions.session = sessions.session) ORDER BY made_at DESC LIMIT 100";
const LIVE: &str = "WHERE session = (SELECT session FROM live_sessions WHERE session = $1)";
const LIVE_WITH_TOKEN: &str =
    "WHERE session = (SELECT session FROM live_sessions WHERE session = $1 AND token_hash = $2)";

/// How long the row of a session stays after its end.
const SWEPT_AFTER: Duration = Duration::from_secs(86_400);

/// Live sessions of one owner on a surface; a new one beyond them ends the oldest.
pub const SESSIONS_PER_OWNER_MAX: usize = 20;

/// The name of a session: 16 random bytes that stay the same when the token is renewed. Not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub [u8; 16]);

/// How a session was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthMethod {
    /// A passkey was shown.
    Passkey,
    /// A contact was proven with a one-time code, and a passkey made.
    SignUp,
    /// An operator's one-time link was opened, and a passkey made.
    OperatorLink,
    /// A till's pairing code was typed.
    PairingCode,
    /// A password and a code by time were typed.
    PasswordAndTotp,
    /// A provider said who it is, and a code by time was typed.
    ExternalIdAndTotp,
    /// A recovery came to its end, and a new factor was made.
    Recovery,
}

impl Numbered for AuthMethod {
    const ALL: &[AuthMethod] = &[
        AuthMethod::Passkey,
        AuthMethod::SignUp,
        AuthMethod::OperatorLink,
        AuthMethod::PairingCode,
        AuthMethod::PasswordAndTotp,
        AuthMethod::ExternalIdAndTotp,
        AuthMethod::Recovery,
    ];

    fn as_number(self) -> i64 {
        match self {
            AuthMethod::Passkey => 1,
            AuthMethod::SignUp => 2,
            AuthMethod::OperatorLink => 3,
            AuthMethod::PairingCode => 4,
            AuthMethod::PasswordAndTotp => 5,
            AuthMethod::ExternalIdAndTotp => 8,
            AuthMethod::Recovery => 7,
        }
    }
}

impl AuthMethod {
    /// What the method proves on its own. A passkey is asked to verify its owner, so it is two factors in one; keys that are
    /// synchronised between devices reach no higher level. A password and a code are two factors, the code good once.
    /// A pairing code proves only that an operator told it to a cashier.
    pub const fn assurance(self) -> Aal {
        match self {
            AuthMethod::Passkey
            | AuthMethod::SignUp
            | AuthMethod::OperatorLink
            | AuthMethod::PasswordAndTotp
            | AuthMethod::ExternalIdAndTotp
            | AuthMethod::Recovery => Aal::Two,
            AuthMethod::PairingCode => Aal::One,
        }
    }

    /// Whether what was shown is bound to our own address, so that a page which pretends to be us cannot pass it on. What is typed
    /// can be typed anywhere.
    pub const fn resists_phishing(self) -> bool {
        match self {
            AuthMethod::Passkey | AuthMethod::SignUp | AuthMethod::OperatorLink => true,
            // Of a recovery: what it was begun with was typed, whatever it ended with.
            AuthMethod::PairingCode
            | AuthMethod::PasswordAndTotp
            | AuthMethod::ExternalIdAndTotp
            | AuthMethod::Recovery => false,
        }
    }
}

/// Authenticator assurance level, as NIST SP 800-63B defines them; a higher one includes the lower ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aal {
    /// One factor.
    One,
    /// Two factors, one of them a key that is proven and never shown.
    Two,
    /// Two factors with a key that cannot leave its hardware.
    Three,
}

impl Numbered for Aal {
    const ALL: &[Aal] = &[Aal::One, Aal::Two, Aal::Three];

    fn as_number(self) -> i64 {
        match self {
            Aal::One => 1,
            Aal::Two => 2,
            Aal::Three => 3,
        }
    }
}

/// What is known of the browser that a session was opened in; nothing of it names a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionDevice {
    /// The keyed hash of the secret in the browser's cookie: the same browser again, and nothing else. None where no such
    /// secret was kept.
    pub browser: Option<Fingerprint>,
    /// Which family of browsers.
    pub agent: AgentFamily,
    /// The key that proves itself with each request; None for sessions of an older program, and on surfaces without one.
    pub key: Option<DeviceKey>,
}

/// A key that a browser keeps where not even its own scripts can read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceKey {
    /// SHA-256 of the public key in the form of RFC 7638.
    pub thumbprint: [u8; 32],
    /// As the ledger names it.
    pub fingerprint: Fingerprint,
}

impl Numbered for AgentFamily {
    const ALL: &[AgentFamily] = &AgentFamily::ALL;

    fn as_number(self) -> i64 {
        self.number()
    }
}

/// A live session as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Its name.
    pub session: SessionId,
    /// Where.
    pub surface: Surface,
    /// Whose.
    pub owner: OwnerId,
    /// The customer's wallet; None for operators.
    pub wallet: Option<WalletId>,
    /// How it was opened.
    pub method: AuthMethod,
    /// How much that proved.
    pub assurance: Aal,
    /// What is known of the browser.
    pub device: SessionDevice,
    /// Instant of sign-in.
    pub made_at: Timestamp,
    /// Last use that was written down: up to a minute behind.
    pub seen_at: Timestamp,
    /// When it ends whatever happens.
    pub ends_at: Timestamp,
    /// Which credential opened it: it ends when that one is removed. None where an older program did not write it down.
    pub credential: Option<Fingerprint>,
}

/// How often all sessions of an owner, and all of a surface, were ended: what a sign-in learns before it checks a credential, and what
/// must still be so when its session is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    owner: i64,
    surface: i64,
}

/// A session that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedSession {
    /// Its name.
    pub session: SessionId,
    /// The customer's wallet; None for operators.
    pub wallet: Option<WalletId>,
}

/// Who is signed in.
pub struct Sessions<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
}

impl Sessions<'_> {
    /// The present generation of an owner who may sign in; None for everybody else.
    pub fn generation(
        &mut self,
        surface: Surface,
        owner: &OwnerId,
    ) -> Result<Option<Generation>, Fault> {
        let key = &self.keys.rows;
        self.db
            .transaction(|tx| present_generation(tx, key, surface, owner))
    }

    /// Stores a new session under the hash of `token`, 32 random bytes that stand nowhere else but in the cookie. In the same step
    /// the session with the token hash `replaced` ends, and of the owner's others the oldest beyond
    /// [`SESSIONS_PER_OWNER_MAX`]; the answer names them. None, and nothing is changed, if `generation` is not the owner's any more,
    /// or if the passkey that opens it is being removed or was.
    pub fn open(
        &mut self,
        row: &SessionRow,
        token: &[u8; 32],
        generation: Generation,
        replaced: Option<&[u8; 32]>,
    ) -> Result<Option<Vec<EndedSession>>, Fault> {
        let wallet = row.wallet.map(wallet_number).transpose()?;
        let browser = row.device.browser.map(|browser| browser.0.to_be_bytes());
        let credential = row.credential.map(|credential| credential.0.to_be_bytes());
        let (surface, owner) = (row.surface, row.owner);
        let (key, hash) = (&self.keys.rows, token_hash(token));
        self.db.transaction(|tx| {
            if present_generation(tx, key, surface, &owner)? != Some(generation) {
                return Ok(None);
            }
            if let Some(credential) = row.credential
                && !may_open(tx, key, surface, &owner, (row.method, credential))?
            {
                return Ok(None);
            }
            let mut ended = match replaced {
                Some(hash) => tx.query(
                    "SELECT session, wallet FROM sessions WHERE token_hash = $1 AND surface = $2",
                    &[Param::Blob(hash), surface.param()],
                    ended_session,
                )?,
                None => Vec::new(),
            };
            let others = tx.query(
                "SELECT session, wallet FROM sessions WHERE surface = $1 AND owner = $2 AND ends_at > $3 ORDER BY made_at DESC, session",
                &[surface.param(), Param::Blob(&owner.0), at(row.made_at)],
                ended_session,
            )?;
            let kept = |other: &EndedSession| !ended.contains(other);
            let too_many: Vec<_> = others.into_iter().filter(kept).skip(SESSIONS_PER_OWNER_MAX - 1).collect();
            ended.extend(too_many);
            for one in &ended {
                tx.execute("DELETE FROM sessions WHERE session = $1", &[Param::Blob(&one.session.0)])?;
            }
            let browser = browser.as_ref().map_or(Param::Null, |browser| Param::Blob(browser));
            let credential = credential.as_ref().map_or(Param::Null, |opened| Param::Blob(opened));
            let device_key = row.device.key.as_ref().map_or(Param::Null, |key| Param::Blob(&key.thumbprint));
            let cells = [
                ("session", Param::Blob(&row.session.0)),
                ("token_hash", Param::Blob(&hash)),
                ("surface", surface.param()),
                ("owner", Param::Blob(&owner.0)),
                ("wallet", wallet.into()),
                ("made_at", at(row.made_at)),
                ("seen_at", at(row.seen_at)),
                ("ends_at", at(row.ends_at)),
                ("method", row.method.param()),
                ("assurance", row.assurance.param()),
                ("browser", browser),
                ("agent", row.device.agent.param()),
                ("generation", Param::Int(generation.owner)),
                ("surface_generation", Param::Int(generation.surface)),
                ("credential", credential),
                ("device_key", device_key),
            ];
            authentic::insert(tx, key, &SESSIONS, &cells)?;
            Ok(Some(ended))
        })
    }

    /// The live session with this token hash on a surface, over by time or not.
    pub fn find(
        &mut self,
        surface: Surface,
        token_hash: &[u8; 32],
    ) -> Result<Option<SessionRow>, Fault> {
        let key = &self.keys.rows;
        let found = self.db.snapshot(|tx| {
            authentic::select(
                tx,
                key,
                &SESSIONS,
                BY_TOKEN,
                &[Param::Blob(token_hash), surface.param()],
                |row| session_row(self.keys, row),
            )
        })?;
        Ok(found.into_iter().next())
    }

    /// The sessions of one owner that have not ended by their absolute limit, newest first; at most 100.
    pub fn of(
        &mut self,
        surface: Surface,
        owner: &OwnerId,
        now: Timestamp,
    ) -> Result<Vec<SessionRow>, Fault> {
        let key = &self.keys.rows;
        self.db.snapshot(|tx| {
            authentic::select(
                tx,
                key,
                &SESSIONS,
                BY_OWNER,
                &[surface.param(), Param::Blob(&owner.0), at(now)],
                |row| session_row(self.keys, row),
            )
        })
    }

    /// Writes down that a session was used; false if it was ended meanwhile, perhaps by another process, or its owner was.
    pub fn touch(&mut self, session: &SessionId, now: Timestamp) -> Result<bool, Fault> {
        let key = &self.keys.rows;
        let named = [Param::Blob(&session.0)];
        let seen = [("seen_at", at(now))];
        let touched = (self.db)
            .transaction(|tx| authentic::update(tx, key, &SESSIONS, LIVE, &named, &seen))?;
        Ok(touched == 1)
    }

    /// Gives a session a new token in place of the one with hash `old`, in one step; false if it has ended or was renewed
    /// meanwhile. A session without a device's key takes `key`.
    pub fn renew_token(
        &mut self,
        session: &SessionId,
        old: &[u8; 32],
        token: &[u8; 32],
        device: Option<&DeviceKey>,
    ) -> Result<bool, Fault> {
        let (key, hash) = (&self.keys.rows, token_hash(token));
        let named = [Param::Blob(&session.0), Param::Blob(old)];
        let mut renewed = vec![("token_hash", Param::Blob(&hash))];
        if let Some(device) = device {
            renewed.push(("device_key", Param::Blob(&device.thumbprint)));
        }
        let changed = self.db.transaction(|tx| {
            authentic::update(tx, key, &SESSIONS, LIVE_WITH_TOKEN, &named, &renewed)
        })?;
        Ok(changed == 1)
    }

    /// Ends one session of an owner; None if it was not there.
    pub fn end(
        &mut self,
        surface: Surface,
        owner: &OwnerId,
        session: &SessionId,
    ) -> Result<Option<EndedSession>, Fault> {
        let named = [
            Param::Blob(&session.0),
            surface.param(),
            Param::Blob(&owner.0),
        ];
        self.db.transaction(|tx| {
            let ended = tx.query_first(
                "SELECT session, wallet FROM sessions WHERE session = $1 AND surface = $2 AND owner = $3",
                &named,
                ended_session,
            )?;
            tx.execute(
                "DELETE FROM sessions WHERE session = $1 AND surface = $2 AND owner = $3",
                &named,
            )?;
            Ok(ended)
        })
    }

    /// Ends all sessions of an owner but one, and names them.
    pub fn end_others(
        &mut self,
        surface: Surface,
        owner: &OwnerId,
        but: &SessionId,
    ) -> Result<Vec<EndedSession>, Fault> {
        let whose = [surface.param(), Param::Blob(&owner.0), Param::Blob(&but.0)];
        self.db.transaction(|tx| {
            let ended = tx.query(
                "SELECT session, wallet FROM sessions WHERE surface = $1 AND owner = $2 AND session <> $3 ORDER BY made_at",
                &whose,
                ended_session,
            )?;
            tx.execute(
                "DELETE FROM sessions WHERE surface = $1 AND owner = $2 AND session <> $3",
                &whose,
            )?;
            Ok(ended)
        })
    }

    /// Ends all sessions of an owner and every sign-in that is on its way; names the sessions.
    pub fn end_all_of(
        &mut self,
        surface: Surface,
        owner: &OwnerId,
    ) -> Result<Vec<EndedSession>, Fault> {
        let key = &self.keys.rows;
        self.db
            .transaction(|tx| end_all_in(tx, key, surface, owner))
    }

    /// Ends all sessions of a surface and every sign-in that is on its way; returns how many sessions. Another process notices
    /// within a minute.
    pub fn end_all_on(&mut self, surface: Surface) -> Result<u64, Fault> {
        self.db.transaction(|tx| {
            tx.execute(
                "UPDATE surface_generations SET generation = generation + 1 WHERE surface = $1",
                &[surface.param()],
            )?;
            tx.execute(
                "DELETE FROM sessions WHERE surface = $1",
                &[surface.param()],
            )
        })
    }

    /// Removes sessions whose absolute limit passed a day ago, at most 500 at a time; returns how many.
    pub fn sweep(&mut self, now: Timestamp) -> Result<u64, Fault> {
        self.db.execute(
            "DELETE FROM sessions WHERE session IN (SELECT session FROM sessions WHERE ends_at < $1 ORDER BY ends_at LIMIT 500)",
            &[at(now.minus(SWEPT_AFTER))],
        )
    }
}

/// Ends all sessions of an owner within a transaction that takes more away.
pub(crate) fn end_all_in(
    tx: &mut Tx,
    key: &Secret,
    surface: Surface,
    owner: &OwnerId,
) -> Result<Vec<EndedSession>, Fault> {
    let whose = [surface.param(), Param::Blob(&owner.0)];
    let owners = Owners::of(surface);
    // A forged owner has no sessions that could be believed.
    let found =
        authentic::select_proven(tx, key, owners.table, owners.by_id, &whose[1..], |row| {
            row.int(owners.generation)
        })?;
    for generation in found {
        let raised = [("generation", Param::Int(generation + 1))];
        authentic::update(tx, key, owners.table, owners.by_id, &whose[1..], &raised)?;
    }
    let ended = tx.query(
        "SELECT session, wallet FROM sessions WHERE surface = $1 AND owner = $2 ORDER BY made_at",
        &whose,
        ended_session,
    )?;
    tx.execute(
        "DELETE FROM sessions WHERE surface = $1 AND owner = $2",
        &whose,
    )?;
    Ok(ended)
}

/// Ends the sessions of an owner that a credential opened, within the transaction that takes the credential away. Of a session that an
/// older program began nobody knows what opened it: it ends too, but for `kept`, in which another proof was just given.
pub(crate) fn end_opened_by_in(
    tx: &mut Tx,
    surface: Surface,
    owner: &OwnerId,
    credential: Fingerprint,
    kept: Option<&SessionId>,
) -> Result<Vec<EndedSession>, Fault> {
    let credential = credential.0.to_be_bytes();
    let kept = kept.map_or(&[][..], |session| &session.0[..]);
    let which = [
        surface.param(),
        Param::Blob(&owner.0),
        Param::Blob(&credential),
        Param::Blob(kept),
    ];
    let ended = tx.query(
        "SELECT session, wallet FROM sessions WHERE surface = $1 AND owner = $2
         AND (credential = $3 OR (credential IS NULL AND session <> $4)) ORDER BY made_at",
        &which,
        ended_session,
    )?;
    tx.execute(
        "DELETE FROM sessions WHERE surface = $1 AND owner = $2
         AND (credential = $3 OR (credential IS NULL AND session <> $4))",
        &which,
    )?;
    Ok(ended)
}

/// Whether a credential may open a session at this moment. One that is being removed, or was, opens none: so of a sign-in and a
/// removal that race, whichever is written first, nobody is left signed in by the passkey that is gone.
fn may_open(
    tx: &mut Tx,
    key: &Secret,
    surface: Surface,
    owner: &OwnerId,
    (method, credential): (AuthMethod, Fingerprint),
) -> Result<bool, Fault> {
    let fingerprint = credential.0.to_be_bytes();
    if method == AuthMethod::ExternalIdAndTotp {
        let which = "WHERE owner = $1 AND status = $2 AND fingerprint = $3";
        let params = [
            Param::Blob(&owner.0),
            Standing::Active.param(),
            Param::Blob(&fingerprint),
        ];
        let linked = authentic::select(tx, key, &EXTERNAL_IDS, which, &params, |_| ())?;
        return Ok(!linked.is_empty());
    }
    let which = "WHERE owner = $1 AND surface = $2 AND fingerprint = $3";
    let params = [
        Param::Blob(&owner.0),
        surface.param(),
        Param::Blob(&fingerprint),
    ];
    let standings = authentic::select(tx, key, &PASSKEYS, which, &params, |row| {
        numbered_cell::<Standing>(row, 4)
    })?;
    Ok(standings
        .iter()
        .all(|standing| *standing == Standing::Active))
}

/// Where the owners of a surface's sessions stand.
struct Owners {
    table: &'static AuthenticTable,
    by_id: &'static str,
    active: &'static str,
    /// The column of the generation.
    generation: usize,
}

impl Owners {
    const fn of(surface: Surface) -> Owners {
        match surface {
            Surface::Wallet => Owners {
                table: &PEOPLE,
                by_id: "WHERE person = $1",
                active: "WHERE person = $1 AND status = $2",
                generation: 7,
            },
            // A till's device is no session.
            Surface::Console | Surface::Till => Owners {
                table: &OPERATORS,
                by_id: "WHERE operator = $1",
                active: "WHERE operator = $1 AND status = $2",
                generation: 4,
            },
        }
    }
}

/// May this operator enter in this life of the store?
pub(crate) fn is_confirmed(tx: &mut Tx, key: &Secret, operator: &OwnerId) -> Result<bool, Fault> {
    let who = [Param::Blob(&operator.0)];
    let found = authentic::select(
        tx,
        key,
        &CONFIRMED_OPERATORS,
        Owners::of(Surface::Console).by_id,
        &who,
        |_| (),
    )?;
    Ok(!found.is_empty())
}

fn present_generation(
    tx: &mut Tx,
    key: &Secret,
    surface: Surface,
    owner: &OwnerId,
) -> Result<Option<Generation>, Fault> {
    let owners = Owners::of(surface);
    let who = [Param::Blob(&owner.0), Standing::Active.param()];
    let found = authentic::select(tx, key, owners.table, owners.active, &who, |row| {
        row.int(owners.generation)
    })?;
    let Some(generation) = found.into_iter().next() else {
        return Ok(None);
    };
    if surface != Surface::Wallet && !is_confirmed(tx, key, owner)? {
        return Ok(None);
    }
    tx.query_first(
        "SELECT generation FROM surface_generations WHERE surface = $1",
        &[surface.param()],
        |row| Generation {
            owner: generation,
            surface: row.int(0),
        },
    )
}

fn wallet_cell(row: &Row, column: usize) -> Option<WalletId> {
    let wallet = row.opt_int(column)?;
    u64::try_from(wallet).ok().map(WalletId)
}

fn ended_session(row: &Row) -> EndedSession {
    EndedSession {
        session: SessionId(row.bytes(0)),
        wallet: wallet_cell(row, 1),
    }
}

/// The columns are those of [`SESSIONS`].
fn session_row(keys: &RegistryKeys, row: &Row) -> SessionRow {
    let browser = row.opt_blob(10).is_some();
    let thumbprint: Option<[u8; 32]> = row.opt_blob(15).and_then(|bytes| bytes.try_into().ok());
    SessionRow {
        session: SessionId(row.bytes(0)),
        surface: numbered_cell(row, 2),
        owner: OwnerId(row.bytes(3)),
        wallet: wallet_cell(row, 4),
        method: numbered_cell(row, 8),
        assurance: numbered_cell(row, 9),
        device: SessionDevice {
            browser: browser.then(|| fingerprint_cell(row, 10)),
            agent: numbered_cell(row, 11),
            key: thumbprint.map(|thumbprint| keys.device_key(thumbprint)),
        },
        made_at: instant_cell(row, 5),
        seen_at: instant_cell(row, 6),
        ends_at: instant_cell(row, 7),
        credential: row
            .opt_blob(14)
            .is_some()
            .then(|| fingerprint_cell(row, 14)),
    }
}
