//! The calls of the merchant API, and what each may answer.
//!
//! A refusal of the book (a stable word such as `code_spent`) means different codes at different calls: an unknown
//! payment is `RESOURCE_NOT_FOUND`, an unknown refund `NO_SUCH_REFUND_ORDER`. [`Operation::answer_to`] is that mapping,
//! [`Operation::answers`] the closed list of everything a call can say; the API description is made from it.

use super::result_code::ResultCode;

/// A call of the merchant API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `POST /v2/payments`.
    CreatePayment,
    /// `POST /v2/cpm/payments`, our extension.
    CreateCpmPayment,
    /// `GET /v2/payments/{merchantPaymentId}`.
    GetPayment,
    /// `DELETE /v2/payments/{merchantPaymentId}`.
    CancelPayment,
    /// `POST /v2/refunds` and `POST /v2/refunds/`.
    CreateRefund,
    /// `GET /v2/refunds/{merchantRefundId}`.
    GetRefund,
    /// `POST /v2/payments/preauthorize`.
    PreauthorizePayment,
    /// `POST /v2/payments/capture`.
    CapturePayment,
    /// `POST /v2/payments/preauthorize/revert`.
    RevertPreauthorization,
}

/// What any call can answer before its own rules are asked.
const ALWAYS: &[ResultCode] = &[
    ResultCode::InvalidRequestParams,
    ResultCode::Unauthorized,
    ResultCode::ClockDrift,
    ResultCode::OpOutOfScope,
    ResultCode::OpaClientNotFound,
    // An id that is empty or holds a slash leads to another path, which may not exist or not take this method.
    ResultCode::RouteUnknown,
    ResultCode::MethodNotAllowed,
    ResultCode::RequestTimeout,
    ResultCode::BodyTooLarge,
    ResultCode::RateLimit,
    ResultCode::InternalServerError,
    ResultCode::MaintenanceMode,
];

/// Refusals that are no rule of a call and that any call can meet.
const ANYWHERE: &[&str] = &[
    "merchant_unknown",
    "key_revoked",
    "signed_out",
    "invalid_field",
    "busy",
    "unavailable",
];

const PAYER_AND_AMOUNT: &[&str] = &[
    "balance_too_small",
    "wallet_cooling",
    "wallet_frozen",
    "wallet_closed",
    "wallet_unknown",
    "amount_out_of_bounds",
    "limit_exceeded",
    "store_unknown",
    "till_unknown",
    "idempotency_conflict",
    "cancelled_before_payment",
    "suspected_duplicate",
];

impl Operation {
    /// All of them.
    pub const ALL: &'static [Operation] = &[
        Operation::CreatePayment,
        Operation::CreateCpmPayment,
        Operation::GetPayment,
        Operation::CancelPayment,
        Operation::CreateRefund,
        Operation::GetRefund,
        Operation::PreauthorizePayment,
        Operation::CapturePayment,
        Operation::RevertPreauthorization,
    ];

    /// Every way in: HTTP method, path template, call. What is not here is not served.
    pub const ROUTES: &'static [(&'static str, &'static str, Operation)] = &[
        ("POST", "/v2/payments", Operation::CreatePayment),
        ("POST", "/v2/cpm/payments", Operation::CreateCpmPayment),
        (
            "GET",
            "/v2/payments/{merchantPaymentId}",
            Operation::GetPayment,
        ),
        (
            "DELETE",
            "/v2/payments/{merchantPaymentId}",
            Operation::CancelPayment,
        ),
        ("POST", "/v2/refunds", Operation::CreateRefund),
        // One official SDK posts refunds to the path with a slash, and signs it so.
        ("POST", "/v2/refunds/", Operation::CreateRefund),
        (
            "GET",
            "/v2/refunds/{merchantRefundId}",
            Operation::GetRefund,
        ),
        (
            "POST",
            "/v2/payments/preauthorize",
            Operation::PreauthorizePayment,
        ),
        ("POST", "/v2/payments/capture", Operation::CapturePayment),
        (
            "POST",
            "/v2/payments/preauthorize/revert",
            Operation::RevertPreauthorization,
        ),
    ];

    /// HTTP method and path template.
    pub fn route(self) -> (&'static str, &'static str) {
        Operation::ROUTES
            .iter()
            .find(|(_, _, operation)| *operation == self)
            .map(|(method, path, _)| (*method, *path))
            .expect("every call has a way in")
    }

    /// The call that a request means, with the last part of its path where the call names something ("" elsewhere).
    pub fn of<'a>(method: &str, path: &'a str) -> Option<(Operation, &'a str)> {
        Operation::ROUTES
            .iter()
            .find_map(|(served, template, operation)| {
                if *served != method {
                    return None;
                }
                let name = match template.split_once('{') {
                    None => (path == *template).then_some("")?,
                    Some((folder, _)) => path
                        .strip_prefix(folder)
                        .filter(|name| !name.is_empty() && !name.contains('/'))?,
                };
                Some((*operation, name))
            })
    }

    /// The answer to success.
    pub const fn success(self) -> ResultCode {
        match self {
            Operation::CancelPayment => ResultCode::RequestAccepted,
            _ => ResultCode::Success,
        }
    }

    /// The answer to a refusal, by its stable word. A word that this call is not known to meet (a rule younger than this
    /// table) is `UNACCEPTABLE_OP`: a definite no, never a server error, and never a code that the description of the call
    /// does not list.
    pub fn answer_to(self, refusal: &str) -> ResultCode {
        let scanned = self == Operation::CreateCpmPayment && refusal.starts_with("scan_");
        let met =
            scanned || ANYWHERE.contains(&refusal) || self.refusals().any(|known| known == refusal);
        if met {
            self.meaning_of(refusal)
        } else {
            ResultCode::UnacceptableOp
        }
    }

    fn meaning_of(self, refusal: &str) -> ResultCode {
        use Operation::{
            CancelPayment, CapturePayment, CreateRefund, GetPayment, GetRefund,
            RevertPreauthorization,
        };
        match (refusal, self) {
            ("balance_too_small", _) => ResultCode::NoSufficientFund,
            ("wallet_cooling", _) => ResultCode::LimitExceeded,
            ("wallet_frozen", _) => ResultCode::UserStateIsNotActive,
            ("wallet_closed" | "wallet_unknown", _) => ResultCode::CanceledUser,
            ("authorization_unknown", _) => ResultCode::InvalidUserAuthorizationId,
            ("authorization_expired", _) => ResultCode::ExpiredUserAuthorizationId,
            ("code_unknown", _) => ResultCode::CodeUnknown,
            // Whatever else was scanned instead: no code of ours, and the register need not know whose.
            (scan, _) if scan.starts_with("scan_") => ResultCode::CodeUnknown,
            ("code_expired", _) => ResultCode::CodeExpired,
            ("code_spent", _) => ResultCode::CodeSpent,
            ("code_replaced", _) => ResultCode::CodeReplaced,
            ("store_unknown", _) => ResultCode::StoreUnknown,
            ("till_unknown", _) => ResultCode::TerminalUnknown,
            ("till_locked", _) => ResultCode::TerminalLocked,
            ("merchant_unknown", _) => ResultCode::OpaClientNotFound,
            ("amount_out_of_bounds", CreateRefund) => ResultCode::InvalidRefundAmount,
            ("amount_out_of_bounds", _) => ResultCode::InvalidParams,
            ("limit_exceeded" | "balance_cap", _) => ResultCode::LimitExceeded,
            ("idempotency_conflict", _) => ResultCode::IdempotencyConflict,
            ("suspected_duplicate", _) => ResultCode::SuspectedDuplicatePayment,
            // There is no payment and there never will be one: its cancel came first.
            ("cancelled_before_payment", GetPayment) => ResultCode::OrderNotFound,
            ("cancelled_before_payment", _) => ResultCode::CancelledBeforePayment,
            ("payment_unknown", GetRefund) => ResultCode::NoSuchRefundOrder,
            ("payment_unknown", _) => ResultCode::OrderNotFound,
            ("refund_unknown", GetRefund) => ResultCode::NoSuchRefundOrder,
            ("refund_unknown", _) => ResultCode::OrderNotFound,
            ("already_cancelled" | "already_refunded" | "cancel_window_over", CancelPayment) => {
                ResultCode::OrderNotReversible
            }
            ("already_cancelled" | "already_refunded" | "payment_not_completed", _) => {
                ResultCode::OrderNotRefundable
            }
            ("hold_unknown", CapturePayment | RevertPreauthorization) => ResultCode::OrderNotFound,
            ("hold_expired", CapturePayment | RevertPreauthorization) => ResultCode::OrderExpired,
            ("hold_captured", CapturePayment) => ResultCode::AlreadyCaptured,
            ("hold_captured", RevertPreauthorization) => ResultCode::OrderNotCancelable,
            ("hold_captured", CancelPayment) => ResultCode::OrderNotReversible,
            ("hold_released", CapturePayment) => ResultCode::OrderNotCapturable,
            ("capture_exceeds_hold", _) => ResultCode::HigherCaptureNotPermitted,
            ("hold_life_out_of_bounds", _) => ResultCode::PreAuthExpiryInvalid,
            ("refund_exceeds_payment", _) => ResultCode::InvalidRefundAmount,
            ("refund_window_over", _) => ResultCode::RefundWindowExceed,
            ("refund_limit", _) => ResultCode::RefundLimitExceeded,
            ("signed_out" | "key_revoked", _) => ResultCode::Unauthorized,
            ("invalid_field", _) => ResultCode::InvalidRequestParams,
            ("busy", _) => ResultCode::RateLimit,
            ("unavailable", _) => ResultCode::InternalServerError,
            _ => ResultCode::UnacceptableOp,
        }
    }

    /// The refusals of the book that this call can meet.
    fn refusals(self) -> impl Iterator<Item = &'static str> {
        let (shared, own): (&[&str], &[&str]) = match self {
            Operation::CreatePayment => (
                PAYER_AND_AMOUNT,
                &["authorization_unknown", "authorization_expired"],
            ),
            Operation::PreauthorizePayment => (
                PAYER_AND_AMOUNT,
                &[
                    "authorization_unknown",
                    "authorization_expired",
                    "hold_life_out_of_bounds",
                ],
            ),
            Operation::CapturePayment => (
                &[],
                &[
                    "payment_unknown",
                    "hold_unknown",
                    "hold_expired",
                    "hold_captured",
                    "hold_released",
                    "capture_exceeds_hold",
                ],
            ),
            Operation::RevertPreauthorization => (
                &[],
                &[
                    "payment_unknown",
                    "hold_unknown",
                    "hold_expired",
                    "hold_captured",
                ],
            ),
            Operation::CreateCpmPayment => (
                PAYER_AND_AMOUNT,
                &[
                    "code_unknown",
                    "code_expired",
                    "code_spent",
                    "code_replaced",
                    "till_locked",
                ],
            ),
            Operation::GetPayment => (&[], &["payment_unknown", "cancelled_before_payment"]),
            Operation::CancelPayment => (
                &[],
                &[
                    "payment_unknown",
                    "already_cancelled",
                    "already_refunded",
                    "cancel_window_over",
                    "balance_cap",
                    "hold_captured",
                ],
            ),
            Operation::CreateRefund => (
                &[],
                &[
                    "payment_unknown",
                    "already_cancelled",
                    "payment_not_completed",
                    "refund_exceeds_payment",
                    "refund_window_over",
                    "refund_limit",
                    "idempotency_conflict",
                    "amount_out_of_bounds",
                    "balance_cap",
                    "wallet_closed",
                ],
            ),
            Operation::GetRefund => (&[], &["refund_unknown", "payment_unknown"]),
        };
        shared.iter().chain(own).copied()
    }

    /// Everything this call can answer, sorted, without repetition.
    pub fn answers(self) -> Vec<ResultCode> {
        let mut all = vec![self.success(), ResultCode::UnacceptableOp];
        all.extend_from_slice(ALWAYS);
        if self.route().0 == "POST" {
            all.push(ResultCode::MissingRequestParams);
        }
        if self.route().0 != "GET" {
            all.push(ResultCode::OutcomeUnknown);
        }
        all.extend(self.refusals().map(|refusal| self.answer_to(refusal)));
        if all.contains(&ResultCode::IdempotencyConflict) {
            all.push(ResultCode::IdempotencyConflictRefused);
        }
        if self == Operation::GetPayment {
            all.push(ResultCode::OrderRefused);
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal_text::REFUSAL_TEXTS;

    #[test]
    fn a_request_means_the_call_of_its_method_and_path() {
        use Operation::{CancelPayment, CreateCpmPayment, CreatePayment, CreateRefund, GetRefund};
        for (method, path, meant) in [
            ("POST", "/v2/payments", Some((CreatePayment, ""))),
            (
                "POST",
                "/v2/payments/preauthorize",
                Some((Operation::PreauthorizePayment, "")),
            ),
            (
                "POST",
                "/v2/payments/preauthorize/revert",
                Some((Operation::RevertPreauthorization, "")),
            ),
            ("POST", "/v2/cpm/payments", Some((CreateCpmPayment, ""))),
            ("DELETE", "/v2/payments/a-1", Some((CancelPayment, "a-1"))),
            ("POST", "/v2/refunds", Some((CreateRefund, ""))),
            ("POST", "/v2/refunds/", Some((CreateRefund, ""))),
            ("GET", "/v2/refunds/r-1", Some((GetRefund, "r-1"))),
            ("GET", "/v2/refunds/", None),
            ("GET", "/v2/refunds/a/b", None),
            ("GET", "/v2/payments", None),
            ("PUT", "/v2/payments", None),
            ("POST", "/v2/payments/", None),
            ("POST", "/v2/cpm/payments/x", None),
        ] {
            assert_eq!(Operation::of(method, path), meant, "{method} {path}");
        }
        for &operation in Operation::ALL {
            assert_ne!(operation.route(), ("", ""), "{operation:?} has a way in");
        }
    }

    #[test]
    fn every_refusal_has_an_answer_and_none_is_a_success() {
        for text in REFUSAL_TEXTS {
            for &operation in Operation::ALL {
                assert!(
                    operation.answer_to(text.code).row().status >= 400,
                    "{} at {operation:?}",
                    text.code
                );
            }
        }
    }

    #[test]
    fn every_refusal_of_the_book_has_words() {
        // Refusals are numbered on disk without gaps; walking the numbers finds the ones that are added later too.
        let refusals: Vec<mamori_domain::refusal::Refusal> = (0..=u8::MAX)
            .map_while(|n| minicbor::decode(&minicbor::to_vec(n).unwrap()).ok())
            .collect();
        assert!(refusals.len() >= 30, "{}", refusals.len());
        for refusal in refusals {
            assert!(
                REFUSAL_TEXTS.iter().any(|text| text.code == refusal.code()),
                "{}",
                refusal.code()
            );
        }
    }

    #[test]
    fn a_refusal_is_never_a_server_error() {
        for text in REFUSAL_TEXTS
            .iter()
            .filter(|text| text.code != "unavailable")
        {
            for &operation in Operation::ALL {
                assert!(
                    operation.answer_to(text.code).row().status < 500,
                    "{} at {operation:?}",
                    text.code
                );
            }
        }
    }

    #[test]
    fn what_a_call_can_meet_has_words_for_people() {
        for &operation in Operation::ALL {
            for refusal in operation.refusals() {
                assert!(
                    REFUSAL_TEXTS.iter().any(|text| text.code == refusal),
                    "{refusal}"
                );
                assert!(operation.answers().contains(&operation.answer_to(refusal)));
            }
        }
    }
}
