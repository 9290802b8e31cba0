//! What a till or register has scanned, as far as this instance can act on it.

use mamori_codes::payment_code::{IssuerPrefix, PaymentCode};
use mamori_codes::scan::{self, NotForUs, Scanned};

/// The shard whose codes this instance gives out and redeems: there is one.
pub const SHARD: u8 = 0;

/// The payment code that was scanned, or what it is instead, as a stable word.
///
/// A code that names another shard was never given out. Taken for one of ours it would be a second spelling of a live code, and
/// with a second shard another wallet's.
pub fn payment_code(text: &str, issuer: IssuerPrefix) -> Result<PaymentCode, &'static str> {
    match scan::route(text, issuer) {
        Ok(Scanned::PaymentCode(code)) if code.shard() == SHARD => Ok(code),
        Ok(Scanned::PaymentCode(_)) => Err(NotForUs::Unknown.reason()),
        Err(other) => Err(other.reason()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_another_shard_is_unknown() {
        let issuer = IssuerPrefix::parse("90009900").expect("eight digits");
        let code = |shard: &str| payment_code(&format!("90009900{shard}12345678901234"), issuer);
        assert_eq!(code("00").map(|code| code.random()), Ok(12_345_678_901_234));
        for shard in ["01", "57", "99"] {
            assert_eq!(code(shard), Err("code_unknown"), "{shard}");
        }
        assert_eq!(
            payment_code("4901777318816", issuer),
            Err("scan_product_code")
        );
    }
}
