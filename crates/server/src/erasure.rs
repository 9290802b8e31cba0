//! What the book owes an erased person: nothing leaves the wallet any more, and no credential opens it.

use mamori_datastore::fault::Fault;
use mamori_domain::act::Act;
use mamori_domain::world::Timestamp;
use mamori_registry::{Erasure, Registry};

use crate::book_door::BookDoor;

/// Asks for the acts of an erasure and ends it. Every act may be asked for twice.
pub fn carry_out(
    book: &dyn BookDoor,
    registry: &mut Registry,
    erasure: &Erasure,
    now: Timestamp,
) -> Result<(), Fault> {
    let wallet = erasure.wallet;
    let revocations = erasure
        .credentials
        .iter()
        .map(|credential| Act::RevokeCredential {
            wallet,
            credential: *credential,
        });
    for act in std::iter::once(Act::Freeze { wallet }).chain(revocations) {
        if let Err(refusal) = book.act(act)? {
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
