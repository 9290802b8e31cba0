//! The connectors against the sandbox, over real sockets.

mod card;
mod messages;
mod peer;
