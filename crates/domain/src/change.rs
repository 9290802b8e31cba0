//! What can happen: the only thing the journal holds, and the only thing that moves the book.
//!
//! Numbers of variants and fields are part of the journal's format: they are never reused. A reader that meets an unknown
//! variant stops; it never skips.

use crate::act::{CreditKind, Refusal};
use crate::funding::Lot;
use crate::ids::{
    AuthorizationId, EntryId, Fingerprint, HoldId, IdSpace, MerchantId, PaymentId, RefundId,
    StoreId, TillId, TopUpId, WalletId,
};
use crate::key::{Answered, FirstAnswer, RequestKey, Sameness};
use crate::ledger::{Account, Posting};
use crate::money::Amount;
use crate::paid::{Papers, Payment, PaymentStatus};
use crate::table::BookHash;
use crate::world::Timestamp;
use minicbor::{Decode, Encode};

/// What a store is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Purpose {
    /// Made by `mamori-lab dev`; `serve` refuses it.
    #[n(0)]
    Development,
    /// Made by `mamori init`.
    #[n(1)]
    Live,
}

/// A completed payment.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Paid {
    #[n(0)]
    pub payment: PaymentId,
    #[n(1)]
    pub merchant: MerchantId,
    #[n(2)]
    pub store: Option<StoreId>,
    #[n(3)]
    pub till: Option<TillId>,
    #[n(4)]
    pub wallet: WalletId,
    #[n(5)]
    pub amount: Amount,
    #[n(6)]
    pub sameness: Sameness,
    #[n(7)]
    pub name: Box<str>,
    /// The lots it was paid from: the trace of every yen.
    #[n(8)]
    pub drawn: Vec<Lot>,
    /// The wallet's movement before this one: history is a chain, and needs no index.
    #[n(9)]
    pub previous: EntryId,
    /// The wallet's balance afterwards, checked when it is applied.
    #[n(10)]
    pub balance: u64,
    #[n(11)]
    pub papers: Papers,
    #[n(12)]
    pub authorization: Option<AuthorizationId>,
}

impl Paid {
    /// The payment as it stands right after it.
    pub fn payment(&self, at: Timestamp) -> Payment {
        Payment {
            id: self.payment,
            merchant: self.merchant,
            store: self.store,
            till: self.till,
            wallet: self.wallet,
            amount: self.amount,
            at,
            status: PaymentStatus::Completed,
            cancelled_at: None,
            refunded: Amount::ZERO,
            name: self.name.clone(),
            authorization: self.authorization,
            papers: Box::new(self.papers.clone()),
            refunds: Vec::new(),
            drawn: self.drawn.clone().into_boxed_slice(),
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Change {
    /// The first change of a journal.
    #[n(0)]
    Stamped {
        #[n(0)]
        purpose: Purpose,
        #[n(1)]
        ids: IdSpace,
    },
    #[n(1)]
    MerchantOpened {
        #[n(0)]
        merchant: MerchantId,
    },
    #[n(2)]
    StoreOpened {
        #[n(0)]
        store: StoreId,
        #[n(1)]
        merchant: MerchantId,
    },
    #[n(3)]
    TillOpened {
        #[n(0)]
        till: TillId,
        #[n(1)]
        store: StoreId,
    },
    #[n(4)]
    TillBound {
        #[n(0)]
        till: TillId,
        #[n(1)]
        device: Option<Fingerprint>,
    },
    #[n(5)]
    ApiKeyBound {
        #[n(0)]
        key: Fingerprint,
        #[n(1)]
        merchant: MerchantId,
    },
    #[n(6)]
    ApiKeyRevoked {
        #[n(0)]
        key: Fingerprint,
    },
    #[n(7)]
    WalletOpened {
        #[n(0)]
        wallet: WalletId,
        #[n(1)]
        credential: Fingerprint,
    },
    #[n(8)]
    CredentialBound {
        #[n(0)]
        wallet: WalletId,
        #[n(1)]
        credential: Fingerprint,
    },
    #[n(9)]
    CredentialRevoked {
        #[n(0)]
        wallet: WalletId,
        #[n(1)]
        credential: Fingerprint,
    },
    #[n(10)]
    Frozen {
        #[n(0)]
        wallet: WalletId,
    },
    #[n(11)]
    Unfrozen {
        #[n(0)]
        wallet: WalletId,
    },
    #[n(12)]
    AuthorizationGranted {
        #[n(0)]
        authorization: AuthorizationId,
        #[n(1)]
        wallet: WalletId,
        #[n(2)]
        merchant: MerchantId,
    },
    #[n(13)]
    AuthorizationRevoked {
        #[n(0)]
        authorization: AuthorizationId,
    },
    #[n(14)]
    Paid(#[n(0)] Box<Paid>),
    /// A refusal of a request that had an id: final for that id.
    #[n(15)]
    Refused {
        #[n(0)]
        key: RequestKey,
        #[n(1)]
        sameness: Sameness,
        #[n(2)]
        refusal: Refusal,
    },
    #[n(16)]
    Cancelled {
        #[n(0)]
        entry: RefundId,
        #[n(1)]
        payment: PaymentId,
        #[n(2)]
        wallet: WalletId,
        #[n(3)]
        merchant: MerchantId,
        #[n(4)]
        store: Option<StoreId>,
        #[n(5)]
        amount: Amount,
        #[n(6)]
        previous: EntryId,
        #[n(7)]
        balance: u64,
        /// The lots that the money goes back to. Empty in journals from before it did: then the cancel is its origin.
        #[n(8)]
        #[cbor(default)]
        returned: Vec<Lot>,
    },
    /// The tombstone of a payment that was cancelled before it arrived.
    #[n(17)]
    CancelledBefore {
        #[n(0)]
        key: RequestKey,
        #[n(1)]
        merchant: MerchantId,
        #[n(2)]
        name: Box<str>,
    },
    #[n(18)]
    Refunded {
        #[n(0)]
        refund: RefundId,
        #[n(1)]
        payment: PaymentId,
        #[n(2)]
        wallet: WalletId,
        #[n(3)]
        merchant: MerchantId,
        #[n(4)]
        store: Option<StoreId>,
        #[n(5)]
        amount: Amount,
        #[n(6)]
        sameness: Sameness,
        #[n(7)]
        name: Box<str>,
        #[n(8)]
        reason: Option<Box<str>>,
        #[n(9)]
        requested_at: i64,
        #[n(10)]
        previous: EntryId,
        #[n(11)]
        balance: u64,
        /// The lots that the money goes back to. Empty in journals from before it did: then the refund is its origin.
        #[n(12)]
        #[cbor(default)]
        returned: Vec<Lot>,
    },
    #[n(19)]
    Held {
        #[n(0)]
        hold: HoldId,
        #[n(1)]
        key: RequestKey,
        #[n(2)]
        sameness: Sameness,
        #[n(3)]
        merchant: MerchantId,
        #[n(4)]
        store: Option<StoreId>,
        #[n(5)]
        wallet: WalletId,
        #[n(6)]
        amount: Amount,
        #[n(7)]
        drawn: Vec<Lot>,
        #[n(8)]
        expires_at: Timestamp,
        #[n(9)]
        previous: EntryId,
        #[n(10)]
        balance: u64,
    },
    #[n(20)]
    Captured {
        #[n(0)]
        entry: EntryId,
        #[n(1)]
        hold: HoldId,
        #[n(2)]
        wallet: WalletId,
        #[n(3)]
        merchant: MerchantId,
        #[n(4)]
        store: Option<StoreId>,
        #[n(5)]
        amount: Amount,
        #[n(6)]
        back: Amount,
        #[n(7)]
        previous: EntryId,
        #[n(8)]
        balance: u64,
    },
    #[n(21)]
    Released {
        #[n(0)]
        entry: EntryId,
        #[n(1)]
        hold: HoldId,
        #[n(2)]
        wallet: WalletId,
        #[n(3)]
        merchant: MerchantId,
        #[n(4)]
        amount: Amount,
        #[n(5)]
        previous: EntryId,
        #[n(6)]
        balance: u64,
    },
    #[n(22)]
    TopUpStarted {
        #[n(0)]
        top_up: TopUpId,
        #[n(1)]
        wallet: WalletId,
        #[n(2)]
        amount: Amount,
        #[n(3)]
        key: RequestKey,
        #[n(4)]
        sameness: Sameness,
    },
    #[n(23)]
    TopUpConfirmed {
        #[n(0)]
        entry: EntryId,
        #[n(1)]
        top_up: TopUpId,
        #[n(2)]
        wallet: WalletId,
        #[n(3)]
        amount: Amount,
        #[n(4)]
        previous: EntryId,
        #[n(5)]
        balance: u64,
    },
    #[n(24)]
    TopUpFailed {
        #[n(0)]
        top_up: TopUpId,
        #[n(1)]
        wallet: WalletId,
        #[n(2)]
        expired: bool,
    },
    #[n(25)]
    Credited {
        #[n(0)]
        entry: EntryId,
        #[n(1)]
        wallet: WalletId,
        #[n(2)]
        kind: CreditKind,
        #[n(3)]
        amount: Amount,
        #[n(4)]
        key: RequestKey,
        #[n(5)]
        sameness: Sameness,
        #[n(6)]
        previous: EntryId,
        #[n(7)]
        balance: u64,
    },
    /// A writer took the shard over; whoever wrote before must step down.
    #[n(26)]
    TakenOver {
        #[n(0)]
        epoch: u64,
    },
    /// The hash of the whole book before this row: what a checkpoint must match to be believed.
    #[n(27)]
    Sealed {
        #[n(0)]
        hash: BookHash,
    },
    /// A restored backup lost rows that some outsider may have seen; ids from here on are of a new incarnation.
    #[n(28)]
    LossAccepted {
        #[n(0)]
        ids: IdSpace,
        /// The highest seq that is known to have existed.
        #[n(1)]
        lost_through: u64,
    },
}

impl Change {
    /// The movement of money, if this is one: every balance of the house is the sum of these.
    pub fn postings(&self) -> [Option<Posting>; 2] {
        let one = |debit, credit, amount| [Some(Posting::new(debit, credit, amount)), None];
        match self {
            Change::Paid(paid) => one(
                Account::Wallet(paid.wallet),
                Account::Merchant(paid.merchant),
                paid.amount,
            ),
            Change::Cancelled {
                wallet,
                merchant,
                amount,
                ..
            }
            | Change::Refunded {
                wallet,
                merchant,
                amount,
                ..
            } => one(
                Account::Merchant(*merchant),
                Account::Wallet(*wallet),
                *amount,
            ),
            Change::Held { wallet, amount, .. } => {
                one(Account::Wallet(*wallet), Account::Held(*wallet), *amount)
            }
            Change::Captured {
                wallet,
                merchant,
                amount,
                back,
                ..
            } => [
                Some(Posting::new(
                    Account::Held(*wallet),
                    Account::Merchant(*merchant),
                    *amount,
                )),
                (!back.is_zero())
                    .then(|| Posting::new(Account::Held(*wallet), Account::Wallet(*wallet), *back)),
            ],
            Change::Released { wallet, amount, .. } => {
                one(Account::Held(*wallet), Account::Wallet(*wallet), *amount)
            }
            Change::TopUpConfirmed { wallet, amount, .. } => {
                one(Account::CardClearing, Account::Wallet(*wallet), *amount)
            }
            Change::Credited {
                wallet,
                kind,
                amount,
                ..
            } => {
                let from = match kind {
                    CreditKind::Cash => Account::Cash,
                    CreditKind::Goodwill => Account::Goodwill,
                };
                one(from, Account::Wallet(*wallet), *amount)
            }
            _ => [None, None],
        }
    }
}

impl Change {
    /// The first answers that this change gives, each under its request's key. At most two.
    pub fn answers(&self) -> [Option<(RequestKey, FirstAnswer)>; 2] {
        let one = |key, sameness, answer| [Some((key, FirstAnswer { sameness, answer })), None];
        match self {
            Change::Paid(paid) => one(
                RequestKey::payment(paid.merchant, &paid.name),
                paid.sameness,
                Answered::Payment(paid.payment),
            ),
            Change::Refused {
                key,
                sameness,
                refusal,
            } => one(*key, *sameness, Answered::Refused(*refusal)),
            Change::CancelledBefore { key, .. } => {
                one(*key, Sameness(0), Answered::CancelledBefore)
            }
            Change::Refunded {
                refund,
                payment,
                merchant,
                sameness,
                name,
                ..
            } => {
                let first = FirstAnswer {
                    sameness: *sameness,
                    answer: Answered::Refund(*refund),
                };
                [
                    Some((RequestKey::refund(*merchant, *payment, name), first)),
                    Some((RequestKey::refund_by_name(*merchant, name), first)),
                ]
            }
            Change::Held {
                hold,
                key,
                sameness,
                ..
            } => one(*key, *sameness, Answered::Hold(PaymentId(hold.0))),
            Change::TopUpStarted {
                top_up,
                key,
                sameness,
                ..
            } => one(*key, *sameness, Answered::TopUp(*top_up)),
            Change::Credited {
                entry,
                key,
                sameness,
                ..
            } => one(*key, *sameness, Answered::Credit(*entry)),
            _ => [None, None],
        }
    }
}

impl<C> Encode<C> for RequestKey {
    fn encode<W: minicbor::encode::Write>(
        &self,
        out: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        out.bytes(&self.0.to_be_bytes())?;
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for RequestKey {
    fn decode(
        from: &mut minicbor::Decoder<'b>,
        _: &mut C,
    ) -> Result<Self, minicbor::decode::Error> {
        let bytes: [u8; 16] = from
            .bytes()?
            .try_into()
            .map_err(|_| minicbor::decode::Error::message("expected 16 bytes"))?;
        Ok(RequestKey(u128::from_be_bytes(bytes)))
    }
}
