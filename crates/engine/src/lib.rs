//! The deep module: the book in memory, the journal that makes it true, the views that explain it.

pub mod clock;
pub mod fault;
pub mod journal;
pub mod keys;
pub mod lease;
pub mod sql;
#[cfg(feature = "testing")]
pub mod testing;
