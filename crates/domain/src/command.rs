//! What can be asked of a shard: commands change something, queries (`query.rs`) only read.

use crate::context::Asker;
use crate::ids::{
    AuthorizationId, Fingerprint, HoldId, MerchantId, PaymentId, StoreId, TillId, TopUpId, WalletId,
};
use crate::key::{RequestDigest, RequestKey, Spot};
use crate::merchant::StoreDetails;
use crate::money::Amount;
use crate::pay::{OrderInfo, Payer};
use crate::query::Query;
use crate::world::Timestamp;
use minicbor::{Decode, Encode};

/// A request to take money from a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    pub merchant: MerchantId,
    /// The merchant's id for the payment, 1..=64 of `a-z A-Z 0-9 - _`.
    pub merchant_payment_id: Box<str>,
    pub payer: Payer,
    pub amount: Amount,
    pub store: Option<StoreId>,
    pub till: Option<TillId>,
    pub order: OrderInfo,
}

impl Charge {
    /// What must be equal for a repeat to get the first answer again.
    pub fn digest(&self) -> RequestDigest {
        RequestDigest::of_payment(
            self.merchant,
            self.amount,
            self.payer.as_number(),
            Spot::named(self.store.map(|id| id.0), self.order.store_text.as_deref()),
            Spot::named(
                self.till.map(|id| id.0),
                self.order.terminal_text.as_deref(),
            ),
        )
    }
}

/// A request to give money of a payment back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundRequest {
    pub merchant: MerchantId,
    /// The merchant's id for the refund, 1..=64 of `a-z A-Z 0-9 - _`.
    pub merchant_refund_id: Box<str>,
    pub payment: PaymentId,
    pub amount: Amount,
    pub reason: Option<Box<str>>,
    /// Seconds since 1970 as the merchant said; never part of the digest.
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

/// Everything that can change something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    OpenMerchant,
    OpenStore {
        merchant: MerchantId,
        details: StoreDetails,
    },
    /// Says anew where a store is and what it sells.
    DescribeStore {
        store: StoreId,
        details: StoreDetails,
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
        merchant: MerchantId,
        merchant_payment_id: Box<str>,
    },
    Refund(RefundRequest),
    /// Sets money aside for a later capture.
    Hold {
        charge: Charge,
        expires_at: Timestamp,
    },
    /// Takes up to the held amount; the rest goes back.
    Capture {
        merchant: MerchantId,
        hold: HoldId,
        amount: Amount,
    },
    /// Gives a hold back whole.
    Release {
        hold: HoldId,
    },
    /// Gives back holds that were not captured in time, a page of them: asked again until none is left.
    ReleaseExpired,
    StartTopUp {
        wallet: WalletId,
        /// The id that the wallet's page gave it.
        idempotency_key: Box<str>,
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
        /// The id that the operator's program gave it.
        idempotency_key: Box<str>,
        amount: Amount,
        kind: CreditKind,
    },
}

/// What a decision needs of the past beyond what the book always holds. Memory may have forgotten it: then it is prefetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The first answer under this key, and the payment, refund or top-up it leads to.
    pub key: Option<RequestKey>,
    pub payment: Option<PaymentId>,
    pub top_up: Option<TopUpId>,
}

impl Needs {
    /// Nothing but the book.
    pub const NOTHING: Needs = Needs {
        key: None,
        payment: None,
        top_up: None,
    };
    pub(crate) fn key(key: RequestKey) -> Needs {
        Needs {
            key: Some(key),
            ..Needs::NOTHING
        }
    }
    pub(crate) fn payment(payment: PaymentId) -> Needs {
        Needs {
            payment: Some(payment),
            ..Needs::NOTHING
        }
    }
    pub(crate) fn top_up(top_up: TopUpId) -> Needs {
        Needs {
            top_up: Some(top_up),
            ..Needs::NOTHING
        }
    }
}

macro_rules! command_kinds {
    ($($number:literal $kind:ident $word:literal,)*) => {
        /// The kind of a command, as the journal and the view of acts name it. Numbers are never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
        #[cbor(index_only)]
        pub enum CommandKind {
            $(#[n($number)] $kind,)*
        }
        impl CommandKind {
            /// Every kind, at the place of its number.
            pub const ALL: [CommandKind; [$($number),*].len()] = [$(CommandKind::$kind),*];
            /// The stable word.
            pub const fn word(self) -> &'static str {
                match self { $(CommandKind::$kind => $word,)* }
            }
            /// The number in views.
            pub const fn number(self) -> i64 {
                match self { $(CommandKind::$kind => $number,)* }
            }
            /// From the number in views.
            pub fn from_number(number: i64) -> Option<CommandKind> {
                CommandKind::ALL.into_iter().find(|kind| kind.number() == number)
            }
        }
    };
}

command_kinds! {
    0 Upkeep "upkeep",
    1 OpenMerchant "open_merchant",
    2 OpenStore "open_store",
    3 DescribeStore "describe_store",
    4 OpenTill "open_till",
    5 BindTill "bind_till",
    6 BindApiKey "bind_api_key",
    7 RevokeApiKey "revoke_api_key",
    8 OpenWallet "open_wallet",
    9 BindCredential "bind_credential",
    10 RevokeCredential "revoke_credential",
    11 Freeze "freeze",
    12 Unfreeze "unfreeze",
    13 GrantAuthorization "grant_authorization",
    14 RevokeAuthorization "revoke_authorization",
    15 IssueCode "issue_code",
    16 Charge "charge",
    17 Cancel "cancel",
    18 Refund "refund",
    19 Hold "hold",
    20 Capture "capture",
    21 Release "release",
    22 ReleaseExpired "release_expired",
    23 StartTopUp "start_top_up",
    24 ConfirmTopUp "confirm_top_up",
    25 FailTopUp "fail_top_up",
    26 Credit "credit",
}

impl Command {
    /// Its kind.
    pub const fn kind(&self) -> CommandKind {
        match self {
            Command::OpenMerchant => CommandKind::OpenMerchant,
            Command::OpenStore { .. } => CommandKind::OpenStore,
            Command::DescribeStore { .. } => CommandKind::DescribeStore,
            Command::OpenTill { .. } => CommandKind::OpenTill,
            Command::BindTill { .. } => CommandKind::BindTill,
            Command::BindApiKey { .. } => CommandKind::BindApiKey,
            Command::RevokeApiKey { .. } => CommandKind::RevokeApiKey,
            Command::OpenWallet { .. } => CommandKind::OpenWallet,
            Command::BindCredential { .. } => CommandKind::BindCredential,
            Command::RevokeCredential { .. } => CommandKind::RevokeCredential,
            Command::Freeze { .. } => CommandKind::Freeze,
            Command::Unfreeze { .. } => CommandKind::Unfreeze,
            Command::GrantAuthorization { .. } => CommandKind::GrantAuthorization,
            Command::RevokeAuthorization { .. } => CommandKind::RevokeAuthorization,
            Command::IssueCode { .. } => CommandKind::IssueCode,
            Command::Charge(_) => CommandKind::Charge,
            Command::Cancel { .. } => CommandKind::Cancel,
            Command::Refund(_) => CommandKind::Refund,
            Command::Hold { .. } => CommandKind::Hold,
            Command::Capture { .. } => CommandKind::Capture,
            Command::Release { .. } => CommandKind::Release,
            Command::ReleaseExpired => CommandKind::ReleaseExpired,
            Command::StartTopUp { .. } => CommandKind::StartTopUp,
            Command::ConfirmTopUp { .. } => CommandKind::ConfirmTopUp,
            Command::FailTopUp { .. } => CommandKind::FailTopUp,
            Command::Credit { .. } => CommandKind::Credit,
        }
    }

    /// What the decision needs of the past.
    pub fn needs(&self) -> Needs {
        match self {
            Command::Charge(charge) => Needs::key(RequestKey::payment(
                charge.merchant,
                &charge.merchant_payment_id,
            )),
            Command::Hold { charge, .. } => Needs::key(RequestKey::hold(
                charge.merchant,
                &charge.merchant_payment_id,
            )),
            Command::Cancel {
                merchant,
                merchant_payment_id,
            } => Needs::key(RequestKey::payment(*merchant, merchant_payment_id)),
            Command::Refund(request) => Needs {
                key: Some(RequestKey::refund(
                    request.merchant,
                    request.payment,
                    &request.merchant_refund_id,
                )),
                payment: Some(request.payment),
                top_up: None,
            },
            Command::StartTopUp {
                wallet,
                idempotency_key,
                ..
            }
            | Command::Credit {
                wallet,
                idempotency_key,
                ..
            } => Needs::key(RequestKey::credit(*wallet, idempotency_key)),
            Command::ConfirmTopUp { top_up, .. } | Command::FailTopUp { top_up, .. } => {
                Needs::top_up(*top_up)
            }
            Command::OpenMerchant
            | Command::OpenStore { .. }
            | Command::DescribeStore { .. }
            | Command::OpenTill { .. }
            | Command::BindTill { .. }
            | Command::BindApiKey { .. }
            | Command::RevokeApiKey { .. }
            | Command::OpenWallet { .. }
            | Command::BindCredential { .. }
            | Command::RevokeCredential { .. }
            | Command::Freeze { .. }
            | Command::Unfreeze { .. }
            | Command::GrantAuthorization { .. }
            | Command::RevokeAuthorization { .. }
            | Command::IssueCode { .. }
            | Command::Capture { .. }
            | Command::Release { .. }
            | Command::ReleaseExpired => Needs::NOTHING,
        }
    }

    /// The charge and the digits, if a scanned code pays.
    pub fn scan(&self) -> Option<(&Charge, u64)> {
        match self {
            Command::Charge(charge) | Command::Hold { charge, .. } => match charge.payer {
                Payer::Code(digits) => Some((charge, digits)),
                Payer::Authorization(_) => None,
            },
            _ => None,
        }
    }

    /// Hangs on the seconds of the clock: a code that lives a minute must not live an hour.
    pub fn lives_by_the_clock(&self) -> bool {
        matches!(self, Command::IssueCode { .. }) || self.scan().is_some()
    }

    /// Still journaled when the disk is full, out of the space kept aside: what protects people and gives money back.
    pub const fn allowed_when_disk_full(&self) -> bool {
        matches!(
            self,
            Command::Freeze { .. }
                | Command::Cancel { .. }
                | Command::Refund(_)
                | Command::RevokeApiKey { .. }
                | Command::RevokeCredential { .. }
                | Command::RevokeAuthorization { .. }
                | Command::BindTill { device: None, .. }
                | Command::IssueCode { .. }
        )
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    Command(Command),
    Query(Query),
}

/// A request: who asks, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub asker: Asker,
    pub ask: Ask,
}

impl Request {
    /// A command.
    pub fn command(asker: Asker, command: Command) -> Request {
        Request {
            asker,
            ask: Ask::Command(command),
        }
    }
    /// A query.
    pub fn query(asker: Asker, query: Query) -> Request {
        Request {
            asker,
            ask: Ask::Query(query),
        }
    }
    /// What the answer needs of the past.
    pub fn needs(&self) -> Needs {
        match &self.ask {
            Ask::Command(command) => command.needs(),
            Ask::Query(query) => query.needs(),
        }
    }
}
