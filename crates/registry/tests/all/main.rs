//! Identity's tables and the outbox, on both databases: one binary, so that it links once.

mod control;
mod damage;
mod older_stores;
mod outbox;
mod statements;
