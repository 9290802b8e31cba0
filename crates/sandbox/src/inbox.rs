//! The inbox: every SMS and mail that was sent, for a developer or a test that plays the customers.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::broadcast;

/// Messages kept; the oldest goes first.
pub(crate) const MESSAGES_MAX: usize = 1_000;
/// Characters of a text or subject that are kept.
const TEXT_MAX: usize = 20_000;
const SUBJECT_MAX: usize = 500;
/// Messages a slow listener may fall behind before it has to read the list again.
const BEHIND_MAX: usize = 64;

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MessageKind {
    Sms,
    Mail,
    Push,
}

/// One message as its recipient got it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Message {
    /// Counts up from 1.
    pub(crate) id: u64,
    pub(crate) kind: MessageKind,
    pub(crate) from: String,
    pub(crate) to: String,
    /// Mails only.
    pub(crate) subject: Option<String>,
    pub(crate) text: String,
    /// The one-time code in the text, if there is one: six digits standing alone.
    pub(crate) code: Option<String>,
    /// Milliseconds since 1970, UTC.
    pub(crate) at_ms: i64,
}

/// A message on its way in.
pub(crate) struct Arrival {
    pub(crate) kind: MessageKind,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) subject: Option<String>,
    pub(crate) text: String,
}

struct Kept {
    messages: VecDeque<Message>,
    last_id: u64,
}

/// The messages, newest last, and the channel to the open inbox pages.
pub(crate) struct Inbox {
    kept: Mutex<Kept>,
    news: broadcast::Sender<Message>,
    clock: fn() -> i64,
}

impl Inbox {
    pub(crate) fn new(clock: fn() -> i64) -> Self {
        let kept = Mutex::new(Kept {
            messages: VecDeque::new(),
            last_id: 0,
        });
        Self {
            kept,
            news: broadcast::Sender::new(BEHIND_MAX),
            clock,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn receive(&self, arrival: Arrival) {
        let at_ms = (self.clock)().div_euclid(1_000);
        let mut kept = self.kept();
        kept.last_id += 1;
        let message = Message {
            id: kept.last_id,
            kind: arrival.kind,
            from: arrival.from,
            to: arrival.to,
            code: one_time_code(&arrival.text),
            subject: arrival
                .subject
                .map(|subject| subject.chars().take(SUBJECT_MAX).collect()),
            text: arrival.text.chars().take(TEXT_MAX).collect(),
            at_ms,
        };
        kept.messages.push_back(message.clone());
        if kept.messages.len() > MESSAGES_MAX {
            kept.messages.pop_front();
        }
        // No open page is no mistake. Told under the lock, so that news keep the order of the list.
        let _ = self.news.send(message);
    }

    /// Newest first.
    pub(crate) fn newest(&self) -> Vec<Message> {
        self.kept().messages.iter().rev().cloned().collect()
    }

    /// What came after message `after` (oldest first), and everything that comes from now on: nothing
    /// falls between the two.
    pub(crate) fn listen(
        &self,
        after: Option<u64>,
    ) -> (VecDeque<Message>, broadcast::Receiver<Message>) {
        let kept = self.kept();
        let missed = match after {
            Some(after) => kept
                .messages
                .iter()
                .filter(|message| message.id > after)
                .cloned()
                .collect(),
            None => VecDeque::new(),
        };
        (missed, self.news.subscribe())
    }
}

/// The first six digits that stand alone: no letter or digit touches them.
fn one_time_code(text: &str) -> Option<String> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.' && letter != ',')
        .map(|word| word.trim_matches(['.', ',']))
        .find(|word| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit()))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_in_words_but_not_in_amounts() {
        for (text, expected) in [
            ("認証コードは123456です。", Some("123456")),
            ("Your code is 012345.", Some("012345")),
            ("Code: 123456\nvalid for 10 minutes", Some("123456")),
            ("¥1,123,456", None),
            ("order 1234567", None),
            ("pi_123456x", None),
            ("", None),
        ] {
            assert_eq!(one_time_code(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_thousand_messages_are_kept() {
        let inbox = Inbox::new(|| 5_000_000);
        for n in 0..=MESSAGES_MAX {
            let (from, to) = ("a".to_owned(), "b".to_owned());
            inbox.receive(Arrival {
                kind: MessageKind::Sms,
                from,
                to,
                subject: None,
                text: n.to_string(),
            });
        }
        let newest = inbox.newest();
        assert_eq!(
            (newest.len(), newest[0].id, newest[0].at_ms),
            (MESSAGES_MAX, 1_001, 5_000)
        );
        let (missed, _) = inbox.listen(Some(999));
        assert_eq!(
            missed.iter().map(|message| message.id).collect::<Vec<_>>(),
            [1_000, 1_001]
        );
    }
}
