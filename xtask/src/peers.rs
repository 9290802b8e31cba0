//! Programs that others wrote, run as peers: what passes against them does not merely agree with our own mistakes.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// `localstripe` from PyPI: an independent, stateful card processor. Dropping it ends it.
pub struct CardPeer {
    process: Child,
    port: u16,
}

impl CardPeer {
    /// Starts with an empty memory; its words go into `logs`.
    pub fn start(root: &Path, logs: &Path) -> Result<CardPeer, String> {
        const TRIES_MAX: u32 = 300;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|line| line.local_addr())
            .map_err(|why| why.to_string())?
            .port();
        let log = File::create(logs.join("localstripe.log")).map_err(|why| why.to_string())?;
        let process = Command::new(root.join("tests/.venv/bin/localstripe"))
            .args(["--from-scratch", "--port", &port.to_string()])
            .current_dir(logs)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|why| why.to_string())?)
            .stderr(log)
            .spawn()
            .map_err(|why| format!("localstripe: {why}"))?;
        let peer = CardPeer { process, port };
        for _ in 0..TRIES_MAX {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(peer);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err("localstripe did not come up within 30 s".to_owned())
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for CardPeer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
