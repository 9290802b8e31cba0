//! The network's objects as JSON, member for member as the Stripe-shaped API names them.

use serde_json::{Value, json};

use crate::network::{Charge, Dispute, Event, Intent, Method, Refund, Session, SessionStatus};

/// The version of the Stripe-shaped API that answers and events carry.
pub(crate) const API_VERSION: &str = "2025-03-31.basil";

impl Intent {
    /// `expanded` puts the latest charge in place of its id.
    pub(crate) fn json(&self, base_url: &str, expanded: bool) -> Value {
        let charge = match (&self.charge, expanded) {
            (Some(_), true) => self.charge_json().unwrap_or(Value::Null),
            (Some(charge), false) => Value::from(charge.id.clone()),
            (None, _) => Value::Null,
        };
        json!({
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_received": if self.charge.as_ref().is_some_and(|charge| charge.paid) { self.amount } else { 0 },
            "capture_method": "automatic",
            "client_secret": self.secret,
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": self.currency,
            "last_payment_error": self.last_error.map(|error| json!({
                "type": "card_error",
                "code": error.code,
                "decline_code": error.decline_code,
                "message": error.message,
            })),
            "latest_charge": charge,
            "livemode": false,
            "metadata": self.metadata,
            "next_action": self.next_action(base_url),
            "payment_method": self.method.as_ref().map(|method| method.id.as_str()),
            "payment_method_types": ["card"],
            "status": self.status.text(),
        })
    }

    fn next_action(&self, base_url: &str) -> Value {
        match (&self.challenge, &self.return_url) {
            (Some(_), Some(return_url)) => json!({
                "type": "redirect_to_url",
                "redirect_to_url": { "url": self.challenge_url(base_url), "return_url": return_url },
            }),
            // Without an address to come back to, only the peer's own script could lead the way.
            (Some(_), None) => json!({ "type": "use_stripe_sdk", "use_stripe_sdk": {} }),
            (None, _) => Value::Null,
        }
    }

    pub(crate) fn challenge_url(&self, base_url: &str) -> String {
        // The client secret makes the address unguessable even where the intent's id is known.
        format!("{base_url}/challenge/{}", self.secret)
    }

    pub(crate) fn charge_json(&self) -> Option<Value> {
        self.charge.as_ref().map(|charge| charge.json(self))
    }
}

impl Charge {
    fn json(&self, intent: &Intent) -> Value {
        json!({
            "id": self.id,
            "object": "charge",
            "amount": intent.amount,
            "amount_captured": if self.paid { intent.amount } else { 0 },
            "amount_refunded": self.refunded,
            "captured": self.paid,
            "created": self.created,
            "currency": intent.currency,
            "disputed": self.disputed,
            "failure_code": (!self.paid).then(|| intent.last_error.map(|error| error.code)).flatten(),
            "livemode": false,
            "metadata": intent.metadata,
            "paid": self.paid,
            "payment_intent": intent.id,
            "payment_method": self.method.id,
            "payment_method_details": {
                "type": "card",
                "card": self.method.card_json(self.authentication),
            },
            "refunded": self.paid && self.refunded == intent.amount,
            "status": if self.paid { "succeeded" } else { "failed" },
        })
    }
}

impl Method {
    fn card_json(&self, authentication: Option<&'static str>) -> Value {
        json!({
            "brand": self.card.brand,
            "last4": self.card.last4(),
            "funding": "credit",
            "country": "JP",
            "three_d_secure": authentication.map(|flow| json!({
                "authentication_flow": flow,
                "result": "authenticated",
                "result_reason": null,
                "version": "2.2.0",
            })),
        })
    }
}

impl Session {
    /// `expanded` puts the intent and its latest charge in place of their ids.
    pub(crate) fn json(&self, base_url: &str, intent: Option<&Intent>, expanded: bool) -> Value {
        let (amount, currency) = intent.map_or((0, "jpy"), |intent| {
            (intent.amount, intent.currency.as_str())
        });
        let intent = match intent {
            Some(intent) if expanded => intent.json(base_url, true),
            _ => Value::from(self.intent.clone()),
        };
        let (status, payment_status) = match self.status {
            SessionStatus::Open => ("open", "unpaid"),
            SessionStatus::Complete => ("complete", "paid"),
            SessionStatus::Expired => ("expired", "unpaid"),
        };
        json!({
            "id": self.id,
            "object": "checkout.session",
            "amount_subtotal": amount,
            "amount_total": amount,
            "cancel_url": self.cancel_url,
            "client_reference_id": self.client_reference_id,
            "created": self.created,
            "currency": currency,
            "expires_at": self.expires_at,
            "livemode": false,
            "locale": self.locale,
            "metadata": self.metadata,
            "mode": "payment",
            "payment_intent": intent,
            "payment_method_types": ["card"],
            "payment_status": payment_status,
            "status": status,
            "success_url": self.success_url,
            "url": (self.status == SessionStatus::Open).then(|| format!("{base_url}/pay/{}", self.id)),
        })
    }
}

impl Refund {
    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "metadata": self.metadata,
            "payment_intent": self.intent,
            "status": "succeeded",
        })
    }
}

impl Dispute {
    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "dispute",
            "amount": self.amount,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "livemode": false,
            "metadata": {},
            "payment_intent": self.intent,
            "reason": "fraudulent",
            "status": self.status.text(),
        })
    }
}

impl Event {
    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.created,
            "data": { "object": self.object },
            "livemode": false,
            "type": self.kind,
        })
    }
}
