//! A client on the virtual network, and a bridge that has one room, says its own lines by the book, and sends
//! everybody's voice back to where it came from.

use giaoban_client::audio::{AudioError, Polled, Sink, Source};
use giaoban_client::engine::{Client, Command, Outcome};
use giaoban_client::stats::Stats;
use giaoban_client::testing::Site;
use giaoban_client::voice::Heartbeat;
use giaoban_client::words::Lang;
use giaoban_proto::link::{Fingerprint, Link};
use giaoban_proto::media::Pcm;
use giaoban_proto::testing::{VirtualNet, now, quic};
use giaoban_proto::transport::{Identity, ResetKey, server_config};
use giaoban_proto::unit::{BRICK, BRICK_SAMPLES};
use giaoban_proto::wire::{
    ClientMessage, CloseCode, Datagram, Framer, Hello, Report, Roster, Seat, ServerMessage, VERSION, Welcome,
    client_message::Body, frame,
};
use quinn::{Connection, Endpoint};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

pub(crate) const BRIDGE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(crate) const SITE: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 1);

/// What a bridge does with a hello.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Door {
    Open,
    Refuse(CloseCode),
    /// Answers the handshake and nothing else.
    Mute,
    /// Lets in, and has more to tell to whoever leaves, for half a second.
    Chatty,
}

/// What the bridge saw.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) hellos: Vec<Hello>,
    /// When, and whether off.
    pub(crate) mutes: Vec<(Instant, bool)>,
    pub(crate) voices: u64,
    pub(crate) reports: Vec<(Instant, Report)>,
    /// Of each connection that was closed: the code, and whether a leave came before.
    pub(crate) left: Vec<(Option<u64>, bool)>,
}

pub(crate) struct Bridge {
    pub(crate) log: Arc<Mutex<Log>>,
    endpoint: Endpoint,
    connections: Arc<Mutex<Vec<Connection>>>,
    task: tokio::task::JoinHandle<()>,
}

/// The keys that a bridge keeps when it restarts.
pub(crate) struct Keys {
    pub(crate) identity: Identity,
    reset: ResetKey,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self { identity: Identity::generate().unwrap(), reset: ResetKey::generate().unwrap() }
    }
}

impl Bridge {
    pub(crate) fn start(net: &VirtualNet, keys: &Keys, seed: u64, door: Door) -> Self {
        let mut config = server_config(&keys.identity, &keys.reset).unwrap();
        quic::settle_server(&mut config, seed);
        let endpoint = Endpoint::new_with_abstract_socket(
            quic::server_endpoint_config(seed),
            Some(config),
            net.socket((BRIDGE, 4646).into()),
            Arc::new(quinn::TokioRuntime),
        )
        .unwrap();
        let log = Arc::new(Mutex::new(Log::default()));
        let connections = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn({
            let (endpoint, log) = (endpoint.clone(), Arc::clone(&log));
            let connections = Arc::clone(&connections);
            async move {
                let mut peers = tokio::task::JoinSet::new();
                while let Some(incoming) = endpoint.accept().await {
                    let (log, connections) = (Arc::clone(&log), Arc::clone(&connections));
                    peers.spawn(async move {
                        if let Ok(connection) = incoming.await {
                            connections.lock().unwrap().push(connection.clone());
                            let mut left = false;
                            serve(&connection, &log, door, &mut left).await;
                            let code = match connection.closed().await {
                                quinn::ConnectionError::ApplicationClosed(close) => {
                                    Some(close.error_code.into_inner())
                                }
                                _ => None,
                            };
                            log.lock().unwrap().left.push((code, left));
                        }
                    });
                }
            }
        });
        Self { log, endpoint, connections, task }
    }

    /// Power off: nothing is said to anybody.
    pub(crate) fn kill(self) {
        self.task.abort();
    }

    /// Puts everybody out.
    pub(crate) fn close_all(&self, code: CloseCode) {
        for connection in self.connections.lock().unwrap().iter() {
            connection.close(code.code().into(), code.text().as_bytes());
        }
    }

    /// Tells everybody that it stops.
    pub(crate) fn stop(&self) {
        let code = CloseCode::Stopping;
        self.endpoint.close(code.code().into(), code.text().as_bytes());
    }
}

async fn serve(connection: &Connection, log: &Mutex<Log>, door: Door, left: &mut bool) -> Option<()> {
    let (mut sender, mut receiver) = connection.accept_bi().await.ok()?;
    let (mut framer, mut buffer) = (Framer::default(), [0; 1024]);
    let mut heartbeat: Option<Heartbeat> = None;
    loop {
        let due =
            heartbeat.as_ref().map_or_else(|| now() + Duration::from_secs(3600), Heartbeat::poll_timeout);
        tokio::select! {
            biased;
            read = receiver.read(&mut buffer) => {
                framer.push(&buffer[..read.ok()??]);
                while let Some(message) = framer.poll::<ClientMessage>().unwrap() {
                    match (message.body.unwrap(), door) {
                        (Body::Hello(hello), Door::Open | Door::Chatty) => {
                            let name = format!("xã {}", hello.name);
                            log.lock().unwrap().hellos.push(hello);
                            let welcome = Welcome { version: VERSION, member: 7, room: "giaoban".into(), name, ..Welcome::default() };
                            let seats = [(3, "Châu Bình"), (7, "we")]
                                .map(|(member, name)| Seat { member, name: name.into(), muted: false, ..Seat::default() })
                                .to_vec();
                            let roster = Roster { seats, gone: vec![] };
                            let bytes = [frame(&ServerMessage::from(welcome)), frame(&ServerMessage::from(roster))].concat();
                            sender.write_all(&bytes).await.ok()?;
                            heartbeat = Some(Heartbeat::new(now()));
                        }
                        (Body::Hello(hello), Door::Refuse(code)) => {
                            log.lock().unwrap().hellos.push(hello);
                            connection.close(code.code().into(), code.text().as_bytes());
                        }
                        (Body::Hello(hello), Door::Mute) => log.lock().unwrap().hellos.push(hello),
                        (Body::SetMuted(set), _) => log.lock().unwrap().mutes.push((now(), set.muted)),
                        (Body::Check(_) | Body::CheckEnd(_), _) => panic!("a client that joins checks nothing"),
                        (Body::PinProof(_) | Body::Act(_), _) => panic!("nobody has asked for that"),
                        (Body::Leave(_), _) => {
                            *left = true;
                            if matches!(door, Door::Chatty) {
                                let seat = Seat { member: 4, name: "Tri Lễ".into(), muted: false, ..Seat::default() };
                                let roster = Roster { seats: vec![seat], gone: vec![] };
                                sender.write_all(&frame(&ServerMessage::from(roster))).await.ok()?;
                                let more = Duration::from_millis(500);
                                if tokio::time::timeout(more, connection.closed()).await.is_ok() {
                                    return None;
                                }
                            }
                            connection.close(CloseCode::Bye.code().into(), b"bye");
                        }
                    }
                }
            }
            datagram = connection.read_datagram() => {
                let bytes = datagram.ok()?;
                match Datagram::decode(&bytes).unwrap() {
                    Datagram::Voice(_) => {
                        log.lock().unwrap().voices += 1;
                        connection.send_datagram(bytes.clone()).ok()?;
                    }
                    Datagram::Report(report) => {
                        log.lock().unwrap().reports.push((now(), report));
                        heartbeat.as_mut()?.handle_report(now(), &report);
                    }
                    // This bridge keeps nothing to send again.
                    Datagram::Ask(_) => {}
                }
                heartbeat.as_mut()?.handle_heard(now());
            }
            () = tokio::time::sleep_until(due.into()) => {
                // A bridge does not hurry.
                let heartbeat = heartbeat.as_mut()?;
                heartbeat.handle_heard(now());
                if let Some(report) = heartbeat.poll_report(now(), Report::default) {
                    connection.send_datagram(report.encode().to_vec().into()).ok()?;
                }
            }
        }
    }
}

/// What a client under test said and heard.
#[derive(Clone, Default)]
pub(crate) struct Ears {
    pub(crate) heard: Arc<Mutex<Vec<f32>>>,
    pub(crate) said: Arc<Mutex<Vec<String>>>,
    pub(crate) stats: Arc<Mutex<Vec<Stats>>>,
    /// Times that the loop looked at its source.
    pub(crate) polls: Arc<Mutex<u64>>,
    pub(crate) finished: Arc<Mutex<bool>>,
}

impl Ears {
    pub(crate) fn words(&self) -> String {
        self.said.lock().unwrap().join(" | ")
    }
}

pub(crate) struct Speaker {
    samples: Vec<f32>,
    start: Instant,
    bricks: u64,
    polls: Arc<Mutex<u64>>,
}

impl Speaker {
    fn due(&self, brick: u64) -> Instant {
        self.start + BRICK * u32::try_from(brick).unwrap()
    }
}

impl Source for Speaker {
    fn poll(&mut self, now: Instant, brick: &mut Pcm) -> Result<Polled, AudioError> {
        *self.polls.lock().unwrap() += 1;
        if now < self.next_due(now) {
            return Ok(Polled::NotYet);
        }
        let from = self.bricks as usize * BRICK_SAMPLES;
        let Some(samples) = self.samples.get(from..from + BRICK_SAMPLES) else { return Ok(Polled::Ended) };
        brick.samples_mut().copy_from_slice(samples);
        self.bricks += 1;
        Ok(Polled::Brick)
    }

    fn next_due(&self, _now: Instant) -> Instant {
        self.due(self.bricks + 1)
    }
}

struct Recorder {
    start: Instant,
    bricks: u64,
    ears: Ears,
    /// Fails at this brick, as a full disk does.
    full_at: Option<u64>,
}

impl Sink for Recorder {
    fn wants(&mut self, now: Instant) -> bool {
        now >= self.next_due(now)
    }

    fn next_due(&self, _now: Instant) -> Instant {
        self.start + BRICK * u32::try_from(self.bricks).unwrap()
    }

    fn write(&mut self, brick: &Pcm) -> Result<(), AudioError> {
        if self.full_at == Some(self.bricks) {
            return Err(AudioError::Full { path: "heard.wav".into() });
        }
        self.bricks += 1;
        self.ears.heard.lock().unwrap().extend_from_slice(brick.samples());
        Ok(())
    }

    fn position(&self) -> Duration {
        BRICK * u32::try_from(self.bricks).unwrap()
    }

    fn finish(&mut self) -> Result<(), AudioError> {
        *self.ears.finished.lock().unwrap() = true;
        Ok(())
    }
}

/// How a client under test is set up.
pub(crate) struct Setup {
    pub(crate) key: Fingerprint,
    pub(crate) host: &'static str,
    pub(crate) speech: Vec<f32>,
    pub(crate) max_kbps: u32,
    pub(crate) muted: bool,
    pub(crate) duration: Option<Duration>,
    pub(crate) full_at: Option<u64>,
    pub(crate) seed: u64,
}

impl Setup {
    pub(crate) fn new(keys: &Keys) -> Self {
        Self {
            key: keys.identity.fingerprint(),
            host: "10.0.0.1",
            speech: Vec::new(),
            max_kbps: 24,
            muted: false,
            duration: None,
            full_at: None,
            seed: 1,
        }
    }
}

pub(crate) struct Running {
    pub(crate) ears: Ears,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) site: Arc<Site>,
    task: tokio::task::JoinHandle<Outcome>,
}

impl Running {
    pub(crate) fn start(net: &VirtualNet, setup: Setup) -> Self {
        let ears = Ears::default();
        let (commands, commands_in) = mpsc::channel(4);
        let site = Site::new(net, SITE, setup.seed);
        let start = now();
        let link = format!("giaoban://{}:4646/giaoban?k={}", setup.host, setup.key);
        let source = Speaker { samples: setup.speech, start, bricks: 0, polls: Arc::clone(&ears.polls) };
        let sink = Recorder { start, bricks: 0, ears: ears.clone(), full_at: setup.full_at };
        let (stats, said) = (Arc::clone(&ears.stats), Arc::clone(&ears.said));
        let client = Client {
            link: link.parse::<Link>().unwrap(),
            identity: Identity::generate().unwrap(),
            name: "Tri Lễ".into(),
            max_kbps: setup.max_kbps,
            muted: setup.muted,
            duration: setup.duration,
            source: Box::new(source),
            sink: Box::new(sink),
            network: Arc::clone(&site) as _,
            commands: commands_in,
            stats: Box::new(move |line| stats.lock().unwrap().push(line.clone())),
            say: Box::new(move |message| said.lock().unwrap().push(message.text(Lang::En))),
            unix_start: Duration::from_secs(1_767_225_600),
        };
        Self { ears, commands, site, task: tokio::spawn(client.run()) }
    }

    pub(crate) async fn end(self) -> (Outcome, Ears) {
        (self.task.await.unwrap(), self.ears)
    }

    pub(crate) async fn stop(self) -> (Outcome, Ears) {
        self.commands.send(Command::Stop).await.unwrap();
        self.end().await
    }

    pub(crate) fn state(&self) -> &'static str {
        self.ears.stats.lock().unwrap().last().map_or("none", |line| line.state)
    }
}

/// The address of the bridge, as the network names it.
pub(crate) fn bridge() -> SocketAddr {
    (BRIDGE, 4646).into()
}
