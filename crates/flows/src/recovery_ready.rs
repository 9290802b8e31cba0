//! What a customer prepares for the day when the phone is gone: saved codes, and people who may help.
//!
//! | step | where it is written | if the answer is lost |
//! |---|---|---|
//! | ten new codes in place of those before; every contact is told | registry and outbox, in one transaction | made again: those that nobody saw are worth nothing then |
//! | an invitation | registry | made again; the one before runs out in a day |
//! | the other one's yes; the inviter's contacts are told | registry and outbox, in one transaction | accepted already |
//! | one is removed, by either side | the same | gone already |
//!
//! Nothing of this is in the ledger: none of it moves money or signs anybody in.

use mamori_domain::ids::WalletId;
use mamori_registry::{InviteRefusal, OwnerId, RecoveryTold, SavedCode, TrustedId};

use crate::ledger::Run;
use crate::recovery_words;
use crate::stop::{Denied, Flow};

/// Ten new codes; those before are worth nothing.
pub fn make_codes(
    run: &mut Run,
    owner: &OwnerId,
    wallet: WalletId,
    wallet_origin: &str,
) -> Flow<Vec<SavedCode>> {
    let noted = run.noted();
    let words = |told: &RecoveryTold| recovery_words::letter(told, wallet_origin);
    let mut codes = run.registry.recovery_codes();
    let made = codes.make(owner, wallet, &noted, run.seed, &words)?;
    tracing::info!(wallet = wallet.0, "saved codes of recovery were made");
    Ok(made)
}

/// An invitation; answers with the secret of its link.
pub fn invite(run: &mut Run, owner: &OwnerId, wallet: WalletId) -> Flow<[u8; 32]> {
    let noted = run.noted();
    let secret = run.seed.bytes("invitation");
    let mut trusted = run.registry.trusted();
    let invited = trusted.invite(owner, wallet, &secret, &noted, run.seed)?;
    invited.map_err(denied)?;
    Ok(secret)
}

/// Who has invited.
pub fn invited_by(run: &mut Run, secret: &[u8; 32], other: &OwnerId) -> Flow<String> {
    let by = (run.registry.trusted()).invited_by(secret, other, run.now)?;
    let by = by.map_err(denied)?;
    let person = run.registry.people().find(&by)?;
    Ok(person.ok_or(Denied::InvitationUnknown)?.display_name)
}

/// The yes of the other one.
pub fn accept(
    run: &mut Run,
    secret: &[u8; 32],
    other: &OwnerId,
    wallet: WalletId,
    wallet_origin: &str,
) -> Flow<()> {
    let noted = run.noted();
    let words = |told: &RecoveryTold| recovery_words::letter(told, wallet_origin);
    let mut trusted = run.registry.trusted();
    let accepted = trusted.accept(secret, other, wallet, &noted, run.seed, &words)?;
    Ok(accepted.map_err(denied)?)
}

/// Ends what is between two customers, asked by either.
pub fn remove(
    run: &mut Run,
    id: &TrustedId,
    by: &OwnerId,
    wallet: WalletId,
    wallet_origin: &str,
) -> Flow<()> {
    let noted = run.noted();
    let words = |told: &RecoveryTold| recovery_words::letter(told, wallet_origin);
    let mut trusted = run.registry.trusted();
    match trusted.remove(id, by, wallet, &noted, run.seed, &words)? {
        true => Ok(()),
        false => Err(Denied::NotFound.into()),
    }
}

fn denied(refusal: InviteRefusal) -> Denied {
    match refusal {
        InviteRefusal::TooMany => Denied::TooManyTrusted,
        InviteRefusal::Unknown => Denied::InvitationUnknown,
        InviteRefusal::NotYou => Denied::InvitationYours,
    }
}
