//! Who asked, and from where.
//!
//! The journal holds a [`Context`] once, with the first act that was asked in it, and afterwards names it by its
//! [`ContextId`]: a customer's session, a till's device or a merchant's key asks thousands of times and costs nine bytes each.
//! Nothing in a context is personal data in clear: people are ids, the network is a keyed hash of its prefix.

use crate::ids::{Fingerprint, OperatorId, SessionId, SupervisorId, TillId, WalletId};
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

/// Why the program acts by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum SystemReason {
    /// A store is made, a new owner fences the last one, a seal is due.
    #[n(0)]
    Upkeep,
    /// A restore accepted that rows are lost.
    #[n(1)]
    Restore,
    /// A hold was not captured in time.
    #[n(2)]
    HoldExpiry,
    /// The card processor said how a top-up ended.
    #[n(3)]
    CardProcessor,
    /// A flow was cut off by a crash and is brought to its end.
    #[n(4)]
    Reconciliation,
    /// A person signs up who is no customer yet.
    #[n(5)]
    SignUp,
    /// A command line on the server: `mamori init`, development seeds.
    #[n(6)]
    CommandLine,
    /// Somebody with the link of a notice said: this was not me.
    #[n(14)]
    NoticeDenied,
    /// A customer comes back who had lost every way in.
    #[n(11)]
    Recovery = 11,
    /// A recovery is undone with the secret of a letter.
    #[n(12)]
    RecoveryUndone = 12,
}

impl SystemReason {
    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            SystemReason::Upkeep => "upkeep",
            SystemReason::Restore => "restore",
            SystemReason::HoldExpiry => "hold_expiry",
            SystemReason::CardProcessor => "card_processor",
            SystemReason::Reconciliation => "reconciliation",
            SystemReason::SignUp => "sign_up",
            SystemReason::CommandLine => "command_line",
            SystemReason::NoticeDenied => "notice_denied",
            SystemReason::Recovery => "recovery",
            SystemReason::RecoveryUndone => "recovery_undone",
        }
    }
}

/// Who asks for an act. The edge has proven it; where money is decided the rules compare it with the book once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub enum Actor {
    /// A customer, signed in.
    #[n(0)]
    Customer {
        #[n(0)]
        wallet: WalletId,
        #[n(1)]
        session: SessionId,
        /// The credential that opened the session, where that is known.
        #[n(2)]
        credential: Option<Fingerprint>,
        /// The key of the device that has proven itself with this request.
        #[n(3)]
        device: Option<Fingerprint>,
    },
    /// A member of the operator's staff, signed in.
    #[n(1)]
    Operator {
        #[n(0)]
        operator: OperatorId,
        #[n(1)]
        session: SessionId,
    },
    /// The till page on an enrolled device.
    #[n(2)]
    Till {
        #[n(0)]
        till: TillId,
        #[n(1)]
        device: Fingerprint,
        /// The supervisor of the store whose PIN was typed for this very request.
        #[n(2)]
        approved_by: Option<SupervisorId>,
    },
    /// A merchant's program, with an API key.
    #[n(3)]
    Key {
        #[n(0)]
        key: Fingerprint,
    },
    /// The program itself.
    #[n(4)]
    System {
        #[n(0)]
        reason: SystemReason,
    },
}

/// The kind of an [`Actor`], for indexes and reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActorKind {
    Customer,
    Operator,
    Till,
    Key,
    System,
}

impl ActorKind {
    /// Every kind, at the place of its number.
    pub const ALL: [ActorKind; 5] = [
        ActorKind::Customer,
        ActorKind::Operator,
        ActorKind::Till,
        ActorKind::Key,
        ActorKind::System,
    ];
    /// The number in views.
    pub const fn number(self) -> i64 {
        self as i64
    }
    /// From the number in views.
    pub fn from_number(number: i64) -> Option<ActorKind> {
        usize::try_from(number)
            .ok()
            .and_then(|at| ActorKind::ALL.get(at))
            .copied()
    }
    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            ActorKind::Customer => "customer",
            ActorKind::Operator => "operator",
            ActorKind::Till => "till",
            ActorKind::Key => "key",
            ActorKind::System => "system",
        }
    }
}

impl Actor {
    /// The till page on a device, nobody standing beside it.
    pub const fn till(till: TillId, device: Fingerprint) -> Actor {
        Actor::Till {
            till,
            device,
            approved_by: None,
        }
    }
    /// The program itself, with its reason.
    pub const fn system(reason: SystemReason) -> Actor {
        Actor::System { reason }
    }
    /// Its kind.
    pub const fn kind(self) -> ActorKind {
        match self {
            Actor::Customer { .. } => ActorKind::Customer,
            Actor::Operator { .. } => ActorKind::Operator,
            Actor::Till { .. } => ActorKind::Till,
            Actor::Key { .. } => ActorKind::Key,
            Actor::System { .. } => ActorKind::System,
        }
    }
    /// What it is found by in views: the wallet, the operator, the till, the key, the reason.
    pub const fn number(self) -> u128 {
        match self {
            Actor::Customer { wallet, .. } => wallet.0 as u128,
            Actor::Operator { operator, .. } => operator.0,
            Actor::Till { till, .. } => till.0 as u128,
            Actor::Key { key } => key.0,
            Actor::System { reason } => reason as u128,
        }
    }
}

/// How much of a network address its hash covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum PrefixKind {
    /// The first 24 bits of an IPv4 address.
    #[n(0)]
    V4,
    /// The first 48 bits of an IPv6 address.
    #[n(1)]
    V6,
    /// The machine itself.
    #[n(2)]
    Loopback,
}

impl PrefixKind {
    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            PrefixKind::V4 => "ipv4/24",
            PrefixKind::V6 => "ipv6/48",
            PrefixKind::Loopback => "loopback",
        }
    }
}

/// Where on the network a request came from: equal origins are told, an address is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct NetworkOrigin {
    /// 64 bits of a keyed hash of the address's prefix.
    #[n(0)]
    pub hash: u64,
    #[n(1)]
    pub prefix: PrefixKind,
}

macro_rules! agent_families {
    ($($(#[$doc:meta])* $number:literal $family:ident $word:literal,)*) => {
        /// The family of the program that asked, as its `User-Agent` claims: a hint for people, never a reason of a rule.
        /// Versions, systems and models are left out: together they tell people apart.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Encode, Decode)]
        #[cbor(index_only)]
        pub enum AgentFamily { $($(#[$doc])* #[n($number)] $family,)* }

        impl AgentFamily {
            /// Every family.
            pub const ALL: [AgentFamily; [$($number),*].len()] = [$(AgentFamily::$family),*];
            /// The number in tables. Never reused.
            pub const fn number(self) -> i64 {
                match self { $(AgentFamily::$family => $number,)* }
            }
            /// The stable word.
            pub const fn word(self) -> &'static str {
                match self { $(AgentFamily::$family => $word,)* }
            }
        }
    };
}

agent_families! {
    /// The request did not say, or an older program did not keep it.
    #[default]
    0 Unknown "unknown",
    1 SafariPhone "safari_phone",
    2 ChromePhone "chrome_phone",
    3 Safari "safari",
    4 Chrome "chrome",
    5 Firefox "firefox",
    6 Edge "edge",
    /// A program of a merchant, or a command line: no browser.
    7 Program "program",
    8 Samsung "samsung",
    /// A browser that is none of these.
    9 Other "other",
}

impl AgentFamily {
    /// The family that a `User-Agent` header claims.
    pub fn of(user_agent: &str) -> AgentFamily {
        // The order matters: nearly all of them also call themselves Chrome, and all of those Safari.
        const MARKS: [(&str, AgentFamily); 11] = [
            ("Edg/", AgentFamily::Edge),
            ("EdgA/", AgentFamily::Edge),
            ("EdgiOS/", AgentFamily::Edge),
            ("SamsungBrowser/", AgentFamily::Samsung),
            ("OPR/", AgentFamily::Other),
            ("Firefox/", AgentFamily::Firefox),
            ("FxiOS/", AgentFamily::Firefox),
            ("Chrome/", AgentFamily::Chrome),
            ("CriOS/", AgentFamily::Chrome),
            ("Chromium/", AgentFamily::Chrome),
            ("Safari/", AgentFamily::Safari),
        ];
        if user_agent.trim().is_empty() {
            return AgentFamily::Unknown;
        }
        if !user_agent.contains("Mozilla/") {
            return AgentFamily::Program;
        }
        let claimed = MARKS.iter().find(|(mark, _)| user_agent.contains(mark));
        let family = claimed.map_or(AgentFamily::Other, |(_, family)| *family);
        let phone = ["Mobile", "Android", "iPhone"]
            .iter()
            .any(|word| user_agent.contains(word));
        match family {
            AgentFamily::Chrome if phone => AgentFamily::ChromePhone,
            AgentFamily::Safari if phone => AgentFamily::SafariPhone,
            family => family,
        }
    }
}

/// Who asked, over what, from where: the same for all requests of a session, a till's device or a key from one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Context {
    #[n(0)]
    pub by: Actor,
    #[n(1)]
    pub network: Option<NetworkOrigin>,
    #[n(2)]
    pub agent: AgentFamily,
}

impl Context {
    /// The program acting by itself: from no network.
    pub const fn system(reason: SystemReason) -> Context {
        Context {
            by: Actor::system(reason),
            network: None,
            agent: AgentFamily::Unknown,
        }
    }

    /// The name of this very context: 64 bits of a hash of all of it.
    pub fn id(&self) -> ContextId {
        let bytes = minicbor::to_vec(self).expect("memory takes all");
        let digest = Sha256::digest(&bytes);
        ContextId(u64::from_be_bytes(
            digest[..8].try_into().expect("eight of 32 bytes"),
        ))
    }
}

/// Names a [`Context`] in the journal. Made from its content, so that a second definition of it is the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ContextId(#[n(0)] pub u64);

/// Names a request of the edge, in its answers, its log and the journal; zero where the edge gave it none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct RequestId(#[n(0)] pub u64);

/// A context with its name, worked out once for many requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    pub context: Context,
    pub id: ContextId,
    /// Names this request.
    pub request: RequestId,
}

impl Asker {
    /// A request without a name of its own.
    pub fn new(context: Context) -> Asker {
        Asker {
            context,
            id: context.id(),
            request: RequestId::default(),
        }
    }
    /// The program acting by itself.
    pub fn system(reason: SystemReason) -> Asker {
        Asker::new(Context::system(reason))
    }
    /// The same asker with another request.
    pub fn with_request(self, request: RequestId) -> Asker {
        Asker { request, ..self }
    }
    /// Who asks.
    pub const fn by(&self) -> Actor {
        self.context.by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_that_call_themselves_each_other_are_told_apart() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/144.0.0.0 Safari/537.36";
        let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
        for (header, family) in [
            (chrome.to_owned(), AgentFamily::Chrome),
            (format!("{chrome} Edg/144.0.0.0"), AgentFamily::Edge),
            (format!("{chrome} OPR/120.0.0.0"), AgentFamily::Other),
            (
                chrome.replace("Chrome/", "SamsungBrowser/28.0 Chrome/"),
                AgentFamily::Samsung,
            ),
            (
                format!("{iphone} Version/19.1 Mobile/15E148 Safari/604.1"),
                AgentFamily::SafariPhone,
            ),
            (
                format!("{iphone} CriOS/144.0 Mobile/15E148 Safari/604.1"),
                AgentFamily::ChromePhone,
            ),
            (
                format!("{iphone} FxiOS/140.0 Mobile/15E148 Safari/605.1.15"),
                AgentFamily::Firefox,
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into(),
                AgentFamily::Firefox,
            ),
            ("curl/8.14".into(), AgentFamily::Program),
            ("  ".into(), AgentFamily::Unknown),
        ] {
            assert_eq!(AgentFamily::of(&header), family, "{header}");
        }
    }

    #[test]
    fn two_askers_have_one_context_only_if_everything_is_equal() {
        let till = |till| Context {
            by: Actor::Till {
                till: TillId(till),
                device: Fingerprint(7),
                approved_by: None,
            },
            network: Some(NetworkOrigin {
                hash: 1,
                prefix: PrefixKind::V4,
            }),
            agent: AgentFamily::Chrome,
        };
        assert_eq!(till(1).id(), till(1).id());
        assert_ne!(till(1).id(), till(2).id());
        let elsewhere = Context {
            network: None,
            ..till(1)
        };
        assert_ne!(till(1).id(), elsewhere.id());
    }
}
