//! Seats whose lines are away: what a member was, kept until its device is back.
//!
//! ```text
//!   in --line lost--> away --its device joins--> in, under the same number
//!                       | --10 minutes, put out, room needed--> gone
//! ```
//!
//! Nobody here is a member: no tick sees them, nothing is sent to them, no sound of theirs is decoded or mixed. There is
//! nothing here that could be.

use super::member::Member;
use giaoban_proto::unit::MemberId;
use giaoban_proto::wire::{Seat, SiteRole};
use std::time::{Duration, Instant};

/// For how long a seat is kept. A commune's line is often away for minutes and seldom for longer; a PC that was switched
/// off should not be in the list for the rest of the day.
pub(super) const KEEP_FOR: Duration = Duration::from_secs(600);

/// For how long an operator may be away before the deputy may take its place: an ordinary fault of a line is over by then.
pub(super) const KEEP_FOR_AN_OPERATOR: Duration = Duration::from_secs(30);

/// What a seat is, whether its line is there or not, but for what the floor knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) id: MemberId,
    pub(super) device: [u8; 32],
    pub(super) name: String,
    /// Whether an operator has called it so.
    pub(super) renamed: bool,
    pub(super) role: SiteRole,
    /// Whether it has taken an operator's place.
    pub(super) took_over: bool,
    pub(super) guest: bool,
    pub(super) muted: bool,
    pub(super) silenced: bool,
    pub(super) gain_db: i32,
    /// The last roll call that it has answered.
    pub(super) present: u32,
}

impl Kept {
    pub(super) fn of(member: &Member) -> Self {
        Self {
            id: member.id,
            device: member.device,
            name: member.name.clone(),
            renamed: member.renamed,
            role: member.role,
            took_over: member.took_over,
            guest: member.guest,
            muted: member.muted,
            silenced: member.is_silenced(),
            gain_db: member.gain_db,
            present: member.present,
        }
    }

    pub(super) fn seat(&self) -> Seat {
        Seat {
            member: self.id.0,
            name: self.name.clone(),
            muted: self.muted,
            role: self.role.code(),
            guest: self.guest,
            silenced: self.silenced,
            present: self.present,
            away: true,
            gain_db: self.gain_db,
            ..Seat::default()
        }
    }
}

/// All seats of a room whose lines are away, the longest away first.
#[derive(Debug, Default)]
pub(super) struct Seats {
    away: Vec<(Instant, Kept)>,
}

impl Seats {
    pub(super) fn len(&self) -> usize {
        self.away.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.away.is_empty()
    }

    pub(super) fn keep(&mut self, now: Instant, seat: Kept) {
        self.away.push((now, seat));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.away.iter().map(|(_, seat)| seat)
    }

    pub(super) fn get(&self, id: MemberId) -> Option<&Kept> {
        self.iter().find(|seat| seat.id == id)
    }

    pub(super) fn get_mut(&mut self, id: MemberId) -> Option<&mut Kept> {
        self.away.iter_mut().map(|(_, seat)| seat).find(|seat| seat.id == id)
    }

    pub(super) fn of_device(&self, device: &[u8; 32]) -> Option<&Kept> {
        self.iter().find(|seat| seat.device == *device)
    }

    /// The seat with this number, which then is kept no more.
    pub(super) fn take(&mut self, id: MemberId) -> Option<Kept> {
        let place = self.away.iter().position(|(_, seat)| seat.id == id)?;
        Some(self.away.remove(place).1)
    }

    /// The seat that has been away for the longest.
    pub(super) fn longest(&self) -> Option<MemberId> {
        self.away.first().map(|(_, seat)| seat.id)
    }

    /// A seat that has been kept for long enough at `now`.
    pub(super) fn expired(&self, now: Instant) -> Option<MemberId> {
        let (since, seat) = self.away.first()?;
        (now.saturating_duration_since(*since) >= KEEP_FOR).then_some(seat.id)
    }
}
