//! Sockets: places that are nobody else's, readers who do not read, bodies that do not come.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use mamori_server::listen::{Cord, ListenConfig, Listeners, router_service};
use mamori_server::surface::bounded;
use tower::ServiceExt as _;

use crate::house::House;

const PATIENCE: Duration = Duration::from_secs(10);

fn start(config: ListenConfig) -> Listeners {
    Listeners::start(ListenConfig {
        threads: 1,
        ..config
    })
    .expect("a thread")
}

fn socket() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).expect("a port")
}

/// Asks, and reads until the server closes or `enough` has come.
fn ask(stream: &mut TcpStream, enough: &str) -> String {
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("sent");
    read(stream, enough)
}

fn read(stream: &mut TcpStream, enough: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4_096];
    while !text.contains(enough) {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => text.push_str(&String::from_utf8_lossy(&buffer[..count])),
        }
    }
    text
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream
}

/// A few hundred sockets that were opened and say nothing shut the console for half a minute.
#[test]
fn sockets_that_say_nothing_keep_no_client_out() {
    let listeners = start(ListenConfig::default());
    let hello = service_fn(|_: Request<Incoming>| async {
        Ok::<_, Infallible>(hyper::Response::new(Body::from("hello")))
    });
    let page = listeners.serve_at_most(socket(), 3, hello);
    let page = page.expect("a listener");
    let mut honest = connect(page);
    assert!(ask(&mut honest, "hello").contains("hello"));
    let mut silent: Vec<_> = (0..50).map(|_| connect(page)).collect();
    for _ in 0..5 {
        assert!(ask(&mut connect(page), "hello").contains("hello"));
    }
    assert!(
        ask(&mut honest, "hello").contains("hello"),
        "who has asked before stays"
    );
    assert_eq!(read(&mut silent[0], "hello"), "", "the oldest made room");
}

#[test]
fn whoever_fills_one_listener_takes_no_place_from_another() {
    let listeners = start(ListenConfig::default());
    let serve = |places| {
        let hello = service_fn(|_: Request<Incoming>| async {
            Ok::<_, Infallible>(hyper::Response::new(Body::from("hello")))
        });
        let served = listeners.serve_at_most(socket(), places, hello);
        served.expect("a listener")
    };
    let (pages, api) = (serve(2), serve(2));
    let mut held: Vec<_> = (0..2).map(|_| connect(pages)).collect();
    for stream in &mut held {
        assert!(ask(stream, "hello").contains("hello"));
    }
    assert_eq!(ask(&mut connect(pages), "hello"), "", "closed on arrival");
    assert!(ask(&mut connect(api), "hello").contains("hello"));
    drop(held);
    listeners.shut_down();
}

/// A body without an end, which tells when it is dropped.
struct Endless {
    frame: Bytes,
    dropped: Sender<()>,
}

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.frame.is_empty() {
            true => Poll::Pending,
            false => Poll::Ready(Some(Ok(Frame::data(self.frame.clone())))),
        }
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        let _ = self.dropped.send(());
    }
}

#[test]
fn a_reader_who_takes_nothing_is_given_up() {
    let listeners = start(ListenConfig {
        write_patience: Duration::from_millis(50),
        ..ListenConfig::default()
    });
    let (dropped, is_dropped) = channel();
    let service = service_fn(move |_: Request<Incoming>| {
        let body = Endless {
            frame: Bytes::from(vec![b'x'; 64 * 1024]),
            dropped: dropped.clone(),
        };
        async { Ok::<_, Infallible>(hyper::Response::new(body)) }
    });
    let address = listeners.serve(socket(), service).expect("a listener");
    let mut stream = connect(address);
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("sent");
    is_dropped
        .recv_timeout(PATIENCE)
        .expect("the answer is dropped");
    listeners.shut_down();
}

#[test]
fn a_pulled_cord_ends_a_connection_whose_answer_has_no_end() {
    let listeners = start(ListenConfig::default());
    let (dropped, _still_here) = channel();
    let service = service_fn(move |request: Request<Incoming>| {
        let body = Endless {
            frame: Bytes::new(),
            dropped: dropped.clone(),
        };
        let cord = request.extensions().get::<Cord>().cloned();
        tokio::spawn(async move { cord.expect("pages have cords").pull() });
        async { Ok::<_, Infallible>(hyper::Response::new(body)) }
    });
    let address = listeners
        .serve_pages(socket(), 8, service)
        .expect("a listener");
    ask(&mut connect(address), "\0 never said");
    listeners.shut_down();
}

/// What a signed-in phone has open all day must not keep a store that its house wants to give back.
#[test]
fn an_event_stream_ends_when_the_house_stops() {
    let house = House::new();
    let (browser, _) = house.customer_of_the_book(1);
    let listeners = start(ListenConfig::default());
    let pages = router_service(browser.router());
    let address = listeners
        .serve_pages(socket(), 8, pages)
        .expect("a listener");
    let mut streams: Vec<_> = (0..2).map(|_| connect(address)).collect();
    for stream in &mut streams {
        let request = browser.request("GET", "/api/events").body(());
        let (head, ()) = request.expect("a request").into_parts();
        let mut text = "GET /api/events HTTP/1.1\r\n".to_owned();
        for (name, value) in &head.headers {
            text += &format!("{name}: {}\r\n", value.to_str().expect("text"));
        }
        stream
            .write_all(format!("{text}\r\n").as_bytes())
            .expect("sent");
        assert!(read(stream, "text/event-stream").contains("200 OK"));
    }
    // Nobody reads or closes a stream meanwhile. Well below the 5 s after which a client that never stops is cut off.
    let stopped = house.run(async {
        let stop = tokio::task::spawn_blocking(|| listeners.shut_down());
        tokio::time::timeout(Duration::from_millis(2_500), stop).await
    });
    stopped.expect("it stops at once").expect("no panic");
    for stream in &mut streams {
        read(stream, "\0 never said");
    }
}

fn answer(router: Router, request: Request<Body>) -> StatusCode {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
        .block_on(router.oneshot(request))
        .expect("infallible")
        .status()
}

#[test]
fn a_notice_whose_body_never_comes_and_a_panic_end_alone() {
    let router = Router::new()
        .route("/webhooks/card", post(async |_: axum::body::Bytes| "ok"))
        .route(
            "/bug",
            get(async || -> &'static str { panic!("a bug of ours") }),
        );
    let router = bounded(router, Duration::from_millis(50));
    let (dropped, _still_here) = channel();
    let never = Endless {
        frame: Bytes::new(),
        dropped,
    };
    let slow = Request::post("/webhooks/card")
        .body(Body::new(never))
        .expect("a request");
    assert_eq!(answer(router.clone(), slow), StatusCode::REQUEST_TIMEOUT);
    let large = Request::post("/webhooks/card")
        .body(Body::from(vec![0; 70_000]))
        .expect("a request");
    assert_eq!(answer(router.clone(), large), StatusCode::PAYLOAD_TOO_LARGE);
    let bug = Request::get("/bug").body(Body::empty()).expect("a request");
    assert_eq!(answer(router, bug), StatusCode::SERVICE_UNAVAILABLE);
}
