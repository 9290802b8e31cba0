//! An owner shows a passkey: to sign in, or once more for an act that asks for it (a step-up).
//!
//! | step | where it is written | if the answer is lost |
//! |---|---|---|
//! | the passkey's owner may sign in, in this generation | read, before anything is checked | nothing happened |
//! | form, owner and signature are right | nowhere | nothing happened |
//! | counter, backup flags, time and network are noted; of two assertions with one counter, the second is refused | registry | the authenticator counts on: shown again, it is right |
//! | the ledger names the customer's credential, the registry the operator | read | nothing happened |
//! | the session begins (signing in) or gets a new token (step-up) | `session.rs` | shown again |
//! | a wallet that pays from no device yet pays from this one | ledger, `device.rs` | shown again |

use mamori_datastore::fault::Fault;
use mamori_domain::context::{Actor, Asker, Context};
use mamori_registry::{DeviceKey, OwnerId, SessionRow, StoredPasskey, Surface};

use crate::device;
use crate::ledger::Run;
use crate::session::{self, NewSession, SessionOwner, TokenSession};
use crate::stop::{Denied, Flow};

/// What a browser says that an authenticator has signed.
pub trait Assertion {
    /// What can be wrong with it.
    type Problem;
    /// The credential id that it names.
    fn credential(&self) -> &[u8];
    /// Checks it against the key that it names; answers with the key as it is to be stored afterwards.
    fn check(
        &self,
        owner: &OwnerId,
        stored: &StoredPasskey,
    ) -> Result<StoredPasskey, Self::Problem>;
}

/// Why a passkey proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotProven<P> {
    /// There is no key of that id, and what is no key now never becomes one: the browser may forget it.
    Unknown,
    /// Its owner may not sign in (any more), or it is only being made or removed.
    NoOwner,
    /// The counter did not rise.
    Counter,
    /// Form, owner or signature.
    Wrong(P),
}

/// Checks an assertion against the key it names.
pub fn prove<A: Assertion>(
    run: &mut Run,
    surface: Surface,
    assertion: &A,
) -> Result<Result<SessionOwner, NotProven<A::Problem>>, Fault> {
    let found = run
        .registry
        .factors()
        .find_passkey(surface, assertion.credential())?;
    let Some((owner, fingerprint, stored)) = found else {
        let id = assertion.credential();
        let is_unknown = run.registry.factors().is_unknown(surface, id)?;
        return Ok(Err(match is_unknown {
            true => NotProven::Unknown,
            false => NotProven::NoOwner,
        }));
    };
    // Before the check: who is removed while it runs has another generation when the session is stored.
    let Some(generation) = run.registry.sessions().generation(surface, &owner)? else {
        return Ok(Err(NotProven::NoOwner));
    };
    let after = match assertion.check(&owner, &stored) {
        Ok(after) => after,
        Err(problem) => return Ok(Err(NotProven::Wrong(problem))),
    };
    // Two assertions with one counter: the slower one is the second of two authenticators.
    if !run.registry.factors().note_assertion(
        &stored,
        &after,
        run.asker.context.network,
        run.now,
    )? {
        return Ok(Err(NotProven::Counter));
    }
    let wallet = match surface {
        Surface::Wallet => {
            let person = run.registry.people().find(&owner)?;
            let held = person.map(|person| person.wallet);
            // A row of the registry that the ledger does not name is dead.
            if held.is_none() || held != run.engine.wallet_of(fingerprint)? {
                return Ok(Err(NotProven::NoOwner));
            }
            held
        }
        // An operator who was dismissed has no generation, and was refused above.
        Surface::Console => None,
        Surface::Till => return Ok(Err(NotProven::NoOwner)),
    };
    Ok(Ok(SessionOwner {
        owner,
        wallet,
        generation,
        credential: Some(fingerprint),
    }))
}

/// What can be wrong with a sign-in.
pub enum NotSignedIn<P, D> {
    /// The passkey proves nothing.
    NotProven(NotProven<P>),
    /// The caller's own rule: too often, or a challenge that was answered already.
    Denied(D),
}

/// Signs an owner in. `may` is asked once the passkey is proven; `session` says what kind of session begins.
pub fn sign_in<A: Assertion, D>(
    run: &mut Run,
    surface: Surface,
    assertion: &A,
    may: impl FnOnce(&SessionOwner) -> Result<(), D>,
    session: impl FnOnce(SessionOwner) -> NewSession,
) -> Flow<Result<TokenSession, NotSignedIn<A::Problem, D>>> {
    let owner = match prove(run, surface, assertion)? {
        Ok(owner) => owner,
        Err(why) => return Ok(Err(NotSignedIn::NotProven(why))),
    };
    if let Err(denied) = may(&owner) {
        return Ok(Err(NotSignedIn::Denied(denied)));
    }
    let begun = session::begin(run, session(owner))?;
    bind_first_device(run, &begun.row)?;
    Ok(Ok(begun))
}

/// A wallet whose owner has named no device yet pays from the one where a passkey was just shown.
fn bind_first_device(run: &mut Run, row: &SessionRow) -> Flow<()> {
    let (Some(wallet), Some(key)) = (row.wallet, row.device.key) else {
        return Ok(());
    };
    let by = Actor::Customer {
        wallet,
        session: session::journal_id(&row.session),
        credential: row.credential,
        device: Some(key.fingerprint),
    };
    let context = Context {
        by,
        ..run.asker.context
    };
    run.asker = Asker::new(context).with_request(run.asker.request);
    device::bind_first(run, wallet, key.fingerprint)
}

/// The owner of a session shows the passkey once more: the session goes on under a new token, and takes the key of a device that has
/// proven itself, if it had none.
pub fn step_up<A: Assertion>(
    run: &mut Run,
    surface: Surface,
    owner: &OwnerId,
    (token_hash, key): (&[u8; 32], Option<DeviceKey>),
    assertion: &A,
) -> Flow<Result<TokenSession, NotProven<A::Problem>>> {
    match prove(run, surface, assertion)? {
        Ok(shown) if shown.owner == *owner => {
            let renewed = session::renew(run, surface, token_hash, key)?;
            let renewed = renewed.ok_or(Denied::OwnerGone)?;
            bind_first_device(run, &renewed.row)?;
            Ok(Ok(renewed))
        }
        Ok(_) => Ok(Err(NotProven::NoOwner)),
        Err(why) => Ok(Err(why)),
    }
}
