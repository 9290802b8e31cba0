//! Signing in while the owner is taken away, and what ends with a session.

use std::sync::Arc;

use mamori_datastore::keys::MasterKey;
use mamori_datastore::testing::Scratch;
use mamori_domain::command::{Command, Request};
use mamori_domain::context::{Actor, Asker, Context, SystemReason};
use mamori_domain::decide::Limits;
use mamori_domain::ids::WalletId;
use mamori_domain::lifecycle::Purpose;
use mamori_domain::refusal::Refusal;
use mamori_domain::world::Timestamp;
use mamori_engine::testing::ManualClock;
use mamori_engine::{Engine, EngineConfig};
use mamori_flows::passkeys::{self, PasskeyOwner};
use mamori_flows::session::{self, NewSession, SessionOwner, TokenSession, journal_id};
use mamori_flows::sign_in::{self, Assertion, NotSignedIn};
use mamori_flows::{Denied, Run, Stop, erase, sign_up};
use mamori_registry::{
    AgentFamily, AuthMethod, Contact, Enrolment, NewPasskey, OwnerId, Registry, Role, Seed,
    SessionDevice, SessionId, StoredPasskey, Surface, token_hash,
};

const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
const SORA: OwnerId = OwnerId([7; 16]);

/// An assertion that is right.
struct Right(StoredPasskey);

impl Assertion for Right {
    type Problem = ();

    fn credential(&self) -> &[u8] {
        &self.0.credential
    }

    fn check(&self, _: &OwnerId, stored: &StoredPasskey) -> Result<StoredPasskey, ()> {
        Ok(stored.clone())
    }
}

struct World {
    engine: Engine,
    scratch: Scratch,
}

fn passkey(number: u8) -> StoredPasskey {
    StoredPasskey {
        credential: vec![number; 16],
        passkey: "{}".into(),
        sign_count: 0,
    }
}

impl World {
    fn new() -> World {
        let scratch = Scratch::new("sessions");
        let engine = Engine::open(EngineConfig {
            location: scratch.location(),
            master: Arc::new(MasterKey::from_bytes([42; 32])),
            limits: Limits::default(),
            standby: false,
            purpose: Purpose::Development,
            clock: Arc::new(ManualClock::at(NOW.0)),
            entropy: [5; 32],
            on_fatal: Arc::new(|fault| panic!("the engine must not die here: {fault}")),
        });
        World {
            engine: engine.expect("the engine starts"),
            scratch,
        }
    }

    fn registry(&self) -> Registry {
        let master = MasterKey::from_bytes([42; 32]);
        Registry::open(&self.scratch.location(), &master).expect("it opens")
    }

    fn run<T>(&self, number: u8, work: impl FnOnce(&mut Run) -> T) -> T {
        let (mut registry, seed) = (self.registry(), Seed::new([number; 32]));
        work(&mut Run {
            engine: &self.engine,
            registry: &mut registry,
            asker: Asker::system(SystemReason::SignUp),
            now: NOW,
            seed: &seed,
        })
    }

    fn customer(&self) -> WalletId {
        let contact = Contact::parse("sora@example.jp").expect("a contact");
        let enrolment = Enrolment {
            person: SORA,
            contact: &contact,
            locale: "ja",
            display_name: "そら",
            passkey: &passkey(3),
            agent: AgentFamily::Unknown,
        };
        self.run(1, |run| sign_up::open_wallet(run, &enrolment, None))
            .expect("a wallet")
    }

    /// The first operator and one more, who signs in with passkey 5.
    fn operators(&self) -> OwnerId {
        let mut registry = self.registry();
        let mut enter = |name: &str, number: u8| {
            let seed = Seed::new([number; 32]);
            let link = registry
                .operators()
                .invite(name, Role::Admin, NOW, &seed)
                .expect("it answers");
            let entered = registry
                .operators()
                .redeem_link(&link, &passkey(number), NOW);
            entered.expect("it answers").expect("a good link")
        };
        enter("一郎", 4);
        enter("次郎", 5)
    }

    fn sign_in(
        &self,
        number: u8,
        surface: Surface,
        passkey: StoredPasskey,
        meanwhile: impl Fn(),
    ) -> Result<TokenSession, Stop> {
        let right = Right(passkey);
        let signed_in = self.run(number, |run| {
            // The passkey is proven, the session not stored yet.
            let may = |_: &SessionOwner| {
                meanwhile();
                Ok::<(), ()>(())
            };
            sign_in::sign_in(run, surface, &right, may, |owner| NewSession {
                surface,
                owner,
                method: AuthMethod::Passkey,
                device: SessionDevice {
                    browser: None,
                    agent: AgentFamily::Unknown,
                    key: None,
                },
                ends_at: NOW.plus_seconds(3_600),
                replaced: None,
            })
        });
        signed_in.map(|proven| match proven {
            Ok(session) => session,
            Err(NotSignedIn::NotProven(why)) => panic!("the passkey is right: {why:?}"),
            Err(NotSignedIn::Denied(())) => panic!("nothing else is asked"),
        })
    }

    fn is_in(&self, surface: Surface, token: &[u8; 32]) -> bool {
        let found = self.registry().sessions().find(surface, &token_hash(token));
        found.expect("the registry answers").is_some()
    }

    fn code(&self, wallet: WalletId, of: &TokenSession) -> Result<(), Refusal> {
        let by = Actor::Customer {
            wallet,
            session: journal_id(&of.row.session),
            credential: None,
            device: None,
        };
        let context = Context {
            by,
            ..Context::system(SystemReason::SignUp)
        };
        let issue = Request::command(Asker::new(context), Command::IssueCode { wallet });
        self.engine
            .ask(issue)
            .expect("the engine answers")
            .map(drop)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.engine.stop();
    }
}

impl World {
    /// Sora's second passkey.
    fn add_passkey(&self, wallet: WalletId, number: u8) {
        let added = self.run(number + 100, |run| {
            let new = NewPasskey {
                owner: &SORA,
                passkey: &passkey(number),
                name: Some("鍵"),
                agent: AgentFamily::Chrome,
            };
            passkeys::add(run, wallet, &new)
        });
        added.expect("there is room");
    }

    fn remove_passkey(&self, wallet: WalletId, number: u8) -> Result<usize, Stop> {
        let by = PasskeyOwner {
            owner: SORA,
            wallet,
            session: SessionId([0; 16]),
        };
        let removed = self.run(number + 150, |run| {
            passkeys::remove(run, &by, &passkey(number).credential)
        });
        removed.map(|ended| ended.len())
    }
}

#[track_caller]
fn owner_gone(signed_in: Result<TokenSession, Stop>) {
    match signed_in.map(|session| session.row) {
        Err(Stop::Denied(Denied::OwnerGone)) => {}
        other => panic!("a session of one who is gone: {other:?}"),
    }
}

#[test]
fn an_operator_who_is_removed_between_passkey_and_session_is_not_signed_in() {
    let world = World::new();
    let operator = world.operators();
    let removed = world.sign_in(11, Surface::Console, passkey(5), || {
        let gone = world.registry().operators().remove(&operator);
        gone.expect("the registry answers")
            .expect("there is another one");
    });
    owner_gone(removed);
}

#[test]
fn a_customer_who_is_erased_between_passkey_and_session_is_not_signed_in() {
    let world = World::new();
    let wallet = world.customer();
    owner_gone(world.sign_in(11, Surface::Wallet, passkey(3), || {
        let erased = world.run(12, |run| erase::erase(run, wallet, false, |_| {}));
        erased.expect("an empty wallet");
    }));
}

#[test]
fn whoever_is_removed_after_signing_in_is_out() {
    let world = World::new();
    let operator = world.operators();
    let session = world.sign_in(11, Surface::Console, passkey(5), || {});
    let token = session.expect("signed in").token;
    assert!(world.is_in(Surface::Console, &token));
    let gone = world.registry().operators().remove(&operator);
    gone.expect("the registry answers")
        .expect("there is another one");
    assert!(!world.is_in(Surface::Console, &token));
}

#[test]
fn a_session_that_ended_shows_no_code_and_the_other_phone_does() {
    let world = World::new();
    let wallet = world.customer();
    let sign_in = |number| {
        let session = world.sign_in(number, Surface::Wallet, passkey(3), || {});
        session.expect("signed in")
    };
    let (phone, tablet) = (sign_in(11), sign_in(12));
    assert_eq!(world.code(wallet, &phone), Ok(()));
    let ended = world.run(13, |run| {
        session::end_others(run, Surface::Wallet, &SORA, &tablet.row.session)
    });
    assert_eq!(ended.expect("both answer").len(), 1);
    assert_eq!(world.code(wallet, &phone), Err(Refusal::SessionEnded));
    assert_eq!(world.code(wallet, &tablet), Ok(()));
}

#[test]
fn a_passkey_that_is_removed_between_its_proof_and_the_session_signs_nobody_in() {
    let world = World::new();
    let wallet = world.customer();
    world.add_passkey(wallet, 4);
    let signed_in = world.sign_in(21, Surface::Wallet, passkey(4), || {
        assert_eq!(world.remove_passkey(wallet, 4).expect("another is left"), 0);
    });
    owner_gone(signed_in);
    // The other passkey's sign-in goes on beside it.
    world.add_passkey(wallet, 5);
    let signed_in = world.sign_in(22, Surface::Wallet, passkey(3), || {
        world.remove_passkey(wallet, 5).expect("another is left");
    });
    let session = signed_in.expect("the passkey stands");
    assert!(world.is_in(Surface::Wallet, &session.token));
}

#[test]
fn the_code_of_a_session_is_worth_nothing_once_its_passkey_is_removed() {
    let world = World::new();
    let wallet = world.customer();
    world.add_passkey(wallet, 4);
    let session = world.sign_in(23, Surface::Wallet, passkey(4), || {});
    let session = session.expect("the passkey is right");
    world.code(wallet, &session).expect("signed in");
    assert_eq!(world.remove_passkey(wallet, 4).expect("another is left"), 1);
    assert!(!world.is_in(Surface::Wallet, &session.token));
    assert!(
        world.code(wallet, &session).is_err(),
        "one that was on its way"
    );
}

#[test]
fn of_two_removals_at_once_one_finds_that_no_other_passkey_is_left() {
    let world = World::new();
    let wallet = world.customer();
    world.add_passkey(wallet, 4);
    // The first removal has begun and not reached the ledger.
    let begun = (world.registry().passkeys()).begin_removing(&SORA, &passkey(4).credential, NOW);
    begun.expect("it answers").expect("another is left");
    match world.remove_passkey(wallet, 3) {
        Err(Stop::Denied(Denied::LastFactor)) => {}
        other => panic!("nobody could enter any more: {other:?}"),
    }
}
