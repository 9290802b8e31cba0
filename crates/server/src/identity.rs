//! Everything the edge remembers about who a caller is: parties, ceremonies, sessions, devices, limits.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use mamori_datastore::keys::Secret;
use mamori_domain::ids::{
    Fingerprint, HoldId, MerchantId, StoreId, SupervisorId, TillId, WalletId,
};
use mamori_domain::merchant::ReversalRule;
use mamori_registry::{
    ApprovalId, Contact, ContactId, Device, OwnerId, Role, SendBudget, SessionId, Surface,
};

use crate::carried::Carried;
use crate::ceremonies::Ceremonies;
use crate::cookies::Token;
use crate::device_asks::NumberAsks;
use crate::device_proof::DeviceProofs;
use crate::pace::Pace;
use crate::proofs::{ProofCost, Proofs};
use crate::relying_party::{Asserting, Registering, RelyingParty, UnusableOrigin};
use crate::sessions::{SessionLimits, Sessions};
use crate::sign_ins::SignIns;
use crate::sign_up_shares::SignUpShares;
use crate::streams::Streams;

/// How long a till's device works before it must be paired again, in seconds.
pub const TILL_DEVICE_SECONDS: i64 = SessionLimits::of(Surface::Till).absolute_seconds;

/// Where wallet and console live, and what their passkeys are bound to.
#[derive(Clone, Debug)]
pub struct IdentityConfig {
    /// Origin of the wallet, `https://wallet.example.jp`.
    pub wallet_origin: String,
    /// Relying-party id of the wallet, its host or a parent domain.
    pub wallet_party_id: String,
    /// Origin of the console.
    pub console_origin: String,
    /// Relying-party id of the console; another one than the wallet's.
    pub console_party_id: String,
    /// Whether operators' passkeys must stay on their device. On, but for development, where no security key is at hand.
    pub operator_keys_device_bound: bool,
    /// How many one-time codes may be sent.
    pub send_budget: SendBudget,
}

/// What a challenge was given out for. An answer to one purpose is worth nothing for another.
pub enum Purpose {
    /// A proven contact makes its first passkey.
    SignUp {
        /// The challenge.
        registering: Registering,
        /// The person to be.
        owner: OwnerId,
        /// Proven.
        contact: Contact,
        /// As it is stored.
        display_name: String,
        /// `ja` or `en`.
        locale: String,
    },
    /// A caller who is signed in proves it again, for one act.
    StepUp {
        /// The challenge; None for an owner without a passkey, who types a code.
        asserting: Option<Asserting>,
        /// The act.
        act: StepUpAct,
        /// The session it was asked in.
        session: SessionId,
    },
    /// A customer who has just shown a passkey makes another one.
    AddPasskey {
        /// The challenge.
        registering: Registering,
        /// The session it was asked in, and its owner.
        session: SessionId,
        owner: OwnerId,
    },
    /// Somebody whose recovery has come to its end makes a passkey.
    Recovery {
        /// The challenge.
        registering: Registering,
        /// Whose it is to be.
        owner: OwnerId,
        /// Names the recovery.
        recovery: [u8; 32],
    },
    /// An operator with a link makes a passkey.
    Operator {
        /// The challenge.
        registering: Registering,
        /// The link; used up at the end.
        link: Token,
    },
}

/// What needs a fresh passkey though one is signed in. An act names its object: who agreed to revoke one key has not agreed
/// to revoke another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepUpAct {
    /// Let money leave a frozen wallet again.
    Unfreeze,
    /// Add a passkey to the ones that are there.
    AddPasskey,
    /// Remove the passkey of this credential id.
    RemovePasskey(Vec<u8>),
    /// Pay from this device from now on, and from no other.
    BindDevice(Fingerprint),
    /// Add a contact that was just proven.
    AddContact(Contact),
    /// Remove a contact.
    RemoveContact(ContactId),
    /// Have notices sent to a contact.
    PreferContact(ContactId),
    /// Put a contact back that was removed.
    PutContactBack(ContactId),
    /// Say yes to a merchant's link: the hash of key and token.
    GrantPermission([u8; 32]),
    /// Set a password, codes by time, or both: a keyed hash of them.
    SetPassword([u8; 32]),
    /// Turn password and codes off.
    RemovePassword,
    /// Let the password sign in though there is a passkey, or not.
    PasswordBesidePasskeys(bool),
    /// Link an account of this provider.
    LinkExternalId(String),
    /// Unlink one.
    UnlinkExternalId([u8; 16]),
    /// Make a freeze code in place of the one before.
    MakeFreezeCode,
    /// Close the wallet: a keyed hash of how the money is wanted.
    CloseWallet([u8; 32]),
    /// Make new saved codes of recovery, in place of those before.
    MakeRecoveryCodes,
    /// Invite somebody who may help with a recovery.
    InviteTrustedContact,
    /// Make a pairing code, with which a device becomes this till.
    MakePairingCode(TillId),
    /// Take a till's device off it.
    TakeTillOff(TillId),
    /// Put other words in the place of a notice's: which, and a hash of them.
    SetTemplate(String, [u8; 32]),
    /// Make an API key for a merchant.
    MakeApiKey(MerchantId),
    /// Revoke an API key.
    RevokeApiKey(String),
    /// Let an API key take OPA-Auth, or not.
    SetOpaAuth(String, bool),
    /// Say what a merchant's tills may give back.
    SetReversalRule(MerchantId, ReversalRule),
    /// Add a supervisor of this name to a store.
    AddSupervisor(StoreId, String),
    /// Take a supervisor's right away.
    RemoveSupervisor(SupervisorId),
    /// Invite an operator of this name to the console, into this role.
    InviteOperator(String, Role),
    /// Give an operator this role.
    SetRole(OwnerId, Role),
    /// Let an operator who came back with a restore enter again.
    ConfirmOperator(OwnerId),
    /// Remove an operator, or withdraw an invitation.
    RemoveOperator(OwnerId),
    /// Give a customer back what a merchant has set aside.
    ReleaseHold(HoldId),
    /// Propose to erase the owner of a wallet, with money left in it or not, for this reason.
    ProposeErasure(WalletId, bool, String),
    /// Approve this proposal. A proposal never changes, so its id names all that it says.
    Approve(ApprovalId),
    /// Decline this proposal.
    Decline(ApprovalId),
}

impl StepUpAct {
    /// Whether an account without a passkey may prove it by a code by time. A page that passes codes on would bind its own device.
    pub const fn takes_a_code(&self) -> bool {
        !matches!(self, StepUpAct::BindDevice(_))
    }
}

/// What a trusted contact is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedToHelp {
    /// Names the recovery.
    pub recovery: [u8; 32],
    /// Who asks.
    pub person: OwnerId,
}

/// Limits against floods. Those of people who are known are keyed by who they are, which nobody can choose; strangers who sign up
/// are counted by their network, and nobody who holds a passkey, a link or a pairing code passes through that.
pub struct Paces {
    /// Sign-ups begun from one address (IPv6: one /64). Those of all strangers are shared in [`SignUpShares`].
    pub sign_ups: Pace,
    /// Sign-ins with a password that are begun from one address, as above. Failures are counted apart, by whoever is asked for.
    pub passwords: Pace,
    /// Sign-ins by external ID that are begun or go on from one address, as above: each may ask a provider.
    pub external_ids: Pace,
    /// Sign-ins of one owner that succeeded.
    pub sign_ins: Pace,
    /// Step-ups begun by one owner.
    pub step_ups: Pace,
    /// Passkeys that one owner makes: each leaves a row, and a message is sent of it.
    pub new_passkeys: Pace,
    /// Codes sent for one more contact of one owner: they come out of the same budgets as those of sign-ups.
    pub additions: Pace,
    /// Freeze codes typed from one address, as above.
    pub freeze_codes: Pace,
    /// Freeze codes typed by all: there are 2^95, and each that is typed is looked up.
    pub all_freeze_codes: Pace,
    /// Questions to the card processor that one wallet's pages make us ask.
    pub card_questions: Pace,
    /// Codes for one wallet's phones: each is drawn on the thread that carries payments, and is kept for ten minutes.
    pub codes: Pace,
    /// Questions of a wallet's new devices to its old one: each makes a phone ring, in a manner of speaking.
    pub device_asks: Pace,
    /// What strangers try on the way back in, from one address. No row of a person is counted by it.
    pub recoveries: Pace,
    /// The same of all of them: each may write a row and send a message.
    pub recoveries_in_all: Pace,
    /// Top-ups started from one wallet's pages: each is written down for ever, and asks the processor.
    pub top_ups: Pace,
    /// Voids and refunds asked for by one till's device, granted or not.
    pub reversals: Pace,
    /// Browsers that one owner adds for push, and notices that are tried: each is a message or more.
    pub push: Pace,
    /// How often one till's misbehaviour is written down for the operators.
    pub alarms: Pace,
    /// Wrong operator links, the whole house. No attacker guesses 256 bits; this keeps the log readable. A right link passes it by.
    pub wrong_links: Pace,
}

impl Default for Paces {
    fn default() -> Self {
        Paces {
            sign_ups: Pace::new(60, 60, 20_000),
            passwords: Pace::new(30, 60, 20_000),
            external_ids: Pace::new(60, 60, 20_000),
            sign_ins: Pace::new(30, 60, 100_000),
            step_ups: Pace::new(30, 60, 100_000),
            new_passkeys: Pace::new(20, 3_600, 100_000),
            additions: Pace::new(10, 3_600, 100_000),
            freeze_codes: Pace::new(10, 60, 20_000),
            all_freeze_codes: Pace::new(1_200, 60, 1),
            card_questions: Pace::new(1, 2, 100_000),
            codes: Pace::new(120, 12, 100_000),
            device_asks: Pace::new(3, 600, 100_000),
            recoveries: Pace::new(30, 60, 20_000),
            recoveries_in_all: Pace::new(1_200, 60, 1),
            top_ups: Pace::new(20, 600, 100_000),
            reversals: Pace::new(30, 600, 100_000),
            push: Pace::new(10, 600, 100_000),
            alarms: Pace::new(1, 60, 10_000),
            wrong_links: Pace::new(20, 60, 1),
        }
    }
}

/// Enrolled tills in use, by the hash of their token.
#[derive(Default)]
pub struct Devices(RwLock<HashMap<[u8; 32], Device>>);

impl Devices {
    /// A device in memory.
    pub fn get(&self, token_hash: &[u8; 32]) -> Option<Device> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(token_hash)
            .copied()
    }

    /// Remembers a device. As many as there are tills: the number is the operator's, not a visitor's.
    pub fn remember(&self, token_hash: [u8; 32], device: Device) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(token_hash, device);
    }

    /// Forgets the devices of a till at once, when another one takes its place.
    pub fn forget_till(&self, till: TillId) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, device| device.till != till);
    }
}

/// The edge's memory of who a caller is.
pub struct Identity {
    /// The wallet's relying party.
    pub wallet_party: RelyingParty,
    /// The console's.
    pub console_party: RelyingParty,
    /// Origin of the wallet, which merchants' links name.
    pub wallet_origin: String,
    /// Host of the wallet, for messages.
    pub wallet_host: String,
    /// Challenges that wait. Each was given out for something proven: a contact, a link, a session.
    pub ceremonies: Ceremonies<Purpose>,
    /// Challenges of sign-ins, which any stranger may begin.
    pub sign_ins: SignIns,
    /// What browsers carry of sign-ins by password and of codes that are set up.
    pub carried: Carried,
    /// The work that strangers do while there is a crowd.
    pub proofs: Proofs,
    /// Whose turn it is to begin a sign-up.
    pub sign_up_shares: SignUpShares,
    /// Who is signed in.
    pub sessions: Sessions,
    /// Proofs of the devices that sessions belong to.
    pub device_proofs: DeviceProofs,
    /// Devices that ask to take over.
    pub device_asks: NumberAsks<WalletId, Fingerprint>,
    /// People who ask trusted contacts for help.
    pub recovery_asks: NumberAsks<[u8; 16], AskedToHelp>,
    /// Event streams that are open.
    pub streams: Arc<Streams>,
    /// Enrolled tills.
    pub devices: Devices,
    /// Limits.
    pub paces: Paces,
    /// How many one-time codes may be sent.
    pub send_budget: SendBudget,
}

impl Identity {
    /// Fails on an origin or relying-party id that browsers would refuse. `random` seals what browsers carry for us.
    pub fn new(config: &IdentityConfig, random: [u8; 32]) -> Result<Identity, UnusableOrigin> {
        let wallet_host = config
            .wallet_origin
            .split("://")
            .nth(1)
            .and_then(|rest| rest.split([':', '/']).next())
            .unwrap_or_default();
        Ok(Identity {
            wallet_party: RelyingParty::new(
                &config.wallet_party_id,
                &config.wallet_origin,
                "Mamori",
                false,
            )?,
            console_party: RelyingParty::new(
                &config.console_party_id,
                &config.console_origin,
                "Mamori Console",
                config.operator_keys_device_bound,
            )?,
            wallet_origin: config.wallet_origin.clone(),
            wallet_host: wallet_host.to_owned(),
            // 30 a minute of an owner for 5 minutes: an attacker who crowds others out needs two hundred passkeys.
            ceremonies: Ceremonies::new(30_000),
            sign_ins: SignIns::new(random, 200_000),
            carried: Carried::new(Secret::new(random).mac(&[b"carried by browsers"])),
            // A purpose of its own: what seals a sign-in tells nothing of what binds a challenge.
            proofs: Proofs::new(
                Secret::new(Secret::new(random).mac(&[b"proof of work"])),
                ProofCost::default(),
            ),
            sign_up_shares: SignUpShares::default(),
            sessions: Sessions::new(200_000),
            device_proofs: DeviceProofs::new(Secret::new(
                Secret::new(random).mac(&[b"device proof nonces"]),
            )),
            device_asks: NumberAsks::default(),
            recovery_asks: NumberAsks::default(),
            streams: Arc::default(),
            devices: Devices::default(),
            paces: Paces::default(),
            send_budget: config.send_budget.clone(),
        })
    }

    /// The relying party of a surface with passkeys; tills have none and are answered by the wallet's, which knows no till.
    pub fn party(&self, surface: Surface) -> &RelyingParty {
        match surface {
            Surface::Console => &self.console_party,
            Surface::Wallet | Surface::Till => &self.wallet_party,
        }
    }
}
