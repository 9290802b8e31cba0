//! Each check of WebAuthn fails for its own reason. One line per way to get it wrong.

use mamori_registry::{OwnerId, StoredPasskey};
use mamori_server::relying_party::{Asserting, PasskeyProblem, Registering, RelyingParty};
use serde_json::{Value, json};

use crate::authenticator::Authenticator;

const ORIGIN: &str = "http://wallet.localhost:4000";
const OWNER: OwnerId = OwnerId([7; 16]);

fn party(device_bound: bool) -> RelyingParty {
    RelyingParty::new("wallet.localhost", ORIGIN, "Mamori", device_bound).expect("a usable origin")
}

fn creation(party: &RelyingParty) -> (Value, Registering) {
    party
        .start_registration(OWNER, "+81******5678", "さくら", &[])
        .expect("options")
}

fn enrolled(party: &RelyingParty, authenticator: &mut Authenticator) -> StoredPasskey {
    let (options, state) = creation(party);
    party
        .finish_registration(&authenticator.create(&options), &state)
        .expect("a good registration")
}

fn assert_with(
    party: &RelyingParty,
    reply: &Value,
    state: &Asserting,
    stored: &StoredPasskey,
) -> Result<StoredPasskey, PasskeyProblem> {
    let asserted = party.identify(reply)?;
    party.finish_assertion(&asserted, state, &OWNER, stored)
}

#[test]
fn options_ask_for_a_resident_verified_key() {
    let (options, _) = creation(&party(false));
    assert_eq!(options["rp"]["id"], "wallet.localhost");
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(
        options["authenticatorSelection"]["requireResidentKey"],
        true
    );
    assert_eq!(
        options["authenticatorSelection"]["userVerification"],
        "required"
    );
    assert_eq!(options["attestation"], "none");
    let (request, _) = party(false).start_assertion(&[]).expect("options");
    assert_eq!(
        (&request["userVerification"], &request["allowCredentials"]),
        (&json!("required"), &json!([]))
    );
    assert_ne!(
        request["challenge"],
        party(false).start_assertion(&[]).expect("options").0["challenge"]
    );
}

#[test]
fn a_registration_fails_for_its_own_reason() {
    type Spoil = fn(&mut Authenticator);
    let ways: [(Spoil, PasskeyProblem); 9] = [
        (
            |a| a.client_data_type = Some("webauthn.get"),
            PasskeyProblem::WrongType,
        ),
        (
            |a| a.origin = "http://console.localhost:4000".into(),
            PasskeyProblem::OtherOrigin,
        ),
        (
            |a| a.origin = "http://wallet.localhost:4001".into(),
            PasskeyProblem::OtherOrigin,
        ),
        (|a| a.framed = true, PasskeyProblem::CrossOrigin),
        (
            |a| a.party_id = Some("localhost".into()),
            PasskeyProblem::OtherParty,
        ),
        (|a| a.present = false, PasskeyProblem::NotPresent),
        (|a| a.verified = false, PasskeyProblem::NotVerified),
        (|a| a.backup_eligible = false, PasskeyProblem::Backup),
        (|a| a.resident = false, PasskeyProblem::NotResident),
    ];
    for (spoil, problem) in ways {
        let party = party(false);
        let (options, state) = creation(&party);
        let mut authenticator = Authenticator::new(ORIGIN);
        spoil(&mut authenticator);
        assert_eq!(
            party
                .finish_registration(&authenticator.create(&options), &state)
                .err(),
            Some(problem)
        );
    }
}

#[test]
fn a_registration_answers_its_own_challenge_only() {
    let party = party(false);
    let (_, mine) = creation(&party);
    let (others, _) = creation(&party);
    let reply = Authenticator::new(ORIGIN).create(&others);
    assert_eq!(
        party.finish_registration(&reply, &mine).err(),
        Some(PasskeyProblem::OtherChallenge)
    );
}

#[test]
fn an_operator_key_must_stay_on_its_device() {
    let party = party(true);
    let (options, state) = creation(&party);
    assert_eq!(
        party
            .finish_registration(&Authenticator::new(ORIGIN).create(&options), &state)
            .err(),
        Some(PasskeyProblem::Backup)
    );
    let (options, state) = creation(&party);
    assert!(
        party
            .finish_registration(
                &Authenticator::security_key(ORIGIN).create(&options),
                &state
            )
            .is_ok()
    );
}

#[test]
fn an_assertion_fails_for_its_own_reason() {
    type Spoil = fn(&mut Authenticator);
    let ways: [(Spoil, PasskeyProblem); 11] = [
        (
            |a| a.client_data_type = Some("webauthn.create"),
            PasskeyProblem::WrongType,
        ),
        (
            |a| a.origin = "http://localhost:4000".into(),
            PasskeyProblem::OtherOrigin,
        ),
        (
            |a| a.origin = "https://wallet.localhost:4000".into(),
            PasskeyProblem::OtherOrigin,
        ),
        (|a| a.framed = true, PasskeyProblem::CrossOrigin),
        (
            |a| a.party_id = Some("console.localhost".into()),
            PasskeyProblem::OtherParty,
        ),
        (|a| a.present = false, PasskeyProblem::NotPresent),
        (|a| a.verified = false, PasskeyProblem::NotVerified),
        (|a| a.backup_eligible = true, PasskeyProblem::Backup),
        (|a| a.claim_to_be([8; 16]), PasskeyProblem::OtherOwner),
        (|a| a.spoil_signature = true, PasskeyProblem::Signature),
        (|a| a.counter_step = 0, PasskeyProblem::Counter),
    ];
    for (spoil, problem) in ways {
        let party = party(false);
        let mut authenticator = Authenticator::security_key(ORIGIN);
        let stored = enrolled(&party, &mut authenticator);
        spoil(&mut authenticator);
        let (request, state) = party.start_assertion(&[]).expect("options");
        assert_eq!(
            assert_with(&party, &authenticator.get(&request), &state, &stored).err(),
            Some(problem)
        );
    }
}

#[test]
fn an_assertion_answers_its_own_challenge_with_its_own_key_only() {
    let party = party(false);
    let mut authenticator = Authenticator::new(ORIGIN);
    let stored = enrolled(&party, &mut authenticator);
    let (request, state) = party.start_assertion(&[]).expect("options");
    let reply = authenticator.get(&request);
    assert!(assert_with(&party, &reply, &state, &stored).is_ok());
    let (_, later) = party.start_assertion(&[]).expect("options");
    assert_eq!(
        assert_with(&party, &reply, &later, &stored).err(),
        Some(PasskeyProblem::OtherChallenge),
        "a replay"
    );
    let other = enrolled(&party, &mut authenticator);
    assert_eq!(
        assert_with(&party, &reply, &state, &other).err(),
        Some(PasskeyProblem::OtherOwner),
        "another key"
    );
}

#[test]
fn a_counter_is_stored_and_must_rise() {
    let party = party(false);
    let mut authenticator = Authenticator::security_key(ORIGIN);
    let first = enrolled(&party, &mut authenticator);
    let (request, state) = party.start_assertion(&[]).expect("options");
    let mut clone = authenticator.clone();
    let second = assert_with(&party, &authenticator.get(&request), &state, &first)
        .expect("a good assertion");
    assert_eq!((first.sign_count, second.sign_count), (1, 2));
    let (request, state) = party.start_assertion(&[]).expect("options");
    assert_eq!(
        assert_with(&party, &clone.get(&request), &state, &second).err(),
        Some(PasskeyProblem::Counter),
        "a cloned key"
    );
}

#[test]
fn nonsense_is_malformed_and_never_a_panic() {
    let party = party(false);
    let mut authenticator = Authenticator::new(ORIGIN);
    let (options, state) = creation(&party);
    let good = authenticator.create(&options);
    let mut ways = vec![
        json!(null),
        json!([]),
        json!({}),
        json!({ "response": {} }),
        json!({ "response": { "clientDataJSON": "!" } }),
    ];
    for member in ["id", "rawId", "type", "response"] {
        for wrong in [json!(null), json!(7), json!("AAAA"), json!({})] {
            let mut reply = good.clone();
            reply[member] = wrong;
            ways.push(reply);
        }
    }
    for member in ["clientDataJSON", "attestationObject"] {
        for wrong in [
            json!(null),
            json!(""),
            json!("AAAA"),
            json!("bnVsbA"),
            json!("e30"),
            json!("A".repeat(40_000)),
        ] {
            let mut reply = good.clone();
            reply["response"][member] = wrong;
            ways.push(reply);
        }
    }
    let attestation = good["response"]["attestationObject"]
        .as_str()
        .expect("a text")
        .to_owned();
    for length in (0..attestation.len()).step_by(3) {
        let mut reply = good.clone();
        reply["response"]["attestationObject"] = json!(attestation[..length]);
        ways.push(reply);
    }
    for reply in &ways {
        let is_untouched_where_it_counts = reply["response"] == good["response"]
            && reply["type"] == "public-key"
            && reply["rawId"].is_string()
            && reply["id"].is_string();
        assert_eq!(
            party.finish_registration(reply, &state).is_ok(),
            is_untouched_where_it_counts,
            "{reply}"
        );
        let _ = party.identify(reply).map(|_| ());
    }
}

#[test]
fn an_origin_that_browsers_would_refuse_is_refused_at_the_start() {
    for (id, origin) in [
        ("127.0.0.1", "http://127.0.0.1:4000"),
        ("wallet.example.jp", "http://wallet.example.jp"),
        ("example.com", "https://wallet.example.jp"),
        ("wallet.example.jp", "https://wallet.example.jp/page"),
        ("wallet.example.jp", "wallet.example.jp"),
    ] {
        assert!(
            RelyingParty::new(id, origin, "Mamori", false).is_err(),
            "{id} at {origin}"
        );
    }
    assert!(RelyingParty::new("example.jp", "https://wallet.example.jp", "Mamori", false).is_ok());
}

#[test]
fn no_operators_key_lives_in_software_that_is_known_as_such() {
    let virtual_of_webdriver = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8];
    for model in [*b"mamori dev-only!", virtual_of_webdriver] {
        let mut authenticator = Authenticator::security_key(ORIGIN);
        authenticator.model = model;
        let live_console = party(true);
        let (options, state) = creation(&live_console);
        assert_eq!(
            live_console
                .finish_registration(&authenticator.create(&options), &state)
                .err(),
            Some(PasskeyProblem::Software)
        );
        enrolled(&party(false), &mut authenticator);
    }
    // The key of a model that is not told, as many are.
    enrolled(&party(true), &mut Authenticator::security_key(ORIGIN));
}
