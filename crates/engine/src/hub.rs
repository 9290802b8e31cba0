//! Tells listeners what happened in a wallet, after it was durable and never before.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mamori_domain::event::{Event, Notice};
use mamori_domain::refusal::Refusal;

use crate::journal::batch::Committed;
use crate::views::Entry;

/// Something durable that a wallet's owner is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalletNews {
    Entry(Entry),
    /// The owner's switch was turned: on (frozen) or off.
    Frozen(bool),
    /// A merchant asked for money and got none.
    Refused(RefusedNews),
    /// The card page ended without money.
    TopUpFailed(u64),
    /// Who may act for the wallet, or charge it without a scan, has changed.
    AccessChanged,
}

/// A payment that was refused for what the owner can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedNews {
    pub merchant: u32,
    pub store: Option<u32>,
    /// Yen.
    pub amount: u64,
    /// Microseconds UTC.
    pub at: i64,
    pub refusal: Refusal,
}

type Listener = Box<dyn Fn(&WalletNews) -> bool + Send>;

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
        listener: impl Fn(&WalletNews) -> bool + Send + 'static,
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

    /// Sends each listener the news of its wallet. Costs one atomic load when there is no listener.
    pub fn publish(&self, row: &Committed) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for act in &row.acts {
            for event in &act.events {
                let Some((wallet, notice)) = event.notice() else {
                    continue;
                };
                let Some(of_wallet) = listeners.get_mut(&wallet.0) else {
                    continue;
                };
                let news = news(event, notice, row, act.by.map(|id| id.0));
                let before = of_wallet.len();
                of_wallet.retain(|(_, listener)| listener(&news));
                self.count
                    .fetch_sub(before - of_wallet.len(), Ordering::Relaxed);
            }
        }
    }
}

fn news(event: &Event, notice: Notice, row: &Committed, context: Option<u64>) -> WalletNews {
    match notice {
        Notice::Moved => WalletNews::Entry(
            Entry::of(event, row.seq, row.at.0, context)
                .expect("an event that moved money has a movement"),
        ),
        Notice::Frozen(frozen) => WalletNews::Frozen(frozen),
        Notice::Refused {
            merchant,
            store,
            amount,
            refusal,
        } => WalletNews::Refused(RefusedNews {
            merchant: merchant.0,
            store: store.map(|id| id.0),
            amount: amount.minor(),
            at: row.at.0,
            refusal,
        }),
        Notice::TopUpFailed(top_up) => WalletNews::TopUpFailed(top_up.0),
        Notice::Credential { .. } | Notice::Device { .. } | Notice::Authorization { .. } => {
            WalletNews::AccessChanged
        }
    }
}
