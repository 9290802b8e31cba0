//! Identity's tables and the outbox, on both databases: one binary, so that it links once.

mod authentic;
mod contacts;
mod damage;
mod external_ids;
mod identity;
mod older_stores;
mod outbox;
mod passwords;
mod permissions;
mod recoveries;
mod statements;
mod supervisors;
