//! A customer's wallet comes to be, and is looked at.

use crate::book::{Book, Wallet, WalletStatus};
use crate::context::Actor;
use crate::decision::Decision;
use crate::happening::{Happening, Notice, Subject, answers_no_request, moves_no_money};
use crate::identity::DeviceBound;
use crate::ids::{Fingerprint, WalletId};
use crate::refusal::Refusal;
use crate::reply::{Reply, WalletView};
use minicbor::{Decode, Encode};

/// A wallet came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct WalletOpened {
    #[n(0)]
    pub wallet: WalletId,
    #[n(1)]
    pub credential: Fingerprint,
}

moves_no_money!(WalletOpened);
answers_no_request!(WalletOpened);

impl Happening for WalletOpened {
    fn apply(&self, book: &mut Book) {
        book.count(|counters| counters.wallets += 1);
        book.put_wallet(self.wallet, Some(Wallet::EMPTY));
        book.put_credential(self.credential, Some(self.wallet));
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        None
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

/// A customer acts for the wallet of the session alone, whatever a request names.
pub(crate) fn may_act_for(by: Actor, wallet: WalletId) -> Result<(), Refusal> {
    match by {
        Actor::Customer { wallet: own, .. } if own != wallet => Err(Refusal::WalletUnknown),
        _ => Ok(()),
    }
}

pub(crate) fn open_wallet<E: From<WalletOpened> + From<DeviceBound>>(
    book: &Book,
    credential: Fingerprint,
    device: Option<Fingerprint>,
) -> Decision<E> {
    if let Some(wallet) = book.credentials.get(&credential) {
        // A sign-up that lost its answer asks again with the same credential: the same wallet.
        return Decision::answer(Ok(Reply::WalletOpened(*wallet)));
    }
    let wallet = book.next_wallet();
    let mut events = vec![WalletOpened { wallet, credential }.into()];
    if device.is_some() {
        events.push(DeviceBound { wallet, device }.into());
    }
    Decision {
        outcome: Ok(Reply::WalletOpened(wallet)),
        events,
    }
}

/// A wallet as its owner sees it; `frozen` where the decision at hand changes that.
pub(crate) fn view(book: &Book, wallet: WalletId, frozen: Option<bool>) -> Result<Reply, Refusal> {
    let row = book.wallet(wallet).ok_or(Refusal::WalletUnknown)?;
    Ok(Reply::Wallet(WalletView {
        wallet,
        balance: row.lots.total(),
        held: row.held.minor(),
        frozen: frozen.unwrap_or(row.status == WalletStatus::Frozen),
        last_entry: row.last_entry,
    }))
}
