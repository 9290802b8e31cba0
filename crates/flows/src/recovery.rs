//! Somebody who lost every way in comes back; and whoever is not that somebody is stopped.
//!
//! | step | where it is written | if the answer is lost |
//! |---|---|---|
//! | somebody asks: a row, for known and unknown alike; a code to the contact that was typed, if it is one of the person's own | registry; outbox | the page asks again |
//! | the first proof opens it, and every contact is told; further proofs, the yes of a trusted contact | registry and outbox, in one transaction | shown again |
//! | everything is proven and the wait is over: the new factor, pending | registry | the sweep drops it |
//! | finishing | registry | open again, or done, as the ledger says |
//! | bind the new factor to the wallet | ledger | the sweep asks whether it is named |
//! | the new factor is active, those before are suspended, all sessions are over, every contact is told | registry and outbox, in one transaction | done already |
//! | revoke those before; the wallet cools for 24 hours; it pays from this device | ledger | asked again by the sweep |
//! | the session begins | `session.rs` | signed in with the new factor |
//!
//! | step of taking back, within 72 hours | where it is written | if the answer is lost |
//! |---|---|---|
//! | what was active is dead, all sessions are over | registry, in one transaction | asked again by the sweep |
//! | freeze; revoke the new, and what was permitted to merchants since; bind those before, and the device before | ledger | asked again by the sweep |
//! | those before are active, every contact is told | registry and outbox, in one transaction | done already |

use mamori_datastore::fault::Fault;
use mamori_domain::book::CoolingReason;
use mamori_domain::command::Command;
use mamori_domain::context::{Actor, Asker, Context, SystemReason};
use mamori_domain::identity::DEVICE_SECONDS;
use mamori_domain::ids::{Fingerprint, WalletId};
use mamori_domain::world::Timestamp;
use mamori_engine::Engine;
use mamori_registry::{
    AddRefusal, AskedRecovery, Contact, EndedSession, NewFactors, NewPasskey, OwnerId, Proof,
    ProveRefusal, RecoveryHandle, RecoveryTold, Registry, Seed, SendBudget, StopRefusal,
    UndoSecret, Undoing,
};

use crate::ledger::Run;
use crate::messages::Message;
use crate::permission;
use crate::recovery_words;
use crate::stop::{Denied, Flow};

/// The browser that began, and the key that its device has proven.
#[derive(Clone, Copy)]
pub struct Recovering<'a> {
    pub handle: &'a RecoveryHandle,
    pub device_key: &'a [u8; 32],
}

/// What somebody comes back with.
pub enum NewFactor<'a> {
    Passkey(&'a NewPasskey<'a>),
    Password(OwnerId, &'a NewFactors<'a>),
}

/// Somebody is back.
pub struct Recovered {
    pub owner: OwnerId,
    pub wallet: WalletId,
    /// The factor that opens the session.
    pub credential: Fingerprint,
    /// Sessions that ended.
    pub ended: Vec<EndedSession>,
}

/// The same network and browser, in the name of the program: nobody is signed in.
pub fn as_program(asker: Asker, reason: SystemReason) -> Asker {
    let context = Context {
        by: Actor::system(reason),
        ..asker.context
    };
    Asker::new(context).with_request(asker.request)
}

/// Begins; the same for everybody.
pub fn begin(run: &mut Run, asked: &AskedRecovery) -> Flow<RecoveryHandle> {
    Ok((run.registry.recoveries()).begin(asked, run.now, run.seed)?)
}

/// Sends a one-time code to a contact that was typed, if it is one of the person's own. Nobody who asked waits for this.
pub fn send_code(
    run: &mut Run,
    who: Recovering,
    contact: &Contact,
    budget: &SendBudget,
    host: &str,
    send: impl FnOnce(Message) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let drawn = run.registry.recoveries().draw_code(
        who.handle,
        who.device_key,
        contact,
        budget,
        run.now,
        run.seed,
    )?;
    if let Some((to_send, locale)) = drawn {
        let code = to_send.code.as_deref().unwrap_or_default();
        send(recovery_words::code(contact, &locale, code, host))?;
    }
    Ok(())
}

/// Takes a proof; the first right one opens the recovery.
pub fn prove(
    run: &mut Run,
    who: Recovering,
    proof: &Proof,
    instead: bool,
    wallet_origin: &str,
) -> Result<Result<(), ProveRefusal>, Fault> {
    let noted = run.noted();
    let words = |told: &RecoveryTold| recovery_words::letter(told, wallet_origin);
    let mut recoveries = run.registry.recoveries();
    let (handle, key) = (who.handle, who.device_key);
    let proven = recoveries.prove(handle, key, proof, instead, &noted, run.seed, &words)?;
    match proven {
        Ok(()) => tracing::info!("a proof was taken on the way back in"),
        Err(why) => tracing::info!(?why, "a proof was not taken on the way back in"),
    }
    Ok(proven)
}

/// A trusted contact has chosen the right number; false where the recovery is not open, or it has no word.
pub fn help(run: &mut Run, id: &[u8; 32], by: &OwnerId, wallet_origin: &str) -> Flow<bool> {
    let noted = run.noted();
    let words = |told: &RecoveryTold| recovery_words::letter(told, wallet_origin);
    Ok((run.registry.recoveries()).helped(id, by, &noted, run.seed, &words)?)
}

/// A trusted contact says no.
pub fn decline(run: &mut Run, person: &OwnerId) -> Flow<()> {
    let noted = run.noted();
    tracing::warn!("risk: a trusted contact did not help with a recovery");
    Ok(run.registry.recoveries().declined(person, &noted)?)
}

/// The end: the new factor takes the place of all those before, on this device.
pub fn finish(
    run: &mut Run,
    who: Recovering,
    new: &NewFactor,
    wallet_origin: &str,
) -> Flow<Recovered> {
    let mut recoveries = run.registry.recoveries();
    let state = recoveries.state(who.handle, who.device_key, run.now)?;
    let state = state.filter(|state| state.is_ready(run.now));
    let state = state.ok_or(Denied::RecoveryNotReady)?;
    let (owner, wallet) = (state.person, state.wallet.ok_or(Denied::OwnerGone)?);
    let credentials = begin_factor(run, &owner, new)?;
    let device_before = run.engine.device_of_wallet(wallet)?;
    let begun = run.registry.recoveries().begin_finishing(
        who.handle,
        who.device_key,
        &credentials,
        device_before,
        run.now,
    )?;
    if !begun {
        give_factor_up(run, &owner, new)?;
        return Err(Denied::RecoveryNotReady.into());
    }
    let id = mamori_registry::token_hash(who.handle);
    for credential in &credentials {
        let credential = *credential;
        if let Err(refusal) = run.ask(Command::BindCredential { wallet, credential })? {
            tracing::error!(
                refusal = refusal.code(),
                wallet = wallet.0,
                "the ledger did not bind what somebody came back with"
            );
            run.registry.recoveries().abandon_finishing(&id)?;
            return Err(Denied::Unexpected.into());
        }
    }
    let ended = switch(run, &id, wallet_origin)?.ok_or(Denied::RecoveryNotReady)?;
    tracing::info!(wallet = wallet.0, "a customer came back by recovery");
    Ok(Recovered {
        owner,
        wallet,
        credential: credentials[0],
        ended,
    })
}

fn begin_factor(run: &mut Run, owner: &OwnerId, new: &NewFactor) -> Flow<Vec<Fingerprint>> {
    match new {
        NewFactor::Passkey(new) => {
            if new.owner != owner {
                return Err(Denied::RecoveryNotReady.into());
            }
            let begun = (run.registry.passkeys()).begin_recovering(new, run.now, run.seed)?;
            let credential = begun.map_err(|refusal| match refusal {
                AddRefusal::CredentialTaken => Denied::CredentialTaken,
                AddRefusal::TooMany => Denied::TooManyPasskeys,
                AddRefusal::OwnerGone => Denied::OwnerGone,
            })?;
            Ok(vec![credential])
        }
        NewFactor::Password(of, new) => {
            if of != owner {
                return Err(Denied::RecoveryNotReady.into());
            }
            let begun = (run.registry.passwords()).begin(owner, new, run.now, run.seed)?;
            Ok(begun.ok_or(Denied::OwnerGone)?)
        }
    }
}

fn give_factor_up(run: &mut Run, owner: &OwnerId, new: &NewFactor) -> Result<(), Fault> {
    match new {
        NewFactor::Passkey(new) => {
            (run.registry.passkeys()).abandon_adding(owner, &new.passkey.credential)
        }
        NewFactor::Password(..) => run.registry.passwords().abandon(owner),
    }
}

/// The ledger names the new factors: they take their place, and it is told what follows.
fn switch(
    run: &mut Run,
    id: &[u8; 32],
    wallet_origin: &str,
) -> Result<Option<Vec<EndedSession>>, Fault> {
    let noted = run.noted();
    let words = |told: &RecoveryTold| recovery_words::letter(told, wallet_origin);
    let mut recoveries = run.registry.recoveries();
    let switched = recoveries.switch(id, &noted, run.seed, &words)?;
    pay(run, id)?;
    Ok(switched.map(|switched| switched.ended))
}

/// What the ledger is owed of a recovery.
fn pay(run: &mut Run, id: &[u8; 32]) -> Result<(), Fault> {
    let Some(debts) = run.registry.recoveries().debts(id)? else {
        return Ok(());
    };
    let wallet = debts.wallet;
    revoke(run, wallet, &debts.revoke)?;
    if debts.device.is_some() {
        // Whoever it is has only just come back: for a day there is little to be taken.
        let cool = Command::CoolWallet {
            wallet,
            until: run.now.plus_seconds(DEVICE_SECONDS),
            reason: CoolingReason::Recovery,
        };
        let cooled = run.ask(cool)?;
        tracing::info!(
            wallet = wallet.0,
            cooled = cooled.is_ok(),
            "a wallet pays little for a day after a recovery"
        );
        let device = debts.device;
        let bound = run.ask(Command::BindDevice { wallet, device })?;
        tracing::info!(
            wallet = wallet.0,
            bound = bound.is_ok(),
            "a wallet pays from the device that its owner came back on"
        );
    }
    run.registry.recoveries().paid(id)
}

fn revoke(run: &Run, wallet: WalletId, credentials: &[Fingerprint]) -> Result<(), Fault> {
    for credential in credentials {
        let credential = *credential;
        if let Err(refusal) = run.ask(Command::RevokeCredential { wallet, credential })? {
            // An earlier try has revoked it.
            tracing::info!(
                refusal = refusal.code(),
                wallet = wallet.0,
                "the ledger had nothing to revoke"
            );
        }
    }
    Ok(())
}

/// Stops a recovery, asked for by the browser that began it.
pub fn give_up(run: &mut Run, who: Recovering, wallet_origin: &str) -> Flow<()> {
    let noted = run.noted();
    let words = |told: &RecoveryTold| recovery_words::letter(told, wallet_origin);
    let mut recoveries = run.registry.recoveries();
    let stopped = recoveries.give_up(who.handle, who.device_key, &noted, run.seed, &words)?;
    Ok(stopped.map_err(|StopRefusal::Unknown| Denied::NotFound)?)
}

/// Stops a recovery, asked for by its owner who is signed in.
pub fn stop_own(run: &mut Run, owner: &OwnerId, wallet_origin: &str) -> Flow<()> {
    let open = run.registry.recoveries().open_of(owner, run.now)?;
    let open = open.ok_or(Denied::NotFound)?;
    let noted = run.noted();
    let words = |told: &RecoveryTold| recovery_words::letter(told, wallet_origin);
    let mut recoveries = run.registry.recoveries();
    let stopped = recoveries.stop_own(&open.id, owner, &noted, run.seed, &words)?;
    stopped.map_err(|StopRefusal::Unknown| Denied::NotFound)?;
    pay(run, &open.id)?;
    tracing::warn!("risk: a recovery was stopped by its owner");
    Ok(())
}

/// The secret of a letter: stops a recovery, or takes it back and freezes the wallet. Answers with the sessions that ended.
pub fn undo(run: &mut Run, secret: &UndoSecret, wallet_origin: &str) -> Flow<Vec<EndedSession>> {
    let noted = run.noted();
    let words = |told: &RecoveryTold| recovery_words::letter(told, wallet_origin);
    let mut recoveries = run.registry.recoveries();
    let undone = recoveries.undo(secret, &noted, run.seed, &words)?;
    let undoing = undone.map_err(|StopRefusal::Unknown| Denied::UndoLink)?;
    tracing::warn!("risk: a recovery was stopped by a letter");
    match undoing {
        Some(undoing) => {
            restore(run, &undoing, wallet_origin)?;
            Ok(undoing.ended)
        }
        None => Ok(Vec::new()),
    }
}

fn restore(run: &mut Run, undoing: &Undoing, wallet_origin: &str) -> Result<(), Fault> {
    let wallet = undoing.wallet;
    let log = |what: &str, is_ok: bool| {
        if !is_ok {
            tracing::error!(
                wallet = wallet.0,
                what,
                "the ledger refused to take a recovery back"
            );
        }
    };
    log("freeze", run.ask(Command::Freeze { wallet })?.is_ok());
    revoke(run, wallet, &undoing.revoke)?;
    permission::revoke_since(run, wallet, undoing.since)?;
    for credential in &undoing.restore {
        let credential = *credential;
        let bound = run.ask(Command::BindCredential { wallet, credential })?;
        log("bind", bound.is_ok());
    }
    let device = undoing.device;
    let bound = run.ask(Command::BindDevice { wallet, device })?;
    log("device", bound.is_ok());
    let words = |told: &RecoveryTold| recovery_words::letter(told, wallet_origin);
    let mut recoveries = run.registry.recoveries();
    recoveries.finish_undo(&undoing.id, run.now, run.seed, &words)
}

/// What stopped half way is brought to its end, what is overdue is over, and a wait that is over is told.
///
/// `forget` hears of each session that ended: whoever holds it in memory lets it go.
pub fn sweep(
    engine: &Engine,
    registry: &mut Registry,
    now: Timestamp,
    seed: &Seed,
    wallet_origin: &str,
    forget: &dyn Fn(&EndedSession),
) -> Result<u64, Fault> {
    let mut turn = 0;
    let mut seed_of_its_own = || {
        turn += 1;
        seed.part(&format!("recovery sweep {turn}"))
    };
    let asker = Asker::system(SystemReason::Recovery);
    for stuck in registry.recoveries().stuck(now)? {
        let seed = seed_of_its_own();
        let mut run = Run {
            engine,
            registry: &mut *registry,
            asker,
            now,
            seed: &seed,
        };
        let named = run.engine.wallets_of(&stuck.credentials)?;
        match !named.is_empty() && named.iter().all(Option::is_some) {
            true => {
                let ended = switch(&mut run, &stuck.id, wallet_origin)?;
                ended.iter().flatten().for_each(forget);
            }
            false => run.registry.recoveries().abandon_finishing(&stuck.id)?,
        }
    }
    for id in registry.recoveries().owing()? {
        let seed = seed_of_its_own();
        let mut run = Run {
            engine,
            registry: &mut *registry,
            asker,
            now,
            seed: &seed,
        };
        pay(&mut run, &id)?;
    }
    for undoing in registry.recoveries().being_undone()? {
        let seed = seed_of_its_own();
        let mut run = Run {
            engine,
            registry: &mut *registry,
            asker: Asker::system(SystemReason::RecoveryUndone),
            now,
            seed: &seed,
        };
        restore(&mut run, &undoing, wallet_origin)?;
    }
    let words = |told: &RecoveryTold| recovery_words::letter(told, wallet_origin);
    let rows = registry
        .recoveries()
        .sweep(now, &seed_of_its_own(), &words)?;
    Ok(rows + registry.trusted().sweep(now)?)
}
