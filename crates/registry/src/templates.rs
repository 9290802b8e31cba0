//! What an operator has put in the place of a notice's built-in words: every version stays, the newest one counts.
//!
//! A row decides what customers read under our name, so it proves itself. One that does not is passed over: the version before it counts.

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Param, Row, Tx};
use mamori_domain::world::Timestamp;

use crate::acts::{About, Noted, RegistryCommand};
use crate::authentic::{self, MESSAGE_TEMPLATES};
use crate::{RegistryKeys, at, instant_cell};

/// The words of a notice in one language, as they are in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTemplate {
    /// Which words: `payment.ja`.
    pub slot: String,
    /// Counts up from 1.
    pub version: u64,
    /// Subject and text; None where the built-in words are in force again.
    pub words: Option<(String, String)>,
    pub made_at: Timestamp,
}

/// Words of notices.
pub struct MessageTemplates<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
}

const NEWEST: &str = "WHERE slot = $1 ORDER BY version DESC LIMIT 5";

impl MessageTemplates<'_> {
    /// What is in force; None where nobody has ever changed it.
    pub fn newest(&mut self, slot: &str) -> Result<Option<StoredTemplate>, Fault> {
        let keys = self.keys;
        self.db.snapshot(|tx| newest_in(tx, keys, slot))
    }

    /// A new version, and who made it; None for the built-in words. Answers with its number.
    pub fn set(
        &mut self,
        slot: &str,
        words: Option<(&str, &str)>,
        noted: &Noted,
    ) -> Result<u64, Fault> {
        let keys = self.keys;
        self.db.transaction(|tx| {
            let last = tx.query_first(
                "SELECT MAX(version) FROM message_templates WHERE slot = $1",
                &[Param::Text(slot)],
                |row| row.opt_int(0),
            )?;
            let version = last.flatten().unwrap_or(0) + 1;
            let name = format!("{slot}.{version}");
            let cells = [
                ("template", Param::Text(&name)),
                ("slot", Param::Text(slot)),
                ("version", Param::Int(version)),
                (
                    "subject",
                    words.map_or(Param::Null, |(subject, _)| Param::Text(subject)),
                ),
                (
                    "words",
                    words.map_or(Param::Null, |(_, text)| Param::Text(text)),
                ),
                ("made_at", at(noted.now)),
            ];
            authentic::insert(tx, &keys.rows, &MESSAGE_TEMPLATES, &cells)?;
            noted.write(tx, RegistryCommand::SetTemplate, About::Template(&name))?;
            Ok(version.unsigned_abs())
        })
    }
}

fn newest_in(
    tx: &mut Tx,
    keys: &RegistryKeys,
    slot: &str,
) -> Result<Option<StoredTemplate>, Fault> {
    let which = [Param::Text(slot)];
    let found =
        authentic::select_proven(tx, &keys.rows, &MESSAGE_TEMPLATES, NEWEST, &which, stored)?;
    Ok(found.into_iter().next())
}

fn stored(row: &Row) -> StoredTemplate {
    let words = row.opt_text(3).zip(row.opt_text(4));
    StoredTemplate {
        slot: row.text(1).to_owned(),
        version: row.int(2).unsigned_abs(),
        words: words.map(|(subject, text)| (subject.to_owned(), text.to_owned())),
        made_at: instant_cell(row, 5),
    }
}
