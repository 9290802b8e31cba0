//! Which wallets may show a code.

use crate::book::{Book, WalletStatus};
use crate::context::Actor;
use crate::decision::Decision;
use crate::identity::pays_from;
use crate::ids::WalletId;
use crate::refusal::Refusal;

/// May a wallet show a code to this asker?
pub(crate) fn may_show_code(book: &Book, by: Actor, wallet: WalletId) -> Result<u32, Refusal> {
    let row = book.wallet(wallet).ok_or(Refusal::WalletUnknown)?;
    match row.status {
        WalletStatus::Frozen => Err(Refusal::WalletFrozen),
        WalletStatus::Active => pays_from(book, by, wallet).map(|()| row.epoch),
    }
}

/// Why a wallet may not show a code; the desk makes one where it may.
pub(crate) fn refuse_code<E>(book: &Book, by: Actor, wallet: WalletId) -> Decision<E> {
    Decision::refuse(
        may_show_code(book, by, wallet)
            .err()
            .unwrap_or(Refusal::CodeUnknown),
    )
}
