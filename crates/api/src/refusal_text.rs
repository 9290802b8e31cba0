//! Refusals in words: what a cashier or a customer reads when the answer is no.
//!
//! A refusal is a stable word (`code_spent`) that programs compare. These are its two sentences: what happened, and what
//! to do now, in Japanese and English. They speak to the person at that screen, blame no one, and never say more about
//! the customer than a stranger in the queue may hear.

/// One refusal in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusalText {
    /// The stable word.
    pub code: &'static str,
    /// The sentence in Japanese.
    pub ja: &'static str,
    /// The sentence in English.
    pub en: &'static str,
}

/// The words of a refusal as `(Japanese, English)`. An unknown refusal gets words that are true of every refusal.
pub fn refusal_text(code: &str) -> (&'static str, &'static str) {
    match REFUSAL_TEXTS.binary_search_by(|text| text.code.cmp(code)) {
        Ok(at) => (REFUSAL_TEXTS[at].ja, REFUSAL_TEXTS[at].en),
        Err(_) => ("この操作はできませんでした。", "This could not be done."),
    }
}

const fn text(code: &'static str, ja: &'static str, en: &'static str) -> RefusalText {
    RefusalText { code, ja, en }
}

/// Every refusal in words, sorted by code.
#[rustfmt::skip]
pub const REFUSAL_TEXTS: &[RefusalText] = &[
    text("already_bound",
        "この端末はすでに登録されています。",
        "This device is registered already."),
    text("already_cancelled",
        "このお支払いはすでに取り消されています。",
        "This payment has already been cancelled."),
    text("already_refunded",
        "このお支払いはすでに返金されています。",
        "This payment has already been refunded."),
    text("amount_out_of_bounds",
        "この金額は取り扱えません。金額をご確認ください。",
        "This amount cannot be accepted. Please check the amount."),
    text("approval_needed",
        "金額が大きいか、ほかのレジの会計のため、責任者の暗証番号が必要です。",
        "This needs a supervisor's PIN: it is a large amount, or another till's sale."),
    text("authorization_expired",
        "お客様の支払い許可の期限が切れています。もう一度連携をお願いしてください。",
        "The customer's permission to pay has run out. Please ask them to link again."),
    text("authorization_unknown",
        "お客様の支払い許可が見つかりません。もう一度連携をお願いしてください。",
        "The customer's permission to pay was not found. Please ask them to link again."),
    text("balance_cap",
        "残高の上限を超えるため、受け付けられませんでした。",
        "This would go above the highest balance a wallet may hold."),
    text("balance_too_small",
        "残高が足りません。チャージするか、ほかのお支払い方法をご案内ください。",
        "The balance is too small. Please top up or choose another way to pay."),
    text("busy",
        "ただいま混み合っています。お支払いは行われていません。もう一度お試しください。",
        "It is busy right now. Nothing was paid. Please try again."),
    text("cancel_window_over",
        "取り消しできる時間を過ぎました。返金をご利用ください。",
        "It is too late to cancel this payment. Please refund it instead."),
    text("cancelled_before_payment",
        "このお支払いは、届く前に取り消されました。新しい会計としてやり直してください。",
        "This payment was cancelled before it arrived. Please start a new sale."),
    text("capture_exceeds_hold",
        "確保した金額を超えています。金額をご確認ください。",
        "This is more than was set aside. Please check the amount."),
    text("code_expired",
        "コードの有効期限が切れています。お客様に新しいコードの表示をお願いしてください。",
        "This code has expired. Please ask the customer to show a new one."),
    text("code_not_ours",
        "ほかの決済サービスのコードです。この画面では使えません。",
        "This code belongs to another payment service and cannot be used here."),
    text("code_replaced",
        "新しいコードがすでに表示されています。いま表示中のコードを読み取ってください。",
        "The phone already shows a newer code. Please scan the one shown now."),
    text("code_spent",
        "このコードはすでに使われています。お客様に新しいコードの表示をお願いしてください。",
        "This code has already been used. Please ask the customer to show a new one."),
    text("code_unknown",
        "このコードは確認できません。もう一度読み取るか、お客様に新しいコードの表示をお願いしてください。",
        "This code is not known. Please scan again or ask for a new code."),
    text("contact_in_use",
        "この連絡先ではお手続きできません。",
        "This contact cannot be used here."),
    text("credential_unknown",
        "このパスキーは登録されていません。",
        "This passkey is not registered here."),
    text("device_not_bound",
        "お支払いには、別の端末が登録されています。この端末で支払うには、ホームで切り替えてください。",
        "Another device pays from this wallet. To pay from this one, switch on the home page."),
    text("hold_captured",
        "確保した金額は、すでに確定しています。",
        "The amount set aside has been taken already."),
    text("hold_expired",
        "確保の期限が過ぎています。金額はお客様の残高に戻ります。",
        "The time for this amount set aside is over. It goes back to the customer."),
    text("hold_life_out_of_bounds",
        "金額を確保できる期間を超えています。期限をご確認ください。",
        "An amount cannot be set aside for that long. Please check the time."),
    text("hold_released",
        "確保した金額は、すでにお客様の残高に戻っています。",
        "The amount set aside has gone back to the customer already."),
    text("hold_unknown",
        "確保した金額が見つかりません。",
        "The amount set aside was not found."),
    text("idempotency_conflict",
        "同じ番号で内容の違う依頼がありました。新しい会計としてやり直してください。",
        "This number was already used for a different request. Please start a new sale."),
    text("invalid_field",
        "入力内容に誤りがあります。ご確認ください。",
        "Something entered is not right. Please check it."),
    text("key_revoked",
        "このレジの登録は取り消されています。管理者に連絡してください。",
        "This till's access was withdrawn. Please call your manager."),
    text("limit_exceeded",
        "ご利用限度額を超えるため、お支払いできませんでした。",
        "This would go above a spending limit."),
    text("link_unknown",
        "このリンクは使えません。使用済みか、期限が切れています。",
        "This link cannot be used. It was used already or has run out."),
    text("merchant_unknown",
        "この加盟店は登録されていません。",
        "This merchant is not registered."),
    text("not_found",
        "見つかりませんでした。",
        "Not found."),
    text("operator_only",
        "この操作は運営の担当者だけが行えます。",
        "Only the operator's staff can do this."),
    text("pairing_code_unknown",
        "この登録番号は使えません。管理画面で新しい番号を発行してください。",
        "This pairing code cannot be used. Please issue a new one in the console."),
    text("payment_not_completed",
        "このお支払いは完了していないため、返金できません。",
        "This payment was not completed, so it cannot be refunded."),
    text("payment_unknown",
        "このお支払いは見つかりません。",
        "This payment was not found."),
    text("prove_code_expired",
        "確認コードの有効期限が切れています。もう一度送信してください。",
        "The confirmation code has run out. Please have a new one sent."),
    text("prove_code_wrong",
        "確認コードが正しくありません。",
        "The confirmation code is not right."),
    text("refund_exceeds_payment",
        "返金の合計がお支払い金額を超えます。返金できる金額をご確認ください。",
        "The refunds would exceed the payment. Please check how much is left to refund."),
    text("refund_limit",
        "返金の回数が上限に達しています。現金などでご返金ください。",
        "This payment was refunded as often as it can be. Please give the money back another way."),
    text("refund_unknown",
        "この返金は見つかりません。",
        "This refund was not found."),
    text("refund_window_over",
        "返金できる期間を過ぎています。",
        "The time for refunds of this payment has passed."),
    text("scan_bill_slip",
        "払込票のバーコードです。支払いコードを読み取ってください。",
        "This is a bill payment slip. Please scan the customer's payment code."),
    text("scan_caps_lock",
        "CapsLockがオンになっています。オフにしてから、もう一度読み取ってください。",
        "Caps Lock is on. Please switch it off and scan again."),
    text("scan_consumer_qr",
        "ほかの決済サービスのコードです。この画面では使えません。",
        "This code belongs to another payment service and cannot be used here."),
    text("scan_control_character",
        "このコードには使えない文字が含まれています。受け付けられません。",
        "This code holds characters that no payment code has. It cannot be accepted."),
    text("scan_empty",
        "コードを読み取れませんでした。もう一度お試しください。",
        "Nothing was scanned. Please try again."),
    text("scan_incomplete",
        "コードの一部しか読み取れませんでした。もう一度読み取ってください。",
        "Only a part of the code was read. Please scan again."),
    text("scan_link",
        "リンクのQRコードです。支払いコードを読み取ってください。",
        "This is a link. Please scan the customer's payment code."),
    text("scan_merchant_code",
        "お店側のQRコードです。お客様の画面の支払いコードを読み取ってください。",
        "This is a shop's own code. Please scan the payment code on the customer's phone."),
    text("scan_other_brand",
        "ほかの決済サービスのコードです。この画面では使えません。",
        "This code belongs to another payment service and cannot be used here."),
    text("scan_other_symbology",
        "支払いコードとは種類の違うバーコードです。",
        "This kind of barcode is not used for payments."),
    text("scan_product_code",
        "商品のバーコードです。支払いコードを読み取ってください。",
        "This is a product's barcode. Please scan the customer's payment code."),
    text("scan_too_long",
        "読み取った内容が長すぎます。支払いコードを読み取ってください。",
        "What was scanned is too long. Please scan the customer's payment code."),
    text("scan_unknown_brand",
        "ほかの決済サービスのコードのようです。この画面では使えません。",
        "This seems to be another payment service's code and cannot be used here."),
    text("session_ended",
        "サインアウト済みです。もう一度サインインしてください。",
        "This session is over. Please sign in again."),
    text("signed_out",
        "サインインしてください。",
        "Please sign in."),
    text("store_unknown",
        "この店舗は登録されていません。",
        "This store is not registered."),
    text("suspected_duplicate",
        "同じお客様・同じ金額のお支払いが直前にありました。二重会計でないかご確認ください。",
        "The same customer paid the same amount a moment ago. Please check that this is not the same sale."),
    text("text_out_of_bounds",
        "文字が入力されていないか、長すぎます。",
        "The text is empty or too long."),
    text("till_locked",
        "確認できないコードが続いたため、このレジを一時的に止めています。1分ほどお待ちください。",
        "Too many unknown codes: this till is paused for about a minute."),
    text("till_unknown",
        "このレジは登録されていません。管理者に連絡してください。",
        "This till is not registered. Please call your manager."),
    text("too_many_attempts",
        "試行回数が多すぎます。しばらくしてからお試しください。",
        "Too many attempts. Please wait a moment and try again."),
    text("top_up_amount_differs",
        "チャージの金額が一致しません。お客様窓口にご連絡ください。",
        "The amount of this top-up does not match. Please contact support."),
    text("top_up_unknown",
        "このチャージは見つかりません。",
        "This top-up was not found."),
    text("unavailable",
        "ただいま確認できません。結果を履歴で確かめてから、やり直してください。",
        "We cannot confirm this right now. Please check the history before trying again."),
    text("wallet_closed",
        "このウォレットは解約されています。ほかのお支払い方法をご案内ください。",
        "This wallet has been closed. Please choose another way to pay."),
    text("wallet_cooling",
        "安全のため、端末の変更などのあとしばらくは、お支払いとチャージの合計額に上限があります。しばらくしてからお試しいただくか、ほかのお支払い方法をご案内ください。",
        "For safety, a wallet pays and tops up only a limited sum for a while after a change such as a new device. Please try later or choose another way to pay."),
    text("wallet_frozen",
        "このウォレットは現在ご利用を止めています。ほかのお支払い方法をご案内ください。",
        "This wallet is paused at the moment. Please choose another way to pay."),
    text("wallet_unknown",
        "このウォレットは見つかりません。",
        "This wallet was not found."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_so_that_the_search_finds_each() {
        assert!(REFUSAL_TEXTS.is_sorted_by(|a, b| a.code < b.code));
        for text in REFUSAL_TEXTS {
            assert_eq!(refusal_text(text.code), (text.ja, text.en));
        }
    }

    #[test]
    fn both_languages_are_whole_sentences() {
        for text in REFUSAL_TEXTS {
            assert!(
                text.ja.ends_with('。') && text.en.ends_with('.'),
                "{}",
                text.code
            );
            assert!(text.en.is_ascii() && !text.ja.is_ascii(), "{}", text.code);
        }
    }

    #[test]
    fn an_unknown_refusal_still_has_words() {
        assert_eq!(refusal_text("brand_new_rule").1, "This could not be done.");
    }
}
