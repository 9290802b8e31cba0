//! A store that an older program wrote is opened, and what it says is understood.

use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::{Family, Location, Migration, Param};
use mamori_datastore::testing::on_both;
use mamori_domain::ids::TopUpId;
use mamori_domain::world::Timestamp;
use mamori_registry::{CONTROL, Control};

/// Makes the tables as the program did that knew no migration from `name` on.
fn as_before(location: &Location, name: &str) -> mamori_datastore::sql::Db {
    let is_new = |migration: &Migration| migration.name == name;
    let known = CONTROL.migrations.iter().position(is_new);
    let older = Family {
        migrations: &CONTROL.migrations[..known.expect("a migration of that name")],
        ..CONTROL
    };
    location.open(&older).unwrap()
}

#[test]
fn card_orders_that_were_kept_in_seconds_mean_the_same_instants_afterwards() {
    on_both(|location| {
        let mut older = as_before(location, "one unit of time");
        let insert = "INSERT INTO card_payments (top_up, amount, locale, expires_at, ask_at, closed_at, alarmed_at)
             VALUES ($1, 5000, 'ja', $2, $3, $4, $5)";
        let seconds = 1_795_000_000;
        let instants = [
            Param::Int(seconds + 2_100),
            Param::Int(seconds + 86_400),
            Param::Int(seconds),
            Param::Int(seconds * 1_000_000 + 7),
        ];
        let [expires_at, ask_at, closed_at, alarmed_at] = instants;
        let first = [Param::Int(1), expires_at, ask_at, closed_at, alarmed_at];
        older.execute(insert, &first).unwrap();
        let none = Param::Null;
        let second = [Param::Int(2), expires_at, none, none, none];
        older.execute(insert, &second).unwrap();
        drop(older);

        let mut control = Control::open(location, &MasterKey::from_bytes([1; 32])).unwrap();
        let closed_at = Timestamp::from_seconds(seconds);
        let first = control.card_payment(TopUpId(1)).unwrap().unwrap();
        assert_eq!(first.order.expires_at, closed_at.plus_seconds(2_100));
        assert_eq!(first.ask_at, Some(closed_at.plus_seconds(86_400)));
        assert_eq!(first.closed_at, Some(closed_at));
        let in_microseconds = Timestamp(closed_at.0 + 7);
        assert_eq!(first.alarmed_at, Some(in_microseconds), "it was so before");
        let second = control.card_payment(TopUpId(2)).unwrap().unwrap();
        assert_eq!(second.order.expires_at, closed_at.plus_seconds(2_100));
        assert_eq!((second.ask_at, second.closed_at), (None, None));

        let due = |control: &mut Control, now| control.card_payments_to_ask_again(now, 10).unwrap();
        assert_eq!(due(&mut control, closed_at.plus_seconds(86_399)), []);
        assert_eq!(
            due(&mut control, closed_at.plus_seconds(86_400)),
            [TopUpId(1)]
        );
    });
}
