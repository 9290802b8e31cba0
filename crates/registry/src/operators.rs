//! Staff. An operator begins with a one-time link, makes a passkey with it, and has no other way in.

use std::collections::HashMap;
use std::time::Duration;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::Secret;
use mamori_datastore::sql::{Db, Param, Row, Tx};
use mamori_domain::context::{Actor, AgentFamily};
use mamori_domain::ids::Fingerprint;
use mamori_domain::world::Timestamp;

use crate::acts::{About, Noted, RegistryCommand};
use crate::authentic::{self, CONFIRMED_OPERATORS, OPERATOR_LINKS, OPERATORS, PASSKEYS};
use crate::factors::{Described, OwnerId, StoredPasskey};
use crate::passkeys::{AddRefusal, RemovePasskeyRefusal};
use crate::people::EnrolRefusal;
use crate::roles::Role;
use crate::seed::Seed;
use crate::sessions::{EndedSession, end_all_in, end_opened_by_in, is_confirmed};
use crate::{
    Numbered, RegistryKeys, Standing, Surface, at, fingerprint_cell, instant_cell, numbered_cell,
    opt_instant_cell, token_hash,
};

/// How long a one-time link works.
pub const OPERATOR_LINK_LIFE: Duration = Duration::from_secs(24 * 3_600);

/// Passkeys that an operator has at most at a time.
pub const OPERATOR_PASSKEYS_MAX: usize = 5;

const BY_HASH: &str = "WHERE link_hash = $1";
const THEIR_PASSKEYS: &str =
    "WHERE owner = $1 AND surface = $2 AND status = $3 ORDER BY made_at, credential";
const BY_OPERATOR: &str = "WHERE operator = $1";

/// Why a link is not accepted. Unknown, used and too old are told apart in the log only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkRefusal {
    /// Never made, or made by another installation.
    Unknown,
    /// A passkey was made with it.
    Used,
    /// Older than [`OPERATOR_LINK_LIFE`].
    Expired,
    /// The new passkey's credential id belongs to another person or operator already.
    CredentialTaken,
}

/// An operator as another one sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorSummary {
    /// Who.
    pub operator: OwnerId,
    /// What they are called.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether they have made their passkey; invited otherwise.
    pub is_active: bool,
    /// Whether they may enter. Who has a passkey and is not confirmed came back with a restore, and waits for another operator.
    pub is_confirmed: bool,
    /// When they were invited.
    pub made_at: Timestamp,
    /// When the invitation was made that still waits; None once it was used.
    pub link_made_at: Option<Timestamp>,
    /// When their passkey was last shown.
    pub used_at: Option<Timestamp>,
}

/// Why an operator is not confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfirmRefusal {
    /// There is no such operator with a passkey.
    Unknown,
}

/// Why an operator is not removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoveRefusal {
    /// There is no such operator (any more).
    Unknown,
    /// Nobody who can enter the console could invite anybody afterwards.
    LastAdmin,
}

/// Why a role is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleRefusal {
    /// There is no such operator (any more).
    Unknown,
    /// Nobody changes the own role.
    Own,
    /// The new role or the present one has more than that of the operator who gives it.
    MoreThanOwn,
    /// Nobody who can enter the console could invite anybody afterwards.
    LastAdmin,
}

/// An operator's passkey, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorPasskey {
    pub credential: Vec<u8>,
    pub fingerprint: Fingerprint,
    /// In which family of browsers it was made; unknown for the first one, and for those of an older program.
    pub agent: AgentFamily,
    pub made_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

/// What an operator may do, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenRole {
    pub role: Role,
    /// Which operator invited them or gave them the role; None where the program did, or an older one.
    pub by: Option<OwnerId>,
    /// When; None for operators of an older program, who are admins.
    pub at: Option<Timestamp>,
}

impl From<EnrolRefusal> for LinkRefusal {
    fn from(_: EnrolRefusal) -> Self {
        LinkRefusal::CredentialTaken
    }
}

/// Staff and their one-time links.
pub struct Operators<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
    pub(crate) noted: Option<Noted>,
}

impl Operators<'_> {
    /// The next change says who made it, in `registry_acts`.
    pub fn noted(mut self, noted: Noted) -> Self {
        self.noted = Some(noted);
        self
    }

    /// Makes an operator and the secret of a one-time link, which works for [`OPERATOR_LINK_LIFE`]: 32 bytes, shown once and
    /// stored as a hash.
    pub fn invite(
        &mut self,
        name: &str,
        role: Role,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<[u8; 32], Fault> {
        let noted = self.noted.take();
        let by = noted.as_ref().and_then(giver);
        let link = seed.bytes("operator link");
        let operator: [u8; 16] = seed.take("operator");
        let (key, hash) = (&self.keys.rows, token_hash(&link));
        self.db.transaction(|tx| {
            if let Some(noted) = &noted {
                let invited = OwnerId(operator);
                noted.write(
                    tx,
                    RegistryCommand::InviteOperator,
                    About::Operator(&invited),
                )?;
            }
            let cells = [
                ("operator", Param::Blob(&operator)),
                ("name", Param::Text(name)),
                ("status", Standing::Pending.param()),
                ("made_at", at(now)),
                ("generation", Param::Int(0)),
                ("role", role.param()),
                (
                    "role_by",
                    by.as_ref().map_or(Param::Null, |by| Param::Blob(&by.0)),
                ),
                ("role_at", at(now)),
            ];
            authentic::insert(tx, key, &OPERATORS, &cells)?;
            let cells = [
                ("link_hash", Param::Blob(&hash)),
                ("operator", Param::Blob(&operator)),
                ("made_at", at(now)),
                ("used_at", Param::Null),
            ];
            authentic::insert(tx, key, &OPERATOR_LINKS, &cells)
        })?;
        Ok(link)
    }

    /// The operator a link is for, with the name; nothing is used up by looking.
    pub fn of_link(
        &mut self,
        link: &[u8],
        now: Timestamp,
    ) -> Result<Result<(OwnerId, String), LinkRefusal>, Fault> {
        let hash = token_hash(link);
        let key = &self.keys.rows;
        self.db.transaction(|tx| find_link(tx, key, &hash, now))
    }

    /// Uses a link up and stores the operator's passkey, both or neither.
    pub fn redeem_link(
        &mut self,
        link: &[u8],
        passkey: &StoredPasskey,
        now: Timestamp,
    ) -> Result<Result<OwnerId, LinkRefusal>, Fault> {
        let hash = token_hash(link);
        let fingerprint = self
            .keys
            .fingerprint("operator credential", &passkey.credential);
        let key = &self.keys.rows;
        self.db.transaction(|tx| {
            let operator = match find_link(tx, key, &hash, now)? {
                Ok((operator, _)) => operator,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let known = tx.query_first(
                "SELECT 1 FROM passkeys WHERE credential = $1",
                &[Param::Blob(&passkey.credential)],
                |row| row.int(0),
            )?;
            if known.is_some() {
                return Ok(Err(LinkRefusal::CredentialTaken));
            }
            let named = [Param::Blob(&hash)];
            let used = [("used_at", at(now))];
            authentic::update(tx, key, &OPERATOR_LINKS, BY_HASH, &named, &used)?;
            let who = [Param::Blob(&operator.0)];
            let active = [("status", Standing::Active.param())];
            authentic::update(tx, key, &OPERATORS, BY_OPERATOR, &who, &active)?;
            let keyed = (fingerprint, Standing::Active);
            let owned = (Surface::Console, &operator);
            passkey.insert(tx, key, owned, keyed, &Described::default(), now)?;
            confirm(tx, key, &operator, now)?;
            Ok(Ok(operator))
        })
    }

    /// Lets an operator who came back with a restore enter again; safe to repeat.
    pub fn confirm(
        &mut self,
        operator: &OwnerId,
        now: Timestamp,
    ) -> Result<Result<(), ConfirmRefusal>, Fault> {
        let noted = self.noted.take();
        let key = &self.keys.rows;
        self.db.transaction(|tx| {
            let who = [Param::Blob(&operator.0), Standing::Active.param()];
            let which = "WHERE operator = $1 AND status = $2";
            if authentic::select(tx, key, &OPERATORS, which, &who, |_| ())?.is_empty() {
                return Ok(Err(ConfirmRefusal::Unknown));
            }
            if is_confirmed(tx, key, operator)? {
                return Ok(Ok(()));
            }
            confirm(tx, key, operator, now)?;
            if let Some(noted) = &noted {
                let about = About::Operator(operator);
                noted.write(tx, RegistryCommand::ConfirmOperator, about)?;
            }
            Ok(Ok(()))
        })
    }

    /// The name of an active operator.
    pub fn name_of(&mut self, operator: &OwnerId) -> Result<Option<String>, Fault> {
        let which = "WHERE operator = $1 AND status = $2";
        let params = [Param::Blob(&operator.0), Standing::Active.param()];
        let key = &self.keys.rows;
        let found = self.db.snapshot(|tx| {
            authentic::select(tx, key, &OPERATORS, which, &params, |row| {
                row.text(1).to_owned()
            })
        })?;
        Ok(found.into_iter().next())
    }

    /// What an active operator may do at this moment; None for everybody else. Read anew for each request: a role that was taken away
    /// gives nothing from there on, in whatever session.
    pub fn role_of(&mut self, operator: &OwnerId) -> Result<Option<GivenRole>, Fault> {
        let key = &self.keys.rows;
        self.db.snapshot(|tx| active_role(tx, key, operator))
    }

    /// Gives another operator, or somebody who was invited, another role.
    pub fn set_role(
        &mut self,
        by: &OwnerId,
        operator: &OwnerId,
        role: Role,
        now: Timestamp,
    ) -> Result<Result<(), RoleRefusal>, Fault> {
        let noted = self.noted.take();
        let key = &self.keys.rows;
        self.db.transaction(|tx| {
            if by == operator {
                return Ok(Err(RoleRefusal::Own));
            }
            let Some(giver) = active_role(tx, key, by)? else {
                return Ok(Err(RoleRefusal::MoreThanOwn));
            };
            let who = [Param::Blob(&operator.0), Standing::Dead.param()];
            let living = "WHERE operator = $1 AND status <> $2";
            let found = authentic::select(tx, key, &OPERATORS, living, &who, |row| {
                (numbered_cell::<Standing>(row, 2), given_role(row).role)
            })?;
            let Some((standing, present)) = found.into_iter().next() else {
                return Ok(Err(RoleRefusal::Unknown));
            };
            if !giver.role.covers(role) || !giver.role.covers(present) {
                return Ok(Err(RoleRefusal::MoreThanOwn));
            }
            if present == role {
                return Ok(Ok(()));
            }
            if standing == Standing::Active
                && present == Role::Admin
                && !another_admin(tx, key, operator)?
            {
                return Ok(Err(RoleRefusal::LastAdmin));
            }
            let given = [
                ("role", role.param()),
                ("role_by", Param::Blob(&by.0)),
                ("role_at", at(now)),
            ];
            authentic::update(tx, key, &OPERATORS, living, &who, &given)?;
            if let Some(noted) = &noted {
                noted.write(tx, RegistryCommand::SetRole, About::Operator(operator))?;
            }
            Ok(Ok(()))
        })
    }

    /// Calls an operator, or somebody who was invited, by another name; false if there is none (any more).
    pub fn rename(&mut self, operator: &OwnerId, name: &str) -> Result<bool, Fault> {
        let noted = self.noted.take();
        let key = &self.keys.rows;
        self.db.transaction(|tx| {
            let which = "WHERE operator = $1 AND status <> $2";
            let named = [Param::Blob(&operator.0), Standing::Dead.param()];
            let called = [("name", Param::Text(name))];
            let changed = authentic::update(tx, key, &OPERATORS, which, &named, &called)?;
            if let (1, Some(noted)) = (changed, &noted) {
                let about = About::Operator(operator);
                noted.write(tx, RegistryCommand::NameOperator, about)?;
            }
            Ok(changed == 1)
        })
    }

    /// The passkeys of an operator, the oldest first.
    pub fn passkeys(&mut self, operator: &OwnerId) -> Result<Vec<OperatorPasskey>, Fault> {
        let key = &self.keys.rows;
        let params = active_passkeys(operator);
        self.db.snapshot(|tx| {
            authentic::select(tx, key, &PASSKEYS, THEIR_PASSKEYS, &params, |row| {
                OperatorPasskey {
                    credential: row.blob(0).to_vec(),
                    fingerprint: fingerprint_cell(row, 3),
                    agent: match row.opt_int(10) {
                        Some(_) => numbered_cell(row, 10),
                        None => AgentFamily::Unknown,
                    },
                    made_at: instant_cell(row, 7),
                    used_at: opt_instant_cell(row, 8),
                }
            })
        })
    }

    /// Stores one more passkey of an operator, who has just shown another one.
    pub fn add_passkey(
        &mut self,
        operator: &OwnerId,
        passkey: &StoredPasskey,
        agent: AgentFamily,
        now: Timestamp,
    ) -> Result<Result<(), AddRefusal>, Fault> {
        let noted = self.noted.take();
        let fingerprint = self
            .keys
            .fingerprint("operator credential", &passkey.credential);
        let key = &self.keys.rows;
        self.db.transaction(|tx| {
            if active_role(tx, key, operator)?.is_none() {
                return Ok(Err(AddRefusal::OwnerGone));
            }
            let params = active_passkeys(operator);
            let theirs = authentic::select(tx, key, &PASSKEYS, THEIR_PASSKEYS, &params, |_| ())?;
            if theirs.len() >= OPERATOR_PASSKEYS_MAX {
                return Ok(Err(AddRefusal::TooMany));
            }
            let known = tx.query_first(
                "SELECT 1 FROM passkeys WHERE credential = $1",
                &[Param::Blob(&passkey.credential)],
                |row| row.int(0),
            )?;
            if known.is_some() {
                return Ok(Err(AddRefusal::CredentialTaken));
            }
            let described = Described {
                name: None,
                agent: Some(agent),
            };
            let (owned, keyed) = (
                (Surface::Console, operator),
                (fingerprint, Standing::Active),
            );
            passkey.insert(tx, key, owned, keyed, &described, now)?;
            if let Some(noted) = &noted {
                let about = About::Operator(operator);
                noted.write(tx, RegistryCommand::AddOperatorPasskey, about)?;
            }
            Ok(Ok(()))
        })
    }

    /// Removes a passkey of an operator with the sessions that it opened; the last one stays, counted in the transaction that removes.
    pub fn remove_passkey(
        &mut self,
        operator: &OwnerId,
        credential: &[u8],
    ) -> Result<Result<Vec<EndedSession>, RemovePasskeyRefusal>, Fault> {
        let noted = self.noted.take();
        let key = &self.keys.rows;
        self.db.transaction(|tx| {
            let params = active_passkeys(operator);
            let theirs = authentic::select(tx, key, &PASSKEYS, THEIR_PASSKEYS, &params, |row| {
                (row.blob(0).to_vec(), fingerprint_cell(row, 3))
            })?;
            let found = theirs.iter().find(|(id, _)| id == credential);
            let Some((id, fingerprint)) = found else {
                return Ok(Err(RemovePasskeyRefusal::Unknown));
            };
            if theirs.len() == 1 {
                return Ok(Err(RemovePasskeyRefusal::LastFactor));
            }
            let gone = [
                ("status", Standing::Dead.param()),
                ("passkey", Param::Text("")),
            ];
            let one = [Param::Blob(id)];
            authentic::update(tx, key, &PASSKEYS, "WHERE credential = $1", &one, &gone)?;
            let ended = end_opened_by_in(tx, Surface::Console, operator, *fingerprint, None)?;
            if let Some(noted) = &noted {
                let about = About::Operator(operator);
                noted.write(tx, RegistryCommand::RemoveOperatorPasskey, about)?;
            }
            Ok(Ok(ended))
        })
    }

    /// The operators who may enter the console or were invited to it, in order of invitation.
    pub fn list(&mut self) -> Result<Vec<OperatorSummary>, Fault> {
        self.db.query(
            "SELECT operators.operator, operators.name, operators.status, operators.made_at, operators.role,
                (SELECT MAX(operator_links.made_at) FROM operator_links WHERE operator_links.operator = operators.operator AND operator_links.used_at IS NULL),
                (SELECT MAX(passkeys.used_at) FROM passkeys WHERE passkeys.owner = operators.operator AND passkeys.surface = $1),
                (SELECT COUNT(*) FROM confirmed_operators WHERE confirmed_operators.operator = operators.operator)
             FROM operators WHERE operators.status <> $2 ORDER BY operators.made_at, operators.operator",
            &[
                Surface::Console.param(),
                Standing::Dead.param(),
            ],
            |row| OperatorSummary {
                operator: OwnerId(row.bytes(0)),
                name: row.text(1).to_owned(),
                is_active: numbered_cell::<Standing>(row, 2) == Standing::Active,
                made_at: instant_cell(row, 3),
                role: row.opt_int(4).map_or(Role::Admin, |_| numbered_cell(row, 4)),
                link_made_at: opt_instant_cell(row, 5),
                used_at: opt_instant_cell(row, 6),
                is_confirmed: row.int(7) > 0,
            },
        )
    }

    /// What all operators are called that there ever were: what a removed one did keeps its name.
    pub fn names(&mut self) -> Result<HashMap<OwnerId, String>, Fault> {
        let rows = self
            .db
            .query("SELECT operator, name FROM operators", &[], |row| {
                (OwnerId(row.bytes(0)), row.text(1).to_owned())
            })?;
        Ok(rows.into_iter().collect())
    }

    /// Removes an operator with passkeys, link and sessions, or withdraws an invitation. The last admin who can enter stays; of
    /// two who remove each other at once one is told so.
    pub fn remove(&mut self, operator: &OwnerId) -> Result<Result<(), RemoveRefusal>, Fault> {
        let dead = Standing::Dead.param();
        let console = Surface::Console.param();
        let who = Param::Blob(&operator.0);
        let noted = self.noted.take();
        let key = &self.keys.rows;
        self.db.transaction(|tx| {
            let found = tx.query_first(
                "SELECT status, role FROM operators WHERE operator = $1 AND status <> $2",
                &[who, dead],
                |row| {
                    let role = row
                        .opt_int(1)
                        .map_or(Role::Admin, |_| numbered_cell(row, 1));
                    (numbered_cell::<Standing>(row, 0), role)
                },
            )?;
            let Some((standing, role)) = found else {
                return Ok(Err(RemoveRefusal::Unknown));
            };
            let is_admin = standing == Standing::Active && role == Role::Admin;
            if is_admin && !another_admin(tx, key, operator)? {
                return Ok(Err(RemoveRefusal::LastAdmin));
            }
            let gone = [("status", dead)];
            let ended = authentic::update_proven(tx, key, &OPERATORS, BY_OPERATOR, &[who], &gone)?;
            if ended == 0 {
                // It was forged: it gives no right, and it shall not stand in the list either.
                tx.execute("DELETE FROM operators WHERE operator = $1", &[who])?;
            }
            let theirs = "WHERE owner = $1 AND surface = $2";
            authentic::update_proven(tx, key, &PASSKEYS, theirs, &[who, console], &gone)?;
            tx.execute("DELETE FROM operator_links WHERE operator = $1", &[who])?;
            tx.execute(
                "DELETE FROM confirmed_operators WHERE operator = $1",
                &[who],
            )?;
            end_all_in(tx, key, Surface::Console, operator)?;
            if let Some(noted) = &noted {
                noted.write(
                    tx,
                    RegistryCommand::RemoveOperator,
                    About::Operator(operator),
                )?;
            }
            Ok(Ok(()))
        })
    }
}

fn active_passkeys(operator: &OwnerId) -> [Param<'_>; 3] {
    [
        Param::Blob(&operator.0),
        Surface::Console.param(),
        Standing::Active.param(),
    ]
}

/// Which operator makes a change; None for the program.
fn giver(noted: &Noted) -> Option<OwnerId> {
    match noted.asker.context.by {
        Actor::Operator { operator, .. } => Some(OwnerId(operator.0.to_be_bytes())),
        _ => None,
    }
}

/// From a whole row. Operators of an older program have no role written down: they could do everything, and are admins.
fn given_role(row: &Row) -> GivenRole {
    GivenRole {
        role: row
            .opt_int(5)
            .map_or(Role::Admin, |_| numbered_cell(row, 5)),
        by: row.opt_blob(6).map(|_| OwnerId(row.bytes(6))),
        at: opt_instant_cell(row, 7),
    }
}

pub(crate) fn active_role(
    tx: &mut Tx,
    key: &Secret,
    operator: &OwnerId,
) -> Result<Option<GivenRole>, Fault> {
    let who = [Param::Blob(&operator.0), Standing::Active.param()];
    let active = "WHERE operator = $1 AND status = $2";
    let found = authentic::select(tx, key, &OPERATORS, active, &who, given_role)?;
    Ok(found.into_iter().next())
}

/// Whether somebody else who can enter the console has every permission. A row that does not prove itself counts for nothing.
fn another_admin(tx: &mut Tx, key: &Secret, but: &OwnerId) -> Result<bool, Fault> {
    let others = [Param::Blob(&but.0), Standing::Active.param()];
    let which = "WHERE operator <> $1 AND status = $2
        AND operator IN (SELECT operator FROM confirmed_operators)";
    let roles = authentic::select_proven(tx, key, &OPERATORS, which, &others, given_role)?;
    Ok(roles.iter().any(|given| given.role == Role::Admin))
}

fn confirm(tx: &mut Tx, key: &Secret, operator: &OwnerId, now: Timestamp) -> Result<(), Fault> {
    let cells = [("operator", Param::Blob(&operator.0)), ("made_at", at(now))];
    authentic::insert(tx, key, &CONFIRMED_OPERATORS, &cells)
}

fn find_link(
    tx: &mut Tx,
    key: &Secret,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<Result<(OwnerId, String), LinkRefusal>, Fault> {
    let named = [Param::Blob(hash)];
    let links = authentic::select(tx, key, &OPERATOR_LINKS, BY_HASH, &named, |row| {
        let (made_at, used_at) = (instant_cell(row, 2), opt_instant_cell(row, 3));
        (row.bytes::<16>(1), made_at, used_at)
    })?;
    let Some((operator, made_at, used_at)) = links.into_iter().next() else {
        return Ok(Err(LinkRefusal::Unknown));
    };
    let who = [Param::Blob(&operator)];
    let found = authentic::select(tx, key, &OPERATORS, BY_OPERATOR, &who, |row| {
        let operator = OwnerId(row.bytes(0));
        (operator, row.text(1).to_owned(), made_at, used_at)
    })?;
    Ok(match found.into_iter().next() {
        None => Err(LinkRefusal::Unknown),
        Some((_, _, _, Some(_))) => Err(LinkRefusal::Used),
        Some((_, _, made_at, None))
            if !(made_at..made_at.plus(OPERATOR_LINK_LIFE)).contains(&now) =>
        {
            Err(LinkRefusal::Expired)
        }
        Some((operator, name, _, None)) => Ok((operator, name)),
    })
}
