//! Faithful local peers of the outside world, for development and tests.
//!
//! A wallet talks to a card network, an SMS service, a mail server and push services. This crate plays them over
//! real sockets and in a process of its own, so that whatever can go wrong between two machines can go
//! wrong here too: replies get lost, webhooks come twice or out of order ([`FAULTS_PATH`]).
//! It knows nothing of the wallet; it speaks the public protocols only.
//!
//! * the **card network** speaks the Stripe-shaped API (payment intents, checkout sessions, refunds,
//!   disputes, events, webhooks) and shows its own card form and 3-D Secure challenge page;
//! * the **SMS service** takes Twilio-shaped form posts, the **mail server** speaks SMTP;
//! * the **push service** takes web push (RFC 8030), and decrypts it as the browsers behind it do;
//! * the **inbox** shows what all three have delivered, live.
//!
//! By themselves stand a service of leaked passwords ([`PasswordRanges`]) and a provider of external IDs ([`OpenIdPeer`]).
//!
//! All of it is bounded: objects and messages kept, body sizes, connections, retries.

mod address;
mod card_api;
mod card_fields;
mod card_network;
mod cards;
mod draw;
mod faults;
mod form;
mod hosted_page;
mod inbox;
mod inbox_page;
mod line;
mod network;
mod objects;
mod openid;
mod password_ranges;
mod push_service;
mod refusal;
mod shelf;
mod sms;
mod smtp;
mod webhooks;
mod words;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::card_network::CardNetwork;
use crate::draw::Draw;
use crate::faults::Faults;
use crate::inbox::Inbox;
use crate::line::{BoundedListener, CutSwitch};
use crate::network::Network;
use crate::push_service::PushService;
use crate::sms::SmsService;
use crate::webhooks::{Courier, Endpoints};

pub use openid::{
    OPENID_FAULTS_PATH, OPENID_ROTATE_PATH, OpenIdFault, OpenIdPeer, OpenIdPeerConfig,
};
pub use password_ranges::{AskedRange, PasswordRanges};

/// Where a test sets what goes wrong: `POST` a JSON object, authorised like any API call.
///
/// Members, all numbers, all zero unless named: `drop_next_reply` (replies lost after the work was
/// done), `fail_next` (requests answered 500 with nothing done), `drop_webhooks` (events that are
/// never sent), `duplicate_webhooks` (events delivered twice), `reorder_webhooks` (so many events are held and
/// then delivered last first), `fail_next_sms`, `fail_next_mail` and
/// `fail_next_push` (messages refused for now),
/// `delay_ms` (milliseconds by which API replies of the card network are late).
pub const FAULTS_PATH: &str = "/_sandbox/faults";

/// Where a test has a cardholder dispute a charge: `POST` the form `charge=ch_…`, authorised like any API call.
pub const DISPUTES_PATH: &str = "/_sandbox/disputes";

const CONNECTIONS_MAX: usize = 256;

/// How to run the sandbox. Port 0 picks a free port; every listener binds 127.0.0.1.
pub struct SandboxConfig {
    /// The card network's port: API and hosted pages.
    pub card_port: u16,
    /// The SMS service's port.
    pub sms_port: u16,
    /// The mail server's port.
    pub smtp_port: u16,
    /// The inbox page's port.
    pub inbox_port: u16,
    /// Where to send webhooks from the start; more can be registered by `POST /v1/webhook_endpoints`.
    pub webhook_url: Option<String>,
    /// Signs the webhooks sent to `webhook_url`.
    pub webhook_secret: String,
    /// The first pause before a webhook is sent again; doubles each time, up to a minute.
    pub webhook_retry: Duration,
    /// The one secret key that the card API takes.
    pub api_key: String,
    /// The one account of the SMS service.
    pub sms_account: String,
    pub sms_token: String,
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
    /// The SMS service, without a slash at the end.
    pub sms_url: String,
    /// The push service, without a slash at the end; its port is a free one.
    pub push_url: String,
    /// The mail server, `127.0.0.1:PORT`.
    pub smtp_address: SocketAddr,
    /// The inbox page, without a slash at the end.
    pub inbox_url: String,
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
            // Without waiting, so that a sandbox may also be dropped inside an async task.
            runtime.shutdown_background();
        }
    }
}

/// The paths of the inbox page, all of them read only; a program that shows its route table tells these too.
pub fn inbox_paths() -> Vec<&'static str> {
    inbox_page::paths()
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
    let (card, sms) = (bind(config.card_port).await?, bind(config.sms_port).await?);
    let (smtp, inbox_listener) = (
        bind(config.smtp_port).await?,
        bind(config.inbox_port).await?,
    );
    let push = bind(0).await?;
    let addresses = Addresses {
        push_url: url_of(&push)?,
        card_url: url_of(&card)?,
        sms_url: url_of(&sms)?,
        smtp_address: smtp.local_addr()?,
        inbox_url: url_of(&inbox_listener)?,
    };
    let mut draw = Draw::from_seed(config.seed);
    let inbox = Arc::new(Inbox::new(config.clock));
    let faults = Arc::<Faults>::default();
    let service = SmsService {
        account: config.sms_account.clone(),
        token: config.sms_token.clone(),
        inbox: Arc::clone(&inbox),
        faults: Arc::clone(&faults),
        draw: Mutex::new(Draw::from_seed(draw.seed())),
    };
    start_pages(sms, sms::router(service));
    let service = PushService {
        origin: addresses.push_url.clone(),
        inbox: Arc::clone(&inbox),
        faults: Arc::clone(&faults),
        draw: Mutex::new(Draw::from_seed(draw.seed())),
        clock: config.clock,
        browsers: Mutex::default(),
    };
    start_pages(push, push_service::router(service));
    start_pages(inbox_listener, inbox_page::router(Arc::clone(&inbox)));
    tokio::spawn(smtp::serve(bounded(smtp), inbox, Arc::clone(&faults)));
    start_card_network(config, draw, faults, card, addresses.card_url.clone());
    Ok(addresses)
}

fn url_of(listener: &TcpListener) -> io::Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}

fn bounded(listener: TcpListener) -> BoundedListener {
    BoundedListener::new(listener, CONNECTIONS_MAX)
}

fn start_pages(listener: TcpListener, routes: Router) {
    let service = routes.into_make_service_with_connect_info::<CutSwitch>();
    tokio::spawn(async move { axum::serve(bounded(listener), service).await });
}

async fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await
}

fn start_card_network(
    config: SandboxConfig,
    mut draw: Draw,
    faults: Arc<Faults>,
    listener: TcpListener,
    card_url: String,
) {
    let endpoints = Arc::<Endpoints>::default();
    if let Some(url) = config.webhook_url
        && endpoints
            .register(&mut draw, url, Some(config.webhook_secret), Vec::new())
            .is_err()
    {
        tracing::warn!("the webhook address is not an http address: no webhooks");
    }
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
    start_pages(listener, routes);
}
