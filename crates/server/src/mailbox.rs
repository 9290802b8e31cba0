//! How answers come back from the writer's thread to the HTTP threads: in handfuls.
//!
//! Waking a task of another thread costs a system call each time. The writer answers a hundred acts in a row, so it lays the
//! answers into the mailbox of the thread that asked and rings once, when all of them lie there; a task of that thread hands them
//! on, and waking a neighbour on one's own thread costs no system call.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use mamori_datastore::fault::Fault;
use mamori_domain::reply::Outcome;
use tokio::sync::{Notify, oneshot};

/// What the engine says to an act.
pub type Answer = Result<Outcome, Fault>;

/// The answers for the tasks of one HTTP thread.
#[derive(Default)]
pub struct Mailbox {
    laid_in: Mutex<Vec<(oneshot::Sender<Answer>, Answer)>>,
    bell: Notify,
}

thread_local! {
    static OWN: RefCell<Option<Arc<Mailbox>>> = const { RefCell::new(None) };
    /// Mailboxes that this thread has laid answers into and not rung yet; `None` where it rings at once.
    static TO_RING: RefCell<Option<Vec<Arc<Mailbox>>>> = const { RefCell::new(None) };
}

impl Mailbox {
    /// Gives the calling thread a mailbox and empties it for as long as the thread's runtime runs. Spawned once, by the thread itself.
    pub async fn serve_this_thread() {
        let mailbox = Arc::new(Mailbox::default());
        OWN.with(|own| *own.borrow_mut() = Some(mailbox.clone()));
        loop {
            mailbox.bell.notified().await;
            let handful = std::mem::take(
                &mut *mailbox
                    .laid_in
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner),
            );
            for (to, answer) in handful {
                // A task that does not wait any more has gone away with its connection.
                let _ = to.send(answer);
            }
        }
    }

    /// The mailbox of the calling thread, if it is an HTTP thread.
    pub fn of_this_thread() -> Option<Arc<Mailbox>> {
        OWN.with(|own| own.borrow().clone())
    }

    /// Runs what lays many answers in, and rings when it is done.
    pub fn in_one_handful(lay_in_all: &mut dyn FnMut()) {
        TO_RING.set(Some(Vec::new()));
        lay_in_all();
        for mailbox in TO_RING.take().into_iter().flatten() {
            mailbox.bell.notify_one();
        }
    }

    /// Lays an answer in; rings only if there was none, because the bell has been rung for the others already, or will be.
    pub fn lay_in(self: &Arc<Self>, to: oneshot::Sender<Answer>, answer: Answer) {
        let mut laid_in = self.laid_in.lock().unwrap_or_else(PoisonError::into_inner);
        let first = laid_in.is_empty();
        laid_in.push((to, answer));
        drop(laid_in);
        if first {
            TO_RING.with_borrow_mut(|to_ring| match to_ring {
                Some(to_ring) => to_ring.push(self.clone()),
                None => self.bell.notify_one(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mamori_domain::refusal::Refusal;

    #[test]
    fn every_answer_arrives_though_the_bell_rings_once_and_last() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            tokio::spawn(Mailbox::serve_this_thread());
            tokio::task::yield_now().await;
            let mailbox = Mailbox::of_this_thread().expect("this thread has one now");
            let (first, first_answer) = oneshot::channel();
            let (second, second_answer) = oneshot::channel();
            let (third, third_answer) = oneshot::channel();
            let writer = std::thread::spawn(move || {
                mailbox.lay_in(first, Ok(Err(Refusal::CodeSpent)));
                let mut rest = Some((second, third));
                Mailbox::in_one_handful(&mut || {
                    let (second, third) = rest.take().expect("once");
                    mailbox.lay_in(second, Ok(Err(Refusal::CodeExpired)));
                    mailbox.lay_in(third, Ok(Err(Refusal::CodeUnknown)));
                });
            });
            assert!(matches!(
                first_answer.await,
                Ok(Ok(Err(Refusal::CodeSpent)))
            ));
            assert!(matches!(
                second_answer.await,
                Ok(Ok(Err(Refusal::CodeExpired)))
            ));
            assert!(matches!(
                third_answer.await,
                Ok(Ok(Err(Refusal::CodeUnknown)))
            ));
            writer.join().unwrap();
        });
    }
}
