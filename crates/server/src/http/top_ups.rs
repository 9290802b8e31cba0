//! Top-ups by card: the wallet's side, and the processor's webhook.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use mamori_connectors::card::IntentState;
use mamori_connectors::card_notice::{CardNotice, verify_notice};
use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::ids::TopUpId;
use mamori_domain::money::Amount;
use mamori_domain::reply::{Reply, TopUpState};
use mamori_engine::views::read;
use mamori_flows::top_up::CardProblem;
use serde_json::json;

use crate::answer::{Answer, Denial, Words, done};
use crate::app::App;
use crate::body::{Body, Named};
use crate::denied::refused;
use crate::http::session::WalletSession;
use crate::route_table::{Demand, Gate};

const CARD_UNAVAILABLE: Words = Words {
    code: "card_unavailable",
    ja: "カード会社に接続できません。少し待ってからお試しください。料金はかかっていません。",
    en: "The card network cannot be reached. Please try again in a moment. Nothing was charged.",
};

/// Open top-ups that are listed at once: the balance cap has no room for many.
const OPEN_LISTED: u32 = 20;

/// `POST /api/top-ups {amount, key}`: opens a top-up and says where the card page is. The same key finds the same one.
pub async fn start(State(app): State<Arc<App>>, asker: WalletSession, body: Body) -> Answer {
    let amount = Amount::new(body.whole("amount", 1..=Amount::MAX_MINOR)?)
        .ok_or(Denial::InvalidField("amount"))?;
    let name = body.text("key", 64)?;
    let locale = body.locale()?;
    // Before the ledger is asked: what is refused by pace is written nowhere.
    let now = app.outside.now();
    if !app.identity.paces.top_ups.allow(asker.wallet, now) {
        return Err(Denial::Busy);
    }
    let start = Command::StartTopUp {
        wallet: asker.wallet,
        idempotency_key: name.into(),
        amount,
    };
    let (top_up, state) = match app.ledger.ask(asker.command(start)).await? {
        Ok(Reply::TopUp { top_up, state }) => (top_up, state),
        Ok(_) => return Err(Denial::Unavailable),
        Err(refusal) => return Err(refused(refusal)),
    };
    if state != TopUpState::Pending {
        return Ok(done(
            json!({ "top_up_id": top_up.to_string(), "state": state.word(), "redirect_url": null }),
        ));
    }
    let known = app
        .registry
        .ask(move |registry| registry.card_orders().find(top_up))
        .await??;
    let page = known.filter(|row| now < row.order.expires_at && row.charge.is_none());
    if let Some(url) = page.and_then(|row| row.url) {
        // Asked again: the page is known, and the processor need not be asked for it.
        return Ok(done(
            json!({ "top_up_id": top_up.to_string(), "state": state.word(), "redirect_url": url }),
        ));
    }
    let inner = app.clone();
    let opened = app
        .cards
        .ask(move |registry| {
            inner
                .card_desk
                .open_page(registry, top_up, amount, locale, now)
        })
        .await?;
    let url = match opened.map(|payment| payment.state) {
        Ok(IntentState::RequiresAction { url: Some(url) }) => Some(url),
        Ok(_) => None,
        Err(CardProblem::Fault(fault)) => return Err(fault.into()),
        Err(problem) => {
            tracing::warn!(top_up = top_up.0, %problem, "a card page could not be opened");
            return Err(CARD_UNAVAILABLE.into());
        }
    };
    Ok(done(
        json!({ "top_up_id": top_up.to_string(), "state": state.word(), "redirect_url": url }),
    ))
}

/// `GET /api/top-ups`: the wallet's open ones, oldest first, and where the card page of each is while it can still be paid.
///
/// A customer who left the card page by the browser's own Back finds them here: the amount counts towards the balance cap until the
/// top-up is paid, called off or its page has closed.
pub async fn open(State(app): State<Arc<App>>, asker: WalletSession) -> Answer {
    let (engine, wallet) = (app.ledger.engine.clone(), asker.wallet);
    let open = app
        .acts
        .ask(move |()| {
            if !engine.has_open_top_ups(wallet)? {
                return Ok(Vec::new());
            }
            // One that has just been paid is not shown as open by views that are a moment behind.
            engine.await_views()?;
            engine.read(|reader| read::open_top_ups(reader.views(), wallet.0, OPEN_LISTED))
        })
        .await??;
    if open.is_empty() {
        return Ok(done(json!({ "top_ups": [] })));
    }
    let now = app.outside.now();
    let listed = app
        .registry
        .ask(move |registry| -> Result<Vec<_>, Fault> {
            let mut listed = Vec::with_capacity(open.len());
            for top_up in open {
                let row = registry.card_orders().find(TopUpId(top_up.id))?;
                let url = row
                    .filter(|row| now < row.order.expires_at)
                    .and_then(|row| row.url);
                listed.push(json!({
                    "top_up_id": top_up.id.to_string(), "amount": top_up.amount,
                    "started_at_ms": top_up.started_at / 1_000, "redirect_url": url,
                }));
            }
            Ok(listed)
        })
        .await??;
    Ok(done(json!({ "top_ups": listed })))
}

/// `GET /api/top-ups/{id}`: where it stands; asks the processor while it is open.
pub async fn state(State(app): State<Arc<App>>, asker: WalletSession, Named(id): Named) -> Answer {
    stand(app, asker, id, false).await
}

/// `POST /api/top-ups/{id}/call-off`: the customer has left the card page without paying. Says where the top-up stands then.
pub async fn call_off(
    State(app): State<Arc<App>>,
    asker: WalletSession,
    Named(id): Named,
    _: Body,
) -> Answer {
    stand(app, asker, id, true).await
}

async fn stand(app: Arc<App>, asker: WalletSession, id: u64, unwanted: bool) -> Answer {
    let top_up = TopUpId(id);
    let engine = app.ledger.engine.clone();
    let known = app
        .acts
        .ask(move |()| -> Result<_, Fault> {
            if let Some(row) = engine.open_top_up(top_up)? {
                let pending = TopUpState::Pending;
                return Ok(Some((row.wallet.0, row.amount.minor(), pending)));
            }
            // The book has closed it a moment ago: views that are behind do not know it yet, and it is not unknown for that.
            engine.await_views()?;
            let row = engine.read(|reader| read::top_up_by_id(reader.views(), id))?;
            Ok(row.map(|row| (row.wallet, row.amount, row.state)))
        })
        .await??;
    let (_, amount, mut state) = known
        .filter(|known| known.0 == asker.wallet.0)
        .ok_or(Denial::NotFound)?;
    let now = app.outside.now();
    // A page that asks in a circle makes us ask the processor every other second; what it learns in between is what we know.
    let paces = &app.identity.paces;
    if state == TopUpState::Pending && paces.card_questions.allow(asker.wallet, now) {
        let inner = app.clone();
        let engine = app.ledger.engine.clone();
        match app
            .cards
            .ask(move |registry| {
                let desk = &inner.card_desk;
                if unwanted {
                    desk.call_off(&engine, registry, top_up, now)
                } else {
                    desk.settle(&engine, registry, top_up, now)
                }
            })
            .await?
        {
            Ok(settled) => state = settled.state,
            // Still open as far as is known: the poller goes on asking.
            Err(problem) => {
                tracing::info!(top_up = id, %problem, "a top-up could not be settled yet")
            }
        }
    }
    Ok(done(
        json!({ "top_up_id": id.to_string(), "state": state.word(), "amount": amount }),
    ))
}

/// A notice that the card processor has signed.
pub struct SignedNotice(CardNotice);

impl Gate for SignedNotice {
    const DEMAND: Demand = Demand::Signature;
}

impl FromRequest<Arc<App>> for SignedNotice {
    type Rejection = StatusCode;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, StatusCode> {
        let signature = request.headers().get("stripe-signature").cloned();
        let signature = signature.as_ref().and_then(|value| value.to_str().ok());
        let signature = signature.ok_or(StatusCode::BAD_REQUEST)?;
        let body = Bytes::from_request(request, app)
            .await
            .map_err(|rejection| rejection.status())?;
        let (secret, now) = (&app.card_desk.webhook_secret, app.outside.now());
        match verify_notice(secret, signature, &body, now.0) {
            Ok(notice) => Ok(SignedNotice(notice)),
            Err(refusal) => {
                tracing::warn!(?refusal, "a card notice was not believed");
                Err(StatusCode::BAD_REQUEST)
            }
        }
    }
}

/// `POST /webhooks/card`: the processor's notice. It is believed for its signature, and only to make us ask.
pub async fn notice(State(app): State<Arc<App>>, SignedNotice(notice): SignedNotice) -> StatusCode {
    let now = app.outside.now();
    let (inner, engine) = (app.clone(), app.ledger.engine.clone());
    let (event, kind) = (notice.event.clone(), notice.kind);
    match app
        .card_notices
        .ask(move |registry| inner.card_desk.follow(&engine, registry, &notice, now))
        .await
    {
        Ok(Ok(_)) => StatusCode::OK,
        Ok(Err(problem)) => {
            tracing::warn!(event, ?kind, %problem, "a notice could not be followed yet");
            // The processor sends it again, later.
            StatusCode::SERVICE_UNAVAILABLE
        }
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
