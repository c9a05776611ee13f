//! One end of a check: what it sends when, and what it has heard.

use super::{Figures, Gauge, STEPS, Step, WORD_EVERY};
use crate::unit::Bitrate;
use crate::wire::{Echo, PROBE_BYTES, Probe, WORD_BYTES, Word};
use std::time::{Duration, Instant};

/// How far the sending may fall behind before it lets go of what it did not send: a loop that was held up must not
/// make a burst of it.
const BEHIND: Duration = Duration::from_millis(100);

/// A datagram to send: encode the probe at this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// What it holds.
    pub probe: Probe,
    /// Bytes of the datagram, padding included.
    pub length: usize,
}

#[derive(Clone, Copy, Debug)]
struct Load {
    step: u8,
    next: Instant,
    until: Instant,
}

/// One end of a check. Drive it so: hand it what came, send all that [`End::poll_send`] gives, sleep until
/// [`End::poll_timeout`].
#[derive(Debug)]
pub struct End {
    start: Instant,
    /// Bytes around a datagram on the line: IP, UDP and QUIC, of what is sent and of what is received.
    around: (usize, usize),
    sent: u64,
    sent_bytes: u64,
    next_word: Instant,
    load: Option<Load>,
    climbed: bool,
    /// Whether the other end is to climb.
    asks: bool,
    gauge: Gauge,
    echo: Option<(u16, Instant)>,
    told: Option<Word>,
    round_trips: Vec<Duration>,
}

impl End {
    /// Begins to send words at once. `around` is what IP, UDP and QUIC add to a datagram that is sent, and to one that
    /// is received.
    #[must_use]
    pub fn new(now: Instant, around: (usize, usize)) -> Self {
        Self {
            start: now,
            around,
            sent: 0,
            sent_bytes: 0,
            next_word: now,
            load: None,
            climbed: false,
            asks: false,
            gauge: Gauge::default(),
            echo: None,
            told: None,
            round_trips: Vec::new(),
        }
    }

    /// A probe came, in a datagram of this many bytes.
    pub fn handle_probe(&mut self, now: Instant, probe: &Probe, length: usize) {
        let new = self.gauge.received();
        self.gauge.handle_probe(now, probe, length + self.around.1);
        if self.gauge.received() == new {
            // A copy, or beyond all that is remembered.
            return;
        }
        let Some(word) = probe.word else { return };
        self.echo = Some((probe.sent_ms, now));
        self.told = Some(word);
        if let Some(echo) = word.echo {
            let round = self.clock_ms(now).wrapping_sub(echo.sent_ms).wrapping_sub(echo.held_ms);
            // A rounding of the two clocks shows as a tiny negative.
            self.round_trips.push(Duration::from_millis(if round < 60_000 { round.into() } else { 0 }));
        }
        if word.overloaded {
            self.halt();
        }
    }

    /// Climbs, if it never did.
    pub fn climb(&mut self, now: Instant) {
        if !self.climbed {
            self.climbed = true;
            self.load = Some(Load { step: 1, next: now, until: now + STEPS[0].lasts });
        }
    }

    /// Sends words only, from now on.
    pub fn halt(&mut self) {
        self.load = None;
    }

    /// The step that is being sent.
    #[must_use]
    pub fn step(&self) -> Option<&'static Step> {
        self.load.and_then(|load| STEPS.get(usize::from(load.step) - 1))
    }

    /// Asks the other end to climb, or no longer.
    pub fn ask(&mut self, climb: bool) {
        self.asks = climb;
    }

    /// What the other end said last.
    #[must_use]
    pub const fn told(&self) -> Option<Word> {
        self.told
    }

    /// What has come.
    #[must_use]
    pub const fn gauge(&self) -> &Gauge {
        &self.gauge
    }

    /// How what has come fared.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.gauge.figures()
    }

    /// There and back, in the median; none before the first echo.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        let mut sorted = self.round_trips.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }

    /// Bytes sent so far, as they are on the line.
    #[must_use]
    pub const fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    /// The next datagram that is due.
    pub fn poll_send(&mut self, now: Instant) -> Option<Outgoing> {
        self.climb_on(now);
        let mut outgoing = None;
        if now >= self.next_word {
            self.next_word = (self.next_word + WORD_EVERY).max(now + WORD_EVERY / 2);
            outgoing = Some((WORD_BYTES, Some(self.word(now))));
        } else if let Some(load) = self.load.filter(|load| now >= load.next) {
            let wanted = STEPS[usize::from(load.step) - 1].bytes;
            outgoing = Some((wanted.saturating_sub(self.around.0).max(PROBE_BYTES), None));
        }
        let (length, word) = outgoing?;
        let wire_bytes = length + self.around.0;
        if let Some(load) = &mut self.load {
            // Words count against the step's rate, so that the line carries what the step says.
            let takes = time_for(wire_bytes, STEPS[usize::from(load.step) - 1].rate);
            load.next = load.next.max(now.checked_sub(BEHIND).unwrap_or(now)) + takes;
        }
        let step = self.load.map_or(0, |load| load.step);
        let probe = Probe { step, number: self.sent as u16, sent_ms: self.clock_ms(now), word };
        self.sent += 1;
        self.sent_bytes += wire_bytes as u64;
        Some(Outgoing { probe, length })
    }

    /// When [`End::poll_send`] is to be asked again.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        self.load.map_or(self.next_word, |load| self.next_word.min(load.next.min(load.until)))
    }

    fn climb_on(&mut self, now: Instant) {
        while let Some(load) = self.load.as_mut().filter(|load| now >= load.until) {
            match STEPS.get(usize::from(load.step)) {
                Some(step) => {
                    load.step += 1;
                    load.until += step.lasts;
                }
                None => self.load = None,
            }
        }
    }

    fn word(&self, now: Instant) -> Word {
        let millis = |time: Duration| u16::try_from(time.as_millis()).unwrap_or(u16::MAX).min(u16::MAX - 1);
        let held = |at| millis(now.saturating_duration_since(at));
        Word {
            echo: self.echo.map(|(sent_ms, at)| Echo { sent_ms, held_ms: held(at) }),
            heard: self.gauge.highest_step(),
            queued_ms: millis(self.gauge.queued()),
            overloaded: self.gauge.overloaded(),
            climb: self.asks,
        }
    }

    /// The clock of this end, low sixteen bits of its milliseconds.
    fn clock_ms(&self, now: Instant) -> u16 {
        now.saturating_duration_since(self.start).as_millis() as u16
    }
}

fn time_for(bytes: usize, rate: Bitrate) -> Duration {
    Duration::from_nanos(bytes as u64 * 8 * 1_000_000_000 / u64::from(rate.bps()).max(1))
}
