//! The network that a request comes from, as a keyed hash; and whose address it is behind a proxy of ours.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Once};

use axum::http::{HeaderMap, HeaderName};
use mamori_datastore::keys::Secret;
use mamori_domain::context::{NetworkOrigin, PrefixKind};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Hops that are walked back. Nobody has so many proxies of their own; a list that is longer is somebody's play.
const HOPS_MAX: usize = 16;
/// The shortest prefixes that are taken for somebody's own network: shorter ones believe half the world.
const V4_BITS_MIN: u8 = 8;
const V6_BITS_MIN: u8 = 16;

/// An address, or all addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Prefix {
    address: IpAddr,
    bits: u8,
}

impl Prefix {
    /// `203.0.113.7`, `10.0.0.0/8`, `2001:db8::/48`. None for what is neither, for bits set behind the prefix, and for a prefix
    /// so short that strangers are in it.
    fn parse(text: &str) -> Option<Prefix> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (bits_min, bits_max) = match address {
            IpAddr::V4(_) => (V4_BITS_MIN, 32),
            IpAddr::V6(_) => (V6_BITS_MIN, 128),
        };
        let bits = match bits {
            Some(bits) => bits.parse().ok()?,
            None => bits_max,
        };
        let prefix = Prefix { address, bits };
        let usable = (bits_min..=bits_max).contains(&bits)
            && address == address.to_canonical()
            && number(address).trailing_zeros() >= u32::from(bits_max - bits);
        usable.then_some(prefix)
    }

    fn holds(self, address: IpAddr) -> bool {
        let width = match (self.address, address) {
            (IpAddr::V4(_), IpAddr::V4(_)) => 32,
            (IpAddr::V6(_), IpAddr::V6(_)) => 128,
            _ => return false,
        };
        let differing = number(self.address) ^ number(address);
        differing.checked_shr(width - u32::from(self.bits)) == Some(0)
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The proxies in front, whose word about where a request came from is believed. Nobody else's is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Prefix>);

impl TrustedProxies {
    /// From addresses and prefixes; the first text that is none comes back.
    pub fn parse(texts: &[String]) -> Result<TrustedProxies, &str> {
        let parsed = texts
            .iter()
            .map(|text| Prefix::parse(text).ok_or(text.as_str()));
        parsed.collect::<Result<_, _>>().map(TrustedProxies)
    }

    fn hold(&self, address: IpAddr) -> bool {
        self.0.iter().any(|prefix| prefix.holds(address))
    }

    /// Whether this looks like a proxy of the operator's that was forgotten: an address of the own network or machine that speaks for
    /// another one. From outside anybody can write the header.
    fn misses(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let peer = peer.to_canonical();
        let is_inside = match peer {
            IpAddr::V4(address) => address.is_private() || address.is_loopback(),
            IpAddr::V6(address) => address.is_unique_local() || address.is_loopback(),
        };
        is_inside && headers.contains_key(X_FORWARDED_FOR) && !self.hold(peer)
    }

    /// Whose request it is: the first address, seen from us, that is no proxy of ours. Each proxy writes whom it heard behind
    /// what it was told, so the list is read from its end, and only while those who wrote it are ours. Where it ends, or an entry
    /// is no address, the last one that is known is the answer.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut known = peer.to_canonical();
        if !self.hold(known) {
            return known;
        }
        let lines = headers.get_all(X_FORWARDED_FOR).into_iter();
        let hops = lines
            .rev()
            .flat_map(|line| line.as_bytes().rsplit(|&byte| byte == b','));
        for hop in hops.take(HOPS_MAX) {
            let Some(address) = hop_address(hop) else {
                return known;
            };
            known = address;
            if !self.hold(known) {
                return known;
            }
        }
        known
    }
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    Some(address.or_else(with_port)?.to_canonical())
}

/// Turns addresses into [`NetworkOrigin`]s: equal prefixes are told, an address is not.
#[derive(Clone)]
pub struct Origins {
    key: Arc<Secret>,
    proxies: Arc<TrustedProxies>,
    /// Said once: a proxy in front that nobody named.
    unnamed: Arc<Once>,
}

impl Origins {
    /// `key` is the store's network key.
    pub fn new(key: Secret, proxies: TrustedProxies) -> Origins {
        Origins {
            key: Arc::new(key),
            proxies: Arc::new(proxies),
            unnamed: Arc::new(Once::new()),
        }
    }

    /// Whose request it is that came over a connection from `peer` with these headers.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if self.proxies.misses(peer, headers) {
            self.unnamed.call_once(|| {
                tracing::warn!(
                    "a proxy in front is not named in trusted_proxies: all who come through it count as one network"
                );
            });
        }
        self.proxies.client(peer, headers)
    }

    /// Whether a peer speaks for others, so that each of its requests must be looked at.
    pub fn is_proxy(&self, peer: IpAddr) -> bool {
        self.proxies.hold(peer.to_canonical())
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

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn proxies(texts: &[&str]) -> TrustedProxies {
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        TrustedProxies::parse(&texts).expect("usable")
    }

    /// Whom a proxy at 10.0.0.1 speaks for, with these header lines.
    fn told(trusted: &[&str], lines: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            let line = axum::http::HeaderValue::from_bytes(line).expect("a header");
            headers.append(X_FORWARDED_FOR, line);
        }
        proxies(trusted)
            .client(address("10.0.0.1"), &headers)
            .to_string()
    }

    #[test]
    fn nobody_is_believed_who_is_not_named() {
        assert_eq!(told(&[], &[b"203.0.113.7"]), "10.0.0.1");
        assert_eq!(told(&["10.0.0.2"], &[b"203.0.113.7"]), "10.0.0.1");
        assert_eq!(told(&["10.0.0.1"], &[b"203.0.113.7"]), "203.0.113.7");
    }

    #[test]
    fn a_proxy_on_the_own_network_that_was_forgotten_is_noticed() {
        let headers = |lines: &[(HeaderName, &'static str)]| {
            let pairs = lines.iter().cloned();
            let typed =
                pairs.map(|(name, value)| (name, axum::http::HeaderValue::from_static(value)));
            typed.collect::<HeaderMap>()
        };
        let (forwarded, plain) = (headers(&[(X_FORWARDED_FOR, "203.0.113.7")]), headers(&[]));
        for (trusted, peer, is_missed) in [
            (&[][..], "10.0.0.1", true),
            (&[], "127.0.0.1", true),
            (&[], "::ffff:192.168.1.1", true),
            (&[], "fd00::1", true),
            (&["10.0.0.1"], "10.0.0.1", false),
            // Anybody outside can write the header.
            (&[], "198.51.100.9", false),
            (&[], "2001:db8::1", false),
        ] {
            let proxies = proxies(trusted);
            assert_eq!(
                proxies.misses(address(peer), &forwarded),
                is_missed,
                "{peer}"
            );
            assert!(!proxies.misses(address(peer), &plain), "{peer}");
        }
    }

    #[test]
    fn the_client_is_the_first_from_the_right_that_is_no_proxy_of_ours() {
        let ours = ["10.0.0.0/8", "2001:db8:1::/48"];
        for (lines, client) in [
            (
                &[b"198.51.100.9, 203.0.113.7".as_slice()][..],
                "203.0.113.7",
            ),
            (&[b"198.51.100.9,203.0.113.7 , 10.9.9.9"], "203.0.113.7"),
            (&[b"198.51.100.9", b"203.0.113.7, 10.2.0.1"], "203.0.113.7"),
            (&[b"203.0.113.7:4711"], "203.0.113.7"),
            (&[b"[2001:db8:2::7]:4711, 2001:db8:1::9"], "2001:db8:2::7"),
            (&[b"[2001:db8:2::7]"], "2001:db8:2::7"),
            (&[b"::ffff:203.0.113.7"], "203.0.113.7"),
            // Nothing but our own: the farthest that is known.
            (&[b"10.5.5.5, 10.0.0.3"], "10.5.5.5"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(told(&ours, lines), client, "{lines:?}");
        }
    }

    #[test]
    fn what_is_no_address_ends_the_walk_at_the_last_that_is_known() {
        let ours = ["10.0.0.0/8"];
        for garbage in [
            b"".as_slice(),
            b",",
            b"unknown",
            b"203.0.113.7, ",
            b"999.1.1.1",
            b"203.0.113.7:99999",
            b"\xff\xfe",
            b"_hidden, for=203.0.113.7",
        ] {
            assert_eq!(told(&ours, &[garbage]), "10.0.0.1", "{garbage:?}");
        }
        assert_eq!(told(&ours, &[b"203.0.113.7, x, 10.0.0.4"]), "10.0.0.4");
    }

    #[test]
    fn a_thousand_hops_are_not_walked_back() {
        let mut long = "10.0.0.5,".repeat(1_000);
        long.insert_str(0, "203.0.113.7,");
        let long = long.trim_end_matches(',').as_bytes();
        assert_eq!(told(&["10.0.0.0/8"], &[long]), "10.0.0.5");
        let many: Vec<&[u8]> = vec![b"10.0.0.6"; 100];
        assert_eq!(told(&["10.0.0.0/8"], &many), "10.0.0.6");
    }

    #[test]
    fn a_prefix_that_would_believe_strangers_is_none() {
        for usable in [
            "10.0.0.0/8",
            "192.0.2.1",
            "192.0.2.1/32",
            "::1",
            "fd00::/16",
        ] {
            assert!(Prefix::parse(usable).is_some(), "{usable}");
        }
        for wrong in [
            "",
            "proxy",
            "0.0.0.0/0",
            "::/0",
            "10.0.0.0/7",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0.0/",
            "fd00::1/16",
            "fd00::/129",
            "::ffff:10.0.0.1",
            "10.0.0.1:80",
            " 10.0.0.1",
        ] {
            assert_eq!(Prefix::parse(wrong), None, "{wrong}");
        }
        let own = Prefix::parse("fd00:1::/32").expect("a prefix");
        assert!(own.holds(address("fd00:1:ffff::1")) && !own.holds(address("fd00:2::1")));
        assert!(!own.holds(address("10.0.0.1")));
    }

    #[test]
    fn neighbours_share_an_origin_and_strangers_do_not() {
        let origins = Origins::new(
            MasterKey::from_bytes([1; 32]).network_key(),
            TrustedProxies::default(),
        );
        let of = |text: &str| origins.of(text.parse().expect("an address"));
        assert_eq!(of("203.0.113.7"), of("203.0.113.200"));
        assert_eq!(of("::ffff:203.0.113.7"), of("203.0.113.7"));
        assert_ne!(of("203.0.113.7"), of("203.0.114.7"));
        assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:ffff::9"));
        assert_ne!(of("2001:db8:1::"), of("2001:db8:2::"));
        assert_eq!(of("127.0.0.1"), of("::1"));
        let other = Origins::new(
            MasterKey::from_bytes([2; 32]).network_key(),
            TrustedProxies::default(),
        );
        let address = "203.0.113.7".parse().expect("an address");
        assert_ne!(other.of(address), of("203.0.113.7"), "keyed");
    }
}
