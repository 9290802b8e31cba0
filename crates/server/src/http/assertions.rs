//! What the ceremonies of `passkeys.rs`, `operators.rs` and `step_up.rs` share: an assertion as it came, the beginning of a
//! ceremony, and the one answer to every credential that is not accepted.

use mamori_flows::sign_in::{Assertion, NotProven};
use mamori_registry::{OwnerId, StoredPasskey};
use serde_json::Value;

use crate::answer::Denial;
use crate::app::App;
use crate::denied::PASSKEY_REFUSED;
use crate::http::session::Browser;
use crate::identity::Purpose;
use crate::relying_party::{Asserted, Asserting, PasskeyProblem, RelyingParty};

/// What a browser says that its authenticator signed, with the challenge that it must answer.
pub(super) struct Shown<'a> {
    party: &'a RelyingParty,
    asserted: Asserted,
    asserting: &'a Asserting,
}

impl<'a> Shown<'a> {
    pub fn read(
        party: &'a RelyingParty,
        credential: &Value,
        asserting: &'a Asserting,
    ) -> Result<Shown<'a>, PasskeyProblem> {
        Ok(Shown {
            party,
            asserted: party.identify(credential)?,
            asserting,
        })
    }
}

impl Assertion for Shown<'_> {
    type Problem = PasskeyProblem;

    fn credential(&self) -> &[u8] {
        self.asserted.credential()
    }

    fn check(
        &self,
        owner: &OwnerId,
        stored: &StoredPasskey,
    ) -> Result<StoredPasskey, PasskeyProblem> {
        self.party
            .finish_assertion(&self.asserted, self.asserting, owner, stored)
    }
}

/// The one answer to whatever is wrong with a passkey.
pub(super) fn not_proven(during: &'static str, why: NotProven<PasskeyProblem>) -> Denial {
    refused(
        during,
        match why {
            NotProven::Unknown | NotProven::NoOwner => PasskeyProblem::OtherOwner,
            NotProven::Counter => PasskeyProblem::Counter,
            NotProven::Wrong(problem) => problem,
        },
    )
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
