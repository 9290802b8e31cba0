//! `mamori-lab sandbox`: card network, SMS service, mail server, inbox and a provider of external IDs on this machine, for development and tests.

use std::io::{Read, Write};
use std::time::Duration;

use mamori::world::{Chance, Clock, Failure};
use mamori_sandbox::{Addresses, OpenIdPeer, OpenIdPeerConfig, SandboxConfig};
use serde::Serialize;

/// The name that a wallet has at the provider of external IDs.
const OIDC_CLIENT: &str = "mamori-dev";

/// Ports are free ones unless given; everything binds 127.0.0.1.
#[derive(clap::Args)]
pub struct Args {
    /// Port of the card network: API and hosted card page.
    #[arg(long, default_value_t = 0)]
    card_port: u16,
    /// Port of the SMS service.
    #[arg(long, default_value_t = 0)]
    sms_port: u16,
    /// Port of the mail server.
    #[arg(long, default_value_t = 0)]
    smtp_port: u16,
    /// Port of the inbox page.
    #[arg(long, default_value_t = 0)]
    inbox_port: u16,
    /// Port of the provider of external IDs.
    #[arg(long, default_value_t = 0)]
    oidc_port: u16,
    /// Where the card network sends its webhooks; more can be registered through its API.
    #[arg(long)]
    webhook_url: Option<String>,
    /// Print addresses and secrets as one line of JSON on standard output.
    #[arg(long)]
    json: bool,
    /// End when standard input closes, so that the sandbox never outlives the program that started it.
    #[arg(long)]
    until_stdin_closes: bool,
}

/// What another program needs to use the sandbox. The secrets are drawn anew at every start.
#[derive(Serialize)]
struct Access<'a> {
    #[serde(flatten)]
    addresses: &'a Addresses,
    api_key: String,
    webhook_secret: String,
    sms_account: String,
    sms_token: String,
    oidc_issuer: &'a str,
    oidc_client_id: &'a str,
    oidc_client_secret: String,
}

/// Runs the sandbox until the process ends.
pub fn run(args: Args, clock: Clock, chance: Chance) -> Result<(), Failure> {
    let mut seed = [0; 32];
    chance(&mut seed);
    let drawn = |prefix: &str| {
        let mut bytes = [0; 16];
        chance(&mut bytes);
        format!("{prefix}{:032x}", u128::from_be_bytes(bytes))
    };
    let (api_key, webhook_secret) = (drawn("sk_test_"), drawn("whsec_"));
    let (sms_account, sms_token) = (drawn("AC"), drawn(""));
    let sandbox = mamori_sandbox::run(SandboxConfig {
        card_port: args.card_port,
        sms_port: args.sms_port,
        smtp_port: args.smtp_port,
        inbox_port: args.inbox_port,
        webhook_url: args.webhook_url,
        webhook_secret: webhook_secret.clone(),
        webhook_retry: Duration::from_secs(1),
        api_key: api_key.clone(),
        sms_account: sms_account.clone(),
        sms_token: sms_token.clone(),
        seed,
        clock: clock.wall_micros,
    })?;
    let oidc_client_secret = drawn("");
    let mut oidc_seed = [0; 32];
    chance(&mut oidc_seed);
    let oidc = OpenIdPeer::start(OpenIdPeerConfig {
        port: args.oidc_port,
        client_id: OIDC_CLIENT.into(),
        client_secret: oidc_client_secret.clone(),
        seed: oidc_seed,
        clock: clock.wall_micros,
    })?;
    let addresses = sandbox.addresses();
    let mut out = std::io::stdout().lock();
    if args.json {
        let access = Access {
            addresses,
            api_key,
            webhook_secret,
            sms_account,
            sms_token,
            oidc_issuer: oidc.issuer(),
            oidc_client_id: OIDC_CLIENT,
            oidc_client_secret,
        };
        writeln!(out, "{}", serde_json::to_string(&access)?)?;
    } else {
        writeln!(
            out,
            "card network  {}  (API key {api_key})",
            addresses.card_url
        )?;
        writeln!(
            out,
            "SMS service   {}  (account {sms_account}, token {sms_token})",
            addresses.sms_url
        )?;
        writeln!(
            out,
            "external IDs  {}  (client {OIDC_CLIENT}, secret {oidc_client_secret})",
            oidc.issuer()
        )?;
        writeln!(out, "push service  {}", addresses.push_url)?;
        writeln!(out, "mail server   {}", addresses.smtp_address)?;
        writeln!(out, "inbox         {}", addresses.inbox_url)?;
    }
    out.flush()?;
    drop(out);
    if args.until_stdin_closes {
        std::io::stdin().lock().bytes().for_each(drop);
        return Ok(());
    }
    loop {
        std::thread::park();
    }
}
