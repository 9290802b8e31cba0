//! A merchant's API key, made so that a crash half way leaves none that works.

use mamori_domain::command::{Command, Request};
use mamori_domain::context::{Asker, SystemReason};
use mamori_domain::ids::MerchantId;
use mamori_domain::world::Timestamp;
use mamori_engine::Engine;
use mamori_registry::Registry;
use mamori_server::house::api_key_texts;

use crate::world::{Chance, Failure, draw};

/// A new API key for a merchant: control row pending, act, row active. Answers with the key and its secret.
pub fn make_api_key(
    engine: &Engine,
    registry: &mut Registry,
    merchant: MerchantId,
    now: Timestamp,
    chance: Chance,
) -> Result<(String, String), Failure> {
    let (api_key, secret) = api_key_texts(&draw(chance), &draw(chance));
    let key = registry
        .api_keys()
        .begin(&api_key, merchant, &secret, true, now, draw(chance))?;
    let asker = Asker::system(SystemReason::CommandLine);
    engine
        .ask(Request::command(
            asker,
            Command::BindApiKey { key, merchant },
        ))?
        .map_err(|refusal| format!("the book refused the key: {}", refusal.code()))?;
    registry.api_keys().finish(&api_key)?;
    Ok((api_key, secret))
}
