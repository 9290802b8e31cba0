//! Every route on one page, each with what it demands of its caller.

use std::sync::Arc;

use crate::app::App;
use crate::http::{
    console, enrolment, merchants, operators, passkeys, people, permissions, session, till,
    top_ups, wallet,
};
use crate::route_table::Demand::{Anybody, Device, FreshPasskey, Operator, Signature, SignedIn};
use crate::route_table::Routes;

/// The wallet's API.
pub fn wallet() -> Routes<Arc<App>> {
    Routes::new()
        .post("/api/sign-up/start", Anybody, passkeys::sign_up_start)
        .post("/api/sign-up/prove", Anybody, passkeys::sign_up_prove) // and a one-time code
        .post("/api/sign-up/finish", Anybody, passkeys::sign_up_finish) // and a new passkey
        .post(
            "/api/sign-in/start",
            Anybody,
            passkeys::sign_in_start_wallet,
        )
        .post(
            "/api/sign-in/finish",
            Anybody,
            passkeys::sign_in_finish_wallet,
        ) // and a passkey
        .post("/api/sign-out", Anybody, session::sign_out_wallet)
        .get("/api/sessions", SignedIn, session::list_sessions)
        .post("/api/sessions/end", SignedIn, session::end_session)
        .post(
            "/api/sessions/end-others",
            SignedIn,
            session::end_other_sessions,
        )
        .get("/api/home", SignedIn, wallet::home)
        .post("/api/code", SignedIn, wallet::code)
        .get("/api/events", SignedIn, wallet::events)
        .get("/api/history", SignedIn, wallet::history)
        .get("/api/receipts/{id}", SignedIn, wallet::receipt)
        .get("/api/top-ups", SignedIn, top_ups::open)
        .post("/api/top-ups", SignedIn, top_ups::start)
        .get("/api/top-ups/{id}", SignedIn, top_ups::state)
        .post("/api/top-ups/{id}/call-off", SignedIn, top_ups::call_off)
        .get("/api/permissions", SignedIn, permissions::list)
        .post("/api/permissions/revoke", SignedIn, permissions::revoke)
        .post("/api/permissions/link", SignedIn, permissions::link)
        .post("/api/permissions/decline", SignedIn, permissions::decline)
        .post(
            "/api/permissions/grant/start",
            SignedIn,
            permissions::grant_start,
        )
        .post(
            "/api/permissions/grant/finish",
            FreshPasskey,
            permissions::grant_finish,
        )
        .post("/api/freeze", SignedIn, passkeys::freeze)
        .post("/api/unfreeze/start", SignedIn, passkeys::unfreeze_start)
        .post(
            "/api/unfreeze/finish",
            FreshPasskey,
            passkeys::unfreeze_finish,
        )
}

/// The till's API.
pub fn till() -> Routes<Arc<App>> {
    Routes::new()
        .post("/api/enrol", Anybody, enrolment::enrol) // and a pairing code
        .post("/api/leave", Anybody, enrolment::leave)
        .get("/api/till", Device, till::till)
        .post("/api/charge", Device, till::charge)
        .get("/api/payments", Device, till::payments)
        .post("/api/void", Device, till::void)
        .post("/api/refund", Device, till::refund)
}

/// The console's API.
pub fn console() -> Routes<Arc<App>> {
    Routes::new()
        .post("/api/operators/redeem", Anybody, operators::redeem) // and a one-time link
        .post("/api/operators/finish", Anybody, operators::finish) // and a one-time link and a new passkey
        .post(
            "/api/sign-in/start",
            Anybody,
            passkeys::sign_in_start_console,
        )
        .post(
            "/api/sign-in/finish",
            Anybody,
            passkeys::sign_in_finish_console,
        ) // and a passkey
        .post("/api/sign-out", Anybody, session::sign_out_console)
        .get("/api/me", Operator, operators::me)
        .get("/api/today", Operator, console::today)
        .get("/api/outbox", Operator, console::outbox)
        .get("/api/card-alarms", Operator, console::card_alarms)
        .get("/api/tills", Operator, enrolment::list_tills)
        .post("/api/tills", Operator, merchants::open_till)
        .post("/api/pairing-codes", Operator, enrolment::make_pairing_code)
        .get("/api/operators", Operator, operators::list)
        .post("/api/operators/invite", FreshPasskey, operators::invite)
        .post("/api/operators/remove", FreshPasskey, operators::remove)
        .get("/api/merchants", Operator, merchants::list)
        .post("/api/merchants", Operator, merchants::open_merchant)
        .get("/api/merchants/{id}", Operator, merchants::merchant)
        .post("/api/stores", Operator, merchants::open_store)
        .get("/api/stores/{id}", Operator, merchants::store)
        .post("/api/api-keys", FreshPasskey, merchants::make_api_key)
        .post(
            "/api/api-keys/revoke",
            FreshPasskey,
            merchants::revoke_api_key,
        )
        .post(
            "/api/api-keys/opa-auth",
            FreshPasskey,
            merchants::set_opa_auth,
        )
        .get("/api/wallets/{id}", Operator, people::wallet)
        .post("/api/people/erase", FreshPasskey, people::erase_person)
}

/// What stands on the API's listener beside the merchants' calls (`http/payments.rs`).
pub fn beside_merchants() -> Routes<Arc<App>> {
    Routes::new()
        .post("/webhooks/card", Signature, top_ups::notice)
        .get("/healthz", Anybody, async || "ok")
}
