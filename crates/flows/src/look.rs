//! An operator opens what is known of a customer: for a reason, and never unseen.
//!
//! | step | where it is written | if the answer is lost |
//! |---|---|---|
//! | find the customer by a contact, or by a receipt | nowhere | nothing has happened |
//! | the reason, as a note that is sealed with the key of the wallet's owner | ledger | the note stands there; asked again, it stands there twice |
//! | who looked, and at whom | registry | asked again: it is written then |
//!
//! Whatever was found is handed out after it was written down. A search that finds nothing is written down too, without its
//! reason: there is no key to seal it with, and whose contact it was must not be readable there.

use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::ids::{WalletId, id_of_receipt};
use mamori_engine::views::Entry;
use mamori_engine::views::read;
use mamori_registry::Contact;
use mamori_registry::acts::RegistryCommand;

use crate::ledger::Run;
use crate::stop::{Denied, Flow};

/// What a customer is found by.
pub enum KnownBy<'a> {
    /// A telephone number or mail address, exactly.
    Contact(&'a Contact),
    /// What stands on a receipt: of a payment, a refund, a top-up.
    Receipt(&'a str),
}

/// The wallet of a customer who is known by something else than its number.
pub fn find(run: &mut Run, by: &KnownBy, reason: &str) -> Flow<WalletId> {
    let found = match by {
        KnownBy::Contact(contact) => run.registry.people().wallet_of_contact(contact)?,
        KnownBy::Receipt(number) => wallet_on_receipt(run, number)?,
    };
    if let Some(wallet) = found {
        write_reason(run, wallet, reason)?;
    }
    let noted = run.noted();
    let mut acts = run.registry.acts();
    acts.write_look(&noted, RegistryCommand::FindCustomer, found)?;
    tracing::info!(found = found.is_some(), "an operator looked for a customer");
    Ok(found.ok_or(Denied::NotFound)?)
}

/// A page of a wallet's movements, newest first: from its newest, or from the one before `before`.
pub fn open_history(
    run: &mut Run,
    wallet: WalletId,
    reason: &str,
    before: Option<u64>,
    limit: usize,
) -> Flow<Vec<Entry>> {
    if !write_reason(run, wallet, reason)? {
        return Err(Denied::NotFound.into());
    }
    let noted = run.noted();
    let mut acts = run.registry.acts();
    acts.write_look(&noted, RegistryCommand::OpenHistory, Some(wallet))?;
    tracing::info!(wallet = wallet.0, "an operator opened a customer's history");
    Ok(run.engine.history(wallet, before, limit)?)
}

fn wallet_on_receipt(run: &Run, number: &str) -> Result<Option<WalletId>, Fault> {
    let Some(id) = id_of_receipt(number).filter(|id| i64::try_from(*id).is_ok()) else {
        return Ok(None);
    };
    run.engine.await_views()?;
    let engine = run.engine;
    let entry = engine.read(|reader| read::entry_by_id(reader.views(), id))?;
    Ok(entry.map(|entry| WalletId(entry.wallet)))
}

/// False for a wallet without a living owner: no key is there to seal the reason with.
fn write_reason(run: &mut Run, wallet: WalletId, reason: &str) -> Flow<bool> {
    let note = run.registry.people().seal_note(wallet, reason, run.seed)?;
    let Some(note) = note else {
        return Ok(false);
    };
    run.ask(Command::NoteWallet { wallet, note })??;
    Ok(true)
}
