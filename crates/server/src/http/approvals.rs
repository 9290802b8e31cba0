//! What takes two people, on the console's page: the list of proposals, and to approve, decline or withdraw one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_datastore::fault::Fault;
use mamori_flows::{Run, approval};
use mamori_registry::{Approval, ApprovalId, OwnerId, Permission, Role, Stage, Surface};
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Body, millis};
use crate::denied::OWN_PROPOSAL;
use crate::http::permitted::{DecideApprovals, May, SeeApprovals};
use crate::http::step_up::{FreshPasskey, Granted};
use crate::identity::StepUpAct;

/// `GET /api/approvals` of the console: those under way, the oldest first, then the newest of those that ended.
pub async fn list(State(app): State<Arc<App>>, asker: May<SeeApprovals>) -> Answer {
    let (own, role, now) = (asker.owner, asker.role, app.outside.now());
    let listed = app.registry.ask(move |registry| {
        let names = registry.operators().names()?;
        let mut rows = Vec::new();
        for one in registry.approvals().list()? {
            let sealed = std::slice::from_ref(&one.detail);
            let opened = registry.people().open_notes(one.wallet, sealed)?;
            let detail = opened.into_iter().next().flatten();
            let name = |operator: &OwnerId| names.get(operator).cloned();
            let stage = one.stage_at(now);
            let waits = matches!(stage, Stage::Open | Stage::Approved);
            let is_own = one.by == own;
            rows.push(json!({
                "approval": approval_word(&one.id),
                "what": one.kind.word(),
                "stage": stage.word(),
                "wallet_id": one.wallet.to_string(),
                "despite_balance": one.despite_balance,
                "detail": detail,
                "by": name(&one.by),
                "yours": is_own,
                "made_at_ms": millis(one.made_at),
                "expires_at_ms": millis(one.expires_at),
                "decided_by": one.decided_by.as_ref().and_then(name),
                "decided_at_ms": one.decided_at.map(millis),
                "due_at_ms": one.due_at.map(millis),
                "ended_at_ms": one.ended_at.map(millis),
                "may_approve": stage == Stage::Open && may_decide(&one, &own, role),
                "may_decline": waits && may_decide(&one, &own, role),
                "may_withdraw": waits && is_own,
            }));
        }
        Ok::<_, Fault>(rows)
    });
    let rows: Vec<Value> = listed.await??;
    let open = rows.iter().filter(|row| row["stage"] == "open").count();
    Ok(done(
        json!({ "now_ms": millis(now), "open": open, "approvals": rows }),
    ))
}

/// Whether an operator of this role may approve or decline it.
pub fn may_decide(approval: &Approval, own: &OwnerId, role: Role) -> bool {
    approval.by != *own
        && role.may(Permission::DecideApprovals)
        && role.may(approval.kind.decided_with())
}

/// `POST /api/approvals/approve {approval}` of the console: by another operator than the one who proposed it. What waits for nothing is
/// done when this answers.
pub async fn approve(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<DecideApprovals>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let id = approval_named(&body)?;
    let work = move |granted: Granted<May<DecideApprovals>>| {
        let (operator, by) = (granted.operator(), granted.caller.owner);
        let (app, mut run) = (granted.app, granted.run);
        let stage = approval::approve(&mut run, &by, &id, |person| {
            app.identity.sessions.forget_owner(Surface::Wallet, person);
        })?;
        let stage = stage.word();
        tracing::info!(operator, stage, "an operator approved a proposal");
        Ok(json!({ "stage": stage }))
    };
    let act = StepUpAct::Approve(id);
    asker
        .when_shown_after(app, &headers, &body, act, look_at(id), work)
        .await
}

/// `POST /api/approvals/decline {approval}` of the console.
pub async fn decline(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<DecideApprovals>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let id = approval_named(&body)?;
    let work = move |granted: Granted<May<DecideApprovals>>| {
        let (operator, by) = (granted.operator(), granted.caller.owner);
        let mut run = granted.run;
        let stage = approval::decline(&mut run, &by, &id)?;
        tracing::info!(operator, "an operator declined a proposal");
        Ok(json!({ "stage": stage.word() }))
    };
    let act = StepUpAct::Decline(id);
    asker
        .when_shown_after(app, &headers, &body, act, look_at(id), work)
        .await
}

/// `POST /api/approvals/withdraw {approval}` of the console: one's own. It gives nobody anything, and asks for the session alone.
pub async fn withdraw(State(app): State<Arc<App>>, asker: May<SeeApprovals>, body: Body) -> Answer {
    let (id, by, asker) = (approval_named(&body)?, asker.owner, asker.asker);
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let withdrawn = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, asker, now, &seed);
        approval::withdraw(&mut run, &by, &id)
    });
    Ok(done(json!({ "stage": withdrawn.await??.word() })))
}

/// What is over is said before the passkey is asked for, and so is that two people means two.
fn look_at(id: ApprovalId) -> impl FnOnce(&mut Run, &OwnerId) -> Result<(), Denial> + Send {
    move |run, by| {
        let found = approval::look(run, &id)?;
        match found.by == *by {
            true => Err(OWN_PROPOSAL.into()),
            false => Ok(()),
        }
    }
}

/// A proposal as pages name it.
pub fn approval_word(id: &ApprovalId) -> String {
    URL_SAFE_NO_PAD.encode(id.0)
}

fn approval_named(body: &Body) -> Result<ApprovalId, Denial> {
    let named = URL_SAFE_NO_PAD.decode(body.text("approval", 22)?).ok();
    let id = named.and_then(|bytes| bytes.try_into().ok());
    id.map(ApprovalId).ok_or(Denial::InvalidField("approval"))
}
