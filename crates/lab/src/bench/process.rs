//! What a process has cost so far, read from `/proc` by its id.

use std::collections::BTreeMap;
use std::fs;

/// Processor time by thread name, memory and disk writes of one process at one instant.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    /// Nanoseconds on a core, user and system together, by thread name without its number (`http-0` counts as `http`).
    pub cpu_nanos: BTreeMap<String, u64>,
    /// Bytes the process caused to be written to block devices.
    pub written_bytes: u64,
    /// Resident memory in bytes.
    pub resident_bytes: u64,
}

impl Cost {
    /// Reads the costs of a living process; what cannot be read counts as zero.
    pub fn of(process: u32) -> Cost {
        let mut cost = Cost::default();
        for task in fs::read_dir(format!("/proc/{process}/task"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            // schedstat counts nanoseconds; /proc/PID/stat only ticks of 10 ms.
            let nanos = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let nanos: u64 = nanos
                .split_whitespace()
                .next()
                .and_then(|text| text.parse().ok())
                .unwrap_or(0);
            let name = name
                .trim()
                .trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '-');
            *cost.cpu_nanos.entry(name.to_owned()).or_default() += nanos;
        }
        let line = |file: &str, name: &str| -> u64 {
            let text = fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
            let found = text.lines().find_map(|line| line.strip_prefix(name));
            found
                .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
                .unwrap_or(0)
        };
        cost.written_bytes = line("io", "write_bytes:");
        cost.resident_bytes = line("status", "VmRSS:") * 1024;
        cost
    }

    /// The costs between an earlier reading and this one.
    pub fn since(&self, earlier: &Cost) -> Cost {
        let cpu_nanos = self.cpu_nanos.iter().map(|(name, nanos)| {
            (
                name.clone(),
                nanos.saturating_sub(earlier.cpu_nanos.get(name).copied().unwrap_or(0)),
            )
        });
        Cost {
            cpu_nanos: cpu_nanos.collect(),
            written_bytes: self.written_bytes.saturating_sub(earlier.written_bytes),
            resident_bytes: self.resident_bytes,
        }
    }

    /// Nanoseconds on a core of all threads together.
    pub fn cpu_nanos_sum(&self) -> u64 {
        self.cpu_nanos.values().sum()
    }
}
