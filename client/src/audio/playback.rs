//! From bricks to a loudspeaker's callback.
//!
//! The law in a callback: **ring out, nothing else.** [`Drain::on_output`] must not allocate or free, lock, log,
//! wait, or call the system. It is met so: the ring is made beforehand and lock-free; samples are copied to the
//! channels in place; what was missing is a count in an atomic. `tests/callbacks.rs` counts the allocations.
//!
//! Everything else (resampling, the mark, the watch over the device) is done by whoever writes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cpal::{FromSample, Sample};
use giaoban_proto::media::Pcm;
use giaoban_proto::sound::convert::{Block, Converter, ResamplerConstructionError};
use giaoban_proto::unit::{BRICK, SAMPLE_RATE};

use crate::voice::CardTime;

use super::line::{Flags, GLANCE, Line, Opener, Watch};
use super::{AudioError, Direction, Health, Sink};

/// How much sound waits for the callback. It is delay that everybody hears, and all that stands between a late
/// thread and a gap: 40 ms are two bricks, 20 ms left gaps whenever the other thread ran first.
const MARK: Duration = Duration::from_millis(40);

/// A device that takes more than the mark at once (ALSA over a sound server: 67 ms) would find too little every
/// time: for it, the mark is what it takes and this much more.
const SPARE: Duration = BRICK;

/// The mark is never above this: what takes more at once, takes it with gaps.
const HIGHEST_MARK: Duration = Duration::from_millis(800);

/// Room in the ring; above the highest mark by several bricks.
const RING: Duration = Duration::from_secs(1);

/// The callback's end of a loudspeaker's line.
#[derive(Debug)]
pub struct Drain {
    ring: rtrb::Consumer<f32>,
    channels: usize,
    /// Whether any sound has come yet: a stream that is still empty is not one that ran dry.
    begun: bool,
    flags: Arc<Flags>,
}

impl Drain {
    /// Fills what a callback asks for: interleaved samples of all channels, any number of frames.
    ///
    /// The voice goes to the first two channels, silence to any others (they are surround and bass). Where the
    /// ring has too little the rest is silence, and that counted once.
    pub fn on_output<T>(&mut self, samples: &mut [T])
    where
        T: Sample + FromSample<f32>,
    {
        let frames = samples.len() / self.channels;
        self.flags.beat(frames);
        let have = self.ring.slots().min(frames);
        self.begun |= have > 0;
        if have < frames && self.begun {
            self.flags.fault();
        }
        let (sound, rest) = samples.split_at_mut(have * self.channels);
        if let Ok(chunk) = self.ring.read_chunk(have) {
            for (frame, mono) in sound.chunks_exact_mut(self.channels).zip(chunk) {
                let (front, others) = frame.split_at_mut(self.channels.min(2));
                front.fill(T::from_sample(mono));
                others.fill(T::EQUILIBRIUM);
            }
        }
        rest.fill(T::EQUILIBRIUM);
    }

    /// What the error callback may say.
    pub(super) fn flags(&self) -> Arc<Flags> {
        Arc::clone(&self.flags)
    }
}

/// Our end of a loudspeaker's line: mono samples at the device's rate.
pub struct PlaybackLine {
    ring: rtrb::Producer<f32>,
    converter: Converter,
    /// Samples on their way from the converter to the ring.
    scratch: Box<[f32]>,
    rate: u32,
    overruns: u64,
    flags: Arc<Flags>,
}

impl PlaybackLine {
    /// A line to a device of `rate` samples a second and `channels` channels, with the end for its callback.
    ///
    /// # Errors
    /// Where the rate is zero.
    pub fn new(rate: u32, channels: u16) -> Result<(Drain, Self), ResamplerConstructionError> {
        let converter = Converter::new(SAMPLE_RATE, rate, Block::Short)?;
        let (producer, consumer) = rtrb::RingBuffer::new((RING.as_secs_f64() * f64::from(rate)) as usize);
        let flags = Arc::new(Flags::default());
        let channels = usize::from(channels.max(1));
        let drain = Drain { ring: consumer, channels, begun: false, flags: Arc::clone(&flags) };
        let scratch = vec![0.0; 1_024].into_boxed_slice();
        Ok((drain, Self { ring: producer, converter, scratch, rate, overruns: 0, flags }))
    }

    /// Passes a brick on to the callback; what has no room is dropped and counted.
    pub fn push(&mut self, brick: &Pcm) {
        self.converter.push(brick.samples());
        let mut lost = false;
        loop {
            let count = self.converter.pull(&mut self.scratch);
            if count == 0 {
                break;
            }
            let (_, rest) = self.ring.push_partial_slice(&self.scratch[..count]);
            lost |= !rest.is_empty();
        }
        self.overruns += u64::from(lost);
    }

    /// Seconds of sound that the device has taken, by its own clock.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.flags.frames() as f64 / f64::from(self.rate)
    }

    /// Whether what waits for the callback has fallen below the mark.
    #[must_use]
    pub fn wants(&self) -> bool {
        self.above_mark().is_none()
    }

    /// How much sound waits for the callback above the mark, or below it: then `None`.
    fn above_mark(&self) -> Option<Duration> {
        let frames = |frames: usize| Duration::from_secs_f64(frames as f64 / f64::from(self.rate));
        let waiting = frames(self.ring.buffer().capacity() - self.ring.slots());
        let mark = MARK.max(frames(self.flags.largest()) + SPARE).min(HIGHEST_MARK);
        waiting.checked_sub(mark)
    }
}

impl Line for PlaybackLine {
    fn flags(&self) -> &Flags {
        &self.flags
    }
}

/// A loudspeaker. While it is gone, sound is taken at its pace and lost.
pub(super) struct DeviceSink {
    watch: Watch<PlaybackLine>,
    written: u64,
    finished: bool,
}

impl DeviceSink {
    pub(super) fn new(line: PlaybackLine, opener: Box<dyn Opener<PlaybackLine>>, now: Instant) -> Self {
        Self { watch: Watch::new(Direction::Playback, line, opener, now), written: 0, finished: false }
    }
}

impl Sink for DeviceSink {
    fn wants(&mut self, now: Instant) -> bool {
        if self.finished {
            return false;
        }
        self.watch.tend(now);
        if self.watch.peek().is_some_and(|line| line.flags().largest() > 0) {
            self.watch.is_heard();
        }
        match (self.watch.stand_in_pace(), self.watch.peek()) {
            (Some(pace), _) => now >= pace.end(),
            (None, Some(line)) => line.wants(),
            (None, None) => false,
        }
    }

    fn next_due(&self, now: Instant) -> Instant {
        match (self.watch.stand_in_pace(), self.watch.peek()) {
            (Some(pace), _) => pace.end(),
            // The ring does not fall evenly but by a callback at a time, so it is looked at twice in between.
            (None, Some(line)) => {
                line.above_mark().map_or(now, |above| now + above.clamp(GLANCE / 2, GLANCE * 2))
            }
            (None, None) => now + GLANCE,
        }
    }

    fn write(&mut self, brick: &Pcm) -> Result<(), AudioError> {
        self.written += 1;
        match self.watch.stand_in() {
            Some(pace) => pace.step(),
            None => {
                if let Some(line) = self.watch.line() {
                    line.push(brick);
                }
            }
        }
        Ok(())
    }

    fn card_time(&self) -> Option<CardTime> {
        let opening = self.watch.rebuilds();
        self.watch.peek().map(|line| CardTime { opening, seconds: line.seconds() })
    }

    fn position(&self) -> Duration {
        Duration::from_nanos(BRICK.as_nanos() as u64 * self.written)
    }

    fn finish(&mut self) -> Result<(), AudioError> {
        self.finished = true;
        self.watch.close();
        Ok(())
    }

    fn health(&self) -> Health {
        Health {
            underruns: self.watch.faults(),
            overruns: self.watch.peek().map_or(0, |line| line.overruns),
            rebuilds: self.watch.rebuilds(),
            missing: self.watch.stand_in_pace().is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::line::fake;
    use crate::audio::testing::start;

    const MS: Duration = Duration::from_millis(1);

    fn brick(value: f32) -> Pcm {
        let mut brick = Pcm::SILENCE;
        brick.samples_mut().fill(value);
        brick
    }

    #[test]
    fn the_voice_goes_to_the_two_front_channels() {
        for channels in [1u16, 2, 6] {
            let (mut drain, mut line) = PlaybackLine::new(48_000, channels).unwrap();
            line.push(&brick(0.5));
            let mut asked = vec![9.0f32; 960 * usize::from(channels)];
            drain.on_output(&mut asked);
            for frame in asked.chunks(channels.into()) {
                for (channel, &sample) in frame.iter().enumerate() {
                    assert_eq!(sample, if channel < 2 { 0.5 } else { 0.0 });
                }
            }
            assert_eq!(line.flags.faults(), 0);
        }
    }

    #[test]
    fn other_formats_have_their_own_silence() {
        let (mut drain, mut line) = PlaybackLine::new(48_000, 1).unwrap();
        line.push(&brick(0.5));
        let mut asked = [0u8; 1_000];
        drain.on_output(&mut asked);
        assert_eq!((asked[0], asked[959], asked[960], asked[999]), (192, 192, 128, 128));
    }

    #[test]
    fn a_gap_is_silence_and_counted_but_the_wait_for_the_first_sound_is_none() {
        let (mut drain, mut line) = PlaybackLine::new(48_000, 1).unwrap();
        let mut asked = [9.0f32; 480];
        drain.on_output(&mut asked);
        assert_eq!((asked, line.flags.faults()), ([0.0; 480], 0));
        line.push(&brick(0.5));
        drain.on_output(&mut asked);
        drain.on_output(&mut asked);
        assert_eq!((asked, line.flags.faults()), ([0.5; 480], 0));
        drain.on_output(&mut asked);
        assert_eq!((asked, line.flags.faults()), ([0.0; 480], 1));
    }

    #[test]
    fn the_sink_wants_sound_up_to_its_mark() {
        let t0 = start();
        let (mut drain, line) = PlaybackLine::new(48_000, 2).unwrap();
        let (opener, _desk) = fake::opener();
        let mut sink = DeviceSink::new(line, opener, t0);
        let mut written = 0;
        while sink.wants(t0) {
            assert_eq!(sink.next_due(t0), t0);
            sink.write(&brick(0.1)).unwrap();
            written += 1;
        }
        assert_eq!(written, 2, "40 ms");
        assert_eq!(sink.position(), MS * 40);
        assert!(sink.next_due(t0) > t0);
        drain.on_output(&mut [0.0f32; 2 * 480]);
        assert!(sink.wants(t0 + MS * 10), "30 ms are left");
        sink.write(&brick(0.1)).unwrap();
        assert!(!sink.wants(t0 + MS * 10));
        assert_eq!(sink.next_due(t0 + MS * 10), t0 + MS * 20, "10 ms too much");
    }

    #[test]
    fn a_device_that_takes_much_at_once_finds_it() {
        let t0 = start();
        let (mut drain, line) = PlaybackLine::new(48_000, 1).unwrap();
        let (opener, _desk) = fake::opener();
        let mut sink = DeviceSink::new(line, opener, t0);
        let mut asked = [0.0f32; 3_200];
        for n in 0..50 {
            let now = t0 + MS * 67 * n;
            drain.on_output(&mut asked);
            while sink.wants(now) {
                sink.write(&brick(0.1)).unwrap();
            }
        }
        assert_eq!(sink.health(), Health::default());
        assert_eq!(asked, [0.1; 3_200]);
    }

    #[test]
    fn sound_that_nobody_asked_for_is_dropped_and_counted() {
        let t0 = start();
        let (_drain, line) = PlaybackLine::new(48_000, 1).unwrap();
        let (opener, _desk) = fake::opener();
        let mut sink = DeviceSink::new(line, opener, t0);
        for _ in 0..60 {
            sink.write(&brick(0.1)).unwrap();
        }
        assert_eq!(sink.health(), Health { overruns: 10, ..Health::default() });
        assert_eq!(sink.position(), MS * 1_200);
    }

    #[test]
    fn a_device_of_another_rate_gets_its_own() {
        let (mut drain, mut line) = PlaybackLine::new(44_100, 1).unwrap();
        let mut asked = [0.0f32; 441];
        let mut taken = 0;
        for _ in 0..50 {
            line.push(&brick(0.5));
            while line.ring.buffer().capacity() - line.ring.slots() >= 441 {
                drain.on_output(&mut asked);
                taken += 441;
            }
        }
        assert!((43_000..=44_100).contains(&taken), "{taken}");
        assert!(asked.iter().all(|s| (s - 0.5).abs() < 1e-3));
    }

    #[test]
    fn while_the_loudspeaker_is_gone_sound_is_taken_at_its_pace() {
        let t0 = start();
        let (mut drain, line) = PlaybackLine::new(48_000, 1).unwrap();
        let (opener, desk) = fake::opener();
        let mut sink = DeviceSink::new(line, opener, t0);
        drain.on_output(&mut [0.0f32; 480]);
        while sink.wants(t0) {
            sink.write(&brick(0.1)).unwrap();
        }
        assert!(!sink.wants(t0 + MS * 999));
        let gone = t0 + MS * 1_000;
        for n in 0..49 {
            assert!(sink.wants(gone), "brick {n} of the second gone by");
            sink.write(&brick(0.1)).unwrap();
        }
        for n in 0..75 {
            let now = gone + BRICK * n;
            assert!(sink.wants(now), "brick {n}");
            sink.write(&brick(0.1)).unwrap();
            assert!(!sink.wants(now));
            assert_eq!(sink.next_due(now), now + BRICK);
        }
        assert!(sink.health().missing);
        assert_eq!(desk.lock().unwrap().asked, 1);

        let (mut drain, line) = PlaybackLine::new(48_000, 1).unwrap();
        desk.lock().unwrap().answer = Some(Ok(line));
        let now = gone + BRICK * 75;
        assert!(sink.wants(now), "still at the pace of silence, since the new one has not asked yet");
        drain.on_output(&mut [0.0f32; 480]);
        while sink.wants(now) {
            sink.write(&brick(0.2)).unwrap();
        }
        let mut asked = [0.0f32; 480];
        drain.on_output(&mut asked);
        assert_eq!(asked, [0.2; 480]);
        assert_eq!(sink.health(), Health { rebuilds: 1, ..Health::default() });
        sink.finish().unwrap();
        assert!(!sink.wants(now + MS * 500));
        assert_eq!(desk.lock().unwrap().released, 2);
    }
}
