//! The storage half of the engine, on both databases: one binary, so that it links once.

mod audit;
mod backup;
mod checkpoint;
mod damaged_views;
mod engine;
mod journal;
mod late_look_up;
mod lease;
mod standby;
mod statements;
mod tls;
