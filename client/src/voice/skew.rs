//! How fast the microphone's clock goes by the loudspeaker's: no two sound cards count alike. Pure.
//!
//! Each card's own time is the sound that has passed its callback. Callbacks come in bursts and are seen late, but never
//! early: so of each second only the observation that shows a card furthest ahead is kept, and a line is laid through those
//! of the last minute. That finds the skew to some 10 ppm after half a minute, whatever the length of the bursts.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The sound that has passed a device's callback, as its own clock counts it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CardTime {
    /// Which opening of the device: a new one counts from zero again.
    pub opening: u64,
    /// Seconds of sound.
    pub seconds: f64,
}

/// Over how long one observation is chosen.
const CHOOSE: Duration = Duration::from_secs(1);

/// So many are kept: a minute. Longer is more exact and follows a card that warms up later.
const KEPT: usize = 60;

/// So many say something: 15 s. Fewer are off by more than what they mend.
const ENOUGH: usize = 15;

/// A card that is this far from its line has lost sound, or was stopped: it is watched anew.
const OFF: f64 = 0.03;

/// No two cards differ by more; what says so is a fault.
const MOST: f64 = 500e-6;

/// Watches two clocks.
#[derive(Debug, Default)]
pub struct Skew {
    began: Option<Instant>,
    microphone: Card,
    loudspeaker: Card,
}

impl Skew {
    /// What the two devices have counted by `now`; `None` for what is no device. To be called often.
    pub fn observe(&mut self, now: Instant, microphone: Option<CardTime>, loudspeaker: Option<CardTime>) {
        let seconds = now.saturating_duration_since(*self.began.get_or_insert(now)).as_secs_f64();
        self.microphone.observe(seconds, microphone);
        self.loudspeaker.observe(seconds, loudspeaker);
    }

    /// The microphone's rate as the loudspeaker's clock counts it: 1.0001 if it gains 100 ppm. Exactly 1 until known.
    #[must_use]
    pub fn rate(&self) -> f64 {
        match (self.microphone.slope(), self.loudspeaker.slope()) {
            (Some(microphone), Some(loudspeaker)) => 1.0 + (loudspeaker - microphone).clamp(-MOST, MOST),
            _ => 1.0,
        }
    }
}

/// One clock: how far it is behind, in seconds, at which time.
#[derive(Debug, Default)]
struct Card {
    last: Option<CardTime>,
    best: Option<(f64, f64)>,
    choose_until: f64,
    kept: VecDeque<(f64, f64)>,
}

impl Card {
    fn observe(&mut self, now: f64, card: Option<CardTime>) {
        let Some(card) = card.filter(|card| card.seconds > 0.0) else {
            *self = Self::default();
            return;
        };
        if self.last.is_some_and(|last| last.opening != card.opening) {
            *self = Self::default();
        }
        // Only what has just moved tells how late it is seen.
        if self.last.replace(card).is_some_and(|last| last.seconds == card.seconds) {
            return;
        }
        let behind = now - card.seconds;
        if self.best.is_none_or(|(_, least)| behind < least) {
            self.best = Some((now, behind));
        }
        if now < self.choose_until {
            return;
        }
        self.choose_until = now + CHOOSE.as_secs_f64();
        let Some(best) = self.best.take() else { return };
        if self.kept.back().is_some_and(|(_, behind)| (best.1 - behind).abs() > OFF) {
            self.kept.clear();
        }
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(best);
    }

    /// Seconds by which it falls behind in a second.
    fn slope(&self) -> Option<f64> {
        if self.kept.len() < ENOUGH {
            return None;
        }
        let count = self.kept.len() as f64;
        let (at, behind) = self.kept.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let (at, behind) = (at / count, behind / count);
        let (mut both, mut square) = (0.0, 0.0);
        for one in &self.kept {
            both += (one.0 - at) * (one.1 - behind);
            square += (one.0 - at).powi(2);
        }
        (square > 0.0).then(|| both / square)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::start;
    use super::*;

    /// Watches two cards that gain so much and whose callbacks take so many milliseconds, seen by whoever looks every few;
    /// the rate that is found, in ppm.
    fn watch(gain: (f64, f64), burst_ms: (f64, f64), seconds: u64) -> f64 {
        let (mut skew, t0) = (Skew::default(), start());
        let (mut ms, mut seed) = (0.0f64, 1u32);
        while ms < seconds as f64 * 1000.0 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ms += 2.5 + 7.5 * f64::from(seed >> 8) / f64::from(1 << 24);
            let card = |gain: f64, burst: f64| {
                let counted = (ms * (1.0 + gain * 1e-6) / burst).floor() * burst;
                Some(CardTime { opening: 0, seconds: counted / 1000.0 })
            };
            let now = t0 + Duration::from_secs_f64(ms / 1000.0);
            skew.observe(now, card(gain.0, burst_ms.0), card(gain.1, burst_ms.1));
        }
        (skew.rate() - 1.0) * 1e6
    }

    #[test]
    fn the_skew_of_two_cards_is_found_whatever_their_bursts() {
        for (gain, burst) in [
            ((150.0, 0.0), (10.0, 10.0)),
            ((-80.0, 70.0), (10.0, 67.0)),
            ((0.0, 0.0), (21.3, 5.0)),
            ((100.0, 100.0), (10.0, 10.0)),
        ] {
            let found = watch(gain, burst, 60);
            assert!((found - (gain.0 - gain.1)).abs() < 15.0, "{gain:?} {burst:?}: {found:.1} ppm");
            assert_eq!(watch(gain, burst, 10), 0.0, "nothing is said too early");
        }
    }

    #[test]
    fn a_device_that_is_opened_anew_or_gone_is_watched_anew() {
        let (mut skew, t0) = (Skew::default(), start());
        for opening in 0..2 {
            for n in 1..3000u32 {
                let now = t0 + Duration::from_millis(u64::from(opening * 40_000 + n * 10));
                let card = CardTime { opening: opening.into(), seconds: f64::from(n) * 0.010_001 };
                let other = CardTime { opening: 0, seconds: f64::from(opening * 4000 + n) * 0.01 };
                skew.observe(now, Some(card), Some(other));
                if opening == 1 && n == 1000 {
                    assert_eq!(skew.rate(), 1.0);
                }
            }
            assert!(((skew.rate() - 1.0) * 1e6 - 100.0).abs() < 15.0, "{}", skew.rate());
        }
        skew.observe(t0 + Duration::from_secs(100), None, None);
        assert_eq!(skew.rate(), 1.0);
    }
}
