//! Web push: a message for a browser that is not looking, through the push service that its maker runs (RFC 8030).
//!
//! | what | how |
//! |---|---|
//! | who sends | VAPID (RFC 8292): a signed token, made anew for each service's own origin, good for twelve hours |
//! | what it says | encrypted for the one browser (RFC 8291, `aes128gcm` of RFC 8188), padded to one length: the service reads nothing |
//! | where it goes | an address that a browser has told us, so a stranger's: only services that are known by name, only `https`, no port, no redirect, no address of a private network |
//!
//! Time and chance are arguments: the encryption is the same function in a test and in the program.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::{PublicKey, SecretKey};
use sha2::Sha256;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// Push services of the browsers that there are. A name that begins with a dot stands for every host below it.
pub const KNOWN_SERVICES: [&str; 6] = [
    "fcm.googleapis.com",
    "jmt17.google.com",
    "updates.push.services.mozilla.com",
    ".push.services.mozilla.com",
    ".notify.windows.com",
    ".push.apple.com",
];
/// Longest address of a subscription, in bytes.
pub const ENDPOINT_BYTES_MAX: usize = 1_024;
/// Longest message, in bytes: every service takes a body of 4,096, and this is what fits into it.
pub const MESSAGE_BYTES_MAX: usize = 3_000;
/// Plain bytes of a body, padded: all messages are equally long.
const PADDED_BYTES: usize = MESSAGE_BYTES_MAX + 1;
const RECORD_SIZE: u32 = 4_096;
/// How long a token of ours is good. The RFC allows a day.
const TOKEN_SECONDS: i64 = 12 * 3_600;
/// Longest pause that a service may ask of us.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(6 * 3_600);
const ANSWER_BYTES_MAX: u64 = 4 * 1_024;

/// Where a browser is reached, as it has told us.
#[derive(Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Checked by [`PushServices::endpoint`].
    pub endpoint: String,
    /// The browser's public key, 65 bytes.
    pub p256dh: Vec<u8>,
    /// The secret that it shares with us.
    pub auth: [u8; 16],
}

// Who knows the address and the secret can send as we do.
impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subscription(..)")
    }
}

impl Subscription {
    /// Whether its key is a point of the curve.
    pub fn has_a_key(&self) -> bool {
        self.p256dh.len() == 65 && PublicKey::from_sec1_bytes(&self.p256dh).is_ok()
    }
}

/// How soon the browser is to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    Normal,
    High,
}

/// A message for one browser.
pub struct PushMessage<'a> {
    pub plain: &'a [u8],
    /// How long the service keeps it for a browser that is away.
    pub life: Duration,
    pub urgency: Urgency,
    /// Of several with one topic that wait, the newest is enough. At most 32 characters of base64url.
    pub topic: Option<&'a str>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The service has taken it.
    Taken,
    /// There is no such subscription any more.
    Gone,
    /// Try again, not before so long where the service has said so.
    Later(Option<Duration>),
    /// The service will never take it.
    Refused(u16),
}

/// Which push services messages may go to.
#[derive(Clone, Debug)]
pub struct PushServices {
    names: Vec<String>,
    /// Origins on this machine: a service of one's own, a test.
    local: Vec<String>,
}

impl Default for PushServices {
    fn default() -> Self {
        PushServices::new(KNOWN_SERVICES.iter().map(|name| (*name).to_owned())).expect("names")
    }
}

impl PushServices {
    /// Host names, each perhaps with a dot before it for all hosts below it; or `http://127.0.0.1:PORT` for a service on this machine.
    /// Answers with the one that is neither.
    pub fn new(services: impl IntoIterator<Item = String>) -> Result<PushServices, String> {
        let (mut names, mut local) = (Vec::new(), Vec::new());
        for service in services {
            if is_local_origin(&service) {
                local.push(service);
            } else if is_host_name(service.strip_prefix('.').unwrap_or(&service)) {
                names.push(service.to_ascii_lowercase());
            } else {
                return Err(service);
            }
        }
        Ok(PushServices { names, local })
    }

    /// The origin of an address that messages may go to; None where they may not.
    pub fn endpoint(&self, endpoint: &str) -> Option<String> {
        if endpoint.len() > ENDPOINT_BYTES_MAX
            || !endpoint.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return None;
        }
        let uri: Uri = endpoint.parse().ok()?;
        let authority = uri.authority()?.as_str();
        let host = uri.host()?.to_ascii_lowercase();
        let origin = format!("{}://{authority}", uri.scheme_str()?);
        if self.local.contains(&origin) {
            return Some(origin);
        }
        let is_known = self.names.iter().any(|name| match name.starts_with('.') {
            true => host.ends_with(name.as_str()),
            false => host == *name,
        });
        // No user, no port, nothing but the name: `https://fcm.googleapis.com@evil.example/` names another host.
        let is_plain = authority.eq_ignore_ascii_case(&host);
        (uri.scheme_str() == Some("https") && is_known && is_plain)
            .then(|| format!("https://{host}"))
    }
}

fn is_local_origin(service: &str) -> bool {
    let host = service.strip_prefix("http://");
    host.and_then(|host| host.parse::<SocketAddr>().ok())
        .is_some_and(|address| address.ip().is_loopback())
}

fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.contains('.')
        && name.len() <= 253
        && name.split('.').all(is_label)
        // No address in numbers.
        && name.rsplit('.').next().is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What says that a message is ours: the key that browsers were told when they subscribed.
pub struct VapidKey {
    signing: SigningKey,
    public: Vec<u8>,
    contact: String,
}

impl VapidKey {
    /// `contact` is where a service that has a question about us asks: `mailto:` or `https:`. None for bytes that are no key: one draw of four
    /// thousand million.
    pub fn new(secret: &[u8; 32], contact: &str) -> Option<VapidKey> {
        let secret = SecretKey::from_slice(secret).ok()?;
        Some(VapidKey {
            public: secret.public_key().to_sec1_bytes().to_vec(),
            signing: SigningKey::from(secret),
            contact: contact.to_owned(),
        })
    }

    /// As browsers want it: an uncompressed point, 65 bytes.
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// What stands in `Authorization` before the service of this origin, and is worth nothing before another.
    pub fn authorization(&self, origin: &str, now_seconds: i64) -> String {
        let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let head = part(serde_json::json!({ "typ": "JWT", "alg": "ES256" }));
        let claims = part(serde_json::json!({
            "aud": origin,
            "exp": now_seconds + TOKEN_SECONDS,
            "sub": self.contact,
        }));
        let mut token = format!("{head}.{claims}");
        let signature: Signature = self.signing.sign(token.as_bytes());
        let _ = write!(token, ".{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()));
        format!(
            "vapid t={token}, k={}",
            URL_SAFE_NO_PAD.encode(&self.public)
        )
    }
}

/// What is drawn for one message.
#[derive(Clone)]
pub struct PushChance {
    /// The key pair of this one message.
    pub key: [u8; 32],
    pub salt: [u8; 16],
}

/// Encrypts a message for one browser, in one record (RFC 8291). `padded_to` plain bytes in all, the mark behind the message counted in; None
/// where the browser's key is no key, the message too long, or the draw no key.
pub fn encrypt(
    to: &Subscription,
    plain: &[u8],
    padded_to: usize,
    chance: &PushChance,
) -> Option<Vec<u8>> {
    if plain.len() >= padded_to {
        return None;
    }
    let theirs = PublicKey::from_sec1_bytes(&to.p256dh).ok()?;
    let ours = SecretKey::from_slice(&chance.key).ok()?;
    let our_public = ours.public_key().to_sec1_bytes();
    let shared = ours.diffie_hellman(&theirs);
    let mut info = b"WebPush: info\0".to_vec();
    info.extend_from_slice(&to.p256dh);
    info.extend_from_slice(&our_public);
    let mut ikm = [0; 32];
    Hkdf::<Sha256>::new(Some(&to.auth), shared.raw_secret_bytes())
        .expand(&info, &mut ikm)
        .ok()?;
    let derived = Hkdf::<Sha256>::new(Some(&chance.salt), &ikm);
    let (mut key, mut nonce) = ([0; 16], [0; 12]);
    derived
        .expand(b"Content-Encoding: aes128gcm\0", &mut key)
        .ok()?;
    derived
        .expand(b"Content-Encoding: nonce\0", &mut nonce)
        .ok()?;
    let mut record = plain.to_vec();
    record.push(2); // the mark of the last record
    record.resize(padded_to, 0);
    let sealed = Aes128Gcm::new(&key.into())
        .encrypt(&Nonce::from(nonce), &record[..])
        .ok()?;
    let mut body = Vec::with_capacity(21 + our_public.len() + sealed.len());
    body.extend_from_slice(&chance.salt);
    body.extend_from_slice(&RECORD_SIZE.to_be_bytes());
    body.push(u8::try_from(our_public.len()).ok()?);
    body.extend_from_slice(&our_public);
    body.extend_from_slice(&sealed);
    Some(body)
}

/// Sends to push services. Calls block; use it from worker threads.
pub struct PushGateway {
    services: PushServices,
    agent: ureq::Agent,
    /// For a service on this machine, which no proxy and no check of addresses stands before.
    local: ureq::Agent,
    key: VapidKey,
}

impl PushGateway {
    /// Opens no connection yet. `patience` is the time for one message, from connecting to the last byte of the answer.
    pub fn new(services: PushServices, key: VapidKey, patience: Duration) -> PushGateway {
        let config = || {
            ureq::Agent::config_builder()
                .timeout_global(Some(patience))
                // A redirect would carry the message where nobody has looked.
                .max_redirects(0)
                .http_status_as_error(false)
                .user_agent("mamori")
        };
        PushGateway {
            services,
            agent: ureq::Agent::with_parts(
                config().https_only(true).build(),
                DefaultConnector::default(),
                PublicAddresses(DefaultResolver::default()),
            ),
            local: config().proxy(None).build().into(),
            key,
        }
    }

    /// The key that browsers subscribe with.
    pub fn key(&self) -> &VapidKey {
        &self.key
    }

    /// The services that messages may go to.
    pub fn services(&self) -> &PushServices {
        &self.services
    }

    /// Hands over one message. Nothing is repeated here: that is the outbox's decision.
    pub fn send(
        &self,
        to: &Subscription,
        message: &PushMessage,
        now_seconds: i64,
        chance: &PushChance,
    ) -> Pushed {
        let Some(origin) = self.services.endpoint(&to.endpoint) else {
            return Pushed::Refused(0);
        };
        let Some(body) = encrypt(to, message.plain, PADDED_BYTES, chance) else {
            return Pushed::Refused(0);
        };
        let agent = match self.services.local.contains(&origin) {
            true => &self.local,
            false => &self.agent,
        };
        let mut request = agent
            .post(&to.endpoint)
            .header(
                "authorization",
                self.key.authorization(&origin, now_seconds),
            )
            .header("content-encoding", "aes128gcm")
            .header("content-type", "application/octet-stream")
            .header("ttl", message.life.as_secs().to_string())
            .header(
                "urgency",
                match message.urgency {
                    Urgency::Normal => "normal",
                    Urgency::High => "high",
                },
            );
        if let Some(topic) = message.topic {
            request = request.header("topic", topic);
        }
        let Ok(mut answer) = request.send(&body[..]) else {
            return Pushed::Later(None);
        };
        let status = answer.status().as_u16();
        let retry_after = answer
            .headers()
            .get("retry-after")
            .and_then(|text| text.to_str().ok()?.trim().parse().ok())
            .map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
        // What it says is for nobody; read so that the connection can be used again.
        let read = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        let _ = read.read_to_vec();
        match status {
            200..=299 => Pushed::Taken,
            404 | 410 => Pushed::Gone,
            408 | 429 | 500..=599 => Pushed::Later(retry_after),
            _ => Pushed::Refused(status),
        }
    }
}

/// Finds addresses, and leaves out those that are not of the public network: a name that a stranger controls may lead anywhere.
#[derive(Debug)]
struct PublicAddresses(DefaultResolver);

impl Resolver for PublicAddresses {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut public = self.empty();
        for address in &self.0.resolve(uri, config, timeout)? {
            if is_public(address.ip()) {
                public.push(*address);
            }
        }
        match public.is_empty() {
            true => Err(ureq::Error::HostNotFound),
            false => Ok(public),
        }
    }
}

/// Whether an address belongs to the public network.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => is_public_v4(four),
        IpAddr::V6(six) => match six.to_ipv4_mapped() {
            Some(four) => is_public_v4(four),
            None => is_public_v6(six),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || first == 0
        || first >= 240
        || (first, second) == (100, second) && (64..128).contains(&second)
        || (first, second) == (198, 18)
        || (first, second) == (198, 19)
        || (first, second, third) == (192, 0, 0))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Of all prefixes one is given out to the public; what lies in it for documents, tunnels to IPv4 and translation is left out.
    (first & 0xe000) == 0x2000
        && first != 0x2002
        && (first, second) != (0x2001, 0x0db8)
        && (first, second) != (0x2001, 0)
        && !address.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).expect("base64url")
    }

    /// RFC 8291, appendix A: every byte of the body.
    #[test]
    fn the_example_of_the_rfc_comes_out_byte_for_byte() {
        let to = Subscription {
            endpoint: "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV".into(),
            p256dh: bytes(
                "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            ),
            auth: bytes("BTBZMqHH6r4Tts7J_aSIgg").try_into().expect("16"),
        };
        let chance = PushChance {
            key: bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
                .try_into()
                .expect("32"),
            salt: bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().expect("16"),
        };
        let plain = b"When I grow up, I want to be a watermelon";
        let body = encrypt(&to, plain, plain.len() + 1, &chance).expect("keys");
        assert_eq!(
            URL_SAFE_NO_PAD.encode(body),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn messages_of_any_length_look_the_same_from_outside() {
        let to = Subscription {
            endpoint: String::new(),
            p256dh: SecretKey::from_slice(&[7; 32])
                .expect("a key")
                .public_key()
                .to_sec1_bytes()
                .to_vec(),
            auth: [1; 16],
        };
        let chance = PushChance {
            key: [9; 32],
            salt: [3; 16],
        };
        let length =
            |plain: &[u8]| encrypt(&to, plain, PADDED_BYTES, &chance).map(|body| body.len());
        assert_eq!(length(b"a"), length(&[b'a'; MESSAGE_BYTES_MAX]));
        assert!(length(b"a").is_some_and(|all| all <= 4_096));
        assert_eq!(length(&[b'a'; MESSAGE_BYTES_MAX + 1]), None);
    }

    #[test]
    fn messages_go_to_known_services_alone() {
        let services = PushServices::default();
        for (endpoint, origin) in [
            (
                "https://fcm.googleapis.com/fcm/send/abc:def",
                Some("https://fcm.googleapis.com"),
            ),
            (
                "https://updates.push.services.mozilla.com/wpush/v2/x",
                Some("https://updates.push.services.mozilla.com"),
            ),
            (
                "https://web.push.apple.com/Qx",
                Some("https://web.push.apple.com"),
            ),
            (
                "https://wns2-par02p.notify.windows.com/w/?token=x",
                Some("https://wns2-par02p.notify.windows.com"),
            ),
            ("http://fcm.googleapis.com/fcm/send/abc", None),
            ("https://fcm.googleapis.com:8443/fcm/send/abc", None),
            ("https://fcm.googleapis.com@evil.example/x", None),
            ("https://evil.example/fcm.googleapis.com", None),
            ("https://evilfcm.googleapis.com/x", None),
            ("https://fcm.googleapis.com.evil.example/x", None),
            ("https://push.apple.com.evil.example/x", None),
            ("https://127.0.0.1/x", None),
            ("https://[::1]/x", None),
            ("https://169.254.169.254/latest/meta-data", None),
            ("http://127.0.0.1:9/x", None),
            ("file:///etc/passwd", None),
            ("https://fcm.googleapis.com/\r\nx: y", None),
            ("", None),
        ] {
            assert_eq!(services.endpoint(endpoint).as_deref(), origin, "{endpoint}");
        }
        let long = format!(
            "https://fcm.googleapis.com/{}",
            "x".repeat(ENDPOINT_BYTES_MAX)
        );
        assert_eq!(services.endpoint(&long), None);
    }

    #[test]
    fn a_service_on_this_machine_is_believed_where_it_is_named_and_a_number_is_no_name() {
        let named = |name: &str| PushServices::new([name.to_owned()]);
        let local = named("http://127.0.0.1:4405").expect("this machine");
        assert!(local.endpoint("http://127.0.0.1:4405/push/x").is_some());
        assert!(local.endpoint("http://127.0.0.1:4406/push/x").is_none());
        assert!(
            local
                .endpoint("http://127.0.0.1:4405@evil.example/x")
                .is_none()
        );
        for wrong in [
            "http://10.0.0.1:80",
            "10.0.0.1",
            "localhost",
            "*",
            "",
            "https://push.example",
            "a..b",
        ] {
            assert!(named(wrong).is_err(), "{wrong}");
        }
        assert!(named(".push.example").is_ok());
    }

    #[test]
    fn addresses_of_private_networks_are_no_push_service() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.0.8",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:db8::1",
        ] {
            assert!(!is_public(inside.parse().expect("an address")), "{inside}");
        }
        for outside in ["142.250.196.10", "100.128.0.1", "2404:6800:4004:80a::200a"] {
            assert!(is_public(outside.parse().expect("an address")), "{outside}");
        }
    }

    #[test]
    fn a_token_names_the_one_service_it_is_for_and_lasts_less_than_a_day() {
        let key = VapidKey::new(&[5; 32], "https://wallet.example.jp").expect("a key");
        let claims = |origin| {
            let text = key.authorization(origin, 1_000_000);
            let token = text
                .strip_prefix("vapid t=")
                .and_then(|rest| rest.split_once(", k="));
            let (token, public) = token.expect("both parts");
            assert_eq!(bytes(public), key.public());
            let claims = token.split('.').nth(1).expect("three parts");
            serde_json::from_slice::<serde_json::Value>(&bytes(claims)).expect("json")
        };
        let first = claims("https://fcm.googleapis.com");
        assert_eq!(first["aud"], "https://fcm.googleapis.com");
        assert_eq!(first["exp"], 1_000_000 + TOKEN_SECONDS);
        assert_eq!(first["sub"], "https://wallet.example.jp");
        assert_eq!(
            claims("https://web.push.apple.com")["aud"],
            "https://web.push.apple.com"
        );
        const { assert!(TOKEN_SECONDS <= 24 * 3_600) };
    }
}
