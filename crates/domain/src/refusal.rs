//! Every reason to say no, with its stable code string.

use minicbor::{Decode, Encode};

/// A refusal: a normal answer, recorded where the request had an id. Ordered nowhere: precedence is the order of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Refusal {
    #[n(0)]
    KeyRevoked,
    #[n(1)]
    MerchantUnknown,
    #[n(2)]
    StoreUnknown,
    #[n(3)]
    TillUnknown,
    #[n(4)]
    AmountOutOfBounds,
    #[n(5)]
    CodeUnknown,
    #[n(6)]
    CodeExpired,
    #[n(7)]
    CodeSpent,
    #[n(8)]
    CodeReplaced,
    #[n(9)]
    AuthorizationUnknown,
    #[n(10)]
    WalletUnknown,
    #[n(11)]
    WalletFrozen,
    #[n(12)]
    BalanceTooSmall,
    #[n(13)]
    BalanceCap,
    #[n(14)]
    IdempotencyConflict,
    #[n(15)]
    CancelledBeforePayment,
    #[n(16)]
    PaymentUnknown,
    #[n(17)]
    AlreadyCancelled,
    #[n(18)]
    AlreadyRefunded,
    #[n(19)]
    CancelWindowOver,
    #[n(20)]
    RefundExceedsPayment,
    #[n(21)]
    RefundWindowOver,
    #[n(22)]
    RefundUnknown,
    #[n(23)]
    HoldUnknown,
    #[n(24)]
    CaptureExceedsHold,
    #[n(25)]
    TopUpUnknown,
    #[n(26)]
    TopUpAmountDiffers,
    #[n(27)]
    CredentialUnknown,
    #[n(28)]
    AlreadyBound,
    #[n(29)]
    TillLocked,
    /// A payment was given back in as many parts as it may be, or the wallet holds money of as many origins as it may.
    #[n(30)]
    RefundLimit,
    /// The hold was not captured in time; the money goes back.
    #[n(31)]
    HoldExpired,
    /// A text is empty or too long.
    #[n(32)]
    TextOutOfBounds,
    /// Only an operator may ask for this.
    #[n(33)]
    OperatorOnly,
    /// The session that asks was ended while its request was on the way.
    #[n(34)]
    SessionEnded,
    /// A till gives this back only with the PIN of a supervisor: it is much, or another till's sale. Leaves no trace.
    #[n(35)]
    ApprovalNeeded,
    /// The wallet pays from another device than the one that asks. Leaves no trace.
    #[n(36)]
    DeviceNotBound,
    /// The wallet cools, and has used up what it may pay or top up until that is over.
    #[n(38)]
    WalletCooling,
}

impl Refusal {
    /// Says that the scanned code is not, or no longer, good. That leaves no trace: another code may pay under the same id.
    pub const fn is_of_a_code(self) -> bool {
        matches!(
            self,
            Refusal::CodeUnknown
                | Refusal::CodeExpired
                | Refusal::CodeSpent
                | Refusal::CodeReplaced
        )
    }

    /// The stable string in answers, views and texts.
    pub const fn code(self) -> &'static str {
        match self {
            Refusal::KeyRevoked => "key_revoked",
            Refusal::MerchantUnknown => "merchant_unknown",
            Refusal::StoreUnknown => "store_unknown",
            Refusal::TillUnknown => "till_unknown",
            Refusal::AmountOutOfBounds => "amount_out_of_bounds",
            Refusal::CodeUnknown => "code_unknown",
            Refusal::CodeExpired => "code_expired",
            Refusal::CodeSpent => "code_spent",
            Refusal::CodeReplaced => "code_replaced",
            Refusal::AuthorizationUnknown => "authorization_unknown",
            Refusal::WalletUnknown => "wallet_unknown",
            Refusal::WalletFrozen => "wallet_frozen",
            Refusal::BalanceTooSmall => "balance_too_small",
            Refusal::BalanceCap => "balance_cap",
            Refusal::IdempotencyConflict => "idempotency_conflict",
            Refusal::CancelledBeforePayment => "cancelled_before_payment",
            Refusal::PaymentUnknown => "payment_unknown",
            Refusal::AlreadyCancelled => "already_cancelled",
            Refusal::AlreadyRefunded => "already_refunded",
            Refusal::CancelWindowOver => "cancel_window_over",
            Refusal::RefundExceedsPayment => "refund_exceeds_payment",
            Refusal::RefundWindowOver => "refund_window_over",
            Refusal::RefundUnknown => "refund_unknown",
            Refusal::HoldUnknown => "hold_unknown",
            Refusal::CaptureExceedsHold => "capture_exceeds_hold",
            Refusal::TopUpUnknown => "top_up_unknown",
            Refusal::TopUpAmountDiffers => "top_up_amount_differs",
            Refusal::CredentialUnknown => "credential_unknown",
            Refusal::AlreadyBound => "already_bound",
            Refusal::TillLocked => "till_locked",
            Refusal::RefundLimit => "refund_limit",
            Refusal::HoldExpired => "hold_expired",
            Refusal::TextOutOfBounds => "text_out_of_bounds",
            Refusal::OperatorOnly => "operator_only",
            Refusal::SessionEnded => "session_ended",
            Refusal::ApprovalNeeded => "approval_needed",
            Refusal::DeviceNotBound => "device_not_bound",
            Refusal::WalletCooling => "wallet_cooling",
        }
    }
}
