//! Every route on one page. What each demands of its caller is read off its handler: `WalletSession`, `May` of a
//! permission, `FreshPasskey` of either, `TillDevice`, `SignedNotice`, `Visitor`.

use std::sync::Arc;

use crate::app::App;
use crate::http::{
    about, acts, approvals, closing, console, contacts, device, enrolment, external_ids,
    freeze_code, merchants, notices, operator_passkeys, operators, own_passkeys, own_recovery,
    passkeys, password, people, permissions, recovery, sales, session, templates, till, top_ups,
    wallet,
};
use crate::route_table::Routes;

/// The wallet's API.
pub fn wallet() -> Routes<Arc<App>> {
    Routes::new()
        .post("/api/sign-up/start", passkeys::sign_up_start)
        .post("/api/sign-up/prove", passkeys::sign_up_prove) // and a one-time code
        .post("/api/sign-up/finish", passkeys::sign_up_finish) // and a new passkey
        .post("/api/sign-up/password/start", password::sign_up_start) // and a proven contact
        .post("/api/sign-up/password/finish", password::sign_up_finish) // and a new password and a code by time
        .post("/api/sign-in/start", passkeys::sign_in_start_wallet)
        .post("/api/sign-in/finish", passkeys::sign_in_finish_wallet) // and a passkey
        .post("/api/password/sign-in/start", password::sign_in_start)
        .post("/api/password/sign-in/finish", password::sign_in_finish) // and a password and a code by time
        .post("/api/sign-out", session::sign_out_wallet)
        .get("/api/sessions", session::list_sessions)
        .post("/api/sessions/end", session::end_session)
        .post("/api/sessions/end-others", session::end_other_sessions)
        .get("/api/contacts", contacts::list)
        .post("/api/contacts/add/start", contacts::add_start)
        .post("/api/contacts/add/prove", contacts::add_prove) // and a one-time code
        .post("/api/contacts/add/finish", contacts::add_finish)
        .post("/api/contacts/remove", contacts::remove)
        .post("/api/contacts/prefer", contacts::prefer)
        .post("/api/contacts/put-back", contacts::put_back)
        .post("/api/undo-contact", contacts::undo) // and the secret of a letter
        .get("/api/notices", notices::state)
        .post("/api/notices/choose", notices::choose)
        .post("/api/notices/push/add", notices::add_push)
        .post("/api/notices/push/remove", notices::remove_push)
        .post("/api/notices/try", notices::try_out)
        .post("/api/not-me", notices::not_me) // and the secret of a notice
        .get("/api/passkeys", own_passkeys::list)
        .post("/api/passkeys/add", own_passkeys::add)
        .post("/api/passkeys/offer", own_passkeys::offer)
        .post("/api/passkeys/finish", own_passkeys::finish) // and a new passkey, right after a fresh one
        .post("/api/passkeys/rename", own_passkeys::rename)
        .post("/api/passkeys/remove", own_passkeys::remove)
        .get("/.well-known/passkey-endpoints", own_passkeys::endpoints)
        .get("/api/password", password::state)
        .post("/api/password/codes", password::new_codes)
        .post("/api/password/set", password::set)
        .post("/api/password/remove", password::remove)
        .post("/api/password/beside-passkeys", password::beside_passkeys)
        .post(
            "/api/external-id/sign-in/start",
            external_ids::sign_in_start,
        )
        .post(
            "/api/external-id/sign-in/prove",
            external_ids::sign_in_prove,
        ) // and a provider's word
        .post(
            "/api/external-id/sign-in/finish",
            external_ids::sign_in_finish,
        ) // and a code by time
        .post(
            "/api/sign-up/external-id/start",
            external_ids::sign_up_start,
        ) // and a proven contact
        .post(
            "/api/sign-up/external-id/prove",
            external_ids::sign_up_prove,
        ) // and a provider's word
        .post(
            "/api/sign-up/external-id/finish",
            external_ids::sign_up_finish,
        ) // and a code by time
        .get("/api/external-id", external_ids::list)
        .post("/api/external-id/link/start", external_ids::link_start)
        .post("/api/external-id/link/finish", external_ids::link_finish) // right after a fresh proof, and a provider's word
        .post("/api/external-id/unlink", external_ids::unlink)
        .post("/api/recovery/start", recovery::start)
        .post("/api/recovery/send", recovery::send) // and the handle of a recovery, as all of these
        .post("/api/recovery/state", recovery::state)
        .post("/api/recovery/prove", recovery::prove) // and a code or a password
        .post("/api/recovery/ask", recovery::ask)
        .post("/api/recovery/stop", recovery::stop)
        .post("/api/recovery/passkey/start", recovery::passkey_start) // and everything proven, and the wait over
        .post("/api/recovery/passkey/finish", recovery::passkey_finish) // and a new passkey
        .post("/api/recovery/password/start", recovery::password_start) // and everything proven, and the wait over
        .post("/api/recovery/password/finish", recovery::password_finish) // and a new password and a code by time
        .post("/api/undo-recovery", recovery::undo) // and the secret of a letter
        .get("/api/recovery", own_recovery::state)
        .get("/api/recovery/notices", own_recovery::notices)
        .post("/api/recovery/answer", own_recovery::answer) // and the number that is shown elsewhere
        .post("/api/recovery/stop-own", own_recovery::stop_own)
        .post("/api/recovery/codes", own_recovery::make_codes)
        .post("/api/recovery/trusted/invite", own_recovery::invite)
        .post("/api/recovery/trusted/look", own_recovery::look) // and an invitation
        .post("/api/recovery/trusted/accept", own_recovery::accept) // and an invitation
        .post("/api/recovery/trusted/remove", own_recovery::remove)
        .get("/api/about", about::about)
        .get("/api/home", wallet::home)
        .post("/api/code", wallet::code)
        .get("/api/events", wallet::events)
        .get("/api/history", wallet::history)
        .get("/api/receipts/{id}", wallet::receipt)
        .get("/api/activity", acts::activity)
        .get("/api/top-ups", top_ups::open)
        .post("/api/top-ups", top_ups::start)
        .get("/api/top-ups/{id}", top_ups::state)
        .post("/api/top-ups/{id}/call-off", top_ups::call_off)
        .get("/api/permissions", permissions::list)
        .post("/api/permissions/revoke", permissions::revoke)
        .post("/api/permissions/link", permissions::link)
        .post("/api/permissions/decline", permissions::decline)
        .post("/api/permissions/grant/start", permissions::grant_start)
        .post("/api/permissions/grant/finish", permissions::grant_finish)
        .post("/api/device/bind", device::bind)
        .post("/api/device/ask", device::ask)
        .get("/api/device/asked", device::asked)
        .post("/api/device/answer", device::answer)
        .post("/api/freeze", passkeys::freeze)
        .get("/api/closing", closing::state)
        .post("/api/closing", closing::ask)
        .post("/api/closing/withdraw", closing::withdraw)
        .get("/api/freeze-code", freeze_code::state)
        .post("/api/freeze-code", freeze_code::make)
        .post("/api/freeze-by-code", freeze_code::stop) // and a freeze code
        .post("/api/unfreeze/start", passkeys::unfreeze_start)
        .post("/api/unfreeze/finish", passkeys::unfreeze_finish)
}

/// The till's API.
pub fn till() -> Routes<Arc<App>> {
    Routes::new()
        .post("/api/enrol", enrolment::enrol) // and a pairing code
        .post("/api/leave", enrolment::leave)
        .get("/api/till", till::till)
        .get("/api/till/day", till::day)
        .get("/api/till/sales", till::sales)
        .post("/api/charge", till::charge)
        .post("/api/charge/give-up", till::give_up)
        .get("/api/payments", till::payments)
        .post("/api/void", till::void)
        .post("/api/refund", till::refund)
}

/// The console's API.
pub fn console() -> Routes<Arc<App>> {
    Routes::new()
        .post("/api/operators/redeem", operators::redeem) // and a one-time link
        .post("/api/operators/finish", operators::finish) // and a one-time link and a new passkey
        .post("/api/sign-in/start", passkeys::sign_in_start_console)
        .post("/api/sign-in/finish", passkeys::sign_in_finish_console) // and a passkey
        .post("/api/sign-out", session::sign_out_console)
        .get("/api/me", operators::me)
        .get("/api/own-passkeys", operator_passkeys::list)
        .post("/api/own-passkeys/add", operator_passkeys::add)
        .post("/api/own-passkeys/finish", operator_passkeys::finish) // and a new passkey, right after a fresh one
        .post("/api/own-passkeys/remove", operator_passkeys::remove)
        .get("/api/today", console::today)
        .get("/api/outbox", console::outbox)
        .get("/api/card-alarms", console::card_alarms)
        .get("/api/till-alarms", console::till_alarms)
        .post("/api/till-alarms/seen", console::see_till_alarm)
        .get("/api/denied-notices", notices::denied)
        .post("/api/denied-notices/close", notices::close_denied)
        .get("/api/templates", templates::list)
        .post("/api/templates/preview", templates::preview)
        .post("/api/templates/set", templates::set)
        .post("/api/templates/reset", templates::reset)
        .get("/api/tills", enrolment::list_tills)
        .post("/api/tills", merchants::open_till)
        .post("/api/tills/take-off", enrolment::take_off)
        .post("/api/tills/{id}/name", merchants::rename_till)
        .post("/api/pairing-codes", enrolment::make_pairing_code)
        .get("/api/operators", operators::list)
        .post("/api/operators/invite", operators::invite)
        .post("/api/operators/confirm", operators::confirm)
        .post("/api/operators/remove", operators::remove)
        .post("/api/operators/name", operators::rename)
        .post("/api/operators/role", operators::set_role)
        .get("/api/merchants", merchants::list)
        .post("/api/merchants", merchants::open_merchant)
        .get("/api/merchants/{id}", merchants::merchant)
        .post("/api/merchants/{id}/name", merchants::rename_merchant)
        .post(
            "/api/merchants/{id}/invoice-number",
            merchants::set_invoice_number,
        )
        .post(
            "/api/merchants/{id}/reversals",
            merchants::set_reversal_rule,
        )
        .post("/api/supervisors", merchants::add_supervisor)
        .post("/api/supervisors/remove", merchants::remove_supervisor)
        .post("/api/stores", merchants::open_store)
        .get("/api/stores/{id}", merchants::store)
        .post("/api/stores/{id}/details", merchants::describe_store)
        .post("/api/stores/{id}/name", merchants::rename_store)
        .post("/api/api-keys", merchants::make_api_key)
        .post("/api/api-keys/revoke", merchants::revoke_api_key)
        .post("/api/api-keys/opa-auth", merchants::set_opa_auth)
        .post("/api/api-keys/label", merchants::label_api_key)
        .get("/api/payments", sales::list)
        .get("/api/acts", acts::list)
        .post("/api/customers/find", people::find)
        .get("/api/wallets/{id}", people::wallet)
        .post("/api/wallets/{id}/history", people::history)
        .get("/api/wallets/{id}/notes", people::notes)
        .post("/api/wallets/{id}/note", people::write_note)
        .post("/api/wallets/{id}/freeze", people::freeze)
        .post("/api/holds/release", people::release_hold)
        .get("/api/closings", closing::list)
        .post("/api/people/erase", people::propose_erasure)
        .get("/api/approvals", approvals::list)
        .post("/api/approvals/approve", approvals::approve)
        .post("/api/approvals/decline", approvals::decline)
        .post("/api/approvals/withdraw", approvals::withdraw)
}

/// What stands on the API's listener beside the merchants' calls (`http/payments.rs`).
pub fn beside_merchants() -> Routes<Arc<App>> {
    Routes::new()
        .post("/webhooks/card", top_ups::notice)
        .get("/healthz", async || "ok")
}
