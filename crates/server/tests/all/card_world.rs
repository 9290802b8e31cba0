//! A card network that is really there, the route for its notices on a real socket, a customer with a card.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use mamori_connectors::card::{CardConfig, CardProcessor, IntentState, Patience};
use mamori_connectors::secret::Secret;
use mamori_domain::command::Command;
use mamori_domain::ids::{TopUpId, WalletId};
use mamori_domain::money::Amount;
use mamori_domain::reply::{Reply, TopUpState};
use mamori_domain::world::Timestamp;
use mamori_engine::hub::{Listening, WalletNews};
use mamori_flows::top_up::CardDesk;
use mamori_registry::{CardOrderRow, Registry};
use mamori_sandbox::{DISPUTES_PATH, FAULTS_PATH, Sandbox, SandboxConfig};
use mamori_server::listen::{ListenConfig, Listeners, router_service};
use mamori_server::routes;
use serde_json::Value;

use crate::house::{House, WALLET};

const API_KEY: &str = "sk_test";
/// The issuer says no to it.
pub const DECLINED: &str = "4000000000000002";
pub const PLAIN: &str = "4242424242424242";
/// An issuer without 3-D Secure.
pub const UNAUTHENTICATED: &str = "378282246310005";
/// The cardholder disputes the charge as soon as it is made.
pub const DISPUTED: &str = "4000000000000259";

/// The present of the network, and of the house when it opens.
fn opening() -> i64 {
    1_800_000_000_000_000
}

/// A card network of its own: it knows nothing of what any other one knows.
pub fn network(webhook_url: Option<String>) -> Sandbox {
    mamori_sandbox::run(SandboxConfig {
        card_port: 0,
        sms_port: 0,
        smtp_port: 0,
        inbox_port: 0,
        webhook_url,
        webhook_secret: "whsec_test".into(),
        webhook_retry: Duration::from_millis(5),
        api_key: API_KEY.into(),
        sms_account: "AC".into(),
        sms_token: "token".into(),
        seed: [7; 32],
        clock: opening,
    })
    .expect("free ports")
}

fn processor_at(url: &str) -> CardConfig {
    CardConfig {
        patience: Patience {
            attempt: Duration::from_secs(10),
            attempts_max: 1,
            pause: Duration::from_millis(1),
        },
        ..CardConfig::new(url, Secret::new(API_KEY))
    }
}

/// The desk of the same house at another address.
pub fn desk_at(url: &str) -> CardDesk {
    desk(processor_at(url))
}

/// The same, of a house that waits for nobody.
pub fn impatient_desk_at(url: &str) -> CardDesk {
    let mut config = processor_at(url);
    config.patience.attempt = Duration::from_millis(50);
    desk(config)
}

fn desk(config: CardConfig) -> CardDesk {
    CardDesk::new(
        CardProcessor::new(config),
        Secret::new("whsec_test"),
        WALLET,
        "test",
    )
}

/// A house, its card network, one customer.
pub struct CardWorld {
    pub house: House,
    pub network: Sandbox,
    pub wallet: WalletId,
    registry: Registry,
    handled: Receiver<StatusCode>,
    operators: Cell<u8>,
    _listeners: Listeners,
}

impl CardWorld {
    pub fn start() -> CardWorld {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("bound");
        let network = network(Some(format!("http://{address}/webhooks/card")));
        let house = House::with_cards(processor_at(&network.addresses().card_url));
        let (tell, handled) = channel();
        let heard = from_fn(move |request: Request, next: Next| {
            let tell = tell.clone();
            async move {
                let answer = next.run(request).await;
                let _ = tell.send(answer.status());
                answer
            }
        });
        let routes = routes::beside_merchants().into_router().layer(heard);
        let listeners = Listeners::start(ListenConfig {
            threads: 1,
            ..ListenConfig::default()
        })
        .expect("a thread");
        listeners
            .serve_at_most(
                socket,
                8,
                router_service(routes.with_state(Arc::clone(&house.app))),
            )
            .expect("a listener");
        let (_, wallet) = house.customer_of_the_book(1);
        CardWorld {
            registry: house.registry(),
            house,
            network,
            wallet,
            handled,
            operators: Cell::new(100),
            _listeners: listeners,
        }
    }

    /// What the house has answered to the network's next notices, in the order in which it was done with them.
    pub fn hear(&self, notices: usize) -> Vec<StatusCode> {
        let patience = Duration::from_secs(20);
        let next = |_| self.handled.recv_timeout(patience).expect("a notice comes");
        (0..notices).map(next).collect()
    }

    /// From here on the house hears nothing from the network by itself.
    pub fn cut_the_notices(&self) {
        self.call("POST", FAULTS_PATH, r#"{"drop_webhooks": 1000}"#);
    }

    /// Opens a top-up of 5,000 yen and its card page.
    pub fn start_top_up(&mut self, name: &str) -> (TopUpId, String) {
        let amount = Amount::yen(5_000);
        let started = self.house.done(Command::StartTopUp {
            wallet: self.wallet,
            idempotency_key: name.into(),
            amount,
        });
        let Reply::TopUp { top_up, .. } = started else {
            panic!("{started:?}")
        };
        let now = self.house.app.outside.now();
        let page = self
            .house
            .app
            .card_desk
            .open_page(&mut self.registry, top_up, amount, "ja", now)
            .map_err(|problem| problem.to_string())
            .expect("the network answers");
        match page.state {
            IntentState::RequiresAction { url: Some(url) } => (top_up, url),
            other => panic!("{other:?}"),
        }
    }

    /// The customer types a card into the network's own page.
    pub fn type_card(&self, page: &str, number: &str) {
        let security_code = if number == UNAUTHENTICATED {
            "1234"
        } else {
            "123"
        };
        let answer = agent()
            .post(page)
            .send_form([
                ("number", number),
                ("expiry", "12/34"),
                ("cvc", security_code),
            ])
            .expect("the page answers");
        assert_eq!(answer.status(), 303);
    }

    /// One round of the poller, at this desk: how many top-ups it moved.
    pub fn sweep_at(&mut self, desk: &CardDesk) -> usize {
        let app = &self.house.app;
        desk.sweep(
            &app.ledger.engine,
            &mut self.registry,
            app.outside.now(),
            Duration::from_secs(20),
        )
        .expect("the store answers")
    }

    /// The same at the house's own desk.
    pub fn sweep(&mut self) -> usize {
        let app = Arc::clone(&self.house.app);
        self.sweep_at(&app.card_desk)
    }

    /// Asks the network where a top-up stands and makes it true.
    pub fn settle(&mut self, top_up: TopUpId) -> TopUpState {
        let app = &self.house.app;
        app.card_desk
            .settle(
                &app.ledger.engine,
                &mut self.registry,
                top_up,
                app.outside.now(),
            )
            .map_err(|problem| problem.to_string())
            .expect("the network answers")
            .state
    }

    /// The customer leaves the card page.
    pub fn call_off(&mut self, top_up: TopUpId) -> TopUpState {
        let app = &self.house.app;
        app.card_desk
            .call_off(
                &app.ledger.engine,
                &mut self.registry,
                top_up,
                app.outside.now(),
            )
            .map_err(|problem| problem.to_string())
            .expect("the network answers")
            .state
    }

    pub fn is_open(&self, top_up: TopUpId) -> bool {
        let open = self.house.engine().open_top_up(top_up);
        open.expect("the engine answers").is_some()
    }

    pub fn balance(&self) -> u64 {
        self.house.wallet(self.wallet).balance
    }

    /// What happens in the wallet from here on.
    pub fn listen(&self) -> (Listening, Receiver<WalletNews>) {
        let (tell, happened) = channel();
        let engine = &self.house.app.ledger.engine;
        let listening = engine.listen(self.wallet, move |event| tell.send(event.clone()).is_ok());
        (listening, happened)
    }

    pub fn row(&mut self, top_up: TopUpId) -> CardOrderRow {
        let row = self
            .registry
            .card_orders()
            .find(top_up)
            .expect("the registry answers");
        row.expect("it was ordered")
    }

    /// The house falls after it has noted that a top-up is closed, and before the book hears of it.
    pub fn fall_while_closing(&mut self, top_up: TopUpId) {
        let now = self.house.app.outside.now();
        self.registry
            .card_orders()
            .note_closed(top_up, now, Some(now.plus_seconds(86_400)))
            .expect("the registry answers");
    }

    /// Closed top-ups that are to be asked about some day.
    pub fn still_asked_about(&mut self) -> Vec<TopUpId> {
        self.registry
            .card_orders()
            .to_ask_again(Timestamp(i64::MAX), 100)
            .expect("the registry answers")
    }

    /// What the console shows under top-ups that somebody must look at.
    pub fn alarms(&self) -> Value {
        self.operators.set(self.operators.get() + 1);
        let (mut console, _) = self.house.operator(self.operators.get());
        console.get("/api/card-alarms").ok()
    }

    /// Money goes back to the cardholder, from the network's own console.
    pub fn refund(&self, charge: &str, yen: u64) {
        let refund = self.call(
            "POST",
            "/v1/refunds",
            &format!("charge={charge}&amount={yen}"),
        );
        assert_eq!(refund["status"], "succeeded", "{refund}");
    }

    /// The cardholder tells the issuer that the charge was not theirs.
    pub fn dispute(&self, charge: &str) {
        let dispute = self.call("POST", DISPUTES_PATH, &format!("charge={charge}"));
        assert_eq!(dispute["status"], "needs_response", "{dispute}");
    }

    /// The charge of the network's newest payment.
    pub fn newest_charge(&self) -> String {
        let newest = self.call("GET", "/v1/payment_intents?limit=1", "");
        newest["data"][0]["latest_charge"]
            .as_str()
            .expect("it was paid")
            .to_owned()
    }

    /// A call of the network's API.
    pub fn call(&self, method: &str, path: &str, body: &str) -> Value {
        let url = format!("{}{path}", self.network.addresses().card_url);
        let key = ("authorization", format!("Bearer {API_KEY}"));
        let answer = match method {
            "GET" => agent().get(url).header(key.0, key.1).call(),
            _ => agent().post(url).header(key.0, key.1).send(body),
        };
        let mut answer = answer.expect("the network answers");
        assert_eq!(answer.status(), 200, "{path}");
        answer.body_mut().read_json().unwrap_or(Value::Null)
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .max_redirects(0)
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .into()
}

/// Somebody who listens where the processor should.
pub struct Stranger {
    pub url: String,
    asked: Arc<AtomicUsize>,
}

impl Stranger {
    /// The page that a content network shows for an address it does not know, to everybody.
    pub fn not_found() -> Stranger {
        let page = "<!doctype html><title>404</title><h1>Not Found</h1>";
        Stranger::answering(move |_| Some(answer("404 Not Found", "text/html", page)))
    }

    /// A processor that has `session` to show and calls nothing off: its payment is on the way.
    pub fn holding(session: Value) -> Stranger {
        Stranger::answering(move |request| {
            Some(if request.starts_with("GET ") {
                answer("200 OK", "application/json", &session.to_string())
            } else {
                let refused = r#"{"error": {"type": "invalid_request_error", "message": "not in this state"}}"#;
                answer("400 Bad Request", "application/json", refused)
            })
        })
    }

    /// Takes every call and never says a word.
    pub fn hanging() -> Stranger {
        Stranger::answering(|_| None)
    }

    fn answering(answer: impl Fn(&str) -> Option<String> + Send + 'static) -> Stranger {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let request = read_head(&stream);
                count.fetch_add(1, Ordering::SeqCst);
                match answer(&request) {
                    Some(answer) => drop(stream.write_all(answer.as_bytes())),
                    None => held.push(stream),
                }
            }
        });
        Stranger { url, asked }
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// The request line; what follows is read and forgotten, a body too.
fn read_head(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    let lines = reader.by_ref().lines().map_while(Result::ok);
    head.extend(lines.take_while(|line| !line.is_empty()));
    let length = head.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().ok())?
    });
    let _ = std::io::copy(&mut reader.take(length.unwrap_or(0)), &mut std::io::sink());
    head.into_iter().next().unwrap_or_default()
}

fn answer(status: &str, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
