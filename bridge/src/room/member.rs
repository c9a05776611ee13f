//! One member's leg: what comes from it, what it listens to, what is told it about both.

use super::figures::{Line, Looked};
use super::seats::Site;
use super::{Joining, REPORT_EVERY};
use crate::audience::Hearing;
use crate::bucket::Bucket;
use crate::fetch::{Credit, Pace};
use crate::howl::{Bands, Ear, Fault, Heard, Spectrum};
use crate::mixer::fade;
use crate::permit::{Right, may};
use crate::talkers::Standing;
use giaoban_proto::media::codec::BRIDGE_COMPLEXITY;
use giaoban_proto::media::ladder::{Role, RungId};
use giaoban_proto::media::rate::{self, RateControl};
use giaoban_proto::media::wait;
use giaoban_proto::media::{DepartureCounters, Departures, Inlet, InletCounters, Pcm, Pulled};
use giaoban_proto::unit::{BRICK, Bitrate};
use giaoban_proto::wire::{Ask, Echo, LineFigures, Report, SiteRole, Standing as Told, Voice};
use std::time::{Duration, Instant};

/// Milliseconds over which members' first reports are spread: all of them in one tick would be a burst.
const SPREAD: u64 = REPORT_EVERY.as_millis() as u64;

/// What a member has cost and received so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// What its Inlet counted; nothing while it has never spoken.
    pub inlet: InletCounters,
    /// What was sent to it, and sent again.
    pub departures: DepartureCounters,
    /// Times that what it is sent was changed to another rung.
    pub rung_changes: u64,
    /// Datagrams that were none of ours.
    pub bad_datagrams: u64,
    /// Voice packets that were not listened to, since this site may not speak.
    pub unheard: u64,
    /// The round trip, by its own reports.
    pub round_trip: Option<Duration>,
}

/// Two reports of a member in less than this mean that it misses ours.
const HURRIED: Duration = Duration::from_millis(600);

/// A session that was heard so lately is alive: who joins with the same device is then a second one.
const ALIVE: Duration = Duration::from_secs(2);

/// No report for so long means that the line was away: two that a listener sends were lost, and more.
const DEAF: Duration = Duration::from_secs(10);

/// Between two reports of a line that stands: three that a listener sends each second may be lost. More takes what was
/// missed for heard, less what was heard for missed.
const STOOD: Duration = Duration::from_millis(3500);

/// How soon such a member is answered, at most so often.
const SOONEST: Duration = Duration::from_millis(200);

/// For how long a report is worth an echo: the clock that it carries wraps after 65 s.
const ECHO_FOR: Duration = Duration::from_secs(60);

/// Between two reports to a member that hears voice and says nothing: the voice is the sign of life, and a report is
/// half a kilobit a second. Its round trip is measured no more often than this.
const REPORT_TO_LISTENER: Duration = Duration::from_secs(4);

/// When to look again whether a report is due that voice stands for.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Reports that go each second all the same, so that a newcomer knows its round trip.
const REPORTS_AT_FIRST: u32 = 6;

/// What anybody but an operator may do: eight acts in a row, and one in two seconds from then on. Each is written to the
/// disk, and a message is sent to all: more would be a way to fill both.
const ACT_EVERY: Duration = Duration::from_secs(2);
const ACTS_AT_ONCE: u32 = 8;

/// What a source is softer by. Where relays make a circle, what is said comes back with each round, and so dies away
/// instead of howling: two relays are 6 dB a round. More is heard as a meeting that is too soft; less rings for longer.
const SOURCE_DB: i32 = -3;

/// A queue that grows is told at once, at most so often.
const ALARM_EVERY: Duration = Duration::from_millis(300);

#[derive(Debug)]
pub(super) struct Member {
    pub(super) site: Site,
    pub(super) rung: RungId,
    /// The factor that its last brick had.
    gain: f32,
    /// Whether the floor lets it be heard.
    floored: bool,
    pub(super) acts: Bucket,
    pub(super) hearing: Hearing,
    pub(super) standing: Standing,
    /// This brick of its voice, made with the Inlet; meaningful while it speaks.
    pub(super) voice: Option<Box<Pcm>>,
    /// Whether this brick holds voice, and whether the one before did.
    pub(super) speaks: bool,
    pub(super) spoke: bool,
    /// Whether this brick of its voice is in the mix.
    pub(super) in_mix: bool,
    pub(super) departures: Departures,
    pub(super) rate: RateControl,
    /// When it was last in the mix.
    pub(super) in_mix_at: Option<Instant>,
    report_at: Instant,
    reported_at: Option<Instant>,
    reports: u32,
    /// The queue that the last report told of.
    queue_told: Duration,
    /// When voice was last sent to it.
    voice_at: Option<Instant>,
    /// Made when it first speaks: most never do, and a decoder is most of a member's memory.
    pub(super) inlet: Option<Box<Inlet>>,
    /// What listens for faults of its sound, made with the Inlet; and this brick as it heard it.
    ear: Option<Box<Ear>>,
    heard: Option<Heard>,
    /// When a fault was last found.
    pub(super) faulty_at: Option<Instant>,
    /// When anything last came from it.
    pub(super) last_word: Instant,
    /// When it was last heard of, and whether it then seemed to miss us.
    heard_at: Option<(Instant, bool)>,
    echo: Option<(u16, Instant)>,
    tally: Tally,
    /// Bricks that it had guessed for it, by its reports, and the last count of them.
    concealed: (u64, Option<u16>),
    /// For how long nothing was heard of it.
    deaf: Duration,
    /// Whether it wishes to be told how the lines are.
    pub(super) watches: bool,
    pub(super) looked: Looked,
    /// Its last report, and bricks that it has said.
    report_of_it: Option<Report>,
    spoken: u64,
    /// When it last reported, and what of the recording there was then.
    stood: Option<(Instant, (u64, u64))>,
    /// How fast something is fetched, where it is.
    pace: Option<Box<Pace>>,
}

impl Member {
    /// Somebody who comes in, or comes back to the seat that was kept.
    pub(super) fn new(now: Instant, joining: Joining, kept: Option<&Site>) -> Self {
        let rate = RateControl::new(now, joining.cap);
        let (muted, watches) = (joining.muted, joining.watches);
        let report_at = now + Duration::from_millis(joining.id.0.wrapping_mul(37) % SPREAD);
        Self {
            site: Site::new(joining, kept),
            rung: rate.rung(),
            gain: 1.0,
            acts: Bucket::every(now, ACT_EVERY, ACTS_AT_ONCE),
            floored: true,
            hearing: Hearing::Shared,
            standing: Standing::default(),
            voice: None,
            speaks: false,
            spoke: false,
            in_mix: false,
            report_at,
            reported_at: None,
            reports: 0,
            queue_told: Duration::ZERO,
            voice_at: None,
            // Whoever comes in may want to say so, and for a while counts as company.
            in_mix_at: (!muted).then_some(now),
            departures: Departures::default(),
            rate,
            inlet: None,
            ear: None,
            heard: None,
            faulty_at: None,
            last_word: now,
            heard_at: None,
            echo: None,
            tally: Tally::default(),
            concealed: (0, None),
            deaf: Duration::ZERO,
            watches,
            looked: Looked::default(),
            report_of_it: None,
            spoken: 0,
            stood: None,
            pace: None,
        }
    }

    /// How much of what was said it has missed, or had guessed for it.
    pub(super) fn missed(&self) -> Duration {
        BRICK * u32::try_from(self.concealed.0).unwrap_or(u32::MAX) + self.deaf
    }

    /// Whether its voice is listened to at all.
    pub(super) fn may_speak(&self) -> bool {
        may(self.site.role, Right::Speak) && !self.site.silenced && self.floored
    }

    /// Another role, or silenced, or not any more; what it is to be told if that changes anything.
    pub(super) fn set_standing(&mut self, role: SiteRole, silenced: bool) -> Option<Told> {
        if (self.site.role, self.site.silenced) == (role, silenced) {
            return None;
        }
        (self.site.role, self.site.silenced) = (role, silenced);
        self.hush();
        Some(Told { role: role.code(), silenced })
    }

    /// Whether the floor lets it be heard; some always are.
    pub(super) fn set_floored(&mut self, lets: bool) {
        self.floored = lets || may(self.site.role, Right::SpeakAlways);
        self.hush();
    }

    /// What it has said already is not played to its end where it may not speak: whoever took its voice meant now.
    fn hush(&mut self) {
        if !self.may_speak() {
            if self.inlet.take().is_some() {
                self.looked.begin_leg();
                self.ear = None;
            }
            self.speaks = false;
        }
    }

    /// Whether it is there: heard a moment ago, and hearing us.
    pub(super) fn is_alive(&self, now: Instant) -> bool {
        self.heard_at.is_some_and(|(at, misses)| !misses && now.saturating_duration_since(at) < ALIVE)
    }

    /// Voice came. It is not even decoded where it may not be heard.
    pub(super) fn handle_voice(&mut self, now: Instant, voice: &Voice<'_>) {
        if !self.may_speak() {
            self.tally.unheard += 1;
            return;
        }
        if self.inlet.is_none() {
            self.inlet = Inlet::new(BRIDGE_COMPLEXITY).ok().map(Box::new);
            if !self.standing.in_mix() {
                // How loud it was when it spoke before says nothing.
                self.standing = Standing::default();
            }
            self.ear.get_or_insert_default();
            self.voice.get_or_insert_with(|| Box::new(Pcm::SILENCE));
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
        self.report_of_it = Some(*report);
        let (concealed, before) = self.concealed;
        let more = before.map_or(0, |before| report.concealed.wrapping_sub(before));
        self.concealed = (concealed + u64::from(more), Some(report.concealed));
        let silent = self.heard_at.map_or(Duration::ZERO, |(at, _)| now.saturating_duration_since(at));
        if silent > DEAF {
            self.deaf += silent;
        }
        let hurried = self.echo.is_some_and(|(_, before)| now.saturating_duration_since(before) < HURRIED);
        self.heard_at = Some((now, hurried));
        if hurried && self.report_at > now + SOONEST {
            self.report_at = now + SOONEST;
        }
        self.echo = Some((report.sent_ms, now));
        let round_trip = report.round_trip(clock_ms);
        if let Some(new) = round_trip {
            self.tally.round_trip = Some(wait::smoothed(self.tally.round_trip, new));
        }
        self.rate.handle_report(now, report, self.tally.round_trip);
        if let (Some(pace), Some(new), Some(fastest)) = (&mut self.pace, round_trip, self.rate.fastest()) {
            pace.handle_round_trip(now, new, fastest);
        }
        self.spend();
        if let Some(inlet) = &mut self.inlet {
            inlet.set_round_trip(self.tally.round_trip);
            inlet.handle_report(now, report);
        }
    }

    /// It has just reported, and this recording runs and is so long: what was said since it last did, it has heard.
    pub(super) fn note_recorded(&mut self, now: Instant, recorded: Option<(u64, u64)>) {
        let before = std::mem::replace(&mut self.stood, recorded.map(|recorded| (now, recorded)));
        if let (Some((at, (one, from))), Some((other, until))) = (before, recorded)
            && one == other
            && now.saturating_duration_since(at) < STOOD
        {
            self.site.has.add(one, (from, until));
        }
    }

    /// Something is fetched over its line, to which so many bytes have gone; or not any more.
    pub(super) fn set_fetching(&mut self, now: Instant, wire: Option<u64>) {
        self.pace = wire.map(|wire| Box::new(Pace::new(now, wire)));
    }

    /// What of it may go now, where the line is there.
    pub(super) fn fetch_credit(&mut self, now: Instant, wire: u64) -> Option<Credit> {
        let heard = self.heard_at.is_some_and(|(at, _)| now.saturating_duration_since(at) < STOOD);
        let speaking = self.voice_at.is_some_and(|at| now.saturating_duration_since(at) < REPORT_EVERY);
        let most = if heard { self.rate.beside(speaking) } else { Bitrate::default() };
        Some(self.pace.as_mut()?.credit(now, most, wire))
    }

    pub(super) fn handle_ask(&mut self, now: Instant, ask: &Ask) {
        self.departures.handle_ask(now, ask);
    }

    /// Lets the rate control have its time.
    pub(super) fn steer(&mut self, now: Instant) {
        let speaking = self.voice_at.is_some_and(|at| now.saturating_duration_since(at) < REPORT_EVERY);
        self.rate.handle_timeout(now, speaking);
        self.spend();
    }

    fn spend(&mut self) {
        let rate = &self.rate;
        self.departures.set_budget(rate.allowance(), rate.is_probing(), rate.terrible());
        self.departures.set_round_trip(rate.fastest());
    }

    /// Whether it is in a conversation: `others` is when anybody else was last in the mix.
    pub(super) fn set_company(&mut self, now: Instant, others: Option<Instant>) {
        let Some(inlet) = &mut self.inlet else { return };
        // Nobody talks with who hears nothing: that one is waited for until it is whole.
        let talk = self.site.hears()
            && others.is_some_and(|at| now.saturating_duration_since(at) < wait::TAKES_PART_FOR);
        inlet.set_role(if talk { Role::Conversing } else { Role::Listening });
    }

    /// A voice packet goes to it, the last of a talkspurt or not.
    pub(super) fn note_voice(&mut self, now: Instant, end: bool) {
        self.voice_at = Some(now);
        if end {
            self.report_at = self.report_at.min(now + wait::AFTER_END);
        }
    }

    pub(super) fn poll_ask(&mut self, now: Instant) -> Option<Ask> {
        self.inlet.as_mut()?.poll_ask(now)
    }

    /// The report that is due at `now`.
    pub(super) fn poll_report(&mut self, now: Instant, clock_ms: u16) -> Option<Report> {
        let queue = self.inlet.as_ref().map_or(Duration::ZERO, |inlet| inlet.queue());
        let since = self.reported_at.map_or(REPORT_TO_LISTENER, |at| now.saturating_duration_since(at));
        let alarm = self.speaks && rate::is_alarm(queue, self.queue_told) && since >= ALARM_EVERY;
        // Voice is a sign of life; when it stops, the next report is due as if it had not been.
        let hears = self.voice_at.is_some_and(|at| now.saturating_duration_since(at) < REPORT_EVERY);
        let settled = self.reports > REPORTS_AT_FIRST;
        let listens = settled && hears && self.inlet.is_none() && since < REPORT_TO_LISTENER;
        if !(alarm || (now >= self.report_at && !listens)) {
            return None;
        }
        self.queue_told = queue;
        self.reported_at = Some(now);
        self.reports = self.reports.saturating_add(1);
        self.report_at = now + REPORT_EVERY;
        Some(self.report(now, clock_ms))
    }

    /// Whether something is to be done about its voice, or what it listens to, in each brick.
    pub(super) fn is_busy(&self) -> bool {
        self.inlet.is_some()
            || self.speaks
            || self.spoke
            || self.in_mix
            || self.standing.in_mix()
            || matches!(self.hearing, Hearing::Private { .. })
            || self.rate.rung() != self.rung
    }

    /// When something other than the voice that all hear may have to be sent to it.
    pub(super) fn due(&self, now: Instant) -> Instant {
        let waits = self.inlet.is_some() || matches!(self.hearing, Hearing::Private { .. });
        if waits || self.departures.has_more() {
            now
        } else if now < self.report_at {
            self.report_at
        } else {
            // Voice stands for the report, for now.
            now + LOOK_AGAIN
        }
    }

    pub(super) fn count_bad(&mut self) {
        self.tally.bad_datagrams += 1;
    }

    /// Takes this brick out of its Inlet.
    pub(super) fn pull(&mut self, now: Instant) {
        self.spoke = self.speaks;
        let (Some(inlet), Some(voice)) = (&mut self.inlet, self.voice.as_deref_mut()) else {
            self.standing.heard(None);
            return;
        };
        self.speaks = inlet.pull(now, voice) != Pulled::Silence;
        if self.speaks {
            self.spoken += 1;
            // Made as loud as an operator wants it. A change takes the length of a brick, so that it does not click.
            let source_db = if self.site.role == SiteRole::Source { SOURCE_DB } else { 0 };
            let db = self.site.gain_db + source_db;
            if db != 0 || self.gain != 1.0 {
                let wanted = 10f32.powf(db as f32 / 20.0);
                fade(voice, self.gain, wanted);
                self.gain = wanted;
            }
        }
        self.standing.heard(self.speaks.then(|| voice.level()));
    }

    /// Looks at this brick of its voice: the powers of its bands, if it says anything.
    pub(super) fn hear_itself(&mut self, spectrum: &mut Spectrum) -> Option<Bands> {
        let voice = self.voice.as_deref().filter(|_| self.speaks && self.ear.is_some());
        self.heard = voice.map(|voice| spectrum.look(voice));
        self.heard.map(|heard| heard.bands)
    }

    /// Whether faults of its sound are listened for: once it has spoken.
    pub(super) const fn has_ear(&self) -> bool {
        self.ear.is_some()
    }

    /// Compares it with what it is sent meanwhile.
    pub(super) fn compare(&mut self, others: &Bands) -> Option<Fault> {
        self.ear.as_mut()?.push(self.heard.as_ref(), others)
    }

    /// What was found once need not be found again.
    pub(super) fn forget_sound(&mut self) {
        if let Some(ear) = &mut self.ear {
            **ear = Ear::default();
        }
    }

    fn report(&self, now: Instant, clock_ms: u16) -> Report {
        let heard = self.inlet.as_ref().map(|inlet| inlet.report(now)).unwrap_or_default();
        Report {
            sent_ms: clock_ms,
            echo: self.echo.and_then(|(sent_ms, at)| {
                let held = now.saturating_duration_since(at);
                // Older ones would have wrapped at the other end.
                let held_ms = u16::try_from(held.as_millis()).ok().filter(|_| held < ECHO_FOR)?;
                Some(Echo { sent_ms, held_ms })
            }),
            next: Report::next_of(self.departures.next()),
            ..heard
        }
    }

    /// How its line is, where that is news to those who watch.
    pub(super) fn look(&mut self, now: Instant, recorded: Option<(u64, u64)>) -> Option<LineFigures> {
        let line = Line {
            has: recorded.map(|recorded| self.site.has.percent(recorded)),
            member: self.site.id,
            sends: self.inlet.as_ref().map(|inlet| inlet.report(now)).unwrap_or_default(),
            spoken: self.spoken,
            hears: self.report_of_it,
            rung: self.rung,
            round_trip: self.tally.round_trip.unwrap_or_default(),
        };
        self.looked.look(&line)
    }

    pub(super) fn tally(&self) -> Tally {
        let inlet = self.inlet.as_ref().map_or_else(InletCounters::default, |inlet| inlet.counters());
        Tally {
            inlet,
            departures: self.departures.counters(),
            rung_changes: self.rate.changes(),
            ..self.tally
        }
    }
}
