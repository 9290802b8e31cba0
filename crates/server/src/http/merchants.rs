//! The console's merchants: what there is, what is opened anew, and the API keys of each.
//!
//! What gives a right, or takes one away from a register that is at work, asks for a fresh passkey.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::ids::{MerchantId, StoreId, SupervisorId, TillId};
use mamori_domain::merchant::{Prefecture, ReversalRule, StoreDetails, StoreKind, TillReach};
use mamori_domain::money::Amount;
use mamori_flows::open::Turn;
use mamori_flows::{Flow, Run, Stop, api_key, open, supervisor};
use mamori_registry::{ApiKeySummary, InvoiceNumber, Opening, Renamed, display_name};
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Asked, Body, Named, millis};
use crate::denied::refused;
use crate::http::permitted::{ManageApiKeys, ManageShops, May, SeeHouse, SetMoneyRules};
use crate::http::session::operator_mark;
use crate::http::step_up::{FreshPasskey, Granted};
use crate::identity::StepUpAct;

/// Stores that one answer lists; a chain has more, and they are searched for.
const STORES_MAX: usize = 100;

/// `GET /api/merchants` of the console.
pub async fn list(State(app): State<Arc<App>>, _: May<SeeHouse>) -> Answer {
    let keys: HashMap<MerchantId, u64> = app
        .registry
        .ask(|registry| registry.api_keys().count_live())
        .await??
        .into_iter()
        .collect();
    let names = app.directory.names();
    let (mut stores, mut tills) = (HashMap::new(), HashMap::new());
    for store in names.stores.values() {
        *stores.entry(store.merchant.0).or_insert(0_u64) += 1;
    }
    for till in names.tills.values() {
        *tills.entry(till.merchant.0).or_insert(0_u64) += 1;
    }
    let merchants: Vec<_> = names
        .merchants
        .iter()
        .map(|(id, name)| {
            json!({
                "merchant_id": id,
                "name": name,
                "stores": stores.get(id).unwrap_or(&0),
                "tills": tills.get(id).unwrap_or(&0),
                "api_keys": keys.get(&MerchantId(*id)).unwrap_or(&0),
            })
        })
        .collect();
    Ok(done(json!({ "merchants": merchants })))
}

/// What a merchant's stores are searched for.
#[derive(serde::Deserialize)]
pub struct StoreSearch {
    q: Option<String>,
}

/// `GET /api/merchants/{id}?q=TEXT` of the console: its keys, and its stores whose name or number holds the text.
pub async fn merchant(
    State(app): State<Arc<App>>,
    _: May<SeeHouse>,
    Named(id): Named,
    Asked(search): Asked<StoreSearch>,
) -> Answer {
    let id = u32::try_from(id).map_err(|_| Denial::NotFound)?;
    let names = app.directory.names();
    let name = names.merchants.get(&id).ok_or(Denial::NotFound)?;
    let keys = app
        .registry
        .ask(move |registry| registry.api_keys().of_merchant(MerchantId(id)))
        .await??;
    let text = search.q.unwrap_or_default().trim().to_lowercase();
    let own = names
        .stores
        .iter()
        .filter(|(_, store)| store.merchant.0 == id);
    let all = own.clone().count();
    let mut found: Vec<(u32, &str)> = own
        .filter(|(number, store)| {
            store.name.to_lowercase().contains(&text) || number.to_string() == text
        })
        .map(|(number, store)| (*number, store.name.as_str()))
        .collect();
    found.sort_unstable();
    let found_count = found.len();
    found.truncate(STORES_MAX);
    let mut tills: HashMap<u32, u64> = HashMap::new();
    for till in names.tills.values() {
        *tills.entry(till.store.0).or_default() += 1;
    }
    let stores: Vec<_> = found
        .iter()
        .map(|(number, name)| {
            json!({ "store_id": number, "name": name, "tills": tills.get(number).unwrap_or(&0) })
        })
        .collect();
    let engine = app.ledger.engine.clone();
    let rule = (app.acts.ask(move |()| engine.reversal_rule(MerchantId(id)))).await??;
    let rule = rule.ok_or(Denial::NotFound)?;
    Ok(done(json!({
        "merchant_id": id,
        "name": name,
        "invoice_number": names.invoice_number(MerchantId(id)),
        "reversals": { "reach": rule.reach.word(), "alone_up_to": rule.alone_up_to },
        "api_keys": keys.iter().map(key_json).collect::<Vec<_>>(),
        "stores": stores,
        "stores_found": found_count,
        "stores_in_all": all,
    })))
}

/// `GET /api/stores/{id}` of the console: where a store is, what it sells, and its tills.
pub async fn store(State(app): State<Arc<App>>, _: May<SeeHouse>, Named(id): Named) -> Answer {
    let id = u32::try_from(id).map_err(|_| Denial::NotFound)?;
    let names = app.directory.names();
    let paper = names.stores.get(&id).ok_or(Denial::NotFound)?;
    let known = app.registry.ask(move |registry| {
        let enrolled = registry.devices().enrolled_tills()?;
        let supervisors = registry.supervisors().of_store(StoreId(id))?;
        Ok::<_, Fault>((enrolled, supervisors))
    });
    let (enrolled, supervisors) = known.await??;
    let enrolled: BTreeSet<_> = enrolled.into_iter().collect();
    let supervisors: Vec<_> = supervisors
        .iter()
        .map(|supervisor| {
            json!({
                "supervisor_id": supervisor.id.0.to_string(),
                "name": supervisor.name,
                "made_at_ms": millis(supervisor.made_at),
            })
        })
        .collect();
    let mut tills: Vec<_> = names
        .tills
        .values()
        .filter(|till| till.store.0 == id)
        .collect();
    tills.sort_unstable_by_key(|till| till.till);
    let tills: Vec<_> = tills
        .iter()
        .map(|till| {
            json!({ "till_id": till.till.0, "name": till.name, "enrolled": enrolled.contains(&till.till) })
        })
        .collect();
    let engine = app.ledger.engine.clone();
    let row = app.acts.ask(move |()| engine.store(StoreId(id))).await??;
    let details = row.map(|row| row.details).unwrap_or_default();
    Ok(done(json!({
        "store_id": id,
        "name": paper.name,
        "merchant_id": paper.merchant.0,
        "merchant": paper.merchant_name,
        "prefecture": details.prefecture.map(Prefecture::number),
        "town": details.town,
        "kind": details.kind.map(StoreKind::word),
        "tills": tills,
        "supervisors": supervisors,
    })))
}

/// `POST /api/merchants/{id}/reversals {reach, alone_up_to}` of the console: what the merchant's tills may give back, and how much of a
/// sale without a supervisor.
pub async fn set_reversal_rule(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<SetMoneyRules>>,
    headers: HeaderMap,
    Named(id): Named,
    body: Body,
) -> Answer {
    let merchant = MerchantId(u32::try_from(id).map_err(|_| Denial::NotFound)?);
    let reach = TillReach::from_word(body.text("reach", 16)?);
    let rule = ReversalRule {
        reach: reach.ok_or(Denial::InvalidField("reach"))?,
        alone_up_to: body.whole("alone_up_to", 0..=Amount::MAX_MINOR)?,
    };
    let work = move |granted: Granted<May<SetMoneyRules>>| {
        let operator = granted.operator();
        let set = granted.run.ask(Command::SetReversalRule { merchant, rule });
        set?.map_err(refused)?;
        tracing::info!(
            operator,
            merchant = merchant.0,
            "an operator said what a merchant's tills may give back"
        );
        Ok(json!({}))
    };
    let act = StepUpAct::SetReversalRule(merchant, rule);
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `POST /api/supervisors {store_id, name}` of the console: the PIN is in this answer and in no other.
pub async fn add_supervisor(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<ManageShops>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let (store, name) = (StoreId(id_of(&body, "store_id")?), name(&body)?);
    if !app.directory.names().stores.contains_key(&store.0) {
        return Err(Denial::NotFound);
    }
    let act = StepUpAct::AddSupervisor(store, name.clone());
    let work = move |granted: Granted<May<ManageShops>>| {
        let mut run = granted.run;
        let added = supervisor::add(&mut run, store, &name)?;
        Ok(json!({ "supervisor_id": added.id.0.to_string(), "pin": added.pin }))
    };
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `POST /api/supervisors/remove {supervisor_id}` of the console.
pub async fn remove_supervisor(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<ManageShops>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let id = body.text("supervisor_id", 20)?.parse();
    let id = SupervisorId(id.map_err(|_| Denial::InvalidField("supervisor_id"))?);
    let act = StepUpAct::RemoveSupervisor(id);
    let work = move |granted: Granted<May<ManageShops>>| {
        let mut run = granted.run;
        supervisor::remove(&mut run, id)?;
        Ok(json!({}))
    };
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `POST /api/merchants {name}` of the console.
pub async fn open_merchant(
    State(app): State<Arc<App>>,
    asker: May<ManageShops>,
    body: Body,
) -> Answer {
    let name = name(&body)?;
    let what = Opening::Merchant;
    let id = open(&app, asker, what, move |run, turn| {
        open::open(run, turn, what, &name)
    });
    let id = id.await?;
    Ok(done(json!({ "merchant_id": id })))
}

/// `POST /api/stores {merchant_id, name, prefecture?, town?, kind?}` of the console.
pub async fn open_store(
    State(app): State<Arc<App>>,
    asker: May<ManageShops>,
    body: Body,
) -> Answer {
    let (merchant, name, details) = (merchant_id(&body)?, name(&body)?, details(&body)?);
    let id = open(&app, asker, Opening::Store(merchant), move |run, turn| {
        open::open_store(run, turn, merchant, &name, details)
    });
    let id = id.await?;
    Ok(done(json!({ "store_id": id })))
}

/// `POST /api/stores/{id}/details {prefecture?, town?, kind?}` of the console: says it anew, all three.
pub async fn describe_store(
    State(app): State<Arc<App>>,
    asker: May<ManageShops>,
    Named(id): Named,
    body: Body,
) -> Answer {
    let id = u32::try_from(id).map_err(|_| Denial::NotFound)?;
    let details = details(&body)?;
    if !app.directory.names().stores.contains_key(&id) {
        return Err(Denial::NotFound);
    }
    let store = StoreId(id);
    let command = asker.command(Command::DescribeStore { store, details });
    app.ledger.ask(command).await?.map_err(refused)?;
    let operator = operator_mark(&asker.owner);
    tracing::info!(store = id, operator, "an operator described a store");
    Ok(done(json!({})))
}

/// Where a store is and what it sells, as far as that is said.
fn details(body: &Body) -> Result<StoreDetails, Denial> {
    let prefecture = body.opt_whole("prefecture", 1..=47)?;
    let town = body.opt_text("town", 640)?.map(|town| {
        let town = display_name(town).filter(|town| town.chars().count() <= StoreDetails::TOWN_MAX);
        town.ok_or(Denial::InvalidField("town"))
    });
    let kind = body.opt_text("kind", 64)?;
    let kind = kind.map(|kind| StoreKind::from_word(kind).ok_or(Denial::InvalidField("kind")));
    Ok(StoreDetails {
        prefecture: prefecture
            .and_then(|number| u8::try_from(number).ok())
            .and_then(Prefecture::new),
        town: town.transpose()?.map(Into::into),
        kind: kind.transpose()?,
    })
}

/// `POST /api/tills {store_id, name}` of the console.
pub async fn open_till(State(app): State<Arc<App>>, asker: May<ManageShops>, body: Body) -> Answer {
    let (store, name) = (StoreId(id_of(&body, "store_id")?), name(&body)?);
    let what = Opening::Till(store);
    let id = open(&app, asker, what, move |run, turn| {
        open::open(run, turn, what, &name)
    });
    let id = id.await?;
    Ok(done(json!({ "till_id": id })))
}

/// `POST /api/merchants/{id}/name {name}` of the console.
pub async fn rename_merchant(
    State(app): State<Arc<App>>,
    asker: May<ManageShops>,
    id: Named,
    body: Body,
) -> Answer {
    rename(&app, asker, id, &body, |id| {
        Renamed::Merchant(MerchantId(id))
    })
    .await
}

/// `POST /api/stores/{id}/name {name}` of the console.
pub async fn rename_store(
    State(app): State<Arc<App>>,
    asker: May<ManageShops>,
    id: Named,
    body: Body,
) -> Answer {
    rename(&app, asker, id, &body, |id| Renamed::Store(StoreId(id))).await
}

/// `POST /api/tills/{id}/name {name}` of the console.
pub async fn rename_till(
    State(app): State<Arc<App>>,
    asker: May<ManageShops>,
    id: Named,
    body: Body,
) -> Answer {
    rename(&app, asker, id, &body, |id| Renamed::Till(TillId(id))).await
}

/// `POST /api/merchants/{id}/invoice-number {number?}` of the console: what stands on the merchant's receipts.
pub async fn set_invoice_number(
    State(app): State<Arc<App>>,
    asker: May<SetMoneyRules>,
    Named(id): Named,
    body: Body,
) -> Answer {
    let merchant = MerchantId(u32::try_from(id).map_err(|_| Denial::NotFound)?);
    let number = body.opt_text("number", 64)?.map(|text| {
        let number = InvoiceNumber::parse(text);
        number.ok_or(Denial::InvalidField("number"))
    });
    let number = number.transpose()?;
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let set = app.registry.ask(move |registry| -> Result<(), Denial> {
        let turn = inner.directory.take_turn();
        let mut run = inner.run(registry, asker.asker, now, &seed);
        open::set_invoice_number(&mut run, &turn, merchant, number.as_ref())?;
        inner.directory.follow(&turn, registry)?;
        Ok(())
    });
    set.await??;
    Ok(done(json!({})))
}

async fn rename(
    app: &Arc<App>,
    asker: May<ManageShops>,
    Named(id): Named,
    body: &Body,
    what: impl FnOnce(u32) -> Renamed,
) -> Answer {
    let what = what(u32::try_from(id).map_err(|_| Denial::NotFound)?);
    let name = name(body)?;
    let (inner, now, seed) = (Arc::clone(app), app.outside.now(), app.outside.seed());
    let renamed = app.registry.ask(move |registry| -> Result<(), Denial> {
        let turn = inner.directory.take_turn();
        let mut run = inner.run(registry, asker.asker, now, &seed);
        open::rename(&mut run, &turn, what, &name)?;
        inner.directory.follow(&turn, registry)?;
        Ok(())
    });
    renamed.await??;
    Ok(done(json!({})))
}

/// Runs the flow; memory takes over what there is now, whether the flow opened something or settled what another one left.
async fn open(
    app: &Arc<App>,
    asker: May<ManageShops>,
    what: Opening,
    flow: impl FnOnce(&mut Run, &Turn) -> Flow<u32> + Send + 'static,
) -> Result<u32, Denial> {
    let (inner, now, seed) = (Arc::clone(app), app.outside.now(), app.outside.seed());
    let operator = operator_mark(&asker.owner);
    let opened = app.registry.ask(move |registry| -> Result<u32, Denial> {
        let turn = inner.directory.take_turn();
        let mut run = inner.run(registry, asker.asker, now, &seed);
        let opened = flow(&mut run, &turn);
        if let Ok(_) | Err(Stop::Denied(_)) = opened {
            inner.directory.follow(&turn, registry)?;
        }
        Ok(opened?)
    });
    let id = opened.await??;
    tracing::info!(?what, id, operator, "an operator opened something");
    Ok(id)
}

/// `POST /api/api-keys {merchant_id}` of the console: a new key; its secret is in this answer and in no other.
pub async fn make_api_key(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<ManageApiKeys>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let merchant = merchant_id(&body)?;
    let work = move |granted: Granted<May<ManageApiKeys>>| {
        let operator = granted.operator();
        let (app, mut run) = (granted.app, granted.run);
        let turn = app.directory.take_turn();
        let made = api_key::make(&mut run, &turn, merchant)?;
        app.directory.follow(&turn, run.registry)?;
        tracing::info!(
            operator,
            merchant = merchant.0,
            "an operator made an API key"
        );
        Ok(json!({ "api_key": made.api_key, "api_secret": made.secret }))
    };
    let act = StepUpAct::MakeApiKey(merchant);
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `POST /api/api-keys/revoke {api_key}` of the console: when this answers, no request with the key is taken any more.
pub async fn revoke_api_key(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<ManageApiKeys>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let api_key = body.text("api_key", 64)?.to_owned();
    let act = StepUpAct::RevokeApiKey(api_key.clone());
    let work = move |granted: Granted<May<ManageApiKeys>>| {
        let operator = granted.operator();
        let (app, mut run) = (granted.app, granted.run);
        let turn = app.directory.take_turn();
        api_key::revoke(&mut run, &turn, &api_key)?;
        app.directory.follow(&turn, run.registry)?;
        tracing::info!(operator, "an operator revoked an API key");
        Ok(json!({}))
    };
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `POST /api/api-keys/opa-auth {api_key, takes}` of the console: whether the key takes OPA-Auth beside our own scheme.
pub async fn set_opa_auth(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<ManageApiKeys>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let (api_key, takes) = (body.text("api_key", 64)?.to_owned(), body.flag("takes")?);
    let act = StepUpAct::SetOpaAuth(api_key.clone(), takes);
    let work = move |granted: Granted<May<ManageApiKeys>>| {
        let operator = granted.operator();
        let (app, mut run) = (granted.app, granted.run);
        let turn = app.directory.take_turn();
        api_key::set_opa_auth(&mut run, &turn, &api_key, takes)?;
        app.directory.follow(&turn, run.registry)?;
        tracing::info!(
            operator,
            takes,
            "an operator switched OPA-Auth of an API key"
        );
        Ok(json!({}))
    };
    asker.when_shown(app, &headers, &body, act, work).await
}

/// `POST /api/api-keys/label {api_key, label}` of the console: what the key is for, so that the right one is revoked some day.
pub async fn label_api_key(
    State(app): State<Arc<App>>,
    asker: May<ManageApiKeys>,
    body: Body,
) -> Answer {
    let api_key = body.text("api_key", 64)?.to_owned();
    let label = display_name(body.text("label", 640)?).ok_or(Denial::InvalidField("label"))?;
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let labelled = app.registry.ask(move |registry| {
        let mut run = inner.run(registry, asker.asker, now, &seed);
        api_key::label(&mut run, &api_key, &label)
    });
    labelled.await??;
    Ok(done(json!({})))
}

fn key_json(key: &ApiKeySummary) -> Value {
    json!({
        "api_key": key.api_key,
        "made_at_ms": millis(key.made_at),
        "opa_auth": key.opa_auth,
        "live": key.is_live,
        "revoked_at_ms": key.revoked_at.map(millis),
        "label": key.label,
    })
}

/// What something is called; the same rules as for a person's name, because a name must not rewrite the words around it.
fn name(body: &Body) -> Result<String, Denial> {
    display_name(body.text("name", 640)?).ok_or(Denial::InvalidField("name"))
}

fn merchant_id(body: &Body) -> Result<MerchantId, Denial> {
    id_of(body, "merchant_id").map(MerchantId)
}

fn id_of(body: &Body, field: &'static str) -> Result<u32, Denial> {
    u32::try_from(body.whole(field, 1..=u64::from(u32::MAX))?)
        .map_err(|_| Denial::InvalidField(field))
}
