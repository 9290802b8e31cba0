//! SMS through a Twilio-shaped service: one form post, basic authentication.

use base64::Engine as _;
use serde::Deserialize;

use crate::delivery::DeliveryError;
use crate::http::{HttpClient, Patience};
use crate::secret::Secret;

/// Characters of one text; the service takes no more.
pub const TEXT_MAX: usize = 1_600;

/// Where the service is and how it knows us.
#[derive(Clone, Debug)]
pub struct SmsConfig {
    /// `https://host`, without a path.
    pub base_url: String,
    /// The account, `AC…`.
    pub account: String,
    pub token: Secret,
    /// The number or name that messages come from.
    pub from: String,
    /// Time-outs of one call. Nothing is repeated here: the service knows no idempotency keys,
    /// so repeating is the outbox's decision.
    pub patience: Patience,
}

/// A telephone number in the international form of E.164: a plus and 8 to 15 digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// The number, or `None` if it is not in that form.
    pub fn new(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let right =
            (8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        right.then(|| Self(text.to_owned()))
    }

    /// The number as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A client of one account. Calls block; use it from worker threads.
pub struct SmsGateway {
    http: HttpClient,
    account: String,
    from: String,
}

#[derive(Deserialize)]
struct Receipt {
    sid: String,
}

#[derive(Deserialize)]
struct Refused {
    code: u32,
}

impl SmsGateway {
    /// Opens no connection yet.
    pub fn new(config: SmsConfig) -> Self {
        let pair = format!("{}:{}", config.account, config.token.reveal());
        let authorization = Secret::new(format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(pair)
        ));
        let http = HttpClient::new(&config.base_url, authorization, config.patience);
        Self {
            http,
            account: config.account,
            from: config.from,
        }
    }

    /// Hands over one text and answers with the service's id of it.
    pub fn send(&self, to: &PhoneNumber, text: &str) -> Result<String, DeliveryError> {
        if text.is_empty() || text.chars().count() > TEXT_MAX {
            return Err(DeliveryError::Rejected {
                code: "text_length".to_owned(),
            });
        }
        let path = format!("/2010-04-01/Accounts/{}/Messages.json", self.account);
        let form = [("To", to.as_str()), ("From", &self.from), ("Body", text)];
        let answer = self.http.post_form(&path, &form, None)?;
        match answer.status {
            200..=299 => match serde_json::from_str::<Receipt>(&answer.body) {
                Ok(receipt) => Ok(receipt.sid),
                Err(_) => Err(DeliveryError::Unreachable { retryable: true }),
            },
            // Our key is wrong: no message is at fault, and no repetition helps.
            401 | 403 => Err(DeliveryError::Unreachable { retryable: false }),
            400..=499 if answer.status != 408 && answer.status != 429 => {
                let refused = serde_json::from_str::<Refused>(&answer.body);
                let code = refused.map_or_else(
                    |_| answer.status.to_string(),
                    |refused| refused.code.to_string(),
                );
                Err(DeliveryError::Rejected { code })
            }
            _ => Err(DeliveryError::Unreachable { retryable: true }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_international() {
        for (text, right) in [
            ("+819012345678", true),
            ("09012345678", false),
            ("+81 90 1234 5678", false),
            ("+1234567", false),
            ("+1234567890123456", false),
            ("+8190１2345678", false),
            ("+81901234567&Body=x", false),
        ] {
            assert_eq!(PhoneNumber::new(text).is_some(), right, "{text}");
        }
    }
}
