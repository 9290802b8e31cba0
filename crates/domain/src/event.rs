//! What can happen: the only thing the journal holds, and the only thing that moves the book.
//!
//! Each event is a struct in the file of its family, with all that follows from it beside it: what it changes in the book
//! ([`Happening`]), which money it moves and what the wallet's history says of that ([`Money`]), which request it answers for
//! good ([`Answers`]). None of the three has a default: an event that moves no money says so (`moves_no_money!`), so that a new
//! one cannot forget its postings or its entry.
//!
//! Numbers of events and fields are part of the journal's format: they are never reused. A reader that meets an unknown event
//! stops; it never skips.

use std::sync::Arc;

use crate::book::Book;
use crate::entry::Movement;
use crate::fund::{Credited, TopUpConfirmed, TopUpFailed, TopUpStarted};
use crate::happening::{Answers, Happening, Money};
use crate::identity::{
    AuthorizationGranted, AuthorizationRevoked, CredentialBound, CredentialRevoked, DeviceBound,
    Frozen, Unfrozen, WalletCooled, WalletNoted, WalletOpened,
};
use crate::ids::WalletId;
use crate::key::{IdempotencyRecord, RequestKey};
use crate::ledger::Posting;
use crate::lifecycle::{LossAccepted, RegistryProven, Sealed, Stamped, TakenOver};
use crate::merchant::{
    ApiKeyBound, ApiKeyRevoked, MerchantOpened, ReversalRuleSet, StoreDescribed, StoreOpened,
    TillBound, TillOpened,
};
use crate::pay::{Cancelled, CancelledBefore, Captured, Held, Paid, Refunded, Refused, Released};
use minicbor::{Decode, Encode, Encoder};

pub use crate::act::Act;
pub use crate::happening::{Notice, Subject};

macro_rules! events {
    ($($number:literal $name:ident $(shared $shared:ident)?,)*) => {
        /// Something that happened.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event {
            $($name(events!(@held $name $($shared)?)),)*
        }

        impl Event {
            /// The first number behind all that are taken.
            pub const NEXT: u32 = {
                let (taken, mut next) = ([$($number),*], 0);
                let mut at = 0;
                while at < taken.len() {
                    if taken[at] >= next {
                        next = taken[at] + 1;
                    }
                    at += 1;
                }
                next
            };

            /// The number it has in the journal.
            pub const fn number(&self) -> u32 {
                match self { $(Event::$name(_) => $number,)* }
            }
            /// Makes it true, apart from its postings: see [`Book::apply`].
            pub(crate) fn happen(&self, book: &mut Book) {
                match self { $(Event::$name(event) => event.apply(book),)* }
            }
            /// The money it moves: every balance of the ledger is the sum of these.
            pub fn postings(&self, post: &mut dyn FnMut(Posting)) {
                match self { $(Event::$name(event) => event.postings(post),)* }
            }
            /// What a wallet's history says of it.
            pub fn movement(&self) -> Option<Movement> {
                match self { $(Event::$name(event) => event.movement(),)* }
            }
            /// The first answers that it gives.
            pub fn answers(&self, answer: &mut dyn FnMut(RequestKey, IdempotencyRecord)) {
                match self { $(Event::$name(event) => event.answers(answer),)* }
            }
            /// What it tells a wallet's owner.
            pub fn notice(&self) -> Option<(WalletId, Notice)> {
                match self { $(Event::$name(event) => event.notice(),)* }
            }
            /// Whom or what it is about.
            pub fn subject(&self) -> Subject {
                match self { $(Event::$name(event) => event.subject(),)* }
            }
        }

        $(impl From<$name> for Event {
            fn from(event: $name) -> Event {
                Event::$name(event.into())
            }
        })*

        $($(events!(@from_shared $name $shared);)?)*

        impl<C> Encode<C> for Event {
            /// The number of the event, then its fields in an array.
            fn encode<W: minicbor::encode::Write>(
                &self,
                out: &mut Encoder<W>,
                context: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                out.array(2)?.u32(self.number())?;
                match self { $(Event::$name(event) => {
                    $(events!(@nested out $shared);)?
                    event.encode(out, context)
                })* }
            }
        }

        impl<'b, C> Decode<'b, C> for Event {
            fn decode(
                from: &mut minicbor::Decoder<'b>,
                context: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                if from.array()? != Some(2) {
                    return Err(minicbor::decode::Error::message("an event is a number and its fields"));
                }
                match from.u32()? {
                    $($number => {
                        $(events!(@unnested from $shared);)?
                        Ok(Event::$name($name::decode(from, context)?.into()))
                    })*
                    unknown => Err(minicbor::decode::Error::unknown_variant(i64::from(unknown))),
                }
            }
        }
    };
    (@held $name:ident $shared:ident) => { Arc<$name> };
    (@held $name:ident) => { $name };
    (@from_shared $name:ident $shared:ident) => {
        impl From<Arc<$name>> for Event {
            fn from(event: Arc<$name>) -> Event {
                Event::$name(event)
            }
        }
    };
    // A shared event stands in one more array: so the first format wrote it, when it was boxed.
    (@nested $out:ident $shared:ident) => { $out.array(1)?; };
    (@unnested $from:ident $shared:ident) => {
        if $from.array()? != Some(1) {
            return Err(minicbor::decode::Error::message("a shared event stands alone in its array"));
        }
    };
}

events! {
    0 Stamped,
    1 MerchantOpened,
    2 StoreOpened,
    3 TillOpened,
    4 TillBound,
    5 ApiKeyBound,
    6 ApiKeyRevoked,
    7 WalletOpened,
    8 CredentialBound,
    9 CredentialRevoked,
    10 Frozen,
    11 Unfrozen,
    12 AuthorizationGranted,
    13 AuthorizationRevoked,
    14 Paid shared arc,
    15 Refused,
    16 Cancelled,
    17 CancelledBefore,
    18 Refunded,
    19 Held,
    20 Captured,
    21 Released,
    22 TopUpStarted,
    23 TopUpConfirmed,
    24 TopUpFailed,
    25 Credited,
    26 TakenOver,
    27 Sealed,
    28 LossAccepted,
    29 StoreDescribed,
    30 WalletNoted,
    31 RegistryProven,
    32 ReversalRuleSet,
    33 DeviceBound,
    35 WalletCooled,
}

impl Book {
    /// Makes an event true. It cannot fail: whatever could was decided before.
    ///
    /// Balances move by postings alone. A wallet's balance is the sum of its lots, which the event moves itself: at the end both
    /// must have moved by the same.
    pub fn apply(&mut self, event: &Event) {
        event.postings(&mut |posting| self.post(&posting));
        event.happen(self);
        event.answers(&mut |key, record| self.put_answer(key, record));
        assert!(
            self.has_moved_all_lots(),
            "a wallet's lots move by what its postings say"
        );
    }
}
