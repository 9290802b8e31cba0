//! Wire types, signatures and stable code strings of the merchant API.
//!
//! A register speaks to us in the wire format of PayPay's Open Payment API ("OPA"), so that a shop on an official SDK
//! changes a host and a key and nothing else. This crate knows that format and nothing of sockets, storage or rules:
//!
//! 1. [`auth`] reads and checks the `Authorization` header over the raw bytes of the request,
//! 2. [`nonce`] refuses a signed request that was seen before,
//! 3. [`opa`] parses bodies, queries and path ids (every field checked, errors name the field) and renders answers,
//! 4. [`refusal_text`] says a refusal in words for people, in Japanese and English,
//! 5. [`openapi`] describes all of it, built from the same tables the parser runs on.
//!
//! Nothing here asks for the time or for chance: instants and seeds are arguments.

pub mod auth;
pub mod nonce;
pub mod opa;
pub mod openapi;
pub mod refusal_text;
