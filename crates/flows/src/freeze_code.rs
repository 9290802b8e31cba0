//! A code on paper stops a wallet: from any browser, without signing in, for whoever has lost the phone.
//!
//! | step of making one | where it is written | if the answer is lost |
//! |---|---|---|
//! | the keyed hash of a new code, in place of the one before, and the row that says who asked | registry, in one transaction | nobody knows that code: the owner makes another |
//!
//! | step of stopping | where it is written | if the answer is lost |
//! |---|---|---|
//! | whose code it is | read | nothing happened |
//! | freeze the wallet | ledger | typed again: it is frozen already |
//! | all sessions of the owner end: the thief has the phone | registry | typed again: there is none left |
//! | that the code was used, and from where | registry | typed again |
//!
//! The money first: what fails behind the freeze changes nothing about it. Only the owner's strong factor starts the wallet again. Every
//! contact is told of a freeze, as of any other (`delivery.rs`).

use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::context::{Actor, Asker, Context};
use mamori_registry::acts::Noted;
use mamori_registry::{OwnerId, SavedCode, Surface};

use crate::contacts::NO_SESSION;
use crate::ledger::Run;
use crate::session;
use crate::stop::{Denied, Flow};

/// Draws a customer's code. It is shown once, and nobody can look it up.
pub fn make(run: &mut Run, owner: &OwnerId) -> Flow<SavedCode> {
    let code = SavedCode::draw(run.seed, "freeze code");
    let noted = run.noted();
    if !run.registry.freeze_codes().set(owner, &code, &noted)? {
        return Err(Denied::OwnerGone.into());
    }
    tracing::info!("a customer made a freeze code");
    Ok(code)
}

/// Stops the wallet that a code belongs to, if it is one. Who types it hears the same either way. `signed_out` hears whose sessions have
/// ended.
pub fn stop(run: &mut Run, code: &SavedCode, signed_out: impl FnOnce(&OwnerId)) -> Flow<()> {
    let Some(stops) = run.registry.freeze_codes().find(code)? else {
        tracing::info!("a freeze code that is none was typed");
        return Ok(());
    };
    let (wallet, asker) = (stops.wallet, run.asker);
    // The owner's own switch, in no session: whoever has the paper speaks for the owner in this one thing.
    let by = Actor::Customer {
        wallet,
        session: NO_SESSION,
        credential: None,
        device: None,
    };
    let context = Context {
        by,
        ..asker.context
    };
    run.asker = Asker::new(context).with_request(asker.request);
    run.ask(Command::Freeze { wallet })??;
    let ended: Result<_, Fault> = session::end_all(run, Surface::Wallet, &stops.person);
    signed_out(&stops.person);
    ended?;
    let noted: Noted = run.noted();
    run.registry.freeze_codes().note_use(&stops, &noted)?;
    tracing::info!(wallet = wallet.0, "a freeze code stopped a wallet");
    Ok(())
}
