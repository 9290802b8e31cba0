//! A merchant's API key, made so that a crash half way leaves none that works.

use mamori_domain::command::Command;
use mamori_domain::ids::MerchantId;
use mamori_engine::Engine;
use mamori_engine::control::Control;
use mamori_server::house::api_key_texts;

use crate::world::{Chance, Failure, draw};

/// A new API key for a merchant: control row pending, act, row active. Answers with the key and its secret.
pub fn make_api_key(
    engine: &Engine,
    control: &mut Control,
    merchant: MerchantId,
    now: i64,
    chance: Chance,
) -> Result<(String, String), Failure> {
    let (api_key, secret) = api_key_texts(&draw(chance), &draw(chance));
    let key = control.begin_api_key(&api_key, merchant, &secret, true, now, draw(chance))?;
    engine
        .act(Command::BindApiKey { key, merchant })?
        .map_err(|refusal| format!("the book refused the key: {}", refusal.code()))?;
    control.finish_api_key(&api_key)?;
    Ok((api_key, secret))
}
