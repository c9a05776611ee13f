//! What a site missed of a meeting that is recorded, and fetching it. Pure.
//!
//! ```text
//!   Meeting: which recording runs, how long it is  ----+
//!   datagrams: heard until now                      ---+--> wanted: from the last that was heard to when it is back
//!   a line is there, and wants are not had: Fetch -> Part … -> Got, until there is nothing left
//!                                             |  line lost: what came is kept, and what is left is asked for again
//! ```
//!
//! What is wanted and had is kept on the disk by [`store`], which tells it again after a restart.

pub mod run;
pub mod store;

use crate::session::SILENCE;
use giaoban_proto::spans::{Span, Spans};
use giaoban_proto::wire::{Fetch, FetchCode, Got, Meeting, Part, Recording, VERSION};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// By how much a piece begins before the last that came: so long sound waits and travels. Less cuts the first word.
const BEFORE_MS: u64 = 2500;

/// By how much it ends after the first that comes again. The bridge knows how long a recording is by what is written.
const AFTER_MS: u64 = 1500;

/// How often it is noted how far a meeting was heard, for a program that is killed.
const NOTE_EVERY_MS: u64 = 15_000;

/// Between two words to the bridge of how much has come, at least.
const GOT_EVERY: Duration = Duration::from_secs(1);

/// When it is asked again, after the bridge had no place or could not read.
const ASK_AGAIN: Duration = Duration::from_secs(20);

/// After a line is there, what is missed waits for so long: coming back takes room on the line itself, and what it carries
/// is not known yet.
const AFTER_COMING: Duration = Duration::from_secs(6);

/// What is known of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// What was missed.
    pub wants: Spans,
    /// What of all of it is on the disk.
    pub has: Spans,
    /// Up to when it was heard, in ms.
    pub heard_ms: u64,
}

/// What is to be kept on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// This piece of a recording was missed.
    Want(u64, Span),
    /// A recording was heard up to there, in ms.
    Heard(u64, u64),
    /// A part of a recording has come.
    Part(u64, Part),
    /// All that was missed of it by now is there: so much, in ms.
    Whole(u64, u64),
}

/// What a person should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// So many seconds were missed, and are recorded.
    Missed {
        /// How many.
        seconds: u64,
        /// Whether they are fetched now.
        fetches: bool,
    },
    /// They are not to be had.
    NotHad(FetchCode),
}

/// A piece that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Under {
    recording: u64,
    span: Span,
    /// Where the next part begins; `None` until the first has come.
    at: Option<u64>,
    got_ms: u64,
    got_at: Instant,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Missed {
    known: BTreeMap<u64, Known>,
    /// Whether what is missed is fetched by itself.
    fetches: bool,
    /// Whether the bridge lets it be fetched, and the line is there since when.
    line: Option<(bool, Instant)>,
    /// The recording that runs, how long it was then, and whether it grows.
    tape: Option<(u64, u64, Instant, bool)>,
    heard: Option<Instant>,
    /// Up to when the meeting was heard when the line was lost.
    away_from: Option<(u64, u64)>,
    under: Option<Under>,
    not_before: Option<Instant>,
    /// What is not to be had.
    given_up: bool,
    keeps: Vec<Keep>,
    news: Vec<News>,
}

impl Missed {
    /// With what is on the disk; `fetches` is whether what is missed is fetched by itself.
    #[must_use]
    pub fn new(known: BTreeMap<u64, Known>, fetches: bool) -> Self {
        Self { known, fetches, ..Self::default() }
    }

    /// Whether to fetch by itself, from now on: not where the data of the meeting are short.
    pub fn set_fetches(&mut self, fetches: bool) {
        self.fetches = fetches;
    }

    /// A line has been welcomed, by a bridge that keeps recordings or by one that does not.
    pub fn handle_line(&mut self, now: Instant, keeps: bool) {
        self.leave(now);
        self.line = Some((keeps, now));
        self.heard = Some(now);
    }

    /// The line is lost for good.
    pub fn handle_lost(&mut self, now: Instant) {
        self.leave(now);
        self.line = None;
    }

    /// Notes up to where the meeting was heard; what is under way is not any more.
    fn leave(&mut self, now: Instant) {
        self.under = None;
        if self.away_from.is_none()
            && let (Some(heard), Some((recording, ..))) = (self.heard, self.tape)
        {
            self.away_from = Some((recording, self.position(heard.min(now))));
        }
        // Of the recording itself the new line tells.
        self.tape = None;
        self.heard = None;
    }

    /// The bridge says how the meeting stands.
    pub fn handle_meeting(&mut self, now: Instant, meeting: &Meeting) {
        let runs = Recording::from_code(meeting.recording) == Some(Recording::On);
        let before = self.tape.map(|(recording, ..)| recording);
        self.tape = (meeting.recorded > 0).then_some((meeting.recorded, meeting.recorded_ms, now, runs));
        if self.tape.is_none() {
            return;
        }
        let recording = meeting.recorded;
        if before != Some(recording) {
            self.given_up = false;
            // A program that was killed knows it by the disk.
            let noted = self.known.get(&recording).map(|known| known.heard_ms).filter(|&ms| ms > 0);
            let left = self.away_from.take().filter(|(of, _)| *of == recording).map(|(_, ms)| ms);
            if let Some(from) = left.or_else(|| noted.filter(|_| before.is_none())) {
                self.miss(recording, from, meeting.recorded_ms);
            }
        }
        self.note(now);
    }

    /// A datagram came in.
    pub fn handle_heard(&mut self, now: Instant) {
        let before = self.heard.replace(now);
        if let (Some(before), Some((recording, ..))) = (before, self.tape)
            && now.saturating_duration_since(before) >= SILENCE
        {
            self.miss(recording, self.position(before), self.position(now));
        }
        self.note(now);
    }

    fn note(&mut self, now: Instant) {
        let Some((recording, ..)) = self.tape else { return };
        let ms = self.position(now);
        let known = self.known.entry(recording).or_default();
        if known.heard_ms == 0 || ms > known.heard_ms + NOTE_EVERY_MS {
            known.heard_ms = ms.max(1);
            self.keeps.push(Keep::Heard(recording, ms.max(1)));
        }
    }

    /// How long the recording is at `now`.
    fn position(&self, now: Instant) -> u64 {
        let Some((_, ms, at, runs)) = self.tape else { return 0 };
        let passed = now.saturating_duration_since(at).as_millis();
        ms + if runs { u64::try_from(passed).unwrap_or(0) } else { 0 }
    }

    fn miss(&mut self, recording: u64, from: u64, until: u64) {
        if until <= from {
            return;
        }
        let span = (from.saturating_sub(BEFORE_MS), until + AFTER_MS);
        self.known.entry(recording).or_default().wants.add(span);
        self.keeps.push(Keep::Want(recording, span));
        let fetches = self.fetches && self.line.is_some_and(|(keeps, _)| keeps);
        self.news.push(News::Missed { seconds: (until - from).div_ceil(1000), fetches });
    }

    /// What is to be asked of the bridge next.
    pub fn poll_fetch(&mut self, now: Instant) -> Option<Fetch> {
        let (keeps, since) = self.line?;
        let waits = self.not_before.is_some_and(|at| now < at) || now < since + AFTER_COMING;
        if !keeps || waits || !self.fetches || self.given_up || self.under.is_some() {
            return None;
        }
        let away = self.heard.is_none_or(|heard| now.saturating_duration_since(heard) >= SILENCE);
        let (recording, ..) = self.tape.filter(|_| !away)?;
        let known = self.known.get(&recording)?;
        let span = known.wants.without(&known.has).iter().next()?;
        // What is not written yet is waited for here.
        if span.1 > self.position(now) {
            return None;
        }
        self.under = Some(Under { recording, span, at: None, got_ms: span.0, got_at: now });
        Some(Fetch { version: VERSION, recording, from_ms: span.0, until_ms: span.1, ..Fetch::default() })
    }

    /// A part of a piece has come; what the bridge is to be told, if it is time.
    pub fn handle_part(&mut self, now: Instant, part: Part) -> Option<Got> {
        let under = self.under.as_mut()?;
        let Under { recording, span, .. } = *under;
        let next = under.at.unwrap_or(part.from_ms);
        // The bridge gives a piece from when on this site may have it.
        if part.from_ms != next || part.until_ms < part.from_ms || part.from_ms < span.0 {
            self.under = None;
            self.not_before = Some(now + ASK_AGAIN);
            return None;
        }
        under.at = Some(part.until_ms);
        let (until, last) = (part.until_ms, part.last || part.until_ms >= span.1);
        let known = self.known.entry(recording).or_default();
        // What is not to be had at its beginning or its end is not asked for again.
        known.has.add((span.0, if last { until.max(span.1) } else { until }));
        self.keeps.push(Keep::Part(recording, part));
        let due = last || now.saturating_duration_since(under.got_at) >= GOT_EVERY;
        let got = due.then(|| {
            (under.got_ms, under.got_at) = (until, now);
            Got { until_ms: until }
        });
        if last {
            self.under = None;
            if known.wants.without(&known.has).is_empty() {
                self.keeps.push(Keep::Whole(recording, known.wants.total()));
            }
        }
        got
    }

    /// What was asked for is not to be had.
    pub fn handle_not_fetched(&mut self, now: Instant, code: Option<FetchCode>) {
        if self.under.take().is_none() {
            return;
        }
        match code {
            Some(code @ (FetchCode::NotAllowed | FetchCode::GoesOn | FetchCode::NotThere)) => {
                self.given_up = true;
                self.news.push(News::NotHad(code));
            }
            _ => self.not_before = Some(now + ASK_AGAIN),
        }
    }

    /// The stream on which pieces come is no more.
    pub fn handle_over(&mut self, now: Instant) {
        if self.under.take().is_some() {
            self.not_before = Some(now + ASK_AGAIN);
        }
    }

    /// The next thing to keep.
    pub fn poll_keep(&mut self) -> Option<Keep> {
        (!self.keeps.is_empty()).then(|| self.keeps.remove(0))
    }

    /// The next thing to tell.
    pub fn poll_news(&mut self) -> Option<News> {
        (!self.news.is_empty()).then(|| self.news.remove(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
    fn start() -> Instant {
        Instant::now()
    }

    fn meeting(recorded: u64, recorded_ms: u64) -> Meeting {
        Meeting { recorded, recorded_ms, recording: Recording::On.code(), ..Meeting::default() }
    }

    struct Site {
        missed: Missed,
        start: Instant,
    }

    impl Site {
        fn new(known: BTreeMap<u64, Known>) -> Self {
            Self { missed: Missed::new(known, true), start: start() }
        }

        fn at(&self, ms: u32) -> Instant {
            self.start + MS * ms
        }

        /// Comes in by a new line while the recording is so long.
        fn come(&mut self, ms: u32, recording: u64, recorded_ms: u64) {
            self.missed.handle_line(self.at(ms), true);
            self.missed.handle_meeting(self.at(ms), &meeting(recording, recorded_ms));
        }

        fn hear(&mut self, from: u32, until: u32) {
            (from..until).step_by(500).for_each(|ms| self.missed.handle_heard(self.at(ms)));
        }

        fn fetch(&mut self, ms: u32) -> Option<Span> {
            self.missed.poll_fetch(self.at(ms)).map(|fetch| (fetch.from_ms, fetch.until_ms))
        }

        fn part(&mut self, ms: u32, span: Span, last: bool) -> Option<u64> {
            let part = Part { from_ms: span.0, until_ms: span.1, packets: vec![vec![1, 2]], last };
            self.missed.handle_part(self.at(ms), part).map(|got| got.until_ms)
        }

        fn keeps(&mut self) -> Vec<Keep> {
            std::iter::from_fn(|| self.missed.poll_keep()).collect()
        }
    }

    #[test]
    fn what_was_said_between_two_lines_or_in_a_silence_of_one_is_missed_and_nothing_else() {
        let mut site = Site::new(BTreeMap::new());
        site.come(0, 7, 60_000);
        site.hear(0, 20_000);
        assert_eq!(site.fetch(20_000), None, "what was before it came was not missed by it");
        // Silence on the same line.
        site.hear(30_000, 31_000);
        assert_eq!(site.fetch(31_000), None, "the end is not written yet");
        assert_eq!(site.fetch(31_600), Some((77_000, 91_500)));
        site.part(32_000, (77_000, 91_500), true);
        // A new line, after which the recording is shorter than it would be: it was paused, or the bridge away.
        site.missed.handle_lost(site.at(35_000));
        site.come(75_000, 7, 110_000);
        site.hear(75_000, 81_000);
        let news: Vec<News> = std::iter::from_fn(|| site.missed.poll_news()).collect();
        assert_eq!(
            news,
            [News::Missed { seconds: 11, fetches: true }, News::Missed { seconds: 20, fetches: true }]
        );
        assert_eq!(site.fetch(81_000), Some((91_500, 111_500)), "what is there already is not asked for");
        assert_eq!(site.fetch(81_000), None, "one at a time");
    }

    #[test]
    fn a_piece_that_is_torn_is_gone_on_with_where_it_was() {
        let mut site = Site::new(BTreeMap::new());
        site.come(0, 7, 0);
        site.hear(0, 20_000);
        site.missed.handle_lost(site.at(20_000));
        site.come(60_000, 7, 60_000);
        site.hear(60_000, 66_000);
        assert_eq!(site.fetch(66_000), Some((17_000, 61_500)));
        assert_eq!(site.part(66_200, (17_000, 20_000), false), None);
        assert_eq!(site.part(67_200, (20_000, 25_000), false), Some(25_000), "told once a second");
        // The line breaks, and the bridge begins anew.
        site.missed.handle_lost(site.at(68_000));
        site.come(70_000, 7, 62_000);
        site.hear(70_000, 78_000);
        assert_eq!(site.fetch(76_000).map(|span| span.0), Some(25_000));
        site.missed.handle_over(site.at(76_100));
        assert_eq!(site.fetch(80_000), None, "not at once");
        site.hear(78_000, 97_000);
        let span = site.fetch(97_000).expect("again");
        assert_eq!(site.part(97_100, (25_000, span.1), true), Some(span.1));
        let keeps = site.keeps();
        let parts = keeps.iter().filter(|keep| matches!(keep, Keep::Part(..))).count();
        assert_eq!((parts, matches!(keeps.last(), Some(Keep::Whole(7, _)))), (3, true), "{keeps:?}");
        assert_eq!(site.fetch(99_000), None);
    }

    #[test]
    fn a_program_that_was_killed_has_missed_what_was_said_since_it_last_noted() {
        let mut site = Site::new(BTreeMap::new());
        site.come(0, 7, 1000);
        site.hear(0, 40_000);
        let heard = site.keeps().into_iter().rev().find_map(|keep| match keep {
            Keep::Heard(7, ms) => Some(ms),
            _ => None,
        });
        let heard = heard.expect("noted");
        assert!((20_000..41_000).contains(&heard), "{heard}");
        let known = Known { heard_ms: heard, ..Known::default() };
        let mut again = Site::new(BTreeMap::from([(7, known)]));
        again.come(0, 7, 90_000);
        again.hear(0, 6000);
        assert_eq!(again.fetch(6000), Some((heard - BEFORE_MS, 91_500)));
        // Another recording is another matter.
        let mut other = Site::new(BTreeMap::from([(7, Known { heard_ms: heard, ..Known::default() })]));
        other.come(0, 8, 90_000);
        other.hear(0, 6000);
        assert_eq!(other.fetch(6000), None);
    }

    #[test]
    fn whoever_may_not_have_it_asks_once_and_whoever_finds_no_place_again() {
        for (code, again) in [
            (Some(FetchCode::NotAllowed), false),
            (Some(FetchCode::NotThere), false),
            (Some(FetchCode::GoesOn), false),
            (Some(FetchCode::Busy), true),
            (Some(FetchCode::Failed), true),
            (None, true),
        ] {
            let mut site = Site::new(BTreeMap::new());
            site.come(0, 7, 0);
            site.hear(0, 5000);
            site.hear(15_000, 20_000);
            assert!(site.fetch(20_000).is_some());
            site.missed.handle_not_fetched(site.at(20_000), code);
            site.hear(20_000, 60_000);
            assert_eq!(site.fetch(60_000).is_some(), again, "{code:?}");
        }
    }

    #[test]
    fn parts_that_do_not_follow_each_other_are_not_taken() {
        for wrong in [(2000, 3000), (0, 1000), (5000, 4000)] {
            let mut site = Site::new(BTreeMap::new());
            site.come(0, 7, 10_000);
            site.hear(0, 5000);
            site.hear(15_000, 20_000);
            let (from, _) = site.fetch(20_000).expect("asked");
            site.part(20_000, (from, from + 1000), false);
            site.part(20_000, wrong, false);
            site.part(20_000, (from + 1000, from + 2000), false);
            let parts = site.keeps().into_iter().filter(|keep| matches!(keep, Keep::Part(..))).count();
            assert_eq!(parts, 1, "{wrong:?}");
        }
    }
}
