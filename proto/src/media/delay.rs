//! How long to wait: when a packet's sound is to be played, from how late packets have lately been.
//!
//! Keeps the transit of the last packets (arrival minus media time, on a scale of its own: the two clocks need not
//! agree) and places playout where nearly all of them would have arrived in time. A few late ones move it at once
//! when they are the wait's worth, one alone does not; it falls again as they leave the window.
//!
//! This is the one place, with the client's `voice`, where media time meets a clock.

use crate::unit::{MediaTime, SAMPLE_RATE, Samples};
use std::time::{Duration, Instant};

/// Packets remembered: 15 s of speech at 60 ms, 5 s at 20 ms. More forgets a storm later, less trusts too few.
const WINDOW: usize = 256;

/// Share of packets that may come too late, one in this many. Smaller holes cost more delay.
const ONE_LATE_IN: usize = 33;

/// Added to what the packets need: an office PC wakes its timers some milliseconds late, on either side. Less and a
/// quiet link has holes that no packet is to blame for (seen at 5 on a busy machine), more is felt twice a way.
const MARGIN: Duration = Duration::from_millis(10);

/// However wild the link, sound is never held longer than this beyond the fastest packet.
pub const CEILING: Duration = Duration::from_millis(1500);

/// So many packets in a row, all later than the ceiling allows for, and what was before is forgotten: the way itself
/// has become longer (a sender that was paused, a queue that has filled), and will not be as fast again soon.
const LONGER_AFTER: usize = 16;

/// Packets whose fastest says whether a queue stands on the way: jitter delays some of four, a queue all of them. More
/// is surer, and later.
const QUEUE_OF: usize = 4;

/// Packets among which the longest counts as what the far end sends now.
const LENGTHS: usize = 3;

/// Estimates how long to wait.
///
/// Transit is counted from the *end* of a packet's sound, so that it says something about the link whatever the
/// packet's length; what the length itself makes sound wait comes on top.
#[derive(Clone, Debug)]
pub struct DelayEstimator {
    origin: Option<(Instant, MediaTime)>,
    /// Transits in microseconds, a ring.
    transits: [i64; WINDOW],
    seen: usize,
    /// The transit that nearly all packets meet, in microseconds.
    wanted: i64,
    fastest: i64,
    lengths: [Samples; LENGTHS],
    /// Packets in a row that were later than the ceiling allows for.
    beyond: usize,
}

impl Default for DelayEstimator {
    fn default() -> Self {
        Self {
            origin: None,
            transits: [0; WINDOW],
            seen: 0,
            wanted: 0,
            fastest: 0,
            lengths: [Samples(0); LENGTHS],
            beyond: 0,
        }
    }
}

impl DelayEstimator {
    /// A packet with the sound of `length` from `time` on arrived at `now`, sent once.
    pub fn insert(&mut self, now: Instant, time: MediaTime, length: Samples) {
        let origin = *self.origin.get_or_insert((now, time + length));
        let transit =
            micros_between(origin.0, now).saturating_sub(micros_of((time + length).ahead_of(origin.1)));
        let ceiling = CEILING.as_micros() as i64;
        let beyond = self.seen > 0 && transit > self.fastest.saturating_add(ceiling);
        self.beyond = if beyond { self.beyond + 1 } else { 0 };
        self.transits[self.seen % WINDOW] = transit;
        self.lengths[self.seen % LENGTHS] = length;
        self.seen += 1;
        if self.beyond >= LONGER_AFTER {
            let mut latest = [0; LONGER_AFTER];
            for (n, kept) in latest.iter_mut().enumerate() {
                *kept = self.transits[(self.seen - LONGER_AFTER + n) % WINDOW];
            }
            self.transits[..LONGER_AFTER].copy_from_slice(&latest);
            self.seen = LONGER_AFTER;
            self.beyond = 0;
        }
        let known = self.seen.min(WINDOW);
        let mut sorted = self.transits;
        let sorted = &mut sorted[..known];
        let late = known / ONE_LATE_IN;
        let (_, wanted, _) = sorted.select_nth_unstable(known - 1 - late);
        let wanted = *wanted;
        self.fastest = sorted.iter().copied().min().unwrap_or(wanted);
        self.wanted = wanted.min(self.fastest.saturating_add(ceiling));
    }

    /// How much later than the fastest a packet is that arrives at `now`; nothing before the first.
    #[must_use]
    pub fn lateness(&self, now: Instant, time: MediaTime, length: Samples) -> Duration {
        let Some((origin, first)) = self.origin else { return Duration::ZERO };
        let transit = micros_between(origin, now).saturating_sub(micros_of((time + length).ahead_of(first)));
        Duration::from_micros(u64::try_from(transit.saturating_sub(self.fastest)).unwrap_or(0))
    }

    /// When the sound of `time` should be played if it is to wait for `wait` beyond the fastest packet; `None`
    /// before the first packet.
    #[must_use]
    pub fn playout(&self, time: MediaTime, wait: Duration) -> Option<Instant> {
        let (origin, first) = self.origin?;
        let transit = self.fastest + micros_of(i64::from(self.length().0)) + wait.as_micros() as i64;
        let after = micros_of(time.ahead_of(first)).saturating_add(transit);
        match u64::try_from(after) {
            Ok(after) => origin.checked_add(Duration::from_micros(after)),
            Err(_) => origin.checked_sub(Duration::from_micros(after.unsigned_abs())),
        }
    }

    /// The wait beyond the fastest packet that lets nearly all packets be in time that are not lost.
    #[must_use]
    pub fn jitter(&self) -> Duration {
        Duration::from_micros((self.wanted - self.fastest).unsigned_abs()) + MARGIN
    }

    /// How much sound the packets hold that come lately.
    #[must_use]
    pub fn length(&self) -> Samples {
        self.lengths.into_iter().max().unwrap_or_default()
    }

    /// By how much the fastest of the last packets was slower than the fastest of all that are remembered: what
    /// stands in a queue on the way.
    #[must_use]
    pub fn queue(&self) -> Duration {
        let lately = QUEUE_OF.min(self.seen);
        let fastest = (self.seen - lately..self.seen).map(|n| self.transits[n % WINDOW]).min();
        Duration::from_micros(fastest.map_or(0, |lately| (lately - self.fastest).unsigned_abs()))
    }
}

/// Exact, and far from overflow for any time that a peer may claim.
const fn micros_of(samples: i64) -> i64 {
    // 1,000,000 / SAMPLE_RATE, shortened.
    const { assert!(SAMPLE_RATE == 48_000) };
    samples.saturating_mul(125) / 6
}

fn micros_between(from: Instant, to: Instant) -> i64 {
    let micros = |d: Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX / 4);
    micros(to.saturating_duration_since(from)) - micros(from.saturating_duration_since(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
    fn start() -> Instant {
        Instant::now()
    }

    /// Feeds packets of 60 ms, each `late_ms(n)` after the fastest, and says how long the sound of the last waits.
    fn target_after(packets: u64, late_ms: impl Fn(u64) -> u64) -> u64 {
        let (start, mut delay) = (start(), DelayEstimator::default());
        for n in 0..packets {
            let arrival = start + Duration::from_millis(60 * n + 500 + late_ms(n));
            delay.insert(arrival, MediaTime::from_bricks(3 * n), Samples::from_bricks(3));
        }
        delay.jitter().as_millis() as u64
    }

    #[test]
    fn a_steady_link_waits_no_more_than_the_margin() {
        assert_eq!(target_after(300, |_| 0), 10);
    }

    #[test]
    fn one_late_packet_in_a_hundred_is_let_go() {
        assert_eq!(target_after(300, |n| if n % 100 == 7 { 400 } else { 0 }), 10);
    }

    #[test]
    fn a_tenth_of_late_packets_is_waited_for() {
        assert_eq!(target_after(300, |n| if n % 10 == 7 { 120 } else { 0 }), 130);
    }

    #[test]
    fn a_storm_is_answered_within_a_second_and_forgotten_after() {
        assert_eq!(target_after(290, |n| if n > 274 { 200 } else { 0 }), 210);
        assert_eq!(target_after(900, |n| if (100..200).contains(&n) { 700 } else { 10 }), 10);
    }

    #[test]
    fn nothing_makes_it_wait_longer_than_the_ceiling() {
        assert!(target_after(300, |n| if n % 2 == 0 { 0 } else { 60_000 }) <= 1510);
    }

    #[test]
    fn a_way_that_has_become_longer_for_good_is_waited_for_and_no_longer_measured_by_the_old_one() {
        assert_eq!(target_after(300, |n| if n < 100 { 0 } else { 5000 }), 10);
        assert_eq!(target_after(130, |n| if n < 100 { 0 } else { 5000 }), 10);
    }

    #[test]
    fn sound_is_played_when_the_latest_tolerated_packet_would_have_come() {
        let (start, mut delay) = (start(), DelayEstimator::default());
        let wait = Duration::from_millis(10);
        assert_eq!(delay.playout(MediaTime(0), wait), None);
        let time = MediaTime::from_bricks(1000);
        // It came when its 60 ms were said.
        delay.insert(start, time, Samples(2880));
        assert_eq!(delay.playout(time + Samples(2880), wait), Some(start + Duration::from_millis(70)));
        assert_eq!(delay.playout(time - Samples(960 * 10), wait), Some(start - Duration::from_millis(190)));
    }

    #[test]
    fn a_queue_that_stands_is_told_from_jitter() {
        let (start, mut delay) = (start(), DelayEstimator::default());
        let mut queue = |n: u64, late_ms: u64| {
            let arrival = start + Duration::from_millis(60 * n + late_ms);
            delay.insert(arrival, MediaTime::from_bricks(3 * n), Samples::from_bricks(3));
            delay.queue().as_millis()
        };
        assert!((0..200).map(|n| queue(n, n * 37 % 100)).skip(5).all(|queue| queue < 60));
        assert!((200..220).map(|n| queue(n, 300 + n * 37 % 100)).skip(5).all(|queue| queue >= 300));
    }
}
