//! External IDs, on both databases: what a link opens, whose it is, and what is left when it is gone.

use std::collections::HashSet;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::{Location, Param};
use mamori_datastore::testing::on_both;
use mamori_domain::ids::{AuthorizationId, Fingerprint, MerchantId, TillId, WalletId};
use mamori_domain::world::Timestamp;
use mamori_registry::{
    CONTROL, Contact, ExternalEnrolment, ExternalSubject, HashCost, LinkExternalRefusal,
    MerchantTree, NEVER_USED, Named, NamedPermission, NotAccepted, OwnerId, Password,
    PasswordEnrolment, Registry, Seed, TotpSecret, UnlinkRefusal, step_at,
};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ISSUER: &str = "https://id.example";
const SORA: OwnerId = OwnerId([7; 16]);
const UMI: OwnerId = OwnerId([8; 16]);

fn open(location: &Location) -> Registry {
    Registry::open(location, &MasterKey::from_bytes([1; 32])).expect("the registry opens")
}

fn secret() -> TotpSecret {
    TotpSecret::draw(&Seed::new([5; 32]))
}

fn code_at(now: Timestamp) -> String {
    secret().code(step_at(now))
}

/// Somebody with a password and codes.
fn enrol(registry: &mut Registry, person: OwnerId, mail: &str, wallet: u64) {
    let contact = Contact::parse(mail).expect("a contact");
    let password = Password::new("わたしのねこはみけ").expect("nine characters");
    let cost = HashCost {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };
    let enrolment = PasswordEnrolment {
        person,
        contact: &contact,
        locale: "ja",
        display_name: "そら",
        password: (&password, cost),
        totp: (&secret(), NEVER_USED),
    };
    let mut people = registry.people();
    let seed = Seed::new([person.0[0]; 32]);
    let begun = people.begin_password_enrolment(&enrolment, NOW, &seed);
    begun.expect("the registry answers").expect("free");
    let finished = people.finish_enrolment(&person, WalletId(wallet));
    finished.expect("the registry answers");
}

fn with_both(location: &Location) -> Registry {
    let mut registry = open(location);
    enrol(&mut registry, SORA, "sora@example.jp", 1);
    enrol(&mut registry, UMI, "umi@example.jp", 2);
    registry
}

fn begin(
    registry: &mut Registry,
    owner: &OwnerId,
    account: &ExternalSubject,
    seed: u8,
) -> Result<Fingerprint, LinkExternalRefusal> {
    let begun = (registry.external_ids()).begin(owner, account, NOW, &Seed::new([seed; 32]));
    begun.expect("the registry answers")
}

fn link(registry: &mut Registry, owner: &OwnerId, account: &ExternalSubject, seed: u8) {
    begin(registry, owner, account, seed).expect("free");
    let finished = registry.external_ids().finish(owner);
    assert!(finished.expect("the registry answers"));
}

fn prove(
    registry: &mut Registry,
    account: &ExternalSubject,
    now: Timestamp,
) -> Result<OwnerId, NotAccepted> {
    let proven = (registry.external_ids()).prove(account, &code_at(now), now);
    let proven = proven.expect("the registry answers");
    proven.map(|(owner, _)| owner)
}

struct Names(Vec<Fingerprint>);

impl Named for Names {
    fn wallets_of(&mut self, credentials: &[Fingerprint]) -> Result<Vec<Option<WalletId>>, Fault> {
        let named = |one: &Fingerprint| self.0.contains(one).then_some(WalletId(1));
        Ok(credentials.iter().map(named).collect())
    }
    fn device_of(&mut self, _: TillId) -> Result<Option<Fingerprint>, Fault> {
        Ok(None)
    }
    fn merchant_of_key(&mut self, _: Fingerprint) -> Result<Option<MerchantId>, Fault> {
        Ok(None)
    }
    fn merchant_tree(&mut self) -> Result<MerchantTree, Fault> {
        Ok(MerchantTree::default())
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
fn a_link_opens_with_a_code_once_it_is_whole_and_is_by_issuer_and_subject() {
    on_both(|location| {
        let mut registry = with_both(location);
        let account = registry.external_subject(ISSUER, "42");
        begin(&mut registry, &SORA, &account, 1).expect("free");
        assert_eq!(prove(&mut registry, &account, NOW), Err(NotAccepted::Wrong));
        assert!(registry.external_ids().finish(&SORA).expect("answers"));
        let later = NOW.plus_seconds(30);
        assert_eq!(prove(&mut registry, &account, later), Ok(SORA));
        assert_eq!(
            prove(&mut registry, &account, later),
            Err(NotAccepted::Wrong),
            "the code was used"
        );
        for (issuer, subject) in [
            ("https://other.example", "42"),
            (ISSUER, "43"),
            ("https://id.example4", "2"),
        ] {
            let other = registry.external_subject(issuer, subject);
            let proven = prove(&mut registry, &other, NOW.plus_seconds(60));
            assert_eq!(proven, Err(NotAccepted::Wrong), "{issuer} {subject}");
        }
    });
}

#[test]
fn an_account_is_one_persons_and_comes_free_when_it_is_unlinked() {
    on_both(|location| {
        let mut registry = with_both(location);
        let account = registry.external_subject(ISSUER, "42");
        let second = registry.external_subject(ISSUER, "43");
        link(&mut registry, &SORA, &account, 1);
        let taken = begin(&mut registry, &UMI, &account, 2);
        assert_eq!(taken, Err(LinkExternalRefusal::Taken));
        let has_one = begin(&mut registry, &SORA, &second, 3);
        assert_eq!(has_one, Err(LinkExternalRefusal::HasOne));
        let links = registry.external_ids().of(&SORA).expect("answers");
        let not_hers = (registry.external_ids()).unlink(&UMI, &links[0].id);
        assert_eq!(not_hers.expect("answers"), Err(UnlinkRefusal::Unknown));
        let unlinked = (registry.external_ids()).unlink(&SORA, &links[0].id);
        unlinked.expect("answers").expect("a password is left");
        assert_eq!(prove(&mut registry, &account, NOW), Err(NotAccepted::Wrong));
        link(&mut registry, &UMI, &account, 4);
        let dead = registry.external_ids().dead(None).expect("answers");
        assert_eq!((dead.len(), dead[0].wallet), (1, WalletId(1)));
        registry.external_ids().forget(&dead[0]).expect("answers");
        assert!(
            registry
                .external_ids()
                .dead(None)
                .expect("answers")
                .is_empty()
        );
        assert_eq!(prove(&mut registry, &account, NOW), Ok(UMI));
    });
}

#[test]
fn the_last_way_in_stays() {
    on_both(|location| {
        let mut registry = with_both(location);
        let account = registry.external_subject(ISSUER, "42");
        link(&mut registry, &SORA, &account, 1);
        let links = registry.external_ids().of(&SORA).expect("answers");
        registry.passwords().remove(&SORA).expect("answers");
        let refused = (registry.external_ids()).unlink(&SORA, &links[0].id);
        assert_eq!(refused.expect("answers"), Err(UnlinkRefusal::LastWayIn));
    });
}

#[test]
fn what_stopped_half_way_ends_as_the_book_says() {
    on_both(|location| {
        let mut registry = with_both(location);
        let (one, two) = (
            registry.external_subject(ISSUER, "42"),
            registry.external_subject(ISSUER, "43"),
        );
        let named = begin(&mut registry, &SORA, &one, 1).expect("free");
        begin(&mut registry, &UMI, &two, 2).expect("free");
        let early = (registry.external_ids()).settle(&mut Names(vec![named]), NOW);
        assert_eq!(early.expect("answers").finished, 0, "it may be on its way");
        let late = NOW.plus_seconds(300);
        let settled = (registry.external_ids()).settle(&mut Names(vec![named]), late);
        let settled = settled.expect("answers");
        assert_eq!((settled.finished, settled.dead), (1, 1));
        assert_eq!(prove(&mut registry, &one, NOW), Ok(SORA));
        assert_eq!(prove(&mut registry, &two, NOW), Err(NotAccepted::Wrong));
        // A book from before the link does not name it.
        registry.reconcile(&mut Names(Vec::new())).expect("answers");
        let later = NOW.plus_seconds(60);
        assert_eq!(prove(&mut registry, &one, later), Err(NotAccepted::Wrong));
    });
}

#[test]
fn a_sign_up_that_stopped_half_way_ends_as_the_book_says() {
    on_both(|location| {
        let mut registry = open(location);
        let contact = Contact::parse("haru@example.jp").expect("a contact");
        let account = registry.external_subject(ISSUER, "42");
        let haru = OwnerId([9; 16]);
        let sign_up = |registry: &mut Registry| {
            let enrolment = ExternalEnrolment {
                person: haru,
                contact: &contact,
                locale: "ja",
                display_name: "はる",
                account: &account,
                totp: (&secret(), NEVER_USED),
            };
            let mut people = registry.people();
            let begun = people.begin_external_enrolment(&enrolment, NOW, &Seed::new([9; 32]));
            begun.expect("answers").expect("free")
        };
        sign_up(&mut registry);
        // The book knows neither: contact and account are free again.
        registry.reconcile(&mut Names(Vec::new())).expect("answers");
        let pair = sign_up(&mut registry);
        // It has opened the wallet, and the codes are still owed: it waits.
        registry
            .reconcile(&mut Names(vec![pair.first]))
            .expect("answers");
        assert_eq!(prove(&mut registry, &account, NOW), Err(NotAccepted::Wrong));
        let waiting = registry.people().pending_pairs(Timestamp(i64::MAX));
        assert_eq!(waiting.expect("answers"), [(haru, pair)]);
        registry
            .reconcile(&mut Names(vec![pair.first, pair.totp]))
            .expect("answers");
        assert_eq!(prove(&mut registry, &account, NOW), Ok(haru));
    });
}

#[test]
fn failures_are_counted_by_the_account_linked_or_not() {
    on_both(|location| {
        let mut registry = with_both(location);
        let linked = registry.external_subject(ISSUER, "42");
        let nobodys = registry.external_subject(ISSUER, "99");
        link(&mut registry, &SORA, &linked, 1);
        for account in [&linked, &nobodys] {
            for _ in 0..5 {
                let wrong = (registry.external_ids()).prove(account, "000000", NOW);
                assert_eq!(wrong.expect("answers"), Err(NotAccepted::Wrong));
            }
            let waits = prove(&mut registry, account, NOW);
            assert_eq!(waits, Err(NotAccepted::Wait(60)));
        }
    });
}

#[test]
fn a_stolen_table_tells_neither_subject_nor_who_it_is() {
    on_both(|location| {
        let mut registry = with_both(location);
        let account = registry.external_subject(ISSUER, "canary-subject");
        link(&mut registry, &SORA, &account, 1);
        let mut db = location.open_read(&CONTROL).expect("opens");
        let rows = db
            .query(
                "SELECT issuer, subject FROM external_ids WHERE owner = $1",
                &[Param::Blob(&SORA.0)],
                |row| (row.text(0).to_owned(), row.blob(1).to_vec()),
            )
            .expect("answers");
        assert_eq!((rows.len(), &*rows[0].0, rows[0].1.len()), (1, ISSUER, 32));
        // The hash of another master key is another one.
        let other = Registry::open(location, &MasterKey::from_bytes([2; 32])).expect("opens");
        assert_ne!(other.external_subject(ISSUER, "canary-subject"), account);
    });
}
