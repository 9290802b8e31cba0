//! Standing permissions as people see them: since when, asked for by which link, and which links were used.
//!
//! Pending -> act `GrantAuthorization` -> active; taking one back is the act `RevokeAuthorization`, then the row is dead. The
//! book alone decides what a merchant may take. A link counts once: what is kept of its nonce binds it to the wallet that
//! answered it, so a retry of that wallet gets the same permission, and any other wallet gets nothing.

use std::collections::HashSet;
use std::time::Duration;

use crate::{
    Named, Numbered, Reconciled, RegistryKeys, Standing, at, id_cell, numbered_cell, place,
    wallet_number,
};
use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param, Row, Tx};
use mamori_domain::ids::{AuthorizationId, MerchantId, WalletId};
use mamori_domain::world::Timestamp;

/// How long a permission may be on its way before the book may be asked about it.
const ON_ITS_WAY: Duration = Duration::from_secs(120);
/// Permissions that one start takes over from the book; as many as an older copy of the registry may lack.
const RECOVERED_MAX: usize = 100_000;

/// A link that a wallet answers.
#[derive(Clone, Copy, Debug)]
pub struct AnsweredLink<'a> {
    /// Who asks.
    pub merchant: MerchantId,
    /// The hash of the link's nonce.
    pub nonce_hash: [u8; 32],
    /// Who answers.
    pub wallet: WalletId,
    /// What the merchant calls its customer; sealed, for it may name a person.
    pub reference: &'a str,
    /// What is allowed, in the words of the merchant API, separated by spaces.
    pub scopes: &'a str,
    /// When the link runs out.
    pub ends_at: Timestamp,
}

/// A link was answered before: by another wallet, with a no, or by a permission that was taken back since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkUsed;

/// A live permission as its owner sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PermissionRow {
    /// Its id.
    pub permission: AuthorizationId,
    /// Who may take money.
    pub merchant: MerchantId,
    /// When it was given; None if only the book remembers it.
    pub made_at: Option<Timestamp>,
}

/// A permission that the book names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedPermission {
    /// Its id.
    pub permission: AuthorizationId,
    /// Whose money.
    pub wallet: WalletId,
    /// Who may take it.
    pub merchant: MerchantId,
}

/// Standing permissions, and the links that asked for them.
pub struct Permissions<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
}

impl Permissions<'_> {
    /// First step of a yes: the link is used up and a permission stands, pending. `fresh` is its id unless there is one already:
    /// the same link again gets the same permission, and so does another link of a merchant that this wallet allows.
    pub fn begin(
        &mut self,
        link: &AnsweredLink,
        fresh: AuthorizationId,
        now: Timestamp,
        seal_nonce: [u8; 12],
    ) -> Result<Result<AuthorizationId, LinkUsed>, Fault> {
        let wallet = wallet_number(link.wallet)?;
        let reference = self.keys.wrap.seal(
            place("permission_links", "reference", &link.nonce_hash),
            seal_nonce,
            link.reference.as_bytes(),
        );
        self.db.transaction(|tx| {
            match link_of(tx, link.merchant, &link.nonce_hash)? {
                None => {}
                Some(used) => return Ok(used.answered_for(wallet).ok_or(LinkUsed)),
            }
            let merchant = Param::Int(i64::from(link.merchant.0));
            let standing = tx.query_first(
                "SELECT permission FROM permissions WHERE wallet = $1 AND merchant = $2 AND status <> $3 ORDER BY made_at LIMIT 1",
                &[Param::Int(wallet), merchant, Standing::Dead.param()],
                |row| permission_cell(row, 0),
            )?;
            let permission = match standing {
                Some(permission) => permission,
                None => {
                    tx.execute(
                        "INSERT INTO permissions (permission, wallet, merchant, scopes, status, made_at) VALUES ($1, $2, $3, $4, $5, $6)",
                        &[
                            Param::Blob(&fresh.0.to_be_bytes()),
                            Param::Int(wallet),
                            merchant,
                            Param::Text(link.scopes),
                            Standing::Pending.param(),
                            at(now),
                        ],
                    )?;
                    fresh
                }
            };
            tx.execute(
                "INSERT INTO permission_links (merchant, nonce_hash, wallet, permission, reference, made_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                &[
                    merchant,
                    Param::Blob(&link.nonce_hash),
                    Param::Int(wallet),
                    Param::Blob(&permission.0.to_be_bytes()),
                    Param::Blob(&reference),
                    at(now),
                    at(link.ends_at),
                ],
            )?;
            Ok(Ok(permission))
        })
    }

    /// Last step of a yes: the act is durable.
    pub fn finish(&mut self, permission: AuthorizationId) -> Result<(), Fault> {
        self.db
            .execute(
                "UPDATE permissions SET status = $1 WHERE permission = $2 AND status = $3",
                &[
                    Standing::Active.param(),
                    Param::Blob(&permission.0.to_be_bytes()),
                    Standing::Pending.param(),
                ],
            )
            .map(drop)
    }

    /// Takes a pending permission back after the book refused it; its links may be answered anew.
    pub fn abandon(&mut self, permission: AuthorizationId) -> Result<(), Fault> {
        self.db.transaction(|tx| {
            let id = permission.0.to_be_bytes();
            let taken = tx.execute(
                "DELETE FROM permissions WHERE permission = $1 AND status = $2",
                &[Param::Blob(&id), Standing::Pending.param()],
            )?;
            if taken > 0 {
                tx.execute(
                    "DELETE FROM permission_links WHERE permission = $1",
                    &[Param::Blob(&id)],
                )?;
            }
            Ok(())
        })
    }

    /// Uses a link up with a no. The same no may be said twice.
    pub fn decline(
        &mut self,
        link: &AnsweredLink,
        now: Timestamp,
    ) -> Result<Result<(), LinkUsed>, Fault> {
        let wallet = wallet_number(link.wallet)?;
        self.db.transaction(|tx| {
            if let Some(used) = link_of(tx, link.merchant, &link.nonce_hash)? {
                let is_repeat = used.permission.is_none() && used.wallet == wallet;
                return Ok(if is_repeat { Ok(()) } else { Err(LinkUsed) });
            }
            tx.execute(
                "INSERT INTO permission_links (merchant, nonce_hash, wallet, made_at, ends_at) VALUES ($1, $2, $3, $4, $5)",
                &[
                    Param::Int(i64::from(link.merchant.0)),
                    Param::Blob(&link.nonce_hash),
                    Param::Int(wallet),
                    at(now),
                    at(link.ends_at),
                ],
            )?;
            Ok(Ok(()))
        })
    }

    /// Whether a wallet may still answer a link with a yes.
    pub fn may_answer(
        &mut self,
        merchant: MerchantId,
        nonce_hash: &[u8; 32],
        wallet: WalletId,
    ) -> Result<bool, Fault> {
        let wallet = wallet_number(wallet)?;
        let used = self
            .db
            .transaction(|tx| link_of(tx, merchant, nonce_hash))?;
        Ok(used.is_none_or(|used| used.answered_for(wallet).is_some()))
    }

    /// Ends a permission; the act that takes it back comes first. The row stays for people, the merchant's references do not.
    /// `now` is None where the owner did not take it back: the book just does not name it.
    pub fn end(
        &mut self,
        permission: AuthorizationId,
        now: Option<Timestamp>,
    ) -> Result<(), Fault> {
        let id = permission.0.to_be_bytes();
        self.db.transaction(|tx| {
            tx.execute(
                "UPDATE permissions SET status = $1, ended_at = $2 WHERE permission = $3 AND status <> $4",
                &[
                    Standing::Dead.param(),
                    now.map(|now| now.0).into(),
                    Param::Blob(&id),
                    Standing::Dead.param(),
                ],
            )?;
            tx.execute(
                "UPDATE permission_links SET reference = NULL WHERE permission = $1",
                &[Param::Blob(&id)],
            )
            .map(drop)
        })
    }

    /// The permissions of a wallet that have not ended, the newest first. The book decides which of them work.
    pub fn of_wallet(&mut self, wallet: WalletId) -> Result<Vec<PermissionRow>, Fault> {
        self.db.query(
            "SELECT permission, merchant, made_at FROM permissions WHERE wallet = $1 AND status <> $2
             ORDER BY made_at DESC, permission",
            &[
                Param::Int(wallet_number(wallet)?),
                Standing::Dead.param(),
            ],
            |row| PermissionRow {
                permission: permission_cell(row, 0),
                merchant: MerchantId(id_cell(row, 1)),
                made_at: Some(Timestamp(row.int(2))).filter(|at| at.0 != 0),
            },
        )
    }

    /// What the merchants call the owner of a permission, one reference for each link, oldest first.
    pub fn references(&mut self, permission: AuthorizationId) -> Result<Vec<String>, Fault> {
        let rows = self.db.query(
            "SELECT nonce_hash, reference FROM permission_links WHERE permission = $1 AND reference IS NOT NULL ORDER BY made_at, nonce_hash",
            &[Param::Blob(&permission.0.to_be_bytes())],
            |row| (row.bytes::<32>(0), row.blob(1).to_vec()),
        )?;
        rows.into_iter()
            .map(|(nonce_hash, sealed)| {
                let place = place("permission_links", "reference", &nonce_hash);
                let text = self.keys.wrap.open(place, &sealed)?;
                String::from_utf8(text).map_err(|_| Fault::broken("a sealed reference is not text"))
            })
            .collect()
    }

    /// Asks the book about permissions that stopped half way, and forgets links that were answered with a no and have run out.
    pub fn settle(&mut self, named: &mut dyn Named, now: Timestamp) -> Result<Reconciled, Fault> {
        self.db.execute(
            "DELETE FROM permission_links WHERE permission IS NULL AND ends_at < $1",
            &[at(now)],
        )?;
        let waiting = self.db.query(
            "SELECT permission, status FROM permissions WHERE status = $1 AND made_at < $2",
            &[Standing::Pending.param(), at(now.minus(ON_ITS_WAY))],
            standing_row,
        )?;
        let mut done = Reconciled::default();
        self.settle_rows(waiting, named, &mut done)?;
        Ok(done)
    }

    /// Settles every row whose standing differs from what the book names, and takes over what only the book remembers: a
    /// permission that its owner cannot see is one that its owner cannot take back.
    pub(super) fn reconcile(
        &mut self,
        named: &mut dyn Named,
        done: &mut Reconciled,
    ) -> Result<(), Fault> {
        let rows = self.db.query(
            "SELECT permission, status FROM permissions WHERE status <> $1",
            &[Standing::Dead.param()],
            standing_row,
        )?;
        let known = rows.iter().map(|(permission, _)| *permission).collect();
        self.settle_rows(rows, named, done)?;
        let wallets: HashSet<WalletId> = self
            .db
            .query(
                "SELECT wallet FROM people WHERE status = $1 AND wallet IS NOT NULL",
                &[Standing::Active.param()],
                |row| WalletId(u64::try_from(row.int(0)).unwrap_or(0)),
            )?
            .into_iter()
            .collect();
        if wallets.is_empty() {
            return Ok(());
        }
        for row in named.permissions_beyond(known, wallets, RECOVERED_MAX)? {
            // A row that ended in the registry and stands in the book comes back: the book is right.
            self.db.execute(
                "INSERT INTO permissions (permission, wallet, merchant, scopes, status, made_at) VALUES ($1, $2, $3, '', $4, 0)
                 ON CONFLICT (permission) DO UPDATE SET status = excluded.status, ended_at = NULL",
                &[
                    Param::Blob(&row.permission.0.to_be_bytes()),
                    Param::Int(wallet_number(row.wallet)?),
                    Param::Int(i64::from(row.merchant.0)),
                    Standing::Active.param(),
                ],
            )?;
            done.finished += 1;
        }
        Ok(())
    }

    fn settle_rows(
        &mut self,
        rows: Vec<(AuthorizationId, bool)>,
        named: &mut dyn Named,
        done: &mut Reconciled,
    ) -> Result<(), Fault> {
        let ids: Vec<AuthorizationId> = rows.iter().map(|(permission, _)| *permission).collect();
        if ids.is_empty() {
            return Ok(());
        }
        for ((permission, is_active), is_named) in
            rows.into_iter().zip(named.are_permissions(&ids)?)
        {
            match (is_named, is_active) {
                (true, true) => continue,
                (true, false) => self.finish(permission)?,
                (false, true) => self.end(permission, None)?,
                (false, false) => self.abandon(permission)?,
            }
            if is_named {
                done.finished += 1;
            } else {
                done.dead += 1;
            }
        }
        Ok(())
    }
}

/// What became of a link.
struct UsedLink {
    wallet: i64,
    /// The permission it led to, and whether that has ended; None for a no.
    permission: Option<(AuthorizationId, bool)>,
}

impl UsedLink {
    /// The permission that the link got, for the wallet that gave it and while it stands.
    fn answered_for(&self, wallet: i64) -> Option<AuthorizationId> {
        match self.permission {
            Some((permission, false)) if self.wallet == wallet => Some(permission),
            _ => None,
        }
    }
}

fn link_of(
    tx: &mut Tx,
    merchant: MerchantId,
    nonce_hash: &[u8; 32],
) -> Result<Option<UsedLink>, Fault> {
    let found = tx.query_first(
        "SELECT wallet, permission FROM permission_links WHERE merchant = $1 AND nonce_hash = $2",
        &[Param::Int(i64::from(merchant.0)), Param::Blob(nonce_hash)],
        |row| (row.int(0), row.opt_blob(1).map(<[u8]>::to_vec)),
    )?;
    let Some((wallet, id)) = found else {
        return Ok(None);
    };
    let permission = match id {
        None => None,
        Some(id) => {
            let bytes = <[u8; 16]>::try_from(&id[..])
                .map_err(|_| Fault::broken("a permission's id is not 16 bytes"))?;
            let status = tx.query_first(
                "SELECT status FROM permissions WHERE permission = $1",
                &[Param::Blob(&bytes)],
                |row| numbered_cell::<Standing>(row, 0),
            )?;
            let has_ended = status.is_none_or(|status| status == Standing::Dead);
            Some((AuthorizationId(u128::from_be_bytes(bytes)), has_ended))
        }
    };
    Ok(Some(UsedLink { wallet, permission }))
}

fn permission_cell(row: &Row, column: usize) -> AuthorizationId {
    AuthorizationId(u128::from_be_bytes(row.bytes(column)))
}

fn standing_row(row: &Row) -> (AuthorizationId, bool) {
    (
        permission_cell(row, 0),
        numbered_cell::<Standing>(row, 1) == Standing::Active,
    )
}
