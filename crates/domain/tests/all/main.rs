//! What the money rules promise, as tables and as properties.

mod askers;
mod cooling;
mod desk;
mod events;
mod fixture;
mod format;
mod funding;
mod ledger;
mod payments;
mod refusals;
mod undo;
mod wallets;
