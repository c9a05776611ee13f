//! The worker's side of announcements: what is played into which room.

use super::worker::{Act, Input, later};
use crate::announcement::{Announcements, NotPlayed, Playing};
use crate::room::Room;
use giaoban_proto::link::RoomName;
use giaoban_proto::wire::ActCode;
use std::collections::BTreeMap;
use std::sync::mpsc::TryRecvError;
use tokio::sync::mpsc;

/// See the module.
#[derive(Debug)]
pub(super) struct Players {
    /// `None` for a bridge that has none.
    announcements: Option<Announcements>,
    /// For answers that come later.
    own: mpsc::WeakSender<Input>,
    running: BTreeMap<RoomName, Playing>,
}

impl Players {
    pub(super) const fn new(announcements: Option<Announcements>, own: mpsc::WeakSender<Input>) -> Self {
        Self { announcements, own, running: BTreeMap::new() }
    }

    /// An operator wants an announcement played.
    pub(super) fn act(&self, room: &RoomName, act: Act, name: String) {
        let begun = self.announcements.as_ref().map(|announcements| announcements.play(&name));
        let room = room.clone();
        later(&self.own, async move {
            let playing = match begun {
                None => Err(ActCode::NobodyThere),
                // Virtual time, where that is what passes, stands still meanwhile.
                Some(begun) => match tokio::task::spawn_blocking(|| begun.blocking_recv()).await {
                    Ok(Ok(playing)) => playing.map_err(|why| match why {
                        NotPlayed::NoSuch => ActCode::NobodyThere,
                        NotPlayed::Unplayable => ActCode::Wrong,
                    }),
                    _ => Err(ActCode::Failed),
                },
            };
            Input::Played(room, act, name, playing)
        });
    }

    /// One is ready to be heard, in place of any other.
    pub(super) fn begin(&mut self, name: &RoomName, room: &mut Room, called: &str, playing: Playing) {
        room.set_playing(called);
        self.running.insert(name.clone(), playing);
    }

    /// The next brick, before the tick that mixes it.
    pub(super) fn tick(&mut self, name: &RoomName, room: &mut Room) {
        let Some(playing) = self.running.get(name) else { return };
        if !room.is_playing() {
            // An operator has ended it.
            self.running.remove(name);
            return;
        }
        match playing.pull() {
            Ok(brick) => room.play(brick),
            // It is not read yet.
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => {
                self.running.remove(name);
                room.set_playing("");
            }
        }
    }

    /// A room has closed.
    pub(super) fn closed(&mut self, name: &RoomName) {
        self.running.remove(name);
    }
}
