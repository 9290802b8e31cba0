//! What pages need to know of push: the key that browsers subscribe with, and which push services are believed.

use mamori_connectors::push::{PushServices, Subscription};
use mamori_registry::PushAddress;

/// The edge's part of web push. The other one carries messages (`mamori_flows::delivery`).
pub struct PushDesk {
    key: Vec<u8>,
    services: PushServices,
}

impl PushDesk {
    /// `key` is the public one, uncompressed.
    pub fn new(key: Vec<u8>, services: PushServices) -> PushDesk {
        PushDesk { key, services }
    }

    /// The key that browsers subscribe with.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// An address as a browser tells it; the field that is wrong otherwise. A stranger's address is believed to be a push service only where
    /// its name is known.
    pub fn address(
        &self,
        endpoint: &str,
        p256dh: Vec<u8>,
        auth: &[u8],
    ) -> Result<PushAddress, &'static str> {
        self.services.endpoint(endpoint).ok_or("endpoint")?;
        let to = Subscription {
            endpoint: endpoint.to_owned(),
            p256dh,
            auth: auth.try_into().map_err(|_| "auth")?,
        };
        if !to.has_a_key() {
            return Err("p256dh");
        }
        Ok(PushAddress {
            endpoint: to.endpoint,
            p256dh: to.p256dh,
            auth: to.auth,
        })
    }
}
