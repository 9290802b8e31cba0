//! The inbox as a page, as JSON and as a stream of news.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum::{Json, Router};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use tokio::sync::broadcast;

use crate::inbox::{Inbox, Message, MessageKind};
use crate::words::{Language, japan_time};

const STYLE: &str = include_str!("pages/inbox.css");
const SCRIPT: &str = include_str!("pages/inbox.js");
const ICON: &str = include_str!("pages/inbox.svg");
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'";

/// Every address of the inbox, each with who answers a `GET` there.
fn addresses() -> [(&'static str, MethodRouter<Arc<Inbox>>); 6] {
    let file = |content_type: &'static str, content: &'static str| {
        get(move || async move { ([(header::CONTENT_TYPE, content_type)], content) })
    };
    [
        ("/", get(page)),
        ("/api/messages", get(messages)),
        ("/api/events", get(events)),
        ("/assets/inbox.css", file("text/css; charset=utf-8", STYLE)),
        (
            "/assets/inbox.js",
            file("text/javascript; charset=utf-8", SCRIPT),
        ),
        ("/assets/inbox.svg", file("image/svg+xml", ICON)),
    ]
}

/// The paths that [`router`] serves.
pub(crate) fn paths() -> Vec<&'static str> {
    addresses().into_iter().map(|(path, _)| path).collect()
}

/// The inbox, ready to be served.
pub(crate) fn router(inbox: Arc<Inbox>) -> Router {
    addresses()
        .into_iter()
        .fold(Router::new(), |router, (path, answer)| {
            router.route(path, answer)
        })
        .with_state(inbox)
}

async fn messages(State(inbox): State<Arc<Inbox>>) -> Response {
    let body = Json(serde_json::json!({ "messages": inbox.newest() }));
    ([(header::CACHE_CONTROL, "no-store")], body).into_response()
}

/// News as server-sent events named `message`, whose id is the message's: a reader that comes back with
/// `Last-Event-ID` misses nothing that is still kept.
async fn events(State(inbox): State<Arc<Inbox>>, headers: HeaderMap) -> Response {
    let after = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .and_then(|id| id.parse().ok());
    let (missed, news) = inbox.listen(after);
    let stream =
        futures_util::stream::unfold((missed, news), |(mut missed, mut news)| async move {
            let message = next(&mut missed, &mut news).await?;
            let event = Event::default().event("message").id(message.id.to_string());
            let event = event.json_data(&message).unwrap_or_default();
            Some((Ok::<_, Infallible>(event), (missed, news)))
        });
    Sse::new(stream)
        .keep_alive(KeepAlive::default())
        .into_response()
}

/// The next message; none ends the stream, and the reader comes back with the last id it has seen.
async fn next(
    missed: &mut VecDeque<Message>,
    news: &mut broadcast::Receiver<Message>,
) -> Option<Message> {
    match missed.pop_front() {
        Some(message) => Some(message),
        None => news.recv().await.ok(),
    }
}

#[derive(Deserialize)]
struct Wish {
    lang: Option<String>,
}

async fn page(
    State(inbox): State<Arc<Inbox>>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
) -> Response {
    let language = Language::choose(wish.lang.as_deref(), None, &headers);
    let markup = whole_page(&inbox.newest(), language);
    let mut answer = (
        [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
        markup.into_string(),
    )
        .into_response();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        answer
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    answer
}

fn whole_page(messages: &[Message], language: Language) -> Markup {
    let say = |ja, en| language.say(ja, en);
    let other = match language {
        Language::Ja => ("en", "English"),
        Language::En => ("ja", "日本語"),
    };
    html! {
        (DOCTYPE)
        html lang=(language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (say("受信箱 — サンドボックス", "Inbox — sandbox")) }
                link rel="stylesheet" href="/assets/inbox.css";
                link rel="icon" href="/assets/inbox.svg" type="image/svg+xml";
                script src="/assets/inbox.js" defer {}
            }
            body {
                header.top {
                    div {
                        h1 { (say("受信箱", "Inbox")) }
                        p { (say("お客様に送られたSMSとメール(開発用)", "SMS and mail sent to the customers (development)")) }
                    }
                    a href={ "?lang=" (other.0) } lang=(other.0) hreflang=(other.0) { (other.1) }
                }
                main {
                    p #told .told role="status" data-copied=(say("コピーしました", "Copied"))
                        data-arrived=(say("新しいメッセージが届きました", "A new message has arrived")) {}
                    p #empty .empty hidden[!messages.is_empty()] {
                        (say("まだ何も届いていません。ウォレットで新規登録すると、確認コードがここに届きます。",
                            "Nothing here yet. Sign up in the wallet and the code arrives here."))
                    }
                    ol #messages .messages reversed {
                        @for message in messages { (entry(Some(message), language)) }
                    }
                    template #entry { (entry(None, language)) }
                }
            }
        }
    }
}

/// One message; without one, the empty form that the script fills in for news.
fn entry(message: Option<&Message>, language: Language) -> Markup {
    let say = |ja, en| language.say(ja, en);
    let kind = message.map(|message| match message.kind {
        MessageKind::Sms => "SMS",
        MessageKind::Mail => say("メール", "Mail"),
        MessageKind::Push => say("プッシュ", "Push"),
    });
    let subject = message.and_then(|message| message.subject.as_deref());
    let code = message.and_then(|message| message.code.as_deref());
    html! {
        li.message data-id=[message.map(|message| message.id)] {
            p.meta {
                span.kind data-sms="SMS" data-mail=(say("メール", "Mail")) data-push=(say("プッシュ", "Push")) {
                    @if let Some(kind) = kind { (kind) }
                }
                span.to { @if let Some(message) = message { (message.to) } }
                time datetime=[message.map(|message| japan_time(message.at_ms).0)] {
                    @if let Some(message) = message { (japan_time(message.at_ms).1) }
                }
            }
            h2.subject hidden[subject.is_none()] { @if let Some(subject) = subject { (subject) } }
            div.code hidden[code.is_none()] {
                span.digits { @if let Some(code) = code { (code) } }
                button.copy type="button" hidden { (say("コピー", "Copy")) }
            }
            p.text { @if let Some(message) = message { (message.text) } }
        }
    }
}
