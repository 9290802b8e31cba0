//! How a customer is reached is changed by the customer: a contact is added, removed, preferred, put back; and whoever was reached before
//! may undo it.
//!
//! | step | where it is written | if the answer is lost |
//! |---|---|---|
//! | a one-time code for the new contact, or word to its owner that it is somebody else's | registry; the message in the outbox | the page asks for another |
//! | the code is proven; the passkey is shown for this one change | registry; memory | the page begins again |
//! | the change, the row that says who asked, a letter to every contact | registry and outbox, in one transaction | asked again: it is done already |
//! | the secret of a letter undoes it, within 72 hours | the same | asked again: the secret is used up |
//!
//! Nothing of this is in the ledger: a contact opens no wallet and moves no money. So there is nothing to settle after a crash.

use mamori_datastore::fault::Fault;
use mamori_domain::context::{Actor, Asker, Context};
use mamori_domain::ids::{SessionId, WalletId};
use mamori_registry::acts::Noted;
use mamori_registry::outbox::Letter;
use mamori_registry::{
    AdditionStart, CodeToSend, ContactChange, ContactRefusal, OwnerId, SendBudget, Told, UndoSecret,
};

use crate::ledger::{OfLedger, Run};
use crate::messages;
use crate::sign_up::not_sent;
use crate::stop::{Denied, Flow};

/// Draws the one-time code for one more contact of a person and hands it to `send`. Answers with the handle of the addition.
pub fn start_addition(
    run: &mut Run,
    addition: &AdditionStart,
    budget: &SendBudget,
    send: impl FnOnce(&CodeToSend) -> Result<(), Fault>,
) -> Flow<[u8; 32]> {
    // An enrolment that stopped half way must not keep its contact taken.
    run.registry
        .people()
        .settle_enrolments(&mut OfLedger(run.engine), run.now)?;
    let change = ContactChange::Add(addition.start.contact);
    match run
        .registry
        .contacts()
        .may(&addition.person, &change, run.now)?
    {
        // That it is another person's is nobody's business: its owner is told, by the message.
        Ok(()) | Err(ContactRefusal::Taken) => {}
        Err(refusal) => return Err(denied(refusal).into()),
    }
    let drawn = run
        .registry
        .sign_ups()
        .start_addition(addition, budget, run.now, run.seed)?;
    let to_send = drawn.map_err(not_sent)?;
    send(&to_send)?;
    Ok(to_send.sign_up)
}

/// Whether a change would be granted: asked before the customer is asked for the passkey.
pub fn may(run: &mut Run, person: &OwnerId, change: &ContactChange) -> Flow<()> {
    let answer = run.registry.contacts().may(person, change, run.now)?;
    Ok(answer.map_err(denied)?)
}

/// Makes a change and tells it to every contact. `wallet_origin` is the configured one: no link is made of what a request says.
pub fn change(
    run: &mut Run,
    person: &OwnerId,
    change: &ContactChange,
    wallet_origin: &str,
) -> Flow<()> {
    let noted = run.noted();
    let words = |told: &Told| letter(told, wallet_origin);
    let mut contacts = run.registry.contacts();
    let changed = contacts.change(person, change, &noted, run.seed, &words)?;
    changed.map_err(denied)?;
    tracing::info!(
        what = word(change),
        "a customer changed how they are reached"
    );
    Ok(())
}

/// Undoes a change with the secret of a letter. The row that says so names the wallet's customer, in no session.
pub fn undo(run: &mut Run, secret: &UndoSecret, wallet_origin: &str) -> Flow<()> {
    let (asker, now, id) = (run.asker, run.now, run.seed.take("registry act"));
    let noted = |wallet: WalletId| {
        let by = Actor::Customer {
            wallet,
            session: NO_SESSION,
            credential: None,
            device: None,
        };
        let context = Context {
            by,
            ..asker.context
        };
        let asker = Asker::new(context).with_request(asker.request);
        Noted { asker, now, id }
    };
    let words = |told: &Told| letter(told, wallet_origin);
    let mut contacts = run.registry.contacts();
    if !contacts.undo(secret, noted, now, run.seed, &words)? {
        return Err(Denied::UndoLink.into());
    }
    tracing::info!("a change of contacts was undone by a letter");
    Ok(())
}

/// In a row that says who asked: not a browser that is signed in, but the secret of a letter.
pub const NO_SESSION: SessionId = SessionId(0);

fn letter(told: &Told, wallet_origin: &str) -> Letter {
    let message = messages::contact_news(told, wallet_origin);
    Letter {
        kind: message.kind.word(),
        content: message.to_bytes(),
    }
}

const fn word(change: &ContactChange) -> &'static str {
    match change {
        ContactChange::Add(_) => "add",
        ContactChange::Remove(_) => "remove",
        ContactChange::Prefer(_) => "prefer",
        ContactChange::PutBack(_) => "put back",
    }
}

fn denied(refusal: ContactRefusal) -> Denied {
    match refusal {
        ContactRefusal::Unknown => Denied::NotFound,
        ContactRefusal::Yours => Denied::ContactYours,
        ContactRefusal::Taken => Denied::ContactElsewhere,
        ContactRefusal::TooMany => Denied::TooManyContacts,
        ContactRefusal::LastOne => Denied::LastContact,
        ContactRefusal::TooOften => Denied::ContactChangesUsedUp,
    }
}
