//! The face of time for the engine's threads; implemented once, in the programs' assembly.

/// Two clocks with different promises.
pub trait Clock: Send + Sync {
    /// Microseconds since some moment of this boot; never runs back, goes on while the process is stopped.
    ///
    /// The only clock for leases and time-outs.
    fn monotonic_micros(&self) -> i64;

    /// Microseconds since 1970 in UTC; may jump when the machine's clock is set.
    ///
    /// The only clock for what people read and for the rules of the book.
    fn wall_micros(&self) -> i64;
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn monotonic_micros(&self) -> i64 {
        (**self).monotonic_micros()
    }

    fn wall_micros(&self) -> i64 {
        (**self).wall_micros()
    }
}
