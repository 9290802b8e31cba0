//! What tells a development instance from a live one.

mod route_tables;
