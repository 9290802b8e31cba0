//! Stories: what happens in shops, one line at a time, with the answer each line must get.
//!
//! ```text
//! story: a scan is paid once
//! sora    signs up
//! house   gives sora 10_000                      -> credited, sora 10_000
//! sora    issues code A at 12:00:00              -> code
//! till-3  charges A 1_200 as lunch at 12:00:41   -> paid, sora 8_800
//! till-3  charges A 1_200 as snack at 12:00:42   -> refused code_spent, sora 8_800
//! ```
//!
//! The cast is always the same: the bakery with tills 1 and 2 in Ginza and till 3 in Ueno, the bookshop with till 4. The first
//! word of a line is who asks: a customer on the phone, the page at a till, a shop's own register with the shop's key, the
//! operator's staff (`house`), the card processor (`card`). After every line the model's answer, every balance and every sum
//! are compared with the engine's.
//!
//! Who did what is a line too, oldest first, as the console and the customer's own list show it:
//!
//! ```text
//! acts of sora                                   -> open_wallet by sign-up, freeze by sora, unfreeze by operator
//! acts by till-1                                 -> refund of sora on device-1
//! ```

use crate::model::{Model, in_words};
use mamori_datastore::fault::Fault;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::Location;
use mamori_domain::book::CoolingReason;
use mamori_domain::command::{
    Ask, Charge, Command, CommandKind, CreditKind, RefundRequest, Request,
};
use mamori_domain::context::{
    Actor, AgentFamily, Asker, Context, NetworkOrigin, PrefixKind, RequestId, SystemReason,
};
use mamori_domain::decide::Limits;
use mamori_domain::event::Subject;
use mamori_domain::identity::SealedText;
use mamori_domain::ids::{
    AuthorizationId, Fingerprint, HoldId, MerchantId, OperatorId, PaymentId, SessionId, StoreId,
    SupervisorId, TillId, TopUpId, WalletId,
};
use mamori_domain::ledger::AccountKind;
use mamori_domain::lifecycle::Purpose;
use mamori_domain::merchant::StoreDetails;
use mamori_domain::merchant::{ReversalRule, TillReach};
use mamori_domain::money::Amount;
use mamori_domain::pay::{OrderInfo, Payer};
use mamori_domain::query::Query;
use mamori_domain::reply::{Outcome, Reply};
use mamori_domain::world::Timestamp;
use mamori_engine::clock::Clock;
use mamori_engine::views::acts::{self, ActRow, Wanted};
use mamori_engine::{Engine, EngineConfig};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Midnight in Japan, 21 November 2026.
const MIDNIGHT_SECONDS: i64 = 1_795_186_800;

/// How often a request is asked again, 20 ms apart, before the story gives up.
const PATIENCE_TRIES: u32 = 250;

/// The clock of a story: it stands where the story put it.
#[derive(Default)]
pub struct StoryClock(AtomicI64);

impl Clock for StoryClock {
    /// Both clocks move together: one that left the other behind would make the shard distrust the wall clock.
    fn monotonic_micros(&self) -> i64 {
        self.wall_micros()
    }
    fn wall_micros(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// An engine on a store, and the cast that the story may name.
pub struct Stage {
    location: Location,
    clock: Arc<StoryClock>,
    engine: Option<Engine>,
    model: Model,
    day: i64,
    latest: Timestamp,
    starts: u8,
    people: HashMap<String, WalletId>,
    /// How often each customer has signed out.
    sign_outs: HashMap<WalletId, u64>,
    codes: HashMap<String, u64>,
    top_ups: HashMap<String, (TopUpId, Amount)>,
    holds: HashMap<String, HoldId>,
    payments: HashMap<String, PaymentId>,
    /// The device at each till, where it is not the first.
    devices: HashMap<TillId, u32>,
    /// What was asked for, in which context and when, by the request's name.
    asked: HashMap<RequestId, (Context, CommandKind, Timestamp)>,
}

/// What a line asks for: who asks, and the word that the answer is remembered under.
struct Line {
    by: Actor,
    ask: Ask,
    label: String,
}

impl Line {
    fn command(by: Actor, command: Command, label: &str) -> Option<Line> {
        let (ask, label) = (Ask::Command(command), label.to_owned());
        Some(Line { by, ask, label })
    }
    fn approved(mut self) -> Line {
        if let Actor::Till { approved_by, .. } = &mut self.by {
            *approved_by = Some(SupervisorId(5));
        }
        self
    }
    /// The customer holds this device, and it has proven its key.
    fn on(mut self, held: Fingerprint) -> Line {
        if let Actor::Customer { device, .. } = &mut self.by {
            *device = Some(held);
        }
        self
    }
    fn query(by: Actor, query: Query) -> Option<Line> {
        let (ask, label) = (Ask::Query(query), String::new());
        Some(Line { by, ask, label })
    }
}

const BAKERY: MerchantId = MerchantId(1);
const BOOKSHOP: MerchantId = MerchantId(2);

fn key_of(merchant: MerchantId) -> Fingerprint {
    Fingerprint(900 + u128::from(merchant.0))
}

/// The key of a customer's device, by what the story calls it.
fn phone(name: &str) -> Fingerprint {
    Fingerprint(
        name.bytes()
            .fold(11, |sum, byte| sum << 8 | u128::from(byte)),
    )
}

fn device(number: u32) -> Fingerprint {
    Fingerprint((u128::from(number) << 100) | 7)
}

const OPERATOR: Actor = Actor::Operator {
    operator: OperatorId(3 << 80),
    session: SessionId(4),
};

/// Who asks, from where: each always from the same place.
fn context_of(by: Actor) -> Context {
    let (hash, prefix, agent) = match by {
        Actor::System { reason } => return Context::system(reason),
        Actor::Customer { wallet, .. } => (wallet.0, PrefixKind::V6, AgentFamily::SafariPhone),
        Actor::Operator { .. } => (1, PrefixKind::Loopback, AgentFamily::Firefox),
        Actor::Till { till, .. } => {
            let (store, _) = place_of(till);
            (u64::from(store.0), PrefixKind::V4, AgentFamily::Chrome)
        }
        Actor::Key { .. } => (u64::MAX, PrefixKind::V4, AgentFamily::Program),
    };
    let network = Some(NetworkOrigin { hash, prefix });
    Context { by, network, agent }
}

/// A till's store and merchant.
fn place_of(till: TillId) -> (StoreId, MerchantId) {
    match till.0 {
        1 | 2 => (StoreId(1), BAKERY),
        3 => (StoreId(2), BAKERY),
        4 => (StoreId(3), BOOKSHOP),
        _ => (StoreId(1), BAKERY),
    }
}

impl Stage {
    /// An engine without money on an empty store, with its cast.
    pub fn open(location: Location) -> Result<Stage, String> {
        let mut stage = Stage {
            location,
            clock: Arc::default(),
            engine: None,
            model: Model::new(Limits::default()),
            day: 0,
            latest: Timestamp(0),
            starts: 0,
            people: HashMap::new(),
            sign_outs: HashMap::new(),
            codes: HashMap::new(),
            top_ups: HashMap::new(),
            holds: HashMap::new(),
            payments: HashMap::new(),
            devices: HashMap::new(),
            asked: HashMap::new(),
        };
        stage.clock_to("09:00:00")?;
        stage.start()?;
        let merchants = [BAKERY, BOOKSHOP];
        let mut acts = vec![Command::OpenMerchant, Command::OpenMerchant];
        acts.extend(
            [BAKERY, BAKERY, BOOKSHOP].map(|merchant| Command::OpenStore {
                merchant,
                details: StoreDetails::default(),
            }),
        );
        acts.extend([1, 1, 2, 3].map(|store| Command::OpenTill {
            store: StoreId(store),
        }));
        acts.extend((1..=4).map(|till| Command::BindTill {
            till: TillId(till),
            device: Some(device(till)),
        }));
        acts.extend(merchants.map(|merchant| Command::BindApiKey {
            key: key_of(merchant),
            merchant,
        }));
        let seed = Actor::system(SystemReason::CommandLine);
        for command in acts {
            stage
                .ask(seed, &Ask::Command(command))?
                .map_err(|refusal| format!("the engine does not open: {refusal:?}"))?;
        }
        Ok(stage)
    }

    /// The engine, for tests that ask it many things at once.
    pub fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("the engine is open")
    }

    /// Plays a whole story. The error names the line.
    pub fn play(&mut self, story: &str) -> Result<usize, String> {
        let mut lines = 0;
        for (number, text) in story.lines().enumerate() {
            let line = text.split('#').next().unwrap_or_default().trim();
            if line.is_empty() || line.starts_with("story:") {
                continue;
            }
            self.line(line, number + 1)
                .and_then(|()| self.check_sums())
                .map_err(|what| format!("line {}: {text}\n{what}", number + 1))?;
            lines += 1;
        }
        Ok(lines)
    }

    fn line(&mut self, line: &str, number: usize) -> Result<(), String> {
        let (said, expected) = line
            .split_once("->")
            .map_or((line, None), |(said, then)| (said, Some(then)));
        let mut words: Vec<&str> = said.split_whitespace().collect();
        if let [.., "at", time] = words[..] {
            self.clock_to(time)?;
            words.truncate(words.len() - 2);
        }
        let mut name = format!("line-{number}");
        if let [.., "as", given] = words[..] {
            name = given.to_owned();
            words.truncate(words.len() - 2);
        }
        if let ["acts", which, whom] = words[..] {
            let listed = self.acts(which, whom)?;
            return match expected.map(str::trim) {
                Some(must) if must != listed => Err(format!("they were: {listed}")),
                _ => Ok(()),
            };
        }
        let answer = self.tell(&words, &name)?;
        for (at, word) in expected
            .into_iter()
            .flat_map(|then| then.split(','))
            .map(str::trim)
            .enumerate()
        {
            if at == 0 && word != answer {
                return Err(format!("it was: {answer}"));
            }
            if at > 0 {
                self.check_sum(word)?;
            }
        }
        Ok(())
    }

    /// One line; the answer in the story's words.
    fn tell(&mut self, words: &[&str], name: &str) -> Result<String, String> {
        match *words {
            ["next", "day"] => self.day += 1,
            ["house", "restarts"] => self.restart()?,
            [till, "guesses", count, "codes"] => return self.guess(till, count, name),
            _ => {
                let line = match self.house_line(words, name)? {
                    None => self.customer_line(words)?,
                    line => line,
                };
                let line = match line {
                    None => self.merchant_line(words, name)?,
                    line => line,
                };
                let line =
                    line.ok_or_else(|| format!("no story speaks like that: {}", words.join(" ")))?;
                return self.answer(&line);
            }
        }
        Ok("ok".into())
    }

    fn guess(&mut self, till: &str, count: &str, name: &str) -> Result<String, String> {
        let mut last = String::new();
        for guess in 0..yen(count)?.minor() {
            let name = format!("{name}-{guess}");
            let (by, charge) = self.charge(till, &format!("9{guess:013}"), "100", &name)?;
            let ask = Ask::Command(Command::Charge(charge));
            let label = name;
            last = self.answer(&Line { by, ask, label })?;
        }
        Ok(last)
    }

    /// The operator's staff, the program itself, and the card processor.
    fn house_line(&mut self, words: &[&str], name: &str) -> Result<Option<Line>, String> {
        let card = Actor::system(SystemReason::CardProcessor);
        let (by, command) = match *words {
            ["card", "confirms", label] => {
                let (top_up, amount) = self.top_up(label)?;
                (card, Command::ConfirmTopUp { top_up, amount })
            }
            ["card", "confirms", label, "of", amount] => {
                let (top_up, amount) = (self.top_up(label)?.0, yen(amount)?);
                (card, Command::ConfirmTopUp { top_up, amount })
            }
            ["card", "fails", label] => {
                let (top_up, expired) = (self.top_up(label)?.0, false);
                (card, Command::FailTopUp { top_up, expired })
            }
            ["card", "lets", label, "expire"] => {
                let (top_up, expired) = (self.top_up(label)?.0, true);
                (card, Command::FailTopUp { top_up, expired })
            }
            ["house", "gives", who, amount] => {
                let credit = Command::Credit {
                    wallet: self.person(who)?,
                    idempotency_key: name.into(),
                    amount: yen(amount)?,
                    kind: CreditKind::Cash,
                };
                (OPERATOR, credit)
            }
            ["house", "unenrols", till] => {
                let (till, device) = (till_of(till)?, None);
                (OPERATOR, Command::BindTill { till, device })
            }
            ["house", "enrols", till] => {
                let till = till_of(till)?;
                let device = Some(self.device_at(till));
                (OPERATOR, Command::BindTill { till, device })
            }
            ["house", "enrols", till, "with", new] => {
                let (till, number) = (till_of(till)?, device_number(new)?);
                self.devices.insert(till, number);
                let device = Some(device(number));
                (OPERATOR, Command::BindTill { till, device })
            }
            [
                "house",
                "lets",
                "tills",
                "of",
                shop,
                "return",
                reach,
                amount,
            ] => {
                let reach = TillReach::from_word(reach);
                let rule = ReversalRule {
                    reach: reach.ok_or("tills reach a store or a merchant")?,
                    alone_up_to: yen(amount)?.minor(),
                };
                let merchant = shop_of(shop)?;
                (OPERATOR, Command::SetReversalRule { merchant, rule })
            }
            ["house", "revokes", shop] => {
                let key = key_of(shop_of(shop)?);
                (OPERATOR, Command::RevokeApiKey { key })
            }
            ["house", "releases", "overdue", "holds"] => {
                let sweep = Actor::system(SystemReason::HoldExpiry);
                (sweep, Command::ReleaseExpired)
            }
            _ => return Ok(None),
        };
        Ok(Line::command(by, command, name))
    }

    /// What is done to a wallet: by its owner, by another customer, by the operator.
    fn customer_line(&mut self, words: &[&str]) -> Result<Option<Line>, String> {
        if let [who, "on", held, rest @ ..] = words {
            let line = self.customer_line(&[&[*who], rest].concat())?;
            return Ok(line.map(|line| line.on(phone(held))));
        }
        // Without a word of whose wallet it is, it is the speaker's own.
        let (words, whose) = match words {
            [said @ .., "for" | "into", whom] if said.len() > 1 => (said, *whom),
            [who, verb @ ("freezes" | "unfreezes" | "notes"), whom] => (&[*who, *verb][..], *whom),
            [who, ..] => (words, *who),
            [] => return Ok(None),
        };
        let command = match *words {
            [who, "signs", "up"] => {
                let credential = Fingerprint(500 + self.people.len() as u128);
                let sign_up = Actor::system(SystemReason::SignUp);
                return Ok(Line::command(
                    sign_up,
                    Command::OpenWallet {
                        credential,
                        device: None,
                    },
                    who,
                ));
            }
            [who, "looks"] => {
                let wallet = self.person(whose)?;
                return Ok(Line::query(self.speaker(who)?, Query::Wallet { wallet }));
            }
            [_, "freezes"] => Command::Freeze {
                wallet: self.person(whose)?,
            },
            [_, "unfreezes"] => Command::Unfreeze {
                wallet: self.person(whose)?,
            },
            [_, "pays", "from", held] => Command::BindDevice {
                wallet: self.person(whose)?,
                device: Some(phone(held)),
            },
            [_, "pays", "nowhere"] => Command::BindDevice {
                wallet: self.person(whose)?,
                device: None,
            },
            [_, "cools", "until", time] => Command::CoolWallet {
                wallet: self.person(whose)?,
                until: self.instant(time)?,
                reason: CoolingReason::Recovery,
            },
            [_, "notes"] => Command::NoteWallet {
                wallet: self.person(whose)?,
                note: SealedText(b"sealed elsewhere".to_vec()),
            },
            [_, "permits", shop] => {
                let wallet = self.person(whose)?;
                Command::GrantAuthorization {
                    authorization: permission(wallet),
                    wallet,
                    merchant: shop_of(shop)?,
                }
            }
            [_, "forbids", _shop] => Command::RevokeAuthorization {
                authorization: permission(self.person(whose)?),
            },
            [who, "signs", "out"] => {
                let (by, wallet) = (self.speaker(who)?, self.person(whose)?);
                let session = self.session_of(wallet);
                *self.sign_outs.entry(wallet).or_default() += 1;
                return Ok(Line::command(
                    by,
                    Command::EndSession { wallet, session },
                    who,
                ));
            }
            [_, "issues", "code", _] => Command::IssueCode {
                wallet: self.person(whose)?,
            },
            [_, "starts", "top-up", label, "of", amount] => Command::StartTopUp {
                wallet: self.person(whose)?,
                idempotency_key: label.into(),
                amount: yen(amount)?,
            },
            _ => return Ok(None),
        };
        let label = words.get(3).copied().unwrap_or_default();
        Ok(Line::command(self.speaker(words[0])?, command, label))
    }

    /// What a till or a shop's register asks.
    fn merchant_line(&mut self, words: &[&str], name: &str) -> Result<Option<Line>, String> {
        // The supervisor of the store has typed the PIN.
        if let [till, "approved", verb, rest @ ..] = words {
            let words = [&[*till, *verb], rest].concat();
            let line = self.merchant_line(&words, name)?;
            return Ok(line.map(Line::approved));
        }
        let (by, command) = match *words {
            [till, "charges", payer, amount] => {
                let (by, charge) = self.charge(till, payer, amount, name)?;
                (by, Command::Charge(charge))
            }
            [till, "holds", payer, amount] => {
                let (by, charge) = self.charge(till, payer, amount, name)?;
                let expires_at = self.latest.plus_seconds(3_600);
                (by, Command::Hold { charge, expires_at })
            }
            [till, "captures", label, amount] => {
                let capture = Command::Capture {
                    merchant: merchant_of(till),
                    hold: self.held(label)?,
                    amount: yen(amount)?,
                };
                (self.speaker(till)?, capture)
            }
            [who, "releases", label] => {
                let hold = self.held(label)?;
                (self.speaker(who)?, Command::Release { hold })
            }
            [till, "cancels", label] => {
                let cancel = Command::Cancel {
                    merchant: merchant_of(till),
                    merchant_payment_id: label.into(),
                };
                (self.speaker(till)?, cancel)
            }
            [till, "refunds", label, amount] => {
                // What was captured is a payment under the hold's number.
                let of_hold = || self.holds.get(label).map(|hold| PaymentId(hold.0));
                let payment = self.payments.get(label).copied().or_else(of_hold);
                let refund = Command::Refund(RefundRequest {
                    merchant: merchant_of(till),
                    merchant_refund_id: name.into(),
                    payment: payment.unwrap_or(PaymentId(999_999)),
                    amount: yen(amount)?,
                    reason: None,
                    requested_at: 0,
                });
                (self.speaker(till)?, refund)
            }
            [till, "finds", label] => {
                let query = Query::Payment {
                    merchant: merchant_of(till),
                    merchant_payment_id: label.into(),
                };
                return Ok(Line::query(self.speaker(till)?, query));
            }
            // The network delivers the very bytes of a charge once more.
            [till, "redelivers", payer, amount] => {
                let (by, charge) = self.charge(till, payer, amount, name)?;
                let of = Box::new(Command::Charge(charge));
                return Ok(Line::query(by, Query::FirstAnswer { of }));
            }
            _ => return Ok(None),
        };
        Ok(Line::command(by, command, name))
    }

    fn charge(
        &self,
        speaker: &str,
        payer: &str,
        amount: &str,
        name: &str,
    ) -> Result<(Actor, Charge), String> {
        let till = till_of(speaker).ok();
        let payer = match (self.codes.get(payer), self.people.get(payer), payer.parse()) {
            (Some(digits), _, _) => Payer::Code(*digits),
            (_, Some(wallet), _) => Payer::Authorization(permission(*wallet)),
            (_, _, Ok(digits)) => Payer::Code(digits),
            _ => return Err(format!("nobody shows {payer}")),
        };
        let order = OrderInfo {
            requested_at: self.latest.seconds(),
            ..OrderInfo::default()
        };
        let charge = Charge {
            merchant: merchant_of(speaker),
            merchant_payment_id: name.into(),
            payer,
            amount: yen(amount)?,
            store: till.map(|till| place_of(till).0),
            till,
            order: order.into(),
        };
        Ok((self.speaker(speaker)?, charge))
    }

    /// Asks, remembers what was given a name, and says the answer in the story's words.
    fn answer(&mut self, line: &Line) -> Result<String, String> {
        let outcome = self.ask(line.by, &line.ask)?;
        let label = line.label.clone();
        match (&outcome, &line.ask) {
            (Ok(Reply::WalletOpened(wallet)), _) => drop(self.people.insert(label, *wallet)),
            (Ok(Reply::Code { digits, .. }), _) => drop(self.codes.insert(label, *digits)),
            (Ok(Reply::Payment(payment)), Ask::Command(_)) => {
                self.payments.insert(label, payment.id);
            }
            (Ok(Reply::Held { hold }), _) => drop(self.holds.insert(label, *hold)),
            (Ok(Reply::TopUp { top_up, .. }), Ask::Command(Command::StartTopUp { amount, .. })) => {
                self.top_ups.insert(label, (*top_up, *amount));
            }
            _ => {}
        }
        Ok(in_story(&outcome))
    }

    /// The acts that the views list, oldest first, in the story's words. Each must have been asked for in just that context.
    fn acts(&self, which: &str, whom: &str) -> Result<String, String> {
        let wanted = match (which, shop_of(whom), till_of(whom)) {
            ("by", _, _) => Wanted::Actor(self.speaker(whom)?),
            ("of", Ok(merchant), _) => Wanted::Subject(Subject::Merchant(merchant)),
            ("of", _, Ok(till)) => Wanted::Subject(Subject::Till(till)),
            ("of", _, _) => Wanted::Subject(Subject::Wallet(self.person(whom)?)),
            _ => return Err(format!("acts {which} whom?")),
        };
        let mut rows = self.until_it_answers(|engine| {
            engine.await_views()?;
            engine.read(|reader| acts::list(reader.views(), wanted, None, 1_000))
        })?;
        rows.reverse();
        let mut words = Vec::with_capacity(rows.len());
        for row in &rows {
            let is = (row.context, row.command, Timestamp(row.at));
            match self.asked.get(&row.request) {
                Some(asked) if *asked == is => {}
                asked => return Err(format!("listed is {is:?}\nasked was {asked:?}")),
            }
            words.push(self.act_in_words(which, row));
        }
        if words.is_empty() {
            return Ok("none".into());
        }
        Ok(words.join(", "))
    }

    fn act_in_words(&self, which: &str, row: &ActRow) -> String {
        let command = row.command.word();
        let about = match (which, row.context.by) {
            ("of", by) => format!("by {}", self.actor_in_words(by)),
            (_, Actor::Till { device, .. }) => {
                let whom = self.subject_in_words(row.subject);
                format!("of {whom} on device-{}", device.0 >> 100)
            }
            _ => format!("of {}", self.subject_in_words(row.subject)),
        };
        match &row.refusal {
            Some(refusal) => format!("{command} {about} refused {refusal}"),
            None => format!("{command} {about}"),
        }
    }

    fn actor_in_words(&self, by: Actor) -> String {
        match by {
            Actor::Customer { wallet, .. } => self.name_of(wallet),
            Actor::Operator { .. } => "operator".into(),
            Actor::Till {
                till,
                device,
                approved_by,
            } => {
                let beside = if approved_by.is_some() {
                    " with its supervisor"
                } else {
                    ""
                };
                format!("till-{} on device-{}{beside}", till.0, device.0 >> 100)
            }
            Actor::Key { key } if key == key_of(BAKERY) => "bakery".into(),
            Actor::Key { .. } => "bookshop".into(),
            Actor::System { reason } => match reason {
                SystemReason::SignUp => "sign-up",
                SystemReason::CardProcessor => "card",
                SystemReason::HoldExpiry => "expiry",
                SystemReason::CommandLine => "command-line",
                SystemReason::NoticeDenied => "notice",
                SystemReason::Upkeep
                | SystemReason::Restore
                | SystemReason::Reconciliation
                | SystemReason::Recovery
                | SystemReason::RecoveryUndone => "program",
            }
            .into(),
        }
    }

    fn subject_in_words(&self, subject: Subject) -> String {
        match subject {
            Subject::Wallet(wallet) => self.name_of(wallet),
            Subject::Merchant(BAKERY) => "bakery".into(),
            Subject::Merchant(_) => "bookshop".into(),
            Subject::Store(store) => format!("store-{}", store.0),
            Subject::Till(till) => format!("till-{}", till.0),
            Subject::Shard => "the-shard".into(),
        }
    }

    fn name_of(&self, wallet: WalletId) -> String {
        let known = self.people.iter().find(|(_, own)| **own == wallet);
        known.map_or_else(|| format!("wallet-{wallet}"), |(name, _)| name.clone())
    }

    /// A story's clock jumps by hours, and then the lease must be confirmed anew before anything is shown.
    fn until_it_answers<T>(&self, ask: impl Fn(&Engine) -> Result<T, Fault>) -> Result<T, String> {
        let mut fault = String::new();
        for _ in 0..PATIENCE_TRIES {
            match ask(self.engine()) {
                Ok(outcome) => return Ok(outcome),
                Err(again) if again.is_retryable() => fault = again.to_string(),
                Err(fault) => return Err(fault.to_string()),
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Err(fault)
    }

    /// Asks the engine and the model, and compares.
    fn ask(&mut self, by: Actor, ask: &Ask) -> Result<Outcome, String> {
        let name = RequestId(self.asked.len() as u64 + 1);
        let context = context_of(by);
        let request = Request {
            asker: Asker::new(context).with_request(name),
            ask: ask.clone(),
        };
        let outcome = self.until_it_answers(|engine| engine.ask(request.clone()))?;
        self.latest = self.latest.max(Timestamp(self.clock.wall_micros()));
        if let Ask::Command(command) = ask {
            let asked = (context, command.kind(), self.latest);
            self.asked.insert(name, asked);
        }
        let expected = self.model.tell(by, ask, self.latest);
        let said = in_words(&outcome);
        if said != expected {
            return Err(format!("said {said:?}\nmust {expected:?}"));
        }
        if let (
            Ask::Command(Command::IssueCode { wallet }),
            Ok(Reply::Code { digits, expires_at }),
        ) = (ask, &outcome)
        {
            self.model
                .learn_code(by, *wallet, *digits, self.latest, *expires_at);
        }
        Ok(outcome)
    }

    fn check_sum(&self, words: &str) -> Result<(), String> {
        let words: Vec<&str> = words.split_whitespace().collect();
        let (is, must) = match words[..] {
            [who, "held", amount] => (self.model.purses[&self.person(who)?].held, amount),
            [shop @ ("bakery" | "bookshop"), amount] => {
                (self.model.payable[&shop_of(shop)?], amount)
            }
            [who, amount] => (self.model.purses[&self.person(who)?].yen, amount),
            _ => return Err(format!("no sum: {}", words.join(" "))),
        };
        if is == yen(must)?.signed() {
            Ok(())
        } else {
            Err(format!("{} has {is}", words[0]))
        }
    }

    /// Every wallet and every account of the engine is what the model has.
    fn check_sums(&mut self) -> Result<(), String> {
        let survey = self.until_it_answers(Engine::survey)?;
        let trial = survey.trial;
        let payable: i64 = self.model.payable.values().sum();
        let is = [
            trial.sum(),
            -trial.of(AccountKind::CardClearing),
            -trial.of(AccountKind::Cash),
            trial.of(AccountKind::Merchant),
        ];
        let must = [0, self.model.card, self.model.cash, payable];
        if is != must || !self.model.sums_are_zero() {
            return Err(format!("the sums are {is:?} and must be {must:?}"));
        }
        let wallets: Vec<WalletId> = self.model.purses.keys().copied().collect();
        for wallet in wallets {
            drop(self.ask(OPERATOR, &Ask::Query(Query::Wallet { wallet }))?);
        }
        Ok(())
    }

    fn person(&self, who: &str) -> Result<WalletId, String> {
        self.people
            .get(who)
            .copied()
            .ok_or_else(|| format!("who is {who}?"))
    }

    /// A customer who signs out goes on in another session.
    fn session_of(&self, wallet: WalletId) -> SessionId {
        let before = self.sign_outs.get(&wallet).copied().unwrap_or(0);
        SessionId(1 << 100 | u128::from(before) << 64 | u128::from(wallet.0))
    }

    /// The actor behind a story's word.
    fn speaker(&self, word: &str) -> Result<Actor, String> {
        if word == "house" {
            return Ok(OPERATOR);
        }
        if let Some(wallet) = self.people.get(word).copied() {
            return Ok(Actor::Customer {
                wallet,
                session: self.session_of(wallet),
                credential: Some(Fingerprint(499 + u128::from(wallet.0))),
                device: None,
            });
        }
        if let Ok(merchant) = shop_of(word) {
            let key = key_of(merchant);
            return Ok(Actor::Key { key });
        }
        let till = till_of(word).map_err(|_| format!("who is {word}?"))?;
        let device = self.device_at(till);
        Ok(Actor::till(till, device))
    }

    fn device_at(&self, till: TillId) -> Fingerprint {
        device(self.devices.get(&till).copied().unwrap_or(till.0))
    }

    fn held(&self, label: &str) -> Result<HoldId, String> {
        let hold = self.holds.get(label).copied();
        hold.ok_or_else(|| "nobody holds that".into())
    }

    fn top_up(&self, label: &str) -> Result<(TopUpId, Amount), String> {
        Ok(self
            .top_ups
            .get(label)
            .copied()
            .unwrap_or((TopUpId(999_999), Amount::yen(1_000))))
    }

    fn clock_to(&mut self, time: &str) -> Result<(), String> {
        let instant = self.instant(time)?;
        self.clock.0.store(instant.0, Ordering::SeqCst);
        Ok(())
    }

    /// That time of the day.
    fn instant(&self, time: &str) -> Result<Timestamp, String> {
        let parts: Vec<i64> = time
            .split(':')
            .filter_map(|part| part.parse().ok())
            .collect();
        let [hours, minutes, seconds] = parts[..] else {
            return Err(format!("{time} is no time of day"));
        };
        let seconds = MIDNIGHT_SECONDS + self.day * 86_400 + hours * 3_600 + minutes * 60 + seconds;
        Ok(Timestamp::from_seconds(seconds))
    }

    fn start(&mut self) -> Result<(), String> {
        self.starts += 1;
        let config = EngineConfig {
            location: self.location.clone(),
            master: Arc::new(MasterKey::from_bytes([5; 32])),
            limits: Limits::default(),
            standby: false,
            purpose: Purpose::Development,
            clock: self.clock.clone(),
            entropy: [self.starts; 32],
            on_fatal: Arc::new(|fault| panic!("the engine stops: {fault}")),
        };
        let engine = Engine::open(config).map_err(|fault| fault.to_string())?;
        self.engine = Some(engine);
        self.latest = self.latest.max(Timestamp(self.clock.wall_micros()));
        Ok(())
    }

    fn restart(&mut self) -> Result<(), String> {
        let before = self.until_it_answers(Engine::survey)?;
        self.engine().stop();
        self.engine = None;
        self.model.restart();
        self.start()?;
        let after = self.until_it_answers(Engine::survey)?;
        if before.trial == after.trial {
            Ok(())
        } else {
            Err("a restart moved money".into())
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(engine) = &self.engine {
            engine.stop();
        }
    }
}

fn till_of(word: &str) -> Result<TillId, String> {
    let number = word
        .strip_prefix("till-")
        .and_then(|number| number.parse().ok());
    number
        .map(TillId)
        .ok_or_else(|| format!("{word} is no till"))
}

fn shop_of(word: &str) -> Result<MerchantId, String> {
    match word {
        "bakery" => Ok(BAKERY),
        "bookshop" => Ok(BOOKSHOP),
        _ => Err(format!("{word} is no shop")),
    }
}

fn device_number(word: &str) -> Result<u32, String> {
    let number = word.strip_prefix("device-");
    let number = number.and_then(|number| number.parse().ok());
    number.ok_or_else(|| format!("{word} is no device"))
}

/// The merchant that a till or a shop's register speaks for. Others have no business with payments: they try it at the bakery.
fn merchant_of(word: &str) -> MerchantId {
    match (shop_of(word), till_of(word)) {
        (Ok(merchant), _) => merchant,
        (_, Ok(till)) => place_of(till).1,
        _ => BAKERY,
    }
}

/// Each customer has one standing permission in a story.
fn permission(wallet: WalletId) -> AuthorizationId {
    AuthorizationId(1 << 100 | u128::from(wallet.0))
}

fn yen(word: &str) -> Result<Amount, String> {
    let minor = word
        .replace('_', "")
        .parse()
        .map_err(|_| format!("{word} is no amount"))?;
    Amount::new(minor).ok_or_else(|| format!("{word} is more than there is"))
}

fn in_story(outcome: &Outcome) -> String {
    let reply = match outcome {
        Ok(reply) => reply,
        Err(refusal) => return format!("refused {}", refusal.code()),
    };
    match reply {
        Reply::Payment(_) => "paid",
        Reply::CancelAccepted => "accepted",
        Reply::Refund(_) => "refunded",
        Reply::Held { .. } => "held",
        Reply::Released => "released",
        Reply::ReleasedExpired(count) => return format!("released {count}"),
        Reply::Credited { .. } => "credited",
        Reply::Undecided => "undecided",
        Reply::Code { .. } => "code",
        Reply::Wallet(sight) if sight.frozen => "frozen",
        Reply::TopUp { state, .. } => state.word(),
        _ => "ok",
    }
    .to_owned()
}
