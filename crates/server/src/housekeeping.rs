//! Rows of the registry that are needed no more, holds that no merchant captured, and enrolments, keys and erasures that stopped half way.

use mamori_datastore::fault::Fault;
use mamori_domain::command::{Command, Request};
use mamori_domain::context::{Asker, SystemReason};
use mamori_domain::pay::RELEASES_MAX;
use mamori_domain::reply::Reply;
use mamori_flows::{reconcile, recovery};
use mamori_registry::Registry;

use crate::app::App;

/// Rounds of a few hundred rows in one sweep; what is left waits for the next one.
const ROUNDS_MAX: u32 = 20;

/// One sweep: overdue holds, unfinished enrolments, keys and erasures, old sign-ups, ended sessions, removed contacts, recoveries. Returns the rows removed. It waits for the database and the
/// book, so it belongs on a thread of its own with a connection of its own; every minute or so is often enough.
pub fn sweep(app: &App, registry: &mut Registry) -> Result<u64, Fault> {
    // On a full disk the book takes nothing of the kind; the rest is done all the same.
    let released = release_overdue_holds(app);
    let now = app.outside.now();
    reconcile::sweep(&app.ledger.engine, registry, now, &app.outside.seed())?;
    let mut rows = 0;
    let (engine, seed) = (&app.ledger.engine, app.outside.seed());
    rows += {
        let (origin, sessions) = (&app.identity.wallet_origin, &app.identity.sessions);
        recovery::sweep(engine, registry, now, &seed, origin, &|one| {
            sessions.forget(&one.session);
        })?
    };
    for _ in 0..ROUNDS_MAX {
        let removed = registry.sign_ups().sweep(now)?
            + registry.sessions().sweep(now)?
            + registry.passwords().sweep(now)?
            + registry.contacts().sweep(now)?
            + registry.notices().sweep(now)?;
        rows += removed;
        if removed == 0 {
            break;
        }
    }
    released.map(|()| rows)
}

/// Gives back what no merchant captured in time: until then a customer cannot spend it.
fn release_overdue_holds(app: &App) -> Result<(), Fault> {
    for _ in 0..ROUNDS_MAX {
        let asker = Asker::system(SystemReason::HoldExpiry);
        let release = Request::command(asker, Command::ReleaseExpired);
        match app.ledger.engine.ask(release)? {
            Ok(Reply::ReleasedExpired(RELEASES_MAX..)) => {}
            _ => break,
        }
    }
    Ok(())
}
