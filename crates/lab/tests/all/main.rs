//! What tells a development instance from a live one.

mod demo;
mod route_tables;
