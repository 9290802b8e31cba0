//! Passkeys as the registry stores them, each with assertions and what we think of these: for a verifier that knows nothing of our code
//! (`tests/peers/passkeys_peer.py`). One JSON object a line.

#[allow(dead_code)]
#[path = "../tests/all/authenticator.rs"]
mod authenticator;

use mamori_registry::OwnerId;
use mamori_server::relying_party::RelyingParty;
use serde_json::{Value, json};

use authenticator::Authenticator;

const ORIGIN: &str = "http://wallet.localhost:4000";
const PARTY: &str = "wallet.localhost";
const OWNER: OwnerId = OwnerId([7; 16]);

/// Something that an authenticator does wrong.
type Spoil = fn(&mut Authenticator);

fn main() {
    let party = RelyingParty::new(PARTY, ORIGIN, "Mamori", false).expect("a usable origin");
    let wrongs: [(&str, Spoil); 6] = [
        ("right", |_| {}),
        ("signature", |a| a.spoil_signature = true),
        ("not verified", |a| a.verified = false),
        ("not present", |a| a.present = false),
        ("other origin", |a| {
            a.origin = "http://evil.localhost:4000".into()
        }),
        ("other party", |a| {
            a.party_id = Some("evil.localhost".into())
        }),
    ];
    for (kind, made) in [
        ("a phone", Authenticator::new(ORIGIN)),
        ("a security key", Authenticator::security_key(ORIGIN)),
    ] {
        let mut made = made;
        let (options, registering) = party
            .start_registration(OWNER, "s***@example.jp", "さくら", &[])
            .expect("options");
        let mut stored = party
            .finish_registration(&made.create(&options), &registering)
            .expect("a good registration");
        for (wrong, spoil) in wrongs {
            let mut spoilt = made.clone();
            spoil(&mut spoilt);
            let (request, asserting) = party.start_assertion(&[]).expect("options");
            let answer = spoilt.get(&request);
            let asserted = party.identify(&answer).expect("an assertion");
            let checked = party.finish_assertion(&asserted, &asserting, &OWNER, &stored);
            let passkey: Value = serde_json::from_str(&stored.passkey).expect("JSON");
            let told = json!({
                "kind": kind, "wrong": wrong, "rp_id": PARTY, "origin": ORIGIN,
                "stored": passkey, "challenge": request["challenge"], "answer": answer,
                "accepted": checked.is_ok(),
            });
            println!("{told}");
            if let Ok(after) = checked {
                // What is stored after a use verifies the next one.
                (made, stored) = (spoilt, after);
            }
        }
    }
}
