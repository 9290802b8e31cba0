//! A customer wants the wallet closed, and the money that is left.
//!
//! | step | where it is written | if the answer is lost |
//! |---|---|---|
//! | freeze the wallet: what is to be paid out must not be spent meanwhile | ledger | asked again: it is frozen already |
//! | the request, with how the money is wanted, sealed | registry | the wallet is frozen; asked again |
//! | staff pay it out and erase the person | `erase.rs` | the request goes with the person |
//!
//! Until then the customer may think again: the request goes, and the owner starts the wallet like any other frozen one.

use mamori_domain::command::Command;
use mamori_domain::ids::WalletId;
use mamori_registry::OwnerId;

use crate::ledger::Run;
use crate::stop::{Denied, Flow};

/// Stops the wallet and writes the request down.
pub fn ask(run: &mut Run, owner: &OwnerId, wallet: WalletId, payout: &str) -> Flow<()> {
    run.ask(Command::Freeze { wallet })??;
    let noted = run.noted();
    let mut closings = run.registry.closings();
    if !closings.ask(owner, wallet, payout, &noted, run.seed)? {
        return Err(Denied::OwnerGone.into());
    }
    tracing::info!(wallet = wallet.0, "a customer asked to close the wallet");
    Ok(())
}

/// Takes the request back.
pub fn withdraw(run: &mut Run, owner: &OwnerId, wallet: WalletId) -> Flow<()> {
    let noted = run.noted();
    if !run.registry.closings().withdraw(owner, wallet, &noted)? {
        return Err(Denied::NotFound.into());
    }
    tracing::info!(wallet = wallet.0, "a customer keeps the wallet");
    Ok(())
}
