//! Connections to the bridge: one task for each, from its first packet to its last.
//!
//! ```text
//! engine --Order--> call task { resolve, dial, then read } --Event--> engine
//!    |                                                                            ^
//!    +---- send_datagram, straight to quinn ----      control messages, datagrams-+
//! ```
//!
//! A shell: quinn's types live here and nothing is decided here. Channels are bounded; a datagram that nobody takes
//! in time is counted and dropped, a control message waits.

mod dial;

use crate::clock;
use crate::session::{LineId, Loss};
use bytes::Bytes;
pub use dial::TcpPorts;
use dial::{Dialled, Meters, dial};
use giaoban_proto::link::Link;
use giaoban_proto::transport::tunnel::{ByteStream, tune};
use giaoban_proto::transport::{
    Acks, BindError, ClientEnd, Identity, Lost, Meter, Path, Road, Traffic, Tunnel, bind_client,
    bind_client_over,
};
use giaoban_proto::wire::{ClientMessage, CloseCode, Framer, Leave, MAX_CONTROL_BYTES, ServerMessage, frame};
use quinn::{Connection, RecvStream, SendStream, VarInt};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep_until, timeout};

/// Orders that may wait for one call: a person does not switch the microphone this often.
const ORDERS: usize = 16;

/// Events that may wait for the engine, over all calls: some seconds of voice, what comes at once when a link
/// wakes up. More only delays the moment at which too much is dropped.
pub(crate) const EVENTS: usize = 256;

/// Control bytes that may wait for a bridge that does not take them. Two of the longest messages.
const MAX_UNSENT: usize = 2 * MAX_CONTROL_BYTES;

/// How long good-bye may take: a second of round trip and one repetition. Longer keeps a person waiting for a
/// prompt, shorter leaves a seat that the bridge believes in until its idle timeout.
const GOOD_BYE: Duration = Duration::from_secs(2);

/// How long a closed connection may still say so to a bridge that goes on sending.
const LINGER: Duration = Duration::from_millis(300);

/// Where a client's endpoints come from: the system, or a test's network.
pub trait Network: Send + Sync {
    /// A fresh end from which to call `remote`. Called once for each attempt, inside tokio.
    ///
    /// # Errors
    /// When there is no socket; the attempt then fails, and another follows.
    fn bind(&self, remote: SocketAddr) -> Result<ClientEnd, BindError>;

    /// A fresh end from which to call `remote` through a tunnel to it.
    ///
    /// # Errors
    /// As [`Network::bind`].
    fn bind_over(&self, tunnel: Tunnel, remote: SocketAddr) -> Result<ClientEnd, BindError>;

    /// A stream to `to`, for a tunnel.
    fn stream(&self, to: SocketAddr) -> Streaming;

    /// Where tunnels are tried.
    fn tcp_ports(&self) -> TcpPorts;

    /// Changes a connection's setting before use; nothing by default.
    fn settle(&self, _config: &mut quinn::ClientConfig) {}
}

/// A stream that is being opened.
pub type Streaming = Pin<Box<dyn Future<Output = io::Result<Box<dyn ByteStream>>> + Send>>;

/// The system's network: UDP, and TCP where that does not get through.
#[derive(Clone, Debug, Default)]
pub struct System {
    /// Where tunnels are tried.
    pub tcp_ports: TcpPorts,
}

impl Network for System {
    fn bind(&self, remote: SocketAddr) -> Result<ClientEnd, BindError> {
        bind_client(remote)
    }

    fn bind_over(&self, tunnel: Tunnel, remote: SocketAddr) -> Result<ClientEnd, BindError> {
        bind_client_over(tunnel, remote)
    }

    fn stream(&self, to: SocketAddr) -> Streaming {
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect(to).await?;
            tune(&stream);
            Ok(Box::new(stream) as Box<dyn ByteStream>)
        })
    }

    fn tcp_ports(&self) -> TcpPorts {
        self.tcp_ports.clone()
    }
}

/// What happened on a call.
#[derive(Debug)]
pub(crate) enum Event {
    /// The handshake is done and the control stream open.
    Connected { id: LineId, connection: Connection },
    /// A control message.
    Message { id: LineId, message: ServerMessage },
    /// A datagram, and when it came.
    Datagram { id: LineId, at: Instant, bytes: Bytes },
    /// The call is over. The last of its events.
    Lost { id: LineId, loss: Loss },
}

#[derive(Debug)]
enum Order {
    Send(ClientMessage),
    Close(CloseCode),
    Leave,
}

/// Makes calls.
pub(crate) struct Caller {
    target: Arc<Target>,
    events: mpsc::Sender<Event>,
    dropped: Arc<AtomicU64>,
}

struct Target {
    link: Link,
    identity: Identity,
    network: Arc<dyn Network>,
    /// Which of the host's addresses is called: the next one when this did not answer, the same when it did.
    turn: AtomicUsize,
    /// Whether the last call that was tried did not get through by UDP.
    udp_failed: AtomicBool,
}

impl Caller {
    pub(crate) fn new(
        link: Link,
        identity: Identity,
        network: Arc<dyn Network>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        Self {
            target: Arc::new(Target {
                link,
                identity,
                network,
                turn: AtomicUsize::new(0),
                udp_failed: AtomicBool::new(false),
            }),
            events,
            dropped: Arc::default(),
        }
    }

    /// Begins a call; what comes of it arrives as events.
    pub(crate) fn call(&self, id: LineId) -> Call {
        let (orders, orders_in) = mpsc::channel(ORDERS);
        let (meters, road) = (Meters::default(), Arc::new(OnceLock::new()));
        let task = Task {
            id,
            target: Arc::clone(&self.target),
            events: self.events.clone(),
            dropped: Arc::clone(&self.dropped),
            orders: orders_in,
            meters: meters.clone(),
            road: Arc::clone(&road),
        };
        Call { orders, meters, road, connection: None, acks: None, task: tokio::spawn(task.run()) }
    }

    /// Datagrams that nobody took in time.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// A handle on one call. Dropped, the call ends without a word.
pub(crate) struct Call {
    orders: mpsc::Sender<Order>,
    meters: Meters,
    road: Arc<OnceLock<Road>>,
    connection: Option<Connection>,
    acks: Option<Acks>,
    task: JoinHandle<()>,
}

impl Call {
    /// Voice goes straight to quinn, without a task between.
    pub(crate) fn set_connection(&mut self, connection: Connection) {
        self.acks = Acks::of(&connection);
        self.connection = Some(connection);
    }

    /// Whether control was sent that the bridge has not acknowledged: see [`Acks::unsettled`].
    pub(crate) fn unsettled(&self) -> bool {
        self.acks.as_ref().is_some_and(Acks::unsettled)
    }

    /// Sends a datagram now or never; whether quinn took it. A full queue drops its oldest.
    pub(crate) fn send_datagram(&self, bytes: &[u8]) -> bool {
        let Some(connection) = &self.connection else { return false };
        connection.send_datagram(Bytes::copy_from_slice(bytes)).is_ok()
    }

    /// Sends a control message. A call that takes no more of them is ended.
    pub(crate) fn send(&self, message: ClientMessage) {
        self.order(Order::Send(message));
    }

    /// Ends the call at once.
    pub(crate) fn close(&self, code: CloseCode) {
        self.order(Order::Close(code));
    }

    /// Says good-bye, and ends the call when the bridge has heard it or time is up.
    pub(crate) fn leave(&self) {
        self.order(Order::Leave);
    }

    /// What its sockets have carried.
    pub(crate) fn traffic(&self) -> Traffic {
        self.meters.all().map(Meter::read).fold(Traffic::default(), |sum, traffic| sum + traffic)
    }

    /// Which way it goes, once it stands.
    pub(crate) fn path(&self) -> Option<Path> {
        self.road.get().map(Road::path)
    }

    /// Whether nothing of it is left.
    pub(crate) fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Until nothing of it is left.
    pub(crate) async fn finished(&mut self) {
        // A task that panicked is finished too.
        let _ = (&mut self.task).await;
    }

    fn order(&self, order: Order) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.orders.try_send(order) {
            self.task.abort();
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Task {
    id: LineId,
    target: Arc<Target>,
    events: mpsc::Sender<Event>,
    dropped: Arc<AtomicU64>,
    orders: mpsc::Receiver<Order>,
    meters: Meters,
    road: Arc<OnceLock<Road>>,
}

/// How a call came to its end.
enum Over {
    /// It was ended from here.
    Ended,
    /// It was lost.
    Lost(Loss),
}

impl Task {
    async fn run(mut self) {
        let loss = match self.live().await {
            Over::Ended => Loss::Broken,
            Over::Lost(loss) => loss,
        };
        // The engine may be gone already.
        let _ = self.events.send(Event::Lost { id: self.id, loss }).await;
    }

    async fn live(&mut self) -> Over {
        let target = Arc::clone(&self.target);
        let dialled = tokio::select! {
            biased;
            () = ended(&mut self.orders) => Err(Over::Ended),
            dialled = call(&target, &self.meters) => dialled.map_err(Over::Lost),
        };
        let Dialled { endpoint, connection, road } = match dialled {
            Ok(dialled) => dialled,
            Err(over) => {
                target.turn.fetch_add(1, Ordering::Relaxed);
                return over;
            }
        };
        // The first: a call is dialled once.
        let _ = self.road.set(road.clone());
        let over = self.talk(&connection, &road).await;
        if connection.close_reason().is_none() {
            close(&connection, CloseCode::Bye);
        }
        if matches!(over, Over::Ended) {
            let _ = timeout(LINGER, endpoint.wait_idle()).await;
        }
        over
    }

    async fn talk(&mut self, connection: &Connection, road: &Road) -> Over {
        let opened = tokio::select! {
            biased;
            () = ended(&mut self.orders) => return Over::Ended,
            opened = connection.open_bi() => opened,
        };
        let (sender, receiver) = match opened {
            Ok(streams) => streams,
            Err(error) => return Over::Lost(loss(&Lost::new(&error, true))),
        };
        let connected = Event::Connected { id: self.id, connection: connection.clone() };
        if self.events.send(connected).await.is_err() {
            return Over::Ended;
        }
        let mut control =
            Control { sender, receiver, framer: Framer::default(), unsent: Vec::new(), deaf: false };
        let mut leave_by = None;
        let mut buffer = [0; MAX_CONTROL_BYTES];
        loop {
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(Order::Send(message)) => {
                        if !control.queue(&message) {
                            close(connection, CloseCode::Overrun);
                            return Over::Lost(Loss::Closed(CloseCode::Overrun));
                        }
                    }
                    Some(Order::Leave) => {
                        control.queue(&Leave {}.into());
                        leave_by = leave_by.or_else(|| Some((clock::now() + GOOD_BYE).into()));
                    }
                    Some(Order::Close(code)) => {
                        close(connection, code);
                        return Over::Ended;
                    }
                    None => return Over::Ended,
                },
                datagram = connection.read_datagram() => match datagram {
                    Ok(bytes) => {
                        let event = Event::Datagram { id: self.id, at: clock::now(), bytes };
                        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
                            self.dropped.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    Err(error) => return Over::Lost(loss(&Lost::new(&error, true))),
                },
                written = control.sender.write(&control.unsent), if !control.unsent.is_empty() => match written {
                    Ok(written) => { control.unsent.drain(..written); }
                    // The bridge has closed its ear, or the connection is gone: the latter is told above.
                    Err(_) => control.unsent.clear(),
                },
                read = control.receiver.read(&mut buffer), if !control.deaf => match read {
                    Ok(Some(read)) => {
                        if let Err(code) = self.take(&mut control.framer, &buffer[..read]).await {
                            close(connection, code);
                            return Over::Lost(Loss::Closed(code));
                        }
                    }
                    // The last word was said; the connection itself says when it ends.
                    Ok(None) | Err(_) => control.deaf = true,
                },
                () = until(leave_by) => return Over::Ended,
                () = road.lost() => {
                    tracing::debug!("the tunnel is gone");
                    return Over::Lost(Loss::Broken);
                }
            }
        }
    }

    /// Passes on the messages that these bytes complete.
    async fn take(&self, framer: &mut Framer, bytes: &[u8]) -> Result<(), CloseCode> {
        framer.push(bytes);
        while let Some(message) = framer.poll().map_err(|_| CloseCode::BadMessage)? {
            // An engine that winds up listens no more, and the good-bye goes on: orders end the call, not this.
            let _ = self.events.send(Event::Message { id: self.id, message }).await;
        }
        Ok(())
    }
}

struct Control {
    sender: SendStream,
    receiver: RecvStream,
    framer: Framer,
    /// Said, and not yet taken by quinn.
    unsent: Vec<u8>,
    /// Nothing more comes in.
    deaf: bool,
}

impl Control {
    /// Whether there was room for the message.
    fn queue(&mut self, message: &ClientMessage) -> bool {
        let bytes = frame(message);
        let room = self.unsent.len() + bytes.len() <= MAX_UNSENT;
        if room {
            self.unsent.extend_from_slice(&bytes);
        }
        room
    }
}

async fn call(target: &Target, meters: &Meters) -> Result<Dialled, Loss> {
    let remote = resolve(&target.link, target.turn.load(Ordering::Relaxed)).await.ok_or(Loss::NoAddress)?;
    dial(target, remote, meters).await
}

/// The host's address whose turn it is.
async fn resolve(link: &Link, turn: usize) -> Option<SocketAddr> {
    if let Ok(address) = link.host.as_str().parse::<IpAddr>() {
        return Some((address, link.port).into());
    }
    let found = tokio::net::lookup_host((link.host.as_str(), link.port)).await;
    let addresses: Vec<SocketAddr> =
        found.inspect_err(|error| tracing::debug!(%error, host = %link.host, "no address")).ok()?.collect();
    addresses.get(turn % addresses.len().max(1)).copied()
}

fn loss(lost: &Lost) -> Loss {
    tracing::debug!(%lost, "a call is over");
    match lost {
        Lost::Refused { code, .. } => {
            CloseCode::from_code(*code).map_or(Loss::ClosedUnknown(*code), Loss::Closed)
        }
        Lost::WrongKey => Loss::WrongKey,
        Lost::VersionMismatch => Loss::OtherVersion,
        Lost::Busy
        | Lost::NotReachable
        | Lost::TimedOut
        | Lost::Restarted
        | Lost::Closed
        | Lost::Other(_) => Loss::Broken,
    }
}

/// The reason travels in words too: it keeps the packet from looking like a bare acknowledgement, and shows in a
/// log of the other end what a number would not.
fn close(connection: &Connection, code: CloseCode) {
    connection.close(VarInt::from_u32(code.code()), code.text().as_bytes());
}

/// Until the call is ended before it stands. What was to be said then is not.
async fn ended(orders: &mut mpsc::Receiver<Order>) {
    while let Some(Order::Send(_)) = orders.recv().await {}
}

async fn until(when: Option<tokio::time::Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::testing::{VirtualNet, quic, run};

    /// One that has no socket, or one on a network where nobody is.
    struct Nobody(Option<VirtualNet>);

    impl Network for Nobody {
        fn bind(&self, _remote: SocketAddr) -> Result<ClientEnd, BindError> {
            let Some(net) = &self.0 else { return Err(io::Error::other("no socket").into()) };
            let socket = net.socket(([10, 0, 0, 9], 0).into());
            ClientEnd::with_socket(socket, Arc::new(quinn::TokioRuntime), quic::client_endpoint_config(1))
        }

        fn bind_over(&self, _tunnel: Tunnel, remote: SocketAddr) -> Result<ClientEnd, BindError> {
            self.bind(remote)
        }

        fn stream(&self, _to: SocketAddr) -> Streaming {
            Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) })
        }

        fn tcp_ports(&self) -> TcpPorts {
            TcpPorts::Usual
        }
    }

    #[test]
    fn an_address_that_fails_or_does_not_answer_in_time_gives_its_turn_to_the_next() {
        run(async {
            for network in [Nobody(None), Nobody(Some(VirtualNet::new(1)))] {
                let waits = network.0.is_some();
                let identity = Identity::generate().unwrap();
                let link = format!("giaoban://10.0.0.1:4646/giaoban?k={}", identity.fingerprint());
                let (events_out, mut events) = mpsc::channel(1);
                let caller = Caller::new(link.parse().unwrap(), identity, Arc::new(network), events_out);
                for turn in 1..=2 {
                    let call = caller.call(LineId(7));
                    if waits {
                        call.close(CloseCode::Bye);
                    }
                    assert!(matches!(events.recv().await, Some(Event::Lost { loss: Loss::Broken, .. })));
                    assert_eq!(caller.target.turn.load(Ordering::Relaxed), turn);
                }
            }
        });
    }
}
