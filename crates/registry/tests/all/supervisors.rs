//! A supervisor's PIN is drawn, shown once and good in one store; a till that is given wrong ones takes none for an hour. What an
//! operator ought to look at is one line, however often it happens.

use std::time::Duration;

use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::Location;
use mamori_datastore::testing::on_both;
use mamori_domain::ids::{StoreId, TillId};
use mamori_domain::world::Timestamp;
use mamori_registry::{
    AlarmKind, PIN_DIGITS, PIN_LOCK, PIN_TRIES_MAX, PinRefusal, Registry,
    SUPERVISORS_PER_STORE_MAX, Seed,
};

const NOON: Timestamp = Timestamp::from_seconds(1_800_000_000);
const STORE: StoreId = StoreId(1);
const ELSEWHERE: StoreId = StoreId(2);
const TILL: TillId = TillId(1);
const NEXT_TILL: TillId = TillId(2);

fn registry(location: &Location) -> Registry {
    Registry::open(location, &MasterKey::from_bytes([1; 32])).expect("the registry opens")
}

fn add(registry: &mut Registry, store: StoreId, seed: u8) -> mamori_registry::NewSupervisor {
    (registry.supervisors())
        .add(store, "店長", NOON, &Seed::new([seed; 32]))
        .expect("the registry answers")
        .expect("there is room")
}

/// A PIN that is nobody's.
fn wrong_pin(right: &str) -> String {
    let number: u64 = right.parse().expect("digits");
    format!("{:06}", (number + 1) % 1_000_000)
}

#[test]
fn a_pin_is_good_in_its_store_until_the_supervisor_leaves() {
    on_both(|location| {
        let mut registry = registry(location);
        let (boss, other) = (
            add(&mut registry, STORE, 1),
            add(&mut registry, ELSEWHERE, 2),
        );
        assert_eq!(boss.pin.len(), PIN_DIGITS);
        let mut who = |store, pin: &str| {
            let who = registry.supervisors().who(store, TILL, pin, NOON);
            who.expect("the registry answers")
        };
        assert_eq!(who(STORE, &boss.pin), Ok(boss.id));
        assert_eq!(who(ELSEWHERE, &other.pin), Ok(other.id));
        assert_eq!(who(STORE, &other.pin), Err(PinRefusal::Wrong));
        let mut supervisors = registry.supervisors();
        assert_eq!(supervisors.of_store(STORE).expect("read")[0].name, "店長");
        assert!(supervisors.remove(boss.id, NOON).expect("removed"));
        assert!(!supervisors.remove(boss.id, NOON).expect("answered"));
        assert_eq!(supervisors.of_store(STORE).expect("read"), []);
        let gone = supervisors.who(STORE, TILL, &boss.pin, NOON);
        assert_eq!(gone.expect("answered"), Err(PinRefusal::Wrong));
        // The history still says who it was.
        let names = supervisors.names([boss.id]).expect("read");
        assert_eq!(names.get(&boss.id).map(String::as_str), Some("店長"));
    });
}

#[test]
fn a_till_that_is_given_five_wrong_pins_takes_none_for_an_hour_and_the_next_till_goes_on() {
    on_both(|location| {
        let mut registry = registry(location);
        let boss = add(&mut registry, STORE, 1);
        let wrong = wrong_pin(&boss.pin);
        let mut who = |till, pin: &str, now| {
            let who = registry.supervisors().who(STORE, till, pin, now);
            who.expect("the registry answers")
        };
        for _ in 1..PIN_TRIES_MAX {
            assert_eq!(who(TILL, &wrong, NOON), Err(PinRefusal::Wrong));
        }
        // The right one in between begins the count anew.
        assert_eq!(who(TILL, &boss.pin, NOON), Ok(boss.id));
        for _ in 1..PIN_TRIES_MAX {
            assert_eq!(who(TILL, &wrong, NOON), Err(PinRefusal::Wrong));
        }
        assert_eq!(who(TILL, &wrong, NOON), Err(PinRefusal::WrongAndLocked));
        assert_eq!(who(TILL, &boss.pin, NOON), Err(PinRefusal::Locked));
        assert_eq!(who(NEXT_TILL, &boss.pin, NOON), Ok(boss.id));
        let later = NOON.plus(PIN_LOCK);
        let just_before = later.minus(Duration::from_secs(1));
        assert_eq!(who(TILL, &boss.pin, just_before), Err(PinRefusal::Locked));
        assert_eq!(who(TILL, &boss.pin, later), Ok(boss.id));
    });
}

#[test]
fn a_store_has_twenty_supervisors_and_no_two_of_one_pin() {
    on_both(|location| {
        let mut registry = registry(location);
        let count = u8::try_from(SUPERVISORS_PER_STORE_MAX).expect("few");
        let mut pins: Vec<String> = (0..count)
            .map(|seed| add(&mut registry, STORE, seed).pin)
            .collect();
        pins.sort();
        pins.dedup();
        assert_eq!(pins.len(), SUPERVISORS_PER_STORE_MAX);
        let more = (registry.supervisors()).add(STORE, "店長", NOON, &Seed::new([99; 32]));
        assert!(more.expect("the registry answers").is_none());
    });
}

#[test]
fn what_happens_again_within_the_hour_is_the_same_alarm_until_somebody_has_looked() {
    on_both(|location| {
        let mut registry = registry(location);
        let mut raise = |kind, till, after: u64, seed| {
            let now = NOON.plus(Duration::from_secs(after));
            let raised = (registry.alarms()).raise(kind, till, now, &Seed::new([seed; 32]));
            raised.expect("the registry answers");
        };
        raise(AlarmKind::ReversalPace, TILL, 0, 1);
        raise(AlarmKind::ReversalPace, TILL, 5, 2);
        raise(AlarmKind::ReversalPace, NEXT_TILL, 6, 3);
        raise(AlarmKind::PinLocked, TILL, 7, 4);
        raise(AlarmKind::ReversalPace, TILL, 3_600, 5);
        let unseen = registry.alarms().unseen(10).expect("read");
        let shown: Vec<_> = unseen
            .iter()
            .map(|alarm| (alarm.kind, alarm.till, alarm.times))
            .collect();
        assert_eq!(
            shown,
            [
                (AlarmKind::ReversalPace, TILL, 1),
                (AlarmKind::PinLocked, TILL, 1),
                (AlarmKind::ReversalPace, NEXT_TILL, 1),
                (AlarmKind::ReversalPace, TILL, 2),
            ]
        );
        let first = unseen[3].id;
        assert!(registry.alarms().see(&first, NOON).expect("seen"));
        assert!(!registry.alarms().see(&first, NOON).expect("answered"));
        assert_eq!(registry.alarms().unseen(10).expect("read").len(), 3);
    });
}
