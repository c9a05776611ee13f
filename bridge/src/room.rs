//! One meeting: its members, their doors, and the tick that makes everybody hear everybody else.
//!
//! Pure: a worker feeds it datagrams, control messages and ticks and carries away what it polls.
//!
//! ```text
//! loop {
//!     room.handle_datagram(now, member, bytes) …  room.handle_message(now, member, message) …
//!     every 20 ms: room.tick(now); while let Some(transmit) = room.poll_transmit() { send it }
//!     while let Some(event) = room.poll_event() { do it }
//! }
//! ```
//!
//! Once warm a tick allocates nothing. Whoever is not in `members` is sent no sound and not heard: there is no other
//! list. Guests in the lobby, observers, who may be told what happens, and seats whose lines are away are no members.

mod acts;
mod busy;
mod event;
mod faults;
mod fetched;
mod figures;
mod floor;
mod lobby;
mod meeting;
mod member;
mod record;
mod roll;
mod roster;
mod run;
mod seats;

pub use event::{Event, Joining, Keep, Transmit};
pub use fetched::Seated;
pub use member::Tally;

use crate::audience::{Audience, Hearing};
use crate::howl::Spectrum;
use crate::mixer::{Mix, fade};
use crate::permit::{Right, may};
use crate::talkers::{self, Change};
use busy::Busy;
use figures::Watch;
use floor::Floor;
use giaoban_proto::media::Pcm;
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::unit::{MediaTime, MemberId};
use giaoban_proto::wire::{
    ActCode, ClientMessage, CloseCode, Datagram, MAX_ASK_BYTES, MAX_DATAGRAM_BYTES, Notice, NoticeKind, Seat,
    ServerMessage, SiteRole, client_message::Body,
};
use lobby::Lobby;
use meeting::Told;
use member::Member;
use record::{Deck, Player};
use roll::Roll;
use roster::RosterChanges;
use seats::{Seats, Site};
use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// A sign of life to each member, and of what the bridge receives from it.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// What is left to send of a tick when nothing is: who comes or goes between ticks ends what was left.
const NOTHING: (usize, Stage) = (usize::MAX, Stage::Voice);

/// Ticks between two looks at rates and roles.
const STEER_EVERY: u64 = 5;

/// What of a member's is sent next in a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Voice,
    Again,
    Ask,
    Report,
}

/// Who only looks on, at most: an operator's second window and a script or two.
const MAX_OBSERVERS: usize = 8;

/// Devices that are known to have been in a meeting, at most. More than a room has members: guests come with ever new keys.
const MAX_BEEN: usize = 4096;

/// Somebody without a seat, who is told what happens and may act.
#[derive(Clone, Debug)]
struct Observer {
    id: MemberId,
    role: SiteRole,
    name: String,
    watches: bool,
}

/// One meeting.
#[derive(Debug)]
pub struct Room {
    started: Instant,
    max_members: usize,
    ticks: u64,
    /// In order of their ids.
    members: Vec<Member>,
    busy: Busy,
    /// What is kept of those whose lines are away.
    away: Seats,
    lobby: Lobby,
    floor: Floor,
    roll: Roll,
    /// Devices that have had a seat, and were not put out.
    been: BTreeSet<[u8; 32]>,
    locked: bool,
    newcomers_silent: bool,
    deputy: Option<MemberId>,
    /// When an operator with a seat was last heard: a report, which come each second, a voice packet, an act.
    operator_heard: Instant,
    told: Told,
    watch: Watch,
    spectrum: Box<Spectrum>,
    /// Devices whose voice an operator took out of this meeting, here or not.
    silenced: BTreeSet<[u8; 32]>,
    observers: Vec<Observer>,
    mix: Mix,
    audience: Audience,
    deck: Deck,
    /// The recording that runs, and how long it is, in ms.
    recorded: Option<(u64, u64)>,
    player: Player,
    changes: Vec<Change>,
    roster: RosterChanges,
    events: VecDeque<Event>,
    /// What is still to be sent of this tick.
    next: (usize, Stage),
    now: Instant,
    buffer: [u8; MAX_DATAGRAM_BYTES],
    encoder_faults: u64,
}

impl Room {
    /// An empty room for at most `max_members`.
    #[must_use]
    pub fn new(now: Instant, max_members: usize) -> Self {
        Self {
            started: now,
            max_members,
            ticks: 0,
            members: Vec::new(),
            busy: Busy::default(),
            away: Seats::default(),
            lobby: Lobby::default(),
            floor: Floor::default(),
            roll: Roll::default(),
            been: BTreeSet::new(),
            locked: false,
            newcomers_silent: false,
            deputy: None,
            operator_heard: now,
            told: Told::default(),
            watch: Watch::default(),
            spectrum: Box::default(),
            silenced: BTreeSet::new(),
            observers: Vec::new(),
            mix: Mix::default(),
            audience: Audience::default(),
            deck: Deck::default(),
            recorded: None,
            player: Player::default(),
            changes: Vec::with_capacity(talkers::MAX_VOICES + 1),
            roster: RosterChanges::default(),
            events: VecDeque::new(),
            next: NOTHING,
            now,
            buffer: [0; MAX_DATAGRAM_BYTES],
            encoder_faults: 0,
        }
    }

    /// How many are here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether nobody is here, in the lobby or looking on either, and no seat is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let nobody = self.members.is_empty() && self.away.is_empty();
        nobody && self.lobby.is_empty() && self.observers.is_empty()
    }

    /// Whether a member of this number is here, or its seat is kept.
    #[must_use]
    pub fn has_seat(&self, id: MemberId) -> bool {
        self.site(id).is_some()
    }

    /// As what this member is here: its name, and what it may do.
    #[must_use]
    pub fn stands_as(&self, id: MemberId) -> Option<(&str, SiteRole)> {
        self.place(id).map(|place| (self.members[place].site.name.as_str(), self.members[place].site.role))
    }

    /// Changes how many may be here. Nobody is put out for it.
    pub const fn set_max_members(&mut self, max_members: usize) {
        self.max_members = max_members;
    }

    /// Who is here, in the order in which they came.
    pub fn members(&self) -> impl Iterator<Item = MemberId> {
        self.members.iter().map(|member| member.site.id)
    }

    /// Whose voice is in the mix.
    pub fn talkers(&self) -> impl Iterator<Item = MemberId> {
        self.members.iter().filter(|member| member.standing.in_mix()).map(|member| member.site.id)
    }

    /// What a member has cost and received so far.
    #[must_use]
    pub fn tally(&self, id: MemberId) -> Option<Tally> {
        self.place(id).map(|place| self.members[place].tally())
    }

    /// Times that an encoder refused a brick; none is expected.
    #[must_use]
    pub fn encoder_faults(&self) -> u64 {
        self.encoder_faults
    }

    /// Lets a member in: to the seat that is its device's, whose older session, if there is one, is at an end, or to a new
    /// one. What it then is called by everybody, and is to be called by here, is its number.
    ///
    /// # Errors
    /// The code with which to close: [`CloseCode::Full`], [`CloseCode::Locked`], or [`CloseCode::Internal`] when no
    /// encoder is to be had.
    pub fn join(&mut self, now: Instant, joining: Joining) -> Result<MemberId, CloseCode> {
        let device = joining.device;
        let older = self.members.iter().find(|member| member.site.device == device);
        let alive = older.is_some_and(|older| older.is_alive(now));
        let kept = older.map(|older| older.site.clone()).or_else(|| self.away.of_device(&device).cloned());
        if kept.is_none() {
            self.make_room(now, &joining)?;
        }
        let role =
            if kept.as_ref().is_some_and(|kept| kept.took_over) { SiteRole::Operator } else { joining.role };
        let mut member = Member::new(now, joining, kept.as_ref());
        if member.site.hears() {
            self.audience.join(member.rung).map_err(|_| CloseCode::Internal)?;
        } else {
            member.hearing = Hearing::Nothing;
        }
        if let Some(recorded) = self.recorded {
            member.site.has.begin(recorded);
        }
        let id = member.site.id;
        match &kept {
            Some(kept) => {
                self.drop_line(id);
                self.away.take(id);
                self.floor.back(id);
                if kept.name == member.site.name { self.roster.changed(id) } else { self.roster.named(id) }
            }
            None => {
                self.roster.named(id);
                if self.newcomers_silent && !may(role, Right::SpeakAlways) && !self.been.contains(&device) {
                    self.silence_device(device, true);
                }
            }
        }
        if self.been.len() < MAX_BEEN {
            self.been.insert(device);
        }
        let standing = member.set_standing(role, self.silenced.contains(&device));
        member.set_floored(self.floor.lets_speak(id));
        if member.watches {
            self.watch.begin();
        }
        let name = member.site.name.clone();
        // A guest has kept the number with which it came to the lobby: others may have come in since.
        let place = self.members.partition_point(|member| member.site.id < id);
        self.members.insert(place, member);
        self.busy.insert(place, now);
        self.next = NOTHING;
        self.tell_whole(now, id, role);
        self.events.extend(standing.map(|standing| Event::Send(id, standing.into())));
        // A line that broke and was made anew is no news.
        if alive {
            self.notice(NoticeKind::CameTwice, id, name);
        }
        Ok(id)
    }

    /// Whether there is room for somebody without a seat. Seats that are kept give way to whoever is there.
    fn make_room(&mut self, now: Instant, joining: &Joining) -> Result<(), CloseCode> {
        if self.locked && joining.role != SiteRole::Operator && !self.been.contains(&joining.device) {
            return Err(CloseCode::Locked);
        }
        if self.members.len() >= self.max_members {
            return Err(CloseCode::Full);
        }
        if self.members.len() + self.away.len() >= self.max_members
            && let Some(longest) = self.away.longest()
        {
            self.give_up_seat(now, longest);
        }
        Ok(())
    }

    /// Lets somebody look on: told who is here and who waits, sent no sound, without a seat.
    ///
    /// # Errors
    /// [`CloseCode::NotAdmitted`] for a role that may not, [`CloseCode::Full`] where too many do.
    pub fn observe(&mut self, now: Instant, joining: Joining) -> Result<MemberId, CloseCode> {
        let Joining { id, role, name, watches, .. } = joining;
        if !may(role, Right::Observe) {
            return Err(CloseCode::NotAdmitted);
        }
        if self.observers.len() >= MAX_OBSERVERS {
            return Err(CloseCode::Full);
        }
        self.observers.push(Observer { id, role, name, watches });
        if watches {
            self.watch.begin();
        }
        self.tell_whole(now, id, role);
        Ok(id)
    }

    /// All that somebody who has just come must know: who is here, how the meeting stands, who waits.
    fn tell_whole(&mut self, now: Instant, id: MemberId, role: SiteRole) {
        let recorded = self.recorded.filter(|_| may(role, Right::SeeLobby));
        let seats = self.seats().map(|seat| {
            let site = self.site(MemberId(seat.member));
            let has = recorded.and_then(|recorded| Some(site?.has.percent(recorded)));
            Seat { has, ..seat }
        });
        let list: Vec<ServerMessage> = roster::whole(seats).collect();
        self.events.extend(list.into_iter().map(|part| Event::Send(id, part)));
        let meeting = self.meeting(now);
        self.events.push_back(Event::Send(id, meeting.into()));
        if may(role, Right::SeeLobby) {
            self.events.push_back(Event::Send(id, self.lobby.whole()));
        }
    }

    /// A member, guest in the lobby or observer is gone for good. Does nothing for one that is not here.
    pub fn leave(&mut self, now: Instant, id: MemberId) {
        self.observers.retain(|observer| observer.id != id);
        if let Some((_, gone)) = self.lobby.take(id) {
            self.tell_operators(&gone);
        }
        if self.drop_line(id) {
            self.roster.left(id);
        }
        self.give_up_seat(now, id);
    }

    /// A member's line is lost: its seat is kept for a while. Whoever has none is gone.
    pub fn lost(&mut self, now: Instant, id: MemberId) {
        if self.away.get(id).is_some() {
            return;
        }
        let Some(place) = self.place(id) else { return self.leave(now, id) };
        self.away.keep(now, self.members[place].site.clone());
        self.drop_line(id);
        self.floor.lost(now, id);
        self.roster.changed(id);
    }

    /// A member is no receiver and not heard any more.
    fn drop_line(&mut self, id: MemberId) -> bool {
        let Some(place) = self.place(id) else { return false };
        self.hear_operators();
        let member = self.members.remove(place);
        self.busy.remove(place);
        let missed = member.missed();
        if !missed.is_zero() {
            self.events.push_back(Event::Keep(Keep::Missed { member: id, missed }));
        }
        self.audience.leave(member.rung, member.hearing);
        self.next = NOTHING;
        true
    }

    /// A datagram came from a member. One from nobody here, or a bad one, is counted and dropped.
    pub fn handle_datagram(&mut self, now: Instant, id: MemberId, bytes: &[u8]) {
        let Some(place) = self.place(id) else { return };
        // Stamped by another thread, it may seem to come from just before the tick after which it was handed over.
        let now = now.max(self.now);
        let (clock_ms, recorded) = (self.clock_ms(now), self.recorded);
        let member = &mut self.members[place];
        self.busy.set_due(place, now);
        member.last_word = now;
        match Datagram::decode(bytes) {
            Ok(Datagram::Voice(voice)) => {
                self.busy.note_voice(place);
                member.handle_voice(now, &voice);
            }
            Ok(Datagram::Report(report)) => {
                member.handle_report(now, clock_ms, &report);
                member.note_recorded(now, recorded);
            }
            Ok(Datagram::Ask(ask)) => member.handle_ask(now, &ask),
            Err(_) => member.count_bad(),
        }
    }

    /// A control message came from a member.
    pub fn handle_message(&mut self, now: Instant, id: MemberId, message: ClientMessage) {
        let Some(role) = self.role(id) else { return };
        if let Some(place) = self.place(id) {
            self.members[place].last_word = now;
        }
        match message.body {
            // For the others to see: its own gate is what keeps it silent, and its voice, which may overtake this
            // message, is not made to wait for it.
            Some(Body::SetMuted(set)) => self.set_muted(id, role, set.muted),
            Some(Body::SetCap(set)) => self.set_cap(now, id, RungId::cap(set.max_kbps)),
            Some(Body::Leave(_)) => self.put_out(now, id, CloseCode::Bye),
            Some(Body::Act(act)) => self.act(now, id, role, act),
            Some(
                Body::Hello(_)
                | Body::PinProof(_)
                | Body::Check(_)
                | Body::CheckEnd(_)
                | Body::Fetch(_)
                | Body::Got(_),
            ) => {
                self.put_out(now, id, CloseCode::BadMessage);
            }
            // A body of a newer version.
            None => {}
        }
    }

    /// Mixes 20 ms. What is to be sent is then polled with [`Room::poll_transmit`], before the next tick.
    pub fn tick(&mut self, now: Instant) {
        let time = MediaTime::from_bricks(self.ticks);
        self.ticks += 1;
        self.now = now;
        for member in self.busy.voices(&mut self.members) {
            member.pull(now);
        }
        self.choose();
        self.listen_for_faults();
        self.mix.clear();
        for member in self.busy.voices(&mut self.members) {
            if let Some(voice) = member.voice.as_deref().filter(|_| member.in_mix) {
                self.mix.add(voice);
            }
        }
        self.player.mix(&mut self.mix);
        if self.ticks.is_multiple_of(STEER_EVERY) {
            self.steer();
            self.busy.look(&self.members, now);
            self.expire();
            self.tell_figures();
        }
        self.encode(time);
        self.tape(time);
        self.next = (0, Stage::Voice);
        self.tell_changes();
    }

    /// The next datagram to send after a tick.
    pub fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        let (clock_ms, now) = (self.clock_ms(self.now), self.now);
        let buffer = &mut self.buffer;
        let voice = self.audience.has_packet();
        let (member, length) = loop {
            let (mut place, stage) = self.next;
            if stage == Stage::Voice && !voice {
                place = self.busy.next_due(place, now)?;
                self.next.0 = place;
            }
            let member = self.members.get_mut(place)?;
            let sent = match stage {
                Stage::Voice => {
                    self.next.1 = Stage::Again;
                    // One more count on it: the bytes are all listeners'.
                    let packet = self.audience.packet(member.rung, &member.hearing).cloned();
                    packet.map(|packet| {
                        member.note_voice(now, packet.end);
                        member.departures.send(now, &packet, buffer).len()
                    })
                }
                Stage::Again => {
                    let again = member.departures.poll_again(now, buffer).map(<[u8]>::len);
                    if again.is_none() {
                        self.next.1 = Stage::Ask;
                    }
                    again
                }
                Stage::Ask => {
                    self.next.1 = Stage::Report;
                    member.poll_ask(now).map(|ask| copy(ask.encode(&mut [0; MAX_ASK_BYTES]), buffer))
                }
                Stage::Report => {
                    self.next = (place + 1, Stage::Voice);
                    let report = member.poll_report(now, clock_ms);
                    self.busy.set_due(place, member.due(now));
                    report.map(|report| copy(&report.encode(), buffer))
                }
            };
            if let Some(length) = sent {
                break (member.site.id, length);
            }
        };
        Some(Transmit { member, bytes: &self.buffer[..length] })
    }

    /// Whether there is something to do besides sending datagrams.
    #[must_use]
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// The next thing to do besides sending datagrams.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Who is in the mix from this brick on, and how the changes sound.
    fn choose(&mut self) {
        let candidates =
            self.busy.voices(&mut self.members).map(|member| (member.site.id, &mut member.standing));
        self.changes.clear();
        talkers::choose(candidates, |change| self.changes.push(change));
        for member in self.busy.voices(&mut self.members) {
            member.in_mix = member.standing.in_mix() && member.speaks;
        }
        while let Some(change) = self.changes.pop() {
            let (Change::Enters(id) | Change::Leaves(id)) = change;
            let Some(place) = self.place(id) else { continue };
            let member = &mut self.members[place];
            match change {
                Change::Enters(_) => {
                    if self.audience.enter(member.rung, &mut member.hearing).is_err() {
                        // Without a stream of its own it would hear itself.
                        member.standing.leave();
                        member.in_mix = false;
                        self.encoder_faults += 1;
                    } else if let Some(voice) = member.voice.as_deref_mut().filter(|_| member.spoke) {
                        // It has been speaking, unheard, and comes in inside a word.
                        fade(voice, 0.0, 1.0);
                    }
                }
                Change::Leaves(_) if member.speaks => {
                    if let Some(voice) = member.voice.as_deref_mut() {
                        fade(voice, 1.0, 0.0);
                    }
                    member.in_mix = true;
                }
                Change::Leaves(_) => {}
            }
        }
    }

    /// Rates, and who is in a conversation.
    fn steer(&mut self) {
        let now = self.now;
        // The two that were heard last: whoever of them one is oneself, the other is company.
        let mut last: [Option<(Instant, MemberId)>; 2] = [None; 2];
        for member in &mut self.members {
            if member.in_mix {
                member.in_mix_at = Some(now);
            }
            // Nobody is company who hears nothing.
            let heard = member.in_mix_at.filter(|_| member.site.hears());
            if let Some(at) = heard.map(|at| (at, member.site.id)) {
                if last[0].is_none_or(|first| at > first) {
                    last = [Some(at), last[0]];
                } else if last[1].is_none_or(|second| at > second) {
                    last[1] = Some(at);
                }
            }
        }
        for member in &mut self.members {
            let others = last.into_iter().flatten().find(|(_, id)| *id != member.site.id);
            member.set_company(now, others.map(|(at, _)| at));
            member.steer(now);
        }
    }

    fn encode(&mut self, time: MediaTime) {
        let Self { mix, audience, members, busy, encoder_faults, .. } = self;
        for member in busy.voices(members) {
            let wanted = member.rate.rung();
            if wanted != member.rung {
                match audience.move_member(time, member.rung, wanted, &mut member.hearing) {
                    Ok(moved) => member.rung = if moved { wanted } else { member.rung },
                    Err(_) => *encoder_faults += 1,
                }
            }
            audience.settle(time, member.standing.in_mix(), member.rung, &mut member.hearing);
        }
        let all = (mix.voices() > 0).then(|| mix.all());
        *encoder_faults += u64::from(audience.push(time, all).is_err());
        for member in busy.voices(members) {
            let Hearing::Private { stream, .. } = &mut member.hearing else { continue };
            let own = member.voice.as_deref().filter(|_| member.in_mix);
            let others = mix.voices() - usize::from(own.is_some());
            let heard = (others > 0).then_some(|out: &mut Pcm| match own {
                Some(own) => mix.minus(own, out),
                None => out.samples_mut().copy_from_slice(mix.all().samples()),
            });
            *encoder_faults += u64::from(stream.push(time, heard).is_err());
        }
    }

    /// The clock that reports carry: milliseconds since the room began, low sixteen bits.
    fn clock_ms(&self, now: Instant) -> u16 {
        now.saturating_duration_since(self.started).as_millis() as u16
    }

    /// Tells operators, and whom it is about.
    fn notice(&mut self, kind: NoticeKind, id: MemberId, name: String) {
        let notice = ServerMessage::from(Notice { kind: kind.code(), member: id.0, name });
        self.tell_operators(&notice);
        let operator =
            self.place(id).is_some_and(|place| may(self.members[place].site.role, Right::SeeLobby));
        // Whose device came twice is not told: it may be somebody else who did that.
        if !operator && self.has_seat(id) && kind != NoticeKind::CameTwice {
            self.events.push_back(Event::Send(id, notice));
        }
    }

    /// What this member is, whether its line is there or not.
    fn site(&self, id: MemberId) -> Option<&Site> {
        self.place(id).map(|place| &self.members[place].site).or_else(|| self.away.get(id))
    }

    /// The same, for what nobody is told of by its line.
    fn site_mut(&mut self, id: MemberId) -> Option<&mut Site> {
        match self.place(id) {
            Some(place) => Some(&mut self.members[place].site),
            None => self.away.get_mut(id),
        }
    }

    fn place(&self, id: MemberId) -> Option<usize> {
        self.members.binary_search_by_key(&id, |member| member.site.id).ok()
    }
}

/// Puts a datagram into the buffer; how long it is.
fn copy(bytes: &[u8], buffer: &mut [u8; MAX_DATAGRAM_BYTES]) -> usize {
    let length = bytes.len().min(buffer.len());
    buffer[..length].copy_from_slice(&bytes[..length]);
    length
}

#[cfg(test)]
mod tests;
