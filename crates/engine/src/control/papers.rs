//! Papers of merchants: what they, their stores and tills are called, and their API keys with the secrets wrapped.

use crate::control::{Control, Standing, fingerprint_cell, id_cell, place};
use crate::fault::Fault;
use crate::sql::Param;
use mamori_domain::ids::{Fingerprint, MerchantId, StoreId, TillId};

/// A till with the names a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TillPaper {
    /// The till.
    pub till: TillId,
    /// What it is called.
    pub name: String,
    /// Its store.
    pub store: StoreId,
    /// What the store is called.
    pub store_name: String,
    /// The merchant.
    pub merchant: MerchantId,
    /// What the merchant is called.
    pub merchant_name: String,
}

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

impl Control {
    /// Writes down what a merchant is called.
    pub fn name_merchant(&mut self, merchant: MerchantId, name: &str) -> Result<(), Fault> {
        self.db
            .execute(
                "INSERT INTO merchants (merchant, name) VALUES ($1, $2) ON CONFLICT (merchant) DO UPDATE SET name = excluded.name",
                &[Param::Int(i64::from(merchant.0)), Param::Text(name)],
            )
            .map(|_| ())
    }

    /// Writes down what a store is called and whose it is.
    pub fn name_store(
        &mut self,
        store: StoreId,
        merchant: MerchantId,
        name: &str,
    ) -> Result<(), Fault> {
        self.db
            .execute(
                "INSERT INTO stores (store, merchant, name) VALUES ($1, $2, $3) ON CONFLICT (store) DO UPDATE SET name = excluded.name",
                &[Param::Int(i64::from(store.0)), Param::Int(i64::from(merchant.0)), Param::Text(name)],
            )
            .map(|_| ())
    }

    /// Writes down what a till is called and where it stands.
    pub fn name_till(&mut self, till: TillId, store: StoreId, name: &str) -> Result<(), Fault> {
        self.db
            .execute(
                "INSERT INTO tills (till, store, name) VALUES ($1, $2, $3) ON CONFLICT (till) DO UPDATE SET name = excluded.name",
                &[Param::Int(i64::from(till.0)), Param::Int(i64::from(store.0)), Param::Text(name)],
            )
            .map(|_| ())
    }

    /// All tills with their names, by merchant, store, till. A chain has tens of thousands: read once, keep in memory.
    pub fn till_papers(&mut self) -> Result<Vec<TillPaper>, Fault> {
        self.db.query(
            "SELECT tills.till, tills.name, stores.store, stores.name, merchants.merchant, merchants.name
             FROM tills JOIN stores ON stores.store = tills.store JOIN merchants ON merchants.merchant = stores.merchant
             ORDER BY merchants.merchant, stores.store, tills.till",
            &[],
            |row| {
                TillPaper {
                    till: TillId(id_cell(row, 0)),
                    name: row.text(1).to_owned(),
                    store: StoreId(id_cell(row, 2)),
                    store_name: row.text(3).to_owned(),
                    merchant: MerchantId(id_cell(row, 4)),
                    merchant_name: row.text(5).to_owned(),
                }
            },
        )
    }

    /// Stores an API key, pending, and returns the fingerprint to bind in the book.
    pub fn begin_api_key(
        &mut self,
        api_key: &str,
        merchant: MerchantId,
        secret: &str,
        opa_auth: bool,
        now: i64,
        nonce: [u8; 12],
    ) -> Result<Fingerprint, Fault> {
        let fingerprint = self.fingerprint("api key", api_key.as_bytes());
        let sealed = self.keys.wrap.seal(
            place("api_keys", "secret", api_key.as_bytes()),
            nonce,
            secret.as_bytes(),
        );
        self.db.execute(
            "INSERT INTO api_keys (api_key, merchant, secret, fingerprint, opa_auth, status, made_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[
                Param::Text(api_key),
                Param::Int(i64::from(merchant.0)),
                Param::Blob(&sealed),
                Param::Blob(&fingerprint.0.to_be_bytes()),
                Param::Int(i64::from(opa_auth)),
                Param::Int(Standing::Pending.as_number()),
                Param::Int(now),
            ],
        )?;
        Ok(fingerprint)
    }

    /// The act that binds the key is durable: the key works.
    pub fn finish_api_key(&mut self, api_key: &str) -> Result<(), Fault> {
        self.db
            .execute(
                "UPDATE api_keys SET status = $1 WHERE api_key = $2",
                &[
                    Param::Int(Standing::Active.as_number()),
                    Param::Text(api_key),
                ],
            )
            .map(|_| ())
    }

    /// Removes a key; the act that revokes it comes first.
    pub fn remove_api_key(&mut self, api_key: &str) -> Result<(), Fault> {
        self.db
            .execute(
                "DELETE FROM api_keys WHERE api_key = $1",
                &[Param::Text(api_key)],
            )
            .map(|_| ())
    }

    /// All API keys with their secrets, for the edge's memory. The book decides whether one still works.
    pub fn api_keys(&mut self) -> Result<Vec<ApiKey>, Fault> {
        let rows = self.db.query(
            "SELECT api_key, merchant, secret, fingerprint, opa_auth FROM api_keys ORDER BY api_key",
            &[],
            |row| (row.text(0).to_owned(), MerchantId(id_cell(row, 1)), row.blob(2).to_vec(), fingerprint_cell(row, 3), row.flag(4)),
        )?;
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
}
