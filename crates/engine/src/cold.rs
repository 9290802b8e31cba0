//! Tells a new request key from one that memory has forgotten, without a look at the disk.

/// A set of forgotten keys that may say "perhaps" for a new key (one in some thousands) but never "no" for an old one.
///
/// Bloom filters of doubling size, each answering from one cache line: ten million old keys cost seven lines to ask, thirty to
/// fifty megabytes to keep. A "perhaps" sends the act to the views, where the look-up of a key grows with all the past: the
/// filter must be good enough for seven of them. A filter per fixed-size segment would cost a line per segment, which is dozens.
#[derive(Default)]
pub struct ColdKeys {
    filters: Vec<Filter>,
}

struct Filter {
    /// Lines of 512 bits.
    lines: Vec<[u64; 8]>,
    keys: usize,
}

/// The first filter holds this many keys; each next one twice as many.
const FIRST_KEYS: usize = 1 << 17;
/// Twenty-four bits and seven probes a key: about one false "perhaps" in 5,000 within one line. Sixteen and five said it to one
/// payment in 700 and filter, which cost 3 µs a payment with two million in the past.
const BITS_PER_KEY: usize = 24;
const PROBES: u32 = 7;

impl Filter {
    fn new(keys: usize) -> Filter {
        Filter {
            lines: vec![[0; 8]; keys * BITS_PER_KEY / 512],
            keys: 0,
        }
    }

    /// The line of a key, and the bits in it.
    fn place(&self, key: u64) -> (usize, u64) {
        let mixed = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16;
        ((mixed % self.lines.len() as u64) as usize, key)
    }

    fn bits(mut seed: u64) -> impl Iterator<Item = (usize, u64)> {
        (0..PROBES).map(move |_| {
            let bit = seed & 511;
            seed >>= 9;
            ((bit >> 6) as usize, 1 << (bit & 63))
        })
    }
}

impl ColdKeys {
    /// Adds a key that memory is about to forget: the low half of its hash, which is what the views keep too.
    pub fn add(&mut self, key: u64) {
        let full = |filter: &Filter| filter.keys >= filter.lines.len() * 512 / BITS_PER_KEY;
        if self.filters.last().is_none_or(full) {
            self.filters
                .push(Filter::new(FIRST_KEYS << self.filters.len()));
        }
        let filter = self.filters.last_mut().expect("one was just made");
        let (line, seed) = filter.place(key);
        for (word, bit) in Filter::bits(seed) {
            filter.lines[line][word] |= bit;
        }
        filter.keys += 1;
    }

    /// False: the key was never added. True: perhaps it was.
    pub fn might_have(&self, key: u64) -> bool {
        self.filters.iter().rev().any(|filter| {
            let (line, seed) = filter.place(key);
            let line = &filter.lines[line];
            Filter::bits(seed).all(|(word, bit)| line[word] & bit != 0)
        })
    }

    /// Memory that the filters take, in bytes.
    pub fn bytes(&self) -> usize {
        self.filters
            .iter()
            .map(|filter| filter.lines.len() * 64)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mamori_domain::world::Draw;

    #[test]
    fn an_old_key_is_never_taken_for_a_new_one_and_a_new_one_seldom_for_an_old_one() {
        let mut draw = Draw::from_seed(1);
        let mut cold = ColdKeys::default();
        let old: Vec<u64> = (0..300_000).map(|_| draw.number()).collect();
        old.iter().for_each(|key| cold.add(*key));
        assert!(old.iter().all(|key| cold.might_have(*key)));
        let taken = (0..100_000)
            .filter(|_| cold.might_have(draw.number()))
            .count();
        assert!(
            taken < 50,
            "{taken} of 100,000 new keys were taken for old ones"
        );
    }
}
