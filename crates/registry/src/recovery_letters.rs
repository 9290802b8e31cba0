//! What every contact of a person is told of a recovery, and of what is prepared for one.

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::SealKey;
use mamori_datastore::sql::Tx;
use mamori_domain::context::AgentFamily;
use mamori_domain::world::Timestamp;

use crate::RegistryKeys;
use crate::contact::Contact;
use crate::contacts::{Household, UndoSecret};
use crate::outbox::{self, Letter, NOTICE_LIFE};
use crate::seed::Seed;

/// What a contact is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryNews {
    /// Somebody has proven something.
    Begun,
    /// Everything is proven; it opens at an instant.
    Complete,
    /// The wait is over.
    Opened,
    /// A new factor was made.
    Done,
    /// It was stopped.
    Stopped,
    /// It was taken back.
    Undone,
    /// Its seven days are over.
    Overdue,
    /// New saved codes were made.
    CodesMade,
    /// A trusted contact has said yes.
    TrustedAdded,
    /// A trusted contact was removed, or left.
    TrustedRemoved,
}

/// What a letter tells, before it has words.
pub struct RecoveryTold<'a> {
    pub to: &'a Contact,
    /// `ja` or `en`.
    pub locale: &'a str,
    pub news: RecoveryNews,
    /// In which family of browsers it was begun.
    pub agent: AgentFamily,
    pub at: Timestamp,
    /// When the new factor can be made, if everything is proven.
    pub opens_at: Option<Timestamp>,
    /// By which it is stopped or taken back.
    pub secret: Option<&'a UndoSecret>,
}

/// Makes a letter; a pure function.
pub type RecoveryWords<'a> = dyn Fn(&RecoveryTold) -> Letter + 'a;

/// The secret that stops a recovery and takes it back: in letters alone, and made again for each of them. It hangs on the master key, so
/// the table does not tell it.
pub(crate) fn undo_secret(keys: &RegistryKeys, id: &[u8; 32]) -> UndoSecret {
    keys.pepper.mac(&[b"undo recovery", id])
}

/// What every contact of a person is told.
pub(crate) struct Telling {
    news: RecoveryNews,
    agent: AgentFamily,
    opens_at: Option<Timestamp>,
    /// The recovery that its secret takes back; None for news of another kind.
    id: Option<[u8; 32]>,
}

impl Telling {
    /// Of the recovery of this name, begun in this family of browsers.
    pub(crate) fn of(
        (id, agent): ([u8; 32], AgentFamily),
        news: RecoveryNews,
        opens_at: Option<Timestamp>,
    ) -> Telling {
        let may_undo = matches!(
            news,
            RecoveryNews::Begun
                | RecoveryNews::Complete
                | RecoveryNews::Opened
                | RecoveryNews::Done
        );
        Telling {
            news,
            agent,
            opens_at,
            id: may_undo.then_some(id),
        }
    }

    /// A contact that has not settled hears of it and has no word: whoever holds a wallet for a moment could add one, and shut its owner
    /// out with it.
    pub(crate) fn tell(
        &self,
        tx: &mut Tx,
        keys: &RegistryKeys,
        household: &Household,
        now: Timestamp,
        seed: &Seed,
        words: &RecoveryWords,
    ) -> Result<(), Fault> {
        let secret = self.id.map(|id| undo_secret(keys, &id));
        for (number, kept) in household.told().into_iter().enumerate() {
            let letter = words(&RecoveryTold {
                to: &kept.known.contact,
                locale: &household.locale,
                news: self.news,
                agent: self.agent,
                at: now,
                opens_at: self.opens_at,
                secret: secret.as_ref().filter(|_| kept.has_settled(now)),
            });
            let label = format!("recovery letter {:?} {number}", self.news);
            let sealing: (&SealKey, [u8; 12]) = (&keys.wrap, seed.take(&label));
            let content = (letter.kind, &letter.content[..]);
            outbox::enqueue_in(tx, sealing, content, now, now.plus(NOTICE_LIFE))?;
        }
        Ok(())
    }
}

/// Tells every contact of a person something about how it could come back.
pub(crate) fn tell_news(
    tx: &mut Tx,
    keys: &RegistryKeys,
    person: &[u8; 16],
    news: RecoveryNews,
    now: Timestamp,
    seed: &Seed,
    words: &RecoveryWords,
) -> Result<(), Fault> {
    let telling = Telling {
        news,
        agent: AgentFamily::Unknown,
        opens_at: None,
        id: None,
    };
    match Household::of_person(tx, keys, person, now)? {
        Some(household) => telling.tell(tx, keys, &household, now, seed, words),
        None => Ok(()),
    }
}
