//! How a flow ends when it does not end well.

use std::fmt;

use mamori_datastore::fault::Fault;
use mamori_domain::refusal::Refusal;

use crate::templates::TemplateProblem;

/// A flow that did not reach its end.
#[derive(Debug)]
pub enum Stop {
    /// A normal "no". Nothing that was begun is left pending.
    Denied(Denied),
    /// The world failed, and what was begun may be pending: `reconcile.rs` brings it to its end.
    Fault(Fault),
}

/// The answer of a flow.
pub type Flow<T> = Result<T, Stop>;

/// Every reason of a flow to say no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The ledger's rules say no.
    Refused(Refusal),
    /// There is no such thing, or not any more.
    NotFound,
    /// Another merchant, store of that merchant or till of that store is called so.
    NameTaken,
    /// The API key is unknown, or revoked already.
    ApiKeyNotLive,
    /// The store has as many supervisors as it may.
    TooManySupervisors,
    /// The pairing code is wrong, used or spent; the log tells which.
    PairingCode,
    /// The pairing code was right, for ten minutes.
    PairingCodeExpired,
    /// No SMS are sent to this country.
    CountryNotServed,
    /// The contact got its messages of the hour.
    CodeSentTooOften,
    /// The hour's messages of a country, or by mail, are used up.
    MessagesUsedUp,
    /// Another sign-up with the same contact was faster.
    ContactTaken,
    /// The contact is one of the customer's own, or was until less than 72 hours ago.
    ContactYours,
    /// The contact that was just proven is another customer's.
    ContactElsewhere,
    /// The customer has as many contacts as one may have.
    TooManyContacts,
    /// Without this contact the customer could not be reached.
    LastContact,
    /// The customer changed contacts too often within a day.
    ContactChangesUsedUp,
    /// The secret of a letter is unknown, used or too old; not told apart.
    UndoLink,
    /// The link of a notice is none of ours, was used, or is too old; not told apart.
    NoticeLink,
    /// Without this way the customer would not hear of what touches safety.
    LastWay,
    /// The words of a notice cannot be used.
    Template(TemplateProblem),
    /// The customer had as many notices within the hour as are sent.
    NoticesUsedUp,
    /// Something is still to be proven, or the wait is not over.
    RecoveryNotReady,
    /// The customer has named as many trusted contacts as one may name.
    TooManyTrusted,
    /// The invitation of a trusted contact is unknown, used or too old; not told apart.
    InvitationUnknown,
    /// The invitation is the customer's own, or was accepted before.
    InvitationYours,
    /// The new passkey belongs to another account already.
    CredentialTaken,
    /// The customer has as many passkeys as one may have.
    TooManyPasskeys,
    /// The passkey cannot be removed: no way into the account as strong would be left.
    LastFactor,
    /// Somebody else has linked this account of another provider.
    ExternalIdTaken,
    /// The customer has linked an account of this provider already.
    ExternalIdLinked,
    /// What remains when it is gone opens nothing.
    LastWayIn,
    /// The merchant's link is not one that a live key made for this wallet's owner; the log tells which part of it is wrong.
    LinkInvalid,
    /// The merchant's link was answered before.
    LinkUsed,
    /// Money is left in the wallet, or set aside for a capture.
    WalletNotEmpty,
    /// The same is proposed already, and not decided.
    AlreadyProposed,
    /// The proposal was decided, ended or carried out before, or its time is over.
    ApprovalOver,
    /// Nobody decides what they have proposed themselves.
    OwnProposal,
    /// Nobody withdraws what another one has proposed.
    NotYourProposal,
    /// The operator's role does not allow it.
    NotYourRole,
    /// One of two operators let the other one in, or gave the role, not long ago.
    TooClose,
    /// What was approved still has its delay.
    TooEarly,
    /// The operator is the last admin: nobody could be let in afterwards.
    LastAdmin,
    /// Nobody changes the own role.
    OwnRole,
    /// The role has more than that of the operator who gives it or takes it away.
    MoreThanOwn,
    /// The owner was removed, erased or signed out everywhere while the passkey was shown.
    OwnerGone,
    /// The ledger said no where its rules know no reason to: an error of ours, in the log.
    Unexpected,
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Stop::Fault(fault)
    }
}

impl From<Denied> for Stop {
    fn from(denied: Denied) -> Self {
        Stop::Denied(denied)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Stop::Denied(Denied::Refused(refusal))
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Denied(Denied::Refused(refusal)) => {
                write!(f, "the ledger refused: {}", refusal.code())
            }
            Stop::Denied(denied) => write!(f, "denied: {denied:?}"),
            Stop::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Stop {}
