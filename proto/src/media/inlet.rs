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

pub use counters::InletCounters;

use super::Pcm;
use super::asker::{Asker, Manner};
use super::codec::{CodecError, Decoder, MAX_PACKET, packet_length};
use super::delay::{CEILING, DelayEstimator};
use super::jitter::{JitterBuffer, Kept};
use super::ladder::Role;
use super::stretch::{Stretcher, Wish};
use super::wait::{self, Losses, Needs};
use crate::unit::{BRICK, BRICK_SAMPLES, Bitrate, MediaTime, SAMPLE_RATE, Samples, Seq};
use crate::wire::{Ask, Body, Delay, Rate, Report, Voice};
use counters::Numbers;
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

/// Sound is stretched when it is played this much too late or too early, until it is within [`NEAR`]. One brick is
/// the grid on which it is pulled; less would stretch for ever.
const FAR: Duration = Duration::from_millis(35);

/// A conversation bears only this much too early, half of what the delay estimate adds to what packets need: where the
/// sender's clock is the slower one, the next packet is not there before long. Less stretches for what rounding does,
/// more has a hole every minute.
const TOO_EARLY: Duration = Duration::from_millis(5);

/// In the middle of a word a conversation bears this much too late, and a listener, who feels no delay, this much more:
/// pauses are for that.
const FAR_IN_SPEECH: Duration = Duration::from_millis(70);

/// See [`FAR_IN_SPEECH`].
const FAR_FOR_LISTENER: Duration = Duration::from_millis(400);

/// Quiet enough to be stretched unheard, in dBFS.
const QUIET_DBFS: f32 = -48.0;

/// See [`FAR`].
const NEAR: Duration = Duration::from_millis(8);

/// Decoded sound that is kept ahead where it is there: the stretcher needs to see a pitch period beyond the brick.
const AHEAD: usize = 2 * BRICK_SAMPLES + BRICK_SAMPLES / 2;

/// After this long without a packet inside a talkspurt the line was away.
const AWAY: Duration = Duration::from_millis(1500);

/// After which what comes first is heard this soon, and the wait grows from there.
const AWAKE_WITHIN: Duration = Duration::from_millis(160);

/// A packet is overdue, and asked for unseen, when it is this much later than half of the jitter explains: to ask in
/// vain now and then costs less than to ask late.
const OVERDUE: Duration = Duration::from_millis(40);

/// The same on a line that loses nothing, and what such a line loses.
const OVERDUE_IF_CLEAN: Duration = Duration::from_millis(300);

/// See [`OVERDUE_IF_CLEAN`].
const LOSES: f64 = 0.01;

/// Packets asked for unseen, at most, while nothing comes.
const UNSEEN: u64 = 3;

/// The same on a terrible line: who asks in vain there costs nothing, since the far end knows when it sent what.
const OVERDUE_IF_TERRIBLE: Duration = Duration::from_millis(30);
const UNSEEN_IF_TERRIBLE: u64 = 8;

/// Packets that were skipped and are asked for, at most. More in a row is an outage.
const SKIPPED: u64 = 24;

/// How much later than planned what is asked for may come while conversing: it is played late rather than not.
const LATE_ANSWER: Duration = Duration::from_millis(60);

/// Packets after the last copy for which the wait reckons with copies.
const COPIES_FOR: u32 = 16;

/// How long the longest wait of late is kept before it shrinks.
const HOLD_LISTENING: Duration = Duration::from_secs(30);

/// The same for a conversation, where delay is felt.
const HOLD_CONVERSING: Duration = Duration::from_secs(6);

/// By how much the wait shrinks in a brick, at most: 50 ms a second.
const SHRINK_LISTENING: Duration = Duration::from_millis(1);

/// The same for a conversation: faster than stretching can follow.
const SHRINK_CONVERSING: Duration = Duration::from_millis(8);

/// After this long a hole is an outage, and silence says so.
const LONG_HOLE: Duration = Duration::from_secs(2);

/// After a hole has been given up, what follows it is played this much later at most, however much later it should be:
/// with what was guessed before, less than 300 ms of silence.
const RESUME_WITHIN: Duration = Duration::from_millis(160);

/// Loss from which requests are sent four times.
const TERRIBLE: f64 = 0.22;

/// Loss from which requests are sent twice.
const BAD: f64 = 0.12;

/// Over how long the received rate is counted.
const RATE_OVER: Duration = Duration::from_millis(900);

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
    rate: Received,
    counters: InletCounters,
}

/// How much came, for the far end's rate control.
#[derive(Clone, Copy, Debug, Default)]
struct Received {
    since: Option<Instant>,
    bytes: usize,
    rate: Bitrate,
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
            round_trip: None,
            fastest: None,
            wait: Duration::ZERO,
            wanted_at: None,
            quiet: true,
            played: None,
            broken: None,
            latest: None,
            woke: None,
            copies: (0, 0),
            sound: Box::new([0.0; MAX_PACKET.0 as usize]),
            out: Stretcher::default(),
            kinds: VecDeque::with_capacity(16),
            wish: Wish::AsIs,
            expanded: 0,
            rate: Received::default(),
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

    /// Voice received lately, headers included.
    fn rate(&self, now: Instant) -> Bitrate {
        // What is old is of a talkspurt that is over.
        let fresh = self.rate.since.is_some_and(|since| now.saturating_duration_since(since) < 3 * RATE_OVER);
        if fresh { self.rate.rate } else { Bitrate::default() }
    }

    /// Whether silence that is pulled now is a hole in somebody's words and not a pause.
    #[must_use]
    pub fn is_hole(&self, now: Instant) -> bool {
        self.broken.is_some_and(|broken| now.saturating_duration_since(broken) < LONG_HOLE)
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
        self.count_rate(now, voice);
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
            // More than that is no loss, the line was away.
            self.losses.insert(if u64::from(missed_before) > SKIPPED { 0 } else { missed_before });
            self.delay.insert(now, time, length);
        }
        if self.latest.is_none_or(|latest| time > latest.time) {
            let away = self.latest.is_none_or(|latest| {
                !latest.end && now.saturating_duration_since(latest.at) > AWAY + latest.length.duration()
            });
            if away {
                self.woke = Some(now);
            }
            self.latest = Some(Latest { at: now, time, length, end: voice.end });
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
            listening: self.role == Role::Listening,
            queue: Delay::from_duration(self.queue()),
            rate: Rate::from_bitrate(self.rate(now)),
            ..Report::default()
        }
    }

    /// The far end's report says which number it will send next: what is before it and has not come is lost, even
    /// when nothing follows it.
    pub fn handle_report(&mut self, now: Instant, report: &Report) {
        let Some(latest) = self.latest else { return };
        let highest = self.numbers.highest();
        let sent = report.next(highest).ahead_of(highest) - 1;
        if let Ok(sent @ 1..=SKIPPED) = u64::try_from(sent) {
            for n in 1..=sent {
                self.asker.insert(now, Seq(highest.0 + n), latest.time + latest.length);
            }
        }
    }

    /// The request for lost packets that is due at `now`.
    pub fn poll_ask(&mut self, now: Instant) -> Option<Ask> {
        self.miss_what_is_overdue(now);
        if let Some(played) = self.played {
            self.asker.forget_before(played);
        }
        let wait = match self.role {
            Role::Listening => CEILING + LATE_ANSWER,
            Role::Conversing => self.wait + LATE_ANSWER,
        };
        let delay = &self.delay;
        let lost = self.losses.steady();
        let manner = if self.is_terrible() {
            Manner::Always
        } else {
            Manner::Rounds {
                patience: wait::patience(delay.length().duration()),
                repeats: u8::from(lost > BAD) + 2 * u8::from(lost > TERRIBLE),
            }
        };
        let round_trip = if self.is_terrible() { self.fastest } else { self.round_trip };
        self.asker.poll(now, round_trip, manner, |time| delay.playout(time, wait))
    }

    /// Fills `out` with the 20 ms that are due at `now`. Called once for each 20 ms of sound that is played.
    pub fn pull(&mut self, now: Instant, out: &mut Pcm) -> Pulled {
        let wanted = wait::target(&Needs {
            role: self.role,
            jitter: self.delay.jitter(),
            round_trip: self.round_trip,
            loss: match self.role {
                Role::Conversing => self.losses.steady(),
                Role::Listening => self.losses.share(),
            },
            packet: self.delay.length().duration(),
            copies: if self.copies.1 < COPIES_FOR { self.copies.0 } else { 0 },
        });
        self.aim(now, wanted);
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

    /// Whether so much is lost that all that is missing is asked for all the time.
    fn is_terrible(&self) -> bool {
        self.role == Role::Listening && self.losses.steady() > TERRIBLE
    }

    /// Takes note of what was skipped before number `seq`; how many those are.
    fn notice_missing(&mut self, now: Instant, seq: Seq, time: MediaTime) -> u32 {
        if self.numbers.is_empty() {
            return 0;
        }
        let highest = self.numbers.highest();
        let Ok(lost @ 1..=4095) = u64::try_from(seq.ahead_of(highest) - 1) else { return 0 };
        let Some(latest) = self.latest else { return 0 };
        let from = latest.time + latest.length;
        let gap = u64::try_from(time.ahead_of(from)).unwrap_or(0);
        for n in lost.saturating_sub(SKIPPED)..lost {
            // Where in the gap each was cannot be told; evenly is near enough to know until when it is wanted.
            let at = MediaTime(from.0 + gap * n / lost);
            self.asker.insert(now, Seq(highest.0 + 1 + n), at);
        }
        u32::try_from(lost).unwrap_or(u32::MAX)
    }

    /// Inside a talkspurt packets follow each other. One that does not come is missed before the next one shows it.
    fn miss_what_is_overdue(&mut self, now: Instant) {
        let Some(latest) = self.latest.filter(|latest| !latest.end) else { return };
        let length = latest.length.duration().max(BRICK);
        // Where nothing is ever lost, what does not come stands in a queue, and asking would make it longer.
        let (overdue_by, unseen) = if self.is_terrible() {
            (OVERDUE_IF_TERRIBLE, UNSEEN_IF_TERRIBLE)
        } else if self.losses.steady() > LOSES {
            (self.delay.jitter() / 2 + OVERDUE, UNSEEN)
        } else {
            (self.delay.jitter() / 2 + OVERDUE_IF_CLEAN, UNSEEN)
        };
        let since = now.saturating_duration_since(latest.at + overdue_by);
        let overdue = (since.as_micros() / length.as_micros()) as u64;
        for n in 1..=overdue.min(unseen) {
            let seq = Seq(self.numbers.highest().0 + n);
            if !self.numbers.has(seq) {
                let after = u64::from(latest.length.0) * n;
                self.asker.insert(now, seq, MediaTime(latest.time.0 + after));
            }
        }
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

    /// Quick to grow; slow to shrink, since the next burst is what the wait is for, and whatever changes it stretches
    /// speech. A conversation does not wait for that.
    fn aim(&mut self, now: Instant, wanted: Duration) {
        let conversing = self.role == Role::Conversing;
        let (hold, shrink) = if conversing {
            (HOLD_CONVERSING, SHRINK_CONVERSING)
        } else {
            (HOLD_LISTENING, SHRINK_LISTENING)
        };
        if wanted >= self.wait {
            self.wait = wanted;
            self.wanted_at = Some(now);
        } else if self.wanted_at.is_none_or(|at| now.saturating_duration_since(at) > hold)
            || (conversing && self.wait > wait::CONVERSING)
        {
            self.wait = wanted.max(self.wait.saturating_sub(shrink));
        }
    }

    /// Whether what is pulled next should go faster or slower, to be played when it is planned.
    fn wish(&mut self, now: Instant) -> Wish {
        let Some(due) = self.due() else { return Wish::AsIs };
        let (late, early) = (now.saturating_duration_since(due), due.saturating_duration_since(now));
        let too_late = match self.role {
            _ if self.quiet => FAR,
            Role::Conversing => FAR_IN_SPEECH,
            Role::Listening => FAR_FOR_LISTENER,
        };
        let too_early = match self.role {
            Role::Conversing => TOO_EARLY,
            Role::Listening => FAR,
        };
        self.wish = match self.wish {
            _ if late > too_late => Wish::Faster,
            _ if early > too_early => Wish::Slower,
            Wish::Faster if !self.quiet && self.role == Role::Listening && late < too_late / 2 => Wish::AsIs,
            Wish::Faster if late > NEAR => Wish::Faster,
            Wish::Slower if early > NEAR => Wish::Slower,
            _ => Wish::AsIs,
        };
        // Only what is there already can be hurried through.
        let more = self.out.available() >= AHEAD || self.buffer.first().is_some();
        if self.wish == Wish::Faster && !more { Wish::AsIs } else { self.wish }
    }

    /// When the sound that is pulled next should be, so that the next packet is there in time: what is decoded and fills
    /// no brick is pulled together with the first of that.
    fn due(&self) -> Option<Instant> {
        let State::Playing { next, .. } = self.state else { return None };
        let whole = self.out.available() / BRICK_SAMPLES * BRICK_SAMPLES;
        self.delay.playout(MediaTime(next.0.saturating_sub(whole as u64)), self.wait)
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

    fn count_rate(&mut self, now: Instant, voice: &Voice<'_>) {
        let copy = voice.copy.map_or(0, |copy| copy.body.bytes().len() + 3);
        let bytes = voice.body.bytes().len()
            + copy
            + crate::wire::VOICE_HEADER_BYTES
            + super::departures::AROUND_BYTES;
        let Received { since, bytes: counted, rate } = &mut self.rate;
        match *since {
            Some(then) if now.saturating_duration_since(then) < 3 * RATE_OVER => {
                *counted += bytes;
                let over = now.saturating_duration_since(then);
                if over >= RATE_OVER {
                    let bps = *counted as f64 * 8.0 / over.as_secs_f64();
                    *rate = Bitrate::from_bps(bps as u32);
                    (*since, *counted) = (Some(now), 0);
                }
            }
            // The first of a talkspurt: its bytes belong to the time before it.
            _ => (*since, *counted) = (Some(now), 0),
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
