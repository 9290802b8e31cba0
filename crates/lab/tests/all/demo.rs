//! The month that `dev --demo` lives, and the codes that tills are paired with.

use std::sync::Arc;

use mamori::outside;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::testing::Scratch;
use mamori_domain::ids::TillId;
use mamori_domain::world::Timestamp;
use mamori_engine::engine::open_views;
use mamori_engine::views::sales::{self, SaleState, Wanted};
use mamori_lab::dev;
use mamori_lab::seed_names::Language;
use mamori_registry::{PAIRING_CODE_LIFE, Registry};
use serde_json::{Value, json};

/// 2026-11-28, two in the afternoon in Japan.
const NOW: Timestamp = Timestamp(1_795_842_000_000_000);

fn master() -> Arc<MasterKey> {
    Arc::new(MasterKey::from_bytes([42; 32]))
}

/// When how much was sold where, and what became of it, newest first.
fn month(scratch: &Scratch) -> Vec<(i64, u64, Option<u32>, SaleState)> {
    let names = Language::En.names();
    let location = scratch.location();
    let played = dev::month_before(NOW, &location, &master(), names, outside::chance);
    let mut views = open_views(&location).expect("the views open");
    let all = sales::list(&mut views, &Wanted::default(), None, 10_000).expect("the views answer");
    assert_eq!(played.expect("a month"), all.sales.len() as u64);
    let sale = |sale: &sales::Sale| {
        let entry = &sale.entry;
        (entry.at, entry.amount, entry.till, sale.state())
    };
    all.sales.iter().map(sale).collect()
}

#[test]
fn a_demo_has_lived_the_same_month_each_time_and_it_ends_now() {
    let (one, other) = (Scratch::new("month"), Scratch::new("month again"));
    let lived = month(&one);
    assert_eq!(lived, month(&other));
    assert!(lived.len() > 900, "{} sales", lived.len());
    assert!(lived[0].0 < NOW.0, "nothing was sold tomorrow");
    let days = |at: i64| Timestamp(at).day_in_japan();
    let first = lived[lived.len() - 1].0;
    assert_eq!(days(NOW.0) - days(first), 30);
    for state in [SaleState::Paid, SaleState::Refunded, SaleState::Cancelled] {
        assert!(lived.iter().any(|sale| sale.3 == state), "{state:?}");
    }
    let again = dev::month_before(
        NOW,
        &one.location(),
        &master(),
        Language::En.names(),
        outside::chance,
    );
    assert_eq!(
        again.expect("a store"),
        0,
        "a store that lives is left alone"
    );
}

#[test]
fn a_till_that_nobody_paired_has_a_code_that_works_at_any_time() {
    let scratch = Scratch::new("codes");
    let mut registry = Registry::open(&scratch.location(), &master()).expect("the registry opens");
    let mut tills = vec![json!({ "id": "1", "pairing_code": Value::Null })];
    let mut renew = |tills: &mut [Value], now| {
        dev::renew_pairing_codes(&mut registry, tills, now, outside::chance).expect("codes")
    };
    assert_eq!(renew(&mut tills, NOW), ["1"]);
    let first = tills[0]["pairing_code"].clone();
    assert!(renew(&mut tills, NOW.plus(PAIRING_CODE_LIFE / 2)).is_empty());
    assert_eq!(tills[0]["pairing_code"], first);
    assert_eq!(renew(&mut tills, NOW.plus(PAIRING_CODE_LIFE)), ["1"]);
    assert_ne!(tills[0]["pairing_code"], first);
    assert_eq!(
        registry
            .devices()
            .awaited_tills(NOW.plus(PAIRING_CODE_LIFE))
            .expect("the registry answers"),
        [TillId(1)]
    );
}
