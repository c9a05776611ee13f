//! What people in a room do to one another: guests who come in, operators who act, sites whose role changes.

use super::{CloseCode, Event, Instant, Joining, Room};
use crate::permit::{Right, may};
use giaoban_proto::unit::{Bitrate, MemberId};
use giaoban_proto::wire::{ActCode, ServerMessage, SiteRole};

/// Devices that stay silenced when they come by a new line. More than a room has members: guests come with ever new keys.
const MAX_SILENCED: usize = 4096;

impl Room {
    /// A guest that has proved the PIN comes to the lobby, or further where it may: `admits` is whether the room asks
    /// no operator. One that was let in before is not asked about again.
    ///
    /// # Errors
    /// [`CloseCode::Full`] where too many wait.
    pub fn knock(&mut self, now: Instant, guest: Joining, admits: bool) -> Result<MemberId, CloseCode> {
        let id = guest.id;
        if let Some(older) = self.lobby.of_device(&guest.device) {
            self.put_out(now, older, CloseCode::Replaced);
        }
        // Nobody comes into a locked room but by an operator's word.
        let at_once = (admits && !self.locked) || self.lobby.knows(&guest.device);
        let waits = self.lobby.sit(guest).map_err(|_| CloseCode::Full)?;
        if at_once {
            self.events.push_back(Event::LetIn { by: None, number: 0, guest: id });
        } else {
            self.tell_operators(&waits);
        }
        Ok(id)
    }

    /// It is written down (or could not be) that this guest comes in; its number from now on, if it did, for the worker
    /// to welcome it.
    pub fn let_in(
        &mut self,
        now: Instant,
        by: Option<(MemberId, u32)>,
        id: MemberId,
        written: bool,
    ) -> Option<MemberId> {
        let name = self.name_of(id);
        let seated = if written { self.seat_guest(now, id, by.is_some()) } else { Err(ActCode::Failed) };
        let code = seated.err().unwrap_or(ActCode::Done);
        if let Some((by, number)) = by {
            self.events.push_back(Event::Acted { by, number, act: "let in", target: id, name, code });
        } else if code != ActCode::Done {
            let close = if code == ActCode::Full { CloseCode::Full } else { CloseCode::Internal };
            self.put_out(now, id, close);
        }
        seated.ok()
    }

    fn seat_guest(&mut self, now: Instant, id: MemberId, asked: bool) -> Result<MemberId, ActCode> {
        let (guest, gone) = self.lobby.take(id).ok_or(ActCode::NobodyThere)?;
        let (device, again) = (guest.device, guest.clone());
        // An operator's word opens a locked room.
        let locked = self.locked;
        self.locked &= !asked;
        let joined = self.join(now, guest);
        self.locked = locked;
        match joined {
            Ok(id) => {
                self.lobby.remember(device);
                self.tell_operators(&gone);
                Ok(id)
            }
            Err(_) => {
                // It keeps its place and its number; there was room for it a moment ago.
                let _ = self.lobby.sit(again);
                Err(ActCode::Full)
            }
        }
    }

    /// What a site may do has changed. Its voice, if it may not be heard any more, ends with this brick.
    pub fn set_role(&mut self, now: Instant, id: MemberId, role: SiteRole) {
        let Some(place) = self.place(id) else {
            if let Some(observer) = self.observers.iter().find(|observer| observer.id == id)
                && observer.role != role
            {
                self.put_out(now, id, CloseCode::Expelled);
            }
            return;
        };
        let silenced = self.members[place].site.silenced;
        // Who has taken an operator's place keeps it for this meeting.
        let role = if self.members[place].site.took_over { SiteRole::Operator } else { role };
        self.stand(id, place, role, silenced);
    }

    /// A site is called otherwise from now on.
    pub fn rename(&mut self, id: MemberId, name: &str) {
        let Some(place) = self.place(id).filter(|&place| !self.members[place].site.renamed) else { return };
        if self.members[place].site.name != name {
            name.clone_into(&mut self.members[place].site.name);
            self.roster.named(id);
        }
    }

    /// Ends somebody's part in the meeting, wherever in it they are.
    pub fn put_out(&mut self, now: Instant, id: MemberId, code: CloseCode) {
        self.leave(now, id);
        self.events.push_back(Event::Close(id, code));
    }

    /// The role of a member or observer, or of a guest in the lobby, who has none of a participant's rights yet but
    /// those over itself.
    pub(super) fn role(&self, id: MemberId) -> Option<SiteRole> {
        let member = self.place(id).map(|place| self.members[place].site.role);
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
        if self.members[place].site.muted != muted {
            self.members[place].site.muted = muted;
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

    /// A device is silenced, by whatever line it comes, or not any more.
    pub(super) fn silence_device(&mut self, device: [u8; 32], silent: bool) {
        // A new line is no way back to a voice.
        if !silent {
            self.silenced.remove(&device);
        } else if self.silenced.len() < MAX_SILENCED {
            self.silenced.insert(device);
        }
    }

    /// A seat is silenced, or not any more; whether there is such a seat.
    pub(super) fn silence(&mut self, id: MemberId, silent: bool) -> bool {
        let Some(site) = self.site(id) else { return false };
        let (role, device) = (site.role, site.device);
        self.silence_device(device, silent);
        match self.place(id) {
            Some(place) => self.stand(id, place, role, silent),
            None => {
                self.away.get_mut(id).into_iter().for_each(|site| site.silenced = silent);
                self.roster.changed(id);
            }
        }
        true
    }

    pub(super) fn stand(&mut self, id: MemberId, place: usize, role: SiteRole, silenced: bool) {
        let before = self.members[place].site.role;
        if let Some(standing) = self.members[place].set_standing(role, silenced) {
            self.members[place].set_floored(self.floor.lets_speak(id));
            self.settle_hearing(place);
            self.roster.changed(id);
            self.events.push_back(Event::Send(id, standing.into()));
        }
        if !may(before, Right::SeeLobby) && may(role, Right::SeeLobby) {
            self.events.push_back(Event::Send(id, self.lobby.whole()));
        }
    }

    /// A source is let hear the meeting, or not any more.
    pub(super) fn set_two_way(&mut self, id: MemberId, hears: bool) {
        self.site_mut(id).into_iter().for_each(|site| site.two_way = hears);
        self.roster.changed(id);
        if let Some(place) = self.place(id) {
            self.settle_hearing(place);
        }
    }

    /// What a member is sent follows what it may hear.
    fn settle_hearing(&mut self, place: usize) {
        let member = &mut self.members[place];
        let (hears, rung, hearing) = (member.site.hears(), member.rung, &mut member.hearing);
        let mut settled = self.audience.set_hears(hears, rung, hearing);
        if member.standing.in_mix() {
            settled = settled.and_then(|()| self.audience.enter(rung, hearing));
        }
        if settled.is_err() {
            // Without a stream of its own it would hear itself.
            member.standing.leave();
            self.encoder_faults += 1;
        }
    }

    pub(super) fn tell_operators(&mut self, message: &ServerMessage) {
        let members = self.members.iter().map(|member| (member.site.id, member.site.role));
        let observers = self.observers.iter().map(|observer| (observer.id, observer.role));
        let operators = members.chain(observers).filter(|(_, role)| may(*role, Right::SeeLobby));
        self.events.extend(operators.map(|(id, _)| Event::Send(id, message.clone())));
    }

    pub(super) fn name_of(&self, id: MemberId) -> String {
        self.site(id).map(|site| site.name.clone()).or_else(|| self.lobby.name(id)).unwrap_or_default()
    }
}
