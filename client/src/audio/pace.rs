//! Sound that keeps its own time: the beat of 20 ms, and the sources and the sink that need nothing else.
//!
//! Must not read a clock: brick `n` is due at a time that follows from the start alone, so that a caller
//! who comes late finds several bricks due, takes them one by one, and nothing ever drifts.

use std::time::{Duration, Instant};

use giaoban_proto::media::Pcm;
use giaoban_proto::unit::{BRICK, BRICK_SAMPLES, SAMPLE_RATE};

use super::{AudioError, Polled, Sink, Source};

/// A count of bricks tied to the time at which it began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    start: Instant,
    bricks: u64,
}

impl Pace {
    /// Brick 0 begins at `start`.
    pub(super) const fn new(start: Instant) -> Self {
        Self { start, bricks: 0 }
    }

    /// When the brick that is now counted to begins.
    pub(super) fn begin(&self) -> Instant {
        self.start + self.length()
    }

    /// When it is complete.
    pub(super) fn end(&self) -> Instant {
        self.begin() + BRICK
    }

    /// On to the next brick.
    pub(super) const fn step(&mut self) {
        self.bricks += 1;
    }

    /// Bricks counted so far.
    pub(super) const fn bricks(&self) -> u64 {
        self.bricks
    }

    /// How much sound the bricks counted so far are.
    pub(super) const fn length(&self) -> Duration {
        Duration::from_nanos(BRICK.as_nanos() as u64 * self.bricks)
    }
}

/// A source that never says anything, at the pace of one that might.
#[derive(Debug)]
pub(super) struct Silence(Pace);

impl Silence {
    pub(super) const fn new(start: Instant) -> Self {
        Self(Pace::new(start))
    }
}

impl Source for Silence {
    fn poll(&mut self, now: Instant, brick: &mut Pcm) -> Result<Polled, AudioError> {
        if now < self.0.end() {
            return Ok(Polled::NotYet);
        }
        self.0.step();
        *brick = Pcm::SILENCE;
        Ok(Polled::Brick)
    }

    fn next_due(&self, _now: Instant) -> Instant {
        self.0.end()
    }
}

/// A test tone: one second of 440 Hz, one second of silence, again and again.
///
/// With gaps, because a tone that never stops looks to a silence decision like noise, and shows nothing of how
/// a talkspurt begins and ends. Its ends are ramps of 5 ms, so that they do not click.
#[derive(Debug)]
pub(super) struct Tone(Pace);

/// Heard well on any line, and a whole number of waves in the second that it sounds.
const TONE_HZ: f64 = 440.0;
/// −20 dBFS as [`giaoban_proto::unit::Level`] counts it (root of the mean square): a voice of common loudness.
const TONE_AMPLITUDE: f64 = 0.1 * std::f64::consts::SQRT_2;
/// Shorter clicks; longer is no longer the sharp onset that a test of talkspurts wants.
const RAMP_SAMPLES: u64 = SAMPLE_RATE as u64 / 200;

impl Tone {
    pub(super) const fn new(start: Instant) -> Self {
        Self(Pace::new(start))
    }
}

impl Source for Tone {
    fn poll(&mut self, now: Instant, brick: &mut Pcm) -> Result<Polled, AudioError> {
        if now < self.0.end() {
            return Ok(Polled::NotYet);
        }
        let first = self.0.bricks() * BRICK_SAMPLES as u64;
        self.0.step();
        for (n, sample) in (first..).zip(brick.samples_mut()) {
            *sample = tone_at(n);
        }
        Ok(Polled::Brick)
    }

    fn next_due(&self, _now: Instant) -> Instant {
        self.0.end()
    }
}

/// The tone's sample number `n`.
fn tone_at(n: u64) -> f32 {
    let second = u64::from(SAMPLE_RATE);
    let at = n % (2 * second);
    if at >= second {
        return 0.0;
    }
    let ramp = at.min(second - at).min(RAMP_SAMPLES) as f64 / RAMP_SAMPLES as f64;
    let phase = std::f64::consts::TAU * TONE_HZ * at as f64 / f64::from(SAMPLE_RATE);
    (TONE_AMPLITUDE * ramp * phase.sin()) as f32
}

/// A sink that takes sound at the pace of a loudspeaker and keeps none.
#[derive(Debug)]
pub(super) struct Null(Pace);

impl Null {
    pub(super) const fn new(start: Instant) -> Self {
        Self(Pace::new(start))
    }
}

impl Sink for Null {
    fn wants(&mut self, now: Instant) -> bool {
        now >= self.0.begin()
    }

    fn next_due(&self, _now: Instant) -> Instant {
        self.0.begin()
    }

    fn write(&mut self, _brick: &Pcm) -> Result<(), AudioError> {
        self.0.step();
        Ok(())
    }

    fn position(&self) -> Duration {
        self.0.length()
    }

    fn finish(&mut self) -> Result<(), AudioError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::testing::start;

    #[test]
    fn a_brick_is_never_early_and_a_late_caller_catches_up_brick_by_brick() {
        let t0 = start();
        let mut source = Silence::new(t0);
        let mut brick = Pcm::SILENCE;
        assert_eq!(source.next_due(t0), t0 + BRICK);
        assert_eq!(source.poll(t0 + BRICK - Duration::from_nanos(1), &mut brick).unwrap(), Polled::NotYet);
        assert_eq!(source.poll(t0 + BRICK, &mut brick).unwrap(), Polled::Brick);
        assert_eq!(source.poll(t0 + BRICK, &mut brick).unwrap(), Polled::NotYet);

        let late = t0 + BRICK * 6 + Duration::from_millis(7);
        for _ in 0..5 {
            assert_eq!(source.poll(late, &mut brick).unwrap(), Polled::Brick);
        }
        assert_eq!(source.poll(late, &mut brick).unwrap(), Polled::NotYet);
        assert_eq!(source.next_due(late), t0 + BRICK * 7, "lateness moves nothing");
    }

    #[test]
    fn the_pace_of_a_week_is_exact() {
        let t0 = start();
        let mut pace = Pace::new(t0);
        pace.bricks = 7 * 24 * 3600 * 50;
        assert_eq!(pace.begin(), t0 + Duration::from_secs(7 * 24 * 3600));
    }

    #[test]
    fn the_tone_is_at_its_level_for_a_second_and_then_silent_for_a_second() {
        let t0 = start();
        let mut tone = Tone::new(t0);
        let mut brick = Pcm::SILENCE;
        let mut levels = Vec::new();
        for n in 1..=200 {
            assert_eq!(tone.poll(t0 + BRICK * n, &mut brick).unwrap(), Polled::Brick);
            levels.push(brick.level().dbfs());
        }
        for (n, level) in levels.iter().enumerate() {
            match n % 100 {
                0 | 49 => assert!((-22.0..-20.0).contains(level), "a ramp at brick {n}: {level}"),
                1..49 => assert!((level + 20.0).abs() < 0.3, "brick {n}: {level}"),
                _ => assert_eq!(*level, -127.0, "brick {n}"),
            }
        }
    }

    #[test]
    fn the_tone_never_jumps() {
        let steepest = TONE_AMPLITUDE as f32 * (std::f64::consts::TAU * TONE_HZ / 48_000.0) as f32 * 1.01;
        let mut last = 0.0;
        for n in 0..3 * 96_000 {
            let sample = tone_at(n);
            assert!((sample - last).abs() <= steepest, "at sample {n}");
            last = sample;
        }
    }

    #[test]
    fn the_null_sink_wants_one_brick_each_twenty_milliseconds() {
        let t0 = start();
        let mut sink = Null::new(t0);
        assert!(sink.wants(t0));
        sink.write(&Pcm::SILENCE).unwrap();
        assert!(!sink.wants(t0 + Duration::from_millis(19)));
        assert_eq!(sink.next_due(t0), t0 + BRICK);
        assert!(sink.wants(t0 + BRICK));
        assert_eq!(sink.position(), BRICK);
        sink.finish().unwrap();
    }
}
