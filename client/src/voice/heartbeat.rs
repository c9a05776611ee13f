//! The sign of life: when a report is due, and what the reports of both ends say about the round trip.
//!
//! The round trip is measured here and not by QUIC, whose own figure is too long by the time for which
//! acknowledgements are held back.

use giaoban_proto::media::wait;
use giaoban_proto::wire::{Echo, Report};
use std::time::{Duration, Instant};

/// Time between two reports. Longer lets a NAT forget the line sooner than we notice, and costs less: a report is
/// some 70 B on the wire, 0.6 kbit/s at this rate.
pub const PERIOD: Duration = Duration::from_secs(1);

/// The same while nothing comes in, or while control may be lost. A NAT that has given this line another port passes
/// the next report, and the bridge answers one that comes sooner than usual at once: so after a short outage, or
/// where both ends lose some in a row, four times as many chances a second are taken to hear each other again. Less
/// is a flood over a line that may be full, more is what silence is to be kept from looking like.
pub const PERIOD_IN_SILENCE: Duration = Duration::from_millis(250);

/// Silence after which reports come faster: one heartbeat of the bridge, and half a second of jitter.
const SILENT_AFTER: Duration = Duration::from_millis(1500);

/// The heartbeat of one line.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    began: Instant,
    last_sent: Option<Instant>,
    heard: Instant,
    /// The bridge's latest ping, and when it came.
    ping: Option<(u16, Instant)>,
    /// Which of our pings the bridge answered last: the same answer again proves nothing new.
    answered: Option<u16>,
    round_trip: Option<Duration>,
    unsettled: bool,
    /// When a report is wanted sooner than its turn.
    hurry: Option<Instant>,
}

impl Heartbeat {
    /// For a line that begins at `now`; its first report is due at once.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            began: now,
            last_sent: None,
            heard: now,
            ping: None,
            answered: None,
            round_trip: None,
            unsettled: false,
            hurry: None,
        }
    }

    /// Any datagram came in.
    pub fn handle_heard(&mut self, now: Instant) {
        self.heard = now.max(self.heard);
    }

    /// Whether control of ours may be lost on the way, and no voice goes that would show it: `Acks::unsettled` of
    /// the line's transport. The next reports then go at [`PERIOD_IN_SILENCE`]: the bridge sees the gap by them.
    pub fn set_unsettled(&mut self, unsettled: bool) {
        self.unsettled = unsettled;
    }

    /// A report is worth sending at `at` already, if that is before its turn; none sooner than a quarter of a second
    /// after the last.
    pub fn set_hurry(&mut self, at: Option<Instant>) {
        self.hurry = at;
    }

    /// The bridge's report came in.
    pub fn handle_report(&mut self, now: Instant, report: &Report) {
        self.ping = Some((report.sent_ms, now));
        let answered = report.echo.map(|echo| echo.sent_ms);
        if answered == self.answered {
            return;
        }
        self.answered = answered;
        if let Some(new) = report.round_trip(self.millis(now)) {
            self.round_trip = Some(wait::smoothed(self.round_trip, new));
        }
    }

    /// The round trip, smoothed; `None` until an answer came.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// When the next report is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        let Some(last) = self.last_sent else { return self.began };
        if self.unsettled {
            return last + PERIOD_IN_SILENCE;
        }
        let hurry = self.hurry.map_or(last + PERIOD, |at| at.max(last + PERIOD_IN_SILENCE));
        (last + PERIOD).min((last + PERIOD_IN_SILENCE).max(self.heard + SILENT_AFTER)).min(hurry)
    }

    /// The report to send if one is due at `now`: `about` with the ping and the answer filled in.
    pub fn poll_report(&mut self, now: Instant, about: impl FnOnce() -> Report) -> Option<Report> {
        if now < self.poll_timeout() {
            return None;
        }
        self.last_sent = Some(now);
        let echo = self.ping.map(|(sent_ms, came)| {
            let held = now.saturating_duration_since(came).as_millis();
            Echo { sent_ms, held_ms: u16::try_from(held).unwrap_or(u16::MAX - 1) }
        });
        Some(Report { sent_ms: self.millis(now), echo, ..about() })
    }

    /// Milliseconds since the line began, the low sixteen bits.
    fn millis(&self, now: Instant) -> u16 {
        (now.saturating_duration_since(self.began).as_millis() & 0xffff) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::start;
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Sends what is due for `seconds`, hearing the bridge at these times; returns when reports went.
    fn reports(seconds: u32, heard_at_ms: &[u32]) -> Vec<u128> {
        let begin = start();
        let mut heartbeat = Heartbeat::new(begin);
        let mut heard = heard_at_ms.iter().map(|&ms| begin + MS * ms).peekable();
        let mut sent = Vec::new();
        loop {
            let due = heartbeat.poll_timeout();
            if let Some(at) = heard.next_if(|&at| at < due) {
                heartbeat.handle_heard(at);
                continue;
            }
            if due > begin + seconds * Duration::from_secs(1) {
                return sent;
            }
            assert!(heartbeat.poll_report(due, Report::default).is_some());
            assert!(heartbeat.poll_report(due, Report::default).is_none());
            sent.push((due - begin).as_millis());
        }
    }

    #[test]
    fn a_report_a_second_while_the_bridge_is_heard_and_four_while_it_is_not() {
        let each_second: Vec<u32> = (0..5).map(|s| s * 1000 + 300).collect();
        assert_eq!(reports(4, &each_second), [0, 1000, 2000, 3000, 4000]);
        assert_eq!(reports(3, &[700]), [0, 1000, 2000, 2250, 2500, 2750, 3000]);
        assert_eq!(reports(4, &[700, 2600]), [0, 1000, 2000, 2250, 2500, 3500]);
    }

    #[test]
    fn reports_hurry_while_control_may_be_lost() {
        let begin = start();
        let mut heartbeat = Heartbeat::new(begin);
        assert!(heartbeat.poll_report(begin, Report::default).is_some());
        heartbeat.set_unsettled(true);
        assert_eq!(heartbeat.poll_timeout(), begin + PERIOD_IN_SILENCE);
        assert!(heartbeat.poll_report(begin + PERIOD_IN_SILENCE, Report::default).is_some());
        heartbeat.set_unsettled(false);
        heartbeat.handle_heard(begin + PERIOD_IN_SILENCE);
        assert_eq!(heartbeat.poll_timeout(), begin + PERIOD_IN_SILENCE + PERIOD);
    }

    #[test]
    fn two_heartbeats_find_the_round_trip_and_keep_it_while_nothing_new_is_proved() {
        let begin = start();
        let (mut here, mut there) = (Heartbeat::new(begin), Heartbeat::new(begin + MS * 5));
        assert_eq!(here.round_trip(), None);
        let first = here.poll_report(begin, Report::default).expect("due at once");
        there.handle_report(begin + MS * 120, &first);
        let answer = there.poll_report(begin + MS * 900, Report::default).expect("due");
        assert_eq!(answer.echo, Some(Echo { sent_ms: 0, held_ms: 780 }));
        here.handle_report(begin + MS * 1050, &answer);
        assert_eq!(here.round_trip(), Some(MS * 270));
        // Our next reports are lost: the bridge repeats its old answer, much later.
        let answer = there.poll_report(begin + MS * 1900, Report::default).expect("due");
        here.handle_report(begin + MS * 2900, &answer);
        assert_eq!(here.round_trip(), Some(MS * 270));
    }

    #[test]
    fn an_answer_held_for_longer_than_it_can_say_does_no_harm() {
        let begin = start();
        let mut heartbeat = Heartbeat::new(begin);
        heartbeat.handle_report(begin, &Report::default());
        let late = begin + Duration::from_secs(100);
        let report = heartbeat.poll_report(late, Report::default).expect("due");
        assert_eq!(report.echo, Some(Echo { sent_ms: 0, held_ms: u16::MAX - 1 }));
    }
}
