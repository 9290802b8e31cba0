//! How answers leave the writer's thread.

use mamori_datastore::fault::Fault;
use mamori_domain::reply::Outcome;

/// Takes the answer to a request, on the writer's thread: it must not wait.
pub type ReplyTo = Box<dyn FnOnce(Result<Outcome, Fault>) + Send>;

/// Runs what hands out the answers of one batch; all that has to be woken for them can be woken once, afterwards.
pub type HandOut = fn(&mut dyn FnMut());
