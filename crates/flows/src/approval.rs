//! What takes two people: one proposes it, another one approves it, and then it is carried out, once.
//!
//! | step | where it is written | if the answer is lost |
//! |---|---|---|
//! | the reason is sealed with the key of the person that it is about; the proposal, open | registry | the list of proposals says whether it is there |
//! | another one approves it | registry | asked again: it is approved already |
//! | its delay is over: what was approved is done | as its own flow says (`erase.rs`); may be asked for twice | the sweep asks again until it is done |
//! | the proposal is done | registry | done again by the sweep |
//!
//! A proposal that was approved and cannot be carried out any more (its person is gone, money came in) ends as *failed*.

use mamori_datastore::fault::Fault;
use mamori_domain::ids::WalletId;
use mamori_registry::{
    Approval, ApprovalId, ApprovalKind, ApprovalRefusal, NewApproval, OwnerId, ProposalRefusal,
    Stage, Step, Taking,
};

use crate::erase;
use crate::ledger::Run;
use crate::stop::{Denied, Flow, Stop};

/// Proposes that the owner of a wallet is erased; with money left in it only if that is said.
pub fn propose_erasure(
    run: &mut Run,
    by: &OwnerId,
    wallet: WalletId,
    despite_balance: bool,
    reason: &str,
) -> Flow<ApprovalId> {
    erase::may(run, wallet, despite_balance)?;
    let detail = run.registry.people().seal_note(wallet, reason, run.seed)?;
    let detail = detail.ok_or(Denied::NotFound)?;
    let new = NewApproval {
        kind: ApprovalKind::Erasure,
        by,
        wallet,
        despite_balance,
        detail: &detail,
    };
    let noted = run.noted();
    let proposed = run
        .registry
        .approvals()
        .propose(&new, &[], &noted, run.seed)?;
    tracing::info!(wallet = wallet.0, "the erasure of a person was proposed");
    proposed.map_err(|ProposalRefusal::Already| Denied::AlreadyProposed.into())
}

/// A proposal that still waits; looked at before the passkey is asked for.
pub fn look(run: &mut Run, id: &ApprovalId) -> Flow<Approval> {
    let found = run.registry.approvals().find(id)?;
    let approval = found.ok_or(Denied::NotFound)?;
    match approval.stage_at(run.now) {
        Stage::Open | Stage::Approved => Ok(approval),
        _ => Err(Denied::ApprovalOver.into()),
    }
}

/// Approves what another one proposed and, where nothing is to be waited for, carries it out. `gone` hears whose sessions have ended.
pub fn approve(
    run: &mut Run,
    by: &OwnerId,
    id: &ApprovalId,
    gone: impl FnOnce(&OwnerId),
) -> Flow<Stage> {
    let approval = look(run, id)?;
    match approval.kind {
        // What cannot be done is said to who would agree to it, and stays open.
        ApprovalKind::Erasure => erase::may(run, approval.wallet, approval.despite_balance)?,
    }
    let approved = take(run, Some(by), id, Step::Approve)?;
    tracing::info!(
        wallet = approved.wallet.0,
        what = approved.kind.word(),
        "a proposal was approved"
    );
    if approved.due_at.is_none_or(|due_at| due_at > run.now) {
        return Ok(approved.stage);
    }
    match carry_out(run, &approved, gone) {
        Ok(stage) => Ok(stage),
        // It is approved: the sweep carries it out.
        Err(fault) => {
            tracing::warn!(%fault, "an approved act is still to be carried out");
            Ok(Stage::Approved)
        }
    }
}

/// Declines what another one proposed.
pub fn decline(run: &mut Run, by: &OwnerId, id: &ApprovalId) -> Flow<Stage> {
    Ok(take(run, Some(by), id, Step::Decline)?.stage)
}

/// Takes the own proposal back.
pub fn withdraw(run: &mut Run, by: &OwnerId, id: &ApprovalId) -> Flow<Stage> {
    Ok(take(run, Some(by), id, Step::Withdraw)?.stage)
}

/// Carries out what was approved and is due, where a crash or an outage came between.
pub(crate) fn carry_out_due(run: &mut Run) -> Result<(), Fault> {
    for approval in run.registry.approvals().due(run.now)? {
        let seed = run.seed.part(&format!("approval {:?}", approval.id));
        carry_out(&mut run.with_seed(&seed), &approval, |_| {})?;
    }
    Ok(())
}

fn carry_out(
    run: &mut Run,
    approval: &Approval,
    gone: impl FnOnce(&OwnerId),
) -> Result<Stage, Fault> {
    let step = match approval.kind {
        ApprovalKind::Erasure => {
            let wallet = approval.wallet;
            match erase::erase(run, wallet, approval.despite_balance, gone) {
                Ok(()) => Step::Finish,
                Err(Stop::Fault(fault)) => return Err(fault),
                // An earlier try has done it: nobody else erases.
                Err(Stop::Denied(_)) if run.registry.erasures().erased_at(wallet)?.is_some() => {
                    Step::Finish
                }
                Err(Stop::Denied(_)) => Step::Fail,
            }
        }
    };
    match take(run, None, &approval.id, step) {
        Ok(ended) => Ok(ended.stage),
        Err(Stop::Fault(fault)) => Err(fault),
        // Somebody was faster, a sweep or a second request.
        Err(Stop::Denied(_)) => Ok(Stage::Done),
    }
}

fn take(run: &mut Run, by: Option<&OwnerId>, id: &ApprovalId, step: Step) -> Flow<Approval> {
    let noted = run.noted();
    let taking = Taking {
        by,
        noted: &noted,
        letters: &[],
    };
    let taken = run.registry.approvals().take(id, step, &taking, run.seed)?;
    Ok(taken.map_err(denied)?)
}

const fn denied(refusal: ApprovalRefusal) -> Denied {
    match refusal {
        ApprovalRefusal::Unknown => Denied::NotFound,
        ApprovalRefusal::Over => Denied::ApprovalOver,
        ApprovalRefusal::OwnProposal => Denied::OwnProposal,
        ApprovalRefusal::NotYours => Denied::NotYourProposal,
        ApprovalRefusal::NotYourRole => Denied::NotYourRole,
        ApprovalRefusal::TooClose => Denied::TooClose,
        ApprovalRefusal::TooEarly => Denied::TooEarly,
    }
}
