//! How members' lines are, for the operators that watch: gathered over some seconds, and told only where it has changed
//! by more than a steady line changes by itself. At twenty sites that is some tens of bytes a second.

use super::member::Member;
use super::{Duration, Event, Instant, MemberId, Room, SiteRole};
use giaoban_proto::media::ladder::{Repair, Role, Rung, RungId};
use giaoban_proto::wire::{Figures, LegFigures, LineFigures, Microphone, Report, ServerMessage};

/// Between two looks. Shorter shows trouble sooner and costs an operator's own line more.
const EVERY: Duration = Duration::from_secs(4);

/// Lines in one message: each has at most 50 bytes.
const LINES_PER_MESSAGE: usize = 64;

/// When operators are told next.
#[derive(Debug, Default)]
pub(super) struct Watch {
    due: Option<Instant>,
    /// Somebody new watches: all is told anew.
    anew: bool,
}

impl Watch {
    pub(super) fn begin(&mut self) {
        self.anew = true;
    }
}

/// What a member's line was when it was last looked at, and what was told of it.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// As the bridge received it, and how many bricks it had said by then.
    sends: (Report, u64),
    /// As its reports say.
    hears: Report,
    told: Option<LineFigures>,
}

impl Looked {
    /// The line as it is now, where that is news.
    pub(super) fn look(&mut self, now: &Line) -> Option<LineFigures> {
        let before = self.told.unwrap_or_default();
        let spoke = now.spoken - self.sends.1;
        let sends = leg(
            &self.sends.0,
            &now.sends,
            spoke,
            &RungId::within(now.sends.rate.bitrate(), Role::Conversing, Repair::Ask).rung(),
        );
        let hears = now.hears.and_then(|report| {
            let rung = now.rung.rung();
            let packets = u64::from(packets(&self.hears, &report));
            leg(&self.hears, &report, packets * u64::from(rung.packet.0) / 960, &rung)
        });
        self.sends = (now.sends, now.spoken);
        self.hears = now.hears.unwrap_or(self.hears);
        let line = LineFigures {
            member: now.member.0,
            // Of the last time that something was said.
            sends: sends.or(before.sends),
            hears: hears.or(before.hears),
            round_trip_10ms: u32::try_from(now.round_trip.as_millis() / 10).unwrap_or(u32::MAX),
            microphone: now.hears.map_or(0, |report| flags(report.microphone)),
            level: now.hears.map_or(0, |report| level(report.level.dbfs())),
            has: now.has,
        };
        let news = self.told.is_none_or(|told| is_news(&told, &line));
        if news {
            self.told = Some(line);
        }
        news.then_some(line)
    }

    /// What it sends is counted from zero again.
    pub(super) fn begin_leg(&mut self) {
        self.sends.0 = Report::default();
    }

    pub(super) fn forget(&mut self) {
        self.told = None;
    }
}

/// A member's line as it stands.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) member: MemberId,
    pub(super) sends: Report,
    pub(super) spoken: u64,
    pub(super) hears: Option<Report>,
    pub(super) rung: RungId,
    pub(super) round_trip: Duration,
    /// How much of the recording it has, in percent.
    pub(super) has: Option<u32>,
}

/// Packets that were sent between two reports, had or not.
const fn packets(before: &Report, after: &Report) -> u16 {
    after.received.wrapping_sub(before.received).wrapping_add(after.lost.wrapping_sub(before.lost))
}

/// One direction between two reports in which so many bricks were said; `None` where nothing was.
fn leg(before: &Report, after: &Report, bricks: u64, rung: &Rung) -> Option<LegFigures> {
    let packets = u32::from(packets(before, after));
    let lost = u32::from(after.lost.wrapping_sub(before.lost));
    let concealed = u64::from(after.concealed.wrapping_sub(before.concealed));
    let percent = |of: u64, all: u64| u32::try_from((of * 100).div_ceil(all.max(1)).min(100)).unwrap_or(100);
    let delay = u32::try_from(after.delay.duration().as_millis() / 50).unwrap_or(u32::MAX);
    (packets > 0).then(|| LegFigures {
        lost: percent(lost.into(), packets.into()),
        concealed: percent(concealed, bricks.max(concealed)),
        delay_50ms: delay,
        rung_kbps: rung.codec.bps().div_ceil(1000),
        kbps: after.rate.bitrate().bps().div_ceil(1000),
    })
}

fn flags(microphone: Microphone) -> u32 {
    let Microphone { dead, clipping, missing } = microphone;
    u32::from(dead) | u32::from(clipping) << 1 | u32::from(missing) << 2
}

/// Steps of 6 dB below full scale, from 1; 0 for silence.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 15")]
fn level(dbfs: f32) -> u32 {
    if dbfs <= -90.0 { 0 } else { (-dbfs / 6.0).round().max(1.0) as u32 }
}

/// Whether a line has changed by more than a steady one does.
fn is_news(told: &LineFigures, line: &LineFigures) -> bool {
    let far = |a: u32, b: u32, least: u32| a.abs_diff(b) > least.max(a / 4);
    let leg = |told: Option<LegFigures>, leg: Option<LegFigures>| match (told, leg) {
        (Some(told), Some(leg)) => {
            far(told.lost, leg.lost, 3)
                || far(told.concealed, leg.concealed, 2)
                || far(told.delay_50ms, leg.delay_50ms, 2)
                || told.rung_kbps != leg.rung_kbps
                || far(told.kbps, leg.kbps, 3)
        }
        (told, leg) => told.is_some() != leg.is_some(),
    };
    leg(told.sends, line.sends)
        || leg(told.hears, line.hears)
        || far(told.round_trip_10ms, line.round_trip_10ms, 5)
        || told.microphone != line.microphone
        || (told.level == 0) != (line.level == 0)
        || far(told.level, line.level, 2)
        || told.has.is_some() != line.has.is_some()
        || told.has.unwrap_or(0).abs_diff(line.has.unwrap_or(0)) > 2
}

impl Room {
    /// Tells operators that watch how the lines are, when it is time.
    pub(super) fn tell_figures(&mut self) {
        let now = self.now;
        let watching = |member: &Member| member.watches && member.site.role == SiteRole::Operator;
        let observing = self.observers.iter().any(|observer| observer.watches);
        if !observing && !self.members.iter().any(watching) {
            return;
        }
        if std::mem::take(&mut self.watch.anew) {
            self.watch.due = None;
            self.members.iter_mut().for_each(|member| member.looked.forget());
        }
        if self.watch.due.is_some_and(|due| now < due) {
            return;
        }
        self.watch.due = Some(now + EVERY);
        let recorded = self.recorded;
        let look = |member: &mut Member| member.look(now, recorded);
        let lines: Vec<LineFigures> = self.members.iter_mut().filter_map(look).collect();
        for part in lines.chunks(LINES_PER_MESSAGE) {
            let figures = ServerMessage::from(Figures { lines: part.to_vec() });
            let members = self.members.iter().filter(|member| watching(member)).map(|member| member.site.id);
            let observers =
                self.observers.iter().filter(|observer| observer.watches).map(|observer| observer.id);
            self.events.extend(members.chain(observers).map(|id| Event::Send(id, figures.clone())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(round_trip_ms: u64, received: u16, lost: u16) -> Line {
        Line {
            member: MemberId(7),
            sends: Report::default(),
            spoken: 0,
            hears: Some(Report { received, lost, ..Report::default() }),
            rung: RungId::for_cap(24),
            round_trip: Duration::from_millis(round_trip_ms),
            has: None,
        }
    }

    #[test]
    fn a_steady_line_says_nothing_new_and_one_that_gets_worse_does() {
        let mut looked = Looked::default();
        let first = looked.look(&line(300, 100, 10)).expect("the first is news");
        assert_eq!((first.hears.map(|leg| leg.lost), first.sends), (Some(10), None));
        assert_eq!(looked.look(&line(320, 192, 18)), None, "8 % is no news after 10 %");
        assert_eq!(looked.look(&line(290, 192, 18)), None, "nothing was said: as before");
        let worse = looked.look(&line(300, 252, 58)).expect("40 % is");
        assert_eq!(worse.hears.map(|leg| leg.lost), Some(40));
        assert!(looked.look(&line(900, 252, 58)).is_some(), "a longer way is");
        looked.forget();
        assert!(looked.look(&line(900, 252, 58)).is_some(), "to somebody new all is");
    }

    #[test]
    fn counters_that_wrap_are_differences() {
        let before = Report { received: u16::MAX, lost: 65_530, ..Report::default() };
        let after = Report { received: 89, lost: 4, concealed: 3, ..Report::default() };
        let leg = leg(&before, &after, 300, &RungId::for_cap(24).rung()).expect("said");
        assert_eq!((leg.lost, leg.concealed), (10, 1));
    }
}
