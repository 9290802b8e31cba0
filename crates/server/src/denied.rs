//! What flows and rules deny, in words for the person who stands there.

use mamori_api::refusal_text::refusal_text;
use mamori_domain::refusal::Refusal;
use mamori_flows::templates::TemplateProblem;
use mamori_flows::{Denied, Stop};

use crate::answer::{Denial, Words};

/// The one answer to every credential that is not accepted.
pub const PASSKEY_REFUSED: Words = Words {
    code: "passkey_refused",
    ja: "パスキーを確認できませんでした。もう一度お試しください。",
    en: "The passkey could not be verified. Please try again.",
};

/// There is no passkey of this id, and there never will be: the browser may forget it. Said of an id that the browser itself has shown;
/// of the account that it opened, if there was one, it tells nothing.
pub const PASSKEY_UNKNOWN: Words = Words {
    code: "passkey_unknown",
    ja: "このパスキーは、ここではもう使えません。別のパスキーでサインインしてください。",
    en: "This passkey does not work here any more. Please sign in with another one.",
};

/// The customer has as many passkeys as one may have.
pub const TOO_MANY_PASSKEYS: Words = Words {
    code: "too_many_passkeys",
    ja: "パスキーは10個までです。使わないものを先に削除してください。",
    en: "You can have at most 10 passkeys. Remove one that you do not use first.",
};

/// More passkeys were made within the hour than anybody needs.
pub const PASSKEYS_TOO_OFTEN: Words = Words {
    code: "passkeys_too_often",
    ja: "パスキーの追加が続いています。1時間ほどおいてからお試しください。",
    en: "Too many passkeys were added in a short time. Please try again in about an hour.",
};

/// Without it nobody could enter the account any more.
pub const LAST_FACTOR: Words = Words {
    code: "last_factor",
    ja: "これは最後のパスキーです。削除すると、だれもこのウォレットに入れなくなります。先に別のパスキーを追加してください。",
    en: "This is your last passkey. Without it nobody could enter this wallet any more. Please add another one first.",
};

/// The contact got three codes within the hour.
pub const CODE_SENT_TOO_OFTEN: Words = Words {
    code: "code_sent_too_often",
    ja: "この連絡先へのコード送信回数の上限に達しました。1時間ほどおいてからお試しください。",
    en: "Too many codes were sent to this contact. Please try again in about an hour.",
};

/// More people sign up than can be let in at once.
pub const SIGN_UPS_CROWDED: Words = Words {
    code: "sign_ups_crowded",
    ja: "新規登録が混み合っています。少し待ってから、もう一度お試しください。",
    en: "Many people are signing up right now. Please wait a moment, then try again.",
};

/// The hour's messages are gone, or this network had its share of them.
pub const MESSAGES_USED_UP: Words = Words {
    code: "messages_used_up",
    ja: "コードの送信が混み合っています。時間をおいてお試しになるか、別の連絡先（携帯電話・メール）をお使いください。",
    en: "Too many codes are being sent right now. Please try again later, or use another contact (mobile phone or mail).",
};
/// Where only the registry knows that they are gone: it counts over an hour.
const MESSAGES_USED_UP_SECONDS: u32 = 600;

/// The house sends no SMS to this country.
pub const COUNTRY_NOT_SERVED: Words = Words {
    code: "country_not_served",
    ja: "この国の電話番号にはSMSをお送りできません。メールアドレスをお試しください。",
    en: "We cannot send text messages to numbers of this country. Please try a mail address.",
};

/// The browser did not prove a key of its own: without one its cookie could be stolen and used elsewhere.
pub const DEVICE_NOT_PROVEN: Words = Words {
    code: "device_not_proven",
    ja: "この端末を確認できませんでした。ページを読み込み直して、もう一度お試しください。",
    en: "This device could not be checked. Please load the page again and try once more.",
};

/// A password and a code are no way to pay from another device.
pub const PASSKEY_NEEDED: Words = Words {
    code: "passkey_needed",
    ja: "この操作にはパスキーが必要です。いままでの端末で承認するか、先にパスキーを追加してください。",
    en: "This needs a passkey. Approve it on the device before, or add a passkey first.",
};

/// A passkey is made without another proof only right after a sign-in by password, where there is none and the wallet pays from.
pub const NOTHING_TO_OFFER: Words = Words {
    code: "nothing_to_offer",
    ja: "パスキーは「設定」の「パスキー」から追加できます。",
    en: "You can add a passkey in the settings, under “Passkeys”.",
};

/// The question of another device is answered, withdrawn or older than five minutes.
pub const ASK_OVER: Words = Words {
    code: "ask_over",
    ja: "この確認は終わっています。新しい端末で、もう一度お試しください。",
    en: "This question is over. Please ask again on the new device.",
};

/// Another number than the one that the new device shows.
pub const NUMBER_WRONG: Words = Words {
    code: "number_wrong",
    ja: "番号が違うため、許可しませんでした。お心当たりがなければ、すぐにウォレットを停止してください。",
    en: "That is not the number: nothing was allowed. If it was not you who asked, freeze the wallet at once.",
};

/// The one-time code is wrong.
pub const CODE_WRONG: Words = Words {
    code: "code_wrong",
    ja: "コードが違います。もう一度ご確認ください。",
    en: "That code is not right. Please check it again.",
};

/// The one-time code is too old.
pub const CODE_EXPIRED: Words = Words {
    code: "code_expired",
    ja: "コードの有効期限が切れました。新しいコードを受け取ってください。",
    en: "The code has expired. Please get a new one.",
};

/// Five wrong codes, or one right one before.
pub const CODE_SPENT: Words = Words {
    code: "code_spent",
    ja: "このコードはもう使えません。新しいコードを受け取ってください。",
    en: "This code cannot be used any more. Please get a new one.",
};

/// Another sign-up with the same contact was faster. Said only to the visitor who has proven the contact.
pub const CONTACT_TAKEN: Words = Words {
    code: "contact_taken",
    ja: "この連絡先はすでに登録されています。サインインしてください。",
    en: "This contact is registered already. Please sign in.",
};

/// The one answer to a sign-in by password that is not accepted, whatever was wrong with it.
pub const SIGN_IN_REFUSED: Words = Words {
    code: "sign_in_refused",
    ja: "サインインできませんでした。連絡先・パスワード・認証アプリの新しいコードを、もう一度ご確認ください。",
    en: "That did not sign you in. Please check contact and password, and type a new code of your authenticator app.",
};

/// Too many failures in a row.
pub const SIGN_IN_WAITS: Words = Words {
    code: "sign_in_waits",
    ja: "間違いが続いたため、しばらく受け付けません。時間をおいてお試しください。パスキーがあれば、パスキーではいつでもサインインできます。",
    en: "After several failures we wait for a while. Please try again later. With a passkey you can sign in at any time.",
};

/// The page of a sign-in, or of setting codes up, was open for too long.
pub const SIGN_IN_EXPIRED: Words = Words {
    code: "sign_in_expired",
    ja: "時間が経ちすぎました。はじめからやり直してください。",
    en: "This took too long. Please start again.",
};

/// A password has too few characters.
pub const PASSWORD_TOO_SHORT: Words = Words {
    code: "password_too_short",
    ja: "パスワードは8文字以上にしてください。",
    en: "A password needs at least 8 characters.",
};

/// A password has too many characters: none of them would be cut.
pub const PASSWORD_TOO_LONG: Words = Words {
    code: "password_too_long",
    ja: "パスワードは256文字までにしてください。",
    en: "A password has at most 256 characters.",
};

/// A password is a name, a contact, or what the service is called.
pub const PASSWORD_ABOUT_YOU: Words = Words {
    code: "password_about_you",
    ja: "お名前・連絡先・サービス名だけのパスワードは、推測されやすいため使えません。別のものにしてください。",
    en: "A password that is only your name, your contact or our name is easy to guess. Please choose another.",
};

/// A password is one of the most common ones.
pub const PASSWORD_COMMON: Words = Words {
    code: "password_common",
    ja: "よく使われているパスワードのため、使えません。別のものにしてください。",
    en: "Many people use this password, so it is the first that is tried. Please choose another.",
};

/// A password stands in a list of leaked ones.
pub const PASSWORD_LEAKED: Words = Words {
    code: "password_leaked",
    ja: "ほかのサービスから流出したことのあるパスワードのため、使えません。別のものにしてください。",
    en: "This password has leaked from some other service. Please choose another.",
};

/// What remains when it is gone opens nothing.
pub const LAST_WAY_IN: Words = Words {
    code: "last_way_in",
    ja: "最後のサインイン方法は外せません。先にパスキーを追加してください。",
    en: "This is your only way to sign in. Please add a passkey first.",
};

/// The one answer to whatever is wrong with what a provider of external IDs, or the browser in its name, has said.
pub const EXTERNAL_ID_REFUSED: Words = Words {
    code: "external_id_refused",
    ja: "外部IDを確認できませんでした。はじめからやり直してください。",
    en: "The external ID could not be confirmed. Please start again.",
};

/// The provider does not answer.
pub const EXTERNAL_ID_SILENT: Words = Words {
    code: "external_id_silent",
    ja: "外部IDのサービスから応答がありません。少し待ってから、もう一度お試しください。",
    en: "The external ID service does not answer. Please wait a moment and try again.",
};

/// An external ID signs in together with a code of the authenticator app, and there is none.
pub const EXTERNAL_ID_NEEDS_CODES: Words = Words {
    code: "external_id_needs_codes",
    ja: "外部IDは、認証アプリのコードといっしょに使います。先に「パスワードと認証アプリ」を設定してください。",
    en: "An external ID works together with the codes of an authenticator app. Please set up “Password and authenticator app” first.",
};

/// Said only to whoever has just proven the account to be theirs.
pub const EXTERNAL_ID_TAKEN: Words = Words {
    code: "external_id_taken",
    ja: "この外部IDは、ほかのウォレットに連携されています。",
    en: "This external ID is linked to another wallet.",
};

/// One account of each provider.
pub const EXTERNAL_ID_LINKED: Words = Words {
    code: "external_id_linked",
    ja: "このサービスの外部IDは、すでに連携されています。別のIDにするには、先に解除してください。",
    en: "You have linked an ID of this service already. To use another one, unlink it first.",
};

/// The contact is one of the customer's own, or was until less than 72 hours ago.
pub const CONTACT_YOURS: Words = Words {
    code: "contact_yours",
    ja: "この連絡先は、すでに登録されています。削除して72時間以内のときは、一覧から元に戻せます。",
    en: "You have this contact already. If you removed it less than 72 hours ago, put it back from the list.",
};

/// Another wallet was faster. Said only to the customer who has proven the contact.
pub const CONTACT_ELSEWHERE: Words = Words {
    code: "contact_elsewhere",
    ja: "この連絡先は、ほかのウォレットで使われています。",
    en: "This contact is used by another wallet.",
};

/// The customer has as many contacts as one may have.
pub const TOO_MANY_CONTACTS: Words = Words {
    code: "too_many_contacts",
    ja: "連絡先は5件までです。削除した連絡先も、72時間は1件に数えます。",
    en: "You can have at most 5 contacts. One that you removed counts for another 72 hours.",
};

/// Without this contact the customer could not be reached.
pub const LAST_CONTACT: Words = Words {
    code: "last_contact",
    ja: "最後の連絡先は削除できません。先に別の連絡先を追加してください。",
    en: "The last contact cannot be removed. Add another one first.",
};

/// The customer changed contacts too often within a day.
pub const CONTACT_CHANGES_USED_UP: Words = Words {
    code: "contact_changes_used_up",
    ja: "連絡先の変更は1日に10回までです。明日もう一度お試しください。",
    en: "Contacts can be changed 10 times a day. Please try again tomorrow.",
};

/// The customer asked for ten codes within the hour.
pub const CONTACT_CODES_USED_UP: Words = Words {
    code: "contact_codes_used_up",
    ja: "連絡先の確認コードは1時間に10回までお送りできます。しばらくしてからお試しください。",
    en: "We send at most 10 codes an hour for new contacts. Please try again later.",
};

/// The secret of a letter is unknown, used or too old: not told apart.
pub const UNDO_LINK_REFUSED: Words = Words {
    code: "undo_link_refused",
    ja: "このリンクは使えません。すでに使われたか、72時間を過ぎています。ウォレットの連絡先のページをご確認ください。",
    en: "This link cannot be used. It was used already, or is older than 72 hours. Please look at the contacts in your wallet.",
};

/// Too many freeze codes were typed from here, or in all.
pub const FREEZE_CODES_WAIT: Words = Words {
    code: "freeze_codes_wait",
    ja: "停止コードの入力が続いています。1分後にもう一度お試しください。お急ぎのときは、お店の窓口か電話でも停止できます。",
    en: "Too many freeze codes were entered. Please try again in a minute. If it is urgent, our staff can stop the wallet too.",
};

/// The link of a notice is none of ours, was used, or is too old: not told apart.
pub const NOTICE_LINK_REFUSED: Words = Words {
    code: "notice_link_refused",
    ja: "このリンクは使えません。すでに使われたか、7日を過ぎています。ウォレットがまだ動いているときは、アプリの「停止」か、停止コードで止めてください。",
    en: "This link cannot be used. It was used already, or is older than 7 days. If the wallet still works, stop it in the app or with a freeze code.",
};

/// Without this way the customer would not hear of what touches safety.
pub const LAST_WAY: Words = Words {
    code: "last_way",
    ja: "安全に関するお知らせの、最後の受け取り方です。先に連絡先を追加してください。",
    en: "This is the last way to reach you about safety. Please add a contact first.",
};

/// The subject of a notice cannot be used.
pub const TEMPLATE_SUBJECT: Words = Words {
    code: "template_subject",
    ja: "件名は1行、60文字までで入力してください。",
    en: "The subject is one line of at most 60 characters.",
};

/// The text of a notice is empty or too long.
pub const TEMPLATE_LENGTH: Words = Words {
    code: "template_length",
    ja: "本文は320文字までで入力してください。",
    en: "The text has at most 320 characters.",
};

/// A value that the notice does not bring.
pub const TEMPLATE_VALUE: Words = Words {
    code: "template_value",
    ja: "このお知らせでは使えない項目があります。波かっこの中は、一覧にある項目だけです。",
    en: "This notice does not bring one of these values. In braces stand only those of the list.",
};

/// The link to the page where somebody says that it was not them.
pub const TEMPLATE_LINK: Words = Words {
    code: "template_link",
    ja: "本文には{link}を1か所だけ入れてください。件名には入れられません。",
    en: "The text has {link} exactly once, and the subject has none.",
};

/// Another link than that.
pub const TEMPLATE_OTHER_LINK: Words = Words {
    code: "template_other_link",
    ja: "{link}のほかに、リンクやメールアドレスになる文字は入れられません。",
    en: "Beside {link} nothing may look like a link or a mail address.",
};

/// More notices were asked for than anybody needs.
pub const NOTICES_WAIT: Words = Words {
    code: "notices_wait",
    ja: "お知らせの設定が続いています。少し待ってから、もう一度お試しください。",
    en: "That was often in a short time. Please wait a moment, then try again.",
};

/// The operator's role does not have the permission that the route asks for.
pub const NOT_YOUR_ROLE: Words = Words {
    code: "not_your_role",
    ja: "あなたの役割では、この操作はできません。必要な場合は、全権限の管理者に依頼してください。",
    en: "Your role does not let you do this. If you need it, ask an admin to change your role.",
};

/// The same waits for a second person already.
pub const ALREADY_PROPOSED: Words = Words {
    code: "already_proposed",
    ja: "同じ申請が、すでに承認を待っています。",
    en: "The same is waiting for approval already.",
};

/// The proposal was decided, ended or carried out before.
pub const APPROVAL_OVER: Words = Words {
    code: "approval_over",
    ja: "この申請はもう終わっています。一覧を読み込み直してください。",
    en: "This proposal is over. Please load the list again.",
};

/// Two people means two.
pub const OWN_PROPOSAL: Words = Words {
    code: "own_proposal",
    ja: "自分の申請は、自分では承認も却下もできません。ほかの管理者に依頼してください。",
    en: "You cannot decide what you have proposed yourself. Please ask another operator.",
};

/// Only who proposed it takes it back.
pub const NOT_YOUR_PROPOSAL: Words = Words {
    code: "not_your_proposal",
    ja: "取り下げられるのは、申請した本人だけです。",
    en: "Only the operator who proposed it can withdraw it.",
};

/// One of the two let the other one in, or gave the role, less than 72 hours ago.
pub const TOO_CLOSE: Words = Words {
    code: "too_close",
    ja: "どちらかが72時間以内に相手を招待したか、役割を与えたため、承認できません。ほかの管理者に依頼してください。",
    en: "One of you invited the other, or gave the role, less than 72 hours ago. Please ask another operator.",
};

/// What was approved is not carried out before its time.
pub const TOO_EARLY: Words = Words {
    code: "too_early",
    ja: "まだ待ち時間が終わっていません。",
    en: "The waiting time is not over yet.",
};

/// Nobody gives a role that can do more than the own, or takes one away from somebody who can.
pub const MORE_THAN_OWN: Words = Words {
    code: "more_than_own",
    ja: "自分の役割より多くのことができる役割は、与えることも変えることもできません。",
    en: "You cannot give or change a role that can do more than your own.",
};

/// Nobody changes the own role.
pub const OWN_ROLE: Words = Words {
    code: "own_role",
    ja: "自分の役割は変更できません。全権限を持つほかの管理者に依頼してください。",
    en: "You cannot change your own role. Please ask another admin.",
};

/// The pairing code is wrong, used or spent: not told apart.
pub const PAIRING_CODE_REFUSED: Words = Words {
    code: "pairing_code_refused",
    ja: "番号が違います。もう一度ご確認のうえ、だめなら管理画面で新しい番号を発行してください。",
    en: "This pairing code was not accepted. Please check it, or ask for a new one.",
};

/// The pairing code was right, but its ten minutes are over.
pub const PAIRING_CODE_EXPIRED: Words = Words {
    code: "pairing_code_expired",
    ja: "この番号の期限（10分）が切れています。管理画面で新しい番号を発行してください。",
    en: "This pairing code has expired after ten minutes. Please ask for a new one.",
};

/// Nobody of this store has that PIN.
pub const PIN_WRONG: Words = Words {
    code: "pin_wrong",
    ja: "暗証番号が違います。5回続けて間違えると、このレジでは1時間使えなくなります。",
    en: "That PIN is not right. After five wrong ones this till takes none for an hour.",
};

/// The till was given five wrong ones.
pub const PIN_LOCKED: Words = Words {
    code: "pin_locked",
    ja: "暗証番号の間違いが続いたため、このレジでは1時間受け付けません。ほかのレジをお使いください。",
    en: "Too many wrong PINs: this till takes none for an hour. Please use another till.",
};

/// A store has as many supervisors as it may.
pub const TOO_MANY_SUPERVISORS: Words = Words {
    code: "too_many_supervisors",
    ja: "責任者は1店舗につき20人までです。使わない人を先に外してください。",
    en: "A store has at most 20 supervisors. Remove one that is not needed first.",
};

/// Another merchant, store of that merchant or till of that store is called so.
pub const NAME_TAKEN: Words = Words {
    code: "name_taken",
    ja: "同じ名前がすでにあります。別の名前にしてください。",
    en: "There is one with this name already. Please choose another.",
};

/// The key is unknown, or revoked already.
pub const API_KEY_NOT_LIVE: Words = Words {
    code: "api_key_not_live",
    ja: "このAPIキーはすでに使えません。",
    en: "This API key does not work any more.",
};

/// Nothing was sent: an SMS would be paid for and reach nobody.
pub const TAKES_NO_SMS: Words = Words {
    code: "takes_no_sms",
    ja: "この番号ではSMSを受け取れません。060・070・080・090で始まる携帯電話の番号か、メールアドレスを入力してください。",
    en: "This number cannot receive text messages. Please enter a mobile number or a mail address.",
};

/// The link is unknown, used or too old: not told apart.
pub const LINK_REFUSED: Words = Words {
    code: "link_refused",
    ja: "このリンクは使えません。新しいリンクを発行してもらってください。",
    en: "This link cannot be used. Please ask for a new one.",
};

/// Without an admin nobody could be let in again.
pub const LAST_ADMIN: Words = Words {
    code: "last_admin",
    ja: "全権限を持つ最後の管理者は、削除も役割の変更もできません。先に全権限の管理者を招待し、登録が終わるのをお待ちください。",
    en: "The last admin can neither be removed nor get another role. Invite another admin first and wait until they have registered.",
};

/// Money is left in the wallet, or set aside for a capture.
pub const WALLET_NOT_EMPTY: Words = Words {
    code: "wallet_not_empty",
    ja: "残高か仮押さえが残っています。払い戻してから消去してください。残したまま消去すると、お客様はその残高を使えなくなります。",
    en: "There is still a balance or a hold. Pay it out first. If you erase nevertheless, the customer cannot use that money any more.",
};

/// The one answer to a merchant's link that is not what a merchant with a live key made for this wallet's owner. Which part of
/// it is wrong is for our log.
pub const LINK_INVALID: Words = Words {
    code: "link_invalid",
    ja: "この連携リンクは使えません。お店のページから、もう一度はじめてください。",
    en: "This link cannot be used. Please start again from the shop's page.",
};

/// The merchant's link is too old.
pub const LINK_EXPIRED: Words = Words {
    code: "link_expired",
    ja: "この連携リンクの有効期限が切れています。お店のページから、もう一度はじめてください。",
    en: "This link has run out. Please start again from the shop's page.",
};

/// The merchant's link was answered before.
pub const LINK_USED: Words = Words {
    code: "link_used",
    ja: "この連携リンクは、すでに使われています。お店のページから、もう一度はじめてください。",
    en: "This link has been used already. Please start again from the shop's page.",
};

/// Nothing new is allowed from a frozen wallet.
pub const FROZEN: Words = Words {
    code: "wallet_frozen",
    ja: "お支払いを停止しているあいだは、新しく許可できません。ホームで再開してから、もう一度お試しください。",
    en: "While payments are stopped, nothing new can be allowed. Resume them on the home page, then try again.",
};

/// Wrong, spent, or of nobody: not told apart.
pub const RECOVERY_WRONG: Words = Words {
    code: "recovery_wrong",
    ja: "確認できませんでした。コードをもう一度ご確認ください。5回続けて間違えると、はじめからやり直しになります。",
    en: "That could not be verified. Please check the code again. After five wrong ones in a row you have to start again.",
};

/// There is no such recovery (any more).
pub const RECOVERY_OVER: Words = Words {
    code: "recovery_over",
    ja: "この復旧は終わっています。はじめからやり直してください。",
    en: "This recovery is over. Please start again.",
};

/// Said only to whoever has proven something: another recovery of the same person is there.
pub const RECOVERY_ELSEWHERE: Words = Words {
    code: "recovery_elsewhere",
    ja: "ほかの端末で、このウォレットの復旧が進んでいるか、終わったばかりです。お心当たりがなければ、連絡先に届いたお知らせのリンクから止めてください。",
    en: "Another recovery of this wallet is under way or has just ended. If it is not yours, stop it by the link in the notice that went to your contacts.",
};

/// Something is still to be proven, or the wait is not over.
pub const RECOVERY_NOT_READY: Words = Words {
    code: "recovery_not_ready",
    ja: "まだ復旧できません。確認と待ち時間が終わってから、お試しください。",
    en: "This recovery is not ready yet. Please wait until everything is proven and the wait is over.",
};

/// Too many tries from one network, or in all.
pub const RECOVERY_BUSY: Words = Words {
    code: "recovery_busy",
    ja: "復旧の操作が続いています。少し待ってから、もう一度お試しください。",
    en: "Too many tries in a short time. Please wait a moment, then try again.",
};

/// The customer has named as many as one may.
pub const TOO_MANY_TRUSTED: Words = Words {
    code: "too_many_trusted",
    ja: "信頼する人は3人までです。先に1人外してください。",
    en: "You can name at most 3 trusted people. Remove one first.",
};

/// The invitation is unknown, used or too old: not told apart.
pub const INVITATION_UNKNOWN: Words = Words {
    code: "invitation_unknown",
    ja: "この招待は使えません。すでに使われたか、期限（24時間）が切れています。",
    en: "This invitation cannot be used. It was used already, or is older than 24 hours.",
};

/// The invitation is the own one, or was accepted before.
pub const INVITATION_YOURS: Words = Words {
    code: "invitation_yours",
    ja: "ご自身の招待か、すでに承諾済みの招待です。",
    en: "This invitation is your own, or you have accepted it already.",
};

/// The one place where the end of a flow becomes an answer.
impl From<Stop> for Denial {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Denied(denied) => denied.into(),
            Stop::Fault(fault) => fault.into(),
        }
    }
}

impl From<Denied> for Denial {
    fn from(denied: Denied) -> Self {
        let words = match denied {
            Denied::Refused(refusal) => return refused(refusal),
            Denied::NotFound => return Denial::NotFound,
            Denied::OwnerGone => return Denial::SignedOut,
            Denied::MessagesUsedUp => {
                tracing::error!(
                    "the hour's budget of one-time codes of a country, or by mail, is used up"
                );
                return Denial::Wait(MESSAGES_USED_UP, MESSAGES_USED_UP_SECONDS);
            }
            Denied::Unexpected => return Denial::Unavailable,
            Denied::NameTaken => NAME_TAKEN,
            Denied::ApiKeyNotLive => API_KEY_NOT_LIVE,
            Denied::TooManySupervisors => TOO_MANY_SUPERVISORS,
            Denied::PairingCode => PAIRING_CODE_REFUSED,
            Denied::PairingCodeExpired => PAIRING_CODE_EXPIRED,
            Denied::CountryNotServed => COUNTRY_NOT_SERVED,
            Denied::CodeSentTooOften => CODE_SENT_TOO_OFTEN,
            Denied::ContactTaken => CONTACT_TAKEN,
            Denied::ContactYours => CONTACT_YOURS,
            Denied::ContactElsewhere => CONTACT_ELSEWHERE,
            Denied::TooManyContacts => TOO_MANY_CONTACTS,
            Denied::LastContact => LAST_CONTACT,
            Denied::ContactChangesUsedUp => CONTACT_CHANGES_USED_UP,
            Denied::UndoLink => UNDO_LINK_REFUSED,
            Denied::NoticeLink => NOTICE_LINK_REFUSED,
            Denied::LastWay => LAST_WAY,
            Denied::Template(TemplateProblem::Subject) => TEMPLATE_SUBJECT,
            Denied::Template(TemplateProblem::Length) => TEMPLATE_LENGTH,
            Denied::Template(TemplateProblem::Value) => TEMPLATE_VALUE,
            Denied::Template(TemplateProblem::Link) => TEMPLATE_LINK,
            Denied::Template(TemplateProblem::OtherLink) => TEMPLATE_OTHER_LINK,
            Denied::NoticesUsedUp => return Denial::Wait(NOTICES_WAIT, 600),
            Denied::RecoveryNotReady => RECOVERY_NOT_READY,
            Denied::TooManyTrusted => TOO_MANY_TRUSTED,
            Denied::InvitationUnknown => INVITATION_UNKNOWN,
            Denied::InvitationYours => INVITATION_YOURS,
            // Whose it is already is not for the browser to know.
            Denied::CredentialTaken => PASSKEY_REFUSED,
            Denied::TooManyPasskeys => TOO_MANY_PASSKEYS,
            Denied::LastFactor => LAST_FACTOR,
            Denied::ExternalIdTaken => EXTERNAL_ID_TAKEN,
            Denied::ExternalIdLinked => EXTERNAL_ID_LINKED,
            Denied::LastWayIn => LAST_WAY_IN,
            Denied::LinkInvalid => LINK_INVALID,
            Denied::LinkUsed => LINK_USED,
            Denied::WalletNotEmpty => WALLET_NOT_EMPTY,
            Denied::AlreadyProposed => ALREADY_PROPOSED,
            Denied::ApprovalOver => APPROVAL_OVER,
            Denied::OwnProposal => OWN_PROPOSAL,
            Denied::NotYourProposal => NOT_YOUR_PROPOSAL,
            Denied::NotYourRole => return Denial::Forbidden(NOT_YOUR_ROLE),
            Denied::TooClose => TOO_CLOSE,
            Denied::TooEarly => TOO_EARLY,
            Denied::LastAdmin => LAST_ADMIN,
            Denied::OwnRole => OWN_ROLE,
            Denied::MoreThanOwn => MORE_THAN_OWN,
        };
        Denial::Refused(words)
    }
}

/// A refusal of the rules as a page's answer.
pub fn refused(refusal: Refusal) -> Denial {
    refused_word(refusal.code())
}

/// A refusal by its stable word.
pub fn refused_word(word: &'static str) -> Denial {
    let (ja, en) = refusal_text(word);
    Denial::Refused(Words { code: word, ja, en })
}
