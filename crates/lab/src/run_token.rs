//! The token of one run of `mamori-lab dev`: who has it may ask for what no phone can, such as a code of a seeded customer.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Json};
use axum::http::StatusCode;
use axum::http::request::Parts;
use mamori_server::app::App;
use mamori_server::route_table::{Demand, Gate};
use serde_json::{Value, json};

/// The token of this run.
#[derive(Clone)]
pub struct TokenOfThisRun(pub String);

/// A caller who knows the token of this run.
pub struct RunToken;

impl Gate for RunToken {
    const DEMAND: Demand = Demand::RunToken;
}

impl FromRequestParts<Arc<App>> for RunToken {
    type Rejection = (StatusCode, Json<Value>);

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Self::Rejection> {
        let given = parts
            .headers
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        match (given, parts.extensions.get::<TokenOfThisRun>()) {
            (Some(given), Some(TokenOfThisRun(token))) if given == token => Ok(RunToken),
            _ => Err((
                StatusCode::UNAUTHORIZED,
                Json(json!({ "refusal": "signed_out" })),
            )),
        }
    }
}
