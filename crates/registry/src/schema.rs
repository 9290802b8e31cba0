//! The tables of the control family.
//!
//! Nothing here moves money. Secrets are stored as hashes (tokens, codes, links), personal data as ciphertext under a key
//! per person, contacts are found by a keyed hash. Instants are microseconds UTC.

use mamori_datastore::sql::{Durability, Family, Migration};

/// The control tables: who may sign in, from where, and what merchants are called.
pub const CONTROL: Family = Family {
    name: "control",
    file: "control.sqlite",
    durability: Durability::Control,
    migrations: &[
        Migration {
            name: "people, operators, tills, sessions, papers",
            sql: FIRST,
        },
        Migration {
            name: "card payments",
            sql: CARD_PAYMENTS,
        },
        Migration {
            name: "a live house grows",
            sql: GROWTH,
        },
        Migration {
            name: "erasures",
            sql: ERASURES,
        },
        Migration {
            name: "what strangers may try, counted where it belongs",
            sql: COUNTED,
        },
        Migration {
            name: "charges of card payments",
            sql: CARD_CHARGES,
        },
        Migration {
            name: "what became of card payments",
            sql: CARD_AFTERMATH,
        },
        Migration {
            name: "one unit of time",
            sql: MICROSECONDS,
        },
        Migration {
            name: "how sessions were opened",
            sql: ASSURANCE,
        },
        Migration {
            name: "what operators changed",
            sql: REGISTRY_ACTS,
        },
        Migration {
            name: "standing permissions",
            sql: PERMISSIONS,
        },
        Migration {
            name: "generations of sessions",
            sql: GENERATIONS,
        },
        Migration {
            name: PROVEN_ROWS,
            sql: PROOFS,
        },
        Migration {
            name: "what API keys are for",
            sql: KEY_LABELS,
        },
        Migration {
            name: "supervisors and alarms",
            sql: SUPERVISORS,
        },
        Migration {
            name: "merchants' invoice numbers",
            sql: INVOICE_NUMBERS,
        },
        Migration {
            name: PROVEN_LASTING_ROWS,
            sql: LASTING_PROOFS,
        },
        Migration {
            name: "several passkeys",
            sql: SEVERAL_PASSKEYS,
        },
        Migration {
            name: "keys of devices",
            sql: DEVICE_KEYS,
        },
        Migration {
            name: PASSWORDS_WITH_CODES,
            sql: PASSWORDS,
        },
        Migration {
            name: PROVEN_CONTACTS,
            sql: CONTACTS,
        },
        Migration {
            name: FREEZE_CODES_ON_PAPER,
            sql: FREEZE_CODES,
        },
        Migration {
            name: "requests to close a wallet",
            sql: CLOSINGS,
        },
        Migration {
            name: EXTERNAL_IDS_LINKED,
            sql: EXTERNAL_IDS,
        },
        Migration {
            name: NOTICES_BY_CHOICE,
            sql: NOTICES,
        },
        Migration {
            name: WORDS_OF_NOTICES,
            sql: TEMPLATES,
        },
        Migration {
            name: "what operators may do",
            sql: ROLES,
        },
        Migration {
            name: TWO_PEOPLE,
            sql: APPROVALS,
        },
        Migration {
            name: RECOVERIES_AND_CODES,
            sql: RECOVERIES,
        },
    ],
};

/// The migration since which accounts elsewhere can be linked.
pub(crate) const EXTERNAL_IDS_LINKED: &str = "external IDs";

/// `subject` is a keyed hash of issuer and subject, empty in dead rows (status 3): of all others each account elsewhere is one person's.
const EXTERNAL_IDS: &str = "
CREATE TABLE external_ids (
    external_id BYTEA NOT NULL PRIMARY KEY,
    owner BYTEA NOT NULL,
    fingerprint BYTEA NOT NULL,
    status BIGINT NOT NULL,
    issuer TEXT NOT NULL,
    subject BYTEA NOT NULL,
    made_at BIGINT NOT NULL,
    used_at BIGINT,
    proof BYTEA
);
CREATE UNIQUE INDEX external_ids_by_subject ON external_ids (subject) WHERE status <> 3;
CREATE INDEX external_ids_by_owner ON external_ids (owner);
CREATE INDEX external_ids_by_fingerprint ON external_ids (fingerprint);
CREATE INDEX external_ids_on_their_way ON external_ids (status, made_at) WHERE status <> 2;
";

/// The migration since which operators edit what notices say.
pub(crate) const WORDS_OF_NOTICES: &str = "words of notices";

/// Every version is a row; without words the built-in ones are in force again.
const TEMPLATES: &str = "
CREATE TABLE message_templates (
    template TEXT NOT NULL PRIMARY KEY,
    slot TEXT NOT NULL,
    version BIGINT NOT NULL,
    subject TEXT,
    words TEXT,
    made_at BIGINT NOT NULL,
    proof BYTEA
);
CREATE INDEX message_templates_by_slot ON message_templates (slot, version);
";

/// The migration since which customers choose how they are told what, and browsers take push.
pub(crate) const NOTICES_BY_CHOICE: &str = "notices by choice";

/// `since` is when the owner began to hear of money: what moved before is no news, whenever the journal is read. `changed` rises with every change of any row: so the reader of the journal asks for what it does not know yet.
const NOTICES: &str = "
CREATE TABLE notice_choices (
    wallet BIGINT NOT NULL PRIMARY KEY,
    money BIGINT NOT NULL,
    safety BIGINT NOT NULL,
    locale TEXT,
    since BIGINT NOT NULL,
    changed BIGINT NOT NULL
);
CREATE INDEX notice_choices_by_change ON notice_choices (changed);
CREATE TABLE push_subscriptions (
    subscription BYTEA NOT NULL PRIMARY KEY,
    person BYTEA NOT NULL,
    wallet BIGINT NOT NULL,
    endpoint_index BYTEA NOT NULL,
    address BYTEA NOT NULL,
    browser BYTEA NOT NULL,
    agent BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    proof BYTEA
);
CREATE UNIQUE INDEX push_subscriptions_by_endpoint ON push_subscriptions (endpoint_index);
CREATE INDEX push_subscriptions_by_wallet ON push_subscriptions (wallet);
CREATE INDEX push_subscriptions_by_person ON push_subscriptions (person);
CREATE TABLE notice_counts (
    name TEXT NOT NULL PRIMARY KEY,
    ends_at BIGINT NOT NULL,
    times BIGINT NOT NULL
);
CREATE INDEX notice_counts_by_end ON notice_counts (ends_at);
CREATE TABLE denied_notices (
    notice BYTEA NOT NULL PRIMARY KEY,
    wallet BIGINT NOT NULL,
    told_at BIGINT NOT NULL,
    denied_at BIGINT NOT NULL,
    frozen_at BIGINT,
    seen_at BIGINT
);
CREATE INDEX denied_notices_open ON denied_notices (denied_at) WHERE seen_at IS NULL;
CREATE INDEX denied_notices_under_way ON denied_notices (denied_at) WHERE frozen_at IS NULL;
CREATE TABLE known_places (
    person BYTEA NOT NULL,
    kind BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (person, kind, hash)
);
";

/// The migration since which a code on paper stops a wallet.
pub(crate) const FREEZE_CODES_ON_PAPER: &str = "freeze codes";

/// A code is kept as a keyed hash. A person has one at most.
const FREEZE_CODES: &str = "
CREATE TABLE freeze_codes (
    code_mac BYTEA NOT NULL PRIMARY KEY,
    person BYTEA NOT NULL,
    made_at BIGINT NOT NULL,
    used_at BIGINT,
    proof BYTEA
);
CREATE UNIQUE INDEX freeze_codes_by_person ON freeze_codes (person);
";

/// Who wants the wallet closed, and how the money is wanted (sealed under the person's key).
const CLOSINGS: &str = "
CREATE TABLE closings (
    person BYTEA NOT NULL PRIMARY KEY,
    wallet BIGINT NOT NULL,
    asked_at BIGINT NOT NULL,
    payout BYTEA NOT NULL
);
CREATE INDEX closings_by_time ON closings (asked_at);
";

/// The migration since which there are proposals.
pub(crate) const TWO_PEOPLE: &str = "what takes two people";

/// What an operator proposed, for another one to approve. `detail` is sealed under the key of the person whom it is about.
const APPROVALS: &str = "
CREATE TABLE approvals (
    approval BYTEA NOT NULL PRIMARY KEY,
    kind BIGINT NOT NULL,
    status BIGINT NOT NULL,
    wallet BIGINT NOT NULL,
    despite_balance BIGINT NOT NULL,
    detail BYTEA NOT NULL,
    made_by BYTEA NOT NULL,
    made_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_by BYTEA,
    decided_at BIGINT,
    due_at BIGINT,
    ended_at BIGINT,
    proof BYTEA
);
CREATE INDEX approvals_under_way ON approvals (made_at) WHERE status <= 2;
CREATE INDEX approvals_ended ON approvals (ended_at) WHERE status > 2;
";

/// What an operator may do, who said so, and when. Operators of before have none of it and may do everything.
const ROLES: &str = "
ALTER TABLE operators ADD COLUMN role BIGINT;
ALTER TABLE operators ADD COLUMN role_by BYTEA;
ALTER TABLE operators ADD COLUMN role_at BIGINT;
";

/// What an owner calls a passkey (sealed), in which family of browsers it was made, in which network it was last used, and since when
/// it is being removed (status 4); and which credential opened a session. All are NULL in the rows of before: their proofs say
/// nothing of these columns (`added` in `authentic.rs`).
const SEVERAL_PASSKEYS: &str = "
ALTER TABLE passkeys ADD COLUMN name BYTEA;
ALTER TABLE passkeys ADD COLUMN agent BIGINT;
ALTER TABLE passkeys ADD COLUMN used_network BIGINT;
ALTER TABLE passkeys ADD COLUMN leaving_at BIGINT;
CREATE INDEX passkeys_on_their_way ON passkeys (made_at) WHERE status = 1 OR status = 4;
ALTER TABLE sessions ADD COLUMN credential BYTEA;
";

/// The thumbprint (RFC 7638) of the key that proves itself with each request of a session. Sessions of an older program have none.
const DEVICE_KEYS: &str = "
ALTER TABLE sessions ADD COLUMN device_key BYTEA;
";

/// The migration since which there are passwords.
pub(crate) const PASSWORDS_WITH_CODES: &str = "passwords, with codes by time";

/// A customer's password (`hash` is a PHC string over a keyed value, empty in a dead row) and the secret of the codes by time that it
/// never goes without (`secret`, sealed under the person's key). `wrong` counts failures in a row of one factor; `factor_tries` those of
/// whoever is asked for, by a keyed hash, whether there is such a customer or not.
const PASSWORDS: &str = "
CREATE TABLE passwords (
    password BYTEA NOT NULL PRIMARY KEY,
    owner BYTEA NOT NULL,
    fingerprint BYTEA NOT NULL,
    status BIGINT NOT NULL,
    hash TEXT NOT NULL,
    beside_passkeys BIGINT NOT NULL,
    wrong BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    used_at BIGINT,
    proof BYTEA
);
CREATE INDEX passwords_by_owner ON passwords (owner);
CREATE INDEX passwords_on_their_way ON passwords (status, made_at) WHERE status <> 2;
CREATE TABLE totps (
    totp BYTEA NOT NULL PRIMARY KEY,
    owner BYTEA NOT NULL,
    fingerprint BYTEA NOT NULL,
    status BIGINT NOT NULL,
    secret BYTEA NOT NULL,
    step BIGINT NOT NULL,
    wrong BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    used_at BIGINT,
    proof BYTEA
);
CREATE INDEX totps_by_owner ON totps (owner);
CREATE INDEX totps_on_their_way ON totps (status, made_at) WHERE status <> 2;
CREATE TABLE factor_tries (
    subject BYTEA NOT NULL PRIMARY KEY,
    wrong BIGINT NOT NULL,
    last_at BIGINT NOT NULL
);
CREATE INDEX factor_tries_by_time ON factor_tries (last_at);
";

/// The migration since which contacts carry proofs.
pub(crate) const PROVEN_CONTACTS: &str = "several contacts a person";

/// A person may have several contacts, each with a name of its own (`contact_id`) that its seal is bound to; the one that a person had
/// before is named after the person, preferred, and old enough to be believed. It is proven by its seal at the next start
/// (`contacts.rs`). A sign-up with a `person` proves a contact more. What was changed can be undone by whoever has the secret of a letter.
/// `detail` is sealed.
const CONTACTS: &str = "
ALTER TABLE contacts ADD COLUMN contact_id BYTEA;
ALTER TABLE contacts ADD COLUMN preferred BIGINT NOT NULL DEFAULT 1;
ALTER TABLE contacts ADD COLUMN settles_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN removed_at BIGINT;
ALTER TABLE contacts ADD COLUMN proof BYTEA;
UPDATE contacts SET contact_id = person, settles_at = proven_at;
CREATE INDEX contacts_unproven ON contacts (contact_index) WHERE proof IS NULL;
CREATE INDEX contacts_removed ON contacts (removed_at) WHERE removed_at IS NOT NULL;
ALTER TABLE sign_ups ADD COLUMN person BYTEA;
CREATE TABLE contact_changes (
    secret_hash BYTEA NOT NULL PRIMARY KEY,
    person BYTEA NOT NULL,
    kind BIGINT NOT NULL,
    contact_id BYTEA NOT NULL,
    preferred_before BYTEA,
    made_at BIGINT NOT NULL,
    undone_at BIGINT,
    proof BYTEA
);
CREATE INDEX contact_changes_by_person ON contact_changes (person, made_at);
CREATE INDEX contact_changes_by_time ON contact_changes (made_at);
ALTER TABLE registry_acts ADD COLUMN detail BYTEA;
";

/// The migration since which there are recoveries.
pub(crate) const RECOVERIES_AND_CODES: &str = "recoveries, saved codes, trusted contacts";

/// Who is on the way back in (`person` is a name that no row has where nobody is called so), what was proven and when (`proven`), and
/// what the new factors are called in the ledger; `code_id` names the row of `sign_ups` whose one-time code was sent last. Saved codes
/// stand as keyed hashes. A trusted contact is another customer, who has said yes once `other` is there.
const RECOVERIES: &str = "
CREATE TABLE recoveries (
    recovery BYTEA NOT NULL PRIMARY KEY,
    person BYTEA NOT NULL,
    device_key BYTEA NOT NULL,
    agent BIGINT NOT NULL,
    locale TEXT NOT NULL,
    status BIGINT NOT NULL,
    proven TEXT NOT NULL,
    code_id BYTEA,
    wrong BIGINT NOT NULL,
    asked_at BIGINT NOT NULL,
    opened_at BIGINT,
    ends_at BIGINT NOT NULL,
    done_at BIGINT,
    credentials BYTEA,
    device_before BYTEA,
    owed BIGINT NOT NULL,
    told BIGINT NOT NULL,
    undo_hash BYTEA NOT NULL,
    proof BYTEA
);
CREATE INDEX recoveries_by_person ON recoveries (person, status);
CREATE INDEX recoveries_by_end ON recoveries (status, ends_at);
CREATE UNIQUE INDEX recoveries_by_undo ON recoveries (undo_hash);
CREATE TABLE recovery_codes (
    code BYTEA NOT NULL PRIMARY KEY,
    owner BYTEA NOT NULL,
    made_at BIGINT NOT NULL,
    used_at BIGINT,
    proof BYTEA
);
CREATE INDEX recovery_codes_by_owner ON recovery_codes (owner);
CREATE TABLE trusted_contacts (
    trusted BYTEA NOT NULL PRIMARY KEY,
    person BYTEA NOT NULL,
    invite_hash BYTEA NOT NULL,
    other BYTEA,
    made_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    accepted_at BIGINT,
    proof BYTEA
);
CREATE INDEX trusted_contacts_by_person ON trusted_contacts (person);
CREATE INDEX trusted_contacts_by_other ON trusted_contacts (other);
CREATE UNIQUE INDEX trusted_contacts_by_invite ON trusted_contacts (invite_hash);
";

/// What operators say a key is for.
const KEY_LABELS: &str = "
ALTER TABLE api_keys ADD COLUMN label TEXT;
";

/// Under which number the tax office knows a merchant, for receipts.
const INVOICE_NUMBERS: &str = "
ALTER TABLE merchants ADD COLUMN invoice_number TEXT;
";

/// Who may stand beside a store's tills with a PIN, how often a till was given a wrong one, and what an operator ought to look at.
const SUPERVISORS: &str = "
CREATE TABLE supervisors (
    supervisor BIGINT NOT NULL PRIMARY KEY,
    store BIGINT NOT NULL,
    name TEXT NOT NULL,
    pin_mac BYTEA,
    made_at BIGINT NOT NULL,
    removed_at BIGINT,
    proof BYTEA
);
CREATE UNIQUE INDEX supervisors_by_pin ON supervisors (store, pin_mac);
CREATE TABLE pin_tries (
    till BIGINT NOT NULL PRIMARY KEY,
    wrong BIGINT NOT NULL,
    last_at BIGINT NOT NULL
);
CREATE TABLE alarms (
    alarm BYTEA NOT NULL PRIMARY KEY,
    kind BIGINT NOT NULL,
    till BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    times BIGINT NOT NULL,
    seen_at BIGINT
);
CREATE INDEX alarms_unseen ON alarms (seen_at, last_at);
";

/// The migration since which rows carry proofs.
pub(crate) const PROVEN_ROWS: &str = "rows that prove themselves";

/// The migration since which people, operators, public keys, devices and API keys carry proofs.
pub(crate) const PROVEN_LASTING_ROWS: &str = "lasting rows prove themselves";

/// Rows that give a right by being there carry a proof (`authentic.rs`). What an older program wrote has none, and none can be made
/// for it: that would make true what an attacker had put there before. So everybody signs in again once, and links and
/// pairing codes, which live for a day and for ten minutes, are made anew. Devices of tills stay: the book names them.
const PROOFS: &str = "
ALTER TABLE sessions ADD COLUMN proof BYTEA;
ALTER TABLE operator_links ADD COLUMN proof BYTEA;
ALTER TABLE pairing_codes ADD COLUMN proof BYTEA;
DELETE FROM sessions;
DELETE FROM operator_links;
DELETE FROM pairing_codes;
";

/// People, operators, public keys, devices and API keys stay: a start proves them once, and journals that it did. An operator enters only
/// while confirmed in this life of the store: a restore empties that table, for some may have been removed since.
const LASTING_PROOFS: &str = "
ALTER TABLE people ADD COLUMN proof BYTEA;
ALTER TABLE operators ADD COLUMN proof BYTEA;
ALTER TABLE passkeys ADD COLUMN proof BYTEA;
ALTER TABLE till_devices ADD COLUMN proof BYTEA;
ALTER TABLE api_keys ADD COLUMN proof BYTEA;
CREATE TABLE confirmed_operators (
    operator BYTEA NOT NULL PRIMARY KEY,
    made_at BIGINT NOT NULL,
    proof BYTEA
);
INSERT INTO confirmed_operators (operator, made_at) SELECT operator, made_at FROM operators WHERE status = 2;
";

/// A session carries the generation of its owner and that of its surface, and lives only while both are still the present ones: who
/// raises a number ends every session that carries an older one, sign-ins that are on their way included. Surfaces: 1 wallet,
/// 3 console. Status 2 is an owner who may sign in.
const GENERATIONS: &str = "
ALTER TABLE people ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE operators ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN surface_generation BIGINT NOT NULL DEFAULT 0;
CREATE TABLE surface_generations (
    surface BIGINT NOT NULL PRIMARY KEY,
    generation BIGINT NOT NULL
);
INSERT INTO surface_generations (surface, generation) VALUES (1, 0), (3, 0);
CREATE VIEW live_sessions AS SELECT * FROM sessions
WHERE surface_generation = (SELECT generation FROM surface_generations WHERE surface_generations.surface = sessions.surface)
  AND (
    (surface = 1 AND EXISTS (SELECT 1 FROM people
        WHERE person = sessions.owner AND people.status = 2 AND people.generation = sessions.generation))
    OR (surface = 3 AND EXISTS (SELECT 1 FROM operators
        WHERE operator = sessions.owner AND operators.status = 2 AND operators.generation = sessions.generation))
  );
";

/// Permissions by their 128 bits, under which the book names them; `made_at` is 0 where only the book remembers. A link that was
/// answered with a no has no permission, and is forgotten once it has run out (`ends_at`). `reference` is sealed.
const PERMISSIONS: &str = "
CREATE TABLE permissions (
    permission BYTEA NOT NULL PRIMARY KEY,
    wallet BIGINT NOT NULL,
    merchant BIGINT NOT NULL,
    scopes TEXT NOT NULL,
    status BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX permissions_by_wallet ON permissions (wallet, merchant);
CREATE INDEX permissions_on_their_way ON permissions (made_at) WHERE status = 1;
CREATE TABLE permission_links (
    merchant BIGINT NOT NULL,
    nonce_hash BYTEA NOT NULL,
    wallet BIGINT NOT NULL,
    permission BYTEA,
    reference BYTEA,
    made_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    PRIMARY KEY (merchant, nonce_hash)
);
CREATE INDEX permission_links_by_permission ON permission_links (permission);
CREATE INDEX declined_links ON permission_links (ends_at) WHERE permission IS NULL;
";

/// What the processor calls the charge that paid a top-up, and who bears it if the cardholder disputes it: `shifted` (the issuer),
/// `not_shifted` or `unknown` (we do).
const CARD_CHARGES: &str = "
ALTER TABLE card_payments ADD COLUMN charge TEXT;
ALTER TABLE card_payments ADD COLUMN liability_shift TEXT;
";

/// How a session was opened, how much that proves, and in which browser. Every session of an older program was opened right
/// after a passkey had been shown or made (1) with its owner verified, which is level 2; of the browser nothing was kept.
const ASSURANCE: &str = "
ALTER TABLE sessions ADD COLUMN method BIGINT NOT NULL DEFAULT 1;
ALTER TABLE sessions ADD COLUMN assurance BIGINT NOT NULL DEFAULT 2;
ALTER TABLE sessions ADD COLUMN browser BYTEA;
ALTER TABLE sessions ADD COLUMN agent BIGINT NOT NULL DEFAULT 0;
";

/// One row for each change that an operator made in the registry alone. Subject kinds are those of the ledger's acts; an operator or
/// an API key has none.
const REGISTRY_ACTS: &str = "
CREATE TABLE registry_acts (
    act BYTEA NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    command BIGINT NOT NULL,
    actor_kind BIGINT NOT NULL,
    actor BYTEA NOT NULL,
    context BYTEA NOT NULL,
    subject_kind BIGINT,
    subject_number BIGINT,
    subject TEXT NOT NULL,
    request BIGINT NOT NULL
);
CREATE INDEX registry_acts_by_time ON registry_acts (at, act);
CREATE INDEX registry_acts_by_actor ON registry_acts (actor_kind, actor, at, act);
CREATE INDEX registry_acts_by_subject ON registry_acts (subject_kind, subject_number, at, act);
";

/// Three columns held seconds where every other instant is in microseconds.
const MICROSECONDS: &str = "
UPDATE card_payments SET expires_at = expires_at * 1000000, ask_at = ask_at * 1000000, closed_at = closed_at * 1000000;
";

/// What the processor gave back of a charge (yen), whether the cardholder disputes it, and when an operator was first told to
/// look. A payment that the processor could say nothing about is asked about again at `ask_at`, `silent` times in vain so far;
/// one that was closed without money at `closed_at` is asked about again for a while.
const CARD_AFTERMATH: &str = "
ALTER TABLE card_payments ADD COLUMN refunded BIGINT NOT NULL DEFAULT 0;
ALTER TABLE card_payments ADD COLUMN disputed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE card_payments ADD COLUMN alarmed_at BIGINT;
ALTER TABLE card_payments ADD COLUMN silent BIGINT NOT NULL DEFAULT 0;
ALTER TABLE card_payments ADD COLUMN ask_at BIGINT;
ALTER TABLE card_payments ADD COLUMN closed_at BIGINT;
CREATE INDEX card_payments_by_charge ON card_payments (charge);
CREATE INDEX card_payments_alarmed ON card_payments (alarmed_at) WHERE alarmed_at IS NOT NULL;
CREATE INDEX card_payments_to_ask_again ON card_payments (ask_at) WHERE closed_at IS NOT NULL;
";

/// Hosted card pages of top-ups. No card data is ever in reach of this house.
const CARD_PAYMENTS: &str = "
CREATE TABLE card_payments (
    top_up BIGINT NOT NULL PRIMARY KEY,
    amount BIGINT NOT NULL,
    locale TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    reference TEXT,
    url TEXT
);
";

/// What is being opened has no id yet: the book gives it out. Kinds: 1 merchant, 2 store of a merchant, 3 till of a store.
const GROWTH: &str = "
CREATE TABLE openings (
    opening BYTEA NOT NULL PRIMARY KEY,
    kind BIGINT NOT NULL,
    parent BIGINT NOT NULL,
    name TEXT NOT NULL,
    made_at BIGINT NOT NULL
);
ALTER TABLE api_keys ADD COLUMN revoked_at BIGINT;
";

/// Who was erased, as far as that names no person. A row without `finished_at` owes the book its acts.
const ERASURES: &str = "
CREATE TABLE erasures (
    person BYTEA NOT NULL PRIMARY KEY,
    wallet BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX erasures_by_wallet ON erasures (wallet);
";

/// Messages are counted by country and apart from mail. Of a pairing code the first half finds the row (`code_mac`) and the
/// second opens it (`secret_mac`), so that wrong tries are counted against the one code they were aimed at.
const COUNTED: &str = "
ALTER TABLE sign_ups ADD COLUMN lane TEXT NOT NULL DEFAULT '';
CREATE INDEX sign_ups_by_lane ON sign_ups (lane, made_at);
ALTER TABLE pairing_codes ADD COLUMN secret_mac BYTEA;
ALTER TABLE pairing_codes ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
";

/// Status columns: 1 pending (the book has not named it yet), 2 active, 3 dead.
const FIRST: &str = "
CREATE TABLE people (
    person BYTEA NOT NULL PRIMARY KEY,
    wallet BIGINT,
    status BIGINT NOT NULL,
    locale TEXT NOT NULL,
    field_key BYTEA,
    display_name BYTEA,
    made_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX people_by_wallet ON people (wallet);
CREATE INDEX people_by_status ON people (status, made_at);

CREATE TABLE contacts (
    contact_index BYTEA NOT NULL PRIMARY KEY,
    person BYTEA NOT NULL,
    kind BIGINT NOT NULL,
    contact BYTEA NOT NULL,
    proven_at BIGINT NOT NULL
);
CREATE INDEX contacts_by_person ON contacts (person);

CREATE TABLE sign_ups (
    sign_up BYTEA NOT NULL PRIMARY KEY,
    browser BYTEA NOT NULL,
    contact_index BYTEA NOT NULL,
    contact BYTEA NOT NULL,
    locale TEXT NOT NULL,
    code_mac BYTEA NOT NULL,
    tries BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    proven_at BIGINT
);
CREATE INDEX sign_ups_by_contact ON sign_ups (contact_index, made_at);
CREATE INDEX sign_ups_by_time ON sign_ups (made_at);

CREATE TABLE passkeys (
    credential BYTEA NOT NULL PRIMARY KEY,
    surface BIGINT NOT NULL,
    owner BYTEA NOT NULL,
    fingerprint BYTEA NOT NULL,
    status BIGINT NOT NULL,
    passkey TEXT NOT NULL,
    sign_count BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX passkeys_by_owner ON passkeys (surface, owner);

CREATE TABLE sessions (
    session BYTEA NOT NULL PRIMARY KEY,
    token_hash BYTEA NOT NULL,
    surface BIGINT NOT NULL,
    owner BYTEA NOT NULL,
    wallet BIGINT,
    made_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX sessions_by_token ON sessions (token_hash);
CREATE INDEX sessions_by_owner ON sessions (surface, owner);
CREATE INDEX sessions_by_end ON sessions (ends_at);

CREATE TABLE operators (
    operator BYTEA NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    status BIGINT NOT NULL,
    made_at BIGINT NOT NULL
);

CREATE TABLE operator_links (
    link_hash BYTEA NOT NULL PRIMARY KEY,
    operator BYTEA NOT NULL,
    made_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE TABLE pairing_codes (
    code_mac BYTEA NOT NULL PRIMARY KEY,
    till BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX pairing_codes_by_till ON pairing_codes (till);

CREATE TABLE till_devices (
    device BYTEA NOT NULL PRIMARY KEY,
    token_hash BYTEA NOT NULL,
    fingerprint BYTEA NOT NULL,
    till BIGINT NOT NULL,
    status BIGINT NOT NULL,
    made_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX till_devices_by_token ON till_devices (token_hash);
CREATE INDEX till_devices_by_till ON till_devices (till);

CREATE TABLE merchants (
    merchant BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL
);
CREATE TABLE stores (
    store BIGINT NOT NULL PRIMARY KEY,
    merchant BIGINT NOT NULL,
    name TEXT NOT NULL
);
CREATE INDEX stores_by_merchant ON stores (merchant);
CREATE TABLE tills (
    till BIGINT NOT NULL PRIMARY KEY,
    store BIGINT NOT NULL,
    name TEXT NOT NULL
);
CREATE INDEX tills_by_store ON tills (store);

CREATE TABLE api_keys (
    api_key TEXT NOT NULL PRIMARY KEY,
    merchant BIGINT NOT NULL,
    secret BYTEA NOT NULL,
    fingerprint BYTEA NOT NULL,
    opa_auth BIGINT NOT NULL,
    status BIGINT NOT NULL,
    made_at BIGINT NOT NULL
);
CREATE INDEX api_keys_by_merchant ON api_keys (merchant);
";
