//! Which device a wallet pays from.
//!
//! | flow | where it is written | if the answer is lost |
//! |---|---|---|
//! | the first device of a wallet | ledger | asked again: it pays from it already |
//! | another device takes its place | ledger; codes of the one before are worthless | asked again: it pays from it already |
//!
//! The key itself is in the browser alone. A session's row has its thumbprint, and the ledger a fingerprint of that: a session whose key
//! the ledger does not name for its wallet shows no code and starts no top-up.

use mamori_domain::command::Command;
use mamori_domain::ids::{Fingerprint, WalletId};

use crate::ledger::Run;
use crate::stop::Flow;

/// The wallet pays from `device` if it pays from none yet: whoever asks has just shown a passkey there.
pub fn bind_first(run: &Run, wallet: WalletId, device: Fingerprint) -> Flow<()> {
    if run.engine.device_of_wallet(wallet)?.is_none() {
        bind(run, wallet, device)?;
    }
    Ok(())
}

/// The wallet pays from `device` from now on, and from no other.
pub fn bind(run: &Run, wallet: WalletId, device: Fingerprint) -> Flow<()> {
    let device = Some(device);
    run.ask(Command::BindDevice { wallet, device })??;
    tracing::info!(wallet = wallet.0, "a wallet pays from another device");
    Ok(())
}
