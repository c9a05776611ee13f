//! The thread that owns the rooms: everything that happens in a meeting happens here, in one order, without a lock.
//!
//! Ticks come first: whatever is in the queue waits while 20 ms are mixed. Datagrams have a queue of their own and wait
//! for the tick in any case, since nothing is heard or sent before it: to wake this thread for each would cost more than
//! what is done with it. Both queues are bounded, and a datagram that finds its own full is dropped and counted by whoever
//! brought it.
#![expect(clippy::disallowed_methods, reason = "a shell: this is where the rooms' clock is read")]

mod carry;
mod fetching;
mod handle;
mod input;
mod late;
mod written;

pub(super) use fetching::wire;
pub(super) use handle::{Handle, start_task, start_thread};
pub(super) use input::{Act, Fetcher, Heard, Input, Line, Place, Who, later};

use super::fetch::Purse;
use super::players::Players;
use super::tapes::Tapes;
use crate::announcement::Announcements;
use crate::lateness::Lateness;
use crate::limits::Limits;
use crate::permit::seated_as;
use crate::recording::Recorder;
use crate::recording::shelf::Shelf;
use crate::room::{Event, Joining, Room};
use crate::session::LineId;
use crate::store::{Admitted, Fact, SiteId, Snapshot, Store, Verdict, VisitId};
use carry::Carrier;
use giaoban_proto::link::{Fingerprint, RoomName};
use giaoban_proto::transport::PublicKey;
use giaoban_proto::unit::{BRICK, MemberId};
use giaoban_proto::wire::{
    ActCode, CAPABILITIES, CloseCode, Done, KEEPS, ServerMessage, SiteRole, VERSION, Welcome,
};
use handle::{HEARD, Queues};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// When a tick is later than this, those it has missed are not made up for: everybody would hear a burst.
const GIVE_UP_AFTER: Duration = Duration::from_millis(200);

/// Visits of members that are no more which may be remembered before they are looked through.
const SPARE_VISITS: usize = 4096;

/// What a bridge needs to know, besides the store.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// How much it may hold.
    pub limits: Limits,
    /// The bridge's spare key, for clients to know.
    pub spare: Option<Fingerprint>,
    /// Whether names are written to the log.
    pub log_names: bool,
    /// What writes recordings; `None` where nothing is recorded.
    pub recorder: Option<Recorder>,
    /// What recordings are fetched from; `None` where they are not.
    pub shelf: Option<Shelf>,
    /// What can be played into rooms.
    pub announcements: Option<Announcements>,
}

impl Config {
    /// As usual, but with so many members in a room at most.
    #[must_use]
    pub fn for_members(members: usize) -> Self {
        let members = u32::try_from(members).unwrap_or(u32::MAX);
        Self { limits: Limits { members, ..Limits::default() }, ..Self::default() }
    }
}

/// A session in some room: how to reach it, and whose it is.
#[derive(Debug)]
struct Held {
    room: RoomName,
    id: LineId,
    line: Line,
    device: PublicKey,
    name: String,
    site: Option<SiteId>,
    generation: u64,
    visit: Option<VisitId>,
    /// Whether it asked for a seat as a source, beside that of the device.
    source: bool,
}

struct Worker {
    config: Config,
    store: Arc<dyn Store>,
    /// For answers of the store that come later.
    own: mpsc::WeakSender<Input>,
    rooms: BTreeMap<RoomName, Room>,
    held: HashMap<MemberId, Held>,
    /// Whose line each is. A line that another has taken the place of is nobody's.
    lines: HashMap<LineId, MemberId>,
    /// The last visit of everybody who has a seat.
    visits: HashMap<MemberId, (RoomName, VisitId)>,
    /// Who let a guest's device in, for when it comes again.
    hosts: HashMap<PublicKey, (RoomName, SiteId)>,
    /// Who fetches what was recorded, and when they were last told how much may go.
    purses: HashMap<LineId, Arc<Purse>>,
    paid: Option<Instant>,
    tapes: Tapes,
    players: Players,
    carrier: Carrier,
    next_id: u64,
    late: Lateness,
    /// The same of the last ticks.
    lately: Lateness,
}

impl Worker {
    fn new(config: Config, store: Arc<dyn Store>, own: mpsc::WeakSender<Input>, carrier: Carrier) -> Self {
        Self {
            tapes: Tapes::new(config.recorder.clone(), own.clone()),
            players: Players::new(config.announcements.clone(), own.clone()),
            carrier,
            config,
            store,
            own,
            rooms: BTreeMap::new(),
            held: HashMap::new(),
            lines: HashMap::new(),
            visits: HashMap::new(),
            hosts: HashMap::new(),
            purses: HashMap::new(),
            paid: None,
            next_id: 1,
            late: Lateness::default(),
            lately: Lateness::default(),
        }
    }

    async fn run(mut self, mut queues: Queues) {
        let mut next_tick = tokio::time::Instant::now() + BRICK;
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(next_tick) => {
                    let now = tokio::time::Instant::now();
                    self.note_late(now.saturating_duration_since(next_tick));
                    next_tick = if now - next_tick > GIVE_UP_AFTER { now } else { next_tick } + BRICK;
                    // No more than the queue holds: whatever comes meanwhile is the next tick's.
                    for _ in 0..HEARD {
                        let Ok(heard) = queues.heard.try_recv() else { break };
                        self.hear(heard);
                    }
                    self.tick(now.into_std());
                }
                input = queues.inputs.recv() => match input {
                    Some(Input::Stop(done)) => {
                        self.stop();
                        // Whoever asked may have gone.
                        let _ = done.send(());
                        return;
                    }
                    Some(input) => self.handle(tokio::time::Instant::now().into_std(), input),
                    None => return,
                },
            }
        }
    }

    fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Join { who, line, answer } => {
                let joined = self.join(now, *who, line);
                if let Err(Ok(line)) = answer.send(joined) {
                    // The connection went while the door was being opened.
                    self.lost(now, line);
                }
            }
            Input::Message(line, message) => {
                if let Some(&member) = self.lines.get(&line)
                    && let Some(room) = self.room_of(member)
                {
                    room.handle_message(now, member, message);
                    self.events_of(now, member);
                }
            }
            Input::GuestWritten { guest, by, host, verdict } => {
                self.seat_guest(now, guest, by, host, verdict)
            }
            Input::Answer(member, done) => {
                if let Some(room) = self.held.get(&member).map(|held| held.room.clone()) {
                    self.tell(now, &room, member, done.into());
                }
            }
            Input::Recorded(room, recorded) => {
                let answer = self.tapes.answered(now, &room, self.rooms.get_mut(&room), recorded);
                if let Some((act, code)) = answer {
                    // The recorder has written it down already.
                    self.tell(now, &room, act.by, Done { number: act.number, code: code.code() }.into());
                }
                self.events(now, &room);
            }
            Input::Played(room, act, called, playing) => {
                let code = match (playing, self.rooms.get_mut(&room)) {
                    (Ok(playing), Some(there)) => {
                        self.players.begin(&room, there, &called, playing);
                        ActCode::Done
                    }
                    (Err(code), _) => code,
                    (Ok(_), None) => return,
                };
                self.write_act(now, &room, act.by, ("play", called), (act.number, code));
                self.events(now, &room);
            }
            Input::MayFetch(line, answer) => {
                // Whoever asked may have gone.
                let _ = answer.send(self.fetcher(line));
            }
            Input::Fetching(line, purse) => self.set_fetching(now, line, purse),
            Input::Got(room, device, recording, span) => {
                if let Some(room) = self.rooms.get_mut(&room) {
                    room.fetched(device.as_bytes(), recording.0 as u64, span);
                }
            }
            Input::Changed(snapshot) => self.apply(now, &snapshot),
            Input::Lost(line) => self.lost(now, line),
            Input::Stop(_) => {}
        }
    }

    fn hear(&mut self, Heard { line, at, bytes }: Heard) {
        if let Some(&member) = self.lines.get(&line)
            && let Some(room) = self.room_of(member)
        {
            room.handle_datagram(at, member, &bytes);
        }
    }

    fn room_of(&mut self, member: MemberId) -> Option<&mut Room> {
        self.rooms.get_mut(&self.held.get(&member)?.room)
    }

    fn join(&mut self, now: Instant, who: Who, line: Line) -> Result<LineId, CloseCode> {
        let (line_id, fresh) = (LineId(self.next_id), MemberId(self.next_id));
        self.next_id += 1;
        let Who { room: name, device, admitted, place, cap, muted, watches, source } = who;
        let Admitted { site, name: called, role, guest, generation, visit, max_members } = admitted;
        let full = self.rooms.len() >= self.config.limits.rooms as usize && !self.rooms.contains_key(&name);
        let most = max_members.unwrap_or(self.config.limits.members as usize);
        let mut held = Held {
            room: name.clone(),
            id: line_id,
            line,
            device,
            name: called.clone(),
            site,
            generation,
            visit,
            source,
        };
        if full {
            self.left(&held, Some(CloseCode::Full));
            return Err(CloseCode::Full);
        }
        let room = self.rooms.entry(name.clone()).or_insert_with(|| {
            let mut room = Room::new(now, most);
            self.tapes.opened(&name, &mut room);
            room
        });
        let role = seated_as(role, source).unwrap_or(role);
        let device = seat_of(&device, source);
        let joining = Joining { id: fresh, device, name: called, cap, muted, role, guest, watches };
        room.set_max_members(most);
        let result = match place {
            Place::Seat => room.join(now, joining),
            Place::Lobby { admits } => room.knock(now, joining, admits),
            Place::Observer => room.observe(now, joining),
        };
        let shown = if self.config.log_names { held.name.as_str() } else { "-" };
        let kbps = cap.bps() / 1000;
        tracing::info!(
            room = name.as_str(),
            member = result.map_or(0, |id| id.0),
            site = shown,
            ?place,
            kbps,
            ?result,
            "joins"
        );
        match result {
            Ok(id) => {
                if source {
                    // It has no visit that would tell.
                    let (target, detail) = (id.0.to_string(), name.as_str().to_owned());
                    self.store.record(Fact::Acted { by: site, act: "join as source", target, detail });
                }
                match place {
                    // The first word on this line; the room's list of who is here follows it.
                    Place::Seat => self.greet(&mut held, id),
                    Place::Observer => welcome(&self.config, &held, MemberId(0), role),
                    Place::Lobby { .. } => {}
                }
                self.hold(id, held);
            }
            Err(code) => self.left(&held, Some(code)),
        }
        self.events(now, &name);
        result.map(|_| line_id)
    }

    /// Welcomes somebody who has a seat, as what the seat is.
    fn greet(&self, held: &mut Held, id: MemberId) {
        let stands = self.rooms.get(&held.room).and_then(|room| room.stands_as(id));
        if let Some((name, role)) = stands {
            name.clone_into(&mut held.name);
            welcome(&self.config, held, id, role);
        }
    }

    /// A member is reached by this line from now on; one that it had before is at an end.
    fn hold(&mut self, id: MemberId, held: Held) {
        self.lines.insert(held.id, id);
        if let Some(visit) = held.visit {
            self.visits.insert(id, (held.room.clone(), visit));
        }
        if let Some(older) = self.held.insert(id, held) {
            self.lines.remove(&older.id);
            self.purses.remove(&older.id);
            close(&older.line, CloseCode::Replaced);
            self.left(&older, Some(CloseCode::Replaced));
        }
    }

    /// Nobody is reached by this member's line any more.
    fn release(&mut self, id: MemberId) -> Option<Held> {
        let held = self.held.remove(&id)?;
        self.lines.remove(&held.id);
        self.purses.remove(&held.id);
        Some(held)
    }

    /// A guest's coming in is written down, or could not be.
    fn seat_guest(
        &mut self,
        now: Instant,
        guest: MemberId,
        by: Option<(MemberId, u32)>,
        host: Option<SiteId>,
        verdict: Verdict,
    ) {
        let visit = verdict.as_ref().ok().and_then(|admitted| admitted.visit);
        let seated = self.room_of(guest).and_then(|room| room.let_in(now, by, guest, verdict.is_ok()));
        let name = self.held.get(&guest).map(|held| held.room.clone());
        match seated.and_then(|id| Some((id, self.release(guest)?))) {
            Some((id, mut held)) => {
                held.visit = visit;
                // Before the roster, which waits among the room's events.
                self.greet(&mut held, id);
                if let Some(host) = host {
                    self.hosts.insert(held.device, (held.room.clone(), host));
                }
                self.hold(id, held);
            }
            // Gone, in already, or no room for it: nobody has that visit.
            None => {
                let held_already = visit.is_some() && self.held.values().any(|held| held.visit == visit);
                if let Some(visit) = visit.filter(|_| !held_already) {
                    self.store.record(Fact::Left { visit, why: Some(CloseCode::Full) });
                }
            }
        }
        if let Some(name) = name {
            self.events(now, &name);
        }
        if let Some((by, _)) = by {
            self.events_of(now, by);
        }
    }

    /// Carries over to the meetings what was changed by another process.
    fn apply(&mut self, now: Instant, snapshot: &Snapshot) {
        for (&member, held) in &self.held {
            let Some(room) = self.rooms.get_mut(&held.room) else { continue };
            let Some(there) = snapshot.rooms.get(held.room.as_str()) else {
                room.put_out(now, member, CloseCode::NoSuchRoom);
                continue;
            };
            room.set_max_members(there.max_members.unwrap_or(self.config.limits.members as usize));
            let Some(site) = held.site else { continue };
            match snapshot.sites.get(&site) {
                None => room.put_out(now, member, CloseCode::Revoked),
                Some(site) if site.revoked => room.put_out(now, member, CloseCode::Revoked),
                Some(site) if site.generation > held.generation => {
                    room.put_out(now, member, CloseCode::Expelled)
                }
                Some(site) => match seated_as(site.role_in(held.room.as_str()), held.source) {
                    Some(role) => {
                        room.set_role(now, member, role);
                        room.rename(member, &site.name);
                    }
                    None => room.put_out(now, member, CloseCode::NoSource),
                },
            }
        }
        for held in self.held.values_mut() {
            if let Some(site) = held.site.and_then(|site| snapshot.sites.get(&site)) {
                held.name.clone_from(&site.name);
            }
        }
        self.all_events(now);
    }

    /// A line is no more. Whoever has said that it goes is gone; the seat of anybody else is kept.
    fn lost(&mut self, now: Instant, line: LineId) {
        let Some(member) = self.lines.get(&line).copied() else { return };
        let Some(held) = self.release(member) else { return };
        let asked = matches!(held.line.connection.close_reason(),
            Some(quinn::ConnectionError::ApplicationClosed(close)) if close.error_code == CloseCode::Bye.code().into());
        if let Some(room) = self.rooms.get_mut(&held.room) {
            let tally = room.tally(member).unwrap_or_default();
            tracing::info!(room = held.room.as_str(), member = member.0, ?tally, "lost");
            if asked { room.leave(now, member) } else { room.lost(now, member) }
        }
        self.left(&held, None);
        self.events(now, &held.room);
    }

    /// A visit has ended, unless another session of the device goes on with it.
    fn left(&self, held: &Held, why: Option<CloseCode>) {
        let Some(visit) = held.visit else { return };
        if self.held.values().any(|other| other.visit == held.visit) {
            return;
        }
        self.store.record(match why {
            Some(CloseCode::Replaced) => Fact::Replaced { visit },
            why => Fact::Left { visit, why },
        });
    }

    /// An empty room is forgotten; it opens again with whoever joins next.
    fn close_if_empty(&mut self, name: &RoomName) {
        // A number is never given again: what belongs to one that nobody has is forgotten now and then.
        if self.visits.len() > 2 * self.held.len() + SPARE_VISITS {
            self.visits.retain(|id, (room, _)| self.rooms.get(room).is_some_and(|room| room.has_seat(*id)));
        }
        if self.rooms.get(name).is_some_and(Room::is_empty) {
            self.rooms.remove(name);
            self.tapes.closed(name);
            self.players.closed(name);
            self.hosts.retain(|_, (room, _)| room != name);
        }
    }

    fn tick(&mut self, now: Instant) {
        let Self { rooms, held, tapes, players, store, carrier, .. } = self;
        for (name, room) in rooms.iter_mut() {
            players.tick(name, room);
            room.tick(now);
            tapes.tick(now, name, room);
            if room.is_locked()
                && let Some(id) = tapes.close(name)
            {
                store.record(Fact::RecordingClosed { id });
            }
            while let Some(transmit) = room.poll_transmit() {
                if let Some(Held { line, .. }) = held.get(&transmit.member) {
                    carrier.load(&line.connection, transmit.bytes, transmit.later);
                }
            }
        }
        carrier.go();
        self.pay(now);
        self.all_events(now);
    }

    fn all_events(&mut self, now: Instant) {
        let busy: Vec<RoomName> = self
            .rooms
            .iter()
            .filter(|(_, room)| room.has_events() || room.is_empty())
            .map(|(name, _)| name.clone())
            .collect();
        for name in &busy {
            self.events(now, name);
        }
    }

    fn events_of(&mut self, now: Instant, member: MemberId) {
        if let Some(name) = self.held.get(&member).map(|held| held.room.clone()) {
            self.events(now, &name);
        }
    }

    /// Carries out what a room wants done.
    fn events(&mut self, now: Instant, name: &RoomName) {
        while let Some(event) = self.rooms.get_mut(name).and_then(Room::poll_event) {
            match event {
                Event::Send(member, message) => self.tell(now, name, member, message),
                Event::Close(member, code) => {
                    tracing::info!(room = name.as_str(), member = member.0, ?code, "ended");
                    self.close(member, code);
                }
                Event::LetIn { by, number, guest } => self.write_guest(by.map(|by| (by, number)), guest),
                Event::Acted { by, number, act, target, name: called, code } => {
                    let target = match (target.0, called.as_str()) {
                        (0, _) => called,
                        (_, "") => target.0.to_string(),
                        (number, called) => format!("{called} ({number})"),
                    };
                    self.write_act(now, name, by, (act, target), (number, code));
                }
                Event::Record { by, number, record } => {
                    let site = self.held.get(&by).and_then(|held| held.site);
                    self.tapes.act(name, Act { by, number }, record, site);
                }
                Event::Play { by, number, name: called } => {
                    self.players.act(name, Act { by, number }, called);
                }
                Event::Keep(keep) => self.keep(name, keep),
            }
        }
        self.close_if_empty(name);
    }

    fn tell(&mut self, now: Instant, room: &RoomName, member: MemberId, message: ServerMessage) {
        let Some(held) = self.held.get(&member) else { return };
        if held.line.control.try_send(Box::new(message)).is_err() {
            // It reads so slowly that it must start anew to know who is here.
            if let Some(room) = self.rooms.get_mut(room) {
                room.lost(now, member);
            }
            self.close(member, CloseCode::Overrun);
        }
    }

    /// Ends a connection whose member the room has forgotten.
    fn close(&mut self, member: MemberId, code: CloseCode) {
        if let Some(held) = self.release(member) {
            close(&held.line, code);
            self.left(&held, Some(code));
        }
    }

    fn stop(&mut self) {
        self.lines.clear();
        for held in std::mem::take(&mut self.held).into_values() {
            close(&held.line, CloseCode::Stopping);
            self.left(&held, Some(CloseCode::Stopping));
        }
        tracing::info!(
            ticks = self.late.ticks(),
            late_us_median = self.late.permille(500).as_micros() as u64,
            late_us_99th = self.late.permille(990).as_micros() as u64,
            late_us_worst = self.late.worst().as_micros() as u64,
            unsent = self.carrier.unsent(),
            "rooms closed"
        );
    }
}

/// The first word to somebody who is in. A control queue that is full already belongs to a connection that is ending.
fn welcome(config: &Config, held: &Held, id: MemberId, role: SiteRole) {
    let welcome = Welcome {
        version: VERSION,
        capabilities: if config.shelf.is_some() { CAPABILITIES | KEEPS } else { CAPABILITIES },
        member: id.0,
        room: held.room.as_str().to_owned(),
        name: held.name.clone(),
        role: role.code(),
        spare: config.spare.map(|spare| spare.as_bytes().to_vec()).unwrap_or_default(),
    };
    let _ = held.line.control.try_send(Box::new(welcome.into()));
}

/// By what a seat is known when its device comes again: the device's key; for a source what no device's key is, its
/// complement, so that an operator's own seat is left alone.
fn seat_of(device: &PublicKey, source: bool) -> [u8; 32] {
    device.as_bytes().map(|byte| if source { !byte } else { byte })
}

fn close(line: &Line, code: CloseCode) {
    line.connection.close(code.code().into(), code.text().as_bytes());
}
