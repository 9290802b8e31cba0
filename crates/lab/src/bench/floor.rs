//! The bare floor: the product's own way of listening, the signature check, and an answer that never changes. What the product
//! reaches is judged against this figure from the same run, because it moves with the machine and the figure of another day does not.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use bytes::Bytes;
use clap::ValueEnum;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use mamori::world::{Clock, Failure};
use mamori_api::auth::{Accepted, Credentials, SignedRequest, SigningKey};
use mamori_server::listen::{ListenConfig, Listeners, router_service};

/// About as long as the product's answer to a payment.
const ANSWER: &str = concat!(
    r#"{"resultInfo":{"code":"SUCCESS","message":"Success","codeId":"08100001"},"data":{"paymentId":"0100000000000000001","#,
    r#""status":"COMPLETED","acceptedAt":1700000000,"merchantPaymentId":"b-000000000000000000000000","userAuthorizationId":"#,
    r#""00000000-0000-4000-8000-000000000000","amount":{"amount":100,"currency":"JPY"},"requestedAt":1700000000,"#,
    r#""storeId":"store-001","terminalId":"till-001","orderDescription":"onigiri, tea and a newspaper"}}"#
);
const REFUSED: &str = r#"{"resultInfo":{"code":"UNAUTHORIZED","message":"Unauthorized request","codeId":"08100016"},"data":null}"#;

/// Checks the signatures of one key, with the product's own check.
pub struct Door {
    api_key: String,
    key: SigningKey,
}

impl Door {
    /// A door that one key opens.
    pub fn new(api_key: &str, secret: &str) -> Door {
        Door {
            api_key: api_key.to_owned(),
            key: SigningKey::new(secret),
        }
    }

    /// Whether `authorization` was made with the key over exactly this request, less than two minutes from `now_micros`.
    pub fn opens(
        &self,
        authorization: &[u8],
        request: &SignedRequest<'_>,
        now_micros: i64,
    ) -> bool {
        Credentials::parse(authorization).is_ok_and(|credentials| {
            credentials.api_key == self.api_key
                && credentials
                    .verify(&self.key, Accepted::BOTH, request, now_micros)
                    .is_ok()
        })
    }
}

async fn answer<B>(door: Arc<Door>, clock: Clock, request: Request<B>) -> Response<Full<Bytes>>
where
    B: hyper::body::Body<Data = Bytes>,
{
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(|collected| collected.to_bytes())
        .unwrap_or_default();
    let header = |name: HeaderName| head.headers.get(name).map(HeaderValue::as_bytes);
    let request = SignedRequest {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query(),
        content_type: header(CONTENT_TYPE),
        body: &body,
    };
    let opens = door.opens(
        header(AUTHORIZATION).unwrap_or_default(),
        &request,
        (clock.wall_micros)(),
    );
    let (status, text) = if opens {
        (StatusCode::OK, ANSWER)
    } else {
        (StatusCode::UNAUTHORIZED, REFUSED)
    };
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Ways to put HTTP before the same check, for `--floor-sweep`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Face {
    /// `mamori_server::listen` with a plain hyper service.
    Listen,
    /// `mamori_server::listen` with an axum router.
    ListenAxum,
    /// `axum::serve` on one tokio runtime with worker threads.
    AxumServe,
    /// hyper on one tokio runtime with worker threads.
    HyperServe,
}

/// A floor that listens until dropped.
pub type Floor = Box<dyn std::any::Any>;

/// Starts a floor and returns its address.
pub fn start(
    face: Face,
    threads: usize,
    door: Door,
    clock: Clock,
) -> Result<(Floor, SocketAddr), Failure> {
    let door = Arc::new(door);
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let plain = {
        let door = door.clone();
        service_fn(move |request: Request<Incoming>| {
            let door = door.clone();
            async move { Ok::<_, Infallible>(answer(door, clock, request).await) }
        })
    };
    let router = axum::Router::new()
        .route("/v2/payments/{id}", axum::routing::get(|| async { "" }))
        .route(
            "/v2/payments",
            axum::routing::post(move |request: axum::extract::Request| {
                let door = door.clone();
                async move { answer(door, clock, request).await }
            }),
        );
    let runtime = || -> Result<tokio::runtime::Runtime, Failure> {
        Ok(tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("http")
            .enable_all()
            .build()?)
    };
    let floor: Floor = match face {
        Face::Listen | Face::ListenAxum => {
            let listeners = Listeners::start(ListenConfig {
                threads,
                ..ListenConfig::default()
            })?;
            match face {
                Face::Listen => listeners.serve(listener, plain)?,
                _ => listeners.serve(listener, router_service(router))?,
            };
            Box::new(listeners)
        }
        Face::AxumServe => {
            listener.set_nonblocking(true)?;
            let runtime = runtime()?;
            runtime.spawn(async move {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                use axum::serve::ListenerExt as _;
                axum::serve(
                    listener.tap_io(|socket| drop(socket.set_nodelay(true))),
                    router,
                )
                .await
            });
            Box::new(runtime)
        }
        Face::HyperServe => {
            listener.set_nonblocking(true)?;
            let runtime = runtime()?;
            runtime.spawn(async move {
                let listener =
                    tokio::net::TcpListener::from_std(listener).expect("inside the runtime");
                while let Ok((socket, _)) = listener.accept().await {
                    let _ = socket.set_nodelay(true);
                    let mut builder = hyper::server::conn::http1::Builder::new();
                    builder.timer(hyper_util::rt::TokioTimer::new());
                    tokio::spawn(
                        builder
                            .serve_connection(hyper_util::rt::TokioIo::new(socket), plain.clone()),
                    );
                }
            });
            Box::new(runtime)
        }
    };
    Ok((floor, address))
}
