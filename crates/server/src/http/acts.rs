//! The list of acts: who did what, to whom, when and from where. For operators all of it; for customers what was done with their own
//! wallet.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_api::refusal_text::refusal_text;
use mamori_datastore::fault::Fault;
use mamori_domain::command::CommandKind;
use mamori_domain::context::{Actor, Context, RequestId, SystemReason};
use mamori_domain::event::Subject;
use mamori_domain::ids::{Fingerprint, OperatorId, SessionId, SupervisorId, TillId, WalletId};
use mamori_domain::world::Timestamp;
use mamori_engine::Engine;
use mamori_engine::views::acts::{self, ActRow, Wanted};
use mamori_flows::contacts::NO_SESSION;
use mamori_registry::acts::{
    self as registry_acts, ActDetail, ActId, RegistryAct, RegistryCommand, RegistrySubject,
};
use mamori_registry::{OwnerId, Registry, masked_name};
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::Asked;
use crate::day::parse_day;
use crate::http::permitted::{May, SeeActs};
use crate::http::session::WalletSession;

/// Acts on a page unless asked otherwise, and at most.
const PAGE: u32 = 30;
const PAGE_MAX: u32 = 100;
/// Pages that one request looks through for acts that a customer may see; the next request goes on behind them.
const PAGES_LOOKED_THROUGH: usize = 5;

/// Which acts an operator asks for; at most one of the first four.
#[derive(serde::Deserialize)]
pub struct ActSearch {
    wallet: Option<u64>,
    /// As the list of operators names them.
    operator: Option<String>,
    till: Option<u32>,
    /// A day in Japan, `2026-11-28`.
    day: Option<String>,
    /// Where the page before ended, as its `next` said.
    before: Option<String>,
    limit: Option<u32>,
}

impl ActSearch {
    /// The lists that hold all of what is asked for.
    fn wanted(&self) -> Result<Vec<Wanted>, Denial> {
        // What the search by actor ignores.
        let (session, device) = (SessionId(0), Fingerprint(0));
        match (self.wallet, &self.operator, self.till, &self.day) {
            (None, None, None, None) => Ok(vec![Wanted::Between(0, i64::MAX)]),
            (Some(wallet), None, None, None) => {
                let wallet = WalletId(wallet);
                let by = Actor::Customer {
                    wallet,
                    session,
                    credential: None,
                    device: None,
                };
                Ok(vec![
                    Wanted::Subject(Subject::Wallet(wallet)),
                    Wanted::Actor(by),
                ])
            }
            (None, Some(operator), None, None) => {
                let operator = parse_operator(operator).ok_or(Denial::InvalidField("operator"))?;
                Ok(vec![Wanted::Actor(Actor::Operator { operator, session })])
            }
            (None, None, Some(till), None) => {
                let till = TillId(till);
                Ok(vec![
                    Wanted::Subject(Subject::Till(till)),
                    Wanted::Actor(Actor::till(till, device)),
                ])
            }
            (None, None, None, Some(day)) => {
                let begins = day_begins(day).ok_or(Denial::InvalidField("day"))?;
                Ok(vec![Wanted::Between(begins, begins + 86_400_000_000)])
            }
            _ => Err(Denial::InvalidField("query")),
        }
    }
}

/// `GET /api/acts?wallet=ID|operator=ID|till=ID|day=DATE&before=NEXT&limit=N` of the console: newest first, those of the ledger and
/// those that changed the registry alone. Payments are not among them: a customer's and a till's own lists show those.
pub async fn list(
    State(app): State<Arc<App>>,
    _: May<SeeActs>,
    Asked(search): Asked<ActSearch>,
) -> Answer {
    let wanted = search.wanted()?;
    let before = match &search.before {
        Some(text) => Place::parse(text).ok_or(Denial::InvalidField("before"))?,
        None => Place::default(),
    };
    let limit = search.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let (engine, lists) = (app.ledger.engine.clone(), wanted.clone());
    let in_ledger = app
        .acts
        .ask(move |()| newest(&engine, &lists, before.ledger, limit));
    let in_registry = app.registry.ask(move |registry| {
        let mut found = Vec::new();
        for one in wanted {
            let page = registry
                .acts()
                .list(for_registry(one), before.registry, limit)?;
            found.extend(page);
        }
        found.sort_by_key(|act| Reverse((act.at, act.id)));
        found.dedup_by_key(|act| act.id);
        let details = registry.contacts().details(&found)?;
        Ok::<_, Fault>((found, details))
    });
    let (in_ledger, (in_registry, details)) = (in_ledger.await??, in_registry.await??);
    // Both were read at least as far as the page goes.
    let (acts, next) = one_page(Part::all(in_ledger), Part::all(in_registry), before, limit);
    let names = names_in(&app, &acts).await?;
    let rows: Vec<Value> = acts
        .iter()
        .map(|act| match act {
            Listed::Ledger(act) => act_json(&app, &names, act),
            Listed::Registry(act) => registry_act_json(&app, &names, act, &details),
        })
        .collect();
    Ok(done(
        json!({ "acts": rows, "next": next.map(|next| next.to_string()) }),
    ))
}

/// Where a row stands among the registry's.
type RegistryPlace = (Timestamp, ActId);

/// How far a list of acts was read in each of the two places that keep them.
#[derive(Clone, Copy, Default)]
struct Place {
    ledger: Option<u64>,
    registry: Option<RegistryPlace>,
}

impl Place {
    /// As [`Display`](fmt::Display) writes it.
    fn parse(text: &str) -> Option<Place> {
        let (ledger, registry) = text.split_once('.')?;
        let ledger = match ledger {
            "" => None,
            number => Some(number.parse().ok()?),
        };
        let registry = match registry {
            "" => None,
            written => {
                let (at, id) = written.split_once('.')?;
                let id = u128::from_str_radix(id, 16).ok()?;
                Some((Timestamp(at.parse().ok()?), id.to_be_bytes()))
            }
        };
        Some(Place { ledger, registry })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(id) = self.ledger {
            write!(f, "{id}")?;
        }
        f.write_str(".")?;
        if let Some((at, id)) = self.registry {
            write!(f, "{}.{:x}", at.0, u128::from_be_bytes(id))?;
        }
        Ok(())
    }
}

/// An act of either place.
enum Listed {
    Ledger(ActRow),
    Registry(RegistryAct),
}

impl Listed {
    /// Who stood beside a till and said yes.
    fn supervisor(&self) -> Option<SupervisorId> {
        let (Listed::Ledger(ActRow { context, .. })
        | Listed::Registry(RegistryAct { context, .. })) = self;
        match context.by {
            Actor::Till { approved_by, .. } => approved_by,
            _ => None,
        }
    }

    /// Whose names the row needs.
    fn wallets(&self) -> impl Iterator<Item = WalletId> {
        let (context, about) = match self {
            Listed::Ledger(act) => (&act.context, Some(act.subject)),
            Listed::Registry(act) => match act.subject {
                RegistrySubject::Ledger(subject) => (&act.context, Some(subject)),
                RegistrySubject::Operator(_)
                | RegistrySubject::ApiKey(_)
                | RegistrySubject::Template(_) => (&act.context, None),
            },
        };
        let by = match context.by {
            Actor::Customer { wallet, .. } => Some(wallet),
            _ => None,
        };
        let about = match about {
            Some(Subject::Wallet(wallet)) => Some(wallet),
            _ => None,
        };
        by.into_iter().chain(about)
    }
}

/// What was read of one of the two places.
struct Part<T, P> {
    rows: Vec<T>,
    /// Behind what row there may be more; None if this is all.
    more: Option<P>,
}

impl<T, P> Part<T, P> {
    fn all(rows: Vec<T>) -> Part<T, P> {
        Part { rows, more: None }
    }
}

/// The newest `limit` of both places, and where the list goes on, if it may. Of one instant the registry's stand first: a thing is
/// named after it was opened.
fn one_page(
    in_ledger: Part<ActRow, u64>,
    in_registry: Part<RegistryAct, RegistryPlace>,
    before: Place,
    limit: u32,
) -> (Vec<Listed>, Option<Place>) {
    let more = (in_ledger.more, in_registry.more);
    let (mut in_ledger, mut in_registry) = (
        in_ledger.rows.into_iter().peekable(),
        in_registry.rows.into_iter().peekable(),
    );
    let (mut page, mut place) = (Vec::new(), before);
    while page.len() < limit as usize {
        let of_registry = match (in_ledger.peek(), in_registry.peek(), more) {
            // What was not read of the one may be newer than what was read of the other.
            (None, _, (Some(read_to), _)) => {
                place.ledger = Some(read_to);
                return (page, Some(place));
            }
            (_, None, (_, Some(read_to))) => {
                place.registry = Some(read_to);
                return (page, Some(place));
            }
            (None, None, _) => return (page, None),
            (Some(_), None, _) => false,
            (None, Some(_), _) => true,
            (Some(ledger), Some(registry), _) => registry.at.0 >= ledger.at,
        };
        if of_registry {
            page.extend(in_registry.next().map(|act| {
                place.registry = Some((act.at, act.id));
                Listed::Registry(act)
            }));
        } else {
            page.extend(in_ledger.next().map(|act| {
                place.ledger = Some(act.id);
                Listed::Ledger(act)
            }));
        }
    }
    (page, Some(place))
}

/// The same list in the registry.
fn for_registry(wanted: Wanted) -> registry_acts::Wanted {
    match wanted {
        Wanted::Subject(subject) => registry_acts::Wanted::Subject(subject),
        Wanted::Actor(actor) => registry_acts::Wanted::Actor(actor),
        Wanted::Between(from, to) => registry_acts::Wanted::Between(Timestamp(from), Timestamp(to)),
    }
}

/// The newest acts of several lists, each once.
fn newest(
    engine: &Engine,
    wanted: &[Wanted],
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<ActRow>, Fault> {
    engine.await_views()?;
    let mut found = BTreeMap::new();
    engine.read(|reader| {
        for one in wanted {
            let page = acts::list(reader.views(), *one, before, limit)?;
            found.extend(page.into_iter().map(|act| (act.id, act)));
        }
        Ok(())
    })?;
    Ok(found.into_values().rev().take(limit as usize).collect())
}

/// What people in a list of acts are called.
pub struct Names {
    customers: BTreeMap<WalletId, String>,
    operators: HashMap<OwnerId, String>,
    supervisors: HashMap<SupervisorId, String>,
}

impl Names {
    /// Of operators alone.
    pub fn of_operators(operators: HashMap<OwnerId, String>) -> Names {
        Names {
            customers: BTreeMap::new(),
            operators,
            supervisors: HashMap::new(),
        }
    }

    fn customer(&self, wallet: WalletId) -> Option<String> {
        self.customers.get(&wallet).map(|name| masked_name(name))
    }
}

async fn names_in(app: &Arc<App>, acts: &[Listed]) -> Result<Names, Denial> {
    let wallets: Vec<WalletId> = acts.iter().flat_map(Listed::wallets).collect();
    let supervisors: BTreeSet<SupervisorId> = acts.iter().filter_map(Listed::supervisor).collect();
    let named = app.registry.ask(move |registry| {
        Ok::<_, Fault>(Names {
            customers: registry.people().names_of_wallets(&wallets)?,
            operators: registry.operators().names()?,
            supervisors: registry.supervisors().names(supervisors)?,
        })
    });
    Ok(named.await??)
}

fn act_json(app: &App, names: &Names, act: &ActRow) -> Value {
    json!({
        "act": act.id.to_string(),
        "at_ms": act.at.div_euclid(1_000),
        "what": act.command.word(),
        "by": actor_json(app, names, act.context.by),
        "about": subject_json(app, names, act.subject),
        "from": network_json(&act.context),
        "browser": act.context.agent.word(),
        "request": request_json(act.request),
        "refusal": act.refusal.as_deref().map(refusal_json),
    })
}

/// The same members for what changed in the registry alone. What is refused there leaves no row.
fn registry_act_json(app: &App, names: &Names, act: &RegistryAct, details: &Details) -> Value {
    let mut shown = json!({
        "act": format!("r{:032x}", u128::from_be_bytes(act.id)),
        "at_ms": act.at.millis(),
        "what": act.command.word(),
        "by": actor_json(app, names, act.context.by),
        "about": registry_subject_json(app, names, &act.subject),
        "from": network_json(&act.context),
        "browser": act.context.agent.word(),
        "request": request_json(act.request),
        "refusal": null,
    });
    add_detail(&mut shown, act, details);
    shown
}

/// What changes of contacts were about.
type Details = BTreeMap<ActId, ActDetail>;

/// Which contact a change is about, masked, whether it takes another change back, and whether the secret of a letter asked for it.
fn add_detail(shown: &mut Value, act: &RegistryAct, details: &Details) {
    if let Some(detail) = details.get(&act.id) {
        shown["contact"] = json!(detail.contact);
        shown["undoing"] = json!(detail.is_undoing);
        shown["by_letter"] = json!(is_by_letter(&act.context));
    }
}

fn is_by_letter(context: &Context) -> bool {
    matches!(context.by, Actor::Customer { session, .. } if session == NO_SESSION)
}

fn network_json(context: &Context) -> Value {
    context.network.map_or(Value::Null, |network| {
        json!({
            "prefix": network.prefix.word(),
            // Enough to tell one network from another by eye.
            "hash": format!("{:06x}", network.hash >> 40),
        })
    })
}

fn request_json(request: RequestId) -> Option<String> {
    (request.0 != 0).then(|| format!("{:016x}", request.0))
}

/// Who acted, as an operator may read it.
pub fn actor_json(app: &App, names: &Names, by: Actor) -> Value {
    let kind = by.kind().word();
    match by {
        Actor::Customer { wallet, .. } => json!({
            "kind": kind, "wallet_id": wallet.to_string(), "name": names.customer(wallet),
        }),
        Actor::Operator { operator, .. } => json!({
            "kind": kind,
            "operator": URL_SAFE_NO_PAD.encode(operator.0.to_be_bytes()),
            "name": names.operators.get(&OwnerId(operator.0.to_be_bytes())),
        }),
        Actor::Till {
            till, approved_by, ..
        } => {
            let directory = app.directory.names();
            let known = directory.tills.get(&till.0);
            json!({
                "kind": kind,
                "till_id": till.0,
                "name": known.map(|till| &till.name),
                "store": known.map(|till| &till.store_name),
                "approved_by": approved_by.map(|id| names.supervisors.get(&id)),
            })
        }
        Actor::Key { key } => {
            let live = app.directory.key_of(key);
            let merchant = live.as_ref().map(|(_, merchant)| merchant.0);
            json!({
                "kind": kind,
                // A revoked key is known by its mark alone.
                "mark": live.map_or_else(|| format!("{:08x}", key.0 >> 96), |(api_key, _)| api_key),
                "merchant": merchant.and_then(|id| app.directory.names().merchants.get(&id).cloned()),
            })
        }
        Actor::System { reason } => json!({ "kind": kind, "reason": reason.word() }),
    }
}

fn subject_json(app: &App, names: &Names, subject: Subject) -> Value {
    let directory = app.directory.names();
    match subject {
        Subject::Wallet(wallet) => json!({
            "kind": "wallet", "id": wallet.to_string(), "name": names.customer(wallet),
        }),
        Subject::Merchant(id) => json!({
            "kind": "merchant", "id": id.to_string(), "name": directory.merchants.get(&id.0),
        }),
        Subject::Store(id) => json!({
            "kind": "store", "id": id.to_string(),
            "name": directory.stores.get(&id.0).map(|store| &store.name),
        }),
        Subject::Till(id) => json!({
            "kind": "till", "id": id.to_string(),
            "name": directory.tills.get(&id.0).map(|till| format!("{} {}", till.store_name, till.name)),
        }),
        Subject::Shard => Value::Null,
    }
}

fn registry_subject_json(app: &App, names: &Names, subject: &RegistrySubject) -> Value {
    match subject {
        RegistrySubject::Operator(operator) => json!({
            "kind": "operator",
            "id": URL_SAFE_NO_PAD.encode(operator.0),
            "name": names.operators.get(operator),
        }),
        RegistrySubject::ApiKey(key) => json!({ "kind": "api_key", "id": key, "name": null }),
        RegistrySubject::Template(name) => json!({ "kind": "template", "id": name, "name": null }),
        RegistrySubject::Ledger(subject) => subject_json(app, names, *subject),
    }
}

fn refusal_json(word: &str) -> Value {
    let (ja, en) = refusal_text(word);
    json!({ "code": word, "message_ja": ja, "message_en": en })
}

/// The page of activity that is asked for.
#[derive(serde::Deserialize)]
pub struct ActivityPage {
    /// Where the page before ended, as its `next` said.
    before: Option<String>,
    limit: Option<u32>,
}

/// `GET /api/activity?before=NEXT&limit=N` of the wallet: what was done with it, newest first. Payments stand in the history. It
/// names no operator, and tells no note and no request: those are the operator's own business.
pub async fn activity(
    State(app): State<Arc<App>>,
    asker: WalletSession,
    Asked(page): Asked<ActivityPage>,
) -> Answer {
    let before = match &page.before {
        Some(text) => Place::parse(text).ok_or(Denial::InvalidField("before"))?,
        None => Place::default(),
    };
    let limit = page.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let (engine, wallet) = (app.ledger.engine.clone(), asker.wallet);
    let in_ledger = app
        .acts
        .ask(move |()| seen_by_owner(&engine, wallet, before.ledger, limit));
    let in_registry = app
        .registry
        .ask(move |registry| seen_in_registry(registry, wallet, before.registry));
    let (in_ledger, (in_registry, details)) = (in_ledger.await??, in_registry.await??);
    let (acts, next) = one_page(in_ledger, in_registry, before, limit);
    let rows: Vec<Value> = acts
        .iter()
        .map(|act| match act {
            Listed::Ledger(act) => activity_json(&app, &asker, act),
            Listed::Registry(act) => registry_activity_json(&app, &asker, act, &details),
        })
        .collect();
    Ok(done(
        json!({ "acts": rows, "next": next.map(|next| next.to_string()) }),
    ))
}

/// A page of what the owner of a wallet may see of the ledger's acts.
fn seen_by_owner(
    engine: &Engine,
    wallet: WalletId,
    mut before: Option<u64>,
    limit: u32,
) -> Result<Part<ActRow, u64>, Fault> {
    let wanted = [Wanted::Subject(Subject::Wallet(wallet))];
    let mut seen = Vec::new();
    for _ in 0..PAGES_LOOKED_THROUGH {
        let page = newest(engine, &wanted, before, limit)?;
        let is_whole = page.len() == limit as usize;
        before = page.last().map(|act| act.id);
        for act in page.into_iter().filter(|act| owner_may_see(act.command)) {
            let id = act.id;
            seen.push(act);
            if seen.len() == limit as usize {
                return Ok(Part {
                    rows: seen,
                    more: Some(id),
                });
            }
        }
        if !is_whole {
            return Ok(Part {
                rows: seen,
                more: None,
            });
        }
    }
    Ok(Part {
        rows: seen,
        more: before,
    })
}

/// The same of what changed in the registry alone.
fn seen_in_registry(
    registry: &mut Registry,
    wallet: WalletId,
    before: Option<RegistryPlace>,
) -> Result<(Part<RegistryAct, RegistryPlace>, Details), Fault> {
    let wanted = registry_acts::Wanted::Subject(Subject::Wallet(wallet));
    let page = registry.acts().list(wanted, before, PAGE_MAX)?;
    let last = page.last().map(|act| (act.at, act.id));
    let more = last.filter(|_| page.len() == PAGE_MAX as usize);
    let may_see = |act: &RegistryAct| owner_may_see_in_registry(act.command);
    let rows: Vec<RegistryAct> = page.into_iter().filter(may_see).collect();
    let details = registry.contacts().details(&rows)?;
    Ok((Part { rows, more }, details))
}

/// Whether the owner of a wallet is shown changes of this kind that are about it: those of their own. That an operator looked is the
/// operator's business.
fn owner_may_see_in_registry(command: RegistryCommand) -> bool {
    matches!(
        command,
        RegistryCommand::AddContact
            | RegistryCommand::RemoveContact
            | RegistryCommand::PreferContact
            | RegistryCommand::MakeFreezeCode
            | RegistryCommand::UseFreezeCode
            | RegistryCommand::AskToClose
            | RegistryCommand::WithdrawClosing
            | RegistryCommand::ChooseNotices
            | RegistryCommand::AddPush
            | RegistryCommand::RemovePush
            | RegistryCommand::BeginRecovery
            | RegistryCommand::StopRecovery
            | RegistryCommand::FinishRecovery
            | RegistryCommand::UndoRecovery
            | RegistryCommand::MakeRecoveryCodes
            | RegistryCommand::InviteTrustedContact
            | RegistryCommand::AcceptTrustedContact
            | RegistryCommand::RemoveTrustedContact
            | RegistryCommand::HelpRecovery
            | RegistryCommand::DeclineRecovery
    )
}

/// Whether the owner of a wallet is shown acts of this kind that are about it.
fn owner_may_see(command: CommandKind) -> bool {
    match command {
        CommandKind::OpenWallet
        | CommandKind::BindCredential
        | CommandKind::RevokeCredential
        | CommandKind::BindDevice
        | CommandKind::CoolWallet
        | CommandKind::Freeze
        | CommandKind::Unfreeze
        | CommandKind::GrantAuthorization
        | CommandKind::RevokeAuthorization
        | CommandKind::Refund
        | CommandKind::Cancel
        | CommandKind::StartTopUp
        | CommandKind::ConfirmTopUp
        | CommandKind::FailTopUp
        | CommandKind::Credit => true,
        // A note may be about a suspicion.
        CommandKind::NoteWallet
        // Payments, and what is on its way to one: the history shows them.
        | CommandKind::IssueCode
        | CommandKind::EndSession
        | CommandKind::Charge
        | CommandKind::Hold
        | CommandKind::Capture
        | CommandKind::Release
        | CommandKind::ReleaseExpired
        // Not about a wallet.
        | CommandKind::Upkeep
        | CommandKind::ProveRegistry
        | CommandKind::OpenMerchant
        | CommandKind::OpenStore
        | CommandKind::DescribeStore
        | CommandKind::SetReversalRule
        | CommandKind::OpenTill
        | CommandKind::BindTill
        | CommandKind::BindApiKey
        | CommandKind::RevokeApiKey => false,
    }
}

fn activity_json(app: &App, asker: &WalletSession, act: &ActRow) -> Value {
    let here = asker.asker.context.network;
    json!({
        "act": act.id.to_string(),
        "at_ms": act.at.div_euclid(1_000),
        "what": act.command.word(),
        "by": by_for_owner(app, asker, &act.context),
        // Only for what the owner did: from where the operator or a shop acted is not the owner's business.
        "same_network": match act.context.by {
            Actor::Customer { .. } | Actor::System { reason: SystemReason::SignUp } =>
                act.context.network.map(|network| Some(network) == here),
            _ => None,
        },
        "browser": match act.context.by {
            Actor::Customer { .. } | Actor::System { reason: SystemReason::SignUp } =>
                Some(act.context.agent.word()),
            _ => None,
        },
        "refusal": act.refusal.as_deref().map(refusal_json),
    })
}

/// The same members for what changed in the registry alone.
fn registry_activity_json(
    app: &App,
    asker: &WalletSession,
    act: &RegistryAct,
    details: &Details,
) -> Value {
    let here = asker.asker.context.network;
    let network = act.context.network;
    let mut shown = json!({
        "act": format!("r{:032x}", u128::from_be_bytes(act.id)),
        "at_ms": act.at.millis(),
        "what": act.command.word(),
        "by": by_for_owner(app, asker, &act.context),
        "same_network": network.map(|network| Some(network) == here),
        "browser": act.context.agent.word(),
        "refusal": null,
    });
    add_detail(&mut shown, act, details);
    shown
}

/// Who acted, as the owner of the wallet may read it.
fn by_for_owner(app: &App, asker: &WalletSession, context: &Context) -> Value {
    match context.by {
        Actor::Customer { session, .. } if session == NO_SESSION => json!({ "kind": "letter" }),
        Actor::Customer { session, .. } => {
            let here = session.0.to_be_bytes() == asker.session.0;
            json!({ "kind": if here { "this_device" } else { "another_device" } })
        }
        Actor::System {
            reason: SystemReason::SignUp,
        } => json!({ "kind": "sign_up" }),
        Actor::Operator { .. } => json!({ "kind": "operator" }),
        Actor::Till { till, .. } => {
            let names = app.directory.names();
            json!({ "kind": "store", "name": names.tills.get(&till.0).map(|till| &till.store_name) })
        }
        Actor::Key { key } => {
            let merchant = app.directory.key_of(key).map(|(_, merchant)| merchant.0);
            let name = merchant.and_then(|id| app.directory.names().merchants.get(&id).cloned());
            json!({ "kind": "merchant", "name": name })
        }
        Actor::System {
            reason: SystemReason::NoticeDenied,
        } => json!({ "kind": "letter" }),
        Actor::System { reason } => json!({ "kind": "system", "reason": reason.word() }),
    }
}

fn parse_operator(text: &str) -> Option<OperatorId> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    Some(OperatorId(u128::from_be_bytes(bytes.try_into().ok()?)))
}

/// When a day in Japan begins, in microseconds UTC.
pub fn day_begins(text: &str) -> Option<i64> {
    parse_day(text).map(|day| (day * 86_400 - 9 * 3_600) * 1_000_000)
}
