//! The door in: packets in as they come, bricks out as they are due.
//!
//! ```text
//!            first packet is due                      packet there: decode
//!   Idle -------------------------------> Playing --------------------------+
//!    ^  ^                                  |   ^                            |
//!    |  |  last packet of the talkspurt    |   +----------------------------+
//!    |  +----------------------------------+   |  packet lost: conceal its length
//!    |        nothing for MAX_EXPANSION        |  packet late: conceal, and wait for it (the delay grows)
//!    +-----------------------------------------+
//! ```
//!
//! Delay grows by waiting for what is late and shrinks at the start of each talkspurt, or inside one by merging two
//! bricks into one while it is more than the link needs.

mod counters;

pub use counters::InletCounters;

use super::Pcm;
use super::codec::{CodecError, Decoder, MAX_PACKET, packet_length};
use super::delay::{CEILING, DelayEstimator};
use super::jitter::{JitterBuffer, Kept};
use crate::unit::{BRICK, BRICK_SAMPLES, MediaTime, SAMPLE_RATE, Samples, Seq};
use crate::wire::Voice;
use counters::Numbers;
use std::time::{Duration, Instant};

/// Bricks of concealment in one hole, lost or late. After 100 ms libopus has faded its guess to nothing.
const MAX_EXPANSION: u32 = 5;

/// How far from where the clock expects it a packet's media time may be. Beyond it the sender has started anew.
const MAX_JUMP: Duration = Duration::from_secs(10);

/// Play later than planned by more than this and two bricks are merged when one is quiet: one brick of pull grid,
/// one of patience.
const LATE_IF_QUIET: Duration = Duration::from_millis(45);

/// The same for bricks that are not quiet: the merge may be heard, the delay is felt.
const LATE_ANYWAY: Duration = Duration::from_millis(100);

/// Quiet enough to merge unheard, in dBFS.
const QUIET_DBFS: f32 = -45.0;

/// Bricks between two merges: at most a tenth faster than spoken.
const MERGE_EVERY: u32 = 10;

/// What a brick pulled from an Inlet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// Nobody speaks; the brick is digital silence.
    Silence,
    /// Decoded sound.
    Voice,
    /// A guess in place of sound that is missing.
    Concealed,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle,
    Playing {
        /// When the next packet's sound begins.
        next: MediaTime,
        /// The packet decoded last.
        last: Seq,
    },
}

/// Turns one leg's packets back into sound.
#[derive(Debug)]
pub struct Inlet {
    decoder: Decoder,
    buffer: JitterBuffer,
    delay: DelayEstimator,
    numbers: Numbers,
    state: State,
    /// What has been played: packets before it are too late.
    played: Option<MediaTime>,
    /// When the last packet came and when its sound began: where the next is expected.
    latest: Option<(Instant, MediaTime)>,
    /// Decoded and not yet pulled.
    sound: Box<[f32; MAX_PACKET.0 as usize]>,
    from: usize,
    to: usize,
    /// What `sound` is.
    kind: Pulled,
    /// Bricks concealed since a packet was last decoded.
    expanded: u32,
    since_merge: u32,
    counters: InletCounters,
}

impl Inlet {
    /// An Inlet that has heard nothing yet.
    ///
    /// # Errors
    /// [`CodecError`] when there is no decoder to be had.
    pub fn new() -> Result<Self, CodecError> {
        Ok(Self {
            decoder: Decoder::new()?,
            buffer: JitterBuffer::default(),
            delay: DelayEstimator::default(),
            numbers: Numbers::default(),
            state: State::Idle,
            played: None,
            latest: None,
            sound: Box::new([0.0; MAX_PACKET.0 as usize]),
            from: 0,
            to: 0,
            kind: Pulled::Silence,
            expanded: 0,
            since_merge: 0,
            counters: InletCounters::default(),
        })
    }

    /// What it has counted so far.
    #[must_use]
    pub fn counters(&self) -> InletCounters {
        InletCounters { received: self.numbers.received(), lost: self.numbers.lost(), ..self.counters }
    }

    /// The wait beyond the fastest packet that is aimed at.
    #[must_use]
    pub fn delay(&self) -> Duration {
        self.delay.target()
    }

    /// Takes a packet that arrived at `now`.
    pub fn insert(&mut self, now: Instant, voice: &Voice<'_>) {
        let Ok(length) = packet_length(voice.opus) else {
            self.counters.damaged += 1;
            return;
        };
        let expected = self.expected(now);
        let time = voice.time(expected);
        let seq = voice.seq(self.numbers.highest());
        if time.ahead_of(expected).unsigned_abs() > MAX_JUMP.as_secs() * u64::from(SAMPLE_RATE) {
            if self.latest.is_some() {
                self.counters.resyncs += 1;
            }
            self.start_over();
        }
        if !self.numbers.insert(seq) {
            self.counters.duplicate += 1;
            return;
        }
        if self.latest.is_none_or(|(_, latest)| time > latest) {
            self.latest = Some((now, time));
        }
        self.delay.insert(now, time);
        if self.played.is_some_and(|played| time < played) {
            self.counters.late += 1;
            return;
        }
        let packet = Kept { seq, time, length, end: voice.end, opus: Vec::new() };
        self.buffer.insert(packet, voice.opus);
    }

    /// Fills `out` with the 20 ms that are due at `now`. Called once for each 20 ms of sound that is played.
    pub fn pull(&mut self, now: Instant, out: &mut Pcm) -> Pulled {
        self.skip_what_is_hopeless();
        let pulled = self.brick(now, out);
        self.since_merge += 1;
        // Only where more is there already: what has not come yet cannot be caught up with.
        let more = self.from < self.to || self.buffer.first().is_some();
        if pulled == Pulled::Voice && more && self.since_merge >= MERGE_EVERY && self.is_late(now, out) {
            self.since_merge = 0;
            let mut ahead = Pcm::SILENCE;
            if self.brick(now, &mut ahead) == Pulled::Voice {
                merge(out, &ahead);
                self.counters.merged += 1;
            }
        }
        pulled
    }

    fn brick(&mut self, now: Instant, out: &mut Pcm) -> Pulled {
        if self.from == self.to {
            self.refill(now);
        }
        if self.from == self.to {
            out.samples_mut().fill(0.0);
            return Pulled::Silence;
        }
        out.samples_mut().copy_from_slice(&self.sound[self.from..self.from + BRICK_SAMPLES]);
        self.from += BRICK_SAMPLES;
        if self.kind == Pulled::Concealed {
            self.counters.concealed += 1;
        }
        self.kind
    }

    /// Decodes or conceals what comes next; leaves nothing when it is silence.
    fn refill(&mut self, now: Instant) {
        (self.from, self.to) = (0, 0);
        if matches!(self.state, State::Idle) {
            self.begin(now);
        }
        let State::Playing { next, last } = self.state else { return };
        let Some(first) = self.buffer.first() else {
            // Late or lost, nobody knows yet: guess, and wait where we are.
            self.expand(1, next);
            return;
        };
        if first.time <= next {
            self.decode();
            return;
        }
        let hole = Samples(u32::try_from(first.time.ahead_of(next)).unwrap_or(u32::MAX)).bricks();
        let lost = first.seq.ahead_of(last) > 1;
        if !lost || hole > MAX_EXPANSION * 4 {
            // The sender was silent in between: what follows is played when it is due, not before.
            self.state = State::Idle;
            self.begin(now);
            if matches!(self.state, State::Playing { .. }) {
                self.decode();
            }
        } else if self.expanded >= hole {
            // Waiting for it has filled the hole already.
            self.decode();
        } else {
            let bricks = (hole - self.expanded).min(MAX_PACKET.bricks());
            self.expand(bricks, first.time);
        }
    }

    /// Starts a talkspurt if its first packet is due.
    fn begin(&mut self, now: Instant) {
        let Some(first) = self.buffer.first() else { return };
        if self.delay.playout(first.time).is_some_and(|due| due <= now) {
            self.expanded = 0;
            self.state = State::Playing { next: first.time, last: first.seq };
        }
    }

    fn decode(&mut self) {
        let Some(first) = self.buffer.first() else { return };
        let decoded = self.decoder.decode(&first.opus, &mut self.sound[..]);
        let (seq, next, end, length) = (first.seq, first.next_time(), first.end, first.length);
        self.buffer.drop_first();
        self.kind = Pulled::Voice;
        self.to = match decoded {
            Ok(samples) => samples,
            Err(_) => {
                self.counters.damaged += 1;
                self.kind = Pulled::Concealed;
                let wanted = &mut self.sound[..length.0 as usize];
                self.decoder.conceal(wanted).unwrap_or(0)
            }
        };
        bound(&mut self.sound[..self.to]);
        self.expanded = 0;
        self.played = Some(next);
        self.state = if end { State::Idle } else { State::Playing { next, last: seq } };
    }

    /// Conceals `bricks`; when a hole has had its share of guesses, gives the talkspurt up. `resume` is when the
    /// sound after the hole begins.
    fn expand(&mut self, bricks: u32, resume: MediaTime) {
        if self.expanded >= MAX_EXPANSION {
            self.state = State::Idle;
            self.played = Some(resume);
            return;
        }
        let bricks = bricks.min(MAX_EXPANSION - self.expanded);
        self.expanded += bricks;
        self.kind = Pulled::Concealed;
        let wanted = &mut self.sound[..bricks as usize * BRICK_SAMPLES];
        self.to = self.decoder.conceal(wanted).unwrap_or(0);
        bound(&mut self.sound[..self.to]);
    }

    /// How much later than planned the next brick would be played.
    fn lateness(&self, now: Instant) -> Duration {
        let State::Playing { next, .. } = self.state else { return Duration::ZERO };
        let position = next - Samples((self.to - self.from) as u32);
        self.delay.playout(position).map_or(Duration::ZERO, |due| now.saturating_duration_since(due))
    }

    fn is_late(&self, now: Instant, brick: &Pcm) -> bool {
        let late = self.lateness(now);
        late > LATE_ANYWAY || (late > LATE_IF_QUIET && brick.level().dbfs() < QUIET_DBFS)
    }

    /// After an outage the link may deliver seconds at once: what is older than any wait is not played.
    fn skip_what_is_hopeless(&mut self) {
        while let (Some(first), Some(last)) = (self.buffer.first(), self.buffer.last()) {
            let span = Samples(u32::try_from(last.next_time().ahead_of(first.time)).unwrap_or(0)).duration();
            if span <= CEILING + BRICK * MAX_PACKET.bricks() {
                return;
            }
            self.counters.skipped += 1;
            self.played = Some(first.next_time());
            self.state = State::Idle;
            self.buffer.drop_first();
        }
    }

    fn expected(&self, now: Instant) -> MediaTime {
        let Some((then, time)) = self.latest else { return MediaTime::from_bricks(1 << 20) };
        let since = now.saturating_duration_since(then).as_micros() * u128::from(SAMPLE_RATE) / 1_000_000;
        MediaTime(time.0.saturating_add(u64::try_from(since).unwrap_or(u64::MAX / 2)))
    }

    fn start_over(&mut self) {
        self.buffer.clear();
        self.delay = DelayEstimator::default();
        self.state = State::Idle;
        self.played = None;
        self.latest = None;
    }
}

/// A hostile packet can decode to anything, and one sample far beyond full scale would make every limiter after it
/// silence the meeting for seconds.
fn bound(sound: &mut [f32]) {
    for sample in sound {
        *sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
    }
}

/// Two bricks into one, the first fading into the second.
fn merge(first: &mut Pcm, second: &Pcm) {
    for (n, (a, b)) in first.samples_mut().iter_mut().zip(second.samples()).enumerate() {
        let share = (n as f32 + 0.5) / BRICK_SAMPLES as f32;
        *a += (b - *a) * share;
    }
}

#[cfg(test)]
mod tests;
