//! Which kind of actor may ask for which command: a table of all commands, each asked by all kinds.

use super::fixture::{
    BAKERY, BAKERYS_STORE, DEVICE, FIRST_TILL, Fixture, GRANT, NOON, as_customer, as_key,
    as_operator, as_system, as_till, bakerys_details, by_grant, refund_request,
};
use mamori_domain::book::CoolingReason;
use mamori_domain::command::{Command, CommandKind, CreditKind, Request};
use mamori_domain::context::{ActorKind, Asker, SystemReason};
use mamori_domain::decide::Prefetched;
use mamori_domain::identity::SealedText;
use mamori_domain::ids::{
    AuthorizationId, Fingerprint, HoldId, PaymentId, SessionId, TopUpId, WalletId,
};
use mamori_domain::merchant::ReversalRule;
use mamori_domain::money::Amount;
use mamori_domain::refusal::Refusal;
use mamori_domain::world::Timestamp;

/// One command of each kind on Sora's wallet or in the bakery, who may ask for it, and what the others hear.
fn table(sora: WalletId) -> Vec<(Command, &'static str, Refusal)> {
    let merchant = BAKERY;
    let store = BAKERYS_STORE;
    let wallet = sora;
    let credential = Fingerprint(77);
    let key = Fingerprint(78);
    let hold = HoldId(1);
    let top_up = TopUpId(1);
    let amount = Amount::yen(500);
    let charge = by_grant("c-1", 500);
    let details = bakerys_details();
    let staff = "operator system";
    let owner = "customer operator system";
    let page = "customer system";
    let shop = "till key";
    vec![
        (Command::OpenMerchant, staff, Refusal::OperatorOnly),
        (
            Command::OpenStore {
                merchant,
                details: details.clone(),
            },
            staff,
            Refusal::OperatorOnly,
        ),
        (
            Command::DescribeStore { store, details },
            staff,
            Refusal::OperatorOnly,
        ),
        (Command::OpenTill { store }, staff, Refusal::OperatorOnly),
        (
            Command::BindTill {
                till: FIRST_TILL,
                device: None,
            },
            "operator till system",
            Refusal::OperatorOnly,
        ),
        (
            Command::BindApiKey { key, merchant },
            staff,
            Refusal::OperatorOnly,
        ),
        (Command::RevokeApiKey { key }, staff, Refusal::OperatorOnly),
        (
            Command::OpenWallet {
                credential,
                device: None,
            },
            "system",
            Refusal::CredentialUnknown,
        ),
        (
            Command::BindCredential { wallet, credential },
            owner,
            Refusal::WalletUnknown,
        ),
        (
            Command::RevokeCredential { wallet, credential },
            owner,
            Refusal::WalletUnknown,
        ),
        (Command::Freeze { wallet }, owner, Refusal::WalletUnknown),
        (Command::Unfreeze { wallet }, owner, Refusal::WalletUnknown),
        (
            Command::GrantAuthorization {
                authorization: AuthorizationId(9 << 90),
                wallet,
                merchant,
            },
            page,
            Refusal::WalletUnknown,
        ),
        (
            Command::RevokeAuthorization {
                authorization: GRANT,
            },
            owner,
            Refusal::AuthorizationUnknown,
        ),
        (Command::IssueCode { wallet }, page, Refusal::WalletUnknown),
        (Command::Charge(charge.clone()), shop, Refusal::KeyRevoked),
        (
            Command::Cancel {
                merchant,
                merchant_payment_id: "c-2".into(),
            },
            shop,
            Refusal::KeyRevoked,
        ),
        (
            Command::Refund(refund_request(PaymentId(1), "r-1", 500)),
            shop,
            Refusal::KeyRevoked,
        ),
        (
            Command::Hold {
                charge,
                expires_at: NOON,
            },
            shop,
            Refusal::KeyRevoked,
        ),
        (
            Command::Capture {
                merchant,
                hold,
                amount,
            },
            shop,
            Refusal::KeyRevoked,
        ),
        (
            Command::Release { hold },
            "till key operator system",
            Refusal::HoldUnknown,
        ),
        (Command::ReleaseExpired, "system", Refusal::HoldUnknown),
        (
            Command::StartTopUp {
                wallet,
                idempotency_key: "t-1".into(),
                amount,
            },
            page,
            Refusal::WalletUnknown,
        ),
        (
            Command::ConfirmTopUp { top_up, amount },
            "system",
            Refusal::TopUpUnknown,
        ),
        (
            Command::FailTopUp {
                top_up,
                expired: false,
            },
            "system",
            Refusal::TopUpUnknown,
        ),
        (
            Command::Credit {
                wallet,
                idempotency_key: "g-1".into(),
                amount,
                kind: CreditKind::Goodwill,
            },
            staff,
            Refusal::OperatorOnly,
        ),
        (
            Command::NoteWallet {
                wallet,
                note: SealedText(vec![1; 40]),
            },
            "operator",
            Refusal::OperatorOnly,
        ),
        (
            Command::EndSession {
                wallet,
                session: SessionId(5),
            },
            owner,
            Refusal::WalletUnknown,
        ),
        (
            Command::ProveRegistry { rows: 0 },
            "system",
            Refusal::OperatorOnly,
        ),
        (
            Command::SetReversalRule {
                merchant,
                rule: ReversalRule::DEFAULT,
            },
            staff,
            Refusal::OperatorOnly,
        ),
        (
            Command::BindDevice {
                wallet,
                device: Some(Fingerprint(9)),
            },
            owner,
            Refusal::WalletUnknown,
        ),
        (
            Command::CoolWallet {
                wallet,
                until: Timestamp(i64::MAX),
                reason: CoolingReason::Recovery,
            },
            staff,
            Refusal::OperatorOnly,
        ),
    ]
}

/// An asker of each kind that has every right its kind can have here.
fn asker(kind: ActorKind, sora: WalletId) -> Asker {
    match kind {
        ActorKind::Customer => as_customer(sora),
        ActorKind::Operator => as_operator(),
        ActorKind::Till => as_till(FIRST_TILL, DEVICE),
        ActorKind::Key => as_key(super::fixture::BAKERY_KEY),
        ActorKind::System => as_system(SystemReason::Reconciliation),
    }
}

#[test]
fn each_kind_of_actor_may_ask_for_its_own_commands_alone() {
    let sora = Fixture::open().sora;
    let table = table(sora);
    let kinds: Vec<CommandKind> = table.iter().map(|(command, ..)| command.kind()).collect();
    assert_eq!(
        kinds,
        CommandKind::ALL[1..],
        "one of each, in the order of their numbers"
    );
    for (command, may, otherwise) in table {
        for kind in ActorKind::ALL {
            let word = command.kind().word();
            let right = if may.split(' ').any(|one| one == kind.word()) {
                Ok(())
            } else {
                Err(otherwise)
            };
            assert_eq!(
                command.may_be_asked_by(kind),
                right,
                "{word} by a {}",
                kind.word()
            );
            if right.is_err() {
                let mut house = Fixture::open();
                let request = Request::command(asker(kind, sora), command.clone());
                let (outcome, events) = house.decide(&Prefetched::NOTHING, &request);
                assert_eq!(outcome, Err(otherwise), "{word} by a {}", kind.word());
                assert_eq!(events, [], "{word} by a {} leaves no trace", kind.word());
            }
        }
    }
}
