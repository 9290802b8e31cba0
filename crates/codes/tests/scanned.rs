//! Our pictures, read by zbarimg: a program that knows nothing of ours.

use std::process::{Command, Stdio};

use mamori_codes::payment_code::{IssuerPrefix, PaymentCode, RANDOM_SPACE};
use mamori_codes::{barcode, emvco_mpm, qr};

/// Whether zbarimg is there; says by name what is skipped where it is not (an error when `CI` is set).
fn zbarimg_is_installed() -> bool {
    let answers = Command::new("zbarimg")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let installed = answers.is_ok_and(|status| status.success());
    if !installed {
        assert!(
            std::env::var_os("CI").is_none(),
            "zbarimg is not installed: its tests must run here"
        );
        eprintln!("skipped: zbarimg is not installed (Debian: apt-get install zbar-tools)");
    }
    installed
}

/// Numbers of a path command such as `M12 0h2v64h-2z`.
fn rectangles(svg: &str) -> Vec<[usize; 4]> {
    let path = svg
        .split("fill=\"#000\" d=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    path.split('z')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let numbers: Vec<usize> = part
                .split(|c: char| !c.is_ascii_digit())
                .filter(|n| !n.is_empty())
                .map(|n| n.parse().unwrap())
                .collect();
            [numbers[0], numbers[1], numbers[2], numbers[3]]
        })
        .collect()
}

/// Draws an SVG of ours as a portable graymap, `scale` pixels a module.
fn graymap(svg: &str, scale: usize) -> Vec<u8> {
    let size: Vec<usize> = svg
        .split("viewBox=\"0 0 ")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .split(' ')
        .map(|n| n.parse().unwrap())
        .collect();
    let (width, height) = (size[0] * scale, size[1] * scale);
    let mut pixels = vec![255_u8; width * height];
    for [x, y, w, h] in rectangles(svg) {
        for row in y * scale..(y + h) * scale {
            pixels[row * width..][x * scale..(x + w) * scale].fill(0);
        }
    }
    let mut file = format!("P5 {width} {height} 255\n").into_bytes();
    file.extend(pixels);
    file
}

/// What zbarimg reads in a picture, as `symbology:text`.
fn scanned(svg: &str) -> String {
    // A number of its own for each test process and picture; nextest runs tests in parallel.
    let name = format!("mamori-scan-{}-{:p}.pgm", std::process::id(), svg.as_ptr());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, graymap(svg, 4)).unwrap();
    let read = Command::new("zbarimg")
        .args(["--quiet", "--nodbus"])
        .arg(&path)
        .output()
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    String::from_utf8(read.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

#[test]
fn a_scanner_reads_barcode_and_qr_of_payment_codes() {
    if !zbarimg_is_installed() {
        return;
    }
    let issuer = IssuerPrefix::parse("90009900").unwrap();
    for n in 0..8 {
        let code = PaymentCode::new(
            issuer,
            7 * n,
            6_180_339_887_498 * u64::from(n) % RANDOM_SPACE,
        )
        .unwrap();
        assert_eq!(
            scanned(&barcode::svg(code.as_str()).unwrap()),
            format!("CODE-128:{}", code.as_str())
        );
        assert_eq!(
            scanned(&qr::svg_digits(code.as_str()).unwrap()),
            format!("QR-Code:{}", code.as_str())
        );
    }
}

#[test]
fn a_scanner_reads_codes_with_an_odd_digit() {
    if !zbarimg_is_installed() {
        return;
    }
    assert_eq!(
        scanned(&barcode::svg("3158990012345678901").unwrap()),
        "CODE-128:3158990012345678901"
    );
}

#[test]
fn a_scanner_reads_japanese_names_in_a_merchant_code() {
    if !zbarimg_is_installed() {
        return;
    }
    let store = emvco_mpm::StoreCode {
        level1: "0000000000123",
        level2: "0001",
        level3: "000001",
        level4: "000001",
    };
    let payload = emvco_mpm::encode_jpqr(&emvco_mpm::JpqrOrder {
        store,
        amount_yen: Some(1_480),
        category: "5812",
        name: "SAMPLE CAFE",
        city: "CHIYODA-KU",
        postal_code: "1000001",
        bill_number: Some("INV-00017"),
        terminal_label: Some("T01"),
        name_ja: "見本喫茶店",
    })
    .unwrap();
    assert_eq!(
        scanned(&qr::svg_bytes(&payload).unwrap()),
        format!("QR-Code:{payload}")
    );
}
