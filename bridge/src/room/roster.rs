//! The list of who is here, told whole once and then as differences, gathered for a moment: when two hundred sites
//! join in a minute, each of them is told a few times, not two hundred.

use giaoban_proto::unit::MemberId;
use giaoban_proto::wire::{Roster, Seat, ServerMessage};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How long changes are gathered. Longer saves messages, shorter shows a newcomer sooner.
const GATHER: Duration = Duration::from_millis(500);

/// Seats in one message: names have at most 64 bytes, so that it stays below the limit of a control message.
const SEATS_PER_MESSAGE: usize = 40;

/// Everybody, in as many messages as it takes.
pub(super) fn whole(seats: impl Iterator<Item = Seat>) -> impl Iterator<Item = ServerMessage> {
    let seats: Vec<Seat> = seats.collect();
    let parts: Vec<ServerMessage> = seats
        .chunks(SEATS_PER_MESSAGE)
        .map(|part| Roster { seats: part.to_vec(), gone: Vec::new() }.into())
        .collect();
    parts.into_iter()
}

/// What has changed since the members were last told.
#[derive(Debug, Default)]
pub(super) struct RosterChanges {
    /// And whether the name is to be told.
    changed: BTreeMap<MemberId, bool>,
    gone: BTreeSet<MemberId>,
    /// When the oldest of these is to be told.
    due: Option<Instant>,
    /// What an operator has done is not gathered.
    at_once: bool,
}

impl RosterChanges {
    /// A seat is new, or called otherwise.
    pub(super) fn named(&mut self, id: MemberId) {
        self.changed.insert(id, true);
    }

    pub(super) fn changed(&mut self, id: MemberId) {
        self.changed.entry(id).or_insert(false);
    }

    /// What has changed so far is told with the next brick.
    pub(super) fn at_once(&mut self) {
        self.at_once = true;
    }

    pub(super) fn left(&mut self, id: MemberId) {
        self.changed.remove(&id);
        self.gone.insert(id);
    }

    /// The next message for everybody, when it is time.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        seat: impl Fn(MemberId) -> Option<Seat>,
    ) -> Option<ServerMessage> {
        if self.changed.is_empty() && self.gone.is_empty() {
            (self.due, self.at_once) = (None, false);
            return None;
        }
        if now < *self.due.get_or_insert(now + GATHER) && !self.at_once {
            return None;
        }
        let mut roster = Roster::default();
        while roster.seats.len() < SEATS_PER_MESSAGE
            && let Some((id, named)) = self.changed.pop_first()
        {
            let seat = seat(id).map(|seat| if named { seat } else { Seat { name: String::new(), ..seat } });
            roster.seats.extend(seat);
        }
        while roster.gone.len() < 4 * SEATS_PER_MESSAGE
            && let Some(id) = self.gone.pop_first()
        {
            roster.gone.push(id.0);
        }
        Some(roster.into())
    }
}
