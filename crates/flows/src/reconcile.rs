//! What a crash left between two steps of a flow is brought to its end: whole or nothing, as the ledger says.
//!
//! | when | what |
//! |---|---|
//! | at each start, before any request is served | every row whose standing differs from what the ledger names |
//! | every few seconds | sign-ups, API keys and permissions that have been on their way for too long, erasures that owe the ledger commands |

use mamori_datastore::fault::Fault;
use mamori_domain::context::{Asker, SystemReason};
use mamori_domain::world::Timestamp;
use mamori_engine::Engine;
use mamori_registry::{Reconciled, Registry, Seed};

use crate::erase::carry_out;
use crate::ledger::{OfLedger, Run};

/// Settles everything. Run at each start, when no flow is under way.
pub fn at_start(engine: &Engine, registry: &mut Registry) -> Result<Reconciled, Fault> {
    registry.reconcile(&mut OfLedger(engine))
}

/// Settles what has been on its way for too long, beside flows that are under way.
pub fn sweep(
    engine: &Engine,
    registry: &mut Registry,
    now: Timestamp,
    seed: &Seed,
) -> Result<(), Fault> {
    registry
        .people()
        .settle_enrolments(&mut OfLedger(engine), now)?;
    for erasure in registry.erasures().unfinished()? {
        let mut run = Run {
            engine,
            registry: &mut *registry,
            asker: Asker::system(SystemReason::Reconciliation),
            now,
            seed,
        };
        carry_out(&mut run, &erasure)?;
    }
    registry.api_keys().settle(&mut OfLedger(engine), now)?;
    registry.permissions().settle(&mut OfLedger(engine), now)?;
    Ok(())
}
