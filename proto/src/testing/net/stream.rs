//! Streams on the virtual network: what TCP makes of a line, for tunnels.
//!
//! A model, not TCP itself: bytes arrive whole and in order; a lost segment is sent again after a timeout that
//! doubles, and all behind it waits; a fixed number of segments may be unacknowledged, and little more than that
//! is taken from the writer. So a line that goes away stalls a stream as it does in life. Segments and their
//! acknowledgements use the same lines as datagrams, with TCP's headers; there is no congestion control.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::{Shared, VirtualNet};
use crate::testing::clock;
use crate::transport::tunnel::{Arrived, Listener};

/// IPv4 (20 B) and TCP with timestamps (32 B).
const IP_TCP_HEADERS: usize = 52;

/// The longest segment's payload.
const SEGMENT: usize = 1400;

/// Segments that may be unacknowledged: Linux's initial window.
const WINDOW: usize = 10;

/// Bytes taken from a writer and not sent yet: what `TCP_NOTSENT_LOWAT` is set to on a real socket.
const UNSENT: usize = 512;

/// The timeout before a round trip is known, and the least and most there is.
const RTO: [Duration; 3] = [Duration::from_secs(1), Duration::from_millis(300), Duration::from_secs(8)];

/// One end of a stream.
pub type VirtualStream = DuplexStream;

/// Where streams come in. It leaves the network when dropped.
#[derive(Debug)]
pub struct VirtualListener {
    addr: SocketAddr,
    arrived: mpsc::Receiver<(VirtualStream, SocketAddr)>,
}

impl VirtualNet {
    /// Takes streams at this address, apart from any socket there.
    #[must_use]
    pub fn listen(&self, addr: SocketAddr) -> VirtualListener {
        let (arrivals, arrived) = mpsc::channel(64);
        self.0.state().listeners.insert(addr, arrivals);
        VirtualListener { addr, arrived }
    }

    /// Opens a stream from a site to a listener; waits as long as it takes.
    ///
    /// # Errors
    /// When the line works and nobody listens there.
    pub async fn stream(&self, from: IpAddr, to: SocketAddr) -> io::Result<VirtualStream> {
        let from = self.0.state().free_addr(from);
        // SYN and its answer, each as often as it takes.
        for (a, b) in [(from, to), (to, from)] {
            let mut wait = RTO[0];
            let arrives = loop {
                if let Some(at) = self.0.state().segment(a, b, IP_TCP_HEADERS) {
                    break at;
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RTO[2]);
            };
            sleep_until(arrives.into()).await;
        }
        let listener = self.0.state().listeners.get(&to).cloned();
        let listener = listener.ok_or(io::ErrorKind::ConnectionRefused)?;
        let ((ours, our_wire), (theirs, their_wire)) = (duplex(UNSENT), duplex(UNSENT));
        let ((our_out, our_in), (their_out, their_in)) = (split(our_wire), split(their_wire));
        tokio::spawn(Way::new(&self.0, from, to).carry(our_out, their_in));
        tokio::spawn(Way::new(&self.0, to, from).carry(their_out, our_in));
        listener.send((theirs, from)).await.map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(ours)
    }
}

impl Drop for VirtualListener {
    fn drop(&mut self) {
        self.arrived.close();
    }
}

impl Listener for VirtualListener {
    type Stream = VirtualStream;

    async fn accept(&mut self) -> io::Result<Arrived<VirtualStream>> {
        match self.arrived.recv().await {
            Some((stream, from)) => Ok((stream, Some(self.addr.ip()), from)),
            None => std::future::pending().await,
        }
    }
}

struct Segment {
    bytes: Vec<u8>,
    /// When it arrives; of a lost one, when it is sent again.
    due: Result<Instant, Instant>,
    timeout: Duration,
}

/// One direction of a stream.
struct Way {
    net: Arc<Shared>,
    from: SocketAddr,
    to: SocketAddr,
    /// Sent and not delivered, in order.
    sent: VecDeque<Segment>,
    /// When acknowledgements of what was delivered are back.
    acks: VecDeque<Instant>,
    timeout: Duration,
}

impl Way {
    fn new(net: &Arc<Shared>, from: SocketAddr, to: SocketAddr) -> Self {
        Self { net: net.clone(), from, to, sent: VecDeque::new(), acks: VecDeque::new(), timeout: RTO[0] }
    }

    async fn carry(mut self, mut input: ReadHalf<DuplexStream>, mut output: WriteHalf<DuplexStream>) {
        let (mut buffer, mut open) = ([0; SEGMENT], true);
        while open || !self.sent.is_empty() {
            let now = clock::now();
            while self.acks.front().is_some_and(|at| *at <= now) {
                self.acks.pop_front();
            }
            for segment in self.sent.iter_mut().filter(|segment| matches!(segment.due, Err(at) if at <= now))
            {
                segment.timeout = (segment.timeout * 2).min(RTO[2]);
                segment.due = transmit(&self.net, now, self.from, self.to, segment);
            }
            while let Some(Segment { due: Ok(at), .. }) = self.sent.front()
                && *at <= now
                && let Some(segment) = self.sent.pop_front()
            {
                // Cumulative: a lost one is made good by the next.
                let back = self.net.state().segment(self.to, self.from, IP_TCP_HEADERS).unwrap_or(now);
                self.acks.push_back(back);
                if output.write_all(&segment.bytes).await.is_err() {
                    return;
                }
            }
            let dues = self.sent.iter().map(|segment| segment.due.unwrap_or_else(|at| at));
            let next = dues.chain(self.acks.iter().copied()).filter(|at| *at > now).min();
            let room = self.sent.len() + self.acks.len() < WINDOW;
            tokio::select! {
                biased;
                read = input.read(&mut buffer), if open && room => match read {
                    Ok(len) if len > 0 => self.send(&buffer[..len]),
                    _ => open = false,
                },
                () = sleep_until(next.unwrap_or(now).into()), if next.is_some() => {}
            }
        }
        let _ = output.shutdown().await;
    }

    fn send(&mut self, bytes: &[u8]) {
        let now = clock::now();
        let mut segment = Segment { bytes: bytes.to_vec(), due: Err(now), timeout: self.timeout };
        segment.due = transmit(&self.net, now, self.from, self.to, &segment);
        if let Ok(at) = segment.due {
            // There and, as it were, back, and half as much again.
            self.timeout = ((at - now) * 3).clamp(RTO[1], RTO[2]);
        }
        self.sent.push_back(segment);
    }
}

fn transmit(
    net: &Shared,
    now: Instant,
    from: SocketAddr,
    to: SocketAddr,
    segment: &Segment,
) -> Result<Instant, Instant> {
    let arrives = net.state().segment(from, to, segment.bytes.len() + IP_TCP_HEADERS);
    arrives.ok_or_else(|| now + segment.timeout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::link::{LinkConfig, Loss, Outages};
    use crate::testing::run;
    use crate::unit::Bitrate;
    use std::net::Ipv4Addr;
    use tokio::time::sleep;

    const SITE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 1, 1));
    const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

    async fn pair(net: &VirtualNet) -> (VirtualStream, VirtualStream) {
        let mut listener = net.listen((SERVER, 443).into());
        let stream = net.stream(SITE, (SERVER, 443).into()).await.unwrap();
        let (there, local, peer) = listener.accept().await.unwrap();
        assert_eq!((local, peer.ip()), (Some(SERVER), SITE));
        (stream, there)
    }

    #[test]
    fn bytes_arrive_whole_and_in_order_at_the_rate_of_the_line_whatever_it_loses() {
        run(async {
            let net = VirtualNet::new(1);
            let line = LinkConfig {
                delay: Duration::from_millis(100),
                loss: Loss::Random(0.1),
                rate: Some(Bitrate::from_bps(64_000)),
                ..LinkConfig::default()
            };
            net.connect(SITE, SERVER, line.clone(), line);
            let (mut here, mut there) = pair(&net).await;
            let bytes: Vec<u8> = (0..40_000u32).map(|n| n as u8).collect();
            let sent = bytes.clone();
            let start = net.elapsed();
            let writer = tokio::spawn(async move {
                here.write_all(&sent).await.unwrap();
                here.shutdown().await.unwrap();
                here
            });
            let mut came = Vec::new();
            there.read_to_end(&mut came).await.unwrap();
            assert_eq!(came, bytes);
            let took = (net.elapsed() - start).as_secs_f64();
            assert!((5.0..25.0).contains(&took), "{took}");
            drop(writer.await);
        });
    }

    #[test]
    fn a_line_that_goes_away_stalls_the_writer_and_goes_on_afterwards() {
        run(async {
            let net = VirtualNet::new(2);
            let away = Outages::Spans(vec![(Duration::from_secs(1), Duration::from_secs(6))]);
            let line = LinkConfig { outages: away, ..LinkConfig::default() };
            net.connect(SITE, SERVER, line.clone(), line);
            let (mut here, mut there) = pair(&net).await;
            sleep(Duration::from_secs(2)).await;
            let all = tokio::time::timeout(Duration::from_secs(2), here.write_all(&[7; 100_000])).await;
            assert!(all.is_err(), "it took everything");
            let mut first = [0; 1000];
            there.read_exact(&mut first).await.unwrap();
            assert!(net.elapsed() >= Duration::from_secs(6) && net.elapsed() < Duration::from_secs(15));
        });
    }

    #[test]
    fn nobody_there_is_refused() {
        run(async {
            let net = VirtualNet::new(3);
            let refused = net.stream(SITE, (SERVER, 443).into()).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
            drop(net.listen((SERVER, 443).into()));
            assert!(net.stream(SITE, (SERVER, 443).into()).await.is_err());
        });
    }
}
