//! What a benchmark of the code formats runs: each case once encodes or decodes one payload.
//!
//! There is no clock here. A caller that owns one runs a case as often as it likes and divides:
//!
//! ```
//! for case in mamori_codes::rates::CASES {
//!     let turns = 10;
//!     let worked = (0..turns).filter(|_| (case.run)()).count();
//!     assert_eq!(worked, turns, "{}", case.name);
//! }
//! ```

use std::hint::black_box;

use crate::payment_code::{IssuerPrefix, PaymentCode};
use crate::{barcode, emvco_cpm, emvco_mpm, qr, scan};

/// One thing to measure.
#[derive(Clone, Copy, Debug)]
pub struct RateCase {
    /// What it is, for the table.
    pub name: &'static str,
    /// Does it once; true if it worked, so that a benchmark never measures a failure.
    pub run: fn() -> bool,
}

const CODE: &str = "900099000123456789012345";
const MPM: &str = "00020101021226680019jp.or.paymentsjapan011300000000001230204000103060000010406000001520458125303392540414805802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000162200109INV-000170703T0164150002JA0105見本喫茶店6304305B";
const CPM: &str = "hQVDUFYwMWEaTwegAAAAVVVVVw8SNFZ4kBI0WNGRIgESNF8=";

fn ours() -> Option<IssuerPrefix> {
    IssuerPrefix::parse(black_box("90009900"))
}

pub const CASES: &[RateCase] = &[
    RateCase {
        name: "payment code: encode",
        run: || {
            ours()
                .and_then(|issuer| PaymentCode::new(issuer, 1, black_box(23_456_789_012_345)))
                .is_some()
        },
    },
    RateCase {
        name: "scan: route a payment code",
        run: || ours().is_some_and(|issuer| scan::route(black_box(CODE), issuer).is_ok()),
    },
    RateCase {
        name: "barcode (Code 128): encode to SVG",
        run: || barcode::svg(black_box(CODE)).is_ok(),
    },
    RateCase {
        name: "QR of digits: encode to SVG",
        run: || qr::svg_digits(black_box(CODE)).is_ok(),
    },
    RateCase {
        name: "QR of an EMV payload: encode to SVG",
        run: || qr::svg_bytes(black_box(MPM)).is_ok(),
    },
    RateCase {
        name: "EMV merchant payload: decode",
        run: || emvco_mpm::decode(black_box(MPM)).is_ok(),
    },
    RateCase {
        name: "JPQR merchant payload: encode",
        run: || {
            let store = emvco_mpm::StoreCode {
                level1: "0000000000123",
                level2: "0001",
                level3: "000001",
                level4: "000001",
            };
            let order = emvco_mpm::JpqrOrder {
                store,
                amount_yen: Some(black_box(1_480)),
                category: "5812",
                name: "SAMPLE CAFE",
                city: "CHIYODA-KU",
                postal_code: "1000001",
                bill_number: Some("INV-00017"),
                terminal_label: Some("T01"),
                name_ja: "見本喫茶店",
            };
            emvco_mpm::encode_jpqr(&order).is_ok()
        },
    },
    RateCase {
        name: "EMV consumer payload: decode",
        run: || emvco_cpm::decode(black_box(CPM)).is_ok(),
    },
    RateCase {
        name: "JPQR consumer payload: encode",
        run: || emvco_cpm::encode_jpqr(black_box("90000002"), "12345678901234").is_ok(),
    },
];
