//! The edge: routes, authentication, pages.

pub mod answer;
pub mod app;
pub mod assets;
pub mod body;
pub mod book_door;
pub mod cards;
pub mod ceremonies;
pub mod cookies;
pub mod erasure;
pub mod house;
pub mod housekeeping;
pub mod http;
pub mod identity;
pub mod listen;
pub mod mailbox;
pub mod messages;
pub mod outside;
pub mod pace;
pub mod relying_party;
pub mod route_table;
pub mod routes;
pub mod sessions;
pub mod sign_ins;
pub mod streams;
pub mod surface;
pub mod workers;
