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
//! The house is always the same: the bakery with tills 1 and 2 in Ginza and till 3 in Ueno, the bookshop with till 4. After every
//! line the model's answer, every balance and every sum of the house are compared with the engine's.

use crate::model::{Model, in_words};
use mamori_datastore::fault::Fault;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::Location;
use mamori_domain::command::{Charge, Command, CreditKind, RefundRequest};
use mamori_domain::context::Actor;
use mamori_domain::decide::Limits;
use mamori_domain::ids::{
    AuthorizationId, Fingerprint, HoldId, MerchantId, PaymentId, StoreId, TillId, TopUpId, WalletId,
};
use mamori_domain::ledger::AccountKind;
use mamori_domain::lifecycle::Purpose;
use mamori_domain::money::Amount;
use mamori_domain::pay::{OrderInfo, Payer};
use mamori_domain::reply::{Outcome, Reply, TopUpState};
use mamori_domain::world::Timestamp;
use mamori_engine::clock::Clock;
use mamori_engine::{Engine, EngineConfig};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Midnight in Japan, 21 November 2026.
const MIDNIGHT_SECONDS: i64 = 1_795_186_800;

/// How often an act is asked again, 20 ms apart, before the story gives up.
const PATIENCE_TRIES: u32 = 250;

/// The clock of a story: it stands where the story put it.
#[derive(Default)]
pub struct StoryClock(AtomicI64);

impl Clock for StoryClock {
    /// Both clocks move together: one that left the other behind would be a clock that nobody may trust.
    fn monotonic_micros(&self) -> i64 {
        self.wall_micros()
    }
    fn wall_micros(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A house on a store, with everybody the story may name.
pub struct Stage {
    location: Location,
    clock: Arc<StoryClock>,
    engine: Option<Engine>,
    model: Model,
    day: i64,
    latest: Timestamp,
    starts: u8,
    people: HashMap<String, WalletId>,
    codes: HashMap<String, u64>,
    top_ups: HashMap<String, (TopUpId, Amount)>,
    holds: HashMap<String, HoldId>,
    payments: HashMap<String, PaymentId>,
}

const BAKERY: MerchantId = MerchantId(1);
const BOOKSHOP: MerchantId = MerchantId(2);

fn key_of(merchant: MerchantId) -> Fingerprint {
    Fingerprint(900 + u128::from(merchant.0))
}

fn device_of(till: TillId) -> Fingerprint {
    Fingerprint((u128::from(till.0) << 100) | 7)
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
    /// An empty house on an empty store.
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
            codes: HashMap::new(),
            top_ups: HashMap::new(),
            holds: HashMap::new(),
            payments: HashMap::new(),
        };
        stage.clock_to("09:00:00")?;
        stage.start()?;
        let merchants = [BAKERY, BOOKSHOP];
        let mut acts = vec![Command::OpenMerchant, Command::OpenMerchant];
        acts.extend([BAKERY, BAKERY, BOOKSHOP].map(|merchant| Command::OpenStore { merchant }));
        acts.extend([1, 1, 2, 3].map(|store| Command::OpenTill {
            store: StoreId(store),
        }));
        acts.extend((1..=4).map(TillId).map(|till| Command::BindTill {
            till,
            device: Some(device_of(till)),
        }));
        acts.extend(merchants.map(|merchant| Command::BindApiKey {
            key: key_of(merchant),
            merchant,
        }));
        for act in acts {
            stage
                .act(&act)?
                .map_err(|refusal| format!("the house does not open: {refusal:?}"))?;
        }
        Ok(stage)
    }

    /// The engine, for tests that ask it many things at once.
    pub fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("the house is open")
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

    /// One line, as an act; the answer in the story's words.
    fn tell(&mut self, words: &[&str], name: &str) -> Result<String, String> {
        let act = match *words {
            ["next", "day"] => {
                self.day += 1;
                return Ok("ok".into());
            }
            ["house", "restarts"] => {
                self.restart()?;
                return Ok("ok".into());
            }
            [till, "guesses", count, "codes"] => {
                let mut last = String::new();
                for guess in 0..yen(count)?.minor() {
                    let name = format!("{name}-{guess}");
                    let act = Command::Charge(self.charge(
                        till,
                        &format!("9{guess:013}"),
                        "100",
                        &name,
                    )?);
                    last = self.answer(&act, &name)?;
                }
                return Ok(last);
            }
            [who, "signs", "up"] => {
                let credential = Fingerprint(500 + self.people.len() as u128);
                let outcome = self.act(&Command::OpenWallet { credential })?;
                if let Ok(Reply::WalletOpened(wallet)) = outcome {
                    self.people.insert(who.to_owned(), wallet);
                }
                return Ok(in_story(&outcome));
            }
            [who, "freezes"] => Command::Freeze {
                wallet: self.person(who)?,
            },
            [who, "unfreezes"] => Command::Unfreeze {
                wallet: self.person(who)?,
            },
            [who, "looks"] => Command::Look {
                wallet: self.person(who)?,
            },
            [who, "permits", shop] => {
                let wallet = self.person(who)?;
                let authorization = AuthorizationId(1 << 100 | u128::from(wallet.0));
                Command::GrantAuthorization {
                    authorization,
                    wallet,
                    merchant: shop_of(shop)?,
                }
            }
            [who, "issues", "code", label] => {
                let outcome = self.act(&Command::IssueCode {
                    wallet: self.person(who)?,
                })?;
                if let Ok(Reply::Code { digits, .. }) = outcome {
                    self.codes.insert(label.to_owned(), digits);
                }
                return Ok(in_story(&outcome));
            }
            [who, "starts", "top-up", label, "of", amount] => {
                let amount = yen(amount)?;
                let wallet = self.person(who)?;
                let act = Command::StartTopUp {
                    wallet,
                    name: label.into(),
                    amount,
                };
                let outcome = self.act(&act)?;
                if let Ok(Reply::TopUp { top_up, .. }) = outcome {
                    self.top_ups.insert(label.to_owned(), (top_up, amount));
                }
                return Ok(in_story(&outcome));
            }
            ["card", "confirms", label] => {
                let (top_up, amount) = self.top_up(label)?;
                Command::ConfirmTopUp { top_up, amount }
            }
            ["card", "confirms", label, "of", amount] => Command::ConfirmTopUp {
                top_up: self.top_up(label)?.0,
                amount: yen(amount)?,
            },
            ["card", "fails", label] => Command::FailTopUp {
                top_up: self.top_up(label)?.0,
                expired: false,
            },
            ["card", "lets", label, "expire"] => Command::FailTopUp {
                top_up: self.top_up(label)?.0,
                expired: true,
            },
            ["house", "gives", who, amount] => Command::Credit {
                wallet: self.person(who)?,
                name: name.into(),
                amount: yen(amount)?,
                kind: CreditKind::Cash,
            },
            ["house", "unenrols", till] => Command::BindTill {
                till: till_of(till)?,
                device: None,
            },
            ["house", "enrols", till] => {
                let till = till_of(till)?;
                Command::BindTill {
                    till,
                    device: Some(device_of(till)),
                }
            }
            ["house", "revokes", shop] => Command::RevokeApiKey {
                key: key_of(shop_of(shop)?),
            },
            [till, "charges", payer, amount] => {
                Command::Charge(self.charge(till, payer, amount, name)?)
            }
            [till, "holds", payer, amount] => {
                let charge = self.charge(till, payer, amount, name)?;
                let expires_at = self.latest.plus_seconds(3_600);
                Command::Hold { charge, expires_at }
            }
            [till, "captures", label, amount] => {
                let (caller, merchant, _, _) = asker(till)?;
                let hold = *self.holds.get(label).ok_or("nobody holds that")?;
                Command::Capture {
                    caller,
                    merchant,
                    hold,
                    amount: yen(amount)?,
                }
            }
            ["house", "releases", "overdue", "holds"] => Command::ReleaseExpired,
            [_, "releases", label] => Command::Release {
                hold: *self.holds.get(label).ok_or("nobody holds that")?,
            },
            [till, "cancels", label] => {
                let (caller, merchant, _, _) = asker(till)?;
                Command::Cancel {
                    caller,
                    merchant,
                    name: label.into(),
                }
            }
            [till, "refunds", label, amount] => {
                let (caller, merchant, _, _) = asker(till)?;
                let payment = self
                    .payments
                    .get(label)
                    .copied()
                    .unwrap_or(PaymentId(999_999));
                Command::Refund(RefundRequest {
                    caller,
                    merchant,
                    name: name.into(),
                    payment,
                    amount: yen(amount)?,
                    reason: None,
                    requested_at: 0,
                })
            }
            [till, "finds", label] => {
                let (caller, merchant, _, _) = asker(till)?;
                Command::FindPayment {
                    caller,
                    merchant,
                    name: label.into(),
                }
            }
            _ => return Err(format!("no story speaks like that: {}", words.join(" "))),
        };
        self.answer(&act, name)
    }

    fn charge(
        &self,
        asker_word: &str,
        payer: &str,
        amount: &str,
        name: &str,
    ) -> Result<Charge, String> {
        let (caller, merchant, store, till) = asker(asker_word)?;
        let payer = match (self.codes.get(payer), self.people.get(payer), payer.parse()) {
            (Some(digits), _, _) => Payer::Code(*digits),
            (_, Some(wallet), _) => {
                Payer::Authorization(AuthorizationId(1 << 100 | u128::from(wallet.0)))
            }
            (_, _, Ok(digits)) => Payer::Code(digits),
            _ => return Err(format!("nobody shows {payer}")),
        };
        let papers = OrderInfo {
            requested_at: self.latest.seconds(),
            ..OrderInfo::default()
        };
        Ok(Charge {
            caller,
            merchant,
            name: name.into(),
            payer,
            amount: yen(amount)?,
            store,
            till,
            papers,
        })
    }

    fn answer(&mut self, act: &Command, name: &str) -> Result<String, String> {
        let outcome = self.act(act)?;
        match &outcome {
            Ok(Reply::Payment(payment)) => drop(self.payments.insert(name.to_owned(), payment.id)),
            Ok(Reply::Held { hold }) => drop(self.holds.insert(name.to_owned(), *hold)),
            _ => {}
        }
        Ok(in_story(&outcome))
    }

    /// Asks again where the engine says so: after a story has moved the clock, the lease must be confirmed anew.
    fn patiently(&self, act: &Command) -> Result<Outcome, String> {
        self.until_it_answers(|engine| engine.act(act.clone()))
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
    fn act(&mut self, act: &Command) -> Result<Outcome, String> {
        let outcome = self.patiently(act)?;
        self.latest = self.latest.max(Timestamp(self.clock.wall_micros()));
        let expected = self.model.tell(act, self.latest);
        let said = in_words(&outcome);
        if said != expected {
            return Err(format!("said {said:?}\nmust {expected:?}"));
        }
        if let (Command::IssueCode { wallet }, Ok(Reply::Code { digits, expires_at })) =
            (act, &outcome)
        {
            self.model
                .learn_code(*wallet, *digits, self.latest, *expires_at);
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
            drop(self.act(&Command::Look { wallet })?);
        }
        Ok(())
    }

    fn person(&self, who: &str) -> Result<WalletId, String> {
        self.people
            .get(who)
            .copied()
            .ok_or_else(|| format!("who is {who}?"))
    }

    fn top_up(&self, label: &str) -> Result<(TopUpId, Amount), String> {
        Ok(self
            .top_ups
            .get(label)
            .copied()
            .unwrap_or((TopUpId(999_999), Amount::yen(1_000))))
    }

    fn clock_to(&mut self, time: &str) -> Result<(), String> {
        let parts: Vec<i64> = time
            .split(':')
            .filter_map(|part| part.parse().ok())
            .collect();
        let [hours, minutes, seconds] = parts[..] else {
            return Err(format!("{time} is no time of day"));
        };
        let seconds = MIDNIGHT_SECONDS + self.day * 86_400 + hours * 3_600 + minutes * 60 + seconds;
        self.clock
            .0
            .store(Timestamp::from_seconds(seconds).0, Ordering::SeqCst);
        Ok(())
    }

    fn start(&mut self) -> Result<(), String> {
        self.starts += 1;
        let config = EngineConfig {
            location: self.location.clone(),
            master: Arc::new(MasterKey::from_bytes([5; 32])),
            rules: Limits::default(),
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

type Asker = (Caller, MerchantId, Option<StoreId>, Option<TillId>);

/// A till page speaks for itself; a shop's own register speaks with the shop's key.
fn asker(word: &str) -> Result<Asker, String> {
    if let Ok(merchant) = shop_of(word) {
        return Ok((Caller::Key(key_of(merchant)), merchant, None, None));
    }
    let till = till_of(word)?;
    let (store, merchant) = place_of(till);
    Ok((
        Caller::Till(till, device_of(till)),
        merchant,
        Some(store),
        Some(till),
    ))
}

fn yen(word: &str) -> Result<Amount, String> {
    let minor = word
        .replace('_', "")
        .parse()
        .map_err(|_| format!("{word} is no amount"))?;
    Amount::new(minor).ok_or_else(|| format!("{word} is more than there is"))
}

fn in_story(outcome: &Outcome) -> String {
    let done = match outcome {
        Ok(done) => done,
        Err(refusal) => return format!("refused {}", refusal.code()),
    };
    match done {
        Reply::Payment(_) => "paid",
        Reply::CancelAccepted => "accepted",
        Reply::Refund(_) => "refunded",
        Reply::Held { .. } => "held",
        Reply::Released => "released",
        Reply::ReleasedExpired(count) => return format!("released {count}"),
        Reply::Credited { .. } => "credited",
        Reply::Code { .. } => "code",
        Reply::Wallet(sight) if sight.frozen => "frozen",
        Reply::TopUp { state, .. } => match state {
            TopUpState::Pending => "pending",
            TopUpState::Succeeded => "succeeded",
            TopUpState::Failed => "failed",
            TopUpState::Expired => "expired",
        },
        _ => "ok",
    }
    .to_owned()
}
