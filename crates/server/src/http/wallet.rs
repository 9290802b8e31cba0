//! The wallet's page API: balance, code, history, events. Everything here is about the wallet of the session and no other.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use mamori_codes::payment_code::PaymentCode;
use mamori_codes::{barcode, qr};
use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::ids::{MerchantId, PaymentId, WalletId, receipt_number};
use mamori_domain::query::Query;
use mamori_domain::reply::{Reply, WalletView};
use mamori_engine::hub::WalletNews;
use mamori_engine::views::Entry;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Asked, Body, Named};
use crate::denied::refused;
use crate::http::device::pays_from;
use crate::http::session::{WalletSession, session_word};
use crate::listen::Cord;
use crate::scanned::SHARD;
use crate::streams::StreamNews;

/// Entries on a page of history unless asked otherwise, and at most.
const PAGE: usize = 20;
const PAGE_MAX: usize = 100;
/// Events that may wait for a slow phone before its stream is cut; it comes back with Last-Event-ID and misses nothing.
const STREAM_EVENTS: usize = 64;
/// Movements that a stream catches up on one by one when it resumes.
const RESUME_MAX: usize = 50;
/// How long a stream that has ended waits for its reader to take the rest. With the two seconds until the end of a session is
/// seen this stays below the house limit of 5 s.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long a stream is silent at most. A connection that a network has dropped without a word looks like one on which nothing
/// happens, and a comment never reaches a page's script: the beat is an event. The page's patience (`web/shared/watchdog.js`) is
/// two beats and some more.
const BEAT: Duration = Duration::from_secs(10);

/// `GET /api/home`: who and how much.
pub async fn home(State(app): State<Arc<App>>, asker: WalletSession) -> Answer {
    let owner = asker.owner;
    let person = app
        .registry
        .ask(move |registry| registry.people().find(&owner))
        .await??
        .ok_or(Denial::SignedOut)?;
    let view = look(&app, &asker).await?;
    let pays_from = pays_from(&app, &asker).await?;
    let limits = &app.limits;
    Ok(done(json!({
        "wallet_id": asker.wallet.to_string(),
        "display_name": person.display_name,
        "locale": person.locale,
        "balance": view.balance,
        "held": view.held,
        "pays_from": pays_from.word(),
        "status": if view.frozen { "frozen" } else { "active" },
        "event_id": view.last_entry.to_string(),
        "card_top_up": { "min": limits.top_up_min.minor(), "max": limits.top_up_max.minor() },
        "balance_cap": limits.balance_cap.minor(),
    })))
}

/// `POST /api/code`: a fresh one-time code. Nothing of it is written down anywhere.
pub async fn code(State(app): State<Arc<App>>, asker: WalletSession, _: Body) -> Answer {
    // No code outlives its session, so one is not made in the session's last minute.
    let life_seconds = i64::from(app.limits.code_life_seconds);
    if app.outside.now().plus_seconds(life_seconds) > asker.opened.ends_at {
        return Err(Denial::SignedOut);
    }
    let (codes, now) = (&app.identity.paces.codes, app.outside.now());
    if !codes.allow(asker.wallet.0, now) {
        return Err(Denial::Busy);
    }
    let (digits, expires_at) = match app
        .ledger
        .ask(asker.command(Command::IssueCode {
            wallet: asker.wallet,
        }))
        .await?
    {
        Ok(Reply::Code { digits, expires_at }) => (digits, expires_at),
        Ok(_) => return Err(Denial::Unavailable),
        Err(refusal) => return Err(refused(refusal)),
    };
    let code = PaymentCode::new(app.issuer, SHARD, digits).ok_or(Denial::Unavailable)?;
    let barcode = barcode::svg(code.as_str()).map_err(|_| Denial::Unavailable)?;
    let qr = qr::svg_digits(code.as_str()).map_err(|_| Denial::Unavailable)?;
    Ok(done(json!({
        "code": code.as_str(),
        "barcode_svg": barcode,
        "qr_svg": qr,
        // A life rather than an instant: the phone's clock may be wrong.
        "life_ms": (expires_at.0 - app.outside.now().0).max(0) / 1_000,
        "expires_at_ms": expires_at.millis(),
    })))
}

/// The page of history that is asked for.
#[derive(serde::Deserialize)]
pub struct HistoryPage {
    before: Option<u64>,
    limit: Option<usize>,
}

/// `GET /api/history?before=ID&limit=N`: newest first, page by page.
pub async fn history(
    State(app): State<Arc<App>>,
    asker: WalletSession,
    Asked(page): Asked<HistoryPage>,
) -> Answer {
    let limit = page.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let engine = app.ledger.engine.clone();
    let entries = app
        .acts
        .ask(move |()| engine.history(asker.wallet, page.before, limit))
        .await??;
    let next = entries
        .last()
        .filter(|last| last.previous != 0)
        .map(|last| last.id.to_string());
    let entries: Vec<Value> = entries
        .iter()
        .map(|entry| entry_json(&app, entry))
        .collect();
    Ok(done(json!({ "entries": entries, "next": next })))
}

/// `GET /api/receipts/{id}`: one movement with what became of it.
pub async fn receipt(
    State(app): State<Arc<App>>,
    asker: WalletSession,
    Named(id): Named,
) -> Answer {
    let engine = app.ledger.engine.clone();
    let found = app.acts.ask(move |()| -> Result<_, Fault> {
        let Some(entry) = engine.entry(asker.wallet, id)? else {
            return Ok(None);
        };
        let payment = match entry.payment().filter(|_| entry.kind.is_sale()) {
            Some(payment) => engine.read(|reader| reader.payment(PaymentId(payment)))?,
            None => None,
        };
        let refunds = match &payment {
            Some(payment) => engine.refunds(&payment.refunds)?,
            None => Vec::new(),
        };
        Ok(Some((entry, payment, refunds)))
    });
    let (entry, payment, refunds) = found.await??.ok_or(Denial::NotFound)?;
    let mut receipt = entry_json(&app, &entry);
    let names = app.directory.names();
    let merchant = entry.store.and_then(|id| names.stores.get(&id));
    let merchant = merchant.map(|store| store.merchant);
    receipt["invoice_number"] = json!(
        merchant
            .or_else(|| entry.merchant.map(MerchantId))
            .and_then(|merchant| names.invoice_number(merchant))
    );
    if let Some(payment) = payment {
        receipt["refunded"] = json!(payment.refunded.minor());
        receipt["refundable"] = json!(payment.refundable().minor());
        receipt["cancelled_at_ms"] = json!(payment.cancelled_at.map(|at| at.millis()));
        receipt["refunds"] = refunds
            .iter()
            .map(|refund| json!({ "amount": refund.amount.minor(), "at_ms": refund.at.millis(), "id": refund.id.to_string() }))
            .collect();
    }
    Ok(done(receipt))
}

/// Why a stream ends.
enum End {
    /// The phone is gone, its queue ran over, or the house stops: the phone reconnects and catches up.
    Lost,
    /// The session is over, or goes on under another token.
    SignedOut,
    /// The wallet was frozen: the phone was told, and a client that wants to go on listening proves the session again.
    Frozen,
    /// A younger stream has taken the place.
    Crowded,
}

/// `GET /api/events`: what happens in the wallet, as it happens and never before it is durable.
pub async fn events(
    State(app): State<Arc<App>>,
    asker: WalletSession,
    cord: Cord,
    headers: HeaderMap,
) -> Result<Response, Denial> {
    let (to, from) = mpsc::channel(STREAM_EVENTS);
    let streams = &app.identity.streams;
    let mut place = streams.open(asker.wallet, asker.session, &to);
    let listening = app.ledger.engine.listen(asker.wallet, move |event| {
        to.try_send(StreamNews::Wallet(event.clone())).is_ok()
    });
    // Listening began first: whatever happened before it is found by looking back, whatever comes after it is sent.
    let missed = match headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .and_then(|id| id.parse::<u64>().ok())
    {
        Some(seen) => missed_since(&app, asker.wallet, seen).await?,
        None => Missed::Entries(Vec::new()),
    };
    let stream = async_stream(move |out| async move {
        let ended = app
            .identity
            .sessions
            .until_ended(&asker.token_hash, &app.outside);
        // Beside the feeding and not between two events: a reader who takes nothing holds the feeding up for ever.
        let end = tokio::select! {
            end = feed(&app, &out, missed, from) => end,
            () = ended => End::SignedOut,
            () = place.displaced() => End::Crowded,
            // A stop waits for every answer that has begun; this one would go on for ever.
            () = cord.closing() => End::Lost,
        };
        drop((listening, place));
        let last = match end {
            End::SignedOut => Some("closed"),
            End::Crowded => Some("crowded"),
            End::Lost | End::Frozen => None,
        };
        if let Some(name) = last {
            // A full queue has a reader who does not read: it hears nothing, and loses the connection below.
            let _ = out.try_send(SseEvent::default().event(name).data("{}"));
        }
        drop(out);
        // A client that reads takes what is left, and this task ends with the stream. One that does not is cut off.
        tokio::time::sleep(LAST_WORDS).await;
        cord.pull();
    });
    let mut answer = Sse::new(stream)
        .keep_alive(
            KeepAlive::new()
                .interval(BEAT)
                .event(SseEvent::default().event("beat").data("{}")),
        )
        .into_response();
    // The stream type comes with a weaker rule of its own; the surface writes "no-store" where there is none.
    answer.headers_mut().remove(header::CACHE_CONTROL);
    // A proxy that gathers an answer before it passes it on would hold the events back.
    answer.headers_mut().insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    Ok(answer)
}

/// Sends what was missed and then what happens, until there is a reason to end.
async fn feed(
    app: &App,
    out: &mpsc::Sender<SseEvent>,
    missed: Missed,
    mut from: mpsc::Receiver<StreamNews>,
) -> End {
    let mut newest = 0;
    match missed {
        Missed::Entries(entries) => {
            for entry in entries {
                newest = newest.max(entry.id);
                if out.send(entry_event(app, &entry)).await.is_err() {
                    return End::Lost;
                }
            }
        }
        Missed::TooMany { newest: id } => {
            newest = id;
            let reload = SseEvent::default().id(id.to_string()).event("reload");
            if out.send(reload.data("{}")).await.is_err() {
                return End::Lost;
            }
        }
    }
    while let Some(event) = from.recv().await {
        let frozen = matches!(event, StreamNews::Wallet(WalletNews::Frozen(true)));
        let event = match event {
            StreamNews::Wallet(event) => event,
            StreamNews::DeviceAsks => {
                let said = SseEvent::default().event("device_asks").data("{}");
                if out.send(said).await.is_err() {
                    return End::Lost;
                }
                continue;
            }
            StreamNews::SignedIn { session, at, agent } => {
                let data = json!({
                    "kind": "sign_in",
                    "session": session_word(&session),
                    "at_ms": at.millis(),
                    "browser": agent.word(),
                });
                let said = SseEvent::default().event("sign_in").data(data.to_string());
                if out.send(said).await.is_err() {
                    return End::Lost;
                }
                continue;
            }
        };
        let said = match event {
            WalletNews::Entry(entry) if entry.id <= newest => continue,
            WalletNews::Entry(entry) => entry_event(app, &entry),
            WalletNews::Frozen(on) => {
                let name = if on { "freeze" } else { "unfreeze" };
                SseEvent::default()
                    .event(name)
                    .data(json!({ "kind": name }).to_string())
            }
            WalletNews::Refused(refused) => {
                let names = app.directory.names();
                let store = refused.store.and_then(|id| names.stores.get(&id));
                let said = json!({
                    "kind": "refused",
                    "id": refused.at.to_string(),
                    "amount": refused.amount,
                    "at_ms": refused.at.div_euclid(1_000),
                    "merchant": names.merchants.get(&refused.merchant),
                    "store": store.map(|store| &store.name),
                    "reason": refused.refusal.code(),
                });
                SseEvent::default().event("refused").data(said.to_string())
            }
            WalletNews::TopUpFailed(id) => SseEvent::default()
                .event("top_up_failed")
                .data(json!({ "kind": "top_up_failed", "top_up_id": id.to_string() }).to_string()),
            WalletNews::AccessChanged => SseEvent::default().event("access").data("{}"),
        };
        if out.send(said).await.is_err() {
            return End::Lost;
        }
        if frozen {
            return End::Frozen;
        }
    }
    End::Lost
}

/// A stream fed by a task that ends when the stream is dropped.
fn async_stream<F, T>(feed: F) -> impl futures_core::Stream<Item = Result<SseEvent, Infallible>>
where
    F: FnOnce(mpsc::Sender<SseEvent>) -> T,
    T: Future<Output = ()> + Send + 'static,
{
    let (to, from) = mpsc::channel(8);
    let task = tokio::spawn(feed(to));
    Fed { from, task }
}

struct Fed {
    from: mpsc::Receiver<SseEvent>,
    task: tokio::task::JoinHandle<()>,
}

impl futures_core::Stream for Fed {
    type Item = Result<SseEvent, Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.from.poll_recv(context).map(|event| event.map(Ok))
    }
}

impl Drop for Fed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a phone that comes back has not seen.
enum Missed {
    /// In order.
    Entries(Vec<Entry>),
    /// More than are told one by one: the page reads itself anew, and goes on behind the newest.
    TooMany { newest: u64 },
}

async fn missed_since(app: &Arc<App>, wallet: WalletId, seen: u64) -> Result<Missed, Denial> {
    let engine = app.ledger.engine.clone();
    let mut entries = app
        .acts
        .ask(move |()| engine.history(wallet, None, RESUME_MAX + 1))
        .await??;
    entries.retain(|entry| entry.id > seen);
    Ok(match entries.first() {
        Some(newest) if entries.len() > RESUME_MAX => Missed::TooMany { newest: newest.id },
        _ => {
            entries.reverse();
            Missed::Entries(entries)
        }
    })
}

fn entry_event(app: &App, entry: &Entry) -> SseEvent {
    SseEvent::default()
        .id(entry.id.to_string())
        .event(entry.kind.word())
        .data(entry_json(app, entry).to_string())
}

/// A movement as pages show it.
pub fn entry_json(app: &App, entry: &Entry) -> Value {
    let names = app.directory.names();
    let store = entry.store.and_then(|id| names.stores.get(&id));
    let till = entry.till.and_then(|id| names.tills.get(&id));
    json!({
        "id": entry.id.to_string(),
        "kind": entry.kind.word(),
        "amount": entry.amount,
        "balance": entry.balance,
        "balance_after": entry.balance,
        "at_ms": entry.at.div_euclid(1_000),
        // A payment by a standing permission need not happen in a store.
        "merchant": store.map(|store| &store.merchant_name).or_else(|| names.merchants.get(&entry.merchant?)),
        "store": store.map(|store| &store.name),
        "till": till.map(|till| &till.name),
        "receipt_number": receipt_number(entry.id),
        "payment_id": entry.payment().map(|id| id.to_string()),
    })
}

/// The caller's wallet as of a durable state.
pub async fn look(app: &App, asker: &WalletSession) -> Result<WalletView, Denial> {
    let query = Query::Wallet {
        wallet: asker.wallet,
    };
    match app.ledger.ask(asker.query(query)).await? {
        Ok(Reply::Wallet(view)) => Ok(view),
        Ok(_) => Err(Denial::Unavailable),
        Err(refusal) => Err(refused(refusal)),
    }
}
