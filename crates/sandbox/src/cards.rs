//! The test cards: what each number does. No other number is ever accepted or kept.

/// What the issuer does with a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issuer {
    /// 3-D Secure passes without a question (frictionless), the charge succeeds.
    Frictionless,
    /// The issuer asks for a one-time code; the charge succeeds afterwards.
    Challenge,
    /// The issuer asks for a one-time code and then declines all the same.
    ChallengeThenDecline,
    /// The card knows no 3-D Secure: the charge succeeds without a liability shift.
    NoThreeDSecure,
    /// The charge succeeds without a question, and the cardholder disputes it at once.
    Disputes,
    /// Declined at once.
    Decline(Decline),
}

/// Why a charge was refused, in the card network's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decline {
    pub(crate) code: &'static str,
    pub(crate) decline_code: Option<&'static str>,
    pub(crate) message: &'static str,
    pub(crate) message_ja: &'static str,
}

pub(crate) const GENERIC: Decline = Decline {
    code: "card_declined",
    decline_code: Some("generic_decline"),
    message: "Your card was declined.",
    message_ja: "このカードはご利用いただけませんでした。",
};
pub(crate) const NO_FUNDS: Decline = Decline {
    code: "card_declined",
    decline_code: Some("insufficient_funds"),
    message: "Your card has insufficient funds.",
    message_ja: "カードの残高またはご利用枠が足りません。",
};
pub(crate) const EXPIRED: Decline = Decline {
    code: "expired_card",
    decline_code: None,
    message: "Your card has expired.",
    message_ja: "カードの有効期限が切れています。",
};
pub(crate) const WRONG_CVC: Decline = Decline {
    code: "incorrect_cvc",
    decline_code: None,
    message: "Your card's security code is incorrect.",
    message_ja: "セキュリティコードが正しくありません。",
};
pub(crate) const NOT_A_TEST_CARD: Decline = Decline {
    code: "card_declined",
    decline_code: Some("test_mode_live_card"),
    message: "Only the listed test cards work here. Never type a real card number.",
    message_ja: "ここで使えるのは一覧のテストカードだけです。本物のカード番号は入力しないでください。",
};
pub(crate) const NOT_AUTHENTICATED: Decline = Decline {
    code: "payment_intent_authentication_failure",
    decline_code: None,
    message: "The card's issuer could not authenticate you. Try again or use another card.",
    message_ja: "カード会社の本人認証ができませんでした。もう一度お試しいただくか、別のカードをお使いください。",
};

/// One test card of the network.
pub(crate) struct TestCard {
    pub(crate) number: &'static str,
    pub(crate) brand: &'static str,
    /// The token that stands for this card in API calls, where there is one.
    pub(crate) token: Option<&'static str>,
    pub(crate) issuer: Issuer,
    pub(crate) what_ja: &'static str,
    pub(crate) what_en: &'static str,
}

impl TestCard {
    pub(crate) fn last4(&self) -> &'static str {
        &self.number[self.number.len() - 4..]
    }
}

const fn card(
    number: &'static str,
    brand: &'static str,
    token: Option<&'static str>,
    issuer: Issuer,
    what_ja: &'static str,
    what_en: &'static str,
) -> TestCard {
    TestCard {
        number,
        brand,
        token,
        issuer,
        what_ja,
        what_en,
    }
}

/// Numbers, brands and tokens as in the public test data of the API this sandbox speaks.
pub(crate) const TEST_CARDS: [TestCard; 12] = [
    card(
        "4242424242424242",
        "visa",
        Some("pm_card_visa"),
        Issuer::Frictionless,
        "そのまま成功",
        "Succeeds at once",
    ),
    card(
        "4000000000003220",
        "visa",
        Some("pm_card_threeDSecure2Required"),
        Issuer::Challenge,
        "3Dセキュア認証あり",
        "Asks for 3-D Secure",
    ),
    card(
        "3566002020360505",
        "jcb",
        Some("pm_card_jcb"),
        Issuer::Frictionless,
        "JCB・成功",
        "JCB, succeeds",
    ),
    card(
        "5555555555554444",
        "mastercard",
        Some("pm_card_mastercard"),
        Issuer::Frictionless,
        "Mastercard・成功",
        "Mastercard, succeeds",
    ),
    card(
        "378282246310005",
        "amex",
        Some("pm_card_amex"),
        Issuer::NoThreeDSecure,
        "3Dセキュア非対応で成功",
        "Succeeds, no 3-D Secure",
    ),
    card(
        "4000000000000259",
        "visa",
        Some("pm_card_createDispute"),
        Issuer::Disputes,
        "成功するが、すぐに異議申し立て",
        "Succeeds, then disputed at once",
    ),
    card(
        "4000000000000002",
        "visa",
        Some("pm_card_visa_chargeDeclined"),
        Issuer::Decline(GENERIC),
        "カード会社が拒否",
        "Declined",
    ),
    card(
        "4000000000009995",
        "visa",
        Some("pm_card_visa_chargeDeclinedInsufficientFunds"),
        Issuer::Decline(NO_FUNDS),
        "残高不足",
        "Insufficient funds",
    ),
    card(
        "4000008400001629",
        "visa",
        Some("pm_card_threeDSecureRequiredChargeDeclined"),
        Issuer::ChallengeThenDecline,
        "3Dセキュアのあと拒否",
        "3-D Secure, then declined",
    ),
    card(
        "4000000000000341",
        "visa",
        Some("pm_card_chargeCustomerFail"),
        Issuer::Decline(GENERIC),
        "登録後の請求が失敗",
        "Fails when charged",
    ),
    card(
        "4000000000000069",
        "visa",
        Some("pm_card_chargeDeclinedExpiredCard"),
        Issuer::Decline(EXPIRED),
        "有効期限切れ",
        "Expired card",
    ),
    card(
        "4000000000000127",
        "visa",
        Some("pm_card_chargeDeclinedIncorrectCvc"),
        Issuer::Decline(WRONG_CVC),
        "CVC違い",
        "Wrong security code",
    ),
];

pub(crate) fn by_number(number: &str) -> Option<&'static TestCard> {
    TEST_CARDS.iter().find(|card| card.number == number)
}

pub(crate) fn by_token(token: &str) -> Option<&'static TestCard> {
    TEST_CARDS.iter().find(|card| card.token == Some(token))
}

/// The check digit rule of ISO/IEC 7812: catches a mistyped digit before the issuer is asked.
pub(crate) fn luhn(number: &str) -> bool {
    if !(12..=19).contains(&number.len()) || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            match place % 2 {
                0 => digit,
                _ => digit * 2 / 10 + digit * 2 % 10,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_card_has_a_right_check_digit() {
        for card in &TEST_CARDS {
            assert!(luhn(card.number), "{}", card.number);
            assert_eq!(
                by_number(card.number).map(TestCard::last4),
                Some(card.last4())
            );
        }
    }

    #[test]
    fn a_mistyped_digit_is_caught() {
        for wrong in [
            "4242424242424241",
            "",
            "4242",
            "42424242424242424242",
            "424242424242424a",
        ] {
            assert!(!luhn(wrong), "{wrong}");
        }
    }
}
