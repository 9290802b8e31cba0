//! From a request to its answer and its events: pure, and without a wait.

use crate::book::Book;
use crate::command::{Ask, Command, Request};
use crate::context::Actor;
use crate::identity::may_act_for;
use crate::ids::WalletId;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::world::Timestamp;
use crate::{fund, identity, merchant, pay};

pub use crate::decision::{Decision, Limits, Prefetched};

/// Decides a request on the book as it stands.
///
/// Making a code is not decided here: it changes no book. [`pay::at_desk`] does that, and is what a shard calls for all.
pub fn decide(
    book: &Book,
    limits: &Limits,
    prefetched: &Prefetched,
    request: &Request,
    now: Timestamp,
) -> Decision {
    let by = request.asker.by();
    match &request.ask {
        Ask::Query(query) => answer(book, prefetched, by, query),
        Ask::Command(command) => {
            if let Some(wallet) = own_wallet(command)
                && let Err(refusal) = may_act_for(by, wallet)
            {
                return Decision::refuse(refusal);
            }
            command_decision(book, limits, prefetched, by, command, now)
        }
    }
}

/// The wallet that a command names as the one it acts for.
fn own_wallet(command: &Command) -> Option<WalletId> {
    match command {
        Command::BindCredential { wallet, .. }
        | Command::RevokeCredential { wallet, .. }
        | Command::Freeze { wallet }
        | Command::Unfreeze { wallet }
        | Command::GrantAuthorization { wallet, .. }
        | Command::IssueCode { wallet }
        | Command::StartTopUp { wallet, .. }
        | Command::Credit { wallet, .. } => Some(*wallet),
        _ => None,
    }
}

fn command_decision(
    book: &Book,
    limits: &Limits,
    prefetched: &Prefetched,
    by: Actor,
    command: &Command,
    now: Timestamp,
) -> Decision {
    match command {
        Command::OpenMerchant => merchant::open_merchant(book),
        Command::OpenStore { merchant, details } => merchant::open_store(book, *merchant, details),
        Command::DescribeStore { store, details } => {
            merchant::describe_store(book, *store, details)
        }
        Command::OpenTill { store } => merchant::open_till(book, *store),
        Command::BindTill { till, device } => merchant::bind_till(book, *till, *device),
        Command::BindApiKey { key, merchant } => merchant::bind_api_key(book, *key, *merchant),
        Command::RevokeApiKey { key } => merchant::revoke_api_key(book, *key),
        Command::OpenWallet { credential } => identity::open_wallet(book, *credential),
        Command::BindCredential { wallet, credential } => {
            identity::bind_credential(book, *wallet, *credential)
        }
        Command::RevokeCredential { wallet, credential } => {
            identity::revoke_credential(book, *wallet, *credential)
        }
        Command::Freeze { wallet } => identity::freeze(book, *wallet),
        Command::Unfreeze { wallet } => identity::unfreeze(book, *wallet),
        Command::GrantAuthorization {
            authorization,
            wallet,
            merchant,
        } => identity::grant(book, *authorization, *wallet, *merchant),
        Command::RevokeAuthorization { authorization } => {
            identity::revoke_grant(book, by, *authorization)
        }
        Command::IssueCode { wallet } => Decision::refuse(
            pay::may_show_code(book, *wallet)
                .err()
                .unwrap_or(Refusal::CodeUnknown),
        ),
        Command::Charge(charge) => pay::charge(book, limits, prefetched, by, charge, now),
        Command::Cancel {
            merchant,
            merchant_payment_id,
        } => pay::cancel(book, prefetched, by, *merchant, merchant_payment_id, now),
        Command::Refund(request) => pay::refund(book, prefetched, by, request, now),
        Command::Hold { charge, expires_at } => {
            pay::hold(book, limits, prefetched, by, charge, *expires_at)
        }
        Command::Capture {
            merchant,
            hold,
            amount,
        } => pay::capture(book, by, *merchant, *hold, *amount, now),
        Command::Release { hold } => pay::release(book, by, *hold),
        Command::ReleaseExpired => pay::release_expired(book, now),
        Command::StartTopUp {
            wallet,
            idempotency_key,
            amount,
        } => fund::start(book, limits, prefetched, *wallet, idempotency_key, *amount),
        Command::ConfirmTopUp { top_up, amount } => {
            fund::confirm(book, prefetched, *top_up, *amount)
        }
        Command::FailTopUp { top_up, expired } => fund::fail(book, prefetched, *top_up, *expired),
        Command::Credit {
            wallet,
            idempotency_key,
            amount,
            kind,
        } => fund::credit(
            book,
            limits,
            prefetched,
            *wallet,
            idempotency_key,
            *amount,
            *kind,
        ),
    }
}

fn answer(book: &Book, prefetched: &Prefetched, by: Actor, query: &Query) -> Decision {
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
    };
    Decision::answer(found)
}
