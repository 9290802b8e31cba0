//! `mamori serve --ready`: a supervisor of the server learns from one file that it answers, and where.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mamori_datastore::testing::Scratch;
use serde_json::Value;

/// A server that is ended with the test, however that ends.
struct Served(Child);

impl Served {
    /// Starts the program itself; `ready` is the file it is given.
    fn start(data: &Path, ready: &Path) -> Served {
        let child = Command::new(env!("CARGO_BIN_EXE_mamori"))
            .args(["serve", "--data"])
            .arg(data)
            .arg("--ready")
            .arg(ready)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        Served(child.unwrap())
    }

    /// Its first words to its supervisor; empty if it ended without any.
    fn first_line(&mut self) -> String {
        let mut line = String::new();
        let out = self.0.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A live store whose servers listen on free ports.
fn initialised(scratch: &Scratch) -> PathBuf {
    let data = scratch.path().join("data");
    let words = ["--merchant", "まもりマート", "--first-store", "本店"];
    let init = ["init", "--data", data.to_str().unwrap()];
    crate::mamori(init.into_iter().chain(words)).unwrap();
    let config = data.join("mamori.json");
    let mut settings: Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
    for surface in ["wallet", "till", "console"] {
        settings[surface]["listen"] = "127.0.0.1:0".into();
    }
    settings["api_listen"] = "127.0.0.1:0".into();
    for (service, secret) in [
        ("card", "api_key"),
        ("card", "webhook_secret"),
        ("sms", "account"),
        ("sms", "token"),
    ] {
        settings[service][secret] = "of a test".into();
    }
    std::fs::write(&config, settings.to_string()).unwrap();
    data
}

#[test]
fn a_server_tells_where_it_listens_once_it_answers_and_one_that_did_not_start_tells_nothing() {
    let scratch = Scratch::new("ready");
    let data = initialised(&scratch);
    let ready = scratch.path().join("ready.json");
    std::fs::write(&ready, "of a run before").unwrap();

    let mut server = Served::start(&data, &ready);
    assert!(server.first_line().starts_with("wallet"));
    let listens: Value = serde_json::from_slice(&std::fs::read(&ready).unwrap()).unwrap();
    for listener in ["wallet", "till", "console", "api"] {
        let address = listens[listener].as_str().unwrap();
        TcpStream::connect(address).unwrap_or_else(|why| panic!("{listener}: {why}"));
    }
    let api = listens["api"].as_str().unwrap();
    let mut stream = TcpStream::connect(api).unwrap();
    write!(
        stream,
        "GET /healthz HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let other = scratch.path().join("other.json");
    std::fs::write(&other, "of a run before").unwrap();
    let mut second = Served::start(&data, &other);
    assert_eq!(second.first_line(), "", "the store has an owner");
    assert!(!second.0.wait().unwrap().success());
    assert!(!other.exists());
}
