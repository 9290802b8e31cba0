//! The keys by which a merchant's programs speak.

use crate::book::Book;
use crate::decision::Decision;
use crate::happening::{Happening, Notice, Subject, answers_no_request, moves_no_money};
use crate::ids::{Fingerprint, MerchantId, WalletId};
use crate::refusal::Refusal;
use crate::reply::Reply;
use minicbor::{Decode, Encode};

/// A key may speak for a merchant from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ApiKeyBound {
    #[n(0)]
    pub key: Fingerprint,
    #[n(1)]
    pub merchant: MerchantId,
}

/// A key speaks for no merchant any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ApiKeyRevoked {
    #[n(0)]
    pub key: Fingerprint,
    /// Missing in journals of the first format.
    #[n(1)]
    pub merchant: Option<MerchantId>,
}

moves_no_money!(ApiKeyBound, ApiKeyRevoked);
answers_no_request!(ApiKeyBound, ApiKeyRevoked);

impl Happening for ApiKeyBound {
    fn apply(&self, book: &mut Book) {
        book.put_api_key(self.key, Some(self.merchant));
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        None
    }
    fn subject(&self) -> Subject {
        Subject::Merchant(self.merchant)
    }
}

impl Happening for ApiKeyRevoked {
    fn apply(&self, book: &mut Book) {
        book.put_api_key(self.key, None);
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        None
    }
    fn subject(&self) -> Subject {
        self.merchant.map_or(Subject::Shard, Subject::Merchant)
    }
}

pub(crate) fn bind_api_key<E: From<ApiKeyBound>>(
    book: &Book,
    key: Fingerprint,
    merchant: MerchantId,
) -> Decision<E> {
    if book.merchants.get(&merchant).is_none() {
        return Decision::refuse(Refusal::MerchantUnknown);
    }
    match book.api_keys.get(&key) {
        Some(owner) if *owner == merchant => Decision::answer(Ok(Reply::Bound)),
        Some(_) => Decision::refuse(Refusal::AlreadyBound),
        None => Decision::done(Reply::Bound, ApiKeyBound { key, merchant }),
    }
}

pub(crate) fn revoke_api_key<E: From<ApiKeyRevoked>>(book: &Book, key: Fingerprint) -> Decision<E> {
    match book.api_keys.get(&key) {
        None => Decision::refuse(Refusal::KeyRevoked),
        Some(merchant) => Decision::done(
            Reply::Bound,
            ApiKeyRevoked {
                key,
                merchant: Some(*merchant),
            },
        ),
    }
}
