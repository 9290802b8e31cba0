//! The threads that deliver messages (the flow is `mamori_flows::delivery`): one sorts, and each courier has one of its own, so that a
//! mail server that hangs holds up mail and nothing else.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use mamori_connectors::push::{PushGateway, PushServices, VapidKey};
use mamori_datastore::fault::Fault;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::Location;
use mamori_domain::world::Timestamp;
use mamori_engine::journal::JournalReader;
use mamori_flows::delivery::{Couriers, Parcel, SHARD, deliver, sort, take_in_journal};
use mamori_flows::messages::{Message, Messenger};
use mamori_registry::outbox::{Lane, Outbox};
use mamori_registry::{CODE_LIFE, Registry, Seed};
use mamori_server::push_desk::PushDesk;

use crate::world::{Chance, Clock, Failure};

/// How long a thread rests when nothing is due; a new message wakes it.
const REST: Duration = Duration::from_secs(1);
/// How long a sent entry is remembered, for the console.
const REMEMBER: Duration = Duration::from_secs(7 * 86_400);

/// The outbox of this process: it takes messages at once and sends them after [`Notifier::begin`].
pub struct Notifier {
    messenger: Arc<Messenger>,
    threads: Arc<OnceLock<Vec<Thread>>>,
    location: Location,
    master: MasterKey,
    couriers: Couriers,
    /// The wallet's, as it is configured: links in messages are made of nothing else.
    wallet_origin: String,
    clock: Clock,
    chance: Chance,
}

impl Notifier {
    /// Opens the outbox for messages. Nothing leaves yet: a standby must not send what the owner of the store sends too.
    pub fn open(
        location: &Location,
        master: &MasterKey,
        couriers: Couriers,
        wallet_origin: &str,
        clock: Clock,
        chance: Chance,
    ) -> Result<Notifier, Failure> {
        let outbox = Mutex::new(Outbox::open(location, master.wrap_key())?);
        let threads = Arc::new(OnceLock::<Vec<Thread>>::new());
        let bell = Arc::clone(&threads);
        let messenger = move |message: Message| {
            let mut nonce = [0; 12];
            chance(&mut nonce);
            let now = Timestamp((clock.wall_micros)());
            let mut outbox = outbox.lock().unwrap_or_else(PoisonError::into_inner);
            outbox.enqueue(
                message.kind.word(),
                &message.to_bytes(),
                nonce,
                now,
                now.plus(CODE_LIFE),
            )?;
            bell.get().into_iter().flatten().for_each(Thread::unpark);
            Ok(())
        };
        Ok(Notifier {
            messenger: Arc::new(messenger),
            threads,
            location: location.clone(),
            master: master.clone(),
            couriers,
            wallet_origin: wallet_origin.to_owned(),
            clock,
            chance,
        })
    }

    /// Where to hand messages in: durable when it returns.
    pub fn messenger(&self) -> Arc<Messenger> {
        Arc::clone(&self.messenger)
    }

    /// Starts the threads that sort and send. Call it when this process owns the store.
    pub fn begin(self) -> Result<(), Failure> {
        let open = || -> Result<_, Failure> {
            let outbox = Outbox::open(&self.location, self.master.wrap_key())?;
            Ok((outbox, Registry::open(&self.location, &self.master)?))
        };
        let (clock, chance, wallet_origin) = (self.clock, self.chance, self.wallet_origin);
        let couriers = Arc::new(self.couriers);
        let mut threads = Vec::new();
        for (name, lane) in Lane::ALL.map(|lane| (thread_name(lane), lane)) {
            let (mut outbox, mut registry) = open()?;
            let couriers = Arc::clone(&couriers);
            threads.push(rounds(name, move || {
                let now = Timestamp((clock.wall_micros)());
                let carry = |parcel: &Parcel, key, at| {
                    let mut seed = [0; 32];
                    chance(&mut seed);
                    couriers.carry(parcel, key, at, &Seed::new(seed))
                };
                deliver(&mut outbox, &mut registry, lane, now, &carry)
            })?);
        }
        let (mut outbox, mut registry) = open()?;
        let mut journal = JournalReader::open(&self.location, SHARD)?;
        let carriers = threads.clone();
        let sorting = rounds("delivery", move || {
            while take_in_journal(&mut outbox, &mut journal)? {}
            let now = Timestamp((clock.wall_micros)());
            let mut seed = [0; 32];
            chance(&mut seed);
            let seed = Seed::new(seed);
            sort(&mut outbox, &mut registry, now, &seed, &wallet_origin)?;
            carriers.iter().for_each(Thread::unpark);
            outbox.forget_sent(now.minus(REMEMBER)).map(|_| ())
        })?;
        threads.push(sorting);
        let _ = self.threads.set(threads);
        Ok(())
    }
}

/// How long one push message may take.
const PUSH_PATIENCE: Duration = Duration::from_secs(10);

/// What sends to push services, and the desk that tells pages of it. The key is made of the master key and a number: with another number
/// browsers subscribe anew. `contact` is who answers questions about us: `mailto:` or `https:`.
pub fn push_gateway(
    master: &MasterKey,
    number: u32,
    contact: &str,
    services: PushServices,
) -> Result<(PushGateway, PushDesk), Failure> {
    // One number of four thousand million makes no key: the next one does.
    let numbers = number..=number.saturating_add(8);
    let key = numbers.into_iter().find_map(|number| {
        let secret = Registry::push_secret(master, number);
        VapidKey::new(secret.expose(), contact)
    });
    let key = key.ok_or("no key for push messages can be made")?;
    let desk = PushDesk::new(key.public().to_vec(), services.clone());
    Ok((PushGateway::new(services, key, PUSH_PATIENCE), desk))
}

fn thread_name(lane: Lane) -> &'static str {
    match lane {
        Lane::Sms => "delivery-sms",
        Lane::Mail => "delivery-mail",
        Lane::Push => "delivery-push",
    }
}

/// A thread that does `round` again and again, and rests in between until a new message wakes it.
fn rounds(
    name: &'static str,
    mut round: impl FnMut() -> Result<(), Fault> + Send + 'static,
) -> std::io::Result<Thread> {
    let work = move || loop {
        if let Err(fault) = round() {
            tracing::warn!(%fault, thread = name, "a round of message delivery failed and is tried again");
        }
        thread::park_timeout(REST);
    };
    let handle = thread::Builder::new().name(name.into()).spawn(work)?;
    Ok(handle.thread().clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};

    use mamori_connectors::mail::{MailAddress, MailConfig, MailSecurity, Mailer};
    use mamori_connectors::secret::Secret;
    use mamori_connectors::sms::{SmsConfig, SmsGateway};
    use mamori_datastore::testing::Scratch;
    use mamori_domain::decide::Limits;
    use mamori_domain::lifecycle::Purpose;
    use mamori_flows::messages::MessageKind;
    use mamori_sandbox::{Addresses, SandboxConfig};

    use crate::outside;

    fn open(scratch: &Scratch, addresses: &Addresses, mail_server: &TcpListener) -> Notifier {
        let sms = SmsGateway::new(SmsConfig {
            base_url: addresses.sms_url.clone(),
            account: "AC".into(),
            token: Secret::new("token"),
            from: "Mamori".into(),
            patience: Default::default(),
        });
        let server = mail_server.local_addr().expect("bound");
        let mail = Mailer::new(MailConfig {
            host: server.ip().to_string(),
            port: server.port(),
            security: MailSecurity::None,
            root_certificate_pem: None,
            credentials: None,
            from: (
                "Mamori".into(),
                MailAddress::new("no-reply@mamori.example").expect("an address"),
            ),
            hello_name: "mamori.example".into(),
            timeout: Duration::from_secs(60),
        })
        .expect("a usable mail server");
        let master = MasterKey::from_bytes([42; 32]);
        let services = PushServices::default();
        let contact = "mailto:help@example.jp";
        let (push, _) = push_gateway(&master, 1, contact, services).expect("a key");
        let couriers = Couriers { sms, mail, push };
        Notifier::open(
            &scratch.location(),
            &master,
            couriers,
            "https://wallet.example.jp",
            outside::CLOCK,
            outside::chance,
        )
        .expect("an empty store")
    }

    fn message(kind: MessageKind, to: &str) -> Message {
        Message {
            kind,
            to: to.into(),
            subject: "確認コード".into(),
            text: "確認コードは 123456 です。".into(),
        }
    }

    /// What reaches the customers from here on, line by line as it is told.
    fn news(inbox_url: &str) -> impl Iterator<Item = String> {
        let host = inbox_url.strip_prefix("http://").expect("an address");
        let mut stream = TcpStream::connect(host).expect("the inbox listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a socket");
        write!(stream, "GET /api/events HTTP/1.1\r\nHost: {host}\r\n\r\n")
            .expect("the inbox reads");
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        // Behind its head nothing that comes is missed.
        assert!(lines.any(|line| line.is_empty()), "the inbox answers");
        lines
    }

    #[test]
    fn a_mail_server_that_hangs_holds_up_no_sms() {
        let scratch = Scratch::new("delivery");
        let sandbox = mamori_sandbox::run(SandboxConfig {
            card_port: 0,
            sms_port: 0,
            smtp_port: 0,
            inbox_port: 0,
            webhook_url: None,
            webhook_secret: String::new(),
            webhook_retry: Duration::from_secs(1),
            api_key: "sk_test".into(),
            sms_account: "AC".into(),
            sms_token: "token".into(),
            seed: [2; 32],
            clock: outside::CLOCK.wall_micros,
        })
        .expect("free ports");
        let engine = crate::assembly::open_engine(
            &scratch.location(),
            &Arc::new(MasterKey::from_bytes([42; 32])),
            Purpose::Development,
            Limits::default(),
            false,
            outside::CLOCK,
            outside::chance,
        )
        .expect("an empty store");
        // It takes the connection and never says a word.
        let hanging = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let notifier = open(&scratch, sandbox.addresses(), &hanging);
        let messenger = notifier.messenger();
        let mut inbox = news(&sandbox.addresses().inbox_url);
        notifier.begin().expect("threads");

        messenger(message(MessageKind::Mail, "sora@example.jp")).expect("it is taken");
        let waiting_for_a_word = hanging.accept().expect("the courier calls");
        messenger(message(MessageKind::Sms, "+819012345678")).expect("it is taken");
        let first = inbox.find(|line| line.starts_with("data:"));
        assert!(
            first.is_some_and(|line| line.contains("+819012345678")),
            "the SMS arrives while the mail waits"
        );
        drop(waiting_for_a_word);
        engine.stop();
    }
}
