//! The loop itself: what comes in, what is due, and the end. What the bridge says is in `control`, sound in `sound`.

use super::figures::{Figures, Seen};
use super::{Client, Command, Ending, Keeping, OnBody, OnMessage, OnMissed, OnStats, OnWelcome, Outcome};
use crate::audio::{AudioError, Sink, Source};
use crate::budget::Budget;
use crate::clock;
use crate::floor::Floor;
use crate::guest::Guest;
use crate::meeting::{Entry, Meeting};
use crate::missed::Missed;
use crate::net::{Call, Caller, EVENTS, Event};
use crate::roster::{Bar, Lobby, Roster};
use crate::session::{Action, LineId, Notice, Session};
use crate::stats::Stats;
use crate::voice::{Cleaner, Cues, Downlink, Effort, Heard, Heartbeat, Skew, Uplink};
use crate::words::Message;
use giaoban_proto::media::codec::CodecError;
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::transport::Path;
use giaoban_proto::wire::{CAPABILITIES, Hello, SOURCE, SetCap, SetMuted, VERSION, WATCHES};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// The shortest sleep. Nothing here needs more than tokio's own millisecond, and a device whose next brick is
/// always due a moment ago must not turn this loop into a busy one.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// How long the end may take, over all calls: a little more than a good-bye with its linger.
const END_WITHIN: Duration = Duration::from_secs(3);

/// What of a client may be not to be had.
pub(super) struct Doors {
    uplink: Uplink,
    downlink: Downlink,
}

impl Doors {
    /// As the client asks for them.
    pub(super) fn new(now: Instant, client: &Client) -> Result<Self, CodecError> {
        let cap = RungId::cap(client.max_kbps);
        Ok(Self { uplink: Uplink::new(now, cap, client.muted)?, downlink: Downlink::new()? })
    }
}

/// A running client.
pub(super) struct Engine {
    pub(super) hello: Hello,
    /// The PIN's exchange, where this client is a guest.
    pub(super) guest: Option<Guest>,
    host: String,
    pub(super) leave_at: Option<Instant>,
    /// What the person lets each direction cost, as the bridge is told.
    max_kbps: u32,
    budget: Option<Budget>,
    pub(super) session: Session,
    pub(super) roster: Roster,
    pub(super) lobby: Lobby,
    /// What the operator's own acts and its role say of whether this site may speak, and why it may not after all.
    pub(super) standing: Option<Bar>,
    pub(super) bar: Option<Bar>,
    pub(super) floor: Floor,
    /// Whether it still is to raise its hand, and whether it answers roll calls by itself.
    pub(super) raise: bool,
    pub(super) answers: bool,
    pub(super) as_source: bool,
    pub(super) cues: Cues,
    /// When this site was last told that nobody hears it talk.
    pub(super) told_unheard: Option<Instant>,
    pub(super) cleaner: Cleaner,
    pub(super) skew: Skew,
    pub(super) uplink: Uplink,
    pub(super) downlink: Downlink,
    pub(super) effort: Effort,
    pub(super) heartbeat: Option<Heartbeat>,
    /// That of a line which waits in the lobby.
    pub(super) waiting: Option<(LineId, Heartbeat)>,
    pub(super) source: Box<dyn Source>,
    pub(super) sink: Box<dyn Sink>,
    pub(super) caller: Caller,
    pub(super) calls: BTreeMap<LineId, Call>,
    events: mpsc::Receiver<Event>,
    commands: mpsc::Receiver<Command>,
    commands_open: bool,
    /// The name that the bridge gave this site, and whether the person was told that it is in.
    pub(super) name: String,
    pub(super) greeted: bool,
    /// What the last hello said of the microphone and of the cap.
    in_hello: (bool, u32),
    pub(super) microphone_gone: bool,
    pub(super) loudspeaker_gone: bool,
    /// The queue on the way from the bridge that the last report told of.
    pub(super) queue_told: Duration,
    pub(super) figures: Figures,
    stats: OnStats,
    pub(super) say: OnMessage,
    pub(super) watch: Option<OnBody>,
    pub(super) remember: OnWelcome,
    pub(super) missed: Missed,
    pub(super) on_missed: Option<OnMissed>,
}

impl Engine {
    /// Before the first round.
    pub(super) fn new(now: Instant, client: Client, doors: Doors) -> Self {
        let (events_out, events) = mpsc::channel(EVENTS);
        let Client { meeting, identity, name, max_kbps, muted, duration, source, sink, network, .. } = client;
        let leave_at = duration.and_then(|duration| now.checked_add(duration));
        let (missed, on_missed) = match client.missed {
            Some(Keeping { known, fetches, keep }) => (Missed::new(known, fetches), Some(keep)),
            None => (Missed::default(), None),
        };
        let Doors { uplink, downlink } = doors;
        let Meeting { room, entry, .. } = &meeting;
        let (code, guest) = match entry {
            Entry::Device { code, .. } => (code.map(|code| code.as_bytes().to_vec()), None),
            Entry::Guest { pin, pins } => {
                (None, Some(Guest::new(pin.clone(), room.as_str(), pins.is_some())))
            }
        };
        let wishes = [(client.watch.is_some(), WATCHES), (client.as_source, SOURCE)];
        let capabilities =
            wishes.into_iter().filter(|(is, _)| *is).fold(CAPABILITIES, |all, (_, bit)| all | bit);
        let mut engine = Self {
            as_source: client.as_source,
            hello: Hello {
                version: VERSION,
                capabilities,
                software: concat!("giaoban ", env!("CARGO_PKG_VERSION")).into(),
                room: room.as_str().into(),
                name: name.clone(),
                code: code.unwrap_or_default(),
                max_kbps,
                muted,
                ..Hello::default()
            },
            guest,
            host: meeting.address(),
            leave_at,
            max_kbps,
            budget: client.max_bytes.map(|bytes| Budget::new(now, bytes, max_kbps, leave_at)),
            session: Session::new(now),
            roster: Roster::default(),
            lobby: Lobby::default(),
            standing: None,
            bar: None,
            floor: Floor::default(),
            raise: client.raise,
            answers: client.answers,
            cues: Cues::default(),
            told_unheard: None,
            cleaner: Cleaner::new(client.cleaning),
            skew: Skew::default(),
            uplink,
            downlink,
            effort: Effort::default(),
            heartbeat: None,
            waiting: None,
            source,
            sink,
            caller: Caller::new(meeting, identity, network, events_out),
            calls: BTreeMap::new(),
            events,
            commands: client.commands,
            commands_open: true,
            name,
            greeted: false,
            in_hello: (muted, max_kbps),
            microphone_gone: false,
            loudspeaker_gone: false,
            queue_told: Duration::ZERO,
            figures: Figures::new(now, client.unix_start, RungId::for_cap(max_kbps)),
            stats: client.stats,
            say: client.say,
            watch: client.watch,
            remember: client.remember,
            missed,
            on_missed,
        };
        // Where the meeting's end is known, from the first packet on.
        engine.spend(now);
        engine
    }

    /// Round after round, until the session is over or sound fails.
    pub(super) async fn drive(&mut self) -> Ending {
        loop {
            let now = clock::now();
            if let Err(error) = self.round(now) {
                return Ending::Sound(error);
            }
            if let Some(end) = self.session.end() {
                return Ending::Session(end);
            }
            let due = self.next_due(now).max(now + SHORTEST_SLEEP);
            tokio::select! {
                biased;
                command = self.commands.recv(), if self.commands_open => match command {
                    Some(command) => self.handle_command(clock::now(), command),
                    None => self.commands_open = false,
                },
                Some(event) = self.events.recv() => self.handle_event(clock::now(), event),
                () = tokio::time::sleep_until(due.into()) => {}
            }
        }
    }

    /// Everything that is there or due at `now`.
    fn round(&mut self, now: Instant) -> Result<(), AudioError> {
        // What came in by now; what comes meanwhile has its turn in the next round.
        for _ in 0..EVENTS {
            let Ok(event) = self.events.try_recv() else { break };
            self.handle_event(now, event);
        }
        if self.leave_at.is_some_and(|at| at <= now) {
            self.session.handle_time_up(now);
        }
        self.session.handle_timeout(now);
        self.act(now);
        if let Some(news) = self.floor.handle_timeout(now) {
            self.tell(news);
        }
        self.keep_step(now);
        self.play(now)?;
        self.speak(now)?;
        self.watch_talk(now);
        self.repair(now);
        self.beat(now);
        self.beat_in_lobby(now);
        if self.figures.is_due(now) {
            self.watch_devices();
            self.count(now);
            self.spend(now);
            self.fetch(now);
        }
        Ok(())
    }

    fn next_due(&self, now: Instant) -> Instant {
        let sound = self.source.next_due(now).min(self.sink.next_due(now)).min(self.figures.next_due());
        let heartbeat = self.heartbeat.as_ref().map(Heartbeat::poll_timeout);
        let waiting = self.waiting.as_ref().map(|(_, heartbeat)| heartbeat.poll_timeout());
        [heartbeat, waiting, self.session.poll_timeout(), self.floor.poll_timeout(), self.leave_at]
            .into_iter()
            .flatten()
            .fold(sound, Instant::min)
    }

    fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Stop => {
                (self.say)(&Message::Stopping);
                self.session.handle_stop(now);
            }
            Command::Mute(muted) if muted != self.uplink.is_switched_off() => {
                self.uplink.set_muted(muted);
                self.hello.muted = muted;
                (self.say)(&match self.bar {
                    _ if muted => Message::Muted,
                    Some(bar) => Message::MayNotSpeak(bar),
                    None => Message::Unmuted,
                });
                if let Some(call) = self.line() {
                    call.send(SetMuted { muted }.into());
                }
            }
            Command::Mute(_) => {}
            Command::Act(act) => {
                if let Some(call) = self.line() {
                    call.send(act.into());
                }
            }
        }
    }

    fn handle_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Connected { id, connection } => {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.set_connection(connection);
                    self.session.handle_connected(now, id);
                }
            }
            Event::Bulk { id, message } => self.handle_bulk(now, id, message),
            Event::BulkOver { id } => {
                if self.session.line() == Some(id) {
                    self.missed.handle_over(now);
                }
            }
            Event::Message { id, message } => self.handle_message(now, id, message),
            Event::Datagram { id, at, bytes } => self.handle_datagram(at, id, &bytes),
            Event::Lost { id, loss } => self.session.handle_lost(now, id, loss),
        }
        self.act(now);
    }

    fn handle_datagram(&mut self, at: Instant, id: LineId, bytes: &[u8]) {
        if self.session.line() != Some(id) {
            return;
        }
        self.session.handle_heard(at, id);
        self.missed.handle_heard(at);
        let heard = self.downlink.handle_datagram(at, bytes);
        let Some(heartbeat) = &mut self.heartbeat else { return };
        heartbeat.handle_heard(at);
        match heard {
            Heard::Report(report) => {
                heartbeat.handle_report(at, &report);
                self.uplink.handle_report(at, &report, heartbeat.round_trip());
            }
            Heard::Ask(ask) => self.uplink.handle_ask(at, &ask),
            Heard::Voice | Heard::Bad => {}
        }
    }

    /// Does what the session asks.
    fn act(&mut self, now: Instant) {
        while let Some(action) = self.session.poll_action() {
            match action {
                Action::Connect(id) => {
                    self.calls.insert(id, self.caller.call(id));
                }
                Action::Hello(id) => {
                    self.in_hello = (self.hello.muted, self.hello.max_kbps);
                    if let Some(guest) = &mut self.guest {
                        self.hello.guest = guest.begin(id);
                    }
                    self.with_call(id, |call, hello| call.send(hello.clone().into()));
                }
                Action::Close(id, code) => self.with_call(id, |call, _| call.close(code)),
                Action::Leave(id) => self.with_call(id, |call, _| call.leave()),
                Action::Admit(id) => {
                    if let Err(error) = self.downlink.begin_line() {
                        // The old line's door goes on; it finds its way by itself within some seconds of sound.
                        (self.say)(&Message::Fault(&error));
                    }
                    self.uplink.begin_line(now);
                    self.heartbeat = Some(Heartbeat::new(now));
                    self.figures.count_line();
                    let muted = self.uplink.is_switched_off();
                    if muted != self.in_hello.0 {
                        self.with_call(id, |call, _| call.send(SetMuted { muted }.into()));
                    }
                    let max_kbps = self.hello.max_kbps;
                    if max_kbps != self.in_hello.1 {
                        self.with_call(id, |call, _| call.send(SetCap { max_kbps }.into()));
                    }
                }
                Action::Notice(notice) => (self.say)(&match notice {
                    Notice::Connecting => Message::Connecting { host: &self.host },
                    Notice::Lost => Message::Lost,
                    Notice::Back => Message::Back,
                    Notice::InLobby => Message::InLobby,
                }),
            }
        }
        if self.session.line().is_none() {
            // Without a line there is nothing to beat for, and what is due for ever would never let this loop sleep.
            self.heartbeat = None;
            self.missed.handle_lost(now);
        }
        let lobby = self.session.lobby();
        if self.waiting.as_ref().map(|(id, _)| *id) != lobby {
            self.waiting = lobby.map(|id| (id, Heartbeat::new(now)));
        }
    }

    pub(super) fn with_call(&self, id: LineId, then: impl FnOnce(&Call, &Hello)) {
        if let Some(call) = self.calls.get(&id) {
            then(call, &self.hello);
        }
    }

    /// The call that carries sound.
    pub(super) fn line(&self) -> Option<&Call> {
        self.calls.get(&self.session.line()?)
    }

    /// Keeps to what the meeting may cost, by whichever way it goes.
    fn spend(&mut self, now: Instant) {
        let mut max_kbps = self.max_kbps;
        if let Some(budget) = &mut self.budget {
            let (used, max) = (self.figures.bytes(), budget.max_bytes());
            if let Some(news) = budget.handle_used(now, used) {
                (self.say)(&Message::Budget { news, used, max });
                // What is left is for words.
                self.missed.set_fetches(false);
            }
            max_kbps = budget.max_kbps();
        }
        if self.line().and_then(Call::path) == Some(Path::Tcp) {
            max_kbps = RungId::tunnelled(RungId::cap(max_kbps)).bps() / 1000;
        }
        if max_kbps != self.hello.max_kbps {
            self.hello.max_kbps = max_kbps;
            self.uplink.set_cap(now, RungId::cap(max_kbps));
            self.figures.set_asked(RungId::for_cap(max_kbps));
            if let Some(call) = self.line() {
                call.send(SetCap { max_kbps }.into());
            }
        }
    }

    fn count(&mut self, now: Instant) -> Stats {
        self.calls.retain(|_, call| {
            if call.is_finished() {
                self.figures.retire(call.traffic());
            }
            !call.is_finished()
        });
        let stats = self.figures.read(
            now,
            &Seen {
                session: &self.session,
                roster: &self.roster,
                bar: self.bar,
                uplink: &self.uplink,
                downlink: &self.downlink,
                heartbeat: self.heartbeat.as_ref(),
                cleaner: &self.cleaner,
                source: &*self.source,
                sink: &*self.sink,
                dropped: self.caller.dropped(),
                path: self.line().and_then(Call::path),
                traffic: self.calls.values().map(Call::traffic).collect(),
                max_bytes: self.budget.as_ref().map(Budget::max_bytes),
            },
        );
        (self.stats)(&stats);
        stats
    }

    /// Completes the output, says good-bye, and waits until nothing is left.
    pub(super) async fn wind_up(mut self, ending: Ending) -> Outcome {
        if matches!(ending, Ending::Sound(_)) {
            self.session.handle_stop(clock::now());
        }
        self.act(clock::now());
        let finished = self.sink.finish();
        let mut ending = match (ending, finished) {
            (Ending::Session(_), Err(error)) => Ending::Sound(error),
            (ending, _) => ending,
        };
        // Calls that nobody asked to leave have nothing to say.
        let leaving = self.calls.values_mut();
        let all = async {
            for call in leaving {
                call.finished().await;
            }
        };
        // Their last events go nowhere, and must not wait for room.
        self.events.close();
        let _ = tokio::time::timeout(END_WITHIN, all).await;
        let stats = self.count(clock::now());
        (self.say)(&match &mut ending {
            Ending::Session(end) => Message::End(*end, &self.host),
            Ending::Sound(error) => Message::Sound(error),
            Ending::Codec(error) => Message::Fault(error),
        });
        Outcome { ending, stats: Some(stats) }
    }
}
