//! The deep module: the book in memory, the journal that makes it true, the views that explain it.

pub mod audit;
pub mod backup;
pub mod clock;
pub mod cold;
pub mod engine;
mod follower;
mod hand_out;
pub mod holds;
pub mod hub;
pub mod journal;
pub mod lease;
pub mod meter;
pub mod prefetch;
pub mod query;
pub mod shard;
pub mod start;
#[cfg(feature = "testing")]
pub mod testing;
pub mod views;
pub mod watermark;
mod writer;

pub use engine::Engine;
pub use start::EngineConfig;
