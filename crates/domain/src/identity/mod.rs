//! Wallets, the credentials that open them, the customer's own switch, and standing permissions.

mod authorization;
mod cooling;
mod credential;
mod device;
mod freeze;
mod note;
mod wallet;

pub use authorization::{AuthorizationGranted, AuthorizationRevoked};
pub(crate) use authorization::{grant, revoke_grant};
pub use cooling::{DEVICE_SECONDS, LONGEST_SECONDS, PAID_MAX, TOPPED_UP_MAX, WalletCooled};
pub(crate) use cooling::{cool, count_paid, count_topped_up, may_pay, may_top_up};
pub use credential::{CredentialBound, CredentialRevoked};
pub(crate) use credential::{bind_credential, revoke_credential};
pub use device::DeviceBound;
pub(crate) use device::{bind_device, pays_from};
pub use freeze::{Frozen, Unfrozen};
pub(crate) use freeze::{freeze, unfreeze};
pub(crate) use note::note;
pub use note::{SealedText, WalletNoted};
pub use wallet::WalletOpened;
pub(crate) use wallet::{may_act_for, open_wallet, view};
