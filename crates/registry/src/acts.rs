//! What was changed in the registry alone, in the shape of the ledger's acts: who, what, whom, when, from where, in which request.
//!
//! What the ledger decides stands in the journal. What stands in the registry alone (who may enter the console, pairing codes,
//! which schemes a key takes, what things are called) leaves a row here, written by the transaction that makes the change; and so
//! does an operator who looks for a customer, or at one. A customer who calls a passkey by another name leaves one too, and so does what customers
//! change of their contacts.

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::SealKey;
use mamori_datastore::sql::{Db, Param, Row, Tx};
use mamori_domain::context::{Actor, Asker, Context, RequestId};
use mamori_domain::event::Subject;
use mamori_domain::ids::WalletId;
use mamori_domain::world::Timestamp;

use crate::factors::OwnerId;
use crate::{Numbered, at, instant_cell, numbered_cell, place};

/// What was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegistryCommand {
    InviteOperator,
    RemoveOperator,
    ConfirmOperator,
    MakePairingCode,
    SetOpaAuth,
    NameMerchant,
    NameStore,
    NameTill,
    FindCustomer,
    OpenHistory,
    NameOperator,
    LabelApiKey,
    AddSupervisor,
    RemoveSupervisor,
    SeeAlarm,
    SetInvoiceNumber,
    NamePasskey,
    SetPasswordBesidePasskeys,
    AddContact,
    RemoveContact,
    PreferContact,
    MakeFreezeCode,
    UseFreezeCode,
    AskToClose,
    WithdrawClosing,
    ChooseNotices,
    AddPush,
    RemovePush,
    CloseDeniedNotice,
    SetTemplate,
    SetRole,
    AddOperatorPasskey,
    RemoveOperatorPasskey,
    ProposeErasure,
    ApproveErasure,
    DeclineErasure,
    WithdrawErasure,
    BeginRecovery,
    StopRecovery,
    FinishRecovery,
    UndoRecovery,
    MakeRecoveryCodes,
    InviteTrustedContact,
    AcceptTrustedContact,
    RemoveTrustedContact,
    HelpRecovery,
    DeclineRecovery,
}

impl RegistryCommand {
    /// The stable word; none of the ledger's commands has the same.
    pub const fn word(self) -> &'static str {
        match self {
            RegistryCommand::InviteOperator => "invite_operator",
            RegistryCommand::RemoveOperator => "remove_operator",
            RegistryCommand::ConfirmOperator => "confirm_operator",
            RegistryCommand::MakePairingCode => "make_pairing_code",
            RegistryCommand::SetOpaAuth => "set_opa_auth",
            RegistryCommand::NameMerchant => "name_merchant",
            RegistryCommand::NameStore => "name_store",
            RegistryCommand::NameTill => "name_till",
            RegistryCommand::FindCustomer => "find_customer",
            RegistryCommand::OpenHistory => "open_history",
            RegistryCommand::NameOperator => "name_operator",
            RegistryCommand::LabelApiKey => "label_api_key",
            RegistryCommand::AddSupervisor => "add_supervisor",
            RegistryCommand::RemoveSupervisor => "remove_supervisor",
            RegistryCommand::SeeAlarm => "see_alarm",
            RegistryCommand::SetInvoiceNumber => "set_invoice_number",
            RegistryCommand::NamePasskey => "name_passkey",
            RegistryCommand::SetPasswordBesidePasskeys => "set_password_beside_passkeys",
            RegistryCommand::AddContact => "add_contact",
            RegistryCommand::RemoveContact => "remove_contact",
            RegistryCommand::PreferContact => "prefer_contact",
            RegistryCommand::MakeFreezeCode => "make_freeze_code",
            RegistryCommand::UseFreezeCode => "use_freeze_code",
            RegistryCommand::AskToClose => "ask_to_close",
            RegistryCommand::WithdrawClosing => "withdraw_closing",
            RegistryCommand::ChooseNotices => "choose_notices",
            RegistryCommand::AddPush => "add_push",
            RegistryCommand::RemovePush => "remove_push",
            RegistryCommand::CloseDeniedNotice => "close_denied_notice",
            RegistryCommand::SetTemplate => "set_template",
            RegistryCommand::SetRole => "set_role",
            RegistryCommand::AddOperatorPasskey => "add_operator_passkey",
            RegistryCommand::RemoveOperatorPasskey => "remove_operator_passkey",
            RegistryCommand::ProposeErasure => "propose_erasure",
            RegistryCommand::ApproveErasure => "approve_erasure",
            RegistryCommand::DeclineErasure => "decline_erasure",
            RegistryCommand::WithdrawErasure => "withdraw_erasure",
            RegistryCommand::BeginRecovery => "begin_recovery",
            RegistryCommand::StopRecovery => "stop_recovery",
            RegistryCommand::FinishRecovery => "finish_recovery",
            RegistryCommand::UndoRecovery => "undo_recovery",
            RegistryCommand::MakeRecoveryCodes => "make_recovery_codes",
            RegistryCommand::InviteTrustedContact => "invite_trusted_contact",
            RegistryCommand::AcceptTrustedContact => "accept_trusted_contact",
            RegistryCommand::RemoveTrustedContact => "remove_trusted_contact",
            RegistryCommand::HelpRecovery => "help_recovery",
            RegistryCommand::DeclineRecovery => "decline_recovery",
        }
    }
}

impl Numbered for RegistryCommand {
    const ALL: &[RegistryCommand] = &[
        RegistryCommand::InviteOperator,
        RegistryCommand::RemoveOperator,
        RegistryCommand::MakePairingCode,
        RegistryCommand::SetOpaAuth,
        RegistryCommand::NameMerchant,
        RegistryCommand::NameStore,
        RegistryCommand::NameTill,
        RegistryCommand::FindCustomer,
        RegistryCommand::OpenHistory,
        RegistryCommand::NameOperator,
        RegistryCommand::LabelApiKey,
        RegistryCommand::ConfirmOperator,
        RegistryCommand::AddSupervisor,
        RegistryCommand::RemoveSupervisor,
        RegistryCommand::SeeAlarm,
        RegistryCommand::SetInvoiceNumber,
        RegistryCommand::NamePasskey,
        RegistryCommand::SetPasswordBesidePasskeys,
        RegistryCommand::AddContact,
        RegistryCommand::RemoveContact,
        RegistryCommand::PreferContact,
        RegistryCommand::MakeFreezeCode,
        RegistryCommand::UseFreezeCode,
        RegistryCommand::AskToClose,
        RegistryCommand::WithdrawClosing,
        RegistryCommand::ChooseNotices,
        RegistryCommand::AddPush,
        RegistryCommand::RemovePush,
        RegistryCommand::CloseDeniedNotice,
        RegistryCommand::SetTemplate,
        RegistryCommand::SetRole,
        RegistryCommand::AddOperatorPasskey,
        RegistryCommand::RemoveOperatorPasskey,
        RegistryCommand::ProposeErasure,
        RegistryCommand::ApproveErasure,
        RegistryCommand::DeclineErasure,
        RegistryCommand::WithdrawErasure,
        RegistryCommand::BeginRecovery,
        RegistryCommand::StopRecovery,
        RegistryCommand::FinishRecovery,
        RegistryCommand::UndoRecovery,
        RegistryCommand::MakeRecoveryCodes,
        RegistryCommand::InviteTrustedContact,
        RegistryCommand::AcceptTrustedContact,
        RegistryCommand::RemoveTrustedContact,
        RegistryCommand::HelpRecovery,
        RegistryCommand::DeclineRecovery,
    ];

    fn as_number(self) -> i64 {
        match self {
            RegistryCommand::InviteOperator => 1,
            RegistryCommand::RemoveOperator => 2,
            RegistryCommand::MakePairingCode => 3,
            RegistryCommand::SetOpaAuth => 4,
            RegistryCommand::NameMerchant => 5,
            RegistryCommand::NameStore => 6,
            RegistryCommand::NameTill => 7,
            RegistryCommand::FindCustomer => 8,
            RegistryCommand::OpenHistory => 9,
            RegistryCommand::NameOperator => 10,
            RegistryCommand::LabelApiKey => 11,
            RegistryCommand::ConfirmOperator => 12,
            RegistryCommand::AddSupervisor => 13,
            RegistryCommand::RemoveSupervisor => 14,
            RegistryCommand::SeeAlarm => 15,
            RegistryCommand::SetInvoiceNumber => 16,
            RegistryCommand::NamePasskey => 26,
            RegistryCommand::SetPasswordBesidePasskeys => 20,
            RegistryCommand::AddContact => 17,
            RegistryCommand::RemoveContact => 18,
            RegistryCommand::PreferContact => 19,
            RegistryCommand::MakeFreezeCode => 75,
            RegistryCommand::UseFreezeCode => 76,
            RegistryCommand::AskToClose => 77,
            RegistryCommand::WithdrawClosing => 78,
            RegistryCommand::ChooseNotices => 50,
            RegistryCommand::AddPush => 51,
            RegistryCommand::RemovePush => 52,
            RegistryCommand::CloseDeniedNotice => 53,
            RegistryCommand::SetTemplate => 54,
            RegistryCommand::SetRole => 55,
            RegistryCommand::AddOperatorPasskey => 56,
            RegistryCommand::RemoveOperatorPasskey => 57,
            RegistryCommand::ProposeErasure => 58,
            RegistryCommand::ApproveErasure => 59,
            RegistryCommand::DeclineErasure => 60,
            RegistryCommand::WithdrawErasure => 61,
            RegistryCommand::BeginRecovery => 35,
            RegistryCommand::StopRecovery => 36,
            RegistryCommand::FinishRecovery => 37,
            RegistryCommand::UndoRecovery => 38,
            RegistryCommand::MakeRecoveryCodes => 39,
            RegistryCommand::InviteTrustedContact => 40,
            RegistryCommand::AcceptTrustedContact => 41,
            RegistryCommand::RemoveTrustedContact => 42,
            RegistryCommand::HelpRecovery => 43,
            RegistryCommand::DeclineRecovery => 44,
        }
    }
}

/// Names a row; not a secret. Rows of one instant are in the order of their names.
pub type ActId = [u8; 16];

/// Who changes something, when, and the name of the row that will say so.
#[derive(Clone, Copy, Debug)]
pub struct Noted {
    pub asker: Asker,
    pub now: Timestamp,
    /// Drawn for this change.
    pub id: ActId,
}

/// Whom or what a change is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum About<'a> {
    Operator(&'a OwnerId),
    ApiKey(&'a str),
    /// The words of a notice, by slot and version.
    Template(&'a str),
    /// What the ledger knows too: found by it as well.
    Ledger(Subject),
}

impl Noted {
    /// Writes the row, in the transaction that makes the change.
    pub(crate) fn write(
        &self,
        tx: &mut Tx,
        command: RegistryCommand,
        about: About,
    ) -> Result<(), Fault> {
        self.write_with(tx, command, about, None)
    }

    /// The same with what the row says in particular, sealed.
    pub(crate) fn write_with(
        &self,
        tx: &mut Tx,
        command: RegistryCommand,
        about: About,
        detail: Option<&[u8]>,
    ) -> Result<(), Fault> {
        let text = match about {
            About::Operator(operator) => {
                format!("operator {:032x}", u128::from_be_bytes(operator.0))
            }
            About::ApiKey(key) => format!("key {key}"),
            About::Template(name) => format!("template {name}"),
            About::Ledger(Subject::Wallet(wallet)) => format!("wallet {wallet}"),
            About::Ledger(Subject::Merchant(merchant)) => format!("merchant {merchant}"),
            About::Ledger(Subject::Store(store)) => format!("store {store}"),
            About::Ledger(Subject::Till(till)) => format!("till {till}"),
            About::Ledger(Subject::Shard) => "shard".to_owned(),
        };
        let (kind, number) = match about {
            About::Ledger(subject) => (
                Param::Int(subject.kind()),
                Param::Int(subject.number() as i64),
            ),
            About::Operator(_) | About::ApiKey(_) | About::Template(_) => {
                (Param::Null, Param::Null)
            }
        };
        let by = self.asker.by();
        let context = minicbor::to_vec(self.asker.context).expect("memory takes all");
        tx.execute(
            "INSERT INTO registry_acts (act, at, command, actor_kind, actor, context, subject_kind, subject_number, subject, request, detail)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            &[
                Param::Blob(&self.id),
                at(self.now),
                command.param(),
                Param::Int(by.kind().number()),
                Param::Blob(&by.number().to_be_bytes()),
                Param::Blob(&context),
                kind,
                number,
                Param::Text(&text),
                Param::Int(self.asker.request.0 as i64),
                detail.map_or(Param::Null, Param::Blob),
            ],
        )
        .map(drop)
    }
}

/// Whom or what a listed change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrySubject {
    Operator(OwnerId),
    ApiKey(String),
    /// The words of a notice, by slot and version.
    Template(String),
    /// What the ledger knows too.
    Ledger(Subject),
}

/// A change as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryAct {
    pub id: ActId,
    pub at: Timestamp,
    pub command: RegistryCommand,
    /// Who asked, over what, from where.
    pub context: Context,
    pub subject: RegistrySubject,
    /// The edge's name for the request; zero for none.
    pub request: RequestId,
    /// What it says in particular, sealed with the key of the person that it is about: gone with the person.
    pub detail: Option<Vec<u8>>,
}

/// What a change of a contact says in particular.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActDetail {
    /// Masked.
    pub contact: String,
    /// Whether it takes an earlier change back.
    pub is_undoing: bool,
}

impl ActDetail {
    /// No contact begins with it.
    const UNDOING: char = '<';

    pub(crate) fn seal(&self, key: &SealKey, act: &ActId, nonce: [u8; 12]) -> Vec<u8> {
        let mut text = String::from(&*self.contact);
        if self.is_undoing {
            text.insert(0, ActDetail::UNDOING);
        }
        key.seal(
            place("registry_acts", "detail", act),
            nonce,
            text.as_bytes(),
        )
    }

    pub(crate) fn open(key: &SealKey, act: &ActId, sealed: &[u8]) -> Result<ActDetail, Fault> {
        let text = key.open(place("registry_acts", "detail", act), sealed)?;
        let text = String::from_utf8(text)
            .map_err(|_| Fault::broken("a sealed detail of an act is not text"))?;
        let is_undoing = text.starts_with(ActDetail::UNDOING);
        let contact = text.trim_start_matches(ActDetail::UNDOING).to_owned();
        Ok(ActDetail {
            contact,
            is_undoing,
        })
    }
}

/// Which changes are wanted; the same choice as there is for the ledger's acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// About this wallet, merchant, store or till.
    Subject(Subject),
    /// By this operator or customer, or by the program.
    Actor(Actor),
    /// All of a stretch of time: from this instant on, before that one.
    Between(Timestamp, Timestamp),
}

/// What was changed.
pub struct Acts<'a> {
    pub(crate) db: &'a mut Db,
}

impl Acts<'_> {
    /// Writes down that somebody looked for a customer or at one: reading changes nothing else. None for nobody who was found.
    pub fn write_look(
        &mut self,
        noted: &Noted,
        command: RegistryCommand,
        wallet: Option<WalletId>,
    ) -> Result<(), Fault> {
        let subject = wallet.map_or(Subject::Shard, Subject::Wallet);
        self.db
            .transaction(|tx| noted.write(tx, command, About::Ledger(subject)))
    }

    /// Changes, newest first: those before row `before`, where given.
    pub fn list(
        &mut self,
        wanted: Wanted,
        before: Option<(Timestamp, ActId)>,
        limit: u32,
    ) -> Result<Vec<RegistryAct>, Fault> {
        let (last_at, last) = before.unwrap_or((Timestamp(i64::MAX), [0; 16]));
        let (last_at, last) = (at(last_at), Param::Blob(&last));
        let limit = Param::Int(i64::from(limit));
        let rows = match wanted {
            Wanted::Subject(subject) => self.db.query(
                "SELECT act, at, command, context, subject_kind, subject_number, subject, request, detail FROM registry_acts
                 WHERE subject_kind = $1 AND subject_number = $2 AND (at < $3 OR at = $3 AND act < $4)
                 ORDER BY at DESC, act DESC LIMIT $5",
                &[
                    Param::Int(subject.kind()),
                    Param::Int(subject.number() as i64),
                    last_at,
                    last,
                    limit,
                ],
                act_row,
            ),
            Wanted::Actor(actor) => self.db.query(
                "SELECT act, at, command, context, subject_kind, subject_number, subject, request, detail FROM registry_acts
                 WHERE actor_kind = $1 AND actor = $2 AND (at < $3 OR at = $3 AND act < $4)
                 ORDER BY at DESC, act DESC LIMIT $5",
                &[
                    Param::Int(actor.kind().number()),
                    Param::Blob(&actor.number().to_be_bytes()),
                    last_at,
                    last,
                    limit,
                ],
                act_row,
            ),
            Wanted::Between(from, to) => self.db.query(
                "SELECT act, at, command, context, subject_kind, subject_number, subject, request, detail FROM registry_acts
                 WHERE at >= $1 AND at < $2 AND (at < $3 OR at = $3 AND act < $4)
                 ORDER BY at DESC, act DESC LIMIT $5",
                &[at(from), at(to), last_at, last, limit],
                act_row,
            ),
        }?;
        rows.into_iter().collect()
    }
}

fn act_row(row: &Row) -> Result<RegistryAct, Fault> {
    Ok(RegistryAct {
        id: row.bytes(0),
        at: instant_cell(row, 1),
        command: numbered_cell(row, 2),
        context: minicbor::decode(row.blob(3))
            .map_err(|_| Fault::broken("the registry holds a context that is none"))?,
        subject: subject_cells(row)
            .ok_or_else(|| Fault::broken("the registry holds a subject that is none"))?,
        request: RequestId(row.int(7) as u64),
        detail: row.opt_blob(8).map(<[u8]>::to_vec),
    })
}

/// From the columns kind, number and words, as [`Noted::write`] fills them.
fn subject_cells(row: &Row) -> Option<RegistrySubject> {
    if let (Some(kind), Some(number)) = (row.opt_int(4), row.opt_int(5)) {
        return Subject::from_numbers(kind, number as u64).map(RegistrySubject::Ledger);
    }
    Some(match row.text(6).split_once(' ')? {
        ("operator", hex) => {
            let number = u128::from_str_radix(hex, 16).ok()?;
            RegistrySubject::Operator(OwnerId(number.to_be_bytes()))
        }
        ("key", key) => RegistrySubject::ApiKey(key.to_owned()),
        ("template", name) => RegistrySubject::Template(name.to_owned()),
        _ => return None,
    })
}
