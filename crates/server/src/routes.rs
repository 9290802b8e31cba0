//! Every route on one page, each with what it demands of its caller.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;
use crate::http::{
    console, enrolment, merchants, operators, passkeys, people, session, till, top_ups, wallet,
};

/// The wallet's API. `-`: anybody. `S`: signed in. `P`: signed in and a fresh passkey.
pub fn wallet() -> Router<Arc<App>> {
    Router::new()
        .route("/api/sign-up/start", post(passkeys::sign_up_start)) //              -
        .route("/api/sign-up/prove", post(passkeys::sign_up_prove)) //              - and a one-time code
        .route("/api/sign-up/finish", post(passkeys::sign_up_finish)) //            - and a new passkey
        .route("/api/sign-in/start", post(passkeys::sign_in_start_wallet)) //       -
        .route("/api/sign-in/finish", post(passkeys::sign_in_finish_wallet)) //     - and a passkey
        .route("/api/sign-out", post(session::sign_out_wallet)) //                  -
        .route("/api/sessions", get(session::list_sessions)) //                     S
        .route("/api/sessions/end", post(session::end_session)) //                  S
        .route(
            "/api/sessions/end-others",
            post(session::end_other_sessions),
        ) //    S
        .route("/api/home", get(wallet::home)) //                                   S
        .route("/api/code", post(wallet::code)) //                                  S
        .route("/api/events", get(wallet::events)) //                               S
        .route("/api/history", get(wallet::history)) //                             S
        .route("/api/receipts/{id}", get(wallet::receipt)) //                       S
        .route("/api/top-ups", post(top_ups::start)) //                             S
        .route("/api/top-ups/{id}", get(top_ups::state)) //                         S
        .route("/api/top-ups/{id}/call-off", post(top_ups::call_off)) //            S
        .route("/api/freeze", post(passkeys::freeze)) //                            S
        .route("/api/unfreeze/start", post(passkeys::unfreeze_start)) //            S
        .route("/api/unfreeze/finish", post(passkeys::unfreeze_finish)) //          P
}

/// The till's API. `-`: anybody. `D`: an enrolled device.
pub fn till() -> Router<Arc<App>> {
    Router::new()
        .route("/api/enrol", post(enrolment::enrol)) //     - and a pairing code
        .route("/api/leave", post(enrolment::leave)) //     -
        .route("/api/till", get(till::till)) //             D
        .route("/api/charge", post(till::charge)) //        D
        .route("/api/payments", get(till::payments)) //     D
        .route("/api/void", post(till::void)) //            D
        .route("/api/refund", post(till::refund)) //        D
}

/// The console's API. `-`: anybody. `O`: an operator. `P`: an operator with a fresh passkey for this act and its object.
pub fn console() -> Router<Arc<App>> {
    Router::new()
        .route("/api/operators/redeem", post(operators::redeem)) //                 - and a one-time link
        .route("/api/operators/finish", post(operators::finish)) //                 - and a one-time link and a new passkey
        .route("/api/sign-in/start", post(passkeys::sign_in_start_console)) //      -
        .route(
            "/api/sign-in/finish",
            post(passkeys::sign_in_finish_console),
        ) //    - and a passkey
        .route("/api/sign-out", post(session::sign_out_console)) //                 -
        .route("/api/me", get(operators::me)) //                                    O
        .route("/api/today", get(console::today)) //                                O
        .route("/api/outbox", get(console::outbox)) //                              O
        .route("/api/tills", get(enrolment::list_tills)) //                         O
        .route("/api/tills", post(merchants::open_till)) //                         O
        .route("/api/pairing-codes", post(enrolment::make_pairing_code)) //         O
        .route("/api/operators", get(operators::list)) //                           O
        .route("/api/operators/invite", post(operators::invite)) //                 P
        .route("/api/operators/remove", post(operators::remove)) //                 P
        .route("/api/merchants", get(merchants::list)) //                           O
        .route("/api/merchants", post(merchants::open_merchant)) //                 O
        .route("/api/merchants/{id}", get(merchants::merchant)) //                  O
        .route("/api/stores", post(merchants::open_store)) //                       O
        .route("/api/stores/{id}", get(merchants::store)) //                        O
        .route("/api/api-keys", post(merchants::make_api_key)) //                   P
        .route("/api/api-keys/revoke", post(merchants::revoke_api_key)) //          P
        .route("/api/api-keys/opa-auth", post(merchants::set_opa_auth)) //          P
        .route("/api/wallets/{id}", get(people::wallet)) //                         O
        .route("/api/people/erase", post(people::erase)) //                         P
}
