//! Events of the shard itself: what it is for, who owns it, what its book hashed to, what a restore has lost.

use crate::book::Book;
use crate::book::BookHash;
use crate::decision::Decision;
use crate::happening::{Happening, Notice, Subject, answers_no_request, moves_no_money};
use crate::ids::{IdSpace, WalletId};
use crate::reply::Reply;
use minicbor::{Decode, Encode};

/// What a store is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Purpose {
    /// Made by `mamori dev`; `serve` refuses it.
    #[n(0)]
    Development,
    /// Made by `mamori init`.
    #[n(1)]
    Live,
}

/// The shape of the book's rows: what they hold and what `apply` derives into them. It rises whenever the same events would
/// leave rows that encode to other bytes; a seal or checkpoint of another shape says nothing about this program's book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct BookShape(#[n(0)] pub u32);

impl BookShape {
    /// The shape of the book that this program keeps. Zero is the first one, whose seals did not name it; one has accounts as
    /// rows of their own and stores with a place.
    pub const OURS: BookShape = BookShape(1);
}

/// The first event of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Stamped {
    #[n(0)]
    pub purpose: Purpose,
    #[n(1)]
    pub ids: IdSpace,
}

/// A writer took the shard over; the writer before must step down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TakenOver {
    #[n(0)]
    pub epoch: u64,
}

/// The hash of the whole book before this row: what a checkpoint must match to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Sealed {
    #[n(0)]
    pub hash: BookHash,
    /// The shape of the rows that were hashed. Missing in journals of the first shape.
    #[n(1)]
    #[cbor(default)]
    pub shape: BookShape,
}

impl Sealed {
    /// A seal on a book as this program keeps it.
    pub fn ours(hash: BookHash) -> Sealed {
        Sealed {
            hash,
            shape: BookShape::OURS,
        }
    }
    /// The hash, if it speaks of rows as this program keeps them.
    pub fn comparable(&self) -> Option<BookHash> {
        (self.shape == BookShape::OURS).then_some(self.hash)
    }
}

/// A restored backup lost rows that may have been seen outside; ids from here on are of a new incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LossAccepted {
    #[n(0)]
    pub ids: IdSpace,
    /// The highest seq that is known to have existed.
    #[n(1)]
    pub lost_through: u64,
}

/// The lasting rows of the registry were given their proofs. From here on one without is a forgery, and none is given any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RegistryProven {
    /// How many rows had to be proven: none in a store that was made by a program whose rows carry proofs.
    #[n(0)]
    pub rows: u64,
}

moves_no_money!(Stamped, TakenOver, Sealed, LossAccepted, RegistryProven);
answers_no_request!(Stamped, TakenOver, Sealed, LossAccepted, RegistryProven);

/// Events of the shard tell no wallet anything.
macro_rules! about_the_shard {
    () => {
        fn notice(&self) -> Option<(WalletId, Notice)> {
            None
        }
        fn subject(&self) -> Subject {
            Subject::Shard
        }
    };
}

impl Happening for Stamped {
    fn apply(&self, book: &mut Book) {
        book.count(|counters| counters.ids = self.ids);
    }
    about_the_shard!();
}

impl Happening for TakenOver {
    fn apply(&self, book: &mut Book) {
        book.count(|counters| counters.epoch = self.epoch);
    }
    about_the_shard!();
}

impl Happening for Sealed {
    /// Nothing: a replay compares the hash before it applies the event.
    fn apply(&self, _: &mut Book) {}
    about_the_shard!();
}

impl Happening for RegistryProven {
    fn apply(&self, book: &mut Book) {
        let at = book.at();
        book.count(|counters| counters.registry_proven_at = Some(at));
    }
    about_the_shard!();
}

/// Notes that the registry's lasting rows carry proofs: once in the life of a store.
pub(crate) fn prove_registry<E: From<RegistryProven>>(book: &Book, rows: u64) -> Decision<E> {
    match book.registry_proven_at() {
        Some(_) => Decision::answer(Ok(Reply::Bound)),
        None => Decision::done(Reply::Bound, RegistryProven { rows }),
    }
}

impl Happening for LossAccepted {
    fn apply(&self, book: &mut Book) {
        book.count(|counters| counters.ids = self.ids);
    }
    about_the_shard!();
}
