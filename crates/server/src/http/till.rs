//! The till's page API: the same acts as a register's, asked by an enrolled device.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use mamori_api::opa::id::parse_payment_id;
use mamori_codes::payment_code::PaymentCode;
use mamori_datastore::fault::Fault;
use mamori_datastore::sql::Db;
use mamori_domain::command::{Charge, Command, RefundRequest};
use mamori_domain::ids::{
    MerchantId, PaymentId, StoreId, TillId, WalletId, id_of_receipt, receipt_number,
};
use mamori_domain::merchant::TillReach;
use mamori_domain::money::Amount;
use mamori_domain::pay::{OrderInfo, Payer, Payment, PaymentStatus};
use mamori_domain::query::Query;
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::Reply;
use mamori_engine::Engine;
use mamori_engine::views::read::{self, SalesOfDay, Takings};
use mamori_engine::views::{Entry, EntryKind};
use mamori_registry::{AlarmKind, Device, PIN_DIGITS, PinRefusal, masked_name};
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Asked, Body};
use crate::day::parse_day;
use crate::denied::{PIN_LOCKED, PIN_WRONG, refused, refused_word};
use crate::http::console::takings_json;
use crate::http::session::TillDevice;
use crate::scanned::payment_code;

/// How long a cashier waits for the name of who has paid already.
const NAME_PATIENCE: Duration = Duration::from_secs(1);

/// Where a till stands.
struct Place {
    device: TillDevice,
    merchant: MerchantId,
    store: StoreId,
    till: TillId,
}

impl Place {
    /// The merchant's id for what this till's page calls `key`. A register cannot choose it, since a colon is none of its characters: what
    /// is tried at a till uses no register's id up, nor the other way round.
    fn names(&self, key: &str) -> Box<str> {
        format!("till:{}:{key}", self.till).into()
    }

    /// A device gives money back so often and no oftener. An attacker who walks through the ids of a store's sales is stopped, and seen.
    async fn may_reverse(&self, app: &App) -> Result<(), Denial> {
        let (device, now) = (self.device.device.fingerprint, app.outside.now());
        if app.identity.paces.reversals.allow(device, now) {
            return Ok(());
        }
        tracing::warn!(
            till = self.till.0,
            store = self.store.0,
            "risk: a till gives back more often than tills do"
        );
        self.alarm(app, AlarmKind::ReversalPace).await;
        Err(Denial::Busy)
    }

    /// Writes down for the operators what this till does, once a minute. The refusal leaves when the alarm stands: whoever was refused for
    /// it can be sure that the console tells it.
    async fn alarm(&self, app: &App, kind: AlarmKind) {
        let (till, now) = (self.till, app.outside.now());
        if !app.identity.paces.alarms.allow((kind, till), now) {
            return;
        }
        let seed = app.outside.seed();
        let raised = app
            .registry
            .ask(move |registry| registry.alarms().raise(kind, till, now, &seed))
            .await;
        match raised {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => tracing::warn!(%fault, "an alarm was not written down"),
            Err(_) => tracing::warn!("an alarm was not written down: too many ask at once"),
        }
    }

    /// The device as it asks for a void or a refund: with the supervisor beside it, if the body has a PIN.
    async fn beside_supervisor(&self, app: &App, body: &Body) -> Result<TillDevice, Denial> {
        if body.opt_text("pin", 64)?.is_none() {
            return Ok(self.device);
        }
        let pin = body.digits("pin", PIN_DIGITS)?;
        let (store, till, now) = (self.store, self.till, app.outside.now());
        let who = app
            .registry
            .ask(move |registry| registry.supervisors().who(store, till, &pin, now))
            .await??;
        match who {
            Ok(supervisor) => Ok(self.device.approved_by(supervisor)),
            Err(PinRefusal::Wrong) => Err(Denial::Refused(PIN_WRONG)),
            Err(PinRefusal::Locked) => Err(Denial::Refused(PIN_LOCKED)),
            Err(PinRefusal::WrongAndLocked) => {
                tracing::warn!(
                    till = self.till.0,
                    store = self.store.0,
                    "risk: a till was given too many wrong PINs"
                );
                self.alarm(app, AlarmKind::PinLocked).await;
                Err(Denial::Refused(PIN_LOCKED))
            }
        }
    }
}

fn place(app: &App, device: TillDevice) -> Result<Place, Denial> {
    let names = app.directory.names();
    let paper = names
        .tills
        .get(&device.device.till.0)
        .ok_or(Denial::SignedOut)?;
    Ok(Place {
        device,
        merchant: paper.merchant,
        store: paper.store,
        till: paper.till,
    })
}

/// Reads for a till, if its device still is the one that the book names: an act asks the book by itself, a read of the views
/// would go on for ever on a device that was taken off. On a worker thread.
async fn read_as<T: Send + 'static>(
    app: &Arc<App>,
    device: TillDevice,
    read: impl FnOnce(&Engine) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Denial> {
    let inner = Arc::clone(app);
    let Device {
        till, fingerprint, ..
    } = device.device;
    let read = app
        .acts
        .ask(move |()| match inner.ledger.engine.device_of(till)? {
            Some(named) if named == fingerprint => read(&inner.ledger.engine).map(Some),
            _ => Ok::<_, Fault>(None),
        })
        .await??;
    read.ok_or_else(|| {
        app.identity.devices.forget_till(till);
        Denial::SignedOut
    })
}

/// `GET /api/till`: which till this is, and what its store took today.
pub async fn till(State(app): State<Arc<App>>, device: TillDevice) -> Answer {
    let place = place(&app, device)?;
    let takings = takings_of(&app, &place, app.outside.now().day_in_japan()).await?;
    let names = app.directory.names();
    let paper = names.tills.get(&place.till.0).ok_or(Denial::SignedOut)?;
    Ok(done(json!({
        "till_id": place.till.to_string(),
        "till": paper.name,
        "store": paper.store_name,
        "merchant": paper.merchant_name,
        "invoice_number": names.invoice_number(place.merchant),
        "takings": takings_json(&takings),
    })))
}

/// A day in Japan, `2026-11-28`.
#[derive(serde::Deserialize)]
pub struct Day {
    day: String,
}

/// `GET /api/till/day?day=YYYY-MM-DD`: what the store took on a day, for its day close.
pub async fn day(
    State(app): State<Arc<App>>,
    device: TillDevice,
    Asked(asked): Asked<Day>,
) -> Answer {
    let place = place(&app, device)?;
    let day = parse_day(&asked.day).ok_or(Denial::InvalidField("day"))?;
    let takings = takings_of(&app, &place, day).await?;
    Ok(done(
        json!({ "day": asked.day, "takings": takings_json(&takings) }),
    ))
}

/// What a till's store took on a day in Japan.
async fn takings_of(app: &Arc<App>, place: &Place, day: i64) -> Result<Takings, Denial> {
    let (store, midnight) = (place.store.0, day * 24 - 9);
    read_as(app, place.device, move |engine| {
        engine.read(|reader| read::takings_of_store(reader.views(), store, midnight..midnight + 24))
    })
    .await
}

/// `POST /api/charge {amount, code, key, categories?}`: a scan. The key names the sale, so that asking again is safe.
pub async fn charge(State(app): State<Arc<App>>, device: TillDevice, body: Body) -> Answer {
    let place = place(&app, device)?;
    let amount = yen(body.whole("amount", 1..=Amount::MAX_MINOR)?)?;
    let name = place.names(&sale_key(&body)?);
    let code = scanned(&app, body.text("code", 512)?)?;
    let (count, chars) = (OrderInfo::CATEGORIES_MAX, OrderInfo::CATEGORY_CHARS_MAX);
    let categories = body.opt_texts("categories", count, chars)?;
    let charge = Charge {
        merchant: place.merchant,
        merchant_payment_id: (&*name).into(),
        payer: Payer::Code(code.random()),
        amount,
        store: Some(place.store),
        till: Some(place.till),
        order: OrderInfo {
            requested_at: app.outside.now().seconds(),
            categories: (!categories.is_empty())
                .then(|| categories.into_iter().map(Into::into).collect()),
            ..OrderInfo::default()
        }
        .into(),
    };
    let payment = payment_of(
        app.ledger
            .ask(device.command(Command::Charge(charge)))
            .await?,
    )?;
    let customer = customer(&app, payment.wallet).await;
    Ok(done(payment_json(&app, &payment, &customer)))
}

/// What the scanner read, if it is a code of ours; else what it is, in words for the cashier.
fn scanned(app: &App, text: &str) -> Result<PaymentCode, Denial> {
    payment_code(text, app.issuer).map_err(refused_word)
}

/// How many payments the till's list shows.
#[derive(serde::Deserialize)]
pub struct ListPage {
    limit: Option<u32>,
}

/// `GET /api/payments?limit=N`: the store's newest payments, with what became of them.
pub async fn payments(
    State(app): State<Arc<App>>,
    device: TillDevice,
    Asked(page): Asked<ListPage>,
) -> Answer {
    let place = place(&app, device)?;
    let limit = page.limit.unwrap_or(50).clamp(1, 200);
    let store = place.store.0;
    let payments = read_as(&app, device, move |engine| {
        engine.read(|reader| {
            let entries = read::of_store(reader.views(), store, limit)?;
            let mut payments = Vec::new();
            for entry in entries
                .iter()
                .filter(|entry| entry.kind == EntryKind::Payment)
            {
                payments.extend(reader.payment(PaymentId(entry.id))?);
            }
            Ok(payments)
        })
    })
    .await?;
    Ok(done(
        json!({ "payments": list_json(&app, &payments).await? }),
    ))
}

/// Which sales a cashier looks for: those of a day, or the one with a receipt number; empty is as good as not said.
#[derive(serde::Deserialize)]
pub struct Search {
    day: Option<String>,
    number: Option<String>,
    amount: Option<String>,
    /// Where the page before ended, as its `next` said.
    before: Option<String>,
}

/// How many sales one answer to a search holds.
const SALES_PAGE: usize = 20;

/// What is asked of the views.
struct Sought {
    number: Option<u64>,
    /// From, and up to but without, in microseconds UTC.
    day: Option<(i64, i64)>,
    amount: Option<u64>,
    before: Option<u64>,
}

impl Search {
    fn sought(&self) -> Result<Sought, Denial> {
        let sought = Sought {
            number: said(&self.number, "number", id_of_receipt)?,
            day: said(&self.day, "day", |text| parse_day(text).map(day_in_micros))?,
            amount: said(&self.amount, "amount", whole_yen)?,
            before: said(&self.before, "before", parse_payment_id)?,
        };
        // A store's whole past is not walked through for one amount.
        match (sought.number, sought.day) {
            (None, None) => Err(Denial::InvalidField("day")),
            _ => Ok(sought),
        }
    }
}

/// What a part of a search says, if it says anything.
fn said<T>(
    text: &Option<String>,
    field: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Denial> {
    match text.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => read(text).map(Some).ok_or(Denial::InvalidField(field)),
    }
}

impl Sought {
    /// The sales of the store that fit, newest first, and one more than a page holds where there are more. By its number a sale of any
    /// store is found whose merchant is `chain`: a till that reaches all of them is handed a receipt.
    fn find(&self, views: &mut Db, store: u32, chain: Option<u32>) -> Result<Vec<Entry>, Fault> {
        let Some(number) = self.number else {
            let Some(day) = self.day else {
                return Ok(Vec::new());
            };
            let asked = SalesOfDay {
                store,
                day,
                amount: self.amount,
                before: self.before,
            };
            return read::sales_of_day(views, asked, SALES_PAGE as u32 + 1);
        };
        let fits = |entry: &Entry| {
            entry.kind == EntryKind::Payment
                && (entry.store == Some(store) || (chain.is_some() && entry.merchant == chain))
                && self.amount.is_none_or(|amount| entry.amount == amount)
                && (self.day).is_none_or(|(from, to)| (from..to).contains(&entry.at))
        };
        Ok(read::entry_by_id(views, number)?
            .filter(fits)
            .into_iter()
            .collect())
    }
}

/// `GET /api/till/sales?day=YYYY-MM-DD&number=&amount=&before=NEXT`: any sale of the till's own store, whenever and at whichever register
/// it was made; by its number one of another store too, where the merchant lets tills reach that far. `next` is null where there are no more.
pub async fn sales(
    State(app): State<Arc<App>>,
    device: TillDevice,
    Asked(search): Asked<Search>,
) -> Answer {
    let place = place(&app, device)?;
    let (sought, store, merchant) = (search.sought()?, place.store.0, place.merchant);
    let (payments, more) = read_as(&app, device, move |engine| {
        let rule = engine.reversal_rule(merchant)?;
        let reaches_all = rule.is_some_and(|rule| rule.reach == TillReach::Merchant);
        let chain = reaches_all.then_some(merchant.0);
        engine.read(|reader| {
            let found = sought.find(reader.views(), store, chain)?;
            let mut payments = Vec::new();
            for entry in found.iter().take(SALES_PAGE) {
                payments.extend(reader.payment(PaymentId(entry.id))?);
            }
            let more = found.len() > SALES_PAGE;
            Ok((payments, more.then(|| found[SALES_PAGE - 1].id.to_string())))
        })
    })
    .await?;
    Ok(done(
        json!({ "sales": list_json(&app, &payments).await?, "next": more }),
    ))
}

/// From the midnight in Japan that a day begins with, up to but without the next one, in microseconds UTC.
const fn day_in_micros(day: i64) -> (i64, i64) {
    let begins = (day * 86_400 - 9 * 3_600) * 1_000_000;
    (begins, begins + 86_400_000_000)
}

fn whole_yen(text: &str) -> Option<u64> {
    let fits = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok())?
}

/// Payments with the names of those who paid.
async fn list_json(app: &App, payments: &[Payment]) -> Result<Vec<Value>, Denial> {
    let wallets: Vec<WalletId> = payments.iter().map(|payment| payment.wallet).collect();
    let names = app
        .registry
        .ask(move |registry| registry.people().names_of_wallets(&wallets))
        .await??;
    let name = |wallet| {
        names
            .get(&wallet)
            .map_or_else(String::new, |name| masked_name(name))
    };
    Ok(payments
        .iter()
        .map(|payment| payment_json(app, payment, &name(payment.wallet)))
        .collect())
}

/// `POST /api/charge/give-up {key}`: a sale whose answer never came is given up. What was paid is given back; what has not arrived
/// finds its id taken and is refused. What was paid and is more than a till gives back alone stays paid: `approval_needed`, and it is
/// voided from the list.
///
/// Only what gives money back counts as giving back: a till that lost the network gives up as often as it must.
pub async fn give_up(State(app): State<Arc<App>>, device: TillDevice, body: Body) -> Answer {
    let place = place(&app, device)?;
    let name = place.names(&sale_key(&body)?);
    if paid_as(&app, &place, &name)
        .await?
        .is_some_and(|payment| payment.status == PaymentStatus::Completed)
    {
        place.may_reverse(&app).await?;
    }
    let cancel = Command::Cancel {
        merchant: place.merchant,
        merchant_payment_id: name.clone(),
    };
    app.ledger
        .ask(place.device.command(cancel))
        .await?
        .map_err(refused)?;
    Ok(done(match paid_as(&app, &place, &name).await? {
        Some(payment) => {
            let customer = customer(&app, payment.wallet).await;
            json!({ "outcome": "given_back", "payment": payment_json(&app, &payment, &customer) })
        }
        None => json!({ "outcome": "never_paid" }),
    }))
}

/// The payment under this id, if there is one: a refused, a cancelled and an unknown id are none.
async fn paid_as(app: &App, place: &Place, name: &str) -> Result<Option<Payment>, Denial> {
    let query = Query::Payment {
        merchant: place.merchant,
        merchant_payment_id: name.into(),
    };
    match app.ledger.ask(place.device.query(query)).await? {
        Ok(Reply::Payment(payment)) => Ok(Some(payment)),
        Ok(_) => Err(Denial::Unavailable),
        Err(_) => Ok(None),
    }
}

/// `POST /api/void {payment_id, pin?}`: undoes a payment of today. What a till does not do alone is refused as `approval_needed`, and
/// asked for again with a supervisor's PIN.
pub async fn void(State(app): State<Arc<App>>, device: TillDevice, body: Body) -> Answer {
    let place = place(&app, device)?;
    let payment = payment_id(&body)?;
    place.may_reverse(&app).await?;
    let device = place.beside_supervisor(&app, &body).await?;
    let payment = own_payment(&app, &place, payment).await?;
    let cancel = Command::Cancel {
        merchant: place.merchant,
        merchant_payment_id: (&payment.merchant_payment_id).into(),
    };
    app.ledger
        .ask(device.command(cancel))
        .await?
        .map_err(refused)?;
    let payment = own_payment(&app, &place, payment.id).await?;
    let customer = customer(&app, payment.wallet).await;
    Ok(done(payment_json(&app, &payment, &customer)))
}

/// `POST /api/refund {payment_id, amount, key, reason, pin?}`: gives back all or part; the PIN as for a void.
pub async fn refund(State(app): State<Arc<App>>, device: TillDevice, body: Body) -> Answer {
    let place = place(&app, device)?;
    let request = RefundRequest {
        merchant: place.merchant,
        merchant_refund_id: place.names(&sale_key(&body)?),
        payment: payment_id(&body)?,
        amount: yen(body.whole("amount", 1..=Amount::MAX_MINOR)?)?,
        reason: body
            .opt_text("reason", 1_000)?
            .filter(|text| text.chars().count() <= 255 && !text.contains('\0'))
            .map(Into::into),
        requested_at: app.outside.now().seconds(),
    };
    place.may_reverse(&app).await?;
    let device = place.beside_supervisor(&app, &body).await?;
    let id = request.payment;
    let refund = match app
        .ledger
        .ask(device.command(Command::Refund(request)))
        .await?
    {
        Ok(Reply::Refund(refund)) => refund,
        Ok(_) => return Err(Denial::Unavailable),
        Err(refusal) => return Err(refused(refusal)),
    };
    let payment = own_payment(&app, &place, id).await?;
    Ok(done(json!({
        "refund_id": refund.id.to_string(),
        "receipt_number": receipt_number(refund.id.0),
        "amount": refund.amount.minor(),
        "refunded": payment.refunded.minor(),
        "refundable": payment.refundable().minor(),
        "status": status(&payment),
    })))
}

async fn own_payment(app: &App, place: &Place, payment: PaymentId) -> Result<Payment, Denial> {
    let query = Query::PaymentById {
        merchant: place.merchant,
        payment,
    };
    payment_of(app.ledger.ask(place.device.query(query)).await?)
}

fn payment_of(outcome: Result<Reply, Refusal>) -> Result<Payment, Denial> {
    match outcome {
        Ok(Reply::Payment(payment)) => Ok(payment),
        Ok(_) => Err(Denial::Unavailable),
        Err(refusal) => Err(refused(refusal)),
    }
}

/// The page's own id for a sale or refund: the same rules as a register's.
fn sale_key(body: &Body) -> Result<Box<str>, Denial> {
    let key = body.text("key", 64)?;
    let fits = key
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if fits {
        Ok(key.into())
    } else {
        Err(Denial::InvalidField("key"))
    }
}

fn payment_id(body: &Body) -> Result<PaymentId, Denial> {
    parse_payment_id(body.text("payment_id", 20)?)
        .map(PaymentId)
        .ok_or(Denial::InvalidField("payment_id"))
}

fn yen(amount: u64) -> Result<Amount, Denial> {
    Amount::new(amount).ok_or(Denial::InvalidField("amount"))
}

/// The customer's name as a cashier may read it: enough to greet, too little to find.
///
/// What was paid or undone is durable by then: where the registry is busy or away the cashier hears of it without the name, and
/// never that nothing was decided.
async fn customer(app: &App, wallet: WalletId) -> String {
    let asked = app
        .registry
        .ask(move |registry| registry.people().of_wallet(wallet));
    match tokio::time::timeout(NAME_PATIENCE, asked).await {
        Ok(Ok(Ok(Some(person)))) => masked_name(&person.display_name),
        Ok(Ok(Ok(None))) => String::new(),
        Ok(Ok(Err(fault))) => {
            tracing::warn!(%fault, "a payment is told without its customer's name");
            String::new()
        }
        Ok(Err(_)) | Err(_) => {
            tracing::debug!("a payment is told without its customer's name: too many ask at once");
            String::new()
        }
    }
}

fn status(payment: &Payment) -> &'static str {
    match payment.status {
        PaymentStatus::Cancelled => "cancelled",
        PaymentStatus::Completed if payment.refundable().is_zero() => "refunded",
        PaymentStatus::Completed if payment.refunded.is_zero() => "paid",
        PaymentStatus::Completed => "part_refunded",
    }
}

fn payment_json(app: &App, payment: &Payment, customer: &str) -> Value {
    let names = app.directory.names();
    let till = payment.till.and_then(|till| names.tills.get(&till.0));
    json!({
        "payment_id": payment.id.to_string(),
        "receipt_number": receipt_number(payment.id.0),
        "amount": payment.amount.minor(),
        "refunded": payment.refunded.minor(),
        "refundable": payment.refundable().minor(),
        "status": status(payment),
        "at_ms": payment.at.millis(),
        "customer": customer,
        "till": till.map(|till| &till.name),
        "categories": payment.order.categories.as_deref().unwrap_or_default(),
    })
}
