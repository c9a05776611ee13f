//! A client's socket: UDP, and a tunnel beside it where there is one.
//!
//! quinn sees one peer at one address, whichever way a packet went or came, so that a connection does not notice
//! when its way changes. The bridge does: there a tunnel has an address of its own, and QUIC's migration follows.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::sync::{Notify, mpsc};

use super::choice::{Choice, Route};
use super::pump::{ByteStream, Outbox, Toll, TunnelError, establish, lock, now, pump};
use super::queue::Dropped;
use super::tls::Tls;
use crate::transport::keys::Trust;
use crate::transport::socket::Meter;

/// Packets that came through the tunnel and were not read yet: what a stall of some seconds lets go at once.
const INBOX: usize = 256;

/// Nothing from the bridge for this long ends a client's end of a tunnel. QUIC's own limit is far shorter while it
/// is in use; in waiting it is idle for as long as it is kept.
const IDLE: Duration = Duration::from_secs(90);

/// A tunnel to the bridge that stands and carries nothing yet.
pub struct Tunnel {
    stream: Box<dyn ByteStream>,
    tls: Tls,
    plain: Vec<u8>,
    toll: Toll,
}

impl Tunnel {
    /// Makes one over `stream`, which leads to the bridge at `peer` that `trust` names, usually by its
    /// pins.
    ///
    /// # Errors
    /// [`TunnelError`]: whoever answers is not that bridge, or the line failed. There is no time limit here.
    pub async fn open(
        mut stream: Box<dyn ByteStream>,
        peer: IpAddr,
        trust: impl Into<Trust> + Send,
    ) -> Result<Self, TunnelError> {
        let toll = Toll { meter: Meter::new(), peer };
        let (mut tls, mut plain) = (Tls::client(trust)?, Vec::new());
        establish(&mut stream, &mut tls, &toll, &mut plain).await?;
        Ok(Self { stream, tls, plain, toll })
    }

    pub(crate) fn meter(&self) -> Meter {
        self.toll.meter.clone()
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel").field("toll", &self.toll).finish_non_exhaustive()
    }
}

/// By which way a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Path {
    /// QUIC over UDP, as it should be.
    Udp,
    /// QUIC through a tunnel over TCP.
    Tcp,
}

impl Path {
    /// As it stands in the statistics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// A handle on the way of one client's connection.
#[derive(Clone)]
pub struct Road(Arc<Shared>);

struct Shared {
    choice: Mutex<Choice>,
    outbox: Outbox,
    /// The tunnel ended while it was needed.
    lost: AtomicBool,
    lost_now: Notify,
}

impl Road {
    fn new(choice: Choice) -> Self {
        Self(Arc::new(Shared {
            choice: Mutex::new(choice),
            outbox: Outbox::default(),
            lost: AtomicBool::new(false),
            lost_now: Notify::new(),
        }))
    }

    /// The way now. While a trial goes on it is the tunnel.
    #[must_use]
    pub fn path(&self) -> Path {
        if lock(&self.0.choice).is_tunnelled() { Path::Tcp } else { Path::Udp }
    }

    /// Packets that were too old or too many for the tunnel.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        self.0.outbox.dropped()
    }

    /// Waits until the tunnel ends while the connection needs it: what is over need not fall silent first.
    pub async fn lost(&self) {
        loop {
            let told = self.0.lost_now.notified();
            if self.0.lost.load(Relaxed) {
                return;
            }
            told.await;
        }
    }

    fn handle_tunnel_lost(&self) {
        if lock(&self.0.choice).handle_tunnel_lost() {
            self.0.lost.store(true, Relaxed);
            self.0.lost_now.notify_waiters();
        }
    }
}

impl fmt::Debug for Road {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Road").field("path", &self.path()).field("dropped", &self.dropped()).finish()
    }
}

/// The socket. See the module.
pub(crate) struct RoadSocket {
    udp: Arc<dyn AsyncUdpSocket>,
    road: Road,
    remote: SocketAddr,
    inbox: Mutex<mpsc::Receiver<Bytes>>,
    task: tokio::task::JoinHandle<()>,
}

impl RoadSocket {
    /// Over `udp` and `tunnel`, to the bridge that is at `remote` by UDP. Must run inside tokio.
    pub(crate) fn new(udp: Arc<dyn AsyncUdpSocket>, tunnel: Tunnel, remote: SocketAddr) -> (Self, Road) {
        let road = Road::new(Choice::tunnel(now()));
        let (packets, inbox) = mpsc::channel(INBOX);
        let task = tokio::spawn(carry(tunnel, road.clone(), packets));
        (Self { udp, road: road.clone(), remote, inbox: Mutex::new(inbox), task }, road)
    }

    fn by_udp(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.udp.try_send(transmit)
    }

    /// Fills the buffers with what came through the tunnel.
    fn poll_tunnel(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<usize> {
        let mut inbox = lock(&self.inbox);
        let mut filled = 0;
        for (buf, meta) in bufs.iter_mut().zip(meta) {
            let packet = match inbox.poll_recv(cx) {
                Poll::Ready(Some(packet)) => packet,
                _ if filled > 0 => break,
                // A tunnel that has ended says nothing more, and UDP may.
                _ => return Poll::Pending,
            };
            let len = packet.len().min(buf.len());
            buf[..len].copy_from_slice(&packet[..len]);
            *meta = RecvMeta { addr: self.remote, len, stride: len, ecn: None, dst_ip: None };
            filled += 1;
        }
        Poll::Ready(filled)
    }
}

/// A client without a tunnel has a road too.
pub(crate) fn udp_road() -> Road {
    Road::new(Choice::udp())
}

/// The tunnel's task.
async fn carry(tunnel: Tunnel, road: Road, packets: mpsc::Sender<Bytes>) {
    let Tunnel { stream, tls, plain, toll } = tunnel;
    // What finds the inbox full is dropped, as by UDP.
    let take = |packet| drop(packets.try_send(packet));
    let _ = pump(stream, tls, plain, &road.0.outbox, &toll, IDLE, take).await;
    road.handle_tunnel_lost();
}

impl AsyncUdpSocket for RoadSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.udp.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let at = now();
        let (route, alone) = {
            let mut choice = lock(&self.road.0.choice);
            (choice.route(at), choice.is_alone())
        };
        match route {
            Route::Udp => {
                if alone {
                    self.road.0.outbox.close();
                }
                return self.by_udp(transmit);
            }
            Route::Tcp => {}
            // First, so that it comes first. It may well fail: that is what a trial finds out.
            Route::Both => drop(self.by_udp(transmit)),
        }
        self.road.0.outbox.push(at, transmit.contents);
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        match self.udp.poll_recv(cx, bufs, meta) {
            Poll::Ready(Ok(count)) => {
                if meta.iter().take(count).any(|meta| meta.addr == self.remote) {
                    lock(&self.road.0.choice).handle_heard(now());
                }
                return Poll::Ready(Ok(count));
            }
            // A network without UDP may answer so; the tunnel goes on, and wakes us again.
            Poll::Ready(Err(error)) if self.road.path() == Path::Udp => return Poll::Ready(Err(error)),
            Poll::Ready(Err(_)) | Poll::Pending => {}
        }
        let filled = ready!(self.poll_tunnel(cx, bufs, meta));
        Poll::Ready(Ok(filled))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.udp.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        1
    }

    fn max_receive_segments(&self) -> usize {
        self.udp.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.udp.may_fragment()
    }
}

impl Drop for RoadSocket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for RoadSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoadSocket")
            .field("remote", &self.remote)
            .field("road", &self.road)
            .finish_non_exhaustive()
    }
}
