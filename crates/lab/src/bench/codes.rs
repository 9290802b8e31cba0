//! How fast payment codes are made and read, on one core.

use std::hint::black_box;

use mamori::world::{Clock, Failure};
use mamori_codes::payment_code::{IssuerPrefix, PaymentCode, RANDOM_SPACE};
use mamori_codes::{barcode, qr};

use super::load::Choices;
use super::report::{Table, grouped};

/// How often each operation is asked for before the clock is read again.
const TURNS: u64 = 64;

fn rate(clock: Clock, micros: u64, mut operation: impl FnMut()) -> f64 {
    let begin = (clock.monotonic_micros)();
    let mut done = 0;
    loop {
        (0..TURNS).for_each(|_| operation());
        done += TURNS;
        let elapsed = (clock.monotonic_micros)() - begin;
        if elapsed >= micros {
            return done as f64 * 1e6 / elapsed as f64;
        }
    }
}

/// Adds the rates to a table, spending about `micros` on each.
pub fn run(
    table: &mut Table,
    clock: Clock,
    choices: &mut Choices,
    micros: u64,
) -> Result<(), Failure> {
    let issuer = IssuerPrefix::parse("28001234").ok_or("the issuer prefix of the benchmark")?;
    let codes: Vec<PaymentCode> = (0..1024)
        .filter_map(|_| PaymentCode::new(issuer, 0, choices.below(RANDOM_SPACE)))
        .collect();
    let mut turn = 0_usize;
    let mut next = move || {
        turn = (turn + 1) % 1024;
        turn
    };
    table.head("code formats, one core");
    let mut row = |name: &str, operation: &dyn Fn(usize)| {
        let rate = rate(clock, micros, || operation(next()));
        table.figure(name, format!("{}/s", grouped(rate)));
    };
    let text = |turn: usize| black_box(&codes[turn]).as_str();
    row("payment code: encode", &|turn| {
        black_box(PaymentCode::new(
            issuer,
            0,
            black_box(turn as u64 * 97_777_777),
        ));
    });
    row("payment code: decode", &|turn| {
        let _ = black_box(PaymentCode::parse(text(turn), issuer));
    });
    row("barcode (Code 128): encode to bars", &|turn| {
        drop(black_box(barcode::modules(text(turn))))
    });
    row("barcode (Code 128): encode to SVG", &|turn| {
        drop(black_box(barcode::svg(text(turn))))
    });
    row("QR: encode to SVG", &|turn| {
        drop(black_box(qr::svg_digits(text(turn))))
    });
    Ok(())
}
