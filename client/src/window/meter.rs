//! How loud the microphone and the loudspeaker are, for the eye: read from the bricks on their way, fifteen times a second.
//!
//! Only an atomic number is left behind for each, so that nothing on the way of sound waits for the screen.

use crate::audio::{AudioError, Health, Polled, Sink, Source};
use crate::voice::CardTime;
use giaoban_proto::media::Pcm;
use giaoban_proto::unit::Level;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// By how much a level falls with each brick, in dB: 20 ms of silence after a word leave the bar where it can still be seen.
const FALLS_DB: f32 = 1.2;

/// What counts as an empty bar, in dBFS: the noise of an office.
const EMPTY_DBFS: f32 = -60.0;

/// One level, written by the engine's thread and read by the screen's.
#[derive(Debug)]
struct Needle(AtomicU32);

impl Default for Needle {
    fn default() -> Self {
        Self(AtomicU32::new(Level::SILENCE.dbfs().to_bits()))
    }
}

impl Needle {
    fn read(&self) -> Level {
        Level::from_dbfs(f32::from_bits(self.0.load(Ordering::Relaxed)))
    }

    fn show(&self, brick: &[f32]) {
        let level = Level::of(brick).dbfs().max(self.read().dbfs() - FALLS_DB);
        self.set(Level::from_dbfs(level));
    }

    fn set(&self, level: Level) {
        self.0.store(level.dbfs().to_bits(), Ordering::Relaxed);
    }
}

/// Both needles.
#[derive(Clone, Debug, Default)]
pub struct Meters {
    microphone: Arc<Needle>,
    loudspeaker: Arc<Needle>,
}

impl Meters {
    /// The microphone's loudness.
    #[must_use]
    pub fn microphone(&self) -> Level {
        self.microphone.read()
    }

    /// The loudspeaker's.
    #[must_use]
    pub fn loudspeaker(&self) -> Level {
        self.loudspeaker.read()
    }

    /// Nothing is heard any more: whatever moved the needles has ended.
    pub fn clear(&self) {
        self.microphone.set(Level::SILENCE);
        self.loudspeaker.set(Level::SILENCE);
    }

    /// The same source, watched.
    #[must_use]
    pub fn source(&self, source: Box<dyn Source>) -> Box<dyn Source> {
        Box::new(Watched { inner: source, needle: Arc::clone(&self.microphone) })
    }

    /// The same sink, watched.
    #[must_use]
    pub fn sink(&self, sink: Box<dyn Sink>) -> Box<dyn Sink> {
        Box::new(Watched { inner: sink, needle: Arc::clone(&self.loudspeaker) })
    }
}

/// How much of a bar is full at this level, 0 to 1.
#[must_use]
pub fn share(level: Level) -> f32 {
    ((level.dbfs() - EMPTY_DBFS) / -EMPTY_DBFS).clamp(0.0, 1.0)
}

struct Watched<T> {
    inner: T,
    needle: Arc<Needle>,
}

impl Source for Watched<Box<dyn Source>> {
    fn poll(&mut self, now: Instant, brick: &mut Pcm) -> Result<Polled, AudioError> {
        let polled = self.inner.poll(now, brick)?;
        if polled == Polled::Brick {
            self.needle.show(brick.samples());
        }
        Ok(polled)
    }

    fn is_device(&self) -> bool {
        self.inner.is_device()
    }

    fn card_time(&self) -> Option<CardTime> {
        self.inner.card_time()
    }

    fn next_due(&self, now: Instant) -> Instant {
        self.inner.next_due(now)
    }

    fn health(&self) -> Health {
        self.inner.health()
    }
}

impl Sink for Watched<Box<dyn Sink>> {
    fn wants(&mut self, now: Instant) -> bool {
        self.inner.wants(now)
    }

    fn next_due(&self, now: Instant) -> Instant {
        self.inner.next_due(now)
    }

    fn write(&mut self, brick: &Pcm) -> Result<(), AudioError> {
        self.needle.show(brick.samples());
        self.inner.write(brick)
    }

    fn card_time(&self) -> Option<CardTime> {
        self.inner.card_time()
    }

    fn position(&self) -> Duration {
        self.inner.position()
    }

    fn finish(&mut self) -> Result<(), AudioError> {
        self.inner.finish()
    }

    fn health(&self) -> Health {
        self.inner.health()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Input, Output};
    use crate::voice::testing::start;

    /// A device that does nothing but count.
    struct Card;

    const COUNTED: CardTime = CardTime { opening: 3, seconds: 7.5 };

    impl Source for Card {
        fn poll(&mut self, _now: Instant, _brick: &mut Pcm) -> Result<Polled, AudioError> {
            Ok(Polled::NotYet)
        }

        fn is_device(&self) -> bool {
            true
        }

        fn card_time(&self) -> Option<CardTime> {
            Some(COUNTED)
        }

        fn next_due(&self, now: Instant) -> Instant {
            now
        }
    }

    impl Sink for Card {
        fn wants(&mut self, _now: Instant) -> bool {
            false
        }

        fn next_due(&self, now: Instant) -> Instant {
            now
        }

        fn write(&mut self, _brick: &Pcm) -> Result<(), AudioError> {
            Ok(())
        }

        fn card_time(&self) -> Option<CardTime> {
            Some(COUNTED)
        }

        fn position(&self) -> Duration {
            Duration::ZERO
        }

        fn finish(&mut self) -> Result<(), AudioError> {
            Ok(())
        }
    }

    #[test]
    fn a_device_that_is_watched_is_a_device_with_its_own_clock_all_the_same() {
        let meters = Meters::default();
        let (source, sink) = (meters.source(Box::new(Card)), meters.sink(Box::new(Card)));
        assert!(source.is_device());
        assert_eq!((source.card_time(), sink.card_time()), (Some(COUNTED), Some(COUNTED)));
    }

    #[test]
    fn a_tone_is_seen_at_once_and_falls_after_its_end() {
        let (meters, now) = (Meters::default(), start());
        assert_eq!(meters.microphone(), Level::SILENCE);
        let mut source = meters.source(Input::Tone.open(now).expect("no device"));
        let mut sink = meters.sink(Output::Null.open(now).expect("no device"));
        let mut brick = Pcm::SILENCE;
        let second = Duration::from_secs(1);
        let mut play = |until: Instant| {
            while source.poll(until, &mut brick).expect("no device") == Polled::Brick {
                sink.write(&brick).expect("no device");
            }
        };
        play(now + second);
        let loud = meters.microphone();
        assert!(loud.dbfs() > -30.0 && share(loud) > 0.5, "{loud:?}");
        assert_eq!(meters.loudspeaker(), loud);
        play(now + second + second / 2);
        let soft = meters.microphone();
        assert!(soft.dbfs() < loud.dbfs() - 20.0, "{soft:?}");
        meters.clear();
        assert_eq!((meters.microphone(), meters.loudspeaker()), (Level::SILENCE, Level::SILENCE));
    }

    #[test]
    fn a_bar_is_empty_at_the_noise_of_an_office_and_full_at_full_scale() {
        let of = |dbfs| share(Level::from_dbfs(dbfs));
        assert_eq!([of(-127.0), of(-60.0), of(-30.0), of(0.0)], [0.0, 0.0, 0.5, 1.0]);
    }
}
