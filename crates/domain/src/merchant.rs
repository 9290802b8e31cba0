//! Merchants, stores, tills and the keys that speak for them.

use crate::act::{Done, Refusal};
use crate::book::Book;
use crate::change::Change;
use crate::decision::Decision;
use crate::ids::{Fingerprint, MerchantId, StoreId, TillId};

pub(crate) fn open_merchant(book: &Book) -> Decision {
    let merchant = MerchantId(book.counters().merchants + 1);
    Decision::done(
        Done::MerchantOpened(merchant),
        Change::MerchantOpened { merchant },
    )
}

pub(crate) fn open_store(book: &Book, merchant: MerchantId) -> Decision {
    if book.merchants.get(&merchant).is_none() {
        return Decision::refuse(Refusal::MerchantUnknown);
    }
    let store = StoreId(book.counters().stores + 1);
    Decision::done(
        Done::StoreOpened(store),
        Change::StoreOpened { store, merchant },
    )
}

pub(crate) fn open_till(book: &Book, store: StoreId) -> Decision {
    if book.stores.get(&store).is_none() {
        return Decision::refuse(Refusal::StoreUnknown);
    }
    let till = TillId(book.counters().tills + 1);
    Decision::done(Done::TillOpened(till), Change::TillOpened { till, store })
}

pub(crate) fn bind_till(book: &Book, till: TillId, device: Option<Fingerprint>) -> Decision {
    match book.tills.get(&till) {
        None => Decision::refuse(Refusal::TillUnknown),
        Some(row) if row.device == device => Decision::answer(Ok(Done::Bound)),
        Some(_) => Decision::done(Done::Bound, Change::TillBound { till, device }),
    }
}

pub(crate) fn bind_api_key(book: &Book, key: Fingerprint, merchant: MerchantId) -> Decision {
    if book.merchants.get(&merchant).is_none() {
        return Decision::refuse(Refusal::MerchantUnknown);
    }
    match book.api_keys.get(&key) {
        Some(owner) if *owner == merchant => Decision::answer(Ok(Done::Bound)),
        Some(_) => Decision::refuse(Refusal::AlreadyBound),
        None => Decision::done(Done::Bound, Change::ApiKeyBound { key, merchant }),
    }
}

pub(crate) fn revoke_api_key(book: &Book, key: Fingerprint) -> Decision {
    match book.api_keys.get(&key) {
        None => Decision::refuse(Refusal::KeyRevoked),
        Some(_) => Decision::done(Done::Bound, Change::ApiKeyRevoked { key }),
    }
}
