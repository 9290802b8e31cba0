//! Where a request comes from: the network as a keyed hash, the family of the browser, a name of its own.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use mamori_datastore::keys::Secret;
use mamori_domain::context::{
    Actor, AgentFamily, Asker, Context, NetworkOrigin, PrefixKind, RequestId, SystemReason,
};

use crate::answer::Denial;
use crate::app::App;
use crate::listen::Cord;
use crate::route_table::{Demand, Gate};

/// Turns addresses into [`NetworkOrigin`]s: equal prefixes are told, an address is not.
#[derive(Clone)]
pub struct Origins {
    key: Arc<Secret>,
}

impl Origins {
    /// `key` is the store's network key.
    pub fn new(key: Secret) -> Origins {
        Origins { key: Arc::new(key) }
    }

    /// The origin of a peer's address. IPv4 is cut to 24 bits and IPv6 to 48: what a provider gives one customer or site.
    pub fn of(&self, address: IpAddr) -> NetworkOrigin {
        let address = address.to_canonical();
        let (prefix, octets) = match address {
            _ if address.is_loopback() => (PrefixKind::Loopback, Vec::new()),
            IpAddr::V4(address) => (PrefixKind::V4, address.octets()[..3].to_vec()),
            IpAddr::V6(address) => (PrefixKind::V6, address.octets()[..6].to_vec()),
        };
        let hash = self
            .key
            .mac(&[b"network", prefix.word().as_bytes(), &octets]);
        NetworkOrigin {
            hash: u64::from_be_bytes(std::array::from_fn(|at| hash[at])),
            prefix,
        }
    }
}

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

/// A visitor of whom nothing is demanded: the program acts on the way to a customer, and the context says from where.
#[derive(Clone, Copy, Debug)]
pub struct Visitor {
    pub asker: Asker,
    /// Of this request, for one who becomes somebody while it runs.
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

#[cfg(test)]
mod tests {
    use super::*;
    use mamori_datastore::keys::MasterKey;

    #[test]
    fn neighbours_share_an_origin_and_strangers_do_not() {
        let origins = Origins::new(MasterKey::from_bytes([1; 32]).network_key());
        let of = |text: &str| origins.of(text.parse().expect("an address"));
        assert_eq!(of("203.0.113.7"), of("203.0.113.200"));
        assert_eq!(of("::ffff:203.0.113.7"), of("203.0.113.7"));
        assert_ne!(of("203.0.113.7"), of("203.0.114.7"));
        assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:ffff::9"));
        assert_ne!(of("2001:db8:1::"), of("2001:db8:2::"));
        assert_eq!(of("127.0.0.1"), of("::1"));
        let other = Origins::new(MasterKey::from_bytes([2; 32]).network_key());
        let address = "203.0.113.7".parse().expect("an address");
        assert_ne!(other.of(address), of("203.0.113.7"), "keyed");
    }
}
