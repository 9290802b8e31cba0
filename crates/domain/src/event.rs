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
use crate::command::CommandKind;
use crate::context::{Context, ContextId, RequestId};
use crate::entry::Movement;
use crate::fund::{Credited, TopUpConfirmed, TopUpFailed, TopUpStarted};
use crate::identity::{
    AuthorizationGranted, AuthorizationRevoked, CredentialBound, CredentialRevoked, Frozen,
    Unfrozen, WalletNoted, WalletOpened,
};
use crate::ids::{MerchantId, StoreId, TillId, TopUpId, WalletId};
use crate::key::{IdempotencyRecord, RequestKey};
use crate::ledger::Posting;
use crate::lifecycle::{LossAccepted, Sealed, Stamped, TakenOver};
use crate::merchant::{
    ApiKeyBound, ApiKeyRevoked, MerchantOpened, StoreDescribed, StoreOpened, TillBound, TillOpened,
};
use crate::pay::{Cancelled, CancelledBefore, Captured, Held, Paid, Refunded, Refused, Released};
use minicbor::{Decode, Encode, Encoder};

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
        $(impl crate::event::Money for $event {
            fn postings(&self, _: &mut dyn FnMut(crate::ledger::Posting)) {}
            fn movement(&self) -> Option<crate::entry::Movement> { None }
        })+
    };
}
pub(crate) use moves_no_money;

/// Says of events that no request is answered by them for good.
macro_rules! answers_no_request {
    ($($event:ty),+ $(,)?) => {
        $(impl crate::event::Answers for $event {
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
    /// The card page ended without money.
    TopUpFailed(TopUpId),
    /// A credential may act for the wallet from now on, or may not any more.
    Credential { bound: bool },
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

macro_rules! events {
    ($($number:literal $name:ident $(shared $shared:ident)?,)*) => {
        /// Something that happened.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event {
            $($name(events!(@held $name $($shared)?)),)*
        }

        impl Event {
            /// How many kinds of event there are.
            pub const COUNT: u32 = [$($number),*].len() as u32;

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
}

/// One act as the journal holds it: one command, who asked for it, and what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Who asked; `None` in journals of the first format, which did not say.
    pub by: Option<ContextId>,
    /// What the context is, in the first act of a journal's writer that was asked in it.
    pub context: Option<Context>,
    pub command: CommandKind,
    /// The edge's name for the request; zero for none.
    pub request: RequestId,
    pub events: Vec<Event>,
}

impl Act {
    /// Whom or what it is about: the subject of its first event.
    pub fn subject(&self) -> Subject {
        self.events.first().map_or(Subject::Shard, Event::subject)
    }
}

impl<C> Encode<C> for Act {
    /// An array: the context's name, or an array of name and context; the kind of the command; the request; the events.
    fn encode<W: minicbor::encode::Write>(
        &self,
        out: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        out.array(4)?;
        let by = self.by.expect("a journal of this format says who asked");
        match &self.context {
            None => by.encode(out, context)?,
            Some(definition) => {
                out.array(2)?;
                by.encode(out, context)?;
                definition.encode(out, context)?;
            }
        }
        self.command.encode(out, context)?;
        self.request.encode(out, context)?;
        self.events.encode(out, context)
    }
}

impl<'b, C> Decode<'b, C> for Act {
    fn decode(
        from: &mut minicbor::Decoder<'b>,
        context: &mut C,
    ) -> Result<Self, minicbor::decode::Error> {
        let wrong = minicbor::decode::Error::message;
        if from.array()? != Some(4) {
            return Err(wrong("an act has four parts"));
        }
        let (by, definition) = match from.datatype()? {
            minicbor::data::Type::Array => {
                if from.array()? != Some(2) {
                    return Err(wrong("a context's definition is its name and its content"));
                }
                let by = Decode::decode(from, context)?;
                (by, Some(Context::decode(from, context)?))
            }
            _ => (Decode::decode(from, context)?, None),
        };
        Ok(Act {
            by: Some(by),
            context: definition,
            command: Decode::decode(from, context)?,
            request: Decode::decode(from, context)?,
            events: Decode::decode(from, context)?,
        })
    }
}
