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

/// A member of the operator's staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperatorId(pub u128);

/// A session of a customer or operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u128);

/// A supervisor of a store: who may stand beside a till and say yes with a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct SupervisorId(#[n(0)] pub u64);

/// CBOR of a 128-bit number as sixteen bytes: a CBOR integer ends at 64 bits.
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
pub(crate) use sixteen_bytes;
sixteen_bytes!(AuthorizationId);
sixteen_bytes!(Fingerprint);
sixteen_bytes!(OperatorId);
sixteen_bytes!(SessionId);

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
    pub(crate) const COUNTER_BITS: u32 = 43;
    pub(crate) const INCARNATION_BITS: u32 = 10;
    /// The last incarnation there can be: ten bits of an id.
    pub const INCARNATION_MAX: u16 = 1023;

    /// The id with the given counter value.
    pub fn id(self, counter: u64) -> u64 {
        assert!(
            counter < 1 << Self::COUNTER_BITS && self.incarnation < 1024 && self.shard.0 < 1024
        );
        (u64::from(self.incarnation) << (Self::COUNTER_BITS + 10))
            | (u64::from(self.shard.0) << Self::COUNTER_BITS)
            | counter
    }

    /// The counter part of any id of any incarnation: unique within one space only, see [`receipt_number`].
    pub fn counter(id: u64) -> u64 {
        id & ((1 << Self::COUNTER_BITS) - 1)
    }

    /// The space that an id was made in.
    pub fn of(id: u64) -> IdSpace {
        IdSpace {
            incarnation: ((id >> (Self::COUNTER_BITS + 10)) & 1023) as u16,
            shard: Self::shard_of(id),
        }
    }

    /// The shard part of any id.
    pub fn shard_of(id: u64) -> ShardId {
        ShardId(((id >> Self::COUNTER_BITS) & 1023) as u16)
    }
}

/// What a cashier and a customer read to each other: the count of a movement, at least eight digits, and in front of it
/// where it was counted as far as that is not zero. Two movements never share a number:
///
/// | | |
/// |---|---|
/// | `00000042` | the ordinary one |
/// | `1-00000042` | after a restore that lost rows: incarnation 1 counts the lost numbers again |
/// | `1-3-00000042` | of shard 3; `0-3-00000042` before any loss |
pub fn receipt_number(id: u64) -> String {
    let IdSpace { incarnation, shard } = IdSpace::of(id);
    let counter = IdSpace::counter(id);
    match (incarnation, shard.0) {
        (0, 0) => format!("{counter:08}"),
        (_, 0) => format!("{incarnation}-{counter:08}"),
        (_, shard) => format!("{incarnation}-{shard}-{counter:08}"),
    }
}

/// The id behind what [`receipt_number`] writes, zeros in front or not; None for what it never writes.
pub fn id_of_receipt(text: &str) -> Option<u64> {
    let mut parts = text.rsplit('-');
    let counter: u64 = digits(parts.next()?)?;
    let (last, first) = (parts.next(), parts.next());
    let (incarnation, shard) = match (first, last) {
        (None, None) => (0, 0),
        (None, Some(incarnation)) => (digits(incarnation)?, 0),
        (Some(incarnation), Some(shard)) => (digits(incarnation)?, digits(shard)?),
        (Some(_), None) => return None,
    };
    let is_one = parts.next().is_none()
        && counter < 1 << IdSpace::COUNTER_BITS
        && incarnation <= u64::from(IdSpace::INCARNATION_MAX)
        && shard <= u64::from(IdSpace::INCARNATION_MAX);
    let id =
        (incarnation << (IdSpace::COUNTER_BITS + 10)) | (shard << IdSpace::COUNTER_BITS) | counter;
    is_one.then_some(id)
}

fn digits(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn id(incarnation: u16, shard: u16, counter: u64) -> u64 {
        let shard = ShardId(shard);
        IdSpace { incarnation, shard }.id(counter)
    }

    #[test]
    fn a_receipt_says_where_it_was_counted_only_where_that_is_not_the_ordinary_place() {
        for (id, number) in [
            (id(0, 0, 42), "00000042"),
            (id(0, 0, 123_456_789), "123456789"),
            (id(1, 0, 42), "1-00000042"),
            (id(1, 3, 42), "1-3-00000042"),
            (id(0, 3, 42), "0-3-00000042"),
        ] {
            assert_eq!(receipt_number(id), number);
        }
    }

    #[test]
    fn no_two_receipts_have_one_number_whatever_was_lost_in_between() {
        let mut ids = Vec::new();
        for incarnation in [0, 1, 2, 12, 1023] {
            for shard in [0, 1, 2, 12, 1023] {
                for counter in [0, 1, 2, 12, 100_000_002, (1 << 43) - 1] {
                    ids.push(id(incarnation, shard, counter));
                }
            }
        }
        let numbers: HashSet<String> = ids.iter().map(|id| receipt_number(*id)).collect();
        assert_eq!(numbers.len(), ids.len());
        for id in ids {
            assert_eq!(IdSpace::of(id).id(IdSpace::counter(id)), id);
            assert_eq!(id_of_receipt(&receipt_number(id)), Some(id));
        }
    }

    #[test]
    fn what_is_no_receipt_number_names_nothing() {
        assert_eq!(id_of_receipt("42"), Some(42));
        for wrong in [
            "",
            "-",
            "1-",
            "-1",
            "+42",
            "4 2",
            "１２",
            "1-2-3-4",
            "1024-00000001",
            "0-1024-1",
            "99999999999999999999",
            "8796093022208",
        ] {
            assert_eq!(id_of_receipt(wrong), None, "{wrong}");
        }
    }
}
