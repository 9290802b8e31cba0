//! Messages that leave, in words. The outbox delivers them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_datastore::fault::Fault;
use mamori_domain::world::Timestamp;
use mamori_registry::{Contact, ContactKind, ContactNews, PushId, Told, UndoSecret};

use crate::japan_time;
use crate::templates::{Group, NoticeKind, Words};

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// To a telephone.
    Sms,
    /// To a mailbox.
    Mail,
    /// To a browser that takes push.
    Push,
}

/// A message to one contact. It may hold a one-time code, so its `Debug` shows no text.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// How it travels.
    pub kind: MessageKind,
    /// E.164 number or mail address; for push which subscription.
    pub to: String,
    /// For mail; empty for SMS. For push its urgency, and perhaps a topic.
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

/// The message to the owner of a contact that somebody wanted to add to another wallet.
pub fn contact_elsewhere(contact: &Contact, locale: &str) -> Message {
    let text = match locale {
        "en" => {
            "Mamori: somebody, perhaps you, tried to add this contact to a wallet. It belongs to a wallet already and cannot be added to another one. If it was not you, there is nothing to do."
        }
        _ => {
            "【Mamori】この連絡先をウォレットに追加する操作がありましたが、すでに別のウォレットに登録されているため、追加できません。お心当たりがなければ、何もなさらなくて大丈夫です。"
        }
    };
    message(
        contact,
        locale,
        ("連絡先は追加されていません", "A contact was not added"),
        text.to_owned(),
    )
}

/// The page that undoes a change of contacts, with its secret behind the `#`, where it is in no request and no log.
pub fn undo_link(wallet_origin: &str, secret: &UndoSecret) -> String {
    format!(
        "{wallet_origin}/undo-contact#{}",
        URL_SAFE_NO_PAD.encode(secret)
    )
}

/// What became of one of a customer's contacts: when, which one (masked, it may be read by somebody else by now), and what can be done.
pub fn contact_news(told: &Told, wallet_origin: &str) -> Message {
    let english = told.locale == "en";
    let when = japan_time::in_words(told.at, told.locale);
    let what = match (told.to == told.about, english) {
        (true, true) => "this contact".to_owned(),
        (true, false) => "この連絡先".to_owned(),
        (false, true) => told.about.masked(),
        (false, false) => format!(" {} ", told.about.masked()),
    };
    let (subject, ja, en) = match told.news {
        ContactNews::Added => (
            ("連絡先が追加されました", "A contact was added"),
            format!("{what}がウォレットの連絡先に追加されました。"),
            format!("{what} was added to the contacts of your wallet."),
        ),
        ContactNews::Removed => {
            let (ja, en) = match told.has_settled {
                true => (
                    "この連絡先にも、安全に関するお知らせを72時間お送りします。",
                    " For 72 hours it still gets notices about safety.",
                ),
                false => ("", ""),
            };
            (
                ("連絡先が削除されました", "A contact was removed"),
                format!("{what}がウォレットの連絡先から削除されました。{ja}"),
                format!("{what} was removed from the contacts of your wallet.{en}"),
            )
        }
        ContactNews::Preferred => (
            ("お知らせの送り先が変わりました", "Notices go elsewhere now"),
            format!("お知らせの送り先が{what}に変わりました。"),
            format!("Notices from your wallet now go to {what}."),
        ),
        ContactNews::PutBack => (
            ("連絡先が元に戻りました", "A contact is back"),
            format!("削除された{what}が、ウォレットの連絡先に戻りました。"),
            format!("{what} was removed and is back among the contacts of your wallet."),
        ),
        ContactNews::AdditionUndone => (
            (
                "連絡先の追加が取り消されました",
                "Adding a contact was undone",
            ),
            format!("{what}の追加が、お知らせのリンクから取り消されました。"),
            format!(
                "That {what} was added to your wallet has been undone by the link in a notice."
            ),
        ),
        ContactNews::RemovalUndone => (
            (
                "連絡先の削除が取り消されました",
                "Removing a contact was undone",
            ),
            format!("{what}の削除が、お知らせのリンクから取り消されました。"),
            format!(
                "That {what} was removed from your wallet has been undone by the link in a notice."
            ),
        ),
        ContactNews::PreferenceUndone => (
            (
                "送り先の変更が取り消されました",
                "The change of where notices go was undone",
            ),
            format!("お知らせの送り先を{what}にする変更が、お知らせのリンクから取り消されました。"),
            format!("That notices go to {what} has been undone by the link in a notice."),
        ),
    };
    let way = match (told.secret, english) {
        (Some(secret), true) => format!(
            "If this was not you, undo it within 72 hours on this page, without signing in:\n{}\nYou can also do it in your wallet ({wallet_origin}), under Settings, Contacts.",
            undo_link(wallet_origin, secret)
        ),
        (Some(secret), false) => format!(
            "お心当たりがなければ、72時間以内に次のページで取り消せます（サインインは不要です）。\n{}\nウォレット（{wallet_origin}）の「設定」→「連絡先」からも行えます。",
            undo_link(wallet_origin, secret)
        ),
        (None, true) => format!(
            "If this was not you, look at Settings, Contacts in your wallet ({wallet_origin}) and contact us."
        ),
        (None, false) => format!(
            "お心当たりがなければ、ウォレット（{wallet_origin}）の「設定」→「連絡先」をご確認のうえ、お問い合わせください。"
        ),
    };
    let text = match english {
        true => format!("Mamori: {when}: {en}\n{way}"),
        false => format!("【Mamori】{when}、{}\n{way}", ja.trim_start()),
    };
    message(told.to, told.locale, subject, text)
}

/// A notice, for one contact.
pub fn notice(words: &Words, contact: &Contact, locale: &str) -> Message {
    let name = if locale == "en" {
        "Mamori: "
    } else {
        "【Mamori】"
    };
    let text = format!("{name}{}\n{}", words.body, words.way);
    message(contact, locale, (&words.subject, &words.subject), text)
}

/// A notice for one browser that takes push: what its lock screen may show, and where its button leads.
pub fn push_notice(
    (kind, words): (&NoticeKind, &Words),
    (browser, page): (&PushId, &str),
    at: Timestamp,
    locale: &str,
) -> Message {
    let urgency = match kind.group {
        Group::Safety => PushUrgency::High,
        Group::Money => PushUrgency::Normal,
    };
    let text = serde_json::json!({
        "kind": kind.word,
        "title": words.subject,
        "body": words.body,
        "lang": locale,
        "at_ms": at.0.div_euclid(1_000),
        "not_me": page,
    });
    let topic = kind.topic.unwrap_or_default();
    Message {
        kind: MessageKind::Push,
        to: URL_SAFE_NO_PAD.encode(browser),
        subject: format!("{} {topic}", urgency.word()).trim_end().to_owned(),
        text: text.to_string(),
    }
}

/// How soon a browser is to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushUrgency {
    Normal,
    High,
}

impl PushUrgency {
    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            PushUrgency::Normal => "normal",
            PushUrgency::High => "high",
        }
    }
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
        let kind = [MessageKind::Sms, MessageKind::Mail, MessageKind::Push]
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
    /// The stable word: `sms`, `mail` or `push`.
    pub const fn word(self) -> &'static str {
        match self {
            MessageKind::Sms => "sms",
            MessageKind::Mail => "mail",
            MessageKind::Push => "push",
        }
    }
}

pub(crate) fn message(
    contact: &Contact,
    locale: &str,
    subject: (&str, &str),
    text: String,
) -> Message {
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
    fn news_of_a_contact_names_it_masked_and_leads_to_the_configured_address_alone() {
        let [phone, mail] = ["090-1234-5678", "sora@example.jp"]
            .map(|text| Contact::parse(text).expect("a contact"));
        let news = [
            ContactNews::Added,
            ContactNews::Removed,
            ContactNews::Preferred,
            ContactNews::PutBack,
            ContactNews::AdditionUndone,
            ContactNews::RemovalUndone,
            ContactNews::PreferenceUndone,
        ];
        let mut texts = std::collections::BTreeSet::new();
        for (news, locale) in news.into_iter().flat_map(|one| [(one, "ja"), (one, "en")]) {
            for (to, secret) in [(&phone, Some([7; 32])), (&mail, None)] {
                let told = Told {
                    to,
                    locale,
                    news,
                    about: &mail,
                    has_settled: true,
                    at: mamori_domain::world::Timestamp::from_seconds(1_795_853_400),
                    secret: secret.as_ref(),
                };
                let Message { text, .. } = contact_news(&told, "https://wallet.example.jp");
                assert!(!text.contains("sora@"), "{text}");
                assert_eq!(text.contains("s***@example.jp"), *to == phone, "{text}");
                assert!(text.contains("17:10"), "{text}");
                let link = "https://wallet.example.jp/undo-contact#BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc\n";
                assert_eq!(text.contains(link), secret.is_some(), "{text}");
                assert!(texts.insert(text), "each says something else");
            }
        }
    }

    #[test]
    fn a_push_message_says_what_a_lock_screen_may_show_and_leads_nowhere_else() {
        let kind = NoticeKind::of("wallet_frozen").expect("a kind");
        let words = Words {
            subject: "停止".into(),
            body: "停止しました".into(),
            way: "https://wallet.example.jp/not-me#AAAA".into(),
        };
        let at = Timestamp::from_seconds(1_795_853_400);
        let Message { subject, text, .. } =
            push_notice((kind, &words), (&[7; 16], "/not-me#AAAA"), at, "ja");
        assert_eq!(subject, "high frozen");
        assert!(
            text.contains("\"not_me\":\"/not-me#AAAA\"") && !text.contains("http"),
            "{text}"
        );
    }
}
