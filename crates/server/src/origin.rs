//! Where a request comes from: the network as a keyed hash, the family of the browser, a name of its own.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use mamori_domain::context::{
    Actor, AgentFamily, Asker, Context, NetworkOrigin, PrefixKind, RequestId, SystemReason,
};

use crate::answer::Denial;
use crate::app::App;
use crate::listen::Cord;
use crate::route_table::{Demand, Gate};

/// What is known of a request before it is known who asks.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    client: Option<IpAddr>,
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

    /// What a stranger is counted by: the address, of IPv6 what one household gets, and the prefix as contexts name it. None for
    /// the machine itself, which is everybody behind a proxy that nobody named.
    pub fn stranger(&self) -> Option<(IpAddr, u64)> {
        let (client, network) = (self.client?, self.network?);
        let household = match client {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            IpAddr::V4(_) => client,
        };
        (network.prefix != PrefixKind::Loopback).then_some((household, network.hash))
    }

    /// Of a request's head.
    pub fn of(parts: &Parts, app: &App) -> Origin {
        let peer = parts.extensions.get::<Cord>().and_then(Cord::peer);
        let agent = parts
            .headers
            .get(USER_AGENT)
            .and_then(|agent| agent.to_str().ok());
        let client = peer.map(|peer| app.origins.client(peer, &parts.headers));
        Origin {
            client,
            network: client.map(|client| app.origins.of(client)),
            agent: AgentFamily::of(agent.unwrap_or("")),
            request: RequestId(u64::from_be_bytes(app.outside.bytes()) >> 1),
        }
    }
}

/// A visitor of whom nothing is demanded: the program acts on the way to a customer, and the context says from where.
#[derive(Clone, Copy, Debug)]
pub struct Visitor {
    pub asker: Asker,
    /// Of this request, for a visitor who becomes a customer or a device while it runs.
    pub origin: Origin,
}

impl Gate for Visitor {
    const DEMAND: Demand = Demand::Anybody;
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Denial> {
        let origin = Origin::of(parts, app);
        Ok(Visitor {
            asker: origin.asker(Actor::system(SystemReason::SignUp)),
            origin,
        })
    }
}
