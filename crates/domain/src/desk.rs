//! What a shard asks for everything: decisions with the desk of one-time codes at hand.

use crate::book::Book;
use crate::command::Command;
use crate::context::Actor;
use crate::decide::{decide, may_ask};
use crate::decision::{Decision, Limits, Prefetched};
use crate::event::Event;
use crate::ids::{Fingerprint, TillId, WalletId};
use crate::pay::{Charge, CodeDesk, CodeFact, first_answer, may_show_code};
use crate::query::Query;
use crate::refusal::Refusal;
use crate::reply::{Outcome, Reply};
use crate::request::{Ask, Request};
use crate::world::World;

/// Decides a request with the desk at hand: what a shard asks for everything.
///
/// | request | what the desk has to do with it |
/// |---|---|
/// | a code to show | makes it, for the session that asks; nothing else is changed |
/// | the end of a session | its code has run out, and it gets no other |
/// | a scan that was seen before | nothing: a retry is no guess, and "paid" must be heard again, locked or not |
/// | a scan by a till that guessed too often | [`Refusal::TillLocked`]: decided nothing, so it is not final for its id |
/// | a scan of an unknown code | counted as a guess, unless the till has just sent the same |
/// | a scan that is delivered again | only whether the code is dead; no guess |
/// | a scan that pays | spent, until the batch is undone |
pub fn at_desk(
    book: &Book,
    desk: &mut CodeDesk,
    limits: &Limits,
    prefetched: &mut Prefetched,
    request: &Request,
    world: &mut World,
) -> Decision<Event> {
    let command = match &request.ask {
        Ask::Command(command) => command,
        Ask::Query(query) => {
            if let Query::FirstAnswer { of } = query
                && let Some((_, digits)) = of.scan()
            {
                prefetched.code = desk.look(digits, world.now);
            }
            return decide(book, limits, prefetched, request, world.now);
        }
    };
    let by = request.asker.by();
    if let Command::IssueCode { wallet } = *command {
        let code =
            may_ask(by, command).and_then(|()| issue_code(book, desk, limits, by, wallet, world));
        return Decision::answer(code);
    }
    if let Command::EndSession { wallet, session } = *command {
        let ended = may_ask(by, command).map(|()| {
            desk.end_session(wallet, session, world.now);
            Reply::Bound
        });
        return Decision::answer(ended);
    }
    let Some((charge, digits)) = command.scan() else {
        return decide(book, limits, prefetched, request, world.now);
    };
    prefetched.code = desk.look(digits, world.now);
    let key = request.needs().key.expect("a charge has an id");
    if first_answer(book, prefetched, key).is_none() {
        let guesser = guesser(book, by, charge);
        if desk.is_locked(guesser, world.now) {
            return Decision::refuse(Refusal::TillLocked);
        }
        if prefetched.code == CodeFact::Unknown {
            desk.guessed_wrong(guesser, digits, world.now);
        }
    }
    let decision = decide(book, limits, prefetched, request, world.now);
    let pays = |event: &Event| matches!(event, Event::Paid(_) | Event::Held(_));
    if decision.events.iter().any(pays) {
        desk.spend(digits);
    }
    decision
}

fn issue_code(
    book: &Book,
    desk: &mut CodeDesk,
    limits: &Limits,
    by: Actor,
    wallet: WalletId,
    world: &mut World,
) -> Outcome {
    let session = match by {
        Actor::Customer { session, .. } => Some(session),
        _ => None,
    };
    let is_over = session.is_some_and(|session| desk.is_ended(session, world.now));
    if is_over && book.wallet(wallet).is_some() {
        return Err(Refusal::SessionEnded);
    }
    let epoch = may_show_code(book, by, wallet)?;
    let life_seconds = limits.code_life_seconds;
    let (digits, expires_at) =
        desk.issue(wallet, session, epoch, world.now, life_seconds, world.draw);
    Ok(Reply::Code { digits, expires_at })
}

/// The identity that wrong guesses are counted for: one till, whichever caller speaks for it. A chain's registers share one
/// key, and ten codes that died with a restart must not lock all of its stores. Tills that are not the merchant's count as none:
/// an attacker who makes up a new till for each guess is locked like any other.
fn guesser(book: &Book, by: Actor, charge: &Charge) -> Fingerprint {
    let is_own = |till: &TillId| {
        let store = book.tills.get(till).map(|row| row.store);
        store.and_then(|store| book.merchant_of(store)) == Some(charge.merchant)
    };
    let till = charge.till.filter(is_own);
    let till = till.map_or(0, |till| u128::from(till.0) + 1) << 64;
    Fingerprint(
        till ^ match by {
            Actor::Till { device, .. } => device.0,
            other => other.number(),
        },
    )
}
