//! Sign-ins on their way: the browser carries the challenge, sealed, and the house keeps nothing.
//!
//! Any stranger may begin to sign in, so whatever the house kept of a beginning could be filled by strangers until nobody who holds a
//! passkey finds a place. Here a beginning costs a draw and a seal, and there is no list, no limit and no turn to wait for. What
//! is kept is a sign-in that *succeeded*, until its challenge has run out, so that it succeeds once; to make one of those takes
//! the passkey itself.
//!
//! The key of the seal is drawn at the start of the process: a restart ends the challenges that are out, and the page begins again.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_datastore::keys::{SealKey, SealedPlace};
use mamori_domain::world::Timestamp;
use mamori_registry::{Surface, token_hash};

use crate::ceremonies::CEREMONY_SECONDS;
use crate::relying_party::Asserting;

/// Longest handle that is looked at, in bytes; one has about 400.
pub const SIGN_IN_BYTES_MAX: usize = 2_048;
const LIFE: i64 = CEREMONY_SECONDS * 1_000_000;

/// Seals challenges and remembers the ones that were answered well.
pub struct SignIns {
    key: SealKey,
    used_max: usize,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    handles: HashSet<[u8; 32]>,
    /// In order of their use.
    order: VecDeque<([u8; 32], i64)>,
}

/// A challenge that came back with a credential.
pub struct SignIn {
    /// What the credential must answer.
    pub asserting: Asserting,
    handle: [u8; 32],
}

impl SignIns {
    /// `random` is the seal's key; `used_max` answered challenges are remembered at once.
    pub fn new(random: [u8; 32], used_max: usize) -> SignIns {
        SignIns {
            key: SealKey::for_person(random),
            used_max,
            used: Mutex::default(),
        }
    }

    /// The handle that the page sends back. It opens for the same surface and browser alone. `nonce` is fresh chance.
    pub fn hand_out(
        &self,
        asserting: &Asserting,
        surface: Surface,
        browser: &[u8; 32],
        now: Timestamp,
        nonce: [u8; 12],
    ) -> String {
        let mut plain = now.0.to_be_bytes().to_vec();
        plain.extend(asserting.to_bytes());
        URL_SAFE_NO_PAD.encode(self.key.seal(place(surface, browser), nonce, &plain))
    }

    /// Opens a handle. None: not ours, another surface's or browser's, too old, or answered already.
    pub fn read(
        &self,
        handle: &str,
        surface: Surface,
        browser: &[u8; 32],
        now: Timestamp,
    ) -> Option<SignIn> {
        let sealed = URL_SAFE_NO_PAD.decode(handle).ok()?;
        let plain = self.key.open(place(surface, browser), &sealed).ok()?;
        let (begun_at, state) = plain.split_first_chunk::<8>()?;
        let begun_at = i64::from_be_bytes(*begun_at);
        // A clock that ran back must not lengthen a challenge's life.
        if !(begun_at..begun_at + LIFE).contains(&now.0) {
            return None;
        }
        let sign_in = SignIn {
            asserting: Asserting::from_bytes(state)?,
            handle: token_hash(&sealed),
        };
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        (!used.handles.contains(&sign_in.handle)).then_some(sign_in)
    }

    /// Uses a challenge up, after its answer was found right: false if another answer was faster, or if more sign-ins
    /// succeeded within five minutes than are remembered.
    pub fn use_up(&self, sign_in: &SignIn, now: Timestamp) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        // In order of use and never forgotten early: a challenge is at least as old as its answer, so it has run out by then.
        while used
            .order
            .front()
            .is_some_and(|(_, used_at)| used_at + LIFE <= now.0)
        {
            if let Some((handle, _)) = used.order.pop_front() {
                used.handles.remove(&handle);
            }
        }
        if used.handles.len() >= self.used_max || !used.handles.insert(sign_in.handle) {
            return false;
        }
        used.order.push_back((sign_in.handle, now.0));
        true
    }
}

fn place<'a>(surface: Surface, browser: &'a [u8; 32]) -> SealedPlace<'a> {
    SealedPlace {
        table: "sign-in",
        column: match surface {
            Surface::Wallet => "wallet",
            Surface::Till => "till",
            Surface::Console => "console",
        },
        row: browser,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relying_party::RelyingParty;

    const SORAS: [u8; 32] = [1; 32];

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn begun(sign_ins: &SignIns) -> String {
        let origin = "http://wallet.localhost:4000";
        let party = RelyingParty::new("wallet.localhost", origin, "Mamori", false);
        let (_, asserting) = party
            .expect("a usable origin")
            .start_assertion(&[])
            .expect("a challenge");
        sign_ins.hand_out(&asserting, Surface::Wallet, &SORAS, at(0), [3; 12])
    }

    #[test]
    fn a_challenge_opens_for_five_minutes_in_its_own_browser_and_on_its_own_surface() {
        let sign_ins = SignIns::new([7; 32], 10);
        let handle = begun(&sign_ins);
        let opens = |handle: &str, surface, browser: &[u8; 32], seconds| {
            sign_ins
                .read(handle, surface, browser, at(seconds))
                .is_some()
        };
        assert!(opens(&handle, Surface::Wallet, &SORAS, 0));
        assert!(opens(&handle, Surface::Wallet, &SORAS, 299));
        assert!(!opens(&handle, Surface::Wallet, &SORAS, 300), "too old");
        assert!(
            !opens(&handle, Surface::Wallet, &SORAS, -1),
            "not begun yet"
        );
        assert!(!opens(&handle, Surface::Console, &SORAS, 1));
        assert!(!opens(&handle, Surface::Wallet, &[2; 32], 1));
        assert!(!opens("", Surface::Wallet, &SORAS, 1));
        let restarted = SignIns::new([8; 32], 10);
        let read = restarted.read(&handle, Surface::Wallet, &SORAS, at(1));
        assert!(read.is_none(), "another process");
    }

    #[test]
    fn a_challenge_is_answered_well_once() {
        let sign_ins = SignIns::new([7; 32], 10);
        let handle = begun(&sign_ins);
        let read = |seconds| sign_ins.read(&handle, Surface::Wallet, &SORAS, at(seconds));
        let (first, second) = (read(1).expect("fresh"), read(1).expect("fresh"));
        assert!(sign_ins.use_up(&first, at(2)));
        assert!(!sign_ins.use_up(&second, at(2)), "the slower of two");
        assert!(read(3).is_none(), "and later ones are not even checked");
    }

    #[test]
    fn what_was_answered_is_remembered_for_as_long_as_it_could_be_answered_again() {
        let sign_ins = SignIns::new([7; 32], 2);
        let handles: Vec<String> = (0..3).map(|_| begun(&sign_ins)).collect();
        let read = |at_handle: usize, seconds| {
            sign_ins.read(&handles[at_handle], Surface::Wallet, &SORAS, at(seconds))
        };
        let [one, two, three] = [0, 1, 2].map(|number| read(number, 10).expect("fresh"));
        assert!(sign_ins.use_up(&one, at(10)) && sign_ins.use_up(&two, at(20)));
        assert!(!sign_ins.use_up(&three, at(299)), "no room for a third");
        assert!(read(0, 299).is_none() && read(1, 299).is_none());
        assert!(sign_ins.use_up(&three, at(310)), "the first has run out");
    }
}
