//! A store that an older program wrote is opened, and what it says is understood.

use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::{Family, Location, Migration, Param};
use mamori_datastore::testing::on_both;
use mamori_domain::ids::TopUpId;
use mamori_domain::world::Timestamp;
use mamori_registry::{
    Aal, AgentFamily, AuthMethod, CONTROL, Registry, SessionDevice, Surface, token_hash,
};

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

        let mut registry = Registry::open(location, &MasterKey::from_bytes([1; 32])).unwrap();
        let closed_at = Timestamp::from_seconds(seconds);
        let first = registry.card_orders().find(TopUpId(1)).unwrap().unwrap();
        assert_eq!(first.order.expires_at, closed_at.plus_seconds(2_100));
        assert_eq!(first.ask_at, Some(closed_at.plus_seconds(86_400)));
        assert_eq!(first.closed_at, Some(closed_at));
        let in_microseconds = Timestamp(closed_at.0 + 7);
        assert_eq!(first.alarmed_at, Some(in_microseconds), "it was so before");
        let second = registry.card_orders().find(TopUpId(2)).unwrap().unwrap();
        assert_eq!(second.order.expires_at, closed_at.plus_seconds(2_100));
        assert_eq!((second.ask_at, second.closed_at), (None, None));

        let due =
            |registry: &mut Registry, now| registry.card_orders().to_ask_again(now, 10).unwrap();
        assert_eq!(due(&mut registry, closed_at.plus_seconds(86_399)), []);
        assert_eq!(
            due(&mut registry, closed_at.plus_seconds(86_400)),
            [TopUpId(1)]
        );
    });
}

#[test]
fn whoever_was_signed_in_before_sessions_told_how_stays_signed_in_by_passkey() {
    on_both(|location| {
        let mut older = as_before(location, "how sessions were opened");
        let token = [7; 32];
        let hash = token_hash(&token);
        let session = [
            Param::Blob(&[1; 16]),
            Param::Blob(&hash),
            Param::Blob(&[2; 16]),
        ];
        older
            .execute(
                "INSERT INTO sessions (session, token_hash, surface, owner, wallet, made_at, seen_at, ends_at)
                 VALUES ($1, $2, 1, $3, 9, 10, 20, 30)",
                &session,
            )
            .unwrap();
        drop(older);

        let mut registry = Registry::open(location, &MasterKey::from_bytes([1; 32])).unwrap();
        let found = registry.sessions().find(Surface::Wallet, &hash).unwrap();
        let found = found.expect("the session goes on");
        assert_eq!(
            (found.method, found.assurance),
            (AuthMethod::Passkey, Aal::Two)
        );
        let nothing = SessionDevice {
            browser: None,
            agent: AgentFamily::Unknown,
        };
        assert_eq!(found.device, nothing);
        assert_eq!(found.ends_at, Timestamp(30));
    });
}
