//! How sockets become requests: the one listening configuration of this house.
//!
//! The product and the benchmark's bare floor both listen through here, so that the floor is the floor of *this* server and not of
//! another one. Each HTTP thread owns its own single-threaded runtime and a connection stays for life on the thread it was dealt to:
//! a request is read, answered and written without another thread being woken. `docs/performance.md` holds the measurements.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use hyper::body::{Body, Incoming};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Notify, watch};
use tokio::time::Sleep;

use crate::mailbox::Mailbox;

/// How long an idle connection is safe to use again, as answers to programs tell it: less than what we wait for the next head,
/// so that a client that heeds it never sends a request into a connection that is being closed.
pub const KEEP_ALIVE_SECONDS: u64 = 20;

/// The limits and switches of the HTTP side.
#[derive(Clone, Debug)]
pub struct ListenConfig {
    /// Threads that read requests and write answers. At least 1.
    pub threads: usize,
    /// Connections open at once at a listener that was given no number of its own; one more is closed on arrival.
    pub connections_max: usize,
    /// How long a client may take to send the head of a request, the idle time between two requests included.
    pub header_read_timeout: Duration,
    /// How long a client may take nothing of an answer that waits for it.
    pub write_patience: Duration,
    /// Largest head (request line and headers) in bytes; also the read buffer's bound.
    pub head_bytes_max: usize,
}

impl Default for ListenConfig {
    fn default() -> Self {
        ListenConfig {
            // Measured: on two cores that also carry the writer, the projector and the clients, a second HTTP thread only adds switches.
            threads: thread::available_parallelism()
                .map_or(1, |cores| cores.get() / 2)
                .max(1),
            connections_max: 8_192,
            header_read_timeout: Duration::from_secs(KEEP_ALIVE_SECONDS + 10),
            write_patience: Duration::from_secs(30),
            head_bytes_max: 16 * 1024,
        }
    }
}

/// The HTTP threads. Listeners are added while they run; dropping the value stops accepting and ends the threads.
pub struct Listeners {
    config: ListenConfig,
    runtimes: Vec<tokio::runtime::Handle>,
    threads: Vec<thread::JoinHandle<()>>,
    closing: watch::Sender<bool>,
    open: Arc<AtomicUsize>,
}

impl Listeners {
    /// Starts the threads, named `http-0`, `http-1`, …; fails only if the system gives no thread or no poller.
    pub fn start(config: ListenConfig) -> io::Result<Listeners> {
        let (closing, _) = watch::channel(false);
        let mut listeners = Listeners {
            runtimes: Vec::new(),
            threads: Vec::new(),
            open: Arc::new(AtomicUsize::new(0)),
            closing,
            config,
        };
        for number in 0..listeners.config.threads.max(1) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                // Handlers that must wait for a disk or a database do so on these threads, never on the HTTP thread itself.
                .max_blocking_threads(16)
                .thread_name(format!("http-{number}-wait"))
                .build()?;
            listeners.runtimes.push(runtime.handle().clone());
            let mut closed = listeners.closing.subscribe();
            let open = listeners.open.clone();
            let thread = thread::Builder::new()
                .name(format!("http-{number}"))
                .spawn(move || {
                    runtime.block_on(async move {
                        tokio::spawn(Mailbox::serve_this_thread());
                        let _ = closed.wait_for(|closing| *closing).await;
                        // Requests that were already read get their answer; a client that never stops is cut off.
                        let mut waits = 0;
                        while open.load(Ordering::Relaxed) > 0 && waits < 500 {
                            tokio::time::sleep(Duration::from_millis(10)).await;
                            waits += 1;
                        }
                    });
                    runtime.shutdown_background();
                })?;
            listeners.threads.push(thread);
        }
        Ok(listeners)
    }

    /// Serves one more bound socket with `service` and returns its address (useful after binding to port 0).
    ///
    /// An axum router fits through [`router_service`]. Connections are dealt to the HTTP threads in turn: a kernel's hashing
    /// (`SO_REUSEPORT`) leaves one thread with twice the connections of another, as was measured.
    pub fn serve<S, B>(&self, listener: TcpListener, service: S) -> io::Result<SocketAddr>
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.serve_at_most(listener, self.config.connections_max, service)
    }

    /// The same with a number of connections of its own: a client that fills one listener takes nothing from another.
    pub fn serve_at_most<S, B>(
        &self,
        listener: TcpListener,
        connections_max: usize,
        service: S,
    ) -> io::Result<SocketAddr>
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.serve_each(listener, connections_max, move |_| service.clone())
    }

    /// Serves pages: their handlers can ask for the connection's [`Cord`].
    pub fn serve_pages<S, B>(
        &self,
        listener: TcpListener,
        connections_max: usize,
        service: S,
    ) -> io::Result<SocketAddr>
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.serve_each(listener, connections_max, move |cord| Corded {
            service: service.clone(),
            cord: cord.clone(),
        })
    }

    /// Serves with a service of its own for each connection, which `service` makes.
    pub fn serve_each<S, B>(
        &self,
        listener: TcpListener,
        connections_max: usize,
        service: impl Fn(&Cord) -> S + Send + 'static,
    ) -> io::Result<SocketAddr>
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let mut closed = self.closing.subscribe();
        let here = Arc::new(AtomicUsize::new(0));
        let (runtimes, in_all, closing, config) = (
            self.runtimes.clone(),
            self.open.clone(),
            self.closing.clone(),
            self.config.clone(),
        );
        self.runtimes[0].spawn(async move {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                return;
            };
            let mut turn = 0;
            let mut silent = Silent::default();
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    _ = closed.wait_for(|closing| *closing) => return,
                };
                let accepted =
                    accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer.ip())));
                let (stream, peer) = match accepted {
                    Ok(accepted) => accepted,
                    Err(_) => {
                        // Out of file descriptors, or the peer left between SYN and accept. Without a pause the first case spins a core.
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        continue;
                    }
                };
                let taken = Place::take(&here, &in_all, connections_max);
                // Sockets that were opened and say nothing keep no client out that does.
                let taken = taken.or_else(|| silent.give_way().then(|| Place::of(&here, &in_all)));
                let Some(place) = taken else {
                    continue;
                };
                turn = (turn + 1) % runtimes.len();
                let cord = Cord {
                    closing: Some(closing.subscribe()),
                    ..Cord::of_peer(peer)
                };
                let spoke = silent.watch(&cord, connections_max);
                let service = Speaking {
                    service: service(&cord),
                    spoke,
                };
                runtimes[turn].spawn(connection(stream, service, cord, config.clone(), place));
            }
        });
        Ok(address)
    }

    /// Stops accepting, lets running requests finish for at most 5 seconds, and returns when the threads have ended.
    pub fn shut_down(mut self) {
        let _ = self.closing.send(true);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        let _ = self.closing.send(true);
    }
}

/// Makes an axum router (or another tower service) fit [`Listeners::serve`].
pub fn router_service<S>(router: S) -> hyper_util::service::TowerToHyperService<S> {
    hyper_util::service::TowerToHyperService::new(router)
}

/// Ends a connection at once when it is pulled, whatever its peer does.
///
/// An answer that has ended is not gone: while its reader takes nothing, what is left of it waits in the socket and holds
/// everything behind it. Only the connection's own task can drop it.
#[derive(Clone, Debug, Default)]
pub struct Cord {
    pulled: Arc<Notify>,
    closing: Option<watch::Receiver<bool>>,
    peer: Option<IpAddr>,
}

impl Cord {
    /// Of a connection from this address.
    pub fn of_peer(peer: IpAddr) -> Cord {
        Cord {
            peer: Some(peer),
            ..Cord::default()
        }
    }

    /// Ends the connection.
    pub fn pull(&self) {
        self.pulled.notify_one();
    }

    /// The address at the other end.
    pub fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// Whether no connection will be listened to after the answers that are under way.
    pub fn is_closing(&self) -> bool {
        self.closing
            .as_ref()
            .is_some_and(|closing| *closing.borrow())
    }

    /// Returns when it was pulled.
    pub async fn pulled(&self) {
        self.pulled.notified().await;
    }

    /// Returns when the house stops listening: an answer without an end of its own must end now, or the stop waits for it.
    pub async fn closing(&self) {
        match self.closing.clone() {
            Some(mut closing) => drop(closing.wait_for(|closing| *closing).await),
            None => std::future::pending().await,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Cord {
    type Rejection = Infallible;

    /// Without a connection behind the request, as in tests of a router alone, a cord that is tied to nothing.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Cord>().cloned().unwrap_or_default())
    }
}

/// A service whose requests know the cord of their connection.
#[derive(Clone)]
struct Corded<S> {
    service: S,
    cord: Cord,
}

impl<S: Service<Request<Incoming>>> Service<Request<Incoming>> for Corded<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, mut request: Request<Incoming>) -> S::Future {
        request.extensions_mut().insert(self.cord.clone());
        self.service.call(request)
    }
}

/// A service that notes when its connection has asked for the first time.
#[derive(Clone)]
struct Speaking<S> {
    service: S,
    spoke: Arc<AtomicBool>,
}

impl<S: Service<Request<Incoming>>> Service<Request<Incoming>> for Speaking<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, request: Request<Incoming>) -> S::Future {
        self.spoke.store(true, Ordering::Relaxed);
        self.service.call(request)
    }
}

/// The connections of one listener that have not asked for anything yet, the oldest first. When all places are taken, the oldest
/// of them makes room: else a few hundred sockets that say nothing shut a surface for half a minute, again and again.
#[derive(Default)]
struct Silent(VecDeque<(Cord, Arc<AtomicBool>)>);

impl Silent {
    /// Watches a new connection; the answer is to be set when it speaks.
    fn watch(&mut self, cord: &Cord, connections_max: usize) -> Arc<AtomicBool> {
        if self.0.len() >= 2 * connections_max {
            self.0.retain(Silent::is_silent);
        }
        let spoke = Arc::new(AtomicBool::new(false));
        self.0.push_back((cord.clone(), Arc::clone(&spoke)));
        spoke
    }

    /// Ends the oldest silent connection; false if there is none.
    fn give_way(&mut self) -> bool {
        while let Some(oldest) = self.0.pop_front() {
            if Silent::is_silent(&oldest) {
                oldest.0.pull();
                return true;
            }
        }
        false
    }

    /// Still open, and has asked for nothing.
    fn is_silent((_, spoke): &(Cord, Arc<AtomicBool>)) -> bool {
        // The connection's own task holds the other one.
        Arc::strong_count(spoke) > 1 && !spoke.load(Ordering::Relaxed)
    }
}

/// One of a listener's places, given back on drop.
struct Place {
    here: Arc<AtomicUsize>,
    in_all: Arc<AtomicUsize>,
}

impl Place {
    fn take(
        here: &Arc<AtomicUsize>,
        in_all: &Arc<AtomicUsize>,
        connections_max: usize,
    ) -> Option<Place> {
        if here.fetch_add(1, Ordering::Relaxed) >= connections_max {
            here.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        in_all.fetch_add(1, Ordering::Relaxed);
        Some(Place {
            here: here.clone(),
            in_all: in_all.clone(),
        })
    }

    /// The place of a connection that was told to end a moment ago.
    fn of(here: &Arc<AtomicUsize>, in_all: &Arc<AtomicUsize>) -> Place {
        here.fetch_add(1, Ordering::Relaxed);
        in_all.fetch_add(1, Ordering::Relaxed);
        Place {
            here: here.clone(),
            in_all: in_all.clone(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.here.fetch_sub(1, Ordering::Relaxed);
        self.in_all.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A socket that gives up a client which reads nothing for too long: its unread answer would keep a place for ever.
struct Patient {
    stream: TokioIo<tokio::net::TcpStream>,
    patience: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn unless_stalled<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let patience = self.patience;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Read for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.unless_stalled(written, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.unless_stalled(written, context)
    }
}

async fn connection<S, B>(
    stream: TcpStream,
    service: S,
    cord: Cord,
    config: ListenConfig,
    place: Place,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let _place = place;
    // Answers are one small write each: waiting to fill a segment would only add 40 ms to them.
    let _ = stream.set_nodelay(true);
    let Ok(stream) = tokio::net::TcpStream::from_std(stream) else {
        return;
    };
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_read_timeout)
        .max_buf_size(config.head_bytes_max.max(8 * 1024));
    let stream = Patient {
        stream: TokioIo::new(stream),
        patience: config.write_patience,
        waiting: None,
    };
    let mut connection = std::pin::pin!(builder.serve_connection(stream, service));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = cord.pulled() => return,
        () = cord.closing() => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = connection => {}
        () = cord.pulled() => {}
    }
}
