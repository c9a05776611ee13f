//! What people in a room do to one another: guests who come in, operators who act, sites whose role changes.

use super::{CloseCode, Event, Instant, Joining, Room};
use crate::permit::{Right, may, name, needed};
use giaoban_proto::unit::{Bitrate, MemberId};
use giaoban_proto::wire::{Act, ActCode, SiteRole, act::What};

/// Devices that stay silenced when they come by a new line. More than a room has members: guests come with ever new keys.
const MAX_SILENCED: usize = 4096;

/// Whom an act is about.
const fn target(act: &What) -> MemberId {
    MemberId(match act {
        What::LetIn(id) | What::TurnAway(id) | What::Expel(id) => *id,
        What::Silence(silence) => silence.member,
    })
}

impl Room {
    /// A guest that has proved the PIN comes to the lobby, or further where it may: `admits` is whether the room asks
    /// no operator. One that was let in before is not asked about again.
    ///
    /// # Errors
    /// [`CloseCode::Full`] where too many wait.
    pub fn knock(&mut self, guest: Joining, admits: bool) -> Result<(), CloseCode> {
        let id = guest.id;
        if let Some(older) = self.lobby.of_device(&guest.device) {
            self.put_out(older, CloseCode::Replaced);
        }
        let at_once = admits || self.lobby.knows(&guest.device);
        let waits = self.lobby.sit(guest).map_err(|_| CloseCode::Full)?;
        if at_once {
            self.events.push_back(Event::LetIn { by: None, number: 0, guest: id });
        } else {
            self.tell_operators(&waits);
        }
        Ok(())
    }

    /// It is written down (or could not be) that this guest comes in; whether it did, for the worker to welcome it.
    pub fn let_in(&mut self, now: Instant, by: Option<(MemberId, u32)>, id: MemberId, written: bool) -> bool {
        let name = self.name_of(id);
        let code = if written { self.seat_guest(now, id) } else { ActCode::Failed };
        if let Some((by, number)) = by {
            self.events.push_back(Event::Acted { by, number, act: "let in", target: id, name, code });
        } else if code != ActCode::Done {
            let close = if code == ActCode::Full { CloseCode::Full } else { CloseCode::Internal };
            self.put_out(id, close);
        }
        code == ActCode::Done
    }

    fn seat_guest(&mut self, now: Instant, id: MemberId) -> ActCode {
        let Some((guest, gone)) = self.lobby.take(id) else { return ActCode::NobodyThere };
        let (device, again) = (guest.device, guest.clone());
        match self.join(now, guest) {
            Ok(()) => {
                self.lobby.remember(device);
                self.tell_operators(&gone);
                ActCode::Done
            }
            Err(_) => {
                // It keeps its place and its number; there was room for it a moment ago.
                let _ = self.lobby.sit(again);
                ActCode::Full
            }
        }
    }

    /// What a site may do has changed. Its voice, if it may not be heard any more, ends with this brick.
    pub fn set_role(&mut self, id: MemberId, role: SiteRole) {
        let Some(place) = self.place(id) else {
            if let Some(observer) = self.observers.iter().find(|observer| observer.id == id)
                && observer.role != role
            {
                self.put_out(id, CloseCode::Expelled);
            }
            return;
        };
        let before = self.members[place].role;
        let silenced = self.members[place].is_silenced();
        self.stand(id, place, role, silenced);
        if !may(before, Right::SeeLobby) && may(role, Right::SeeLobby) {
            self.events.push_back(Event::Send(id, self.lobby.whole()));
        }
    }

    /// A site is called otherwise from now on.
    pub fn rename(&mut self, id: MemberId, name: &str) {
        let Some(place) = self.place(id) else { return };
        if self.members[place].name != name {
            name.clone_into(&mut self.members[place].name);
            self.roster.changed(id);
        }
    }

    /// Ends somebody's part in the meeting, wherever in it they are.
    pub fn put_out(&mut self, id: MemberId, code: CloseCode) {
        self.leave(id);
        self.events.push_back(Event::Close(id, code));
    }

    /// The role of a member or observer, or of a guest in the lobby, who has none of a participant's rights yet but
    /// those over itself.
    pub(super) fn role(&self, id: MemberId) -> Option<SiteRole> {
        let member = self.place(id).map(|place| self.members[place].role);
        let observer =
            || self.observers.iter().find(|observer| observer.id == id).map(|observer| observer.role);
        let guest = || self.lobby.has(id).then_some(SiteRole::Listener);
        member.or_else(observer).or_else(guest)
    }

    pub(super) fn set_muted(&mut self, id: MemberId, role: SiteRole, muted: bool) {
        if let Some(guest) = self.lobby.get_mut(id) {
            guest.muted = muted;
            return;
        }
        let Some(place) = self.place(id).filter(|_| may(role, Right::SetMuted)) else { return };
        if self.members[place].muted != muted {
            self.members[place].muted = muted;
            self.roster.changed(id);
        }
    }

    /// What somebody may be sent is another from now on. It is its own link, so that everybody may.
    pub(super) fn set_cap(&mut self, now: Instant, id: MemberId, cap: Bitrate) {
        if let Some(guest) = self.lobby.get_mut(id) {
            guest.cap = cap;
        } else if let Some(place) = self.place(id) {
            self.members[place].rate.set_cap(now, cap);
        }
    }

    /// An operator's act, or somebody's who is none.
    pub(super) fn act(&mut self, by: MemberId, role: SiteRole, act: Act) {
        let number = act.number;
        let Some(what) = act.what else {
            let (target, name) = (MemberId(0), String::new());
            let code = ActCode::Unknown;
            self.events.push_back(Event::Acted { by, number, act: "unknown", target, name, code });
            return;
        };
        let target = target(&what);
        let called = self.name_of(target);
        let code = if may(role, needed(&what)) {
            match self.carry_out(by, number, what) {
                Some(code) => code,
                // Answered when it is written down.
                None => return,
            }
        } else {
            ActCode::NotAllowed
        };
        self.events.push_back(Event::Acted { by, number, act: name(&what), target, name: called, code });
    }

    fn carry_out(&mut self, by: MemberId, number: u32, what: What) -> Option<ActCode> {
        let id = target(&what);
        Some(match what {
            What::LetIn(_) if self.lobby.has(id) => {
                self.events.push_back(Event::LetIn { by: Some(by), number, guest: id });
                return None;
            }
            What::TurnAway(_) if self.lobby.has(id) => {
                self.put_out(id, CloseCode::NotLetIn);
                ActCode::Done
            }
            What::Expel(_) if self.place(id).is_some() => {
                if let Some(place) = self.place(id) {
                    self.lobby.forget(&self.members[place].device);
                }
                self.put_out(id, CloseCode::Expelled);
                ActCode::Done
            }
            What::Silence(silence) => match self.place(id) {
                Some(place) => {
                    let (role, device) = (self.members[place].role, self.members[place].device);
                    // A new line is no way back to a voice.
                    if !silence.silent {
                        self.silenced.remove(&device);
                    } else if self.silenced.len() < MAX_SILENCED {
                        self.silenced.insert(device);
                    }
                    self.stand(id, place, role, silence.silent);
                    ActCode::Done
                }
                None => ActCode::NobodyThere,
            },
            What::LetIn(_) | What::TurnAway(_) | What::Expel(_) => ActCode::NobodyThere,
        })
    }

    fn stand(&mut self, id: MemberId, place: usize, role: SiteRole, silenced: bool) {
        if let Some(standing) = self.members[place].set_standing(role, silenced) {
            self.roster.changed(id);
            self.events.push_back(Event::Send(id, standing.into()));
        }
    }

    fn name_of(&self, id: MemberId) -> String {
        let member = self.place(id).map(|place| self.members[place].name.clone());
        member.or_else(|| self.lobby.name(id)).unwrap_or_default()
    }
}
