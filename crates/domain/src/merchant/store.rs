//! A store: where a merchant sells, and what.

use crate::book::{Book, Store};
use crate::decision::Decision;
use crate::event::{Happening, Notice, Subject, answers_no_request, moves_no_money};
use crate::ids::{MerchantId, StoreId, WalletId};
use crate::refusal::Refusal;
use crate::reply::Reply;
use minicbor::{Decode, Encode};

/// A prefecture of Japan by its number in JIS X 0401, 1 (Hokkaido) to 47 (Okinawa).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode)]
#[cbor(transparent)]
pub struct Prefecture(#[n(0)] u8);

impl Prefecture {
    /// From its number, if there is one of that number.
    pub const fn new(number: u8) -> Option<Prefecture> {
        match number {
            1..=47 => Some(Prefecture(number)),
            _ => None,
        }
    }
    /// Its number in JIS X 0401.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl<'b, C> Decode<'b, C> for Prefecture {
    fn decode(
        from: &mut minicbor::Decoder<'b>,
        _: &mut C,
    ) -> Result<Self, minicbor::decode::Error> {
        Prefecture::new(from.u8()?)
            .ok_or_else(|| minicbor::decode::Error::message("no prefecture has that number"))
    }
}

macro_rules! store_kinds {
    ($($number:literal $kind:ident $word:literal,)*) => {
        /// What kind of shop a store is: limits, switches and reports ask for it. Numbers are never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(index_only)]
        pub enum StoreKind { $(#[n($number)] $kind,)* }

        impl StoreKind {
            /// Every kind.
            pub const ALL: [StoreKind; [$($number),*].len()] = [$(StoreKind::$kind),*];
            /// The stable word.
            pub const fn word(self) -> &'static str {
                match self { $(StoreKind::$kind => $word,)* }
            }
            /// From its word.
            pub fn from_word(word: &str) -> Option<StoreKind> {
                StoreKind::ALL.into_iter().find(|kind| kind.word() == word)
            }
        }
    };
}

store_kinds! {
    0 Convenience "convenience",
    1 Supermarket "supermarket",
    2 Drugstore "drugstore",
    3 Restaurant "restaurant",
    4 Cafe "cafe",
    5 Bakery "bakery",
    6 Books "books",
    7 Clothing "clothing",
    8 Electronics "electronics",
    9 Games "games",
    10 Tickets "tickets",
    11 Transport "transport",
    12 Lodging "lodging",
    13 Services "services",
    14 Online "online",
    15 Other "other",
}

/// Where a store is and what it sells, as far as the merchant said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct StoreDetails {
    #[n(0)]
    pub prefecture: Option<Prefecture>,
    /// The town, ward or village as written, at most [`StoreDetails::TOWN_MAX`] characters.
    #[n(1)]
    pub town: Option<Box<str>>,
    #[n(2)]
    pub kind: Option<StoreKind>,
}

impl StoreDetails {
    /// Characters of a town's name: the longest in Japan has ten, with its district fewer than forty.
    pub const TOWN_MAX: usize = 40;

    fn are_in_bounds(&self) -> bool {
        self.town
            .as_deref()
            .is_none_or(|town| !town.is_empty() && town.chars().count() <= Self::TOWN_MAX)
    }
}

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

pub(crate) fn open_store(book: &Book, merchant: MerchantId, details: &StoreDetails) -> Decision {
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

pub(crate) fn describe_store(book: &Book, store: StoreId, details: &StoreDetails) -> Decision {
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
