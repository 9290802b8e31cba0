//! An authenticator in software: real WebAuthn bytes, and a knob for every way to get them wrong.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const ATTESTED: u8 = 0x40;

/// One authenticator with its resident keys.
#[derive(Clone)]
pub struct Authenticator {
    /// What the browser would say the page's origin is.
    pub origin: String,
    /// Signs for another relying party than the options say.
    pub party_id: Option<String>,
    /// Flags of the next operation.
    pub present: bool,
    pub verified: bool,
    pub backup_eligible: bool,
    pub backed_up: bool,
    /// Adds `crossOrigin` and `topOrigin` as a browser would inside a frame.
    pub framed: bool,
    /// The `type` of the client data, if it is to be wrong.
    pub client_data_type: Option<&'static str>,
    /// What is added to the counter before each signature; 0 for a synchronised passkey.
    pub counter_step: u32,
    /// Whether `credProps` says that the key is resident.
    pub resident: bool,
    /// Changes one bit of each signature.
    pub spoil_signature: bool,
    /// What it says its model is (AAGUID).
    pub model: [u8; 16],
    /// Tells it apart from another one of the same owner.
    pub serial: u8,
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    id: Vec<u8>,
    signing: SigningKey,
    user_handle: Vec<u8>,
    counter: u32,
}

impl Authenticator {
    /// A phone with synchronised passkeys.
    pub fn new(origin: &str) -> Self {
        Authenticator {
            origin: origin.to_owned(),
            party_id: None,
            present: true,
            verified: true,
            backup_eligible: true,
            backed_up: true,
            framed: false,
            client_data_type: None,
            counter_step: 0,
            resident: true,
            spoil_signature: false,
            model: [0; 16],
            serial: 0,
            keys: Vec::new(),
        }
    }

    /// The id of the passkey that was made last.
    pub fn newest_credential(&self) -> &[u8] {
        &self.keys.last().expect("a passkey was made").id
    }

    /// As it was before the first passkey: the next one has the id of the first.
    pub fn forget_keys(&mut self) {
        self.keys.clear();
    }

    /// A security key: bound to its device, counting its signatures.
    pub fn security_key(origin: &str) -> Self {
        Authenticator {
            backup_eligible: false,
            backed_up: false,
            counter_step: 1,
            ..Self::new(origin)
        }
    }

    /// `navigator.credentials.create({publicKey: creation})`.
    pub fn create(&mut self, creation: &Value) -> Value {
        let user_handle = bytes(&creation["user"]["id"]);
        let seed = Sha256::new()
            .chain_update(&user_handle)
            .chain_update([self.keys.len() as u8, self.serial])
            .chain_update(text(&creation["rp"]["id"]))
            .finalize();
        let signing = SigningKey::from_slice(&seed).expect("a hash is a scalar");
        let mut key = Key {
            id: Sha256::digest(seed).to_vec(),
            signing,
            user_handle,
            counter: 0,
        };
        key.counter += self.counter_step;
        let mut data = self.authenticator_data(&key, text(&creation["rp"]["id"]), ATTESTED);
        data.extend_from_slice(&self.model);
        data.extend_from_slice(&(key.id.len() as u16).to_be_bytes());
        data.extend_from_slice(&key.id);
        data.extend_from_slice(&cose_key(&key.signing));
        let reply = json!({
            "id": URL_SAFE_NO_PAD.encode(&key.id),
            "rawId": URL_SAFE_NO_PAD.encode(&key.id),
            "type": "public-key",
            "clientExtensionResults": { "credProps": { "rk": self.resident } },
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(self.client_data("webauthn.create", &creation["challenge"])),
                "attestationObject": URL_SAFE_NO_PAD.encode(attestation_object(&data)),
                "transports": ["internal", "hybrid"],
            },
        });
        self.keys.push(key);
        reply
    }

    /// `navigator.credentials.get({publicKey: request})` with the newest key.
    pub fn get(&mut self, request: &Value) -> Value {
        let mut key = self.keys.last().expect("a key was created").clone();
        key.counter += self.counter_step;
        let data = self.authenticator_data(&key, text(&request["rpId"]), 0);
        let client_data = self.client_data("webauthn.get", &request["challenge"]);
        let signed = [data.as_slice(), &Sha256::digest(&client_data)].concat();
        let signature: Signature = key.signing.sign(&signed);
        let mut signature = signature.to_der().as_bytes().to_vec();
        if self.spoil_signature {
            *signature.last_mut().expect("a signature has bytes") ^= 1;
        }
        *self.keys.last_mut().expect("a key was created") = key.clone();
        json!({
            "id": URL_SAFE_NO_PAD.encode(&key.id),
            "rawId": URL_SAFE_NO_PAD.encode(&key.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client_data),
                "authenticatorData": URL_SAFE_NO_PAD.encode(data),
                "signature": URL_SAFE_NO_PAD.encode(signature),
                "userHandle": URL_SAFE_NO_PAD.encode(&key.user_handle),
            },
        })
    }

    /// Answers as if the newest key belonged to somebody else.
    pub fn claim_to_be(&mut self, user_handle: [u8; 16]) {
        self.keys.last_mut().expect("a key was created").user_handle = user_handle.to_vec();
    }

    fn authenticator_data(&self, key: &Key, party_id: &str, extra: u8) -> Vec<u8> {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = flag(self.present, PRESENT)
            | flag(self.verified, VERIFIED)
            | flag(self.backup_eligible, BACKUP_ELIGIBLE)
            | flag(self.backed_up, BACKED_UP)
            | extra;
        let mut data = Sha256::digest(self.party_id.as_deref().unwrap_or(party_id)).to_vec();
        data.push(flags);
        data.extend_from_slice(&key.counter.to_be_bytes());
        data
    }

    fn client_data(&self, kind: &str, challenge: &Value) -> Vec<u8> {
        let mut data = json!({
            "type": self.client_data_type.unwrap_or(kind),
            "challenge": challenge,
            "origin": self.origin,
            "crossOrigin": self.framed,
            "other_keys_can_be_added_here": "as browsers do",
        });
        if self.framed {
            data["topOrigin"] = json!("https://evil.example");
        }
        serde_json::to_vec(&data).expect("JSON")
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text in the options")
}

fn bytes(value: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD
        .decode(text(value))
        .expect("base64url in the options")
}

/// `{1: 2, 3: -7, -1: 1, -2: x, -3: y}` in CBOR.
fn cose_key(signing: &SigningKey) -> Vec<u8> {
    let point = signing.verifying_key().to_sec1_point(false);
    let mut cbor = vec![0xA5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
    cbor.extend_from_slice(&point.as_bytes()[1..33]);
    cbor.extend_from_slice(&[0x22, 0x58, 0x20]);
    cbor.extend_from_slice(&point.as_bytes()[33..65]);
    cbor
}

/// `{"fmt": "none", "attStmt": {}, "authData": data}` in CBOR.
fn attestation_object(data: &[u8]) -> Vec<u8> {
    let mut cbor = vec![0xA3, 0x63];
    cbor.extend_from_slice(b"fmt\x64none\x67attStmt\xA0\x68authData\x59");
    cbor.extend_from_slice(&(data.len() as u16).to_be_bytes());
    cbor.extend_from_slice(data);
    cbor
}
