//! From an act to its answer and its changes: pure, and without a wait.

use crate::act::Act;
use crate::book::Book;
use crate::refusal::Refusal;
use crate::world::Timestamp;
use crate::{identity, merchant, payment, top_up};

pub use crate::decision::{Decision, Facts, Rules};

/// Decides an act on the book as it stands. Issuing a code is not decided here: it changes no book.
pub fn decide(book: &Book, rules: &Rules, facts: &Facts, act: &Act, now: Timestamp) -> Decision {
    match act {
        Act::OpenMerchant => merchant::open_merchant(book),
        Act::OpenStore { merchant } => merchant::open_store(book, *merchant),
        Act::OpenTill { store } => merchant::open_till(book, *store),
        Act::BindTill { till, device } => merchant::bind_till(book, *till, *device),
        Act::BindApiKey { key, merchant } => merchant::bind_api_key(book, *key, *merchant),
        Act::RevokeApiKey { key } => merchant::revoke_api_key(book, *key),
        Act::OpenWallet { credential } => identity::open_wallet(book, *credential),
        Act::BindCredential { wallet, credential } => {
            identity::bind_credential(book, *wallet, *credential)
        }
        Act::RevokeCredential { wallet, credential } => {
            identity::revoke_credential(book, *wallet, *credential)
        }
        Act::Freeze { wallet } => identity::freeze(book, *wallet),
        Act::Unfreeze { wallet } => identity::unfreeze(book, *wallet),
        Act::GrantAuthorization {
            authorization,
            wallet,
            merchant,
        } => identity::grant(book, *authorization, *wallet, *merchant),
        Act::RevokeAuthorization { authorization } => identity::revoke_grant(book, *authorization),
        Act::IssueCode { .. } => Decision::refuse(Refusal::CodeUnknown),
        Act::Charge(charge) => payment::charge(book, rules, facts, charge, now),
        Act::Cancel {
            caller,
            merchant,
            name,
        } => payment::cancel(book, facts, *caller, *merchant, name, now),
        Act::Refund(request) => payment::refund(book, facts, request, now),
        Act::Hold { charge, expires_at } => payment::hold(book, rules, facts, charge, *expires_at),
        Act::Capture {
            caller,
            merchant,
            hold,
            amount,
        } => payment::capture(book, *caller, *merchant, *hold, *amount, now),
        Act::Release { hold } => payment::release(book, *hold),
        Act::ReleaseExpired => payment::release_expired(book, now),
        Act::StartTopUp {
            wallet,
            name,
            amount,
        } => top_up::start(book, rules, facts, *wallet, name, *amount),
        Act::ConfirmTopUp { top_up, amount } => top_up::confirm(book, facts, *top_up, *amount),
        Act::FailTopUp { top_up, expired } => top_up::fail(book, facts, *top_up, *expired),
        Act::Credit {
            wallet,
            name,
            amount,
            kind,
        } => top_up::credit(book, rules, facts, *wallet, name, *amount, *kind),
        Act::Look { wallet } => identity::look(book, *wallet),
        Act::FindPayment { .. } | Act::FindPaymentById { .. } | Act::FindRefund { .. } => {
            payment::find(book, facts, act)
        }
    }
}
