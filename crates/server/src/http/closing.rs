//! Closing a wallet: the customer asks for it, and staff see who has.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use mamori_datastore::fault::Fault;
use mamori_flows::{closing, erase};
use serde_json::{Value, json};

use crate::answer::{Answer, done};
use crate::app::App;
use crate::body::{Body, millis};
use crate::http::permitted::{May, SeeCustomers};
use crate::http::session::WalletSession;
use crate::http::step_up::{FreshPasskey, Granted};
use crate::identity::StepUpAct;

/// Characters of how the money is wanted.
const PAYOUT_CHARS_MAX: usize = 200;

/// `GET /api/closing`: whether the owner has asked to close the wallet.
pub async fn state(State(app): State<Arc<App>>, asker: WalletSession) -> Answer {
    let owner = asker.owner;
    let asked_at = app
        .registry
        .ask(move |registry| registry.closings().asked_at(&owner))
        .await??;
    Ok(done(json!({ "asked_at_ms": asked_at.map(millis) })))
}

/// `POST /api/closing {payout}`, asked twice: stops the wallet and asks staff to pay the rest out. The step-up is for these very words.
pub async fn ask(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<WalletSession>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let payout = body.prose("payout", PAYOUT_CHARS_MAX)?.to_owned();
    let act = StepUpAct::CloseWallet(app.identity.carried.mark(&[payout.as_bytes()]));
    let work = move |mut granted: Granted<WalletSession>| {
        let WalletSession { owner, wallet, .. } = *granted.caller;
        closing::ask(&mut granted.run, &owner, wallet, &payout)?;
        Ok(json!({}))
    };
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `POST /api/closing/withdraw`: the owner keeps the wallet. It stays stopped until the owner starts it.
pub async fn withdraw(State(app): State<Arc<App>>, asker: WalletSession, _: Body) -> Answer {
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let withdrawn = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        closing::withdraw(&mut run, &asker.owner, asker.wallet)
    });
    withdrawn.await??;
    Ok(done(json!({})))
}

/// `GET /api/closings` of the console: who has asked, the longest wait first, and what is in the wallet.
pub async fn list(State(app): State<Arc<App>>, asker: May<SeeCustomers>) -> Answer {
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let listed = app.operators.ask(move |registry| {
        let open = registry.closings().open()?;
        let run = inner.run(registry, asker.asker, now, &seed);
        let mut rows: Vec<Value> = Vec::with_capacity(open.len());
        for one in open {
            let view = erase::look(&run, one.wallet)?;
            rows.push(json!({
                "wallet_id": one.wallet.to_string(),
                "asked_at_ms": millis(one.asked_at),
                "payout": one.payout,
                "balance": view.as_ref().map(|view| view.balance),
                "held": view.as_ref().map(|view| view.held),
            }));
        }
        Ok::<_, Fault>(rows)
    });
    Ok(done(json!({ "closings": listed.await?? })))
}
