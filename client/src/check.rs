//! The check before a meeting: half a minute of measuring the line, and one plain verdict.
//!
//! ```text
//! Waiting -> Trickle -> Up -> UpDrains -> Down -> DownDrains -> Asking -> Over
//! ```
//!
//! Words go both ways all the time, from here already while the bridge looks the device up: they show it what of the
//! request was lost, as reports do in a meeting (see `transport::acks`). This end climbs its staircase, lets the queue drain, has the bridge climb, lets that
//! drain, and asks what the bridge has received. One direction after the other, since a line that shares its air for
//! both would carry half of what one of them can have. See `giaoban_proto::probe` for the climbing.
//!
//! Pure, but for [`mod@run`]. Drive it so: hand it what came, do what [`Check::poll_action`] says, send all that
//! [`Check::poll_send`] gives, sleep until [`Check::poll_timeout`], end when [`Check::is_over`].

pub mod report;
pub mod run;
pub mod verdict;

use giaoban_proto::probe::{AT_MOST, CLIMB, End, Figures, Gauge, Outgoing, STEPS};
use giaoban_proto::unit::Bitrate;
use giaoban_proto::wire::{CheckResult, DecodeError, Probe};
use std::time::{Duration, Instant};

/// How long only words go at first: sixteen of them each way, for round trip and jitter.
const TRICKLE: Duration = Duration::from_secs(4);

/// Words without which the climb waits, for as long again: a line that takes so long needs it.
const WORDS: u64 = 8;

/// What may still be queued when the other direction begins.
const DRAINED: Duration = Duration::from_millis(100);

/// How long a queue may take to drain. Overload ends at 300 ms of queue and what comes in until the other end has
/// heard so; a modem that holds more holds two seconds.
const DRAINS_WITHIN: Duration = Duration::from_millis(2500);

/// How long after its last packet the bridge's staircase is taken for done, where it was at its top …
const CLIMBED: Duration = Duration::from_millis(700);

/// … and where it might go on: at 30 % of loss in bursts of three, two seconds of the slowest step are lost in a row less
/// than once in a thousand checks, 700 ms once in twenty.
const HALTED: Duration = Duration::from_secs(2);

/// How long the bridge may take to begin its staircase: a score of words ask for it.
const BEGINS_WITHIN: Duration = Duration::from_secs(5);

/// How long the bridge's figures may take: the request and the answer, each lost once or twice.
const ANSWERS_WITHIN: Duration = Duration::from_secs(6);

/// The end at all costs, before the bridge's own.
const OVER_BY: Duration = AT_MOST.saturating_sub(Duration::from_secs(1));

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Measuring round trip and jitter.
    Trickle,
    /// Sending at this rate.
    Up(Bitrate),
    /// The bridge is sending.
    Down,
    /// Asking for the bridge's figures.
    Asking,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub doing: Doing,
    /// Hundredths of the time that it takes at most.
    pub percent: u8,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask for what the bridge has received.
    AskResult,
}

/// What was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// There and back; none where no word came back.
    pub round_trip: Option<Duration>,
    /// From here to the bridge; none where the bridge did not say.
    pub up: Option<Figures>,
    /// From the bridge to here.
    pub down: Figures,
    /// What all of it cost, bytes sent and received, headers included.
    pub bytes: (u64, u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Trickle { since: Instant },
    Up,
    UpDrains { since: Instant },
    Down { since: Instant },
    DownDrains { since: Instant },
    Asking { since: Instant, asked: bool },
    Over,
}

/// The client's half of a check.
#[derive(Debug)]
pub struct Check {
    state: State,
    end: End,
    start: Instant,
    up: Option<Figures>,
}

impl Check {
    /// Waits for the bridge; `around` is what IP, UDP and QUIC add to a datagram that is sent, and to one that is received.
    #[must_use]
    pub fn new(now: Instant, around: (usize, usize)) -> Self {
        Self { state: State::Waiting, end: End::new(now, around), start: now, up: None }
    }

    /// A datagram came.
    ///
    /// # Errors
    /// When it is no probe; it is to be forgotten.
    pub fn handle_datagram(&mut self, now: Instant, bytes: &[u8]) -> Result<(), DecodeError> {
        let probe = Probe::decode(bytes)?;
        self.end.handle_probe(now, &probe, bytes.len());
        // Nobody is sent one who may not check, so that it says as much as the message, which may be late.
        self.handle_ready(now);
        Ok(())
    }

    /// The bridge is ready. All time counts from here.
    pub fn handle_ready(&mut self, now: Instant) {
        if self.is_waiting() {
            self.state = State::Trickle { since: now };
            self.start = now;
        }
    }

    /// Whether the bridge has not said yet that it is ready.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.state == State::Waiting
    }

    /// The bridge said what it has received. Before it was asked that means nothing.
    pub fn handle_result(&mut self, result: CheckResult) {
        if let State::Asking { asked: true, .. } = self.state {
            self.up = Some(result.into());
            self.state = State::Over;
        }
    }

    /// What is to be done now that this much time has passed.
    pub fn poll_action(&mut self, now: Instant) -> Option<Action> {
        self.state = self.next(now);
        match &mut self.state {
            State::Asking { asked: asked @ false, .. } => {
                *asked = true;
                Some(Action::AskResult)
            }
            _ => None,
        }
    }

    /// The next datagram that is due.
    pub fn poll_send(&mut self, now: Instant) -> Option<Outgoing> {
        if self.is_over() { None } else { self.end.poll_send(now) }
    }

    /// When something is due. Words are more often than anything else, so that no state needs a time of its own.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        self.end.poll_timeout()
    }

    /// Whether there is nothing left to measure.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self, now: Instant) -> Progress {
        let doing = match self.state {
            State::Waiting | State::Trickle { .. } => Doing::Trickle,
            State::Up | State::UpDrains { .. } => {
                self.end.step().map_or(Doing::Down, |step| Doing::Up(step.rate))
            }
            State::Down { .. } | State::DownDrains { .. } => Doing::Down,
            State::Asking { .. } | State::Over => Doing::Asking,
        };
        let usual = TRICKLE + CLIMB * 2 + Duration::from_secs(3);
        let begun = if self.is_waiting() { now } else { self.start };
        let percent = now.saturating_duration_since(begun).as_millis() * 100 / usual.as_millis();
        Progress { doing, percent: u8::try_from(percent).unwrap_or(100).min(99) }
    }

    /// What was measured so far, and in the end. What all of it cost, the caller knows from the socket.
    #[must_use]
    pub fn measured(&self) -> Measured {
        Measured { round_trip: self.end.round_trip(), up: self.up, down: self.end.figures(), bytes: (0, 0) }
    }

    fn next(&mut self, now: Instant) -> State {
        let passed = |since| now.saturating_duration_since(since);
        if !self.is_waiting() && passed(self.start) >= OVER_BY {
            return State::Over;
        }
        let gauge = self.end.gauge();
        match self.state {
            State::Trickle { since } if passed(since) >= TRICKLE * 2 && gauge.received() == 0 => State::Over,
            State::Trickle { since }
                if passed(since) >= TRICKLE * 2
                    || (passed(since) >= TRICKLE && gauge.received() >= WORDS) =>
            {
                self.end.climb(now);
                State::Up
            }
            State::Up if self.end.step().is_none() => State::UpDrains { since: now },
            State::UpDrains { since } if passed(since) >= self.drained_by() => {
                self.end.ask(true);
                State::Down { since: now }
            }
            State::Down { since } => match gauge.last_load_at() {
                Some(last) if passed(last) >= climbed_after(gauge) => State::DownDrains { since: now },
                None if passed(since) >= BEGINS_WITHIN => State::DownDrains { since: now },
                _ => self.state,
            },
            State::DownDrains { since } if gauge.queued() < DRAINED || passed(since) >= DRAINS_WITHIN => {
                self.end.ask(false);
                State::Asking { since: now, asked: false }
            }
            State::Asking { since, .. } if passed(since) >= ANSWERS_WITHIN => State::Over,
            state => state,
        }
    }

    /// How long to wait for the way up to drain: at least until the bridge's word of it can be here.
    fn drained_by(&self) -> Duration {
        let drained =
            self.end.told().is_some_and(|word| Duration::from_millis(word.queued_ms.into()) < DRAINED);
        let word = self.end.round_trip().unwrap_or(DRAINS_WITHIN) + DRAINED;
        if drained { word.min(DRAINS_WITHIN) } else { DRAINS_WITHIN }
    }
}

fn climbed_after(gauge: &Gauge) -> Duration {
    let top = usize::from(gauge.highest_step()) == STEPS.len();
    if top || gauge.overloaded() { CLIMBED } else { HALTED }
}

#[cfg(test)]
mod tests;
