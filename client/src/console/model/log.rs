//! What happened in a meeting, for its operator to look back at: bounded, oldest first out.

use super::{Aim, Outcome, Trouble};
use giaoban_proto::wire::{FloorMode, NoticeKind, Recording};
use std::collections::VecDeque;
use std::time::Duration;

/// Entries kept at most: a morning of a busy meeting.
pub const MAX_ENTRIES: usize = 500;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are names, and what the variant says of them")]
pub enum Event {
    /// Somebody came in.
    Came { name: String, guest: bool },
    /// Somebody left.
    Left(String),
    /// Its line is away; its seat is kept.
    Away(String),
    /// It is back.
    Back(String),
    /// It asks for the floor.
    Hand(String),
    /// It has the floor.
    Floor(String),
    /// Nobody has it any more.
    NoFloor,
    /// Who may speak has changed.
    Mode(FloorMode),
    /// Its voice was taken out of the meeting, or given back.
    Silenced { name: String, silenced: bool },
    /// A guest waits.
    Waits(String),
    /// The roll is called.
    Roll(u32),
    /// The call is over.
    RollOver { roll: u32, here: usize, of: usize },
    /// The recording stands otherwise.
    Recording(Recording),
    /// Nobody new comes in, or again.
    Locked(bool),
    /// Newcomers are silent, or no longer.
    NewcomersSilent(bool),
    /// This is played; empty: no more.
    Playing(String),
    /// There is no operator, or again.
    Operator(bool),
    /// Something about a site that only operators are told.
    Notice { kind: NoticeKind, name: String },
    /// A site has come into trouble that was in none or a lesser one.
    Trouble { name: String, trouble: Trouble },
    /// Somebody says something in writing.
    Said { name: String, text: String, to_operators: bool },
    /// An act was not done.
    NotDone { aim: Aim, outcome: Outcome },
    /// Something about this end, in words.
    Note(String),
}

/// Something that happened, and when by the meeting's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How long the meeting had gone on.
    pub age: Duration,
    /// What.
    pub event: Event,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
}

impl Log {
    pub(super) fn push(&mut self, age: Duration, event: Event) {
        if self.entries.len() == MAX_ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { age, event });
    }

    pub(super) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
