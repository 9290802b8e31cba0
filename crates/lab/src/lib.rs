//! The laboratory: the programs that play with the product, try it and measure it, and must never run beside real money. It puts
//! the same server together as `mamori serve` does, from the product's own parts (`crates/mamori`).

pub mod bench;
pub mod crashtest;
pub mod demo;
pub mod dev;
pub mod disktest;
mod run_token;
pub mod sandbox;
pub mod seed_names;
mod served;
mod sign_in_hook;
pub mod sim;
pub mod standbytest;
