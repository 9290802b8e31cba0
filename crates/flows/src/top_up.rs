//! Top-ups by card: the book opens and closes them, the processor takes the card on its own page.
//!
//! | step | where it is written | if the answer is lost |
//! |---|---|---|
//! | open the top-up | journal | the page asks again with its key: the same top-up |
//! | write the order down | registry | the same order is read back |
//! | send the order | processor, under our key | sent again with the same bytes: the same page |
//! | note the charge | registry, before the book hears of it: no yen without a source | asked again, noted again |
//! | settle | journal, on the processor's own word | asked again by the page, a webhook or the poller |
//! | look back | registry: what went back of a charge, what is disputed | asked again with the next notice |
//!
//! A top-up is closed on the processor's own word and on nothing else: while that is not to be had it stays open, and
//! `external.rs` asks with growing pauses. One that was closed without money is asked about for another week.
//!
//! Nothing a browser says moves money: a return from the card page only makes the server ask the processor.

use std::time::Duration;

use mamori_connectors::card::{
    CardEntry, CardError, CardOrder, CardPayment, CardProcessor, CardReference, IntentState,
    TopUpKey,
};
use mamori_connectors::card_notice::CardNotice;
use mamori_connectors::secret::Secret;
use mamori_datastore::fault::Fault;
use mamori_domain::book::OpenTopUp;
use mamori_domain::command::{Command, Request};
use mamori_domain::context::{Asker, SystemReason};
use mamori_domain::ids::{IdSpace, TopUpId};
use mamori_domain::money::Amount;
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::{Reply, TopUpState};
use mamori_domain::world::Timestamp;
use mamori_engine::Engine;
use mamori_registry::{CardChargeRow, CardOrderRow, NewCardOrder, Registry};

use crate::external::{self, Noted, Orders, Problem, ProblemKind, Stands, Times};

/// How long the processor's page stays open. The shortest the protocol allows is half an hour.
const PAGE_LIFE: Duration = Duration::from_secs(35 * 60);
/// How long after the page has closed a top-up without an answer is called off.
const GRACE: Duration = Duration::from_secs(10 * 60);
/// When the processor is asked, and for how long.
const TIMES: Times = Times {
    life: PAGE_LIFE,
    grace: GRACE,
    silence: Duration::from_secs(5),
    silence_max: Duration::from_secs(10 * 60),
    again_for: Duration::from_secs(7 * 24 * 60 * 60),
    again_every: Duration::from_secs(24 * 60 * 60),
    again_in_a_round: 20,
    open_in_a_round: 10_000,
};

/// The processor's account of this house.
pub struct CardDesk {
    processor: CardProcessor,
    /// Signs the processor's webhooks.
    pub webhook_secret: Secret,
    /// Where customers come back to, without a slash at the end.
    wallet_origin: String,
    /// In front of every key at the processor: it remembers keys of stores that are long gone.
    store: String,
}

/// A command on the processor's own word.
fn processor_says(command: Command) -> Request {
    Request::command(Asker::system(SystemReason::CardProcessor), command)
}

/// What a settlement brought.
pub struct Settled {
    pub state: TopUpState,
    /// Where the card page is, while it is open.
    pub url: Option<String>,
}

impl CardDesk {
    /// `store` tells this store's top-ups from any other's at the same processor: a few letters and digits.
    pub fn new(
        processor: CardProcessor,
        webhook_secret: Secret,
        wallet_origin: &str,
        store: &str,
    ) -> CardDesk {
        CardDesk {
            processor,
            webhook_secret,
            wallet_origin: wallet_origin.to_owned(),
            store: store.to_owned(),
        }
    }

    /// The top-up that one of our keys names.
    pub fn top_up_of(&self, key: &TopUpKey) -> Option<TopUpId> {
        key.as_str()
            .strip_prefix(&self.store)?
            .strip_prefix('-')?
            .parse()
            .ok()
            .map(TopUpId)
    }

    /// Sends a top-up's order (again) and says where its page is. May wait for the network: worker threads only.
    pub fn open_page(
        &self,
        registry: &mut Registry,
        top_up: TopUpId,
        amount: Amount,
        locale: &str,
        now: Timestamp,
    ) -> Result<CardPayment, CardProblem> {
        let row = registry.card_orders().begin(&NewCardOrder {
            top_up,
            amount: amount.minor(),
            locale: locale.to_owned(),
            expires_at: Timestamp::from_seconds(now.plus(PAGE_LIFE).seconds()),
        })?;
        let order = self.order(&row.order)?;
        let payment = self.processor.start(&order)?;
        let url = match &payment.state {
            IntentState::RequiresAction { url } => url.as_deref(),
            _ => None,
        };
        registry
            .card_orders()
            .note_page(top_up, payment.reference.as_str(), url)?;
        Ok(payment)
    }

    fn order(&self, row: &NewCardOrder) -> Result<CardOrder, CardProblem> {
        let page = format!("{}/top-up/{}", self.wallet_origin, row.top_up);
        let product = match row.locale.as_str() {
            "en" => format!("Mamori top-up {}", IdSpace::counter(row.top_up.0)),
            _ => format!("Mamori チャージ {}", IdSpace::counter(row.top_up.0)),
        };
        Ok(CardOrder {
            key: TopUpKey::new(format!("{}-{}", self.store, row.top_up))
                .ok_or(CardProblem::Mismatch)?,
            amount: Amount::new(row.amount).ok_or(CardProblem::Mismatch)?,
            entry: CardEntry::HostedPage {
                product,
                // Only a hint for the page what to ask: neither address proves anything.
                cancel_url: format!("{page}?left"),
                success_url: page,
                locale: row.locale.clone(),
                expires_at_seconds: row.expires_at.seconds(),
            },
        })
    }

    /// Asks the processor where a top-up stands and makes it true in the book. Safe to repeat, from anywhere, at any time.
    pub fn settle(
        &self,
        engine: &Engine,
        registry: &mut Registry,
        top_up: TopUpId,
        now: Timestamp,
    ) -> Result<Settled, CardProblem> {
        self.close(engine, registry, top_up, now, false)
    }

    /// Calls a top-up off whose customer has left the card page without paying, so that its amount no longer counts
    /// towards the balance cap. What was paid in the meantime stays paid. Safe to repeat.
    pub fn call_off(
        &self,
        engine: &Engine,
        registry: &mut Registry,
        top_up: TopUpId,
        now: Timestamp,
    ) -> Result<Settled, CardProblem> {
        self.close(engine, registry, top_up, now, true)
    }

    /// Follows a notice of the processor: asks where the top-up stands that it is about. `None` if it is about none of ours.
    pub fn follow(
        &self,
        engine: &Engine,
        registry: &mut Registry,
        notice: &CardNotice,
        now: Timestamp,
    ) -> Result<Option<Settled>, CardProblem> {
        let top_up = match (&notice.key, &notice.charge) {
            (Some(key), _) => self.top_up_of(key),
            // A dispute names nothing but its charge.
            (None, Some(charge)) => registry.card_orders().of_charge(charge)?,
            (None, None) => None,
        };
        top_up
            .map(|top_up| self.settle(engine, registry, top_up, now))
            .transpose()
    }

    fn close(
        &self,
        engine: &Engine,
        registry: &mut Registry,
        top_up: TopUpId,
        now: Timestamp,
        unwanted: bool,
    ) -> Result<Settled, CardProblem> {
        let row = registry
            .card_orders()
            .find(top_up)?
            .ok_or(CardProblem::Unknown)?;
        let order = self.order(&row.order)?;
        let stands = self.standing(registry, &row, &order, now, unwanted)?;
        let mut paid = None;
        let act = match stands.state {
            IntentState::Succeeded {
                charge,
                liability_shift,
                aftermath,
                ..
            } => {
                let charge = CardChargeRow {
                    charge,
                    liability_shift: liability_shift.name().to_owned(),
                    refunded: aftermath.refunded,
                    disputed: aftermath.disputed,
                };
                registry.card_orders().note_charge(top_up, &charge)?;
                paid = Some(charge);
                // Money that went back before it was credited was never ours. Of a credited top-up this changes nothing.
                if aftermath.refunded_in_full {
                    Command::FailTopUp {
                        top_up,
                        expired: false,
                    }
                } else {
                    Command::ConfirmTopUp {
                        top_up,
                        amount: order.amount,
                    }
                }
            }
            IntentState::Failed { .. } => Command::FailTopUp {
                top_up,
                expired: false,
            },
            IntentState::Cancelled => Command::FailTopUp {
                top_up,
                expired: true,
            },
            IntentState::RequiresAction { url } => {
                return Ok(Settled {
                    state: TopUpState::Pending,
                    url: url.or(row.url),
                });
            }
            IntentState::Pending | IntentState::Processing => {
                return Ok(Settled {
                    state: TopUpState::Pending,
                    url: row.url,
                });
            }
        };
        // Before the book hears of it: a crash in between must end neither the asking nor the alarm.
        let closes = matches!(act, Command::FailTopUp { .. });
        if closes {
            let ask_at = TIMES.ask_again_at(row.closed_at, now);
            registry.card_orders().note_closed(top_up, now, ask_at)?;
        } else if let Some(charge) = &paid {
            raise_alarm(registry, &row, charge, now)?;
        }
        match engine.ask(processor_says(act))? {
            Ok(Reply::TopUp { state, .. }) => {
                if state == TopUpState::Succeeded && (closes || row.closed_at.is_some()) {
                    registry.card_orders().note_closed(top_up, now, None)?;
                }
                if let Some(charge) = paid.filter(|_| closes && state == TopUpState::Succeeded) {
                    raise_alarm(registry, &row, &charge, now)?;
                }
                Ok(Settled { state, url: None })
            }
            Ok(_) => Err(CardProblem::Unknown),
            Err(refusal) => Err(CardProblem::Refused(refusal)),
        }
    }

    /// Where an order stands at the processor, after calling it off if it is `unwanted` or overdue and still open.
    fn standing(
        &self,
        registry: &mut Registry,
        row: &CardOrderRow,
        order: &CardOrder,
        now: Timestamp,
        unwanted: bool,
    ) -> Result<CardPayment, CardProblem> {
        let stands = match row.reference.as_deref().and_then(CardReference::new) {
            Some(reference) => self.processor.retrieve(&reference, &order.expected())?,
            // The answer that would have told the reference was lost: the same order finds the same page.
            None => {
                let amount = Amount::new(row.order.amount).ok_or(CardProblem::Mismatch)?;
                let top_up = row.order.top_up;
                self.open_page(registry, top_up, amount, &row.order.locale, now)?
            }
        };
        let overdue = now > row.order.expires_at.plus(GRACE);
        if !(unwanted || overdue) || stands.state.is_final() {
            return Ok(stands);
        }
        match self.processor.cancel(&stands.reference, &order.expected()) {
            // It will not be called off, and was alive a moment ago: that is no proof that there was no payment.
            Err(error) if error.proves_no_payment() => Ok(stands),
            // A customer who tried a card that was declined, and then left, has called the top-up off: it has not failed.
            called_off => {
                let mut stands = called_off?;
                if matches!(stands.state, IntentState::Failed { .. }) {
                    stands.state = IntentState::Cancelled;
                }
                Ok(stands)
            }
        }
    }

    /// One round over all top-ups that no webhook and no browser ever came back for; see [`external::sweep`].
    pub fn sweep(
        &self,
        engine: &Engine,
        registry: &mut Registry,
        now: Timestamp,
        older_than: Duration,
    ) -> Result<usize, Fault> {
        let mut top_ups = TopUps {
            desk: self,
            engine,
            registry,
        };
        external::sweep(&mut top_ups, now, older_than)
    }
}

/// Top-ups as orders at the processor.
struct TopUps<'a> {
    desk: &'a CardDesk,
    engine: &'a Engine,
    registry: &'a mut Registry,
}

impl Orders for TopUps<'_> {
    type Id = TopUpId;
    type Problem = CardProblem;
    const TIMES: Times = TIMES;

    fn open_before(&mut self, before: Timestamp) -> Result<Vec<(TopUpId, Timestamp)>, Fault> {
        let open = self
            .engine
            .top_ups_started_before(before, TIMES.open_in_a_round)?;
        let started = |(top_up, open): (TopUpId, OpenTopUp)| (top_up, open.started_at);
        Ok(open.into_iter().map(started).collect())
    }

    fn to_ask_again(&mut self, now: Timestamp) -> Result<Vec<TopUpId>, Fault> {
        let mut orders = self.registry.card_orders();
        orders.to_ask_again(now, TIMES.again_in_a_round)
    }

    fn noted(&mut self, top_up: TopUpId) -> Result<Option<Noted>, Fault> {
        let row = self.registry.card_orders().find(top_up)?;
        Ok(row.map(|row| Noted {
            amount: row.order.amount,
            was_sent: row.reference.is_some(),
            silent: row.silent,
            ask_at: row.ask_at,
            closed_at: row.closed_at,
        }))
    }

    fn settle(&mut self, top_up: TopUpId, now: Timestamp) -> Result<Stands, CardProblem> {
        let settled = self.desk.settle(self.engine, self.registry, top_up, now)?;
        Ok(match settled.state {
            TopUpState::Pending => Stands::Open,
            TopUpState::Succeeded => Stands::Paid,
            TopUpState::Failed | TopUpState::Expired => Stands::Closed,
        })
    }

    fn expire(&mut self, top_up: TopUpId) -> Result<bool, Fault> {
        let expire = Command::FailTopUp {
            top_up,
            expired: true,
        };
        Ok(self.engine.ask(processor_says(expire))?.is_ok())
    }

    fn note_silence(&mut self, top_up: TopUpId, ask_at: Timestamp) -> Result<(), Fault> {
        self.registry.card_orders().note_silence(top_up, ask_at)
    }

    fn note_answer(&mut self, top_up: TopUpId) -> Result<(), Fault> {
        self.registry.card_orders().note_answer(top_up)
    }

    fn note_closed(
        &mut self,
        top_up: TopUpId,
        now: Timestamp,
        ask_at: Option<Timestamp>,
    ) -> Result<(), Fault> {
        let mut orders = self.registry.card_orders();
        orders.note_closed(top_up, now, ask_at)
    }
}

/// Tells people that money of a credited top-up is gone, once for each time that there is more to tell.
fn raise_alarm(
    registry: &mut Registry,
    row: &CardOrderRow,
    charge: &CardChargeRow,
    now: Timestamp,
) -> Result<(), Fault> {
    if charge.refunded == 0 && !charge.disputed {
        return Ok(());
    }
    let told = row
        .alarmed_at
        .and(row.charge.as_ref())
        .is_some_and(|told| told.refunded >= charge.refunded && told.disputed >= charge.disputed);
    if told {
        return Ok(());
    }
    tracing::error!(
        top_up = row.order.top_up.0,
        amount = row.order.amount,
        refunded = charge.refunded,
        disputed = charge.disputed,
        liability_shift = charge.liability_shift,
        "money of a credited top-up is gone: the processor gave it back or the cardholder disputes it"
    );
    registry.card_orders().raise_alarm(row.order.top_up, now)
}

/// Why a top-up could not be moved on.
#[derive(Debug)]
pub enum CardProblem {
    /// The processor gave no usable answer, or refused.
    Card(CardError),
    /// The store failed.
    Fault(Fault),
    /// The book refused what the processor says: for people to look at.
    Refused(Refusal),
    /// No such order.
    Unknown,
    /// What is written down cannot be an order.
    Mismatch,
}

impl Problem for CardProblem {
    fn kind(self) -> ProblemKind {
        match self {
            CardProblem::Fault(fault) => ProblemKind::Fault(fault),
            CardProblem::Card(error) if error.is_silence() => ProblemKind::Silence,
            CardProblem::Card(error) if error.proves_no_payment() => ProblemKind::NothingHappened,
            _ => ProblemKind::Other,
        }
    }
}

impl From<CardError> for CardProblem {
    fn from(error: CardError) -> Self {
        CardProblem::Card(error)
    }
}

impl From<Fault> for CardProblem {
    fn from(fault: Fault) -> Self {
        CardProblem::Fault(fault)
    }
}

impl std::fmt::Display for CardProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CardProblem::Card(error) => error.fmt(f),
            CardProblem::Fault(fault) => fault.fmt(f),
            CardProblem::Refused(refusal) => write!(f, "the book refused: {}", refusal.code()),
            CardProblem::Unknown => f.write_str("there is no such order"),
            CardProblem::Mismatch => f.write_str("the order that is written down cannot be sent"),
        }
    }
}
