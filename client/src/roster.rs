//! Who is in the room and who waits to be let in, from the differences that the bridge sends; and who may speak.
//!
//! Pure. The list after a welcome holds all who are here, in several parts where it is long, and is no news; what
//! follows is.

use giaoban_proto::wire::{Lobby as LobbyDifference, Roster as Difference, Seat, SiteRole, Waiting};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long after the list's first part another may still come. Less announces those who were here before as if
/// they came, more hides who does come.
const LIST_WITHIN: Duration = Duration::from_secs(2);

/// Seats kept at most. No room is near this; it bounds what a faulty bridge can pin.
const MAX_SEATS: usize = 4096;

/// What a difference says to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The first list is here: how many others there are.
    Here {
        /// Members of the room but this one.
        others: usize,
    },
    /// Somebody came in.
    Came {
        /// Its name.
        name: String,
        /// Whether by PIN.
        guest: bool,
    },
    /// Somebody went.
    Left(String),
}

/// The list of who is here, this site included once the bridge has listed it.
#[derive(Debug, Default)]
pub struct Roster {
    own: u64,
    seats: BTreeMap<u64, Seat>,
    /// When the list's first part came.
    listed: Option<Instant>,
}

impl Roster {
    /// Begins anew after a welcome that gave this site the number `own`.
    pub fn start(&mut self, own: u64) {
        *self = Self { own, ..Self::default() };
    }

    /// Members in the room, this one included.
    #[must_use]
    pub fn members(&self) -> usize {
        self.others() + usize::from(self.listed.is_some())
    }

    /// All seats, by number.
    pub fn seats(&self) -> impl Iterator<Item = &Seat> {
        self.seats.values()
    }

    /// This site's own, once the bridge has listed it.
    #[must_use]
    pub fn own(&self) -> Option<&Seat> {
        self.seats.get(&self.own)
    }

    /// The seat of this member.
    #[must_use]
    pub fn seat(&self, member: u64) -> Option<&Seat> {
        self.seats.get(&member)
    }

    /// The place of this site's hand among all that are up, from 1; `None` while it is down.
    #[must_use]
    pub fn place(&self) -> Option<usize> {
        let own = self.own().map(|seat| seat.hand).filter(|hand| *hand != 0)?;
        Some(self.seats.values().filter(|seat| (1..=own).contains(&seat.hand)).count())
    }

    /// Whether any of the list has come.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.listed.is_some()
    }

    fn others(&self) -> usize {
        self.seats.keys().filter(|&&member| member != self.own).count()
    }

    /// Takes a difference and says what is new, in order.
    pub fn handle_difference(&mut self, now: Instant, difference: Difference) -> Vec<News> {
        let mut news = Vec::new();
        let complete = self.listed.is_some_and(|since| now.saturating_duration_since(since) > LIST_WITHIN);
        for member in difference.gone {
            if let Some(seat) = self.seats.remove(&member)
                && member != self.own
            {
                news.push(News::Left(seat.name));
            }
        }
        for mut seat in difference.seats {
            let before = self.seats.get(&seat.member);
            if let Some(before) = before.filter(|_| seat.name.is_empty()) {
                seat.name.clone_from(&before.name);
            }
            let known = before.is_some();
            if !known && self.seats.len() >= MAX_SEATS {
                continue;
            }
            if !known && complete && seat.member != self.own {
                news.push(News::Came { name: seat.name.clone(), guest: seat.guest });
            }
            self.seats.insert(seat.member, seat);
        }
        if self.listed.is_none() {
            self.listed = Some(now);
            news = vec![News::Here { others: self.others() }];
        }
        news
    }
}

/// Who waits in the lobby, as operators are told.
#[derive(Debug, Default)]
pub struct Lobby {
    waiting: BTreeMap<u64, Waiting>,
}

impl Lobby {
    /// Takes a difference and says who is new, in order.
    pub fn handle_difference(&mut self, difference: LobbyDifference) -> Vec<Waiting> {
        for member in difference.gone {
            self.waiting.remove(&member);
        }
        let mut came = Vec::new();
        for guest in difference.waiting {
            let known = self.waiting.contains_key(&guest.member);
            if known || self.waiting.len() < MAX_SEATS {
                self.waiting.insert(guest.member, guest.clone());
                came.extend((!known).then_some(guest));
            }
        }
        came
    }

    /// All who wait, by number.
    pub fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.values()
    }
}

/// Whether a roll call is for whoever has this seat: operators call it, and what comes from
/// another meeting has a roll of its own.
#[must_use]
pub fn is_called(seat: &Seat) -> bool {
    !matches!(SiteRole::from_code(seat.role), Some(SiteRole::Operator | SiteRole::Trunk | SiteRole::Source))
}

/// Why a site may not speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bar {
    /// It is here to listen.
    Listener,
    /// An operator has taken its voice out of the meeting.
    Silenced,
    /// The floor is given by the operator, and not to it.
    NoFloor,
}

impl Bar {
    /// For a site of the role with this code. A role of a newer version is the bridge's business.
    #[must_use]
    pub fn of(role: u32, silenced: bool) -> Option<Self> {
        if SiteRole::from_code(role) == Some(SiteRole::Listener) {
            Some(Self::Listener)
        } else {
            silenced.then_some(Self::Silenced)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
    fn start() -> Instant {
        Instant::now()
    }

    fn seats(names: &[(u64, &str)]) -> Vec<Seat> {
        names
            .iter()
            .map(|&(member, name)| Seat { member, name: name.into(), muted: false, ..Seat::default() })
            .collect()
    }

    #[test]
    fn the_list_is_counted_and_what_follows_is_news() {
        let (mut roster, now) = (Roster::default(), start());
        roster.start(3);
        assert_eq!(roster.members(), 0);
        let all =
            Difference { seats: seats(&[(1, "Tri Lễ"), (2, "Nậm Giải"), (3, "we")]), gone: vec![] };
        assert_eq!(roster.handle_difference(now, all), [News::Here { others: 2 }]);
        let rest = Difference { seats: seats(&[(5, "Thông Thụ")]), gone: vec![] };
        assert_eq!(roster.handle_difference(now + LIST_WITHIN / 2, rest), []);
        let change =
            Difference { seats: seats(&[(2, "Nậm Giải"), (4, "Châu Bình")]), gone: vec![1, 9] };
        let news = [News::Left("Tri Lễ".into()), News::Came { name: "Châu Bình".into(), guest: false }];
        assert_eq!(roster.handle_difference(now + LIST_WITHIN * 2, change), news);
        assert_eq!(roster.members(), 4);
    }

    #[test]
    fn a_change_without_a_name_leaves_the_name_and_hands_have_their_places() {
        let (mut roster, now) = (Roster::default(), start());
        roster.start(3);
        let all = seats(&[(1, "Tri Lễ"), (2, "Nậm Giải"), (3, "we")]);
        roster.handle_difference(now, Difference { seats: all, gone: vec![] });
        assert_eq!(roster.place(), None);
        let hands = [(1, 9), (2, 4), (3, 6)].map(|(member, hand)| Seat { member, hand, ..Seat::default() });
        roster.handle_difference(now, Difference { seats: hands.into(), gone: vec![] });
        assert_eq!(roster.seat(1).map(|seat| (seat.name.as_str(), seat.hand)), Some(("Tri Lễ", 9)));
        assert_eq!(roster.place(), Some(2));
    }

    #[test]
    fn a_site_alone_counts_itself_whether_listed_or_not() {
        for listed in [vec![], seats(&[(7, "we")])] {
            let mut roster = Roster::default();
            roster.start(7);
            let difference = Difference { seats: listed, gone: vec![] };
            assert_eq!(roster.handle_difference(start(), difference), [News::Here { others: 0 }]);
            assert_eq!(roster.members(), 1);
        }
    }

    #[test]
    fn a_bridge_without_measure_cannot_fill_the_memory() {
        let (mut roster, now) = (Roster::default(), start());
        for member in 0..10_000 {
            roster.handle_difference(now, Difference { seats: seats(&[(member, "x")]), gone: vec![] });
        }
        assert_eq!(roster.seats.len(), MAX_SEATS);
        let mut lobby = Lobby::default();
        for member in 0..10_000 {
            lobby.handle_difference(LobbyDifference { waiting: vec![waiting(member)], gone: vec![] });
        }
        assert_eq!(lobby.waiting().count(), MAX_SEATS);
    }

    fn waiting(member: u64) -> Waiting {
        Waiting { member, name: "Khách".into() }
    }

    #[test]
    fn a_guest_is_news_once_for_as_long_as_it_waits() {
        let mut lobby = Lobby::default();
        let difference = |waiting, gone| LobbyDifference { waiting, gone };
        let both = vec![waiting(7), waiting(8)];
        assert_eq!(lobby.handle_difference(difference(both.clone(), vec![])), both);
        assert_eq!(lobby.handle_difference(difference(both, vec![])), []);
        assert_eq!(lobby.handle_difference(difference(vec![], vec![7, 9])), []);
        assert_eq!(lobby.waiting().map(|guest| guest.member).collect::<Vec<_>>(), [8]);
        assert_eq!(lobby.handle_difference(difference(vec![waiting(7)], vec![])), [waiting(7)]);
    }

    #[test]
    fn listeners_and_the_silenced_may_not_speak_and_all_others_may() {
        for role in SiteRole::ALL {
            let listener = (role == SiteRole::Listener).then_some(Bar::Listener);
            assert_eq!(Bar::of(role.code(), false), listener);
            assert_eq!(Bar::of(role.code(), true), listener.or(Some(Bar::Silenced)));
        }
        assert_eq!((Bar::of(0, false), Bar::of(99, true)), (None, Some(Bar::Silenced)));
    }
}
