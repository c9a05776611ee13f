//! What a room is told of whoever joins, and what it wants done.

use crate::howl::Fault;
use giaoban_proto::unit::{Bitrate, MemberId};
use giaoban_proto::wire::{ActCode, CloseCode, Record, ServerMessage, SiteRole};
use std::time::Duration;

/// Who is let in, as admission has found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joining {
    /// A number never used before on this bridge: its own, unless a seat is kept for its device.
    pub id: MemberId,
    /// The device, by its key's fingerprint or whatever else tells devices apart; equal means the same device.
    pub device: [u8; 32],
    /// The name that the others see.
    pub name: String,
    /// The most that what it is sent may cost.
    pub cap: Bitrate,
    /// Whether its microphone is off.
    pub muted: bool,
    /// What it may do.
    pub role: SiteRole,
    /// Whether it came by PIN.
    pub guest: bool,
    /// Whether it wishes to be told how the lines are.
    pub watches: bool,
}

/// What the room wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Send a control message.
    Send(MemberId, ServerMessage),
    /// End the member's connection; the room has forgotten it already.
    Close(MemberId, CloseCode),
    /// Write down that this guest comes in, then [`super::Room::let_in`].
    LetIn {
        /// The operator who said so, `None` where the room admits by itself.
        by: Option<MemberId>,
        /// The number of the operator's act.
        number: u32,
        /// The guest.
        guest: MemberId,
    },
    /// Write down what became of an act, then answer it with its number and code.
    Acted {
        /// Who wanted it.
        by: MemberId,
        /// The number of the act.
        number: u32,
        /// What.
        act: &'static str,
        /// To whom.
        target: MemberId,
        /// Its name, where there was somebody.
        name: String,
        /// What became of it.
        code: ActCode,
    },
    /// See to the recording, then [`super::Room::set_recording`] and answer the act.
    Record {
        /// Who wants it.
        by: MemberId,
        /// The number of the act.
        number: u32,
        /// What.
        record: Record,
    },
    /// Play the announcement of this name: [`super::Room::set_playing`], then [`super::Room::play`] with each brick, and answer the
    /// act.
    Play {
        /// Who wants it.
        by: MemberId,
        /// The number of the act.
        number: u32,
        /// Which, as it was typed.
        name: String,
    },
    /// Write this down; nobody waits for it.
    Keep(Keep),
}

/// What of a meeting is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The roll was called.
    RollCalled {
        /// The round, counted from 1.
        number: u32,
    },
    /// Somebody answered the last roll call, or was found not to be there after all.
    RollAnswered {
        /// Who.
        member: MemberId,
        /// Whether it is there.
        present: bool,
        /// Whether an operator answered for it.
        ticked: bool,
    },
    /// Somebody has said something in writing.
    Said {
        /// Who: a member or an observer.
        by: MemberId,
        /// Its name.
        name: String,
        /// What.
        text: String,
        /// Whether operators alone read it.
        to_operators: bool,
    },
    /// A line has ended, and this much of what was said was missed on it, or guessed.
    Missed {
        /// Whose.
        member: MemberId,
        /// How much.
        missed: Duration,
    },
    /// The bridge has taken a voice out of the meeting.
    HeldOut {
        /// Whose.
        member: MemberId,
        /// Its name.
        name: String,
        /// Why.
        fault: Fault,
    },
    /// A turn is over.
    HadFloor {
        /// Whose.
        member: MemberId,
        /// How long it was.
        lasted: Duration,
    },
}

/// A datagram to send. Borrows the room's one buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit<'a> {
    /// To whom.
    pub member: MemberId,
    /// What.
    pub bytes: &'a [u8],
    /// How many ticks later: in a large room what all hear is sent to a third of them in each tick, and not to all at once.
    pub later: u8,
}
