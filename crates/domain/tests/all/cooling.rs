//! A wallet that has just changed hands pays and tops up little for a while.

use crate::fixture::Fixture;
use mamori_domain::command::Command;
use mamori_domain::ids::Fingerprint;
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::{Outcome, Reply};

const DAY: i64 = 24 * 3_600;

/// Sora has 90,000 yen and pays by permission, so that no code stands in the way.
fn rich() -> Fixture {
    let mut fixture = Fixture::open();
    fixture.give(fixture.sora, "salary", 80_000).unwrap();
    fixture
}

fn pays_from(fixture: &mut Fixture, device: Option<u128>) -> Outcome {
    fixture.tell(Command::BindDevice {
        wallet: fixture.sora,
        device: device.map(Fingerprint),
    })
}

fn end(fixture: &Fixture) -> Option<i64> {
    let row = fixture.book.coolings.get(&fixture.sora)?;
    Some((row.until.0 - fixture.now.0) / 1_000_000)
}

#[test]
fn the_first_device_of_a_wallet_does_not_cool_it_and_each_later_one_does() {
    let mut fixture = rich();
    pays_from(&mut fixture, Some(1)).unwrap();
    assert_eq!(end(&fixture), None);
    pays_from(&mut fixture, Some(1)).unwrap();
    assert_eq!(end(&fixture), None, "the same once more is no change");
    pays_from(&mut fixture, Some(2)).unwrap();
    assert_eq!(end(&fixture), Some(DAY));
}

#[test]
fn to_take_the_right_from_a_device_first_is_no_way_around() {
    let mut fixture = rich();
    pays_from(&mut fixture, Some(1)).unwrap();
    pays_from(&mut fixture, None).unwrap();
    pays_from(&mut fixture, Some(2)).unwrap();
    assert_eq!(end(&fixture), Some(DAY));
}

#[test]
fn what_is_paid_and_what_is_set_aside_count_together_until_the_end() {
    let mut fixture = rich();
    fixture.cool(fixture.sora, DAY).unwrap();
    fixture.pay("desk", 20_000).unwrap();
    fixture.hold("room", 9_999, 3_600);
    assert_eq!(fixture.pay("tea", 2).unwrap_err(), Refusal::WalletCooling);
    fixture.pay("gum", 1).unwrap();
    fixture.now = fixture.now.plus_seconds(DAY - 1);
    assert_eq!(fixture.pay("nut", 1).unwrap_err(), Refusal::WalletCooling);
    fixture.now = fixture.now.plus_seconds(1);
    fixture.pay("chair", 30_001).unwrap();
    assert!(
        fixture.book.coolings.is_empty(),
        "nothing is kept of a cooling that is over"
    );
}

#[test]
fn what_comes_back_brings_no_new_room() {
    let mut fixture = rich();
    fixture.cool(fixture.sora, DAY).unwrap();
    fixture.pay("desk", 30_000).unwrap();
    fixture.cancel("desk").unwrap();
    assert_eq!(fixture.pay("tea", 1).unwrap_err(), Refusal::WalletCooling);
}

#[test]
fn a_cooling_only_grows_and_another_reason_brings_no_new_room() {
    let mut fixture = rich();
    fixture.cool(fixture.sora, DAY).unwrap();
    fixture.pay("desk", 30_000).unwrap();
    assert_eq!(fixture.cool(fixture.sora, 60), Ok(Reply::Bound));
    assert_eq!(end(&fixture), Some(DAY), "a shorter one changes nothing");
    fixture.cool(fixture.sora, 2 * DAY).unwrap();
    assert_eq!(end(&fixture), Some(2 * DAY));
    assert_eq!(fixture.pay("tea", 1).unwrap_err(), Refusal::WalletCooling);
    fixture.cool(fixture.sora, 1_000 * DAY).unwrap();
    assert_eq!(end(&fixture), Some(30 * DAY), "nor is it for ever");
}

#[test]
fn a_cooling_that_is_over_leaves_all_its_room_to_the_next() {
    let mut fixture = rich();
    fixture.cool(fixture.sora, 60).unwrap();
    fixture.pay("desk", 30_000).unwrap();
    fixture.now = fixture.now.plus_seconds(60);
    fixture.cool(fixture.sora, 60).unwrap();
    fixture.pay("chair", 30_000).unwrap();
    assert_eq!(fixture.pay("tea", 1).unwrap_err(), Refusal::WalletCooling);
}

#[test]
fn top_ups_count_when_they_are_begun_and_a_card_that_fails_gives_nothing_back() {
    let mut fixture = Fixture::open();
    let sora = fixture.sora;
    fixture.cool(sora, DAY).unwrap();
    let first = fixture.start_top_up(sora, "one", 15_000).unwrap();
    fixture.fail(first, false).unwrap();
    assert_eq!(
        fixture.start_top_up(sora, "two", 5_001).unwrap_err(),
        Refusal::WalletCooling
    );
    fixture.start_top_up(sora, "three", 5_000).unwrap();
}
