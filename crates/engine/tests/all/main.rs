//! The storage half of the engine, on both databases: one binary, so that it links once.

mod sql;
mod stores;
