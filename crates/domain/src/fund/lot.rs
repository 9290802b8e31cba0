//! An amount of money with its origin.

use crate::ids::{EntryId, PaymentId, TopUpId};
use crate::money::Amount;
use minicbor::{Decode, Encode};

/// The origin of money in a wallet, so that it can be traced and returned later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub enum Source {
    /// A card top-up.
    #[n(0)]
    Card(#[n(0)] TopUpId),
    /// Cash handed over at a till.
    #[n(1)]
    Cash(#[n(0)] EntryId),
    /// Given by the operator.
    #[n(2)]
    Goodwill(#[n(0)] EntryId),
    /// A refund or cancel of a journal from before returned money went back to the origin it was drawn from.
    #[n(3)]
    Refund(#[n(0)] PaymentId),
}

/// An amount with its origin: what is left of it in a wallet, or what a payment drew from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Lot {
    #[n(0)]
    pub source: Source,
    #[n(1)]
    pub amount: Amount,
}
