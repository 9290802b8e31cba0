//! Adds and removes the supervisors of a store, and puts away what their tills raised. The ledger knows their ids only as what approved
//! an act: each is one step, in the registry.

use mamori_domain::ids::{StoreId, SupervisorId};
use mamori_registry::{AlarmId, NewSupervisor};

use crate::ledger::Run;
use crate::stop::{Denied, Flow};

/// Adds a supervisor; the PIN is in this answer and nowhere else.
pub fn add(run: &mut Run, store: StoreId, name: &str) -> Flow<NewSupervisor> {
    let (noted, now, seed) = (run.noted(), run.now, run.seed);
    let mut supervisors = run.registry.supervisors().noted(noted);
    let added = supervisors.add(store, name, now, seed)?;
    let added = added.ok_or(Denied::TooManySupervisors)?;
    tracing::info!(store = store.0, "a store got a supervisor");
    Ok(added)
}

/// Takes the right away: the PIN is good for nothing when this returns.
pub fn remove(run: &mut Run, supervisor: SupervisorId) -> Flow<()> {
    let (noted, now) = (run.noted(), run.now);
    if !(run.registry.supervisors().noted(noted)).remove(supervisor, now)? {
        return Err(Denied::NotFound.into());
    }
    tracing::info!("a store lost a supervisor");
    Ok(())
}

/// Somebody has looked at an alarm.
pub fn see_alarm(run: &mut Run, alarm: &AlarmId) -> Flow<()> {
    let (noted, now) = (run.noted(), run.now);
    if !run.registry.alarms().noted(noted).see(alarm, now)? {
        return Err(Denied::NotFound.into());
    }
    Ok(())
}
