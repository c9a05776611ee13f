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
//! What is lost is asked for ([`Inlet::poll_ask`]) and is in time if it comes while what is before it still waits.
//! How long sound waits follows the link and the role (`wait`); the way there is stretching, or silence.

mod counters;
mod missing;
mod pace;
mod received;

pub use counters::InletCounters;

use super::Pcm;
use super::asker::Asker;
use super::codec::{CodecError, Decoder, MAX_PACKET, packet_length};
use super::delay::{CEILING, DelayEstimator};
use super::jitter::{JitterBuffer, Kept};
use super::ladder::Role;
use super::stretch::{Stretcher, Wish};
use super::wait::{self, Losses};
use crate::unit::{BRICK, BRICK_SAMPLES, MediaTime, SAMPLE_RATE, Samples, Seq};
use crate::wire::{Body, Delay, Rate, Report, Voice};
use counters::Numbers;
use received::Received;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Bricks of concealment in one hole, lost or late. After 100 ms the guess has faded to nothing.
const MAX_EXPANSION: u32 = 5;

/// The same for a listener, where what is missing has been asked for and may come any moment: a pause within a sentence
/// costs less than a word.
const MAX_PAUSE: u32 = 9;

/// A hole of more bricks than this is taken for silence even where numbers are missing.
const LONGEST_HOLE: u32 = 50;

/// How far from where the clock expects it a packet's media time may be. Beyond it the sender has started anew.
const MAX_JUMP: Duration = Duration::from_secs(10);

/// Quiet enough to be stretched unheard, in dBFS.
const QUIET_DBFS: f32 = -48.0;

/// Decoded sound that is kept ahead where it is there: the stretcher needs to see a pitch period beyond the brick.
const AHEAD: usize = 2 * BRICK_SAMPLES + BRICK_SAMPLES / 2;

/// What comes first after the line was away is heard this soon, and the wait grows from there.
const AWAKE_WITHIN: Duration = Duration::from_millis(160);

/// After this long a hole is an outage, and silence says so.
const LONG_HOLE: Duration = Duration::from_secs(2);

/// After a hole has been given up, what follows it is played this much later at most, however much later it should be:
/// with what was guessed before, less than 300 ms of silence.
const RESUME_WITHIN: Duration = Duration::from_millis(160);

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

/// The packet that came latest of all, by its media time.
#[derive(Clone, Copy, Debug)]
struct Latest {
    at: Instant,
    time: MediaTime,
    length: Samples,
    end: bool,
}

/// Turns one leg's packets back into sound.
#[derive(Debug)]
pub struct Inlet {
    decoder: Decoder,
    buffer: JitterBuffer,
    delay: DelayEstimator,
    numbers: Numbers,
    asker: Asker,
    losses: Losses,
    state: State,
    role: Role,
    /// Whether the far end may send longer packets: sound has once waited as it does for who only listens.
    listens: bool,
    round_trip: Option<Duration>,
    /// The same without what stood in queues on the way.
    fastest: Option<Duration>,
    wait: Duration,
    /// When it was last needed in full.
    wanted_at: Option<Instant>,
    /// What has been played: packets before it are too late.
    played: Option<MediaTime>,
    /// When the talkspurt was given up before its end came.
    broken: Option<Instant>,
    latest: Option<Latest>,
    /// When the line came back from being away, until sound is heard again.
    woke: Option<Instant>,
    /// Until when what comes late may have been held on the way while the line was away.
    held_until: Option<Instant>,
    /// How many packets later copies come, and packets since the last.
    copies: (u8, u32),
    /// One packet's sound on its way from the decoder.
    sound: Box<[f32; MAX_PACKET.0 as usize]>,
    /// Decoded and not yet pulled, and what it is, in order.
    out: Stretcher,
    kinds: VecDeque<(Pulled, usize)>,
    wish: Wish,
    /// Whether the brick pulled last was quiet.
    quiet: bool,
    /// Bricks concealed since a packet was last decoded.
    expanded: u32,
    received: Received,
    counters: InletCounters,
}

impl Inlet {
    /// An Inlet that has heard nothing yet, decoding with this complexity.
    ///
    /// # Errors
    /// [`CodecError`] when there is no decoder to be had.
    pub fn new(complexity: i32) -> Result<Self, CodecError> {
        Ok(Self {
            decoder: Decoder::with_complexity(complexity)?,
            buffer: JitterBuffer::default(),
            delay: DelayEstimator::default(),
            numbers: Numbers::default(),
            asker: Asker::default(),
            losses: Losses::default(),
            state: State::Idle,
            role: Role::Conversing,
            listens: false,
            round_trip: None,
            fastest: None,
            wait: Duration::ZERO,
            wanted_at: None,
            quiet: true,
            played: None,
            broken: None,
            latest: None,
            woke: None,
            held_until: None,
            copies: (0, 0),
            sound: Box::new([0.0; MAX_PACKET.0 as usize]),
            out: Stretcher::default(),
            kinds: VecDeque::with_capacity(16),
            wish: Wish::AsIs,
            expanded: 0,
            received: Received::default(),
            counters: InletCounters::default(),
        })
    }

    /// What it has counted so far.
    #[must_use]
    pub fn counters(&self) -> InletCounters {
        InletCounters {
            received: self.numbers.received(),
            lost: self.numbers.lost(),
            asked: self.asker.asked(),
            ..self.counters
        }
    }

    /// The wait beyond the fastest packet that is aimed at.
    #[must_use]
    pub fn delay(&self) -> Duration {
        self.wait
    }

    /// What stands in a queue on the way, as far as arrivals tell.
    #[must_use]
    pub fn queue(&self) -> Duration {
        self.delay.queue()
    }

    /// Whether silence that is pulled now is a hole in somebody's words and not a pause.
    #[must_use]
    pub fn is_hole(&self, now: Instant) -> bool {
        self.broken.is_some_and(|broken| now.saturating_duration_since(broken) < LONG_HOLE)
    }

    /// Goes on decoding with this complexity, without a break in what is heard.
    ///
    /// # Errors
    /// [`CodecError`] for one that libopus does not have; all is as before.
    pub fn set_complexity(&mut self, complexity: i32) -> Result<(), CodecError> {
        self.decoder.set_complexity(complexity)
    }

    /// What the listener does with what it hears.
    pub fn set_role(&mut self, role: Role) {
        self.role = role;
    }

    /// What the listener does with what it hears.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The round trip to the sender and back.
    pub fn set_round_trip(&mut self, round_trip: Option<Duration>) {
        if round_trip.is_some() && round_trip != self.round_trip {
            self.fastest = round_trip.map(|new| wait::fastest(self.fastest, new));
            self.round_trip = round_trip;
        }
    }

    /// Takes a packet that arrived at `now`.
    pub fn insert(&mut self, now: Instant, voice: &Voice<'_>) {
        let (Some(length), true) =
            (length_of(&voice.body), voice.copy.is_none_or(|copy| length_of(&copy.body).is_some()))
        else {
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
        self.received.insert(now, voice);
        let missed_before = self.notice_missing(now, seq, time);
        if let Some(copy) = voice.copy {
            self.copies = (copy.distance, 0);
            let copied = Seq(seq.0.wrapping_sub(u64::from(copy.distance)));
            if !self.numbers.is_empty() && !self.numbers.has(copied) {
                self.numbers.insert(copied, true);
                self.asker.remove(copied);
                self.counters.recovered_by_copy += 1;
                let shelved = self.shelve(copied, copy.time(time), (false, false), &copy.body);
                self.counters.recovered_in_time += u64::from(shelved);
            }
        } else if !voice.again {
            self.copies.1 = self.copies.1.saturating_add(1);
        }
        let was_asked = self.asker.remove(seq);
        if !self.numbers.insert(seq, voice.again) {
            self.counters.duplicate += 1;
            return;
        }
        if !voice.again {
            self.count_losses(missed_before);
        }
        self.note_latest(Latest { at: now, time, length, end: voice.end });
        if !voice.again && !self.was_held(now, time, length) {
            self.delay.insert(now, time, length);
        }
        let in_time = self.shelve(seq, time, (voice.start, voice.end), &voice.body);
        if voice.again {
            // Asked for, or sent twice for safety.
            let by = if was_asked {
                &mut self.counters.recovered_by_asking
            } else {
                &mut self.counters.recovered_by_copy
            };
            *by += 1;
            self.counters.recovered_in_time += u64::from(in_time);
        }
        self.counters.late += u64::from(!in_time);
    }

    /// What a report says of this leg: totals, of which it carries the low bits.
    #[must_use]
    pub fn report(&self, now: Instant) -> Report {
        let counters = self.counters();
        Report {
            received: self.numbers.first() as u16,
            lost: counters.lost as u16,
            concealed: counters.concealed as u16,
            delay: Delay::from_duration(self.wait),
            listening: self.listens,
            queue: Delay::from_duration(self.queue()),
            rate: Rate::from_bitrate(self.received.rate(now)),
            ..Report::default()
        }
    }

    /// Fills `out` with the 20 ms that are due at `now`. Called once for each 20 ms of sound that is played.
    pub fn pull(&mut self, now: Instant, out: &mut Pcm) -> Pulled {
        self.aim(now);
        self.listens = self.role == Role::Listening && (self.listens || self.waits_in_full(now));
        self.skip_what_is_hopeless();
        while self.out.available() < AHEAD && self.decode_what_follows() {}
        if self.out.available() < BRICK_SAMPLES {
            self.refill(now);
        }
        if self.out.available() < BRICK_SAMPLES && self.out.available() > 0 {
            // The end of a talkspurt that was stretched: filled up with silence.
            let rest = BRICK_SAMPLES - self.out.available();
            self.sound[..rest].fill(0.0);
            self.give_out(Pulled::Voice, rest);
        }
        let wish = self.wish(now);
        let Some(left_out) = self.out.pull(out, wish) else {
            out.samples_mut().fill(0.0);
            return Pulled::Silence;
        };
        self.counters.shortened += u64::try_from(left_out).unwrap_or(0);
        self.counters.lengthened += u64::try_from(-left_out).unwrap_or(0);
        let taken = usize::try_from(BRICK_SAMPLES as i64 + i64::from(left_out)).unwrap_or(0);
        self.quiet = out.level().dbfs() < QUIET_DBFS;
        let kind = self.take_kinds(taken);
        if kind == Pulled::Concealed {
            self.counters.concealed += 1;
        }
        kind
    }

    /// Puts the packets of one datagram on the shelf; whether they were in time.
    fn shelve(&mut self, seq: Seq, time: MediaTime, (start, end): (bool, bool), body: &Body<'_>) -> bool {
        let mut at = time;
        let mut in_time = false;
        let mut packets = body.packets().peekable();
        while let Some(opus) = packets.next() {
            let length = packet_length(opus).unwrap_or_default();
            if self.played.is_none_or(|played| at >= played) {
                in_time = true;
                let (start, end) = (start && at == time, end && packets.peek().is_none());
                self.buffer.insert(Kept { seq, time: at, length, start, end, opus: Vec::new() }, opus);
            }
            at = at + length;
        }
        in_time
    }

    /// Decodes the next packet if its sound follows at once on what was decoded.
    fn decode_what_follows(&mut self) -> bool {
        let State::Playing { next, .. } = self.state else { return false };
        let follows = self.buffer.first().is_some_and(|first| first.time <= next);
        if follows {
            self.decode();
        }
        follows
    }

    /// Decodes or conceals what comes next; leaves nothing when it is silence.
    fn refill(&mut self, now: Instant) {
        if matches!(self.state, State::Idle) {
            self.begin(now);
        }
        let State::Playing { next, last } = self.state else { return };
        let Some(first) = self.buffer.first() else {
            // Late or lost, nobody knows yet: guess, and wait where we are.
            self.expand(now, 1, next);
            return;
        };
        if first.time <= next {
            self.decode();
            return;
        }
        let (time, start) = (first.time, first.start);
        let hole = Samples(u32::try_from(time.ahead_of(next)).unwrap_or(u32::MAX)).bricks();
        let lost = first.seq.ahead_of(last) > 1;
        if start || !lost || hole > LONGEST_HOLE {
            // The sender was silent in between: what follows is played when it is due, not before.
            self.state = State::Idle;
            self.begin(now);
            if matches!(self.state, State::Playing { .. }) {
                self.decode();
            }
        } else if self.expanded >= hole {
            // Waiting for it has filled the hole already.
            self.decode();
        } else if self.asker.missing_before(time) {
            // It has been asked for: what comes in the time of the hole is late, and no word is lost.
            self.expand_until(now, 1, next, self.longest_pause());
        } else {
            let bricks = (hole - self.expanded).min(MAX_PACKET.bricks());
            self.expand(now, bricks, time);
        }
    }

    /// Starts a talkspurt if its first packet is due.
    fn begin(&mut self, now: Instant) {
        let Some(first) = self.buffer.first() else { return };
        let (time, seq, start) = (first.time, first.seq, first.start);
        let due = self.delay.playout(time, self.wait);
        let awake = self.woke.map(|woke| woke + AWAKE_WITHIN);
        // Words that follow a hole inside a talkspurt are not kept back for long.
        let resumed = self.broken.filter(|_| !start).map(|broken| broken + RESUME_WITHIN);
        if [due, awake, resumed].into_iter().flatten().min().is_some_and(|due| due <= now) {
            if self.broken.is_some()
                && !start
                && let Some(played) = self.played
                && let Ok(hole @ 0..=LONGEST_HOLE) =
                    u32::try_from(time.ahead_of(played) / BRICK_SAMPLES as i64)
            {
                // What was missing between, beyond what was guessed.
                self.counters.concealed += u64::from(hole.saturating_sub(self.expanded));
            }
            self.broken = None;
            self.expanded = 0;
            self.woke = None;
            self.state = State::Playing { next: time, last: seq };
        }
    }

    fn decode(&mut self) {
        let Some(first) = self.buffer.first() else { return };
        let decoded = self.decoder.decode(&first.opus, &mut self.sound[..]);
        let (seq, next, end, length) = (first.seq, first.next_time(), first.end, first.length);
        self.buffer.drop_first();
        let (kind, samples) = match decoded {
            Ok(samples) => (Pulled::Voice, samples),
            Err(_) => {
                self.counters.damaged += 1;
                let wanted = &mut self.sound[..length.0 as usize];
                (Pulled::Concealed, self.decoder.conceal(wanted).unwrap_or(0))
            }
        };
        self.give_out(kind, samples);
        self.expanded = 0;
        self.played = Some(next);
        self.state = if end { State::Idle } else { State::Playing { next, last: seq } };
    }

    /// Conceals `bricks`; when a hole has had its share of guesses, gives the talkspurt up. `resume` is when the
    /// sound after the hole begins.
    fn expand(&mut self, now: Instant, bricks: u32, resume: MediaTime) {
        self.expand_until(now, bricks, resume, MAX_EXPANSION);
    }

    fn expand_until(&mut self, now: Instant, bricks: u32, resume: MediaTime, most: u32) {
        if self.expanded >= most {
            self.state = State::Idle;
            self.broken = Some(now);
            self.played = Some(resume);
            return;
        }
        let bricks = bricks.min(most - self.expanded);
        self.expanded += bricks;
        let wanted = &mut self.sound[..bricks as usize * BRICK_SAMPLES];
        let samples = self.decoder.conceal(wanted).unwrap_or(0);
        self.give_out(Pulled::Concealed, samples);
    }

    fn longest_pause(&self) -> u32 {
        if self.is_terrible() { MAX_PAUSE } else { MAX_EXPANSION }
    }

    /// Hands decoded sound on to be pulled.
    fn give_out(&mut self, kind: Pulled, samples: usize) {
        let sound = &mut self.sound[..samples];
        bound(sound);
        self.out.push(sound);
        match self.kinds.back_mut() {
            Some((last, more)) if *last == kind => *more += samples,
            _ => self.kinds.push_back((kind, samples)),
        }
    }

    /// What the next `taken` samples are: by the first of them.
    fn take_kinds(&mut self, mut taken: usize) -> Pulled {
        let kind = self.kinds.front().map_or(Pulled::Voice, |&(kind, _)| kind);
        while let Some((_, left)) = self.kinds.front_mut() {
            let here = taken.min(*left);
            *left -= here;
            taken -= here;
            if *left > 0 {
                break;
            }
            self.kinds.pop_front();
            if taken == 0 {
                break;
            }
        }
        kind
    }

    /// After an outage the link may deliver seconds at once: what is older than any wait is not played.
    fn skip_what_is_hopeless(&mut self) {
        while let (Some(first), Some(last)) = (self.buffer.first(), self.buffer.last()) {
            let span = Samples(u32::try_from(last.next_time().ahead_of(first.time)).unwrap_or(0)).duration();
            if span <= CEILING + self.delay.length().duration() + BRICK * MAX_PACKET.bricks() {
                return;
            }
            self.counters.skipped += 1;
            self.played = Some(first.next_time());
            self.state = State::Idle;
            self.buffer.drop_first();
        }
    }

    fn expected(&self, now: Instant) -> MediaTime {
        let Some(latest) = self.latest else { return MediaTime::from_bricks(1 << 20) };
        let since =
            now.saturating_duration_since(latest.at).as_micros() * u128::from(SAMPLE_RATE) / 1_000_000;
        MediaTime(latest.time.0.saturating_add(u64::try_from(since).unwrap_or(u64::MAX / 2)))
    }

    fn start_over(&mut self) {
        self.buffer.clear();
        self.asker.clear();
        self.delay = DelayEstimator::default();
        self.state = State::Idle;
        self.played = None;
        self.broken = None;
        self.latest = None;
    }
}

/// How much sound a body holds; `None` for one that is damaged.
fn length_of(body: &Body<'_>) -> Option<Samples> {
    let samples = body.packets().map(|opus| packet_length(opus).ok().map(|length| length.0));
    samples.sum::<Option<u32>>().map(Samples)
}

/// A hostile packet can decode to anything, and one sample far beyond full scale would make every limiter after it
/// silence the meeting for seconds.
fn bound(sound: &mut [f32]) {
    for sample in sound {
        *sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
    }
}

#[cfg(test)]
mod tests;
