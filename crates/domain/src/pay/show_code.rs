//! Which wallets may show a code.

use crate::book::{Book, WalletStatus};
use crate::decision::Decision;
use crate::ids::WalletId;
use crate::refusal::Refusal;

/// May a wallet show a code?
pub(crate) fn may_show_code(book: &Book, wallet: WalletId) -> Result<u32, Refusal> {
    let row = book.wallet(wallet).ok_or(Refusal::WalletUnknown)?;
    match row.status {
        WalletStatus::Frozen => Err(Refusal::WalletFrozen),
        WalletStatus::Active => Ok(row.epoch),
    }
}

/// Why a wallet may not show a code; the desk makes one where it may.
pub(crate) fn refuse_code<E>(book: &Book, wallet: WalletId) -> Decision<E> {
    Decision::refuse(
        may_show_code(book, wallet)
            .err()
            .unwrap_or(Refusal::CodeUnknown),
    )
}
