//! Top-ups by card: as the phone's page sees them, and against a card network that is really there.

use std::time::Duration;

use axum::http::StatusCode;
use mamori_domain::command::Command;
use mamori_domain::money::Amount;
use mamori_domain::reply::{Reply, TopUpState};
use mamori_domain::world::Timestamp;
use mamori_engine::hub::WalletNews;
use mamori_registry::NewCardOrder;
use serde_json::json;

use crate::card_world::{
    CardWorld, DECLINED, DISPUTED, PLAIN, Stranger, UNAUTHENTICATED, desk_at, impatient_desk_at,
    network,
};
use crate::house::House;

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * 60;
/// The card page has closed, and all grace is over.
const LONG_AFTER: i64 = 46 * MINUTE;

#[test]
fn a_page_that_asks_in_a_circle_keeps_no_card_thread_busy() {
    let house = House::new();
    let (mut browser, wallet) = house.customer_of_the_book(1);
    let start = Command::StartTopUp {
        wallet,
        idempotency_key: "t".into(),
        amount: Amount::yen(1_000),
    };
    let Reply::TopUp { top_up, .. } = house.done(start) else {
        panic!("no top-up");
    };
    let path = format!("/api/top-ups/{top_up}");
    assert_eq!(browser.get(&path).ok()["state"], "pending");
    // The processor hangs: whoever asks it now waits.
    let (release, may_go_on) = std::sync::mpsc::channel::<()>();
    house
        .app
        .cards
        .hand_over(move |_| {
            let _ = may_go_on.recv();
        })
        .expect("an idle worker");
    for _ in 0..5 {
        assert_eq!(browser.get(&path).ok()["state"], "pending");
    }
    drop(release);
}

#[test]
fn a_topped_up_yen_leads_back_to_its_charge_and_to_who_bears_a_dispute() {
    let mut world = CardWorld::start();
    world.cut_the_notices();
    for (card, shift) in [(PLAIN, "shifted"), (UNAUTHENTICATED, "not_shifted")] {
        let (top_up, page) = world.start_top_up(card);
        assert_eq!(world.settle(top_up), TopUpState::Pending);
        assert_eq!(world.row(top_up).charge, None, "nothing was paid yet");
        world.type_card(&page, card);
        assert_eq!(world.settle(top_up), TopUpState::Succeeded);
        let charge = world.row(top_up).charge.expect("its source is known");
        assert!(charge.charge.starts_with("ch_"), "{charge:?}");
        assert_eq!(charge.liability_shift, shift);
        assert_eq!((charge.refunded, charge.disputed), (0, false));
        // Asked again by a webhook or the poller, it is the same charge.
        assert_eq!(world.settle(top_up), TopUpState::Succeeded);
        assert_eq!(world.row(top_up).charge, Some(charge));
    }
    assert_eq!(world.balance(), 10_000);
    assert_eq!(world.alarms()["count"], 0);
}

#[test]
fn a_page_of_whoever_stands_before_the_processor_closes_no_top_up() {
    let mut world = CardWorld::start();
    world.cut_the_notices();
    let (top_up, page) = world.start_top_up("t");
    world.type_card(&page, PLAIN);
    let stranger = Stranger::not_found();
    let astray = desk_at(&stranger.url);

    world.house.pass(LONG_AFTER);
    // It is asked again after 5, 10, 20 seconds and so on, never more often, and at least every ten minutes.
    let mut asked = Vec::new();
    for _ in 0..9 {
        assert_eq!(world.sweep_at(&astray), 0);
        asked.push(stranger.asked());
        world.house.pass(5);
    }
    assert_eq!(asked, [1, 2, 2, 3, 3, 3, 3, 4, 4]);
    for _ in 0..10 {
        world.house.pass(10 * MINUTE);
        assert_eq!(world.sweep_at(&astray), 0);
    }
    assert_eq!(stranger.asked(), 14);
    world.house.pass(30 * DAY);
    assert_eq!(world.sweep_at(&astray), 0);
    assert!(world.is_open(top_up), "nobody who knows has said anything");

    world.house.pass(10 * MINUTE);
    assert_eq!(world.sweep(), 1, "the processor itself is asked again");
    assert_eq!(world.balance(), 5_000);
}

#[test]
fn what_the_processor_itself_does_not_know_is_closed_and_asked_about_for_a_week() {
    let mut world = CardWorld::start();
    world.cut_the_notices();
    // Another network, as behind a key of another account: it has never heard of this payment and says so.
    let elsewhere = network(None);
    let elsewhere = desk_at(&elsewhere.addresses().card_url);
    let (paid_late, page) = world.start_top_up("paid late");
    let (never_paid, _) = world.start_top_up("never paid");
    world.house.pass(30);
    assert_eq!(world.sweep_at(&elsewhere), 0, "its page is still open");
    world.house.pass(LONG_AFTER);
    assert_eq!(world.sweep_at(&elsewhere), 2);
    assert!(!world.is_open(paid_late) && !world.is_open(never_paid));

    world.type_card(&page, PLAIN);
    world.house.pass(DAY - 1);
    assert_eq!(world.sweep(), 0, "it is asked about once a day");
    world.house.pass(1);
    assert_eq!(world.sweep(), 1, "the money came after all");
    assert_eq!(world.balance(), 5_000);
    assert_eq!(world.still_asked_about(), [never_paid]);

    for _ in 0..6 {
        assert_eq!(world.still_asked_about(), [never_paid]);
        world.house.pass(DAY);
        assert_eq!(world.sweep(), 0);
    }
    assert_eq!(world.still_asked_about(), [], "a week is over");
    assert_eq!(world.settle(paid_late), TopUpState::Succeeded);
    assert_eq!(world.balance(), 5_000, "it was credited once");
}

#[test]
fn a_payment_on_its_way_is_not_given_up_because_it_cannot_be_called_off() {
    let mut world = CardWorld::start();
    world.cut_the_notices();
    let (top_up, page) = world.start_top_up("t");
    let reference = world.row(top_up).reference.expect("its page has a name");
    let mut session = world.call("GET", &format!("/v1/checkout/sessions/{reference}"), "");
    session["status"] = json!("complete");
    session["payment_status"] = json!("unpaid");
    let processor = Stranger::holding(session);
    let slow = desk_at(&processor.url);
    world.house.pass(LONG_AFTER);
    for _ in 0..40 {
        assert_eq!(world.sweep_at(&slow), 0);
        world.house.pass(MINUTE);
    }
    assert!(world.is_open(top_up));
    let asked = processor.asked();
    assert!(asked < 40, "asked {asked} times: more and more seldom");

    world.type_card(&page, PLAIN);
    world.house.pass(10 * MINUTE);
    assert_eq!(world.sweep(), 1);
    assert_eq!(world.balance(), 5_000);
}

#[test]
fn a_top_up_that_was_half_closed_when_the_house_fell_rests_no_longer() {
    let mut world = CardWorld::start();
    world.cut_the_notices();
    let (top_up, page) = world.start_top_up("t");
    world.fall_while_closing(top_up);
    world.type_card(&page, PLAIN);
    world.house.pass(30);
    assert_eq!(world.sweep(), 1, "the book has it open");
    assert_eq!(world.balance(), 5_000);
    assert_eq!(world.still_asked_about(), []);
}

#[test]
fn money_that_comes_after_a_top_up_was_closed_is_credited_once_by_the_notices_of_it() {
    let mut world = CardWorld::start();
    let (top_up, page) = world.start_top_up("t");
    assert_eq!(world.hear(1), [StatusCode::OK], "of its beginning");
    let elsewhere = network(None);
    world.house.pass(LONG_AFTER);
    let closed = world.sweep_at(&desk_at(&elsewhere.addresses().card_url));
    assert_eq!((closed, world.balance()), (1, 0));

    let (_listening, happened) = world.listen();
    // The network signs by its own clock.
    world.house.pass(-LONG_AFTER);
    world.type_card(&page, PLAIN);
    assert_eq!(world.hear(2), [StatusCode::OK; 2], "the intent, the page");
    let entry = happened.recv_timeout(Duration::from_secs(20));
    assert!(matches!(entry, Ok(WalletNews::Entry(entry)) if entry.amount == 5_000));
    assert_eq!(world.balance(), 5_000);
    assert_eq!(world.settle(top_up), TopUpState::Succeeded);
    assert_eq!(world.balance(), 5_000);
    assert_eq!(world.still_asked_about(), []);
}

#[test]
fn a_processor_that_hangs_holds_a_round_up_once_and_the_next_one_begins_with_another() {
    let mut world = CardWorld::start();
    world.cut_the_notices();
    let (first, _) = world.start_top_up("first");
    let (second, _) = world.start_top_up("second");
    let stranger = Stranger::hanging();
    let desk = impatient_desk_at(&stranger.url);
    world.house.pass(MINUTE);
    for asked_in_vain in [(1, 0), (1, 1), (1, 1)] {
        assert_eq!(world.sweep_at(&desk), 0);
        assert_eq!(
            (world.row(first).silent, world.row(second).silent),
            asked_in_vain
        );
    }
    world.house.pass(MINUTE);
    assert_eq!(world.sweep(), 0);
    assert_eq!(
        (world.row(first).silent, world.row(second).silent),
        (0, 0),
        "it has answered"
    );
}

#[test]
fn money_that_went_back_before_it_was_credited_is_not_credited() {
    let mut world = CardWorld::start();
    world.cut_the_notices();
    let (top_up, page) = world.start_top_up("t");
    world.type_card(&page, PLAIN);
    world.refund(&world.newest_charge(), 5_000);
    assert_eq!(world.settle(top_up), TopUpState::Failed);
    assert_eq!(world.balance(), 0);
    assert_eq!(world.alarms()["count"], 0, "nothing is missing");
}

#[test]
fn a_top_up_that_was_called_off_after_a_declined_card_has_not_failed() {
    let mut world = CardWorld::start();
    world.cut_the_notices();
    let (top_up, page) = world.start_top_up("t");
    world.type_card(&page, DECLINED);
    assert_eq!(
        world.settle(top_up),
        TopUpState::Pending,
        "another card may do"
    );
    assert_eq!(world.call_off(top_up), TopUpState::Expired);
    assert_eq!(world.balance(), 0);
}

#[test]
fn money_that_goes_back_after_it_was_credited_is_told_to_an_operator() {
    let mut world = CardWorld::start();
    let (top_up, page) = world.start_top_up("t");
    world.type_card(&page, PLAIN);
    assert_eq!(world.hear(3), [StatusCode::OK; 3]);
    assert_eq!(world.balance(), 5_000);
    assert_eq!(world.alarms()["count"], 0);

    let charge = world.newest_charge();
    for (yen, sum) in [(1_000, 1_000), (4_000, 5_000)] {
        world.refund(&charge, yen);
        assert_eq!(world.hear(1), [StatusCode::OK]);
        let alarms = world.alarms();
        assert_eq!(alarms["count"], 1);
        let alarm = &alarms["alarms"][0];
        assert_eq!(alarm["top_up_id"], top_up.to_string());
        assert_eq!(alarm["amount"], 5_000);
        assert_eq!(alarm["refunded"], sum);
        assert_eq!(alarm["charge"], charge);
        assert_eq!(alarm["disputed"], false);
    }
    assert_eq!(world.balance(), 5_000, "nothing is taken back by itself");
}

#[test]
fn a_dispute_that_names_nothing_but_its_charge_is_found_to_be_about_a_top_up() {
    let mut world = CardWorld::start();
    let (top_up, page) = world.start_top_up("t");
    world.type_card(&page, PLAIN);
    assert_eq!(world.hear(3), [StatusCode::OK; 3]);
    assert_eq!(world.alarms()["count"], 0);

    world.dispute(&world.newest_charge());
    assert_eq!(world.hear(1), [StatusCode::OK]);
    let alarms = world.alarms();
    assert_eq!(alarms["count"], 1);
    assert_eq!(alarms["alarms"][0]["top_up_id"], top_up.to_string());
    assert_eq!(alarms["alarms"][0]["disputed"], true);
    assert_eq!(world.balance(), 5_000, "nothing is taken back by itself");
}

#[test]
fn a_disputed_charge_is_told_to_an_operator_with_who_bears_it() {
    let mut world = CardWorld::start();
    let (top_up, page) = world.start_top_up("t");
    world.type_card(&page, DISPUTED);
    assert_eq!(
        world.hear(4),
        [StatusCode::OK; 4],
        "the last is the dispute"
    );
    assert_eq!(world.balance(), 5_000);
    let alarms = world.alarms();
    assert_eq!(alarms["count"], 1);
    let alarm = &alarms["alarms"][0];
    assert_eq!(alarm["top_up_id"], top_up.to_string());
    assert_eq!(alarm["disputed"], true);
    assert_eq!(alarm["refunded"], 0);
    assert_eq!(alarm["liability_shift"], "shifted");

    let dispute = world.call("GET", "/v1/disputes", "")["data"][0]["id"].clone();
    let path = format!("/v1/disputes/{}/close", dispute.as_str().expect("an id"));
    assert_eq!(world.call("POST", &path, "")["status"], "lost");
    assert_eq!(world.hear(1), [StatusCode::OK]);
    assert_eq!(world.alarms(), alarms, "it is known already");
}

/// Whoever left the card page by the browser's Back finds the top-up again; nobody else does.
#[test]
fn open_top_ups_are_listed_for_their_own_wallet_until_they_end() {
    let house = House::new();
    let (mut browser, wallet) = house.customer_of_the_book(1);
    let (mut neighbour, _) = house.customer_of_the_book(2);
    assert_eq!(browser.get("/api/top-ups").ok()["top_ups"], json!([]));
    let mut ids = Vec::new();
    for (name, yen) in [("a", 1_000), ("b", 2_000), ("c", 3_000)] {
        let start = Command::StartTopUp {
            wallet,
            idempotency_key: name.into(),
            amount: Amount::yen(yen),
        };
        match house.done(start) {
            Reply::TopUp { top_up, .. } => ids.push(top_up),
            other => panic!("{other:?}"),
        }
    }
    // One was sent to a page that is open, one to a page that has closed, one to none.
    let mut registry = house.registry();
    for (top_up, expires_at) in [(ids[0], 1_800_000_060), (ids[1], 1_800_000_000)] {
        let order = NewCardOrder {
            top_up,
            amount: 1_000,
            locale: "ja".into(),
            expires_at: Timestamp::from_seconds(expires_at),
        };
        registry
            .card_orders()
            .begin(&order)
            .expect("the registry answers");
        let url = format!("https://card.example/{top_up}");
        registry
            .card_orders()
            .note_page(top_up, "cs_1", Some(&url))
            .expect("the registry answers");
    }
    let listed = |answer: serde_json::Value| -> Vec<(String, u64, Option<String>)> {
        let top_ups = answer["top_ups"].as_array().expect("a list").clone();
        top_ups
            .iter()
            .map(|row| {
                let url = row["redirect_url"].as_str().map(str::to_owned);
                let id = row["top_up_id"].as_str().expect("an id").to_owned();
                (id, row["amount"].as_u64().expect("an amount"), url)
            })
            .collect()
    };
    let page = format!("https://card.example/{}", ids[0]);
    let [a, b, c] = [0, 1, 2].map(|at: usize| ids[at].to_string());
    assert_eq!(
        listed(browser.get("/api/top-ups").ok()),
        [
            (a, 1_000, Some(page)),
            (b.clone(), 2_000, None),
            (c.clone(), 3_000, None)
        ]
    );
    assert_eq!(neighbour.get("/api/top-ups").ok()["top_ups"], json!([]));
    let end = Command::FailTopUp {
        top_up: ids[0],
        expired: true,
    };
    house.done(end);
    let left = listed(browser.get("/api/top-ups").ok());
    assert_eq!(left, [(b, 2_000, None), (c, 3_000, None)]);
}

#[test]
fn a_top_up_that_was_paid_a_moment_ago_is_never_unknown() {
    let house = House::new();
    let (mut browser, wallet) = house.customer_of_the_book(1);
    for number in 0..8 {
        let start = Command::StartTopUp {
            wallet,
            idempotency_key: format!("t-{number}").into(),
            amount: Amount::yen(1_000),
        };
        let Reply::TopUp { top_up, .. } = house.done(start) else {
            panic!("no top-up");
        };
        let amount = Amount::yen(1_000);
        house.done(Command::ConfirmTopUp { top_up, amount });
        // The views may not even have its start.
        let told = browser.get(&format!("/api/top-ups/{top_up}"));
        assert_eq!(told.ok()["state"], "succeeded");
    }
}

/// What a customer writes is bounded, and what is refused is written nowhere.
#[test]
fn a_customer_who_starts_top_ups_without_end_is_stopped_and_fills_no_journal() {
    let house = House::new();
    let (mut browser, _) = house.customer_of_the_book(1);
    let (mut other, _) = house.customer_of_the_book(2);
    let before = house.engine().durable_seq();
    let start = |number: u32| json!({ "amount": 1, "key": format!("k-{number}") });
    let answers: Vec<String> = (0..40)
        .map(|number| {
            browser
                .post("/api/top-ups", start(number))
                .refusal()
                .to_owned()
        })
        .collect();
    assert!(
        answers[..20]
            .iter()
            .all(|word| word == "amount_out_of_bounds"),
        "{answers:?}"
    );
    assert!(
        answers[20..].iter().all(|word| word == "busy"),
        "{answers:?}"
    );
    assert_eq!(
        house.engine().durable_seq(),
        before,
        "not a row of it is in the journal"
    );
    assert_eq!(
        other.post("/api/top-ups", start(0)).refusal(),
        "amount_out_of_bounds"
    );
}

#[test]
fn the_processors_notice_stands_behind_no_customers_top_up() {
    let mut world = CardWorld::start();
    let (top_up, page) = world.start_top_up("t");
    let before = world.balance();
    // Every thread that asks the processor for customers waits for it.
    let (release, may_go_on) = std::sync::mpsc::channel::<()>();
    let occupied = world.house.app.cards.hand_over(move |_| {
        let _ = may_go_on.recv();
    });
    occupied.expect("an idle worker");
    world.type_card(&page, PLAIN);
    // The network tells of several things; each is followed, while the customers' threads still wait.
    while world.is_open(top_up) {
        assert_eq!(world.hear(1), [StatusCode::OK]);
    }
    assert_eq!(world.balance(), before + 5_000);
    assert!(!world.is_open(top_up));
    drop(release);
}
