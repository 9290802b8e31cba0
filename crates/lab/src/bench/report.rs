//! Figures beside their targets, as a table for people.

use std::fmt::Write as _;

/// One line of the table.
struct Row {
    name: String,
    figure: String,
    target: Option<(String, bool)>,
}

/// A table of figures, printed to standard error so that standard output stays JSON.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// A headline between rows.
    pub fn head(&mut self, name: &str) {
        self.rows.push(Row {
            name: name.to_owned(),
            figure: String::new(),
            target: None,
        });
    }

    /// A figure with its unit.
    pub fn figure(&mut self, name: impl Into<String>, figure: impl Into<String>) {
        self.rows.push(Row {
            name: format!("  {}", name.into()),
            figure: figure.into(),
            target: None,
        });
    }

    /// A figure beside its target, and whether it is met.
    pub fn judged(
        &mut self,
        name: impl Into<String>,
        figure: impl Into<String>,
        target: impl Into<String>,
        met: bool,
    ) {
        let target = Some((target.into(), met));
        self.rows.push(Row {
            name: format!("  {}", name.into()),
            figure: figure.into(),
            target,
        });
    }

    /// The table as text.
    pub fn text(&self) -> String {
        let width = |of: fn(&Row) -> usize| self.rows.iter().map(of).max().unwrap_or(0);
        let (names, figures) = (
            width(|row| row.name.chars().count()),
            width(|row| row.figure.chars().count()),
        );
        let mut text = String::new();
        for row in &self.rows {
            let _ = write!(text, "{:<names$}  {:>figures$}", row.name, row.figure);
            if let Some((target, met)) = &row.target {
                let _ = write!(
                    text,
                    "   target {target}: {}",
                    if *met { "met" } else { "MISSED" }
                );
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }
}

/// A whole number with commas between thousands.
pub fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Microseconds as milliseconds.
pub fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

/// The value in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => (values[count / 2 - 1] + values[count / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(
            ["0", "999", "1,000", "1,234,567"].map(str::to_owned),
            [0.0, 999.0, 1000.0, 1_234_567.0].map(grouped)
        );
    }

    #[test]
    fn the_median_of_pairs_is_between_them() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn a_missed_target_is_shouted() {
        let mut table = Table::default();
        table.head("payments");
        table.judged("p99", "31 ms", "20 ms", false);
        assert_eq!(
            table.text(),
            "payments\n  p99     31 ms   target 20 ms: MISSED\n"
        );
    }
}
