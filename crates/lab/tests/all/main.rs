//! What tells a development house from a live one.

mod route_tables;
