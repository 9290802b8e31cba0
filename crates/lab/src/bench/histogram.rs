//! Latencies in buckets whose width grows with the value: every figure read from them is at most 0.8% too high, never too low.

/// Buckets per doubling.
const STEPS: u64 = 128;

/// Counts of microseconds.
#[derive(Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        // 2^40 microseconds are twelve days: no measured answer is longer.
        Histogram {
            counts: vec![0; bucket(1 << 40) + 1],
            total: 0,
            max: 0,
        }
    }
}

fn bucket(micros: u64) -> usize {
    let doublings = (u64::BITS - micros.leading_zeros()).saturating_sub(STEPS.trailing_zeros() + 1);
    (u64::from(doublings) * STEPS + (micros >> doublings)) as usize
}

/// The largest value that falls into a bucket.
fn upper_bound(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let doublings = (bucket / STEPS).saturating_sub(1);
    let lowest = (bucket - doublings * STEPS) << doublings;
    lowest + (1 << doublings) - 1
}

impl Histogram {
    /// Adds one latency in microseconds.
    pub fn record(&mut self, micros: u64) {
        let last = self.counts.len() - 1;
        self.counts[bucket(micros).min(last)] += 1;
        self.total += 1;
        self.max = self.max.max(micros);
    }

    /// The latency in microseconds that `in_ten_thousand` of ten thousand answers do not exceed: 5,000 is the median, 9,990 is p99.9.
    pub fn quantile(&self, in_ten_thousand: u64) -> u64 {
        let wanted = (self.total * in_ten_thousand).div_ceil(10_000).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper_bound(bucket).min(self.max);
            }
        }
        self.max
    }

    /// The longest latency in microseconds.
    pub fn max(&self) -> u64 {
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_within_one_percent() {
        for value in (0..40).flat_map(|power| {
            [
                1_u64 << power,
                (1 << power) + 1,
                (3 << power) / 2,
                (1 << power) * 2 - 1,
            ]
        }) {
            let bound = upper_bound(bucket(value));
            assert!(bound >= value, "{value} above its bound {bound}");
            assert!(bound - value <= value / 100, "{value} reported as {bound}");
        }
    }

    #[test]
    fn quantiles_of_a_known_series() {
        let mut histogram = Histogram::default();
        (1..=100).for_each(|value| histogram.record(value));
        assert_eq!(histogram.quantile(5_000), 50);
        assert_eq!(histogram.quantile(9_900), 99);
        assert_eq!(histogram.quantile(10_000), 100);
        assert_eq!(histogram.max(), 100);
    }
}
