//! What every event says of itself, each in the file of its family.

use crate::book::Book;
use crate::entry::Movement;
use crate::ids::{MerchantId, StoreId, TillId, TopUpId, WalletId};
use crate::key::{IdempotencyRecord, RequestKey};
use crate::ledger::Posting;
use crate::money::Amount;
use crate::refusal::Refusal;

/// What an event does to the book, besides moving money and answering requests.
pub trait Happening {
    /// Makes it true. It cannot fail: whatever could was decided before. The postings are booked by then.
    fn apply(&self, book: &mut Book);
    /// What it tells the phone of a wallet's owner, and each other page that watches that wallet.
    fn notice(&self) -> Option<(WalletId, Notice)>;
    /// Whom or what it is about, for the list of acts.
    fn subject(&self) -> Subject;
}

/// The money an event moves.
pub trait Money {
    /// Its postings, as many as it needs.
    fn postings(&self, post: &mut dyn FnMut(Posting));
    /// What the wallet's history says.
    fn movement(&self) -> Option<Movement>;
}

/// The requests an event answers for good.
pub trait Answers {
    /// The first answers that it gives, each under its request's key.
    fn answers(&self, answer: &mut dyn FnMut(RequestKey, IdempotencyRecord));
}

/// Says of events that they move no money.
macro_rules! moves_no_money {
    ($($event:ty),+ $(,)?) => {
        $(impl crate::happening::Money for $event {
            fn postings(&self, _: &mut dyn FnMut(crate::ledger::Posting)) {}
            fn movement(&self) -> Option<crate::entry::Movement> { None }
        })+
    };
}
pub(crate) use moves_no_money;

/// Says of events that no request is answered by them for good.
macro_rules! answers_no_request {
    ($($event:ty),+ $(,)?) => {
        $(impl crate::happening::Answers for $event {
            fn answers(
                &self,
                _: &mut dyn FnMut(crate::key::RequestKey, crate::key::IdempotencyRecord),
            ) {}
        })+
    };
}
pub(crate) use answers_no_request;

/// What a wallet's owner is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Money moved: the event's movement says how.
    Moved,
    /// The owner's switch was turned: on (frozen) or off.
    Frozen(bool),
    /// A merchant asked for money and got none.
    Refused {
        merchant: MerchantId,
        store: Option<StoreId>,
        amount: Amount,
        refusal: Refusal,
    },
    /// The card page ended without money.
    TopUpFailed(TopUpId),
    /// A credential may act for the wallet from now on, or may not any more.
    Credential { bound: bool },
    /// The wallet pays from another device from now on, or from none.
    Device { bound: bool },
    /// A merchant may charge the wallet without a scan from now on, or may not any more.
    Authorization { granted: bool },
}

/// Whom or what an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Wallet(WalletId),
    Merchant(MerchantId),
    Store(StoreId),
    Till(TillId),
    /// The shard itself.
    Shard,
}

impl Subject {
    /// The number of its kind in views. Never renumbered.
    pub const fn kind(self) -> i64 {
        match self {
            Subject::Wallet(_) => 0,
            Subject::Merchant(_) => 1,
            Subject::Store(_) => 2,
            Subject::Till(_) => 3,
            Subject::Shard => 4,
        }
    }
    /// Its id in views.
    pub const fn number(self) -> u64 {
        match self {
            Subject::Wallet(id) => id.0,
            Subject::Merchant(id) => id.0 as u64,
            Subject::Store(id) => id.0 as u64,
            Subject::Till(id) => id.0 as u64,
            Subject::Shard => 0,
        }
    }
    /// From views.
    pub fn from_numbers(kind: i64, number: u64) -> Option<Subject> {
        let small = || u32::try_from(number).ok();
        Some(match kind {
            0 => Subject::Wallet(WalletId(number)),
            1 => Subject::Merchant(MerchantId(small()?)),
            2 => Subject::Store(StoreId(small()?)),
            3 => Subject::Till(TillId(small()?)),
            4 => Subject::Shard,
            _ => return None,
        })
    }
}
