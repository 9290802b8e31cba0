//! A person is erased: the data goes at once, and nothing leaves the wallet any more.
//!
//! | step | where it is written | if the answer is lost |
//! |---|---|---|
//! | the field key, contact, sign-ups and sessions are destroyed; what is still owed is written down | registry, in one transaction | the erasure is unfinished: the sweep goes on with it |
//! | freeze the wallet, revoke each credential and each standing permission | ledger | asked again by the sweep; each may be asked for twice |
//! | the credentials' rows are gone, the erasure is finished | registry | done again by the sweep |

use mamori_datastore::fault::Fault;
use mamori_domain::command::{Command, Request};
use mamori_domain::ids::WalletId;
use mamori_domain::query::Query;
use mamori_domain::reply::{Reply, WalletView};
use mamori_registry::{Erasure, OwnerId};

use crate::ledger::Run;
use crate::permission;
use crate::stop::{Denied, Flow};

/// A wallet as the ledger shows it; None if there is no such wallet.
pub fn look(run: &Run, wallet: WalletId) -> Result<Option<WalletView>, Fault> {
    let query = Request::query(run.asker, Query::Wallet { wallet });
    Ok(match run.engine.ask(query)? {
        Ok(Reply::Wallet(view)) => Some(view),
        _ => None,
    })
}

/// Whether the owner of a wallet could be erased now.
pub fn may(run: &mut Run, wallet: WalletId, despite_balance: bool) -> Flow<()> {
    let view = look(run, wallet)?.ok_or(Denied::NotFound)?;
    if (view.balance > 0 || view.held > 0) && !despite_balance {
        return Err(Denied::WalletNotEmpty.into());
    }
    let owner = run.registry.people().of_wallet(wallet)?;
    owner.map(drop).ok_or(Denied::NotFound.into())
}

/// Erases the owner of a wallet; with money left in it only if that is said. `gone` hears who it was as soon as the data is gone:
/// the person's sessions have ended.
pub fn erase(
    run: &mut Run,
    wallet: WalletId,
    despite_balance: bool,
    gone: impl FnOnce(&OwnerId),
) -> Flow<()> {
    let view = look(run, wallet)?.ok_or(Denied::NotFound)?;
    if (view.balance > 0 || view.held > 0) && !despite_balance {
        return Err(Denied::WalletNotEmpty.into());
    }
    let begun = run.registry.erasures().begin(wallet, run.now)?;
    let erasure = begun.ok_or(Denied::NotFound)?;
    gone(&erasure.person);
    tracing::info!(wallet = wallet.0, "a person was erased");
    // The data is gone. If the ledger cannot be asked now, the sweep asks it until it can.
    if let Err(fault) = carry_out(run, &erasure) {
        tracing::warn!(%fault, wallet = wallet.0, "an erasure still owes the ledger its commands");
    }
    Ok(())
}

/// Asks for the commands of an erasure and ends it. Every one may be asked for twice.
pub(crate) fn carry_out(run: &mut Run, erasure: &Erasure) -> Result<(), Fault> {
    let wallet = erasure.wallet;
    let revocations = erasure
        .credentials
        .iter()
        .map(|credential| Command::RevokeCredential {
            wallet,
            credential: *credential,
        });
    for command in std::iter::once(Command::Freeze { wallet }).chain(revocations) {
        if let Err(refusal) = run.ask(command)? {
            // An earlier try has revoked it, or the ledger is older than the registry: there is nothing left to take away.
            tracing::info!(
                refusal = refusal.code(),
                wallet = wallet.0,
                "an erasure had nothing to do in the ledger"
            );
        }
    }
    permission::revoke_all(run, wallet)?;
    run.registry.erasures().finish(&erasure.person, run.now)
}
