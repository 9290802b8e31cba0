//! The handlers: parse, authenticate, call, answer.

pub mod enrolment;
pub mod operators;
pub mod passkeys;
pub mod session;
