//! An account at another provider is linked to a wallet, signs in to it together with a code by time, and is unlinked.
//!
//! A wallet is opened with it as with a password (`password.rs`).
//!
//! | step of linking | where it is written | if the answer is lost |
//! |---|---|---|
//! | the owner has shown the strongest proof there is for this provider | nowhere | asked again |
//! | the provider's token is checked | nowhere | the page begins again |
//! | the link, pending | registry | the ledger does not name it: dropped |
//! | bind it to the wallet | ledger; the owner hears of it by message | the ledger names it: it becomes active |
//! | the link is active | registry | done already |
//!
//! | step of signing in | where it is written | if the answer is lost |
//! |---|---|---|
//! | the provider's token is checked; the answer is the same for everybody | nowhere | the page begins again |
//! | the link and the code are right; a failure is counted | registry | the code's step is used up: the next code is right |
//! | the ledger names both for this wallet | read | nothing happened |
//! | the session begins | `session.rs` | signed in again |
//!
//! | step of unlinking | where it is written | if the answer is lost |
//! |---|---|---|
//! | another way in is left; the link is dead, the sessions that it opened are gone | registry, in one transaction | asked again: it is not there |
//! | revoke it; its row goes | ledger, registry | asked again, every few seconds |

use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::context::{Asker, SystemReason};
use mamori_domain::ids::{Fingerprint, WalletId};
use mamori_domain::world::Timestamp;
use mamori_engine::Engine;
use mamori_registry::{
    DeadExternalId, EndedSession, EnrolRefusal, ExternalEnrolment, ExternalSubject,
    LinkExternalRefusal, OwnerId, Registry, Seed, Surface, UnlinkRefusal,
};

use crate::ledger::Run;
use crate::password::{self, NotSignedIn};
use crate::session::{NewSession, SessionOwner, TokenSession, end_codes};
use crate::stop::{Denied, Flow};

/// Makes the person and opens the wallet, once the contact is proven, the token checked and the first code right. It pays from `device`
/// from the beginning. Answers with the wallet and the account's fingerprint.
pub fn open_wallet(
    run: &mut Run,
    enrolment: &ExternalEnrolment,
    device: Option<Fingerprint>,
) -> Flow<(WalletId, Fingerprint)> {
    let mut people = run.registry.people();
    let begun = people.begin_external_enrolment(enrolment, run.now, run.seed)?;
    let pair = begun.map_err(|refusal| match refusal {
        EnrolRefusal::ContactTaken => Denied::ContactTaken,
        EnrolRefusal::CredentialTaken => Denied::ExternalIdTaken,
    })?;
    let wallet = password::open_with_pair(run, &enrolment.person, pair, device)?;
    tracing::info!(wallet = wallet.0, "a wallet was opened with an external ID");
    Ok((wallet, pair.first))
}

/// Links an account whose token was just checked. Its owner has shown the strongest proof there is for that.
pub fn link(
    run: &mut Run,
    owner: &OwnerId,
    wallet: WalletId,
    subject: &ExternalSubject,
) -> Flow<()> {
    let begun = (run.registry.external_ids()).begin(owner, subject, run.now, run.seed)?;
    let credential = begun.map_err(|refusal| match refusal {
        LinkExternalRefusal::Taken => Denied::ExternalIdTaken,
        LinkExternalRefusal::HasOne => Denied::ExternalIdLinked,
        LinkExternalRefusal::OwnerGone => Denied::OwnerGone,
    })?;
    if let Err(refusal) = run.ask(Command::BindCredential { wallet, credential })? {
        run.registry.external_ids().abandon(owner)?;
        revoke_dead(run, owner)?;
        return Err(refusal.into());
    }
    if !run.registry.external_ids().finish(owner)? {
        // Another one of the same owner began meanwhile and gave this one up.
        revoke_dead(run, owner)?;
        return Err(Denied::NotFound.into());
    }
    tracing::info!(wallet = wallet.0, "an external ID was linked");
    revoke_dead(run, owner)
}

/// Signs the owner of a linked account in, with a code. `may` is asked once both are proven.
pub fn sign_in<D>(
    run: &mut Run,
    subject: &ExternalSubject,
    code: &str,
    may: impl FnOnce(&SessionOwner) -> Result<(), D>,
    session: impl FnOnce(SessionOwner) -> NewSession,
) -> Flow<Result<TokenSession, NotSignedIn<D>>> {
    // Before the check: who is erased or signed out everywhere while it runs has another generation when the session is stored.
    let generation = match run.registry.external_ids().owner_of(subject)? {
        Some(owner) => run
            .registry
            .sessions()
            .generation(Surface::Wallet, &owner)?,
        None => None,
    };
    match run.registry.external_ids().prove(subject, code, run.now)? {
        Ok(proven) => password::admit(run, generation, proven, may, session),
        Err(why) => Ok(Err(NotSignedIn::NotAccepted(why))),
    }
}

/// Unlinks an account and ends the sessions that it opened.
pub fn unlink(
    run: &mut Run,
    owner: &OwnerId,
    wallet: WalletId,
    id: &[u8; 16],
) -> Flow<Vec<EndedSession>> {
    let unlinked = run.registry.external_ids().unlink(owner, id)?;
    let ended = unlinked.map_err(|refusal| match refusal {
        UnlinkRefusal::Unknown => Denied::NotFound,
        UnlinkRefusal::LastWayIn => Denied::LastWayIn,
    })?;
    tracing::info!(
        wallet = wallet.0,
        sessions = ended.len(),
        "an external ID was unlinked"
    );
    end_codes(run, &ended)?;
    revoke_dead(run, owner)?;
    Ok(ended)
}

fn revoke_dead(run: &mut Run, owner: &OwnerId) -> Flow<()> {
    for dead in run.registry.external_ids().dead(Some(owner))? {
        revoke(run, &dead)?;
    }
    Ok(())
}

fn revoke(run: &mut Run, dead: &DeadExternalId) -> Result<(), Fault> {
    let revoke = Command::RevokeCredential {
        wallet: dead.wallet,
        credential: dead.fingerprint,
    };
    if let Err(refusal) = run.ask(revoke)? {
        // It was never bound, or an earlier try has revoked it.
        tracing::info!(
            refusal = refusal.code(),
            wallet = dead.wallet.0,
            "the ledger had no external ID to revoke"
        );
    }
    run.registry.external_ids().forget(dead)
}

/// Takes out of the ledger what may do nothing any more.
pub(crate) fn revoke_owed(
    engine: &Engine,
    registry: &mut Registry,
    now: Timestamp,
    seed: &Seed,
) -> Result<(), Fault> {
    for dead in registry.external_ids().dead(None)? {
        let mut run = Run {
            engine,
            registry: &mut *registry,
            asker: Asker::system(SystemReason::Reconciliation),
            now,
            seed,
        };
        revoke(&mut run, &dead)?;
    }
    Ok(())
}
