//! How flows ask the ledger.

use std::collections::HashSet;

use mamori_datastore::fault::Fault;
use mamori_domain::command::{Command, Request};
use mamori_domain::context::Asker;
use mamori_domain::ids::{AuthorizationId, Fingerprint, MerchantId, TillId, WalletId};
use mamori_domain::reply::Outcome;
use mamori_domain::world::Timestamp;
use mamori_engine::Engine;
use mamori_registry::acts::Noted;
use mamori_registry::{MerchantTree, Named, NamedPermission, Registry, Seed};

/// What a flow is run with. On a thread that may wait: each step ends when it is durable.
pub struct Run<'a> {
    /// The ledger.
    pub engine: &'a Engine,
    pub registry: &'a mut Registry,
    /// Who asks, as the journal says it.
    pub asker: Asker,
    /// The instant of all steps.
    pub now: Timestamp,
    /// Chance for all steps; drawn for this run and for no other.
    pub seed: &'a Seed,
}

impl Run<'_> {
    /// The same run with chance of its own, for one of several flows.
    pub fn with_seed<'b>(&'b mut self, seed: &'b Seed) -> Run<'b> {
        Run {
            engine: self.engine,
            registry: &mut *self.registry,
            asker: self.asker,
            now: self.now,
            seed,
        }
    }

    /// Who changes the registry in this run, for the row that says so.
    pub(crate) fn noted(&self) -> Noted {
        Noted {
            asker: self.asker,
            now: self.now,
            id: self.seed.take("registry act"),
        }
    }

    /// Asks the ledger and waits until its answer is durable.
    pub fn ask(&self, command: Command) -> Result<Outcome, Fault> {
        self.engine.ask(Request::command(self.asker, command))
    }
}

/// What the ledger names, as the registry asks for it when it reconciles.
pub struct OfLedger<'a>(pub &'a Engine);

impl Named for OfLedger<'_> {
    fn wallets_of(&mut self, credentials: &[Fingerprint]) -> Result<Vec<Option<WalletId>>, Fault> {
        self.0.wallets_of(credentials)
    }

    fn device_of(&mut self, till: TillId) -> Result<Option<Fingerprint>, Fault> {
        self.0.device_of(till)
    }

    fn merchant_of_key(&mut self, key: Fingerprint) -> Result<Option<MerchantId>, Fault> {
        self.0.merchant_of_key(key)
    }

    fn merchant_tree(&mut self) -> Result<MerchantTree, Fault> {
        let named = self.0.named()?;
        Ok(MerchantTree {
            merchants: named.merchants,
            stores: named.stores,
            tills: named.tills,
        })
    }

    fn are_permissions(&mut self, permissions: &[AuthorizationId]) -> Result<Vec<bool>, Fault> {
        let named = self.0.authorizations(permissions)?;
        Ok(named.iter().map(Option::is_some).collect())
    }

    fn permissions_beyond(
        &mut self,
        known: HashSet<AuthorizationId>,
        wallets: HashSet<WalletId>,
        max: usize,
    ) -> Result<Vec<NamedPermission>, Fault> {
        let found = self.0.authorizations_beyond(known, wallets, max)?;
        let named = found.into_iter().map(|(permission, row)| NamedPermission {
            permission,
            wallet: row.wallet,
            merchant: row.merchant,
        });
        Ok(named.collect())
    }
}
