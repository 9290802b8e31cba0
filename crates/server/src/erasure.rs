//! What the book owes an erased person: nothing leaves the wallet any more, and no credential opens it.

use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::world::Timestamp;
use mamori_registry::{Control, Erasure};

use crate::book_door::BookDoor;

/// Asks for the acts of an erasure and ends it. Every act may be asked for twice.
pub fn carry_out(
    book: &dyn BookDoor,
    control: &mut Control,
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
    for act in std::iter::once(Command::Freeze { wallet }).chain(revocations) {
        if let Err(refusal) = book.act(act)? {
            // An earlier try has revoked it, or the book is older than control: either way there is nothing left to take away.
            tracing::info!(
                refusal = refusal.code(),
                wallet = wallet.0,
                "an erasure had nothing to do in the book"
            );
        }
    }
    control.finish_erasure(&erasure.person, now)
}
