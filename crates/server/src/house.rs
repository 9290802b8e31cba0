//! What the money side of the edge needs: the engine, the names of things, the keys of merchants.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mamori_api::auth::{Accepted, SigningKey};
use mamori_api::nonce::NonceMemory;
use mamori_api::refusal_text::refusal_text;
use mamori_codes::payment_code::IssuerPrefix;
use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::decide::Limits;
use mamori_domain::ids::{Fingerprint, MerchantId, StoreId, TillId};
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::Outcome;
use mamori_engine::Engine;
use mamori_registry::{ApiKey, Control, Directory, TillPaper};

use crate::answer::{Denial, Words};
use crate::book_door::BookDoor;
use crate::mailbox::Mailbox;

/// An API key, ready to check signatures with.
pub struct ReadyKey {
    pub merchant: MerchantId,
    /// The merchant's id as its programs write it.
    pub merchant_text: String,
    pub fingerprint: Fingerprint,
    pub signing: SigningKey,
    pub accepted: Accepted,
}

/// What merchants, stores and tills are called.
#[derive(Default)]
pub struct Names {
    pub merchants: BTreeMap<u32, String>,
    pub tills: HashMap<u32, TillPaper>,
    pub stores: HashMap<u32, StoreName>,
}

/// A store's names.
#[derive(Clone)]
pub struct StoreName {
    pub name: String,
    pub merchant: MerchantId,
    pub merchant_name: String,
}

/// The engine and everything that stands around it in memory.
pub struct House {
    pub engine: Engine,
    pub rules: Limits,
    pub issuer: IssuerPrefix,
    pub nonces: NonceMemory,
    keys: RwLock<Arc<HashMap<String, Arc<ReadyKey>>>>,
    names: RwLock<Arc<Names>>,
    /// One at a time changes what merchants have; see [`House::take_turn`].
    turn: Mutex<()>,
}

impl House {
    /// A house without merchants; [`House::set_keys`] and [`House::set_names`] bring them in.
    pub fn new(engine: Engine, rules: Limits, issuer: IssuerPrefix, nonces: NonceMemory) -> House {
        engine.hand_out_within(Mailbox::in_one_handful);
        House {
            engine,
            rules,
            issuer,
            nonces,
            keys: RwLock::default(),
            names: RwLock::default(),
            turn: Mutex::new(()),
        }
    }

    /// Whoever changes merchants, stores, tills or keys holds the turn from the first row of control to the end of
    /// [`House::follow`]: memory never takes over an older reading after a newer one, and at most one opening waits for the book.
    pub fn take_turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over keys and names as control has them now. The turn proves that nobody else is changing them.
    pub fn follow(&self, _turn: &MutexGuard<'_, ()>, control: &mut Control) -> Result<(), Fault> {
        self.set_keys(control.api_keys()?);
        self.set_names(control.directory()?);
        Ok(())
    }

    /// Takes over all API keys, as control has them.
    pub fn set_keys(&self, keys: Vec<ApiKey>) {
        let ready = keys
            .into_iter()
            .map(|key| {
                let ready = ReadyKey {
                    merchant: key.merchant,
                    merchant_text: key.merchant.to_string(),
                    fingerprint: key.fingerprint,
                    signing: SigningKey::new(&key.secret),
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

    /// Takes over all names, as control has them.
    pub fn set_names(&self, directory: Directory) {
        let merchants = directory.merchants.into_iter();
        let stores = directory.stores.into_iter().map(|paper| {
            let store = StoreName {
                name: paper.name,
                merchant: paper.merchant,
                merchant_name: paper.merchant_name,
            };
            (paper.store.0, store)
        });
        let tills = directory.tills.into_iter();
        let names = Names {
            merchants: merchants.map(|(id, name)| (id.0, name)).collect(),
            stores: stores.collect(),
            tills: tills.map(|paper| (paper.till.0, paper)).collect(),
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

    /// All names.
    pub fn names(&self) -> Arc<Names> {
        self.names
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A store of this merchant, if `text` names one of its own.
    pub fn own_store(&self, merchant: MerchantId, text: &str) -> Option<StoreId> {
        let number = text.parse().ok()?;
        self.names()
            .stores
            .get(&number)
            .filter(|store| store.merchant == merchant)
            .map(|_| StoreId(number))
    }

    /// A till of this merchant, if `text` names one of its own.
    pub fn own_till(&self, merchant: MerchantId, text: &str) -> Option<TillId> {
        let number = text.parse().ok()?;
        self.names()
            .tills
            .get(&number)
            .filter(|till| till.merchant == merchant)
            .map(|_| TillId(number))
    }

    /// Asks the engine and waits for the durable answer without holding a thread.
    pub async fn ask(&self, act: Command) -> Result<Outcome, Fault> {
        let door: &dyn BookDoor = &self.engine;
        door.ask(act).await
    }
}

/// The two halves of a new API key, from random bytes.
///
/// The secret is valid base64: the wire format's clients decode it for the tokens of account linking.
pub fn api_key_texts(id: &[u8; 12], secret: &[u8; 32]) -> (String, String) {
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    (format!("mk_{id}"), STANDARD.encode(secret))
}

/// A refusal of the rules as a page's answer, in words for whoever stands there.
pub fn refused(refusal: Refusal) -> Denial {
    refused_word(refusal.code())
}

/// A refusal by its stable word.
pub fn refused_word(word: &'static str) -> Denial {
    let (ja, en) = refusal_text(word);
    Denial::Refused(Words { code: word, ja, en })
}
