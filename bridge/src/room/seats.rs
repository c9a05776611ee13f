//! Seats whose lines are away: what a member was, kept until its device is back.
//!
//! ```text
//!   in --line lost--> away --its device joins--> in, under the same number
//!                       | --10 minutes, put out, room needed--> gone
//! ```
//!
//! Nobody here is a member: no tick sees them, nothing is sent to them, no sound of theirs is decoded or mixed. There is
//! nothing here that could be.

use super::Joining;
use crate::permit::{Right, may};
use giaoban_proto::spans::{Span, Spans};
use giaoban_proto::unit::MemberId;
use giaoban_proto::wire::{Seat, SiteRole};
use std::time::{Duration, Instant};

/// For how long a seat is kept. A commune's line is often away for minutes and seldom for longer; a PC that was switched
/// off should not be in the list for the rest of the day.
pub(super) const KEEP_FOR: Duration = Duration::from_secs(600);

/// For how long no operator may be heard before the deputy may take its place: an ordinary fault of a line is over by
/// then.
pub(super) const KEEP_FOR_AN_OPERATOR: Duration = Duration::from_secs(30);

/// What a site is in this meeting, whether its line is there or not, but for what the floor knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) id: MemberId,
    pub(super) device: [u8; 32],
    pub(super) name: String,
    /// Whether an operator has called it so.
    pub(super) renamed: bool,
    pub(super) role: SiteRole,
    /// Whether it has taken an operator's place.
    pub(super) took_over: bool,
    /// Whether it came by PIN.
    pub(super) guest: bool,
    /// Whether its microphone is off.
    pub(super) muted: bool,
    /// Whether an operator has taken its voice out of the meeting.
    pub(super) silenced: bool,
    /// By how much it is made louder.
    pub(super) gain_db: i32,
    /// The last roll call that it has answered.
    pub(super) present: u32,
    /// What it has of the recording.
    pub(super) has: Has,
    /// Whether, as a source, it is let hear the meeting.
    pub(super) two_way: bool,
}

/// What a site has of the recording that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Has {
    recording: u64,
    /// From when on it was let hear it.
    pub(super) since_ms: u64,
    /// What it has heard, or fetched.
    spans: Spans,
}

impl Has {
    /// This recording runs, and is so long by now: another than before begins with nothing.
    pub(super) fn begin(&mut self, (recording, ms): (u64, u64)) {
        if self.recording != recording {
            *self = Self { recording, since_ms: ms, spans: Spans::default() };
        }
    }

    /// It has heard or fetched a piece of this recording.
    pub(super) fn add(&mut self, recording: u64, span: Span) {
        if self.recording == recording {
            self.spans.add(span);
        }
    }

    /// How much it has of what there is, in percent.
    pub(super) fn percent(&self, (recording, ms): (u64, u64)) -> u32 {
        let has = if self.recording == recording { self.spans.total().min(ms) } else { 0 };
        u32::try_from((has * 100).checked_div(ms).unwrap_or(100)).unwrap_or(100)
    }
}

impl Site {
    /// Somebody who comes in, or comes back to the seat that was kept: what that has of a new line is the line's.
    pub(super) fn new(joining: Joining, kept: Option<&Self>) -> Self {
        let Joining { id, device, name, muted, role, guest, .. } = joining;
        let new = Self {
            id,
            device,
            name,
            renamed: false,
            role,
            took_over: false,
            guest,
            muted,
            silenced: false,
            gain_db: 0,
            present: 0,
            has: Has::default(),
            two_way: false,
        };
        let Some(kept) = kept else { return new };
        let name = if kept.renamed { kept.name.clone() } else { new.name };
        Self {
            id: kept.id,
            name,
            renamed: kept.renamed,
            took_over: kept.took_over,
            gain_db: kept.gain_db,
            present: kept.present,
            has: kept.has.clone(),
            two_way: kept.two_way,
            ..new
        }
    }

    /// Its line in the list.
    pub(super) fn seat(&self, away: bool, hand: u32) -> Seat {
        Seat {
            member: self.id.0,
            name: self.name.clone(),
            muted: self.muted,
            role: self.role.code(),
            guest: self.guest,
            silenced: self.silenced,
            hand,
            present: self.present,
            away,
            gain_db: self.gain_db,
            has: None,
            two_way: self.two_way,
        }
    }

    /// Whether it is sent what is said.
    pub(super) fn hears(&self) -> bool {
        self.two_way || may(self.role, Right::Hear)
    }
}

/// All seats of a room whose lines are away, the longest away first.
#[derive(Debug, Default)]
pub(super) struct Seats {
    away: Vec<(Instant, Site)>,
}

impl Seats {
    pub(super) fn len(&self) -> usize {
        self.away.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.away.is_empty()
    }

    pub(super) fn keep(&mut self, now: Instant, seat: Site) {
        self.away.push((now, seat));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Site> {
        self.away.iter().map(|(_, seat)| seat)
    }

    pub(super) fn get(&self, id: MemberId) -> Option<&Site> {
        self.iter().find(|seat| seat.id == id)
    }

    pub(super) fn get_mut(&mut self, id: MemberId) -> Option<&mut Site> {
        self.away.iter_mut().map(|(_, seat)| seat).find(|seat| seat.id == id)
    }

    pub(super) fn of_device(&self, device: &[u8; 32]) -> Option<&Site> {
        self.iter().find(|seat| seat.device == *device)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Site> {
        self.away.iter_mut().map(|(_, seat)| seat)
    }

    /// The seat with this number, which then is kept no more.
    pub(super) fn take(&mut self, id: MemberId) -> Option<Site> {
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
