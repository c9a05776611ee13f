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
        Self::every(now, Duration::from_secs(1) / per_second.max(1), burst)
    }

    /// Full at first: `burst` in a row, and one in this time from then on.
    #[must_use]
    pub fn every(now: Instant, every: Duration, burst: u32) -> Self {
        Self { every, burst: burst.max(1), full_at: now }
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

    /// Whether there is one left.
    #[must_use]
    pub fn has(&self, now: Instant) -> bool {
        self.next_at() <= now
    }

    /// The same for many at once: so many bytes.
    pub fn take_many(&mut self, now: Instant, count: u32) -> bool {
        let full_at = self.full_at.max(now) + self.every * count;
        let allowed = full_at <= now + self.every * self.burst;
        if allowed {
            self.full_at = full_at;
        }
        allowed
    }

    /// What was taken is given back.
    pub fn give_back(&mut self) {
        self.full_at = self.full_at.checked_sub(self.every).unwrap_or(self.full_at);
    }

    /// When there is one to take.
    #[must_use]
    pub fn next_at(&self) -> Instant {
        let spare = self.every * self.burst.saturating_sub(1);
        self.full_at.checked_sub(spare).unwrap_or(self.full_at)
    }

    /// Whether nothing is missing from it, so that it need not be remembered.
    #[must_use]
    pub fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
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
        assert_eq!(bucket.next_at(), later(60_100));
        bucket.give_back();
        assert_eq!(bucket.next_at(), later(60_000));
        assert!(bucket.take(later(60_000)) && !bucket.take(later(60_000)));
        assert!(!bucket.is_full(later(60_400)) && bucket.is_full(later(60_500)));
        assert!(bucket.take_many(later(70_000), 5) && !bucket.take_many(later(70_100), 2));
    }
}
