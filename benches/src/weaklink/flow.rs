//! One client address on its way through the relay: two links, and what is under way on them.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use giaoban_proto::testing::link::{IP_UDP_HEADERS, Link};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::{Config, Counters, Direction, MAX_BYTES, now};

/// The most that may be under way in one direction of a flow: 2 s at 4 Mbit/s. More only holds memory for a client
/// that sends without looking.
const MAX_UNDER_WAY: usize = 1 << 20;

/// A datagram and when it came.
pub(super) struct Packet {
    pub(super) at: Instant,
    pub(super) bytes: Box<[u8]>,
}

/// Under way, in the order of arrival.
struct Line {
    link: Link,
    waiting: BTreeMap<(Instant, u64), Arc<[u8]>>,
    bytes: usize,
    sent: u64,
}

impl Line {
    const fn new(link: Link) -> Self {
        Self { link, waiting: BTreeMap::new(), bytes: 0, sent: 0 }
    }

    fn send(&mut self, at: Instant, contents: &[u8], counters: &Direction) {
        let wire_bytes = contents.len() + IP_UDP_HEADERS;
        let deliveries = self.link.send(at, wire_bytes);
        if !deliveries.fate().arrives() {
            return counters.count_failed(deliveries.fate());
        }
        let contents: Arc<[u8]> = contents.into();
        for arrival in deliveries.iter() {
            if self.bytes + wire_bytes > MAX_UNDER_WAY {
                counters.overrun.fetch_add(1, Relaxed);
                continue;
            }
            self.bytes += wire_bytes;
            self.sent += 1;
            self.waiting.insert((arrival, self.sent), contents.clone());
            counters.under_way.fetch_add(1, Relaxed);
        }
    }

    fn next_due(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|(&(at, _), _)| at)
    }

    /// The next that has arrived.
    fn pop(&mut self, now: Instant, counters: &Direction) -> Option<Arc<[u8]>> {
        let first = self.waiting.first_entry().filter(|first| first.key().0 <= now)?;
        let contents = first.remove();
        let wire_bytes = contents.len() + IP_UDP_HEADERS;
        self.bytes -= wire_bytes;
        counters.under_way.fetch_sub(1, Relaxed);
        counters.passed.fetch_add(1, Relaxed);
        counters.bytes.fetch_add(wire_bytes as u64, Relaxed);
        Some(contents)
    }
}

pub(super) struct Flow {
    client: SocketAddr,
    near: Arc<UdpSocket>,
    far: UdpSocket,
    up: Line,
    down: Line,
    forget_after: Duration,
    alive: Alive,
}

/// Counts a flow for as long as it lives, however it ends.
struct Alive(Arc<Counters>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.flows.fetch_sub(1, Relaxed);
    }
}

impl Flow {
    pub(super) async fn begin(
        config: &Config,
        number: u64,
        client: SocketAddr,
        near: &Arc<UdpSocket>,
        counters: &Arc<Counters>,
    ) -> io::Result<Self> {
        let any: SocketAddr = match config.to {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let far = UdpSocket::bind(any).await?;
        far.connect(config.to).await?;
        let (up, down) = config.links(number, now());
        counters.flows.fetch_add(1, Relaxed);
        Ok(Self {
            client,
            near: near.clone(),
            far,
            up: Line::new(up),
            down: Line::new(down),
            forget_after: config.forget_after,
            alive: Alive(counters.clone()),
        })
    }

    /// Relays until nothing has passed for a while, or the relay is gone.
    pub(super) async fn run(mut self, mut packets: mpsc::Receiver<Packet>) {
        let counters = self.alive.0.clone();
        let mut buffer = vec![0; MAX_BYTES];
        let mut forget_at = now() + self.forget_after;
        loop {
            let due = [self.up.next_due(), self.down.next_due(), Some(forget_at)].into_iter().flatten().min();
            tokio::select! {
                biased;
                () = sleep_until(due.unwrap_or(forget_at).into()) => {}
                packet = packets.recv() => {
                    let Some(Packet { at, bytes }) = packet else { return };
                    self.up.send(at, &bytes, &counters.up);
                    forget_at = at + self.forget_after;
                }
                received = self.far.recv(&mut buffer) => {
                    // An error says that nobody listened to an earlier packet: a bridge that is not up, or no more.
                    let Ok(length) = received else { continue };
                    let at = now();
                    self.down.send(at, &buffer[..length], &counters.down);
                    forget_at = at + self.forget_after;
                }
            }
            let at = now();
            // A packet that the system does not take is lost as one on a line is.
            while let Some(bytes) = self.up.pop(at, &counters.up) {
                let _ = self.far.send(&bytes).await;
            }
            while let Some(bytes) = self.down.pop(at, &counters.down) {
                let _ = self.near.send_to(&bytes, self.client).await;
            }
            if at >= forget_at && self.up.waiting.is_empty() && self.down.waiting.is_empty() {
                return;
            }
            if at >= forget_at {
                forget_at = at + self.forget_after;
            }
        }
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        for (line, counters) in [(&self.up, &self.alive.0.up), (&self.down, &self.alive.0.down)] {
            counters.under_way.fetch_sub(line.waiting.len() as u64, Relaxed);
        }
    }
}
