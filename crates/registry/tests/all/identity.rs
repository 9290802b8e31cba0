//! Registry on both databases: what is stored, what is never stored, and that two who race get one answer each.

use std::collections::HashSet;
use std::sync::Barrier;
use std::thread;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::Location;
use mamori_datastore::testing::Scratch;
use mamori_datastore::testing::on_both;
use mamori_domain::context::{NetworkOrigin, PrefixKind};
use mamori_domain::ids::{
    AuthorizationId, Fingerprint, MerchantId, StoreId, TillId, TopUpId, WalletId,
};
use mamori_domain::world::Timestamp;
use mamori_registry::{
    Aal, AddRefusal, AgentFamily, AuthMethod, CONTROL, CardAlarm, CardChargeRow, CodeRefusal,
    Contact, EndedSession, Enrolment, Generation, HashCost, LinkRefusal, MerchantTree, NEVER_USED,
    NameTaken, Named, NamedPermission, NewCardOrder, NewFactors, NewPasskey, Opening, OwnerId,
    PAIRING_TRIES_MAX, PairingRefusal, Password, Registry, RemoveRefusal, Role,
    SESSIONS_PER_OWNER_MAX, Seed, SendBudget, SendRefusal, SessionDevice, SessionId, SessionRow,
    SignUpStart, StoredPasskey, Surface, TotpSecret, token_hash,
};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn open(location: &Location) -> Registry {
    Registry::open(location, &MasterKey::from_bytes([1; 32])).expect("the registry opens")
}

fn seed(number: u8) -> Seed {
    Seed::new([number; 32])
}

fn contact() -> Contact {
    Contact::parse("090-1234-5678").expect("a contact")
}

fn passkey(number: u8) -> StoredPasskey {
    StoredPasskey {
        credential: vec![number; 32],
        passkey: format!("{{\"key\":{number}}}"),
        sign_count: 0,
    }
}

fn start(registry: &mut Registry, number: u8) -> ([u8; 32], Option<String>) {
    let contact = contact();
    let start = SignUpStart {
        contact: &contact,
        locale: "ja",
        browser: b"browser",
    };
    let to_send = registry
        .sign_ups()
        .start(&start, &SendBudget::default(), NOW, &seed(number))
        .expect("the registry answers")
        .expect("within the budget");
    (to_send.sign_up, to_send.code)
}

fn enrol(registry: &mut Registry, number: u8) -> OwnerId {
    let (person, passkey) = (OwnerId([number; 16]), passkey(number));
    let contact = contact();
    let enrolment = Enrolment {
        person,
        contact: &contact,
        locale: "ja",
        display_name: "さくら",
        passkey: &passkey,
        agent: AgentFamily::Chrome,
    };
    registry
        .people()
        .begin_enrolment(&enrolment, NOW, &seed(number))
        .expect("the registry answers")
        .expect("free");
    registry
        .people()
        .finish_enrolment(&person, WalletId(u64::from(number)))
        .expect("the registry answers");
    person
}

#[test]
fn a_sign_up_becomes_a_person() {
    on_both(|location| {
        let mut registry = open(location);
        let (sign_up, code) = start(&mut registry, 1);
        let proven = registry
            .sign_ups()
            .prove_contact(&sign_up, b"browser", &code.expect("unknown so far"), NOW)
            .expect("the registry answers")
            .expect("right");
        assert_eq!((proven.contact, proven.locale.as_str()), (contact(), "ja"));
        let owner = enrol(&mut registry, 1);
        let person = registry
            .people()
            .find(&owner)
            .expect("the registry answers")
            .expect("active");
        assert_eq!(
            (person.wallet, person.display_name.as_str()),
            (WalletId(1), "さくら")
        );
        assert_eq!(
            registry
                .people()
                .of_wallet(WalletId(1))
                .expect("the registry answers"),
            Some(person)
        );
        assert_eq!(start(&mut registry, 2).1, None, "known now");
        let (found, _, stored) = registry
            .factors()
            .find_passkey(Surface::Wallet, &[1; 32])
            .expect("the registry answers")
            .expect("active");
        assert_eq!((found, stored.passkey.as_str()), (owner, "{\"key\":1}"));
        assert!(
            registry
                .factors()
                .find_passkey(Surface::Console, &[1; 32])
                .expect("the registry answers")
                .is_none(),
            "of another surface"
        );
    });
}

#[test]
fn guesses_at_one_code_from_many_sides_are_five() {
    on_both(|location| {
        let (sign_up, code) = start(&mut open(location), 1);
        let wrong = format!(
            "{:06}",
            (code
                .expect("unknown so far")
                .parse::<u32>()
                .expect("digits")
                + 1)
                % 1_000_000
        );
        let barrier = Barrier::new(8);
        let refusals: Vec<CodeRefusal> = thread::scope(|scope| {
            let guess = || {
                let mut registry = open(location);
                barrier.wait();
                registry
                    .sign_ups()
                    .prove_contact(&sign_up, b"browser", &wrong, NOW)
                    .expect("the registry answers")
                    .expect_err("wrong")
            };
            let guessing: Vec<_> = (0..8).map(|_| scope.spawn(guess)).collect();
            guessing
                .into_iter()
                .map(|one| one.join().expect("no panic"))
                .collect()
        });
        assert_eq!(
            refusals
                .iter()
                .filter(|refusal| **refusal == CodeRefusal::Wrong)
                .count(),
            5
        );
        assert_eq!(
            refusals
                .iter()
                .filter(|refusal| **refusal == CodeRefusal::Spent)
                .count(),
            3
        );
    });
}

#[test]
fn each_country_and_the_mail_have_a_budget_of_their_own() {
    on_both(|location| {
        let mut registry = open(location);
        let budget = SendBudget {
            mail: 1,
            sms: [("81".to_owned(), 2), ("44".to_owned(), 1)].into(),
            ..SendBudget::default()
        };
        let mut number = 0;
        let mut asks = |typed: &str| {
            number += 1;
            let contact = Contact::parse(typed).expect("a contact");
            let start = SignUpStart {
                contact: &contact,
                locale: "ja",
                browser: b"browser",
            };
            registry
                .sign_ups()
                .start(&start, &budget, NOW, &seed(number))
                .expect("the registry answers")
                .map(|_| ())
        };
        assert_eq!(asks("+44 20 7946 0001"), Ok(()));
        assert_eq!(asks("+44 20 7946 0002"), Err(SendRefusal::LaneBudget));
        assert_eq!(
            asks("+882 1234 5678"),
            Err(SendRefusal::CountryNotServed),
            "a satellite, at a price"
        );
        // Whoever pumped those has stopped nobody here.
        assert_eq!(asks("090-1234-5678"), Ok(()));
        assert_eq!(asks("sora@example.jp"), Ok(()));
        assert_eq!(asks("riku@example.jp"), Err(SendRefusal::LaneBudget));
        assert_eq!(asks("090-1234-5679"), Ok(()));
        assert_eq!(asks("090-1234-5680"), Err(SendRefusal::LaneBudget));
    });
}

#[test]
fn wrong_tries_are_counted_against_the_pairing_code_they_were_aimed_at() {
    on_both(|location| {
        let mut registry = open(location);
        let mut make = |till: u32| {
            registry
                .devices()
                .make_pairing_code(TillId(till), NOW, &seed(till as u8))
                .expect("the registry answers")
        };
        let (aimed_at, other) = (make(7), make(8));
        let mut try_code = |code: &str| {
            registry
                .devices()
                .begin_pairing(code, &[9; 32], NOW, &seed(9))
                .expect("the registry answers")
                .map(|device| device.till)
        };
        let second = aimed_at[6..].parse::<u32>().expect("digits");
        let wrong = format!("{}{:06}", &aimed_at[..6], (second + 1) % 1_000_000);
        for _ in 0..PAIRING_TRIES_MAX {
            assert_eq!(try_code(&wrong), Err(PairingRefusal::Wrong));
        }
        assert_eq!(try_code(&aimed_at), Err(PairingRefusal::Spent));
        // Guesses at codes that nobody made are no tries of anybody's.
        for guess in 0..50 {
            let blind = format!("{:06}000000", (guess * 7_919) % 1_000_000);
            if blind[..6] != other[..6] && blind[..6] != aimed_at[..6] {
                assert_eq!(try_code(&blind), Err(PairingRefusal::Wrong));
            }
        }
        assert_eq!(try_code(&other), Ok(TillId(8)));
    });
}

#[test]
fn names_of_many_wallets_come_in_few_statements() {
    on_both(|location| {
        let mut registry = open(location);
        for number in 1..=120_u8 {
            registry
                .people()
                .name_wallet(
                    OwnerId([number; 16]),
                    WalletId(u64::from(number)),
                    &format!("客{number}"),
                    NOW,
                    &seed(number),
                )
                .expect("the registry answers");
        }
        let asked: Vec<WalletId> = (1..=130).chain(1..=5).map(WalletId).collect();
        let names = registry
            .people()
            .names_of_wallets(&asked)
            .expect("the registry answers");
        assert_eq!(names.len(), 120, "ten wallets have no owner");
        assert_eq!(names[&WalletId(77)], "客77");
        let none = registry
            .people()
            .names_of_wallets(&[])
            .expect("the registry answers");
        assert!(none.is_empty());
    });
}

#[test]
fn one_pairing_code_at_many_devices_enrols_one() {
    on_both(|location| {
        let code = open(location)
            .devices()
            .make_pairing_code(TillId(7), NOW, &seed(1))
            .expect("the registry answers");
        let barrier = Barrier::new(6);
        let answers: Vec<Result<TillId, PairingRefusal>> = thread::scope(|scope| {
            let pairing: Vec<_> = (0..6_u8)
                .map(|number| {
                    let (barrier, code) = (&barrier, &code);
                    scope.spawn(move || {
                        let mut registry = open(location);
                        barrier.wait();
                        registry
                            .devices()
                            .begin_pairing(code, &[number; 32], NOW, &seed(number))
                            .expect("the registry answers")
                            .map(|device| device.till)
                    })
                })
                .collect();
            pairing
                .into_iter()
                .map(|one| one.join().expect("no panic"))
                .collect()
        });
        assert_eq!(
            answers
                .iter()
                .filter(|answer| **answer == Ok(TillId(7)))
                .count(),
            1
        );
        assert_eq!(
            answers
                .iter()
                .filter(|answer| **answer == Err(PairingRefusal::Used))
                .count(),
            5
        );
    });
}

fn another<'a>(owner: &'a OwnerId, passkey: &'a StoredPasskey) -> NewPasskey<'a> {
    NewPasskey {
        owner,
        passkey,
        name: Some("金庫の鍵"),
        agent: AgentFamily::Firefox,
    }
}

#[test]
fn a_passkey_is_known_by_its_name_its_browser_and_where_it_was_used_last() {
    on_both(|location| {
        let mut registry = open(location);
        let owner = enrol(&mut registry, 1);
        let (key, later) = (passkey(2), NOW.plus_seconds(60));
        let begun = (registry.passkeys()).begin_adding(&another(&owner, &key), later, &seed(2));
        begun.expect("the registry answers").expect("there is room");
        let known = |registry: &mut Registry| {
            let found = registry.passkeys().of(&owner);
            found.expect("the registry answers")
        };
        assert_eq!(
            known(&mut registry).len(),
            1,
            "not before the book names it"
        );
        let finish = |registry: &mut Registry| {
            let finished = (registry.passkeys()).finish_adding(&owner, &key.credential);
            finished.expect("the registry answers")
        };
        assert!(
            finish(&mut registry) && finish(&mut registry),
            "safe to repeat"
        );
        let [first, second] = &known(&mut registry)[..] else {
            panic!("two passkeys");
        };
        assert_eq!(
            (first.name.as_deref(), first.agent),
            (None, AgentFamily::Chrome)
        );
        assert_eq!(
            (second.name.as_deref(), second.agent),
            (Some("金庫の鍵"), AgentFamily::Firefox)
        );
        assert_eq!((first.made_at, second.made_at), (NOW, later));
        assert_eq!((first.used_at, second.used_at), (None, None));

        let network = |hash| NetworkOrigin {
            hash,
            prefix: PrefixKind::V4,
        };
        let home = Some(network(u64::MAX));
        assert_eq!(second.was_used_in(home), None, "never used");
        let used = registry.factors().note_assertion(&key, &key, home, later);
        assert!(used.expect("the registry answers"));
        let second = &known(&mut registry)[1];
        assert_eq!(second.used_at, Some(later));
        assert_eq!(second.was_used_in(home), Some(true));
        assert_eq!(second.was_used_in(Some(network(1))), Some(false));
        assert_eq!(second.was_used_in(None), None);
    });
}

#[test]
fn a_removed_passkey_leaves_nothing_but_its_number() {
    on_both(|location| {
        let mut registry = open(location);
        let owner = enrol(&mut registry, 1);
        let key = passkey(2);
        let begun = (registry.passkeys()).begin_adding(&another(&owner, &key), NOW, &seed(2));
        begun.expect("the registry answers").expect("there is room");
        let finished = (registry.passkeys()).finish_adding(&owner, &key.credential);
        assert!(finished.expect("the registry answers"));
        let begun = (registry.passkeys()).begin_removing(&owner, &key.credential, NOW);
        begun
            .expect("the registry answers")
            .expect("another is left");
        assert!(
            !registry
                .factors()
                .is_unknown(Surface::Wallet, &key.credential)
                .expect("read")
        );
        let ended = (registry.passkeys()).finish_removing(&owner, &key.credential, None);
        assert_eq!(ended.expect("the registry answers"), []);
        assert!(
            registry
                .factors()
                .is_unknown(Surface::Wallet, &key.credential)
                .expect("read")
        );
        let mut db = location.open(&CONTROL).expect("the same tables");
        let left = db.query_first(
            "SELECT passkey, name, agent, used_network, leaving_at FROM passkeys WHERE status = 3",
            &[],
            |row| {
                let gone = (1..5).all(|column| match column {
                    1 => row.opt_blob(column).is_none(),
                    _ => row.opt_int(column).is_none(),
                });
                (row.text(0).to_owned(), gone)
            },
        );
        assert_eq!(left.expect("read"), Some((String::new(), true)));
        // Its number is not given to anybody again.
        let again = (registry.passkeys()).begin_adding(&another(&owner, &key), NOW, &seed(3));
        assert_eq!(
            again.expect("the registry answers"),
            Err(AddRefusal::CredentialTaken)
        );
    });
}

#[test]
fn a_counter_is_compared_and_set() {
    on_both(|location| {
        let mut registry = open(location);
        enrol(&mut registry, 1);
        let after = StoredPasskey {
            sign_count: 5,
            ..passkey(1)
        };
        assert!(
            registry
                .factors()
                .note_assertion(&passkey(1), &after, None, NOW)
                .expect("the registry answers")
        );
        assert!(
            !registry
                .factors()
                .note_assertion(&passkey(1), &after, None, NOW)
                .expect("the registry answers"),
            "the same counter twice"
        );
    });
}

fn generation(registry: &mut Registry, owner: &OwnerId) -> Generation {
    let found = registry.sessions().generation(Surface::Wallet, owner);
    found.expect("the registry answers").expect("may sign in")
}

fn sign_in(registry: &mut Registry, row: &SessionRow, token: &[u8; 32]) {
    let generation = generation(registry, &row.owner);
    let opened = registry.sessions().open(row, token, generation, None);
    opened.expect("the registry answers").expect("may sign in");
}

/// Session `number` of an owner, made so many seconds after the first.
fn session_of(owner: OwnerId, number: u8) -> SessionRow {
    let made_at = NOW.plus_seconds(i64::from(number));
    SessionRow {
        session: SessionId([number; 16]),
        surface: Surface::Wallet,
        owner,
        wallet: Some(WalletId(1)),
        method: AuthMethod::Passkey,
        assurance: Aal::Two,
        device: SessionDevice {
            browser: None,
            agent: AgentFamily::Unknown,
            key: None,
        },
        made_at,
        seen_at: made_at,
        ends_at: NOW.plus_seconds(3_600),
        credential: None,
    }
}

/// Whether the session with this number would be let in.
fn is_in(registry: &mut Registry, number: u8) -> bool {
    let found = registry
        .sessions()
        .find(Surface::Wallet, &token_hash(&[number; 32]));
    found.expect("the registry answers").is_some()
}

/// A sign-in learns its owner's generation, checks the passkey, and stores its session. Whatever takes the owner's sessions away may
/// happen before, between and after: nobody is signed in afterwards.
#[test]
fn a_sign_in_that_races_the_end_of_all_sessions_leaves_none_behind() {
    type End = fn(&mut Registry, &OwnerId);
    let ends: [(&str, End); 3] = [
        ("erased", |registry, _| {
            let begun = registry.erasures().begin(WalletId(1), NOW);
            assert!(begun.expect("the registry answers").is_some());
        }),
        ("signed out everywhere", |registry, owner| {
            let ended = registry.sessions().end_all_of(Surface::Wallet, owner);
            ended.expect("the registry answers");
        }),
        ("all customers signed out", |registry, _| {
            let ended = registry.sessions().end_all_on(Surface::Wallet);
            ended.expect("the registry answers");
        }),
    ];
    for (what, end) in ends {
        on_both(|location| {
            let mut registry = open(location);
            let owner = enrol(&mut registry, 1);
            let learnt = generation(&mut registry, &owner);
            // The end comes between the two steps of the sign-in.
            end(&mut registry, &owner);
            let row = session_of(owner, 1);
            let opened = registry.sessions().open(&row, &[1; 32], learnt, None);
            assert_eq!(opened.expect("the registry answers"), None, "{what}");
            assert!(!is_in(&mut registry, 1), "{what}: never stored");
        });
        on_both(|location| {
            let mut registry = open(location);
            let owner = enrol(&mut registry, 1);
            // The end comes after both: the row goes, and its token may be neither used nor renewed.
            sign_in(&mut registry, &session_of(owner, 1), &[1; 32]);
            end(&mut registry, &owner);
            assert!(!is_in(&mut registry, 1), "{what}: stored before");
            let session = SessionId([1; 16]);
            let touched = registry.sessions().touch(&session, NOW);
            assert!(!touched.expect("the registry answers"), "{what}");
            let (old, new) = (token_hash(&[1; 32]), [2; 32]);
            let renewed = registry.sessions().renew_token(&session, &old, &new, None);
            assert!(!renewed.expect("the registry answers"), "{what}");
        });
    }
}

/// A row that another program or an older copy put there is no session of an owner who has gone on since.
#[test]
fn a_session_of_an_older_generation_is_not_let_in() {
    on_both(|location| {
        let mut registry = open(location);
        let owner = enrol(&mut registry, 1);
        sign_in(&mut registry, &session_of(owner, 1), &[1; 32]);
        let mut db = location.open(&CONTROL).expect("the same tables");
        db.execute("UPDATE people SET generation = 1", &[])
            .expect("written");
        assert!(!is_in(&mut registry, 1));
        let touched = registry.sessions().touch(&SessionId([1; 16]), NOW);
        assert!(!touched.expect("the registry answers"));
    });
}

#[test]
fn ending_the_others_ends_all_of_them_however_many() {
    on_both(|location| {
        let mut registry = open(location);
        let owner = enrol(&mut registry, 1);
        for number in 1..=40 {
            sign_in(&mut registry, &session_of(owner, number), &[number; 32]);
        }
        let live: Vec<u8> = (1..=40).filter(|n| is_in(&mut registry, *n)).collect();
        let newest: Vec<u8> = (21..=40).collect();
        assert_eq!(live, newest, "the oldest make room for the newest");
        let ended = registry
            .sessions()
            .end_others(Surface::Wallet, &owner, &SessionId([30; 16]))
            .expect("the registry answers");
        assert_eq!(ended.len(), SESSIONS_PER_OWNER_MAX - 1);
        let left: Vec<u8> = (1..=40).filter(|n| is_in(&mut registry, *n)).collect();
        assert_eq!(left, [30]);
    });
}

#[test]
fn a_session_is_found_by_its_token_alone_and_renewed_in_one_step() {
    on_both(|location| {
        let mut registry = open(location);
        let owner = enrol(&mut registry, 1);
        let row = SessionRow {
            session: SessionId([3; 16]),
            surface: Surface::Wallet,
            owner,
            wallet: Some(WalletId(1)),
            method: AuthMethod::SignUp,
            assurance: Aal::Three,
            device: SessionDevice {
                browser: Some(Fingerprint(u128::MAX - 1)),
                agent: AgentFamily::Edge,
                key: None,
            },
            made_at: NOW,
            seen_at: NOW,
            ends_at: NOW.plus_seconds(3_600),
            credential: Some(Fingerprint(u128::MAX - 2)),
        };
        sign_in(&mut registry, &row, &[9; 32]);
        assert_eq!(
            registry
                .sessions()
                .find(Surface::Wallet, &token_hash(&[9; 32]))
                .expect("the registry answers"),
            Some(row.clone())
        );
        assert_eq!(
            registry
                .sessions()
                .find(Surface::Console, &token_hash(&[9; 32]))
                .expect("the registry answers"),
            None
        );
        assert!(
            registry
                .sessions()
                .renew_token(&row.session, &token_hash(&[9; 32]), &[10; 32], None)
                .expect("the registry answers")
        );
        assert!(
            !registry
                .sessions()
                .renew_token(&row.session, &token_hash(&[9; 32]), &[11; 32], None)
                .expect("the registry answers")
        );
        assert!(
            registry
                .sessions()
                .touch(&row.session, NOW.plus_seconds(1))
                .expect("the registry answers")
        );
        let renewed = registry
            .sessions()
            .find(Surface::Wallet, &token_hash(&[10; 32]))
            .expect("the registry answers")
            .expect("live");
        assert_eq!(
            renewed,
            SessionRow {
                seen_at: NOW.plus_seconds(1),
                ..row.clone()
            }
        );
        assert_eq!(
            registry
                .sessions()
                .of(Surface::Wallet, &owner, NOW)
                .expect("the registry answers"),
            [renewed]
        );
        assert!(
            registry
                .sessions()
                .end(Surface::Wallet, &OwnerId([8; 16]), &row.session)
                .expect("the registry answers")
                .is_none(),
            "of another owner"
        );
        assert_eq!(
            registry
                .sessions()
                .end_all_of(Surface::Wallet, &owner)
                .expect("the registry answers"),
            [EndedSession {
                session: row.session,
                wallet: row.wallet
            }]
        );
        assert!(
            !registry
                .sessions()
                .touch(&row.session, NOW)
                .expect("the registry answers")
        );
    });
}

#[test]
fn operators_links_and_names_are_the_same_on_both() {
    on_both(|location| {
        let mut registry = open(location);
        let link = registry
            .operators()
            .invite("運用", Role::Admin, NOW, &seed(1))
            .expect("the registry answers");
        let late = NOW.plus_seconds(24 * 3_600);
        assert_eq!(
            registry
                .operators()
                .of_link(&link, late)
                .expect("the registry answers"),
            Err(LinkRefusal::Expired)
        );
        let operator = registry
            .operators()
            .redeem_link(&link, &passkey(1), NOW)
            .expect("the registry answers")
            .expect("fresh");
        assert_eq!(
            registry
                .operators()
                .redeem_link(&link, &passkey(2), NOW)
                .expect("the registry answers"),
            Err(LinkRefusal::Used)
        );
        assert_eq!(
            registry
                .operators()
                .name_of(&operator)
                .expect("the registry answers")
                .as_deref(),
            Some("運用")
        );

        registry
            .directory()
            .name_merchant(MerchantId(1), "書店")
            .expect("the registry answers");
        registry
            .directory()
            .name_store(StoreId(2), MerchantId(1), "本店")
            .expect("the registry answers");
        registry
            .directory()
            .name_till(TillId(3), StoreId(2), "レジ")
            .expect("the registry answers");
        registry
            .directory()
            .name_till(TillId(3), StoreId(2), "レジ1")
            .expect("the registry answers");
        let listed = registry.directory().tills().expect("the registry answers");
        assert_eq!(
            (
                listed.len(),
                listed[0].name.as_str(),
                listed[0].store_name.as_str(),
                listed[0].merchant_name.as_str()
            ),
            (1, "レジ1", "本店", "書店")
        );

        registry
            .api_keys()
            .begin("key-1", MerchantId(1), "the secret", true, NOW, [4; 12])
            .expect("the registry answers");
        assert!(
            registry
                .api_keys()
                .live_with_secrets()
                .expect("the registry answers")
                .is_empty(),
            "a key that the book has not bound yet signs nothing"
        );
        registry
            .api_keys()
            .finish("key-1")
            .expect("the registry answers");
        let keys = registry
            .api_keys()
            .live_with_secrets()
            .expect("the registry answers");
        assert_eq!(
            (keys.len(), keys[0].secret.as_str(), keys[0].opa_auth),
            (1, "the secret", true)
        );
        assert!(!format!("{:?}", keys[0]).contains("secret"));
    });
}

/// A book that knows the merchants, stores, tills and keys it was told of.
#[derive(Default)]
struct Known {
    tree: MerchantTree,
    keys: Vec<Fingerprint>,
}

impl Named for Known {
    fn wallets_of(&mut self, credentials: &[Fingerprint]) -> Result<Vec<Option<WalletId>>, Fault> {
        Ok(vec![None; credentials.len()])
    }
    fn device_of(&mut self, _: TillId) -> Result<Option<Fingerprint>, Fault> {
        Ok(None)
    }
    fn merchant_of_key(&mut self, key: Fingerprint) -> Result<Option<MerchantId>, Fault> {
        Ok(self.keys.contains(&key).then_some(MerchantId(1)))
    }
    fn merchant_tree(&mut self) -> Result<MerchantTree, Fault> {
        Ok(self.tree.clone())
    }
    fn are_permissions(&mut self, permissions: &[AuthorizationId]) -> Result<Vec<bool>, Fault> {
        Ok(vec![false; permissions.len()])
    }
    fn permissions_beyond(
        &mut self,
        _: HashSet<AuthorizationId>,
        _: HashSet<WalletId>,
        _: usize,
    ) -> Result<Vec<NamedPermission>, Fault> {
        Ok(Vec::new())
    }
}

#[test]
fn what_is_being_opened_gets_the_id_without_a_name_in_its_own_place() {
    on_both(|location| {
        let mut registry = open(location);
        let mut known = Known::default();
        known.tree.merchants = vec![MerchantId(1), MerchantId(2)];
        known.tree.stores = vec![(StoreId(1), MerchantId(1)), (StoreId(2), MerchantId(2))];
        for merchant in [1, 2] {
            registry
                .directory()
                .name_merchant(MerchantId(merchant), &format!("merchant {merchant}"))
                .expect("the registry answers");
        }
        // Both stores are without a name: the opening is for the second merchant.
        let what = Opening::Store(MerchantId(2));
        let begun = registry
            .directory()
            .begin_opening(what, "本店", NOW, &seed(1));
        begun.expect("the registry answers").expect("a free name");
        let settled = registry
            .directory()
            .settle_openings(&mut known)
            .expect("the registry answers");
        assert_eq!((settled.finished, settled.dead), (1, 0));
        let stores = registry
            .directory()
            .read()
            .expect("the registry answers")
            .stores;
        assert_eq!(
            (stores.len(), stores[0].store, stores[0].name.as_str()),
            (1, StoreId(2), "本店")
        );
        let taken = registry
            .directory()
            .begin_opening(what, "本店", NOW, &seed(2));
        assert_eq!(taken.expect("the registry answers"), Err(NameTaken));
        // A till that the book never opened is forgotten.
        let till = Opening::Till(StoreId(2));
        let begun = registry.directory().begin_opening(till, "1", NOW, &seed(3));
        begun.expect("the registry answers").expect("a free name");
        let settled = registry
            .directory()
            .settle_openings(&mut known)
            .expect("the registry answers");
        assert_eq!((settled.finished, settled.dead), (0, 1));
        // The store that nobody named gets its number for a name, whatever came of the others.
        assert_eq!(
            registry
                .reconcile(&mut known)
                .expect("the registry answers")
                .finished,
            1
        );
        let stores = registry
            .directory()
            .read()
            .expect("the registry answers")
            .stores;
        assert_eq!(stores[0].name, "#1");
    });
}

#[test]
fn a_key_walks_from_pending_to_live_to_dead_and_loses_its_secret() {
    on_both(|location| {
        let mut registry = open(location);
        let mut known = Known::default();
        let begin = |registry: &mut Registry, name: &str| {
            registry
                .api_keys()
                .begin(name, MerchantId(1), "the secret", true, NOW, [4; 12])
                .expect("the registry answers")
        };
        let (live, _) = (begin(&mut registry, "mk_1"), begin(&mut registry, "mk_2"));
        assert!(
            registry
                .api_keys()
                .live_with_secrets()
                .expect("the registry answers")
                .is_empty()
        );
        known.keys.push(live);
        let early = registry.api_keys().settle(&mut known, NOW.plus_seconds(60));
        assert_eq!(early.expect("the registry answers"), Default::default());
        let settled = registry
            .api_keys()
            .settle(&mut known, NOW.plus_seconds(121));
        let settled = settled.expect("the registry answers");
        assert_eq!((settled.finished, settled.dead), (1, 1));
        assert_eq!(
            registry
                .api_keys()
                .count_live()
                .expect("the registry answers"),
            [(MerchantId(1), 1)]
        );
        assert!(
            registry
                .api_keys()
                .set_opa_auth("mk_1", false)
                .expect("the registry answers")
        );
        assert!(
            !registry
                .api_keys()
                .set_opa_auth("mk_2", false)
                .expect("the registry answers")
        );
        assert!(
            !registry
                .api_keys()
                .live_with_secrets()
                .expect("the registry answers")[0]
                .opa_auth
        );
        registry
            .api_keys()
            .end("mk_1", Some(NOW.plus_seconds(1)))
            .expect("the registry answers");
        assert!(
            registry
                .api_keys()
                .live_with_secrets()
                .expect("the registry answers")
                .is_empty()
        );
        assert!(
            !registry
                .api_keys()
                .set_opa_auth("mk_1", true)
                .expect("the registry answers")
        );
        let listed = registry
            .api_keys()
            .of_merchant(MerchantId(1))
            .expect("the registry answers");
        assert_eq!(
            (listed.len(), listed[0].is_live, listed[0].revoked_at),
            (1, false, Some(NOW.plus_seconds(1)))
        );
    });
}

#[test]
fn old_rows_are_swept() {
    on_both(|location| {
        let mut registry = open(location);
        start(&mut registry, 1);
        assert_eq!(
            registry
                .sign_ups()
                .sweep(NOW.plus_seconds(7_200))
                .expect("the registry answers"),
            0
        );
        assert_eq!(
            registry
                .sign_ups()
                .sweep(NOW.plus_seconds(7_201))
                .expect("the registry answers"),
            1
        );
    });
}

/// What a thief of the file could read.
#[test]
fn no_secret_and_no_personal_data_stands_in_the_file() {
    let scratch = Scratch::new("registry");
    let mut registry = open(&scratch.location());
    let (sign_up, code) = start(&mut registry, 1);
    let owner = enrol(&mut registry, 2);
    let key = passkey(9);
    let begun = (registry.passkeys()).begin_adding(&another(&owner, &key), NOW, &seed(9));
    begun.expect("the registry answers").expect("there is room");
    let link = registry
        .operators()
        .invite("運用", Role::Admin, NOW, &seed(3))
        .expect("the registry answers");
    let pairing = registry
        .devices()
        .make_pairing_code(TillId(7), NOW, &seed(4))
        .expect("the registry answers");
    registry
        .devices()
        .begin_pairing(&pairing, &[5; 32], NOW, &seed(5))
        .expect("the registry answers")
        .expect("fresh");
    registry
        .api_keys()
        .begin("key-1", MerchantId(1), "the api secret", true, NOW, [6; 12])
        .expect("the registry answers");
    let row = SessionRow {
        session: SessionId([3; 16]),
        surface: Surface::Wallet,
        owner: OwnerId([2; 16]),
        wallet: Some(WalletId(2)),
        method: AuthMethod::Passkey,
        assurance: Aal::Two,
        device: SessionDevice {
            browser: None,
            agent: AgentFamily::Unknown,
            key: None,
        },
        made_at: NOW,
        seen_at: NOW,
        ends_at: NOW,
        credential: None,
    };
    sign_in(&mut registry, &row, &[0xAB; 32]);
    let password = Password::new("canary of the coal mine").expect("long enough");
    let secret = TotpSecret::draw(&seed(9));
    let new = NewFactors {
        password: Some((&password, HashCost::default())),
        totp: Some((&secret, NEVER_USED)),
    };
    (registry.passwords())
        .begin(&OwnerId([2; 16]), &new, NOW, &seed(10))
        .expect("the registry answers")
        .expect("a living person");
    drop(registry);
    let mut bytes = Vec::new();
    for file in ["control.sqlite", "control.sqlite-wal"] {
        bytes.extend(std::fs::read(scratch.path().join(file)).unwrap_or_default());
    }
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"people") && holds(&[2; 16]), "the rows are there");
    for secret in [
        sign_up.as_slice(),
        code.expect("unknown so far").as_bytes(),
        b"+819012345678",
        "さくら".as_bytes(),
        &link,
        pairing.as_bytes(),
        &[5; 32],
        b"the api secret",
        &[0xAB; 32],
        b"canary of the coal mine",
        secret.expose(),
        secret.base32().as_bytes(),
    ] {
        assert!(!holds(secret), "{}", String::from_utf8_lossy(secret));
    }
}

/// Free pages and the log are bytes of the file too.
#[test]
fn what_named_an_erased_person_is_in_no_byte_of_the_file() {
    let scratch = Scratch::new("erasure");
    let mut registry = open(&scratch.location());
    let person = enrol(&mut registry, 2);
    let mut passkeys = registry.passkeys();
    let named = passkeys.rename(&person, WalletId(2), &passkey(2).credential, "鍵", &seed(9));
    assert!(named.expect("the registry answers"));
    start(&mut registry, 1);
    let mut cells = scratch
        .location()
        .open(&CONTROL)
        .expect("the registry opens")
        .query(
            "SELECT people.field_key, people.display_name, contacts.contact_index, contacts.contact, passkeys.credential, sign_ups.contact, passkeys.name
             FROM people JOIN contacts ON contacts.person = people.person JOIN passkeys ON passkeys.owner = people.person
             JOIN sign_ups ON sign_ups.contact_index = contacts.contact_index",
            &[],
            |row| (0..7).map(|column| row.blob(column).to_vec()).collect::<Vec<_>>(),
        )
        .expect("the registry answers")
        .remove(0);
    cells.push(b"{\"key\":2}".to_vec());
    let held = || {
        let mut bytes = Vec::new();
        for file in ["control.sqlite", "control.sqlite-wal"] {
            bytes.extend(std::fs::read(scratch.path().join(file)).unwrap_or_default());
        }
        let holds = |needle: &Vec<u8>| bytes.windows(needle.len()).any(|window| window == needle);
        cells.iter().filter(|cell| holds(cell)).count()
    };
    assert_eq!(held(), 8, "all of it is there");
    let erasure = registry
        .erasures()
        .begin(WalletId(2), NOW)
        .expect("the registry answers")
        .expect("a living person");
    assert_eq!((erasure.person, erasure.credentials.len()), (person, 1));
    assert_eq!(
        held(),
        1,
        "all but the credential's id, until the book has revoked it"
    );
    assert_eq!(
        registry
            .erasures()
            .unfinished()
            .expect("the registry answers"),
        [erasure]
    );
    registry
        .erasures()
        .finish(&person, NOW)
        .expect("the registry answers");
    assert_eq!(held(), 0);
    assert!(
        registry
            .erasures()
            .unfinished()
            .expect("the registry answers")
            .is_empty()
    );
    assert_eq!(
        registry
            .erasures()
            .erased_at(WalletId(2))
            .expect("the registry answers"),
        Some(NOW)
    );
}

#[test]
fn an_erased_person_is_nobody_on_both_databases() {
    on_both(|location| {
        let mut registry = open(location);
        let person = enrol(&mut registry, 2);
        let found = registry
            .erasures()
            .begin(WalletId(2), NOW)
            .expect("the registry answers");
        let erasure = found.expect("a living person");
        assert_eq!(
            registry
                .people()
                .find(&person)
                .expect("the registry answers"),
            None
        );
        assert_eq!(
            registry
                .people()
                .of_wallet(WalletId(2))
                .expect("the registry answers"),
            None
        );
        assert_eq!(
            registry
                .contacts()
                .of(&person, NOW)
                .expect("the registry answers"),
            []
        );
        assert!(
            registry
                .factors()
                .passkeys_of(Surface::Wallet, &person)
                .expect("the registry answers")
                .is_empty()
        );
        assert_eq!(
            registry
                .erasures()
                .begin(WalletId(2), NOW)
                .expect("the registry answers"),
            None
        );
        registry
            .erasures()
            .finish(&erasure.person, NOW)
            .expect("the registry answers");
        enrol(&mut registry, 3);
    });
}

#[test]
fn two_operators_who_remove_each_other_leave_one() {
    on_both(|location| {
        let mut registry = open(location);
        for number in [1, 2] {
            let link = registry
                .operators()
                .invite("運用", Role::Admin, NOW, &seed(number))
                .expect("the registry answers");
            let redeemed = registry
                .operators()
                .redeem_link(&link, &passkey(number), NOW);
            redeemed.expect("the registry answers").expect("fresh");
        }
        let operators = registry.operators().list().expect("the registry answers");
        let start = Barrier::new(2);
        let done: Vec<_> = thread::scope(|scope| {
            let racers: Vec<_> = operators
                .iter()
                .map(|one| {
                    let (start, operator) = (&start, one.operator);
                    scope.spawn(move || {
                        let mut registry = open(location);
                        start.wait();
                        registry
                            .operators()
                            .remove(&operator)
                            .expect("the registry answers")
                    })
                })
                .collect();
            racers
                .into_iter()
                .map(|racer| racer.join().expect("no panic"))
                .collect()
        });
        assert_eq!(done.iter().filter(|removed| removed.is_ok()).count(), 1);
        assert!(done.contains(&Err(RemoveRefusal::LastAdmin)));
        assert_eq!(
            registry
                .operators()
                .list()
                .expect("the registry answers")
                .len(),
            1
        );
    });
}

#[test]
fn what_went_back_of_a_top_up_stays_noted_and_is_shown_until_somebody_has_read_it() {
    on_both(|location| {
        let mut registry = open(location);
        let order = |number| NewCardOrder {
            top_up: TopUpId(number),
            amount: 5_000,
            locale: "ja".into(),
            expires_at: Timestamp(9),
        };
        let charge = |refunded, disputed| CardChargeRow {
            charge: "ch_1".into(),
            liability_shift: "shifted".into(),
            refunded,
            disputed,
        };
        let first = registry.card_orders().begin(&order(1)).unwrap();
        assert_eq!(first.charge, None);
        let other = NewCardOrder {
            amount: 6_000,
            ..order(1)
        };
        assert_eq!(
            registry.card_orders().begin(&other).unwrap(),
            first,
            "the order that was first"
        );
        registry.card_orders().begin(&order(2)).unwrap();

        // Answers overtake each other: an older one takes nothing back.
        for answer in [
            charge(0, false),
            charge(1_000, false),
            charge(0, true),
            charge(0, false),
        ] {
            registry
                .card_orders()
                .note_charge(TopUpId(1), &answer)
                .unwrap();
        }
        assert_eq!(
            registry.card_orders().of_charge("ch_1").unwrap(),
            Some(TopUpId(1))
        );
        assert_eq!(registry.card_orders().of_charge("ch_2").unwrap(), None);
        assert_eq!(registry.card_orders().alarms(10).unwrap(), (0, vec![]));
        registry
            .card_orders()
            .raise_alarm(TopUpId(1), Timestamp(70))
            .unwrap();
        registry
            .card_orders()
            .raise_alarm(TopUpId(1), Timestamp(80))
            .unwrap();
        let alarm = CardAlarm {
            top_up: TopUpId(1),
            amount: 5_000,
            charge: charge(1_000, true),
            alarmed_at: Timestamp(70),
        };
        assert_eq!(registry.card_orders().alarms(10).unwrap(), (1, vec![alarm]));
        assert_eq!(registry.card_orders().alarms(0).unwrap(), (1, vec![]));
    });
}

#[test]
fn a_top_up_that_was_closed_without_money_is_found_when_it_is_time_to_ask_again() {
    on_both(|location| {
        let mut registry = open(location);
        for number in [1, 2, 3] {
            let order = NewCardOrder {
                top_up: TopUpId(number),
                amount: 5_000,
                locale: "en".into(),
                expires_at: Timestamp(9),
            };
            registry.card_orders().begin(&order).unwrap();
        }
        let close = |registry: &mut Registry, number, at, ask_at: Option<i64>| {
            registry.card_orders().note_closed(
                TopUpId(number),
                Timestamp(at),
                ask_at.map(Timestamp),
            )
        };
        close(&mut registry, 1, 100, Some(300)).unwrap();
        close(&mut registry, 2, 100, Some(200)).unwrap();
        // Resting after a silence is no end.
        registry
            .card_orders()
            .note_silence(TopUpId(3), Timestamp(150))
            .unwrap();
        let due = |registry: &mut Registry, now| {
            registry
                .card_orders()
                .to_ask_again(Timestamp(now), 10)
                .unwrap()
        };
        assert_eq!(due(&mut registry, 199), []);
        assert_eq!(due(&mut registry, 300), [TopUpId(2), TopUpId(1)]);
        assert_eq!(
            registry
                .card_orders()
                .to_ask_again(Timestamp(300), 1)
                .unwrap()
                .len(),
            1
        );

        close(&mut registry, 2, 250, Some(400)).unwrap();
        let row = registry.card_orders().find(TopUpId(2)).unwrap().unwrap();
        assert_eq!(
            (row.closed_at, row.ask_at),
            (Some(Timestamp(100)), Some(Timestamp(400))),
            "it was closed when it was closed"
        );
        close(&mut registry, 1, 250, None).unwrap();
        assert_eq!(due(&mut registry, 1_000), [TopUpId(2)]);
    });
}
