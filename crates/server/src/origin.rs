//! Where a request comes from: the network as a keyed hash, the family of the browser, a name of its own.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use mamori_domain::context::{
    Actor, AgentFamily, Asker, Context, NetworkOrigin, RequestId, SystemReason,
};

use crate::answer::Denial;
use crate::app::App;
use crate::listen::Cord;

/// What is known of a request before it is known who asks.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    network: Option<NetworkOrigin>,
    agent: AgentFamily,
    request: RequestId,
}

impl Origin {
    /// The asker of this request.
    pub fn asker(&self, by: Actor) -> Asker {
        let context = Context {
            by,
            network: self.network,
            agent: self.agent,
        };
        Asker::new(context).with_request(self.request)
    }

    /// Of a request's head.
    pub fn of(parts: &Parts, app: &App) -> Origin {
        let peer = parts.extensions.get::<Cord>().and_then(Cord::peer);
        let agent = parts
            .headers
            .get(USER_AGENT)
            .and_then(|agent| agent.to_str().ok());
        Origin {
            network: peer.map(|peer| app.origins.of(peer)),
            agent: AgentFamily::of(agent.unwrap_or("")),
            request: RequestId(u64::from_be_bytes(app.outside.bytes()) >> 1),
        }
    }
}

impl FromRequestParts<Arc<App>> for Origin {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Denial> {
        Ok(Origin::of(parts, app))
    }
}

/// A visitor who is no customer yet: the program acts on the way to one, and the context says from where.
#[derive(Clone, Copy, Debug)]
pub struct Visitor {
    pub asker: Asker,
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Denial> {
        let by = Actor::system(SystemReason::SignUp);
        Ok(Visitor {
            asker: Origin::of(parts, app).asker(by),
        })
    }
}
