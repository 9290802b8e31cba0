//! The product: what serves a live store and looks after it. Its program is `mamori`; the laboratory (`crates/lab`) puts the same
//! parts together for development and for trials.

pub mod assembly;
pub mod command;
pub mod config;
pub mod datastore;
pub mod delivery;
pub mod interrupt;
mod operator;
pub mod outside;
pub mod password_list;
mod progress;
pub mod serve;
pub mod world;

/// Acts are made on one thread, decided on another and dropped on a third; the system's allocator pays for that with a fifth of the
/// writer's time (`docs/performance.md`). It stands here and not in a `main.rs`, so that what the laboratory measures is what runs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
