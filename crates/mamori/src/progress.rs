//! How far a long command has come: one line on standard error, drawn over and over if standard error is a terminal.

use std::io::{IsTerminal, Write, stderr};

use crate::world::Clock;

/// Ten times a second is smooth, and costs nothing beside the work.
const DRAW_EVERY_MICROS: u64 = 100_000;
const BAR_CELLS: u64 = 40;

/// The line; it is gone when the command ends, however it ends.
pub struct Progress {
    unit: &'static str,
    clock: Clock,
    began: u64,
    draw_next: u64,
    is_watched: bool,
}

impl Progress {
    /// Begins with nothing drawn. `unit` is what is counted: "rows".
    pub fn begin(unit: &'static str, clock: Clock) -> Progress {
        let began = (clock.monotonic_micros)();
        Progress {
            unit,
            clock,
            began,
            draw_next: began,
            is_watched: stderr().is_terminal(),
        }
    }

    /// Tells that so many of `all` are done.
    pub fn show(&mut self, done: u64, all: u64) {
        let now = (self.clock.monotonic_micros)();
        if !self.is_watched || now < self.draw_next {
            return;
        }
        self.draw_next = now + DRAW_EVERY_MICROS;
        let line = line(self.unit, done, all, now - self.began);
        // A terminal that went away must not end the command.
        drop(write!(stderr(), "\r{line}\x1b[K"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_watched {
            drop(write!(stderr(), "\r\x1b[K"));
        }
    }
}

/// A bar, the count, and the time that is left if the rest goes as fast as what is done.
fn line(unit: &str, done: u64, all: u64, micros: u64) -> String {
    let done = done.min(all);
    let share_of =
        |whole: u64| (u128::from(whole) * u128::from(done) / u128::from(all.max(1))) as u64;
    let cells = share_of(BAR_CELLS);
    let bar = "█".repeat(cells as usize) + &"░".repeat((BAR_CELLS - cells) as usize);
    let left = match done {
        0 => "-".to_owned(),
        done => {
            let seconds =
                u128::from(micros) * u128::from(all - done) / u128::from(done) / 1_000_000;
            format!("{}:{:02}", seconds / 60, seconds % 60)
        }
    };
    format!("{bar} {done}/{all} {unit} {left} left")
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_quarter_done_in_a_minute_has_three_minutes_left() {
        let expected = format!(
            "{}{} 250/1000 rows 3:00 left",
            "█".repeat(10),
            "░".repeat(30)
        );
        assert_eq!(line("rows", 250, 1_000, 60_000_000), expected);
    }

    #[test]
    fn what_has_not_begun_or_is_empty_or_grew_has_a_line_too() {
        assert!(line("rows", 0, 1_000, 5).ends_with("0/1000 rows - left"));
        assert!(line("rows", 0, 0, 5).ends_with("0/0 rows - left"));
        assert!(line("bytes", 12, 10, 5).ends_with("10/10 bytes 0:00 left"));
    }
}
