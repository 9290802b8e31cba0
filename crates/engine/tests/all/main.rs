//! The storage half of the engine, on both databases: one binary, so that it links once.

mod acts;
mod audit;
mod backup;
mod checkpoint;
mod damaged_views;
mod engine;
mod journal;
mod late_look_up;
mod lease;
mod older_store;
mod queries;
mod seals;
mod standby;
mod statements;
mod tls;
mod who_asked;
