//! A running `mamori-lab dev` for the suites that need a product to talk to: free ports, fresh data, gone afterwards.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server that is ready; dropping it stops it.
pub struct DevServer {
    process: Child,
    program: PathBuf,
    /// What `--json` wrote: addresses, keys, customers.
    json: PathBuf,
    /// Where tests note what no log may hold.
    secrets: PathBuf,
}

impl DevServer {
    /// Starts `program dev`, with its words in `logs` at the most talkative level the product has: the last suite
    /// greps them for secrets.
    pub fn start(program: &Path, logs: &Path, name: &str) -> Result<DevServer, String> {
        const TRIES_MAX: u32 = 600;
        let json = logs.join(format!("{name}.dev.json"));
        let secrets = logs.join(format!("{name}.secrets"));
        for old in [&json, &secrets] {
            let _ = std::fs::remove_file(old);
        }
        // What it prints for the person who started it may hold a one-time link; what it logs may not.
        let said = logs.join(format!("{name}.server.out"));
        let logged = logs.join(format!("{name}.server.log"));
        let create = |path: &Path| File::create(path).map_err(|why| why.to_string());
        let process = Command::new(program)
            .args(["dev", "--port", "0", "--json"])
            .arg(&json)
            .env(
                "MAMORI_LOG",
                "info,mamori=trace,mamori_lab=trace,mamori_server=trace,mamori_engine=trace,mamori_connectors=trace",
            )
            .stdin(Stdio::null())
            .stdout(create(&said)?)
            .stderr(create(&logged)?)
            .spawn()
            .map_err(|why| format!("{}: {why}", program.display()))?;
        let mut server = DevServer {
            process,
            program: program.to_owned(),
            json,
            secrets,
        };
        for _ in 0..TRIES_MAX {
            if server.json.exists() {
                return Ok(server);
            }
            if let Ok(Some(status)) = server.process.try_wait() {
                return Err(format!(
                    "`mamori-lab dev` ended with {status}, see {}",
                    logged.display()
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err("`mamori-lab dev` was not ready within 60 s".to_owned())
    }

    /// Tells a test program where everything is.
    pub fn seen_by<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("MAMORI_DEV_JSON", &self.json)
            .env("MAMORI_BIN", &self.program)
            .env("MAMORI_SECRETS", &self.secrets)
    }

    /// Where the merchant API listens.
    pub fn base_url(&self) -> Result<String, String> {
        let text = std::fs::read_to_string(&self.json).map_err(|why| why.to_string())?;
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|why| why.to_string())?;
        let url = value["base_url"]
            .as_str()
            .ok_or("the JSON file has no base_url")?;
        Ok(url.to_owned())
    }
}

impl Drop for DevServer {
    fn drop(&mut self) {
        // Asked politely first, as an operator would: it ends its sandbox process too.
        let _ = Command::new("kill")
            .args(["-TERM", &self.process.id().to_string()])
            .status();
        for _ in 0..50 {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
