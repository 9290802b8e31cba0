//! What the card network answers when it will not do what was asked.

use serde_json::{Value, json};

/// A refusal in the envelope of the Stripe-shaped API: `{"error": {type, code, message, param}}`.
#[derive(Debug, Clone)]
pub(crate) struct ApiRefusal {
    pub(crate) status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    decline_code: Option<&'static str>,
    message: String,
    param: Option<String>,
    intent: Option<Box<Value>>,
}

impl ApiRefusal {
    fn new(
        status: u16,
        kind: &'static str,
        code: Option<&'static str>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            kind,
            code,
            decline_code: None,
            message: message.into(),
            param: None,
            intent: None,
        }
    }

    pub(crate) fn unsigned() -> Self {
        Self::new(
            401,
            "invalid_request_error",
            None,
            "Invalid API key provided.",
        )
    }

    pub(crate) fn missing(param: &str) -> Self {
        let message = format!("Missing required param: {param}.");
        Self::new(
            400,
            "invalid_request_error",
            Some("parameter_missing"),
            message,
        )
        .about(param)
    }

    pub(crate) fn invalid(param: &str, message: impl Into<String>) -> Self {
        Self::new(
            400,
            "invalid_request_error",
            Some("parameter_invalid"),
            message,
        )
        .about(param)
    }

    pub(crate) fn unknown_param(param: &str) -> Self {
        let message = format!("Received unknown parameter: {param}");
        Self::new(
            400,
            "invalid_request_error",
            Some("parameter_unknown"),
            message,
        )
        .about(param)
    }

    pub(crate) fn no_such(what: &str, id: &str) -> Self {
        Self::new(
            404,
            "invalid_request_error",
            Some("resource_missing"),
            format!("No such {what}: '{id}'"),
        )
        .about("id")
    }

    pub(crate) fn unexpected_state(message: impl Into<String>) -> Self {
        Self::new(
            400,
            "invalid_request_error",
            Some("payment_intent_unexpected_state"),
            message,
        )
    }

    pub(crate) fn refund_too_large(message: impl Into<String>) -> Self {
        Self::new(
            400,
            "invalid_request_error",
            Some("charge_already_refunded"),
            message,
        )
        .about("amount")
    }

    pub(crate) fn other_body_same_key() -> Self {
        let message = "Keys for idempotent requests can only be used with the same parameters they were first used with.";
        Self::new(400, "idempotency_error", None, message)
    }

    pub(crate) fn declined(
        code: &'static str,
        decline_code: Option<&'static str>,
        message: &'static str,
        intent: Value,
    ) -> Self {
        Self {
            decline_code,
            intent: Some(Box::new(intent)),
            ..Self::new(402, "card_error", Some(code), message)
        }
    }

    pub(crate) fn broken() -> Self {
        Self::new(
            500,
            "api_error",
            None,
            "An injected fault: nothing was done.",
        )
    }

    fn about(self, param: &str) -> Self {
        Self {
            param: Some(param.to_owned()),
            ..self
        }
    }

    pub(crate) fn json(&self) -> Value {
        let mut error = json!({ "type": self.kind, "message": self.message });
        let more = [
            ("code", self.code.map(Value::from)),
            ("decline_code", self.decline_code.map(Value::from)),
            ("param", self.param.clone().map(Value::from)),
            ("payment_intent", self.intent.as_deref().cloned()),
        ];
        for (name, value) in more {
            if let Some(value) = value {
                error[name] = value;
            }
        }
        json!({ "error": error })
    }
}
