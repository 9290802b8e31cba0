//! The same connector against a peer of other authors: `localstripe`, an independent implementation of the API.
//!
//! It runs as a process of its own and only where `MAMORI_LOCALSTRIPE_URL` says where, for example
//!
//! ```text
//! pip install localstripe==1.15.10
//! localstripe --from-scratch --port 8420
//! MAMORI_LOCALSTRIPE_URL=http://127.0.0.1:8420 cargo nextest run -p mamori-connectors localstripe
//! ```
//!
//! It has no hosted page, so the card comes as a token, as a card that is already known would; and it
//! ignores idempotency keys, so those are tried against our own sandbox (`card.rs`).

use mamori_connectors::card::*;
use mamori_connectors::card_notice::{NoticeKind, verify_notice};
use mamori_connectors::secret::Secret;
use mamori_domain::money::Amount;
use serde_json::Value;

use crate::peer::{Hook, direct, quick};

const API_KEY: &str = "sk_test_localstripe";
const WEBHOOK_SECRET: &str = "whsec_localstripe";

struct LocalStripe {
    url: String,
}

/// The peer, or nothing where none was started; the reason is printed, and the suite's runner counts it.
fn peer(test: &str) -> Option<LocalStripe> {
    match std::env::var("MAMORI_LOCALSTRIPE_URL") {
        Ok(url) if !url.is_empty() => Some(LocalStripe {
            url: url.trim_end_matches('/').to_owned(),
        }),
        _ => {
            println!("skipped: {test}: MAMORI_LOCALSTRIPE_URL is not set");
            None
        }
    }
}

impl LocalStripe {
    fn processor(&self) -> CardProcessor {
        CardProcessor::new(CardConfig {
            patience: quick(),
            ..CardConfig::new(&self.url, Secret::new(API_KEY))
        })
    }

    /// What the customer's browser would do: gives the card to the processor and gets a token.
    fn token_for(&self, number: &str) -> String {
        let method = self.call(
            "/v1/payment_methods",
            &[
                ("type", "card"),
                ("card[number]", number),
                ("card[exp_month]", "12"),
                ("card[exp_year]", "2034"),
                ("card[cvc]", "123"),
            ],
        );
        method["id"].as_str().expect("a token").to_owned()
    }

    /// What the issuer's page would tell the processor.
    fn authenticate(&self, payment: &CardPayment, success: bool) {
        let id = payment.reference.as_str();
        let intent = self.read(&format!("/v1/payment_intents/{id}"));
        let secret = intent["client_secret"].as_str().expect("a secret");
        let success = if success { "true" } else { "false" };
        self.call(
            &format!("/v1/payment_intents/{id}/_authenticate"),
            &[("client_secret", secret), ("success", success)],
        );
    }

    /// Has webhooks sent to `hook`; `name` keeps the tests of one run apart.
    fn tell(&self, hook: &Hook, name: &str) {
        let body = serde_json::json!({ "url": hook.url, "secret": WEBHOOK_SECRET });
        let answer = direct()
            .post(format!("{}/_config/webhooks/{name}", self.url))
            .send_json(body)
            .expect("the peer answers");
        assert_eq!(answer.status(), 200);
    }

    fn call(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let request = direct()
            .post(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {API_KEY}"));
        let mut answer = request
            .send_form(form.iter().copied())
            .expect("the peer answers");
        assert_eq!(answer.status(), 200, "{path}");
        answer.body_mut().read_json().expect("json")
    }

    fn read(&self, path: &str) -> Value {
        let request = direct()
            .get(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {API_KEY}"));
        let mut answer = request.call().expect("the peer answers");
        answer.body_mut().read_json().expect("json")
    }
}

fn order(key: &str, token: String) -> CardOrder {
    let entry = CardEntry::Token {
        token,
        return_url: None,
    };
    CardOrder {
        key: TopUpKey::new(key).expect("a key"),
        amount: Amount::yen(5_000),
        entry,
    }
}

fn charge_of(payment: &CardPayment) -> &str {
    match &payment.state {
        IntentState::Succeeded { charge, .. } => charge,
        other => panic!("expected success, found {other:?}"),
    }
}

#[test]
fn localstripe_takes_a_plain_card_and_tells_its_face() {
    let Some(peer) = peer("localstripe_takes_a_plain_card_and_tells_its_face") else {
        return;
    };
    let order = order("ls-1", peer.token_for("4242424242424242"));
    let payment = peer.processor().start(&order).unwrap();
    charge_of(&payment);
    let found = peer
        .processor()
        .retrieve(&payment.reference, &order.expected())
        .unwrap();
    let IntentState::Succeeded {
        card,
        liability_shift,
        ..
    } = found.state
    else {
        panic!("{found:?}")
    };
    assert_eq!(
        card,
        Some(CardFace {
            brand: Brand::Visa,
            last4: "4242".to_owned()
        })
    );
    assert_ne!(
        liability_shift,
        LiabilityShift::Shifted,
        "this peer never says who bears the risk"
    );
}

#[test]
fn localstripe_challenges_and_pays_after_the_right_answer() {
    let Some(peer) = peer("localstripe_challenges_and_pays_after_the_right_answer") else {
        return;
    };
    let order = order("ls-2", peer.token_for("4000000000003220"));
    let processor = peer.processor();
    let payment = processor.start(&order).unwrap();
    assert_eq!(payment.state, IntentState::RequiresAction { url: None });
    peer.authenticate(&payment, true);
    charge_of(
        &processor
            .retrieve(&payment.reference, &order.expected())
            .unwrap(),
    );
}

#[test]
fn localstripe_takes_nothing_after_a_failed_challenge() {
    let Some(peer) = peer("localstripe_takes_nothing_after_a_failed_challenge") else {
        return;
    };
    let order = order("ls-3", peer.token_for("4000000000003220"));
    let processor = peer.processor();
    let payment = processor.start(&order).unwrap();
    peer.authenticate(&payment, false);
    let found = processor
        .retrieve(&payment.reference, &order.expected())
        .unwrap();
    let reason = FailureReason::NotAuthenticated;
    assert_eq!(found.state, IntentState::Failed { reason });
}

#[test]
fn localstripe_declines() {
    let Some(peer) = peer("localstripe_declines") else {
        return;
    };
    let declined = peer
        .processor()
        .start(&order("ls-4", peer.token_for("4000000000000341")));
    // This peer's refusal does not carry the intent, so there is no payment to report on.
    let (code, kind) = (
        "card_declined".to_owned(),
        "invalid_request_error".to_owned(),
    );
    assert_eq!(
        declined,
        Err(CardError::Rejected {
            status: 402,
            code,
            kind
        })
    );
}

#[test]
fn localstripe_knows_nothing_of_a_payment_and_does_not_say_so_clearly_enough() {
    let Some(peer) =
        peer("localstripe_knows_nothing_of_a_payment_and_does_not_say_so_clearly_enough")
    else {
        return;
    };
    let order = order("ls-10", "pm_card_visa".to_owned());
    let reference = CardReference::new("pi_nobody").expect("a reference");
    let unknown = peer
        .processor()
        .retrieve(&reference, &order.expected())
        .unwrap_err();
    // It names no reason, as the real one does for an address that it does not have: not enough to close a top-up.
    let word = "invalid_request_error".to_owned();
    assert_eq!(
        unknown,
        CardError::Rejected {
            status: 404,
            code: word.clone(),
            kind: word
        }
    );
    assert!(!unknown.proves_no_payment());
}

#[test]
fn localstripe_calls_off_what_is_open_and_keeps_what_is_paid() {
    let Some(peer) = peer("localstripe_calls_off_what_is_open_and_keeps_what_is_paid") else {
        return;
    };
    let processor = peer.processor();
    let open = order("ls-5", peer.token_for("4000000000003220"));
    let payment = processor.start(&open).unwrap();
    let ended = processor
        .cancel(&payment.reference, &open.expected())
        .unwrap();
    assert_eq!(ended.state, IntentState::Cancelled);

    let paid = order("ls-6", peer.token_for("4242424242424242"));
    let payment = processor.start(&paid).unwrap();
    charge_of(
        &processor
            .cancel(&payment.reference, &paid.expected())
            .unwrap(),
    );
}

#[test]
fn localstripe_gives_part_of_the_money_back() {
    let Some(peer) = peer("localstripe_gives_part_of_the_money_back") else {
        return;
    };
    let processor = peer.processor();
    let order = order("ls-7", peer.token_for("4242424242424242"));
    let payment = processor.start(&order).unwrap();
    let refund = CardRefund {
        key: TopUpKey::new("ls-r-1").expect("a key"),
        charge: charge_of(&payment).to_owned(),
        amount: Amount::yen(400),
    };
    assert_eq!(processor.refund(&refund), Ok(RefundState::Succeeded));
    let charge = peer.read(&format!("/v1/charges/{}", charge_of(&payment)));
    assert_eq!(charge["amount_refunded"], 400);
    let found = processor
        .retrieve(&payment.reference, &order.expected())
        .unwrap();
    let IntentState::Succeeded { aftermath, .. } = found.state else {
        panic!("{found:?}")
    };
    assert_eq!(
        (aftermath.refunded, aftermath.refunded_in_full),
        (400, false)
    );
}

#[test]
fn localstripe_signs_webhooks_that_we_believe() {
    let Some(peer) = peer("localstripe_signs_webhooks_that_we_believe") else {
        return;
    };
    let hook = Hook::start(0);
    peer.tell(&hook, "signs");
    let order = order("ls-8", peer.token_for("4242424242424242"));
    let payment = peer.processor().start(&order).unwrap();
    // Other tests of this run cause webhooks too: wait for our own.
    let (heard, notice) = loop {
        let heard = hook.next();
        let signed_at: i64 = heard.signature[2..]
            .split(',')
            .next()
            .and_then(|seconds| seconds.parse().ok())
            .expect("a time");
        let verify = |secret: &str| {
            verify_notice(
                &Secret::new(secret),
                &heard.signature,
                &heard.body,
                signed_at * 1_000_000,
            )
        };
        let notice = verify(WEBHOOK_SECRET).expect("genuine");
        assert!(verify("whsec_other").is_err());
        if notice.key.as_ref() == Some(&order.key) {
            break (heard, notice);
        }
    };
    assert!(!heard.body.is_empty());
    assert_eq!(notice.kind, NoticeKind::Succeeded);
    assert_eq!(notice.reference, Some(payment.reference));
}

#[test]
fn localstripe_refuses_a_stranger() {
    let Some(peer) = peer("localstripe_refuses_a_stranger") else {
        return;
    };
    let config = CardConfig {
        patience: quick(),
        ..CardConfig::new(&peer.url, Secret::new("pk_public"))
    };
    let refused = CardProcessor::new(config).start(&order("ls-9", "pm_card_visa".to_owned()));
    assert!(
        matches!(refused, Err(CardError::Rejected { status: 401, .. })),
        "{refused:?}"
    );
}
