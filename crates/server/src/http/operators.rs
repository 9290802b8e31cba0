//! Operators: a one-time link becomes a passkey, and there is no other way in. They invite and remove each other, and
//! give each other roles.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_datastore::fault::Fault;
use mamori_flows::staff;
use mamori_registry::{
    AuthMethod, LinkRefusal, OPERATOR_LINK_LIFE, OwnerId, Permission, Role, Stage, Surface,
    display_name, token_hash,
};
use serde_json::json;

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Body, millis};
use crate::cookies::{Token, encode_token};
use crate::denied::LINK_REFUSED;
use crate::http::approvals::may_decide;
use crate::http::assertions::{begin, refused};
use crate::http::permitted::{EnterConsole, ManageOperators, May, SeeActs};
use crate::http::session::{Browser, NewSession, Newcomer, begin_for_newcomer, operator_mark};
use crate::http::step_up::{FreshPasskey, Granted};
use crate::identity::{Purpose, StepUpAct};
use crate::origin::Visitor;
use crate::relying_party::PasskeyProblem;

/// The address an operator opens. The secret stands behind `#`, which browsers send to no server and write in no log.
pub fn operator_link(console_origin: &str, link: &Token) -> String {
    format!("{console_origin}/#link={}", encode_token(link))
}

/// `POST /api/operators/redeem {link}`: opens the creation of an operator's passkey.
pub async fn redeem(
    State(app): State<Arc<App>>,
    _: Visitor,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let link = body.token("link")?;
    let browser = Browser::of(&headers, &app);
    let now = app.outside.now();
    let found = app
        .operators
        .ask(move |registry| registry.operators().of_link(&link, now))
        .await??;
    let (operator, name) = found.map_err(|refusal| link_refused(&app, refusal))?;
    let started = app
        .identity
        .console_party
        .start_registration(operator, &name, &name, &[]);
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
pub async fn finish(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let (link, credential) = (body.token("link")?, body.object("credential")?);
    let browser = Browser::of(&headers, &app);
    let taken =
        app.identity
            .ceremonies
            .take(&token_hash(&link), &browser.hash(), app.outside.now());
    let Some(Purpose::Operator { registering, link }) = taken else {
        return Err(refused("operator link", PasskeyProblem::OtherChallenge));
    };
    let browser = browser.traits(Surface::Console, &headers, None);
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let redeemed = app
        .operators
        .ask(move |registry| -> Result<NewSession, Denial> {
            let party = &inner.identity.console_party;
            let passkey = party
                .finish_registration(&credential, &registering)
                .map_err(|problem| refused("operator link", problem))?;
            let operator = registry
                .operators()
                .redeem_link(&link, &passkey, now)?
                .map_err(|refusal| link_refused(&inner, refusal))?;
            tracing::info!(
                operator = operator_mark(&operator),
                "an operator made a passkey and signed in"
            );
            let credential = registry.fingerprint("operator credential", &passkey.credential);
            let newcomer = Newcomer {
                surface: Surface::Console,
                owner: operator,
                wallet: None,
                credential,
            };
            let mut run = inner.run(registry, visitor.asker, now, &seed);
            begin_for_newcomer(
                &inner,
                &mut run,
                newcomer,
                AuthMethod::OperatorLink,
                &browser,
            )
        });
    Ok(redeemed.await??.on(done(json!({}))))
}

/// `GET /api/me` of the console: who is signed in, what that operator may do, and how many proposals of others
/// wait for a word.
pub async fn me(State(app): State<Arc<App>>, asker: May<EnterConsole>) -> Answer {
    let (owner, role, now) = (asker.owner, asker.role, app.outside.now());
    let read = app.registry.ask(move |registry| {
        let name = registry.operators().name_of(&owner)?;
        let waits = match role.may(Permission::DecideApprovals) {
            true => registry.approvals().list()?,
            false => Vec::new(),
        };
        let to_decide = (waits.iter())
            .filter(|one| one.stage_at(now) == Stage::Open && may_decide(one, &owner, role));
        Ok::<_, Fault>((name, to_decide.count()))
    });
    let (name, to_decide) = read.await??;
    let may: Vec<&str> = role.permissions().map(Permission::word).collect();
    Ok(done(json!({
        "name": name.ok_or(Denial::SignedOut)?,
        "role": role.word(),
        "may": may,
        "to_decide": to_decide,
    })))
}

/// `GET /api/operators` of the console: who may enter it, and who was invited.
pub async fn list(State(app): State<Arc<App>>, asker: May<SeeActs>) -> Answer {
    let listed = app
        .registry
        .ask(|registry| registry.operators().list())
        .await??;
    let operators: Vec<_> = listed
        .iter()
        .map(|one| {
            let link_ends = one
                .link_made_at
                .map(|at| millis(at.plus(OPERATOR_LINK_LIFE)));
            json!({
                "operator": URL_SAFE_NO_PAD.encode(one.operator.0),
                "name": one.name,
                "role": one.role.word(),
                "yourself": one.operator == asker.owner,
                "active": one.is_active,
                "confirmed": one.is_confirmed,
                "made_at_ms": millis(one.made_at),
                "link_ends_at_ms": link_ends,
                "used_at_ms": one.used_at.map(millis),
            })
        })
        .collect();
    Ok(done(
        json!({ "now_ms": millis(app.outside.now()), "operators": operators }),
    ))
}

/// `POST /api/operators/invite {name, role}` of the console: a one-time link, in this answer and in no other.
pub async fn invite(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<ManageOperators>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let name = display_name(body.text("name", 640)?).ok_or(Denial::InvalidField("name"))?;
    let role = role_named(&body)?;
    let act = StepUpAct::InviteOperator(name.clone(), role);
    let work = move |granted: Granted<May<ManageOperators>>| {
        let (operator, own) = (granted.operator(), granted.caller.role);
        let mut run = granted.run;
        let link = staff::invite(&mut run, own, &name, role)?;
        tracing::info!(
            operator,
            role = role.word(),
            "an operator invited another one"
        );
        Ok(json!({
            "link": encode_token(&link),
            "ends_at_ms": millis(run.now.plus(OPERATOR_LINK_LIFE)),
        }))
    };
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `POST /api/operators/confirm {operator}` of the console: an operator who came back with a restore may enter when this answers.
pub async fn confirm(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<ManageOperators>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let returned = operator_named(&body)?;
    let work = move |granted: Granted<May<ManageOperators>>| {
        let operator = granted.operator();
        let mut run = granted.run;
        staff::confirm(&mut run, &returned)?;
        let confirmed = operator_mark(&returned);
        tracing::info!(operator, confirmed, "an operator confirmed another one");
        Ok(json!({}))
    };
    let act = StepUpAct::ConfirmOperator(returned);
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `POST /api/operators/name {operator, name}` of the console: what colleagues are called.
pub async fn rename(
    State(app): State<Arc<App>>,
    asker: May<ManageOperators>,
    body: Body,
) -> Answer {
    let operator = operator_named(&body)?;
    let name = display_name(body.text("name", 640)?).ok_or(Denial::InvalidField("name"))?;
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let renamed = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        staff::name_operator(&mut run, &operator, &name)
    });
    renamed.await??;
    Ok(done(json!({})))
}

/// `POST /api/operators/role {operator, role}` of the console: counts from their next request on.
pub async fn set_role(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<ManageOperators>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let (changed, role) = (operator_named(&body)?, role_named(&body)?);
    let work = move |granted: Granted<May<ManageOperators>>| {
        let (operator, by) = (granted.operator(), granted.caller.owner);
        let mut run = granted.run;
        staff::set_role(&mut run, &by, &changed, role)?;
        let (changed, role) = (operator_mark(&changed), role.word());
        tracing::info!(
            operator,
            changed,
            role,
            "an operator gave another one a role"
        );
        Ok(json!({}))
    };
    let act = StepUpAct::SetRole(changed, role);
    asker.when_shown(app, &headers, &body, act, work).await
}

fn role_named(body: &Body) -> Result<Role, Denial> {
    Role::parse(body.text("role", 16)?).ok_or(Denial::InvalidField("role"))
}

/// The operator that a request names.
fn operator_named(body: &Body) -> Result<OwnerId, Denial> {
    let named = URL_SAFE_NO_PAD
        .decode(body.text("operator", 22)?)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    named.map(OwnerId).ok_or(Denial::InvalidField("operator"))
}

/// `POST /api/operators/remove {operator}` of the console: their sessions have ended when this answers.
pub async fn remove(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<ManageOperators>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let leaving = operator_named(&body)?;
    let work = move |granted: Granted<May<ManageOperators>>| {
        let operator = granted.operator();
        let mut run = granted.run;
        staff::remove(&mut run, &leaving)?;
        // After the database: a request in between could have read a row back into memory.
        granted
            .app
            .identity
            .sessions
            .forget_owner(Surface::Console, &leaving);
        let removed = operator_mark(&leaving);
        tracing::info!(operator, removed, "an operator removed another one");
        Ok(json!({}))
    };
    let act = StepUpAct::RemoveOperator(leaving);
    asker.when_shown(app, &headers, &body, act, work).await
}

fn link_refused(app: &App, refusal: LinkRefusal) -> Denial {
    if !app.identity.paces.wrong_links.allow((), app.outside.now()) {
        return Denial::Busy;
    }
    tracing::warn!(?refusal, "an operator's link was refused");
    LINK_REFUSED.into()
}
