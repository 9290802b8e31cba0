//! The outside world over its public protocols: card processor, SMS service, mail server, leaked passwords,
//! providers of external IDs.
//!
//! Each connector is one concrete, synchronous client. It turns every answer into a closed enum and every
//! other thing that can happen into a typed error that says one thing above all: **may I ask again?**
//! Secrets never appear in `Debug` or in errors. Time is an argument wherever it matters.

pub mod card;
pub mod card_notice;
mod card_state;
mod card_wire;
pub mod delivery;
mod http;
pub mod mail;
pub mod openid;
pub mod openid_token;
pub mod password_range;
pub mod push;
pub mod secret;
pub mod sms;
