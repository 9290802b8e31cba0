//! What sign-up, sign-in and enrolment ask of the book. The engine stands behind it; tests put a small book here.

use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::ids::{Fingerprint, MerchantId, TillId, WalletId};
use mamori_domain::reply::Outcome;
use mamori_engine::Engine;
use mamori_engine::engine::ReplyTo;
use mamori_registry::{Named, Places};
use tokio::sync::oneshot;

use crate::mailbox::Mailbox;

/// The book as identity sees it. Every call may wait for durability: worker threads only.
pub trait BookDoor: Send + Sync {
    /// Asks for an act and waits until its answer is durable.
    fn act(&self, act: Command) -> Result<Outcome, Fault>;
    /// Asks for an act without holding a thread; `reply` hears the durable answer.
    fn submit(&self, act: Command, reply: ReplyTo);
    /// The wallet that a credential may act for, as of a durable state.
    fn wallet_of(&self, credential: Fingerprint) -> Result<Option<WalletId>, Fault>;
    /// The same for many credentials at one moment.
    fn wallets_of(&self, credentials: &[Fingerprint]) -> Result<Vec<Option<WalletId>>, Fault>;
    /// The device that may speak for a till, as of a durable state.
    fn device_of(&self, till: TillId) -> Result<Option<Fingerprint>, Fault>;
    /// The merchant that an API key may speak for, as of a durable state.
    fn merchant_of_key(&self, key: Fingerprint) -> Result<Option<MerchantId>, Fault>;
    /// Every merchant, store and till, as of a durable state.
    fn places(&self) -> Result<Places, Fault>;
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

    fn places(&mut self) -> Result<Places, Fault> {
        self.0.places()
    }
}

impl dyn BookDoor {
    /// Asks for an act and waits for the durable answer without holding a thread: whatever else is being looked up, the act
    /// stands behind nothing but the writer's queue.
    pub async fn ask(&self, act: Command) -> Result<Outcome, Fault> {
        let (reply, answer) = oneshot::channel();
        let mailbox = Mailbox::of_this_thread();
        let back = move |outcome| match mailbox {
            Some(mailbox) => mailbox.lay_in(reply, outcome),
            None => drop(reply.send(outcome)),
        };
        self.submit(act, Box::new(back));
        answer
            .await
            .unwrap_or_else(|_| Err(Fault::retryable("the engine has stopped")))
    }
}

impl BookDoor for Engine {
    fn act(&self, act: Command) -> Result<Outcome, Fault> {
        Engine::act(self, act)
    }

    fn submit(&self, act: Command, reply: ReplyTo) {
        Engine::submit(self, act, reply);
    }

    fn wallet_of(&self, credential: Fingerprint) -> Result<Option<WalletId>, Fault> {
        self.peek(move |book| book.credentials.get(&credential).copied())
    }

    fn wallets_of(&self, credentials: &[Fingerprint]) -> Result<Vec<Option<WalletId>>, Fault> {
        let credentials = credentials.to_vec();
        self.peek(move |book| {
            let wallet = |own: &Fingerprint| book.credentials.get(own).copied();
            credentials.iter().map(wallet).collect()
        })
    }

    fn device_of(&self, till: TillId) -> Result<Option<Fingerprint>, Fault> {
        self.peek(move |book| book.tills.get(&till).and_then(|row| row.device))
    }

    fn merchant_of_key(&self, key: Fingerprint) -> Result<Option<MerchantId>, Fault> {
        self.peek(move |book| book.api_keys.get(&key).copied())
    }

    fn places(&self) -> Result<Places, Fault> {
        self.peek(|book| {
            let mut places = Places::default();
            book.merchants.each(|id, _| places.merchants.push(*id));
            book.stores
                .each(|id, merchant| places.stores.push((*id, *merchant)));
            book.tills
                .each(|id, till| places.tills.push((*id, till.store)));
            places
        })
    }
}
