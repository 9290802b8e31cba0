//! Payments: charge, cancel, refund, hold and capture, the codes that are scanned, and reading them again.
//!
//! | file | rule and event |
//! |---|---|
//! | `caller.rs` | may this caller act for this merchant; was this request seen before |
//! | `request.rs` | what is asked for |
//! | `charge.rs` | a scan or a permission pays: [`Paid`] |
//! | `refused.rs` | [`Refused`]: final for its id |
//! | `cancel.rs` | [`Cancelled`], or the tombstone [`CancelledBefore`] |
//! | `refund.rs` | [`Refunded`] |
//! | `hold.rs` | [`Held`], [`Captured`], [`Released`] |
//! | `code.rs`, `show_code.rs` | the desk of one-time codes, in memory only; which wallets may show one |
//! | `find.rs` | queries |
//! | `payment.rs` | a payment and a refund as they stand |

mod caller;
mod cancel;
mod charge;
mod code;
mod find;
mod hold;
mod payment;
mod refund;
mod refused;
mod request;
mod show_code;

pub(crate) use caller::first_answer;
pub(crate) use cancel::cancel;
pub use cancel::{Cancelled, CancelledBefore};
pub(crate) use charge::charge;
pub use code::{CODE_SPACE, CodeDesk, CodeFact};
pub(crate) use find::{find_first_answer, find_payment, find_payment_by_id, find_refund};
pub use hold::{Captured, Held, RELEASES_MAX, Released};
pub(crate) use hold::{capture, hold, release, release_expired};
pub use payment::{HeldFor, OrderInfo, Paid, Payer, Payment, PaymentStatus, Refund};
pub use refund::Refunded;
pub(crate) use refund::{refund, refund_digest};
pub(crate) use refused::refuse_for_good;
pub use refused::{Refused, RefusedPayer};
pub use request::{Charge, RefundRequest};
pub(crate) use show_code::{may_show_code, refuse_code};

pub use crate::desk::at_desk;
