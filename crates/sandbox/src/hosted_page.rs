//! The pages on which a customer types a card and answers the issuer: plain forms, no script.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;

use crate::address::origin;
use crate::card_fields::{Field, Filled, Problem, grouped, halfwidth, read_card};
use crate::card_network::CardNetwork;
use crate::cards::{self, TEST_CARDS};
use crate::network::{ChallengeAnswer, Intent, IntentStatus, Session, SessionStatus, Tried};
use crate::words::{Language, yen};

const STYLE: &str = include_str!("pages/card.css");
const ICON: &str = include_str!("pages/card.svg");

pub(crate) fn router() -> Router<Arc<CardNetwork>> {
    Router::new()
        .route("/pay/{session}", get(show_card_form).post(take_card))
        .route("/challenge/{secret}", get(show_challenge).post(take_answer))
        .route(
            "/assets/card.css",
            get(|| async { ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE) }),
        )
        .route(
            "/assets/card.svg",
            get(|| async { ([(header::CONTENT_TYPE, "image/svg+xml")], ICON) }),
        )
}

#[derive(Deserialize, Default)]
struct Wish {
    lang: Option<String>,
    card: Option<String>,
}

// ---- the card form ----

async fn show_card_form(
    State(network): State<Arc<CardNetwork>>,
    Path(id): Path<String>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
) -> Response {
    let Some((session, intent)) = look_up(&network, &id) else {
        return nothing_here(&headers, &wish);
    };
    let language = Language::choose(wish.lang.as_deref(), session.locale.as_deref(), &headers);
    if let Some(elsewhere) = not_at_the_form(&network, &session, &intent, language) {
        return elsewhere;
    }
    let filled = wish
        .card
        .as_deref()
        .and_then(cards::by_number)
        .map(Filled::with);
    let problem = intent.last_error.map(|error| Problem {
        field: Field::Card,
        ja: error.message_ja,
        en: error.message,
    });
    page(
        StatusCode::OK,
        language,
        &return_origins(&session),
        &card_form(
            &session,
            &intent,
            language,
            &filled.unwrap_or_default(),
            problem,
        ),
    )
}

async fn take_card(
    State(network): State<Arc<CardNetwork>>,
    Path(id): Path<String>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some((session, intent)) = look_up(&network, &id) else {
        return nothing_here(&headers, &wish);
    };
    let language = Language::choose(wish.lang.as_deref(), session.locale.as_deref(), &headers);
    if let Some(elsewhere) = not_at_the_form(&network, &session, &intent, language) {
        return elsewhere;
    }
    let card = match read_card(&body, network.now()) {
        Ok(card) => card,
        Err((problem, filled)) => {
            let form = card_form(&session, &intent, language, &filled, Some(problem));
            return page(
                StatusCode::UNPROCESSABLE_ENTITY,
                language,
                &return_origins(&session),
                &form,
            );
        }
    };
    let tried = network.with(|network, now| network.pay_session(&id, card, now));
    match tried {
        Ok(Tried::Paid) => see_other(&session.success_url()),
        Ok(Tried::Challenged) => see_other(&format!(
            "/challenge/{}?lang={}",
            intent.secret,
            language.tag()
        )),
        Ok(Tried::Declined(_)) | Err(_) => see_other(&format!("/pay/{id}?lang={}", language.tag())),
    }
}

fn look_up(network: &CardNetwork, id: &str) -> Option<(Session, Intent)> {
    network.with(|network, now| {
        let session = network.session(id, now).ok()?.clone();
        let intent = network.intent(&session.intent).ok()?.clone();
        Some((session, intent))
    })
}

/// Where the customer belongs when it is not the card form.
fn not_at_the_form(
    network: &CardNetwork,
    session: &Session,
    intent: &Intent,
    language: Language,
) -> Option<Response> {
    match (session.status, intent.status) {
        // Back, reload, second tab: a paid page leads on and never charges again.
        (SessionStatus::Complete, _) => Some(see_other(&session.success_url())),
        (SessionStatus::Expired, _) => {
            let markup = closed_page(session, language);
            Some(page(StatusCode::GONE, language, &[], &markup))
        }
        (SessionStatus::Open, IntentStatus::RequiresAction) => {
            let base_url = network.with(|network, _| network.base_url.clone());
            Some(see_other(&format!(
                "{}?lang={}",
                intent.challenge_url(&base_url),
                language.tag()
            )))
        }
        (SessionStatus::Open, _) => None,
    }
}

fn card_form(
    session: &Session,
    intent: &Intent,
    language: Language,
    filled: &Filled,
    problem: Option<Problem>,
) -> Markup {
    let say = |ja, en| language.say(ja, en);
    let at = |field| {
        problem
            .filter(|problem| problem.field == field)
            .map(|problem| say(problem.ja, problem.en))
    };
    html! {
        header.bill {
            p.shop { (session.product) }
            h1.amount { (yen(intent.amount)) }
        }
        @if let Some(text) = at(Field::Card) { p.problem role="alert" { (text) } }
        form.card method="post" action={ "/pay/" (session.id) "?lang=" (language.tag()) } novalidate {
            (field_row("number", say("カード番号", "Card number"), "cc-number", "1234 5678 9012 3456",
                &filled.number, at(Field::Number), 23))
            div.pair {
                (field_row("expiry", say("有効期限(月/年)", "Expiry (MM/YY)"), "cc-exp", "12/34",
                    &filled.expiry, at(Field::Expiry), 7))
                (field_row("cvc", say("セキュリティコード", "Security code"), "cc-csc", "123",
                    filled.cvc, at(Field::Cvc), 4))
            }
            button.pay type="submit" { (yen(intent.amount)) (say("を支払う", " — pay")) }
        }
        @if let Some(cancel_url) = &session.cancel_url {
            p.leave { a href=(cancel_url) { (say("支払わずに戻る", "Go back without paying")) } }
        }
        section.tests aria-labelledby="tests" {
            h2 id="tests" { (say("テストカード", "Test cards")) }
            p { (say("選ぶと入力欄に入ります。本物のカード番号は使えません。", "Choose one to fill the form. Real card numbers do not work.")) }
            ul {
                @for card in &TEST_CARDS {
                    li {
                        a href={ "/pay/" (session.id) "?lang=" (language.tag()) "&card=" (card.number) } {
                            span.digits { (grouped(card.number)) }
                            span.what { (say(card.what_ja, card.what_en)) }
                        }
                    }
                }
            }
        }
    }
}

fn field_row(
    name: &str,
    label: &str,
    autocomplete: &str,
    example: &str,
    value: &str,
    problem: Option<&str>,
    length_max: u8,
) -> Markup {
    let problem_id = format!("{name}-problem");
    html! {
        div.field {
            label for=(name) { (label) }
            input id=(name) name=(name) type="text" inputmode="numeric" autocomplete=(autocomplete) required
                placeholder=(example) maxlength=(length_max) value=[Some(value).filter(|value| !value.is_empty())] autofocus[problem.is_some()]
                aria-invalid=[problem.map(|_| "true")] aria-describedby=[problem.map(|_| problem_id.as_str())];
            @if let Some(text) = problem { p.wrong id=(problem_id) role="alert" { (text) } }
        }
    }
}

fn closed_page(session: &Session, language: Language) -> Markup {
    html! {
        header.bill { p.shop { (session.product) } h1 { (language.say("この支払いページは終了しました", "This payment page has closed")) } }
        p.text { (language.say("カードへの請求はありません。", "Your card was not charged.")) }
        @if let Some(cancel_url) = &session.cancel_url {
            p { a.button href=(cancel_url) { (language.say("お店に戻る", "Back to the shop")) } }
        }
    }
}

// ---- the issuer's challenge ----

async fn show_challenge(
    State(network): State<Arc<CardNetwork>>,
    Path(secret): Path<String>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
) -> Response {
    let Some((intent, session)) = look_up_challenge(&network, &secret) else {
        return nothing_here(&headers, &wish);
    };
    let language = challenge_language(&wish, session.as_ref(), &headers);
    match challenge_page(&intent, session.as_ref(), language, None) {
        Some(markup) => page(
            StatusCode::OK,
            language,
            &challenge_origins(&intent, session.as_ref()),
            &markup,
        ),
        None => see_other(&after_challenge(&intent, session.as_ref(), language)),
    }
}

async fn take_answer(
    State(network): State<Arc<CardNetwork>>,
    Path(secret): Path<String>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some((intent, session)) = look_up_challenge(&network, &secret) else {
        return nothing_here(&headers, &wish);
    };
    let language = challenge_language(&wish, session.as_ref(), &headers);
    let field = |wanted: &str| -> String {
        form_urlencoded::parse(&body)
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| halfwidth(value.trim()))
            .unwrap_or_default()
    };
    let code = field("code");
    let answer = match field("answer").as_str() {
        "give_up" => ChallengeAnswer::GiveUp,
        _ => ChallengeAnswer::Code(&code),
    };
    let tried = network.with(|network, now| network.answer_challenge(&intent.id, answer, now));
    let Some((intent, session)) = look_up_challenge(&network, &secret) else {
        return nothing_here(&headers, &wish);
    };
    if let (Ok(Tried::Challenged), Some(markup)) = (
        tried,
        challenge_page(
            &intent,
            session.as_ref(),
            language,
            Some(language.say(
                "コードが違います。もう一度入力してください。",
                "That code is wrong. Try again.",
            )),
        ),
    ) {
        let origins = challenge_origins(&intent, session.as_ref());
        return page(
            StatusCode::UNPROCESSABLE_ENTITY,
            language,
            &origins,
            &markup,
        );
    }
    see_other(&after_challenge(&intent, session.as_ref(), language))
}

fn look_up_challenge(network: &CardNetwork, secret: &str) -> Option<(Intent, Option<Session>)> {
    let (id, _) = secret.split_once("_secret_")?;
    network.with(|network, now| {
        let intent = network
            .intent(id)
            .ok()
            .filter(|intent| intent.secret == secret)?
            .clone();
        let session = match &intent.session {
            Some(session) => Some(network.session(session, now).ok()?.clone()),
            None => None,
        };
        // Reading the session may have closed it, and its intent with it.
        Some((network.intent(id).ok()?.clone(), session))
    })
}

fn challenge_language(wish: &Wish, session: Option<&Session>, headers: &HeaderMap) -> Language {
    Language::choose(
        wish.lang.as_deref(),
        session.and_then(|session| session.locale.as_deref()),
        headers,
    )
}

fn after_challenge(intent: &Intent, session: Option<&Session>, language: Language) -> String {
    match (session, &intent.return_url) {
        (Some(session), _) if session.status == SessionStatus::Complete => session.success_url(),
        (Some(session), _) => format!("/pay/{}?lang={}", session.id, language.tag()),
        (None, Some(return_url)) => {
            let joint = if return_url.contains('?') { '&' } else { '?' };
            let outcome = if intent.status == IntentStatus::Succeeded {
                "succeeded"
            } else {
                "failed"
            };
            format!(
                "{return_url}{joint}payment_intent={}&redirect_status={outcome}",
                intent.id
            )
        }
        (None, None) => format!("/challenge/{}", intent.secret),
    }
}

fn challenge_page(
    intent: &Intent,
    session: Option<&Session>,
    language: Language,
    problem: Option<&str>,
) -> Option<Markup> {
    let (Some(challenge), Some(method)) = (&intent.challenge, &intent.method) else {
        // An intent without an address to return to has nowhere to go: say what became of it.
        return (session.is_none() && intent.return_url.is_none())
            .then(|| challenge_over(intent, language));
    };
    let say = |ja, en| language.say(ja, en);
    Some(html! {
        header.issuer {
            p.bank { (say("サンドボックス銀行", "Sandbox Bank")) }
            h1 { (say("本人認証(3Dセキュア)", "Confirm it is you (3-D Secure)")) }
        }
        dl.facts {
            @if let Some(session) = session { dt { (say("お支払い", "Payment")) } dd { (session.product) } }
            dt { (say("金額", "Amount")) } dd.money { (yen(intent.amount)) }
            dt { (say("カード", "Card")) } dd { (method.card.brand.to_uppercase()) " •••• " (method.card.last4()) }
        }
        p.hint {
            (say("ご登録の電話番号に送った確認コード(テスト): ", "The code we sent to your phone (test): "))
            strong id="hint" { (challenge.code) }
        }
        form.card method="post" action={ "/challenge/" (intent.secret) "?lang=" (language.tag()) } novalidate {
            div.field {
                label for="code" { (say("確認コード(6桁)", "6-digit code")) }
                input.code id="code" name="code" type="text" inputmode="numeric" autocomplete="one-time-code" maxlength="6"
                    required autofocus aria-invalid=[problem.map(|_| "true")] aria-describedby=[problem.map(|_| "code-problem")];
                @if let Some(text) = problem { p.wrong id="code-problem" role="alert" { (text) } }
            }
            button.pay type="submit" name="answer" value="code" { (say("認証する", "Confirm")) }
            button.quiet type="submit" name="answer" value="give_up" formnovalidate { (say("認証しない", "Do not confirm")) }
        }
    })
}

fn challenge_over(intent: &Intent, language: Language) -> Markup {
    html! {
        header.issuer {
            h1 {
                @if intent.status == IntentStatus::Succeeded { (language.say("認証できました", "Confirmed")) }
                @else { (language.say("認証できませんでした", "Not confirmed")) }
            }
        }
        p.text { (language.say("この画面を閉じてください。", "You can close this page.")) }
    }
}

// ---- what every page shares ----

fn nothing_here(headers: &HeaderMap, wish: &Wish) -> Response {
    let language = Language::choose(wish.lang.as_deref(), None, headers);
    let markup = html! {
        header.bill { h1 { (language.say("支払いページが見つかりません", "There is no such payment page")) } }
        p.text { (language.say("お店の画面からもう一度お進みください。", "Please start again from the shop.")) }
    };
    page(StatusCode::NOT_FOUND, language, &[], &markup)
}

fn return_origins(session: &Session) -> Vec<String> {
    [Some(&session.success_url), session.cancel_url.as_ref()]
        .into_iter()
        .flatten()
        .filter_map(|url| origin(url))
        .collect()
}

fn challenge_origins(intent: &Intent, session: Option<&Session>) -> Vec<String> {
    let own = intent.return_url.as_deref().and_then(origin);
    session
        .map(return_origins)
        .into_iter()
        .flatten()
        .chain(own)
        .collect()
}

fn see_other(url: &str) -> Response {
    let mut answer = Redirect::to(url).into_response();
    answer
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// `origins` are where a form's redirect may lead: browsers hold redirects to `form-action` as well.
fn page(status: StatusCode, language: Language, origins: &[String], main: &Markup) -> Response {
    let (other, other_name) = match language {
        Language::Ja => ("en", "English"),
        Language::En => ("ja", "日本語"),
    };
    let markup = html! {
        (DOCTYPE)
        html lang=(language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (language.say("サンドボックス・カード決済", "Sandbox card payment")) }
                link rel="stylesheet" href="/assets/card.css";
                link rel="icon" href="/assets/card.svg" type="image/svg+xml";
            }
            body {
                aside.banner {
                    span { (language.say("テスト環境です。お金は動きません。", "Test network. No money moves.")) }
                    a href={ "?lang=" (other) } lang=(other) hreflang=(other) { (other_name) }
                }
                main { (main) }
            }
        }
    };
    let actions: String = origins.iter().map(|origin| format!(" {origin}")).collect();
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'{actions}; frame-ancestors 'none'; base-uri 'none'"
    );
    let mut answer = (
        status,
        [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
        markup.into_string(),
    )
        .into_response();
    let headers = answer.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}
