//! What a shard answers.

use crate::ids::{EntryId, HoldId, MerchantId, StoreId, TillId, TopUpId, WalletId};
use crate::pay::{Payment, Refund};
use crate::refusal::Refusal;
use crate::world::Timestamp;
use minicbor::{Decode, Encode};

/// A wallet as its owner sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalletView {
    pub wallet: WalletId,
    /// Yen that can be spent.
    pub balance: u64,
    /// Yen set aside in holds.
    pub held: u64,
    pub frozen: bool,
    /// The newest movement, or zero.
    pub last_entry: EntryId,
}

/// The good answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    MerchantOpened(MerchantId),
    StoreOpened(StoreId),
    TillOpened(TillId),
    WalletOpened(WalletId),
    /// It is so now, whether it was before or not.
    Bound,
    Wallet(WalletView),
    /// The 14 random digits of a code, and when it stops working.
    Code {
        digits: u64,
        expires_at: Timestamp,
    },
    /// A payment as it stands: completed just now, long ago, or undone since.
    Payment(Payment),
    /// A cancel was accepted: the payment is undone, or will be refused should it still arrive.
    CancelAccepted,
    Refund(Box<Refund>),
    Held {
        hold: HoldId,
    },
    Released,
    /// So many holds were given back because their time was over.
    ReleasedExpired(u32),
    TopUp {
        top_up: TopUpId,
        state: TopUpState,
    },
    Credited {
        entry: EntryId,
    },
    /// Nothing was decided for good under the id of this request: it never came, or what it was told left no trace.
    Undecided,
}

/// Where a top-up stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum TopUpState {
    #[n(0)]
    Pending,
    #[n(1)]
    Succeeded,
    #[n(2)]
    Failed,
    #[n(3)]
    Expired,
}

impl TopUpState {
    /// The stable word on pages and in reports.
    pub const fn word(self) -> &'static str {
        match self {
            TopUpState::Pending => "pending",
            TopUpState::Succeeded => "succeeded",
            TopUpState::Failed => "failed",
            TopUpState::Expired => "expired",
        }
    }
}

/// The answer to a request: both sides are normal.
pub type Outcome = Result<Reply, Refusal>;
