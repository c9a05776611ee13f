//! What the engine counts itself, and how a line of figures is put together.

use crate::audio::{Health, Sink, Source};
use crate::roster::{Bar, Roster};
use crate::session::{Session, State};
use crate::stats::{Stats, kbps, megabytes, tenths, tenths_of_ms};
use crate::voice::{Cleaner, Downlink, Heartbeat, Uplink};
use giaoban_proto::media::ladder::{Role, RungId};
use giaoban_proto::transport::{Path, Traffic};
use giaoban_proto::unit::BRICK;
use std::time::{Duration, Instant};

/// Time between two lines.
const EVERY: Duration = Duration::from_secs(1);

/// Counters and the traffic of the last second.
pub(super) struct Figures {
    began: Instant,
    unix_start: Duration,
    asked: RungId,
    next: Instant,
    sent: u64,
    lines: u64,
    /// What calls carried that are no more.
    retired: (u64, u64),
    /// Bytes up and down at the last line, and when that was.
    last: (u64, u64),
    last_at: Instant,
}

/// What a line of figures looks at.
pub(super) struct Seen<'a> {
    pub(super) session: &'a Session,
    pub(super) roster: &'a Roster,
    /// Why this site may not speak, where it may not.
    pub(super) bar: Option<Bar>,
    pub(super) uplink: &'a Uplink,
    pub(super) downlink: &'a Downlink,
    pub(super) heartbeat: Option<&'a Heartbeat>,
    pub(super) cleaner: &'a Cleaner,
    pub(super) source: &'a dyn Source,
    pub(super) sink: &'a dyn Sink,
    /// Datagrams that nobody took in time.
    pub(super) dropped: u64,
    /// Which way the line goes.
    pub(super) path: Option<Path>,
    /// What the living calls have carried.
    pub(super) traffic: Vec<Traffic>,
    /// What all of it should cost at most.
    pub(super) max_bytes: Option<u64>,
}

impl Figures {
    pub(super) fn new(now: Instant, unix_start: Duration, asked: RungId) -> Self {
        Self {
            began: now,
            unix_start,
            asked,
            next: now + EVERY,
            sent: 0,
            lines: 0,
            retired: (0, 0),
            last: (0, 0),
            last_at: now,
        }
    }

    /// A voice packet was handed to the line.
    pub(super) fn count_sent(&mut self) {
        self.sent += 1;
    }

    /// The room was reached.
    pub(super) fn count_line(&mut self) {
        self.lines += 1;
    }

    /// A call is no more, and this is what it carried.
    pub(super) fn retire(&mut self, traffic: Traffic) {
        self.retired = add(self.retired, &traffic);
    }

    /// All bytes both ways, as of the last line.
    pub(super) fn bytes(&self) -> u64 {
        self.last.0 + self.last.1
    }

    /// The bridge is asked to stay within this from now on.
    pub(super) fn set_asked(&mut self, asked: RungId) {
        self.asked = asked;
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next <= now
    }

    pub(super) fn next_due(&self) -> Instant {
        self.next
    }

    /// The line of `now`. The next is due at the next whole second.
    pub(super) fn read(&mut self, now: Instant, seen: &Seen<'_>) -> Stats {
        while self.next <= now {
            self.next += EVERY;
        }
        let t = now.saturating_duration_since(self.began);
        let bytes = seen.traffic.iter().fold(self.retired, add);
        // The last line of all may come right after the one before; a rate over milliseconds says nothing.
        let span = now.saturating_duration_since(self.last_at).max(EVERY);
        let (up, down) = (bytes.0.saturating_sub(self.last.0), bytes.1.saturating_sub(self.last.1));
        (self.last, self.last_at) = (bytes, now);
        let counters = seen.downlink.counters();
        let in_room = matches!(seen.session.state(), State::InRoom | State::Reconnecting);
        Stats {
            t_s: (t.as_secs_f64() * 1000.0).round() / 1000.0,
            unix_ms: millis(self.unix_start + t),
            state: seen.session.state().as_str(),
            rtt_ms: seen.heartbeat.and_then(Heartbeat::round_trip).map(tenths_of_ms),
            path: seen.path.map(Path::as_str),
            up_kbps: kbps(up, span),
            down_kbps: kbps(down, span),
            mb: megabytes(self.bytes()),
            max_mb: seen.max_bytes.map(megabytes),
            up_rung: seen.uplink.rung().wire.bps() / 1000,
            down_rung: self.asked.rung().wire.bps() / 1000,
            sent: self.sent,
            received: counters.inlet.received,
            lost: counters.inlet.lost,
            repaired: counters.inlet.recovered_by_asking + counters.inlet.recovered_by_copy,
            repaired_in_time: counters.inlet.recovered_in_time,
            repaired_by_copy: counters.inlet.recovered_by_copy,
            asked: counters.inlet.asked,
            answered: seen.uplink.counters().answered,
            stretched_ms: (counters.inlet.shortened + counters.inlet.lengthened) / 48,
            listening: seen.downlink.role() == Role::Listening,
            queue_ms: tenths_of_ms(seen.downlink.queue()),
            up_loss_percent: tenths(seen.uplink.loss() * 100.0),
            late: counters.inlet.late,
            concealed_ms: counters.inlet.concealed * millis(BRICK),
            delay_ms: tenths_of_ms(seen.downlink.delay()),
            level_dbfs: tenths(f64::from(seen.uplink.level().dbfs())),
            muted: seen.uplink.is_muted(),
            may_speak: seen.bar.is_none(),
            speaking: seen.session.line().is_some() && seen.uplink.is_speaking(),
            in_ms: millis(seen.uplink.position()),
            out_ms: millis(seen.sink.position()),
            bad_datagrams: counters.bad_datagrams + seen.dropped,
            members: if in_room { seen.roster.members() } else { 0 },
            codec_failures: seen.uplink.failures(),
            audio_gaps: gaps(seen.source.health()) + gaps(seen.sink.health()),
            cleaner_restarts: seen.cleaner.restarts(),
            reconnects: self.lines.saturating_sub(1),
        }
    }
}

fn add((up, down): (u64, u64), traffic: &Traffic) -> (u64, u64) {
    (up + traffic.sent_bytes, down + traffic.received_bytes)
}

fn gaps(health: Health) -> u64 {
    health.underruns + health.overruns
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
