//! Who runs this instance: what a visitor may know before signing up, and a customer who needs help.

use std::sync::Arc;

use axum::extract::State;
use serde_json::json;

use crate::answer::{Answer, done};
use crate::app::App;
use crate::http::external_ids::offered;
use crate::origin::Visitor;

/// `GET /api/about` of the wallet.
pub async fn about(State(app): State<Arc<App>>, _: Visitor) -> Answer {
    let about = &app.about;
    Ok(done(json!({
        "operator_name": about.operator_name,
        "operator_contact": about.operator_contact,
        "terms_url": about.terms_url,
        "privacy_url": about.privacy_url,
        "external_ids": offered(&app),
        "version": env!("CARGO_PKG_VERSION"),
    })))
}
