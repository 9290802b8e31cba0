//! Messages that sign-up sends, in words. Delivery is somebody else's work.

use std::fmt;

use mamori_engine::control::{Contact, ContactKind};
use mamori_engine::fault::Fault;

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// To a telephone.
    Sms,
    /// To a mailbox.
    Mail,
}

/// A message to one contact. It may hold a one-time code, so its `Debug` shows no text.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// How it travels.
    pub kind: MessageKind,
    /// E.164 number or mail address.
    pub to: String,
    /// For mail; empty for SMS.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({:?}, ..)", self.kind)
    }
}

/// Takes a message for delivery; may wait for a disk, so it is called on a worker thread only.
pub type Messenger = dyn Fn(Message) -> Result<(), Fault> + Send + Sync;

/// The message with a one-time code.
///
/// An SMS ends with the line by which browsers offer the code on the right site only (origin-bound one-time codes).
pub fn one_time_code(contact: &Contact, locale: &str, code: &str, host: &str) -> Message {
    let text = match locale {
        "en" => format!(
            "Mamori: your code is {code}. It works for 10 minutes. Never give it to anybody; we will not ask for it."
        ),
        _ => format!(
            "【Mamori】確認コードは {code} です。10分間有効です。だれにも教えないでください。当社からお尋ねすることはありません。"
        ),
    };
    message(
        contact,
        locale,
        ("確認コード", "Your code"),
        match contact.kind() {
            ContactKind::Phone => format!("{text}\n\n@{host} #{code}"),
            ContactKind::Mail => text,
        },
    )
}

/// The message to somebody who has an account already. Only the owner of the contact reads it.
pub fn account_exists(contact: &Contact, locale: &str) -> Message {
    let text = match locale {
        "en" => {
            "Mamori: somebody, perhaps you, tried to open a wallet with this contact. You have one already: please sign in with your passkey. If it was not you, there is nothing to do."
        }
        _ => {
            "【Mamori】この連絡先でウォレットの登録がありましたが、すでに登録済みです。パスキーでサインインしてください。お心当たりがなければ、何もなさらなくて大丈夫です。"
        }
    };
    message(
        contact,
        locale,
        ("ご登録済みです", "You have a wallet already"),
        text.to_owned(),
    )
}

fn message(contact: &Contact, locale: &str, subject: (&str, &str), text: String) -> Message {
    let (kind, subject) = match contact.kind() {
        ContactKind::Phone => (MessageKind::Sms, ""),
        ContactKind::Mail if locale == "en" => (MessageKind::Mail, subject.1),
        ContactKind::Mail => (MessageKind::Mail, subject.0),
    };
    Message {
        kind,
        to: contact.as_str().to_owned(),
        subject: subject.to_owned(),
        text,
    }
}
