//! A bridge whose every answer is the test's.

use giaoban_client::voice::Heartbeat;
use giaoban_proto::pin::{self, Challenge, EXPORTER_LABEL};
use giaoban_proto::testing::{VirtualNet, now, quic};
use giaoban_proto::transport::{Identity, ResetKey, server_config};
use giaoban_proto::wire::{
    Act, ActCode, ClientMessage, CloseCode, Datagram, Done, Framer, Hello, InLobby, Lobby, Meeting, OBSERVES,
    PinChallenge, Report, Roster, Seat, ServerMessage, SiteRole, VERSION, Waiting, Welcome,
    client_message::Body, frame, server_message,
};
use quinn::{Connection, Endpoint};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::broadcast;

pub(crate) const BRIDGE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// How long quinn keeps the socket of connections that were dropped, on a line that is gone.
pub(crate) const FREED_AFTER: Duration = Duration::from_secs(6);

/// The PIN of the meeting.
pub(crate) const PIN: &str = "12345678";

/// What a bridge does with a hello.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Door {
    Open,
    /// Lets in with this role; who observes is shown a room and a lobby, and has its acts done.
    As(SiteRole),
    Refuse(CloseCode),
    /// Answers the handshake and nothing else; an act neither.
    Mute,
    /// Lets in, and has more to tell to whoever leaves, for half a second.
    Chatty,
    /// Takes guests into the lobby who prove the PIN. What becomes of them the test tells.
    Lobby,
    /// Poses as such a bridge, and does not know the PIN.
    False(Lie),
}

/// What a false bridge tries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lie {
    /// Leaves the PIN out.
    Welcome,
    /// Takes the guest's proof for right, and goes on as if its own were.
    WelcomeAfterProof,
    /// Makes up a proof.
    Proof,
}

/// What the bridge saw.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) hellos: Vec<Hello>,
    /// When, and whether off.
    pub(crate) mutes: Vec<(Instant, bool)>,
    pub(crate) caps: Vec<(Instant, u32)>,
    pub(crate) voices: u64,
    pub(crate) reports: Vec<(Instant, Report)>,
    /// Guests' proofs, and whether they were right.
    pub(crate) proofs: Vec<bool>,
    pub(crate) acts: Vec<Act>,
    /// Of each connection that was closed: the code, and whether a leave came before.
    pub(crate) left: Vec<(Option<u64>, bool)>,
}

pub(crate) struct Bridge {
    pub(crate) log: Arc<Mutex<Log>>,
    endpoint: Endpoint,
    connections: Arc<Mutex<Vec<Connection>>>,
    words: broadcast::Sender<ServerMessage>,
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
        let words = broadcast::Sender::new(64);
        let task = tokio::spawn({
            let (endpoint, log, words) = (endpoint.clone(), Arc::clone(&log), words.clone());
            let connections = Arc::clone(&connections);
            async move {
                let mut peers = tokio::task::JoinSet::new();
                while let Some(incoming) = endpoint.accept().await {
                    let (log, connections) = (Arc::clone(&log), Arc::clone(&connections));
                    let words = words.subscribe();
                    peers.spawn(async move {
                        if let Ok(connection) = incoming.await {
                            connections.lock().unwrap().push(connection.clone());
                            let mut peer = Peer::new(&connection, &log, door);
                            peer.serve(words).await;
                            let left = peer.left;
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
        Self { log, endpoint, connections, words, task }
    }

    /// Power off: nothing is said to anybody. Its address is free again after [`FREED_AFTER`].
    pub(crate) fn kill(self) {
        self.task.abort();
    }

    /// Says this to everybody.
    pub(crate) fn tell(&self, message: impl Into<ServerMessage>) {
        self.words.send(message.into()).unwrap();
    }

    /// Lets everybody in who waits.
    pub(crate) fn let_in(&self) {
        for message in welcome("Khách", SiteRole::Participant) {
            self.tell(message);
        }
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

/// A seat that is nothing special.
pub(crate) fn seat(member: u64, name: &str) -> Seat {
    Seat { member, name: name.into(), role: SiteRole::Participant.code(), ..Seat::default() }
}

/// What a bridge says to whoever comes in.
pub(crate) fn welcome(name: &str, role: SiteRole) -> [ServerMessage; 2] {
    let welcome = Welcome {
        version: VERSION,
        member: 7,
        room: "giaoban".into(),
        name: name.into(),
        role: role.code(),
        ..Welcome::default()
    };
    let seats = vec![seat(3, "Châu Bình"), Seat { role: role.code(), ..seat(7, name) }];
    [welcome.into(), Roster { seats, gone: vec![] }.into()]
}

/// One connection.
struct Peer<'a> {
    connection: &'a Connection,
    log: &'a Mutex<Log>,
    door: Door,
    heartbeat: Option<Heartbeat>,
    challenge: Option<Challenge>,
    left: bool,
}

impl<'a> Peer<'a> {
    fn new(connection: &'a Connection, log: &'a Mutex<Log>, door: Door) -> Self {
        Self { connection, log, door, heartbeat: None, challenge: None, left: false }
    }

    async fn serve(&mut self, mut words: broadcast::Receiver<ServerMessage>) -> Option<()> {
        let (mut sender, mut receiver) = self.connection.accept_bi().await.ok()?;
        let (mut framer, mut buffer) = (Framer::default(), [0; 1024]);
        loop {
            let far = || now() + Duration::from_secs(3600);
            let due = self.heartbeat.as_ref().map_or_else(far, Heartbeat::poll_timeout);
            tokio::select! {
                biased;
                read = receiver.read(&mut buffer) => {
                    framer.push(&buffer[..read.ok()??]);
                    while let Some(message) = framer.poll::<ClientMessage>().unwrap() {
                        for answer in self.answer(message.body.unwrap()) {
                            self.say(&mut sender, &answer).await?;
                        }
                        if self.left {
                            return self.part(&mut sender).await;
                        }
                    }
                }
                Ok(message) = words.recv() => self.say(&mut sender, &message).await?,
                datagram = self.connection.read_datagram() => self.hear(&datagram.ok()?),
                () = tokio::time::sleep_until(due.into()) => {
                    // A bridge does not hurry.
                    let heartbeat = self.heartbeat.as_mut()?;
                    heartbeat.handle_heard(now());
                    if let Some(report) = heartbeat.poll_report(now(), Report::default) {
                        self.connection.send_datagram(report.encode().to_vec().into()).ok()?;
                    }
                }
            }
        }
    }

    async fn say(&mut self, sender: &mut quinn::SendStream, message: &ServerMessage) -> Option<()> {
        if let Some(server_message::Body::Welcome(_)) = message.body {
            self.heartbeat = Some(Heartbeat::new(now()));
        }
        sender.write_all(&frame(message)).await.ok()
    }

    fn answer(&mut self, said: Body) -> Vec<ServerMessage> {
        let mut log = self.log.lock().unwrap();
        match said {
            Body::Hello(hello) => {
                log.hellos.push(hello.clone());
                drop(log);
                self.answer_hello(&hello)
            }
            Body::SetMuted(set) => {
                log.mutes.push((now(), set.muted));
                vec![]
            }
            Body::SetCap(set) => {
                log.caps.push((now(), set.max_kbps));
                vec![]
            }
            Body::PinProof(proof) => {
                let answer = self.challenge.take().expect("a challenge came before").check(&proof.proof);
                log.proofs.push(answer.is_ok());
                match (self.door, answer) {
                    (Door::Lobby, Ok(proof)) => vec![InLobby { proof }.into()],
                    (Door::False(Lie::Proof), _) => vec![InLobby { proof: vec![7; 32] }.into()],
                    (Door::False(_), _) => welcome("Khách", SiteRole::Participant).into(),
                    _ => {
                        self.close(CloseCode::WrongPin);
                        vec![]
                    }
                }
            }
            Body::Act(act) => {
                log.acts.push(act.clone());
                if matches!(self.door, Door::Mute) {
                    return vec![];
                }
                let known = !matches!(act.what, Some(giaoban_proto::wire::act::What::Expel(_)));
                let code = if known { ActCode::Done } else { ActCode::NobodyThere };
                vec![Done { number: act.number, code: code.code() }.into()]
            }
            Body::Leave(_) => {
                self.left = true;
                vec![]
            }
            Body::Check(_) | Body::CheckEnd(_) | Body::Fetch(_) | Body::Got(_) => {
                panic!("a client that joins checks nothing")
            }
        }
    }

    fn answer_hello(&mut self, hello: &Hello) -> Vec<ServerMessage> {
        match self.door {
            Door::As(role) if hello.capabilities & OBSERVES != 0 => {
                let [_, list] = welcome("xã Tri Lễ", SiteRole::Participant);
                let welcome = Welcome { version: VERSION, role: role.code(), ..Welcome::default() };
                let waiting = vec![Waiting { member: 9, name: "Bác sĩ Lan".into() }];
                let meeting = Meeting { mode: 1, ..Meeting::default() };
                vec![welcome.into(), meeting.into(), list, Lobby { waiting, gone: vec![] }.into()]
            }
            Door::Open | Door::Chatty => welcome(&format!("xã {}", hello.name), SiteRole::Participant).into(),
            Door::As(role) => welcome("xã Tri Lễ", role).into(),
            Door::Refuse(code) => {
                self.close(code);
                vec![]
            }
            Door::Mute => vec![],
            Door::False(Lie::Welcome) => welcome("Khách", SiteRole::Participant).into(),
            Door::Lobby | Door::False(_) => {
                let pin = if matches!(self.door, Door::Lobby) { PIN } else { "87654321" };
                let mut binding = pin::Binding::default();
                self.connection.export_keying_material(&mut binding, EXPORTER_LABEL, &[]).unwrap();
                let pin = pin.parse().unwrap();
                let (challenge, exchange) =
                    pin::challenge(&pin, &hello.room, &hello.guest, &binding).expect("an exchange");
                self.challenge = Some(challenge);
                vec![PinChallenge { exchange }.into()]
            }
        }
    }

    fn hear(&mut self, bytes: &bytes::Bytes) {
        match Datagram::decode(bytes).unwrap() {
            Datagram::Voice(_) => {
                self.log.lock().unwrap().voices += 1;
                let _ = self.connection.send_datagram(bytes.clone());
            }
            Datagram::Report(report) => {
                self.log.lock().unwrap().reports.push((now(), report));
                if let Some(heartbeat) = &mut self.heartbeat {
                    heartbeat.handle_report(now(), &report);
                }
            }
            // This bridge keeps nothing to send again.
            Datagram::Ask(_) => {}
        }
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.handle_heard(now());
        }
    }

    /// It said good-bye.
    async fn part(&mut self, sender: &mut quinn::SendStream) -> Option<()> {
        if matches!(self.door, Door::Chatty) {
            let roster = Roster { seats: vec![seat(4, "Tri Lễ")], gone: vec![] };
            sender.write_all(&frame(&ServerMessage::from(roster))).await.ok()?;
            let more = Duration::from_millis(500);
            if tokio::time::timeout(more, self.connection.closed()).await.is_ok() {
                return None;
            }
        }
        self.close(CloseCode::Bye);
        Some(())
    }

    fn close(&self, code: CloseCode) {
        self.connection.close(code.code().into(), code.text().as_bytes());
    }
}

/// The address of the bridge, as the network names it.
pub(crate) fn bridge() -> SocketAddr {
    (BRIDGE, 4646).into()
}
