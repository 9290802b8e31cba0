//! Time and chance for the edge, handed in by the binary.

use std::sync::Arc;

use mamori_domain::world::Timestamp;
use mamori_registry::Seed;

type Now = dyn Fn() -> Timestamp + Send + Sync;
type Fill = dyn Fn(&mut [u8]) + Send + Sync;

/// The clock and the entropy source of this process.
///
/// Two closures instead of calls, so that a test moves the clock and repeats the chance.
#[derive(Clone)]
pub struct Outside {
    now: Arc<Now>,
    fill: Arc<Fill>,
}

impl Outside {
    /// `now` reads the clock; `fill` fills a slice from a cryptographic source.
    pub fn new(
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        fill: impl Fn(&mut [u8]) + Send + Sync + 'static,
    ) -> Self {
        Outside {
            now: Arc::new(now),
            fill: Arc::new(fill),
        }
    }

    /// The instant, microseconds UTC.
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Fresh random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.fill)(&mut bytes);
        bytes
    }

    /// A fresh seed for one operation.
    pub fn seed(&self) -> Seed {
        Seed::new(self.bytes())
    }
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outside(..)")
    }
}
