//! What the money rules promise, as tables and as properties.

mod fixture;
mod ledger;
mod refusals;
mod undo;
