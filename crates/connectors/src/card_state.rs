//! What a card payment can be: the closed words in which every answer of the processor is told.

/// Everything a payment can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentState {
    /// The customer has not given a card yet.
    Pending,
    /// The customer has to act, on this page if there is one: type a card, answer the issuer.
    RequiresAction {
        /// The processor's or issuer's page; absent where only the processor's own script could lead there.
        url: Option<String>,
    },
    /// The processor is at it: ask again later.
    Processing,
    /// The money is ours.
    Succeeded {
        /// The processor's name for the charge, which a refund may name.
        charge: String,
        /// What a receipt may show, where the processor says it.
        card: Option<CardFace>,
        /// Who bears the loss if the cardholder disputes the charge.
        liability_shift: LiabilityShift,
        /// What has become of the charge since.
        aftermath: Aftermath,
    },
    /// Refused; nothing was taken.
    Failed { reason: FailureReason },
    /// Called off, or the page closed unused; nothing was taken and nothing will be.
    Cancelled,
}

impl IntentState {
    /// True where no further question can bring another answer.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Succeeded { .. } | Self::Failed { .. } | Self::Cancelled
        )
    }
}

/// What became of a charge after the money was ours: it may not be ours any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aftermath {
    /// Yen that the processor has given back to the cardholder.
    pub refunded: u64,
    /// True where nothing is left of the charge.
    pub refunded_in_full: bool,
    /// The cardholder has disputed it at the issuer, whatever became of that.
    pub disputed: bool,
}

/// What may be shown and kept of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardFace {
    pub brand: Brand,
    /// The last four digits.
    pub last4: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brand {
    Visa,
    Mastercard,
    Jcb,
    Amex,
    Diners,
    Discover,
    UnionPay,
    Other,
}

impl Brand {
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "visa" => Self::Visa,
            "mastercard" => Self::Mastercard,
            "jcb" => Self::Jcb,
            "amex" => Self::Amex,
            "diners" => Self::Diners,
            "discover" => Self::Discover,
            "unionpay" => Self::UnionPay,
            _ => Self::Other,
        }
    }

    /// The stable name: `visa`, `mastercard`, `jcb`, `amex`, `diners`, `discover`, `unionpay`, `other`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Visa => "visa",
            Self::Mastercard => "mastercard",
            Self::Jcb => "jcb",
            Self::Amex => "amex",
            Self::Diners => "diners",
            Self::Discover => "discover",
            Self::UnionPay => "unionpay",
            Self::Other => "other",
        }
    }
}

/// Who bears a disputed charge: the flag to be stored with each top-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiabilityShift {
    /// The issuer: the cardholder was authenticated by 3-D Secure, or the issuer could not be asked.
    Shifted,
    /// We do: the charge went through without authentication.
    NotShifted,
    /// The processor does not say; to be treated as not shifted.
    Unknown,
}

impl LiabilityShift {
    /// The stable name: `shifted`, `not_shifted`, `unknown`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shifted => "shifted",
            Self::NotShifted => "not_shifted",
            Self::Unknown => "unknown",
        }
    }
}

/// Why a payment failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureReason {
    /// The issuer declined without a reason for the customer.
    Declined,
    /// Not enough money or credit on the card.
    InsufficientFunds,
    /// The card's date is past.
    CardExpired,
    /// The security code was wrong.
    SecurityCodeWrong,
    /// The customer did not pass 3-D Secure.
    NotAuthenticated,
    /// The processor or issuer had trouble of its own.
    ProcessorTrouble,
    Other,
}

impl FailureReason {
    /// The stable name: `declined`, `insufficient_funds`, `card_expired`, `security_code_wrong`,
    /// `not_authenticated`, `processor_trouble`, `other`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::InsufficientFunds => "insufficient_funds",
            Self::CardExpired => "card_expired",
            Self::SecurityCodeWrong => "security_code_wrong",
            Self::NotAuthenticated => "not_authenticated",
            Self::ProcessorTrouble => "processor_trouble",
            Self::Other => "other",
        }
    }
}
