//! A bridge's socket: UDP, and every tunnel as one more peer of the same endpoint.
//!
//! A tunnel gets an address that no network routes: fd67:6961:6f62:616e::/64 (unique local, RFC 4193; the letters
//! of "giaoban") and its number. quinn then treats it as any other peer, admission and rooms do not know the
//! difference, and a client that changes between tunnel and UDP is one that changed its address. What arrives by
//! UDP *from* such an address is a forgery and goes no further.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::pump::{ByteStream, Outbox, Toll, TunnelError, establish, lock, now, pump};
use super::queue::Dropped;
use super::tls::{Tls, TlsError, server_config};
use crate::transport::keys::Identity;
use crate::transport::socket::Meter;

/// The upper half of every tunnel's address.
const PREFIX: u64 = 0xfd67_6961_6f62_616e;

/// Tunnels that may stand at once: as many as the largest room has members, and some that come back while their old
/// one has not been missed yet. Each holds up to 40 kB.
pub const MAX_TUNNELS: usize = 2500;

/// Of those, from one address: behind a carrier's address translation there may be a whole province, and yet one
/// machine must not take every place.
pub(super) const MAX_FROM_ONE: usize = MAX_TUNNELS / 4;

/// How long TLS may take to come up: three round trips of the worst line, one of them repeated.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Nothing from a client for this long ends a tunnel: more than one that has gone back to UDP keeps it in waiting.
const IDLE: Duration = Duration::from_secs(90);

/// Packets of all tunnels that were not read yet.
const INBOX: usize = 1024;

/// Of those, from one tunnel: what a stall of some seconds lets go at once. More are dropped, so that nobody takes
/// the others' places.
const INBOX_OF_ONE: usize = 64;

/// The address by which a bridge knows its tunnel number `number`.
fn address(number: u64) -> SocketAddr {
    let bits = (u128::from(PREFIX) << 64) | u128::from(number);
    // Port 0 is no port to quinn.
    SocketAddr::new(Ipv6Addr::from_bits(bits).into(), 1)
}

/// The number of a tunnel, if the address is one's.
fn number(address: SocketAddr) -> Option<u64> {
    let IpAddr::V6(ip) = address.ip() else { return None };
    let bits = ip.to_bits();
    ((bits >> 64) as u64 == PREFIX).then_some(bits as u64)
}

/// What the tunnels of a bridge have seen since the start.
#[derive(Debug, Default)]
pub struct TunnelCounters {
    /// Tunnels that stood.
    pub opened: AtomicU64,
    /// That came to nothing: no TLS, or not in time.
    pub failed: AtomicU64,
    /// Turned away because there were too many.
    pub turned_away: AtomicU64,
    /// Closed because what came through them was not ours.
    pub bad_frames: AtomicU64,
    /// Closed because nothing came for too long.
    pub idle: AtomicU64,
    /// Packets from clients that found no room.
    pub inbox_full: AtomicU64,
}

/// The tunnels of a bridge.
#[derive(Clone)]
pub struct Tunnels(Arc<Shared>);

struct Shared {
    tls: Arc<rustls::ServerConfig>,
    meter: Meter,
    outboxes: Mutex<HashMap<u64, Arc<Outbox>>>,
    /// How many there are or are being made, from where.
    places: Mutex<HashMap<IpAddr, usize>>,
    /// What the queues of those that have ended had dropped.
    gone: Mutex<Dropped>,
    next: AtomicU64,
    inbox: mpsc::Sender<Parcel>,
    /// Whether the UDP socket speaks of addresses as IPv6 does.
    ipv6: bool,
    counters: TunnelCounters,
}

impl Shared {
    /// One of our addresses as the UDP socket would name it: from there a client is answered that goes back to UDP.
    fn as_udp_says(&self, ip: IpAddr) -> Option<IpAddr> {
        match (ip.to_canonical(), self.ipv6) {
            (IpAddr::V4(ip), true) => Some(ip.to_ipv6_mapped().into()),
            (IpAddr::V6(_), false) => None,
            (ip, _) => Some(ip),
        }
    }
}

/// A packet that came through a tunnel.
struct Parcel {
    from: SocketAddr,
    to: Option<IpAddr>,
    packet: Bytes,
    _place: OwnedSemaphorePermit,
}

impl Tunnels {
    /// What they have seen.
    #[must_use]
    pub fn counters(&self) -> &TunnelCounters {
        &self.0.counters
    }

    /// Packets to clients that were too old or too many.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        let outboxes = lock(&self.0.outboxes);
        outboxes.values().fold(*lock(&self.0.gone), |sum, outbox| sum + outbox.dropped())
    }

    /// How many stand.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.0.outboxes).len()
    }

    /// Serves one stream that came from `peer` to this machine's address `local`, from its first byte to its end.
    ///
    /// # Errors
    /// [`TunnelError`]: why it ended. Nothing needs to be done about it; it is counted here.
    pub async fn serve<S: ByteStream>(
        &self,
        stream: S,
        local: Option<IpAddr>,
        peer: IpAddr,
    ) -> Result<(), TunnelError> {
        let counters = &self.0.counters;
        let Some(_place) = Place::take(&self.0, peer) else {
            counters.turned_away.fetch_add(1, Relaxed);
            return Err(TunnelError::TooMany);
        };
        self.serve_in_place(stream, local, peer).await
    }

    async fn serve_in_place<S: ByteStream>(
        &self,
        mut stream: S,
        local: Option<IpAddr>,
        peer: IpAddr,
    ) -> Result<(), TunnelError> {
        let shared = &self.0;
        let toll = Toll { meter: shared.meter.clone(), peer };
        let (mut tls, mut plain) = (Tls::server(shared.tls.clone())?, Vec::new());
        let up = establish(&mut stream, &mut tls, &toll, &mut plain);
        let up = tokio::time::timeout(HANDSHAKE_WITHIN, up).await.unwrap_or(Err(TunnelError::Idle));
        if up.is_err() {
            shared.counters.failed.fetch_add(1, Relaxed);
        }
        up?;
        shared.counters.opened.fetch_add(1, Relaxed);
        let number = shared.next.fetch_add(1, Relaxed);
        let outbox = Arc::new(Outbox::default());
        lock(&shared.outboxes).insert(number, outbox.clone());
        let _listed = Listed { shared, number };
        let (from, places) = (address(number), Arc::new(Semaphore::new(INBOX_OF_ONE)));
        let local = local.and_then(|ip| shared.as_udp_says(ip));
        let take = |packet| {
            let sent = places.clone().try_acquire_owned().is_ok_and(|place| {
                shared.inbox.try_send(Parcel { from, to: local, packet, _place: place }).is_ok()
            });
            if !sent {
                shared.counters.inbox_full.fetch_add(1, Relaxed);
            }
        };
        let served = pump(stream, tls, plain, &outbox, &toll, IDLE, take).await;
        match &served {
            Err(TunnelError::Frame(_)) => shared.counters.bad_frames.fetch_add(1, Relaxed),
            Err(TunnelError::Idle) => shared.counters.idle.fetch_add(1, Relaxed),
            _ => 0,
        };
        served
    }
}

impl fmt::Debug for Tunnels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnels").field("count", &self.count()).field("counters", self.counters()).finish()
    }
}

/// A tunnel's place among those that may be, given back when dropped.
struct Place<'a> {
    shared: &'a Shared,
    peer: IpAddr,
}

impl<'a> Place<'a> {
    fn take(shared: &'a Shared, peer: IpAddr) -> Option<Self> {
        let peer = peer.to_canonical();
        let mut places = lock(&shared.places);
        let (all, here) = (places.values().sum::<usize>(), places.get(&peer).copied().unwrap_or(0));
        if all >= MAX_TUNNELS || here >= MAX_FROM_ONE {
            return None;
        }
        places.insert(peer, here + 1);
        Some(Self { shared, peer })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut places = lock(&self.shared.places);
        if let Some(here) = places.get_mut(&self.peer) {
            *here -= 1;
            if *here == 0 {
                places.remove(&self.peer);
            }
        }
    }
}

/// A tunnel that quinn can send to, for as long as this lives.
struct Listed<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        let mut outboxes = lock(&self.shared.outboxes);
        if let Some(outbox) = outboxes.remove(&self.number) {
            let mut gone = lock(&self.shared.gone);
            *gone = *gone + outbox.dropped();
        }
    }
}

/// The socket. See the module.
pub(crate) struct Mux {
    udp: Arc<dyn AsyncUdpSocket>,
    tunnels: Tunnels,
    inbox: Mutex<mpsc::Receiver<Parcel>>,
    /// Whose turn it is to be asked first, so that neither can starve the other.
    tunnels_first: AtomicBool,
}

impl Mux {
    /// Around `udp`; tunnels show `identity` and count on `meter`.
    pub(crate) fn new(
        udp: Arc<dyn AsyncUdpSocket>,
        identity: &Identity,
        meter: Meter,
    ) -> Result<(Self, Tunnels), TlsError> {
        let (inbox_in, inbox) = mpsc::channel(INBOX);
        let tunnels = Tunnels(Arc::new(Shared {
            tls: server_config(identity)?,
            meter,
            outboxes: Mutex::default(),
            places: Mutex::default(),
            gone: Mutex::default(),
            next: AtomicU64::new(1),
            inbox: inbox_in,
            ipv6: udp.local_addr().is_ok_and(|address| address.is_ipv6()),
            counters: TunnelCounters::default(),
        }));
        let mux = Self {
            udp,
            tunnels: tunnels.clone(),
            inbox: Mutex::new(inbox),
            tunnels_first: AtomicBool::new(false),
        };
        Ok((mux, tunnels))
    }

    fn poll_udp(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let polled = self.udp.poll_recv(cx, bufs, meta);
        if let Poll::Ready(Ok(count)) = polled {
            for meta in meta.iter_mut().take(count).filter(|meta| number(meta.addr).is_some()) {
                // quinn skips what is empty.
                meta.len = 0;
            }
        }
        polled
    }

    fn poll_tunnels(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut inbox = lock(&self.inbox);
        let mut filled = 0;
        for (buf, meta) in bufs.iter_mut().zip(meta) {
            let parcel = match inbox.poll_recv(cx) {
                Poll::Ready(Some(parcel)) => parcel,
                _ if filled > 0 => break,
                _ => return Poll::Pending,
            };
            let len = parcel.packet.len().min(buf.len());
            buf[..len].copy_from_slice(&parcel.packet[..len]);
            *meta = RecvMeta { addr: parcel.from, len, stride: len, ecn: None, dst_ip: parcel.to };
            filled += 1;
        }
        Poll::Ready(Ok(filled))
    }
}

impl AsyncUdpSocket for Mux {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.udp.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let Some(number) = number(transmit.destination) else { return self.udp.try_send(transmit) };
        // Of a tunnel that is gone: lost, as a packet may be.
        let outbox = lock(&self.tunnels.0.outboxes).get(&number).cloned();
        if let Some(outbox) = outbox {
            outbox.push(now(), transmit.contents);
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        if self.tunnels_first.fetch_xor(true, Relaxed) {
            match self.poll_tunnels(cx, bufs, meta) {
                Poll::Pending => self.poll_udp(cx, bufs, meta),
                ready => ready,
            }
        } else {
            match self.poll_udp(cx, bufs, meta) {
                Poll::Pending => self.poll_tunnels(cx, bufs, meta),
                ready => ready,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.udp.local_addr()
    }

    /// One: see `Quiet`.
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

impl fmt::Debug for Mux {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mux").field("udp", &self.udp).field("tunnels", &self.tunnels).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunnels_address_is_its_own_and_nobody_elses() {
        for n in [1, 77, u64::MAX] {
            assert_eq!(number(address(n)), Some(n));
        }
        for other in ["10.0.0.1:4646", "[2001:db8::1]:443", "[fd67:6961:6f62:616f::1]:1", "[::]:0"] {
            assert_eq!(number(other.parse().unwrap()), None, "{other}");
        }
        assert!(address(1).to_string().starts_with("[fd67:6961:6f62:616e::1]"));
    }
}
