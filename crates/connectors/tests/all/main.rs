//! The connectors against the sandbox, over real sockets.

mod card;
mod localstripe;
mod messages;
mod openid;
mod password_range;
mod peer;
mod push;
