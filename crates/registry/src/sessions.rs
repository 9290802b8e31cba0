//! Who is signed in. A session is found by the hash of its token; the token itself is nowhere but in the cookie.

use std::time::Duration;

use crate::factors::OwnerId;
use crate::{
    Numbered, Surface, at, fingerprint_cell, instant_cell, numbered_cell, token_hash, wallet_number,
};
use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param};
use mamori_domain::context::AgentFamily;
use mamori_domain::ids::{Fingerprint, WalletId};
use mamori_domain::world::Timestamp;

/// How long the row of a session stays after its end.
const SWEPT_AFTER: Duration = Duration::from_secs(86_400);

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
}

impl Numbered for AuthMethod {
    const ALL: &[AuthMethod] = &[
        AuthMethod::Passkey,
        AuthMethod::SignUp,
        AuthMethod::OperatorLink,
        AuthMethod::PairingCode,
    ];

    fn as_number(self) -> i64 {
        match self {
            AuthMethod::Passkey => 1,
            AuthMethod::SignUp => 2,
            AuthMethod::OperatorLink => 3,
            AuthMethod::PairingCode => 4,
        }
    }
}

impl AuthMethod {
    /// What the method proves on its own. A passkey is asked to verify its owner, so it is two factors in one; keys that are
    /// synchronised between devices reach no higher level. A pairing code proves only that an operator told it
    /// to a cashier.
    pub const fn assurance(self) -> Aal {
        match self {
            AuthMethod::Passkey | AuthMethod::SignUp | AuthMethod::OperatorLink => Aal::Two,
            AuthMethod::PairingCode => Aal::One,
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
}

/// Who is signed in.
pub struct Sessions<'a> {
    pub(crate) db: &'a mut Db,
}

impl Sessions<'_> {
    /// Stores a new session under the hash of `token`, 32 random bytes that stand nowhere else but in the cookie.
    pub fn open(&mut self, row: &SessionRow, token: &[u8; 32]) -> Result<(), Fault> {
        let wallet = row.wallet.map(wallet_number).transpose()?;
        let browser = row.device.browser.map(|browser| browser.0.to_be_bytes());
        self.db
            .execute(
                "INSERT INTO sessions (session, token_hash, surface, owner, wallet, made_at, seen_at, ends_at, method, assurance, browser, agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
                &[
                    Param::Blob(&row.session.0),
                    Param::Blob(&token_hash(token)),
                    row.surface.param(),
                    Param::Blob(&row.owner.0),
                    wallet.into(),
                    at(row.made_at),
                    at(row.seen_at),
                    at(row.ends_at),
                    row.method.param(),
                    row.assurance.param(),
                    browser.as_ref().map_or(Param::Null, |browser| Param::Blob(browser)),
                    row.device.agent.param(),
                ],
            )
            .map(|_| ())
    }

    /// The session with this token hash on a surface, ended by time or not.
    pub fn find(
        &mut self,
        surface: Surface,
        token_hash: &[u8; 32],
    ) -> Result<Option<SessionRow>, Fault> {
        self.db.query_first(
            "SELECT session, owner, wallet, made_at, seen_at, ends_at, method, assurance, browser, agent FROM sessions WHERE token_hash = $1 AND surface = $2",
            &[Param::Blob(token_hash), surface.param()],
            |row| session_row(row, surface),
        )
    }

    /// The sessions of one owner that have not ended by their absolute limit, newest first; at most 100.
    pub fn of(
        &mut self,
        surface: Surface,
        owner: &OwnerId,
        now: Timestamp,
    ) -> Result<Vec<SessionRow>, Fault> {
        self.db.query(
            "SELECT session, owner, wallet, made_at, seen_at, ends_at, method, assurance, browser, agent FROM sessions WHERE surface = $1 AND owner = $2 AND ends_at > $3 ORDER BY made_at DESC LIMIT 100",
            &[surface.param(), Param::Blob(&owner.0), at(now)],
            |row| session_row(row, surface),
        )
    }

    /// Writes down that a session was used; false if it was ended meanwhile, perhaps by another process.
    pub fn touch(&mut self, session: &SessionId, now: Timestamp) -> Result<bool, Fault> {
        let touched = self.db.execute(
            "UPDATE sessions SET seen_at = $1 WHERE session = $2",
            &[at(now), Param::Blob(&session.0)],
        )?;
        Ok(touched == 1)
    }

    /// Gives a session a new token in place of the one with hash `old`, in one step; false if it has ended or was renewed
    /// meanwhile.
    pub fn renew_token(
        &mut self,
        session: &SessionId,
        old: &[u8; 32],
        token: &[u8; 32],
    ) -> Result<bool, Fault> {
        let changed = self.db.execute(
            "UPDATE sessions SET token_hash = $1 WHERE session = $2 AND token_hash = $3",
            &[
                Param::Blob(&token_hash(token)),
                Param::Blob(&session.0),
                Param::Blob(old),
            ],
        )?;
        Ok(changed == 1)
    }

    /// Ends one session of an owner; false if it was not there.
    pub fn end(
        &mut self,
        surface: Surface,
        owner: &OwnerId,
        session: &SessionId,
    ) -> Result<bool, Fault> {
        let ended = self.db.execute(
            "DELETE FROM sessions WHERE session = $1 AND surface = $2 AND owner = $3",
            &[
                Param::Blob(&session.0),
                surface.param(),
                Param::Blob(&owner.0),
            ],
        )?;
        Ok(ended == 1)
    }

    /// Ends all sessions of an owner; returns how many.
    pub fn end_all_of(&mut self, surface: Surface, owner: &OwnerId) -> Result<u64, Fault> {
        self.db.execute(
            "DELETE FROM sessions WHERE surface = $1 AND owner = $2",
            &[surface.param(), Param::Blob(&owner.0)],
        )
    }

    /// Removes sessions whose absolute limit passed a day ago, at most 500 at a time; returns how many.
    pub fn sweep(&mut self, now: Timestamp) -> Result<u64, Fault> {
        self.db.execute(
            "DELETE FROM sessions WHERE session IN (SELECT session FROM sessions WHERE ends_at < $1 ORDER BY ends_at LIMIT 500)",
            &[at(now.minus(SWEPT_AFTER))],
        )
    }
}

fn session_row(row: &mamori_datastore::sql::Row, surface: Surface) -> SessionRow {
    SessionRow {
        session: SessionId(row.bytes(0)),
        surface,
        owner: OwnerId(row.bytes(1)),
        wallet: row
            .opt_int(2)
            .and_then(|wallet| u64::try_from(wallet).ok())
            .map(WalletId),
        method: numbered_cell(row, 6),
        assurance: numbered_cell(row, 7),
        device: SessionDevice {
            browser: row.opt_blob(8).is_some().then(|| fingerprint_cell(row, 8)),
            agent: numbered_cell(row, 9),
        },
        made_at: instant_cell(row, 3),
        seen_at: instant_cell(row, 4),
        ends_at: instant_cell(row, 5),
    }
}
