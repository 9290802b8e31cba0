//! Opens a merchant, a store or a till under a name.
//!
//! | step | where it is written | if the answer is lost |
//! |---|---|---|
//! | settle what earlier openings left | registry | the next opening settles it |
//! | what is to be opened, and its name | registry, pending | the ledger knows nothing new: the row is dropped |
//! | open | ledger, which gives out the id | the id without a name is this opening's: it gets the name |
//! | the name of the id | registry, the pending row goes | done already |
//!
//! The ledger gives out the id, so an id without a name tells which opening it came from only while openings happen one at a
//! time: an opening holds the turn from its first row to its last.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::ids::{MerchantId, StoreId};
use mamori_domain::merchant::StoreDetails;
use mamori_registry::{InvoiceNumber, NameTaken, Opening, RenameRefusal, Renamed};

use crate::ledger::{OfLedger, Run};
use crate::stop::{Denied, Flow};

/// Lets one at a time change what merchants have.
#[derive(Default)]
pub struct Turns(Mutex<()>);

/// Proves that no other thread of this process changes what merchants have.
pub struct Turn<'a> {
    _held: MutexGuard<'a, ()>,
}

impl Turns {
    /// Waits for the turn; it ends when the value is dropped.
    pub fn take(&self) -> Turn<'_> {
        Turn {
            _held: self.0.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// A store that is to be opened, with its tills.
pub struct NewStore {
    pub name: String,
    pub tills: Vec<String>,
}

/// A merchant that was opened, with its stores.
pub struct Chain {
    pub merchant: MerchantId,
    pub stores: Vec<StoreId>,
}

/// Opens a merchant with stores and tills, one after the other: after a crash it is shorter, and nothing in it is half open.
pub fn chain(run: &mut Run, turn: &Turn, name: &str, stores: &[NewStore]) -> Flow<Chain> {
    let seed = run.seed.part("merchant");
    let merchant =
        open(&mut run.with_seed(&seed), turn, Opening::Merchant, name).map(MerchantId)?;
    let mut opened = Vec::with_capacity(stores.len());
    for (number, new) in stores.iter().enumerate() {
        let seed = run.seed.part(&format!("store {number}"));
        let what = Opening::Store(merchant);
        let store = open(&mut run.with_seed(&seed), turn, what, &new.name).map(StoreId)?;
        for (at, till) in new.tills.iter().enumerate() {
            let seed = run.seed.part(&format!("store {number} till {at}"));
            open(&mut run.with_seed(&seed), turn, Opening::Till(store), till)?;
        }
        opened.push(store);
    }
    Ok(Chain {
        merchant,
        stores: opened,
    })
}

/// Opens something under a name that is free in its place, and answers with its id.
pub fn open(run: &mut Run, turn: &Turn, what: Opening, name: &str) -> Flow<u32> {
    open_by(run, turn, what, what.command(), name)
}

/// The same for a store that says from its first moment on where it is and what it sells.
pub fn open_store(
    run: &mut Run,
    turn: &Turn,
    merchant: MerchantId,
    name: &str,
    details: StoreDetails,
) -> Flow<u32> {
    let command = Command::OpenStore { merchant, details };
    open_by(run, turn, Opening::Store(merchant), command, name)
}

/// Calls a merchant, store or till by another name. The ledger knows no names: one step, in the registry.
pub fn rename(run: &mut Run, _turn: &Turn, what: Renamed, name: &str) -> Flow<()> {
    let noted = run.noted();
    let renamed = run.registry.directory().noted(noted).rename(what, name)?;
    renamed.map_err(|refusal| match refusal {
        RenameRefusal::Unknown => Denied::NotFound,
        RenameRefusal::NameTaken => Denied::NameTaken,
    })?;
    tracing::info!(?what, "something got another name");
    Ok(())
}

/// Says under which number the tax office knows a merchant; one step, in the registry.
pub fn set_invoice_number(
    run: &mut Run,
    _turn: &Turn,
    merchant: MerchantId,
    number: Option<&InvoiceNumber>,
) -> Flow<()> {
    let noted = run.noted();
    let mut directory = run.registry.directory().noted(noted);
    if !directory.set_invoice_number(merchant, number)? {
        return Err(Denied::NotFound.into());
    }
    Ok(())
}

fn open_by(run: &mut Run, _turn: &Turn, what: Opening, command: Command, name: &str) -> Flow<u32> {
    let mut directory = run.registry.directory();
    directory.settle_openings(&mut OfLedger(run.engine))?;
    let pending = directory.begin_opening(what, name, run.now, run.seed)?;
    let pending = pending.map_err(|NameTaken| Denied::NameTaken)?;
    let reply = match run.ask(command)? {
        Ok(reply) => reply,
        Err(refusal) => {
            run.registry.directory().abandon_opening(&pending)?;
            return Err(refusal.into());
        }
    };
    let id = what.opened(&reply);
    let id = id.ok_or_else(|| Fault::broken("the ledger opened something else"))?;
    let noted = run.noted();
    let mut directory = run.registry.directory().noted(noted);
    directory.finish_opening(&pending, id)?;
    tracing::info!(?what, id, by = ?run.asker.by().kind(), "something was opened");
    Ok(id)
}
