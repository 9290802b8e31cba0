//! Chance as an argument: 32 bytes from the entropy source, drawn once per operation.

use sha2::{Digest, Sha256};

/// 32 fresh random bytes that everything random in one operation is derived from.
///
/// A seed is drawn by the binary for one call and never used for a second one: labels keep the values of one operation
/// apart, not those of two.
#[derive(Clone)]
pub struct Seed([u8; 32]);

impl Seed {
    /// Wraps 32 bytes from a cryptographic source.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// 32 bytes for the use named by `label`; the same label gives the same bytes.
    pub fn bytes(&self, label: &str) -> [u8; 32] {
        Sha256::new()
            .chain_update(b"mamori seed 1\0")
            .chain_update(self.0)
            .chain_update(label)
            .finalize()
            .into()
    }

    /// The first `N` of those bytes; `N` is at most 32.
    pub fn take<const N: usize>(&self, label: &str) -> [u8; N] {
        let bytes = self.bytes(label);
        std::array::from_fn(|index| bytes[index])
    }

    /// A seed for one of the operations that an operation is made of.
    pub fn part(&self, label: &str) -> Seed {
        Seed(self.bytes(label))
    }

    /// A number below `bound`, every one as likely as the next up to one part in 2^100.
    pub fn below(&self, bound: u64, label: &str) -> u64 {
        let wide = u128::from_be_bytes(self.take(label));
        u64::try_from(wide % u128::from(bound.max(1))).unwrap_or(0)
    }
}

// A seed is worth as much as the tokens made from it.
impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_the_values_of_one_operation_apart() {
        let seed = Seed::new([7; 32]);
        assert_eq!(seed.bytes("a"), seed.bytes("a"));
        assert_ne!(seed.bytes("a"), seed.bytes("b"));
        assert_ne!(seed.bytes("a"), Seed::new([8; 32]).bytes("a"));
        assert!((0..100).all(|n: u64| seed.below(1_000_000, &n.to_string()) < 1_000_000));
    }
}
