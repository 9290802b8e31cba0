//! Standing permissions on the wallet's page: the list, the consent to a merchant's link, and taking back.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use mamori_api::opa::account_link::{LinkAnswer, TOKEN_MAX};
use mamori_api::opa::id::{parse_user_authorization_id, user_authorization_id_text};
use mamori_domain::ids::{AuthorizationId, MerchantId};
use mamori_domain::refusal::Refusal;
use mamori_flows::{Denied, Stop, permission};
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Body, millis};
use crate::denied::FROZEN;
use crate::http::session::WalletSession;
use crate::http::step_up::{FreshPasskey, Granted, challenge};
use crate::identity::StepUpAct;
use crate::permission_link::Link;

/// Longest public half of an API key, in bytes.
const API_KEY_MAX: usize = 64;

/// `GET /api/permissions`: who may take money without a code being shown, and since when.
pub async fn list(State(app): State<Arc<App>>, asker: WalletSession) -> Answer {
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let rows = app
        .registry
        .ask(move |registry| {
            let mut run = inner.run(registry, asker.asker, now, &seed);
            permission::live(&mut run, asker.wallet)
        })
        .await??;
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "permission_id": user_authorization_id_text(row.permission.0),
                "merchant": merchant_name(&app, row.merchant),
                "since_ms": row.made_at.map(millis),
            })
        })
        .collect();
    Ok(done(json!({ "permissions": rows })))
}

/// `POST /api/permissions/revoke {permission_id}`: at once, without a question, from a frozen wallet too.
pub async fn revoke(State(app): State<Arc<App>>, asker: WalletSession, body: Body) -> Answer {
    let permission = parse_user_authorization_id(body.text("permission_id", 36)?)
        .map(AuthorizationId)
        .ok_or(Denial::InvalidField("permission_id"))?;
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let revoked = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        permission::revoke(&mut run, asker.wallet, permission)
    });
    revoked.await??;
    Ok(done(json!({})))
}

/// `POST /api/permissions/link {api_key, request_token}`: who asks for what, for the page of the consent. Changes nothing.
pub async fn link(State(app): State<Arc<App>>, asker: WalletSession, body: Body) -> Answer {
    let link = read(&app, &body)?;
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let looked = app.registry.ask(move |registry| -> Result<_, Stop> {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        let (key, answered) = (link.key().fingerprint, link.answered_by(asker.wallet));
        permission::look(&mut run, key, &answered)?;
        let rows = permission::live(&mut run, asker.wallet)?;
        let merchant = link.key().merchant;
        let is_allowed = rows.iter().any(|row| row.merchant == merchant);
        Ok((link, is_allowed))
    });
    let (link, is_allowed) = looked.await??;
    let request = link.request();
    Ok(done(json!({
        "merchant": merchant_name(&app, link.key().merchant),
        "merchant_id": link.key().merchant_text,
        "reference_id": request.reference_id,
        "scopes": request.scopes,
        "redirect_host": request.redirect.as_ref().map(|redirect| redirect.host()),
        "expires_at_ms": request.expires_at_seconds * 1_000,
        "is_allowed": is_allowed,
    })))
}

/// `POST /api/permissions/grant/start {api_key, request_token}`: asks for a fresh passkey, for this link alone.
pub async fn grant_start(
    State(app): State<Arc<App>>,
    asker: WalletSession,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let link = read(&app, &body)?;
    let act = StepUpAct::GrantPermission(link.mark());
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let (wallet, by) = (asker.wallet, asker.asker);
    let looked = app.registry.ask(move |registry| -> Result<_, Stop> {
        let mut run = inner.run(registry, by, now, &seed);
        let (key, answered) = (link.key().fingerprint, link.answered_by(wallet));
        permission::look(&mut run, key, &answered)
    });
    looked.await??;
    challenge(&app, &headers, &asker, act).await
}

/// `POST /api/permissions/grant/finish {api_key, request_token, step_up, credential}`: the yes.
pub async fn grant_finish(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<WalletSession>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let link = read(&app, &body)?;
    let act = StepUpAct::GrantPermission(link.mark());
    let work = move |granted: Granted<WalletSession>| {
        let (mut run, wallet) = (granted.run, granted.caller.wallet);
        let (key, answered) = (link.key().fingerprint, link.answered_by(wallet));
        let permission =
            permission::grant(&mut run, key, &answered).map_err(|stop| match stop {
                Stop::Denied(Denied::Refused(Refusal::WalletFrozen)) => FROZEN.into(),
                stop => Denial::from(stop),
            })?;
        Ok(json!({
            "result": "succeeded",
            "permission_id": user_authorization_id_text(permission.0),
            "redirect_to": link.way_back(LinkAnswer::Succeeded(permission.0), run.now),
        }))
    };
    asker.shown(app, &headers, &body, act, work).await
}

/// `POST /api/permissions/decline {api_key, request_token}`: the no. The merchant is told, and the link is worth nothing more.
pub async fn decline(State(app): State<Arc<App>>, asker: WalletSession, body: Body) -> Answer {
    let link = read(&app, &body)?;
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let declined = app.registry.ask(move |registry| -> Result<_, Stop> {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        permission::decline(&mut run, &link.answered_by(asker.wallet))?;
        Ok(link.way_back(LinkAnswer::Declined, now))
    });
    let redirect_to = declined.await??;
    Ok(done(
        json!({ "result": "declined", "redirect_to": redirect_to }),
    ))
}

fn read(app: &App, body: &Body) -> Result<Link, Denial> {
    let api_key = body.text("api_key", API_KEY_MAX)?;
    let token = body.text("request_token", TOKEN_MAX)?;
    Link::read(app, api_key, token)
}

fn merchant_name(app: &App, merchant: MerchantId) -> Option<String> {
    app.directory.names().merchants.get(&merchant.0).cloned()
}
