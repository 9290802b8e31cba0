//! An attacker writes into the registry's tables without the master key: whatever he puts there or alters opens no door.

use std::cell::Cell;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::{Db, Location, Param};
use mamori_datastore::testing::on_both;
use mamori_domain::context::{Actor, AgentFamily, Asker, Context, SystemReason};
use mamori_domain::ids::{Fingerprint, MerchantId, StoreId, TillId, WalletId};
use mamori_domain::world::Timestamp;
use mamori_registry::acts::Noted;
use mamori_registry::outbox::{Letter, Outbox};
use mamori_registry::{
    AUTHENTIC, Aal, ApprovalId, ApprovalKind, AskedRecovery, AuthMethod, AuthenticTable, CONTROL,
    CellType, Contact, ContactChange, DeviceKey, Enrolment, HashCost, Looked, NEVER_USED,
    NewApproval, NewFactors, OwnerId, PROOF, Password, Proof, PushAddress, RecoveryTold, Registry,
    Role, Rows, SavedCode, Seed, SessionDevice, SessionId, SessionRow, Step, StoredPasskey,
    Surface, Taking, Told, TotpSecret, UndoSecret, step_at, token_hash,
};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// What the customer's cookie holds, and what an attacker's would.
/// An account at another provider.
const ISSUER: &str = "https://id.example";
const SUBJECT: &str = "7100001";

const TOKEN: [u8; 32] = [9; 32];
const ATTACKERS: [u8; 32] = [66; 32];
/// The thumbprint of the key of a phone on which its owner comes back.
const PHONE_KEY: [u8; 32] = [77; 32];
/// A password's hash at the lowest cost there is.
const CHEAP: HashCost = HashCost {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};

fn master() -> MasterKey {
    MasterKey::from_bytes([1; 32])
}

/// A house with a customer who is signed in, an operator who is invited, and a till that waits for its device.
struct House {
    approval: ApprovalId,
    registry: Registry,
    db: Db,
    owner: OwnerId,
    /// An operator with a passkey.
    operator: OwnerId,
    link: [u8; 32],
    code: String,
    /// Of the supervisor of the first store.
    pin: String,
    /// Of the letter that tells of the second contact.
    secret: UndoSecret,
    tills_tried: u32,
    /// Of the customer, who signs in with it and codes by time though there is a passkey.
    password: Password,
    contact: Contact,
    /// Minutes in which a code was typed: none counts twice.
    minutes: i64,
    /// Of a recovery that a saved code has opened.
    recovery: [u8; 32],
}

impl House {
    fn new(location: &Location) -> House {
        let mut registry = Registry::open(location, &master()).expect("the registry opens");
        Outbox::open(location, master().wrap_key()).expect("the outbox opens");
        let owner = OwnerId([3; 16]);
        let contact = phone();
        let passkey = StoredPasskey {
            credential: vec![4; 32],
            passkey: "{}".into(),
            sign_count: 0,
        };
        let enrolment = Enrolment {
            person: owner,
            contact: &contact,
            locale: "ja",
            display_name: "さくら",
            passkey: &passkey,
            agent: AgentFamily::Edge,
        };
        let begun = (registry.people()).begin_enrolment(&enrolment, NOW, &Seed::new([1; 32]));
        begun.expect("the registry answers").expect("free");
        let finished = registry.people().finish_enrolment(&owner, WalletId(1));
        finished.expect("the registry answers");
        let secret = Cell::new(None);
        add_a_mail(&mut registry, &owner, &secret);
        let row = SessionRow {
            session: SessionId([5; 16]),
            surface: Surface::Wallet,
            owner,
            wallet: Some(WalletId(1)),
            method: AuthMethod::Passkey,
            assurance: Aal::Two,
            device: SessionDevice {
                browser: Some(Fingerprint(7)),
                agent: AgentFamily::Edge,
                key: Some(DeviceKey {
                    thumbprint: [8; 32],
                    fingerprint: Fingerprint(8),
                }),
            },
            made_at: NOW,
            seen_at: NOW,
            ends_at: NOW.plus_seconds(3_600),
            credential: None,
        };
        let generation = (registry.sessions()).generation(Surface::Wallet, &owner);
        let generation = generation.expect("the registry answers").expect("active");
        let opened = (registry.sessions()).open(&row, &TOKEN, generation, None);
        opened.expect("the registry answers").expect("stored");
        let link = registry
            .operators()
            .invite("Mika", Role::Admin, NOW, &Seed::new([2; 32]))
            .expect("the registry answers");
        let redeemed = registry
            .operators()
            .invite("Jun", Role::Admin, NOW, &Seed::new([20; 32]))
            .expect("the registry answers");
        let key = StoredPasskey {
            credential: vec![40; 32],
            ..passkey.clone()
        };
        let operator = (registry.operators())
            .redeem_link(&redeemed, &key, NOW)
            .expect("the registry answers")
            .expect("a good link");
        let mut new_code = |seed: u8| {
            (registry.devices())
                .make_pairing_code(TillId(1), NOW, &Seed::new([seed; 32]))
                .expect("the registry answers")
        };
        let first_code = new_code(30);
        let device = (registry.devices())
            .begin_pairing(&first_code, &TOKEN, NOW, &Seed::new([31; 32]))
            .expect("the registry answers")
            .expect("the right code");
        (registry.devices())
            .finish_pairing(&device)
            .expect("the registry answers");
        let code = (registry.devices())
            .make_pairing_code(TillId(1), NOW, &Seed::new([3; 32]))
            .expect("the registry answers");
        (registry.api_keys())
            .begin("mk_1", MerchantId(1), "secret", false, NOW, [1; 12])
            .expect("the registry answers");
        registry
            .api_keys()
            .finish("mk_1")
            .expect("the registry answers");
        let supervisor = (registry.supervisors())
            .add(StoreId(1), "店長", NOW, &Seed::new([6; 32]))
            .expect("the registry answers")
            .expect("there is room");
        let password = Password::new("わたしのねこはみけ").expect("nine characters");
        let codes = TotpSecret::draw(&Seed::new([8; 32]));
        let new = NewFactors {
            password: Some((&password, CHEAP)),
            totp: Some((&codes, NEVER_USED)),
        };
        (registry.passwords())
            .begin(&owner, &new, NOW, &Seed::new([7; 32]))
            .expect("the registry answers")
            .expect("a living person");
        assert!(
            registry
                .passwords()
                .finish(&owner)
                .expect("the registry answers")
        );
        let noted = Noted {
            asker: Asker::system(SystemReason::CommandLine),
            now: NOW,
            id: [1; 16],
        };
        (registry.passwords())
            .set_beside_passkeys(&owner, WalletId(1), true, &noted)
            .expect("the registry answers");
        let account = registry.external_subject(ISSUER, SUBJECT);
        (registry.external_ids())
            .begin(&owner, &account, NOW, &Seed::new([13; 32]))
            .expect("the registry answers")
            .expect("free");
        let linked = registry.external_ids().finish(&owner);
        assert!(linked.expect("the registry answers"));
        let code_on_paper = SavedCode::draw(&Seed::new([12; 32]), "freeze code");
        (registry.freeze_codes())
            .set(
                &owner,
                &code_on_paper,
                &Noted {
                    id: [2; 16],
                    ..noted
                },
            )
            .expect("the registry answers");
        let address = PushAddress {
            endpoint: "https://push.example/1".into(),
            p256dh: vec![4; 65],
            auth: [5; 16],
        };
        let noted = Noted {
            id: [3; 16],
            ..noted
        };
        let browser = (Fingerprint(7), AgentFamily::Edge);
        let whose = (&owner, WalletId(1));
        (registry.notices())
            .add_push(whose, &address, browser, &noted, &Seed::new([13; 32]))
            .expect("the registry answers")
            .expect("a living person");
        let noted = Noted {
            id: [4; 16],
            ..noted
        };
        (registry.templates())
            .set("payment.ja", Some(("件名", "本文 {link}")), &noted)
            .expect("the registry answers");
        let approval = approved(&mut registry, &operator);
        let recovery = begin_a_recovery(&mut registry, &owner, &contact);
        let mut db = location.open(&CONTROL).expect("the same tables");
        let others = "DELETE FROM recovery_codes WHERE code <> (SELECT code FROM recovery_codes WHERE used_at IS NULL ORDER BY code LIMIT 1)";
        db.execute(others, &[]).expect("written");
        House {
            approval,
            password,
            contact,
            minutes: 0,
            recovery,
            registry,
            db,
            owner,
            operator,
            link,
            code,
            pin: supervisor.pin,
            secret: secret.get().expect("the phone is told how to undo it"),
            tills_tried: 0,
        }
    }

    /// Which doors open, of those that the rows of a table stand for.
    fn open_doors(&mut self, table: &str) -> Vec<&'static str> {
        let mut doors = Vec::new();
        match table {
            "sessions" => {
                for surface in [Surface::Wallet, Surface::Console] {
                    for token in [TOKEN, ATTACKERS] {
                        let found = self.registry.sessions().find(surface, &token_hash(&token));
                        if matches!(found, Ok(Some(_))) {
                            doors.push("a session by its token");
                        }
                    }
                }
                let of_owner = self
                    .registry
                    .sessions()
                    .of(Surface::Wallet, &self.owner, NOW);
                if of_owner.is_ok_and(|sessions| !sessions.is_empty()) {
                    doors.push("a session in the list of its owner");
                }
                let touched = self.registry.sessions().touch(&SessionId([5; 16]), NOW);
                if matches!(touched, Ok(true)) {
                    doors.push("a session is used");
                }
                let (old, new) = (token_hash(&TOKEN), [10; 32]);
                let renewed =
                    (self.registry.sessions()).renew_token(&SessionId([5; 16]), &old, &new, None);
                if matches!(renewed, Ok(true)) {
                    doors.push("a session is renewed");
                }
            }
            "operator_links" => {
                for link in [self.link, ATTACKERS] {
                    let found = self.registry.operators().of_link(&link, NOW);
                    if matches!(found, Ok(Ok(_))) {
                        doors.push("a link");
                    }
                }
            }
            "pairing_codes" => {
                let paired = (self.registry.devices()).begin_pairing(
                    &self.code,
                    &[6; 32],
                    NOW.plus_seconds(1),
                    &Seed::new([4; 32]),
                );
                if matches!(paired, Ok(Ok(_))) {
                    doors.push("a pairing code");
                }
            }
            "operators" => {
                let name = self.registry.operators().name_of(&self.operator);
                if matches!(name, Ok(Some(_))) {
                    doors.push("an operator by name");
                }
                self.operators_door(&mut doors);
            }
            "confirmed_operators" => self.operators_door(&mut doors),
            "passkeys" => {
                for surface in [Surface::Wallet, Surface::Console] {
                    let theirs = token_hash(&ATTACKERS);
                    for credential in [&[4; 32][..], &theirs[..16]] {
                        let found = self.registry.factors().find_passkey(surface, credential);
                        if matches!(found, Ok(Some(_))) {
                            doors.push("a passkey by its id");
                        }
                    }
                    let of_owner = self.registry.factors().passkeys_of(surface, &self.owner);
                    if of_owner.is_ok_and(|passkeys| !passkeys.is_empty()) {
                        doors.push("a passkey of its owner");
                    }
                }
            }
            "people" => {
                if matches!(self.registry.people().find(&self.owner), Ok(Some(_))) {
                    doors.push("a person by the user handle");
                }
                for wallet in [WalletId(1), WalletId(2)] {
                    if matches!(self.registry.people().of_wallet(wallet), Ok(Some(_))) {
                        doors.push("a person by the wallet");
                    }
                }
                let generation =
                    (self.registry.sessions()).generation(Surface::Wallet, &self.owner);
                if matches!(generation, Ok(Some(_))) {
                    doors.push("a person who may sign in");
                }
            }
            "till_devices" => {
                for token in [TOKEN, ATTACKERS] {
                    if matches!(
                        self.registry.devices().find(&token_hash(&token)),
                        Ok(Some(_))
                    ) {
                        doors.push("a till by its token");
                    }
                }
            }
            "supervisors" => {
                // A till of its own for each try: five wrong ones lock a till.
                self.tills_tried += 1;
                let till = TillId(100 + self.tills_tried);
                let who = (self.registry.supervisors()).who(StoreId(1), till, &self.pin, NOW);
                if matches!(who, Ok(Ok(_))) {
                    doors.push("a supervisor by the PIN");
                }
                let of_store = self.registry.supervisors().of_store(StoreId(1));
                if of_store.is_ok_and(|supervisors| !supervisors.is_empty()) {
                    doors.push("a supervisor in the list of the store");
                }
            }
            "passwords" => {
                if self.signs_in_with_password() {
                    doors.push("a sign-in by password");
                }
                if matches!(self.registry.passwords().state(&self.owner), Ok(Some(_))) {
                    doors.push("a password of its owner");
                }
            }
            "totps" => {
                if self.signs_in_with_password() {
                    doors.push("a sign-in by password");
                }
                let (code, now) = self.next_code();
                let proven = (self.registry.passwords()).prove_code(&self.owner, &code, now);
                if matches!(proven, Ok(Ok(_))) {
                    doors.push("a code for one act");
                }
                if matches!(self.registry.passwords().has_codes(&self.owner), Ok(true)) {
                    doors.push("codes of their owner");
                }
            }
            "api_keys" => {
                let keys = self.registry.api_keys().live_with_secrets();
                if keys.is_ok_and(|keys| !keys.is_empty()) {
                    doors.push("an API key");
                }
            }
            "contacts" => {
                let phone = phone();
                let reached = self.registry.contacts().reached(WalletId(1), NOW);
                let reached = reached.expect("one forged row silences no other");
                let reached = reached.expect("she lives");
                if reached.contacts.contains(&phone) {
                    doors.push("notices of safety");
                }
                if reached.preferred == Some(phone.clone()) {
                    doors.push("notices");
                }
                let found = self.registry.people().wallet_of_contact(&phone);
                if matches!(found, Ok(Some(_))) {
                    doors.push("a wallet by the contact");
                }
            }
            "contact_changes" => {
                for secret in [self.secret, ATTACKERS] {
                    if matches!(undo(&mut self.registry, &secret), Ok(true)) {
                        doors.push("a change that is undone");
                    }
                }
            }
            "external_ids" => {
                let (code, now) = self.next_code();
                let account = self.registry.external_subject(ISSUER, SUBJECT);
                let proven = (self.registry.external_ids()).prove(&account, &code, now);
                if matches!(proven, Ok(Ok(_))) {
                    doors.push("a sign-in by external ID");
                }
                let of_owner = self.registry.external_ids().of(&self.owner);
                if of_owner.is_ok_and(|links| !links.is_empty()) {
                    doors.push("a link of its owner");
                }
            }
            "freeze_codes" => {
                let code = SavedCode::draw(&Seed::new([12; 32]), "freeze code");
                if matches!(self.registry.freeze_codes().find(&code), Ok(Some(_))) {
                    doors.push("a wallet is stopped by a code");
                }
                if matches!(self.registry.freeze_codes().of(&self.owner), Ok(Some(_))) {
                    doors.push("a code of its owner");
                }
            }
            "push_subscriptions" => {
                for wallet in [WalletId(1), WalletId(2)] {
                    let browsers = self.registry.notices().push_browsers(wallet);
                    if browsers.is_ok_and(|browsers| !browsers.is_empty()) {
                        doors.push("a browser gets notices");
                    }
                }
                let id = Seed::new([13; 32]).take("push subscription");
                if matches!(self.registry.notices().push_address(&id), Ok(Some(_))) {
                    doors.push("an address that notices go to");
                }
            }
            "message_templates" => {
                for slot in ["payment.ja", "attacker"] {
                    if matches!(self.registry.templates().newest(slot), Ok(Some(_))) {
                        doors.push("what customers read");
                    }
                }
            }
            "approvals" => {
                let due = self.registry.approvals().due(NOW);
                if due.is_ok_and(|due| !due.is_empty()) {
                    doors.push("an act that is carried out");
                }
                if matches!(self.registry.approvals().find(&self.approval), Ok(Some(_))) {
                    doors.push("an approval by its id");
                }
            }
            "recoveries" => {
                let state = self
                    .registry
                    .recoveries()
                    .state(&self.recovery, &PHONE_KEY, NOW);
                if matches!(state, Ok(Some(state)) if state.is_ready(NOW.plus_seconds(72 * 3_600)))
                {
                    doors.push("a recovery that has come to its end");
                }
                if matches!(
                    self.registry.recoveries().open_of(&self.owner, NOW),
                    Ok(Some(_))
                ) {
                    doors.push("a recovery of its owner");
                }
            }
            "recovery_codes" => {
                if matches!(
                    self.registry.recovery_codes().left(&self.owner),
                    Ok(Some((1, _)))
                ) {
                    doors.push("a saved code");
                }
            }
            "trusted_contacts" => {
                let trusted = self.registry.trusted().of(&self.owner, NOW);
                if trusted.is_ok_and(|trusted| !trusted.is_empty()) {
                    doors.push("a trusted contact");
                }
            }
            other => panic!("say here what a row of {other} opens"),
        }
        doors
    }
}

impl House {
    fn next_code(&mut self) -> (String, Timestamp) {
        self.minutes += 1;
        let now = NOW.plus_seconds(60 * self.minutes);
        let codes = TotpSecret::draw(&Seed::new([8; 32]));
        (codes.code(step_at(now)), now)
    }

    fn signs_in_with_password(&mut self) -> bool {
        let (code, now) = self.next_code();
        let mut passwords = self.registry.passwords();
        let guessed = passwords.guess(&self.contact, &self.password, CHEAP, now);
        let Ok(Ok(guessed)) = guessed else {
            return false;
        };
        matches!(passwords.prove(&guessed.guess, &code, now), Ok(Ok(_)))
    }

    fn operators_door(&mut self, doors: &mut Vec<&'static str>) {
        let generation = (self.registry.sessions()).generation(Surface::Console, &self.operator);
        if matches!(generation, Ok(Some(_))) {
            doors.push("an operator who may sign in");
        }
    }
}

/// An erasure that somebody proposed and `operator` approved.
fn approved(registry: &mut Registry, operator: &OwnerId) -> ApprovalId {
    let (seed, wallet) = (Seed::new([60; 32]), WalletId(1));
    let detail = registry.people().seal_note(wallet, "退会", &seed);
    let detail = detail.expect("the registry answers").expect("she lives");
    let new = NewApproval {
        kind: ApprovalKind::Erasure,
        by: &OwnerId([61; 16]),
        wallet,
        despite_balance: false,
        detail: &detail,
    };
    let proposing = Noted {
        id: [62; 16],
        ..noted(wallet)
    };
    let proposed = (registry.approvals()).propose(&new, &[], &proposing, &seed);
    let id = proposed.expect("the registry answers").expect("the first");
    let approving = Noted {
        id: [63; 16],
        ..proposing
    };
    let taking = Taking {
        by: Some(operator),
        noted: &approving,
        letters: &[],
    };
    let taken = (registry.approvals()).take(&id, Step::Approve, &taking, &seed);
    taken.expect("the registry answers").expect("another one's");
    id
}

fn phone() -> Contact {
    Contact::parse("090-1234-5678").expect("a contact")
}

fn noted(wallet: WalletId) -> Noted {
    let by = Actor::Customer {
        wallet,
        session: mamori_domain::ids::SessionId(0),
        credential: None,
        device: None,
    };
    let asker = Asker::new(Context {
        by,
        network: None,
        agent: AgentFamily::Edge,
    });
    let id = [70; 16];
    Noted {
        asker,
        now: NOW,
        id,
    }
}

fn letter(_: &Told) -> Letter {
    let content = Vec::new();
    Letter {
        kind: "sms",
        content,
    }
}

/// A second contact; the secret by which the first one undoes it.
fn add_a_mail(registry: &mut Registry, owner: &OwnerId, secret: &Cell<Option<UndoSecret>>) {
    let mail = Contact::parse("sora@example.jp").expect("a contact");
    let words = |told: &Told| {
        if told.to != told.about {
            secret.set(told.secret.copied());
        }
        letter(told)
    };
    let (noted, seed) = (noted(WalletId(1)), Seed::new([50; 32]));
    let change = ContactChange::Add(&mail);
    let added = (registry.contacts()).change(owner, &change, &noted, &seed, &words);
    added.expect("the registry answers").expect("granted");
}

fn told(_: &RecoveryTold) -> Letter {
    Letter {
        kind: "sms",
        content: Vec::new(),
    }
}

/// Saved codes, a trusted contact, and a recovery that the first of the codes opens; the handle of it.
fn begin_a_recovery(registry: &mut Registry, owner: &OwnerId, contact: &Contact) -> [u8; 32] {
    let noted = |id: u8| Noted {
        id: [id; 16],
        ..noted(WalletId(1))
    };
    let seed = Seed::new([60; 32]);
    let codes = (registry.recovery_codes()).make(owner, WalletId(1), &noted(80), &seed, &told);
    let codes = codes.expect("the registry answers");
    let invited = (registry.trusted()).invite(owner, WalletId(1), &[61; 32], &noted(81), &seed);
    invited
        .expect("the registry answers")
        .expect("there is room");
    let (other, seed) = (OwnerId([62; 16]), Seed::new([63; 32]));
    let accepted =
        (registry.trusted()).accept(&[61; 32], &other, WalletId(2), &noted(82), &seed, &told);
    accepted.expect("the registry answers").expect("invited");
    let asked = AskedRecovery {
        contact,
        device_key: &PHONE_KEY,
        agent: AgentFamily::Edge,
        locale: "ja",
    };
    let handle = registry
        .recoveries()
        .begin(&asked, NOW, &Seed::new([64; 32]));
    let handle = handle.expect("the registry answers");
    let (proof, seed) = (Proof::SavedCode(&codes[0]), Seed::new([65; 32]));
    (registry.recoveries())
        .prove(&handle, &PHONE_KEY, &proof, false, &noted(83), &seed, &told)
        .expect("the registry answers")
        .expect("a right code");
    handle
}

fn undo(registry: &mut Registry, secret: &UndoSecret) -> Result<bool, Fault> {
    let noted = |wallet| Noted {
        id: [71; 16],
        ..noted(wallet)
    };
    let seed = Seed::new([51; 32]);
    (registry.contacts()).undo(secret, noted, NOW, &seed, &letter)
}

/// The one row of a table that the doors are about.
fn one_row(table: &str) -> &'static str {
    match table {
        "passkeys" => "WHERE surface = 1",
        "operators" => "WHERE status = 2",
        "operator_links" => "WHERE used_at IS NULL",
        "contacts" => "WHERE preferred = 1",
        _ => "",
    }
}

fn alter(db: &mut Db, table: &AuthenticTable, column: &str, is: CellType) {
    let (name, of) = (table.name, one_row(table.name));
    let altered = match is {
        CellType::Int => db.execute(
            &format!("UPDATE {name} SET {column} = COALESCE({column}, 0) + 1 {of}"),
            &[],
        ),
        CellType::Text => db.execute(
            &format!("UPDATE {name} SET {column} = 'attacker' {of}"),
            &[],
        ),
        CellType::Blob => {
            // The hash of a token that the attacker holds, where that is what stands there.
            let hash = token_hash(&ATTACKERS);
            let long = matches!(
                column,
                "token_hash" | "link_hash" | "code_mac" | "secret_mac" | "secret_hash"
            );
            let bytes = if long { &hash[..] } else { &hash[..16] };
            db.execute(
                &format!("UPDATE {name} SET {column} = $1 {of}"),
                &[Param::Blob(bytes)],
            )
        }
    };
    assert_eq!(altered.expect("written"), 1, "{name}.{column}");
}

fn columns_in_the_store(location: &Location, db: &mut Db, table: &str) -> Vec<String> {
    let sql = match location {
        Location::Directory(_) => "SELECT name FROM pragma_table_info($1)",
        Location::Postgres(_) => {
            "SELECT CAST(column_name AS TEXT) FROM information_schema.columns WHERE table_name = $1 AND table_schema = current_schema()"
        }
    };
    let mut names = db
        .query(sql, &[Param::Text(table)], |row| row.text(0).to_owned())
        .expect("the schema is read");
    names.sort();
    names
}

#[test]
fn every_column_of_every_authentic_table_is_proven() {
    on_both(|location| {
        let mut house = House::new(location);
        for table in AUTHENTIC {
            let mut proven: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
            proven.push(PROOF);
            proven.sort_unstable();
            let stored = columns_in_the_store(location, &mut house.db, table.name);
            assert_eq!(stored, proven, "a new column of {}", table.name);
        }
    });
}

#[test]
fn the_doors_are_open_while_no_one_has_written_into_the_tables() {
    on_both(|location| {
        let mut house = House::new(location);
        assert_eq!(house.registry.forgeries(Rows::All).expect("read"), []);
        let open: [usize; AUTHENTIC.len()] = [
            4, 1, 1, 2, 1, 1, 1, 2, 3, 2, 2, 3, 3, 1, 2, 2, 2, 1, 2, 2, 1, 1,
        ];
        for (table, doors) in AUTHENTIC.iter().zip(open) {
            assert_eq!(house.open_doors(table.name).len(), doors, "{}", table.name);
        }
        assert_eq!(house.registry.forgeries(Rows::All).expect("read"), []);
    });
}

#[test]
fn a_row_altered_in_any_column_opens_nothing_and_the_audit_names_it() {
    on_both(|location| {
        let mut house = House::new(location);
        for table in AUTHENTIC {
            let name = table.name;
            let run = |db: &mut Db, sql: &str| {
                db.execute(sql, &[]).expect("written");
            };
            run(
                &mut house.db,
                &format!("CREATE TABLE kept_{name} AS SELECT * FROM {name}"),
            );
            let columns = table.columns.iter().copied();
            for (column, is) in columns.chain([(PROOF, CellType::Blob)]) {
                alter(&mut house.db, table, column, is);
                let doors = house.open_doors(name);
                assert_eq!(doors, [""; 0], "{name}.{column}");
                let (looked, forgeries) =
                    Registry::forgeries_in(location, &master(), true).expect("read");
                assert_eq!(looked, Looked::Everywhere);
                let tables: Vec<&str> = forgeries.iter().map(|forgery| forgery.table).collect();
                assert_eq!(tables, [name], "{name}.{column}");
                run(&mut house.db, &format!("DELETE FROM {name}"));
                run(
                    &mut house.db,
                    &format!("INSERT INTO {name} SELECT * FROM kept_{name}"),
                );
            }
            assert_eq!(house.registry.forgeries(Rows::All).expect("read"), []);
        }
    });
}

#[test]
fn a_planted_row_without_a_proof_or_with_that_of_another_row_opens_nothing() {
    let of_another = "(SELECT proof FROM operator_links ORDER BY used_at LIMIT 1)";
    for proof in ["NULL", of_another] {
        on_both(|location| {
            let mut house = House::new(location);
            let planted = format!(
                "INSERT INTO operator_links (link_hash, operator, made_at, proof)
                 SELECT $1, operator, made_at, {proof} FROM operator_links WHERE used_at IS NULL"
            );
            let hash = token_hash(&ATTACKERS);
            let planted = house.db.execute(&planted, &[Param::Blob(&hash)]);
            assert_eq!(planted.expect("written"), 1);
            let found = house.registry.operators().of_link(&ATTACKERS, NOW);
            let fault = found.expect_err("no link of this house").to_string();
            assert!(fault.contains("operator_links"), "{fault}");
            let forgeries = house.registry.forgeries(Rows::All).expect("read");
            let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(forgeries.len(), 1);
            assert_eq!(
                (forgeries[0].table, &*forgeries[0].row),
                ("operator_links", &*hex)
            );
            let honest = house.registry.operators().of_link(&house.link, NOW);
            assert!(matches!(honest, Ok(Ok(_))), "the honest link works on");
        });
    }
}

/// The book names a device by what follows from its token. A row with the name of an enrolled device beside the attacker's own token
/// would be that device, if it were believed.
#[test]
fn a_till_is_not_cloned_by_copying_the_name_of_its_device() {
    on_both(|location| {
        let mut house = House::new(location);
        let cloned = house.db.execute(
            "INSERT INTO till_devices (device, token_hash, fingerprint, till, status, made_at, proof)
             SELECT $1, $2, fingerprint, till, status, made_at, proof FROM till_devices",
            &[Param::Blob(&[8; 16]), Param::Blob(&token_hash(&ATTACKERS))],
        );
        assert_eq!(cloned.expect("written"), 1);
        let mut find = |token: [u8; 32]| house.registry.devices().find(&token_hash(&token));
        assert!(find(TOKEN).expect("read").is_some());
        let fault = find(ATTACKERS).expect_err("a clone").to_string();
        assert!(fault.contains("till_devices"), "{fault}");
    });
}
