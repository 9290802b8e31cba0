//! Double entry: the chart of accounts, balanced postings, and the trial balance that proves them.
//!
//! A balance moves by a [`Posting`] and by nothing else ([`Book::apply`](crate::book::Book::apply)); an event makes as many
//! postings as it needs.

mod account;
mod posting;
mod trial_balance;

pub use account::{Account, AccountKind, Keeping};
pub use posting::Posting;
pub use trial_balance::TrialBalance;
