//! What can be asked of a shard: commands change something, queries (`query.rs`) only read.
//!
//! All that is known of a command stands in one entry of the list of commands ([`Command`]): its number in the journal, its word, its
//! fields, who may ask for it and what others hear, the wallet it acts for, what must be prefetched, and the rule that decides it.

use crate::book::Book;
use crate::book::CoolingReason;
use crate::context::{Actor, ActorKind};
use crate::decision::{Decision, Limits, Prefetched};
use crate::event::Event;
use crate::identity::SealedText;
use crate::ids::{
    AuthorizationId, Fingerprint, HoldId, MerchantId, SessionId, StoreId, TillId, TopUpId, WalletId,
};
use crate::key::RequestKey;
use crate::merchant::{ReversalRule, StoreDetails};
use crate::money::Amount;
use crate::pay::Payer;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::world::Timestamp;
use crate::{fund, identity, lifecycle, merchant, pay};
use minicbor::{Decode, Encode};

pub use crate::fund::CreditKind;
pub use crate::needs::Needs;
pub use crate::pay::{Charge, RefundRequest};
pub use crate::request::{Ask, Request};

macro_rules! commands {
    (
        decided with ($book:ident, $limits:ident, $prefetched:ident, $by:ident, $now:ident);
        $(
            $(#[$doc:meta])*
            $number:literal $word:literal
            $name:ident
            $({ $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? })?
            $(($inner:ident: $inner_type:ty))?
                by [$($asker:ident)+] else $otherwise:ident,
                for $wallet:expr,
                needs $needs:expr,
                decides $decides:expr;
        )*
    ) => {
        /// Everything that can change something.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Command {
            $(
                $(#[$doc])*
                $name $({ $($(#[$field_doc])* $field: $type),* })? $(($inner_type))?,
            )*
        }

        /// The kind of a command, as the journal and the view of acts name it. Numbers are never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
        #[cbor(index_only)]
        pub enum CommandKind {
            /// What the program has to do by itself: a stamp, a takeover, a seal.
            #[n(0)]
            Upkeep,
            $(#[n($number)] $name,)*
        }

        impl CommandKind {
            /// Every kind.
            pub const ALL: [CommandKind; 1 + [$($number),*].len()] =
                [CommandKind::Upkeep, $(CommandKind::$name),*];
            /// The stable word.
            pub const fn word(self) -> &'static str {
                match self {
                    CommandKind::Upkeep => "upkeep",
                    $(CommandKind::$name => $word,)*
                }
            }
            /// The number in views.
            pub const fn number(self) -> i64 {
                match self {
                    CommandKind::Upkeep => 0,
                    $(CommandKind::$name => $number,)*
                }
            }
            /// From the number in views.
            pub fn from_number(number: i64) -> Option<CommandKind> {
                CommandKind::ALL.into_iter().find(|kind| kind.number() == number)
            }
        }

        #[allow(unused_variables)]
        impl Command {
            /// Its kind.
            pub const fn kind(&self) -> CommandKind {
                match self { $(Command::$name { .. } => CommandKind::$name,)* }
            }
            /// May this kind of actor ask for it at all? What the others hear tells them nothing about what they named. Who is not
            /// listed is refused: a new kind of actor may ask for nothing until an entry names it.
            pub const fn may_be_asked_by(&self, kind: ActorKind) -> Result<(), Refusal> {
                match self {
                    $(Command::$name { .. } => match kind {
                        $(ActorKind::$asker)|+ => Ok(()),
                        _ => Err(Refusal::$otherwise),
                    },)*
                }
            }
            /// The wallet that it names as the one it acts for: a customer acts for the wallet of the session alone.
            pub fn wallet(&self) -> Option<WalletId> {
                match self {
                    $(Command::$name $({ $($field),* })? $(($inner))? => $wallet,)*
                }
            }
            /// What the decision needs of the past.
            pub fn needs(&self) -> Needs {
                match self {
                    $(Command::$name $({ $($field),* })? $(($inner))? => $needs,)*
                }
            }
            /// Decides it on the book as it stands.
            pub(crate) fn decide(
                &self,
                $book: &Book,
                $limits: &Limits,
                $prefetched: &Prefetched,
                $by: Actor,
                $now: Timestamp,
            ) -> Decision<Event> {
                match self {
                    $(Command::$name $({ $($field),* })? $(($inner))? => $decides,)*
                }
            }
        }
    };
}

commands! {
    decided with (book, limits, prefetched, by, now);

    1 "open_merchant"
    OpenMerchant
        by [Operator System] else OperatorOnly,
        for None,
        needs Needs::NOTHING,
        decides merchant::open_merchant(book);

    2 "open_store"
    OpenStore { merchant: MerchantId, details: StoreDetails }
        by [Operator System] else OperatorOnly,
        for None,
        needs Needs::NOTHING,
        decides merchant::open_store(book, *merchant, details);

    /// Says anew where a store is and what it sells.
    3 "describe_store"
    DescribeStore { store: StoreId, details: StoreDetails }
        by [Operator System] else OperatorOnly,
        for None,
        needs Needs::NOTHING,
        decides merchant::describe_store(book, *store, details);

    4 "open_till"
    OpenTill { store: StoreId }
        by [Operator System] else OperatorOnly,
        for None,
        needs Needs::NOTHING,
        decides merchant::open_till(book, *store);

    /// Names the device that may speak for a till; `None` takes the right away.
    5 "bind_till"
    BindTill { till: TillId, device: Option<Fingerprint> }
        by [Operator Till System] else OperatorOnly,
        for None,
        needs Needs::NOTHING,
        decides merchant::bind_till(book, *till, *device);

    6 "bind_api_key"
    BindApiKey { key: Fingerprint, merchant: MerchantId }
        by [Operator System] else OperatorOnly,
        for None,
        needs Needs::NOTHING,
        decides merchant::bind_api_key(book, *key, *merchant);

    7 "revoke_api_key"
    RevokeApiKey { key: Fingerprint }
        by [Operator System] else OperatorOnly,
        for None,
        needs Needs::NOTHING,
        decides merchant::revoke_api_key(book, *key);

    8 "open_wallet"
    OpenWallet {
        credential: Fingerprint,
        /// The device that it pays from, from the beginning.
        device: Option<Fingerprint>,
    }
        by [System] else CredentialUnknown,
        for None,
        needs Needs::NOTHING,
        decides identity::open_wallet(book, *credential, *device);

    9 "bind_credential"
    BindCredential { wallet: WalletId, credential: Fingerprint }
        by [Customer Operator System] else WalletUnknown,
        for Some(*wallet),
        needs Needs::NOTHING,
        decides identity::bind_credential(book, *wallet, *credential);

    10 "revoke_credential"
    RevokeCredential { wallet: WalletId, credential: Fingerprint }
        by [Customer Operator System] else WalletUnknown,
        for Some(*wallet),
        needs Needs::NOTHING,
        decides identity::revoke_credential(book, *wallet, *credential);

    11 "freeze"
    Freeze { wallet: WalletId }
        by [Customer Operator System] else WalletUnknown,
        for Some(*wallet),
        needs Needs::NOTHING,
        decides identity::freeze(book, *wallet);

    12 "unfreeze"
    Unfreeze { wallet: WalletId }
        by [Customer Operator System] else WalletUnknown,
        for Some(*wallet),
        needs Needs::NOTHING,
        decides identity::unfreeze(book, *wallet);

    13 "grant_authorization"
    GrantAuthorization { authorization: AuthorizationId, wallet: WalletId, merchant: MerchantId }
        by [Customer System] else WalletUnknown,
        for Some(*wallet),
        needs Needs::NOTHING,
        decides identity::grant(book, *authorization, *wallet, *merchant);

    14 "revoke_authorization"
    RevokeAuthorization { authorization: AuthorizationId }
        by [Customer Operator System] else AuthorizationUnknown,
        for None,
        needs Needs::NOTHING,
        decides identity::revoke_grant(book, by, *authorization);

    /// Makes a fresh code for the wallet. Lives in memory only, and nothing is journaled: the desk makes it ([`pay::at_desk`]).
    15 "issue_code"
    IssueCode { wallet: WalletId }
        by [Customer System] else WalletUnknown,
        for Some(*wallet),
        needs Needs::NOTHING,
        decides pay::refuse_code(book, by, *wallet);

    16 "charge"
    Charge(charge: Charge)
        by [Till Key] else KeyRevoked,
        for None,
        needs Needs::key(RequestKey::payment(charge.merchant, &charge.merchant_payment_id)),
        decides pay::charge(book, limits, prefetched, by, charge, now);

    /// Undoes a payment by the merchant's id for it, whether it has arrived yet or not.
    17 "cancel"
    Cancel { merchant: MerchantId, merchant_payment_id: Box<str> }
        by [Till Key] else KeyRevoked,
        for None,
        needs Needs::key(RequestKey::payment(*merchant, merchant_payment_id)),
        decides pay::cancel(book, prefetched, by, *merchant, merchant_payment_id, now);

    18 "refund"
    Refund(request: RefundRequest)
        by [Till Key] else KeyRevoked,
        for None,
        needs Needs {
            payment: Some(request.payment),
            ..Needs::key(RequestKey::refund(
                request.merchant,
                request.payment,
                &request.merchant_refund_id,
            ))
        },
        decides pay::refund(book, prefetched, by, request, now);

    /// Sets money aside for a later capture.
    19 "hold"
    Hold { charge: Charge, expires_at: Timestamp }
        by [Till Key] else KeyRevoked,
        for None,
        needs Needs::key(RequestKey::payment(charge.merchant, &charge.merchant_payment_id)),
        decides pay::hold(book, limits, prefetched, by, charge, *expires_at, now);

    /// Takes up to the held amount; the rest goes back.
    20 "capture"
    Capture { merchant: MerchantId, hold: HoldId, amount: Amount }
        by [Till Key] else KeyRevoked,
        for None,
        needs Needs::NOTHING,
        decides pay::capture(book, by, *merchant, *hold, *amount, now);

    /// Gives a hold back whole.
    21 "release"
    Release { hold: HoldId }
        by [Till Key Operator System] else HoldUnknown,
        for None,
        needs Needs::NOTHING,
        decides pay::release(book, by, *hold);

    /// Gives back holds that were not captured in time, a page of them: asked again until none is left.
    22 "release_expired"
    ReleaseExpired
        by [System] else HoldUnknown,
        for None,
        needs Needs::NOTHING,
        decides pay::release_expired(book, now);

    23 "start_top_up"
    StartTopUp {
        wallet: WalletId,
        /// The id that the wallet's page gave it.
        idempotency_key: Box<str>,
        amount: Amount,
    }
        by [Customer System] else WalletUnknown,
        for Some(*wallet),
        needs Needs::key(RequestKey::credit(*wallet, idempotency_key)),
        decides fund::start(book, limits, prefetched, by, *wallet, idempotency_key, *amount, now);

    /// The processor confirmed to the server itself, never through a browser.
    24 "confirm_top_up"
    ConfirmTopUp { top_up: TopUpId, amount: Amount }
        by [System] else TopUpUnknown,
        for None,
        needs Needs::top_up(*top_up),
        decides fund::confirm(book, prefetched, *top_up, *amount);

    25 "fail_top_up"
    FailTopUp { top_up: TopUpId, expired: bool }
        by [System] else TopUpUnknown,
        for None,
        needs Needs::top_up(*top_up),
        decides fund::fail(book, prefetched, *top_up, *expired);

    26 "credit"
    Credit {
        wallet: WalletId,
        /// The id that the operator's program gave it.
        idempotency_key: Box<str>,
        amount: Amount,
        kind: CreditKind,
    }
        by [Operator System] else OperatorOnly,
        for Some(*wallet),
        needs Needs::key(RequestKey::credit(*wallet, idempotency_key)),
        decides fund::credit(book, limits, prefetched, *wallet, idempotency_key, *amount, *kind);

    /// Writes an operator's note on a wallet. The text comes sealed: the journal never holds it in clear.
    27 "note_wallet"
    NoteWallet { wallet: WalletId, note: SealedText }
        by [Operator] else OperatorOnly,
        for Some(*wallet),
        needs Needs::NOTHING,
        decides identity::note(book, *wallet, note);

    /// A session is over: the code that it shows pays no more, and it gets no other. Nothing is journaled: a code lives in memory only.
    28 "end_session"
    EndSession { wallet: WalletId, session: SessionId }
        by [Customer Operator System] else WalletUnknown,
        for Some(*wallet),
        needs Needs::NOTHING,
        decides Decision::answer(Ok(Reply::Bound));

    /// The registry's lasting rows carry proofs from now on; so many had none.
    29 "prove_registry"
    ProveRegistry { rows: u64 }
        by [System] else OperatorOnly,
        for None,
        needs Needs::NOTHING,
        decides lifecycle::prove_registry(book, *rows);

    /// Says what a merchant's tills may give back, and what of it without a supervisor.
    30 "set_reversal_rule"
    SetReversalRule { merchant: MerchantId, rule: ReversalRule }
        by [Operator System] else OperatorOnly,
        for None,
        needs Needs::NOTHING,
        decides merchant::set_reversal_rule(book, *merchant, *rule);

    /// Names the device that a wallet pays from; `None` takes the right away.
    31 "bind_device"
    BindDevice { wallet: WalletId, device: Option<Fingerprint> }
        by [Customer Operator System] else WalletUnknown,
        for Some(*wallet),
        needs Needs::NOTHING,
        decides identity::bind_device(book, *wallet, *device, now);

    /// Lets a wallet pay and top up little until an instant, at most thirty days from now. A cooling only ever grows.
    33 "cool_wallet"
    CoolWallet { wallet: WalletId, until: Timestamp, reason: CoolingReason }
        by [Operator System] else OperatorOnly,
        for Some(*wallet),
        needs Needs::NOTHING,
        decides identity::cool(book, *wallet, *until, *reason, now);
}

impl Command {
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
                | Command::CoolWallet { .. }
                | Command::Cancel { .. }
                | Command::Refund(_)
                | Command::RevokeApiKey { .. }
                | Command::RevokeCredential { .. }
                | Command::RevokeAuthorization { .. }
                | Command::BindTill { device: None, .. }
                | Command::BindDevice { device: None, .. }
                | Command::IssueCode { .. }
                | Command::EndSession { .. }
        )
    }
}
