//! What the money rules promise, as tables and as properties.

mod format;
mod house;
mod ledger;
mod refusals;
mod way_back;
