//! A browser becomes a till's device, and stops being one.
//!
//! | step of pairing | where it is written | if the answer is lost |
//! |---|---|---|
//! | the pairing code is used up, the device waits | registry, pending | the ledger names another device, or none: the row is dropped |
//! | bind the till to the device | ledger | the ledger names this device: it becomes active |
//! | the device is active, the one before it gone | registry | done already |
//!
//! | step of leaving, by the till itself or by an operator | where it is written | if the answer is lost |
//! |---|---|---|
//! | unbind the till | ledger, first: a name without a row would still be live | asked again: nothing is bound |
//! | the devices of the till are gone | registry | asked again, or by the next start |

use mamori_domain::command::Command;
use mamori_domain::context::Actor;
use mamori_domain::ids::TillId;
use mamori_registry::{Device, PairingRefusal};

use crate::ledger::Run;
use crate::stop::{Denied, Flow};

/// Who speaks when a device is bound and unbound: the till itself, on that device.
pub fn actor(device: &Device) -> Actor {
    Actor::till(device.till, device.fingerprint)
}

/// Makes the device whose cookie will hold `token` the till's. `asker` names the device as it is known after the code is used.
pub fn pair(
    run: &mut Run,
    code: &str,
    token: &[u8; 32],
    asker: impl FnOnce(Actor) -> mamori_domain::context::Asker,
) -> Flow<Device> {
    let begun = run
        .registry
        .devices()
        .begin_pairing(code, token, run.now, run.seed)?;
    let device = begun.map_err(|refusal| {
        tracing::warn!(?refusal, "a pairing code was refused");
        match refusal {
            PairingRefusal::Expired => Denied::PairingCodeExpired,
            PairingRefusal::Wrong | PairingRefusal::Used | PairingRefusal::Spent => {
                Denied::PairingCode
            }
        }
    })?;
    run.asker = asker(actor(&device));
    let bind = Command::BindTill {
        till: device.till,
        device: Some(device.fingerprint),
    };
    if let Err(refusal) = run.ask(bind)? {
        tracing::error!(
            refusal = refusal.code(),
            till = device.till.0,
            "the ledger bound no device"
        );
        run.registry.devices().abandon_pairing(&device)?;
        return Err(Denied::PairingCode.into());
    }
    run.registry.devices().finish_pairing(&device)?;
    tracing::info!(till = device.till.0, "a till was enrolled");
    Ok(device)
}

/// Takes the device with this token hash off its till; None if there is none.
pub fn leave(
    run: &mut Run,
    token_hash: &[u8; 32],
    asker: impl FnOnce(Actor) -> mamori_domain::context::Asker,
) -> Flow<Option<TillId>> {
    let Some(device) = run.registry.devices().find(token_hash)? else {
        return Ok(None);
    };
    run.asker = asker(actor(&device));
    let unbind = Command::BindTill {
        till: device.till,
        device: None,
    };
    if let Err(refusal) = run.ask(unbind)? {
        tracing::warn!(
            refusal = refusal.code(),
            till = device.till.0,
            "the ledger had nothing to unbind"
        );
    }
    run.registry.devices().remove_of(device.till)?;
    tracing::info!(till = device.till.0, "a till left");
    Ok(Some(device.till))
}

/// Takes whatever device a till has off it, for an operator: the tablet is lost, or in the wrong hands. A till without one is left as
/// it is.
pub fn take_off(run: &mut Run, till: TillId) -> Flow<()> {
    run.ask(Command::BindTill { till, device: None })??;
    run.registry.devices().remove_of(till)?;
    tracing::info!(till = till.0, "an operator took a till's device off");
    Ok(())
}
