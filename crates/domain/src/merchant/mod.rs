//! Merchants, their stores and tills, and the keys that speak for them.

mod api_key;
mod details;
mod merchants;
mod reversal_rule;
mod reversals;
mod store;
mod till;

pub use api_key::{ApiKeyBound, ApiKeyRevoked};
pub(crate) use api_key::{bind_api_key, revoke_api_key};
pub use details::{Prefecture, StoreDetails, StoreKind};
pub use merchants::MerchantOpened;
pub(crate) use merchants::open_merchant;
pub use reversal_rule::{ReversalRule, TillReach};
pub use reversals::ReversalRuleSet;
pub(crate) use reversals::set_reversal_rule;
pub use store::{StoreDescribed, StoreOpened};
pub(crate) use store::{describe_store, open_store};
pub use till::{TillBound, TillOpened};
pub(crate) use till::{bind_till, open_till};
