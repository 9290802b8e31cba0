//! The card processor: a small client of the Stripe-shaped API.
//!
//! A card is typed on the processor's own page ([`CardEntry::HostedPage`], a checkout session) or is
//! already a token at the processor ([`CardEntry::Token`], a payment intent). Either way the platform
//! sees a [`CardReference`], brand and last four digits, and never a card number.
//!
//! **A wallet is credited for [`IntentState::Succeeded`] and for nothing else**, and that state comes out
//! of [`CardProcessor::retrieve`] alone: neither the customer's return to our page nor a webhook is proof
//! (a webhook is a reason to retrieve, see [`crate::card_notice`]).
//!
//! ```no_run
//! # use mamori_connectors::card::*;
//! # use mamori_connectors::secret::Secret;
//! # use mamori_domain::money::Amount;
//! let processor = CardProcessor::new(CardConfig::new("https://api.stripe.com", Secret::new("sk_test_…")));
//! let order = CardOrder {
//!     key: TopUpKey::new("1-42").expect("letters, digits and dashes"),
//!     amount: Amount::yen(5_000),
//!     entry: CardEntry::HostedPage {
//!         product: "チャージ".to_owned(),
//!         success_url: "https://wallet.example/top-up/42".to_owned(),
//!         cancel_url: "https://wallet.example/top-up/42".to_owned(),
//!         locale: "ja".to_owned(),
//!         expires_at_seconds: 1_750_003_600,
//!     },
//! };
//! let payment = processor.start(&order)?; // RequiresAction { url }: send the customer there
//! let payment = processor.retrieve(&payment.reference, &order.expected())?;
//! # Ok::<(), CardError>(())
//! ```

use mamori_domain::money::Amount;
use serde::de::DeserializeOwned;

pub use crate::card_state::{
    Aftermath, Brand, CardFace, FailureReason, IntentState, LiabilityShift,
};
use crate::card_wire::{Expandable, IntentWire, RefundWire, Refused, SessionWire};
pub use crate::http::Patience;
use crate::http::{Answer, HttpClient, NoAnswer};
use crate::secret::Secret;

/// Where the processor is and how it knows us.
#[derive(Clone, Debug)]
pub struct CardConfig {
    /// `https://host`, without a path.
    pub base_url: String,
    /// The secret key of the processor's API.
    pub api_key: Secret,
    /// Time-outs and retries of one call.
    pub patience: Patience,
}

impl CardConfig {
    /// A configuration with the usual time-outs.
    pub fn new(base_url: impl Into<String>, api_key: Secret) -> Self {
        Self {
            base_url: base_url.into(),
            api_key,
            patience: Patience::default(),
        }
    }
}

/// Our own name for one top-up, unique for ever: the idempotency key, and the mark on the processor's side.
///
/// 1 to 64 ASCII letters, digits, `-` and `_`. An id that a restored or fresh store may give out again
/// needs the store's incarnation in front, because the processor remembers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopUpKey(String);

impl TopUpKey {
    /// The key, or `None` if it has other characters or another length.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        is_token(&text, 64).then_some(Self(text))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The processor's name for one payment: of a hosted page (`cs_…`) or of an intent (`pi_…`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CardReference(String);

impl CardReference {
    /// Reads back what [`CardReference::as_str`] gave; `None` for anything that no processor could have given.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let known = text.starts_with("cs_") || text.starts_with("pi_");
        (known && is_token(&text, 255)).then_some(Self(text))
    }

    /// The reference as text, at most 255 ASCII letters, digits and underscores.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_hosted_page(&self) -> bool {
        self.0.starts_with("cs_")
    }
}

/// References become parts of an address: nothing that could lead elsewhere may be in them.
pub(crate) fn is_token(text: &str, length_max: usize) -> bool {
    (1..=length_max).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// How the card gets to the processor.
#[derive(Clone, Debug)]
pub enum CardEntry {
    /// The customer types it on the processor's page; 3-D Secure is asked for every time.
    HostedPage {
        /// What is paid for, as the page shows it.
        product: String,
        /// Where the customer comes back to after paying. Coming back proves nothing.
        success_url: String,
        /// Where the customer comes back to without paying.
        cancel_url: String,
        /// The page's language: `ja` or `en`.
        locale: String,
        /// When the page closes, seconds since 1970 UTC, 30 minutes to 24 hours ahead.
        /// Take it from the top-up's recorded instant, so that a repeat sends the same bytes.
        expires_at_seconds: i64,
    },
    /// The processor already has it under this token.
    Token {
        /// The processor's name for the card, `pm_…`.
        token: String,
        /// Where the customer comes back to after a 3-D Secure challenge.
        return_url: Option<String>,
    },
}

/// One top-up to be paid by card.
#[derive(Clone, Debug)]
pub struct CardOrder {
    /// Our name for it; two orders with one key are one payment.
    pub key: TopUpKey,
    /// How much, in whole yen, at least 1.
    pub amount: Amount,
    /// How the card gets to the processor.
    pub entry: CardEntry,
}

impl CardOrder {
    /// What the processor's answers about this order must say.
    pub fn expected(&self) -> Expected {
        Expected {
            key: self.key.clone(),
            amount: self.amount,
        }
    }
}

/// What an answer must say to be believed: an answer about another top-up or another sum is refused.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Our name for the top-up.
    pub key: TopUpKey,
    /// How much, in whole yen.
    pub amount: Amount,
}

/// Where a payment stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardPayment {
    /// What to retrieve it by.
    pub reference: CardReference,
    /// The intent behind it, `pi_…`, as soon as there is one.
    pub intent: Option<String>,
    /// Where it stands.
    pub state: IntentState,
}

/// Money to be given back.
#[derive(Clone, Debug)]
pub struct CardRefund {
    /// Our name for the refund; two refunds with one key are one.
    pub key: TopUpKey,
    /// The charge that [`IntentState::Succeeded`] named.
    pub charge: String,
    /// How much, in whole yen, at least 1 and at most what is left of the charge.
    pub amount: Amount,
}

/// What became of a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundState {
    /// Accepted; the bank is at it.
    Pending,
    /// On its way to the cardholder.
    Succeeded,
    /// The bank would not take it.
    Failed,
}

/// Why there is no state to report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardError {
    /// No answer that can be understood. **The outcome is unknown**: ask again with the same order, or retrieve.
    Unreachable {
        /// False where only another configuration can help.
        retryable: bool,
        /// True where the processor did not answer at all, or only said that it cannot: another call right now will hardly succeed.
        silent: bool,
    },
    /// The processor understood and will not; nothing was done.
    Rejected {
        status: u16,
        /// The processor's word for it: lower-case letters and underscores, `unknown` if it gave none.
        code: String,
        /// What the processor says was wrong, `invalid_request_error` for the request itself. `unknown` where the
        /// answer is not in the processor's shape at all: a proxy in front of it has answered.
        kind: String,
    },
    /// The answer is about another top-up, another sum or another currency: to be looked into by people.
    Mismatch,
}

impl CardError {
    /// True where the processor's refusal proves that there is no such payment and that nothing can be
    /// paid under it: in its own words it does not know the reference, or would not even start the order.
    ///
    /// A status alone proves nothing: the page of a content network, of a proxy or of a wrong address says 404 just
    /// as well, and the processor itself says it to an address that it does not have. A key that is not accepted, one used
    /// for another order and every missing answer prove nothing either. A good key of another account proves too much:
    /// that is why what was closed is asked about for another week.
    pub fn proves_no_payment(&self) -> bool {
        match self {
            Self::Rejected {
                status: 404, code, ..
            } => code == "resource_missing",
            Self::Rejected {
                status: 400, kind, ..
            } => kind == "invalid_request_error",
            _ => false,
        }
    }

    /// True where the processor did not answer: asking about the next top-up right now will hardly succeed. An answer that
    /// cannot be understood concerns its own top-up alone.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Unreachable { silent: true, .. })
    }
}

impl std::fmt::Display for CardError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable { .. } => f.write_str("the card processor gave no usable answer"),
            Self::Rejected { status, code, .. } => {
                write!(f, "the card processor refused: {status} {code}")
            }
            Self::Mismatch => f.write_str("the card processor answered about something else"),
        }
    }
}

impl std::error::Error for CardError {}

impl From<NoAnswer> for CardError {
    fn from(no_answer: NoAnswer) -> Self {
        Self::Unreachable {
            retryable: no_answer.retryable,
            silent: true,
        }
    }
}

/// An answer that could not be read: as good as none.
const UNREADABLE: CardError = CardError::Unreachable {
    retryable: true,
    silent: false,
};

/// A client of one processor account. Calls block; use it from worker threads.
pub struct CardProcessor {
    http: HttpClient,
}

impl CardProcessor {
    /// Reads no address and opens no connection yet.
    pub fn new(config: CardConfig) -> Self {
        let authorization = Secret::new(format!("Bearer {}", config.api_key.reveal()));
        Self {
            http: HttpClient::new(&config.base_url, authorization, config.patience),
        }
    }

    /// Starts a payment. Repeating it with the same order finds the first one again, and starts no second.
    ///
    /// The state of a repeated start is the first answer's: [`CardProcessor::retrieve`] knows the present.
    pub fn start(&self, order: &CardOrder) -> Result<CardPayment, CardError> {
        match &order.entry {
            CardEntry::HostedPage {
                product,
                success_url,
                cancel_url,
                locale,
                expires_at_seconds,
            } => {
                let (amount, expires_at) = (
                    order.amount.minor().to_string(),
                    expires_at_seconds.to_string(),
                );
                let key = order.key.as_str();
                let form = [
                    ("mode", "payment"),
                    ("payment_method_types[]", "card"),
                    (
                        "payment_method_options[card][request_three_d_secure]",
                        "any",
                    ),
                    ("line_items[0][quantity]", "1"),
                    ("line_items[0][price_data][currency]", "jpy"),
                    ("line_items[0][price_data][unit_amount]", &amount),
                    ("line_items[0][price_data][product_data][name]", product),
                    ("success_url", success_url),
                    ("cancel_url", cancel_url),
                    ("locale", locale),
                    ("expires_at", &expires_at),
                    ("client_reference_id", key),
                    ("payment_intent_data[metadata][top_up]", key),
                    ("expand[]", "payment_intent.latest_charge"),
                ];
                let answer = self
                    .http
                    .post_form("/v1/checkout/sessions", &form, Some(key))?;
                read_session(&answer, &order.expected())
            }
            CardEntry::Token { token, return_url } => {
                let amount = order.amount.minor().to_string();
                let mut form = vec![
                    ("amount", amount.as_str()),
                    ("currency", "jpy"),
                    ("payment_method", token),
                    ("payment_method_types[]", "card"),
                    (
                        "payment_method_options[card][request_three_d_secure]",
                        "any",
                    ),
                    ("confirm", "true"),
                    ("metadata[top_up]", order.key.as_str()),
                    ("expand[]", "latest_charge"),
                ];
                form.extend(return_url.as_deref().map(|url| ("return_url", url)));
                let answer =
                    self.http
                        .post_form("/v1/payment_intents", &form, Some(order.key.as_str()))?;
                read_intent(&answer, &order.expected())
            }
        }
    }

    /// Asks where a payment stands. This is what a wallet is credited on.
    pub fn retrieve(
        &self,
        reference: &CardReference,
        expected: &Expected,
    ) -> Result<CardPayment, CardError> {
        let id = reference.as_str();
        if reference.is_hosted_page() {
            let path = format!("/v1/checkout/sessions/{id}?expand[]=payment_intent.latest_charge");
            read_session(&self.http.get(&path)?, expected)
        } else {
            let path =
                format!("/v1/payment_intents/{id}?expand[]=latest_charge&expand[]=payment_method");
            read_intent(&self.http.get(&path)?, expected)
        }
    }

    /// Calls a payment off and says where it stands then: what was paid in the meantime stays paid.
    pub fn cancel(
        &self,
        reference: &CardReference,
        expected: &Expected,
    ) -> Result<CardPayment, CardError> {
        let id = reference.as_str();
        let path = if reference.is_hosted_page() {
            format!("/v1/checkout/sessions/{id}/expire")
        } else {
            format!("/v1/payment_intents/{id}/cancel")
        };
        // Repeating it is harmless, so the reference itself is the key.
        let answer = self
            .http
            .post_form(&path, &[], Some(&format!("cancel-{id}")))?;
        let now = self.retrieve(reference, expected)?;
        match rejection(&answer) {
            Some(rejection) if !now.state.is_final() => Err(rejection),
            _ => Ok(now),
        }
    }

    /// Gives money back. Repeating it with the same key gives nothing a second time.
    pub fn refund(&self, refund: &CardRefund) -> Result<RefundState, CardError> {
        let amount = refund.amount.minor().to_string();
        let form = [
            ("charge", refund.charge.as_str()),
            ("amount", &amount),
            ("metadata[refund]", refund.key.as_str()),
        ];
        let answer = self.http.post_form(
            "/v1/refunds",
            &form,
            Some(&format!("refund-{}", refund.key.as_str())),
        )?;
        let wire: RefundWire = read(&answer)?;
        if wire.amount != refund.amount.minor() || wire.id.is_empty() {
            return Err(CardError::Mismatch);
        }
        match wire.status.as_deref() {
            Some("succeeded") => Ok(RefundState::Succeeded),
            Some("pending" | "requires_action") => Ok(RefundState::Pending),
            Some("failed" | "canceled") => Ok(RefundState::Failed),
            _ => Err(UNREADABLE),
        }
    }
}

fn read_session(answer: &Answer, expected: &Expected) -> Result<CardPayment, CardError> {
    let wire: SessionWire = read(answer)?;
    let same = wire.amount_total == expected.amount.minor()
        && wire.currency == "jpy"
        && wire.client_reference_id.as_deref() == Some(expected.key.as_str());
    if !same {
        return Err(CardError::Mismatch);
    }
    let intent = match &wire.payment_intent {
        Some(Expandable::Object(intent)) => {
            check_intent(intent, expected)?;
            Some(intent.id.clone())
        }
        Some(Expandable::Id(id)) => Some(id.clone()),
        None => None,
    };
    let state = wire.state().ok_or(UNREADABLE)?;
    let reference = CardReference::new(wire.id).ok_or(UNREADABLE)?;
    Ok(CardPayment {
        reference,
        intent,
        state,
    })
}

fn read_intent(answer: &Answer, expected: &Expected) -> Result<CardPayment, CardError> {
    let wire = match (answer.status, serde_json::from_str::<Refused>(&answer.body)) {
        // A declined card is a state of the intent, not a refusal of the request.
        (402, Ok(Refused { error })) if error.payment_intent.is_some() => {
            error.payment_intent.map(|intent| *intent)
        }
        _ => None,
    };
    let wire = match wire {
        Some(wire) => wire,
        None => read::<IntentWire>(answer)?,
    };
    check_intent(&wire, expected)?;
    let state = wire.state().ok_or(UNREADABLE)?;
    let reference = CardReference::new(wire.id.as_str()).ok_or(UNREADABLE)?;
    Ok(CardPayment {
        reference,
        intent: Some(wire.id),
        state,
    })
}

fn check_intent(wire: &IntentWire, expected: &Expected) -> Result<(), CardError> {
    let received_less = wire.status == "succeeded"
        && wire
            .amount_received
            .is_some_and(|received| received != wire.amount);
    let same = wire.amount == expected.amount.minor()
        && wire.currency == "jpy"
        && wire.metadata.get("top_up").map(String::as_str) == Some(expected.key.as_str());
    if same && !received_less {
        Ok(())
    } else {
        Err(CardError::Mismatch)
    }
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, CardError> {
    match rejection(answer) {
        Some(rejection) => Err(rejection),
        None => serde_json::from_str(&answer.body).map_err(|_| UNREADABLE),
    }
}

/// What an answer refuses, if it does. Only a clear "no" is one: all else leaves the outcome unknown.
fn rejection(answer: &Answer) -> Option<CardError> {
    match answer.status {
        200..=299 => None,
        400..=499 if !matches!(answer.status, 408 | 409 | 425 | 429) => {
            let refused = serde_json::from_str::<Refused>(&answer.body).ok();
            let (kind, code) = refused.map_or((None, None), |refused| {
                (refused.error.kind, refused.error.code)
            });
            // A foreign text goes into our logs: keep it to a word.
            let word = |text: Option<String>| text.filter(|text| is_token(text, 64));
            let (kind, code) = (word(kind), word(code));
            let unknown = || "unknown".to_owned();
            Some(CardError::Rejected {
                status: answer.status,
                code: code.or_else(|| kind.clone()).unwrap_or_else(unknown),
                kind: kind.unwrap_or_else(unknown),
            })
        }
        status => Some(CardError::Unreachable {
            retryable: true,
            silent: status >= 500 || status == 429,
        }),
    }
}
