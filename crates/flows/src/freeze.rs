//! An operator stops a wallet for its owner, who has called: the phone is gone, or somebody else pays with it.
//!
//! | step | where it is written | if the answer is lost |
//! |---|---|---|
//! | seal the reason with the key of the wallet's owner | nowhere | nothing has happened |
//! | freeze the wallet | ledger | asked again: it is frozen already |
//! | the reason, as a note | ledger | the wallet is frozen; asked again, the reason stands there once or twice |
//! | all sessions of the owner end, and every sign-in that is on its way | registry | asked again: there is none left |
//!
//! Money first: if a later step fails, the wallet stands still, and the operator hears that the rest is to be asked for again. Only
//! the owner's passkey starts the wallet again.

use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::ids::WalletId;
use mamori_registry::{OwnerId, Surface};

use crate::ledger::Run;
use crate::session;
use crate::stop::{Denied, Flow};

/// Freezes a wallet for a reason and signs its owner out everywhere. `signed_out` hears whose sessions have ended.
pub fn for_customer(
    run: &mut Run,
    wallet: WalletId,
    reason: &str,
    signed_out: impl FnOnce(&OwnerId),
) -> Flow<()> {
    let owner = run.registry.people().of_wallet(wallet)?;
    let owner = owner.ok_or(Denied::NotFound)?.person;
    let note = run.registry.people().seal_note(wallet, reason, run.seed)?;
    let note = note.ok_or(Denied::NotFound)?;
    run.ask(Command::Freeze { wallet })??;
    run.ask(Command::NoteWallet { wallet, note })??;
    let ended: Result<_, Fault> = session::end_all(run, Surface::Wallet, &owner);
    signed_out(&owner);
    ended?;
    tracing::info!(
        wallet = wallet.0,
        "an operator froze a wallet for its owner"
    );
    Ok(())
}
