//! A till and the device that may speak for it.

use crate::book::{Book, Till};
use crate::decision::Decision;
use crate::happening::{Happening, Notice, Subject, answers_no_request, moves_no_money};
use crate::ids::{Fingerprint, StoreId, TillId, WalletId};
use crate::refusal::Refusal;
use crate::reply::Reply;
use minicbor::{Decode, Encode};

/// A till came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TillOpened {
    #[n(0)]
    pub till: TillId,
    #[n(1)]
    pub store: StoreId,
}

/// A device may speak for a till from now on, or none may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TillBound {
    #[n(0)]
    pub till: TillId,
    #[n(1)]
    pub device: Option<Fingerprint>,
}

moves_no_money!(TillOpened, TillBound);
answers_no_request!(TillOpened, TillBound);

impl Happening for TillOpened {
    fn apply(&self, book: &mut Book) {
        book.count(|counters| counters.tills = self.till.0);
        let row = Till {
            store: self.store,
            device: None,
        };
        book.put_till(self.till, Some(row));
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        None
    }
    fn subject(&self) -> Subject {
        Subject::Till(self.till)
    }
}

impl Happening for TillBound {
    fn apply(&self, book: &mut Book) {
        let row = book
            .tills
            .get(&self.till)
            .expect("only a till that exists is bound");
        let row = Till {
            store: row.store,
            device: self.device,
        };
        book.put_till(self.till, Some(row));
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        None
    }
    fn subject(&self) -> Subject {
        Subject::Till(self.till)
    }
}

pub(crate) fn open_till<E: From<TillOpened>>(book: &Book, store: StoreId) -> Decision<E> {
    if book.stores.get(&store).is_none() {
        return Decision::refuse(Refusal::StoreUnknown);
    }
    let till = TillId(book.counters().tills + 1);
    Decision::done(Reply::TillOpened(till), TillOpened { till, store })
}

pub(crate) fn bind_till<E: From<TillBound>>(
    book: &Book,
    till: TillId,
    device: Option<Fingerprint>,
) -> Decision<E> {
    match book.tills.get(&till) {
        None => Decision::refuse(Refusal::TillUnknown),
        Some(row) if row.device == device => Decision::answer(Ok(Reply::Bound)),
        Some(_) => Decision::done(Reply::Bound, TillBound { till, device }),
    }
}
