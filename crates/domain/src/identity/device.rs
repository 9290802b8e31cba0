//! The device that a wallet pays from: one at a time, known by the fingerprint of a key that cannot leave it.

use crate::book::Book;
use crate::context::Actor;
use crate::decision::Decision;
use crate::happening::{Happening, Notice, Subject, answers_no_request, moves_no_money};
use crate::identity::cooling::{WalletCooled, after_device};
use crate::ids::{Fingerprint, WalletId};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::world::Timestamp;
use minicbor::{Decode, Encode};

/// A wallet pays from this device from now on, or from none; codes that another one shows are worthless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DeviceBound {
    #[n(0)]
    pub wallet: WalletId,
    #[n(1)]
    pub device: Option<Fingerprint>,
}

moves_no_money!(DeviceBound);
answers_no_request!(DeviceBound);

impl Happening for DeviceBound {
    fn apply(&self, book: &mut Book) {
        book.put_device(self.wallet, self.device);
        book.change_wallet(self.wallet, |row| row.epoch += 1);
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        Some((
            self.wallet,
            Notice::Device {
                bound: self.device.is_some(),
            },
        ))
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

/// A wallet whose customers bound no device yet is as it was: any session of its owner may pay from it.
pub(crate) fn pays_from(book: &Book, by: Actor, wallet: WalletId) -> Result<(), Refusal> {
    let Some(bound) = book.devices.get(&wallet) else {
        return Ok(());
    };
    match by {
        Actor::Customer { device, .. } if device != Some(*bound) => Err(Refusal::DeviceNotBound),
        _ => Ok(()),
    }
}

pub(crate) fn bind_device<E: From<DeviceBound> + From<WalletCooled>>(
    book: &Book,
    wallet: WalletId,
    device: Option<Fingerprint>,
    now: Timestamp,
) -> Decision<E> {
    if book.wallet(wallet).is_none() {
        return Decision::refuse(Refusal::WalletUnknown);
    }
    if book.devices.get(&wallet).as_deref() == device.as_ref() {
        return Decision::answer(Ok(Reply::Bound));
    }
    let mut events = vec![DeviceBound { wallet, device }.into()];
    events.extend(after_device(book, wallet, now).map(E::from));
    Decision {
        outcome: Ok(Reply::Bound),
        events,
    }
}
