//! Top-ups as the phone's page sees them.

use mamori_domain::act::{Act, Done};
use mamori_domain::money::Amount;

use crate::house::House;

#[test]
fn a_page_that_asks_in_a_circle_keeps_no_card_thread_busy() {
    let house = House::new();
    let (mut browser, wallet) = house.customer_of_the_book(1);
    let start = Act::StartTopUp {
        wallet,
        name: "t".into(),
        amount: Amount::yen(1_000),
    };
    let Ok(Ok(Done::TopUp { top_up, .. })) = house.app.house.engine.act(start) else {
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
