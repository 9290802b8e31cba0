//! How many tests a suite ran, read from what its runner printed last.

/// Tests of one suite, or the sum over several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Tally {
    pub fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// The sum of the closing lines of nextest, `node --test` and pytest; a suite may run more than one of them.
    /// A suite that prints none (a formatter, a build) counts no tests.
    pub fn read(output: &str) -> Tally {
        let mut tally = Tally::default();
        for line in output.lines() {
            let line = line.trim();
            if let Some(found) = nextest(line).or_else(|| pytest(line)) {
                tally.add(found);
            } else if let Some((what, count)) = node(line) {
                match what {
                    "pass" => tally.passed += count,
                    "fail" => tally.failed += count,
                    "skipped" => tally.skipped += count,
                    _ => {}
                }
            }
        }
        tally
    }
}

/// `Summary [   0.061s] 21 tests run: 20 passed (1 slow), 1 failed, 0 skipped`
fn nextest(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("Summary [")?.split_once(" run: ")?;
    Some(counted(counts))
}

/// `===== 12 passed, 1 skipped in 3.40s =====`
fn pytest(line: &str) -> Option<Tally> {
    let bare = line.trim_matches('=').trim();
    let (counts, time) = bare.rsplit_once(" in ")?;
    let is_summary =
        time.split([' ', 's']).next()?.parse::<f64>().is_ok() && line.contains("passed");
    (is_summary || counts.ends_with("failed")).then(|| counted(counts))
}

/// `# pass 9` of TAP, `ℹ pass 9` of the reporter for people.
fn node(line: &str) -> Option<(&str, u64)> {
    let (what, count) = line
        .strip_prefix("# ")
        .or_else(|| line.strip_prefix("ℹ "))?
        .split_once(' ')?;
    Some((what, count.parse().ok()?))
}

fn counted(counts: &str) -> Tally {
    let mut tally = Tally::default();
    for part in counts.split(',') {
        let mut words = part.split_whitespace();
        let Some(Ok(count)) = words.next().map(str::parse::<u64>) else {
            continue;
        };
        match words.next() {
            Some("passed") => tally.passed += count,
            Some("failed" | "error" | "errors" | "timed") => tally.failed += count,
            Some("skipped") => tally.skipped += count,
            _ => {}
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(output: &str, passed: u64, failed: u64, skipped: u64) {
        assert_eq!(
            Tally::read(output),
            Tally {
                passed,
                failed,
                skipped
            }
        );
    }

    #[test]
    fn each_runner_is_understood() {
        check(
            "     Summary [   1.061s] 22 tests run: 20 passed (1 slow), 1 failed, 1 timed out, 3 skipped",
            20,
            2,
            3,
        );
        check("# tests 11\n# pass 9\n# fail 1\n# skipped 1", 9, 1, 1);
        check("ℹ pass 9\nℹ fail 0", 9, 0, 0);
        check("===== 12 passed, 1 skipped in 3.40s =====", 12, 0, 1);
        check("2 failed, 3 passed in 0.10s", 3, 2, 0);
        check("# pass 9\n# fail 0\n10 passed in 1.00s", 19, 0, 0);
        check("   Compiling mamori v0.1.0", 0, 0, 0);
    }
}
