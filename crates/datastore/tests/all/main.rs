//! The two databases and the keys: one binary, so that it links once.

mod keys;
mod private;
mod sql;
mod tls;
