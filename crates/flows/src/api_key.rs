//! A merchant's API key, made and revoked.
//!
//! | step of making | where it is written | if the answer is lost |
//! |---|---|---|
//! | both halves of the key, the secret sealed | registry, pending | the ledger does not name it: the row is dropped |
//! | bind the key to the merchant | ledger | the ledger names it: shown to operators, who know that the secret was told to no one |
//! | the row is active | registry | done already |
//!
//! | step of revoking | where it is written | if the answer is lost |
//! |---|---|---|
//! | revoke the key | ledger, first: a name without a row would still be live | asked again: the ledger has nothing to revoke |
//! | the row is dead, its secret gone | registry | asked again, or by the next start |

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mamori_domain::command::Command;
use mamori_domain::ids::{Fingerprint, MerchantId};

use crate::ledger::Run;
use crate::open::Turn;
use crate::stop::{Denied, Flow};

/// Both halves of a key that was just made. The secret is told once.
pub struct NewKey {
    pub api_key: String,
    pub secret: String,
}

/// Makes a key for a merchant; it takes OPA-Auth too.
pub fn make(run: &mut Run, _turn: &Turn, merchant: MerchantId) -> Flow<NewKey> {
    let (id, secret) = (
        run.seed.take("api key id"),
        run.seed.bytes("api key secret"),
    );
    let (api_key, secret) = texts(&id, &secret);
    let nonce = run.seed.take("api key nonce");
    let key = run
        .registry
        .api_keys()
        .begin(&api_key, merchant, &secret, true, run.now, nonce)?;
    if let Err(refusal) = run.ask(Command::BindApiKey { key, merchant })? {
        run.registry.api_keys().abandon(&api_key)?;
        return Err(refusal.into());
    }
    run.registry.api_keys().finish(&api_key)?;
    tracing::info!(
        merchant = merchant.0,
        key = mark(key),
        "an API key was made"
    );
    Ok(NewKey { api_key, secret })
}

/// Revokes a key: when this returns, no request with it is taken any more.
pub fn revoke(run: &mut Run, _turn: &Turn, api_key: &str) -> Flow<()> {
    let key = run.registry.api_keys().find_live(api_key)?;
    let key = key.ok_or(Denied::ApiKeyNotLive)?;
    if let Err(refusal) = run.ask(Command::RevokeApiKey { key })? {
        // The answer of an earlier try was lost.
        tracing::warn!(refusal = refusal.code(), "the ledger had no key to revoke");
    }
    run.registry.api_keys().end(api_key, Some(run.now))?;
    tracing::info!(key = mark(key), "an API key was revoked");
    Ok(())
}

/// Says whether a key takes OPA-Auth beside our own scheme. The ledger knows nothing of schemes: one step, in the registry.
pub fn set_opa_auth(run: &mut Run, _turn: &Turn, api_key: &str, takes: bool) -> Flow<()> {
    let noted = run.noted();
    let mut keys = run.registry.api_keys().noted(noted);
    if !keys.set_opa_auth(api_key, takes)? {
        return Err(Denied::ApiKeyNotLive.into());
    }
    tracing::info!(takes, "OPA-Auth of an API key was switched");
    Ok(())
}

/// Says what a key is for. The ledger knows nothing of labels: one step, in the registry.
pub fn label(run: &mut Run, api_key: &str, label: &str) -> Flow<()> {
    let noted = run.noted();
    if !run.registry.api_keys().noted(noted).label(api_key, label)? {
        return Err(Denied::NotFound.into());
    }
    Ok(())
}

/// The two halves of a key, from random bytes.
///
/// The secret is valid base64: the wire format's clients decode it for the tokens of account linking.
fn texts(id: &[u8; 12], secret: &[u8; 32]) -> (String, String) {
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    (format!("mk_{id}"), STANDARD.encode(secret))
}

/// A key in a log: the first half of what the ledger calls it.
fn mark(key: Fingerprint) -> String {
    format!("{:016x}", key.0 >> 64)
}
