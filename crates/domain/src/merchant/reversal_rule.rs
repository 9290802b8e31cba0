//! What a merchant's tills may give back, and what of it without a supervisor.
//!
//! A till's page is a tablet on a counter: it can be stolen, or stand before somebody who gives money back to an accomplice. How much harm
//! that can do is the merchant's to say. A register's key is no till and is not bound by it.

use crate::money::Amount;
use minicbor::{Decode, Encode};

/// Whose sales a till's page may read and give back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum TillReach {
    /// Those of its own store.
    #[default]
    #[n(0)]
    Store,
    /// All of the merchant's: one desk takes returns for every branch.
    #[n(1)]
    Merchant,
}

impl TillReach {
    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            TillReach::Store => "store",
            TillReach::Merchant => "merchant",
        }
    }
    /// From its word.
    pub fn from_word(word: &str) -> Option<TillReach> {
        [TillReach::Store, TillReach::Merchant]
            .into_iter()
            .find(|reach| reach.word() == word)
    }
}

/// What a merchant's tills may give back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ReversalRule {
    #[n(0)]
    pub reach: TillReach,
    /// Of one sale of its own a till gives back so much in all without a supervisor, in yen; of another till's sale nothing.
    #[n(1)]
    pub alone_up_to: u64,
}

impl ReversalRule {
    /// For a merchant who said nothing: the own store, and what a cashier might have in the drawer.
    pub const DEFAULT: ReversalRule = ReversalRule {
        reach: TillReach::Store,
        alone_up_to: 10_000,
    };

    pub(crate) const fn is_in_bounds(self) -> bool {
        self.alone_up_to <= Amount::MAX_MINOR
    }
}
