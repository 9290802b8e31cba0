//! Top-ups by card: what the processor does, what may go wrong on the way, what we make of it.

use mamori_connectors::card::*;
use mamori_connectors::card_notice::{NoticeKind, NoticeRefusal, verify_notice};
use mamori_connectors::secret::Secret;
use mamori_domain::money::Amount;

use crate::peer::*;

const PLAIN: &str = "4242 4242 4242 4242";
const CHALLENGED: &str = "4000 0000 0000 3220";
const DECLINED: &str = "4000 0000 0000 0002";
const NO_FUNDS: &str = "4000 0000 0000 9995";
const DISPUTED: &str = "4000 0000 0000 0259";
const NO_THREE_D_SECURE: &str = "3782 822463 10005";

fn page_of(payment: &CardPayment) -> String {
    match &payment.state {
        IntentState::RequiresAction { url: Some(url) } => url.clone(),
        other => panic!("expected a page, found {other:?}"),
    }
}

fn failed(reason: FailureReason) -> IntentState {
    IntentState::Failed { reason }
}

#[test]
fn a_plain_card_pays_and_leads_the_customer_back() {
    let world = World::start();
    let (processor, order) = (world.processor(), hosted("1-1"));
    let payment = processor.start(&order).unwrap();

    let seen = Customer::of(&world).type_card(&page_of(&payment), PLAIN);
    assert_eq!(
        seen.location.as_deref(),
        Some("http://wallet.localhost:1/top-up/1")
    );

    let paid = processor
        .retrieve(&payment.reference, &order.expected())
        .unwrap();
    let IntentState::Succeeded {
        charge,
        card,
        liability_shift,
        aftermath,
    } = paid.state
    else {
        panic!("{paid:?}")
    };
    assert!(charge.starts_with("ch_"));
    assert_eq!(
        card,
        Some(CardFace {
            brand: Brand::Visa,
            last4: "4242".to_owned()
        })
    );
    assert_eq!(liability_shift, LiabilityShift::Shifted);
    assert_eq!(aftermath, Aftermath::default());
}

#[test]
fn a_challenge_passed_shifts_the_liability() {
    let world = World::start();
    let (processor, order) = (world.processor(), hosted("1-1"));
    let payment = processor.start(&order).unwrap();
    let customer = Customer::of(&world);

    let challenge = customer
        .type_card(&page_of(&payment), CHALLENGED)
        .location
        .unwrap();
    let waiting = processor
        .retrieve(&payment.reference, &order.expected())
        .unwrap();
    assert!(
        !waiting.state.is_final(),
        "nothing is paid before the issuer says so"
    );

    let seen = customer.pass_challenge(&challenge);
    assert_eq!(
        seen.location.as_deref(),
        Some("http://wallet.localhost:1/top-up/1")
    );
    let paid = processor
        .retrieve(&payment.reference, &order.expected())
        .unwrap();
    assert!(
        matches!(
            paid.state,
            IntentState::Succeeded {
                liability_shift: LiabilityShift::Shifted,
                ..
            }
        ),
        "{paid:?}"
    );
}

#[test]
fn a_challenge_given_up_takes_nothing() {
    let world = World::start();
    let (processor, order) = (world.processor(), hosted("1-1"));
    let payment = processor.start(&order).unwrap();
    let customer = Customer::of(&world);

    let challenge = customer
        .type_card(&page_of(&payment), CHALLENGED)
        .location
        .unwrap();
    let back = customer
        .submit(&challenge, &[("answer", "give_up")])
        .location
        .unwrap();
    assert!(
        customer.open(&back).html.contains("本人認証"),
        "the page says why and takes another card"
    );

    let ended = processor
        .cancel(&payment.reference, &order.expected())
        .unwrap();
    assert_eq!(ended.state, failed(FailureReason::NotAuthenticated));
}

#[test]
fn a_card_without_three_d_secure_is_told_apart() {
    let world = World::start();
    let (processor, order) = (world.processor(), hosted("1-1"));
    let payment = processor.start(&order).unwrap();
    let fields = [
        ("number", NO_THREE_D_SECURE),
        ("expiry", "12/34"),
        ("cvc", "1234"),
    ];
    Customer::of(&world).submit(&page_of(&payment), &fields);
    let paid = processor
        .retrieve(&payment.reference, &order.expected())
        .unwrap();
    assert!(
        matches!(
            paid.state,
            IntentState::Succeeded {
                liability_shift: LiabilityShift::NotShifted,
                ..
            }
        ),
        "{paid:?}"
    );
}

#[test]
fn a_declined_card_leaves_the_page_open_for_another() {
    let world = World::start();
    let (processor, order) = (world.processor(), hosted("1-1"));
    let payment = processor.start(&order).unwrap();
    let (customer, page) = (Customer::of(&world), page_of(&payment));

    customer.type_card(&page, DECLINED);
    assert!(customer.open(&page).html.contains("role=\"alert\""));
    let open = processor
        .retrieve(&payment.reference, &order.expected())
        .unwrap();
    assert!(
        matches!(open.state, IntentState::RequiresAction { .. }),
        "{open:?}"
    );

    customer.type_card(&page, PLAIN);
    let paid = processor
        .retrieve(&payment.reference, &order.expected())
        .unwrap();
    assert!(
        matches!(paid.state, IntentState::Succeeded { .. }),
        "{paid:?}"
    );
}

#[test]
fn the_last_reason_stands_when_the_page_closes() {
    for (number, reason) in [
        (DECLINED, FailureReason::Declined),
        (NO_FUNDS, FailureReason::InsufficientFunds),
    ] {
        let world = World::start();
        let (processor, order) = (world.processor(), hosted("1-1"));
        let payment = processor.start(&order).unwrap();
        for _ in 0..5 {
            Customer::of(&world).type_card(&page_of(&payment), number);
        }
        let ended = processor
            .retrieve(&payment.reference, &order.expected())
            .unwrap();
        assert_eq!(
            ended.state,
            failed(reason),
            "five cards are enough for one page"
        );
    }
}

#[test]
fn a_page_nobody_used_is_cancelled_once_and_for_all() {
    let world = World::start();
    let (processor, order) = (world.processor(), hosted("1-1"));
    let payment = processor.start(&order).unwrap();
    for _ in 0..2 {
        let ended = processor
            .cancel(&payment.reference, &order.expected())
            .unwrap();
        assert_eq!(ended.state, IntentState::Cancelled);
    }
    let late = Customer::of(&world).type_card(&page_of(&payment), PLAIN);
    assert_eq!(late.status, 410);
    assert_eq!(
        processor
            .retrieve(&payment.reference, &order.expected())
            .unwrap()
            .state,
        IntentState::Cancelled
    );
}

#[test]
fn a_payment_made_in_the_meantime_wins_over_a_cancellation() {
    let world = World::start();
    let (processor, order) = (world.processor(), hosted("1-1"));
    let payment = processor.start(&order).unwrap();
    Customer::of(&world).type_card(&page_of(&payment), PLAIN);
    let ended = processor
        .cancel(&payment.reference, &order.expected())
        .unwrap();
    assert!(
        matches!(ended.state, IntentState::Succeeded { .. }),
        "{ended:?}"
    );
}

#[test]
fn a_form_sent_twice_pays_once() {
    let world = World::start();
    let (processor, order) = (world.processor(), hosted("1-1"));
    let payment = processor.start(&order).unwrap();
    let (customer, page) = (Customer::of(&world), page_of(&payment));
    let first = customer.type_card(&page, PLAIN);
    let second = customer.type_card(&page, PLAIN);
    assert_eq!(first.location, second.location);
    let succeeded = world.hook.notices(3);
    assert_eq!(
        succeeded
            .iter()
            .filter(|notice| notice.kind == NoticeKind::Succeeded)
            .count(),
        2
    );
    assert_eq!(
        world.count("events"),
        3,
        "created, succeeded, completed: nothing for the second form"
    );
}

#[test]
fn a_lost_reply_starts_no_second_payment() {
    let world = World::start();
    let (processor, order) = (world.processor(), hosted("1-1"));
    world.faults(r#"{"drop_next_reply": 1}"#);
    let payment = processor.start(&order).unwrap();
    assert_eq!(
        world.count("payment_intents"),
        1,
        "the connector's own retry found the first one"
    );

    world.faults(r#"{"drop_next_reply": 3}"#);
    let lost = processor.start(&order);
    assert_eq!(
        lost,
        Err(CardError::Unreachable {
            retryable: true,
            silent: true
        })
    );
    assert_eq!(
        processor.start(&order).unwrap(),
        payment,
        "and so does the next attempt, later"
    );
    assert_eq!(world.count("payment_intents"), 1);
}

#[test]
fn a_processor_in_trouble_is_asked_again_a_few_times() {
    let world = World::start();
    let (processor, order) = (world.processor(), hosted("1-1"));
    world.faults(r#"{"fail_next": 2}"#);
    assert!(processor.start(&order).is_ok());
    world.faults(r#"{"fail_next": 3}"#);
    assert_eq!(
        processor.start(&order),
        Err(CardError::Unreachable {
            retryable: true,
            silent: true
        })
    );
}

#[test]
fn one_key_never_means_two_things() {
    let world = World::start();
    let processor = world.processor();
    processor.start(&hosted("1-1")).unwrap();
    let other = CardOrder {
        amount: Amount::yen(6_000),
        ..hosted("1-1")
    };
    assert_eq!(
        processor.start(&other),
        Err(CardError::Rejected {
            status: 400,
            code: "idempotency_error".to_owned(),
            kind: "idempotency_error".to_owned(),
        })
    );
    assert_eq!(world.count("payment_intents"), 1);
}

#[test]
fn an_answer_about_something_else_is_not_believed() {
    let world = World::start();
    let (processor, order) = (world.processor(), hosted("1-1"));
    let payment = processor.start(&order).unwrap();
    for expected in [
        Expected {
            amount: Amount::yen(5_001),
            ..order.expected()
        },
        Expected {
            key: TopUpKey::new("1-2").unwrap(),
            ..order.expected()
        },
    ] {
        assert_eq!(
            processor.retrieve(&payment.reference, &expected),
            Err(CardError::Mismatch)
        );
    }
}

#[test]
fn a_wrong_api_key_is_refused_and_printed_nowhere() {
    let world = World::start();
    let processor = world.processor_with_key("sk_test_wrong");
    let refused = processor.start(&hosted("1-1"));
    assert_eq!(
        refused,
        Err(CardError::Rejected {
            status: 401,
            code: "invalid_request_error".to_owned(),
            kind: "invalid_request_error".to_owned(),
        })
    );
    let config = CardConfig::new(world.card_url(), Secret::new("sk_test_wrong"));
    assert!(!format!("{config:?} {refused:?}").contains("sk_test"));
}

#[test]
fn nobody_at_home_is_worth_another_try_and_a_broken_address_is_not() {
    let gone = World::start();
    let (gone_url, order) = (gone.card_url().to_owned(), hosted("1-1"));
    drop(gone);
    for (base_url, retryable) in [(gone_url.as_str(), true), ("not an address", false)] {
        let config = CardConfig {
            patience: quick(),
            ..CardConfig::new(base_url, Secret::new(API_KEY))
        };
        assert_eq!(
            CardProcessor::new(config).start(&order),
            Err(CardError::Unreachable {
                retryable,
                silent: true
            })
        );
    }
}

#[test]
fn only_a_clear_no_proves_that_there_is_no_payment() {
    let world = World::start();
    let (processor, order) = (world.processor(), hosted("1-1"));
    let stranger = CardReference::new("cs_test_of_another_processor").unwrap();
    let unknown = processor
        .retrieve(&stranger, &order.expected())
        .unwrap_err();
    assert!(unknown.proves_no_payment(), "{unknown:?}");

    let mut late = hosted("1-2");
    if let CardEntry::HostedPage {
        expires_at_seconds, ..
    } = &mut late.entry
    {
        *expires_at_seconds = NOW_SECONDS - 1;
    }
    let too_late = processor.start(&late).unwrap_err();
    assert!(too_late.proves_no_payment(), "{too_late:?}");

    processor.start(&order).unwrap();
    let other_amount = CardOrder {
        amount: Amount::yen(6_000),
        ..order.clone()
    };
    let conflict = processor.start(&other_amount).unwrap_err();
    let wrong_key = world
        .processor_with_key("sk_test_wrong")
        .start(&order)
        .unwrap_err();
    world.faults(r#"{"fail_next": 3}"#);
    let trouble = processor.start(&order).unwrap_err();
    for error in [conflict, wrong_key, trouble, CardError::Mismatch] {
        assert!(!error.proves_no_payment(), "{error:?}");
    }
}

#[test]
fn a_page_of_whoever_stands_in_front_of_the_processor_proves_nothing() {
    let order = hosted("1-1");
    let reference = CardReference::new("cs_test_1").unwrap();
    for (answer, proves) in [
        (
            "404 Not Found\r\ncontent-type: text/html\r\n\r\n<h1>Not Found</h1>",
            false,
        ),
        ("404 Not Found\r\n\r\n", false),
        (
            "404 Not Found\r\n\r\n{\"error\": \"resource_missing\"}",
            false,
        ),
        (
            "404 Not Found\r\n\r\n{\"code\": \"resource_missing\"}",
            false,
        ),
        // What the processor itself says to an address that it does not have.
        (
            "404 Not Found\r\n\r\n{\"error\": {\"type\": \"invalid_request_error\"}}",
            false,
        ),
        ("400 Bad Request\r\n\r\n<h1>Bad Request</h1>", false),
        (
            "400 Bad Request\r\n\r\n{\"error\": {\"code\": \"bad_request\"}}",
            false,
        ),
        (
            "302 Found\r\nlocation: https://elsewhere.example/\r\n\r\n",
            false,
        ),
        ("200 OK\r\n\r\n<h1>Welcome</h1>", false),
        (
            "404 Not Found\r\n\r\n{\"error\": {\"type\": \"invalid_request_error\", \"code\": \"resource_missing\"}}",
            true,
        ),
    ] {
        let network = Stranger::answering(answer);
        let refused = network
            .processor()
            .retrieve(&reference, &order.expected())
            .unwrap_err();
        assert_eq!(refused.proves_no_payment(), proves, "{answer}: {refused:?}");
    }
}

#[test]
fn what_the_processor_gave_back_and_what_is_disputed_is_told_with_the_charge() {
    let world = World::start();
    let processor = world.processor();
    let paid = |key: &str, number: &str| {
        let order = hosted(key);
        let payment = processor.start(&order).unwrap();
        Customer::of(&world).type_card(&page_of(&payment), number);
        (payment.reference, order)
    };
    let stands = |(reference, order): &(CardReference, CardOrder)| {
        let found = processor.retrieve(reference, &order.expected()).unwrap();
        match found.state {
            IntentState::Succeeded {
                charge, aftermath, ..
            } => (charge, aftermath),
            other => panic!("{other:?}"),
        }
    };
    let refunded = |refunded, refunded_in_full| Aftermath {
        refunded,
        refunded_in_full,
        disputed: false,
    };

    let plain = paid("1-1", PLAIN);
    for (key, yen, expected) in [
        ("r-1", 1_000, refunded(1_000, false)),
        ("r-2", 4_000, refunded(5_000, true)),
    ] {
        let refund = CardRefund {
            key: TopUpKey::new(key).unwrap(),
            charge: stands(&plain).0,
            amount: Amount::yen(yen),
        };
        assert_eq!(processor.refund(&refund), Ok(RefundState::Succeeded));
        assert_eq!(stands(&plain).1, expected);
    }

    let disputed = paid("1-2", DISPUTED);
    let (charge, aftermath) = stands(&disputed);
    assert!(aftermath.disputed && aftermath.refunded == 0);
    let notice = loop {
        let notice = world.hook.notices(1).remove(0);
        if notice.kind == NoticeKind::Disputed {
            break notice;
        }
    };
    assert_eq!(notice.charge, Some(charge), "it names its charge");
    assert_eq!(notice.key, None, "and not the top-up");
}

#[test]
fn a_known_card_pays_without_a_page() {
    let world = World::start();
    let (processor, order) = (world.processor(), by_token("1-1", "pm_card_jcb"));
    let payment = processor.start(&order).unwrap();
    let IntentState::Succeeded { card, .. } = &payment.state else {
        panic!("{payment:?}")
    };
    assert_eq!(card.as_ref().map(|card| card.brand), Some(Brand::Jcb));
    assert_eq!(
        processor
            .retrieve(&payment.reference, &order.expected())
            .unwrap(),
        payment
    );
}

#[test]
fn a_known_card_may_be_challenged_too() {
    let world = World::start();
    let order = by_token("1-1", "pm_card_threeDSecure2Required");
    let processor = world.processor();
    let payment = processor.start(&order).unwrap();
    let seen = Customer::of(&world).pass_challenge(&page_of(&payment));
    let back = seen.location.expect("the customer is led back");
    assert!(
        back.starts_with("http://wallet.localhost:1/top-up/1?payment_intent=pi_"),
        "{back}"
    );
    let paid = processor
        .retrieve(&payment.reference, &order.expected())
        .unwrap();
    assert!(
        matches!(paid.state, IntentState::Succeeded { .. }),
        "{paid:?}"
    );
}

#[test]
fn a_known_card_that_is_declined_is_a_failed_payment_not_an_error() {
    let world = World::start();
    for (at, (token, reason)) in [
        (
            "pm_card_visa_chargeDeclinedInsufficientFunds",
            FailureReason::InsufficientFunds,
        ),
        (
            "pm_card_chargeDeclinedExpiredCard",
            FailureReason::CardExpired,
        ),
        (
            "pm_card_chargeDeclinedIncorrectCvc",
            FailureReason::SecurityCodeWrong,
        ),
        ("pm_card_chargeCustomerFail", FailureReason::Declined),
    ]
    .into_iter()
    .enumerate()
    {
        let order = by_token(&format!("1-{at}"), token);
        let payment = world.processor().start(&order).unwrap();
        assert_eq!(payment.state, failed(reason), "{token}");
        let later = world
            .processor()
            .retrieve(&payment.reference, &order.expected());
        assert_eq!(later.unwrap(), payment);
    }
}

#[test]
fn refunds_are_made_once_and_never_exceed_the_charge() {
    let world = World::start();
    let processor = world.processor();
    let payment = processor.start(&by_token("1-1", "pm_card_visa")).unwrap();
    let IntentState::Succeeded { charge, .. } = payment.state else {
        panic!("{payment:?}")
    };
    let refund = |key: &str, yen| {
        processor.refund(&CardRefund {
            key: TopUpKey::new(key).unwrap(),
            charge: charge.clone(),
            amount: Amount::yen(yen),
        })
    };
    world.faults(r#"{"drop_next_reply": 1}"#);
    assert_eq!(refund("r-1", 4_000), Ok(RefundState::Succeeded));
    assert_eq!(refund("r-1", 4_000), Ok(RefundState::Succeeded));
    assert_eq!(
        world.count("refunds"),
        1,
        "a lost reply and a repeat give nothing twice"
    );
    assert_eq!(
        refund("r-2", 1_001),
        Err(CardError::Rejected {
            status: 400,
            code: "charge_already_refunded".to_owned(),
            kind: "invalid_request_error".to_owned(),
        })
    );
    assert_eq!(refund("r-3", 1_000), Ok(RefundState::Succeeded));
}

#[test]
fn webhooks_name_the_top_up_and_are_genuine() {
    let world = World::start();
    let (processor, order) = (world.processor(), hosted("1-1"));
    let payment = processor.start(&order).unwrap();
    Customer::of(&world).type_card(&page_of(&payment), PLAIN);
    let notices = world.hook.notices(3);
    let kinds: Vec<NoticeKind> = notices.iter().map(|notice| notice.kind).collect();
    assert_eq!(
        kinds,
        [
            NoticeKind::Other,
            NoticeKind::Succeeded,
            NoticeKind::Succeeded
        ]
    );
    assert!(
        notices
            .iter()
            .all(|notice| notice.key == Some(order.key.clone()))
    );
    assert_eq!(notices[2].reference, Some(payment.reference));
}

#[test]
fn webhooks_come_twice_and_out_of_order_and_are_genuine_all_the_same() {
    let world = World::start();
    let (processor, order) = (world.processor(), hosted("1-1"));
    world.faults(r#"{"reorder_webhooks": 3}"#);
    let payment = processor.start(&order).unwrap();
    Customer::of(&world).type_card(&page_of(&payment), PLAIN);
    let kinds: Vec<NoticeKind> = world
        .hook
        .notices(3)
        .iter()
        .map(|notice| notice.kind)
        .collect();
    assert_eq!(
        kinds,
        [
            NoticeKind::Succeeded,
            NoticeKind::Succeeded,
            NoticeKind::Other
        ]
    );

    world.faults(r#"{"duplicate_webhooks": 1}"#);
    processor.start(&hosted("1-2")).unwrap();
    let twice = world.hook.notices(2);
    assert_eq!(twice[0].event, twice[1].event);
}

#[test]
fn a_webhook_that_never_comes_is_no_loss() {
    let world = World::start();
    let (processor, order) = (world.processor(), hosted("1-1"));
    world.faults(r#"{"drop_webhooks": 3}"#);
    let payment = processor.start(&order).unwrap();
    Customer::of(&world).type_card(&page_of(&payment), PLAIN);
    let found = processor.retrieve(&payment.reference, &order.expected());
    assert!(matches!(
        found.unwrap().state,
        IntentState::Succeeded { .. }
    ));
    processor.start(&hosted("1-2")).unwrap();
    assert_eq!(
        world.hook.notices(1)[0].key,
        TopUpKey::new("1-2"),
        "none of the first three ever came"
    );
}

#[test]
fn a_webhook_we_could_not_take_comes_again() {
    let world = World::with_hook(Hook::start(2));
    world.processor().start(&hosted("1-1")).unwrap();
    assert_eq!(world.hook.notices(1)[0].key, TopUpKey::new("1-1"));
}

#[test]
fn a_webhook_of_somebody_else_or_of_yesterday_is_refused() {
    let world = World::start();
    world.processor().start(&hosted("1-1")).unwrap();
    let heard = world.hook.next();
    let verify = |secret: &str, body: &[u8], now| {
        verify_notice(&Secret::new(secret), &heard.signature, body, now)
    };
    assert!(verify(WEBHOOK_SECRET, &heard.body, now_micros()).is_ok());
    let mut forged = heard.body.clone();
    forged[10] ^= 1;
    for (secret, body, now, refusal) in [
        (
            "whsec_other",
            &heard.body,
            now_micros(),
            NoticeRefusal::SignatureWrong,
        ),
        (
            WEBHOOK_SECRET,
            &forged,
            now_micros(),
            NoticeRefusal::SignatureWrong,
        ),
        (
            WEBHOOK_SECRET,
            &heard.body,
            now_micros() + 301_000_000,
            NoticeRefusal::Stale,
        ),
    ] {
        assert_eq!(verify(secret, body, now), Err(refusal));
    }
}
