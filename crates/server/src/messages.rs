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

/// The notice that a change of a wallet owes its owner, by the outbox's word for it.
pub fn notice(contact: &Contact, locale: &str, kind: &str) -> Option<Message> {
    let (subjects, ja, en) = match kind {
        "wallet_frozen" => (
            ("ウォレットを停止しました", "Your wallet is frozen"),
            "【Mamori】ウォレットのお支払いを停止しました。再開はウォレットの画面からパスキーで行えます。お心当たりがない場合も、残高は守られています。",
            "Mamori: payments from your wallet are stopped. You can start them again in the wallet with your passkey. If it was not you: your balance is safe.",
        ),
        "wallet_unfrozen" => (
            ("ウォレットを再開しました", "Your wallet works again"),
            "【Mamori】ウォレットのお支払いを再開しました。お心当たりがない場合は、すぐにウォレットを停止してください。",
            "Mamori: payments from your wallet work again. If it was not you, freeze your wallet now.",
        ),
        "credential_bound" => (
            ("パスキーを追加しました", "A passkey was added"),
            "【Mamori】ウォレットに新しいパスキーが追加されました。お心当たりがない場合は、すぐにウォレットを停止してください。",
            "Mamori: a new passkey was added to your wallet. If it was not you, freeze your wallet now.",
        ),
        "credential_revoked" => (
            ("パスキーを削除しました", "A passkey was removed"),
            "【Mamori】ウォレットのパスキーが削除されました。お心当たりがない場合は、すぐにウォレットを停止してください。",
            "Mamori: a passkey of your wallet was removed. If it was not you, freeze your wallet now.",
        ),
        _ => return None,
    };
    let text = if locale == "en" { en } else { ja };
    Some(message(contact, locale, subjects, text.to_owned()))
}
