//! What may come of sending a message, whichever way it goes.

use crate::http::NoAnswer;

/// Why a message was not handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryError {
    /// No usable answer, or "not now". It may have been sent all the same: sending it again may send it twice.
    Unreachable {
        /// False where only another configuration can help.
        retryable: bool,
    },
    /// The service will never take this message; sending it again is no use.
    Rejected {
        /// The service's own number for the reason (SMS error code, SMTP reply code), or a word.
        code: String,
    },
}

impl DeliveryError {
    /// Whether the outbox should try again later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { retryable: true })
    }
}

impl std::fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable { .. } => f.write_str("the message service gave no usable answer"),
            Self::Rejected { code } => write!(f, "the message service refused the message: {code}"),
        }
    }
}

impl std::error::Error for DeliveryError {}

impl From<NoAnswer> for DeliveryError {
    fn from(no_answer: NoAnswer) -> Self {
        Self::Unreachable {
            retryable: no_answer.retryable,
        }
    }
}
