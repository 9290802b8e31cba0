//! The console's page API: the day in sums. Read-only; whatever an operator changes is an act of its own.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::IntoResponse as _;
use mamori_domain::ledger::AccountKind;
use mamori_engine::engine::owed_to_customers;
use mamori_engine::meter::Second;
use mamori_engine::views::read::{self, Figure, Takings};
use mamori_flows::supervisor;
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::Body;
use crate::http::permitted::{HandleAlarms, May, SeeHouse};

/// Dead entries that the console lists.
const DEAD_MAX: u32 = 50;
/// Alarms about top-ups that the console lists.
const ALARMS_MAX: u32 = 50;

/// `GET /api/outbox`: messages that wait, were sent, and were given up. Never a contact or a text.
pub async fn outbox(State(app): State<Arc<App>>, _: May<SeeHouse>) -> Answer {
    let (counts, dead) = app
        .registry
        .ask(|registry| registry.outbox(DEAD_MAX))
        .await??;
    let dead: Vec<_> = dead
        .iter()
        .map(|entry| {
            let key = entry.key;
            json!({
                "id": format!("{}-{}-{}-{}", key.origin, key.epoch, key.seq, key.n),
                "kind": entry.kind,
                "attempts": entry.attempts,
                "last_error": entry.last_error,
            })
        })
        .collect();
    Ok(done(
        json!({ "waiting": counts.waiting, "sent": counts.sent, "dead": dead }),
    ))
}

/// `GET /api/card-alarms`: top-ups that were credited and whose money is not all there any more, newest first.
pub async fn card_alarms(State(app): State<Arc<App>>, _: May<SeeHouse>) -> Answer {
    let (count, newest) = app
        .operators
        .ask(|registry| registry.card_orders().alarms(ALARMS_MAX))
        .await??;
    let alarms: Vec<_> = newest
        .iter()
        .map(|alarm| {
            json!({
                "top_up_id": alarm.top_up.to_string(),
                "amount": alarm.amount,
                "refunded": alarm.charge.refunded,
                "disputed": alarm.charge.disputed,
                "charge": alarm.charge.charge,
                "liability_shift": alarm.charge.liability_shift,
                "at_ms": alarm.alarmed_at.millis(),
            })
        })
        .collect();
    Ok(done(json!({ "count": count, "alarms": alarms })))
}

/// How many alarms of tills the console lists.
const TILL_ALARMS_MAX: u32 = 50;

/// `GET /api/till-alarms` of the console: what tills did that nobody has looked at yet.
pub async fn till_alarms(State(app): State<Arc<App>>, _: May<SeeHouse>) -> Answer {
    let alarms = app
        .operators
        .ask(|registry| registry.alarms().unseen(TILL_ALARMS_MAX))
        .await??;
    let names = app.directory.names();
    let alarms: Vec<_> = alarms
        .iter()
        .map(|alarm| {
            let till = names.tills.get(&alarm.till.0);
            json!({
                "alarm": format!("{:032x}", u128::from_be_bytes(alarm.id)),
                "what": alarm.kind.word(),
                "till_id": alarm.till.0,
                "till": till.map(|till| &till.name),
                "store": till.map(|till| &till.store_name),
                "first_at_ms": alarm.first_at.millis(),
                "last_at_ms": alarm.last_at.millis(),
                "times": alarm.times,
            })
        })
        .collect();
    Ok(done(json!({ "alarms": alarms })))
}

/// `POST /api/till-alarms/seen {alarm}` of the console: somebody has looked at it.
pub async fn see_till_alarm(
    State(app): State<Arc<App>>,
    asker: May<HandleAlarms>,
    body: Body,
) -> Answer {
    let id = u128::from_str_radix(body.text("alarm", 32)?, 16);
    let id = id.map_err(|_| Denial::InvalidField("alarm"))?.to_be_bytes();
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let seen = app.registry.ask(move |registry| {
        supervisor::see_alarm(&mut inner.run(registry, asker.asker, now, &seed), &id)
    });
    seen.await??;
    Ok(done(json!({})))
}

/// What was sold, given back in part, undone, and is left: the same four figures on till and console, in this order.
pub fn takings_json(takings: &Takings) -> Value {
    let figure = |of: Figure| json!({ "count": of.count, "amount": of.amount });
    json!({
        "sales": figure(takings.sales),
        "refunds": figure(takings.refunds),
        "voids": figure(takings.cancels),
        "net": takings.net(),
    })
}

/// Seconds whose payments may still come: a batch is counted a moment after its instant.
const OPEN_SECONDS: i64 = 2;

/// What a page has of today: each member by a hash of it, and up to when it knows the payments of each second.
struct Known {
    members: Vec<u64>,
    /// From this second on payments may have been counted since, in seconds UTC.
    open_from: i64,
    /// The payments that were counted from then on.
    counted: u64,
}

impl Known {
    /// As [`Known::text`] writes it; what is not of that shape is a page that has nothing.
    fn parse(text: &str) -> Option<Known> {
        let mut parts = text.trim_matches('"').split('.');
        let open_from = parts.next()?.parse().ok()?;
        let counted = parts.next()?.parse().ok()?;
        let hash = |part| u64::from_str_radix(part, 16).ok();
        Some(Known {
            members: parts.map(hash).collect::<Option<_>>()?,
            open_from,
            counted,
        })
    }

    fn text(&self) -> String {
        let hashes = self.members.iter().map(|hash| format!(".{hash:x}"));
        let head = format!("{}.{}", self.open_from, self.counted);
        format!("\"{head}{}\"", hashes.collect::<String>())
    }
}

fn hash_of(member: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    member.to_string().hash(&mut hasher);
    hasher.finish()
}

/// Of the members those that the page does not have as they are; nothing where nothing changed. A console asks each second for
/// hours: what it has is not sent again.
fn changed(known: Option<&str>, now_seconds: i64, seconds: &[Second], members: Value) -> Answer {
    let Value::Object(members) = members else {
        unreachable!("an object was just made");
    };
    let known = known
        .and_then(Known::parse)
        .filter(|known| known.members.len() == members.len());
    let counted_from = |from: i64| {
        let young = seconds.iter().filter(move |second| second.at >= from);
        young.map(|second| second.payments).sum()
    };
    let open_from = now_seconds - OPEN_SECONDS + 1;
    let version = Known {
        members: members.values().map(hash_of).collect(),
        open_from,
        counted: counted_from(open_from),
    };
    let mut answer = serde_json::Map::new();
    let paid_since = match &known {
        None => Some(i64::MIN),
        Some(known) if counted_from(known.open_from) != known.counted => Some(known.open_from),
        Some(_) => None,
    };
    if let Some(since) = paid_since {
        let young = seconds
            .iter()
            .filter(|second| second.at >= since && second.payments > 0);
        let list = young.map(|second| {
            json!({ "at_ms": second.at * 1_000, "count": second.payments, "amount": second.paid })
        });
        answer.insert("payments_per_second".into(), list.collect());
    }
    for (at, (name, member)) in members.into_iter().enumerate() {
        let is_known = known
            .as_ref()
            .is_some_and(|known| known.members[at] == version.members[at]);
        if !is_known {
            answer.insert(name, member);
        }
    }
    if answer.is_empty() {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let text = version.text();
    answer.insert("now_ms".into(), json!(now_seconds * 1_000));
    answer.insert("version".into(), json!(text));
    let mut response = done(Value::Object(answer));
    if let Ok(tag) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}

/// `GET /api/today`: live payments, sums per store, what is owed, the trial balance, top-ups, how far the views are. With the version
/// of an answer before in `If-None-Match` only what changed since then, and 304 where nothing did.
pub async fn today(State(app): State<Arc<App>>, _: May<SeeHouse>, headers: HeaderMap) -> Answer {
    let now = app.outside.now();
    let first_hour = now.day_in_japan() * 24 - 9;
    let engine = app.ledger.engine.clone();
    let (durable, applied) = (engine.durable_seq(), engine.applied().get());
    let (book, takings, top_ups) = app
        .acts
        .ask(move |()| {
            // Each second and operator: sums that are kept along the way, no walk over tills or top-ups.
            let book = engine.trial_balance()?;
            let takings = engine.read(|reader| read::takings(reader.views(), first_hour))?;
            let top_ups = engine
                .read(|reader| read::top_up_sums(reader.views(), first_hour * 3_600_000_000))?;
            Ok::<_, mamori_datastore::fault::Fault>((book, takings, top_ups))
        })
        .await??;
    let (trial_balance, wallets) = book;
    let names = app.directory.names();
    let in_hour = |(hour, Figure { count, amount }): (&i64, &Figure)| json!({ "hour": (hour + 9).rem_euclid(24), "count": count, "amount": amount });
    let stores: Vec<_> = takings
        .by_store
        .iter()
        .map(|(id, of_store)| {
            let name = names.stores.get(id);
            json!({
                "store_id": id.to_string(),
                "store": name.map(|name| &name.name),
                "merchant": name.map(|name| &name.merchant_name),
                "takings": takings_json(of_store),
            })
        })
        .collect();
    let seconds = app.ledger.engine.seconds(now);
    let trial: Vec<_> = AccountKind::ALL
        .iter()
        .map(|kind| {
            let balance = trial_balance.of(*kind);
            json!({ "account": kind.name(), "debit": (-balance).max(0), "credit": balance.max(0) })
        })
        .collect();
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|text| text.to_str().ok());
    let members = json!({
        "takings": takings_json(&takings.all),
        "stores": stores,
        "hours": takings.sales_by_hour.iter().map(in_hour).collect::<Vec<_>>(),
        "owed_to_customers": owed_to_customers(&trial_balance),
        "trial_balance": trial,
        "in_balance": trial_balance.sum() == 0,
        "top_ups": top_ups.iter().map(|(state, count, amount)| json!({ "state": state.word(), "count": count, "amount": amount })).collect::<Vec<_>>(),
        "journal": { "seq": durable, "applied_seq": applied, "lag": durable.saturating_sub(applied) },
        "wallets": wallets,
    });
    changed(known, now.seconds(), &seconds, members)
}
