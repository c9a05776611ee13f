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

mod bulk;
mod dial;
mod network;
mod task;

use crate::meeting::Meeting;
use crate::session::{LineId, Loss};
use bytes::Bytes;
use dial::Meters;
pub use dial::TcpPorts;
use giaoban_proto::link::Fingerprint;
use giaoban_proto::pin::{self, Binding};
use giaoban_proto::transport::{Acks, Identity, Meter, Path, Pins, Road, Traffic, Trust, peer_key};
use giaoban_proto::wire::{ClientMessage, CloseCode, ServerMessage};
pub use network::{Network, Streaming, System};
use quinn::Connection;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;
use task::{Order, Task};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Orders that may wait for one call: a person does not switch the microphone this often.
const ORDERS: usize = 16;

/// Events that may wait for the engine, over all calls: some seconds of voice, what comes at once when a link
/// wakes up. More only delays the moment at which too much is dropped.
pub(crate) const EVENTS: usize = 256;

/// What happened on a call.
#[derive(Debug)]
pub(crate) enum Event {
    /// The handshake is done and the control stream open.
    Connected {
        id: LineId,
        connection: Connection,
    },
    /// A control message.
    Message {
        id: LineId,
        message: ServerMessage,
    },
    /// Something on the second stream, and its end.
    Bulk {
        id: LineId,
        message: ServerMessage,
    },
    BulkOver {
        id: LineId,
    },
    /// A datagram, and when it came.
    Datagram {
        id: LineId,
        at: Instant,
        bytes: Bytes,
    },
    /// The call is over. The last of its events.
    Lost {
        id: LineId,
        loss: Loss,
    },
}

/// Makes calls.
pub(crate) struct Caller {
    target: Arc<Target>,
    events: mpsc::Sender<Event>,
    dropped: Arc<AtomicU64>,
}

struct Target {
    meeting: Meeting,
    /// What is made of the key that answers. Changes when the bridge has said who it is.
    trust: Mutex<Trust>,
    identity: Identity,
    network: Arc<dyn Network>,
    /// Which of the host's addresses is called: the next one when this did not answer, the same when it did.
    turn: AtomicUsize,
    /// Whether the last call that was tried did not get through by UDP.
    udp_failed: AtomicBool,
}

impl Target {
    fn trust(&self) -> Trust {
        *self.trust.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Caller {
    pub(crate) fn new(
        meeting: Meeting,
        identity: Identity,
        network: Arc<dyn Network>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        Self {
            target: Arc::new(Target {
                trust: Mutex::new(meeting.trust()),
                meeting,
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

    /// What is made of the key that answers.
    pub(crate) fn trust(&self) -> Trust {
        self.target.trust()
    }

    /// The bridge has shown who it is: calls from now on are for these keys alone.
    pub(crate) fn pin(&self, pins: Pins) {
        *self.target.trust.lock().unwrap_or_else(PoisonError::into_inner) = pins.into();
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

    /// Whose key has answered, once the handshake is done.
    pub(crate) fn answered(&self) -> Option<Fingerprint> {
        peer_key(self.connection.as_ref()?).map(|key| key.fingerprint())
    }

    /// What names this connection's TLS session in the PIN's proofs, once the handshake is done.
    pub(crate) fn binding(&self) -> Option<Binding> {
        let mut binding = Binding::default();
        self.connection.as_ref()?.export_keying_material(&mut binding, pin::EXPORTER_LABEL, &[]).ok()?;
        Some(binding)
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

    /// Sends a message on the second stream, which is opened by the first.
    pub(crate) fn fetch(&self, message: ClientMessage) {
        self.order(Order::Fetch(message));
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

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::link::Link;
    use giaoban_proto::testing::{VirtualNet, quic, run};
    use giaoban_proto::transport::{BindError, ClientEnd, Tunnel};
    use std::io;
    use std::net::SocketAddr;

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
                let meeting = Meeting::for_device(link.parse::<Link>().unwrap());
                let (events_out, mut events) = mpsc::channel(1);
                let caller = Caller::new(meeting, identity, Arc::new(network), events_out);
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
