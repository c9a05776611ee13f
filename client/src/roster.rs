//! Who is in the room, from the differences that the bridge sends.
//!
//! Pure. The list after a welcome holds all who are here, in several parts where it is long, and is no news; what
//! follows is.

use giaoban_proto::wire::Roster as Difference;
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
    Came(String),
    /// Somebody went.
    Left(String),
}

/// The list of who is here, this site included once the bridge has listed it.
#[derive(Debug, Default)]
pub struct Roster {
    own: u64,
    names: BTreeMap<u64, String>,
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

    fn others(&self) -> usize {
        self.names.keys().filter(|&&member| member != self.own).count()
    }

    /// Takes a difference and says what is new, in order.
    pub fn handle_difference(&mut self, now: Instant, difference: Difference) -> Vec<News> {
        let mut news = Vec::new();
        let complete = self.listed.is_some_and(|since| now.saturating_duration_since(since) > LIST_WITHIN);
        for member in difference.gone {
            if let Some(name) = self.names.remove(&member)
                && member != self.own
            {
                news.push(News::Left(name));
            }
        }
        for seat in difference.seats {
            let known = self.names.contains_key(&seat.member);
            if !known && self.names.len() >= MAX_SEATS {
                continue;
            }
            if !known && complete && seat.member != self.own {
                news.push(News::Came(seat.name.clone()));
            }
            self.names.insert(seat.member, seat.name);
        }
        if self.listed.is_none() {
            self.listed = Some(now);
            news = vec![News::Here { others: self.others() }];
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::wire::Seat;

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
        let news = [News::Left("Tri Lễ".into()), News::Came("Châu Bình".into())];
        assert_eq!(roster.handle_difference(now + LIST_WITHIN * 2, change), news);
        assert_eq!(roster.members(), 4);
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
        assert_eq!(roster.names.len(), MAX_SEATS);
    }
}
