//! What a crash left between two steps of a flow is brought to its end: whole or nothing, as the ledger says.
//!
//! | when | what |
//! |---|---|
//! | at the first start that knows proofs | every lasting row of the registry is proven, and the ledger remembers it |
//! | at each start, before any request is served | contacts of an older program are proven by their seals; every row whose standing differs from what the ledger names |
//! | every few seconds | sign-ups, passwords, external IDs, API keys, permissions and passkeys that have been on their way for too long; erasures, passwords and external IDs that owe the ledger commands; what two people agreed to and was not carried out |

use std::time::Duration;

use mamori_datastore::fault::Fault;
use mamori_domain::command::{Command, Request};
use mamori_domain::context::{Asker, SystemReason};
use mamori_domain::world::Timestamp;
use mamori_engine::Engine;
use mamori_registry::{Reconciled, Registry, Seed};

use crate::approval;
use crate::erase::carry_out;
use crate::ledger::{OfLedger, Run};
use crate::{external_id, notices, password};

/// How long a sign-up may be on its way before its next step is taken for it.
const ON_ITS_WAY: Duration = Duration::from_secs(120);

/// Settles everything. Run at each start, when no flow is under way.
pub fn at_start(engine: &Engine, registry: &mut Registry) -> Result<Reconciled, Fault> {
    prove_lasting_rows(engine, registry)?;
    registry.contacts().prove_sealed(&mut |rows| {
        if rows > 0 {
            tracing::info!(rows, "contacts are given their proofs");
        }
    })?;
    // Of the moment nothing is asked, and of chance nothing is made: the sign-ups have begun before.
    let (all, seed) = (Timestamp(i64::MAX), Seed::new([0; 32]));
    password::bind_owed(engine, registry, all, all, &seed)?;
    notices::settle(engine, registry, all)?;
    registry.reconcile(&mut OfLedger(engine))
}

/// Gives the registry's lasting rows their proofs, once in the life of a store.
///
/// | step | where it is written | if the program dies behind it |
/// |---|---|---|
/// | every row without a proof gets one | registry, a thousand rows a transaction | the next start gives the rest theirs |
/// | that it was done | ledger | from here on a row without a proof is a forgery |
///
/// Whoever could write into the store before has been believed until then, as in all the time before.
fn prove_lasting_rows(engine: &Engine, registry: &mut Registry) -> Result<(), Fault> {
    if engine.registry_proven_at()?.is_some() {
        return Ok(());
    }
    let rows = registry.prove_lasting(&mut |rows| {
        if rows > 0 {
            tracing::info!(rows, "rows of the registry are given their proofs");
        }
    })?;
    let system = Asker::system(SystemReason::Upkeep);
    let proven = Request::command(system, Command::ProveRegistry { rows });
    match engine.ask(proven)? {
        Ok(_) => Ok(()),
        Err(_) => Err(Fault::broken(
            "the ledger does not take that the registry is proven",
        )),
    }
}

/// Settles what has been on its way for too long, beside flows that are under way.
pub fn sweep(
    engine: &Engine,
    registry: &mut Registry,
    now: Timestamp,
    seed: &Seed,
) -> Result<(), Fault> {
    password::bind_owed(engine, registry, now.minus(ON_ITS_WAY), now, seed)?;
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
    notices::settle(engine, registry, now.minus(ON_ITS_WAY))?;
    approval::carry_out_due(&mut Run {
        engine,
        registry: &mut *registry,
        asker: Asker::system(SystemReason::Reconciliation),
        now,
        seed,
    })?;
    registry.api_keys().settle(&mut OfLedger(engine), now)?;
    registry.permissions().settle(&mut OfLedger(engine), now)?;
    registry.passkeys().settle(&mut OfLedger(engine), now)?;
    registry.passwords().settle(&mut OfLedger(engine), now)?;
    registry.external_ids().settle(&mut OfLedger(engine), now)?;
    external_id::revoke_owed(engine, registry, now, seed)?;
    password::revoke_owed(engine, registry, now, seed)
}
