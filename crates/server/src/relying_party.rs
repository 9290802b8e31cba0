//! Passkey ceremonies: the pure part, around a library that does the cryptography.
//!
//! What this adds to the library: resident keys are required (it never asks for them), requests from frames of other sites
//! are refused at sign-in too (it looks at registrations only), sizes are bounded, the user handle must name the owner of the
//! key, and every refusal keeps its own reason for the log while the browser learns none of them.
//!
//! The challenge is drawn inside the library from the system's generator: the one chance that is not handed in.

use axum::http::Uri;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_registry::{OwnerId, StoredPasskey};
use minicbor::Decoder;
use serde_json::{Value, json};
use webauthn_rs::prelude::{
    Credential, DiscoverableAuthentication, DiscoverableKey, Passkey, PasskeyRegistration,
    PublicKeyCredential, RegisterPublicKeyCredential, Url, Uuid, Webauthn, WebauthnBuilder,
    WebauthnError,
};

/// Longest credential id that WebAuthn allows, in bytes.
pub(crate) const CREDENTIAL_BYTES_MAX: usize = 1_023;

/// Authenticators that are known to be software, by the id of their model (AAGUID): the one of our development pages, the one of
/// WebDriver's virtual authenticators. They keep honest people from enrolling an operator by mistake, with a key that any
/// script of the page can use. They prove nothing: without attestation an authenticator says of itself what it likes.
const SOFTWARE: [[u8; 16]; 2] = [
    *b"mamori dev-only!",
    [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8],
];

/// Where the model's id lies in the authenticator's data: behind the party's hash, the flags and the counter.
const AAGUID: std::ops::Range<usize> = 37..53;

/// One origin with its own relying-party id: a passkey of the wallet is unknown to the console.
pub struct RelyingParty {
    id: String,
    webauthn: Webauthn,
    /// Operators' keys must not leave their device (no synchronised passkeys).
    device_bound: bool,
}

/// A configured origin or relying-party id that browsers would not accept.
#[derive(Debug, PartialEq, Eq)]
pub struct UnusableOrigin;

/// Why a credential was not accepted; for the log and the tests, never for the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasskeyProblem {
    /// Not the JSON of a credential, or a part is too long.
    Malformed,
    /// Created where a use was asked for, or the other way round.
    WrongType,
    /// Signed for another challenge.
    OtherChallenge,
    /// Signed on another origin.
    OtherOrigin,
    /// Signed inside a frame of another site.
    CrossOrigin,
    /// Signed for another relying party.
    OtherParty,
    /// The authenticator was not touched.
    NotPresent,
    /// The authenticator did not verify its user.
    NotVerified,
    /// An algorithm that was not offered.
    OtherAlgorithm,
    /// The key can be synchronised where it must not, or its backup flags contradict each other or the past.
    Backup,
    /// The key lives in software that is known as such, where operators' keys must not.
    Software,
    /// The key would not be found without a name.
    NotResident,
    /// The key is unknown here, or belongs to another owner than the user handle says.
    OtherOwner,
    /// The signature is wrong.
    Signature,
    /// The signature counter did not rise: perhaps there are two of this authenticator.
    Counter,
    /// Anything else that the library refuses.
    Refused,
}

impl From<WebauthnError> for PasskeyProblem {
    fn from(error: WebauthnError) -> Self {
        match error {
            WebauthnError::InvalidClientDataType => PasskeyProblem::WrongType,
            WebauthnError::MismatchedChallenge => PasskeyProblem::OtherChallenge,
            WebauthnError::InvalidRPOrigin => PasskeyProblem::OtherOrigin,
            WebauthnError::CredentialCrossOrigin => PasskeyProblem::CrossOrigin,
            WebauthnError::InvalidRPIDHash => PasskeyProblem::OtherParty,
            WebauthnError::UserNotPresent => PasskeyProblem::NotPresent,
            WebauthnError::UserNotVerified => PasskeyProblem::NotVerified,
            WebauthnError::CredentialAlteredAlgFromRequest
            | WebauthnError::COSEKeyInvalidAlgorithm => PasskeyProblem::OtherAlgorithm,
            WebauthnError::CredentialMayNotBeHardwareBound
            | WebauthnError::CredentialBackupEligibilityInconsistent => PasskeyProblem::Backup,
            WebauthnError::CredentialNotFound | WebauthnError::InvalidUserUniqueId => {
                PasskeyProblem::OtherOwner
            }
            WebauthnError::AuthenticationFailure | WebauthnError::SignatureInvalid => {
                PasskeyProblem::Signature
            }
            WebauthnError::CredentialPossibleCompromise => PasskeyProblem::Counter,
            WebauthnError::ParseBase64Failure(_)
            | WebauthnError::ParseCBORFailure(_)
            | WebauthnError::ParseJSONFailure(_)
            | WebauthnError::ParseNOMFailure
            | WebauthnError::ParseInsufficientBytesAvailable => PasskeyProblem::Malformed,
            _ => PasskeyProblem::Refused,
        }
    }
}

/// A registration on its way. Kept on the server, used once.
#[derive(Clone)]
pub struct Registering(PasskeyRegistration);

/// An assertion on its way. Kept on the server, or sealed so that only the server can read it back; used once.
#[derive(Clone)]
pub struct Asserting(DiscoverableAuthentication);

impl Asserting {
    /// As it is sealed. In the clear it would hand out the challenge's whole state: never outside a seal.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).expect("a challenge is plain data")
    }

    /// Reads what [`Asserting::to_bytes`] wrote.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Asserting> {
        serde_json::from_slice(bytes).ok().map(Asserting)
    }
}

/// An assertion that names its key; the key must be looked up before it can be checked.
pub struct Asserted {
    reply: PublicKeyCredential,
    /// Whom the authenticator says it belongs to.
    pub owner: OwnerId,
}

impl Asserted {
    /// The credential id to look up.
    pub fn credential(&self) -> &[u8] {
        self.reply.get_credential_id()
    }
}

impl RelyingParty {
    /// `origin` is where the page lives, `https://wallet.example.jp`; the id is its host or a parent domain of it.
    ///
    /// Measured in Chromium 156: on `http://wallet.localhost:PORT` the only legal id is `wallet.localhost` itself (`localhost`
    /// is refused, being a top-level name), and an address such as `127.0.0.1` can have none.
    pub fn new(
        id: &str,
        origin: &str,
        name: &str,
        device_bound: bool,
    ) -> Result<Self, UnusableOrigin> {
        let url = Url::parse(origin).map_err(|_| UnusableOrigin)?;
        let uri: Uri = origin.parse().map_err(|_| UnusableOrigin)?;
        let is_secure = url.scheme() == "https"
            || uri
                .host()
                .is_some_and(|host| host == "localhost" || host.ends_with(".localhost"));
        if !is_secure || uri.path() != "/" && !uri.path().is_empty() {
            return Err(UnusableOrigin);
        }
        let webauthn = WebauthnBuilder::new(id, &url)
            .and_then(|builder| builder.rp_name(name).build())
            .map_err(|_| UnusableOrigin)?;
        Ok(RelyingParty {
            id: id.to_owned(),
            webauthn,
            device_bound,
        })
    }

    /// What its passkeys are bound to, as browsers name it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Begins a registration: what the page gives to `navigator.credentials.create` as `publicKey`, and what stays here.
    ///
    /// `name` tells two accounts of one person apart in the authenticator's list; `display_name` is what it shows. An authenticator
    /// that holds one of the credentials `there` makes no second one for the same owner: it would take the place of the first unasked.
    pub fn start_registration(
        &self,
        owner: OwnerId,
        name: &str,
        display_name: &str,
        there: &[Vec<u8>],
    ) -> Result<(Value, Registering), PasskeyProblem> {
        let (challenge, state) = self.webauthn.start_passkey_registration(
            Uuid::from_bytes(owner.0),
            name,
            display_name,
            Some(there.to_vec()),
        )?;
        let mut options =
            serde_json::to_value(challenge.public_key).map_err(|_| PasskeyProblem::Refused)?;
        // The library asks for "discouraged"; without a resident key a customer would have to type a name to sign in.
        options["authenticatorSelection"]["residentKey"] = json!("required");
        options["authenticatorSelection"]["requireResidentKey"] = json!(true);
        options["extensions"] = json!({ "credProps": true });
        options["excludeCredentials"] = named(there.iter().map(Vec::as_slice));
        Ok((options, Registering(state)))
    }

    /// Checks the created credential.
    pub fn finish_registration(
        &self,
        reply: &Value,
        state: &Registering,
    ) -> Result<StoredPasskey, PasskeyProblem> {
        let same_frame = client_data_of_own_frame(reply)?;
        let model = model_of(reply)?;
        let resident = &reply["clientExtensionResults"]["credProps"]["rk"];
        let reply: RegisterPublicKeyCredential =
            serde_json::from_value(bounded(reply)?).map_err(|_| PasskeyProblem::Malformed)?;
        if reply.type_ != "public-key" {
            return Err(PasskeyProblem::Malformed);
        }
        let passkey = self
            .webauthn
            .finish_passkey_registration(&reply, &state.0)?;
        same_frame?;
        if resident == &json!(false) {
            return Err(PasskeyProblem::NotResident);
        }
        let credential = Credential::from(passkey);
        if self.device_bound && credential.backup_eligible {
            return Err(PasskeyProblem::Backup);
        }
        if self.device_bound && SOFTWARE.contains(&model) {
            return Err(PasskeyProblem::Software);
        }
        if credential.cred_id.is_empty() || credential.cred_id.len() > CREDENTIAL_BYTES_MAX {
            return Err(PasskeyProblem::Malformed);
        }
        store(credential)
    }

    /// Begins an assertion: `publicKey` for `navigator.credentials.get`, and what stays here.
    ///
    /// With no `allowed` keys any of this party may answer (sign-in, conditional or not); a step-up names its owner's keys.
    pub fn start_assertion(
        &self,
        allowed: &[StoredPasskey],
    ) -> Result<(Value, Asserting), PasskeyProblem> {
        let (challenge, state) = self.webauthn.start_discoverable_authentication()?;
        let mut options =
            serde_json::to_value(challenge.public_key).map_err(|_| PasskeyProblem::Refused)?;
        options["allowCredentials"] = named(allowed.iter().map(|key| key.credential.as_slice()));
        if let Some(members) = options.as_object_mut() {
            members.remove("extensions");
        }
        Ok((options, Asserting(state)))
    }

    /// Reads which key an assertion was made with. Nothing is believed yet.
    pub fn identify(&self, reply: &Value) -> Result<Asserted, PasskeyProblem> {
        client_data_of_own_frame(reply)??;
        let reply: PublicKeyCredential =
            serde_json::from_value(bounded(reply)?).map_err(|_| PasskeyProblem::Malformed)?;
        if reply.type_ != "public-key"
            || reply.raw_id.is_empty()
            || reply.raw_id.len() > CREDENTIAL_BYTES_MAX
        {
            return Err(PasskeyProblem::Malformed);
        }
        let (owner, _) = self.webauthn.identify_discoverable_authentication(&reply)?;
        Ok(Asserted {
            owner: OwnerId(*owner.as_bytes()),
            reply,
        })
    }

    /// Checks an assertion against the stored key of `owner` and returns the key as it is to be stored now.
    pub fn finish_assertion(
        &self,
        asserted: &Asserted,
        state: &Asserting,
        owner: &OwnerId,
        stored: &StoredPasskey,
    ) -> Result<StoredPasskey, PasskeyProblem> {
        if asserted.owner != *owner {
            return Err(PasskeyProblem::OtherOwner);
        }
        let mut passkey: Passkey =
            serde_json::from_str(&stored.passkey).map_err(|_| PasskeyProblem::Refused)?;
        let key = DiscoverableKey::from(&passkey);
        let result = self.webauthn.finish_discoverable_authentication_v2(
            &asserted.reply,
            state.0.clone(),
            &key,
        )?;
        // The library asks for it; what opens a wallet is asserted twice.
        if !result.user_verified() {
            return Err(PasskeyProblem::NotVerified);
        }
        passkey.update_credential(&result);
        store(Credential::from(passkey))
    }
}

/// Whether a key can leave its device, and whether it has: as its authenticator said at its last use (backup flags).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptWhere {
    /// It cannot leave its device.
    OneDevice,
    /// It may be synchronised, and is not yet.
    NotSyncedYet,
    /// It is synchronised between devices.
    Synced,
}

impl KeptWhere {
    /// Of a stored key; None of what no key can be read from.
    pub fn of(stored: &StoredPasskey) -> Option<KeptWhere> {
        let passkey: Passkey = serde_json::from_str(&stored.passkey).ok()?;
        let credential = Credential::from(passkey);
        Some(
            match (credential.backup_eligible, credential.backup_state) {
                (false, _) => KeptWhere::OneDevice,
                (true, false) => KeptWhere::NotSyncedYet,
                (true, true) => KeptWhere::Synced,
            },
        )
    }

    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            KeptWhere::OneDevice => "one_device",
            KeptWhere::NotSyncedYet => "not_synced_yet",
            KeptWhere::Synced => "synced",
        }
    }
}

/// A credential id as pages name it.
pub fn credential_word(credential: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(credential)
}

/// Keys as the options of a ceremony name them.
fn named<'a>(ids: impl Iterator<Item = &'a [u8]>) -> Value {
    ids.map(|id| json!({ "type": "public-key", "id": credential_word(id) }))
        .collect()
}

fn store(credential: Credential) -> Result<StoredPasskey, PasskeyProblem> {
    let id = credential.cred_id.to_vec();
    let sign_count = i64::from(credential.counter);
    let passkey =
        serde_json::to_string(&Passkey::from(credential)).map_err(|_| PasskeyProblem::Refused)?;
    Ok(StoredPasskey {
        credential: id,
        passkey,
        sign_count,
    })
}

/// A credential's JSON with its extension results left out: nothing of them is used, and unknown ones must not fail.
fn bounded(reply: &Value) -> Result<Value, PasskeyProblem> {
    let mut members = reply
        .as_object()
        .cloned()
        .ok_or(PasskeyProblem::Malformed)?;
    members.remove("clientExtensionResults");
    members.remove("extensions");
    Ok(Value::Object(members))
}

/// The id of the authenticator's model, out of the created credential. The library forgets it where nothing is attested.
fn model_of(reply: &Value) -> Result<[u8; 16], PasskeyProblem> {
    let object = reply["response"]["attestationObject"].as_str();
    let object = object.and_then(|text| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok());
    let object = object.ok_or(PasskeyProblem::Malformed)?;
    authenticator_data(&object)
        .and_then(|data| data.get(AAGUID)?.try_into().ok())
        .ok_or(PasskeyProblem::Malformed)
}

fn authenticator_data(attestation_object: &[u8]) -> Option<&[u8]> {
    let mut object = Decoder::new(attestation_object);
    for _ in 0..object.map().ok()?? {
        if object.str().ok()? == "authData" {
            return object.bytes().ok();
        }
        object.skip().ok()?;
    }
    None
}

/// Looks at the client data for signs of a foreign frame; the outer error is about form, the inner one about the frame.
fn client_data_of_own_frame(reply: &Value) -> Result<Result<(), PasskeyProblem>, PasskeyProblem> {
    let text = reply["response"]["clientDataJSON"]
        .as_str()
        .ok_or(PasskeyProblem::Malformed)?;
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| PasskeyProblem::Malformed)?;
    let data: Value = serde_json::from_slice(&bytes).map_err(|_| PasskeyProblem::Malformed)?;
    let is_own = data.get("topOrigin").is_none()
        && data
            .get("crossOrigin")
            .is_none_or(|cross| cross == &json!(false));
    Ok(if is_own {
        Ok(())
    } else {
        Err(PasskeyProblem::CrossOrigin)
    })
}
