//! An operator writes a note on a wallet.
//!
//! | step | where it is written | if the answer is lost |
//! |---|---|---|
//! | seal the text with the key of the wallet's owner | nowhere | nothing has happened |
//! | the note | ledger | the list of notes says whether it is there |
//!
//! A person who is erased between the two steps leaves a note that no key opens.

use mamori_datastore::fault::Fault;
use mamori_domain::command::Command;
use mamori_domain::ids::WalletId;
use mamori_engine::views::acts::ActRow;

use crate::ledger::Run;
use crate::stop::{Denied, Flow};

/// Notes on a wallet that are read at once; support wants the newest.
const NOTES_MAX: usize = 100;

/// Seals a note and has it written into the journal.
pub fn write(run: &mut Run, wallet: WalletId, text: &str) -> Flow<()> {
    let note = run.registry.people().seal_note(wallet, text, run.seed)?;
    let note = note.ok_or(Denied::NotFound)?;
    run.ask(Command::NoteWallet { wallet, note })??;
    tracing::info!(wallet = wallet.0, "an operator wrote a note on a wallet");
    Ok(())
}

/// The newest notes on a wallet, each with the act that wrote it; None in place of a text that went with its person.
pub fn read(run: &mut Run, wallet: WalletId) -> Result<Vec<(ActRow, Option<String>)>, Fault> {
    run.engine.await_views()?;
    let sealed = run.engine.read(|reader| reader.notes(wallet, NOTES_MAX))?;
    let (acts, sealed): (Vec<ActRow>, Vec<_>) = sealed.into_iter().unzip();
    let texts = run.registry.people().open_notes(wallet, &sealed)?;
    Ok(acts.into_iter().zip(texts).collect())
}
