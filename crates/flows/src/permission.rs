//! A customer's standing permission: the yes or no to a merchant's link, and the permission taken back.
//!
//! | step of a yes | where it is written | if the answer is lost |
//! |---|---|---|
//! | the key of the link is live, and no other wallet has answered the link | nowhere | nothing has happened |
//! | the link is used up, the permission stands pending | registry | the same link gets the same permission; the sweep asks the ledger and takes it back |
//! | grant the permission | ledger | the same link gets the same permission; the sweep asks the ledger and finishes it |
//! | the permission is active | registry | done already |
//!
//! | step of taking back | where it is written | if the answer is lost |
//! |---|---|---|
//! | revoke the permission | ledger | asked again: the ledger has nothing to revoke |
//! | the row is dead, the merchant's references are gone | registry | asked again, or by the next start |

use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::ids::{AuthorizationId, Fingerprint, WalletId};
use mamori_domain::refusal::Refusal;
use mamori_domain::world::Timestamp;
use mamori_registry::{AnsweredLink, PermissionRow};

use crate::ledger::Run;
use crate::stop::{Denied, Flow};

/// Whether the ledger still knows the key that signed a link, and the link is there for this wallet to answer.
pub fn look(run: &mut Run, key: Fingerprint, link: &AnsweredLink) -> Flow<()> {
    if run.engine.merchant_of_key(key)? != Some(link.merchant) {
        tracing::info!("a link for a permission was signed with a key that is revoked");
        return Err(Denied::LinkInvalid.into());
    }
    let mut rows = run.registry.permissions();
    match rows.may_answer(link.merchant, &link.nonce_hash, link.wallet)? {
        true => Ok(()),
        false => Err(Denied::LinkUsed.into()),
    }
}

/// The yes. The wallet's owner has shown a fresh passkey for it.
pub fn grant(run: &mut Run, key: Fingerprint, link: &AnsweredLink) -> Flow<AuthorizationId> {
    look(run, key, link)?;
    let fresh = AuthorizationId(u128::from_be_bytes(run.seed.take("permission")));
    let seal_nonce = run.seed.take("reference");
    let begun = run
        .registry
        .permissions()
        .begin(link, fresh, run.now, seal_nonce)?;
    let permission = begun.map_err(|_| Denied::LinkUsed)?;
    let (wallet, merchant) = (link.wallet, link.merchant);
    let grant = Command::GrantAuthorization {
        authorization: permission,
        wallet,
        merchant,
    };
    if let Err(refusal) = run.ask(grant)? {
        run.registry.permissions().abandon(permission)?;
        tracing::info!(
            refusal = refusal.code(),
            wallet = wallet.0,
            "the ledger granted no permission"
        );
        return Err(match refusal {
            Refusal::WalletFrozen => refusal.into(),
            _ => Denied::LinkInvalid.into(),
        });
    }
    run.registry.permissions().finish(permission)?;
    tracing::info!(
        wallet = wallet.0,
        merchant = merchant.0,
        "a permission was given"
    );
    Ok(permission)
}

/// The no: the link is worth nothing more. One step, in the registry.
pub fn decline(run: &mut Run, link: &AnsweredLink) -> Flow<()> {
    let declined = run.registry.permissions().decline(link, run.now)?;
    Ok(declined.map_err(|_| Denied::LinkUsed)?)
}

/// The permissions of a wallet that work at this moment: the registry finds them, the ledger decides.
pub fn live(run: &mut Run, wallet: WalletId) -> Result<Vec<PermissionRow>, Fault> {
    let mut rows = run.registry.permissions().of_wallet(wallet)?;
    if rows.is_empty() {
        return Ok(rows);
    }
    let ids: Vec<AuthorizationId> = rows.iter().map(|row| row.permission).collect();
    let mut named = run.engine.authorizations(&ids)?.into_iter();
    rows.retain(|_| {
        let live = named.next().flatten();
        live.is_some_and(|live| live.wallet == wallet)
    });
    Ok(rows)
}

/// Takes a permission of a wallet back. Asked twice, the second time finds nothing left to do.
pub fn revoke(run: &mut Run, wallet: WalletId, permission: AuthorizationId) -> Flow<()> {
    let own = run.registry.permissions().of_wallet(wallet)?;
    if !own.iter().any(|row| row.permission == permission) {
        return Err(Denied::NotFound.into());
    }
    Ok(take_back(run, wallet, permission)?)
}

/// Takes every permission of a wallet back.
pub(crate) fn revoke_all(run: &mut Run, wallet: WalletId) -> Result<(), Fault> {
    for row in run.registry.permissions().of_wallet(wallet)? {
        take_back(run, wallet, row.permission)?;
    }
    Ok(())
}

/// Takes every permission of a wallet back that was given since then.
pub(crate) fn revoke_since(run: &mut Run, wallet: WalletId, since: Timestamp) -> Result<(), Fault> {
    for row in run.registry.permissions().of_wallet(wallet)? {
        if row.made_at.is_some_and(|made_at| made_at >= since) {
            take_back(run, wallet, row.permission)?;
        }
    }
    Ok(())
}

fn take_back(run: &mut Run, wallet: WalletId, permission: AuthorizationId) -> Result<(), Fault> {
    let revoke = Command::RevokeAuthorization {
        authorization: permission,
    };
    if let Err(refusal) = run.ask(revoke)? {
        tracing::info!(
            refusal = refusal.code(),
            wallet = wallet.0,
            "the ledger had no permission to revoke"
        );
    }
    run.registry.permissions().end(permission, Some(run.now))?;
    tracing::info!(wallet = wallet.0, "a permission was taken back");
    Ok(())
}
