//! A line to a device: what its callback tells us, and the watch that keeps it open.
//!
//! Nothing here reads a clock or touches a device: opening is asked of an [`Opener`], which does it elsewhere,
//! because it takes from a millisecond to seconds and a poll must not wait.
//!
//! Why a watch: a device that is unplugged says nothing on Linux, its callbacks just stop; a default device
//! that changes on Windows invalidates the stream; a sound server that dies calls the error callback two
//! million times in seven seconds. In every case the stream is dropped, silence is kept at pace, and the device is
//! opened anew, once a second, until it is there.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::pace::Pace;
use super::{AudioError, Direction};

/// How long a stream may be without a callback. Real ones come every 1 to 100 ms, but a laden machine stalls
/// them for some hundred: shorter rebuilds what lives, longer leaves the room deaf for longer.
pub(super) const DEAD_AFTER: Duration = Duration::from_secs(1);

/// How long a stream may be without a callback while its errors come. ALSA over PulseAudio answers some hundred
/// times with an I/O error in the first milliseconds of a stream, and then plays: dropped at the first error, one
/// stream in four was opened twice. A dead server spins until it is dropped: longer burns that much processor.
const TROUBLED_AFTER: Duration = Duration::from_millis(100);

/// At most this often is a device opened. It is the time in which a sound server restarts; more often costs
/// processor where no device is plugged in at all.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How soon to look again where a device's own time cannot be foretold: half of a short callback period.
pub(super) const GLANCE: Duration = Duration::from_millis(5);

/// What a callback leaves for the polling thread: plain atomics, written without waiting.
#[derive(Debug, Default)]
pub(super) struct Flags {
    beats: AtomicU32,
    largest: AtomicU32,
    frames: AtomicU64,
    faults: AtomicU32,
    troubles: AtomicU32,
    failed: AtomicBool,
}

impl Flags {
    /// Notes a callback over `frames` frames.
    pub(super) fn beat(&self, frames: usize) {
        self.beats.fetch_add(1, Relaxed);
        self.frames.fetch_add(frames as u64, Relaxed);
        self.largest.fetch_max(u32::try_from(frames).unwrap_or(u32::MAX), Relaxed);
    }

    /// Notes sound that was missing or had no room.
    pub(super) fn fault(&self) {
        self.faults.fetch_add(1, Relaxed);
    }

    /// Notes an error that may mend itself.
    pub(super) fn trouble(&self) {
        self.troubles.fetch_add(1, Relaxed);
    }

    /// Notes that the stream is of no more use. The first time is enough.
    pub(super) fn fail(&self) {
        self.failed.store(true, Relaxed);
    }

    /// How many errors there were that may mend themselves.
    pub(super) fn troubles(&self) -> u32 {
        self.troubles.load(Relaxed)
    }

    /// Whether it has been said to be of no more use.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Relaxed)
    }

    /// Frames of all callbacks so far.
    pub(super) fn frames(&self) -> u64 {
        self.frames.load(Relaxed)
    }

    /// The longest callback so far, in frames.
    pub(super) fn largest(&self) -> usize {
        self.largest.load(Relaxed) as usize
    }

    /// How often sound was missing or had no room.
    pub(super) fn faults(&self) -> u64 {
        u64::from(self.faults.load(Relaxed))
    }
}

/// Our end of an open line.
pub(super) trait Line {
    /// What its callback leaves for us.
    fn flags(&self) -> &Flags;
}

/// Opens lines, elsewhere.
pub(super) trait Opener<L>: Send {
    /// Asks for a new line. What was open before is dropped first.
    fn ask(&mut self);
    /// Asks that what is open be dropped.
    fn release(&mut self);
    /// The answer to the last [`ask`](Self::ask), once.
    fn answer(&mut self) -> Option<Result<L, AudioError>>;
}

/// A line, and the watch over it.
pub(super) struct Watch<L> {
    direction: Direction,
    opener: Box<dyn Opener<L>>,
    line: Option<L>,
    beats: u32,
    last_beat: Instant,
    /// Troubles of this line up to its last beat.
    troubles: u32,
    asked: bool,
    next_ask: Instant,
    rebuilds: u64,
    /// Faults of lines that are gone.
    past_faults: u64,
    /// The pace of the silence that stands in for a line: begun at the last sign of life of one that is lost, ended
    /// by the next one's sound.
    stand_in: Option<Pace>,
}

impl<L: Line> Watch<L> {
    pub(super) fn new(direction: Direction, line: L, opener: Box<dyn Opener<L>>, now: Instant) -> Self {
        Self {
            direction,
            opener,
            line: Some(line),
            beats: 0,
            last_beat: now,
            troubles: 0,
            asked: false,
            next_ask: now + RETRY_AFTER,
            rebuilds: 0,
            past_faults: 0,
            stand_in: None,
        }
    }

    /// The line, where one is open.
    pub(super) const fn line(&mut self) -> Option<&mut L> {
        self.line.as_mut()
    }

    /// The line, where one is open, to look at.
    pub(super) const fn peek(&self) -> Option<&L> {
        self.line.as_ref()
    }

    /// The pace of the silence that stands in for the line, while it does.
    pub(super) const fn stand_in(&mut self) -> Option<&mut Pace> {
        self.stand_in.as_mut()
    }

    /// The same, to look at.
    pub(super) const fn stand_in_pace(&self) -> Option<&Pace> {
        self.stand_in.as_ref()
    }

    /// Ends the silence: the line lives.
    pub(super) fn is_heard(&mut self) {
        if self.stand_in.take().is_some() {
            tracing::info!("the {} is back", self.direction.noun());
        }
    }

    pub(super) const fn rebuilds(&self) -> u64 {
        self.rebuilds
    }

    /// Faults of this line and of those before it.
    pub(super) fn faults(&self) -> u64 {
        self.past_faults + self.line.as_ref().map_or(0, |line| line.flags().faults())
    }

    /// Looks after the line; to be called at each poll. True says that the line is a new one.
    pub(super) fn tend(&mut self, now: Instant) -> bool {
        let renewed = self.take_answer(now);
        if self.line.as_ref().is_some_and(|line| self.is_dead(line, now)) {
            self.lose();
        } else if let Some(line) = &self.line {
            let flags = line.flags();
            let beats = flags.beats.load(Relaxed);
            if beats != self.beats {
                (self.beats, self.last_beat, self.troubles) = (beats, now, flags.troubles());
            }
        }
        if self.line.is_none() && !self.asked && now >= self.next_ask {
            self.opener.ask();
            (self.asked, self.next_ask) = (true, now + RETRY_AFTER);
        }
        renewed
    }

    /// Lets the line go for good.
    pub(super) fn close(&mut self) {
        self.opener.release();
    }

    fn is_dead(&self, line: &L, now: Instant) -> bool {
        let flags = line.flags();
        let patience = if flags.troubles() == self.troubles { DEAD_AFTER } else { TROUBLED_AFTER };
        let silent = flags.beats.load(Relaxed) == self.beats && now >= self.last_beat + patience;
        silent || flags.has_failed()
    }

    fn lose(&mut self) {
        self.past_faults = self.faults();
        self.line = None;
        self.opener.release();
        if self.stand_in.is_none() {
            tracing::warn!("the {} has gone silent; opening it again", self.direction.noun());
            // From its last sign of life on: what was missed since is caught up with at once, so that media time
            // keeps step with the world. Otherwise every listener would have this second as delay.
            self.stand_in = Some(Pace::new(self.last_beat));
        }
    }

    fn take_answer(&mut self, now: Instant) -> bool {
        let Some(answer) = self.opener.answer() else { return false };
        self.asked = false;
        match answer {
            Ok(line) => {
                self.line = Some(line);
                (self.beats, self.last_beat, self.troubles) = (0, now, 0);
                self.rebuilds += 1;
                true
            }
            Err(error) => {
                tracing::debug!("{error}");
                false
            }
        }
    }
}

#[cfg(test)]
pub(super) mod fake {
    //! An opener whose answers a test gives.

    use std::sync::{Arc, Mutex};

    use super::*;

    /// What passed between a watch and its opener.
    pub(in super::super) struct Desk<L> {
        pub(in super::super) asked: u32,
        pub(in super::super) released: u32,
        pub(in super::super) answer: Option<Result<L, AudioError>>,
    }

    pub(in super::super) struct FakeOpener<L>(Arc<Mutex<Desk<L>>>);

    /// An opener, and the test's side of it.
    pub(in super::super) fn opener<L>() -> (Box<FakeOpener<L>>, Arc<Mutex<Desk<L>>>) {
        let desk = Arc::new(Mutex::new(Desk { asked: 0, released: 0, answer: None }));
        (Box::new(FakeOpener(Arc::clone(&desk))), desk)
    }

    impl<L: Send> Opener<L> for FakeOpener<L> {
        fn ask(&mut self) {
            self.0.lock().unwrap().asked += 1;
        }
        fn release(&mut self) {
            self.0.lock().unwrap().released += 1;
        }
        fn answer(&mut self) -> Option<Result<L, AudioError>> {
            self.0.lock().unwrap().answer.take()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::audio::testing::start;

    struct Wire(Arc<Flags>);

    impl Line for Wire {
        fn flags(&self) -> &Flags {
            &self.0
        }
    }

    fn wire() -> (Wire, Arc<Flags>) {
        let flags = Arc::new(Flags::default());
        (Wire(Arc::clone(&flags)), flags)
    }

    const MS: Duration = Duration::from_millis(1);

    /// How often the opener was asked for a line, and to drop one.
    fn counts(desk: &Mutex<fake::Desk<Wire>>) -> (u32, u32) {
        let desk = desk.lock().unwrap();
        (desk.asked, desk.released)
    }

    #[test]
    fn a_line_whose_callbacks_come_is_left_alone() {
        let t0 = start();
        let (line, flags) = wire();
        let (opener, desk) = fake::opener();
        let mut watch = Watch::new(Direction::Capture, line, opener, t0);
        for n in 1..100 {
            flags.beat(480);
            assert!(!watch.tend(t0 + MS * 900 * n));
            assert!(watch.peek().is_some());
        }
        assert_eq!(desk.lock().unwrap().asked, 0);
        assert_eq!(watch.rebuilds(), 0);
    }

    #[test]
    fn a_line_without_a_callback_for_a_second_is_dropped_and_opened_anew() {
        let t0 = start();
        let (line, flags) = wire();
        let (opener, desk) = fake::opener();
        let mut watch = Watch::new(Direction::Playback, line, opener, t0);
        flags.beat(480);
        flags.fault();
        watch.tend(t0 + MS * 100);
        watch.tend(t0 + MS * 1_099);
        assert!(watch.peek().is_some(), "not a second yet");
        watch.tend(t0 + MS * 1_100);
        assert!(watch.peek().is_none());
        assert!(watch.stand_in().is_some());
        assert_eq!(counts(&desk), (1, 1));

        desk.lock().unwrap().answer = Some(Ok(wire().0));
        assert!(watch.tend(t0 + MS * 1_150), "the line is a new one");
        assert_eq!(watch.rebuilds(), 1);
        assert_eq!(watch.faults(), 1, "the faults of the old line still count");
        assert!(watch.stand_in().is_some(), "silence until the new line is heard");
        watch.is_heard();
        assert!(watch.stand_in().is_none());
    }

    #[test]
    fn a_line_that_fails_is_dropped_at_once_and_tried_once_a_second() {
        let t0 = start();
        let (line, flags) = wire();
        let (opener, desk) = fake::opener();
        let mut watch = Watch::new(Direction::Capture, line, opener, t0);
        flags.fail();
        flags.beat(1);
        watch.tend(t0 + MS * 10);
        assert!(watch.peek().is_none());
        assert_eq!(counts(&desk), (0, 1), "dropped, not yet tried");
        for n in 1..=10_000 {
            watch.tend(t0 + MS * n);
            let no = AudioError::NoDevice { direction: Direction::Capture, name: None };
            desk.lock().unwrap().answer = Some(Err(no));
        }
        assert_eq!(desk.lock().unwrap().asked, 10);
        assert_eq!(watch.rebuilds(), 0);
    }

    #[test]
    fn errors_that_mend_themselves_are_waited_out_and_those_that_do_not_end_the_line() {
        let t0 = start();
        let (line, flags) = wire();
        let (opener, desk) = fake::opener();
        let mut watch = Watch::new(Direction::Playback, line, opener, t0);
        for n in 1..50 {
            flags.trouble();
            watch.tend(t0 + MS * n);
        }
        flags.beat(480);
        watch.tend(t0 + MS * 50);
        watch.tend(t0 + MS * 500);
        assert!(watch.peek().is_some(), "it plays, and what went before is forgotten");
        flags.trouble();
        watch.tend(t0 + MS * 501);
        assert!(watch.peek().is_none(), "no callback for so long, and now errors");
        assert_eq!(counts(&desk), (0, 1));
    }

    #[test]
    fn a_slow_opener_is_asked_once_and_waited_for() {
        let t0 = start();
        let (line, flags) = wire();
        let (opener, desk) = fake::opener();
        let mut watch = Watch::new(Direction::Capture, line, opener, t0);
        flags.fail();
        for n in 0..100 {
            watch.tend(t0 + MS * 100 * n);
        }
        assert_eq!(desk.lock().unwrap().asked, 1);
    }

    #[test]
    fn a_caller_who_was_away_does_not_take_a_living_line_for_dead() {
        let t0 = start();
        let (line, flags) = wire();
        let (opener, _desk) = fake::opener();
        let mut watch = Watch::new(Direction::Capture, line, opener, t0);
        flags.beat(480);
        watch.tend(t0 + Duration::from_secs(60));
        assert!(watch.peek().is_some(), "callbacks came meanwhile");
    }
}
