//! A session begins, goes on under a new token, and ends.
//!
//! | step of a beginning | where it is written | if the answer is lost |
//! |---|---|---|
//! | the session is stored if its owner is still who proved a passkey; the browser's old session ends, and the oldest beyond the limit | registry, in one transaction | a row whose token no browser has, until its time is over |
//! | the codes of the sessions that ended are worth nothing | ledger, in memory | the process has stopped, and all codes with it |
//! | where a customer signed in from is remembered; of a new browser or network the owner is told | registry and outbox, in one transaction | the next sign-in tells |
//!
//! | step of an end | where it is written | if the answer is lost |
//! |---|---|---|
//! | notices go to its browser no more | registry | asked again |
//! | the rows are gone | registry | asked again: nothing is there |
//! | their codes are worth nothing, and a request for a code that is on its way gets none | ledger, in memory | the process has stopped, and all codes with it |

use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::ids;
use mamori_domain::world::Timestamp;
use mamori_registry::{
    Arrival, AuthMethod, DeviceKey, EndedSession, Generation, OwnerId, SessionDevice, SessionId,
    SessionRow, Surface,
};

use crate::ledger::Run;
use crate::stop::{Denied, Flow};

/// A session that is to begin.
pub struct NewSession {
    /// Where.
    pub surface: Surface,
    /// Whose, and that the owner is still the one who proved it.
    pub owner: SessionOwner,
    /// How it is opened.
    pub method: AuthMethod,
    /// In which browser.
    pub device: SessionDevice,
    /// When it ends whatever happens.
    pub ends_at: Timestamp,
    /// The hash of the token that the browser held before: that session ends.
    pub replaced: Option<[u8; 32]>,
}

/// The owner of a session, as of the moment when the credential was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionOwner {
    /// Person or operator.
    pub owner: OwnerId,
    /// The customer's wallet; None for operators.
    pub wallet: Option<ids::WalletId>,
    /// Raised by every act that ends all sessions of the owner.
    pub generation: Generation,
    /// The credential that was checked: sessions that it opens end with it.
    pub credential: Option<ids::Fingerprint>,
}

/// A session with the token that the browser is to hold.
pub struct TokenSession {
    /// As it is stored.
    pub row: SessionRow,
    /// 256 bits that are written nowhere.
    pub token: [u8; 32],
    /// Sessions that ended for it.
    pub ended: Vec<EndedSession>,
}

/// A session as the journal names it.
pub fn journal_id(session: &SessionId) -> ids::SessionId {
    ids::SessionId(u128::from_be_bytes(session.0))
}

/// Begins a session. [`Denied::OwnerGone`] if its owner was removed, erased or signed out everywhere since the credential was
/// checked, or if the passkey that was shown is being removed.
pub fn begin(run: &mut Run, new: NewSession) -> Flow<TokenSession> {
    let token = run.seed.bytes("session token");
    let row = SessionRow {
        session: SessionId(run.seed.take("session")),
        surface: new.surface,
        owner: new.owner.owner,
        wallet: new.owner.wallet,
        method: new.method,
        assurance: new.method.assurance(),
        device: new.device,
        made_at: run.now,
        seen_at: run.now,
        ends_at: new.ends_at,
        credential: new.owner.credential,
    };
    let opened =
        run.registry
            .sessions()
            .open(&row, &token, new.owner.generation, new.replaced.as_ref())?;
    let ended = opened.ok_or(Denied::OwnerGone)?;
    end_codes(run, &ended)?;
    if let Some(wallet) = row.wallet.filter(|_| row.surface == Surface::Wallet) {
        let arrival = Arrival {
            person: row.owner,
            wallet,
            browser: row.device.browser,
            network: run.asker.context.network,
            agent: row.device.agent,
        };
        run.registry.places().arrive(&arrival, run.now, run.seed)?;
    }
    Ok(TokenSession { row, token, ended })
}

/// The session goes on under a new token, in place of the one with hash `old`; None if it has ended meanwhile. One without a device's
/// key takes `key`, by its thumbprint: the first fresh passkey binds a session that an older program has opened.
pub fn renew(
    run: &mut Run,
    surface: Surface,
    old: &[u8; 32],
    key: Option<DeviceKey>,
) -> Result<Option<TokenSession>, Fault> {
    let token = run.seed.bytes("session token");
    let Some(mut row) = run.registry.sessions().find(surface, old)? else {
        return Ok(None);
    };
    let taken = key.filter(|_| row.device.key.is_none());
    row.device.key = row.device.key.or(taken);
    let renewed =
        (run.registry.sessions()).renew_token(&row.session, old, &token, taken.as_ref())?;
    Ok(renewed.then(|| TokenSession {
        row,
        token,
        ended: Vec::new(),
    }))
}

/// Ends the session with this token hash; None if there is none.
pub fn sign_out(
    run: &mut Run,
    surface: Surface,
    token_hash: &[u8; 32],
) -> Result<Option<EndedSession>, Fault> {
    match run.registry.sessions().find(surface, token_hash)? {
        Some(row) => end(run, surface, &row.owner, &row.session),
        None => Ok(None),
    }
}

/// Ends one session of an owner; None if it was not there.
pub fn end(
    run: &mut Run,
    surface: Surface,
    owner: &OwnerId,
    session: &SessionId,
) -> Result<Option<EndedSession>, Fault> {
    if surface == Surface::Wallet {
        let of_owner = run.registry.sessions().of(surface, owner, Timestamp(0))?;
        let row = of_owner.into_iter().find(|row| row.session == *session);
        if let Some(browser) = row.and_then(|row| row.device.browser) {
            run.registry.notices().forget_browser(owner, browser)?;
        }
    }
    let ended = run.registry.sessions().end(surface, owner, session)?;
    end_codes(run, ended.as_slice())?;
    Ok(ended)
}

/// Ends all sessions of an owner but one.
pub fn end_others(
    run: &mut Run,
    surface: Surface,
    owner: &OwnerId,
    but: &SessionId,
) -> Result<Vec<EndedSession>, Fault> {
    if surface == Surface::Wallet {
        let of_owner = run.registry.sessions().of(surface, owner, Timestamp(0))?;
        let row = of_owner.into_iter().find(|row| row.session == *but);
        let here = row.and_then(|row| row.device.browser);
        run.registry.notices().forget_browsers(owner, here)?;
    }
    let ended = run.registry.sessions().end_others(surface, owner, but)?;
    end_codes(run, &ended)?;
    Ok(ended)
}

/// Ends all sessions of an owner, and every sign-in that is on its way.
pub fn end_all(
    run: &mut Run,
    surface: Surface,
    owner: &OwnerId,
) -> Result<Vec<EndedSession>, Fault> {
    if surface == Surface::Wallet {
        run.registry.notices().forget_browsers(owner, None)?;
    }
    let ended = run.registry.sessions().end_all_of(surface, owner)?;
    end_codes(run, &ended)?;
    Ok(ended)
}

pub(crate) fn end_codes(run: &Run, ended: &[EndedSession]) -> Result<(), Fault> {
    for one in ended {
        if let Some(wallet) = one.wallet {
            let session = journal_id(&one.session);
            if let Err(refusal) = run.ask(Command::EndSession { wallet, session })? {
                tracing::error!(
                    refusal = refusal.code(),
                    wallet = wallet.0,
                    "the code of an ended session was not ended"
                );
            }
        }
    }
    Ok(())
}
