//! Proof of work: what a stranger's browser does before a sign-up while there is a crowd.
//!
//! A challenge is written by us, carried by the browser and kept nowhere: it says when it was made and how hard it is, and is bound by
//! a keyed hash to the network prefix and the kind of contact. What is kept is the answers that were used, until their challenge has
//! run out, so that each opens one sign-up.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_datastore::keys::Secret;
use mamori_domain::world::Timestamp;
use sha2::{Digest, Sha256};

/// How long a challenge may be answered: a slow phone needs seconds.
const LIFE: i64 = 180_000_000;
/// Used answers that are remembered. Starts come at 20 a second at most, so that this is never reached.
const USED_MAX: usize = 20_000;
const HEAD: usize = 17;
const TAG: usize = 16;
/// Largest answer; with it challenge, colon and answer fit into one block of the hash.
pub const ANSWER_MAX: u64 = u32::MAX as u64;
/// Longest challenge that is looked at, in bytes; one has 44.
pub const CHALLENGE_BYTES_MAX: usize = 64;

/// How many leading zero bits an answer's hash must have. A cheap phone tries some hundred thousand a second.
#[derive(Clone, Copy, Debug)]
pub struct ProofCost {
    /// When the crowd begins.
    pub bits_min: u8,
    /// When nearly everything is taken.
    pub bits_max: u8,
}

impl Default for ProofCost {
    fn default() -> Self {
        ProofCost {
            bits_min: 17,
            bits_max: 20,
        }
    }
}

/// What a browser is asked to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge([u8; HEAD + TAG]);

impl Challenge {
    /// As the page hashes it.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Leading zero bits that are wanted.
    pub fn bits(&self) -> u8 {
        self.0[8]
    }

    fn made_at(&self) -> i64 {
        i64::from_be_bytes(std::array::from_fn(|at| self.0[at]))
    }

    fn is_answered_by(&self, answer: u64) -> bool {
        let hash = Sha256::digest(format!("{}:{answer}", self.text()));
        let start = u64::from_be_bytes(std::array::from_fn(|at| hash[at]));
        start.leading_zeros() >= u32::from(self.bits())
    }
}

/// An answer that is right and now used.
#[derive(Debug)]
pub struct Proof(Challenge);

/// Makes challenges and takes answers.
pub struct Proofs {
    key: Secret,
    cost: ProofCost,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    challenges: HashSet<[u8; HEAD + TAG]>,
    /// In order of their use.
    order: VecDeque<([u8; HEAD + TAG], i64)>,
}

impl Proofs {
    /// `key` binds the challenges; a restart with another one ends those that are out.
    pub fn new(key: Secret, cost: ProofCost) -> Proofs {
        Proofs {
            key,
            cost,
            used: Mutex::default(),
        }
    }

    /// A challenge for a prefix and a lane. `pressure` is 0 to 1,000: the more, the harder.
    pub fn challenge(
        &self,
        bound_to: (Option<u64>, &str),
        pressure: u32,
        now: Timestamp,
        nonce: [u8; 8],
    ) -> Challenge {
        let ProofCost { bits_min, bits_max } = self.cost;
        let steps = u32::from(bits_max - bits_min) + 1;
        // The upper half of the pressure is where proofs are asked for.
        let step = (pressure.saturating_sub(500) * steps / 500).min(steps - 1);
        let mut bytes = [0; HEAD + TAG];
        bytes[..8].copy_from_slice(&now.0.to_be_bytes());
        bytes[8] = bits_min + u8::try_from(step).unwrap_or(0);
        bytes[9..HEAD].copy_from_slice(&nonce);
        let tag = self.tag(&bytes, bound_to);
        bytes[HEAD..].copy_from_slice(&tag);
        Challenge(bytes)
    }

    /// Uses a right answer up. None: not our challenge, another prefix's or lane's, too old, answered wrongly or before.
    pub fn take(
        &self,
        challenge: &str,
        answer: u64,
        bound_to: (Option<u64>, &str),
        now: Timestamp,
    ) -> Option<Proof> {
        let bytes = URL_SAFE_NO_PAD.decode(challenge).ok()?;
        let challenge = Challenge(bytes.try_into().ok()?);
        // Hashed once more, so that the time of comparing tells nothing of the tag.
        let tag = self.key.mac(&[&self.tag(&challenge.0, bound_to)]);
        let made_at = challenge.made_at();
        let fits = tag == self.key.mac(&[&challenge.0[HEAD..]])
            // A clock that ran back must not lengthen a challenge's life.
            && (made_at..made_at.saturating_add(LIFE)).contains(&now.0)
            && challenge.is_answered_by(answer);
        if !fits {
            return None;
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        while used
            .order
            .front()
            .is_some_and(|(_, used_at)| used_at + LIFE <= now.0)
        {
            if let Some((challenge, _)) = used.order.pop_front() {
                used.challenges.remove(&challenge);
            }
        }
        if used.order.len() >= USED_MAX || !used.challenges.insert(challenge.0) {
            return None;
        }
        used.order.push_back((challenge.0, now.0));
        Some(Proof(challenge))
    }

    /// Lets a proof be shown again that did not get its turn: the work was done.
    pub fn give_back(&self, proof: &Proof) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.challenges.remove(&proof.0.0);
        used.order.retain(|(challenge, _)| *challenge != proof.0.0);
    }

    fn tag(&self, bytes: &[u8; HEAD + TAG], (prefix, lane): (Option<u64>, &str)) -> [u8; TAG] {
        let prefix = prefix.map_or([0; 9], |prefix| {
            let mut known = [1; 9];
            known[1..].copy_from_slice(&prefix.to_be_bytes());
            known
        });
        let parts: [&[u8]; 4] = [b"sign-up", &bytes[..HEAD], &prefix, lane.as_bytes()];
        let mac = self.key.mac(&parts);
        std::array::from_fn(|at| mac[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: (Option<u64>, &str) = (Some(7), "mail");

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn proofs() -> Proofs {
        let cost = ProofCost {
            bits_min: 4,
            bits_max: 7,
        };
        Proofs::new(Secret::new([3; 32]), cost)
    }

    fn solved(challenge: &Challenge) -> u64 {
        (0..ANSWER_MAX)
            .find(|&answer| challenge.is_answered_by(answer))
            .expect("an answer")
    }

    #[test]
    fn an_answer_is_good_once_for_its_prefix_and_kind_of_contact_and_for_three_minutes() {
        let proofs = proofs();
        let challenge = proofs.challenge(MAIL, 600, at(100), [1; 8]);
        let (text, answer) = (challenge.text(), solved(&challenge));
        let takes = |bound_to, seconds| proofs.take(&text, answer, bound_to, at(seconds));
        for (bound_to, seconds) in [
            ((Some(8), "mail"), 101),
            ((None, "mail"), 101),
            ((Some(7), "sms 81"), 101),
            (MAIL, 99),
            (MAIL, 280),
        ] {
            assert!(takes(bound_to, seconds).is_none(), "{bound_to:?} {seconds}");
        }
        let proof = takes(MAIL, 279).expect("in time");
        assert!(takes(MAIL, 279).is_none(), "once");
        proofs.give_back(&proof);
        assert!(takes(MAIL, 279).is_some(), "it did not get its turn");
    }

    #[test]
    fn what_is_no_answer_to_a_challenge_of_ours_opens_nothing() {
        let proofs = proofs();
        let challenge = proofs.challenge(MAIL, 600, at(100), [1; 8]);
        let (text, answer) = (challenge.text(), solved(&challenge));
        let wrong = (0..ANSWER_MAX).find(|&answer| !challenge.is_answered_by(answer));
        let takes = |text: &str, answer| proofs.take(text, answer, MAIL, at(101)).is_some();
        assert!(!takes(&text, wrong.expect("a wrong one")));
        let mut easier = challenge.0;
        easier[8] = 0;
        assert!(!takes(&Challenge(easier).text(), answer));
        for strange in ["", "x", "あ", &"A".repeat(44), &text[1..]] {
            assert!(!takes(strange, answer), "{strange}");
        }
        let other = Proofs::new(Secret::new([4; 32]), ProofCost::default());
        assert!(other.take(&text, answer, MAIL, at(101)).is_none());
        assert!(takes(&text, answer));
    }

    #[test]
    fn the_work_grows_with_the_pressure_and_has_a_bound() {
        let bits = |pressure| proofs().challenge(MAIL, pressure, at(0), [0; 8]).bits();
        assert_eq!(
            [0, 500, 600, 700, 800, 999, 1_000, 9_999].map(bits),
            [4, 4, 4, 5, 6, 7, 7, 7]
        );
    }

    #[test]
    fn the_page_and_the_program_hash_the_same() {
        // web/test/wallet-proof.test.mjs holds the same pair.
        let challenge = Challenge([9; HEAD + TAG]);
        assert_eq!(challenge.text(), "CQkJ".repeat(11));
        let first = (0..ANSWER_MAX).find(|&answer| challenge.is_answered_by(answer));
        assert_eq!((challenge.bits(), first), (9, Some(1_276)));
    }
}
