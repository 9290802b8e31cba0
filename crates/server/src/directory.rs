//! What merchants, stores and tills are called, and the API keys of merchants: read once, kept in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use mamori_api::auth::{Accepted, SigningKey};
use mamori_api::opa::account_link::LinkKey;
use mamori_datastore::fault::Fault;
use mamori_domain::ids::{Fingerprint, MerchantId, StoreId, TillId};
use mamori_flows::open::{Turn, Turns};
use mamori_registry::{ApiKey, Directory, DirectoryTill, InvoiceNumber, Registry};

/// An API key, ready to check signatures with.
pub struct ReadyKey {
    pub merchant: MerchantId,
    /// The merchant's id as its programs write it.
    pub merchant_text: String,
    pub fingerprint: Fingerprint,
    pub signing: SigningKey,
    /// What signs the tokens of its links; `None` for a secret that can sign none.
    pub link: Option<LinkKey>,
    pub accepted: Accepted,
}

/// What merchants, stores and tills are called.
#[derive(Default)]
pub struct Names {
    pub merchants: BTreeMap<u32, String>,
    /// As it stands on receipts.
    pub invoice_numbers: HashMap<u32, InvoiceNumber>,
    pub tills: HashMap<u32, DirectoryTill>,
    pub stores: HashMap<u32, StoreName>,
}

impl Names {
    /// The number that the tax office knows a merchant by, for a receipt.
    pub fn invoice_number(&self, merchant: MerchantId) -> Option<&str> {
        self.invoice_numbers
            .get(&merchant.0)
            .map(InvoiceNumber::text)
    }
}

/// A store's names.
#[derive(Clone)]
pub struct StoreName {
    pub name: String,
    pub merchant: MerchantId,
    pub merchant_name: String,
}

/// API keys and names in memory, as the registry has them.
#[derive(Default)]
pub struct MerchantDirectory {
    keys: RwLock<Arc<HashMap<String, Arc<ReadyKey>>>>,
    names: RwLock<Arc<Names>>,
    turns: Turns,
}

impl MerchantDirectory {
    /// The turn of a flow that changes merchants, stores, tills or keys. It is held from the flow's first row to the end of
    /// [`MerchantDirectory::follow`]: memory never takes over an older reading after a newer one.
    pub fn take_turn(&self) -> Turn<'_> {
        self.turns.take()
    }

    /// Takes over keys and names as the registry has them now. The turn proves that no flow is changing them.
    pub fn follow(&self, _turn: &Turn<'_>, registry: &mut Registry) -> Result<(), Fault> {
        self.set_keys(registry.api_keys().live_with_secrets()?);
        self.set_names(registry.directory().read()?);
        Ok(())
    }

    /// Takes over all API keys, as the registry has them.
    pub fn set_keys(&self, keys: Vec<ApiKey>) {
        let ready = keys
            .into_iter()
            .map(|key| {
                let ready = ReadyKey {
                    merchant: key.merchant,
                    merchant_text: key.merchant.to_string(),
                    fingerprint: key.fingerprint,
                    signing: SigningKey::new(&key.secret),
                    link: LinkKey::new(&key.secret),
                    accepted: Accepted {
                        opa: key.opa_auth,
                        mamori: true,
                    },
                };
                (key.api_key, Arc::new(ready))
            })
            .collect();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ready);
    }

    /// Takes over all names, as the registry has them.
    pub fn set_names(&self, directory: Directory) {
        let merchants = directory.merchants.into_iter();
        let stores = directory.stores.into_iter().map(|named| {
            let store = StoreName {
                name: named.name,
                merchant: named.merchant,
                merchant_name: named.merchant_name,
            };
            (named.store.0, store)
        });
        let tills = directory.tills.into_iter();
        let names = Names {
            merchants: merchants.map(|(id, name)| (id.0, name)).collect(),
            invoice_numbers: (directory.invoice_numbers.into_iter())
                .map(|(id, number)| (id.0, number))
                .collect(),
            stores: stores.collect(),
            tills: tills.map(|named| (named.till.0, named)).collect(),
        };
        *self.names.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(names);
    }

    /// An API key by its public half.
    pub fn key(&self, api_key: &str) -> Option<Arc<ReadyKey>> {
        self.keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(api_key)
            .cloned()
    }

    /// The public half of a live API key by the fingerprint that the journal names it by, with its merchant.
    pub fn key_of(&self, fingerprint: Fingerprint) -> Option<(String, MerchantId)> {
        self.keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .find(|(_, key)| key.fingerprint == fingerprint)
            .map(|(api_key, key)| (api_key.clone(), key.merchant))
    }

    /// All names.
    pub fn names(&self) -> Arc<Names> {
        self.names
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A store of this merchant, if `text` names one of its own.
    pub fn own_store(&self, merchant: MerchantId, text: &str) -> Option<StoreId> {
        let number = canonical(text)?;
        self.names()
            .stores
            .get(&number)
            .filter(|store| store.merchant == merchant)
            .map(|_| StoreId(number))
    }

    /// A till of this merchant, if `text` names one of its own.
    pub fn own_till(&self, merchant: MerchantId, text: &str) -> Option<TillId> {
        let number = canonical(text)?;
        self.names()
            .tills
            .get(&number)
            .filter(|till| till.merchant == merchant)
            .map(|_| TillId(number))
    }
}

/// A number in its one spelling. "0005" and "+5" are a merchant's own words for a store, today and after a store 5 was opened: a request
/// that is delivered again must stay the same request.
fn canonical(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
