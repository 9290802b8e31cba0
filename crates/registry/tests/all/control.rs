//! Control on both databases: what is stored, what is never stored, and that two who race get one answer each.

use std::sync::Barrier;
use std::thread;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::Location;
use mamori_datastore::testing::Scratch;
use mamori_datastore::testing::on_both;
use mamori_domain::ids::{Fingerprint, MerchantId, StoreId, TillId, TopUpId, WalletId};
use mamori_domain::world::Timestamp;
use mamori_registry::{
    CONTROL, CardAlarm, CardChargeRow, CodeRefusal, Contact, Control, Enrolment, LinkRefusal,
    NameTaken, Named, NewCardPayment, Opening, OwnerId, PAIRING_TRIES_MAX, PairingRefusal, Places,
    RemoveRefusal, Seed, SendBudget, SendRefusal, SessionId, SessionRow, SignUpStart,
    StoredPasskey, Surface, token_hash,
};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn open(location: &Location) -> Control {
    Control::open(location, &MasterKey::from_bytes([1; 32])).expect("control opens")
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

fn start(control: &mut Control, number: u8) -> ([u8; 32], Option<String>) {
    let contact = contact();
    let start = SignUpStart {
        contact: &contact,
        locale: "ja",
        browser: b"browser",
    };
    let to_send = control
        .start_sign_up(&start, &SendBudget::default(), NOW, &seed(number))
        .expect("control answers")
        .expect("within the budget");
    (to_send.sign_up, to_send.code)
}

fn enrol(control: &mut Control, number: u8) -> OwnerId {
    let (person, passkey) = (OwnerId([number; 16]), passkey(number));
    let contact = contact();
    let enrolment = Enrolment {
        person,
        contact: &contact,
        locale: "ja",
        display_name: "さくら",
        passkey: &passkey,
    };
    control
        .begin_enrolment(&enrolment, NOW, &seed(number))
        .expect("control answers")
        .expect("free");
    control
        .finish_enrolment(&person, WalletId(u64::from(number)))
        .expect("control answers");
    person
}

#[test]
fn a_sign_up_becomes_a_person() {
    on_both(|location| {
        let mut control = open(location);
        let (sign_up, code) = start(&mut control, 1);
        let proven = control
            .prove_contact(&sign_up, b"browser", &code.expect("unknown so far"), NOW)
            .expect("control answers")
            .expect("right");
        assert_eq!((proven.contact, proven.locale.as_str()), (contact(), "ja"));
        let owner = enrol(&mut control, 1);
        let person = control
            .person(&owner)
            .expect("control answers")
            .expect("active");
        assert_eq!(
            (person.wallet, person.display_name.as_str()),
            (WalletId(1), "さくら")
        );
        assert_eq!(
            control
                .person_of_wallet(WalletId(1))
                .expect("control answers"),
            Some(person)
        );
        assert_eq!(start(&mut control, 2).1, None, "known now");
        let (found, _, stored) = control
            .passkey(Surface::Wallet, &[1; 32])
            .expect("control answers")
            .expect("active");
        assert_eq!((found, stored.passkey.as_str()), (owner, "{\"key\":1}"));
        assert!(
            control
                .passkey(Surface::Console, &[1; 32])
                .expect("control answers")
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
                let mut control = open(location);
                barrier.wait();
                control
                    .prove_contact(&sign_up, b"browser", &wrong, NOW)
                    .expect("control answers")
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
        let mut control = open(location);
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
            control
                .start_sign_up(&start, &budget, NOW, &seed(number))
                .expect("control answers")
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
        let mut control = open(location);
        let mut make = |till: u32| {
            control
                .make_pairing_code(TillId(till), NOW, &seed(till as u8))
                .expect("control answers")
        };
        let (aimed_at, other) = (make(7), make(8));
        let mut try_code = |code: &str| {
            control
                .begin_pairing(code, &[9; 32], NOW, &seed(9))
                .expect("control answers")
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
        let mut control = open(location);
        for number in 1..=120_u8 {
            control
                .name_wallet(
                    OwnerId([number; 16]),
                    WalletId(u64::from(number)),
                    &format!("客{number}"),
                    NOW,
                    &seed(number),
                )
                .expect("control answers");
        }
        let asked: Vec<WalletId> = (1..=130).chain(1..=5).map(WalletId).collect();
        let names = control.names_of_wallets(&asked).expect("control answers");
        assert_eq!(names.len(), 120, "ten wallets have no owner");
        assert_eq!(names[&WalletId(77)], "客77");
        let none = control.names_of_wallets(&[]).expect("control answers");
        assert!(none.is_empty());
    });
}

#[test]
fn one_pairing_code_at_many_devices_enrols_one() {
    on_both(|location| {
        let code = open(location)
            .make_pairing_code(TillId(7), NOW, &seed(1))
            .expect("control answers");
        let barrier = Barrier::new(6);
        let answers: Vec<Result<TillId, PairingRefusal>> = thread::scope(|scope| {
            let pairing: Vec<_> = (0..6_u8)
                .map(|number| {
                    let (barrier, code) = (&barrier, &code);
                    scope.spawn(move || {
                        let mut control = open(location);
                        barrier.wait();
                        control
                            .begin_pairing(code, &[number; 32], NOW, &seed(number))
                            .expect("control answers")
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

#[test]
fn a_counter_is_compared_and_set() {
    on_both(|location| {
        let mut control = open(location);
        enrol(&mut control, 1);
        let after = StoredPasskey {
            sign_count: 5,
            ..passkey(1)
        };
        assert!(
            control
                .note_assertion(&passkey(1), &after, NOW)
                .expect("control answers")
        );
        assert!(
            !control
                .note_assertion(&passkey(1), &after, NOW)
                .expect("control answers"),
            "the same counter twice"
        );
    });
}

#[test]
fn a_session_is_found_by_its_token_alone_and_renewed_in_one_step() {
    on_both(|location| {
        let mut control = open(location);
        let owner = enrol(&mut control, 1);
        let row = SessionRow {
            session: SessionId([3; 16]),
            surface: Surface::Wallet,
            owner,
            wallet: Some(WalletId(1)),
            made_at: NOW,
            seen_at: NOW,
            ends_at: NOW.plus_seconds(3_600),
        };
        control
            .start_session(&row, &[9; 32])
            .expect("control answers");
        assert_eq!(
            control
                .session(Surface::Wallet, &token_hash(&[9; 32]))
                .expect("control answers"),
            Some(row.clone())
        );
        assert_eq!(
            control
                .session(Surface::Console, &token_hash(&[9; 32]))
                .expect("control answers"),
            None
        );
        assert!(
            control
                .renew_token(&row.session, &token_hash(&[9; 32]), &[10; 32])
                .expect("control answers")
        );
        assert!(
            !control
                .renew_token(&row.session, &token_hash(&[9; 32]), &[11; 32])
                .expect("control answers")
        );
        assert!(
            control
                .touch_session(&row.session, NOW.plus_seconds(1))
                .expect("control answers")
        );
        let renewed = control
            .session(Surface::Wallet, &token_hash(&[10; 32]))
            .expect("control answers")
            .expect("live");
        assert_eq!(
            renewed,
            SessionRow {
                seen_at: NOW.plus_seconds(1),
                ..row.clone()
            }
        );
        assert_eq!(
            control
                .sessions_of(Surface::Wallet, &owner, NOW)
                .expect("control answers"),
            [renewed]
        );
        assert!(
            !control
                .end_session(Surface::Wallet, &OwnerId([8; 16]), &row.session)
                .expect("control answers"),
            "of somebody else"
        );
        assert_eq!(
            control
                .end_sessions_of(Surface::Wallet, &owner)
                .expect("control answers"),
            1
        );
        assert!(
            !control
                .touch_session(&row.session, NOW)
                .expect("control answers")
        );
    });
}

#[test]
fn operators_links_and_papers_are_the_same_on_both() {
    on_both(|location| {
        let mut control = open(location);
        let link = control
            .invite_operator("運用", NOW, &seed(1))
            .expect("control answers");
        let late = NOW.plus_seconds(24 * 3_600);
        assert_eq!(
            control
                .operator_of_link(&link, late)
                .expect("control answers"),
            Err(LinkRefusal::Expired)
        );
        let operator = control
            .redeem_link(&link, &passkey(1), NOW)
            .expect("control answers")
            .expect("fresh");
        assert_eq!(
            control
                .redeem_link(&link, &passkey(2), NOW)
                .expect("control answers"),
            Err(LinkRefusal::Used)
        );
        assert_eq!(
            control
                .operator_name(&operator)
                .expect("control answers")
                .as_deref(),
            Some("運用")
        );

        control
            .name_merchant(MerchantId(1), "書店")
            .expect("control answers");
        control
            .name_store(StoreId(2), MerchantId(1), "本店")
            .expect("control answers");
        control
            .name_till(TillId(3), StoreId(2), "レジ")
            .expect("control answers");
        control
            .name_till(TillId(3), StoreId(2), "レジ1")
            .expect("control answers");
        let papers = control.till_papers().expect("control answers");
        assert_eq!(
            (
                papers.len(),
                papers[0].name.as_str(),
                papers[0].store_name.as_str(),
                papers[0].merchant_name.as_str()
            ),
            (1, "レジ1", "本店", "書店")
        );

        control
            .begin_api_key("key-1", MerchantId(1), "the secret", true, NOW, [4; 12])
            .expect("control answers");
        assert!(
            control.api_keys().expect("control answers").is_empty(),
            "a key that the book has not bound yet signs nothing"
        );
        control.finish_api_key("key-1").expect("control answers");
        let keys = control.api_keys().expect("control answers");
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
    places: Places,
    keys: Vec<Fingerprint>,
}

impl Named for Known {
    fn wallet_of(&mut self, _: Fingerprint) -> Result<Option<WalletId>, Fault> {
        Ok(None)
    }
    fn wallets_of(&mut self, credentials: &[Fingerprint]) -> Result<Vec<Option<WalletId>>, Fault> {
        Ok(vec![None; credentials.len()])
    }
    fn device_of(&mut self, _: TillId) -> Result<Option<Fingerprint>, Fault> {
        Ok(None)
    }
    fn merchant_of_key(&mut self, key: Fingerprint) -> Result<Option<MerchantId>, Fault> {
        Ok(self.keys.contains(&key).then_some(MerchantId(1)))
    }
    fn places(&mut self) -> Result<Places, Fault> {
        Ok(self.places.clone())
    }
}

#[test]
fn what_is_being_opened_gets_the_id_without_a_name_in_its_own_place() {
    on_both(|location| {
        let mut control = open(location);
        let mut known = Known::default();
        known.places.merchants = vec![MerchantId(1), MerchantId(2)];
        known.places.stores = vec![(StoreId(1), MerchantId(1)), (StoreId(2), MerchantId(2))];
        for merchant in [1, 2] {
            control
                .name_merchant(MerchantId(merchant), &format!("merchant {merchant}"))
                .expect("control answers");
        }
        // Both stores are without a name: the opening is for the second merchant.
        let what = Opening::Store(MerchantId(2));
        let begun = control.begin_opening(what, "本店", NOW, &seed(1));
        begun.expect("control answers").expect("a free name");
        let settled = control
            .settle_openings(&mut known)
            .expect("control answers");
        assert_eq!((settled.finished, settled.dead), (1, 0));
        let stores = control.directory().expect("control answers").stores;
        assert_eq!(
            (stores.len(), stores[0].store, stores[0].name.as_str()),
            (1, StoreId(2), "本店")
        );
        let taken = control.begin_opening(what, "本店", NOW, &seed(2));
        assert_eq!(taken.expect("control answers"), Err(NameTaken));
        // A till that the book never opened is forgotten.
        let till = Opening::Till(StoreId(2));
        let begun = control.begin_opening(till, "1", NOW, &seed(3));
        begun.expect("control answers").expect("a free name");
        let settled = control
            .settle_openings(&mut known)
            .expect("control answers");
        assert_eq!((settled.finished, settled.dead), (0, 1));
        // The store that nobody named gets its number for a name, whatever came of the others.
        assert_eq!(
            control
                .reconcile(&mut known)
                .expect("control answers")
                .finished,
            1
        );
        let stores = control.directory().expect("control answers").stores;
        assert_eq!(stores[0].name, "#1");
    });
}

#[test]
fn a_key_walks_from_pending_to_live_to_dead_and_loses_its_secret() {
    on_both(|location| {
        let mut control = open(location);
        let mut known = Known::default();
        let begin = |control: &mut Control, name: &str| {
            control
                .begin_api_key(name, MerchantId(1), "the secret", true, NOW, [4; 12])
                .expect("control answers")
        };
        let (live, _) = (begin(&mut control, "mk_1"), begin(&mut control, "mk_2"));
        assert!(control.api_keys().expect("control answers").is_empty());
        known.keys.push(live);
        let early = control.settle_api_keys(&mut known, NOW.plus_seconds(60));
        assert_eq!(early.expect("control answers"), Default::default());
        let settled = control.settle_api_keys(&mut known, NOW.plus_seconds(121));
        let settled = settled.expect("control answers");
        assert_eq!((settled.finished, settled.dead), (1, 1));
        assert_eq!(
            control.live_api_keys().expect("control answers"),
            [(MerchantId(1), 1)]
        );
        assert!(
            control
                .set_opa_auth("mk_1", false)
                .expect("control answers")
        );
        assert!(
            !control
                .set_opa_auth("mk_2", false)
                .expect("control answers")
        );
        assert!(!control.api_keys().expect("control answers")[0].opa_auth);
        control
            .end_api_key("mk_1", Some(NOW.plus_seconds(1)))
            .expect("control answers");
        assert!(control.api_keys().expect("control answers").is_empty());
        assert!(!control.set_opa_auth("mk_1", true).expect("control answers"));
        let papers = control
            .api_key_papers(MerchantId(1))
            .expect("control answers");
        assert_eq!(
            (papers.len(), papers[0].is_live, papers[0].revoked_at),
            (1, false, Some(NOW.plus_seconds(1)))
        );
    });
}

#[test]
fn old_rows_are_swept() {
    on_both(|location| {
        let mut control = open(location);
        start(&mut control, 1);
        assert_eq!(
            control
                .sweep_sign_ups(NOW.plus_seconds(7_200))
                .expect("control answers"),
            0
        );
        assert_eq!(
            control
                .sweep_sign_ups(NOW.plus_seconds(7_201))
                .expect("control answers"),
            1
        );
    });
}

/// What a thief of the file could read.
#[test]
fn no_secret_and_no_personal_data_stands_in_the_file() {
    let scratch = Scratch::new("control");
    let mut control = open(&scratch.location());
    let (sign_up, code) = start(&mut control, 1);
    enrol(&mut control, 2);
    let link = control
        .invite_operator("運用", NOW, &seed(3))
        .expect("control answers");
    let pairing = control
        .make_pairing_code(TillId(7), NOW, &seed(4))
        .expect("control answers");
    control
        .begin_pairing(&pairing, &[5; 32], NOW, &seed(5))
        .expect("control answers")
        .expect("fresh");
    control
        .begin_api_key("key-1", MerchantId(1), "the api secret", true, NOW, [6; 12])
        .expect("control answers");
    let row = SessionRow {
        session: SessionId([3; 16]),
        surface: Surface::Wallet,
        owner: OwnerId([2; 16]),
        wallet: Some(WalletId(2)),
        made_at: NOW,
        seen_at: NOW,
        ends_at: NOW,
    };
    control
        .start_session(&row, &[0xAB; 32])
        .expect("control answers");
    drop(control);
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
    ] {
        assert!(!holds(secret), "{}", String::from_utf8_lossy(secret));
    }
}

/// Free pages and the log are bytes of the file too.
#[test]
fn what_named_an_erased_person_is_in_no_byte_of_the_file() {
    let scratch = Scratch::new("erasure");
    let mut control = open(&scratch.location());
    let person = enrol(&mut control, 2);
    start(&mut control, 1);
    let mut cells = scratch
        .location()
        .open(&CONTROL)
        .expect("control opens")
        .query(
            "SELECT people.field_key, people.display_name, contacts.contact_index, contacts.contact, passkeys.credential, sign_ups.contact
             FROM people JOIN contacts ON contacts.person = people.person JOIN passkeys ON passkeys.owner = people.person
             JOIN sign_ups ON sign_ups.contact_index = contacts.contact_index",
            &[],
            |row| (0..6).map(|column| row.blob(column).to_vec()).collect::<Vec<_>>(),
        )
        .expect("control answers")
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
    assert_eq!(held(), 7, "all of it is there");
    let erasure = control
        .begin_erasure(WalletId(2), NOW)
        .expect("control answers")
        .expect("a living person");
    assert_eq!((erasure.person, erasure.credentials.len()), (person, 1));
    assert_eq!(
        held(),
        1,
        "all but the credential's id, until the book has revoked it"
    );
    assert_eq!(
        control.unfinished_erasures().expect("control answers"),
        [erasure]
    );
    control
        .finish_erasure(&person, NOW)
        .expect("control answers");
    assert_eq!(held(), 0);
    assert!(
        control
            .unfinished_erasures()
            .expect("control answers")
            .is_empty()
    );
    assert_eq!(
        control.erased_at(WalletId(2)).expect("control answers"),
        Some(NOW)
    );
}

#[test]
fn an_erased_person_is_nobody_on_both_databases() {
    on_both(|location| {
        let mut control = open(location);
        let person = enrol(&mut control, 2);
        let found = control
            .begin_erasure(WalletId(2), NOW)
            .expect("control answers");
        let erasure = found.expect("a living person");
        assert_eq!(control.person(&person).expect("control answers"), None);
        assert_eq!(
            control
                .person_of_wallet(WalletId(2))
                .expect("control answers"),
            None
        );
        assert_eq!(
            control
                .contact_of_wallet(WalletId(2))
                .expect("control answers"),
            None
        );
        assert!(
            control
                .passkeys_of(Surface::Wallet, &person)
                .expect("control answers")
                .is_empty()
        );
        assert_eq!(
            control
                .begin_erasure(WalletId(2), NOW)
                .expect("control answers"),
            None
        );
        control
            .finish_erasure(&erasure.person, NOW)
            .expect("control answers");
        enrol(&mut control, 3);
    });
}

#[test]
fn two_operators_who_remove_each_other_leave_one() {
    on_both(|location| {
        let mut control = open(location);
        for number in [1, 2] {
            let link = control
                .invite_operator("運用", NOW, &seed(number))
                .expect("control answers");
            let redeemed = control.redeem_link(&link, &passkey(number), NOW);
            redeemed.expect("control answers").expect("fresh");
        }
        let operators = control.operators().expect("control answers");
        let start = Barrier::new(2);
        let done: Vec<_> = thread::scope(|scope| {
            let racers: Vec<_> = operators
                .iter()
                .map(|one| {
                    let (start, operator) = (&start, one.operator);
                    scope.spawn(move || {
                        let mut control = open(location);
                        start.wait();
                        control.remove_operator(&operator).expect("control answers")
                    })
                })
                .collect();
            racers
                .into_iter()
                .map(|racer| racer.join().expect("no panic"))
                .collect()
        });
        assert_eq!(done.iter().filter(|removed| removed.is_ok()).count(), 1);
        assert!(done.contains(&Err(RemoveRefusal::LastOne)));
        assert_eq!(control.operators().expect("control answers").len(), 1);
    });
}

#[test]
fn what_went_back_of_a_top_up_stays_noted_and_is_shown_until_somebody_has_read_it() {
    on_both(|location| {
        let mut control = open(location);
        let order = |number| NewCardPayment {
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
        let first = control.begin_card_payment(&order(1)).unwrap();
        assert_eq!(first.charge, None);
        let other = NewCardPayment {
            amount: 6_000,
            ..order(1)
        };
        assert_eq!(
            control.begin_card_payment(&other).unwrap(),
            first,
            "the order that was first"
        );
        control.begin_card_payment(&order(2)).unwrap();

        // Answers overtake each other: an older one takes nothing back.
        for answer in [
            charge(0, false),
            charge(1_000, false),
            charge(0, true),
            charge(0, false),
        ] {
            control.note_card_charge(TopUpId(1), &answer).unwrap();
        }
        assert_eq!(control.top_up_of_charge("ch_1").unwrap(), Some(TopUpId(1)));
        assert_eq!(control.top_up_of_charge("ch_2").unwrap(), None);
        assert_eq!(control.card_alarms(10).unwrap(), (0, vec![]));
        control.raise_card_alarm(TopUpId(1), Timestamp(70)).unwrap();
        control.raise_card_alarm(TopUpId(1), Timestamp(80)).unwrap();
        let alarm = CardAlarm {
            top_up: TopUpId(1),
            amount: 5_000,
            charge: charge(1_000, true),
            alarmed_at: Timestamp(70),
        };
        assert_eq!(control.card_alarms(10).unwrap(), (1, vec![alarm]));
        assert_eq!(control.card_alarms(0).unwrap(), (1, vec![]));
    });
}

#[test]
fn a_top_up_that_was_closed_without_money_is_found_when_it_is_time_to_ask_again() {
    on_both(|location| {
        let mut control = open(location);
        for number in [1, 2, 3] {
            let order = NewCardPayment {
                top_up: TopUpId(number),
                amount: 5_000,
                locale: "en".into(),
                expires_at: Timestamp(9),
            };
            control.begin_card_payment(&order).unwrap();
        }
        let close = |control: &mut Control, number, at, ask_at: Option<i64>| {
            control.note_card_closed(TopUpId(number), Timestamp(at), ask_at.map(Timestamp))
        };
        close(&mut control, 1, 100, Some(300)).unwrap();
        close(&mut control, 2, 100, Some(200)).unwrap();
        // Resting after a silence is no end.
        control
            .note_card_silence(TopUpId(3), Timestamp(150))
            .unwrap();
        let due = |control: &mut Control, now| {
            control
                .card_payments_to_ask_again(Timestamp(now), 10)
                .unwrap()
        };
        assert_eq!(due(&mut control, 199), []);
        assert_eq!(due(&mut control, 300), [TopUpId(2), TopUpId(1)]);
        assert_eq!(
            control
                .card_payments_to_ask_again(Timestamp(300), 1)
                .unwrap()
                .len(),
            1
        );

        close(&mut control, 2, 250, Some(400)).unwrap();
        let row = control.card_payment(TopUpId(2)).unwrap().unwrap();
        assert_eq!(
            (row.closed_at, row.ask_at),
            (Some(Timestamp(100)), Some(Timestamp(400))),
            "it was closed when it was closed"
        );
        close(&mut control, 1, 250, None).unwrap();
        assert_eq!(due(&mut control, 1_000), [TopUpId(2)]);
    });
}
