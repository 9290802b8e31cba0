//! Prints codes of every kind for independent readers: `kind`, `text` and picture, separated by tabs, one code a line.
//!
//! `tests/peers/codes_peers.py` reads it. The codes are spread over their range by a fixed step, the same on every run.

use mamori_codes::payment_code::{IssuerPrefix, PaymentCode, RANDOM_SPACE};
use mamori_codes::{barcode, emvco_cpm, emvco_mpm, qr};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let issuer = IssuerPrefix::parse("90009900").ok_or("an issuer prefix")?;
    for n in 0..100_u64 {
        let random = n * 6_180_339_887_498 % RANDOM_SPACE;
        let code = PaymentCode::new(issuer, (n % 100) as u8, random).ok_or("a code")?;
        println!(
            "barcode\t{}\t{}",
            code.as_str(),
            barcode::svg(code.as_str())?
        );
        println!(
            "qr_digits\t{}\t{}",
            code.as_str(),
            qr::svg_digits(code.as_str())?
        );
    }
    for digits in [
        "9000012345678901",
        "135112298638468293",
        "3158990012345678901",
        "2893612204263667830",
        "9000000212345678901234",
    ] {
        println!("barcode\t{digits}\t{}", barcode::svg(digits)?);
    }
    let store = emvco_mpm::StoreCode {
        level1: "0000000000123",
        level2: "0001",
        level3: "000001",
        level4: "000001",
    };
    for (n, name_ja) in [
        "見本喫茶店",
        "カフェ・ド・茶",
        "まもり商店 一号店",
        "ガギグゲゴ",
        "髙島屋・﨑",
    ]
    .into_iter()
    .enumerate()
    {
        for amount_yen in [None, Some(1), Some(1_480), Some(9_999_999_999_999)] {
            let bill = format!("INV-{n:05}");
            let payload = emvco_mpm::encode_jpqr(&emvco_mpm::JpqrOrder {
                store,
                amount_yen,
                category: "5812",
                name: "SAMPLE CAFE",
                city: "CHIYODA-KU",
                postal_code: "1000001",
                bill_number: amount_yen.map(|_| bill.as_str()),
                terminal_label: None,
                name_ja,
            })?;
            println!("qr_mpm\t{payload}\t{}", qr::svg_bytes(&payload)?);
        }
    }
    for id in ["12345678901234", "00000000000000", "9999999999999999"] {
        let payload = emvco_cpm::encode_jpqr("90009900", id)?;
        println!("qr_cpm\t{payload}\t{}", qr::svg_bytes(&payload)?);
    }
    Ok(())
}
