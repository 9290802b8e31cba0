//! The storage half of the engine, on both databases: one binary, so that it links once.

mod audit;
mod backup;
mod checkpoint;
mod control;
mod damaged_views;
mod engine;
mod journal;
mod keys;
mod late_look_up;
mod lease;
mod older_store;
mod outbox;
mod sql;
mod standby;
mod statements;
mod stores;
mod tls;
