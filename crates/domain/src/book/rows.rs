//! What the book keeps a row of: wallets, merchants, tills, permissions, holds, open top-ups.

use super::shelves::Counted;
use crate::fund::{Lot, Lots};
use crate::ids::{EntryId, Fingerprint, IdSpace, MerchantId, StoreId, WalletId};
use crate::merchant::{ReversalRule, StoreDetails};
use crate::money::Amount;
use crate::pay::HeldFor;
use crate::reply::TopUpState;
use crate::shared::Shared;
use crate::world::Timestamp;
use minicbor::{Decode, Encode};

/// May the wallet's owner spend?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum WalletStatus {
    #[n(0)]
    Active,
    #[n(1)]
    Frozen,
}

/// A customer's account. The balance is the sum of its lots.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Wallet {
    #[n(0)]
    pub lots: Lots,
    #[n(1)]
    pub held: Amount,
    #[n(2)]
    pub status: WalletStatus,
    /// Rises whenever something that was shown before must stop working: a freeze, a lost credential.
    #[n(3)]
    pub epoch: u32,
    /// The newest movement, where the history chain begins; zero for none.
    #[n(4)]
    pub last_entry: EntryId,
    /// The sum of its open top-ups: not spendable, but counted against the cap.
    #[n(5)]
    pub pending: Amount,
}

impl Counted for WalletId {
    fn place(self) -> usize {
        // Wallets are counted from one; a zero would be a made-up id and finds an empty place far away.
        (IdSpace::counter(self.0) as usize)
            .wrapping_sub(1)
            .min(1 << 40)
    }
}

impl Wallet {
    /// A wallet that has just come to be.
    pub const EMPTY: Wallet = Wallet {
        lots: Lots::None,
        held: Amount::ZERO,
        status: WalletStatus::Active,
        epoch: 0,
        last_entry: EntryId(0),
        pending: Amount::ZERO,
    };
}

/// A merchant. What it is owed is an account of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Merchant {
    #[n(0)]
    pub opened_at: Timestamp,
    /// Missing while it is the one for merchants who said nothing.
    #[n(1)]
    pub reversals: Option<ReversalRule>,
}

impl Merchant {
    /// What the merchant's tills may give back.
    pub fn reversal_rule(&self) -> ReversalRule {
        self.reversals.unwrap_or(ReversalRule::DEFAULT)
    }
}

/// A store: whose it is, where, and what it sells.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Store {
    #[n(0)]
    pub merchant: MerchantId,
    #[n(1)]
    pub details: StoreDetails,
}

/// The balance of an account that no wallet's row keeps: credit-positive yen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Balance(#[n(0)] pub i64);

/// A till and the device that may speak for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Till {
    #[n(0)]
    pub store: StoreId,
    #[n(1)]
    pub device: Option<Fingerprint>,
}

/// Why a wallet cools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum CoolingReason {
    /// It pays from another device than before, or from none.
    #[n(0)]
    Device,
    /// A card is new to it.
    #[n(1)]
    Card,
    /// Its owner came back by recovery.
    #[n(2)]
    Recovery,
}

/// A wallet that pays and tops up little for a while, and what it has used of that. It stays until the first use after its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Cooling {
    #[n(0)]
    pub until: Timestamp,
    #[n(1)]
    pub reason: CoolingReason,
    #[n(2)]
    pub paid: Amount,
    #[n(3)]
    pub topped_up: Amount,
}

/// A customer's standing permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Authorization {
    #[n(0)]
    pub wallet: WalletId,
    #[n(1)]
    pub merchant: MerchantId,
}

/// Money set aside.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hold {
    #[n(0)]
    pub wallet: WalletId,
    #[n(1)]
    pub merchant: MerchantId,
    #[n(2)]
    pub store: Option<StoreId>,
    #[n(3)]
    pub amount: Amount,
    #[n(4)]
    pub drawn: Vec<Lot>,
    #[n(5)]
    pub expires_at: Timestamp,
    /// Missing for holds from before a capture made a payment.
    #[n(6)]
    pub held_for: Option<Shared<HeldFor>>,
}

/// A top-up that the processor has not answered for yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OpenTopUp {
    #[n(0)]
    pub wallet: WalletId,
    #[n(1)]
    pub amount: Amount,
    #[n(2)]
    pub started_at: Timestamp,
}

/// The counters, and what else is one of a kind. Kept as a row so that it is hashed and checkpointed like all else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Counters {
    #[n(0)]
    pub ids: IdSpace,
    #[n(1)]
    pub next: u64,
    #[n(2)]
    pub wallets: u64,
    #[n(3)]
    pub merchants: u32,
    #[n(4)]
    pub stores: u32,
    #[n(5)]
    pub tills: u32,
    /// The instant of the newest event: time never runs back.
    #[n(6)]
    pub at: Timestamp,
    #[n(7)]
    pub epoch: u64,
    /// When the registry's lasting rows were given their proofs. Missing in stores of a program whose rows carried none.
    #[n(8)]
    pub registry_proven_at: Option<Timestamp>,
}

/// A top-up that is over, kept for a while so that a repeat is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedTopUp {
    pub wallet: WalletId,
    pub amount: Amount,
    pub state: TopUpState,
}
