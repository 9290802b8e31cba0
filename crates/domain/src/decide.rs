//! From a request to its answer and its events: pure, and without a wait.

use crate::book::Book;
use crate::command::Command;
use crate::context::Actor;
use crate::event::Event;
use crate::identity::may_act_for;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::request::{Ask, Request};
use crate::world::Timestamp;
use crate::{identity, pay};

pub use crate::decision::{Decision, Limits, Prefetched};

/// Decides a request on the book as it stands.
///
/// Making a code is not decided here: it changes no book. [`at_desk`](crate::pay::at_desk) does that, and is what a shard calls
/// for all.
pub fn decide(
    book: &Book,
    limits: &Limits,
    prefetched: &Prefetched,
    request: &Request,
    now: Timestamp,
) -> Decision<Event> {
    let by = request.asker.by();
    match &request.ask {
        Ask::Query(query) => answer(book, prefetched, by, query),
        Ask::Command(command) => match may_ask(by, command) {
            Err(refusal) => Decision::refuse(refusal),
            Ok(()) => command.decide(book, limits, prefetched, by, now),
        },
    }
}

/// May this actor ask for this command? A customer for the own wallet alone, and each kind of actor for what the list of commands
/// says. Asked before every rule, and a no leaves no trace.
pub(crate) fn may_ask(by: Actor, command: &Command) -> Result<(), Refusal> {
    if let Some(wallet) = command.wallet() {
        may_act_for(by, wallet)?;
    }
    command.may_be_asked_by(by.kind())
}

fn answer(book: &Book, prefetched: &Prefetched, by: Actor, query: &Query) -> Decision<Event> {
    let found = match query {
        Query::Wallet { wallet } => {
            may_act_for(by, *wallet).and_then(|()| identity::view(book, *wallet, None))
        }
        Query::Payment {
            merchant,
            merchant_payment_id,
        } => pay::find_payment(book, prefetched, by, *merchant, merchant_payment_id),
        Query::PaymentById { merchant, payment } => {
            pay::find_payment_by_id(book, prefetched, by, *merchant, *payment)
        }
        Query::Refund {
            merchant,
            merchant_refund_id,
            payment,
        } => pay::find_refund(
            book,
            prefetched,
            by,
            *merchant,
            merchant_refund_id,
            *payment,
        ),
        Query::FirstAnswer { of } => pay::find_first_answer(book, prefetched, by, of),
    };
    Decision::answer(found)
}
