//! API keys of merchants, their secrets wrapped.
//!
//! Pending -> act `BindApiKey` -> active; revoking is the act `RevokeApiKey`, then the row is dead and its secret gone. The book
//! is asked at every payment whether a key still speaks for its merchant. Which schemes of signing a key takes is no right to
//! anything: it stands here alone.

use std::time::Duration;

use crate::acts::{About, Noted, RegistryCommand};
use crate::authentic::{self, API_KEYS};
use crate::{
    Named, Numbered, Reconciled, RegistryKeys, Standing, at, fingerprint_cell, id_cell,
    instant_cell, numbered_cell, opt_instant_cell, place,
};
use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param, Row};
use mamori_domain::ids::{Fingerprint, MerchantId};
use mamori_domain::world::Timestamp;

/// How long a key may be on its way before the book may be asked about it.
const ON_ITS_WAY: Duration = Duration::from_secs(120);

const BY_KEY: &str = "WHERE api_key = $1 AND status = $2";

/// An API key with its secret opened; keep it in memory only.
#[derive(Clone)]
pub struct ApiKey {
    /// The public half.
    pub api_key: String,
    /// The merchant it belongs to.
    pub merchant: MerchantId,
    /// The secret half as the merchant holds it.
    pub secret: String,
    /// What the book calls the key.
    pub fingerprint: Fingerprint,
    /// Whether the older scheme of the wire format is allowed for it.
    pub opa_auth: bool,
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiKey {{ merchant: {}, .. }}", self.merchant)
    }
}

/// An API key as an operator sees it, live or revoked: without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeySummary {
    /// The public half.
    pub api_key: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Whether OPA-Auth is taken beside our own scheme.
    pub opa_auth: bool,
    /// Whether it works.
    pub is_live: bool,
    /// When it was revoked; None also for one that a start found without a name in the book.
    pub revoked_at: Option<Timestamp>,
    /// What operators say it is for.
    pub label: Option<String>,
}

/// API keys of merchants.
pub struct ApiKeys<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
    pub(crate) noted: Option<Noted>,
}

impl ApiKeys<'_> {
    /// The next change says who made it, in `registry_acts`.
    pub fn noted(mut self, noted: Noted) -> Self {
        self.noted = Some(noted);
        self
    }

    /// First step: stores an API key, pending, and returns the fingerprint to bind in the book.
    ///
    /// `nonce` is 12 random bytes for the sealing of the secret. A key that is there already is a fault (`is_duplicate`).
    pub fn begin(
        &mut self,
        api_key: &str,
        merchant: MerchantId,
        secret: &str,
        opa_auth: bool,
        now: Timestamp,
        nonce: [u8; 12],
    ) -> Result<Fingerprint, Fault> {
        let fingerprint = self.api_key_fingerprint(api_key);
        let sealed = self.keys.wrap.seal(
            place("api_keys", "secret", api_key.as_bytes()),
            nonce,
            secret.as_bytes(),
        );
        let name = fingerprint.0.to_be_bytes();
        let cells = [
            ("api_key", Param::Text(api_key)),
            ("merchant", Param::Int(i64::from(merchant.0))),
            ("secret", Param::Blob(&sealed)),
            ("fingerprint", Param::Blob(&name)),
            ("opa_auth", Param::Int(i64::from(opa_auth))),
            ("status", Standing::Pending.param()),
            ("made_at", at(now)),
            ("revoked_at", Param::Null),
            ("label", Param::Null),
        ];
        let key = &self.keys.rows;
        (self.db).transaction(|tx| authentic::insert(tx, key, &API_KEYS, &cells))?;
        Ok(fingerprint)
    }

    /// Last step, after the act: the key works. Does nothing to a key that is not pending.
    pub fn finish(&mut self, api_key: &str) -> Result<(), Fault> {
        let active = [("status", Standing::Active.param())];
        self.change(api_key, Standing::Pending, &active).map(drop)
    }

    /// Takes a pending key back after the book refused to bind it.
    pub fn abandon(&mut self, api_key: &str) -> Result<(), Fault> {
        self.db
            .execute(
                "DELETE FROM api_keys WHERE api_key = $1 AND status = $2",
                &[Param::Text(api_key), Standing::Pending.param()],
            )
            .map(|_| ())
    }

    /// Ends a key; the act that revokes it comes first. The row stays for people, the secret does not.
    /// `now` is None where no operator revoked it and the book just does not name it.
    pub fn end(&mut self, api_key: &str, now: Option<Timestamp>) -> Result<(), Fault> {
        let ended = [
            ("status", Standing::Dead.param()),
            ("secret", Param::Blob(&[])),
            ("revoked_at", now.map(|now| now.0).into()),
        ];
        self.change(api_key, Standing::Active, &ended).map(drop)
    }

    /// Changes a key that stands so; one whose row was forged is passed over, for it does nothing.
    fn change(
        &mut self,
        api_key: &str,
        standing: Standing,
        changes: &[(&str, Param)],
    ) -> Result<u64, Fault> {
        let named = [Param::Text(api_key), standing.param()];
        let key = &self.keys.rows;
        self.db
            .transaction(|tx| authentic::update_proven(tx, key, &API_KEYS, BY_KEY, &named, changes))
    }

    /// Says whether a live key takes OPA-Auth beside our own scheme; false if there is no such live key.
    pub fn set_opa_auth(&mut self, api_key: &str, takes: bool) -> Result<bool, Fault> {
        let noted = self.noted.take();
        let key = &self.keys.rows;
        self.db.transaction(|tx| {
            let named = [Param::Text(api_key), Standing::Active.param()];
            let changes = [("opa_auth", Param::Int(i64::from(takes)))];
            let changed = authentic::update(tx, key, &API_KEYS, BY_KEY, &named, &changes)?;
            if let (1, Some(noted)) = (changed, &noted) {
                noted.write(tx, RegistryCommand::SetOpaAuth, About::ApiKey(api_key))?;
            }
            Ok(changed == 1)
        })
    }

    /// Says what a key is for, live or revoked; false if there is no such key.
    pub fn label(&mut self, api_key: &str, label: &str) -> Result<bool, Fault> {
        let noted = self.noted.take();
        let key = &self.keys.rows;
        self.db.transaction(|tx| {
            let named = [Param::Text(api_key), Standing::Pending.param()];
            let which = "WHERE api_key = $1 AND status <> $2";
            let called = [("label", Param::Text(label))];
            let changed = authentic::update(tx, key, &API_KEYS, which, &named, &called)?;
            if let (1, Some(noted)) = (changed, &noted) {
                noted.write(tx, RegistryCommand::LabelApiKey, About::ApiKey(api_key))?;
            }
            Ok(changed == 1)
        })
    }

    /// What the book calls a live key; None if there is no such live key.
    pub fn find_live(&mut self, api_key: &str) -> Result<Option<Fingerprint>, Fault> {
        self.db.query_first(
            "SELECT fingerprint FROM api_keys WHERE api_key = $1 AND status = $2",
            &[Param::Text(api_key), Standing::Active.param()],
            |row| fingerprint_cell(row, 0),
        )
    }

    /// All live API keys with their secrets, for the edge's memory. The book decides whether one still works.
    pub fn live_with_secrets(&mut self) -> Result<Vec<ApiKey>, Fault> {
        let key = &self.keys.rows;
        let which = "WHERE status = $1 ORDER BY api_key";
        let active = [Standing::Active.param()];
        let rows = self.db.snapshot(|tx| {
            authentic::select_proven(tx, key, &API_KEYS, which, &active, |row| {
                let (merchant, fingerprint) =
                    (MerchantId(id_cell(row, 1)), fingerprint_cell(row, 3));
                (
                    row.text(0).to_owned(),
                    merchant,
                    row.blob(2).to_vec(),
                    fingerprint,
                    row.flag(4),
                )
            })
        })?;
        rows.into_iter()
            .map(|(api_key, merchant, sealed, fingerprint, opa_auth)| {
                let secret = self
                    .keys
                    .wrap
                    .open(place("api_keys", "secret", api_key.as_bytes()), &sealed)?;
                let secret = String::from_utf8(secret)
                    .map_err(|_| Fault::broken("a sealed API secret is not text"))?;
                Ok(ApiKey {
                    api_key,
                    merchant,
                    secret,
                    fingerprint,
                    opa_auth,
                })
            })
            .collect()
    }

    /// The keys of a merchant, live ones first, then the newest.
    pub fn of_merchant(&mut self, merchant: MerchantId) -> Result<Vec<ApiKeySummary>, Fault> {
        self.db.query(
            "SELECT api_key, made_at, opa_auth, status, revoked_at, label FROM api_keys WHERE merchant = $1 AND status <> $2
             ORDER BY status, made_at DESC, api_key",
            &[
                Param::Int(i64::from(merchant.0)),
                Standing::Pending.param(),
            ],
            |row| ApiKeySummary {
                api_key: row.text(0).to_owned(),
                made_at: instant_cell(row, 1),
                opa_auth: row.flag(2),
                is_live: numbered_cell::<Standing>(row, 3) == Standing::Active,
                revoked_at: opt_instant_cell(row, 4),
                label: row.opt_text(5).map(str::to_owned),
            },
        )
    }

    /// How many live keys each merchant has; merchants without one are not named.
    pub fn count_live(&mut self) -> Result<Vec<(MerchantId, u64)>, Fault> {
        self.db.query(
            "SELECT merchant, COUNT(*) FROM api_keys WHERE status = $1 GROUP BY merchant ORDER BY merchant",
            &[Standing::Active.param()],
            |row| {
                let count = u64::try_from(row.int(1)).unwrap_or(0);
                (MerchantId(id_cell(row, 0)), count)
            },
        )
    }

    /// Asks the book about keys that stopped half way: bound ones are shown to operators, who know that the merchant was
    /// never told the secret and revoke them; the others are removed. A key of the last two minutes is left alone.
    pub fn settle(&mut self, named: &mut dyn Named, now: Timestamp) -> Result<Reconciled, Fault> {
        let mut done = Reconciled::default();
        let waiting = self.db.query(
            "SELECT api_key, fingerprint, status FROM api_keys WHERE status = $1 AND made_at < $2",
            &[Standing::Pending.param(), at(now.minus(ON_ITS_WAY))],
            standing_row,
        )?;
        self.settle_keys(waiting, named, &mut done)?;
        Ok(done)
    }

    pub(super) fn reconcile(
        &mut self,
        named: &mut dyn Named,
        done: &mut Reconciled,
    ) -> Result<(), Fault> {
        let rows = self.db.query(
            "SELECT api_key, fingerprint, status FROM api_keys WHERE status <> $1",
            &[Standing::Dead.param()],
            standing_row,
        )?;
        self.settle_keys(rows, named, done)
    }

    fn settle_keys(
        &mut self,
        rows: Vec<(String, Fingerprint, bool)>,
        named: &mut dyn Named,
        done: &mut Reconciled,
    ) -> Result<(), Fault> {
        for (api_key, fingerprint, is_active) in rows {
            let is_named = named.merchant_of_key(fingerprint)?.is_some();
            match (is_named, is_active) {
                (true, true) => continue,
                (true, false) => self.finish(&api_key)?,
                (false, true) => self.end(&api_key, None)?,
                (false, false) => self.abandon(&api_key)?,
            }
            if is_named {
                done.finished += 1
            } else {
                done.dead += 1
            }
        }
        Ok(())
    }

    fn api_key_fingerprint(&self, api_key: &str) -> Fingerprint {
        self.keys.fingerprint("api key", api_key.as_bytes())
    }
}

fn standing_row(row: &Row) -> (String, Fingerprint, bool) {
    (
        row.text(0).to_owned(),
        fingerprint_cell(row, 1),
        numbered_cell::<Standing>(row, 2) == Standing::Active,
    )
}
