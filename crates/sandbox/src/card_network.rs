//! The running card network: its state behind one lock, and what happened there on its way out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, header};

use crate::faults::Faults;
use crate::network::Network;
use crate::shelf::Shelf;
use crate::webhooks::{Endpoints, Outgoing};

/// Idempotency keys remembered; a real network remembers them for a day.
const KEYS_MAX: usize = 20_000;

/// The answer to the first request with a key, for every later one.
pub(crate) struct FirstAnswer {
    pub(crate) request: [u8; 32],
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Everything behind the one lock.
pub(crate) struct Books {
    pub(crate) network: Network,
    pub(crate) first_answers: Shelf<FirstAnswer>,
}

/// The running card network: its state and everything a request needs.
pub(crate) struct CardNetwork {
    books: Mutex<Books>,
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) outgoing: Outgoing,
    pub(crate) api_key: String,
    pub(crate) clock: fn() -> i64,
}

impl CardNetwork {
    pub(crate) fn new(
        network: Network,
        endpoints: Arc<Endpoints>,
        faults: Arc<Faults>,
        outgoing: Outgoing,
        api_key: String,
        clock: fn() -> i64,
    ) -> Self {
        let books = Books {
            network,
            first_answers: Shelf::with_places(KEYS_MAX),
        };
        Self {
            books: Mutex::new(books),
            endpoints,
            faults,
            outgoing,
            api_key,
            clock,
        }
    }

    /// Seconds since 1970, UTC.
    pub(crate) fn now(&self) -> i64 {
        (self.clock)().div_euclid(1_000_000)
    }

    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the network's state and sends out whatever happened there, in its order.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Network, i64) -> T) -> T {
        let now = self.now();
        let mut books = self.books();
        let answer = work(&mut books.network, now);
        self.send_events(&mut books);
        answer
    }

    pub(crate) fn send_events(&self, books: &mut Books) {
        // Still under the lock: two requests must not swap the order of what they caused.
        for event in books.network.take_fresh_events() {
            self.outgoing.send(event);
        }
    }

    pub(crate) fn authorised(&self, headers: &HeaderMap) -> bool {
        let Some(given) = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
        else {
            return false;
        };
        match given.split_once(' ') {
            Some(("Bearer", key)) => key == self.api_key,
            Some(("Basic", pair)) => {
                use base64::Engine as _;
                let expected =
                    base64::engine::general_purpose::STANDARD.encode(format!("{}:", self.api_key));
                pair == expected
            }
            _ => false,
        }
    }
}
