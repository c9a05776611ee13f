//! The loop itself: what comes in, what is due, and the end.

use super::figures::{Figures, Seen};
use super::{Client, Command, Ending, OnMessage, OnStats, Outcome};
use crate::audio::{AudioError, Input, Polled, Sink, Source};
use crate::clock;
use crate::net::{Call, Caller, EVENTS, Event};
use crate::roster::{News, Roster};
use crate::session::{Action, LineId, Loss, Notice, Session};
use crate::stats::Stats;
use crate::voice::{Downlink, Heard, Heartbeat, Uplink};
use crate::words::Message;
use giaoban_proto::media::Pcm;
use giaoban_proto::media::codec::CodecError;
use giaoban_proto::media::ladder::{Role, RungId};
use giaoban_proto::media::rate;
use giaoban_proto::wire::{
    CAPABILITIES, CloseCode, Hello, MAX_ASK_BYTES, Report, ServerMessage, SetMuted, VERSION, Welcome,
    server_message::Body,
};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Bricks handled in a row before anything else gets its turn: 2 s of them, when the machine was held up.
const BRICKS_AT_ONCE: usize = 100;

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
    hello: Hello,
    host: String,
    leave_at: Option<Instant>,
    session: Session,
    roster: Roster,
    uplink: Uplink,
    downlink: Downlink,
    heartbeat: Option<Heartbeat>,
    source: Box<dyn Source>,
    sink: Box<dyn Sink>,
    caller: Caller,
    calls: BTreeMap<LineId, Call>,
    events: mpsc::Receiver<Event>,
    commands: mpsc::Receiver<Command>,
    commands_open: bool,
    /// The name that the bridge gave this site, and whether the person was told that it is in.
    name: String,
    greeted: bool,
    /// What the last hello said of the microphone.
    muted_in_hello: bool,
    microphone_gone: bool,
    loudspeaker_gone: bool,
    /// The queue on the way from the bridge that the last report told of.
    queue_told: Duration,
    figures: Figures,
    stats: OnStats,
    say: OnMessage,
}

impl Engine {
    /// Before the first round.
    pub(super) fn new(now: Instant, client: Client, doors: Doors) -> Self {
        let (events_out, events) = mpsc::channel(EVENTS);
        let Client { link, identity, name, max_kbps, muted, duration, source, sink, network, .. } = client;
        let Doors { uplink, downlink } = doors;
        Self {
            hello: Hello {
                version: VERSION,
                capabilities: CAPABILITIES,
                software: concat!("giaoban ", env!("CARGO_PKG_VERSION")).into(),
                room: link.room.as_str().into(),
                name: name.clone(),
                code: link.code.map(|code| code.as_bytes().to_vec()).unwrap_or_default(),
                max_kbps,
                muted,
                ..Hello::default()
            },
            host: format!("{}:{}", link.host, link.port),
            leave_at: duration.and_then(|duration| now.checked_add(duration)),
            session: Session::new(now),
            roster: Roster::default(),
            uplink,
            downlink,
            heartbeat: None,
            source,
            sink,
            caller: Caller::new(link, identity, network, events_out),
            calls: BTreeMap::new(),
            events,
            commands: client.commands,
            commands_open: true,
            name,
            greeted: false,
            muted_in_hello: muted,
            microphone_gone: false,
            loudspeaker_gone: false,
            queue_told: Duration::ZERO,
            figures: Figures::new(now, client.unix_start, RungId::for_cap(max_kbps)),
            stats: client.stats,
            say: client.say,
        }
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
        self.play(now)?;
        self.speak(now)?;
        self.repair(now);
        self.beat(now);
        if self.figures.is_due(now) {
            self.watch_devices();
            self.count(now);
        }
        Ok(())
    }

    fn next_due(&self, now: Instant) -> Instant {
        let sound = self.source.next_due(now).min(self.sink.next_due(now)).min(self.figures.next_due());
        let heartbeat = self.heartbeat.as_ref().map(Heartbeat::poll_timeout);
        [heartbeat, self.session.poll_timeout(), self.leave_at]
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
            Command::Mute(muted) if muted != self.uplink.is_muted() => {
                self.uplink.set_muted(muted);
                self.hello.muted = muted;
                (self.say)(if muted { &Message::Muted } else { &Message::Unmuted });
                if let Some(call) = self.line() {
                    call.send(SetMuted { muted }.into());
                }
            }
            Command::Mute(_) => {}
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
            Event::Message { id, message } => self.handle_message(now, id, message),
            Event::Datagram { id, at, bytes } => self.handle_datagram(at, id, &bytes),
            Event::Lost { id, loss } => self.session.handle_lost(now, id, loss),
        }
        self.act(now);
    }

    fn handle_message(&mut self, now: Instant, id: LineId, message: ServerMessage) {
        match message.body {
            // No version that was offered.
            Some(Body::Welcome(welcome)) if !(1..=VERSION).contains(&welcome.version) => {
                self.with_call(id, |call, _| call.close(CloseCode::Version));
                self.session.handle_lost(now, id, Loss::Closed(CloseCode::Version));
            }
            Some(Body::Welcome(welcome)) => {
                let before = self.session.line();
                self.session.handle_welcome(now, id);
                if before != Some(id) && self.session.line() == Some(id) {
                    self.enter(welcome);
                }
            }
            Some(Body::Roster(difference)) if self.session.line() == Some(id) => {
                for news in self.roster.handle_difference(now, difference) {
                    match news {
                        News::Here { others } if !self.greeted => {
                            self.greeted = true;
                            let (room, name) = (self.hello.room.as_str(), self.name.as_str());
                            (self.say)(&Message::Joined { room, name, others });
                        }
                        News::Here { .. } => {}
                        News::Came(name) => (self.say)(&Message::Came(&name)),
                        News::Left(name) => (self.say)(&Message::Left(&name)),
                    }
                }
            }
            // Of an old line, or of a newer version.
            // What belongs to a check has no place here.
            Some(
                Body::Roster(_)
                | Body::PinChallenge(_)
                | Body::InLobby(_)
                | Body::Lobby(_)
                | Body::Done(_)
                | Body::Standing(_)
                | Body::Notice(_)
                | Body::CheckReady(_)
                | Body::CheckResult(_),
            )
            | None => {}
        }
    }

    fn enter(&mut self, welcome: Welcome) {
        self.roster.start(welcome.member);
        self.name = welcome.name;
        if self.hello.muted && !self.greeted {
            (self.say)(&Message::Muted);
        }
    }

    fn handle_datagram(&mut self, at: Instant, id: LineId, bytes: &[u8]) {
        if self.session.line() != Some(id) {
            return;
        }
        self.session.handle_heard(at, id);
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
                    self.muted_in_hello = self.hello.muted;
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
                    let muted = self.uplink.is_muted();
                    if muted != self.muted_in_hello {
                        self.with_call(id, |call, _| call.send(SetMuted { muted }.into()));
                    }
                }
                Action::Notice(notice) => (self.say)(&match notice {
                    Notice::Connecting => Message::Connecting { host: &self.host },
                    Notice::Lost => Message::Lost,
                    Notice::Back => Message::Back,
                }),
            }
        }
        if self.session.line().is_none() {
            // Without a line there is nothing to beat for, and what is due for ever would never let this loop sleep.
            self.heartbeat = None;
        }
    }

    fn with_call(&self, id: LineId, then: impl FnOnce(&Call, &Hello)) {
        if let Some(call) = self.calls.get(&id) {
            then(call, &self.hello);
        }
    }

    /// The call that carries sound.
    fn line(&self) -> Option<&Call> {
        self.calls.get(&self.session.line()?)
    }

    fn speak(&mut self, now: Instant) -> Result<(), AudioError> {
        let mut brick = Pcm::SILENCE;
        for _ in 0..BRICKS_AT_ONCE {
            match self.source.poll(now, &mut brick)? {
                Polled::Brick => {}
                Polled::NotYet => break,
                Polled::Ended => {
                    (self.say)(&Message::InputEnded);
                    self.source = Input::Silence.open(now)?;
                    continue;
                }
            }
            let Some(datagram) = self.uplink.push(now, &brick) else { continue };
            let line = self.session.line().and_then(|id| self.calls.get(&id));
            if line.is_some_and(|call| call.send_datagram(datagram)) {
                self.figures.count_sent();
            }
        }
        Ok(())
    }

    fn play(&mut self, now: Instant) -> Result<(), AudioError> {
        let mut brick = Pcm::SILENCE;
        for _ in 0..BRICKS_AT_ONCE {
            if !self.sink.wants(now) {
                break;
            }
            self.downlink.pull(now, &mut brick);
            self.sink.write(&brick)?;
        }
        Ok(())
    }

    /// Asks for what is lost on the way here, and sends again what was lost on the way there.
    fn repair(&mut self, now: Instant) {
        let Some(heartbeat) = &self.heartbeat else { return };
        let role = if self.uplink.takes_part(now) { Role::Conversing } else { Role::Listening };
        self.downlink.set_role(role, heartbeat.round_trip());
        let Some(call) = self.session.line().and_then(|id| self.calls.get(&id)) else { return };
        while let Some(datagram) = self.uplink.poll_again(now) {
            call.send_datagram(datagram);
        }
        if let Some(ask) = self.downlink.poll_ask(now) {
            call.send_datagram(ask.encode(&mut [0; MAX_ASK_BYTES]));
        }
    }

    fn beat(&mut self, now: Instant) {
        let Some(heartbeat) = &mut self.heartbeat else { return };
        let Some(call) = self.session.line().and_then(|id| self.calls.get(&id)) else { return };
        heartbeat.set_unsettled(call.unsettled() && !self.uplink.is_speaking());
        // A queue that grows on the way here is worth telling at once: the bridge then sends less.
        let queue = self.downlink.queue();
        let alarm = rate::is_alarm(queue, self.queue_told);
        heartbeat.set_hurry(if alarm { Some(now) } else { self.uplink.report_due() });
        let report = heartbeat.poll_report(now, || {
            let mut microphone = self.uplink.microphone();
            microphone.missing = self.source.health().missing;
            // A file, or nothing at all, may be silent for as long as it likes.
            microphone.dead &= self.source.is_device();
            Report {
                level: self.uplink.reported_level(),
                microphone,
                next: self.uplink.next_number(),
                ..self.downlink.report(now)
            }
        });
        if let Some(report) = report {
            self.queue_told = queue;
            self.uplink.reported(now);
            call.send_datagram(&report.encode());
        }
    }

    fn watch_devices(&mut self) {
        let gone = self.source.health().missing;
        if gone != std::mem::replace(&mut self.microphone_gone, gone) {
            (self.say)(if gone { &Message::MicrophoneGone } else { &Message::MicrophoneBack });
        }
        let gone = self.sink.health().missing;
        if gone != std::mem::replace(&mut self.loudspeaker_gone, gone) {
            (self.say)(if gone { &Message::LoudspeakerGone } else { &Message::LoudspeakerBack });
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
                uplink: &self.uplink,
                downlink: &self.downlink,
                heartbeat: self.heartbeat.as_ref(),
                source: &*self.source,
                sink: &*self.sink,
                dropped: self.caller.dropped(),
                path: self.line().and_then(Call::path),
                traffic: self.calls.values().map(Call::traffic).collect(),
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
