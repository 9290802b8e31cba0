//! Funding: money comes into wallets, and where every yen of a wallet came from.

mod credit;
mod drawn;
mod lot;
mod lots;
mod top_up;

pub use credit::Credited;
pub(crate) use credit::credit;
pub use drawn::Drawn;
pub use lot::{Lot, Source};
pub(crate) use lots::first_of;
pub use lots::{CreditKind, DRAWN_MAX, LOTS_MAX, Lots, returned};
pub use top_up::{TopUpConfirmed, TopUpFailed, TopUpStarted};
pub(crate) use top_up::{confirm, fail, start};
