//! Switches with which a test loses, doubles and re-orders things.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// Everything that can go wrong on purpose. A counter falls with each use; zero means healthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FaultPlan {
    /// Replies that are lost after the work was done.
    pub(crate) drop_next_reply: u32,
    /// Requests that are answered 500 before anything was done.
    pub(crate) fail_next: u32,
    /// Events that are never sent.
    pub(crate) drop_webhooks: u32,
    /// Events that are delivered twice.
    pub(crate) duplicate_webhooks: u32,
    /// Events that are held back until so many have come, and then delivered last first.
    pub(crate) reorder_webhooks: u32,
    /// SMS that are answered 503 and not sent.
    pub(crate) fail_next_sms: u32,
    /// Mails that are answered 451 and not taken.
    pub(crate) fail_next_mail: u32,
    /// Push messages that are answered 429 and not taken.
    pub(crate) fail_next_push: u32,
    /// Milliseconds by which every API reply is late; at most a minute.
    pub(crate) delay_ms: u32,
}

pub(crate) const DELAY_MS_MAX: u32 = 60_000;

/// The plan in force.
#[derive(Default)]
pub(crate) struct Faults(Mutex<FaultPlan>);

impl Faults {
    fn plan(&self) -> MutexGuard<'_, FaultPlan> {
        // The plan is plain numbers: a panic elsewhere cannot have left it half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn current(&self) -> FaultPlan {
        *self.plan()
    }

    pub(crate) fn set(&self, plan: FaultPlan) {
        *self.plan() = FaultPlan {
            delay_ms: plan.delay_ms.min(DELAY_MS_MAX),
            ..plan
        };
    }

    /// Uses up one of a counter; `true` if there was one.
    pub(crate) fn strike(&self, counter: fn(&mut FaultPlan) -> &mut u32) -> bool {
        let mut plan = self.plan();
        let counter = counter(&mut plan);
        let struck = *counter > 0;
        *counter = counter.saturating_sub(1);
        struck
    }
}
