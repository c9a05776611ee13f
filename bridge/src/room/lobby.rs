//! Guests that have proved the PIN and wait for an operator's word.
//!
//! Nobody here is a member: no tick sees them, no list but the operators' holds them, what they send is not looked at.

use super::Joining;
use giaoban_proto::unit::MemberId;
use giaoban_proto::wire::{Lobby as Difference, ServerMessage, Waiting};
use std::collections::BTreeSet;

/// Guests that may wait at once. An operator reads no longer list, and whoever has the PIN could fill a longer one.
const MAX_WAITING: usize = 32;

/// Devices of guests that have been let in, which an operator is not asked about again while the meeting lasts: a
/// guest's line breaks as often as anybody's.
const MAX_REMEMBERED: usize = 256;

/// The lobby of one room.
#[derive(Debug, Default)]
pub(super) struct Lobby {
    waiting: Vec<Joining>,
    let_in: BTreeSet<[u8; 32]>,
}

impl Lobby {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether a guest's device has been let in before.
    pub(super) fn knows(&self, device: &[u8; 32]) -> bool {
        self.let_in.contains(device)
    }

    /// Remembers that a guest was let in.
    pub(super) fn remember(&mut self, device: [u8; 32]) {
        if self.let_in.len() < MAX_REMEMBERED {
            self.let_in.insert(device);
        }
    }

    /// Somebody who was let in is not wanted after all.
    pub(super) fn forget(&mut self, device: &[u8; 32]) {
        self.let_in.remove(device);
    }

    /// A guest sits down. Gives it back where the lobby is full.
    pub(super) fn sit(&mut self, guest: Joining) -> Result<ServerMessage, Joining> {
        if self.waiting.len() >= MAX_WAITING {
            return Err(guest);
        }
        let waiting = vec![Waiting { member: guest.id.0, name: guest.name.clone() }];
        self.waiting.push(guest);
        Ok(Difference { waiting, gone: Vec::new() }.into())
    }

    /// The guest with this number, which then waits no more.
    pub(super) fn take(&mut self, id: MemberId) -> Option<(Joining, ServerMessage)> {
        let place = self.waiting.iter().position(|guest| guest.id == id)?;
        let gone = Difference { waiting: Vec::new(), gone: vec![id.0] };
        Some((self.waiting.remove(place), gone.into()))
    }

    pub(super) fn has(&self, id: MemberId) -> bool {
        self.waiting.iter().any(|guest| guest.id == id)
    }

    pub(super) fn name(&self, id: MemberId) -> Option<String> {
        self.waiting.iter().find(|guest| guest.id == id).map(|guest| guest.name.clone())
    }

    pub(super) fn get_mut(&mut self, id: MemberId) -> Option<&mut Joining> {
        self.waiting.iter_mut().find(|guest| guest.id == id)
    }

    /// The guest of this device, which is here again.
    pub(super) fn of_device(&self, device: &[u8; 32]) -> Option<MemberId> {
        self.waiting.iter().find(|guest| guest.device == *device).map(|guest| guest.id)
    }

    /// Everybody who waits, for an operator who has just come.
    pub(super) fn whole(&self) -> ServerMessage {
        let waiting =
            self.waiting.iter().map(|guest| Waiting { member: guest.id.0, name: guest.name.clone() });
        Difference { waiting: waiting.collect(), gone: Vec::new() }.into()
    }
}
