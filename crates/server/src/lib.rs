//! The edge: routes, authentication, pages.

pub mod listen;
