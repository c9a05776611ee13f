//! One site in the table: what is wrong with it, where it stands, and whether it is shown.

use super::Model;
use crate::roster::is_called;
use giaoban_proto::wire::{LegFigures, LineFigures, Seat, SiteRole};
use std::time::{Duration, Instant};
use unicode_normalization::UnicodeNormalization as _;

/// Sound that was guessed, in percent, from which words are lost: every tenth brick is a syllable in each sentence.
/// Less calls out every short storm, more leaves a site alone that cannot follow.
const BADLY: u32 = 10;

/// A wait or a round trip, in ms, with which nobody can talk to a site, only with patience.
const SLOW_MS: u32 = 1500;

/// How long a site keeps the place of a trouble that is over: long enough that the table does not jump with every
/// burst of losses, short enough that what is well does not stand in the way.
const KEEPS_PLACE: Duration = Duration::from_secs(12);

/// Microphone flags, as in [`LineFigures::microphone`].
const DEAD: u32 = 1;
const CLIPPING: u32 = 2;
const MISSING: u32 = 4;

/// What is wrong with a site, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// Its line is away.
    Away,
    /// Its words from the meeting have holes.
    HearsBadly,
    /// Its microphone is unplugged.
    NoMicrophone,
    /// Its microphone gives nothing at all.
    DeadMicrophone,
    /// What it says has holes.
    HeardBadly,
    /// Its microphone is too loud.
    Clipping,
    /// An answer takes seconds.
    Slow,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Away,
        Self::HearsBadly,
        Self::NoMicrophone,
        Self::DeadMicrophone,
        Self::HeardBadly,
        Self::Clipping,
        Self::Slow,
    ];

    /// What is wrong with this one.
    #[must_use]
    pub fn of(seat: &Seat, line: Option<&LineFigures>) -> Option<Self> {
        if seat.away {
            return Some(Self::Away);
        }
        let line = line?;
        let speaks = SiteRole::from_code(seat.role) != Some(SiteRole::Listener);
        let flag = |flag| speaks && line.microphone & flag != 0;
        let leg = |leg: Option<LegFigures>| leg.unwrap_or_default();
        let (hears, sends) = (leg(line.hears), leg(line.sends));
        let slow = line.round_trip_10ms.saturating_mul(10) >= SLOW_MS;
        let wrong = [
            (hears.concealed >= BADLY, Self::HearsBadly),
            (flag(MISSING), Self::NoMicrophone),
            (flag(DEAD), Self::DeadMicrophone),
            (sends.concealed >= BADLY, Self::HeardBadly),
            (flag(CLIPPING), Self::Clipping),
            (slow, Self::Slow),
        ];
        wrong.into_iter().find(|(is, _)| *is).map(|(_, trouble)| trouble)
    }
}

/// What is known of a site beside its seat.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) line: Option<LineFigures>,
    /// Since when its line is away, as seen from here.
    pub(super) away: Option<Instant>,
    /// The trouble by which it is sorted, and until when it is once it is over.
    place: Option<(Trouble, Option<Instant>)>,
}

impl Seen {
    /// Looks at it anew; whether it is in worse trouble than its place in the table says.
    pub(super) fn look(&mut self, now: Instant, seat: &Seat) -> Option<Trouble> {
        if !seat.away {
            self.away = None;
        } else if self.away.is_none() {
            self.away = Some(now);
        }
        let trouble = Trouble::of(seat, self.line.as_ref());
        let before = self.place(now);
        self.place = match (trouble, before) {
            (Some(trouble), Some(before)) if before < trouble => {
                Some((before, self.place.and_then(|(_, until)| until).or(Some(now + KEEPS_PLACE))))
            }
            (Some(trouble), _) => Some((trouble, None)),
            // A line that is back is no trouble any more: its seat's own figures will tell.
            (None, Some(Trouble::Away) | None) => None,
            (None, Some(before)) => {
                Some((before, self.place.and_then(|(_, until)| until).or(Some(now + KEEPS_PLACE))))
            }
        };
        trouble.filter(|trouble| before.is_none_or(|before| *trouble < before))
    }

    fn place(&self, now: Instant) -> Option<Trouble> {
        let (trouble, until) = self.place?;
        until.is_none_or(|until| now < until).then_some(trouble)
    }
}

/// In which order sites stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Trouble, then the floor and hands, then names.
    #[default]
    Trouble,
    /// The floor and hands, then trouble, then names.
    Hands,
    /// Names.
    Names,
}

impl Order {
    /// The next one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Trouble => Self::Hands,
            Self::Hands => Self::Names,
            Self::Names => Self::Trouble,
        }
    }
}

/// Which sites are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// All.
    #[default]
    All,
    /// Those in trouble.
    Trouble,
    /// Those that want to speak, and whoever does.
    Hands,
    /// Those that have not answered the roll call.
    Unanswered,
}

impl Filter {
    /// The next one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::All => Self::Trouble,
            Self::Trouble => Self::Hands,
            Self::Hands => Self::Unanswered,
            Self::Unanswered => Self::All,
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// As the bridge lists it.
    pub seat: &'a Seat,
    /// How its line is, once that is known.
    pub line: Option<&'a LineFigures>,
    /// What is wrong with it.
    pub trouble: Option<Trouble>,
    /// For how long its line has been away.
    pub away: Option<Duration>,
    /// Its place among those that want to speak, from 1.
    pub place: Option<usize>,
    /// Whether it has the floor.
    pub floor: bool,
    /// Whether it has answered the last roll call; `None` where there was none, or it is not called.
    pub answered: Option<bool>,
    /// Whether it is this end.
    pub own: bool,
    /// Whether it may take the operator's place.
    pub deputy: bool,
    /// Whether verbs aim at it.
    pub chosen: bool,
}

impl Row<'_> {
    /// Loudness of its microphone in five steps, from 0.
    #[must_use]
    pub fn level(&self) -> usize {
        match self.line.map_or(0, |line| line.level) {
            0 => 0,
            steps => {
                (11_usize).saturating_sub(usize::try_from(steps).unwrap_or(usize::MAX)).div_ceil(2).min(5)
            }
        }
    }

    /// Whether it speaks, or something in its room does.
    #[must_use]
    pub fn is_loud(&self) -> bool {
        self.level() >= 2 && !self.seat.muted && !self.seat.silenced
    }
}

/// A name without accents and capitals: as it is typed in a hurry.
#[must_use]
pub fn plain(name: &str) -> String {
    let plain = name.nfd().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).flat_map(char::to_lowercase);
    plain.map(|c| if c == 'đ' { 'd' } else { c }).collect()
}

impl Model {
    /// The table: all that are shown, in their order.
    #[must_use]
    pub fn rows(&self, now: Instant) -> Vec<Row<'_>> {
        let hands: Vec<u64> = self.hands().iter().map(|seat| seat.member).collect();
        let search = plain(&self.search);
        let mut rows: Vec<(Row<'_>, Option<Trouble>, String)> = self
            .roster
            .seats()
            .map(|seat| {
                let seen = self.seen.get(&seat.member);
                let place = seen.and_then(|seen| seen.place(now));
                (self.row(now, seat, seen, &hands), place, plain(&seat.name))
            })
            .filter(|(row, place, name)| {
                let matches = name.contains(&search) || row.seat.member.to_string() == search;
                matches && self.is_shown(row, *place)
            })
            .collect();
        rows.sort_by_cached_key(|(row, trouble, name)| {
            let trouble = trouble.map_or(usize::MAX, |trouble| trouble as usize);
            let hand = if row.floor { 0 } else { row.place.unwrap_or(usize::MAX) };
            let (first, second) = match self.order {
                Order::Trouble => (trouble, hand),
                Order::Hands => (hand, trouble),
                Order::Names => (0, 0),
            };
            (first, second, name.clone(), row.seat.member)
        });
        rows.into_iter().map(|(row, ..)| row).collect()
    }

    /// How many sites are in trouble.
    #[must_use]
    pub fn in_trouble(&self) -> usize {
        let of = |seat: &Seat| {
            Trouble::of(seat, self.seen.get(&seat.member).and_then(|seen| seen.line.as_ref())).is_some()
        };
        self.roster.seats().filter(|seat| of(seat)).count()
    }

    fn row<'a>(&'a self, now: Instant, seat: &'a Seat, seen: Option<&'a Seen>, hands: &[u64]) -> Row<'a> {
        let line = seen.and_then(|seen| seen.line.as_ref());
        let away = seen.and_then(|seen| seen.away).map(|since| now.saturating_duration_since(since));
        Row {
            seat,
            line,
            trouble: Trouble::of(seat, line),
            away,
            place: hands.iter().position(|member| *member == seat.member).map(|place| place + 1),
            floor: self.meeting.holder == seat.member,
            answered: (self.meeting.roll != 0 && is_called(seat))
                .then_some(seat.present == self.meeting.roll),
            own: self.own == seat.member,
            deputy: self.meeting.deputy == seat.member,
            chosen: self.chosen == Some(seat.member),
        }
    }

    fn is_shown(&self, row: &Row<'_>, place: Option<Trouble>) -> bool {
        match self.filter {
            Filter::All => true,
            Filter::Trouble => row.trouble.is_some() || place.is_some(),
            Filter::Hands => row.floor || row.place.is_some(),
            Filter::Unanswered => row.answered == Some(false),
        }
    }
}
