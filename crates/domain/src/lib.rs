//! The money rules of Mamori: pure, synchronous, deterministic.
//!
//! An [`Act`](act::Act) is what somebody asks for. [`decide`](decide::decide) looks at the [`Book`](book::Book), the facts
//! that memory does not hold and the instant, and answers with an [`Outcome`](act::Outcome) and the
//! [`Change`](change::Change)s that make it true. [`Book::apply`](book::Book::apply) cannot fail and is the only writer of
//! the book; the journal of changes is the book's only source.
//!
//! **Nothing here knows what a request, a database, a clock or a random number generator is.**

pub mod accounts;
pub mod act;
pub mod book;
pub mod change;
pub mod code;
pub mod decide;
pub mod decision;
pub mod funding;
pub mod identity;
pub mod ids;
pub mod key;
pub mod ledger;
pub mod merchant;
pub mod money;
pub mod paid;
pub mod payment;
pub mod refusal;
pub mod rows;
pub mod table;
pub mod top_up;
pub mod world;
