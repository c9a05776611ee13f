//! How late ticks are: what tells a machine that is too small from one that is not. Pure.

use std::time::Duration;

/// How fine lateness is kept.
const STEP: Duration = Duration::from_micros(100);

/// Steps that are told apart: up to a tenth of a second. Later is all the same.
const STEPS: usize = 1000;

/// A histogram of how late ticks were.
#[derive(Clone, Debug)]
pub struct Lateness {
    steps: Box<[u64; STEPS + 1]>,
    ticks: u64,
    worst: Duration,
}

impl Default for Lateness {
    fn default() -> Self {
        Self { steps: Box::new([0; STEPS + 1]), ticks: 0, worst: Duration::ZERO }
    }
}

impl Lateness {
    /// A tick was so late.
    pub fn note(&mut self, late: Duration) {
        let step = usize::try_from(late.as_micros() / STEP.as_micros()).unwrap_or(STEPS).min(STEPS);
        self.steps[step] += 1;
        self.ticks += 1;
        self.worst = self.worst.max(late);
    }

    /// Ticks so far.
    #[must_use]
    pub const fn ticks(&self) -> u64 {
        self.ticks
    }

    /// The latest of all.
    #[must_use]
    pub const fn worst(&self) -> Duration {
        self.worst
    }

    /// Of a thousand ticks so many were not later than this, to a tenth of a millisecond.
    #[must_use]
    pub fn permille(&self, permille: u64) -> Duration {
        let mut left = (self.ticks * permille).div_ceil(1000);
        for (step, &ticks) in self.steps.iter().enumerate() {
            left = left.saturating_sub(ticks);
            if left == 0 {
                return STEP * u32::try_from(step).unwrap_or(u32::MAX);
            }
        }
        self.worst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_the_usual_from_the_rare_and_the_worst() {
        let mut late = Lateness::default();
        assert_eq!((late.ticks(), late.permille(990)), (0, Duration::ZERO));
        for n in 0..1000u64 {
            late.note(Duration::from_micros(if n < 985 { 50 + n } else { 7000 }));
        }
        late.note(Duration::from_secs(3));
        assert_eq!(late.permille(500), Duration::from_micros(500));
        assert_eq!(late.permille(990), Duration::from_millis(7));
        assert_eq!((late.ticks(), late.worst()), (1001, Duration::from_secs(3)));
        assert_eq!(late.permille(1000), Duration::from_millis(100));
    }
}
