//! A visitor becomes a customer with a wallet.
//!
//! | step | where it is written | if the answer is lost |
//! |---|---|---|
//! | a one-time code for a contact, or word that an account exists | registry; the message in the outbox | the page asks for another |
//! | the code is proven, a passkey is made and checked | registry; memory | the page begins again |
//! | person, contact, passkey | registry, pending | the ledger names no wallet: the rows are dropped, the contact is free |
//! | open the wallet | ledger, under the passkey's fingerprint | the ledger names the wallet: the rows become active |
//! | the rows are active | registry | done already |
//! | the session | registry | the customer signs in |

use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::ids::{Fingerprint, WalletId};
use mamori_domain::reply::Reply;
use mamori_registry::{CodeToSend, EnrolRefusal, Enrolment, SendBudget, SendRefusal, SignUpStart};

use crate::ledger::{OfLedger, Run};
use crate::stop::{Denied, Flow};

/// Draws the one-time code for a contact and hands it to `send`: a sign-up whose message was not taken over is an error, and the
/// page asks again. Answers with the handle of the sign-up.
pub fn start(
    run: &mut Run,
    start: &SignUpStart,
    budget: &SendBudget,
    send: impl FnOnce(&CodeToSend) -> Result<(), Fault>,
) -> Flow<[u8; 32]> {
    // An enrolment that stopped half way must not keep its contact taken.
    run.registry
        .people()
        .settle_enrolments(&mut OfLedger(run.engine), run.now)?;
    let drawn = run
        .registry
        .sign_ups()
        .start(start, budget, run.now, run.seed)?;
    let to_send = drawn.map_err(not_sent)?;
    send(&to_send)?;
    Ok(to_send.sign_up)
}

/// Why a code was not sent.
pub(crate) fn not_sent(refusal: SendRefusal) -> Denied {
    match refusal {
        SendRefusal::CountryNotServed => Denied::CountryNotServed,
        SendRefusal::ContactBudget => Denied::CodeSentTooOften,
        SendRefusal::LaneBudget => Denied::MessagesUsedUp,
    }
}

/// Makes the person and opens the wallet, once the contact is proven and the passkey checked. It pays from `device` from the beginning.
pub fn open_wallet(
    run: &mut Run,
    enrolment: &Enrolment,
    device: Option<Fingerprint>,
) -> Flow<WalletId> {
    let begun = run
        .registry
        .people()
        .begin_enrolment(enrolment, run.now, run.seed)?;
    let credential = begun.map_err(|refusal| match refusal {
        EnrolRefusal::ContactTaken => Denied::ContactTaken,
        EnrolRefusal::CredentialTaken => Denied::CredentialTaken,
    })?;
    let wallet = match run.ask(Command::OpenWallet { credential, device })? {
        Ok(Reply::WalletOpened(wallet)) => wallet,
        outcome => {
            let refusal = outcome.err().map(|refusal| refusal.code());
            tracing::error!(refusal, "the ledger opened no wallet");
            run.registry.people().abandon_enrolment(&enrolment.person)?;
            return Err(Denied::Unexpected.into());
        }
    };
    run.registry
        .people()
        .finish_enrolment(&enrolment.person, wallet)?;
    tracing::info!(wallet = wallet.0, "a wallet was opened");
    Ok(wallet)
}
