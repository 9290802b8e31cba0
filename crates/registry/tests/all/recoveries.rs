//! A recovery in the registry's tables, from the first question to the end and back, on both databases.

use mamori_datastore::keys::MasterKey;
use mamori_datastore::testing::on_both;
use mamori_domain::context::{AgentFamily, Asker, SystemReason};
use mamori_domain::ids::{Fingerprint, WalletId};
use mamori_domain::world::Timestamp;
use mamori_registry::acts::Noted;
use mamori_registry::outbox::{Letter, Outbox};
use mamori_registry::{
    AskedRecovery, Contact, Enrolment, NewPasskey, OwnerId, Proof, ProveRefusal, RecoveryStage,
    RecoveryTold, Registry, Seed, StoredPasskey, Surface, UndoSecret,
};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const SORA: OwnerId = OwnerId([3; 16]);
const WALLET: WalletId = WalletId(1);
const KEY: [u8; 32] = [77; 32];

fn noted(id: u8, now: Timestamp) -> Noted {
    Noted {
        asker: Asker::system(SystemReason::Recovery),
        now,
        id: [id; 16],
    }
}

fn passkey(number: u8) -> StoredPasskey {
    StoredPasskey {
        credential: vec![number; 32],
        passkey: "{}".into(),
        sign_count: 0,
    }
}

#[test]
fn a_recovery_goes_to_its_end_and_back_and_old_factors_are_let_go_after_72_hours() {
    on_both(|location| {
        let master = MasterKey::from_bytes([1; 32]);
        let mut registry = Registry::open(location, &master).expect("the registry opens");
        Outbox::open(location, master.wrap_key()).expect("the outbox opens");
        let phone = Contact::parse("090-1234-5678").expect("a contact");
        let enrolment = Enrolment {
            person: SORA,
            contact: &phone,
            locale: "ja",
            display_name: "そら",
            passkey: &passkey(4),
            agent: AgentFamily::Edge,
        };
        let begun = (registry.people()).begin_enrolment(&enrolment, NOW, &Seed::new([1; 32]));
        begun.expect("the registry answers").expect("free");
        registry
            .people()
            .finish_enrolment(&SORA, WALLET)
            .expect("the registry answers");
        // Since long ago she has an account at another provider linked.
        let account = registry.external_subject("https://id.example", "7100001");
        let link = |registry: &mut Registry, owner: &OwnerId, seed: u8| {
            let mut links = registry.external_ids();
            let begun = links.begin(owner, &account, NOW, &Seed::new([seed; 32]));
            begun.expect("the registry answers").map(|_| ())
        };
        link(&mut registry, &SORA, 3).expect("nobody's yet");
        assert!(
            registry
                .external_ids()
                .finish(&SORA)
                .expect("the registry answers")
        );
        let linked = |registry: &mut Registry| {
            let links = registry.external_ids().of(&SORA);
            links.expect("the registry answers").len()
        };
        let secret = std::cell::Cell::new(None::<UndoSecret>);
        let words = |told: &RecoveryTold| {
            secret.set(told.secret.copied().or(secret.get()));
            Letter {
                kind: "sms",
                content: Vec::new(),
            }
        };
        let codes = (registry.recovery_codes())
            .make(&SORA, WALLET, &noted(10, NOW), &Seed::new([2; 32]), &words)
            .expect("the registry answers");
        for (turn, is_undone) in [(0_u8, true), (1, false)] {
            let now = NOW.plus_seconds(i64::from(turn) * 200 * 3_600);
            let asked = AskedRecovery {
                contact: &phone,
                device_key: &KEY,
                agent: AgentFamily::Edge,
                locale: "ja",
            };
            let seed = Seed::new([20 + turn; 32]);
            let handle = registry
                .recoveries()
                .begin(&asked, now, &seed)
                .expect("a row");
            let proof = Proof::SavedCode(&codes[usize::from(turn)]);
            let (first, again) = (noted(20 + turn, now), noted(30 + turn, now));
            let mut prove = |noted: &Noted| {
                (registry.recoveries())
                    .prove(&handle, &KEY, &proof, false, noted, &seed, &words)
                    .expect("the registry answers")
            };
            assert_eq!(prove(&first), Ok(()));
            assert_eq!(prove(&again), Err(ProveRefusal::Wrong), "each code once");
            let then = now.plus_seconds(72 * 3_600);
            let new = passkey(40 + turn);
            let adding = NewPasskey {
                owner: &SORA,
                passkey: &new,
                name: None,
                agent: AgentFamily::Edge,
            };
            let mut early = |at: Timestamp, credential: Fingerprint| {
                (registry.recoveries())
                    .begin_finishing(&handle, &KEY, &[credential], Some(Fingerprint(9)), at)
                    .expect("the registry answers")
            };
            assert!(!early(
                then.minus(std::time::Duration::from_secs(1)),
                Fingerprint(1)
            ));
            let credential = (registry.passkeys())
                .begin_recovering(&adding, then, &seed)
                .expect("the registry answers")
                .expect("there is room");
            let mut recoveries = registry.recoveries();
            let begun = recoveries.begin_finishing(
                &handle,
                &KEY,
                &[credential],
                Some(Fingerprint(9)),
                then,
            );
            assert!(begun.expect("the registry answers"));
            let id = mamori_registry::token_hash(&handle);
            let switched = recoveries.switch(&id, &noted(40 + turn, then), &seed, &words);
            assert!(switched.expect("the registry answers").is_some());
            let debts = recoveries
                .debts(&id)
                .expect("the registry answers")
                .expect("owed");
            assert_eq!(
                debts.revoke.len(),
                2,
                "the passkey, and the account elsewhere"
            );
            recoveries.paid(&id).expect("the registry answers");
            assert_eq!(linked(&mut registry), 0);
            let keys = |registry: &mut Registry| -> Vec<u8> {
                let keys = registry.factors().passkeys_of(Surface::Wallet, &SORA);
                keys.expect("the registry answers")
                    .iter()
                    .map(|key| key.credential[0])
                    .collect()
            };
            assert_eq!(keys(&mut registry), [40 + turn]);
            let after = then.plus_seconds(72 * 3_600);
            let swept = |registry: &mut Registry, at: Timestamp| {
                let seed = Seed::new([60 + turn; 32]);
                registry
                    .recoveries()
                    .sweep(at, &seed, &words)
                    .expect("the registry answers")
            };
            let secret = secret.get().expect("a letter brought it");
            let undo = |registry: &mut Registry, at: Timestamp| {
                let noted = noted(50 + turn, at);
                (registry.recoveries())
                    .undo(&secret, &noted, &seed, &words)
                    .expect("the registry answers")
            };
            if is_undone {
                let undoing = undo(&mut registry, then.plus_seconds(60)).expect("in time");
                let undoing = undoing.expect("it was done");
                assert_eq!(
                    (undoing.revoke, undoing.device),
                    (vec![credential], Some(Fingerprint(9)))
                );
                assert_eq!(undoing.restore.len(), 2);
                assert_eq!(keys(&mut registry), [0_u8; 0], "nothing signs in meanwhile");
                let seed = Seed::new([70; 32]);
                (registry.recoveries())
                    .finish_undo(&id, then.plus_seconds(60), &seed, &words)
                    .expect("the registry answers");
                assert_eq!(keys(&mut registry), [4]);
                assert_eq!(linked(&mut registry), 1);
            } else {
                assert_eq!(
                    swept(
                        &mut registry,
                        after.minus(std::time::Duration::from_secs(1))
                    ),
                    0
                );
                assert_eq!(swept(&mut registry, after), 1);
                assert!(undo(&mut registry, after).is_err());
                assert_eq!(keys(&mut registry), [41]);
                assert_eq!(linked(&mut registry), 0);
            }
            let state = registry.recoveries().state(&handle, &KEY, after);
            let stage = state
                .expect("the registry answers")
                .expect("its own browser")
                .stage;
            let expected = if is_undone {
                RecoveryStage::Undone
            } else {
                RecoveryStage::Settled
            };
            assert_eq!(stage, expected);
        }
    });
}
