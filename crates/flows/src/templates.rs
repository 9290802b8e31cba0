//! What each notice says, in both languages: the built-in words, what an operator may put in their place, and how they are filled in.
//!
//! A template is a subject (the title of a mail and of a push message) and a text. In braces stand the values that the notice brings,
//! and no others. The line with `{link}` leads to the page where somebody says "this was not me"; push messages leave it out and have a
//! button in its place. A text has no other link, so that no message of ours ever asks for a secret elsewhere.

use mamori_domain::world::Timestamp;
use mamori_registry::{AgentFamily, NoticeFacts};

use crate::japan_time;

/// What a notice is about, for who chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Money,
    Safety,
}

/// A kind of notice.
pub struct NoticeKind {
    /// The stable word, as the outbox has it.
    pub word: &'static str,
    pub group: Group,
    /// Values that its texts may name, beside `{when}` and `{link}`.
    pub values: &'static [&'static str],
    ja: (&'static str, &'static str),
    en: (&'static str, &'static str),
    /// Of several that wait before a browser that is away, the newest of one topic is enough.
    pub topic: Option<&'static str>,
}

/// A subject and a text with values in braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pub subject: String,
    pub text: String,
}

/// Filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    pub subject: String,
    /// Without the lines of the link.
    pub body: String,
    /// The lines with the link.
    pub way: String,
}

/// Why a template cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateProblem {
    /// The subject is empty, of several lines, longer than [`SUBJECT_CHARS_MAX`], or names a value.
    Subject,
    /// The text is empty or longer than [`TEXT_CHARS_MAX`].
    Length,
    /// A value that this notice does not bring, or a brace that is none of a value.
    Value,
    /// `{link}` is missing, or there more than once.
    Link,
    /// Something that a telephone would make a link of.
    OtherLink,
}

pub const SUBJECT_CHARS_MAX: usize = 60;
/// Six SMS in Japanese, the link included.
pub const TEXT_CHARS_MAX: usize = 320;
/// Values of every notice.
const ALWAYS: [&str; 2] = ["when", "link"];

const NOT_ME_JA: &str =
    "お心当たりがなければ、次のページからウォレットをすぐに停止できます。\n{link}";
const NOT_ME_EN: &str = "If this was not you, stop the wallet at once on this page:\n{link}";

macro_rules! kinds {
    ($($group:ident $word:literal [$($value:literal)*] $topic:expr, $ja:literal $ja_text:literal, $en:literal $en_text:literal;)*) => {
        /// Every kind.
        pub const KINDS: &[NoticeKind] = &[$(NoticeKind {
            word: $word,
            group: Group::$group,
            values: &[$($value),*],
            ja: ($ja, $ja_text),
            en: ($en, $en_text),
            topic: $topic,
        }),*];
    };
}

kinds! {
    Money "payment" ["amount" "shop"] None,
        "お支払い {amount}" "{when}、{shop}で{amount}をお支払いになりました。",
        "Paid: {amount}" "{when}: you paid {amount} at {shop}.";
    Money "hold" ["amount" "shop"] None,
        "お支払いの予約 {amount}" "{when}、{shop}で{amount}の支払いを予約しました。金額は後で確定します。",
        "Reserved: {amount}" "{when}: {shop} has set {amount} aside; what you pay is settled later.";
    Money "refund" ["amount" "shop"] None,
        "返金 {amount}" "{when}、{shop}から{amount}の返金がありました。",
        "Refund: {amount}" "{when}: {shop} gave {amount} back.";
    Money "top_up" ["amount"] None,
        "チャージ {amount}" "{when}、ウォレットに{amount}をチャージしました。",
        "Top-up: {amount}" "{when}: {amount} was added to your wallet.";
    Safety "payment_refused" [] None,
        "停止中のウォレットに支払いの要求がありました" "{when}、停止中のウォレットに支払いの要求があり、お断りしました。",
        "A payment was refused" "{when}: somebody asked for a payment from your wallet, which is stopped. It was refused.";
    Safety "sign_in_device" ["device"] None,
        "新しい端末からサインインがありました" "{when}、新しい端末（{device}）からウォレットにサインインがありました。",
        "A sign-in from a new device" "{when}: somebody signed in to your wallet from a new device ({device}).";
    Safety "sign_in_place" ["device"] None,
        "新しい場所からサインインがありました" "{when}、いつもと違うネットワークからウォレットにサインインがありました（{device}）。",
        "A sign-in from a new place" "{when}: somebody signed in to your wallet from a new network ({device}).";
    Safety "wallet_frozen" [] Some("frozen"),
        "ウォレットを停止しました" "{when}、ウォレットのお支払いを停止しました。再開はウォレットの画面から、ご本人の確認をして行えます。",
        "Your wallet is frozen" "{when}: payments from your wallet are stopped. You can start them again in the wallet; it will make sure that it is you.";
    Safety "wallet_unfrozen" [] Some("frozen"),
        "ウォレットを再開しました" "{when}、ウォレットのお支払いを再開しました。",
        "Your wallet works again" "{when}: payments from your wallet work again.";
    Safety "credential_bound" [] None,
        "サインインの方法が追加されました" "{when}、ウォレットにサインインの方法（パスキーまたはパスワード・認証アプリ）が追加されました。",
        "A way to sign in was added" "{when}: a way to sign in (a passkey, or password and codes) was added to your wallet.";
    Safety "credential_revoked" [] None,
        "サインインの方法が削除されました" "{when}、ウォレットからサインインの方法（パスキーまたはパスワード・認証アプリ）が削除されました。",
        "A way to sign in was removed" "{when}: a way to sign in (a passkey, or password and codes) was removed from your wallet.";
    Safety "device_bound" [] Some("device"),
        "お支払いの端末が変わりました" "{when}、お支払いに使う端末が変わりました。前の端末ではコードを表示できません。",
        "Your wallet pays from another device" "{when}: your wallet pays from another device now; the one before shows no code any more.";
    Safety "device_unbound" [] Some("device"),
        "お支払いの端末の登録を外しました" "{when}、お支払いに使う端末の登録が外れました。",
        "Your wallet's device was taken off" "{when}: the device that your wallet paid from was taken off it.";
    Safety "push_added" ["device"] None,
        "プッシュ通知が有効になりました" "{when}、{device}でウォレットのプッシュ通知が有効になりました。",
        "Push notices are on" "{when}: {device} gets notices of your wallet now.";
    Safety "try_out" [] Some("try"),
        "お知らせのテスト" "{when}、ウォレットの設定からお試しのお知らせをお送りしました。",
        "A notice to try" "{when}: you asked for this notice in the settings of your wallet.";
}

impl NoticeKind {
    /// The kind of a word; None for one that has no words.
    pub fn of(word: &str) -> Option<&'static NoticeKind> {
        KINDS.iter().find(|kind| kind.word == word)
    }

    /// Every value that its texts may name.
    pub fn named_values(&self) -> impl Iterator<Item = &'static str> {
        ALWAYS.into_iter().chain(self.values.iter().copied())
    }

    /// What it says unless an operator has put something else in its place.
    pub fn built_in(&self, locale: &str) -> Template {
        let ((subject, text), way) = match locale {
            "en" => (self.en, NOT_ME_EN),
            _ => (self.ja, NOT_ME_JA),
        };
        Template {
            subject: subject.to_owned(),
            text: format!("{text}\n{way}"),
        }
    }

    /// The name of its words in a language, in the registry.
    pub fn slot(&self, locale: &str) -> String {
        format!("{}.{locale}", self.word)
    }

    fn knows(&self, value: &str) -> bool {
        ALWAYS.contains(&value) || self.values.contains(&value)
    }

    /// Whether a template can be used for this kind.
    pub fn check(&self, template: &Template) -> Result<(), TemplateProblem> {
        let Template { subject, text } = template;
        let chars = subject.chars().count();
        if subject.trim().is_empty()
            || chars > SUBJECT_CHARS_MAX
            || subject.chars().any(char::is_control)
        {
            return Err(TemplateProblem::Subject);
        }
        let is_other_control = |letter: char| letter.is_control() && letter != '\n';
        if text.trim().is_empty()
            || text.chars().count() > TEXT_CHARS_MAX
            || text.chars().any(is_other_control)
        {
            return Err(TemplateProblem::Length);
        }
        for part in [subject, text] {
            let named = values_of(part).ok_or(TemplateProblem::Value)?;
            if !named.iter().all(|value| self.knows(value)) {
                return Err(TemplateProblem::Value);
            }
        }
        if subject.contains("{link}") || text.matches("{link}").count() != 1 {
            return Err(TemplateProblem::Link);
        }
        if looks_like_a_link(subject) || looks_like_a_link(text) {
            return Err(TemplateProblem::OtherLink);
        }
        Ok(())
    }
}

/// The values that a text names; None where a brace stands alone.
fn values_of(text: &str) -> Option<Vec<&str>> {
    let mut named = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let inside = rest[at..].strip_prefix('{')?;
        let (value, behind) = inside.split_once('}')?;
        if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return None;
        }
        named.push(value);
        rest = behind;
    }
    Some(named)
}

/// What programs that show messages make links of: anything with a scheme, and names with a dot between letters.
fn looks_like_a_link(text: &str) -> bool {
    let folded: String = text
        .chars()
        .map(|letter| match letter {
            '．' | '。' | '｡' => '.',
            '：' => ':',
            '／' => '/',
            '＠' => '@',
            'Ａ'..='Ｚ' | 'ａ'..='ｚ' | '０'..='９' => {
                char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter)
            }
            other => other,
        })
        .collect();
    let letters: Vec<char> = folded.chars().collect();
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let dotted = letters
        .windows(3)
        .any(|around| around[1] == '.' && is_name(around[0]) && around[2].is_ascii_alphabetic());
    dotted
        || folded.contains("//")
        || folded.contains('@')
        || folded.to_ascii_lowercase().contains("www.")
}

/// What a notice brings.
pub struct Values<'a> {
    pub facts: &'a NoticeFacts,
    /// How often it happened.
    pub times: u32,
    /// Of whom it is asked for.
    pub shop: Option<&'a str>,
    /// Where somebody says that it was not them.
    pub link: &'a str,
}

/// Fills a template in.
pub fn fill(template: &Template, values: &Values, locale: &str) -> Words {
    let english = locale == "en";
    let value = |name: &str| match name {
        "when" => japan_time::in_words(values.facts.at, locale),
        "link" => values.link.to_owned(),
        "amount" => amount(values.facts.amount.unwrap_or(0), english),
        "shop" => match values.shop {
            Some(shop) => shop.to_owned(),
            None if english => "shops".to_owned(),
            None => "お店".to_owned(),
        },
        "device" => device(values, english),
        _ => String::new(),
    };
    let filled = |text: &str| {
        let names = ["when", "amount", "shop", "device", "link"];
        // One pass: what a value brings is not filled in again.
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, inside)) = rest.split_once('{') {
            out.push_str(before);
            match inside.split_once('}') {
                Some((name, behind)) if names.contains(&name) => {
                    out.push_str(&value(name));
                    rest = behind;
                }
                _ => {
                    out.push('{');
                    rest = inside;
                }
            }
        }
        out + rest
    };
    let lines: Vec<&str> = template.text.lines().collect();
    // The line before the link leads to it and goes along.
    let link_at = lines
        .iter()
        .position(|line| line.contains("{link}"))
        .unwrap_or(lines.len());
    let way_from = match link_at {
        0 | 1 => link_at,
        _ if link_at == lines.len() => link_at,
        _ => link_at - 1,
    };
    let mut body = filled(&lines[..way_from].join("\n"));
    if values.times > 1 {
        body += &match english {
            true => format!(" (This has happened {} times.)", values.times),
            false => format!("（{}回分のお知らせです）", values.times),
        };
    }
    Words {
        subject: filled(&template.subject),
        body,
        way: filled(&lines[way_from..].join("\n")),
    }
}

fn amount(yen: u64, english: bool) -> String {
    let digits = yen.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match english {
        true => format!("¥{grouped}"),
        false => format!("{grouped}円"),
    }
}

/// The family of browsers, as its makers call it.
fn device(values: &Values, english: bool) -> String {
    let word = values.facts.agent.map_or("unknown", AgentFamily::word);
    let name = match (word, english) {
        ("safari_phone", true) => "Safari (phone)",
        ("safari_phone", false) => "Safari（スマートフォン）",
        ("chrome_phone", true) => "Chrome (phone)",
        ("chrome_phone", false) => "Chrome（スマートフォン）",
        ("safari", _) => "Safari",
        ("chrome", _) => "Chrome",
        ("firefox", _) => "Firefox",
        ("edge", _) => "Edge",
        ("samsung", _) => "Samsung Internet",
        (_, true) => "another browser",
        (_, false) => "その他のブラウザー",
    };
    name.to_owned()
}

/// What a preview shows.
pub fn sample(at: Timestamp) -> NoticeFacts {
    NoticeFacts {
        amount: Some(1_200),
        agent: Some(AgentFamily::Chrome),
        ..NoticeFacts::of(mamori_domain::ids::WalletId(1), at)
    }
}

/// SMS that a text takes: 70 letters each, or 67 where there are several; 160 and 153 where all are of the Latin alphabet of telephones.
pub fn sms_parts(text: &str) -> usize {
    let units = text.encode_utf16().count();
    let (alone, each) =
        match text.is_ascii() && !text.contains(['`', '\\', '^', '{', '}', '[', ']', '~', '|']) {
            true => (160, 153),
            false => (70, 67),
        };
    if units <= alone {
        1
    } else {
        units.div_ceil(each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_seconds(1_795_853_400);
    const LINK: &str = "https://wallet.example.jp/not-me#AAAA";

    fn words(kind: &NoticeKind, locale: &str, times: u32) -> Words {
        let values = Values {
            facts: &sample(AT),
            times,
            shop: Some("まもりマート 渋谷店"),
            link: LINK,
        };
        fill(&kind.built_in(locale), &values, locale)
    }

    #[test]
    fn every_notice_says_something_else_in_both_languages_and_leads_to_its_page() {
        let mut texts = std::collections::BTreeSet::new();
        for (kind, locale) in KINDS.iter().flat_map(|kind| [(kind, "ja"), (kind, "en")]) {
            assert_eq!(
                kind.check(&kind.built_in(locale)),
                Ok(()),
                "{} {locale}",
                kind.word
            );
            let words = words(kind, locale, 1);
            assert!(words.way.ends_with(LINK), "{words:?}");
            assert!(
                !words.body.contains("http") && !words.body.contains('{'),
                "{words:?}"
            );
            assert!(
                texts.insert(words.body),
                "{} says what another says",
                kind.word
            );
        }
    }

    #[test]
    fn a_payment_names_amount_and_shop_and_no_balance() {
        let payment = NoticeKind::of("payment").expect("a kind");
        let ja = words(payment, "ja", 1);
        assert_eq!(ja.subject, "お支払い 1,200円");
        assert_eq!(
            ja.body,
            "11月28日 17:10、まもりマート 渋谷店で1,200円をお支払いになりました。"
        );
        let en = words(payment, "en", 3);
        assert!(
            en.body.ends_with("(This has happened 3 times.)"),
            "{}",
            en.body
        );
        assert!(!payment.values.contains(&"balance"));
    }

    #[test]
    fn a_template_brings_no_link_of_its_own_and_no_value_that_the_notice_does_not_have() {
        let kind = NoticeKind::of("top_up").expect("a kind");
        let check = |subject: &str, text: &str| {
            kind.check(&Template {
                subject: subject.into(),
                text: text.into(),
            })
        };
        assert_eq!(
            check("チャージ", "{amount}をチャージしました。\n{link}"),
            Ok(())
        );
        assert_eq!(
            check("Top-up", "You added {amount}. Thank you.\n{link}"),
            Ok(())
        );
        for (subject, text, problem) in [
            ("", "x {link}", TemplateProblem::Subject),
            ("a\nb", "x {link}", TemplateProblem::Subject),
            ("{link}", "x {link}", TemplateProblem::Link),
            ("a", "", TemplateProblem::Length),
            (
                "a",
                &"あ".repeat(TEXT_CHARS_MAX + 1),
                TemplateProblem::Length,
            ),
            ("a", "{shop} {link}", TemplateProblem::Value),
            ("a", "{balance} {link}", TemplateProblem::Value),
            ("a", "{ {link}", TemplateProblem::Value),
            ("a", "} {link}", TemplateProblem::Value),
            ("a", "no link", TemplateProblem::Link),
            ("a", "{link} {link}", TemplateProblem::Link),
            (
                "a",
                "https://evil.example/ {link}",
                TemplateProblem::OtherLink,
            ),
            ("a", "evil.example {link}", TemplateProblem::OtherLink),
            (
                "a",
                "ｅｖｉｌ．ｅｘａｍｐｌｅ {link}",
                TemplateProblem::OtherLink,
            ),
            ("a", "help@evil {link}", TemplateProblem::OtherLink),
            ("evil.example", "x {link}", TemplateProblem::OtherLink),
        ] {
            assert_eq!(check(subject, text), Err(problem), "{subject:?} {text:?}");
        }
    }

    #[test]
    fn what_a_shop_is_called_is_not_filled_in_again() {
        let values = Values {
            facts: &sample(AT),
            times: 1,
            shop: Some("{link} {amount}"),
            link: LINK,
        };
        let kind = NoticeKind::of("payment").expect("a kind");
        let words = fill(&kind.built_in("en"), &values, "en");
        assert!(words.body.contains("{link} {amount}"), "{}", words.body);
    }

    #[test]
    fn parts_of_an_sms_are_counted_as_operators_pay_for_them() {
        assert_eq!(sms_parts("a"), 1);
        assert_eq!(sms_parts(&"a".repeat(160)), 1);
        assert_eq!(sms_parts(&"a".repeat(161)), 2);
        assert_eq!(sms_parts(&"あ".repeat(70)), 1);
        assert_eq!(sms_parts(&"あ".repeat(71)), 2);
        assert_eq!(sms_parts(&"あ".repeat(135)), 3);
    }
}
