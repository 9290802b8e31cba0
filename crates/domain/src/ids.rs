//! Identifiers. All numbers below come from one counter of the shard, so an id also tells the order of events.

use minicbor::{Decode, Encode};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] pub $inner);

        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(out, "{}", self.0)
            }
        }
    };
}

id!(/** One customer's account. */ WalletId(u64));
id!(/** One completed payment; on the wire its decimal digits. */ PaymentId(u64));
id!(/** One refund, or the cancel of a payment. */ RefundId(u64));
id!(/** One top-up, from its start on. */ TopUpId(u64));
id!(/** One amount set aside for a later capture. */ HoldId(u64));
id!(/** Any movement that a wallet's history shows: a payment, cancel, refund, top-up, credit, capture. */ EntryId(u64));
id!(/** A retailer with its own keys and its own payable account. */ MerchantId(u32));
id!(/** A shop of a merchant. */ StoreId(u32));
id!(/** A till (register, terminal) in a store. */ TillId(u32));
id!(/** The part of all wallets that one writer owns. */ ShardId(u16));

/// A customer's standing permission for a merchant to charge without a scan; a UUID on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorizationId(pub u128);

/// The keyed hash (128 bits) of a secret or public key that the book names as live: a credential, a device, an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u128);

macro_rules! sixteen_bytes {
    ($name:ident) => {
        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                out: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                out.bytes(&self.0.to_be_bytes())?;
                Ok(())
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(
                from: &mut minicbor::Decoder<'b>,
                _: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                let bytes: [u8; 16] = from
                    .bytes()?
                    .try_into()
                    .map_err(|_| minicbor::decode::Error::message("expected 16 bytes"))?;
                Ok($name(u128::from_be_bytes(bytes)))
            }
        }
    };
}
sixteen_bytes!(AuthorizationId);
sixteen_bytes!(Fingerprint);

/// Makes ids: ten bits of incarnation, ten of shard, forty-three of a counter that never runs back.
///
/// The incarnation rises when a restored backup journals that it lost its newest rows, so an id given out in the lost
/// part can never be given out again. 63 bits in all: the number is positive in every SQL database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct IdSpace {
    /// Counts restores that lost rows, 0..=1023.
    #[n(0)]
    pub incarnation: u16,
    /// The shard that makes these ids, 0..=1023.
    #[n(1)]
    pub shard: ShardId,
}

impl IdSpace {
    const COUNTER_BITS: u32 = 43;

    /// The id with the given counter value.
    pub fn id(self, counter: u64) -> u64 {
        assert!(
            counter < 1 << Self::COUNTER_BITS && self.incarnation < 1024 && self.shard.0 < 1024
        );
        (u64::from(self.incarnation) << (Self::COUNTER_BITS + 10))
            | (u64::from(self.shard.0) << Self::COUNTER_BITS)
            | counter
    }

    /// The counter part of any id of any incarnation: what a cashier reads as the receipt number.
    pub fn counter(id: u64) -> u64 {
        id & ((1 << Self::COUNTER_BITS) - 1)
    }

    /// The shard part of any id.
    pub fn shard_of(id: u64) -> ShardId {
        ShardId(((id >> Self::COUNTER_BITS) & 1023) as u16)
    }
}
