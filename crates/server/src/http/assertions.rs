//! What the ceremonies of `passkeys.rs`, `operators.rs` and `step_up.rs` share: the check of an assertion, the beginning of a
//! ceremony, and the one answer to every credential that is not accepted.

use mamori_datastore::fault::Fault;
use mamori_domain::world::Timestamp;
use mamori_registry::{OwnerId, Registry, Surface};
use serde_json::Value;

use crate::answer::Denial;
use crate::app::App;
use crate::denied::PASSKEY_REFUSED;
use crate::http::session::Browser;
use crate::identity::Purpose;
use crate::relying_party::{Asserting, PasskeyProblem};

/// Checks an assertion against the key it names, on a worker thread: form, key, owner, signature, counter, standing.
pub(super) fn check_assertion(
    app: &App,
    registry: &mut Registry,
    surface: Surface,
    credential: &Value,
    asserting: &Asserting,
    now: Timestamp,
) -> Result<Result<OwnerId, PasskeyProblem>, Fault> {
    let party = app.identity.party(surface);
    let asserted = match party.identify(credential) {
        Ok(asserted) => asserted,
        Err(problem) => return Ok(Err(problem)),
    };
    let Some((owner, fingerprint, stored)) = registry
        .factors()
        .find_passkey(surface, asserted.credential())?
    else {
        return Ok(Err(PasskeyProblem::OtherOwner));
    };
    let after = match party.finish_assertion(&asserted, asserting, &owner, &stored) {
        Ok(after) => after,
        Err(problem) => return Ok(Err(problem)),
    };
    // Two assertions with one counter: the slower one is the second of two authenticators.
    if !registry.factors().note_assertion(&stored, &after, now)? {
        return Ok(Err(PasskeyProblem::Counter));
    }
    let stands = match surface {
        // A row of the registry that the book does not name is dead.
        Surface::Wallet => {
            let held = registry.people().find(&owner)?.map(|person| person.wallet);
            held.is_some() && held == app.ledger.engine.wallet_of(fingerprint)?
        }
        // An operator who was dismissed holds a key that still signs.
        Surface::Console => registry.operators().name_of(&owner)?.is_some(),
        Surface::Till => false,
    };
    Ok(if stands {
        Ok(owner)
    } else {
        Err(PasskeyProblem::OtherOwner)
    })
}

pub(super) fn begin(
    app: &App,
    handle: [u8; 32],
    browser: &Browser,
    purpose: Purpose,
) -> Result<(), Denial> {
    if app
        .identity
        .ceremonies
        .begin(handle, browser.hash(), purpose, app.outside.now())
    {
        Ok(())
    } else {
        Err(Denial::Busy)
    }
}

/// The reason goes to the log, where a counter that did not rise is a signal of risk; the browser gets the one answer.
pub(super) fn refused(during: &'static str, problem: PasskeyProblem) -> Denial {
    match problem {
        PasskeyProblem::Counter => {
            tracing::warn!(during, ?problem, "risk: a passkey may have been cloned")
        }
        _ => tracing::info!(during, ?problem, "a passkey was refused"),
    }
    PASSKEY_REFUSED.into()
}
