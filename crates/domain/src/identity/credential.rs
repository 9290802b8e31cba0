//! What may act for a wallet: the book names the fingerprint of each live credential.

use crate::book::Book;
use crate::decision::Decision;
use crate::happening::{Happening, Notice, Subject, answers_no_request, moves_no_money};
use crate::ids::{Fingerprint, WalletId};
use crate::refusal::Refusal;
use crate::reply::Reply;
use minicbor::{Decode, Encode};

/// A credential may act for a wallet from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CredentialBound {
    #[n(0)]
    pub wallet: WalletId,
    #[n(1)]
    pub credential: Fingerprint,
}

/// A credential may not act for a wallet any more; codes shown before are worthless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CredentialRevoked {
    #[n(0)]
    pub wallet: WalletId,
    #[n(1)]
    pub credential: Fingerprint,
}

moves_no_money!(CredentialBound, CredentialRevoked);
answers_no_request!(CredentialBound, CredentialRevoked);

impl Happening for CredentialBound {
    fn apply(&self, book: &mut Book) {
        book.put_credential(self.credential, Some(self.wallet));
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        Some((self.wallet, Notice::Credential { bound: true }))
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

impl Happening for CredentialRevoked {
    fn apply(&self, book: &mut Book) {
        book.put_credential(self.credential, None);
        book.change_wallet(self.wallet, |row| row.epoch += 1);
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        Some((self.wallet, Notice::Credential { bound: false }))
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

pub(crate) fn bind_credential<E: From<CredentialBound>>(
    book: &Book,
    wallet: WalletId,
    credential: Fingerprint,
) -> Decision<E> {
    if book.wallet(wallet).is_none() {
        return Decision::refuse(Refusal::WalletUnknown);
    }
    match book.credentials.get(&credential) {
        Some(owner) if *owner == wallet => Decision::answer(Ok(Reply::Bound)),
        Some(_) => Decision::refuse(Refusal::AlreadyBound),
        None => Decision::done(Reply::Bound, CredentialBound { wallet, credential }),
    }
}

pub(crate) fn revoke_credential<E: From<CredentialRevoked>>(
    book: &Book,
    wallet: WalletId,
    credential: Fingerprint,
) -> Decision<E> {
    match book.credentials.get(&credential) {
        Some(owner) if *owner == wallet => {
            Decision::done(Reply::Bound, CredentialRevoked { wallet, credential })
        }
        _ => Decision::refuse(Refusal::CredentialUnknown),
    }
}
