//! Providers of external IDs that the operator has configured, and requests to them that are out.
//!
//! The browser carries a request to the provider and back, sealed in its `state`; the house keeps nothing of it but that it was answered.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_connectors::openid::{OpenIdAnswer, OpenIdProblem, OpenIdProvider, OpenIdRequest};
use mamori_domain::world::Timestamp;
use mamori_registry::token_hash;

use crate::carried::{Cargo, Carried};

/// Answered requests that are remembered at once.
const ANSWERED_MAX: usize = 100_000;
/// Longest name of a provider that is looked at, in bytes.
pub const ISSUER_BYTES_MAX: usize = 512;

/// A provider with the name that customers know it by.
pub struct NamedProvider {
    pub name: String,
    pub provider: OpenIdProvider,
}

/// The providers, in the operator's order.
pub struct ExternalDesk {
    providers: Vec<NamedProvider>,
    answered: Mutex<Answered>,
}

#[derive(Default)]
struct Answered {
    states: HashSet<[u8; 32]>,
    /// In the order of their answers.
    order: VecDeque<([u8; 32], i64)>,
}

/// A request as its `state` carries it.
pub struct Request<'a> {
    pub provider: &'a NamedProvider,
    state: String,
    nonce: String,
    verifier: String,
}

impl ExternalDesk {
    pub fn new(providers: Vec<NamedProvider>) -> ExternalDesk {
        ExternalDesk {
            providers,
            answered: Mutex::default(),
        }
    }

    /// The providers, in the operator's order.
    pub fn providers(&self) -> &[NamedProvider] {
        &self.providers
    }

    /// The provider of an issuer.
    pub fn find(&self, issuer: &str) -> Option<&NamedProvider> {
        (self.providers.iter()).find(|named| named.provider.issuer() == issuer)
    }

    /// A new request, for what `cargo` says and whom `bound_to` names. `seed` and `nonce` are fresh chance.
    pub fn request<'a>(
        &self,
        provider: &'a NamedProvider,
        (carried, cargo, bound_to): (&Carried, Cargo, &[u8]),
        now: Timestamp,
        (seed, nonce): ([u8; 32], [u8; 12]),
    ) -> Request<'a> {
        let plain = [&seed[..], provider.provider.issuer().as_bytes()].concat();
        let state = carried.hand_out(cargo, bound_to, &plain, now, nonce);
        Request::of(provider, carried, &seed, state)
    }

    /// The request that a `state` carries, for its one answer. None: not ours, for another purpose, another browser's or owner's, too
    /// old, or answered before.
    pub fn answer_to(
        &self,
        state: &str,
        (carried, cargo, bound_to): (&Carried, Cargo, &[u8]),
        now: Timestamp,
    ) -> Option<Request<'_>> {
        let plain = carried.open(cargo, bound_to, state, now)?;
        let (seed, issuer) = plain.split_first_chunk::<32>()?;
        let provider = self.find(std::str::from_utf8(issuer).ok()?)?;
        let first = self.use_up(seed, cargo, now);
        first.then(|| Request::of(provider, carried, seed, state.to_owned()))
    }

    /// False where it was answered before, or where more were answered than are remembered.
    fn use_up(&self, seed: &[u8; 32], cargo: Cargo, now: Timestamp) -> bool {
        let life = cargo.life_micros();
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        // A request is at least as old as its answer, so it has run out by then.
        while answered
            .order
            .front()
            .is_some_and(|(_, used_at)| used_at + life <= now.0)
        {
            if let Some((state, _)) = answered.order.pop_front() {
                answered.states.remove(&state);
            }
        }
        let name = token_hash(seed);
        if answered.states.len() >= ANSWERED_MAX || !answered.states.insert(name) {
            return false;
        }
        answered.order.push_back((name, now.0));
        true
    }
}

impl<'a> Request<'a> {
    fn of(
        provider: &'a NamedProvider,
        carried: &Carried,
        seed: &[u8; 32],
        state: String,
    ) -> Request<'a> {
        let drawn = |purpose: &[u8]| URL_SAFE_NO_PAD.encode(carried.mark(&[purpose, seed]));
        Request {
            provider,
            state,
            nonce: drawn(b"nonce of an external ID"),
            verifier: drawn(b"verifier of an external ID"),
        }
    }

    fn openid(&self) -> OpenIdRequest<'_> {
        OpenIdRequest {
            state: &self.state,
            nonce: &self.nonce,
            verifier: &self.verifier,
        }
    }

    /// Where the browser goes. May wait for the provider.
    pub fn address(&self, now: Timestamp) -> Result<String, OpenIdProblem> {
        let provider = &self.provider.provider;
        provider.authorization_url(&self.openid(), now.seconds())
    }

    /// Who came back. Waits for the provider.
    pub fn subject(
        &self,
        code: &str,
        issuer: Option<&str>,
        now: Timestamp,
    ) -> Result<String, OpenIdProblem> {
        let answer = OpenIdAnswer { code, issuer };
        let provider = &self.provider.provider;
        provider.subject(&answer, &self.openid(), now.seconds())
    }
}
