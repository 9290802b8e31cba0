//! Who is signed in. A session is found by the hash of its token; the token itself is nowhere but in the cookie.

use std::time::Duration;

use crate::passkeys::OwnerId;
use crate::{Control, Surface, at, instant_cell, token_hash, wallet_number};
use mamori_datastore::fault::Fault;
use mamori_datastore::sql::Param;
use mamori_domain::ids::WalletId;
use mamori_domain::world::Timestamp;

/// How long the row of a session stays after its end.
const SWEPT_AFTER: Duration = Duration::from_secs(86_400);

/// The name of a session: 16 random bytes that stay the same when the token is renewed. Not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub [u8; 16]);

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
    /// Instant of sign-in.
    pub made_at: Timestamp,
    /// Last use that was written down; up to a minute behind.
    pub seen_at: Timestamp,
    /// When it ends whatever happens.
    pub ends_at: Timestamp,
}

impl Control {
    /// Stores a new session under the hash of `token`.
    pub fn start_session(&mut self, row: &SessionRow, token: &[u8; 32]) -> Result<(), Fault> {
        let wallet = row.wallet.map(wallet_number).transpose()?;
        self.db
            .execute(
                "INSERT INTO sessions (session, token_hash, surface, owner, wallet, made_at, seen_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                &[
                    Param::Blob(&row.session.0),
                    Param::Blob(&token_hash(token)),
                    Param::Int(row.surface.as_number()),
                    Param::Blob(&row.owner.0),
                    wallet.into(),
                    at(row.made_at),
                    at(row.seen_at),
                    at(row.ends_at),
                ],
            )
            .map(|_| ())
    }

    /// The session with this token hash on a surface, ended by time or not.
    pub fn session(
        &mut self,
        surface: Surface,
        token_hash: &[u8; 32],
    ) -> Result<Option<SessionRow>, Fault> {
        self.db.query_first(
            "SELECT session, owner, wallet, made_at, seen_at, ends_at FROM sessions WHERE token_hash = $1 AND surface = $2",
            &[Param::Blob(token_hash), Param::Int(surface.as_number())],
            |row| session_row(row, surface),
        )
    }

    /// The sessions of one owner that have not ended by their absolute limit, newest first; at most 100.
    pub fn sessions_of(
        &mut self,
        surface: Surface,
        owner: &OwnerId,
        now: Timestamp,
    ) -> Result<Vec<SessionRow>, Fault> {
        self.db.query(
            "SELECT session, owner, wallet, made_at, seen_at, ends_at FROM sessions WHERE surface = $1 AND owner = $2 AND ends_at > $3 ORDER BY made_at DESC LIMIT 100",
            &[Param::Int(surface.as_number()), Param::Blob(&owner.0), at(now)],
            |row| session_row(row, surface),
        )
    }

    /// Writes down that a session was used; false if it was ended meanwhile, perhaps by another process.
    pub fn touch_session(&mut self, session: &SessionId, now: Timestamp) -> Result<bool, Fault> {
        let touched = self.db.execute(
            "UPDATE sessions SET seen_at = $1 WHERE session = $2",
            &[at(now), Param::Blob(&session.0)],
        )?;
        Ok(touched == 1)
    }

    /// Gives a session a new token, from one moment to the next; false if it has ended meanwhile.
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
    pub fn end_session(
        &mut self,
        surface: Surface,
        owner: &OwnerId,
        session: &SessionId,
    ) -> Result<bool, Fault> {
        let ended = self.db.execute(
            "DELETE FROM sessions WHERE session = $1 AND surface = $2 AND owner = $3",
            &[
                Param::Blob(&session.0),
                Param::Int(surface.as_number()),
                Param::Blob(&owner.0),
            ],
        )?;
        Ok(ended == 1)
    }

    /// Ends all sessions of an owner; returns how many.
    pub fn end_sessions_of(&mut self, surface: Surface, owner: &OwnerId) -> Result<u64, Fault> {
        self.db.execute(
            "DELETE FROM sessions WHERE surface = $1 AND owner = $2",
            &[Param::Int(surface.as_number()), Param::Blob(&owner.0)],
        )
    }

    /// Removes sessions whose absolute limit passed a day ago, a few hundred at a time; returns how many.
    pub fn sweep_sessions(&mut self, now: Timestamp) -> Result<u64, Fault> {
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
        made_at: instant_cell(row, 3),
        seen_at: instant_cell(row, 4),
        ends_at: instant_cell(row, 5),
    }
}
