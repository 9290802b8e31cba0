//! Rows of control that nobody needs any more, and enrolments that stopped half way.

use std::sync::{Arc, Weak};
use std::time::Duration;

use mamori_engine::fault::Fault;

use crate::app::App;
use crate::book_door::NamedByBook;

/// How often control is swept.
const EVERY: Duration = Duration::from_secs(300);
/// Rounds of a few hundred rows in one sweep; what is left waits for the next one.
const ROUNDS_MAX: u32 = 20;

/// Sweeps now and then, until the last handle to `app` is gone. Run it as a task of its own.
pub async fn keep(app: Weak<App>) {
    while let Some(app) = app.upgrade() {
        sweep(&app).await;
        drop(app);
        tokio::time::sleep(EVERY).await;
    }
}

/// One sweep: old sign-ups, ended sessions, unfinished enrolments. A failure is logged and waits for the next sweep.
pub async fn sweep(app: &Arc<App>) {
    let (inner, now) = (Arc::clone(app), app.outside.now().0);
    let swept = app.control.ask(move |control| -> Result<u64, Fault> {
        control.settle_enrolments(&mut NamedByBook(&*inner.book), now)?;
        let mut rows = 0;
        for _ in 0..ROUNDS_MAX {
            let removed = control.sweep_sign_ups(now)? + control.sweep_sessions(now)?;
            rows += removed;
            if removed == 0 {
                break;
            }
        }
        Ok(rows)
    });
    match swept.await {
        Ok(Ok(rows)) => tracing::debug!(rows, "control was swept"),
        Ok(Err(fault)) => tracing::warn!(fault = %fault, "control was not swept"),
        Err(_) => tracing::debug!("control was too busy to be swept"),
    }
}
