//! What the tests stand on: a running sandbox, a shop that hears webhooks, a customer with a browser.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use mamori_connectors::card::*;
use mamori_connectors::card_notice::{CardNotice, NoticeRefusal, verify_notice};
use mamori_connectors::secret::Secret;
use mamori_domain::money::Amount;
use mamori_sandbox::{FAULTS_PATH, Sandbox, SandboxConfig};

pub const API_KEY: &str = "sk_test_sandbox";
pub const SMS_ACCOUNT: &str = "ACsandbox";
pub const SMS_TOKEN: &str = "sms_secret";
pub const WEBHOOK_SECRET: &str = "whsec_sandbox";
/// One moment in June 2025, for both sides.
pub const NOW_SECONDS: i64 = 1_750_000_000;

pub fn now_micros() -> i64 {
    NOW_SECONDS * 1_000_000
}

/// A sandbox, and the shop's mailbox for webhooks.
pub struct World {
    pub sandbox: Sandbox,
    pub hook: Hook,
}

impl World {
    pub fn start() -> World {
        World::with_hook(Hook::start(0))
    }

    pub fn with_hook(hook: Hook) -> World {
        let sandbox = mamori_sandbox::run(SandboxConfig {
            card_port: 0,
            sms_port: 0,
            smtp_port: 0,
            inbox_port: 0,
            webhook_url: Some(hook.url.clone()),
            webhook_secret: WEBHOOK_SECRET.to_owned(),
            webhook_retry: Duration::from_millis(5),
            api_key: API_KEY.to_owned(),
            sms_account: SMS_ACCOUNT.to_owned(),
            sms_token: SMS_TOKEN.to_owned(),
            seed: [7; 32],
            clock: now_micros,
        })
        .expect("the sandbox starts");
        World { sandbox, hook }
    }

    pub fn card_url(&self) -> &str {
        &self.sandbox.addresses().card_url
    }

    pub fn processor(&self) -> CardProcessor {
        self.processor_with_key(API_KEY)
    }

    pub fn processor_with_key(&self, api_key: &str) -> CardProcessor {
        CardProcessor::new(CardConfig {
            patience: quick(),
            ..CardConfig::new(self.card_url(), Secret::new(api_key))
        })
    }

    /// Sets what goes wrong from here on.
    pub fn faults(&self, plan: &str) {
        let answer = direct()
            .post(format!("{}{FAULTS_PATH}", self.card_url()))
            .header("authorization", format!("Bearer {API_KEY}"))
            .header("content-type", "application/json")
            .send(plan)
            .expect("the sandbox answers");
        assert_eq!(answer.status(), 200, "{plan}");
    }

    /// What the customers have received, newest first.
    pub fn inbox(&self) -> Vec<serde_json::Value> {
        let url = format!("{}/api/messages", self.sandbox.addresses().inbox_url);
        let mut answer = direct().get(url).call().expect("the inbox answers");
        let list: serde_json::Value = answer.body_mut().read_json().expect("a list");
        list["messages"].as_array().expect("messages").clone()
    }

    /// What the network itself holds, by its own list.
    pub fn count(&self, objects: &str) -> usize {
        let mut answer = direct()
            .get(format!("{}/v1/{objects}?limit=100", self.card_url()))
            .header("authorization", format!("Bearer {API_KEY}"))
            .call()
            .expect("the sandbox answers");
        let list: serde_json::Value = answer.body_mut().read_json().expect("a list");
        list["data"].as_array().expect("data").len()
    }
}

/// A server at the address of the processor that gives every caller the same answer.
pub struct Stranger {
    url: String,
}

impl Stranger {
    /// `answer` is all behind `HTTP/1.1 `: the status, headers, an empty line, the body.
    pub fn answering(answer: &str) -> Stranger {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (head, body) = answer.split_once("\r\n\r\n").expect("an empty line");
        let answer = format!(
            "HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let request = BufReader::new(&stream).lines().map_while(Result::ok);
                let _ = request.take_while(|line| !line.is_empty()).count();
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Stranger { url }
    }

    pub fn processor(&self) -> CardProcessor {
        CardProcessor::new(CardConfig {
            patience: quick(),
            ..CardConfig::new(&self.url, Secret::new(API_KEY))
        })
    }
}

pub fn quick() -> Patience {
    Patience {
        attempt: Duration::from_secs(5),
        attempts_max: 3,
        pause: Duration::from_millis(5),
    }
}

/// Five thousand yen on the hosted page.
pub fn hosted(key: &str) -> CardOrder {
    CardOrder {
        key: TopUpKey::new(key).expect("a key"),
        amount: Amount::yen(5_000),
        entry: CardEntry::HostedPage {
            product: "マモリ チャージ".to_owned(),
            success_url: "http://wallet.localhost:1/top-up/1".to_owned(),
            cancel_url: "http://wallet.localhost:1/top-up/1?back=1".to_owned(),
            locale: "ja".to_owned(),
            expires_at_seconds: NOW_SECONDS + 3_600,
        },
    }
}

/// Five thousand yen with a card the processor already knows.
pub fn by_token(key: &str, token: &str) -> CardOrder {
    CardOrder {
        entry: CardEntry::Token {
            token: token.to_owned(),
            return_url: Some("http://wallet.localhost:1/top-up/1".to_owned()),
        },
        ..hosted(key)
    }
}

/// An HTTP client that follows nothing and takes every status for an answer.
pub fn direct() -> ureq::Agent {
    ureq::Agent::config_builder()
        .max_redirects(0)
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(10)))
        .build()
        .into()
}

/// The customer's browser: reads pages, fills in forms.
pub struct Customer {
    agent: ureq::Agent,
    site: String,
}

/// What a form led to.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub status: u16,
    pub location: Option<String>,
    pub html: String,
}

impl Customer {
    pub fn of(world: &World) -> Customer {
        Customer {
            agent: direct(),
            site: world.card_url().to_owned(),
        }
    }

    pub fn open(&self, url: &str) -> Seen {
        seen(self.agent.get(self.absolute(url)).call())
    }

    pub fn submit(&self, url: &str, fields: &[(&str, &str)]) -> Seen {
        seen(
            self.agent
                .post(self.absolute(url))
                .send_form(fields.iter().copied()),
        )
    }

    pub fn type_card(&self, page: &str, number: &str) -> Seen {
        self.submit(
            page,
            &[("number", number), ("expiry", "12/34"), ("cvc", "123")],
        )
    }

    /// Answers the issuer with the code that its page shows.
    pub fn pass_challenge(&self, page: &str) -> Seen {
        let html = self.open(page).html;
        let code = html
            .split("id=\"hint\">")
            .nth(1)
            .and_then(|rest| rest.get(..6))
            .expect("the page shows a code");
        self.submit(page, &[("code", code), ("answer", "code")])
    }

    fn absolute(&self, url: &str) -> String {
        if url.starts_with('/') {
            format!("{}{url}", self.site)
        } else {
            url.to_owned()
        }
    }
}

fn seen(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Seen {
    let mut answer = answer.expect("the page answers");
    Seen {
        status: answer.status().as_u16(),
        location: answer
            .headers()
            .get("location")
            .map(|value| value.to_str().expect("ascii").to_owned()),
        html: answer.body_mut().read_to_string().expect("text"),
    }
}

/// The shop's address for webhooks.
pub struct Hook {
    pub url: String,
    heard: Receiver<Heard>,
}

/// A webhook as it came in.
#[derive(Clone)]
pub struct Heard {
    pub signature: String,
    pub body: Vec<u8>,
}

impl Heard {
    pub fn verify(&self) -> Result<CardNotice, NoticeRefusal> {
        verify_notice(
            &Secret::new(WEBHOOK_SECRET),
            &self.signature,
            &self.body,
            now_micros(),
        )
    }
}

impl Hook {
    /// Refuses the first `refusals` webhooks with 500, then takes every one.
    pub fn start(refusals: usize) -> Hook {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("bound"));
        let (tell, heard) = channel();
        std::thread::spawn(move || {
            for (at, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { return };
                let status = if at < refusals { "500 No" } else { "200 OK" };
                if let Some(webhook) = hear(stream, status)
                    && at >= refusals
                    && tell.send(webhook).is_err()
                {
                    return;
                }
            }
        });
        Hook { url, heard }
    }

    /// The next webhook; waits for it.
    pub fn next(&self) -> Heard {
        self.heard
            .recv_timeout(Duration::from_secs(20))
            .expect("a webhook comes")
    }

    /// The next webhooks about what a top-up cares for, as kinds and event ids.
    pub fn notices(&self, count: usize) -> Vec<CardNotice> {
        (0..count)
            .map(|_| self.next().verify().expect("genuine"))
            .collect()
    }
}

fn hear(stream: TcpStream, status: &str) -> Option<Heard> {
    let mut reader = BufReader::new(stream);
    let (mut signature, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("stripe-signature") => {
                signature = value.to_owned();
            }
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().ok()?;
            }
            Some(_) => {}
            None if line.trim_end().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    write!(
        reader.get_mut(),
        "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
    .ok()?;
    Some(Heard { signature, body })
}
