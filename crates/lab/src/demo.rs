//! A month of life for `mamori-lab dev --demo`: customers put cash in, pay, and get something back, through the real engine at the
//! instants it is told; and then they go on paying, slowly.
//!
//! The same seed and end give the same month: who paid how much where and when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use mamori::world::Failure;
use mamori_domain::command::{Charge, Command, CreditKind, RefundRequest, Request};
use mamori_domain::context::{Actor, AgentFamily, Asker, Context, SystemReason};
use mamori_domain::ids::{
    AuthorizationId, Fingerprint, MerchantId, PaymentId, StoreId, TillId, WalletId,
};
use mamori_domain::money::Amount;
use mamori_domain::pay::{OrderInfo, Payer};
use mamori_domain::query::Query;
use mamori_domain::reply::Reply;
use mamori_domain::world::{Draw, Timestamp};
use mamori_engine::Engine;
use mamori_registry::Registry;

/// Days that were lived before today.
const DAYS: i64 = 30;
const DAY_MICROS: i64 = 86_400_000_000;
const HOUR_MICROS: i64 = 3_600_000_000;
/// Customers whose permissions the month is paid with, at most.
const CUSTOMERS_MAX: usize = 12;
/// How busy the hours from seven in the morning on are, against each other.
const HOURS: [u64; 15] = [4, 8, 5, 4, 6, 12, 9, 5, 5, 6, 9, 12, 9, 5, 2];
const FIRST_HOUR: i64 = 7;
/// What a thing in the shops costs, in yen.
const PRICES: [u64; 10] = [98, 128, 158, 198, 248, 298, 398, 498, 680, 1_280];
/// What customers put in at once, in yen.
const CASH_YEN: u64 = 10_000;

/// A clock that stands where it is put. Both of its faces move together: to the engine the days in between went by.
pub struct PastClock(AtomicI64);

impl PastClock {
    /// Standing at an instant.
    pub fn at(now: Timestamp) -> Arc<PastClock> {
        Arc::new(PastClock(AtomicI64::new(now.0)))
    }

    fn put(&self, now: i64) {
        self.0.fetch_max(now, Ordering::SeqCst);
    }
}

impl mamori_engine::clock::Clock for PastClock {
    fn monotonic_micros(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn wall_micros(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// When the month begins that ends at an instant: in Japan's night.
pub fn begins(until: Timestamp) -> Timestamp {
    Timestamp((until.day_in_japan() - DAYS) * DAY_MICROS - 9 * HOUR_MICROS)
}

/// Who pays whom.
pub struct Life {
    merchant: MerchantId,
    key: Fingerprint,
    tills: Vec<(StoreId, TillId)>,
    customers: Vec<(WalletId, AuthorizationId)>,
    /// What each may spend, in yen. On PostgreSQL nothing can be asked while the days fly by: an owner that has been silent for hours may
    /// not be one any more, until it has written again.
    balances: BTreeMap<WalletId, u64>,
    draw: Draw,
    acts: u64,
    /// Begins the ids that it gives its acts: no two lives on one store may share it.
    name: String,
}

/// A sale that was made.
struct Sold {
    wallet: WalletId,
    id: PaymentId,
    name: Box<str>,
    amount: Amount,
}

impl Life {
    /// The life of the seeded merchant and its customers.
    pub fn of(
        engine: &Engine,
        registry: &mut Registry,
        seed: u64,
        name: &str,
    ) -> Result<Life, Failure> {
        let keys = registry.api_keys().live_with_secrets()?;
        let key = keys.first().ok_or("the store has no API key")?;
        let tills = registry.directory().tills()?;
        let own = tills.iter().filter(|till| till.merchant == key.merchant);
        let customers = engine.first_authorizations(CUSTOMERS_MAX)?;
        let mut balances = BTreeMap::new();
        for (wallet, _) in &customers {
            balances.insert(*wallet, balance(engine, *wallet)?);
        }
        Ok(Life {
            merchant: key.merchant,
            key: key.fingerprint,
            tills: own.map(|till| (till.store, till.till)).collect(),
            customers,
            balances,
            draw: Draw::from_seed(seed),
            acts: 0,
            name: name.to_owned(),
        })
    }

    /// Thirty days and this one, up to now.
    pub fn month(
        &mut self,
        engine: &Engine,
        clock: &PastClock,
        until: Timestamp,
    ) -> Result<u64, Failure> {
        let mut sales = 0;
        let mut back = None;
        for day in 0..=DAYS {
            let midnight = begins(until).0 + day * DAY_MICROS;
            for at in self.times_of_day(midnight) {
                if at >= until.0 {
                    break;
                }
                clock.put(at);
                if let Some(sold) = back.take() {
                    self.give_back(engine, &sold, Timestamp(at))?;
                }
                let sold = self.sell(engine, Timestamp(at))?;
                sales += 1;
                back = (self.draw.below(25) == 0).then_some(sold);
            }
        }
        Ok(sales)
    }

    /// One sale; who has too little puts cash in first.
    pub fn pay(&mut self, engine: &Engine, now: Timestamp) -> Result<(), Failure> {
        // Somebody else may have paid or topped up meanwhile.
        for (wallet, known) in &mut self.balances {
            *known = balance(engine, *wallet)?;
        }
        self.sell(engine, now).map(drop)
    }

    /// Between four seconds and twenty, until the next customer comes.
    pub fn pause_seconds(&mut self) -> u64 {
        4 + self.draw.below(17)
    }

    /// When somebody pays on a day, in order.
    fn times_of_day(&mut self, midnight: i64) -> Vec<i64> {
        let total: u64 = HOURS.iter().sum();
        let mut times: Vec<i64> = (0..30 + self.draw.below(25))
            .map(|_| {
                let mut drawn = self.draw.below(total);
                let mut hour = FIRST_HOUR;
                for weight in HOURS {
                    if drawn < weight {
                        break;
                    }
                    drawn -= weight;
                    hour += 1;
                }
                let within = self.draw.below(HOUR_MICROS as u64) as i64;
                midnight + hour * HOUR_MICROS + within
            })
            .collect();
        times.sort_unstable();
        times
    }

    fn sell(&mut self, engine: &Engine, now: Timestamp) -> Result<Sold, Failure> {
        let (wallet, authorization) =
            self.customers[self.draw.below(self.customers.len() as u64) as usize];
        let (store, till) = self.tills[self.draw.below(self.tills.len() as u64) as usize];
        let things = 1 + self.draw.below(4);
        let yen = (0..things).map(|_| PRICES[self.draw.below(PRICES.len() as u64) as usize]);
        let amount = Amount::yen(yen.sum());
        self.fill_up(engine, wallet, amount)?;
        let name: Box<str> = self.next_name().into();
        let charge = Charge {
            merchant: self.merchant,
            merchant_payment_id: (&*name).into(),
            payer: Payer::Authorization(authorization),
            amount,
            store: Some(store),
            till: Some(till),
            order: OrderInfo {
                requested_at: now.seconds(),
                ..OrderInfo::default()
            }
            .into(),
        };
        match self.ask_by_key(engine, Command::Charge(charge))? {
            Reply::Payment(payment) => {
                self.moved(wallet, -(amount.minor() as i64));
                Ok(Sold {
                    wallet,
                    id: payment.id,
                    name,
                    amount,
                })
            }
            _ => Err(unexpected()),
        }
    }

    /// Half of it as a refund, or the whole sale undone.
    fn give_back(&mut self, engine: &Engine, sold: &Sold, now: Timestamp) -> Result<(), Failure> {
        let whole = sold.amount.minor();
        let (yen, command) = if self.draw.below(3) == 0 {
            let cancel = Command::Cancel {
                merchant: self.merchant,
                merchant_payment_id: (&*sold.name).into(),
            };
            (whole, cancel)
        } else {
            let half = whole.div_ceil(2);
            let refund = Command::Refund(RefundRequest {
                merchant: self.merchant,
                merchant_refund_id: self.next_name().into(),
                payment: sold.id,
                amount: Amount::yen(half),
                reason: None,
                requested_at: now.seconds(),
            });
            (half, refund)
        };
        self.ask_by_key(engine, command)?;
        self.moved(sold.wallet, yen as i64);
        Ok(())
    }

    /// Keeps what a wallet may spend up with what it paid or got.
    fn moved(&mut self, wallet: WalletId, yen: i64) {
        let known = self.balances.entry(wallet).or_default();
        *known = known.saturating_add_signed(yen);
    }

    fn fill_up(
        &mut self,
        engine: &Engine,
        wallet: WalletId,
        amount: Amount,
    ) -> Result<(), Failure> {
        if self.balances.get(&wallet) >= Some(&amount.minor()) {
            return Ok(());
        }
        let credit = Command::Credit {
            wallet,
            idempotency_key: self.next_name().into(),
            amount: Amount::yen(CASH_YEN),
            kind: CreditKind::Cash,
        };
        let system = Asker::system(SystemReason::CommandLine);
        answered(engine.ask(Request::command(system, credit))?)?;
        self.moved(wallet, CASH_YEN as i64);
        Ok(())
    }

    fn next_name(&mut self) -> String {
        self.acts += 1;
        format!("{}-{:06}", self.name, self.acts)
    }

    fn ask_by_key(&self, engine: &Engine, command: Command) -> Result<Reply, Failure> {
        let context = Context {
            by: Actor::Key { key: self.key },
            network: None,
            agent: AgentFamily::Program,
        };
        answered(engine.ask(Request::command(Asker::new(context), command))?)
    }
}

/// What a wallet may spend, in yen.
fn balance(engine: &Engine, wallet: WalletId) -> Result<u64, Failure> {
    let system = Asker::system(SystemReason::CommandLine);
    match engine.ask(Request::query(system, Query::Wallet { wallet }))? {
        Ok(Reply::Wallet(view)) => Ok(view.balance),
        _ => Err(unexpected()),
    }
}

fn answered(outcome: mamori_domain::reply::Outcome) -> Result<Reply, Failure> {
    outcome.map_err(|refusal| format!("the book refused life: {}", refusal.code()).into())
}

fn unexpected() -> Failure {
    "the book gave another answer than was asked for".into()
}
