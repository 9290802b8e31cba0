//! A password and codes by time: a wallet is opened with them, signed in to, and they are changed and turned off.
//!
//! | step of opening a wallet | where it is written | if the answer is lost |
//! |---|---|---|
//! | person, contact, password, secret of the codes | registry, pending | the ledger names no wallet: the rows are dropped, the contact is free |
//! | open the wallet | ledger, under the password's fingerprint | the next step is caught up by `reconcile.rs` |
//! | bind the codes to the wallet | ledger | the ledger names both: the rows become active |
//! | the rows are active | registry | done already |
//!
//! | step of signing in | where it is written | if the answer is lost |
//! |---|---|---|
//! | contact and password are looked at; the answer is the same for everybody | nowhere | nothing happened |
//! | the owner may sign in, in this generation | read, before anything is checked | nothing happened |
//! | password, code, and that they may be used; a failure is counted | registry | the code's step is used up: the next code is right |
//! | the ledger names both for this wallet | read | nothing happened |
//! | the session begins | `session.rs` | signed in again |
//!
//! | step of a change | where it is written | if the answer is lost |
//! |---|---|---|
//! | the new factors | registry, pending | the ledger names none of them: dropped |
//! | bind each to the wallet | ledger | all are named: they become active; some: they are dropped, and revoked as below |
//! | the new ones are active, those before them dead and empty | registry | done already |
//! | revoke each dead one; its row goes | ledger, registry | asked again, every few seconds |
//!
//! Turning off begins at the last but one step.

use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::context::{Asker, SystemReason};
use mamori_domain::ids::{Fingerprint, WalletId};
use mamori_domain::reply::Reply;
use mamori_domain::world::Timestamp;
use mamori_engine::Engine;
use mamori_registry::{
    DeadFactor, EnrolRefusal, FactorPair, Generation, Guess, NewFactors, NotAccepted, OwnerId,
    PasswordEnrolment, Registry, Seed, Surface,
};

use crate::ledger::Run;
use crate::session::{self, NewSession, SessionOwner, TokenSession};
use crate::stop::{Denied, Flow};

/// Makes the person and opens the wallet, once the contact is proven, the password on no list and the first code right. It pays from
/// `device` from the beginning. Answers with the wallet and the password's fingerprint.
pub fn open_wallet(
    run: &mut Run,
    enrolment: &PasswordEnrolment,
    device: Option<Fingerprint>,
) -> Flow<(WalletId, Fingerprint)> {
    let mut people = run.registry.people();
    let begun = people.begin_password_enrolment(enrolment, run.now, run.seed)?;
    let pair = begun.map_err(|refusal| match refusal {
        EnrolRefusal::ContactTaken => Denied::ContactTaken,
        EnrolRefusal::CredentialTaken => Denied::CredentialTaken,
    })?;
    let wallet = open_with_pair(run, &enrolment.person, pair, device)?;
    tracing::info!(wallet = wallet.0, "a wallet was opened with a password");
    Ok((wallet, pair.first))
}

/// Opens the wallet of a person whose two factors wait for the ledger.
pub(crate) fn open_with_pair(
    run: &mut Run,
    person: &OwnerId,
    pair: FactorPair,
    device: Option<Fingerprint>,
) -> Flow<WalletId> {
    let open = Command::OpenWallet {
        credential: pair.first,
        device,
    };
    let wallet = match run.ask(open)? {
        Ok(Reply::WalletOpened(wallet)) => wallet,
        outcome => {
            let refusal = outcome.err().map(|refusal| refusal.code());
            tracing::error!(refusal, "the ledger opened no wallet");
            run.registry.people().abandon_enrolment(person)?;
            return Err(Denied::Unexpected.into());
        }
    };
    let bind = Command::BindCredential {
        wallet,
        credential: pair.totp,
    };
    if let Err(refusal) = run.ask(bind)? {
        // The wallet is there: `reconcile.rs` binds what is owed to it.
        tracing::error!(
            refusal = refusal.code(),
            wallet = wallet.0,
            "no codes were bound"
        );
        return Err(Denied::Unexpected.into());
    }
    run.registry.people().finish_enrolment(person, wallet)?;
    Ok(wallet)
}

/// What can be wrong with a sign-in.
pub enum NotSignedIn<D> {
    /// Something was wrong, or too much before.
    NotAccepted(NotAccepted),
    /// The caller's own rule.
    Denied(D),
}

/// Signs an owner in with a guess that was made before, and a code. `may` is asked once both are proven.
pub fn sign_in<D>(
    run: &mut Run,
    guess: &Guess,
    code: &str,
    may: impl FnOnce(&SessionOwner) -> Result<(), D>,
    session: impl FnOnce(SessionOwner) -> NewSession,
) -> Flow<Result<TokenSession, NotSignedIn<D>>> {
    // Before the check: who is erased or signed out everywhere while it runs has another generation when the session is stored.
    let generation = (run.registry.sessions()).generation(Surface::Wallet, &guess.owner())?;
    match run.registry.passwords().prove(guess, code, run.now)? {
        Ok(proven) => admit(run, generation, proven, may, session),
        Err(why) => Ok(Err(NotSignedIn::NotAccepted(why))),
    }
}

/// Begins the session of an owner who has proven a first factor and a code, as `generation` was before that.
pub(crate) fn admit<D>(
    run: &mut Run,
    generation: Option<Generation>,
    (owner, pair): (OwnerId, FactorPair),
    may: impl FnOnce(&SessionOwner) -> Result<(), D>,
    session: impl FnOnce(SessionOwner) -> NewSession,
) -> Flow<Result<TokenSession, NotSignedIn<D>>> {
    let wrong = || Ok(Err(NotSignedIn::NotAccepted(NotAccepted::Wrong)));
    let Some(generation) = generation else {
        return wrong();
    };
    let person = run.registry.people().find(&owner)?;
    let held = person.map(|person| person.wallet);
    let named = run.engine.wallets_of(&[pair.first, pair.totp])?;
    // A row of the registry that the ledger does not name is dead; and neither of the two opens anything without the other.
    if held.is_none() || named.iter().any(|wallet| *wallet != held) {
        tracing::warn!("risk: a first factor or the codes beside it are not in the ledger");
        return wrong();
    }
    let owner = SessionOwner {
        owner,
        wallet: held,
        generation,
        credential: Some(pair.first),
    };
    if let Err(denied) = may(&owner) {
        return Ok(Err(NotSignedIn::Denied(denied)));
    }
    Ok(Ok(session::begin(run, session(owner))?))
}

/// The owner of a session types a code: the session goes on under a new token.
pub fn step_up(
    run: &mut Run,
    owner: &OwnerId,
    wallet: WalletId,
    token_hash: &[u8; 32],
    code: &str,
) -> Flow<Result<TokenSession, NotAccepted>> {
    let proven = (run.registry.passwords()).prove_code(owner, code, run.now)?;
    let fingerprint = match proven {
        Ok(fingerprint) => fingerprint,
        Err(why) => return Ok(Err(why)),
    };
    if run.engine.wallet_of(fingerprint)? != Some(wallet) {
        return Ok(Err(NotAccepted::Wrong));
    }
    let renewed = session::renew(run, Surface::Wallet, token_hash, None)?;
    Ok(Ok(renewed.ok_or(Denied::OwnerGone)?))
}

/// Gives an owner new factors in place of those of the same kind.
pub fn set(run: &mut Run, owner: &OwnerId, wallet: WalletId, new: &NewFactors) -> Flow<()> {
    let begun = (run.registry.passwords()).begin(owner, new, run.now, run.seed)?;
    for credential in begun.ok_or(Denied::OwnerGone)? {
        if let Err(refusal) = run.ask(Command::BindCredential { wallet, credential })? {
            run.registry.passwords().abandon(owner)?;
            revoke_dead(run, owner)?;
            return Err(refusal.into());
        }
    }
    if !run.registry.passwords().finish(owner)? {
        // Another change of the same owner began meanwhile and gave this one up.
        return Err(Denied::NotFound.into());
    }
    tracing::info!(
        wallet = wallet.0,
        password = new.password.is_some(),
        codes = new.totp.is_some(),
        "a password or its codes were set"
    );
    revoke_dead(run, owner)
}

/// Turns password and codes of an owner off.
pub fn remove(run: &mut Run, owner: &OwnerId, wallet: WalletId) -> Flow<()> {
    run.registry.passwords().remove(owner)?;
    tracing::info!(wallet = wallet.0, "a password was turned off");
    revoke_dead(run, owner)
}

/// Lets the password sign in though there is a passkey, or not. The ledger knows nothing of that: one step, in the registry.
pub fn set_beside_passkeys(run: &mut Run, owner: &OwnerId, wallet: WalletId, on: bool) -> Flow<()> {
    let noted = run.noted();
    let mut passwords = run.registry.passwords();
    if !passwords.set_beside_passkeys(owner, wallet, on, &noted)? {
        return Err(Denied::NotFound.into());
    }
    tracing::info!(
        wallet = wallet.0,
        on,
        "a password beside passkeys was switched"
    );
    Ok(())
}

fn revoke_dead(run: &mut Run, owner: &OwnerId) -> Flow<()> {
    for dead in run.registry.passwords().dead(Some(owner))? {
        revoke(run, &dead)?;
    }
    Ok(())
}

fn revoke(run: &mut Run, dead: &DeadFactor) -> Result<(), Fault> {
    let revoke = Command::RevokeCredential {
        wallet: dead.wallet,
        credential: dead.fingerprint,
    };
    if let Err(refusal) = run.ask(revoke)? {
        // It was never bound, or an earlier try has revoked it.
        tracing::info!(
            refusal = refusal.code(),
            wallet = dead.wallet.0,
            "the ledger had no password to revoke"
        );
    }
    run.registry.passwords().forget(dead)
}

/// Binds the codes of wallets that were opened with a password or an external ID and whose second step is owed.
pub(crate) fn bind_owed(
    engine: &Engine,
    registry: &mut Registry,
    made_before: Timestamp,
    now: Timestamp,
    seed: &Seed,
) -> Result<(), Fault> {
    for (_, pair) in registry.people().pending_pairs(made_before)? {
        if let [Some(wallet), None] = engine.wallets_of(&[pair.first, pair.totp])?[..] {
            let run = by_ourselves(engine, &mut *registry, now, seed);
            let bind = Command::BindCredential {
                wallet,
                credential: pair.totp,
            };
            if let Err(refusal) = run.ask(bind)? {
                tracing::error!(
                    refusal = refusal.code(),
                    wallet = wallet.0,
                    "no codes were bound"
                );
            }
        }
    }
    Ok(())
}

/// Takes out of the ledger what may do nothing any more.
pub(crate) fn revoke_owed(
    engine: &Engine,
    registry: &mut Registry,
    now: Timestamp,
    seed: &Seed,
) -> Result<(), Fault> {
    for dead in registry.passwords().dead(None)? {
        revoke(&mut by_ourselves(engine, &mut *registry, now, seed), &dead)?;
    }
    Ok(())
}

fn by_ourselves<'a>(
    engine: &'a Engine,
    registry: &'a mut Registry,
    now: Timestamp,
    seed: &'a Seed,
) -> Run<'a> {
    Run {
        engine,
        registry,
        asker: Asker::system(SystemReason::Reconciliation),
        now,
        seed,
    }
}
