//! Top-ups by card: the book opens and closes them, the processor takes the card on its own page.
//!
//! | step | where it is written | if the answer is lost |
//! |---|---|---|
//! | open the top-up | journal | the page asks again with its key: the same top-up |
//! | write the order down | control | the same order is read back |
//! | send the order | processor, under our key | sent again with the same bytes: the same page |
//! | note the charge | control, before the book hears of it: no yen without a source | asked again, noted again |
//! | settle | journal, on the processor's own word | asked again by the page, a webhook or the poller |
//! | look back | control: what went back of a charge, what is disputed | asked again with the next notice |
//!
//! A top-up is closed on the processor's own word and on nothing else: while that is not to be had it stays open, and the
//! poller asks with growing pauses. One that was closed without money is asked about for another week.
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
use mamori_domain::command::Command;
use mamori_domain::ids::{IdSpace, TopUpId};
use mamori_domain::money::Amount;
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::{Reply, TopUpState};
use mamori_domain::world::Timestamp;
use mamori_engine::Engine;
use mamori_registry::{CardChargeRow, CardPaymentRow, Control, NewCardPayment};

/// How long the processor's page stays open. The shortest the protocol allows is half an hour.
const PAGE_LIFE: Duration = Duration::from_secs(35 * 60);
/// How long after the page has closed a top-up that nobody answered for is called off.
const GRACE: Duration = Duration::from_secs(10 * 60);
/// How long an open top-up rests after a question that brought no usable answer: doubled each time, up to the second.
const SILENCE: Duration = Duration::from_secs(5);
const SILENCE_MAX: Duration = Duration::from_secs(10 * 60);
/// How long a top-up that was closed without money is asked about, once a day, and how many in one round.
const AGAIN: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const AGAIN_IN_A_ROUND: u32 = 20;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

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
        control: &mut Control,
        top_up: TopUpId,
        amount: Amount,
        locale: &str,
        now: Timestamp,
    ) -> Result<CardPayment, CardProblem> {
        let row = control.begin_card_payment(&NewCardPayment {
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
        control.note_card_page(top_up, payment.reference.as_str(), url)?;
        Ok(payment)
    }

    fn order(&self, row: &NewCardPayment) -> Result<CardOrder, CardProblem> {
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
        control: &mut Control,
        top_up: TopUpId,
        now: Timestamp,
    ) -> Result<Settled, CardProblem> {
        self.close(engine, control, top_up, now, false)
    }

    /// Calls a top-up off whose customer has left the card page without paying, so that its amount no longer counts
    /// towards the balance cap. What was paid in the meantime stays paid. Safe to repeat.
    pub fn call_off(
        &self,
        engine: &Engine,
        control: &mut Control,
        top_up: TopUpId,
        now: Timestamp,
    ) -> Result<Settled, CardProblem> {
        self.close(engine, control, top_up, now, true)
    }

    /// Follows a notice of the processor: asks where the top-up stands that it is about. `None` if it is about none of ours.
    pub fn follow(
        &self,
        engine: &Engine,
        control: &mut Control,
        notice: &CardNotice,
        now: Timestamp,
    ) -> Result<Option<Settled>, CardProblem> {
        let top_up = match (&notice.key, &notice.charge) {
            (Some(key), _) => self.top_up_of(key),
            // A dispute names nothing but its charge.
            (None, Some(charge)) => control.top_up_of_charge(charge)?,
            (None, None) => None,
        };
        top_up
            .map(|top_up| self.settle(engine, control, top_up, now))
            .transpose()
    }

    fn close(
        &self,
        engine: &Engine,
        control: &mut Control,
        top_up: TopUpId,
        now: Timestamp,
        unwanted: bool,
    ) -> Result<Settled, CardProblem> {
        let row = control.card_payment(top_up)?.ok_or(CardProblem::Unknown)?;
        let order = self.order(&row.order)?;
        let stands = match row.reference.as_deref().and_then(CardReference::new) {
            Some(reference) => self.processor.retrieve(&reference, &order.expected())?,
            // The answer that would have told the reference was lost: the same order finds the same page.
            None => {
                let amount = Amount::new(row.order.amount).ok_or(CardProblem::Mismatch)?;
                self.open_page(control, top_up, amount, &row.order.locale, now)?
            }
        };
        let overdue = now > row.order.expires_at.plus(GRACE);
        let stands = if (unwanted || overdue) && !stands.state.is_final() {
            match self.processor.cancel(&stands.reference, &order.expected()) {
                // It will not be called off, and was alive a moment ago: that is no proof that there was no payment.
                Err(error) if error.proves_no_payment() => stands,
                called_off => called_off?,
            }
        } else {
            stands
        };
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
                control.note_card_charge(top_up, &charge)?;
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
            ask_again_tomorrow(control, top_up, row.closed_at, now)?;
        } else if let Some(charge) = &paid {
            raise_alarm(control, &row, charge, now)?;
        }
        match engine.act(act)? {
            Ok(Reply::TopUp { state, .. }) => {
                if state == TopUpState::Succeeded && (closes || row.closed_at.is_some()) {
                    control.note_card_closed(top_up, now, None)?;
                }
                if let Some(charge) = paid.filter(|_| closes && state == TopUpState::Succeeded) {
                    raise_alarm(control, &row, &charge, now)?;
                }
                Ok(Settled { state, url: None })
            }
            Ok(_) => Err(CardProblem::Unknown),
            Err(refusal) => Err(CardProblem::Refused(refusal)),
        }
    }

    /// Settles every top-up that has been open for a while, what no webhook and no browser ever came back for, and asks again
    /// about some that were closed without money. Returns how many were closed or credited.
    ///
    /// The round ends where the processor says nothing at all: what it owes the first it owes everybody, and each silence
    /// takes half a minute. Whoever was asked in vain waits longer each time, so that the next round begins with another.
    pub fn sweep(
        &self,
        engine: &Engine,
        control: &mut Control,
        now: Timestamp,
        older_than: Duration,
    ) -> Result<usize, Fault> {
        let mut moved = 0;
        // Only these are looked at on the writer's thread; they are put in order here.
        let mut open = engine.peek(|book| {
            let mut open = Vec::new();
            book.top_ups
                .each(|id, row| open.push((*id, row.started_at)));
            open
        })?;
        open.sort_unstable();
        for (top_up, started_at) in open {
            if now < started_at.plus(older_than) {
                continue;
            }
            match self.poll(engine, control, top_up, started_at, now)? {
                Polled::Moved => moved += 1,
                Polled::AsBefore => {}
                Polled::Silence => return Ok(moved),
            }
        }
        for top_up in control.card_payments_to_ask_again(now, AGAIN_IN_A_ROUND)? {
            match self.poll_again(engine, control, top_up, now)? {
                Polled::Moved => moved += 1,
                Polled::AsBefore => {}
                Polled::Silence => return Ok(moved),
            }
        }
        Ok(moved)
    }

    /// Asks about one that is open, unless it is resting.
    fn poll(
        &self,
        engine: &Engine,
        control: &mut Control,
        top_up: TopUpId,
        started_at: Timestamp,
        now: Timestamp,
    ) -> Result<Polled, Fault> {
        let expire = || {
            engine.act(Command::FailTopUp {
                top_up,
                expired: true,
            })
        };
        let Some(row) = control.card_payment(top_up)? else {
            // Opened in the book and never written down as an order: nobody was ever sent to a page.
            let expired = now > started_at.plus(PAGE_LIFE) && expire()?.is_ok();
            return Ok(Polled::moved(expired));
        };
        // One that control has closed and the book has not was left half way: it rests no longer.
        if row.closed_at.is_none() && row.ask_at.is_some_and(|ask_at| ask_at > now) {
            return Ok(Polled::AsBefore);
        }
        let is_overdue = now > started_at.plus(PAGE_LIFE + GRACE);
        let pause = (SILENCE * (1 << row.silent.min(10))).min(SILENCE_MAX);
        match self.settle(engine, control, top_up, now) {
            Ok(settled) if settled.state == TopUpState::Pending => {
                if is_overdue {
                    // Still on its way, and not to be called off: it is asked about more and more seldom.
                    control.note_card_silence(top_up, now.plus(pause))?;
                } else if row.silent > 0 {
                    control.note_card_answer(top_up)?;
                }
                Ok(Polled::AsBefore)
            }
            Ok(_) => Ok(Polled::Moved),
            Err(CardProblem::Fault(fault)) => Err(fault),
            // Long after its page has closed the processor says, in its own words, that there never was a payment.
            Err(CardProblem::Card(error)) if error.proves_no_payment() && is_overdue => {
                // One whose page never had a name sent nobody anywhere.
                if row.reference.is_some() {
                    ask_again_tomorrow(control, top_up, row.closed_at, now)?;
                }
                Ok(Polled::moved(expire()?.is_ok()))
            }
            Err(problem) => {
                tracing::warn!(top_up = top_up.0, amount = row.order.amount, silent = row.silent, %problem, "a top-up could not be settled yet");
                control.note_card_silence(top_up, now.plus(pause))?;
                Ok(Polled::after(&problem))
            }
        }
    }

    /// Asks about one that was closed without money: words of the processor come late, and sometimes they were wrong.
    fn poll_again(
        &self,
        engine: &Engine,
        control: &mut Control,
        top_up: TopUpId,
        now: Timestamp,
    ) -> Result<Polled, Fault> {
        match self.settle(engine, control, top_up, now) {
            Ok(settled) => {
                let credited = settled.state == TopUpState::Succeeded;
                if credited {
                    tracing::warn!(
                        top_up = top_up.0,
                        "a top-up that was closed without money is paid after all"
                    );
                }
                if settled.state == TopUpState::Pending {
                    control.note_card_silence(top_up, now.plus(DAY))?;
                }
                Ok(Polled::moved(credited))
            }
            Err(CardProblem::Fault(fault)) => Err(fault),
            Err(problem) => {
                tracing::info!(top_up = top_up.0, %problem, "a closed top-up brings no news");
                match control.card_payment(top_up)? {
                    // An answer of a kind; silence does not count towards the end of asking.
                    Some(row) if Polled::after(&problem) == Polled::AsBefore => {
                        ask_again_tomorrow(control, top_up, row.closed_at, now)?;
                    }
                    _ => control.note_card_silence(top_up, now.plus(DAY))?,
                }
                Ok(Polled::after(&problem))
            }
        }
    }
}

/// What one question of the poller brought.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Polled {
    Moved,
    AsBefore,
    Silence,
}

impl Polled {
    fn moved(moved: bool) -> Polled {
        if moved {
            Polled::Moved
        } else {
            Polled::AsBefore
        }
    }

    fn after(problem: &CardProblem) -> Polled {
        match problem {
            CardProblem::Card(error) if error.is_silence() => Polled::Silence,
            _ => Polled::AsBefore,
        }
    }
}

/// A top-up stands closed without money, since `closed_at` if that is known: it is asked about once a day for a week.
fn ask_again_tomorrow(
    control: &mut Control,
    top_up: TopUpId,
    closed_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Fault> {
    let over = now >= closed_at.unwrap_or(now).plus(AGAIN);
    control.note_card_closed(top_up, now, (!over).then_some(now.plus(DAY)))
}

/// Tells people that money of a credited top-up is gone, once for each time that there is more to tell.
fn raise_alarm(
    control: &mut Control,
    row: &CardPaymentRow,
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
    control.raise_card_alarm(row.order.top_up, now)
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
