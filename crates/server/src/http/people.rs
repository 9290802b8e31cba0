//! The console's customers: one wallet at a time, found by its number alone, and the erasure of its owner.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::ids::WalletId;
use mamori_domain::reply::{Reply, WalletView};
use mamori_registry::{Surface, masked_name};
use serde_json::json;

use crate::answer::{Answer, Denial, Words, done};
use crate::app::App;
use crate::body::{Body, Named, millis};
use crate::book_door::BookDoor;
use crate::erasure::carry_out;
use crate::http::session::{OperatorSession, operator_mark};
use crate::http::step_up::{Granted, with_fresh_passkey};
use crate::identity::StepUpAct;

/// Money is left in the wallet, or set aside for a capture.
pub const WALLET_NOT_EMPTY: Words = Words {
    code: "wallet_not_empty",
    ja: "残高か仮押さえが残っています。払い戻してから消去してください。残したまま消去すると、お客様はその残高を使えなくなります。",
    en: "There is still a balance or a hold. Pay it out first. If you erase nevertheless, the customer cannot use that money any more.",
};

/// `GET /api/wallets/{id}` of the console: enough to tell whether it is the right one, too little to read who it is.
pub async fn wallet(State(app): State<Arc<App>>, _: OperatorSession, Named(id): Named) -> Answer {
    let (inner, wallet) = (Arc::clone(&app), WalletId(id));
    let looked = app.control.ask(move |control| {
        let Some(sight) = look(&*inner.book, wallet)? else {
            return Ok(None);
        };
        let person = control.person_of_wallet(wallet)?;
        let contact = control.contact_of_wallet(wallet)?;
        Ok::<_, Fault>(Some((sight, person, contact, control.erased_at(wallet)?)))
    });
    let (sight, person, contact, erased_at) = looked.await??.ok_or(Denial::NotFound)?;
    Ok(done(json!({
        "wallet_id": id.to_string(),
        "balance": sight.balance,
        "held": sight.held,
        "frozen": sight.frozen,
        "name": person.map(|person| masked_name(&person.display_name)),
        "contact": contact.map(|(contact, _)| contact.masked()),
        "erased_at_ms": erased_at.map(|at| millis(at)),
    })))
}

/// `POST /api/people/erase {wallet_id, despite_balance}` of the console: name and contact are gone when this answers, for good.
pub async fn erase(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    asker: OperatorSession,
    body: Body,
) -> Answer {
    let number = body.text("wallet_id", 20)?.parse();
    let wallet = WalletId(number.map_err(|_| Denial::InvalidField("wallet_id"))?);
    let despite_balance = body.flag("despite_balance")?;
    let operator = operator_mark(&asker.owner);
    let work = move |granted: Granted| {
        let (app, control, now) = (granted.app, granted.control, granted.now);
        let Some(sight) = look(&*app.book, wallet)? else {
            return Ok(Err(Denial::NotFound));
        };
        if (sight.balance > 0 || sight.held > 0) && !despite_balance {
            return Ok(Err(WALLET_NOT_EMPTY.into()));
        }
        let Some(erasure) = control.begin_erasure(wallet, now)? else {
            return Ok(Err(Denial::NotFound));
        };
        app.identity
            .sessions
            .forget_owner(Surface::Wallet, &erasure.person);
        tracing::info!(operator, wallet = wallet.0, "an operator erased a person");
        // The data is gone. If the book cannot be asked now, the sweep asks it until it can.
        if let Err(fault) = carry_out(&*app.book, control, &erasure, now) {
            tracing::warn!(%fault, wallet = wallet.0, "an erasure still owes the book its acts");
        }
        Ok(Ok(json!({})))
    };
    let act = StepUpAct::ErasePerson(wallet, despite_balance);
    with_fresh_passkey(app, &headers, asker, &body, act, work).await
}

fn look(book: &dyn BookDoor, wallet: WalletId) -> Result<Option<WalletView>, Fault> {
    Ok(match book.act(Command::Look { wallet })? {
        Ok(Reply::Wallet(sight)) => Some(sight),
        _ => None,
    })
}
