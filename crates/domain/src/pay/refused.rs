//! A refusal that is final for its id.

use crate::book::Book;
use crate::decision::Decision;
use crate::happening::{Answers, Happening, Notice, Subject, moves_no_money};
use crate::ids::{MerchantId, StoreId, WalletId};
use crate::key::{Answered, IdempotencyRecord, RequestDigest, RequestKey};
use crate::money::Amount;
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
    /// Whose payment it would have been, where that is known and the owner can do something about it. Missing in journals from
    /// before phones were told.
    #[n(3)]
    pub payer: Option<RefusedPayer>,
}

/// The wallet that should have paid, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RefusedPayer {
    #[n(0)]
    pub wallet: WalletId,
    #[n(1)]
    pub merchant: MerchantId,
    #[n(2)]
    pub amount: Amount,
    #[n(3)]
    pub store: Option<StoreId>,
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
        let payer = self.payer?;
        Some((
            payer.wallet,
            Notice::Refused {
                merchant: payer.merchant,
                store: payer.store,
                amount: payer.amount,
                refusal: self.refusal,
            },
        ))
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
    refuse_payer(key, digest, refusal, None)
}

/// The same, and the payer is told.
pub(super) fn refuse_payer<E: From<Refused>>(
    key: RequestKey,
    digest: RequestDigest,
    refusal: Refusal,
    payer: Option<RefusedPayer>,
) -> Decision<E> {
    let refused = Refused {
        key,
        digest,
        refusal,
        payer,
    };
    Decision {
        outcome: Err(refusal),
        events: vec![refused.into()],
    }
}
