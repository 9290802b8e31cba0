//! Messages that sign-up sends, in words. The outbox delivers them.

use std::fmt;

use mamori_datastore::fault::Fault;
use mamori_registry::{Contact, ContactKind};

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

/// The message to a person who has an account already. Only the owner of the contact reads it.
pub fn account_exists(contact: &Contact, locale: &str) -> Message {
    let text = match locale {
        "en" => {
            "Mamori: somebody, perhaps you, tried to open a wallet with this contact. You have one already: please sign in. If it was not you, there is nothing to do."
        }
        _ => {
            "【Mamori】この連絡先でウォレットの登録がありましたが、すでに登録済みです。サインインしてください。お心当たりがなければ、何もなさらなくて大丈夫です。"
        }
    };
    message(
        contact,
        locale,
        ("ご登録済みです", "You have a wallet already"),
        text.to_owned(),
    )
}

/// A notice that the journal owes the owner of a wallet of something that has happened so many times; None for a kind that has no words.
///
/// An attacker who takes a wallet over freezes, unfreezes or binds a passkey: the owner hears of each on another way.
pub fn notice(kind: &str, times: u32, contact: &Contact, locale: &str) -> Option<Message> {
    let (subject, ja, en) = match kind {
        "wallet_frozen" => (
            ("ウォレットを停止しました", "Your wallet is frozen"),
            "【Mamori】ウォレットのお支払いを停止しました。再開はウォレットの画面から、ご本人の確認をして行えます。",
            "Mamori: payments from your wallet are stopped. You can start them again in the wallet; it will make sure that it is you.",
        ),
        "wallet_unfrozen" => (
            ("ウォレットを再開しました", "Your wallet works again"),
            "【Mamori】ウォレットのお支払いを再開しました。お心当たりがなければ、すぐにウォレットを停止してお問い合わせください。",
            "Mamori: payments from your wallet work again. If this was not you, freeze the wallet at once and contact us.",
        ),
        "credential_bound" => (
            (
                "サインインの方法が追加されました",
                "A way to sign in was added",
            ),
            "【Mamori】ウォレットにサインインの方法（パスキーまたはパスワード・認証アプリ）が追加されました。お心当たりがなければ、すぐにウォレットを停止してお問い合わせください。",
            "Mamori: a way to sign in (a passkey, or password and codes) was added to your wallet. If this was not you, freeze the wallet at once and contact us.",
        ),
        "credential_revoked" => (
            (
                "サインインの方法が削除されました",
                "A way to sign in was removed",
            ),
            "【Mamori】ウォレットからサインインの方法（パスキーまたはパスワード・認証アプリ）が削除されました。お心当たりがなければ、すぐにウォレットを停止してお問い合わせください。",
            "Mamori: a way to sign in (a passkey, or password and codes) was removed from your wallet. If this was not you, freeze the wallet at once and contact us.",
        ),
        "device_bound" => (
            (
                "お支払いの端末が変わりました",
                "Your wallet pays from another device",
            ),
            "【Mamori】お支払いに使う端末が変わりました。前の端末ではコードを表示できません。お心当たりがなければ、すぐにウォレットを停止してお問い合わせください。",
            "Mamori: your wallet pays from another device now; the one before shows no code any more. If this was not you, freeze the wallet at once and contact us.",
        ),
        "device_unbound" => (
            (
                "お支払いの端末の登録を外しました",
                "Your wallet's device was taken off",
            ),
            "【Mamori】お支払いに使う端末の登録が外れました。お心当たりがなければ、すぐにウォレットを停止してお問い合わせください。",
            "Mamori: the device that your wallet paid from was taken off it. If this was not you, freeze the wallet at once and contact us.",
        ),
        _ => return None,
    };
    let english = locale == "en";
    let mut text = if english { en } else { ja }.to_owned();
    if times > 1 {
        text += &match english {
            true => format!(" (This has happened {times} times.)"),
            false => format!("（{times}回分のお知らせです）"),
        };
    }
    Some(message(contact, locale, subject, text))
}

impl Message {
    /// As the outbox keeps it, sealed: kind, address, subject, text.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::json!([self.kind.word(), self.to, self.subject, self.text])
            .to_string()
            .into_bytes()
    }

    /// Reads what [`Message::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Message> {
        let [kind, to, subject, text]: [String; 4] = serde_json::from_slice(bytes).ok()?;
        let kind = [MessageKind::Sms, MessageKind::Mail]
            .into_iter()
            .find(|known| known.word() == kind)?;
        Some(Message {
            kind,
            to,
            subject,
            text,
        })
    }
}

impl MessageKind {
    /// The stable word: `sms` or `mail`.
    pub const fn word(self) -> &'static str {
        match self {
            MessageKind::Sms => "sms",
            MessageKind::Mail => "mail",
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_the_outbox_and_keeps_out_of_logs() {
        let contact = Contact::parse("sora@example.jp").expect("a contact");
        let message = one_time_code(&contact, "en", "123456", "wallet.example.jp");
        assert_eq!(
            Message::from_bytes(&message.to_bytes()),
            Some(message.clone())
        );
        assert_eq!(format!("{message:?}"), "Message(Mail, ..)");
        assert_eq!(Message::from_bytes(b"[\"fax\",\"a\",\"b\",\"c\"]"), None);
    }

    #[test]
    fn every_notice_of_the_journal_has_words() {
        let contact = Contact::parse("090-1234-5678").expect("a contact");
        for kind in [
            "wallet_frozen",
            "wallet_unfrozen",
            "credential_bound",
            "credential_revoked",
            "device_bound",
            "device_unbound",
        ] {
            let texts: Vec<String> = ["ja", "en"]
                .iter()
                .map(|locale| notice(kind, 1, &contact, locale).expect("words").text)
                .collect();
            assert_ne!(texts[0], texts[1], "{kind}");
        }
        assert_eq!(notice("something_new", 1, &contact, "ja"), None);
        let thrice = notice("wallet_frozen", 3, &contact, "ja").expect("words");
        assert!(thrice.text.ends_with("（3回分のお知らせです）"));
    }
}
