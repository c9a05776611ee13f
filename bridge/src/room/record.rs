//! Whether what the room says is written down, and what of it goes to whoever writes; and what the bridge itself plays
//! into the room: announcements and cues.
//!
//! ```text
//!            start              pause               start
//!   Off ----------------> On ----------> Paused ----------------> On        each begins with the act and is so when it
//!    ^                     |               |                                stands on the disk; a pause and a stop leave
//!    +-------- stop -------+---------------+                                out what is said from the act on
//!   Failed: as Off; comes from On and Paused when the disk does
//! ```

use super::{ActCode, Audience, Event, Hearing, MediaTime, MemberId, Mix, NoticeKind, Room};
use crate::cue::Cue;
use crate::recording::Taped;
use giaoban_proto::media::Pcm;
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::media::tune::Tune;
use giaoban_proto::wire::{Record, Recording};
use std::collections::VecDeque;

/// Bricks after which the recorder is told that nobody has spoken: a page, and a multiple of any packet's length.
const SILENCE_EVERY: u64 = 24;

/// What a tick may give at most: that it goes on, who has the floor, and a packet.
const A_TICK: usize = 3;

/// What of the room is written down.
#[derive(Debug)]
pub(super) struct Deck {
    state: Recording,
    /// What is on its way to the disk.
    pending: bool,
    /// Whether it listens, and has been told from when on.
    listens: bool,
    told: bool,
    /// Who had the floor when that was last written down.
    holder: Option<MemberId>,
    out: VecDeque<Taped>,
}

impl Default for Deck {
    fn default() -> Self {
        let out = VecDeque::with_capacity(A_TICK);
        Self { state: Recording::Off, pending: false, listens: false, told: false, holder: None, out }
    }
}

/// The rung that is recorded: packets of 60 ms in wide band, which players take as they are.
fn rung() -> RungId {
    RungId::for_cap(24)
}

impl Deck {
    pub(super) const fn state(&self) -> Recording {
        self.state
    }

    /// Whether that can be done as it stands.
    const fn takes(&self, record: Record) -> Result<(), ActCode> {
        let sense = match record {
            Record::Start => !matches!(self.state, Recording::On),
            Record::Pause => matches!(self.state, Recording::On),
            Record::Stop => matches!(self.state, Recording::On | Recording::Paused),
        };
        if sense && !self.pending { Ok(()) } else { Err(ActCode::NotNow) }
    }

    fn listen(&mut self, audience: &mut Audience) -> bool {
        if !self.listens {
            self.listens = audience.join(rung()).is_ok();
            self.told = false;
        }
        self.listens
    }

    fn hush(&mut self, audience: &mut Audience) {
        if std::mem::take(&mut self.listens) {
            audience.leave(rung(), Hearing::Shared);
        }
        self.out.clear();
    }
}

/// What the bridge itself plays.
#[derive(Debug, Default)]
pub(super) struct Player {
    /// How the announcement is called, and which of all of them it is.
    name: String,
    number: u32,
    /// The brick of it that is mixed next.
    brick: Option<Pcm>,
    /// A cue, as far as it has not been heard.
    cue: Option<Tune>,
}

impl Player {
    /// Changes whenever something else is played.
    pub(super) const fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn cue(&mut self, cue: Cue) {
        self.cue = Some(cue.tune());
    }

    /// Adds what is played to the mix.
    pub(super) fn mix(&mut self, mix: &mut Mix) {
        if let Some(brick) = self.brick.take() {
            mix.add(&brick);
        }
        if let Some(tune) = &mut self.cue {
            let mut brick = Pcm::SILENCE;
            if tune.write(&mut brick) {
                mix.add(&brick);
            } else {
                self.cue = None;
            }
        }
    }
}

impl Room {
    /// How the recording stands.
    #[must_use]
    pub const fn recording(&self) -> Recording {
        self.deck.state()
    }

    /// It is not known yet whether a recording of this room goes on: until [`Room::set_recording`] nothing else can be
    /// done about it.
    pub const fn await_recording(&mut self) {
        self.deck.pending = true;
    }

    /// The recording stands otherwise, by whatever cause, and all are told and hear it.
    pub fn set_recording(&mut self, state: Recording) {
        let before = self.deck.state;
        if state == Recording::On && matches!(before, Recording::Off | Recording::Failed) {
            // A file that knows nothing yet.
            self.deck.holder = None;
        }
        let state = match state {
            Recording::On if !self.deck.listen(&mut self.audience) => {
                self.encoder_faults += 1;
                Recording::Failed
            }
            state => state,
        };
        if state != Recording::On {
            self.deck.hush(&mut self.audience);
        }
        if matches!(state, Recording::Off | Recording::Failed) {
            self.recorded = None;
        }
        (self.deck.state, self.deck.pending) = (state, false);
        if before == state {
            return;
        }
        match state {
            Recording::On => self.player.cue(Cue::Begins),
            Recording::Paused => self.player.cue(Cue::Pauses),
            Recording::Off => self.player.cue(Cue::Ends),
            Recording::Failed => {
                self.player.cue(Cue::Failed);
                self.notice(NoticeKind::RecordingFailed, MemberId(0), String::new());
            }
        }
        self.told.at_once();
    }

    /// What was to become of the recording could not be done, or not be written down. What was to be left out is left
    /// out all the same.
    pub fn recording_refused(&mut self, record: Record) {
        self.set_recording(match record {
            Record::Start => self.deck.state,
            Record::Pause => Recording::Paused,
            Record::Stop => Recording::Off,
        });
    }

    /// An operator wants something of the recording; answered later.
    pub(super) fn record(&mut self, by: MemberId, number: u32, code: u32) -> Result<(), ActCode> {
        let record = Record::from_code(code).ok_or(ActCode::Wrong)?;
        self.deck.takes(record)?;
        self.deck.pending = true;
        if record != Record::Start {
            self.deck.hush(&mut self.audience);
        }
        self.events.push_back(Event::Record { by, number, record });
        Ok(())
    }

    /// What this tick has said goes to whoever writes; called after the brick at `time` was encoded.
    pub(super) fn tape(&mut self, time: MediaTime) {
        self.deck.out.clear();
        if !self.deck.listens {
            return;
        }
        if !self.deck.told {
            // With the next frame: one that is in the making began before.
            let frame = u64::from(rung().rung().frame.bricks());
            let time = MediaTime::from_bricks(time.bricks().next_multiple_of(frame));
            self.deck.out.push_back(Taped::GoesOn(time));
            self.deck.told = true;
        }
        let holder = self.floor.holder();
        if holder != self.deck.holder {
            let name = holder.map(|id| self.name_of(id));
            self.deck.holder = holder;
            self.deck.out.push_back(Taped::Floor(time, name));
        }
        if let Some(packet) = self.audience.packet(rung(), &Hearing::Shared) {
            self.deck.out.push_back(Taped::Sound(packet.clone()));
        } else if self.ticks.is_multiple_of(SILENCE_EVERY) {
            self.deck.out.push_back(Taped::Silence(MediaTime::from_bricks(self.ticks)));
        }
    }

    /// The next thing for whoever writes, after a tick.
    pub fn poll_tape(&mut self) -> Option<Taped> {
        self.deck.out.pop_front()
    }

    /// What is played from now on; empty: nothing.
    pub fn set_playing(&mut self, name: &str) {
        if self.player.name != name || !name.is_empty() {
            name.clone_into(&mut self.player.name);
            self.player.number = self.player.number.wrapping_add(1);
            self.told.at_once();
        }
        self.player.brick = None;
    }

    /// Whether something is played.
    #[must_use]
    pub const fn is_playing(&self) -> bool {
        !self.player.name.is_empty()
    }

    /// The brick of an announcement that the next tick mixes. It obeys no floor, and hears nothing.
    pub fn play(&mut self, brick: Pcm) {
        self.player.brick = Some(brick);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Record::{Pause, Start, Stop};
    use Recording::{Failed, Off, On, Paused};

    #[test]
    fn every_act_in_every_state() {
        let wanted = [
            (Off, [true, false, false]),
            (On, [false, true, true]),
            (Paused, [true, false, true]),
            (Failed, [true, false, false]),
        ];
        for (state, takes) in wanted {
            for (record, takes) in [Start, Pause, Stop].into_iter().zip(takes) {
                let deck = Deck { state, ..Deck::default() };
                assert_eq!(deck.takes(record).is_ok(), takes, "{record:?} while {state:?}");
                let waiting = Deck { state, pending: true, ..Deck::default() };
                assert_eq!(waiting.takes(record), Err(ActCode::NotNow));
            }
        }
    }
}
