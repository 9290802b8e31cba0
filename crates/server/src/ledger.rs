//! The ledger as the edge asks it: without holding a thread.

use mamori_datastore::fault::Fault;
use mamori_domain::command::Request;
use mamori_domain::reply::Outcome;
use mamori_engine::Engine;
use tokio::sync::oneshot;

use crate::mailbox::Mailbox;

/// The engine, with answers that come back to the HTTP threads in handfuls.
#[derive(Clone)]
pub struct Ledger {
    /// For threads that may wait, and for reading.
    pub engine: Engine,
}

impl Ledger {
    /// The ledger of this process.
    pub fn new(engine: Engine) -> Ledger {
        engine.hand_out_within(Mailbox::in_one_handful);
        Ledger { engine }
    }

    /// Asks and waits for the durable answer without holding a thread: whatever else is being looked up, the request stands
    /// behind nothing but the writer's queue.
    pub async fn ask(&self, request: Request) -> Result<Outcome, Fault> {
        let (reply, answer) = oneshot::channel();
        let mailbox = Mailbox::of_this_thread();
        let back = move |outcome| match mailbox {
            Some(mailbox) => mailbox.lay_in(reply, outcome),
            None => drop(reply.send(outcome)),
        };
        self.engine.submit(request, Box::new(back));
        answer
            .await
            .unwrap_or_else(|_| Err(Fault::retryable("the engine has stopped")))
    }
}
