//! Rows that prove themselves: each carries a code over its table, its names and all its cells, made with a key that is derived
//! from the master key.
//!
//! The book says which credentials and devices may act, but it does not know who is signed in or invited: those rows give a right
//! by being there. Nor does it know which public key stands behind a credential that it names. So a row of [`AUTHENTIC`] that this
//! house did not write, or that was altered since, is no row: reading it is a fault. They are written by [`insert`] and [`update`],
//! and read by [`select`] wherever a right follows. What the ledger or a seal decides, and what is only shown, may be read without.
//!
//! What is under way (sessions, links, pairing codes) was ended when rows began to carry proofs. What lasts was there before: it is
//! [proven once](prove_lasting), and the ledger remembers that, so that it is never done again. Contacts came later; what an older
//! program wrote of them was sealed already, and is believed by its seal (`contacts.rs`).
//!
//! What an attacker gains who may write to the store and does not have the master key: rows can be taken away, and an old row of
//! the same store can be put back in the place of the one that followed it. None can be invented and none altered.

use std::fmt::Write;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::Secret;
use mamori_datastore::sql::{Db, Param, Row, Tx};

use crate::schema::{
    EXTERNAL_IDS_LINKED, FREEZE_CODES_ON_PAPER, NOTICES_BY_CHOICE, PASSWORDS_WITH_CODES,
    PROVEN_CONTACTS, PROVEN_LASTING_ROWS, PROVEN_ROWS, RECOVERIES_AND_CODES, TWO_PEOPLE,
    WORDS_OF_NOTICES,
};

/// Of what type the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellType {
    /// A 64-bit integer or NULL.
    Int,
    /// Bytes or NULL.
    Blob,
    /// Text or NULL.
    Text,
}

/// A table whose rows carry their proof in the column [`PROOF`].
pub struct AuthenticTable {
    /// Its name.
    pub name: &'static str,
    /// Every column but the proof; the first one is the primary key.
    pub columns: &'static [(&'static str, CellType)],
    /// How many of its last columns were added when its rows carried proofs already: where one of these is NULL the proof says
    /// nothing of it, and so the rows of before stay what they were. A NULL that is put in the place of a value is still noticed.
    pub added: usize,
    /// Whether its rows stay for years: they were there before rows carried proofs.
    pub lasts: bool,
    /// What is said of a row that does not prove itself.
    refusal: &'static str,
}

/// The column of the proof.
pub const PROOF: &str = "proof";

pub(crate) const SESSIONS: AuthenticTable = AuthenticTable {
    name: "sessions",
    columns: &[
        ("session", CellType::Blob),
        ("token_hash", CellType::Blob),
        ("surface", CellType::Int),
        ("owner", CellType::Blob),
        ("wallet", CellType::Int),
        ("made_at", CellType::Int),
        ("seen_at", CellType::Int),
        ("ends_at", CellType::Int),
        ("method", CellType::Int),
        ("assurance", CellType::Int),
        ("browser", CellType::Blob),
        ("agent", CellType::Int),
        ("generation", CellType::Int),
        ("surface_generation", CellType::Int),
        ("credential", CellType::Blob),
        ("device_key", CellType::Blob),
    ],
    added: 2,
    lasts: false,
    refusal: "a row of sessions was not written by this house or was altered",
};

pub(crate) const OPERATOR_LINKS: AuthenticTable = AuthenticTable {
    name: "operator_links",
    columns: &[
        ("link_hash", CellType::Blob),
        ("operator", CellType::Blob),
        ("made_at", CellType::Int),
        ("used_at", CellType::Int),
    ],
    added: 0,
    lasts: false,
    refusal: "a row of operator_links was not written by this house or was altered",
};

pub(crate) const PAIRING_CODES: AuthenticTable = AuthenticTable {
    name: "pairing_codes",
    columns: &[
        ("code_mac", CellType::Blob),
        ("till", CellType::Int),
        ("made_at", CellType::Int),
        ("used_at", CellType::Int),
        ("secret_mac", CellType::Blob),
        ("tries", CellType::Int),
    ],
    added: 0,
    lasts: false,
    refusal: "a row of pairing_codes was not written by this house or was altered",
};

pub(crate) const PEOPLE: AuthenticTable = AuthenticTable {
    name: "people",
    columns: &[
        ("person", CellType::Blob),
        ("wallet", CellType::Int),
        ("status", CellType::Int),
        ("locale", CellType::Text),
        ("field_key", CellType::Blob),
        ("display_name", CellType::Blob),
        ("made_at", CellType::Int),
        ("generation", CellType::Int),
    ],
    added: 0,
    lasts: true,
    refusal: "a row of people was not written by this house or was altered",
};

pub(crate) const OPERATORS: AuthenticTable = AuthenticTable {
    name: "operators",
    columns: &[
        ("operator", CellType::Blob),
        ("name", CellType::Text),
        ("status", CellType::Int),
        ("made_at", CellType::Int),
        ("generation", CellType::Int),
        ("role", CellType::Int),
        ("role_by", CellType::Blob),
        ("role_at", CellType::Int),
    ],
    added: 3,
    lasts: true,
    refusal: "a row of operators was not written by this house or was altered",
};

/// Operators who were let in during this life of the store, by another operator or by their link.
pub(crate) const CONFIRMED_OPERATORS: AuthenticTable = AuthenticTable {
    name: "confirmed_operators",
    columns: &[("operator", CellType::Blob), ("made_at", CellType::Int)],
    added: 0,
    lasts: true,
    refusal: "a row of confirmed_operators was not written by this house or was altered",
};

pub(crate) const PASSKEYS: AuthenticTable = AuthenticTable {
    name: "passkeys",
    columns: &[
        ("credential", CellType::Blob),
        ("surface", CellType::Int),
        ("owner", CellType::Blob),
        ("fingerprint", CellType::Blob),
        ("status", CellType::Int),
        ("passkey", CellType::Text),
        ("sign_count", CellType::Int),
        ("made_at", CellType::Int),
        ("used_at", CellType::Int),
        ("name", CellType::Blob),
        ("agent", CellType::Int),
        ("used_network", CellType::Int),
        ("leaving_at", CellType::Int),
    ],
    added: 4,
    lasts: true,
    refusal: "a row of passkeys was not written by this house or was altered",
};

/// A password proves its owner together with a code: the row says of whom, and what it must be.
pub(crate) const PASSWORDS: AuthenticTable = AuthenticTable {
    name: "passwords",
    columns: &[
        ("password", CellType::Blob),
        ("owner", CellType::Blob),
        ("fingerprint", CellType::Blob),
        ("status", CellType::Int),
        ("hash", CellType::Text),
        ("beside_passkeys", CellType::Int),
        ("wrong", CellType::Int),
        ("made_at", CellType::Int),
        ("used_at", CellType::Int),
    ],
    added: 0,
    lasts: true,
    refusal: "a row of passwords was not written by this house or was altered",
};

/// Secrets of codes by time, and the step whose code was used last.
pub(crate) const TOTPS: AuthenticTable = AuthenticTable {
    name: "totps",
    columns: &[
        ("totp", CellType::Blob),
        ("owner", CellType::Blob),
        ("fingerprint", CellType::Blob),
        ("status", CellType::Int),
        ("secret", CellType::Blob),
        ("step", CellType::Int),
        ("wrong", CellType::Int),
        ("made_at", CellType::Int),
        ("used_at", CellType::Int),
    ],
    added: 0,
    lasts: true,
    refusal: "a row of totps was not written by this house or was altered",
};

pub(crate) const TILL_DEVICES: AuthenticTable = AuthenticTable {
    name: "till_devices",
    columns: &[
        ("device", CellType::Blob),
        ("token_hash", CellType::Blob),
        ("fingerprint", CellType::Blob),
        ("till", CellType::Int),
        ("status", CellType::Int),
        ("made_at", CellType::Int),
    ],
    added: 0,
    lasts: true,
    refusal: "a row of till_devices was not written by this house or was altered",
};

pub(crate) const API_KEYS: AuthenticTable = AuthenticTable {
    name: "api_keys",
    columns: &[
        ("api_key", CellType::Text),
        ("merchant", CellType::Int),
        ("secret", CellType::Blob),
        ("fingerprint", CellType::Blob),
        ("opa_auth", CellType::Int),
        ("status", CellType::Int),
        ("made_at", CellType::Int),
        ("revoked_at", CellType::Int),
        ("label", CellType::Text),
    ],
    added: 0,
    lasts: true,
    refusal: "a row of api_keys was not written by this house or was altered",
};

/// Who may stand beside a till: the PIN gives the right to say yes to a refund.
pub(crate) const SUPERVISORS: AuthenticTable = AuthenticTable {
    name: "supervisors",
    columns: &[
        ("supervisor", CellType::Int),
        ("store", CellType::Int),
        ("name", CellType::Text),
        ("pin_mac", CellType::Blob),
        ("made_at", CellType::Int),
        ("removed_at", CellType::Int),
    ],
    added: 0,
    lasts: true,
    refusal: "a row of supervisors was not written by this house or was altered",
};

/// How people are reached: codes go there, and notices of safety. Rows of an older program are proven by their seals.
pub(crate) const CONTACTS: AuthenticTable = AuthenticTable {
    name: "contacts",
    columns: &[
        ("contact_index", CellType::Blob),
        ("person", CellType::Blob),
        ("kind", CellType::Int),
        ("contact", CellType::Blob),
        ("proven_at", CellType::Int),
        ("contact_id", CellType::Blob),
        ("preferred", CellType::Int),
        ("settles_at", CellType::Int),
        ("removed_at", CellType::Int),
    ],
    added: 0,
    lasts: true,
    refusal: "a row of contacts was not written by this house or was altered",
};

/// What was changed of contacts in the last 72 hours: whoever has the secret may undo it.
pub(crate) const CONTACT_CHANGES: AuthenticTable = AuthenticTable {
    name: "contact_changes",
    columns: &[
        ("secret_hash", CellType::Blob),
        ("person", CellType::Blob),
        ("kind", CellType::Int),
        ("contact_id", CellType::Blob),
        ("preferred_before", CellType::Blob),
        ("made_at", CellType::Int),
        ("undone_at", CellType::Int),
    ],
    added: 0,
    lasts: true,
    refusal: "a row of contact_changes was not written by this house or was altered",
};

/// Codes on paper: whoever has one stops the wallet of its row.
pub(crate) const FREEZE_CODES: AuthenticTable = AuthenticTable {
    name: "freeze_codes",
    columns: &[
        ("code_mac", CellType::Blob),
        ("person", CellType::Blob),
        ("made_at", CellType::Int),
        ("used_at", CellType::Int),
    ],
    added: 0,
    lasts: true,
    refusal: "a row of freeze_codes was not written by this house or was altered",
};

/// Accounts elsewhere that prove their owner together with a code: the row says of whom.
pub(crate) const EXTERNAL_IDS: AuthenticTable = AuthenticTable {
    name: "external_ids",
    columns: &[
        ("external_id", CellType::Blob),
        ("owner", CellType::Blob),
        ("fingerprint", CellType::Blob),
        ("status", CellType::Int),
        ("issuer", CellType::Text),
        ("subject", CellType::Blob),
        ("made_at", CellType::Int),
        ("used_at", CellType::Int),
    ],
    added: 0,
    lasts: true,
    refusal: "a row of external_ids was not written by this house or was altered",
};

/// Browsers that notices go to, and with them the link that freezes.
pub(crate) const PUSH_SUBSCRIPTIONS: AuthenticTable = AuthenticTable {
    name: "push_subscriptions",
    columns: &[
        ("subscription", CellType::Blob),
        ("person", CellType::Blob),
        ("wallet", CellType::Int),
        ("endpoint_index", CellType::Blob),
        ("address", CellType::Blob),
        ("browser", CellType::Blob),
        ("agent", CellType::Int),
        ("made_at", CellType::Int),
    ],
    added: 0,
    lasts: true,
    refusal: "a row of push_subscriptions was not written by this house or was altered",
};

/// What notices say under our name.
pub(crate) const MESSAGE_TEMPLATES: AuthenticTable = AuthenticTable {
    name: "message_templates",
    columns: &[
        ("template", CellType::Text),
        ("slot", CellType::Text),
        ("version", CellType::Int),
        ("subject", CellType::Text),
        ("words", CellType::Text),
        ("made_at", CellType::Int),
    ],
    added: 0,
    lasts: true,
    refusal: "a row of message_templates was not written by this house or was altered",
};

/// What one operator proposed, and whether another one approved it: an approved row is carried out.
pub(crate) const APPROVALS: AuthenticTable = AuthenticTable {
    name: "approvals",
    columns: &[
        ("approval", CellType::Blob),
        ("kind", CellType::Int),
        ("status", CellType::Int),
        ("wallet", CellType::Int),
        ("despite_balance", CellType::Int),
        ("detail", CellType::Blob),
        ("made_by", CellType::Blob),
        ("made_at", CellType::Int),
        ("expires_at", CellType::Int),
        ("decided_by", CellType::Blob),
        ("decided_at", CellType::Int),
        ("due_at", CellType::Int),
        ("ended_at", CellType::Int),
    ],
    added: 0,
    lasts: true,
    refusal: "a row of approvals was not written by this house or was altered",
};

/// Who is on the way back in, and what they have proven: the row gives them new factors.
pub(crate) const RECOVERIES: AuthenticTable = AuthenticTable {
    name: "recoveries",
    columns: &[
        ("recovery", CellType::Blob),
        ("person", CellType::Blob),
        ("device_key", CellType::Blob),
        ("agent", CellType::Int),
        ("locale", CellType::Text),
        ("status", CellType::Int),
        ("proven", CellType::Text),
        ("code_id", CellType::Blob),
        ("wrong", CellType::Int),
        ("asked_at", CellType::Int),
        ("opened_at", CellType::Int),
        ("ends_at", CellType::Int),
        ("done_at", CellType::Int),
        ("credentials", CellType::Blob),
        ("device_before", CellType::Blob),
        ("owed", CellType::Int),
        ("told", CellType::Int),
        ("undo_hash", CellType::Blob),
    ],
    added: 0,
    lasts: true,
    refusal: "a row of recoveries was not written by this house or was altered",
};

/// Saved codes of recovery, as keyed hashes.
pub(crate) const SAVED_CODES: AuthenticTable = AuthenticTable {
    name: "recovery_codes",
    columns: &[
        ("code", CellType::Blob),
        ("owner", CellType::Blob),
        ("made_at", CellType::Int),
        ("used_at", CellType::Int),
    ],
    added: 0,
    lasts: true,
    refusal: "a row of recovery_codes was not written by this house or was altered",
};

/// Who may help whom to come back.
pub(crate) const TRUSTED_CONTACTS: AuthenticTable = AuthenticTable {
    name: "trusted_contacts",
    columns: &[
        ("trusted", CellType::Blob),
        ("person", CellType::Blob),
        ("invite_hash", CellType::Blob),
        ("other", CellType::Blob),
        ("made_at", CellType::Int),
        ("ends_at", CellType::Int),
        ("accepted_at", CellType::Int),
    ],
    added: 0,
    lasts: true,
    refusal: "a row of trusted_contacts was not written by this house or was altered",
};

impl AuthenticTable {
    /// The migration since which its rows carry proofs.
    pub(crate) fn since(&self) -> &'static str {
        match self.name {
            "sessions" | "operator_links" | "pairing_codes" => PROVEN_ROWS,
            "contacts" | "contact_changes" => PROVEN_CONTACTS,
            "passwords" | "totps" => PASSWORDS_WITH_CODES,
            "freeze_codes" => FREEZE_CODES_ON_PAPER,
            "external_ids" => EXTERNAL_IDS_LINKED,
            "push_subscriptions" => NOTICES_BY_CHOICE,
            "message_templates" => WORDS_OF_NOTICES,
            "approvals" => TWO_PEOPLE,
            "recoveries" | "recovery_codes" | "trusted_contacts" => RECOVERIES_AND_CODES,
            _ => PROVEN_LASTING_ROWS,
        }
    }
}

/// Every table whose rows give a right by being there.
pub const AUTHENTIC: [&AuthenticTable; 22] = [
    &SESSIONS,
    &OPERATOR_LINKS,
    &PAIRING_CODES,
    &OPERATORS,
    &CONFIRMED_OPERATORS,
    &TILL_DEVICES,
    &API_KEYS,
    &PASSKEYS,
    &PEOPLE,
    &SUPERVISORS,
    &PASSWORDS,
    &TOTPS,
    &CONTACTS,
    &CONTACT_CHANGES,
    &FREEZE_CODES,
    &EXTERNAL_IDS,
    &PUSH_SUBSCRIPTIONS,
    &MESSAGE_TEMPLATES,
    &APPROVALS,
    &RECOVERIES,
    &SAVED_CODES,
    &TRUSTED_CONTACTS,
];

/// A row that does not prove itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgery {
    /// The table.
    pub table: &'static str,
    /// Its primary key, bytes in hexadecimal digits; none of these is a secret.
    pub row: String,
}

impl std::fmt::Display for Forgery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "row {} of {} was not written by this house or was altered",
            self.row, self.table
        )
    }
}

#[derive(Clone, PartialEq, Eq)]
enum Cell {
    Null,
    Int(i64),
    Blob(Vec<u8>),
    Text(String),
}

impl Cell {
    fn of(param: &Param) -> Cell {
        match *param {
            Param::Null => Cell::Null,
            Param::Int(value) => Cell::Int(value),
            Param::Blob(value) => Cell::Blob(value.to_vec()),
            Param::Text(value) => Cell::Text(value.to_owned()),
        }
    }

    fn param(&self) -> Param<'_> {
        match self {
            Cell::Null => Param::Null,
            Cell::Int(value) => Param::Int(*value),
            Cell::Blob(value) => Param::Blob(value),
            Cell::Text(value) => Param::Text(value),
        }
    }

    /// The type stands before the value, so that no two cells are alike.
    fn written(&self) -> Vec<u8> {
        match self {
            Cell::Null => vec![0],
            Cell::Int(value) => [&[1], &value.to_be_bytes()[..]].concat(),
            Cell::Blob(value) => [&[2], &value[..]].concat(),
            Cell::Text(value) => [&[3], value.as_bytes()].concat(),
        }
    }

    /// As people read it.
    fn shown(&self) -> String {
        match self {
            Cell::Null => String::new(),
            Cell::Int(value) => value.to_string(),
            Cell::Text(value) => value.clone(),
            Cell::Blob(value) => value.iter().fold(String::new(), |mut shown, byte| {
                let _ = write!(shown, "{byte:02x}");
                shown
            }),
        }
    }
}

fn prove(key: &Secret, table: &AuthenticTable, cells: &[Cell]) -> [u8; 32] {
    let written: Vec<Vec<u8>> = cells.iter().map(Cell::written).collect();
    let mut parts: Vec<&[u8]> = vec![table.name.as_bytes()];
    let since_ever = table.columns.len() - table.added;
    for (place, ((name, _), cell)) in table.columns.iter().zip(&written).enumerate() {
        if place < since_ever || cells[place] != Cell::Null {
            parts.push(name.as_bytes());
            parts.push(cell);
        }
    }
    key.mac(&parts)
}

/// Inserts one row; every column must be given.
pub(crate) fn insert(
    tx: &mut Tx,
    key: &Secret,
    table: &AuthenticTable,
    values: &[(&str, Param)],
) -> Result<(), Fault> {
    let given = |name: &str| values.iter().find(|(column, _)| *column == name);
    let cells: Vec<Cell> = (table.columns.iter())
        .map(|(name, _)| Cell::of(&given(name).expect("every column is given").1))
        .collect();
    let proof = prove(key, table, &cells);
    let mut params: Vec<Param> = cells.iter().map(Cell::param).collect();
    params.push(Param::Blob(&proof));
    let places: Vec<String> = (1..=params.len())
        .map(|place| format!("${place}"))
        .collect();
    let sql = format!(
        "INSERT INTO {} ({}, {PROOF}) VALUES ({})",
        table.name,
        names(table),
        places.join(", ")
    );
    tx.execute(&sql, &params).map(drop)
}

/// The rows that meet a condition, each one proven: columns come in the order of the table. `rest` is what follows the table's
/// name in the statement. One row that does not prove itself makes the whole answer a fault.
pub(crate) fn select<T>(
    tx: &mut Tx,
    key: &Secret,
    table: &AuthenticTable,
    rest: &str,
    params: &[Param],
    mut map: impl FnMut(&Row) -> T,
) -> Result<Vec<T>, Fault> {
    let mut is_forged = false;
    let rows = tx.query(&selection(table, rest), params, |row| {
        is_forged |= !is_proven(key, table, row);
        map(row)
    })?;
    if is_forged {
        return Err(Fault::broken(table.refusal));
    }
    Ok(rows)
}

/// The same, without the rows that do not prove themselves: each is named in the log. For lists of which one forged row must not
/// shut out all the others.
pub(crate) fn select_proven<T>(
    tx: &mut Tx,
    key: &Secret,
    table: &AuthenticTable,
    rest: &str,
    params: &[Param],
    mut map: impl FnMut(&Row) -> T,
) -> Result<Vec<T>, Fault> {
    let rows = tx.query(&selection(table, rest), params, |row| {
        if is_proven(key, table, row) {
            return Some(map(row));
        }
        tracing::error!(
            table = table.name,
            "a row of the registry does not prove itself and is passed over"
        );
        None
    })?;
    Ok(rows.into_iter().flatten().collect())
}

/// Changes the rows that meet a condition, and proves them anew. A row that did not prove itself before is not changed: that
/// would make it true. Returns how many were changed.
pub(crate) fn update(
    tx: &mut Tx,
    key: &Secret,
    table: &AuthenticTable,
    rest: &str,
    params: &[Param],
    changes: &[(&str, Param)],
) -> Result<u64, Fault> {
    let rows = select(tx, key, table, rest, params, |row| cells_of(table, row))?;
    rewrite(tx, key, table, rows, changes)
}

/// The same, passing over rows that do not prove themselves: a start settles what is true and stops at nothing that is not.
pub(crate) fn update_proven(
    tx: &mut Tx,
    key: &Secret,
    table: &AuthenticTable,
    rest: &str,
    params: &[Param],
    changes: &[(&str, Param)],
) -> Result<u64, Fault> {
    let rows = select_proven(tx, key, table, rest, params, |row| cells_of(table, row))?;
    rewrite(tx, key, table, rows, changes)
}

fn rewrite(
    tx: &mut Tx,
    key: &Secret,
    table: &AuthenticTable,
    rows: Vec<Vec<Cell>>,
    changes: &[(&str, Param)],
) -> Result<u64, Fault> {
    let mut changed = 0;
    for mut cells in rows {
        for (name, value) in changes {
            let place = table.columns.iter().position(|(column, _)| column == name);
            cells[place.expect("a column of the table")] = Cell::of(value);
        }
        let proof = prove(key, table, &cells);
        let mut sets = String::new();
        let mut values: Vec<Param> = Vec::with_capacity(changes.len() + 2);
        for (name, value) in changes {
            values.push(*value);
            let _ = write!(sets, "{name} = ${}, ", values.len());
        }
        let (of_proof, of_row) = (values.len() + 1, values.len() + 2);
        values.extend([Param::Blob(&proof), cells[0].param()]);
        let sql = format!(
            "UPDATE {} SET {sets}{PROOF} = ${of_proof} WHERE {} = ${of_row}",
            table.name, table.columns[0].0
        );
        changed += tx.execute(&sql, &values)?;
    }
    Ok(changed)
}

/// The cells of a row and the proof it carries.
type Written = (Vec<Cell>, Option<Vec<u8>>);

/// Rows of a table that are looked at in one transaction.
const PAGE: usize = 1_000;

/// Walks through a table in pages, each in a transaction of its own, and hears the cells and the proof of each row.
fn walk(
    db: &mut Db,
    table: &AuthenticTable,
    writes: bool,
    mut see: impl FnMut(&mut Tx, Vec<Written>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let first = table.columns[0].0;
    let page = selection(table, &format!("ORDER BY {first} LIMIT {PAGE}"));
    let next = selection(
        table,
        &format!("WHERE {first} > $1 ORDER BY {first} LIMIT {PAGE}"),
    );
    let mut last: Option<Cell> = None;
    loop {
        let from = last.clone();
        let mut body = |tx: &mut Tx| {
            let proof = table.columns.len();
            let map = |row: &Row| {
                (
                    cells_of(table, row),
                    row.opt_blob(proof).map(<[u8]>::to_vec),
                )
            };
            let rows = match &from {
                None => tx.query(&page, &[], map)?,
                Some(from) => tx.query(&next, &[from.param()], map)?,
            };
            let end = rows.last().map(|(cells, _)| cells[0].clone());
            let is_whole = rows.len() == PAGE;
            see(tx, rows)?;
            Ok(end.filter(|_| is_whole))
        };
        last = match writes {
            true => db.transaction(&mut body)?,
            false => db.snapshot(&mut body)?,
        };
        if last.is_none() {
            return Ok(());
        }
    }
}

/// Gives a proof to every row of the lasting tables that carries none. Run once in the life of a store: whatever an attacker has put
/// there before becomes true by it. Returns how many rows.
pub(crate) fn prove_lasting(
    db: &mut Db,
    key: &Secret,
    proven: &mut dyn FnMut(u64),
) -> Result<u64, Fault> {
    let mut count = 0;
    let of_that_time = |table: &&&AuthenticTable| table.since() == PROVEN_LASTING_ROWS;
    for table in AUTHENTIC.iter().filter(of_that_time) {
        walk(db, table, true, |tx, rows| {
            for (cells, _) in rows.iter().filter(|(_, proof)| proof.is_none()) {
                let proof = prove(key, table, cells);
                let sql = format!(
                    "UPDATE {} SET {PROOF} = $1 WHERE {} = $2",
                    table.name, table.columns[0].0
                );
                count += tx.execute(&sql, &[Param::Blob(&proof), cells[0].param()])?;
            }
            proven(count);
            Ok(())
        })?;
    }
    Ok(count)
}

/// Every row of these tables that does not prove itself, at most `max` of a table. `awaits` is asked about one without a proof, by its
/// primary key: whether the next start gives it one.
pub(crate) fn forgeries<'a>(
    db: &mut Db,
    key: &Secret,
    tables: impl Iterator<Item = &'a AuthenticTable>,
    max: usize,
    awaits: &dyn Fn(&mut Tx, &AuthenticTable, Param) -> Result<bool, Fault>,
) -> Result<Vec<Forgery>, Fault> {
    let mut found = Vec::new();
    for table in tables {
        let begin = found.len();
        walk(db, table, false, |tx, rows| {
            for (cells, proof) in rows {
                if found.len() >= begin + max || is_right(key, table, &cells, proof.as_deref()) {
                    continue;
                }
                if proof.is_some() || !awaits(tx, table, cells[0].param())? {
                    found.push(Forgery {
                        table: table.name,
                        row: cells[0].shown(),
                    });
                }
            }
            Ok(())
        })?;
    }
    Ok(found)
}

fn names(table: &AuthenticTable) -> String {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

fn selection(table: &AuthenticTable, rest: &str) -> String {
    format!(
        "SELECT {}, {PROOF} FROM {} {rest}",
        names(table),
        table.name
    )
}

fn cells_of(table: &AuthenticTable, row: &Row) -> Vec<Cell> {
    let cell = |(place, (_, is)): (usize, &(&str, CellType))| match is {
        CellType::Int => row.opt_int(place).map_or(Cell::Null, Cell::Int),
        CellType::Blob => {
            (row.opt_blob(place)).map_or(Cell::Null, |value| Cell::Blob(value.to_vec()))
        }
        CellType::Text => {
            (row.opt_text(place)).map_or(Cell::Null, |value| Cell::Text(value.to_owned()))
        }
    };
    table.columns.iter().enumerate().map(cell).collect()
}

fn is_proven(key: &Secret, table: &AuthenticTable, row: &Row) -> bool {
    let proof = row.opt_blob(table.columns.len());
    is_right(key, table, &cells_of(table, row), proof)
}

fn is_right(key: &Secret, table: &AuthenticTable, cells: &[Cell], proof: Option<&[u8]>) -> bool {
    let right = prove(key, table, cells);
    // The proof is compared with one that only the holder of the key can compute, so it must not be guessed byte by byte.
    proof.is_some_and(|proof| bool::from(subtle::ConstantTimeEq::ct_eq(proof, &right[..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a program that did not know the newest columns carry proofs over the others alone.
    #[test]
    fn a_row_of_before_stays_true_and_what_was_added_cannot_be_changed_unseen() {
        let key = Secret::new([7; 32]);
        for table in AUTHENTIC.iter().filter(|table| table.added > 0) {
            let known = table.columns.len() - table.added;
            let before = AuthenticTable {
                columns: &table.columns[..known],
                added: 0,
                ..**table
            };
            let mut cells: Vec<Cell> = (0..known as i64).map(Cell::Int).collect();
            let proof = prove(&key, &before, &cells);
            cells.resize(table.columns.len(), Cell::Null);
            assert!(
                is_right(&key, table, &cells, Some(&proof)),
                "{}",
                table.name
            );
            for added in known..table.columns.len() {
                for value in [
                    Cell::Int(0),
                    Cell::Blob(Vec::new()),
                    Cell::Text(String::new()),
                ] {
                    let mut filled = cells.clone();
                    filled[added] = value;
                    assert!(!is_right(&key, table, &filled, Some(&proof)), "filled");
                    let proof = prove(&key, table, &filled);
                    assert!(is_right(&key, table, &filled, Some(&proof)));
                    assert!(!is_right(&key, table, &cells, Some(&proof)), "emptied");
                    // The same value in the column beside it is another row.
                    if added > known {
                        filled.swap(added - 1, added);
                        assert!(!is_right(&key, table, &filled, Some(&proof)), "moved");
                    }
                }
            }
            // A NULL among the columns of before is a cell like any other.
            let mut emptied = cells.clone();
            emptied[0] = Cell::Null;
            assert!(!is_right(&key, table, &emptied, Some(&proof)), "emptied");
        }
    }
}
