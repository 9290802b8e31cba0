//! What can be asked of a shard, and what it answers.

use crate::ids::{
    AuthorizationId, EntryId, Fingerprint, HoldId, MerchantId, PaymentId, RefundId, StoreId,
    TillId, TopUpId, WalletId,
};
use crate::key::{Place, Sameness};
use crate::money::Amount;
use crate::paid::{Papers, Payer, Payment, Refund};
use crate::world::Timestamp;
use minicbor::{Decode, Encode};

pub use crate::refusal::Refusal;

/// Who calls for a merchant: proven by the edge, checked against the book once more where money is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A register with an API key.
    Key(Fingerprint),
    /// The till page on an enrolled device.
    Till(TillId, Fingerprint),
}

/// A request to take money from a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    pub caller: Caller,
    pub merchant: MerchantId,
    /// The merchant's id for the payment, 1..=64 of `a-z A-Z 0-9 - _`.
    pub name: Box<str>,
    pub payer: Payer,
    pub amount: Amount,
    pub store: Option<StoreId>,
    pub till: Option<TillId>,
    pub papers: Papers,
}

impl Charge {
    /// What must be equal for a repeat to get the first answer again.
    pub fn sameness(&self) -> Sameness {
        Sameness::of_payment(
            self.merchant,
            self.amount,
            self.payer.as_number(),
            Place::named(self.store.map(|id| id.0), self.papers.store_text.as_deref()),
            Place::named(
                self.till.map(|id| id.0),
                self.papers.terminal_text.as_deref(),
            ),
        )
    }
}

/// A request to give money of a payment back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundRequest {
    pub caller: Caller,
    pub merchant: MerchantId,
    /// The merchant's id for the refund, 1..=64 of `a-z A-Z 0-9 - _`.
    pub name: Box<str>,
    pub payment: PaymentId,
    pub amount: Amount,
    pub reason: Option<Box<str>>,
    /// Seconds since 1970 as the merchant said; never part of sameness.
    pub requested_at: i64,
}

/// Money that does not come from a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum CreditKind {
    #[n(0)]
    Cash,
    #[n(1)]
    Goodwill,
}

/// Everything that can be asked of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    OpenMerchant,
    OpenStore {
        merchant: MerchantId,
    },
    OpenTill {
        store: StoreId,
    },
    /// Names the device that may speak for a till; `None` takes the right away.
    BindTill {
        till: TillId,
        device: Option<Fingerprint>,
    },
    BindApiKey {
        key: Fingerprint,
        merchant: MerchantId,
    },
    RevokeApiKey {
        key: Fingerprint,
    },
    OpenWallet {
        credential: Fingerprint,
    },
    BindCredential {
        wallet: WalletId,
        credential: Fingerprint,
    },
    RevokeCredential {
        wallet: WalletId,
        credential: Fingerprint,
    },
    Freeze {
        wallet: WalletId,
    },
    Unfreeze {
        wallet: WalletId,
    },
    GrantAuthorization {
        authorization: AuthorizationId,
        wallet: WalletId,
        merchant: MerchantId,
    },
    RevokeAuthorization {
        authorization: AuthorizationId,
    },
    /// Makes a fresh code for the wallet. Lives in memory only; nothing is journaled.
    IssueCode {
        wallet: WalletId,
    },
    Charge(Charge),
    /// Undoes a payment by the merchant's id for it, whether it has arrived yet or not.
    Cancel {
        caller: Caller,
        merchant: MerchantId,
        name: Box<str>,
    },
    Refund(RefundRequest),
    /// Sets money aside for a later capture.
    Hold {
        charge: Charge,
        expires_at: Timestamp,
    },
    /// Takes up to the held amount; the rest goes back.
    Capture {
        caller: Caller,
        merchant: MerchantId,
        hold: HoldId,
        amount: Amount,
    },
    /// Gives a hold back whole.
    Release {
        hold: HoldId,
    },
    /// Gives back holds that nobody captured in time, a page of them: asked again until none is left.
    ReleaseExpired,
    StartTopUp {
        wallet: WalletId,
        name: Box<str>,
        amount: Amount,
    },
    /// The processor confirmed to the server itself, never through a browser.
    ConfirmTopUp {
        top_up: TopUpId,
        amount: Amount,
    },
    FailTopUp {
        top_up: TopUpId,
        expired: bool,
    },
    Credit {
        wallet: WalletId,
        name: Box<str>,
        amount: Amount,
        kind: CreditKind,
    },
    /// Reads a wallet, as of a durable state.
    Look {
        wallet: WalletId,
    },
    /// Reads a payment by the merchant's id for it.
    FindPayment {
        caller: Caller,
        merchant: MerchantId,
        name: Box<str>,
    },
    /// Reads a payment by our id for it; only for the merchant it was made with.
    FindPaymentById {
        caller: Caller,
        merchant: MerchantId,
        payment: PaymentId,
    },
    /// Reads a refund by the merchant's id for it and, where given, the payment.
    FindRefund {
        caller: Caller,
        merchant: MerchantId,
        name: Box<str>,
        payment: Option<PaymentId>,
    },
}

/// A wallet as its owner sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalletSight {
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
pub enum Done {
    MerchantOpened(MerchantId),
    StoreOpened(StoreId),
    TillOpened(TillId),
    WalletOpened(WalletId),
    Bound,
    Wallet(WalletSight),
    /// The 14 random digits of a code, and when it stops working.
    Code {
        digits: u64,
        expires_at: Timestamp,
    },
    /// A payment as it stands: completed just now, long ago, or undone since.
    Payment(Box<Payment>),
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

/// The answer to an act: both sides are normal.
pub type Outcome = Result<Done, Refusal>;

/// The ids of refunds that a payment has.
pub type RefundIds = Vec<RefundId>;

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
