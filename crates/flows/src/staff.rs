//! What operators change in the registry alone: who may enter the console, and which code pairs a till.
//!
//! | flow | where it is written | if the answer is lost |
//! |---|---|---|
//! | invite an operator | registry: the operator, the link, the row that says who invited | the invitation is listed; its link was shown to no one, and it is withdrawn |
//! | give an operator another role | registry: the role, the row that says who gave it | asked again: it is given already |
//! | remove an operator | registry: operator, passkeys, links and sessions end; the row that says who removed | asked again: there is none any more |
//! | confirm an operator | registry: who came back with a restore may enter; the row that says who confirmed | asked again: confirmed already |
//! | add a passkey of one's own, remove one | registry: the passkey, the sessions that it opened, the row that says so | looked at: it is in the list, or it is not |
//! | call an operator by another name | registry: the name, the row that says who changed it | asked again: it is called so |
//! | make a pairing code | registry: the code, the row that says for which till | asked again: the new code ends the old one |
//!
//! Each is one transaction, so there is nothing to settle after a crash.

use mamori_domain::ids::TillId;
use mamori_registry::{
    AddRefusal, ConfirmRefusal, EndedSession, OwnerId, RemovePasskeyRefusal, RemoveRefusal, Role,
    RoleRefusal, StoredPasskey,
};

use crate::ledger::Run;
use crate::stop::{Denied, Flow};

/// Invites an operator to the console, into a role that has no more than `own`, that of the operator who asks; answers with the secret of the one-time link.
pub fn invite(run: &mut Run, own: Role, name: &str, role: Role) -> Flow<[u8; 32]> {
    if !own.covers(role) {
        return Err(Denied::MoreThanOwn.into());
    }
    let noted = run.noted();
    let mut operators = run.registry.operators().noted(noted);
    Ok(operators.invite(name, role, run.now, run.seed)?)
}

/// Gives another operator another role. It counts from their next request on, in sessions that are open too.
pub fn set_role(run: &mut Run, by: &OwnerId, operator: &OwnerId, role: Role) -> Flow<()> {
    let noted = run.noted();
    let mut operators = run.registry.operators().noted(noted);
    let given = operators.set_role(by, operator, role, run.now)?;
    given.map_err(|refusal| {
        match refusal {
            RoleRefusal::Unknown => Denied::NotFound,
            RoleRefusal::Own => Denied::OwnRole,
            RoleRefusal::MoreThanOwn => Denied::MoreThanOwn,
            RoleRefusal::LastAdmin => Denied::LastAdmin,
        }
        .into()
    })
}

/// Removes an operator, or withdraws an invitation. Their sessions in the registry have ended.
pub fn remove(run: &mut Run, leaving: &OwnerId) -> Flow<()> {
    let noted = run.noted();
    let removed = run.registry.operators().noted(noted).remove(leaving)?;
    removed.map_err(|refusal| {
        match refusal {
            RemoveRefusal::Unknown => Denied::NotFound,
            RemoveRefusal::LastAdmin => Denied::LastAdmin,
        }
        .into()
    })
}

/// Lets an operator who came back with a restore enter again.
pub fn confirm(run: &mut Run, returned: &OwnerId) -> Flow<()> {
    let noted = run.noted();
    let mut operators = run.registry.operators().noted(noted);
    let confirmed = operators.confirm(returned, run.now)?;
    confirmed.map_err(|ConfirmRefusal::Unknown| Denied::NotFound.into())
}

/// Adds a passkey of an operator, who has shown another one for it.
pub fn add_passkey(run: &mut Run, operator: &OwnerId, passkey: &StoredPasskey) -> Flow<()> {
    let (noted, agent) = (run.noted(), run.asker.context.agent);
    let mut operators = run.registry.operators().noted(noted);
    let added = operators.add_passkey(operator, passkey, agent, run.now)?;
    added.map_err(|refusal| {
        match refusal {
            AddRefusal::TooMany => Denied::TooManyPasskeys,
            AddRefusal::CredentialTaken => Denied::CredentialTaken,
            AddRefusal::OwnerGone => Denied::OwnerGone,
        }
        .into()
    })
}

/// Removes a passkey of an operator; the sessions that it opened have ended.
pub fn remove_passkey(run: &mut Run, operator: &OwnerId, id: &[u8]) -> Flow<Vec<EndedSession>> {
    let noted = run.noted();
    let mut operators = run.registry.operators().noted(noted);
    let removed = operators.remove_passkey(operator, id)?;
    removed.map_err(|refusal| {
        match refusal {
            RemovePasskeyRefusal::Unknown => Denied::NotFound,
            RemovePasskeyRefusal::LastFactor => Denied::LastFactor,
        }
        .into()
    })
}

/// Calls an operator by another name.
pub fn name_operator(run: &mut Run, operator: &OwnerId, name: &str) -> Flow<()> {
    let noted = run.noted();
    let mut operators = run.registry.operators().noted(noted);
    if !operators.rename(operator, name)? {
        return Err(Denied::NotFound.into());
    }
    Ok(())
}

/// Makes a pairing code for a till that has a name; earlier ones of that till stop working.
pub fn make_pairing_code(run: &mut Run, till: TillId) -> Flow<String> {
    let tills = run.registry.directory().tills()?;
    if !tills.iter().any(|named| named.till == till) {
        return Err(Denied::NotFound.into());
    }
    let noted = run.noted();
    let mut devices = run.registry.devices().noted(noted);
    Ok(devices.make_pairing_code(till, run.now, run.seed)?)
}
