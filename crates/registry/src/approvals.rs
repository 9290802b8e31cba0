//! What one operator proposes and another one approves. The states and what leads from one to the next stand in [`Stage::after`], and
//! nowhere else.
//!
//! | stage | how it ends |
//! |---|---|
//! | open | approved or declined by another person, withdrawn by its proposer, expired after [`PROPOSAL_LIFE`] |
//! | approved | carried out once its delay is over, each at most once (`approval.rs` of the flows); until then declined, withdrawn, or stopped by the customer whom it is about |
//! | done, declined, withdrawn, stopped, expired, failed | for ever |
//!
//! A proposal never changes but for its stage: who approves it by its id approves what was read. Why it was proposed is sealed with the
//! key of the person that it is about, and goes with that person.

use std::time::Duration;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::Secret;
use mamori_datastore::sql::{Db, Param, Row, Tx};
use mamori_domain::event::Subject;
use mamori_domain::identity::SealedText;
use mamori_domain::ids::WalletId;
use mamori_domain::world::Timestamp;

use crate::acts::{About, Noted, RegistryCommand};
use crate::authentic::{self, APPROVALS};
use crate::factors::OwnerId;
use crate::operators::active_role;
use crate::outbox::{self, Letter, NOTICE_LIFE};
use crate::roles::Permission;
use crate::seed::Seed;
use crate::{
    Numbered, RegistryKeys, at, instant_cell, numbered_cell, opt_instant_cell, wallet_number,
};

/// How long a proposal waits for a second person.
pub const PROPOSAL_LIFE: Duration = Duration::from_secs(72 * 3_600);

/// For how long two operators, one of whom let the other in or gave the role, do not approve each other's proposals. Otherwise whoever
/// may invite would need no second person.
pub const TOO_CLOSE: Duration = Duration::from_secs(72 * 3_600);

/// Ended ones that the list still shows.
const ENDED_SHOWN: i64 = 50;

const BY_ID: &str = "WHERE approval = $1";
const UNDER_WAY: &str = "WHERE status <= 2 ORDER BY made_at, approval";

/// Names a proposal; not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApprovalId(pub [u8; 16]);

/// What can be proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalKind {
    /// A person is erased; carried out with the approval.
    Erasure,
}

impl ApprovalKind {
    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            ApprovalKind::Erasure => "erasure",
        }
    }

    /// Who may approve or decline it.
    pub const fn decided_with(self) -> Permission {
        match self {
            ApprovalKind::Erasure => Permission::DecideErasure,
        }
    }

    /// How long after the approval it is carried out at the earliest.
    pub const fn delay(self) -> Duration {
        match self {
            ApprovalKind::Erasure => Duration::ZERO,
        }
    }

    /// Whether the customer whom it is about may stop it.
    const fn may_be_stopped(self) -> bool {
        match self {
            ApprovalKind::Erasure => false,
        }
    }
}

impl Numbered for ApprovalKind {
    const ALL: &[ApprovalKind] = &[ApprovalKind::Erasure];

    fn as_number(self) -> i64 {
        match self {
            ApprovalKind::Erasure => 1,
        }
    }
}

/// How far a proposal has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Open,
    Approved,
    Done,
    Declined,
    Withdrawn,
    /// By the customer whom it is about.
    Stopped,
    Expired,
    /// What was approved was not possible any more when its time came.
    Failed,
}

impl Numbered for Stage {
    const ALL: &[Stage] = &[
        Stage::Open,
        Stage::Approved,
        Stage::Done,
        Stage::Declined,
        Stage::Withdrawn,
        Stage::Stopped,
        Stage::Expired,
        Stage::Failed,
    ];

    fn as_number(self) -> i64 {
        match self {
            Stage::Open => 1,
            Stage::Approved => 2,
            Stage::Done => 3,
            Stage::Declined => 4,
            Stage::Withdrawn => 5,
            Stage::Stopped => 6,
            Stage::Expired => 7,
            Stage::Failed => 8,
        }
    }
}

/// What is done with a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Approve,
    Decline,
    Withdraw,
    Stop,
    Finish,
    Fail,
}

/// Why a step is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalRefusal {
    /// There is no such proposal.
    Unknown,
    /// It was decided, ended or carried out before, or its time is over.
    Over,
    /// Nobody approves or declines what they have proposed themselves.
    OwnProposal,
    /// It is another one's proposal.
    NotYours,
    /// The role has not the permission for this kind.
    NotYourRole,
    /// One of the two let the other in, or gave the role, less than [`TOO_CLOSE`] ago.
    TooClose,
    /// Its delay is not over yet.
    TooEarly,
}

/// Why nothing is proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposalRefusal {
    /// The same is proposed already, and not decided.
    Already,
}

impl Stage {
    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Stage::Open => "open",
            Stage::Approved => "approved",
            Stage::Done => "done",
            Stage::Declined => "declined",
            Stage::Withdrawn => "withdrawn",
            Stage::Stopped => "stopped",
            Stage::Expired => "expired",
            Stage::Failed => "failed",
        }
    }

    /// Where a step leads; `is_proposer` says whether it is taken by who proposed it. Whether the role allows it is asked before.
    pub fn after(
        self,
        step: Step,
        kind: ApprovalKind,
        is_proposer: bool,
    ) -> Result<Stage, ApprovalRefusal> {
        match (self, step) {
            (Stage::Open | Stage::Approved, Step::Decline) | (Stage::Open, Step::Approve)
                if is_proposer =>
            {
                Err(ApprovalRefusal::OwnProposal)
            }
            (Stage::Open | Stage::Approved, Step::Withdraw) if !is_proposer => {
                Err(ApprovalRefusal::NotYours)
            }
            (Stage::Open, Step::Approve) => Ok(Stage::Approved),
            (Stage::Open | Stage::Approved, Step::Decline) => Ok(Stage::Declined),
            (Stage::Open | Stage::Approved, Step::Withdraw) => Ok(Stage::Withdrawn),
            (Stage::Open | Stage::Approved, Step::Stop) if kind.may_be_stopped() => {
                Ok(Stage::Stopped)
            }
            (Stage::Approved, Step::Finish) => Ok(Stage::Done),
            (Stage::Approved, Step::Fail) => Ok(Stage::Failed),
            _ => Err(ApprovalRefusal::Over),
        }
    }
}

/// What is proposed.
pub struct NewApproval<'a> {
    pub kind: ApprovalKind,
    pub by: &'a OwnerId,
    /// Whose owner it is about.
    pub wallet: WalletId,
    /// Of an erasure: though money is left.
    pub despite_balance: bool,
    /// Why, sealed with the owner's key.
    pub detail: &'a SealedText,
}

/// A proposal, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub id: ApprovalId,
    pub kind: ApprovalKind,
    pub stage: Stage,
    pub wallet: WalletId,
    pub despite_balance: bool,
    pub detail: SealedText,
    pub by: OwnerId,
    pub made_at: Timestamp,
    /// When it ends by itself, unless it is carried out.
    pub expires_at: Timestamp,
    /// Who approved or declined it.
    pub decided_by: Option<OwnerId>,
    pub decided_at: Option<Timestamp>,
    /// Approved: when it is carried out at the earliest.
    pub due_at: Option<Timestamp>,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
}

impl Approval {
    /// Its stage at this instant: nobody has to write down that a time is over.
    pub fn stage_at(&self, now: Timestamp) -> Stage {
        match self.stage {
            Stage::Open | Stage::Approved if now >= self.expires_at => Stage::Expired,
            stage => stage,
        }
    }

    fn of(row: &Row) -> Approval {
        Approval {
            id: ApprovalId(row.bytes(0)),
            kind: numbered_cell(row, 1),
            stage: numbered_cell(row, 2),
            wallet: WalletId(u64::try_from(row.int(3)).unwrap_or(0)),
            despite_balance: row.int(4) != 0,
            detail: SealedText(row.blob(5).to_vec()),
            by: OwnerId(row.bytes(6)),
            made_at: instant_cell(row, 7),
            expires_at: instant_cell(row, 8),
            decided_by: row.opt_blob(9).map(|_| OwnerId(row.bytes(9))),
            decided_at: opt_instant_cell(row, 10),
            due_at: opt_instant_cell(row, 11),
            ended_at: opt_instant_cell(row, 12),
        }
    }
}

/// Who takes a step, and what is told of it.
pub struct Taking<'a> {
    /// The operator; None for the customer and for the program.
    pub by: Option<&'a OwnerId>,
    pub noted: &'a Noted,
    /// To the customer's contacts.
    pub letters: &'a [Letter],
}

/// Proposals.
pub struct Approvals<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
}

impl Approvals<'_> {
    /// Writes a proposal down, with the row that says who made it and the letters that tell of it.
    pub fn propose(
        &mut self,
        new: &NewApproval,
        letters: &[Letter],
        noted: &Noted,
        seed: &Seed,
    ) -> Result<Result<ApprovalId, ProposalRefusal>, Fault> {
        let (keys, now) = (self.keys, noted.now);
        let (id, number) = (seed.take::<16>("approval"), wallet_number(new.wallet)?);
        self.db.transaction(|tx| {
            let waiting =
                authentic::select_proven(tx, &keys.rows, &APPROVALS, UNDER_WAY, &[], Approval::of)?;
            let is_same = |one: &Approval| {
                one.kind == new.kind
                    && one.wallet == new.wallet
                    && one.stage_at(now) != Stage::Expired
            };
            if waiting.iter().any(is_same) {
                return Ok(Err(ProposalRefusal::Already));
            }
            let cells = [
                ("approval", Param::Blob(&id)),
                ("kind", new.kind.param()),
                ("status", Stage::Open.param()),
                ("wallet", Param::Int(number)),
                (
                    "despite_balance",
                    Param::Int(i64::from(new.despite_balance)),
                ),
                ("detail", Param::Blob(&new.detail.0)),
                ("made_by", Param::Blob(&new.by.0)),
                ("made_at", at(now)),
                ("expires_at", at(now.plus(PROPOSAL_LIFE))),
                ("decided_by", Param::Null),
                ("decided_at", Param::Null),
                ("due_at", Param::Null),
                ("ended_at", Param::Null),
            ];
            authentic::insert(tx, &keys.rows, &APPROVALS, &cells)?;
            let command = match new.kind {
                ApprovalKind::Erasure => RegistryCommand::ProposeErasure,
            };
            noted.write(tx, command, About::Ledger(Subject::Wallet(new.wallet)))?;
            tell(tx, keys, letters, now, seed)?;
            Ok(Ok(ApprovalId(id)))
        })
    }

    /// Those under way, the oldest first, and the newest of those that ended.
    pub fn list(&mut self) -> Result<Vec<Approval>, Fault> {
        let key = &self.keys.rows;
        self.db.snapshot(|tx| {
            let mut all =
                authentic::select_proven(tx, key, &APPROVALS, UNDER_WAY, &[], Approval::of)?;
            all.extend(authentic::select_proven(
                tx,
                key,
                &APPROVALS,
                "WHERE status > 2 ORDER BY ended_at DESC, approval LIMIT $1",
                &[Param::Int(ENDED_SHOWN)],
                Approval::of,
            )?);
            Ok(all)
        })
    }

    /// One of them.
    pub fn find(&mut self, id: &ApprovalId) -> Result<Option<Approval>, Fault> {
        let key = &self.keys.rows;
        self.db.snapshot(|tx| find(tx, key, id))
    }

    /// Those that were approved and are due at this instant, to be carried out by a sweep.
    pub fn due(&mut self, now: Timestamp) -> Result<Vec<Approval>, Fault> {
        let key = &self.keys.rows;
        let mut due = self.db.snapshot(|tx| {
            authentic::select_proven(tx, key, &APPROVALS, UNDER_WAY, &[], Approval::of)
        })?;
        due.retain(|one| {
            one.stage_at(now) == Stage::Approved && one.due_at.is_some_and(|due_at| due_at <= now)
        });
        Ok(due)
    }

    /// Takes a step: the new stage, the row that says who took it, and the letters, in one transaction. Of two who take one at once
    /// the second finds it taken.
    pub fn take(
        &mut self,
        id: &ApprovalId,
        step: Step,
        taking: &Taking,
        seed: &Seed,
    ) -> Result<Result<Approval, ApprovalRefusal>, Fault> {
        let (keys, now) = (self.keys, taking.noted.now);
        self.db.transaction(|tx| {
            let Some(approval) = find(tx, &keys.rows, id)? else {
                return Ok(Err(ApprovalRefusal::Unknown));
            };
            let is_proposer = taking.by == Some(&approval.by);
            let stage = approval.stage_at(now);
            let next = match stage.after(step, approval.kind, is_proposer) {
                Ok(next) => next,
                Err(refusal) => return Ok(Err(refusal)),
            };
            if let (Step::Approve | Step::Decline, Some(by)) = (step, taking.by)
                && let Some(refusal) = may_not_decide(tx, &keys.rows, &approval, by, step, now)?
            {
                return Ok(Err(refusal));
            }
            if step == Step::Finish && approval.due_at.is_none_or(|due_at| now < due_at) {
                return Ok(Err(ApprovalRefusal::TooEarly));
            }
            let mut changed = approval;
            changed.stage = next;
            if let (Step::Approve | Step::Decline, Some(by)) = (step, taking.by) {
                changed.decided_by = Some(*by);
                changed.decided_at = Some(now);
            }
            match next {
                Stage::Approved => {
                    let due_at = now.plus(changed.kind.delay());
                    changed.due_at = Some(due_at);
                    changed.expires_at = due_at.plus(PROPOSAL_LIFE);
                }
                _ => changed.ended_at = Some(now),
            }
            let cells = [
                ("status", changed.stage.param()),
                (
                    "decided_by",
                    changed
                        .decided_by
                        .as_ref()
                        .map_or(Param::Null, |by| Param::Blob(&by.0)),
                ),
                ("decided_at", changed.decided_at.map_or(Param::Null, at)),
                ("due_at", changed.due_at.map_or(Param::Null, at)),
                ("expires_at", at(changed.expires_at)),
                ("ended_at", changed.ended_at.map_or(Param::Null, at)),
            ];
            let named = [Param::Blob(&id.0)];
            authentic::update(tx, &keys.rows, &APPROVALS, BY_ID, &named, &cells)?;
            if let Some(command) = command_of(changed.kind, step) {
                let about = About::Ledger(Subject::Wallet(changed.wallet));
                taking.noted.write(tx, command, about)?;
            }
            tell(tx, keys, taking.letters, now, seed)?;
            Ok(Ok(changed))
        })
    }
}

/// What stands in the list of acts. That an approved act was carried out is said by the act itself.
const fn command_of(kind: ApprovalKind, step: Step) -> Option<RegistryCommand> {
    match (kind, step) {
        (ApprovalKind::Erasure, Step::Approve) => Some(RegistryCommand::ApproveErasure),
        (ApprovalKind::Erasure, Step::Decline) => Some(RegistryCommand::DeclineErasure),
        (ApprovalKind::Erasure, Step::Withdraw) => Some(RegistryCommand::WithdrawErasure),
        (_, Step::Stop | Step::Finish | Step::Fail) => None,
    }
}

fn find(tx: &mut Tx, key: &Secret, id: &ApprovalId) -> Result<Option<Approval>, Fault> {
    let named = [Param::Blob(&id.0)];
    let found = authentic::select(tx, key, &APPROVALS, BY_ID, &named, Approval::of)?;
    Ok(found.into_iter().next())
}

/// Why this operator may not decide this proposal, as the roles stand in this transaction.
fn may_not_decide(
    tx: &mut Tx,
    key: &Secret,
    approval: &Approval,
    by: &OwnerId,
    step: Step,
    now: Timestamp,
) -> Result<Option<ApprovalRefusal>, Fault> {
    let Some(own) = active_role(tx, key, by)? else {
        return Ok(Some(ApprovalRefusal::NotYourRole));
    };
    if !own.role.may(approval.kind.decided_with()) {
        return Ok(Some(ApprovalRefusal::NotYourRole));
    }
    if step == Step::Decline {
        return Ok(None);
    }
    let proposer = active_role(tx, key, &approval.by)?;
    let is_close = |given: &crate::GivenRole, to: &OwnerId| {
        given.by == Some(*to) && given.at.is_some_and(|at| now < at.plus(TOO_CLOSE))
    };
    let too_close =
        is_close(&own, &approval.by) || proposer.is_some_and(|proposer| is_close(&proposer, by));
    Ok(too_close.then_some(ApprovalRefusal::TooClose))
}

fn tell(
    tx: &mut Tx,
    keys: &RegistryKeys,
    letters: &[Letter],
    now: Timestamp,
    seed: &Seed,
) -> Result<(), Fault> {
    for (number, letter) in letters.iter().enumerate() {
        let nonce = seed.take(&format!("approval letter nonce {number}"));
        let (sealing, ends_at) = ((&keys.wrap, nonce), now.plus(NOTICE_LIFE));
        outbox::enqueue_in(tx, sealing, (letter.kind, &letter.content), now, ends_at)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_goes_one_way_and_never_by_its_proposer_alone() {
        use ApprovalRefusal::{NotYours, Over, OwnProposal};
        let kind = ApprovalKind::Erasure;
        for (stage, step, by_proposer, by_another) in [
            (
                Stage::Open,
                Step::Approve,
                Err(OwnProposal),
                Ok(Stage::Approved),
            ),
            (
                Stage::Open,
                Step::Decline,
                Err(OwnProposal),
                Ok(Stage::Declined),
            ),
            (
                Stage::Open,
                Step::Withdraw,
                Ok(Stage::Withdrawn),
                Err(NotYours),
            ),
            (Stage::Open, Step::Finish, Err(Over), Err(Over)),
            (Stage::Approved, Step::Approve, Err(Over), Err(Over)),
            (
                Stage::Approved,
                Step::Decline,
                Err(OwnProposal),
                Ok(Stage::Declined),
            ),
            (
                Stage::Approved,
                Step::Withdraw,
                Ok(Stage::Withdrawn),
                Err(NotYours),
            ),
            (
                Stage::Approved,
                Step::Finish,
                Ok(Stage::Done),
                Ok(Stage::Done),
            ),
            (
                Stage::Approved,
                Step::Fail,
                Ok(Stage::Failed),
                Ok(Stage::Failed),
            ),
        ] {
            assert_eq!(
                stage.after(step, kind, true),
                by_proposer,
                "{stage:?} {step:?}"
            );
            assert_eq!(
                stage.after(step, kind, false),
                by_another,
                "{stage:?} {step:?}"
            );
        }
        let ended = Stage::ALL.iter().skip(2);
        for stage in ended {
            for step in [
                Step::Approve,
                Step::Decline,
                Step::Withdraw,
                Step::Stop,
                Step::Finish,
                Step::Fail,
            ] {
                assert_eq!(
                    stage.after(step, kind, false),
                    Err(Over),
                    "{stage:?} {step:?}"
                );
            }
        }
    }
}
