//! How a customer is reached, on the wallet's page: the list, one contact more, removing, preferring, putting back; and the page of a
//! letter, which undoes a change without anybody signing in.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_domain::world::Timestamp;
use mamori_flows::{Run, contacts, messages};
use mamori_registry::{
    AdditionStart, CONTACTS_MAX, CodeRefusal, Contact, ContactChange, ContactId, ContactKind,
    ContactProblem, KnownContact, OwnerId, SignUpStart, UNDO_LIFE,
};
use serde_json::{Value, json};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::{Body, millis};
use crate::cookies::encode_token;
use crate::denied::{CODE_EXPIRED, CODE_SPENT, CODE_WRONG, CONTACT_CODES_USED_UP, TAKES_NO_SMS};
use crate::http::device::demand_here;
use crate::http::session::{Browser, WalletSession};
use crate::http::step_up::{FreshPasskey, Granted, challenge_after};
use crate::identity::StepUpAct;
use crate::origin::Visitor;

/// `GET /api/contacts`: the owner's own, in full; nobody else's page shows more than a mask.
pub async fn list(State(app): State<Arc<App>>, asker: WalletSession) -> Answer {
    let (owner, now) = (asker.owner, app.outside.now());
    let known = app
        .registry
        .ask(move |registry| registry.contacts().of(&owner, now))
        .await??;
    let contacts: Vec<Value> = known
        .iter()
        .map(|known| {
            let mut shown = contact_json(known, now);
            shown["contact_id"] = json!(URL_SAFE_NO_PAD.encode(known.id.0));
            shown["contact"] = json!(known.contact.as_str());
            shown
        })
        .collect();
    Ok(done(
        json!({ "contacts": contacts, "contacts_max": CONTACTS_MAX }),
    ))
}

/// A contact as an operator may see it too.
pub fn contact_json(known: &KnownContact, now: Timestamp) -> Value {
    let removed_at = known.removed_at;
    json!({
        "kind": match known.contact.kind() {
            ContactKind::Phone => "phone",
            ContactKind::Mail => "mail",
        },
        "masked": known.contact.masked(),
        "preferred": known.is_preferred,
        "settled": known.settles_at <= now,
        "since_ms": millis(known.proven_at),
        "removed_at_ms": removed_at.map(millis),
        "forgotten_at_ms": removed_at.map(|at| millis(at.plus(UNDO_LIFE))),
    })
}

/// `POST /api/contacts/add/start {contact, locale}`: sends a code. A contact of somebody else gets the same answer.
pub async fn add_start(
    State(app): State<Arc<App>>,
    asker: WalletSession,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    demand_here(&app, &asker).await?;
    let contact = read_contact(&body)?;
    let locale = body.locale()?;
    let browser = Browser::of(&headers, &app);
    if !app
        .identity
        .paces
        .additions
        .allow(asker.owner.0, app.outside.now())
    {
        return Err(Denial::Wait(CONTACT_CODES_USED_UP, 360));
    }
    let (inner, token) = (Arc::clone(&app), browser.token);
    let (now, seed) = (app.outside.now(), app.outside.seed());
    let started = app.registry.ask(move |registry| {
        let addition = AdditionStart {
            person: asker.owner,
            start: SignUpStart {
                contact: &contact,
                locale,
                browser: &token,
            },
        };
        let mut run = inner.run(registry, asker.asker, now, &seed);
        let budget = &inner.identity.send_budget;
        contacts::start_addition(&mut run, &addition, budget, |to_send| {
            let host = &inner.identity.wallet_host;
            (inner.messenger)(match &to_send.code {
                Some(code) => messages::one_time_code(&contact, locale, code, host),
                None => messages::contact_elsewhere(&contact, locale),
            })
        })
    });
    let addition = started.await??;
    Ok(browser.on(done(json!({ "addition": encode_token(&addition) }))))
}

/// `POST /api/contacts/add/prove {addition, code}`: a right code is answered with the challenge for adding exactly this contact.
pub async fn add_prove(
    State(app): State<Arc<App>>,
    asker: WalletSession,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let (addition, code) = (body.token("addition")?, body.digits("code", 6)?);
    let browser = Browser::of(&headers, &app);
    let (owner, token, now) = (asker.owner, browser.token, app.outside.now());
    // The code is used up once and for all: the challenge that it is for must find room.
    let inner = Arc::clone(&app);
    let earn = async move {
        let proven = inner.registry.ask(move |registry| {
            let mut codes = registry.sign_ups();
            codes.prove_addition(&owner, &addition, &token, &code, now)
        });
        let proven = proven.await??.map_err(|refusal| match refusal {
            CodeRefusal::Wrong => CODE_WRONG,
            CodeRefusal::Expired => CODE_EXPIRED,
            CodeRefusal::Spent => CODE_SPENT,
        })?;
        Ok(StepUpAct::AddContact(proven.contact))
    };
    challenge_after(&app, &headers, &asker, earn).await
}

/// `POST /api/contacts/add/finish {contact, step_up, credential}`: the contact counts. Only [`add_prove`] gives out the challenge for it.
pub async fn add_finish(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<WalletSession>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    demand_here(&app, asker.caller()).await?;
    let contact = read_contact(&body)?;
    let act = StepUpAct::AddContact(contact.clone());
    let work = move |granted: Granted<WalletSession>| make(granted, &ContactChange::Add(&contact));
    asker.shown(app, &headers, &body, act, work).await
}

/// `POST /api/contacts/remove {contact_id}`, asked twice: for 72 hours it is still told what happens, and can be put back.
pub async fn remove(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<WalletSession>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    demand_here(&app, asker.caller()).await?;
    let contact = read_id(&body)?;
    let act = StepUpAct::RemoveContact(contact);
    changed(
        app,
        asker,
        &headers,
        &body,
        act,
        ContactChange::Remove(contact),
    )
    .await
}

/// `POST /api/contacts/prefer {contact_id}`, asked twice: notices go there.
pub async fn prefer(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<WalletSession>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    demand_here(&app, asker.caller()).await?;
    let contact = read_id(&body)?;
    let act = StepUpAct::PreferContact(contact);
    changed(
        app,
        asker,
        &headers,
        &body,
        act,
        ContactChange::Prefer(contact),
    )
    .await
}

/// `POST /api/contacts/put-back {contact_id}`, asked twice: a contact that was removed less than 72 hours ago is there again.
pub async fn put_back(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<WalletSession>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let contact = read_id(&body)?;
    let act = StepUpAct::PutContactBack(contact);
    changed(
        app,
        asker,
        &headers,
        &body,
        act,
        ContactChange::PutBack(contact),
    )
    .await
}

/// `POST /api/undo-contact {secret}`: the page of a letter undoes the change that the letter told of. From any browser, once.
pub async fn undo(State(app): State<Arc<App>>, visitor: Visitor, body: Body) -> Answer {
    let secret = body.token("secret")?;
    let (inner, now, seed) = (Arc::clone(&app), app.outside.now(), app.outside.seed());
    let undone = app.strangers.ask(move |registry| {
        let mut run = inner.run(registry, visitor.asker, now, &seed);
        contacts::undo(&mut run, &secret, &inner.identity.wallet_origin)
    });
    undone.await??;
    Ok(done(json!({})))
}

/// What cannot be granted is said before the passkey is asked for.
async fn changed(
    app: Arc<App>,
    asker: FreshPasskey<WalletSession>,
    headers: &HeaderMap,
    body: &Body,
    act: StepUpAct,
    change: ContactChange<'static>,
) -> Answer {
    let work = move |granted: Granted<WalletSession>| make(granted, &change);
    let look = move |run: &mut Run, owner: &OwnerId| Ok(contacts::may(run, owner, &change)?);
    asker
        .when_shown_after(app, headers, body, act, look, work)
        .await
}

fn make(granted: Granted<WalletSession>, change: &ContactChange) -> Result<Value, Denial> {
    let (mut run, owner) = (granted.run, granted.caller.owner);
    let origin = &granted.app.identity.wallet_origin;
    contacts::change(&mut run, &owner, change, origin)?;
    Ok(json!({}))
}

fn read_contact(body: &Body) -> Result<Contact, Denial> {
    Contact::for_messages(body.text("contact", 512)?).map_err(|problem| match problem {
        ContactProblem::NotAContact => Denial::InvalidField("contact"),
        ContactProblem::TakesNoSms => TAKES_NO_SMS.into(),
    })
}

fn read_id(body: &Body) -> Result<ContactId, Denial> {
    let bytes = URL_SAFE_NO_PAD.decode(body.text("contact_id", 22)?).ok();
    let id = bytes.and_then(|bytes| bytes.try_into().ok()).map(ContactId);
    id.ok_or(Denial::InvalidField("contact_id"))
}
