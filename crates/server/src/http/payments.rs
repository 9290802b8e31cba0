//! The merchant API: parse, authenticate, call, answer. Wire format of PayPay OPA, plus our call for a scanned code.
//!
//! Not an axum router: this is the one path that a chain of stores waits on, and a match over six routes costs nothing.

use std::borrow::Cow;
use std::convert::Infallible;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode, Version};
use mamori_api::auth::{Credentials, SignedRequest, Unsigned, merchant_allowed};
use mamori_api::nonce::{NonceMemory, NonceVerdict};
use mamori_api::opa::envelope::{self, CaptureView, PaymentView, RefundView, RevertView};
use mamori_api::opa::id;
use mamori_api::opa::member::{AMOUNT_YEN_MAX, CATEGORIES_MAX, FieldError};
use mamori_api::opa::operation::Operation;
use mamori_api::opa::payment::{CATEGORY_CHARS_MAX, CreateCpmPayment, CreatePayment};
use mamori_api::opa::preauthorization::{
    CapturePayment, PreauthorizePayment, RevertPreauthorization,
};
use mamori_api::opa::query::Query;
use mamori_api::opa::refund::CreateRefund;
use mamori_api::opa::result_code::ResultCode;
use mamori_codes::payment_code::IssuerPrefix;
use mamori_datastore::fault::Fault;
use mamori_domain::command::{Charge, Command, RefundRequest, Request as Asked};
use mamori_domain::context::{Actor, AgentFamily, Asker, Context, NetworkOrigin, RequestId};
use mamori_domain::ids::{AuthorizationId, Fingerprint, HoldId, PaymentId};
use mamori_domain::money::Amount;
use mamori_domain::pay::{OrderInfo, Payer, Payment, PaymentStatus, Refund};
use mamori_domain::query;
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::{Outcome, Reply};
use mamori_domain::world::Timestamp;
use mamori_engine::holds::{HoldEnd, HoldRecord};

use crate::answer::Denial;
use crate::directory::{MerchantDirectory, ReadyKey};
use crate::ledger::Ledger;
use crate::listen::{Cord, KEEP_ALIVE_SECONDS};
use crate::network::Origins;
use crate::outside::Outside;
use crate::scanned::payment_code;
use crate::workers::Workers;

/// Largest body, in bytes. The largest body that can be right has about 12,000.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// How long a client may take to send a body it has announced.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const KEEP_ALIVE_TOLD: &str = "timeout=20, max=100000";
const _: () = assert!(KEEP_ALIVE_SECONDS == 20);
const X_ASSUME_MERCHANT: HeaderName = HeaderName::from_static("x-assume-merchant");

/// The merchant API as a service, on one connection.
#[derive(Clone)]
pub struct MerchantApi {
    inner: Arc<Inner>,
    connection: Arc<Connection>,
}

/// What is known of a connection: a register keeps one open and asks on it all day.
#[derive(Default)]
struct Connection {
    network: Option<NetworkOrigin>,
    /// Set where the peer is a proxy of ours, which carries many callers on one connection.
    behind: Option<(IpAddr, Origins)>,
    cord: Cord,
    /// Who asked first, worked out once.
    first: OnceLock<(Fingerprint, Asker)>,
}

impl Connection {
    fn asker(&self, key: Fingerprint, headers: &HeaderMap) -> Asker {
        let from = |network| {
            Asker::new(Context {
                by: Actor::Key { key },
                network,
                agent: AgentFamily::Program,
            })
        };
        if let Some((peer, origins)) = &self.behind {
            return from(Some(origins.of(origins.client(*peer, headers))));
        }
        let make = || from(self.network);
        match self.first.get_or_init(|| (key, make())) {
            (first, asker) if *first == key => *asker,
            _ => make(),
        }
    }
}

/// One authenticated call.
struct Call<'a> {
    key: &'a ReadyKey,
    asker: Asker,
    arrival: Arrival,
}

/// Whether a signed request comes for the first time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrival {
    First,
    /// The very bytes were delivered before, or may have been, before this process began: an honest client or a network repeats
    /// itself, or an attacker who listened. Nothing is decided; the caller hears what the first delivery was told.
    Again,
}

impl Call<'_> {
    fn command(&self, command: Command) -> Asked {
        Asked::command(self.asker, command)
    }
    fn query(&self, query: query::Query) -> Asked {
        Asked::query(self.asker, query)
    }
}

struct Inner {
    ledger: Ledger,
    directory: Arc<MerchantDirectory>,
    issuer: IssuerPrefix,
    nonces: NonceMemory,
    outside: Outside,
    /// Request ids: a key that no other process has, and a count.
    process: [u8; 16],
    requests: AtomicU64,
    /// Reads what memory has forgotten; payments never come here.
    look_ups: Workers<()>,
}

/// Threads for look-ups, and how many may wait for one.
const LOOK_UP_THREADS: usize = 2;
const LOOK_UPS_WAITING_MAX: usize = 256;

/// How long an amount may be set aside, and how long it is where nothing is said.
const HOLD_SECONDS_MAX: i64 = 30 * 86_400;

/// An answer before it becomes HTTP.
struct Answered {
    code: ResultCode,
    body: Vec<u8>,
}

impl Answered {
    fn plain(code: ResultCode) -> Answered {
        let mut body = Vec::with_capacity(160);
        envelope::write_result(&mut body, code);
        Answered { code, body }
    }
}

/// Delivered before, and nothing here says what became of it.
fn outcome_unknown() -> Answered {
    Answered::plain(ResultCode::OutcomeUnknown)
}

/// Not signed by a key that may. The reason is for our log alone.
fn refuse(reason: &'static str) -> Answered {
    tracing::debug!(reason, "a merchant's request was not accepted as signed");
    Answered::plain(ResultCode::Unauthorized)
}

impl From<FieldError> for Answered {
    fn from(error: FieldError) -> Self {
        let mut body = Vec::with_capacity(192);
        envelope::write_field_error(&mut body, &error);
        Answered {
            code: error.result_code(),
            body,
        }
    }
}

impl From<Fault> for Answered {
    fn from(fault: Fault) -> Self {
        if fault.is_full() {
            // The engine has raised the alarm, once: a line for each request would take the last room on the disk.
            tracing::debug!(%fault, "a merchant's request was turned away");
            Answered::plain(ResultCode::RateLimit)
        } else if fault.is_retryable() {
            tracing::warn!(%fault, "a merchant's request was turned away");
            Answered::plain(ResultCode::RateLimit)
        } else {
            tracing::error!(%fault, "a merchant's request could not be served");
            Answered::plain(ResultCode::InternalServerError)
        }
    }
}

impl MerchantApi {
    /// The API over a ledger, for the merchants of a directory.
    pub fn new(
        ledger: Ledger,
        directory: Arc<MerchantDirectory>,
        issuer: IssuerPrefix,
        nonces: NonceMemory,
        outside: Outside,
    ) -> io::Result<MerchantApi> {
        let process = outside.bytes();
        let inner = Inner {
            ledger,
            directory,
            issuer,
            nonces,
            outside,
            process,
            requests: AtomicU64::new(0),
            look_ups: Workers::start("look-ups", vec![(); LOOK_UP_THREADS], LOOK_UPS_WAITING_MAX)?,
        };
        Ok(MerchantApi {
            inner: Arc::new(inner),
            connection: Arc::default(),
        })
    }

    /// The same API on one connection.
    pub fn on_connection(&self, cord: &Cord, origins: &Origins) -> MerchantApi {
        let peer = cord.peer();
        let proxy = peer.filter(|peer| origins.is_proxy(*peer));
        let connection = Connection {
            network: peer.map(|peer| origins.of(peer)),
            behind: proxy.map(|peer| (peer, origins.clone())),
            cord: cord.clone(),
            first: OnceLock::new(),
        };
        MerchantApi {
            inner: Arc::clone(&self.inner),
            connection: Arc::new(connection),
        }
    }
}

/// Whether the client means to ask again on this connection.
fn stays_open(request: &Request<Incoming>) -> bool {
    let asks_to_close = |value: &HeaderValue| {
        value
            .as_bytes()
            .split(|&byte| byte == b',')
            .any(|word| word.trim_ascii().eq_ignore_ascii_case(b"close"))
    };
    let mut said = request.headers().get_all(CONNECTION).iter();
    request.version() == Version::HTTP_11 && !said.any(asks_to_close)
}

impl hyper::service::Service<Request<Incoming>> for MerchantApi {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (inner, connection) = (self.inner.clone(), self.connection.clone());
        Box::pin(async move {
            let id = inner.next_request();
            let stays = stays_open(&request);
            let answered = inner
                .answer(request, &connection, id)
                .await
                .unwrap_or_else(|refused| refused);
            let mut response = response(answered, id);
            if stays && !connection.cord.is_closing() {
                // Java reads the second header only beside the first, and without it repeats a POST into a dead connection.
                let headers = response.headers_mut();
                headers.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
                headers.insert(KEEP_ALIVE, HeaderValue::from_static(KEEP_ALIVE_TOLD));
            }
            Ok(response)
        })
    }
}

impl Inner {
    /// Names a request: a keyed hash of a count. Strangers see the name too, and must not read from two of them how many requests
    /// lay between, which is how much this instance sells.
    fn next_request(&self) -> RequestId {
        let count = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut hasher = std::hash::DefaultHasher::new();
        (self.process, count).hash(&mut hasher);
        RequestId(hasher.finish() >> 1)
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
        id: RequestId,
    ) -> Result<Answered, Answered> {
        let (head, body) = request.into_parts();
        let (claimed, key) = self.claimed(&head.headers)?;
        let body = read_body(body).await?;
        let (path, query) = (head.uri.path(), head.uri.query());
        let arrival = self.authenticate(&claimed, &key, &head, &body)?;
        let asked = Query::parse(query)?;
        let assumed = head.headers.get_all(X_ASSUME_MERCHANT);
        if !merchant_allowed(
            &key.merchant_text,
            asked.assume_merchant.as_deref(),
            assumed.iter().map(HeaderValue::as_bytes),
        ) {
            return Err(refuse("another merchant"));
        }
        let Some((operation, name)) = Operation::of(head.method.as_str(), path) else {
            return Err(Answered::plain(ResultCode::OpOutOfScope));
        };
        let call = Call {
            key: &key,
            asker: connection
                .asker(key.fingerprint, &head.headers)
                .with_request(id),
            arrival,
        };
        match operation {
            Operation::CreateCpmPayment => self.create_cpm_payment(&call, &body).await,
            Operation::CreatePayment => self.create_payment(&call, &body).await,
            Operation::PreauthorizePayment => self.preauthorize(&call, &body).await,
            Operation::CapturePayment => self.capture(&call, &body).await,
            Operation::RevertPreauthorization => self.revert(&call, &body).await,
            Operation::GetPayment => {
                self.get_payment(&call, id::merchant_payment_id(name)?)
                    .await
            }
            Operation::CancelPayment => self.cancel(&call, id::merchant_payment_id(name)?).await,
            Operation::CreateRefund => self.create_refund(&call, &body).await,
            Operation::GetRefund => {
                let payment = match asked.payment_id.as_deref() {
                    None => None,
                    Some(text) => match id::parse_payment_id(text) {
                        Some(number) => Some(PaymentId(number)),
                        None => return Err(Answered::plain(ResultCode::NoSuchRefundOrder)),
                    },
                };
                let query = query::Query::Refund {
                    merchant: key.merchant,
                    merchant_refund_id: id::merchant_refund_id(name)?.into(),
                    payment,
                };
                refund_outcome(operation, self.ledger.ask(call.query(query)).await?)
            }
        }
    }

    /// Who the head says has signed, before a byte of the body is waited for: a client without a key of ours gets no time.
    fn claimed<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<(Credentials<'a>, Arc<ReadyKey>), Answered> {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let (Some(header), None) = (given.next(), given.next()) else {
            return Err(refuse("not one header"));
        };
        let claimed = Credentials::parse(header.as_bytes()).map_err(|why| refuse(why.reason()))?;
        let key = self
            .directory
            .key(claimed.api_key)
            .ok_or_else(|| refuse("key_unknown"))?;
        Ok((claimed, key))
    }

    /// Whether it has, and whether for the first time.
    fn authenticate(
        &self,
        claimed: &Credentials<'_>,
        key: &ReadyKey,
        head: &Parts,
        body: &[u8],
    ) -> Result<Arrival, Answered> {
        let content_type = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let request = SignedRequest {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query(),
            content_type,
            body,
        };
        let now = self.outside.now().0;
        claimed
            .verify(&key.signing, key.accepted, &request, now)
            .map_err(|why| match why {
                Unsigned::Drift => {
                    tracing::debug!("a merchant's clock is wrong");
                    Answered::plain(ResultCode::ClockDrift)
                }
                other => refuse(other.reason()),
            })?;
        // The MAC stands for all that it covers; OPA-Auth leaves the query out.
        let request = (claimed.mac(), head.uri.query());
        let (epoch, nonce) = (claimed.epoch_seconds, claimed.nonce);
        let verdict = self
            .nonces
            .remember(claimed.api_key, nonce, epoch, request, now);
        match verdict {
            NonceVerdict::Fresh => Ok(Arrival::First),
            NonceVerdict::Repeated | NonceVerdict::Unremembered => Ok(Arrival::Again),
            NonceVerdict::Busy => Err(Answered::plain(ResultCode::RateLimit)),
            NonceVerdict::Reused | NonceVerdict::OutsideWindow => Err(refuse("nonce")),
        }
    }

    /// Decides what comes for the first time; of what was delivered before, only what it was told then.
    ///
    /// The question stands in the writer's queue behind the first delivery, if that is still on its way through it.
    async fn decide_once(&self, call: &Call<'_>, command: Command) -> Result<Outcome, Answered> {
        if call.arrival == Arrival::First {
            return Ok(self.ledger.ask(call.command(command)).await?);
        }
        let of = Box::new(command);
        match self
            .ledger
            .ask(call.query(query::Query::FirstAnswer { of }))
            .await?
        {
            Ok(Reply::Undecided) => Err(outcome_unknown()),
            outcome => Ok(outcome),
        }
    }

    async fn cancel(&self, call: &Call<'_>, name: &str) -> Result<Answered, Answered> {
        let operation = Operation::CancelPayment;
        if call.arrival == Arrival::Again {
            return self.cancel_delivered_again(call, name).await;
        }
        let cancel = Command::Cancel {
            merchant: call.key.merchant,
            merchant_payment_id: name.into(),
        };
        match self.ledger.ask(call.command(cancel)).await? {
            Ok(_) => Ok(Answered::plain(operation.success())),
            Err(Refusal::HoldUnknown) => self.cancel_of_an_ended_hold(call, name).await,
            Err(refusal) => Err(Answered::plain(operation.answer_to(refusal.code()))),
        }
    }

    /// A cancel has no id of its own: it was accepted if the payment is undone. Otherwise the first delivery may have been refused,
    /// or never have come.
    async fn cancel_delivered_again(
        &self,
        call: &Call<'_>,
        name: &str,
    ) -> Result<Answered, Answered> {
        let accepted = Answered::plain(Operation::CancelPayment.success());
        match self.ask_for_payment(call, name).await? {
            Ok(Reply::Payment(payment)) if payment.status == PaymentStatus::Cancelled => {
                Ok(accepted)
            }
            Ok(Reply::Held { hold }) => match self.hold_that_is_there(hold).await?.end {
                Some(end) if end.captured.is_none() => Ok(accepted),
                _ => Err(outcome_unknown()),
            },
            Err(Refusal::CancelledBeforePayment) => Ok(accepted),
            Err(Refusal::KeyRevoked) => Err(Answered::plain(ResultCode::Unauthorized)),
            Ok(_) | Err(_) => Err(outcome_unknown()),
        }
    }

    async fn ask_for_payment(&self, call: &Call<'_>, name: &str) -> Result<Outcome, Answered> {
        let query = query::Query::Payment {
            merchant: call.key.merchant,
            merchant_payment_id: name.into(),
        };
        Ok(self.ledger.ask(call.query(query)).await?)
    }

    /// A scanned code: the till's call.
    async fn create_cpm_payment(&self, call: &Call<'_>, body: &[u8]) -> Result<Answered, Answered> {
        let asked = CreateCpmPayment::parse(body, AMOUNT_YEN_MAX)?;
        let refuse = |refusal| Answered::plain(Operation::CreateCpmPayment.answer_to(refusal));
        let code = payment_code(&asked.code, self.issuer).map_err(refuse)?;
        let store = self
            .directory
            .own_store(call.key.merchant, &asked.store_id)
            .ok_or_else(|| refuse("store_unknown"))?;
        let till = self
            .directory
            .own_till(call.key.merchant, &asked.terminal_id)
            .ok_or_else(|| refuse("till_unknown"))?;
        let charge = Charge {
            merchant: call.key.merchant,
            merchant_payment_id: asked.merchant_payment_id.into(),
            payer: Payer::Code(code.random()),
            amount: amount(asked.amount_yen)?,
            store: Some(store),
            till: Some(till),
            order: OrderInfo {
                requested_at: asked.requested_at_seconds.unwrap_or(0),
                description: asked.order_description.map(Into::into),
                receipt_number: asked.order_receipt_number.map(Into::into),
                store_text: None,
                terminal_text: None,
                categories: categories(asked.categories),
            }
            .into(),
        };
        self.charge(call, Operation::CreateCpmPayment, charge).await
    }

    /// A standing permission: the web shop's call. Its store and terminal are the merchant's own words; where they name a
    /// store of ours, the payment counts there.
    async fn create_payment(&self, call: &Call<'_>, body: &[u8]) -> Result<Answered, Answered> {
        let asked = CreatePayment::parse(body, AMOUNT_YEN_MAX)?;
        let charge = self.charge_by_permission(call, asked, Operation::CreatePayment)?;
        self.charge(call, Operation::CreatePayment, charge).await
    }

    async fn charge(
        &self,
        call: &Call<'_>,
        operation: Operation,
        charge: Charge,
    ) -> Result<Answered, Answered> {
        let name = charge.merchant_payment_id.clone();
        let outcome = self.decide_once(call, Command::Charge(charge)).await?;
        if outcome == Err(Refusal::IdempotencyConflict) {
            return Err(Self::conflict(self.ask_for_payment(call, &name).await?));
        }
        self.payment_outcome(operation, outcome).await
    }

    /// The id belongs to another request. Whether that one moved money is what the register must know before it goes on:
    /// `first` is what stands under the id.
    fn conflict(first: Outcome) -> Answered {
        Answered::plain(match first {
            Ok(_) => ResultCode::IdempotencyConflict,
            Err(Refusal::KeyRevoked) => ResultCode::Unauthorized,
            Err(_) => ResultCode::IdempotencyConflictRefused,
        })
    }

    fn charge_by_permission(
        &self,
        call: &Call<'_>,
        asked: CreatePayment<'_>,
        operation: Operation,
    ) -> Result<Charge, Answered> {
        let authorization = id::parse_user_authorization_id(&asked.user_authorization_id)
            .ok_or_else(|| Answered::plain(operation.answer_to("authorization_unknown")))?;
        let store = asked
            .store_id
            .as_deref()
            .and_then(|text| self.directory.own_store(call.key.merchant, text));
        let till = asked
            .terminal_id
            .as_deref()
            .and_then(|text| self.directory.own_till(call.key.merchant, text));
        Ok(Charge {
            merchant: call.key.merchant,
            merchant_payment_id: asked.merchant_payment_id.into(),
            payer: Payer::Authorization(AuthorizationId(authorization)),
            amount: amount(asked.amount_yen)?,
            store,
            till: till.filter(|_| store.is_some()),
            order: OrderInfo {
                requested_at: asked.requested_at_seconds.unwrap_or(0),
                description: asked.order_description.map(Into::into),
                receipt_number: asked.order_receipt_number.map(Into::into),
                store_text: asked.store_id.filter(|_| store.is_none()).map(Into::into),
                terminal_text: asked
                    .terminal_id
                    .filter(|_| till.is_none() || store.is_none())
                    .map(Into::into),
                categories: categories(asked.categories),
            }
            .into(),
        })
    }

    /// A standing permission, and the amount is only set aside.
    async fn preauthorize(&self, call: &Call<'_>, body: &[u8]) -> Result<Answered, Answered> {
        let operation = Operation::PreauthorizePayment;
        let asked = PreauthorizePayment::parse(body, AMOUNT_YEN_MAX)?;
        let now = self.outside.now();
        let longest = now.plus_seconds(HOLD_SECONDS_MAX);
        let wanted = asked.expires_at_seconds.map(Timestamp::from_seconds);
        let charge = self.charge_by_permission(call, asked.payment, operation)?;
        let expires_at = match wanted {
            None => longest,
            Some(wanted) if now < wanted && wanted <= longest => wanted,
            // A retry that comes after the time it names still gets its first answer.
            Some(_)
                if self
                    .find_hold(call, &charge.merchant_payment_id)
                    .await?
                    .is_some() =>
            {
                longest
            }
            Some(_) => {
                return Err(Answered::plain(
                    operation.answer_to("hold_life_out_of_bounds"),
                ));
            }
        };
        let hold = Command::Hold {
            charge: charge.clone(),
            expires_at,
        };
        match self.decide_once(call, hold).await? {
            Ok(Reply::Held { hold }) => {
                let record = self.hold_that_is_there(hold).await?;
                let said = HoldSaid {
                    name: &charge.merchant_payment_id,
                    payer: Some(charge.payer),
                    capture: None,
                };
                self.hold_answer(call, operation, &record, &said).await
            }
            Ok(_) => Err(Answered::plain(ResultCode::InternalServerError)),
            Err(Refusal::IdempotencyConflict) => {
                let name = &charge.merchant_payment_id;
                Err(Self::conflict(self.ask_for_payment(call, name).await?))
            }
            Err(refusal) => Err(Answered::plain(operation.answer_to(refusal.code()))),
        }
    }

    /// Takes what was set aside, or a part of it; the rest goes back.
    async fn capture(&self, call: &Call<'_>, body: &[u8]) -> Result<Answered, Answered> {
        let operation = Operation::CapturePayment;
        let asked = CapturePayment::parse(body, AMOUNT_YEN_MAX)?;
        let refuse = |word| Answered::plain(operation.answer_to(word));
        let hold = self
            .find_hold(call, &asked.merchant_payment_id)
            .await?
            .ok_or_else(|| refuse("payment_unknown"))?;
        let amount = amount(asked.amount_yen)?;
        let said = HoldSaid {
            name: &asked.merchant_payment_id,
            payer: None,
            capture: Some(&asked),
        };
        if call.arrival == Arrival::Again {
            // A capture has no id in the book: it was taken if this amount was captured.
            let record = self.hold_that_is_there(hold).await?;
            return match record.end {
                Some(end) if end.captured == Some(amount) => {
                    self.hold_answer(call, operation, &record, &said).await
                }
                _ => Err(outcome_unknown()),
            };
        }
        let capture = Command::Capture {
            merchant: call.key.merchant,
            hold,
            amount,
        };
        let outcome = self.ledger.ask(call.command(capture)).await?;
        let record = match outcome {
            Ok(_) | Err(Refusal::HoldUnknown) => self.hold_that_is_there(hold).await?,
            Err(refusal) => return Err(refuse(refusal.code())),
        };
        match (outcome, record.end) {
            (Ok(_), _) => {}
            (Err(_), Some(end)) if end.captured.is_some() => return Err(refuse("hold_captured")),
            (Err(_), Some(end)) if end.at < record.expires_at => {
                return Err(refuse("hold_released"));
            }
            (Err(_), _) => return Err(refuse("hold_expired")),
        }
        self.hold_answer(call, operation, &record, &said).await
    }

    /// Gives back what was set aside.
    async fn revert(&self, call: &Call<'_>, body: &[u8]) -> Result<Answered, Answered> {
        let operation = Operation::RevertPreauthorization;
        let asked = RevertPreauthorization::parse(body)?;
        let refuse = |word| Answered::plain(operation.answer_to(word));
        let number =
            id::parse_payment_id(&asked.payment_id).ok_or_else(|| refuse("payment_unknown"))?;
        // The book says whether the key may ask at all, and that this is no payment that was paid at once.
        let query = query::Query::PaymentById {
            merchant: call.key.merchant,
            payment: PaymentId(number),
        };
        match self.ledger.ask(call.query(query)).await? {
            Ok(_) => return Err(refuse("hold_captured")),
            Err(Refusal::PaymentUnknown) => {}
            Err(refusal) => return Err(refuse(refusal.code())),
        }
        let hold = HoldId(number);
        let own = self.hold_record(hold).await?;
        let mut record = own
            .filter(|record| record.merchant == call.key.merchant)
            .ok_or_else(|| refuse("hold_unknown"))?;
        if call.arrival == Arrival::Again {
            // A revert has no id in the book: it was done if the money went back before its time was over.
            let reverted = |end: &HoldEnd| end.captured.is_none() && end.at < record.expires_at;
            if !record.end.as_ref().is_some_and(reverted) {
                return Err(outcome_unknown());
            }
        }
        if record.end.is_none() && self.outside.now() < record.expires_at {
            // An end by another caller a moment ago is as good as this one: what counts is read afterwards.
            match self
                .ledger
                .ask(call.command(Command::Release { hold }))
                .await?
            {
                Ok(_) | Err(Refusal::HoldUnknown) => {}
                Err(refusal) => return Err(refuse(refusal.code())),
            }
            record = self.hold_that_is_there(hold).await?;
        }
        match record.end {
            Some(end) if end.captured.is_some() => Err(refuse("hold_captured")),
            Some(end) if end.at < record.expires_at => {
                let mut body = Vec::with_capacity(256);
                let revert = RevertView {
                    accepted_at_seconds: end.at.seconds(),
                    merchant_revert_id: Some(&asked.merchant_revert_id),
                    requested_at_seconds: asked.requested_at_seconds.unwrap_or(0),
                    reason: asked.reason.as_deref(),
                };
                envelope::write_revert(&mut body, operation.success(), number, &revert);
                Ok(Answered {
                    code: operation.success(),
                    body,
                })
            }
            _ => Err(refuse("hold_expired")),
        }
    }

    /// The cancel of money that is not set aside any more: fine if it went back, too late if it was taken.
    async fn cancel_of_an_ended_hold(
        &self,
        call: &Call<'_>,
        name: &str,
    ) -> Result<Answered, Answered> {
        let operation = Operation::CancelPayment;
        let hold = self
            .find_hold(call, name)
            .await?
            .ok_or_else(|| Answered::plain(operation.answer_to("payment_unknown")))?;
        let end = self.hold_that_is_there(hold).await?.end;
        if end.is_some_and(|end| end.captured.is_some()) {
            return Err(Answered::plain(operation.answer_to("hold_captured")));
        }
        Ok(Answered::plain(operation.success()))
    }

    /// The hold under a merchant's id for it, open or ended; `None` for what was paid at once, and for what never was.
    async fn find_hold(&self, call: &Call<'_>, name: &str) -> Result<Option<HoldId>, Answered> {
        match self.ask_for_payment(call, name).await? {
            Ok(Reply::Held { hold }) => Ok(Some(hold)),
            Err(Refusal::KeyRevoked) => Err(Answered::plain(ResultCode::Unauthorized)),
            Ok(_) | Err(_) => Ok(None),
        }
    }

    /// What the journal tells of a hold.
    async fn hold_record(&self, hold: HoldId) -> Result<Option<HoldRecord>, Answered> {
        let engine = self.ledger.engine.clone();
        let read = self.look_ups.ask(move |()| engine.hold(hold)).await;
        Ok(read.map_err(not_looked_up)??)
    }

    /// The same for one that the book has just named.
    async fn hold_that_is_there(&self, hold: HoldId) -> Result<HoldRecord, Answered> {
        let record = self.hold_record(hold).await?;
        record.ok_or_else(|| Answered::plain(ResultCode::InternalServerError))
    }

    /// A hold as it stands; of a captured one also what came back of it since.
    async fn hold_answer(
        &self,
        call: &Call<'_>,
        operation: Operation,
        record: &HoldRecord,
        said: &HoldSaid<'_>,
    ) -> Result<Answered, Answered> {
        let mut since = None;
        if record.end.is_some_and(|end| end.captured.is_some()) {
            let query = query::Query::PaymentById {
                merchant: call.key.merchant,
                payment: PaymentId(record.hold.0),
            };
            if let Ok(Reply::Payment(payment)) = self.ledger.ask(call.query(query)).await? {
                let refunds = self.refunds_of(&payment).await?;
                since = Some((payment, refunds));
            }
        }
        let mut body = Vec::with_capacity(640);
        let (code, now) = (operation.success(), self.outside.now());
        write_hold(&mut body, code, record, said, since.as_ref(), now);
        Ok(Answered { code, body })
    }

    async fn create_refund(&self, call: &Call<'_>, body: &[u8]) -> Result<Answered, Answered> {
        let asked = CreateRefund::parse(body, AMOUNT_YEN_MAX)?;
        let payment = id::parse_payment_id(&asked.payment_id)
            .ok_or_else(|| Answered::plain(Operation::CreateRefund.answer_to("payment_unknown")))?;
        let request = RefundRequest {
            merchant: call.key.merchant,
            merchant_refund_id: asked.merchant_refund_id.into(),
            payment: PaymentId(payment),
            amount: amount(asked.amount_yen)?,
            reason: asked.reason.map(Into::into),
            requested_at: asked.requested_at_seconds.unwrap_or(0),
        };
        let first = query::Query::Refund {
            merchant: call.key.merchant,
            merchant_refund_id: request.merchant_refund_id.clone(),
            payment: Some(request.payment),
        };
        let outcome = self.decide_once(call, Command::Refund(request)).await?;
        if outcome == Err(Refusal::IdempotencyConflict) {
            return Err(Self::conflict(self.ledger.ask(call.query(first)).await?));
        }
        refund_outcome(Operation::CreateRefund, outcome)
    }

    /// A payment by the merchant's id for it, paid or only set aside.
    async fn get_payment(&self, call: &Call<'_>, name: &str) -> Result<Answered, Answered> {
        let operation = Operation::GetPayment;
        match self.ask_for_payment(call, name).await? {
            Ok(Reply::Held { hold }) => {
                let record = self.hold_that_is_there(hold).await?;
                let said = HoldSaid {
                    name,
                    payer: None,
                    capture: None,
                };
                self.hold_answer(call, operation, &record, &said).await
            }
            outcome => self.payment_outcome(operation, outcome).await,
        }
    }

    async fn payment_outcome(
        &self,
        operation: Operation,
        outcome: Outcome,
    ) -> Result<Answered, Answered> {
        match outcome {
            Ok(Reply::Payment(payment)) => {
                let refunds = self.refunds_of(&payment).await?;
                let mut body = Vec::with_capacity(640);
                write_payment(&mut body, operation.success(), &payment, &refunds);
                Ok(Answered {
                    code: operation.success(),
                    body,
                })
            }
            Ok(_) => Err(Answered::plain(ResultCode::InternalServerError)),
            // A payment that was refused is not there: reading it says so, whatever the reason was, and that it never will be.
            // A key that may not read hears nothing about payments at all.
            Err(refusal)
                if operation == Operation::GetPayment && refusal != Refusal::KeyRevoked =>
            {
                Err(Answered::plain(match refusal {
                    Refusal::PaymentUnknown => ResultCode::OrderNotFound,
                    _ => ResultCode::OrderRefused,
                }))
            }
            Err(refusal) => Err(Answered::plain(operation.answer_to(refusal.code()))),
        }
    }

    /// The refunds of a payment. Most payments have none, and then nothing is asked.
    async fn refunds_of(&self, payment: &Payment) -> Result<Vec<Refund>, Answered> {
        if payment.refunds.is_empty() {
            return Ok(Vec::new());
        }
        let (engine, ids) = (self.ledger.engine.clone(), payment.refunds.clone());
        let read = self.look_ups.ask(move |()| engine.refunds(&ids)).await;
        Ok(read.map_err(not_looked_up)??)
    }
}

fn response(answered: Answered, id: RequestId) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answered.body)));
    *response.status_mut() = StatusCode::from_u16(answered.code.row().status)
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json;charset=UTF-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let mut text = *b"OPA00000000000000000000000000000000";
    hex(&mut text[19..35], id.0);
    if let Ok(text) = HeaderValue::from_bytes(&text) {
        headers.insert(X_REQUEST_ID, text);
    }
    response
}

fn refund_outcome(operation: Operation, outcome: Outcome) -> Result<Answered, Answered> {
    match outcome {
        Ok(Reply::Refund(refund)) => {
            let mut body = Vec::with_capacity(384);
            envelope::write_refund(&mut body, operation.success(), &refund_view(&refund));
            Ok(Answered {
                code: operation.success(),
                body,
            })
        }
        Ok(_) => Err(Answered::plain(ResultCode::InternalServerError)),
        Err(refusal) => Err(Answered::plain(operation.answer_to(refusal.code()))),
    }
}

async fn read_body(body: Incoming) -> Result<Bytes, Answered> {
    if hyper::body::Body::is_end_stream(&body) {
        return Ok(Bytes::new());
    }
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, BODY_BYTES_MAX).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Answered::plain(ResultCode::BodyTooLarge))
        }
        Ok(Err(_)) => Err(Answered::plain(ResultCode::InvalidRequestParams)),
        Err(_) => Err(Answered::plain(ResultCode::RequestTimeout)),
    }
}

/// The parser has held the amount against its bounds; this is the same bound in the domain's type.
fn amount(yen: i64) -> Result<Amount, Answered> {
    u64::try_from(yen)
        .ok()
        .and_then(Amount::new)
        .ok_or_else(|| Answered::plain(ResultCode::InvalidRequestParams))
}

fn not_looked_up(denial: Denial) -> Answered {
    Answered::plain(match denial {
        Denial::Busy => ResultCode::RateLimit,
        _ => ResultCode::InternalServerError,
    })
}

/// What a request says about money set aside that the journal row of it may not tell. The payer is part of what makes two
/// requests equal, so a retry repeats it; the texts of a capture are not, and are left out rather than answered with the retry's own.
struct HoldSaid<'a> {
    name: &'a str,
    payer: Option<Payer>,
    capture: Option<&'a CapturePayment<'a>>,
}

fn write_hold(
    body: &mut Vec<u8>,
    code: ResultCode,
    record: &HoldRecord,
    said: &HoldSaid,
    since: Option<&(Payment, Vec<Refund>)>,
    now: Timestamp,
) {
    let captured = record.end.and_then(|end| Some((end.at, end.captured?)));
    let ended_at = record.end.map_or(now, |end| end.at);
    let is_refunded = since.is_some_and(|(payment, _)| payment.refundable().is_zero());
    let status = match record.end {
        Some(_) if is_refunded => envelope::PaymentStatus::Refunded,
        Some(_) if captured.is_some() => envelope::PaymentStatus::Completed,
        // Overdue is over, whether the money has gone back yet or will with the next sweep.
        _ if ended_at >= record.expires_at => envelope::PaymentStatus::Expired,
        Some(_) => envelope::PaymentStatus::Canceled,
        None => envelope::PaymentStatus::Authorized,
    };
    let store = record.store.map(|id| id.to_string());
    let held_for = record.held_for.as_deref();
    let till = held_for.and_then(|held_for| Some(held_for.till?.to_string()));
    let order = held_for.map(|held_for| &*held_for.order);
    let text =
        |of: fn(&OrderInfo) -> &Option<Box<str>>| order.and_then(|order| of(order).as_deref());
    let refunds: Vec<RefundView<'_>> = (since.iter())
        .flat_map(|(_, refunds)| refunds.iter().map(refund_view))
        .collect();
    let authorization = match (held_for, said.payer) {
        (Some(held_for), _) => held_for.authorization,
        (None, Some(Payer::Authorization(id))) => Some(id),
        (None, _) => None,
    };
    let view = PaymentView {
        payment_id: record.hold.0,
        status,
        accepted_at_seconds: record.at.seconds(),
        merchant_payment_id: said.name,
        user_authorization_id: authorization.map(|id| id.0),
        amount_yen: record.amount.signed(),
        requested_at_seconds: order.map_or(0, |order| order.requested_at),
        expires_at_seconds: Some(record.expires_at.seconds()),
        canceled_at_seconds: None,
        store_id: text(|order| &order.store_text).or(store.as_deref()),
        terminal_id: text(|order| &order.terminal_text).or(till.as_deref()),
        order_receipt_number: text(|order| &order.receipt_number),
        order_description: text(|order| &order.description),
        refunds: &refunds,
        capture: captured.map(|(at, amount)| CaptureView {
            accepted_at_seconds: at.seconds(),
            merchant_capture_id: said.capture.map(|asked| &*asked.merchant_capture_id),
            amount_yen: amount.signed(),
            order_description: said
                .capture
                .and_then(|asked| asked.order_description.as_deref()),
            requested_at_seconds: said
                .capture
                .and_then(|asked| asked.requested_at_seconds)
                .unwrap_or(0),
        }),
        revert: (status == envelope::PaymentStatus::Canceled).then_some(RevertView {
            accepted_at_seconds: ended_at.seconds(),
            merchant_revert_id: None,
            requested_at_seconds: 0,
            reason: None,
        }),
    };
    envelope::write_payment(body, code, &view);
}

fn refund_view(refund: &Refund) -> RefundView<'_> {
    RefundView {
        status: envelope::RefundStatus::Refunded,
        accepted_at_seconds: refund.at.seconds(),
        merchant_refund_id: &refund.merchant_refund_id,
        payment_id: refund.payment.0,
        amount_yen: refund.amount.signed(),
        requested_at_seconds: refund.requested_at,
        reason: refund.reason.as_deref(),
    }
}

fn write_payment(body: &mut Vec<u8>, code: ResultCode, payment: &Payment, refunds: &[Refund]) {
    let refunds: Vec<RefundView<'_>> = refunds.iter().map(refund_view).collect();
    let (store, till) = (
        payment.store.map(|id| id.to_string()),
        payment.till.map(|id| id.to_string()),
    );
    let order = &payment.order;
    let status = match payment.status {
        PaymentStatus::Cancelled => envelope::PaymentStatus::Failed,
        PaymentStatus::Completed if payment.refundable().is_zero() => {
            envelope::PaymentStatus::Refunded
        }
        PaymentStatus::Completed => envelope::PaymentStatus::Completed,
    };
    let view = PaymentView {
        payment_id: payment.id.0,
        status,
        accepted_at_seconds: payment.at.seconds(),
        merchant_payment_id: &payment.merchant_payment_id,
        user_authorization_id: payment.authorization.map(|id| id.0),
        amount_yen: payment.amount.signed(),
        requested_at_seconds: order.requested_at,
        expires_at_seconds: None,
        canceled_at_seconds: payment.cancelled_at.map(|at| at.seconds()),
        store_id: order.store_text.as_deref().or(store.as_deref()),
        terminal_id: order.terminal_text.as_deref().or(till.as_deref()),
        order_receipt_number: order.receipt_number.as_deref(),
        order_description: order.description.as_deref(),
        refunds: &refunds,
        capture: None,
        revert: None,
    };
    envelope::write_payment(body, code, &view);
}

// What the parser lets through is what the journal holds.
const _: () = assert!(CATEGORIES_MAX == OrderInfo::CATEGORIES_MAX);
const _: () = assert!(CATEGORY_CHARS_MAX == OrderInfo::CATEGORY_CHARS_MAX);

/// Goods categories as they are kept.
fn categories(asked: Vec<Cow<'_, str>>) -> Option<Box<[Box<str>]>> {
    (!asked.is_empty()).then(|| asked.into_iter().map(Into::into).collect())
}

fn hex(into: &mut [u8], number: u64) {
    for (at, digit) in into.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (60 - 4 * at) & 15) as usize];
    }
}
