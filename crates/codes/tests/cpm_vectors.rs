//! Consumer-presented payloads: the reference vectors, valid and invalid, each invalid one for its own reason.

use mamori_codes::emvco_cpm::{CpmError, Form, decode, encode, encode_jpqr};

/// Number, payload.
const VALID: &[(&str, &str)] = &[
    // the standard's example 1: AID A0000000555555; track 2 PAN 1234567890123458, expiry 1912, service 201, data 12345
    ("C1", "hQVDUFYwMWEaTwegAAAAVVVVVw8SNFZ4kBI0WNGRIgESNF8="),
    // the standard's example 2: two applications, common data, transparent 64
    (
        "C2",
        "hQVDUFYwMWETTwegAAAAVVVVUAhQcm9kdWN0MWETTwegAAAAZmZmUAhQcm9kdWN0MmJJWggSNFZ4kBI0WF8gDkNBUkRIT0xERVIvRU1WXy0IcnVlc2RlZW5kIZ8QBwYBCgMAAACfJghYT9OF+iNLzJ82AgABnzcEbVjvEw==",
    ),
    // published wallet sample: AID A000000065039202; track 2 PAN 3158990079242943, expiry 4912, service 121, data 0000051200000
    (
        "C3",
        "hQVDUFYwMWEfTwigAAAAZQOSAlcTMViZAHkkKUPUkSEhAAAFEgAADw==",
    ),
    // one application template: AID + track 2
    ("C4", "hQVDUFYwMWEaTwegAAAAZRAQVw8SNFZ4kBI0WNKRIgEAAB8="),
    // transparent template 63 nested in 61; two-byte tags
    (
        "C5",
        "hQVDUFYwMWFLTwegAAAAZRAQUApTQU1QTEUgUEFZWggSNFZ4kBI0WJ8IAgAQnxkGASNFZ4kBnyUCNFhjF58mCAARIjNEVWZ3nzYCAKGfNwTerb7v",
    ),
    // two application templates + common data template 62/64
    (
        "C6",
        "hQVDUFYwMWEVTwegAAAAZRAQUApTQU1QTEUgUEFZYRFPB6AAAACZmZlQBlNFQ09ORGJBWggSNFZ4kBI0WF8gCVRBUk8vVEVTVF8tBGphZW5fUBRtYWlsdG86YUBleGFtcGxlLmNvbWQLnyYIiJmqu8zd7v8=",
    ),
    // long-form BER length (61 81 nn) is legal BER-TLV
    ("C14", "hQVDUFYwMWGBE08HoAAAAFVVVVoIEjRWeJASNFg="),
    // JPQR1: 4F=`90000002`, 57=`12345678901234` (one library)
    ("C17", "hQVKUFFSMWEaTwg5MDAwMDAwMlcOMTIzNDU2Nzg5MDEyMzQ="),
];

/// Number, payload, reason.
const INVALID: &[(&str, &str, &str)] = &[
    // bad_version: payload format indicator CPV02 (text)
    (
        "C7",
        "hQVDUFYwMmETTwegAAAAVVVVWggSNFZ4kBI0WA==",
        "bad_version",
    ),
    // missing_template: no application template 61 (text)
    ("C8", "hQVDUFYwMWIKWggSNFZ4kBI0WA==", "missing_template"),
    // order: 85 not first (Base64 does not start hQVDUFY) (text)
    ("C9", "YRNPB6AAAABVVVVaCBI0VniQEjRYhQVDUFYwMQ==", "order"),
    // length_overrun: template length past the end (text)
    (
        "C10",
        "hQVDUFYwMWEwTwegAAAAVVVVWggSNFZ4kBI0WA==",
        "length_overrun",
    ),
    // bad_base64: character outside the Base64 alphabet (V rejects)
    (
        "C11",
        "hQVDUFYwMWETTwegAAAAVVVVWggSNFZ4kBI0WA*",
        "bad_base64",
    ),
    // aid_length: AID shorter than 5 bytes: template skipped, so nothing usable (text)
    ("C12", "hQVDUFYwMWEQTwSgAAAAWggSNFZ4kBI0WA==", "aid_length"),
    // duplicate_tag: same primitive twice in the POI data (V rejects)
    (
        "C13",
        "hQVDUFYwMWEdTwegAAAAVVVVWggSNFZ4kBI0WFoIEjRWeJASNFg=",
        "duplicate_tag",
    ),
    // missing_conditional: neither track 2 (57) nor PAN (5A) in the POI data (text)
    (
        "C15",
        "hQVDUFYwMWEVTwegAAAAVVVVUApTQU1QTEUgUEFZ",
        "missing_conditional",
    ),
    // missing_aid: application template without 4F: skipped, so nothing usable (text)
    ("C16", "hQVDUFYwMWEQUARERU1PWggSNFZ4kBI0WA==", "missing_aid"),
];

fn valid(number: &str) -> &'static str {
    VALID.iter().find(|(n, _)| *n == number).expect(number).1
}

#[test]
fn valid_payloads_are_read_and_written_back() {
    for (number, payload) in VALID {
        let read = decode(payload).unwrap_or_else(|error| panic!("{number}: {error}"));
        let written = encode(&read).unwrap_or_else(|error| panic!("{number}: {error}"));
        // Long lengths are read and not written.
        if *number == "C14" {
            assert_eq!(decode(&written), Ok(read), "{number}");
        } else {
            assert_eq!(written, *payload, "{number}");
        }
    }
}

#[test]
fn invalid_payloads_are_refused_each_for_its_own_reason() {
    for (number, payload, reason) in INVALID {
        assert_eq!(
            decode(payload).expect_err(number).reason(),
            *reason,
            "{number}"
        );
    }
}

#[test]
fn the_examples_of_the_standard_say_what_it_says() {
    let first = decode(valid("C1")).unwrap();
    let application = &first.applications[0];
    assert_eq!(application.aid(), [0xA0, 0, 0, 0, 0x55, 0x55, 0x55]);
    let track2 = first.track2(application).unwrap();
    assert_eq!(
        (
            &*track2.pan,
            &*track2.expiry,
            &*track2.service,
            &*track2.discretionary
        ),
        ("1234567890123458", "1912", "201", "12345")
    );
    assert_eq!(first.last_four(application).as_deref(), Some("3458"));

    let second = decode(valid("C2")).unwrap();
    assert_eq!(second.applications.len(), 2);
    assert!(second.applications[1].is_selected_by(&[0xA0, 0, 0, 0, 0x66, 0x66]));
    assert!(!second.applications[0].is_selected_by(&[0xA0, 0, 0, 0, 0x66, 0x66]));
    assert_eq!(second.poi_data(&second.applications[0]).count(), 5);
}

#[test]
fn a_wallets_sample_is_read() {
    let read = decode(valid("C3")).unwrap();
    assert_eq!(
        read.applications[0].aid(),
        [0xA0, 0, 0, 0, 0x65, 0x03, 0x92, 0x02]
    );
    let track2 = read.track2(&read.applications[0]).unwrap();
    assert_eq!(
        (
            &*track2.pan,
            &*track2.expiry,
            &*track2.service,
            &*track2.discretionary
        ),
        ("3158990079242943", "4912", "121", "0000051200000")
    );
}

#[test]
fn receipts_take_the_digits_that_the_payload_gives() {
    let read = decode(valid("C5")).unwrap();
    assert_eq!(
        read.last_four(&read.applications[0]).as_deref(),
        Some("3458")
    );
}

#[test]
fn the_jpqr_form_is_issuer_and_payment_id() {
    let read = decode(valid("C17")).unwrap();
    assert_eq!(read.form, Form::Jpqr);
    let jpqr = read.jpqr().unwrap();
    assert_eq!(
        (jpqr.issuer, jpqr.payment_id),
        ("90000002", "12345678901234")
    );
    assert_eq!(
        encode_jpqr("90000002", "12345678901234").as_deref(),
        Ok(valid("C17"))
    );
    for (issuer, id, error) in [
        ("9000000x", "1", CpmError::BadValue),
        ("90000002", "", CpmError::BadValue),
        ("9000", "1", CpmError::AidLength),
        ("90000002", "１", CpmError::BadValue),
    ] {
        assert_eq!(encode_jpqr(issuer, id), Err(error), "{issuer} {id}");
    }
}

#[test]
fn nothing_secret_is_shown_by_debug() {
    for (number, payload) in VALID {
        let read = decode(payload).unwrap();
        let shown = format!(
            "{read:?} {:?} {:?}",
            read.jpqr(),
            read.track2(&read.applications[0])
        );
        for secret in ["12345678901234", "3158990079242943", "1234567890123458"] {
            assert!(!shown.contains(secret), "{number}: {shown}");
        }
    }
}

mod properties {
    use super::*;
    use base64::Engine as _;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,100}") {
            let _ = decode(&text);
        }

        #[test]
        fn any_bytes_behind_the_indicator_are_read_without_panic(jpqr: bool, tail in prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(vec![0x61, 0x62, 0x63, 0x4F, 0x57, 0x5A, 0x81, 0x82, 0x80, 0x9F, 5, 7])], 0..120,
        )) {
            let mut bytes = if jpqr { b"\x85\x05JPQR1".to_vec() } else { b"\x85\x05CPV01".to_vec() };
            bytes.extend(tail);
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            if let Ok(read) = decode(&text) {
                prop_assert!(encode(&read).is_ok());
                let _ = (read.jpqr(), read.track2(&read.applications[0]), read.last_four(&read.applications[0]));
            }
        }

        #[test]
        fn cut_payloads_never_panic(which in 0..VALID.len(), at in any::<prop::sample::Index>()) {
            let payload = VALID[which].1;
            let _ = decode(&payload[..at.index(payload.len())]);
        }
    }
}
