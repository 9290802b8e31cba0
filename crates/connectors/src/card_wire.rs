//! The processor's answers as they come over the wire, and what they mean.
//!
//! Only the members that decide something are read. What cannot be understood is no answer at all: it is
//! never taken for a success and never for a refusal.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::card_state::{Aftermath, Brand, CardFace, FailureReason, IntentState, LiabilityShift};

/// An id, or the whole object where the request asked for it.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Expandable<T> {
    Id(String),
    Object(T),
}

impl<T> Expandable<T> {
    pub(crate) fn object(&self) -> Option<&T> {
        match self {
            Self::Id(_) => None,
            Self::Object(object) => Some(object),
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct IntentWire {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) amount: u64,
    pub(crate) amount_received: Option<u64>,
    pub(crate) currency: String,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    next_action: Option<NextAction>,
    latest_charge: Option<Expandable<ChargeWire>>,
    last_payment_error: Option<ErrorWire>,
    payment_method: Option<Expandable<MethodWire>>,
}

#[derive(Deserialize)]
struct NextAction {
    redirect_to_url: Option<RedirectWire>,
}

#[derive(Deserialize)]
struct RedirectWire {
    url: String,
}

#[derive(Deserialize)]
pub(crate) struct ChargeWire {
    id: String,
    #[serde(default)]
    amount_refunded: u64,
    #[serde(default)]
    refunded: bool,
    #[serde(default)]
    disputed: bool,
    payment_method_details: Option<MethodWire>,
}

#[derive(Deserialize)]
struct MethodWire {
    card: Option<CardWire>,
}

#[derive(Deserialize)]
struct CardWire {
    brand: Option<String>,
    last4: Option<String>,
    three_d_secure: Option<ThreeDSecureWire>,
}

#[derive(Deserialize)]
struct ThreeDSecureWire {
    result: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct SessionWire {
    pub(crate) id: String,
    status: Option<String>,
    payment_status: Option<String>,
    url: Option<String>,
    pub(crate) amount_total: u64,
    pub(crate) currency: String,
    pub(crate) client_reference_id: Option<String>,
    pub(crate) payment_intent: Option<Expandable<IntentWire>>,
}

#[derive(Deserialize)]
pub(crate) struct RefundWire {
    pub(crate) id: String,
    pub(crate) amount: u64,
    pub(crate) status: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Refused {
    pub(crate) error: ErrorWire,
}

#[derive(Deserialize)]
pub(crate) struct ErrorWire {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) code: Option<String>,
    decline_code: Option<String>,
    pub(crate) payment_intent: Option<Box<IntentWire>>,
}

impl ErrorWire {
    pub(crate) fn reason(&self) -> FailureReason {
        match (self.code.as_deref(), self.decline_code.as_deref()) {
            (_, Some("insufficient_funds")) => FailureReason::InsufficientFunds,
            (Some("expired_card"), _) => FailureReason::CardExpired,
            (Some("incorrect_cvc" | "invalid_cvc"), _) => FailureReason::SecurityCodeWrong,
            (Some("payment_intent_authentication_failure"), _) => FailureReason::NotAuthenticated,
            (Some("processing_error"), _) => FailureReason::ProcessorTrouble,
            (Some("card_declined"), _) => FailureReason::Declined,
            _ => FailureReason::Other,
        }
    }
}

impl IntentWire {
    /// What the intent's status means; `None` for a status that did not exist when this was written.
    pub(crate) fn state(&self) -> Option<IntentState> {
        Some(match self.status.as_str() {
            "requires_payment_method" => match &self.last_payment_error {
                Some(error) => IntentState::Failed {
                    reason: error.reason(),
                },
                None => IntentState::Pending,
            },
            "requires_confirmation" => IntentState::Pending,
            "requires_action" => IntentState::RequiresAction {
                url: self
                    .next_action
                    .as_ref()
                    .and_then(|action| action.redirect_to_url.as_ref())
                    .map(|redirect| redirect.url.clone()),
            },
            "processing" | "requires_capture" => IntentState::Processing,
            "succeeded" => self.succeeded()?,
            "canceled" => IntentState::Cancelled,
            _ => return None,
        })
    }

    pub(crate) fn last_reason(&self) -> Option<FailureReason> {
        self.last_payment_error.as_ref().map(ErrorWire::reason)
    }

    fn succeeded(&self) -> Option<IntentState> {
        // Money without a charge cannot be given back: not understood, so asked again.
        let latest_charge = self.latest_charge.as_ref()?;
        let charge = match latest_charge {
            Expandable::Id(id) => id.clone(),
            Expandable::Object(charge) => charge.id.clone(),
        };
        let on_charge = latest_charge
            .object()
            .and_then(|charge| charge.payment_method_details.as_ref());
        let on_method = self.payment_method.as_ref().and_then(Expandable::object);
        let card = on_charge
            .or(on_method)
            .and_then(|method| method.card.as_ref());
        Some(IntentState::Succeeded {
            charge,
            card: card.and_then(CardWire::face),
            liability_shift: card.map_or(LiabilityShift::Unknown, CardWire::liability_shift),
            aftermath: latest_charge
                .object()
                .map_or_else(Aftermath::default, |charge| charge.aftermath(self.amount)),
        })
    }
}

impl ChargeWire {
    fn aftermath(&self, amount: u64) -> Aftermath {
        Aftermath {
            refunded: self.amount_refunded,
            refunded_in_full: self.refunded || self.amount_refunded >= amount,
            disputed: self.disputed,
        }
    }
}

impl CardWire {
    fn face(&self) -> Option<CardFace> {
        let last4 = self
            .last4
            .as_ref()
            .filter(|digits| digits.len() == 4 && digits.bytes().all(|d| d.is_ascii_digit()))?;
        Some(CardFace {
            brand: Brand::named(self.brand.as_deref().unwrap_or_default()),
            last4: last4.clone(),
        })
    }

    fn liability_shift(&self) -> LiabilityShift {
        match self
            .three_d_secure
            .as_ref()
            .and_then(|outcome| outcome.result.as_deref())
        {
            // An issuer that took part and could not answer bears the risk as well.
            Some("authenticated" | "attempt_acknowledged") => LiabilityShift::Shifted,
            _ => LiabilityShift::NotShifted,
        }
    }
}

impl SessionWire {
    /// What a hosted page and the intent behind it mean together.
    pub(crate) fn state(&self) -> Option<IntentState> {
        let intent = self.payment_intent.as_ref().and_then(Expandable::object);
        let paid = intent.filter(|intent| intent.status == "succeeded");
        match (self.status.as_deref()?, self.payment_status.as_deref()) {
            // Whatever the page says: money that was taken was taken.
            _ if paid.is_some() => paid.and_then(IntentWire::state),
            // A declined card leaves the page open for another one.
            ("open", _) => match intent.and_then(IntentWire::state) {
                Some(IntentState::Processing) => Some(IntentState::Processing),
                _ => Some(IntentState::RequiresAction {
                    url: self.url.clone(),
                }),
            },
            ("expired", _) => Some(match intent.and_then(IntentWire::last_reason) {
                Some(reason) => IntentState::Failed { reason },
                None => IntentState::Cancelled,
            }),
            ("complete", Some("unpaid")) => Some(IntentState::Processing),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn intent(more: Value) -> Option<IntentState> {
        let mut wire =
            json!({"id": "pi_1", "status": "processing", "amount": 5000, "currency": "jpy"});
        for (name, value) in more.as_object().unwrap() {
            wire[name] = value.clone();
        }
        serde_json::from_value::<IntentWire>(wire).ok()?.state()
    }

    #[test]
    fn every_status_has_one_meaning() {
        let declined = json!({"code": "card_declined", "decline_code": "insufficient_funds"});
        for (wire, expected) in [
            (
                json!({"status": "requires_payment_method"}),
                Some(IntentState::Pending),
            ),
            (
                json!({"status": "requires_payment_method", "last_payment_error": declined}),
                Some(IntentState::Failed {
                    reason: FailureReason::InsufficientFunds,
                }),
            ),
            (
                json!({"status": "requires_confirmation"}),
                Some(IntentState::Pending),
            ),
            (
                json!({"status": "requires_action", "next_action": {"type": "use_stripe_sdk"}}),
                Some(IntentState::RequiresAction { url: None }),
            ),
            (
                json!({"status": "requires_action", "next_action": {"redirect_to_url": {"url": "https://bank/x"}}}),
                Some(IntentState::RequiresAction {
                    url: Some("https://bank/x".to_owned()),
                }),
            ),
            (
                json!({"status": "processing"}),
                Some(IntentState::Processing),
            ),
            (json!({"status": "canceled"}), Some(IntentState::Cancelled)),
            (json!({"status": "succeeded"}), None),
            (
                json!({"status": "succeeded", "latest_charge": "ch_1"}),
                Some(IntentState::Succeeded {
                    charge: "ch_1".to_owned(),
                    card: None,
                    liability_shift: LiabilityShift::Unknown,
                    aftermath: Aftermath::default(),
                }),
            ),
            (json!({"status": "a status of next year"}), None),
        ] {
            assert_eq!(intent(wire.clone()), expected, "{wire}");
        }
    }

    #[test]
    fn the_issuer_bears_the_risk_only_after_three_d_secure() {
        for (outcome, expected) in [
            (json!({"result": "authenticated"}), LiabilityShift::Shifted),
            (
                json!({"result": "attempt_acknowledged"}),
                LiabilityShift::Shifted,
            ),
            (json!({"result": "failed"}), LiabilityShift::NotShifted),
            (json!({"result": "exempted"}), LiabilityShift::NotShifted),
            (Value::Null, LiabilityShift::NotShifted),
        ] {
            let card = json!({"brand": "jcb", "last4": "0505", "three_d_secure": outcome});
            let charge = json!({"id": "ch_1", "payment_method_details": {"card": card}});
            let found = intent(json!({"status": "succeeded", "latest_charge": charge}));
            let face = Some(CardFace {
                brand: Brand::Jcb,
                last4: "0505".to_owned(),
            });
            let charge = "ch_1".to_owned();
            assert_eq!(
                found,
                Some(IntentState::Succeeded {
                    charge,
                    card: face,
                    liability_shift: expected,
                    aftermath: Aftermath::default(),
                })
            );
        }
    }

    #[test]
    fn money_that_went_back_is_told_with_the_charge() {
        let whole = |refunded, refunded_in_full, disputed| Aftermath {
            refunded,
            refunded_in_full,
            disputed,
        };
        for (charge, expected) in [
            (json!({"amount_refunded": 0}), whole(0, false, false)),
            (
                json!({"amount_refunded": 1_000, "refunded": false}),
                whole(1_000, false, false),
            ),
            (
                json!({"amount_refunded": 5_000, "refunded": true}),
                whole(5_000, true, false),
            ),
            (json!({"amount_refunded": 5_000}), whole(5_000, true, false)),
            (json!({"disputed": true}), whole(0, false, true)),
        ] {
            let mut charge = charge;
            charge["id"] = json!("ch_1");
            let found = intent(json!({"status": "succeeded", "latest_charge": charge}));
            let Some(IntentState::Succeeded { aftermath, .. }) = found else {
                panic!("{found:?}")
            };
            assert_eq!(aftermath, expected, "{charge}");
        }
    }
}
