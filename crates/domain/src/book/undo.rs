//! The way back: a batch that did not become durable is taken out again.

use super::IdMap;
use super::{Book, Undo};

impl Book {
    /// Takes back everything since the last [`Book::settle`], newest first: what was not durable never happened.
    pub fn undo(&mut self) {
        while let Some(step) = self.undo.pop() {
            let ledgered = &mut self.ledgered;
            match step {
                Undo::Wallet(id, old) => {
                    let now = self.wallets.set(ledgered, id, old);
                    self.rebalance_trial(id, now.as_ref());
                }
                Undo::Account(id, old) => {
                    let now = self.accounts.set(ledgered, id, old);
                    let yen = |row: Option<super::Balance>| row.map_or(0, |row| row.0);
                    self.trial.shift(id.kind(), yen(old) - yen(now));
                }
                Undo::Merchant(id, old) => drop(self.merchants.set(ledgered, id, old)),
                Undo::Store(id, old) => drop(self.stores.set(ledgered, id, old)),
                Undo::Till(id, old) => drop(self.tills.set(ledgered, id, old)),
                Undo::ApiKey(id, old) => drop(self.api_keys.set(ledgered, id, old)),
                Undo::Credential(id, old) => drop(self.credentials.set(ledgered, id, old)),
                Undo::Device(id, old) => drop(self.devices.set(ledgered, id, old)),
                Undo::Cooling(id, old) => drop(self.coolings.set(ledgered, id, old)),
                Undo::Authorization(id, old) => drop(self.authorizations.set(ledgered, id, old)),
                Undo::Hold(id, old) => drop(self.set_hold(id, old)),
                Undo::TopUp(id, old) => drop(self.set_top_up(id, old)),
                Undo::Payment(id, old) => restore(&mut self.payments, id, old.map(|old| *old)),
                Undo::Refund(id, old) => restore(&mut self.refunds, id, old),
                Undo::Answer(key, old) => restore(&mut self.answers, key, old.map(|old| *old)),
                Undo::ClosedTopUp(id, old) => restore(&mut self.closed_top_ups, id, old),
            }
        }
        if let Some(row) = self.settled_counters.take() {
            self.one.set(&mut self.ledgered, 0, row);
            self.counters = row.unwrap_or(Book::new_counters());
        }
        self.recent.truncate(self.settled_recent);
        assert_eq!(
            self.trial.sum(),
            0,
            "undoing a batch leaves the books balanced"
        );
    }
}

fn restore<K: Eq + std::hash::Hash, V>(map: &mut IdMap<K, V>, key: K, old: Option<V>) {
    match old {
        Some(old) => drop(map.insert(key, old)),
        None => drop(map.remove(&key)),
    }
}
