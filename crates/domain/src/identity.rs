//! Wallets, the credentials that open them, and the customer's own switch.

use crate::act::{Done, Refusal, WalletSight};
use crate::book::{Book, WalletStatus};
use crate::change::Change;
use crate::code::CodeDesk;
use crate::decision::{Decision, Rules};
use crate::ids::{AuthorizationId, Fingerprint, MerchantId, WalletId};
use crate::world::World;

pub(crate) fn open_wallet(book: &Book, credential: Fingerprint) -> Decision {
    if let Some(wallet) = book.credentials.get(&credential) {
        // A sign-up that lost its answer asks again with the same credential: the same wallet.
        return Decision::answer(Ok(Done::WalletOpened(*wallet)));
    }
    let wallet = book.next_wallet();
    Decision::done(
        Done::WalletOpened(wallet),
        Change::WalletOpened { wallet, credential },
    )
}

pub(crate) fn bind_credential(book: &Book, wallet: WalletId, credential: Fingerprint) -> Decision {
    if book.wallet(wallet).is_none() {
        return Decision::refuse(Refusal::WalletUnknown);
    }
    match book.credentials.get(&credential) {
        Some(owner) if *owner == wallet => Decision::answer(Ok(Done::Bound)),
        Some(_) => Decision::refuse(Refusal::AlreadyBound),
        None => Decision::done(Done::Bound, Change::CredentialBound { wallet, credential }),
    }
}

pub(crate) fn revoke_credential(
    book: &Book,
    wallet: WalletId,
    credential: Fingerprint,
) -> Decision {
    match book.credentials.get(&credential) {
        Some(owner) if *owner == wallet => Decision::done(
            Done::Bound,
            Change::CredentialRevoked { wallet, credential },
        ),
        _ => Decision::refuse(Refusal::CredentialUnknown),
    }
}

pub(crate) fn freeze(book: &Book, wallet: WalletId) -> Decision {
    match book.wallet(wallet) {
        None => Decision::refuse(Refusal::WalletUnknown),
        Some(row) if row.status == WalletStatus::Frozen => look(book, wallet),
        Some(_) => Decision {
            outcome: sight(book, wallet, Some(true)),
            changes: vec![Change::Frozen { wallet }],
        },
    }
}

pub(crate) fn unfreeze(book: &Book, wallet: WalletId) -> Decision {
    match book.wallet(wallet) {
        None => Decision::refuse(Refusal::WalletUnknown),
        Some(row) if row.status == WalletStatus::Active => look(book, wallet),
        Some(_) => Decision {
            outcome: sight(book, wallet, Some(false)),
            changes: vec![Change::Unfrozen { wallet }],
        },
    }
}

pub(crate) fn look(book: &Book, wallet: WalletId) -> Decision {
    Decision::answer(sight(book, wallet, None))
}

fn sight(book: &Book, wallet: WalletId, frozen: Option<bool>) -> Result<Done, Refusal> {
    let row = book.wallet(wallet).ok_or(Refusal::WalletUnknown)?;
    Ok(Done::Wallet(WalletSight {
        wallet,
        balance: row.lots.total(),
        held: row.held.minor(),
        frozen: frozen.unwrap_or(row.status == WalletStatus::Frozen),
        last_entry: row.last_entry,
    }))
}

pub(crate) fn grant(
    book: &Book,
    authorization: AuthorizationId,
    wallet: WalletId,
    merchant: MerchantId,
) -> Decision {
    if book.wallet(wallet).is_none() {
        return Decision::refuse(Refusal::WalletUnknown);
    }
    if book.merchants.get(&merchant).is_none() {
        return Decision::refuse(Refusal::MerchantUnknown);
    }
    match book.authorizations.get(&authorization) {
        Some(row) if row.wallet == wallet && row.merchant == merchant => {
            Decision::answer(Ok(Done::Bound))
        }
        Some(_) => Decision::refuse(Refusal::AlreadyBound),
        None => Decision::done(
            Done::Bound,
            Change::AuthorizationGranted {
                authorization,
                wallet,
                merchant,
            },
        ),
    }
}

pub(crate) fn revoke_grant(book: &Book, authorization: AuthorizationId) -> Decision {
    match book.authorizations.get(&authorization) {
        None => Decision::refuse(Refusal::AuthorizationUnknown),
        Some(_) => Decision::done(Done::Bound, Change::AuthorizationRevoked { authorization }),
    }
}

/// Makes a code. Changes only the desk, which is memory: nothing to journal.
pub fn issue_code(
    book: &Book,
    desk: &mut CodeDesk,
    rules: &Rules,
    wallet: WalletId,
    world: &mut World,
) -> Result<Done, Refusal> {
    let row = book.wallet(wallet).ok_or(Refusal::WalletUnknown)?;
    if row.status == WalletStatus::Frozen {
        return Err(Refusal::WalletFrozen);
    }
    let (digits, expires_at) = desk.issue(
        wallet,
        row.epoch,
        world.now,
        rules.code_life_seconds,
        world.draw,
    );
    Ok(Done::Code { digits, expires_at })
}
