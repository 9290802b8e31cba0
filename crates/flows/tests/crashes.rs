//! A flow that dies between any two of its steps is whole or nothing after the next start.
//!
//! The steps of a flow are one transaction of the registry or one command of the ledger, so there are two places to die at for
//! each command: before it happened, and after it happened and before anybody heard of it.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mamori_datastore::keys::MasterKey;
use mamori_datastore::testing::Scratch;
use mamori_domain::command::{Command, CreditKind, Request};
use mamori_domain::context::{AgentFamily, Asker, SystemReason};
use mamori_domain::decide::Limits;
use mamori_domain::ids::{MerchantId, StoreId, TillId, WalletId};
use mamori_domain::lifecycle::Purpose;
use mamori_domain::money::Amount;
use mamori_domain::world::Timestamp;
use mamori_engine::journal::JournalReader;
use mamori_engine::testing::{Loss, ManualClock};
use mamori_engine::{Engine, EngineConfig};
use mamori_flows::api_key;
use mamori_flows::contacts;
use mamori_flows::delivery::{Parcel, SHARD, deliver, sort, take_in_journal};
use mamori_flows::enrol;
use mamori_flows::erase;
use mamori_flows::messages::{Message, MessageKind};
use mamori_flows::notices;
use mamori_flows::open::{self, NewStore, Turns};
use mamori_flows::passkeys::{self, PasskeyOwner};
use mamori_flows::password;
use mamori_flows::reconcile;
use mamori_flows::sign_up;
use mamori_flows::{Denied, Flow, Run, Stop};
use mamori_registry::outbox::{Delivery, EntryKey, Lane, Outbox};
use mamori_registry::{
    CONTROL, Contact, ContactChange, EndedSession, Enrolment, HashCost, NEVER_USED, NewFactors,
    NewPasskey, NotMe, NoticeChoices, Opening, OwnerId, Password, PasswordEnrolment, Reconciled,
    Registry, Rows, Seed, SessionId, StoredPasskey, Surface, TotpSecret, Ways, step_at, token_hash,
};

const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
const BOTH: [Loss; 2] = [Loss::Command, Loss::Answer];
const SORA: OwnerId = OwnerId([7; 16]);
const TOKEN: [u8; 32] = [8; 32];

/// A store, the process that serves it, and how many flows it has run.
struct World {
    scratch: Scratch,
    engine: Engine,
    registry: Registry,
    runs: u8,
}

fn engine(scratch: &Scratch) -> Engine {
    engine_at(scratch, NOW)
}

fn engine_at(scratch: &Scratch, now: Timestamp) -> Engine {
    Engine::open(EngineConfig {
        location: scratch.location(),
        master: Arc::new(MasterKey::from_bytes([42; 32])),
        limits: Limits::default(),
        standby: false,
        purpose: Purpose::Development,
        clock: Arc::new(ManualClock::at(now.0)),
        entropy: [5; 32],
        on_fatal: Arc::new(|fault| panic!("the engine must not die here: {fault}")),
    })
    .expect("the engine starts")
}

fn registry(scratch: &Scratch) -> Registry {
    Registry::open(&scratch.location(), &MasterKey::from_bytes([42; 32])).expect("it opens")
}

impl World {
    fn new() -> World {
        let scratch = Scratch::new("flow");
        World {
            engine: engine(&scratch),
            registry: registry(&scratch),
            scratch,
            runs: 0,
        }
    }

    /// The process dies and another one starts on the same store.
    fn restart(&mut self) -> Reconciled {
        self.engine.stop();
        self.engine = engine(&self.scratch);
        self.registry = registry(&self.scratch);
        let done = reconcile::at_start(&self.engine, &mut self.registry).expect("both answer");
        let again = reconcile::at_start(&self.engine, &mut self.registry).expect("both answer");
        assert_eq!(again, Reconciled::default(), "once is enough");
        done
    }

    /// The housekeeper comes by so many seconds later.
    fn sweeps(&mut self, seconds: i64) {
        let (now, seed) = (NOW.plus_seconds(seconds), Seed::new([98; 32]));
        reconcile::sweep(&self.engine, &mut self.registry, now, &seed).expect("both answer");
    }

    fn run<T>(&mut self, flow: impl FnOnce(&mut Run) -> Flow<T>) -> Flow<T> {
        self.runs += 1;
        let seed = Seed::new([self.runs; 32]);
        flow(&mut Run {
            engine: &self.engine,
            registry: &mut self.registry,
            asker: Asker::system(SystemReason::CommandLine),
            now: NOW,
            seed: &seed,
        })
    }

    /// Runs a flow that dies at its next command.
    #[track_caller]
    fn dies<T>(&mut self, loss: Loss, flow: impl FnOnce(&mut Run) -> Flow<T>) {
        self.engine.lose_next(loss);
        match self.run(flow).map(drop) {
            Err(Stop::Fault(_)) => {}
            other => panic!("it goes on after {loss:?}: {other:?}"),
        }
    }

    fn open(&mut self, what: Opening, name: &str) -> Flow<u32> {
        let turns = Turns::default();
        self.run(|run| open::open(run, &turns.take(), what, name))
    }

    fn shop(&mut self) {
        self.open(Opening::Merchant, "まもり書店")
            .expect("a free name");
        self.open(Opening::Store(MerchantId(1)), "本店")
            .expect("a free name");
        self.open(Opening::Till(StoreId(1)), "レジ1")
            .expect("a free name");
    }

    fn live_keys(&mut self) -> Vec<(String, bool)> {
        let keys = self.registry.api_keys().live_with_secrets().expect("read");
        let named = |key| self.engine.merchant_of_key(key).expect("read").is_some();
        keys.into_iter()
            .map(|key| (key.api_key, named(key.fingerprint)))
            .collect()
    }

    /// The device of till 1: in the ledger, and as it would be recognised.
    fn device(&mut self) -> (bool, bool) {
        let named = self.engine.device_of(TillId(1)).expect("read");
        let found = self.registry.devices().find(&token_hash(&TOKEN));
        (named.is_some(), found.expect("read").is_some())
    }

    fn pairing_code(&mut self) -> String {
        self.runs += 1;
        let seed = Seed::new([self.runs; 32]);
        let mut devices = self.registry.devices();
        devices
            .make_pairing_code(TillId(1), NOW, &seed)
            .expect("written")
    }

    /// The customer of these stories: the wallet, and whether a sign-in would find the passkey.
    fn customer(&mut self) -> (Option<WalletId>, bool) {
        let credential = self
            .registry
            .fingerprint("credential", &passkey().credential);
        let wallet = self.engine.wallet_of(credential).expect("read");
        let person = self.registry.people().find(&SORA).expect("read");
        assert_eq!(
            person.as_ref().map(|person| person.wallet),
            wallet.filter(|_| person.is_some()),
            "a person who can be found owns the wallet that the passkey opens"
        );
        (wallet, person.is_some())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.engine.stop();
    }
}

fn passkey() -> StoredPasskey {
    StoredPasskey {
        credential: vec![3; 16],
        passkey: "{}".into(),
        sign_count: 0,
    }
}

fn sign_up(run: &mut Run) -> Flow<WalletId> {
    let contact = Contact::parse("sora@example.jp").expect("a contact");
    let enrolment = Enrolment {
        person: SORA,
        contact: &contact,
        locale: "ja",
        display_name: "そら",
        passkey: &passkey(),
        agent: AgentFamily::Unknown,
    };
    sign_up::open_wallet(run, &enrolment, None)
}

const CHEAP: HashCost = HashCost {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};

fn secret() -> TotpSecret {
    TotpSecret::draw(&Seed::new([11; 32]))
}

fn words(text: &str) -> Password {
    Password::new(text).expect("eight characters")
}

fn opened_by_password(run: &mut Run, new: &PasswordEnrolment) -> Flow<WalletId> {
    password::open_wallet(run, new, None).map(|(wallet, _)| wallet)
}

/// Calls a function with a sign-up by password.
fn password_enrolment<T>(with: impl FnOnce(&PasswordEnrolment) -> T) -> T {
    let contact = Contact::parse("sora@example.jp").expect("a contact");
    with(&PasswordEnrolment {
        person: SORA,
        contact: &contact,
        locale: "ja",
        display_name: "そら",
        password: (&words("わたしのねこはみけ"), CHEAP),
        totp: (&secret(), NEVER_USED),
    })
}

impl World {
    /// The wallet that password and codes open, both of them named by the ledger.
    fn opens(&mut self, typed: &str, now: Timestamp) -> Option<WalletId> {
        let contact = Contact::parse("sora@example.jp").expect("a contact");
        let mut passwords = self.registry.passwords();
        let guessed = passwords.guess(&contact, &Password::typed(typed), CHEAP, now);
        let guess = guessed.expect("read").expect("nothing failed before").guess;
        let proven = passwords.prove(&guess, &secret().code(step_at(now)), now);
        let (_, pair) = proven.expect("read").ok()?;
        let named = self.engine.wallets_of(&[pair.first, pair.totp]);
        match named.expect("read")[..] {
            [Some(one), Some(same)] if one == same => Some(one),
            _ => None,
        }
    }
}

#[test]
fn a_sign_up_by_password_opens_a_wallet_with_both_factors_or_leaves_the_contact_free() {
    for loss in BOTH {
        let mut world = World::new();
        world.dies(loss, |run| {
            password_enrolment(|new| opened_by_password(run, new))
        });
        world.restart();
        let wallet = world.opens("わたしのねこはみけ", NOW);
        assert_eq!(wallet.is_some(), loss == Loss::Answer);
        let again = world.run(|run| password_enrolment(|new| opened_by_password(run, new)));
        match loss {
            Loss::Command => assert!(again.is_ok(), "the contact is free"),
            Loss::Answer => assert!(matches!(again, Err(Stop::Denied(Denied::ContactTaken)))),
        }
    }
}

#[test]
fn a_wallet_that_was_opened_and_whose_codes_were_not_bound_gets_them_bound() {
    for by_sweep in [false, true] {
        let mut world = World::new();
        let opened = world.run(|run| {
            let mut people = run.registry.people();
            let begun =
                password_enrolment(|new| people.begin_password_enrolment(new, NOW, run.seed));
            let pair = begun?.expect("free");
            Ok(run
                .ask(Command::OpenWallet {
                    credential: pair.first,
                    device: None,
                })?
                .is_ok())
        });
        assert!(opened.expect("both answer"));
        assert_eq!(
            world.opens("わたしのねこはみけ", NOW),
            None,
            "one factor alone"
        );
        let later = NOW.plus_seconds(600);
        match by_sweep {
            true => {
                let seed = Seed::new([99; 32]);
                reconcile::sweep(&world.engine, &mut world.registry, later, &seed)
                    .expect("both answer");
            }
            false => drop(world.restart()),
        }
        assert!(world.opens("わたしのねこはみけ", later).is_some());
    }
}

#[test]
fn a_change_of_password_that_dies_is_whole_or_nothing_and_the_ledger_names_no_other_in_the_end() {
    for loss in BOTH {
        let mut world = World::new();
        let wallet = world.run(|run| password_enrolment(|new| opened_by_password(run, new)));
        let wallet = wallet.expect("free");
        let new = words("あたらしいことば");
        world.dies(loss, |run| {
            let new = NewFactors {
                password: Some((&new, CHEAP)),
                totp: None,
            };
            password::set(run, &SORA, wallet, &new)
        });
        assert_eq!(
            world.opens("わたしのねこはみけ", NOW),
            Some(wallet),
            "until it is settled"
        );
        world.restart();
        let later = NOW.plus_seconds(600);
        let seed = Seed::new([99; 32]);
        reconcile::sweep(&world.engine, &mut world.registry, later, &seed).expect("both answer");
        assert!(
            world
                .registry
                .passwords()
                .dead(None)
                .expect("read")
                .is_empty()
        );
        let (works, gone) = match loss {
            Loss::Command => ("わたしのねこはみけ", "あたらしいことば"),
            Loss::Answer => ("あたらしいことば", "わたしのねこはみけ"),
        };
        assert_eq!(world.opens(gone, later), None);
        assert_eq!(world.opens(works, later), Some(wallet));
    }
}

#[test]
fn a_password_that_was_turned_off_opens_nothing_though_its_end_in_the_ledger_was_lost() {
    for loss in BOTH {
        let mut world = World::new();
        let wallet = world.run(|run| password_enrolment(|new| opened_by_password(run, new)));
        let wallet = wallet.expect("free");
        world.dies(loss, |run| password::remove(run, &SORA, wallet));
        assert_eq!(world.opens("わたしのねこはみけ", NOW), None);
        world.restart();
        let seed = Seed::new([99; 32]);
        reconcile::sweep(&world.engine, &mut world.registry, NOW, &seed).expect("both answer");
        assert!(
            world
                .registry
                .passwords()
                .dead(None)
                .expect("read")
                .is_empty()
        );
    }
}

fn whole_or_nothing(loss: Loss) -> Reconciled {
    match loss {
        Loss::Command => Reconciled {
            finished: 0,
            dead: 1,
        },
        Loss::Answer => Reconciled {
            finished: 1,
            dead: 0,
        },
    }
}

#[test]
fn what_was_being_opened_has_its_name_or_was_never_opened() {
    for loss in BOTH {
        for what in [
            Opening::Merchant,
            Opening::Store(MerchantId(1)),
            Opening::Till(StoreId(1)),
        ] {
            let mut world = World::new();
            world.shop();
            let turns = Turns::default();
            world.dies(loss, |run| open::open(run, &turns.take(), what, "二番"));
            assert_eq!(world.restart(), whole_or_nothing(loss), "{what:?}");
            let names = world.registry.directory().read().expect("read");
            let count = names.merchants.len() + names.stores.len() + names.tills.len();
            match loss {
                Loss::Command => {
                    assert_eq!(count, 3);
                    assert_eq!(world.open(what, "二番").expect("the name is free"), 2);
                }
                Loss::Answer => {
                    assert_eq!(count, 4);
                    let again = world.open(what, "二番");
                    assert!(
                        matches!(again, Err(Stop::Denied(Denied::NameTaken))),
                        "it was opened, and once"
                    );
                }
            }
        }
    }
}

#[test]
fn the_next_opening_settles_what_the_last_one_left_without_a_restart() {
    for loss in BOTH {
        let mut world = World::new();
        let turns = Turns::default();
        world.dies(loss, |run| {
            open::open(run, &turns.take(), Opening::Merchant, "書店")
        });
        let next = world.open(Opening::Merchant, "花屋").expect("a free name");
        let names = world.registry.directory().read().expect("read").merchants;
        let named = |id: u32, name: &str| (MerchantId(id), name.to_owned());
        match loss {
            Loss::Command => assert_eq!((next, names), (1, vec![named(1, "花屋")])),
            Loss::Answer => {
                assert_eq!((next, names), (2, vec![named(1, "書店"), named(2, "花屋")]))
            }
        }
    }
}

#[test]
fn a_refused_opening_leaves_nothing_behind() {
    let mut world = World::new();
    let refused = world.open(Opening::Store(MerchantId(9)), "本店");
    assert!(matches!(refused, Err(Stop::Denied(Denied::Refused(_)))));
    assert_eq!(world.restart(), Reconciled::default());
}

#[test]
fn a_chain_that_dies_is_shorter_and_nothing_in_it_is_half_open() {
    let stores = || {
        ["本店", "駅前店"].map(|name| NewStore {
            name: name.into(),
            tills: vec!["1".into(), "2".into()],
        })
    };
    let mut world = World::new();
    let turns = Turns::default();
    world.dies(Loss::Answer, |run| {
        open::chain(run, &turns.take(), "まもりマート", &stores())
    });
    assert_eq!(world.restart(), whole_or_nothing(Loss::Answer));
    let again = world.run(|run| open::chain(run, &turns.take(), "まもりマート", &stores()));
    assert!(matches!(again, Err(Stop::Denied(Denied::NameTaken))));

    let opened = world.run(|run| open::chain(run, &turns.take(), "花屋", &stores()));
    let opened = opened.expect("a free name");
    assert_eq!((opened.merchant, opened.stores.len()), (MerchantId(2), 2));
    assert_eq!(world.restart(), Reconciled::default());
    let named = world.engine.named().expect("read");
    assert_eq!((named.stores.len(), named.tills.len()), (2, 4));
}

#[test]
fn a_key_that_was_being_made_is_shown_to_operators_or_gone() {
    for loss in BOTH {
        let mut world = World::new();
        world.shop();
        let turns = Turns::default();
        world.dies(loss, |run| api_key::make(run, &turns.take(), MerchantId(1)));
        assert!(world.live_keys().is_empty(), "nobody was told the secret");
        assert_eq!(world.restart(), whole_or_nothing(loss));
        let keys = world.live_keys();
        assert_eq!(keys.len(), usize::from(loss == Loss::Answer));
        assert!(keys.iter().all(|(_, named)| *named));
    }
}

#[test]
fn a_key_that_was_being_revoked_works_on_or_is_dead_for_good() {
    for loss in BOTH {
        let mut world = World::new();
        world.shop();
        let turns = Turns::default();
        let made = world.run(|run| api_key::make(run, &turns.take(), MerchantId(1)));
        let key = made.expect("a merchant").api_key;
        world.dies(loss, |run| api_key::revoke(run, &turns.take(), &key));
        if loss == Loss::Answer {
            assert_eq!(
                world.live_keys(),
                [(key.clone(), false)],
                "the ledger goes first"
            );
        }
        world.restart();
        match loss {
            Loss::Command => assert_eq!(world.live_keys(), [(key, true)]),
            Loss::Answer => assert!(world.live_keys().is_empty()),
        }
    }
}

#[test]
fn a_till_that_was_being_paired_has_a_device_or_none() {
    for loss in BOTH {
        let mut world = World::new();
        world.shop();
        let code = world.pairing_code();
        world.dies(loss, |run| {
            let asker = run.asker;
            enrol::pair(run, &code, &TOKEN, |_| asker)
        });
        assert!(!world.device().1, "not before it is whole");
        assert_eq!(world.restart(), whole_or_nothing(loss));
        let bound = loss == Loss::Answer;
        assert_eq!(world.device(), (bound, bound));
    }
}

#[test]
fn a_till_that_was_leaving_is_bound_as_before_or_free() {
    for loss in BOTH {
        let mut world = World::new();
        world.shop();
        let code = world.pairing_code();
        let paired = world.run(|run| {
            let asker = run.asker;
            enrol::pair(run, &code, &TOKEN, |_| asker)
        });
        paired.expect("a fresh code");
        world.dies(loss, |run| {
            let asker = run.asker;
            enrol::leave(run, &token_hash(&TOKEN), |_| asker)
        });
        world.restart();
        let bound = loss == Loss::Command;
        assert_eq!(world.device(), (bound, bound));
    }
}

#[test]
fn a_visitor_who_was_signing_up_is_a_customer_or_the_contact_is_free() {
    for loss in BOTH {
        let mut world = World::new();
        world.dies(loss, sign_up);
        assert!(!world.customer().1, "not before it is whole");
        assert_eq!(world.restart(), whole_or_nothing(loss));
        let again = world.run(sign_up);
        match loss {
            Loss::Command => {
                again.expect("the contact is free");
            }
            Loss::Answer => {
                assert!(matches!(again, Err(Stop::Denied(Denied::ContactTaken))));
            }
        }
        let (wallet, is_found) = world.customer();
        assert!(wallet.is_some() && is_found);
        assert_eq!(world.engine.survey().expect("read").wallets, 1);
    }
}

/// Sora's second passkey.
fn second() -> StoredPasskey {
    StoredPasskey {
        credential: vec![4; 16],
        ..passkey()
    }
}

fn add_passkey(run: &mut Run) -> Flow<()> {
    let new = NewPasskey {
        owner: &SORA,
        passkey: &second(),
        name: Some("鍵"),
        agent: AgentFamily::Chrome,
    };
    passkeys::add(run, WalletId(1), &new)
}

fn remove_passkey(run: &mut Run) -> Flow<Vec<EndedSession>> {
    let by = PasskeyOwner {
        owner: SORA,
        wallet: WalletId(1),
        session: SessionId([0; 16]),
    };
    passkeys::remove(run, &by, &second().credential)
}

impl World {
    /// How many passkeys Sora may sign in with; the registry and the ledger agree.
    fn passkeys(&mut self) -> usize {
        let mut live = 0;
        for passkey in [passkey(), second()] {
            let mut factors = self.registry.factors();
            let found = factors.find_passkey(Surface::Wallet, &passkey.credential);
            let found = found.expect("it answers");
            let fingerprint = self.registry.fingerprint("credential", &passkey.credential);
            let wallet = self.engine.wallet_of(fingerprint).expect("it answers");
            assert_eq!(found.is_some(), wallet.is_some());
            live += usize::from(found.is_some());
        }
        live
    }
}

#[test]
fn a_passkey_that_was_being_added_is_there_or_was_never_made() {
    for loss in BOTH {
        for at_start in [true, false] {
            let mut world = World::new();
            world.run(sign_up).expect("a free contact");
            world.dies(loss, add_passkey);
            if at_start {
                assert_eq!(world.restart(), whole_or_nothing(loss));
            } else {
                world.sweeps(60);
                let rows = world.registry.passkeys().accepted(&SORA);
                assert_eq!(rows.expect("read").len(), 2, "it may still be on its way");
                world.sweeps(121);
            }
            let there = loss == Loss::Answer;
            assert_eq!(world.passkeys(), 1 + usize::from(there));
            match world.run(add_passkey) {
                Ok(()) if !there => {}
                Err(Stop::Denied(Denied::CredentialTaken)) if there => {}
                other => panic!("{other:?}"),
            }
            assert_eq!(world.passkeys(), 2);
        }
    }
}

#[test]
fn a_passkey_that_was_being_removed_is_gone_or_as_before() {
    for loss in BOTH {
        for at_start in [true, false] {
            let mut world = World::new();
            world.run(sign_up).expect("a free contact");
            world.run(add_passkey).expect("there is room");
            world.dies(loss, remove_passkey);
            let signs_in = (world.registry.factors())
                .find_passkey(Surface::Wallet, &second().credential)
                .expect("it answers");
            assert!(
                signs_in.is_none(),
                "nobody signs in with it from the first step on"
            );
            if at_start {
                let done = world.restart();
                assert_eq!(
                    (done.finished, done.dead),
                    if loss == Loss::Command {
                        (1, 0)
                    } else {
                        (0, 1)
                    }
                );
            } else {
                world.sweeps(121);
            }
            let there = loss == Loss::Command;
            assert_eq!(world.passkeys(), 1 + usize::from(there));
            if there {
                world.run(remove_passkey).expect("asked again");
                assert_eq!(world.passkeys(), 1);
            }
        }
    }
}

#[test]
fn a_removal_that_was_lost_is_ended_by_asking_again() {
    for loss in BOTH {
        let mut world = World::new();
        world.run(sign_up).expect("a free contact");
        world.run(add_passkey).expect("there is room");
        world.dies(loss, remove_passkey);
        world.run(remove_passkey).expect("it goes on");
        assert_eq!(world.passkeys(), 1);
    }
}

#[test]
fn a_passkey_that_was_on_its_way_when_its_owner_was_erased_opens_nothing() {
    let mut world = World::new();
    let wallet = world.run(sign_up).expect("a free contact");
    let new = NewPasskey {
        owner: &SORA,
        passkey: &second(),
        name: None,
        agent: AgentFamily::Chrome,
    };
    let begun = (world.registry.passkeys()).begin_adding(&new, NOW, &Seed::new([88; 32]));
    let credential = begun.expect("written").expect("there is room");
    world
        .run(|run| erase::erase(run, wallet, false, |_| {}))
        .expect("she is erased");
    let finished = world.run(|run| {
        run.ask(Command::BindCredential { wallet, credential })?
            .expect("the wallet is there");
        Ok(run
            .registry
            .passkeys()
            .finish_adding(&SORA, &second().credential)?)
    });
    assert!(!finished.expect("read"), "the flow revokes it again");
}

#[test]
fn an_erasure_that_owes_the_ledger_commands_pays_them_at_the_next_sweep() {
    // Where it stops: before the freeze, after it, between the freeze and the first revocation, after that.
    for (frozen_first, loss) in [
        (false, Loss::Command),
        (false, Loss::Answer),
        (true, Loss::Command),
        (true, Loss::Answer),
    ] {
        let mut world = World::new();
        let wallet = world.run(sign_up).expect("a free contact");
        if frozen_first {
            let begun = world.registry.erasures().begin(wallet, NOW);
            begun.expect("written").expect("a living person");
            let freeze = Request::command(
                Asker::system(SystemReason::Reconciliation),
                Command::Freeze { wallet },
            );
            let frozen = world.engine.ask(freeze).expect("the engine answers");
            frozen.expect("it is open");
            let revoke = Command::RevokeCredential {
                wallet,
                credential: world
                    .registry
                    .fingerprint("credential", &passkey().credential),
            };
            world.engine.lose_next(loss);
            let asked = Request::command(Asker::system(SystemReason::Reconciliation), revoke);
            world.engine.ask(asked).expect_err("the process dies here");
        } else {
            world.engine.lose_next(loss);
            let erased = world.run(|run| erase::erase(run, wallet, false, |_| {}));
            erased.expect("the data is gone, whatever the ledger says");
        }
        assert!(!world.customer().1, "nobody is left to be found");
        world.restart();
        let seed = Seed::new([99; 32]);
        let (engine, registry) = (&world.engine, &mut world.registry);
        reconcile::sweep(engine, registry, NOW, &seed).expect("both answer");
        assert!(registry.erasures().unfinished().expect("read").is_empty());
        assert_eq!(world.customer(), (None, false));
        let view = world
            .run(|run| Ok(erase::look(run, wallet)?))
            .expect("read");
        assert!(view.expect("the wallet stays").frozen);
    }
}

#[test]
fn a_person_with_money_is_erased_only_when_that_is_said() {
    let mut world = World::new();
    let wallet = world.run(sign_up).expect("a free contact");
    let credit = Command::Credit {
        wallet,
        idempotency_key: "given".into(),
        amount: Amount::yen(1),
        kind: CreditKind::Goodwill,
    };
    let given = Request::command(Asker::system(SystemReason::CommandLine), credit);
    world.engine.ask(given).expect("answers").expect("room");
    let refused = world.run(|run| erase::erase(run, wallet, false, |_| {}));
    assert!(matches!(refused, Err(Stop::Denied(Denied::WalletNotEmpty))));
    assert!(world.customer().1, "nothing happened");
    let mut told = None;
    let erased = world.run(|run| erase::erase(run, wallet, true, |who| told = Some(*who)));
    erased.expect("it was said");
    assert_eq!((told, world.customer()), (Some(SORA), (None, false)));
}

const ORIGIN: &str = "https://wallet.example.jp";

/// A notice of the journal and a code that a page sent: carried when the program died, they go once more under the same ids, and
/// only once after that.
#[test]
fn a_message_that_was_carried_when_the_program_died_goes_once_more_under_the_same_id() {
    let mut world = World::new();
    world.run(sign_up).expect("she signs up");
    let wallet = WalletId(1);
    world
        .run(|run| Ok(run.ask(Command::Freeze { wallet })?))
        .expect("the ledger answers")
        .expect("it is Sora's");
    let seal = || MasterKey::from_bytes([42; 32]).wrap_key();
    let open = |world: &World| Outbox::open(&world.scratch.location(), seal()).expect("it opens");
    let take_in = |world: &World, outbox: &mut Outbox| {
        let mut journal = JournalReader::open(&world.scratch.location(), SHARD).expect("it opens");
        while take_in_journal(outbox, &mut journal).expect("both answer") {}
    };
    let code = Message {
        kind: MessageKind::Sms,
        to: "+819012345678".into(),
        subject: String::new(),
        text: "123456".into(),
    };
    let carried = RefCell::new(Vec::new());
    let mut outbox = open(&world);
    outbox
        .enqueue(
            code.kind.word(),
            &code.to_bytes(),
            [1; 12],
            NOW,
            NOW.plus_seconds(600),
        )
        .expect("it is taken");
    take_in(&world, &mut outbox);
    let send = |world: &mut World, outbox: &mut Outbox, dies: bool| {
        let carry = |_: &Parcel, key: EntryKey, _: Timestamp| {
            carried.borrow_mut().push(key);
            assert!(!dies, "the program dies with the message under way");
            Delivery::Sent
        };
        let seed = Seed::new([12; 32]);
        sort(outbox, &mut world.registry, NOW, &seed, ORIGIN).expect("both answer");
        for lane in Lane::ALL {
            let mut one_lane =
                || deliver(outbox, &mut world.registry, lane, NOW, &carry).expect("both answer");
            let _ = catch_unwind(AssertUnwindSafe(&mut one_lane));
        }
    };
    send(&mut world, &mut outbox, true);
    drop(outbox);
    let first = carried.take();
    assert!(!first.is_empty(), "it was carried");

    world.restart();
    let mut outbox = open(&world);
    take_in(&world, &mut outbox);
    send(&mut world, &mut outbox, false);
    let again = carried.take();
    assert_eq!(again.len(), 2, "the code and the notice");
    assert!(
        first.iter().all(|key| again.contains(key)),
        "{first:?} {again:?}"
    );

    world.restart();
    let mut outbox = open(&world);
    take_in(&world, &mut outbox);
    send(&mut world, &mut outbox, false);
    assert!(carried.take().is_empty(), "nothing is owed any more");
}

/// A contact is added and the wallet is frozen: both contacts hear of both, whatever the program dies of between the steps.
#[test]
fn every_contact_hears_of_a_freeze_and_of_a_change_of_contacts() {
    let mut world = World::new();
    let seal = || MasterKey::from_bytes([42; 32]).wrap_key();
    let open = |world: &World| Outbox::open(&world.scratch.location(), seal()).expect("it opens");
    drop(open(&world));
    world.run(sign_up).expect("she signs up");
    let phone = Contact::parse("090-1234-5678").expect("a contact");
    let added = world.run(|run| {
        let add = ContactChange::Add(&phone);
        contacts::change(run, &SORA, &add, ORIGIN)
    });
    added.expect("there is room");
    world
        .run(|run| {
            let wallet = WalletId(1);
            Ok(run.ask(Command::Freeze { wallet })?)
        })
        .expect("the ledger answers")
        .expect("it is Sora's");
    let told = RefCell::new(Vec::new());
    let round = |world: &mut World, lanes: &[Lane]| {
        let mut outbox = open(world);
        let mut journal = JournalReader::open(&world.scratch.location(), SHARD).expect("it opens");
        while take_in_journal(&mut outbox, &mut journal).expect("both answer") {}
        let seed = Seed::new([12; 32]);
        sort(&mut outbox, &mut world.registry, NOW, &seed, ORIGIN).expect("both answer");
        let carry = |Parcel { message, .. }: &Parcel, _: EntryKey, _: Timestamp| {
            let about = ["追加されました", "停止しました"].map(|word| message.text.contains(word));
            told.borrow_mut().push((message.to.clone(), about));
            Delivery::Sent
        };
        for lane in lanes {
            deliver(&mut outbox, &mut world.registry, *lane, NOW, &carry).expect("both answer");
        }
    };
    round(&mut world, &[Lane::Sms]);
    world.restart();
    round(&mut world, &Lane::ALL);
    world.restart();
    round(&mut world, &Lane::ALL);
    let mut told = told.into_inner();
    told.sort();
    let (phone, mail) = ("+819012345678", "sora@example.jp");
    assert_eq!(
        told,
        [
            (phone, [false, true]),
            (phone, [true, false]),
            (mail, [false, true]),
            (mail, [true, false])
        ]
        .map(|(to, about)| (to.to_owned(), about))
    );
}

/// Money comes in; its owner wishes to hear of it by mail. The thread that tells dies wherever it likes: each top-up is told, one by one
/// while they are few, the rest together, and none is told again by a start.
#[test]
fn each_movement_of_money_is_told_once_whatever_the_program_dies_of() {
    let mut world = World::new();
    let seal = || MasterKey::from_bytes([42; 32]).wrap_key();
    let open = |world: &World| Outbox::open(&world.scratch.location(), seal()).expect("it opens");
    drop(open(&world));
    world.run(sign_up).expect("she signs up");
    let wallet = WalletId(1);
    let credit = |world: &World, number: u64| {
        let credit = Command::Credit {
            wallet,
            idempotency_key: format!("top-up {number}").into(),
            amount: Amount::yen(100 + number),
            kind: CreditKind::Cash,
        };
        let given = Request::command(Asker::system(SystemReason::CommandLine), credit);
        world.engine.ask(given).expect("answers").expect("room");
    };
    let told = RefCell::new(Vec::new());
    let round = |world: &mut World, now: Timestamp| {
        let mut outbox = open(world);
        let mut journal = JournalReader::open(&world.scratch.location(), SHARD).expect("it opens");
        while take_in_journal(&mut outbox, &mut journal).expect("both answer") {}
        let seed = Seed::new([12; 32]);
        sort(&mut outbox, &mut world.registry, now, &seed, ORIGIN).expect("both answer");
        let carry = |Parcel { message, .. }: &Parcel, _: EntryKey, _: Timestamp| {
            let lines = message.text.lines().next().unwrap_or_default();
            let words = lines
                .split_once("ウォレットに")
                .map_or(lines, |(_, words)| words);
            told.borrow_mut().push(words.to_owned());
            Delivery::Sent
        };
        for lane in Lane::ALL {
            deliver(&mut outbox, &mut world.registry, lane, now, &carry).expect("both answer");
        }
    };
    // Nobody has asked for it: nothing is sent.
    credit(&world, 1);
    round(&mut world, NOW.plus_seconds(2));
    assert_eq!(told.take(), Vec::<String>::new());

    let by_mail = NoticeChoices {
        money: Ways {
            mail: true,
            ..Ways::NONE
        },
        ..NoticeChoices::default()
    };
    let chosen = world.run(|run| notices::choose(run, wallet, &by_mail));
    chosen.expect("the registry answers");
    world.engine.stop();
    world.engine = engine_at(&world.scratch, NOW.plus_seconds(1));
    credit(&world, 2);
    round(&mut world, NOW.plus_seconds(2));
    world.restart();
    round(&mut world, NOW.plus_seconds(2));
    assert_eq!(told.take(), ["102円をチャージしました。"]);

    for number in 3..=20 {
        credit(&world, number);
    }
    round(&mut world, NOW.plus_seconds(2));
    world.restart();
    round(&mut world, NOW.plus_seconds(2));
    let one_by_one = told.take();
    assert_eq!(
        one_by_one.len(),
        11,
        "twelve an hour, with the first: {one_by_one:?}"
    );
    let sum: u64 = (14..=20).map(|number| 100 + number).sum();
    round(&mut world, NOW.plus_seconds(3_600));
    world.restart();
    round(&mut world, NOW.plus_seconds(3_600));
    assert_eq!(
        told.take(),
        [format!(
            "{sum}円をチャージしました。（7回分のお知らせです）"
        )]
    );
}

/// "This was not me", and the ledger's answer is lost: the wallet stands still after the next start, and the operators know.
#[test]
fn an_answer_of_this_was_not_me_that_was_cut_off_is_brought_to_its_end() {
    for loss in BOTH {
        let mut world = World::new();
        world.run(sign_up).expect("she signs up");
        let wallet = WalletId(1);
        let not_me = NotMe {
            wallet,
            told_at: NOW,
        };
        let secret = world.registry.notices().not_me_secret(&not_me);
        world.dies(loss, |run| notices::not_me(run, &secret, |_| {}));
        world.restart();
        let open = world.registry.notices().open_denials(10).expect("read");
        assert_eq!(open.len(), 1, "{loss:?}");
        assert!(open[0].frozen_at.is_some(), "{loss:?}");
        let again = world.run(|run| notices::not_me(run, &secret, |_| {}));
        assert!(
            matches!(again, Err(Stop::Denied(Denied::NoticeLink))),
            "it is used up"
        );
    }
}

/// An older program left people and passkeys without proofs. The first start gives them theirs, whatever it is interrupted by; what
/// is put there afterwards is a forgery, to the next start too.
#[test]
fn rows_of_an_older_program_are_proven_once_and_never_again() {
    for loss in BOTH {
        let mut world = World::new();
        world.run(sign_up).expect("she signs up");
        let mut db = world.scratch.location().open(&CONTROL).expect("it opens");
        let mut unprove = |table: &str| {
            let sql = format!("UPDATE {table} SET proof = NULL");
            db.execute(&sql, &[]).expect("written");
        };
        unprove("people");
        unprove("passkeys");
        let sora = |world: &mut World| world.registry.people().find(&SORA).map(|row| row.is_some());
        assert!(sora(&mut world).is_err(), "not believed yet");

        world.engine.lose_next(loss);
        let died = reconcile::at_start(&world.engine, &mut world.registry);
        assert!(died.is_err(), "{loss:?}");
        world.restart();
        assert!(sora(&mut world).expect("she is believed"));
        assert_eq!(world.registry.forgeries(Rows::All).expect("read"), []);

        unprove("people");
        world.restart();
        assert!(
            sora(&mut world).is_err(),
            "no row becomes true a second time"
        );
        let forgeries = world.registry.forgeries(Rows::All).expect("read");
        assert_eq!(forgeries.len(), 1);
    }
}
