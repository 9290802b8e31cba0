//! A store: where a merchant sells, and what.

use super::StoreDetails;
use crate::book::{Book, Store};
use crate::decision::Decision;
use crate::happening::{Happening, Notice, Subject, answers_no_request, moves_no_money};
use crate::ids::{MerchantId, StoreId, WalletId};
use crate::refusal::Refusal;
use crate::reply::Reply;
use minicbor::{Decode, Encode};

/// A store came to be.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct StoreOpened {
    #[n(0)]
    pub store: StoreId,
    #[n(1)]
    pub merchant: MerchantId,
    /// Missing in journals from before stores had any, and where nothing was said.
    #[n(2)]
    pub details: Option<StoreDetails>,
}

/// A store's details are these from now on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct StoreDescribed {
    #[n(0)]
    pub store: StoreId,
    #[n(1)]
    pub details: StoreDetails,
}

moves_no_money!(StoreOpened, StoreDescribed);
answers_no_request!(StoreOpened, StoreDescribed);

impl Happening for StoreOpened {
    fn apply(&self, book: &mut Book) {
        book.count(|counters| counters.stores = self.store.0);
        let row = Store {
            merchant: self.merchant,
            details: self.details.clone().unwrap_or_default(),
        };
        book.put_store(self.store, Some(row));
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        None
    }
    fn subject(&self) -> Subject {
        Subject::Store(self.store)
    }
}

impl Happening for StoreDescribed {
    fn apply(&self, book: &mut Book) {
        let merchant = book
            .merchant_of(self.store)
            .expect("only a store that exists is described");
        let row = Store {
            merchant,
            details: self.details.clone(),
        };
        book.put_store(self.store, Some(row));
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        None
    }
    fn subject(&self) -> Subject {
        Subject::Store(self.store)
    }
}

pub(crate) fn open_store<E: From<StoreOpened>>(
    book: &Book,
    merchant: MerchantId,
    details: &StoreDetails,
) -> Decision<E> {
    if book.merchants.get(&merchant).is_none() {
        return Decision::refuse(Refusal::MerchantUnknown);
    }
    if !details.are_in_bounds() {
        return Decision::refuse(Refusal::TextOutOfBounds);
    }
    let store = StoreId(book.counters().stores + 1);
    let details = (*details != StoreDetails::default()).then(|| details.clone());
    Decision::done(
        Reply::StoreOpened(store),
        StoreOpened {
            store,
            merchant,
            details,
        },
    )
}

pub(crate) fn describe_store<E: From<StoreDescribed>>(
    book: &Book,
    store: StoreId,
    details: &StoreDetails,
) -> Decision<E> {
    let Some(row) = book.stores.get(&store) else {
        return Decision::refuse(Refusal::StoreUnknown);
    };
    if !details.are_in_bounds() {
        return Decision::refuse(Refusal::TextOutOfBounds);
    }
    if row.details == *details {
        return Decision::answer(Ok(Reply::Bound));
    }
    let details = details.clone();
    Decision::done(Reply::Bound, StoreDescribed { store, details })
}
