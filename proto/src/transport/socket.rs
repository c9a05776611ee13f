//! The socket that both ends send through: it counts bytes and keeps ECN out.
//!
//! No ECN because a peer that sees marks adds at least three bytes to each acknowledgement for ever
//! (`receiving_ecn` in quinn-proto), and a fixed window would not heed them. Marks that a link sets are
//! taken off on the way in. Allocates nothing.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::ops::{Add, Sub};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

/// What went through a socket since it was made.
///
/// Of a tunnel ([`super::tunnel`]) the TLS bytes are exact; TCP is reckoned: headers on each write and read, and an
/// acknowledgement of its own for each, which is the most there are. What TCP repeats is not seen from here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Datagrams sent.
    pub sent: u64,
    /// Bytes sent, IP and UDP (or TCP) headers included.
    pub sent_bytes: u64,
    /// Datagrams received.
    pub received: u64,
    /// Bytes received, IP and UDP (or TCP) headers included.
    pub received_bytes: u64,
}

impl Add for Traffic {
    type Output = Self;
    /// What went through two sockets.
    fn add(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            sent_bytes: self.sent_bytes + other.sent_bytes,
            received: self.received + other.received,
            received_bytes: self.received_bytes + other.received_bytes,
        }
    }
}

impl Sub for Traffic {
    type Output = Self;
    /// What went through between two readings, the earlier on the right.
    fn sub(self, earlier: Self) -> Self {
        Self {
            sent: self.sent.saturating_sub(earlier.sent),
            sent_bytes: self.sent_bytes.saturating_sub(earlier.sent_bytes),
            received: self.received.saturating_sub(earlier.received),
            received_bytes: self.received_bytes.saturating_sub(earlier.received_bytes),
        }
    }
}

/// A handle on a socket's counters; clones share them.
#[derive(Clone, Default)]
pub struct Meter(Arc<Counters>);

#[derive(Default)]
struct Counters {
    sent: AtomicU64,
    sent_bytes: AtomicU64,
    received: AtomicU64,
    received_bytes: AtomicU64,
}

impl Meter {
    /// All counters at zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The counters now.
    #[must_use]
    pub fn read(&self) -> Traffic {
        let Counters { sent, sent_bytes, received, received_bytes } = &*self.0;
        Traffic {
            sent: sent.load(Relaxed),
            sent_bytes: sent_bytes.load(Relaxed),
            received: received.load(Relaxed),
            received_bytes: received_bytes.load(Relaxed),
        }
    }

    /// Bytes that a stream to `peer` took at once: as one segment, of which the acknowledgement will come back alone.
    pub(super) fn count_stream_sent(&self, peer: IpAddr, len: usize) {
        self.count_segments(peer, len, &self.0.sent, &self.0.sent_bytes, &self.0.received_bytes);
    }

    /// The same for what came.
    pub(super) fn count_stream_received(&self, peer: IpAddr, len: usize) {
        self.count_segments(peer, len, &self.0.received, &self.0.received_bytes, &self.0.sent_bytes);
    }

    fn count_segments(
        &self,
        peer: IpAddr,
        len: usize,
        count: &AtomicU64,
        bytes: &AtomicU64,
        back: &AtomicU64,
    ) {
        let segments = len.div_ceil(SEGMENT);
        let headers = (segments * tcp_headers(peer)) as u64;
        count.fetch_add(segments as u64, Relaxed);
        bytes.fetch_add(len as u64 + headers, Relaxed);
        back.fetch_add(headers, Relaxed);
    }

    fn count_sent(&self, peer: IpAddr, len: usize, datagrams: usize) {
        let Counters { sent, sent_bytes, .. } = &*self.0;
        sent.fetch_add(datagrams as u64, Relaxed);
        sent_bytes.fetch_add((len + datagrams * headers(peer)) as u64, Relaxed);
    }

    fn count_received(&self, peer: IpAddr, len: usize, datagrams: usize) {
        let Counters { received, received_bytes, .. } = &*self.0;
        received.fetch_add(datagrams as u64, Relaxed);
        received_bytes.fetch_add((len + datagrams * headers(peer)) as u64, Relaxed);
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read().fmt(f)
    }
}

/// Bytes of IP and UDP headers on each datagram: 28 for IPv4, 48 for IPv6.
#[must_use]
pub const fn headers(peer: IpAddr) -> usize {
    // A socket for both families writes IPv4 addresses as IPv6 ones; on the wire they are IPv4.
    match peer.to_canonical() {
        IpAddr::V4(_) => 20 + 8,
        IpAddr::V6(_) => 40 + 8,
    }
}

/// Bytes of IP and TCP headers, timestamps included, on each segment: 52 for IPv4, 72 for IPv6.
#[must_use]
pub const fn tcp_headers(peer: IpAddr) -> usize {
    headers(peer) - 8 + 20 + 12
}

/// Payload of a full segment on Ethernet.
const SEGMENT: usize = 1440;

/// A socket around another one. See the module.
#[derive(Debug)]
pub struct Quiet {
    inner: Arc<dyn AsyncUdpSocket>,
    meter: Meter,
}

impl Quiet {
    /// Around `inner`, counting on `meter`.
    #[must_use]
    pub fn new(inner: Arc<dyn AsyncUdpSocket>, meter: Meter) -> Self {
        Self { inner, meter }
    }
}

impl AsyncUdpSocket for Quiet {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.inner.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let Transmit { destination, ecn: _, contents, segment_size, src_ip } = *transmit;
        self.inner.try_send(&Transmit { destination, ecn: None, contents, segment_size, src_ip })?;
        let datagrams = segment_size.map_or(1, |size| contents.len().div_ceil(size.max(1)));
        self.meter.count_sent(destination.ip(), contents.len(), datagrams);
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let polled = self.inner.poll_recv(cx, bufs, meta);
        if let Poll::Ready(Ok(count)) = polled {
            for meta in meta.iter_mut().take(count) {
                meta.ecn = None;
                let datagrams = meta.len.div_ceil(meta.stride.max(1));
                self.meter.count_received(meta.addr.ip(), meta.len, datagrams);
            }
        }
        polled
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// One: quinn pads packets that it sends in a batch to equal length.
    fn max_transmit_segments(&self) -> usize {
        1
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}
