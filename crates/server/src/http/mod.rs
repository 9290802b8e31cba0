//! The handlers: parse, authenticate, call, answer.

pub mod about;
pub mod acts;
mod assertions;
pub mod closing;
pub mod console;
pub mod contacts;
pub mod device;
pub mod enrolment;
pub mod external_ids;
pub mod freeze_code;
pub mod merchants;
pub mod notices;
pub mod operators;
pub mod own_passkeys;
pub mod passkeys;
pub mod password;
pub mod payments;
pub mod people;
pub mod permissions;
pub mod permitted;
pub mod sales;
pub mod session;
pub mod step_up;
pub mod templates;
pub mod till;
pub mod top_ups;
pub mod wallet;
