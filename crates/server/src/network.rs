//! Where on the network a request comes from, as a keyed hash of its prefix.

use std::net::IpAddr;
use std::sync::Arc;

use mamori_datastore::keys::Secret;
use mamori_domain::context::{NetworkOrigin, PrefixKind};

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
