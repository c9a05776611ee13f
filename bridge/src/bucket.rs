//! How much a member may ask for: so many a second, and some more in a row. Pure.

use std::time::{Duration, Instant};

/// A token bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    every: Duration,
    burst: u32,
    /// When it would be full again: the later, the emptier.
    full_at: Instant,
}

impl Bucket {
    /// Full at first: `burst` in a row, and `per_second` from then on. Both are at least 1.
    #[must_use]
    pub fn new(now: Instant, per_second: u32, burst: u32) -> Self {
        Self { every: Duration::from_secs(1) / per_second.max(1), burst: burst.max(1), full_at: now }
    }

    /// Whether there is one left, which is then taken.
    pub fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + self.every;
        let allowed = full_at <= now + self.every * self.burst;
        if allowed {
            self.full_at = full_at;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
    fn a_burst_is_let_through_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start, 10, 5);
        assert_eq!((0..20).filter(|_| bucket.take(start)).count(), 5);
        let later = |ms| start + Duration::from_millis(ms);
        assert_eq!((1..=2000).filter(|&ms| bucket.take(later(ms))).count(), 20);
        assert_eq!((0..20).filter(|_| bucket.take(later(60_000))).count(), 5);
    }
}
