//! What operators change in the registry leaves a row of the shape of the ledger's acts.

use std::sync::Arc;

use mamori_datastore::keys::MasterKey;
use mamori_datastore::testing::Scratch;
use mamori_domain::context::{
    Actor, AgentFamily, Asker, Context, NetworkOrigin, PrefixKind, RequestId,
};
use mamori_domain::decide::Limits;
use mamori_domain::event::Subject;
use mamori_domain::ids::{OperatorId, SessionId, StoreId, TillId};
use mamori_domain::lifecycle::Purpose;
use mamori_domain::world::Timestamp;
use mamori_engine::testing::ManualClock;
use mamori_engine::{Engine, EngineConfig};
use mamori_flows::open::{self, NewStore, Turns};
use mamori_flows::{Denied, Run, Stop, api_key, staff};
use mamori_registry::acts::{RegistrySubject, Wanted};
use mamori_registry::{OwnerId, Registry, Role, Seed};

const NOW: i64 = 1_800_000_000_000_000;

/// The operator of these stories, in one request from a shop's network.
fn operator(number: u128, request: u64) -> Asker {
    Asker::new(Context {
        by: Actor::Operator {
            operator: OperatorId(number),
            session: SessionId(9),
        },
        network: Some(NetworkOrigin {
            hash: 77,
            prefix: PrefixKind::V4,
        }),
        agent: AgentFamily::Firefox,
    })
    .with_request(RequestId(request))
}

#[test]
fn every_change_says_who_made_it_to_what_when_from_where_and_in_which_request() {
    let scratch = Scratch::new("acts");
    let master = MasterKey::from_bytes([42; 32]);
    let engine = Engine::open(EngineConfig {
        location: scratch.location(),
        master: Arc::new(master.clone()),
        limits: Limits::default(),
        standby: false,
        purpose: Purpose::Development,
        clock: Arc::new(ManualClock::at(NOW)),
        entropy: [5; 32],
        on_fatal: Arc::new(|fault| panic!("the engine must not die here: {fault}")),
    })
    .expect("the engine starts");
    let mut registry = Registry::open(&scratch.location(), &master).expect("it opens");
    let turns = Turns::default();

    // One change a second, each with a seed and a request of its own.
    let mut second = 0_u8;
    let mut as_operator = |registry: &mut Registry, who: u128, work: &dyn Fn(&mut Run)| {
        second += 1;
        let seed = Seed::new([second; 32]);
        work(&mut Run {
            engine: &engine,
            registry,
            asker: operator(who, u64::from(second)),
            now: Timestamp(NOW).plus_seconds(i64::from(second)),
            seed: &seed,
        });
    };
    as_operator(&mut registry, 1, &|run| {
        let store = NewStore {
            name: "本店".into(),
            tills: vec!["1".into()],
        };
        open::chain(run, &turns.take(), "まもり書店", &[store]).expect("a free name");
    });
    as_operator(&mut registry, 1, &|run| {
        let more = staff::invite(run, Role::Support, "はる", Role::Admin);
        assert!(matches!(more, Err(Stop::Denied(Denied::MoreThanOwn))));
        staff::invite(run, Role::Admin, "はる", Role::Support).expect("written");
    });
    as_operator(&mut registry, 2, &|run| {
        staff::make_pairing_code(run, TillId(1)).expect("a till with a name");
    });
    // What is denied changes nothing, and leaves no row.
    as_operator(&mut registry, 2, &|run| {
        let unknown = staff::make_pairing_code(run, TillId(9));
        assert!(matches!(unknown, Err(Stop::Denied(Denied::NotFound))));
        let unknown = staff::remove(run, &OwnerId([4; 16]));
        assert!(matches!(unknown, Err(Stop::Denied(Denied::NotFound))));
        let unknown = api_key::set_opa_auth(run, &turns.take(), "mk_1", true);
        assert!(matches!(unknown, Err(Stop::Denied(Denied::ApiKeyNotLive))));
    });
    let invited = registry.operators().list().expect("read")[0].operator;
    as_operator(&mut registry, 2, &|run| {
        staff::remove(run, &invited).expect("an invitation");
    });

    let words = |wanted, registry: &mut Registry| -> Vec<&'static str> {
        let rows = registry.acts().list(wanted, None, 10).expect("read");
        rows.iter().map(|row| row.command.word()).collect()
    };
    let all = Wanted::Between(Timestamp(NOW), Timestamp(NOW).plus_seconds(60));
    let rows = registry.acts().list(all, None, 10).expect("read");
    assert_eq!(rows.len(), 6);
    assert_eq!(
        rows.iter()
            .map(|row| row.command.word())
            .collect::<Vec<_>>()[..3],
        ["remove_operator", "make_pairing_code", "invite_operator"]
    );
    let pairing = &rows[1];
    assert_eq!(
        pairing.subject,
        RegistrySubject::Ledger(Subject::Till(TillId(1)))
    );
    assert_eq!(rows[2].subject, RegistrySubject::Operator(invited));
    assert_eq!(pairing.at, Timestamp(NOW).plus_seconds(3));
    assert_eq!(
        (pairing.context, pairing.request),
        (operator(2, 0).context, RequestId(3))
    );

    let by = |number| Wanted::Actor(operator(number, 0).by());
    assert_eq!(
        words(by(2), &mut registry),
        ["remove_operator", "make_pairing_code"]
    );
    assert_eq!(words(by(1), &mut registry).len(), 4);
    let of_till = Wanted::Subject(Subject::Till(TillId(1)));
    assert_eq!(
        words(of_till, &mut registry),
        ["make_pairing_code", "name_till"]
    );
    let of_store = Wanted::Subject(Subject::Store(StoreId(1)));
    assert_eq!(words(of_store, &mut registry), ["name_store"]);

    // Page by page it is the same list, also where several rows are of one instant.
    let mut paged = Vec::new();
    let mut before = None;
    loop {
        let page = registry.acts().list(all, before, 1).expect("read");
        let Some(last) = page.last() else { break };
        before = Some((last.at, last.id));
        paged.extend(page);
    }
    assert_eq!(paged, rows);
    engine.stop();
}
