//! Telling the wallet: signed webhooks, retried with growing pauses.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::mpsc;

use crate::draw::Draw;
use crate::faults::Faults;
use crate::network::Event;
use crate::refusal::ApiRefusal;

/// Addresses that want to be told.
const ENDPOINTS_MAX: usize = 16;
/// Events waiting for their first attempt; a full queue drops the newest, which then only `GET /v1/events` shows.
const WAITING_MAX: usize = 4_096;
/// Deliveries being retried at the same time.
const RETRYING_MAX: usize = 256;
const ATTEMPTS_MAX: u32 = 12;
const PAUSE_MAX: Duration = Duration::from_secs(60);

#[derive(Clone)]
struct Endpoint {
    id: String,
    url: String,
    secret: String,
    /// Kinds of event it wants; empty or `*` means all.
    wants: Vec<String>,
}

impl Endpoint {
    fn wants(&self, kind: &str) -> bool {
        self.wants.is_empty()
            || self
                .wants
                .iter()
                .any(|wanted| wanted == "*" || wanted == kind)
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "webhook_endpoint",
            "enabled_events": self.wants,
            "livemode": false,
            "status": "enabled",
            "url": self.url,
        })
    }
}

/// The endpoints, shared between the API that registers them and the courier that serves them.
#[derive(Default)]
pub(crate) struct Endpoints(Mutex<Vec<Endpoint>>);

impl Endpoints {
    fn list(&self) -> MutexGuard<'_, Vec<Endpoint>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers an address. The answer alone shows the secret, as the real network does.
    pub(crate) fn register(
        &self,
        draw: &mut Draw,
        url: String,
        secret: Option<String>,
        wants: Vec<String>,
    ) -> Result<Value, ApiRefusal> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(ApiRefusal::invalid(
                "url",
                "Invalid URL: An explicit scheme (such as https) must be provided.",
            ));
        }
        let mut list = self.list();
        if list.len() >= ENDPOINTS_MAX {
            return Err(ApiRefusal::invalid(
                "url",
                "You have reached the maximum of 16 webhook endpoints.",
            ));
        }
        let secret = secret.unwrap_or_else(|| draw.id("whsec_"));
        let endpoint = Endpoint {
            id: draw.id("we_"),
            url,
            secret,
            wants,
        };
        let mut answer = endpoint.json();
        answer["secret"] = Value::from(endpoint.secret.clone());
        list.push(endpoint);
        Ok(answer)
    }

    pub(crate) fn remove(&self, id: &str) -> Result<Value, ApiRefusal> {
        let mut list = self.list();
        let before = list.len();
        list.retain(|endpoint| endpoint.id != id);
        if list.len() == before {
            return Err(ApiRefusal::no_such("webhook_endpoint", id));
        }
        Ok(json!({ "id": id, "object": "webhook_endpoint", "deleted": true }))
    }

    pub(crate) fn json(&self) -> Vec<Value> {
        self.list().iter().map(Endpoint::json).collect()
    }
}

/// The queue in front of the courier.
pub(crate) struct Outgoing(mpsc::Sender<Event>);

impl Outgoing {
    pub(crate) fn send(&self, event: Event) {
        if self.0.try_send(event).is_err() {
            tracing::warn!("too many events are waiting: one will not be delivered");
        }
    }
}

/// Delivers events in the order they happened; what fails is retried on the side.
pub(crate) struct Courier {
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) clock: fn() -> i64,
    /// The first pause before a retry; each further one is twice as long, up to a minute.
    pub(crate) first_pause: Duration,
}

impl Courier {
    /// Starts the courier on the current runtime.
    pub(crate) fn start(self) -> Outgoing {
        let (outgoing, mut incoming) = mpsc::channel::<Event>(WAITING_MAX);
        let courier = Arc::new(self);
        tokio::spawn(async move {
            let retrying = Arc::new(tokio::sync::Semaphore::new(RETRYING_MAX));
            let mut held: Vec<Event> = Vec::new();
            while let Some(event) = incoming.recv().await {
                for event in courier.under_faults(event, &mut held) {
                    courier.deliver(&event, &retrying).await;
                }
            }
        });
        Outgoing(outgoing)
    }

    /// What really goes out when `event` happens: nothing, the event, the event twice, or a pile in reverse.
    fn under_faults(&self, event: Event, held: &mut Vec<Event>) -> VecDeque<Event> {
        if self.faults.strike(|plan| &mut plan.drop_webhooks) {
            return VecDeque::new();
        }
        if self.faults.strike(|plan| &mut plan.reorder_webhooks) {
            held.push(event);
            return match self.faults.current().reorder_webhooks {
                0 => held.drain(..).rev().collect(),
                _ => VecDeque::new(),
            };
        }
        let copies = if self.faults.strike(|plan| &mut plan.duplicate_webhooks) {
            2
        } else {
            1
        };
        std::iter::repeat_n(event, copies).collect()
    }

    async fn deliver(self: &Arc<Self>, event: &Event, retrying: &Arc<tokio::sync::Semaphore>) {
        let body: Arc<str> = event.json().to_string().into();
        let endpoints: Vec<Endpoint> = self
            .endpoints
            .list()
            .iter()
            .filter(|endpoint| endpoint.wants(event.kind))
            .cloned()
            .collect();
        for endpoint in endpoints {
            if self.attempt(&endpoint, &body).await {
                continue;
            }
            let Ok(place) = Arc::clone(retrying).try_acquire_owned() else {
                tracing::warn!(event = %event.id, "too many deliveries are being retried: given up");
                continue;
            };
            let (courier, body) = (Arc::clone(self), Arc::clone(&body));
            tokio::spawn(async move {
                let _place = place;
                let mut pause = courier.first_pause;
                for _ in 1..ATTEMPTS_MAX {
                    tokio::time::sleep(pause).await;
                    if courier.attempt(&endpoint, &body).await {
                        return;
                    }
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                tracing::warn!(url = %endpoint.url, "an event was never taken");
            });
        }
    }

    /// One attempt, signed with the time of this attempt. `true` if it was taken.
    async fn attempt(&self, endpoint: &Endpoint, body: &Arc<str>) -> bool {
        let at = (self.clock)() / 1_000_000;
        let signature = sign(&endpoint.secret, at, body);
        let (url, body) = (endpoint.url.clone(), Arc::clone(body));
        // The client is synchronous; a blocking thread keeps it from holding up the pages.
        let sent = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder()
                .timeout_global(Some(Duration::from_secs(10)))
                .max_redirects(0)
                .http_status_as_error(false)
                .proxy(None)
                .build()
                .into();
            agent
                .post(&url)
                .header("content-type", "application/json; charset=utf-8")
                .header("stripe-signature", &signature)
                .send(&*body)
                .map(|answer| answer.status().is_success())
        });
        matches!(sent.await, Ok(Ok(true)))
    }
}

/// The `Stripe-Signature` header: time and HMAC-SHA256 over `time.body`.
fn sign(secret: &str, at: i64, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        unreachable!("HMAC takes a key of any length");
    };
    mac.update(format!("{at}.{body}").as_bytes());
    let hex: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("t={at},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_matches_a_vector_made_with_openssl() {
        // printf '%s' '1492774577.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test
        let expected = "7656fc2882a7ca0a651666b36bf2f2f22ee204f54f608f227498a2419f2890b2";
        assert_eq!(
            sign("whsec_test", 1_492_774_577, r#"{"id":"evt_1"}"#),
            format!("t=1492774577,v1={expected}")
        );
    }
}
