//! Tells whoever is listening what happened in a wallet, after it was durable and never before.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mamori_domain::change::Change;

use crate::shard::Committed;
use crate::views::Entry;

/// Something durable that a wallet's owner is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Money moved.
    Entry(Entry),
    /// The owner's switch was turned: on (frozen) or off.
    Frozen(bool),
    /// The card page ended without money.
    TopUpFailed(u64),
}

type Listener = Box<dyn Fn(&Event) -> bool + Send>;

/// The listeners, by wallet.
#[derive(Default)]
pub struct Hub {
    listeners: Mutex<HashMap<u64, Vec<(u64, Listener)>>>,
    count: AtomicUsize,
    next: AtomicU64,
}

/// Ends the listening when dropped.
pub struct Listening {
    hub: Arc<Hub>,
    wallet: u64,
    number: u64,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut listeners = self
            .hub
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(of_wallet) = listeners.get_mut(&self.wallet) {
            let before = of_wallet.len();
            of_wallet.retain(|(number, _)| *number != self.number);
            self.hub
                .count
                .fetch_sub(before - of_wallet.len(), Ordering::Relaxed);
            if of_wallet.is_empty() {
                listeners.remove(&self.wallet);
            }
        }
    }
}

impl Hub {
    /// Calls `listener` with every event of a wallet from now on, on the writer's thread: it must not wait. A listener that
    /// answers false is dropped.
    pub fn listen(
        self: &Arc<Hub>,
        wallet: u64,
        listener: impl Fn(&Event) -> bool + Send + 'static,
    ) -> Listening {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        listeners
            .entry(wallet)
            .or_default()
            .push((number, Box::new(listener)));
        self.count.fetch_add(1, Ordering::Relaxed);
        Listening {
            hub: self.clone(),
            wallet,
            number,
        }
    }

    /// Tells everybody concerned. Costs one load when nobody listens.
    pub fn publish(&self, row: &Committed) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for change in &row.changes {
            let Some(wallet) = wallet_of(change) else {
                continue;
            };
            let Some(of_wallet) = listeners.get_mut(&wallet) else {
                continue;
            };
            let event = match change {
                Change::Frozen { .. } => Event::Frozen(true),
                Change::Unfrozen { .. } => Event::Frozen(false),
                Change::TopUpFailed { top_up, .. } => Event::TopUpFailed(top_up.0),
                other => match Entry::of(other, row.seq, row.at.0) {
                    Some(entry) => Event::Entry(entry),
                    None => continue,
                },
            };
            let before = of_wallet.len();
            of_wallet.retain(|(_, listener)| listener(&event));
            self.count
                .fetch_sub(before - of_wallet.len(), Ordering::Relaxed);
        }
    }
}

fn wallet_of(change: &Change) -> Option<u64> {
    Some(match change {
        Change::Paid(paid) => paid.wallet.0,
        Change::Cancelled { wallet, .. }
        | Change::Refunded { wallet, .. }
        | Change::Held { wallet, .. }
        | Change::Captured { wallet, .. }
        | Change::Released { wallet, .. }
        | Change::TopUpConfirmed { wallet, .. }
        | Change::TopUpFailed { wallet, .. }
        | Change::Credited { wallet, .. }
        | Change::Frozen { wallet }
        | Change::Unfrozen { wallet } => wallet.0,
        _ => return None,
    })
}
