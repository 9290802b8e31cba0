//! A script signs in as a seeded customer: `mamori-lab dev sign-in` prints what a browser of that customer would have.
//!
//! Nothing of it is stored anywhere: the device's key, the password and the secret of the codes follow from the master key and the number
//! of the wallet, so that each start of the same store has the same ones. Mounted by `dev` alone, behind the token of the run.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_domain::command::Command;
use mamori_domain::context::{Asker, SystemReason};
use mamori_domain::ids::WalletId;
use mamori_registry::{
    AuthMethod, Password, PasswordProblem, Registry, Surface, TOTP_SECRET_BYTES, TotpSecret,
};
use mamori_server::answer::Denial;
use mamori_server::app::App;
use mamori_server::device_proof::{Thumbprint, thumbprint};
use mamori_server::http::session::{Browser, Newcomer, begin_for_newcomer};
use p256::ecdsa::SigningKey;
use serde_json::{Value, json};

use crate::run_token::RunToken;

/// What follows from the master key for one name, a customer's number or what a customer is seeded as.
fn derived<const N: usize>(registry: &Registry, kind: &str, name: &str) -> [u8; N] {
    let part = |half: u8| {
        let value = [name.as_bytes(), &[half]].concat();
        registry.fingerprint(kind, &value).0.to_be_bytes()
    };
    let both = [part(0), part(1)].concat();
    std::array::from_fn(|at| both[at])
}

/// The password of a seeded customer.
pub fn password(registry: &Registry, customer: &str) -> Result<Password, PasswordProblem> {
    Password::new(&password_text(registry, customer))
}

fn password_text(registry: &Registry, customer: &str) -> String {
    let bytes: [u8; 15] = derived(registry, "seeded password", customer);
    format!("dev-{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The secret of a seeded customer's codes by time.
pub fn totp_secret(registry: &Registry, customer: &str) -> TotpSecret {
    let bytes: [u8; TOTP_SECRET_BYTES] = derived(registry, "seeded codes", customer);
    TotpSecret::from_bytes(&bytes).expect("160 bits")
}

/// The key of the device that scripts sign in on.
fn device_key(registry: &Registry, wallet: WalletId) -> SigningKey {
    let mut scalar: [u8; 32] = derived(registry, "seeded device", &wallet.to_string());
    // Below the order of the curve, whatever was derived.
    scalar[0] = 0;
    scalar[31] |= 1;
    SigningKey::from_slice(&scalar).expect("a number below the order")
}

fn jwk(key: &SigningKey) -> (Value, Thumbprint) {
    let point = key.verifying_key().to_sec1_point(false);
    let part = |from: usize| URL_SAFE_NO_PAD.encode(&point.as_bytes()[from..from + 32]);
    let secret = URL_SAFE_NO_PAD.encode(key.to_bytes());
    let jwk = json!({ "kty": "EC", "crv": "P-256", "x": part(1), "y": part(33), "d": secret });
    (jwk, thumbprint(point.as_bytes()))
}

/// `POST /dev/sign-in {wallet_id}`: a session of a customer on a device of the script's, which the wallet pays from unless it pays from
/// another one already.
pub async fn sign_in(
    State(app): State<Arc<App>>,
    _: RunToken,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let wallet = body["wallet_id"]
        .as_str()
        .and_then(|text| text.parse().ok());
    let Some(wallet) = wallet.map(WalletId) else {
        let wrong = json!({ "refusal": "invalid_field", "field": "wallet_id" });
        return (StatusCode::BAD_REQUEST, Json(wrong));
    };
    let browser = Browser::of(&headers, &app);
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let signed_in = app.registry.ask(move |registry| -> Result<Value, Denial> {
        let person = registry.people().of_wallet(wallet)?;
        let person = person.ok_or(Denial::NotFound)?;
        let has_password = registry.passwords().state(&person.person)?.is_some();
        let (jwk, thumbprint) = jwk(&device_key(registry, wallet));
        let device = registry.device_key(thumbprint).fingerprint;
        let name = &person.display_name;
        let password = has_password.then(|| password_text(registry, name));
        let totp = has_password.then(|| totp_secret(registry, name).base32().to_string());
        let asker = Asker::system(SystemReason::CommandLine);
        let mut run = inner.run(registry, asker, now, &seed);
        if run.engine.device_of_wallet(wallet)?.is_none() {
            let device = Some(device);
            run.ask(Command::BindDevice { wallet, device })?
                .map_err(mamori_server::denied::refused)?;
        }
        let who = Newcomer {
            surface: Surface::Wallet,
            owner: person.person,
            wallet: Some(wallet),
            credential: run.registry.fingerprint("seeded sign-in", b""),
        };
        let traits = browser.traits(Surface::Wallet, &HeaderMap::new(), Some(thumbprint));
        let method = AuthMethod::PasswordAndTotp;
        let begun = begin_for_newcomer(&inner, &mut run, who, method, &traits)?;
        let answer = begun.on(mamori_server::answer::done(json!({})));
        let cookies = answer.headers().get_all(SET_COOKIE);
        let cookies: Vec<&str> = (cookies.iter())
            .filter_map(|line| line.to_str().ok()?.split(';').next())
            .collect();
        Ok(json!({
            "cookie": cookies.join("; "),
            "dpop_key_jwk": jwk,
            "password": password,
            "totp_secret": totp,
        }))
    });
    match signed_in.await {
        Ok(Ok(answer)) => (StatusCode::OK, Json(answer)),
        Ok(Err(Denial::NotFound)) => {
            let unknown = json!({ "refusal": "wallet_unknown" });
            (StatusCode::NOT_FOUND, Json(unknown))
        }
        _ => {
            let failed = json!({ "refusal": "unavailable" });
            (StatusCode::SERVICE_UNAVAILABLE, Json(failed))
        }
    }
}
