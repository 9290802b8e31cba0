//! The product as the benchmark's server process runs it: the merchant API on the benchmark's store, listening as `serve` does.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use mamori::world::{Chance, Clock, Failure};
use mamori_api::nonce::NonceMemory;
use mamori_codes::payment_code::IssuerPrefix;
use mamori_datastore::sql::Location;
use mamori_domain::ids::{MerchantId, StoreId, TillId};
use mamori_domain::world::Timestamp;
use mamori_engine::Engine;
use mamori_registry::{ApiKey, Directory, DirectoryStore, DirectoryTill};
use mamori_server::directory::MerchantDirectory;
use mamori_server::http::payments::MerchantApi;
use mamori_server::ledger::Ledger;
use mamori_server::listen::{ListenConfig, Listeners};
use mamori_server::outside::Outside;

use super::engine::{self, KEY};
use super::workload::{STORES, TILLS};

/// Four times the nonces that live at once, two to three minutes of the fastest run: all of it is one key's, and one key has a
/// quarter of the memory.
const NONCES: usize = 32_000_000;

pub struct Product {
    /// The engine behind it.
    pub engine: Engine,
    pub address: SocketAddr,
    /// How long the engine took to open its store, in microseconds.
    pub start_micros: u64,
    listeners: Listeners,
}

/// Opens the store and listens.
pub fn start(
    location: &Location,
    threads: usize,
    (api_key, secret): (String, String),
    clock: Clock,
    chance: Chance,
) -> Result<Product, Failure> {
    let (mut entropy, mut seed) = ([0; 32], [0; 16]);
    chance(&mut entropy);
    chance(&mut seed);
    let begin = (clock.monotonic_micros)();
    let config = engine::config(location, clock, entropy);
    let engine = Engine::open(config)?;
    let start_micros = (clock.monotonic_micros)() - begin;
    let issuer = IssuerPrefix::parse("28001234").ok_or("the issuer prefix of the benchmark")?;
    let nonces = NonceMemory::new(NONCES, (clock.wall_micros)() / 1_000_000, seed);
    let merchants = MerchantDirectory::default();
    merchants.set_keys(vec![ApiKey {
        api_key,
        merchant: MerchantId(1),
        secret,
        fingerprint: KEY,
        opa_auth: true,
    }]);
    merchants.set_names(directory());
    let outside = Outside::new(move || Timestamp((clock.wall_micros)()), chance);
    let listeners = Listeners::start(ListenConfig {
        threads,
        ..ListenConfig::default()
    })?;
    let address = listeners.serve(
        TcpListener::bind(("127.0.0.1", 0))?,
        MerchantApi::new(
            Ledger::new(engine.clone()),
            Arc::new(merchants),
            issuer,
            nonces,
            outside,
        )?,
    )?;
    Ok(Product {
        engine,
        address,
        start_micros,
        listeners,
    })
}

impl Product {
    /// Ends it: no requests, then no engine.
    pub fn stop(self) {
        self.listeners.shut_down();
        self.engine.stop();
    }
}

/// What a till of the benchmark is called.
fn till(till: u32) -> DirectoryTill {
    let store = 1 + till / (TILLS / STORES);
    DirectoryTill {
        till: TillId(1 + till),
        name: format!("till {}", 1 + till),
        store: StoreId(store),
        store_name: format!("store {store}"),
        merchant: MerchantId(1),
        merchant_name: "the benchmark's merchant".to_owned(),
    }
}

fn directory() -> Directory {
    let tills: Vec<DirectoryTill> = (0..TILLS).map(till).collect();
    let store = |till: &DirectoryTill| DirectoryStore {
        store: till.store,
        name: till.store_name.clone(),
        merchant: till.merchant,
        merchant_name: till.merchant_name.clone(),
    };
    let mut stores: Vec<DirectoryStore> = tills.iter().map(store).collect();
    stores.dedup();
    Directory {
        invoice_numbers: Vec::new(),
        merchants: vec![(MerchantId(1), tills[0].merchant_name.clone())],
        stores,
        tills,
    }
}

/// The tills as requests name them: store, then till.
pub fn tills() -> Vec<(String, String)> {
    (0..TILLS)
        .map(till)
        .map(|till| (till.store.0.to_string(), till.till.0.to_string()))
        .collect()
}
