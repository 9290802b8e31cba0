//! The laboratory: whatever plays with the product, tries it and measures it, and must never stand beside real money. It puts the
//! same house together as `mamori serve` does, from the product's own parts (`crates/mamori`).

pub mod bench;
pub mod crashtest;
pub mod dev;
pub mod disktest;
pub mod sandbox;
mod served;
pub mod sim;
pub mod standbytest;
