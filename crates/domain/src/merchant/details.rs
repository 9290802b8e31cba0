//! Where a store is and what it sells.

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

    pub(crate) fn are_in_bounds(&self) -> bool {
        self.town
            .as_deref()
            .is_none_or(|town| !town.is_empty() && town.chars().count() <= Self::TOWN_MAX)
    }
}
