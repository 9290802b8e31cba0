//! What the book owes an erased person: nothing leaves the wallet any more, and no credential opens it.

use mamori_datastore::fault::Fault;
use mamori_domain::command::{Command, Request};
use mamori_domain::context::Asker;
use mamori_domain::world::Timestamp;
use mamori_registry::{Erasure, Registry};

use crate::book_door::BookDoor;

/// Asks for the commands of an erasure and ends it. Every one may be asked for twice.
pub fn carry_out(
    book: &dyn BookDoor,
    asker: Asker,
    registry: &mut Registry,
    erasure: &Erasure,
    now: Timestamp,
) -> Result<(), Fault> {
    let wallet = erasure.wallet;
    let revocations = erasure
        .credentials
        .iter()
        .map(|credential| Command::RevokeCredential {
            wallet,
            credential: *credential,
        });
    for command in std::iter::once(Command::Freeze { wallet }).chain(revocations) {
        if let Err(refusal) = book.ask_and_wait(Request::command(asker, command))? {
            // An earlier try has revoked it, or the book is older than control: either way there is nothing left to take away.
            tracing::info!(
                refusal = refusal.code(),
                wallet = wallet.0,
                "an erasure had nothing to do in the book"
            );
        }
    }
    registry.erasures().finish(&erasure.person, now)
}
