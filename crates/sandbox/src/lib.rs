//! Faithful local peers of the outside world, for development and tests.
//!
//! A wallet talks to a card network, an SMS service and a mail server. This crate plays all three over
//! real sockets and in a process of its own, so that whatever can go wrong between two machines can go
//! wrong here too: replies get lost, webhooks come twice or out of order ([`FAULTS_PATH`]).
//! It knows nothing of the wallet; it speaks the public protocols only.
//!
//! * the **card network** speaks the Stripe-shaped API (payment intents, checkout sessions, refunds,
//!   events, webhooks) and shows its own card form and 3-D Secure challenge page;
//! * it is bounded everywhere: objects kept, body sizes, connections, retries.

mod address;
mod card_api;
mod card_network;
mod cards;
mod draw;
mod faults;
mod form;
mod hosted_page;
mod line;
mod network;
mod objects;
mod refusal;
mod shelf;
mod webhooks;
mod words;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::card_network::CardNetwork;
use crate::draw::Draw;
use crate::faults::Faults;
use crate::line::{BoundedListener, CutSwitch};
use crate::network::Network;
use crate::webhooks::{Courier, Endpoints};

/// Where a test sets what goes wrong: `POST` a JSON object, authorised like any API call.
///
/// Members, all numbers, all zero unless named: `drop_next_reply` (replies lost after the work was
/// done), `fail_next` (requests answered 500 with nothing done), `drop_webhooks` (events nobody hears
/// of), `duplicate_webhooks` (events delivered twice), `reorder_webhooks` (so many events are held and
/// then delivered last first), `delay_ms` (milliseconds by which API replies are late).
pub const FAULTS_PATH: &str = "/_sandbox/faults";

const CONNECTIONS_MAX: usize = 256;

/// How to run the sandbox. Port 0 picks a free port; every listener binds 127.0.0.1.
pub struct SandboxConfig {
    /// The card network's port: API and hosted pages.
    pub card_port: u16,
    /// Where to send webhooks from the start; more can be registered by `POST /v1/webhook_endpoints`.
    pub webhook_url: Option<String>,
    /// Signs the webhooks sent to `webhook_url`.
    pub webhook_secret: String,
    /// The first pause before a webhook is sent again; doubles each time, up to a minute.
    pub webhook_retry: Duration,
    /// The one secret key that the card API takes.
    pub api_key: String,
    /// All ids, page addresses and challenge codes come from this seed.
    pub seed: [u8; 32],
    /// The present in microseconds since 1970, UTC.
    pub clock: fn() -> i64,
}

/// Where the peers can be reached.
#[derive(Clone, Debug, Serialize)]
pub struct Addresses {
    /// The card network, without a slash at the end: `http://127.0.0.1:PORT`.
    pub card_url: String,
}

/// The running sandbox. Dropping it stops every peer.
pub struct Sandbox {
    addresses: Addresses,
    /// Taken out when the sandbox stops.
    runtime: Option<Runtime>,
}

impl Sandbox {
    /// Where the peers can be reached.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Without waiting, so that a sandbox may also be dropped inside somebody's async task.
            runtime.shutdown_background();
        }
    }
}

/// Binds every port and starts the peers on threads of their own.
///
/// Fails if a port is taken. When this returns, the addresses answer.
pub fn run(config: SandboxConfig) -> io::Result<Sandbox> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("sandbox")
        .enable_io()
        .enable_time()
        .build()?;
    let addresses = runtime.block_on(start(config))?;
    Ok(Sandbox {
        addresses,
        runtime: Some(runtime),
    })
}

async fn start(config: SandboxConfig) -> io::Result<Addresses> {
    let card = bind(config.card_port).await?;
    let card_url = format!("http://{}", card.local_addr()?);
    start_card_network(config, card, card_url.clone());
    Ok(Addresses { card_url })
}

async fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await
}

fn start_card_network(config: SandboxConfig, listener: TcpListener, card_url: String) {
    let mut draw = Draw::from_seed(config.seed);
    let endpoints = Arc::<Endpoints>::default();
    if let Some(url) = config.webhook_url
        && endpoints
            .register(&mut draw, url, Some(config.webhook_secret), Vec::new())
            .is_err()
    {
        tracing::warn!("the webhook address is not an http address: no webhooks");
    }
    let faults = Arc::<Faults>::default();
    let courier = Courier {
        endpoints: Arc::clone(&endpoints),
        faults: Arc::clone(&faults),
        clock: config.clock,
        first_pause: config.webhook_retry,
    };
    let network = Network::new(draw, card_url);
    let network = CardNetwork::new(
        network,
        endpoints,
        faults,
        courier.start(),
        config.api_key,
        config.clock,
    );
    let routes = card_api::router()
        .merge(hosted_page::router())
        .layer(DefaultBodyLimit::max(card_api::BODY_BYTES_MAX))
        .with_state(Arc::new(network));
    let service = routes.into_make_service_with_connect_info::<CutSwitch>();
    let listener = BoundedListener::new(listener, CONNECTIONS_MAX);
    tokio::spawn(async move { axum::serve(listener, service).await });
}
