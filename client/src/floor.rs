//! What of a meeting concerns this site: the floor, its hand, the roll call, the recording. Pure.
//!
//! The bridge says how the meeting stands, whole, whenever something in it changes; what is new for the person here is
//! found by comparing.

use crate::roster::{Bar, Roster};
use crate::voice::Cue;
use giaoban_proto::wire::{FloorMode, Meeting, Recording};
use std::time::{Duration, Instant};

/// How long before the end of its turn a site is told: a last sentence.
const WARNS_BEFORE: Duration = Duration::from_secs(10);

/// How long a hand that went down may have been granted: the bridge says so next, and a lost packet takes a round trip or two.
const GRANTED_WITHIN: Duration = Duration::from_secs(2);

/// What a person should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Who may speak from now on.
    Mode {
        /// As it is now.
        mode: FloorMode,
        /// Whether this site may speak without having the floor.
        speaks: bool,
    },
    /// This site has the floor.
    Yours {
        /// For how long in s; 0 has no end.
        seconds: u32,
    },
    /// Ten seconds more.
    Ending,
    /// It has the floor no more.
    Gone,
    /// The place of its hand among all, from 1.
    Place(usize),
    /// Its hand is down, and it was not given the floor.
    Lowered,
    /// The roll is called.
    Roll {
        /// Which one.
        number: u32,
        /// For how long it may be answered, in s.
        seconds: u32,
    },
    /// This site has answered it, or the operator has for it.
    Counted,
    /// The recording stands otherwise.
    Recording(Recording),
}

impl News {
    /// What is heard of it. Of a recording the bridge itself lets all hear a tone.
    #[must_use]
    pub const fn cue(self) -> Option<Cue> {
        match self {
            Self::Yours { .. } => Some(Cue::Yours),
            Self::Gone => Some(Cue::Gone),
            Self::Ending => Some(Cue::Ending),
            Self::Roll { .. } => Some(Cue::Roll),
            _ => None,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Floor {
    own: u64,
    /// Operators always may speak, and sources.
    always: bool,
    meeting: Meeting,
    told: bool,
    /// When to say that the turn ends.
    warn_at: Option<Instant>,
    place: Option<usize>,
    /// When to say that the hand went down, if it was not granted.
    lowered_at: Option<Instant>,
    counted: u32,
}

impl Floor {
    /// This site has come in as this member, perhaps once more.
    pub fn start(&mut self, own: u64) {
        self.own = own;
    }

    /// Whether this site may speak whoever has the floor: an operator's, or a source.
    pub fn set_always(&mut self, always: bool) {
        self.always = always;
    }

    /// Whether this site may not speak, for want of the floor.
    #[must_use]
    pub fn bar(&self) -> Option<Bar> {
        (self.mode() != FloorMode::Open && !self.always && !self.is_ours()).then_some(Bar::NoFloor)
    }

    /// Whether a hand that is raised now is counted.
    #[must_use]
    pub fn takes_hands(&self) -> bool {
        self.mode() == FloorMode::Moderated
    }

    /// The bridge says how the meeting stands: what is new.
    pub fn handle_meeting(&mut self, now: Instant, meeting: &Meeting) -> Vec<News> {
        let before = std::mem::replace(&mut self.meeting, meeting.clone());
        let had = before.holder == self.own && self.own != 0;
        let first = !std::mem::replace(&mut self.told, true);
        let mut news = Vec::new();
        if meeting.mode != before.mode {
            let mode = self.mode();
            let speaks = mode == FloorMode::Open || self.always;
            news.push(News::Mode { mode, speaks });
        }
        if self.is_ours() && !had {
            // A hand that was granted is down; that is no other news.
            (self.place, self.lowered_at) = (None, None);
            news.push(News::Yours { seconds: meeting.left_s });
        } else if had && !self.is_ours() && self.mode() != FloorMode::Open {
            news.push(News::Gone);
        }
        let left = Duration::from_secs(meeting.left_s.into());
        let warn = self.is_ours() && left > WARNS_BEFORE;
        self.warn_at = warn.then(|| now + (left - WARNS_BEFORE));
        if meeting.recording != before.recording {
            news.push(News::Recording(Recording::from_code(meeting.recording).unwrap_or_default()));
        }
        if (meeting.roll != before.roll || first) && meeting.roll_left_s != 0 && meeting.roll != self.counted
        {
            news.push(News::Roll { number: meeting.roll, seconds: meeting.roll_left_s });
        }
        news
    }

    /// The list of who is here has changed.
    pub fn handle_roster(&mut self, now: Instant, roster: &Roster) -> Vec<News> {
        let mut news = Vec::new();
        let Some(own) = roster.own() else { return news };
        if own.present != self.counted {
            self.counted = own.present;
            news.extend((own.present != 0).then_some(News::Counted));
        }
        let place = roster.place();
        let before = std::mem::replace(&mut self.place, place);
        match (before, place) {
            (before, Some(place)) if before != Some(place) => {
                self.lowered_at = None;
                news.push(News::Place(place));
            }
            (Some(_), None) if !self.is_ours() => self.lowered_at = Some(now + GRANTED_WITHIN),
            _ => {}
        }
        news
    }

    /// When [`Floor::handle_timeout`] has something to say.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.warn_at, self.lowered_at].into_iter().flatten().min()
    }

    /// What is to be said at `now`.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<News> {
        let lowered = self.lowered_at.take_if(|at| *at <= now).map(|_| News::Lowered);
        lowered.or_else(|| self.warn_at.take_if(|at| *at <= now).map(|_| News::Ending))
    }

    fn mode(&self) -> FloorMode {
        FloorMode::from_code(self.meeting.mode).unwrap_or_default()
    }

    fn is_ours(&self) -> bool {
        self.meeting.holder == self.own && self.own != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::wire::{Roster as Difference, Seat};

    #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
    fn start() -> Instant {
        Instant::now()
    }

    const SECOND: Duration = Duration::from_secs(1);
    const MODERATED: u32 = FloorMode::Moderated.code();

    fn floor() -> Floor {
        let mut floor = Floor::default();
        floor.start(7);
        floor
    }

    fn roster(seats: &[(u64, u32, u32)]) -> Roster {
        let mut roster = Roster::default();
        roster.start(7);
        let seats =
            seats.iter().map(|&(member, hand, present)| Seat { member, hand, present, ..Seat::default() });
        roster.handle_difference(start(), Difference { seats: seats.collect(), gone: vec![] });
        roster
    }

    #[test]
    fn each_change_of_the_meeting_is_told_once_and_bars_whom_it_should() {
        use News as N;
        let moderated = Meeting { mode: MODERATED, ..Meeting::default() };
        let other = Meeting { holder: 3, ..moderated.clone() };
        let ours = Meeting { holder: 7, left_s: 60, ..moderated.clone() };
        let announcement = Meeting { mode: FloorMode::Announcement.code(), ..Meeting::default() };
        let open = Meeting::default();
        let mode = |mode| N::Mode { mode, speaks: mode == FloorMode::Open };
        let mut site = floor();
        for (n, (meeting, news, bar)) in [
            (&open, vec![], None),
            (&moderated, vec![mode(FloorMode::Moderated)], Some(Bar::NoFloor)),
            (&moderated, vec![], Some(Bar::NoFloor)),
            (&other, vec![], Some(Bar::NoFloor)),
            (&ours, vec![N::Yours { seconds: 60 }], None),
            (&ours, vec![], None),
            (&moderated, vec![N::Gone], Some(Bar::NoFloor)),
            (&announcement, vec![mode(FloorMode::Announcement)], Some(Bar::NoFloor)),
            (&ours, vec![mode(FloorMode::Moderated), N::Yours { seconds: 60 }], None),
            (&open, vec![mode(FloorMode::Open)], None),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!((site.handle_meeting(start(), meeting), site.bar()), (news, bar), "{n}");
        }
        let mut operator = floor();
        operator.set_always(true);
        let speaks = N::Mode { mode: FloorMode::Moderated, speaks: true };
        assert_eq!(operator.handle_meeting(start(), &moderated), [speaks]);
        assert_eq!((operator.bar(), operator.takes_hands()), (None, true));
    }

    #[test]
    fn ten_seconds_before_the_end_of_a_turn_are_told_once_and_never_of_a_turn_without_an_end() {
        for (left_s, warned) in [(60, true), (11, true), (10, false), (0, false)] {
            let (mut site, now) = (floor(), start());
            let ours = Meeting { mode: MODERATED, holder: 7, left_s, ..Meeting::default() };
            site.handle_meeting(now, &ours);
            assert_eq!(site.poll_timeout().is_some(), warned);
            let at = now + SECOND * left_s.saturating_sub(10);
            assert_eq!(site.handle_timeout(at - SECOND / 10), None);
            assert_eq!(site.handle_timeout(at), warned.then_some(News::Ending));
            assert_eq!(site.handle_timeout(at + SECOND * 60), None);
        }
        let (mut site, now) = (floor(), start());
        let ours = Meeting { mode: MODERATED, holder: 7, left_s: 60, ..Meeting::default() };
        site.handle_meeting(now, &ours);
        site.handle_meeting(now + SECOND, &Meeting { holder: 0, ..ours });
        assert_eq!(site.poll_timeout(), None, "taken back before");
    }

    #[test]
    fn the_hands_place_is_told_when_it_changes() {
        let (mut site, now) = (floor(), start());
        assert_eq!(site.handle_roster(now, &roster(&[(3, 1, 0), (7, 0, 0)])), []);
        assert_eq!(site.handle_roster(now, &roster(&[(3, 1, 0), (7, 2, 0)])), [News::Place(2)]);
        assert_eq!(site.handle_roster(now, &roster(&[(3, 1, 0), (7, 2, 0), (9, 3, 0)])), []);
        assert_eq!(site.handle_roster(now, &roster(&[(3, 0, 0), (7, 2, 0)])), [News::Place(1)]);
        assert_eq!(site.handle_roster(now, &roster(&[(7, 0, 0)])), []);
        assert_eq!(site.handle_timeout(now + SECOND), None, "it may have been granted");
        assert_eq!(site.poll_timeout(), Some(now + GRANTED_WITHIN));
        assert_eq!(site.handle_timeout(now + GRANTED_WITHIN), Some(News::Lowered));
        assert_eq!(site.handle_timeout(now + SECOND * 9), None);
    }

    #[test]
    fn a_hand_that_was_granted_went_down_for_that_whichever_is_said_first() {
        let ours = Meeting { mode: MODERATED, holder: 7, ..Meeting::default() };
        let (up, down) = (roster(&[(7, 4, 0)]), roster(&[(7, 0, 0)]));
        for floor_first in [true, false] {
            let (mut site, now) = (floor(), start());
            site.handle_roster(now, &up);
            if floor_first {
                site.handle_meeting(now, &ours);
            }
            assert_eq!(site.handle_roster(now, &down), []);
            site.handle_meeting(now, &ours);
            assert_eq!((site.poll_timeout(), site.handle_timeout(now + SECOND * 9)), (None, None));
        }
    }

    #[test]
    fn a_roll_call_is_told_to_whoever_has_not_answered_and_to_a_latecomer_too() {
        let call = Meeting { roll: 2, roll_left_s: 50, ..Meeting::default() };
        let told = [News::Roll { number: 2, seconds: 50 }];
        let mut late = floor();
        assert_eq!(late.handle_meeting(start(), &call), told);
        assert_eq!(late.handle_meeting(start(), &Meeting { roll_left_s: 40, ..call.clone() }), []);
        assert_eq!(late.handle_roster(start(), &roster(&[(7, 0, 2)])), [News::Counted]);
        let mut counted = floor();
        counted.handle_roster(start(), &roster(&[(7, 0, 2)]));
        assert_eq!(counted.handle_meeting(start(), &call), []);
        let mut over = floor();
        assert_eq!(over.handle_meeting(start(), &Meeting { roll_left_s: 0, ..call.clone() }), []);
        let again = Meeting { roll: 3, ..call };
        assert_eq!(over.handle_meeting(start(), &again), [News::Roll { number: 3, seconds: 50 }]);
    }

    #[test]
    fn a_recording_is_told_to_whoever_comes_in_while_it_runs() {
        let on = Meeting { recording: Recording::On.code(), ..Meeting::default() };
        let mut site = floor();
        assert_eq!(site.handle_meeting(start(), &on), [News::Recording(Recording::On)]);
        assert_eq!(site.handle_meeting(start(), &Meeting::default()), [News::Recording(Recording::Off)]);
        assert_eq!(News::Recording(Recording::On).cue(), None, "the bridge plays one");
    }
}
