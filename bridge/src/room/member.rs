//! One member's leg: what comes from it, what it listens to, what is told it about both.

use super::{Joining, REPORT_EVERY};
use crate::audience::Hearing;
use crate::talkers::Standing;
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::media::{Inlet, InletCounters, Pcm, Pulled};
use giaoban_proto::unit::{MemberId, Seq};
use giaoban_proto::wire::{Delay, Echo, Report, Seat, Voice};
use std::time::{Duration, Instant};

/// Milliseconds over which members' first reports are spread: all of them in one tick would be a burst.
const SPREAD: u64 = REPORT_EVERY.as_millis() as u64;

/// What a member has cost and received so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// What its Inlet counted; nothing while it has never spoken.
    pub inlet: InletCounters,
    /// Voice packets sent to it.
    pub sent: u64,
    /// Datagrams that were none of ours.
    pub bad_datagrams: u64,
    /// The round trip, by its own reports.
    pub round_trip: Option<Duration>,
}

/// Two reports of a member in less than this mean that it misses ours.
const HURRIED: Duration = Duration::from_millis(600);

/// How soon such a member is answered, at most so often.
const SOONEST: Duration = Duration::from_millis(200);

/// For how long a report is worth an echo: the clock that it carries wraps after 65 s.
const ECHO_FOR: Duration = Duration::from_secs(60);

/// The numbers of the voice packets to one member: each is given out once.
#[derive(Debug, Default)]
pub(super) struct Numbers(Seq);

impl Numbers {
    pub(super) fn next(&mut self) -> Seq {
        let number = self.0;
        self.0 = number.next();
        number
    }
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: MemberId,
    pub(super) device: [u8; 32],
    pub(super) name: String,
    pub(super) rung: RungId,
    pub(super) muted: bool,
    pub(super) hearing: Hearing,
    pub(super) standing: Standing,
    /// This brick of its voice; meaningful while it speaks.
    pub(super) voice: Pcm,
    /// Whether this brick holds voice, and whether the one before did.
    pub(super) speaks: bool,
    pub(super) spoke: bool,
    /// Whether this brick of its voice is in the mix.
    pub(super) in_mix: bool,
    pub(super) report_at: Instant,
    pub(super) numbers: Numbers,
    /// Made when it first speaks: most never do, and a decoder is most of a member's memory.
    inlet: Option<Box<Inlet>>,
    echo: Option<(u16, Instant)>,
    tally: Tally,
}

impl Member {
    pub(super) fn new(now: Instant, joining: Joining) -> Self {
        Self {
            id: joining.id,
            device: joining.device,
            name: joining.name,
            rung: joining.rung,
            muted: joining.muted,
            hearing: Hearing::Shared,
            standing: Standing::default(),
            voice: Pcm::SILENCE,
            speaks: false,
            spoke: false,
            in_mix: false,
            report_at: now + Duration::from_millis(joining.id.0.wrapping_mul(37) % SPREAD),
            inlet: None,
            numbers: Numbers::default(),
            echo: None,
            tally: Tally::default(),
        }
    }

    pub(super) fn handle_voice(&mut self, now: Instant, voice: &Voice<'_>) {
        if self.inlet.is_none() {
            self.inlet = Inlet::new().ok().map(Box::new);
        }
        if let Some(inlet) = &mut self.inlet {
            inlet.insert(now, voice);
        }
    }

    /// `clock_ms` is the room's clock, the one that went out with [`Member::report`].
    ///
    /// A report that comes sooner than usual is from somebody who has heard nothing for a while: it is answered at
    /// once, so that a lost heartbeat or two are not taken for a lost line.
    pub(super) fn handle_report(&mut self, now: Instant, clock_ms: u16, report: &Report) {
        let hurried = self.echo.is_some_and(|(_, before)| now.saturating_duration_since(before) < HURRIED);
        if hurried && self.report_at > now + SOONEST {
            self.report_at = now + SOONEST;
        }
        self.echo = Some((report.sent_ms, now));
        self.tally.round_trip = report.round_trip(clock_ms).or(self.tally.round_trip);
    }

    pub(super) fn count_bad(&mut self) {
        self.tally.bad_datagrams += 1;
    }

    /// Takes this brick out of its Inlet.
    pub(super) fn pull(&mut self, now: Instant) {
        self.spoke = self.speaks;
        let Some(inlet) = &mut self.inlet else { return };
        self.speaks = inlet.pull(now, &mut self.voice) != Pulled::Silence;
        self.standing.heard(self.speaks.then(|| self.voice.level()));
    }

    pub(super) fn report(&self, now: Instant, clock_ms: u16) -> Report {
        let counters = self.inlet.as_ref().map_or_else(InletCounters::default, |inlet| inlet.counters());
        let delay = self.inlet.as_ref().map_or(Duration::ZERO, |inlet| inlet.delay());
        Report {
            sent_ms: clock_ms,
            echo: self.echo.and_then(|(sent_ms, at)| {
                let held = now.saturating_duration_since(at);
                // Older ones would have wrapped at the other end.
                let held_ms = u16::try_from(held.as_millis()).ok().filter(|_| held < ECHO_FOR)?;
                Some(Echo { sent_ms, held_ms })
            }),
            received: counters.received as u16,
            lost: counters.lost as u16,
            concealed: counters.concealed as u16,
            delay: Delay::from_duration(delay),
            ..Report::default()
        }
    }

    pub(super) fn tally(&self) -> Tally {
        let inlet = self.inlet.as_ref().map_or_else(InletCounters::default, |inlet| inlet.counters());
        Tally { inlet, sent: self.numbers.0.0, ..self.tally }
    }

    pub(super) fn seat(&self) -> Seat {
        Seat { member: self.id.0, name: self.name.clone(), muted: self.muted }
    }
}
