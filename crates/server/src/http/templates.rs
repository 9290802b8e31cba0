//! What notices say, in the console: every kind in both languages, a preview on each way, other words, and the built-in ones again.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use mamori_datastore::fault::Fault;
use mamori_flows::notices::{self, NOT_ME_PAGE};
use mamori_flows::templates::{self, Group, KINDS, NoticeKind, Template, Values};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::answer::{Answer, Denial, done};
use crate::app::App;
use crate::body::Body;
use crate::http::permitted::{EditTemplates, May, SeeHouse};
use crate::http::step_up::{FreshPasskey, Granted};
use crate::identity::StepUpAct;

/// Longest field that is looked at, in bytes: what is too long in letters is told with its own words.
const FIELD_BYTES_MAX: usize = 4_096;
/// Longest text that is looked at; one that is kept is shorter.
const FIELD_CHARS_MAX: usize = 1_024;

/// `GET /api/templates`: what every notice says, and which values it brings.
pub async fn list(State(app): State<Arc<App>>, _: May<SeeHouse>) -> Answer {
    let read = app.operators.ask(|registry| {
        let mut kinds = Vec::new();
        for kind in KINDS {
            let mut shown = json!({
                "kind": kind.word,
                "group": match kind.group { Group::Money => "money", Group::Safety => "safety" },
                "values": kind.named_values().collect::<Vec<_>>(),
            });
            for locale in ["ja", "en"] {
                let (template, version, is_own) = notices::words_in_force(registry, kind, locale)?;
                shown[locale] = json!({
                    "subject": template.subject, "text": template.text, "version": version, "own": is_own,
                });
            }
            kinds.push(shown);
        }
        Ok::<_, Fault>(kinds)
    });
    Ok(done(json!({ "kinds": read.await?? })))
}

/// `POST /api/templates/preview {kind, locale, subject, text}`: how it would arrive, with invented values.
pub async fn preview(State(app): State<Arc<App>>, _: May<SeeHouse>, body: Body) -> Answer {
    let (kind, locale, template) = read(&body)?;
    kind.check(&template)
        .map_err(|problem| Denial::from(mamori_flows::Denied::Template(problem)))?;
    let facts = templates::sample(app.outside.now());
    let origin = &app.identity.wallet_origin;
    let link = format!("{origin}{NOT_ME_PAGE}#{}", "A".repeat(38));
    let values = Values {
        facts: &facts,
        times: 1,
        shop: Some("まもりマート 本店"),
        link: &link,
    };
    let words = templates::fill(&template, &values, locale);
    let name = if locale == "en" {
        "Mamori: "
    } else {
        "【Mamori】"
    };
    let text = format!("{name}{}\n{}", words.body, words.way);
    Ok(done(json!({
        "subject": words.subject,
        "text": text,
        "sms_parts": templates::sms_parts(&text),
        "push_body": words.body,
    })))
}

/// `POST /api/templates/set {kind, locale, subject, text}`, asked twice: these words from now on.
pub async fn set(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<EditTemplates>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let (kind, locale, template) = read(&body)?;
    kind.check(&template)
        .map_err(|problem| Denial::from(mamori_flows::Denied::Template(problem)))?;
    changed(app, asker, &headers, &body, (kind, locale), Some(template)).await
}

/// `POST /api/templates/reset {kind, locale}`, asked twice: the built-in words again.
pub async fn reset(
    State(app): State<Arc<App>>,
    asker: FreshPasskey<May<EditTemplates>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let which = (read_kind(&body)?, body.locale()?);
    changed(app, asker, &headers, &body, which, None).await
}

async fn changed(
    app: Arc<App>,
    asker: FreshPasskey<May<EditTemplates>>,
    headers: &HeaderMap,
    body: &Body,
    (kind, locale): (&'static NoticeKind, &'static str),
    template: Option<Template>,
) -> Answer {
    let mut hash = Sha256::new();
    if let Some(template) = &template {
        hash.update((template.subject.len() as u64).to_be_bytes());
        hash.update(&template.subject);
        hash.update(&template.text);
    }
    let act = StepUpAct::SetTemplate(kind.slot(locale), hash.finalize().into());
    let work = move |mut granted: Granted<May<EditTemplates>>| {
        let version = notices::set_words(&mut granted.run, kind, locale, template.as_ref())?;
        Ok(json!({ "version": version }))
    };
    asker.when_shown(app, headers, body, act, work).await
}

fn read(body: &Body) -> Result<(&'static NoticeKind, &'static str, Template), Denial> {
    let template = Template {
        subject: body.text("subject", FIELD_BYTES_MAX)?.trim().to_owned(),
        text: body.prose("text", FIELD_CHARS_MAX)?.to_owned(),
    };
    Ok((read_kind(body)?, body.locale()?, template))
}

fn read_kind(body: &Body) -> Result<&'static NoticeKind, Denial> {
    NoticeKind::of(body.text("kind", 64)?).ok_or(Denial::InvalidField("kind"))
}
