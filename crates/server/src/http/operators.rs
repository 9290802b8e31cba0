//! Operators: a one-time link becomes a passkey, and there is no other way in.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use mamori_engine::control::{LinkRefusal, Surface, token_hash};
use mamori_engine::fault::Fault;
use serde_json::json;

use crate::answer::{Answer, Denial, Words, done};
use crate::app::App;
use crate::body::Body;
use crate::cookies::{Cookie, Token, encode_token};
use crate::http::passkeys::{begin, check_pace, refused};
use crate::http::session::{
    Begin, Browser, NewSession, OperatorSession, begin_session, operator_mark,
};
use crate::identity::Purpose;
use crate::relying_party::PasskeyProblem;

/// The link is unknown, used or too old: not told apart.
pub const LINK_REFUSED: Words = Words {
    code: "link_refused",
    ja: "このリンクは使えません。新しいリンクを発行してもらってください。",
    en: "This link cannot be used. Please ask for a new one.",
};

/// The address an operator opens. The secret stands behind `#`, which browsers send to no server and write in no log.
pub fn operator_link(console_origin: &str, link: &Token) -> String {
    format!("{console_origin}/#link={}", encode_token(link))
}

/// `POST /api/operators/redeem {link}`: opens the creation of an operator's passkey.
pub async fn redeem(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Answer {
    let link = body.token("link")?;
    let browser = Browser::of(&headers, &app);
    check_pace(&app, &browser)?;
    let now = app.outside.now();
    let found = app
        .control
        .ask(move |control| control.operator_of_link(&link, now.0))
        .await??;
    let (operator, name) = found.map_err(|refusal| link_refused(&app, refusal))?;
    let started = app
        .identity
        .console_party
        .start_registration(operator, &name, &name);
    let (creation, registering) = started.map_err(|problem| refused("operator link", problem))?;
    begin(
        &app,
        token_hash(&link),
        &browser,
        Purpose::Operator { registering, link },
    )?;
    Ok(browser.on(done(json!({ "creation": creation }))))
}

/// `POST /api/operators/finish {link, credential}`: the passkey, the session, and the link is used up.
pub async fn finish(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Answer {
    let (link, credential) = (body.token("link")?, body.object("credential")?);
    let browser = Browser::of(&headers, &app);
    let replaced = Cookie::Session(Surface::Console).read(&headers);
    let taken =
        app.identity
            .ceremonies
            .take(&token_hash(&link), &browser.hash(), app.outside.now());
    let Some(Purpose::Operator { registering, link }) = taken else {
        return Err(refused("operator link", PasskeyProblem::OtherChallenge));
    };
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let redeemed = app.control.ask(
        move |control| -> Result<Result<NewSession, Denial>, Fault> {
            let passkey = match inner
                .identity
                .console_party
                .finish_registration(&credential, &registering)
            {
                Ok(passkey) => passkey,
                Err(problem) => return Ok(Err(refused("operator link", problem))),
            };
            let operator = match control.redeem_link(&link, &passkey, now.0)? {
                Ok(operator) => operator,
                Err(refusal) => return Ok(Err(link_refused(&inner, refusal))),
            };
            tracing::info!(
                operator = operator_mark(&operator),
                "an operator made a passkey and signed in"
            );
            let begin = Begin {
                surface: Surface::Console,
                owner: operator,
                wallet: None,
                replaced,
            };
            begin_session(&inner, control, begin, now, &seed).map(Ok)
        },
    );
    Ok(redeemed.await???.on(done(json!({}))))
}

/// `GET /api/me` of the console: who is signed in.
pub async fn me(State(app): State<Arc<App>>, asker: OperatorSession) -> Answer {
    let name = app
        .control
        .ask(move |control| control.operator_name(&asker.owner))
        .await??;
    Ok(done(json!({ "name": name.ok_or(Denial::SignedOut)? })))
}

fn link_refused(app: &App, refusal: LinkRefusal) -> Denial {
    if !app.identity.paces.wrong_links.allow((), app.outside.now()) {
        return Denial::Busy;
    }
    tracing::warn!(?refusal, "an operator's link was refused");
    LINK_REFUSED.into()
}
