//! An operator's note on a wallet: what support and fraud staff want to find again.

use crate::book::Book;
use crate::decision::Decision;
use crate::happening::{Happening, Notice, Subject, answers_no_request, moves_no_money};
use crate::ids::WalletId;
use crate::refusal::Refusal;
use crate::reply::Reply;
use minicbor::{Decode, Encode};

/// A text that was sealed with the key of the person it is about: erasing the person destroys it, and the chain stays whole.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct SealedText(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub Vec<u8>,
);

impl SealedText {
    /// Bytes, sealing included: a text of 500 characters of four bytes fits.
    pub const BYTES_MAX: usize = 2_100;
}

/// An operator wrote a note on a wallet. It changes nothing in the book; the list of acts says who wrote it, and when.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct WalletNoted {
    #[n(0)]
    pub wallet: WalletId,
    #[n(1)]
    pub note: SealedText,
}

moves_no_money!(WalletNoted);
answers_no_request!(WalletNoted);

impl Happening for WalletNoted {
    fn apply(&self, _: &mut Book) {}
    /// The owner is not told: a note may be about a suspicion.
    fn notice(&self) -> Option<(WalletId, Notice)> {
        None
    }
    fn subject(&self) -> Subject {
        Subject::Wallet(self.wallet)
    }
}

pub(crate) fn note<E: From<WalletNoted>>(
    book: &Book,
    wallet: WalletId,
    note: &SealedText,
) -> Decision<E> {
    if book.wallet(wallet).is_none() {
        return Decision::refuse(Refusal::WalletUnknown);
    }
    if note.0.is_empty() || note.0.len() > SealedText::BYTES_MAX {
        return Decision::refuse(Refusal::TextOutOfBounds);
    }
    let note = note.clone();
    Decision::done(Reply::Bound, WalletNoted { wallet, note })
}
