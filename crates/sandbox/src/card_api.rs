//! The Stripe-shaped API of the card network: every call on one page.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::address;
use crate::card_network::{CardNetwork, FirstAnswer};
use crate::cards;
use crate::faults::FaultPlan;
use crate::form::Form;
use crate::line::CutSwitch;
use crate::network::{Intent, Network, NewIntent, NewSession, Tried};
use crate::refusal::ApiRefusal;

pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;
/// The largest single charge in yen that the network takes.
const AMOUNT_MAX: i64 = 99_999_999;
/// A hosted page lives at least half an hour and at most a day, and a day if the merchant does not say.
const SESSION_SECONDS: std::ops::RangeInclusive<i64> = 30 * 60..=24 * 60 * 60;

impl CardNetwork {
    /// One API call, from its bytes to its answer. The flag says whether the answer is a repeated one.
    fn call(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
    ) -> (u16, String, bool) {
        if !self.authorised(headers) {
            return refused(&ApiRefusal::unsigned());
        }
        if self.faults.strike(|plan| &mut plan.fail_next) {
            return refused(&ApiRefusal::broken());
        }
        let key = match headers
            .get("idempotency-key")
            .filter(|_| method == Method::POST)
        {
            None => None,
            Some(key) => match key.to_str() {
                Ok(key) if !key.is_empty() && key.len() <= 255 => Some(key.to_owned()),
                _ => {
                    return refused(&ApiRefusal::invalid(
                        "Idempotency-Key",
                        "Keys have 1 to 255 ASCII characters.",
                    ));
                }
            },
        };
        let fingerprint = fingerprint(method, uri, body);
        // One lock over looking up the key and doing the work: a repeat that arrives while the first
        // still runs waits for the first answer instead of making a second intent.
        let mut books = self.books();
        if let Some(first) = key.as_deref().and_then(|key| books.first_answers.get(key)) {
            if first.request != fingerprint {
                return refused(&ApiRefusal::other_body_same_key());
            }
            return (first.status, first.body.clone(), true);
        }
        let now = self.now();
        let answer = self.route(&mut books.network, method, uri, body, now);
        self.send_events(&mut books);
        let (status, body) = match &answer {
            Ok(value) => (200, value.to_string()),
            Err(refusal) => (refusal.status, refusal.json().to_string()),
        };
        // A request refused for its form may be corrected and sent again under the same key.
        if let (Some(key), true) = (key, status == 200 || status == 402) {
            let first = FirstAnswer {
                request: fingerprint,
                status,
                body: body.clone(),
            };
            books.first_answers.put(key, first);
        }
        (status, body, false)
    }

    /// Every call of the API.
    fn route(
        &self,
        network: &mut Network,
        method: &Method,
        uri: &Uri,
        body: &[u8],
        now: i64,
    ) -> Result<Value, ApiRefusal> {
        let encoded = if method == Method::POST {
            body
        } else {
            uri.query().unwrap_or_default().as_bytes()
        };
        let form = Form::parse(encoded)?;
        let path: Vec<&str> = uri.path().trim_matches('/').split('/').skip(1).collect();
        match (method.as_str(), path.as_slice()) {
            ("POST", ["payment_intents"]) => create_intent(network, form, now),
            ("GET", ["payment_intents"]) => list(
                form,
                network
                    .intents()
                    .map(|it| it.json(&network.base_url, false)),
            ),
            ("GET", ["payment_intents", id]) => read_intent(network, id, form),
            ("POST", ["payment_intents", id, "confirm"]) => confirm_intent(network, id, form, now),
            ("POST", ["payment_intents", id, "cancel"]) => cancel_intent(network, id, form, now),
            ("POST", ["checkout", "sessions"]) => create_session(network, form, now),
            ("GET", ["checkout", "sessions", id]) => read_session(network, id, form, now),
            ("POST", ["checkout", "sessions", id, "expire"]) => {
                network.expire_session(id, now)?;
                read_session(network, id, form, now)
            }
            ("POST", ["refunds"]) => create_refund(network, form, now),
            ("GET", ["refunds"]) => list(form, network.refunds().map(|refund| refund.json())),
            ("GET", ["refunds", id]) => Ok(network.refund_by_id(id)?.json()),
            ("GET", ["disputes"]) => list(form, network.disputes().map(|dispute| dispute.json())),
            ("GET", ["disputes", id]) => Ok(network.dispute_by_id(id)?.json()),
            ("POST", ["disputes", id, "close"]) => {
                form.finish()?;
                network.close_dispute(id, now)?;
                Ok(network.dispute_by_id(id)?.json())
            }
            ("GET", ["events"]) => list(form, network.events().map(|event| event.json())),
            ("GET", ["events", id]) => Ok(network.event(id)?.json()),
            ("POST", ["webhook_endpoints"]) => self.register_endpoint(network, form),
            ("GET", ["webhook_endpoints"]) => list(form, self.endpoints.json().into_iter()),
            ("DELETE", ["webhook_endpoints", id]) => self.endpoints.remove(id),
            _ => Err(ApiRefusal::no_such("call", uri.path())),
        }
    }

    fn register_endpoint(
        &self,
        network: &mut Network,
        mut form: Form,
    ) -> Result<Value, ApiRefusal> {
        let url = form.required("url")?;
        let mut wants = Vec::new();
        for name in std::iter::once("enabled_events[]".to_owned())
            .chain((0..16).map(|n| format!("enabled_events[{n}]")))
        {
            wants.extend(form.text(&name));
        }
        form.finish()?;
        self.endpoints.register(network.draw(), url, None, wants)
    }
}

fn refused(refusal: &ApiRefusal) -> (u16, String, bool) {
    (refusal.status, refusal.json().to_string(), false)
}

fn fingerprint(method: &Method, uri: &Uri, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [method.as_str().as_bytes(), uri.path().as_bytes(), body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

// ---- the calls ----

fn create_intent(network: &mut Network, mut form: Form, now: i64) -> Result<Value, ApiRefusal> {
    let amount = amount(&mut form, "amount")?.ok_or_else(|| ApiRefusal::missing("amount"))?;
    let currency = currency(&mut form, "currency")?;
    let metadata = form.metadata("metadata")?;
    let token = form.text("payment_method");
    let confirm = form.flag("confirm")?;
    let return_url = optional_url(&mut form, "return_url")?;
    let expanded = form.expands("latest_charge");
    form.ignore(&[
        "description",
        "payment_method_types[]",
        "payment_method_types[0]",
        "payment_method_options[card][request_three_d_secure]",
        "capture_method",
    ]);
    form.finish()?;
    let card = match (token, confirm) {
        (Some(token), _) => Some(test_card(&token)?),
        (None, true) => return Err(ApiRefusal::missing("payment_method")),
        (None, false) => None,
    };
    let id = network.create_intent(
        NewIntent {
            amount,
            currency,
            metadata,
            return_url,
        },
        None,
        now,
    );
    if let Some(card) = card {
        network.attach(&id, card);
    }
    if confirm {
        return confirmed(network, &id, expanded, now);
    }
    Ok(network.intent(&id)?.json(&network.base_url, expanded))
}

fn read_intent(network: &Network, id: &str, mut form: Form) -> Result<Value, ApiRefusal> {
    form.ignore(&["client_secret"]);
    let expanded = form.expands("latest_charge");
    form.finish()?;
    Ok(network.intent(id)?.json(&network.base_url, expanded))
}

fn confirm_intent(
    network: &mut Network,
    id: &str,
    mut form: Form,
    now: i64,
) -> Result<Value, ApiRefusal> {
    let token = form.text("payment_method");
    let expanded = form.expands("latest_charge");
    form.finish()?;
    let card = token.map(|token| test_card(&token)).transpose()?;
    network.intent(id)?;
    if let Some(card) = card {
        network.attach(id, card);
    }
    confirmed(network, id, expanded, now)
}

fn confirmed(
    network: &mut Network,
    id: &str,
    expanded: bool,
    now: i64,
) -> Result<Value, ApiRefusal> {
    let tried = network.confirm(id, now)?;
    let intent: &Intent = network.intent(id)?;
    let object = intent.json(&network.base_url, expanded);
    match tried {
        Tried::Paid | Tried::Challenged => Ok(object),
        Tried::Declined(decline) => Err(ApiRefusal::declined(
            decline.code,
            decline.decline_code,
            decline.message,
            object,
        )),
    }
}

fn cancel_intent(
    network: &mut Network,
    id: &str,
    mut form: Form,
    now: i64,
) -> Result<Value, ApiRefusal> {
    form.ignore(&["cancellation_reason"]);
    let expanded = form.expands("latest_charge");
    form.finish()?;
    network.cancel(id, now)?;
    Ok(network.intent(id)?.json(&network.base_url, expanded))
}

fn create_session(network: &mut Network, mut form: Form, now: i64) -> Result<Value, ApiRefusal> {
    if form.required("mode")? != "payment" {
        return Err(ApiRefusal::invalid(
            "mode",
            "This network knows the mode payment only.",
        ));
    }
    let item = |name: &str| format!("line_items[0][{name}]");
    let amount = amount(&mut form, &item("price_data][unit_amount"))?;
    let amount =
        amount.ok_or_else(|| ApiRefusal::missing("line_items[0][price_data][unit_amount]"))?;
    let currency = currency(&mut form, &item("price_data][currency"))?;
    let product = form.required(&item("price_data][product_data][name"))?;
    if form.required(&item("quantity"))? != "1" {
        return Err(ApiRefusal::invalid(
            "line_items[0][quantity]",
            "This network takes one line of quantity 1.",
        ));
    }
    let expires_at = form
        .whole_number("expires_at")?
        .unwrap_or(now + SESSION_SECONDS.end());
    if !SESSION_SECONDS.contains(&(expires_at.saturating_sub(now))) {
        let message = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.";
        return Err(ApiRefusal::invalid("expires_at", message));
    }
    let success_url = optional_url(&mut form, "success_url")?
        .ok_or_else(|| ApiRefusal::missing("success_url"))?;
    let new = NewSession {
        intent: NewIntent {
            amount,
            currency,
            metadata: form.metadata("payment_intent_data[metadata]")?,
            return_url: None,
        },
        product,
        success_url,
        cancel_url: optional_url(&mut form, "cancel_url")?,
        client_reference_id: form.text("client_reference_id"),
        locale: form.text("locale").filter(|locale| locale != "auto"),
        metadata: form.metadata("metadata")?,
        expires_at,
    };
    let expanded = form.expands("payment_intent");
    form.ignore(&[
        "payment_method_types[]",
        "payment_method_types[0]",
        "payment_method_options[card][request_three_d_secure]",
        "payment_intent_data[description]",
        "submit_type",
    ]);
    form.finish()?;
    let id = network.create_session(new, now);
    session_json(network, &id, expanded, now)
}

fn read_session(
    network: &mut Network,
    id: &str,
    form: Form,
    now: i64,
) -> Result<Value, ApiRefusal> {
    let expanded = form.expands("payment_intent");
    form.finish()?;
    session_json(network, id, expanded, now)
}

fn session_json(
    network: &mut Network,
    id: &str,
    expanded: bool,
    now: i64,
) -> Result<Value, ApiRefusal> {
    let session = network.session(id, now)?.clone();
    Ok(session.json(
        &network.base_url,
        network.intent(&session.intent).ok(),
        expanded,
    ))
}

fn create_refund(network: &mut Network, mut form: Form, now: i64) -> Result<Value, ApiRefusal> {
    let intent = match (form.text("payment_intent"), form.text("charge")) {
        (Some(intent), None) => intent,
        (None, Some(charge)) => network.intent_of_charge(&charge)?,
        _ => return Err(ApiRefusal::missing("payment_intent")),
    };
    let amount = amount(&mut form, "amount")?;
    let metadata = form.metadata("metadata")?;
    form.ignore(&["reason"]);
    form.finish()?;
    let id = network.refund(&intent, amount, metadata, now)?;
    Ok(network.refund_by_id(&id)?.json())
}

fn list(mut form: Form, objects: impl Iterator<Item = Value>) -> Result<Value, ApiRefusal> {
    let limit = form.whole_number("limit")?.unwrap_or(10);
    let limit = usize::try_from(limit)
        .ok()
        .filter(|limit| (1..=100).contains(limit));
    let limit =
        limit.ok_or_else(|| ApiRefusal::invalid("limit", "Lists have 1 to 100 entries."))?;
    let kind = form.text("type");
    form.finish()?;
    let mut found: Vec<Value> = objects
        .filter(|object| kind.as_deref().is_none_or(|kind| object["type"] == kind))
        .take(limit + 1)
        .collect();
    let has_more = found.len() > limit;
    found.truncate(limit);
    Ok(json!({ "object": "list", "data": found, "has_more": has_more }))
}

fn amount(form: &mut Form, name: &str) -> Result<Option<i64>, ApiRefusal> {
    match form.whole_number(name)? {
        Some(amount) if !(1..=AMOUNT_MAX).contains(&amount) => Err(ApiRefusal::invalid(
            name,
            format!("Amount must be between 1 and {AMOUNT_MAX}."),
        )),
        amount => Ok(amount),
    }
}

fn currency(form: &mut Form, name: &str) -> Result<String, ApiRefusal> {
    let currency = form.required(name)?;
    match currency.as_str() {
        "jpy" => Ok(currency),
        _ => Err(ApiRefusal::invalid(
            name,
            format!("Invalid currency: {currency}. This network knows jpy."),
        )),
    }
}

fn optional_url(form: &mut Form, name: &str) -> Result<Option<String>, ApiRefusal> {
    let Some(url) = form.text(name) else {
        return Ok(None);
    };
    match address::origin(&url) {
        Some(_) => Ok(Some(url)),
        None => Err(ApiRefusal::invalid(name, "Not a valid URL")),
    }
}

fn test_card(token: &str) -> Result<&'static cards::TestCard, ApiRefusal> {
    cards::by_token(token).ok_or_else(|| ApiRefusal::no_such("PaymentMethod", token))
}

// ---- the edge ----

/// The routes of the API, of the fault switches, and of what cardholders do at their issuers.
pub(crate) fn router() -> Router<Arc<CardNetwork>> {
    Router::new()
        .route("/v1/{*call}", any(api))
        .route("/_sandbox/faults", get(read_faults).post(set_faults))
        .route("/_sandbox/disputes", post(dispute))
}

/// The cardholder of a charge that is long made disputes it at the issuer.
async fn dispute(
    State(network): State<Arc<CardNetwork>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !network.authorised(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let disputed = Form::parse(&body).and_then(|mut form| {
        let charge = form.required("charge")?;
        form.finish()?;
        network.with(|network, now| {
            let intent = network.intent_of_charge(&charge)?;
            let id = network.dispute(&intent, now)?;
            Ok(network.dispute_by_id(&id)?.json())
        })
    });
    match disputed {
        Ok(dispute) => Json(dispute).into_response(),
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.status);
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, Json(refusal.json())).into_response()
        }
    }
}

async fn api(
    State(network): State<Arc<CardNetwork>>,
    ConnectInfo(switch): ConnectInfo<CutSwitch>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (status, body, repeated) = network.call(&method, &uri, &headers, &body);
    let delay_ms = network.faults.current().delay_ms;
    if delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(u64::from(delay_ms))).await;
    }
    if network.faults.strike(|plan| &mut plan.drop_next_reply) {
        switch.cut();
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    answer.headers_mut().insert(
        "stripe-version",
        axum::http::HeaderValue::from_static(crate::objects::API_VERSION),
    );
    if repeated {
        answer.headers_mut().insert(
            "idempotent-replayed",
            axum::http::HeaderValue::from_static("true"),
        );
    }
    answer
}

async fn read_faults(State(network): State<Arc<CardNetwork>>, headers: HeaderMap) -> Response {
    if !network.authorised(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    Json(network.faults.current()).into_response()
}

/// Replaces the whole plan: what a request does not name is healthy again.
async fn set_faults(
    State(network): State<Arc<CardNetwork>>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    if !network.authorised(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let body = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX)
        .await
        .unwrap_or_default();
    match serde_json::from_slice::<FaultPlan>(&body) {
        Ok(plan) => {
            network.faults.set(plan);
            Json(network.faults.current()).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}
