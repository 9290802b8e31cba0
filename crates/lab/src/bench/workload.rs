//! What the benchmark lays out before it measures, and the payments it makes: wallets by number, one merchant, a hundred tills.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use mamori::world::{Clock, Failure};
use mamori_datastore::fault::Fault;
use mamori_domain::command::{Charge, Command, CreditKind, Request};
use mamori_domain::context::{Actor, AgentFamily, Asker, Context, RequestId, SystemReason};
use mamori_domain::ids::{AuthorizationId, Fingerprint, MerchantId, StoreId, TillId, WalletId};
use mamori_domain::merchant::StoreDetails;
use mamori_domain::money::Amount;
use mamori_domain::pay::{OrderInfo, Payer};
use mamori_domain::reply::{Outcome, Reply};
use mamori_engine::Engine;

use super::load::Choices;

/// Stores of the merchant.
pub const STORES: u32 = 10;
/// Tills, ten in each store, that take turns at random.
pub const TILLS: u32 = 100;
/// Yen in a wallet at first: more than any run spends, so that no payment is refused for want of money.
pub const FIRST_BALANCE: u64 = 10_000_000;
/// Acts on their way from one thread to the writer.
const FLIGHT: u64 = 3_000;
/// Acts that the views may be behind before a thread waits for them: the rate measured is one that the views keep up with.
const LAG_EVENTS: u64 = 200_000;

/// The user authorisation of a wallet, by its number from 0: looks random, is always the same.
pub fn authorization(wallet: u64) -> u128 {
    let mut choices = Choices::from_seed(wallet ^ 0x6d61_6d6f_7269);
    let drawn = u128::from(choices.next()) << 64 | u128::from(choices.next());
    // The marks of a version 4 UUID.
    drawn & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62
}

/// Acts on their way: how many, and which of them went wrong.
pub struct Flight {
    open: AtomicU64,
    wrong: Mutex<BTreeMap<String, u64>>,
    sender: Thread,
}

impl Flight {
    /// For acts that this thread sends.
    pub fn new(sender: Thread) -> Arc<Flight> {
        Arc::new(Flight {
            open: AtomicU64::new(0),
            wrong: Mutex::default(),
            sender,
        })
    }

    /// Sends an act; waits first while too many are on their way or the views are far behind. `see` gets a good answer.
    pub fn send(
        self: &Arc<Flight>,
        engine: &Engine,
        request: Request,
        see: impl FnOnce(Reply) + Send + 'static,
    ) {
        while self.open.load(Ordering::Acquire) >= FLIGHT || engine.view_lag() > LAG_EVENTS {
            std::thread::park_timeout(Duration::from_micros(500));
        }
        self.open.fetch_add(1, Ordering::AcqRel);
        let flight = self.clone();
        engine.submit(request, Box::new(move |answer| flight.land(answer, see)));
    }

    fn land(&self, answer: Result<Outcome, Fault>, see: impl FnOnce(Reply)) {
        let wrong = match answer {
            Ok(Ok(done)) => {
                see(done);
                None
            }
            Ok(Err(refusal)) => Some(refusal.code().to_owned()),
            Err(fault) => Some(fault.to_string()),
        };
        if let Some(wrong) = wrong {
            *self
                .wrong
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(wrong)
                .or_default() += 1;
        }
        // Half empty is early enough to wake the sender; at every landing it would only be disturbed.
        if self.open.fetch_sub(1, Ordering::AcqRel) == FLIGHT / 2 {
            self.sender.unpark();
        }
    }

    /// Waits until all have landed.
    pub fn all_landed(&self) -> Result<(), Failure> {
        while self.open.load(Ordering::Acquire) > 0 {
            std::thread::park_timeout(Duration::from_micros(500));
        }
        match self
            .wrong
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .next()
        {
            None => Ok(()),
            Some((what, count)) => {
                Err(format!("{count} acts of the benchmark were answered: {what}").into())
            }
        }
    }
}

/// The acts that lay out, in an empty store, a merchant with its key, stores and tills, and the wallets with their money. Ids count
/// up from one there, so the acts need no answers.
pub fn layout(wallets: u64, key: Fingerprint) -> impl Iterator<Item = Request> {
    let asker = Asker::system(SystemReason::CommandLine);
    let merchant = MerchantId(1);
    let shop = [Command::OpenMerchant, Command::BindApiKey { key, merchant }];
    let stores = (1..=STORES).map(move |_| Command::OpenStore {
        merchant,
        details: StoreDetails::default(),
    });
    let tills = (0..TILLS).map(|till| Command::OpenTill {
        store: StoreId(1 + till / (TILLS / STORES)),
    });
    let customers = (0..wallets).flat_map(move |number| {
        let (wallet, authorization) = (WalletId(number + 1), authorization(number));
        [
            Command::OpenWallet {
                credential: Fingerprint(authorization ^ 1),
                device: None,
            },
            Command::GrantAuthorization {
                authorization: AuthorizationId(authorization),
                wallet,
                merchant,
            },
            Command::Credit {
                wallet,
                idempotency_key: "first".into(),
                amount: Amount::yen(FIRST_BALANCE),
                kind: CreditKind::Goodwill,
            },
        ]
    });
    let commands = shop.into_iter().chain(stores).chain(tills).chain(customers);
    commands.map(move |command| Request::command(asker, command))
}

/// Lays out a store by [`layout`]; does nothing to one that has it all.
pub fn lay_out(
    engine: &Engine,
    wallets: u64,
    key: Fingerprint,
    told: impl Fn(u64),
) -> Result<(), Failure> {
    let survey = engine.survey()?;
    if survey.wallets == wallets && survey.tills.len() == TILLS as usize {
        return Ok(());
    }
    if survey.wallets > 0 || !survey.merchants.is_empty() {
        return Err(format!(
            "this store holds {} wallets, not {wallets}: choose an empty one",
            survey.wallets
        )
        .into());
    }
    let flight = Flight::new(std::thread::current());
    for (number, request) in layout(wallets, key).enumerate() {
        if number % 1024 == 0 {
            told(number as u64 / 3);
        }
        flight.send(engine, request, drop);
    }
    flight.all_landed()?;
    all_in_views(engine)
}

/// Waits until the views hold everything that is durable.
pub fn all_in_views(engine: &Engine) -> Result<(), Failure> {
    let seq = engine.survey()?.seq;
    match engine.applied().wait_for(seq, Duration::from_secs(600)) {
        true => Ok(()),
        false => Err("the views do not catch up".into()),
    }
}

/// Makes payments: a random wallet at a random till, as the merchant API would ask for them.
pub struct Payments {
    choices: Choices,
    run: u64,
    count: u64,
    wallets: u64,
    asker: Asker,
}

impl Payments {
    /// Payments of so many wallets with this key; another seed gives other names.
    pub fn new(seed: u64, wallets: u64, key: Fingerprint) -> Payments {
        let mut choices = Choices::from_seed(seed);
        Payments {
            run: choices.next(),
            choices,
            count: 0,
            wallets,
            asker: Asker::new(Context {
                by: Actor::Key { key },
                network: None,
                agent: AgentFamily::Program,
            }),
        }
    }

    /// The next one, asked for at `seconds` since 1970.
    pub fn next(&mut self, seconds: i64) -> Request {
        self.count += 1;
        let till = self.choices.below(u64::from(TILLS)) as u32;
        let store = till / (TILLS / STORES);
        let charge = Charge {
            merchant: MerchantId(1),
            merchant_payment_id: format!("b-{:08x}{:016x}", self.run as u32, self.count).into(),
            payer: Payer::Authorization(AuthorizationId(authorization(
                self.choices.below(self.wallets),
            ))),
            amount: Amount::yen(1 + self.choices.below(300)),
            store: Some(StoreId(1 + store)),
            till: Some(TillId(1 + till)),
            order: OrderInfo {
                requested_at: seconds,
                description: Some("onigiri, tea and a newspaper".into()),
                ..OrderInfo::default()
            }
            .into(),
        };
        // As the merchant API names its requests: eight bytes in the journal.
        let asker = self.asker.with_request(RequestId(self.choices.next() >> 1));
        Request::command(asker, Command::Charge(charge))
    }
}

/// Makes so many payments and waits until the views hold them.
pub fn pay(
    engine: &Engine,
    wallets: u64,
    payments: u64,
    seed: u64,
    key: Fingerprint,
    clock: Clock,
    told: impl Fn(u64),
) -> Result<(), Failure> {
    let flight = Flight::new(std::thread::current());
    let mut acts = Payments::new(seed, wallets, key);
    for number in 0..payments {
        if number % 1024 == 0 {
            told(number);
        }
        flight.send(engine, acts.next((clock.wall_micros)() / 1_000_000), drop);
    }
    flight.all_landed()?;
    all_in_views(engine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorisations_are_uuids_and_all_different() {
        let mut seen: Vec<u128> = (0..10_000).map(authorization).collect();
        assert!(
            seen.iter()
                .all(|uuid| uuid >> 76 & 0xf == 4 && uuid >> 62 & 3 == 2)
        );
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 10_000);
    }
}
