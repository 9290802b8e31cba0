//! Passwords with codes by time, on both databases: what opens, what is counted, and what a stolen table is worth.

use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::{Location, Param};
use mamori_datastore::testing::on_both;
use mamori_domain::ids::WalletId;
use mamori_domain::world::Timestamp;
use mamori_registry::{
    CONTROL, Contact, FAILURES_MAX, FREE_TRIES, Guess, HashCost, NEVER_USED, NewFactors,
    NotAccepted, OwnerId, Password, PasswordEnrolment, PasswordProblem, Registry, Seed, TotpSecret,
    step_at,
};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const SORA: OwnerId = OwnerId([7; 16]);
const WORDS: &str = "わたしのねこはみけ";
const CHEAP: HashCost = HashCost {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};

fn open(location: &Location) -> Registry {
    Registry::open(location, &MasterKey::from_bytes([1; 32])).expect("the registry opens")
}

fn contact() -> Contact {
    Contact::parse("sora@example.jp").expect("a contact")
}

fn secret() -> TotpSecret {
    TotpSecret::draw(&Seed::new([5; 32]))
}

fn code_at(now: Timestamp) -> String {
    secret().code(step_at(now))
}

/// Sora, with a password and codes.
fn with_sora(location: &Location) -> Registry {
    let mut registry = open(location);
    let (contact, secret) = (contact(), secret());
    let password = Password::new(WORDS).expect("nine characters");
    let enrolment = PasswordEnrolment {
        person: SORA,
        contact: &contact,
        locale: "ja",
        display_name: "そら",
        password: (&password, CHEAP),
        totp: (&secret, NEVER_USED),
    };
    let mut people = registry.people();
    let begun = people.begin_password_enrolment(&enrolment, NOW, &Seed::new([3; 32]));
    begun.expect("the registry answers").expect("free");
    let finished = people.finish_enrolment(&SORA, WalletId(1));
    finished.expect("the registry answers");
    registry
}

fn guess_by(
    registry: &mut Registry,
    contact: &Contact,
    typed: &str,
    now: Timestamp,
) -> Result<Guess, NotAccepted> {
    let guessed = registry
        .passwords()
        .guess(contact, &Password::typed(typed), CHEAP, now);
    let guessed = guessed.expect("the registry answers");
    guessed.map(|guessed| {
        let carried = Guess::from_bytes(&guessed.guess.to_bytes());
        carried.expect("what was written is read")
    })
}

fn sign_in(
    registry: &mut Registry,
    contact: &Contact,
    typed: &str,
    code: &str,
    now: Timestamp,
) -> Result<OwnerId, NotAccepted> {
    let guess = guess_by(registry, contact, typed, now)?;
    let proven = registry.passwords().prove(&guess, code, now);
    proven
        .expect("the registry answers")
        .map(|(owner, _)| owner)
}

#[test]
fn password_and_code_together_open_and_each_code_once() {
    on_both(|location| {
        let (mut registry, sora) = (with_sora(location), contact());
        let later = NOW.plus_seconds(30);
        let mut with =
            |typed: &str, code: &str, now| sign_in(&mut registry, &sora, typed, code, now);
        assert_eq!(
            with(WORDS, "", NOW),
            Err(NotAccepted::Wrong),
            "a password alone"
        );
        let code = code_at(NOW);
        assert_eq!(
            with("わたしのねこはくろ", &code, NOW),
            Err(NotAccepted::Wrong)
        );
        assert_eq!(
            with(WORDS, &code, NOW),
            Ok(SORA),
            "it was not used up by the wrong password"
        );
        assert_eq!(with(WORDS, &code, NOW), Err(NotAccepted::Wrong), "used");
        assert_eq!(with(WORDS, &code_at(later), later), Ok(SORA));
        assert_eq!(
            with(WORDS, &code, later),
            Err(NotAccepted::Wrong),
            "older than the last one"
        );
    });
}

#[test]
fn five_failures_in_a_row_are_followed_by_a_growing_wait_for_known_and_unknown_alike() {
    on_both(|location| {
        let mut registry = with_sora(location);
        let nobody = Contact::parse("nobody@example.jp").expect("a contact");
        for contact in [contact(), nobody] {
            let mut now = NOW;
            for _ in 0..FREE_TRIES {
                let refused = sign_in(&mut registry, &contact, "wrong words", "000000", now);
                assert_eq!(refused, Err(NotAccepted::Wrong));
            }
            for seconds in [60, 120, 240, 480] {
                let waits = Err(NotAccepted::Wait(seconds));
                let refused = sign_in(&mut registry, &contact, WORDS, &code_at(now), now);
                assert_eq!(refused, waits, "right or wrong");
                now = now.plus_seconds(i64::from(seconds));
                let refused = sign_in(&mut registry, &contact, "wrong words", "000000", now);
                assert_eq!(refused, Err(NotAccepted::Wrong));
            }
        }
        // Whoever waits long enough is let in, and begins anew.
        let now = NOW.plus_seconds(2 * 3_600);
        let sora = contact();
        assert_eq!(
            sign_in(&mut registry, &sora, WORDS, &code_at(now), now),
            Ok(SORA)
        );
        let refused = sign_in(&mut registry, &sora, WORDS, "000000", now);
        assert_eq!(refused, Err(NotAccepted::Wrong), "no wait");
    });
}

#[test]
fn guesses_that_are_made_at_one_time_are_counted_each() {
    on_both(|location| {
        let (mut registry, sora) = (with_sora(location), contact());
        let guesses: Vec<Guess> = (0..9)
            .map(|_| guess_by(&mut registry, &sora, WORDS, NOW).expect("nothing failed yet"))
            .collect();
        let proven = guesses.iter().map(|guess| {
            let proven = registry.passwords().prove(guess, "000000", NOW);
            proven.expect("the registry answers").map(drop)
        });
        let refused: Vec<_> = proven.collect();
        let waits = refused
            .iter()
            .filter(|one| **one == Err(NotAccepted::Wait(60)));
        assert_eq!(waits.count(), 4, "{refused:?}");
    });
}

#[test]
fn a_hundred_failures_in_a_row_and_a_factor_proves_nothing_more() {
    on_both(|location| {
        let (mut registry, sora) = (with_sora(location), contact());
        let mut now = NOW;
        for _ in 0..FAILURES_MAX {
            let refused = sign_in(&mut registry, &sora, "wrong words", "000000", now);
            assert_eq!(refused, Err(NotAccepted::Wrong));
            now = now.plus_seconds(86_400);
        }
        let refused = sign_in(&mut registry, &sora, WORDS, &code_at(now), now);
        assert_eq!(refused, Err(NotAccepted::Wrong));
        // Until there is a new one.
        let password = Password::new("あたらしいことば").expect("eight characters");
        let new = NewFactors {
            password: Some((&password, CHEAP)),
            totp: None,
        };
        let begun = registry
            .passwords()
            .begin(&SORA, &new, now, &Seed::new([9; 32]));
        begun
            .expect("the registry answers")
            .expect("a living person");
        assert!(
            registry
                .passwords()
                .finish(&SORA)
                .expect("the registry answers")
        );
        let signed_in = sign_in(&mut registry, &sora, "あたらしいことば", &code_at(now), now);
        assert_eq!(signed_in, Ok(SORA));
    });
}

#[test]
fn codes_for_acts_are_counted_apart_so_that_strangers_delay_nobody_who_is_in() {
    on_both(|location| {
        let (mut registry, sora) = (with_sora(location), contact());
        for _ in 0..=FREE_TRIES {
            let _ = sign_in(&mut registry, &sora, "wrong words", "000000", NOW);
        }
        let mut prove = |code: &str, now| {
            let proven = registry.passwords().prove_code(&SORA, code, now);
            proven.expect("the registry answers").map(drop)
        };
        assert_eq!(prove(&code_at(NOW), NOW), Ok(()));
        for _ in 0..FREE_TRIES {
            assert_eq!(prove(&code_at(NOW), NOW), Err(NotAccepted::Wrong), "used");
        }
        let later = NOW.plus_seconds(30);
        assert_eq!(prove(&code_at(later), later), Err(NotAccepted::Wait(30)));
    });
}

#[test]
fn a_stolen_table_is_worth_nothing_without_the_master_key() {
    on_both(|location| {
        with_sora(location);
        let mut db = location.open(&CONTROL).expect("the same tables");
        let hash = |db: &mut mamori_datastore::sql::Db| {
            let sql = "SELECT hash FROM passwords WHERE owner = $1";
            let found = db.query_first(sql, &[Param::Blob(&SORA.0)], |row| row.text(0).to_owned());
            found.expect("the registry answers").expect("a row")
        };
        let stolen = hash(&mut db);
        assert!(
            stolen.starts_with("$argon2id$v=19$m=8,t=1,p=1$"),
            "{stolen}"
        );
        // Without the keyed step the thief's own library says no, though he guessed the password.
        use argon2::{Argon2, PasswordHash, PasswordVerifier};
        let parsed = PasswordHash::new(&stolen).expect("a PHC string");
        assert!(
            parsed.salt.is_some_and(|salt| salt.as_str().len() == 22),
            "128 bits"
        );
        let tried = Argon2::default().verify_password(WORDS.as_bytes(), &parsed);
        assert!(tried.is_err());
    });
}

#[test]
fn a_hash_that_cost_less_is_made_anew_once_its_password_is_right() {
    on_both(|location| {
        let (mut registry, sora) = (with_sora(location), contact());
        let dearer = HashCost {
            memory_kib: 16,
            passes: 2,
            lanes: 1,
        };
        let mut guess = |typed: &str| {
            let guessed = (registry.passwords()).guess(&sora, &Password::typed(typed), dearer, NOW);
            let guessed = guessed
                .expect("the registry answers")
                .expect("nothing failed");
            guessed.outdated
        };
        assert!(guess("wrong words").is_none());
        let outdated = guess(WORDS).expect("it cost less");
        let (password, seed) = (Password::typed(WORDS), Seed::new([8; 32]));
        let mut rehash = || {
            registry
                .passwords()
                .rehash(&outdated, &password, dearer, &seed)
        };
        assert!(rehash().expect("the registry answers"));
        assert!(
            !rehash().expect("the registry answers"),
            "of the hash that was there"
        );
        let guessed = (registry.passwords()).guess(&sora, &password, dearer, NOW);
        let guessed = guessed
            .expect("the registry answers")
            .expect("nothing failed");
        assert!(guessed.outdated.is_none());
        let proven = (registry.passwords()).prove(&guessed.guess, &code_at(NOW), NOW);
        assert!(proven.expect("the registry answers").is_ok());
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any characters, any length: refused by its length in one spelling, or verified whole.
    #[test]
    fn every_character_of_a_password_counts(typed in "\\PC{0,300}", at in any::<prop::sample::Index>()) {
        use unicode_normalization::UnicodeNormalization;
        let spelled: Vec<char> = typed.nfkc().collect();
        match Password::new(&typed) {
            Err(PasswordProblem::TooShort) => prop_assert!(spelled.len() < 8),
            Err(PasswordProblem::TooLong) => prop_assert!(spelled.len() > 256),
            Ok(password) => {
                prop_assert!((8..=256).contains(&spelled.len()));
                let scratch = mamori_datastore::testing::Scratch::new("every-character");
                let mut registry = with_sora(&scratch.location());
                let new = NewFactors { password: Some((&password, CHEAP)), totp: None };
                registry.passwords().begin(&SORA, &new, NOW, &Seed::new([9; 32])).unwrap().unwrap();
                prop_assert!(registry.passwords().finish(&SORA).unwrap());
                let mut opens = |typed: &str, seconds: i64| {
                    let now = NOW.plus_seconds(seconds);
                    sign_in(&mut registry, &contact(), typed, &code_at(now), now).is_ok()
                };
                prop_assert!(opens(&typed, 0));
                let mut without = spelled.clone();
                without.remove(at.index(spelled.len()));
                let without: String = without.into_iter().collect();
                // A character of a row of equal ones may be any of them: what is compared is the text.
                if Password::typed(&without).expose() != password.expose() {
                    prop_assert!(!opens(&without, 60));
                }
            }
        }
    }
}
