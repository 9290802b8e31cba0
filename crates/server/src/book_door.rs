//! What sign-up, sign-in and enrolment ask of the book. The engine stands behind it; tests put a small book here.

use mamori_datastore::fault::Fault;
use mamori_domain::command::Request;
use mamori_domain::ids::{Fingerprint, MerchantId, TillId, WalletId};
use mamori_domain::reply::Outcome;
use mamori_engine::Engine;
use mamori_engine::engine::ReplyTo;
use mamori_registry::{MerchantTree, Named};
use tokio::sync::oneshot;

use crate::mailbox::Mailbox;

/// The book as identity sees it. Every call may wait for durability: worker threads only.
pub trait BookDoor: Send + Sync {
    /// Asks for an act and waits until its answer is durable.
    fn ask_and_wait(&self, request: Request) -> Result<Outcome, Fault>;
    /// Asks for an act without holding a thread; `reply` hears the durable answer.
    fn submit(&self, request: Request, reply: ReplyTo);
    /// The wallet that a credential may act for, as of a durable state.
    fn wallet_of(&self, credential: Fingerprint) -> Result<Option<WalletId>, Fault>;
    /// The same for many credentials at one moment.
    fn wallets_of(&self, credentials: &[Fingerprint]) -> Result<Vec<Option<WalletId>>, Fault>;
    /// The device that may speak for a till, as of a durable state.
    fn device_of(&self, till: TillId) -> Result<Option<Fingerprint>, Fault>;
    /// The merchant that an API key may speak for, as of a durable state.
    fn merchant_of_key(&self, key: Fingerprint) -> Result<Option<MerchantId>, Fault>;
    /// Every merchant, store and till, as of a durable state.
    fn merchant_tree(&self) -> Result<MerchantTree, Fault>;
}

/// Lets control ask the book when it reconciles.
pub struct NamedByBook<'a>(pub &'a dyn BookDoor);

impl Named for NamedByBook<'_> {
    fn wallet_of(&mut self, credential: Fingerprint) -> Result<Option<WalletId>, Fault> {
        self.0.wallet_of(credential)
    }

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
        self.0.merchant_tree()
    }
}

impl dyn BookDoor {
    /// Asks for an act and waits for the durable answer without holding a thread: whatever else is being looked up, the act
    /// stands behind nothing but the writer's queue.
    pub async fn ask(&self, request: Request) -> Result<Outcome, Fault> {
        let (reply, answer) = oneshot::channel();
        let mailbox = Mailbox::of_this_thread();
        let back = move |outcome| match mailbox {
            Some(mailbox) => mailbox.lay_in(reply, outcome),
            None => drop(reply.send(outcome)),
        };
        self.submit(request, Box::new(back));
        answer
            .await
            .unwrap_or_else(|_| Err(Fault::retryable("the engine has stopped")))
    }
}

impl BookDoor for Engine {
    fn ask_and_wait(&self, request: Request) -> Result<Outcome, Fault> {
        Engine::ask(self, request)
    }

    fn submit(&self, request: Request, reply: ReplyTo) {
        Engine::submit(self, request, reply);
    }

    fn wallet_of(&self, credential: Fingerprint) -> Result<Option<WalletId>, Fault> {
        Engine::wallet_of(self, credential)
    }

    fn wallets_of(&self, credentials: &[Fingerprint]) -> Result<Vec<Option<WalletId>>, Fault> {
        Engine::wallets_of(self, credentials)
    }

    fn device_of(&self, till: TillId) -> Result<Option<Fingerprint>, Fault> {
        Engine::device_of(self, till)
    }

    fn merchant_of_key(&self, key: Fingerprint) -> Result<Option<MerchantId>, Fault> {
        Engine::merchant_of_key(self, key)
    }

    fn merchant_tree(&self) -> Result<MerchantTree, Fault> {
        let named = self.named()?;
        Ok(MerchantTree {
            merchants: named.merchants,
            stores: named.stores,
            tills: named.tills,
        })
    }
}
