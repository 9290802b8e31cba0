//! Merchant-presented payloads: the reference vectors, valid and invalid, each invalid one for its own reason.

use mamori_codes::emvco_mpm::{
    Extra, JpqrOrder, MpmError, NotJpqr, Object, PointOfInitiation, StoreCode, checksum, decode,
    encode, encode_jpqr,
};

/// Number, payload, whether it is a JPQR code.
const VALID: &[(&str, &str, bool)] = &[
    // static, unified store id, ASCII only (no language template: EMV-valid, not JPQR-profile-valid); not JPQR
    (
        "M1",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000163049AB8",
        false,
    ),
    // static with Japanese name in language template; JPQR ok
    (
        "M2",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000164150002JA0105見本喫茶店6304EC95",
        true,
    ),
    // dynamic, integer JPY amount, additional data; JPQR ok
    (
        "M3",
        "00020101021226680019jp.or.paymentsjapan011300000000001230204000103060000010406000001520458125303392540414805802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000162200109INV-000170703T0164150002JA0105見本喫茶店6304305B",
        true,
    ),
    // amount with trailing decimal mark and no decimals: allowed by EMV; JPQR ok
    (
        "M4",
        "00020101021226680019jp.or.paymentsjapan01130000000000123020400010306000001040600000152045812530339254051480.5802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000164150002JA0105見本喫茶店6304E653",
        true,
    ),
    // prompt markers (***) and consumer data request; JPQR ok
    (
        "M5",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000162330103***0203***0509INV-000170902ME64150002JA0105見本喫茶店63044C1D",
        true,
    ),
    // tip prompt; not JPQR
    (
        "M6",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925502015802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000163046126",
        false,
    ),
    // fixed convenience fee; not JPQR
    (
        "M7",
        "00020101021226680019jp.or.paymentsjapan011300000000001230204000103060000010406000001520458125303392540414805502025602305802JP5911SAMPLE CAFE6010CHIYODA-KU610710000016304057B",
        false,
    ),
    // percentage convenience fee; not JPQR
    (
        "M8",
        "00020101021226680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925404148055020357043.255802JP5911SAMPLE CAFE6010CHIYODA-KU610710000016304FE0F",
        false,
    ),
    // three merchant account templates; JPQR ok
    (
        "M9",
        "00020101021126680019jp.or.paymentsjapan01130000000000123020400010306000001040600000127280015com.example.pay0105M000151280010A0000000650105M00010201X5204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000164150002JA0105見本喫茶店63043CEB",
        true,
    ),
    // nested templates under 62-50 and unreserved 80/99; city in language template (EMV-valid; the JPQR profile reader used here rejects 64-02); not JPQR
    (
        "M10",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000162430303S-150320015com.example.pay0103ABC9902Z964230002JA0105見本喫茶店0204千代田区80250015com.example.pay0102P299410032581b314e257f41bfbbdc6384daa31d160501Q63047B7D",
        false,
    ),
    // root and template objects in arbitrary order, no point-of-initiation; JPQR ok
    (
        "M11",
        "00020164150105見本喫茶店0002JA610710000016010CHIYODA-KU5911SAMPLE CAFE5802JP53033925204581226680019jp.or.paymentsjapan01130000000000123020400010306000001040600000163047514",
        true,
    ),
    // non-JPY: two decimals; not JPQR
    (
        "M12",
        "00020101021226280015com.example.pay0105M0001520458125303840540598.735802US5911SAMPLE CAFE6010CHIYODA-KU6304DD30",
        false,
    ),
    // primitive (02-25) merchant account information only; not JPQR
    (
        "M13",
        "00020102164000123456789012151631234567890123455204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU63040B3D",
        false,
    ),
    // CRC hex in lower case: examples in the standard are upper case; readers differ; not JPQR
    (
        "M14",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000163049ab8",
        false,
    ),
    // a published sample of a real wallet's test data
    (
        "wallet sample",
        "0002016003xxx01021129300012D156000000000510A93FO3230Q31280012D1560000000103081234567826680019jp.or.paymentsjapan01130000000000001020400010306000001040600000153033925903xxx64180002JA0108メルペイ カフェ520441115802JP610710661436304DEE9",
        true,
    ),
];

/// Number, payload, reason.
const INVALID: &[(&str, &str, &str)] = &[
    // bad_crc: last CRC digit changed
    (
        "X1",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000164150002JA0105見本喫茶店6304EC90",
        "bad_crc",
    ),
    // bad_crc: merchant name altered, CRC kept
    (
        "X2",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFZ6010CHIYODA-KU6107100000163049AB8",
        "bad_crc",
    ),
    // bad_crc: amount altered, CRC kept
    (
        "X3",
        "00020101021226680019jp.or.paymentsjapan011300000000001230204000103060000010406000001520458125303392540494805802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000162200109INV-000170703T0164150002JA0105見本喫茶店6304305B",
        "bad_crc",
    ),
    // truncated: cut inside the last data object; no CRC object
    (
        "X4",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU61071000",
        "truncated",
    ),
    // truncated: CRC value cut to two characters
    (
        "X5",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000163049A",
        "truncated",
    ),
    // length_overrun: name length too large, CRC recomputed: TLV runs into the CRC object
    (
        "X6",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5931SAMPLE CAFE6010CHIYODA-KU610710000016304073F",
        "length_overrun",
    ),
    // length_overrun: trailing object shorter than its length; CRC recomputed
    (
        "X7",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU610710000016105AB6304842F",
        "length_overrun",
    ),
    // bad_length: non-numeric length; CRC recomputed
    (
        "X8",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000162XX0163049071",
        "bad_length",
    ),
    // zero_length: zero-length value (lengths run 01..99); CRC recomputed
    (
        "X9",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU61071000001620063042CCA",
        "zero_length",
    ),
    // order: payload format indicator not first
    (
        "X10",
        "01021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000100020163044ED4",
        "order",
    ),
    // order: CRC not the last object
    (
        "X11",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000163049AB862060102X1",
        "order",
    ),
    // duplicate_id: merchant name twice at root
    (
        "X12",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU610710000015911SAMPLE CAFE63043A96",
        "duplicate_id",
    ),
    // missing_mandatory: no merchant category code
    (
        "X13",
        "00020101021126680019jp.or.paymentsjapan01130000000000123020400010306000001040600000153033925802JP5911SAMPLE CAFE6010CHIYODA-KU61071000001630415BB",
        "missing_mandatory",
    ),
    // missing_mandatory: no merchant account information
    (
        "X14",
        "0002010102115204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU610710000016304BFC7",
        "missing_mandatory",
    ),
    // bad_value: payload format indicator 02
    (
        "X15",
        "00020201021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU61071000001630457F4",
        "bad_value",
    ),
    // bad_value: point of initiation 13
    (
        "X16",
        "00020101021326680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU610710000016304F1E8",
        "bad_value",
    ),
    // bad_amount: thousands separator
    (
        "X17",
        "00020101021226680019jp.or.paymentsjapan01130000000000123020400010306000001040600000152045812530339254051,4805802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000162200109INV-000170703T0164150002JA0105見本喫茶店6304B22C",
        "bad_amount",
    ),
    // bad_amount: zero amount
    (
        "X18",
        "00020101021226680019jp.or.paymentsjapan011300000000001230204000103060000010406000001520458125303392540105802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000162200109INV-000170703T0164150002JA0105見本喫茶店6304992D",
        "bad_amount",
    ),
    // bad_amount: two decimal marks
    (
        "X19",
        "00020101021226680019jp.or.paymentsjapan011300000000001230204000103060000010406000001520458125303392540612.3.45802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000162200109INV-000170703T0164150002JA0105見本喫茶店6304ED72",
        "bad_amount",
    ),
    // bad_amount: 14 characters (max 13)
    (
        "X20",
        "00020101021226680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925414123456789012345802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000162200109INV-000170703T0164150002JA0105見本喫茶店63045DA5",
        "bad_amount",
    ),
    // bad_amount: JPY with decimals: the standard only says the decimals should match the currency exponent; reject for yen by policy
    (
        "X21",
        "00020101021226680019jp.or.paymentsjapan01130000000000123020400010306000001040600000152045812530339254071480.505802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000162200109INV-000170703T0164150002JA0105見本喫茶店63041F7D",
        "bad_amount",
    ),
    // missing_conditional: tip indicator 02 without 56
    (
        "X22",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU610710000015502026304ADF1",
        "missing_conditional",
    ),
    // unexpected_conditional: 56 without 55=02
    (
        "X23",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000156025063048737",
        "unexpected_conditional",
    ),
    // bad_value: percentage above 99.99
    (
        "X24",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU610710000015502035705100.06304C784",
        "bad_value",
    ),
    // length_overrun: language template lengths counted in UTF-8 bytes instead of characters; CRC correct for the bytes sent
    (
        "X30",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000164250002JA0115見本喫茶店6304BB39",
        "length_overrun",
    ),
];

/// Number, payload, why it is valid and yet no JPQR code.
const OTHER_PROFILES: &[(&str, &str, NotJpqr)] = &[
    // profile: currency not 392
    (
        "X25",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253038405802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000164150002JA0105見本喫茶店6304372A",
        NotJpqr::Currency,
    ),
    // profile: country not JP
    (
        "X26",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802US5911SAMPLE CAFE6010CHIYODA-KU6107100000164150002JA0105見本喫茶店63043D40",
        NotJpqr::Country,
    ),
    // profile: postal code missing
    (
        "X27",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU64150002JA0105見本喫茶店6304843E",
        NotJpqr::PostalCode,
    ),
    // profile: language template not JA
    (
        "X28",
        "00020101021126680019jp.or.paymentsjapan0113000000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000164150002EN0105見本喫茶店6304046A",
        NotJpqr::Language,
    ),
    // profile: level-1 store code 12 digits instead of 13
    (
        "X29",
        "00020101021126670019jp.or.paymentsjapan011200000000012302040001030600000104060000015204581253033925802JP5911SAMPLE CAFE6010CHIYODA-KU6107100000164150002JA0105見本喫茶店6304F621",
        NotJpqr::Level(1),
    ),
];

#[test]
fn valid_payloads_are_read() {
    for (number, payload, is_jpqr) in VALID {
        let read = decode(payload).unwrap_or_else(|error| panic!("{number}: {error}"));
        assert_eq!(read.jpqr().is_ok(), *is_jpqr, "{number}: {:?}", read.jpqr());
    }
}

#[test]
fn invalid_payloads_are_refused_each_for_its_own_reason() {
    for (number, payload, reason) in INVALID {
        let error = decode(payload).expect_err(number);
        assert_eq!(error.reason(), *reason, "{number}: {error}");
    }
}

#[test]
fn valid_payloads_of_other_profiles_are_no_jpqr_codes() {
    for (number, payload, why) in OTHER_PROFILES {
        assert_eq!(decode(payload).unwrap().jpqr(), Err(*why), "{number}");
    }
}

#[test]
fn what_was_read_is_written_back_byte_for_byte() {
    for (number, payload, _) in VALID {
        let objects = decode(payload).unwrap().objects;
        let (crc, before) = objects.split_last().unwrap();
        assert_eq!(crc.id, 63);
        let written = encode(before).unwrap_or_else(|error| panic!("{number}: {error}"));
        let (covered, crc) = payload.split_at(payload.len() - 4);
        assert_eq!(
            written,
            format!("{covered}{}", crc.to_uppercase()),
            "{number}"
        );
    }
}

#[test]
fn the_dynamic_example_says_what_the_reference_says() {
    let read = decode(VALID[2].1).unwrap();
    assert_eq!(read.point_of_initiation, Some(PointOfInitiation::Dynamic));
    assert_eq!(read.amount_yen(), Some(1_480));
    assert_eq!(
        (read.category, read.currency, read.country),
        ("5812", "392", "JP")
    );
    assert_eq!(
        (read.merchant_name, read.merchant_city, read.postal_code),
        ("SAMPLE CAFE", "CHIYODA-KU", Some("1000001"))
    );
    assert_eq!(
        read.additional,
        [
            Object {
                id: 1,
                value: "INV-00017"
            },
            Object {
                id: 7,
                value: "T01"
            }
        ]
    );
    let jpqr = read.jpqr().unwrap();
    assert_eq!(jpqr.name, "見本喫茶店");
    assert_eq!(
        jpqr.store,
        StoreCode {
            level1: "0000000000123",
            level2: "0001",
            level3: "000001",
            level4: "000001"
        }
    );
}

#[test]
fn amounts_tips_and_fees_are_read_exactly() {
    let read = |number| decode(VALID.iter().find(|(n, ..)| *n == number).unwrap().1).unwrap();
    assert_eq!(
        read("M4").amount_yen(),
        Some(1_480),
        "a point at the end is legal"
    );
    assert_eq!(read("M1").amount_yen(), None);
    assert_eq!(read("M12").amount_yen(), None, "98.73 dollars are no yen");
    assert_eq!(read("M6").extra, Some(Extra::PromptForTip));
    assert_eq!(read("M7").extra, Some(Extra::Fixed("30")));
    assert_eq!(read("M8").extra, Some(Extra::Percentage(325)));
}

#[test]
fn our_own_jpqr_codes_are_the_reference_ones() {
    let store = StoreCode {
        level1: "0000000000123",
        level2: "0001",
        level3: "000001",
        level4: "000001",
    };
    let sticker = JpqrOrder {
        store,
        amount_yen: None,
        category: "5812",
        name: "SAMPLE CAFE",
        city: "CHIYODA-KU",
        postal_code: "1000001",
        bill_number: None,
        terminal_label: None,
        name_ja: "見本喫茶店",
    };
    assert_eq!(encode_jpqr(&sticker).as_deref(), Ok(VALID[1].1));
    let order = JpqrOrder {
        amount_yen: Some(1_480),
        bill_number: Some("INV-00017"),
        terminal_label: Some("T01"),
        ..sticker
    };
    assert_eq!(encode_jpqr(&order).as_deref(), Ok(VALID[2].1));
}

#[test]
fn a_jpqr_code_that_would_not_be_read_is_not_made() {
    let store = StoreCode {
        level1: "0000000000123",
        level2: "0001",
        level3: "000001",
        level4: "000001",
    };
    let good = JpqrOrder {
        store,
        amount_yen: Some(1),
        category: "5812",
        name: "CAFE",
        city: "CITY",
        postal_code: "1000001",
        bill_number: None,
        terminal_label: None,
        name_ja: "茶",
    };
    for (wrong, error) in [
        (
            JpqrOrder {
                amount_yen: Some(0),
                ..good
            },
            MpmError::BadAmount(54),
        ),
        (
            JpqrOrder {
                amount_yen: Some(10_000_000_000_000),
                ..good
            },
            MpmError::BadAmount(54),
        ),
        (
            JpqrOrder {
                category: "58",
                ..good
            },
            MpmError::BadValue(52),
        ),
        (
            JpqrOrder {
                name: "茶", ..good
            },
            MpmError::BadValue(59),
        ),
        (JpqrOrder { name: "", ..good }, MpmError::ZeroLength(59)),
        (
            JpqrOrder {
                name_ja: "\u{20BB7}",
                ..good
            },
            MpmError::BadValue(1),
        ),
        (
            JpqrOrder {
                name_ja: "カ\u{3099}",
                ..good
            },
            MpmError::BadValue(1),
        ),
        (
            JpqrOrder {
                store: StoreCode {
                    level1: "123",
                    ..store
                },
                ..good
            },
            MpmError::BadValue(26),
        ),
        (
            JpqrOrder {
                bill_number: Some("12345678901234567890123456"),
                ..good
            },
            MpmError::BadValue(62),
        ),
    ] {
        assert_eq!(encode_jpqr(&wrong), Err(error), "{wrong:?}");
    }
}

#[test]
fn the_checksum_has_its_catalogue_values() {
    for (input, crc) in [
        (&b"123456789"[..], 0x29B1),
        (b"", 0xFFFF),
        (b"A", 0xB915),
        (b"000201", 0x89B9),
        (b"6304", 0x6007),
        (b"\0\0", 0x1D0F),
        ("見本喫茶店".as_bytes(), 0x7373),
    ] {
        assert_eq!(checksum(input), crc, "{input:?}");
    }
}

#[test]
fn other_amounts_and_fees_that_are_none() {
    let with = |id: u8, value: &str| {
        let mut objects: Vec<Object<'_>> = decode(VALID[0].1).unwrap().objects;
        objects.pop();
        objects.push(Object { id, value });
        encode(&objects).map(drop)
    };
    for amount in [
        ".5",
        "1480.00",
        "1480.0",
        "-1",
        "+1",
        " 1",
        "１",
        "0.",
        "00",
        "12345678901234",
    ] {
        assert_eq!(with(54, amount), Err(MpmError::BadAmount(54)), "{amount}");
    }
    assert_eq!(
        with(54, "0001480"),
        Ok(()),
        "leading zeros are read, not written"
    );
    assert_eq!(with(55, "04"), Err(MpmError::BadValue(55)));
    assert_eq!(with(58, "JP"), Err(MpmError::DuplicateId(58)));
    assert_eq!(with(65, "x\u{7}"), Err(MpmError::BadValue(65)));
    assert_eq!(with(80, "0102X1"), Err(MpmError::MissingMandatory(80)));
    assert_eq!(with(62, "0904AMEA"), Err(MpmError::BadValue(62)));
    assert_eq!(with(62, "0902AA"), Err(MpmError::BadValue(62)));
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,200}") {
            let _ = decode(&text);
        }

        #[test]
        fn any_row_of_almost_objects_is_read_without_panic(text in "(00|26|54|62|63|64)?([0-9]{2}[0-9]{1,2}[a-z茶0-9]{0,12}){0,12}6304[0-9A-F]{4}") {
            let _ = decode(&text);
        }

        #[test]
        fn one_changed_character_is_always_found(at in any::<prop::sample::Index>(), to in "[0-9A-Z]") {
            let original = VALID[2].1;
            let mut characters: Vec<char> = original.chars().collect();
            let at = at.index(characters.len());
            characters[at] = to.chars().next().unwrap();
            let changed: String = characters.into_iter().collect();
            prop_assert!(changed == original || decode(&changed).is_err(), "{}", changed);
        }

        #[test]
        fn what_we_make_we_read(yen in 1..=9_999_999_999_999_u64, name in "[ -~]{1,25}", name_ja in "[ぁ-んァ-ヶ一-龠]{1,25}", bill in "[ -~]{1,25}") {
            let store = StoreCode { level1: "0000000000123", level2: "0001", level3: "000001", level4: "000001" };
            let order = JpqrOrder {
                store, amount_yen: Some(yen), category: "5812", name: &name, city: "CITY", postal_code: "1000001",
                bill_number: Some(&bill), terminal_label: None, name_ja: &name_ja,
            };
            let text = encode_jpqr(&order).unwrap();
            let read = decode(&text).unwrap();
            prop_assert_eq!(read.amount_yen(), Some(yen));
            prop_assert_eq!(read.merchant_name, &name);
            prop_assert_eq!(read.jpqr().unwrap().name, &name_ja);
        }
    }
}
