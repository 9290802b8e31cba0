//! Letters about the way back in: to every contact, at the beginning, while it waits, and at the end.
//!
//! They lead to the configured address alone, and ask for nothing: whoever reads one can stop what it tells of, and never go on with it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_registry::outbox::Letter;
use mamori_registry::{AgentFamily, Contact, RecoveryNews, RecoveryTold, UndoSecret};

use crate::japan_time;
use crate::messages::{Message, message};

/// The page that stops a recovery or takes it back, with its secret behind the `#`, where it is in no request and no log.
pub fn undo_link(wallet_origin: &str, secret: &UndoSecret) -> String {
    format!(
        "{wallet_origin}/undo-recovery#{}",
        URL_SAFE_NO_PAD.encode(secret)
    )
}

/// The message with a one-time code that proves a contact during a recovery. It says what the code does: somebody may be asked for it.
pub fn code(contact: &Contact, locale: &str, code: &str, host: &str) -> Message {
    let text = match locale {
        "en" => format!(
            "Mamori: your code is {code}. With it somebody who cannot sign in proves this contact, to recover your wallet. It works for 10 minutes. If that is not you, give it to nobody: without it nothing happens."
        ),
        _ => format!(
            "【Mamori】確認コードは {code} です。サインインできない方が、ウォレットを復旧するための確認です（10分間有効）。お心当たりがなければ、だれにも教えないでください。コードがなければ何も起こりません。"
        ),
    };
    let text = match contact.kind() {
        mamori_registry::ContactKind::Phone => format!("{text}\n\n@{host} #{code}"),
        mamori_registry::ContactKind::Mail => text,
    };
    message(
        contact,
        locale,
        ("復旧の確認コード", "Your code for recovery"),
        text,
    )
}

/// What became of a recovery.
pub fn news(told: &RecoveryTold, wallet_origin: &str) -> Message {
    let english = told.locale == "en";
    let when = japan_time::in_words(told.at, told.locale);
    let opens = told
        .opens_at
        .map(|at| japan_time::in_words(at, told.locale));
    let browser = browser_word(told.agent, english);
    let (subject, ja, en) = match told.news {
        RecoveryNews::Begun => (
            ("ウォレットの復旧が始まりました", "A recovery of your wallet has begun"),
            match &opens {
                None => format!("{browser}で、ウォレットの復旧が始まりました。まだ何も変わっていません。"),
                Some(opens) => format!("{browser}で、ウォレットの復旧が始まりました。{opens}から、新しいサインイン方法を作れるようになります。"),
            },
            match &opens {
                None => format!("a recovery of your wallet has begun in {browser}. Nothing has changed yet."),
                Some(opens) => format!("a recovery of your wallet has begun in {browser}. From {opens} on it can make a new way to sign in."),
            },
        ),
        RecoveryNews::Complete => {
            let opens = opens.unwrap_or_default();
            (
                ("ウォレットの復旧が進んでいます", "A recovery of your wallet goes on"),
                format!("ウォレットの復旧に必要な確認がそろいました。{opens}から、新しいサインイン方法を作れるようになります。"),
                format!("everything that a recovery of your wallet needs was proven. From {opens} on it can make a new way to sign in."),
            )
        }
        RecoveryNews::Opened => (
            ("復旧の待ち時間が終わりました", "The wait of a recovery is over"),
            "ウォレットの復旧の待ち時間が終わり、新しいサインイン方法を作れるようになりました。".to_owned(),
            "the wait is over: the recovery of your wallet can make a new way to sign in now.".to_owned(),
        ),
        RecoveryNews::Done => (
            ("ウォレットが復旧されました", "Your wallet was recovered"),
            format!("{browser}で、新しいサインイン方法が作られました。前の方法ではサインインできません。ほかの端末はすべてサインアウトしました。"),
            format!("a new way to sign in was made in {browser}. Those before sign nobody in any more, and every other device is signed out."),
        ),
        RecoveryNews::Stopped => (
            ("ウォレットの復旧を中止しました", "A recovery was stopped"),
            "ウォレットの復旧を中止しました。何も変わっていません。".to_owned(),
            "the recovery of your wallet was stopped. Nothing has changed.".to_owned(),
        ),
        RecoveryNews::Undone => (
            ("復旧を取り消し、ウォレットを停止しました", "The recovery was undone and your wallet is frozen"),
            "ウォレットの復旧を取り消しました。前のサインイン方法に戻し、念のためお支払いを停止しています。サインインして再開してください。".to_owned(),
            "the recovery of your wallet was undone. The ways to sign in of before work again, and payments are stopped to be safe. Sign in to start them again.".to_owned(),
        ),
        RecoveryNews::Overdue => (
            ("ウォレットの復旧が期限切れになりました", "A recovery has run out"),
            "ウォレットの復旧は、7日以内に終わらなかったため期限切れになりました。何も変わっていません。".to_owned(),
            "a recovery of your wallet did not end within 7 days and has run out. Nothing has changed.".to_owned(),
        ),
        RecoveryNews::CodesMade => (
            ("回復コードを作成しました", "Recovery codes were made"),
            "新しい回復コードが作成されました。前のコードは使えません。".to_owned(),
            "new recovery codes were made for your wallet. Those before do not work any more.".to_owned(),
        ),
        RecoveryNews::TrustedAdded => (
            ("信頼する人が追加されました", "A trusted person was added"),
            "復旧を手伝える「信頼する人」が追加されました。72時間後から手伝えるようになります。".to_owned(),
            "somebody was added who may help you to recover your wallet. Their word counts after 72 hours.".to_owned(),
        ),
        RecoveryNews::TrustedRemoved => (
            ("信頼する人が外れました", "A trusted person was removed"),
            "復旧を手伝える「信頼する人」が1人外れました。".to_owned(),
            "somebody who could help you to recover your wallet was removed.".to_owned(),
        ),
    };
    let way = match (told.secret, english) {
        (Some(secret), true) => format!(
            "If this was not you, stop it on this page, without signing in:\n{}",
            undo_link(wallet_origin, secret)
        ),
        (Some(secret), false) => format!(
            "お心当たりがなければ、次のページで止められます（サインインは不要です）。\n{}",
            undo_link(wallet_origin, secret)
        ),
        (None, true) => format!(
            "If you know nothing of this, look at Settings, Recovery in your wallet ({wallet_origin}) and contact us."
        ),
        (None, false) => format!(
            "お心当たりがなければ、ウォレット（{wallet_origin}）の「設定」→「復旧の準備」をご確認のうえ、お問い合わせください。"
        ),
    };
    let text = match english {
        true => format!("Mamori: {when}: {en}\n{way}"),
        false => format!("【Mamori】{when}、{ja}\n{way}"),
    };
    message(told.to, told.locale, subject, text)
}

/// As the outbox takes it.
pub(crate) fn letter(told: &RecoveryTold, wallet_origin: &str) -> Letter {
    let message = news(told, wallet_origin);
    Letter {
        kind: message.kind.word(),
        content: message.to_bytes(),
    }
}

fn browser_word(agent: AgentFamily, english: bool) -> &'static str {
    match (agent, english) {
        (AgentFamily::SafariPhone, true) => "Safari on an iPhone",
        (AgentFamily::SafariPhone, false) => "iPhoneのSafari",
        (AgentFamily::ChromePhone, true) => "Chrome on a phone",
        (AgentFamily::ChromePhone, false) => "スマートフォンのChrome",
        (AgentFamily::Safari, _) => "Safari",
        (AgentFamily::Chrome, _) => "Chrome",
        (AgentFamily::Firefox, _) => "Firefox",
        (AgentFamily::Edge, _) => "Edge",
        (AgentFamily::Samsung, _) => "Samsung Internet",
        (_, true) => "a browser",
        (_, false) => "ほかの端末",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mamori_domain::world::Timestamp;

    const NEWS: [RecoveryNews; 10] = [
        RecoveryNews::Begun,
        RecoveryNews::Complete,
        RecoveryNews::Opened,
        RecoveryNews::Done,
        RecoveryNews::Stopped,
        RecoveryNews::Undone,
        RecoveryNews::Overdue,
        RecoveryNews::CodesMade,
        RecoveryNews::TrustedAdded,
        RecoveryNews::TrustedRemoved,
    ];

    #[test]
    fn a_letter_says_what_and_when_and_leads_to_the_configured_address_alone() {
        let mail = Contact::parse("sora@example.jp").expect("a contact");
        let mut texts = std::collections::BTreeSet::new();
        for (one, locale) in NEWS.into_iter().flat_map(|one| [(one, "ja"), (one, "en")]) {
            for secret in [Some([7; 32]), None] {
                let told = RecoveryTold {
                    to: &mail,
                    locale,
                    news: one,
                    agent: AgentFamily::SafariPhone,
                    at: Timestamp::from_seconds(1_795_853_400),
                    opens_at: Some(Timestamp::from_seconds(1_795_939_800)),
                    secret: secret.as_ref(),
                };
                let Message { text, .. } = news(&told, "https://wallet.example.jp");
                assert!(text.contains("17:10"), "{text}");
                let link = "https://wallet.example.jp/undo-recovery#BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
                assert_eq!(text.contains(link), secret.is_some(), "{text}");
                assert!(texts.insert(text), "each says something else");
            }
        }
    }
}
