//! What `serve` mounts and what `dev` mounts, compared: line by line as tables, and with real requests.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use mamori::assembly::{CardAccount, Mounted, Plan, Running, Sockets, start};
use mamori::outside;
use mamori::world::Failure;
use mamori_api::opa::operation::Operation;
use mamori_codes::payment_code::IssuerPrefix;
use mamori_connectors::push::PushServices;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::testing::Scratch;
use mamori_domain::decide::Limits;
use mamori_domain::lifecycle::Purpose;
use mamori_sandbox::{Sandbox, SandboxConfig};
use mamori_server::assets::Assets;
use mamori_server::password_list::PasswordList;
use mamori_server::push_desk::PushDesk;

const TOKEN: &str = "the token of this run";

/// Listener, method, path.
type Line = (&'static str, &'static str, String);

/// Every route of an instance, listener by listener.
fn table(mounted: &Mounted) -> BTreeSet<Line> {
    let mut lines: BTreeSet<Line> = mounted
        .table()
        .map(|(listener, route)| (listener, route.method, route.path.clone()))
        .collect();
    for (method, path, _) in Operation::ROUTES {
        lines.insert(("api", method, (*path).to_owned()));
    }
    if mounted.purpose() == Purpose::Development {
        for path in mamori_sandbox::inbox_paths() {
            lines.insert(("inbox", "GET", path.to_owned()));
        }
    }
    lines
}

fn of_development_alone() -> BTreeSet<Line> {
    let development = table(&mamori_lab::dev::mounted(None, TOKEN.into()));
    let live = table(&Mounted::live(None));
    development.difference(&live).cloned().collect()
}

/// An instance on free ports of the loopback address, its store in a scratch directory.
fn open(mounted: Mounted, sockets: Sockets, scratch: &Scratch) -> Result<Running, Failure> {
    let plan = Plan {
        location: scratch.location(),
        master: Arc::new(MasterKey::from_bytes([42; 32])),
        standby: false,
        limits: Limits::default(),
        about: Default::default(),
        issuer: IssuerPrefix::parse("90009900").expect("eight digits"),
        sockets,
        card: CardAccount {
            // No processor listens there, and no customer tops up.
            base_url: "http://127.0.0.1:9".into(),
            api_key: "sk_test".into(),
            webhook_secret: "whsec_test".into(),
        },
        messenger: Arc::new(|_| Ok(())),
        send_budget: Default::default(),
        proxies: Default::default(),
        password_list: PasswordList::new(None),
        external_ids: Vec::new(),
        push: PushDesk::new(vec![4; 65], PushServices::default()),
        mounted,
    };
    start(plan, outside::CLOCK, outside::chance)
}

/// Where each listener of an instance can be asked, and what it wants to be called.
fn doors(sockets: &Sockets) -> [(&'static str, SocketAddr, String); 4] {
    let door = |name, listener: &TcpListener, origin: &str| {
        let address = listener.local_addr().expect("it is bound");
        (name, address, origin.replace("http://", ""))
    };
    let api = sockets.api.local_addr().expect("it is bound");
    [
        door("wallet", &sockets.wallet, &sockets.wallet_origin),
        door("till", &sockets.till, &sockets.till_origin),
        door("console", &sockets.console, &sockets.console_origin),
        ("api", api, api.to_string()),
    ]
}

/// The status of one real request.
fn ask(address: SocketAddr, host: &str, method: &str, path: &str) -> u16 {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a time limit");
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\n\
         Content-Length: 2\r\n\r\n{{}}"
    )
    .expect("the server reads");
    // Only the status line: a stream of news never ends.
    let mut head = [0; 12];
    stream.read_exact(&mut head).expect("the server answers");
    let status = std::str::from_utf8(&head[9..]).expect("digits");
    status.parse().expect("a status")
}

#[test]
fn development_mounts_these_routes_more_and_no_other() {
    let inbox = [
        "/",
        "/api/events",
        "/api/messages",
        "/assets/inbox.css",
        "/assets/inbox.js",
        "/assets/inbox.svg",
    ];
    let mut named: BTreeSet<Line> = inbox
        .into_iter()
        .map(|path| ("inbox", "GET", path.to_owned()))
        .collect();
    for path in ["/dev/code", "/dev/sign-in", "/dev/hurry"] {
        named.insert(("api", "POST", path.into()));
    }
    for surface in ["wallet", "console"] {
        named.insert((surface, "GET", "/assets/dev-authenticator.js".into()));
    }
    assert_eq!(of_development_alone(), named);

    let live = table(&Mounted::live(None));
    let development = table(&mamori_lab::dev::mounted(None, TOKEN.into()));
    assert_eq!(live.difference(&development).count(), 0);
    // A table that had lost its rows would agree with anything.
    for line in [
        ("wallet", "POST", "/api/sign-up/start"),
        ("till", "POST", "/api/charge"),
        ("console", "GET", "/api/today"),
        ("api", "POST", "/v2/cpm/payments"),
        ("api", "POST", "/webhooks/card"),
        ("wallet", "GET", "/"),
        ("wallet", "GET", "/assets/wallet.js"),
    ] {
        assert!(live.contains(&(line.0, line.1, line.2.into())), "{line:?}");
    }
}

#[test]
fn a_live_instance_knows_no_route_of_development() {
    let (scratch, live) = (Scratch::new("live"), Mounted::live(None));
    let known = table(&live);
    let sockets = Sockets::loopback(0).expect("free ports");
    let doors = doors(&sockets);
    let running = open(live, sockets, &scratch).expect("a live instance");
    // A file has this build's hash in its name; a development build has another one.
    let addresses = |path: &str| match path.strip_prefix("/assets/") {
        Some(plain) => vec![
            path.to_owned(),
            Assets::load(None, false).address(plain),
            Assets::load(None, true).address(plain),
        ],
        None => vec![path.to_owned()],
    };
    for (listener, method, path) in of_development_alone() {
        for (name, address, host) in &doors {
            // The inbox would be a listener of its own; its paths are asked at every listener that has none like it.
            let asked = listener == *name || listener == "inbox";
            if !asked || known.contains(&(*name, method, path.clone())) {
                continue;
            }
            for path in addresses(&path) {
                let status = ask(*address, host, method, &path);
                // Before it looks at a path, the merchant API asks who is there.
                let nothing = *name == "api" && listener == "inbox" && status == 401;
                assert!(
                    status == 404 || nothing,
                    "{name} answers {status} to {method} {path}"
                );
            }
        }
    }
    running.stop();
}

#[test]
fn a_development_instance_answers_at_each_route_of_its_own() {
    let scratch = Scratch::new("dev");
    let sockets = Sockets::loopback(0).expect("free ports");
    let doors = doors(&sockets);
    let mounted = mamori_lab::dev::mounted(None, TOKEN.into());
    let running = open(mounted, sockets, &scratch).expect("a development instance");
    let sandbox = sandbox();
    let inbox: SocketAddr = sandbox
        .addresses()
        .inbox_url
        .replace("http://", "")
        .parse()
        .expect("an address");
    for (listener, method, path) in of_development_alone() {
        let (address, host) = doors
            .iter()
            .find(|(name, _, _)| *name == listener)
            .map_or((inbox, inbox.to_string()), |(_, address, host)| {
                (*address, host.clone())
            });
        let path = match path.strip_prefix("/assets/") {
            Some(plain) if listener != "inbox" => Assets::load(None, true).address(plain),
            _ => path,
        };
        // Minting a code without the token of the run is refused.
        let expected = if path.starts_with("/dev/") && listener == "api" {
            401
        } else {
            200
        };
        let status = ask(address, &host, method, &path);
        assert_eq!(status, expected, "{listener} {method} {path}");
    }
    running.stop();
}

#[test]
fn development_listens_on_loopback_alone() {
    let sockets = Sockets::loopback(0).expect("free ports");
    for (name, address, _) in doors(&sockets) {
        assert!(address.ip().is_loopback(), "{name} listens on {address}");
    }
    let sandbox = sandbox();
    let addresses = sandbox.addresses();
    for url in [
        &addresses.card_url,
        &addresses.sms_url,
        &addresses.inbox_url,
        &format!("http://{}", addresses.smtp_address),
    ] {
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    }

    let scratch = Scratch::new("open");
    let mut sockets = Sockets::loopback(0).expect("free ports");
    sockets.api = TcpListener::bind("0.0.0.0:0").expect("a free port");
    let mounted = mamori_lab::dev::mounted(None, TOKEN.into());
    let refused = open(mounted, sockets, &scratch).map(Running::stop);
    let why = refused.expect_err("it must not start").to_string();
    assert!(why.contains("loopback only"), "{why}");
}

#[test]
fn a_live_instance_refuses_a_development_store_and_the_other_way_round() {
    let development = || mamori_lab::dev::mounted(None, TOKEN.into());
    let live = || Mounted::live(None);
    for (first, second) in [(development(), live()), (live(), development())] {
        let scratch = Scratch::new("stamp");
        let sockets = || Sockets::loopback(0).expect("free ports");
        open(first, sockets(), &scratch)
            .expect("an empty store takes any stamp")
            .stop();
        let refused = open(second, sockets(), &scratch).map(Running::stop);
        let why = refused.expect_err("it must not start").to_string();
        assert!(why.contains("made for another purpose"), "{why}");
    }
}

fn sandbox() -> Sandbox {
    mamori_sandbox::run(SandboxConfig {
        card_port: 0,
        sms_port: 0,
        smtp_port: 0,
        inbox_port: 0,
        webhook_url: None,
        webhook_secret: "whsec_test".into(),
        webhook_retry: Duration::from_secs(1),
        api_key: "sk_test".into(),
        sms_account: "AC".into(),
        sms_token: "token".into(),
        seed: [1; 32],
        clock: outside::CLOCK.wall_micros,
    })
    .expect("free ports")
}
