//! A wire in memory for two or more endpoints on tokio's paused clock: a fixed delay each way, random loss.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use giaoban_proto::link::Fingerprint;
use giaoban_proto::transport::{
    ClientEnd, Identity, Pins, ResetKey, ServerEnd, client_endpoint_config, server_endpoint_config,
};
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Connection, TokioRuntime, UdpPoller};
use tokio::time::{Instant, Sleep, sleep_until};

/// All sockets and what is on the way between them.
#[derive(Debug)]
pub(crate) struct Net(Mutex<State>);

#[derive(Debug)]
struct State {
    delay: Duration,
    loss: f64,
    random: u64,
    boxes: BTreeMap<SocketAddr, Inbox>,
    log: Vec<Sent>,
}

#[derive(Debug, Default)]
struct Inbox {
    queue: VecDeque<(Instant, SocketAddr, Vec<u8>)>,
    waker: Option<Waker>,
}

/// One datagram that a socket sent, lost or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) at: Instant,
    pub(crate) from: SocketAddr,
    pub(crate) len: usize,
}

impl Net {
    pub(crate) fn new(round_trip: Duration, seed: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            delay: round_trip / 2,
            loss: 0.0,
            random: seed,
            boxes: BTreeMap::new(),
            log: Vec::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// From now on, the share of datagrams that is lost, each way.
    pub(crate) fn set_loss(&self, share: f64) {
        self.lock().loss = share;
    }

    /// What `from` sent since `since`.
    pub(crate) fn sent(&self, from: SocketAddr, since: Instant) -> Vec<Sent> {
        self.lock().log.iter().filter(|s| s.from == from && s.at >= since).copied().collect()
    }

    fn socket(self: &Arc<Self>, addr: SocketAddr) -> Arc<Socket> {
        self.lock().boxes.insert(addr, Inbox::default());
        Arc::new(Socket { net: self.clone(), addr, alarm: Mutex::new(Box::pin(sleep_until(Instant::now()))) })
    }
}

impl State {
    /// splitmix64, as a number in 0 … 1.
    fn chance(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
    }
}

#[derive(Debug)]
struct Socket {
    net: Arc<Net>,
    addr: SocketAddr,
    alarm: Mutex<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
struct Always;

impl UdpPoller for Always {
    fn poll_writable(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Always)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        assert!(transmit.segment_size.is_none() && transmit.ecn.is_none(), "one datagram a time, no ECN");
        let mut net = self.net.lock();
        let now = Instant::now();
        net.log.push(Sent { at: now, from: self.addr, len: transmit.contents.len() });
        if net.chance() < net.loss {
            return Ok(());
        }
        let due = now + net.delay;
        if let Some(inbox) = net.boxes.get_mut(&transmit.destination) {
            inbox.queue.push_back((due, self.addr, transmit.contents.to_vec()));
            if let Some(waker) = inbox.waker.take() {
                waker.wake();
            }
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut net = self.net.lock();
        let inbox = net.boxes.get_mut(&self.addr).unwrap();
        let mut count = 0;
        while count < bufs.len() && inbox.queue.front().is_some_and(|(due, ..)| *due <= Instant::now()) {
            let (_, addr, data) = inbox.queue.pop_front().unwrap();
            bufs[count][..data.len()].copy_from_slice(&data);
            meta[count] = RecvMeta { addr, len: data.len(), stride: data.len(), ecn: None, dst_ip: None };
            count += 1;
        }
        if count > 0 {
            return Poll::Ready(Ok(count));
        }
        inbox.waker = Some(cx.waker().clone());
        if let Some((due, ..)) = inbox.queue.front() {
            let mut alarm = self.alarm.lock().unwrap();
            alarm.as_mut().reset(*due);
            // Registers the waker; an alarm that rings already asks for another poll.
            if alarm.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.addr)
    }
}

/// A bridge's end on a wire of its own, and what is needed to call it.
pub(crate) struct Bridge {
    pub(crate) net: Arc<Net>,
    pub(crate) end: ServerEnd,
    pub(crate) addr: SocketAddr,
    pub(crate) identity: Identity,
    reset: ResetKey,
}

impl Bridge {
    pub(crate) fn new(round_trip: Duration, seed: u64) -> Self {
        let net = Net::new(round_trip, seed);
        let addr: SocketAddr = "10.0.0.1:4646".parse().unwrap();
        let identity = Identity::generate().unwrap();
        let reset = ResetKey::generate().unwrap();
        let end = listen(&net, addr, &identity, &reset, seed);
        Self { net, end, addr, identity, reset }
    }

    /// A new bridge in this one's place, with its keys and without its memory.
    pub(crate) fn restart(&self) -> ServerEnd {
        listen(&self.net, self.addr, &self.identity, &self.reset, 99)
    }

    pub(crate) fn client(&self, addr: &str, seed: u64) -> ClientEnd {
        let mut config = client_endpoint_config().unwrap();
        config.rng_seed(Some([!seed as u8; 32]));
        let socket = self.net.socket(addr.parse().unwrap());
        ClientEnd::with_socket(socket, Arc::new(TokioRuntime), config).unwrap()
    }

    pub(crate) fn pins(&self) -> Pins {
        Pins { key: self.identity.fingerprint(), spare: None }
    }

    /// Pins that name somebody else.
    pub(crate) fn wrong_pins() -> Pins {
        Pins { key: Fingerprint::from_bytes([7; 16]), spare: None }
    }
}

fn listen(net: &Arc<Net>, addr: SocketAddr, identity: &Identity, reset: &ResetKey, seed: u64) -> ServerEnd {
    let mut config = server_endpoint_config(reset).unwrap();
    config.rng_seed(Some([seed as u8; 32]));
    ServerEnd::with_socket(net.socket(addr), Arc::new(TokioRuntime), config, identity, reset).unwrap()
}

/// A bridge, a client and the connection between them, as each sees it.
pub(crate) struct Pair {
    pub(crate) bridge: Bridge,
    pub(crate) client: ClientEnd,
    pub(crate) down: Connection,
    pub(crate) up: Connection,
}

impl Pair {
    /// `down` is the bridge's connection, on which it sends down; `up` the client's.
    pub(crate) async fn new(round_trip: Duration, seed: u64) -> Self {
        let bridge = Bridge::new(round_trip, seed);
        let client = bridge.client("10.0.0.2:1000", seed);
        let me = Identity::generate().unwrap();
        let connecting = client.connect(bridge.addr, &me, bridge.pins()).unwrap();
        let (up, down) =
            tokio::join!(connecting, async { bridge.end.endpoint.accept().await.unwrap().await });
        Self { client, up: up.unwrap(), down: down.unwrap(), bridge }
    }

    pub(crate) fn net(&self) -> &Net {
        &self.bridge.net
    }

    pub(crate) fn client_addr(&self) -> SocketAddr {
        self.client.endpoint.local_addr().unwrap()
    }
}
