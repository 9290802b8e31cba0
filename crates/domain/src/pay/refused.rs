//! A refusal that is final for its id.

use crate::book::Book;
use crate::decision::Decision;
use crate::happening::{Answers, Happening, Notice, Subject, moves_no_money};
use crate::ids::WalletId;
use crate::key::{Answered, IdempotencyRecord, RequestDigest, RequestKey};
use crate::refusal::Refusal;
use minicbor::{Decode, Encode};

/// A refusal of a request that had an id: final for that id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Refused {
    #[n(0)]
    pub key: RequestKey,
    #[n(1)]
    pub digest: RequestDigest,
    #[n(2)]
    pub refusal: Refusal,
}

moves_no_money!(Refused);

impl Answers for Refused {
    fn answers(&self, answer: &mut dyn FnMut(RequestKey, IdempotencyRecord)) {
        answer(
            self.key,
            IdempotencyRecord {
                digest: self.digest,
                answer: Answered::Refused(self.refusal),
            },
        );
    }
}

impl Happening for Refused {
    /// Nothing beside its answer.
    fn apply(&self, _: &mut Book) {}
    fn notice(&self) -> Option<(WalletId, Notice)> {
        None
    }
    fn subject(&self) -> Subject {
        Subject::Shard
    }
}

/// Refuses a request for good.
pub(crate) fn refuse_for_good<E: From<Refused>>(
    key: RequestKey,
    digest: RequestDigest,
    refusal: Refusal,
) -> Decision<E> {
    let refused = Refused {
        key,
        digest,
        refusal,
    };
    Decision {
        outcome: Err(refusal),
        events: vec![refused.into()],
    }
}
