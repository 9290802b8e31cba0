//! A merchant: who is paid.

use crate::book::{Book, Merchant};
use crate::decision::Decision;
use crate::happening::{Happening, Notice, Subject, answers_no_request, moves_no_money};
use crate::ids::{MerchantId, WalletId};
use crate::reply::Reply;
use minicbor::{Decode, Encode};

/// A merchant came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct MerchantOpened {
    #[n(0)]
    pub merchant: MerchantId,
}

moves_no_money!(MerchantOpened);
answers_no_request!(MerchantOpened);

impl Happening for MerchantOpened {
    fn apply(&self, book: &mut Book) {
        let opened_at = book.at();
        book.count(|counters| counters.merchants = self.merchant.0);
        book.put_merchant(
            self.merchant,
            Some(Merchant {
                opened_at,
                reversals: None,
            }),
        );
    }
    fn notice(&self) -> Option<(WalletId, Notice)> {
        None
    }
    fn subject(&self) -> Subject {
        Subject::Merchant(self.merchant)
    }
}

pub(crate) fn open_merchant<E: From<MerchantOpened>>(book: &Book) -> Decision<E> {
    let merchant = MerchantId(book.counters().merchants + 1);
    Decision::done(Reply::MerchantOpened(merchant), MerchantOpened { merchant })
}
