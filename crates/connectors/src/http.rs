//! One HTTP client for all connectors: bounded in time and size, retrying only what may be repeated.

use std::time::Duration;

use crate::secret::Secret;

/// Bytes of an answer that are read; a longer one is not an answer.
const ANSWER_BYTES_MAX: u64 = 512 * 1024;

/// How patient a connector is.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Time for one attempt, from connecting to the last byte.
    pub attempt: Duration,
    /// Attempts in all, at least 1. Each repeats the same bytes under the same idempotency key.
    pub attempts_max: u8,
    /// The first pause between two attempts; doubles each time.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(10),
            attempts_max: 3,
            pause: Duration::from_millis(200),
        }
    }
}

/// The other side gave no answer that could be understood.
///
/// **The outcome is unknown**: the work may have been done. Only the same request under the same key is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoAnswer {
    /// False where only a change of configuration can help: a bad address, a wrong certificate.
    pub(crate) retryable: bool,
}

/// Whatever the other side said.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// A client of one service.
pub(crate) struct HttpClient {
    agent: ureq::Agent,
    base_url: String,
    authorization: Secret,
    patience: Patience,
}

impl HttpClient {
    pub(crate) fn new(base_url: &str, authorization: Secret, patience: Patience) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(patience.attempt))
            // A redirect would carry the key to an address that the operator did not configure.
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent("mamori");
        // A proxy of the environment is for the outside world; a peer on this machine is reached directly.
        let config = if is_loopback(base_url) {
            config.proxy(None)
        } else {
            config
        };
        Self {
            agent: config.build().into(),
            base_url: base_url.trim_end_matches('/').to_owned(),
            authorization,
            patience,
        }
    }

    pub(crate) fn get(&self, path: &str) -> Result<Answer, NoAnswer> {
        self.patiently(|| {
            self.agent
                .get(format!("{}{path}", self.base_url))
                .header("authorization", self.authorization.reveal())
                .call()
        })
    }

    /// Asks a public service, which needs to know nobody, with one header of its own.
    pub(crate) fn get_openly(
        &self,
        path: &str,
        (name, value): (&str, &str),
    ) -> Result<Answer, NoAnswer> {
        self.patiently(|| {
            self.agent
                .get(format!("{}{path}", self.base_url))
                .header(name, value)
                .call()
        })
    }

    /// Sends a form. Without a key it is sent once: nothing tells the other side that a second one is a repeat.
    pub(crate) fn post_form(
        &self,
        path: &str,
        pairs: &[(&str, &str)],
        idempotency_key: Option<&str>,
    ) -> Result<Answer, NoAnswer> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        let attempt = || {
            let mut request = self
                .agent
                .post(format!("{}{path}", self.base_url))
                .header("content-type", "application/x-www-form-urlencoded")
                .header("accept", "application/json");
            if !self.authorization.reveal().is_empty() {
                request = request.header("authorization", self.authorization.reveal());
            }
            if let Some(key) = idempotency_key {
                request = request.header("idempotency-key", key);
            }
            request.send(&body)
        };
        match idempotency_key {
            Some(_) => self.patiently(attempt),
            None => one_attempt(&attempt),
        }
    }

    fn patiently(
        &self,
        attempt: impl Fn() -> Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer, NoAnswer> {
        let mut pause = self.patience.pause;
        let mut result = one_attempt(&attempt);
        for _ in 1..self.patience.attempts_max {
            let again = match &result {
                Ok(answer) => worth_repeating(answer.status),
                Err(no_answer) => no_answer.retryable,
            };
            if !again {
                break;
            }
            std::thread::sleep(pause);
            pause *= 2;
            result = one_attempt(&attempt);
        }
        result
    }
}

fn one_attempt(
    attempt: &impl Fn() -> Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Answer, NoAnswer> {
    let no_answer = |error: ureq::Error| NoAnswer {
        retryable: may_pass(&error),
    };
    let mut response = attempt().map_err(no_answer)?;
    let status = response.status().as_u16();
    let body = response
        .body_mut()
        .with_config()
        .limit(ANSWER_BYTES_MAX)
        .read_to_string()
        .map_err(no_answer)?;
    Ok(Answer { status, body })
}

/// A conflict (the first request with this key still runs), too many requests, or the other side's own fault.
fn worth_repeating(status: u16) -> bool {
    matches!(status, 409 | 429 | 500..=599)
}

/// Whether the same bytes may meet with an answer another time.
fn may_pass(error: &ureq::Error) -> bool {
    use ureq::Error as E;
    !matches!(
        error,
        E::BadUri(_)
            | E::Http(_)
            | E::RequireHttpsOnly(_)
            | E::InvalidProxyUrl
            | E::Tls(_)
            | E::Rustls(_)
            | E::TlsRequired
    )
}

pub(crate) fn is_loopback(base_url: &str) -> bool {
    let host = base_url
        .parse::<ureq::http::Uri>()
        .ok()
        .and_then(|uri| uri.host().map(str::to_owned));
    host.is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost"
            || host.ends_with(".localhost")
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    })
}
