//! Money that was set aside, as the journal tells of it.

use mamori_domain::ids::{HoldId, MerchantId, StoreId, WalletId};
use mamori_domain::money::Amount;
use mamori_domain::pay::HeldFor;
use mamori_domain::shared::Shared;
use mamori_domain::world::Timestamp;

/// Money that was set aside, and what became of it, as the journal tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRecord {
    /// Its id.
    pub hold: HoldId,
    /// Whose money.
    pub wallet: WalletId,
    /// For whom.
    pub merchant: MerchantId,
    /// Where, if that was said.
    pub store: Option<StoreId>,
    /// What was set aside.
    pub amount: Amount,
    /// When.
    pub at: Timestamp,
    /// From this instant on it cannot be captured.
    pub expires_at: Timestamp,
    /// What it was asked for with; `None` in journals from before it was kept.
    pub held_for: Option<Shared<HeldFor>>,
    /// How it ended; `None` while it stands.
    pub end: Option<HoldEnd>,
}

/// How money that was set aside ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldEnd {
    /// When.
    pub at: Timestamp,
    /// What was taken; `None` if all of it went back.
    pub captured: Option<Amount>,
}
