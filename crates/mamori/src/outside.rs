//! The only door to the system's clock and to its entropy. The programs open it once, in their `main.rs`, and pass on what they
//! got; nothing else may ask for either (`clippy.toml`, `cargo xtask tidy`).
#![allow(clippy::disallowed_methods)]

use std::time::SystemTime;

use rustix::time::{ClockId, clock_gettime};

use crate::world::Clock;

pub const CLOCK: Clock = Clock {
    wall_micros,
    monotonic_micros,
};

fn wall_micros() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
        })
}

/// Since boot, and going on while the machine sleeps: an owner that was paused for an hour must know that its lease is an
/// hour old, and its clock on the wall has not jumped.
fn monotonic_micros() -> u64 {
    let since_boot = clock_gettime(ClockId::Boottime);
    let micros = since_boot.tv_sec * 1_000_000 + since_boot.tv_nsec / 1_000;
    u64::try_from(micros).unwrap_or(0)
}

pub fn chance(bytes: &mut [u8]) {
    getrandom::fill(bytes)
        .expect("the system has no entropy source: nothing here is safe without one");
}
