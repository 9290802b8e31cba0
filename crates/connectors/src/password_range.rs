//! Asks a public service whether a password has leaked, and does not tell which: the range protocol of Have I Been Pwned.
//!
//! Told are the first five digits of its SHA-1; what comes back is how all the others go on that begin so, padded to one length.
//! No answer is no reason to refuse: the list at hand decides then.

use std::time::Duration;

use crate::http::{HttpClient, Patience};
use crate::secret::Secret;

/// Digits of the hash that are told.
const PREFIX_DIGITS: usize = 5;
/// Somebody waits before the screen.
const PATIENCE: Patience = Patience {
    attempt: Duration::from_millis(1_500),
    attempts_max: 1,
    pause: Duration::ZERO,
};

/// The service gave no answer that could be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeUnavailable;

impl std::fmt::Display for RangeUnavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the service of leaked passwords gave no usable answer")
    }
}

impl std::error::Error for RangeUnavailable {}

/// A service of leaked passwords.
pub struct PasswordRange {
    client: HttpClient,
}

impl PasswordRange {
    /// `base_url` is what stands before `/range/`: `https://api.pwnedpasswords.com`.
    pub fn new(base_url: &str) -> PasswordRange {
        PasswordRange {
            client: HttpClient::new(base_url, Secret::new(""), PATIENCE),
        }
    }

    /// How often a password was seen in leaks, by its SHA-1 in capital hexadecimal digits. Waits for the service, at most a second and
    /// a half.
    pub fn seen(&self, sha1: &str) -> Result<u64, RangeUnavailable> {
        let (prefix, rest) = sha1
            .split_at_checked(PREFIX_DIGITS)
            .ok_or(RangeUnavailable)?;
        let path = format!("/range/{prefix}");
        let answer = (self.client)
            .get_openly(&path, ("add-padding", "true"))
            .map_err(|_| RangeUnavailable)?;
        if answer.status != 200 {
            return Err(RangeUnavailable);
        }
        let mut lines = answer.body.lines().map(|line| line.split_once(':'));
        if lines.clone().any(|line| line.is_none()) {
            // A page of a proxy, such as one that wants somebody to sign in to a network.
            return Err(RangeUnavailable);
        }
        let found =
            lines.find_map(|line| line.filter(|(suffix, _)| suffix.eq_ignore_ascii_case(rest)));
        match found {
            None => Ok(0),
            Some((_, count)) => count.trim().parse().map_err(|_| RangeUnavailable),
        }
    }
}
