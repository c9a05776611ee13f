//! For whom a tick has anything to do. In a large meeting that is few, and looking at the others costs more than all that
//! is done: a member is some kilobytes, and a thousand of them 50 times a second do not stay in a processor's cache.

use super::member::Member;
use std::time::Instant;

/// See the module. Places are those of the room's list of members.
#[derive(Debug, Default)]
pub(super) struct Busy {
    /// Those of whose own voice something is to be done in each brick, in order.
    voices: Vec<usize>,
    /// For each place, before when nothing but voice is to be sent to it.
    due: Vec<Instant>,
}

impl Busy {
    /// Somebody comes to this place, before whoever is there.
    pub(super) fn insert(&mut self, place: usize, now: Instant) {
        self.due.insert(place, now);
        self.voices.iter_mut().filter(|voice| **voice >= place).for_each(|voice| *voice += 1);
        self.note_voice(place);
    }

    /// Whoever is at this place goes.
    pub(super) fn remove(&mut self, place: usize) {
        self.due.remove(place);
        self.voices.retain(|voice| *voice != place);
        self.voices.iter_mut().filter(|voice| **voice > place).for_each(|voice| *voice -= 1);
    }

    /// Voice comes from this place.
    pub(super) fn note_voice(&mut self, place: usize) {
        if let Err(at) = self.voices.binary_search(&place) {
            self.voices.insert(at, place);
        }
    }

    /// Nothing but voice is to be sent to this place before `due`.
    pub(super) fn set_due(&mut self, place: usize, due: Instant) {
        if let Some(place) = self.due.get_mut(place) {
            *place = due;
        }
    }

    /// The first place from this one on to which something may have to be sent.
    pub(super) fn next_due(&self, from: usize, now: Instant) -> Option<usize> {
        let ahead = self.due.get(from..)?.iter().position(|due| *due <= now)?;
        Some(from + ahead)
    }

    /// Looks at all of them: whose voice nothing has to be done about any more, and who waits for something.
    pub(super) fn look(&mut self, members: &[Member], now: Instant) {
        self.voices.clear();
        for (place, (member, due)) in members.iter().zip(&mut self.due).enumerate() {
            if member.is_busy() {
                self.voices.push(place);
            }
            *due = (*due).min(member.due(now));
        }
    }

    /// Those of whose voice something is to be done.
    pub(super) fn voices<'a>(&'a self, members: &'a mut [Member]) -> impl Iterator<Item = &'a mut Member> {
        let (mut rest, mut before) = (members, 0);
        self.voices.iter().map_while(move |&place| {
            let (_, from) = std::mem::take(&mut rest).split_at_mut_checked(place - before)?;
            let (member, after) = from.split_first_mut()?;
            (rest, before) = (after, place + 1);
            Some(member)
        })
    }
}
