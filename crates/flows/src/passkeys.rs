//! A customer adds a passkey to the ones that are there, and removes one.
//!
//! | step of adding | where it is written | if the answer is lost |
//! |---|---|---|
//! | the new passkey, pending | registry | the ledger does not name it: the sweep drops the row |
//! | bind the credential | ledger; its owner hears of it by message | the ledger names it: the sweep makes the row active |
//! | the row is active | registry | done already |
//!
//! | step of removing | where it is written | if the answer is lost |
//! |---|---|---|
//! | another way in is left; the passkey is leaving and signs nobody in any more | registry, in one transaction | the ledger names it: the sweep takes it back, and its owner asks again |
//! | revoke the credential; codes shown are worth nothing | ledger; its owner hears of it by message | the ledger does not name it: the sweep buries it |
//! | the row is dead, the sessions that it opened are gone | registry, in one transaction | asked again, or by the sweep |
//! | a request for a code that was on its way in one of these sessions gets none | ledger, in memory | the process has stopped, and all codes with it |
//!
//! Of two removals at once, each of the other's last passkey, one is refused: the first step counts within its transaction.

use mamori_domain::command::Command;
use mamori_domain::ids::WalletId;
use mamori_domain::refusal::Refusal;
use mamori_registry::{
    AddRefusal, EndedSession, NewPasskey, OwnerId, RemovePasskeyRefusal, SessionId,
};

use crate::ledger::Run;
use crate::session::end_codes;
use crate::stop::{Denied, Flow};

/// Whose passkeys are changed, and in which session that is asked.
#[derive(Clone, Copy, Debug)]
pub struct PasskeyOwner {
    pub owner: OwnerId,
    pub wallet: WalletId,
    pub session: SessionId,
}

/// Adds a passkey that was just created and checked. Its owner has shown another one for it.
pub fn add(run: &mut Run, wallet: WalletId, new: &NewPasskey) -> Flow<()> {
    let begun = (run.registry.passkeys()).begin_adding(new, run.now, run.seed)?;
    let credential = begun.map_err(|refusal| match refusal {
        AddRefusal::TooMany => Denied::TooManyPasskeys,
        AddRefusal::CredentialTaken => Denied::CredentialTaken,
        AddRefusal::OwnerGone => Denied::OwnerGone,
    })?;
    let id = &new.passkey.credential;
    if let Err(refusal) = run.ask(Command::BindCredential { wallet, credential })? {
        tracing::error!(
            refusal = refusal.code(),
            wallet = wallet.0,
            "the ledger did not bind a passkey"
        );
        run.registry.passkeys().abandon_adding(new.owner, id)?;
        return Err(match refusal {
            Refusal::AlreadyBound => Denied::CredentialTaken.into(),
            _ => Denied::Unexpected.into(),
        });
    }
    if !run.registry.passkeys().finish_adding(new.owner, id)? {
        // The owner was erased between the two steps, and the erasure had nothing to revoke yet.
        let revoked = run.ask(Command::RevokeCredential { wallet, credential })?;
        tracing::info!(
            wallet = wallet.0,
            revoked = revoked.is_ok(),
            "a passkey came after its owner was erased"
        );
        return Err(Denied::OwnerGone.into());
    }
    tracing::info!(wallet = wallet.0, "a passkey was added");
    Ok(())
}

/// Removes a passkey and ends the sessions that it opened. Its owner has shown a passkey for exactly this.
pub fn remove(run: &mut Run, by: &PasskeyOwner, id: &[u8]) -> Flow<Vec<EndedSession>> {
    let (owner, wallet) = (&by.owner, by.wallet);
    let begun = (run.registry.passkeys()).begin_removing(owner, id, run.now)?;
    let credential = begun.map_err(|refusal| match refusal {
        RemovePasskeyRefusal::Unknown => Denied::NotFound,
        RemovePasskeyRefusal::LastFactor => Denied::LastFactor,
    })?;
    if let Err(refusal) = run.ask(Command::RevokeCredential { wallet, credential })? {
        // An earlier try has revoked it: what is left to do is the registry's.
        tracing::info!(
            refusal = refusal.code(),
            wallet = wallet.0,
            "the ledger had no passkey to revoke"
        );
    }
    let kept = Some(&by.session);
    let ended = (run.registry.passkeys()).finish_removing(owner, id, kept)?;
    end_codes(run, &ended)?;
    tracing::info!(
        wallet = wallet.0,
        sessions = ended.len(),
        "a passkey was removed"
    );
    Ok(ended)
}

/// Calls a passkey by another name.
pub fn rename(run: &mut Run, by: &PasskeyOwner, id: &[u8], name: &str) -> Flow<()> {
    let noted = run.noted();
    let mut passkeys = run.registry.passkeys().noted(noted);
    match passkeys.rename(&by.owner, by.wallet, id, name, run.seed)? {
        true => Ok(()),
        false => Err(Denied::NotFound.into()),
    }
}
