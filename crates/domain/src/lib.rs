//! The money rules of Mamori: pure, synchronous, deterministic.
//!
//! A [`Command`](command::Command) is what is asked for, in a [`Request`](command::Request) that says who asks.
//! [`decide`](decide::decide) looks at the [`Book`](book::Book), at what was prefetched of the past and at the instant, and
//! answers with an [`Outcome`](reply::Outcome) and the [`Event`](event::Event)s that make it true.
//! [`Book::apply`](book::Book::apply) cannot fail and is the only writer of the book; the journal of events is the book's only
//! source.
//!
//! **Nothing here knows what HTTP, a database, a clock or a random number generator is.**

mod act;
pub mod book;
pub mod command;
pub mod context;
pub mod decide;
mod decision;
mod desk;
pub mod entry;
pub mod event;
pub mod fund;
mod happening;
pub mod identity;
pub mod ids;
pub mod key;
pub mod ledger;
pub mod lifecycle;
pub mod merchant;
pub mod money;
mod needs;
pub mod pay;
pub mod query;
pub mod refusal;
pub mod reply;
pub mod request;
pub mod shared;
pub mod world;
