//! A merchant's link that asks a customer for a standing permission: read, checked as far as memory can, and answered.

use std::sync::Arc;

use mamori_api::opa::account_link::{
    Expected, LinkAnswer, LinkKey, LinkProblem, LinkRequest, Redirect,
};
use mamori_domain::ids::WalletId;
use mamori_domain::world::Timestamp;
use mamori_registry::AnsweredLink;
use sha2::{Digest, Sha256};

use crate::answer::Denial;
use crate::app::App;
use crate::denied::{LINK_EXPIRED, LINK_INVALID};
use crate::directory::ReadyKey;

/// A merchant's link whose signature, time and claims are in order.
pub struct Link {
    key: Arc<ReadyKey>,
    signer: LinkKey,
    api_key: String,
    request: LinkRequest,
    scopes: String,
    wallet_origin: String,
    mark: [u8; 32],
}

impl Link {
    /// Checks a link as far as memory can; the flow asks the ledger about the key, and the registry about the nonce.
    pub fn read(app: &App, api_key: &str, token: &str) -> Result<Link, Denial> {
        let refuse = |problem: Option<LinkProblem>| {
            tracing::info!(?problem, "a link for a permission was not accepted");
            match problem {
                Some(LinkProblem::Expired) => Denial::from(LINK_EXPIRED),
                _ => Denial::from(LINK_INVALID),
            }
        };
        let key = app.directory.key(api_key).ok_or_else(|| refuse(None))?;
        let signer = key.link.clone().ok_or_else(|| refuse(None))?;
        let wallet_origin = app.identity.wallet_origin.clone();
        let expected = Expected {
            api_key,
            merchant: &key.merchant_text,
            wallet_origin: &wallet_origin,
            now_seconds: app.outside.now().seconds(),
        };
        let request = LinkRequest::read(token, &signer, &expected)
            .map_err(|problem| refuse(Some(problem)))?;
        Ok(Link {
            signer,
            api_key: api_key.to_owned(),
            scopes: request.scopes.join(" "),
            request,
            wallet_origin,
            mark: Sha256::new()
                .chain_update(api_key)
                .chain_update([0])
                .chain_update(token)
                .finalize()
                .into(),
            key,
        })
    }

    /// What a passkey agrees to: exactly this link of this key.
    pub fn mark(&self) -> [u8; 32] {
        self.mark
    }

    /// Who asks.
    pub fn key(&self) -> &ReadyKey {
        &self.key
    }

    /// What is asked.
    pub fn request(&self) -> &LinkRequest {
        &self.request
    }

    /// The link as this wallet answers it.
    pub fn answered_by(&self, wallet: WalletId) -> AnsweredLink<'_> {
        AnsweredLink {
            merchant: self.key.merchant,
            nonce_hash: self.request.nonce_hash(),
            wallet,
            reference: &self.request.reference_id,
            scopes: &self.scopes,
            ends_at: Timestamp(self.request.expires_at_seconds.saturating_mul(1_000_000)),
        }
    }

    /// The merchant's address with the signed answer, if the link named one.
    pub fn way_back(&self, answer: LinkAnswer, now: Timestamp) -> Option<String> {
        let redirect: &Redirect = self.request.redirect.as_ref()?;
        let expected = Expected {
            api_key: &self.api_key,
            merchant: &self.key.merchant_text,
            wallet_origin: &self.wallet_origin,
            now_seconds: now.seconds(),
        };
        let token = self.request.response_token(&self.signer, &expected, answer);
        Some(redirect.with_answer(&self.api_key, &token))
    }
}
