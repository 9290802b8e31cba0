//! What a command is given of the outside world: time and chance as values, never asked for.

/// The clock as the rest of the program sees it.
#[derive(Clone, Copy)]
pub struct Clock {
    /// Microseconds since 1970-01-01 UTC.
    pub wall_micros: fn() -> i64,
    /// Microseconds since some fixed instant; never runs back.
    pub monotonic_micros: fn() -> u64,
}

/// Fills a buffer with unpredictable bytes from the system.
pub type Chance = fn(&mut [u8]);

/// What ends a command with exit code 1 and one line on standard error.
pub type Failure = Box<dyn std::error::Error>;

pub fn draw<const N: usize>(chance: Chance) -> [u8; N] {
    let mut bytes = [0; N];
    chance(&mut bytes);
    bytes
}
