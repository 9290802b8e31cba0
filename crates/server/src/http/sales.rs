//! The console's list of payments: found by merchant, store, day, amount, state, or by any number that somebody reads out.
//!
//! It names no customer and no wallet. Whose payments they are is asked for by another door, with a reason (`people.rs`).

use std::sync::Arc;

use axum::extract::State;
use mamori_domain::ids::{MerchantId, id_of_receipt, receipt_number};
use mamori_engine::Engine;
use mamori_engine::views::sales::{self, Page, Sale, SaleState, Wanted};
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, Words, done};
use crate::app::App;
use crate::body::Asked;
use crate::directory::Names;
use crate::http::acts::day_begins;
use crate::http::permitted::{May, SeePayments};

/// Payments on a page unless asked otherwise, and at most.
const PAGE: usize = 50;
const PAGE_MAX: usize = 500;
/// Bytes of an id that somebody reads out; a merchant's own has 64 characters.
const ID_BYTES_MAX: usize = 256;
/// Merchants whose own ids are looked for at once; where there are more, the merchant is chosen first.
const MERCHANTS_AT_ONCE: usize = 100;
const DAY_MICROS: i64 = 86_400_000_000;

/// No store has this name or number.
const STORE_UNKNOWN: Words = Words {
    code: "store_unknown",
    ja: "この名前や番号のお店はありません。",
    en: "No store has this name or number.",
};
/// Too many merchants to look through for one of their own ids.
const MERCHANT_WANTED: Words = Words {
    code: "merchant_wanted",
    ja: "加盟店を選んでから、もう一度探してください。",
    en: "Please choose a merchant first, then search again.",
};

/// Which payments an operator asks for.
#[derive(serde::Deserialize)]
pub struct Search {
    merchant: Option<u32>,
    /// A store's number, or a part of its name.
    store: Option<String>,
    /// Days in Japan, `2026-11-28`; both are part of what is wanted.
    from: Option<String>,
    to: Option<String>,
    amount: Option<u64>,
    /// `paid`, `refunded` or `voided`.
    state: Option<String>,
    /// A payment id, a receipt number or a merchant's own id for the payment: the other fields but the merchant are not looked at.
    id: Option<String>,
    before: Option<u64>,
    limit: Option<usize>,
}

impl Search {
    fn wanted(&self, names: &Names) -> Result<Wanted, Denial> {
        let day = |text: &Option<String>, field| match text {
            Some(text) => day_begins(text)
                .map(Some)
                .ok_or(Denial::InvalidField(field)),
            None => Ok(None),
        };
        let (from, to) = (day(&self.from, "from")?, day(&self.to, "to")?);
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            return Err(Denial::InvalidField("to"));
        }
        let state = match self.state.as_deref() {
            None => None,
            Some("paid") => Some(SaleState::Paid),
            Some("refunded") => Some(SaleState::Refunded),
            Some("voided") => Some(SaleState::Cancelled),
            Some(_) => return Err(Denial::InvalidField("state")),
        };
        let stores = match self.store.as_deref().map(str::trim) {
            None | Some("") => Vec::new(),
            Some(text) => stores_called(names, text, self.merchant)?,
        };
        Ok(Wanted {
            from,
            to: to.map(|begins| begins + DAY_MICROS),
            merchant: self.merchant,
            stores,
            amount: self.amount,
            state,
        })
    }
}

/// The stores with this number, or else with this text in their name.
fn stores_called(names: &Names, text: &str, merchant: Option<u32>) -> Result<Vec<u32>, Denial> {
    let own = |number: &u32| {
        let store = names.stores.get(number);
        store.is_some_and(|store| merchant.is_none_or(|merchant| store.merchant.0 == merchant))
    };
    if let Some(number) = text.parse().ok().filter(own) {
        return Ok(vec![number]);
    }
    let text = text.to_lowercase();
    let named = names.stores.iter();
    let found: Vec<u32> = named
        .filter(|(number, store)| own(number) && store.name.to_lowercase().contains(&text))
        .map(|(number, _)| *number)
        .collect();
    if found.is_empty() {
        return Err(STORE_UNKNOWN.into());
    }
    Ok(found)
}

/// `GET /api/payments?merchant=&store=&from=&to=&amount=&state=&id=&before=NEXT&limit=` of the console: newest first. An answer
/// may hold fewer than asked for, or none, and still say where the list goes on: so far it was looked through.
pub async fn list(
    State(app): State<Arc<App>>,
    _: May<SeePayments>,
    Asked(search): Asked<Search>,
) -> Answer {
    let names = app.directory.names();
    let engine = app.ledger.engine.clone();
    let page = match search.id.as_deref().map(str::trim) {
        Some(id) if !id.is_empty() => {
            let merchants = merchants_asked(&names, search.merchant)?;
            if id.len() > ID_BYTES_MAX {
                return Err(Denial::InvalidField("id"));
            }
            let (id, merchant) = (id.to_owned(), search.merchant);
            let found = app
                .acts
                .ask(move |()| named(&engine, &merchants, merchant, &id));
            found.await??
        }
        _ => {
            let wanted = search.wanted(&names)?;
            let limit = search.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
            let listed = app.acts.ask(move |()| {
                engine.await_views()?;
                engine.read(|reader| sales::list(reader.views(), &wanted, search.before, limit))
            });
            listed.await??
        }
    };
    let payments: Vec<Value> = page
        .sales
        .iter()
        .map(|sale| sale_json(&names, sale))
        .collect();
    let reached = page.next.and(page.reached);
    Ok(done(json!({
        "payments": payments,
        "next": page.next.map(|id| id.to_string()),
        "reached_ms": reached.map(|at| at.div_euclid(1_000)),
    })))
}

fn merchants_asked(names: &Names, merchant: Option<u32>) -> Result<Vec<MerchantId>, Denial> {
    if let Some(merchant) = merchant {
        return Ok(vec![MerchantId(merchant)]);
    }
    if names.merchants.len() > MERCHANTS_AT_ONCE {
        return Err(MERCHANT_WANTED.into());
    }
    Ok(names.merchants.keys().copied().map(MerchantId).collect())
}

/// The sales that a number or text names: as ours, on a receipt, or as a merchant's own.
fn named(
    engine: &Engine,
    merchants: &[MerchantId],
    merchant: Option<u32>,
    id: &str,
) -> Result<Page, mamori_datastore::fault::Fault> {
    engine.await_views()?;
    let mut ids: Vec<u64> = engine
        .payments_named(merchants, id)?
        .iter()
        .map(|payment| payment.0)
        .collect();
    ids.extend(id.parse::<u64>().ok());
    ids.extend(id_of_receipt(id));
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids.dedup();
    engine.read(|reader| {
        let mut page = Page::default();
        for id in ids.into_iter().filter(|id| i64::try_from(*id).is_ok()) {
            page.sales.extend(sales::by_id(reader.views(), id)?);
        }
        let of_merchant =
            |sale: &Sale| merchant.is_none_or(|merchant| sale.entry.merchant == Some(merchant));
        page.sales.retain(of_merchant);
        Ok(page)
    })
}

fn sale_json(names: &Names, sale: &Sale) -> Value {
    let entry = &sale.entry;
    let store = entry.store.and_then(|id| names.stores.get(&id));
    let till = entry.till.and_then(|id| names.tills.get(&id));
    let merchant = entry.merchant.and_then(|id| names.merchants.get(&id));
    // A sale of a till's page has an id that only the page knows.
    let own_id = entry
        .name
        .as_deref()
        .filter(|name| !name.starts_with("till:"));
    json!({
        "payment_id": sale.payment().to_string(),
        "receipt_number": receipt_number(entry.id),
        "merchant_payment_id": own_id,
        "at_ms": entry.at.div_euclid(1_000),
        "merchant": merchant,
        "store": store.map(|store| &store.name),
        "till": till.map(|till| &till.name),
        "amount": entry.amount,
        "refunded": sale.refunded,
        "status": match sale.state() {
            SaleState::Paid => "paid",
            SaleState::Cancelled => "cancelled",
            SaleState::Refunded if sale.refunded < entry.amount => "part_refunded",
            SaleState::Refunded => "refunded",
        },
    })
}
