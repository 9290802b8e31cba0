//! The console's customers: one wallet at a time, found by its number, or for a reason by a contact or a receipt; notes on it, its
//! history for a reason, and the proposal to erase its owner.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::ids::{HoldId, WalletId};
use mamori_flows::look::{self, KnownBy};
use mamori_flows::{Run, approval, erase, freeze, note};
use mamori_registry::{Contact, OwnerId, Surface, masked_name};
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Body, Named, millis};
use crate::http::acts::{Names, actor_json};
use crate::http::approvals::approval_word;
use crate::http::contacts::contact_json;
use crate::http::permitted::{
    FindCustomers, FreezeWallets, May, OpenHistories, ProposeErasure, ReleaseHolds, SeeCustomers,
    WriteNotes,
};
use crate::http::step_up::{FreshPasskey, Granted};
use crate::http::wallet::entry_json;
use crate::identity::StepUpAct;

/// Characters of a note.
const NOTE_CHARS_MAX: usize = 500;
/// Movements that one reason opens.
const HISTORY_PAGE: usize = 50;

/// Open holds of a wallet that are listed, the oldest first.
const HOLDS_MAX: usize = 50;

/// `GET /api/wallets/{id}` of the console: enough to tell whether it is the right one, too little to read who it is.
pub async fn wallet(
    State(app): State<Arc<App>>,
    asker: May<SeeCustomers>,
    Named(id): Named,
) -> Answer {
    let (inner, wallet) = (Arc::clone(&app), WalletId(id));
    let (now, seed) = (app.outside.now(), app.outside.seed());
    let looked = app.registry.ask(move |registry| {
        let run = inner.run(registry, asker.asker, now, &seed);
        let Some(view) = erase::look(&run, wallet)? else {
            return Ok(None);
        };
        let person = registry.people().of_wallet(wallet)?;
        let contacts = registry.contacts().of_wallet(wallet, now)?;
        let passkeys = match &person {
            Some(person) => registry.passkeys().of(&person.person)?.len(),
            None => 0,
        };
        let erased_at = registry.erasures().erased_at(wallet)?;
        let holds = inner.ledger.engine.holds_of(wallet, HOLDS_MAX)?;
        Ok::<_, Fault>(Some((view, person, contacts, passkeys, erased_at, holds)))
    });
    let (view, person, contacts, passkeys, erased_at, holds) =
        looked.await??.ok_or(Denial::NotFound)?;
    let names = app.directory.names();
    let holds: Vec<_> = holds
        .iter()
        .map(|(hold, row)| {
            json!({
                "hold_id": hold.0.to_string(),
                "merchant": names.merchants.get(&row.merchant.0),
                "amount": row.amount.minor(),
                "expires_at_ms": millis(row.expires_at),
            })
        })
        .collect();
    Ok(done(json!({
        "wallet_id": id.to_string(),
        "balance": view.balance,
        "held": view.held,
        "holds": holds,
        "frozen": view.frozen,
        "name": person.map(|person| masked_name(&person.display_name)),
        "contacts": contacts.iter().map(|known| contact_json(known, now)).collect::<Vec<_>>(),
        "passkeys": passkeys,
        "erased_at_ms": erased_at.map(millis),
    })))
}

/// `POST /api/customers/find {contact | receipt_number, reason}` of the console: the number of the wallet. Who looked is written down,
/// found or not; what was found, with the reason.
pub async fn find(State(app): State<Arc<App>>, asker: May<FindCustomers>, body: Body) -> Answer {
    let reason = body.prose("reason", NOTE_CHARS_MAX)?.to_owned();
    let contact = body.opt_text("contact", 512)?;
    let contact = contact.map(|text| Contact::parse(text).ok_or(Denial::InvalidField("contact")));
    let contact = contact.transpose()?;
    let receipt = body.opt_text("receipt_number", 64)?.map(str::to_owned);
    if contact.is_some() == receipt.is_some() {
        return Err(Denial::InvalidField("contact"));
    }
    let inner = Arc::clone(&app);
    let (now, seed) = (app.outside.now(), app.outside.seed());
    let found = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        let by = match (&contact, &receipt) {
            (Some(contact), _) => KnownBy::Contact(contact),
            (None, receipt) => KnownBy::Receipt(receipt.as_deref().unwrap_or_default()),
        };
        look::find(&mut run, &by, &reason)
    });
    let wallet = found.await??;
    Ok(done(json!({ "wallet_id": wallet.to_string() })))
}

/// `POST /api/wallets/{id}/history {reason, before?}` of the console: what moved in the wallet, newest first. Each page is asked for
/// with its reason.
pub async fn history(
    State(app): State<Arc<App>>,
    asker: May<OpenHistories>,
    Named(id): Named,
    body: Body,
) -> Answer {
    let reason = body.prose("reason", NOTE_CHARS_MAX)?.to_owned();
    let before = body.opt_text("before", 20)?.map(str::parse).transpose();
    let before = before.map_err(|_| Denial::InvalidField("before"))?;
    let inner = Arc::clone(&app);
    let (now, seed) = (app.outside.now(), app.outside.seed());
    let opened = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        look::open_history(&mut run, WalletId(id), &reason, before, HISTORY_PAGE)
    });
    let entries = opened.await??;
    let next = entries.last().filter(|last| last.previous != 0);
    let next = next.map(|last| last.id.to_string());
    let rows: Vec<Value> = entries
        .iter()
        .map(|entry| entry_json(&app, entry))
        .collect();
    Ok(done(json!({ "entries": rows, "next": next })))
}

/// `GET /api/wallets/{id}/notes` of the console: what operators wrote about it, newest first. A text that was sealed for a person
/// who is erased since is null.
pub async fn notes(
    State(app): State<Arc<App>>,
    asker: May<SeeCustomers>,
    Named(id): Named,
) -> Answer {
    let (inner, wallet) = (Arc::clone(&app), WalletId(id));
    let (now, seed) = (app.outside.now(), app.outside.seed());
    let read = app.registry.ask(move |registry| {
        let notes = note::read(&mut inner.run(registry, asker.asker, now, &seed), wallet)?;
        Ok::<_, Fault>((notes, registry.operators().names()?))
    });
    let (notes, operators) = read.await??;
    let names = Names::of_operators(operators);
    let notes: Vec<_> = notes
        .iter()
        .map(|(act, text)| {
            json!({
                "note": act.id.to_string(),
                "at_ms": act.at.div_euclid(1_000),
                "by": actor_json(&app, &names, act.context.by),
                "text": text,
            })
        })
        .collect();
    Ok(done(json!({ "notes": notes })))
}

/// `POST /api/wallets/{id}/note {text}` of the console.
pub async fn write_note(
    State(app): State<Arc<App>>,
    asker: May<WriteNotes>,
    Named(id): Named,
    body: Body,
) -> Answer {
    let text = body.prose("text", NOTE_CHARS_MAX)?.to_owned();
    let inner = Arc::clone(&app);
    let (now, seed) = (app.outside.now(), app.outside.seed());
    let written = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        note::write(&mut run, WalletId(id), &text)
    });
    written.await??;
    Ok(done(json!({})))
}

/// `POST /api/wallets/{id}/freeze {reason}` of the console: a customer has called. No payment leaves the wallet when this answers,
/// and nobody is signed in to it; only its owner's passkey starts it again.
pub async fn freeze(
    State(app): State<Arc<App>>,
    asker: May<FreezeWallets>,
    Named(id): Named,
    body: Body,
) -> Answer {
    let reason = body.prose("reason", NOTE_CHARS_MAX)?.to_owned();
    let inner = Arc::clone(&app);
    let (now, seed) = (app.outside.now(), app.outside.seed());
    let frozen = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        freeze::for_customer(&mut run, WalletId(id), &reason, |person| {
            inner
                .identity
                .sessions
                .forget_owner(Surface::Wallet, person);
        })
    });
    frozen.await??;
    Ok(done(json!({})))
}

/// `POST /api/holds/release {hold_id}` of the console: a merchant has forgotten a deposit, and its customer asks for it. It is the
/// customer's again when this answers.
pub async fn release_hold(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<ReleaseHolds>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let number = body.text("hold_id", 20)?.parse();
    let hold = HoldId(number.map_err(|_| Denial::InvalidField("hold_id"))?);
    let work = move |granted: Granted<May<ReleaseHolds>>| {
        let operator = granted.operator();
        let run = granted.run;
        run.ask(Command::Release { hold })?
            .map_err(crate::denied::refused)?;
        tracing::info!(operator, hold = hold.0, "an operator gave a hold back");
        Ok(json!({}))
    };
    let act = StepUpAct::ReleaseHold(hold);
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `POST /api/people/erase {wallet_id, despite_balance, reason}` of the console: proposes it, for another operator to approve.
pub async fn propose_erasure(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<ProposeErasure>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let number = body.text("wallet_id", 20)?.parse();
    let wallet = WalletId(number.map_err(|_| Denial::InvalidField("wallet_id"))?);
    let despite_balance = body.flag("despite_balance")?;
    let reason = body.prose("reason", NOTE_CHARS_MAX)?.to_owned();
    let act = StepUpAct::ProposeErasure(wallet, despite_balance, reason.clone());
    let look = move |run: &mut Run, _: &OwnerId| Ok(erase::may(run, wallet, despite_balance)?);
    let work = move |granted: Granted<May<ProposeErasure>>| {
        let (operator, by) = (granted.operator(), granted.caller.owner);
        let mut run = granted.run;
        let id = approval::propose_erasure(&mut run, &by, wallet, despite_balance, &reason)?;
        tracing::info!(
            operator,
            wallet = wallet.0,
            "an operator proposed the erasure of a person"
        );
        Ok(json!({ "approval": approval_word(&id) }))
    };
    asker
        .when_shown_after(app, &headers, &body, act, look, work)
        .await
}
