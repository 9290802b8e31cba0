//! Top-ups by card: the book opens and closes them, the processor takes the card on its own page.
//!
//! | step | where it is written | if the answer is lost |
//! |---|---|---|
//! | open the top-up | journal | the page asks again with its key: the same top-up |
//! | write the order down | control | the same order is read back |
//! | send the order | processor, under our key | sent again with the same bytes: the same page |
//! | note the charge | control, before the book hears of it: no yen without a source | asked again, noted again |
//! | settle | journal, on the processor's own word | asked again by the page, a webhook or the poller |
//!
//! Nothing a browser says moves money: a return from the card page only makes the server ask the processor.

use mamori_connectors::card::{
    CardEntry, CardError, CardOrder, CardPayment, CardProcessor, CardReference, IntentState,
    TopUpKey,
};

use mamori_connectors::secret::Secret;
use mamori_domain::act::{Act, Done, Refusal, TopUpState};
use mamori_domain::ids::{IdSpace, TopUpId};
use mamori_domain::money::Amount;
use mamori_domain::world::Timestamp;
use mamori_engine::Engine;
use mamori_engine::control::{CardChargeRow, CardPaymentRow, Control};
use mamori_engine::fault::Fault;

/// How long the processor's page stays open. The shortest the protocol allows is half an hour.
const PAGE_SECONDS: i64 = 35 * 60;
/// How long after the page has closed a top-up that nobody answered for is called off.
const GRACE_SECONDS: i64 = 10 * 60;

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
        let row = control.begin_card_payment(&CardPaymentRow {
            top_up,
            amount: amount.minor(),
            locale: locale.to_owned(),
            expires_at_seconds: now.seconds() + PAGE_SECONDS,
            reference: None,
            url: None,
            charge: None,
        })?;
        let order = self.order(&row)?;
        let payment = self.processor.start(&order)?;
        let url = match &payment.state {
            IntentState::RequiresAction { url } => url.as_deref(),
            _ => None,
        };
        control.note_card_page(top_up, payment.reference.as_str(), url)?;
        Ok(payment)
    }

    fn order(&self, row: &CardPaymentRow) -> Result<CardOrder, CardProblem> {
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
                expires_at_seconds: row.expires_at_seconds,
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

    fn close(
        &self,
        engine: &Engine,
        control: &mut Control,
        top_up: TopUpId,
        now: Timestamp,
        unwanted: bool,
    ) -> Result<Settled, CardProblem> {
        let row = control.card_payment(top_up)?.ok_or(CardProblem::Unknown)?;
        let order = self.order(&row)?;
        let stands = match row.reference.as_deref().and_then(CardReference::new) {
            Some(reference) => self.processor.retrieve(&reference, &order.expected())?,
            // The answer that would have told the reference was lost: the same order finds the same page.
            None => {
                let amount = Amount::new(row.amount).ok_or(CardProblem::Mismatch)?;
                self.open_page(control, top_up, amount, &row.locale, now)?
            }
        };
        let overdue = now.seconds() > row.expires_at_seconds + GRACE_SECONDS;
        let stands = if (unwanted || overdue) && !stands.state.is_final() {
            self.processor
                .cancel(&stands.reference, &order.expected())?
        } else {
            stands
        };
        let act = match stands.state {
            IntentState::Succeeded {
                charge,
                liability_shift,
                ..
            } => {
                let charge = CardChargeRow {
                    charge,
                    liability_shift: liability_shift.name().to_owned(),
                };
                control.note_card_charge(top_up, &charge)?;
                Act::ConfirmTopUp {
                    top_up,
                    amount: order.amount,
                }
            }
            IntentState::Failed { .. } => Act::FailTopUp {
                top_up,
                expired: false,
            },
            IntentState::Cancelled => Act::FailTopUp {
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
        match engine.act(act)? {
            Ok(Done::TopUp { state, .. }) => Ok(Settled { state, url: None }),
            Ok(_) => Err(CardProblem::Unknown),
            Err(refusal) => Err(CardProblem::Refused(refusal)),
        }
    }

    /// Settles every top-up that has been open for a while: what no webhook and no browser ever came back for.
    pub fn sweep(
        &self,
        engine: &Engine,
        control: &mut Control,
        now: Timestamp,
        older_than_seconds: i64,
    ) -> Result<usize, Fault> {
        let mut closed = 0;
        for (top_up, _, amount, started_at) in engine.survey()?.open_top_ups {
            if now.seconds() - started_at.seconds() < older_than_seconds {
                continue;
            }
            let top_up = TopUpId(top_up);
            let settled = match self.settle(engine, control, top_up, now) {
                // Opened in the book and never written down as an order: nobody was ever sent to a page.
                Err(CardProblem::Unknown)
                    if now.seconds() - started_at.seconds() > PAGE_SECONDS =>
                {
                    engine
                        .act(Act::FailTopUp {
                            top_up,
                            expired: true,
                        })?
                        .is_ok()
                }
                Ok(settled) => settled.state != TopUpState::Pending,
                // Long after its page has closed the processor says that there never was a payment.
                Err(CardProblem::Card(error))
                    if error.proves_no_payment()
                        && now.seconds() - started_at.seconds() > PAGE_SECONDS + GRACE_SECONDS =>
                {
                    engine
                        .act(Act::FailTopUp {
                            top_up,
                            expired: true,
                        })?
                        .is_ok()
                }
                Err(problem) => {
                    tracing::warn!(top_up = top_up.0, amount, %problem, "a top-up could not be settled yet");
                    false
                }
            };
            closed += usize::from(settled);
        }
        Ok(closed)
    }
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
