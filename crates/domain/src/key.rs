//! Idempotency: the same id from the same merchant gets the same answer, for ever.

use crate::ids::{
    EntryId, HoldId, MerchantId, PaymentId, RefundId, TopUpId, WalletId, sixteen_bytes,
};
use crate::money::Amount;
use crate::refusal::Refusal;
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

/// The name of a request for all time: a hash of what kind it is, who asks, and the id the asker gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey(pub u128);
sixteen_bytes!(RequestKey);

impl RequestKey {
    /// A payment by its `merchantPaymentId`, whether it is paid at once or set aside for a later capture. (Kind 5 named the
    /// holds of the first journals.)
    pub fn payment(merchant: MerchantId, text: &str) -> RequestKey {
        Self::hash(1, u64::from(merchant.0), 0, text)
    }
    /// A refund by its `merchantRefundId` and the payment it is for.
    pub fn refund(merchant: MerchantId, payment: PaymentId, text: &str) -> RequestKey {
        Self::hash(2, u64::from(merchant.0), payment.0, text)
    }
    /// The newest refund with this `merchantRefundId`, whatever its payment: for reading only.
    pub fn refund_by_name(merchant: MerchantId, text: &str) -> RequestKey {
        Self::hash(3, u64::from(merchant.0), 0, text)
    }
    /// A top-up or other credit by the id that the wallet's page or the operator's program gave it.
    pub fn credit(wallet: WalletId, text: &str) -> RequestKey {
        Self::hash(4, wallet.0, 0, text)
    }

    fn hash(kind: u8, owner: u64, about: u64, text: &str) -> RequestKey {
        let mut bytes = [0u8; 17 + 256];
        bytes[0] = kind;
        bytes[1..9].copy_from_slice(&owner.to_be_bytes());
        bytes[9..17].copy_from_slice(&about.to_be_bytes());
        let digest = if text.len() <= 256 {
            bytes[17..17 + text.len()].copy_from_slice(text.as_bytes());
            Sha256::digest(&bytes[..17 + text.len()])
        } else {
            Sha256::new()
                .chain_update(&bytes[..17])
                .chain_update(text)
                .finalize()
        };
        RequestKey(u128::from_be_bytes(
            digest[..16].try_into().expect("sixteen of 32 bytes"),
        ))
    }
}

/// What "the same request" means: merchant, amount, currency, payer or code, store, till. Never time stamps or texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct RequestDigest(#[n(0)] pub u64);

impl RequestDigest {
    /// Of a payment. `payer` is the scanned code or the user authorisation, as 128 bits.
    pub fn of_payment(
        merchant: MerchantId,
        amount: Amount,
        payer: u128,
        store: Spot,
        till: Spot,
    ) -> RequestDigest {
        let mut bytes = [0u8; 41];
        bytes[0..4].copy_from_slice(&merchant.0.to_be_bytes());
        bytes[4..12].copy_from_slice(&amount.minor().to_be_bytes());
        bytes[12..15].copy_from_slice(amount.currency().iso().as_bytes());
        bytes[15..31].copy_from_slice(&payer.to_be_bytes());
        bytes[31..36].copy_from_slice(&store.head());
        bytes[36..41].copy_from_slice(&till.head());
        match (store, till) {
            (Spot::Words(_), _) | (_, Spot::Words(_)) => {
                Self::hash(&[&bytes, store.words(), till.words()].concat())
            }
            _ => Self::hash(&bytes),
        }
    }

    /// Of a hold that asks for what this payment asks for: the one never passes for the other.
    pub fn of_hold(self) -> RequestDigest {
        RequestDigest(self.0 ^ u64::from_be_bytes(*b"withheld"))
    }

    /// Of a refund, top-up or credit: the amount and whatever it is for.
    pub fn of_amount(about: u64, amount: Amount) -> RequestDigest {
        let mut bytes = [0u8; 16];
        bytes[0..8].copy_from_slice(&about.to_be_bytes());
        bytes[8..16].copy_from_slice(&amount.minor().to_be_bytes());
        Self::hash(&bytes)
    }

    fn hash(bytes: &[u8]) -> RequestDigest {
        let digest = Sha256::digest(bytes);
        RequestDigest(u64::from_be_bytes(
            digest[..8].try_into().expect("eight of 32 bytes"),
        ))
    }
}

/// A store or till as the request names it. A number is the same whether it is known as ours today or only tomorrow: a
/// faithful retry must not become another request because a store was opened meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot<'a> {
    None,
    Number(u32),
    /// The merchant's own words for it.
    Words(&'a str),
}

impl<'a> Spot<'a> {
    /// From our id for it, or else the merchant's words.
    pub fn named(id: Option<u32>, words: Option<&'a str>) -> Spot<'a> {
        match (id, words) {
            (Some(id), _) => Spot::Number(id),
            (None, None) => Spot::None,
            (None, Some(words)) => match words.parse::<u32>() {
                Ok(number) if number.to_string() == words => Spot::Number(number),
                _ => Spot::Words(words),
            },
        }
    }

    fn head(self) -> [u8; 5] {
        let (kind, number) = match self {
            Spot::None => (0, 0),
            Spot::Number(number) => (1, number),
            Spot::Words(words) => (2, words.len() as u32),
        };
        let mut bytes = [kind; 5];
        bytes[1..].copy_from_slice(&number.to_be_bytes());
        bytes
    }

    fn words(self) -> &'a [u8] {
        match self {
            Spot::Words(words) => words.as_bytes(),
            _ => &[],
        }
    }
}

/// The first answer to a request, kept under its [`RequestKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    pub digest: RequestDigest,
    pub answer: Answered,
}

/// What the first answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    Payment(PaymentId),
    Refund(RefundId),
    TopUp(TopUpId),
    Credit(EntryId),
    Hold(HoldId),
    Refused(Refusal),
    /// Cancelled before it arrived: the late payment is refused.
    CancelledBefore,
}
