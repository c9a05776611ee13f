//! From a microphone's callback to bricks.
//!
//! The law in a callback: **ring in, nothing else.** [`Feed::on_input`] must not allocate or free, lock, log,
//! wait, or call the system. It is met so: the ring is made beforehand and lock-free; mixing to mono is
//! arithmetic on the samples in place; what went wrong is a count in an atomic. `tests/callbacks.rs` counts the
//! allocations.
//!
//! Everything else (resampling, cutting bricks, the watch over the device) is done by whoever polls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cpal::{FromSample, Sample};
use giaoban_proto::media::Pcm;
use giaoban_proto::sound::convert::{Block, Converter, ResamplerConstructionError};
use giaoban_proto::unit::{BRICK_SAMPLES, SAMPLE_RATE};

use crate::voice::CardTime;

use super::line::{Flags, GLANCE, Line, Opener, Watch};
use super::{AudioError, Direction, Health, Polled, Source};

/// Sound that waits for a poll: half a second. What a longer stall of the polling thread loses is too old to be
/// worth saying; less would lose words in the stalls that a laden old PC has.
const RING: Duration = Duration::from_millis(500);

/// The callback's end of a microphone's line.
#[derive(Debug)]
pub struct Feed {
    ring: rtrb::Producer<f32>,
    channels: usize,
    flags: Arc<Flags>,
}

impl Feed {
    /// Takes what a callback brought: interleaved samples of all channels, any number of frames.
    ///
    /// They are mixed down to mono by their mean. What finds no room in the ring is dropped, and that counted
    /// once; not-a-number, which drivers do deliver, is silence.
    pub fn on_input<T>(&mut self, samples: &[T])
    where
        T: Sample,
        f32: FromSample<T>,
    {
        let frames = samples.len() / self.channels;
        self.flags.beat(frames);
        let room = self.ring.slots().min(frames);
        if room < frames {
            self.flags.fault();
        }
        let Ok(chunk) = self.ring.write_chunk_uninit(room) else { return };
        let scale = 1.0 / self.channels as f32;
        chunk.fill_from_iter(samples.chunks_exact(self.channels).map(|frame| {
            let sum: f32 = frame.iter().map(|&sample| f32::from_sample(sample)).sum();
            if sum.is_finite() { (sum * scale).clamp(-1.0, 1.0) } else { 0.0 }
        }));
    }

    /// What the error callback may say.
    pub(super) fn flags(&self) -> Arc<Flags> {
        Arc::clone(&self.flags)
    }
}

/// Our end of a microphone's line: mono samples at the device's rate.
pub struct CaptureLine {
    ring: rtrb::Consumer<f32>,
    converter: Converter,
    rate: u32,
    flags: Arc<Flags>,
}

impl CaptureLine {
    /// A line from a device of `rate` samples a second and `channels` channels, with the end for its callback.
    ///
    /// # Errors
    /// Where the rate is zero.
    pub fn new(rate: u32, channels: u16) -> Result<(Feed, Self), ResamplerConstructionError> {
        let converter = Converter::new(rate, SAMPLE_RATE, Block::Short)?;
        let (producer, consumer) = rtrb::RingBuffer::new((RING.as_secs_f64() * f64::from(rate)) as usize);
        let flags = Arc::new(Flags::default());
        let feed = Feed { ring: producer, channels: usize::from(channels.max(1)), flags: Arc::clone(&flags) };
        Ok((feed, Self { ring: consumer, converter, rate, flags }))
    }

    /// Fills `brick` if 20 ms have come in.
    pub fn pull(&mut self, brick: &mut Pcm) -> bool {
        while self.converter.ready() < BRICK_SAMPLES {
            // In small steps, so that what is not needed yet stays in the ring, where its age is bounded.
            let count = self.ring.slots().min(BRICK_SAMPLES / 8);
            let Ok(chunk) = self.ring.read_chunk(count) else { return false };
            if count == 0 {
                return false;
            }
            let (one, two) = chunk.as_slices();
            self.converter.push(one);
            self.converter.push(two);
            chunk.commit_all();
        }
        self.converter.pull(brick.samples_mut());
        true
    }

    /// Seconds of sound that the device has brought, by its own clock.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.flags.frames() as f64 / f64::from(self.rate)
    }

    /// How much sound is missing to a full brick.
    fn missing(&self) -> Duration {
        let here = self.ring.slots() as f64 / f64::from(self.rate)
            + self.converter.ready() as f64 / f64::from(SAMPLE_RATE);
        Duration::from_secs_f64((BRICK_SAMPLES as f64 / f64::from(SAMPLE_RATE) - here).max(0.0))
    }
}

impl Line for CaptureLine {
    fn flags(&self) -> &Flags {
        &self.flags
    }
}

/// A microphone. While it is gone, silence comes at its pace.
pub(super) struct DeviceSource {
    watch: Watch<CaptureLine>,
}

impl DeviceSource {
    pub(super) fn new(line: CaptureLine, opener: Box<dyn Opener<CaptureLine>>, now: Instant) -> Self {
        Self { watch: Watch::new(Direction::Capture, line, opener, now) }
    }
}

impl Source for DeviceSource {
    fn poll(&mut self, now: Instant, brick: &mut Pcm) -> Result<Polled, AudioError> {
        self.watch.tend(now);
        if self.watch.line().is_some_and(|line| line.pull(brick)) {
            self.watch.is_heard();
            return Ok(Polled::Brick);
        }
        match self.watch.stand_in() {
            Some(pace) if now >= pace.end() => {
                pace.step();
                *brick = Pcm::SILENCE;
                Ok(Polled::Brick)
            }
            _ => Ok(Polled::NotYet),
        }
    }

    fn next_due(&self, now: Instant) -> Instant {
        match (self.watch.peek(), self.watch.stand_in_pace()) {
            (_, Some(pace)) => pace.end(),
            // The samples that are missing come when the device likes, several milliseconds of them at once.
            (Some(line), None) => now + line.missing().clamp(GLANCE / 2, GLANCE * 2),
            (None, None) => now + GLANCE,
        }
    }

    fn is_device(&self) -> bool {
        true
    }

    fn card_time(&self) -> Option<CardTime> {
        let opening = self.watch.rebuilds();
        self.watch.peek().map(|line| CardTime { opening, seconds: line.seconds() })
    }

    fn health(&self) -> Health {
        Health {
            underruns: 0,
            overruns: self.watch.faults(),
            rebuilds: self.watch.rebuilds(),
            missing: self.watch.stand_in_pace().is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use giaoban_proto::unit::BRICK;

    use super::*;
    use crate::audio::line::fake;
    use crate::audio::testing::start;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn channels_are_mixed_and_bricks_cut_whatever_the_callback_brings() {
        let (mut feed, mut line) = CaptureLine::new(48_000, 2).unwrap();
        let mut brick = Pcm::SILENCE;
        let mut got = Vec::new();
        let stereo: Vec<f32> = (0..4_800).flat_map(|n| [n as f32 / 4_800.0, 0.0]).collect();
        for piece in stereo.chunks(2 * 97) {
            feed.on_input(piece);
            while line.pull(&mut brick) {
                got.extend_from_slice(brick.samples());
            }
        }
        let expected: Vec<f32> = (0..4_800).map(|n| n as f32 / 4_800.0 * 0.5).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn samples_of_other_formats_keep_their_size() {
        let (mut feed, mut line) = CaptureLine::new(48_000, 1).unwrap();
        let mut brick = Pcm::SILENCE;
        feed.on_input(&[i16::MIN / 2; 960]);
        assert!(line.pull(&mut brick));
        assert_eq!(brick.samples(), &[-0.5; 960]);
        feed.on_input(&[192u8; 960]);
        assert!(line.pull(&mut brick));
        assert_eq!(brick.samples(), &[0.5; 960]);
    }

    #[test]
    fn what_is_no_number_is_silence_and_what_is_too_loud_is_cut() {
        let (mut feed, mut line) = CaptureLine::new(48_000, 1).unwrap();
        let mut brick = Pcm::SILENCE;
        for (bad, heard) in [(f32::NAN, 0.0), (f32::INFINITY, 0.0), (7.0, 1.0), (-7.0, -1.0)] {
            feed.on_input(&[bad; 960]);
            assert!(line.pull(&mut brick));
            assert_eq!(brick.samples(), &[heard; 960]);
        }
    }

    #[test]
    fn a_device_of_another_rate_is_brought_to_ours() {
        let (mut feed, mut line) = CaptureLine::new(44_100, 1).unwrap();
        let mut brick = Pcm::SILENCE;
        let mut bricks = 0;
        for n in 0..100 {
            let tone: Vec<f32> = (n * 441..(n + 1) * 441)
                .map(|k| 0.5 * (std::f32::consts::TAU * 1_000.0 * k as f32 / 44_100.0).sin())
                .collect();
            feed.on_input(&tone);
            while line.pull(&mut brick) {
                bricks += 1;
            }
        }
        assert_eq!(bricks, 49, "a second less what the converter holds back");
        assert!((brick.level().dbfs() + 9.03).abs() < 0.1, "{:?}", brick.level());
    }

    #[test]
    fn what_nobody_takes_in_half_a_second_is_lost_and_counted() {
        let t0 = start();
        let (mut feed, line) = CaptureLine::new(48_000, 1).unwrap();
        let (opener, _desk) = fake::opener();
        let mut source = DeviceSource::new(line, opener, t0);
        for _ in 0..60 {
            feed.on_input(&[0.25; 480]);
        }
        let mut brick = Pcm::SILENCE;
        let mut bricks = 0;
        while source.poll(t0 + MS * 600, &mut brick).unwrap() == Polled::Brick {
            bricks += 1;
        }
        assert_eq!(bricks, 25);
        assert_eq!(source.health(), Health { overruns: 10, ..Health::default() });
    }

    #[test]
    fn while_the_microphone_is_gone_silence_comes_at_its_pace_and_then_the_new_one() {
        let t0 = start();
        let (mut feed, line) = CaptureLine::new(48_000, 1).unwrap();
        let (opener, desk) = fake::opener();
        let mut source = DeviceSource::new(line, opener, t0);
        let mut brick = Pcm::SILENCE;
        feed.on_input(&[0.25; 960]);
        assert_eq!(source.poll(t0, &mut brick).unwrap(), Polled::Brick);
        assert_eq!(source.poll(t0 + MS * 999, &mut brick).unwrap(), Polled::NotYet);

        let gone = t0 + MS * 1_000;
        for n in 0..49 {
            assert_eq!(
                source.poll(gone, &mut brick).unwrap(),
                Polled::Brick,
                "brick {n} of the second gone by"
            );
            assert_eq!(brick, Pcm::SILENCE);
        }
        for n in 0..100 {
            let now = gone + BRICK * n;
            assert_eq!(source.poll(now, &mut brick).unwrap(), Polled::Brick, "brick {n}");
            assert_eq!(brick, Pcm::SILENCE);
            assert_eq!(source.poll(now, &mut brick).unwrap(), Polled::NotYet);
            assert_eq!(source.next_due(now), now + BRICK);
        }
        assert!(source.health().missing);
        assert_eq!(desk.lock().unwrap().asked, 1);

        let (mut feed, line) = CaptureLine::new(16_000, 1).unwrap();
        desk.lock().unwrap().answer = Some(Ok(line));
        let now = gone + BRICK * 100;
        assert_eq!(source.poll(now, &mut brick).unwrap(), Polled::Brick);
        assert_eq!(brick, Pcm::SILENCE, "the new one has not spoken yet");
        feed.on_input(&[0.25; 1_000]);
        assert_eq!(source.poll(now, &mut brick).unwrap(), Polled::Brick);
        assert!(brick.level().dbfs() > -20.0);
        assert_eq!(source.health(), Health { rebuilds: 1, ..Health::default() });
    }

    #[test]
    fn the_next_look_is_soon_and_never_in_the_past() {
        let t0 = start();
        let (mut feed, line) = CaptureLine::new(48_000, 1).unwrap();
        let (opener, _desk) = fake::opener();
        let source = DeviceSource::new(line, opener, t0);
        assert_eq!(source.next_due(t0), t0 + MS * 10);
        feed.on_input(&[0.0; 768]);
        assert_eq!(source.next_due(t0), t0 + MS * 4);
        feed.on_input(&[0.0; 768]);
        assert_eq!(source.next_due(t0), t0 + GLANCE / 2);
    }
}
