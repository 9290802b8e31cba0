//! How rows that grow with the customers look in memory. What is written and hashed of them is their CBOR, whatever this is.

use super::rows::{Authorization, Wallet, WalletStatus};
use super::shelves::{Flat, Narrow};
use crate::fund::{Lot, Lots, Source};
use crate::ids::{
    AuthorizationId, EntryId, Fingerprint, IdSpace, MerchantId, PaymentId, TopUpId, WalletId,
};
use crate::money::Amount;

/// A wallet with at most one lot, nothing held and nothing pending: nearly all of them at nearly all times.
///
/// Ids of movements stand without their shard, which is the wallet's own.
#[derive(Clone, Copy)]
pub struct NarrowWallet {
    /// The newest movement, and the low bits of the epoch above it.
    last_entry: u64,
    /// What the lot's source names; above it the status and the high bits of the epoch.
    source: u64,
    amount: u32,
    /// Incarnation and shard of the wallet's id. Its counter is its place.
    space: [u8; 3],
    origin: Origin,
}

/// The kind of the only lot's source.
#[derive(Clone, Copy)]
enum Origin {
    NoLot,
    Card,
    Cash,
    Goodwill,
    Refund,
}

/// Bits of an id without its shard: the counter and the incarnation.
const ID_BITS: u32 = IdSpace::COUNTER_BITS + IdSpace::INCARNATION_BITS;
const ID_MASK: u64 = (1 << ID_BITS) - 1;
const EPOCH_LOW_BITS: u32 = u64::BITS - ID_BITS;
const STATUS_BIT: u32 = ID_BITS;
const EPOCH_HIGH: u32 = STATUS_BIT + 1;

fn without_shard(id: u64) -> u64 {
    let incarnation = u64::from(IdSpace::of(id).incarnation);
    incarnation << IdSpace::COUNTER_BITS | IdSpace::counter(id)
}

/// Zero is no movement at all, on every shard.
fn with_shard(bits: u64, of: WalletId) -> u64 {
    match bits & ID_MASK {
        0 => 0,
        bits => {
            let incarnation = (bits >> IdSpace::COUNTER_BITS) as u16;
            let shard = IdSpace::shard_of(of.0);
            IdSpace { incarnation, shard }.id(IdSpace::counter(bits))
        }
    }
}

impl Narrow<WalletId> for Wallet {
    type Narrow = NarrowWallet;

    fn narrow(&self, key: WalletId) -> Option<NarrowWallet> {
        let (origin, named, amount) = match &self.lots {
            Lots::None => (Origin::NoLot, 0, Amount::ZERO),
            Lots::One(lot) => {
                let (origin, named) = match lot.source {
                    Source::Card(id) => (Origin::Card, id.0),
                    Source::Cash(id) => (Origin::Cash, id.0),
                    Source::Goodwill(id) => (Origin::Goodwill, id.0),
                    Source::Refund(id) => (Origin::Refund, id.0),
                };
                (origin, named, lot.amount)
            }
            Lots::Many(_) => return None,
        };
        let epoch = u64::from(self.epoch);
        let frozen = u64::from(self.status == WalletStatus::Frozen);
        let [.., high, middle, low] = (key.0 >> IdSpace::COUNTER_BITS).to_be_bytes();
        let narrow = NarrowWallet {
            last_entry: without_shard(self.last_entry.0) | epoch << ID_BITS,
            source: without_shard(named)
                | frozen << STATUS_BIT
                | epoch >> EPOCH_LOW_BITS << EPOCH_HIGH,
            amount: amount.minor() as u32,
            space: [high, middle, low],
            origin,
        };
        // Whatever was cut off above (a large amount, an id of another shard, money held) does not come back: no narrow form.
        let place = super::shelves::Counted::place(key);
        (Self::widen(&narrow, place) == (key, self.clone())).then_some(narrow)
    }

    fn widen(narrow: &NarrowWallet, place: usize) -> (WalletId, Wallet) {
        let [high, middle, low] = narrow.space;
        let space = u64::from(u32::from_be_bytes([0, high, middle, low]));
        let id = WalletId(space << IdSpace::COUNTER_BITS | (place as u64 + 1));
        let named = with_shard(narrow.source, id);
        let lot = |source| {
            Lots::One(Lot {
                source,
                amount: Amount::new(u64::from(narrow.amount)).unwrap_or(Amount::ZERO),
            })
        };
        let lots = match narrow.origin {
            Origin::NoLot => Lots::None,
            Origin::Card => lot(Source::Card(TopUpId(named))),
            Origin::Cash => lot(Source::Cash(EntryId(named))),
            Origin::Goodwill => lot(Source::Goodwill(EntryId(named))),
            Origin::Refund => lot(Source::Refund(PaymentId(named))),
        };
        let epoch = narrow.last_entry >> ID_BITS | narrow.source >> EPOCH_HIGH << EPOCH_LOW_BITS;
        let wallet = Wallet {
            lots,
            held: Amount::ZERO,
            status: match narrow.source >> STATUS_BIT & 1 {
                0 => WalletStatus::Active,
                _ => WalletStatus::Frozen,
            },
            epoch: epoch as u32,
            last_entry: EntryId(with_shard(narrow.last_entry, id)),
            pending: Amount::ZERO,
        };
        (id, wallet)
    }
}

/// Two numbers as bytes, one behind the other.
fn joined<const A: usize, const B: usize, const ALL: usize>(a: [u8; A], b: [u8; B]) -> [u8; ALL] {
    const { assert!(A + B == ALL) };
    std::array::from_fn(|at| if at < A { a[at] } else { b[at - A] })
}

/// `LENGTH` bytes from `at`.
fn part<const LENGTH: usize>(bytes: &[u8], at: usize) -> [u8; LENGTH] {
    std::array::from_fn(|offset| bytes[at + offset])
}

impl Flat<Fingerprint> for WalletId {
    type Bytes = [u8; 24];

    fn part(key: Fingerprint) -> u8 {
        (key.0 >> 120) as u8
    }
    fn flat(&self, key: Fingerprint) -> [u8; 24] {
        joined(key.0.to_ne_bytes(), self.0.to_ne_bytes())
    }
    fn key(bytes: &[u8; 24]) -> Fingerprint {
        Fingerprint(u128::from_ne_bytes(part(bytes, 0)))
    }
    fn row(bytes: &[u8; 24]) -> WalletId {
        WalletId(u64::from_ne_bytes(part(bytes, 16)))
    }
}

/// Ids of wallets are counted: the last bits of the counter are the ones that are spread.
impl Flat<WalletId> for Fingerprint {
    type Bytes = [u8; 24];

    fn part(key: WalletId) -> u8 {
        key.0 as u8
    }
    fn flat(&self, key: WalletId) -> [u8; 24] {
        joined(key.0.to_ne_bytes(), self.0.to_ne_bytes())
    }
    fn key(bytes: &[u8; 24]) -> WalletId {
        WalletId(u64::from_ne_bytes(part(bytes, 0)))
    }
    fn row(bytes: &[u8; 24]) -> Fingerprint {
        Fingerprint(u128::from_ne_bytes(part(bytes, 8)))
    }
}

impl Flat<AuthorizationId> for Authorization {
    type Bytes = [u8; 28];

    fn part(key: AuthorizationId) -> u8 {
        (key.0 >> 120) as u8
    }
    fn flat(&self, key: AuthorizationId) -> [u8; 28] {
        let row: [u8; 12] = joined(self.wallet.0.to_ne_bytes(), self.merchant.0.to_ne_bytes());
        joined(key.0.to_ne_bytes(), row)
    }
    fn key(bytes: &[u8; 28]) -> AuthorizationId {
        AuthorizationId(u128::from_ne_bytes(part(bytes, 0)))
    }
    fn row(bytes: &[u8; 28]) -> Authorization {
        Authorization {
            wallet: WalletId(u64::from_ne_bytes(part(bytes, 16))),
            merchant: MerchantId(u32::from_ne_bytes(part(bytes, 24))),
        }
    }
}
