//! The worker's side of recordings: which room's sound goes where, and what the recorder has answered.

use super::worker::{Act, Input, later};
use crate::recording::{Begun, Recorder, Resumed, Tape};
use crate::room::Room;
use crate::store::{RecordingId, SiteId};
use giaoban_proto::link::RoomName;
use giaoban_proto::wire::{ActCode, Record, Recording};
use std::collections::BTreeMap;
use std::time::Instant;
use tokio::sync::mpsc;

/// See the module.
#[derive(Debug)]
pub(super) struct Tapes {
    /// `None` for a bridge that records nothing.
    recorder: Option<Recorder>,
    /// For answers that come later.
    own: mpsc::WeakSender<Input>,
    running: BTreeMap<RoomName, Tape>,
    /// Of which it is known that their rooms were locked.
    closed: BTreeMap<RoomName, RecordingId>,
}

/// What the recorder has answered.
#[derive(Debug)]
pub(super) enum Recorded {
    /// To the opening of a room.
    Resumed(Resumed),
    /// To an act, which could be done if there is something; of a new recording if that is what it is.
    Acted(Act, Record, Option<Option<Begun>>),
}

impl Tapes {
    pub(super) const fn new(recorder: Option<Recorder>, own: mpsc::WeakSender<Input>) -> Self {
        Self { recorder, own, running: BTreeMap::new(), closed: BTreeMap::new() }
    }

    /// A room has opened: what an earlier run of the bridge has left of it goes on.
    pub(super) fn opened(&self, name: &RoomName, room: &mut Room) {
        let Some(recorder) = &self.recorder else { return };
        room.await_recording();
        let resumed = recorder.resume(name.clone());
        self.later(name, async { Recorded::Resumed(resumed.await.unwrap_or(Resumed::Nothing)) });
    }

    /// An operator wants something of a recording.
    pub(super) fn act(&self, name: &RoomName, act: Act, record: Record, site: Option<SiteId>) {
        let running = self.running.get(name).map(Tape::id);
        match (&self.recorder, running) {
            (Some(recorder), Some(id)) => {
                let done = recorder.stand(id, record, site);
                let done = async move { Recorded::Acted(act, record, done.await.ok().map(|()| None)) };
                self.later(name, done);
            }
            (Some(recorder), None) if record == Record::Start => {
                let begun = recorder.begin(name.clone(), site);
                let begun = async move { Recorded::Acted(act, record, begun.await.ok().map(Some)) };
                self.later(name, begun);
            }
            _ => self.later(name, async move { Recorded::Acted(act, record, None) }),
        }
    }

    /// The recorder has answered; what an act of it is to be answered with. `room` is `None` where it has closed.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        name: &RoomName,
        room: Option<&mut Room>,
        recorded: Recorded,
    ) -> Option<(Act, ActCode)> {
        let Some(recorder) = self.recorder.clone() else { return self.refused(name, room, recorded) };
        let Some(room) = room else {
            // Nobody is left to be recorded.
            if let Recorded::Resumed(Resumed::GoesOn(begun, _)) | Recorded::Acted(_, _, Some(Some(begun))) =
                recorded
            {
                recorder.end(begun.id);
            }
            return None;
        };
        match recorded {
            Recorded::Resumed(resumed) => {
                match resumed {
                    Resumed::Nothing => room.set_recording(Recording::Off),
                    Resumed::Failed => room.set_recording(Recording::Failed),
                    Resumed::GoesOn(begun, paused) => {
                        self.running.insert(name.clone(), Tape::new(now, recorder, &begun));
                        room.set_recording(if paused { Recording::Paused } else { Recording::On });
                    }
                }
                None
            }
            Recorded::Acted(act, record, Some(begun)) => {
                if let Some(begun) = begun {
                    self.running.insert(name.clone(), Tape::new(now, recorder, &begun));
                }
                match record {
                    // It may have failed meanwhile, which the next tick finds.
                    Record::Start => room.set_recording(Recording::On),
                    Record::Pause => room.set_recording(Recording::Paused),
                    Record::Stop => {
                        self.running.remove(name);
                        room.set_recorded(None);
                        room.set_recording(Recording::Off);
                    }
                }
                Some((act, ActCode::Done))
            }
            refused => self.refused(name, Some(room), refused),
        }
    }

    fn refused(
        &mut self,
        name: &RoomName,
        room: Option<&mut Room>,
        recorded: Recorded,
    ) -> Option<(Act, ActCode)> {
        let Recorded::Acted(act, record, _) = recorded else { return None };
        if record == Record::Stop {
            // Nothing more comes of it: it ends, if it has not, and what begins later is another.
            self.closed(name);
        }
        if let Some(room) = room {
            if record == Record::Stop {
                room.set_recorded(None);
            }
            room.recording_refused(record);
        }
        Some((act, ActCode::Failed))
    }

    /// What a room has said in a tick goes to the recorder.
    pub(super) fn tick(&mut self, now: Instant, name: &RoomName, room: &mut Room) {
        let Some(tape) = self.running.get_mut(name) else { return };
        while let Some(taped) = room.poll_tape() {
            tape.put(taped);
        }
        room.set_recorded(Some((tape.id().0 as u64, tape.position_ms())));
        if tape.has_failed(now) {
            let dropped = tape.dropped();
            tracing::error!(room = name.as_str(), dropped, "the recording has failed; the meeting goes on");
            self.running.remove(name);
            room.set_recorded(None);
            room.set_recording(Recording::Failed);
        }
    }

    /// What runs of a room, and whether its room was locked before.
    pub(super) fn close(&mut self, name: &RoomName) -> Option<RecordingId> {
        let id = self.running.get(name)?.id();
        (self.closed.insert(name.clone(), id) != Some(id)).then_some(id)
    }

    /// A room has closed, and its recording ends.
    pub(super) fn closed(&mut self, name: &RoomName) {
        self.closed.remove(name);
        if let (Some(tape), Some(recorder)) = (self.running.remove(name), &self.recorder) {
            recorder.end(tape.id());
        }
    }

    /// Has an answer come to the worker as an input.
    fn later(&self, name: &RoomName, answer: impl Future<Output = Recorded> + Send + 'static) {
        let name = name.clone();
        later(&self.own, async move { Input::Recorded(name, answer.await) });
    }
}
