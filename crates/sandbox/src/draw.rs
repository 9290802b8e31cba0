//! Ids and codes drawn from one seed, so that a run of the sandbox can be repeated.

use sha2::{Digest, Sha256};

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Everything random in the sandbox comes out of here: SHA-256 over the seed and a counter.
///
/// The address of a hosted page is a bearer secret, hence a 256-bit seed and not a small number.
pub(crate) struct Draw {
    seed: [u8; 32],
    drawn: u64,
}

impl Draw {
    pub(crate) fn from_seed(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    fn block(&mut self) -> [u8; 32] {
        self.drawn += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(self.drawn.to_be_bytes());
        hash.finalize().into()
    }

    /// `prefix` and 24 letters or digits, as the ids of the card network look.
    pub(crate) fn id(&mut self, prefix: &str) -> String {
        let letters = self
            .block()
            .into_iter()
            .take(24)
            .map(|byte| LETTERS[byte as usize % LETTERS.len()] as char);
        prefix.chars().chain(letters).collect()
    }

    /// 32 lower-case hexadecimal digits behind `prefix`, as the ids of the SMS service look.
    pub(crate) fn hex_id(&mut self, prefix: &str) -> String {
        let hex: String = self
            .block()
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{prefix}{hex}")
    }

    /// A seed of its own for another peer.
    pub(crate) fn seed(&mut self) -> [u8; 32] {
        self.block()
    }

    /// Six decimal digits for a challenge.
    pub(crate) fn six_digits(&mut self) -> String {
        let block = self.block();
        let number = u32::from_be_bytes([block[0], block[1], block[2], block[3]]) % 1_000_000;
        format!("{number:06}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_run() {
        let (mut first, mut second) = (Draw::from_seed([7; 32]), Draw::from_seed([7; 32]));
        let ids: Vec<String> = (0..50).map(|_| first.id("pi_")).collect();
        assert_eq!(ids, (0..50).map(|_| second.id("pi_")).collect::<Vec<_>>());
        assert_eq!(
            ids.iter().collect::<std::collections::HashSet<_>>().len(),
            50
        );
        assert!(ids.iter().all(|id| id.len() == 27 && id.starts_with("pi_")));
    }

    #[test]
    fn another_seed_gives_another_run() {
        assert_ne!(
            Draw::from_seed([7; 32]).id("pi_"),
            Draw::from_seed([8; 32]).id("pi_")
        );
        assert_eq!(Draw::from_seed([7; 32]).six_digits().len(), 6);
    }
}
