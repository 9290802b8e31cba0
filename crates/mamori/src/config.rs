//! Configuration of a live instance: one file, read once, validated whole, passed on as parts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use hyper::Uri;
use mamori_codes::payment_code::IssuerPrefix;
use mamori_connectors::openid::{ClientKey, ClientProof};
use mamori_connectors::push::{KNOWN_SERVICES, PushServices};
use mamori_connectors::secret::Secret;
use mamori_domain::decide::Limits;
use mamori_domain::money::Amount;
use mamori_registry::SendBudget;
use mamori_server::about::About;
use mamori_server::network::TrustedProxies;
use mamori_server::password_list::Leaked;
use serde::{Deserialize, Serialize};

use crate::assembly::ExternalAccount;
use crate::world::Failure;

/// `mamori.json` in the data directory, mode 0600: it holds the processor's and gateways' secrets.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub wallet: Surface,
    pub till: Surface,
    pub console: Surface,
    /// Where the merchant API listens, `127.0.0.1:8403`. TLS is ended by a proxy in front.
    pub api_listen: String,
    /// The proxies in front: addresses or prefixes (`10.0.0.0/8`) whose `X-Forwarded-For` says whose request it is. Nobody else's
    /// is believed, so a proxy that is not named here is taken for the one client of all.
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    /// First eight digits of payment codes.
    pub issuer_prefix: String,
    /// What customers read under *Help* and before they sign up: who runs this wallet, and how to reach them.
    #[serde(default)]
    pub operator_name: Option<String>,
    /// A mail address, a telephone number, the address of a page or a sentence.
    #[serde(default)]
    pub operator_contact: Option<String>,
    /// `https://example.jp/terms`; without it a short text of the program's own is shown.
    #[serde(default)]
    pub terms_url: Option<String>,
    #[serde(default)]
    pub privacy_url: Option<String>,
    /// A filter of leaked passwords that `mamori password-list build` made. Without it the list that ships is all there is.
    #[serde(default)]
    pub password_list: Option<PathBuf>,
    /// A public service that is asked besides, by the first five digits of a hash: `https://api.pwnedpasswords.com`.
    #[serde(default)]
    pub password_range_url: Option<String>,
    /// Providers of external IDs (OpenID Connect), in the order in which customers see them.
    #[serde(default)]
    pub external_ids: Vec<ExternalIdConfig>,
    #[serde(default)]
    pub rules: RulesConfig,
    pub card: CardConfig,
    pub sms: SmsSettings,
    pub mail: MailSettings,
    #[serde(default)]
    pub push: PushSettings,
}

/// A surface: where it listens and what browsers call it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surface {
    /// `127.0.0.1:8400`.
    pub listen: String,
    /// `https://wallet.example.jp`.
    pub origin: String,
    /// The WebAuthn relying-party id: the origin's host or a parent domain. Not used by tills.
    #[serde(default)]
    pub relying_party_id: String,
}

/// A provider of external IDs, as the operator has registered with it. It knows `https://WALLET/external-id` as the address to return
/// to.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalIdConfig {
    /// What customers know it by.
    pub name: String,
    /// `https://id.example`, letter by letter as its discovery document says it.
    pub issuer: String,
    pub client_id: String,
    /// For `client_secret_basic`.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// For `private_key_jwt`: a file with a private JSON Web Key on P-256.
    #[serde(default)]
    pub private_key_file: Option<PathBuf>,
    /// Oldest sign-in there that is taken.
    #[serde(default)]
    pub max_age_seconds: Option<u32>,
}

/// Bounds in yen and seconds.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulesConfig {
    pub balance_cap_yen: u64,
    pub charge_max_yen: u64,
    pub top_up_min_yen: u64,
    pub top_up_max_yen: u64,
    pub code_life_seconds: u32,
}

impl Default for RulesConfig {
    fn default() -> Self {
        let rules = Limits::default();
        RulesConfig {
            balance_cap_yen: rules.balance_cap.minor(),
            charge_max_yen: rules.charge_max.minor(),
            top_up_min_yen: rules.top_up_min.minor(),
            top_up_max_yen: rules.top_up_max.minor(),
            code_life_seconds: rules.code_life_seconds,
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardConfig {
    pub base_url: String,
    pub api_key: String,
    pub webhook_secret: String,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsSettings {
    pub base_url: String,
    pub account: String,
    pub token: String,
    pub from: String,
    /// Countries whose numbers get SMS, by the digits behind the `+`, each with the messages that may leave in an hour. All
    /// others get none.
    #[serde(default = "default_countries")]
    pub countries: BTreeMap<String, u32>,
}

fn default_countries() -> BTreeMap<String, u32> {
    BTreeMap::from([("81".into(), 1_000)])
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailSettings {
    pub host: String,
    pub port: u16,
    /// `none`, `starttls` or `tls`.
    pub security: String,
    #[serde(default)]
    pub user: Option<String>,
    #[serde(default)]
    pub password: Option<String>,
    pub from_name: String,
    pub from_address: String,
    pub hello_name: String,
    /// One-time codes that may leave by mail in an hour.
    #[serde(default = "default_mails_per_hour")]
    pub codes_per_hour: u32,
}

/// Web push. It works without a word in the file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PushSettings {
    /// Push services that are believed beside those of the browsers' makers: host names, `.push.example` for all hosts below one, or
    /// `http://127.0.0.1:PORT` for one on this machine.
    pub more_services: Vec<String>,
    /// Whom a push service asks that has a question: `mailto:` or `https:`. The wallet's address unless it is given.
    pub contact: Option<String>,
    /// Another number makes another key: every browser subscribes anew when its owner opens the wallet.
    pub key_number: u32,
}

impl Default for PushSettings {
    fn default() -> Self {
        PushSettings {
            more_services: Vec::new(),
            contact: None,
            key_number: 1,
        }
    }
}

fn default_mails_per_hour() -> u32 {
    2_000
}

/// Characters of what an operator says of itself.
const WORDS_CHARS_MAX: usize = 200;

fn wrong(key: &str, value: &str, example: &str) -> Failure {
    format!("mamori.json: {key} is {value:?}, which cannot be used; an example: {example:?}").into()
}

impl Config {
    /// What `mamori init` writes: everything an operator must fill in, with values that are plainly examples.
    pub fn example() -> Config {
        let surface = |name: &str, port: u16| Surface {
            listen: format!("127.0.0.1:{port}"),
            origin: format!("https://{name}.example.jp"),
            relying_party_id: if name == "till" {
                String::new()
            } else {
                format!("{name}.example.jp")
            },
        };
        Config {
            wallet: surface("wallet", 8400),
            till: surface("till", 8401),
            console: surface("console", 8402),
            api_listen: "127.0.0.1:8403".into(),
            trusted_proxies: Vec::new(),
            issuer_prefix: "90009900".into(),
            operator_name: None,
            operator_contact: None,
            terms_url: None,
            privacy_url: None,
            password_list: None,
            password_range_url: None,
            external_ids: Vec::new(),
            rules: RulesConfig::default(),
            card: CardConfig {
                base_url: "https://api.processor.example".into(),
                api_key: String::new(),
                webhook_secret: String::new(),
            },
            sms: SmsSettings {
                base_url: "https://sms.example".into(),
                account: String::new(),
                token: String::new(),
                from: "Mamori".into(),
                countries: default_countries(),
            },
            mail: MailSettings {
                host: "127.0.0.1".into(),
                port: 25,
                security: "none".into(),
                user: None,
                password: None,
                from_name: "Mamori".into(),
                from_address: "no-reply@example.jp".into(),
                hello_name: "mamori.example.jp".into(),
                codes_per_hour: default_mails_per_hour(),
            },
            push: PushSettings::default(),
        }
    }

    /// Reads and validates the file.
    pub fn read(path: &Path) -> Result<Config, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            format!(
                "{} cannot be read ({error}); `mamori init` makes it",
                path.display()
            )
        })?;
        let config: Config =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        config.limits()?;
        config.issuer()?;
        config.about()?;
        config.send_budget()?;
        config.proxies()?;
        config.push_services()?;
        config.origins()?;
        config.secrets_stay_secret()?;
        config.external_accounts()?;
        if config.wallet.relying_party_id == config.console.relying_party_id {
            return Err(wrong(
                "console.relying_party_id",
                &config.console.relying_party_id,
                "console.example.jp",
            ));
        }
        Ok(config)
    }

    /// Writes the file for its owner alone; refuses to overwrite.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| format!("{} cannot be made ({error})", path.display()))?;
        file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
        file.sync_all()?;
        Ok(())
    }

    /// What is in force, with secrets masked.
    pub fn masked(&self) -> Config {
        let mut shown = self.clone();
        for secret in [
            &mut shown.card.api_key,
            &mut shown.card.webhook_secret,
            &mut shown.sms.token,
        ] {
            if !secret.is_empty() {
                *secret = "(set)".into();
            }
        }
        for provider in &mut shown.external_ids {
            if let Some(secret) = &mut provider.client_secret {
                *secret = "(set)".into();
            }
        }
        if shown.mail.password.is_some() {
            shown.mail.password = Some("(set)".into());
        }
        shown
    }

    /// Each surface is an origin of its own: cookies, relying parties and the rules against other sites rest on it.
    fn origins(&self) -> Result<(), Failure> {
        let surfaces = [
            ("wallet", &self.wallet.origin),
            ("till", &self.till.origin),
            ("console", &self.console.origin),
        ];
        let mut seen: BTreeSet<(String, u16)> = BTreeSet::new();
        for (key, origin) in surfaces {
            let refuse = || {
                let example = format!("https://{key}.example.jp");
                wrong(&format!("{key}.origin"), origin, &example)
            };
            let uri: Uri = origin.parse().map_err(|_| refuse())?;
            let host = uri.host().map(str::to_lowercase).ok_or_else(refuse)?;
            if uri.scheme_str() != Some("https") {
                return Err(refuse());
            }
            if !seen.insert((host, uri.port_u16().unwrap_or(443))) {
                return Err(format!(
                    "mamori.json: {key}.origin is {origin:?}, and another surface has that origin too; each needs its own"
                )
                .into());
            }
        }
        Ok(())
    }

    /// Nothing that proves who we are is empty, or crosses a network in clear.
    fn secrets_stay_secret(&self) -> Result<(), Failure> {
        let range = ("password_range_url", self.password_range_url.as_ref());
        let urls = [
            ("card.base_url", Some(&self.card.base_url)),
            ("sms.base_url", Some(&self.sms.base_url)),
            range,
        ];
        for (key, url) in urls.into_iter().filter_map(|(key, url)| Some((key, url?))) {
            let uri: Uri = url
                .parse()
                .map_err(|_| wrong(key, url, "https://api.example"))?;
            let safe = match uri.scheme_str() {
                Some("https") => uri.host().is_some(),
                // A service on this machine, such as a gateway of one's own.
                Some("http") => uri.host().is_some_and(is_this_machine),
                _ => false,
            };
            if !safe {
                return Err(wrong(key, url, "https://api.example"));
            }
        }
        for (key, secret) in [
            ("card.api_key", &self.card.api_key),
            ("card.webhook_secret", &self.card.webhook_secret),
            ("sms.account", &self.sms.account),
            ("sms.token", &self.sms.token),
        ] {
            if secret.trim().is_empty() {
                return Err(format!("mamori.json: {key} is empty; fill it in").into());
            }
        }
        if self.mail.security == "none" && !is_this_machine(&self.mail.host) {
            return Err(format!(
                "mamori.json: mail.security is \"none\" and mail.host is {:?}, another machine: one-time codes would cross the network in clear; it is \"starttls\" or \"tls\"",
                self.mail.host
            )
            .into());
        }
        Ok(())
    }

    pub fn limits(&self) -> Result<Limits, Failure> {
        let yen = |key: &str, value: u64| {
            Amount::new(value)
                .filter(|yen| !yen.is_zero())
                .ok_or_else(|| wrong(key, &value.to_string(), "100000"))
        };
        let rules = Limits {
            balance_cap: yen("rules.balance_cap_yen", self.rules.balance_cap_yen)?,
            charge_max: yen("rules.charge_max_yen", self.rules.charge_max_yen)?,
            top_up_min: yen("rules.top_up_min_yen", self.rules.top_up_min_yen)?,
            top_up_max: yen("rules.top_up_max_yen", self.rules.top_up_max_yen)?,
            code_life_seconds: self.rules.code_life_seconds,
        };
        if !(10..=60).contains(&rules.code_life_seconds) {
            return Err(wrong(
                "rules.code_life_seconds",
                &rules.code_life_seconds.to_string(),
                "60",
            ));
        }
        if rules.top_up_min > rules.top_up_max {
            return Err(wrong(
                "rules.top_up_min_yen",
                &rules.top_up_min.minor().to_string(),
                "500",
            ));
        }
        Ok(rules)
    }

    /// How many one-time codes may leave, and where to.
    pub fn send_budget(&self) -> Result<SendBudget, Failure> {
        for code in self.sms.countries.keys() {
            let is_code = (1..=7).contains(&code.len())
                && code.bytes().all(|byte| byte.is_ascii_digit())
                && !code.starts_with('0');
            if !is_code {
                return Err(wrong("sms.countries", code, "81"));
            }
        }
        Ok(SendBudget {
            mail: i64::from(self.mail.codes_per_hour),
            sms: self
                .sms
                .countries
                .iter()
                .map(|(code, per_hour)| (code.clone(), i64::from(*per_hour)))
                .collect(),
            ..SendBudget::default()
        })
    }

    /// Whose word about where a request came from is believed.
    pub fn proxies(&self) -> Result<TrustedProxies, Failure> {
        TrustedProxies::parse(&self.trusted_proxies)
            .map_err(|text| wrong("trusted_proxies", text, "10.0.0.0/8"))
    }

    /// The push services that messages may go to.
    pub fn push_services(&self) -> Result<PushServices, Failure> {
        if let Some(contact) = &self.push.contact
            && !contact.starts_with("mailto:")
            && !contact.starts_with("https://")
        {
            return Err(wrong("push.contact", contact, "mailto:help@example.jp"));
        }
        let known = KNOWN_SERVICES.iter().map(|name| (*name).to_owned());
        PushServices::new(known.chain(self.push.more_services.iter().cloned()))
            .map_err(|name| wrong("push.more_services", &name, "push.example.jp"))
    }

    /// Whom a push service asks.
    pub fn push_contact(&self) -> &str {
        self.push.contact.as_deref().unwrap_or(&self.wallet.origin)
    }

    /// What customers are told of the operator.
    pub fn about(&self) -> Result<About, Failure> {
        for (key, text, example) in [
            ("operator_name", &self.operator_name, "Example Stores Ltd."),
            (
                "operator_contact",
                &self.operator_contact,
                "help@example.jp",
            ),
        ] {
            let usable = |text: &String| {
                !text.trim().is_empty()
                    && text.chars().count() <= WORDS_CHARS_MAX
                    && !text.chars().any(char::is_control)
            };
            if let Some(text) = text.as_ref().filter(|text| !usable(text)) {
                return Err(wrong(key, text, example));
            }
        }
        for (key, url) in [
            ("terms_url", &self.terms_url),
            ("privacy_url", &self.privacy_url),
        ] {
            let usable = |url: &String| {
                url.parse::<Uri>()
                    .is_ok_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some())
            };
            if let Some(url) = url.as_ref().filter(|url| !usable(url)) {
                return Err(wrong(key, url, "https://example.jp/terms"));
            }
        }
        Ok(About {
            operator_name: self.operator_name.clone(),
            operator_contact: self.operator_contact.clone(),
            terms_url: self.terms_url.clone(),
            privacy_url: self.privacy_url.clone(),
        })
    }

    /// Leaked passwords, read from their filter.
    pub fn leaked(&self) -> Result<Option<Leaked>, Failure> {
        let read = self.password_list.as_ref().map(|path| {
            Leaked::read(path).map_err(|problem| {
                let path = path.display();
                Failure::from(format!("mamori.json: password_list is {path}: {problem}"))
            })
        });
        read.transpose()
    }

    /// Providers of external IDs, with what proves who we are.
    pub fn external_accounts(&self) -> Result<Vec<ExternalAccount>, Failure> {
        let mut seen = BTreeSet::new();
        let account = |own: &ExternalIdConfig| {
            let name = own.name.trim();
            if name.is_empty() || name.chars().count() > 40 || name.chars().any(char::is_control) {
                return Err(wrong("external_ids.name", &own.name, "Example ID"));
            }
            let example = "https://id.example";
            let uri: Result<Uri, _> = own.issuer.parse();
            let is_usable = uri.is_ok_and(|uri| {
                uri.scheme_str() == Some("https") && uri.host().is_some() && uri.query().is_none()
            });
            if !is_usable || own.issuer.len() > 512 {
                return Err(wrong("external_ids.issuer", &own.issuer, example));
            }
            if !seen.insert(own.issuer.clone()) {
                return Err(
                    format!("mamori.json: external_ids names {:?} twice", own.issuer).into(),
                );
            }
            if own.client_id.trim().is_empty() {
                return Err(wrong("external_ids.client_id", &own.client_id, "mamori"));
            }
            let proof = match (&own.client_secret, &own.private_key_file) {
                (Some(secret), None) if !secret.trim().is_empty() => {
                    ClientProof::Secret(Secret::new(secret))
                }
                (None, Some(path)) => ClientProof::Key(client_key(path)?),
                _ => {
                    return Err(format!(
                        "mamori.json: external_ids: {:?} needs either client_secret or private_key_file",
                        own.issuer
                    )
                    .into());
                }
            };
            Ok(ExternalAccount {
                name: name.to_owned(),
                issuer: own.issuer.clone(),
                client_id: own.client_id.clone(),
                proof,
                max_age: own.max_age_seconds,
            })
        };
        self.external_ids.iter().map(account).collect()
    }

    pub fn issuer(&self) -> Result<IssuerPrefix, Failure> {
        IssuerPrefix::parse(&self.issuer_prefix)
            .ok_or_else(|| wrong("issuer_prefix", &self.issuer_prefix, "90009900"))
    }
}

/// Our private key at a provider. What is wrong with it is said without a byte of it.
fn client_key(path: &Path) -> Result<ClientKey, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        format!("mamori.json: external_ids.private_key_file is {shown}: {error}")
    })?;
    ClientKey::read(&text).ok_or_else(|| {
        format!("mamori.json: external_ids.private_key_file is {shown}, and holds no private JSON Web Key on P-256").into()
    })
}

/// Whether a host of an address is this machine without asking the network who it is.
fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Binds an address of the configuration.
pub fn bind(key: &str, address: &str) -> Result<TcpListener, Failure> {
    let address: SocketAddr = address
        .parse()
        .map_err(|_| wrong(key, address, "127.0.0.1:8400"))?;
    TcpListener::bind(address)
        .map_err(|error| format!("mamori.json: {key}: {address} cannot be bound ({error})").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example, filled in.
    fn filled_in() -> Config {
        let mut config = Config::example();
        config.card.api_key = "sk_live_1".into();
        config.card.webhook_secret = "whsec_1".into();
        config.sms.account = "AC1".into();
        config.sms.token = "token".into();
        config
    }

    fn told(adjust: impl FnOnce(&mut Config)) -> String {
        let mut config = filled_in();
        adjust(&mut config);
        let said = config.origins().and_then(|()| config.secrets_stay_secret());
        said.map_or_else(|failure| failure.to_string(), |()| String::new())
    }

    #[test]
    fn what_would_leak_a_secret_or_share_an_origin_is_refused_by_its_name() {
        type Adjust = fn(&mut Config);
        let wrong: [(&str, Adjust); 16] = [
            ("card.base_url", |c| {
                c.card.base_url = "http://api.processor.example".into()
            }),
            ("card.base_url", |c| {
                c.card.base_url = "http://192.0.2.1:8080".into()
            }),
            ("card.base_url", |c| {
                c.card.base_url = "http://localhost.example".into()
            }),
            ("card.base_url", |c| {
                c.card.base_url = "ftp://127.0.0.1".into()
            }),
            ("card.base_url", |c| c.card.base_url = String::new()),
            ("sms.base_url", |c| {
                c.sms.base_url = "http://sms.example".into()
            }),
            ("card.api_key", |c| c.card.api_key = String::new()),
            ("card.webhook_secret", |c| {
                c.card.webhook_secret = " ".into()
            }),
            ("sms.account", |c| c.sms.account = String::new()),
            ("sms.token", |c| c.sms.token = String::new()),
            ("mail.security", |c| c.mail.host = "mail.example".into()),
            ("mail.security", |c| c.mail.host = "192.0.2.1".into()),
            ("wallet.origin", |c| {
                c.wallet.origin = "http://wallet.example.jp".into()
            }),
            ("till.origin", |c| c.till.origin = c.wallet.origin.clone()),
            ("console.origin", |c| {
                c.console.origin = "https://WALLET.example.jp:443".into()
            }),
            ("console.origin", |c| c.console.origin = "console".into()),
        ];
        for (number, (key, adjust)) in wrong.into_iter().enumerate() {
            let said = told(adjust);
            assert!(said.contains(key), "{number}: {key}: {said:?}");
            assert!(!said.contains("sk_live_1"), "{said}");
        }
    }

    #[test]
    fn what_customers_read_of_the_operator_is_optional_and_must_be_readable() {
        let mut config = filled_in();
        assert_eq!(
            config.about().expect("nothing is required"),
            About::default()
        );
        config.operator_name = Some("まもりマート".into());
        config.terms_url = Some("https://example.jp/terms".into());
        let about = config.about().expect("usable");
        assert_eq!(about.operator_name.as_deref(), Some("まもりマート"));
        type Adjust = fn(&mut Config);
        let wrong: [(&str, Adjust); 6] = [
            ("operator_name", |c| c.operator_name = Some(" ".into())),
            ("operator_name", |c| {
                c.operator_name = Some("あ".repeat(201))
            }),
            ("operator_contact", |c| {
                c.operator_contact = Some("a\nb".into())
            }),
            ("terms_url", |c| {
                c.terms_url = Some("http://example.jp".into())
            }),
            ("terms_url", |c| {
                c.terms_url = Some("javascript:alert(1)".into())
            }),
            ("privacy_url", |c| c.privacy_url = Some("/privacy".into())),
        ];
        for (key, adjust) in wrong {
            let mut config = filled_in();
            adjust(&mut config);
            let said = config.about().map(drop).expect_err(key).to_string();
            assert!(said.contains(key), "{key}: {said}");
        }
    }

    #[test]
    fn a_proxy_is_believed_only_where_it_is_named_and_a_prefix_of_everybody_is_refused() {
        let mut config = filled_in();
        assert_eq!(config.proxies().expect("none"), TrustedProxies::default());
        config.trusted_proxies = vec!["127.0.0.1".into(), "10.0.0.0/8".into(), "::1".into()];
        assert!(config.proxies().is_ok());
        for wrong in ["0.0.0.0/0", "proxy.example.jp", "10.0.0.1/8", ""] {
            config.trusted_proxies = vec!["127.0.0.1".into(), wrong.into()];
            let said = config.proxies().expect_err(wrong).to_string();
            assert!(
                said.contains("trusted_proxies") && said.contains(&format!("{wrong:?}")),
                "{said}"
            );
        }
        let older = serde_json::to_string(&filled_in()).expect("writes");
        let older = older.replace("\"trusted_proxies\":[],", "");
        let read: Config = serde_json::from_str(&older).expect("a file of before");
        assert!(read.trusted_proxies.is_empty());
    }

    #[test]
    fn a_gateway_on_this_machine_needs_no_tls() {
        for host in ["127.0.0.1:9", "localhost:9", "[::1]:9"] {
            let url = format!("http://{host}");
            assert_eq!(
                told(|c| (c.card.base_url, c.sms.base_url) = (url.clone(), url)),
                ""
            );
        }
        assert_eq!(told(|c| c.mail.host = "localhost".into()), "");
        assert_eq!(
            told(|c| (c.mail.host, c.mail.security) = ("mail.example".into(), "tls".into())),
            ""
        );
    }
}
