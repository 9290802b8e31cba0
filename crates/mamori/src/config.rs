//! Configuration of a live instance: one file, read once, validated whole, passed on as parts.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use mamori_codes::payment_code::IssuerPrefix;
use mamori_domain::decide::Limits;
use mamori_domain::money::Amount;
use mamori_registry::SendBudget;
use serde::{Deserialize, Serialize};

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
    /// First eight digits of payment codes.
    pub issuer_prefix: String,
    #[serde(default)]
    pub rules: RulesConfig,
    pub card: CardConfig,
    pub sms: SmsSettings,
    pub mail: MailSettings,
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

fn default_mails_per_hour() -> u32 {
    2_000
}

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
            issuer_prefix: "90009900".into(),
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
        config.send_budget()?;
        for (key, surface) in [
            ("wallet", &config.wallet),
            ("till", &config.till),
            ("console", &config.console),
        ] {
            if !surface.origin.starts_with("https://") {
                return Err(wrong(
                    &format!("{key}.origin"),
                    &surface.origin,
                    "https://wallet.example.jp",
                ));
            }
        }
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
        if shown.mail.password.is_some() {
            shown.mail.password = Some("(set)".into());
        }
        shown
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

    pub fn issuer(&self) -> Result<IssuerPrefix, Failure> {
        IssuerPrefix::parse(&self.issuer_prefix)
            .ok_or_else(|| wrong("issuer_prefix", &self.issuer_prefix, "90009900"))
    }
}

/// Binds an address of the configuration.
pub fn bind(key: &str, address: &str) -> Result<TcpListener, Failure> {
    let address: SocketAddr = address
        .parse()
        .map_err(|_| wrong(key, address, "127.0.0.1:8400"))?;
    TcpListener::bind(address)
        .map_err(|error| format!("mamori.json: {key}: {address} cannot be bound ({error})").into())
}
