//! What browsers carry for us, sealed, so that nothing is kept for a stranger: a guess at a password on its way to the code, and the
//! secret of codes by time that are being set up.
//!
//! A handle opens in its own browser and for its own purpose alone, and for a while. The key is drawn at the start of the process: a
//! restart ends what is out, and the page begins again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_datastore::keys::{SealKey, SealedPlace, Secret};
use mamori_domain::world::Timestamp;

/// Longest handle that is looked at, in bytes. The longest one holds a name and a mail address.
pub const CARRIED_BYTES_MAX: usize = 4_096;

/// What is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cargo {
    /// A contact and a password that wait for their code.
    Guess,
    /// A sign-up whose contact is proven, with the secret of its codes.
    SignUp,
    /// The secret of codes that somebody who is signed in sets up.
    Codes,
    /// A request to a provider of external IDs, for signing in.
    ExternalSignIn,
    /// The same, for linking; bound to the session too.
    ExternalLink,
    /// The same, for signing up.
    ExternalSignUp,
    /// A sign-up whose contact and account are proven, with the secret of its codes.
    ExternalNewcomer,
    /// An account that a provider has confirmed, which waits for its code.
    ExternalProven,
}

impl Cargo {
    const fn word(self) -> &'static str {
        match self {
            Cargo::Guess => "guess",
            Cargo::SignUp => "sign-up",
            Cargo::Codes => "codes",
            Cargo::ExternalSignIn => "external sign-in",
            Cargo::ExternalLink => "external link",
            Cargo::ExternalSignUp => "external sign-up",
            Cargo::ExternalNewcomer => "external newcomer",
            Cargo::ExternalProven => "external proven",
        }
    }

    /// How long it is good for. To set codes up takes time: an app has to be found and installed.
    pub const fn life_micros(self) -> i64 {
        match self {
            Cargo::Guess | Cargo::ExternalProven => 300_000_000,
            // Somebody may have to sign in there first.
            Cargo::ExternalSignIn | Cargo::ExternalLink | Cargo::ExternalSignUp => 600_000_000,
            Cargo::SignUp | Cargo::Codes | Cargo::ExternalNewcomer => 900_000_000,
        }
    }
}

/// Seals and opens what browsers carry.
pub struct Carried {
    seal: SealKey,
    mark: Secret,
}

impl Carried {
    /// `random` is where the keys come from.
    pub fn new(random: [u8; 32]) -> Carried {
        let root = Secret::new(random);
        Carried {
            seal: SealKey::for_person(root.mac(&[b"carried"])),
            mark: Secret::new(root.mac(&[b"marks"])),
        }
    }

    /// The handle that the page sends back. `bound_to` is the browser, and whoever it belongs to beside that. `nonce` is fresh chance.
    pub fn hand_out(
        &self,
        cargo: Cargo,
        bound_to: &[u8],
        plain: &[u8],
        now: Timestamp,
        nonce: [u8; 12],
    ) -> String {
        let mut dated = now.0.to_be_bytes().to_vec();
        dated.extend(plain);
        URL_SAFE_NO_PAD.encode(self.seal.seal(place(cargo, bound_to), nonce, &dated))
    }

    /// Opens a handle. None: not ours, for another purpose, another browser's or owner's, or too old.
    pub fn open(
        &self,
        cargo: Cargo,
        bound_to: &[u8],
        handle: &str,
        now: Timestamp,
    ) -> Option<Vec<u8>> {
        let sealed = URL_SAFE_NO_PAD.decode(handle).ok()?;
        let plain = self.seal.open(place(cargo, bound_to), &sealed).ok()?;
        let (begun_at, rest) = plain.split_first_chunk::<8>()?;
        let begun_at = i64::from_be_bytes(*begun_at);
        // A clock that ran back must not lengthen a life.
        let life = begun_at..begun_at.checked_add(cargo.life_micros())?;
        life.contains(&now.0).then(|| rest.to_vec())
    }

    /// A keyed hash by which an act names secrets it is about, without keeping them.
    pub fn mark(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.mark.mac(parts)
    }
}

fn place(cargo: Cargo, bound_to: &[u8]) -> SealedPlace<'_> {
    SealedPlace {
        table: "carried",
        column: cargo.word(),
        row: bound_to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_opens_for_its_purpose_in_its_browser_and_for_a_while() {
        let carried = Carried::new([7; 32]);
        let at = Timestamp::from_seconds;
        let handle = carried.hand_out(Cargo::Guess, &[1; 32], b"right", at(0), [3; 12]);
        let opens = |carried: &Carried, cargo, browser: u8, seconds| {
            carried.open(cargo, &[browser; 32], &handle, at(seconds)) == Some(b"right".to_vec())
        };
        assert!(opens(&carried, Cargo::Guess, 1, 0) && opens(&carried, Cargo::Guess, 1, 299));
        assert!(!opens(&carried, Cargo::Guess, 1, 300), "too old");
        assert!(!opens(&carried, Cargo::Guess, 1, -1), "not begun yet");
        assert!(!opens(&carried, Cargo::Guess, 2, 1), "another browser");
        assert!(!opens(&carried, Cargo::Codes, 1, 1), "another purpose");
        assert!(
            !opens(&Carried::new([8; 32]), Cargo::Guess, 1, 1),
            "another process"
        );
        assert!(!handle.contains("right"));
    }
}
