//! The wire format of the merchant API: request bodies in, envelopes out.
//!
//! One table per request ([`member`]) drives the parser and the OpenAPI description, one table of result codes
//! ([`result_code`]) drives every answer.

pub mod account_link;
pub mod envelope;
pub mod id;
pub mod member;
pub mod operation;
pub mod payment;
pub mod preauthorization;
pub mod query;
pub mod refund;
pub mod result_code;
